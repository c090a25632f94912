//! What travels between the ends: a kind, a length, a payload. Numbers are little endian.
//!
//! A head of 13 bytes: the kind, the payload's length, a CRC-32C of these two, and one of the
//! payload. The first check keeps a damaged length from being waited for: nobody would ever send
//! so much. The content of a block has no part in the second: its digest travels with it, and is
//! checked by whoever writes it.

mod parse;

use std::io::{self, Read, Write};

use blockmap::RowAt;
use model::{ByteCount, ByteRange};

pub(super) use super::parts::{FarDigests, Outcome, Terms, Theirs};
use super::{
    fault::Failure,
    pack::Codec,
    parts::{HELLO, put_blocks},
};

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
const LEFT: u8 = 27;
const PART: u8 = 28;
const WITHIN: u8 = 29;
/// Of a block's payload, what comes before its content.
const BEFORE_CONTENT: usize = 45;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Near: what is asked for.
    Begin(Terms),
    /// Near: some of the ranges that are asked for, in order.
    Within { ranges: Vec<ByteRange> },
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
    /// Near: a block that cannot be read as a whole. It has no part in the roots.
    Left { start: u64, len: u32 },
    /// Near: what can be read of a block that is left.
    Part { start: u64, bytes: Vec<u8> },
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
        self.put(&mut head);
        let body = self.body();
        finish(self.kind(), &mut head, body)?;
        to.write_all(&head)?;
        to.write_all(body)?;
        Ok((head.len() + body.len()) as u64)
    }

    /// The kind, as it travels.
    const fn kind(&self) -> u8 {
        match self {
            Self::Begin(_) => 1,
            Self::Ready(_) => 2,
            Self::Digests { .. } => 3,
            Self::ZeroGroups { .. } => 4,
            Self::Data { .. } => DATA,
            Self::Zero { .. } => 6,
            Self::GroupDone { .. } => 7,
            Self::Done { .. } => 8,
            Self::Proved(_) => 9,
            Self::Failed(_) => 10,
            Self::Ask(_) => 11,
            Self::Nodes { .. } => 12,
            Self::Settle => SETTLE,
            Self::Settled => SETTLED,
            Self::Want { .. } => WANT,
            Self::Repaired { .. } => REPAIRED,
            Self::Seeds { .. } => SEEDS,
            Self::Seeded { .. } => SEEDED,
            Self::Dropped { .. } => DROPPED,
            Self::Left { .. } => LEFT,
            Self::Part { .. } => PART,
            Self::Within { .. } => WITHIN,
        }
    }

    /// The end of the payload, which is sent from where it lies.
    fn body(&self) -> &[u8] {
        match self {
            Self::Data { bytes, .. } | Self::Part { bytes, .. } => bytes,
            Self::Failed(failure) => failure.words.as_bytes(),
            Self::Begin(_)
            | Self::Within { .. }
            | Self::Ready(_)
            | Self::Ask(_)
            | Self::Nodes { .. }
            | Self::Digests { .. }
            | Self::ZeroGroups { .. }
            | Self::Zero { .. }
            | Self::Left { .. }
            | Self::GroupDone { .. }
            | Self::Done { .. }
            | Self::Seeds { .. }
            | Self::Seeded { .. }
            | Self::Settle
            | Self::Want { .. }
            | Self::Settled
            | Self::Repaired { .. }
            | Self::Proved(_)
            | Self::Dropped { .. } => &[],
        }
    }

    /// Puts the payload behind the head, but for its [`Frame::body`].
    fn put(&self, head: &mut Vec<u8>) {
        match self {
            Self::Begin(terms) => terms.put(head),
            Self::Within { ranges } => {
                for range in ranges {
                    head.extend(range.start.to_le_bytes());
                    head.extend(range.len.to_le_bytes());
                }
            }
            Self::Ready(digests) => {
                head.extend(HELLO);
                match digests {
                    FarDigests::None => {}
                    FarDigests::Believed(root) => head.extend(root.0),
                    FarDigests::Disbelieved(why) => head.push(why.code()),
                }
            }
            Self::Ask(at) => put_row(head, *at),
            Self::Nodes { at, nodes } => {
                put_row(head, *at);
                put_blocks(head, nodes);
            }
            Self::Digests { group, blocks } => {
                head.extend(group.to_le_bytes());
                put_blocks(head, blocks);
            }
            Self::Data {
                start,
                len,
                digest,
                codec,
                ..
            } => {
                place(head, *start, *len);
                head.extend(digest);
                head.push(codec.code());
            }
            Self::ZeroGroups {
                first: start,
                count: len,
            }
            | Self::Zero { start, len } => {
                head.extend(start.to_le_bytes());
                head.extend(len.to_le_bytes());
            }
            Self::Left { start, len } | Self::Repaired { start, len } => place(head, *start, *len),
            Self::GroupDone { group: start } | Self::Part { start, .. } => {
                head.extend(start.to_le_bytes());
            }
            Self::Done { root } => head.extend(root),
            Self::Proved(outcome) => outcome.put(head),
            Self::Want { start, len, seeded } => {
                place(head, *start, *len);
                head.push(u8::from(*seeded));
            }
            Self::Seeds { prefixes } => {
                head.extend(prefixes.iter().flat_map(|prefix| prefix.to_le_bytes()));
            }
            Self::Seeded { start, len, digest } => {
                place(head, *start, *len);
                head.extend(digest);
            }
            Self::Dropped { seed } => head.extend(seed.to_le_bytes()),
            Self::Failed(failure) => head.extend(failure.head()),
            Self::Settle | Self::Settled => {}
        }
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
        parse::frame(kind[0], &payload)
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

pub(super) fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn place(head: &mut Vec<u8>, start: u64, len: u32) {
    head.extend(start.to_le_bytes());
    head.extend(len.to_le_bytes());
}

fn put_row(head: &mut Vec<u8>, at: RowAt) {
    head.extend(at.level.to_le_bytes());
    head.extend(at.row.to_le_bytes());
}
