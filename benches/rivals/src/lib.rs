//! Other people's RDP codecs beside Oriel's: FreeRDP's, in Debian's `libfreerdp2`, and those of the
//! `ironrdp` crates.
//!
//! [`freerdp`] and [`ironrdp`] give each codec the same shape, so that the tests of this crate can
//! hold all three against each other on the same bytes, and `./dev bench codecs` can measure them.
//! Nothing of the product depends on this crate, and `libfreerdp2` is only looked for when the
//! program runs: without it, the tests tell that they skip it, and the table has dashes.

pub mod freerdp;
pub mod ironrdp;
pub mod samples;

use oriel_codecs::{Palette, Picture, Rect};

/// A palette in which no two colours are alike, and neighbours are far apart.
pub fn palette() -> Palette {
    Palette::from_rgb(&palette_rgb())
}

/// The colours of [`palette`]: red, green, blue.
pub fn palette_rgb() -> [[u8; 3]; 256] {
    std::array::from_fn(|index| {
        let index = index as u8;
        [index.wrapping_mul(73), index.wrapping_mul(151), index]
    })
}

/// The part of a picture that lies in `rect`, by itself: for encoders that take no less than all of
/// one.
///
/// # Panics
/// If the rectangle does not lie in the picture.
pub fn cut(picture: &Picture, rect: &Rect) -> Picture {
    let view = picture.view();
    let view = view.sub(rect).expect("a part of the picture");
    let rows = (0..view.size().height).flat_map(|y| view.row(y).to_vec());
    Picture::from_bgra(view.size(), rows.collect()).expect("four bytes a pixel")
}

/// Copies the opaque pixels of a tile of 64 by 64, red first, to where `rects` show it.
fn blit_rgba_tile(rgba: &[u8], place: Rect, rects: &[Rect], target: &mut Picture) {
    let (stride, whole) = (target.stride_bytes(), target.size().to_rect());
    for rect in rects {
        let shown = rect.intersect(&place).intersect(&whole);
        if shown.is_empty() {
            continue;
        }
        for y in shown.top..shown.bottom {
            let from = ((y - place.top) * 64 + shown.left - place.left) as usize * 4;
            let to = y as usize * stride + shown.left as usize * 4;
            let bytes = shown.width() as usize * 4;
            let source = &rgba[from..from + bytes];
            let pixels = target.data_mut()[to..to + bytes].chunks_exact_mut(4);
            for (pixel, rgba) in pixels.zip(source.chunks_exact(4)) {
                pixel.copy_from_slice(&[rgba[2], rgba[1], rgba[0], 255]);
            }
        }
    }
}
