use super::{FormatHeader, PlanarLayout, PlanarOptions, PlanarScratch, plane};
use crate::picture::{BYTES_PER_PIXEL, PictureRef};

/// Chroma before any bit is dropped.
const CHROMA_BITS: u8 = 9;

/// Appends `source`, whose size must be that of `layout`, as runs, or raw where runs are longer.
///
/// Without color loss, and with an alpha plane where `layout` has alpha, the picture comes back
/// exactly.
///
/// # Panics
/// If the sizes differ, if the color loss level is above 7, or if chroma is to be subsampled at
/// level 0.
pub fn encode(
    source: &PictureRef<'_>,
    layout: &PlanarLayout,
    options: &PlanarOptions,
    out: &mut Vec<u8>,
    scratch: &mut PlanarScratch,
) {
    assert_eq!(source.size(), layout.size, "the layout of another picture");
    assert!(options.color_loss_level <= 7, "color loss of 0 to 7 bits");
    assert!(
        options.color_loss_level > 0 || !options.subsamples_chroma,
        "red, green and blue cannot be subsampled"
    );
    let mut header = FormatHeader {
        color_loss_level: options.color_loss_level,
        subsamples_chroma: options.subsamples_chroma,
        has_runs: true,
        has_alpha: layout.has_alpha,
    };
    let PlanarScratch { planes, row } = scratch;
    split(source, layout, header, planes);

    let start = out.len();
    out.push(header.encode());
    for (plane, size) in planes.iter().zip(header.plane_sizes(layout.size)) {
        plane::encode(plane, size.width as usize, row, out);
    }
    // Raw planes end with a byte of padding.
    let raw_bytes = 1 + planes.iter().map(Vec::len).sum::<usize>() + 1;
    if out.len() - start > raw_bytes {
        out.truncate(start);
        header.has_runs = false;
        out.push(header.encode());
        planes.iter().for_each(|plane| out.extend_from_slice(plane));
        out.push(0);
    }
}

/// Fills the planes, rows in the order in which they are stored.
fn split(
    source: &PictureRef<'_>,
    layout: &PlanarLayout,
    header: FormatHeader,
    planes: &mut [Vec<u8>; 4],
) {
    planes.iter_mut().for_each(Vec::clear);
    let [alpha, first, second, third] = planes;
    let rows = || {
        (0..layout.size.height).map(|stored| {
            let row = source.row(layout.row_order.flip(stored, layout.size.height));
            row.as_chunks::<BYTES_PER_PIXEL>().0
        })
    };
    if header.has_alpha {
        rows().for_each(|row| alpha.extend(row.iter().map(|pixel| pixel[3])));
    }
    let level = header.color_loss_level;
    if level == 0 {
        for row in rows() {
            first.extend(row.iter().map(|pixel| pixel[2]));
            second.extend(row.iter().map(|pixel| pixel[1]));
            third.extend(row.iter().map(|pixel| pixel[0]));
        }
        return;
    }
    let reduce = |chroma: i16| (chroma >> level) as u8 & (0xFF >> (level - (CHROMA_BITS - 8)));
    for row in rows() {
        first.extend(row.iter().map(|pixel| luma(*pixel)));
    }
    if header.subsamples_chroma {
        let mut rows = rows();
        while let Some(upper) = rows.next() {
            let lower = rows.next().unwrap_or(&[]);
            for x in (0..upper.len()).step_by(2) {
                let end = upper.len().min(x + 2);
                let block = || upper[x..end].iter().chain(lower.get(x..end).unwrap_or(&[]));
                let count = block().count() as i16;
                let mean = |f: fn([u8; 4]) -> i16| block().map(|p| f(*p)).sum::<i16>() / count;
                second.push(reduce(mean(orange)));
                third.push(reduce(mean(green)));
            }
        }
    } else {
        for row in rows() {
            second.extend(row.iter().map(|pixel| reduce(orange(*pixel))));
            third.extend(row.iter().map(|pixel| reduce(green(*pixel))));
        }
    }
}

fn luma([blue, green, red, _]: [u8; 4]) -> u8 {
    ((u16::from(red) + 2 * u16::from(green) + u16::from(blue)) / 4) as u8
}

/// Blue less red, where the specification has it the other way round: decoders know that servers
/// confuse the two (`[MS-RDPEGDI] 3.1.9.1.2`).
fn orange([blue, _, red, _]: [u8; 4]) -> i16 {
    i16::from(blue) - i16::from(red)
}

