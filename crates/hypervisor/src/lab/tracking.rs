//! Change tracking: per disk and epoch a bitmap file of the 64 KiB blocks that were written.
//!
//! A bit is durable before the write that it covers. The file is a 4 KiB header and 4 KiB pages of
//! bits, each with its own checksum, so that a record that is not whole is never believed.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use model::{ByteCount, ByteRange, DiskKey, EpochId, Timestamp};

use super::meta::sync_parent;

/// Bytes of a disk that one bit covers.
pub(crate) const GRANULARITY: u64 = 64 * 1024;

const MAGIC: &[u8; 8] = b"LFTRACK\0";
const VERSION: u32 = 1;
const PAGE: usize = 4096;
/// Bytes of bits in a page; its number and checksum follow.
const PAGE_BITS: usize = PAGE - 8;
const KEY_AT: usize = 48;
const KEY_MAX: usize = 1024;

/// One bit per 64 KiB block of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bits {
    size: u64,
    bytes: Vec<u8>,
}

impl Bits {
    /// No bit set, for a disk of `size` bytes.
    pub(crate) fn new(size: ByteCount) -> Self {
        let blocks = size.0.div_ceil(GRANULARITY);
        Self {
            size: size.0,
            bytes: vec![0; index(blocks.div_ceil(8))],
        }
    }

    /// Sets the bits of all blocks that `range` touches; the newly set ones' bytes, or none.
    pub(crate) fn set(&mut self, range: ByteRange) -> Option<(usize, usize)> {
        let end = range.end().min(self.size);
        if range.start >= end {
            return None;
        }
        let mut touched: Option<(usize, usize)> = None;
        for block in range.start / GRANULARITY..end.div_ceil(GRANULARITY) {
            let (byte, mask) = place(block);
            if self.bytes[byte] & mask == 0 {
                self.bytes[byte] |= mask;
                touched = Some(touched.map_or((byte, byte), |(first, _)| (first, byte)));
            }
        }
        touched
    }

    /// Adds the bits of `other`, which is of the same disk.
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.bytes.iter_mut().zip(&other.bytes) {
            *mine |= theirs;
        }
    }

    /// Number of bytes of the disk that are set, whole blocks counted.
    pub(crate) fn covered(&self) -> u64 {
        let set: u64 = self
            .bytes
            .iter()
            .map(|byte| u64::from(byte.count_ones()))
            .sum();
        set * GRANULARITY
    }

    /// The ranges that are set, sorted and apart, cut at the disk's end.
    pub(crate) fn ranges(&self) -> Vec<ByteRange> {
        let mut ranges: Vec<ByteRange> = Vec::new();
        for block in 0..self.size.div_ceil(GRANULARITY) {
            let (byte, mask) = place(block);
            if self.bytes[byte] & mask == 0 {
                continue;
            }
            let start = block * GRANULARITY;
            let len = GRANULARITY.min(self.size - start);
            match ranges.last_mut() {
                Some(last) if last.end() == start => last.len += len,
                _ => ranges.push(ByteRange::new(start, len)),
            }
        }
        ranges
    }
}

fn place(block: u64) -> (usize, u8) {
    (index(block / 8), 1 << (block % 8))
}

/// A number of bytes held in memory; 64-bit machines only.
fn index(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The record of one disk in one epoch, open for marking.
#[derive(Debug)]
pub(crate) struct Bitmap {
    file: File,
    bits: Bits,
    opened_at: Timestamp,
}

/// What stands in a record's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The disk.
    pub(crate) key: DiskKey,
    /// Its size.
    pub(crate) size: ByteCount,
    /// The epoch.
    pub(crate) epoch: EpochId,
    /// When the epoch began.
    pub(crate) opened_at: Timestamp,
}

