//! Which keys are down at the server, and how a change of one is told.

use oriel_protocol::input::{InputEvent, LockKeys, ScanCode};
use winit::keyboard::{KeyCode, PhysicalKey};

use super::scan_codes::{BREAK, PAUSE_SEQUENCE, SYS_RQ, key, scan_code};

/// The keyboard as the server sees it.
///
/// What was pressed is remembered by the local key, so that its release is told with the very code
/// of its press, whatever was held in between, and so that nothing stays down when the focus goes.
#[derive(Debug, Default)]
pub struct Keyboard {
    down: Vec<(PhysicalKey, ScanCode)>,
}

impl Keyboard {
    /// Tells of a key that changed. `text` is what the local layout makes of it; it counts only
    /// where the key has no scan code.
    pub fn key(
        &mut self,
        physical: PhysicalKey,
        text: Option<&str>,
        is_pressed: bool,
        out: &mut Vec<InputEvent>,
    ) {
        if !is_pressed {
            self.release(physical, out);
        } else if physical == PhysicalKey::Code(KeyCode::Pause) {
            if self.is_control_down() {
                out.extend([key(BREAK, true), key(BREAK, false)]);
            } else {
                out.extend(PAUSE_SEQUENCE);
            }
        } else if let Some(scan) = self.scan_code(physical) {
            // A repeated press is told again: that is how the server's repeat comes about.
            if !self.down.iter().any(|(known, _)| *known == physical) {
                self.down.push((physical, scan));
            }
            out.push(key(scan, true));
        } else if let Some(text) = text
            && !self.is_command_down()
        {
            push_unicode(text, out);
        }
    }

    /// Lets go of every key that is down: the window lost the focus.
    pub fn release_all(&mut self, out: &mut Vec<InputEvent>) {
        // The last pressed first: a modifier comes up after the key that it modifies.
        while let Some((_, scan)) = self.down.pop() {
            out.push(key(scan, false));
        }
    }

    /// Tells the state of the lock keys: the window gained the focus. For the server all other
    /// keys are up from here on.
    pub fn synchronize(&mut self, locks: LockKeys, out: &mut Vec<InputEvent>) {
        self.release_all(out);
        out.push(InputEvent::Synchronize { locks });
    }

    /// True while a Ctrl key is down at the server.
    pub fn is_control_down(&self) -> bool {
        self.is_down(&[KeyCode::ControlLeft, KeyCode::ControlRight])
    }

    /// True while the left Alt key is down; the right one may be AltGr.
    pub fn is_alt_down(&self) -> bool {
        self.is_down(&[KeyCode::AltLeft])
    }

    /// True while a key is down that makes a command of a letter.
    fn is_command_down(&self) -> bool {
        self.is_control_down()
            || self.is_alt_down()
            || self.is_down(&[KeyCode::SuperLeft, KeyCode::SuperRight])
    }

    fn is_down(&self, codes: &[KeyCode]) -> bool {
        self.down
            .iter()
            .any(|(physical, _)| codes.iter().any(|&code| *physical == code))
    }

    fn scan_code(&self, physical: PhysicalKey) -> Option<ScanCode> {
        // A repeat keeps the code of the first press.
        if let Some((_, scan)) = self.down.iter().find(|(known, _)| *known == physical) {
            return Some(*scan);
        }
        match physical {
            PhysicalKey::Code(KeyCode::PrintScreen) if self.is_alt_down() => Some(SYS_RQ),
            PhysicalKey::Code(code) => scan_code(code),
            PhysicalKey::Unidentified(_) => None,
        }
    }

    fn release(&mut self, physical: PhysicalKey, out: &mut Vec<InputEvent>) {
        if let Some(at) = self.down.iter().position(|(known, _)| *known == physical) {
            let (_, scan) = self.down.remove(at);
            out.push(key(scan, false));
        }
    }
}

/// Types `text` without keys: each UTF-16 unit is pressed and let go.
pub fn push_unicode(text: &str, out: &mut Vec<InputEvent>) {
    for unit in text.encode_utf16() {
        for is_pressed in [true, false] {
            out.push(InputEvent::Unicode { unit, is_pressed });
        }
    }
}

#[cfg(test)]
mod tests {
    use winit::keyboard::NativeKeyCode;

    use super::*;
    use crate::input::scan_codes::{extended, plain};

