//! Milliseconds a picture of each step between H.264 and pixels, 1080p screen content.
//!
//! `cargo run --release -p oriel-codecs --example measure_video`

use std::time::{Duration, Instant};

use oriel_codecs::video::{
    DecoderLimits, EncoderSettings, FfmpegDecoder, H264Encoder, OpenH264Decoder, VideoDecoder,
};
use oriel_codecs::yuv::{
    MainChroma, Yuv420Picture, Yuv444Picture, avc444, bgra_to_yuv420, bgra_to_yuv444,
    yuv420_to_bgra, yuv444_to_bgra,
};
use oriel_codecs::{Picture, Rect, Size};

const SIZE: Size = Size::new(1920, 1080);
const PICTURES: u32 = 40;

/// Lines of something like text, in colours, of which a window's worth moves.
fn desktop(step: u32) -> Picture {
    let window = Rect::new(300, 200, 1100, 800);
    let mut data = Vec::with_capacity(SIZE.area() as usize * 4);
    for y in 0..SIZE.height {
        for x in 0..SIZE.width {
            let is_in_window = window.contains(oriel_codecs::Point::new(x as i32, y as i32));
            let x = if is_in_window { x + step * 4 } else { x };
            let letter = (x / 9).wrapping_mul(2_654_435_761) ^ (y / 18).wrapping_mul(40_503);
            let stroke = letter >> (x % 9 / 2 + y % 18 / 5 * 4) & 1;
            let is_ink = y % 18 < 13 && x % 9 < 7 && stroke == 1;
            let ink = [(letter >> 8) as u8 & 0x7F, 40, (letter >> 16) as u8 & 0x7F];
            let [b, g, r] = if is_ink { ink } else { [250, 248, 245] };
            data.extend_from_slice(&[b, g, r, 255]);
        }
    }
    Picture::from_bgra(SIZE, data).expect("four bytes a pixel")
}

fn time(name: &str, mut step: impl FnMut(usize)) {
    let mut taken: Vec<Duration> = (0..PICTURES as usize)
        .map(|at| {
            let start = Instant::now();
            step(at);
            start.elapsed()
        })
        .collect();
    let first = taken[0];
    taken.sort();
    let ms = |taken: Duration| taken.as_secs_f64() * 1000.0;
    println!(
        "{name:34} median {:7.2} ms   best {:7.2} ms   first {:7.2} ms",
        ms(taken[taken.len() / 2]),
        ms(taken[0]),
        ms(first),
    );
}

fn main() {
    let whole = SIZE.to_rect();
    let desktops: Vec<Picture> = (0..PICTURES).map(desktop).collect();

    let mut source = Yuv420Picture::new(SIZE);
    time("bgra_to_yuv420", |at| {
        bgra_to_yuv420(&desktops[at], &whole, &mut source)
    });
    let mut encoder = H264Encoder::new(EncoderSettings::default()).expect("openh264 is built in");
    let mut units = Vec::new();
    time("H264Encoder::encode, and the above", |at| {
        bgra_to_yuv420(&desktops[at], &whole, &mut source);
        let mut unit = Vec::new();
        encoder
            .encode(&source, &mut unit)
            .expect("a picture of 1080p");
        units.push(unit);
    });
    let bytes: usize = units[1..].iter().map(Vec::len).sum();
    println!(
        "{:34} {} bytes",
        "an access unit, on average",
        bytes / (units.len() - 1)
    );

    let limits = DecoderLimits::default();
    let decoders: [Box<dyn VideoDecoder>; 2] = [
        Box::new(FfmpegDecoder::new(limits).expect("FFmpeg has H.264")),
        Box::new(OpenH264Decoder::new(limits).expect("openh264 is built in")),
    ];
    let mut frame = None;
    for mut decoder in decoders {
        time(&format!("decode, {}", decoder.name()), |at| {
            frame = decoder.decode(&units[at]).expect("our own stream");
        });
    }
    let frame = frame.expect("a picture");
    let mut out = Picture::new(SIZE);
    time("yuv420_to_bgra", |_| {
        yuv420_to_bgra(&frame.planes(), &whole, &mut out.as_mut())
    });

    let mut picture = Yuv444Picture::new(SIZE);
    time("bgra_to_yuv444", |at| {
        bgra_to_yuv444(&desktops[at], &whole, &mut picture)
    });
    let (mut main, mut auxiliary) = (Yuv420Picture::new(SIZE), Yuv420Picture::new(SIZE));
    time("split_v2", |_| {
        avc444::split_v2(&picture, &whole, &mut main, &mut auxiliary)
    });
    let (main, auxiliary) = (main.coded_planes(), auxiliary.coded_planes());
    time("combine_luma", |_| {
        avc444::combine_luma(&main, &whole, &mut picture)
    });
    time("combine_chroma_v2", |_| {
        avc444::combine_chroma_v2(&auxiliary, &whole, MainChroma::Averaged, &mut picture)
    });
    time("combine_chroma_v1", |_| {
        avc444::combine_chroma_v1(&auxiliary, &whole, MainChroma::Averaged, &mut picture)
    });
    time("yuv444_to_bgra", |_| {
        yuv444_to_bgra(&picture.planes(), &whole, &mut out.as_mut())
    });
}
