use std::process::{Command, Stdio};

use super::*;
use crate::video::{
    ColorDescription, EncoderSettings, FfmpegDecoder, H264Encoder, OpenH264Decoder, annex_b,
};
use crate::yuv::{Plane, Yuv420Picture, Yuv420Planes};

/// Luma, Cb and Cr of a film's picture, one after the other.
fn encoded(size: Size, phase: u32) -> Vec<u8> {
    let pixels = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
    let luma = pixels.map(|(x, y)| sample(x, y, phase)[0]);
    let blocks = |channel: usize| {
        (0..size.height / 2).flat_map(move |y| {
            (0..size.width / 2).map(move |x| sample(x * 2, y * 2, phase)[channel])
        })
    };
    luma.chain(blocks(1)).chain(blocks(2)).collect()
}

fn picture(size: Size, phase: u32) -> Yuv420Picture {
    let bytes = encoded(size, phase);
    let half = Size::new(size.width / 2, size.height / 2);
    let (luma, chroma) = bytes.split_at(size.area() as usize);
    let (cb, cr) = chroma.split_at(half.area() as usize);
    let plane = |data, size: Size| Plane::new(data, size, size.width as usize).unwrap();
    let planes = Yuv420Planes::new(plane(luma, size), plane(cb, half), plane(cr, half)).unwrap();
    Yuv420Picture::from_planes(&planes)
}

#[test]
fn software_passes() {
    for kind in DecoderKind::SOFTWARE {
        let report = probe(kind).unwrap();
        assert!(report.picture < Duration::from_secs(10));
    }
}

#[test]
fn hardware_that_is_not_there_is_told_from_hardware_that_fails() {
    for kind in DecoderKind::ALL {
        if kind.look().is_err() {
            let error = probe(kind).unwrap_err();
            assert!(
                matches!(error, ProbeError::Decoder(VideoError::Unavailable { .. })),
                "{error}"
            );
        }
    }
}

#[test]
fn the_screen_is_of_high_profile_and_the_window_of_baseline() {
    let profiles = FILMS.each_ref().map(|film| {
        let parameters = annex_b::nal_units(film.units[0])
            .find(|unit| unit[0] & 31 == 7)
            .unwrap();
        parameters[1]
    });
    assert_eq!(profiles, [100, 66]);
}

/// A decoder with something wrong about its pictures.
struct Wrong<F>(OpenH264Decoder, F);

impl<F: FnMut(YuvFrame) -> Option<YuvFrame> + Send> VideoDecoder for Wrong<F> {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        Ok(self.0.decode(annex_b)?.and_then(&mut self.1))
    }

    fn name(&self) -> &'static str {
        "wrong"
    }
}

fn wrong(change: impl FnMut(YuvFrame) -> Option<YuvFrame> + Send) -> Result<(), ProbeError> {
    let inner = OpenH264Decoder::new(DecoderLimits::default()).unwrap();
    probe_decoder(&mut Wrong(inner, change))
}

fn of(picture: Yuv420Picture) -> Option<YuvFrame> {
    Some(YuvFrame::from_picture(picture, ColorDescription::default()))
}

#[test]
fn black_is_not_taken_for_a_picture() {
    let error = wrong(|frame| of(Yuv420Picture::new(frame.size()))).unwrap_err();
    assert!(matches!(error, ProbeError::Picture { .. }), "{error}");
}

#[test]
fn a_decoder_that_shows_its_key_frame_for_ever_is_found_out() {
    let mut first = None;
    let error = wrong(move |frame| Some(first.get_or_insert(frame).clone())).unwrap_err();
    assert!(matches!(error, ProbeError::Picture { .. }), "{error}");
}

#[test]
fn a_decoder_that_is_a_picture_late_is_found_out() {
    let mut kept = None;
    let error = wrong(move |frame| kept.replace(frame)).unwrap_err();
    assert!(
        matches!(error, ProbeError::Decoder(VideoError::NoPicture)),
        "{error}"
    );
}

