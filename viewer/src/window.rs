//! The window: winit's events in, input and pictures out.
//!
//! Everything here runs on the main thread and never waits: the session has a task of its own, the
//! renderer has threads of its own, and both tell what happened through the event loop.

mod app;
mod backdrop;
mod cursor;
mod local_pointer;
mod lock_keys;
mod mouse;
mod resize;
mod shown;
mod surface;

pub use app::{Launch, Outcome, run};
pub use lock_keys::{LocalKeyboard, windows_layout};
