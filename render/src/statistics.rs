//! What was drawn, with what, and how long it took.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use oriel_protocol::graphics::PayloadCodec;
use parking_lot::Mutex;

use crate::{
    compositor::{CopiedBytes, MemoryUse, PresentTimes},
    decode::FinishedFrame,
    tile_engine::TileEngine,
    trace::Trace,
};

/// How long something took, over all of its occurrences, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Distribution {
    /// Occurrences.
    pub count: u64,
    /// Their mean.
    pub mean_us: f64,
    /// Half took no longer.
    pub p50_us: u64,
    /// Nine of ten took no longer.
    pub p90_us: u64,
    /// 95 of a hundred took no longer.
    pub p95_us: u64,
    /// 99 of a hundred took no longer.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
}

impl From<&Histogram<u64>> for Distribution {
    /// A histogram of microseconds in a few numbers.
    fn from(histogram: &Histogram<u64>) -> Self {
        Self {
            count: histogram.len(),
            mean_us: histogram.mean(),
            p50_us: histogram.value_at_quantile(0.5),
            p90_us: histogram.value_at_quantile(0.9),
            p95_us: histogram.value_at_quantile(0.95),
            p99_us: histogram.value_at_quantile(0.99),
            max_us: histogram.max(),
        }
    }
}

/// What came in one codec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodecCounts {
    /// Payloads.
    pub payloads: u64,
    /// Their bytes, encoded.
    pub bytes: u64,
    /// Payloads that could not be decoded.
    pub failed: u64,
}

/// The steps of a frame's way, each from the end of the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FrameSteps {
    /// From its first bytes until all of it was there.
    pub receive: Distribution,
    /// Until its last payload was decoded.
    pub decode: Distribution,
    /// Until it was part of the desktop's picture.
    pub apply: Distribution,
    /// Until it was drawn and given to the window system. Frames that a newer one replaced before
    /// that do not count here and below.
    pub submit: Distribution,
    /// Until the window system had taken it.
    pub present: Distribution,
    /// All of it: from the first bytes until the window system had it.
    pub total: Distribution,
}

impl FrameSteps {
    /// The steps with their names, in order, and the sum last.
    pub fn named(&self) -> [(&'static str, &Distribution); 6] {
        [
            (RECEIVE, &self.receive),
            (DECODE, &self.decode),
            (APPLY, &self.apply),
            (SUBMIT, &self.submit),
            (PRESENT, &self.present),
            ("total", &self.total),
        ]
    }
}

const RECEIVE: &str = "receive";
const DECODE: &str = "decode";
const APPLY: &str = "apply";
const SUBMIT: &str = "submit";
const PRESENT: &str = "present";

/// A renderer's figures since its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RenderStatistics {
    /// `cpu` or `gpu`.
    pub compositor: &'static str,
    /// The graphics adapter, where one is used.
    pub adapter: Option<String>,
    /// The H.264 decoder in use, once one was needed.
    pub video_decoder: Option<&'static str>,
    /// Who makes pixels of RemoteFX's tiles, where there is a choice.
    pub tile_engine: Option<TileEngine>,
    /// Frames that were applied.
    pub frames: u64,
    /// Pictures that were shown; several frames may share one.
    pub presents: u64,
    /// Frames that were applied and never shown by themselves, since a newer one came first.
    pub replaced: u64,
    /// What the compositor copied on the way.
    pub copied: CopiedBytes,
    /// What the compositor's pixels take.
    pub memory: MemoryUse,
    /// Commands that the peer got wrong.
    pub peer_errors: u64,
    /// By the codec's name.
    pub codecs: BTreeMap<&'static str, CodecCounts>,
    /// Decoding of one payload, on a worker.
    pub decode: Distribution,
    /// From the submission of a frame's end until its steps were applied.
    pub apply: Distribution,
    /// One presentation.
    pub present: Distribution,
    /// From the submission of a frame's end until it was shown.
    pub latency: Distribution,
    /// Each step of a frame's way.
    pub steps: FrameSteps,
    /// The most payload bytes that waited at one time.
    pub peak_queued_bytes: usize,
    /// The most commands that waited at one time.
    pub peak_queued_commands: usize,
}

/// Collects the figures, from any thread.
#[derive(Debug)]
pub struct Recorder {
    figures: Mutex<Figures>,
    trace: Option<Trace>,
}

#[derive(Debug)]
struct Figures {
    totals: RenderStatistics,
    decode_us: Histogram<u64>,
    apply_us: Histogram<u64>,
    present_us: Histogram<u64>,
    latency_us: Histogram<u64>,
    steps_us: StepHistograms,
}

