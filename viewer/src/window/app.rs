//! The application behind the window: what winit tells, and what the session tells.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use egui_winit::accesskit_winit;
use oriel_codecs::geometry::Size;
use oriel_protocol::{
    client::MonitorLayout,
    graphics::PointerUpdate,
    input::{InputEvent, LockKeys},
};
use oriel_render::{
    PresentTarget, RenderError, Renderer, RendererConfig, Trace, decode::DecoderPlan,
};
use winit::{
    application::ApplicationHandler,
    dpi::{LogicalSize, PhysicalPosition, PhysicalSize},
    event::{ElementState, KeyEvent, WindowEvent},
    event_loop::{ActiveEventLoop, ControlFlow, EventLoop, EventLoopProxy},
    keyboard::{KeyCode, PhysicalKey},
    window::{Fullscreen, Window, WindowAttributes, WindowId},
};

use super::{
    backdrop::{self, x11_window},
    cursor::ServerCursor,
    local_pointer::LocalPointer,
    lock_keys::{LocalKeyboard, windows_layout},
    mouse::Mouse,
    resize::{LayoutDebounce, window_layout},
    shown::{Shown, State, size_of_window},
    surface::ChromeSurface,
};
use crate::{
    chrome::{Action, NoticePage, ProgressPage},
    cli::SessionArgs,
    failure::Failure,
    input::{keyboard::Keyboard, text::US_LAYOUT},
    session::{Activity, End, Errands, Farewell, Inbox, Notice, Plan, SessionRecord, attend},
    statistics::{Meter, render_events},
};

/// The window's size where none was asked for, in points.
const DEFAULT_SIZE: LogicalSize<f64> = LogicalSize::new(1280.0, 800.0);
/// How long a notice stays by itself.
const NOTICE_TIME: Duration = Duration::from_secs(20);
/// Between two looks at the figures while they are shown.
pub(super) const FIGURES_INTERVAL: Duration = Duration::from_secs(1);
/// How long closing the window waits for the session to say goodbye.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// What to show.
pub struct Launch {
    /// The server as the user named it.
    pub server: String,
    /// How to reach it, once the window's layout and the keyboard's are known.
    pub plan: Box<dyn Fn(MonitorLayout, u32) -> Plan>,
    /// What the command line says about the session.
    pub session: SessionArgs,
    /// What may decode H.264.
    pub decoders: DecoderPlan,
    /// Where the session runs.
    pub runtime: tokio::runtime::Handle,
    /// Where to write down what happens when.
    pub trace: Option<Trace>,
}

/// How it went.
pub struct Outcome {
    /// How the last session ended.
    pub end: End,
    /// What is known of it.
    pub record: SessionRecord,
    /// What showed it; has the last picture still.
    pub renderer: Option<Renderer>,
}

/// Opens the window and stays until it is closed. Must be called on the main thread.
///
/// # Errors
/// [`Failure::NoDisplay`] where there is no window system, before anything was connected.
pub fn run(launch: Launch) -> Result<Outcome, Failure> {
    let no_display = |error: winit::error::EventLoopError| Failure::NoDisplay {
        reason: error.to_string(),
    };
    let event_loop = EventLoop::with_user_event().build().map_err(no_display)?;
    event_loop.set_control_flow(ControlFlow::Wait);
    let mut app = App::new(launch, event_loop.create_proxy());
    event_loop.run_app(&mut app).map_err(no_display)?;
    let (end, record) = app
        .ended
        .unwrap_or((Ok(Farewell::Left), SessionRecord::default()));
    Ok(Outcome {
        end,
        record,
        renderer: app.shown.map(|shown| shown.renderer),
    })
}

/// What comes from other threads.
pub(super) enum UserEvent {
    Session(Notice),
    Ended(Box<(End, SessionRecord)>),
    Accessibility(accesskit_winit::Event),
}

impl From<accesskit_winit::Event> for UserEvent {
    fn from(event: accesskit_winit::Event) -> Self {
        Self::Accessibility(event)
    }
}

struct App {
    launch: Launch,
    proxy: EventLoopProxy<UserEvent>,
    inbox: Inbox,
    activity: Activity,
    local_keyboard: Option<LocalKeyboard>,
    shown: Option<Shown>,
    ended: Option<(End, SessionRecord)>,
}

