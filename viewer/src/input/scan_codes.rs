//! Set 1 scan codes by a key's place on the keyboard.
//!
//! The table is the one of Windows ("Keyboard Scan Code Specification", and the code column of
//! "UI Events KeyboardEvent code Values", W3C), since that is what servers were written against.

use oriel_protocol::input::{InputEvent, ScanCode, ScanCodePrefix};
use winit::keyboard::KeyCode;

/// A scan code without a prefix.
pub(crate) const fn plain(code: u8) -> ScanCode {
    ScanCode {
        code,
        prefix: ScanCodePrefix::None,
    }
}

/// A scan code behind `0xE0`.
pub(crate) const fn extended(code: u8) -> ScanCode {
    ScanCode {
        code,
        prefix: ScanCodePrefix::Extended,
    }
}

/// Left Shift.
pub(crate) const SHIFT_LEFT: ScanCode = plain(0x2a);
/// Print Screen while Alt is down: the keyboard's own SysRq.
pub(crate) const SYS_RQ: ScanCode = plain(0x54);
/// Pause while Ctrl is down: Break.
pub(crate) const BREAK: ScanCode = extended(0x46);

/// Pause, the one key that sends its release along with its press and nothing when it comes up
/// (`KBDFLAGS_EXTENDED1`, `[MS-RDPBCGR] 2.2.8.1.1.3.1.1.1`).
pub(crate) const PAUSE_SEQUENCE: [InputEvent; 4] = {
    const CONTROL: ScanCode = ScanCode {
        code: 0x1d,
        prefix: ScanCodePrefix::Extended1,
    };
    const NUM_LOCK: ScanCode = plain(0x45);
    [
        key(CONTROL, true),
        key(NUM_LOCK, true),
        key(CONTROL, false),
        key(NUM_LOCK, false),
    ]
};

/// The event of a key.
pub(crate) const fn key(scan_code: ScanCode, is_pressed: bool) -> InputEvent {
    InputEvent::Key {
        scan_code,
        is_pressed,
    }
}

