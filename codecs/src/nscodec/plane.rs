//! One plane and its run-length code (`[MS-RDPNSC] 2.2.2.1`, `3.1.8.1`).
//!
//! A value that is followed by itself starts a run, whose length comes next; any other value
//! stands for itself. The last four values of a plane stand for themselves always.

use super::{DecodeError, ROW_SLACK};
use crate::simd::dispatch;

/// Values at the end of a plane that are never part of a run (`EndData`).
const END_VALUES: usize = 4;
/// The shortest run, which the shortest form of its length counts from.
const MIN_RUN: usize = 2;
/// In the place of a short length: a long one, of four bytes, follows.
const LONG_RUN: u8 = 0xFF;
/// Values that are looked at together where few are left, and where there are many.
const LANES: usize = 8;
const WINDOW: usize = 64;
/// Values that are copied or filled at once, whether or not all are due.
const BLOCK: usize = 16;
/// What a run with a short and with a long length takes.
const SHORT_RUN_BYTES: usize = 3;
const LONG_RUN_BYTES: usize = 7;
/// Room that the values of a window need at most: runs of two take three bytes.
const WINDOW_BYTES: usize = WINDOW / 2 * SHORT_RUN_BYTES + LONG_RUN_BYTES + BLOCK;

/// Where values are that were read.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// In the payload.
    Payload(&'a [u8]),
    /// So many at the start of the buffer.
    Buffer(usize),
}

/// Reads the values of a plane in order, some at a time.
pub struct PlaneReader<'a> {
    data: &'a [u8],
    /// Values that have not been handed out.
    left: usize,
    /// Of these, the next so many are `value`.
    run: usize,
    value: u8,
    is_raw: bool,
}

impl<'a> PlaneReader<'a> {
    /// A reader of a plane that has `values` values and is coded as `data`.
    pub fn new(data: &'a [u8], values: u64) -> Result<Self, DecodeError> {
        if data.len() as u64 > values {
            return Err(DecodeError::PlaneTooLong {
                coded: data.len() as u32,
                values,
            });
        }
        Ok(Self {
            data,
            // A picture that is in memory has no more.
            left: values as usize,
            run: 0,
            value: 0,
            is_raw: data.len() as u64 == values,
        })
    }

