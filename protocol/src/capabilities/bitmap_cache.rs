//! Bitmap caches of drawing orders (`[MS-RDPBCGR] 2.2.7.1.4`, `2.2.7.2.1`).

use crate::wire::{Cursor, DecodeResult, Pdu, WriteWire};

/// Entries of a cache, and the size of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheDefinition {
    /// Number of entries.
    pub entries: u16,
    /// Most bytes an entry.
    pub cell_bytes: u16,
}

impl CacheDefinition {
    pub(super) fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        Ok(Self {
            entries: cursor.u16()?,
            cell_bytes: cursor.u16()?,
        })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.entries);
        out.put_u16(self.cell_bytes);
    }
}

/// Three caches, first revision (`TS_BITMAPCACHE_CAPABILITYSET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitmapCache {
    /// The caches.
    pub caches: [CacheDefinition; 3],
}

impl Pdu for BitmapCache {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("bitmap cache capability set");
        cursor.skip(6 * 4)?;
        let mut set = Self::default();
        for cache in &mut set.caches {
            *cache = CacheDefinition::decode(cursor)?;
        }
        Ok(set)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_zeros(6 * 4);
        for cache in &self.caches {
            cache.encode(out);
        }
    }
}

/// A cache of the second revision (`TS_BITMAPCACHE_CELL_CACHE_INFO`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BitmapCacheCell {
    /// Number of entries, 31 bits.
    pub entries: u32,
    /// Survives the session.
    pub is_persistent: bool,
}

/// Up to five caches, second revision (`TS_BITMAPCACHE_CAPABILITYSET_REV2`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitmapCacheRevision2 {
    /// `PERSISTENT_KEYS_EXPECTED_FLAG`: a persistent key list PDU will follow.
    pub persistent_keys_expected: bool,
    /// `ALLOW_CACHE_WAITING_LIST_FLAG`: bitmaps may be cached at the second hit.
    pub waiting_list: bool,
    /// How many of `cells` are used, up to 5.
    pub cell_count: u8,
    /// The caches.
    pub cells: [BitmapCacheCell; 5],
}

impl Pdu for BitmapCacheRevision2 {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("bitmap cache revision 2 capability set");
        let flags = cursor.u16()?;
        cursor.skip(1)?;
        let cell_count = cursor.u8()?;
        let mut cells = [BitmapCacheCell::default(); 5];
        for cell in &mut cells {
            let info = cursor.u32()?;
            cell.entries = info & 0x7fff_ffff;
            cell.is_persistent = info >> 31 != 0;
        }
        Ok(Self {
            persistent_keys_expected: flags & 1 != 0,
            waiting_list: flags & 2 != 0,
            cell_count,
            cells,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(u16::from(self.persistent_keys_expected) | u16::from(self.waiting_list) << 1);
        out.put_u8(0);
        out.put_u8(self.cell_count);
        for cell in &self.cells {
            out.put_u32(cell.entries & 0x7fff_ffff | u32::from(cell.is_persistent) << 31);
        }
        out.put_zeros(12);
    }
}

/// The server keeps persistent caches (`TS_BITMAPCACHE_HOSTSUPPORT_CAPABILITYSET`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitmapCacheHostSupport {
    /// `TS_BITMAPCACHE_REV2`: 1.
    pub cache_version: u8,
}

impl Pdu for BitmapCacheHostSupport {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("bitmap cache host support capability set");
        Ok(Self {
            cache_version: cursor.u8()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(self.cache_version);
        out.put_zeros(3);
    }
}
