//! The renderer as its owner sees it: events, bounds, screenshots, recovery.

mod support;

use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::Picture,
    video::{AvcVersion, DecoderKind},
};
use oriel_protocol::graphics::{
    Color, FrameId, GraphicsCommand, PayloadCodec, SurfaceFormat, SurfaceId,
};
use oriel_render::{
    CompositorChoice, PresentTarget, RenderEvent, Renderer, RendererConfig,
    decode::{DecodeOptions, DecoderPlan},
};
use support::{AvcSource, Views, assert_close};

const SIZE: Size = Size::new(96, 64);
const SURFACE: SurfaceId = SurfaceId(5);

fn start(config: RendererConfig) -> (Renderer, Receiver<RenderEvent>) {
    let (sender, events) = unbounded();
    let renderer = Renderer::start(config, PresentTarget::Headless, move |event| {
        let _ = sender.send(event);
    })
    .expect("a renderer");
    (renderer, events)
}

fn cpu() -> RendererConfig {
    RendererConfig {
        compositor: CompositorChoice::Cpu,
        ..RendererConfig::default()
    }
}

fn submit(renderer: &Renderer, commands: impl IntoIterator<Item = GraphicsCommand>) {
    for command in commands {
        renderer.try_submit(command).expect("room in the queue");
    }
}

fn desktop(size: Size) -> [GraphicsCommand; 3] {
    GraphicsCommand::desktop(SURFACE, size)
}

fn fill(color: [u8; 3], rect: Rect) -> GraphicsCommand {
    let [blue, green, red] = color;
    GraphicsCommand::SolidFill {
        surface: SURFACE,
        color: Color {
            blue,
            green,
            red,
            alpha: 255,
        },
        rects: vec![rect],
    }
}

fn frame(number: u32, commands: impl IntoIterator<Item = GraphicsCommand>) -> Vec<GraphicsCommand> {
    let frame = FrameId(number);
    std::iter::once(GraphicsCommand::StartFrame { frame })
        .chain(commands)
        .chain([GraphicsCommand::EndFrame { frame }])
        .collect()
}

/// The next event that `pick` wants.
fn wait<T>(events: &Receiver<RenderEvent>, mut pick: impl FnMut(RenderEvent) -> Option<T>) -> T {
    loop {
        let event = events
            .recv_timeout(Duration::from_secs(60))
            .expect("an event");
        if let Some(found) = pick(event) {
            return found;
        }
    }
}

fn wait_for_frame(events: &Receiver<RenderEvent>, number: u32) {
    wait(events, |event| match event {
        RenderEvent::FrameDone { frame, .. } if frame.0 == number => Some(()),
        _ => None,
    });
}

fn shot(renderer: &Renderer) -> Picture {
    renderer
        .screenshot()
        .recv_timeout(Duration::from_secs(60))
        .expect("a picture")
}

#[test]
fn every_frame_is_reported_in_order_and_the_first_picture_once() {
    let (renderer, events) = start(cpu());
    submit(&renderer, desktop(SIZE));
    let mut expected = Vec::new();
    for number in 1..=40 {
        submit(
            &renderer,
            frame(number, [fill([number as u8, 0, 0], SIZE.to_rect())]),
        );
        expected.push(FrameId(number));
    }
    let (mut done, mut first_pictures, mut sizes) = (Vec::new(), 0, Vec::new());
    wait(&events, |event| {
        match event {
            RenderEvent::FrameDone {
                frame,
                frames_queued,
                ..
            } => {
                assert!(frames_queued <= 40 - frame.0);
                done.push(frame);
            }
            RenderEvent::FirstPicture => first_pictures += 1,
            RenderEvent::DesktopResized(size) => sizes.push(size),
            other => panic!("{other:?}"),
        }
        // A frame is told of before it is shown.
        (done.len() == 40 && first_pictures == 1).then_some(())
    });
    shot(&renderer);
    let late: Vec<_> = events.try_iter().collect();
    assert!(late.is_empty(), "{late:?}");
    assert_eq!(done, expected);
    assert_eq!((first_pictures, sizes), (1, vec![SIZE]));
    assert_eq!(renderer.desktop_size(), SIZE);
    assert_eq!(shot(&renderer), Picture::filled(SIZE, [40, 0, 0, 255]));
    assert_eq!(renderer.statistics().frames, 40);
}