    /// The next `count` values: those of the payload itself where it has them as they are, else
    /// written to `buffer`, which has [`ROW_SLACK`] more bytes than that.
    ///
    /// # Panics
    /// If the plane has fewer left.
    pub fn read(&mut self, count: usize, buffer: &mut [u8]) -> Result<Values<'a>, DecodeError> {
        assert!(count <= self.left, "{count} values of {}", self.left);
        if self.is_raw {
            self.left -= count;
            let values = self.data.split_off(..count);
            return values.map(Values::Payload).ok_or(DecodeError::Truncated);
        }
        self.expand(count, &mut buffer[..count + ROW_SLACK])?;
        Ok(Values::Buffer(count))
    }

    fn expand(&mut self, count: usize, buffer: &mut [u8]) -> Result<(), DecodeError> {
        let mut at = 0;
        while at < count {
            if self.run == 0 {
                dispatch(
                    #[inline(always)]
                    || self.expand_windows(count, buffer, &mut at),
                );
                if at == count {
                    break;
                }
            }
            let room = count - at;
            if self.run > 0 {
                let length = self.run.min(room);
                fill(&mut buffer[at..], self.value, length);
                at += length;
                self.run -= length;
                self.left -= length;
            } else if self.left <= END_VALUES {
                let length = room.min(self.left);
                let values = self.data.split_off(..length);
                buffer[at..at + length].copy_from_slice(values.ok_or(DecodeError::Truncated)?);
                at += length;
                self.left -= length;
            } else {
                // The value before the last four stands alone whatever comes after it.
                let most = room.min(self.left - END_VALUES - 1);
                let length = copy_literals(self.data, most, &mut buffer[at..]);
                self.data = &self.data[length..];
                at += length;
                self.left -= length;
                if length < most || length == 0 {
                    self.start_run(buffer, &mut at)?;
                }
            }
        }
        Ok(())
    }

    /// Expands what is well before the ends of data, row and plane, where runs are short.
    ///
    /// The data is looked at in windows: which values are followed by themselves is found for all
    /// of one at once, so that the way from run to run is a shift and a count of zeros, and waits
    /// for no memory. Copies and fills more than is due, for that has no branch that depends on
    /// the data; the next ones write over it.
    #[inline(always)]
    fn expand_windows(&mut self, count: usize, buffer: &mut [u8], position: &mut usize) {
        let mut at = *position;
        // Where the row ends, or before that what may be part of a run.
        let end = count.min(at + self.left.saturating_sub(END_VALUES));
        let mut data = self.data;
        'windows: while let Some(window) = data.first_chunk::<{ WINDOW + BLOCK }>() {
            let repeats = repeats(window);
            let mut seen = 0;
            while seen < WINDOW {
                let ahead = repeats >> seen;
                if ahead == 0 {
                    let literals = WINDOW - seen;
                    if literals > end - at {
                        data = &data[seen..];
                        break 'windows;
                    }
                    copy(&window[seen..], literals, &mut buffer[at..]);
                    at += literals;
                    seen = WINDOW;
                    break;
                }
                let literals = ahead.trailing_zeros() as usize;
                let run_at = seen + literals;
                let short = window[run_at + 2];
                let run = usize::from(short) + MIN_RUN;
                if literals + run > end - at || short == LONG_RUN {
                    data = &data[seen..];
                    break 'windows;
                }
                copy(&window[seen..], literals, &mut buffer[at..]);
                at += literals;
                fill(&mut buffer[at..], window[run_at], run);
                at += run;
                seen = run_at + SHORT_RUN_BYTES;
            }
            data = &data[seen..];
        }
        self.left -= at - *position;
        self.data = data;
        *position = at;
    }

    /// Reads a run's value and length; or, before the last four values, the one that is left.
    fn start_run(&mut self, buffer: &mut [u8], at: &mut usize) -> Result<(), DecodeError> {
        if self.left == END_VALUES + 1 {
            buffer[*at] = *self.data.split_off_first().ok_or(DecodeError::Truncated)?;
            *at += 1;
            self.left -= 1;
            return Ok(());
        }
        let (&[value, confirm, short], mut rest) = self
            .data
            .split_first_chunk()
            .ok_or(DecodeError::Truncated)?;
        debug_assert_eq!(value, confirm, "literals end where a value repeats");
        let mut run = u32::from(short) + MIN_RUN as u32;
        if short == LONG_RUN {
            let long;
            (long, rest) = rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
            run = u32::from_le_bytes(*long);
        }
        if u64::from(run) > (self.left - END_VALUES) as u64 {
            return Err(DecodeError::RunTooLong {
                run,
                left: self.left as u64,
            });
        }
        self.data = rest;
        self.value = value;
        self.run = run as usize;
        Ok(())
    }
}

/// Copies values up to the first that the next one equals, `most` at most, and returns how many.
/// May write up to [`ROW_SLACK`] bytes more, which `buffer` must have.
fn copy_literals(data: &[u8], most: usize, buffer: &mut [u8]) -> usize {
    // The last byte of the data has nothing to be compared with.
    let most = most.min(data.len().saturating_sub(1));
    let mut at = 0;
    while at < most {
        let Some(window) = data[at..].first_chunk::<{ LANES + 1 }>() else {
            break;
        };
        let literals = literals_of(window, &mut buffer[at..]);
        at += literals;
        if literals < LANES {
            return at.min(most);
        }
    }
    while at < most && data[at] != data[at + 1] {
        buffer[at] = data[at];
        at += 1;
    }
    at.min(most)
}

