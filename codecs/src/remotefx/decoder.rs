//! A stream of blocks into pixels.

use crate::{
    geometry::{Rect, Size},
    picture::PictureMut,
};

use super::{
    CoefficientTiles, Entropy, TILE_SIZE,
    blocks::{self, Block, Region, TileSet},
    clip::Clip,
    error::RemoteFxError,
    painter::{self, TilePlan},
    quant::Quant,
};

/// Decodes streams of `TS_RFX_*` blocks: what surface bits carry, and the graphics pipeline as
/// `RDPGFX_CODECID_CAVIDEO`.
///
/// Header blocks may come once, ahead of many payloads (video mode), so that one decoder serves a
/// connection for as long as it lasts; pixels are not kept.
///
/// # Memory
/// 32 bytes for each tile and 10 for each table of the largest tile set seen, which come to no more
/// than twice its bytes on the wire; 32 for each rectangle of the largest region, and for each row
/// of tiles that one lies in; 8 for each of at most 255 channels. Rectangles that overlap take more,
/// but never more than eight times what the pixels take that they lie on.
#[derive(Debug, Default)]
pub struct RemoteFxDecoder {
    headers: Headers,
    /// Of the region that the next tile set belongs to.
    clip: Clip,
    tiles: Vec<TilePlan>,
    quants: Vec<Quant>,
}

/// What header blocks have told (`[MS-RDPRFX] 2.2.2.2`).
#[derive(Debug, Default)]
struct Headers {
    has_sync: bool,
    has_codec_versions: bool,
    /// At most 255, by their identifier.
    channels: Vec<(u8, Size)>,
    /// At most 256, by their identifier.
    contexts: Vec<(u8, Option<Entropy>)>,
}

impl Headers {
    fn are_complete(&self) -> bool {
        self.has_sync
            && self.has_codec_versions
            && !self.channels.is_empty()
            && !self.contexts.is_empty()
    }

    fn channel_size(&self, channel: u8) -> Option<Size> {
        let found = self.channels.iter().find(|(id, _)| *id == channel);
        found.map(|(_, size)| *size)
    }

    fn set_context(&mut self, context: blocks::Context) {
        match self.contexts.iter_mut().find(|(id, _)| *id == context.id) {
            Some((_, entropy)) => *entropy = context.entropy,
            None => self.contexts.push((context.id, context.entropy)),
        }
    }

    /// The algorithm of a tile set: its own, else that of its context (2.2.2.2.4).
    fn entropy(&self, tiles: &TileSet<'_>) -> Result<Entropy, RemoteFxError> {
        let of_context = || {
            let found = self.contexts.iter().find(|(id, _)| *id == tiles.context);
            found.and_then(|(_, entropy)| *entropy)
        };
        tiles
            .entropy
            .or_else(of_context)
            .ok_or(RemoteFxError::Invalid {
                field: "entropy algorithm of context",
                value: tiles.context.into(),
            })
    }
}

/// Where in a payload the decoder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    /// In a frame of a channel.
    Frame(u8),
    /// Behind a region of that frame.
    Region(u8),
}

/// What tiles are decoded into.
enum Target<'a, 'b> {
    Pixels(&'a mut PictureMut<'b>),
    /// Of a picture of that size.
    Coefficients(&'a mut CoefficientTiles, Size),
}

impl Target<'_, '_> {
    fn size(&self) -> Size {
        match self {
            Self::Pixels(target) => target.size(),
            Self::Coefficients(_, size) => *size,
        }
    }
}

impl RemoteFxDecoder {
    /// A decoder that has seen no header yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes a payload into `target`, whose first pixel is where the command places the stream's
    /// own, and appends to `painted` the rectangles of `target` that were written: the region's,
    /// where there are tiles under them. What lies outside of `target` is left out.
    ///
    /// Where the caller runs in a pool of `rayon`, rows of tiles are decoded in parallel on it, if
    /// there is enough to do.
    ///
    /// # Errors
    /// [`RemoteFxError`] at the first block that cannot be decoded; what was painted before stays.
    pub fn decode(
        &mut self,
        payload: &[u8],
        target: &mut PictureMut<'_>,
        painted: &mut Vec<Rect>,
    ) -> Result<(), RemoteFxError> {
        self.decode_into(payload, Target::Pixels(target), painted)
    }

