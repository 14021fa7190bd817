//! The queue between the connection and the compositor, and the workers on it.

use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use oriel_codecs::{geometry::Size, palette::Palette};
use oriel_protocol::graphics::{CodecContextId, FrameId, GraphicsCommand, PayloadCodec, SurfaceId};
use parking_lot::{Condvar, Mutex};

use super::{
    Step,
    payload::{Payload, Scratch, VideoStream},
    pool::BufferPool,
    progressive::ProgressiveContexts,
};
use crate::{error::PeerError, statistics::Recorder};

/// Bounds of a [`DecodeStage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Threads.
    pub workers: usize,
    /// Commands in the queue, at most.
    pub max_commands: usize,
    /// Payload bytes in the queue, at most; a single larger payload is taken by an empty queue.
    pub max_payload_bytes: usize,
    /// Bytes of pixels that are decoded and wait for their turn, at most: beyond, only the payload
    /// that is next in turn is decoded.
    pub max_decoded_bytes: usize,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            // One core is left to the network and to the compositor.
            workers: cores.saturating_sub(1).clamp(1, 4),
            max_commands: 8192,
            max_payload_bytes: 48 << 20,
            max_decoded_bytes: 128 << 20,
        }
    }
}

/// What waits in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Frames whose end was submitted and which were not handed out.
    pub frames: u32,
    /// Commands.
    pub commands: usize,
    /// Bytes of their payloads.
    pub payload_bytes: usize,
}

/// A frame whose last step is in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishedFrame {
    /// Its name.
    pub frame: FrameId,
    /// When its end was submitted.
    pub submitted: Instant,
    /// Time that workers spent on its payloads, all together.
    pub decode: Duration,
}

/// Steps to be carried out one after the other.
#[derive(Debug)]
pub struct Batch {
    /// The steps, or why one is missing.
    pub steps: Vec<Result<Step, PeerError>>,
    /// The frame that ends with the last step.
    pub frame: Option<FinishedFrame>,
    /// False while the batch leaves a frame open: it is not to be shown yet.
    pub is_whole: bool,
    /// When the oldest step was submitted.
    pub oldest: Instant,
    /// A command was refused, and there is room again.
    pub queue_drained: bool,
}

/// Takes commands, decodes their payloads on threads, and gives steps back in order.
#[derive(Debug)]
pub struct DecodeStage {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    wake: Box<dyn Fn() + Send + Sync>,
    options: DecodeOptions,
    pool: Arc<BufferPool>,
    recorder: Arc<Recorder>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    slots: VecDeque<Slot>,
    /// Number of the first slot, counted from the first command ever.
    base: u64,
    /// Slots at the front that are ready.
    ready: usize,
    /// Numbers of slots that end a frame.
    ends: VecDeque<u64>,
    /// What the part of a frame that was handed out early took to decode.
    open_frame: Option<Duration>,
    jobs: VecDeque<Job>,
    surfaces: HashMap<SurfaceId, Surface>,
    palette: Arc<Palette>,
    payload_bytes: usize,
    decoded_bytes: usize,
    refused: bool,
    stop: bool,
}

struct Slot {
    step: Option<Result<Step, PeerError>>,
    mark: Mark,
    submitted: Instant,
    payload_bytes: usize,
    decoded_bytes: usize,
    decode: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    None,
    Start,
    End(FrameId),
}

struct Job {
    number: u64,
    payload: Payload,
    /// What the payload continues.
    stream: Option<Arc<Stream>>,
}

#[derive(Clone)]
struct Surface {
    size: Size,
    stream: Arc<Stream>,
}

/// What a surface's codecs remember from one payload to the next. A worker that has it marks it busy
/// while the state is locked, so the lock on the codecs is never waited for.
#[derive(Default)]
struct Stream {
    is_busy: AtomicBool,
    codecs: Mutex<Codecs>,
    /// Progressive contexts that are gone, and the number of the slot from which on.
    deleted: Mutex<Vec<(u64, CodecContextId)>>,
}

#[derive(Default)]
struct Codecs {
    video: VideoStream,
    progressive: ProgressiveContexts,
}

