//! `oriel decoders`: what decodes H.264 here.

use oriel_codecs::video::DecoderKind;

use crate::{
    cli::DecodersArgs,
    decoders::{Finding, Survey, answer_probe, answer_sharing, time},
};

/// Prints a line for each decoder.
pub(super) fn run(args: &DecodersArgs) {
    if let Some(kind) = args.probe {
        let answer = match args.sharing {
            true => answer_sharing(kind),
            false => answer_probe(kind),
        };
        println!("{answer}");
        return;
    }
    let survey = match args.again {
        true => Survey::of_this_machine(),
        false => Survey::known_or_new(),
    };
    // Software cannot take the process down with it.
    let software = DecoderKind::SOFTWARE
        .map(|kind| Finding::through_memory(kind, time(kind), "it decodes into memory"));
    let findings: Vec<_> = survey.findings.into_iter().chain(software).collect();
    print!("{}", table(&findings));
}

fn table(findings: &[Finding]) -> String {
    let first = findings.iter().position(|finding| finding.result.is_ok());
    findings
        .iter()
        .enumerate()
        .map(|(index, finding)| {
            let (name, place) = (finding.kind.name(), finding.kind.description());
            match &finding.result {
                Ok(timing) => {
                    let ms = timing.picture_us as f64 / 1e3;
                    let mark = if Some(index) == first {
                        "; used first"
                    } else {
                        ""
                    };
                    let shared = match &finding.sharing {
                        Ok(adapter) => format!("; its pictures stay on {adapter}"),
                        Err(why) if finding.kind.is_hardware() => {
                            format!("; its pictures go through memory: {why}")
                        }
                        Err(_) => String::new(),
                    };
                    format!(
                        "{name:<14}works  {place}; {ms:.1} ms a picture of 1920x1088{mark}{shared}\n"
                    )
                }
                Err(reason) => format!("{name:<14}-      {place}; {reason}\n"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoders::Timing;

    #[test]
    fn the_first_that_works_is_marked() {
        let timing = Timing {
            start_us: 0,
            picture_us: 1250,
        };
        let lines = table(&[
            Finding::through_memory(DecoderKind::Vaapi, Err("no device".into()), "no"),
            Finding {
                kind: DecoderKind::Nvdec,
                result: Ok(timing),
                sharing: Ok("a GPU".into()),
            },
            Finding::through_memory(DecoderKind::VulkanVideo, Ok(timing), "no way"),
            Finding::through_memory(DecoderKind::Ffmpeg, Ok(timing), "no"),
        ]);
        assert_eq!(
            lines,
            "vaapi         -      Intel and AMD GPUs on Linux; no device\n\
             nvdec         works  NVIDIA GPUs; 1.2 ms a picture of 1920x1088; used first; \
             its pictures stay on a GPU\n\
             vulkan        works  Vulkan Video; 1.2 ms a picture of 1920x1088; \
             its pictures go through memory: no way\n\
             ffmpeg        works  the CPU; 1.2 ms a picture of 1920x1088\n"
        );
    }
}
