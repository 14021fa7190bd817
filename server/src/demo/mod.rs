//! A small desktop worth looking at, drawn in memory, and a server that shows it.

pub(crate) mod apps;
mod calendar;
pub(crate) mod canvas;
mod desktop;
mod keyboard;
mod pointer;
mod server;
mod task_bar;
pub(crate) mod text;
pub(crate) mod theme;
mod wallpaper;
mod window;

pub use desktop::{DemoDesktop, DemoDesktopConfig};
pub use server::{DemoOptions, start};
