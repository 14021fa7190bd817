//! Some rows of a picture that have much in them, such as a line of text, and how its columns are
//! best coded.

use std::ops::Range;

use super::columns::{ColumnWriter, finish_hash, hash_pixel};
use super::row::Row;
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
    /// By column: whether it comes to a band at the least cost if the next one is in none, and if
    /// the next one is in one.
    came_from_band: Vec<[bool; 2]>,
    /// Columns on their way into a band.
    gathered: [[Pixel; MAX_BAND_HEIGHT]; GROUP],
}

/// Columns side by side.
#[derive(Clone, Copy, Debug)]
struct ColumnGroup {
    hashes: [u32; GROUP],
    /// In how many rows a column differs from the one before.
    changes: [u32; GROUP],
    /// In how many rows it differs from its own first pixel.
    marks: [u32; GROUP],
    /// Bit by bit: which of them differ from the one before.
    news: u16,
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
        self.came_from_band.resize(self.width, [false; 2]);
        let (mut beside, mut within) = (0, BAND_HEADER_BYTES);
        let groups = self.came_from_band.chunks_mut(GROUP).zip(&self.columns);
        for (came_from_band, group) in groups {
            let prices = group.band_bytes(self.count, known);
            for (at, came_from_band) in came_from_band.iter_mut().enumerate() {
                let start = beside + BAND_HEADER_BYTES;
                *came_from_band = [within < beside, within <= start];
                (beside, within) = (
                    beside.min(within) + CHANGE_BYTES * group.changes[at],
                    within.min(start) + prices[at],
                );
            }
        }
        parts.clear();
        let mut in_band = within < beside;
        let mut end = self.width;
        for (x, came_from_band) in self.came_from_band.iter().enumerate().rev() {
            let before = came_from_band[usize::from(in_band)];
            if x == 0 || before != in_band {
                parts.push((x..end, in_band));
                end = x;
            }
            in_band = before;
        }
        parts.reverse();
    }

    /// Fills `columns`.
    fn measure(&mut self) {
        let rows = &self.rows[..self.count];
        self.columns.clear();
        dispatch(
            #[inline(always)]
            || {
                for start in (0..self.width).step_by(GROUP) {
                    self.columns.push(ColumnGroup::of(rows, start));
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
            let count = news.count_ones() as usize;
            // All are looked up at once, so that what waits for memory waits together.
            let mut slots = [Some(slot); GROUP + 1];
            for (at, (column, slot)) in ones(news).zip(pixels.iter_mut().zip(&mut slots[1..])) {
                let column = &mut column[..self.count];
                for (to, row) in column.iter_mut().zip(rows) {
                    *to = row.window::<{ GROUP + 1 }>(start)[1 + at];
                }
                *slot = writer.find(column, group.hashes[at]);
            }
            if slots[..=count].iter().all(Option::is_some) {
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
            let mut done = 0;
            for at in inside {
                if news >> at & 1 != 0 {
                    done += 1;
                    // What comes now may be among those that have been put in since.
                    let (column, hash) = (&pixels[done - 1][..self.count], group.hashes[at]);
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
fn known_header(slot: usize) -> [u8; 2] {
    (0x8000 | slot as u16).to_le_bytes()
}

impl ColumnGroup {
    /// Those from `start` on; rows have that many pixels, or some more behind their last.
    #[inline(always)]
    fn of(rows: &[Row], start: usize) -> Self {
        let mut group = Self {
            hashes: [0; GROUP],
            changes: [0; GROUP],
            marks: [0; GROUP],
            news: 0,
        };
        let mut first = [0; GROUP];
        for (y, row) in rows.iter().enumerate() {
            let window = row.window::<{ GROUP + 1 }>(start);
            if y == 0 {
                first.copy_from_slice(&window[1..]);
            }
            for at in 0..GROUP {
                let (before, pixel) = (window[at], window[at + 1]);
                group.hashes[at] = hash_pixel(group.hashes[at], pixel);
                group.changes[at] += u32::from(pixel != before);
                group.marks[at] += u32::from(pixel != first[at]);
            }
        }
        group.hashes = group.hashes.map(|hash| finish_hash(hash, rows.len()));
        for (at, &changes) in group.changes.iter().enumerate() {
            group.news |= u16::from(changes > 0) << at;
        }
        group
    }

    /// What each column costs in a band.
    #[inline(always)]
    fn band_bytes(&self, rows: usize, known: &ColumnWriter) -> [u32; GROUP] {
        let mut bytes = [KNOWN_BYTES; GROUP];
        for at in ones(self.news) {
            let is_noise = self.changes[at] * 4 > 3 * rows as u32;
            // What is drawn once will be drawn again, and a part of its price is for later; but a
            // photograph had better keep out of the caches.
            let new_bytes = self.marks[at] * if is_noise { 4 } else { 1 };
            // Hard to foretell: no branch should depend on it.
            bytes[at] += if known.knows(self.hashes[at]) {
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
