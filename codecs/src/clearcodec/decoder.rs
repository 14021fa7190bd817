use tracing::debug;

use super::bands::{self, BarCaches};
use super::glyphs::GlyphStorage;
use super::{
    ClearCodecError, FLAG_CACHE_RESET, FLAG_GLYPH_HIT, FLAG_GLYPH_INDEX, GLYPH_SLOTS,
    MAX_GLYPH_PIXELS, Pixel, residual, subcodecs, take, take_slice, take_u16, take_u32,
};
use crate::nscodec::NsCodecScratch;
use crate::picture::PictureMut;

/// The decoder of a connection.
///
/// Its caches take memory as they fill, and at most [`Self::MAX_CACHE_BYTES`].
#[derive(Clone, Debug)]
pub struct ClearCodecDecoder {
    caches: BarCaches,
    glyphs: GlyphStorage,
    next_sequence: Option<u8>,
    scratch: NsCodecScratch,
}

impl Default for ClearCodecDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl ClearCodecDecoder {
    /// What the caches take once all is full: 32768 and 16384 columns of 52 pixels, and 4000
    /// glyphs of 1024.
    pub const MAX_CACHE_BYTES: usize = 28 << 20;

    /// A decoder with empty caches.
    pub fn new() -> Self {
        Self {
            caches: BarCaches::new(),
            glyphs: GlyphStorage::default(),
            next_sequence: None,
            scratch: NsCodecScratch::default(),
        }
    }

    /// Decodes a `CLEARCODEC_BITMAP_STREAM`, a picture of the size of `target`. What is drawn is
    /// opaque; pixels that no layer covers stay as they are.
    ///
    /// Payloads must come in the order in which the server made them, whatever surface they are
    /// for: each may add to the caches. A gap in the sequence numbers is logged, and not refused,
    /// for the picture may be right all the same. A column that a cache should have and has not is
    /// black.
    ///
    /// # Errors
    /// Where the payload is faulty. What was read before the fault is drawn, and in the caches.
    pub fn decode(
        &mut self,
        payload: &[u8],
        target: &mut PictureMut<'_>,
    ) -> Result<(), ClearCodecError> {
        let mut data = payload;
        let [flags, sequence] = take(&mut data)?;
        if let Some(expected) = self.next_sequence
            && expected != sequence
        {
            debug!(expected, sequence, "ClearCodec pictures are missing");
        }
        self.next_sequence = Some(sequence.wrapping_add(1));
        if flags & FLAG_CACHE_RESET != 0 {
            self.caches.reset_cursors();
        }
        if flags & FLAG_GLYPH_INDEX == 0 {
            if flags & FLAG_GLYPH_HIT != 0 {
                return Err(ClearCodecError::GlyphWithoutIndex);
            }
            return self.draw_layers(data, target);
        }
        let index = take_u16(&mut data)?;
        if usize::from(index) >= GLYPH_SLOTS {
            return Err(ClearCodecError::GlyphIndex(index));
        }
        let size = target.size();
        if size.area() > MAX_GLYPH_PIXELS {
            return Err(ClearCodecError::GlyphTooLarge(size));
        }
        if flags & FLAG_GLYPH_HIT != 0 {
            return draw_glyph(self.glyphs.get(index.into()), index, target);
        }
        self.draw_layers(data, target)?;
        let glyph = self.glyphs.replace(index.into());
        for y in 0..size.height {
            let row = target.row_mut(y).as_chunks().0;
            glyph.extend(row.iter().map(|bytes| Pixel::from_le_bytes(*bytes)));
        }
        Ok(())
    }

    /// Bytes that the caches take now.
    pub fn memory_bytes(&self) -> usize {
        self.caches.bars.memory_bytes()
            + self.caches.short_bars.memory_bytes()
            + self.glyphs.memory_bytes()
    }

    /// Draws the composite payload (`2.2.4.1.1`), which a message that only resets may lack.
    fn draw_layers(
        &mut self,
        mut data: &[u8],
        target: &mut PictureMut<'_>,
    ) -> Result<(), ClearCodecError> {
        if data.is_empty() {
            return Ok(());
        }
        let mut count = || take_u32(&mut data);
        let counts = [count()?, count()?, count()?];
        let mut layer = |index: usize| take_slice(&mut data, counts[index]);
        let (runs, columns, rectangles) = (layer(0)?, layer(1)?, layer(2)?);
        if !runs.is_empty() {
            residual::draw(runs, target)?;
        }
        bands::draw(columns, &mut self.caches, target)?;
        subcodecs::draw(rectangles, target, &mut self.scratch)
    }
}

/// Draws a glyph from the cache. It has no shape of its own, and only as many pixels as it had.
fn draw_glyph(
    glyph: &[Pixel],
    index: u16,
    target: &mut PictureMut<'_>,
) -> Result<(), ClearCodecError> {
    let (size, cached) = (target.size(), glyph.len());
    if size.area() > cached as u64 {
        let due = size.area();
        return Err(ClearCodecError::GlyphMissing { index, cached, due });
    }
    let rows = glyph.chunks_exact(size.width.max(1) as usize);
    for (y, glyph) in (0..size.height).zip(rows) {
        let row = target.row_mut(y).as_chunks_mut().0;
        for (to, from) in row.iter_mut().zip(glyph) {
            *to = from.to_le_bytes();
        }
    }
    Ok(())
}
