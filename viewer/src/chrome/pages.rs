//! The pages themselves: data in, widgets out, at most one [`Action`] back.

use std::time::Duration;

use egui::{
    Align, Align2, Area, Button, Color32, Grid, Id, Key, Layout, Order, RichText, Sense, Shape,
    Stroke, Ui, pos2, vec2,
};
use oriel_codecs::geometry::Size;

use super::style;
use crate::failure::Sentences;

/// Width of a page in the middle of the window, in points; narrower windows get what they have.
const CARD_WIDTH: f32 = 490.0;
/// Size at which a fingerprint fits on one line of a card.
const FINGERPRINT_SIZE: f32 = 11.0;

/// What is shown over the desktop.
#[derive(Clone, Debug, PartialEq)]
pub enum Page {
    /// The connection is being made.
    Connecting(ProgressPage),
    /// There is no session, or none any more. The last picture stays visible behind.
    Failed(FailurePage),
    /// The desktop, with what stands at its border.
    Desktop {
        /// At the top: something to know once.
        notice: Option<NoticePage>,
        /// In the corner: figures.
        statistics: Option<StatisticsPage>,
    },
}

impl Default for Page {
    /// The desktop alone.
    fn default() -> Self {
        Self::Desktop {
            notice: None,
            statistics: None,
        }
    }
}

/// How far the connection is.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgressPage {
    /// The server as the user named it.
    pub server: String,
    /// All steps in order.
    pub steps: Vec<ProgressStep>,
}

/// A step of connecting.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgressStep {
    /// What a person calls it.
    pub name: &'static str,
    /// How long it took, once it is done.
    pub took: Option<Duration>,
}

impl ProgressPage {
    /// Nothing done yet.
    pub fn new(server: impl Into<String>) -> Self {
        let names = [
            "Reach the server",
            "Agree on the security",
            "Encrypt and sign in",
            "Exchange settings",
            "Join channels",
            "Introduce ourselves",
            "Licence",
            "Compare abilities",
            "Start the session",
        ];
        Self {
            server: server.into(),
            steps: names.map(|name| ProgressStep { name, took: None }).into(),
        }
    }

    /// Marks the first `done` steps as done; `took` is the time of the last of them.
    pub fn advance(&mut self, done: usize, took: Duration) {
        for (at, step) in self.steps.iter_mut().enumerate().take(done) {
            let took = if at + 1 == done { took } else { Duration::ZERO };
            step.took.get_or_insert(took);
        }
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct FailurePage {
    /// What, why, what next.
    pub sentences: Sentences,
}

/// Something to know once.
#[derive(Clone, Debug, PartialEq)]
pub struct NoticePage {
    /// One sentence.
    pub title: String,
    /// More of it, which may be a fingerprint.
    pub detail: String,
}

/// Figures of the running session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatisticsPage {
    /// Frames shown in the last second.
    pub frames_per_second: f32,
    /// The steps of a frame's way, and that of input.
    pub steps: Vec<StepFigures>,
    /// Codecs seen, most used first.
    pub codecs: String,
    /// What decodes video, and what puts the picture together.
    pub engines: String,
    /// Round trip.
    pub round_trip_ms: Option<f32>,
    /// Bytes a second from the server.
    pub bytes_per_second: f64,
    /// Bytes from the server, all in all.
    pub bytes: u64,
    /// Bytes that pixels take, and the most that they ever took.
    pub memory: (u64, u64),
    /// What most of them are for, with how many, the most first.
    pub memory_kinds: Vec<(&'static str, u64)>,
    /// Size of the desktop.
    pub desktop: Size,
}

/// How long one step takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepFigures {
    /// Its name.
    pub name: &'static str,
    /// Milliseconds that half of all times it took no longer than, 95 in a hundred, 99 in a
    /// hundred.
    pub p50_p95_p99_ms: [f32; 3],
}

/// What a person asks for on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect again.
    Retry,
    /// Leave.
    Close,
    /// The notice was read.
    DismissNotice,
}

