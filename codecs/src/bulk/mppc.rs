//! Microsoft Point-to-Point Compression as RDP 4.0 and RDP 5.0 have it (`[MS-RDPBCGR] 3.1.8`).
//!
//! An LZ77 whose history is a buffer of 8 or 64 KiB that is filled from its front. A message that
//! does not fit any more goes to the front again; what stood further back stays where it is.
//!
//! ```text
//! 0xxxxxxx                    a byte below 0x80
//! 10xxxxxxx                   a byte from 0x80 on: its low seven bits
//! 11… distance, 0 | 1… length a match: at 8 KiB in three classes of distances, at 64 KiB in four
//! ```

mod compressor;
mod decompressor;
mod tokens;

pub use compressor::Compressor;
pub use decompressor::Decompressor;

/// Which of the two forms: they differ in the history's size and in how distances are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RDP 4.0: 8 KiB.
    K8,
    /// RDP 5.0: 64 KiB.
    K64,
}

impl Form {
    /// Bytes of the history.
    pub const fn history_bytes(self) -> usize {
        match self {
            Self::K8 => 8 << 10,
            Self::K64 => 64 << 10,
        }
    }

    /// `PACKET_COMPR_TYPE_8K` or `PACKET_COMPR_TYPE_64K`.
    const fn compression_type(self) -> u8 {
        match self {
            Self::K8 => 0,
            Self::K64 => 1,
        }
    }

    /// The classes of distances, farthest first: a prefix of two ones and a zero, of three ones
    /// and a zero, and so on; of ones alone in the last (`3.1.8.4.1.2.1`, `3.1.8.4.2.2.1`).
    fn classes(self) -> &'static [DistanceClass; 4] {
        match self {
            Self::K8 => &CLASSES_8K,
            Self::K64 => &CLASSES_64K,
        }
    }

    /// Most ones of a length's prefix (`3.1.8.4.1.2.2`, `3.1.8.4.2.2.2`).
    const fn most_length_ones(self) -> u32 {
        match self {
            Self::K8 => 11,
            Self::K64 => 14,
        }
    }
}

/// A class of distances: `prefix`, then `value_bits` added to `base`.
#[derive(Clone, Copy, Debug)]
struct DistanceClass {
    prefix: u32,
    prefix_bits: u32,
    value_bits: u32,
    base: u32,
}

impl DistanceClass {
    const fn new(prefix: u32, prefix_bits: u32, value_bits: u32, base: u32) -> Self {
        Self {
            prefix,
            prefix_bits,
            value_bits,
            base,
        }
    }
}

static CLASSES_8K: [DistanceClass; 4] = [
    DistanceClass::new(0b110, 3, 13, 320),
    DistanceClass::new(0b1110, 4, 8, 64),
    DistanceClass::new(0b1111, 4, 6, 0),
    // Four ones are all that is counted.
    DistanceClass::new(0b1111, 4, 6, 0),
];

static CLASSES_64K: [DistanceClass; 4] = [
    DistanceClass::new(0b110, 3, 16, 2_368),
    DistanceClass::new(0b1110, 4, 11, 320),
    DistanceClass::new(0b11110, 5, 8, 64),
    DistanceClass::new(0b11111, 5, 6, 0),
];
