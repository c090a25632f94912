//! What keeps an image that nobody sound made from taking the process down.
//!
//! crate `imago` 0.2.6 checks most of what it reads. Two things are left to us:
//! - Its panics become errors. After one, the image's own calls go on failing, and nothing else
//!   does.
//! - An image whose refcounts do not say that the header's own cluster is in use is not opened for
//!   writing. Where the table has no block for it, `Allocator::ensure_rb` puts that block into
//!   cluster 0, over the header, enters offset 0 into the table, takes that for "no block" at the
//!   next allocation, and calls itself until the stack ends. The comment there holds that recursion
//!   is bounded; it is not for table index 0. Where there is a block that counts nothing, the first
//!   cluster that is allocated is the header's.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// The bits of a refcount table's entry that are an offset.
const OFFSET: u64 = !0x1ff;
/// The width of a refcount in images of version 2: two to the power of this.
const ORDER_OF_VERSION_2: u32 = 4;

/// Calls the library; a panic there is an error here.
///
/// # Errors
/// What the library returns, and that it panicked.
pub(super) fn guarded<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    // What a panic left half done is the image's own state; it is not looked at but by the library.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let words = panic
            .downcast_ref::<&str>()
            .map(|words| (*words).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Err(io::Error::other(format!(
            "the image is damaged in a way that is not understood: {words}"
        )))
    })
}

/// Whether clusters can be allocated in an image at all: its refcounts know of the header.
///
/// # Errors
/// What is wrong with it, and what reading it returns.
pub(super) fn check_writable(file: &File) -> io::Result<()> {
    let mut header = [0; 104];
    let read = file.read_at(&mut header, 0)?;
    // By the format: version, offset and clusters of the refcount table, width of a refcount.
    let version = number(&header[4..8]);
    let (table, clusters) = (number(&header[48..56]), number(&header[56..60]));
    let order = match version {
        2 => ORDER_OF_VERSION_2,
        _ => u32::try_from(number(&header[96..100])).unwrap_or(u32::MAX),
    };
    if read < 72 || table == 0 || clusters == 0 || order > 6 {
        return Err(unsound());
    }
    let mut entry = [0; 8];
    file.read_exact_at(&mut entry, table)?;
    let block = number(&entry) & OFFSET;
    if block == 0 {
        return Err(unsound());
    }
    let mut first = [0; 8];
    file.read_exact_at(&mut first, block)?;
    // Refcounts shorter than a byte begin at its lowest bit; longer ones are big endian.
    let bits = 1_u32 << order;
    let first = number(&first);
    let count = if bits < 8 {
        (first >> 56) & ((1 << bits) - 1)
    } else {
        first >> (64 - bits)
    };
    if count == 0 {
        return Err(unsound());
    }
    Ok(())
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn unsound() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the image's refcounts do not cover its header: `qemu-img check -r all` may repair it",
    )
}
