//! What travels between the ends: a kind, a length, a payload. Numbers are little endian.
//!
//! A head of 13 bytes: the kind, the payload's length, a CRC-32C of these two, and one of the
//! payload. The first check keeps a damaged length from being waited for: nobody would ever send
//! so much. The content of a block has no part in the second: its digest travels with it, and is
//! checked by whoever writes it.

use std::io::{self, Read, Write};

use blockmap::{Node, RowAt};
use model::ByteCount;

pub(super) use super::parts::{FarDigests, Outcome, Terms, Theirs};
use super::{
    fault::Failure,
    pack::Codec,
    parts::{HELLO, blocks, number, put_blocks, take},
};
use crate::Disbelieved;

/// No payload is longer: a block of the largest size with its head.
const LONGEST: u32 = (1 << 20) + 4096;
/// Before the payload.
const HEAD: usize = 13;
const DATA: u8 = 5;
const SETTLE: u8 = 20;
const SETTLED: u8 = 21;
const WANT: u8 = 22;
const REPAIRED: u8 = 23;
const SEEDS: u8 = 24;
const SEEDED: u8 = 25;
const DROPPED: u8 = 26;
/// Of a block's payload, what comes before its content.
const BEFORE_CONTENT: usize = 45;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Near: what is asked for.
    Begin(Terms),
    /// Far: it can be done.
    Ready(FarDigests),
    /// Near, where both ends have digests and the roots differ: a row of the far end's tree.
    Ask(RowAt),
    /// Far: that row, above the leaves; a row of leaves travels as digests.
    Nodes { at: RowAt, nodes: Vec<Theirs> },
    /// Far: what the blocks of a group are.
    Digests { group: u64, blocks: Vec<Theirs> },
    /// Far: groups that are zero, first and count.
    ZeroGroups { first: u64, count: u64 },
    /// Near: a block that differs, with the digest of its content.
    Data {
        start: u64,
        len: u32,
        digest: [u8; 32],
        codec: Codec,
        bytes: Vec<u8>,
    },
    /// Near: a range of whole blocks that is zero at the source.
    Zero { start: u64, len: u64 },
    /// Near: all of a group was sent.
    GroupDone { group: u64 },
    /// Near: all was sent; the source's root.
    Done { root: [u8; 32] },
    /// Far: the first eight bytes of digests whose content it has; in order, before all digests.
    Seeds { prefixes: Vec<u64> },
    /// Near: a block that differs, of a content that the far end has.
    Seeded {
        start: u64,
        len: u32,
        digest: [u8; 32],
    },
    /// Near: all was sent but for what has to be repaired.
    Settle,
    /// Far: a block is not right on its device, and is wanted once more.
    Want {
        start: u64,
        len: u32,
        /// It was to come from a seed, and does not.
        seeded: bool,
    },
    /// Far: all is written and proved but for what was wanted.
    Settled,
    /// Far: a block was not right when it was read back, was written again, and is right now.
    Repaired { start: u64, len: u32 },
    /// Far: all is written and proved.
    Proved(Outcome),
    /// Far: a seed cannot be read and is used no more; by its place among them.
    Dropped { seed: u32 },
    /// Either: it cannot go on, and why.
    Failed(Failure),
}

