//! What a writer that was killed leaves of a qcow2 image, made sound before it is written again.
//!
//! crate `imago` writes the entry that links a new table or cluster at one moment and the count of
//! the cluster's users at another. A process that is killed in between leaves clusters that are in
//! use and count as free: the next one to be allocated is then written over a table of the image.
//! So every cluster that the header, the tables or the data use is counted here before an image is
//! opened for writing. Clusters that count as used and are not cost space only; they stay.
//!
//! Layout after the QEMU documentation "qcow2 image file format". The cost is reading the tables:
//! 128 KiB per GiB that is allocated, with clusters of 64 KiB.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
};

/// The bits of a table's entry that are an offset.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// The bit of an L2 entry that says that the cluster is compressed.
const COMPRESSED: u64 = 1 << 62;
/// Counts of 16 bits: two to the power of this.
const COUNT_ORDER: u64 = 4;
/// Feature bits "dirty" and "corrupt"; any other means another layout.
const HARMLESS_FEATURES: u64 = 0b11;

/// Counts the clusters of the image at `path` that are in use and count as free, and says how many
/// there were. An image of a layout that is not ours stays as it is. Durable on return.
///
/// # Errors
/// What reading or writing it returns.
pub(super) fn mend(path: &Path) -> io::Result<u64> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let Some(layout) = Layout::read(&file)? else {
        return Ok(0);
    };
    let Some(used) = layout.used(&file)? else {
        return Ok(0);
    };
    let mended = layout.count(&file, used)?;
    if mended > 0 {
        file.sync_all()?;
    }
    Ok(mended)
}

/// What of the header matters here.
#[derive(Debug)]
struct Layout {
    cluster: u64,
    /// Whole and begun clusters of the file.
    clusters: u64,
    l1: u64,
    l1_entries: u64,
    table: u64,
    table_clusters: u64,
}

impl Layout {
    /// None when the image is of a layout that is not ours.
    fn read(file: &File) -> io::Result<Option<Self>> {
        let mut header = [0; 104];
        if file.read_at(&mut header, 0)? < header.len() {
            return Ok(None);
        }
        let field = |from: usize, to: usize| number(&header[from..to]);
        let bits = field(20, 24);
        let ours = field(4, 8) == 3
            && (9..=21).contains(&bits)
            && field(60, 64) == 0
            && field(72, 80) & !HARMLESS_FEATURES == 0
            && field(96, 100) == COUNT_ORDER;
        if !ours {
            return Ok(None);
        }
        let cluster = 1 << bits;
        Ok(Some(Self {
            cluster,
            clusters: file.metadata()?.len().div_ceil(cluster),
            l1: field(40, 48),
            l1_entries: field(36, 40),
            table: field(48, 56),
            table_clusters: field(56, 60),
        }))
    }

    /// The clusters in use; none when some are compressed, which images of ours never have.
    fn used(&self, file: &File) -> io::Result<Option<Vec<bool>>> {
        let mut used = vec![false; usize::try_from(self.clusters).map_err(io::Error::other)?];
        self.mark(&mut used, 0, self.cluster);
        self.mark(&mut used, self.l1, self.l1_entries.saturating_mul(8));
        self.mark(
            &mut used,
            self.table,
            self.table_clusters.saturating_mul(self.cluster),
        );
        for block in self.entries(file, self.table, self.table_entries())? {
            self.mark_one(&mut used, block & OFFSET);
        }
        for l2 in self.entries(file, self.l1, self.l1_entries)? {
            if !self.mark_one(&mut used, l2 & OFFSET) {
                continue;
            }
            for entry in self.entries(file, l2 & OFFSET, self.cluster / 8)? {
                if entry & COMPRESSED != 0 {
                    return Ok(None);
                }
                self.mark_one(&mut used, entry & OFFSET);
            }
        }
        Ok(Some(used))
    }

    fn table_entries(&self) -> u64 {
        self.table_clusters.saturating_mul(self.cluster / 8)
    }

    /// Marks a range of the file, as far as the file reaches.
    fn mark(&self, used: &mut [bool], offset: u64, len: u64) {
        let first = offset / self.cluster;
        let end = offset.saturating_add(len).div_ceil(self.cluster);
        for cluster in first..end.min(self.clusters) {
            if let Some(mark) = usize::try_from(cluster)
                .ok()
                .and_then(|it| used.get_mut(it))
            {
                *mark = true;
            }
        }
    }

    /// Marks the cluster that an entry names, and says whether there is one in the file.
    fn mark_one(&self, used: &mut [bool], offset: u64) -> bool {
        let there = offset != 0 && offset / self.cluster < self.clusters;
        if there {
            self.mark(used, offset, 1);
        }
        there
    }

    /// The entries of a table, as far as the file reaches.
    fn entries(&self, file: &File, offset: u64, count: u64) -> io::Result<Vec<u64>> {
        let left = (self.clusters * self.cluster).saturating_sub(offset);
        let len = count.saturating_mul(8).min(left);
        let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        read_padded(file, &mut bytes, offset)?;
        Ok(bytes.chunks_exact(8).map(number).collect())
    }

    /// Gives each used cluster that counts as free a count of one.
    fn count(&self, file: &File, mut used: Vec<bool>) -> io::Result<u64> {
        let per_block = usize::try_from(self.cluster / 2).map_err(io::Error::other)?;
        let mut mended = 0;
        let mut index = 0;
        while index * per_block < used.len() {
            let here = index * per_block..used.len().min((index + 1) * per_block);
            if used[here.clone()].contains(&true) {
                let (at, mut block) = self.block(file, index, &mut used)?;
                let here = here.start..used.len().min((index + 1) * per_block);
                let mut changed = 0;
                for (used, count) in used[here].iter().zip(block.chunks_exact_mut(2)) {
                    if *used && count == [0, 0] {
                        count.copy_from_slice(&[0, 1]);
                        changed += 1;
                    }
                }
                if changed > 0 {
                    file.write_all_at(&block, at)?;
                    self.link(file, index, at)?;
                }
                mended += changed;
            }
            index += 1;
        }
        Ok(mended)
    }

    /// Where the counts of a block are, and the counts. One that is not there is put at the end of
    /// the file, where it counts as used itself; it is linked after it was written.
    fn block(&self, file: &File, index: usize, used: &mut Vec<bool>) -> io::Result<(u64, Vec<u8>)> {
        let mut block = vec![0; usize::try_from(self.cluster).map_err(io::Error::other)?];
        let mut entry = [0; 8];
        read_padded(file, &mut entry, self.link_at(index)?)?;
        let known = number(&entry) & OFFSET;
        if known != 0 {
            read_padded(file, &mut block, known)?;
            return Ok((known, block));
        }
        let at = used.len() as u64 * self.cluster;
        used.push(true);
        Ok((at, block))
    }

    fn link_at(&self, index: usize) -> io::Result<u64> {
        if index as u64 >= self.table_entries() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the image's refcount table is too short: `qemu-img check -r all` may repair it",
            ));
        }
        Ok(self.table + index as u64 * 8)
    }

    fn link(&self, file: &File, index: usize, block: u64) -> io::Result<()> {
        file.write_all_at(&block.to_be_bytes(), self.link_at(index)?)
    }
}

/// Reads; what lies past the end of the file is zero.
fn read_padded(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer[done..].fill(0);
    Ok(())
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
