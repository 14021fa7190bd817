//! When the next picture goes to the window.
//!
//! Where the window system takes every picture (a mailbox, tearing, or a window without a GPU),
//! that is at once. Where it shows one picture a blank, first come first served, a picture that was
//! given early would be old by the time it is seen: it is held back until just before the blank,
//! and what comes until then becomes part of it. So at most one picture waits, here, and a newer
//! one replaces it whole.
//!
//! Nobody tells when the blank is. But a thread that must wait for something to draw into wakes at
//! one, and the screen's refresh rate is known; from those two the next ones are reckoned. A clock
//! that runs off makes the thread wait again, which sets it right.

use std::time::{Duration, Instant};

use crate::compositor::PresentTimes;

/// How pictures go to the screen, where that can be chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PresentChoice {
    /// A mailbox where there is one, else one a blank.
    #[default]
    Auto,
    /// The newest picture is shown at the next blank.
    Mailbox,
    /// At once, even in the middle of the screen's refresh, which tears.
    Immediate,
    /// One a blank, in order.
    Fifo,
}

/// Frames that are ready are applied one after the other for no longer than this before they are
/// shown.
const APPLY_BUDGET: Duration = Duration::from_millis(12);

/// Each frame is shown where applying and showing it takes less: fifty pictures a second.
const FLUENT: Duration = Duration::from_millis(20);

/// Drawing starts so long before the blank, beside the time it takes.
const MARGIN: Duration = Duration::from_millis(2);
/// Who waited so long for something to draw into was woken by a blank.
const WAITED: Duration = Duration::from_millis(1);
/// The blank's time is not trusted for longer than this: the screen's clock and ours run apart.
const TRUST: Duration = Duration::from_secs(1);
/// Refresh intervals that a screen may have.
const INTERVALS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(2)..=Duration::from_millis(100);

/// The part of an interval by which the measured one may differ from the one that was told.
const TOLERANCE: u32 = 50;

/// When to show what there is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// At once.
    Now,
    /// Then; what comes until then is shown with it.
    At(Instant),
    /// Not before the window is seen again.
    Hidden,
}

/// Decides when pictures go to the window.
#[derive(Debug)]
pub(crate) struct Pacer {
    is_hidden: bool,
    /// Between two blanks, as the screen tells.
    told: Option<Duration>,
    /// The same as far as it was measured.
    interval: Option<Duration>,
    /// A blank, where pictures wait for one.
    blank: Option<Instant>,
    /// The blank that the last picture was given for.
    taken: Option<Instant>,
    /// What drawing takes: the most of late.
    drawing: Duration,
}

impl Pacer {
    pub(crate) fn new() -> Self {
        Self {
            is_hidden: false,
            told: None,
            interval: None,
            blank: None,
            taken: None,
            drawing: Duration::ZERO,
        }
    }

    /// The window can be seen, or cannot.
    pub(crate) fn set_hidden(&mut self, is_hidden: bool) {
        self.is_hidden = is_hidden;
    }

    /// True while nobody can see the window.
    pub(crate) fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    /// Whether to show what there is before more of it is applied, when frames were applied for
    /// so long and showing the last picture took so long.
    ///
    /// A picture more between two refreshes of the screen nobody sees. Where those are not known,
    /// each frame is shown as long as that leaves many a second. Else showing takes half of the
    /// time at most, so that nothing piles up.
    pub(crate) fn is_due(&self, applying: Duration, showing: Duration) -> bool {
        let is_fluent = self.told.is_none() && applying + showing < FLUENT;
        let budget = match self.told {
            Some(_) => APPLY_BUDGET,
            None => showing.min(APPLY_BUDGET),
        };
        is_fluent || applying > budget
    }

    /// The screen refreshes so often; `None` where that is not known.
    pub(crate) fn set_interval(&mut self, interval: Option<Duration>) {
        let told = interval.filter(|interval| INTERVALS.contains(interval));
        if self.told != told {
            self.told = told;
            self.interval = told;
            self.blank = None;
        }
    }

