//! The chrome in the window: winit's events to egui, egui's picture to the renderer.

use std::time::{Duration, Instant};

use egui::{Order, ViewportId};
use egui_winit::accesskit_winit;
use oriel_codecs::geometry::Size;
use oriel_render::{Overlay, Renderer};
use winit::{
    dpi::PhysicalPosition,
    event::WindowEvent,
    event_loop::{ActiveEventLoop, EventLoopProxy},
    window::Window,
};

use super::app::UserEvent;
use crate::chrome::{Action, Chrome, Page};

/// The least time between two paintings that egui asks for by itself.
const LEAST_INTERVAL: Duration = Duration::from_millis(16);

/// egui, fed by a window.
pub(super) struct ChromeSurface {
    chrome: Chrome,
    input: egui_winit::State,
    due: Option<Instant>,
}

impl ChromeSurface {
    /// For a window that is not visible yet: accessibility cannot be set up later.
    pub(super) fn new(
        window: &Window,
        event_loop: &ActiveEventLoop,
        proxy: EventLoopProxy<UserEvent>,
    ) -> Self {
        let chrome = Chrome::new();
        let mut input = egui_winit::State::new(
            chrome.context().clone(),
            ViewportId::ROOT,
            window,
            Some(window.scale_factor() as f32),
            None,
            None,
        );
        input.init_accesskit(event_loop, window, proxy);
        Self {
            chrome,
            input,
            due: None,
        }
    }

    /// An event that is, or may be, for the chrome.
    pub(super) fn window_event(&mut self, window: &Window, event: &WindowEvent) {
        if self.input.on_window_event(window, event).repaint {
            self.request_repaint();
        }
    }

    /// A screen reader came, went or did something.
    pub(super) fn accessibility(&mut self, event: accesskit_winit::WindowEvent) {
        match event {
            accesskit_winit::WindowEvent::InitialTreeRequested => {
                self.chrome.context().enable_accesskit();
            }
            accesskit_winit::WindowEvent::ActionRequested(request) => {
                self.input.on_accesskit_action_request(request);
            }
            accesskit_winit::WindowEvent::AccessibilityDeactivated => {
                self.chrome.context().disable_accesskit();
            }
        }
        self.request_repaint();
    }

    /// True where something of the chrome that can be clicked lies under a window position.
    pub(super) fn is_under(&self, position: PhysicalPosition<f64>) -> bool {
        let context = self.chrome.context();
        let scale = f64::from(context.pixels_per_point());
        let place = egui::pos2((position.x / scale) as f32, (position.y / scale) as f32);
        context
            .layer_id_at(place)
            .is_some_and(|layer| layer.order == Order::Foreground)
    }

    /// What is shown has changed.
    pub(super) fn request_repaint(&mut self) {
        self.due = Some(Instant::now());
    }

    /// When to paint next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether to paint now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Paints `page` and hands the picture to the renderer if it is another one.
    pub(super) fn paint(
        &mut self,
        window: &Window,
        renderer: &Renderer,
        page: &Page,
        event_loop: &ActiveEventLoop,
    ) -> Option<Action> {
        let size = window.inner_size();
        let size = Size::new(size.width, size.height);
        let input = self.input.take_egui_input(window);
        let painted = self.chrome.run(input, page, size);
        if let Some(changed) = painted.changed {
            renderer.set_overlay(changed.map(|placed| Overlay::Picture {
                origin: placed.origin,
                picture: placed.picture,
            }));
        }
        self.input
            .handle_platform_output_with_event_loop(window, event_loop, painted.platform);
        self.due = painted
            .repaint_after
            .map(|delay| Instant::now() + delay.max(LEAST_INTERVAL));
        painted.action
    }
}
