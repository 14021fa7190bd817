//! The blocks of a stream (`[MS-RDPRFX] 2.2.2`).

use crate::geometry::{Point, Rect, Size};

use super::{
    Entropy,
    error::RemoteFxError,
    fields::{self, Fields},
    quant::Quant,
};

pub(super) const SYNC: u16 = 0xccc0;
pub(super) const CODEC_VERSIONS: u16 = 0xccc1;
pub(super) const CHANNELS: u16 = 0xccc2;
pub(super) const CONTEXT: u16 = 0xccc3;
pub(super) const FRAME_BEGIN: u16 = 0xccc4;
pub(super) const FRAME_END: u16 = 0xccc5;
pub(super) const REGION: u16 = 0xccc6;
pub(super) const EXTENSION: u16 = 0xccc7;
pub(super) const TILE: u16 = 0xcac3;
pub(super) const CBT_REGION: u16 = 0xcac1;
pub(super) const CBT_TILESET: u16 = 0xcac2;

pub(super) const MAGIC: u32 = 0xcacc_acca;
pub(super) const VERSION_1_0: u16 = 0x0100;
/// The only codec identifier there is.
pub(super) const CODEC_ID: u8 = 0x01;
/// `channelId` of what belongs to no channel alone.
pub(super) const ALL_CHANNELS: u8 = 0xff;
pub(super) const RECT_BYTES: usize = 8;
pub(super) const QUANT_BYTES: usize = 5;

/// Image mode among the flags of a context.
pub(super) const IMAGE_MODE: u16 = 0x02;
pub(super) const ENTROPY_RLGR1: u16 = 0x01;
pub(super) const ENTROPY_RLGR3: u16 = 0x04;

/// A block of a stream.
#[derive(Debug)]
pub(super) enum Block<'a> {
    Sync,
    CodecVersions,
    Channels(Channels<'a>),
    Context(Context),
    FrameBegin(u8),
    FrameEnd,
    Region(Region<'a>),
    TileSet(TileSet<'a>),
    /// A type that is not known.
    Other,
}

/// Reads the blocks of a payload; ends at the first one that cannot be read.
pub(super) fn read(payload: &[u8]) -> impl Iterator<Item = Result<Block<'_>, RemoteFxError>> {
    fields::blocks(payload).map(|block| {
        let (kind, body) = block?;
        Block::read(kind, body)
    })
}

impl<'a> Block<'a> {
    fn read(kind: u16, body: &'a [u8]) -> Result<Self, RemoteFxError> {
        let mut fields = Fields::new(body, "a block");
        Ok(match kind {
            SYNC => {
                expect("magic", fields.u32()?, MAGIC)?;
                expect("version", fields.u16()?.into(), VERSION_1_0.into())?;
                Self::Sync
            }
            // Codec and version "SHOULD" be ignored (2.2.2.1.4).
            CODEC_VERSIONS => {
                expect("number of codecs", fields.u8()?.into(), 1)?;
                Self::CodecVersions
            }
            CHANNELS => {
                let count = usize::from(fields.u8()?);
                Self::Channels(Channels(fields.take(count * Channels::ENTRY_BYTES)?))
            }
            CONTEXT => {
                codec_channel(&mut fields)?;
                Self::Context(Context::read(&mut fields)?)
            }
            FRAME_BEGIN => Self::FrameBegin(codec_channel(&mut fields)?),
            FRAME_END => {
                codec_channel(&mut fields)?;
                Self::FrameEnd
            }
            REGION => {
                codec_channel(&mut fields)?;
                Self::Region(Region::read(&mut fields)?)
            }
            EXTENSION => {
                codec_channel(&mut fields)?;
                Self::TileSet(TileSet::read(&mut fields)?)
            }
            _ => Self::Other,
        })
    }
}

fn expect(field: &'static str, value: u32, wanted: u32) -> Result<(), RemoteFxError> {
    if value != wanted {
        let value = value.into();
        return Err(RemoteFxError::Invalid { field, value });
    }
    Ok(())
}

/// The rest of a `TS_RFX_CODEC_CHANNELT` (2.2.2.1.2): the channel.
fn codec_channel(fields: &mut Fields<'_>) -> Result<u8, RemoteFxError> {
    expect("codec identifier", fields.u8()?.into(), CODEC_ID.into())?;
    Ok(fields.u8()?)
}

/// `TS_RFX_CHANNELS`, 2.2.2.2.3.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channels<'a>(&'a [u8]);

impl Channels<'_> {
    pub const ENTRY_BYTES: usize = 5;

    /// Identifier and size of each.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Size)> {
        self.0.chunks_exact(Self::ENTRY_BYTES).map(|entry| {
            // Signed on the wire; what is negative is none.
            let side = |at: usize| i16::from_le_bytes([entry[at], entry[at + 1]]).max(0) as u32;
            (entry[0], Size::new(side(1), side(3)))
        })
    }
}

