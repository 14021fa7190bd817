//! The tiles of a tile set into a picture.

use std::cmp::Reverse;

use crate::{geometry::Rect, picture::PictureMut};

use super::{
    CoefficientTiles, Entropy, TILE_AREA, TILE_SIZE,
    blocks::Tile,
    clip::Clip,
    coefficients::{CoefficientTile, TILE_COEFFICIENTS},
    quant::{Borders, Quant},
    rlgr, sum_deltas,
    tile::TileDecoder,
};
use crate::simd::dispatch;

const SIDE: i32 = TILE_SIZE as i32;

/// Fewer tiles than this are not worth another thread: waking one takes longer than decoding them.
pub(crate) const TILES_FOR_TWO: usize = 8;

/// Where a tile belongs, and where in the payload its data lies. Holds no reference, so that the
/// memory of a list of them serves payload after payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct TilePlan {
    row: u16,
    column: u16,
    /// Which of the tile set's tiles it is.
    order: u16,
    quants: [u8; 3],
    lengths: [u16; 3],
    start: usize,
}

impl TilePlan {
    /// The plan of `tile`, the `order`th of its set, whose data lies in `payload`.
    pub fn new(tile: &Tile<'_>, order: usize, payload: &[u8]) -> Self {
        let start = tile.data[0].as_ptr().addr() - payload.as_ptr().addr();
        Self {
            row: tile.position.1,
            column: tile.position.0,
            order: order as u16,
            quants: tile.quants,
            lengths: tile.data.map(|data| data.len() as u16),
            start,
        }
    }

    /// Its row.
    pub fn row(&self) -> usize {
        self.row.into()
    }

    /// Its 64 by 64 pixels in the picture.
    pub fn place(&self) -> Rect {
        let (left, top) = (i32::from(self.column) * SIDE, i32::from(self.row) * SIDE);
        Rect::new(left, top, left + SIDE, top + SIDE)
    }

    /// The data of luma, blue and red.
    fn data<'a>(&self, payload: &'a [u8]) -> [&'a [u8]; 3] {
        let mut rest = &payload[self.start..];
        self.lengths.map(|length| {
            let (data, behind) = rest.split_at(length.into());
            rest = behind;
            data
        })
    }
}

/// Orders tiles by where they are; of those in one place the last one stays.
pub(super) fn sort(tiles: &mut Vec<TilePlan>) {
    let place = |tile: &TilePlan| (tile.row, tile.column);
    if !tiles.is_sorted_by(|a, b| place(a) < place(b)) {
        tiles.sort_unstable_by_key(|tile| (place(tile), Reverse(tile.order)));
        tiles.dedup_by_key(|tile| place(tile));
    }
}

/// Collects the pieces of a region that tiles cover, and joins those that make a larger rectangle.
#[derive(Debug)]
pub(crate) struct Pieces<'a> {
    all: &'a mut Vec<Rect>,
    /// Those before are not this collector's.
    first: usize,
}

impl<'a> Pieces<'a> {
    /// Collects behind what is in `all` already.
    pub fn new(all: &'a mut Vec<Rect>) -> Self {
        let first = all.len();
        Self { all, first }
    }

    /// Takes a piece; an empty one is none.
    pub fn push(&mut self, piece: Rect) {
        if piece.is_empty() {
            return;
        }
        match self.all[self.first..].last_mut() {
            Some(last)
                if (last.top, last.bottom, last.right) == (piece.top, piece.bottom, piece.left) =>
            {
                last.right = piece.right;
            }
            _ => {
                self.join_rows();
                self.all.push(piece);
            }
        }
    }

    /// Joins the last piece to the one above it.
    fn join_rows(&mut self) {
        if let [.., above, last] = &mut self.all[self.first..]
            && (above.left, above.right, above.bottom) == (last.left, last.right, last.top)
        {
            above.bottom = last.bottom;
            self.all.pop();
        }
    }

    /// Ends the list.
    pub fn finish(mut self) {
        self.join_rows();
    }
}

/// What all tiles of a set have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'a> {
    pub payload: &'a [u8],
    pub entropy: Entropy,
    pub quants: &'a [Quant],
    /// What is painted, inside of the picture.
    pub clip: &'a Clip,
}

