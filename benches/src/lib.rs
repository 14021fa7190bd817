//! What the benches of Oriel measure with: pictures that look like work.
//!
//! Run them with `./dev bench`; a name after it picks benches whose name holds it. [`instructions`]
//! guards the hot paths by counting.

pub mod instructions;
pub mod page;
pub mod pair;

use oriel_codecs::{Picture, Rect, Size, geometry::Point};

/// A desktop of 1080p.
pub const DESKTOP: Size = Size::new(1920, 1080);

/// A page of something like coloured text, with a window whose contents lie `step` further left
/// than in the picture before.
pub fn text_desktop(size: Size, step: u32) -> Picture {
    let (width, height) = (size.width as i32, size.height as i32);
    let window = Rect::new(width / 6, height / 5, width * 4 / 7, height * 3 / 4);
    let mut data = Vec::with_capacity(size.area() as usize * 4);
    for y in 0..size.height {
        for x in 0..size.width {
            let is_in_window = window.contains(Point::new(x as i32, y as i32));
            let x = if is_in_window { x + step * 4 } else { x };
            data.extend_from_slice(&text_pixel(x, y));
        }
    }
    Picture::from_bgra(size, data).expect("four bytes a pixel")
}

/// A pixel of letters nine columns wide and eighteen rows high.
fn text_pixel(x: u32, y: u32) -> [u8; 4] {
    let letter = (x / 9).wrapping_mul(2_654_435_761) ^ (y / 18).wrapping_mul(40_503);
    let stroke = letter >> (x % 9 / 2 + y % 18 / 5 * 4) & 1;
    if y % 18 < 13 && x % 9 < 7 && stroke == 1 {
        [
            (letter >> 8) as u8 & 0x7f,
            40,
            (letter >> 16) as u8 & 0x7f,
            255,
        ]
    } else {
        [250, 248, 245, 255]
    }
}
