//! One payload to pixels.

use std::sync::Arc;

use bytes::Bytes;
use oriel_codecs::{
    alpha,
    bitmap::{self, BitmapLayout},
    color_depth::ColorDepth,
    geometry::{Rect, Size},
    interleaved::{self, InterleavedScratch},
    jpeg::{self, JpegScratch},
    nscodec::{self, NsCodecScratch},
    palette::Palette,
    picture::{BYTES_PER_PIXEL, PictureMut, RowOrder},
    planar::{self, PlanarLayout, PlanarScratch},
    video::{AvcSurfaceDecoder, AvcVersion, DecoderEvent, DecoderLimits, PictureImporter},
};
use oriel_protocol::graphics::{PayloadCodec, SurfaceFormat, SurfaceId};

use super::{Painting, PixelBlock, Step, Storage, pool::BufferPool, stream::Means};
use crate::error::PeerError;

/// What a worker's decoders keep from one payload to the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    planar: PlanarScratch,
    interleaved: InterleavedScratch,
    ns_codec: NsCodecScratch,
    jpeg: JpegScratch,
}

/// A payload and everything that is needed to decode it, apart from a codec's state.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) surface: SurfaceId,
    /// Size of the surface that it is for.
    pub(crate) surface_size: Size,
    pub(crate) rect: Rect,
    pub(crate) codec: PayloadCodec,
    pub(crate) format: SurfaceFormat,
    pub(crate) bytes: Bytes,
    pub(crate) palette: Arc<Palette>,
}

/// The decoder of a surface's H.264 stream, made when the first payload comes.
#[derive(Debug, Default)]
pub(crate) struct VideoStream {
    decoder: Option<AvcSurfaceDecoder>,
}

impl VideoStream {
    /// Decodes the payload that follows in the stream; one of another codec never comes here.
    pub(crate) fn decode(
        &mut self,
        payload: &Payload,
        means: Means<'_>,
    ) -> Result<Painting, PeerError> {
        let version =
            avc_version(payload.codec).ok_or(PeerError::CodecNotOffered(payload.codec))?;
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => {
                let limits = DecoderLimits::for_surface(payload.surface_size);
                let kinds = means.decoders.kinds();
                let slot = || -> Arc<dyn PictureImporter> { means.pictures.clone() };
                let importer = means.decoders.may_share().then(slot);
                none.insert(
                    AvcSurfaceDecoder::of_kinds(&kinds, limits, importer.as_ref())
                        .map_err(|error| payload.error(error))?,
                )
            }
        };
        let views = decoder
            .decode(version, &payload.bytes)
            .map_err(|error| payload.error(error))?;
        Ok(Painting::Avc(views))
    }

    /// Which decoder is at work, and what has happened to it since the last call.
    pub(crate) fn report(&mut self) -> Option<(&'static str, Vec<DecoderEvent>)> {
        let decoder = self.decoder.as_mut()?;
        let events = std::iter::from_fn(|| decoder.poll_event()).collect();
        Some((decoder.decoder_name(), events))
    }
}

/// Which of H.264's three codecs it is, if it is one.
pub(super) fn avc_version(codec: PayloadCodec) -> Option<AvcVersion> {
    match codec {
        PayloadCodec::Avc420 => Some(AvcVersion::Avc420),
        PayloadCodec::Avc444 => Some(AvcVersion::Avc444),
        PayloadCodec::Avc444v2 => Some(AvcVersion::Avc444V2),
        _ => None,
    }
}

