//! Maps of the disks of sessions: live from the movers, and kept pass by pass under the data
//! directory.
//!
//! A map is kept now and then while its pass runs, and when the pass ends, however it ends. It stays
//! when the session is over: a file of some bytes per run, at most 3 MiB. After a crash the kept one
//! is shown until the pass goes on; then its map is drawn anew from what the journal proves. A map is
//! a picture: one that cannot be kept or read is logged and missed by nobody but its viewers.

use std::path::PathBuf;

use blockmap::DiskMap;
use model::{DiskKey, SessionId, Timestamp};
use mover::{KeptMap, Meter, keep_map, kept_map};

use crate::{clock, effects::Stage, live::LiveWork, names};

/// Where maps are found.
#[derive(Clone, Debug)]
pub struct Maps {
    data_dir: PathBuf,
    live: LiveWork,
}

/// Maps of so many passes of a disk are kept beside that of the first.
const PASSES: u32 = 16;

/// The map of a disk in a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapNow {
    /// The map.
    pub map: DiskMap,
    /// When it was so.
    pub as_of: Timestamp,
    /// A mover draws it now.
    pub moves: bool,
}

impl Maps {
    pub(crate) const fn new(data_dir: PathBuf, live: LiveWork) -> Self {
        Self { data_dir, live }
    }

    /// The map of a disk in a pass, if there is one. The disk must be one of the session's: its key
    /// names a file. Reads a file when no mover is at work on it.
    #[must_use]
    pub fn of(&self, session: &SessionId, disk: &DiskKey, pass: u32) -> Option<MapNow> {
        if let Some(map) = self.live.map(session, disk, pass) {
            return Some(MapNow {
                map,
                as_of: clock::now(),
                moves: true,
            });
        }
        let kept = kept_map(&names::map(&self.data_dir, session, disk, pass));
        let kept = kept.unwrap_or_else(|error| {
            tracing::warn!(session.id = %session, %disk, pass, %error, "a map cannot be read");
            None
        });
        kept.map(|KeptMap { map, as_of }| MapNow {
            map,
            as_of,
            moves: false,
        })
    }
}

/// Keeps the map of a disk in a pass as its meter has it now.
pub(crate) async fn keep(stage: &Stage, disk: &DiskKey, pass: u32, meter: &Meter) {
    let path = names::map(&stage.data_dir, &stage.session, disk, pass);
    // The first pass and the newest are what people look at.
    let old = pass.checked_sub(PASSES).filter(|old| *old > 1);
    let old = old.map(|old| names::map(&stage.data_dir, &stage.session, disk, old));
    let meter = meter.clone();
    let kept = tokio::task::spawn_blocking(move || {
        if let Some(old) = old {
            // One that cannot go now only takes space.
            drop(std::fs::remove_file(old));
        }
        match meter.map() {
            Some(map) => keep_map(&path, &map, clock::now()),
            None => Ok(()),
        }
    });
    if let Ok(Err(error)) = kept.await {
        tracing::warn!(session.id = %stage.session, %disk, pass, %error, "a map is not kept");
    }
}

#[cfg(test)]
mod tests;
