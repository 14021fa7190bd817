//! When a new size of the window becomes a new layout of the desktop.

use std::time::{Duration, Instant};

use oriel_codecs::geometry::{Rect, Size};
use oriel_protocol::client::MonitorLayout;
use oriel_render::Scaling;

/// A window that kept its size for so long is done being resized.
const SETTLE: Duration = Duration::from_millis(250);

/// A server that has not taken a layout after so long is asked again: some drop what comes while
/// they are still starting the session.
const ANSWER: Duration = Duration::from_secs(3);

/// How often it is asked again.
const RETRIES: u8 = 2;

/// Holds back layouts until the window keeps its size: each one makes the server rebuild its
/// desktop.
#[derive(Debug, Default)]
pub struct LayoutDebounce {
    wanted: Option<(MonitorLayout, Instant)>,
    asked: Option<MonitorLayout>,
    /// When to ask again for what was asked, and how often.
    unanswered: Option<(Instant, u8)>,
}

impl LayoutDebounce {
    /// The desktop was given this layout when the session began.
    pub fn begin(&mut self, layout: MonitorLayout) {
        *self = Self {
            wanted: None,
            asked: Some(layout),
            unanswered: None,
        };
    }

    /// The window has a new size or scale.
    pub fn resized(&mut self, layout: MonitorLayout, now: Instant) {
        self.wanted = Some((layout, now + SETTLE)).filter(|_| self.asked != Some(layout));
    }

    /// The desktop has a size now: what was asked for, or another.
    pub fn answered(&mut self, desktop: Size) {
        if self
            .asked
            .is_some_and(|layout| layout.rect.size() == desktop)
        {
            self.unanswered = None;
        }
    }

    /// True while the window has a size that the desktop is about to get.
    pub fn is_waiting(&self) -> bool {
        self.deadline().is_some()
    }

    /// When [`Self::due`] may have something.
    pub fn deadline(&self) -> Option<Instant> {
        let wanted = self.wanted.map(|(_, at)| at);
        let again = self.unanswered.map(|(at, _)| at);
        wanted.into_iter().chain(again).min()
    }

    /// The layout to ask for now.
    pub fn due(&mut self, now: Instant) -> Option<MonitorLayout> {
        if let Some((layout, _)) = self.wanted.take_if(|(_, at)| *at <= now) {
            self.asked = Some(layout);
            self.unanswered = Some((now + ANSWER, RETRIES));
            return Some(layout);
        }
        let (_, left) = self.unanswered.take_if(|(at, _)| *at <= now)?;
        self.unanswered = left.checked_sub(1).map(|left| (now + ANSWER, left));
        self.unanswered.and(self.asked)
    }
}

/// The layout of one monitor that fills a window, within what the protocol allows: 200 to 8192
/// pixels, the width even, the scale 100 to 500 (`[MS-RDPEDISP] 2.2.2.2.1`).
pub fn window_layout(window: Size, scale_factor: f64) -> MonitorLayout {
    let side = |length: u32| length.clamp(200, 8192);
    let size = Size::new(side(window.width) & !1, side(window.height));
    MonitorLayout {
        rect: Rect::at(Default::default(), size),
        desktop_scale_percent: ((scale_factor * 100.0).round() as u32).clamp(100, 500),
        ..MonitorLayout::single(size)
    }
}

/// How a desktop fills a window: a column that is missing because widths are even is no reason to
/// scale, and blur, the whole picture.
pub fn scaling(desktop: Size, window: Size) -> Scaling {
    let is_one_column_short = desktop.width + 1 == window.width && desktop.height == window.height;
    if is_one_column_short {
        Scaling::OneToOne
    } else {
        Scaling::Fit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(width: u32) -> MonitorLayout {
        window_layout(Size::new(width, 600), 1.0)
    }

    #[test]
    fn only_the_last_of_many_sizes_is_asked_for() {
        let start = Instant::now();
        let mut debounce = LayoutDebounce::default();
        debounce.begin(layout(800));
        for step in 1..=20 {
            let now = start + Duration::from_millis(50 * step);
            debounce.resized(layout(800 + 10 * step as u32), now);
            assert_eq!(debounce.due(now), None);
        }
        let deadline = debounce.deadline().unwrap();
        assert_eq!(deadline, start + Duration::from_millis(1000) + SETTLE);
        assert_eq!(debounce.due(deadline), Some(layout(1000)));
        assert_eq!(debounce.due(deadline), None);
        assert!(debounce.is_waiting(), "asked, not answered");
        debounce.answered(Size::new(1000, 600));
        assert!(!debounce.is_waiting());
    }

    #[test]
    fn a_server_that_drops_a_layout_is_asked_again_but_not_for_ever() {
        let now = Instant::now();
        let mut debounce = LayoutDebounce::default();
        debounce.begin(layout(800));
        debounce.resized(layout(900), now);
        assert_eq!(debounce.due(now + SETTLE), Some(layout(900)));
        debounce.answered(Size::new(800, 600));
        let mut asked = 0;
        while let Some(at) = debounce.deadline() {
            asked += u8::from(debounce.due(at) == Some(layout(900)));
        }
        assert_eq!(asked, RETRIES);
    }

    #[test]
    fn a_window_back_at_its_size_asks_for_nothing() {
        let now = Instant::now();
        let mut debounce = LayoutDebounce::default();
        debounce.begin(layout(800));
        debounce.resized(layout(900), now);
        debounce.resized(layout(800), now);
        assert_eq!(debounce.deadline(), None);
    }

    #[test]
    fn an_odd_window_shows_its_desktop_pixel_by_pixel() {
        let window = Size::new(1281, 801);
        let desktop = window_layout(window, 1.0).rect.size();
        assert_eq!(scaling(desktop, window), Scaling::OneToOne);
        assert_eq!(scaling(Size::new(1024, 768), window), Scaling::Fit);
    }

    #[test]
    fn a_layout_is_one_that_the_protocol_allows() {
        let odd = window_layout(Size::new(1281, 801), 1.25);
        assert_eq!(odd.rect.size(), Size::new(1280, 801));
        assert_eq!(odd.desktop_scale_percent, 125);
        let tiny = window_layout(Size::new(1, 0), 0.5);
        assert_eq!(tiny.rect.size(), Size::new(200, 200));
        assert_eq!(tiny.desktop_scale_percent, 100);
        assert_eq!(
            window_layout(Size::new(20_000, 20_000), 9.0).rect.width(),
            8192
        );
    }
}
