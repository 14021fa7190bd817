//! The figures of a session, and the file that `--stats` asks for.

use std::{collections::BTreeMap, path::Path, time::Duration};

use oriel_codecs::geometry::Size;
use oriel_protocol::client::{ConnectionStatistics, ConnectionStep, ServerOffer};
use oriel_render::{Distribution, RenderStatistics, TileEngine, compositor::Bytes as HeldBytes};
use serde::Serialize;

use super::{End, attend::total};
use crate::failure::Failure;

/// What a session counted.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Bytes and frames.
    pub connection: ConnectionStatistics,
    /// From the receipt of a frame's end to its acknowledgement.
    pub acknowledged: Distribution,
    /// From an input event until its bytes had left.
    pub input: Distribution,
    /// Round trip to the server.
    pub round_trip: Option<Duration>,
    /// What the server offers.
    pub offer: ServerOffer,
    /// Size of the desktop.
    pub desktop: Size,
    /// How long the session ran.
    pub lasted: Duration,
}

/// Everything that is known of a session that ended.
#[derive(Clone, Debug, Default)]
pub struct SessionRecord {
    /// The server as the user named it.
    pub server: String,
    /// Steps of the connection with what they took, in order, as far as it came.
    pub steps: Vec<(&'static str, Duration)>,
    /// What protected the connection.
    pub security: String,
    /// The server's certificate.
    pub certificate: Option<String>,
    /// What the session counted; `None` where there was none.
    pub figures: Option<Figures>,
}

/// A step's name in figures.
pub fn step_name(step: ConnectionStep) -> &'static str {
    match step {
        ConnectionStep::Negotiation => "negotiation",
        ConnectionStep::Security => "security",
        ConnectionStep::BasicSettings => "basic_settings",
        ConnectionStep::ChannelConnection => "channel_connection",
        ConnectionStep::SecureSettings => "secure_settings",
        ConnectionStep::Licensing => "licensing",
        ConnectionStep::CapabilityExchange => "capability_exchange",
        ConnectionStep::Finalization => "finalization",
        ConnectionStep::Active => "active",
    }
}

#[derive(Serialize)]
struct Report<'a> {
    versions: Versions,
    server: &'a str,
    outcome: Outcome,
    connect: Connect<'a>,
    desktop: Option<[u32; 2]>,
    lasted_s: f64,
    frames: Frames,
    bytes: Bytes<'a>,
    codecs: BTreeMap<&'a str, Codec>,
    input_events: u64,
    decode_us: Percentiles,
    apply_us: Percentiles,
    present_us: Percentiles,
    latency_us: Percentiles,
    acknowledge_us: Percentiles,
    /// A frame's way, step by step.
    steps_us: BTreeMap<&'a str, Percentiles>,
    input_to_wire_us: Percentiles,
    round_trip_us: Option<u64>,
    engines: Engines<'a>,
    memory: Memory,
}

#[derive(Serialize)]
struct Versions {
    oriel: &'static str,
    os: &'static str,
    architecture: &'static str,
}

#[derive(Serialize)]
struct Outcome {
    code: u8,
    message: String,
}

#[derive(Serialize)]
struct Connect<'a> {
    total_ms: f64,
    steps: Vec<Step<'a>>,
    security: &'a str,
    certificate: Option<&'a str>,
    graphics_version: Option<String>,
    /// Most bytes of the bitmap cache, where there is one.
    cache_limit: Option<u64>,
}

#[derive(Serialize)]
struct Step<'a> {
    name: &'a str,
    ms: f64,
}

#[derive(Serialize)]
struct Frames {
    received: u64,
    acknowledged: u64,
    applied: u64,
    presented: u64,
    /// Applied, and replaced by a newer one before they were shown.
    replaced: u64,
    refused_commands: u64,
}

#[derive(Serialize)]
struct Bytes<'a> {
    received: u64,
    sent: u64,
    channels: BTreeMap<&'a str, Channel>,
    copied: Copied,
}

/// Pixels that the compositor copied.
#[derive(Serialize)]
struct Copied {
    drawn: u64,
    moved: u64,
    shown: u64,
}

#[derive(Serialize)]
struct Channel {
    received: u64,
    sent: u64,
}

#[derive(Serialize)]
struct Codec {
    payloads: u64,
    bytes: u64,
    failed: u64,
}

#[derive(Serialize)]
struct Percentiles {
    count: u64,
    mean: f64,
    p50: u64,
    p90: u64,
    p95: u64,
    p99: u64,
    max: u64,
}

