use super::*;
use crate::geometry::{Point, Size};
use crate::picture::Picture;
use crate::yuv::bgra_to_yuv444;
use crate::yuv::coefficients::REVERSE_FILTER_THRESHOLD;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Version {
    One,
    Two,
}

impl Version {
    fn split(self, picture: &Yuv444Picture, rect: &Rect) -> (Yuv420Picture, Yuv420Picture) {
        let mut main = Yuv420Picture::new(picture.size());
        let mut auxiliary = main.clone();
        match self {
            Self::One => split_v1(picture, rect, &mut main, &mut auxiliary),
            Self::Two => split_v2(picture, rect, &mut main, &mut auxiliary),
        }
        (main, auxiliary)
    }

    fn combine_chroma(self, view: &Yuv420Picture, rect: &Rect, picture: &mut Yuv444Picture) {
        match self {
            Self::One => {
                combine_chroma_v1(&view.coded_planes(), rect, MainChroma::Averaged, picture)
            }
            Self::Two => {
                combine_chroma_v2(&view.coded_planes(), rect, MainChroma::Averaged, picture)
            }
        }
    }
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::One), Just(Version::Two)]
}

fn size() -> impl Strategy<Value = Size> {
    (1u32..80, 1u32..60).prop_map(|(width, height)| Size::new(width, height))
}

fn rect() -> impl Strategy<Value = Rect> {
    (-3i32..80, -3i32..60, 0i32..90, 0i32..70)
        .prop_map(|(left, top, right, bottom)| Rect::new(left, top, right, bottom))
}

/// A picture of noise, padding included as an encoder would have it.
fn noisy(size: Size, seed: u32) -> Yuv444Picture {
    let mut state = seed | 1;
    let data = (0..size.area() * 4)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let mut picture = Yuv444Picture::new(size);
    let bgra = Picture::from_bgra(size, data).unwrap();
    bgra_to_yuv444(&bgra, &size.to_rect(), &mut picture);
    picture
}

/// The three samples at a pixel.
fn at(picture: &Yuv444Picture, x: u32, y: u32) -> [u8; 3] {
    let planes = picture.planes();
    [planes.luma(), planes.cb(), planes.cr()].map(|plane| plane.row(y).unwrap()[x as usize])
}

