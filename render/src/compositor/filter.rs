//! Scaling on the CPU, and the choice of filter that both compositors share.
//!
//! Pixels hold sRGB, whose steps are even to the eye and not to the light: half of the light of
//! white is 188, not 128. Averages are those of light, as those of an eye are that looks from
//! afar; averaged as they are stored, thin letters would get darker and bright lines thinner.
//!
//! The GPU's twin is `oriel-shaders`' `scale.wgsl`.

use std::sync::LazyLock;

use oriel_codecs::{
    geometry::{Rect, Size},
    picture::{BYTES_PER_PIXEL, PictureMut},
};

/// Mitchell and Netravali's B and C, a third each: little ringing at the edges of letters, little
/// blur. The shader gets them as pipeline constants.
pub const MITCHELL_B: f32 = 1.0 / 3.0;
/// See [`MITCHELL_B`].
pub const MITCHELL_C: f32 = 1.0 / 3.0;

/// The kernel grows with the shrinking factor up to this one; beyond it pixels are skipped.
pub const MAX_SHRINK: f32 = 8.0;

/// Rows of output that share one pass over the source.
const BAND_ROWS: i32 = 32;

/// Where sRGB's curve begins to be one, its slope before that, and the curve's exponent and offset
/// (IEC 61966-2-1).
pub(crate) const SRGB_KNEE: f32 = 0.040_45;
/// See [`SRGB_KNEE`].
pub(crate) const SRGB_SLOPE: f32 = 12.92;
/// See [`SRGB_KNEE`].
pub(crate) const SRGB_EXPONENT: f32 = 2.4;
/// See [`SRGB_KNEE`].
pub(crate) const SRGB_OFFSET: f32 = 0.055;

/// The light of each value.
static LIGHT: LazyLock<[f32; 256]> =
    LazyLock::new(|| std::array::from_fn(|value| light_of(value as f32 / 255.0)));

/// Entries of [`VALUES`] beyond the first: enough that the first steps, which are the smallest of
/// them in light, are several entries wide.
const VALUE_STEPS: usize = 16 * 1024;

/// The value of each light, at even distances from 0 to 1, in units of 1 in 255.
static VALUES: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    let value = |at| 255.0 * value_of(at as f32 / VALUE_STEPS as f32) + 0.5;
    (0..=VALUE_STEPS).map(|at| value(at) as u8).collect()
});

/// The light of a value, both from 0 to 1.
fn light_of(value: f32) -> f32 {
    if value <= SRGB_KNEE {
        value / SRGB_SLOPE
    } else {
        ((value + SRGB_OFFSET) / (1.0 + SRGB_OFFSET)).powf(SRGB_EXPONENT)
    }
}

/// The value of a light, both from 0 to 1.
fn value_of(light: f32) -> f32 {
    if light <= SRGB_KNEE / SRGB_SLOPE {
        light * SRGB_SLOPE
    } else {
        (1.0 + SRGB_OFFSET) * light.powf(1.0 / SRGB_EXPONENT) - SRGB_OFFSET
    }
}

/// How a picture of one size becomes one of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// The sizes are the same.
    Exact,
    /// Every pixel becomes a block of whole pixels.
    Nearest,
    /// A cubic kernel, widened where the picture shrinks.
    Mitchell,
}

impl Filter {
    /// The filter for a picture of size `source` shown at size `target`.
    pub fn choose(source: Size, target: Size) -> Self {
        let whole = |source: u32, target: u32| source != 0 && target.is_multiple_of(source);
        if source == target {
            Filter::Exact
        } else if whole(source.width, target.width) && whole(source.height, target.height) {
            Filter::Nearest
        } else {
            Filter::Mitchell
        }
    }

    /// How many source pixels around a pixel change what is shown of it.
    pub fn reach_px(self, source: Size, target: Size) -> u32 {
        match self {
            Filter::Exact | Filter::Nearest => 0,
            Filter::Mitchell => {
                let axis = |source: u32, target: u32| {
                    (2.0 * kernel_stretch(source, target)).ceil() as u32 + 1
                };
                axis(source.width, target.width).max(axis(source.height, target.height))
            }
        }
    }
}

/// How much wider than two source pixels a side the kernel is.
pub(crate) fn kernel_stretch(source: u32, target: u32) -> f32 {
    (source as f32 / target.max(1) as f32).clamp(1.0, MAX_SHRINK)
}

/// The cubic kernel at `x`, which is 0 from 2 on.
fn mitchell(x: f32) -> f32 {
    let (b, c) = (MITCHELL_B, MITCHELL_C);
    let x = x.abs();
    if x < 1.0 {
        ((12.0 - 9.0 * b - 6.0 * c) * x * x * x
            + (-18.0 + 12.0 * b + 6.0 * c) * x * x
            + (6.0 - 2.0 * b))
            / 6.0
    } else if x < 2.0 {
        ((-b - 6.0 * c) * x * x * x
            + (6.0 * b + 30.0 * c) * x * x
            + (-12.0 * b - 48.0 * c) * x
            + (8.0 * b + 24.0 * c))
            / 6.0
    } else {
        0.0
    }
}

