//! NBD both ways with peers that are none of ours: `qemu-nbd`, nbdkit, and the tools of libnbd and
//! QEMU.

mod bitmap;
mod client;
mod hostile;
mod lost;
mod maps;
mod peers;
mod server;
mod shutdown;
mod tls;
mod uri;
