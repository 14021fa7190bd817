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
const SPAN: usize = 48;
/// With the neighbours left and right, and what makes that a multiple of a vector's length.
const WIDE: usize = SPAN + 16;

/// Pixels that are worth another thread.
const BAND_PX: u64 = 1 << 17;

/// Fractional bits of chroma and colours on their way to a pixel, in numbers of 16 bits.
const COLOR_BITS: u32 = 5;
/// Those of differences of luma from its block's.
const LUMA_BITS: u32 = 7;
/// Those of slopes.
const SLOPE_BITS: u32 = 13;
// All that they are must fit.
const _: () = {
    assert!(p::STEEPEST < (1 << (15 - SLOPE_BITS)) as f32);
    assert!(p::STEEPEST * 255.0 + 128.0 < (1 << (15 - COLOR_BITS)) as f32);
    assert!(255 << LUMA_BITS <= i16::MAX as i32);
};

/// Converts the pixels of `rect` from `planes` to the same place in `out`, alpha 255, with chroma
/// guided by luma.
///
/// `rect` is clipped to both. Pixels of up to three columns and rows beyond `rect` are looked at.
/// Where the caller runs in a pool of `rayon`, bands of a large rectangle are drawn in parallel.
pub fn yuv420_to_bgra_guided(planes: &Yuv420Planes<'_>, rect: &Rect, out: &mut PictureMut<'_>) {
    let rect = rect
        .intersect(&planes.size().to_rect())
        .intersect(&out.size().to_rect());
    let (size, stride_bytes) = (out.size(), out.stride_bytes());
    if let Some(out) = PictureMut::new(out.data_mut(), size, stride_bytes) {
        convert_bands(planes, &rect, out, 0);
    }
}

/// Converts into a picture whose first row is row `top`.
fn convert_bands(planes: &Yuv420Planes<'_>, rect: &Rect, mut out: PictureMut<'_>, top: i32) {
    // Where rows of blocks begin: no block is looked at twice as often as it must be.
    let middle = i32::midpoint(rect.top, rect.bottom) & !1;
    let is_large = rect.size().area() > BAND_PX && middle > rect.top;
    if !is_large || rayon::current_thread_index().is_none() {
        dispatch(
            #[inline(always)]
            || convert(planes, rect, &mut out, top),
        );
        return;
    }
    let (above, below) = out.split_at_row((middle - top) as u32);
    let (upper, lower) = (
        Rect {
            bottom: middle,
            ..*rect
        },
        Rect {
            top: middle,
            ..*rect
        },
    );
    rayon::join(
        || convert_bands(planes, &upper, above, top),
        || convert_bands(planes, &lower, below, middle),
    );
}

