//! Tiles of RemoteFX become the same pixels whoever makes them, to the bit.

mod support;

use std::{path::PathBuf, sync::Arc};

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::Picture,
    progressive::Pass,
    remotefx::{CoefficientTile, CoefficientTiles, quant::Borders},
};
use oriel_protocol::graphics::{GraphicsCommand, PayloadCodec, SurfaceId};
use oriel_render::{
    CompositorChoice, PresentTarget, Renderer, RendererConfig, TileChoice, TileEngine, TileMemory,
    compositor::{Compositor, CopyRegion, CpuCompositor, GpuCompositor, Scene, SceneLimits},
    decode::{Batch, Painting, Step},
};
use parking_lot::Mutex;
use proptest::{collection::vec, prelude::*};
use support::{Noise, Streams, assert_close};

const SURFACE: SurfaceId = SurfaceId(1);

/// The device, if it can make tiles.
fn device() -> Option<impl std::ops::DerefMut<Target = GpuCompositor>> {
    let gpu = support::gpu()?;
    if gpu.tile_device().is_none() {
        println!("skipped: the device shares too little memory among threads");
        return None;
    }
    Some(gpu)
}

/// Tiles at some of the places of a grid, whose coefficients have up to so many bits.
fn noisy_tiles(grid: (u16, u16), seed: u64, bits: u32) -> CoefficientTiles {
    let mut noise = Noise::new(seed);
    let mut chosen = Vec::new();
    for row in 0..grid.1 {
        for column in 0..grid.0 {
            let choice = noise.next();
            if choice.is_multiple_of(4) {
                continue;
            }
            let mut shift = || (noise.next() % 19) as u8;
            chosen.push(CoefficientTile {
                column,
                row,
                borders: [Borders::Mirror, Borders::ReduceExtrapolate][choice as usize / 4 % 2],
                shifts: match choice / 8 % 3 {
                    0 => [[0; 10]; 3],
                    1 => [[1; 10]; 3],
                    _ => [[(); 10]; 3].map(|bands| bands.map(|()| shift())),
                },
            });
        }
    }
    let mut tiles = CoefficientTiles::default();
    for value in tiles.set_tiles(chosen.into_iter()) {
        *value = (noise.next() as i32 >> (32 - bits)) as i16;
    }
    tiles
}

/// A surface that shows regions of tiles.
fn drawn(
    compositor: &mut dyn Compositor,
    size: Size,
    tiles: &CoefficientTiles,
    regions: &[CopyRegion],
) -> Picture {
    compositor.create_surface(SURFACE, size).expect("memory");
    let drawn = compositor.draw_tiles(SURFACE, tiles, regions);
    drawn.expect("a compositor that works");
    compositor.read_surface(SURFACE).expect("a surface")
}

#[test]
fn random_coefficients_become_the_same_pixels_to_the_bit() {
    let Some(mut gpu) = device() else { return };
    let mut cpu = CpuCompositor::new(None);
    for (seed, bits) in [
        (1, 16),
        (2, 16),
        (3, 13),
        (4, 11),
        (5, 9),
        (6, 6),
        (7, 2),
        (8, 16),
    ] {
        let tiles = noisy_tiles((4, 3), seed, bits);
        let size = Size::new(4 * 64 + 9, 3 * 64);
        // Whole tiles, each moved by the same.
        let regions: Vec<_> = tiles
            .tiles()
            .iter()
            .map(|tile| CopyRegion {
                source: tile.place(),
                destination: Point::new(tile.place().left + 9, tile.place().top),
            })
            .collect();
        let expected = drawn(&mut cpu, size, &tiles, &regions);
        let actual = drawn(&mut *gpu, size, &tiles, &regions);
        assert_close(
            &actual,
            &expected,
            0,
            format_args!("{bits} bits, seed {seed}"),
        );
        let (pixels, _) = actual.data().as_chunks::<4>();
        let drawn = pixels.iter().filter(|pixel| **pixel != [0, 0, 0, 255]);
        assert!(drawn.count() > 10_000, "{bits} bits, seed {seed}");
    }
}

