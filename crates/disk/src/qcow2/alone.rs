//! Requests that change parts of clusters go one at a time.
//!
//! crate `imago` 0.2.6 decides for a whole cluster what becomes of it: where zeroes for one half of a
//! cluster and data for its other half are on their way at once, either may be lost. Requests of whole
//! clusters share none, as long as no two write the same bytes.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::ByteRange;

/// Where a qcow2 header says how large its clusters are, as a power of two.
const CLUSTER_BITS: u64 = 20;

/// Keeps such requests apart.
#[derive(Debug)]
pub(super) struct Alone {
    cluster: u64,
    one: Mutex<()>,
}

impl Alone {
    /// Of the image in a file.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let mut bits = [0; 4];
        file.read_exact_at(&mut bits, CLUSTER_BITS)?;
        // What is no cluster's size is refused by who opens the image.
        let cluster = 1_u64.checked_shl(u32::from_be_bytes(bits));
        Ok(Self {
            cluster: cluster.unwrap_or(u64::MAX),
            one: Mutex::default(),
        })
    }

    /// Held while a range of a disk of `size` is changed; nothing where it has whole clusters only.
    pub(super) fn wait(&self, range: ByteRange, size: u64) -> Option<MutexGuard<'_, ()>> {
        let ends = |at: u64| at.is_multiple_of(self.cluster);
        let whole = ends(range.start) && (ends(range.end()) || range.end() == size);
        (!whole).then(|| self.one.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use model::ByteCount;

    use crate::{Access, Disk as _, create_qcow2};

    use super::{super::Qcow2Disk, *};

    /// Found by a test of the NBD server that failed once: a client wrote both at once.
    #[test]
    fn both_halves_of_a_cluster_arrive_when_they_are_written_at_once() {
        const CLUSTERS: u64 = 400;
        const HALF: u64 = 32 << 10;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        create_qcow2(&path, ByteCount(CLUSTERS * 2 * HALF)).unwrap();
        let disk = Qcow2Disk::open(&path, Access::Write).unwrap();
        let data = vec![7; usize::try_from(HALF).unwrap()];
        let barrier = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                for cluster in 0..CLUSTERS {
                    barrier.wait();
                    let range = ByteRange::new(cluster * 2 * HALF, HALF);
                    disk.write_zeroes(range).unwrap();
                }
            });
            scope.spawn(|| {
                for cluster in 0..CLUSTERS {
                    barrier.wait();
                    disk.write_at((cluster * 2 + 1) * HALF, &data).unwrap();
                }
            });
        });
        disk.flush().unwrap();
        let mut half = data.clone();
        for number in 0..CLUSTERS * 2 {
            disk.read_at(number * HALF, &mut half).unwrap();
            let wanted = if number % 2 == 0 { 0 } else { 7 };
            assert!(half.iter().all(|it| *it == wanted), "half {number}");
        }
    }

    #[test]
    fn whole_clusters_wait_for_nobody() {
        let alone = Alone {
            cluster: 65_536,
            one: Mutex::default(),
        };
        let size = 200_000;
        let waits = |start, len| alone.wait(ByteRange::new(start, len), size).is_some();
        assert!(!waits(0, 65_536) && !waits(65_536, 131_072 - 65_536));
        assert!(!waits(131_072, size - 131_072));
        assert!(waits(0, 512) && waits(512, 65_024) && waits(65_536, 65_537));
    }
}
