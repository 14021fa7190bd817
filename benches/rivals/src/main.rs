//! `./dev bench codecs`: Oriel's decoders beside FreeRDP's and IronRDP's, on the same bytes.
//!
//! Each row is a codec and a picture; every decoder has its turn in every round, so that a busy
//! machine slows all of them alike, and the median of the rounds is shown, in megapixels a second
//! (bulk compression: megabytes a second). What each rival decoded is compared
//! with what Oriel decoded: a row whose pixels differ says by how much.
//!
//! The columns are not quite alike: IronRDP's interleaved decoder leaves pixels as they are on the
//! wire, and FreeRDP's RemoteFX runs on threads of its own.

mod freerdp;

use std::time::{Duration, Instant};

use ironrdp_graphics::{rdp6::BitmapStreamDecoder, rle};
use oriel_codecs::{
    ColorDepth, Palette, Picture, Size,
    bulk::zgfx,
    interleaved::{self, InterleavedScratch},
    planar::{self, PlanarLayout, PlanarOptions, PlanarScratch},
    remotefx::{RemoteFxDecoder, RemoteFxEncoder, RemoteFxEncoderOptions},
};
use oriel_server::content::{Content, picture};

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let sizes: &[Size] = match is_quick {
        true => &[Size::new(1920, 1080)],
        false => &[Size::new(1920, 1080), Size::new(3840, 2160)],
    };
    let rounds = if is_quick { 5 } else { 15 };
    println!(
        "| {:<34} | {:>8} | {:>9} | {:>8} | {:>8} | {:>6} |",
        "codec and content", "1 thread", "all cores", "FreeRDP", "IronRDP", "ratio"
    );
    println!("|:---|---:|---:|---:|---:|---:|");
    for &size in sizes {
        for content in Content::ALL {
            let source = picture(content, size, 0);
            for measure in [
                planar_row,
                interleaved_24,
                interleaved_16,
                zgfx_row,
                remotefx_row,
            ] {
                measure(&source, rounds).print(content, size);
            }
        }
    }
}

