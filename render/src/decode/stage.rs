//! The stage between the connection and the compositor: a queue, and the workers on it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use oriel_codecs::{geometry::Size, remotefx::CoefficientTiles, video::DecoderEvent};
use oriel_protocol::graphics::{FrameId, GraphicsCommand};
use parking_lot::{Condvar, Mutex};

use super::{
    DecoderPlan, PictureTaker, PixelBlock, Step,
    payload::Scratch,
    pictures::PictureSlot,
    pool::{BufferPool, TileSets},
    queue::{Job, Queue},
    stream::Means,
    tile_pool::TilePool,
};
use crate::{error::PeerError, statistics::Recorder};

/// Bounds of a [`DecodeStage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Threads that decode payloads, each one of its own.
    pub workers: usize,
    /// Threads that share the tiles of a large payload; 1 leaves them to its worker.
    pub tile_threads: usize,
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
            tile_threads: cores.clamp(1, 8),
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
    /// When its first bytes had come.
    pub arrived: Instant,
    /// When all of it had come.
    pub whole: Instant,
    /// When its end was submitted: later where the queue was full.
    pub submitted: Instant,
    /// When the last of its payloads was decoded.
    pub decoded: Instant,
    /// Time that workers spent on its payloads, all together.
    pub decode: Duration,
}

/// When a frame is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// All that was submitted before it has been handed out: it is to be acknowledged.
    Due,
    /// Something before it is still decoding, which shares nothing with it. It may be shown, and
    /// comes once more to be acknowledged.
    Early,
    /// Its steps were handed out early; it is to be acknowledged now.
    Past,
}

/// Steps to be carried out one after the other.
#[derive(Debug)]
pub struct Batch {
    /// The steps, or why one is missing.
    pub steps: Vec<Result<Step, PeerError>>,
    /// The frame that ends with the last step.
    pub frame: Option<FinishedFrame>,
    /// When that is.
    pub turn: Turn,
    /// False while the batch leaves a frame open: it is not to be shown yet.
    pub is_whole: bool,
    /// When the oldest step was submitted.
    pub oldest: Instant,
    /// A command was refused, and there is room again.
    pub queue_drained: bool,
    /// What has happened to H.264 decoders.
    pub decoder_events: Vec<DecoderEvent>,
}