impl Frame {
    /// Writes the frame; returns its bytes on the wire.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<u64> {
        let mut head = vec![0; HEAD];
        let (kind, body) = self.encode(&mut head);
        finish(kind, &mut head, body)?;
        to.write_all(&head)?;
        to.write_all(body)?;
        Ok((head.len() + body.len()) as u64)
    }

    /// Puts the payload behind the head, but for a body that is sent from where it lies.
    fn encode<'a>(&'a self, head: &mut Vec<u8>) -> (u8, &'a [u8]) {
        let mut body: &[u8] = &[];
        let kind = match self {
            Self::Begin(terms) => {
                terms.put(head);
                1
            }
            Self::Ready(digests) => {
                head.extend(HELLO);
                match digests {
                    FarDigests::None => {}
                    FarDigests::Believed(root) => head.extend(root.0),
                    FarDigests::Disbelieved(why) => head.push(why.code()),
                }
                2
            }
            Self::Ask(at) => {
                head.extend(at.level.to_le_bytes());
                head.extend(at.row.to_le_bytes());
                11
            }
            Self::Nodes { at, nodes } => {
                head.extend(at.level.to_le_bytes());
                head.extend(at.row.to_le_bytes());
                put_blocks(head, nodes);
                12
            }
            Self::Digests { group, blocks } => {
                head.extend(group.to_le_bytes());
                put_blocks(head, blocks);
                3
            }
            Self::ZeroGroups { first, count } => {
                head.extend(first.to_le_bytes());
                head.extend(count.to_le_bytes());
                4
            }
            Self::Data {
                start,
                len,
                digest,
                codec,
                bytes,
            } => {
                head.extend(start.to_le_bytes());
                head.extend(len.to_le_bytes());
                head.extend(digest);
                head.push(codec.code());
                body = bytes;
                DATA
            }
            Self::Zero { start, len } => {
                head.extend(start.to_le_bytes());
                head.extend(len.to_le_bytes());
                6
            }
            Self::GroupDone { group } => {
                head.extend(group.to_le_bytes());
                7
            }
            Self::Done { root } => {
                head.extend(root);
                8
            }
            Self::Proved(outcome) => {
                outcome.put(head);
                9
            }
            Self::Settle => SETTLE,
            Self::Settled => SETTLED,
            Self::Want { start, len, seeded } => {
                place(head, *start, *len);
                head.push(u8::from(*seeded));
                WANT
            }
            Self::Repaired { start, len } => {
                place(head, *start, *len);
                REPAIRED
            }
            Self::Seeds { prefixes } => {
                head.extend(prefixes.iter().flat_map(|prefix| prefix.to_le_bytes()));
                SEEDS
            }
            Self::Seeded { start, len, digest } => {
                place(head, *start, *len);
                head.extend(digest);
                SEEDED
            }
            Self::Dropped { seed } => {
                head.extend(seed.to_le_bytes());
                DROPPED
            }
            Self::Failed(failure) => {
                head.extend(failure.head());
                body = failure.words.as_bytes();
                10
            }
        };
        (kind, body)
    }

    /// Bytes of a block's content as they travel.
    pub(super) fn payload(&self) -> ByteCount {
        if let Self::Data { bytes, .. } = self {
            ByteCount(bytes.len() as u64)
        } else {
            ByteCount::ZERO
        }
    }

    /// Reads the next frame; none where the other end closed between two.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut kind = [0];
        match from.read_exact(&mut kind) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let mut rest = [0; HEAD - 1];
        from.read_exact(&mut rest)?;
        let [a, b, c, d, e, f, g, h, checks @ ..] = rest;
        let len = u32::from_le_bytes([a, b, c, d]);
        if crc32c::crc32c(&[kind[0], a, b, c, d]) != u32::from_le_bytes([e, f, g, h]) {
            return Err(wrong(
                "the other end does not speak Landfall's protocol, or its words arrived damaged",
            ));
        }
        if len > LONGEST {
            return Err(wrong("the other end sent a frame that is too long"));
        }
        let mut payload = vec![0; usize::try_from(len).unwrap_or_default()];
        from.read_exact(&mut payload)?;
        if crc32c::crc32c(checked(kind[0], &payload)) != u32::from_le_bytes(checks) {
            return Err(wrong("a frame arrived damaged"));
        }
        parse(kind[0], &payload)
            .map(Some)
            .ok_or_else(|| wrong("the other end does not speak Landfall's protocol"))
    }
}

/// Writes kind, length and checks into a frame's first bytes.
fn finish(kind: u8, head: &mut [u8], body: &[u8]) -> io::Result<()> {
    let len = head.len() - HEAD + body.len();
    let len = u32::try_from(len).map_err(|_| wrong("a frame is too long"))?;
    let mut payload_check = crc32c::crc32c(&head[HEAD..]);
    if kind != DATA {
        payload_check = crc32c::crc32c_append(payload_check, body);
    }
    head[0] = kind;
    head[1..5].copy_from_slice(&len.to_le_bytes());
    let head_check = crc32c::crc32c(&head[..5]);
    head[5..9].copy_from_slice(&head_check.to_le_bytes());
    head[9..HEAD].copy_from_slice(&payload_check.to_le_bytes());
    Ok(())
}

/// A frame of any kind and payload, with right checks.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn seal(kind: u8, payload: &[u8]) -> Vec<u8> {
    let (head, body) = payload.split_at(checked(kind, payload).len());
    let mut frame = vec![0; HEAD];
    frame.extend(head);
    finish(kind, &mut frame, body).expect("a payload that fits");
    frame.extend(body);
    frame
}

/// The part of a payload that its check covers.
fn checked(kind: u8, payload: &[u8]) -> &[u8] {
    match payload.split_at_checked(BEFORE_CONTENT) {
        Some((head, _)) if kind == DATA => head,
        _ => payload,
    }
}

fn parse(kind: u8, payload: &[u8]) -> Option<Frame> {
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

pub(super) fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn place(head: &mut Vec<u8>, start: u64, len: u32) {
    head.extend(start.to_le_bytes());
    head.extend(len.to_le_bytes());
}
