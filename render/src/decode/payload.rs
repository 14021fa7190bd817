//! One payload to pixels.

use std::sync::Arc;

use bytes::Bytes;
use oriel_codecs::{
    geometry::{Rect, Size},
    video::{AvcSurfaceDecoder, AvcVersion, DecoderLimits},
};
use oriel_protocol::graphics::{PayloadCodec, SurfaceFormat, SurfaceId};

use super::{Painting, PixelBlock, Step, pool::BufferPool};
use crate::error::PeerError;

/// A palette: red, green, blue.
#[derive(Debug)]
pub(crate) struct Palette(pub(crate) [[u8; 3]; 256]);

impl Default for Palette {
    /// Greys: what 8-bit pixels mean until the server has said it.
    fn default() -> Self {
        Self(std::array::from_fn(|level| [level as u8; 3]))
    }
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
    pub(crate) fn decode(&mut self, payload: Payload) -> Result<Step, PeerError> {
        let version =
            avc_version(payload.codec).ok_or(PeerError::CodecNotOffered(payload.codec))?;
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(
                AvcSurfaceDecoder::new(DecoderLimits::for_surface(payload.surface_size))
                    .map_err(|error| payload.error(error))?,
            ),
        };
        let views = decoder
            .decode(version, &payload.bytes)
            .map_err(|error| payload.error(error))?;
        Ok(Step::Paint {
            surface: payload.surface,
            painting: Painting::Avc(views),
        })
    }

    /// Which decoder is at work.
    pub(crate) fn decoder_name(&self) -> Option<&'static str> {
        self.decoder.as_ref().map(AvcSurfaceDecoder::decoder_name)
    }
}

fn avc_version(codec: PayloadCodec) -> Option<AvcVersion> {
    match codec {
        PayloadCodec::Avc420 => Some(AvcVersion::Avc420),
        PayloadCodec::Avc444 => Some(AvcVersion::Avc444),
        PayloadCodec::Avc444v2 => Some(AvcVersion::Avc444V2),
        _ => None,
    }
}

impl Payload {
    /// True where the payload continues its surface's H.264 stream.
    pub(crate) fn is_stateful(&self) -> bool {
        avc_version(self.codec).is_some()
    }

    /// Decodes a payload that stands alone.
    pub(crate) fn decode(self, pool: &Arc<BufferPool>) -> Result<Step, PeerError> {
        let _ = (pool, self.format, &self.palette);
        let painting = match self.codec {
            PayloadCodec::Uncompressed | PayloadCodec::SurfaceBits { bits_per_pixel: 32 } => {
                let size = self.rect.size();
                let got = self.bytes.len();
                let block =
                    PixelBlock::from_payload(size, self.bytes.clone()).ok_or_else(|| {
                        self.error(format!(
                            "{got} bytes for {}x{} pixels",
                            size.width, size.height
                        ))
                    })?;
                Painting::Pixels {
                    rect: self.rect,
                    block,
                }
            }
            codec => return Err(PeerError::CodecNotOffered(codec)),
        };
        Ok(Step::Paint {
            surface: self.surface,
            painting,
        })
    }

    fn error(&self, reason: impl ToString) -> PeerError {
        PeerError::Payload {
            codec: self.codec,
            reason: reason.to_string(),
        }
    }
}
