//! RDP 8.0 bulk compression, as the graphics pipeline wraps every message in it
//! (`[MS-RDPEGFX] 2.2.5`, `3.1.9.1`). The dynamic channels of version 3 use it too, with a
//! smaller history (`[MS-RDPEDYC] 3.1.5.1.4`, "RDP 8.0 Lite"), which is not this one.
//!
//! An LZ77 over a history of 2.5 million bytes, its tokens in a fixed prefix code:
//!
//! ```text
//! RDP_SEGMENTED_DATA   E0 │ segment                           (one segment)
//!                      E1 │ count │ size │ (length │ segment)*
//! segment              04 │ bytes                             (not compressed)
//!                      24 │ tokens, high bit first │ number of unused bits in the last byte
//! ```
//!
//! Both directions keep the history in a straight buffer twice the window long, and move the
//! window to the front when the end is near. That copies every byte once more, and spares each
//! match the question whether it wraps around.
//!
//! ```
//! use oriel_codecs::bulk::zgfx::{Compressor, Decompressor};
//!
//! let mut wire = Vec::new();
//! Compressor::new().compress(&[7; 1000], &mut wire);
//! assert!(wire.len() < 20);
//!
//! let mut plain = Vec::new();
//! Decompressor::new().decompress(&wire, &mut plain)?;
//! assert_eq!(plain, [7; 1000]);
//! # Ok::<(), oriel_codecs::bulk::BulkError>(())
//! ```

mod compressor;
mod decompressor;
mod tokens;

pub use compressor::Compressor;
pub use decompressor::{Decompressor, MAX_MESSAGE_BYTES};

/// How far back a match may reach.
const HISTORY_BYTES: usize = 2_500_000;
/// The most that a compressed segment may expand to, and the most that we put in any segment.
const MAX_SEGMENT_BYTES: usize = 65_535;
/// Bytes past the cursor that a short copy may overwrite: it always moves whole blocks.
const COPY_SLACK_BYTES: usize = 64;
/// The window, as much again before it must be moved, and the segment at hand.
const BUFFER_BYTES: usize = 2 * HISTORY_BYTES + MAX_SEGMENT_BYTES + COPY_SLACK_BYTES;

/// `descriptor` of a message of one segment.
const DESCRIPTOR_SINGLE: u8 = 0xE0;
/// `descriptor` of a message of several segments.
const DESCRIPTOR_MULTIPART: u8 = 0xE1;
/// Low nibble of a segment's header: the compressor's name.
const COMPRESSION_TYPE_MASK: u8 = 0x0F;
/// `PACKET_COMPR_TYPE_RDP8`.
const COMPRESSION_TYPE_RDP8: u8 = 0x04;
/// `PACKET_COMPRESSED`: tokens follow, not bytes.
const FLAG_COMPRESSED: u8 = 0x20;

/// Bits of the count of an unencoded run.
const RUN_COUNT_BITS: u32 = 15;