#[test]
fn pictures_of_several_bands_are_whole_and_nothing_beside_regions_is_touched() {
    let Some(mut gpu) = device() else { return };
    let mut cpu = CpuCompositor::new(None);
    // More pixels than a band has.
    let tiles = noisy_tiles((40, 20), 11, 10);
    let size = Size::new(2560, 1280);
    let regions: Vec<_> = tiles
        .tiles()
        .iter()
        .enumerate()
        .filter(|(at, _)| at % 7 != 3)
        .map(|(at, tile)| {
            let place = tile.place();
            let (left, top) = (at as i32 % 50, at as i32 % 31);
            let part = Rect::new(
                place.left + left,
                place.top + top,
                place.right - 1,
                place.bottom - 2,
            );
            CopyRegion {
                source: part,
                destination: part.origin(),
            }
        })
        .collect();
    let expected = drawn(&mut cpu, size, &tiles, &regions);
    let actual = drawn(&mut *gpu, size, &tiles, &regions);
    assert_close(&actual, &expected, 0, "bands");
}

/// The surfaces' pictures after steps.
fn surfaces(compositor: &mut dyn Compositor, batches: Vec<Batch>) -> Vec<Picture> {
    let mut scene = Scene::new(SceneLimits::default());
    for step in batches.into_iter().flat_map(|batch| batch.steps).flatten() {
        // What is drawn nowhere is refused on all of them.
        let _ = scene.apply(compositor, &step);
    }
    scene.compose(compositor).expect("memory");
    let all: Vec<_> = scene.surfaces().collect();
    all.into_iter()
        .map(|surface| compositor.read_surface(surface).expect("a surface"))
        .collect()
}

fn coded_steps(batches: &[Batch]) -> usize {
    let steps = batches.iter().flat_map(|batch| &batch.steps).flatten();
    let is_coded = |step: &&Step| {
        matches!(
            step,
            Step::Paint {
                painting: Painting::Tiles { .. },
                ..
            }
        )
    };
    steps.filter(is_coded).count()
}

#[derive(Clone, Debug)]
enum Op {
    RemoteFx(Rect, Vec<Rect>, u64),
    Progressive(Vec<Rect>, Pass, u64),
    Upgrade(Vec<Rect>),
}

fn op() -> impl Strategy<Value = Op> {
    let rect = || {
        (-20..300i32, -20..200i32, 1..280u32, 1..200u32)
            .prop_map(|(x, y, width, height)| Rect::at(Point::new(x, y), Size::new(width, height)))
    };
    let pass = prop_oneof![Just(Pass::First), Just(Pass::Whole)];
    prop_oneof![
        (rect(), vec(rect(), 1..5), any::<u64>())
            .prop_map(|(rect, rects, seed)| Op::RemoteFx(rect, rects, seed)),
        (vec(rect(), 1..5), pass, any::<u64>())
            .prop_map(|(rects, pass, seed)| Op::Progressive(rects, pass, seed)),
        vec(rect(), 1..3).prop_map(Op::Upgrade),
    ]
}

const SIZE: Size = Size::new(330, 210);

fn commands(ops: &[Op]) -> Vec<GraphicsCommand> {
    let mut streams = Streams::default();
    let mut all: Vec<_> = GraphicsCommand::desktop(SURFACE, SIZE).into();
    all.extend(ops.iter().map(|op| match op {
        Op::RemoteFx(rect, rects, seed) => {
            let payload = streams.remote_fx(&support::picture(rect.size(), *seed), rects);
            support::draw(SURFACE, *rect, PayloadCodec::RemoteFx, payload)
        }
        Op::Progressive(rects, pass, seed) => {
            streams.progressive(SURFACE, &support::picture(SIZE, *seed), rects, *pass)
        }
        Op::Upgrade(rects) => streams.upgrade(SURFACE, SIZE, rects),
    }));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn streams_of_both_codecs_draw_the_same_from_coefficients(ops in vec(op(), 1..8)) {
        let plain = support::decode_all(commands(&ops));
        prop_assert_eq!(coded_steps(&plain), 0);
        let expected = surfaces(&mut CpuCompositor::new(None), plain);
        let coded = support::decode_all_coded(commands(&ops));
        let is_one_sure = ops.iter().any(|op| matches!(op, Op::Progressive(..)));
        prop_assert!(!is_one_sure || coded_steps(&coded) > 0);
        let on_cpu = surfaces(&mut CpuCompositor::new(None), coded);
        for (actual, expected) in on_cpu.iter().zip(&expected) {
            assert_close(actual, expected, 0, "on the CPU");
        }
        if let Some(mut gpu) = device() {
            let coded = support::decode_all_coded(commands(&ops));
            let on_gpu = surfaces(&mut *gpu, coded);
            prop_assert_eq!(on_gpu.len(), expected.len());
            for (actual, expected) in on_gpu.iter().zip(&expected) {
                assert_close(actual, expected, 0, "on the GPU");
            }
        }
    }
}

