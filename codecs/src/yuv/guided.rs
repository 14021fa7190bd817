//! Planes of 4:2:0 to BGRA, with the chroma that was averaged away found again by the luma.
//!
//! A 4:2:0 picture has one chroma sample for a block of 2×2 pixels, which makes small coloured text
//! a blur. But where two colours meet, which is what text and edges are, every pixel is a mixture
//! of the two, and its chroma is a linear function of its luma. That function is a straight line
//! through what is known: the averages of the blocks around. So:
//!
//! ```text
//!  block averages of luma and chroma, 3×3 blocks ─▶ regression: slope of Cb and Cr over luma,
//!                                                    and how much of the chroma it explains
//!  pixel's chroma = trust · (block's chroma + slope · (pixel's luma − block's luma))
//!                 + (1 − trust) · bilinear between block centres
//! ```
//!
//! The average of a block stays what was sent, so nothing is invented on the whole, and where luma
//! does not explain the chroma (two colours of equal luma, noise) what is left is the usual
//! bilinear filter. Chroma is taken to lie in the middle of its block, which is how servers that
//! average blocks sample it.
//!
//! The GPU does the same in `yuv420.wgsl`.

use super::coefficients as k;
use super::plane::{Plane, Yuv420Planes};
use crate::geometry::Rect;
use crate::picture::{BYTES_PER_PIXEL, PictureMut};
use crate::simd::dispatch;

/// The numbers of the reconstruction, for CPU and shaders alike; samples go from 0 to 255.
pub mod parameters {
    /// Added to the variance of luma, so that noise on a flat ground yields no slope.
    pub const LUMA_NOISE: f32 = 16.0;
    /// Added to the variance of chroma, so that rounding does not count as colour.
    pub const CHROMA_NOISE: f32 = 0.5;
    /// Steps of chroma for one of luma, at most: pure blue beside black has 7, and 3 lose little.
    pub const STEEPEST: f32 = 3.0;
    /// Share of the chroma's variance that luma must explain to be trusted at all.
    pub const LEAST_SHARE: f32 = 0.5;
    /// Share from which on it is trusted wholly.
    pub const FULL_SHARE: f32 = 0.9;
}
use parameters as p;

/// How the chroma of 4:2:0 comes to each pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ChromaUpsampling {
    /// Every pixel takes its block's: quick, and coarse.
    Block,
    /// Guided by the luma.
    #[default]
    Guided,
}

/// Blocks that are worked on at a time: their rows stay in the nearest cache, and every loop has a
/// known length, which is what lets it be vectorised.
const SPAN: usize = 64;
/// With the neighbours left and right.
const WIDE: usize = SPAN + 2;

/// Converts the pixels of `rect` from `planes` to the same place in `out`, alpha 255, with chroma
/// guided by luma.
///
/// `rect` is clipped to both. Pixels of up to three columns and rows beyond `rect` are looked at.
pub fn yuv420_to_bgra_guided(planes: &Yuv420Planes<'_>, rect: &Rect, out: &mut PictureMut<'_>) {
    dispatch(
        #[inline(always)]
        || convert(planes, rect, out),
    );
}

#[inline(always)]
fn convert(planes: &Yuv420Planes<'_>, rect: &Rect, out: &mut PictureMut<'_>) {
    let rect = rect
        .intersect(&planes.size().to_rect())
        .intersect(&out.size().to_rect());
    if rect.is_empty() {
        return;
    }
    let blocks = planes.cb().size();
    let (first_row, last_row) = (rect.top as usize / 2, (rect.bottom as usize - 1) / 2);
    let (mut left, right) = (rect.left as usize / 2, (rect.right as usize - 1) / 2 + 1);
    let mut rows = [BlockRow::ZERO; 3];
    let [mut above, mut here, mut below] = rows.each_mut();
    let mut slopes = Slopes::ZERO;
    while left < right {
        let span = Span {
            left,
            count: (right - left).min(SPAN),
            last: blocks.width as usize - 1,
        };
        above.load(planes, first_row.saturating_sub(1), &span);
        here.load(planes, first_row, &span);
        for row in first_row..=last_row {
            let next = (row + 1).min(blocks.height as usize - 1);
            below.load(planes, next, &span);
            let part = span.pixels(row).intersect(&rect);
            if let Some(chroma) = above.same_chroma(here, below) {
                paint_flat(planes, &part, chroma, out);
            } else {
                slopes.find(above, here, below);
                for (y, near) in [(2 * row, &*above), (2 * row + 1, &*below)] {
                    if (part.top..part.bottom).contains(&(y as i32)) {
                        paint_row(planes, y, &span, here, near, &slopes, &part, out);
                    }
                }
            }
            (above, here, below) = (here, below, above);
        }
        left += span.count;
    }
}

