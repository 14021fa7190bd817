//! From payloads to pixels, on threads of their own.
//!
//! ```text
//!  try_submit ─▶ slots in order ──▶ jobs ──▶ oriel-decode-0..N   (pictures: any order)
//!                    │                ├─────▶ one at a time a surface (H.264, progressive)
//!                    │                └─────▶ one at a time (RemoteFX, ClearCodec)
//!                    │                             └─▶ oriel-tiles-0..N: tiles of a large payload
//!                    └─ front slots that are ready ──▶ next_batch: whole frames, in order
//! ```
//!
//! RemoteFX may leave its tiles in coefficients, for a compositor that makes pixels of them.
//! Payloads that stand alone are decoded by whichever worker is free. Those that continue another
//! form a stream, decoded by one worker at a time and in order: a surface's H.264 and its progressive
//! contexts, and for all surfaces together RemoteFX, whose headers may come but once, and ClearCodec,
//! whose caches serve them all. Slots put everything back into the order of submission.
//!
//! A frame that is ready goes before one that is still decoding where the two share no pixel, no
//! cache and no surface that comes or goes (`reach.rs`): a window need not wait for the film in
//! another. What is shown in the end is the same, and frames are acknowledged in their order.
//!
//! A payload so small that waking a worker would take longer is decoded by whoever submits it.

#[cfg(test)]
mod early_tests;
mod payload;
mod pictures;
mod plan;
mod pool;
mod progressive;
mod queue;
mod reach;
mod stage;
mod stream;
pub(crate) mod tile_pool;

use std::sync::Arc;

use bytes::Bytes;
use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::{BYTES_PER_PIXEL, PictureMut},
    video::DecodedAvc,
};
use oriel_protocol::graphics::{GraphicsCommand, SurfaceId};

pub use pictures::PictureTaker;
pub use plan::{DecoderPlan, WorkingDecoder};
pub use stage::{Batch, DecodeOptions, DecodeStage, FinishedFrame, QueueDepth, Turn};

pub use pool::PooledTiles;
use pool::{BufferPool, PooledBuffer};

/// A command whose payload, if it had one, is decoded.
#[derive(Debug)]
pub enum Step {
    /// A command that carries no payload.
    Command(GraphicsCommand),
    /// Pixels for a surface.
    Paint {
        /// Which.
        surface: SurfaceId,
        /// What.
        painting: Painting,
    },
    /// Nothing to be done: the command concerned the decoders alone.
    Nothing,
}

/// Decoded pixels and where they go on a surface. Rectangles are the peer's, not yet clipped.
#[derive(Debug)]
pub enum Painting {
    /// Pixels for a rectangle; what the block has beyond its size is padding.
    Pixels {
        /// Where to.
        rect: Rect,
        /// The pixels.
        block: PixelBlock,
    },
    /// Pixels of which only alpha counts.
    Alpha {
        /// Where to.
        rect: Rect,
        /// The pixels.
        block: PixelBlock,
    },
    /// Parts of a block that is otherwise not to be looked at.
    Parts {
        /// Where the block's first pixel goes.
        origin: Point,
        /// The pixels.
        block: PixelBlock,
        /// Which of them, counted from the block's first; inside of it.
        rects: Vec<Rect>,
    },
    /// Tiles of which only coefficients are there yet.
    Tiles {
        /// Where the first tile's corner would go.
        origin: Point,
        /// The tiles.
        tiles: PooledTiles,
        /// Which of their pixels, counted from that corner; inside of them.
        rects: Vec<Rect>,
    },
    /// One or two views of H.264 and where they count.
    Avc(DecodedAvc),
}

impl Step {
    /// Bytes of decoded pixels that the step keeps, about.
    fn bytes(&self) -> usize {
        let Step::Paint { painting, .. } = self else {
            return 0;
        };
        match painting {
            Painting::Pixels { block, .. }
            | Painting::Alpha { block, .. }
            | Painting::Parts { block, .. } => block.data().len(),
            Painting::Tiles { tiles, .. } => size_of_val(tiles.coefficients()),
            Painting::Avc(views) => [&views.luma_view, &views.chroma_view]
                .into_iter()
                .flatten()
                .map(|view| view.size().area() as usize * 3 / 2)
                .sum(),
        }
    }
}

/// BGRA pixels, rows tightly packed, top row first.
#[derive(Debug)]
pub struct PixelBlock {
    size: Size,
    storage: Storage,
}

#[derive(Debug)]
enum Storage {
    Pooled(PooledBuffer),
    /// The payload itself: uncompressed pixels are not copied before they are drawn.
    Payload(Bytes),
}

impl PixelBlock {
    /// A block over a payload that is pixels already; `None` where it is too short.
    pub fn from_payload(size: Size, payload: Bytes) -> Option<Self> {
        (payload.len() as u64 >= size.area() * BYTES_PER_PIXEL as u64).then_some(Self {
            size,
            storage: Storage::Payload(payload),
        })
    }

    /// A block of any content.
    fn pooled(pool: &Arc<BufferPool>, size: Size) -> Self {
        let bytes = size.area() as usize * BYTES_PER_PIXEL;
        Self {
            size,
            storage: Storage::Pooled(pool.take(bytes)),
        }
    }

    /// The pixels, to be written; none where they are somebody else's.
    fn target(&mut self) -> Option<PictureMut<'_>> {
        let (size, stride_bytes) = (self.size, self.stride_bytes());
        match &mut self.storage {
            Storage::Pooled(buffer) => PictureMut::new(buffer.data_mut(), size, stride_bytes),
            Storage::Payload(_) => None,
        }
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Bytes from one row to the next.
    pub fn stride_bytes(&self) -> usize {
        self.size.width as usize * BYTES_PER_PIXEL
    }

    /// All pixels; at least `size().area() * 4` bytes.
    pub fn data(&self) -> &[u8] {
        match &self.storage {
            Storage::Pooled(buffer) => buffer.data(),
            Storage::Payload(payload) => payload,
        }
    }
}
