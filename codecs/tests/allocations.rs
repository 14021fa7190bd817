//! What the RemoteFX decoders ask of the allocator: nothing for a frame once warm, and never more
//! than their documentation says, whatever a payload tells.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use oriel_codecs::{
    Picture, Point, Rect, Size,
    progressive::{Pass, ProgressiveDecoder, ProgressiveEncoder, ProgressiveEncoderOptions},
    remotefx::{RemoteFxDecoder, RemoteFxEncoder, RemoteFxEncoderOptions},
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
