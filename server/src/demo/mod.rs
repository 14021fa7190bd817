//! A small desktop worth looking at, drawn in memory, and a server that shows it.

mod apps;
mod calendar;
mod canvas;
mod desktop;
mod keyboard;
mod pointer;
mod server;
mod task_bar;
mod text;
mod theme;
mod wallpaper;
mod window;

pub use desktop::{DemoDesktop, DemoDesktopConfig};
pub use server::{DemoOptions, start};
