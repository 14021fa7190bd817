use super::{GLYPH_SLOTS, Pixel};

/// Small pictures that are kept as strings of pixels, row by row (`[MS-RDPEGFX] 3.3.1.9`).
///
/// A slot takes memory when it is first used.
#[derive(Clone, Debug, Default)]
pub struct GlyphStorage {
    slots: Vec<Vec<Pixel>>,
}

impl GlyphStorage {
    /// The pixels in a slot; none where nothing was put there.
    pub fn get(&self, index: usize) -> &[Pixel] {
        self.slots.get(index).map_or(&[], Vec::as_slice)
    }

    /// The slot, emptied.
    ///
    /// # Panics
    /// If there is no such slot.
    pub fn replace(&mut self, index: usize) -> &mut Vec<Pixel> {
        assert!(index < GLYPH_SLOTS, "glyph {index}");
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, Vec::new);
        }
        let slot = &mut self.slots[index];
        slot.clear();
        slot
    }

    /// Bytes that the slots take.
    pub fn memory_bytes(&self) -> usize {
        let pixels: usize = self.slots.iter().map(Vec::capacity).sum();
        pixels * size_of::<Pixel>() + self.slots.capacity() * size_of::<Vec<Pixel>>()
    }
}