/// Lays out `page`.
pub fn show(ui: &mut Ui, page: &Page) -> Option<Action> {
    match page {
        Page::Connecting(progress) => in_the_middle(ui, |ui| connecting(ui, progress)),
        Page::Failed(failure) => in_the_middle(ui, |ui| failed(ui, failure)),
        Page::Desktop { notice, statistics } => {
            if let Some(figures) = statistics {
                Area::new(Id::unique("statistics"))
                    .order(Order::Foreground)
                    .interactable(false)
                    .anchor(Align2::RIGHT_BOTTOM, vec2(-12.0, -12.0))
                    .show(ui.ctx(), |ui| {
                        style::panel().show(ui, |ui| table(ui, figures))
                    });
            }
            let notice = notice.as_ref()?;
            Area::new(Id::unique("notice"))
                .order(Order::Foreground)
                .anchor(Align2::CENTER_TOP, vec2(0.0, 12.0))
                .show(ui.ctx(), |ui| {
                    style::panel().show(ui, |ui| note(ui, notice)).inner
                })
                .inner
        }
    }
}

/// A card in the middle of the window.
fn in_the_middle(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> Option<Action>) -> Option<Action> {
    let room = ui.ctx().content_rect().width() - 80.0;
    Area::new(Id::unique("card"))
        .order(Order::Foreground)
        .anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0))
        .show(ui.ctx(), |ui| {
            let contents = |ui: &mut Ui| {
                ui.set_width(CARD_WIDTH.min(room.max(120.0)));
                contents(ui)
            };
            style::card().show(ui, contents).inner
        })
        .inner
}

fn connecting(ui: &mut Ui, page: &ProgressPage) -> Option<Action> {
    ui.heading(format!("Connecting to {}", page.server));
    ui.add_space(8.0);
    let current = page.steps.iter().position(|step| step.took.is_none());
    for (at, step) in page.steps.iter().enumerate() {
        ui.horizontal(|ui| {
            let color = match (step.took, current == Some(at)) {
                (Some(_), _) => style::DONE,
                (None, true) => style::ACCENT,
                (None, false) => style::WAITING,
            };
            mark(ui, color, step.took.is_some());
            let text = RichText::new(step.name);
            ui.label(match (step.took, current == Some(at)) {
                (None, false) => text.color(style::FAINT),
                _ => text,
            });
            if let Some(took) = step.took.filter(|took| !took.is_zero()) {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let text = format!("{:.0} ms", took.as_secs_f64() * 1e3);
                    ui.label(RichText::new(text).color(style::FAINT).small());
                });
            }
        });
    }
    ui.add_space(10.0);
    let cancel = ui.add(Button::new("Cancel"));
    let is_escape = ui.input(|input| input.key_pressed(Key::Escape));
    (cancel.clicked() || is_escape).then_some(Action::Close)
}

/// A dot, with a tick once its step is done.
fn mark(ui: &mut Ui, color: Color32, is_done: bool) {
    let (rect, _) = ui.allocate_exact_size(vec2(18.0, 18.0), Sense::hover());
    let center = rect.center();
    let painter = ui.painter();
    if is_done {
        painter.circle_filled(center, 8.0, color.gamma_multiply(0.22));
        let tick = [
            center + vec2(-3.5, 0.3),
            center + vec2(-1.0, 3.0),
            center + vec2(4.0, -3.2),
        ];
        painter.add(Shape::line(tick.to_vec(), Stroke::new(1.8, color)));
    } else {
        painter.circle_stroke(center, 6.5, Stroke::new(1.8, color));
    }
}

fn failed(ui: &mut Ui, page: &FailurePage) -> Option<Action> {
    let Sentences { what, why, next } = &page.sentences;
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(22.0, 22.0), Sense::hover());
        let center = rect.center();
        let painter = ui.painter();
        painter.circle_filled(center, 10.0, style::WRONG.gamma_multiply(0.25));
        let line = [
            pos2(center.x, center.y - 5.0),
            pos2(center.x, center.y + 1.5),
        ];
        painter.line_segment(line, Stroke::new(2.0, style::WRONG));
        painter.circle_filled(pos2(center.x, center.y + 5.0), 1.4, style::WRONG);
        ui.vertical(|ui| ui.heading(what));
    });
    ui.add_space(4.0);
    for line in why.lines() {
        // Fingerprints stand one below the other, to be compared.
        let (text, fingerprint) = line.split_at(line.find("sha256:").unwrap_or(line.len()));
        ui.label(RichText::new(text.trim_end()).color(style::FAINT));
        if !fingerprint.is_empty() {
            let text = RichText::new(fingerprint).monospace();
            ui.label(text.size(FINGERPRINT_SIZE));
        }
    }
    ui.add_space(4.0);
    ui.label(next);
    ui.add_space(12.0);
    ui.horizontal(|ui| {
        let retry = Button::new(RichText::new("Try again").color(Color32::WHITE))
            .fill(style::ACCENT.gamma_multiply(0.55));
        let retry = ui.add(retry);
        let close = ui.button("Close");
        let is_pressed = |key| ui.input(|input| input.key_pressed(key));
        if close.clicked() || is_pressed(Key::Escape) {
            Some(Action::Close)
        } else if retry.clicked() || is_pressed(Key::Enter) {
            Some(Action::Retry)
        } else {
            None
        }
    })
    .inner
}

