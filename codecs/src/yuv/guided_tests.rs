use proptest::prelude::*;

use super::*;
use crate::{
    geometry::{Point, Size},
    picture::Picture,
    yuv::{Yuv420Picture, bgra_to_yuv420, yuv420_to_bgra},
};

/// The formula as it stands at the top of the module, a pixel at a time and in double precision.
fn by_definition(planes: &Yuv420Planes<'_>, x: i64, y: i64) -> [u8; 4] {
    let sample = |plane: &Plane<'_>, x: i64, y: i64| {
        let size = plane.size();
        let x = x.clamp(0, i64::from(size.width) - 1) as usize;
        let y = y.clamp(0, i64::from(size.height) - 1) as u32;
        f64::from(plane.row(y).unwrap()[x])
    };
    let half = planes.cb().size();
    let inside = |bx: i64, by: i64| {
        (
            bx.clamp(0, i64::from(half.width) - 1),
            by.clamp(0, i64::from(half.height) - 1),
        )
    };
    let mean = |bx: i64, by: i64| {
        let (bx, by) = inside(bx, by);
        let corners = [(0, 0), (1, 0), (0, 1), (1, 1)];
        let all = corners.map(|(dx, dy)| sample(&planes.luma(), 2 * bx + dx, 2 * by + dy));
        all.iter().sum::<f64>() / 4.0
    };
    let (bx, by) = (x / 2, y / 2);
    let around: Vec<(i64, i64)> = (-1..=1)
        .flat_map(|dy| (-1..=1).map(move |dx| (bx + dx, by + dy)))
        .collect();
    let average =
        |of: &dyn Fn(i64, i64) -> f64| around.iter().map(|&(bx, by)| of(bx, by)).sum::<f64>() / 9.0;
    let variance_l = average(&|a, b| mean(a, b).powi(2)) - average(&mean).powi(2);
    let (mut unexplained, mut total, mut chroma) = (0.0, 0.0, Vec::new());
    for plane in [planes.cb(), planes.cr()] {
        let of = |a: i64, b: i64| sample(&plane, a, b) - 128.0;
        let both = average(&|a, b| mean(a, b) * of(a, b)) - average(&mean) * average(&of);
        let variance = average(&|a, b| of(a, b).powi(2)) - average(&of).powi(2);
        let slope = (both / (variance_l + f64::from(p::LUMA_NOISE)))
            .clamp(f64::from(-p::STEEPEST), f64::from(p::STEEPEST));
        unexplained += variance - 2.0 * slope * both + slope * slope * variance_l;
        total += variance;
        let guided = of(bx, by) + slope * (sample(&planes.luma(), x, y) - mean(bx, by));
        let (side_x, side_y) = (bx + 2 * (x % 2) - 1, by + 2 * (y % 2) - 1);
        let smooth =
            (9.0 * of(bx, by) + 3.0 * of(side_x, by) + 3.0 * of(bx, side_y) + of(side_x, side_y))
                / 16.0;
        chroma.push((guided, smooth));
    }
    let share = 1.0 - unexplained.max(0.0) / (total + f64::from(p::CHROMA_NOISE));
    let span = f64::from(p::FULL_SHARE) - f64::from(p::LEAST_SHARE);
    let trust = ((share - f64::from(p::LEAST_SHARE)) / span).clamp(0.0, 1.0);
    let [cb, cr] = [0, 1].map(|at: usize| {
        let (guided, smooth) = chroma[at];
        (trust * guided + (1.0 - trust) * smooth).clamp(-128.0, 127.0)
    });
    let luma = sample(&planes.luma(), x, y);
    let channel = |value: f64| value.round().clamp(0.0, 255.0) as u8;
    [
        channel(luma + 1.8556 * cb),
        channel(luma - 0.187_324 * cb - 0.468_124 * cr),
        channel(luma + 1.5748 * cr),
        255,
    ]
}

fn noisy(size: Size, seed: u32, shift: u32) -> Yuv420Picture {
    let mut picture = Yuv420Picture::new(size);
    let mut state = seed | 1;
    for plane in [&mut picture.luma, &mut picture.cb, &mut picture.cr] {
        plane.data_mut().fill_with(|| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            // Quiet noise has slopes that are trusted, loud noise has none.
            128u8.wrapping_add((state >> 24) as u8 >> shift)
        });
    }
    picture
}

