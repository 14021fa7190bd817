//! Some rows of a picture that have much in them, such as a line of text, and how its columns are
//! best coded.

use std::ops::Range;

use super::columns::{ColumnWriter, finish_hash, hash_pixel};
use super::row::{Row, WORD};
use super::{MAX_BAND_HEIGHT, Pixel};
use crate::simd::dispatch;

/// Bytes before the columns of a band.
pub const BAND_HEADER_BYTES: u32 = 11;
/// What a change of color from one column to the next costs in a row that is in no band: a run of
/// the first layer takes four bytes, a segment of RLEX two.
const CHANGE_BYTES: u32 = 3;
/// What a column costs that is in the cache.
const KNOWN_BYTES: u32 = 2;
/// Columns that are measured at once.
const GROUP: usize = 16;

/// Rows, and of each column what there is to know about it.
#[derive(Debug)]
pub struct Strip {
    width: usize,
    count: usize,
    /// As many as were ever needed; the first `count` belong to the strip.
    rows: Vec<Row>,
    columns: Vec<ColumnGroup>,
    /// By group: which columns come from a band at the least cost if they are in none, and which
    /// if they are in one.
    came_from_band: Vec<[u16; 2]>,
    /// Columns on their way into a band.
    gathered: [[Pixel; MAX_BAND_HEIGHT]; GROUP],
}

/// Columns side by side.
#[derive(Clone, Copy, Debug, Default)]
struct ColumnGroup {
    /// Bit by bit: which of them differ from the one before. Where none does, the rest is not made
    /// anew.
    news: u16,
    hashes: [u32; GROUP],
    /// In how many rows a column differs from the one before.
    changes: [u32; GROUP],
    /// In how many rows it differs from its own first pixel.
    marks: [u32; GROUP],
    /// The slots where those that differ may be.
    slots: [Option<u16>; GROUP],
}

impl Default for Strip {
    fn default() -> Self {
        Self {
            width: 0,
            count: 0,
            rows: Vec::new(),
            columns: Vec::new(),
            came_from_band: Vec::new(),
            gathered: [[0; MAX_BAND_HEIGHT]; GROUP],
        }
    }
}

impl Strip {
    /// Starts a strip of no rows of `width` pixels.
    pub fn start(&mut self, width: usize) {
        self.width = width;
        self.clear();
    }