/// Copies the first [`LANES`] values of a window, and returns how many of them come before the
/// first that the next one equals.
#[inline]
fn literals_of(window: &[u8; LANES + 1], buffer: &mut [u8]) -> usize {
    let [values, next] = words_at(window, 0);
    buffer[..LANES].copy_from_slice(&values.to_le_bytes());
    lowest_zero_byte(values ^ next)
}

/// The eight bytes from `at` on, and the eight that start one later.
#[inline(always)]
fn words_at(bytes: &[u8], at: usize) -> [u64; 2] {
    [at, at + 1].map(|at| {
        let mut word = [0; LANES];
        word.copy_from_slice(&bytes[at..at + LANES]);
        u64::from_le_bytes(word)
    })
}

/// Which of the first [`WINDOW`] values the next one equals: the first is the lowest bit.
#[inline(always)]
fn repeats(values: &[u8; WINDOW + BLOCK]) -> u64 {
    const LOW_BITS: u64 = u64::from_le_bytes([0x7F; 8]);
    // Moves the highest bit of each byte to the topmost byte, that of the lowest byte lowest.
    const GATHER: u64 = 0x0002_0408_1020_4081;
    let mut repeats = 0;
    for at in (0..WINDOW).step_by(LANES) {
        let [values, next] = words_at(values, at);
        let difference = values ^ next;
        let is_different = ((difference & LOW_BITS) + LOW_BITS) | difference;
        let is_same = !is_different & !LOW_BITS;
        repeats |= (is_same.wrapping_mul(GATHER) >> 56) << at;
    }
    repeats
}

/// Copies `count` values of `from` to the start of `to`, and what is left of the last [`BLOCK`].
#[inline(always)]
fn copy(from: &[u8], count: usize, to: &mut [u8]) {
    let mut at = 0;
    loop {
        to[at..at + BLOCK].copy_from_slice(&from[at..at + BLOCK]);
        at += BLOCK;
        if at >= count {
            break;
        }
    }
}

/// Fills the start of `values` with `count` times `value`, or with a [`BLOCK`] where that is more.
#[inline(always)]
fn fill(values: &mut [u8], value: u8, count: usize) {
    values[..BLOCK].fill(value);
    if count > BLOCK {
        values[BLOCK..count].fill(value);
    }
}

/// Index of the lowest byte that is zero; 8 where none is.
fn lowest_zero_byte(word: u64) -> usize {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const SIGNS: u64 = u64::from_le_bytes([0x80; 8]);
    // Borrows spoil only bytes above the lowest zero.
    (word.wrapping_sub(ONES) & !word & SIGNS).trailing_zeros() as usize / 8
}

/// Appends a plane: as runs, or as it is where runs are not shorter. Returns how many bytes.
pub fn encode(plane: &[u8], out: &mut Vec<u8>) -> u32 {
    let start = out.len();
    if !encode_runs(plane, out) {
        out.truncate(start);
        out.extend_from_slice(plane);
    }
    (out.len() - start) as u32
}

/// Appends a plane as runs; false, with some of it appended, where that is not shorter.
fn encode_runs(plane: &[u8], out: &mut Vec<u8>) -> bool {
    let Some((body, end)) = plane.split_last_chunk::<END_VALUES>() else {
        return false;
    };
    let start = out.len();
    out.resize(start + body.len() + WINDOW_BYTES, 0);
    let mut writer = RunWriter {
        coded: &mut out[start..],
        bytes: 0,
    };
    let is_shorter = dispatch(
        #[inline(always)]
        || {
            writer
                .write_windows(body)
                .is_some_and(|at| writer.write_rest(body, at))
        },
    );
    if is_shorter {
        let bytes = writer.bytes;
        out[start + bytes..][..END_VALUES].copy_from_slice(end);
        out.truncate(start + bytes + END_VALUES);
    }
    is_shorter
}