#[derive(Debug)]
struct StepHistograms {
    receive: Histogram<u64>,
    decode: Histogram<u64>,
    apply: Histogram<u64>,
    submit: Histogram<u64>,
    present: Histogram<u64>,
    total: Histogram<u64>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Recorder {
    /// Nothing has happened yet; what does is told to `trace` as well.
    pub fn new(trace: Option<Trace>) -> Self {
        // Two digits are enough for figures that vary by more from run to run; a minute is the end.
        // Of a fixed size from the start: nothing is allocated while frames come.
        let histogram =
            || Histogram::new_with_max(60_000_000, 2).expect("bounds that the histogram allows");
        Self {
            figures: Mutex::new(Figures {
                totals: RenderStatistics::default(),
                decode_us: histogram(),
                apply_us: histogram(),
                present_us: histogram(),
                latency_us: histogram(),
                steps_us: StepHistograms {
                    receive: histogram(),
                    decode: histogram(),
                    apply: histogram(),
                    submit: histogram(),
                    present: histogram(),
                    total: histogram(),
                },
            }),
            trace,
        }
    }

    /// The figures so far.
    pub fn snapshot(&self) -> RenderStatistics {
        let figures = self.figures.lock();
        let steps = &figures.steps_us;
        RenderStatistics {
            decode: Distribution::from(&figures.decode_us),
            apply: Distribution::from(&figures.apply_us),
            present: Distribution::from(&figures.present_us),
            latency: Distribution::from(&figures.latency_us),
            steps: FrameSteps {
                receive: Distribution::from(&steps.receive),
                decode: Distribution::from(&steps.decode),
                apply: Distribution::from(&steps.apply),
                submit: Distribution::from(&steps.submit),
                present: Distribution::from(&steps.present),
                total: Distribution::from(&steps.total),
            },
            ..figures.totals.clone()
        }
    }

    pub(crate) fn queued(&self, commands: usize, bytes: usize) {
        let totals = &mut self.figures.lock().totals;
        totals.peak_queued_commands = totals.peak_queued_commands.max(commands);
        totals.peak_queued_bytes = totals.peak_queued_bytes.max(bytes);
    }

    /// A worker has decoded a payload, from `started` to `ended`.
    pub(crate) fn decoded(
        &self,
        codec: PayloadCodec,
        bytes: usize,
        started: Instant,
        ended: Instant,
        is_ok: bool,
    ) {
        let mut figures = self.figures.lock();
        record(&mut figures.decode_us, ended - started);
        let counts = figures.totals.codecs.entry(codec_name(codec)).or_default();
        counts.payloads += 1;
        counts.bytes += bytes as u64;
        counts.failed += u64::from(!is_ok);
        drop(figures);
        if let Some(trace) = &self.trace {
            let bytes = Some(("bytes", bytes as u64));
            trace.slice(codec_name(codec), started, ended, bytes);
        }
    }

    pub(crate) fn set_video_decoder(&self, name: &'static str) {
        self.figures.lock().totals.video_decoder = Some(name);
    }

    pub(crate) fn set_compositor(&self, name: &'static str, adapter: Option<&str>) {
        let totals = &mut self.figures.lock().totals;
        totals.compositor = name;
        totals.adapter = adapter.map(str::to_owned);
    }

    pub(crate) fn set_tile_engine(&self, engine: Option<TileEngine>) {
        self.figures.lock().totals.tile_engine = engine;
    }

    pub(crate) fn peer_error(&self) {
        self.figures.lock().totals.peer_errors += 1;
    }

    /// The compositor copied so much more.
    pub(crate) fn copied(&self, bytes: CopiedBytes) {
        self.figures.lock().totals.copied += bytes;
    }

    /// The compositor's pixels take so much by now.
    pub(crate) fn memory(&self, memory: &MemoryUse) {
        self.figures.lock().totals.memory.follow(memory);
    }

    /// Steps were carried out from `started` to `ended`; they may have ended a frame.
    pub(crate) fn applied(&self, started: Instant, ended: Instant, frame: Option<&FinishedFrame>) {
        if let Some(frame) = frame {
            let mut figures = self.figures.lock();
            figures.totals.frames += 1;
            record(&mut figures.apply_us, ended - frame.submitted);
            let steps = &mut figures.steps_us;
            record(&mut steps.receive, frame.whole - frame.arrived);
            record(&mut steps.decode, frame.decoded - frame.whole);
            record(&mut steps.apply, ended - frame.decoded);
        }
        if let Some(trace) = &self.trace {
            trace.slice(APPLY, started, ended, None);
            if let Some(frame) = frame {
                let name = frame.frame.0;
                trace.stage("frame", name, RECEIVE, frame.arrived, frame.whole);
                trace.stage("frame", name, DECODE, frame.whole, frame.decoded);
                trace.stage("frame", name, APPLY, frame.decoded, ended);
            }
        }
    }

    /// A picture went to the window between `started` and now. `newest` is the frame that it shows
    /// for the first time, with when it was applied, if it shows one.
    pub(crate) fn presented(
        &self,
        started: Instant,
        times: Option<PresentTimes>,
        newest: Option<(&FinishedFrame, Instant)>,
    ) {
        let ended = Instant::now();
        let submitted = times.map_or(ended, |times| times.submitted);
        let mut figures = self.figures.lock();
        figures.totals.presents += 1;
        record(&mut figures.present_us, ended - started);
        if let Some((frame, applied)) = newest {
            record(&mut figures.latency_us, ended - frame.submitted);
            let steps = &mut figures.steps_us;
            record(&mut steps.submit, submitted - applied);
            record(&mut steps.present, ended - submitted);
            record(&mut steps.total, ended - frame.arrived);
        }
        drop(figures);
        if let Some(trace) = &self.trace {
            trace.slice(PRESENT, started, ended, None);
            if let Some((frame, applied)) = newest {
                trace.stage("frame", frame.frame.0, SUBMIT, applied, submitted);
                trace.stage("frame", frame.frame.0, PRESENT, submitted, ended);
            }
        }
    }

    /// A newer frame took the place of one that was never shown.
    pub(crate) fn replaced(&self) {
        self.figures.lock().totals.replaced += 1;
    }
}

/// The name that statistics give a codec.
pub fn codec_name(codec: PayloadCodec) -> &'static str {
    match codec {
        PayloadCodec::Uncompressed => "uncompressed",
        PayloadCodec::Bitmap {
            is_compressed: false,
            ..
        } => "bitmap",
        PayloadCodec::Bitmap {
            bits_per_pixel: 32, ..
        } => "bitmap-planar",
        PayloadCodec::Bitmap { .. } => "bitmap-rle",
        PayloadCodec::SurfaceBits { .. } => "surface-bits",
        PayloadCodec::Planar => "planar",
        PayloadCodec::Alpha => "alpha",
        PayloadCodec::Avc420 => "avc420",
        PayloadCodec::Avc444 => "avc444",
        PayloadCodec::Avc444v2 => "avc444v2",
        PayloadCodec::ClearCodec => "clearcodec",
        PayloadCodec::RemoteFx => "remotefx",
        PayloadCodec::Progressive(_) => "progressive",
        PayloadCodec::NsCodec => "nscodec",
        PayloadCodec::Jpeg => "jpeg",
    }
}

