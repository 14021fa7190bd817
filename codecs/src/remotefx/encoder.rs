//! Pixels into a stream of blocks.

use crate::{
    geometry::{Rect, Size},
    picture::PictureRef,
};

use super::{
    Entropy,
    blocks::{
        ALL_CHANNELS, CBT_REGION, CBT_TILESET, CHANNELS, CODEC_ID, CODEC_VERSIONS, CONTEXT,
        ENTROPY_RLGR1, ENTROPY_RLGR3, EXTENSION, FRAME_BEGIN, FRAME_END, IMAGE_MODE, MAGIC, REGION,
        SYNC, TILE, VERSION_1_0,
    },
    fields::write_block,
    quant::{Borders, Quant},
    rlgr, take_deltas,
    tile_source::{TileList, TileSource},
};

/// How headers are sent (`[MS-RDPRFX] 2.2.2.2.4`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Before every frame, so that each payload stands alone.
    Image,
    /// Before the first one, and where the size changes.
    Video,
}

/// What a [`RemoteFxEncoder`] does.
#[derive(Clone, Copy, Debug)]
pub struct RemoteFxEncoderOptions {
    /// The entropy coder; the client says which it knows.
    pub entropy: Entropy,
    /// How headers are sent; the client says which it knows.
    pub mode: Mode,
    /// Quantisation of luma, blue and red.
    pub quants: [Quant; 3],
}

impl Default for RemoteFxEncoderOptions {
    /// RLGR3, video mode, and the quantisation that text stays sharp at.
    fn default() -> Self {
        Self {
            entropy: Entropy::Rlgr3,
            mode: Mode::Video,
            quants: [Quant::default(); 3],
        }
    }
}

/// Encodes pictures of one stream.
#[derive(Debug)]
pub struct RemoteFxEncoder {
    options: RemoteFxEncoderOptions,
    /// Each table once, and which of them each component takes.
    tables: Vec<Quant>,
    indices: [u8; 3],
    /// Of the channel that headers told last.
    size: Option<Size>,
    frame_index: u32,
    list: TileList,
    scratch: Box<TileSource>,
}

/// `numRects` and `numTiles` have 16 bits.
const MAX_COUNT: usize = u16::MAX as usize;

impl RemoteFxEncoder {
    /// An encoder that has sent nothing yet. Factors of quantisation below 6, which the codec does
    /// not have, become 6.
    pub fn new(options: RemoteFxEncoderOptions) -> Self {
        let mut tables: Vec<Quant> = Vec::new();
        let indices = options.quants.map(|quant| {
            let quant = quant.at_least(6);
            let known = tables.iter().position(|table| *table == quant);
            known.unwrap_or_else(|| {
                tables.push(quant);
                tables.len() - 1
            }) as u8
        });
        Self {
            options: RemoteFxEncoderOptions {
                quants: options.quants.map(|quant| quant.at_least(6)),
                ..options
            },
            tables,
            indices,
            size: None,
            frame_index: 0,
            list: TileList::default(),
            scratch: Box::new(TileSource::new()),
        }
    }

    /// Appends a payload to `out` that draws what `rects` show of `picture`; nothing where they
    /// show none of it.
    ///
    /// # Panics
    /// If a side of the picture is longer than 32,767 pixels, the most that a channel can have.
    pub fn encode(&mut self, picture: &PictureRef<'_>, rects: &[Rect], out: &mut Vec<u8>) {
        let size = picture.size();
        let most = i16::MAX as u32;
        assert!(
            size.width <= most && size.height <= most,
            "{size:?} is too large"
        );
        let whole = [size.to_rect()];
        // More rectangles than can be told are as good as the whole picture.
        let rects = if rects.len() > MAX_COUNT {
            &whole
        } else {
            rects
        };
        let mut list = std::mem::take(&mut self.list);
        for tiles in list.collect(size, rects).chunks(MAX_COUNT) {
            if self.options.mode == Mode::Image || self.size != Some(size) {
                self.write_headers(size, out);
                self.size = Some(size);
            }
            self.write_frame(picture, rects, tiles, out);
        }
        self.list = list;
    }

