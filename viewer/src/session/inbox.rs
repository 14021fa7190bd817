//! What the session is asked to do, from any thread, without ever waiting.

use std::{sync::Arc, time::Instant};

use oriel_codecs::geometry::Rect;
use oriel_protocol::{client::MonitorLayout, graphics::FrameReport, input::InputEvent};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::failure::Failure;

/// A video decoder failed and another took its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecoderChange {
    /// The one that failed.
    pub from: &'static str,
    /// The one at work now.
    pub to: &'static str,
    /// What was wrong with the first.
    pub reason: String,
}

impl std::fmt::Display for DecoderChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to, .. } = self;
        write!(
            f,
            "The video decoder {from} failed; {to} goes on in its place."
        )
    }
}

/// Requests to a session.
///
/// This is what makes input independent of pictures: pushing never blocks, nothing that is pushed
/// is dropped, and what may be merged is merged, so that a stalled link makes it grow no faster
/// than a person can press keys.
#[derive(Clone, Debug, Default)]
pub struct Inbox(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    requests: Mutex<Requests>,
    wake: Notify,
}

/// Everything that was asked since the last look.
#[derive(Debug, Default)]
pub struct Requests {
    /// In order. Of a run of mouse movements only the last is kept.
    pub input: Vec<InputEvent>,
    /// When each of them happened; of movements that were merged, the first.
    pub input_at: Vec<Instant>,
    /// Frames that were drawn, in order; no more than the renderer had in its queue.
    pub frames: Vec<FrameReport>,
    /// The renderer has room again.
    pub has_room: bool,
    /// The newest wanted layout.
    pub layout: Option<MonitorLayout>,
    /// Whether the desktop can be seen now.
    pub is_visible: Option<bool>,
    /// Parts of the desktop that must be drawn again.
    pub refresh: Vec<Rect>,
    /// A video decoder failed; only the newest is told.
    pub decoder_change: Option<DecoderChange>,
    /// Somebody wants to see the figures.
    pub wants_statistics: bool,
    /// Leave in order.
    pub disconnect: bool,
    /// The renderer cannot go on.
    pub failure: Option<Failure>,
}

impl Requests {
    /// True where nothing was asked.
    pub fn is_empty(&self) -> bool {
        let Self {
            input,
            input_at: _,
            frames,
            has_room,
            layout,
            is_visible,
            refresh,
            decoder_change,
            wants_statistics,
            disconnect,
            failure,
        } = self;
        input.is_empty()
            && frames.is_empty()
            && !has_room
            && layout.is_none()
            && is_visible.is_none()
            && refresh.is_empty()
            && decoder_change.is_none()
            && !wants_statistics
            && !disconnect
            && failure.is_none()
    }
}

impl Inbox {
    fn change(&self, change: impl FnOnce(&mut Requests)) {
        change(&mut self.0.requests.lock());
        self.0.wake.notify_one();
    }

    /// Input, in order.
    pub fn push_input(&self, events: &[InputEvent]) {
        if events.is_empty() {
            return;
        }
        let now = Instant::now();
        self.change(|requests| {
            for &event in events {
                let is_move = |event: &InputEvent| matches!(event, InputEvent::MouseMove { .. });
                match requests.input.last_mut() {
                    Some(last) if is_move(&event) && is_move(last) => *last = event,
                    _ => {
                        requests.input.push(event);
                        requests.input_at.push(now);
                    }
                }
            }
        });
    }

    /// A frame was drawn.
    pub fn push_frame(&self, report: FrameReport) {
        self.change(|requests| requests.frames.push(report));
    }

    /// The renderer has room again.
    pub fn set_room(&self) {
        self.change(|requests| requests.has_room = true);
    }

    /// Another layout of monitors is wanted.
    pub fn set_layout(&self, layout: MonitorLayout) {
        self.change(|requests| requests.layout = Some(layout));
    }

    /// The desktop is covered or minimised, or seen again.
    pub fn set_visible(&self, is_visible: bool) {
        self.change(|requests| requests.is_visible = Some(is_visible));
    }

    /// A video decoder failed and another took its place.
    pub fn decoder_replaced(&self, change: DecoderChange) {
        self.change(|requests| requests.decoder_change = Some(change));
    }

    /// Pixels were lost and must be drawn again.
    pub fn refresh(&self, areas: Vec<Rect>) {
        self.change(|requests| requests.refresh = areas);
    }

    /// The figures are wanted.
    pub fn ask_statistics(&self) {
        self.change(|requests| requests.wants_statistics = true);
    }

    /// Leave in order.
    pub fn disconnect(&self) {
        self.change(|requests| requests.disconnect = true);
    }

    /// The renderer cannot go on.
    pub fn fail(&self, failure: Failure) {
        self.change(|requests| {
            requests.failure.get_or_insert(failure);
        });
    }

    /// Forgets what was asked of an earlier session.
    pub fn clear(&self) {
        *self.0.requests.lock() = Requests::default();
    }

    /// Waits until it was asked to leave, and takes nothing: for a time without a session.
    pub async fn wait_disconnect(&self) {
        while !self.0.requests.lock().disconnect {
            self.0.wake.notified().await;
        }
    }

    /// Waits until something was asked, and takes it. Nothing is lost if the wait is given up.
    pub async fn next(&self) -> Requests {
        loop {
            let requests = std::mem::take(&mut *self.0.requests.lock());
            if !requests.is_empty() {
                return requests;
            }
            self.0.wake.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use oriel_codecs::geometry::Point;

    use super::*;
    use crate::input::scan_codes::{key, plain};

    fn moved(x: i32) -> InputEvent {
        InputEvent::MouseMove {
            position: Point::new(x, 0),
        }
    }

    #[tokio::test]
    async fn keys_are_all_kept_and_movements_merged_between_them() {
        let inbox = Inbox::default();
        let a = key(plain(0x1e), true);
        for event in [moved(1), moved(2), a, moved(3), a, a, moved(4), moved(5)] {
            inbox.push_input(&[event]);
        }
        assert_eq!(
            inbox.next().await.input,
            [moved(2), a, moved(3), a, a, moved(5)]
        );
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_loses_nothing() {
        let inbox = Inbox::default();
        let timeout = std::time::Duration::from_millis(5);
        assert!(tokio::time::timeout(timeout, inbox.next()).await.is_err());
        inbox.disconnect();
        {
            let waiting = inbox.next();
            drop(waiting);
        }
        assert!(inbox.next().await.disconnect);
    }

    #[tokio::test]
    async fn the_newest_layout_and_the_first_failure_count() {
        let inbox = Inbox::default();
        for width in [800, 900] {
            inbox.set_layout(MonitorLayout::single(oriel_codecs::Size::new(width, 600)));
        }
        inbox.fail(Failure::NlaRequired);
        inbox.fail(Failure::NlaUnavailable);
        let requests = inbox.next().await;
        assert_eq!(requests.layout.unwrap().rect.width(), 900);
        assert_eq!(requests.failure, Some(Failure::NlaRequired));
    }
}
