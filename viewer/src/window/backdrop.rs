//! What a window shows where nothing was painted yet.
//!
//! An X server forgets a window's picture when its size changes, and shows what lies below, often
//! the frame's white, until the next one comes. The window keeps its picture instead, and what a
//! growing window adds is black, as the bars beside a picture are.

use winit::{
    raw_window_handle::{HasWindowHandle, RawWindowHandle},
    window::Window,
};

/// The window's name at the X server; `None` with another window system.
#[cfg_attr(
    windows,
    expect(clippy::useless_conversion, reason = "C's long is 32 bits wide there")
)]
pub fn x11_window(window: &Window) -> Option<u32> {
    match window.window_handle().ok()?.as_raw() {
        RawWindowHandle::Xlib(handle) => u32::try_from(handle.window).ok(),
        RawWindowHandle::Xcb(handle) => Some(handle.window.get()),
        _ => None,
    }
}

/// Sets what the X server shows of `window` between a resize and the next picture.
///
/// Only looks are at stake: where there is no X server, or it refuses, nothing happens.
#[cfg(target_os = "linux")]
pub fn set(window: &Window) {
    use x11rb::{
        connection::Connection as _,
        protocol::xproto::{ChangeWindowAttributesAux, ConnectionExt as _, Gravity},
    };

    let (Some(id), Ok((connection, screen))) = (x11_window(window), x11rb::connect(None)) else {
        return;
    };
    let Some(screen) = connection.setup().roots.get(screen) else {
        return;
    };
    let looks = ChangeWindowAttributesAux::new()
        .background_pixel(screen.black_pixel)
        .bit_gravity(Gravity::NORTH_WEST);
    if let Err(error) = connection
        .change_window_attributes(id, &looks)
        .map_err(x11rb::errors::ReplyError::from)
        .and_then(|cookie| cookie.check())
    {
        tracing::debug!(%error, "the window's backdrop could not be set");
    }
}

/// Other window systems keep the last picture by themselves.
#[cfg(not(target_os = "linux"))]
pub fn set(_window: &Window) {}
