//! Any bytes as a qcow2 image, opened, mapped, read, written and rebased.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| disk::fuzzing::qcow2(data));
