//! Frames that are handed out before their turn.

use std::{collections::HashMap, time::Instant};

use bytes::Bytes;
use oriel_codecs::{
    Picture,
    geometry::{Point, Rect, Size},
};
use oriel_protocol::graphics::{
    CacheSlot, Color, FrameId, GraphicsCommand, PayloadCodec, SurfaceFormat, SurfaceId,
};
use proptest::prelude::*;

use super::{
    Batch, DecodeOptions, Painting, PixelBlock, Step, Turn,
    queue::{Job, Queue},
};
use crate::compositor::{Compositor, CpuCompositor, Scene, SceneLimits};

const SIZE: Size = Size::new(12, 8);
const SURFACES: [SurfaceId; 2] = [SurfaceId(1), SurfaceId(2)];

fn options(max_commands: usize) -> DecodeOptions {
    DecodeOptions {
        workers: 1,
        tile_threads: 1,
        max_commands,
        max_payload_bytes: 1 << 20,
        max_decoded_bytes: 1 << 20,
    }
}

fn painted(surface: SurfaceId, rect: Rect, shade: &Bytes) -> Step {
    let bytes = vec![shade[0]; rect.size().area() as usize * 4];
    let block = PixelBlock::from_payload(rect.size(), bytes.into()).expect("as many pixels");
    let painting = Painting::Pixels { rect, block };
    Step::Paint { surface, painting }
}

/// A scene and what was told of its frames.
struct Stage {
    scene: Scene,
    compositor: CpuCompositor,
    shown: Vec<FrameId>,
    acknowledged: Vec<FrameId>,
}

impl Stage {
    fn new() -> Self {
        let mut stage = Self {
            scene: Scene::new(SceneLimits::default()),
            compositor: CpuCompositor::new(None),
            shown: Vec::new(),
            acknowledged: Vec::new(),
        };
        for command in opening() {
            stage.apply(&Step::Command(command));
        }
        stage
    }

    /// What the peer gets wrong changes nothing, and is wrong in any order.
    fn apply(&mut self, step: &Step) {
        let _ = self.scene.apply(&mut self.compositor, step);
    }

    fn take(&mut self, batch: Batch) {
        for step in &batch.steps {
            self.apply(step.as_ref().expect("nothing is too large"));
        }
        if let Some(frame) = batch.frame {
            if batch.turn != Turn::Past {
                self.shown.push(frame.frame);
            }
            if batch.turn != Turn::Early {
                self.acknowledged.push(frame.frame);
            }
        }
    }

    fn pictures(&mut self) -> Vec<Option<Picture>> {
        let read = |surface| self.compositor.read_surface(surface).ok();
        SURFACES.into_iter().map(read).collect()
    }
}

fn opening() -> Vec<GraphicsCommand> {
    let reset = GraphicsCommand::ResetGraphics {
        size: SIZE,
        monitors: Vec::new(),
    };
    let surfaces = SURFACES.map(create);
    [reset].into_iter().chain(surfaces).collect()
}

fn create(surface: SurfaceId) -> GraphicsCommand {
    GraphicsCommand::CreateSurface {
        surface,
        size: SIZE,
        format: SurfaceFormat::Xrgb,
    }
}

fn draw(surface: SurfaceId, rect: Rect, shade: u8) -> GraphicsCommand {
    GraphicsCommand::Draw {
        surface,
        rect,
        codec: PayloadCodec::Planar,
        format: SurfaceFormat::Xrgb,
        payload: Bytes::from(vec![shade]),
    }
}

fn frame(name: u32, commands: Vec<GraphicsCommand>) -> Vec<GraphicsCommand> {
    let frame = FrameId(name);
    let mut all = vec![GraphicsCommand::StartFrame { frame }];
    all.extend(commands);
    all.push(GraphicsCommand::EndFrame { frame });
    all
}

fn finish(queue: &mut Queue, job: &Job) {
    let payload = &job.payload;
    let step = painted(payload.surface, payload.rect, &payload.bytes);
    let now = Instant::now();
    queue.finish(job.number, job.stream.as_deref(), Ok(step), now, now);
}

