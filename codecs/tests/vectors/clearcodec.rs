use oriel_codecs::clearcodec::ClearCodecDecoder;
use oriel_codecs::{Picture, Point, Size};

use crate::vector;

fn drawn(decoder: &mut ClearCodecDecoder, payload: &[u8], size: Size) -> Picture {
    let mut picture = Picture::new(size);
    decoder.decode(payload, &mut picture.as_mut()).unwrap();
    picture
}

#[test]
fn the_palette_of_the_second_example_decodes_as_elsewhere() {
    let (Some(payload), Some(expected)) = (
        vector("clearcodec", "clear_example_2.bin"),
        vector("clearcodec", "clear_example_2.freerdp.bgrx"),
    ) else {
        return;
    };
    let size = Size::new(78, 17);
    let picture = drawn(&mut ClearCodecDecoder::new(), &payload, size);
    for (i, (ours, theirs)) in picture.data().iter().zip(&expected).enumerate() {
        assert!(i % 4 == 3 || ours == theirs, "byte {i}: {ours} {theirs}");
    }
    assert_eq!(picture.data().len(), expected.len());
}

#[test]
fn the_bands_of_the_third_example_parse_and_leave_the_residual_elsewhere() {
    let Some(payload) = vector("clearcodec", "clear_example_3.bin") else {
        return;
    };
    // Its columns are in the caches of another session: what a band covers is black here.
    let picture = drawn(&mut ClearCodecDecoder::new(), &payload, Size::new(64, 24));
    assert_eq!(picture.pixel(Point::new(0, 0)), [254, 254, 254, 255]);
    assert_eq!(picture.pixel(Point::new(63, 2)), [254, 254, 254, 255]);
    assert_eq!(picture.pixel(Point::new(0, 3)), [0, 0, 0, 255]);
    assert_eq!(picture.pixel(Point::new(63, 11)), [0, 0, 0, 255]);
    assert_eq!(picture.pixel(Point::new(0, 22)), [255, 255, 255, 255]);
}

#[test]
fn the_fourth_example_draws_its_first_column_and_becomes_a_glyph() {
    let Some(payload) = vector("clearcodec", "clear_example_4.bin") else {
        return;
    };
    let size = Size::new(7, 15);
    let mut decoder = ClearCodecDecoder::new();
    let picture = drawn(&mut decoder, &payload, size);
    // The first column is sent pixel by pixel, from byte 27 on.
    for y in 0..15 {
        let bgr = &payload[29 + y * 3..][..3];
        let pixel = picture.pixel(Point::new(0, y as i32));
        assert_eq!(pixel, [bgr[0], bgr[1], bgr[2], 255], "row {y}");
    }
    let hit = [3, 12, 120, 0];
    assert!(drawn(&mut decoder, &hit, size) == picture);
}

#[test]
fn the_first_example_draws_glyph_17() {
    let Some(payload) = vector("clearcodec", "clear_example_1.bin") else {
        return;
    };
    let size = Size::new(8, 9);
    let mut decoder = ClearCodecDecoder::new();
    let mut nothing = Picture::new(size);
    assert!(decoder.decode(&payload, &mut nothing.as_mut()).is_err());
    // 72 pixels of one color.
    let glyph = [
        1, 194, 17, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 72,
    ];
    drawn(&mut decoder, &glyph, size);
    let picture = drawn(&mut decoder, &payload, size);
    assert!(picture == Picture::filled(size, [1, 2, 3, 255]));
}
