//! A number in two corners of the desktop, to be read off the screen.
//!
//! Whoever sees the same number in both has the whole picture, also of servers without frames,
//! which draw from one corner to the other. Each is a row of squares, one of eight colours each,
//! which no codec confuses.

use anyhow::Result;
use oriel_codecs::{Picture, Rect, Size, geometry::Point};

use crate::screen::Screen;

/// Side of a square: a macroblock.
const SQUARE_PX: i32 = 16;
const SQUARES: i32 = 4;
/// Numbers are below this.
pub const NUMBERS: u32 = 1 << (3 * SQUARES);
/// An empty screen is no number that is used: this one has four colours for 0.
const MASK: u32 = 0o5316;

/// The two rectangles that the number is painted in.
pub fn places(desktop: Size) -> [Rect; 2] {
    let row = Size::new((SQUARES * SQUARE_PX) as u32, SQUARE_PX as u32);
    let last = Point::new(
        (desktop.width - row.width) as i32,
        (desktop.height - row.height) as i32,
    );
    [row.to_rect(), Rect::at(last, row)]
}

/// Paints a number.
pub fn paint(picture: &mut Picture, number: u32) {
    for place in places(picture.size()) {
        for square in 0..SQUARES {
            let left = place.left + square * SQUARE_PX;
            let rect = Rect::new(left, place.top, left + SQUARE_PX, place.bottom);
            super::fill(picture, &rect, color(number, square));
        }
    }
}

fn color(number: u32, square: i32) -> [u8; 4] {
    let bits = (number ^ MASK) >> (3 * square);
    let channel = |bit: u32| if bits >> bit & 1 == 1 { 255 } else { 0 };
    [channel(0), channel(1), channel(2), 255]
}

/// The number on a screen that shows the desktop and nothing else; `None` where the corners do not
/// agree.
pub fn read(screen: &Screen, desktop: Size) -> Result<Option<u32>> {
    let [first, last] = places(desktop);
    let number = |place: Rect| -> Result<Option<u32>> {
        let y = place.top + SQUARE_PX / 2;
        let row = screen.row(place.left as u32, y as u32, place.width())?;
        Ok(parse(&row))
    };
    let (first, last) = (number(first)?, number(last)?);
    Ok(first.filter(|_| first == last))
}

/// The number in a row of pixels through the middle of the squares.
fn parse(row: &[u8]) -> Option<u32> {
    let mut number = 0;
    for (square, pixels) in row.chunks_exact(SQUARE_PX as usize * 4).enumerate() {
        let middle = &pixels[SQUARE_PX as usize / 2 * 4..][..3];
        for (bit, &channel) in middle.iter().enumerate() {
            match channel {
                0..64 => {}
                192.. => number |= 1 << (3 * square + bit),
                _ => return None,
            }
        }
    }
    Some(number ^ MASK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_read_in_both_corners_as_it_was_painted() {
        let desktop = Size::new(320, 200);
        let mut picture = Picture::filled(desktop, [90, 90, 90, 255]);
        for number in [0, 1, 7, 8, 1234, NUMBERS - 1] {
            paint(&mut picture, number);
            for place in places(desktop) {
                let y = place.top as usize + 8;
                let start = y * picture.stride_bytes() + place.left as usize * 4;
                let row = &picture.data()[start..start + place.width() as usize * 4];
                assert_eq!(parse(row), Some(number));
            }
        }
    }

    #[test]
    fn what_is_no_marker_is_no_number_of_the_script() {
        assert_eq!(parse(&[128; 256]), None);
        assert!(parse(&[0; 256]).is_some_and(|number| number > 2000));
        assert!(parse(&[255; 256]).is_some_and(|number| number > 1000));
    }
}
