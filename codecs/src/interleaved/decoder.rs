use super::orders::{HEADERS, MASK_PIXELS, Order};
use super::{
    Buffers, DecodeError, InterleavedScratch, Pixel, WHITE_8, WHITE_15, WHITE_16, WHITE_24,
};
use crate::color_depth::{ColorDepth, expand_555, expand_565};
use crate::geometry::Size;
use crate::palette::Palette;
use crate::picture::{BYTES_PER_PIXEL, PictureMut};
use crate::simd;

/// Decodes a bitmap of `size` pixels to the top left corner of `target`.
///
/// What lies beyond `target` at the right or at the bottom is cut off (bitmaps are padded to a
/// width that divides by four); pixels of `target` beyond the bitmap, or that no order tells, stay
/// as they are. The fourth byte becomes 255. `palette` matters at 8 bits a pixel only.
///
/// # Errors
/// Where the stream is faulty. Rows before the fault, counted from the bottom, are drawn.
pub fn decode(
    payload: &[u8],
    size: Size,
    depth: ColorDepth,
    palette: &Palette,
    target: &mut PictureMut<'_>,
    scratch: &mut InterleavedScratch,
) -> Result<(), DecodeError> {
    let InterleavedScratch {
        bytes,
        words,
        triples,
        ..
    } = scratch;
    simd::dispatch(
        #[inline(always)]
        || match depth {
            ColorDepth::Indexed8 => expand(payload, size, WHITE_8, bytes, target, |index| {
                palette.color(index)
            }),
            ColorDepth::Rgb555 => expand(payload, size, WHITE_15, words, target, expand_555),
            ColorDepth::Rgb565 => expand(payload, size, WHITE_16, words, target, expand_565),
            ColorDepth::Bgr24 => expand(payload, size, WHITE_24, triples, target, |pixel| {
                (pixel | 0xFF00_0000).to_le_bytes()
            }),
            ColorDepth::Bgrx32 => Err(DecodeError::UnsupportedDepth(depth.bits_per_pixel())),
        },
    )
}

#[inline(always)]
fn expand<P: Pixel>(
    mut data: &[u8],
    size: Size,
    white: P,
    buffers: &mut Buffers<P>,
    target: &mut PictureMut<'_>,
    to_bgra: impl Fn(P) -> [u8; 4],
) -> Result<(), DecodeError> {
    if size.is_empty() {
        return Ok(());
    }
    if size.width > u32::from(u16::MAX) {
        return Err(DecodeError::TooWide(size.width));
    }
    let black = P::default();
    let mut foreground = white;
    // Whether the last order was a background run, and if so whether on the first row.
    let mut background_before = None;
    let mut rows = Rows::new(size, buffers, target, to_bgra);
    // Streams that end early, between two orders, are out there, and every client takes them.
    while !data.is_empty() && !rows.are_full() {
        // An order that starts on the first row treats all its pixels as the first row's.
        let first_row = rows.y == 0;
        if let Some(window) = data.first_chunk::<WINDOW_BYTES>() {
            // Most orders are short ones of like effect: no branch tells which.
            let header =
                HEADERS[usize::from(window[0])].ok_or(DecodeError::UnknownOrder(window[0]))?;
            let told = u16::from_le_bytes([window[1], window[2]]) & header.length_mask;
            let run = usize::from(header.length) + usize::from(told);
            if let Some(blend) = header.blend
                && let Some((above, here)) = rows.short(run)
            {
                let mut read = 1 + usize::from(header.length_bytes);
                let color = P::read(&window[read..read + P::BYTES]);
                read += if blend.reads_color { P::BYTES } else { 0 };
                foreground = if blend.sets_foreground {
                    color
                } else {
                    foreground
                };
                let bits = u16::from_le_bytes([window[read], window[read + 1]]) & blend.data_mask;
                read += if blend.data_mask != 0 {
                    run.div_ceil(MASK_PIXELS)
                } else {
                    0
                };
                let is_flipped = blend.is_background && background_before == Some(first_row);
                let mask = bits | blend.mask | u16::from(is_flipped);
                let color = if blend.is_white { white } else { color };
                let color = if blend.fills { color } else { foreground };
                for (i, (pixel, above)) in here.iter_mut().zip(above).enumerate() {
                    let above = if blend.fills { black } else { above };
                    let flipped = if mask >> i & 1 == 1 { color } else { black };
                    *pixel = above ^ flipped;
                }
                rows.advance(run);
                background_before = blend.is_background.then_some(first_row);
                data = &data[read..];
                continue;
            }
        }
        let (order, run) = read_order(&mut data)?;
        let mut background_now = None;
        match order {
            Order::BackgroundRun => {
                // Of two background runs on end the second starts with a foreground pixel: else
                // they would have been one. On the first two rows they may be two.
                let flipped = usize::from(background_before == Some(first_row)).min(run);
                rows.flip(flipped, first_row, foreground)?;
                rows.flip(run - flipped, first_row, black)?;
                background_now = Some(first_row);
            }
            Order::ForegroundRun { set } => {
                if set {
                    foreground = read_pixel(&mut data)?;
                }
                rows.flip(run, first_row, foreground)?;
            }
            Order::ForegroundBackgroundImage { set } => {
                if set {
                    foreground = read_pixel(&mut data)?;
                }
                let bits = take(&mut data, run.div_ceil(MASK_PIXELS))?;
                rows.mask(run, first_row, foreground, bits)?;
            }
            Order::Mask(bits) => rows.mask(run, first_row, foreground, &[bits])?,
            Order::ColorRun => {
                let color = read_pixel(&mut data)?;
                rows.fill(run, color)?;
            }
            Order::DitheredRun => {
                let colors = [read_pixel(&mut data)?, read_pixel(&mut data)?];
                rows.alternate(run * 2, colors)?;
            }
            Order::ColorImage => rows.copy(run, &mut data)?,
            Order::White => rows.fill(run, white)?,
            Order::Black => rows.fill(run, black)?,
        }
        background_before = background_now;
    }
    rows.show();
    Ok(())
}

