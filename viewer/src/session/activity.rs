//! When the desktop is up: it was shown, and came to rest.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};

/// A picture that did not change for so long has come to rest.
const QUIET: Duration = Duration::from_millis(1500);
/// A desktop that never rests is up after so long all the same.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the renderer did, told by it and awaited by others.
#[derive(Clone, Debug)]
pub struct Activity(Arc<watch::Sender<Seen>>);

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    connected: Option<Instant>,
    first_picture: Option<Instant>,
    last_frame: Option<Instant>,
}

impl Default for Activity {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Seen::default())))
    }
}

impl Activity {
    /// The session runs.
    pub fn connected(&self) {
        self.0.send_modify(|seen| {
            seen.connected.get_or_insert_with(Instant::now);
        });
    }

    /// There is a picture.
    pub fn first_picture(&self) {
        self.0.send_modify(|seen| {
            seen.first_picture.get_or_insert_with(Instant::now);
        });
    }

    /// A frame was shown.
    pub fn frame(&self) {
        self.0.send_modify(|seen| {
            let now = Instant::now();
            seen.first_picture.get_or_insert(now);
            seen.last_frame = Some(now);
        });
    }

    /// A new session begins.
    pub fn clear(&self) {
        self.0.send_modify(|seen| *seen = Seen::default());
    }

    /// True once the session runs.
    pub fn is_connected(&self) -> bool {
        self.0.borrow().connected.is_some()
    }

    /// Waits until the session runs; returns since when.
    pub async fn wait_connected(&self) -> Instant {
        self.wait_for(|seen| seen.connected).await
    }

    /// Waits until the desktop is up.
    pub async fn wait_settled(&self) {
        let first = self.wait_for(|seen| seen.first_picture).await;
        loop {
            let last = self.0.borrow().last_frame.map_or(first, |at| at.max(first));
            let until = (last + QUIET).min(first + PATIENCE);
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    async fn wait_for(&self, what: impl Fn(&Seen) -> Option<Instant>) -> Instant {
        let mut receiver = self.0.subscribe();
        loop {
            if let Some(at) = what(&receiver.borrow_and_update()) {
                return at;
            }
            if receiver.changed().await.is_err() {
                // The sender is held by `self`.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_desktop_that_rests_is_up_soon() {
        let activity = Activity::default();
        activity.first_picture();
        let start = Instant::now();
        activity.wait_settled().await;
        assert!(start.elapsed() < QUIET + Duration::from_millis(50));
    }

    #[tokio::test(start_paused = true)]
    async fn a_desktop_that_never_rests_is_up_in_the_end() {
        let activity = Activity::default();
        let painter = activity.clone();
        let video = tokio::spawn(async move {
            loop {
                painter.frame();
                tokio::time::sleep(Duration::from_millis(33)).await;
            }
        });
        let start = Instant::now();
        activity.wait_settled().await;
        video.abort();
        let took = start.elapsed();
        assert!(
            took >= PATIENCE && took < PATIENCE + Duration::from_millis(50),
            "{took:?}"
        );
    }
}