fn record(histogram: &mut Histogram<u64>, took: Duration) {
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    histogram.saturating_record(us);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_add_up_by_codec() {
        let recorder = Recorder::default();
        let start = Instant::now();
        let after = |us| start + Duration::from_micros(us);
        recorder.decoded(PayloadCodec::Planar, 10, start, after(100), true);
        recorder.decoded(PayloadCodec::Planar, 5, start, after(100), false);
        recorder.decoded(PayloadCodec::Avc420, 7, start, after(300), true);
        recorder.queued(3, 1000);
        recorder.queued(2, 400);
        let figures = recorder.snapshot();
        assert_eq!(
            figures.codecs["planar"],
            CodecCounts {
                payloads: 2,
                bytes: 15,
                failed: 1
            }
        );
        assert_eq!(figures.decode.count, 3);
        assert_eq!(figures.decode.p50_us, 100);
        assert!(figures.decode.max_us >= 300);
        assert_eq!(
            (figures.peak_queued_commands, figures.peak_queued_bytes),
            (3, 1000)
        );
    }

    #[test]
    fn the_steps_of_a_frame_add_up_to_its_way() {
        let recorder = Recorder::default();
        let arrived = Instant::now()
            .checked_sub(Duration::from_millis(500))
            .expect("a clock that has run");
        let after = |ms| arrived + Duration::from_millis(ms);
        let frame = FinishedFrame {
            frame: oriel_protocol::graphics::FrameId(1),
            arrived,
            whole: after(10),
            submitted: after(11),
            decoded: after(30),
            decode: Duration::from_millis(5),
        };
        recorder.applied(after(32), after(35), Some(&frame));
        let times = PresentTimes {
            acquired: after(40),
            submitted: after(60),
            waits_for_blank: false,
        };
        recorder.presented(after(36), Some(times), Some((&frame, after(35))));
        let figures = recorder.snapshot();
        let near = |figure: &Distribution, ms: u64| {
            figure.count == 1 && figure.p95_us.abs_diff(ms * 1000) <= ms * 20
        };
        let steps = figures.steps;
        assert!(near(&steps.receive, 10), "{steps:?}");
        assert!(near(&steps.decode, 20), "{steps:?}");
        assert!(near(&steps.apply, 5), "{steps:?}");
        assert!(near(&steps.submit, 25), "{steps:?}");
        assert!(steps.total.p50_us >= 490_000, "{steps:?}");
        let sum: u64 = steps.named()[..5].iter().map(|(_, step)| step.p50_us).sum();
        assert!(sum.abs_diff(steps.total.p50_us) < 10_000, "{steps:?}");
    }
}
