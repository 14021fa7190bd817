//! Colour conversion of RemoteFX (`[MS-RDPRFX] 3.1.8.1.3`, `3.1.8.2.5`).

use super::{Component, TILE_BYTES, TILE_SIZE, TILE_STRIDE_BYTES};

/// Fractional bits of the samples.
const SAMPLE_BITS: u32 = 5;
/// Fractional bits of the factors below: few enough that no sum of 16-bit samples overflows.
const FACTOR_BITS: u32 = 12;

const fn factor(value: f64) -> i32 {
    (value * (1 << FACTOR_BITS) as f64 + 0.5) as i32
}

const CR_TO_RED: i32 = factor(1.402_525);
const CB_TO_GREEN: i32 = factor(0.343_730);
const CR_TO_GREEN: i32 = factor(0.714_401);
const CB_TO_BLUE: i32 = factor(1.769_905);

const RED_TO_Y: i32 = factor(0.299);
const GREEN_TO_Y: i32 = factor(0.587);
const BLUE_TO_Y: i32 = factor(0.114);
const RED_TO_CB: i32 = factor(0.168_935);
const GREEN_TO_CB: i32 = factor(0.331_665);
const BLUE_TO_CB: i32 = factor(0.500_59);
const RED_TO_CR: i32 = factor(0.499_813);
const GREEN_TO_CR: i32 = factor(0.418_531);
const BLUE_TO_CR: i32 = factor(0.081_282);

/// Turns the samples of a tile's components, with five fractional bits, into opaque BGRA.
pub fn ycbcr_to_bgra(y: &Component, cb: &Component, cr: &Component, bgra: &mut [u8; TILE_BYTES]) {
    let samples = y.iter().zip(cb).zip(cr);
    for (pixel, ((&y, &cb), &cr)) in bgra.chunks_exact_mut(4).zip(samples) {
        let (cb, cr) = (i32::from(cb), i32::from(cr));
        // Level shift, and half a step so that the last shift rounds.
        let level = (128 << SAMPLE_BITS) + (1 << (SAMPLE_BITS - 1));
        let y = (i32::from(y) + level) << FACTOR_BITS;
        let channel = |value: i32| (value >> (FACTOR_BITS + SAMPLE_BITS)).clamp(0, 255) as u8;
        pixel[0] = channel(y + CB_TO_BLUE * cb);
        pixel[1] = channel(y - CB_TO_GREEN * cb - CR_TO_GREEN * cr);
        pixel[2] = channel(y + CR_TO_RED * cr);
        pixel[3] = 255;
    }
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
    use crate::remotefx::TILE_AREA;

    #[test]
    fn grey_has_no_colour_and_extremes_are_clamped() {
        let mut bgra = [0; TILE_BYTES];
        let flat = |value: i16| [value; TILE_AREA];
        ycbcr_to_bgra(&flat(0), &flat(0), &flat(0), &mut bgra);
        assert_eq!(bgra[..4], [128, 128, 128, 255]);
        ycbcr_to_bgra(&flat(i16::MAX), &flat(0), &flat(0), &mut bgra);
        assert_eq!(bgra[..4], [255, 255, 255, 255]);
        ycbcr_to_bgra(&flat(i16::MIN), &flat(i16::MIN), &flat(i16::MIN), &mut bgra);
        assert_eq!(bgra[0], 0);
    }
}
