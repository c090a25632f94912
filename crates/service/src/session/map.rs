//! The map of a session's disk: as much of it as a page shows, put into cells and rows.

use std::sync::Arc;

use blockmap::{DiskMap, Mix};
use model::{
    ApiError, ByteRange, DiskKey, SessionId, Timestamp,
    view::{DiskMapView, MapCells, MapPicture, MapRow, MapStanding, MapWanted},
};
use store::{DiskPassRow, SessionDisk};

use super::Work;
use crate::{
    Service,
    live::LiveMap,
    refusal::{failed, invalid, not_found},
};

/// Cells that may be asked for.
const CELLS: u32 = 4096;
/// Rows of the table at most.
const ROWS: u32 = 100;

impl Service {
    /// The map of one of a session's disks in one of its passes.
    ///
    /// # Errors
    /// When there is no such session, disk or pass, and when the part or the number of cells is
    /// none that can be shown.
    pub async fn disk_map(
        &self,
        id: &SessionId,
        key: &DiskKey,
        wanted: MapWanted,
    ) -> Result<DiskMapView, ApiError> {
        let work = self.work(id).await?;
        let disk = find(&work, key)?;
        let range = checked(disk, wanted)?;
        let rows = self.store().disk_counters_list(id).await.map_err(failed)?;
        let rows = rows.into_iter().filter(|row| row.disk == *key);
        let rows: Vec<DiskPassRow> = rows.collect();
        let live = self.wired.live.session(id);
        let at_work = live.and_then(|live| live.disks.into_iter().find(|it| it.key == *key));
        let mut passes: Vec<u32> = rows.iter().map(|row| row.pass).collect();
        if at_work.is_some() && !passes.contains(&work.session.pass) {
            passes.push(work.session.pass);
        }
        let pass = wanted.pass.or(passes.last().copied());
        if let Some(pass) = wanted.pass.filter(|pass| !passes.contains(pass)) {
            return Err(not_found(
                format!("Pass {pass} of disk {} has not begun.", disk.name),
                "Look at the newest pass, or choose one on the page.",
            ));
        }
        let scope = match (at_work, pass) {
            (Some(live), Some(pass)) if pass == work.session.pass => Some((live.scope, true)),
            (Some(_) | None, Some(pass)) => {
                let row = rows.into_iter().find(|row| row.pass == pass);
                row.map(|row| (row.scope, false))
            }
            (Some(_) | None, None) => None,
        };
        let (scope, at_work) = scope.unwrap_or_default();
        let found = self.map_of(id, key, pass).await;
        let standing = match &found {
            Some(found) if found.moves => MapStanding::Live,
            Some(_) => MapStanding::Kept,
            None if at_work || pass.is_none() => MapStanding::NotBegun,
            None => MapStanding::Missing,
        };
        let now = self.now();
        let picture = match (found, standing) {
            (Some(found), _) => Some(picture(&found.map, found.as_of, range, wanted.cells)),
            (None, MapStanding::NotBegun) => {
                let nothing = DiskMap::new(disk.size);
                Some(picture(&nothing, now, range, wanted.cells))
            }
            (None, MapStanding::Missing | MapStanding::Live | MapStanding::Kept) => None,
        };
        Ok(DiskMapView {
            session: id.clone(),
            over: work.session.is_over(),
            vm_name: work.row.vm_name.clone(),
            disk: key.clone(),
            disk_name: disk.name.clone(),
            size: disk.size,
            passes,
            pass,
            scope,
            now,
            standing,
            picture,
        })
    }

    /// A kept map is a file: read where waiting for it holds nobody up.
    async fn map_of(&self, id: &SessionId, key: &DiskKey, pass: Option<u32>) -> Option<LiveMap> {
        let pass = pass?;
        let live = Arc::clone(&self.wired.live);
        let (id, key) = (id.clone(), key.clone());
        let found = tokio::task::spawn_blocking(move || live.disk_map(&id, &key, pass));
        found.await.unwrap_or_default()
    }
}

fn find<'a>(work: &'a Work, key: &DiskKey) -> Result<&'a SessionDisk, ApiError> {
    let mut disks = work.row.layout.iter();
    disks.find(|disk| disk.key == *key).ok_or_else(|| {
        not_found(
            format!("The session has no disk {key}."),
            "Choose a disk on the session's page.",
        )
    })
}

/// The part of the disk that is asked for.
fn checked(disk: &SessionDisk, wanted: MapWanted) -> Result<ByteRange, ApiError> {
    if wanted.cells == 0 || wanted.cells > CELLS {
        return Err(invalid(
            "cells",
            format!("A map has from 1 to {CELLS} cells."),
            "Ask for a number of cells within these limits.",
        ));
    }
    let (from, to) = (wanted.from.unwrap_or(0), wanted.to.unwrap_or(disk.size.0));
    let empty = from >= to && disk.size.0 > 0;
    if empty || to > disk.size.0 {
        return Err(invalid(
            "from",
            format!("Bytes {from} to {to} are no part of disk {}.", disk.name),
            format!("Ask for a part between byte 0 and byte {}.", disk.size.0),
        ));
    }
    Ok(ByteRange::new(from, to - from))
}

fn picture(map: &DiskMap, as_of: Timestamp, range: ByteRange, cells: u32) -> MapPicture {
    let cut = map.cells(range, cells);
    let table = map.rows(cut.range, ROWS);
    MapPicture {
        as_of,
        range: cut.range,
        cell: cut.cell,
        cells: alike(&cut.cells),
        shares: map.shares(cut.range).shares(),
        rows: table
            .rows
            .iter()
            .map(|(range, mix)| MapRow {
                range: *range,
                shares: mix.shares(),
            })
            .collect(),
        rows_exact: table.exact,
        grain: map.grain(),
    }
}

/// Cells that follow each other and hold the same, together.
fn alike(cells: &[Mix]) -> Vec<MapCells> {
    cells
        .chunk_by(|left, right| left == right)
        .filter_map(|run| {
            Some(MapCells {
                count: u32::try_from(run.len()).ok()?,
                shares: run.first()?.shares(),
            })
        })
        .collect()
}