#[derive(Serialize)]
struct Engines<'a> {
    compositor: &'a str,
    adapter: Option<&'a str>,
    video_decoder: Option<&'a str>,
    tiles: Option<&'a str>,
}

#[derive(Serialize)]
struct Memory {
    peak_kib: Option<u64>,
    peak_queued_bytes: usize,
    /// What the compositor's pixels take, by what it is for, and `total`.
    pixels: BTreeMap<&'static str, Held>,
}

/// Bytes, now and at the most.
#[derive(Serialize)]
struct Held {
    now: u64,
    most: u64,
}

impl From<&Distribution> for Percentiles {
    fn from(figures: &Distribution) -> Self {
        Self {
            count: figures.count,
            mean: figures.mean_us,
            p50: figures.p50_us,
            p90: figures.p90_us,
            p95: figures.p95_us,
            p99: figures.p99_us,
            max: figures.max_us,
        }
    }
}

impl SessionRecord {
    /// The figures as the text of a JSON file.
    pub fn to_json(&self, end: &End, render: &RenderStatistics) -> String {
        let empty = Figures::default();
        let figures = self.figures.as_ref().unwrap_or(&empty);
        let connection = &figures.connection;
        let ms = |duration: &Duration| duration.as_secs_f64() * 1e3;
        let report = Report {
            versions: Versions {
                oriel: env!("CARGO_PKG_VERSION"),
                os: std::env::consts::OS,
                architecture: std::env::consts::ARCH,
            },
            server: &self.server,
            outcome: match end {
                Ok(farewell) => Outcome {
                    code: 0,
                    message: format!("{farewell:?}"),
                },
                Err(failure) => Outcome {
                    code: failure.code(),
                    message: failure.sentences().what,
                },
            },
            connect: Connect {
                total_ms: ms(&total(&self.steps)),
                steps: self
                    .steps
                    .iter()
                    .map(|(name, took)| Step { name, ms: ms(took) })
                    .collect(),
                security: &self.security,
                certificate: self.certificate.as_deref(),
                graphics_version: figures.offer.graphics_version.map(format_graphics_version),
                cache_limit: figures.offer.cache.map(|limits| limits.bytes),
            },
            desktop: self
                .figures
                .as_ref()
                .map(|figures| [figures.desktop.width, figures.desktop.height]),
            lasted_s: figures.lasted.as_secs_f64(),
            frames: Frames {
                received: connection.frames_received,
                acknowledged: connection.frames_acknowledged,
                applied: render.frames,
                presented: render.presents,
                replaced: render.replaced,
                refused_commands: render.peer_errors,
            },
            bytes: Bytes {
                received: connection.received_bytes,
                sent: connection.sent_bytes,
                channels: connection
                    .channels
                    .iter()
                    .map(|(name, counts)| {
                        let (received, sent) = (counts.received_bytes, counts.sent_bytes);
                        (name.as_str(), Channel { received, sent })
                    })
                    .collect(),
                copied: Copied {
                    drawn: render.copied.drawn,
                    moved: render.copied.moved,
                    shown: render.copied.shown,
                },
            },
            codecs: render
                .codecs
                .iter()
                .map(|(name, counts)| {
                    let codec = Codec {
                        payloads: counts.payloads,
                        bytes: counts.bytes,
                        failed: counts.failed,
                    };
                    (*name, codec)
                })
                .collect(),
            input_events: connection.input_events_sent,
            decode_us: (&render.decode).into(),
            apply_us: (&render.apply).into(),
            present_us: (&render.present).into(),
            latency_us: (&render.latency).into(),
            acknowledge_us: (&figures.acknowledged).into(),
            steps_us: render
                .steps
                .named()
                .map(|(name, step)| (name, step.into()))
                .into(),
            input_to_wire_us: (&figures.input).into(),
            round_trip_us: figures
                .round_trip
                .and_then(|round_trip| u64::try_from(round_trip.as_micros()).ok()),
            engines: Engines {
                compositor: render.compositor,
                adapter: render.adapter.as_deref(),
                video_decoder: render.video_decoder,
                tiles: render.tile_engine.map(TileEngine::name),
            },
            memory: Memory {
                peak_kib: peak_memory_kib(),
                peak_queued_bytes: render.peak_queued_bytes,
                pixels: held(render),
            },
        };
        // A tree of numbers and texts with texts as keys always has a JSON form.
        serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
    }

