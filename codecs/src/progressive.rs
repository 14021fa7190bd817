//! RemoteFX Progressive, decoding (`[MS-RDPEGFX] 2.2.4.2`, `3.3.8.2`).
//!
//! A tile comes whole, or as a rough first pass that later passes refine. What a tile was made of
//! is kept, so that a pass can add to it: the dequantised coefficients, and, while a tile is not
//! finished, the sign of each.
//!
//! ```text
//!  payload ─▶ blocks ─▶ region ─▶ simple, first ── rlgr ──┐
//!                          │      upgrade ── srl, raw ────┴▶ tile's coefficients ─▶ dwt ─▶ BGRA
//!                          └─▶ rectangles: what of the tiles is drawn
//! ```
//!
//! One [`ProgressiveDecoder`] is one codec context of one surface (`RDPGFX_WIRE_TO_SURFACE_PDU_2`,
//! `codecContextId`); it is dropped by `RDPGFX_DELETE_ENCODING_CONTEXT_PDU`, with the surface, and
//! by a reset.
//!
//! Memory: 36 KiB for each tile of the surface that was ever drawn, and nothing that grows with the
//! payload.

mod blocks;
mod srl;
mod tile;

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{
    geometry::{Rect, Size},
    remotefx::{
        TILE_BYTES, TILE_SIZE, TILE_STRIDE_BYTES,
        fields::{BlockError, Truncated},
    },
};
use blocks::{Block, Region, TileBlock};
use tile::{Scratch, Tile};

/// A payload that cannot be decoded. The pictures of tiles that came before it in the payload may
/// have changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProgressiveError {
    /// The data ends inside a block.
    #[error("progressive: the data ends inside {0}")]
    Truncated(&'static str),
    /// A field holds a value that makes the rest unreadable.
    #[error("progressive: invalid {field} {value}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A tile that is not there, or not in the state for it, is refined.
    #[error("progressive: tile ({column}, {row}) is upgraded without a first pass")]
    NoFirstPass {
        /// Column of the tile.
        column: u16,
        /// Row of the tile.
        row: u16,
    },
}

impl From<Truncated> for ProgressiveError {
    fn from(Truncated(what): Truncated) -> Self {
        Self::Truncated(what)
    }
}

impl From<BlockError> for ProgressiveError {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Truncated(truncated) => truncated.into(),
            BlockError::Length(length) => Self::Invalid {
                field: "block length",
                value: length.into(),
            },
        }
    }
}

/// The pixels of a rectangle that changed.
#[derive(Debug)]
pub struct DrawnTile<'a> {
    /// Where on the surface; inside one tile and inside the surface.
    pub rect: Rect,
    /// BGRA from the rectangle's first pixel on, rows [`TILE_STRIDE_BYTES`] apart.
    pub pixels: &'a [u8],
}

/// One codec context of a surface.
#[derive(Debug)]
pub struct ProgressiveDecoder {
    size: Size,
    tiles: BTreeMap<(u16, u16), Box<Tile>>,
    scratch: Scratch,
    pixels: Box<[u8; TILE_BYTES]>,
}

impl ProgressiveDecoder {
    /// A context without a tile, for a surface of `size` pixels.
    pub fn new(size: Size) -> Self {
        Self {
            size,
            tiles: BTreeMap::new(),
            scratch: Scratch::default(),
            pixels: Box::new([0; TILE_BYTES]),
        }
    }

    /// Decodes a payload (`RFX_PROGRESSIVE_BITMAP_STREAM`), and hands every piece of the surface
    /// that it draws to `draw`: each rectangle of each region, cut at the borders of tiles.
    ///
    /// # Errors
    /// [`ProgressiveError`] at the first block that cannot be decoded; what was drawn before stays.
    pub fn decode(
        &mut self,
        payload: &[u8],
        mut draw: impl FnMut(DrawnTile<'_>),
    ) -> Result<(), ProgressiveError> {
        // A region may draw tiles that came with a region before it in the same frame.
        let mut is_in_frame = false;
        for block in blocks::read(payload) {
            match block? {
                Block::FrameBegin => is_in_frame = true,
                Block::FrameEnd => is_in_frame = false,
                Block::Region(region) if is_in_frame => self.region(&region, &mut draw)?,
                Block::Region(_) | Block::Other => {}
            }
        }
        Ok(())
    }

    fn region(
        &mut self,
        region: &Region<'_>,
        draw: &mut impl FnMut(DrawnTile<'_>),
    ) -> Result<(), ProgressiveError> {
        let last_column = self.size.width.div_ceil(TILE_SIZE as u32);
        let last_row = self.size.height.div_ceil(TILE_SIZE as u32);
        for block in region.tiles() {
            let block = block?;
            let (column, row) = block.position();
            // Bounds the memory that a peer can make this context take.
            if u32::from(column) >= last_column || u32::from(row) >= last_row {
                return Err(ProgressiveError::Invalid {
                    field: "tile position",
                    value: u64::from(column) << 16 | u64::from(row),
                });
            }
            match block {
                TileBlock::Whole(whole) => {
                    let tile = self.tiles.entry((column, row)).or_default();
                    tile.first_pass(&whole, region, &mut self.scratch)?;
                }
                TileBlock::Upgrade(upgrade) => {
                    let missing = ProgressiveError::NoFirstPass { column, row };
                    let tile = self.tiles.get_mut(&(column, row)).ok_or(missing.clone())?;
                    if !tile.upgrade_pass(&upgrade, region)? {
                        return Err(missing);
                    }
                }
            }
        }
        self.draw_region(region, draw);
        Ok(())
    }

    /// Draws what the region's rectangles show of tiles, each tile once.
    fn draw_region(&mut self, region: &Region<'_>, draw: &mut impl FnMut(DrawnTile<'_>)) {
        let surface = self.size.to_rect();
        for (&(column, row), tile) in &mut self.tiles {
            let (left, top) = (i32::from(column) * TILE, i32::from(row) * TILE);
            let place = Rect::new(left, top, left + TILE, top + TILE).intersect(&surface);
            let mut is_painted = false;
            for rect in region.rects() {
                let rect = rect.intersect(&place);
                if rect.is_empty() {
                    continue;
                }
                if !is_painted {
                    tile.paint(region.borders, &mut self.scratch, &mut self.pixels);
                    is_painted = true;
                }
                let first = (rect.top - top) as usize * TILE_STRIDE_BYTES
                    + (rect.left - left) as usize * crate::picture::BYTES_PER_PIXEL;
                draw(DrawnTile {
                    rect,
                    pixels: &self.pixels[first..],
                });
            }
        }
    }
}

const TILE: i32 = TILE_SIZE as i32;
