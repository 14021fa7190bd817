//! RDP 6.1 bulk compression (`[MS-RDPEGDI] 3.1.8.2`, `2.2.2.4.1`), XCRUSH for short.
//!
//! Two compressors in a chain. The first one takes long matches out of a history of two million
//! bytes and lists them ahead of the bytes that are left; the second one is MPPC with 64 KiB, and
//! packs that.
//!
//! ```text
//! flags of the first │ flags of the second │ packed by the second:
//!     count │ (length │ place in the message │ place in the history)* │ literals
//! ```

mod compressor;
mod decompressor;

pub use compressor::Compressor;
pub use decompressor::Decompressor;

/// Bytes of the first compressor's history.
const HISTORY_BYTES: usize = 2_000_000;
/// `PACKET_COMPR_TYPE_RDP61`.
const COMPRESSION_TYPE: u8 = 3;
/// Bytes of both flags.
const HEADER_BYTES: usize = 2;
/// Bytes of a match: length 2, place in the message 2, place in the history 4.
const MATCH_BYTES: usize = 8;

/// `L1_COMPRESSED`: matches are listed.
const L1_COMPRESSED: u8 = 0x01;
/// `L1_NO_COMPRESSION`: literals alone.
const L1_NO_COMPRESSION: u8 = 0x02;
/// `L1_PACKET_AT_FRONT`: the message goes to the front of the history.
const L1_PACKET_AT_FRONT: u8 = 0x04;
/// `L1_INNER_COMPRESSION`: the second compressor's flags mean something.
const L1_INNER_COMPRESSION: u8 = 0x10;
