//! Pictures, payloads and compositors for tests.

#![allow(dead_code, reason = "each test binary uses its share")]

use std::{
    collections::HashMap,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use oriel_codecs::{
    alpha,
    avc::{Avc420Bitmap, Avc444Bitmap, Avc444Views, AvcRegion, AvcView},
    clearcodec::ClearCodecEncoder,
    geometry::{Point, Rect, Size},
    nscodec::{self, NsCodecOptions, NsCodecScratch},
    picture::{Picture, PictureRef},
    planar::{self, PlanarLayout, PlanarOptions, PlanarScratch},
    progressive::{Pass, ProgressiveEncoder, ProgressiveEncoderOptions},
    remotefx::{RemoteFxEncoder, RemoteFxEncoderOptions},
    video::{AvcVersion, EncoderSettings, H264Encoder, RateControl},
    yuv::{Yuv420Picture, Yuv444Picture, avc444, bgra_to_yuv420, bgra_to_yuv444},
};
use oriel_protocol::graphics::{
    CodecContextId, GraphicsCommand, PayloadCodec, SurfaceFormat, SurfaceId,
};
use oriel_render::{
    RenderError,
    compositor::{Compositor as _, GpuCompositor},
    decode::{Batch, DecodeOptions, DecodeStage, DecoderPlan},
};

/// A GPU compositor on whatever adapter there is, lavapipe included; one for all tests of a
/// binary, since opening a device takes longer than most tests. Prints and gives none where there
/// is no adapter at all.
pub fn gpu() -> Option<Gpu> {
    static GPU: OnceLock<Option<Mutex<GpuCompositor>>> = OnceLock::new();
    let gpu = GPU.get_or_init(|| match GpuCompositor::open(None, true) {
        Ok(compositor) => Some(Mutex::new(compositor)),
        Err(RenderError::NoAdapter(reason)) => {
            println!("skipped: no graphics adapter, not even an emulated one ({reason})");
            None
        }
        Err(error) => panic!("the adapter does not open: {error}"),
    });
    // A test that failed with the lock says so itself.
    gpu.as_ref().map(|gpu| {
        Gpu(gpu
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner))
    })
}

/// The compositor, for one test at a time. Nothing is under way on its device when the test is done:
/// lavapipe compiles on threads of its own, which a process that ends takes LLVM away from.
pub struct Gpu(MutexGuard<'static, GpuCompositor>);

impl Deref for Gpu {
    type Target = GpuCompositor;

    fn deref(&self) -> &GpuCompositor {
        &self.0
    }
}

impl DerefMut for Gpu {
    fn deref_mut(&mut self) -> &mut GpuCompositor {
        &mut self.0
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        // Reading waits for all that was submitted. A device that is lost has nothing under way.
        let _ = self.0.read_output();
    }
}

/// Numbers that look random and are the same every time.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }
}

/// A picture like a desktop's: flat areas, edges, a slope, some noise. Alpha varies.
pub fn picture(size: Size, seed: u64) -> Picture {
    let mut noise = Noise::new(seed);
    let mut picture = Picture::filled(size, [noise.next() as u8, 40, 200, 255]);
    let width = size.width.max(1);
    for _ in 0..6 {
        let (x, y) = (noise.next() % width, noise.next() % size.height.max(1));
        let rect = Rect::new(
            x as i32,
            y as i32,
            (x + 1 + noise.next() % width) as i32,
            (y + 1 + noise.next() % size.height.max(1)) as i32,
        )
        .intersect(&size.to_rect());
        let color = noise.next().to_le_bytes();
        let kind = noise.next() % 3;
        let mut view = picture.as_mut();
        let Some(mut part) = view.sub(&rect) else {
            continue;
        };
        for row in 0..rect.height() {
            for (column, pixel) in part.row_mut(row).chunks_exact_mut(4).enumerate() {
                match kind {
                    0 => pixel.copy_from_slice(&color),
                    1 => pixel[0] = (column as u32 * 3 + row * 5) as u8,
                    _ => pixel.copy_from_slice(&noise.next().to_le_bytes()),
                }
            }
        }
    }
    picture
}

pub fn draw(
    surface: SurfaceId,
    rect: Rect,
    codec: PayloadCodec,
    payload: Vec<u8>,
) -> GraphicsCommand {
    GraphicsCommand::Draw {
        surface,
        rect,
        codec,
        format: SurfaceFormat::Argb,
        payload: Bytes::from(payload),
    }
}

