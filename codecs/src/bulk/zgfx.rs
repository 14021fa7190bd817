//! RDP 8.0 bulk compression, as the graphics pipeline wraps every message in it
//! (`[MS-RDPEGFX] 2.2.5`, `3.1.9.1`). Compressed data on dynamic channels uses a small form of
//! it (`[MS-RDPEDYC] 2.2.3.3`): [`Decompressor::lite`], [`Compressor::lite`].
//!
//! An LZ77 over a history of 2.5 million bytes, its tokens in a fixed prefix code:
//!
//! ```text
//! RDP_SEGMENTED_DATA   E0 │ segment                           (one segment)
//!                      E1 │ count │ size │ (length │ segment)*
//! segment              04 │ bytes                             (not compressed)
//!                      24 │ tokens, high bit first │ number of unused bits in the last byte
//!                      06 and 26 in the small form
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

use super::matches::COPY_SLACK_BYTES;
pub use compressor::{Compressor, store};
pub use decompressor::{Decompressor, MAX_MESSAGE_BYTES};

/// Which of the two forms: they differ in sizes and in their name on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    /// How far back a match may reach.
    history_bytes: usize,
    /// The most that a compressed segment may expand to, and the most that we put in any segment.
    segment_bytes: usize,
    /// Low nibble of a segment's header.
    compression_type: u8,
}

impl Form {
    /// `[MS-RDPEGFX] 3.1.9.1.2`, `PACKET_COMPR_TYPE_RDP8`.
    const FULL: Form = Form {
        history_bytes: 2_500_000,
        segment_bytes: 65_535,
        compression_type: 0x04,
    };

    /// `[MS-RDPEDYC] 2.2.3.3`, `PACKET_COMPR_TYPE_RDP8_LITE`.
    const LITE: Form = Form {
        history_bytes: 8_192,
        segment_bytes: 8_192,
        compression_type: 0x06,
    };

    /// Length of a history buffer: the window, as much again before it must be moved, and the
    /// segment at hand.
    const fn buffer_bytes(self) -> usize {
        2 * self.history_bytes + self.segment_bytes + COPY_SLACK_BYTES
    }

    /// True where a segment might not fit behind `cursor`, so that the window must move.
    const fn is_full(self, cursor: usize) -> bool {
        cursor + self.segment_bytes + COPY_SLACK_BYTES > self.buffer_bytes()
    }
}

/// `descriptor` of a message of one segment.
const DESCRIPTOR_SINGLE: u8 = 0xE0;
/// `descriptor` of a message of several segments.
const DESCRIPTOR_MULTIPART: u8 = 0xE1;
/// Low nibble of a segment's header: the compressor's name.
const COMPRESSION_TYPE_MASK: u8 = 0x0F;
/// `PACKET_COMPRESSED`: tokens follow, not bytes.
const FLAG_COMPRESSED: u8 = 0x20;

/// Bits of the count of an unencoded run.
const RUN_COUNT_BITS: u32 = 15;
