//! Which H.264 decoder a session uses, and who makes pixels of RemoteFX.
//!
//! ```text
//!  --decoder NAME ─▶ choose ─▶ DecoderPlan ─▶ renderer
//!                      │ ▲
//!              cache ◀─┘ └─ survey: a process for each driver, that decodes known pictures
//! ```
//!
//! Drivers crash. So each is tried out in a process of its own, once per GPU, driver and FFmpeg, and
//! what came of it is kept in a small file, also whether its pictures are drawn from where it puts
//! them. Software needs no trying out.

mod cache;
mod machine;
mod survey;
mod tiles;

use std::str::FromStr;

use oriel_codecs::video::DecoderKind;
use oriel_render::decode::{DecoderPlan, WorkingDecoder};

pub use cache::forget;
pub use survey::{Finding, Survey, Timing, answer_probe, answer_sharing, time};
pub use tiles::KeptTileEngines;

use crate::failure::Failure;

/// Which decoder to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecoderChoice {
    /// The best that works.
    #[default]
    Auto,
    /// This one.
    Kind(DecoderKind),
}

impl DecoderChoice {
    /// What may stand on the command line.
    pub fn names() -> impl Iterator<Item = &'static str> {
        std::iter::once("auto").chain(DecoderKind::ALL.map(DecoderKind::name))
    }
}

impl FromStr for DecoderChoice {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == "auto" {
            return Ok(Self::Auto);
        }
        name.parse().map(Self::Kind).map_err(|_| {
            let names: Vec<_> = Self::names().collect();
            format!("it is one of {}", names.join(", "))
        })
    }
}

/// The decoders for a session. Where drivers must be tried out for an automatic choice, that goes on
/// in the background, and the first H.264 picture waits for it.
///
/// # Errors
/// [`Failure::Decoder`] where one was asked for by name that does not work here.
pub fn choose(choice: DecoderChoice) -> Result<DecoderPlan, Failure> {
    let kind = match choice {
        DecoderChoice::Auto => return Ok(automatic()),
        DecoderChoice::Kind(kind) => kind,
    };
    let mut first = WorkingDecoder::from(kind);
    if kind.is_hardware() {
        let finding = survey::forced(kind);
        first = finding.working();
        finding.result.map_err(|reason| Failure::Decoder {
            name: kind.name().to_owned(),
            reason,
        })?;
    }
    let rest = DecoderKind::SOFTWARE
        .into_iter()
        .filter(|&other| other != kind)
        .map(WorkingDecoder::from);
    let decoders = std::iter::once(first).chain(rest);
    Ok(DecoderPlan::of(decoders.collect()))
}

fn automatic() -> DecoderPlan {
    if DecoderKind::ALL
        .iter()
        .all(|kind| !kind.is_hardware() || kind.look().is_err())
    {
        return DecoderPlan::default();
    }
    if let Some(known) = cache::load(&machine::describe()) {
        return DecoderPlan::of(known.working());
    }
    let plan = DecoderPlan::found_by(|| Survey::of_this_machine().working());
    let early = plan.clone();
    // Without a thread the first picture looks for itself.
    let _ = std::thread::Builder::new()
        .name("oriel-survey".into())
        .spawn(move || drop(early.kinds()));
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decoder_has_a_name_on_the_command_line() {
        for name in DecoderChoice::names() {
            assert!(name.parse::<DecoderChoice>().is_ok(), "{name}");
        }
        let error = "h265".parse::<DecoderChoice>().unwrap_err();
        assert!(error.contains("auto, vaapi, nvdec, vulkan"), "{error}");
    }

    #[test]
    fn software_that_is_asked_for_by_name_comes_first() {
        let kinds = |kind| choose(DecoderChoice::Kind(kind)).unwrap().kinds();
        assert_eq!(kinds(DecoderKind::Ffmpeg), DecoderKind::SOFTWARE);
        assert_eq!(
            kinds(DecoderKind::OpenH264),
            [DecoderKind::OpenH264, DecoderKind::Ffmpeg]
        );
    }

    #[test]
    fn hardware_that_is_not_there_is_refused_by_name_with_the_reason() {
        for kind in DecoderKind::ALL {
            if kind.look().is_ok() {
                continue;
            }
            let failure = choose(DecoderChoice::Kind(kind)).unwrap_err();
            let told = failure.to_string();
            assert!(told.contains(kind.name()), "{told}");
            assert!(told.contains("oriel decoders"), "{told}");
        }
    }
}
