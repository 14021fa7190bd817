//! One payload to pixels.

use std::sync::Arc;

use bytes::Bytes;
use oriel_codecs::geometry::{Rect, Size};
use oriel_protocol::graphics::{PayloadCodec, SurfaceFormat, SurfaceId};

use super::{Painting, PixelBlock, Step, pool::BufferPool};
use crate::error::PeerError;

/// A palette: red, green, blue.
pub(crate) type Palette = [[u8; 3]; 256];

/// A payload and everything that is needed to decode it, apart from a codec's state.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) surface: SurfaceId,
    pub(crate) rect: Rect,
    pub(crate) codec: PayloadCodec,
    pub(crate) format: SurfaceFormat,
    pub(crate) bytes: Bytes,
    pub(crate) palette: Arc<Palette>,
}

impl Payload {
    /// Decodes a payload that stands alone.
    pub(crate) fn decode(self, pool: &Arc<BufferPool>) -> Result<Step, PeerError> {
        let _ = (pool, self.format, &self.palette);
        let size = self.rect.size();
        let painting = match self.codec {
            PayloadCodec::Uncompressed | PayloadCodec::SurfaceBits { bits_per_pixel: 32 } => {
                Painting::Pixels {
                    rect: self.rect,
                    block: raw_block(self.codec, size, self.bytes)?,
                }
            }
            codec => return Err(PeerError::CodecNotOffered(codec)),
        };
        Ok(Step::Paint {
            surface: self.surface,
            painting,
        })
    }
}

fn raw_block(codec: PayloadCodec, size: Size, bytes: Bytes) -> Result<PixelBlock, PeerError> {
    let got = bytes.len();
    PixelBlock::from_payload(size, bytes).ok_or_else(|| PeerError::Payload {
        codec,
        reason: format!("{got} bytes for {}x{} pixels", size.width, size.height),
    })
}