#[test]
fn half_a_frame_is_never_seen() {
    let (renderer, events) = start(cpu());
    submit(&renderer, desktop(SIZE));
    submit(&renderer, frame(1, [fill([1, 1, 1], SIZE.to_rect())]));
    wait_for_frame(&events, 1);
    submit(
        &renderer,
        [
            GraphicsCommand::StartFrame { frame: FrameId(2) },
            fill([9, 9, 9], SIZE.to_rect()),
        ],
    );
    assert_eq!(shot(&renderer), Picture::filled(SIZE, [1, 1, 1, 255]));
    submit(&renderer, [GraphicsCommand::EndFrame { frame: FrameId(2) }]);
    wait_for_frame(&events, 2);
    assert_eq!(shot(&renderer), Picture::filled(SIZE, [9, 9, 9, 255]));
}

#[test]
fn a_frame_larger_than_the_queue_gets_through() {
    let config = RendererConfig {
        decode: DecodeOptions {
            max_commands: 8,
            max_payload_bytes: 40_000,
            max_decoded_bytes: 60_000,
            workers: 2,
            tile_threads: 2,
        },
        ..cpu()
    };
    let (renderer, events) = start(config);
    submit(&renderer, desktop(SIZE));
    let mut refused = 0;
    let last = support::picture(SIZE, 99);
    // Made beforehand: encoding here would give the decoders time to keep up.
    let draws: Vec<_> = (0..100)
        .map(|seed| {
            let picture = support::picture(SIZE, seed);
            let payload = support::planar_payload(&picture);
            support::draw(SURFACE, SIZE.to_rect(), PayloadCodec::Planar, payload)
        })
        .collect();
    for command in frame(1, draws) {
        let mut pending = Some(command);
        while let Some(command) = pending.take() {
            if let Err(command) = renderer.try_submit(command) {
                refused += 1;
                pending = Some(command);
                wait(&events, |event| {
                    matches!(event, RenderEvent::QueueDrained).then_some(())
                });
            }
        }
    }
    wait_for_frame(&events, 1);
    assert!(refused > 0, "the queue took all of it");
    let mut expected = last;
    for pixel in expected.data_mut().chunks_exact_mut(4) {
        pixel[3] = 255;
    }
    assert_eq!(shot(&renderer), expected);
    let figures = renderer.statistics();
    assert!(figures.peak_queued_commands <= 8, "{figures:?}");
    assert!(figures.peak_queued_bytes <= 40_000, "{figures:?}");
    assert_eq!(figures.codecs["planar"].payloads, 100);
}

#[test]
fn what_the_peer_gets_wrong_is_reported_and_the_session_goes_on() {
    let (renderer, events) = start(cpu());
    submit(&renderer, desktop(SIZE));
    let whole = SIZE.to_rect();
    let wrong = [
        support::draw(SurfaceId(77), whole, PayloadCodec::Planar, vec![0; 9]),
        support::draw(SURFACE, whole, PayloadCodec::Planar, vec![0x10, 1, 2]),
        support::draw(SURFACE, whole, PayloadCodec::Avc420, vec![1, 2, 3]),
        support::draw(SURFACE, whole, PayloadCodec::Avc444v2, vec![0xFF; 40]),
        support::draw(SURFACE, whole, PayloadCodec::RemoteFx, vec![0; 9]),
        support::draw(SURFACE, whole, PayloadCodec::Uncompressed, vec![0; 9]),
        support::draw(
            SURFACE,
            Rect::new(0, 0, 60_000, 60_000),
            PayloadCodec::Alpha,
            vec![0; 9],
        ),
        GraphicsCommand::CreateSurface {
            surface: SurfaceId(6),
            size: Size::new(65_535, 65_535),
            format: SurfaceFormat::Xrgb,
        },
        GraphicsCommand::DeleteSurface {
            surface: SurfaceId(78),
        },
    ];
    let count = wrong.len();
    submit(&renderer, frame(1, wrong));
    submit(&renderer, frame(2, [fill([7, 8, 9], whole)]));
    let mut errors = 0;
    wait(&events, |event| {
        errors += usize::from(matches!(event, RenderEvent::PeerError(_)));
        matches!(
            event,
            RenderEvent::FrameDone {
                frame: FrameId(2),
                ..
            }
        )
        .then_some(())
    });
    assert_eq!(errors, count);
    assert_eq!(renderer.statistics().peer_errors, count as u64);
    assert_eq!(shot(&renderer), Picture::filled(SIZE, [7, 8, 9, 255]));
}

