use super::plane::{PlaneReader, Values};
use super::{Buffers, DecodeError, Header, NsCodecScratch, ROW_SLACK, plane_sizes};
use crate::geometry::Size;
use crate::picture::{PictureMut, RowOrder};
use crate::simd::dispatch;

/// The fewest pixels that several threads share, and the fewest values of a band of luma then:
/// enough to be worth waking a thread for, and little enough for a processor's own cache.
const SHARED_PIXELS: u64 = 1 << 17;
const SHARED_BAND_VALUES: usize = 1 << 16;

/// Decodes a picture that has the size of `target`.
///
/// Rows stand bottom first in surface bits, and top first in ClearCodec. Without an alpha plane
/// the picture is opaque. On a pool of `rayon` the threads share the work of a large picture.
///
/// # Errors
/// Where the payload is faulty. Rows before the fault, but for some, have been drawn.
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
    let size = target.size();
    let mut data = payload;
    let header = Header::decode(&mut data)?;
    if size.is_empty() {
        return Ok(());
    }
    let mut planes = Planes::new(&header, data, size, wants_alpha)?;
    let mut merger = Merger {
        header,
        row_order,
        widths: planes.widths,
        widened: &mut scratch.widened,
    };
    let [now, next] = &mut scratch.bands;
    let is_shared = size.area() >= SHARED_PIXELS
        && rayon::current_thread_index().is_some()
        && rayon::current_num_threads() > 1;
    if !is_shared {
        for top in (0..size.height).step_by(2) {
            let band = planes.read(2.min(size.height - top), now)?;
            merger.merge(&band.of(now), top, target);
        }
        return Ok(());
    }
    // While one band becomes pixels, the planes of the next are read.
    let rows = (SHARED_BAND_VALUES / planes.widths[0]).next_multiple_of(2) as u32;
    let rows_at = |top: u32| rows.min(size.height - top);
    let (mut now, mut next) = (now, next);
    let mut band = planes.read_shared(rows_at(0), now)?;
    let mut top = 0;
    while top + rows < size.height {
        let below = top + rows;
        let (_, read) = rayon::join(
            || merger.merge(&band.of(now), top, target),
            || planes.read_shared(rows_at(below), next),
        );
        band = read?;
        top = below;
        std::mem::swap(&mut now, &mut next);
    }
    merger.merge(&band.of(now), top, target);
    Ok(())
}

/// What is left to read of the planes of a picture: luma, orange chroma, green chroma, alpha.
struct Planes<'a> {
    luma: PlaneReader<'a>,
    orange: PlaneReader<'a>,
    green: PlaneReader<'a>,
    alpha: Option<PlaneReader<'a>>,
    /// Values of a row of each.
    widths: [usize; 4],
    chroma_subsampling: bool,
}

impl<'a> Planes<'a> {
    fn new(
        header: &Header,
        mut data: &'a [u8],
        size: Size,
        wants_alpha: bool,
    ) -> Result<Self, DecodeError> {
        let [luma_size, chroma_size] = plane_sizes(size, header.chroma_subsampling);
        let sizes = [luma_size, chroma_size, chroma_size, size];
        let [luma_bytes, orange_bytes, green_bytes, alpha_bytes] = header.plane_bytes;
        if luma_bytes == 0 || orange_bytes == 0 || green_bytes == 0 {
            return Err(DecodeError::EmptyPlane);
        }
        let mut plane = |index: usize| {
            let coded = data.split_off(..header.plane_bytes[index] as usize);
            PlaneReader::new(coded.ok_or(DecodeError::Truncated)?, sizes[index].area())
        };
        Ok(Self {
            luma: plane(0)?,
            orange: plane(1)?,
            green: plane(2)?,
            alpha: (wants_alpha && alpha_bytes > 0)
                .then(|| plane(3))
                .transpose()?,
            widths: sizes.map(|size| size.width as usize),
            chroma_subsampling: header.chroma_subsampling,
        })
    }

    /// Reads so many rows, an even number but for the last ones of a picture.
    fn read(&mut self, rows: u32, buffers: &mut Buffers) -> Result<Band<'a>, DecodeError> {
        let counts = self.make_room(rows, buffers);
        let [luma, orange, green, alpha] = buffers;
        Ok(Band([
            self.luma.read(counts[0], luma)?,
            self.orange.read(counts[1], orange)?,
            self.green.read(counts[2], green)?,
            read_alpha(&mut self.alpha, counts[3], alpha)?,
        ]))
    }

    /// The same by several threads.
    fn read_shared(&mut self, rows: u32, buffers: &mut Buffers) -> Result<Band<'a>, DecodeError> {
        let counts = self.make_room(rows, buffers);
        let [luma, orange, green, alpha] = buffers;
        let (luma, (orange, (green, alpha))) = rayon::join(
            || self.luma.read(counts[0], luma),
            || {
                rayon::join(
                    || self.orange.read(counts[1], orange),
                    || {
                        (
                            self.green.read(counts[2], green),
                            read_alpha(&mut self.alpha, counts[3], alpha),
                        )
                    },
                )
            },
        );
        Ok(Band([luma?, orange?, green?, alpha?]))
    }

    /// Makes room for so many rows, and returns how many values of each plane these are.
    fn make_room(&self, rows: u32, buffers: &mut Buffers) -> [usize; 4] {
        let chroma_rows = if self.chroma_subsampling {
            rows.div_ceil(2)
        } else {
            rows
        };
        let rows = [rows, chroma_rows, chroma_rows, rows];
        let counts = std::array::from_fn(|plane| self.widths[plane] * rows[plane] as usize);
        for (buffer, count) in buffers.iter_mut().zip(counts) {
            // Every value is written before it is read: what is there need not be cleared.
            if buffer.len() < count + ROW_SLACK {
                buffer.resize(count + ROW_SLACK, 0);
            }
        }
        counts
    }
}

