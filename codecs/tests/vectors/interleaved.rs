use oriel_codecs::interleaved::{InterleavedScratch, decode, encode};
use oriel_codecs::{ColorDepth, Palette, Picture, Size};

use crate::vector;

const SIZE: Size = Size::new(64, 64);

fn decoded(payload: &[u8], depth: ColorDepth) -> Picture {
    let mut picture = Picture::new(SIZE);
    decode(
        payload,
        SIZE,
        depth,
        &Palette::default(),
        &mut picture.as_mut(),
        &mut InterleavedScratch::default(),
    )
    .unwrap();
    picture
}

/// Our own stream of `picture`, which must show the same.
fn reencoded(picture: &Picture, depth: ColorDepth) -> Vec<u8> {
    let mut payload = Vec::new();
    encode(
        &picture.view(),
        depth,
        &Palette::default(),
        &mut payload,
        &mut InterleavedScratch::default(),
    );
    assert!(decoded(&payload, depth) == *picture, "{depth:?}");
    payload
}

#[test]
fn recorded_tiles_decode_to_their_pixels() {
    for tile in [
        "27019fd9", "28c08e75", "2de3f326", "3fc8124a", "4d75aa6a", "9b06660a", "aa326e7a",
    ] {
        let (Some(payload), Some(pixels)) = (
            vector("interleaved-rle", &format!("tile16_{tile}.rle")),
            vector("interleaved-rle", &format!("tile16_{tile}.raw")),
        ) else {
            return;
        };
        let mut expected = Picture::new(SIZE);
        for (i, pixel) in pixels.chunks_exact(2).enumerate() {
            let pixel = u32::from(u16::from_le_bytes([pixel[0], pixel[1]]));
            let wide =
                |value: u32, bits: u32| (value << (8 - bits) | value >> (2 * bits - 8)) as u8;
            let at = ((63 - i / 64) * 64 + i % 64) * 4;
            expected.data_mut()[at..at + 3].copy_from_slice(&[
                wide(pixel & 31, 5),
                wide(pixel >> 5 & 63, 6),
                wide(pixel >> 11, 5),
            ]);
        }
        assert!(decoded(&payload, ColorDepth::Rgb565) == expected, "{tile}");
        let ours = reencoded(&expected, ColorDepth::Rgb565);
        assert!(
            ours.len() <= payload.len() * 5 / 4,
            "{tile}: ours {} theirs {}",
            ours.len(),
            payload.len()
        );
    }
}

#[test]
fn pictures_that_another_encoder_made_decode_to_its_own_result() {
    for depth in [ColorDepth::Rgb555, ColorDepth::Rgb565, ColorDepth::Bgr24] {
        let bits = depth.bits_per_pixel();
        for (name, channels) in [("01", "bgra32"), ("03", "rgba32")] {
            let name = format!("freerdp_{name}_{bits}bpp");
            let (Some(payload), Some(mut expected)) = (
                vector("interleaved-rle", &format!("{name}.rle")),
                vector("interleaved-rle", &format!("{name}.{channels}")),
            ) else {
                return;
            };
            for pixel in expected.chunks_exact_mut(4) {
                if channels == "rgba32" {
                    pixel.swap(0, 2);
                }
                pixel[3] = 255;
            }
            let picture = decoded(&payload, depth);
            for (i, (ours, theirs)) in picture.data().iter().zip(&expected).enumerate() {
                // They make eight bits of green's six in a way of their own.
                let is_wide_green = depth == ColorDepth::Rgb565 && i % 4 == 1;
                let slack = if is_wide_green { 4 } else { 0 };
                assert!(ours.abs_diff(*theirs) <= slack, "{name}: {ours} {theirs}");
            }
            reencoded(&picture, depth);
        }
    }
}
