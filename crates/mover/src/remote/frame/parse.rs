//! Frames from bytes that anybody may have sent.

use blockmap::{Node, RowAt};
use model::ByteRange;

use super::{
    DATA, DROPPED, FarDigests, Frame, LEFT, Outcome, PART, REPAIRED, SEEDED, SEEDS, SETTLE,
    SETTLED, Terms, WANT, WITHIN,
};
use crate::{
    Disbelieved,
    remote::{
        fault::Failure,
        pack::Codec,
        parts::{HELLO, blocks, number, take},
    },
};

/// A frame from its kind and its payload; none where they make no sense.
pub(super) fn frame(kind: u8, payload: &[u8]) -> Option<Frame> {
    let mut rest = payload;
    let frame = match kind {
        1 => Frame::Begin(Terms::take(&mut rest)?),
        2 if take::<8>(&mut rest)? == HELLO => Frame::Ready(match rest.len() {
            0 => FarDigests::None,
            1 => {
                let [code] = take(&mut rest)?;
                FarDigests::Disbelieved(Disbelieved::from_code(code)?)
            }
            _ => FarDigests::Believed(Node(take(&mut rest)?)),
        }),
        WITHIN => {
            let mut ranges = Vec::with_capacity(rest.len() / 16);
            while !rest.is_empty() {
                ranges.push(ByteRange::new(number(&mut rest)?, number(&mut rest)?));
            }
            Frame::Within { ranges }
        }
        11 => Frame::Ask(row_at(&mut rest)?),
        12 => Frame::Nodes {
            at: row_at(&mut rest)?,
            nodes: blocks(&mut rest)?,
        },
        3 => {
            let group = number(&mut rest)?;
            let blocks = blocks(&mut rest)?;
            Frame::Digests { group, blocks }
        }
        4 => Frame::ZeroGroups {
            first: number(&mut rest)?,
            count: number(&mut rest)?,
        },
        DATA => {
            let start = number(&mut rest)?;
            let len = u32::from_le_bytes(take(&mut rest)?);
            let digest = take(&mut rest)?;
            let [code] = take(&mut rest)?;
            let codec = Codec::from_code(code)?;
            let bytes = std::mem::take(&mut rest).to_vec();
            Frame::Data {
                start,
                len,
                digest,
                codec,
                bytes,
            }
        }
        6 => Frame::Zero {
            start: number(&mut rest)?,
            len: number(&mut rest)?,
        },
        LEFT => Frame::Left {
            start: number(&mut rest)?,
            len: u32::from_le_bytes(take(&mut rest)?),
        },
        PART => Frame::Part {
            start: number(&mut rest)?,
            bytes: std::mem::take(&mut rest).to_vec(),
        },
        7 => Frame::GroupDone {
            group: number(&mut rest)?,
        },
        8 => Frame::Done {
            root: take(&mut rest)?,
        },
        9 => Frame::Proved(Outcome::take(&mut rest)?),
        10 => {
            let head = take(&mut rest)?;
            Frame::Failed(Failure::parse(head, std::mem::take(&mut rest))?)
        }
        DROPPED => Frame::Dropped {
            seed: u32::from_le_bytes(take(&mut rest)?),
        },
        SETTLE => Frame::Settle,
        SETTLED => Frame::Settled,
        WANT => Frame::Want {
            start: number(&mut rest)?,
            len: u32::from_le_bytes(take(&mut rest)?),
            seeded: take::<1>(&mut rest)? != [0],
        },
        REPAIRED => Frame::Repaired {
            start: number(&mut rest)?,
            len: u32::from_le_bytes(take(&mut rest)?),
        },
        SEEDS => {
            let (prefixes, odd) = std::mem::take(&mut rest).as_chunks::<8>();
            rest = odd;
            let prefixes = prefixes.iter().map(|it| u64::from_le_bytes(*it)).collect();
            Frame::Seeds { prefixes }
        }
        SEEDED => Frame::Seeded {
            start: number(&mut rest)?,
            len: u32::from_le_bytes(take(&mut rest)?),
            digest: take(&mut rest)?,
        },
        _ => return None,
    };
    rest.is_empty().then_some(frame)
}

fn row_at(rest: &mut &[u8]) -> Option<RowAt> {
    Some(RowAt {
        level: u32::from_le_bytes(take(rest)?),
        row: number(rest)?,
    })
}
