//! One direction of a line, without the packets: when each arrives, or that it is lost.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// The least that a queue holds, whatever the rate: a few packets.
const MIN_QUEUE_BYTES: u64 = 16 * 1024;

/// What a line is like, the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineQuality {
    /// There and back.
    pub round_trip: Duration,
    /// Bits a second.
    pub rate_bits: u64,
    /// Of packets in either direction, in percent.
    pub loss_percent: f64,
    /// How long a packet may wait for its turn before the queue is full.
    pub queue: Duration,
}

impl LineQuality {
    /// A line with a queue as routers at home have: a fifth of a second.
    pub const fn new(round_trip_ms: u64, rate_kbits: u64, loss_percent: f64) -> Self {
        Self {
            round_trip: Duration::from_millis(round_trip_ms),
            rate_bits: rate_kbits * 1000,
            loss_percent,
            queue: Duration::from_millis(200),
        }
    }
}

impl fmt::Display for LineQuality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            round_trip,
            rate_bits,
            loss_percent,
            ..
        } = self;
        write!(
            f,
            "{} ms, {} Mbit/s, {loss_percent} % loss",
            round_trip.as_millis(),
            *rate_bits as f64 / 1e6
        )
    }
}

/// What went through a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneFigures {
    /// Packets that took up the line.
    pub packets: u64,
    /// Their bytes, with all headers down to IP's.
    pub bytes: u64,
    /// Packets lost on the line.
    pub lost: u64,
    /// Packets for which the queue had no room; not among `packets`.
    pub overflowed: u64,
}

impl LaneFigures {
    /// What went since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            packets: self.packets - earlier.packets,
            bytes: self.bytes - earlier.bytes,
            lost: self.lost - earlier.lost,
            overflowed: self.overflowed - earlier.overflowed,
        }
    }
}

impl fmt::Display for LaneFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            packets,
            bytes,
            lost,
            overflowed,
        } = self;
        write!(
            f,
            "{bytes} bytes in {packets} packets ({lost} lost, {overflowed} overflowed)"
        )
    }
}

/// One direction.
#[derive(Debug)]
pub struct Lane {
    quality: LineQuality,
    /// When the line has sent all that it took.
    idle_at: Option<Instant>,
    dice: u64,
    figures: LaneFigures,
}

impl Lane {
    /// A line with nothing on it. The same seed loses the same packets.
    pub fn new(quality: LineQuality, seed: u64) -> Self {
        Self {
            quality,
            idle_at: None,
            dice: seed | 1,
            figures: LaneFigures::default(),
        }
    }

    /// Takes a packet; returns when it arrives at the other end, `None` where it does not.
    pub fn accept(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        let starts_at = self.idle_at.map_or(now, |idle_at| idle_at.max(now));
        let queue = self.quality.queue.max(self.time_on_line(MIN_QUEUE_BYTES));
        if starts_at - now > queue {
            self.figures.overflowed += 1;
            return None;
        }
        let sent_at = starts_at + self.time_on_line(bytes as u64);
        self.idle_at = Some(sent_at);
        self.figures.packets += 1;
        self.figures.bytes += bytes as u64;
        // A packet is lost under way: it has taken its time on the line all the same.
        if self.roll() * 100.0 < self.quality.loss_percent {
            self.figures.lost += 1;
            return None;
        }
        Some(sent_at + self.quality.round_trip / 2)
    }

    /// What went through so far.
    pub fn figures(&self) -> &LaneFigures {
        &self.figures
    }

    fn time_on_line(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64((bytes * 8) as f64 / self.quality.rate_bits.max(1) as f64)
    }

    /// From 0 to less than 1.
    fn roll(&mut self) -> f64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_packet_takes_its_time_on_the_line_and_half_the_round_trip() {
        let mut lane = Lane::new(LineQuality::new(80, 1000, 0.0), 1);
        let now = Instant::now();
        // 1000 bytes at a bit each microsecond are eight milliseconds.
        assert_eq!(lane.accept(now, 1000), Some(now + 48 * MS));
        assert_eq!(lane.accept(now, 1000), Some(now + 56 * MS));
        let later = now + 500 * MS;
        assert_eq!(lane.accept(later, 1000), Some(later + 48 * MS));
    }

    #[test]
    fn a_full_queue_takes_no_more_until_it_has_drained() {
        let mut lane = Lane::new(LineQuality::new(0, 1000, 0.0), 1);
        let now = Instant::now();
        let taken = (0..100).filter(|_| lane.accept(now, 1000).is_some());
        // The one on the line, and 200 ms of eight each behind it.
        assert_eq!(taken.count(), 26);
        assert_eq!(lane.figures().overflowed, 74);
        assert!(lane.accept(now + 10 * MS, 1000).is_some());
    }

    #[test]
    fn losses_come_as_often_as_told_and_to_the_same_packets_each_time() {
        let quality = LineQuality::new(0, 1_000_000, 3.0);
        let fates = |seed| {
            let mut lane = Lane::new(quality, seed);
            let mut now = Instant::now();
            let mut next = || {
                now += MS;
                lane.accept(now, 100).is_some()
            };
            (0..20_000).map(|_| next()).collect::<Vec<_>>()
        };
        let arrived = fates(7);
        let lost = arrived.iter().filter(|arrived| !**arrived).count();
        assert!((500..700).contains(&lost), "{lost} of 20000");
        assert_eq!(arrived, fates(7));
        assert_ne!(arrived, fates(8));
    }
}