    /// Writes the figures to a file.
    pub fn write(&self, path: &Path, end: &End, render: &RenderStatistics) -> Result<(), Failure> {
        std::fs::write(path, self.to_json(end, render)).map_err(|error| Failure::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        })
    }

    /// The session in one line for a person.
    pub fn line(&self, render: &RenderStatistics) -> String {
        let figures = self.figures.clone().unwrap_or_default();
        let codecs: Vec<&str> = render.codecs.keys().copied().collect();
        format!(
            "{}x{}, connected in {:.0} ms, {} frames in {:.1} s, {} received, {} on {}, decode \
             {:.1} ms, shown after {:.1} ms, peak memory {:.0} MB",
            figures.desktop.width,
            figures.desktop.height,
            total(&self.steps).as_secs_f64() * 1e3,
            render.frames,
            figures.lasted.as_secs_f64(),
            crate::chrome::format_bytes(figures.connection.received_bytes as f64),
            if codecs.is_empty() {
                "nothing".to_owned()
            } else {
                codecs.join("+")
            },
            render.compositor,
            render.decode.p50_us as f64 / 1e3,
            render.latency.p50_us as f64 / 1e3,
            peak_memory_kib().unwrap_or_default() as f64 * 1024.0 / 1e6,
        )
    }
}

/// `0x000A_0701` is 10.7.1 on the wire and "10.7" to people (`[MS-RDPEGFX] 2.2.3`).
pub fn format_graphics_version(version: u32) -> String {
    format!("{}.{}", version >> 16, (version >> 8) & 0xff)
}

/// What the compositor's pixels take.
fn held(render: &RenderStatistics) -> BTreeMap<&'static str, Held> {
    let kinds = render
        .memory
        .used()
        .map(|(kind, bytes)| (kind.name(), bytes));
    let all = kinds.chain([("total", render.memory.total)]);
    let held = all.map(|(name, HeldBytes { now, most })| (name, Held { now, most }));
    held.collect()
}

/// The most memory that this process ever held, where the system tells.
fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Farewell;
    use oriel_protocol::graphics::{CacheLimits, SurfaceId};
    use oriel_render::compositor::{Compositor, CpuCompositor};

    #[test]
    fn the_file_of_figures_has_what_the_contract_names() {
        let mut figures = Figures {
            desktop: Size::new(1280, 800),
            ..Default::default()
        };
        figures.offer.graphics_version = Some(0x000A_0701);
        figures.offer.cache = Some(CacheLimits::FULL);
        figures.connection.received_bytes = 4321;
        let record = SessionRecord {
            server: "pc".into(),
            steps: vec![("tcp", Duration::from_millis(3))],
            figures: Some(figures),
            ..Default::default()
        };
        let mut render = RenderStatistics::default();
        render.codecs.insert("planar", Default::default());
        let mut compositor = CpuCompositor::new(None);
        let created = compositor.create_surface(SurfaceId(1), Size::new(50, 20));
        created.unwrap();
        render.memory = compositor.memory();
        let json = record.to_json(&Ok(Farewell::Left), &render);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["outcome"]["code"], 0);
        assert_eq!(value["connect"]["steps"][0]["name"], "tcp");
        assert_eq!(value["connect"]["graphics_version"], "10.7");
        assert_eq!(value["connect"]["cache_limit"], 104_857_600);
        assert_eq!(value["bytes"]["received"], 4321);
        assert_eq!(value["desktop"], serde_json::json!([1280, 800]));
        for key in ["decode_us", "present_us", "acknowledge_us"] {
            for percentile in ["p50", "p90", "p99"] {
                assert!(value[key][percentile].is_u64(), "{key}.{percentile}");
            }
        }
        let steps = &value["steps_us"];
        for step in ["receive", "decode", "apply", "submit", "present", "total"] {
            for percentile in ["p50", "p95", "p99"] {
                assert!(steps[step][percentile].is_u64(), "{step}.{percentile}");
            }
        }
        assert!(value["input_to_wire_us"]["p99"].is_u64());
        assert!(value["codecs"]["planar"]["bytes"].is_u64());
        let held = serde_json::json!({"now": 4000, "most": 4000});
        let pixels = serde_json::json!({"surfaces": held, "total": held});
        assert_eq!(value["memory"]["pixels"], pixels);
        assert!(value["memory"]["peak_kib"].as_u64() > Some(1000));
    }

    #[test]
    fn a_failed_connection_tells_its_code() {
        let json =
            SessionRecord::default().to_json(&Err(Failure::NlaRequired), &Default::default());
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["outcome"]["code"], 35);
        assert_eq!(value["desktop"], serde_json::Value::Null);
    }
}
