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

pub(super) const OPT_EXPORT_NAME: u32 = 1;
pub(super) const OPT_ABORT: u32 = 2;
pub(super) const OPT_LIST: u32 = 3;
pub(super) const OPT_STARTTLS: u32 = 5;
pub(super) const OPT_INFO: u32 = 6;
pub(super) const OPT_GO: u32 = 7;
pub(super) const OPT_STRUCTURED_REPLY: u32 = 8;
pub(super) const OPT_LIST_META_CONTEXT: u32 = 9;
pub(super) const OPT_SET_META_CONTEXT: u32 = 10;
pub(super) const OPT_EXTENDED_HEADERS: u32 = 11;

pub(super) const REP_ACK: u32 = 1;
pub(super) const REP_SERVER: u32 = 2;
pub(super) const REP_INFO: u32 = 3;
pub(super) const REP_META_CONTEXT: u32 = 4;
/// Replies from here on are errors.
pub(super) const REP_ERROR: u32 = 1 << 31;
pub(super) const ERR_UNSUPPORTED: u32 = REP_ERROR | 1;
pub(super) const ERR_POLICY: u32 = REP_ERROR | 2;
pub(super) const ERR_INVALID: u32 = REP_ERROR | 3;
pub(super) const ERR_TLS_REQUIRED: u32 = REP_ERROR | 5;
pub(super) const ERR_UNKNOWN: u32 = REP_ERROR | 6;
pub(super) const ERR_BLOCK_SIZE_REQUIRED: u32 = REP_ERROR | 8;
pub(super) const ERR_EXTENDED_REQUIRED: u32 = REP_ERROR | 10;

pub(super) const INFO_EXPORT: u16 = 0;
pub(super) const INFO_NAME: u16 = 1;
pub(super) const INFO_DESCRIPTION: u16 = 2;
pub(super) const INFO_BLOCK_SIZE: u16 = 3;

/// What an export can do.
pub(super) mod export {
    pub(in super::super) const HAS_FLAGS: u16 = 1 << 0;
    pub(in super::super) const READ_ONLY: u16 = 1 << 1;
    pub(in super::super) const SEND_FLUSH: u16 = 1 << 2;
    pub(in super::super) const SEND_FUA: u16 = 1 << 3;
    pub(in super::super) const SEND_TRIM: u16 = 1 << 5;
    pub(in super::super) const SEND_WRITE_ZEROES: u16 = 1 << 6;
    pub(in super::super) const SEND_DF: u16 = 1 << 7;
    pub(in super::super) const CAN_MULTI_CONN: u16 = 1 << 8;
}

pub(super) const CMD_READ: u16 = 0;
pub(super) const CMD_WRITE: u16 = 1;
pub(super) const CMD_DISC: u16 = 2;
pub(super) const CMD_FLUSH: u16 = 3;
pub(super) const CMD_TRIM: u16 = 4;
pub(super) const CMD_WRITE_ZEROES: u16 = 6;
pub(super) const CMD_BLOCK_STATUS: u16 = 7;

/// What a request asks for beside its command.
pub(super) mod flag {
    pub(in super::super) const FUA: u16 = 1 << 0;
    pub(in super::super) const NO_HOLE: u16 = 1 << 1;
    pub(in super::super) const DF: u16 = 1 << 2;
    pub(in super::super) const REQ_ONE: u16 = 1 << 3;
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

/// Errors of the protocol: the numbers of Linux.
pub(super) mod errno {
    pub(in super::super) const PERM: u32 = 1;
    pub(in super::super) const IO: u32 = 5;
    pub(in super::super) const NO_MEMORY: u32 = 12;
    pub(in super::super) const INVALID: u32 = 22;
    pub(in super::super) const NO_SPACE: u32 = 28;
    pub(in super::super) const NOT_SUPPORTED: u32 = 95;
    pub(in super::super) const SHUTDOWN: u32 = 108;
}

/// The context that tells what reads as zeroes.
pub(super) const ALLOCATION: &str = "base:allocation";
/// Contexts of QEMU that tell what was written since a bitmap began.
pub(super) const DIRTY_BITMAP: &str = "qemu:dirty-bitmap:";

/// A range of `base:allocation` that is not allocated.
pub(super) const STATE_HOLE: u32 = 1;
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
