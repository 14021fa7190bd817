//! Where a session's pixels come from and where its input goes.

use std::time::{Duration, Instant};

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::Picture,
};
use oriel_protocol::{graphics::PointerUpdate, input::InputEvent};

/// A rectangle of the desktop that was moved as it is, for example a window that is dragged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Where it was.
    pub source: Rect,
    /// Where its top left corner is now.
    pub destination: Point,
}

impl Move {
    /// Where the rectangle is now.
    pub fn target(&self) -> Rect {
        Rect::at(self.destination, self.source.size())
    }

    /// How far it moved, columns and rows.
    pub fn offset(&self) -> (i32, i32) {
        (
            self.destination.x - self.source.left,
            self.destination.y - self.source.top,
        )
    }
}

/// What changed on a desktop since it was last asked.
///
/// `rects` alone tell the truth: every pixel that differs lies in one of them. `moves` are a hint
/// for encoders that can tell a client to copy what it has. A hint may be wrong, so that an encoder
/// compares after it has followed one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Rectangles that cover every changed pixel; they lie inside the desktop and may overlap.
    pub rects: Vec<Rect>,
    /// Pictures that moved, in order, before anything else changed.
    pub moves: Vec<Move>,
}

impl Damage {
    /// Damage of one rectangle.
    pub fn of(rect: Rect) -> Self {
        Self {
            rects: vec![rect],
            moves: Vec::new(),
        }
    }

    /// True where nothing changed.
    pub fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }
}

/// A desktop that can be shown: pixels, and what changed of them.
///
/// A session owns its source and calls it from one thread, in this order: input, [`advance`],
/// [`take_damage`], then [`pixels`] as often as it likes.
///
/// [`advance`]: DesktopSource::advance
/// [`take_damage`]: DesktopSource::take_damage
/// [`pixels`]: DesktopSource::pixels
pub trait DesktopSource: Send {
    /// Width and height in pixels; those of [`pixels`](DesktopSource::pixels).
    fn size(&self) -> Size;

    /// Takes a new size and scale. The whole desktop counts as changed afterwards.
    fn resize(&mut self, size: Size, scale_percent: u32);

    /// Lets time go on: animations move, the picture is brought up to date.
    fn advance(&mut self, now: Instant);

    /// What changed since the last call.
    fn take_damage(&mut self) -> Damage;

    /// The whole desktop: blue, green, red, and a fourth byte of 255.
    fn pixels(&self) -> &Picture;

    /// The pointer's new shape, where it changed since the last call; of at most `max_side_px`
    /// columns and rows, and never asked for less than 32.
    fn take_pointer(&mut self, max_side_px: u32) -> Option<PointerUpdate>;

    /// How long the picture stays as it is if there is no input; `None` for ever.
    fn idle_for(&self, now: Instant) -> Option<Duration>;

    /// Minutes to add to UTC for the client's clock; sources without a clock ignore it.
    fn set_utc_offset(&mut self, _minutes: i32) {}
}

/// Where a client's input goes.
pub trait InputSink {
    /// Takes one event. Positions may lie outside of the desktop.
    fn input(&mut self, event: &InputEvent);
}

/// A desktop that can be shown and worked on.
pub trait Desktop: DesktopSource + InputSink {}

impl<T: DesktopSource + InputSink> Desktop for T {}
