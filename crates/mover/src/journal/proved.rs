//! What many ranges make together, in bounded memory.

use blockmap::RangeSet;
use model::{ByteCount, ByteRange};

/// Ranges that are kept at most: 2 MiB. Those of a whole disk are some dozens, for work is done
/// nearly in order.
pub(super) const MOST: usize = 1 << 17;
/// Ranges that wait to be joined with the others: joining takes as long as there are others.
const TOGETHER: usize = 1 << 14;

/// A set that forgets its shortest ranges when there are too many.
#[derive(Debug, Default)]
pub(super) struct Proved {
    set: RangeSet,
    pending: Vec<ByteRange>,
    forgotten: ByteCount,
}

impl Proved {
    pub(super) fn extend(&mut self, ranges: &[ByteRange]) {
        for ranges in ranges.chunks(TOGETHER) {
            self.pending.extend_from_slice(ranges);
            if self.pending.len() >= TOGETHER {
                self.join();
            }
        }
    }

    /// The set, and how much of it was forgotten.
    pub(super) fn finish(mut self) -> (RangeSet, ByteCount) {
        self.join();
        (self.set, self.forgotten)
    }

    fn join(&mut self) {
        self.set = RangeSet::from_ranges(self.set.iter().chain(self.pending.drain(..)));
        if self.set.iter().count() <= MOST {
            return;
        }
        let before = self.set.total();
        let mut all: Vec<ByteRange> = self.set.iter().collect();
        all.sort_unstable_by_key(|range| std::cmp::Reverse(range.len));
        all.truncate(MOST / 2);
        self.set = RangeSet::from_ranges(all);
        self.forgotten += before.saturating_sub(self.set.total());
    }

    /// Ranges in memory now.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.set.iter().count() + self.pending.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: u64 = 2_000_000;

    #[test]
    fn two_million_ranges_that_make_one_are_one() {
        let mut proved = Proved::default();
        for number in 0..MANY {
            // A few workers are ahead of each other.
            let number = number ^ 7;
            proved.extend(&[ByteRange::new(number * 4096, 4096)]);
            if number % 100_000 == 0 {
                assert!(proved.held() <= 3 * TOGETHER, "{}", proved.held());
            }
        }
        let (set, forgotten) = proved.finish();
        let all = RangeSet::from_ranges([ByteRange::new(0, MANY * 4096)]);
        assert_eq!((set, forgotten), (all, ByteCount::ZERO));
    }

    #[test]
    fn of_two_million_ranges_apart_the_longest_are_kept_and_the_rest_is_counted() {
        let mut proved = Proved::default();
        let mut total = 0;
        for number in 0..MANY {
            let len = if number % 100 == 0 { 8192 } else { 4096 };
            total += len;
            proved.extend(&[ByteRange::new(number * 16_384, len)]);
            if number % 20_000 == 0 {
                assert!(proved.held() <= MOST + 3 * TOGETHER, "{}", proved.held());
            }
        }
        let (set, forgotten) = proved.finish();
        assert!(set.iter().count() <= MOST);
        assert_eq!(set.total().0 + forgotten.0, total);
        let long = (0..MANY).step_by(100);
        for number in long {
            assert!(set.contains(ByteRange::new(number * 16_384, 8192)));
        }
    }
}