fn green([blue, green, red, _]: [u8; 4]) -> i16 {
    i16::from(green) - (i16::from(red) + i16::from(blue)) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::Size;
    use crate::picture::{Picture, RowOrder};
    use crate::planar::decode;

    fn round_trip(
        source: &Picture,
        layout: &PlanarLayout,
        options: &PlanarOptions,
    ) -> (Picture, Vec<u8>) {
        let mut scratch = PlanarScratch::default();
        let mut payload = Vec::new();
        encode(&source.view(), layout, options, &mut payload, &mut scratch);
        let mut decoded = Picture::new(layout.size);
        decode(&payload, layout, &mut decoded.as_mut(), &mut scratch).unwrap();
        (decoded, payload)
    }

    fn gradient(size: Size) -> Picture {
        let mut picture = Picture::new(size);
        for (i, pixel) in picture.data_mut().chunks_mut(4).enumerate() {
            let (x, y) = (i as u32 % size.width, i as u32 / size.width);
            *pixel.first_chunk_mut().unwrap() = [(x * 3) as u8, (y * 5) as u8, (x + y) as u8, 255];
        }
        picture
    }

    #[test]
    fn a_plain_picture_takes_a_few_bytes_a_row() {
        let size = Size::new(64, 64);
        let source = Picture::filled(size, [10, 20, 30, 255]);
        let (decoded, payload) = round_trip(
            &source,
            &PlanarLayout::pipeline(size, false),
            &PlanarOptions::default(),
        );
        assert!(decoded == source);
        assert_eq!(payload.len(), 1 + 3 * (4 + 63 * 2));
    }

    #[test]
    fn noise_goes_raw() {
        let size = Size::new(30, 30);
        let mut source = Picture::new(size);
        let mut seed = 1u32;
        for byte in source.data_mut() {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (seed >> 24) as u8;
        }
        let layout = PlanarLayout::pipeline(size, true);
        let (decoded, payload) = round_trip(&source, &layout, &PlanarOptions::default());
        assert!(decoded == source);
        assert_eq!(payload.len(), 1 + 4 * 900 + 1);
    }

    #[test]
    fn dropped_bits_cost_no_more_than_their_weight() {
        let size = Size::new(61, 47);
        let source = gradient(size);
        for level in 1..=7 {
            let options = PlanarOptions {
                color_loss_level: level,
                subsamples_chroma: false,
            };
            let (decoded, _) = round_trip(&source, &PlanarLayout::update(size), &options);
            // Half of each chroma's lost bits, both of them, and rounding.
            let most = 2 * (1 << (level - 1)) + 3;
            for (a, b) in decoded.data().iter().zip(source.data()) {
                assert!(a.abs_diff(*b) <= most, "level {level}: {a} {b}");
            }
        }
    }

    #[test]
    fn plain_colours_survive_subsampling_at_odd_sizes() {
        let size = Size::new(5, 3);
        let source = Picture::filled(size, [250, 128, 3, 255]);
        let options = PlanarOptions {
            color_loss_level: 1,
            subsamples_chroma: true,
        };
        let (decoded, _) = round_trip(&source, &PlanarLayout::pipeline(size, false), &options);
        for (a, b) in decoded.data().iter().zip(source.data()) {
            assert!(a.abs_diff(*b) <= 3, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn without_color_loss_every_picture_comes_back(
            (width, height) in (1u32..40, 1u32..20),
            values in prop::collection::vec(prop_oneof![2 => Just(7u8), 1 => 0u8..9, 1 => any::<u8>()], 3200),
            row_order in prop::sample::select(&[RowOrder::TopDown, RowOrder::BottomUp][..]),
            has_alpha in any::<bool>(),
        ) {
            let size = Size::new(width, height);
            let bytes = size.area() as usize * 4;
            let mut source = Picture::from_bgra(size, values[..bytes].to_vec()).unwrap();
            if !has_alpha {
                source.data_mut().chunks_mut(4).for_each(|pixel| pixel[3] = 255);
            }
            let layout = PlanarLayout { size, row_order, has_alpha };
            let (decoded, payload) = round_trip(&source, &layout, &PlanarOptions::default());
            prop_assert!(decoded == source);
            prop_assert!(payload.len() <= bytes + 2);
        }

        #[test]
        fn random_bytes_never_panic(
            header in 0u8..64,
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            (width, height) in (0u32..50, 0u32..20),
        ) {
            let payload = [&[header][..], &bytes].concat();
            let mut target = Picture::new(Size::new(33, 11));
            let layout = PlanarLayout::pipeline(Size::new(width, height), true);
            let mut scratch = PlanarScratch::default();
            let _ = decode(&payload, &layout, &mut target.as_mut(), &mut scratch);
        }

        #[test]
        fn damaged_pictures_never_panic(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            level in 0u8..8,
        ) {
            let size = Size::new(31, 17);
            let source = gradient(size);
            let layout = PlanarLayout::pipeline(size, true);
            let options = PlanarOptions { color_loss_level: level, subsamples_chroma: level > 3 };
            let mut scratch = PlanarScratch::default();
            let mut payload = Vec::new();
            encode(&source.view(), &layout, &options, &mut payload, &mut scratch);
            for (index, byte) in damage {
                let index = index.index(payload.len());
                payload[index] = byte;
            }
            let mut target = Picture::new(size);
            let _ = decode(&payload, &layout, &mut target.as_mut(), &mut scratch);
        }
    }
}
