//! A random sample of what change tracking did not name: how many blocks it takes, and which.

use std::collections::BTreeSet;

use model::ByteRange;

use crate::{BlockSize, RangeSet};

/// What a sample is to find, and how surely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// The chance, between 0 and 1, of looking at one changed block at least where more are changed
    /// than is tolerated.
    pub confidence: f64,
    /// The share, between 0 and 1, of blocks that may be changed and not found.
    pub tolerated: f64,
}

impl Default for Wanted {
    /// 99 % sure to find that more than 1 % are changed: 459 blocks.
    fn default() -> Self {
        Self {
            confidence: 0.99,
            tolerated: 0.01,
        }
    }
}

/// How many of `population` blocks to look at, so that none is found changed with a chance of at
/// most `1 - confidence` where the share `tolerated` or more of them are.
///
/// Each block that is drawn misses the changed ones with a chance of at most `1 - tolerated`, and
/// drawing without putting back makes it less with each; so `n` blocks miss them with at most
/// `(1 - tolerated)^n`, and `n = ln(1 - confidence) / ln(1 - tolerated)`, rounded up, is enough
/// whatever the population. Auditors call this discovery sampling, and quality control a plan with
/// the acceptance number 0. All are looked at where that is fewer, and where the wish cannot be met
/// otherwise.
#[must_use]
pub fn sample_size(population: u64, wanted: &Wanted) -> u64 {
    let (confidence, tolerated) = (wanted.confidence, wanted.tolerated);
    if confidence <= 0.0 {
        return 0;
    }
    if !(confidence < 1.0 && tolerated > 0.0) {
        return population;
    }
    if tolerated >= 1.0 {
        return population.min(1);
    }
    let enough = ((1.0 - confidence).ln() / (-tolerated).ln_1p()).ceil();
    whole(enough).clamp(1, population.max(1)).min(population)
}

/// A figure that is a whole number, as one; what does not fit is as much as fits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is wanted"
)]
const fn whole(figure: f64) -> u64 {
    figure as u64
}

/// The number of blocks in a set of whole blocks.
#[must_use]
pub fn population(blocks: &RangeSet, block: BlockSize) -> u64 {
    blocks
        .iter()
        .map(|range| range.len.div_ceil(block.bytes()))
        .sum()
}

/// So many different blocks out of a set of whole blocks, in order; all where it has no more. The
/// same seed draws the same.
///
/// Each choice of blocks is equally likely: Robert Floyd's algorithm, which needs memory for the
/// sample only (Bentley and Floyd, "A sample of brilliance", Communications of the ACM 30:9, 1987).
#[must_use]
pub fn sample(blocks: &RangeSet, block: BlockSize, count: u64, seed: u64) -> Vec<ByteRange> {
    let population = population(blocks, block);
    let count = count.min(population);
    let mut state = seed;
    let mut drawn = BTreeSet::new();
    for last in population - count..population {
        let number = below(next(&mut state), last + 1);
        if !drawn.insert(number) {
            drawn.insert(last);
        }
    }
    let mut ranges = blocks.iter();
    let mut at = ranges.next();
    let mut before = 0;
    let mut found = Vec::with_capacity(drawn.len());
    for number in drawn {
        while let Some(range) = at {
            let here = range.len.div_ceil(block.bytes());
            if number < before + here {
                let skip = (number - before) * block.bytes();
                let len = block.bytes().min(range.len - skip);
                found.push(ByteRange::new(range.start + skip, len));
                break;
            }
            before += here;
            at = ranges.next();
        }
    }
    found
}

/// The next number of `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014).
const fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A random number as one below `end`; its bias is `end` in 2^64.
fn below(random: u64, end: u64) -> u64 {
    let scaled = (u128::from(random) * u128::from(end)) >> 64;
    u64::try_from(scaled).unwrap_or_default()
}
