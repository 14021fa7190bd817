//! Both compositors make the same picture of the same commands, within one step in 255.

mod support;

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::Picture,
    progressive::Pass,
    video::AvcVersion,
    yuv::ChromaUpsampling,
};
use oriel_protocol::graphics::{
    CacheSlot, Color, FrameId, GraphicsCommand, PayloadCodec, SurfaceFormat, SurfaceId,
};
use oriel_render::{
    Scaling, View,
    compositor::{
        Compositor, CpuCompositor, Damage, Filter, Presentation, Scaler, Scene, SceneLimits,
        WindowLayer,
    },
    decode::{Batch, Painting, Step},
};
use proptest::{collection::vec, prelude::*};
use support::{AvcSource, Streams, Views, assert_close};

const OUTPUT: Size = Size::new(150, 110);

#[derive(Clone, Debug)]
enum Op {
    Create(u8, Size),
    Delete(u8),
    Map(u8, Point),
    MapScaled(u8, Point, Size),
    MapWindow(u8),
    Fill(u8, [u8; 4], Vec<Rect>),
    Copy(u8, u8, Rect, Vec<Point>),
    Store(u8, u8, Rect),
    Restore(u8, u8, Vec<Point>),
    Evict(u8),
    Raw(u8, Rect, u64),
    Planar(u8, Rect, u64),
    Alpha(u8, Rect, u64),
    Clear(u8, Rect, u64),
    NsCodec(u8, Rect, u64),
    RemoteFx(u8, Rect, Vec<Rect>, u64),
    Progressive(u8, Vec<Rect>, Pass, u64),
    Upgrade(u8, Vec<Rect>),
    DeleteContext(u8),
    Avc(u8, AvcVersion, Views, Vec<Rect>, u64),
    EndFrame,
}

fn point() -> impl Strategy<Value = Point> {
    (-20..120i32, -20..90i32).prop_map(|(x, y)| Point::new(x, y))
}

fn size() -> impl Strategy<Value = Size> {
    (16..130u32, 16..90u32).prop_map(|(width, height)| Size::new(width, height))
}

fn rect() -> impl Strategy<Value = Rect> {
    (point(), 1..90u32, 1..70u32)
        .prop_map(|(origin, width, height)| Rect::at(origin, Size::new(width, height)))
}

fn version() -> impl Strategy<Value = AvcVersion> {
    prop_oneof![
        Just(AvcVersion::Avc420),
        Just(AvcVersion::Avc444),
        Just(AvcVersion::Avc444V2)
    ]
}

fn views() -> impl Strategy<Value = Views> {
    prop_oneof![Just(Views::Both), Just(Views::Luma), Just(Views::Chroma)]
}

fn pass() -> impl Strategy<Value = Pass> {
    prop_oneof![Just(Pass::First), Just(Pass::Whole)]
}

