//! The alpha codec (`[MS-RDPEGFX] 2.2.4.3`): the opacity of each pixel, alone.
//!
//! Colour and opacity of a picture come as two commands, and this is the second. Runs of equal
//! values tell their length in one byte, or in two or four more where it is too large for fewer.

use thiserror::Error;

use crate::{
    picture::{BYTES_PER_PIXEL, PictureMut, PictureRef},
    simd::dispatch,
};

/// `alphaSig`, little endian.
const SIGNATURE: [u8; 2] = [0x4C, 0x41];
/// Signature and `compressed`.
const HEADER_BYTES: usize = 4;

/// Why a picture's alpha could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The data does not start as the codec's data does.
    #[error("alpha data without its signature")]
    Signature,
    /// The data ends before the picture does.
    #[error("alpha data ends {missing} pixels too early")]
    Truncated {
        /// Pixels without a value.
        missing: u64,
    },
    /// The data goes on after the picture's last pixel.
    #[error("alpha run of {0} pixels exceeds the picture")]
    RunTooLong(u32),
}

/// Sets the fourth byte of every pixel of `target`; its colours stay as they are.
///
/// # Errors
/// Where the data does not fill the picture exactly. Pixels before the fault have their values.
pub fn decode(payload: &[u8], target: &mut PictureMut<'_>) -> Result<(), DecodeError> {
    let data = payload
        .strip_prefix(&SIGNATURE)
        .ok_or(DecodeError::Signature)?;
    let area = target.size().area();
    let (compressed, data) = data
        .split_first_chunk()
        .ok_or(DecodeError::Truncated { missing: area })?;
    if u16::from_le_bytes(*compressed) == 0 {
        decode_raw(data, target)
    } else {
        decode_runs(data, target)
    }
}

fn decode_raw(data: &[u8], target: &mut PictureMut<'_>) -> Result<(), DecodeError> {
    let missing = target.size().area().saturating_sub(data.len() as u64);
    if missing > 0 {
        return Err(DecodeError::Truncated { missing });
    }
    let width = target.size().width as usize;
    dispatch(
        #[inline(always)]
        || {
            for y in 0..target.size().height {
                let values = &data[y as usize * width..][..width];
                let (pixels, _) = target.row_mut(y).as_chunks_mut::<BYTES_PER_PIXEL>();
                // Whole pixels, many at once, where single bytes would go one by one.
                for (pixel, &alpha) in pixels.iter_mut().zip(values) {
                    *pixel = with_alpha(*pixel, alpha);
                }
            }
        },
    );
    Ok(())
}

/// The same color of another opacity.
#[inline(always)]
fn with_alpha(pixel: [u8; BYTES_PER_PIXEL], alpha: u8) -> [u8; BYTES_PER_PIXEL] {
    const COLOR: u32 = 0x00FF_FFFF;
    (u32::from_le_bytes(pixel) & COLOR | u32::from(alpha) << 24).to_le_bytes()
}

fn decode_runs(mut data: &[u8], target: &mut PictureMut<'_>) -> Result<(), DecodeError> {
    let (width, mut left) = (target.size().width as usize, target.size().area());
    let (mut x, mut y) = (0, 0);
    while left > 0 {
        let (alpha, mut run) =
            read_run(&mut data).ok_or(DecodeError::Truncated { missing: left })?;
        if u64::from(run) > left {
            return Err(DecodeError::RunTooLong(run));
        }
        left -= u64::from(run);
        while run > 0 {
            let span = (width - x).min(run as usize);
            let row = &mut target.row_mut(y)[x * BYTES_PER_PIXEL..][..span * BYTES_PER_PIXEL];
            let (pixels, _) = row.as_chunks_mut::<BYTES_PER_PIXEL>();
            for pixel in pixels {
                pixel[3] = alpha;
            }
            run -= span as u32;
            x += span;
            if x == width {
                x = 0;
                y += 1;
            }
        }
    }
    Ok(())
}

/// The next `CLEARCODEC_ALPHA_RLE_SEGMENT` (`2.2.4.3.1`): value and length.
fn read_run(data: &mut &[u8]) -> Option<(u8, u32)> {
    let (&[alpha, short], mut rest) = data.split_first_chunk()?;
    let mut run = u32::from(short);
    if short == u8::MAX {
        let medium;
        (medium, rest) = rest.split_first_chunk()?;
        let medium = u16::from_le_bytes(*medium);
        run = u32::from(medium);
        if medium == u16::MAX {
            let long;
            (long, rest) = rest.split_first_chunk()?;
            run = u32::from_le_bytes(*long);
        }
    }
    *data = rest;
    Some((alpha, run))
}

