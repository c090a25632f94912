//! Disks of a session with their counters, and the one bar over all of them.

use failback::State;
use model::{
    ByteCount, BytesPerSecond, DiskCounters, DiskPhase, FailbackMode,
    view::{DiskView, ProgressView},
};
use store::{DiskPassRow, SessionDisk};

use super::Work;
use crate::{
    live::{LiveDisk, LiveSession},
    mode,
};

/// The disks in the VM's order. What runs now counts before what was saved last.
pub(super) fn views(
    work: &Work,
    passes: &[DiskPassRow],
    live: Option<&LiveSession>,
) -> Vec<DiskView> {
    work.row
        .layout
        .iter()
        .map(|disk| view(work, disk, passes, live_disk(disk, live)))
        .collect()
}

fn view(
    work: &Work,
    disk: &SessionDisk,
    passes: &[DiskPassRow],
    live: Option<&LiveDisk>,
) -> DiskView {
    let of_disk = || passes.iter().filter(|row| row.disk == disk.key);
    let newest = of_disk().max_by_key(|row| row.pass);
    let (scope, counters, proxies) = match (live, newest) {
        (Some(live), _) => {
            let words = live.waiting.as_ref().or(live.proxies.as_ref());
            (live.scope.clone(), of_live(live), words.cloned())
        }
        (None, Some(row)) => (row.scope.clone(), still(row.counters), row.proxies.clone()),
        (None, None) => (String::new(), DiskCounters::default(), None),
    };
    let saved: ByteCount = of_disk()
        .filter(|row| live.is_none() || row.pass != work.session.pass)
        .map(|row| row.counters.sent)
        .sum();
    DiskView {
        key: disk.key.clone(),
        name: disk.name.clone(),
        size: disk.size,
        scope,
        counters,
        sent_total: saved.saturating_add(live.map_or(ByteCount::ZERO, |live| live.counters.sent)),
        proxies,
    }
}

/// The bar of the newest pass.
pub(super) fn progress(
    work: &Work,
    passes: &[DiskPassRow],
    live: Option<&LiveSession>,
) -> ProgressView {
    let newest = passes.iter().map(|row| row.pass).max();
    let counters: Vec<DiskCounters> = match live {
        Some(live) => live.disks.iter().map(of_live).collect(),
        None => passes
            .iter()
            .filter(|row| Some(row.pass) == newest)
            .map(|row| still(row.counters))
            .collect(),
    };
    let sum = |field: fn(&DiskCounters) -> ByteCount| counters.iter().map(field).sum();
    let (to_scan, scanned) = (sum(|it| it.to_scan), sum(|it| it.scanned));
    let rate = BytesPerSecond(counters.iter().map(|it| it.rate.0).sum());
    ProgressView {
        to_scan,
        scanned,
        different: sum(|it| it.different),
        sent: sum(|it| it.sent),
        verified: sum(|it| it.verified),
        rate,
        remaining_seconds: remaining(&counters),
        limiter: live.and_then(|live| live.limiter),
        waiting: waiting(work, live),
    }
}

/// Counters of a disk at work; one that waits for proxies has no rate, and nothing moves.
fn of_live(live: &LiveDisk) -> DiskCounters {
    if live.waiting.is_none() {
        return live.counters;
    }
    DiskCounters {
        phase: DiskPhase::Waiting,
        ..still(live.counters)
    }
}

/// Counters of what does not run have no rate, and nothing moves.
fn still(counters: DiskCounters) -> DiskCounters {
    let phase = match counters.phase {
        DiskPhase::Moving | DiskPhase::Paused => DiskPhase::Stopped,
        same @ (DiskPhase::Waiting | DiskPhase::Done | DiskPhase::Stopped) => same,
    };
    DiskCounters {
        phase,
        rate: BytesPerSecond(0),
        remaining_seconds: None,
        ..counters
    }
}

/// The slowest disk decides; unknown while any disk that is not done has no rate.
fn remaining(counters: &[DiskCounters]) -> Option<u64> {
    counters
        .iter()
        .filter(|it| it.phase != DiskPhase::Done)
        .map(|it| it.remaining_seconds)
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .max()
}

/// Why nothing moves, where nothing does.
fn waiting(work: &Work, live: Option<&LiveSession>) -> Option<String> {
    if let Some(attention) = &work.session.attention {
        return Some(format!("Waits for a person: {}", attention.cause));
    }
    match work.session.state {
        State::Synchronizing { paused: true, .. } => Some("Paused.".to_owned()),
        State::ReadyToSwitch { .. } => Some(match &work.session.mode {
            FailbackMode::Scheduled { at, zone, .. } => {
                format!("Waits until {}.", mode::local(*at, zone))
            }
            FailbackMode::Auto | FailbackMode::Manual => {
                "Waits for your command to switch over.".to_owned()
            }
        }),
        State::Failback { .. } => Some("Waits for you to commit or undo.".to_owned()),
        State::Synchronizing { .. } | State::CatchingUp { .. } | State::Switching { .. } => {
            nothing_moves(live?)
        }
        State::Committing { .. }
        | State::Undoing { .. }
        | State::Cancelling { .. }
        | State::Ended { .. } => None,
    }
}

/// The reason of a disk that waits, when no other moves.
fn nothing_moves(live: &LiveSession) -> Option<String> {
    let moving = |disk: &LiveDisk| of_live(disk).phase == DiskPhase::Moving;
    if live.disks.iter().any(moving) {
        return None;
    }
    live.disks.iter().find_map(|disk| disk.waiting.clone())
}

/// Bytes that the pre-failback snapshot takes, from what the passes wrote: all that lies above the
/// old content, if every pass wrote elsewhere, and never more than the disks.
pub(super) fn undo_space(work: &Work, passes: &[DiskPassRow]) -> ByteCount {
    if work.session.is_over() {
        return ByteCount::ZERO;
    }
    work.row
        .layout
        .iter()
        .map(|disk| {
            let sent: ByteCount = passes
                .iter()
                .filter(|row| row.disk == disk.key)
                .map(|row| row.counters.sent)
                .sum();
            sent.min(disk.size)
        })
        .sum()
}

fn live_disk<'a>(disk: &SessionDisk, live: Option<&'a LiveSession>) -> Option<&'a LiveDisk> {
    live?.disks.iter().find(|it| it.key == disk.key)
}
