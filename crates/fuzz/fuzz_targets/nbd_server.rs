//! A client that says anything, to our NBD server.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| disk::fuzzing::nbd_server(data));
