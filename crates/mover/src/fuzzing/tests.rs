//! The committed inputs of the fuzzer, held without it.

use std::sync::Arc;

use testkit::{MemDisk, replay};

fn disk() -> Arc<MemDisk> {
    Arc::new(MemDisk::from_bytes(super::content()))
}

#[test]
fn frames_of_any_bytes() {
    replay("frames", super::frames);
}

#[test]
fn near_ends_that_say_anything() {
    replay("far_end", |data| super::far_end(data, disk()));
}

#[test]
fn far_ends_that_say_anything() {
    replay("near_end", |data| super::near_end(data, disk()));
}

#[test]
fn journals_of_any_bytes() {
    replay("journal", super::journal);
}

#[test]
fn kept_digests_of_any_bytes() {
    replay("digests", super::digests);
}