#[test]
fn a_surfaces_video_stays_in_order_between_other_payloads() {
    let (renderer, events) = start(cpu());
    submit(&renderer, desktop(SIZE));
    let mut source = AvcSource::default();
    let whole = SIZE.to_rect();
    let mut last = Picture::new(SIZE);
    for number in 1..=12 {
        last = support::picture(Size::new(96, 64), u64::from(number));
        let video = source.message(SURFACE, &last, AvcVersion::Avc444V2, Views::Both, &[whole]);
        let planar = support::planar_payload(&support::picture(SIZE, 1000));
        let below = support::draw(SURFACE, whole, PayloadCodec::Planar, planar);
        submit(&renderer, frame(number, [below, video]));
    }
    wait_for_frame(&events, 12);
    let actual = shot(&renderer);
    let error: u64 = actual
        .data()
        .chunks_exact(4)
        .zip(last.data().chunks_exact(4))
        .map(|(a, b)| {
            (0..3)
                .map(|at| u64::from(a[at].abs_diff(b[at])).pow(2))
                .sum::<u64>()
        })
        .sum();
    let psnr = 10.0 * (255.0f64.powi(2) * SIZE.area() as f64 * 3.0 / error as f64).log10();
    assert!(psnr > 25.0, "{psnr} dB: not the last picture");
    let figures = renderer.statistics();
    assert_eq!(figures.codecs["avc444v2"].payloads, 12);
    assert!(figures.video_decoder.is_some());
}

#[test]
fn a_new_desktop_size_is_told_and_starts_black() {
    let (renderer, events) = start(cpu());
    submit(&renderer, desktop(SIZE));
    submit(&renderer, frame(1, [fill([5, 5, 5], SIZE.to_rect())]));
    let larger = Size::new(200, 100);
    submit(&renderer, desktop(larger));
    submit(
        &renderer,
        frame(2, [fill([6, 6, 6], Rect::new(0, 0, 10, 10))]),
    );
    let mut sizes = Vec::new();
    wait(&events, |event| match event {
        RenderEvent::DesktopResized(size) => {
            sizes.push(size);
            None
        }
        RenderEvent::FrameDone {
            frame: FrameId(2), ..
        } => Some(()),
        _ => None,
    });
    assert_eq!(sizes.last(), Some(&larger));
    let picture = shot(&renderer);
    assert_eq!(picture.size(), larger);
    assert_eq!(picture.pixel(Point::new(9, 9)), [6, 6, 6, 255]);
    assert_eq!(picture.pixel(Point::new(10, 9)), [0, 0, 0, 255]);
}

#[test]
fn a_lost_device_comes_back_asks_for_its_pixels_and_falls_back_when_it_is_lost_for_good() {
    if support::gpu().is_none() {
        return;
    }
    let (renderer, events) = start(RendererConfig {
        compositor: CompositorChoice::Gpu,
        ..RendererConfig::default()
    });
    submit(&renderer, desktop(SIZE));
    submit(&renderer, frame(1, [fill([5, 5, 5], SIZE.to_rect())]));
    wait_for_frame(&events, 1);
    assert_eq!(renderer.statistics().compositor, "gpu");
    let mut compositors = Vec::new();
    for number in 2..7 {
        renderer.simulate_device_loss();
        let rects = wait(&events, |event| match event {
            RenderEvent::RefreshNeeded(rects) => Some(rects),
            RenderEvent::Failed(error) => panic!("{error}"),
            _ => None,
        });
        assert_eq!(rects, [SIZE.to_rect()]);
        compositors.push(renderer.statistics().compositor);
        // The surface is still there: what the server draws again shows.
        let picture = support::picture(SIZE, number);
        let payload = support::planar_payload(&picture);
        let draw = support::draw(SURFACE, SIZE.to_rect(), PayloadCodec::Planar, payload);
        submit(&renderer, frame(number as u32, [draw]));
        wait_for_frame(&events, number as u32);
        let mut expected = picture;
        for pixel in expected.data_mut().chunks_exact_mut(4) {
            pixel[3] = 255;
        }
        assert_close(&shot(&renderer), &expected, 0, "after the loss");
    }
    assert_eq!(compositors, ["gpu", "gpu", "gpu", "cpu", "cpu"]);
}

