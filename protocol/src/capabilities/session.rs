//! Sets about the session: relics of T.128, sound, channels, composition, remote programs
//! (`[MS-RDPBCGR] 2.2.7.1.10`, `2.2.7.1.11`, `2.2.7.2.2` to `2.2.7.2.5`, `2.2.7.2.8`,
//! `[MS-RDPERP] 2.2.1.1`).

use crate::wire::{Cursor, DecodeResult, Pdu, WriteWire};

/// Control of the session (`TS_CONTROL_CAPABILITYSET`), ignored by servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// 0.
    pub flags: u16,
    /// 0.
    pub remote_detach: u16,
    /// `CONTROLPRIORITY_NEVER`: 2.
    pub control_interest: u16,
    /// `CONTROLPRIORITY_NEVER`: 2.
    pub detach_interest: u16,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            flags: 0,
            remote_detach: 0,
            control_interest: 2,
            detach_interest: 2,
        }
    }
}

impl Pdu for Control {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("control capability set");
        Ok(Self {
            flags: cursor.u16()?,
            remote_detach: cursor.u16()?,
            control_interest: cursor.u16()?,
            detach_interest: cursor.u16()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.flags);
        out.put_u16(self.remote_detach);
        out.put_u16(self.control_interest);
        out.put_u16(self.detach_interest);
    }
}

/// Window activation (`TS_WINDOWACTIVATION_CAPABILITYSET`), ignored by servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowActivation {
    /// Help key, help key index, extended help key, window manager key: all 0.
    pub flags: [u16; 4],
}

impl Pdu for WindowActivation {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("window activation capability set");
        let mut set = Self::default();
        for flag in &mut set.flags {
            *flag = cursor.u16()?;
        }
        Ok(set)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for &flag in &self.flags {
            out.put_u16(flag);
        }
    }
}

/// Channel of the sender (`TS_SHARE_CAPABILITYSET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// 0 from a client, 0x3ea from a server.
    pub node_id: u16,
}

impl Pdu for Share {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("share capability set");
        Ok(Self {
            node_id: cursor.u16()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.node_id);
        out.put_zeros(2);
    }
}

/// Fonts (`TS_FONT_CAPABILITYSET`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Font {
    /// `FONTSUPPORT_FONTLIST`: 1.
    pub flags: u16,
}

impl Default for Font {
    fn default() -> Self {
        Self { flags: 1 }
    }
}

impl Pdu for Font {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("font capability set");
        Ok(Self {
            // Some servers send the header alone.
            flags: if cursor.is_empty() { 0 } else { cursor.u16()? },
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.flags);
        out.put_zeros(2);
    }
}

/// Beeps (`TS_SOUND_CAPABILITYSET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sound {
    /// `SOUND_FLAG_BEEPS`: 1.
    pub flags: u16,
}

impl Pdu for Sound {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("sound capability set");
        Ok(Self {
            flags: cursor.u16()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.flags);
        out.put_zeros(2);
    }
}

/// Virtual channels (`TS_VIRTUALCHANNEL_CAPABILITYSET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VirtualChannel {
    /// [`Self::COMPRESSED_FROM_SERVER`] from clients, [`Self::COMPRESSED_FROM_CLIENT`] from
    /// servers.
    pub flags: u32,
    /// Most bytes of a chunk, 1600 to 16256; only the server's counts, and without it 1600.
    pub chunk_bytes: Option<u32>,
}

impl VirtualChannel {
    /// `VCCAPS_COMPR_SC`: the client takes compressed chunks.
    pub const COMPRESSED_FROM_SERVER: u32 = 1;
    /// `VCCAPS_COMPR_CS_8K`: the server takes chunks that are compressed with 8 KiB of history.
    pub const COMPRESSED_FROM_CLIENT: u32 = 2;
}

impl Pdu for VirtualChannel {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("virtual channel capability set");
        Ok(Self {
            flags: cursor.u32()?,
            chunk_bytes: if cursor.left() >= 4 {
                Some(cursor.u32()?)
            } else {
                None
            },
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.flags);
        if let Some(bytes) = self.chunk_bytes {
            out.put_u32(bytes);
        }
    }
}

/// Desktop composition (`TS_COMPDESK_CAPABILITYSET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesktopComposition {
    /// 0 none, 1 supported.
    pub level: u16,
}

impl Pdu for DesktopComposition {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("desktop composition capability set");
        Ok(Self {
            level: cursor.u16()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.level);
    }
}

/// Remote programs (`[MS-RDPERP] 2.2.1.1.1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemotePrograms {
    /// `TS_RAIL_LEVEL_*`.
    pub level: u32,
}

impl Pdu for RemotePrograms {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("remote programs capability set");
        Ok(Self {
            level: cursor.u32()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.level);
    }
}

/// Window list (`[MS-RDPERP] 2.2.1.1.2`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowList {
    /// 0 none, 1 supported, 2 supported with extensions.
    pub level: u32,
    /// Number of icon caches.
    pub icon_caches: u8,
    /// Entries of each.
    pub icon_cache_entries: u16,
}

impl Pdu for WindowList {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("window list capability set");
        Ok(Self {
            level: cursor.u32()?,
            icon_caches: cursor.u8()?,
            icon_cache_entries: cursor.u16()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.level);
        out.put_u8(self.icon_caches);
        out.put_u16(self.icon_cache_entries);
    }
}