impl Payload {
    /// Decodes a payload that stands alone.
    pub(crate) fn decode(
        &self,
        pool: &Arc<BufferPool>,
        scratch: &mut Scratch,
    ) -> Result<Step, PeerError> {
        let block = match self.codec {
            // Pixels already: what they are drawn from is the payload itself.
            PayloadCodec::Uncompressed => {
                let (size, got) = (self.rect.size(), self.bytes.len());
                PixelBlock::from_payload(size, self.bytes.clone()).ok_or_else(|| {
                    self.error(format!(
                        "{got} bytes for {}x{} pixels",
                        size.width, size.height
                    ))
                })?
            }
            PayloadCodec::SurfaceBits { bits_per_pixel } => {
                let layout = BitmapLayout::surface(self.rect.size(), self.depth(bits_per_pixel)?);
                self.draw(pool, layout.size, |payload, target| {
                    bitmap::decode(payload, &layout, &self.palette, target)
                })?
            }
            PayloadCodec::Bitmap {
                bits_per_pixel,
                is_compressed: false,
                size,
            } => {
                let layout = BitmapLayout::update(size, self.depth(bits_per_pixel)?);
                self.draw(pool, size, |payload, target| {
                    bitmap::decode(payload, &layout, &self.palette, target)
                })?
            }
            PayloadCodec::Bitmap {
                bits_per_pixel: 32,
                size,
                ..
            } => {
                let layout = PlanarLayout::update(size);
                self.draw(pool, size, |payload, target| {
                    planar::decode(payload, &layout, target, &mut scratch.planar)
                })?
            }
            PayloadCodec::Bitmap {
                bits_per_pixel,
                size,
                ..
            } => {
                let depth = self.depth(bits_per_pixel)?;
                self.draw(pool, size, |payload, target| {
                    // Pixels that no order tells are black, not what the buffer held before.
                    target.data_mut().fill(0);
                    let scratch = &mut scratch.interleaved;
                    interleaved::decode(payload, size, depth, &self.palette, target, scratch)
                })?
            }
            PayloadCodec::Planar => {
                let has_alpha = self.format == SurfaceFormat::Argb;
                let layout = PlanarLayout::pipeline(self.rect.size(), has_alpha);
                self.draw(pool, layout.size, |payload, target| {
                    planar::decode(payload, &layout, target, &mut scratch.planar)
                })?
            }
            PayloadCodec::Alpha => self.draw(pool, self.rect.size(), alpha::decode)?,
            PayloadCodec::NsCodec => self.draw(pool, self.rect.size(), |payload, target| {
                nscodec::decode(payload, RowOrder::BottomUp, target, &mut scratch.ns_codec)
            })?,
            PayloadCodec::Jpeg => self.draw(pool, self.rect.size(), |payload, target| {
                jpeg::decode(payload, target, &mut scratch.jpeg)
            })?,
            codec => return Err(PeerError::CodecNotOffered(codec)),
        };
        let rect = self.rect;
        let painting = if self.codec == PayloadCodec::Alpha {
            Painting::Alpha { rect, block }
        } else {
            Painting::Pixels { rect, block }
        };
        Ok(Step::Paint {
            surface: self.surface,
            painting,
        })
    }

    /// Decodes a picture of size `encoded` into a buffer of as much of it as is shown.
    pub(super) fn draw<E: ToString>(
        &self,
        pool: &Arc<BufferPool>,
        encoded: Size,
        decode: impl FnOnce(&[u8], &mut PictureMut<'_>) -> Result<(), E>,
    ) -> Result<PixelBlock, PeerError> {
        let size = Size::new(
            encoded.width.min(self.rect.width()),
            encoded.height.min(self.rect.height()),
        );
        let stride_bytes = size.width as usize * BYTES_PER_PIXEL;
        let mut buffer = pool.take(stride_bytes * size.height as usize);
        let mut target = PictureMut::new(buffer.data_mut(), size, stride_bytes)
            .ok_or_else(|| self.error("no pixels"))?;
        decode(&self.bytes, &mut target).map_err(|error| self.error(error.to_string()))?;
        Ok(PixelBlock {
            size,
            storage: Storage::Pooled(buffer),
        })
    }

    fn depth(&self, bits_per_pixel: u8) -> Result<ColorDepth, PeerError> {
        ColorDepth::from_bits_per_pixel(bits_per_pixel)
            .ok_or_else(|| self.error(format!("{bits_per_pixel} bits a pixel")))
    }

    pub(super) fn error(&self, reason: impl ToString) -> PeerError {
        PeerError::Payload {
            codec: self.codec,
            reason: reason.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(2, 2);

    /// Decodes a payload of 2 by 2 pixels at 32 bits and returns the blue bytes, top row first.
    fn blues(codec: PayloadCodec) -> Vec<u8> {
        let payload = Payload {
            surface: SurfaceId(1),
            surface_size: SIZE,
            rect: SIZE.to_rect(),
            codec,
            format: SurfaceFormat::Xrgb,
            bytes: (0..16).collect(),
            palette: Arc::default(),
        };
        let pool = Arc::default();
        match payload.decode(&pool, &mut Scratch::default()) {
            Ok(Step::Paint {
                painting: Painting::Pixels { block, .. },
                ..
            }) => block.data().iter().copied().step_by(4).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_pipelines_rows_come_from_the_top_and_everything_olders_from_the_bottom() {
        let bits_per_pixel = 32;
        assert_eq!(blues(PayloadCodec::Uncompressed), [0, 4, 8, 12]);
        assert_eq!(
            blues(PayloadCodec::SurfaceBits { bits_per_pixel }),
            [8, 12, 0, 4]
        );
        let update = PayloadCodec::Bitmap {
            bits_per_pixel,
            is_compressed: false,
            size: SIZE,
        };
        assert_eq!(blues(update), [8, 12, 0, 4]);
    }
}
