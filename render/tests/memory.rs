//! What pixels take, counted by what it is for.

mod support;

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    progressive::Pass,
    video::AvcVersion,
};
use oriel_protocol::graphics::{
    CacheLimits, CacheSlot, GraphicsCommand, PayloadCodec, SurfaceFormat, SurfaceId,
};
use oriel_render::{
    compositor::{Compositor, CpuCompositor, GpuCompositor, MemoryKind, Scene, SceneLimits},
    decode::{Batch, Step},
};
use support::{AvcSource, Streams, Views};

/// Whole macroblocks and tiles.
const SCREEN: Size = Size::new(1280, 704);
const PIXELS: u64 = 1280 * 704;
const SURFACE: SurfaceId = SurfaceId(1);

/// Of its own: what others did would be counted, too.
fn gpu() -> Option<GpuCompositor> {
    // No two tests of this binary open a device at one time.
    let is_there = support::gpu().is_some();
    is_there.then(|| GpuCompositor::open(None, true).expect("it opened before"))
}

/// Both compositors, where there are two.
fn compositors() -> Vec<Box<dyn Compositor>> {
    let cpu: Box<dyn Compositor> = Box::new(CpuCompositor::new(None));
    let gpu = gpu().map(|gpu| Box::new(gpu) as Box<dyn Compositor>);
    [cpu].into_iter().chain(gpu).collect()
}

/// A desktop that is one surface, and what is drawn on it.
fn desktop(
    scene: &mut Scene,
    compositor: &mut dyn Compositor,
    drawn: impl IntoIterator<Item = GraphicsCommand>,
) {
    let commands = GraphicsCommand::desktop(SURFACE, SCREEN);
    let all = commands.into_iter().chain(drawn).collect();
    apply(scene, compositor, support::decode_all(all));
}

fn apply(scene: &mut Scene, compositor: &mut dyn Compositor, batches: Vec<Batch>) {
    for step in batches.into_iter().flat_map(|batch| batch.steps) {
        let step = step.expect("commands without fault");
        scene.apply(compositor, &step).expect("no fault");
    }
    scene.compose(compositor).expect("memory");
}

/// Commands that the decode stage has nothing to do with.
fn carry_out(
    scene: &mut Scene,
    compositor: &mut dyn Compositor,
    commands: impl IntoIterator<Item = GraphicsCommand>,
) {
    for command in commands {
        let step = Step::Command(command);
        scene.apply(compositor, &step).expect("no fault");
    }
    scene.compose(compositor).expect("memory");
}

fn now(compositor: &dyn Compositor, kind: MemoryKind) -> u64 {
    compositor.memory().of(kind).now
}

#[test]
fn surfaces_and_the_output_take_four_half_bytes() {
    for mut compositor in compositors() {
        let compositor = &mut *compositor;
        let mut scene = Scene::new(SceneLimits::default());
        desktop(&mut scene, compositor, []);
        assert_eq!(now(compositor, MemoryKind::Surfaces), 4 * PIXELS);
        let second = GraphicsCommand::CreateSurface {
            surface: SurfaceId(2),
            size: Size::new(50, 20),
            format: SurfaceFormat::Xrgb,
        };
        carry_out(&mut scene, compositor, [second]);
        assert_eq!(now(compositor, MemoryKind::Surfaces), 4 * (PIXELS + 1000));
        // On the CPU a surface that is all of the output is the output.
        let output = match compositor.name() {
            "gpu" => 4 * PIXELS,
            _ => 0,
        };
        assert_eq!(now(compositor, MemoryKind::Output), output);
        let gone =
            [SURFACE, SurfaceId(2)].map(|surface| GraphicsCommand::DeleteSurface { surface });
        carry_out(&mut scene, compositor, gone);
        assert_eq!(now(compositor, MemoryKind::Surfaces), 0);
        assert_eq!(now(compositor, MemoryKind::Output), 4 * PIXELS);
        let most = compositor.memory().of(MemoryKind::Surfaces).most;
        assert_eq!(most, 4 * (PIXELS + 1000));
    }
}

#[test]
fn a_slot_takes_its_own_pixels_until_it_is_evicted() {
    let store = |slot, width| GraphicsCommand::SurfaceToCache {
        surface: SURFACE,
        key: 1,
        slot: CacheSlot(slot),
        rect: Rect::new(0, 0, width, 10),
    };
    for mut compositor in compositors() {
        let compositor = &mut *compositor;
        let mut scene = Scene::new(SceneLimits::default());
        desktop(&mut scene, compositor, []);
        let stored = vec![store(1, 64), store(2, 30), store(1, 16), store(1, 16)];
        carry_out(&mut scene, compositor, stored);
        assert_eq!(now(compositor, MemoryKind::Cache), 4 * 10 * (30 + 16));
        let slot = CacheSlot(2);
        let evict = vec![GraphicsCommand::EvictCache { slot }];
        carry_out(&mut scene, compositor, evict);
        assert_eq!(now(compositor, MemoryKind::Cache), 4 * 10 * 16);
        desktop(&mut scene, compositor, []);
        assert_eq!(now(compositor, MemoryKind::Cache), 0);
    }
}

