//! Scan codes and Unicode events to keys and text, by the US layout.

use oriel_protocol::input::{InputEvent, LockKeys, ScanCode, ScanCodePrefix};

/// What a program makes of a key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character to write.
    Text(char),
    /// A letter together with Ctrl, in lower case.
    Control(char),
    /// Return, on either block.
    Enter,
    /// Deletes what is left of the cursor.
    Backspace,
    /// Deletes what is right of the cursor.
    Delete,
    /// The tabulator.
    Tab,
    /// Escape.
    Escape,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
    /// To the line's start.
    Home,
    /// To the line's end.
    End,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
}

/// The unshifted and shifted characters of scan codes 0x02 to 0x35, where they have any.
const ROWS: [(u8, &str, &str); 4] = [
    (0x02, "1234567890-=", "!@#$%^&*()_+"),
    (0x10, "qwertyuiop[]", "QWERTYUIOP{}"),
    (0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~"),
    (0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
];

/// The keypad with Num Lock on, from 0x47.
const KEYPAD: &[u8] = b"789-456+1230.";

/// The state of a keyboard.
#[derive(Clone, Debug, Default)]
pub struct Keyboard {
    left_shift: bool,
    right_shift: bool,
    control: bool,
    alt: bool,
    locks: LockKeys,
    /// The first half of a character outside of the basic plane.
    high_surrogate: Option<u16>,
}

impl Keyboard {
    /// Takes an event; returns what was pressed, if it was a press that means something.
    pub fn press(&mut self, event: &InputEvent) -> Option<Key> {
        match *event {
            InputEvent::Key {
                scan_code,
                is_pressed,
            } => self.scan_code(scan_code, is_pressed),
            InputEvent::Unicode { unit, is_pressed } if is_pressed => self.unicode(unit),
            InputEvent::Synchronize { locks } => {
                *self = Self {
                    locks,
                    ..Self::default()
                };
                None
            }
            _ => None,
        }
    }

    fn scan_code(&mut self, scan_code: ScanCode, is_pressed: bool) -> Option<Key> {
        let extended = scan_code.prefix == ScanCodePrefix::Extended;
        match (scan_code.prefix, scan_code.code) {
            // E0 2A and E0 36 are the fake shifts around the grey keys of old keyboards.
            (ScanCodePrefix::None, 0x2a) => self.left_shift = is_pressed,
            (ScanCodePrefix::None, 0x36) => self.right_shift = is_pressed,
            (ScanCodePrefix::None | ScanCodePrefix::Extended, 0x1d) => self.control = is_pressed,
            (ScanCodePrefix::None | ScanCodePrefix::Extended, 0x38) => self.alt = is_pressed,
            (ScanCodePrefix::None, 0x3a) if is_pressed => self.locks.toggle(LockKeys::CAPS),
            (ScanCodePrefix::None, 0x45) if is_pressed => self.locks.toggle(LockKeys::NUM),
            (ScanCodePrefix::Extended1, _) => {}
            (_, code) if is_pressed => return self.key(code, extended),
            _ => {}
        }
        None
    }

    fn key(&self, code: u8, extended: bool) -> Option<Key> {
        match (code, extended) {
            (0x01, false) => return Some(Key::Escape),
            (0x0e, false) => return Some(Key::Backspace),
            (0x0f, false) => return Some(Key::Tab),
            (0x1c, _) => return Some(Key::Enter),
            (0x35, true) => return Some(Key::Text('/')),
            (0x37, false) => return Some(Key::Text('*')),
            (0x39, false) => return Some(Key::Text(' ')),
            (0x56, false) => return Some(Key::Text(if self.shift() { '|' } else { '\\' })),
            (0x47..=0x53, extended) => return self.keypad(code, extended),
            (_, true) => return None,
            _ => {}
        }
        let (plain, shifted) = ROWS.iter().find_map(|(first, plain, shifted)| {
            let at = usize::from(code.checked_sub(*first)?);
            Some((
                *plain.as_bytes().get(at)? as char,
                *shifted.as_bytes().get(at)? as char,
            ))
        })?;
        if self.control {
            return plain.is_ascii_lowercase().then_some(Key::Control(plain));
        }
        if self.alt {
            return None;
        }
        let caps = plain.is_ascii_lowercase() && self.locks.contains(LockKeys::CAPS);
        Some(Key::Text(if self.shift() != caps {
            shifted
        } else {
            plain
        }))
    }

    /// The keypad, and with its prefix the grey keys that share its codes.
    fn keypad(&self, code: u8, extended: bool) -> Option<Key> {
        let digit = KEYPAD[usize::from(code - 0x47)] as char;
        let is_operator = matches!(digit, '-' | '+');
        if !extended && (is_operator || (self.locks.contains(LockKeys::NUM) && !self.shift())) {
            return Some(Key::Text(digit));
        }
        match code {
            0x47 => Some(Key::Home),
            0x48 => Some(Key::Up),
            0x49 => Some(Key::PageUp),
            0x4b => Some(Key::Left),
            0x4d => Some(Key::Right),
            0x4f => Some(Key::End),
            0x50 => Some(Key::Down),
            0x51 => Some(Key::PageDown),
            0x53 => Some(Key::Delete),
            _ => None,
        }
    }

    fn unicode(&mut self, unit: u16) -> Option<Key> {
        let high = self.high_surrogate.take();
        if (0xd800..0xdc00).contains(&unit) {
            self.high_surrogate = Some(unit);
            return None;
        }
        let units = high.into_iter().chain([unit]);
        let character = char::decode_utf16(units).last()?.ok()?;
        Some(match character {
            '\r' | '\n' => Key::Enter,
            '\u{8}' | '\u{7f}' => Key::Backspace,
            '\t' => Key::Tab,
            '\u{1b}' => Key::Escape,
            other if other.is_control() => return None,
            other => Key::Text(other),
        })
    }

    fn shift(&self) -> bool {
        self.left_shift || self.right_shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: u8, is_pressed: bool) -> InputEvent {
        InputEvent::Key {
            scan_code: ScanCode {
                code,
                prefix: ScanCodePrefix::None,
            },
            is_pressed,
        }
    }

    #[test]
    fn shift_and_caps_lock_cancel_each_other_on_letters_only() {
        let mut keyboard = Keyboard::default();
        assert_eq!(keyboard.press(&key(0x1e, true)), Some(Key::Text('a')));
        assert_eq!(keyboard.press(&key(0x1e, false)), None);
        keyboard.press(&key(0x2a, true));
        assert_eq!(keyboard.press(&key(0x1e, true)), Some(Key::Text('A')));
        assert_eq!(keyboard.press(&key(0x02, true)), Some(Key::Text('!')));
        keyboard.press(&key(0x3a, true));
        assert_eq!(keyboard.press(&key(0x1e, true)), Some(Key::Text('a')));
        assert_eq!(keyboard.press(&key(0x02, true)), Some(Key::Text('!')));
        keyboard.press(&key(0x2a, false));
        assert_eq!(keyboard.press(&key(0x1e, true)), Some(Key::Text('A')));
        assert_eq!(keyboard.press(&key(0x02, true)), Some(Key::Text('1')));
    }

    #[test]
    fn every_printable_ascii_character_has_a_key() {
        let mut seen: Vec<char> = Vec::new();
        for shift in [false, true] {
            let mut keyboard = Keyboard::default();
            keyboard.press(&key(0x2a, shift));
            let modifiers = [0x1d, 0x2a, 0x36, 0x38, 0x3a];
            for code in (1..0x3b).filter(|code| !modifiers.contains(code)) {
                if let Some(Key::Text(character)) = keyboard.press(&key(code, true)) {
                    seen.push(character);
                }
            }
        }
        for character in ' '..='~' {
            assert!(seen.contains(&character), "{character:?} cannot be typed");
        }
    }

    #[test]
    fn a_synchronize_event_releases_the_modifiers_and_sets_the_locks() {
        let mut keyboard = Keyboard::default();
        keyboard.press(&key(0x1d, true));
        assert_eq!(keyboard.press(&key(0x2e, true)), Some(Key::Control('c')));
        keyboard.press(&InputEvent::Synchronize {
            locks: LockKeys::CAPS,
        });
        assert_eq!(keyboard.press(&key(0x2e, true)), Some(Key::Text('C')));
    }

    #[test]
    fn surrogate_pairs_become_one_character_and_lone_ones_nothing() {
        let mut keyboard = Keyboard::default();
        let mut unicode = |unit| {
            keyboard.press(&InputEvent::Unicode {
                unit,
                is_pressed: true,
            })
        };
        assert_eq!(unicode(0xd83d), None);
        assert_eq!(unicode(0xde00), Some(Key::Text('\u{1f600}')));
        assert_eq!(unicode(0xde00), None);
        assert_eq!(unicode(0xe9), Some(Key::Text('é')));
    }
}
