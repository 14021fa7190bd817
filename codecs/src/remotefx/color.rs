//! Colour conversion of RemoteFX (`[MS-RDPRFX] 3.1.8.1.3`, `3.1.8.2.5`).

use super::{TILE_SIZE, TILE_STRIDE_BYTES};

/// Fractional bits of the samples.
const SAMPLE_BITS: u32 = 5;
/// Fractional bits of the factors below: few enough that no sum of 16-bit samples overflows.
const FACTOR_BITS: u32 = 12;

const fn factor(value: f64) -> i32 {
    (value * (1 << FACTOR_BITS) as f64 + 0.5) as i32
}

/// A factor below one, with 15 fractional bits.
const fn fraction(value: f64) -> i16 {
    (value * (1 << 15) as f64 + 0.5) as i16
}

/// Of red that comes from Cr, less the one that is added by itself; of 2^15, as those below.
pub const CR_TO_RED: i16 = fraction(0.402_525);
/// Of green that Cb takes away.
pub const CB_TO_GREEN: i16 = fraction(0.343_730);
/// Of green that Cr takes away.
pub const CR_TO_GREEN: i16 = fraction(0.714_401);
/// Of blue that comes from Cb, less the one that is added by itself.
pub const CB_TO_BLUE: i16 = fraction(0.769_905);

const RED_TO_Y: i32 = factor(0.299);
const GREEN_TO_Y: i32 = factor(0.587);
const BLUE_TO_Y: i32 = factor(0.114);
const RED_TO_CB: i32 = factor(0.168_935);
const GREEN_TO_CB: i32 = factor(0.331_665);
const BLUE_TO_CB: i32 = factor(0.500_59);
const RED_TO_CR: i32 = factor(0.499_813);
const GREEN_TO_CR: i32 = factor(0.418_531);
const BLUE_TO_CR: i32 = factor(0.081_282);

/// Turns a row of samples, with five fractional bits, into opaque BGRA.
///
/// Products are rounded to a thirty-second of a step, sums to the nearest step. Sums keep to 16
/// bits, at whose ends they stay: right for samples up to four times as far from zero as any
/// picture has. Nothing is wider than that before all is added up: a vector holds twice as many.
#[inline(always)]
pub fn ycbcr_to_bgra(
    y: &[i16; TILE_SIZE],
    cb: &[i16; TILE_SIZE],
    cr: &[i16; TILE_SIZE],
    bgra: &mut [u8; TILE_STRIDE_BYTES],
) {
    // Level shift, and half a step so that the last shift rounds.
    const LEVEL: i16 = (128 << SAMPLE_BITS) + (1 << (SAMPLE_BITS - 1));
    let step = |value: i16| (value >> SAMPLE_BITS).clamp(0, 255) as u16;
    let [mut low, mut high] = [[0; TILE_SIZE]; 2];
    for i in 0..TILE_SIZE {
        let (y, cb, cr) = (y[i].saturating_add(LEVEL), cb[i], cr[i]);
        let blue = y.saturating_add(cb.saturating_add(product(cb, CB_TO_BLUE)));
        let green = y
            .saturating_sub(product(cb, CB_TO_GREEN))
            .saturating_sub(product(cr, CR_TO_GREEN));
        let red = y.saturating_add(cr.saturating_add(product(cr, CR_TO_RED)));
        low[i] = step(blue) | step(green) << 8;
        high[i] = step(red) | 0xff00;
    }
    let halves = low.iter().zip(&high);
    for (pixel, (&low, &high)) in bgra.as_chunks_mut().0.iter_mut().zip(halves) {
        *pixel = (u32::from(low) | u32::from(high) << 16).to_le_bytes();
    }
}

/// A sample times a factor with 15 fractional bits, to the nearest.
#[inline(always)]
fn product(sample: i16, factor: i16) -> i16 {
    let high = ((i32::from(sample) * i32::from(factor)) >> 16) as i16;
    let low = (sample as u16).wrapping_mul(factor as u16);
    let rounded = ((low >> 14) + 1) >> 1;
    (high << 1).wrapping_add(rounded as i16)
}