/// Appends the alpha of `source`: as runs, or as it is where runs are longer.
pub fn encode(source: &PictureRef<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let raw_bytes = source.size().area() as usize;
    out.extend(SIGNATURE);
    out.extend([1, 0]);
    let mut run: Option<(u8, u32)> = None;
    for alpha in alphas(source) {
        match &mut run {
            Some((value, length)) if *value == alpha && *length < u32::MAX => *length += 1,
            _ => {
                if let Some((value, length)) = run.replace((alpha, 1)) {
                    write_run(value, length, out);
                }
                if out.len() - start - HEADER_BYTES > raw_bytes {
                    break;
                }
            }
        }
    }
    if let Some((value, length)) = run {
        write_run(value, length, out);
    }
    if out.len() - start - HEADER_BYTES > raw_bytes {
        out.truncate(start);
        out.extend(SIGNATURE);
        out.extend([0, 0]);
        out.extend(alphas(source));
    }
}

fn alphas<'a>(source: &PictureRef<'a>) -> impl Iterator<Item = u8> + use<'a> {
    let source = *source;
    (0..source.size().height).flat_map(move |y| source.row(y).iter().skip(3).step_by(4).copied())
}

fn write_run(alpha: u8, length: u32, out: &mut Vec<u8>) {
    out.push(alpha);
    if length < u32::from(u8::MAX) {
        out.push(length as u8);
        return;
    }
    out.push(u8::MAX);
    if length < u32::from(u16::MAX) {
        out.extend((length as u16).to_le_bytes());
        return;
    }
    out.extend([0xFF; 2]);
    out.extend(length.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::{Point, Size};
    use crate::picture::Picture;

    fn with_alpha(size: Size, alpha: impl Fn(usize) -> u8) -> Picture {
        let mut picture = Picture::filled(size, [10, 20, 30, 0]);
        for (i, pixel) in picture.data_mut().chunks_mut(4).enumerate() {
            pixel[3] = alpha(i);
        }
        picture
    }

    fn round_trip(picture: &Picture) -> usize {
        let mut payload = Vec::new();
        encode(&picture.view(), &mut payload);
        let mut decoded = Picture::filled(picture.size(), [10, 20, 30, 99]);
        decode(&payload, &mut decoded.as_mut()).unwrap();
        assert!(decoded == *picture);
        payload.len()
    }

    #[test]
    fn a_run_has_the_shortest_length_that_holds_it() {
        for (pixels, bytes) in [(254, 2), (255, 4), (65_534, 4), (65_535, 8), (70_000, 8)] {
            let picture = with_alpha(Size::new(pixels, 1), |_| 7);
            assert_eq!(round_trip(&picture), HEADER_BYTES + bytes, "{pixels}");
        }
    }

    #[test]
    fn values_without_runs_go_as_they_are() {
        let picture = with_alpha(Size::new(30, 20), |i| i as u8);
        assert_eq!(round_trip(&picture), HEADER_BYTES + 600);
    }

    #[test]
    fn a_run_goes_on_in_the_next_row() {
        let mut picture = Picture::filled(Size::new(3, 2), [1, 2, 3, 0]);
        let payload = [0x4C, 0x41, 1, 0, 8, 4, 9, 2];
        decode(&payload, &mut picture.as_mut()).unwrap();
        assert_eq!(picture.pixel(Point::new(0, 1)), [1, 2, 3, 8]);
        assert_eq!(picture.pixel(Point::new(1, 1)), [1, 2, 3, 9]);
    }

    #[test]
    fn data_that_does_not_fill_the_picture_is_refused() {
        let mut picture = Picture::new(Size::new(3, 2));
        let mut decode = |payload: &[u8]| decode(payload, &mut picture.as_mut());
        assert_eq!(decode(&[0x4C, 0x42, 0, 0]), Err(DecodeError::Signature));
        assert_eq!(
            decode(&[0x4C, 0x41, 0]),
            Err(DecodeError::Truncated { missing: 6 })
        );
        assert_eq!(
            decode(&[0x4C, 0x41, 0, 0, 1, 2, 3]),
            Err(DecodeError::Truncated { missing: 3 })
        );
        assert_eq!(
            decode(&[0x4C, 0x41, 1, 0, 1, 5]),
            Err(DecodeError::Truncated { missing: 1 })
        );
        assert_eq!(
            decode(&[0x4C, 0x41, 1, 0, 1, 5, 1, 2]),
            Err(DecodeError::RunTooLong(2))
        );
    }

    proptest! {
        #[test]
        fn every_alpha_comes_back(
            (width, height) in (1u32..40, 1u32..40),
            values in prop::collection::vec(prop_oneof![Just(0u8), Just(255), any::<u8>()], 1600),
            repeat in 1usize..50,
        ) {
            round_trip(&with_alpha(Size::new(width, height), |i| values[i / repeat]));
        }

        #[test]
        fn random_bytes_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            (width, height) in (0u32..40, 0u32..40),
        ) {
            let mut picture = Picture::new(Size::new(width, height));
            let _ = decode(&bytes, &mut picture.as_mut());
            let _ = decode(&[&[0x4C, 0x41, 1, 0], &bytes[..]].concat(), &mut picture.as_mut());
        }
    }
}
