//! RemoteFX Progressive, encoding (`[MS-RDPEGFX] 3.2.8.1`).

use crate::{
    geometry::{Point, Rect, Size},
    picture::PictureRef,
    remotefx::{
        TILE_SIZE,
        fields::write_block,
        quant::{Borders, Quant},
        tile_source::{TileList, TileSource, grid},
    },
};

use super::{
    blocks::{
        CONTEXT, FRAME_BEGIN, FRAME_END, FULL_QUALITY, REDUCE_EXTRAPOLATE, REGION, SUBBAND_DIFFING,
        SYNC, TILE_DIFFERENCE, TILE_FIRST, TILE_SIMPLE, TILE_UPGRADE,
    },
    encoded_tile::{EncodedTile, FirstPass},
};

/// A quality that a tile passes on its way to the full one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QualityStep {
    /// What it is told as, in percent.
    pub quality: u8,
    /// Bits that are left out of each band of luma, blue and red: 8 at most.
    pub quants: [Quant; 3],
}

impl QualityStep {
    const fn new(quality: u8, luma: Quant, chroma: Quant) -> Self {
        Self {
            quality,
            quants: [luma, chroma, chroma],
        }
    }
}

/// What a [`ProgressiveEncoder`] does.
#[derive(Clone, Debug)]
pub struct ProgressiveEncoderOptions {
    /// Quantisation of luma, blue and red.
    pub quants: [Quant; 3],
    /// How the borders of tiles are treated.
    pub borders: Borders,
    /// Send the difference to what the decoder holds where that is shorter.
    pub is_differencing: bool,
    /// Qualities from the roughest on; the full one comes behind them and is not told here. In no
    /// band may a later one leave out more bits.
    pub steps: Vec<QualityStep>,
}

impl Default for ProgressiveEncoderOptions {
    /// Two rough passes, differencing, and borders that do not show.
    fn default() -> Self {
        Self {
            quants: [Quant::default(); 3],
            borders: Borders::ReduceExtrapolate,
            is_differencing: true,
            steps: vec![
                QualityStep::new(
                    25,
                    Quant::new(1, [2, 2, 3], [3, 3, 4], [4, 4, 5]),
                    Quant::new(1, [2, 2, 3], [4, 4, 5], [5, 5, 6]),
                ),
                QualityStep::new(
                    60,
                    Quant::new(0, [1, 1, 1], [1, 1, 2], [2, 2, 2]),
                    Quant::new(0, [1, 1, 1], [2, 2, 2], [3, 3, 3]),
                ),
            ],
        }
    }
}

/// How tiles are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// At full quality at once.
    Whole,
    /// As the roughest step; [`ProgressiveEncoder::upgrade`] sends what is left.
    First,
}

/// Encodes the pictures of one surface in one codec context.
///
/// # Memory
/// 60 KiB for each tile that was ever sent.
#[derive(Debug)]
pub struct ProgressiveEncoder {
    size: Size,
    options: ProgressiveEncoderOptions,
    /// Row by row.
    tiles: Vec<Option<Box<EncodedTile>>>,
    is_begun: bool,
    frame_index: u32,
    list: TileList,
    scratch: Box<TileSource>,
    raw: Vec<u8>,
}

/// `numRects` and `numTiles` have 16 bits.
const MAX_COUNT: usize = u16::MAX as usize;
/// What a step may leave out of a band (2.2.4.2.1.5.2).
const MAX_LEFT_OUT: u8 = 8;

impl ProgressiveEncoder {
    /// An encoder that has sent nothing yet, for a surface of `size` pixels. Factors of
    /// quantisation below 6 become 6.
    ///
    /// # Panics
    /// If a step leaves out more bits of a band than 8 or than the step before it, or if there are
    /// more than 254.
    pub fn new(size: Size, options: ProgressiveEncoderOptions) -> Self {
        let steps = &options.steps;
        assert!(
            steps.len() < usize::from(FULL_QUALITY),
            "{} steps",
            steps.len()
        );
        let all = steps.iter().map(|step| step.quants);
        let before = std::iter::once([Quant::uniform(MAX_LEFT_OUT); 3]).chain(all.clone());
        for (before, now) in before.zip(all) {
            let is_finer = before
                .iter()
                .zip(&now)
                .all(|(before, now)| now.is_within(before));
            assert!(is_finer, "{now:?} leaves out more than {before:?}");
        }
        let (columns, rows) = grid(size);
        let mut tiles = Vec::new();
        tiles.resize_with(columns as usize * rows as usize, || None);
        Self {
            size,
            options: ProgressiveEncoderOptions {
                quants: options.quants.map(|quant| quant.at_least(6)),
                ..options
            },
            tiles,
            is_begun: false,
            frame_index: 0,
            list: TileList::default(),
            scratch: Box::new(TileSource::new()),
            raw: Vec::new(),
        }
    }

