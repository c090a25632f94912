//! A near end that says anything, to our far end.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mover::fuzzing::far_end(data, fuzz::disk()));
