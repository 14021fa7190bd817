//! What is sent: pictures of desktops at work, encoded before any clock runs. And how busy the
//! machine is with other things meanwhile.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use oriel_codecs::{Picture, Rect, Size, geometry::Point};
use oriel_server::{
    content::{Content, Scene},
    replay::{Recording, ReplayCodec},
};

use super::marker;

/// What happens on the desktop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// A page is typed on: a few letters a frame.
    Text,
    /// A page scrolls.
    Scroll,
    /// A film fills the screen.
    Video,
}

impl Load {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Text, Self::Scroll, Self::Video];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Scroll => "scroll",
            Self::Video => "video",
        }
    }
}

/// Memory that a turn's pictures may take once encoded; fewer frames make a turn where they are
/// large.
const TURN_BYTES: u64 = 200 << 20;

/// A loop of a load, each frame with its number in the corner.
pub fn record(codec: ReplayCodec, load: Load, size: Size) -> Result<Arc<Recording>> {
    let frame_bytes = match load {
        Load::Text => 100 << 10,
        _ if codec.is_h264() => size.area() / 4,
        Load::Scroll => size.area(),
        Load::Video => size.area() * 3,
    };
    let count = (TURN_BYTES / frame_bytes).clamp(8, marker::COUNT.into()) as u32;
    let mut painter = Painter::new(load, size);
    let recording = Recording::encode(codec, size, count, |index| painter.picture(index))
        .with_context(|| format!("{codec} {}", load.name()))?;
    Ok(Arc::new(recording))
}

/// The first picture of a load and nothing after it.
pub fn record_still(codec: ReplayCodec, load: Load, size: Size) -> Result<Arc<Recording>> {
    let mut painter = Painter::new(load, size);
    let recording = Recording::encode(codec, size, 1, |index| painter.picture(index))?;
    Ok(Arc::new(recording))
}

struct Painter {
    load: Load,
    scene: Scene,
    /// A page before it is typed on, and what is typed.
    pages: Option<(Picture, Picture)>,
}

impl Painter {
    fn new(load: Load, size: Size) -> Self {
        let content = match load {
            Load::Text | Load::Scroll => Content::Text,
            Load::Video => Content::Video,
        };
        let mut scene = Scene::new(content, size, 1);
        let pages = (load == Load::Text).then(|| {
            let mut other = Scene::new(content, size, 2);
            (scene.picture(0), other.picture(0))
        });
        Self { load, scene, pages }
    }

    fn picture(&mut self, index: u32) -> Picture {
        let mut picture = match (&self.pages, self.load) {
            (Some((page, typed)), _) => type_on(page, typed, index),
            _ => self.scene.picture(index.into()),
        };
        marker::write(&mut picture, index);
        picture
    }
}

/// The page with the first letters of a line of another page on it, more with each frame.
fn type_on(page: &Picture, typed: &Picture, index: u32) -> Picture {
    const LETTER: Size = Size::new(12, 24);
    let mut picture = page.clone();
    let width = (index * LETTER.width * 2).min(page.size().width / 2);
    let origin = Point::new(page.size().width as i32 / 4, page.size().height as i32 / 2);
    let line = Rect::at(origin, Size::new(width, LETTER.height));
    let stride = page.stride_bytes();
    for y in line.top..line.bottom {
        let start = y as usize * stride + line.left as usize * 4;
        let bytes = width as usize * 4;
        picture.data_mut()[start..start + bytes]
            .copy_from_slice(&typed.data()[start..start + bytes]);
    }
    picture
}

/// How much of the machine's processors was busy between two looks.
pub struct MachineLoad {
    since: Instant,
    busy: Duration,
}

impl MachineLoad {
    /// The first look.
    pub fn start() -> Self {
        Self {
            since: Instant::now(),
            busy: busy_time(),
        }
    }

    /// Processors that were busy on average, of how many.
    pub fn busy(&self) -> (f64, usize) {
        let busy = busy_time().saturating_sub(self.busy);
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        (
            busy.as_secs_f64() / self.since.elapsed().as_secs_f64(),
            count,
        )
    }
}

/// Time that all processors together were not idle, since the machine started.
fn busy_time() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks: Vec<u64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    // user, nice, system, idle, iowait, irq, softirq; guests count as users already.
    let busy = |index: usize| ticks.get(index).copied().unwrap_or(0);
    // A tick is a hundredth of a second to user space on every Linux.
    Duration::from_millis([0, 1, 2, 5, 6].into_iter().map(busy).sum::<u64>() * 10)
}
