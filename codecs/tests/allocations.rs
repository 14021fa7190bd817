//! What the decoders ask of the allocator: nothing for a picture or a message once warm, and those
//! of RemoteFX never more than their documentation says, whatever a payload tells.
//!
//! Two are left out. JPEG is a library's, which makes its tables anew for each file. A pointer is
//! handed out as a picture of its own, which the caller keeps.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use oriel_codecs::{
    ColorDepth, Palette, Picture, Point, Rect, RowOrder, Size, alpha,
    bitmap::{self, BitmapLayout},
    bulk::{BulkCompressor, BulkDecompressor, CompressionLevel, zgfx},
    clearcodec::{ClearCodecDecoder, ClearCodecEncoder},
    interleaved::{self, InterleavedScratch},
    nscodec::{self, NsCodecOptions, NsCodecScratch},
    planar::{self, PlanarLayout, PlanarOptions, PlanarScratch},
    progressive::{Pass, ProgressiveDecoder, ProgressiveEncoder, ProgressiveEncoderOptions},
    remotefx::{RemoteFxDecoder, RemoteFxEncoder, RemoteFxEncoderOptions},
    yuv::{self, MainChroma, MainChromaDetector, Yuv420Picture, Yuv444Picture, avc444},
};

/// The system's allocator, and a look at what this thread asks of it.
struct Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<isize> = const { Cell::new(0) };
}

fn note(bytes: isize) {
    CALLS.set(CALLS.get() + 1);
    LIVE_BYTES.set(LIVE_BYTES.get() + bytes);
    PEAK_BYTES.set(PEAK_BYTES.get().max(LIVE_BYTES.get()));
}

// SAFETY: every call goes on to the system's allocator as it came. The counters are of constant
// initialisation and need no destructor, so that looking at them allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        note(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Calls of the allocator, and the most bytes that `work` had at once.
fn counted(work: impl FnOnce()) -> (usize, usize) {
    let (calls, live) = (CALLS.get(), LIVE_BYTES.get());
    PEAK_BYTES.set(live);
    work();
    (CALLS.get() - calls, (PEAK_BYTES.get() - live) as usize)
}

const SIZE: Size = Size::new(300, 200);
/// 5 by 4.
const TILES: usize = 20;

fn picture(seed: u32) -> Picture {
    let mut picture = Picture::new(SIZE);
    let mut noise = seed | 1;
    for pixel in picture.data_mut().as_chunks_mut::<4>().0 {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        *pixel = noise.to_le_bytes();
    }
    picture
}

/// A page of few colors: cells of 8 by 16 pixels, each with one of 24 letters.
fn page(seed: u32) -> Picture {
    let letters = picture(7);
    let mut page = Picture::filled(SIZE, [255; 4]);
    let stride = page.stride_bytes();
    for (y, row) in page.data_mut().chunks_exact_mut(stride).enumerate() {
        for (x, pixel) in row.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let cell = x as u32 / 8 + 5 * (y as u32 / 16);
            let letter = (cell.wrapping_mul(cell + seed) % 24) as i32;
            let (x, y) = (x as i32 % 8, y as i32 % 16);
            if y > 3 && letters.pixel(Point::new(letter * 8 + x, y))[0] < 90 {
                *pixel = [20, 40, 60, 255];
            }
        }
    }
    page
}

/// Noise, a page and another of either: the first two warm a decoder for the others.
fn pictures() -> [Picture; 4] {
    [picture(1), page(2), picture(3), page(4)]
}

/// Decodes half of the payloads, and asserts that the other half needs no memory.
fn assert_warm_after_half(what: &str, payloads: &[Vec<u8>], mut decode: impl FnMut(&[u8])) {
    let (warming, warm) = payloads.split_at(payloads.len() / 2);
    for payload in warming {
        decode(payload);
    }
    for (index, payload) in warm.iter().enumerate() {
        assert_eq!(counted(|| decode(payload)).0, 0, "{what}, {index}");
    }
}