/// A run of blocks, and the last block of the picture.
struct Span {
    left: usize,
    count: usize,
    last: usize,
}

impl Span {
    /// The pixels of its blocks in a row.
    fn pixels(&self, row: usize) -> Rect {
        Rect::new(
            2 * self.left as i32,
            2 * row as i32,
            2 * (self.left + self.count) as i32,
            2 * row as i32 + 2,
        )
    }
}

/// Averages of a row of blocks, each less the middle of its range: small numbers keep what is
/// added up of their products exact. Block `Span::left - 1` is at index 0; beyond the picture its
/// edge is repeated, and beyond the span whatever.
#[derive(Clone)]
struct BlockRow {
    /// Sum of the four pixels less 512.
    luma: [f32; WIDE],
    cb: [f32; WIDE],
    cr: [f32; WIDE],
    /// The one chroma of all blocks, if they have one.
    flat: Option<(u8, u8)>,
}

impl BlockRow {
    const ZERO: Self = Self {
        luma: [0.0; WIDE],
        cb: [0.0; WIDE],
        cr: [0.0; WIDE],
        flat: None,
    };

    #[inline(always)]
    fn load(&mut self, planes: &Yuv420Planes<'_>, row: usize, span: &Span) {
        let (cb, cr) = (sample_row(&planes.cb(), row), sample_row(&planes.cr(), row));
        let outer = span.left.saturating_sub(1)..(span.left + span.count + 1).min(span.last + 1);
        let first = (cb[outer.start], cr[outer.start]);
        let is_flat = cb[outer.clone()].iter().all(|&sample| sample == first.0)
            && cr[outer].iter().all(|&sample| sample == first.1);
        self.flat = is_flat.then_some(first);
        let luma = planes.luma();
        let last_x = luma.size().width as usize - 1;
        let upper = sample_row(&luma, 2 * row);
        let lower = sample_row(&luma, (2 * row + 1).min(luma.size().height as usize - 1));
        // What lies inside in one go, the two neighbours and an odd last column by themselves.
        let columns = luma.size().width as usize / 2;
        let whole = span.count.min(columns.saturating_sub(span.left));
        let pairs = 2 * span.left..2 * (span.left + whole);
        for ((out, upper), lower) in self.luma[1..]
            .iter_mut()
            .zip(upper[pairs.clone()].as_chunks::<2>().0)
            .zip(lower[pairs].as_chunks::<2>().0)
        {
            let all = [upper[0], upper[1], lower[0], lower[1]];
            let sum = all.map(u16::from).iter().sum::<u16>();
            *out = f32::from(sum) - 512.0;
        }
        let samples = span.left..span.left + span.count;
        let zero = f32::from(k::CHROMA_ZERO);
        for (out, sample) in self.cb[1..].iter_mut().zip(&cb[samples.clone()]) {
            *out = f32::from(*sample) - zero;
        }
        for (out, sample) in self.cr[1..].iter_mut().zip(&cr[samples]) {
            *out = f32::from(*sample) - zero;
        }
        let edges = [0, span.count + 1];
        for at in edges.into_iter().chain(whole + 1..span.count + 1) {
            let block = (span.left + at).saturating_sub(1).min(span.last);
            let (x, next) = (2 * block, (2 * block + 1).min(last_x));
            let all = [upper[x], upper[next], lower[x], lower[next]];
            self.luma[at] = f32::from(all.map(u16::from).iter().sum::<u16>()) - 512.0;
            self.cb[at] = f32::from(cb[block]) - zero;
            self.cr[at] = f32::from(cr[block]) - zero;
        }
    }

    /// The one chroma of these rows, if they have one: then it is that of every pixel.
    fn same_chroma(&self, here: &Self, below: &Self) -> Option<(u8, u8)> {
        let chroma = self.flat?;
        (here.flat == Some(chroma) && below.flat == Some(chroma)).then_some(chroma)
    }
}

/// What the luma of a block's pixels says about their chroma.
struct Slopes {
    cb: [f32; SPAN],
    cr: [f32; SPAN],
    trust: [f32; SPAN],
}

impl Slopes {
    const ZERO: Self = Self {
        cb: [0.0; SPAN],
        cr: [0.0; SPAN],
        trust: [0.0; SPAN],
    };

