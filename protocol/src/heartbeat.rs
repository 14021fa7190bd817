//! Heartbeats of the server (`[MS-RDPBCGR] 2.2.16.1`).

use crate::wire::{Cursor, DecodeResult, Pdu, WriteWire};

/// The server is there, and will be heard again in time. Follows a security header with
/// [`crate::security::SecurityFlags::HEARTBEAT`] on the message channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Seconds between heartbeats.
    pub period_s: u8,
    /// Missing heartbeats after which to warn.
    pub warn_after: u8,
    /// Missing heartbeats after the warning, after which to connect anew.
    pub reconnect_after: u8,
}

impl Pdu for Heartbeat {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("heartbeat");
        cursor.skip(1)?;
        Ok(Self {
            period_s: cursor.u8()?,
            warn_after: cursor.u8()?,
            reconnect_after: cursor.u8()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(0);
        out.put_u8(self.period_s);
        out.put_u8(self.warn_after);
        out.put_u8(self.reconnect_after);
    }
}
