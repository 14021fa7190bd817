//! What is copied on the way from commands to the desktop's picture.

mod support;

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    video::AvcVersion,
};
use oriel_protocol::graphics::{CacheSlot, FrameId, GraphicsCommand, PayloadCodec, SurfaceId};
use oriel_render::compositor::{Compositor, CopiedBytes, CpuCompositor, Scene, SceneLimits};
use support::{AvcSource, Views};

const SCREEN: Size = Size::new(1920, 1080);
const SURFACE: SurfaceId = SurfaceId(1);
/// A small update, and its bytes.
const SMALL: Rect = Rect::new(700, 300, 796, 364);
const SMALL_BYTES: u64 = 96 * 64 * 4;

/// What a compositor copies for a frame on a desktop that is one surface and was shown before.
fn copied(compositor: &mut dyn Compositor, commands: Vec<GraphicsCommand>) -> CopiedBytes {
    let framed = |number, commands: Vec<GraphicsCommand>| {
        let frame = FrameId(number);
        let start = GraphicsCommand::StartFrame { frame };
        let end = GraphicsCommand::EndFrame { frame };
        [start].into_iter().chain(commands).chain([end])
    };
    let all = framed(1, GraphicsCommand::desktop(SURFACE, SCREEN).into());
    let all = all.chain(framed(2, commands)).collect();
    let mut scene = Scene::new(SceneLimits::default());
    let mut copied = CopiedBytes::default();
    for batch in support::decode_all(all) {
        for step in batch.steps {
            let step = step.expect("commands without fault");
            scene.apply(compositor, &step).expect("no fault");
        }
        scene.compose(compositor).expect("memory");
        copied = compositor.take_copied();
    }
    copied
}

fn pixels(rect: Rect) -> GraphicsCommand {
    let picture = support::picture(rect.size(), 5);
    let payload = picture.into_data();
    support::draw(SURFACE, rect, PayloadCodec::Uncompressed, payload)
}

#[test]
fn a_small_update_of_a_large_surface_copies_its_rectangle_and_nothing_else() {
    let mut cpu = CpuCompositor::new(None);
    let drawn = SMALL_BYTES;
    let wanted = CopiedBytes {
        drawn,
        ..CopiedBytes::default()
    };
    assert_eq!(copied(&mut cpu, vec![pixels(SMALL)]), wanted);
    if let Some(mut gpu) = support::gpu() {
        // The output is a texture of its own there.
        let moved = SMALL_BYTES;
        let wanted = CopiedBytes { moved, ..wanted };
        assert_eq!(copied(&mut *gpu, vec![pixels(SMALL)]), wanted);
    }
}

#[test]
fn a_copy_within_a_surface_moves_what_it_names_once() {
    let scroll = GraphicsCommand::SurfaceToSurface {
        source: SURFACE,
        destination: SURFACE,
        rect: SMALL,
        points: vec![Point::new(700, 290)],
    };
    let mut cpu = CpuCompositor::new(None);
    let got = copied(&mut cpu, vec![scroll]);
    let moved = SMALL_BYTES;
    assert_eq!(
        got,
        CopiedBytes {
            moved,
            ..CopiedBytes::default()
        }
    );
}

#[test]
fn a_slot_costs_its_pixels_each_time_it_is_filled_or_drawn() {
    let slot = CacheSlot(3);
    let store = GraphicsCommand::SurfaceToCache {
        surface: SURFACE,
        key: 1,
        slot,
        rect: SMALL,
    };
    let draw = GraphicsCommand::CacheToSurface {
        slot,
        surface: SURFACE,
        points: vec![Point::new(0, 0), Point::new(200, 0)],
    };
    let got = copied(&mut CpuCompositor::new(None), vec![store, draw]);
    assert_eq!((got.drawn, got.moved), (0, 3 * SMALL_BYTES));
}

#[test]
fn a_film_is_computed_and_not_copied_on_the_cpu_and_uploaded_as_planes_on_the_gpu() {
    let film = || {
        let picture = support::picture(SCREEN, 9);
        let whole = [SCREEN.to_rect()];
        let version = AvcVersion::Avc420;
        let mut source = AvcSource::default();
        vec![source.message(SURFACE, &picture, version, Views::Luma, &whole)]
    };
    let got = copied(&mut CpuCompositor::new(None), film());
    assert_eq!(got, CopiedBytes::default());
    if let Some(mut gpu) = support::gpu() {
        let got = copied(&mut *gpu, film());
        // And a block's rows more, where the stream has them: chroma is found with those around.
        let planes = SCREEN.area() * 3 / 2;
        assert!(
            (planes..planes + planes / 100).contains(&got.drawn),
            "{got:?}"
        );
    }
}
