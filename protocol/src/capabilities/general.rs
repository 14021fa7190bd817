//! Platform and basic features (`[MS-RDPBCGR] 2.2.7.1.1`).

use crate::wire::{Cursor, DecodeResult, Pdu, WriteWire};

bitflags::bitflags! {
    /// `extraFlags` of the general set.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct GeneralFlags: u16 {
        /// Fast-path output.
        const FASTPATH_OUTPUT = 0x0001;
        /// Long names in the save session info PDU.
        const LONG_CREDENTIALS = 0x0004;
        /// Coming back with a cookie.
        const AUTO_RECONNECT = 0x0008;
        /// Salted message authentication under standard security.
        const SALTED_CHECKSUM = 0x0010;
        /// Compressed bitmaps go without their own header.
        const NO_BITMAP_COMPRESSION_HEADER = 0x0400;
    }
}

/// Platform and basic features (`TS_GENERAL_CAPABILITYSET`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct General {
    /// `OSMAJORTYPE_*`: 1 Windows, 4 UNIX, 6 OS X, …
    pub os_major: u16,
    /// `OSMINORTYPE_*`: 3 Windows NT, 7 native X server, …
    pub os_minor: u16,
    /// `TS_CAPS_PROTOCOLVERSION`.
    pub protocol_version: u16,
    /// Features.
    pub flags: GeneralFlags,
    /// The server takes refresh rect PDUs.
    pub refresh_rect: bool,
    /// The server takes suppress output PDUs.
    pub suppress_output: bool,
}

impl General {
    /// The only `protocolVersion` there is.
    pub const PROTOCOL_VERSION: u16 = 0x0200;
}

impl Pdu for General {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("general capability set");
        let os_major = cursor.u16()?;
        let os_minor = cursor.u16()?;
        let protocol_version = cursor.u16()?;
        cursor.skip(2 + 2)?; // pad, compressionTypes
        let flags = GeneralFlags::from_bits_retain(cursor.u16()?);
        cursor.skip(2 + 2 + 2)?; // updateCapabilityFlag, remoteUnshareFlag, compressionLevel
        Ok(Self {
            os_major,
            os_minor,
            protocol_version,
            flags,
            refresh_rect: cursor.u8()? != 0,
            suppress_output: cursor.u8()? != 0,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.os_major);
        out.put_u16(self.os_minor);
        out.put_u16(self.protocol_version);
        out.put_zeros(2 + 2);
        out.put_u16(self.flags.bits());
        out.put_zeros(2 + 2 + 2);
        out.put_u8(self.refresh_rect.into());
        out.put_u8(self.suppress_output.into());
    }
}