/// Takes commands, decodes their payloads on threads, and gives steps back in order.
#[derive(Debug)]
pub struct DecodeStage {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// One a worker: which one is woken makes a difference.
    work: Vec<Condvar>,
    wake: Box<dyn Fn() + Send + Sync>,
    options: DecodeOptions,
    pool: Arc<BufferPool>,
    tiles: Arc<TilePool>,
    tile_sets: Arc<TileSets>,
    /// Bytes from which on a payload's tiles are left in coefficients, for the compositor.
    coded_from: AtomicUsize,
    decoders: DecoderPlan,
    pictures: Arc<PictureSlot>,
    recorder: Arc<Recorder>,
    /// Of whoever submits, for small payloads.
    scratch: Mutex<Scratch>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl DecodeStage {
    /// Starts the workers. `wake` is called from any thread whenever [`next_batch`](Self::next_batch)
    /// may have something new; it must not call back into the stage.
    pub fn start(
        options: DecodeOptions,
        decoders: DecoderPlan,
        recorder: Arc<Recorder>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let workers = options.workers.max(1);
        let mut stage = Self {
            shared: Arc::new(Shared {
                queue: Mutex::default(),
                work: (0..workers).map(|_| Condvar::new()).collect(),
                wake: Box::new(wake),
                options,
                pool: Arc::default(),
                tiles: Arc::new(TilePool::new(options.tile_threads)),
                tile_sets: Arc::default(),
                coded_from: AtomicUsize::new(usize::MAX),
                pictures: Arc::new(PictureSlot::new(decoders.clone())),
                decoders,
                recorder,
                scratch: Mutex::default(),
            }),
            workers: Vec::with_capacity(workers),
        };
        for index in 0..workers {
            let shared = stage.shared.clone();
            stage.workers.push(
                std::thread::Builder::new()
                    .name(format!("oriel-decode-{index}"))
                    .spawn(move || shared.work(index))?,
            );
        }
        Ok(stage)
    }

    /// Takes a command, or gives it back where the queue is full; [`Batch::queue_drained`] tells
    /// when there is room again.
    pub fn try_submit(&self, command: GraphicsCommand) -> Result<(), GraphicsCommand> {
        self.try_submit_arrived(command, Instant::now())
    }

    /// The same for a command whose bytes came at `arrived`.
    pub fn try_submit_arrived(
        &self,
        command: GraphicsCommand,
        arrived: Instant,
    ) -> Result<(), GraphicsCommand> {
        let shared = &*self.shared;
        let mut queue = shared.queue.lock();
        let has_job = match queue.try_accept(command, arrived, &shared.options) {
            Ok(has_job) => has_job,
            Err(command) => {
                drop(queue);
                // What is ready of an unfinished frame may be taken now.
                (shared.wake)();
                return Err(command);
            }
        };
        let depth = queue.depth();
        let small = has_job
            .then(|| queue.next_small_job(&shared.options))
            .flatten();
        if let Some(job) = small {
            drop(queue);
            let done = shared.decode(&job, &mut shared.scratch.lock());
            queue = shared.queue.lock();
            done.put_back(&mut queue, &job);
        }
        let has_batch = queue.has_batch(&shared.options);
        let called = has_job.then(|| queue.call(&shared.options)).flatten();
        drop(queue);
        shared.recorder.queued(depth.commands, depth.payload_bytes);
        if let Some(worker) = called {
            shared.work[worker].notify_one();
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
        let mut queue = shared.queue.lock();
        let batch = queue.take_batch(&shared.options)?;
        // Those that waited for room.
        for worker in queue.call_all() {
            shared.work[worker].notify_one();
        }
        drop(queue);
        Some(batch)
    }

    /// Takes the steps of a batch that is done with, so that a later one finds its list made.
    pub fn reuse(&self, mut steps: Vec<Result<Step, PeerError>>) {
        steps.clear();
        self.shared.queue.lock().reuse(steps);
    }

    /// From payloads of so many bytes on, tiles of RemoteFX are left in their coefficients, for a
    /// compositor that [makes pixels of them](crate::compositor::Compositor::draw_tiles); without a
    /// number, none are.
    pub fn keep_tiles_coded(&self, from_bytes: Option<usize>) {
        let from = from_bytes.unwrap_or(usize::MAX);
        self.shared.coded_from.store(from, Ordering::Relaxed);
    }

    /// The threads that share large pictures, for who has one to draw.
    pub(crate) fn tile_pool(&self) -> Arc<TilePool> {
        self.shared.tiles.clone()
    }

    /// Threads that share the tiles of a large payload.
    pub(crate) fn tile_threads(&self) -> usize {
        self.shared.options.tile_threads
    }

    /// Draws tiles that are a picture of `size`, as a decoder does at the end of its work.
    pub(crate) fn draw_tiles(&self, tiles: &CoefficientTiles, size: Size) -> PixelBlock {
        let mut block = PixelBlock::pooled(&self.shared.pool, size);
        self.shared.tiles.run(usize::MAX, || {
            if let Some(mut target) = block.target() {
                tiles.draw(&size.to_rect(), &mut target);
            }
        });
        block
    }

    /// Decoders leave their pictures to this one from now on, where they can; else they copy them
    /// into memory.
    pub fn open_pictures(&self, taker: Option<PictureTaker>) {
        self.shared.pictures.open(taker);
    }

    /// Whoever took pictures has failed, and none are left to anybody any more. Without a taker
    /// nothing changes.
    pub fn close_pictures(&self) {
        self.shared.pictures.close();
    }

    /// What waits.
    pub fn depth(&self) -> QueueDepth {
        self.shared.queue.lock().depth()
    }
}

impl Drop for DecodeStage {
    fn drop(&mut self) {
        self.shared.queue.lock().stop();
        for work in &self.shared.work {
            work.notify_one();
        }
        for worker in self.workers.drain(..) {
            // A worker that panicked has said so on its own.
            let _ = worker.join();
        }
    }
}

/// A job's result.
struct Done {
    result: Result<Step, PeerError>,
    started: Instant,
    ended: Instant,
    events: Vec<DecoderEvent>,
}

impl Done {
    fn put_back(self, queue: &mut Queue, job: &Job) {
        queue.note_decoder_events(self.events);
        let stream = job.stream.as_deref();
        queue.finish(job.number, stream, self.result, self.started, self.ended);
    }
}

impl Shared {
    fn work(&self, worker: usize) {
        let mut scratch = Scratch::default();
        let mut queue = self.queue.lock();
        loop {
            if queue.is_stopped() {
                return;
            }
            let Some(job) = queue.next_job(&self.options) else {
                queue.rest(worker);
                self.work[worker].wait(&mut queue);
                continue;
            };
            drop(queue);
            let done = self.decode(&job, &mut scratch);
            queue = self.queue.lock();
            done.put_back(&mut queue, &job);
            if queue.has_batch(&self.options) {
                // Woken outside of the lock, which the woken wants at once.
                drop(queue);
                (self.wake)();
                queue = self.queue.lock();
            }
        }
    }

    fn decode(&self, job: &Job, scratch: &mut Scratch) -> Done {
        let codec = job.payload.codec;
        let means = Means {
            buffers: &self.pool,
            tiles: &self.tiles,
            tile_sets: &self.tile_sets,
            coded_from: &self.coded_from,
            decoders: &self.decoders,
            pictures: &self.pictures,
        };
        let started = Instant::now();
        // A decoder's bug must cost one picture, not the session: without a step in its slot the
        // queue would stand still.
        let result = catch_unwind(AssertUnwindSafe(|| match &job.stream {
            Some(stream) => stream.decode(job.number, &job.payload, means),
            None => job.payload.decode(&self.pool, scratch),
        }))
        .unwrap_or_else(|_| {
            Err(PeerError::Payload {
                codec,
                reason: "the decoder panicked".into(),
            })
        });
        let ended = Instant::now();
        let bytes = job.payload.bytes.len();
        self.recorder
            .decoded(codec, bytes, started, ended, result.is_ok());
        let report = job.stream.as_ref().and_then(|stream| stream.video_report());
        let mut events = Vec::new();
        if let Some((name, happened)) = report {
            self.recorder.set_video_decoder(name);
            events = happened;
        }
        for event in &events {
            let (DecoderEvent::Replaced { from, .. } | DecoderEvent::KeyFrameWanted { from, .. }) =
                event;
            self.decoders.strike(from);
        }
        Done {
            result,
            started,
            ended,
            events,
        }
    }
}
