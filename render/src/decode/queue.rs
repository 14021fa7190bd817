//! What waits between submission and hand-over: slots in order, jobs for workers, streams.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use oriel_codecs::{geometry::Size, palette::Palette, video::DecoderEvent};
use oriel_protocol::graphics::{FrameId, GraphicsCommand, PayloadCodec, SurfaceId};

use super::{
    Step,
    payload::{Payload, avc_version},
    reach::Reach,
    stage::{Batch, DecodeOptions, FinishedFrame, QueueDepth, Turn},
    stream::Stream,
};
use crate::error::PeerError;

/// So many slots are looked at for a frame that may go before those that are still decoding.
const LOOK_AHEAD: usize = 256;

/// So many pixels of a frame are decoded by whoever submits them, which takes less time than to
/// wake a worker for them. The rest of a frame is the workers' to share.
const SMALL_PX: u64 = 8 * 64 * 64;
/// A progressive payload does not say how many pixels it has: for a byte, at most about so many.
const PROGRESSIVE_PX_A_BYTE: u64 = 16;

/// Everything that the stage's lock guards.
pub(super) struct Queue {
    slots: VecDeque<Slot>,
    /// Number of the first slot, counted from the first command ever.
    base: u64,
    /// Slots at the front that are ready.
    ready: usize,
    /// Numbers of slots that end a frame.
    ends: VecDeque<u64>,
    /// Slots of a frame that may be handed out before its turn.
    ahead: Option<Range<u64>>,
    /// What whoever submitted it has decoded since the last frame began.
    small_px: u64,
    /// The frame whose first part was handed out early.
    open_frame: Option<OpenFrame>,
    jobs: VecDeque<Job>,
    surfaces: HashMap<SurfaceId, Surface>,
    /// RemoteFX and ClearCodec remember for all surfaces together: servers send headers once a
    /// connection, and one set of caches serves all.
    remote_fx: Arc<Stream>,
    clear_codec: Arc<Stream>,
    palette: Arc<Palette>,
    payload_bytes: usize,
    decoded_bytes: usize,
    decoder_events: Vec<DecoderEvent>,
    /// Workers that have nothing to do, the last one to have had something at the end.
    idle: Vec<usize>,
    /// An empty list for the next batch.
    spare: Vec<Result<Step, PeerError>>,
    refused: bool,
    is_stopped: bool,
}

struct Slot {
    step: Option<Result<Step, PeerError>>,
    mark: Mark,
    reach: Reach,
    /// It ends a frame that was handed out before its turn.
    was_early: bool,
    /// When its bytes came.
    arrived: Instant,
    submitted: Instant,
    /// When its payload was decoded; where there is none, when it was submitted.
    decoded: Instant,
    payload_bytes: usize,
    decoded_bytes: usize,
    decode: Duration,
}

impl Slot {
    /// Counts it into the frame that is open; returns the frame that it ends.
    fn count_in(&self, open: &mut Option<OpenFrame>) -> Option<FinishedFrame> {
        if self.mark == Mark::Start {
            *open = None;
        }
        let so_far = open.get_or_insert_with(|| OpenFrame::of(self));
        so_far.decode += self.decode;
        so_far.decoded = so_far.decoded.max(self.decoded);
        let Mark::End(frame) = self.mark else {
            return None;
        };
        Some(FinishedFrame {
            frame,
            arrived: so_far.arrived.min(self.arrived),
            whole: self.arrived,
            submitted: self.submitted,
            decoded: so_far.decoded,
            decode: so_far.decode,
        })
    }
}

/// What is known of a frame before its end.
#[derive(Clone, Copy)]
struct OpenFrame {
    arrived: Instant,
    decoded: Instant,
    decode: Duration,
}

impl OpenFrame {
    fn of(slot: &Slot) -> Self {
        Self {
            arrived: slot.arrived,
            decoded: slot.decoded,
            decode: Duration::ZERO,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    None,
    Start,
    End(FrameId),
}

/// A payload to be decoded.
pub(super) struct Job {
    /// Of its slot.
    pub(super) number: u64,
    pub(super) payload: Payload,
    /// What the payload continues.
    pub(super) stream: Option<Arc<Stream>>,
}

#[derive(Clone)]
struct Surface {
    size: Size,
    stream: Arc<Stream>,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            slots: VecDeque::new(),
            base: 0,
            ready: 0,
            ends: VecDeque::new(),
            ahead: None,
            small_px: 0,
            open_frame: None,
            jobs: VecDeque::new(),
            surfaces: HashMap::new(),
            remote_fx: Arc::new(Stream::of_remote_fx()),
            clear_codec: Arc::new(Stream::of_clear_codec()),
            palette: Arc::default(),
            payload_bytes: 0,
            decoded_bytes: 0,
            decoder_events: Vec::new(),
            idle: Vec::new(),
            spare: Vec::new(),
            refused: false,
            is_stopped: false,
        }
    }
}

