//! Bulk compressors: bytes to fewer bytes and back, with a history that outlives the message.
//!
//! They are part of the wire, so this is the one module of the crate that `oriel-protocol` uses.

//!
//! | module | name on the wire | history | used by |
//! |---|---|---|---|
//! | [`mppc`] | RDP 4.0, RDP 5.0 | 8 or 64 KiB | updates, share data, channel chunks |
//! | [`ncrush`] | RDP 6.0 | 64 KiB | the same, from servers |
//! | [`xcrush`] | RDP 6.1 | 2,000,000 bytes, and 64 KiB behind that | the same, from servers |
//! | [`zgfx`] | RDP 8.0 | 2,500,000 bytes, or 8 KiB | the graphics pipeline, dynamic channels |
//!
//! The first three are chosen message by message: [`BulkDecompressor`] and [`BulkCompressor`].

mod bits;
mod compressor;
mod decompressor;
mod matches;
pub mod mppc;
pub mod ncrush;
pub mod xcrush;
pub mod zgfx;

use thiserror::Error;

pub use compressor::BulkCompressor;
pub use decompressor::BulkDecompressor;

/// The message is compressed (`[MS-RDPBCGR] 3.1.8.2.1`).
pub const PACKET_COMPRESSED: u8 = 0x20;
/// The expanded message goes to the front of the history; RDP 6.0 first moves half of it there.
pub const PACKET_AT_FRONT: u8 = 0x40;
/// The history begins anew, ahead of this message.
pub const PACKET_FLUSHED: u8 = 0x80;
/// Flags of a message that name its compressor.
pub const COMPRESSION_TYPE_MASK: u8 = 0x0F;

/// The compressors that are chosen by message, in order: who takes one takes those before it
/// (`[MS-RDPBCGR] 2.2.1.11.1.1`, `PACKET_COMPR_TYPE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum CompressionLevel {
    /// RDP 4.0: MPPC with 8 KiB of history.
    K8 = 0,
    /// RDP 5.0: MPPC with 64 KiB of history.
    K64 = 1,
    /// RDP 6.0: NCRUSH.
    Rdp6 = 2,
    /// RDP 6.1: XCRUSH.
    Rdp61 = 3,
}

impl CompressionLevel {
    /// Every one, the weakest first.
    pub const ALL: [Self; 4] = [Self::K8, Self::K64, Self::Rdp6, Self::Rdp61];

    /// The compressor that a message's flags name.
    ///
    /// # Errors
    /// Where it is none of these.
    pub fn from_flags(flags: u8) -> Result<Self, BulkError> {
        let kind = flags & COMPRESSION_TYPE_MASK;
        let level = Self::ALL.get(usize::from(kind));
        level
            .copied()
            .ok_or(BulkError::UnsupportedCompression(kind))
    }

    /// Most bytes of a message that its compressor can pack.
    pub const fn max_message_bytes(self) -> usize {
        match self {
            Self::K8 => mppc::Compressor::max_message_bytes(mppc::Form::K8),
            Self::K64 => mppc::Compressor::max_message_bytes(mppc::Form::K64),
            Self::Rdp6 => ncrush::Compressor::MAX_MESSAGE_BYTES,
            Self::Rdp61 => xcrush::Compressor::MAX_MESSAGE_BYTES,
        }
    }
}

/// Why compressed bytes could not be expanded. All of these are the peer's doing.
///
/// A history that saw half a message is worth nothing: after an error the decompressor is no
/// longer in step with the peer's compressor, and the channel it serves must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BulkError {
    /// The data ends inside a header, a segment or a token.
    #[error("compressed data ends too early")]
    Truncated,
    /// The first byte is neither that of a single segment nor that of several.
    #[error("unknown segment descriptor {0:#04x}")]
    UnknownDescriptor(u8),
    /// The data is packed by a compressor that is not known here.
    #[error("compression type {0} is not known here")]
    UnsupportedCompression(u8),
    /// A bit sequence that stands for nothing.
    #[error("reserved bit sequence in compressed data")]
    ReservedToken,
    /// A match reaches further back than the history does.
    #[error("match distance of {0} bytes exceeds the history")]
    DistanceTooLong(u32),
    /// A match reaches to where the history has nothing, or to itself.
    #[error("match distance or place {0} is not in the history")]
    InvalidDistance(u32),
    /// The message does not fit where its flags put it in the history.
    #[error("compressed message expands beyond the history")]
    HistoryOverflow,
    /// A history is to be moved that is not half full.
    #[error("history moved before it was half full")]
    HistoryUnderflow,
    /// A match is to be placed where the message was filled before.
    #[error("matches are not in the order of their places")]
    MatchOutOfOrder,
    /// A compressed segment holds more than 65,535 bytes.
    #[error("compressed segment expands to more than 65535 bytes")]
    SegmentTooLong,
    /// The message is larger than any that this side takes.
    #[error("message of {0} bytes exceeds the limit")]
    MessageTooLong(u64),
    /// The segments together hold another number of bytes than their header says.
    #[error("segments hold {actual} bytes, their header says {stated}")]
    SizeMismatch {
        /// What the header says.
        stated: u32,
        /// What the segments hold.
        actual: u64,
    },
}