/// Which source pixels make one target pixel of one axis, and with what weight.
#[derive(Clone, Debug)]
struct Taps {
    /// First source pixel and first weight, a pair for each target pixel, and one past the end.
    spans: Vec<(u32, u32)>,
    weights: Vec<f32>,
}

impl Taps {
    fn new(source: u32, target: u32, filter: Filter) -> Self {
        let mut taps = Taps {
            spans: Vec::with_capacity(target as usize + 1),
            weights: Vec::new(),
        };
        let last = source.saturating_sub(1) as i64;
        for at in 0..target {
            let first_weight = taps.weights.len();
            if filter != Filter::Mitchell {
                let from = u64::from(at) * u64::from(source) / u64::from(target);
                taps.spans.push((from as u32, first_weight as u32));
                taps.weights.push(1.0);
                continue;
            }
            let stretch = kernel_stretch(source, target);
            let centre = (at as f32 + 0.5) * (source as f32 / target as f32) - 0.5;
            let low = (centre - 2.0 * stretch).ceil() as i64;
            let high = (centre + 2.0 * stretch).floor() as i64;
            let start = low.clamp(0, last);
            let end = high.clamp(0, last);
            taps.spans.push((start as u32, first_weight as u32));
            taps.weights
                .resize(first_weight + (end - start + 1) as usize, 0.0);
            // Beyond the edge the edge's pixel goes on.
            for from in low..=high {
                let slot = (from.clamp(0, last) - start) as usize;
                taps.weights[first_weight + slot] += mitchell((from as f32 - centre) / stretch);
            }
            let weights = &mut taps.weights[first_weight..];
            let sum: f32 = weights.iter().sum();
            for weight in weights {
                *weight /= sum;
            }
        }
        taps.spans.push((0, taps.weights.len() as u32));
        taps
    }

    /// First source pixel and the weights from there on.
    fn at(&self, target: u32) -> (usize, &[f32]) {
        let (start, first) = self.spans[target as usize];
        let end = self.spans[target as usize + 1].1;
        (start as usize, &self.weights[first as usize..end as usize])
    }
}

/// Scales pictures of one size to another; keeps its weights.
#[derive(Clone, Debug)]
pub struct Scaler {
    source: Size,
    target: Size,
    filter: Filter,
    columns: Taps,
    rows: Taps,
    /// Rows of the source, scaled across: light, four channels a pixel.
    band: Vec<f32>,
    /// A row of the target: light, likewise.
    row: Vec<f32>,
}

impl Scaler {
    /// A scaler; neither size may be empty.
    pub fn new(source: Size, target: Size) -> Self {
        let filter = Filter::choose(source, target);
        Self {
            source,
            target,
            filter,
            columns: Taps::new(source.width, target.width, filter),
            rows: Taps::new(source.height, target.height, filter),
            band: Vec::new(),
            row: Vec::new(),
        }
    }

    /// True for a scaler between these sizes.
    pub fn is_for(&self, source: Size, target: Size) -> bool {
        self.source == source && self.target == target
    }

    /// Writes the pixels `rect` of the scaled picture into `out`, whose size is that of `rect`.
    /// `source` holds rows of the source picture, tightly packed.
    ///
    /// # Panics
    /// If `rect` reaches outside of the scaled picture, or `source` or `out` has another size.
    pub fn scale(&mut self, source: &[u8], rect: &Rect, out: &mut PictureMut<'_>) {
        assert!(self.target.to_rect().contains_rect(rect) && out.size() == rect.size());
        assert_eq!(
            source.len() as u64,
            self.source.area() * BYTES_PER_PIXEL as u64
        );
        if self.filter != Filter::Mitchell {
            return self.scale_nearest(source, rect, out);
        }
        let mut top = rect.top;
        while top < rect.bottom {
            let bottom = (top + BAND_ROWS).min(rect.bottom);
            self.scale_band(source, rect, top, bottom, out);
            top = bottom;
        }
    }

    fn scale_nearest(&self, source: &[u8], rect: &Rect, out: &mut PictureMut<'_>) {
        let stride = self.source.width as usize * BYTES_PER_PIXEL;
        for y in rect.top..rect.bottom {
            let from = self.rows.at(y as u32).0 * stride;
            let from = &source[from..from + stride];
            let row = out.row_mut((y - rect.top) as u32);
            for (pixel, x) in row.chunks_exact_mut(BYTES_PER_PIXEL).zip(rect.left..) {
                let at = self.columns.at(x as u32).0 * BYTES_PER_PIXEL;
                pixel.copy_from_slice(&from[at..at + BYTES_PER_PIXEL]);
            }
        }
    }

