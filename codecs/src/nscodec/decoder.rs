use super::plane::PlaneReader;
use super::{DecodeError, Header, NsCodecScratch, ROW_SLACK, plane_sizes};
use crate::picture::{BYTES_PER_PIXEL, PictureMut, RowOrder};

/// Decodes a picture that has the size of `target`.
///
/// Rows stand bottom first in surface bits, and top first in ClearCodec. Without an alpha plane
/// the picture is opaque.
///
/// # Errors
/// Where the payload is faulty. Rows before the fault have been drawn.
pub fn decode(
    payload: &[u8],
    row_order: RowOrder,
    target: &mut PictureMut<'_>,
    scratch: &mut NsCodecScratch,
) -> Result<(), DecodeError> {
    draw(payload, row_order, true, target, scratch)
}

/// The same, but that the picture is opaque whether or not it has an alpha plane.
pub(crate) fn decode_opaque(
    payload: &[u8],
    target: &mut PictureMut<'_>,
    scratch: &mut NsCodecScratch,
) -> Result<(), DecodeError> {
    draw(payload, RowOrder::TopDown, false, target, scratch)
}

fn draw(
    payload: &[u8],
    row_order: RowOrder,
    wants_alpha: bool,
    target: &mut PictureMut<'_>,
    scratch: &mut NsCodecScratch,
) -> Result<(), DecodeError> {
    let mut data = payload;
    let header = Header::decode(&mut data)?;
    let size = target.size();
    if size.is_empty() {
        return Ok(());
    }
    let [luma_size, chroma_size] = plane_sizes(size, header.chroma_subsampling);
    let values = [
        luma_size.area(),
        chroma_size.area(),
        chroma_size.area(),
        size.area(),
    ];
    let [luma_bytes, orange_bytes, green_bytes, alpha_bytes] = header.plane_bytes;
    if luma_bytes == 0 || orange_bytes == 0 || green_bytes == 0 {
        return Err(DecodeError::EmptyPlane);
    }
    let mut plane = |index: usize| {
        let coded = data.split_off(..header.plane_bytes[index] as usize);
        PlaneReader::new(coded.ok_or(DecodeError::Truncated)?, values[index])
    };
    let (mut luma, mut orange, mut green) = (plane(0)?, plane(1)?, plane(2)?);
    let mut alpha = (wants_alpha && alpha_bytes > 0)
        .then(|| plane(3))
        .transpose()?;

    let widths = [luma_size, chroma_size, chroma_size, size].map(|size| size.width as usize);
    for (row, width) in scratch.planes.iter_mut().zip(widths) {
        // Every value is written before it is read: what is there need not be cleared.
        row.resize(width + ROW_SLACK, 0);
    }
    let [luma_width, chroma_width, _, width] = widths;
    let [luma_row, orange_row, green_row, alpha_row] = &mut scratch.planes;
    let shift = header.color_loss_level - 1;
    for stored in 0..size.height {
        let luma = luma.read(luma_width, luma_row)?;
        let pixels = target.row_mut(row_order.flip(stored, size.height));
        let pixels = pixels.as_chunks_mut::<BYTES_PER_PIXEL>().0;
        if header.chroma_subsampling {
            let [orange_pairs, green_pairs] = &mut scratch.widened;
            if stored % 2 == 0 {
                widen(orange.read(chroma_width, orange_row)?, orange_pairs);
                widen(green.read(chroma_width, green_row)?, green_pairs);
            }
            merge(luma, orange_pairs, green_pairs, shift, pixels);
        } else {
            let orange = orange.read(chroma_width, orange_row)?;
            let green = green.read(chroma_width, green_row)?;
            merge(luma, orange, green, shift, pixels);
        }
        if let Some(alpha) = &mut alpha {
            let alpha = alpha.read(width, alpha_row)?;
            for (pixel, alpha) in pixels.iter_mut().zip(alpha) {
                pixel[3] = *alpha;
            }
        }
    }
    Ok(())
}

/// Each value twice.
fn widen(values: &[u8], pairs: &mut Vec<u8>) {
    pairs.resize(2 * values.len(), 0);
    for (pair, value) in pairs.as_chunks_mut::<2>().0.iter_mut().zip(values) {
        *pair = [*value; 2];
    }
}

