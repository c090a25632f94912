//! The sampled check of change tracking: some blocks that it did not name are compared as well.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use blockmap::{RangeSet, Wanted, population, sample as draw, sample_size};
use disk::ExtentKind;
use model::{ByteCount, ByteRange};

use crate::{
    MoverError,
    buffer::Buffer,
    compare::{is_zero, length},
    error::Side,
    io::Io,
};

/// How the ranges of a task are checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Draws the blocks: the same ones each time.
    pub seed: u64,
    /// What the sample is to find, and how surely.
    pub wanted: Wanted,
}

impl Sample {
    /// The default wish, and a seed that nobody chose: from a name that is new for each pass.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let digest = blake3::hash(name.as_bytes());
        let seed = digest.as_bytes().first_chunk::<8>();
        Self {
            seed: u64::from_le_bytes(seed.copied().unwrap_or_default()),
            wanted: Wanted::default(),
        }
    }
}

/// What became of the check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampled {
    /// How it was done.
    pub sample: Sample,
    /// Blocks outside the ranges.
    pub population: u64,
    /// Of those, compared: fewer than the sample's size when one differed.
    pub compared: u64,
    /// A block outside the ranges that differs, or that cannot be read: the whole disk was compared
    /// because of it.
    pub widened: Option<ByteRange>,
}

impl Sampled {
    /// What was looked at and what it is worth, as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self {
            sample,
            population,
            compared,
            widened,
        } = self;
        let seed = sample.seed;
        let looked =
            format!("{compared} of {population} blocks outside were compared (seed {seed:x})");
        match widened {
            Some(block) => format!("{looked}, and the block at {} differed", block.start),
            None if compared == population => format!("{looked}: all of them, and all equal"),
            None => {
                let Wanted {
                    confidence,
                    tolerated,
                } = sample.wanted;
                let (sure, missed) = (confidence * 100.0, tolerated * 100.0);
                format!("{looked}, all equal: {sure} % sure that fewer than {missed} % differ")
            }
        }
    }
}

/// Compares a sample of the whole blocks in `outside`, until one differs.
///
/// # Errors
/// Of maps and reads, and [`MoverError::Cancelled`].
pub(crate) fn check(
    io: Io<'_>,
    sample: Sample,
    outside: &RangeSet,
    lanes: usize,
) -> Result<Sampled, MoverError> {
    let population = population(outside, io.task.block);
    let size = sample_size(population, &sample.wanted);
    let round = Round {
        io,
        blocks: draw(outside, io.task.block, size, sample.seed),
        next: AtomicUsize::new(0),
        compared: AtomicUsize::new(0),
        differs: Mutex::new(None),
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..lanes.min(round.blocks.len()))
            .map(|_| scope.spawn(|| round.work()))
            .collect();
        workers.into_iter().try_for_each(|worker| {
            let ended = worker.join();
            // A panic of a worker goes on here.
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })?;
    Ok(Sampled {
        sample,
        population,
        compared: round.compared.into_inner() as u64,
        widened: *round.differs.lock().unwrap_or_else(PoisonError::into_inner),
    })
}

struct Round<'a> {
    io: Io<'a>,
    blocks: Vec<ByteRange>,
    next: AtomicUsize,
    compared: AtomicUsize,
    differs: Mutex<Option<ByteRange>>,
}

impl Round<'_> {
    fn found(&self) -> std::sync::MutexGuard<'_, Option<ByteRange>> {
        self.differs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) -> Result<(), MoverError> {
        let (mut source, mut target) = (Buffer::default(), Buffer::default());
        while self.found().is_none() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(block) = self.blocks.get(number) else {
                return Ok(());
            };
            let equal = self.is_equal(*block, &mut source, &mut target)?;
            self.compared.fetch_add(1, Ordering::Relaxed);
            let len = ByteCount(block.len);
            self.io
                .watch
                .meter
                .update(|counters| counters.sampled += len);
            if !equal {
                self.found().get_or_insert(*block);
            }
        }
        Ok(())
    }

    fn is_equal(
        &self,
        block: ByteRange,
        source: &mut Buffer,
        target: &mut Buffer,
    ) -> Result<bool, MoverError> {
        let zero = (
            self.is_hole(Side::Source, block)?,
            self.is_hole(Side::Target, block)?,
        );
        source.resize(length(block.len));
        target.resize(length(block.len));
        if !zero.0 && !self.io.read_source(block, source)?.is_empty() {
            // Neither equal nor different: the pass over the whole disk names what is lost.
            return Ok(false);
        }
        if !zero.1 {
            self.io.read(Side::Target, block, target)?;
        }
        Ok(match zero {
            (true, true) => true,
            (true, false) => is_zero(target),
            (false, true) => is_zero(source),
            (false, false) => **source == **target,
        })
    }

    /// Whether a block is known to be zero.
    fn is_hole(&self, side: Side, block: ByteRange) -> Result<bool, MoverError> {
        let disk = match side {
            Side::Source => &self.io.task.source,
            Side::Target => &self.io.task.target,
        };
        let extents = disk.extents(block).map_err(|source| MoverError::Map {
            side,
            range: block,
            source,
        })?;
        Ok(extents.iter().all(|it| it.kind == ExtentKind::Zero))
    }
}
