//! The basic security header (`[MS-RDPBCGR] 2.2.8.1.1.2.1`).
//!
//! Under TLS it precedes only those PDUs that are told apart by its flags: client info, licensing,
//! auto-detection, multitransport bootstrapping and heartbeats.

use crate::wire::{Cursor, DecodeResult, Pdu, WriteWire};

bitflags::bitflags! {
    /// Flags of a security header.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct SecurityFlags: u16 {
        /// Security exchange PDU.
        const EXCHANGE_PKT = 0x0001;
        /// Initiate multitransport request.
        const TRANSPORT_REQ = 0x0002;
        /// Initiate multitransport response.
        const TRANSPORT_RSP = 0x0004;
        /// The PDU is encrypted; never under TLS.
        const ENCRYPT = 0x0008;
        /// Without meaning.
        const RESET_SEQNO = 0x0010;
        /// Without meaning.
        const IGNORE_SEQNO = 0x0020;
        /// Client info PDU.
        const INFO_PKT = 0x0040;
        /// Licensing PDU.
        const LICENSE_PKT = 0x0080;
        /// Licensing PDUs may be encrypted.
        const LICENSE_ENCRYPT = 0x0200;
        /// Server redirection under standard security.
        const REDIRECTION_PKT = 0x0400;
        /// The MAC is salted; never under TLS.
        const SECURE_CHECKSUM = 0x0800;
        /// Auto-detect request.
        const AUTODETECT_REQ = 0x1000;
        /// Auto-detect response.
        const AUTODETECT_RSP = 0x2000;
        /// Heartbeat.
        const HEARTBEAT = 0x4000;
        /// The second half of the header means something.
        const FLAGSHI_VALID = 0x8000;

        // Bits that later versions define are kept.
        const _ = !0;
    }
}

/// `TS_SECURITY_HEADER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecurityHeader {
    /// What follows.
    pub flags: SecurityFlags,
    /// Reserved.
    pub flags_high: u16,
}

impl SecurityHeader {
    /// A header of `flags`.
    pub const fn new(flags: SecurityFlags) -> Self {
        Self {
            flags,
            flags_high: 0,
        }
    }
}

impl Pdu for SecurityHeader {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        Ok(Self {
            flags: SecurityFlags::from_bits_retain(cursor.u16()?),
            flags_high: cursor.u16()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.flags.bits());
        out.put_u16(self.flags_high);
    }
}