/// Where the formulas of `[MS-RDPEGFX] 3.3.8.3.2` and `3.3.8.3.3` put the three samples of a block
/// that the main view lacks: (plane, x, y) of the auxiliary view for pixel (`x`, `y`), first for U.
fn auxiliary_place(version: Version, width: u32, x: u32, y: u32) -> [(usize, u32, u32); 2] {
    match version {
        Version::One if y % 2 == 1 => {
            let line = y / 16 * 16 + y % 16 / 2;
            [(0, x, line), (0, x, line + 8)] // B4, B5
        }
        Version::One => [(1, x / 2, y / 2), (2, x / 2, y / 2)], // B6, B7
        Version::Two if x % 2 == 1 => [(0, x / 2, y), (0, width / 2 + x / 2, y)], // B4, B5
        Version::Two => {
            // B6 and B7, or B8 and B9
            let plane = if x.is_multiple_of(4) { 1 } else { 2 };
            [(plane, x / 4, y / 2), (plane, width / 4 + x / 4, y / 2)]
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_auxiliary_view_is_laid_out_as_specified(version in version(), size in size(), seed in any::<u32>()) {
        let picture = noisy(size, seed);
        let (_, auxiliary) = version.split(&picture, &size.to_rect());
        let coded = auxiliary.coded_planes();
        let planes = [coded.luma(), coded.cb(), coded.cr()];
        for y in 0..size.height {
            for x in 0..size.width {
                if x % 2 == 0 && y % 2 == 0 {
                    continue;
                }
                let [_, u, v] = at(&picture, x, y);
                for ((plane, x, y), wanted) in
                    auxiliary_place(version, coded.size().width, x, y).into_iter().zip([u, v])
                {
                    prop_assert_eq!(planes[plane].row(y).unwrap()[x as usize], wanted);
                }
            }
        }
    }

    #[test]
    fn what_is_split_is_combined_again(version in version(), size in size(), seed in any::<u32>()) {
        let picture = noisy(size, seed);
        let whole = size.to_rect();
        let (main, auxiliary) = version.split(&picture, &whole);
        let mut back = Yuv444Picture::new(size);
        combine_luma(&main.planes(), &whole, &mut back);
        version.combine_chroma(&auxiliary, &whole, &mut back);
        for y in 0..size.height {
            for x in 0..size.width {
                let (before, after) = (at(&picture, x, y), at(&back, x, y));
                prop_assert_eq!(before[0], after[0]);
                for (before, after) in before[1..].iter().zip(&after[1..]) {
                    let difference = before.abs_diff(*after);
                    if x % 2 == 1 || y % 2 == 1 {
                        prop_assert_eq!(difference, 0);
                    } else {
                        // The average is rounded, which the filter makes four times as large; and
                        // moves up to the threshold are not made.
                        prop_assert!(difference <= REVERSE_FILTER_THRESHOLD + 2, "{} {}", before, after);
                    }
                }
            }
        }
    }

    #[test]
    fn a_region_changes_its_blocks_and_no_other(version in version(), size in size(), rect in rect(), seed in any::<u32>()) {
        let (main, auxiliary) = version.split(&noisy(size, seed), &size.to_rect());
        let before = noisy(size, seed ^ 0x5555);
        let mut in_part = before.clone();
        combine_luma(&main.planes(), &rect, &mut in_part);
        version.combine_chroma(&auxiliary, &rect, &mut in_part);
        let mut whole = before.clone();
        combine_luma(&main.planes(), &size.to_rect(), &mut whole);
        version.combine_chroma(&auxiliary, &size.to_rect(), &mut whole);
        let changed = widen_to_blocks(&rect, size);
        for y in 0..size.height {
            for x in 0..size.width {
                let wanted = if changed.contains(Point::new(x as i32, y as i32)) { &whole } else { &before };
                prop_assert_eq!(at(&in_part, x, y), at(wanted, x, y), "({}, {}) of {:?}", x, y, changed);
            }
        }
    }

    #[test]
    fn splitting_in_parts_is_splitting_at_once(version in version(), size in size(), rect in rect(), seed in any::<u32>()) {
        let picture = noisy(size, seed);
        let (main, auxiliary) = version.split(&picture, &size.to_rect());
        let mut parts = (main.clone(), auxiliary.clone());
        match version {
            Version::One => split_v1(&picture, &rect, &mut parts.0, &mut parts.1),
            Version::Two => split_v2(&picture, &rect, &mut parts.0, &mut parts.1),
        }
        prop_assert_eq!(parts, (main, auxiliary));
    }

    #[test]
    fn a_view_smaller_or_larger_than_the_surface_is_taken_as_far_as_it_goes(
        version in version(), view_size in size(), surface in size(), rect in rect(), seed in any::<u32>(),
    ) {
        let (main, auxiliary) = version.split(&noisy(view_size, seed), &view_size.to_rect());
        let mut picture = Yuv444Picture::new(surface);
        combine_luma(&main.planes(), &rect, &mut picture);
        // Cropped: without the padding in which the last macroblock has some of its chroma.
        match version {
            Version::One => combine_chroma_v1(&auxiliary.planes(), &rect, MainChroma::Averaged, &mut picture),
            Version::Two => combine_chroma_v2(&auxiliary.planes(), &rect, MainChroma::Averaged, &mut picture),
        }
        for y in 0..surface.height {
            for x in 0..surface.width {
                if !view_size.to_rect().contains(Point::new(x as i32 & !1, y as i32 & !1)) {
                    prop_assert_eq!(at(&picture, x, y), [0, 128, 128]);
                }
            }
        }
    }
}

#[test]
fn a_second_chroma_view_starts_from_the_main_view_and_not_from_the_first() {
    let size = Size::new(32, 32);
    let whole = size.to_rect();
    let picture = noisy(size, 7);
    for version in [Version::One, Version::Two] {
        let (main, auxiliary) = version.split(&picture, &whole);
        let mut once = Yuv444Picture::new(size);
        combine_luma(&main.planes(), &whole, &mut once);
        version.combine_chroma(&auxiliary, &whole, &mut once);
        let mut twice = once.clone();
        version.combine_chroma(&auxiliary, &whole, &mut twice);
        assert!(once == twice, "{version:?}");
    }
}

#[test]
fn the_filter_is_used_above_its_threshold_only() {
    // Average 100; the others sum to 300 - move.
    for (below, is_filtered) in [([100, 85], false), ([100, 70], false), ([100, 69], true)] {
        let mut even = [0, 0];
        restore_even_row(&[100], &[100], &below, 30, &mut even);
        let filtered = 400 - 100 - u16::from(below[0]) - u16::from(below[1]);
        let wanted = if is_filtered { filtered as u8 } else { 100 };
        assert_eq!(even, [wanted, 100], "{below:?}");
    }
    // Clamped before it is compared.
    let mut even = [9, 9];
    restore_even_row(&[10], &[255], &[255, 255], 30, &mut even);
    assert_eq!(even, [10, 255]);
    // Not at all where the main view has samples.
    let threshold = MainChroma::Sampled.threshold();
    restore_even_row(&[250], &[0], &[0, 0], threshold, &mut even);
    assert_eq!(even, [250, 0]);
}

#[test]
fn a_luma_view_alone_gives_a_block_one_colour() {
    let size = Size::new(5, 3);
    let (main, _) = Version::Two.split(&noisy(size, 3), &size.to_rect());
    let mut picture = Yuv444Picture::new(size);
    combine_luma(&main.planes(), &size.to_rect(), &mut picture);
    let planes = main.planes();
    for y in 0..3 {
        for x in 0..5 {
            let chroma = |plane: Plane<'_>| plane.row(y / 2).unwrap()[x as usize / 2];
            assert_eq!(
                at(&picture, x, y)[1..],
                [chroma(planes.cb()), chroma(planes.cr())]
            );
        }
    }
}