pub fn planar_payload(picture: &Picture) -> Vec<u8> {
    let mut out = Vec::new();
    planar::encode(
        &picture.view(),
        &PlanarLayout::pipeline(picture.size(), true),
        &PlanarOptions::default(),
        &mut out,
        &mut PlanarScratch::default(),
    );
    out
}

pub fn alpha_payload(picture: &PictureRef<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    alpha::encode(picture, &mut out);
    out
}

/// Encoders of the codecs that remember, for all surfaces.
#[derive(Default)]
pub struct Streams {
    clear: ClearCodecEncoder,
    remote_fx: Option<RemoteFxEncoder>,
    progressive: HashMap<SurfaceId, ProgressiveEncoder>,
}

/// The context that progressive payloads are in.
const CONTEXT: CodecContextId = CodecContextId(3);

impl Streams {
    pub fn clear(&mut self, picture: &Picture) -> Vec<u8> {
        let mut out = Vec::new();
        self.clear.encode(&picture.view(), &mut out);
        out
    }

    /// The surface's contexts are gone.
    pub fn forget(&mut self, surface: SurfaceId) {
        self.progressive.remove(&surface);
    }

    pub fn delete_context(&mut self, surface: SurfaceId) -> GraphicsCommand {
        self.forget(surface);
        GraphicsCommand::DeleteCodecContext {
            surface,
            context: CONTEXT,
        }
    }

    pub fn progressive(
        &mut self,
        surface: SurfaceId,
        picture: &Picture,
        rects: &[Rect],
        pass: Pass,
    ) -> GraphicsCommand {
        let mut payload = Vec::new();
        self.progressive_encoder(surface, picture.size()).encode(
            &picture.view(),
            rects,
            pass,
            &mut payload,
        );
        let whole = picture.size().to_rect();
        draw(surface, whole, PayloadCodec::Progressive(CONTEXT), payload)
    }

    pub fn upgrade(&mut self, surface: SurfaceId, size: Size, rects: &[Rect]) -> GraphicsCommand {
        let mut payload = Vec::new();
        self.progressive_encoder(surface, size)
            .upgrade(rects, &mut payload);
        let codec = PayloadCodec::Progressive(CONTEXT);
        draw(surface, size.to_rect(), codec, payload)
    }

    fn progressive_encoder(&mut self, surface: SurfaceId, size: Size) -> &mut ProgressiveEncoder {
        let make = || ProgressiveEncoder::new(size, ProgressiveEncoderOptions::default());
        self.progressive.entry(surface).or_insert_with(make)
    }

    /// Of `rects`, or empty where they show nothing.
    pub fn remote_fx(&mut self, picture: &Picture, rects: &[Rect]) -> Vec<u8> {
        let encoder = self
            .remote_fx
            .get_or_insert_with(|| RemoteFxEncoder::new(RemoteFxEncoderOptions::default()));
        let mut out = Vec::new();
        encoder.encode(&picture.view(), rects, &mut out);
        out
    }
}

pub fn ns_codec_payload(picture: &Picture) -> Vec<u8> {
    let options = NsCodecOptions {
        color_loss_level: 3,
        chroma_subsampling: true,
        ..NsCodecOptions::default()
    };
    let mut out = Vec::new();
    let scratch = &mut NsCodecScratch::default();
    nscodec::encode(&picture.view(), &options, &mut out, scratch);
    out
}

/// What an H.264 message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Views {
    Both,
    Luma,
    Chroma,
}

/// Encodes messages for surfaces, one stream a surface.
#[derive(Default)]
pub struct AvcSource {
    encoders: HashMap<SurfaceId, H264Encoder>,
}

impl AvcSource {
    pub fn forget(&mut self, surface: SurfaceId) {
        self.encoders.remove(&surface);
    }

