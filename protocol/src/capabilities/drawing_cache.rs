//! Brushes, glyphs and other caches of drawing orders (`[MS-RDPBCGR] 2.2.7.1.7` to `2.2.7.1.9`,
//! `[MS-RDPEGDI] 2.2.1`).

use crate::{
    capabilities::CacheDefinition,
    wire::{Cursor, DecodeResult, Pdu, WriteWire},
};

/// Brushes (`TS_BRUSH_CAPABILITYSET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brush {
    /// 0 solid and monochrome, 1 colour of 8 by 8 pixels, 2 colour of any size.
    pub level: u32,
}

impl Pdu for Brush {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("brush capability set");
        Ok(Self {
            level: cursor.u32()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.level);
    }
}

/// Glyph caches (`TS_GLYPHCACHE_CAPABILITYSET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GlyphCache {
    /// Caches 0 to 9.
    pub caches: [CacheDefinition; 10],
    /// Cache of text fragments.
    pub fragments: CacheDefinition,
    /// 0 none, 1 partial, 2 full, 3 encoded.
    pub level: u16,
}

impl Pdu for GlyphCache {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("glyph cache capability set");
        let mut set = Self::default();
        for cache in &mut set.caches {
            *cache = CacheDefinition::decode(cursor)?;
        }
        set.fragments = CacheDefinition::decode(cursor)?;
        set.level = cursor.u16()?;
        Ok(set)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for cache in &self.caches {
            cache.encode(out);
        }
        self.fragments.encode(out);
        out.put_u16(self.level);
        out.put_zeros(2);
    }
}

/// Offscreen bitmap cache (`TS_OFFSCREEN_CAPABILITYSET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffscreenCache {
    /// 0 none, 1 supported.
    pub level: u32,
    /// Size in kilobytes.
    pub size_kib: u16,
    /// Most entries.
    pub entries: u16,
}

impl Pdu for OffscreenCache {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("offscreen cache capability set");
        Ok(Self {
            level: cursor.u32()?,
            size_kib: cursor.u16()?,
            entries: cursor.u16()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.level);
        out.put_u16(self.size_kib);
        out.put_u16(self.entries);
    }
}

/// Nine-grid bitmap cache (`TS_DRAW_NINEGRID_CAPABILITYSET`, `[MS-RDPEGDI] 2.2.1.2`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrawNineGridCache {
    /// 0 none, 1 first revision, 2 second revision.
    pub level: u32,
    /// Size in kilobytes.
    pub size_kib: u16,
    /// Most entries.
    pub entries: u16,
}

impl Pdu for DrawNineGridCache {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("draw nine grid cache capability set");
        Ok(Self {
            level: cursor.u32()?,
            size_kib: cursor.u16()?,
            entries: cursor.u16()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.level);
        out.put_u16(self.size_kib);
        out.put_u16(self.entries);
    }
}

/// GDI+ (`TS_DRAW_GDIPLUS_CAPABILITYSET`, `[MS-RDPEGDI] 2.2.1.3`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrawGdiPlus {
    /// 0 none, 1 supported.
    pub level: u32,
    /// Build of GDI+.
    pub version: u32,
    /// 0 none, 1 caches supported.
    pub cache_level: u32,
    /// Entries of the graphics, brush, pen, image and image attributes caches.
    pub cache_entries: [u16; 5],
    /// Bytes an entry of the graphics, brush, pen and image attributes caches.
    pub cache_entry_bytes: [u16; 4],
    /// Image cache: bytes a chunk, chunks in all, chunks an entry.
    pub image_cache: [u16; 3],
}

impl Pdu for DrawGdiPlus {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("draw GDI+ capability set");
        let mut set = Self {
            level: cursor.u32()?,
            version: cursor.u32()?,
            cache_level: cursor.u32()?,
            ..Self::default()
        };
        let sizes = set
            .cache_entries
            .iter_mut()
            .chain(&mut set.cache_entry_bytes)
            .chain(&mut set.image_cache);
        for size in sizes {
            *size = cursor.u16()?;
        }
        Ok(set)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.level);
        out.put_u32(self.version);
        out.put_u32(self.cache_level);
        let sizes = self
            .cache_entries
            .iter()
            .chain(&self.cache_entry_bytes)
            .chain(&self.image_cache);
        for &size in sizes {
            out.put_u16(size);
        }
    }
}

/// Color table cache (`TS_COLORTABLE_CAPABILITYSET`, `[MS-RDPEGDI] 2.2.1.1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColorCache {
    /// Number of tables; taken as 6 whatever it says.
    pub tables: u16,
}

impl Pdu for ColorCache {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("color cache capability set");
        Ok(Self {
            tables: cursor.u16()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.tables);
        out.put_zeros(2);
    }
}