/// What a row of the table says.
struct Row {
    codec: &'static str,
    /// Pixels or bytes that a turn puts out.
    amount: u64,
    ours: Duration,
    ours_parallel: Option<Duration>,
    freerdp: Option<Duration>,
    ironrdp: Option<Duration>,
    /// Rivals whose output is another, and by how many steps at most.
    differs: Vec<(&'static str, u8)>,
}

impl Row {
    fn print(&self, content: Content, size: Size) {
        let speed = |time: Duration| self.amount as f64 / time.as_secs_f64() / 1e6;
        let cell =
            |time: Option<Duration>| time.map_or("—".to_owned(), |t| format!("{:.0}", speed(t)));
        let best = self.freerdp.into_iter().chain(self.ironrdp).min();
        let ratio = best.map_or("—".to_owned(), |best| {
            format!("{:.2}", best.as_secs_f64() / self.ours.as_secs_f64())
        });
        let name = format!("{}, {}, {}p", self.codec, content.name(), size.height);
        println!(
            "| {name:<34} | {:>8.0} | {:>9} | {:>8} | {:>8} | {ratio:>6} |{}",
            speed(self.ours),
            cell(self.ours_parallel),
            cell(self.freerdp),
            cell(self.ironrdp),
            self.differs
                .iter()
                .map(|(who, steps)| format!(" {who} differs by up to {steps}"))
                .collect::<String>(),
        );
    }
}

/// The median time of each turn, which are taken one after another in every round.
fn race(rounds: usize, turns: &mut [&mut dyn FnMut()]) -> Vec<Duration> {
    let mut times = vec![Vec::with_capacity(rounds); turns.len()];
    for round in 0..=rounds {
        for (turn, times) in turns.iter_mut().zip(&mut times) {
            let start = Instant::now();
            turn();
            // The first round warms up.
            if round > 0 {
                times.push(start.elapsed());
            }
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    times.iter_mut().map(median).collect()
}

/// Who decoded other colours than `ours`, and by how many steps of a channel at most; the fourth
/// byte is nobody's promise.
fn differing(ours: &[u8], rivals: &[(&'static str, &[u8])]) -> Vec<(&'static str, u8)> {
    let most = |theirs: &[u8]| {
        assert_eq!(ours.len(), theirs.len(), "a picture of another size");
        let pixels = ours.chunks(4).zip(theirs.chunks(4));
        let steps = pixels.flat_map(|(a, b)| a.iter().zip(b).take(3));
        steps.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
    };
    let rivals = rivals.iter().map(|&(who, theirs)| (who, most(theirs)));
    rivals.filter(|&(_, steps)| steps > 0).collect()
}

/// Three bytes a pixel, in the order that `to_bgr` names, to four.
fn widened(pixels: &[u8], to_bgr: [usize; 3]) -> Vec<u8> {
    let pixels = pixels.chunks_exact(3);
    pixels
        .flat_map(|p| [p[to_bgr[0]], p[to_bgr[1]], p[to_bgr[2]], 255])
        .collect()
}

/// Bottom row first to top row first.
fn flipped(pixels: &[u8], stride_bytes: usize) -> Vec<u8> {
    pixels
        .chunks_exact(stride_bytes)
        .rev()
        .flatten()
        .copied()
        .collect()
}

fn planar_row(source: &Picture, rounds: usize) -> Row {
    let size = source.size();
    let (width, height) = (size.width as usize, size.height as usize);
    let layout = PlanarLayout::pipeline(size, false);
    let (mut scratch, mut payload) = (PlanarScratch::default(), Vec::new());
    let options = PlanarOptions::default();
    planar::encode(
        &source.view(),
        &layout,
        &options,
        &mut payload,
        &mut scratch,
    );

    let mut ours = Picture::new(size);
    let mut theirs = Picture::new(size);
    let mut freerdp = freerdp::Planar::new(size);
    let (mut ironrdp, mut rgb) = (BitmapStreamDecoder::default(), Vec::new());
    let times = race(
        rounds,
        &mut [
            &mut || {
                planar::decode(&payload, &layout, &mut ours.as_mut(), &mut scratch).expect("ours");
            },
            &mut || {
                assert!(
                    freerdp.decode(&payload, theirs.data_mut()),
                    "FreeRDP refuses"
                )
            },
            &mut || {
                rgb.clear();
                ironrdp
                    .decode_bitmap_stream_to_rgb24(&payload, &mut rgb, width, height)
                    .expect("IronRDP decodes");
            },
        ],
    );
    let rgb = widened(&rgb, [2, 1, 0]);
    Row {
        codec: "planar",
        amount: size.area(),
        ours: times[0],
        ours_parallel: None,
        freerdp: Some(times[1]),
        ironrdp: Some(times[2]),
        differs: differing(
            ours.data(),
            &[("FreeRDP", theirs.data()), ("IronRDP", &rgb)],
        ),
    }
}

fn interleaved_24(source: &Picture, rounds: usize) -> Row {
    interleaved_row("interleaved 24", ColorDepth::Bgr24, source, rounds)
}

fn interleaved_16(source: &Picture, rounds: usize) -> Row {
    interleaved_row("interleaved 16", ColorDepth::Rgb565, source, rounds)
}

fn interleaved_row(codec: &'static str, depth: ColorDepth, source: &Picture, rounds: usize) -> Row {
    let size = source.size();
    let (width, height) = (size.width as usize, size.height as usize);
    let bits = usize::from(depth.bits_per_pixel());
    let palette = Palette::default();
    let (mut scratch, mut payload) = (InterleavedScratch::default(), Vec::new());
    interleaved::encode(&source.view(), depth, &palette, &mut payload, &mut scratch);

    let mut ours = Picture::new(size);
    let mut theirs = Picture::new(size);
    let mut freerdp = freerdp::Interleaved::new(size);
    let mut packed = Vec::new();
    let times = race(
        rounds,
        &mut [
            &mut || {
                let target = &mut ours.as_mut();
                interleaved::decode(&payload, size, depth, &palette, target, &mut scratch)
                    .expect("ours");
            },
            &mut || {
                assert!(
                    freerdp.decode(&payload, bits as u32, theirs.data_mut()),
                    "FreeRDP refuses"
                );
            },
            &mut || {
                packed.clear();
                rle::decompress(&payload, &mut packed, width, height, bits)
                    .expect("IronRDP decodes");
            },
        ],
    );
    // Its pixels stay as they are on the wire, bottom row first.
    let mut rivals = vec![("FreeRDP", theirs.data())];
    let bgra = widened(
        &flipped(&packed, width * depth.bytes_per_pixel()),
        [0, 1, 2],
    );
    if depth == ColorDepth::Bgr24 {
        rivals.push(("IronRDP", &bgra));
    }
    Row {
        codec,
        amount: size.area(),
        ours: times[0],
        ours_parallel: None,
        freerdp: Some(times[1]),
        ironrdp: Some(times[2]),
        differs: differing(ours.data(), &rivals),
    }
}

fn zgfx_row(source: &Picture, rounds: usize) -> Row {
    let mut message = Vec::new();
    zgfx::Compressor::new().compress(source.data(), &mut message);
    let (mut ours, mut theirs, mut third) = (Vec::new(), Vec::new(), Vec::new());
    let mut decompressor = zgfx::Decompressor::new();
    let mut freerdp = freerdp::Zgfx::default();
    let mut ironrdp = ironrdp_graphics::zgfx::Decompressor::new();
    let times = race(
        rounds,
        &mut [
            &mut || {
                ours.clear();
                decompressor.decompress(&message, &mut ours).expect("ours");
            },
            &mut || {
                let result = freerdp.decompress(&message, |bytes| {
                    theirs.clear();
                    theirs.extend_from_slice(bytes);
                });
                assert!(result, "FreeRDP refuses");
            },
            &mut || {
                third.clear();
                ironrdp
                    .decompress(&message, &mut third)
                    .expect("IronRDP decodes");
            },
        ],
    );
    Row {
        codec: "zgfx (MB/s)",
        amount: source.data().len() as u64,
        ours: times[0],
        ours_parallel: None,
        freerdp: Some(times[1]),
        ironrdp: Some(times[2]),
        differs: differing(&ours, &[("FreeRDP", &theirs), ("IronRDP", &third)]),
    }
}

fn remotefx_row(source: &Picture, rounds: usize) -> Row {
    let size = source.size();
    let mut payload = Vec::new();
    let mut encoder = RemoteFxEncoder::new(RemoteFxEncoderOptions {
        mode: oriel_codecs::remotefx::Mode::Image,
        ..RemoteFxEncoderOptions::default()
    });
    encoder.encode(&source.view(), &[size.to_rect()], &mut payload);
    let pool = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads")
    };
    let (one, all) = (pool(1), pool(0));
    let (mut ours, mut parallel) = (Picture::new(size), Picture::new(size));
    let (mut decoder, mut second) = (RemoteFxDecoder::new(), RemoteFxDecoder::new());
    let mut theirs = Picture::new(size);
    let mut freerdp = freerdp::RemoteFx::new(size);
    let turn = |decoder: &mut RemoteFxDecoder, target: &mut Picture| {
        decoder
            .decode(&payload, &mut target.as_mut(), &mut Vec::new())
            .expect("ours");
    };
    let times = race(
        rounds,
        &mut [
            &mut || one.install(|| turn(&mut decoder, &mut ours)),
            &mut || all.install(|| turn(&mut second, &mut parallel)),
            &mut || {
                assert!(
                    freerdp.decode(&payload, theirs.data_mut()),
                    "FreeRDP refuses"
                )
            },
        ],
    );
    Row {
        codec: "remotefx",
        amount: size.area(),
        ours: times[0],
        ours_parallel: Some(times[1]),
        freerdp: Some(times[2]),
        ironrdp: None,
        differs: differing(ours.data(), &[("FreeRDP", theirs.data())]),
    }
}
