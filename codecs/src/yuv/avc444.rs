//! Two 4:2:0 views to one 4:4:4 picture and back (`[MS-RDPEGFX] 3.3.8.3.2`, `3.3.8.3.3`).
//!
//! The main view holds luma, and in its chroma planes the *average* of each block of 2×2 chroma
//! samples. The auxiliary view holds the other three samples of each block:
//!
//! ```text
//!  a block of chroma     version 1, a macroblock           version 2, a picture of width W
//!  ┌───┬───┐             luma rows 0–7:  U, odd rows       luma, left half:  U, odd columns
//!  │ m │ r │             luma rows 8–15: V, odd rows       luma, right half: V, odd columns
//!  ├───┼───┤             Cb: r of U     Cr: r of V         Cb: l of blocks 0, 2, 4 …, U then V
//!  │ l │ d │                                               Cr: l of blocks 1, 3, 5 …, U then V
//!  └───┴───┘
//! ```
//!
//! where an odd row is `l d l d …` and an odd column `r` above `d`. The fourth sample comes back
//! from the average, `m = 4 * average - r - l - d`, unless that moves it by no more than
//! [`MainChroma::threshold`].

use super::main_chroma::MainChroma;
use super::picture::{PlaneBuffer, Yuv420Picture, Yuv444Picture};
use super::plane::{Plane, Yuv420Planes};
use super::{MACROBLOCK_PX, coded_size, widen_to_blocks};
use crate::geometry::Rect;

/// Rows of a macroblock's auxiliary luma that hold one chroma plane, in version 1.
const HALF_MACROBLOCK: usize = MACROBLOCK_PX as usize / 2;

/// Takes a main view into `picture` in the pixels of `rect`: luma as it is, chroma the same for
/// all pixels of a block.
///
/// `rect` is clipped to both and widened to whole blocks ([`widen_to_blocks`]).
pub fn combine_luma(main: &Yuv420Planes<'_>, rect: &Rect, picture: &mut Yuv444Picture) {
    store_luma(main, rect, picture);
    let rect = blocks(main, rect, picture);
    let Yuv444Picture {
        cb,
        cr,
        main_cb,
        main_cr,
        ..
    } = picture;
    for (from, to) in [(main_cb, cb), (main_cr, cr)] {
        for block_y in rect.top / 2..rect.bottom / 2 {
            let source = &from.row(block_y)[rect.left / 2..rect.right / 2];
            let (even, odd) = to.row_pair_mut(block_y * 2);
            let even = &mut even[rect.left..rect.right];
            for (pair, &sample) in even.chunks_exact_mut(2).zip(source) {
                pair.fill(sample);
            }
            odd[rect.left..rect.right].copy_from_slice(even);
        }
    }
}

/// As [`combine_luma`], but leaves the full chroma planes as they are: for pixels whose chroma
/// view follows at once.
pub(crate) fn store_luma(main: &Yuv420Planes<'_>, rect: &Rect, picture: &mut Yuv444Picture) {
    let rect = blocks(main, rect, picture);
    copy_plane(main.luma(), &rect, &mut picture.luma);
    let half = Columns {
        left: rect.left / 2,
        top: rect.top / 2,
        right: rect.right / 2,
        bottom: rect.bottom / 2,
    };
    copy_plane(main.cb(), &half, &mut picture.main_cb);
    copy_plane(main.cr(), &half, &mut picture.main_cr);
}

/// Combines an auxiliary view of version 1 with the main views that `picture` took before, in the
/// pixels of `rect`, clipped and widened as by [`combine_luma`].
///
/// Samples that the view lacks (its last macroblock cropped) keep what the main view gave.
pub fn combine_chroma_v1(
    auxiliary: &Yuv420Planes<'_>,
    rect: &Rect,
    main_chroma: MainChroma,
    picture: &mut Yuv444Picture,
) {
    let rect = blocks(auxiliary, rect, picture);
    let Yuv444Picture {
        cb,
        cr,
        main_cb,
        main_cr,
        ..
    } = picture;
    for (first_row, right, main, out) in [
        (0, auxiliary.cb(), main_cb, cb),
        (HALF_MACROBLOCK, auxiliary.cr(), main_cr, cr),
    ] {
        for block_y in rect.top / 2..rect.bottom / 2 {
            // 2 * block_y + 1 = 16 * macroblock + 2 * line + 1
            let macroblock = block_y / HALF_MACROBLOCK;
            let line = block_y % HALF_MACROBLOCK;
            let packed = macroblock * MACROBLOCK_PX as usize + first_row + line;
            let (even, odd) = out.row_pair_mut(block_y * 2);
            let odd = &mut odd[rect.left..rect.right];
            if let Some(source) = auxiliary
                .luma()
                .row(packed as u32)
                .and_then(|row| row.get(rect.left..rect.right))
            {
                odd.copy_from_slice(source);
            }
            let right = right.row(block_y as u32).unwrap_or_default();
            restore_even_row(
                &main.row(block_y)[rect.left / 2..rect.right / 2],
                right.get(rect.left / 2..).unwrap_or_default(),
                odd,
                main_chroma.threshold(),
                &mut even[rect.left..rect.right],
            );
        }
    }
}

