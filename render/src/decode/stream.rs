//! What codecs remember from one payload to the next.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use oriel_codecs::{
    clearcodec::ClearCodecDecoder,
    geometry::{Rect, Size},
    picture::BYTES_PER_PIXEL,
    remotefx::RemoteFxDecoder,
    video::DecoderEvent,
};
use oriel_protocol::graphics::{CodecContextId, PayloadCodec};
use parking_lot::Mutex;

use super::{
    DecoderPlan, Painting, Step,
    payload::{Payload, VideoStream},
    pictures::PictureSlot,
    pool::{BufferPool, TileSets},
    progressive::ProgressiveContexts,
    tile_pool::TilePool,
};
use crate::error::PeerError;

/// Payloads that continue each other, and the state that they share. A worker that has the stream
/// marks it busy while the state is locked, so the lock on it is never waited for.
pub(super) struct Stream {
    is_busy: AtomicBool,
    state: Mutex<State>,
    /// Progressive contexts that are gone, and the number of the slot from which on.
    deleted: Mutex<Vec<(u64, CodecContextId)>>,
}

enum State {
    Surface {
        video: VideoStream,
        progressive: ProgressiveContexts,
    },
    RemoteFx(RemoteFxDecoder),
    ClearCodec(Box<ClearCodecDecoder>),
}

/// What decoding a payload of a stream takes beside its state.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) buffers: &'a Arc<BufferPool>,
    pub(super) tiles: &'a TilePool,
    pub(super) tile_sets: &'a Arc<TileSets>,
    pub(super) coded_from: &'a AtomicUsize,
    pub(super) decoders: &'a DecoderPlan,
    pub(super) pictures: &'a Arc<PictureSlot>,
}

impl Means<'_> {
    /// True where the compositor makes the pixels of a payload of so many bytes.
    pub(super) fn are_tiles_kept_coded(&self, bytes: usize) -> bool {
        bytes >= self.coded_from.load(Ordering::Relaxed)
    }
}

impl Stream {
    /// The H.264 stream and the progressive contexts of a surface.
    pub(super) fn of_surface() -> Self {
        Self::new(State::Surface {
            video: VideoStream::default(),
            progressive: ProgressiveContexts::default(),
        })
    }

    /// The RemoteFX stream of a connection, whatever surface its pictures go to.
    pub(super) fn of_remote_fx() -> Self {
        Self::new(State::RemoteFx(RemoteFxDecoder::new()))
    }

    /// The ClearCodec stream of a connection, whose caches all surfaces share
    /// (`[MS-RDPEGFX] 3.3.1.9` to `3.3.1.13`).
    pub(super) fn of_clear_codec() -> Self {
        Self::new(State::ClearCodec(Box::default()))
    }

    fn new(state: State) -> Self {
        Self {
            is_busy: AtomicBool::new(false),
            state: Mutex::new(state),
            deleted: Mutex::default(),
        }
    }

    /// True while a worker has the stream.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed)
    }

    /// Gives the stream to a worker, or takes it back.
    pub(super) fn set_busy(&self, is_busy: bool) {
        self.is_busy.store(is_busy, Ordering::Relaxed);
    }

    /// Which H.264 decoder is at work, and what has happened to it since the last call.
    pub(super) fn video_report(&self) -> Option<(&'static str, Vec<DecoderEvent>)> {
        match &mut *self.state.lock() {
            State::Surface { video, .. } => video.report(),
            _ => None,
        }
    }

    /// Notes that a progressive context is gone for the slots behind `number`.
    pub(super) fn delete_context(&self, number: u64, context: CodecContextId) {
        /// More are only noted by a peer that deletes what it never made.
        const MAX_NOTES: usize = 256;
        let mut deleted = self.deleted.lock();
        if deleted.len() == MAX_NOTES {
            deleted.remove(0);
        }
        deleted.push((number, context));
    }

    /// Decodes the payload of slot `number`. To be called by the taker of its job alone.
    pub(super) fn decode(
        &self,
        number: u64,
        payload: &Payload,
        means: Means<'_>,
    ) -> Result<Step, PeerError> {
        let painting = match &mut *self.state.lock() {
            State::Surface { video, progressive } => {
                self.deleted.lock().retain(|&(from, context)| {
                    let is_due = from < number;
                    if is_due {
                        progressive.delete(context);
                    }
                    !is_due
                });
                match payload.codec {
                    PayloadCodec::Progressive(_) => progressive.decode(payload, means)?,
                    _ => video.decode(payload, means)?,
                }
            }
            State::RemoteFx(decoder) => decode_remote_fx(decoder, payload, means)?,
            State::ClearCodec(decoder) => decode_clear_codec(decoder, payload, means)?,
        };
        Ok(Step::Paint {
            surface: payload.surface,
            painting,
        })
    }
}

