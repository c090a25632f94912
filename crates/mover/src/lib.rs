//! mover.
