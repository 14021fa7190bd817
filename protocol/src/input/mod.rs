//! What the user does: keys, buttons, wheels (`[MS-RDPBCGR] 2.2.8.1`).
//!
//! [`InputWriter`] turns events into fast-path or slow-path PDUs, [`InputReader`] turns those back.

mod fast_path;
mod packed;
mod slow_path;

use oriel_codecs::geometry::Point;

pub use crate::capabilities::InputFlags;
use crate::wire::DecodeResult;

/// A mouse button.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MouseButton {
    /// Usually the left one (`PTRFLAGS_BUTTON1`).
    Left,
    /// Usually the right one (`PTRFLAGS_BUTTON2`).
    Right,
    /// The wheel, pressed (`PTRFLAGS_BUTTON3`).
    Middle,
    /// The first extra one, "back" (`PTRXFLAGS_BUTTON1`).
    Back,
    /// The second extra one, "forward" (`PTRXFLAGS_BUTTON2`).
    Forward,
}

bitflags::bitflags! {
    /// Lock keys that are on (`TS_SYNC_EVENT`, `[MS-RDPBCGR] 2.2.8.1.1.3.1.1.5`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct LockKeys: u32 {
        /// Scroll Lock.
        const SCROLL = 0x1;
        /// Num Lock.
        const NUM = 0x2;
        /// Caps Lock.
        const CAPS = 0x4;
        /// Kana Lock.
        const KANA = 0x8;
    }
}

/// A prefix that a set 1 scan code carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ScanCodePrefix {
    /// None.
    #[default]
    None,
    /// `0xE0`: right Ctrl, arrows, …
    Extended,
    /// `0xE1`: the Pause sequence.
    Extended1,
}

/// A set 1 scan code without its release bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScanCode {
    /// The code, 0x01 to 0x7f.
    pub code: u8,
    /// Its prefix.
    pub prefix: ScanCodePrefix,
}

/// One event of input. Positions are desktop pixels; the protocol clamps them to 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputEvent {
    /// A key by its place on the keyboard.
    Key {
        /// Which.
        scan_code: ScanCode,
        /// Down or up.
        is_pressed: bool,
    },
    /// A UTF-16 unit for which there is no key.
    Unicode {
        /// The unit.
        unit: u16,
        /// Down or up.
        is_pressed: bool,
    },
    /// The pointer moved.
    MouseMove {
        /// To where.
        position: Point,
    },
    /// A button.
    MouseButton {
        /// Where.
        position: Point,
        /// Which.
        button: MouseButton,
        /// Down or up.
        is_pressed: bool,
    },
    /// The wheel; 120 is one notch, positive away from the user. Sent in pieces of at most 255.
    VerticalWheel {
        /// Where.
        position: Point,
        /// How far.
        delta: i16,
    },
    /// The horizontal wheel; 120 is one notch, positive to the right.
    HorizontalWheel {
        /// Where.
        position: Point,
        /// How far.
        delta: i16,
    },
    /// The pointer moved by so much; only where the server takes relative input.
    RelativeMouseMove {
        /// Columns.
        dx: i16,
        /// Rows.
        dy: i16,
    },
    /// The state of the lock keys; all other keys count as up afterwards.
    Synchronize {
        /// Which are on.
        locks: LockKeys,
    },
}

const fn pause_key(code: u8, prefix: ScanCodePrefix, is_pressed: bool) -> InputEvent {
    InputEvent::Key {
        scan_code: ScanCode { code, prefix },
        is_pressed,
    }
}

/// What one stroke of the Pause key is on the wire: Ctrl with the `0xE1` prefix and Num Lock go
/// down and up again (`KBDFLAGS_EXTENDED1`, `[MS-RDPBCGR] 2.2.8.1.1.3.1.1.1`). Sent as a whole when
/// the key goes down; nothing is sent when it comes up.
pub const PAUSE_SEQUENCE: [InputEvent; 4] = [
    pause_key(0x1d, ScanCodePrefix::Extended1, true),
    pause_key(0x45, ScanCodePrefix::None, true),
    pause_key(0x1d, ScanCodePrefix::Extended1, false),
    pause_key(0x45, ScanCodePrefix::None, false),
];

/// Encodes events for a server.
///
/// What the server said that it cannot take (characters, extra buttons, the horizontal wheel,
/// relative movement) is left out: sending it is forbidden, and servers have crashed on it.
#[derive(Clone, Copy, Debug)]
pub struct InputWriter {
    server: InputFlags,
}

impl InputWriter {
    /// A writer for a server with these input flags in its capabilities.
    pub fn new(server: InputFlags) -> Self {
        Self { server }
    }

    /// True where the server takes fast-path input; else [`InputWriter::write_slow_path`] is the way.
    pub fn is_fast_path(&self) -> bool {
        self.server
            .intersects(InputFlags::FASTPATH | InputFlags::FASTPATH2)
    }

    /// Appends whole fast-path input PDUs (`[MS-RDPBCGR] 2.2.8.1.2`), ready for the stream; as many
    /// as it takes, none where nothing is left to say.
    ///
    /// `timestamp_ms` goes in front for servers that measure quality of experience.
    pub fn write_fast_path(
        &self,
        events: &[InputEvent],
        timestamp_ms: Option<u32>,
        out: &mut Vec<u8>,
    ) {
        let timestamp = timestamp_ms.filter(|_| self.server.contains(InputFlags::QOE_TIMESTAMPS));
        fast_path::encode(&packed::pack(events, self.server), timestamp, out);
    }

    /// The body of an input PDU after its share data header (`TS_INPUT_PDU_DATA`,
    /// `[MS-RDPBCGR] 2.2.8.1.1.3.1`); `None` where nothing is left to say.
    pub fn write_slow_path(&self, events: &[InputEvent]) -> Option<Vec<u8>> {
        let packed = packed::pack(events, self.server);
        (!packed.is_empty()).then(|| slow_path::encode(&packed))
    }
}

/// Decodes what a client sends. Remembers the pointer's place, which button events of relative
/// mice do not tell.
#[derive(Clone, Debug, Default)]
pub struct InputReader {
    position: Point,
}

impl InputReader {
    /// A reader that believes the pointer in the top left corner.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a whole fast-path input PDU, from its first byte on, and appends its events.
    ///
    /// # Errors
    /// An encrypted PDU, an unknown event, or a PDU cut short; events before that are kept.
    pub fn handle_fast_path(&mut self, pdu: &[u8], out: &mut Vec<InputEvent>) -> DecodeResult<()> {
        fast_path::decode(pdu, |event| {
            packed::unpack(event, &mut self.position, out);
        })
    }

    /// Takes the body of an input PDU after its share data header and appends its events. Events
    /// of unknown type are skipped.
    ///
    /// # Errors
    /// A PDU cut short; events before that are kept.
    pub fn handle_slow_path(&mut self, body: &[u8], out: &mut Vec<InputEvent>) -> DecodeResult<()> {
        slow_path::decode(body, |event| {
            packed::unpack(event, &mut self.position, out);
        })
    }
}

#[cfg(test)]
mod tests;