    /// `flags`, `cct`, `xft`, `et` and `qt`, of both contexts and tile sets.
    fn properties(&self) -> u16 {
        const COLOR_ICT: u16 = 1;
        const DWT_53_A: u16 = 1;
        const SCALAR_QUANTIZATION: u16 = 1;
        let flags = match self.options.mode {
            Mode::Image => IMAGE_MODE,
            Mode::Video => 0,
        };
        let entropy = match self.options.entropy {
            Entropy::Rlgr1 => ENTROPY_RLGR1,
            Entropy::Rlgr3 => ENTROPY_RLGR3,
        };
        flags | COLOR_ICT << 3 | DWT_53_A << 5 | entropy << 9 | SCALAR_QUANTIZATION << 13
    }

    fn write_headers(&self, size: Size, out: &mut Vec<u8>) {
        write_block(SYNC, out, |out| {
            out.extend(MAGIC.to_le_bytes());
            out.extend(VERSION_1_0.to_le_bytes());
        });
        write_block(CODEC_VERSIONS, out, |out| {
            out.extend([1, CODEC_ID]);
            out.extend(VERSION_1_0.to_le_bytes());
        });
        write_block(CHANNELS, out, |out| {
            out.extend([1, 0]);
            out.extend((size.width as u16).to_le_bytes());
            out.extend((size.height as u16).to_le_bytes());
        });
        write_block(CONTEXT, out, |out| {
            out.extend([CODEC_ID, ALL_CHANNELS, 0]);
            out.extend(64u16.to_le_bytes());
            out.extend(self.properties().to_le_bytes());
        });
    }

    fn write_frame(
        &mut self,
        picture: &PictureRef<'_>,
        rects: &[Rect],
        tiles: &[(u16, u16)],
        out: &mut Vec<u8>,
    ) {
        const CHANNEL: [u8; 2] = [CODEC_ID, 0];
        write_block(FRAME_BEGIN, out, |out| {
            out.extend(CHANNEL);
            out.extend(self.frame_index.to_le_bytes());
            out.extend(1u16.to_le_bytes());
        });
        self.frame_index = self.frame_index.wrapping_add(1);
        let bounds = picture.size().to_rect();
        write_block(REGION, out, |out| {
            out.extend(CHANNEL);
            // The only flag, `lrf`.
            out.push(1);
            let rects = rects.iter().map(|rect| rect.intersect(&bounds));
            let rects = rects.filter(|rect| !rect.is_empty());
            out.extend((rects.clone().count() as u16).to_le_bytes());
            for rect in rects {
                out.extend((rect.left as u16).to_le_bytes());
                out.extend((rect.top as u16).to_le_bytes());
                out.extend((rect.width() as u16).to_le_bytes());
                out.extend((rect.height() as u16).to_le_bytes());
            }
            out.extend(CBT_REGION.to_le_bytes());
            out.extend(1u16.to_le_bytes());
        });
        write_block(EXTENSION, out, |out| {
            out.extend(CHANNEL);
            out.extend(CBT_TILESET.to_le_bytes());
            out.extend(0u16.to_le_bytes());
            // `lt` stands below what a context has.
            out.extend((1 | self.properties() << 1).to_le_bytes());
            out.extend([self.tables.len() as u8, 64]);
            out.extend((tiles.len() as u16).to_le_bytes());
            let length_at = out.len();
            out.extend([0; 4]);
            for table in &self.tables {
                out.extend(table.to_remotefx());
            }
            let first = out.len();
            for &tile in tiles {
                self.write_tile(picture, tile, out);
            }
            let length = (out.len() - first) as u32;
            out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        });
        write_block(FRAME_END, out, |out| out.extend(CHANNEL));
    }

    fn write_tile(&mut self, picture: &PictureRef<'_>, tile: (u16, u16), out: &mut Vec<u8>) {
        let quants = &self.options.quants;
        self.scratch.load(picture, tile, Borders::Mirror, quants);
        write_block(TILE, out, |out| {
            out.extend(self.indices);
            out.extend(tile.0.to_le_bytes());
            out.extend(tile.1.to_le_bytes());
            let lengths_at = out.len();
            out.extend([0; 6]);
            let [.., (_, ll3)] = Borders::Mirror.bands();
            for (i, component) in self.scratch.components.iter_mut().enumerate() {
                take_deltas(&mut component[ll3.clone()]);
                let first = out.len();
                rlgr::encode(self.options.entropy, component, out);
                let length = (out.len() - first) as u16;
                out[lengths_at + 2 * i..][..2].copy_from_slice(&length.to_le_bytes());
            }
        });
    }
}
