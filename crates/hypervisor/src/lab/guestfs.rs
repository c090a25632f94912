//! What a guest puts on its disk: an MBR partition table with one FAT file system in it.
//!
//! Nothing reaches the disk before [`Volume::sync`] or [`Volume::unmount`], except when the cache
//! is full. Dropping a volume is a pulled plug: what was not synced is gone.

mod cache;
mod random;

use std::{
    cell::RefCell,
    io::{self, Read, Seek, SeekFrom, Write},
    rc::Rc,
    sync::Arc,
};

use disk::Disk;
use fatfs::{FileSystem, FormatVolumeOptions, FsOptions};

use self::cache::{PAGE, Partition, SharedPartition};
pub(crate) use self::random::{Random, text_like};

/// Where the partition begins.
pub(crate) const PARTITION_START: u64 = 1 << 20;
/// Logical sector in bytes.
const SECTOR: u64 = 512;
/// Where the partition table's first entry lies in the first sector.
const ENTRY: usize = 446;
/// Partition type of a FAT16 file system with LBA.
const FAT16_LBA: u8 = 0x0e;
/// Partition type of a FAT32 file system with LBA.
const FAT32_LBA: u8 = 0x0c;

/// A mounted file system.
pub(crate) struct Volume {
    fs: FileSystem<SharedPartition>,
    partition: Rc<RefCell<Partition>>,
}

impl std::fmt::Debug for Volume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Volume")
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

/// A file in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name in the root directory.
    pub(crate) name: String,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// Writes the partition table and an empty file system, and makes them durable.
pub(crate) fn format(disk: &Arc<dyn Disk>, seed: u64) -> io::Result<()> {
    let len = partition_len(disk.size().0)?;
    let cluster = cluster_size(len);
    let kind = if len / u64::from(cluster) < 65_525 {
        FAT16_LBA
    } else {
        FAT32_LBA
    };
    disk.write_at(0, &boot_sector(len, kind, seed)?)
        .map_err(io::Error::other)?;
    let partition = Rc::new(RefCell::new(Partition::new(
        Arc::clone(disk),
        PARTITION_START,
        len,
    )));
    let options = FormatVolumeOptions::new()
        .bytes_per_cluster(cluster)
        .volume_id(low_half(seed))
        .volume_label(*b"LANDFALL   ");
    fatfs::format_volume(SharedPartition::new(Rc::clone(&partition)), options)?;
    partition.borrow_mut().sync()
}

/// Mounts the file system of a disk.
pub(crate) fn mount(disk: Arc<dyn Disk>) -> io::Result<Volume> {
    let mut first = [0; 512];
    disk.read_at(0, &mut first).map_err(io::Error::other)?;
    let (start, len) = read_table(&first, disk.size().0)?;
    let partition = Rc::new(RefCell::new(Partition::new(disk, start, len)));
    let fs = FileSystem::new(
        SharedPartition::new(Rc::clone(&partition)),
        FsOptions::new(),
    )?;
    Ok(Volume { fs, partition })
}

impl Volume {
    /// Makes everything written before durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.partition.borrow_mut().sync()
    }

    /// Unmounts cleanly.
    pub(crate) fn unmount(self) -> io::Result<()> {
        self.fs.unmount()?;
        self.partition.borrow_mut().sync()
    }

    /// Writes a file of the root directory, in place of one of that name.
    pub(crate) fn write_file(&self, name: &str, data: &[u8]) -> io::Result<()> {
        let mut file = self.fs.root_dir().create_file(name)?;
        file.truncate()?;
        file.write_all(data)
    }

    /// Writes a part of a file that is long enough already; allocates nothing.
    pub(crate) fn overwrite(&self, name: &str, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut file = self.fs.root_dir().open_file(name)?;
        let end = file.seek(SeekFrom::End(0))?;
        if offset.saturating_add(data.len() as u64) > end {
            return Err(io::Error::other(format!("{name} is shorter than expected")));
        }
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(data)
    }

    /// A file's content.
    pub(crate) fn read_file(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut file = self.fs.root_dir().open_file(name)?;
        let mut data = Vec::new();
        file.read_to_end(&mut data)?;
        Ok(data)
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        self.fs.root_dir().remove(name)
    }

    /// The files of the root directory, in its order.
    pub(crate) fn list(&self) -> io::Result<Vec<Entry>> {
        let root = self.fs.root_dir();
        let mut entries = Vec::new();
        for entry in root.iter() {
            let entry = entry?;
            if entry.is_file() {
                entries.push(Entry {
                    name: entry.file_name(),
                    size: entry.len(),
                });
            }
        }
        Ok(entries)
    }

    /// Whether the file system was not unmounted last time, or is in use.
    pub(crate) fn is_dirty(&self) -> io::Result<bool> {
        Ok(self.fs.read_status_flags()?.dirty())
    }
}

/// The length of the one partition of a disk: to the last whole page.
fn partition_len(size: u64) -> io::Result<u64> {
    let len = size.saturating_sub(PARTITION_START) / PAGE * PAGE;
    if len < 4 << 20 {
        return Err(io::Error::other(format!(
            "a disk of {size} bytes is too small for a file system"
        )));
    }
    Ok(len)
}

/// The smallest cluster with which FAT16 can hold the partition; past FAT16, 16 KiB on FAT32.
fn cluster_size(len: u64) -> u32 {
    [2_048_u32, 4_096, 8_192, 16_384, 32_768]
        .into_iter()
        .find(|cluster| len / u64::from(*cluster) <= 60_000)
        // A few clusters of 32 KiB too many for FAT16 would be a FAT32 too small to be one.
        .unwrap_or(16_384)
}

/// The first sector: no boot code, a disk signature, one partition.
fn boot_sector(len: u64, kind: u8, seed: u64) -> io::Result<[u8; 512]> {
    let start = u32::try_from(PARTITION_START / SECTOR).map_err(io::Error::other)?;
    let sectors = u32::try_from(len / SECTOR).map_err(io::Error::other)?;
    let mut sector = [0; 512];
    sector[440..444].copy_from_slice(&low_half(seed).to_le_bytes());
    // Cylinder, head and sector say "see the LBA fields".
    sector[ENTRY + 1..ENTRY + 4].copy_from_slice(&[0xfe, 0xff, 0xff]);
    sector[ENTRY + 4] = kind;
    sector[ENTRY + 5..ENTRY + 8].copy_from_slice(&[0xfe, 0xff, 0xff]);
    sector[ENTRY + 8..ENTRY + 12].copy_from_slice(&start.to_le_bytes());
    sector[ENTRY + 12..ENTRY + 16].copy_from_slice(&sectors.to_le_bytes());
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    Ok(sector)
}

/// Start and length of the first partition, in bytes.
fn read_table(sector: &[u8; 512], size: u64) -> io::Result<(u64, u64)> {
    if sector[510..] != [0x55, 0xaa] {
        return Err(io::Error::other("the disk has no partition table"));
    }
    let start = u64::from(read_u32(sector, ENTRY + 8)) * SECTOR;
    let len = u64::from(read_u32(sector, ENTRY + 12)) * SECTOR;
    if len == 0 || start.saturating_add(len) > size {
        return Err(io::Error::other(
            "the partition table's first entry does not fit the disk",
        ));
    }
    Ok((start, len))
}

fn read_u32(sector: &[u8; 512], at: usize) -> u32 {
    u32::from_le_bytes([sector[at], sector[at + 1], sector[at + 2], sector[at + 3]])
}

fn low_half(seed: u64) -> u32 {
    u32::try_from(seed & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
