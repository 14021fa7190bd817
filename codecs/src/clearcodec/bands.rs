//! The second layer read: bands of columns (`[MS-RDPEGFX] 2.2.4.1.1.2`).

use super::bars::{BarStorage, Column};
use super::{
    BAR_SLOTS, ClearCodecError, MAX_BAND_HEIGHT, Pixel, SHORT_BAR_SLOTS, pixel, take, take_slice,
    take_u16,
};
use crate::picture::{BYTES_PER_PIXEL, PictureMut};

/// Columns that are drawn at once, row by row: those of one line of a processor's cache.
const GROUP: usize = 16;

/// Both caches of columns.
#[derive(Clone, Debug)]
pub struct BarCaches {
    pub bars: BarStorage,
    pub short_bars: BarStorage,
}

impl BarCaches {
    /// Both empty.
    pub fn new() -> Self {
        Self {
            bars: BarStorage::new(BAR_SLOTS),
            short_bars: BarStorage::new(SHORT_BAR_SLOTS),
        }
    }

    /// What `CLEARCODEC_FLAG_CACHE_RESET` does.
    pub fn reset_cursors(&mut self) {
        self.bars.reset_cursor();
        self.short_bars.reset_cursor();
    }
}

/// Where a band lies; the last row and column belong to it (`2.2.4.1.1.2.1`).
struct Band {
    left: u16,
    right: u16,
    top: u16,
    bottom: u16,
    background: Pixel,
}

impl Band {
    fn decode(data: &mut &[u8]) -> Result<Self, ClearCodecError> {
        let (left, right) = (take_u16(data)?, take_u16(data)?);
        let (top, bottom) = (take_u16(data)?, take_u16(data)?);
        let background = pixel(take(data)?);
        if right < left || bottom < top || usize::from(bottom - top) >= MAX_BAND_HEIGHT {
            return Err(ClearCodecError::Band {
                top,
                bottom,
                left,
                right,
            });
        }
        Ok(Self {
            left,
            right,
            top,
            bottom,
            background,
        })
    }
}

/// Draws all bands. What lies outside `target` is left out, and goes into the caches like the rest.
pub fn draw(
    mut data: &[u8],
    caches: &mut BarCaches,
    target: &mut PictureMut<'_>,
) -> Result<(), ClearCodecError> {
    while !data.is_empty() {
        let band = Band::decode(&mut data)?;
        let height = usize::from(band.bottom - band.top) + 1;
        let mut group = Group {
            slots: [0; GROUP],
            count: 0,
            left: usize::from(band.left),
            top: u32::from(band.top),
            height,
        };
        for _ in band.left..=band.right {
            let header = take_u16(&mut data)?;
            let slot = if header & 0x8000 != 0 {
                let slot = usize::from(header & 0x7FFF);
                if caches.bars.height(slot) < height {
                    caches.bars.extend_to(slot, height);
                }
                slot
            } else {
                let slot = caches.bars.cursor();
                if group.has(slot) {
                    group.draw(&caches.bars, target);
                }
                new_bar(header, height, band.background, &mut data, caches)?;
                slot
            };
            group.slots[group.count] = slot as u16;
            group.count += 1;
            if group.count == GROUP {
                group.draw(&caches.bars, target);
            }
        }
        group.draw(&caches.bars, target);
    }
    Ok(())
}

/// Reads a column that the first cache has not, and puts it there.
fn new_bar(
    header: u16,
    height: usize,
    background: Pixel,
    data: &mut &[u8],
    caches: &mut BarCaches,
) -> Result<(), ClearCodecError> {
    let short;
    let on;
    if header & 0x4000 != 0 {
        [on] = take(data)?;
        short = caches.short_bars.get(usize::from(header & 0x3FFF));
    } else {
        let off = (header >> 8) as u8 & 0x3F;
        on = header as u8;
        if off < on || usize::from(off - on) > MAX_BAND_HEIGHT {
            return Err(ClearCodecError::ShortBar { on, off });
        }
        let count = off - on;
        let pixels = take_slice(data, u32::from(count) * 3)?;
        let count = usize::from(count);
        let bar = caches.short_bars.advance(count);
        for (to, from) in bar.iter_mut().zip(pixels.as_chunks().0) {
            *to = pixel(*from);
        }
        short = &bar[..count];
    }
    caches.bars.push(height, background, on.into(), short);
    Ok(())
}

/// Columns side by side that wait to be drawn.
struct Group {
    slots: [u16; GROUP],
    count: usize,
    /// Where the first belongs.
    left: usize,
    top: u32,
    height: usize,
}

impl Group {
    /// Whether a column waits that is in `slot`.
    fn has(&self, slot: usize) -> bool {
        self.slots[..self.count].contains(&(slot as u16))
    }

    fn draw(&mut self, bars: &BarStorage, target: &mut PictureMut<'_>) {
        let count = std::mem::take(&mut self.count);
        let left = self.left;
        self.left += count;
        let size = target.size();
        let shown = (size.width as usize).saturating_sub(left).min(count);
        let rows = size.height.saturating_sub(self.top).min(self.height as u32);
        if shown == 0 || rows == 0 {
            return;
        }
        let columns: [&Column; GROUP] =
            std::array::from_fn(|at| bars.column(self.slots[at].into()));
        let stride_bytes = target.stride_bytes();
        let start = self.top as usize * stride_bytes + left * BYTES_PER_PIXEL;
        let mut rest = &mut target.data_mut()[start..];
        for y in 0..MAX_BAND_HEIGHT.min(rows as usize) {
            let row = rest.as_chunks_mut::<BYTES_PER_PIXEL>().0;
            if let (Some(row), GROUP) = (row.first_chunk_mut::<GROUP>(), shown) {
                for (pixel, column) in row.iter_mut().zip(&columns) {
                    *pixel = column[y].to_le_bytes();
                }
            } else {
                for (pixel, column) in row[..shown].iter_mut().zip(&columns) {
                    *pixel = column[y].to_le_bytes();
                }
            }
            rest = std::mem::take(&mut rest)
                .get_mut(stride_bytes..)
                .unwrap_or_default();
        }
    }
}
