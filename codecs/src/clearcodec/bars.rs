use super::{MAX_BAND_HEIGHT, OPAQUE, Pixel};

/// Room for a column of pixels.
pub type Column = [Pixel; MAX_BAND_HEIGHT];

/// A cache of columns: what comes in takes the next slot, and after the last the first.
///
/// Slots take memory when they are first used.
#[derive(Clone, Debug)]
pub struct BarStorage {
    columns: Vec<Column>,
    /// How many pixels of each column count. By themselves, so that asking for a height costs no
    /// line of the processor's cache that is not full of heights.
    heights: Vec<u8>,
    slots: usize,
    cursor: usize,
}

impl BarStorage {
    /// A cache of so many slots, all empty.
    pub fn new(slots: usize) -> Self {
        Self {
            columns: Vec::new(),
            heights: Vec::new(),
            slots,
            cursor: 0,
        }
    }

    /// Goes on at the first slot; what the slots hold stays.
    pub fn reset_cursor(&mut self) {
        self.cursor = 0;
    }

    /// The slot that the next column takes.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// How high the column in a slot is; 0 where there is none.
    #[inline]
    pub fn height(&self, slot: usize) -> usize {
        self.heights.get(slot).map_or(0, |&height| height.into())
    }

    /// The column in a slot; one of no pixels where there is none.
    #[inline]
    pub fn get(&self, slot: usize) -> &[Pixel] {
        &self.column(slot)[..self.height(slot)]
    }

    /// The column in a slot, and what lies below its last pixel.
    #[inline]
    pub fn column(&self, slot: usize) -> &Column {
        const NONE: &Column = &[OPAQUE; MAX_BAND_HEIGHT];
        self.columns.get(slot).unwrap_or(NONE)
    }

    /// Puts `height` pixels into the slot at the cursor, which moves on.
    ///
    /// They are `background` but for `short`, which starts at row `on`. What of it would lie below
    /// the last row is cut off (`2.2.4.1.1.2.1.1.2`).
    #[inline]
    pub fn push(&mut self, height: usize, background: Pixel, on: usize, short: &[Pixel]) {
        let bar = &mut self.advance(height)[..height];
        let on = on.min(height);
        let off = (on + short.len()).min(height);
        bar[..on].fill(background);
        bar[on..off].copy_from_slice(&short[..off - on]);
        bar[off..].fill(background);
    }

    /// The slot at the cursor, which moves on, for `height` pixels. It holds what it held.
    #[inline]
    pub fn advance(&mut self, height: usize) -> &mut Column {
        let slot = self.cursor;
        self.cursor = if slot + 1 == self.slots { 0 } else { slot + 1 };
        self.claim(slot);
        self.heights[slot] = height as u8;
        &mut self.columns[slot]
    }

    /// Makes the column in a slot at least `height` pixels high: those that it lacks are black.
    ///
    /// A server that goes by the specification never needs this. One whose caches are ahead of
    /// ours would otherwise have its picture refused, for some columns.
    pub fn extend_to(&mut self, slot: usize, height: usize) {
        self.claim(slot);
        let there = self.height(slot);
        if there < height {
            self.columns[slot][there..height].fill(OPAQUE);
            self.heights[slot] = height as u8;
        }
    }

    fn claim(&mut self, slot: usize) {
        if slot >= self.columns.len() {
            self.columns.resize(slot + 1, [OPAQUE; MAX_BAND_HEIGHT]);
            self.heights.resize(slot + 1, 0);
        }
    }

    /// Bytes that the slots take.
    pub fn memory_bytes(&self) -> usize {
        self.columns.capacity() * size_of::<Column>() + self.heights.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_goes_round() {
        let mut storage = BarStorage::new(3);
        for height in 1..=4 {
            storage.push(height, 0, 0, &[]);
        }
        assert_eq!([0, 1, 2, 3].map(|slot| storage.height(slot)), [4, 2, 3, 0]);
        assert_eq!(storage.cursor(), 1);
        storage.reset_cursor();
        storage.push(9, 0, 0, &[]);
        assert_eq!([0, 1, 2].map(|slot| storage.height(slot)), [9, 2, 3]);
    }

    #[test]
    fn a_bar_lies_on_its_background() {
        let mut storage = BarStorage::new(3);
        storage.push(5, 7, 1, &[1, 2]);
        storage.push(4, 7, 2, &[1, 2, 3]);
        storage.push(2, 7, 200, &[1]);
        assert_eq!(storage.get(0), [7, 1, 2, 7, 7]);
        assert_eq!(storage.get(1), [7, 7, 1, 2]);
        assert_eq!(storage.get(2), [7, 7]);
    }

    #[test]
    fn a_column_that_is_too_short_goes_on_in_black() {
        let mut storage = BarStorage::new(4);
        storage.push(2, 7, 0, &[]);
        storage.extend_to(0, 4);
        storage.extend_to(3, 1);
        assert_eq!(storage.get(0), [7, 7, OPAQUE, OPAQUE]);
        assert_eq!(storage.get(3), [OPAQUE]);
        storage.extend_to(0, 1);
        assert_eq!(storage.height(0), 4);
    }
}
