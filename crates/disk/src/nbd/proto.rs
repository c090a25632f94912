//! Constants of the protocol.

pub(super) const MAGIC: u64 = 0x4e42_444d_4147_4943; // NBDMAGIC
pub(super) const OPTION_MAGIC: u64 = 0x4948_4156_454f_5054; // IHAVEOPT
pub(super) const OPTION_REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
pub(super) const REQUEST_MAGIC: u32 = 0x2560_9513;
pub(super) const EXTENDED_REQUEST_MAGIC: u32 = 0x21e4_1c71;
pub(super) const SIMPLE_REPLY_MAGIC: u32 = 0x6744_6698;
pub(super) const STRUCTURED_REPLY_MAGIC: u32 = 0x668e_33ef;
pub(super) const EXTENDED_REPLY_MAGIC: u32 = 0x6e8a_278c;

pub(super) const FLAG_FIXED_NEWSTYLE: u16 = 1;
pub(super) const FLAG_NO_ZEROES: u16 = 2;

pub(super) const OPT_STARTTLS: u32 = 5;
pub(super) const OPT_GO: u32 = 7;
pub(super) const OPT_STRUCTURED_REPLY: u32 = 8;
pub(super) const OPT_SET_META_CONTEXT: u32 = 10;
pub(super) const OPT_EXTENDED_HEADERS: u32 = 11;

pub(super) const REP_ACK: u32 = 1;
pub(super) const REP_INFO: u32 = 3;
pub(super) const REP_META_CONTEXT: u32 = 4;
/// Replies from here on are errors.
pub(super) const REP_ERROR: u32 = 1 << 31;

pub(super) const INFO_BLOCK_SIZE: u16 = 3;

/// What an export can do.
pub(super) mod export {
    pub(in super::super) const READ_ONLY: u16 = 1 << 1;
    pub(in super::super) const SEND_FLUSH: u16 = 1 << 2;
    pub(in super::super) const SEND_WRITE_ZEROES: u16 = 1 << 6;
    pub(in super::super) const CAN_MULTI_CONN: u16 = 1 << 8;
}

pub(super) const CMD_READ: u16 = 0;
pub(super) const CMD_WRITE: u16 = 1;
pub(super) const CMD_DISC: u16 = 2;
pub(super) const CMD_FLUSH: u16 = 3;
pub(super) const CMD_WRITE_ZEROES: u16 = 6;
pub(super) const CMD_BLOCK_STATUS: u16 = 7;

/// What a request asks for beside its command.
pub(super) mod flag {
    pub(in super::super) const PAYLOAD_LEN: u16 = 1 << 5;
}

pub(super) const REPLY_FLAG_DONE: u16 = 1;
pub(super) const REPLY_NONE: u16 = 0;
pub(super) const REPLY_OFFSET_DATA: u16 = 1;
pub(super) const REPLY_OFFSET_HOLE: u16 = 2;
pub(super) const REPLY_BLOCK_STATUS: u16 = 5;
pub(super) const REPLY_BLOCK_STATUS_EXT: u16 = 6;
/// Chunks of these types are errors.
pub(super) const REPLY_ERROR: u16 = 1 << 15;

/// The context that tells what reads as zeroes.
pub(super) const ALLOCATION: &str = "base:allocation";
/// Contexts of QEMU that tell what was written since a bitmap began.
pub(super) const DIRTY_BITMAP: &str = "qemu:dirty-bitmap:";

/// A range of `base:allocation` that reads as zeroes.
pub(super) const STATE_ZERO: u32 = 1 << 1;
/// A range of a dirty bitmap that was written.
pub(super) const STATE_DIRTY: u32 = 1;

/// No payload is longer, whatever a peer says: the specification's own bound.
pub(super) const MOST_PAYLOAD: u32 = 32 * 1024 * 1024;

/// How requests and replies are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Headers {
    /// One reply per request, and lengths of 32 bits.
    Simple,
    /// Replies in chunks.
    Structured,
    /// Replies in chunks, and lengths of 64 bits both ways.
    Extended,
}
