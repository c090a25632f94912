//! Any frames of the protocol between two ends.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mover::fuzzing::frames(data));