    /// Starts another strip of the same width.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.count
    }

    /// A row to be filled and [pushed](Self::push), with something in it.
    pub fn take_spare(&mut self) -> Row {
        if self.count == self.rows.len() {
            return Row::default();
        }
        // Any row behind the last will do, and this one is the last to be needed.
        self.rows.pop().unwrap_or_default()
    }

    /// Adds a row.
    pub fn push(&mut self, row: Row) {
        debug_assert!(row.width() == self.width && self.count < MAX_BAND_HEIGHT);
        self.rows.push(row);
        let last = self.rows.len() - 1;
        self.rows.swap(self.count, last);
        self.count += 1;
    }

    /// Keeps the memory of a row that does not belong to the strip.
    pub fn give_back(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// A row.
    pub fn row(&self, y: usize) -> &Row {
        &self.rows[y]
    }

    /// How often the color changes along the rows, within `columns`.
    pub fn changes(&self, columns: &Range<usize>) -> usize {
        let rows = self.rows[..self.count].iter();
        rows.map(|row| row.changes(columns.start + 1..columns.end))
            .sum()
    }

    /// Cuts the strip into columns that go into a band and columns that do not, by turns: `parts`
    /// gets their ranges, and whether they are a band.
    ///
    /// Each column has a price either way, and so has the start of a band; the cheapest way from
    /// left to right is found in one pass there and one back.
    pub fn cut(&mut self, known: &ColumnWriter, parts: &mut Vec<(Range<usize>, bool)>) {
        self.measure();
        self.came_from_band.clear();
        let (mut beside, mut within) = (0, BAND_HEADER_BYTES);
        for group in &mut self.columns {
            // Whoever is in no band stays there as long as nothing changes.
            if group.news == 0 && within == beside + BAND_HEADER_BYTES + KNOWN_BYTES {
                self.came_from_band.push([0; 2]);
                continue;
            }
            let band_bytes = group.look_up(self.count, known);
            let mut came_from_band = [0; 2];
            for (at, bytes) in band_bytes.into_iter().enumerate() {
                let start = beside + BAND_HEADER_BYTES;
                came_from_band[0] |= u16::from(within < beside) << at;
                came_from_band[1] |= u16::from(within <= start) << at;
                (beside, within) = (
                    beside.min(within) + CHANGE_BYTES * group.changes[at],
                    within.min(start) + bytes,
                );
            }
            self.came_from_band.push(came_from_band);
        }
        parts.clear();
        let mut in_band = within < beside;
        let mut end = self.width;
        for (index, came_from_band) in self.came_from_band.iter().enumerate().rev() {
            let mut left = u16::MAX;
            // The columns that come from the other side.
            while let others =
                (came_from_band[usize::from(in_band)] ^ u16::from(in_band).wrapping_neg()) & left
                && others != 0
            {
                let at = others.ilog2();
                let x = index * GROUP + at as usize;
                if x == 0 {
                    break;
                }
                // Columns behind the last one are in no part.
                if x < end {
                    parts.push((x..end, in_band));
                    end = x;
                }
                in_band = !in_band;
                left = (1 << at) - 1;
            }
        }
        parts.push((0..end, in_band));
        parts.reverse();
    }

    /// Fills `columns`.
    fn measure(&mut self) {
        let rows = &self.rows[..self.count];
        let groups = self.width.div_ceil(GROUP);
        self.columns.resize_with(groups, ColumnGroup::default);
        dispatch(
            #[inline(always)]
            || {
                for (word, groups) in self.columns.chunks_mut(WORD / GROUP).enumerate() {
                    let changed = rows.iter().map(|row| row.changed()[word]);
                    let news = changed.fold(0, |any, changed| any | changed);
                    for (index, group) in groups.iter_mut().enumerate() {
                        group.news = (news >> (index * GROUP)) as u16;
                        group.changes = [0; GROUP];
                        if group.news != 0 {
                            group.measure(rows, word * WORD + index * GROUP);
                        }
                    }
                }
            },
        );
    }

    /// Appends the columns of a band.
    pub fn write_band(
        &mut self,
        columns: &Range<usize>,
        writer: &mut ColumnWriter,
        out: &mut Vec<u8>,
        background: Pixel,
    ) {
        dispatch(
            #[inline(always)]
            || self.write_columns(columns, writer, out, background),
        );
    }

    #[inline(always)]
    fn write_columns(
        &mut self,
        columns: &Range<usize>,
        writer: &mut ColumnWriter,
        out: &mut Vec<u8>,
        background: Pixel,
    ) {
        let rows = &self.rows[..self.count];
        let pixels = &mut self.gathered;
        let mut slot = 0;
        let groups = columns.start / GROUP..columns.end.div_ceil(GROUP);
        for (index, group) in groups.clone().zip(&self.columns[groups]) {
            let start = index * GROUP;
            let inside = columns.start.max(start)..columns.end.min(start + GROUP);
            let inside = inside.start - start..inside.end - start;
            // Which columns are others than the one before.
            let mut news = group.news & (u16::MAX >> (GROUP - inside.end));
            news &= u16::MAX << inside.start;
            if start + inside.start == columns.start {
                news |= 1 << inside.start;
            }
            if news != 0 {
                gather(rows, start, pixels);
            }
            // All are compared at once, so that what waits for memory waits together.
            let mut slots = [Some(slot); GROUP + 1];
            for (at, slot) in ones(news).zip(&mut slots[1..]) {
                let column = &pixels[at][..self.count];
                *slot = group.slots[at].filter(|&slot| writer.is_in(slot, column));
            }
            if slots[..=news.count_ones() as usize]
                .iter()
                .all(Option::is_some)
            {
                let mut headers = [[0; 2]; GROUP];
                for (header, at) in headers.iter_mut().zip(inside.clone()) {
                    // The number of columns up to this one that are others.
                    let number = (news << (GROUP - 1 - at)).count_ones() as usize;
                    slot = slots[number].unwrap_or(slot);
                    *header = known_header(slot);
                }
                out.extend_from_slice(headers[..inside.len()].as_flattened());
                continue;
            }
            for at in inside {
                if news >> at & 1 != 0 {
                    // What comes now may be among those that have been put in since.
                    let (column, hash) = (&pixels[at][..self.count], group.hashes[at]);
                    match writer.find(column, hash) {
                        Some(known) => slot = known,
                        None => {
                            slot = writer.put(column, hash, background, out);
                            continue;
                        }
                    }
                }
                out.extend_from_slice(&known_header(slot));
            }
        }
    }

    /// The color that most pixels of the first row have within `columns`, if more than half do;
    /// else one that some have.
    pub fn background(&self, columns: &Range<usize>) -> Pixel {
        let (mut color, mut votes) = (0, 0);
        self.rows[0].runs(columns.clone(), |other, length| {
            if other == color {
                votes += length;
            } else if votes >= length {
                votes -= length;
            } else {
                (color, votes) = (other, length - votes);
            }
            true
        });
        color
    }
}