    fn code(code: KeyCode) -> PhysicalKey {
        PhysicalKey::Code(code)
    }

    fn events(run: impl FnOnce(&mut Keyboard, &mut Vec<InputEvent>)) -> Vec<InputEvent> {
        let mut out = Vec::new();
        run(&mut Keyboard::default(), &mut out);
        out
    }

    #[test]
    fn a_held_key_repeats_and_comes_up_once() {
        let out = events(|keyboard, out| {
            for is_pressed in [true, true, true, false, false] {
                keyboard.key(code(KeyCode::KeyA), Some("a"), is_pressed, out);
            }
        });
        let a = plain(0x1e);
        assert_eq!(
            out,
            [key(a, true), key(a, true), key(a, true), key(a, false)]
        );
    }

    #[test]
    fn losing_the_focus_lets_go_of_everything_modifiers_last() {
        let out = events(|keyboard, out| {
            keyboard.key(code(KeyCode::ControlLeft), None, true, out);
            keyboard.key(code(KeyCode::KeyC), Some("c"), true, out);
            out.clear();
            keyboard.release_all(out);
            keyboard.key(code(KeyCode::KeyC), None, false, out);
        });
        assert_eq!(out, [key(plain(0x2e), false), key(plain(0x1d), false)]);
    }

    #[test]
    fn gaining_the_focus_tells_the_lock_keys() {
        let locks = LockKeys::CAPS | LockKeys::NUM;
        assert_eq!(
            events(|keyboard, out| keyboard.synchronize(locks, out)),
            [InputEvent::Synchronize { locks }]
        );
    }

    #[test]
    fn print_screen_with_alt_is_sys_rq_until_it_comes_up() {
        let out = events(|keyboard, out| {
            keyboard.key(code(KeyCode::AltLeft), None, true, out);
            keyboard.key(code(KeyCode::PrintScreen), None, true, out);
            keyboard.key(code(KeyCode::AltLeft), None, false, out);
            keyboard.key(code(KeyCode::PrintScreen), None, false, out);
        });
        assert_eq!(out[1], key(plain(0x54), true));
        assert_eq!(out[3], key(plain(0x54), false));
        let alone = events(|keyboard, out| {
            keyboard.key(code(KeyCode::PrintScreen), None, true, out);
        });
        assert_eq!(alone, [key(extended(0x37), true)]);
    }

    #[test]
    fn pause_is_whole_at_its_press_and_silent_at_its_release() {
        let out = events(|keyboard, out| {
            keyboard.key(code(KeyCode::Pause), None, true, out);
            keyboard.key(code(KeyCode::Pause), None, false, out);
            keyboard.release_all(out);
        });
        assert_eq!(out, PAUSE_SEQUENCE);
        let with_control = events(|keyboard, out| {
            keyboard.key(code(KeyCode::ControlRight), None, true, out);
            keyboard.key(code(KeyCode::Pause), None, true, out);
        });
        assert_eq!(
            with_control[1..],
            [key(extended(0x46), true), key(extended(0x46), false)]
        );
    }

    #[test]
    fn a_key_without_a_scan_code_is_typed_unless_it_is_a_command() {
        let unknown = PhysicalKey::Unidentified(NativeKeyCode::Xkb(248));
        let units = |text: &str| {
            let mut out = Vec::new();
            push_unicode(text, &mut out);
            out
        };
        assert_eq!(
            events(|keyboard, out| keyboard.key(unknown, Some("\u{20ac}"), true, out)),
            units("\u{20ac}")
        );
        assert_eq!(units("\u{1f600}").len(), 4, "a surrogate pair is two units");
        for modifier in [KeyCode::ControlLeft, KeyCode::AltLeft, KeyCode::SuperRight] {
            let out = events(|keyboard, out| {
                keyboard.key(code(modifier), None, true, out);
                out.clear();
                keyboard.key(unknown, Some("x"), true, out);
            });
            assert_eq!(out, [], "{modifier:?}");
        }
        let with_alt_gr = events(|keyboard, out| {
            keyboard.key(code(KeyCode::AltRight), None, true, out);
            out.clear();
            keyboard.key(unknown, Some("x"), true, out);
        });
        assert_eq!(with_alt_gr, units("x"), "AltGr makes letters, not commands");
    }
}