fn op() -> impl Strategy<Value = Op> {
    let id = || 1..4u8;
    prop_oneof![
        1 => (id(), size()).prop_map(|(id, size)| Op::Create(id, size)),
        1 => id().prop_map(Op::Delete),
        2 => (id(), point()).prop_map(|(id, at)| Op::Map(id, at)),
        2 => (id(), point(), size()).prop_map(|(id, at, size)| Op::MapScaled(id, at, size)),
        1 => id().prop_map(Op::MapWindow),
        3 => (id(), any::<[u8; 4]>(), vec(rect(), 1..4))
            .prop_map(|(id, color, rects)| Op::Fill(id, color, rects)),
        4 => (id(), id(), rect(), vec(point(), 1..4))
            .prop_map(|(from, to, rect, points)| Op::Copy(from, to, rect, points)),
        2 => (id(), id(), rect()).prop_map(|(id, slot, rect)| Op::Store(id, slot, rect)),
        2 => (id(), id(), vec(point(), 1..3))
            .prop_map(|(slot, id, points)| Op::Restore(slot, id, points)),
        1 => id().prop_map(Op::Evict),
        3 => (id(), rect(), any::<u64>()).prop_map(|(id, rect, seed)| Op::Raw(id, rect, seed)),
        3 => (id(), rect(), any::<u64>()).prop_map(|(id, rect, seed)| Op::Planar(id, rect, seed)),
        2 => (id(), rect(), any::<u64>()).prop_map(|(id, rect, seed)| Op::Alpha(id, rect, seed)),
        3 => (id(), rect(), any::<u64>()).prop_map(|(id, rect, seed)| Op::Clear(id, rect, seed)),
        2 => (id(), rect(), any::<u64>())
            .prop_map(|(id, rect, seed)| Op::NsCodec(id, rect, seed)),
        3 => (id(), rect(), vec(rect(), 1..4), any::<u64>())
            .prop_map(|(id, rect, rects, seed)| Op::RemoteFx(id, rect, rects, seed)),
        3 => (id(), vec(rect(), 1..4), pass(), any::<u64>())
            .prop_map(|(id, rects, pass, seed)| Op::Progressive(id, rects, pass, seed)),
        3 => (id(), vec(rect(), 1..3)).prop_map(|(id, rects)| Op::Upgrade(id, rects)),
        1 => id().prop_map(Op::DeleteContext),
        5 => (id(), version(), views(), vec(rect(), 1..5), any::<u64>())
            .prop_map(|(id, version, views, rects, seed)| Op::Avc(id, version, views, rects, seed)),
        2 => Just(Op::EndFrame),
    ]
}

