//! When the next frame may go out: by acknowledgements and a highest rate.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use oriel_protocol::graphics::FrameId;

/// Frames that may be on their way to a client that keeps up.
const MAX_IN_FLIGHT: usize = 4;
/// A client with so many bytes not yet decoded gets one frame at a time.
const LAGGING_BYTES: u32 = 2 << 20;
/// A frame counts as lost to the count after so long: the session must not stand still for good
/// because a client forgot one acknowledgement.
const ACKNOWLEDGEMENT_PATIENCE: Duration = Duration::from_secs(3);
/// The client sends no more acknowledgements (`[MS-RDPEGFX] 2.2.2.13`).
const SUSPENDED: u32 = 0xFFFF_FFFF;

/// Counts frames out and acknowledgements in.
#[derive(Debug)]
pub struct FramePacer {
    interval: Duration,
    last: Option<Instant>,
    in_flight: VecDeque<(FrameId, Instant)>,
    queue_bytes: u32,
    is_suspended: bool,
}

impl FramePacer {
    /// A pacer for at most `frames_per_second`; `acknowledges` tells whether the client has frames
    /// to acknowledge at all.
    pub fn new(frames_per_second: u32, acknowledges: bool) -> Self {
        Self {
            interval: Duration::from_secs(1) / frames_per_second.max(1),
            last: None,
            in_flight: VecDeque::new(),
            queue_bytes: 0,
            is_suspended: !acknowledges,
        }
    }

    /// Frames that went out and were not acknowledged.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// A frame goes out.
    pub fn sent(&mut self, now: Instant, frame: FrameId) {
        self.last = Some(now);
        if !self.is_suspended {
            self.in_flight.push_back((frame, now));
        }
    }

    /// A frame was acknowledged, and with it those before it; `queue_depth` as it was received.
    pub fn acknowledged(&mut self, frame: FrameId, queue_depth: u32) {
        self.is_suspended = queue_depth == SUSPENDED;
        if self.is_suspended {
            self.in_flight.clear();
            self.queue_bytes = 0;
            return;
        }
        self.queue_bytes = queue_depth;
        if let Some(at) = self.in_flight.iter().position(|&(sent, _)| sent == frame) {
            self.in_flight.drain(..=at);
        }
    }

    /// How long the next frame must wait; zero where it may go out now. A frame that waits for an
    /// acknowledgement may go out earlier, when that comes.
    pub fn wait(&mut self, now: Instant) -> Duration {
        let patience_left =
            |sent: Instant| (sent + ACKNOWLEDGEMENT_PATIENCE).saturating_duration_since(now);
        while let Some(&(_, sent)) = self.in_flight.front()
            && patience_left(sent).is_zero()
        {
            self.in_flight.pop_front();
        }
        let by_rate = self.last.map_or(Duration::ZERO, |last| {
            (last + self.interval).saturating_duration_since(now)
        });
        let limit = if self.queue_bytes > LAGGING_BYTES {
            1
        } else {
            MAX_IN_FLIGHT
        };
        match self.in_flight.front() {
            Some(&(_, sent)) if self.in_flight.len() >= limit => by_rate.max(patience_left(sent)),
            _ => by_rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn frames_wait_for_acknowledgements_and_an_acknowledgement_covers_those_before() {
        let mut pacer = FramePacer::new(1000, true);
        let mut now = Instant::now();
        for id in 1..=MAX_IN_FLIGHT as u32 {
            assert_eq!(pacer.wait(now), Duration::ZERO);
            pacer.sent(now, FrameId(id));
            now += MS;
        }
        assert!(pacer.wait(now) > Duration::from_secs(1));
        pacer.acknowledged(FrameId(3), 0);
        assert_eq!(pacer.in_flight(), MAX_IN_FLIGHT - 3);
        assert_eq!(pacer.wait(now), Duration::ZERO);
    }

    #[test]
    fn a_client_that_suspends_acknowledgements_is_not_waited_for() {
        let mut pacer = FramePacer::new(1000, true);
        let now = Instant::now();
        pacer.sent(now, FrameId(1));
        pacer.acknowledged(FrameId(1), SUSPENDED);
        for id in 2..20 {
            pacer.sent(now, FrameId(id));
        }
        assert_eq!(pacer.in_flight(), 0);
        assert_eq!(pacer.wait(now + MS), Duration::ZERO);
        pacer.acknowledged(FrameId(19), 0);
        pacer.sent(now, FrameId(20));
        assert_eq!(pacer.in_flight(), 1, "it opted back in");
    }

    #[test]
    fn a_lagging_client_gets_one_frame_at_a_time() {
        let mut pacer = FramePacer::new(1000, true);
        let now = Instant::now();
        pacer.sent(now, FrameId(1));
        pacer.sent(now, FrameId(2));
        pacer.acknowledged(FrameId(1), LAGGING_BYTES + 1);
        assert!(pacer.wait(now + MS) > MS);
        pacer.acknowledged(FrameId(2), 100);
        assert_eq!(pacer.wait(now + MS), Duration::ZERO);
    }

    #[test]
    fn a_client_that_never_acknowledges_still_gets_frames_and_the_rate_is_kept() {
        let mut pacer = FramePacer::new(10, true);
        let now = Instant::now();
        pacer.sent(now, FrameId(1));
        assert_eq!(pacer.wait(now + 30 * MS), 70 * MS);
        for id in 2..=MAX_IN_FLIGHT as u32 {
            pacer.sent(now, FrameId(id));
        }
        assert_eq!(pacer.wait(now), ACKNOWLEDGEMENT_PATIENCE);
        assert_eq!(pacer.wait(now + ACKNOWLEDGEMENT_PATIENCE), Duration::ZERO);
    }
}
