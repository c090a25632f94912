//! NBD both ways with peers that are none of ours: `qemu-nbd`, nbdkit, and the tools of libnbd and
//! QEMU.

mod bitmap;
mod client;
mod peers;
mod tls;
mod uri;