fn no_renderer(error: RenderError) -> Failure {
    Failure::Display {
        reason: error.to_string(),
    }
}

impl App {
    fn new(launch: Launch, proxy: EventLoopProxy<UserEvent>) -> Self {
        Self {
            launch,
            proxy,
            inbox: Inbox::default(),
            activity: Activity::default(),
            local_keyboard: LocalKeyboard::open(None),
            shown: None,
            ended: None,
        }
    }

    fn open_window(&mut self, event_loop: &ActiveEventLoop) -> Result<Shown, Failure> {
        let no_display = |error: winit::error::OsError| Failure::NoDisplay {
            reason: error.to_string(),
        };
        let mut attributes = Window::default_attributes()
            .with_title(format!("{} \u{2013} Oriel", self.launch.server))
            // Accessibility must be set up before the window is seen.
            .with_visible(false);
        attributes = match self.launch.session.size {
            Some(size) => {
                attributes.with_inner_size(PhysicalSize::new(size.0.width, size.0.height))
            }
            None => attributes.with_inner_size(DEFAULT_SIZE),
        };
        if self.launch.session.view.fullscreen {
            attributes = attributes.with_fullscreen(Some(Fullscreen::Borderless(None)));
        }
        let window = event_loop
            .create_window(named(attributes))
            .map_err(no_display)?;
        backdrop::set(&window);
        let window = Arc::new(window);
        let local_pointer = x11_window(&window).and_then(|_| LocalPointer::open(None));
        let surface = ChromeSurface::new(&window, event_loop, self.proxy.clone());
        let target = PresentTarget::Window {
            window: window.clone(),
            size: size_of_window(&window),
        };
        let config = RendererConfig {
            compositor: self.launch.session.view.compositor.into(),
            present: self.launch.session.view.present.into(),
            tiles: self.launch.session.view.tiles.into(),
            trace: self.launch.trace.clone(),
            decoders: self.launch.decoders.clone(),
            ..Default::default()
        };
        let events = render_events(self.inbox.clone(), self.activity.clone());
        let renderer = Renderer::spawn(config, target, events).map_err(no_renderer)?;
        let shown = Shown {
            window,
            renderer,
            surface,
            state: State::Connecting,
            progress: ProgressPage::new(self.launch.server.clone()),
            notice: None,
            meter: None,
            keyboard: Keyboard::default(),
            mouse: Mouse::default(),
            local_pointer,
            cursor: ServerCursor::default(),
            locks: LockKeys::empty(),
            layouts: LayoutDebounce::default(),
            takes_layouts: false,
            pointer: PhysicalPosition::default(),
            look_at: None,
            closing: None,
        };
        shown.tell_refresh_interval();
        Ok(shown)
    }

    /// Ends the program, without a window that could say why.
    fn give_up(&mut self, event_loop: &ActiveEventLoop, failure: Failure) {
        self.ended = Some((Err(failure), SessionRecord::default()));
        event_loop.exit();
    }

    /// Connects, for the first time or again.
    fn start_session(&mut self) {
        let Some(shown) = &mut self.shown else { return };
        let layout = match self.launch.session.size {
            Some(size) => window_layout(size.0, shown.window.scale_factor()),
            None => window_layout(size_of_window(&shown.window), shown.window.scale_factor()),
        };
        shown.begin(&self.launch.server, layout);
        self.inbox.clear();
        self.activity.clear();
        self.ended = None;
        let keyboard_layout = self
            .local_keyboard
            .as_ref()
            .and_then(LocalKeyboard::layout_name)
            .and_then(|name| windows_layout(&name))
            .unwrap_or(US_LAYOUT);
        let mut plan = (self.launch.plan)(layout, keyboard_layout);
        plan.errands = Errands {
            text: self.launch.session.type_text.clone(),
            exit_after: self.launch.session.view.exit_after,
            exit_when_settled: false,
        };
        plan.trace = self.launch.trace.clone();
        let (proxy, inbox, activity) = (
            self.proxy.clone(),
            self.inbox.clone(),
            self.activity.clone(),
        );
        let canvas = shown.renderer.clone();
        self.launch.runtime.spawn(async move {
            // Sending fails only after the event loop has ended: then nobody wants to know.
            let teller = proxy.clone();
            let tell = move |notice| {
                let _ = teller.send_event(UserEvent::Session(notice));
            };
            let ended = attend(plan, &canvas, &inbox, &activity, &tell).await;
            let _ = proxy.send_event(UserEvent::Ended(Box::new(ended)));
        });
    }