impl Stream {
    /// Notes that a progressive context is gone for the slots behind `number`.
    fn delete_context(&self, number: u64, context: CodecContextId) {
        /// More are only noted by a peer that deletes what it never made.
        const MAX_NOTES: usize = 256;
        let mut deleted = self.deleted.lock();
        if deleted.len() == MAX_NOTES {
            deleted.remove(0);
        }
        deleted.push((number, context));
    }

    fn decode(
        &self,
        number: u64,
        payload: &Payload,
        pool: &Arc<BufferPool>,
    ) -> Result<Step, PeerError> {
        let codecs = &mut *self.codecs.lock();
        self.deleted.lock().retain(|&(from, context)| {
            let is_due = from < number;
            if is_due {
                codecs.progressive.delete(context);
            }
            !is_due
        });
        match payload.codec {
            PayloadCodec::Progressive(_) => codecs.progressive.decode(payload, pool),
            _ => codecs.video.decode(payload),
        }
    }
}

impl DecodeStage {
    /// Starts the workers. `wake` is called from any thread whenever [`next_batch`](Self::next_batch)
    /// may have something new; it must not call back into the stage.
    pub fn start(
        options: DecodeOptions,
        recorder: Arc<Recorder>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let mut stage = Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                work: Condvar::new(),
                wake: Box::new(wake),
                options,
                pool: Arc::default(),
                recorder,
            }),
            workers: Vec::with_capacity(options.workers),
        };
        for index in 0..options.workers.max(1) {
            let shared = stage.shared.clone();
            stage.workers.push(
                std::thread::Builder::new()
                    .name(format!("oriel-decode-{index}"))
                    .spawn(move || shared.work())?,
            );
        }
        Ok(stage)
    }

    /// Takes a command, or gives it back where the queue is full; [`Batch::queue_drained`] tells
    /// when there is room again.
    pub fn try_submit(&self, command: GraphicsCommand) -> Result<(), GraphicsCommand> {
        let shared = &*self.shared;
        let mut state = shared.state.lock();
        let payload_bytes = match &command {
            GraphicsCommand::Draw { payload, .. } => payload.len(),
            _ => 0,
        };
        let is_full = state.slots.len() >= shared.options.max_commands
            || (state.payload_bytes > 0
                && state.payload_bytes + payload_bytes > shared.options.max_payload_bytes);
        if is_full {
            state.refused = true;
            drop(state);
            // What is ready of an unfinished frame may be taken now.
            (shared.wake)();
            return Err(command);
        }
        let has_job = state.accept(command, payload_bytes);
        state.advance();
        shared
            .recorder
            .queued(state.slots.len(), state.payload_bytes);
        let has_batch = state.has_batch(&shared.options);
        drop(state);
        if has_job {
            shared.work.notify_one();
        }
        if has_batch {
            (shared.wake)();
        }
        Ok(())
    }

    /// The next steps that are ready, if there are any: a whole frame, or what stands between two
    /// frames, or, where the queue is full, the beginning of a frame.
    pub fn next_batch(&self) -> Option<Batch> {
        let shared = &*self.shared;
        let mut state = shared.state.lock();
        let (count, is_whole) = state.batch(&shared.options)?;
        let batch = state.take(count, is_whole, &shared.options);
        drop(state);
        // Workers that waited for room, and there may be more than one.
        shared.work.notify_all();
        Some(batch)
    }

    /// What waits.
    pub fn depth(&self) -> QueueDepth {
        let state = self.shared.state.lock();
        QueueDepth {
            frames: state.ends.len() as u32,
            commands: state.slots.len(),
            payload_bytes: state.payload_bytes,
        }
    }
}

impl Drop for DecodeStage {
    fn drop(&mut self) {
        self.shared.state.lock().stop = true;
        self.shared.work.notify_all();
        for worker in self.workers.drain(..) {
            // A worker that panicked has said so on its own.
            let _ = worker.join();
        }
    }
}