/// The commands of a session that starts with three surfaces.
fn commands(ops: Vec<Op>) -> Vec<GraphicsCommand> {
    let mut sizes = [Size::default(); 4];
    let mut source = AvcSource::default();
    let mut streams = Streams::default();
    let mut frame = 0;
    let mut out = vec![GraphicsCommand::ResetGraphics {
        size: OUTPUT,
        monitors: Vec::new(),
    }];
    let first = [
        Op::Create(1, Size::new(100, 70)),
        Op::Map(1, Point::new(0, 0)),
        Op::Create(2, Size::new(67, 45)),
        Op::Map(2, Point::new(60, 50)),
        Op::Create(3, Size::new(48, 48)),
        Op::MapScaled(3, Point::new(95, 3), Size::new(50, 64)),
    ];
    for op in first.into_iter().chain(ops) {
        let surface = |id: u8| SurfaceId(id.into());
        let slot = |id: u8| CacheSlot(id.into());
        let command = match op {
            Op::Create(id, size) => {
                sizes[id as usize] = size;
                source.forget(surface(id));
                streams.forget(surface(id));
                GraphicsCommand::CreateSurface {
                    surface: surface(id),
                    size,
                    format: SurfaceFormat::Argb,
                }
            }
            Op::Delete(id) => {
                source.forget(surface(id));
                streams.forget(surface(id));
                GraphicsCommand::DeleteSurface {
                    surface: surface(id),
                }
            }
            Op::Map(id, origin) => GraphicsCommand::MapSurfaceToOutput {
                surface: surface(id),
                origin,
            },
            Op::MapScaled(id, origin, target) => GraphicsCommand::MapSurfaceToScaledOutput {
                surface: surface(id),
                origin,
                target,
            },
            Op::MapWindow(id) => GraphicsCommand::MapSurfaceToWindow {
                surface: surface(id),
                window: 7,
                mapped: sizes[id as usize],
            },
            Op::Fill(id, [blue, green, red, alpha], rects) => GraphicsCommand::SolidFill {
                surface: surface(id),
                color: Color {
                    blue,
                    green,
                    red,
                    alpha,
                },
                rects,
            },
            Op::Copy(from, to, rect, points) => GraphicsCommand::SurfaceToSurface {
                source: surface(from),
                destination: surface(to),
                rect,
                points,
            },
            Op::Store(id, to, rect) => GraphicsCommand::SurfaceToCache {
                surface: surface(id),
                key: 1,
                slot: slot(to),
                rect,
            },
            Op::Restore(from, id, points) => GraphicsCommand::CacheToSurface {
                slot: slot(from),
                surface: surface(id),
                points,
            },
            Op::Evict(id) => GraphicsCommand::EvictCache { slot: slot(id) },
            Op::Raw(id, rect, seed) => support::draw(
                surface(id),
                rect,
                PayloadCodec::Uncompressed,
                support::picture(rect.size(), seed).into_data(),
            ),
            Op::Planar(id, rect, seed) => support::draw(
                surface(id),
                rect,
                PayloadCodec::Planar,
                support::planar_payload(&support::picture(rect.size(), seed)),
            ),
            Op::Alpha(id, rect, seed) => support::draw(
                surface(id),
                rect,
                PayloadCodec::Alpha,
                support::alpha_payload(&support::picture(rect.size(), seed).view()),
            ),
            Op::Clear(id, rect, seed) => support::draw(
                surface(id),
                rect,
                PayloadCodec::ClearCodec,
                streams.clear(&support::picture(rect.size(), seed)),
            ),
            Op::NsCodec(id, rect, seed) => support::draw(
                surface(id),
                rect,
                PayloadCodec::NsCodec,
                support::ns_codec_payload(&support::picture(rect.size(), seed)),
            ),
            Op::RemoteFx(id, rect, rects, seed) => support::draw(
                surface(id),
                rect,
                PayloadCodec::RemoteFx,
                streams.remote_fx(&support::picture(rect.size(), seed), &rects),
            ),
            Op::Progressive(id, rects, pass, seed) => {
                let picture = support::picture(sizes[id as usize], seed);
                streams.progressive(surface(id), &picture, &rects, pass)
            }
            Op::Upgrade(id, rects) => streams.upgrade(surface(id), sizes[id as usize], &rects),
            Op::DeleteContext(id) => streams.delete_context(surface(id)),
            Op::Avc(id, version, views, regions, seed) => {
                let picture = support::picture(sizes[id as usize], seed);
                source.message(surface(id), &picture, version, views, &regions)
            }
            Op::EndFrame => {
                frame += 1;
                out.push(GraphicsCommand::EndFrame {
                    frame: FrameId(frame),
                });
                GraphicsCommand::StartFrame {
                    frame: FrameId(frame + 1),
                }
            }
        };
        out.push(command);
    }
    out.push(GraphicsCommand::EndFrame {
        frame: FrameId(frame + 1),
    });
    out
}

/// What `scaled` must be, on the CPU, from what the GPU itself has in `source`: the rounding of
/// colours that came before must not add up with that of the scaling.
fn rescaled(source: &Picture, target: Size) -> Picture {
    let mut out = Picture::new(target);
    Scaler::new(source.size(), target).scale(source.data(), &target.to_rect(), &mut out.as_mut());
    out
}

fn part(picture: &Picture, rect: &Rect) -> Picture {
    let mut data = Vec::new();
    for y in rect.top..rect.bottom {
        for x in rect.left..rect.right {
            data.extend(picture.pixel(Point::new(x, y)));
        }
    }
    Picture::from_bgra(rect.size(), data).expect("as many pixels as the rectangle has")
}

/// Copies `from` into `picture` where both are.
fn put(picture: &mut Picture, from: &Picture, origin: Point) {
    let rect = Rect::at(origin, from.size()).intersect(&picture.size().to_rect());
    if rect.is_empty() {
        return;
    }
    let cut = part(from, &rect.translate(-origin.x, -origin.y));
    let mut view = picture.as_mut();
    let mut out = view.sub(&rect).expect("inside");
    for y in 0..rect.height() {
        let mut rows = cut.data().chunks_exact(cut.stride_bytes());
        out.row_mut(y)
            .copy_from_slice(rows.nth(y as usize).expect("a row"));
    }
}

