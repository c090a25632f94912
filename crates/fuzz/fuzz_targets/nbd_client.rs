//! An NBD server that says anything, to our client.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| disk::fuzzing::nbd_client(data));
