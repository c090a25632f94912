//! The answer to a block status, held against what was asked for: no server makes us keep more
//! than the disk's own size explains.

use std::io;

use thiserror::Error;

/// Extents of one answer, and of one map: with 512 bytes each, half of a window of 1 GiB.
pub(super) const MOST: usize = 1 << 20;

/// A block status that no honest server answers.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadStatus {
    /// It has no extents.
    #[error("the NBD server maps no bytes")]
    Nothing,
    /// An extent is empty.
    #[error("the NBD server sent an extent without length")]
    Empty,
    /// An extent begins past what was asked for.
    #[error("the NBD server sent extents past what was asked for")]
    PastEnd,
    /// There are more extents than anybody could use.
    #[error("the NBD server sent too many extents")]
    TooMany,
}

impl From<BadStatus> for io::Error {
    fn from(bad: BadStatus) -> Self {
        Self::new(io::ErrorKind::InvalidData, bad)
    }
}

/// Checks lengths and flags that came for `asked` bytes. Only the last extent may reach past them.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(extents: &[(u64, u64)], asked: u64) -> Result<(), BadStatus> {
    if extents.is_empty() {
        return Err(BadStatus::Nothing);
    }
    let mut at = 0_u64;
    for (len, _) in extents {
        if *len == 0 {
            return Err(BadStatus::Empty);
        }
        if at >= asked {
            return Err(BadStatus::PastEnd);
        }
        at = at.saturating_add(*len);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_extent_may_reach_past_the_end_and_none_is_empty() {
        for (lengths, expected) in [
            (&[4096][..], Ok(())),
            (&[1000, u64::MAX], Ok(())),
            (&[1000, 3096], Ok(())),
            (&[], Err(BadStatus::Nothing)),
            (&[0], Err(BadStatus::Empty)),
            (&[1000, 0, 3096], Err(BadStatus::Empty)),
            (&[4096, 1], Err(BadStatus::PastEnd)),
            (&[u64::MAX, 1], Err(BadStatus::PastEnd)),
        ] {
            let extents: Vec<_> = lengths.iter().map(|len| (*len, 0)).collect();
            assert_eq!(check(&extents, 4096), expected, "{lengths:?}");
        }
    }
}
