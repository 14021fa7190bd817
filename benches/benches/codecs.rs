//! A desktop of 1080p through every codec, a picture an iteration; throughput is in pixels.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use oriel_benches::{DESKTOP, text_desktop};
use oriel_codecs::{
    ColorDepth, Palette, Picture,
    bulk::zgfx,
    interleaved::{self, InterleavedScratch},
    planar::{self, PlanarLayout, PlanarOptions, PlanarScratch},
    video::{
        DecoderLimits, EncoderSettings, FfmpegDecoder, H264Encoder, OpenH264Decoder, VideoDecoder,
    },
    yuv::{
        Yuv420Picture, Yuv444Picture, bgra_to_yuv420, bgra_to_yuv444, yuv420_to_bgra,
        yuv444_to_bgra,
    },
};

/// Pictures of a stream, so that a decoder sees them in order and again from the key frame.
const STREAM: u32 = 30;

fn lossless(c: &mut Criterion) {
    let desktop = text_desktop(DESKTOP, 0);
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(DESKTOP.area()));
    let mut target = Picture::new(DESKTOP);

    let layout = PlanarLayout::pipeline(DESKTOP, false);
    let (mut scratch, mut payload) = (PlanarScratch::default(), Vec::new());
    let options = PlanarOptions::default();
    planar::encode(
        &desktop.view(),
        &layout,
        &options,
        &mut payload,
        &mut scratch,
    );
    group.bench_function("planar", |b| {
        b.iter(|| planar::decode(&payload, &layout, &mut target.as_mut(), &mut scratch));
    });

    let (mut scratch, palette) = (InterleavedScratch::default(), Palette::default());
    for depth in [ColorDepth::Rgb565, ColorDepth::Bgr24] {
        let mut payload = Vec::new();
        interleaved::encode(&desktop.view(), depth, &palette, &mut payload, &mut scratch);
        group.bench_function(BenchmarkId::new("interleaved", format!("{depth:?}")), |b| {
            b.iter(|| {
                let target = &mut target.as_mut();
                interleaved::decode(&payload, DESKTOP, depth, &palette, target, &mut scratch)
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("zgfx");
    let raw = desktop.data();
    let mut compressed = Vec::new();
    zgfx::Compressor::new().compress(raw, &mut compressed);
    group.throughput(Throughput::Bytes(raw.len() as u64));
    group.bench_function("decompress", |b| {
        let mut out = Vec::new();
        b.iter(|| {
            out.clear();
            zgfx::Decompressor::new().decompress(&compressed, &mut out)
        });
    });
    group.finish();
}

fn video(c: &mut Criterion) {
    let whole = DESKTOP.to_rect();
    let mut encoder = H264Encoder::new(EncoderSettings::default()).expect("openh264 is built in");
    let mut source = Yuv420Picture::new(DESKTOP);
    let stream: Vec<Vec<u8>> = (0..STREAM)
        .map(|step| {
            bgra_to_yuv420(&text_desktop(DESKTOP, step), &whole, &mut source);
            let mut unit = Vec::new();
            encoder
                .encode(&source, &mut unit)
                .expect("a picture of 1080p");
            unit
        })
        .collect();

    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(DESKTOP.area()));
    let decoders: [(&str, Box<dyn VideoDecoder>); 2] = [
        (
            "ffmpeg",
            Box::new(FfmpegDecoder::new(DecoderLimits::default()).expect("FFmpeg has H.264")),
        ),
        (
            "openh264",
            Box::new(OpenH264Decoder::new(DecoderLimits::default()).expect("built in")),
        ),
    ];
    for (name, mut decoder) in decoders {
        let mut units = stream.iter().cycle();
        group.bench_function(BenchmarkId::new("h264", name), |b| {
            b.iter(|| {
                decoder
                    .decode(units.next().expect("an endless stream"))
                    .expect("a picture")
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("convert");
    group.throughput(Throughput::Elements(DESKTOP.area()));
    let desktop = text_desktop(DESKTOP, 0);
    let (mut half, mut full) = (Yuv420Picture::new(DESKTOP), Yuv444Picture::new(DESKTOP));
    bgra_to_yuv420(&desktop, &whole, &mut half);
    bgra_to_yuv444(&desktop, &whole, &mut full);
    let mut target = Picture::new(DESKTOP);
    group.bench_function("yuv420_to_bgra", |b| {
        b.iter(|| yuv420_to_bgra(&black_box(&half).planes(), &whole, &mut target.as_mut()));
    });
    group.bench_function("yuv444_to_bgra", |b| {
        b.iter(|| yuv444_to_bgra(&black_box(&full).planes(), &whole, &mut target.as_mut()));
    });
    group.finish();
}

criterion_group!(benches, lossless, video);
criterion_main!(benches);
