//! A synchronisation as its caller sees it: what it needs, and the report of what came of it.

use std::{
    io::{Read, Write},
    sync::{Arc, PoisonError, atomic::Ordering},
};

use blockmap::{BlockSize, RangeSet, population, sample, sample_size};
use disk::Disk;
use model::{ByteCount, ByteRange, DiskCounters, DiskPhase, MapState};

use super::{
    frame::{FarDigests, Outcome},
    near::{Near, Part},
    root::Groups,
    within::{Within, frugal},
};
use crate::{
    BothDigests, Controls, Digests, Meter, MoverError, NotKept, Note, Proof, Report, Sample,
    Sampled, Scope, StoreError, Unreadable,
    digests::{Keeping, Kept, Sides},
    error::Side,
    findings::Unread,
    losses::{Watched, as_cancelled},
    watch::Watch,
};

/// A synchronisation with a far end.
#[derive(Clone, Debug)]
pub struct Remote {
    /// What is read; its content must not change.
    pub source: Arc<dyn Disk>,
    /// Which part; of ranges in very many pieces what lies between them as well.
    pub scope: Scope,
    /// How ranges are checked, where the scope is ranges: by a sample of the rest, and by nothing
    /// without one.
    pub sample: Option<Sample>,
    /// The unit of comparison.
    pub block: BlockSize,
    /// Whether to write; otherwise a dry run.
    pub apply: bool,
    /// How the far end proves what it wrote.
    pub proof: Proof,
    /// What to do with sectors of the source that cannot be read.
    pub unreadable: Unreadable,
}

/// Makes the far end's disk equal to the source within the scope and proves it by the roots of both.
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

/// [`sync`], with the place where digests of the source are kept; of ranges none are.
///
/// # Errors
/// As [`sync`], and [`MoverError::Digests`] and [`MoverError::DigestsWrong`].
pub fn sync_with_digests(
    task: &Remote,
    digests: Option<&Digests>,
    mut input: impl Read + Send,
    output: impl Write + Send,
    controls: &Controls,
    meter: &Meter,
) -> Result<(Report, ByteCount), MoverError> {
    let source = Watched::new(Side::Source, &task.source, controls);
    let size = task.source.size();
    let whole = RangeSet::from_ranges([ByteRange::new(0, size.0)]);
    let plan = Plan::of(task, &whole);
    let asked = plan.part.within.as_deref().unwrap_or(&whole);
    meter.begin(DiskCounters {
        phase: DiskPhase::Moving,
        to_scan: asked.total(),
        outside: size.saturating_sub(asked.total()),
        ..DiskCounters::default()
    });
    meter.begin_map(size, asked);
    let mut notes = Vec::new();
    let mut output = Some(output);
    let mut sums = Sums::default();
    let untold = match &plan.part.within {
        None => {
            sums.whole(
                task,
                digests,
                (controls, meter),
                (&mut input, &mut output),
                &mut notes,
            )?;
            None
        }
        Some(within) => {
            let untold = sums.part(
                task,
                &plan.part,
                (controls, meter),
                (&mut input, &mut output),
            )?;
            let why = NotKept::PartOnly;
            notes.extend(digests.map(|_| Note::DigestsNotMade {
                side: Side::Source,
                why,
            }));
            if let Some(block) = untold {
                notes.push(Note::Widened { block });
                let rest = whole.subtract(within);
                meter.update(|counters| {
                    counters.to_scan = size;
                    counters.outside = ByteCount::ZERO;
                });
                meter.draw_all(rest.iter(), MapState::Unread);
                let rest = Part {
                    within: Some(Arc::new(rest)),
                    sample: RangeSet::new(),
                };
                sums.part(task, &rest, (controls, meter), (&mut input, &mut output))?;
            }
            untold
        }
    };
    // Only now may the far end close.
    drop(output);
    // What was not asked for is equal by the digests of both ends, and what was sent is proved.
    meter.draw(|map| {
        map.turn(MapState::Unread, MapState::Equal);
        if task.apply && task.proof != Proof::Nothing {
            map.turn(MapState::Sent, MapState::Verified);
        }
    });
    let (unread, widened) = sums.unread.finish();
    notes.extend(widened);
    notes.append(&mut sums.told);
    notes.extend(source.note());
    meter.update(|counters| {
        counters.sampled = plan.part.sample.total();
        counters.written = ByteCount(sums.written);
        counters.verified = ByteCount(sums.verified);
        counters.repaired = ByteCount(sums.repaired);
        counters.reread += ByteCount(sums.reread);
        counters.hashed += ByteCount(sums.hashed);
    });
    meter.set_phase(DiskPhase::Done);
    let report = Report {
        counters: meter.counters(),
        to_send: ByteCount(sums.to_send),
        sampled: plan.sampled.map(|sampled| Sampled {
            widened: untold,
            ..sampled
        }),
        unread,
        notes,
    };
    Ok((report, ByteCount(sums.wire)))
}