    /// Appends a payload to `out` that draws what `rects` show of `picture`; nothing where they
    /// show none of it.
    ///
    /// # Panics
    /// If the picture has not the size of the surface.
    pub fn encode(
        &mut self,
        picture: &PictureRef<'_>,
        rects: &[Rect],
        pass: Pass,
        out: &mut Vec<u8>,
    ) {
        assert_eq!(picture.size(), self.size, "the picture of another surface");
        let whole = [self.size.to_rect()];
        // More rectangles than can be told are as good as the whole picture.
        let rects = if rects.len() > MAX_COUNT {
            &whole
        } else {
            rects
        };
        let mut list = std::mem::take(&mut self.list);
        for tiles in list.collect(self.size, rects).chunks(MAX_COUNT) {
            self.write_frame(rects, tiles, out, |encoder, tile, out| {
                encoder.write_first(picture, tile, pass, out);
            });
        }
        self.list = list;
    }

    /// Tiles that are not at full quality.
    pub fn unfinished(&self) -> usize {
        self.tiles
            .iter()
            .flatten()
            .filter(|tile| tile.step().is_some())
            .count()
    }

    /// Appends a payload to `out` that brings every tile in `rects` which is not at full quality to
    /// its next step; nothing where there is none.
    pub fn upgrade(&mut self, rects: &[Rect], out: &mut Vec<u8>) {
        let mut list = std::mem::take(&mut self.list);
        let (columns, _) = grid(self.size);
        let mut tiles = list.collect(self.size, rects).to_vec();
        tiles.retain(|&(column, row)| {
            let tile = &self.tiles[usize::from(row) * columns as usize + usize::from(column)];
            tile.as_ref().is_some_and(|tile| tile.step().is_some())
        });
        for tiles in tiles.chunks(MAX_COUNT) {
            let side = TILE_SIZE as i32;
            let rects: Vec<Rect> = tiles
                .iter()
                .map(|&(column, row)| {
                    let origin = Point::new(i32::from(column) * side, i32::from(row) * side);
                    Rect::at(origin, Size::new(TILE_SIZE as u32, TILE_SIZE as u32))
                })
                .collect();
            self.write_frame(&rects, tiles, out, Self::write_upgrade);
        }
        self.list = list;
    }

    fn tile_index(&self, (column, row): (u16, u16)) -> usize {
        usize::from(row) * grid(self.size).0 as usize + usize::from(column)
    }

    /// The tables of a step; those of the full quality behind the last.
    fn step_quants(&self, step: usize) -> [Quant; 3] {
        let step = self.options.steps.get(step);
        step.map_or([Quant::ZERO; 3], |step| step.quants)
    }

