//! What frames ask of the allocator once the renderer is warm.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use oriel_codecs::geometry::{Point, Rect, Size};
use oriel_protocol::graphics::{
    CacheSlot, Color, FrameId, GraphicsCommand, PayloadCodec, SurfaceFormat, SurfaceId,
};
use oriel_render::{
    CompositorChoice, PresentTarget, RenderEvent, Renderer, RendererConfig, decode::DecodeOptions,
};

/// Calls of the allocator, by all threads.
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counted.
struct Counting;

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SIZE: Size = Size::new(96, 64);
const SURFACE: SurfaceId = SurfaceId(1);
const SLOT: CacheSlot = CacheSlot(1);
const FRAMES: usize = 64;

/// A fill, pixels, a scroll, and a tile that is kept and drawn twice.
fn frame(number: u32) -> Vec<GraphicsCommand> {
    let frame = FrameId(number);
    let tile = Rect::new(8, 8, 24, 24);
    vec![
        GraphicsCommand::StartFrame { frame },
        GraphicsCommand::SolidFill {
            surface: SURFACE,
            color: Color {
                blue: number as u8,
                green: 0,
                red: 0,
                alpha: 255,
            },
            rects: vec![tile, tile.translate(30, 5)],
        },
        GraphicsCommand::Draw {
            surface: SURFACE,
            rect: tile.translate(50, 20),
            codec: PayloadCodec::Uncompressed,
            format: SurfaceFormat::Xrgb,
            payload: Bytes::from_static(&[7; 16 * 16 * 4]),
        },
        GraphicsCommand::SurfaceToSurface {
            source: SURFACE,
            destination: SURFACE,
            rect: Rect::new(0, 4, 96, 64),
            points: vec![Point::default()],
        },
        GraphicsCommand::SurfaceToCache {
            surface: SURFACE,
            key: u64::from(number),
            slot: SLOT,
            rect: tile,
        },
        GraphicsCommand::CacheToSurface {
            slot: SLOT,
            surface: SURFACE,
            points: vec![Point::new(40, 40), Point::new(70, 3)],
        },
        GraphicsCommand::EndFrame { frame },
    ]
}

#[test]
fn a_warm_renderer_on_the_cpu_allocates_nothing_for_a_frame() {
    let config = RendererConfig {
        compositor: CompositorChoice::Cpu,
        decode: DecodeOptions {
            workers: 1,
            ..DecodeOptions::default()
        },
        ..RendererConfig::default()
    };
    let (sender, events) = crossbeam_channel::bounded(64);
    let renderer = Renderer::start(config, PresentTarget::Headless, move |event| {
        let _ = sender.send(event);
    })
    .expect("a renderer");
    let submit = |commands: Vec<GraphicsCommand>| {
        for command in commands {
            renderer.try_submit(command).expect("room in the queue");
        }
    };
    let play = |frames: Vec<Vec<GraphicsCommand>>| {
        for frame in frames {
            submit(frame);
            let next = || events.recv_timeout(Duration::from_secs(60));
            while !matches!(next().expect("an event"), RenderEvent::FrameDone { .. }) {}
        }
    };
    submit(GraphicsCommand::desktop(SURFACE, SIZE).into());
    play((0..16).map(frame).collect());
    let measured = (16..16 + FRAMES as u32).map(frame).collect();
    let before = CALLS.load(Ordering::Relaxed);
    play(measured);
    let calls = CALLS.load(Ordering::Relaxed) - before;
    // What is allocated once, such as for a thread that waits for a lock for the first time, is
    // not a frame's.
    assert!(calls < FRAMES / 4, "{calls} allocations in {FRAMES} frames");
}