impl Bitmap {
    /// Makes an empty record, durably; one that is there is replaced.
    pub(crate) fn create(directory: &Path, header: &Header) -> io::Result<Self> {
        let path = directory.join(file_name(&header.key, header.epoch));
        let temporary = path.with_extension("bitmap.new");
        let bits = Bits::new(header.size);
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)?;
        file.write_all_at(&encode_header(header)?, 0)?;
        for page in 0..bits.bytes.len().div_ceil(PAGE_BITS) {
            write_page(&file, &bits, page)?;
        }
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        sync_parent(&path)?;
        Ok(Self {
            file,
            bits,
            opened_at: header.opened_at,
        })
    }

    /// Writes a whole record of a VM that nothing names yet. It is durable when the caller has synced
    /// the file system.
    pub(crate) fn write_whole(
        directory: &Path,
        header: &Header,
        ranges: &[ByteRange],
    ) -> io::Result<()> {
        let mut bits = Bits::new(header.size);
        for range in ranges {
            bits.set(*range);
        }
        let file = File::create(directory.join(file_name(&header.key, header.epoch)))?;
        file.write_all_at(&encode_header(header)?, 0)?;
        (0..bits.bytes.len().div_ceil(PAGE_BITS))
            .try_for_each(|page| write_page(&file, &bits, page))
    }

    /// Opens the record of a disk and epoch; the error says why it cannot be believed.
    pub(crate) fn open(
        directory: &Path,
        key: &DiskKey,
        size: ByteCount,
        epoch: EpochId,
    ) -> Result<Self, String> {
        let path = directory.join(file_name(key, epoch));
        let what = format!("the change record of disk {key} for epoch {epoch}");
        let file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| {
                if error.kind() == io::ErrorKind::NotFound {
                    format!("{what} is missing")
                } else {
                    format!("{what} cannot be opened: {error}")
                }
            })?;
        let whole = Self::read(&file, key, size, epoch);
        let (bits, opened_at) = whole.map_err(|why| format!("{what} is not whole: {why}"))?;
        Ok(Self {
            file,
            bits,
            opened_at,
        })
    }

    fn read(
        file: &File,
        key: &DiskKey,
        size: ByteCount,
        epoch: EpochId,
    ) -> Result<(Bits, Timestamp), String> {
        let mut page = [0; PAGE];
        read_page(file, &mut page, 0)?;
        let header = decode_header(&page)?;
        check_header(&header, key, size, epoch)?;
        let mut bits = Bits::new(size);
        for (number, bytes) in bits.bytes.chunks_mut(PAGE_BITS).enumerate() {
            read_page(file, &mut page, number + 1)?;
            check_page(&page, number)?;
            bytes.copy_from_slice(&page[..bytes.len()]);
        }
        Ok((bits, header.opened_at))
    }

    /// When the epoch began.
    pub(crate) fn opened_at(&self) -> Timestamp {
        self.opened_at
    }

    /// What was written.
    pub(crate) fn bits(&self) -> &Bits {
        &self.bits
    }

    /// Marks ranges, durably; costs one sync, and only where a bit is new.
    pub(crate) fn mark_all(&mut self, ranges: &[ByteRange]) -> io::Result<()> {
        let before = self.bits.clone();
        let written = self.write_new(ranges);
        if written.is_err() {
            // Not known to be durable: the next mark of the range must try again.
            self.bits = before;
        }
        written
    }

    fn write_new(&mut self, ranges: &[ByteRange]) -> io::Result<()> {
        let mut pages = std::collections::BTreeSet::new();
        for range in ranges {
            if let Some((first, last)) = self.bits.set(*range) {
                pages.extend(first / PAGE_BITS..=last / PAGE_BITS);
            }
        }
        if pages.is_empty() {
            return Ok(());
        }
        for page in pages {
            write_page(&self.file, &self.bits, page)?;
        }
        self.file.sync_data()
    }
}

/// The name of a record in the VM's directory.
pub(crate) fn file_name(key: &DiskKey, epoch: EpochId) -> PathBuf {
    PathBuf::from(format!("{}.epoch-{epoch}.bitmap", stem(key)))
}

/// A disk's key as the beginning of a file name.
pub(crate) fn stem(key: &DiskKey) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    key.as_str()
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect()
}

/// What was written from the beginning of epoch `since` to the beginning of epoch `until`, or why
/// the record is not whole. The record of `until` itself is not read.
pub(crate) fn union(
    directory: &Path,
    key: &DiskKey,
    size: ByteCount,
    epochs: std::ops::Range<u64>,
) -> Result<Bits, String> {
    let mut all = Bits::new(size);
    for epoch in epochs {
        all.add(Bitmap::open(directory, key, size, EpochId(epoch))?.bits());
    }
    Ok(all)
}

