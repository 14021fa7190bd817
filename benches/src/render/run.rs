//! Plays a stream through the renderer, and measures what it takes.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use oriel_protocol::graphics::GraphicsCommand;
use oriel_render::{
    CompositorChoice, PresentTarget, RenderEvent, Renderer, RendererConfig, TileEngine,
};

use super::{allocations, streams::Stream};

/// The first frames of a stream warm decoders and buffers up: one in so many.
const WARMING: usize = 3;
/// Frames that are on their way at one time, as a server has them.
const IN_FLIGHT: usize = 3;
/// Events that wait to be looked at, at most.
const EVENTS: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(60);

/// What frames took, on average.
#[derive(Clone, Debug)]
pub struct Measured {
    /// `cpu` or `gpu`.
    pub compositor: &'static str,
    /// The graphics adapter.
    pub adapter: Option<String>,
    /// Frames in a second.
    pub frames_per_second: f64,
    /// Milliseconds of all threads together.
    pub cpu_ms: f64,
    /// Allocations.
    pub allocations: f64,
    /// Bytes that the compositor copied.
    pub copied_bytes: f64,
    /// Who was quicker at tiles, where there was a choice.
    pub tile_engine: Option<TileEngine>,
}

/// CPU time of the whole process.
fn cpu_time() -> Duration {
    // SAFETY: `rusage` is made of integers, for which all zeros is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live value of the type that the call fills.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    let time = |time: libc::timeval| {
        Duration::new(time.tv_sec as u64, 0) + Duration::from_micros(time.tv_usec as u64)
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Plays a stream without a window.
pub fn play(stream: &Stream, compositor: CompositorChoice) -> anyhow::Result<Measured> {
    // With room from the start: what the channel allocates is not the renderer's.
    let (sender, events) = std::sync::mpsc::sync_channel(EVENTS);
    let config = RendererConfig {
        compositor,
        ..RendererConfig::default()
    };
    let renderer = Renderer::start(config, PresentTarget::Headless, move |event| {
        // Whoever measures has gone away after an error.
        let _ = sender.send(event);
    })?;
    let submit = |commands: &[GraphicsCommand]| {
        for command in commands {
            if renderer.try_submit(command.clone()).is_err() {
                bail!("the queue is full");
            }
        }
        Ok(())
    };
    let wait = || loop {
        match events.recv_timeout(PATIENCE).context("no frame is done")? {
            RenderEvent::FrameDone { .. } => return Ok(()),
            RenderEvent::PeerError(error) => bail!("{error}"),
            RenderEvent::Failed(error) => bail!("{error}"),
            _ => {}
        }
    };
    submit(&stream.setup)?;
    let (warming, measured) = stream.frames.split_at(stream.frames.len() / WARMING);
    for frame in warming {
        submit(frame)?;
        wait()?;
    }
    // What a screenshot waits for is drawn, by the device as well.
    renderer.screenshot().recv()?;
    let copies: Vec<Vec<GraphicsCommand>> = measured.to_vec();
    let copied_bytes = || renderer.statistics().copied.total();
    let copied_before = copied_bytes();
    let (start, cpu, allocations) = (Instant::now(), cpu_time(), allocations::count());
    let mut under_way = 0;
    for frame in copies {
        for command in frame {
            if renderer.try_submit(command).is_err() {
                bail!("the queue is full");
            }
        }
        under_way += 1;
        if under_way == IN_FLIGHT {
            wait()?;
            under_way -= 1;
        }
    }
    for _ in 0..under_way {
        wait()?;
    }
    let allocations = allocations::count() - allocations;
    renderer.screenshot().recv()?;
    let (wall, cpu) = (start.elapsed(), cpu_time() - cpu);
    let count = measured.len() as f64;
    let statistics = renderer.statistics();
    Ok(Measured {
        compositor: statistics.compositor,
        tile_engine: statistics.tile_engine,
        adapter: statistics.adapter,
        frames_per_second: count / wall.as_secs_f64(),
        cpu_ms: cpu.as_secs_f64() * 1e3 / count,
        allocations: allocations as f64 / count,
        copied_bytes: (copied_bytes() - copied_before) as f64 / count,
    })
}
