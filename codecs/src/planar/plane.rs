//! One plane and its run-length code (`[MS-RDPEGDI] 2.2.2.5.1.2`, `3.1.9.2`).
//!
//! A row is a sequence of segments: a byte with two numbers, so many raw values, and the last of
//! them so many times more. Numbers that no run needs stand for long runs.

use super::DecodeError;
use crate::geometry::Size;

/// Shorter repetitions go as raw values: 1 and 2 in the field of the run's length mean others.
const MIN_RUN: usize = 3;
/// What a nibble holds.
const MAX_NIBBLE: usize = 15;
/// With 1 as the run's length: this, and the other nibble more; without raw values.
const LONG_RUN: usize = 16;
/// With 2.
const LONGER_RUN: usize = 32;
/// The longest run of a segment, and the most pixels that a byte can stand for.
const MAX_RUN: usize = LONGER_RUN + MAX_NIBBLE;

/// Fewest bytes that a plane of this size can have.
pub fn min_coded_bytes(size: Size) -> u64 {
    u64::from(size.height) * u64::from(size.width).div_ceil(MAX_RUN as u64)
}

/// A difference as it is coded, its sign in the low bit, to what is added to the value above.
const fn unfold(coded: u8) -> u8 {
    (coded >> 1) ^ 0u8.wrapping_sub(coded & 1)
}

/// The other way round.
const fn fold(difference: u8) -> u8 {
    (difference << 1) ^ 0u8.wrapping_sub(difference >> 7)
}

/// Bytes behind a plane's last value that [`decode`] may scribble over: it writes whole blocks.
pub const SLACK_BYTES: usize = BLOCK + RUN_BLOCKS * BLOCK;
/// What is moved at once, whatever a segment's lengths: most are short, and a loop of just the
/// right length costs a branch that nothing foretells.
const BLOCK: usize = 16;
/// Blocks that hold the longest run.
const RUN_BLOCKS: usize = MAX_RUN.div_ceil(BLOCK);

/// Takes a plane off `data` and writes it to `plane`, which has `width` values in each row, and
/// [`SLACK_BYTES`] more.
pub fn decode(data: &mut &[u8], width: usize, plane: &mut [u8]) -> Result<(), DecodeError> {
    let end = plane.len().saturating_sub(SLACK_BYTES);
    let mut read = 0;
    for start in (0..end).step_by(width.max(1)) {
        read = if start == 0 {
            decode_row::<true>(data, read, plane, start, width)?
        } else {
            decode_row::<false>(data, read, plane, start, width)?
        };
    }
    *data = &data[read..];
    Ok(())
}