/// The output that follows from the surfaces that a compositor has.
fn expected_output(scene: &Scene, compositor: &mut dyn Compositor) -> Picture {
    let mut output = Picture::new(scene.output());
    for layer in scene.layers() {
        let surface = compositor.read_surface(layer.surface).expect("a surface");
        let shown = rescaled(&surface, layer.target.size());
        put(&mut output, &shown, layer.target.origin());
    }
    for pixel in output.data_mut().chunks_exact_mut(4) {
        pixel[3] = 255;
    }
    output
}

/// Makes H.264's pictures such as hardware gives.
fn interleave_chroma(batch: &mut Batch) {
    for step in batch.steps.iter_mut().flatten() {
        if let Step::Paint {
            painting: Painting::Avc(views),
            ..
        } = step
        {
            let views = [&mut views.luma_view, &mut views.chroma_view];
            for view in views.into_iter().flatten() {
                *view = view.to_semi_planar();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(48),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_streams_make_the_same_picture_on_both_compositors(
        ops in vec(op(), 1..40),
        window in (20..300u32, 20..200u32),
        scaling in prop_oneof![Just(Scaling::Fit), Just(Scaling::OneToOne), Just(Scaling::Stretch)],
        overlay_at in point(),
        seed in any::<u64>(),
        is_interleaved in any::<bool>(),
    ) {
        let Some(mut gpu) = support::gpu() else {
            return Ok(());
        };
        let mut cpu = CpuCompositor::new(None);
        let mut cpu_scene = Scene::new(SceneLimits::default());
        let mut gpu_scene = Scene::new(SceneLimits::default());
        for mut batch in support::decode_all(commands(ops)) {
            if is_interleaved {
                interleave_chroma(&mut batch);
            }
            for step in batch.steps.iter().flatten() {
                let on_cpu = cpu_scene.apply(&mut cpu, step).map_err(|error| error.to_string());
                let on_gpu = gpu_scene.apply(&mut *gpu, step).map_err(|error| error.to_string());
                prop_assert_eq!(on_cpu, on_gpu);
            }
            let on_cpu = cpu_scene.compose(&mut cpu).expect("memory");
            let on_gpu = gpu_scene.compose(&mut *gpu).expect("a device");
            prop_assert_eq!(on_cpu, on_gpu);
        }
        for surface in cpu_scene.surfaces() {
            let expected = cpu.read_surface(surface).expect("a surface");
            let actual = gpu.read_surface(surface).expect("a surface");
            assert_close(&actual, &expected, 1, format_args!("{surface:?}"));
        }
        let actual = gpu.read_output().expect("a device");
        assert_close(&actual, &expected_output(&gpu_scene, &mut *gpu), 1, "output of the GPU");
        let expected = cpu.read_output().expect("memory");
        assert_close(&expected, &expected_output(&cpu_scene, &mut cpu), 0, "output of the CPU");

        // The window: both start from the GPU's output, so that only the last pass is compared.
        let view = View::new(OUTPUT, Size::new(window.0, window.1), scaling);
        let overlay = WindowLayer {
            origin: overlay_at,
            picture: premultiplied(Size::new(40, 30), seed).into(),
            inverting: (seed % 2 == 0).then(|| mask(Size::new(40, 30), seed).into()),
        };
        let nothing = Damage::new();
        let what = Presentation {
            view,
            damage: &nothing,
            repaint: &nothing,
            layers: &[overlay],
        };
        let on_gpu = gpu.render_window(&what).expect("a device");
        let mut twin = CpuCompositor::new(None);
        let mut scene = Scene::new(SceneLimits::default());
        for step in show(&actual) {
            scene.apply(&mut twin, &step).expect("a surface");
        }
        scene.compose(&mut twin).expect("memory");
        let on_cpu = twin.render_window(&what).expect("memory");
        // Blending rounds once more what scaling has rounded.
        let steps = if Filter::choose(view.desktop(), view.viewport().size()) == Filter::Mitchell {
            2
        } else {
            1
        };
        assert_close(&on_gpu, &on_cpu, steps, format_args!("window {view:?}"));
    }
}

/// Steps that show a picture as the desktop.
fn show(picture: &Picture) -> Vec<Step> {
    let (surface, size) = (SurfaceId(1), picture.size());
    let commands = GraphicsCommand::desktop(surface, size)
        .into_iter()
        .chain([support::draw(
            surface,
            size.to_rect(),
            PayloadCodec::Uncompressed,
            picture.data().to_vec(),
        )])
        .collect::<Vec<_>>();
    support::decode_all(commands)
        .into_iter()
        .flat_map(|batch| batch.steps)
        .map(|step| step.expect("commands without fault"))
        .collect()
}

fn premultiplied(size: Size, seed: u64) -> Picture {
    let mut picture = support::picture(size, seed);
    for pixel in picture.data_mut().chunks_exact_mut(4) {
        let alpha = u32::from(pixel[3]);
        for channel in &mut pixel[..3] {
            *channel = (u32::from(*channel) * alpha / 255) as u8;
        }
    }
    picture
}

fn mask(size: Size, seed: u64) -> Picture {
    let mut picture = support::picture(size, seed ^ 1);
    for pixel in picture.data_mut().chunks_exact_mut(4) {
        let value = if pixel[0] > 128 { 255 } else { 0 };
        pixel.copy_from_slice(&[value, value, value, 0]);
    }
    picture
}

#[test]
fn a_picture_drawn_in_a_hurry_is_drawn_well_at_rest_where_it_still_shows() {
    let (surface, size) = (SurfaceId(1), Size::new(320, 300));
    let hole = Rect::new(50, 40, 90, 100);
    let shown = support::picture(size, 3);
    let mut source = AvcSource::default();
    let regions = [size.to_rect()];
    let video = source.message(surface, &shown, AvcVersion::Avc420, Views::Luma, &regions);
    let color = Color {
        blue: 1,
        green: 2,
        red: 3,
        alpha: 255,
    };
    let commands = GraphicsCommand::desktop(surface, size)
        .into_iter()
        .chain([
            video,
            GraphicsCommand::SolidFill {
                surface,
                color,
                rects: vec![hole],
            },
            GraphicsCommand::EndFrame { frame: FrameId(1) },
        ])
        .collect::<Vec<_>>();
    let mut cpu = CpuCompositor::new(None);
    let mut scene = Scene::new(SceneLimits::default());
    let mut expected = Picture::new(size);
    for batch in support::decode_all(commands) {
        for step in batch.steps.iter().flatten() {
            scene.apply(&mut cpu, step).expect("all of it exists");
            if let Step::Paint {
                painting: Painting::Avc(views),
                ..
            } = step
            {
                let chroma = ChromaUpsampling::Guided;
                views.draw(&mut None, &mut expected.as_mut(), chroma);
            }
        }
        scene.compose(&mut cpu).expect("memory");
    }
    for y in hole.top as u32..hole.bottom as u32 {
        for pixel in expected.as_mut().row_mut(y).as_chunks_mut::<4>().0
            [hole.left as usize..hole.right as usize]
            .iter_mut()
        {
            *pixel = [1, 2, 3, 255];
        }
    }
    assert!(cpu.can_refine());
    assert!(cpu.read_output().expect("memory") != expected, "in a hurry");
    scene.refine(&mut cpu);
    let changed = scene.compose(&mut cpu).expect("memory");
    assert!(!cpu.can_refine());
    let actual = cpu.read_output().expect("memory");
    assert!(actual == expected, "as well as can be");
    let is_left_alone = changed
        .rects()
        .iter()
        .all(|rect| rect.intersect(&hole).is_empty());
    assert!(is_left_alone, "{changed:?}");
}
