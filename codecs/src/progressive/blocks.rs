//! The blocks that a payload is made of (`[MS-RDPEGFX] 2.2.4.2.1`).

use crate::{
    geometry::{Point, Rect, Size},
    remotefx::{
        fields::{self, Fields},
        quant::{Borders, Quant},
    },
};

use super::ProgressiveError;

pub(super) const SYNC: u16 = 0xccc0;
pub(super) const FRAME_BEGIN: u16 = 0xccc1;
pub(super) const FRAME_END: u16 = 0xccc2;
pub(super) const CONTEXT: u16 = 0xccc3;
pub(super) const REGION: u16 = 0xccc4;
pub(super) const TILE_SIMPLE: u16 = 0xccc5;
pub(super) const TILE_FIRST: u16 = 0xccc6;
pub(super) const TILE_UPGRADE: u16 = 0xccc7;

/// `RFX_DWT_REDUCE_EXTRAPOLATE`.
pub(super) const REDUCE_EXTRAPOLATE: u8 = 0x01;
/// `RFX_SUBBAND_DIFFING`.
pub(super) const SUBBAND_DIFFING: u8 = 0x01;
/// `RFX_TILE_DIFFERENCE`.
pub(super) const TILE_DIFFERENCE: u8 = 0x01;
/// A `progressiveQuality` that adds nothing: the tile is whole.
pub(super) const FULL_QUALITY: u8 = 0xff;
const RECT_BYTES: usize = 8;
const QUANT_BYTES: usize = 5;
/// `quality`, then three tables.
const PROGRESSIVE_QUANT_BYTES: usize = 1 + 3 * QUANT_BYTES;

/// A block of a payload.
#[derive(Debug)]
pub(super) enum Block<'a> {
    FrameBegin,
    FrameEnd,
    Region(Region<'a>),
    /// Synchronisation and context, which carry nothing that decoding needs, and types not known.
    Other,
}

/// Reads the blocks of a payload; ends at the first one that cannot be read.
pub(super) fn read(payload: &[u8]) -> impl Iterator<Item = Result<Block<'_>, ProgressiveError>> {
    fields::blocks(payload).map(|frame| {
        let (kind, body) = frame?;
        Ok(match kind {
            FRAME_BEGIN => Block::FrameBegin,
            FRAME_END => Block::FrameEnd,
            REGION => Block::Region(Region::read(body)?),
            _ => Block::Other,
        })
    })
}

/// The three tables that a progressive pass adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProgressiveQuant {
    /// For luma, blue and red.
    pub components: [Quant; 3],
}

impl ProgressiveQuant {
    /// Nothing: the pass is the last one.
    pub const FULL: ProgressiveQuant = ProgressiveQuant {
        components: [Quant::ZERO; 3],
    };
}

/// `RFX_PROGRESSIVE_REGION`, 2.2.4.2.1.5.
#[derive(Debug)]
pub(super) struct Region<'a> {
    pub borders: Borders,
    rects: &'a [u8],
    quants: &'a [u8],
    progressive_quants: &'a [u8],
    /// Blocks of tiles.
    pub tiles: &'a [u8],
}

impl<'a> Region<'a> {
    fn read(body: &'a [u8]) -> Result<Self, ProgressiveError> {
        let mut fields = Fields::new(body, "a region");
        let tile_size = fields.u8()?;
        if tile_size != 64 {
            return Err(ProgressiveError::Invalid {
                field: "tile size",
                value: tile_size.into(),
            });
        }
        let rect_count = fields.u16()?;
        let quant_count = fields.u8()?;
        let progressive_quant_count = fields.u8()?;
        let flags = fields.u8()?;
        let _tile_count = fields.u16()?;
        let tile_bytes = u32::from(fields.u16()?) | u32::from(fields.u16()?) << 16;
        Ok(Self {
            borders: if flags & REDUCE_EXTRAPOLATE != 0 {
                Borders::ReduceExtrapolate
            } else {
                Borders::Mirror
            },
            rects: fields.take(usize::from(rect_count) * RECT_BYTES)?,
            quants: fields.take(usize::from(quant_count) * QUANT_BYTES)?,
            progressive_quants: fields
                .take(usize::from(progressive_quant_count) * PROGRESSIVE_QUANT_BYTES)?,
            tiles: fields.take(tile_bytes as usize)?,
        })
    }

    /// The rectangles that are drawn.
    pub fn rects(&self) -> impl Iterator<Item = Rect> {
        self.rects.chunks_exact(RECT_BYTES).map(|rect| {
            let field = |at: usize| u16::from_le_bytes([rect[at], rect[at + 1]]);
            let origin = Point::new(field(0).into(), field(2).into());
            Rect::at(origin, Size::new(field(4).into(), field(6).into()))
        })
    }

    /// The blocks of its tiles: type, where in [`Self::tiles`] what follows the header begins, and
    /// that itself.
    pub fn tile_frames(
        &self,
    ) -> impl Iterator<Item = Result<(u16, usize, &'a [u8]), ProgressiveError>> {
        let mut at = 0;
        fields::blocks(self.tiles).map(move |block| {
            let (kind, body) = block?;
            let start = at + fields::BLOCK_HEADER_BYTES;
            at = start + body.len();
            Ok((kind, start, body))
        })
    }

