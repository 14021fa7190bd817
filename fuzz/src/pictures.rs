//! Small pictures of the kinds that desktops are made of.

use oriel_codecs::{geometry::Size, picture::Picture};

/// Sizes that are on no border, just past one, and one pixel.
pub const SIZES: [Size; 5] = [
    Size::new(1, 1),
    Size::new(7, 5),
    Size::new(64, 64),
    Size::new(65, 33),
    Size::new(130, 70),
];

/// A size from a choice.
pub fn size(choice: u8) -> Size {
    Size::new(
        1 + u32::from(choice % 16) * 9,
        1 + u32::from(choice / 16) * 7,
    )
}

/// Flat, gradient, text and noise.
pub fn pictures(size: Size) -> impl Iterator<Item = Picture> {
    let kinds: [fn(u32, u32) -> [u8; 4]; 4] = [
        |_, _| [200, 100, 50, 255],
        |x, y| [x as u8, y as u8, (x + y) as u8, (x * 2) as u8],
        |x, y| match (x * 7 + y * 3) % 5 * (y % 4) {
            0 => [255, 255, 255, 255],
            1..4 => [128, 120, 128, 255],
            _ => [0, 0, 0, 0],
        },
        |x, y| (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA6B)).to_le_bytes(),
    ];
    kinds.into_iter().map(move |pixel| {
        let rows = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
        let data = rows.flat_map(|(x, y)| pixel(x, y)).collect();
        Picture::from_bgra(size, data).expect("four bytes a pixel")
    })
}