/// A row of pixels from a row of each plane (`[MS-RDPEGDI] 3.1.9.1.2`, `3.1.9.1.4`).
///
/// Chroma has nine bits, of which the lowest is not needed: it is halved anyway. Shifted back, its
/// sign comes to lie where eight bits have theirs.
fn merge(luma: &[u8], orange: &[u8], green: &[u8], shift: u8, pixels: &mut [[u8; 4]]) {
    let count = pixels.len();
    let planes = luma[..count]
        .iter()
        .zip(&orange[..count])
        .zip(&green[..count]);
    let half = |coded: u8| i16::from((coded << shift) as i8);
    let clamp = |value: i16| value.clamp(0, 255) as u8;
    for (pixel, ((luma, orange), green)) in pixels.iter_mut().zip(planes) {
        let (luma, orange, green) = (i16::from(*luma), half(*orange), half(*green));
        *pixel = [
            clamp(luma - orange - green),
            clamp(luma + green),
            clamp(luma + orange - green),
            255,
        ];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{NsCodecOptions, encode};
    use super::*;
    use crate::geometry::{Point, Size};
    use crate::picture::Picture;

    fn payload(plane_bytes: [u32; 4], level: u8, subsampling: bool, planes: &[u8]) -> Vec<u8> {
        let header = Header {
            plane_bytes,
            color_loss_level: level,
            chroma_subsampling: subsampling,
        };
        [&header.encode()[..], planes].concat()
    }

    fn decoded(payload: &[u8], size: Size) -> Result<Picture, DecodeError> {
        let mut picture = Picture::filled(size, [9; 4]);
        let mut scratch = NsCodecScratch::default();
        decode(
            payload,
            RowOrder::TopDown,
            &mut picture.as_mut(),
            &mut scratch,
        )?;
        Ok(picture)
    }

    #[test]
    fn chroma_is_signed_and_clamped() {
        let size = Size::new(2, 1);
        let coded = payload([2, 2, 2, 0], 1, false, &[100, 250, 20, 0xF6, 0xFB, 100]);
        let picture = decoded(&coded, size).unwrap();
        assert_eq!(picture.data(), [85, 95, 125, 255, 160, 255, 140, 255]);
        // Level 3: six bits, the highest of which is the sign.
        let coded = payload([2, 2, 2, 2], 3, false, &[100, 100, 0x3F, 1, 0, 0, 7, 8]);
        let picture = decoded(&coded, size).unwrap();
        assert_eq!(picture.data(), [104, 100, 96, 7, 96, 100, 104, 8]);
    }

    #[test]
    fn four_pixels_share_their_chroma() {
        // 3 by 3: luma rows of 8, chroma of 2 rows of 4.
        let size = Size::new(3, 3);
        let planes = [[100; 24].as_slice(), &[0, 10, 0, 0, 20, 30, 0, 0], &[0; 8]].concat();
        let picture = decoded(&payload([24, 8, 8, 0], 1, true, &planes), size).unwrap();
        let red = |x, y| picture.pixel(Point::new(x, y))[2];
        assert_eq!(
            [red(0, 0), red(1, 1), red(2, 0), red(2, 1)],
            [100, 100, 110, 110]
        );
        assert_eq!([red(0, 2), red(1, 2), red(2, 2)], [120, 120, 130]);
    }

    #[test]
    fn the_row_order_says_where_the_first_row_goes() {
        let coded = payload([2, 2, 2, 0], 1, false, &[1, 2, 0, 0, 0, 0]);
        let mut picture = Picture::new(Size::new(1, 2));
        let mut scratch = NsCodecScratch::default();
        decode(
            &coded,
            RowOrder::BottomUp,
            &mut picture.as_mut(),
            &mut scratch,
        )
        .unwrap();
        assert_eq!(picture.data(), [2, 2, 2, 255, 1, 1, 1, 255]);
    }

    #[test]
    fn an_alpha_plane_is_left_out_of_an_opaque_picture() {
        let coded = payload([1, 1, 1, 1], 1, false, &[5, 0, 0, 77]);
        let mut picture = Picture::new(Size::new(1, 1));
        let mut scratch = NsCodecScratch::default();
        decode_opaque(&coded, &mut picture.as_mut(), &mut scratch).unwrap();
        assert_eq!(picture.data(), [5, 5, 5, 255]);
        assert_eq!(
            decoded(&coded, Size::new(1, 1)).unwrap().data(),
            [5, 5, 5, 77]
        );
    }

    #[test]
    fn faulty_headers_are_refused() {
        let size = Size::new(1, 1);
        let fault = |coded: &[u8]| decoded(coded, size).unwrap_err();
        assert_eq!(fault(&[0; 19]), DecodeError::Truncated);
        for level in [0, 8, 255] {
            let coded = payload([1, 1, 1, 0], level, false, &[0; 3]);
            assert_eq!(fault(&coded), DecodeError::ColorLossLevel(level));
        }
        let coded = payload([1, 0, 1, 0], 1, false, &[0; 3]);
        assert_eq!(fault(&coded), DecodeError::EmptyPlane);
        let coded = payload([1, 2, 1, 0], 1, false, &[0; 4]);
        assert_eq!(
            fault(&coded),
            DecodeError::PlaneTooLong {
                coded: 2,
                values: 1
            }
        );
        let coded = payload([1, 1, u32::MAX, 0], 1, false, &[0; 4]);
        assert_eq!(fault(&coded), DecodeError::Truncated);
    }

    proptest! {
        #[test]
        fn damaged_pictures_never_panic(
            (width, height) in (1u32..40, 1u32..20),
            values in prop::collection::vec(prop_oneof![3 => Just(7u8), 1 => any::<u8>()], 3200),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in any::<prop::sample::Index>(),
            level in 1u8..8,
            (chroma_subsampling, has_alpha) in any::<(bool, bool)>(),
        ) {
            let size = Size::new(width, height);
            let source = Picture::from_bgra(size, values[..size.area() as usize * 4].to_vec()).unwrap();
            let options = NsCodecOptions { color_loss_level: level, chroma_subsampling, has_alpha, ..Default::default() };
            let mut scratch = NsCodecScratch::default();
            let mut coded = Vec::new();
            encode(&source.view(), &options, &mut coded, &mut scratch);
            for (index, byte) in damage {
                let index = index.index(coded.len());
                coded[index] = byte;
            }
            let _ = decoded(&coded, size);
            let _ = decoded(&coded[..cut.index(coded.len())], size);
        }

        #[test]
        fn random_planes_never_panic(
            plane_bytes in prop::array::uniform4(0u32..60),
            (level, chroma_subsampling) in (1u8..8, any::<bool>()),
            (width, height) in (0u32..20, 0u32..20),
            planes in prop::collection::vec(prop_oneof![0u8..3, any::<u8>()], 0..240),
        ) {
            let _ = decoded(&payload(plane_bytes, level, chroma_subsampling, &planes), Size::new(width, height));
        }
    }
}
