//! RLEX, for rectangles of few colors (`[MS-RDPEGFX] 2.2.4.1.1.3.1.1`): runs and suites of indexes
//! into a palette.
//!
//! A segment is a run of one index, and then a suite: that index, the next one, and so on up to
//! the segment's stop index. Suite and stop share a byte, the stop in as many of the low bits as
//! the palette needs. A good palette has its colors in the order in which they follow each other.

use super::residual::BLOCK;
use super::{ClearCodecError, Pixel, pixel, push_pixels, push_run, take, take_run};
use crate::picture::{BYTES_PER_PIXEL, PictureMut};

/// The most colors of a palette.
const MAX_COLORS: usize = 127;
/// Places by hash for the colors of a palette, as a power of two: eight times as many.
const TABLE_BITS: u32 = 10;
/// What stands in a free place.
const NO_INDEX: u8 = u8::MAX;
/// The fewest bytes of a segment, which is a pixel at least.
const MIN_SEGMENT_BYTES: usize = 2;

/// How many bits of a segment's first byte are its stop index.
const fn stop_bits(colors: usize) -> u32 {
    match colors {
        0..=2 => 1,
        _ => (colors - 1).ilog2() + 1,
    }
}

/// Draws a rectangle. Pixels after the last segment stay as they are.
pub fn draw(mut data: &[u8], target: &mut PictureMut<'_>) -> Result<(), ClearCodecError> {
    let [count] = take(&mut data)?;
    let colors = usize::from(count);
    if !(1..=MAX_COLORS).contains(&colors) {
        return Err(ClearCodecError::PaletteCount(count));
    }
    let mut palette = [[0; BYTES_PER_PIXEL]; MAX_COLORS + BLOCK];
    for color in &mut palette[..colors] {
        *color = pixel(take(&mut data)?).to_le_bytes();
    }
    let bits = stop_bits(colors);
    // What is left of the segment: a run, then the colors from `next` up to `end`.
    let (mut run, mut next, mut end) = (0, 0, 0);
    for y in 0..target.size().height {
        let row = target.row_mut(y).as_chunks_mut::<BYTES_PER_PIXEL>().0;
        let width = row.len();
        let mut x = 0;
        while x < width {
            if run == 0 && next == end {
                let Some(&first) = data.split_off_first() else {
                    return Ok(());
                };
                let stop = first & ((1 << bits) - 1);
                let depth = first >> bits;
                if stop >= count || depth > stop {
                    return Err(ClearCodecError::Suite { stop, depth, count });
                }
                next = usize::from(stop - depth);
                end = usize::from(stop) + 1;
                run = take_run(&mut data)? as usize;
            }
            let is_followed = data.len() >= BLOCK * MIN_SEGMENT_BYTES;
            if run > 0 {
                let now = run.min(width - x);
                let color = palette[next];
                match row[x..].first_chunk_mut::<BLOCK>() {
                    Some(block) if now <= BLOCK && is_followed => *block = [color; BLOCK],
                    _ => row[x..x + now].fill(color),
                }
                run -= now;
                x += now;
            }
            let now = (end - next).min(width - x);
            let suite = &palette[next..];
            match (row[x..].first_chunk_mut::<BLOCK>(), suite.first_chunk()) {
                (Some(block), Some(suite)) if now <= BLOCK && is_followed => *block = *suite,
                _ => row[x..x + now].copy_from_slice(&suite[..now]),
            }
            next += now;
            x += now;
        }
    }
    if run > 0 || next < end || !data.is_empty() {
        return Err(ClearCodecError::RunTooLong);
    }
    Ok(())
}

/// Codes rectangles, and keeps the memory that it needs for that.
#[derive(Debug)]
pub struct RlexEncoder {
    palette: Vec<Pixel>,
    /// By a color's hash, or at the next free place after that: its index in the palette.
    indexes: [u8; 1 << TABLE_BITS],
    /// Index and length of each run of one color.
    runs: Vec<(u8, u32)>,
    pub data: Vec<u8>,
}

impl Default for RlexEncoder {
    fn default() -> Self {
        Self {
            palette: Vec::with_capacity(MAX_COLORS),
            indexes: [NO_INDEX; 1 << TABLE_BITS],
            runs: Vec::new(),
            data: Vec::new(),
        }
    }
}

impl RlexEncoder {
    /// Starts a rectangle.
    pub fn clear(&mut self) {
        self.palette.clear();
        self.indexes.fill(NO_INDEX);
        self.runs.clear();
    }

    /// Goes on with a run; false where there are too many colors.
    #[inline(always)]
    pub fn push(&mut self, color: Pixel, length: usize) -> bool {
        let index = self.index(color);
        if let Some(index) = index {
            self.runs.push((index, length as u32));
        }
        index.is_some()
    }

    /// Codes the rectangle into `data`; false where it would take `limit` bytes or more.
    pub fn finish(&mut self, limit: usize) -> bool {
        if 1 + 3 * self.palette.len() >= limit {
            return false;
        }
        self.data.clear();
        self.data.push(self.palette.len() as u8);
        push_pixels(&self.palette, &mut self.data);
        let bits = stop_bits(self.palette.len());
        let max_depth = u8::MAX >> bits;

        let mut runs = self.runs.iter();
        let Some(&(index, length)) = runs.next() else {
            return true;
        };
        let mut open = Segment::of(index, length);
        for &(index, mut length) in runs {
            if open.depth == 0 && index == open.start {
                // A run that goes on in the next row.
                open.run += length;
                continue;
            }
            if index == open.start + open.depth + 1 && open.depth < max_depth {
                open.depth += 1;
                length -= 1;
                if length == 0 {
                    continue;
                }
            }
            open.write(bits, &mut self.data);
            if self.data.len() >= limit {
                return false;
            }
            open = Segment::of(index, length);
        }
        open.write(bits, &mut self.data);
        self.data.len() < limit
    }

