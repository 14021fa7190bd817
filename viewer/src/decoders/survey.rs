//! Trying decoders out.

use std::{
    io::Read,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use oriel_codecs::video::{DecoderKind, ProbeError, ProbeReport, VideoError, probe};
use oriel_render::{compositor::prove_sharing, decode::WorkingDecoder};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{cache, machine};

/// How long a driver may take to open and to decode four pictures.
const PROBE_TIME: Duration = Duration::from_secs(12);
/// How often to look whether it is through.
const PROBE_STEP: Duration = Duration::from_millis(5);
/// Longest answer of a probe that is read.
const ANSWER_BYTES: u64 = 4096;

/// What was found out about the decoders of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// The machine and its drivers as they were.
    pub(super) machine: Vec<String>,
    /// A line for each decoder that was tried out.
    pub findings: Vec<Finding>,
}

/// What was found out about a decoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    #[serde(with = "by_name")]
    pub kind: DecoderKind,
    /// How fast it is, or why it is of no use.
    pub result: Result<Timing, String>,
    /// The graphics adapter that draws its pictures from where it puts them, or why they go through
    /// memory.
    pub sharing: Result<String, String>,
}

impl Finding {
    /// About a decoder whose pictures go through memory.
    pub fn through_memory(kind: DecoderKind, result: Result<Timing, String>, why: &str) -> Self {
        Self {
            kind,
            result,
            sharing: Err(why.to_owned()),
        }
    }

    /// What a session needs to know of it.
    pub(super) fn working(&self) -> WorkingDecoder {
        WorkingDecoder {
            kind: self.kind,
            shares_with: self.sharing.clone().ok(),
        }
    }
}

/// How fast a decoder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Until it is open.
    pub start_us: u64,
    /// For a picture of 1920x1088 that builds on another, until it lies in memory.
    pub picture_us: u64,
}

impl From<ProbeReport> for Timing {
    fn from(report: ProbeReport) -> Self {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self {
            start_us: us(report.start),
            picture_us: us(report.picture),
        }
    }
}

/// Decoders by their names, in files.
mod by_name {
    use super::DecoderKind;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
    pub(super) fn serialize<S: Serializer>(kind: &DecoderKind, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(kind.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DecoderKind, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(from)?;
        name.parse().map_err(D::Error::custom)
    }
}

impl Survey {
    /// Tries out all hardware decoders, and keeps what came of it.
    pub fn of_this_machine() -> Self {
        let hardware = DecoderKind::ALL
            .into_iter()
            .filter(|kind| kind.is_hardware());
        let survey = Self {
            machine: machine::describe(),
            findings: hardware.map(try_out).collect(),
        };
        cache::store(&survey);
        survey
    }

    /// What is kept of an earlier survey of the machine as it is now, else a new one.
    pub fn known_or_new() -> Self {
        cache::load(&machine::describe()).unwrap_or_else(Self::of_this_machine)
    }

    /// The decoders that work, and software, best first.
    pub fn working(&self) -> Vec<WorkingDecoder> {
        let mut decoders: Vec<_> = self
            .findings
            .iter()
            .filter(|finding| finding.result.is_ok())
            .map(Finding::working)
            .chain(DecoderKind::SOFTWARE.map(WorkingDecoder::from))
            .collect();
        decoders.sort_by_key(|decoder| decoder.kind);
        decoders.dedup_by_key(|decoder| decoder.kind);
        decoders
    }
}

/// A hardware decoder that was asked for by name. What is known to work is believed; what did not
/// is tried again, since somebody may have mended it.
pub(super) fn forced(kind: DecoderKind) -> Finding {
    cache::load(&machine::describe())
        .and_then(|known| {
            known
                .findings
                .into_iter()
                .find(|finding| finding.kind == kind)
        })
        .filter(|finding| finding.result.is_ok())
        .unwrap_or_else(|| try_out(kind))
}

/// Tries a decoder out in a process of its own, where there is any point, and in another one whether
/// its pictures are drawn from where it puts them.
fn try_out(kind: DecoderKind) -> Finding {
    let name = kind.name();
    let result = kind
        .look()
        .map_err(|error| reason(error.into()))
        .and_then(|()| ask_self(&["decoders", "--probe", name]));
    match result {
        Ok(timing) => Finding {
            kind,
            result: Ok(timing),
            sharing: ask_self(&["decoders", "--probe", name, "--sharing"]),
        },
        Err(why) => Finding::through_memory(kind, Err(why), "it does not work"),
    }
}

/// Asks another process of this program.
fn ask_self<T: DeserializeOwned>(arguments: &[&str]) -> Result<T, String> {
    let program = std::env::current_exe()
        .map_err(|error| format!("this program does not find itself: {error}"))?;
    ask(program, arguments, PROBE_TIME)
}

/// What `oriel decoders --probe NAME` prints: the answer to [`ask`].
pub fn answer_probe(kind: DecoderKind) -> String {
    let result = time(kind);
    // Numbers and text always have a JSON.
    serde_json::to_string(&result).unwrap_or_default()
}

/// What `oriel decoders --probe NAME --sharing` prints: the answer to [`ask`].
pub fn answer_sharing(kind: DecoderKind) -> String {
    let result = prove_sharing(kind).map_err(|error| error.to_string());
    // Text always has a JSON.
    serde_json::to_string(&result).unwrap_or_default()
}

/// Tries a decoder out in this process.
pub fn time(kind: DecoderKind) -> Result<Timing, String> {
    probe(kind).map(Timing::from).map_err(reason)
}

/// Why a decoder is of no use, to be read beside its name.
fn reason(error: ProbeError) -> String {
    match error {
        ProbeError::Decoder(VideoError::Unavailable { reason, .. }) => reason,
        other => other.to_string(),
    }
}

/// Has another process try a decoder out, for no longer than `patience`.
fn ask<T: DeserializeOwned>(
    program: PathBuf,
    arguments: &[&str],
    patience: Duration,
) -> Result<T, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("no process to try it out: {error}"))?;
    let ended = wait(&mut child, Instant::now() + patience);
    let answer = child.stdout.take();
    let Some(status) = ended else {
        // It may be stuck in the kernel, where nothing ends it: it is not waited for for ever.
        let _ = child.kill();
        let _ = wait(&mut child, Instant::now() + Duration::from_secs(1));
        return Err(format!("it does not answer within {patience:?}"));
    };
    if !status.success() {
        return Err(format!("its driver crashes ({status})"));
    }
    let mut text = Vec::new();
    // An answer is shorter than a pipe: it was all written when the process ended.
    if let Some(answer) = answer {
        let _ = answer.take(ANSWER_BYTES).read_to_end(&mut text);
    }
    serde_json::from_slice(&text).unwrap_or_else(|_| Err("its probe gives no answer".to_owned()))
}