impl Queue {
    /// Queues a command, or gives it back where there is no room; true where it is a job for a
    /// worker.
    pub(super) fn try_accept(
        &mut self,
        command: GraphicsCommand,
        arrived: Instant,
        options: &DecodeOptions,
    ) -> Result<bool, GraphicsCommand> {
        let payload_bytes = match &command {
            GraphicsCommand::Draw { payload, .. } => payload.len(),
            _ => 0,
        };
        let is_full = self.slots.len() >= options.max_commands
            || (self.payload_bytes > 0
                && self.payload_bytes + payload_bytes > options.max_payload_bytes);
        if is_full {
            self.refused = true;
            return Err(command);
        }
        let is_end = matches!(command, GraphicsCommand::EndFrame { .. });
        let has_job = self.accept(command, arrived, payload_bytes);
        self.advance();
        if is_end {
            self.look_ahead();
        }
        Ok(has_job)
    }

    /// What waits.
    pub(super) fn depth(&self) -> QueueDepth {
        QueueDepth {
            frames: self.ends.len() as u32,
            commands: self.slots.len(),
            payload_bytes: self.payload_bytes,
        }
    }

    /// No worker takes another job.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// True after [`stop`](Self::stop).
    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// The next steps that are ready.
    pub(super) fn take_batch(&mut self, options: &DecodeOptions) -> Option<Batch> {
        let batch = match self.batch(options) {
            Some((count, is_whole)) => self.take(count, is_whole, options),
            None => {
                let range = self.ahead.take()?;
                self.take_early(range, options)
            }
        };
        self.look_ahead();
        Some(batch)
    }

    /// Takes the empty list of a batch that is done with.
    pub(super) fn reuse(&mut self, steps: Vec<Result<Step, PeerError>>) {
        self.spare = steps;
    }

    /// True where [`take_batch`](Self::take_batch) has something to give.
    pub(super) fn has_batch(&self, options: &DecodeOptions) -> bool {
        self.ahead.is_some() || self.batch(options).is_some()
    }