fn encode_header(header: &Header) -> io::Result<[u8; PAGE]> {
    let key = header.key.as_str().as_bytes();
    if key.len() > KEY_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the disk's key is too long",
        ));
    }
    let mut page = [0; PAGE];
    page[..8].copy_from_slice(MAGIC);
    page[8..12].copy_from_slice(&VERSION.to_le_bytes());
    page[12..16].copy_from_slice(&u32::try_from(key.len()).unwrap_or(0).to_le_bytes());
    page[16..24].copy_from_slice(&GRANULARITY.to_le_bytes());
    page[24..32].copy_from_slice(&header.size.0.to_le_bytes());
    page[32..40].copy_from_slice(&header.epoch.0.to_le_bytes());
    page[40..48].copy_from_slice(&header.opened_at.0.to_le_bytes());
    page[KEY_AT..KEY_AT + key.len()].copy_from_slice(key);
    let sum = crc32c::crc32c(&page[..PAGE - 4]);
    page[PAGE - 4..].copy_from_slice(&sum.to_le_bytes());
    Ok(page)
}

fn decode_header(page: &[u8; PAGE]) -> Result<Header, String> {
    if &page[..8] != MAGIC {
        return Err("it is no change record".to_owned());
    }
    if number32(page, PAGE - 4) != crc32c::crc32c(&page[..PAGE - 4]) {
        return Err("the checksum of its header is wrong".to_owned());
    }
    if number32(page, 8) != VERSION || number64(page, 16) != GRANULARITY {
        return Err("it is of another version".to_owned());
    }
    let len = index(u64::from(number32(page, 12))).min(KEY_MAX);
    let key = String::from_utf8_lossy(&page[KEY_AT..KEY_AT + len]).into_owned();
    Ok(Header {
        key: DiskKey::new(key),
        size: ByteCount(number64(page, 24)),
        epoch: EpochId(number64(page, 32)),
        opened_at: Timestamp(number64(page, 40).cast_signed()),
    })
}

fn check_header(
    header: &Header,
    key: &DiskKey,
    size: ByteCount,
    epoch: EpochId,
) -> Result<(), String> {
    if header.key != *key || header.epoch != epoch {
        return Err(format!(
            "it belongs to disk {} and epoch {}",
            header.key, header.epoch
        ));
    }
    if header.size != size {
        return Err(format!(
            "it is for {} bytes, the disk has {}",
            header.size.0, size.0
        ));
    }
    Ok(())
}

fn number32(page: &[u8; PAGE], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&page[at..at + 4]);
    u32::from_le_bytes(bytes)
}

fn number64(page: &[u8; PAGE], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&page[at..at + 8]);
    u64::from_le_bytes(bytes)
}

fn page_offset(number: usize) -> u64 {
    (number as u64) * (PAGE as u64)
}

fn read_page(file: &File, page: &mut [u8; PAGE], number: usize) -> Result<(), String> {
    file.read_exact_at(page, page_offset(number))
        .map_err(|error| format!("page {number} cannot be read: {error}"))
}

fn check_page(page: &[u8; PAGE], number: usize) -> Result<(), String> {
    if u64::from(number32(page, PAGE_BITS)) != number as u64 {
        return Err(format!("page {number} is not at its place"));
    }
    if number32(page, PAGE - 4) != crc32c::crc32c(&page[..PAGE - 4]) {
        return Err(format!("the checksum of page {number} is wrong"));
    }
    Ok(())
}

