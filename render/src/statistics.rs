//! What was drawn, with what, and how long it took.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use oriel_protocol::graphics::PayloadCodec;
use parking_lot::Mutex;

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

/// A renderer's figures since its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RenderStatistics {
    /// `cpu` or `gpu`.
    pub compositor: &'static str,
    /// The graphics adapter, where one is used.
    pub adapter: Option<String>,
    /// The H.264 decoder in use, once one was needed.
    pub video_decoder: Option<&'static str>,
    /// Frames that were applied.
    pub frames: u64,
    /// Pictures that were shown; several frames may share one.
    pub presents: u64,
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
    /// The most payload bytes that waited at one time.
    pub peak_queued_bytes: usize,
    /// The most commands that waited at one time.
    pub peak_queued_commands: usize,
}

/// Collects the figures, from any thread.
#[derive(Debug)]
pub struct Recorder {
    figures: Mutex<Figures>,
}

#[derive(Debug)]
struct Figures {
    totals: RenderStatistics,
    decode_us: Histogram<u64>,
    apply_us: Histogram<u64>,
    present_us: Histogram<u64>,
    latency_us: Histogram<u64>,
}

impl Default for Recorder {
    fn default() -> Self {
        // Two digits are enough for figures that vary by more from run to run; a minute is the end.
        let histogram =
            || Histogram::new_with_max(60_000_000, 2).expect("bounds that the histogram allows");
        Self {
            figures: Mutex::new(Figures {
                totals: RenderStatistics::default(),
                decode_us: histogram(),
                apply_us: histogram(),
                present_us: histogram(),
                latency_us: histogram(),
            }),
        }
    }
}

impl Recorder {
    /// The figures so far.
    pub fn snapshot(&self) -> RenderStatistics {
        let figures = self.figures.lock();
        RenderStatistics {
            decode: Distribution::from(&figures.decode_us),
            apply: Distribution::from(&figures.apply_us),
            present: Distribution::from(&figures.present_us),
            latency: Distribution::from(&figures.latency_us),
            ..figures.totals.clone()
        }
    }

    pub(crate) fn queued(&self, commands: usize, bytes: usize) {
        let totals = &mut self.figures.lock().totals;
        totals.peak_queued_commands = totals.peak_queued_commands.max(commands);
        totals.peak_queued_bytes = totals.peak_queued_bytes.max(bytes);
    }

    pub(crate) fn decoded(&self, codec: PayloadCodec, bytes: usize, took: Duration, is_ok: bool) {
        let mut figures = self.figures.lock();
        record(&mut figures.decode_us, took);
        let counts = figures.totals.codecs.entry(codec_name(codec)).or_default();
        counts.payloads += 1;
        counts.bytes += bytes as u64;
        counts.failed += u64::from(!is_ok);
    }

    pub(crate) fn set_video_decoder(&self, name: &'static str) {
        self.figures.lock().totals.video_decoder = Some(name);
    }

    pub(crate) fn set_compositor(&self, name: &'static str, adapter: Option<&str>) {
        let totals = &mut self.figures.lock().totals;
        totals.compositor = name;
        totals.adapter = adapter.map(str::to_owned);
    }

    pub(crate) fn peer_error(&self) {
        self.figures.lock().totals.peer_errors += 1;
    }

    pub(crate) fn applied(&self, since_submission: Duration) {
        let mut figures = self.figures.lock();
        figures.totals.frames += 1;
        record(&mut figures.apply_us, since_submission);
    }

    pub(crate) fn presented(&self, took: Duration) {
        let mut figures = self.figures.lock();
        figures.totals.presents += 1;
        record(&mut figures.present_us, took);
    }

    pub(crate) fn shown(&self, since_submission: Duration) {
        record(&mut self.figures.lock().latency_us, since_submission);
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
        let took = Duration::from_micros(100);
        recorder.decoded(PayloadCodec::Planar, 10, took, true);
        recorder.decoded(PayloadCodec::Planar, 5, took, false);
        recorder.decoded(PayloadCodec::Avc420, 7, Duration::from_micros(300), true);
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
}