/// Combines an auxiliary view of version 2 with the main views that `picture` took before, in the
/// pixels of `rect`, clipped and widened as by [`combine_luma`].
///
/// Samples that the view lacks (its last columns cropped) keep what the main view gave.
pub fn combine_chroma_v2(
    auxiliary: &Yuv420Planes<'_>,
    rect: &Rect,
    main_chroma: MainChroma,
    picture: &mut Yuv444Picture,
) {
    let rect = blocks(auxiliary, rect, picture);
    let half = coded_size(auxiliary.size()).width as usize / 2;
    let Yuv444Picture {
        cb,
        cr,
        main_cb,
        main_cr,
        ..
    } = picture;
    for (shift, main, out) in [(0, main_cb, cb), (half, main_cr, cr)] {
        let first_block = rect.left / 2;
        // A row of the view from the sample on that belongs to the first block.
        let luma_from = |y: usize| {
            let row = auxiliary.luma().row(y as u32).unwrap_or_default();
            row.get(shift + first_block..).unwrap_or_default()
        };
        for block_y in rect.top / 2..rect.bottom / 2 {
            let (even, odd) = out.row_pair_mut(block_y * 2);
            let odd = &mut odd[rect.left..rect.right];
            let [cb, cr] = [auxiliary.cb(), auxiliary.cr()].map(|plane| {
                let row = plane.row(block_y as u32).unwrap_or_default();
                row.get(shift / 2..).unwrap_or_default()
            });
            weave_odd_row(first_block, cb, cr, luma_from(block_y * 2 + 1), odd);
            restore_even_row(
                &main.row(block_y)[first_block..rect.right / 2],
                luma_from(block_y * 2),
                odd,
                main_chroma.threshold(),
                &mut even[rect.left..rect.right],
            );
        }
    }
}

/// Splits the macroblocks that `rect` touches into a main and an auxiliary view of version 1.
///
/// The views are of the size of `picture`, or the smallest of the three sizes counts.
pub fn split_v1(
    picture: &Yuv444Picture,
    rect: &Rect,
    main: &mut Yuv420Picture,
    auxiliary: &mut Yuv420Picture,
) {
    let rect = macroblocks_of_all(picture, rect, main, auxiliary);
    split_main(picture, &rect, main);
    for (first_row, source, right) in [
        (0, &picture.cb, &mut auxiliary.cb),
        (HALF_MACROBLOCK, &picture.cr, &mut auxiliary.cr),
    ] {
        for block_y in rect.top / 2..rect.bottom / 2 {
            let macroblock = block_y / HALF_MACROBLOCK;
            let line = block_y % HALF_MACROBLOCK;
            let packed = macroblock * MACROBLOCK_PX as usize + first_row + line;
            auxiliary.luma.row_mut(packed)[rect.left..rect.right]
                .copy_from_slice(&source.row(block_y * 2 + 1)[rect.left..rect.right]);
            take_every(
                &source.row(block_y * 2)[rect.left + 1..rect.right],
                2,
                &mut right.row_mut(block_y)[rect.left / 2..rect.right / 2],
            );
        }
    }
}

/// Splits the macroblocks that `rect` touches into a main and an auxiliary view of version 2.
///
/// The views are of the size of `picture`, or the smallest of the three sizes counts.
pub fn split_v2(
    picture: &Yuv444Picture,
    rect: &Rect,
    main: &mut Yuv420Picture,
    auxiliary: &mut Yuv420Picture,
) {
    let rect = macroblocks_of_all(picture, rect, main, auxiliary);
    split_main(picture, &rect, main);
    let half = auxiliary.luma.stride_bytes() / 2;
    for (shift, source) in [(0, &picture.cb), (half, &picture.cr)] {
        let quarter_columns = shift / 2 + rect.left / 4..shift / 2 + rect.right / 4;
        let half_columns = shift + rect.left / 2..shift + rect.right / 2;
        for y in rect.top..rect.bottom {
            let row = &source.row(y)[rect.left..rect.right];
            take_every(
                &row[1..],
                2,
                &mut auxiliary.luma.row_mut(y)[half_columns.clone()],
            );
            if y % 2 == 1 {
                let columns = quarter_columns.clone();
                take_every(row, 4, &mut auxiliary.cb.row_mut(y / 2)[columns.clone()]);
                take_every(&row[2..], 4, &mut auxiliary.cr.row_mut(y / 2)[columns]);
            }
        }
    }
}

