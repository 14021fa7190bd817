//! What the server tells about the keyboard (`[MS-RDPBCGR] 2.2.8.2`).

use crate::{
    input::LockKeys,
    wire::{Cursor, DecodeResult, Pdu, WriteWire},
};

/// The state of the lock keys' lights (`TS_SET_KEYBOARD_INDICATORS_PDU`,
/// `[MS-RDPBCGR] 2.2.8.2.1.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetKeyboardIndicatorsPdu {
    /// Ignored by clients.
    pub unit_id: u16,
    /// Lights that are on; bits without a name are kept.
    pub locks: LockKeys,
}

impl Pdu for SetKeyboardIndicatorsPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("set keyboard indicators");
        Ok(Self {
            unit_id: cursor.u16()?,
            locks: LockKeys::from_bits_retain(cursor.u16()?.into()),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.unit_id);
        out.put_u16(self.locks.bits() as u16);
    }
}

/// The state of the input method editor (`TS_SET_KEYBOARD_IME_STATUS_PDU`,
/// `[MS-RDPBCGR] 2.2.8.2.2.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetKeyboardImeStatusPdu {
    /// Ignored by clients.
    pub unit_id: u16,
    /// 0 closed, 1 open.
    pub state: u32,
    /// `IME_CMODE_*` flags.
    pub conversion_mode: u32,
}

impl Pdu for SetKeyboardImeStatusPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("set keyboard IME status");
        Ok(Self {
            unit_id: cursor.u16()?,
            state: cursor.u32()?,
            conversion_mode: cursor.u32()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.unit_id);
        out.put_u32(self.state);
        out.put_u32(self.conversion_mode);
    }
}
