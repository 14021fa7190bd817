//! What a rectangle holds, told apart cheaply: one colour, a few as text has, or many as a photo.

use oriel_codecs::{geometry::Rect, picture::Picture};
use oriel_protocol::graphics::Color;

use super::{row, single_color};

/// Text and user interfaces keep to fewer colours a tile, smoothed edges included.
const FEW_COLORS: usize = 96;
/// Places of the table that counts colours: sparse, so that a search is short.
const PLACES: usize = 512;

/// What a rectangle holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// One colour.
    Flat(Color),
    /// Few colours: text, frames, icons. Must stay sharp, and compresses without loss.
    Text,
    /// Many colours: a photograph, a video at rest. Hides some loss, and does not compress without.
    Picture,
}

/// Looks at each pixel of a rectangle of the picture once, until there are too many colours.
pub fn classify(pixels: &Picture, rect: &Rect) -> Content {
    if let Some(color) = single_color(pixels, rect) {
        return Content::Flat(color);
    }
    let mut colors = ColorSet::default();
    let mut last = None;
    for y in rect.top..rect.bottom {
        for pixel in row(pixels, rect, y).as_chunks::<4>().0 {
            let color = u32::from_le_bytes(*pixel) | 0xff00_0000;
            // Most pixels are like the one before.
            if last != Some(color) {
                last = Some(color);
                if !colors.insert(color) {
                    return Content::Picture;
                }
            }
        }
    }
    Content::Text
}

/// Opaque colours, up to [`FEW_COLORS`]; 0 is none.
struct ColorSet {
    places: [u32; PLACES],
    count: usize,
}

impl Default for ColorSet {
    fn default() -> Self {
        Self {
            places: [0; PLACES],
            count: 0,
        }
    }
}

impl ColorSet {
    /// False where the set is full.
    fn insert(&mut self, color: u32) -> bool {
        // The upper bits of a product with an odd number of many ones depend on all bits.
        let hash = color.wrapping_mul(0x9e37_79b1) as usize >> (32 - PLACES.ilog2());
        for place in (hash..hash + PLACES).map(|place| place % PLACES) {
            match self.places[place] {
                0 if self.count == FEW_COLORS => return false,
                0 => {
                    self.places[place] = color;
                    self.count += 1;
                    return true;
                }
                known if known == color => return true,
                _ => {}
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oriel_codecs::geometry::Size;

    const SIZE: Size = Size::new(64, 64);

    fn with_colors(count: usize) -> Picture {
        let mut picture = Picture::new(SIZE);
        for (index, pixel) in picture.data_mut().chunks_exact_mut(4).enumerate() {
            let color = ((index % count) as u32).wrapping_mul(2_654_435);
            pixel[..3].copy_from_slice(&color.to_le_bytes()[..3]);
        }
        picture
    }

    #[test]
    fn colours_are_counted_up_to_the_limit() {
        let rect = SIZE.to_rect();
        assert!(matches!(classify(&with_colors(1), &rect), Content::Flat(_)));
        assert_eq!(classify(&with_colors(2), &rect), Content::Text);
        assert_eq!(classify(&with_colors(FEW_COLORS), &rect), Content::Text);
        assert_eq!(
            classify(&with_colors(FEW_COLORS + 1), &rect),
            Content::Picture
        );
    }

    #[test]
    fn only_the_rectangle_counts() {
        let mut picture = with_colors(2000);
        let mut view = picture.as_mut();
        let rect = Rect::new(10, 20, 30, 40);
        let mut part = view.sub(&rect).unwrap();
        for y in 0..20 {
            part.row_mut(y).fill(7);
        }
        assert!(matches!(classify(&picture, &rect), Content::Flat(_)));
    }
}
