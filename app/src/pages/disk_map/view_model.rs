//! What the page of a disk's map shows: addresses of its parts, words, and the bands of its cells.
//!
//! Plain functions, the same on the server and in the browser.

use model::{
    ApiError, ByteCount, ByteRange, ErrorKind, MapShare, MapState,
    view::{DiskMapView, MapCells, MapPicture, MapRow, MapStanding, MapWanted},
};

use crate::words;

#[cfg(test)]
mod tests;

/// Cells of the picture at most.
pub const CELLS: u32 = 1024;
/// Cells beside each other in the picture that is drawn without scripts.
pub const COLUMNS: u32 = 64;
/// Of that picture's cells, so many of a map's are one.
const TOGETHER: usize = 4;
/// A zoom step shows so much less, or more.
const STEP: u64 = 4;
/// The smallest part that is shown: each of its cells is a sector.
const SMALLEST: u64 = CELLS as u64 * 512;
/// The height of a cell.
pub const HEIGHT: u32 = 1000;
/// The height at least of what needs attention, however little of a cell it is.
const SEEN: u32 = 340;
/// The height at least of anything else in a cell.
const LEAST: u32 = 120;

/// A part of a cell in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// The state.
    pub state: MapState,
    /// From the cell's top, of [`HEIGHT`].
    pub top: u32,
    /// Of [`HEIGHT`].
    pub height: u32,
}

/// What an address asks for.
pub fn wanted(pass: &str, from: &str, to: &str) -> Result<MapWanted, ApiError> {
    Ok(MapWanted {
        pass: number(pass, "pass")?,
        from: number(from, "from")?,
        to: number(to, "to")?,
        cells: CELLS,
    })
}

fn number<N: std::str::FromStr>(text: &str, name: &str) -> Result<Option<N>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        ApiError::new(
            ErrorKind::Invalid,
            format!("The address asks for {name}={text}, which is no whole number."),
            "Open the map from the session's page.",
        )
        .on_field(name)
    })
}

/// The address of a disk's map.
pub fn map_address(session: &str, disk: &str) -> String {
    format!("/sessions/{}/disks/{}/map", escaped(session), escaped(disk))
}

/// A text as one part of an address.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.extend(format!("%{byte:02X}").chars());
        }
    }
    escaped
}

/// The address of a part of the map that is shown; of all of it, where the part is all.
pub fn part_address(view: &DiskMapView, part: ByteRange) -> String {
    let mut query = Vec::new();
    if let Some(pass) = view.pass.filter(|pass| view.passes.last() != Some(pass)) {
        query.push(format!("pass={pass}"));
    }
    if part.start > 0 || part.end() < view.size.0 {
        query.push(format!("from={}", part.start));
        query.push(format!("to={}", part.end()));
    }
    address(view, &query)
}

/// The address of the same part in another pass.
pub fn pass_address(view: &DiskMapView, pass: u32) -> String {
    let mut query = vec![format!("pass={pass}")];
    if let Some(part) = view.picture.as_ref().map(|picture| picture.range)
        && part.len < view.size.0
    {
        query.push(format!("from={}", part.start));
        query.push(format!("to={}", part.end()));
    }
    address(view, &query)
}

fn address(view: &DiskMapView, query: &[String]) -> String {
    let path = map_address(view.session.as_str(), view.disk.as_str());
    if query.is_empty() {
        return path;
    }
    format!("{path}?{}", query.join("&"))
}

/// A move over the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A smaller part, around its middle.
    In,
    /// A smaller part, around a byte.
    InAt(u64),
    /// A larger part.
    Out,
    /// Towards the disk's start.
    Back,
    /// Towards the disk's end.
    On,
    /// All of it.
    Whole,
}

/// The part that a move shows; none where it shows nothing else.
pub fn moved(size: u64, shown: ByteRange, how: Move) -> Option<ByteRange> {
    let middle = shown.start + shown.len / 2;
    let part = match how {
        Move::In => around(size, middle, shown.len / STEP),
        Move::InAt(byte) => around(size, byte, shown.len / STEP),
        Move::Out => around(size, middle, shown.len.saturating_mul(STEP)),
        Move::Back => at(size, shown.start.saturating_sub(shown.len / 2), shown.len),
        Move::On => at(size, shown.start.saturating_add(shown.len / 2), shown.len),
        Move::Whole => ByteRange::new(0, size),
    };
    let same = part.start == shown.start && part.len == shown.len;
    // What is asked for is shown in whole cells: the least part cannot become less.
    let no_less = matches!(how, Move::In | Move::InAt(_)) && shown.len <= SMALLEST;
    (!same && !no_less).then_some(part)
}

/// A part of so many bytes around one.
fn around(size: u64, middle: u64, len: u64) -> ByteRange {
    let len = len.max(SMALLEST).min(size);
    at(size, middle.saturating_sub(len / 2), len)
}

