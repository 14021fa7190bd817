//! What lives as long as the window: the picture, the chrome over it, and what the hands do.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use oriel_codecs::geometry::Size;
use oriel_protocol::{
    client::MonitorLayout,
    input::{InputEvent, LockKeys},
};
use oriel_render::{Renderer, Scaling};
use winit::{
    dpi::PhysicalPosition,
    event::MouseScrollDelta,
    window::{Fullscreen, Window},
};

use super::{
    app::FIGURES_INTERVAL,
    cursor::ServerCursor,
    local_pointer::LocalPointer,
    mouse::Mouse,
    resize::{LayoutDebounce, scaling, window_layout},
    surface::ChromeSurface,
};
use crate::{
    chrome::{FailurePage, NoticePage, Page, ProgressPage},
    cli::SessionArgs,
    failure::Failure,
    input::keyboard::Keyboard,
    session::Inbox,
    statistics::Meter,
};

/// A window manager has done what it was asked for after so long.
const SETTLED: Duration = Duration::from_millis(250);

/// Everything that lives as long as the window.
pub(super) struct Shown {
    pub(super) window: Arc<Window>,
    pub(super) renderer: Renderer,
    pub(super) surface: ChromeSurface,
    pub(super) state: State,
    pub(super) progress: ProgressPage,
    pub(super) notice: Option<(NoticePage, Instant)>,
    pub(super) meter: Option<Meter>,
    pub(super) keyboard: Keyboard,
    pub(super) mouse: Mouse,
    pub(super) local_pointer: Option<LocalPointer>,
    pub(super) cursor: ServerCursor,
    pub(super) locks: LockKeys,
    pub(super) layouts: LayoutDebounce,
    pub(super) takes_layouts: bool,
    pub(super) pointer: PhysicalPosition<f64>,
    /// When to look whether the window was minimised.
    pub(super) look_at: Option<Instant>,
    /// The window was closed; by when it goes whatever the session does.
    pub(super) closing: Option<Instant>,
}

/// What the window shows beside the picture.
pub(super) enum State {
    Connecting,
    Running,
    Failed(FailurePage),
}

impl Shown {
    /// A session begins.
    pub(super) fn begin(&mut self, server: &str, layout: MonitorLayout) {
        self.state = State::Connecting;
        self.progress = ProgressPage::new(server);
        self.notice = None;
        self.keyboard = Keyboard::default();
        self.mouse = Mouse::default();
        self.cursor = ServerCursor::default();
        self.layouts.begin(layout);
        self.takes_layouts = false;
        self.surface.request_repaint();
    }

    /// The session is over; its last picture stays.
    pub(super) fn fail(&mut self, failure: &Failure) {
        self.state = State::Failed(FailurePage {
            sentences: failure.sentences(),
        });
        self.notice = None;
        self.meter = None;
        self.cursor = ServerCursor::default();
        self.surface.request_repaint();
    }

    pub(super) fn page(&self) -> Page {
        match &self.state {
            State::Connecting => Page::Connecting(self.progress.clone()),
            State::Failed(page) => Page::Failed(page.clone()),
            State::Running => Page::Desktop {
                notice: self.notice.as_ref().map(|(page, _)| page.clone()),
                statistics: self.meter.as_ref().map(|meter| meter.page().clone()),
            },
        }
    }

    /// True where the mouse is none of the desktop's business.
    pub(super) fn chrome_has_pointer(&self) -> bool {
        !matches!(self.state, State::Running)
            || (!self.mouse.is_dragging() && self.surface.is_under(self.pointer))
    }

    /// The wheel was turned.
    pub(super) fn wheel(&mut self, delta: MouseScrollDelta, out: &mut Vec<InputEvent>) {
        let delta = match (delta, &mut self.local_pointer) {
            (MouseScrollDelta::LineDelta(x, y), Some(pointer)) => {
                let told = pointer.times_told(Instant::now());
                MouseScrollDelta::LineDelta(x / told, y / told)
            }
            (delta, _) => delta,
        };
        self.mouse.wheel(delta, out);
    }

    pub(super) fn desktop_changed(&mut self, desktop: Size) {
        self.layouts.answered(desktop);
        self.place_desktop(desktop);
    }

    /// Stretches the picture over the window while the server is about to make one of its size.
    pub(super) fn place_desktop(&self, desktop: Size) {
        let window = size_of_window(&self.window);
        self.renderer.set_scaling(if self.layouts.is_waiting() {
            Scaling::Stretch
        } else {
            scaling(desktop, window)
        });
    }

    /// The window's size may call for another layout of the desktop.
    pub(super) fn want_layout(&mut self, session: &SessionArgs) {
        // Somebody who asks for a size and the whole screen wants that size on the whole screen.
        let is_fixed = session.size.is_some() && self.window.fullscreen().is_some();
        if self.takes_layouts && !is_fixed {
            let layout = window_layout(size_of_window(&self.window), self.window.scale_factor());
            self.layouts.resized(layout, Instant::now());
        }
    }

    /// The window can be seen, or cannot. Covered, nothing is drawn into it, and the desktop goes
    /// on; minimised, the server is asked to stop as well. Where the window system does not tell
    /// which of the two it is, nobody looks at it for longer than a moment.
    pub(super) fn set_seen(&self, is_seen: bool, inbox: &Inbox) {
        self.renderer.set_visible(is_seen);
        let is_minimized = !is_seen && self.window.is_minimized().unwrap_or(true);
        inbox.set_visible(!is_minimized);
    }

    /// The keyboard went elsewhere, perhaps since the window was minimised: X11 says no more about
    /// that. By the time that this is looked into, the window manager has settled it.
    pub(super) fn may_be_minimized(&mut self) {
        self.look_at = Some(Instant::now() + SETTLED);
    }

    pub(super) fn look_if_minimized(&mut self, now: Instant, inbox: &Inbox) {
        if self.look_at.take_if(|at| *at <= now).is_some()
            && self.window.is_minimized() == Some(true)
        {
            self.set_seen(false, inbox);
        }
    }

    /// The window may be on another screen than before.
    pub(super) fn tell_refresh_interval(&self) {
        let rate = self.window.current_monitor();
        let rate = rate.and_then(|monitor| monitor.refresh_rate_millihertz());
        let interval = rate.and_then(|rate| {
            let seconds = 1e3 / f64::from(rate);
            Duration::try_from_secs_f64(seconds).ok()
        });
        self.renderer.set_refresh_interval(interval);
    }

    pub(super) fn toggle_fullscreen(&self) {
        let is_fullscreen = self.window.fullscreen().is_some();
        self.window
            .set_fullscreen((!is_fullscreen).then_some(Fullscreen::Borderless(None)));
    }

    pub(super) fn toggle_figures(&mut self, inbox: &Inbox) {
        self.meter = match self.meter {
            Some(_) => None,
            None => {
                inbox.ask_statistics();
                Some(Meter::new(Instant::now() + FIGURES_INTERVAL))
            }
        };
        self.surface.request_repaint();
    }
}

/// The window's size in pixels.
pub(super) fn size_of_window(window: &Window) -> Size {
    let size = window.inner_size();
    Size::new(size.width, size.height)
}
