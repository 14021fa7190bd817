//! The second layer written: columns that both sides have, or get.

use super::bands::BarCaches;
use super::{BAR_SLOTS, Pixel, SHORT_BAR_SLOTS, push_pixels};

/// Adds a pixel to the hash of a column. Made of what every processor can do to many columns at
/// once.
#[inline]
pub const fn hash_pixel(hash: u32, pixel: Pixel) -> u32 {
    let hash = hash.wrapping_add(pixel);
    let hash = hash.wrapping_add(hash << 10);
    hash ^ (hash >> 6)
}

/// The hash of a column whose pixels have all been added.
pub const fn finish_hash(hash: u32, height: usize) -> u32 {
    let hash = hash.wrapping_add((height as u32).wrapping_mul(0x9E37_79B1));
    let hash = hash.wrapping_add(hash << 3);
    let hash = hash ^ (hash >> 11);
    hash.wrapping_add(hash << 15)
}

/// The hash of a string of pixels.
pub fn hash_pixels(pixels: &[Pixel]) -> u32 {
    // Four at once, for each one has to wait for the one before.
    let mut lanes = [0; 4];
    let (chunks, rest) = pixels.as_chunks::<4>();
    for chunk in chunks {
        for (lane, &pixel) in lanes.iter_mut().zip(chunk) {
            *lane = hash_pixel(*lane, pixel);
        }
    }
    let rest = rest.iter().chain(&lanes);
    finish_hash(
        rest.fold(0, |hash, &pixel| hash_pixel(hash, pixel)),
        pixels.len(),
    )
}

/// Where the strings of pixels with some hash may be. What is found may be another, or have been
/// replaced since, and is to be compared.
#[derive(Clone, Debug)]
pub struct HashIndex {
    /// High bits of a hash, and a slot, in places for [`Self::WAYS`] of them, the last that was put
    /// in first. There are as many places as a power of two.
    places: Vec<[(u16, u16); Self::WAYS]>,
}

impl HashIndex {
    /// How many strings whose hashes share a place are found.
    const WAYS: usize = 4;

    /// An index of so many slots.
    pub fn new(slots: usize) -> Self {
        Self {
            places: vec![[(0, 0); Self::WAYS]; slots.next_power_of_two() / 2],
        }
    }

    /// The slot that was put in under this hash.
    #[inline(always)]
    pub fn find(&self, hash: u32) -> Option<u16> {
        let tag = tag(hash);
        let place = &self.places[self.place(hash)];
        // Which one is as good as random: no branch should depend on it.
        let mut slot = None;
        for &(of, at) in place.iter().rev() {
            slot = if of == tag { Some(at) } else { slot };
        }
        slot
    }

    /// Puts a slot in.
    pub fn insert(&mut self, hash: u32, slot: u16) {
        let tag = tag(hash);
        let place = self.place(hash);
        let place = &mut self.places[place];
        // The place of a hash that is there already, or else the one for longest.
        let last = place.iter().position(|(of, _)| *of == tag);
        place[..=last.unwrap_or(Self::WAYS - 1)].rotate_right(1);
        place[0] = (tag, slot);
    }

    #[inline]
    fn place(&self, hash: u32) -> usize {
        hash as usize & (self.places.len() - 1)
    }

    fn memory_bytes(&self) -> usize {
        size_of_val(self.places.as_slice())
    }
}

/// The high bits of a hash.
const fn tag(hash: u32) -> u16 {
    (hash >> 16) as u16
}

/// Codes columns against the caches that the decoder has as well.
#[derive(Clone, Debug)]
pub struct ColumnWriter {
    caches: BarCaches,
    by_bar: HashIndex,
    by_short_bar: HashIndex,
}

impl ColumnWriter {
    /// With empty caches.
    pub fn new() -> Self {
        Self {
            caches: BarCaches::new(),
            by_bar: HashIndex::new(BAR_SLOTS),
            by_short_bar: HashIndex::new(SHORT_BAR_SLOTS),
        }
    }

    /// Where a column with this hash most likely is, if it has been sent before.
    #[inline(always)]
    pub fn slot(&self, hash: u32) -> Option<u16> {
        self.by_bar.find(hash)
    }

    /// Whether that is what a slot holds.
    #[inline(always)]
    pub fn is_in(&self, slot: u16, column: &[Pixel]) -> bool {
        are_equal(self.caches.bars.get(slot.into()), column)
    }

    /// The slot of a column that both sides have.
    #[inline(always)]
    pub fn find(&self, column: &[Pixel], hash: u32) -> Option<u16> {
        self.slot(hash).filter(|&slot| self.is_in(slot, column))
    }

    /// Appends a column of a band with this background that is new, and returns its slot.
    pub fn put(
        &mut self,
        column: &[Pixel],
        hash: u32,
        background: Pixel,
        out: &mut Vec<u8>,
    ) -> u16 {
        let is_background = |pixel: &Pixel| *pixel == background;
        let on = column
            .iter()
            .take_while(|pixel| is_background(pixel))
            .count();
        let below = column[on..].iter().rev();
        let off = column.len() - below.take_while(|pixel| is_background(pixel)).count();
        let on = if on == column.len() { off } else { on };
        self.write_short(&column[on..off], on, out);
        let slot = self.caches.bars.cursor() as u16;
        self.by_bar.insert(hash, slot);
        let bars = &mut self.caches.bars;
        bars.push(column.len(), background, on, &column[on..off]);
        slot
    }

    fn write_short(&mut self, short: &[Pixel], on: usize, out: &mut Vec<u8>) {
        let hash = hash_pixels(short);
        // One without pixels takes a byte less as new than as known.
        if !short.is_empty()
            && let Some(slot) = self.by_short_bar.find(hash)
            && are_equal(self.caches.short_bars.get(slot.into()), short)
        {
            out.extend((0x4000 | slot).to_le_bytes());
            out.push(on as u8);
            return;
        }
        out.extend([on as u8, (on + short.len()) as u8]);
        push_pixels(short, out);
        self.by_short_bar
            .insert(hash, self.caches.short_bars.cursor() as u16);
        self.caches.short_bars.push(short.len(), 0, 0, short);
    }

    /// Bytes that caches and indexes take.
    pub fn memory_bytes(&self) -> usize {
        self.caches.bars.memory_bytes()
            + self.caches.short_bars.memory_bytes()
            + self.by_bar.memory_bytes()
            + self.by_short_bar.memory_bytes()
    }
}

#[inline(always)]
fn are_equal(known: &[Pixel], pixels: &[Pixel]) -> bool {
    // Few pixels: a call to compare them would cost more than that.
    let pairs = known.iter().zip(pixels);
    let difference = pairs.fold(0, |all, (a, b)| all | (a ^ b));
    known.len() == pixels.len() && difference == 0
}
