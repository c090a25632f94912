//! Any bytes as the journal of a transfer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mover::fuzzing::journal(data));
