use std::io::Cursor;

use oriel_codecs::pointer::{PointerPicture, decode};
use oriel_codecs::{Palette, Picture, Size};

use crate::vector;

/// Decodes a `TS_COLORPOINTERATTRIBUTE` (`[MS-RDPBCGR] 2.2.9.1.1.4.4`).
fn decoded(attribute: &[u8], bits_per_pixel: u8) -> PointerPicture {
    // cacheIndex, hotSpot x and y, width, height, lengthAndMask, lengthXorMask.
    let field =
        |i: usize| usize::from(u16::from_le_bytes([attribute[i * 2], attribute[i * 2 + 1]]));
    let size = Size::new(field(3) as u32, field(4) as u32);
    let (and_bytes, xor_bytes) = (field(5), field(6));
    let (xor_mask, rest) = attribute[14..].split_at(xor_bytes);
    let and_mask = &rest[..and_bytes];
    decode(
        size,
        bits_per_pixel,
        xor_mask,
        and_mask,
        &Palette::default(),
    )
    .unwrap()
}

fn png(bytes: &[u8]) -> Picture {
    let image = image::ImageReader::with_format(Cursor::new(bytes), image::ImageFormat::Png)
        .decode()
        .unwrap()
        .into_rgba8();
    let size = Size::new(image.width(), image.height());
    let mut pixels = image.into_raw();
    pixels
        .chunks_exact_mut(4)
        .for_each(|pixel| pixel.swap(0, 2));
    Picture::from_bgra(size, pixels).unwrap()
}

#[test]
fn recorded_pointers_show_the_picture_beside_them() {
    for (name, header_bytes, bits_per_pixel) in
        [("color_pointer_24bpp", 0, 24), ("new_pointer_32bpp", 2, 32)]
    {
        let (Some(attribute), Some(expected)) = (
            vector("pointers", &format!("{name}.bin")),
            vector("pointers", &format!("{name}.png")),
        ) else {
            return;
        };
        let pointer = decoded(&attribute[header_bytes..], bits_per_pixel);
        let expected = png(&expected);
        assert_eq!(pointer.size(), expected.size());
        let pixels = pointer.picture.data().chunks_exact(4);
        for (i, (ours, theirs)) in pixels.zip(expected.data().chunks_exact(4)).enumerate() {
            // Whoever drew the pictures multiplied each colour by itself instead of by alpha.
            let mut ours = [ours[0], ours[1], ours[2], ours[3]];
            for color in &mut ours[..3] {
                *color = ((u16::from(*color) * u16::from(*color)) >> 8) as u8;
            }
            assert_eq!(ours, theirs, "{name}: pixel {i}");
        }
    }
}