#[test]
fn planes_of_h264_go_with_their_surface() {
    let picture = support::picture(SCREEN, 9);
    // A view in 4:2:0, samples of four bytes, the main view's chroma for 2×2 pixels.
    let cases = [
        (AvcVersion::Avc420, PIXELS * 3 / 2, 0),
        (AvcVersion::Avc444V2, PIXELS * 6, PIXELS * 7 / 2),
    ];
    for (version, on_gpu, on_cpu) in cases {
        for mut compositor in compositors() {
            let compositor = &mut *compositor;
            let mut scene = Scene::new(SceneLimits::default());
            let whole = [SCREEN.to_rect()];
            let film =
                AvcSource::default().message(SURFACE, &picture, version, Views::Both, &whole);
            desktop(&mut scene, compositor, [film]);
            let wanted = match compositor.name() {
                "gpu" => on_gpu,
                _ => on_cpu,
            };
            let name = compositor.name();
            assert_eq!(
                now(compositor, MemoryKind::Planes),
                wanted,
                "{version:?}, {name}"
            );
            let gone = vec![GraphicsCommand::DeleteSurface { surface: SURFACE }];
            carry_out(&mut scene, compositor, gone);
            assert_eq!(
                now(compositor, MemoryKind::Planes),
                0,
                "{version:?}, {name}"
            );
        }
    }
}

#[test]
fn tiles_take_what_a_band_of_them_needs_and_pixels_go_through_one_buffer() {
    let Some(mut gpu) = gpu() else { return };
    let mut scene = Scene::new(SceneLimits::default());
    let picture = support::picture(SCREEN, 4);
    let tiles = Streams::default().progressive(SURFACE, &picture, &[SCREEN.to_rect()], Pass::Whole);
    let desktop = GraphicsCommand::desktop(SURFACE, SCREEN);
    let commands = desktop.into_iter().chain([tiles]).collect();
    apply(&mut scene, &mut gpu, support::decode_all_coded(commands));
    // Three planes of coefficients of two bytes, pixels, and what says how each tile is made.
    let per_tile = 64 * 64 * (3 * 2 + 4);
    let tiles = PIXELS / (64 * 64);
    let held = now(&gpu, MemoryKind::Tiles);
    let instances = held - tiles * per_tile;
    assert!(instances > 0 && instances < tiles * 256, "{held}");
    // The uniforms' buffer and chunks of 4 MiB, or of what one upload needs.
    let staged = now(&gpu, MemoryKind::Staging);
    let coefficients = (tiles * 64 * 64 * 6).next_multiple_of(4 << 20);
    assert_eq!(staged, (1 << 20) + (4 << 20) + coefficients, "{staged}");
}

#[test]
fn buffers_that_only_a_burst_needed_are_given_back_while_little_is_drawn() {
    let Some(mut gpu) = gpu() else { return };
    let mut scene = Scene::new(SceneLimits::default());
    let pixels = |rect: Rect| GraphicsCommand::Draw {
        surface: SURFACE,
        rect,
        codec: PayloadCodec::Uncompressed,
        format: SurfaceFormat::Xrgb,
        payload: vec![7; rect.size().area() as usize * 4].into(),
    };
    desktop(&mut scene, &mut gpu, []);
    let mut draw = |rect: Rect, at_once, times| {
        for _ in 0..times {
            // The decode stage wants to know the surface, which is there.
            let commands = GraphicsCommand::desktop(SURFACE, SCREEN).into_iter();
            let drawn = std::iter::repeat_n(pixels(rect), at_once);
            let batches = support::decode_all(commands.chain(drawn).collect());
            for step in batches.into_iter().flat_map(|batch| batch.steps) {
                let step = step.expect("pixels");
                if matches!(step, Step::Paint { .. }) {
                    scene.apply(&mut gpu, &step).expect("no fault");
                }
            }
            scene.compose(&mut gpu).expect("memory");
        }
        now(&gpu, MemoryKind::Staging)
    };
    // Uniforms, and a buffer for each of so many pictures that are drawn as one.
    let burst = (1 << 20) + 6 * (PIXELS * 4).next_multiple_of(4 << 20);
    let after_it = draw(SCREEN.to_rect(), 6, 1);
    assert!(after_it >= burst, "{after_it}");
    let little = Rect::new(0, 0, 8, 8);
    let shortly_after = draw(little, 1, 40);
    assert!(shortly_after >= burst, "{shortly_after}");
    let later = draw(little, 1, 130);
    assert!(later <= burst / 2, "{later}");
}