fn wait(child: &mut Child, until: Instant) -> Option<std::process::ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(PROBE_STEP),
            Ok(None) | Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_works_comes_before_software_and_what_does_not_is_left_out() {
        let timing = Timing {
            start_us: 1,
            picture_us: 1,
        };
        let finding = |kind, result| Finding::through_memory(kind, result, "a test says so");
        let survey = Survey {
            machine: Vec::new(),
            findings: vec![
                Finding {
                    kind: DecoderKind::VulkanVideo,
                    result: Ok(timing),
                    sharing: Ok("a GPU".into()),
                },
                finding(DecoderKind::Vaapi, Err("no".into())),
                finding(DecoderKind::Nvdec, Ok(timing)),
                finding(DecoderKind::Ffmpeg, Ok(timing)),
            ],
        };
        let working = survey.working();
        let found: Vec<_> = working
            .iter()
            .map(|decoder| (decoder.kind, decoder.shares_with.as_deref()))
            .collect();
        assert_eq!(
            found,
            [
                (DecoderKind::Nvdec, None),
                (DecoderKind::VulkanVideo, Some("a GPU")),
                (DecoderKind::Ffmpeg, None),
                (DecoderKind::OpenH264, None),
            ]
        );
    }

    #[test]
    fn the_answer_of_a_probe_is_understood() {
        let answer: Result<Timing, String> =
            serde_json::from_str(&answer_probe(DecoderKind::Ffmpeg)).unwrap();
        assert!(answer.unwrap().picture_us > 0);
    }

    #[test]
    fn software_shares_nothing_and_says_so_in_its_answer() {
        let answer: Result<String, String> =
            serde_json::from_str(&answer_sharing(DecoderKind::Ffmpeg)).unwrap();
        assert!(!answer.unwrap_err().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_probe_that_crashes_or_says_nonsense_is_a_decoder_that_does_not_work() {
        let shell = |script: &str| {
            ask::<Timing>("/bin/sh".into(), &["-c", script], PROBE_TIME).unwrap_err()
        };
        let crash = shell("kill -SEGV $$");
        assert!(crash.contains("crashes") && crash.contains("11"), "{crash}");
        assert!(shell("echo hello").contains("no answer"));
        assert!(shell("exit 3").contains("crashes"));
        assert_eq!(
            shell(r#"echo '{"Err":"no such device"}'"#),
            "no such device"
        );
        let timing = ask::<Timing>(
            "/bin/sh".into(),
            &["-c", r#"echo '{"Ok":{"start_us":5,"picture_us":7}}'"#],
            PROBE_TIME,
        );
        assert_eq!(timing.unwrap().picture_us, 7);
        let gone = ask::<Timing>("/nowhere/oriel".into(), &[], PROBE_TIME).unwrap_err();
        assert!(gone.contains("no process"), "{gone}");
    }

    #[cfg(unix)]
    #[test]
    fn a_probe_that_hangs_is_ended() {
        let started = Instant::now();
        let patience = Duration::from_millis(50);
        let answer = ask::<Timing>("/bin/sleep".into(), &["60"], patience);
        assert_eq!(answer.unwrap_err(), "it does not answer within 50ms");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
