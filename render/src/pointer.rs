//! Mouse pointers as pictures.

use oriel_codecs::{
    geometry::{Point, Size},
    palette::Palette,
    picture::{BYTES_PER_PIXEL, Picture},
    pointer::{self, PointerPicture},
};
use oriel_protocol::graphics::PointerShape;

/// A pointer's shape, ready for the window system or for the picture.
///
/// RDP's pointers can invert what lies below them, which no window system does any more. The
/// pixels that [`rgba`](Self::rgba) gives for those are black with a white rim, which shows on any
/// ground; drawn into the picture ([`PointerOverlay`](crate::PointerOverlay)) they invert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorImage {
    hotspot: Point,
    pointer: PointerPicture,
}

impl CursorImage {
    /// The shape that the server sent. The hotspot is moved inside where it is not.
    ///
    /// # Errors
    /// Where a mask is too short, or the size or the depth is none that a pointer has.
    pub fn from_shape(shape: &PointerShape) -> Result<Self, pointer::DecodeError> {
        // A shape does not carry the session's palette: at 4 and 8 bits a pixel, which servers of
        // today do not send, colours become greys.
        let pointer = pointer::decode(
            shape.size,
            shape.bits_per_pixel,
            &shape.xor_mask,
            &shape.and_mask,
            &Palette::default(),
        )?;
        Ok(Self::new(pointer, shape.hotspot))
    }

    /// A shape that is decoded already. The hotspot is moved inside where it is not.
    pub fn new(pointer: PointerPicture, hotspot: Point) -> Self {
        let inside = |at: i32, size: u32| at.clamp(0, size.saturating_sub(1) as i32);
        let size = pointer.size();
        Self {
            hotspot: Point::new(
                inside(hotspot.x, size.width),
                inside(hotspot.y, size.height),
            ),
            pointer,
        }
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.pointer.size()
    }

    /// The pixel that points.
    pub fn hotspot(&self) -> Point {
        self.hotspot
    }

    /// Red, green, blue and straight alpha, row by row: what winit's `CustomCursor` takes.
    pub fn rgba(&self) -> Vec<u8> {
        let mut rgba = self.pointer.without_inversion().into_data();
        for pixel in rgba.chunks_exact_mut(BYTES_PER_PIXEL) {
            pixel.swap(0, 2);
        }
        rgba
    }

    /// The pixels that do not invert, with premultiplied colours.
    pub(crate) fn premultiplied(&self) -> Picture {
        let mut picture = self.pointer.picture.clone();
        for pixel in picture.data_mut().chunks_exact_mut(BYTES_PER_PIXEL) {
            let alpha = u32::from(pixel[3]);
            for channel in &mut pixel[..3] {
                *channel = ((u32::from(*channel) * alpha + 127) / 255) as u8;
            }
        }
        picture
    }

    /// White where the picture inverts, and nothing elsewhere.
    pub(crate) fn inverting_picture(&self) -> Option<Picture> {
        let mask = self.pointer.inverting.as_ref()?;
        let mut picture = Picture::filled(self.size(), [0; 4]);
        let width = self.size().width.max(1);
        for (index, pixel) in (0..).zip(picture.data_mut().chunks_exact_mut(BYTES_PER_PIXEL)) {
            if mask.get(index % width, index / width) {
                pixel.copy_from_slice(&[255, 255, 255, 0]);
            }
        }
        Some(picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// One row of one bit a pixel: black, white, clear, inverting.
    fn shape() -> PointerShape {
        PointerShape {
            size: Size::new(4, 1),
            hotspot: Point::new(9, -1),
            bits_per_pixel: 1,
            xor_mask: Bytes::from_static(&[0b0101_0000, 0]),
            and_mask: Bytes::from_static(&[0b0011_0000, 0]),
        }
    }

    #[test]
    fn a_shape_becomes_what_the_window_system_takes() {
        let image = CursorImage::from_shape(&shape()).expect("a whole shape");
        assert_eq!(image.hotspot(), Point::new(3, 0));
        let pixels: Vec<_> = image.rgba().chunks_exact(4).map(|p| (p[0], p[3])).collect();
        // The clear pixel beside the inverting one is its rim.
        assert_eq!(pixels, [(0, 255), (255, 255), (255, 255), (0, 255)]);
    }

    #[test]
    fn a_shape_drawn_into_the_picture_inverts() {
        let image = CursorImage::from_shape(&shape()).expect("a whole shape");
        let mask = image.inverting_picture().expect("one pixel inverts");
        assert_eq!(mask.pixel(Point::new(3, 0)), [255, 255, 255, 0]);
        assert_eq!(mask.pixel(Point::new(2, 0)), [0; 4]);
        let picture = image.premultiplied();
        assert_eq!(picture.pixel(Point::new(1, 0)), [255; 4]);
        assert_eq!(picture.pixel(Point::new(3, 0)), [0; 4]);
    }

    #[test]
    fn colours_swap_for_the_window_system_and_multiply_for_the_picture() {
        let pointer = PointerPicture {
            picture: Picture::filled(Size::new(1, 1), [10, 20, 200, 128]),
            inverting: None,
        };
        let image = CursorImage::new(pointer, Point::default());
        assert_eq!(image.rgba(), [200, 20, 10, 128]);
        assert_eq!(image.premultiplied().data(), [5, 10, 100, 128]);
    }

    #[test]
    fn a_shape_with_too_few_bytes_is_refused() {
        let short = PointerShape {
            xor_mask: Bytes::from_static(&[0]),
            ..shape()
        };
        assert!(CursorImage::from_shape(&short).is_err());
    }
}
