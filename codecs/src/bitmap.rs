//! Bitmaps that are not compressed: rows of pixels, and where they go.
//!
//! Bitmap updates have them bottom row first and padded to four bytes
//! (`[MS-RDPBCGR] 2.2.9.1.1.3.1.2.2`); surface bits (`2.2.9.2.1.1`) bottom row first, without
//! padding; the graphics pipeline (`[MS-RDPEGFX] 2.2.2.1`, codec 0) top row first, without padding.

use thiserror::Error;

use crate::color_depth::ColorDepth;
use crate::geometry::Size;
use crate::palette::Palette;
use crate::picture::{BYTES_PER_PIXEL, PictureMut, PictureRef, RowOrder};

/// How a bitmap's pixels lie in its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitmapLayout {
    /// Width and height of the bitmap, which may be more than is shown.
    pub size: Size,
    /// Bits of a pixel.
    pub depth: ColorDepth,
    /// Which row comes first.
    pub row_order: RowOrder,
    /// Each row starts at a multiple of this many bytes from the first; 1 for none between rows.
    pub row_alignment_bytes: u32,
}

impl BitmapLayout {
    /// A bitmap of a bitmap update: bottom row first, rows of whole four bytes.
    pub const fn update(size: Size, depth: ColorDepth) -> Self {
        Self {
            size,
            depth,
            row_order: RowOrder::BottomUp,
            row_alignment_bytes: 4,
        }
    }

    /// Surface bits: bottom row first, nothing between rows. The specification is silent about
    /// the order; this is what servers send and other clients take.
    pub const fn surface(size: Size, depth: ColorDepth) -> Self {
        Self {
            size,
            depth,
            row_order: RowOrder::BottomUp,
            row_alignment_bytes: 1,
        }
    }

    fn row_bytes(&self) -> usize {
        self.size.width as usize * self.depth.bytes_per_pixel()
    }

    fn stride_bytes(&self) -> usize {
        self.row_bytes()
            .next_multiple_of(self.row_alignment_bytes.max(1) as usize)
    }
}

/// Why a bitmap could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// There are fewer bytes than the pixels take.
    #[error("bitmap of {needed} bytes in {actual} bytes")]
    Truncated {
        /// Bytes that the bitmap takes.
        needed: u64,
        /// Bytes that are there.
        actual: u64,
    },
}

/// Draws a bitmap at the top left corner of `target`.
///
/// What lies beyond `target` at the right or at the bottom is cut off; pixels of `target` beyond
/// the bitmap stay as they are. The fourth byte becomes 255.
///
/// # Errors
/// Where `payload` is too short, before anything is drawn. The last row needs no padding.
pub fn decode(
    payload: &[u8],
    layout: &BitmapLayout,
    palette: &Palette,
    target: &mut PictureMut<'_>,
) -> Result<(), DecodeError> {
    if layout.size.is_empty() {
        return Ok(());
    }
    let (row_bytes, stride_bytes) = (layout.row_bytes(), layout.stride_bytes());
    let needed = u64::from(layout.size.height - 1)
        .saturating_mul(stride_bytes as u64)
        .saturating_add(row_bytes as u64);
    if (payload.len() as u64) < needed {
        return Err(DecodeError::Truncated {
            needed,
            actual: payload.len() as u64,
        });
    }
    for y in 0..layout.size.height.min(target.size().height) {
        let stored = layout.row_order.flip(y, layout.size.height) as usize;
        let row = &payload[stored * stride_bytes..][..row_bytes];
        layout.depth.expand_row(palette, row, target.row_mut(y));
    }
    Ok(())
}

/// Appends the pixels of `source`, whose size must be that of `layout`.
///
/// At 8 bits a pixel the nearest colours of `palette` are taken.
///
/// # Panics
/// If the sizes differ.
pub fn encode(
    source: &PictureRef<'_>,
    layout: &BitmapLayout,
    palette: &Palette,
    out: &mut Vec<u8>,
) {
    assert_eq!(source.size(), layout.size, "the layout of another picture");
    let stride_bytes = layout.stride_bytes();
    out.reserve(stride_bytes * layout.size.height as usize);
    for stored in 0..layout.size.height {
        let start = out.len();
        let row = source.row(layout.row_order.flip(stored, layout.size.height));
        layout.depth.pack_row(palette, row, out);
        out.resize(start + stride_bytes, 0);
    }
}