impl Remote {
    fn groups(&self) -> Groups {
        Groups {
            size: self.source.size().0,
            block: self.block,
        }
    }
}

/// What is asked for at first.
struct Plan {
    part: Part,
    /// The sample that is in it; nothing was found yet.
    sampled: Option<Sampled>,
}

impl Plan {
    fn of(task: &Remote, whole: &RangeSet) -> Self {
        let Scope::Ranges(ranges) = &task.scope else {
            let part = Part::default();
            let sampled = None;
            return Self { part, sampled };
        };
        let size = task.source.size();
        let named = frugal(ranges, task.block, size);
        let Some(how) = task.sample else {
            let part = Part {
                within: Some(Arc::new(named)),
                sample: RangeSet::new(),
            };
            let sampled = None;
            return Self { part, sampled };
        };
        let outside = whole.subtract(&named);
        let population = population(&outside, task.block);
        let wanted = sample_size(population, &how.wanted);
        let drawn = sample(&outside, task.block, wanted, how.seed);
        let compared = drawn.len() as u64;
        let drawn = RangeSet::from_ranges(drawn);
        Self {
            part: Part {
                within: Some(Arc::new(frugal(&named.union(&drawn), task.block, size))),
                sample: drawn,
            },
            sampled: Some(Sampled {
                sample: how,
                population,
                compared,
                widened: None,
            }),
        }
    }
}

/// What the passes came to.
#[derive(Default)]
struct Sums {
    written: u64,
    verified: u64,
    repaired: u64,
    reread: u64,
    hashed: u64,
    to_send: u64,
    wire: u64,
    unread: Unread,
    /// What the far end said.
    told: Vec<Note>,
}

impl Sums {
    /// A pass over the whole disk.
    fn whole<W: Write + Send>(
        &mut self,
        task: &Remote,
        digests: Option<&Digests>,
        (controls, meter): (&Controls, &Meter),
        (input, output): (&mut (impl Read + Send), &mut Option<W>),
        notes: &mut Vec<Note>,
    ) -> Result<(), MoverError> {
        let groups = task.groups();
        let mut sides = open_digests(digests, groups, notes)?;
        let kept = sides.kept(Side::Source);
        let watch = Watch::new(controls, meter);
        let near = Near::new(task, groups, kept, Part::default(), &watch);
        let done = as_cancelled(near.run(input, output), controls);
        let (outcome, wire, far) = done.inspect_err(|error| distrust(kept, error))?;
        self.take(near, &outcome, wire);
        seal(task, &mut sides, notes)?;
        let side = Side::Target;
        notes.extend(match far {
            FarDigests::None => None,
            FarDigests::Believed(_) => Some(Note::DigestsBelieved { side }),
            FarDigests::Disbelieved(why) => Some(Note::DigestsDiscarded { side, why }),
        });
        let why = NotKept::NotAlone;
        let not_kept = outcome
            .not_alone
            .then_some(Note::DigestsNotMade { side, why });
        notes.extend(not_kept);
        Ok(())
    }

    /// A pass over a part; returns the block that shows that there is more.
    fn part<W: Write + Send>(
        &mut self,
        task: &Remote,
        part: &Part,
        (controls, meter): (&Controls, &Meter),
        (input, output): (&mut (impl Read + Send), &mut Option<W>),
    ) -> Result<Option<ByteRange>, MoverError> {
        let groups = task.groups();
        let within = part.within.clone().unwrap_or_default();
        let within = Remote {
            source: Arc::new(Within {
                disk: task.source.clone(),
                part: within,
            }),
            ..task.clone()
        };
        let watch = Watch::new(controls, meter);
        let near = Near::new(&within, groups, None, part.clone(), &watch);
        let done = as_cancelled(near.run(input, output), controls);
        let (outcome, wire, _) = done?;
        let untold = near.untold.lock().map_or(None, |it| *it);
        self.take(near, &outcome, wire);
        Ok(untold)
    }

    fn take(&mut self, near: Near<'_>, outcome: &Outcome, wire: u64) {
        self.written += outcome.written;
        self.verified += outcome.verified;
        self.repaired += outcome.repaired;
        self.reread += outcome.reread;
        self.hashed += outcome.hashed;
        self.to_send += near.to_send.load(Ordering::Relaxed);
        self.wire += wire;
        let unread = near.unread.into_inner();
        let unread = unread.unwrap_or_else(PoisonError::into_inner);
        self.unread.join(&unread, near.groups.size);
        let told = near.told.into_inner();
        self.told
            .extend(told.unwrap_or_else(PoisonError::into_inner));
    }
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