    /// Undoes the entropy coding alone of a payload that [is one picture](Self::is_one_picture),
    /// for a target of `size`: `tiles` become those that something is painted of, and `painted` the
    /// rectangles that [`decode`](Self::decode) would have written.
    ///
    /// # Errors
    /// As above; nothing is to be painted then.
    pub fn decode_coefficients(
        &mut self,
        payload: &[u8],
        size: Size,
        tiles: &mut CoefficientTiles,
        painted: &mut Vec<Rect>,
    ) -> Result<(), RemoteFxError> {
        tiles.set_tiles(std::iter::empty());
        self.decode_into(payload, Target::Coefficients(tiles, size), painted)
    }

    /// True for a payload of one set of tiles at most, as all servers' are: what is painted does
    /// not depend on the order of sets then.
    pub fn is_one_picture(payload: &[u8]) -> bool {
        let sets = blocks::read(payload).filter(|block| matches!(block, Ok(Block::TileSet(_))));
        sets.count() <= 1
    }

    fn decode_into(
        &mut self,
        payload: &[u8],
        mut target: Target<'_, '_>,
        painted: &mut Vec<Rect>,
    ) -> Result<(), RemoteFxError> {
        let mut place = Place::Outside;
        for block in blocks::read(payload) {
            match (block?, place) {
                (Block::Sync, _) => self.headers.has_sync = true,
                (Block::CodecVersions, _) => self.headers.has_codec_versions = true,
                (Block::Channels(channels), _) => {
                    self.headers.channels.clear();
                    self.headers.channels.extend(channels.iter());
                }
                (Block::Context(context), _) => self.headers.set_context(context),
                (Block::FrameBegin(channel), Place::Outside) if self.headers.are_complete() => {
                    place = Place::Frame(channel);
                }
                (Block::FrameBegin(_), _) => {
                    return Err(RemoteFxError::OutOfSequence("the begin of a frame"));
                }
                (Block::FrameEnd, _) => place = Place::Outside,
                (Block::Region(region), Place::Frame(channel) | Place::Region(channel)) => {
                    self.begin_region(&region, channel, target.size());
                    place = Place::Region(channel);
                }
                (Block::Region(_), Place::Outside) => {
                    return Err(RemoteFxError::OutOfSequence("a region"));
                }
                (Block::TileSet(tiles), Place::Region(_)) => {
                    self.paint(payload, &tiles, &mut target, painted)?;
                }
                (Block::TileSet(_), _) => {
                    return Err(RemoteFxError::OutOfSequence("a tile set"));
                }
                (Block::Other, _) => {}
            }
        }
        Ok(())
    }

    fn begin_region(&mut self, region: &Region<'_>, channel: u8, target: Size) {
        let bounds = target.to_rect();
        if region.rects().len() == 0 {
            let frame = self.headers.channel_size(channel).unwrap_or(target);
            self.clip.set(std::iter::once(frame.to_rect()), bounds);
        } else {
            self.clip.set(region.rects(), bounds);
        }
    }

    fn paint(
        &mut self,
        payload: &[u8],
        tiles: &TileSet<'_>,
        target: &mut Target<'_, '_>,
        painted: &mut Vec<Rect>,
    ) -> Result<(), RemoteFxError> {
        let entropy = self.headers.entropy(tiles)?;
        self.quants.clear();
        self.quants.extend(tiles.quants());
        self.tiles.clear();
        let size = target.size();
        let columns = size.width.div_ceil(TILE_SIZE as u32);
        let rows = size.height.div_ceil(TILE_SIZE as u32);
        for (order, tile) in tiles.tiles().enumerate() {
            let tile = tile?;
            let (column, row) = tile.position;
            if u32::from(column) < columns && u32::from(row) < rows {
                self.tiles.push(TilePlan::new(&tile, order, payload));
            }
        }
        painter::sort(&mut self.tiles);
        let mut pieces = painter::Pieces::new(painted);
        for tile in &self.tiles {
            for rect in self.clip.row(tile.row()) {
                pieces.push(rect.intersect(&tile.place()));
            }
        }
        pieces.finish();
        let job = painter::Job {
            payload,
            entropy,
            quants: &self.quants,
            clip: &self.clip,
        };
        match target {
            Target::Pixels(target) => job.paint(&self.tiles, target),
            Target::Coefficients(out, _) => {
                self.tiles.retain(|tile| job.shows(tile));
                job.decode(&self.tiles, out);
            }
        }
        Ok(())
    }
}
