//! Any writes and holes in a raw image, against bytes in memory.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| disk::fuzzing::raw(data));