    fn write_frame(
        &mut self,
        rects: &[Rect],
        tiles: &[(u16, u16)],
        out: &mut Vec<u8>,
        write_tile: impl Fn(&mut Self, (u16, u16), &mut Vec<u8>),
    ) {
        if !self.is_begun {
            self.is_begun = true;
            write_block(SYNC, out, |out| {
                out.extend(0xcacc_acca_u32.to_le_bytes());
                out.extend(0x0100_u16.to_le_bytes());
            });
            write_block(CONTEXT, out, |out| {
                out.push(0);
                out.extend((TILE_SIZE as u16).to_le_bytes());
                out.push(u8::from(self.options.is_differencing) * SUBBAND_DIFFING);
            });
        }
        write_block(FRAME_BEGIN, out, |out| {
            out.extend(self.frame_index.to_le_bytes());
            out.extend(1u16.to_le_bytes());
        });
        self.frame_index = self.frame_index.wrapping_add(1);
        write_block(REGION, out, |out| {
            let bounds = self.size.to_rect();
            let rects = rects.iter().map(|rect| rect.intersect(&bounds));
            let rects = rects.filter(|rect| !rect.is_empty());
            let quants = self.options.quants;
            out.push(TILE_SIZE as u8);
            out.extend((rects.clone().count() as u16).to_le_bytes());
            out.extend([quants.len() as u8, self.options.steps.len() as u8]);
            out.push(match self.options.borders {
                Borders::Mirror => 0,
                Borders::ReduceExtrapolate => REDUCE_EXTRAPOLATE,
            });
            out.extend((tiles.len() as u16).to_le_bytes());
            let length_at = out.len();
            out.extend([0; 4]);
            for rect in rects {
                out.extend((rect.left as u16).to_le_bytes());
                out.extend((rect.top as u16).to_le_bytes());
                out.extend((rect.width() as u16).to_le_bytes());
                out.extend((rect.height() as u16).to_le_bytes());
            }
            for quant in quants {
                out.extend(quant.to_progressive());
            }
            for step in &self.options.steps {
                out.push(step.quality);
                for quant in step.quants {
                    out.extend(quant.to_progressive());
                }
            }
            let start = out.len();
            for &tile in tiles {
                write_tile(self, tile, out);
            }
            let length = (out.len() - start) as u32;
            out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        });
        write_block(FRAME_END, out, |_| {});
    }

    fn write_first(
        &mut self,
        picture: &PictureRef<'_>,
        tile: (u16, u16),
        pass: Pass,
        out: &mut Vec<u8>,
    ) {
        let (borders, quants) = (self.options.borders, self.options.quants);
        self.scratch.load(picture, tile, borders, &quants);
        let source = &self.scratch.components;
        let index = self.tile_index(tile);
        let is_known = self.tiles[index].is_some();
        let steps = &self.options.steps;
        let step = match (pass, steps.first()) {
            (Pass::First, Some(step)) => Some((0, &step.quants)),
            _ => None,
        };
        let encoded = self.tiles[index].get_or_insert_with(|| Box::new(EncodedTile::new()));
        let first_pass = FirstPass {
            is_difference: self.options.is_differencing
                && is_known
                && encoded.is_better_as_difference(source, borders),
        };
        let kind = if step.is_some() {
            TILE_FIRST
        } else {
            TILE_SIMPLE
        };
        write_block(kind, out, |out| {
            write_tile_header(tile, out);
            out.push(u8::from(first_pass.is_difference) * TILE_DIFFERENCE);
            if let Some((index, _)) = step {
                out.push(index as u8);
            }
            let lengths_at = out.len();
            // Three lengths, and that of a tail, which there is none of.
            out.extend([0; 8]);
            let lengths = encoded.first_pass(source, first_pass, step, borders, out);
            for (i, length) in lengths.into_iter().enumerate() {
                out[lengths_at + 2 * i..][..2].copy_from_slice(&length.to_le_bytes());
            }
        });
    }

    fn write_upgrade(&mut self, tile: (u16, u16), out: &mut Vec<u8>) {
        let index = self.tile_index(tile);
        let Some(step) = self.tiles[index].as_ref().and_then(|tile| tile.step()) else {
            return;
        };
        let (before, now) = (self.step_quants(step), self.step_quants(step + 1));
        let next = (step + 1 < self.options.steps.len()).then_some(step + 1);
        let Some(encoded) = &mut self.tiles[index] else {
            return;
        };
        write_block(TILE_UPGRADE, out, |out| {
            write_tile_header(tile, out);
            out.push(next.map_or(FULL_QUALITY, |step| step as u8));
            let lengths_at = out.len();
            out.extend([0; 12]);
            let borders = self.options.borders;
            let lengths = encoded.upgrade_pass(&before, (next, &now), borders, &mut self.raw, out);
            for (i, (srl, raw)) in lengths.into_iter().enumerate() {
                out[lengths_at + 4 * i..][..2].copy_from_slice(&srl.to_le_bytes());
                out[lengths_at + 4 * i + 2..][..2].copy_from_slice(&raw.to_le_bytes());
            }
        });
    }
}

/// Indices of the tables of luma, blue and red, and the place.
fn write_tile_header((column, row): (u16, u16), out: &mut Vec<u8>) {
    out.extend([0, 1, 2]);
    out.extend(column.to_le_bytes());
    out.extend(row.to_le_bytes());
}