#[inline(always)]
fn convert(planes: &Yuv420Planes<'_>, rect: &Rect, out: &mut PictureMut<'_>, top: i32) {
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
            let part = span.pixels(row).intersect(rect);
            if let Some(chroma) = above.same_chroma(here, below) {
                paint_flat(planes, &part, chroma, out, top);
            } else {
                for row in [&mut *above, here, below] {
                    row.sum_once();
                }
                slopes.find(&above.sums, &here.sums, &below.sums);
                for (y, near) in [(2 * row, &*above), (2 * row + 1, &*below)] {
                    if (part.top..part.bottom).contains(&(y as i32)) {
                        paint_row(planes, y, &span, here, near, &slopes, &part, out, top);
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
    luma: [i16; WIDE],
    cb: [i16; WIDE],
    cr: [i16; WIDE],
    sums: Sums,
    has_sums: bool,
    /// The one chroma of all blocks, if they have one.
    flat: Option<(u8, u8)>,
}

/// Over each block of a span and those left and right of it.
#[derive(Clone)]
struct Sums {
    luma: [f32; SPAN],
    cb: [f32; SPAN],
    cr: [f32; SPAN],
    luma_luma: [f32; SPAN],
    luma_cb: [f32; SPAN],
    luma_cr: [f32; SPAN],
    /// Both squared.
    chroma: [f32; SPAN],
}

impl BlockRow {
    const ZERO: Self = Self {
        luma: [0; WIDE],
        cb: [0; WIDE],
        cr: [0; WIDE],
        sums: Sums {
            luma: [0.0; SPAN],
            cb: [0.0; SPAN],
            cr: [0.0; SPAN],
            luma_luma: [0.0; SPAN],
            luma_cb: [0.0; SPAN],
            luma_cr: [0.0; SPAN],
            chroma: [0.0; SPAN],
        },
        has_sums: false,
        flat: None,
    };

    #[inline(always)]
    fn load(&mut self, planes: &Yuv420Planes<'_>, row: usize, span: &Span) {
        let (cb, cr) = (sample_row(&planes.cb(), row), sample_row(&planes.cr(), row));
        let outer = span.left.saturating_sub(1)..(span.left + span.count + 1).min(span.last + 1);
        let first = (cb[outer.start], cr[outer.start]);
        let differs = |samples: &[u8], first| samples.iter().fold(0, |any, at| any | (at ^ first));
        let is_flat = differs(&cb[outer.clone()], first.0) | differs(&cr[outer], first.1) == 0;
        self.flat = is_flat.then_some(first);
        self.has_sums = false;
        let luma = planes.luma();
        let upper = sample_row(&luma, 2 * row);
        let lower = sample_row(&luma, (2 * row + 1).min(luma.size().height as usize - 1));
        // From the block left of the span on, if there is one, to what these rows have room for.
        let start = span.left.saturating_sub(1);
        let begin = start + 1 - span.left;
        let zero = i16::from(k::CHROMA_ZERO);
        let samples = start..(start + WIDE - begin).min(span.last + 1);
        for (out, sample) in self.cb[begin..].iter_mut().zip(&cb[samples.clone()]) {
            *out = i16::from(*sample) - zero;
        }
        for (out, sample) in self.cr[begin..].iter_mut().zip(&cr[samples.clone()]) {
            *out = i16::from(*sample) - zero;
        }
        let (upper_pairs, upper_odd) = upper[2 * start..].as_chunks::<2>();
        let (lower_pairs, lower_odd) = lower[2 * start..].as_chunks::<2>();
        for ((out, upper), lower) in self.luma[begin..]
            .iter_mut()
            .zip(upper_pairs)
            .zip(lower_pairs)
        {
            let ([a, b], [c, d]) = (split(*upper), split(*lower));
            *out = a + b + c + d - 512;
        }
        // The last column of an odd number of them counts twice.
        if let ([upper], [lower]) = (upper_odd, lower_odd)
            && let Some(out) = self.luma[begin..].get_mut(upper_pairs.len())
        {
            *out = 2 * (i16::from(*upper) + i16::from(*lower)) - 512;
        }
        // Beyond the picture its edge is repeated.
        for values in [&mut self.luma, &mut self.cb, &mut self.cr] {
            if span.left == 0 {
                values[0] = values[1];
            }
            if span.left + span.count > span.last {
                values[span.count + 1] = values[span.count];
            }
        }
    }

    /// Adds up what the regressions of this row of blocks and of those beside it need.
    #[inline(always)]
    fn sum_once(&mut self) {
        if std::mem::replace(&mut self.has_sums, true) {
            return;
        }
        let mut luma = [0.0; WIDE];
        let mut cb = [0.0; WIDE];
        let mut cr = [0.0; WIDE];
        let mut luma_luma = [0.0; WIDE];
        let mut luma_cb = [0.0; WIDE];
        let mut luma_cr = [0.0; WIDE];
        let mut chroma = [0.0; WIDE];
        for at in 0..WIDE {
            let (l, b, r) = (
                f32::from(self.luma[at]),
                f32::from(self.cb[at]),
                f32::from(self.cr[at]),
            );
            luma[at] = l;
            cb[at] = b;
            cr[at] = r;
            luma_luma[at] = l * l;
            luma_cb[at] = l * b;
            luma_cr[at] = l * r;
            chroma[at] = b * b + r * r;
        }
        self.sums = Sums {
            luma: three(&luma),
            cb: three(&cb),
            cr: three(&cr),
            luma_luma: three(&luma_luma),
            luma_cb: three(&luma_cb),
            luma_cr: three(&luma_cr),
            chroma: three(&chroma),
        };
    }

    /// The one chroma of these rows, if they have one: then it is that of every pixel.
    fn same_chroma(&self, here: &Self, below: &Self) -> Option<(u8, u8)> {
        let chroma = self.flat?;
        (here.flat == Some(chroma) && below.flat == Some(chroma)).then_some(chroma)
    }
}

/// Each number of a span with those left and right of it.
#[inline(always)]
fn three(of: &[f32; WIDE]) -> [f32; SPAN] {
    let mut sums = [0.0; SPAN];
    for at in 0..SPAN {
        sums[at] = of[at] + of[at + 1] + of[at + 2];
    }
    sums
}

/// What the luma of a block's pixels says about their chroma.
struct Slopes {
    /// As far as they are trusted, with [`SLOPE_BITS`].
    cb: [i16; SPAN],
    cr: [i16; SPAN],
    /// Of 32767.
    trust: [i16; SPAN],
}

impl Slopes {
    const ZERO: Self = Self {
        cb: [0; SPAN],
        cr: [0; SPAN],
        trust: [0; SPAN],
    };

    /// A regression for each block over the 3×3 blocks around it.
    #[inline(always)]
    fn find(&mut self, above: &Sums, here: &Sums, below: &Sums) {
        // Luma comes in sums of four pixels.
        const LUMA: f32 = 1.0 / (9.0 * 9.0 * 16.0);
        const BOTH: f32 = 1.0 / (9.0 * 9.0 * 4.0);
        const CHROMA: f32 = 1.0 / (9.0 * 9.0);
        const SLOPE: f32 = (1 << SLOPE_BITS) as f32;
        for at in 0..SPAN {
            let luma = above.luma[at] + here.luma[at] + below.luma[at];
            let cb = above.cb[at] + here.cb[at] + below.cb[at];
            let cr = above.cr[at] + here.cr[at] + below.cr[at];
            let luma_luma = above.luma_luma[at] + here.luma_luma[at] + below.luma_luma[at];
            let luma_cb = above.luma_cb[at] + here.luma_cb[at] + below.luma_cb[at];
            let luma_cr = above.luma_cr[at] + here.luma_cr[at] + below.luma_cr[at];
            let chroma = above.chroma[at] + here.chroma[at] + below.chroma[at];
            let luma_variance = (9.0 * luma_luma - luma * luma) * LUMA;
            let with_cb = (9.0 * luma_cb - luma * cb) * BOTH;
            let with_cr = (9.0 * luma_cr - luma * cr) * BOTH;
            let variance = (9.0 * chroma - cb * cb - cr * cr) * CHROMA;
            let scale = 1.0 / (luma_variance + p::LUMA_NOISE);
            let slope_cb = between(with_cb * scale, -p::STEEPEST, p::STEEPEST);
            let slope_cr = between(with_cr * scale, -p::STEEPEST, p::STEEPEST);
            let unexplained = variance - 2.0 * (slope_cb * with_cb + slope_cr * with_cr)
                + (slope_cb * slope_cb + slope_cr * slope_cr) * luma_variance;
            let share = 1.0 - unexplained / (variance + p::CHROMA_NOISE);
            let trust = (share - p::LEAST_SHARE) * const { 1.0 / (p::FULL_SHARE - p::LEAST_SHARE) };
            let trust = between(trust, 0.0, 1.0);
            self.cb[at] = nearest(slope_cb * (trust * SLOPE));
            self.cr[at] = nearest(slope_cr * (trust * SLOPE));
            self.trust[at] = nearest(trust * 32767.0);
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
    top: i32,
) {
    let first_x = 2 * span.left;
    let samples = sample_row(&planes.luma(), y);
    let samples = &samples[first_x..samples.len().min(first_x + 2 * span.count)];
    let mut padded = [[0; 2]; SPAN];
    let pairs = samples.as_chunks().0.first_chunk().unwrap_or_else(|| {
        padded.as_flattened_mut()[..samples.len()].copy_from_slice(samples);
        &padded
    });
    let mut luma = [[0; SPAN]; 2];
    for at in 0..SPAN {
        [luma[0][at], luma[1][at]] = split(pairs[at]);
    }
    // Between block centres: three parts of this row and one of the other, in quarters.
    let mut cb = [0; WIDE];
    let mut cr = [0; WIDE];
    for at in 0..WIDE {
        cb[at] = 3 * here.cb[at] + near.cb[at];
        cr[at] = 3 * here.cr[at] + near.cr[at];
    }
    let mut halves = [[0u16; SPAN]; 4];
    let (left, right) = halves.split_at_mut(2);
    for (side, (pixels, luma)) in [left, right].into_iter().zip(&luma).enumerate() {
        let beside_cb: &[i16; SPAN] = side_of(&cb, side);
        let beside_cr: &[i16; SPAN] = side_of(&cr, side);
        let [low, high] = pixels else { continue };
        for at in 0..SPAN {
            let y = luma[at];
            let off = (4 * y - (here.luma[at + 1] + 512)) << (LUMA_BITS - 2);
            let trust = slopes.trust[at];
            // In sixteenths.
            let (block_cb, smooth_cb) = (16 * here.cb[at + 1], 3 * cb[at + 1] + beside_cb[at]);
            let (block_cr, smooth_cr) = (16 * here.cr[at + 1], 3 * cr[at + 1] + beside_cr[at]);
            let cb = guide(block_cb, smooth_cb, trust) + along(off, slopes.cb[at]);
            let cr = guide(block_cr, smooth_cr, trust) + along(off, slopes.cr[at]);
            let (cb, cr) = (in_range(cb), in_range(cr));
            [low[at], high[at]] = pixel(y, offsets(cb, cr));
        }
    }
    let columns = part.left as usize..part.right as usize;
    let target = &mut out.row_mut(y as u32 - top as u32)
        [columns.start * BYTES_PER_PIXEL..columns.end * BYTES_PER_PIXEL];
    if let Some(target) = target.as_chunks_mut().0.first_chunk_mut() {
        interleave(&halves, target);
    } else {
        let mut row = [[0; 2 * BYTES_PER_PIXEL]; SPAN];
        interleave(&halves, &mut row);
        let from = (columns.start - first_x) * BYTES_PER_PIXEL;
        target.copy_from_slice(&row.as_flattened()[from..from + target.len()]);
    }
}

/// Pairs of pixels from their halves: blue and green, red and alpha, of the left and of the right.
#[inline(always)]
fn interleave(halves: &[[u16; SPAN]; 4], out: &mut [[u8; 2 * BYTES_PER_PIXEL]; SPAN]) {
    let [low, high, next_low, next_high] = halves;
    for (at, out) in out.iter_mut().enumerate() {
        let (pairs, _) = out.as_chunks_mut::<2>();
        for (pair, half) in pairs.iter_mut().zip([low, high, next_low, next_high]) {
            *pair = half[at].to_le_bytes();
        }
    }
}

/// The blocks left (0) or right (1) of each of a span.
#[inline(always)]
fn side_of(wide: &[i16; WIDE], side: usize) -> &[i16; SPAN] {
    let side = &wide[2 * side..];
    side.first_chunk().unwrap_or(&[0; SPAN])
}

/// A pair of samples, by shifts, which every processor has for many at once.
#[inline(always)]
fn split(pair: [u8; 2]) -> [i16; 2] {
    let pair = u16::from_le_bytes(pair);
    [(pair & 0xff) as i16, (pair >> 8) as i16]
}

/// `f32::clamp` without its care for what is no number, which is worth two instructions.
#[inline(always)]
fn between(value: f32, least: f32, most: f32) -> f32 {
    let value = if value < least { least } else { value };
    if value > most { most } else { value }
}

/// The nearest whole number: at 2^23 the fraction of a float has no room left.
#[inline(always)]
fn nearest(value: f32) -> i16 {
    (value + 12_582_912.0).to_bits() as i16
}

/// The upper half of a product: what one instruction makes of many at once.
#[inline(always)]
fn upper(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

/// Chroma between what is smooth and its block's, both in sixteenths, as far as luma is trusted;
/// with [`COLOR_BITS`].
#[inline(always)]
fn guide(block: i16, smooth: i16, trust: i16) -> i16 {
    const FROM_SIXTEENTHS: u32 = COLOR_BITS - 4;
    // All of trust is half of what `upper` divides by.
    let guided = upper((block - smooth) << (FROM_SIXTEENTHS + 1), trust);
    (smooth << FROM_SIXTEENTHS) + guided
}

/// What a difference of luma makes of chroma; with [`COLOR_BITS`].
#[inline(always)]
fn along(luma: i16, slope: i16) -> i16 {
    const _: () = assert!(LUMA_BITS + SLOPE_BITS - 16 == COLOR_BITS - 1);
    let half = upper(luma, slope);
    // Never out of range: a shift would keep compilers from that one instruction. The bit that is
    // not there counts half.
    half.saturating_add(half) + 1
}

/// Chroma with [`COLOR_BITS`] inside of what eight bits have.
#[inline(always)]
fn in_range(chroma: i16) -> i16 {
    chroma.clamp(-128 << COLOR_BITS, 127 << COLOR_BITS)
}

/// What chroma adds to luma for blue, green and red, all with [`COLOR_BITS`].
#[inline(always)]
fn offsets(cb: i16, cr: i16) -> [i16; 3] {
    // Of 2^16, and each less than a half: some are what is missing to the double.
    const fn fraction(value: f32) -> i16 {
        (value * 65536.0 + 0.5) as i16
    }
    const CB_SHORT_OF_BLUE: i16 = fraction(2.0 - k::BLUE_FROM_CB);
    const CR_SHORT_OF_RED: i16 = fraction(2.0 - k::RED_FROM_CR);
    const CB_FROM_GREEN: i16 = fraction(-k::GREEN_FROM_CB);
    const CR_FROM_GREEN: i16 = fraction(-k::GREEN_FROM_CR);
    [
        2 * cb - upper(cb, CB_SHORT_OF_BLUE),
        -upper(cb, CB_FROM_GREEN).saturating_add(upper(cr, CR_FROM_GREEN)),
        2 * cr - upper(cr, CR_SHORT_OF_RED),
    ]
}

/// An opaque pixel in two halves: blue and green, red and alpha.
#[inline(always)]
fn pixel(luma: i16, [blue, green, red]: [i16; 3]) -> [u16; 2] {
    const HALF: i16 = 1 << (COLOR_BITS - 1);
    let luma = (luma << COLOR_BITS) + HALF;
    let channel = |off: i16| ((luma + off) >> COLOR_BITS).clamp(0, 255) as u16;
    [channel(blue) | channel(green) << 8, channel(red) | 0xff00]
}

/// Pixels that all have one chroma.
#[inline(always)]
fn paint_flat(
    planes: &Yuv420Planes<'_>,
    part: &Rect,
    chroma: (u8, u8),
    out: &mut PictureMut<'_>,
    top: i32,
) {
    let less_zero = |sample: u8| (i16::from(sample) - i16::from(k::CHROMA_ZERO)) << COLOR_BITS;
    let off = offsets(less_zero(chroma.0), less_zero(chroma.1));
    let columns = part.left as usize..part.right as usize;
    for y in part.top as u32..part.bottom as u32 {
        let samples = &sample_row(&planes.luma(), y as usize)[columns.clone()];
        let target = &mut out.row_mut(y - top as u32)
            [columns.start * BYTES_PER_PIXEL..columns.end * BYTES_PER_PIXEL];
        for (target, &luma) in target.as_chunks_mut::<4>().0.iter_mut().zip(samples) {
            let [low, high] = pixel(luma.into(), off);
            *target = (u32::from(low) | u32::from(high) << 16).to_le_bytes();
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
