//! The map of a running task's disk, drawn beside its counters, and the file in which it is kept.
//!
//! Drawn only by a [`Meter::mapped`]: any other has no map, and drawing costs a look at an option.
//! Ranges are drawn by the piece, with one lock for all of a piece, after what they tell has
//! happened. A task that goes on draws first what its journal has; so after a crash a map is again
//! what is proved, and no more.
//!
//! A kept map is a picture, never a belief: no task reads it. It is replaced as a whole and not
//! synced, and one that is damaged is as good as none.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use blockmap::{DiffPlan, DiskMap, RangeSet};
use model::{ByteCount, ByteRange, MapState, Timestamp};
use thiserror::Error;

use crate::{Meter, MoverError, journal::Mark};

const MAGIC: &[u8; 8] = b"LFDMAP01";
/// No file of a map is longer: its runs are bounded, and so is a run.
const LONGEST: u64 = 4 << 20;

/// A map that is drawn while a task runs.
pub(crate) type Drawn = Option<Arc<Mutex<Option<DiskMap>>>>;

/// A map that could not be kept or read.
#[derive(Debug, Error)]
pub enum MapError {
    /// Writing it failed.
    #[error("keep the map {}", path.display())]
    Keep {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Reading it failed.
    #[error("read the map {}", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A map as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptMap {
    /// The map.
    pub map: DiskMap,
    /// When it was so.
    pub as_of: Timestamp,
}

impl Meter {
    /// A meter that also draws the map of the task's disk.
    #[must_use]
    pub fn mapped() -> Self {
        let mut meter = Self::default();
        meter.map = Some(Arc::default());
        meter
    }

    /// The map as it is now; none where none is drawn, and before the task has begun.
    #[must_use]
    pub fn map(&self) -> Option<DiskMap> {
        self.map.as_ref().and_then(|map| lock(map).clone())
    }

    /// Whether a map is drawn.
    pub(crate) const fn draws(&self) -> bool {
        self.map.is_some()
    }

    /// Begins the map anew: of `scope` everything is to be looked at.
    pub(crate) fn begin_map(&self, size: ByteCount, scope: &RangeSet) {
        let Some(drawn) = &self.map else {
            return;
        };
        let mut map = DiskMap::new(size);
        if scope.total() < size {
            map.paint(ByteRange::new(0, size.0), MapState::Outside);
            for range in scope.iter() {
                map.paint(range, MapState::Unread);
            }
        }
        *lock(drawn) = Some(map);
    }

    /// Changes the map in one step, where one is drawn.
    pub(crate) fn draw(&self, change: impl FnOnce(&mut DiskMap)) {
        if let Some(drawn) = &self.map
            && let Some(map) = &mut *lock(drawn)
        {
            change(map);
        }
    }

    /// Draws ranges in one state.
    pub(crate) fn draw_all(&self, ranges: impl IntoIterator<Item = ByteRange>, state: MapState) {
        self.draw(|map| {
            for range in ranges {
                map.paint(range, state);
            }
        });
    }

    /// Draws what was written as a plan says.
    pub(crate) fn draw_plan(&self, plan: &DiffPlan, state: MapState) {
        self.draw_all(plan.copy.iter().chain(&plan.zero).copied(), state);
    }

    /// Draws what an earlier try of the task proved.
    pub(crate) fn draw_proved(&self, mark: Mark, ranges: &RangeSet) {
        let state = match mark {
            Mark::Equal => MapState::Equal,
            Mark::Copied | Mark::Zeroed => MapState::Verified,
            Mark::Untold => return,
        };
        self.draw_all(ranges.iter(), state);
    }

    /// Draws what stopped a task, where that has a place on the disk.
    pub(crate) fn draw_failure(&self, error: &MoverError) {
        if let MoverError::Unreadable { ranges, .. } = error {
            self.draw_all(ranges.iter().copied(), MapState::Unreadable);
        }
    }
}

fn lock(map: &Mutex<Option<DiskMap>>) -> MutexGuard<'_, Option<DiskMap>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a map, in place of an older one at this path. Its folder is made where it is missing.
///
/// # Errors
/// [`MapError::Keep`]; then an older one is still there.
pub fn keep_map(path: &Path, map: &DiskMap, as_of: Timestamp) -> Result<(), MapError> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(as_of.0.to_le_bytes());
    bytes.extend(map.to_bytes());
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    let replaced = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = path.with_extension("new");
        fs::write(&new, &bytes)?;
        fs::rename(&new, path)
    };
    replaced().map_err(|source| MapError::Keep {
        path: path.to_owned(),
        source,
    })
}

/// Reads a kept map; none where none was kept, and where what is there is no map.
///
/// # Errors
/// [`MapError::Read`].
pub fn kept_map(path: &Path) -> Result<Option<KeptMap>, MapError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(understood(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(MapError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn understood(bytes: &[u8]) -> Option<KeptMap> {
    let (content, check) = bytes.split_last_chunk::<4>()?;
    if u32::from_le_bytes(*check) != crc32c::crc32c(content) {
        return None;
    }
    let content = content.strip_prefix(MAGIC)?;
    let (as_of, map) = content.split_first_chunk::<8>()?;
    Some(KeptMap {
        map: DiskMap::from_bytes(map)?,
        as_of: Timestamp(i64::from_le_bytes(*as_of)),
    })
}