/// Bytes that hold any short order whole: a header of three, a colour and a mask.
const WINDOW_BYTES: usize = 8;

fn read_order(data: &mut &[u8]) -> Result<(Order, usize), DecodeError> {
    let byte = take(data, 1)?[0];
    let header = HEADERS[usize::from(byte)].ok_or(DecodeError::UnknownOrder(byte))?;
    let told = match *take(data, header.length_bytes.into())? {
        [low, high] => u16::from_le_bytes([low, high]),
        [low] => low.into(),
        _ => 0,
    };
    Ok((header.order, usize::from(header.length) + usize::from(told)))
}

#[inline(always)]
fn read_pixel<P: Pixel>(data: &mut &[u8]) -> Result<P, DecodeError> {
    Ok(P::read(take(data, P::BYTES)?))
}

#[inline(always)]
fn take<'a>(data: &mut &'a [u8], count: usize) -> Result<&'a [u8], DecodeError> {
    data.split_off(..count).ok_or(DecodeError::Truncated)
}

/// Pixels that a short order writes, however few it has: what is too much, later orders overwrite.
/// A loop of just the right length would end with a branch that nothing foretells.
const BLOCK: usize = 16;

/// The row being filled and the one above it, so that a bitmap of any height takes the memory of
/// two rows. Full rows go to the target.
struct Rows<'a, 'b, P, F> {
    size: Size,
    /// Black on the first row. Like `here` it goes on for a block behind the row's end.
    above: &'a mut Vec<P>,
    here: &'a mut Vec<P>,
    x: usize,
    /// Rows filled, which are counted from the bottom.
    y: u32,
    target: &'a mut PictureMut<'b>,
    to_bgra: F,
}

impl<'a, 'b, P: Pixel, F: Fn(P) -> [u8; 4]> Rows<'a, 'b, P, F> {
    fn new(
        size: Size,
        buffers: &'a mut Buffers<P>,
        target: &'a mut PictureMut<'b>,
        to_bgra: F,
    ) -> Self {
        let Buffers { above, here } = buffers;
        here.resize(size.width as usize + BLOCK, P::default());
        above.clear();
        above.resize(size.width as usize + BLOCK, P::default());
        Self {
            size,
            above,
            here,
            x: 0,
            y: 0,
            target,
            to_bgra,
        }
    }

