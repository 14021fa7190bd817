use super::{MAX_BAND_HEIGHT, OPAQUE, Pixel};

/// A column of pixels.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    pub pixels: [Pixel; MAX_BAND_HEIGHT],
    /// How many of them count.
    pub height: u8,
}

impl Bar {
    /// A column of no pixels.
    pub const EMPTY: Self = Self {
        pixels: [OPAQUE; MAX_BAND_HEIGHT],
        height: 0,
    };

    /// The pixels that count.
    pub fn pixels(&self) -> &[Pixel] {
        &self.pixels[..usize::from(self.height)]
    }

    /// Becomes `height` pixels of `background` with `short` from row `on`; what would lie below
    /// the last row is cut off (`2.2.4.1.1.2.1.1.2`).
    pub fn compose(&mut self, height: usize, background: Pixel, on: usize, short: &[Pixel]) {
        let bar = &mut self.pixels[..height];
        let on = on.min(height);
        let off = (on + short.len()).min(height);
        bar[..on].fill(background);
        bar[on..off].copy_from_slice(&short[..off - on]);
        bar[off..].fill(background);
        self.height = height as u8;
    }
}

/// A cache of columns: what comes in takes the next slot, and after the last the first.
///
/// Slots take memory when they are first used.
#[derive(Clone, Debug)]
pub struct BarStorage {
    bars: Vec<Bar>,
    slots: usize,
    cursor: usize,
}

impl BarStorage {
    /// A cache of so many slots, all empty.
    pub fn new(slots: usize) -> Self {
        Self {
            bars: Vec::new(),
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

    /// The column in a slot; an empty one where there is none.
    #[inline]
    pub fn get(&self, slot: usize) -> &Bar {
        const NONE: &Bar = &Bar::EMPTY;
        self.bars.get(slot).unwrap_or(NONE)
    }

    /// The slot at the cursor, which moves on.
    #[inline]
    pub fn advance(&mut self) -> &mut Bar {
        let slot = self.cursor;
        self.cursor = if slot + 1 == self.slots { 0 } else { slot + 1 };
        self.slot_mut(slot)
    }

    /// Makes the column in a slot at least `height` pixels high: those that it lacks are black.
    ///
    /// A server that goes by the specification never needs this. One whose caches are ahead of
    /// ours would otherwise have its picture refused, for some columns.
    pub fn extend_to(&mut self, slot: usize, height: usize) {
        let bar = self.slot_mut(slot);
        let there = usize::from(bar.height);
        if there < height {
            bar.pixels[there..height].fill(OPAQUE);
            bar.height = height as u8;
        }
    }

    fn slot_mut(&mut self, slot: usize) -> &mut Bar {
        if slot >= self.bars.len() {
            self.bars.resize(slot + 1, Bar::EMPTY);
        }
        &mut self.bars[slot]
    }

    /// Bytes that the slots take.
    pub fn memory_bytes(&self) -> usize {
        self.bars.capacity() * size_of::<Bar>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_goes_round() {
        let mut storage = BarStorage::new(3);
        for height in 1..=4 {
            storage.advance().height = height;
        }
        assert_eq!(
            [0, 1, 2, 3].map(|slot| storage.get(slot).height),
            [4, 2, 3, 0]
        );
        assert_eq!(storage.cursor(), 1);
        storage.reset_cursor();
        storage.advance().height = 9;
        assert_eq!([0, 1, 2].map(|slot| storage.get(slot).height), [9, 2, 3]);
    }

    #[test]
    fn a_bar_lies_on_its_background() {
        let mut bar = Bar::EMPTY;
        bar.compose(5, 7, 1, &[1, 2]);
        assert_eq!(bar.pixels(), [7, 1, 2, 7, 7]);
        bar.compose(4, 7, 2, &[1, 2, 3]);
        assert_eq!(bar.pixels(), [7, 7, 1, 2]);
        bar.compose(2, 7, 200, &[1]);
        assert_eq!(bar.pixels(), [7, 7]);
    }

    #[test]
    fn a_column_that_is_too_short_goes_on_in_black() {
        let mut storage = BarStorage::new(4);
        storage.advance().compose(2, 7, 0, &[]);
        storage.extend_to(0, 4);
        storage.extend_to(3, 1);
        assert_eq!(storage.get(0).pixels(), [7, 7, OPAQUE, OPAQUE]);
        assert_eq!(storage.get(3).pixels(), [OPAQUE]);
        storage.extend_to(0, 1);
        assert_eq!(storage.get(0).height, 4);
    }
}
