//! Drawing orders (`[MS-RDPBCGR] 2.2.7.1.3`).

use crate::wire::{Cursor, DecodeResult, Pdu, WriteWire};

bitflags::bitflags! {
    /// `orderFlags` of the order set.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct OrderFlags: u16 {
        /// `orderSupport` says what is supported. Always set.
        const NEGOTIATE = 0x0002;
        /// Bounds may be left out. Clients always set it.
        const ZERO_BOUNDS_DELTAS = 0x0008;
        /// Color indices in orders.
        const COLOR_INDEX = 0x0020;
        /// Only solid and pattern brushes.
        const SOLID_PATTERN_BRUSH_ONLY = 0x0040;
        /// `extended_flags` is valid.
        const EXTRA_FLAGS = 0x0080;
    }
}

bitflags::bitflags! {
    /// `orderSupportExFlags` of the order set.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct OrderExtendedFlags: u16 {
        /// Cache bitmap orders of the third revision.
        const CACHE_BITMAP_REVISION3 = 0x0002;
        /// Frame markers among the orders.
        const FRAME_MARKERS = 0x0004;
    }
}

/// Drawing orders (`TS_ORDER_CAPABILITYSET`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Options.
    pub flags: OrderFlags,
    /// One byte an order, by `TS_NEG_*` index; 1 where it is supported.
    pub support: [u8; 32],
    /// More options.
    pub extended_flags: OrderExtendedFlags,
    /// Size of the area for saved bitmaps, ignored by clients.
    pub desktop_save_bytes: u32,
    /// Code page of texts.
    pub ansi_code_page: u16,
}

impl Order {
    /// No order at all: everything comes as bitmaps or on surfaces.
    pub fn none() -> Self {
        Self {
            flags: OrderFlags::NEGOTIATE | OrderFlags::ZERO_BOUNDS_DELTAS,
            support: [0; 32],
            extended_flags: OrderExtendedFlags::empty(),
            desktop_save_bytes: 480 * 480,
            ansi_code_page: 0,
        }
    }
}

impl Pdu for Order {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("order capability set");
        // terminalDescriptor 16, pad 4, desktopSave granularities 4, pad 2, maximumOrderLevel 2,
        // numberFonts 2: all ignored.
        cursor.skip(16 + 4 + 4 + 2 + 2 + 2)?;
        let flags = OrderFlags::from_bits_retain(cursor.u16()?);
        let support = cursor.array()?;
        cursor.skip(2)?; // textFlags
        let extended_flags = OrderExtendedFlags::from_bits_retain(cursor.u16()?);
        cursor.skip(4)?;
        let desktop_save_bytes = cursor.u32()?;
        cursor.skip(2 + 2)?;
        let ansi_code_page = cursor.u16()?;
        Ok(Self {
            flags,
            support,
            extended_flags,
            desktop_save_bytes,
            ansi_code_page,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_zeros(16 + 4);
        out.put_u16(1); // desktopSaveXGranularity
        out.put_u16(20); // desktopSaveYGranularity
        out.put_zeros(2);
        out.put_u16(1); // ORD_LEVEL_1_ORDERS
        out.put_u16(0); // numberFonts
        out.put_u16(self.flags.bits());
        out.put(&self.support);
        out.put_zeros(2);
        out.put_u16(self.extended_flags.bits());
        out.put_zeros(4);
        out.put_u32(self.desktop_save_bytes);
        out.put_zeros(2 + 2);
        out.put_u16(self.ansi_code_page);
        out.put_zeros(2);
    }
}