/// `TS_RFX_CONTEXT`, 2.2.2.2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub id: u8,
    /// For tile sets that name no algorithm of their own.
    pub entropy: Option<Entropy>,
}

impl Context {
    fn read(fields: &mut Fields<'_>) -> Result<Self, RemoteFxError> {
        let id = fields.u8()?;
        expect("tile size", fields.u16()?.into(), 64)?;
        let properties = fields.u16()?;
        // Flags, colour conversion and transform are below; there is one of each.
        let entropy = entropy(properties >> 9);
        Ok(Self { id, entropy })
    }
}

/// The algorithm that four bits of properties name.
fn entropy(bits: u16) -> Option<Entropy> {
    match bits & 0x0f {
        ENTROPY_RLGR1 => Some(Entropy::Rlgr1),
        ENTROPY_RLGR3 => Some(Entropy::Rlgr3),
        _ => None,
    }
}

/// `TS_RFX_REGION`, 2.2.2.3.3.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region<'a> {
    rects: &'a [u8],
}

impl<'a> Region<'a> {
    fn read(fields: &mut Fields<'a>) -> Result<Self, RemoteFxError> {
        let _flags = fields.u8()?;
        let count = usize::from(fields.u16()?);
        // The type and the number of tile sets follow; one value each, and nothing to learn.
        let rects = fields.take(count * RECT_BYTES)?;
        Ok(Self { rects })
    }

    /// Its rectangles; none means the whole frame.
    pub fn rects(&self) -> impl ExactSizeIterator<Item = Rect> {
        self.rects.chunks_exact(RECT_BYTES).map(|rect| {
            let field = |at: usize| u16::from_le_bytes([rect[at], rect[at + 1]]);
            let origin = Point::new(field(0).into(), field(2).into());
            Rect::at(origin, Size::new(field(4).into(), field(6).into()))
        })
    }
}

/// `TS_RFX_TILESET`, 2.2.2.3.4.
#[derive(Clone, Copy, Debug)]
pub(super) struct TileSet<'a> {
    pub context: u8,
    /// `None` where it names none that is known.
    pub entropy: Option<Entropy>,
    tile_count: u16,
    quants: &'a [u8],
    tiles: &'a [u8],
}

/// `TS_RFX_TILE`, 2.2.2.3.4.1. Three of a kind are luma, blue and red.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile<'a> {
    pub quants: [u8; 3],
    /// Column and row in the grid.
    pub position: (u16, u16),
    pub data: [&'a [u8]; 3],
}

impl<'a> TileSet<'a> {
    fn read(fields: &mut Fields<'a>) -> Result<Self, RemoteFxError> {
        expect("tile set type", fields.u16()?.into(), CBT_TILESET.into())?;
        let context = fields.u16()? as u8;
        let properties = fields.u16()?;
        let quant_count = usize::from(fields.u8()?);
        let _tile_size = fields.u8()?;
        let tile_count = fields.u16()?;
        let tile_bytes = fields.u32()? as usize;
        Ok(Self {
            context,
            entropy: entropy(properties >> 10),
            tile_count,
            quants: fields.take(quant_count * QUANT_BYTES)?,
            tiles: fields.take(tile_bytes)?,
        })
    }

    /// Its tables.
    pub fn quants(&self) -> impl ExactSizeIterator<Item = Quant> {
        self.quants
            .chunks_exact(QUANT_BYTES)
            .map(|bytes| Quant::from_remotefx([bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]]))
    }

    /// Its tiles; ends at the first one that cannot be read.
    pub fn tiles(&self) -> impl Iterator<Item = Result<Tile<'a>, RemoteFxError>> {
        let quant_count = self.quants.len() / QUANT_BYTES;
        let mut blocks = fields::blocks(self.tiles);
        (0..self.tile_count).map(move |_| {
            let block = blocks.next();
            let (kind, body) = block.ok_or(RemoteFxError::Truncated("a tile set"))??;
            expect("tile type", kind.into(), TILE.into())?;
            let tile = Tile::read(body)?;
            match tile.quants.iter().find(|&&i| usize::from(i) >= quant_count) {
                Some(&index) => Err(RemoteFxError::Invalid {
                    field: "quantisation index",
                    value: index.into(),
                }),
                None => Ok(tile),
            }
        })
    }
}

impl<'a> Tile<'a> {
    fn read(body: &'a [u8]) -> Result<Self, RemoteFxError> {
        let mut fields = Fields::new(body, "a tile");
        let quants = [fields.u8()?, fields.u8()?, fields.u8()?];
        let position = (fields.u16()?, fields.u16()?);
        let lengths = [fields.u16()?, fields.u16()?, fields.u16()?];
        let mut data = [&[][..]; 3];
        for (data, length) in data.iter_mut().zip(lengths) {
            *data = fields.take(length.into())?;
        }
        Ok(Self {
            quants,
            position,
            data,
        })
    }
}