    /// When to show what there is to show.
    pub(crate) fn when(&self, now: Instant) -> When {
        if self.is_hidden {
            return When::Hidden;
        }
        let (Some(interval), Some(blank)) = (self.interval, self.blank) else {
            return When::Now;
        };
        if now.saturating_duration_since(blank) > TRUST {
            return When::Now;
        }
        let lead = (self.drawing + MARGIN).min(interval / 2);
        let mut next = next_after(blank, interval, now + lead / 2);
        // Nearer than half an interval to the one that has its picture: it is that one.
        if self.taken.is_some_and(|taken| next < taken + interval / 2) {
            next += interval;
        }
        let start = next.checked_sub(lead).unwrap_or(now);
        if start <= now {
            When::Now
        } else {
            When::At(start)
        }
    }

    /// There is a blank now. Screens are told of in round numbers: what lies between two blanks
    /// is better known once two were seen.
    fn saw_blank(&mut self, now: Instant) {
        if let (Some(told), Some(interval), Some(last)) = (self.told, self.interval, self.blank) {
            let since = now.saturating_duration_since(last);
            let count = (since + interval / 2).as_nanos() / interval.as_nanos();
            let count = u32::try_from(count).unwrap_or(0);
            let measured = (count > 0).then(|| since / count);
            if let Some(measured) = measured.filter(|it| it.abs_diff(told) < told / TOLERANCE) {
                self.interval = Some(interval + measured / 4 - interval / 4);
            }
        }
        self.blank = Some(now);
    }

    /// A picture was shown, and drawing it began at `began`.
    pub(crate) fn shown(&mut self, began: Instant, times: &PresentTimes) {
        if !times.waits_for_blank {
            self.blank = None;
            self.taken = None;
            return;
        }
        let drawing = times.submitted.saturating_duration_since(times.acquired);
        self.drawing = drawing.max(self.drawing * 15 / 16);
        if times.acquired.saturating_duration_since(began) >= WAITED {
            self.saw_blank(times.acquired);
        }
        self.taken = self
            .interval
            .zip(self.blank)
            .map(|(interval, blank)| next_after(blank, interval, times.submitted));
    }
}