#[test]
fn threads_end_with_the_last_handle_and_a_handle_outlives_stop() {
    let (renderer, events) = start(cpu());
    let other = renderer.clone();
    renderer.stop();
    drop(renderer);
    assert!(
        other
            .screenshot()
            .recv_timeout(Duration::from_secs(5))
            .is_err()
    );
    drop(other);
    // The sender lives in the render thread's closure alone.
    while events.recv_timeout(Duration::from_secs(5)).is_ok() {}
    assert!(
        events
            .try_recv()
            .is_err_and(|error| error.is_disconnected())
    );
}

#[test]
fn a_window_that_nobody_sees_costs_no_drawing_and_frames_go_on() {
    let (renderer, events) = start(cpu());
    submit(&renderer, desktop(SIZE));
    submit(&renderer, frame(1, [fill([1, 1, 1], SIZE.to_rect())]));
    wait_for_frame(&events, 1);
    shot(&renderer);
    renderer.set_visible(false);
    shot(&renderer);
    let before = renderer.statistics().presents;
    for number in 2..=9 {
        submit(
            &renderer,
            frame(number, [fill([number as u8, 0, 0], SIZE.to_rect())]),
        );
        wait_for_frame(&events, number);
    }
    assert_eq!(shot(&renderer), Picture::filled(SIZE, [9, 0, 0, 255]));
    let hidden = renderer.statistics();
    assert_eq!((hidden.presents, hidden.frames), (before, 9));
    renderer.set_visible(true);
    shot(&renderer);
    assert_eq!(renderer.statistics().presents, before + 1);
}

#[test]
fn a_frame_is_reported_with_the_bytes_that_wait_behind_it() {
    let (sender, events) = unbounded();
    let (open, gate) = crossbeam_channel::bounded::<()>(0);
    let renderer = Renderer::start(cpu(), PresentTarget::Headless, move |event| {
        if let RenderEvent::FrameDone { .. } = event {
            let _ = sender.send(event);
            // The render thread stands still until the test lets it go on.
            let _ = gate.recv();
        }
    })
    .expect("a renderer");
    submit(&renderer, desktop(SIZE));
    let whole = SIZE.to_rect();
    let bytes = SIZE.area() as u32 * 4;
    for number in 1..=4 {
        let pixels = Picture::filled(SIZE, [number as u8, 0, 0, 255]).into_data();
        let draw = support::draw(SURFACE, whole, PayloadCodec::Uncompressed, pixels);
        submit(&renderer, frame(number, [draw]));
        if number == 1 {
            wait_for_frame(&events, 1);
        }
    }
    drop(open);
    for (number, behind) in [(2, 2), (3, 1), (4, 0)] {
        let depths = wait(&events, |event| match event {
            RenderEvent::FrameDone {
                frame,
                queue_depth,
                frames_queued,
                ..
            } if frame.0 == number => Some((queue_depth, frames_queued)),
            _ => None,
        });
        assert_eq!(depths, (behind * bytes, behind));
    }
}

#[test]
fn hardware_that_does_not_open_is_told_of_once_and_costs_no_picture() {
    let absent = DecoderKind::ALL
        .into_iter()
        .find(|kind| kind.look().is_err())
        .expect("no system has Linux's, macOS's and Windows's decoders");
    let plan = DecoderPlan::of(vec![absent, DecoderKind::OpenH264]);
    let (renderer, events) = start(RendererConfig {
        decoders: plan.clone(),
        ..cpu()
    });
    submit(&renderer, desktop(SIZE));
    let mut source = AvcSource::default();
    let mut told = Vec::new();
    for number in 1..=2 {
        // A new surface has a new decoder.
        submit(&renderer, desktop(SIZE));
        source.forget(SURFACE);
        let picture = support::picture(SIZE, number.into());
        let regions = [SIZE.to_rect()];
        let message = source.message(SURFACE, &picture, AvcVersion::Avc420, Views::Luma, &regions);
        submit(&renderer, frame(number, [message]));
        wait(&events, |event| match event {
            RenderEvent::DecoderReplaced { from, to, reason } => {
                assert!(!reason.is_empty());
                told.push((from, to));
                None
            }
            RenderEvent::PeerError(error) => panic!("{error}"),
            RenderEvent::FrameDone { frame, .. } if frame.0 == number => Some(()),
            _ => None,
        });
    }
    assert_eq!(told, [(absent.name(), "openh264")]);
    assert_eq!(plan.kinds(), [DecoderKind::OpenH264]);
    assert_eq!(renderer.statistics().video_decoder, Some("openh264"));
}