/// Copies `source` to the top left corner of `target` with its fourth byte: what an uncompressed
/// bitmap of a surface with alpha is.
pub fn copy(source: &PictureRef<'_>, target: &mut PictureMut<'_>) {
    let width = source.size().width.min(target.size().width) as usize;
    for y in 0..source.size().height.min(target.size().height) {
        let bytes = width * BYTES_PER_PIXEL;
        target.row_mut(y)[..bytes].copy_from_slice(&source.row(y)[..bytes]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::Point;
    use crate::picture::Picture;

    const DEPTHS: [ColorDepth; 5] = [
        ColorDepth::Indexed8,
        ColorDepth::Rgb555,
        ColorDepth::Rgb565,
        ColorDepth::Bgr24,
        ColorDepth::Bgrx32,
    ];

    #[test]
    fn an_update_is_padded_to_four_bytes_and_upside_down() {
        // 3 by 2 at 24 bits: 9 bytes a row, 3 of padding.
        let payload = [
            1, 2, 3, 4, 5, 6, 7, 8, 9, 0xEE, 0xEE, 0xEE, //
            11, 12, 13, 14, 15, 16, 17, 18, 19,
        ];
        let mut picture = Picture::new(Size::new(3, 2));
        let layout = BitmapLayout::update(Size::new(3, 2), ColorDepth::Bgr24);
        decode(
            &payload,
            &layout,
            &Palette::default(),
            &mut picture.as_mut(),
        )
        .unwrap();
        assert_eq!(picture.pixel(Point::new(0, 0)), [11, 12, 13, 255]);
        assert_eq!(picture.pixel(Point::new(2, 1)), [7, 8, 9, 255]);
        assert_eq!(
            decode(
                &payload[..20],
                &layout,
                &Palette::default(),
                &mut picture.as_mut()
            ),
            Err(DecodeError::Truncated {
                needed: 21,
                actual: 20
            })
        );
    }

    #[test]
    fn surface_bits_are_upside_down_and_not_padded() {
        // 1 by 2 at 24 bits.
        let payload = [1, 2, 3, 4, 5, 6];
        let mut picture = Picture::new(Size::new(1, 2));
        let layout = BitmapLayout::surface(Size::new(1, 2), ColorDepth::Bgr24);
        decode(
            &payload,
            &layout,
            &Palette::default(),
            &mut picture.as_mut(),
        )
        .unwrap();
        assert_eq!(picture.data(), [4, 5, 6, 255, 1, 2, 3, 255]);
    }

    #[test]
    fn a_bitmap_larger_than_its_place_is_cut_at_the_right_and_the_bottom() {
        let payload: Vec<u8> = (0..16).collect();
        let mut picture = Picture::new(Size::new(2, 3));
        let layout = BitmapLayout::update(Size::new(4, 4), ColorDepth::Indexed8);
        decode(
            &payload,
            &layout,
            &Palette::default(),
            &mut picture.as_mut(),
        )
        .unwrap();
        // The top row is stored last.
        assert_eq!(picture.pixel(Point::new(0, 0)), [12, 12, 12, 255]);
        assert_eq!(picture.pixel(Point::new(1, 2)), [5, 5, 5, 255]);
    }

    #[test]
    fn a_bitmap_smaller_than_its_place_leaves_the_rest() {
        let mut picture = Picture::filled(Size::new(2, 2), [1; 4]);
        let layout = BitmapLayout::surface(Size::new(1, 1), ColorDepth::Bgrx32);
        decode(
            &[7, 8, 9, 0],
            &layout,
            &Palette::default(),
            &mut picture.as_mut(),
        )
        .unwrap();
        assert_eq!(picture.pixel(Point::new(0, 0)), [7, 8, 9, 255]);
        assert_eq!(picture.pixel(Point::new(1, 0)), [1; 4]);
        assert_eq!(picture.pixel(Point::new(0, 1)), [1; 4]);
    }

    #[test]
    fn a_copy_keeps_alpha() {
        let source = Picture::filled(Size::new(3, 1), [1, 2, 3, 4]);
        let mut target = Picture::new(Size::new(2, 2));
        copy(&source.view(), &mut target.as_mut());
        assert_eq!(target.pixel(Point::new(1, 0)), [1, 2, 3, 4]);
        assert_eq!(target.pixel(Point::new(1, 1)), [0, 0, 0, 255]);
    }

    proptest! {
        #[test]
        fn what_is_packed_twice_is_packed_the_same(
            (width, height) in (1u32..20, 1u32..20),
            seed in prop::collection::vec(any::<u8>(), 20 * 20 * 4),
            depth in prop::sample::select(&DEPTHS[..]),
            row_order in prop::sample::select(&[RowOrder::TopDown, RowOrder::BottomUp][..]),
            row_alignment_bytes in prop::sample::select(&[1u32, 2, 4][..]),
        ) {
            let size = Size::new(width, height);
            let layout = BitmapLayout { size, depth, row_order, row_alignment_bytes };
            let palette = Palette::default();
            let bytes = size.area() as usize * 4;
            let source = Picture::from_bgra(size, seed[..bytes].to_vec()).unwrap();
            let (mut once, mut twice) = (Vec::new(), Vec::new());
            encode(&source.view(), &layout, &palette, &mut once);
            let mut decoded = Picture::new(size);
            decode(&once, &layout, &palette, &mut decoded.as_mut()).unwrap();
            encode(&decoded.view(), &layout, &palette, &mut twice);
            prop_assert_eq!(once, twice);
            if depth.bytes_per_pixel() >= 3 {
                for (a, b) in source.data().chunks(4).zip(decoded.data().chunks(4)) {
                    prop_assert_eq!(&a[..3], &b[..3]);
                }
            }
        }

        #[test]
        fn no_size_and_no_payload_panics(
            (width, height) in (any::<u32>(), any::<u32>()),
            payload in prop::collection::vec(any::<u8>(), 0..64),
            depth in prop::sample::select(&DEPTHS[..]),
        ) {
            let mut picture = Picture::new(Size::new(4, 4));
            for size in [Size::new(width, height), Size::new(width % 5, height % 5)] {
                let layout = BitmapLayout::update(size, depth);
                let _ = decode(&payload, &layout, &Palette::default(), &mut picture.as_mut());
            }
        }
    }
}