fn read_alpha<'a>(
    plane: &mut Option<PlaneReader<'a>>,
    count: usize,
    buffer: &mut [u8],
) -> Result<Values<'a>, DecodeError> {
    match plane {
        Some(plane) => plane.read(count, buffer),
        None => Ok(Values::Payload(&[])),
    }
}

/// Where the values of some rows are.
struct Band<'a>([Values<'a>; 4]);

impl Band<'_> {
    /// The values themselves, given what they were read into.
    fn of<'s>(&'s self, buffers: &'s Buffers) -> [&'s [u8]; 4] {
        std::array::from_fn(|plane| match self.0[plane] {
            Values::Payload(values) => values,
            Values::Buffer(count) => &buffers[plane][..count],
        })
    }
}

/// Makes pixels of planes.
struct Merger<'a> {
    header: Header,
    row_order: RowOrder,
    widths: [usize; 4],
    /// A row of both chroma planes with a value for each pixel.
    widened: &'a mut [Vec<u8>; 2],
}

impl Merger<'_> {
    /// Draws the rows that are stored from `top` on.
    fn merge(&mut self, planes: &[&[u8]; 4], top: u32, target: &mut PictureMut<'_>) {
        let [luma_width, chroma_width, _, width] = self.widths;
        let shift = self.header.color_loss_level - 1;
        let height = target.size().height;
        let rows = planes[0].chunks_exact(luma_width);
        for (y, luma) in rows.enumerate() {
            let row = self.row_order.flip(top + y as u32, height);
            let pixels = target.row_mut(row).as_chunks_mut().0;
            let chroma_y = if self.header.chroma_subsampling {
                y / 2
            } else {
                y
            };
            let [orange, green] = [planes[1], planes[2]]
                .map(|plane| &plane[chroma_y * chroma_width..][..chroma_width]);
            dispatch(
                #[inline(always)]
                || {
                    if self.header.chroma_subsampling {
                        let [oranges, greens] = &mut *self.widened;
                        if y % 2 == 0 {
                            widen(orange, oranges);
                            widen(green, greens);
                        }
                        merge(luma, oranges, greens, shift, pixels);
                    } else {
                        merge(luma, orange, green, shift, pixels);
                    }
                },
            );
            if !planes[3].is_empty() {
                let alpha = &planes[3][y * width..][..width];
                for (pixel, alpha) in pixels.iter_mut().zip(alpha) {
                    pixel[3] = *alpha;
                }
            }
        }
    }
}

/// Each value twice.
#[inline(always)]
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
#[inline(always)]
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
    use crate::geometry::Point;
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
    fn threads_that_share_a_picture_draw_the_same() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build();
        let pool = pool.unwrap();
        let size = Size::new(701, 333);
        assert!(size.area() > SHARED_PIXELS);
        let mut source = Picture::new(size);
        for (i, byte) in source.data_mut().iter_mut().enumerate() {
            *byte = ((i / 7 * (i % 4 + 1)) ^ (i / 5_000)) as u8;
        }
        let mut scratch = NsCodecScratch::default();
        for (chroma_subsampling, has_alpha) in [(false, true), (true, false)] {
            let options = NsCodecOptions {
                chroma_subsampling,
                has_alpha,
                row_order: RowOrder::TopDown,
                ..Default::default()
            };
            let mut coded = Vec::new();
            encode(&source.view(), &options, &mut coded, &mut scratch);
            let alone = decoded(&coded, size).unwrap();
            assert!(pool.install(|| decoded(&coded, size)).unwrap() == alone);
            coded.truncate(coded.len() - 1);
            let has_alpha_bytes = coded[12..16].iter().any(|&byte| byte != 0);
            let last = if has_alpha_bytes { 12 } else { 8 };
            coded[last] = coded[last].wrapping_sub(1);
            let fault = pool.install(|| decoded(&coded, size));
            assert!(fault.is_err());
            assert_eq!(fault.err(), decoded(&coded, size).err());
        }
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