    fn session_ended(&mut self, event_loop: &ActiveEventLoop, ended: (End, SessionRecord)) {
        // Of a program that gave up, that is what counts.
        if self.ended.is_some() {
            return;
        }
        let failure = ended.0.as_ref().err().cloned();
        let is_over = self.launch.session.view.exit_after.is_some()
            || self
                .shown
                .as_ref()
                .is_none_or(|shown| shown.closing.is_some());
        self.ended = Some(ended);
        match (failure, &mut self.shown) {
            (Some(failure), Some(shown)) if !is_over => {
                tracing::info!(code = failure.code(), "the session failed: {failure}");
                shown.fail(&failure);
            }
            _ => event_loop.exit(),
        }
    }

    fn act(&mut self, event_loop: &ActiveEventLoop, action: Action) {
        match action {
            Action::Retry => self.start_session(),
            Action::Close => self.close(event_loop),
            Action::DismissNotice => {
                if let Some(shown) = &mut self.shown {
                    shown.notice = None;
                    shown.surface.request_repaint();
                }
            }
        }
    }

    fn close(&mut self, event_loop: &ActiveEventLoop) {
        match &mut self.shown {
            Some(shown) if self.ended.is_none() => {
                self.inbox.disconnect();
                shown
                    .closing
                    .get_or_insert_with(|| Instant::now() + CLOSE_PATIENCE);
            }
            _ => event_loop.exit(),
        }
    }

    /// Gives keyboard and mouse to the desktop once there is one.
    ///
    /// The picture is shown by a thread of its own, and input may be seen before the session's word
    /// that it runs: what is typed at the sight of the desktop must reach it.
    fn catch_up(&mut self) {
        let Some(shown) = &mut self.shown else { return };
        if matches!(shown.state, State::Connecting) && self.activity.is_connected() {
            shown.state = State::Running;
            shown.surface.request_repaint();
            shown.cursor.apply(&shown.window);
            if shown.window.has_focus() {
                self.focus(true);
            }
        }
    }

    fn key(&mut self, event: &KeyEvent, is_synthetic: bool) {
        let Some(shown) = &mut self.shown else { return };
        let is_pressed = event.state == ElementState::Pressed;
        // Keys that were down already when the focus came: of those only Shift and Ctrl matter to
        // what is done next. Alt and Super came from switching windows.
        if is_synthetic && !(is_pressed && is_shift_or_control(event.physical_key)) {
            return;
        }
        if is_pressed && shown.keyboard.is_control_down() && shown.keyboard.is_alt_down() {
            match event.physical_key {
                PhysicalKey::Code(KeyCode::Enter) if !event.repeat => {
                    return shown.toggle_fullscreen();
                }
                PhysicalKey::Code(KeyCode::KeyI) if !event.repeat => {
                    return shown.toggle_figures(&self.inbox);
                }
                _ => {}
            }
        }
        let mut out = Vec::new();
        let text = event.text.as_deref();
        shown
            .keyboard
            .key(event.physical_key, text, is_pressed, &mut out);
        self.inbox.push_input(&out);
    }

    fn focus(&mut self, has_focus: bool) {
        let Some(shown) = &mut self.shown else { return };
        let mut out = Vec::new();
        if has_focus {
            let locks = self.local_keyboard.as_ref().and_then(LocalKeyboard::locks);
            shown.locks = locks.unwrap_or(shown.locks);
            shown.keyboard.synchronize(shown.locks, &mut out);
            shown.set_seen(true, &self.inbox);
        } else {
            shown.may_be_minimized();
            shown.keyboard.release_all(&mut out);
            shown.mouse.release_all(&mut out);
        }
        if matches!(shown.state, State::Running) {
            self.inbox.push_input(&out);
        }
    }