fn decode_remote_fx(
    decoder: &mut RemoteFxDecoder,
    payload: &Payload,
    means: Means<'_>,
) -> Result<Painting, PeerError> {
    // Commands of whole tiles may reach beyond the surface.
    let (whole, surface) = (payload.rect.size(), payload.surface_size);
    let shown = Size::new(
        whole.width.min(surface.width),
        whole.height.min(surface.height),
    );
    let mut rects = Vec::new();
    let bytes = &payload.bytes;
    if means.are_tiles_kept_coded(bytes.len()) && RemoteFxDecoder::is_one_picture(bytes) {
        let mut tiles = means.tile_sets.take();
        means
            .tiles
            .run(bytes.len(), || {
                decoder.decode_coefficients(bytes, shown, &mut tiles, &mut rects)
            })
            .map_err(|error| payload.error(error))?;
        return Ok(Painting::Tiles {
            origin: payload.rect.origin(),
            tiles,
            rects,
        });
    }
    let block = payload.draw(means.buffers, shown, |bytes, target| {
        means
            .tiles
            .run(bytes.len(), || decoder.decode(bytes, target, &mut rects))
    })?;
    Ok(Painting::Parts {
        origin: payload.rect.origin(),
        block,
        rects,
    })
}

fn decode_clear_codec(
    decoder: &mut ClearCodecDecoder,
    payload: &Payload,
    means: Means<'_>,
) -> Result<Painting, PeerError> {
    let block = payload.draw(means.buffers, payload.rect.size(), |bytes, target| {
        // What is drawn is opaque: this marks what no layer covers.
        target.data_mut().fill(0);
        decoder.decode(bytes, target)
    })?;
    let is_whole = block
        .data()
        .as_chunks::<BYTES_PER_PIXEL>()
        .0
        .iter()
        .all(|pixel| pixel[3] != 0);
    if is_whole {
        let rect = payload.rect;
        return Ok(Painting::Pixels { rect, block });
    }
    let rects = opaque_rects(block.data(), block.size());
    Ok(Painting::Parts {
        origin: payload.rect.origin(),
        block,
        rects,
    })
}

/// Rectangles of all pixels whose alpha is not 0.
fn opaque_rects(pixels: &[u8], size: Size) -> Vec<Rect> {
    let mut rects: Vec<Rect> = Vec::new();
    // Those that reach down to the row before, from left to right.
    let mut open: Vec<usize> = Vec::new();
    let rows = pixels.chunks_exact(size.width as usize * BYTES_PER_PIXEL);
    for (y, row) in (0..size.height as i32).zip(rows) {
        let mut still_open = Vec::with_capacity(open.len());
        let mut left = 0;
        let row = row.as_chunks::<BYTES_PER_PIXEL>().0;
        for run in row.chunk_by(|a, b| (a[3] == 0) == (b[3] == 0)) {
            let right = left + run.len() as i32;
            if run[0][3] != 0 {
                let above = open
                    .binary_search_by_key(&left, |&index| rects[index].left)
                    .map(|at| open[at]);
                match above {
                    Ok(index) if rects[index].right == right => {
                        rects[index].bottom = y + 1;
                        still_open.push(index);
                    }
                    _ => {
                        still_open.push(rects.len());
                        rects.push(Rect::new(left, y, right, y + 1));
                    }
                }
            }
            left = right;
        }
        open = still_open;
    }
    rects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_pixels_are_covered_once_and_others_not_at_all() {
        let picture = [
            "..####..", //
            "..####..", "#.####.#", "#.##....", "........", "########",
        ];
        let size = Size::new(8, picture.len() as u32);
        let alphas = picture.concat().into_bytes();
        let pixels: Vec<u8> = alphas
            .iter()
            .flat_map(|&mark| [1, 2, 3, if mark == b'#' { 255 } else { 0 }])
            .collect();
        let rects = opaque_rects(&pixels, size);
        assert_eq!(
            rects,
            [
                Rect::new(2, 0, 6, 3),
                Rect::new(0, 2, 1, 4),
                Rect::new(7, 2, 8, 3),
                Rect::new(2, 3, 4, 4),
                Rect::new(0, 5, 8, 6),
            ]
        );
    }
}