/// A part of so many bytes within the disk, from a whole cell on; at the disk's end, up to it.
fn at(size: u64, start: u64, len: u64) -> ByteRange {
    let cell = len.div_ceil(u64::from(CELLS)).next_power_of_two();
    let last = size.saturating_sub(len);
    if start >= last {
        let start = last.next_multiple_of(cell).min(size);
        return ByteRange::new(start, size - start);
    }
    ByteRange::new(start - start % cell, len)
}

/// The title of the page.
pub fn title(view: &DiskMapView) -> String {
    format!("Map of disk {} of {}", view.disk_name, view.vm_name)
}

/// Where the picture comes from, as a sentence.
pub fn standing(view: &DiskMapView) -> String {
    let pass = match view.pass {
        Some(pass) if view.scope.is_empty() => format!("Pass {pass}"),
        Some(pass) => format!("Pass {pass}, {}", view.scope),
        None => "No pass".to_owned(),
    };
    match (view.standing, &view.picture) {
        (MapStanding::Live, Some(_)) => format!("{pass}: as it is now."),
        (MapStanding::Kept, Some(picture)) => {
            format!("{pass}: as it was kept at {}.", picture.as_of.utc_text())
        }
        (MapStanding::NotBegun, _) => format!("{pass}: nothing has been looked at yet."),
        (MapStanding::Missing, _) | (MapStanding::Live | MapStanding::Kept, None) => format!(
            "{pass}: no map was kept of it, or the kept one is damaged. The counters on the \
             session's page are not affected."
        ),
    }
}

/// Which part is shown and in how much detail, as a sentence.
pub fn part_words(view: &DiskMapView, picture: &MapPicture) -> String {
    let cells: u32 = picture.cells.iter().map(|cells| cells.count).sum();
    let each = picture.cell;
    let cells = words::counted(usize::try_from(cells).unwrap_or(usize::MAX), "cell");
    let part = if picture.range.len == view.size.0 {
        format!("The whole disk of {}", view.size)
    } else {
        let (start, end) = (
            ByteCount(picture.range.start),
            ByteCount(picture.range.end()),
        );
        format!("{start} to {end} of {}", view.size)
    };
    format!("{part}, in {cells} of {each}.")
}