/// The scan code of a key; `None` for Pause, which is a sequence, and for keys that have none.
pub fn scan_code(code: KeyCode) -> Option<ScanCode> {
    use KeyCode as K;
    Some(match code {
        K::Escape => plain(0x01),
        K::Digit1 => plain(0x02),
        K::Digit2 => plain(0x03),
        K::Digit3 => plain(0x04),
        K::Digit4 => plain(0x05),
        K::Digit5 => plain(0x06),
        K::Digit6 => plain(0x07),
        K::Digit7 => plain(0x08),
        K::Digit8 => plain(0x09),
        K::Digit9 => plain(0x0a),
        K::Digit0 => plain(0x0b),
        K::Minus => plain(0x0c),
        K::Equal => plain(0x0d),
        K::Backspace => plain(0x0e),
        K::Tab => plain(0x0f),
        K::KeyQ => plain(0x10),
        K::KeyW => plain(0x11),
        K::KeyE => plain(0x12),
        K::KeyR => plain(0x13),
        K::KeyT => plain(0x14),
        K::KeyY => plain(0x15),
        K::KeyU => plain(0x16),
        K::KeyI => plain(0x17),
        K::KeyO => plain(0x18),
        K::KeyP => plain(0x19),
        K::BracketLeft => plain(0x1a),
        K::BracketRight => plain(0x1b),
        K::Enter => plain(0x1c),
        K::ControlLeft => plain(0x1d),
        K::KeyA => plain(0x1e),
        K::KeyS => plain(0x1f),
        K::KeyD => plain(0x20),
        K::KeyF => plain(0x21),
        K::KeyG => plain(0x22),
        K::KeyH => plain(0x23),
        K::KeyJ => plain(0x24),
        K::KeyK => plain(0x25),
        K::KeyL => plain(0x26),
        K::Semicolon => plain(0x27),
        K::Quote => plain(0x28),
        K::Backquote => plain(0x29),
        K::ShiftLeft => SHIFT_LEFT,
        K::Backslash => plain(0x2b),
        K::KeyZ => plain(0x2c),
        K::KeyX => plain(0x2d),
        K::KeyC => plain(0x2e),
        K::KeyV => plain(0x2f),
        K::KeyB => plain(0x30),
        K::KeyN => plain(0x31),
        K::KeyM => plain(0x32),
        K::Comma => plain(0x33),
        K::Period => plain(0x34),
        K::Slash => plain(0x35),
        K::ShiftRight => plain(0x36),
        K::NumpadMultiply | K::NumpadStar => plain(0x37),
        K::AltLeft => plain(0x38),
        K::Space => plain(0x39),
        K::CapsLock => plain(0x3a),
        K::F1 => plain(0x3b),
        K::F2 => plain(0x3c),
        K::F3 => plain(0x3d),
        K::F4 => plain(0x3e),
        K::F5 => plain(0x3f),
        K::F6 => plain(0x40),
        K::F7 => plain(0x41),
        K::F8 => plain(0x42),
        K::F9 => plain(0x43),
        K::F10 => plain(0x44),
        K::NumLock => plain(0x45),
        K::ScrollLock => plain(0x46),
        K::Numpad7 => plain(0x47),
        K::Numpad8 => plain(0x48),
        K::Numpad9 => plain(0x49),
        K::NumpadSubtract => plain(0x4a),
        K::Numpad4 => plain(0x4b),
        K::Numpad5 => plain(0x4c),
        K::Numpad6 => plain(0x4d),
        K::NumpadAdd => plain(0x4e),
        K::Numpad1 => plain(0x4f),
        K::Numpad2 => plain(0x50),
        K::Numpad3 => plain(0x51),
        K::Numpad0 => plain(0x52),
        K::NumpadDecimal => plain(0x53),
        K::IntlBackslash => plain(0x56),
        K::F11 => plain(0x57),
        K::F12 => plain(0x58),
        K::NumpadEqual => plain(0x59),
        K::F13 => plain(0x64),
        K::F14 => plain(0x65),
        K::F15 => plain(0x66),
        K::F16 => plain(0x67),
        K::F17 => plain(0x68),
        K::F18 => plain(0x69),
        K::F19 => plain(0x6a),
        K::F20 => plain(0x6b),
        K::F21 => plain(0x6c),
        K::F22 => plain(0x6d),
        K::F23 => plain(0x6e),
        K::KanaMode => plain(0x70),
        K::Lang2 => plain(0x71),
        K::Lang1 => plain(0x72),
        K::IntlRo => plain(0x73),
        K::F24 => plain(0x76),
        K::Lang4 | K::Hiragana => plain(0x77),
        K::Lang3 | K::Katakana => plain(0x78),
        K::Convert => plain(0x79),
        K::NonConvert => plain(0x7b),
        K::IntlYen => plain(0x7d),
        K::NumpadComma => plain(0x7e),

        K::Undo => extended(0x08),
        K::Paste => extended(0x0a),
        K::MediaTrackPrevious => extended(0x10),
        K::Cut => extended(0x17),
        K::Copy => extended(0x18),
        K::MediaTrackNext => extended(0x19),
        K::NumpadEnter => extended(0x1c),
        K::ControlRight => extended(0x1d),
        K::AudioVolumeMute => extended(0x20),
        K::LaunchApp2 => extended(0x21),
        K::MediaPlayPause => extended(0x22),
        K::MediaStop => extended(0x24),
        K::Eject => extended(0x2c),
        K::AudioVolumeDown => extended(0x2e),
        K::AudioVolumeUp => extended(0x30),
        K::BrowserHome => extended(0x32),
        K::NumpadDivide => extended(0x35),
        K::PrintScreen => extended(0x37),
        K::AltRight => extended(0x38),
        K::Help => extended(0x3b),
        K::Home => extended(0x47),
        K::ArrowUp => extended(0x48),
        K::PageUp => extended(0x49),
        K::ArrowLeft => extended(0x4b),
        K::ArrowRight => extended(0x4d),
        K::End => extended(0x4f),
        K::ArrowDown => extended(0x50),
        K::PageDown => extended(0x51),
        K::Insert => extended(0x52),
        K::Delete => extended(0x53),
        K::SuperLeft | K::Meta => extended(0x5b),
        K::SuperRight => extended(0x5c),
        K::ContextMenu => extended(0x5d),
        K::Power => extended(0x5e),
        K::Sleep => extended(0x5f),
        K::WakeUp => extended(0x63),
        K::BrowserSearch => extended(0x65),
        K::BrowserFavorites => extended(0x66),
        K::BrowserRefresh => extended(0x67),
        K::BrowserStop => extended(0x68),
        K::BrowserForward => extended(0x69),
        K::BrowserBack => extended(0x6a),
        K::LaunchApp1 => extended(0x6b),
        K::LaunchMail => extended(0x6c),
        K::MediaSelect => extended(0x6d),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Every key that a keyboard of 101 to 109 keys has.
    const KEYBOARD: &[KeyCode] = {
        use KeyCode as K;
        &[
            K::Escape,
            K::F1,
            K::F2,
            K::F3,
            K::F4,
            K::F5,
            K::F6,
            K::F7,
            K::F8,
            K::F9,
            K::F10,
            K::F11,
            K::F12,
            K::PrintScreen,
            K::ScrollLock,
            K::Backquote,
            K::Digit1,
            K::Digit2,
            K::Digit3,
            K::Digit4,
            K::Digit5,
            K::Digit6,
            K::Digit7,
            K::Digit8,
            K::Digit9,
            K::Digit0,
            K::Minus,
            K::Equal,
            K::Backspace,
            K::Insert,
            K::Home,
            K::PageUp,
            K::NumLock,
            K::NumpadDivide,
            K::NumpadMultiply,
            K::NumpadSubtract,
            K::Tab,
            K::KeyQ,
            K::KeyW,
            K::KeyE,
            K::KeyR,
            K::KeyT,
            K::KeyY,
            K::KeyU,
            K::KeyI,
            K::KeyO,
            K::KeyP,
            K::BracketLeft,
            K::BracketRight,
            K::Backslash,
            K::Delete,
            K::End,
            K::PageDown,
            K::Numpad7,
            K::Numpad8,
            K::Numpad9,
            K::NumpadAdd,
            K::CapsLock,
            K::KeyA,
            K::KeyS,
            K::KeyD,
            K::KeyF,
            K::KeyG,
            K::KeyH,
            K::KeyJ,
            K::KeyK,
            K::KeyL,
            K::Semicolon,
            K::Quote,
            K::Enter,
            K::Numpad4,
            K::Numpad5,
            K::Numpad6,
            K::ShiftLeft,
            K::KeyZ,
            K::KeyX,
            K::KeyC,
            K::KeyV,
            K::KeyB,
            K::KeyN,
            K::KeyM,
            K::Comma,
            K::Period,
            K::Slash,
            K::ShiftRight,
            K::ArrowUp,
            K::Numpad1,
            K::Numpad2,
            K::Numpad3,
            K::NumpadEnter,
            K::ControlLeft,
            K::SuperLeft,
            K::AltLeft,
            K::Space,
            K::AltRight,
            K::SuperRight,
            K::ContextMenu,
            K::ControlRight,
            K::ArrowLeft,
            K::ArrowDown,
            K::ArrowRight,
            K::Numpad0,
            K::NumpadDecimal,
            K::IntlBackslash,
            K::IntlRo,
            K::IntlYen,
            K::Convert,
            K::NonConvert,
            K::KanaMode,
            K::Lang1,
            K::Lang2,
        ]
    };

    #[test]
    fn every_key_of_a_usual_keyboard_has_a_scan_code_of_its_own() {
        let mut seen = HashMap::new();
        for &code in KEYBOARD {
            let scan = scan_code(code).unwrap_or_else(|| panic!("{code:?} has no scan code"));
            assert!((0x01..=0x7f).contains(&scan.code), "{code:?}: {scan:?}");
            if let Some(other) = seen.insert(scan, code) {
                panic!("{code:?} and {other:?} are both {scan:?}");
            }
        }
    }

    #[test]
    fn keys_that_share_a_code_differ_by_their_prefix() {
        for (main, twin) in [
            (KeyCode::ControlLeft, KeyCode::ControlRight),
            (KeyCode::AltLeft, KeyCode::AltRight),
            (KeyCode::Enter, KeyCode::NumpadEnter),
            (KeyCode::Slash, KeyCode::NumpadDivide),
            (KeyCode::Numpad8, KeyCode::ArrowUp),
            (KeyCode::Numpad0, KeyCode::Insert),
            (KeyCode::NumpadDecimal, KeyCode::Delete),
            (KeyCode::NumpadMultiply, KeyCode::PrintScreen),
        ] {
            let (main, twin) = (scan_code(main).unwrap(), scan_code(twin).unwrap());
            assert_eq!(main, plain(main.code));
            assert_eq!(twin, extended(main.code));
        }
    }

    #[test]
    fn pause_is_no_single_key() {
        assert_eq!(scan_code(KeyCode::Pause), None);
        let codes: Vec<_> = PAUSE_SEQUENCE
            .iter()
            .map(|event| match event {
                InputEvent::Key {
                    scan_code,
                    is_pressed,
                } => (scan_code.prefix, scan_code.code, *is_pressed),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            codes,
            [
                (ScanCodePrefix::Extended1, 0x1d, true),
                (ScanCodePrefix::None, 0x45, true),
                (ScanCodePrefix::Extended1, 0x1d, false),
                (ScanCodePrefix::None, 0x45, false),
            ]
        );
    }
}
