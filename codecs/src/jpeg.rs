//! JPEG, as surface bits carry it where client and server agree on its GUID
//! (`[MS-RDPBCGR] 2.2.7.2.10.1.1`, `2.2.9.2.1`): a whole JFIF file for each picture, top row first.
//!
//! The codec itself is a library's, `zune-jpeg` one way and `jpeg-encoder` the other. What is here
//! is the bound on what a file may ask for, known before a pixel is decoded, and the way from and
//! to the memory in which pictures lie.

use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor, rgb_to_ycbcr};
use thiserror::Error;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::geometry::Size;
use crate::picture::{BYTES_PER_PIXEL, PictureMut, PictureRef};
use crate::simd::dispatch;

/// Some encoders pad pictures to whole blocks, of which 16 by 16 is the largest.
const BLOCK: u32 = 16;
/// Passes that a progressive file may make over its picture.
const MAX_SCANS: usize = 64;

/// Why a file could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The library says so.
    #[error("JPEG: {0}")]
    Faulty(String),
    /// The picture has not the size that was announced, not even padded to whole blocks.
    #[error("JPEG picture of {}x{} pixels where {}x{} are due", got.width, got.height, due.width, due.height)]
    Size {
        /// What the file has.
        got: Size,
        /// What is to be drawn.
        due: Size,
    },
}

/// Memory that [`decode`] uses, to be kept from one picture to the next.
#[derive(Clone, Debug, Default)]
pub struct JpegScratch {
    /// The picture, where the library cannot write to the target itself.
    pixels: Vec<u8>,
}

/// Decodes a file whose picture has the size of `target`, or that size padded to whole blocks of
/// 16 by 16. The picture is opaque.
///
/// Memory is at most some bytes for each pixel of `target`, whatever the file says.
///
/// # Errors
/// Where the file is faulty or of another size. `target` may have been written to.
pub fn decode(
    payload: &[u8],
    target: &mut PictureMut<'_>,
    scratch: &mut JpegScratch,
) -> Result<(), DecodeError> {
    let due = target.size();
    if due.is_empty() {
        return Ok(());
    }
    let padded = [due.width, due.height].map(|edge| edge.next_multiple_of(BLOCK));
    let options = DecoderOptions::default()
        // The library has vector instructions for this order alone; the one that pictures have
        // takes it twice as long.
        .jpeg_set_out_colorspace(ColorSpace::RGBA)
        .jpeg_set_max_scans(MAX_SCANS)
        .set_max_width(padded[0] as usize)
        .set_max_height(padded[1] as usize);
    let faulty = |error| DecodeError::Faulty(format!("{error:?}"));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(payload), options);
    decoder.decode_headers().map_err(faulty)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    if width < due.width as usize || height < due.height as usize {
        let got = Size::new(width as u32, height as u32);
        return Err(DecodeError::Size { got, due });
    }
    // The library makes no four channels of one.
    let is_gray = decoder.input_colorspace() == Some(ColorSpace::Luma);
    if is_gray {
        decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
    }
    let row_bytes = width * if is_gray { 1 } else { BYTES_PER_PIXEL };
    let bytes = row_bytes * height;
    let fits = (width, height) == (due.width as usize, due.height as usize);
    if fits && !is_gray && target.stride_bytes() == row_bytes {
        let pixels = &mut target.data_mut()[..bytes];
        decoder.decode_into(pixels).map_err(faulty)?;
        swap_red_and_blue(pixels);
        return Ok(());
    }
    scratch.pixels.resize(bytes, 0);
    decoder.decode_into(&mut scratch.pixels).map_err(faulty)?;
    for (y, row) in (0..due.height).zip(scratch.pixels.chunks_exact(row_bytes)) {
        let target = target.row_mut(y);
        if is_gray {
            for (pixel, &gray) in target.as_chunks_mut().0.iter_mut().zip(row) {
                *pixel = [gray, gray, gray, 255];
            }
        } else {
            target.copy_from_slice(&row[..target.len()]);
            swap_red_and_blue(target);
        }
    }
    Ok(())
}

fn swap_red_and_blue(pixels: &mut [u8]) {
    dispatch(
        #[inline(always)]
        || {
            for pixel in pixels.as_chunks_mut::<BYTES_PER_PIXEL>().0 {
                pixel.swap(0, 2);
            }
        },
    );
}

/// Appends `source` as a file of `quality` 1 to 100; four pixels share their chroma below 90.
///
/// # Panics
/// If an edge of `source` is 0 or above 65535.
pub fn encode(source: &PictureRef<'_>, quality: u8, out: &mut Vec<u8>) {
    let size = source.size();
    let fits = |edge: u32| (1..=u32::from(u16::MAX)).contains(&edge);
    assert!(
        fits(size.width) && fits(size.height),
        "{}x{} pixels",
        size.width,
        size.height
    );
    let mut encoder = Encoder::new(out, quality);
    encoder.set_sampling_factor(if quality < 90 {
        SamplingFactor::F_2_2
    } else {
        SamplingFactor::F_1_1
    });
    encoder
        .encode_image(Rows(*source))
        .expect("memory takes what is written, and the size has been looked at");
}

/// A picture as the library reads it.
struct Rows<'a>(PictureRef<'a>);

