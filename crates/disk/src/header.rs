//! Pointing a qcow2 overlay at another backing image, by rewriting its header.
//!
//! Layout after the QEMU documentation "qcow2 image file format": the header is followed by
//! extensions of (type u32, length u32, data padded to 8 bytes), all big-endian, and the name of
//! the backing file lies after them in the first cluster.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use model::DiskFormat;

use crate::DiskError;

const MAGIC: u32 = 0x5146_49fb;
const EXTENSION_END: u32 = 0;
const EXTENSION_BACKING_FORMAT: u32 = 0xe279_2aca;

/// Makes the overlay at `path` name `backing` of `format` as its backing image. Its own data stays
/// as it is; the caller vouches that the new backing image reads the same where it matters. The
/// image must not be open. Durable on return.
///
/// # Errors
/// [`DiskError::Open`] when the file is no qcow2 image or its header has no room.
pub fn set_backing(path: &Path, backing: &Path, format: DiskFormat) -> Result<(), DiskError> {
    rewrite(path, &backing.display().to_string(), format.word()).map_err(|source| DiskError::Open {
        path: path.to_owned(),
        source,
    })
}

fn rewrite(path: &Path, backing: &str, format: &str) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut header = first_cluster(&file)?;
    let header_length = match word(&header, 4)? {
        2 => 72,
        _ => word(&header, 100)? as usize,
    };
    let mut tail = extensions_but_backing_format(&header, header_length)?;
    push_extension(&mut tail, EXTENSION_BACKING_FORMAT, format.as_bytes());
    push_extension(&mut tail, EXTENSION_END, &[]);
    let name_at = header_length + tail.len();
    tail.extend_from_slice(backing.as_bytes());
    let end = header_length + tail.len();
    if end > header.len() {
        return Err(invalid(
            "the header has no room for the backing file's name",
        ));
    }
    header[header_length..].fill(0);
    header[header_length..end].copy_from_slice(&tail);
    header[8..16].copy_from_slice(&(name_at as u64).to_be_bytes());
    let name_len = u32::try_from(backing.len()).map_err(|_| invalid("the name is too long"))?;
    header[16..20].copy_from_slice(&name_len.to_be_bytes());
    file.write_all_at(&header, 0)?;
    file.sync_all()
}

fn first_cluster(file: &File) -> io::Result<Vec<u8>> {
    let mut start = [0; 104];
    file.read_exact_at(&mut start, 0)?;
    if word(&start, 0)? != MAGIC {
        return Err(invalid("this is no qcow2 image"));
    }
    let bits = word(&start, 20)?;
    if !(9..=21).contains(&bits) {
        return Err(invalid("the cluster size is out of bounds"));
    }
    let mut cluster = vec![0; 1 << bits];
    file.read_exact_at(&mut cluster, 0)?;
    Ok(cluster)
}

fn extensions_but_backing_format(header: &[u8], from: usize) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let mut at = from;
    loop {
        let kind = word(header, at)?;
        let len = word(header, at + 4)? as usize;
        if kind == EXTENSION_END {
            return Ok(kept);
        }
        let data = header
            .get(at + 8..at + 8 + len)
            .ok_or_else(|| invalid("a header extension reaches past the first cluster"))?;
        if kind != EXTENSION_BACKING_FORMAT {
            push_extension(&mut kept, kind, data);
        }
        at += 8 + len.next_multiple_of(8);
    }
}

fn push_extension(to: &mut Vec<u8>, kind: u32, data: &[u8]) {
    let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
    to.extend_from_slice(&kind.to_be_bytes());
    to.extend_from_slice(&len.to_be_bytes());
    to.extend_from_slice(data);
    to.resize(to.len().next_multiple_of(8), 0);
}

fn word(bytes: &[u8], at: usize) -> io::Result<u32> {
    let four = bytes
        .get(at..at + 4)
        .and_then(|four| <[u8; 4]>::try_from(four).ok());
    four.map(u32::from_be_bytes)
        .ok_or_else(|| invalid("the header is truncated"))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
