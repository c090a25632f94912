//! Any bytes as negotiation and replies of an NBD server.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| disk::fuzzing::nbd_replies(data));
