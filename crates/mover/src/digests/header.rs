//! The first page of a digest file: whose digests these are and whether they may be believed.

use blockmap::{BlockSize, Node, TreeShape};
use model::ByteCount;

use super::Disbelieved;

/// Names the format and its version.
const MAGIC: &[u8; 8] = b"LFDGST02";
/// Bytes of a header.
pub(super) const HEADER: usize = 4096;
/// No text is longer.
const LONGEST: usize = 1500;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) shape: TreeShape,
    pub(super) identity: String,
    /// Digests of blocks that were not written since this are right, whatever the state says of
    /// the others; of nothing when it is empty.
    pub(super) base: String,
    /// Which task changed it last, as [`super::name_of`] has it.
    pub(super) by: String,
    pub(super) state: State,
}

/// Whether what follows may be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A run is changing it, or did not come to its end.
    Open,
    /// The whole tree of the disk's content as of a generation.
    Clean {
        /// The disk's stamp.
        generation: String,
        /// Of the tree.
        root: Node,
    },
}

impl Header {
    /// The page; none when its texts are too long for it.
    pub(super) fn page(&self) -> Option<Vec<u8>> {
        let mut page = MAGIC.to_vec();
        page.extend(self.shape.size.0.to_le_bytes());
        page.extend(self.shape.block.bytes().to_le_bytes());
        let (clean, generation, root) = match &self.state {
            State::Open => (0, "", Node::ZERO),
            State::Clean { generation, root } => (1, generation.as_str(), *root),
        };
        page.push(clean);
        page.extend(root.0);
        for text in [&*self.identity, generation, &*self.base, &*self.by] {
            if text.len() > LONGEST {
                return None;
            }
            page.extend(u16::try_from(text.len()).ok()?.to_le_bytes());
            page.extend(text.as_bytes());
        }
        if page.len() > HEADER - 4 {
            return None;
        }
        page.resize(HEADER - 4, 0);
        let sum = crc32c::crc32c(&page);
        page.extend(sum.to_le_bytes());
        Some(page)
    }

    /// Reads a page.
    ///
    /// # Errors
    /// [`Disbelieved::NotDigests`], [`Disbelieved::Damaged`].
    pub(super) fn parse(page: &[u8]) -> Result<Self, Disbelieved> {
        if !page.starts_with(MAGIC) {
            return Err(Disbelieved::NotDigests);
        }
        let (body, sum) = page.split_last_chunk::<4>().ok_or(Disbelieved::Damaged)?;
        if crc32c::crc32c(body).to_le_bytes() != *sum {
            return Err(Disbelieved::Damaged);
        }
        fields(&body[MAGIC.len()..]).ok_or(Disbelieved::Damaged)
    }
}

fn fields(mut rest: &[u8]) -> Option<Header> {
    let size = ByteCount(u64::from_le_bytes(take(&mut rest)?));
    let block = u32::try_from(u64::from_le_bytes(take(&mut rest)?)).ok()?;
    let block = BlockSize::new(block)?;
    let [clean] = take(&mut rest)?;
    let root = Node(take(&mut rest)?);
    let identity = text(&mut rest)?;
    let generation = text(&mut rest)?;
    let base = text(&mut rest)?;
    let by = text(&mut rest)?;
    let state = match clean {
        0 => State::Open,
        1 => State::Clean { generation, root },
        _ => return None,
    };
    Some(Header {
        shape: TreeShape { size, block },
        identity,
        base,
        by,
        state,
    })
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let len = usize::from(u16::from_le_bytes(take(rest)?));
    let (text, after) = rest.split_at_checked(len)?;
    *rest = after;
    String::from_utf8(text.to_vec()).ok()
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}
