//! What a window must give to be drawn to.

use raw_window_handle::{HasDisplayHandle, HasWindowHandle};

/// A window of the system: winit's `Window` is one.
///
/// It is drawn to from the thread "oriel-render". The window and its display must stay alive as
/// long as the handle does.
pub trait WindowHandle: HasWindowHandle + HasDisplayHandle + Send + Sync {}

impl<T: HasWindowHandle + HasDisplayHandle + Send + Sync + ?Sized> WindowHandle for T {}