    /// The index of a color in the palette, which gets it; `None` where that is full.
    #[inline(always)]
    fn index(&mut self, color: Pixel) -> Option<u8> {
        let mut place = (color.wrapping_mul(0x9E37_79B1) >> (32 - TABLE_BITS)) as usize;
        loop {
            let index = self.indexes[place];
            match self.palette.get(usize::from(index)) {
                Some(&other) if other == color => return Some(index),
                Some(_) => place = (place + 1) % self.indexes.len(),
                None if self.palette.len() == MAX_COLORS => return None,
                None => {
                    self.indexes[place] = self.palette.len() as u8;
                    self.palette.push(color);
                    return Some(self.indexes[place]);
                }
            }
        }
    }
}

struct Segment {
    run: u32,
    start: u8,
    depth: u8,
}

impl Segment {
    /// A run of pixels, the last of which is the first of a suite that may follow.
    fn of(index: u8, length: u32) -> Self {
        Self {
            run: length - 1,
            start: index,
            depth: 0,
        }
    }

    fn write(&self, bits: u32, out: &mut Vec<u8>) {
        out.push((self.start + self.depth) | self.depth << bits);
        push_run(self.run, out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::Size;
    use crate::picture::Picture;

    fn drawn(data: &[u8], size: Size) -> Result<Picture, ClearCodecError> {
        let mut picture = Picture::filled(size, [9; 4]);
        draw(data, &mut picture.as_mut())?;
        Ok(picture)
    }

    fn blues(data: &[u8], size: Size) -> Result<Vec<u8>, ClearCodecError> {
        let picture = drawn(data, size)?;
        Ok(picture.data().iter().copied().step_by(4).collect())
    }

    const PALETTE: [u8; 10] = [3, 10, 0, 0, 20, 0, 0, 30, 0, 0];

    #[test]
    fn a_suite_follows_its_run() {
        // Three colors take two bits.
        let data = [&PALETTE[..], &[0b10_10, 2, 0b00_01, 1]].concat();
        assert_eq!(
            blues(&data, Size::new(4, 2)).unwrap(),
            [10, 10, 10, 20, 30, 20, 20, 9]
        );
    }

    #[test]
    fn pixels_after_the_last_segment_stay_as_they_are() {
        for segments in 0..14 {
            let data = [&PALETTE[..], &[0b01_01, 0].repeat(segments)].concat();
            let drawn = blues(&data, Size::new(30, 1)).unwrap();
            let due = [[10, 20].repeat(segments), vec![9; 30 - 2 * segments]].concat();
            assert_eq!(drawn, due);
        }
    }

    #[test]
    fn a_palette_of_one_color_takes_a_bit() {
        assert_eq!(
            [1, 2, 3, 4, 5, 14, 127].map(stop_bits),
            [1, 1, 2, 2, 3, 4, 7]
        );
        assert_eq!(blues(&[1, 7, 7, 7, 0, 2], Size::new(3, 1)).unwrap(), [7; 3]);
    }

    #[test]
    fn what_leaves_the_palette_or_the_picture_is_refused() {
        let size = Size::new(2, 1);
        let suite = |byte| blues(&[&PALETTE[..], &[byte, 0]].concat(), size);
        let fault = |stop, depth| {
            Err(ClearCodecError::Suite {
                stop,
                depth,
                count: 3,
            })
        };
        assert_eq!(suite(0b11), fault(3, 0));
        assert_eq!(suite(0b10_01), fault(1, 2));
        assert_eq!(suite(0b10_10), Err(ClearCodecError::RunTooLong));
        assert_eq!(blues(&[0], size), Err(ClearCodecError::PaletteCount(0)));
        assert_eq!(blues(&[128], size), Err(ClearCodecError::PaletteCount(128)));
        assert_eq!(
            blues(&[2, 1, 2, 3, 4], size),
            Err(ClearCodecError::Truncated)
        );
    }

    proptest! {
        #[test]
        fn every_rectangle_of_few_colors_comes_back(
            (width, height) in (1usize..40, 1usize..12),
            colors in 1u32..140,
            values in prop::collection::vec((any::<u8>(), prop_oneof![Just(1usize), 1usize..9]), 480),
        ) {
            let pixels: Vec<Pixel> = values
                .iter()
                .flat_map(|&(value, run)| std::iter::repeat_n(pixel([(u32::from(value) % colors) as u8, 7, 0]), run))
                .take(width * height)
                .collect();
            let mut encoder = RlexEncoder::default();
            let mut runs = pixels.chunk_by(|a, b| a == b);
            let mut distinct = pixels.clone();
            distinct.sort_unstable();
            distinct.dedup();
            let fits = runs.all(|run| encoder.push(run[0], run.len())) && encoder.finish(usize::MAX);
            prop_assert_eq!(fits, distinct.len() <= MAX_COLORS);
            if fits {
                let picture = drawn(&encoder.data, Size::new(width as u32, height as u32)).unwrap();
                let drawn = picture.data().as_chunks().0.iter().map(|bytes| Pixel::from_le_bytes(*bytes));
                prop_assert!(drawn.eq(pixels.iter().copied()));
                let bytes = encoder.data.len();
                prop_assert!(!encoder.finish(bytes));
                prop_assert!(encoder.finish(bytes + 1));
            }
        }

        #[test]
        fn random_bytes_never_panic(data in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..100), (width, height) in (1u32..30, 1u32..10)) {
            let _ = drawn(&data, Size::new(width, height));
        }
    }
}
