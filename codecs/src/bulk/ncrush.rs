//! RDP 6.0 bulk compression (`[MS-RDPEGDI] 3.1.8.1`), NCRUSH for short.
//!
//! An LZ77 over 64 KiB whose tokens are in two fixed prefix codes: one for literals, the end of the
//! message and distances, one for lengths. The four distances used last have short codes of their
//! own. A full history is not begun anew: its last 32 KiB move to the front.
//!
//! ```text
//! code of a byte
//! code of a class of distances, bits of the distance │ code of a class of lengths, bits of the length
//! code of one of the last four distances             │ code of a class of lengths, bits of the length
//! code of the end
//! ```
//!
//! Every field is sent low bit first.

mod compressor;
mod decompressor;
mod tokens;

pub use compressor::Compressor;
pub use decompressor::Decompressor;

/// Bytes of the history.
const HISTORY_BYTES: usize = 64 << 10;
/// How much of a full history is kept, at its front.
const KEPT_BYTES: usize = HISTORY_BYTES / 2;
/// `PACKET_COMPR_TYPE_RDP6`.
const COMPRESSION_TYPE: u8 = 2;

/// The distances used last, sixteen bits each, the newest lowest.
#[derive(Clone, Copy, Debug, Default)]
struct OffsetCache(u64);

impl OffsetCache {
    fn get(self, index: usize) -> u16 {
        (self.0 >> (16 * index)) as u16
    }

    /// A distance that is told at length.
    fn push(&mut self, distance: u16) {
        self.0 = self.0 << 16 | u64::from(distance);
    }

    /// A distance that is told by its place, which it changes with the first.
    fn promote(&mut self, index: usize) -> u16 {
        let change = u64::from(self.get(index) ^ self.get(0));
        self.0 ^= change | change << (16 * index);
        self.get(0)
    }
}
