//! The progressive contexts of a surface.

use std::{collections::HashMap, sync::Arc};

use oriel_codecs::{
    picture::BYTES_PER_PIXEL,
    progressive::{DrawnTile, ProgressiveDecoder},
    remotefx::TILE_STRIDE_BYTES,
};
use oriel_protocol::graphics::{CodecContextId, PayloadCodec};

use super::{Painting, PixelBlock, Storage, payload::Payload, pool::BufferPool, stream::Means};
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
        let mut tiles = Vec::new();
        means
            .tiles
            .run(payload.bytes.len(), || {
                decoder.decode(&payload.bytes, |tile| {
                    tiles.push((tile.rect, block(&tile, means.buffers)))
                })
            })
            .map_err(|error| payload.error(error))?;
        Ok(Painting::Tiles(tiles))
    }
}

/// A copy of what is drawn of a tile: the decoder goes on to the next one in the same memory.
fn block(tile: &DrawnTile<'_>, pool: &Arc<BufferPool>) -> PixelBlock {
    let size = tile.rect.size();
    let row_bytes = size.width as usize * BYTES_PER_PIXEL;
    let mut buffer = pool.take(row_bytes * size.height as usize);
    let rows = buffer.data_mut().chunks_exact_mut(row_bytes);
    for (row, pixels) in rows.zip(tile.pixels.chunks(TILE_STRIDE_BYTES)) {
        row.copy_from_slice(&pixels[..row_bytes]);
    }
    PixelBlock {
        size,
        storage: Storage::Pooled(buffer),
    }
}
