//! A window that is drawn to without a GPU: shared memory where the window system has it, and
//! only what changed.

use std::{collections::VecDeque, fmt, num::NonZeroU32, sync::Arc, time::Instant};

use oriel_codecs::{
    geometry::{Rect, Size},
    picture::{BYTES_PER_PIXEL, PictureMut},
};

use raw_window_handle::{
    DisplayHandle, HandleError, HasDisplayHandle, HasWindowHandle, RawDisplayHandle,
    RawWindowHandle, XcbDisplayHandle,
};

use crate::{
    compositor::{Damage, PresentTimes, Presented},
    error::{CompositorError, RenderError},
    window::WindowHandle,
};

// softbuffer's pixels are numbers 0x00RRGGBB; pictures are bytes blue, green, red, unused.
const _: () = assert!(cfg!(target_endian = "little"));

/// How many buffers the window system may rotate: damage is kept for so many presentations.
const MAX_AGE: usize = 4;

type Handle = Arc<dyn WindowHandle>;

/// The display of a window, for softbuffer.
///
/// On X11 softbuffer is given no connection and makes its own. On the window's, each answer that
/// the render thread waits for would wake the window's thread as well, which finds nothing for it
/// and asks again until the answer was read: a fifth of what small frames cost.
struct Display(Handle);

impl HasDisplayHandle for Display {
    fn display_handle(&self) -> Result<DisplayHandle<'_>, HandleError> {
        let shared = self.0.display_handle()?;
        let screen = match shared.as_raw() {
            RawDisplayHandle::Xlib(display) => display.screen,
            RawDisplayHandle::Xcb(display) => display.screen,
            _ => return Ok(shared),
        };
        let own = RawDisplayHandle::Xcb(XcbDisplayHandle::new(None, screen));
        // SAFETY: it holds no pointer that could become invalid.
        Ok(unsafe { DisplayHandle::borrow_raw(own) })
    }
}

/// A window that takes pixels from memory.
///
/// The window system rotates buffers; each time the one handed out may lack the last few changes,
/// which are kept and painted again.
pub struct SoftwareWindow {
    surface: softbuffer::Surface<Display, Handle>,
    /// On X11 a presentation lies in the connection's output buffer until somebody needs an
    /// answer: softbuffer does not flush, and an idle window system's thread never does.
    needs_flush: bool,
    size: Size,
    /// What changed with each of the last presentations, newest first.
    history: VecDeque<Damage>,
}

impl fmt::Debug for SoftwareWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftwareWindow")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl SoftwareWindow {
    /// Connects to the window system. On macOS this must happen on the main thread.
    pub fn new(window: &Handle) -> Result<Self, RenderError> {
        let failed = |error: softbuffer::SoftBufferError| RenderError::Window(error.to_string());
        let context = softbuffer::Context::new(Display(window.clone())).map_err(failed)?;
        let surface = softbuffer::Surface::new(&context, window.clone()).map_err(failed)?;
        let is_x11 = window.window_handle().is_ok_and(|handle| {
            matches!(
                handle.as_raw(),
                RawWindowHandle::Xlib(_) | RawWindowHandle::Xcb(_)
            )
        });
        Ok(Self {
            surface,
            needs_flush: is_x11,
            size: Size::default(),
            history: VecDeque::with_capacity(MAX_AGE),
        })
    }

    /// Paints what changed, `damage`, and whatever else the buffer lacks, and shows it. `paint`
    /// gets each rectangle and the whole window.
    pub(crate) fn present(
        &mut self,
        size: Size,
        damage: &Damage,
        mut paint: impl FnMut(&Rect, &mut PictureMut<'_>),
    ) -> Result<Presented, CompositorError> {
        let failed =
            |error: softbuffer::SoftBufferError| CompositorError::System(error.to_string());
        let (Some(width), Some(height)) =
            (NonZeroU32::new(size.width), NonZeroU32::new(size.height))
        else {
            return Ok(Presented::Hidden);
        };
        if self.size != size {
            self.surface.resize(width, height).map_err(failed)?;
            self.size = size;
            self.history.clear();
        }
        let mut buffer = self.surface.buffer_mut().map_err(failed)?;
        let acquired = Instant::now();
        let age = usize::from(buffer.age());
        let mut stale = damage.clone();
        let is_known = age > 0 && age - 1 <= self.history.len();
        if is_known {
            for missed in self.history.iter().take(age - 1) {
                stale.add_all(missed);
            }
        } else {
            stale = Damage::of(size.to_rect());
        }
        if stale.is_empty() {
            return Ok(Presented::Shown(PresentTimes::at_once(acquired)));
        }
        let stride_bytes = size.width as usize * BYTES_PER_PIXEL;
        if let Some(mut pixels) =
            PictureMut::new(bytemuck::cast_slice_mut(&mut buffer), size, stride_bytes)
        {
            for rect in stale.rects() {
                paint(rect, &mut pixels);
            }
        }
        let times = PresentTimes::at_once(acquired);
        // The screen itself lacks only what changed now, unless the size did.
        let shown = if is_known { damage } else { &stale };
        let rects: Vec<_> = shown.rects().iter().filter_map(to_softbuffer).collect();
        buffer.present_with_damage(&rects).map_err(failed)?;
        if self.needs_flush {
            // Taking the next buffer waits for the answer that says this one was read.
            self.surface.buffer_mut().map_err(failed)?;
        }
        self.history.truncate(MAX_AGE - 1);
        self.history.push_front(damage.clone());
        Ok(Presented::Shown(times))
    }
}

/// A rectangle inside of the window as softbuffer has it.
fn to_softbuffer(rect: &Rect) -> Option<softbuffer::Rect> {
    Some(softbuffer::Rect {
        x: u32::try_from(rect.left).ok()?,
        y: u32::try_from(rect.top).ok()?,
        width: NonZeroU32::new(rect.width())?,
        height: NonZeroU32::new(rect.height())?,
    })
}