/// A queue that knows both surfaces, and has handed out what made them.
fn queue(options: &DecodeOptions) -> Queue {
    let mut queue = Queue::default();
    for command in opening() {
        submit(&mut queue, command, options);
    }
    assert!(queue.take_batch(options).is_some());
    queue
}

fn submit(queue: &mut Queue, command: GraphicsCommand, options: &DecodeOptions) {
    let accepted = queue.try_accept(command, Instant::now(), options);
    assert!(accepted.is_ok(), "there is room");
}

const LEFT: Rect = Rect::new(0, 0, 6, 8);
const RIGHT: Rect = Rect::new(6, 0, 12, 8);

#[test]
fn a_frame_goes_before_one_that_is_still_decoding_elsewhere_and_is_acknowledged_after_it() {
    let options = options(100);
    let mut queue = queue(&options);
    let [film, window] = [LEFT, RIGHT].map(|rect| draw(SURFACES[0], rect, 7));
    let both = frame(1, vec![film])
        .into_iter()
        .chain(frame(2, vec![window]));
    both.for_each(|command| submit(&mut queue, command, &options));
    let film = queue.next_job(&options).expect("a job");
    let window = queue.next_job(&options).expect("a job");
    finish(&mut queue, &window);
    let told = |queue: &mut Queue| {
        let batch = queue.take_batch(&options)?;
        Some((batch.frame?.frame.0, batch.turn))
    };
    assert!(queue.has_batch(&options));
    assert_eq!(told(&mut queue), Some((2, Turn::Early)));
    assert!(!queue.has_batch(&options) && queue.depth().frames == 2);
    finish(&mut queue, &film);
    assert_eq!(told(&mut queue), Some((1, Turn::Due)));
    assert_eq!(told(&mut queue), Some((2, Turn::Past)));
    assert_eq!(told(&mut queue), None);
    assert_eq!(queue.depth(), Default::default());
}

#[test]
fn a_frame_waits_for_one_that_it_draws_over() {
    let options = options(100);
    let mut queue = queue(&options);
    for (name, rect) in [(1, LEFT), (2, Rect::new(5, 0, 12, 8))] {
        let commands = frame(name, vec![draw(SURFACES[0], rect, 7)]);
        let all = commands.into_iter();
        all.for_each(|command| submit(&mut queue, command, &options));
    }
    let _film = queue.next_job(&options).expect("a job");
    let window = queue.next_job(&options).expect("a job");
    finish(&mut queue, &window);
    assert!(!queue.has_batch(&options) && queue.take_batch(&options).is_none());
}

#[test]
fn nothing_goes_before_a_frame_of_which_a_part_is_drawn() {
    let options = options(8);
    let mut queue = queue(&options);
    let [film, window] = [LEFT, RIGHT].map(|rect| draw(SURFACES[0], rect, 7));
    let long = frame(1, vec![film.clone(), film]);
    let both = long.into_iter().chain(frame(2, vec![window.clone()]));
    both.for_each(|command| submit(&mut queue, command, &options));
    let first = queue.next_job(&options).expect("a job");
    let _second = queue.next_job(&options).expect("a job");
    let last = queue.next_job(&options).expect("a job");
    finish(&mut queue, &first);
    submit(&mut queue, window.clone(), &options);
    let refused = queue.try_accept(window, Instant::now(), &options);
    assert!(refused.is_err());
    let part = queue.take_batch(&options).expect("room is made");
    assert!(!part.is_whole);
    finish(&mut queue, &last);
    assert!(!queue.has_batch(&options));
}

fn rects() -> impl Strategy<Value = Rect> {
    let corner = (0..SIZE.width as i32, 0..SIZE.height as i32);
    let size = (1..6_u32, 1..6_u32);
    (corner, size).prop_map(|((x, y), (width, height))| {
        let rect = Rect::at(Point { x, y }, Size::new(width, height));
        rect.intersect(&SIZE.to_rect())
    })
}