    /// A quantisation table.
    pub fn quant(&self, index: u8) -> Result<Quant, ProgressiveError> {
        let at = usize::from(index) * QUANT_BYTES;
        self.quants
            .get(at..)
            .and_then(<[u8]>::first_chunk)
            .map(|bytes| Quant::from_progressive(*bytes))
            .ok_or(ProgressiveError::Invalid {
                field: "quantisation index",
                value: index.into(),
            })
    }

    /// The tables of a progressive pass.
    pub fn progressive_quant(&self, index: u8) -> Result<ProgressiveQuant, ProgressiveError> {
        if index == FULL_QUALITY {
            return Ok(ProgressiveQuant::FULL);
        }
        let at = usize::from(index) * PROGRESSIVE_QUANT_BYTES;
        let table = self
            .progressive_quants
            .get(at..at + PROGRESSIVE_QUANT_BYTES)
            .ok_or(ProgressiveError::Invalid {
                field: "progressive quality",
                value: index.into(),
            })?;
        let component = |i: usize| {
            let bytes = std::array::from_fn(|byte| table[1 + i * QUANT_BYTES + byte]);
            Quant::from_progressive(bytes)
        };
        Ok(ProgressiveQuant {
            components: [component(0), component(1), component(2)],
        })
    }
}

/// A tile of a region.
#[derive(Debug)]
pub(super) enum TileBlock<'a> {
    /// `RFX_PROGRESSIVE_TILE_SIMPLE` or `RFX_PROGRESSIVE_TILE_FIRST`.
    Whole(WholeTile<'a>),
    /// `RFX_PROGRESSIVE_TILE_UPGRADE`.
    Upgrade(UpgradeTile<'a>),
}

/// A tile's first or only pass; three of a kind are luma, blue and red.
#[derive(Debug)]
pub(super) struct WholeTile<'a> {
    quants: [u8; 3],
    position: (u16, u16),
    /// Adds to what the tile holds.
    pub is_difference: bool,
    /// Index of its progressive tables.
    pub quality: u8,
    /// RLGR1 streams.
    pub data: [&'a [u8]; 3],
}

/// A tile's later pass.
#[derive(Debug)]
pub(super) struct UpgradeTile<'a> {
    quants: [u8; 3],
    position: (u16, u16),
    /// Index of its progressive tables.
    pub quality: u8,
    /// SRL stream and raw stream of each component.
    pub data: [(&'a [u8], &'a [u8]); 3],
}

impl<'a> TileBlock<'a> {
    /// Reads what follows the header of a block.
    pub fn read(kind: u16, body: &'a [u8]) -> Result<Self, ProgressiveError> {
        let mut fields = Fields::new(body, "a tile");
        let quants = [fields.u8()?, fields.u8()?, fields.u8()?];
        let position = (fields.u16()?, fields.u16()?);
        match kind {
            TILE_SIMPLE | TILE_FIRST => {
                let is_difference = fields.u8()? & TILE_DIFFERENCE != 0;
                let quality = if kind == TILE_FIRST {
                    fields.u8()?
                } else {
                    FULL_QUALITY
                };
                let lengths = [fields.u16()?, fields.u16()?, fields.u16()?];
                let _tail_length = fields.u16()?;
                let mut data = [&[][..]; 3];
                for (data, length) in data.iter_mut().zip(lengths) {
                    *data = fields.take(length.into())?;
                }
                Ok(Self::Whole(WholeTile {
                    quants,
                    position,
                    is_difference,
                    quality,
                    data,
                }))
            }
            TILE_UPGRADE => {
                let quality = fields.u8()?;
                let mut lengths = [(0, 0); 3];
                for (srl, raw) in &mut lengths {
                    (*srl, *raw) = (fields.u16()?, fields.u16()?);
                }
                let mut data = [(&[][..], &[][..]); 3];
                for ((srl, raw), (srl_length, raw_length)) in data.iter_mut().zip(lengths) {
                    (*srl, *raw) = (
                        fields.take(srl_length.into())?,
                        fields.take(raw_length.into())?,
                    );
                }
                Ok(Self::Upgrade(UpgradeTile {
                    quants,
                    position,
                    quality,
                    data,
                }))
            }
            other => Err(ProgressiveError::Invalid {
                field: "tile type",
                value: other.into(),
            }),
        }
    }

    /// Column and row in the grid of tiles.
    pub fn position(&self) -> (u16, u16) {
        match self {
            Self::Whole(tile) => tile.position,
            Self::Upgrade(tile) => tile.position,
        }
    }
}

impl WholeTile<'_> {
    /// The tables of its components.
    pub fn quants(&self, region: &Region<'_>) -> Result<[Quant; 3], ProgressiveError> {
        tables(self.quants, region)
    }
}

impl UpgradeTile<'_> {
    /// The tables of its components.
    pub fn quants(&self, region: &Region<'_>) -> Result<[Quant; 3], ProgressiveError> {
        tables(self.quants, region)
    }
}

fn tables(indices: [u8; 3], region: &Region<'_>) -> Result<[Quant; 3], ProgressiveError> {
    Ok([
        region.quant(indices[0])?,
        region.quant(indices[1])?,
        region.quant(indices[2])?,
    ])
}
