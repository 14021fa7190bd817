//! The progressive contexts of a surface.

use std::collections::HashMap;

use oriel_codecs::{
    geometry::Point,
    picture::{BYTES_PER_PIXEL, PictureMut},
    progressive::ProgressiveDecoder,
};
use oriel_protocol::graphics::{CodecContextId, PayloadCodec};

use super::{Painting, PixelBlock, Storage, payload::Payload, stream::Means};
use crate::error::PeerError;

/// Contexts on one surface, at most: each may come to hold a picture of the surface several times
/// over. Servers use one.
const MAX_CONTEXTS: usize = 4;

/// The progressive contexts of a surface, each made when its first payload comes.
#[derive(Debug, Default)]
pub(crate) struct ProgressiveContexts {
    contexts: HashMap<CodecContextId, ProgressiveDecoder>,
}

impl ProgressiveContexts {
    /// Forgets a context (`RDPGFX_DELETE_ENCODING_CONTEXT_PDU`).
    pub(crate) fn delete(&mut self, context: CodecContextId) {
        self.contexts.remove(&context);
    }

    /// Decodes the payload that follows in a context; one of another codec never comes here.
    pub(crate) fn decode(
        &mut self,
        payload: &Payload,
        means: Means<'_>,
    ) -> Result<Painting, PeerError> {
        let PayloadCodec::Progressive(context) = payload.codec else {
            return Err(PeerError::CodecNotOffered(payload.codec));
        };
        if self.contexts.len() >= MAX_CONTEXTS && !self.contexts.contains_key(&context) {
            return Err(payload.error(format!("more than {MAX_CONTEXTS} contexts on a surface")));
        }
        let decoder = self
            .contexts
            .entry(context)
            .or_insert_with(|| ProgressiveDecoder::new(payload.surface_size));
        let bytes = &payload.bytes;
        if means.are_tiles_kept_coded(bytes.len()) && ProgressiveDecoder::is_one_region(bytes) {
            let (mut tiles, mut rects) = (means.tile_sets.take(), Vec::new());
            means
                .tiles
                .run(bytes.len(), || {
                    decoder.decode_coefficients(bytes, &mut tiles, &mut rects)
                })
                .map_err(|error| payload.error(error))?;
            return Ok(Painting::Tiles {
                origin: Point::default(),
                tiles,
                rects,
            });
        }
        let bounds = decoder
            .bounds(bytes)
            .map_err(|error| payload.error(error))?;
        let (origin, size) = (bounds.origin(), bounds.size());
        let stride_bytes = size.width as usize * BYTES_PER_PIXEL;
        let mut buffer = means.buffers.take(stride_bytes * size.height as usize);
        let mut target = PictureMut::new(buffer.data_mut(), size, stride_bytes)
            .ok_or_else(|| payload.error("no pixels"))?;
        let mut rects = Vec::new();
        means
            .tiles
            .run(bytes.len(), || {
                decoder.decode(bytes, origin, &mut target, &mut rects)
            })
            .map_err(|error| payload.error(error))?;
        Ok(Painting::Parts {
            origin,
            block: PixelBlock {
                size,
                storage: Storage::Pooled(buffer),
            },
            rects,
        })
    }
}
