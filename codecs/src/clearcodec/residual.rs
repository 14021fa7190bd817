//! The first layer: runs of one color (`[MS-RDPEGFX] 2.2.4.1.1.1`).

use super::{ClearCodecError, Pixel, bgr, pixel, push_run, take, take_run};
use crate::picture::{BYTES_PER_PIXEL, PictureMut};

/// Pixels that are written at once, whether or not all are due, where the row has room and what
/// comes after is sure to write over them.
pub const BLOCK: usize = 8;
/// The fewest bytes of a run, which is a pixel at least.
const MIN_RUN_BYTES: usize = 4;

/// Draws all runs, from the first pixel on. Pixels after the last run stay as they are.
pub fn draw(mut data: &[u8], target: &mut PictureMut<'_>) -> Result<(), ClearCodecError> {
    let (mut color, mut run) = ([0; BYTES_PER_PIXEL], 0);
    for y in 0..target.size().height {
        let row = target.row_mut(y).as_chunks_mut().0;
        let mut x = 0;
        while x < row.len() {
            if run == 0 {
                if data.is_empty() {
                    return Ok(());
                }
                if let Some((&[blue, green, red, short @ 0..=0xFE], rest)) =
                    data.split_first_chunk()
                {
                    color = [blue, green, red, 0xFF];
                    run = usize::from(short);
                    data = rest;
                } else {
                    color = pixel(take(&mut data)?).to_le_bytes();
                    run = take_run(&mut data)? as usize;
                }
            }
            let now = run.min(row.len() - x);
            match row[x..].first_chunk_mut::<BLOCK>() {
                Some(block) if now <= BLOCK && data.len() >= BLOCK * MIN_RUN_BYTES => {
                    *block = [color; BLOCK]
                }
                _ => row[x..x + now].fill(color),
            }
            run -= now;
            x += now;
        }
    }
    if run > 0 || !data.is_empty() {
        return Err(ClearCodecError::RunTooLong);
    }
    Ok(())
}

/// Makes runs of pixels in raster order, some of which may be of any color.
#[derive(Debug, Default)]
pub struct RunWriter {
    color: Option<Pixel>,
    run: u32,
    pub data: Vec<u8>,
}

impl RunWriter {
    /// Forgets all that was written.
    pub fn clear(&mut self) {
        self.color = None;
        self.run = 0;
        self.data.clear();
    }

    /// Goes on with pixels that another layer draws over: they belong to the run before them, or
    /// to the first that comes.
    pub fn skip(&mut self, count: usize) {
        self.grow(count);
    }

    /// Goes on with a run.
    #[inline(always)]
    pub fn push(&mut self, color: Pixel, length: usize) {
        if self.color.is_some_and(|open| open != color) {
            self.finish();
        }
        self.color = Some(color);
        self.grow(length);
    }

    /// Writes the run that is open. Pixels of any color alone need no run.
    pub fn finish(&mut self) {
        if let (Some(color), run @ 1..) = (self.color.take(), self.run) {
            let [blue, green, red] = bgr(color);
            if run < u32::from(u8::MAX) {
                self.data.extend_from_slice(&[blue, green, red, run as u8]);
            } else {
                self.data.extend_from_slice(&[blue, green, red]);
                push_run(run, &mut self.data);
            }
            self.run = 0;
        }
    }

    fn grow(&mut self, count: usize) {
        // Both edges of a picture have 16 bits: their product fits.
        self.run += count as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::picture::Picture;

    fn drawn(data: &[u8], size: Size) -> Result<Vec<u8>, ClearCodecError> {
        let mut picture = Picture::filled(size, [9; 4]);
        draw(data, &mut picture.as_mut())?;
        Ok(picture.data().iter().copied().step_by(4).collect())
    }

    #[test]
    fn runs_go_on_in_the_next_row_and_end_where_they_will() {
        let size = Size::new(3, 3);
        let data = [1, 1, 1, 4, 2, 2, 2, 0, 3, 3, 3, 2];
        assert_eq!(drawn(&data, size).unwrap(), [1, 1, 1, 1, 3, 3, 9, 9, 9]);
        assert_eq!(drawn(&[], size).unwrap(), [9; 9]);
    }

    #[test]
    fn pixels_after_the_last_run_stay_as_they_are() {
        for runs in 0..20 {
            let drawn = drawn(&[5, 5, 5, 1].repeat(runs), Size::new(30, 1)).unwrap();
            assert_eq!(drawn, [vec![5; runs], vec![9; 30 - runs]].concat());
        }
    }

    #[test]
    fn a_run_beyond_the_last_pixel_is_refused() {
        let size = Size::new(3, 1);
        assert_eq!(drawn(&[1, 1, 1, 4], size), Err(ClearCodecError::RunTooLong));
        let more = [1, 1, 1, 3, 1, 1, 1, 1];
        assert_eq!(drawn(&more, size), Err(ClearCodecError::RunTooLong));
        for data in [
            &[1, 1][..],
            &[1, 1, 1],
            &[1, 1, 1, 255, 1],
            &[1, 1, 1, 255, 255, 255, 0],
        ] {
            assert_eq!(drawn(data, size), Err(ClearCodecError::Truncated));
        }
    }

    #[test]
    fn a_length_has_the_fewest_bytes_that_hold_it() {
        for (pixels, bytes) in [(254, 4), (255, 6), (65_534, 6), (65_535, 10), (70_000, 10)] {
            let mut writer = RunWriter::default();
            writer.push(pixel([5, 5, 5]), pixels);
            writer.finish();
            assert_eq!(writer.data.len(), bytes, "{pixels}");
            let drawn = drawn(&writer.data, Size::new(pixels as u32, 1)).unwrap();
            assert!(drawn.iter().all(|&blue| blue == 5));
        }
    }

    #[test]
    fn what_is_drawn_over_costs_nothing() {
        let [a, b] = [pixel([1, 1, 1]), pixel([2, 2, 2])];
        let mut writer = RunWriter::default();
        writer.skip(2);
        writer.push(a, 1);
        writer.skip(3);
        writer.push(a, 1);
        writer.push(b, 1);
        writer.skip(1);
        writer.finish();
        assert_eq!(writer.data, [1, 1, 1, 7, 2, 2, 2, 2]);
        writer.clear();
        writer.skip(9);
        writer.finish();
        assert!(writer.data.is_empty());
    }
}
