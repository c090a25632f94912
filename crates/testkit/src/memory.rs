//! A disk in memory that knows its holes.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use disk::{Disk, DiskError, Extent, ExtentKind};
use model::{ByteCount, ByteRange};

/// The unit in which holes are known.
const CLUSTER: usize = 4096;
const SECTOR: u32 = 512;

/// A whole disk in memory. Clusters of 4 KiB that were never written, or made zero as a whole, are
/// holes.
#[derive(Debug)]
pub struct MemDisk {
    size: ByteCount,
    content: RwLock<Content>,
}

struct Content {
    bytes: Vec<u8>,
    data: Vec<bool>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Content({} bytes)", self.bytes.len())
    }
}

impl MemDisk {
    /// A disk that is one hole.
    ///
    /// # Panics
    /// When `size` does not fit this machine's memory.
    #[must_use]
    pub fn new(size: ByteCount) -> Self {
        let len = usize::try_from(size.0).expect("test disks fit the memory");
        Self {
            size,
            content: RwLock::new(Content {
                bytes: vec![0; len],
                data: vec![false; len.div_ceil(CLUSTER)],
            }),
        }
    }

    /// A disk with this content; clusters of zeroes are holes.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let data = bytes.chunks(CLUSTER).map(|c| c.iter().any(|b| *b != 0));
        Self {
            size: ByteCount(bytes.len() as u64),
            content: RwLock::new(Content {
                data: data.collect(),
                bytes,
            }),
        }
    }

    /// Marks everything as allocated, zeroes too, like a fully allocated image.
    pub fn allocate_all(&self) {
        self.write_lock().data.fill(true);
    }

    /// The whole content.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.read_lock().bytes.clone()
    }

    fn read_lock(&self) -> RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_lock(&self) -> RwLockWriteGuard<'_, Content> {
        self.content.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn span(&self, range: ByteRange) -> Result<std::ops::Range<usize>, DiskError> {
        let past_end = || DiskError::PastEnd {
            range,
            size: self.size,
        };
        let end = range.start.checked_add(range.len).ok_or_else(past_end)?;
        if end > self.size.0 {
            return Err(past_end());
        }
        let at = |offset: u64| usize::try_from(offset).map_err(|_| past_end());
        Ok(at(range.start)?..at(end)?)
    }
}

impl Disk for MemDisk {
    fn size(&self) -> ByteCount {
        self.size
    }

    fn sector(&self) -> u32 {
        SECTOR
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let span = self.span(ByteRange::new(offset, buffer.len() as u64))?;
        buffer.copy_from_slice(&self.read_lock().bytes[span]);
        Ok(())
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        let span = self.span(ByteRange::new(offset, data.len() as u64))?;
        let mut content = self.write_lock();
        let clusters = span.start / CLUSTER..span.end.div_ceil(CLUSTER);
        if !data.is_empty() {
            content.data[clusters].fill(true);
        }
        content.bytes[span].copy_from_slice(data);
        Ok(())
    }

    fn write_zeroes(&self, range: ByteRange) -> Result<(), DiskError> {
        let span = self.span(range)?;
        let mut content = self.write_lock();
        content.bytes[span.clone()].fill(0);
        let whole_end = if span.end == content.bytes.len() {
            span.end.div_ceil(CLUSTER)
        } else {
            span.end / CLUSTER
        };
        for cluster in span.start.div_ceil(CLUSTER)..whole_end {
            content.data[cluster] = false;
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), DiskError> {
        Ok(())
    }

    fn extents(&self, range: ByteRange) -> Result<Vec<Extent>, DiskError> {
        let span = self.span(range)?;
        let content = self.read_lock();
        let mut extents: Vec<Extent> = Vec::new();
        let mut at = span.start;
        while at < span.end {
            let end = ((at / CLUSTER + 1) * CLUSTER).min(span.end);
            let kind = if content.data[at / CLUSTER] {
                ExtentKind::Data
            } else {
                ExtentKind::Zero
            };
            append(&mut extents, (at as u64)..(end as u64), kind);
            at = end;
        }
        Ok(extents)
    }
}

fn append(extents: &mut Vec<Extent>, span: std::ops::Range<u64>, kind: ExtentKind) {
    let len = span.end - span.start;
    match extents.last_mut() {
        Some(last) if last.kind == kind => last.range.len += len,
        _ => extents.push(Extent {
            range: ByteRange::new(span.start, len),
            kind,
        }),
    }
}