#[test]
fn a_warm_planar_decoder_allocates_nothing() {
    for (color_loss_level, subsamples_chroma) in [(0, false), (3, false), (3, true)] {
        let options = PlanarOptions {
            color_loss_level,
            subsamples_chroma,
        };
        let layout = PlanarLayout::pipeline(SIZE, true);
        let payloads = pictures().map(|picture| {
            let (mut payload, mut scratch) = (Vec::new(), PlanarScratch::default());
            planar::encode(
                &picture.view(),
                &layout,
                &options,
                &mut payload,
                &mut scratch,
            );
            payload
        });
        let (mut target, mut scratch) = (Picture::new(SIZE), PlanarScratch::default());
        assert_warm_after_half(&format!("{options:?}"), &payloads, |payload| {
            planar::decode(payload, &layout, &mut target.as_mut(), &mut scratch).expect("valid");
        });
    }
}

const DEPTHS: [ColorDepth; 4] = [
    ColorDepth::Indexed8,
    ColorDepth::Rgb555,
    ColorDepth::Rgb565,
    ColorDepth::Bgr24,
];

#[test]
fn a_warm_interleaved_decoder_allocates_nothing_at_any_depth() {
    let palette = Palette::from_rgb(&std::array::from_fn(|index| [index as u8; 3]));
    for depth in DEPTHS {
        let payloads = pictures().map(|picture| {
            let (mut payload, mut scratch) = (Vec::new(), InterleavedScratch::default());
            interleaved::encode(&picture.view(), depth, &palette, &mut payload, &mut scratch);
            payload
        });
        let (mut target, mut scratch) = (Picture::new(SIZE), InterleavedScratch::default());
        assert_warm_after_half(&format!("{depth:?}"), &payloads, |payload| {
            let target = &mut target.as_mut();
            interleaved::decode(payload, SIZE, depth, &palette, target, &mut scratch)
                .expect("valid");
        });
    }
}

#[test]
fn uncompressed_pixels_and_alpha_are_drawn_without_memory() {
    let palette = Palette::from_rgb(&std::array::from_fn(|index| [index as u8; 3]));
    let mut target = Picture::new(SIZE);
    for depth in DEPTHS.into_iter().chain([ColorDepth::Bgrx32]) {
        let layout = BitmapLayout::update(SIZE, depth);
        let mut payload = Vec::new();
        bitmap::encode(&picture(1).view(), &layout, &palette, &mut payload);
        let (calls, _) = counted(|| {
            bitmap::decode(&payload, &layout, &palette, &mut target.as_mut()).expect("valid");
        });
        assert_eq!(calls, 0, "{depth:?}");
    }
    for picture in pictures() {
        let mut payload = Vec::new();
        alpha::encode(&picture.view(), &mut payload);
        let (calls, _) = counted(|| {
            alpha::decode(&payload, &mut target.as_mut()).expect("valid");
        });
        assert_eq!(calls, 0);
    }
}

#[test]
fn a_warm_nscodec_decoder_allocates_nothing() {
    for (chroma_subsampling, has_alpha) in [(false, false), (true, false), (true, true)] {
        let options = NsCodecOptions {
            chroma_subsampling,
            has_alpha,
            ..NsCodecOptions::default()
        };
        let payloads = pictures().map(|picture| {
            let (mut payload, mut scratch) = (Vec::new(), NsCodecScratch::default());
            nscodec::encode(&picture.view(), &options, &mut payload, &mut scratch);
            payload
        });
        let (mut target, mut scratch) = (Picture::new(SIZE), NsCodecScratch::default());
        assert_warm_after_half(&format!("{options:?}"), &payloads, |payload| {
            let target = &mut target.as_mut();
            nscodec::decode(payload, RowOrder::BottomUp, target, &mut scratch).expect("valid");
        });
    }
}

