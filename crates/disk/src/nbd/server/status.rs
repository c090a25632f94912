//! Block status: what a disk and a bitmap say of a range, in as many extents as fit an answer.

use model::ByteRange;

use super::{
    super::proto::{STATE_DIRTY, STATE_HOLE, STATE_ZERO},
    export::Bitmap,
};
use crate::{Disk, DiskError, ExtentKind};

/// An answer has no more extents: a client asks on from where it ends.
const MOST_EXTENTS: usize = 16 * 1024;
/// A disk is asked about so many bytes at once: its own list stays short.
const WINDOW: u64 = 256 << 20;
/// An answer takes no more looks at the disk.
const MOST_WINDOWS: usize = 1024;

/// An extent as it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) len: u64,
    pub(super) flags: u32,
}

/// What is known of the beginning of `range` of a disk, which is not empty: one extent or more.
pub(super) fn allocation(
    disk: &dyn Disk,
    range: ByteRange,
    one: bool,
) -> Result<Vec<State>, DiskError> {
    let mut states = Vec::new();
    let mut at = range.start;
    for _ in 0..MOST_WINDOWS {
        if at >= range.end() || is_enough(&states, one) {
            break;
        }
        let window = ByteRange::new(at, WINDOW.min(range.end() - at));
        for extent in disk.extents(window)? {
            let flags = match extent.kind {
                ExtentKind::Data => 0,
                ExtentKind::Zero => STATE_HOLE | STATE_ZERO,
            };
            push(&mut states, extent.range.len, flags);
        }
        at = window.end();
    }
    states.truncate(if one { 1 } else { MOST_EXTENTS });
    Ok(states)
}

/// Whether another look could only lengthen what is cut off.
fn is_enough(states: &[State], one: bool) -> bool {
    states.len() > if one { 1 } else { MOST_EXTENTS }
}

/// What a bitmap says of the beginning of `range`, which is not empty: one extent or more.
pub(super) fn dirty(bitmap: &Bitmap, range: ByteRange, one: bool) -> Vec<State> {
    let mut states = Vec::new();
    let mut at = range.start;
    for dirty in bitmap.from(at) {
        if dirty.start >= range.end() || is_enough(&states, one) {
            break;
        }
        let start = dirty.start.max(at);
        let end = dirty.end().min(range.end());
        push(&mut states, start - at, 0);
        push(&mut states, end - start, STATE_DIRTY);
        at = end;
    }
    if !is_enough(&states, one) {
        push(&mut states, range.end() - at, 0);
    }
    states.truncate(if one { 1 } else { MOST_EXTENTS });
    states
}

fn push(states: &mut Vec<State>, len: u64, flags: u32) {
    match states.last_mut() {
        _ if len == 0 => {}
        Some(last) if last.flags == flags => last.len += len,
        _ => states.push(State { len, flags }),
    }
}

#[cfg(test)]
mod tests {
    //! A bitmap against one flag per byte.

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bitmap_says_of_each_byte_what_the_ranges_say(
            ranges in proptest::collection::vec((0_u64..200, 0_u64..30), 0..12),
            start in 0_u64..200,
            len in 1_u64..200,
            one: bool,
        ) {
            let ranges: Vec<ByteRange> = ranges
                .into_iter()
                .map(|(start, len)| ByteRange::new(start, len))
                .collect();
            let bitmap = Bitmap::new("b".to_owned(), ranges.clone());
            let states = dirty(&bitmap, ByteRange::new(start, len), one);
            let is_dirty = |at: u64| ranges.iter().any(|it| it.start <= at && at < it.end());
            let mut at = start;
            for state in &states {
                prop_assert!(state.len > 0);
                for byte in at..at + state.len {
                    prop_assert_eq!(state.flags == STATE_DIRTY, is_dirty(byte));
                }
                at += state.len;
            }
            if one {
                prop_assert_eq!(states.len(), 1);
            } else {
                prop_assert_eq!(at, start + len);
            }
        }
    }
}