    /// Filters across into `band`, every source row that rows `top..bottom` need, then down.
    fn scale_band(
        &mut self,
        source: &[u8],
        rect: &Rect,
        top: i32,
        bottom: i32,
        out: &mut PictureMut<'_>,
    ) {
        let stride = self.source.width as usize * BYTES_PER_PIXEL;
        let width = rect.width() as usize * BYTES_PER_PIXEL;
        let first = self.rows.at(top as u32).0;
        let (last, weights) = self.rows.at(bottom as u32 - 1);
        let count = last + weights.len() - first;
        let light = &*LIGHT;
        let values = &**VALUES;
        self.band.resize(count * width, 0.0);
        for (row, band) in self.band.chunks_exact_mut(width).enumerate() {
            let from = &source[(first + row) * stride..][..stride];
            for (sum, x) in band.chunks_exact_mut(BYTES_PER_PIXEL).zip(rect.left..) {
                let (start, weights) = self.columns.at(x as u32);
                let pixels = from[start * BYTES_PER_PIXEL..].chunks_exact(BYTES_PER_PIXEL);
                let mut total = [0.0f32; BYTES_PER_PIXEL];
                for (pixel, weight) in pixels.zip(weights) {
                    for channel in 0..BYTES_PER_PIXEL {
                        total[channel] += light[usize::from(pixel[channel])] * weight;
                    }
                }
                sum.copy_from_slice(&total);
            }
        }
        let total = &mut self.row;
        total.resize(width, 0.0);
        for y in top..bottom {
            let (start, weights) = self.rows.at(y as u32);
            total.fill(0.0);
            for (row, weight) in self.band[(start - first) * width..]
                .chunks_exact(width)
                .zip(weights)
            {
                for (sum, value) in total.iter_mut().zip(row) {
                    *sum += value * weight;
                }
            }
            let row = out.row_mut((y - rect.top) as u32);
            for (byte, sum) in row.iter_mut().zip(&*total) {
                // `as` saturates at 0; with the other end that is the clamp that the kernel's
                // negative lobes need.
                let at = (*sum * VALUE_STEPS as f32 + 0.5) as usize;
                *byte = values[at.min(VALUE_STEPS)];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oriel_codecs::picture::Picture;

    fn scaled(source: &Picture, target: Size) -> Picture {
        let mut out = Picture::new(target);
        Scaler::new(source.size(), target).scale(
            source.data(),
            &target.to_rect(),
            &mut out.as_mut(),
        );
        out
    }

    fn noise(size: Size) -> Picture {
        let mut state = 1u32;
        let data = (0..size.area() * 4)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        Picture::from_bgra(size, data).expect("as many bytes as the size says")
    }

    #[test]
    fn the_same_size_copies_and_whole_multiples_repeat() {
        let source = noise(Size::new(7, 5));
        assert_eq!(scaled(&source, source.size()), source);
        let double = scaled(&source, Size::new(14, 15));
        for y in 0..15 {
            for x in 0..14 {
                assert_eq!(
                    double.pixel(oriel_codecs::Point::new(x, y)),
                    source.pixel(oriel_codecs::Point::new(x / 2, y / 3))
                );
            }
        }
    }

    #[test]
    fn a_flat_picture_stays_flat_at_any_size() {
        let source = Picture::filled(Size::new(31, 17), [1, 200, 254, 255]);
        for target in [Size::new(50, 20), Size::new(13, 40), Size::new(1, 1)] {
            assert_eq!(
                scaled(&source, target),
                Picture::filled(target, [1, 200, 254, 255])
            );
        }
    }

    #[test]
    fn a_part_is_the_same_pixels_as_the_whole() {
        let source = noise(Size::new(90, 70));
        let target = Size::new(133, 101);
        let whole = scaled(&source, target);
        let rect = Rect::new(17, 9, 120, 98);
        let mut part = Picture::new(rect.size());
        Scaler::new(source.size(), target).scale(source.data(), &rect, &mut part.as_mut());
        for y in 0..rect.height() as i32 {
            for x in 0..rect.width() as i32 {
                assert_eq!(
                    part.pixel(oriel_codecs::Point::new(x, y)),
                    whole.pixel(oriel_codecs::Point::new(x + 17, y + 9))
                );
            }
        }
    }

    #[test]
    fn every_value_comes_back_from_its_light() {
        for value in 0..=255u8 {
            let at = LIGHT[usize::from(value)] * VALUE_STEPS as f32 + 0.5;
            assert_eq!(VALUES[at as usize], value);
        }
        // A table of light is exact to half a step everywhere.
        for at in 0..=VALUE_STEPS {
            let exact = 255.0 * value_of(at as f32 / VALUE_STEPS as f32);
            assert!((f32::from(VALUES[at]) - exact).abs() <= 0.501);
        }
    }

    #[test]
    fn shrinking_averages_rather_than_skips() {
        // A one-pixel checkerboard must turn into the grey that has half of white's light.
        let mut source = Picture::new(Size::new(99, 99));
        for (at, pixel) in source.data_mut().chunks_exact_mut(4).enumerate() {
            if at % 2 == 0 {
                pixel.fill(255);
            }
        }
        let small = scaled(&source, Size::new(30, 30));
        for pixel in small.data().chunks_exact(4) {
            assert!((170..=204).contains(&pixel[0]), "{pixel:?}");
        }
    }
}