    fn are_full(&self) -> bool {
        self.y == self.size.height
    }

    /// The pixels above those of a short order that ends on this row, and where to write a block
    /// before [`Rows::advance`]; `None` for other orders. On the first row black is above.
    #[inline(always)]
    fn short(&mut self, run: usize) -> Option<([P; BLOCK], &mut [P; BLOCK])> {
        if run > BLOCK || run > self.size.width as usize - self.x {
            return None;
        }
        let above = self.above[self.x..].first_chunk()?;
        Some((*above, self.here[self.x..].first_chunk_mut()?))
    }

    #[inline(always)]
    fn advance(&mut self, run: usize) {
        self.x += run;
        if self.x == self.size.width as usize {
            self.finish_row();
        }
    }

    /// Calls `f` with each stretch of the next `run` pixels that lies in one row, and with the
    /// pixels above it.
    #[inline(always)]
    fn spans(&mut self, run: usize, mut f: impl FnMut(&[P], &mut [P])) -> Result<(), DecodeError> {
        let width = self.size.width as usize;
        let left = u64::from(self.size.height - self.y) * width as u64 - self.x as u64;
        if run as u64 > left {
            return Err(DecodeError::TooManyPixels);
        }
        let mut run = run;
        while run > 0 {
            let end = (self.x + run).min(width);
            f(&self.above[self.x..end], &mut self.here[self.x..end]);
            run -= end - self.x;
            self.x = end;
            if end == width {
                self.finish_row();
            }
        }
        Ok(())
    }

    /// Draws what there is of the row being filled.
    fn show(&mut self) {
        if self.x == 0 {
            return;
        }
        let y = self.size.height - 1 - self.y;
        if y < self.target.size().height {
            let (pixels, _) = self.target.row_mut(y).as_chunks_mut::<BYTES_PER_PIXEL>();
            let (here, to_bgra) = (&self.here[..self.x], &self.to_bgra);
            simd::dispatch(
                #[inline(always)]
                || show_row(here, pixels, to_bgra),
            );
        }
    }

    #[inline(never)]
    fn finish_row(&mut self) {
        self.show();
        std::mem::swap(self.above, self.here);
        self.x = 0;
        self.y += 1;
    }

    /// Pixels as those above, with `bits` flipped.
    fn flip(&mut self, run: usize, first_row: bool, bits: P) -> Result<(), DecodeError> {
        if first_row {
            return self.fill(run, bits);
        }
        self.spans(run, |above, here| {
            if bits == P::default() {
                here.copy_from_slice(above);
                return;
            }
            for (pixel, above) in here.iter_mut().zip(above) {
                *pixel = *above ^ bits;
            }
        })
    }

    /// Pixels as those above; where `mask` has a one, low bit first, with `bits` flipped.
    fn mask(
        &mut self,
        run: usize,
        first_row: bool,
        bits: P,
        mask: &[u8],
    ) -> Result<(), DecodeError> {
        let pick = |picked: u32, i: usize| match picked >> i & 1 {
            1 => bits,
            _ => P::default(),
        };
        let mut at = 0;
        self.spans(run, |above, here| {
            let (blocks, rest) = here.as_chunks_mut::<MASK_PIXELS>();
            let (blocks_above, rest_above) = above.as_chunks::<MASK_PIXELS>();
            let blocks = blocks
                .iter_mut()
                .map(|block| &mut block[..])
                .zip(blocks_above.iter().map(|block| &block[..]));
            for (pixels, above) in blocks.chain([(rest, rest_above)]) {
                // After the end of a row the bits of a byte belong to two blocks.
                let next = mask.get(at / MASK_PIXELS + 1).copied().unwrap_or(0);
                let picked = mask.get(at / MASK_PIXELS).copied().unwrap_or(0);
                let picked = u32::from(picked) | u32::from(next) << MASK_PIXELS;
                let picked = picked >> (at % MASK_PIXELS);
                for (i, (pixel, above)) in pixels.iter_mut().zip(above).enumerate() {
                    let above = if first_row { P::default() } else { *above };
                    *pixel = above ^ pick(picked, i);
                }
                at += pixels.len();
            }
        })
    }

