//! Sessions as people see them, and what they ask of them.

mod act;
mod actual;
mod after;
mod carriers;
mod certificate;
mod disks;
mod evidence;
mod map;
mod steps;
mod view;
mod words;
mod work;

pub(crate) use work::Work;
