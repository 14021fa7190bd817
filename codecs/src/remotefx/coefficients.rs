//! Tiles between the entropy decoder and pixels: for a graphics device, which takes dequantisation,
//! transform and colours upon itself.
//!
//! What is left to do is a tile's own, so that it can be done in any order and anywhere:
//! [`CoefficientTiles::draw`] does it here, to the same pixels as the decoders draw.

use crate::{geometry::Rect, picture::PictureMut, simd::dispatch};

use super::{
    Component, TILE_AREA, TILE_SIZE,
    painter::TILES_FOR_TWO,
    quant::{Borders, Quant, shift_left},
    tile::TileSamples,
};

const SIDE: i32 = TILE_SIZE as i32;

/// Coefficients of a tile: those of luma, then of blue, then of red.
pub const TILE_COEFFICIENTS: usize = 3 * TILE_AREA;

/// A tile, and what is to be done to its coefficients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoefficientTile {
    /// Its column of tiles.
    pub column: u16,
    /// Its row of tiles.
    pub row: u16,
    /// How the transform treats its borders.
    pub borders: Borders,
    /// By how many bits the coefficients of each band of luma, blue and red go left, band by band;
    /// by 16 and more there is nothing left.
    pub shifts: [[u8; 10]; 3],
}

impl CoefficientTile {
    /// Its 64 by 64 pixels.
    pub fn place(&self) -> Rect {
        let (left, top) = (i32::from(self.column) * SIDE, i32::from(self.row) * SIDE);
        Rect::new(left, top, left + SIDE, top + SIDE)
    }

    /// A tile of that place whose components are still to be dequantised.
    pub(crate) fn quantized(
        (column, row): (u16, u16),
        borders: Borders,
        quants: [&Quant; 3],
    ) -> Self {
        let shifts = |quant: &Quant| {
            let shift = |(band, _)| quant.shift(&Quant::ZERO, band) as u8;
            borders.bands().map(shift)
        };
        Self {
            column,
            row,
            borders,
            shifts: quants.map(shifts),
        }
    }
}

/// The tiles of a picture, in the order of their places, no two in one place. Its memory serves
/// picture after picture.
#[derive(Clone, Debug, Default)]
pub struct CoefficientTiles {
    tiles: Vec<CoefficientTile>,
    /// Never shortened: what lies behind the tiles' is of no meaning.
    coefficients: Vec<i16>,
}

impl CoefficientTiles {
    /// The tiles.
    pub fn tiles(&self) -> &[CoefficientTile] {
        &self.tiles
    }

    /// The coefficients of all tiles, [`TILE_COEFFICIENTS`] each.
    pub fn coefficients(&self) -> &[i16] {
        &self.coefficients[..self.tiles.len() * TILE_COEFFICIENTS]
    }

    /// Bytes that it keeps.
    pub fn kept_bytes(&self) -> usize {
        size_of_val(&self.coefficients[..]) + size_of_val(&self.tiles[..])
    }

    /// The pixels from the first to the last tile of each direction.
    pub fn bounds(&self) -> Rect {
        let places = self.tiles.iter().map(CoefficientTile::place);
        places.fold(Rect::default(), |all, place| all.union(&place))
    }

    /// Takes other tiles, whose coefficients are of any value yet; they must come in the order of
    /// their places.
    pub fn set_tiles(&mut self, tiles: impl Iterator<Item = CoefficientTile>) -> &mut [i16] {
        self.tiles.clear();
        self.tiles.extend(tiles);
        let count = self.tiles.len() * TILE_COEFFICIENTS;
        if self.coefficients.len() < count {
            self.coefficients.resize(count, 0);
        }
        &mut self.coefficients[..count]
    }

    /// Draws the tiles whole into `target`, whose first pixel is the one at the corner of `bounds`,
    /// in parallel on the pool of `rayon` that the caller runs in, if it runs in one. Only the
    /// tiles that lie inside of `bounds` are drawn; their place is a multiple of a tile's side.
    pub fn draw(&self, bounds: &Rect, target: &mut PictureMut<'_>) {
        let rows = (bounds.top / SIDE, bounds.bottom / SIDE);
        let from = |row: i32| self.tiles.partition_point(|tile| i32::from(tile.row) < row);
        let (first, end) = (from(rows.0), from(rows.1));
        let size = target.size();
        let stride_bytes = target.stride_bytes();
        if let Some(target) = PictureMut::new(target.data_mut(), size, stride_bytes) {
            let corner = (bounds.left, bounds.top);
            draw_rows(
                &self.tiles[first..end],
                &self.coefficients()[first * TILE_COEFFICIENTS..],
                corner,
                target,
            );
        }
    }
}