impl ImageBuffer for Rows<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.0.size().width as u16
    }

    fn height(&self) -> u16 {
        self.0.size().height as u16
    }

    fn fill_buffers(&self, y: u16, [luma, blue_chroma, red_chroma, _]: &mut [Vec<u8>; 4]) {
        for &[blue, green, red, _] in self.0.row(u32::from(y)).as_chunks().0 {
            let (y, cb, cr) = rgb_to_ycbcr(red, green, blue);
            luma.push(y);
            blue_chroma.push(cb);
            red_chroma.push(cr);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::Rect;
    use crate::picture::Picture;

    fn gradient(size: Size) -> Picture {
        let mut picture = Picture::new(size);
        for (i, pixel) in picture.data_mut().as_chunks_mut().0.iter_mut().enumerate() {
            let (x, y) = (i as u32 % size.width, i as u32 / size.width);
            *pixel = [(x * 2) as u8, (y * 2) as u8, (x + y) as u8, 255];
        }
        picture
    }

    fn file(source: &Picture, quality: u8) -> Vec<u8> {
        let mut file = vec![7];
        encode(&source.view(), quality, &mut file);
        file.split_off(1)
    }

    /// The mean difference of a color.
    fn mean_error(a: &Picture, b: &Picture) -> f64 {
        let bytes = a.data().iter().zip(b.data());
        let sum: f64 = bytes.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        sum / (a.size().area() * 3) as f64
    }

    #[test]
    fn a_picture_comes_back_closer_the_higher_the_quality() {
        let source = gradient(Size::new(100, 60));
        let mut last = f64::INFINITY;
        for quality in [20, 75, 95] {
            let mut decoded = Picture::filled(source.size(), [9; 4]);
            decode(
                &file(&source, quality),
                &mut decoded.as_mut(),
                &mut JpegScratch::default(),
            )
            .unwrap();
            let error = mean_error(&decoded, &source);
            assert!(error < last, "quality {quality}: {error}");
            assert!(decoded.data().iter().skip(3).step_by(4).all(|&a| a == 255));
            last = error;
        }
        assert!(last < 2.0, "{last}");
    }

    #[test]
    fn the_target_may_lie_in_wider_memory_and_be_smaller_than_a_padded_picture() {
        let source = gradient(Size::new(64, 48));
        let file = file(&source, 90);
        let mut scratch = JpegScratch::default();
        let mut whole = Picture::new(source.size());
        decode(&file, &mut whole.as_mut(), &mut scratch).unwrap();

        let mut desktop = Picture::filled(Size::new(80, 50), [9; 4]);
        let mut view = desktop.as_mut();
        let rect = Rect::new(5, 1, 5 + 50, 1 + 34);
        decode(&file, &mut view.sub(&rect).unwrap(), &mut scratch).unwrap();
        for y in 0..50 {
            let row = &desktop.data()[y * 320..][..320];
            if (1..35).contains(&y) {
                assert!(row[20..220] == whole.data()[(y - 1) * 256..][..200]);
                assert!(row[..20].iter().chain(&row[220..]).all(|&byte| byte == 9));
            } else {
                assert!(row.iter().all(|&byte| byte == 9), "row {y}");
            }
        }
    }

    #[test]
    fn a_picture_of_another_size_claims_no_memory() {
        let file = file(&gradient(Size::new(64, 48)), 90);
        let mut scratch = JpegScratch::default();
        for (width, height) in [(65, 48), (64, 49), (48, 48), (64, 32), (1, 1)] {
            let mut target = Picture::new(Size::new(width, height));
            assert!(decode(&file, &mut target.as_mut(), &mut scratch).is_err());
        }
        assert_eq!(scratch.pixels.capacity(), 0);
    }

    #[test]
    fn a_gray_file_is_drawn_in_gray() {
        let mut file = Vec::new();
        let gray: Vec<u8> = (0..32 * 16).map(|i| (i % 32 * 8) as u8).collect();
        Encoder::new(&mut file, 95)
            .encode(&gray, 32, 16, jpeg_encoder::ColorType::Luma)
            .unwrap();
        let mut target = Picture::filled(Size::new(32, 16), [1, 2, 3, 4]);
        decode(&file, &mut target.as_mut(), &mut JpegScratch::default()).unwrap();
        for (pixel, gray) in target.data().as_chunks::<4>().0.iter().zip(gray) {
            assert!(
                pixel[0].abs_diff(gray) < 6 && pixel[..2] == pixel[1..3],
                "{pixel:?} {gray}"
            );
            assert_eq!(pixel[3], 255);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn pictures_of_every_size_come_back(width in 1u32..70, height in 1u32..70, quality in 1u8..=100) {
            let source = gradient(Size::new(width, height));
            let mut decoded = Picture::new(source.size());
            decode(&file(&source, quality), &mut decoded.as_mut(), &mut JpegScratch::default()).unwrap();
            prop_assert!(mean_error(&decoded, &source) < 40.0);
        }

        #[test]
        fn damaged_files_never_panic(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            cut in any::<prop::sample::Index>(),
            quality in 1u8..=100,
        ) {
            let source = gradient(Size::new(40, 24));
            let mut file = file(&source, quality);
            for (index, byte) in damage {
                let index = index.index(file.len());
                file[index] = byte;
            }
            let mut target = Picture::new(source.size());
            let _ = decode(&file, &mut target.as_mut(), &mut JpegScratch::default());
            let _ = decode(&file[..cut.index(file.len())], &mut target.as_mut(), &mut JpegScratch::default());
        }
    }
}