    fn fill(&mut self, run: usize, color: P) -> Result<(), DecodeError> {
        self.spans(run, |_, here| here.fill(color))
    }

    fn alternate(&mut self, run: usize, colors: [P; 2]) -> Result<(), DecodeError> {
        if let Some((_, here)) = self.short(run) {
            for (i, pixel) in here.iter_mut().enumerate() {
                *pixel = colors[i % 2];
            }
            self.advance(run);
            return Ok(());
        }
        let mut at = 0;
        self.spans(run, |_, here| {
            for pixel in here {
                *pixel = colors[at % 2];
                at += 1;
            }
        })
    }

    #[inline(always)]
    fn copy(&mut self, run: usize, data: &mut &[u8]) -> Result<(), DecodeError> {
        if let Some(bytes) = data.get(..BLOCK * P::BYTES)
            && let Some((_, here)) = self.short(run)
        {
            P::read_all(bytes, here);
            *data = &data[run * P::BYTES..];
            self.advance(run);
            return Ok(());
        }
        let mut bytes = take(data, run * P::BYTES)?;
        self.spans(run, |_, here| {
            let (now, later) = bytes.split_at(here.len() * P::BYTES);
            simd::dispatch(
                #[inline(always)]
                || P::read_all(now, here),
            );
            bytes = later;
        })
    }
}