fn write_page(file: &File, bits: &Bits, number: usize) -> io::Result<()> {
    let from = number * PAGE_BITS;
    let to = (from + PAGE_BITS).min(bits.bytes.len());
    let mut page = [0; PAGE];
    page[..to - from].copy_from_slice(&bits.bytes[from..to]);
    let tag = u32::try_from(number).unwrap_or(u32::MAX);
    page[PAGE_BITS..PAGE_BITS + 4].copy_from_slice(&tag.to_le_bytes());
    let sum = crc32c::crc32c(&page[..PAGE - 4]);
    page[PAGE - 4..].copy_from_slice(&sum.to_le_bytes());
    file.write_all_at(&page, page_offset(number + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: ByteCount = ByteCount(40_000 * GRANULARITY + 512);

    fn header(epoch: u64) -> Header {
        Header {
            key: DiskKey::new("disk0"),
            size: SIZE,
            epoch: EpochId(epoch),
            opened_at: Timestamp(77),
        }
    }

    fn open(dir: &Path, epoch: u64) -> Result<Bitmap, String> {
        Bitmap::open(dir, &DiskKey::new("disk0"), SIZE, EpochId(epoch))
    }

    #[test]
    fn marks_are_there_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut map = Bitmap::create(dir.path(), &header(3)).unwrap();
        map.mark_all(&[ByteRange::new(GRANULARITY - 1, 2)]).unwrap();
        map.mark_all(&[ByteRange::new(39_000 * GRANULARITY, 1)])
            .unwrap();
        map.mark_all(&[ByteRange::new(40_000 * GRANULARITY, 512)])
            .unwrap();
        map.mark_all(&[ByteRange::new(5, 0)]).unwrap();
        let again = open(dir.path(), 3).unwrap();
        assert_eq!(again.opened_at(), Timestamp(77));
        let expected = vec![
            ByteRange::new(0, 2 * GRANULARITY),
            ByteRange::new(39_000 * GRANULARITY, GRANULARITY),
            ByteRange::new(40_000 * GRANULARITY, 512),
        ];
        assert_eq!(again.bits().ranges(), expected);
        assert_eq!(again.bits().covered(), 4 * GRANULARITY);
    }

    #[test]
    fn a_union_needs_every_epoch() {
        let dir = tempfile::tempdir().unwrap();
        for epoch in 1..4 {
            let mut map = Bitmap::create(dir.path(), &header(epoch)).unwrap();
            map.mark_all(&[ByteRange::new(epoch * 10 * GRANULARITY, 1)])
                .unwrap();
        }
        let key = DiskKey::new("disk0");
        let two = union(dir.path(), &key, SIZE, 1..3).unwrap().ranges();
        assert_eq!(
            two.iter()
                .map(|r| r.start / GRANULARITY)
                .collect::<Vec<_>>(),
            [10, 20]
        );
        assert_eq!(union(dir.path(), &key, SIZE, 3..3).unwrap().ranges(), []);
        fs::remove_file(dir.path().join(file_name(&key, EpochId(2)))).unwrap();
        let reason = union(dir.path(), &key, SIZE, 1..4).unwrap_err();
        assert!(reason.contains("epoch 2 is missing"), "{reason}");
    }

    type Damage = fn(&mut Vec<u8>);

    #[test]
    fn a_record_that_is_not_whole_is_never_believed() {
        let dir = tempfile::tempdir().unwrap();
        Bitmap::create(dir.path(), &header(1)).unwrap();
        let path = dir.path().join("disk0.epoch-1.bitmap");
        let good = fs::read(&path).unwrap();
        let cases: [(&str, Damage); 4] = [
            ("checksum of its header", |b| b[25] ^= 1),
            ("checksum of page 0", |b| b[PAGE + 9] ^= 0x10),
            ("cannot be read", |b| b.truncate(PAGE + 100)),
            ("no change record", |b| b[0] = 0),
        ];
        for (word, damage) in cases {
            let mut bytes = good.clone();
            damage(&mut bytes);
            fs::write(&path, bytes).unwrap();
            let reason = open(dir.path(), 1).unwrap_err();
            assert!(reason.contains(word), "{reason}");
        }
        fs::write(&path, &good).unwrap();
        let other = Bitmap::open(
            dir.path(),
            &DiskKey::new("disk0"),
            ByteCount(512),
            EpochId(1),
        );
        assert!(other.unwrap_err().contains("the disk has 512"));
        fs::rename(&path, dir.path().join("disk0.epoch-2.bitmap")).unwrap();
        assert!(open(dir.path(), 2).unwrap_err().contains("belongs to"));
    }
}