/// Writes values before the last four as runs and literals.
struct RunWriter<'a> {
    coded: &'a mut [u8],
    bytes: usize,
}

impl RunWriter<'_> {
    /// Writes all that can be looked at in windows, and returns how much that is; `None` where it
    /// is not shorter than `body`.
    #[inline(always)]
    fn write_windows(&mut self, body: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(window) = body[at..].first_chunk::<{ WINDOW + BLOCK }>() {
            if self.bytes >= body.len() {
                return None;
            }
            let repeats = repeats(window);
            let mut seen = 0;
            while seen < WINDOW {
                let ahead = repeats >> seen;
                let literals = (ahead.trailing_zeros() as usize).min(WINDOW - seen);
                copy(&window[seen..], literals, &mut self.coded[self.bytes..]);
                self.bytes += literals;
                seen += literals;
                if ahead == 0 {
                    break;
                }
                let value = window[seen];
                let mut run = (!(repeats >> seen)).trailing_zeros() as usize;
                if seen + run == WINDOW {
                    run += run_length(value, &body[at + WINDOW..]);
                } else {
                    run += 1;
                }
                self.write_run(value, run);
                seen += run;
            }
            at += seen;
        }
        Some(at)
    }

    /// Writes what comes from `at` on; false where all is not shorter than `body`.
    fn write_rest(&mut self, body: &[u8], mut at: usize) -> bool {
        while at < body.len() && self.bytes < body.len() {
            if let Some(window) = body[at..].first_chunk() {
                let literals = literals_of(window, &mut self.coded[self.bytes..]);
                at += literals;
                self.bytes += literals;
                if literals == LANES {
                    continue;
                }
            }
            let run = run_length(body[at], &body[at..]);
            if run < MIN_RUN {
                self.coded[self.bytes] = body[at];
                self.bytes += 1;
            } else {
                self.write_run(body[at], run);
            }
            at += run;
        }
        self.bytes < body.len()
    }

    #[inline(always)]
    fn write_run(&mut self, value: u8, run: usize) {
        let coded = &mut self.coded[self.bytes..][..LONG_RUN_BYTES];
        let short = run - MIN_RUN;
        coded[..2].fill(value);
        coded[2] = short.min(LONG_RUN.into()) as u8;
        self.bytes += SHORT_RUN_BYTES;
        if short >= usize::from(LONG_RUN) {
            coded[SHORT_RUN_BYTES..].copy_from_slice(&(run as u32).to_le_bytes());
            self.bytes += LONG_RUN_BYTES - SHORT_RUN_BYTES;
        }
    }
}