/// What a part holds, as a sentence: `90 % hole, 10 % equal`.
pub fn shares_words(shares: &[MapShare]) -> String {
    if let [all] = shares {
        return state_word(all.state).to_owned();
    }
    let total = shares.iter().map(|share| share.bytes).sum();
    let parts = shares.iter().map(|share| {
        let word = state_word(share.state).to_lowercase();
        format!("{} {word}", percent_words(share.bytes, total))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// A share in whole percent, the nearest; never nothing, and all of it only where it is all.
pub fn percent_words(part: ByteCount, all: ByteCount) -> String {
    let all = u128::from(all.0).max(1);
    match (u128::from(part.0) * 200 + all) / (2 * all) {
        0 => "less than 1 %".to_owned(),
        100 if u128::from(part.0) < all => "more than 99 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

/// The picture in words, for who cannot see it.
pub fn picture_words(view: &DiskMapView, picture: &MapPicture) -> String {
    let part = part_words(view, picture);
    let shares = shares_words(&picture.shares);
    format!("{part} Holds: {shares}. The table below has the ranges.")
}

/// A cell in words: its place and what it holds.
pub fn cell_words(picture: &MapPicture, number: u64) -> Option<String> {
    let start = picture
        .range
        .start
        .checked_add(number.checked_mul(picture.cell.0)?)?;
    if start >= picture.range.end() {
        return None;
    }
    let mut left = number;
    let cells = picture.cells.iter().find(|cells| {
        let here = left < u64::from(cells.count);
        left = left.saturating_sub(u64::from(cells.count));
        here
    })?;
    let end = start
        .saturating_add(picture.cell.0)
        .min(picture.range.end());
    let (from, to) = (ByteCount(start), ByteCount(end));
    Some(format!("{from} to {to}: {}", shares_words(&cells.shares)))
}

/// A state in a word.
pub const fn state_word(state: MapState) -> &'static str {
    match state {
        MapState::Unreadable => "Unreadable",
        MapState::Different => "Different",
        MapState::Sent => "Sent",
        MapState::Verified => "Verified",
        MapState::Equal => "Equal",
        MapState::Hole => "Hole",
        MapState::Unread => "Unread",
        MapState::Outside => "Not in this pass",
    }
}

/// What a state means.
pub const fn state_meaning(state: MapState) -> &'static str {
    match state {
        MapState::Unreadable => "cannot be read at the replica; production is left as it was",
        MapState::Different => "differs, and is not written yet",
        MapState::Sent => "written at production, not proved yet",
        MapState::Verified => "written, read back and right",
        MapState::Equal => "the same on both sides, nothing to write",
        MapState::Hole => "empty on both sides, not read",
        MapState::Unread => "to be looked at, not looked at yet",
        MapState::Outside => "not named by change tracking, so not looked at",
    }
}

/// The style's and pattern's name of a state.
pub const fn state_slug(state: MapState) -> &'static str {
    match state {
        MapState::Unreadable => "unreadable",
        MapState::Different => "different",
        MapState::Sent => "sent",
        MapState::Verified => "verified",
        MapState::Equal => "equal",
        MapState::Hole => "hole",
        MapState::Unread => "unread",
        MapState::Outside => "outside",
    }
}

/// The bytes of a state in the part that is shown.
pub fn bytes_of(shares: &[MapShare], state: MapState) -> ByteCount {
    let found = shares.iter().find(|share| share.state == state);
    found.map_or(ByteCount::ZERO, |share| share.bytes)
}

/// A cell's content as bands from its top: as high as their share, but never too low to be seen.
pub fn bands(shares: &[MapShare]) -> Vec<Band> {
    let total: u128 = shares.iter().map(|share| u128::from(share.bytes.0)).sum();
    let mut heights: Vec<u32> = shares
        .iter()
        .map(|share| {
            let share_of = u128::from(share.bytes.0) * u128::from(HEIGHT) / total.max(1);
            let height = u32::try_from(share_of).unwrap_or(HEIGHT);
            height.max(if share.state == MapState::Unreadable {
                SEEN
            } else {
                LEAST
            })
        })
        .collect();
    // The highest gives what the others were given.
    let sum: u32 = heights.iter().sum();
    if let Some(highest) = heights.iter_mut().max() {
        *highest = (*highest + HEIGHT).saturating_sub(sum).max(LEAST / 2);
    }
    let mut top = 0;
    let mut bands = Vec::new();
    for (share, height) in shares.iter().zip(heights) {
        let height = height.min(HEIGHT - top);
        let state = share.state;
        bands.push(Band { state, top, height });
        top += height;
    }
    bands
}

/// Each cell's bands, in order.
pub fn cells(picture: &MapPicture) -> Vec<Vec<Band>> {
    let all = picture.cells.iter().flat_map(|cells| {
        let times = usize::try_from(cells.count).unwrap_or(0);
        std::iter::repeat_n(bands(&cells.shares), times)
    });
    all.collect()
}

/// A rectangle of the picture that is drawn without scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// From the left, in cells.
    pub column: u32,
    /// From the top, in cells.
    pub row: u32,
    /// In cells.
    pub width: u32,
    /// What it shows.
    pub band: Band,
}

/// The picture that is drawn without scripts, coarser: alike neighbours are one rectangle.
pub fn coarse(picture: &MapPicture) -> Vec<Rect> {
    let mut rects: Vec<Rect> = Vec::new();
    for (number, together) in (0..).zip(expanded(picture).chunks(TOGETHER)) {
        let (column, row) = (number % COLUMNS, number / COLUMNS);
        let bands = bands(&sum(together));
        if let ([band], Some(last)) = (bands.as_slice(), rects.last_mut())
            && last.band == *band
            && last.row == row
        {
            last.width += 1;
            continue;
        }
        rects.extend(bands.into_iter().map(|band| Rect {
            column,
            row,
            width: 1,
            band,
        }));
    }
    rects
}

/// Rows of cells of the picture that is drawn without scripts.
pub fn coarse_rows(picture: &MapPicture) -> u32 {
    let cells: u32 = picture.cells.iter().map(|cells| cells.count).sum();
    let together = u32::try_from(TOGETHER).unwrap_or(1);
    cells.div_ceil(together).div_ceil(COLUMNS).max(1)
}

fn expanded(picture: &MapPicture) -> Vec<&[MapShare]> {
    let all = picture.cells.iter().flat_map(|MapCells { count, shares }| {
        std::iter::repeat_n(shares.as_slice(), usize::try_from(*count).unwrap_or(0))
    });
    all.collect()
}

fn sum(cells: &[&[MapShare]]) -> Vec<MapShare> {
    let of = |state| cells.iter().map(|cell| bytes_of(cell, state)).sum();
    let all = MapState::ALL.into_iter().map(|state| MapShare {
        state,
        bytes: of(state),
    });
    all.filter(|share| share.bytes > ByteCount::ZERO).collect()
}

/// What the table says above its rows.
pub fn table_words(picture: &MapPicture) -> String {
    if !picture.rows_exact {
        return "Ranges are put together here, because there are more than a hundred: zoom in, or \
                follow a row, to see them one by one."
            .to_owned();
    }
    if picture.grain.0 > 1 {
        let grain = picture.grain;
        return format!(
            "The ranges as the map has them. They were so many that it tells no less than {grain} \
             apart."
        );
    }
    "The ranges, exact to the byte.".to_owned()
}

/// A row's length and what it holds.
pub fn row_words(row: &MapRow) -> (String, String) {
    (
        ByteCount(row.range.len).to_string(),
        shares_words(&row.shares),
    )
}