#[test]
fn what_was_copied_through_is_given_back_with_the_desktop() {
    let Some(mut gpu) = gpu() else { return };
    let mut scene = Scene::new(SceneLimits::default());
    desktop(&mut scene, &mut gpu, []);
    let moved = |width, height| GraphicsCommand::SurfaceToSurface {
        source: SURFACE,
        destination: SURFACE,
        rect: Rect::new(0, 0, width, height),
        points: vec![Point::new(1, 1)],
    };
    let wide_and_tall = vec![moved(1000, 20), moved(20, 600)];
    carry_out(&mut scene, &mut gpu, wide_and_tall);
    // Not as wide as the one and as tall as the other.
    assert_eq!(now(&gpu, MemoryKind::Scratch), 4 * 20 * 600);
    desktop(&mut scene, &mut gpu, []);
    assert_eq!(now(&gpu, MemoryKind::Scratch), 0);
}

#[test]
fn slots_and_surfaces_that_come_and_go_are_made_of_what_others_left() {
    const SLOTS: u16 = 300;
    let Some(mut gpu) = gpu() else { return };
    let mut scene = Scene::new(SceneLimits::default());
    desktop(&mut scene, &mut gpu, []);
    // Pieces of an interface in all sizes, each in the place of the one that is the oldest.
    let side = |number: u32, limit: u32| 8 + (number.wrapping_mul(0x9E37_79B9) >> 16) % limit;
    let size = |number| Size::new(side(number, 120), side(!number, 56));
    let mut interface = |numbers: std::ops::Range<u32>| {
        let before = gpu.memory().made;
        for number in numbers {
            let slot = CacheSlot((number % u32::from(SLOTS)) as u16 + 1);
            if number >= u32::from(SLOTS) {
                carry_out(&mut scene, &mut gpu, [GraphicsCommand::EvictCache { slot }]);
            }
            let store = GraphicsCommand::SurfaceToCache {
                surface: SURFACE,
                key: 1,
                slot,
                rect: size(number).to_rect(),
            };
            carry_out(&mut scene, &mut gpu, [store]);
        }
        gpu.memory().made - before
    };
    let first = interface(0..1000);
    let later = interface(1000..5000);
    // Each slot had one of its own; of 4000 slots later, one in ten at most has.
    assert!((300..900).contains(&first), "{first}");
    assert!(later < 400, "{later}");
    let kept: u64 = (4700..5000).map(|number| size(number).area()).sum();
    assert!((kept..=kept + kept / 4).contains(&(now(&gpu, MemoryKind::Cache) / 4)));
    // Windows' surfaces, with films in them.
    let picture = support::picture(Size::new(320, 240), 9);
    let before = gpu.memory().made;
    for _ in 0..20 {
        let surface = SurfaceId(2);
        let create = GraphicsCommand::CreateSurface {
            surface,
            size: picture.size(),
            format: SurfaceFormat::Xrgb,
        };
        let whole = [picture.size().to_rect()];
        let version = AvcVersion::Avc444V2;
        let film = AvcSource::default().message(surface, &picture, version, Views::Both, &whole);
        let gone = GraphicsCommand::DeleteSurface { surface };
        let shown = GraphicsCommand::desktop(SURFACE, SCREEN).into_iter();
        let all = shown.chain([create, film, gone]).collect();
        apply(&mut scene, &mut gpu, support::decode_all(all));
    }
    // The surface, its planes, what is staged.
    let made = gpu.memory().made - before;
    assert!(made < 10, "{made}");
}

#[test]
fn what_lies_ready_is_bounded_and_goes_with_a_desktop_of_another_size() {
    let Some(mut gpu) = gpu() else { return };
    let mut scene = Scene::new(SceneLimits::default());
    desktop(&mut scene, &mut gpu, []);
    let store = |slot| GraphicsCommand::SurfaceToCache {
        surface: SURFACE,
        key: 1,
        slot: CacheSlot(slot),
        rect: Rect::new(0, 0, 1024, 512),
    };
    let evict = |slot| GraphicsCommand::EvictCache {
        slot: CacheSlot(slot),
    };
    carry_out(&mut scene, &mut gpu, (1..=20).map(store));
    carry_out(&mut scene, &mut gpu, (1..=20).map(evict));
    assert_eq!(now(&gpu, MemoryKind::Spare), 16 * (2 << 20));
    desktop(&mut scene, &mut gpu, []);
    assert!(now(&gpu, MemoryKind::Spare) > 0, "the next one is like it");
    let size = Size::new(64, 64);
    let other = GraphicsCommand::desktop(SURFACE, size);
    carry_out(&mut scene, &mut gpu, other);
    assert_eq!(now(&gpu, MemoryKind::Spare), 0);
    assert_eq!(now(&gpu, MemoryKind::Output), 4 * size.area());
}

