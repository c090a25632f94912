//! Any text as the URI of an NBD export.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| disk::fuzzing::nbd_uri(data));
