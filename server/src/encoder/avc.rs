//! H.264 for what moves: AVC420, or the two views of AVC444v2.
//!
//! The pictures cover the whole surface, since regions are counted from its corner; only the
//! macroblocks of the regions are converted and changed, the others cost next to nothing. Both
//! views go through one encoder, the main view first, as they go through one decoder
//! (`[MS-RDPEGFX] 2.2.4.6`).
//!
//! One picture serves for both views. The encoder predicts each picture from the one before, and
//! that is the other view: were each view kept in a picture of its own, all of the surface would
//! differ from one to the next. So only what the regions' samples overwrite differs, and as the
//! second version of the format puts the chroma of a region elsewhere than its luma, much of
//! either view finds its own past.

use bytes::Bytes;
use oriel_codecs::{
    avc::{Avc420Bitmap, Avc444Bitmap, Avc444Views, AvcRegion, AvcView},
    geometry::{Rect, Size},
    picture::{BYTES_PER_PIXEL, Picture},
    video::{EncoderSettings, H264Encoder, RateControl},
    yuv::{Yuv420Picture, Yuv444Picture, avc444, bgra_to_yuv420, bgra_to_yuv444},
};
use oriel_protocol::graphics::{GraphicsCommand, PayloadCodec, SurfaceFormat, SurfaceId};

use super::{EncoderError, row, tiles};

/// Quantisation: text stays legible.
const QP: u8 = 22;
/// What the client is told about it, in percent.
const QUALITY: u8 = 100;
/// The most that OpenH264 takes.
const MAX_SIZE: Size = Size::new(3840, 2160);
/// A block of 2×2 pixels whose colours differ by more loses visibly at 4:2:0.
const CHROMA_SPREAD: u8 = 48;
/// One detailed block in so many, and a region is worth both views.
const DETAILED_PART: usize = 50;

/// The way of a desktop's moving parts into H.264.
#[derive(Debug)]
pub(super) struct AvcPath {
    encoder: H264Encoder,
    /// What was encoded last: macroblocks of either view, whichever came last.
    canvas: Yuv420Picture,
    /// Only where the client takes AVC444v2.
    full: Option<Box<FullChroma>>,
}

#[derive(Debug)]
struct FullChroma {
    picture: Yuv444Picture,
    /// Takes the view that is not wanted when a picture is split.
    other_view: Yuv420Picture,
}

impl AvcPath {
    /// A path by what the client can decode; `None` where that is nothing, or the desktop is too
    /// large, or the encoder does not start.
    pub fn for_client(avc420: bool, avc444: bool, size: Size) -> Option<Self> {
        if !(avc420 || avc444)
            || size.is_empty()
            || size.width > MAX_SIZE.width
            || size.height > MAX_SIZE.height
        {
            return None;
        }
        let settings = EncoderSettings {
            rate: RateControl::Constant { qp: QP },
            frames_per_second: 60.0,
            threads: 0,
        };
        let encoder = H264Encoder::new(settings)
            .inspect_err(|error| tracing::warn!(%error, "no H.264 for this client"))
            .ok()?;
        Some(Self {
            encoder,
            canvas: Yuv420Picture::new(size),
            full: avc444.then(|| {
                Box::new(FullChroma {
                    picture: Yuv444Picture::new(size),
                    other_view: Yuv420Picture::new(size),
                })
            }),
        })
    }

    /// Appends one command that brings `regions` of the surface up to date.
    ///
    /// With AVC444v2, the chroma view goes along where `always_both` says so or where the regions
    /// hold colours that 4:2:0 would smear.
    pub fn encode(
        &mut self,
        surface: SurfaceId,
        pixels: &Picture,
        regions: &[Rect],
        always_both: bool,
        out: &mut Vec<GraphicsCommand>,
    ) -> Result<(), EncoderError> {
        let regions = tiles::merge(regions, pixels.size());
        let with_chroma = always_both || (self.full.is_some() && has_fine_chroma(pixels, &regions));
        let (mut luma, mut chroma) = (Vec::new(), Vec::new());
        match &mut self.full {
            Some(full) if with_chroma => {
                let FullChroma {
                    picture,
                    other_view,
                } = full.as_mut();
                for rect in &regions {
                    bgra_to_yuv444(pixels, &to_macroblocks(rect), picture);
                    avc444::split_v2(picture, rect, &mut self.canvas, other_view);
                }
                self.encoder.encode(&self.canvas, &mut luma)?;
                for rect in &regions {
                    avc444::split_v2(picture, rect, other_view, &mut self.canvas);
                }
                self.encoder.encode(&self.canvas, &mut chroma)?;
            }
            _ => {
                for rect in &regions {
                    bgra_to_yuv420(pixels, rect, &mut self.canvas);
                }
                self.encoder.encode(&self.canvas, &mut luma)?;
            }
        }

        let list: Vec<AvcRegion> = regions
            .iter()
            .map(|&rect| AvcRegion::new(rect, QP, QUALITY))
            .collect();
        let view = |stream| AvcView {
            regions: &list,
            stream,
        };
        let mut payload = Vec::new();
        let codec = if self.full.is_none() {
            Avc420Bitmap::encode(view(&luma), &mut payload)?;
            PayloadCodec::Avc420
        } else {
            let views = if chroma.is_empty() {
                Avc444Views::Luma(view(&luma))
            } else {
                Avc444Views::Both {
                    luma: view(&luma),
                    chroma: view(&chroma),
                }
            };
            Avc444Bitmap::encode(views, &mut payload)?;
            PayloadCodec::Avc444v2
        };
        out.push(GraphicsCommand::Draw {
            surface,
            rect: pixels.size().to_rect(),
            codec,
            format: SurfaceFormat::Xrgb,
            payload: Bytes::from(payload),
        });
        Ok(())
    }
}

fn to_macroblocks(rect: &Rect) -> Rect {
    Rect::new(
        rect.left & !15,
        rect.top & !15,
        (rect.right + 15) & !15,
        (rect.bottom + 15) & !15,
    )
}

/// True where the colours of many blocks differ from pixel to pixel, as in fine coloured text.
fn has_fine_chroma(pixels: &Picture, regions: &[Rect]) -> bool {
    let (mut blocks, mut detailed) = (0, 0);
    for rect in regions {
        // Every fourth row of blocks tells enough.
        for y in (rect.top..rect.bottom - 1).step_by(8) {
            let upper = row(pixels, rect, y).chunks_exact(2 * BYTES_PER_PIXEL);
            let lower = row(pixels, rect, y + 1).chunks_exact(2 * BYTES_PER_PIXEL);
            for (upper, lower) in upper.zip(lower) {
                blocks += 1;
                detailed += usize::from(chroma_spread(upper, lower) > CHROMA_SPREAD);
            }
        }
    }
    detailed * DETAILED_PART > blocks
}

/// How far blue and red, each less green, lie apart in a block of two pixels above two others.
fn chroma_spread(upper: &[u8], lower: &[u8]) -> u8 {
    let spread = |channel: usize| {
        let differences = [upper, lower]
            .into_iter()
            .flat_map(|pair| pair.chunks_exact(BYTES_PER_PIXEL))
            .map(|pixel| i16::from(pixel[channel]) - i16::from(pixel[1]));
        let (low, high) = differences.fold((i16::MAX, i16::MIN), |(low, high), difference| {
            (low.min(difference), high.max(difference))
        });
        (high - low).clamp(0, 255) as u8
    };
    spread(0).max(spread(2))
}