fn note(ui: &mut Ui, page: &NoticePage) -> Option<Action> {
    ui.set_max_width(CARD_WIDTH + 120.0);
    ui.horizontal(|ui| {
        ui.vertical(|ui| {
            ui.label(&page.title);
            let detail = RichText::new(&page.detail).monospace();
            ui.label(detail.size(FINGERPRINT_SIZE).color(style::FAINT));
        });
        ui.button("OK").clicked()
    })
    .inner
    .then_some(Action::DismissNotice)
}

fn table(ui: &mut Ui, figures: &StatisticsPage) {
    let mut rows = vec![(
        "Frames",
        format!("{:.0} a second", figures.frames_per_second),
    )];
    rows.push(("Steps", format!("{:>6} {:>6} {:>6}", "p50", "p95", "p99")));
    rows.extend(figures.steps.iter().map(|step| {
        let [half, most, nearly_all] = step.p50_p95_p99_ms;
        (
            step.name,
            format!("{half:>6.2} {most:>6.2} {nearly_all:>6.2} ms"),
        )
    }));
    rows.extend([
        ("Codecs", figures.codecs.clone()),
        ("Engines", figures.engines.clone()),
        (
            "Round trip",
            match figures.round_trip_ms {
                Some(ms) => format!("{ms:.1} ms"),
                None => "unknown".to_owned(),
            },
        ),
        (
            "Received",
            format!(
                "{}/s, {} in all",
                format_bytes(figures.bytes_per_second),
                format_bytes(figures.bytes as f64)
            ),
        ),
        ("Memory", memory(figures)),
        (
            "Desktop",
            format!("{} x {}", figures.desktop.width, figures.desktop.height),
        ),
    ]);
    Grid::new("figures").num_columns(2).show(ui, |ui| {
        for (name, value) in rows {
            ui.label(RichText::new(name).color(style::FAINT).small());
            ui.label(RichText::new(value).monospace());
            ui.end_row();
        }
    });
}

/// A line for all, and one for what takes the most.
fn memory(figures: &StatisticsPage) -> String {
    let (now, most) = figures.memory;
    let mut text = format!(
        "{}, at most {}",
        format_bytes(now as f64),
        format_bytes(most as f64)
    );
    let kinds = figures.memory_kinds.iter();
    let kinds = kinds.map(|(name, bytes)| format!("{name} {}", format_bytes(*bytes as f64)));
    let kinds: Vec<_> = kinds.collect();
    if !kinds.is_empty() {
        text += "\n";
        text += &kinds.join(", ");
    }
    text
}

/// With three digits and a decimal prefix.
pub(crate) fn format_bytes(bytes: f64) -> String {
    let (value, unit) = match bytes {
        b if b >= 1e9 => (b / 1e9, "GB"),
        b if b >= 1e6 => (b / 1e6, "MB"),
        b if b >= 1e3 => (b / 1e3, "kB"),
        b => return format!("{b:.0} B"),
    };
    let digits = match value {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits() {
        for (bytes, expected) in [
            (0.0, "0 B"),
            (999.0, "999 B"),
            (1234.0, "1.23 kB"),
            (12_340.0, "12.3 kB"),
            (999_949.0, "1000 kB"),
            (4.2e9, "4.20 GB"),
        ] {
            assert_eq!(format_bytes(bytes), expected);
        }
    }

    #[test]
    fn progress_marks_the_steps_that_were_skipped_as_done() {
        let mut page = ProgressPage::new("pc");
        page.advance(3, Duration::from_millis(5));
        page.advance(2, Duration::from_millis(9));
        let took: Vec<_> = page.steps.iter().map(|step| step.took).collect();
        assert_eq!(
            took[..3],
            [
                Some(Duration::ZERO),
                Some(Duration::ZERO),
                Some(Duration::from_millis(5))
            ]
        );
        assert!(took[3..].iter().all(Option::is_none));
    }
}
