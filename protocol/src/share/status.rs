//! Errors, progress and beeps (`[MS-RDPBCGR] 2.2.4.1`, `2.2.5`, `2.2.9.1.1.5`).

use crate::{
    error_info::ErrorInfo,
    wire::{Cursor, DecodeResult, Pdu, WriteWire},
};

/// Why the connection ends or will end (`TS_SET_ERROR_INFO_PDU`, `[MS-RDPBCGR] 2.2.5.1.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetErrorInfoPdu {
    /// The code; 0 takes an earlier one back.
    pub error_info: ErrorInfo,
}

impl Pdu for SetErrorInfoPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("set error info");
        Ok(Self {
            error_info: ErrorInfo(cursor.u32()?),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.error_info.0);
    }
}

/// What a connection broker does meanwhile (`TS_STATUS_INFO_PDU`, `[MS-RDPBCGR] 2.2.5.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusInfoPdu {
    /// `TS_STATUS_*`.
    pub code: u32,
}

impl StatusInfoPdu {
    /// A sentence for a person.
    pub fn sentence(&self) -> &'static str {
        match self.code {
            0x401 => "The computer to connect to is being located.",
            0x402 => "The computer to connect to is being prepared.",
            0x403 => "The computer to connect to is getting ready to accept a connection.",
            0x404 => "The connection is being passed on to another computer.",
            0x501 => "The virtual machine is being loaded.",
            0x502 => "The virtual machine is waking up.",
            0x503 => "The virtual machine is starting.",
            0x504 | 0x505 => {
                "The virtual machine has started and is being watched until it is ready."
            }
            _ => "The server is still working on the connection.",
        }
    }
}

impl Pdu for StatusInfoPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("status info");
        Ok(Self {
            code: cursor.u32()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.code);
    }
}

/// A beep (`TS_PLAY_SOUND_PDU_DATA`, `[MS-RDPBCGR] 2.2.9.1.1.5.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaySoundPdu {
    /// How long.
    pub duration_ms: u32,
    /// How high.
    pub frequency_hz: u32,
}

impl Pdu for PlaySoundPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("play sound");
        Ok(Self {
            duration_ms: cursor.u32()?,
            frequency_hz: cursor.u32()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.duration_ms);
        out.put_u32(self.frequency_hz);
    }
}

/// Reconnecting with a cookie failed (`TS_AUTORECONNECT_STATUS_PDU`, `[MS-RDPBCGR] 2.2.4.1.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoReconnectStatusPdu {
    /// Always 0.
    pub status: u32,
}

impl Pdu for AutoReconnectStatusPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("auto-reconnect status");
        Ok(Self {
            status: cursor.u32()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.status);
    }
}