/// Stands for a column that is in a slot.
fn known_header(slot: u16) -> [u8; 2] {
    (0x8000 | slot).to_le_bytes()
}

/// Rows of a group, from `start` on, as columns; what is below the last row is of no meaning.
#[inline(always)]
fn gather(rows: &[Row], start: usize, columns: &mut [[Pixel; MAX_BAND_HEIGHT]; GROUP]) {
    const SIDE: usize = 4;
    for y in (0..rows.len()).step_by(SIDE) {
        let rows: [_; SIDE] = std::array::from_fn(|below| {
            let row = &rows[(y + below).min(rows.len() - 1)];
            row.window::<{ GROUP + 1 }>(start)
        });
        for (at, column) in columns.iter_mut().enumerate() {
            let side = column[y..]
                .first_chunk_mut()
                .expect("a column has whole sides");
            *side = rows.map(|row| row[1 + at]);
        }
    }
}

impl ColumnGroup {
    /// Fills what is said of the columns from `start` on; rows have that many pixels, or some more
    /// behind their last.
    #[inline(always)]
    fn measure(&mut self, rows: &[Row], start: usize) {
        let [mut hashes, mut changes, mut marks] = [[0; GROUP]; 3];
        let mut first = [0; GROUP];
        for (y, row) in rows.iter().enumerate() {
            let window = row.window::<{ GROUP + 1 }>(start);
            if y == 0 {
                first.copy_from_slice(&window[1..]);
            }
            for at in 0..GROUP {
                let (before, pixel) = (window[at], window[at + 1]);
                hashes[at] = hash_pixel(hashes[at], pixel);
                changes[at] += u32::from(pixel != before);
                marks[at] += u32::from(pixel != first[at]);
            }
        }
        self.hashes = hashes.map(|hash| finish_hash(hash, rows.len()));
        self.changes = changes;
        self.marks = marks;
    }

    /// Looks up the columns that differ from the one before, and returns what each one costs in a
    /// band.
    #[inline(always)]
    fn look_up(&mut self, rows: usize, known: &ColumnWriter) -> [u32; GROUP] {
        let mut bytes = [KNOWN_BYTES; GROUP];
        for at in ones(self.news) {
            let is_noise = self.changes[at] * 4 > 3 * rows as u32;
            // What is drawn once will be drawn again, and a part of its price is for later; but a
            // photograph had better keep out of the caches.
            let new_bytes = self.marks[at] * if is_noise { 4 } else { 1 };
            self.slots[at] = known.slot(self.hashes[at]);
            // Hard to foretell: no branch should depend on it.
            bytes[at] += if self.slots[at].is_some() {
                0
            } else {
                new_bytes
            };
        }
        bytes
    }
}

/// The places of the bits that are set.
#[inline(always)]
fn ones(mut bits: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (at < GROUP).then_some(at)
    })
}