/// A ClearCodec payload of one rectangle, coded by NSCodec.
fn nscodec_in_clearcodec(source: &Picture) -> Vec<u8> {
    const NSCODEC: u8 = 1;
    let options = NsCodecOptions {
        row_order: RowOrder::TopDown,
        ..NsCodecOptions::default()
    };
    let (mut coded, mut scratch) = (Vec::new(), NsCodecScratch::default());
    nscodec::encode(&source.view(), &options, &mut coded, &mut scratch);
    let mut rectangle = Vec::new();
    let Size { width, height } = source.size();
    for field in [0, 0, width as u16, height as u16] {
        rectangle.extend(field.to_le_bytes());
    }
    rectangle.extend((coded.len() as u32).to_le_bytes());
    rectangle.push(NSCODEC);
    rectangle.extend(coded);
    let mut payload = vec![0, 0];
    for bytes in [0, 0, rectangle.len() as u32] {
        payload.extend(bytes.to_le_bytes());
    }
    payload.extend(rectangle);
    payload
}

/// Which of a ClearCodec payload's parts there are: a glyph's number, and each of three layers.
fn clearcodec_parts(payload: &[u8]) -> [bool; 5] {
    const GLYPH_INDEX: u8 = 0x01;
    const GLYPH_HIT: u8 = 0x02;
    let has_glyph = payload[0] & GLYPH_INDEX != 0;
    let is_hit = payload[0] & GLYPH_HIT != 0;
    let lengths = &payload[if has_glyph { 4 } else { 2 }..];
    let has_layer = |layer: usize| !is_hit && lengths[4 * layer..][..4] != [0; 4];
    [has_glyph, is_hit, has_layer(0), has_layer(1), has_layer(2)]
}

#[test]
fn a_clearcodec_decoder_with_filled_caches_allocates_nothing() {
    const CACHE_RESET: u8 = 0x04;
    let mut letters = picture(5);
    letters = Picture::from_bgra(
        Size::new(16, 16),
        letters.data_mut()[..16 * 16 * 4].to_vec(),
    )
    .expect("as many bytes");
    let mut encoder = ClearCodecEncoder::new();
    let [noise, first, _, second] = pictures();
    let sources = [&first, &letters, &noise, &second, &letters];
    let mut payloads: Vec<(Size, Vec<u8>)> = sources
        .map(|source| {
            let mut payload = Vec::new();
            encoder.encode(&source.view(), &mut payload);
            (source.size(), payload)
        })
        .into();
    // The slots are filled in the same order again: no cache grows.
    payloads[0].1[0] |= CACHE_RESET;
    payloads.push((SIZE, nscodec_in_clearcodec(&noise)));
    let parts = payloads
        .iter()
        .map(|(_, payload)| clearcodec_parts(payload));
    let all = parts.reduce(|a, b| std::array::from_fn(|part| a[part] || b[part]));
    assert_eq!(all, Some([true; 5]), "a part of the codec is not tried");

    let mut decoder = ClearCodecDecoder::new();
    let mut targets: Vec<Picture> = payloads
        .iter()
        .map(|(size, _)| Picture::new(*size))
        .collect();
    for round in 0..2 {
        for (index, ((_, payload), target)) in payloads.iter().zip(&mut targets).enumerate() {
            let (calls, _) = counted(|| {
                decoder
                    .decode(payload, &mut target.as_mut())
                    .expect("valid");
            });
            assert!(round == 0 || calls == 0, "payload {index}: {calls} calls");
        }
    }
}

