use oriel_codecs::planar::{PlanarLayout, PlanarOptions, PlanarScratch, decode, encode};
use oriel_codecs::{Picture, Size};

use crate::vector;

fn decoded(payload: &[u8], layout: &PlanarLayout) -> Picture {
    let mut picture = Picture::new(layout.size);
    let mut scratch = PlanarScratch::default();
    decode(payload, layout, &mut picture.as_mut(), &mut scratch).unwrap();
    picture
}

/// Blue, green, red of every pixel, top row first.
fn bgr(picture: &Picture) -> Vec<u8> {
    let pixels = picture.data().chunks_exact(4);
    pixels
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect()
}

/// The same from a BMP of 24 bits a pixel, whose rows stand bottom first and need no padding.
fn bmp_bgr(bmp: &[u8], size: Size) -> Vec<u8> {
    let at = u32::from_le_bytes(bmp[10..14].try_into().unwrap()) as usize;
    let row_bytes = size.width as usize * 3;
    let rows = bmp[at..].chunks_exact(row_bytes).take(size.height as usize);
    rows.rev().flatten().copied().collect()
}

#[test]
fn recorded_pictures_decode_to_their_pixels() {
    for (name, width, height) in [
        ("32x64_rgb_raw", 32, 64),
        ("64x24_argb_rle", 64, 24),
        ("64x64_ycocg_raw_ss", 64, 64),
        ("64x64_aycocg_rle", 64, 64),
    ] {
        let (Some(payload), Some(bmp)) = (
            vector("planar", &format!("{name}.planar")),
            vector("planar", &format!("{name}.bmp")),
        ) else {
            return;
        };
        let layout = PlanarLayout::pipeline(Size::new(width, height), false);
        let picture = decoded(&payload, &layout);
        assert!(bgr(&picture) == bmp_bgr(&bmp, layout.size), "{name}");
    }
}

#[test]
fn another_encoders_picture_decodes_to_its_own_result() {
    let (Some(payload), Some(expected)) = (
        vector("planar", "freerdp_experimental_01.planar"),
        vector("planar", "freerdp_experimental_01.raw32"),
    ) else {
        return;
    };
    let layout = PlanarLayout::pipeline(Size::new(64, 64), false);
    let picture = decoded(&payload, &layout);
    for (i, (ours, theirs)) in picture.data().iter().zip(&expected).enumerate() {
        assert!(i % 4 == 3 || ours == theirs, "byte {i}: {ours} {theirs}");
    }
    let mut ours = Vec::new();
    encode(
        &picture.view(),
        &layout,
        &PlanarOptions::default(),
        &mut ours,
        &mut PlanarScratch::default(),
    );
    assert!(decoded(&ours, &layout) == picture);
    assert!(
        ours.len() <= payload.len(),
        "{} {}",
        ours.len(),
        payload.len()
    );
}

#[test]
fn planes_coded_by_another_encoder_decode_to_theirs() {
    // They are those of red, green and blue of one picture.
    let [red, green, blue] = ["red", "green", "blue"].map(|color| {
        let coded = vector("planar", &format!("plane64_{color}.rle"))?;
        Some((coded, vector("planar", &format!("plane64_{color}.raw"))?))
    });
    let (Some(red), Some(green), Some(blue)) = (red, green, blue) else {
        return;
    };
    let payload = [&[0x30][..], &red.0, &green.0, &blue.0].concat();
    let picture = decoded(&payload, &PlanarLayout::pipeline(Size::new(64, 64), false));
    for (i, pixel) in picture.data().chunks_exact(4).enumerate() {
        assert_eq!(pixel[..3], [blue.1[i], green.1[i], red.1[i]], "pixel {i}");
    }
}
