//! With nothing to do, the renderer does nothing. Alone in its binary: other tests' threads have
//! the same names.

#![cfg(target_os = "linux")]

use std::time::Duration;

use oriel_codecs::geometry::{Rect, Size};
use oriel_protocol::graphics::{Color, FrameId, GraphicsCommand, SurfaceId};
use oriel_render::{CompositorChoice, PresentTarget, RenderEvent, Renderer, RendererConfig};

/// Nanoseconds that the renderer's threads have run.
fn thread_time_ns() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("procfs");
    tasks
        .filter_map(|task| {
            let path = task.ok()?.path();
            let name = std::fs::read_to_string(path.join("comm")).ok()?;
            let times = std::fs::read_to_string(path.join("schedstat")).ok()?;
            let ran = times.split(' ').next()?.parse::<u64>().ok()?;
            name.starts_with("oriel-").then_some(ran)
        })
        .sum()
}

#[test]
fn idle_threads_use_no_cpu() {
    let (sender, events) = crossbeam_channel::unbounded();
    let config = RendererConfig {
        compositor: CompositorChoice::Cpu,
        ..RendererConfig::default()
    };
    let renderer = Renderer::start(config, PresentTarget::Headless, move |event| {
        let _ = sender.send(event);
    })
    .expect("a renderer");
    let (surface, size) = (SurfaceId(1), Size::new(64, 64));
    let frame = FrameId(1);
    let color = Color {
        blue: 1,
        green: 2,
        red: 3,
        alpha: 255,
    };
    for command in GraphicsCommand::desktop(surface, size).into_iter().chain([
        GraphicsCommand::StartFrame { frame },
        GraphicsCommand::SolidFill {
            surface,
            color,
            rects: vec![Rect::new(0, 0, 9, 9)],
        },
        GraphicsCommand::EndFrame { frame },
    ]) {
        renderer.try_submit(command).expect("room");
    }
    let is_done = |event| matches!(event, RenderEvent::FrameDone { .. });
    while !is_done(
        events
            .recv_timeout(Duration::from_secs(30))
            .expect("an event"),
    ) {}
    std::thread::sleep(Duration::from_millis(100));
    let before = thread_time_ns();
    assert!(before > 0, "the threads have no name");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(thread_time_ns(), before);
}
