//! The map of a session's disk: a picture of its bytes in cells, and the same as a table.

use serde::{Deserialize, Serialize};

use crate::{ByteCount, ByteRange, DiskKey, MapShare, SessionId, Timestamp};

/// Where a map comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapStanding {
    /// No pass has begun to look at the disk.
    NotBegun,
    /// From the mover at work.
    Live,
    /// As it was kept when the pass ended, or now and then while it ran.
    Kept,
    /// None was kept of this pass, or what was kept is damaged.
    Missing,
}

/// Which part of a disk's map is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapWanted {
    /// The pass; the newest without one.
    pub pass: Option<u32>,
    /// First byte; the disk's without one.
    pub from: Option<u64>,
    /// One past the last byte; the disk's end without one.
    pub to: Option<u64>,
    /// Cells at most.
    pub cells: u32,
}

/// The map of a disk, as much of it as was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskMapView {
    /// Its session.
    pub session: SessionId,
    /// The session is over: nothing changes any more.
    pub over: bool,
    /// The VM.
    pub vm_name: String,
    /// The disk.
    pub disk: DiskKey,
    /// Its name.
    pub disk_name: String,
    /// Its size.
    pub size: ByteCount,
    /// Passes that have begun, in order.
    pub passes: Vec<u32>,
    /// Which of them this is.
    pub pass: Option<u32>,
    /// What that pass looks at, in words.
    pub scope: String,
    /// When the answer was made.
    pub now: Timestamp,
    /// Where it comes from.
    pub standing: MapStanding,
    /// The map; none where none was kept.
    pub picture: Option<MapPicture>,
}

/// A part of a map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapPicture {
    /// What was so when.
    pub as_of: Timestamp,
    /// The part: whole cells, up to the disk's end.
    pub range: ByteRange,
    /// Size of a cell, a power of two; the disk's last may be shorter.
    pub cell: ByteCount,
    /// The cells in order; those that are alike and follow each other, together.
    pub cells: Vec<MapCells>,
    /// Of the part.
    pub shares: Vec<MapShare>,
    /// The part as a table, in order.
    pub rows: Vec<MapRow>,
    /// Whether each row is a range as the map has it; otherwise ranges were put together because
    /// they are too many, and show when a smaller part is asked for.
    pub rows_exact: bool,
    /// The smallest range that the map tells apart; one byte while it has forgotten nothing.
    pub grain: ByteCount,
}

/// Cells that are alike and follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapCells {
    /// So many.
    pub count: u32,
    /// What each of them holds.
    pub shares: Vec<MapShare>,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapRow {
    /// Its range.
    pub range: ByteRange,
    /// What it holds.
    pub shares: Vec<MapShare>,
}
