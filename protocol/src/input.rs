//! What the user does: keys, buttons, wheels (`[MS-RDPBCGR] 2.2.8.1`).

use oriel_codecs::geometry::Point;

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
