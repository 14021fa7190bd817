//! What a session does by itself: type a text, leave after a while.

use std::time::Duration;

use super::{Activity, Inbox};
use crate::input::text::push_character;

/// Between two typed characters: faster than a person, slow enough for a server's key queue.
const KEY_PAUSE: Duration = Duration::from_millis(12);
/// After the last character, for its echo to come back.
const ECHO: Duration = Duration::from_millis(700);

/// What to do without being asked again.
#[derive(Clone, Debug, Default)]
pub struct Errands {
    /// Type this once the desktop is up.
    pub text: Option<String>,
    /// Leave so long after the session began, but not before the text is typed.
    pub exit_after: Option<Duration>,
    /// Leave as soon as the desktop is up and the text typed, where no time is given.
    pub exit_when_settled: bool,
}

impl Errands {
    /// Does what there is to do at a server that was told keyboard `layout`; returns when it is
    /// time to leave, or never.
    pub async fn run(&self, layout: u32, inbox: &Inbox, activity: &Activity) {
        let begin = activity.wait_connected().await;
        if let Some(text) = &self.text {
            activity.wait_settled().await;
            type_text(text, layout, inbox).await;
            tokio::time::sleep(ECHO).await;
        }
        match self.exit_after {
            Some(after) => tokio::time::sleep_until(begin + after).await,
            None if self.exit_when_settled => activity.wait_settled().await,
            None => std::future::pending().await,
        }
    }
}

async fn type_text(text: &str, layout: u32, inbox: &Inbox) {
    let mut events = Vec::new();
    for character in text.chars() {
        events.clear();
        push_character(character, layout, &mut events);
        inbox.push_input(&events);
        tokio::time::sleep(KEY_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::input::text::US_LAYOUT;

    #[tokio::test(start_paused = true)]
    async fn nothing_is_typed_before_the_desktop_is_up() {
        let (inbox, activity) = (Inbox::default(), Activity::default());
        let errands = Errands {
            text: Some("Hi".into()),
            exit_after: Some(Duration::from_millis(1)),
            exit_when_settled: false,
        };
        activity.connected();
        let run = errands.run(US_LAYOUT, &inbox, &activity);
        tokio::pin!(run);
        let wait = Duration::from_secs(30);
        assert!(tokio::time::timeout(wait, &mut run).await.is_err());
        activity.first_picture();
        run.await;
        // Shift and h down and up, i down and up.
        assert_eq!(inbox.next().await.input.len(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_to_leave_counts_from_the_start_of_the_session() {
        let (inbox, activity) = (Inbox::default(), Activity::default());
        activity.connected();
        let start = Instant::now();
        let errands = Errands {
            exit_after: Some(Duration::from_secs(7)),
            ..Default::default()
        };
        errands.run(US_LAYOUT, &inbox, &activity).await;
        assert_eq!(start.elapsed().as_secs(), 7);
    }
}