    fn notice(&mut self, event_loop: &ActiveEventLoop, notice: Notice) {
        let Some(shown) = &mut self.shown else { return };
        match notice {
            Notice::Step { done, took } => {
                shown.progress.advance(done, took);
                shown.surface.request_repaint();
            }
            Notice::Pinned(fingerprint) => {
                let page = NoticePage {
                    title: format!(
                        "First visit to {}: its certificate is pinned now.",
                        self.launch.server
                    ),
                    detail: fingerprint.to_string(),
                };
                shown.notice = Some((page, Instant::now() + NOTICE_TIME));
            }
            Notice::DecoderReplaced(change) => {
                let page = NoticePage {
                    title: change.to_string(),
                    detail: change.reason,
                };
                shown.notice = Some((page, Instant::now() + NOTICE_TIME));
                shown.surface.request_repaint();
            }
            Notice::Desktop(desktop) => {
                shown.desktop_changed(desktop);
                self.catch_up();
            }
            Notice::Pointer(PointerUpdate::Position(point)) => {
                let place = shown.renderer.view().window_at(point);
                if let Some((x, y)) = place.filter(|_| shown.window.has_focus()) {
                    // Wayland does not let a program move the pointer: nothing to be done there.
                    let _ = shown
                        .window
                        .set_cursor_position(PhysicalPosition::new(x, y));
                }
            }
            Notice::Pointer(update) => {
                shown.cursor.update(&update, event_loop);
                if !shown.chrome_has_pointer() {
                    shown.cursor.apply(&shown.window);
                }
            }
            Notice::LayoutsWelcome => {
                shown.takes_layouts = true;
                shown.want_layout(&self.launch.session);
            }
            Notice::Locks(locks) => shown.locks = locks,
            Notice::Beep => tracing::debug!("the server beeps"),
            Notice::Figures(figures) => {
                if let Some(meter) = &mut shown.meter {
                    meter.update(&figures, &shown.renderer.statistics(), Instant::now());
                    shown.surface.request_repaint();
                }
            }
        }
    }

    fn fire_timers(&mut self, event_loop: &ActiveEventLoop) {
        let now = Instant::now();
        let Some(shown) = &mut self.shown else { return };
        if shown.closing.is_some_and(|by| by <= now) {
            return event_loop.exit();
        }
        shown.look_if_minimized(now, &self.inbox);
        let was_waiting = shown.layouts.is_waiting();
        if let Some(layout) = shown.layouts.due(now) {
            tracing::debug!(size = ?layout.rect.size(), "asking for another size of the desktop");
            self.inbox.set_layout(layout);
        }
        if was_waiting && !shown.layouts.is_waiting() {
            shown.place_desktop(shown.renderer.desktop_size());
        }
        if shown.notice.take_if(|(_, until)| *until <= now).is_some() {
            shown.surface.request_repaint();
        }
        if let Some(meter) = &mut shown.meter
            && meter.is_due(now)
        {
            meter.ask_again_at(now + FIGURES_INTERVAL);
            self.inbox.ask_statistics();
        }
        if shown.surface.is_due(now) {
            let page = shown.page();
            let action = shown
                .surface
                .paint(&shown.window, &shown.renderer, &page, event_loop);
            if !shown.chrome_has_pointer() {
                shown.cursor.apply(&shown.window);
            }
            if let Some(action) = action {
                self.act(event_loop, action);
            }
        }
    }

