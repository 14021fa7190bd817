//! The tiles of a picture that is encoded.

use crate::{
    geometry::{Rect, Size},
    picture::{BYTES_PER_PIXEL, PictureRef},
};

use super::{
    Component, TILE_AREA, TILE_SIZE, color,
    dwt::{self, ForwardScratch},
    quant::{Borders, Quant, quantize},
};

/// Tiles along both axes, for a picture of `size`.
pub(crate) fn grid(size: Size) -> (u32, u32) {
    let tile = TILE_SIZE as u32;
    (size.width.div_ceil(tile), size.height.div_ceil(tile))
}

/// Lists the tiles that rectangles touch, row by row, each once: column and row.
#[derive(Debug, Default)]
pub(crate) struct TileList {
    is_touched: Vec<bool>,
    tiles: Vec<(u16, u16)>,
}

impl TileList {
    /// The tiles of a picture of `size` that `rects` touch.
    pub fn collect(&mut self, size: Size, rects: &[Rect]) -> &[(u16, u16)] {
        let (columns, rows) = grid(size);
        self.is_touched.clear();
        self.is_touched
            .resize(columns as usize * rows as usize, false);
        for rect in rects {
            let rect = rect.intersect(&size.to_rect());
            if rect.is_empty() {
                continue;
            }
            let tile = TILE_SIZE as i32;
            let (first, last) = (rect.left / tile, (rect.right - 1) / tile);
            for row in rect.top / tile..=(rect.bottom - 1) / tile {
                let start = row as usize * columns as usize;
                self.is_touched[start + first as usize..=start + last as usize].fill(true);
            }
        }
        self.tiles.clear();
        let all = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
        let touched = all
            .zip(&self.is_touched)
            .filter(|(_, is_touched)| **is_touched);
        self.tiles
            .extend(touched.map(|((column, row), _)| (column as u16, row as u16)));
        &self.tiles
    }
}

/// Memory that tiles are transformed in.
#[derive(Debug)]
pub(crate) struct TileSource {
    /// Of luma, blue and red.
    pub components: [Component; 3],
    dwt: ForwardScratch,
}

impl TileSource {
    pub fn new() -> Self {
        Self {
            components: [[0; TILE_AREA]; 3],
            dwt: ForwardScratch::default(),
        }
    }

    /// Leaves the quantised coefficients of a tile of `picture` in `components`.
    pub fn load(
        &mut self,
        picture: &PictureRef<'_>,
        (column, row): (u16, u16),
        borders: Borders,
        quants: &[Quant; 3],
    ) {
        self.load_samples(picture, column, row);
        for (component, quant) in self.components.iter_mut().zip(quants) {
            dwt::forward(component, borders, &mut self.dwt);
            quantize(component, borders, quant);
        }
    }

    /// Pixels outside of the picture are those on its border, over and over.
    fn load_samples(&mut self, picture: &PictureRef<'_>, column: u16, row: u16) {
        let size = picture.size();
        let first = usize::from(column) * TILE_SIZE * BYTES_PER_PIXEL;
        let top = u32::from(row) * TILE_SIZE as u32;
        let mut line = [0; TILE_SIZE * BYTES_PER_PIXEL];
        let [y, cb, cr] = &mut self.components;
        let rows = y
            .as_chunks_mut::<TILE_SIZE>()
            .0
            .iter_mut()
            .zip(cb.as_chunks_mut::<TILE_SIZE>().0)
            .zip(cr.as_chunks_mut::<TILE_SIZE>().0);
        for (at, ((y, cb), cr)) in (top..).zip(rows) {
            let pixels = &picture.row(at.min(size.height - 1))[first..];
            let pixels = match pixels.first_chunk() {
                Some(whole) => whole,
                None => {
                    line[..pixels.len()].copy_from_slice(pixels);
                    let (inside, outside) = line.split_at_mut(pixels.len());
                    let last = &inside[inside.len() - BYTES_PER_PIXEL..];
                    for pixel in outside.chunks_exact_mut(BYTES_PER_PIXEL) {
                        pixel.copy_from_slice(last);
                    }
                    &line
                }
            };
            color::bgra_to_ycbcr(pixels, y, cb, cr);
        }
    }
}