/// The first blank after `now`, given any of them and what lies between two.
fn next_after(blank: Instant, interval: Duration, now: Instant) -> Instant {
    let since = now.saturating_duration_since(blank).as_nanos();
    let passed = since / interval.as_nanos() + 1;
    blank + interval * u32::try_from(passed).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const US: Duration = Duration::from_micros(1);

    #[test]
    fn each_frame_is_shown_unless_showing_takes_long_or_the_screen_refreshes_later() {
        let mut pacer = Pacer::new();
        assert!(pacer.is_due(2 * MS, 9 * MS));
        // Showing takes long: for as long as that, frames are applied.
        assert!(!pacer.is_due(2 * MS, 19 * MS));
        assert!(!pacer.is_due(10 * MS, 11 * MS));
        assert!(pacer.is_due(11 * MS, 10 * MS));
        assert!(pacer.is_due(13 * MS, 300 * MS));
        pacer.set_interval(Some(16 * MS));
        assert!(!pacer.is_due(2 * MS, 9 * MS));
        assert!(pacer.is_due(13 * MS, 9 * MS));
    }

    /// A screen that shows one picture a blank, and takes one ahead.
    struct Screen {
        start: Instant,
        interval: Duration,
        /// The picture that waits for its blank, and that blank.
        waiting: Option<(u64, Instant)>,
        /// What was seen, at which blank.
        seen: Vec<(u64, Instant)>,
    }

    impl Screen {
        fn new(interval: Duration) -> Self {
            Self {
                start: Instant::now(),
                interval,
                waiting: None,
                seen: Vec::new(),
            }
        }

        /// When there is something to draw into, for who asks at `now`.
        fn acquire(&mut self, now: Instant) -> Instant {
            match self.waiting {
                Some((picture, blank)) => {
                    self.seen.push((picture, blank));
                    self.waiting = None;
                    now.max(blank)
                }
                None => now,
            }
        }

        fn submit(&mut self, picture: u64, now: Instant) {
            assert!(self.waiting.is_none(), "one picture waits at most");
            let blank = next_after(self.start, self.interval, now);
            self.waiting = Some((picture, blank));
        }
    }

    /// Plays frames that come every `between` on a screen; returns what was seen: when it was
    /// drawn as a frame's number, and how old each was at its blank.
    fn play(
        pacer: &mut Pacer,
        screen: &mut Screen,
        between: Duration,
        frames: u64,
    ) -> Vec<Duration> {
        let drawing = 1500 * US;
        let start = screen.start + 3 * MS;
        let came = |frame: u64| start + between * frame as u32;
        let mut now = start;
        let mut shown = None;
        while now < came(frames) {
            let newest =
                (now.saturating_duration_since(start).as_nanos() / between.as_nanos()) as u64;
            if shown == Some(newest) {
                now = came(newest + 1);
                continue;
            }
            match pacer.when(now) {
                When::Now => {
                    let acquired = screen.acquire(now);
                    let submitted = acquired + drawing;
                    screen.submit(newest, submitted);
                    let times = PresentTimes {
                        acquired,
                        submitted,
                        waits_for_blank: true,
                    };
                    pacer.shown(now, &times);
                    shown = Some(newest);
                    now = submitted;
                }
                When::At(at) => {
                    assert!(at > now, "time goes on");
                    now = at;
                }
                When::Hidden => panic!("nobody hid the window"),
            }
        }
        let ages = screen.seen.iter();
        ages.map(|&(frame, blank)| blank.saturating_duration_since(came(frame)))
            .collect()
    }

    fn mean(ages: &[Duration]) -> Duration {
        ages.iter().sum::<Duration>() / ages.len() as u32
    }

    #[test]
    fn what_is_seen_at_a_blank_came_just_before_it() {
        let interval = 16_667 * US;
        // Four times as many frames as blanks: the newest of each four is seen.
        let between = interval / 4;
        let mut eager = Screen::new(interval);
        let eagerly = play(&mut Pacer::new(), &mut eager, between, 2400);
        let mut pacer = Pacer::new();
        pacer.set_interval(Some(interval));
        let mut screen = Screen::new(interval);
        let paced = play(&mut pacer, &mut screen, between, 2400);
        // Drawing, the margin, and half of what lies between two frames.
        assert!(mean(&paced) < 6500 * US, "{:?}", mean(&paced));
        assert!(mean(&eagerly) > 14 * MS, "{:?}", mean(&eagerly));
        let rate = paced.len() as f64 / eagerly.len() as f64;
        assert!(
            rate > 0.98,
            "hardly a blank goes by without a picture: {rate}"
        );
        let mut order = screen.seen.iter().map(|(frame, _)| *frame);
        let first = order.next().unwrap();
        order.fold(first, |last, frame| {
            assert!(frame > last);
            frame
        });
    }

    #[test]
    fn a_refresh_rate_that_is_told_wrong_costs_few_blanks() {
        for parts_in_ten_thousand in [9_950, 9_990, 10_010, 10_050] {
            let interval = 16_667 * US;
            let mut pacer = Pacer::new();
            pacer.set_interval(Some(interval * parts_in_ten_thousand / 10_000));
            let mut screen = Screen::new(interval);
            let ages = play(&mut pacer, &mut screen, interval / 2, 6000);
            let rate = ages.len() as f64 / 3000.0;
            assert!(rate > 0.97, "{parts_in_ten_thousand}: {rate}");
            assert!(mean(&ages) < 14 * MS, "{:?}", mean(&ages));
        }
    }

    #[test]
    fn a_lone_frame_makes_the_next_blank() {
        let interval = 16_667 * US;
        let mut pacer = Pacer::new();
        pacer.set_interval(Some(interval));
        let mut screen = Screen::new(interval);
        let ages = play(&mut pacer, &mut screen, 107 * MS, 200);
        // Never later than a blank and what drawing it takes.
        assert!(ages.iter().all(|age| *age < interval + 4 * MS), "{ages:?}");
    }

    #[test]
    fn a_window_that_takes_every_picture_gets_each_at_once() {
        let mut pacer = Pacer::new();
        pacer.set_interval(Some(16 * MS));
        let mut now = Instant::now();
        for _ in 0..10 {
            assert_eq!(pacer.when(now), When::Now);
            let times = PresentTimes {
                acquired: now + 5 * MS,
                submitted: now + 6 * MS,
                waits_for_blank: false,
            };
            pacer.shown(now, &times);
            now += 6 * MS;
        }
    }

    #[test]
    fn nothing_is_shown_while_the_window_is_hidden() {
        let mut pacer = Pacer::new();
        let now = Instant::now();
        pacer.set_hidden(true);
        assert_eq!(pacer.when(now), When::Hidden);
        pacer.set_hidden(false);
        assert_eq!(pacer.when(now), When::Now);
    }
}
