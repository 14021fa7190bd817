//! The programs of the demo desktop.

mod chart;
mod code;
mod terminal;
mod video;

use std::time::Duration;

pub use chart::Chart;
pub use code::{Code, Token, highlight};
pub use terminal::Terminal;
pub use video::Video;

use super::{canvas::Canvas, keyboard::Key, pointer::PointerKind, theme::Rgba};

/// What a program may know of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Time since the desktop started.
    pub elapsed: Duration,
    /// Seconds since 1970 where the user is.
    pub local_unix_s: u64,
}

/// A program that fills a window.
pub trait App: Send {
    /// What its title bar says.
    fn title(&self) -> &str;

    /// What its button in the task bar says.
    fn short_title(&self) -> &str;

    /// The colour of its sign in the task bar.
    fn color(&self) -> Rgba;

    /// Wanted width and height of the content in logical units.
    fn preferred_size(&self) -> (f32, f32);

    /// Draws the whole content. Depends on nothing but the program's state and the canvas's size.
    fn paint(&mut self, canvas: &mut Canvas<'_>);

    /// Lets time go on; true where the content must be painted again.
    fn advance(&mut self, _now: Moment) -> bool {
        false
    }

    /// Time from one picture to the next, for programs that move on their own.
    fn period(&self) -> Option<Duration> {
        None
    }

    /// Takes a key; true where the content must be painted again.
    fn key(&mut self, _key: Key) -> bool {
        false
    }

    /// Takes notches of the wheel, positive away from the user; true where the content must be
    /// painted again.
    fn wheel(&mut self, _notches: i32) -> bool {
        false
    }

    /// Told when the focus comes and goes; true where the content must be painted again.
    fn set_focus(&mut self, _is_focused: bool) -> bool {
        false
    }

    /// The pointer over the content.
    fn pointer(&self) -> PointerKind {
        PointerKind::Arrow
    }
}
