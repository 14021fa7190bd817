//! What a picture costs on each path, in milliseconds: one decode thread, one frame at a time.
//!
//! `cargo run --release -p oriel-render --example paths [cpu|gpu]`

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::Picture,
    video::AvcVersion,
};
use oriel_protocol::graphics::{Color, FrameId, GraphicsCommand, PayloadCodec, SurfaceId};
use oriel_render::{
    Recorder,
    compositor::{Compositor, CpuCompositor, GpuCompositor, Scene, SceneLimits},
    decode::{DecodeOptions, DecodeStage, DecoderPlan},
};
use support::{AvcSource, Views};

const SIZE: Size = Size::new(1920, 1080);
const SURFACE: SurfaceId = SurfaceId(1);
const FRAMES: usize = 40;

/// A desktop: text-like strokes on white, with a part that moves.
fn desktop(frame: usize) -> Picture {
    let mut noise = support::Noise::new(7);
    let mut picture = Picture::filled(SIZE, [250, 250, 250, 255]);
    for (index, pixel) in picture.data_mut().chunks_exact_mut(4).enumerate() {
        let (x, y) = (index % SIZE.width as usize, index / SIZE.width as usize);
        let is_moving = (600..1240).contains(&x) && (300..660).contains(&y);
        if is_moving {
            let value = ((x + frame * 7) ^ (y + frame * 3)) as u8;
            pixel[..3].copy_from_slice(&[value, value / 2, 255 - value]);
        } else if y % 18 < 11 && noise.next().is_multiple_of(5) {
            pixel[..3].copy_from_slice(&[40, 30, 20]);
        }
    }
    picture
}

fn setup() -> Vec<GraphicsCommand> {
    Vec::from(GraphicsCommand::desktop(SURFACE, SIZE))
}

/// CPU time of the whole process, from the clock ticks of procfs.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|field| field.parse().ok())
            .unwrap_or(0u64)
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

fn run(name: &str, compositor: &mut dyn Compositor, frames: Vec<Vec<GraphicsCommand>>) {
    let recorder = Arc::new(Recorder::default());
    let (wake, woken) = crossbeam_channel::bounded(1);
    let options = DecodeOptions {
        workers: 1,
        ..DecodeOptions::default()
    };
    let stage = DecodeStage::start(
        options,
        DecoderPlan::default(),
        recorder.clone(),
        move || {
            let _ = wake.try_send(());
        },
    )
    .expect("threads");
    let mut scene = Scene::new(SceneLimits::default());
    let count = frames.len() as u32;
    let (mut apply, mut compose) = (Duration::ZERO, Duration::ZERO);
    let mut started = (Instant::now(), cpu_time());
    for (index, commands) in std::iter::once(setup()).chain(frames).enumerate() {
        // Neither the first picture, where decoders warm up, nor the set-up counts.
        if index == 2 {
            started = (Instant::now(), cpu_time());
            (apply, compose) = Default::default();
        }
        for command in commands {
            stage.try_submit(command).expect("room");
        }
        loop {
            while let Some(batch) = stage.next_batch() {
                let at = Instant::now();
                for step in batch.steps {
                    scene
                        .apply(compositor, &step.expect("decoded"))
                        .expect("applied");
                }
                apply += at.elapsed();
                let at = Instant::now();
                scene.compose(compositor).expect("composed");
                compose += at.elapsed();
            }
            if stage.depth().commands == 0 {
                break;
            }
            woken.recv().expect("the stage wakes");
        }
    }
    // The device's work counts too.
    compositor.read_output().expect("read back");
    let (wall, cpu) = (started.0.elapsed(), cpu_time() - started.1);
    let per_frame = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(count.max(2) - 1);
    println!(
        "{name:<34} decode {:6.2}  apply {:6.2}  compose {:6.2}  wall {:6.2}  cpu {:6.2}",
        recorder.snapshot().decode.p50_us as f64 / 1e3,
        per_frame(apply),
        per_frame(compose),
        per_frame(wall),
        per_frame(cpu),
    );
}

fn framed(frames: Vec<Vec<GraphicsCommand>>) -> Vec<Vec<GraphicsCommand>> {
    let number = |index: usize| FrameId(index as u32 + 1);
    frames
        .into_iter()
        .enumerate()
        .map(|(index, commands)| {
            let frame = number(index);
            std::iter::once(GraphicsCommand::StartFrame { frame })
                .chain(commands)
                .chain([GraphicsCommand::EndFrame { frame }])
                .collect()
        })
        .collect()
}

fn main() {
    let choice = std::env::args().nth(1).unwrap_or_else(|| "cpu".into());
    let mut compositor: Box<dyn Compositor> = match choice.as_str() {
        "gpu" => Box::new(GpuCompositor::open(None, true).expect("an adapter")),
        _ => Box::new(CpuCompositor::new(None)),
    };
    println!(
        "{} {}, {}x{}, ms a frame over {FRAMES} frames",
        compositor.name(),
        compositor.adapter().unwrap_or(""),
        SIZE.width,
        SIZE.height
    );
    let whole = SIZE.to_rect();
    let moving = Rect::new(600, 300, 1240, 660);
    let pictures: Vec<_> = (0..FRAMES).map(desktop).collect();
    let video = |version, views, region: Rect| {
        let mut source = AvcSource::default();
        let frames = pictures
            .iter()
            .map(|picture| vec![source.message(SURFACE, picture, version, views, &[region])])
            .collect();
        framed(frames)
    };
    let compositor = &mut *compositor;
    run(
        "avc420, whole screen",
        compositor,
        video(AvcVersion::Avc420, Views::Both, whole),
    );
    run(
        "avc420, 640x360 changed",
        compositor,
        video(AvcVersion::Avc420, Views::Both, moving),
    );
    run(
        "avc444v2 both views, whole screen",
        compositor,
        video(AvcVersion::Avc444V2, Views::Both, whole),
    );
    run(
        "avc444v2 luma view, whole screen",
        compositor,
        video(AvcVersion::Avc444V2, Views::Luma, whole),
    );
    let planar = pictures
        .iter()
        .map(|picture| {
            let payload = support::planar_payload(picture);
            vec![support::draw(SURFACE, whole, PayloadCodec::Planar, payload)]
        })
        .collect();
    run("planar, whole screen", compositor, framed(planar));
    let raw = pictures
        .iter()
        .map(|picture| {
            let payload = picture.data().to_vec();
            vec![support::draw(
                SURFACE,
                whole,
                PayloadCodec::Uncompressed,
                payload,
            )]
        })
        .collect();
    run("uncompressed, whole screen", compositor, framed(raw));
    let scroll = (0..FRAMES)
        .map(|_| {
            vec![
                GraphicsCommand::SurfaceToSurface {
                    source: SURFACE,
                    destination: SURFACE,
                    rect: Rect::new(0, 18, 1920, 1080),
                    points: vec![Point::default()],
                },
                GraphicsCommand::SolidFill {
                    surface: SURFACE,
                    color: Color {
                        blue: 255,
                        green: 255,
                        red: 255,
                        alpha: 255,
                    },
                    rects: vec![Rect::new(0, 1062, 1920, 1080)],
                },
            ]
        })
        .collect();
    run("scroll by 18 rows", compositor, framed(scroll));
}
