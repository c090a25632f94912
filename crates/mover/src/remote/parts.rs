//! What frames are made of, and how each part is put into bytes and taken out of them.

use blockmap::Node;

use super::root::GROUP;
use crate::Disbelieved;

/// Names this protocol and its version.
pub(super) const HELLO: [u8; 8] = *b"LFDISK07";

/// How the far end proves what it wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) size: u64,
    pub(super) block: u32,
    /// Flush, and read back from the device.
    pub(super) device: bool,
    /// Write nothing.
    pub(super) dry_run: bool,
    /// Only ranges of the disk: so many follow.
    pub(super) within: Option<u64>,
    /// The root of the source's kept digests, where they are believed.
    pub(super) root: Option<Node>,
}

impl Terms {
    pub(super) fn put(&self, head: &mut Vec<u8>) {
        head.extend(HELLO);
        head.extend(self.size.to_le_bytes());
        head.extend(self.block.to_le_bytes());
        head.push(u8::from(self.device));
        head.push(u8::from(self.dry_run));
        head.push(u8::from(self.within.is_some()));
        head.extend(self.within.unwrap_or_default().to_le_bytes());
        head.extend(self.root.iter().flat_map(|root| root.0));
    }

    /// Whether a near end that began with `first` may go on with these.
    pub(super) fn is_more_of(&self, first: &Self) -> bool {
        let within = first.within;
        self.within.is_some() && Self { within, ..*self } == *first
    }

    pub(super) fn take(rest: &mut &[u8]) -> Option<Self> {
        if take::<8>(rest)? != HELLO {
            return None;
        }
        Some(Self {
            size: number(rest)?,
            block: u32::from_le_bytes(take(rest)?),
            device: take::<1>(rest)? != [0],
            dry_run: take::<1>(rest)? != [0],
            within: {
                let is_part = take::<1>(rest)? != [0];
                let ranges = number(rest)?;
                is_part.then_some(ranges)
            },
            root: if rest.is_empty() {
                None
            } else {
                take(rest).map(Node).map(Some)?
            },
        })
    }
}

/// What the far end knows before it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FarDigests {
    /// None are kept.
    None,
    /// They are believed, with this root.
    Believed(Node),
    /// Some were kept, and are not believed.
    Disbelieved(Disbelieved),
}

/// What a block is at the far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theirs {
    /// Known to be zero, and not read.
    Hole,
    /// Read, and zero.
    Zero,
    /// The first half of its digest.
    Digest([u8; 16]),
}

/// What the far end says at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) root: [u8; 32],
    pub(super) written: u64,
    pub(super) verified: u64,
    pub(super) repaired: u64,
    /// Read back to prove, and to repair.
    pub(super) reread: u64,
    /// Digested: what was read, what arrived and what was read back.
    pub(super) hashed: u64,
    /// The digests that were made of the target are not kept: somebody else wrote it.
    pub(super) not_alone: bool,
}

impl Outcome {
    pub(super) fn put(&self, head: &mut Vec<u8>) {
        head.extend(self.root);
        for number in [
            self.written,
            self.verified,
            self.repaired,
            self.reread,
            self.hashed,
        ] {
            head.extend(number.to_le_bytes());
        }
        head.push(u8::from(self.not_alone));
    }

    pub(super) fn take(rest: &mut &[u8]) -> Option<Self> {
        Some(Self {
            root: take(rest)?,
            written: number(rest)?,
            verified: number(rest)?,
            repaired: number(rest)?,
            reread: number(rest)?,
            hashed: number(rest)?,
            not_alone: take::<1>(rest)? != [0],
        })
    }
}

/// A bit for each block, set where `is` says so.
fn bitmap(blocks: &[Theirs], is: impl Fn(&Theirs) -> bool) -> impl Iterator<Item = u8> {
    blocks.chunks(8).map(move |eight| {
        let bits = eight.iter().enumerate();
        bits.fold(0, |byte, (bit, block)| byte | u8::from(is(block)) << bit)
    })
}

pub(super) fn blocks(rest: &mut &[u8]) -> Option<Vec<Theirs>> {
    let count = usize::from(u16::from_le_bytes(take(rest)?));
    if count as u64 > GROUP {
        return None;
    }
    let (digests, after) = rest.split_at_checked(count.div_ceil(8))?;
    let (holes, after) = after.split_at_checked(count.div_ceil(8))?;
    *rest = after;
    let set = |bits: &[u8], index: usize| Some(bits.get(index / 8)? >> (index % 8) & 1 == 1);
    (0..count)
        .map(|index| match (set(digests, index)?, set(holes, index)?) {
            (true, false) => take(rest).map(Theirs::Digest),
            (false, true) => Some(Theirs::Hole),
            (false, false) => Some(Theirs::Zero),
            (true, true) => None,
        })
        .collect()
}

pub(super) fn put_blocks(head: &mut Vec<u8>, blocks: &[Theirs]) {
    let count = u16::try_from(blocks.len()).unwrap_or(u16::MAX);
    head.extend(count.to_le_bytes());
    head.extend(bitmap(blocks, |it| matches!(it, Theirs::Digest(_))));
    head.extend(bitmap(blocks, |it| matches!(it, Theirs::Hole)));
    for block in blocks {
        match block {
            Theirs::Digest(digest) => head.extend(digest),
            Theirs::Hole | Theirs::Zero => {}
        }
    }
}

pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

pub(super) fn number(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_le_bytes)
}
