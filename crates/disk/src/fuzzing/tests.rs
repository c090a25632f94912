//! The committed inputs of the fuzzer, held without it.

use testkit::replay;

#[test]
fn qcow2_images_of_any_bytes() {
    replay("qcow2", super::qcow2);
}

#[test]
fn raw_images_written_and_punched() {
    replay("raw", super::raw);
}

#[test]
fn servers_that_say_anything() {
    replay("nbd_client", super::nbd_client);
}

#[test]
fn uris_of_any_text() {
    replay("nbd_uri", super::nbd_uri);
}

#[test]
fn replies_of_any_bytes() {
    replay("nbd_replies", super::nbd_replies);
}

#[test]
fn clients_that_say_anything() {
    replay("nbd_server", super::nbd_server);
}
