//! `oriel decoders`: what decodes H.264 here.

use oriel_codecs::video::DecoderKind;

use crate::{
    cli::DecodersArgs,
    decoders::{Finding, Survey, answer_probe, time},
};

/// Prints a line for each decoder.
pub(super) fn run(args: &DecodersArgs) {
    if let Some(kind) = args.probe {
        println!("{}", answer_probe(kind));
        return;
    }
    let survey = match args.again {
        true => Survey::of_this_machine(),
        false => Survey::known_or_new(),
    };
    // Software cannot take the process down with it.
    let software = DecoderKind::SOFTWARE.map(|kind| Finding {
        kind,
        result: time(kind),
    });
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
                    format!("{name:<14}works  {place}; {ms:.1} ms a picture of 1920x1088{mark}\n")
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
            Finding {
                kind: DecoderKind::Vaapi,
                result: Err("no device".into()),
            },
            Finding {
                kind: DecoderKind::Nvdec,
                result: Ok(timing),
            },
            Finding {
                kind: DecoderKind::Ffmpeg,
                result: Ok(timing),
            },
        ]);
        assert_eq!(
            lines,
            "vaapi         -      Intel and AMD GPUs on Linux; no device\n\
             nvdec         works  NVIDIA GPUs; 1.2 ms a picture of 1920x1088; used first\n\
             ffmpeg        works  the CPU; 1.2 ms a picture of 1920x1088\n"
        );
    }
}
