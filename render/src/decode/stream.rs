//! What codecs remember from one payload to the next.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use oriel_codecs::{geometry::Size, remotefx::RemoteFxDecoder};
use oriel_protocol::graphics::{CodecContextId, PayloadCodec};
use parking_lot::Mutex;

use super::{
    Painting, Step,
    payload::{Payload, VideoStream},
    pool::BufferPool,
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
}

/// What decoding a payload of a stream takes beside its state.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) buffers: &'a Arc<BufferPool>,
    pub(super) tiles: &'a TilePool,
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

    /// Which H.264 decoder is at work.
    pub(super) fn video_decoder(&self) -> Option<&'static str> {
        match &*self.state.lock() {
            State::Surface { video, .. } => video.decoder_name(),
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
                    _ => video.decode(payload)?,
                }
            }
            State::RemoteFx(decoder) => decode_remote_fx(decoder, payload, means)?,
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