/// The main view of both versions: luma, and the average chroma of each block.
fn split_main(picture: &Yuv444Picture, rect: &Columns, main: &mut Yuv420Picture) {
    for y in rect.top..rect.bottom {
        main.luma.row_mut(y)[rect.left..rect.right]
            .copy_from_slice(&picture.luma.row(y)[rect.left..rect.right]);
    }
    for (source, out) in [(&picture.cb, &mut main.cb), (&picture.cr, &mut main.cr)] {
        for block_y in rect.top / 2..rect.bottom / 2 {
            let even = &source.row(block_y * 2)[rect.left..rect.right];
            let odd = &source.row(block_y * 2 + 1)[rect.left..rect.right];
            let out = &mut out.row_mut(block_y)[rect.left / 2..rect.right / 2];
            for ((average, even), odd) in out
                .iter_mut()
                .zip(even.chunks_exact(2))
                .zip(odd.chunks_exact(2))
            {
                let sum: u16 = even
                    .iter()
                    .chain(odd)
                    .map(|&sample| u16::from(sample))
                    .sum();
                *average = ((sum + 2) / 4) as u8;
            }
        }
    }
}

fn take_every(source: &[u8], step: usize, out: &mut [u8]) {
    for (sample, &from) in out.iter_mut().zip(source.iter().step_by(step)) {
        *sample = from;
    }
}

/// The odd row of a row of blocks of version 2, from left samples, which the blocks of a picture
/// take in turns from `even_left` and `odd_left`, and right samples, which begin with the first
/// block.
fn weave_odd_row(
    first_block: usize,
    even_left: &[u8],
    odd_left: &[u8],
    mut right: &[u8],
    mut odd: &mut [u8],
) {
    let mut pair = first_block / 2;
    if !first_block.is_multiple_of(2) {
        let (Some(block), Some((&sample, rest)), Some(&left)) = (
            odd.split_off_mut(..2),
            right.split_first(),
            odd_left.get(pair),
        ) else {
            return;
        };
        block.copy_from_slice(&[left, sample]);
        right = rest;
        pair += 1;
    }
    let even_left = even_left.get(pair..).unwrap_or_default();
    let odd_left = odd_left.get(pair..).unwrap_or_default();
    let (rights, last_right) = right.as_chunks::<2>();
    let (pairs, last) = odd.as_chunks_mut::<4>();
    let lefts = even_left.iter().zip(odd_left);
    for ((out, right), (&even, &odd)) in pairs.iter_mut().zip(rights).zip(lefts) {
        *out = [even, right[0], odd, right[1]];
    }
    let at = pairs.len();
    let right = rights
        .get(at)
        .map(|pair| pair[0])
        .or(last_right.first().copied());
    if let (&mut [_, _], Some(right), Some(&left)) = (&mut *last, right, even_left.get(at)) {
        last.copy_from_slice(&[left, right]);
    }
}

/// The even row of a row of blocks, from the averages of the main view, the right samples, and
/// the odd row. Blocks for which there is no right sample stay as they are.
fn restore_even_row(averages: &[u8], right: &[u8], odd: &[u8], threshold: u8, even: &mut [u8]) {
    let blocks = even.chunks_exact_mut(2).zip(odd.chunks_exact(2));
    for (((block, below), &average), &right) in blocks.zip(averages).zip(right) {
        let filtered =
            (4 * i16::from(average) - i16::from(right) - i16::from(below[0]) - i16::from(below[1]))
                .clamp(0, 255) as u8;
        let is_noise = filtered.abs_diff(average) <= threshold;
        block[0] = if is_noise { average } else { filtered };
        block[1] = right;
    }
}

/// A rectangle inside a picture's memory.
#[derive(Clone, Copy, Debug)]
struct Columns {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl From<Rect> for Columns {
    fn from(rect: Rect) -> Self {
        Self {
            left: rect.left as usize,
            top: rect.top as usize,
            right: rect.right as usize,
            bottom: rect.bottom as usize,
        }
    }
}

/// `rect` in whole blocks, clipped to a view and to `picture`.
fn blocks(view: &Yuv420Planes<'_>, rect: &Rect, picture: &Yuv444Picture) -> Columns {
    let both = view.size().to_rect().intersect(&picture.size().to_rect());
    widen_to_blocks(rect, both.size()).into()
}

fn macroblocks_of_all(
    picture: &Yuv444Picture,
    rect: &Rect,
    main: &Yuv420Picture,
    auxiliary: &Yuv420Picture,
) -> Columns {
    let rect = rect
        .intersect(&main.size().to_rect())
        .intersect(&auxiliary.size().to_rect());
    picture.macroblocks(&rect).into()
}

/// Copies what of `rect` the plane holds; the last sample of a row and the last row stand for the
/// one that an odd size lacks.
fn copy_plane(plane: Plane<'_>, rect: &Columns, out: &mut PlaneBuffer) {
    let last_row = plane.size().height - 1;
    for y in rect.top..rect.bottom {
        let Some(source) = plane.row((y as u32).min(last_row)) else {
            return;
        };
        let right = rect.right.min(source.len());
        let out = &mut out.row_mut(y)[rect.left..rect.right];
        let (inside, beyond) = out.split_at_mut(right - rect.left);
        inside.copy_from_slice(&source[rect.left..right]);
        beyond.fill(source[right - 1]);
    }
}

#[cfg(test)]
#[path = "avc444_tests.rs"]
mod tests;