/// Draws tiles into rows of which the first one lies at `top`.
fn draw_rows(
    tiles: &[CoefficientTile],
    coefficients: &[i16],
    (left, top): (i32, i32),
    mut target: PictureMut<'_>,
) {
    if tiles.len() >= TILES_FOR_TWO && rayon::current_thread_index().is_some() {
        let middle = tiles[tiles.len() / 2].row;
        let mut at = tiles.partition_point(|tile| tile.row < middle);
        if at == 0 {
            at = tiles.partition_point(|tile| tile.row <= middle);
        }
        if let Some(first_below) = tiles.get(at) {
            let row = i32::from(first_below.row) * SIDE;
            let (above, below) = target.split_at_row((row - top) as u32);
            let (here, behind) = coefficients.split_at(at * TILE_COEFFICIENTS);
            rayon::join(
                || draw_rows(&tiles[..at], here, (left, top), above),
                || draw_rows(&tiles[at..], behind, (left, row), below),
            );
            return;
        }
    }
    let mut samples = TileSamples::new();
    let mut scratch = [0; TILE_AREA];
    let (components, _) = coefficients.as_chunks::<TILE_AREA>();
    for (tile, components) in tiles.iter().zip(components.chunks_exact(3)) {
        dispatch(
            #[inline(always)]
            || {
                for (i, component) in components.iter().enumerate() {
                    shift_bands(component, tile.borders, &tile.shifts[i], &mut scratch);
                    samples.transform(i, &scratch, tile.borders);
                }
            },
        );
        let part = tile.place().translate(-left, -top);
        let shown = part.intersect(&target.size().to_rect());
        if let Some(mut target) = target.sub(&shown) {
            samples.paint(((shown.left - part.left) as usize, 0), &mut target);
        }
    }
}

/// Shifts the coefficients of each band.
#[inline(always)]
fn shift_bands(coefficients: &Component, borders: Borders, shifts: &[u8; 10], out: &mut Component) {
    for ((_, range), &shift) in borders.bands().into_iter().zip(shifts) {
        let from = &coefficients[range.clone()];
        for (out, value) in out[range].iter_mut().zip(from) {
            *out = shift_left(*value, u32::from(shift).min(i16::BITS));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        geometry::Size,
        picture::Picture,
        remotefx::quant::{Band, dequantize},
    };

    #[test]
    fn shifted_bands_are_the_dequantised_ones() {
        let noise: Component = std::array::from_fn(|i| (i as u32).wrapping_mul(0x9e37_79b9) as i16);
        // From less than is allowed to more than there are bits.
        for (low, high) in [(0, 6), (6, 9), (13, 15)] {
            let quant = Quant::new(low, [high; 3], [low; 3], [high, low, high]);
            for borders in [Borders::Mirror, Borders::ReduceExtrapolate] {
                let tile = CoefficientTile::quantized((0, 0), borders, [&quant; 3]);
                assert_eq!(
                    tile.shifts[2][9],
                    quant.shift(&Quant::ZERO, Band::Ll3) as u8
                );
                let mut wanted = noise;
                dequantize(&mut wanted, borders, &quant, &Quant::ZERO);
                let mut got = [1; TILE_AREA];
                shift_bands(&noise, borders, &tile.shifts[0], &mut got);
                assert_eq!(got, wanted);
            }
        }
        let mut got = [1; TILE_AREA];
        shift_bands(&noise, Borders::Mirror, &[22; 10], &mut got);
        assert_eq!(got, [0; TILE_AREA]);
    }

    #[test]
    fn tiles_are_drawn_where_they_belong_on_one_thread_and_on_several() {
        let places = (0..40u16)
            .filter(|at| at % 3 != 1)
            .map(|at| (2 + at % 5, 1 + at / 5));
        let tiles: Vec<_> = places
            .map(|place| CoefficientTile::quantized(place, Borders::Mirror, [&Quant::default(); 3]))
            .collect();
        let mut all = CoefficientTiles::default();
        let coefficients = all.set_tiles(tiles.iter().copied());
        for (value, tile) in coefficients
            .as_chunks_mut::<TILE_COEFFICIENTS>()
            .0
            .iter_mut()
            .zip(&tiles)
        {
            // The mean luma of a tile tells which it is.
            value[TILE_AREA - 64..TILE_AREA]
                .fill(i16::from(tile.column as u8 * 16 + tile.row as u8));
        }
        let bounds = all.bounds();
        assert_eq!(bounds, Rect::new(128, 64, 448, 576));
        let draw = || {
            let mut out = Picture::filled(Size::new(320, 512), [1, 2, 3, 4]);
            all.draw(&bounds, &mut out.as_mut());
            out
        };
        let one = draw();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(3)
            .build()
            .unwrap();
        assert_eq!(pool.install(draw), one);
        for column in 2..7u16 {
            for row in 1..9u16 {
                let corner =
                    crate::Point::new(i32::from(column - 2) * 64 + 5, i32::from(row - 1) * 64 + 60);
                let is_there = tiles
                    .iter()
                    .any(|tile| (tile.column, tile.row) == (column, row));
                let luma = (128 + i32::from(column) * 16 + i32::from(row)) as u8;
                let wanted = if is_there {
                    [luma, luma, luma, 255]
                } else {
                    [1, 2, 3, 4]
                };
                assert_eq!(one.pixel(corner), wanted, "{column} {row}");
            }
        }
    }
}
