//! blockmap.
