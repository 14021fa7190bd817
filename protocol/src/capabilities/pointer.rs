//! Mouse pointers (`[MS-RDPBCGR] 2.2.7.1.5`, `2.2.7.2.7`).

use crate::wire::{Cursor, DecodeResult, Pdu, WriteWire};

/// Pointer caches (`TS_POINTER_CAPABILITYSET`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// Colour pointers; always taken as true.
    pub color: bool,
    /// Slots for pointers of 24 bits a pixel.
    pub color_cache_slots: u16,
    /// Slots for pointers of any depth; without it (or with 0) the server sends none of those.
    pub cache_slots: Option<u16>,
}

impl Pdu for Pointer {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("pointer capability set");
        Ok(Self {
            color: cursor.u16()? != 0,
            color_cache_slots: cursor.u16()?,
            cache_slots: if cursor.left() >= 2 {
                Some(cursor.u16()?)
            } else {
                None
            },
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.color.into());
        out.put_u16(self.color_cache_slots);
        if let Some(slots) = self.cache_slots {
            out.put_u16(slots);
        }
    }
}

bitflags::bitflags! {
    /// Sizes of pointers over 32 by 32.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct LargePointerFlags: u16 {
        /// Up to 96 by 96.
        const UP_TO_96 = 0x0001;
        /// Up to 384 by 384, with the large pointer update.
        const UP_TO_384 = 0x0002;
    }
}

/// Large pointers (`TS_LARGE_POINTER_CAPABILITYSET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LargePointer {
    /// Which sizes.
    pub flags: LargePointerFlags,
}

impl Pdu for LargePointer {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("large pointer capability set");
        Ok(Self {
            flags: LargePointerFlags::from_bits_retain(cursor.u16()?),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.flags.bits());
    }
}
