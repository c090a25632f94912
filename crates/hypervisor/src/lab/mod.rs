//! The lab: two sites in a directory, with real disks and guests that write.

mod meta;