#[test]
fn h264_pictures_become_bgra_without_memory() {
    let (whole, source) = (SIZE.to_rect(), picture(1));
    let mut full = Yuv444Picture::new(SIZE);
    yuv::bgra_to_yuv444(&source, &whole, &mut full);
    let [mut main, mut auxiliary] = [(); 2].map(|()| Yuv420Picture::new(SIZE));
    let (mut target, mut combined) = (Picture::new(SIZE), Yuv444Picture::new(SIZE));
    let mut detector = MainChromaDetector::default();
    for is_version_2 in [false, true] {
        let split = if is_version_2 {
            avc444::split_v2
        } else {
            avc444::split_v1
        };
        split(&full, &whole, &mut main, &mut auxiliary);
        let combine = if is_version_2 {
            avc444::combine_chroma_v2
        } else {
            avc444::combine_chroma_v1
        };
        let (calls, _) = counted(|| {
            let (main, auxiliary) = (main.planes(), auxiliary.coded_planes());
            detector.observe_v2(&main, &auxiliary, [whole]);
            avc444::combine_luma(&main, &whole, &mut combined);
            combine(&auxiliary, &whole, MainChroma::Averaged, &mut combined);
            yuv::yuv444_to_bgra(&combined.planes(), &whole, &mut target.as_mut());
            yuv::yuv420_to_bgra(&main, &whole, &mut target.as_mut());
            yuv::yuv420_to_bgra_guided(&main, &whole, &mut target.as_mut());
        });
        assert_eq!(calls, 0, "version 2: {is_version_2}");
    }
}

/// Pixels in messages of up to `most` bytes, twice over so that histories wrap and match.
fn messages(most: usize) -> Vec<Vec<u8>> {
    let data = pictures().map(Picture::into_data).concat();
    let messages = data.chunks(most).map(<[u8]>::to_vec);
    messages.clone().chain(messages).collect()
}

#[test]
fn a_warm_bulk_decompressor_allocates_nothing() {
    for level in CompressionLevel::ALL {
        let (mut compressor, mut flags) = (BulkCompressor::new(level), Vec::new());
        let messages = messages(level.max_message_bytes().min(16_000));
        let payloads: Vec<Vec<u8>> = messages
            .iter()
            .map(|message| {
                let mut payload = Vec::new();
                flags.push(compressor.compress(message, &mut payload));
                payload
            })
            .collect();
        let mut flags = flags.into_iter();
        let mut decompressor = BulkDecompressor::new();
        assert_warm_after_half(&format!("{level:?}"), &payloads, |payload| {
            let flags = flags.next().expect("one for each");
            decompressor.decompress(flags, payload).expect("valid");
        });
    }
}

#[test]
fn a_warm_zgfx_decompressor_allocates_nothing() {
    let mut compressor = zgfx::Compressor::new();
    let payloads: Vec<Vec<u8>> = messages(100_000)
        .iter()
        .map(|message| {
            let mut payload = Vec::new();
            compressor.compress(message, &mut payload);
            payload
        })
        .collect();
    let (mut decompressor, mut out) = (zgfx::Decompressor::new(), Vec::new());
    assert_warm_after_half("ZGFX", &payloads, |payload| {
        out.clear();
        decompressor.decompress(payload, &mut out).expect("valid");
    });
}

#[test]
fn a_warm_remotefx_decoder_allocates_nothing() {
    let mut encoder = RemoteFxEncoder::new(RemoteFxEncoderOptions::default());
    let payloads = [1, 2, 3].map(|seed| {
        let mut payload = Vec::new();
        encoder.encode(&picture(seed).view(), &[SIZE.to_rect()], &mut payload);
        payload
    });
    let mut decoder = RemoteFxDecoder::new();
    let (mut target, mut painted) = (Picture::new(SIZE), Vec::new());
    let mut decode = |payload: &[u8]| {
        painted.clear();
        decoder
            .decode(payload, &mut target.as_mut(), &mut painted)
            .expect("valid");
    };
    decode(&payloads[0]);
    for payload in &payloads[1..] {
        assert_eq!(counted(|| decode(payload)).0, 0);
    }
}