#[test]
fn swapped_chroma_is_found_out() {
    let error = wrong(|frame| {
        let planes = Yuv420Planes::new(frame.luma(), frame.cr(), frame.cb()).unwrap();
        of(Yuv420Picture::from_planes(&planes))
    })
    .unwrap_err();
    assert!(matches!(error, ProbeError::Picture { .. }), "{error}");
}

#[test]
fn another_size_is_found_out() {
    let error = wrong(|_| of(Yuv420Picture::new(Size::new(64, 64)))).unwrap_err();
    assert!(matches!(error, ProbeError::Size { .. }), "{error}");
}

#[test]
fn one_decoder_may_change_the_size_of_its_stream() {
    let mut decoder = FfmpegDecoder::new(DecoderLimits::default()).unwrap();
    probe_decoder(&mut decoder).unwrap();
}

/// A film is made by a recipe, and with another version of an encoder by other bytes: with
/// `ORIEL_WRITE_FILMS` in the environment those that are made here take the place of the kept ones.
#[test]
fn films_that_are_made_anew_pass_too() {
    let [screen, window] = &FILMS;
    let window_units = window_units(window.size);
    let Some(screen_units) = screen_units(screen.size) else {
        println!("skipped: there is no ffmpeg with x264");
        return;
    };
    for (film, name, units) in [
        (screen, "screen", &screen_units),
        (window, "window", &window_units),
    ] {
        let made = Film {
            size: film.size,
            units: units.each_ref().map(Vec::as_slice),
        };
        for kind in DecoderKind::SOFTWARE {
            let mut decoder = kind.open(DecoderLimits::default()).unwrap();
            made.play(decoder.as_mut()).unwrap();
        }
        if std::env::var_os("ORIEL_WRITE_FILMS").is_some() {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/video/probe");
            for (unit, part) in units.iter().zip(["key", "delta"]) {
                std::fs::write(folder.join(format!("{name}-{part}.h264")), unit).unwrap();
            }
        }
    }
}

/// The window's film, as OpenH264 writes it.
fn window_units(size: Size) -> [Vec<u8>; 2] {
    let mut encoder = H264Encoder::new(EncoderSettings::default()).unwrap();
    [0, 1].map(|phase| {
        let mut unit = Vec::new();
        encoder.encode(&picture(size, phase), &mut unit).unwrap();
        unit
    })
}

/// The screen's film, as x264 writes it; `None` where there is no such program.
fn screen_units(size: Size) -> Option<[Vec<u8>; 2]> {
    let mut x264 = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p"])
        .args(["-s", &format!("{}x{}", size.width, size.height), "-i", "-"])
        .args(["-c:v", "libx264", "-profile:v", "high", "-qp", "24"])
        .args(["-tune", "zerolatency", "-x264-params"])
        .arg("slices=2:sliced-threads=0:scenecut=0:bframes=0:aud=1")
        // Its settings, which it writes into the stream.
        .args(["-bsf:v", "filter_units=remove_types=6", "-f", "h264", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let pictures = [0, 1].map(|phase| encoded(size, phase)).concat();
    let mut input = x264.stdin.take()?;
    let feeder = std::thread::spawn(move || std::io::Write::write_all(&mut input, &pictures));
    let output = x264.wait_with_output().ok()?;
    // One that knows no x264 does not read what it is fed.
    let _ = feeder.join();
    if !output.status.success() {
        return None;
    }
    const DELIMITER: u8 = 9;
    let mut units: Vec<Vec<u8>> = Vec::new();
    for unit in annex_b::nal_units(&output.stdout) {
        let end = unit.iter().rposition(|&byte| byte != 0);
        let unit = &unit[..end.map_or(0, |at| at + 1)];
        if unit[0] & 31 == DELIMITER {
            units.push(Vec::new());
            continue;
        }
        let access_unit = units.last_mut().unwrap();
        access_unit.extend_from_slice(&[0, 0, 0, 1]);
        access_unit.extend_from_slice(unit);
    }
    Some(units.try_into().unwrap())
}
