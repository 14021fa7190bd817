//! Bulk compressors: bytes to fewer bytes and back, with a history that outlives the message.
//!
//! They are part of the wire, so this is the one module of the crate that `oriel-protocol` uses.

pub mod zgfx;

use thiserror::Error;

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
    /// The segment is packed by another compressor than this one.
    #[error("compression type {0} where RDP 8.0 was expected")]
    UnsupportedCompression(u8),
    /// A bit sequence that stands for nothing.
    #[error("reserved bit sequence in compressed data")]
    ReservedToken,
    /// A match reaches further back than the history does.
    #[error("match distance of {0} bytes exceeds the history")]
    DistanceTooLong(u32),
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