    /// A regression for each block over the 3×3 blocks around it.
    #[inline(always)]
    fn find(&mut self, above: &BlockRow, here: &BlockRow, below: &BlockRow) {
        // Luma comes in sums of four pixels.
        const LUMA: f32 = 1.0 / (9.0 * 9.0 * 16.0);
        const BOTH: f32 = 1.0 / (9.0 * 9.0 * 4.0);
        const CHROMA: f32 = 1.0 / (9.0 * 9.0);
        // Over the columns first: each of the sums serves three blocks.
        let mut luma = [0.0; WIDE];
        let mut cb = [0.0; WIDE];
        let mut cr = [0.0; WIDE];
        let mut luma_luma = [0.0; WIDE];
        let mut luma_cb = [0.0; WIDE];
        let mut luma_cr = [0.0; WIDE];
        let mut chroma = [0.0; WIDE];
        for at in 0..WIDE {
            let (l0, l1, l2) = (above.luma[at], here.luma[at], below.luma[at]);
            let (b0, b1, b2) = (above.cb[at], here.cb[at], below.cb[at]);
            let (r0, r1, r2) = (above.cr[at], here.cr[at], below.cr[at]);
            luma[at] = l0 + l1 + l2;
            cb[at] = b0 + b1 + b2;
            cr[at] = r0 + r1 + r2;
            luma_luma[at] = l0 * l0 + l1 * l1 + l2 * l2;
            luma_cb[at] = l0 * b0 + l1 * b1 + l2 * b2;
            luma_cr[at] = l0 * r0 + l1 * r1 + l2 * r2;
            chroma[at] = (b0 * b0 + b1 * b1 + b2 * b2) + (r0 * r0 + r1 * r1 + r2 * r2);
        }
        for at in 0..SPAN {
            let three = |of: &[f32; WIDE]| of[at] + of[at + 1] + of[at + 2];
            let (l, b, r) = (three(&luma), three(&cb), three(&cr));
            let luma_variance = (9.0 * three(&luma_luma) - l * l) * LUMA;
            let with_cb = (9.0 * three(&luma_cb) - l * b) * BOTH;
            let with_cr = (9.0 * three(&luma_cr) - l * r) * BOTH;
            let variance = (9.0 * three(&chroma) - b * b - r * r) * CHROMA;
            let scale = 1.0 / (luma_variance + p::LUMA_NOISE);
            let slope_cb = between(with_cb * scale, -p::STEEPEST, p::STEEPEST);
            let slope_cr = between(with_cr * scale, -p::STEEPEST, p::STEEPEST);
            let unexplained = variance - 2.0 * (slope_cb * with_cb + slope_cr * with_cr)
                + (slope_cb * slope_cb + slope_cr * slope_cr) * luma_variance;
            let share = 1.0 - unexplained / (variance + p::CHROMA_NOISE);
            let trust = (share - p::LEAST_SHARE) * const { 1.0 / (p::FULL_SHARE - p::LEAST_SHARE) };
            self.cb[at] = slope_cb;
            self.cr[at] = slope_cr;
            self.trust[at] = between(trust, 0.0, 1.0);
        }
    }
}

