use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;
use crate::geometry::Size;
use crate::video::{
    ColorDescription, EncoderSettings, FfmpegDecoder, H264Encoder, OpenH264Decoder,
};
use crate::yuv::Yuv420Picture;

/// A stream of pictures that get lighter, the first of them a key frame.
fn stream(pictures: u8) -> Vec<Vec<u8>> {
    let mut encoder = H264Encoder::new(EncoderSettings::default()).unwrap();
    (0..pictures)
        .map(|step| {
            let size = Size::new(64, 48);
            let bgra = crate::Picture::filled(size, [step * 20; 4]);
            let mut picture = Yuv420Picture::new(size);
            crate::yuv::bgra_to_yuv420(&bgra, &size.to_rect(), &mut picture);
            let mut unit = Vec::new();
            encoder.encode(&picture, &mut unit).unwrap();
            unit
        })
        .collect()
}

/// A stream of pictures of more than one colour.
fn busy_stream(pictures: u32) -> Vec<Vec<u8>> {
    let mut encoder = H264Encoder::new(EncoderSettings::default()).unwrap();
    let size = Size::new(64, 48);
    (0..pictures)
        .map(|step| {
            let mut desktop = crate::Picture::new(size);
            for (at, pixel) in (0..).zip(desktop.data_mut().chunks_exact_mut(4)) {
                pixel.fill(((at % size.width) * 4 + step) as u8);
            }
            let mut picture = Yuv420Picture::new(size);
            crate::yuv::bgra_to_yuv420(&desktop, &size.to_rect(), &mut picture);
            let mut unit = Vec::new();
            encoder.encode(&picture, &mut unit).unwrap();
            unit
        })
        .collect()
}

fn luma(frame: &YuvFrame) -> u8 {
    frame.luma().row(20).unwrap()[30]
}

/// What a decoder does in place of decoding, from some call on.
#[derive(Clone, Copy)]
enum Fault {
    Error,
    NoPicture,
}

struct Failing {
    inner: OpenH264Decoder,
    good_calls: usize,
    fault: Fault,
}

impl VideoDecoder for Failing {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        if self.good_calls > 0 {
            self.good_calls -= 1;
            return self.inner.decode(annex_b);
        }
        match self.fault {
            Fault::Error => Err(VideoError::Stream {
                backend: "failing",
                reason: "injected".into(),
            }),
            Fault::NoPicture => Ok(None),
        }
    }

    fn name(&self) -> &'static str {
        "failing"
    }
}

fn failing(good_calls: usize, fault: Fault) -> Backend {
    Backend::new("failing", false, move || {
        Ok(Box::new(Failing {
            inner: OpenH264Decoder::new(DecoderLimits::default())?,
            good_calls,
            fault,
        }))
    })
}

fn absent() -> Backend {
    Backend::new("absent", false, || {
        Err(VideoError::Unavailable {
            backend: "absent",
            reason: "injected".into(),
        })
    })
}

fn openh264() -> Backend {
    Backend::of_kind(DecoderKind::OpenH264, DecoderLimits::default(), None)
}

#[test]
fn ffmpeg_is_the_first_choice() {
    let mut decoder = FallbackDecoder::new(DecoderLimits::default()).unwrap();
    for unit in stream(3) {
        assert!(decoder.decode(&unit).unwrap().is_some());
    }
    assert_eq!(decoder.name(), "ffmpeg");
}

#[test]
fn a_decoder_that_does_not_start_is_passed_over() {
    let mut decoder = FallbackDecoder::with_backends(vec![absent(), openh264()]).unwrap();
    assert!(decoder.decode(&stream(1)[0]).unwrap().is_some());
    assert_eq!(decoder.name(), "openh264");
    let error = FallbackDecoder::with_backends(vec![absent(), absent()]).err();
    assert!(matches!(error, Some(VideoError::Unavailable { .. })));
}

#[test]
fn an_error_on_the_first_picture_steps_down_at_once() {
    let mut decoder =
        FallbackDecoder::with_backends(vec![failing(0, Fault::Error), absent(), openh264()])
            .unwrap();
    let frame = decoder.decode(&stream(1)[0]).unwrap();
    assert!(frame.is_some());
    assert_eq!(decoder.name(), "openh264");
}

#[test]
fn an_error_in_the_middle_steps_down_and_no_picture_is_lost() {
    let stream = stream(10);
    let mut plain = OpenH264Decoder::new(DecoderLimits::default()).unwrap();
    let wanted: Vec<u8> = stream
        .iter()
        .map(|unit| luma(&plain.decode(unit).unwrap().unwrap()))
        .collect();
    let mut decoder =
        FallbackDecoder::with_backends(vec![failing(4, Fault::Error), openh264()]).unwrap();
    for (unit, wanted) in stream.iter().zip(wanted) {
        assert_eq!(luma(&decoder.decode(unit).unwrap().unwrap()), wanted);
    }
    assert_eq!(decoder.name(), "openh264");
}

#[test]
fn a_picture_that_does_not_come_steps_down() {
    let mut decoder =
        FallbackDecoder::with_backends(vec![failing(0, Fault::NoPicture), openh264()]).unwrap();
    let shown: Vec<bool> = stream(5)
        .iter()
        .map(|unit| decoder.decode(unit).unwrap().is_some())
        .collect();
    assert_eq!(shown, [true; 5]);
}