/// Turns a row of pixels into the samples of its components, with five fractional bits
/// (`[MS-RDPRFX] 3.1.8.1.3`).
pub fn bgra_to_ycbcr(
    bgra: &[u8; TILE_STRIDE_BYTES],
    y: &mut [i16; TILE_SIZE],
    cb: &mut [i16; TILE_SIZE],
    cr: &mut [i16; TILE_SIZE],
) {
    let samples = y.iter_mut().zip(cb).zip(cr);
    for (pixel, ((y, cb), cr)) in bgra.as_chunks::<4>().0.iter().zip(samples) {
        let [b, g, r] = [pixel[0], pixel[1], pixel[2]].map(i32::from);
        let sample = |of_r: i32, of_g: i32, of_b: i32| {
            let half = 1 << (FACTOR_BITS - SAMPLE_BITS - 1);
            ((of_r * r + of_g * g + of_b * b + half) >> (FACTOR_BITS - SAMPLE_BITS)) as i16
        };
        *y = sample(RED_TO_Y, GREEN_TO_Y, BLUE_TO_Y) - (128 << SAMPLE_BITS);
        *cb = sample(-RED_TO_CB, -GREEN_TO_CB, BLUE_TO_CB);
        *cr = sample(RED_TO_CR, -GREEN_TO_CR, -BLUE_TO_CR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn convert(y: i16, cb: i16, cr: i16) -> [u8; 4] {
        let mut bgra = [0; TILE_STRIDE_BYTES];
        let flat = |value| [value; TILE_SIZE];
        ycbcr_to_bgra(&flat(y), &flat(cb), &flat(cr), &mut bgra);
        bgra[..4].try_into().expect("four bytes")
    }

    #[test]
    fn grey_has_no_colour_and_extremes_are_clamped() {
        assert_eq!(convert(0, 0, 0), [128, 128, 128, 255]);
        assert_eq!(convert(i16::MAX, 0, 0), [255, 255, 255, 255]);
        assert_eq!(convert(i16::MIN, 0, 0), [0, 0, 0, 255]);
        assert_eq!(convert(0, i16::MIN, 0)[0], 0);
        assert_eq!(convert(0, 0, i16::MAX)[2], 255);
    }

    #[test]
    fn products_are_rounded_to_the_nearest() {
        for factor in [CR_TO_RED, CB_TO_GREEN, CR_TO_GREEN, CB_TO_BLUE] {
            for sample in i16::MIN..=i16::MAX {
                let whole = i32::from(sample) * i32::from(factor);
                assert_eq!(
                    i32::from(product(sample, factor)),
                    (whole + (1 << 14)) >> 15
                );
            }
        }
    }

    proptest! {
        #[test]
        fn pixels_are_those_of_the_equations(
            y in -8192i16..8192,
            cb in -8192i16..8192,
            cr in -8192i16..8192,
        ) {
            let [y_real, cb_real, cr_real] = [y, cb, cr].map(|sample| f64::from(sample) / 32.0);
            let wanted = [
                y_real + 128.0 + 1.769_905 * cb_real,
                y_real + 128.0 - 0.343_730 * cb_real - 0.714_401 * cr_real,
                y_real + 128.0 + 1.402_525 * cr_real,
            ];
            for (got, wanted) in convert(y, cb, cr).into_iter().zip(wanted) {
                let off = (f64::from(got) - wanted.clamp(0.0, 255.0)).abs();
                // Half a step, and what two products lose.
                prop_assert!(off <= 0.5 + 1.2 / 32.0, "{got} for {wanted}");
            }
        }

        #[test]
        fn a_colour_that_goes_both_ways_is_off_by_no_more_than_one(pixel: [u8; 3]) {
            let mut bgra = [255; TILE_STRIDE_BYTES];
            bgra[..3].copy_from_slice(&pixel);
            let [mut y, mut cb, mut cr] = [[0; TILE_SIZE]; 3];
            bgra_to_ycbcr(&bgra, &mut y, &mut cb, &mut cr);
            for (got, wanted) in convert(y[0], cb[0], cr[0]).into_iter().zip(pixel) {
                prop_assert!(got.abs_diff(wanted) <= 1, "{got} for {wanted}");
            }
        }
    }
}