impl State {
    /// Queues a command; true where it is a job for a worker.
    fn accept(&mut self, command: GraphicsCommand, payload_bytes: usize) -> bool {
        let number = self.base + self.slots.len() as u64;
        let mut mark = Mark::None;
        let mut job = None;
        let step = match command {
            GraphicsCommand::Draw {
                surface,
                rect,
                codec,
                format,
                payload,
            } => match self.check_draw(surface, rect.size()) {
                Ok(known) => {
                    let payload = Payload {
                        surface,
                        surface_size: known.size,
                        rect,
                        codec,
                        format,
                        bytes: payload,
                        palette: self.palette.clone(),
                    };
                    let stream = payload.is_stateful().then_some(known.stream);
                    job = Some(Job {
                        number,
                        payload,
                        stream,
                    });
                    None
                }
                Err(error) => Some(Err(error)),
            },
            GraphicsCommand::SetPalette { colors } => {
                self.palette = Arc::new(Palette::from_rgb(&colors));
                Some(Ok(Step::Nothing))
            }
            command => {
                match &command {
                    GraphicsCommand::StartFrame { .. } => mark = Mark::Start,
                    GraphicsCommand::EndFrame { frame } => {
                        mark = Mark::End(*frame);
                        self.ends.push_back(number);
                    }
                    GraphicsCommand::ResetGraphics { .. } => self.surfaces.clear(),
                    GraphicsCommand::CreateSurface { surface, size, .. } => {
                        let created = Surface {
                            size: *size,
                            stream: Arc::default(),
                        };
                        self.surfaces.insert(*surface, created);
                    }
                    GraphicsCommand::DeleteSurface { surface } => {
                        self.surfaces.remove(surface);
                    }
                    GraphicsCommand::DeleteCodecContext { surface, context } => {
                        if let Some(known) = self.surfaces.get(surface) {
                            known.stream.delete_context(number, *context);
                        }
                    }
                    _ => {}
                }
                Some(Ok(Step::Command(command)))
            }
        };
        self.payload_bytes += payload_bytes;
        self.slots.push_back(Slot {
            step,
            mark,
            submitted: Instant::now(),
            payload_bytes,
            decoded_bytes: 0,
            decode: Duration::ZERO,
        });
        let has_job = job.is_some();
        self.jobs.extend(job);
        has_job
    }

    /// A rectangle larger than its surface would make this side allocate what it can never show.
    fn check_draw(&self, surface: SurfaceId, size: Size) -> Result<Surface, PeerError> {
        let known = self
            .surfaces
            .get(&surface)
            .ok_or(PeerError::UnknownSurface {
                surface,
                command: "draw",
            })?;
        if size.width > known.size.width || size.height > known.size.height {
            return Err(PeerError::TooLarge {
                what: "drawing",
                size,
            });
        }
        Ok(known.clone())
    }

    fn advance(&mut self) {
        while self
            .slots
            .get(self.ready)
            .is_some_and(|slot| slot.step.is_some())
        {
            self.ready += 1;
        }
    }

    fn has_batch(&self, options: &DecodeOptions) -> bool {
        self.batch(options).is_some()
    }

    /// How many slots can be handed out, and whether they leave no frame open.
    fn batch(&self, options: &DecodeOptions) -> Option<(usize, bool)> {
        let front = self.slots.front().filter(|_| self.ready > 0)?;
        let is_in_frame = self.open_frame.is_some() || front.mark == Mark::Start;
        if is_in_frame {
            if let Some(end) = self.ends.front() {
                let count = (end - self.base) as usize + 1;
                if count <= self.ready {
                    return Some((count, true));
                }
            }
            // The frame does not fit in the queue: make room.
            let is_stuck = self.refused || self.decoded_bytes >= options.max_decoded_bytes;
            return is_stuck.then_some((self.ready, false));
        }
        let outside = self
            .slots
            .iter()
            .take(self.ready)
            .take_while(|slot| slot.mark == Mark::None)
            .count();
        match self.slots.get(outside) {
            // An end without a start is still an end, to be acknowledged.
            Some(slot) if outside < self.ready && matches!(slot.mark, Mark::End(_)) => {
                Some((outside + 1, true))
            }
            _ => Some((outside, true)),
        }
    }

