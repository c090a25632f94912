//! A synchronisation as its caller sees it: what it needs, and the report of what came of it.

use std::{
    io::{Read, Write},
    sync::{Arc, PoisonError, atomic::Ordering},
};

use blockmap::{BlockSize, RangeSet};
use disk::Disk;
use model::{ByteCount, ByteRange, DiskCounters, DiskPhase, MapState};

use super::{frame::FarDigests, near::Near, root::Groups};
use crate::{
    BothDigests, Controls, Digests, Meter, MoverError, NotKept, Note, Proof, Report, StoreError,
    Unreadable,
    digests::{Keeping, Kept, Sides},
    error::Side,
    losses::{Watched, as_cancelled},
    watch::Watch,
};

/// A synchronisation with a far end.
#[derive(Clone, Debug)]
pub struct Remote {
    /// What is read; its content must not change.
    pub source: Arc<dyn Disk>,
    /// The unit of comparison.
    pub block: BlockSize,
    /// Whether to write; otherwise a dry run.
    pub apply: bool,
    /// How the far end proves what it wrote.
    pub proof: Proof,
    /// What to do with sectors of the source that cannot be read.
    pub unreadable: Unreadable,
}

/// Makes the far end's disk equal to the source and proves it by the roots of both.
///
/// Dropping `output` must end the far end's input, and so the far end and `input`: this is how a
/// synchronisation that fails here ends there. A stream that stalls has to be ended by whoever
/// cancels, with [`Controls::on_cancel`].
///
/// Returns the report and the bytes that went over the wire, in both directions.
///
/// # Errors
/// [`MoverError::Link`] when the streams fail, [`MoverError::FarEnd`] with what the far end said,
/// [`MoverError::Unproved`] when the roots differ, and what reading the source returns.
pub fn sync(
    task: &Remote,
    input: impl Read + Send,
    output: impl Write + Send,
    controls: &Controls,
    meter: &Meter,
) -> Result<(Report, ByteCount), MoverError> {
    sync_with_digests(task, None, input, output, controls, meter)
}

/// [`sync`], with the place where digests of the source are kept.
///
/// # Errors
/// As [`sync`], and [`MoverError::Digests`] and [`MoverError::DigestsWrong`].
pub fn sync_with_digests(
    task: &Remote,
    digests: Option<&Digests>,
    input: impl Read + Send,
    output: impl Write + Send,
    controls: &Controls,
    meter: &Meter,
) -> Result<(Report, ByteCount), MoverError> {
    let source = Watched::new(Side::Source, &task.source, controls);
    let size = task.source.size();
    meter.begin(DiskCounters {
        phase: DiskPhase::Moving,
        to_scan: size,
        ..DiskCounters::default()
    });
    meter.begin_map(size, &RangeSet::from_ranges([ByteRange::new(0, size.0)]));
    let watch = Watch::new(controls, meter);
    let groups = Groups {
        size: size.0,
        block: task.block,
    };
    let mut notes = Vec::new();
    let mut sides = open_digests(digests, groups, &mut notes)?;
    let kept = sides.kept(Side::Source);
    let near = Near::new(task, groups, kept, &watch);
    let done = as_cancelled(near.run(input, output), controls);
    let (outcome, wire, far) = done.inspect_err(|error| distrust(kept, error))?;
    // What was not asked for is equal by the digests of both ends, and what was sent is proved.
    meter.draw(|map| {
        map.turn(MapState::Unread, MapState::Equal);
        if task.apply && task.proof != Proof::Nothing {
            map.turn(MapState::Sent, MapState::Verified);
        }
    });
    let to_send = ByteCount(near.to_send.load(Ordering::Relaxed));
    let unread = near.unread.into_inner();
    let (unread, widened) = unread.unwrap_or_else(PoisonError::into_inner).finish();
    notes.extend(widened);
    let said = near.told.into_inner();
    notes.extend(said.unwrap_or_else(PoisonError::into_inner));
    seal(task, &mut sides, &mut notes)?;
    let side = Side::Target;
    notes.extend(match far {
        FarDigests::None => None,
        FarDigests::Believed(_) => Some(Note::DigestsBelieved { side }),
        FarDigests::Disbelieved(why) => Some(Note::DigestsDiscarded { side, why }),
    });
    notes.extend(source.note());
    let why = NotKept::NotAlone;
    let not_kept = outcome
        .not_alone
        .then_some(Note::DigestsNotMade { side, why });
    notes.extend(not_kept);
    meter.update(|counters| {
        counters.written = ByteCount(outcome.written);
        counters.verified = ByteCount(outcome.verified);
        counters.repaired = ByteCount(outcome.repaired);
        counters.reread += ByteCount(outcome.reread);
        counters.hashed += ByteCount(outcome.hashed);
    });
    meter.set_phase(DiskPhase::Done);
    let report = Report {
        counters: meter.counters(),
        to_send,
        sampled: None,
        unread,
        notes,
    };
    Ok((report, ByteCount(wire)))
}

/// Opens what is kept of the source, or begins it.
fn open_digests(
    digests: Option<&Digests>,
    groups: Groups,
    notes: &mut Vec<Note>,
) -> Result<Sides, MoverError> {
    let digests = BothDigests {
        source: digests.cloned(),
        target: None,
    };
    Sides::open(&digests, groups.shape(), Keeping::WHOLE, notes)
}

/// Digests of which one was wrong are not believed again.
fn distrust(kept: Option<&Kept>, error: &MoverError) {
    let wrong = matches!(
        error,
        MoverError::Unproved
            | MoverError::DigestsWrong { .. }
            | MoverError::Digests {
                source: StoreError::Damaged { .. },
                ..
            }
    );
    if let (true, Some(kept)) = (wrong, kept) {
        kept.distrust();
    }
}

/// Keeps the source's digests, if they were made.
fn seal(task: &Remote, sides: &mut Sides, notes: &mut Vec<Note>) -> Result<(), MoverError> {
    if sides.kept(Side::Source).is_some_and(Kept::is_changed) {
        // What is only in the host's cache could be other content after a power loss.
        let flushed = task.source.flush();
        flushed.map_err(|source| MoverError::Flush { source })?;
    }
    sides.seal(notes)
}