fn commands() -> impl Strategy<Value = GraphicsCommand> {
    let surface = || prop::sample::select(SURFACES.to_vec());
    let slot = || (1..3_u16).prop_map(CacheSlot);
    // Some lie outside in part.
    let points = || prop::collection::vec((-3..12, -3..8).prop_map(|(x, y)| Point { x, y }), 1..3);
    let draws = (surface(), rects(), any::<u8>());
    let fill = (surface(), prop::collection::vec(rects(), 1..3), any::<u8>());
    let fill = fill.prop_map(|(surface, rects, blue)| GraphicsCommand::SolidFill {
        surface,
        color: Color {
            blue,
            green: 1,
            red: 2,
            alpha: 255,
        },
        rects,
    });
    let copy = (surface(), surface(), rects(), points()).prop_map(
        |(source, destination, rect, points)| GraphicsCommand::SurfaceToSurface {
            source,
            destination,
            rect,
            points,
        },
    );
    let store = (surface(), slot(), rects()).prop_map(|(surface, slot, rect)| {
        GraphicsCommand::SurfaceToCache {
            surface,
            key: 0,
            slot,
            rect,
        }
    });
    let restore = (slot(), surface(), points()).prop_map(|(slot, surface, points)| {
        GraphicsCommand::CacheToSurface {
            slot,
            surface,
            points,
        }
    });
    let evict = slot().prop_map(|slot| GraphicsCommand::EvictCache { slot });
    prop_oneof![
        8 => draws.prop_map(|(surface, rect, shade)| draw(surface, rect, shade)),
        3 => fill,
        2 => copy,
        3 => store,
        3 => restore,
        1 => evict,
        1 => surface().prop_map(create),
    ]
}

/// Frames, and now and then commands that are in none.
fn streams() -> impl Strategy<Value = Vec<GraphicsCommand>> {
    let some = prop::collection::vec(commands(), 1..4);
    let pieces = prop::collection::vec((some, prop::bool::weighted(0.9)), 1..12);
    pieces.prop_map(|pieces| {
        let named = pieces.into_iter().zip(1..);
        named
            .flat_map(|((commands, is_frame), name)| match is_frame {
                true => frame(name, commands),
                false => commands,
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn whatever_is_decoded_first_the_picture_is_that_of_the_order_of_submission(
        stream in streams(),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 400),
        max_commands in prop::sample::select(vec![6, 100]),
    ) {
        let mut expected = Stage::new();
        let mut names = Vec::new();
        for command in &stream {
            match command {
                GraphicsCommand::EndFrame { frame } => names.push(*frame),
                GraphicsCommand::Draw { surface, rect, payload, .. } => {
                    expected.apply(&painted(*surface, *rect, payload));
                }
                other => expected.apply(&Step::Command(other.clone())),
            }
        }

        let options = options(max_commands);
        let mut queue = queue(&options);
        let mut stage = Stage::new();
        let mut choices = choices.into_iter().cycle();
        let mut choose = |count| choices.next().expect("a cycle").index(count);
        let mut waiting = stream.into_iter();
        let mut next = waiting.next();
        let mut jobs: HashMap<u64, Job> = HashMap::new();
        while next.is_some() || queue.depth().commands > 0 {
            if choose(3) > 0 && let Some(command) = next.take() {
                next = match queue.try_accept(command, Instant::now(), &options) {
                    Ok(_) => waiting.next(),
                    Err(refused) => Some(refused),
                };
            }
            while let Some(job) = queue.next_job(&options) {
                jobs.insert(job.number, job);
            }
            let mut numbers: Vec<_> = jobs.keys().copied().collect();
            numbers.sort_unstable();
            if !numbers.is_empty() && choose(3) == 0 {
                let number = numbers[choose(numbers.len())];
                finish(&mut queue, &jobs.remove(&number).expect("it is there"));
            }
            if choose(2) == 0 {
                prop_assert_eq!(queue.has_batch(&options), {
                    let batch = queue.take_batch(&options);
                    let is_some = batch.is_some();
                    batch.into_iter().for_each(|batch| stage.take(batch));
                    is_some
                });
            }
        }
        prop_assert_eq!(stage.pictures(), expected.pictures());
        prop_assert_eq!(&stage.acknowledged, &names);
        let mut shown = stage.shown.clone();
        shown.sort_unstable_by_key(|name| name.0);
        prop_assert_eq!(shown, names);
    }
}
