//! The demo desktop's colours and measures, in one place.

/// A colour with straight alpha.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgba {
    /// Red.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
    /// Opacity.
    pub alpha: u8,
}

impl Rgba {
    /// An opaque colour from `0xRRGGBB`.
    pub const fn hex(rgb: u32) -> Self {
        Self {
            red: (rgb >> 16) as u8,
            green: (rgb >> 8) as u8,
            blue: rgb as u8,
            alpha: 255,
        }
    }

    /// The same colour at another opacity.
    pub const fn with_alpha(self, alpha: u8) -> Self {
        Self { alpha, ..self }
    }

    /// An opaque colour between two, `at` from 0 (`self`) to 1 (`other`).
    pub fn mix(self, other: Self, at: f32) -> Self {
        let channel = |a: u8, b: u8| (a as f32 + (b as f32 - a as f32) * at).round() as u8;
        Self {
            red: channel(self.red, other.red),
            green: channel(self.green, other.green),
            blue: channel(self.blue, other.blue),
            alpha: 255,
        }
    }

    /// As a pixel of the desktop: blue, green, red, alpha.
    pub const fn bgra(self) -> [u8; 4] {
        [self.blue, self.green, self.red, self.alpha]
    }
}

/// Height of the task bar.
pub const TASK_BAR_HEIGHT: f32 = 46.0;
/// Height of a window's title bar.
pub const TITLE_HEIGHT: f32 = 34.0;
/// Radius of a window's corners.
pub const CORNER_RADIUS: f32 = 9.0;
/// How far a window's shadow reaches.
pub const SHADOW_REACH: f32 = 26.0;

/// Text on dark ground.
pub const TEXT: Rgba = Rgba::hex(0xE8EAF2);
/// Less important text on dark ground.
pub const TEXT_DIM: Rgba = Rgba::hex(0x9AA1B9);
/// What has the focus, what can be pressed.
pub const ACCENT: Rgba = Rgba::hex(0x8AB4FF);
/// The task bar.
pub const BAR: Rgba = Rgba::hex(0x12152A);
/// Ground of dark windows.
pub const WINDOW: Rgba = Rgba::hex(0x191D2E);
/// Title bar of the window with the focus.
pub const TITLE_FOCUSED: Rgba = Rgba::hex(0x2D3350);
/// Title bar of every other window.
pub const TITLE: Rgba = Rgba::hex(0x22273C);
/// Lines around windows.
pub const OUTLINE: Rgba = Rgba::hex(0x464D70);
/// The close button under the pointer.
pub const CLOSE: Rgba = Rgba::hex(0xE2556B);

/// The sixteen colours of the terminal and of highlighted code: the eight of a terminal, then
/// their bright ones.
pub const ANSI: [Rgba; 16] = [
    Rgba::hex(0x2A2F45),
    Rgba::hex(0xF0717E),
    Rgba::hex(0x9BD68A),
    Rgba::hex(0xEFC66B),
    Rgba::hex(0x7AA8F7),
    Rgba::hex(0xC594EE),
    Rgba::hex(0x70CFD3),
    Rgba::hex(0xC9CEE0),
    Rgba::hex(0x666E8C),
    Rgba::hex(0xFF8E99),
    Rgba::hex(0xB7EBA6),
    Rgba::hex(0xFFDC8C),
    Rgba::hex(0x9DC1FF),
    Rgba::hex(0xDBB4FB),
    Rgba::hex(0x93E4E8),
    Rgba::hex(0xF5F7FF),
];