#[test]
fn a_warm_progressive_decoder_allocates_nothing() {
    let mut encoder = ProgressiveEncoder::new(SIZE, ProgressiveEncoderOptions::default());
    let mut payloads = Vec::new();
    for seed in [1, 2] {
        let mut payload = Vec::new();
        encoder.encode(
            &picture(seed).view(),
            &[SIZE.to_rect()],
            Pass::First,
            &mut payload,
        );
        payloads.push(payload);
        while encoder.unfinished() > 0 {
            let mut payload = Vec::new();
            encoder.upgrade(&[SIZE.to_rect()], &mut payload);
            payloads.push(payload);
        }
    }
    assert_eq!(payloads.len(), 6);
    let mut decoder = ProgressiveDecoder::new(SIZE);
    let (mut target, mut painted) = (Picture::new(SIZE), Vec::new());
    let mut decode = |payload: &[u8]| {
        painted.clear();
        decoder
            .decode(
                payload,
                Point::new(0, 0),
                &mut target.as_mut(),
                &mut painted,
            )
            .expect("valid");
    };
    for payload in &payloads[..3] {
        decode(payload);
    }
    for payload in &payloads[3..] {
        assert_eq!(counted(|| decode(payload)).0, 0);
    }
}

/// As many rectangles as can be told, none of them the same and all of them large, and as many of a
/// single pixel.
fn hostile_rects() -> [Vec<Rect>; 2] {
    let (width, height) = (SIZE.width as i32, SIZE.height as i32);
    let large = (0..65_000)
        .map(|i| Rect::new(i % 9, i / 9 % 9, width - i % 13, height - i % 17))
        .collect();
    let small = (0..60_000)
        .map(|i| Rect::at(Point::new(i % width, i / width), Size::new(1, 1)))
        .collect();
    [large, small]
}

/// For each rectangle, and for the row of tiles that it lies in, with the growth of both lists.
const RECT_BYTES: usize = 64;

fn area(rects: &[Rect]) -> u64 {
    let area = |rect: &Rect| u64::from(rect.width()) * u64::from(rect.height());
    rects.iter().map(area).sum()
}

#[test]
fn remotefx_with_hostile_rectangles_draws_each_pixel_twice_at_most_and_keeps_to_its_memory() {
    for rects in hostile_rects() {
        let mut payload = Vec::new();
        RemoteFxEncoder::new(RemoteFxEncoderOptions::default()).encode(
            &picture(1).view(),
            &rects,
            &mut payload,
        );
        let (mut target, mut painted) = (Picture::new(SIZE), Vec::with_capacity(200_000));
        let mut decoder = RemoteFxDecoder::new();
        let (_, bytes) = counted(|| {
            decoder
                .decode(&payload, &mut target.as_mut(), &mut painted)
                .expect("valid");
        });
        assert!(area(&painted) <= 2 * SIZE.area());
        assert!(painted.len() <= rects.len());
        let most = RECT_BYTES * rects.len() + 2 * payload.len() + (1 << 12);
        assert!(bytes <= most, "{bytes} bytes, {most} at most");
    }
}

#[test]
fn progressive_with_hostile_rectangles_draws_each_pixel_twice_at_most_and_keeps_to_its_memory() {
    for rects in hostile_rects() {
        let mut payload = Vec::new();
        ProgressiveEncoder::new(SIZE, ProgressiveEncoderOptions::default()).encode(
            &picture(1).view(),
            &rects,
            Pass::Whole,
            &mut payload,
        );
        let (mut target, mut painted) = (Picture::new(SIZE), Vec::with_capacity(200_000));
        let (_, bytes) = counted(|| {
            let mut decoder = ProgressiveDecoder::new(SIZE);
            let origin = Point::new(0, 0);
            decoder
                .decode(&payload, origin, &mut target.as_mut(), &mut painted)
                .expect("valid");
            assert!(area(&painted) <= 2 * SIZE.area());
            assert!(painted.len() <= rects.len());
        });
        let most = TILES * (27 << 10) + RECT_BYTES * rects.len() + 64 * TILES + (1 << 12);
        assert!(bytes <= most, "{bytes} bytes, {most} at most");
    }
}
