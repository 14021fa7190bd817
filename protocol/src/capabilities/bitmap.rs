//! Size and depth of the desktop (`[MS-RDPBCGR] 2.2.7.1.2`).

use crate::wire::{Cursor, DecodeResult, Pdu, WriteWire};

bitflags::bitflags! {
    /// `drawingFlags` of the bitmap set: how bitmaps of 32 bits a pixel may be compressed.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct BitmapDrawingFlags: u8 {
        /// Colours may lose bits.
        const DYNAMIC_COLOR_FIDELITY = 0x02;
        /// Chroma may be subsampled.
        const COLOR_SUBSAMPLING = 0x04;
        /// Alpha may be left out.
        const SKIP_ALPHA = 0x08;
        /// Without meaning; some servers set it.
        const UNUSED = 0x10;
    }
}

/// Size and depth of the desktop (`TS_BITMAP_CAPABILITYSET`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    /// Depth of the session.
    pub bits_per_pixel: u16,
    /// Width of the desktop.
    pub desktop_width: u16,
    /// Height of the desktop.
    pub desktop_height: u16,
    /// The desktop may be resized by deactivation and reactivation.
    pub desktop_resize: bool,
    /// Bitmaps may be compressed; without it no connection.
    pub compression: bool,
    /// How at 32 bits a pixel.
    pub drawing_flags: BitmapDrawingFlags,
    /// Several rectangles in an update; without it no connection.
    pub multiple_rectangles: bool,
}

impl Pdu for Bitmap {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("bitmap capability set");
        let bits_per_pixel = cursor.u16()?;
        cursor.skip(2 + 2 + 2)?; // receive 1, 4 and 8 bits a pixel
        let desktop_width = cursor.u16()?;
        let desktop_height = cursor.u16()?;
        cursor.skip(2)?;
        let desktop_resize = cursor.u16()? != 0;
        let compression = cursor.u16()? != 0;
        cursor.skip(1)?; // highColorFlags
        let drawing_flags = BitmapDrawingFlags::from_bits_retain(cursor.u8()?);
        let multiple_rectangles = cursor.u16()? != 0;
        Ok(Self {
            bits_per_pixel,
            desktop_width,
            desktop_height,
            desktop_resize,
            compression,
            drawing_flags,
            multiple_rectangles,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.bits_per_pixel);
        for _ in 0..3 {
            out.put_u16(1);
        }
        out.put_u16(self.desktop_width);
        out.put_u16(self.desktop_height);
        out.put_zeros(2);
        out.put_u16(self.desktop_resize.into());
        out.put_u16(self.compression.into());
        out.put_u8(0);
        out.put_u8(self.drawing_flags.bits());
        out.put_u16(self.multiple_rectangles.into());
        out.put_zeros(2);
    }
}