/// Converts as many pixels as both have.
#[inline(always)]
fn show_row<P: Pixel>(
    row: &[P],
    pixels: &mut [[u8; BYTES_PER_PIXEL]],
    to_bgra: impl Fn(P) -> [u8; BYTES_PER_PIXEL],
) {
    let (blocks, rest) = row.as_chunks::<BLOCK>();
    let mut places = pixels.chunks_mut(BLOCK);
    for (block, pixels) in blocks.iter().zip(&mut places) {
        // Only what looks each pixel up gains from doing so once.
        if P::BYTES == 1 && *block == [block[0]; BLOCK] {
            pixels.fill(to_bgra(block[0]));
            continue;
        }
        for (out, pixel) in pixels.iter_mut().zip(block) {
            *out = to_bgra(*pixel);
        }
    }
    for (out, pixel) in places.flatten().zip(rest) {
        *out = to_bgra(*pixel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Point;
    use crate::picture::Picture;

    /// Decodes at 8 bits and gives back the indices, top row first.
    fn indices(payload: &[u8], size: Size) -> Result<Vec<u8>, DecodeError> {
        let mut picture = Picture::new(size);
        decode(
            payload,
            size,
            ColorDepth::Indexed8,
            &Palette::default(),
            &mut picture.as_mut(),
            &mut InterleavedScratch::default(),
        )?;
        Ok(picture.data().iter().step_by(4).copied().collect())
    }

    #[test]
    fn the_first_row_of_the_stream_is_the_bottom_of_the_picture() {
        assert_eq!(
            indices(&[0x84, 1, 2, 3, 4], Size::new(2, 2)).unwrap(),
            [3, 4, 1, 2]
        );
    }

    #[test]
    fn a_background_run_after_another_starts_with_a_foreground_pixel() {
        // Within the first row, where above is black; the foreground starts white.
        assert_eq!(
            indices(&[0x02, 0x03], Size::new(5, 1)).unwrap(),
            [0, 0, 255, 0, 0]
        );
        // Not from the first row to the second.
        let rows = indices(&[0x62, 7, 0x01, 0x03], Size::new(3, 2)).unwrap();
        assert_eq!(rows, [7, 7, 0, 7, 7, 0]);
        // On later rows the pixel above is flipped.
        let rows = indices(&[0x63, 7, 0xC1, 1, 0x01, 0x01], Size::new(3, 2)).unwrap();
        assert_eq!(rows, [6, 7, 6, 7, 7, 7]);
    }

    #[test]
    fn an_order_that_starts_on_the_first_row_sees_black_above_to_its_end() {
        assert_eq!(
            indices(&[0x61, 9, 0x03, 0x23], Size::new(3, 2)).unwrap_err(),
            DecodeError::TooManyPixels
        );
        assert_eq!(
            indices(&[0x61, 9, 0x03, 0x22], Size::new(3, 2)).unwrap(),
            [0, 255, 255, 9, 0, 0]
        );
    }

    #[test]
    fn every_order_draws_what_it_says() {
        let size = Size::new(8, 1);
        for (payload, row) in [
            (&[0xFD, 0xFE, 0x66, 5][..], [255, 0, 5, 5, 5, 5, 5, 5]),
            (&[0xE4, 3, 9], [3, 9, 3, 9, 3, 9, 3, 9]),
            (&[0xF9], [255, 255, 0, 0, 0, 0, 0, 0]),
            (&[0xFA], [255, 0, 255, 0, 0, 0, 0, 0]),
            (&[0x41, 0b1000_0001], [255, 0, 0, 0, 0, 0, 0, 255]),
            (&[0xD1, 6, 0b1], [6, 0, 0, 0, 0, 0, 0, 0]),
            (&[0x40, 2, 0b111, 0x65, 1], [255, 255, 255, 1, 1, 1, 1, 1]),
            (&[0xC3, 6, 0x25], [6; 8]),
            (&[0xF3, 8, 0, 4], [4; 8]),
            (&[0xF2, 8, 0, 0xF0], [0, 0, 0, 0, 255, 255, 255, 255]),
            (&[0xF8, 4, 0, 1, 2], [1, 2, 1, 2, 1, 2, 1, 2]),
        ] {
            assert_eq!(indices(payload, size).unwrap(), row, "{payload:x?}");
        }
    }

    #[test]
    fn what_lies_beyond_the_target_is_cut_at_the_right_and_the_bottom() {
        let mut picture = Picture::new(Size::new(1, 1));
        decode(
            &[0x84, 1, 2, 3, 4],
            Size::new(2, 2),
            ColorDepth::Indexed8,
            &Palette::default(),
            &mut picture.as_mut(),
            &mut InterleavedScratch::default(),
        )
        .unwrap();
        assert_eq!(picture.pixel(Point::new(0, 0)), [3, 3, 3, 255]);
    }

    #[test]
    fn faults_are_told_apart() {
        let size = Size::new(4, 2);
        assert_eq!(indices(&[0xA0], size), Err(DecodeError::UnknownOrder(0xA0)));
        assert_eq!(indices(&[0x84, 1], size), Err(DecodeError::Truncated));
        assert_eq!(indices(&[0x00], size), Err(DecodeError::Truncated));
        assert_eq!(indices(&[0x69, 1], size), Err(DecodeError::TooManyPixels));
    }

    #[test]
    fn pixels_that_no_order_tells_stay_as_they_are() {
        let rows = indices(&[0x65, 9], Size::new(3, 3)).unwrap();
        assert_eq!(rows, [0, 0, 0, 9, 9, 0, 9, 9, 9]);
    }

    #[test]
    fn a_bitmap_of_absurd_size_takes_little_memory_and_ends_with_its_data() {
        let mut scratch = InterleavedScratch::default();
        let mut picture = Picture::new(Size::new(1, 1));
        let result = decode(
            &[0xF3, 0xFF, 0xFF, 1],
            Size::new(16, u32::MAX),
            ColorDepth::Indexed8,
            &Palette::default(),
            &mut picture.as_mut(),
            &mut scratch,
        );
        assert_eq!(result, Ok(()));
        assert!(scratch.bytes.here.capacity() <= 64);
        let result = decode(
            &[0xF3, 0xFF, 0xFF, 1],
            Size::new(65_536, 1),
            ColorDepth::Indexed8,
            &Palette::default(),
            &mut picture.as_mut(),
            &mut scratch,
        );
        assert_eq!(result, Err(DecodeError::TooWide(65_536)));
    }
}
