//! Any bytes as the kept digests of a disk.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mover::fuzzing::digests(data));