/// Strokes of one colour on another, one pixel wide, antialiased.
fn coloured_text(size: Size, ink: [f32; 3], paper: [f32; 3]) -> Picture {
    let mut picture = Picture::new(size);
    for y in 0..size.height {
        for x in 0..size.width {
            let stroke = (x * 7 + y * 3) % 11;
            let covered = match stroke {
                0 => 1.0,
                1 | 10 => 0.4,
                _ if y % 9 == 4 => 0.8,
                _ => 0.0,
            };
            let mixed = |at: usize| (covered * ink[at] + (1.0 - covered) * paper[at]) as u8;
            let at = x as usize * BYTES_PER_PIXEL;
            let pixel = [mixed(0), mixed(1), mixed(2), 255];
            picture.as_mut().row_mut(y)[at..at + BYTES_PER_PIXEL].copy_from_slice(&pixel);
        }
    }
    picture
}

fn error_db(a: &Picture, b: &Picture) -> f64 {
    let squares: f64 = std::iter::zip(a.data(), b.data())
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    let mean = squares / (a.data().len() as f64 * 0.75);
    10.0 * (255.0f64.powi(2) / mean.max(1e-9)).log10()
}

#[test]
fn coloured_text_gets_its_colours_back() {
    let size = Size::new(150, 90);
    for (ink, paper) in [
        ([30.0, 20.0, 200.0], [255.0, 255.0, 255.0]),
        ([200.0, 120.0, 40.0], [20.0, 20.0, 20.0]),
        ([60.0, 200.0, 90.0], [120.0, 20.0, 60.0]),
    ] {
        let truth = coloured_text(size, ink, paper);
        let mut sent = Yuv420Picture::new(size);
        bgra_to_yuv420(&truth, &size.to_rect(), &mut sent);
        let (mut plain, mut guided) = (Picture::new(size), Picture::new(size));
        yuv420_to_bgra(&sent.planes(), &size.to_rect(), &mut plain.as_mut());
        yuv420_to_bgra_guided(&sent.planes(), &size.to_rect(), &mut guided.as_mut());
        let (plain, guided) = (error_db(&plain, &truth), error_db(&guided, &truth));
        assert!(
            guided > plain + 8.0 && guided > 34.0,
            "{ink:?} on {paper:?}: {plain:.1} dB, guided {guided:.1} dB"
        );
    }
}

#[test]
fn bands_on_several_threads_are_one_picture() {
    let size = Size::new(901, 777);
    let picture = noisy(size, 77, 3);
    let rect = Rect::new(3, 5, 899, 774);
    let draw = || {
        let mut out = Picture::filled(size, [1, 2, 3, 4]);
        yuv420_to_bgra_guided(&picture.planes(), &rect, &mut out.as_mut());
        out
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build();
    assert!(draw() == pool.unwrap().install(draw));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rectangle_is_what_the_definition_says_and_nothing_else_is_touched(
        width in 1u32..300, height in 1u32..12, seed in any::<u32>(), shift in 0u32..6,
        corners in any::<[u16; 4]>(),
    ) {
        let size = Size::new(width, height);
        let picture = noisy(size, seed, shift);
        let planes = picture.planes();
        let rect = Rect::new(
            i32::from(corners[0] % 300) - 2,
            i32::from(corners[1] % 12) - 2,
            i32::from(corners[2] % 310),
            i32::from(corners[3] % 14),
        );
        let untouched = [1, 2, 3, 4];
        let mut out = Picture::filled(size, untouched);
        yuv420_to_bgra_guided(&planes, &rect, &mut out.as_mut());
        for y in 0..height {
            for x in 0..width {
                let at = Point::new(x as i32, y as i32);
                let actual = out.pixel(at);
                if rect.contains(at) {
                    let wanted = by_definition(&planes, x.into(), y.into());
                    let is_close = std::iter::zip(actual, wanted).all(|(a, b)| a.abs_diff(b) <= 1);
                    prop_assert!(is_close, "{:?} for {:?} at {:?}", actual, wanted, at);
                } else {
                    prop_assert_eq!(actual, untouched);
                }
            }
        }
    }
}