impl Job<'_> {
    /// True where something of a tile is painted.
    pub fn shows(&self, tile: &TilePlan) -> bool {
        let place = tile.place();
        let mut rects = self.clip.row(tile.row()).iter();
        rects.any(|rect| !rect.intersect(&place).is_empty())
    }

    /// Decodes tiles, which are [sorted](sort), as far as their coefficients.
    pub fn decode(&self, tiles: &[TilePlan], out: &mut CoefficientTiles) {
        let kinds = tiles.iter().map(|tile| {
            CoefficientTile::quantized((tile.column, tile.row), Borders::Mirror, self.quants(tile))
        });
        self.decode_rows(tiles, out.set_tiles(kinds));
    }

    fn decode_rows(&self, tiles: &[TilePlan], out: &mut [i16]) {
        if tiles.len() >= TILES_FOR_TWO && rayon::current_thread_index().is_some() {
            let middle = tiles.len() / 2;
            let (above, below) = out.split_at_mut(middle * TILE_COEFFICIENTS);
            rayon::join(
                || self.decode_rows(&tiles[..middle], above),
                || self.decode_rows(&tiles[middle..], below),
            );
            return;
        }
        let (components, _) = out.as_chunks_mut::<TILE_AREA>();
        for (tile, components) in tiles.iter().zip(components.chunks_exact_mut(3)) {
            let data = tile.data(self.payload);
            dispatch(
                #[inline(always)]
                || {
                    let [.., (_, ll3)] = Borders::Mirror.bands();
                    for (component, data) in components.iter_mut().zip(data) {
                        rlgr::decode(self.entropy, data, component);
                        sum_deltas(&mut component[ll3.clone()]);
                    }
                },
            );
        }
    }

    fn quants(&self, tile: &TilePlan) -> [&Quant; 3] {
        tile.quants.map(|index| &self.quants[usize::from(index)])
    }

    /// Paints tiles, which are [sorted](sort), into the whole picture.
    pub fn paint(&self, tiles: &[TilePlan], target: &mut PictureMut<'_>) {
        let size = target.size();
        let stride = target.stride_bytes();
        if let Some(target) = PictureMut::new(target.data_mut(), size, stride) {
            self.paint_rows(tiles, target, 0);
        }
    }

    /// Paints tiles into that part of the picture which starts at row `top`.
    fn paint_rows(&self, tiles: &[TilePlan], mut target: PictureMut<'_>, top: u32) {
        if tiles.len() >= TILES_FOR_TWO && rayon::current_thread_index().is_some() {
            // Split where a row of tiles begins, as near to the middle as one does.
            let middle = tiles[tiles.len() / 2].row;
            let mut at = tiles.partition_point(|tile| tile.row < middle);
            if at == 0 {
                at = tiles.partition_point(|tile| tile.row <= middle);
            }
            if let Some(first_below) = tiles.get(at) {
                let row = u32::from(first_below.row) * TILE_SIZE as u32;
                let (above, below) = target.split_at_row(row - top);
                rayon::join(
                    || self.paint_rows(&tiles[..at], above, top),
                    || self.paint_rows(&tiles[at..], below, row),
                );
                return;
            }
        }
        let mut decoder = TileDecoder::new();
        for tile in tiles {
            self.paint_tile(tile, &mut decoder, &mut target, top);
        }
    }

    fn paint_tile(
        &self,
        tile: &TilePlan,
        decoder: &mut TileDecoder,
        target: &mut PictureMut<'_>,
        top: u32,
    ) {
        let place = tile.place();
        let quants = self.quants(tile);
        let data = tile.data(self.payload);
        let mut is_decoded = false;
        for rect in self.clip.row(tile.row()) {
            let piece = rect.intersect(&place);
            if piece.is_empty() {
                continue;
            }
            if !is_decoded {
                decoder.decode(self.entropy, data, quants);
                is_decoded = true;
            }
            let at = (
                (piece.left - place.left) as usize,
                (piece.top - place.top) as usize,
            );
            if let Some(mut target) = target.sub(&piece.translate(0, -(top as i32))) {
                decoder.samples.paint(at, &mut target);
            }
        }
    }
}
