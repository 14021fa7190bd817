//! Figures of a running session for a person, and what the renderer tells.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use oriel_codecs::geometry::Size;
use oriel_protocol::graphics::FrameReport;
use oriel_render::{Distribution, RenderEvent, RenderStatistics, TileEngine};

use crate::{
    chrome::{StatisticsPage, StepFigures},
    decoders,
    failure::Failure,
    session::{Activity, DecoderChange, Figures, Inbox},
};

/// Skipped drawing commands that are told one by one; all are counted.
const LOGGED_ERRORS: u64 = 8;

/// Kinds of memory that are shown by name.
const SHOWN_KINDS: usize = 3;

/// Turns counters into rates, once a second while somebody looks.
#[derive(Debug)]
pub struct Meter {
    page: StatisticsPage,
    due: Instant,
    last: Option<(Instant, u64, u64)>,
}

impl Meter {
    /// Nothing known yet; to be asked again at `due`.
    pub fn new(due: Instant) -> Self {
        Self {
            page: StatisticsPage::default(),
            due,
            last: None,
        }
    }

    /// What is shown.
    pub fn page(&self) -> &StatisticsPage {
        &self.page
    }

    /// When to ask for figures again.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// Whether to ask for figures now.
    pub fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    /// Sets when to ask for figures again.
    pub fn ask_again_at(&mut self, due: Instant) {
        self.due = due;
    }

    /// New figures came.
    pub fn update(&mut self, figures: &Figures, render: &RenderStatistics, now: Instant) {
        let (bytes, frames) = (figures.connection.received_bytes, render.presents);
        let (rate, frame_rate) = match self.last {
            Some((then, old_bytes, old_frames)) if now > then => {
                let seconds = (now - then).as_secs_f64();
                let per_second = |new: u64, old: u64| new.saturating_sub(old) as f64 / seconds;
                (per_second(bytes, old_bytes), per_second(frames, old_frames))
            }
            _ => (0.0, 0.0),
        };
        self.last = Some((now, bytes, frames));
        let mut codecs: Vec<_> = render.codecs.iter().collect();
        codecs.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.bytes));
        let codecs: Vec<&str> = codecs.into_iter().map(|(name, _)| *name).collect();
        let tiles = render.tile_engine.map(|engine| match engine {
            TileEngine::Cpu => "tiles on cpu",
            TileEngine::Gpu => "tiles on gpu",
        });
        let engines = [render.video_decoder, Some(render.compositor), tiles];
        let engines: Vec<&str> = engines.into_iter().flatten().collect();
        self.page = StatisticsPage {
            frames_per_second: frame_rate as f32,
            steps: steps(figures, render),
            codecs: codecs.join(", "),
            engines: engines.join(", "),
            round_trip_ms: figures.round_trip.map(|time| time.as_secs_f32() * 1e3),
            bytes_per_second: rate,
            bytes,
            memory: (render.memory.total.now, render.memory.total.most),
            memory_kinds: largest_kinds(render),
            desktop: Size::new(figures.desktop.width, figures.desktop.height),
        };
    }
}

/// What takes the most memory, that first.
fn largest_kinds(render: &RenderStatistics) -> Vec<(&'static str, u64)> {
    let used = render.memory.used();
    let mut kinds: Vec<_> = used.map(|(kind, bytes)| (kind.name(), bytes.now)).collect();
    kinds.retain(|(_, bytes)| *bytes > 0);
    kinds.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    kinds.truncate(SHOWN_KINDS);
    kinds
}

/// The steps of a frame's way and that of input, as a person reads them.
fn steps(figures: &Figures, render: &RenderStatistics) -> Vec<StepFigures> {
    let step = |name, of: &Distribution| StepFigures {
        name,
        p50_p95_p99_ms: [of.p50_us, of.p95_us, of.p99_us].map(|us| us as f32 / 1e3),
    };
    let way = &render.steps;
    vec![
        step("Receive", &way.receive),
        step("Decode", &way.decode),
        step("Apply", &way.apply),
        step("Submit", &way.submit),
        step("Present", &way.present),
        step("In all", &way.total),
        step("Input", &figures.input),
    ]
}

/// Takes the renderer's events, on its threads, and passes them to the session.
pub fn render_events(
    inbox: Inbox,
    activity: Activity,
) -> impl Fn(RenderEvent) + Send + Sync + 'static {
    let skipped = AtomicU64::new(0);
    move |event| match event {
        RenderEvent::FrameDone {
            frame,
            queue_depth,
            decode_us,
            apply_us,
            ..
        } => {
            activity.frame();
            inbox.push_frame(FrameReport {
                frame,
                queue_depth,
                decode_us,
                present_us: apply_us,
            });
        }
        RenderEvent::QueueDrained => inbox.set_room(),
        RenderEvent::FirstPicture => activity.first_picture(),
        RenderEvent::RefreshNeeded(areas) => inbox.refresh(areas),
        RenderEvent::DesktopResized(size) => tracing::debug!(?size, "the desktop has a new size"),
        RenderEvent::PeerError(error) => {
            // A server that gets one wrong tends to get thousands wrong.
            if skipped.fetch_add(1, Ordering::Relaxed) < LOGGED_ERRORS {
                tracing::warn!(%error, "a drawing command was skipped");
            }
        }
        RenderEvent::DecoderReplaced { from, to, reason } => {
            decoders::forget(from);
            inbox.decoder_replaced(DecoderChange { from, to, reason });
        }
        RenderEvent::Notice(text) => tracing::info!("{text}"),
        RenderEvent::Failed(error) => inbox.fail(Failure::Display {
            reason: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rates_are_differences_by_time() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        let mut figures = Figures::default();
        let mut render = RenderStatistics {
            compositor: "cpu",
            ..Default::default()
        };
        figures.connection.received_bytes = 1000;
        render.presents = 10;
        meter.update(&figures, &render, start);
        assert_eq!(meter.page().bytes_per_second, 0.0);
        figures.connection.received_bytes = 5000;
        render.presents = 70;
        meter.update(&figures, &render, start + Duration::from_secs(2));
        assert_eq!(meter.page().bytes_per_second, 2000.0);
        assert_eq!(meter.page().frames_per_second, 30.0);
        assert_eq!(meter.page().bytes, 5000);
        assert_eq!(meter.page().engines, "cpu");
    }

    #[tokio::test]
    async fn a_decoder_that_was_replaced_is_told_in_one_line() {
        let inbox = Inbox::default();
        let events = render_events(inbox.clone(), Activity::default());
        events(RenderEvent::DecoderReplaced {
            from: "ffmpeg",
            to: "openh264",
            reason: "it has not answered".into(),
        });
        let change = inbox.next().await.decoder_change.unwrap();
        assert_eq!(
            change.to_string(),
            "The video decoder ffmpeg failed; openh264 goes on in its place."
        );
        assert_eq!(change.reason, "it has not answered");
    }
}
