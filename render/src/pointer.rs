//! Mouse pointers as pictures.

use oriel_codecs::{
    geometry::{Point, Size},
    picture::{BYTES_PER_PIXEL, Picture},
};

/// A pointer's shape, ready for the window system or for the picture.
///
/// RDP's pointers can invert what lies below them, which no window system does any more. The
/// pixels that [`rgba`](Self::rgba) gives for those are black with a white rim, which shows on any
/// ground; drawn into the picture ([`PointerOverlay`](crate::PointerOverlay)) they invert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorImage {
    hotspot: Point,
    /// Straight alpha.
    picture: Picture,
    /// A flag a pixel, row by row; none where no pixel inverts.
    inverting: Option<Vec<bool>>,
}

impl CursorImage {
    /// A shape from straight-alpha BGRA pixels. `inverting` has a flag for each pixel, row by row;
    /// `None` where it has another number of them. The hotspot is moved inside.
    pub fn new(picture: Picture, hotspot: Point, inverting: Option<Vec<bool>>) -> Option<Self> {
        let pixels = picture.size().area();
        if inverting
            .as_ref()
            .is_some_and(|flags| flags.len() as u64 != pixels)
        {
            return None;
        }
        let inside = |at: i32, size: u32| at.clamp(0, size.saturating_sub(1) as i32);
        Some(Self {
            hotspot: Point::new(
                inside(hotspot.x, picture.size().width),
                inside(hotspot.y, picture.size().height),
            ),
            picture,
            inverting: inverting.filter(|flags| flags.contains(&true)),
        })
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.picture.size()
    }

    /// The pixel that points.
    pub fn hotspot(&self) -> Point {
        self.hotspot
    }

    /// Red, green, blue and straight alpha, row by row: what winit's `CustomCursor` takes.
    pub fn rgba(&self) -> Vec<u8> {
        let mut rgba = self.picture.data().to_vec();
        for pixel in rgba.chunks_exact_mut(BYTES_PER_PIXEL) {
            pixel.swap(0, 2);
        }
        let Some(flags) = &self.inverting else {
            return rgba;
        };
        let (width, height) = (self.size().width as usize, self.size().height as usize);
        let is_inverting = |x: Option<usize>, y: Option<usize>| match (x, y) {
            (Some(x), Some(y)) if x < width && y < height => flags[y * width + x],
            _ => false,
        };
        for (index, pixel) in rgba.chunks_exact_mut(BYTES_PER_PIXEL).enumerate() {
            let (x, y) = (index % width, index / width);
            if flags[index] {
                pixel.copy_from_slice(&[0, 0, 0, 255]);
            } else if pixel[3] == 0
                && (is_inverting(x.checked_sub(1), Some(y))
                    || is_inverting(Some(x + 1), Some(y))
                    || is_inverting(Some(x), y.checked_sub(1))
                    || is_inverting(Some(x), Some(y + 1)))
            {
                pixel.copy_from_slice(&[255, 255, 255, 255]);
            }
        }
        rgba
    }

    /// The pixels that do not invert, with premultiplied colours.
    pub(crate) fn premultiplied(&self) -> Picture {
        let mut picture = self.picture.clone();
        for (index, pixel) in picture
            .data_mut()
            .chunks_exact_mut(BYTES_PER_PIXEL)
            .enumerate()
        {
            if self.inverting.as_ref().is_some_and(|flags| flags[index]) {
                pixel.fill(0);
                continue;
            }
            let alpha = u32::from(pixel[3]);
            for channel in &mut pixel[..3] {
                *channel = ((u32::from(*channel) * alpha + 127) / 255) as u8;
            }
        }
        picture
    }

    /// White where the picture inverts, and nothing elsewhere.
    pub(crate) fn inverting_picture(&self) -> Option<Picture> {
        let flags = self.inverting.as_ref()?;
        let mut picture = Picture::filled(self.size(), [0; 4]);
        let pixels = picture.data_mut().chunks_exact_mut(BYTES_PER_PIXEL);
        for (pixel, _) in pixels.zip(flags).filter(|(_, inverts)| **inverts) {
            pixel.copy_from_slice(&[255, 255, 255, 0]);
        }
        Some(picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverting_pixels_become_black_with_a_white_rim() {
        let picture = Picture::filled(Size::new(3, 3), [0; 4]);
        let mut flags = vec![false; 9];
        flags[4] = true;
        let image = CursorImage::new(picture, Point::new(9, -1), Some(flags)).expect("nine flags");
        assert_eq!(image.hotspot(), Point::new(2, 0));
        let rgba = image.rgba();
        let alpha: Vec<_> = rgba
            .chunks_exact(4)
            .map(|pixel| (pixel[0], pixel[3]))
            .collect();
        let (clear, rim, ink) = ((0, 0), (255, 255), (0, 255));
        assert_eq!(alpha, [clear, rim, clear, rim, ink, rim, clear, rim, clear]);
        let mask = image.inverting_picture().expect("one pixel inverts");
        assert_eq!(mask.pixel(Point::new(1, 1)), [255, 255, 255, 0]);
        assert_eq!(mask.pixel(Point::new(0, 1)), [0; 4]);
    }

    #[test]
    fn colours_swap_for_the_window_system_and_multiply_for_the_picture() {
        let picture = Picture::filled(Size::new(1, 1), [10, 20, 200, 128]);
        let image = CursorImage::new(picture, Point::default(), None).expect("no flags");
        assert_eq!(image.rgba(), [200, 20, 10, 128]);
        assert_eq!(image.premultiplied().data(), [5, 10, 100, 128]);
    }

    #[test]
    fn a_mask_of_another_size_is_refused() {
        let picture = Picture::new(Size::new(2, 2));
        assert!(CursorImage::new(picture, Point::default(), Some(vec![true; 3])).is_none());
    }
}
