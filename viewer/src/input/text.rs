//! Typing a text: as keys where the layout is known to have them, else as Unicode.

use oriel_protocol::input::{InputEvent, ScanCode};

use super::{
    keyboard::push_unicode,
    scan_codes::{SHIFT_LEFT, key, plain},
};

/// The keyboard layout of the United States, the one whose keys are known here.
pub const US_LAYOUT: u32 = 0x409;

/// The events that type one character at a server that was told `layout`.
pub fn push_character(character: char, layout: u32, out: &mut Vec<InputEvent>) {
    let Some((scan, needs_shift)) =
        us_key(character).filter(|_| layout == US_LAYOUT || matches!(character, '\n' | '\t' | ' '))
    else {
        push_unicode(character.encode_utf8(&mut [0; 4]), out);
        return;
    };
    if needs_shift {
        out.push(key(SHIFT_LEFT, true));
    }
    out.extend([key(scan, true), key(scan, false)]);
    if needs_shift {
        out.push(key(SHIFT_LEFT, false));
    }
}

/// The key of a character on the layout of the United States, and whether Shift is held for it.
fn us_key(character: char) -> Option<(ScanCode, bool)> {
    /// Characters of the four rows from the left, without and with Shift, and the first one's code.
    const ROWS: [(&str, &str, u8); 4] = [
        ("1234567890-=", "!@#$%^&*()_+", 0x02),
        ("qwertyuiop[]", "QWERTYUIOP{}", 0x10),
        ("asdfghjkl;'`", "ASDFGHJKL:\"~", 0x1e),
        ("\\zxcvbnm,./", "|ZXCVBNM<>?", 0x2b),
    ];
    // The third row ends with the key left of "1", whose code follows that of the apostrophe;
    // then comes left Shift (0x2a), then the fourth row.
    match character {
        ' ' => return Some((plain(0x39), false)),
        '\n' => return Some((plain(0x1c), false)),
        '\t' => return Some((plain(0x0f), false)),
        '\u{8}' => return Some((plain(0x0e), false)),
        '\u{1b}' => return Some((plain(0x01), false)),
        _ => {}
    }
    ROWS.iter().find_map(|(bare, shifted, first)| {
        let place = |row: &str| row.bytes().position(|c| char::from(c) == character);
        let (at, needs_shift) = match place(bare) {
            Some(at) => (at, false),
            None => (place(shifted)?, true),
        };
        Some((plain(first + at as u8), needs_shift))
    })
}

#[cfg(test)]
mod tests {
    use winit::keyboard::KeyCode;

    use super::*;
    use crate::input::scan_codes::scan_code;

    fn typed(character: char, layout: u32) -> Vec<InputEvent> {
        let mut out = Vec::new();
        push_character(character, layout, &mut out);
        out
    }

    #[test]
    fn every_printable_ascii_character_is_a_key_of_the_us_layout() {
        let mut seen = std::collections::HashSet::new();
        for character in ' '..='~' {
            let key = us_key(character).unwrap_or_else(|| panic!("{character:?} has no key"));
            assert!(seen.insert(key), "{character:?} shares its key");
        }
    }

    #[test]
    fn the_rows_lie_where_the_keyboard_has_them() {
        for (character, code, needs_shift) in [
            ('a', KeyCode::KeyA, false),
            ('Z', KeyCode::KeyZ, true),
            ('0', KeyCode::Digit0, false),
            (')', KeyCode::Digit0, true),
            ('+', KeyCode::Equal, true),
            ('}', KeyCode::BracketRight, true),
            ('"', KeyCode::Quote, true),
            ('`', KeyCode::Backquote, false),
            ('~', KeyCode::Backquote, true),
            ('\\', KeyCode::Backslash, false),
            ('|', KeyCode::Backslash, true),
            ('?', KeyCode::Slash, true),
            (' ', KeyCode::Space, false),
            ('\n', KeyCode::Enter, false),
            ('\t', KeyCode::Tab, false),
        ] {
            let expected = scan_code(code).map(|scan| (scan, needs_shift));
            assert_eq!(us_key(character), expected, "{character:?}");
        }
    }

    #[test]
    fn shift_is_held_around_the_key() {
        let a = scan_code(KeyCode::KeyA).unwrap();
        assert_eq!(
            typed('A', US_LAYOUT),
            [
                key(SHIFT_LEFT, true),
                key(a, true),
                key(a, false),
                key(SHIFT_LEFT, false)
            ]
        );
    }

    #[test]
    fn what_the_layout_does_not_have_is_typed_as_unicode() {
        let unicode = |text: &str| {
            let mut out = Vec::new();
            push_unicode(text, &mut out);
            out
        };
        assert_eq!(typed('\u{e9}', US_LAYOUT), unicode("\u{e9}"));
        assert_eq!(typed('z', 0x407), unicode("z"), "z and y change places");
        assert_eq!(typed('\n', 0x407), typed('\n', US_LAYOUT));
    }
}