/// Decodes the row at `start` from the segments at `read`, and returns where they end.
///
/// The blocks written reach beyond their segments, into what later segments and rows fill.
#[inline(always)]
fn decode_row<const IS_FIRST: bool>(
    data: &[u8],
    mut read: usize,
    plane: &mut [u8],
    start: usize,
    width: usize,
) -> Result<usize, DecodeError> {
    let end = start + width;
    // The values of the first row are not differences.
    let value = |coded: u8| if IS_FIRST { coded } else { unfold(coded) };
    let above = |plane: &[u8], at: usize| -> [u8; BLOCK] {
        match IS_FIRST {
            true => [0; BLOCK],
            false => block(&plane[at - width..]),
        }
    };
    let mut at = start;
    let mut last = 0;
    while at < end {
        let mut tail = [0; 1 + BLOCK];
        let segment = match data.get(read..).and_then(<[u8]>::first_chunk) {
            Some(segment) => segment,
            None => {
                let rest = &data[read..];
                tail[..rest.len()].copy_from_slice(rest);
                &tail
            }
        };
        let &[control, ref coded @ ..] = segment;
        let (high, low) = (usize::from(control >> 4), usize::from(control & 0x0F));
        // 1 stands for [`LONG_RUN`] and 2 for [`LONGER_RUN`], which is as many times 16.
        let is_long = low.wrapping_sub(1) < 2;
        let raw = if is_long { 0 } else { high };
        let run = low + if is_long { 15 * low + high } else { 0 };
        if raw + run > end - at {
            return Err(DecodeError::RowOverrun {
                segment: raw + run,
                left: end - at,
            });
        }
        if is_long && coded[0] == control {
            // Rows like the ones above them are one and the same byte again and again.
            let most = (end - at) / run;
            let same = data[read..].iter().take(most);
            let count = same.take_while(|&&byte| byte == control).count();
            let (done, to_come) = plane.split_at_mut(at);
            let values = &mut to_come[..count * run];
            if IS_FIRST {
                values.fill(last);
            } else {
                let above = &done[at - width..][..count * run];
                if last == 0 {
                    values.copy_from_slice(above);
                } else {
                    for (value, above) in values.iter_mut().zip(above) {
                        *value = above.wrapping_add(last);
                    }
                }
            }
            read += count;
            at += count * run;
            continue;
        }
        read += 1 + raw;
        if read > data.len() {
            return Err(DecodeError::Truncated);
        }

        let mut values = above(plane, at);
        for (value_above, &coded) in values.iter_mut().zip(coded) {
            *value_above = value_above.wrapping_add(value(coded));
        }
        plane[at..at + BLOCK].copy_from_slice(&values);
        at += raw;
        last = if raw > 0 { value(segment[raw]) } else { last };
        let mut repeat = |at: usize| {
            let mut values = above(plane, at);
            for value in &mut values {
                *value = value.wrapping_add(last);
            }
            plane[at..at + BLOCK].copy_from_slice(&values);
        };
        repeat(at);
        if run > BLOCK {
            for i in 1..RUN_BLOCKS {
                repeat(at + i * BLOCK);
            }
        }
        at += run;
    }
    Ok(read)
}

/// The first block of `bytes`.
#[inline(always)]
fn block(bytes: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block.copy_from_slice(&bytes[..BLOCK]);
    block
}

/// Appends a plane with `width` values in each row. `coded` is memory to use.
pub fn encode(plane: &[u8], width: usize, coded: &mut Vec<u8>, out: &mut Vec<u8>) {
    if plane.is_empty() {
        return;
    }
    let (first, rest) = plane.split_at(width);
    encode_row(first, out);
    let above = plane.chunks_exact(width);
    for (above, row) in above.zip(rest.chunks_exact(width)) {
        coded.clear();
        let pairs = row.iter().zip(above);
        coded.extend(pairs.map(|(value, above)| fold(value.wrapping_sub(*above))));
        encode_row(coded, out);
    }
}

fn encode_row(mut row: &[u8], out: &mut Vec<u8>) {
    // A row starts as if a zero came before it.
    let mut before = 0;
    while !row.is_empty() {
        let (raw, run) = next_run(before, row);
        write_segments(&row[..raw], run, out);
        before = row[raw + run - 1];
        row = &row[raw + run..];
    }
}

/// How many values precede the next run in `row`, and its length: of repetitions of the value
/// before it, which for the first one is `before`.
fn next_run(before: u8, row: &[u8]) -> (usize, usize) {
    let mut last = before;
    let mut run = 0;
    for (i, &value) in row.iter().enumerate() {
        if value == last {
            run += 1;
        } else if run >= MIN_RUN {
            return (i - run, run);
        } else {
            last = value;
            run = 0;
        }
    }
    if run >= MIN_RUN {
        (row.len() - run, run)
    } else {
        (row.len(), 0)
    }
}

fn write_segments(mut raw: &[u8], mut run: usize, out: &mut Vec<u8>) {
    while raw.len() > MAX_NIBBLE {
        let (now, later) = raw.split_at(MAX_NIBBLE);
        out.push((MAX_NIBBLE << 4) as u8);
        out.extend_from_slice(now);
        raw = later;
    }
    if !raw.is_empty() {
        let length = run_part(run, MAX_NIBBLE);
        out.push((raw.len() << 4 | length) as u8);
        out.extend_from_slice(raw);
        run -= length;
    }
    while run > 0 {
        let length = run_part(run, MAX_RUN);
        out.push(match length {
            LONGER_RUN.. => (length - LONGER_RUN) << 4 | 2,
            LONG_RUN.. => (length - LONG_RUN) << 4 | 1,
            _ => length,
        } as u8);
        run -= length;
    }
}