    fn next_timer(&self) -> Option<Instant> {
        let shown = self.shown.as_ref()?;
        [
            shown.closing,
            shown.layouts.deadline(),
            shown.look_at,
            shown.notice.as_ref().map(|(_, until)| *until),
            shown.meter.as_ref().map(Meter::due),
            shown.surface.due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

impl ApplicationHandler<UserEvent> for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.shown.is_some() {
            return;
        }
        match self.open_window(event_loop) {
            Ok(shown) => {
                let (window, renderer) = (shown.window.clone(), shown.renderer.clone());
                self.shown = Some(shown);
                // The server answers while the graphics driver gets ready.
                self.start_session();
                match renderer.wait_opened() {
                    Ok(()) => window.set_visible(true),
                    Err(error) => self.give_up(event_loop, no_renderer(error)),
                }
            }
            Err(failure) => self.give_up(event_loop, failure),
        }
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, event: UserEvent) {
        match event {
            UserEvent::Session(notice) => self.notice(event_loop, notice),
            UserEvent::Ended(ended) => self.session_ended(event_loop, *ended),
            UserEvent::Accessibility(event) => {
                if let Some(shown) = &mut self.shown {
                    shown.surface.accessibility(event.window_event);
                }
            }
        }
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        self.catch_up();
        let Some(shown) = &mut self.shown else { return };
        // egui would answer a redraw with the wish for a repaint, for ever.
        if matches!(event, WindowEvent::RedrawRequested) {
            return shown.renderer.redraw();
        }
        if let WindowEvent::CursorMoved { position, .. } = &event {
            shown.pointer = *position;
        }
        let is_for_chrome = match &event {
            WindowEvent::KeyboardInput { .. } => !matches!(shown.state, State::Running),
            WindowEvent::CursorMoved { .. } => {
                // It must also learn that the pointer has left a button of its.
                shown.surface.window_event(&shown.window, &event);
                shown.chrome_has_pointer()
            }
            WindowEvent::MouseInput { .. } | WindowEvent::MouseWheel { .. } => {
                shown.chrome_has_pointer()
            }
            _ => {
                shown.surface.window_event(&shown.window, &event);
                false
            }
        };
        if is_for_chrome {
            if !matches!(event, WindowEvent::CursorMoved { .. }) {
                shown.surface.window_event(&shown.window, &event);
            }
            return;
        }
        let mut out: Vec<InputEvent> = Vec::new();
        match event {
            WindowEvent::CloseRequested => self.close(event_loop),
            WindowEvent::KeyboardInput {
                event,
                is_synthetic,
                ..
            } => self.key(&event, is_synthetic),
            WindowEvent::Focused(has_focus) => self.focus(has_focus),
            WindowEvent::CursorMoved { position, .. } => {
                if let Some(place) = shown.renderer.view().desktop_at(position.x, position.y) {
                    shown.mouse.moved(place, &mut out);
                }
                self.inbox.push_input(&out);
            }
            WindowEvent::MouseInput { button, state, .. } => {
                shown.mouse.button(button, state, &mut out);
                self.inbox.push_input(&out);
            }
            WindowEvent::MouseWheel { delta, .. } => {
                shown.wheel(delta, &mut out);
                self.inbox.push_input(&out);
            }
            WindowEvent::Resized(size) => {
                let is_visible = size.width > 0 && size.height > 0;
                shown.set_seen(is_visible, &self.inbox);
                if is_visible {
                    // The scaling first: else one picture would be placed the old way.
                    shown.want_layout(&self.launch.session);
                    shown.place_desktop(shown.renderer.desktop_size());
                    shown
                        .renderer
                        .resize_target(Size::new(size.width, size.height));
                    shown.surface.request_repaint();
                }
            }
            WindowEvent::ScaleFactorChanged { .. } => {
                shown.want_layout(&self.launch.session);
                shown.surface.request_repaint();
            }
            WindowEvent::Occluded(is_occluded) => shown.set_seen(!is_occluded, &self.inbox),
            WindowEvent::Moved(_) => shown.tell_refresh_interval(),
            _ => {}
        }
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        self.fire_timers(event_loop);
        event_loop.set_control_flow(match self.next_timer() {
            Some(at) => ControlFlow::WaitUntil(at),
            None => ControlFlow::Wait,
        });
    }
}

fn is_shift_or_control(key: PhysicalKey) -> bool {
    matches!(
        key,
        PhysicalKey::Code(
            KeyCode::ShiftLeft | KeyCode::ShiftRight | KeyCode::ControlLeft | KeyCode::ControlRight
        )
    )
}

/// The name under which window managers know the program.
#[cfg(target_os = "linux")]
fn named(attributes: WindowAttributes) -> WindowAttributes {
    use winit::platform::{wayland, x11};

    let attributes = x11::WindowAttributesExtX11::with_name(attributes, "oriel", "oriel");
    wayland::WindowAttributesExtWayland::with_name(attributes, "oriel", "oriel")
}

#[cfg(not(target_os = "linux"))]
fn named(attributes: WindowAttributes) -> WindowAttributes {
    attributes
}