/// Whether a part of a row of the surface finds room in the cache.
fn finds_room(scene: &mut Scene, compositor: &mut dyn Compositor, slot: u16, width: i32) -> bool {
    let store = GraphicsCommand::SurfaceToCache {
        surface: SURFACE,
        key: 1,
        slot: CacheSlot(slot),
        rect: Rect::new(0, 0, width, 1),
    };
    scene.apply(compositor, &Step::Command(store)).is_ok()
}

#[test]
fn the_cache_is_as_large_as_it_may_be_to_the_byte_and_to_the_slot() {
    assert_eq!(SceneLimits::default().cache, CacheLimits::FULL);
    let limits = SceneLimits {
        cache: CacheLimits {
            bytes: 4 * 100,
            slots: 2,
        },
        ..SceneLimits::default()
    };
    let cpu = &mut CpuCompositor::new(None);
    let mut scene = Scene::new(limits);
    desktop(&mut scene, cpu, []);
    let mut store = |slot, width| finds_room(&mut scene, cpu, slot, width);
    assert!(store(1, 60));
    assert!(!store(2, 41), "a pixel too many");
    assert!(store(2, 40));
    assert!(!store(3, 1), "full");
    assert!(store(2, 10), "a slot is filled again");
    assert!(!store(3, 1), "a slot too many");
}

#[test]
fn the_cache_becomes_as_small_as_was_agreed_and_never_larger_than_this_side_takes() {
    let agree = |bytes, slots| GraphicsCommand::LimitCache {
        limits: CacheLimits { bytes, slots },
    };
    let limits = SceneLimits {
        cache: CacheLimits {
            bytes: 4 * 100,
            slots: 3,
        },
        ..SceneLimits::default()
    };
    let cpu = &mut CpuCompositor::new(None);
    let mut scene = Scene::new(limits);
    desktop(&mut scene, cpu, []);
    carry_out(&mut scene, cpu, [agree(4 * 50, 2)]);
    // It was said before the desktop came, and is true for the next one as well.
    desktop(&mut scene, cpu, []);
    assert!(!finds_room(&mut scene, cpu, 1, 51), "a pixel too many");
    assert!(finds_room(&mut scene, cpu, 1, 48));
    assert!(finds_room(&mut scene, cpu, 2, 1));
    assert!(!finds_room(&mut scene, cpu, 3, 1), "a slot too many");
    carry_out(&mut scene, cpu, [agree(1 << 30, 100)]);
    assert!(finds_room(&mut scene, cpu, 3, 51));
    assert!(!finds_room(&mut scene, cpu, 1, 49), "a pixel too many");
    assert!(!finds_room(&mut scene, cpu, 4, 0), "a slot too many");
    // What was stored under larger limits stays, and leaves no room.
    carry_out(&mut scene, cpu, [agree(4 * 50, 3)]);
    assert!(!finds_room(&mut scene, cpu, 2, 1));
    let slot = CacheSlot(3);
    carry_out(&mut scene, cpu, [GraphicsCommand::EvictCache { slot }]);
    assert!(finds_room(&mut scene, cpu, 2, 2));
}

#[test]
fn planes_count_as_what_surfaces_take_and_a_video_that_is_too_large_is_refused() {
    let picture = support::picture(SCREEN, 9);
    let film = |version| {
        let whole = [SCREEN.to_rect()];
        AvcSource::default().message(SURFACE, &picture, version, Views::Both, &whole)
    };
    // Output, surface, planes as they come at worst, and samples.
    let drawn = |version, half_bytes| {
        let limits = SceneLimits {
            surface_bytes: PIXELS * half_bytes / 2,
            ..SceneLimits::default()
        };
        let cpu = &mut CpuCompositor::new(None);
        let mut scene = Scene::new(limits);
        let desktop = GraphicsCommand::desktop(SURFACE, SCREEN);
        let steps = support::decode_all(desktop.into_iter().chain([film(version)]).collect());
        let mut steps = steps.into_iter().flat_map(|batch| batch.steps);
        steps.all(|step| scene.apply(cpu, &step.expect("a picture")).is_ok())
    };
    for (version, half_bytes) in [(AvcVersion::Avc420, 20), (AvcVersion::Avc444, 29)] {
        assert!(drawn(version, half_bytes), "{version:?}");
        assert!(!drawn(version, half_bytes - 1), "{version:?}");
    }
}
