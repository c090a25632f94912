//! What keeps an image that nobody sound made from taking the process down.
//!
//! crate `imago` 0.2.6 checks most of what it reads. Two things are left to us:
//! - Its panics become errors. After one, the image's own calls go on failing, and nothing else
//!   does.
//! - An image whose refcount table does not refer to a block for the header's own cluster is not
//!   opened for writing. `Allocator::ensure_rb` would put that block into cluster 0, over the
//!   header, enter offset 0 into the table, take that for "no block" at the next allocation, and
//!   call itself until the stack ends. The comment there holds that recursion is bounded; it is
//!   not for table index 0.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Where the header says where the refcount table is.
const REFCOUNT_TABLE_OFFSET: u64 = 48;
/// The bits of a refcount table's entry that are no offset.
const RESERVED: u64 = 0x1ff;

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

/// Whether clusters can be allocated in an image at all.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_writable(file: &File) -> io::Result<()> {
    let word = |at: u64| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, at)?;
        Ok::<u64, io::Error>(u64::from_be_bytes(bytes))
    };
    let table = word(REFCOUNT_TABLE_OFFSET)?;
    if word(table)? & !RESERVED == 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the image's refcount table does not cover its header: `qemu-img check -r all` may \
             repair it",
        ));
    }
    Ok(())
}