/// The messages of [MS-RDPRFX] 4.2.2 and 4.2.3.
#[test]
fn the_messages_of_the_specification_draw_the_same_on_the_device() {
    let shared = std::env::var_os("ORIEL_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let folder = shared.join("vectors").join("remotefx");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let read = |name: &str| std::fs::read(folder.join(name)).expect("a vector");
    let mut stream = read("encode_header_messages.bin");
    stream.extend(read("encode_data_messages.bin"));
    let size = Size::new(1024, 768);
    let commands = || {
        let rect = size.to_rect();
        let draw = support::draw(SURFACE, rect, PayloadCodec::RemoteFx, stream.clone());
        let desktop = GraphicsCommand::desktop(SURFACE, size);
        desktop.into_iter().chain([draw]).collect::<Vec<_>>()
    };
    let expected = surfaces(
        &mut CpuCompositor::new(None),
        support::decode_all(commands()),
    );
    assert_ne!(expected[0].pixel(Point::new(20, 20)), [0, 0, 0, 255]);
    let coded = support::decode_all_coded(commands());
    assert_eq!(coded_steps(&coded), 1);
    if let Some(mut gpu) = device() {
        assert_close(&surfaces(&mut *gpu, coded)[0], &expected[0], 0, "the GPU");
    }
}

/// The engine that a renderer on the GPU has picked, and the picture that it then draws.
fn picked(tiles: TileChoice) -> Option<(Option<TileEngine>, Picture)> {
    drop(support::gpu()?);
    let config = RendererConfig {
        compositor: CompositorChoice::Gpu,
        tiles,
        ..RendererConfig::default()
    };
    let renderer =
        Renderer::start(config, PresentTarget::Headless, |_| ()).expect("there is a device");
    // It has been measured before anything is drawn.
    let ops = [Op::Progressive(vec![SIZE.to_rect()], Pass::Whole, 4)];
    renderer.screenshot().recv().expect("a picture");
    for command in commands(&ops) {
        renderer.try_submit(command).expect("room");
    }
    let end = oriel_protocol::graphics::FrameId(1);
    renderer
        .try_submit(GraphicsCommand::EndFrame { frame: end })
        .expect("room");
    let picture = loop {
        let picture = renderer.screenshot().recv().expect("a picture");
        if renderer.statistics().frames > 0 {
            break renderer.screenshot().recv().unwrap_or(picture);
        }
    };
    Some((renderer.statistics().tile_engine, picture))
}

#[test]
fn the_engine_that_is_asked_for_is_taken_and_named_and_draws_the_same() {
    let Some((cpu, by_cpu)) = picked(TileChoice::Fixed(TileEngine::Cpu)) else {
        return;
    };
    assert!(cpu.is_none_or(|engine| engine == TileEngine::Cpu));
    let gpu = picked(TileChoice::Fixed(TileEngine::Gpu));
    let (engine, by_gpu) = gpu.expect("there was a device");
    assert_eq!(engine, cpu.map(|_| TileEngine::Gpu));
    assert_close(&by_gpu, &by_cpu, 0, "the desktop");
}

#[derive(Default)]
struct Memory {
    known: Option<TileEngine>,
    kept: Mutex<Vec<(String, TileEngine)>>,
}

impl TileMemory for Memory {
    fn recall(&self, _: &str) -> Option<TileEngine> {
        self.known
    }

    fn keep(&self, device: &str, engine: TileEngine) {
        self.kept.lock().push((device.to_owned(), engine));
    }
}

#[test]
fn what_was_measured_is_remembered_by_device_and_not_measured_again() {
    let memory = Arc::new(Memory::default());
    let Some((Some(engine), _)) = picked(TileChoice::Remembered(memory.clone())) else {
        return;
    };
    let kept = memory.kept.lock().clone();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].1, engine);
    assert!(kept[0].0.contains("threads"), "{kept:?}");
    for known in [TileEngine::Cpu, TileEngine::Gpu] {
        let memory = Arc::new(Memory {
            known: Some(known),
            ..Memory::default()
        });
        let (engine, _) = picked(TileChoice::Remembered(memory.clone())).expect("as before");
        assert_eq!(engine, Some(known));
        assert!(memory.kept.lock().is_empty());
    }
}
