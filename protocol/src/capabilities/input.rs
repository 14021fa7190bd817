//! Input events (`[MS-RDPBCGR] 2.2.7.1.6`).

use crate::wire::{Cursor, DecodeResult, Pdu, WriteWire, utf16_text};

/// Bytes of `imeFileName`.
const IME_FILE_NAME_BYTES: usize = 64;

bitflags::bitflags! {
    /// `inputFlags` of the input set.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct InputFlags: u16 {
        /// Scan codes. Always set.
        const SCANCODES = 0x0001;
        /// Extended mouse events: the two extra buttons.
        const MOUSE_EXTENDED = 0x0004;
        /// Fast-path input, as servers of RDP 5.0 and 5.1 say it.
        const FASTPATH = 0x0008;
        /// Unicode events.
        const UNICODE = 0x0010;
        /// Fast-path input, as all later servers say it.
        const FASTPATH2 = 0x0020;
        /// Without meaning.
        const UNUSED = 0x0040;
        /// Relative mouse events.
        const MOUSE_RELATIVE = 0x0080;
        /// Horizontal wheel.
        const HORIZONTAL_WHEEL = 0x0100;
        /// Timestamps for quality of experience.
        const QOE_TIMESTAMPS = 0x0200;
    }
}

/// Input events and the keyboard (`TS_INPUT_CAPABILITYSET`). Servers leave the keyboard at zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// Events.
    pub flags: InputFlags,
    /// Windows keyboard layout.
    pub keyboard_layout: u32,
    /// 4 for the usual one of 101 or 102 keys.
    pub keyboard_type: u32,
    /// Left to the manufacturer.
    pub keyboard_subtype: u32,
    /// Number of function keys.
    pub function_keys: u32,
    /// File name of the input method editor, up to 31 UTF-16 units.
    pub ime_file_name: String,
}

impl Pdu for Input {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("input capability set");
        let flags = InputFlags::from_bits_retain(cursor.u16()?);
        cursor.skip(2)?;
        Ok(Self {
            flags,
            keyboard_layout: cursor.u32()?,
            keyboard_type: cursor.u32()?,
            keyboard_subtype: cursor.u32()?,
            function_keys: cursor.u32()?,
            ime_file_name: utf16_text(cursor.take(IME_FILE_NAME_BYTES)?),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.flags.bits());
        out.put_zeros(2);
        out.put_u32(self.keyboard_layout);
        out.put_u32(self.keyboard_type);
        out.put_u32(self.keyboard_subtype);
        out.put_u32(self.function_keys);
        out.put_utf16_field(&self.ime_file_name, IME_FILE_NAME_BYTES);
    }
}
