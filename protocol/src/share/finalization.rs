//! From a confirmed share to a running one (`[MS-RDPBCGR] 2.2.1.14` to `2.2.1.22`).

use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire};

/// Both sides are ready to talk (`TS_SYNCHRONIZE_PDU`, `[MS-RDPBCGR] 2.2.1.14.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynchronizePdu {
    /// MCS channel of the user who is addressed.
    pub target_user: u16,
}

impl Pdu for SynchronizePdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("synchronize");
        // messageType is always 1 and nobody checks it.
        cursor.skip(2)?;
        Ok(Self {
            // Some servers leave it out, clients ignore it.
            target_user: cursor.u16().unwrap_or(0),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(1);
        out.put_u16(self.target_user);
    }
}

/// What a control PDU says (`[MS-RDPBCGR] 2.2.1.15.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlAction {
    /// The client wants to send input.
    RequestControl,
    /// The server lets it.
    GrantedControl,
    /// Gives control up.
    Detach,
    /// Works together.
    Cooperate,
    /// Something that the specification does not list.
    Unknown(u16),
}

impl ControlAction {
    fn from_wire(value: u16) -> Self {
        match value {
            1 => Self::RequestControl,
            2 => Self::GrantedControl,
            3 => Self::Detach,
            4 => Self::Cooperate,
            other => Self::Unknown(other),
        }
    }

    fn to_wire(self) -> u16 {
        match self {
            Self::RequestControl => 1,
            Self::GrantedControl => 2,
            Self::Detach => 3,
            Self::Cooperate => 4,
            Self::Unknown(other) => other,
        }
    }
}

/// Who steers (`TS_CONTROL_PDU`, `[MS-RDPBCGR] 2.2.1.15.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlPdu {
    /// What is said.
    pub action: ControlAction,
    /// The client's user channel where control is granted, else 0.
    pub grant_id: u16,
    /// The server's channel where control is granted, else 0.
    pub control_id: u32,
}

impl ControlPdu {
    /// A control PDU without ids.
    pub fn new(action: ControlAction) -> Self {
        Self {
            action,
            grant_id: 0,
            control_id: 0,
        }
    }
}

impl Pdu for ControlPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("control");
        Ok(Self {
            action: ControlAction::from_wire(cursor.u16()?),
            grant_id: cursor.u16()?,
            control_id: cursor.u32()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.action.to_wire());
        out.put_u16(self.grant_id);
        out.put_u32(self.control_id);
    }
}

/// A list of fonts, or of none: the client's font list and the server's font map have one layout
/// (`TS_FONT_LIST_PDU`, `[MS-RDPBCGR] 2.2.1.18.1`; `TS_FONT_MAP_PDU`, `2.2.1.22.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FontPdu {
    /// Fonts in this PDU: 0.
    pub fonts: u16,
    /// Fonts in all: 0.
    pub total_fonts: u16,
    /// First 1, last 2.
    pub flags: u16,
    /// Bytes an entry: 50 in the list, 4 in the map.
    pub entry_bytes: u16,
}

impl FontPdu {
    /// The empty list that a client sends.
    pub const LIST: Self = Self {
        fonts: 0,
        total_fonts: 0,
        flags: 3,
        entry_bytes: 50,
    };

    /// The empty map with which a server ends the connection sequence.
    pub const MAP: Self = Self {
        fonts: 0,
        total_fonts: 0,
        flags: 3,
        entry_bytes: 4,
    };
}

impl Pdu for FontPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("font list or map");
        // Nothing in it matters, and some peers send it empty.
        if cursor.is_empty() {
            return Ok(Self::MAP);
        }
        let pdu = Self {
            fonts: cursor.u16()?,
            total_fonts: cursor.u16()?,
            flags: cursor.u16()?,
            entry_bytes: cursor.u16()?,
        };
        Ok(pdu)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.fonts);
        out.put_u16(self.total_fonts);
        out.put_u16(self.flags);
        out.put_u16(self.entry_bytes);
    }
}

/// Number of bitmap caches that persist at most.
pub const PERSISTENT_CACHES: usize = 5;

/// Keys of bitmaps that the client kept from earlier sessions
/// (`TS_BITMAPCACHE_PERSISTENT_LIST_PDU`, `[MS-RDPBCGR] 2.2.1.17.1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersistentKeyListPdu {
    /// Keys by cache.
    pub keys: [Vec<u64>; PERSISTENT_CACHES],
    /// Number of keys that the whole sequence of PDUs brings for each cache.
    pub total_entries: [u16; PERSISTENT_CACHES],
    /// The first of a sequence.
    pub is_first: bool,
    /// The last of a sequence.
    pub is_last: bool,
}

impl PersistentKeyListPdu {
    /// Most keys in all caches together.
    pub const MAX_TOTAL_KEYS: u32 = 262_144;
}

impl Pdu for PersistentKeyListPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "persistent key list";
        cursor.set_context(CONTEXT);
        let mut counts = [0u16; PERSISTENT_CACHES];
        for count in &mut counts {
            *count = cursor.u16()?;
        }
        let mut total_entries = [0u16; PERSISTENT_CACHES];
        for total in &mut total_entries {
            *total = cursor.u16()?;
        }
        let total: u32 = total_entries.iter().map(|&n| u32::from(n)).sum();
        if total > Self::MAX_TOTAL_KEYS {
            return Err(DecodeError::TooLarge {
                context: CONTEXT,
                field: "totalEntries",
                value: total.into(),
                limit: Self::MAX_TOTAL_KEYS.into(),
            });
        }
        let flags = cursor.u8()?;
        cursor.skip(3)?;
        let mut keys: [Vec<u64>; PERSISTENT_CACHES] = Default::default();
        for (keys, count) in keys.iter_mut().zip(counts) {
            let entries = cursor.take(usize::from(count) * 8)?;
            *keys = entries
                .chunks_exact(8)
                .map(|entry| Cursor::new(entry, CONTEXT).u64())
                .collect::<DecodeResult<_>>()?;
        }
        Ok(Self {
            keys,
            total_entries,
            is_first: flags & 1 != 0,
            is_last: flags & 2 != 0,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for keys in &self.keys {
            out.put_u16(keys.len() as u16);
        }
        for &total in &self.total_entries {
            out.put_u16(total);
        }
        out.put_u8(u8::from(self.is_first) | u8::from(self.is_last) << 1);
        out.put_zeros(3);
        for &key in self.keys.iter().flatten() {
            out.put_u64(key);
        }
    }
}
