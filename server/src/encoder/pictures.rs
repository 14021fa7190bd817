//! Codecs that lose something, for pictures with many colours and for what moves without H.264.

use oriel_codecs::{
    geometry::{Rect, Size},
    jpeg,
    nscodec::{self, NsCodecOptions, NsCodecScratch},
    picture::{Picture, PictureRef},
    progressive::{Pass, ProgressiveEncoder, ProgressiveEncoderOptions},
    remotefx::{Entropy, Mode, RemoteFxEncoder, RemoteFxEncoderOptions},
};
use oriel_protocol::{
    capabilities::{NsCodecProperties, RemoteFxMode},
    graphics::{CodecContextId, GraphicsCommand, PayloadCodec, SurfaceId, SurfaceTarget},
};

use super::{
    draw,
    lossless::{MAX_DRAW, parts, view},
    tiles::{self, Loss},
};

/// The one context that the surface has.
const CONTEXT: CodecContextId = CodecContextId(1);
/// How good JPEG pictures are, in percent.
const JPEG_QUALITY: u8 = 90;
/// Bytes that a tile of RemoteFX takes at the very worst, about.
const MAX_TILE_BYTES: usize = 32 << 10;
/// `TS_RFX_*` headers of a payload.
const MAX_HEADERS_BYTES: usize = 1 << 10;

/// The way of pictures into one codec.
#[derive(Debug)]
pub(super) enum PicturePath {
    /// In passes.
    Progressive(Box<ProgressiveEncoder>, u8),
    /// At once.
    RemoteFx {
        encoder: Box<RemoteFxEncoder>,
        /// Tiles that a payload has room for.
        max_tiles: usize,
    },
    NsCodec {
        options: NsCodecOptions,
        scratch: Box<NsCodecScratch>,
        max: Size,
    },
    Jpeg {
        max: Size,
    },
}

impl PicturePath {
    /// The way in the graphics pipeline, for a surface of `size` pixels.
    pub fn in_pipeline(progressive: bool, size: Size) -> Self {
        if progressive {
            let options = ProgressiveEncoderOptions::default();
            let passes = options.steps.len() as u8;
            Self::Progressive(Box::new(ProgressiveEncoder::new(size, options)), passes)
        } else {
            Self::remote_fx(RemoteFxEncoderOptions::default(), usize::MAX)
        }
    }

    /// The best way in surface commands; `None` where the client takes none.
    pub fn in_surface_commands(target: &SurfaceTarget) -> Option<Self> {
        let max_bytes = target.max_payload_bytes;
        if max_bytes < MAX_TILE_BYTES + MAX_HEADERS_BYTES {
            return None;
        }
        if let Some(RemoteFxMode { flags, entropy }) = target.remote_fx {
            let options = RemoteFxEncoderOptions {
                entropy: if entropy == RemoteFxMode::RLGR1 {
                    Entropy::Rlgr1
                } else {
                    Entropy::Rlgr3
                },
                mode: if flags & RemoteFxMode::IMAGE != 0 {
                    Mode::Image
                } else {
                    Mode::Video
                },
                ..RemoteFxEncoderOptions::default()
            };
            return Some(Self::remote_fx(options, max_bytes));
        }
        // Even where nothing can be gained, as many bytes as pixels have, and a header.
        let rows = (max_bytes - MAX_HEADERS_BYTES) / (MAX_DRAW.width as usize * 4);
        let max = Size::new(MAX_DRAW.width, (rows as u32).clamp(1, MAX_DRAW.height));
        if let Some(NsCodecProperties {
            subsampling,
            color_loss_level,
            ..
        }) = target.ns_codec
        {
            return Some(Self::NsCodec {
                options: NsCodecOptions {
                    color_loss_level: color_loss_level.clamp(1, 7),
                    chroma_subsampling: subsampling,
                    ..NsCodecOptions::default()
                },
                scratch: Box::default(),
                max,
            });
        }
        target.jpeg.then_some(Self::Jpeg { max })
    }

    fn remote_fx(options: RemoteFxEncoderOptions, max_bytes: usize) -> Self {
        Self::RemoteFx {
            encoder: Box::new(RemoteFxEncoder::new(options)),
            max_tiles: (max_bytes - MAX_HEADERS_BYTES) / MAX_TILE_BYTES,
        }
    }

    /// Appends commands that show `rects`, each inside of a tile; returns what can be done about
    /// the loss.
    pub fn draw(
        &mut self,
        surface: SurfaceId,
        pixels: &Picture,
        rects: &[Rect],
        out: &mut Vec<GraphicsCommand>,
    ) -> Loss {
        if rects.is_empty() {
            return Loss::Final;
        }
        let whole = pixels.size().to_rect();
        match self {
            Self::Progressive(encoder, passes) => {
                let mut payload = Vec::new();
                encoder.encode(&pixels.view(), rects, Pass::First, &mut payload);
                out.push(draw(
                    surface,
                    whole,
                    PayloadCodec::Progressive(CONTEXT),
                    payload,
                ));
                return Loss::Passes(*passes);
            }
            Self::RemoteFx { encoder, max_tiles } => {
                for rects in rects.chunks(*max_tiles) {
                    let mut payload = Vec::new();
                    encoder.encode(&pixels.view(), rects, &mut payload);
                    out.push(draw(surface, whole, PayloadCodec::RemoteFx, payload));
                }
            }
            Self::NsCodec {
                options,
                scratch,
                max,
            } => draw_parts(
                surface,
                pixels,
                rects,
                (*max, PayloadCodec::NsCodec),
                out,
                |part, to| {
                    nscodec::encode(&part, options, to, scratch);
                },
            ),
            Self::Jpeg { max } => {
                draw_parts(
                    surface,
                    pixels,
                    rects,
                    (*max, PayloadCodec::Jpeg),
                    out,
                    |part, to| {
                        jpeg::encode(&part, JPEG_QUALITY, to);
                    },
                );
            }
        }
        Loss::Final
    }

    /// Appends commands that bring whole tiles to their next pass, where there are passes.
    pub fn refine(
        &mut self,
        surface: SurfaceId,
        pixels: &Picture,
        tiles: &[Rect],
        out: &mut Vec<GraphicsCommand>,
    ) {
        if let Self::Progressive(encoder, _) = self
            && !tiles.is_empty()
        {
            let mut payload = Vec::new();
            encoder.upgrade(tiles, &mut payload);
            if !payload.is_empty() {
                let whole = pixels.size().to_rect();
                out.push(draw(
                    surface,
                    whole,
                    PayloadCodec::Progressive(CONTEXT),
                    payload,
                ));
            }
        }
    }
}

/// Joins rectangles, cuts them to pieces of at most `max`, and encodes each by itself.
fn draw_parts(
    surface: SurfaceId,
    pixels: &Picture,
    rects: &[Rect],
    (max, codec): (Size, PayloadCodec),
    out: &mut Vec<GraphicsCommand>,
    mut encode: impl FnMut(PictureRef<'_>, &mut Vec<u8>),
) {
    for rect in tiles::merge(rects, max)
        .iter()
        .flat_map(|rect| parts(rect, max))
    {
        let mut payload = Vec::new();
        encode(view(pixels, &rect), &mut payload);
        out.push(draw(surface, rect, codec, payload));
    }
}
