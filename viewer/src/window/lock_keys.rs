//! Which lock keys are on, and which keyboard layout is set, asked of the X server.
//!
//! winit tells neither. Under Wayland an XWayland server usually answers, whose lock state follows
//! the compositor's while one of its windows has the focus; where there is none, the last known
//! state stays.

#[cfg(target_os = "linux")]
mod x11 {
    use oriel_protocol::input::LockKeys;
    use x11rb::{
        connection::Connection as _,
        protocol::{
            xkb::{ConnectionExt as _, ID},
            xproto::{AtomEnum, ConnectionExt as _, KeyButMask},
        },
        rust_connection::RustConnection,
    };

    /// A connection of its own, beside winit's.
    pub struct LocalKeyboard {
        connection: RustConnection,
        root: u32,
    }

    impl LocalKeyboard {
        /// Connects to `display`, or to the one that the environment names; `None` where there is
        /// no X server with the keyboard extension.
        pub fn open(display: Option<&str>) -> Option<Self> {
            let (connection, screen) = x11rb::connect(display).ok()?;
            let root = connection.setup().roots.get(screen)?.root;
            let extension = connection.xkb_use_extension(1, 0).ok()?.reply().ok()?;
            extension.supported.then_some(Self { connection, root })
        }

        /// The lock keys that are on.
        pub fn locks(&self) -> Option<LockKeys> {
            let keyboard = ID::USE_CORE_KBD.into();
            let state = self.connection.xkb_get_state(keyboard).ok()?.reply().ok()?;
            let locked = KeyButMask::from(u16::from(state.locked_mods));
            let mut locks = LockKeys::empty();
            locks.set(LockKeys::CAPS, locked.contains(KeyButMask::LOCK));
            // By convention of every layout since X11R6, Num Lock is the second modifier.
            locks.set(LockKeys::NUM, locked.contains(KeyButMask::MOD2));
            let control = self.connection.get_keyboard_control().ok()?.reply().ok()?;
            // Scroll Lock is no modifier; its light is the third.
            locks.set(LockKeys::SCROLL, control.led_mask & 0b100 != 0);
            Some(locks)
        }

        /// The first layout of the keyboard rules, for example `de`.
        pub fn layout_name(&self) -> Option<String> {
            let atom = |name: &[u8]| {
                let reply = self.connection.intern_atom(true, name).ok()?.reply().ok()?;
                Some(reply.atom)
            };
            let property = self
                .connection
                .get_property(
                    false,
                    self.root,
                    atom(b"_XKB_RULES_NAMES")?,
                    AtomEnum::STRING,
                    0,
                    1024,
                )
                .ok()?
                .reply()
                .ok()?;
            // Rules, model, layouts, variants, options; each ends with a NUL.
            let layouts = property.value.split(|&byte| byte == 0).nth(2)?;
            let first = layouts.split(|&byte| byte == b',').next()?;
            String::from_utf8(first.to_vec()).ok()
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use oriel_protocol::input::LockKeys;

    /// No X server here.
    pub struct LocalKeyboard;

    impl LocalKeyboard {
        /// Never there.
        pub fn open(_display: Option<&str>) -> Option<Self> {
            None
        }

        /// Unknown.
        pub fn locks(&self) -> Option<LockKeys> {
            None
        }

        /// Unknown.
        pub fn layout_name(&self) -> Option<String> {
            None
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub use elsewhere::LocalKeyboard;
#[cfg(target_os = "linux")]
pub use x11::LocalKeyboard;

/// The Windows identifier of an X keyboard layout; `None` for one that is not known here, for
/// which the server's default does as well as any.
///
/// Scan codes tell places on the keyboard, so the server must know which letters stand there.
pub fn windows_layout(name: &str) -> Option<u32> {
    Some(match name {
        "us" => 0x0409,
        "gb" => 0x0809,
        "de" => 0x0407,
        "at" => 0x0c07,
        "ch" => 0x0807,
        "fr" => 0x040c,
        "be" => 0x080c,
        "ca" => 0x1009,
        "es" => 0x040a,
        "latam" => 0x080a,
        "it" => 0x0410,
        "pt" => 0x0816,
        "br" => 0x0416,
        "nl" => 0x0413,
        "dk" => 0x0406,
        "no" => 0x0414,
        "se" => 0x041d,
        "fi" => 0x040b,
        "is" => 0x040f,
        "pl" => 0x0415,
        "cz" => 0x0405,
        "sk" => 0x041b,
        "hu" => 0x040e,
        "ro" => 0x0418,
        "bg" => 0x0402,
        "hr" => 0x041a,
        "si" => 0x0424,
        "rs" => 0x0c1a,
        "gr" => 0x0408,
        "tr" => 0x041f,
        "ru" => 0x0419,
        "ua" => 0x0422,
        "by" => 0x0423,
        "ee" => 0x0425,
        "lv" => 0x0426,
        "lt" => 0x0427,
        "il" => 0x040d,
        "ara" => 0x0401,
        "ir" => 0x0429,
        "in" => 0x0439,
        "th" => 0x041e,
        "vn" => 0x042a,
        "jp" => 0x0411,
        "kr" => 0x0412,
        "cn" => 0x0804,
        "tw" => 0x0404,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_layouts_are_known_and_strange_ones_are_not_guessed() {
        assert_eq!(windows_layout("us"), Some(crate::input::text::US_LAYOUT));
        assert_eq!(windows_layout("de"), Some(0x407));
        assert_eq!(windows_layout("dvorak-made-up"), None);
    }
}