#[test]
fn a_broken_stream_costs_one_try_of_the_others_until_the_next_key_frame() {
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = {
        let opened = opened.clone();
        Backend::new("openh264", false, move || {
            opened.fetch_add(1, Relaxed);
            Ok(Box::new(OpenH264Decoder::new(DecoderLimits::default())?))
        })
    };
    let first = Backend::of_kind(DecoderKind::Ffmpeg, DecoderLimits::default(), None);
    let mut decoder = FallbackDecoder::with_backends(vec![first, counted]).unwrap();
    let good = stream(1).remove(0);
    assert!(decoder.decode(&good).unwrap().is_some());
    // A key slice of nonsense, and slices of nonsense that follow it.
    let _ = decoder.decode(&[0, 0, 0, 1, 0x65, 0xFF, 0xFF, 0xFF, 0xFF]);
    for _ in 0..20 {
        let _ = decoder.decode(&[0, 0, 0, 1, 0x41, 0xFF, 0xFF, 0xFF, 0xFF]);
    }
    assert!(opened.load(Relaxed) <= 1);
    assert_eq!(decoder.name(), "ffmpeg");
    assert!(decoder.decode(&good).unwrap().is_some());
}

#[test]
fn parameter_sets_that_came_alone_are_fed_again_too() {
    let unit = stream(1).remove(0);
    let (mut parameters, mut slices) = (Vec::new(), Vec::new());
    for nal in annex_b::nal_units(&unit) {
        let to = if matches!(nal[0] & 31, 7 | 8) {
            &mut parameters
        } else {
            &mut slices
        };
        to.extend_from_slice(&[0, 0, 0, 1]);
        to.extend_from_slice(nal);
    }
    let mut decoder =
        FallbackDecoder::with_backends(vec![failing(1, Fault::Error), openh264()]).unwrap();
    assert!(decoder.decode(&parameters).unwrap().is_none());
    assert!(decoder.decode(&slices).unwrap().is_some());
    assert_eq!(decoder.name(), "openh264");
}

#[test]
fn a_frame_outlives_its_decoder() {
    let mut decoder = FfmpegDecoder::new(DecoderLimits::default()).unwrap();
    let frame = decoder.decode(&stream(1)[0]).unwrap().unwrap();
    let clone = frame.clone();
    drop((decoder, frame));
    assert_eq!(clone.size(), Size::new(64, 48));
    assert_eq!(
        clone.color(),
        ColorDescription {
            range: crate::video::ColorRange::Full,
            matrix: crate::video::ColorMatrix::Bt709,
        }
    );
}

/// Hardware whose pictures lie on a device: black there from a picture on, or not to be copied.
struct OnDevice {
    inner: OpenH264Decoder,
    black_from: usize,
    lost_from: usize,
    copies: Arc<AtomicUsize>,
}

impl VideoDecoder for OnDevice {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        let Some(frame) = self.inner.decode(annex_b)? else {
            return Ok(None);
        };
        let next = |left: &mut usize| {
            let is_over = *left == 0;
            *left = left.saturating_sub(1);
            is_over
        };
        let (is_black, is_lost) = (next(&mut self.black_from), next(&mut self.lost_from));
        let (size, color, copies) = (frame.size(), frame.color(), self.copies.clone());
        let copy = move || {
            copies.fetch_add(1, Relaxed);
            match (is_lost, is_black) {
                (true, _) => Err(VideoError::NoPicture),
                (_, true) => Ok(YuvFrame::from_picture(Yuv420Picture::new(size), color)),
                _ => Ok(frame.clone()),
            }
        };
        Ok(Some(YuvFrame::on_device(size, color, Arc::new(()), copy)))
    }

    fn name(&self) -> &'static str {
        "on a device"
    }
}

fn on_device(black_from: usize, lost_from: usize) -> (FallbackDecoder, Arc<AtomicUsize>) {
    let copies = Arc::<AtomicUsize>::default();
    let counted = copies.clone();
    let hardware = Backend::new("on a device", true, move || {
        Ok(Box::new(OnDevice {
            inner: OpenH264Decoder::new(DecoderLimits::default())?,
            black_from,
            lost_from,
            copies: counted.clone(),
        }))
    });
    let decoder = FallbackDecoder::with_backends(vec![hardware, openh264()]).unwrap();
    (decoder, copies)
}

#[test]
fn pictures_on_a_device_stay_there_but_for_a_few_that_are_looked_at() {
    let (mut decoder, copies) = on_device(usize::MAX, usize::MAX);
    for unit in busy_stream(70) {
        let frame = decoder.decode(&unit).unwrap().unwrap();
        assert!(frame.device_picture().is_some());
    }
    assert_eq!(decoder.name(), "on a device");
    assert_eq!(copies.load(Relaxed), 4 + 2);
}

#[test]
fn hardware_that_leaves_black_pictures_on_its_device_is_found_out() {
    for black_from in [0, 10] {
        let (mut decoder, _) = on_device(black_from, usize::MAX);
        for unit in busy_stream(40) {
            decoder.decode(&unit).unwrap().unwrap();
        }
        assert_eq!(decoder.name(), "openh264", "black from {black_from} on");
    }
}

#[test]
fn a_picture_that_is_lost_on_its_device_comes_from_the_next_decoder() {
    let stream = stream(3);
    let mut plain = OpenH264Decoder::new(DecoderLimits::default()).unwrap();
    let (mut decoder, _) = on_device(usize::MAX, 2);
    for unit in &stream {
        let wanted = luma(&plain.decode(unit).unwrap().unwrap());
        assert_eq!(luma(&decoder.decode(unit).unwrap().unwrap()), wanted);
    }
    assert_eq!(decoder.name(), "openh264");
}
