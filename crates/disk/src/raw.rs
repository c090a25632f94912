//! Raw images: bytes as they are, with holes; and block devices.

use std::{
    fs::{File, OpenOptions},
    io::{self, IoSliceMut},
    num::NonZeroU64,
    os::unix::fs::{FileExt, FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use model::{ByteCount, ByteRange};
use rustix::{
    fs::{Advice, FallocateFlags, OFlags, SeekFrom, fadvise, fallocate, ioctl_blksszget, seek},
    io::{Errno, ReadWriteFlags, preadv2},
};

use crate::{
    Access, Disk, DiskError, Extent, ExtentKind,
    manners::{self, Found, Manners},
    traits::{check_range, push_extent},
};

/// Every image file has sectors of this many bytes; a block device says its own.
pub(crate) const SECTOR: u32 = 512;

/// A raw image file, or a block device.
#[derive(Debug)]
pub(crate) struct RawDisk {
    file: File,
    size: ByteCount,
    /// In bytes: what a device reads and writes at once.
    sector: u32,
    /// Whether reads may ask the host to keep no page that was not there before.
    uncached: AtomicBool,
    manners: Manners,
    /// The same file past the host's cache, where the file system allows it.
    direct: Option<File>,
}

/// What direct reads are aligned to: no device asks for more.
const PAGE: usize = 4096;
/// `O_DIRECT` of Linux on x86-64 and most others.
const O_DIRECT: i32 = OFlags::DIRECT.bits().cast_signed();

/// `RWF_DONTCACHE` of Linux 6.14: what a read brings into the page cache leaves with it, what was
/// there stays.
const DONT_CACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);

impl RawDisk {
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, DiskError> {
        let failed = |source| DiskError::Open {
            path: path.to_owned(),
            source,
        };
        let write = access == Access::Write;
        let file = OpenOptions::new()
            .read(true)
            .write(write)
            .open(path)
            .map_err(failed)?;
        // Of a block device, metadata has no size.
        let end = seek(&file, SeekFrom::End(0)).map_err(|error| failed(error.into()))?;
        let size = ByteCount(end);
        let about = file.metadata().map_err(failed)?;
        let sector = if about.file_type().is_block_device() {
            ioctl_blksszget(&file).map_err(|error| failed(error.into()))?
        } else {
            SECTOR
        };
        if !size.0.is_multiple_of(u64::from(sector)) {
            return Err(DiskError::Unaligned {
                path: path.to_owned(),
                size,
                sector,
            });
        }
        Ok(Self {
            file,
            size,
            sector,
            uncached: AtomicBool::new(true),
            manners: Manners::new(end),
            direct: OpenOptions::new()
                .read(true)
                .custom_flags(O_DIRECT)
                .open(path)
                .ok(),
        })
    }

    /// The next position from `offset` on that holds data, or a hole; none past the last one.
    fn seek(&self, to: SeekFrom) -> io::Result<Option<u64>> {
        match seek(&self.file, to) {
            Ok(position) => Ok(Some(position)),
            Err(Errno::NXIO) => Ok(None),
            // A block device knows no holes: from here on, everything is data.
            Err(Errno::INVAL) => match to {
                SeekFrom::Data(at) => Ok(Some(at)),
                SeekFrom::Hole(_)
                | SeekFrom::Start(_)
                | SeekFrom::End(_)
                | SeekFrom::Current(_) => Ok(None),
            },
            Err(error) => Err(error.into()),
        }
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        match self.manners.find(offset) {
            // All that this brings in is dropped later.
            Found::Cold => self.file.read_exact_at(buffer, offset),
            Found::Warm => self.read_uncached(offset, buffer),
            Found::Unknown => {
                let before = manners::fetched();
                self.read_uncached(offset, buffer)?;
                let after = manners::fetched();
                let fetched = before
                    .zip(after)
                    .map_or(0, |(before, after)| after - before);
                let read = buffer.len() as u64;
                self.manners.learn(&self.file, offset, read, fetched);
                Ok(())
            }
        }
    }

    fn read_uncached(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < buffer.len() && self.uncached.load(Ordering::Relaxed) {
            let rest = &mut buffer[done..];
            let at = offset + done as u64;
            match preadv2(&self.file, &mut [IoSliceMut::new(rest)], at, DONT_CACHE) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => done += read,
                Err(Errno::INTR) => {}
                // An older kernel, or a file system that cannot.
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                    self.uncached.store(false, Ordering::Relaxed);
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.file
            .read_exact_at(&mut buffer[done..], offset + done as u64)
    }

    fn map(&self, range: ByteRange) -> io::Result<Vec<Extent>> {
        let mut extents = Vec::new();
        let mut at = range.start;
        while at < range.end() {
            let data = self
                .seek(SeekFrom::Data(at))?
                .unwrap_or(range.end())
                .min(range.end());
            push_extent(&mut extents, at, data, ExtentKind::Zero);
            if data >= range.end() {
                break;
            }
            let hole = self
                .seek(SeekFrom::Hole(data))?
                .unwrap_or(range.end())
                .min(range.end());
            push_extent(&mut extents, data, hole, ExtentKind::Data);
            at = hole;
        }
        Ok(extents)
    }

    fn zero(&self, range: ByteRange) -> io::Result<()> {
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match fallocate(&self.file, punch, range.start, range.len) {
            Ok(()) => Ok(()),
            // A file system without holes, or parts of a device's sectors: zeroes are written out.
            Err(Errno::OPNOTSUPP | Errno::INVAL) => self.write_out_zeroes(range),
            Err(error) => Err(error.into()),
        }
    }

    fn write_out_zeroes(&self, range: ByteRange) -> io::Result<()> {
        static ZEROES: [u8; 65_536] = [0; 65_536];
        let mut at = range.start;
        while at < range.end() {
            let len = (range.end() - at).min(65_536);
            let zeroes = usize::try_from(len).map_or(&ZEROES[..], |len| &ZEROES[..len]);
            self.file.write_all_at(zeroes, at)?;
            at += len;
        }
        Ok(())
    }
}

/// Drops clean pages. The kernel keeps several pages as one, and drops none of them unless all are
/// covered: the range is widened to what it keeps together at most.
pub(crate) fn forget(file: &File, range: ByteRange) {
    const TOGETHER: u64 = 2 << 20;
    let start = range.start - range.start % TOGETHER;
    let len = range.end().next_multiple_of(TOGETHER) - start;
    // Where it is refused, the read that follows is still a read of what was written.
    let _refused = fadvise(file, start, NonZeroU64::new(len), Advice::DontNeed);
}

impl Drop for RawDisk {
    fn drop(&mut self) {
        self.manners.leave_all(&self.file);
    }
}

impl Disk for RawDisk {
    fn size(&self) -> ByteCount {
        self.size
    }

    fn sector(&self) -> u32 {
        self.sector
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let range = check_range(self.size, offset, buffer.len())?;
        self.read(offset, buffer)
            .map_err(|source| DiskError::Read { range, source })
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        let range = check_range(self.size, offset, data.len())?;
        self.file
            .write_all_at(data, offset)
            .map_err(|source| DiskError::Write { range, source })
    }

    fn write_zeroes(&self, range: ByteRange) -> Result<(), DiskError> {
        check_range(
            self.size,
            range.start,
            usize::try_from(range.len).unwrap_or(usize::MAX),
        )?;
        if range.len == 0 {
            return Ok(());
        }
        self.zero(range)
            .map_err(|source| DiskError::Write { range, source })
    }

    fn flush(&self) -> Result<(), DiskError> {
        self.file
            .sync_data()
            .map_err(|source| DiskError::Flush { source })
    }

    fn read_device(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        check_range(self.size, offset, buffer.len())?;
        let fits = buffer.as_ptr().addr().is_multiple_of(PAGE)
            && buffer.len().is_multiple_of(PAGE)
            && offset.is_multiple_of(PAGE as u64);
        if let Some(direct) = self.direct.as_ref().filter(|_| fits) {
            match direct.read_exact_at(buffer, offset) {
                Ok(()) => return Ok(()),
                // A file system or a device that cannot read so; what else fails is no proof.
                Err(error)
                    if [Errno::INVAL, Errno::OPNOTSUPP]
                        .iter()
                        .any(|no| error.raw_os_error() == Some(no.raw_os_error())) => {}
                Err(source) => {
                    let range = ByteRange::new(offset, buffer.len() as u64);
                    return Err(DiskError::Read { range, source });
                }
            }
        }
        self.forget_cached(ByteRange::new(offset, buffer.len() as u64));
        self.read_at(offset, buffer)
    }

    fn forget_cached(&self, range: ByteRange) {
        forget(&self.file, range);
    }

    fn extents(&self, range: ByteRange) -> Result<Vec<Extent>, DiskError> {
        check_range(
            self.size,
            range.start,
            usize::try_from(range.len).unwrap_or(usize::MAX),
        )?;
        self.map(range)
            .map_err(|source| DiskError::Map { range, source })
    }
}