    fn accept(&mut self, command: GraphicsCommand, arrived: Instant, payload_bytes: usize) -> bool {
        let number = self.base + self.slots.len() as u64;
        let mut mark = Mark::None;
        let mut job = None;
        let reach = Reach::of(&command);
        let step = match command {
            GraphicsCommand::Draw {
                surface,
                rect,
                codec,
                format,
                payload,
            } => match self.check_draw(surface, rect.size(), codec) {
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
                    let stream = self.stream(&known, codec);
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
                    GraphicsCommand::StartFrame { .. } => {
                        mark = Mark::Start;
                        self.small_px = 0;
                    }
                    GraphicsCommand::EndFrame { frame } => {
                        mark = Mark::End(*frame);
                        self.ends.push_back(number);
                    }
                    GraphicsCommand::ResetGraphics { .. } => self.surfaces.clear(),
                    GraphicsCommand::CreateSurface { surface, size, .. } => {
                        let created = Surface {
                            size: *size,
                            stream: Arc::new(Stream::of_surface()),
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
        let submitted = Instant::now();
        self.slots.push_back(Slot {
            step,
            mark,
            reach,
            was_early: false,
            arrived: arrived.min(submitted),
            submitted,
            decoded: submitted,
            payload_bytes,
            decoded_bytes: 0,
            decode: Duration::ZERO,
        });
        let has_job = job.is_some();
        self.jobs.extend(job);
        has_job
    }

    /// What a payload of this codec continues.
    fn stream(&self, surface: &Surface, codec: PayloadCodec) -> Option<Arc<Stream>> {
        match codec {
            PayloadCodec::Avc420
            | PayloadCodec::Avc444
            | PayloadCodec::Avc444v2
            | PayloadCodec::Progressive(_) => Some(surface.stream.clone()),
            PayloadCodec::RemoteFx => Some(self.remote_fx.clone()),
            PayloadCodec::ClearCodec => Some(self.clear_codec.clone()),
            _ => None,
        }
    }

    /// A rectangle larger than its surface would make this side allocate what it can never show;
    /// RemoteFX's comes in whole tiles, and is decoded as far as there is surface.
    fn check_draw(
        &self,
        surface: SurfaceId,
        size: Size,
        codec: PayloadCodec,
    ) -> Result<Surface, PeerError> {
        let known = self
            .surfaces
            .get(&surface)
            .ok_or(PeerError::UnknownSurface {
                surface,
                command: "draw",
            })?;
        let is_larger = size.width > known.size.width || size.height > known.size.height;
        if is_larger && codec != PayloadCodec::RemoteFx {
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

    /// Looks for a frame that is ready and shares nothing with what is still before it, of which
    /// something is decoding: a window need not wait for the film in another.
    fn look_ahead(&mut self) {
        self.ahead = None;
        // The frame at the front ends first; what it began with may be drawn already.
        let is_in_frame = self
            .slots
            .front()
            .is_some_and(|slot| slot.mark == Mark::Start);
        if self.open_frame.is_some() || self.ends.len() <= usize::from(is_in_frame) {
            return;
        }
        let mut before = Reach::default();
        // The frame that is looked at: where it began, what it touches, whether it is ready.
        let mut frame = None;
        for (index, slot) in self.slots.iter().enumerate().take(LOOK_AHEAD) {
            if slot.mark == Mark::Start
                && let Some((_, reach, _)) = frame.replace((index, Reach::default(), true))
            {
                before.add(&reach);
            }
            let Some((start, reach, is_ready)) = &mut frame else {
                before.add(&slot.reach);
                continue;
            };
            reach.add(&slot.reach);
            *is_ready &= slot.step.is_some();
            if matches!(slot.mark, Mark::End(_)) {
                let is_later = *start > self.ready && *reach != Reach::default();
                if is_later && *is_ready && !reach.conflicts(&before) {
                    let number = |index: usize| self.base + index as u64;
                    self.ahead = Some(number(*start)..number(index + 1));
                    return;
                }
                before.add(reach);
                frame = None;
            }
            if before.is_everything() {
                return;
            }
        }
    }

    /// Takes a frame's steps before their turn. Its slots stay, with nothing to do, so that its end
    /// is told when all before it have been.
    fn take_early(&mut self, range: Range<u64>, options: &DecodeOptions) -> Batch {
        let start = (range.start - self.base) as usize;
        let end = (range.end - self.base) as usize;
        let mut steps = std::mem::take(&mut self.spare);
        steps.reserve(end - start);
        let mut oldest = None;
        let mut open = None;
        let mut frame = None;
        for slot in self.slots.range_mut(start..end) {
            oldest.get_or_insert(slot.submitted);
            self.payload_bytes -= std::mem::take(&mut slot.payload_bytes);
            self.decoded_bytes -= std::mem::take(&mut slot.decoded_bytes);
            slot.reach = Reach::default();
            frame = slot.count_in(&mut open);
            slot.was_early = frame.is_some();
            steps.extend(slot.step.replace(Ok(Step::Nothing)));
        }
        self.batch_of(steps, frame, Turn::Early, true, oldest, options)
    }

    fn take(&mut self, count: usize, is_whole: bool, options: &DecodeOptions) -> Batch {
        let mut open = self.open_frame.take();
        let mut frame = None;
        let mut turn = Turn::Due;
        let mut steps = std::mem::take(&mut self.spare);
        steps.reserve(count);
        let mut oldest = None;
        for mut slot in self.slots.drain(..count) {
            oldest.get_or_insert(slot.submitted);
            self.payload_bytes -= slot.payload_bytes;
            self.decoded_bytes -= slot.decoded_bytes;
            frame = slot.count_in(&mut open);
            if frame.is_some() {
                self.ends.pop_front();
            }
            if slot.was_early {
                turn = Turn::Past;
            }
            steps.extend(slot.step.take());
        }
        self.base += count as u64;
        self.ready -= count;
        if !is_whole {
            self.open_frame = open;
        }
        self.batch_of(steps, frame, turn, is_whole, oldest, options)
    }

    fn batch_of(
        &mut self,
        steps: Vec<Result<Step, PeerError>>,
        frame: Option<FinishedFrame>,
        turn: Turn,
        is_whole: bool,
        oldest: Option<Instant>,
        options: &DecodeOptions,
    ) -> Batch {
        let has_room = self.slots.len() <= options.max_commands / 2
            && self.payload_bytes <= options.max_payload_bytes / 2;
        let queue_drained = self.refused && has_room;
        if queue_drained {
            self.refused = false;
        }
        Batch {
            steps,
            frame,
            turn,
            is_whole,
            oldest: oldest.unwrap_or_else(Instant::now),
            queue_drained,
            decoder_events: std::mem::take(&mut self.decoder_events),
        }
    }

    /// A worker has nothing to do.
    pub(super) fn rest(&mut self, worker: usize) {
        self.idle.push(worker);
    }

    /// A worker to be woken for the job that came last, where it may be done now and one is idle:
    /// the one whose caches are warmest.
    pub(super) fn call(&mut self, options: &DecodeOptions) -> Option<usize> {
        let job = self.jobs.back()?;
        if self.may_start(job, options) {
            self.idle.pop()
        } else {
            None
        }
    }

    /// The workers to be woken where several jobs may have waited for room.
    pub(super) fn call_all(&mut self) -> std::vec::Drain<'_, usize> {
        let count = self.jobs.len().min(self.idle.len());
        let at = self.idle.len() - count;
        self.idle.drain(at..)
    }

    /// The job that came last, where whoever submitted it had better do it than wake a worker: it
    /// is small, nothing waits before it, and the frame has not had many of them.
    pub(super) fn next_small_job(&mut self, options: &DecodeOptions) -> Option<Job> {
        let [job] = self.jobs.make_contiguous() else {
            return None;
        };
        let payload = &job.payload;
        let bytes = payload.bytes.len() as u64;
        let cost_px = match payload.codec {
            codec if avc_version(codec).is_some() => return None,
            PayloadCodec::Progressive(_) => bytes * PROGRESSIVE_PX_A_BYTE,
            _ => payload.rect.size().area().max(bytes),
        };
        if self.small_px + cost_px > SMALL_PX {
            return None;
        }
        let job = self.next_job(options)?;
        self.small_px += cost_px;
        Some(job)
    }

    /// True where nobody has the job's stream, and there is room for what it makes.
    fn may_start(&self, job: &Job, options: &DecodeOptions) -> bool {
        let is_full = self.decoded_bytes >= options.max_decoded_bytes;
        let next = self.base + self.ready as u64;
        let is_free = job.stream.as_ref().is_none_or(|stream| !stream.is_busy());
        is_free && (!is_full || job.number == next)
    }

    /// The first job that may be done now. Its stream is the taker's until [`finish`](Self::finish).
    pub(super) fn next_job(&mut self, options: &DecodeOptions) -> Option<Job> {
        let mut jobs = self.jobs.iter();
        let at = jobs.position(|job| self.may_start(job, options))?;
        let job = self.jobs.remove(at)?;
        if let Some(stream) = &job.stream {
            stream.set_busy(true);
        }
        Some(job)
    }

    /// Notes what is to be told with the next batch.
    pub(super) fn note_decoder_events(&mut self, events: Vec<DecoderEvent>) {
        self.decoder_events.extend(events);
    }

    /// Takes a job's result back.
    pub(super) fn finish(
        &mut self,
        number: u64,
        stream: Option<&Stream>,
        result: Result<Step, PeerError>,
        started: Instant,
        ended: Instant,
    ) {
        if let Some(stream) = stream {
            stream.set_busy(false);
        }
        let decoded_bytes = result.as_ref().map_or(0, Step::bytes);
        if let Some(slot) = self.slots.get_mut((number - self.base) as usize) {
            if let Ok(Step::Paint { surface, painting }) = &result
                && let Some(reach) = Reach::of_painting(*surface, painting)
            {
                slot.reach = reach;
            }
            slot.step = Some(result);
            slot.decode = ended - started;
            slot.decoded = ended;
            slot.decoded_bytes = decoded_bytes;
            self.decoded_bytes += decoded_bytes;
        }
        self.advance();
        self.look_ahead();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use oriel_codecs::geometry::Rect;
    use oriel_protocol::graphics::SurfaceFormat;

    const SIZE: Size = Size::new(4, 4);
    const OPTIONS: DecodeOptions = DecodeOptions {
        workers: 1,
        tile_threads: 1,
        max_commands: 6,
        max_payload_bytes: 1000,
        max_decoded_bytes: 200,
    };

    fn queue() -> Queue {
        let mut queue = Queue::default();
        for id in [1, 2] {
            let create = GraphicsCommand::CreateSurface {
                surface: SurfaceId(id),
                size: SIZE,
                format: SurfaceFormat::Xrgb,
            };
            assert_eq!(
                queue.try_accept(create, Instant::now(), &OPTIONS),
                Ok(false)
            );
        }
        let batch = queue.take_batch(&OPTIONS).expect("two steps");
        assert_eq!((batch.steps.len(), batch.is_whole), (2, true));
        queue
    }

    fn draw(surface: u32, codec: PayloadCodec) -> GraphicsCommand {
        GraphicsCommand::Draw {
            surface: SurfaceId(surface),
            rect: SIZE.to_rect(),
            codec,
            format: SurfaceFormat::Xrgb,
            payload: Bytes::from_static(&[0; 64]),
        }
    }

    fn start(frame: u32) -> GraphicsCommand {
        GraphicsCommand::StartFrame {
            frame: FrameId(frame),
        }
    }

    fn end(frame: u32) -> GraphicsCommand {
        GraphicsCommand::EndFrame {
            frame: FrameId(frame),
        }
    }

    fn accept(queue: &mut Queue, commands: impl IntoIterator<Item = GraphicsCommand>) {
        for command in commands {
            queue
                .try_accept(command, Instant::now(), &OPTIONS)
                .expect("room");
        }
    }

    fn pixels() -> Result<Step, PeerError> {
        Ok(Step::Paint {
            surface: SurfaceId(1),
            painting: crate::decode::Painting::Pixels {
                rect: Rect::new(0, 0, 4, 4),
                block: crate::decode::PixelBlock::from_payload(SIZE, Bytes::from_static(&[0; 64]))
                    .expect("16 pixels"),
            },
        })
    }

    fn do_next(queue: &mut Queue) -> Option<u64> {
        let job = queue.next_job(&OPTIONS)?;
        let now = Instant::now();
        queue.finish(job.number, job.stream.as_deref(), pixels(), now, now);
        Some(job.number)
    }

    #[test]
    fn a_frame_waits_for_its_last_payload_and_its_end() {
        let mut queue = queue();
        let planar = || draw(1, PayloadCodec::Planar);
        accept(&mut queue, [start(1), planar(), planar()]);
        let first = queue.next_job(&OPTIONS).expect("a job");
        let second = queue.next_job(&OPTIONS).expect("another, at the same time");
        let start = Instant::now();
        let after = |us| start + Duration::from_micros(us);
        queue.finish(second.number, None, pixels(), start, after(5));
        accept(&mut queue, [end(1)]);
        assert!(!queue.has_batch(&OPTIONS));
        queue.finish(first.number, None, pixels(), start, after(7));
        let batch = queue.take_batch(&OPTIONS).expect("the frame");
        assert_eq!((batch.steps.len(), batch.is_whole), (4, true));
        let frame = batch.frame.expect("its end");
        assert_eq!(
            (frame.frame, frame.decode),
            (FrameId(1), Duration::from_micros(12))
        );
        assert_eq!(queue.depth(), QueueDepth::default());
    }

    #[test]
    fn what_stands_between_frames_is_not_held_back_by_the_next_one() {
        let mut queue = queue();
        let evict = || GraphicsCommand::EvictCache {
            slot: oriel_protocol::graphics::CacheSlot(1),
        };
        accept(&mut queue, [evict(), evict(), start(1), evict()]);
        let batch = queue.take_batch(&OPTIONS).expect("two steps");
        assert_eq!((batch.steps.len(), batch.is_whole), (2, true));
        assert!(queue.take_batch(&OPTIONS).is_none());
    }

    #[test]
    fn a_stream_is_decoded_in_order_by_one_worker_at_a_time() {
        let mut queue = queue();
        let video = |surface| draw(surface, PayloadCodec::Avc420);
        accept(&mut queue, [video(1), video(1), video(2)]);
        let first = queue.next_job(&OPTIONS).expect("a job");
        let other = queue.next_job(&OPTIONS).expect("of the other surface");
        assert_eq!((first.number, other.number), (2, 4));
        assert!(queue.next_job(&OPTIONS).is_none());
        queue.finish(
            first.number,
            first.stream.as_deref(),
            pixels(),
            Instant::now(),
            Instant::now(),
        );
        assert_eq!(do_next(&mut queue), Some(3));
    }

    #[test]
    fn clearcodec_and_remotefx_are_decoded_in_order_across_surfaces() {
        for codec in [PayloadCodec::ClearCodec, PayloadCodec::RemoteFx] {
            let mut queue = queue();
            accept(&mut queue, [draw(1, codec), draw(2, codec)]);
            let first = queue.next_job(&OPTIONS).expect("a job");
            assert!(queue.next_job(&OPTIONS).is_none());
            let stream = first.stream.as_deref();
            let now = Instant::now();
            queue.finish(first.number, stream, pixels(), now, now);
            assert_eq!(do_next(&mut queue), Some(first.number + 1));
        }
    }

    #[test]
    fn a_frame_that_does_not_fit_is_handed_out_in_parts_and_shown_at_its_end() {
        let mut queue = queue();
        accept(&mut queue, [start(1)]);
        let planar = || draw(1, PayloadCodec::Planar);
        accept(&mut queue, (0..5).map(|_| planar()));
        let refused = queue.try_accept(planar(), Instant::now(), &OPTIONS);
        assert!(refused.is_err());
        while do_next(&mut queue).is_some() {}
        // Four payloads fill what may be decoded ahead; the last is decoded in its turn.
        let part = queue.take_batch(&OPTIONS).expect("the beginning");
        assert!(!part.is_whole && part.queue_drained);
        while do_next(&mut queue).is_some() {}
        accept(&mut queue, [end(1)]);
        let mut last = queue.take_batch(&OPTIONS).expect("the rest");
        while !last.is_whole {
            last = queue.take_batch(&OPTIONS).expect("the rest");
        }
        assert_eq!(last.frame.map(|frame| frame.frame), Some(FrameId(1)));
    }

    #[test]
    fn decoding_ahead_stops_at_its_bound() {
        let mut queue = queue();
        accept(&mut queue, (0..6).map(|_| draw(1, PayloadCodec::Planar)));
        // The first is held back, so nothing can be handed out.
        let first = queue.next_job(&OPTIONS).expect("a job");
        let mut done = 0;
        while do_next(&mut queue).is_some() {
            done += 1;
        }
        assert_eq!(done, 4, "64 bytes each, up to 200 and one more");
        let now = Instant::now();
        queue.finish(first.number, None, pixels(), now, now);
        assert_eq!(do_next(&mut queue), Some(7), "next in turn, whatever waits");
    }

    #[test]
    fn the_worker_that_rested_last_is_called_first_and_only_for_what_may_be_done() {
        let mut queue = queue();
        (0..3).for_each(|worker| queue.rest(worker));
        let video = || draw(1, PayloadCodec::Avc420);
        accept(&mut queue, [video()]);
        assert_eq!(queue.call(&OPTIONS), Some(2));
        let first = queue.next_job(&OPTIONS).expect("a job");
        accept(&mut queue, [video()]);
        assert_eq!(queue.call(&OPTIONS), None, "it is the other one's turn");
        let now = Instant::now();
        queue.finish(first.number, first.stream.as_deref(), pixels(), now, now);
        assert_eq!(queue.call_all().collect::<Vec<_>>(), [1], "one job");
    }

    #[test]
    fn whoever_submits_decodes_what_is_small_until_a_frame_has_had_enough_of_it() {
        let mut queue = queue();
        accept(&mut queue, [draw(1, PayloadCodec::Avc420)]);
        assert!(queue.next_small_job(&OPTIONS).is_none(), "no video");
        let video = queue.next_job(&OPTIONS).expect("a job");
        let now = Instant::now();
        queue.finish(video.number, video.stream.as_deref(), pixels(), now, now);
        accept(&mut queue, [start(1), draw(1, PayloadCodec::Planar)]);
        let small = queue.next_small_job(&OPTIONS).expect("16 pixels");
        queue.finish(small.number, None, pixels(), now, now);
        queue.small_px = SMALL_PX;
        accept(&mut queue, [draw(1, PayloadCodec::Planar)]);
        assert!(queue.next_small_job(&OPTIONS).is_none());
        assert!(queue.next_job(&OPTIONS).is_some());
    }

    #[test]
    fn a_drawing_larger_than_its_surface_is_never_decoded() {
        let mut queue = queue();
        let mut command = draw(1, PayloadCodec::Planar);
        if let GraphicsCommand::Draw { rect, .. } = &mut command {
            rect.right += 1;
        }
        accept(&mut queue, [command]);
        assert!(queue.next_job(&OPTIONS).is_none());
        let batch = queue.take_batch(&OPTIONS).expect("a step");
        assert!(matches!(batch.steps[..], [Err(PeerError::TooLarge { .. })]));
    }
}
