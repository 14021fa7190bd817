//! `./dev bench chroma`: how near the colours of 4:2:0 come to those of 4:4:4 when they are found
//! again, and what that costs on the CPU.

mod bilinear;
mod difference;

use std::{
    fmt::Write,
    hint::black_box,
    time::{Duration, Instant},
};

use clap::Parser;
use oriel_benches::{DESKTOP, page};
use oriel_codecs::{
    Picture, Size,
    yuv::{
        Yuv420Picture, Yuv420Planes, Yuv444Picture, bgra_to_yuv420, bgra_to_yuv444, yuv420_to_bgra,
        yuv420_to_bgra_guided, yuv444_to_bgra,
    },
};
use oriel_server::content::{Content, picture};

use difference::Lab;

/// Draws pictures this often to time them; the quickest counts.
const ROUNDS: usize = 25;

/// Threads that share a picture.
const THREADS: usize = 4;

/// Measures the ways to find the chroma of 4:2:0 again.
#[derive(Parser)]
struct Arguments {
    /// Smaller pictures.
    #[arg(long)]
    quick: bool,
    /// Print the table and leave the page as it is.
    #[arg(long)]
    print: bool,
}

/// A way from planes of 4:2:0 to pixels.
struct Way {
    name: &'static str,
    draw: fn(&Yuv420Planes<'_>, &mut Picture),
    /// Worth timing: it is in the product.
    is_ours: bool,
}

const WAYS: [Way; 3] = [
    Way {
        name: "block",
        draw: |planes, out| yuv420_to_bgra(planes, &planes.size().to_rect(), &mut out.as_mut()),
        is_ours: true,
    },
    Way {
        name: "bilinear",
        draw: bilinear::draw,
        is_ours: false,
    },
    Way {
        name: "guided",
        draw: |planes, out| {
            yuv420_to_bgra_guided(planes, &planes.size().to_rect(), &mut out.as_mut());
        },
        is_ours: true,
    },
];

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let size = if arguments.quick {
        Size::new(640, 360)
    } else {
        DESKTOP
    };
    let mut table = String::from(
        "| picture | chroma | mean ΔE | 99th percentile | PSNR, dB | ms, one thread | ms, four |\n\
         |---|---|--:|--:|--:|--:|--:|\n",
    );
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(THREADS)
        .build()?;
    for content in Content::ALL {
        let original = picture(content, size, 0);
        let whole = size.to_rect();
        let (mut full, mut sent) = (Yuv444Picture::new(size), Yuv420Picture::new(size));
        bgra_to_yuv444(&original, &whole, &mut full);
        bgra_to_yuv420(&original, &whole, &mut sent);
        let mut truth = Picture::new(size);
        yuv444_to_bgra(&full.planes(), &whole, &mut truth.as_mut());
        for way in &WAYS {
            let mut drawn = Picture::new(size);
            (way.draw)(&sent.planes(), &mut drawn);
            let errors = Errors::between(&truth, &drawn);
            let ms = |took: Duration| format!("{:.2}", took.as_secs_f64() * 1e3);
            let (alone, shared) = if way.is_ours {
                let planes = sent.planes();
                let alone = time(way, &planes, &mut drawn);
                (
                    ms(alone),
                    ms(pool.install(|| time(way, &planes, &mut drawn))),
                )
            } else {
                ("—".into(), "—".into())
            };
            let line = format!(
                "| {} | {} | {:.3} | {:.2} | {:.1} | {alone} | {shared} |",
                content.name(),
                way.name,
                errors.mean,
                errors.percentile_99,
                errors.psnr_db,
            );
            eprintln!("{line}");
            // Writing to a text does not fail.
            let _ = writeln!(table, "{line}");
        }
    }
    if arguments.print {
        print!("{table}");
        return Ok(());
    }
    page::put("chroma", &table)
}

/// The quickest of some rounds.
fn time(way: &Way, planes: &Yuv420Planes<'_>, out: &mut Picture) -> Duration {
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        (way.draw)(black_box(planes), out);
        black_box(&mut *out);
        start.elapsed()
    });
    rounds.min().unwrap_or_default()
}

/// How far a picture is from another.
struct Errors {
    /// Of ΔE.
    mean: f64,
    /// Of ΔE, over all pixels.
    percentile_99: f64,
    psnr_db: f64,
}

impl Errors {
    fn between(truth: &Picture, drawn: &Picture) -> Self {
        let pixels = |picture: &Picture| picture.data().as_chunks::<4>().0.to_vec();
        let pairs: Vec<_> = pixels(truth).into_iter().zip(pixels(drawn)).collect();
        let mut differences: Vec<f64> = pairs
            .iter()
            .map(|(a, b)| match a == b {
                true => 0.0,
                false => Lab::of_bgra(*a).difference(&Lab::of_bgra(*b)),
            })
            .collect();
        let count = pairs.len() as f64;
        let squares: f64 = pairs
            .iter()
            .flat_map(|(a, b)| a.iter().zip(b).take(3))
            .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
            .sum();
        let mean = differences.iter().sum::<f64>() / count;
        let at = (count * 0.99) as usize;
        let (_, percentile_99, _) = differences.select_nth_unstable_by(at, f64::total_cmp);
        Self {
            mean,
            percentile_99: *percentile_99,
            psnr_db: 10.0 * (255.0f64.powi(2) / (squares / (3.0 * count)).max(1e-9)).log10(),
        }
    }
}