    /// A message that shows `picture` in `regions`.
    pub fn message(
        &mut self,
        surface: SurfaceId,
        picture: &Picture,
        version: AvcVersion,
        views: Views,
        regions: &[Rect],
    ) -> GraphicsCommand {
        let encoder = self.encoders.entry(surface).or_insert_with(|| {
            H264Encoder::new(EncoderSettings {
                rate: RateControl::Constant { qp: 24 },
                ..EncoderSettings::default()
            })
            .expect("openh264 opens")
        });
        let mut encode = |picture: &Yuv420Picture| {
            let mut stream = Vec::new();
            encoder.encode(picture, &mut stream).expect("a picture");
            stream
        };
        let size = picture.size();
        let whole = size.to_rect();
        let regions: Vec<_> = regions
            .iter()
            .map(|rect| rect.intersect(&whole))
            .filter(|rect| !rect.is_empty())
            .map(|rect| AvcRegion::new(rect, 24, 100))
            .collect();
        let view = |stream| AvcView {
            regions: &regions,
            stream,
        };
        let mut payload = Vec::new();
        let codec = match version {
            AvcVersion::Avc420 => {
                let mut planes = Yuv420Picture::new(size);
                bgra_to_yuv420(picture, &whole, &mut planes);
                let stream = encode(&planes);
                Avc420Bitmap::encode(view(&stream), &mut payload).expect("regions on the wire");
                PayloadCodec::Avc420
            }
            AvcVersion::Avc444 | AvcVersion::Avc444V2 => {
                let mut samples = Yuv444Picture::new(size);
                bgra_to_yuv444(picture, &whole, &mut samples);
                let mut main = Yuv420Picture::new(size);
                let mut auxiliary = Yuv420Picture::new(size);
                let codec = if version == AvcVersion::Avc444 {
                    avc444::split_v1(&samples, &whole, &mut main, &mut auxiliary);
                    PayloadCodec::Avc444
                } else {
                    avc444::split_v2(&samples, &whole, &mut main, &mut auxiliary);
                    PayloadCodec::Avc444v2
                };
                match views {
                    Views::Both => {
                        let (luma, chroma) = (encode(&main), encode(&auxiliary));
                        let both = Avc444Views::Both {
                            luma: view(&luma),
                            chroma: view(&chroma),
                        };
                        Avc444Bitmap::encode(both, &mut payload)
                    }
                    Views::Luma => {
                        let luma = encode(&main);
                        Avc444Bitmap::encode(Avc444Views::Luma(view(&luma)), &mut payload)
                    }
                    Views::Chroma => {
                        let chroma = encode(&auxiliary);
                        Avc444Bitmap::encode(Avc444Views::Chroma(view(&chroma)), &mut payload)
                    }
                }
                .expect("regions on the wire");
                codec
            }
        };
        draw(surface, whole, codec, payload)
    }
}

/// Runs commands through a decode stage, all that come out in order.
pub fn decode_all(commands: Vec<GraphicsCommand>) -> Vec<Batch> {
    decode_all_with(DecodeOptions::default(), commands)
}

pub fn decode_all_with(options: DecodeOptions, commands: Vec<GraphicsCommand>) -> Vec<Batch> {
    decode_all_on(options, commands, |_| ())
}

/// The same with all tiles left in their coefficients.
pub fn decode_all_coded(commands: Vec<GraphicsCommand>) -> Vec<Batch> {
    decode_all_on(DecodeOptions::default(), commands, |stage| {
        stage.keep_tiles_coded(Some(0));
    })
}

fn decode_all_on(
    options: DecodeOptions,
    commands: Vec<GraphicsCommand>,
    prepare: impl FnOnce(&DecodeStage),
) -> Vec<Batch> {
    let (wake, woken) = crossbeam_channel::bounded(1);
    let stage = DecodeStage::start(options, DecoderPlan::default(), Arc::default(), move || {
        let _ = wake.try_send(());
    })
    .expect("threads");
    prepare(&stage);
    let mut batches = Vec::new();
    let mut take = |stage: &DecodeStage| {
        while let Some(batch) = stage.next_batch() {
            batches.push(batch);
        }
    };
    for command in commands {
        let mut pending = Some(command);
        while let Some(command) = pending.take() {
            pending = stage.try_submit(command).err();
            take(&stage);
        }
    }
    while stage.depth().commands > 0 {
        woken
            .recv_timeout(Duration::from_secs(60))
            .expect("decoding goes on");
        take(&stage);
    }
    batches
}

/// Fails where pictures differ by more than `steps` anywhere.
pub fn assert_close(actual: &Picture, expected: &Picture, steps: u8, what: impl std::fmt::Display) {
    assert_eq!(actual.size(), expected.size(), "{what}");
    let worst = actual
        .data()
        .iter()
        .zip(expected.data())
        .enumerate()
        .max_by_key(|(_, (actual, expected))| actual.abs_diff(**expected));
    let Some((at, (a, b))) = worst else {
        return;
    };
    if a.abs_diff(*b) > steps {
        let width = actual.size().width as usize;
        let point = Point::new((at / 4 % width) as i32, (at / 4 / width) as i32);
        panic!(
            "{what}: at {point:?} channel {} of {:?}: {:?} for {:?}",
            at % 4,
            actual.size(),
            actual.pixel(point),
            expected.pixel(point)
        );
    }
}