/// Row `y` of the pixels of blocks `here`, whose nearer neighbours up or down are `near`.
#[expect(
    clippy::too_many_arguments,
    reason = "the inner loop, taken out to be read"
)]
#[inline(always)]
fn paint_row(
    planes: &Yuv420Planes<'_>,
    y: usize,
    span: &Span,
    here: &BlockRow,
    near: &BlockRow,
    slopes: &Slopes,
    part: &Rect,
    out: &mut PictureMut<'_>,
) {
    let first_x = 2 * span.left;
    let samples = sample_row(&planes.luma(), y);
    let samples = &samples[first_x..samples.len().min(first_x + 2 * span.count)];
    let mut luma = [[0.0; SPAN]; 2];
    let (pairs, odd) = samples.as_chunks::<2>();
    for (at, pair) in pairs.iter().take(SPAN).enumerate() {
        luma[0][at] = f32::from(pair[0]);
        luma[1][at] = f32::from(pair[1]);
    }
    if let (Some(&odd), Some(at)) = (odd.first(), luma[0].get_mut(pairs.len())) {
        *at = f32::from(odd);
    }
    // Between block centres: three parts of this row and one of the other, in quarters.
    let mut cb = [0.0; WIDE];
    let mut cr = [0.0; WIDE];
    for at in 0..WIDE {
        cb[at] = 3.0 * here.cb[at] + near.cb[at];
        cr[at] = 3.0 * here.cr[at] + near.cr[at];
    }
    let mut pixels = [[0u32; SPAN]; 2];
    for (side, (pixels, luma)) in pixels.iter_mut().zip(&luma).enumerate() {
        let beside_cb: &[f32; SPAN] = side_of(&cb, side);
        let beside_cr: &[f32; SPAN] = side_of(&cr, side);
        for at in 0..SPAN {
            let smooth_cb = (3.0 * cb[at + 1] + beside_cb[at]) * (1.0 / 16.0);
            let smooth_cr = (3.0 * cr[at + 1] + beside_cr[at]) * (1.0 / 16.0);
            let y = luma[at];
            let off = y - (here.luma[at + 1] * 0.25 + 128.0);
            let guided_cb = here.cb[at + 1] + slopes.cb[at] * off;
            let guided_cr = here.cr[at + 1] + slopes.cr[at] * off;
            let trust = slopes.trust[at];
            let cb = between(smooth_cb + trust * (guided_cb - smooth_cb), -128.0, 127.0);
            let cr = between(smooth_cr + trust * (guided_cr - smooth_cr), -128.0, 127.0);
            pixels[at] = channel(y + k::BLUE_FROM_CB * cb)
                | channel(y + k::GREEN_FROM_CB * cb + k::GREEN_FROM_CR * cr) << 8
                | channel(y + k::RED_FROM_CR * cr) << 16
                | 0xff00_0000;
        }
    }
    let mut row = [0u32; 2 * SPAN];
    let [left, right] = &pixels;
    for (out, (left, right)) in row
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(left.iter().zip(right))
    {
        *out = [*left, *right];
    }
    let columns = part.left as usize..part.right as usize;
    let target =
        &mut out.row_mut(y as u32)[columns.start * BYTES_PER_PIXEL..columns.end * BYTES_PER_PIXEL];
    let painted = &row[columns.start - first_x..columns.end - first_x];
    for (target, pixel) in target.as_chunks_mut::<4>().0.iter_mut().zip(painted) {
        *target = pixel.to_le_bytes();
    }
}

/// The blocks left (0) or right (1) of each of a span.
#[inline(always)]
fn side_of(wide: &[f32; WIDE], side: usize) -> &[f32; SPAN] {
    let side: &[f32] = if side == 0 { &wide[..SPAN] } else { &wide[2..] };
    side.try_into().unwrap_or(&[0.0; SPAN])
}

/// `f32::clamp` without its care for what is no number, which is worth two instructions.
#[inline(always)]
fn between(value: f32, least: f32, most: f32) -> f32 {
    let value = if value < least { least } else { value };
    if value > most { most } else { value }
}

/// A channel's value to the nearest whole number from 0 to 255: at 2^23 the fraction of a float has
/// no room left.
#[inline(always)]
fn channel(value: f32) -> u32 {
    (between(value, 0.0, 255.0) + 8_388_608.0).to_bits() & 0xff
}

/// Pixels that all have one chroma.
#[inline(always)]
fn paint_flat(
    planes: &Yuv420Planes<'_>,
    part: &Rect,
    (cb, cr): (u8, u8),
    out: &mut PictureMut<'_>,
) {
    let (cb, cr) = (
        f32::from(cb) - f32::from(k::CHROMA_ZERO),
        f32::from(cr) - f32::from(k::CHROMA_ZERO),
    );
    let off = [
        k::BLUE_FROM_CB * cb,
        k::GREEN_FROM_CB * cb + k::GREEN_FROM_CR * cr,
        k::RED_FROM_CR * cr,
    ];
    let columns = part.left as usize..part.right as usize;
    for y in part.top as u32..part.bottom as u32 {
        let samples = &sample_row(&planes.luma(), y as usize)[columns.clone()];
        let target =
            &mut out.row_mut(y)[columns.start * BYTES_PER_PIXEL..columns.end * BYTES_PER_PIXEL];
        for (target, &luma) in target.as_chunks_mut::<4>().0.iter_mut().zip(samples) {
            let luma = f32::from(luma);
            let pixel = channel(luma + off[0])
                | channel(luma + off[1]) << 8
                | channel(luma + off[2]) << 16
                | 0xff00_0000;
            *target = pixel.to_le_bytes();
        }
    }
}

/// A row inside of the plane.
fn sample_row<'a>(plane: &Plane<'a>, y: usize) -> &'a [u8] {
    plane.row(y as u32).unwrap_or_default()
}

#[cfg(test)]
#[path = "guided_tests.rs"]
mod tests;