/// How much of a run a segment takes, that can hold `most` of it: what is left over must be no
/// run or again a long enough one.
fn run_part(run: usize, most: usize) -> usize {
    if run <= most {
        run
    } else {
        most.min(run - MIN_RUN)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(plane: &[u8], width: usize) -> Vec<u8> {
        let mut out = Vec::new();
        encode(plane, width, &mut Vec::new(), &mut out);
        out
    }

    fn decoded(mut data: &[u8], width: usize, height: usize) -> Result<Vec<u8>, DecodeError> {
        let mut plane = vec![0; width * height + SLACK_BYTES];
        decode(&mut data, width, &mut plane)?;
        assert!(data.is_empty(), "{} bytes left", data.len());
        plane.truncate(width * height);
        Ok(plane)
    }

    #[test]
    fn the_plane_of_the_specification_is_coded_as_it_says() {
        // [MS-RDPEGDI] 3.1.9.2.1, 3.1.9.2.3
        let plane = [
            255, 255, 255, 255, 254, 253, //
            254, 192, 132, 96, 75, 25, //
            253, 140, 62, 14, 135, 193,
        ];
        let data = [
            0x13, 0xFF, 0x20, 0xFE, 0xFD, 0x60, 0x01, 0x7D, 0xF5, 0xC2, 0x9A, 0x38, 0x60, 0x01,
            0x67, 0x8B, 0xA3, 0x78, 0xAF,
        ];
        assert_eq!(encoded(&plane, 6), data);
        assert_eq!(decoded(&data, 6, 3).unwrap(), plane);
    }

    #[test]
    fn a_run_of_a_hundred_takes_four_bytes() {
        // [MS-RDPEGDI] 3.1.9.2.2
        assert_eq!(encoded(&[0x41; 100], 100), [0x1F, 0x41, 0xF2, 0x52]);
        assert_eq!(
            decoded(&[0x1F, 0x41, 0xF2, 0x52], 100, 1).unwrap(),
            [0x41; 100]
        );
    }

    #[test]
    fn rows_that_repeat_take_a_byte_for_each_47_pixels() {
        let plane = [7; 94 * 3];
        assert_eq!(
            encoded(&plane, 94),
            [0x1F, 7, 0xF2, 0xF1, 0xF2, 0xF2, 0xF2, 0xF2]
        );
    }

    #[test]
    fn folding_keeps_every_difference() {
        for value in 0..=255 {
            assert_eq!(unfold(fold(value)), value);
        }
        assert_eq!([fold(0), fold(255), fold(1), fold(128)], [0, 1, 2, 255]);
    }

    #[test]
    fn a_segment_longer_than_its_row_is_refused() {
        assert_eq!(
            decoded(&[0x13, 9], 3, 1),
            Err(DecodeError::RowOverrun {
                segment: 4,
                left: 3
            })
        );
        assert_eq!(decoded(&[0x30, 9], 3, 1), Err(DecodeError::Truncated));
        assert_eq!(decoded(&[], 3, 1), Err(DecodeError::Truncated));
    }

    #[test]
    fn every_length_of_run_comes_back() {
        for length in 1..200 {
            for first in [0, 5] {
                let mut row = vec![first; length];
                row.extend([1, 2]);
                assert_eq!(
                    decoded(&encoded(&row, row.len()), row.len(), 1).unwrap(),
                    row
                );
            }
        }
    }

    proptest! {
        #[test]
        fn every_plane_comes_back(
            width in 1usize..80,
            values in prop::collection::vec(prop_oneof![3 => Just(0u8), 1 => 0u8..3, 1 => any::<u8>()], 80..800),
        ) {
            let plane = &values[..values.len() / width * width];
            prop_assert_eq!(decoded(&encoded(plane, width), width, plane.len() / width).unwrap(), plane);
        }
    }
}