/// How many values at the start are `value`.
fn run_length(value: u8, values: &[u8]) -> usize {
    let pattern = u64::from_le_bytes([value; 8]);
    let mut at = 0;
    while let Some(&word) = values[at..].first_chunk::<8>() {
        let difference = u64::from_le_bytes(word) ^ pattern;
        if difference != 0 {
            return at + difference.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let tail = values[at..].iter();
    at + tail.take_while(|&&other| other == value).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(plane: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(encode(plane, &mut out) as usize, out.len());
        out
    }

    /// Reads `values` values, `step` at a time.
    fn decoded(data: &[u8], values: usize, step: usize) -> Result<Vec<u8>, DecodeError> {
        let mut reader = PlaneReader::new(data, values as u64)?;
        let mut buffer = vec![0; step + ROW_SLACK];
        let mut plane = Vec::new();
        while plane.len() < values {
            let count = step.min(values - plane.len());
            match reader.read(count, &mut buffer)? {
                Values::Payload(values) => plane.extend_from_slice(values),
                Values::Buffer(count) => plane.extend_from_slice(&buffer[..count]),
            }
        }
        Ok(plane)
    }

    #[test]
    fn the_strings_of_the_specification_are_coded_as_it_says() {
        // 3.1.8.1, where digits are the values after a run's.
        let mut runs = Vec::new();
        assert!(!encode_runs(b"AAAABBCCCCCD", &mut runs));
        assert_eq!(encoded(b"AAAABBCCCCCD"), b"AAAABBCCCCCD");
        let coded = b"ABCDD\x01TT\x02GFRR\x09ABCD";
        assert_eq!(encoded(b"ABCDDDTTTTGFRRRRRRRRRRRABCD"), coded);
        for step in 1..28 {
            assert_eq!(
                decoded(coded, 27, step).unwrap(),
                b"ABCDDDTTTTGFRRRRRRRRRRRABCD"
            );
        }
    }

    #[test]
    fn a_run_of_257_has_a_long_length_and_one_of_256_a_short() {
        for (run, bytes) in [(256, SHORT_RUN_BYTES), (257, LONG_RUN_BYTES)] {
            let mut plane = vec![7; run];
            plane.extend([1, 2, 3, 4]);
            let coded = encoded(&plane);
            assert_eq!(coded.len(), bytes + END_VALUES);
            assert_eq!(decoded(&coded, plane.len(), 100).unwrap(), plane);
        }
    }

    #[test]
    fn the_value_before_the_last_four_stands_alone() {
        // Five equal values after a run that saves enough for the plane not to go raw.
        let plane = [8, 8, 8, 8, 8, 8, 9, 9, 9, 9, 9];
        assert_eq!(encoded(&plane), [8, 8, 4, 9, 9, 9, 9, 9]);
        assert_eq!(decoded(&[8, 8, 4, 9, 9, 9, 9, 9], 11, 11).unwrap(), plane);
    }

    #[test]
    fn a_run_into_the_last_four_values_is_refused() {
        assert_eq!(
            decoded(&[5, 5, 5, 1, 2, 3], 10, 10),
            Err(DecodeError::RunTooLong { run: 7, left: 10 })
        );
        assert!(decoded(&[5, 5, 4, 1, 2, 3, 4], 10, 10).is_ok());
        assert_eq!(
            decoded(&[5, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], 10, 10),
            Err(DecodeError::RunTooLong {
                run: u32::MAX,
                left: 10
            })
        );
    }

    #[test]
    fn data_that_ends_too_early_is_refused() {
        for data in [
            &[][..],
            &[5],
            &[5, 5],
            &[5, 5, 0xFF, 6, 0],
            &[5, 5, 4],
            &[5, 5, 4, 1, 2, 3],
            &[1, 2, 3, 4, 5, 6, 7, 8],
        ] {
            assert_eq!(
                decoded(data, 10, 10),
                Err(DecodeError::Truncated),
                "{data:?}"
            );
        }
    }

    #[test]
    fn a_run_of_no_values_moves_on() {
        // Nothing forbids it in the long form.
        let data = [5, 5, 0xFF, 0, 0, 0, 0, 6, 6, 26, 1, 2, 3, 4];
        assert_eq!(
            decoded(&data, 32, 9).unwrap(),
            [[6; 28].as_slice(), &[1, 2, 3, 4]].concat()
        );
    }

    proptest! {
        #[test]
        fn every_plane_comes_back_and_never_grows(
            parts in prop::collection::vec((0u8..5, prop_oneof![1usize..4, 1usize..20, 250usize..260]), 0..60),
            step in 1usize..70,
        ) {
            let plane: Vec<u8> = parts.iter().flat_map(|&(value, length)| std::iter::repeat_n(value, length)).collect();
            let coded = encoded(&plane);
            prop_assert!(coded.len() <= plane.len());
            prop_assert_eq!(decoded(&coded, plane.len(), step).unwrap(), plane);
        }

        #[test]
        fn random_bytes_never_panic(data in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..100), more in 0usize..500, step in 1usize..70) {
            let _ = decoded(&data, data.len() + more, step);
        }
    }
}
