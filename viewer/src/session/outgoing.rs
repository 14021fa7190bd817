//! What waits to be sent, and how long input took to get out.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use oriel_render::{Distribution, Trace};

/// Input events whose way is measured at one time; more than that wait only where the link stands
/// still, and then they are not measured.
const MEASURED: usize = 1024;

/// Bytes for the server, and the input in them.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// Bytes of `bytes` that the stream has taken.
    sent: usize,
    /// The stream has taken bytes that it may still hold.
    needs_flush: bool,
    /// Bytes that the stream has ever taken.
    taken: u64,
    /// Where each input event ends, counted like `taken`, and when it happened.
    inputs: VecDeque<(u64, Instant)>,
    input_us: Histogram<u64>,
    trace: Option<Trace>,
    count: u32,
}

impl Outgoing {
    pub(super) fn new(trace: Option<Trace>) -> Self {
        Self {
            bytes: Vec::new(),
            sent: 0,
            needs_flush: false,
            taken: 0,
            inputs: VecDeque::with_capacity(MEASURED),
            input_us: Histogram::new_with_max(60_000_000, 2)
                .expect("bounds that the histogram allows"),
            trace,
            count: 0,
        }
    }

    /// To add bytes to.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The last of the bytes are input that happened at these times.
    pub(super) fn mark_input(&mut self, at: &[Instant]) {
        let end = self.taken + (self.bytes.len() - self.sent) as u64;
        let room = MEASURED - self.inputs.len();
        self.inputs
            .extend(at.iter().take(room).map(|&happened| (end, happened)));
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// How many there are, with what is gone and not forgotten yet.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// There is something to send or to flush.
    pub(super) fn has_work(&self) -> bool {
        !self.bytes.is_empty() || self.needs_flush
    }

    /// Nothing can be sent any more.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
        self.inputs.clear();
    }

    /// The stream took some bytes, or, if there were none, all that it held has left.
    pub(super) fn wrote(&mut self, count: usize, now: Instant) {
        self.needs_flush = count > 0;
        self.taken += count as u64;
        self.sent += count;
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        }
        if count == 0 {
            self.measure(now);
        }
    }

    fn measure(&mut self, now: Instant) {
        while let Some((_, happened)) = self.inputs.pop_front_if(|(end, _)| *end <= self.taken) {
            let took = now.saturating_duration_since(happened);
            self.input_us.saturating_record(micros(took));
            if let Some(trace) = &self.trace {
                self.count = self.count.wrapping_add(1);
                trace.stage("input", self.count, "input to wire", happened, now);
            }
        }
    }

    /// From an input event until its bytes had left.
    pub(super) fn input(&self) -> Distribution {
        (&self.input_us).into()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn input_counts_until_its_last_byte_has_left() {
        let mut outgoing = Outgoing::new(None);
        let start = Instant::now();
        outgoing.buffer().extend_from_slice(&[0; 10]);
        outgoing.mark_input(&[start, start + MS]);
        outgoing.buffer().extend_from_slice(&[0; 5]);
        outgoing.wrote(9, start + 2 * MS);
        outgoing.wrote(0, start + 3 * MS);
        assert_eq!(outgoing.input().count, 0, "a byte is missing");
        outgoing.wrote(1, start + 4 * MS);
        assert_eq!(outgoing.input().count, 0, "not flushed");
        assert_eq!(outgoing.waiting().len(), 5);
        outgoing.wrote(0, start + 20 * MS);
        let input = outgoing.input();
        assert_eq!(input.count, 2);
        assert!(input.p50_us.abs_diff(19_000) < 500, "{input:?}");
        assert!(input.max_us.abs_diff(20_000) < 500, "{input:?}");
        outgoing.wrote(5, start + 21 * MS);
        assert!(outgoing.waiting().is_empty() && outgoing.has_work());
        outgoing.wrote(0, start + 22 * MS);
        assert!(!outgoing.has_work());
    }

    #[test]
    fn a_link_that_stands_still_remembers_no_more_than_it_must() {
        let mut outgoing = Outgoing::new(None);
        let start = Instant::now();
        for _ in 0..MEASURED {
            outgoing.buffer().push(0);
            outgoing.mark_input(&[start; 3]);
        }
        assert_eq!(outgoing.inputs.len(), MEASURED);
        outgoing.wrote(MEASURED, start);
        outgoing.wrote(0, start + MS);
        assert_eq!(outgoing.input().count, MEASURED as u64);
    }
}
