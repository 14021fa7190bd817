//! Some rows of a picture that have much in them, such as a line of text, and how its columns are
//! best coded.

use std::ops::Range;

use super::columns::{ColumnWriter, finish_hash, hash_pixel};
use super::{MAX_BAND_HEIGHT, Pixel};

/// Bytes before the columns of a band.
pub const BAND_HEADER_BYTES: u32 = 11;
/// What a change of color from one column to the next costs in a row that is in no band: a run of
/// the first layer takes four bytes, a segment of RLEX two.
const CHANGE_BYTES: u32 = 3;
/// What a column costs that is in the cache.
const KNOWN_BYTES: u32 = 2;

/// Rows, and of each column what there is to know about it.
#[derive(Debug, Default)]
pub struct Strip {
    width: usize,
    rows: usize,
    pixels: Vec<Pixel>,
    hashes: Vec<u32>,
    /// In how many rows a column differs from the one before.
    changes: Vec<u32>,
    /// In how many rows it differs from its own first pixel.
    marks: Vec<u32>,
    /// By column: whether it comes to a band at the least cost if the next one is in none, and if
    /// the next one is in one.
    came_from_band: Vec<[bool; 2]>,
}

impl Strip {
    /// Starts a strip of no rows of `width` pixels.
    pub fn start(&mut self, width: usize) {
        self.width = width;
        self.clear();
    }

    /// Starts another strip of the same width.
    pub fn clear(&mut self) {
        self.rows = 0;
        self.pixels.clear();
        for values in [&mut self.hashes, &mut self.changes, &mut self.marks] {
            values.clear();
            values.resize(self.width, 0);
        }
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a row.
    pub fn push(&mut self, row: &[Pixel]) {
        debug_assert!(row.len() == self.width && self.rows < MAX_BAND_HEIGHT);
        self.pixels.extend_from_slice(row);
        self.rows += 1;
        for (hash, &pixel) in self.hashes.iter_mut().zip(row) {
            *hash = hash_pixel(*hash, pixel);
        }
        for (marks, (&pixel, &first)) in self.marks.iter_mut().zip(row.iter().zip(&self.pixels)) {
            *marks += u32::from(pixel != first);
        }
        for (changes, pair) in self.changes[1..].iter_mut().zip(row.windows(2)) {
            *changes += u32::from(pair[0] != pair[1]);
        }
    }

    /// Columns `columns` of row `y`.
    pub fn row(&self, y: usize, columns: &Range<usize>) -> &[Pixel] {
        &self.pixels[y * self.width..][columns.clone()]
    }

    /// How often the color changes along the rows, within `columns`.
    pub fn changes(&self, columns: &Range<usize>) -> usize {
        let inner = columns.start + 1..columns.end;
        self.changes[inner].iter().sum::<u32>() as usize
    }

    /// Cuts the strip into columns that go into a band and columns that do not, by turns: `parts`
    /// gets their ranges, and whether they are a band.
    ///
    /// Each column has a price either way, and so has the start of a band; the cheapest way from
    /// left to right is found in one pass there and one back.
    pub fn cut(&mut self, known: &ColumnWriter, parts: &mut Vec<(Range<usize>, bool)>) {
        for hash in &mut self.hashes {
            *hash = finish_hash(*hash, self.rows);
        }
        self.came_from_band.clear();
        let (mut beside, mut within) = (0, BAND_HEADER_BYTES);
        for x in 0..self.width {
            let from = [within < beside, within <= beside + BAND_HEADER_BYTES];
            self.came_from_band.push(from);
            let (cheapest, go_on) = (beside.min(within), within.min(beside + BAND_HEADER_BYTES));
            beside = cheapest + CHANGE_BYTES * self.changes[x];
            within = go_on + self.band_bytes(x, known);
        }
        parts.clear();
        let mut in_band = within < beside;
        let mut end = self.width;
        for x in (0..self.width).rev() {
            let before = self.came_from_band[x][usize::from(in_band)];
            if x == 0 || before != in_band {
                parts.push((x..end, in_band));
                end = x;
            }
            in_band = before;
        }
        parts.reverse();
    }

    /// What a column costs in a band.
    fn band_bytes(&self, x: usize, known: &ColumnWriter) -> u32 {
        let hash = self.hashes[x];
        if known.knows(hash) || (x > 0 && self.hashes[x - 1] == hash) {
            return KNOWN_BYTES;
        }
        let is_noise = self.changes[x] * 4 > 3 * self.rows as u32;
        // What is drawn once will be drawn again, and a part of its price is for later; but a
        // photograph had better keep out of the caches.
        KNOWN_BYTES + self.marks[x] * if is_noise { 4 } else { 1 }
    }

    /// Appends the columns of a band.
    pub fn write_band(
        &self,
        columns: &Range<usize>,
        writer: &mut ColumnWriter,
        out: &mut Vec<u8>,
        background: Pixel,
    ) {
        const GROUP: usize = 16;
        let mut group = [[0; MAX_BAND_HEIGHT]; GROUP];
        for start in columns.clone().step_by(GROUP) {
            let some = start..columns.end.min(start + GROUP);
            for y in 0..self.rows.min(MAX_BAND_HEIGHT) {
                for (column, &pixel) in group.iter_mut().zip(self.row(y, &some)) {
                    column[y] = pixel;
                }
            }
            for (column, x) in group.iter().zip(some) {
                writer.write(&column[..self.rows], self.hashes[x], background, out);
            }
        }
    }

    /// The color that most pixels of the first row have within `columns`, if more than half do;
    /// else one that some have.
    pub fn background(&self, columns: &Range<usize>) -> Pixel {
        let (mut color, mut votes) = (0, 0u32);
        for &pixel in self.row(0, columns) {
            if votes == 0 {
                (color, votes) = (pixel, 1);
            } else if pixel == color {
                votes += 1;
            } else {
                votes -= 1;
            }
        }
        color
    }
}
