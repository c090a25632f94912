//! A far end that says anything, to our near end.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mover::fuzzing::near_end(data, fuzz::disk()));