    fn take(&mut self, count: usize, is_whole: bool, options: &DecodeOptions) -> Batch {
        let mut decode = self.open_frame.take().unwrap_or_default();
        let mut frame = None;
        let mut steps = Vec::with_capacity(count);
        let mut oldest = None;
        for slot in self.slots.drain(..count) {
            oldest.get_or_insert(slot.submitted);
            self.payload_bytes -= slot.payload_bytes;
            self.decoded_bytes -= slot.decoded_bytes;
            decode += slot.decode;
            if let Mark::End(name) = slot.mark {
                self.ends.pop_front();
                frame = Some(FinishedFrame {
                    frame: name,
                    submitted: slot.submitted,
                    decode,
                });
            }
            steps.extend(slot.step);
        }
        self.base += count as u64;
        self.ready -= count;
        if !is_whole {
            self.open_frame = Some(decode);
        }
        let has_room = self.slots.len() <= options.max_commands / 2
            && self.payload_bytes <= options.max_payload_bytes / 2;
        let queue_drained = self.refused && has_room;
        if queue_drained {
            self.refused = false;
        }
        Batch {
            steps,
            frame,
            is_whole,
            oldest: oldest.unwrap_or_else(Instant::now),
            queue_drained,
        }
    }

    /// The first job that may be done now.
    fn next_job(&mut self, options: &DecodeOptions) -> Option<Job> {
        let is_full = self.decoded_bytes >= options.max_decoded_bytes;
        let next = self.base + self.ready as u64;
        let at = self.jobs.iter().position(|job| {
            let is_free = job
                .stream
                .as_ref()
                .is_none_or(|stream| !stream.is_busy.load(Ordering::Relaxed));
            is_free && (!is_full || job.number == next)
        })?;
        let job = self.jobs.remove(at)?;
        if let Some(stream) = &job.stream {
            stream.is_busy.store(true, Ordering::Relaxed);
        }
        Some(job)
    }

    fn finish(&mut self, number: u64, result: Result<Step, PeerError>, decode: Duration) {
        let decoded_bytes = result.as_ref().map_or(0, Step::bytes);
        if let Some(slot) = self.slots.get_mut((number - self.base) as usize) {
            slot.step = Some(result);
            slot.decode = decode;
            slot.decoded_bytes = decoded_bytes;
            self.decoded_bytes += decoded_bytes;
        }
        self.advance();
    }
}

impl Shared {
    fn work(&self) {
        let mut scratch = Scratch::default();
        let mut state = self.state.lock();
        loop {
            if state.stop {
                return;
            }
            let Some(job) = state.next_job(&self.options) else {
                self.work.wait(&mut state);
                continue;
            };
            drop(state);
            let codec = job.payload.codec;
            let bytes = job.payload.bytes.len();
            let started = Instant::now();
            // A decoder's bug must cost one picture, not the session: without a step in its slot
            // the queue would stand still.
            let result = catch_unwind(AssertUnwindSafe(|| match &job.stream {
                Some(stream) => stream.decode(job.number, &job.payload, &self.pool),
                None => job.payload.decode(&self.pool, &mut scratch),
            }))
            .unwrap_or_else(|_| {
                Err(PeerError::Payload {
                    codec,
                    reason: "the decoder panicked".into(),
                })
            });
            let decode = started.elapsed();
            self.recorder.decoded(codec, bytes, decode, result.is_ok());
            if let Some(name) = job
                .stream
                .as_ref()
                .and_then(|stream| stream.codecs.lock().video.decoder_name())
            {
                self.recorder.set_video_decoder(name);
            }
            state = self.state.lock();
            if let Some(stream) = &job.stream {
                stream.is_busy.store(false, Ordering::Relaxed);
            }
            state.finish(job.number, result, decode);
            let has_batch = state.has_batch(&self.options);
            if has_batch {
                // Woken outside of the lock, which the woken wants at once.
                drop(state);
                (self.wake)();
                state = self.state.lock();
            }
        }
    }
}
