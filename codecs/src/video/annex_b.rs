//! NAL units in the byte stream format (H.264 Annex B).

use super::sequence_parameters::{PictureSize, picture_size};
use super::{DecoderLimits, MAX_ACCESS_UNIT_BYTES, VideoError};

const NAL_TYPE_MASK: u8 = 0x1F;
const SLICE: u8 = 1;
const KEY_SLICE: u8 = 5;
const SEQUENCE_PARAMETERS: u8 = 7;
const PICTURE_PARAMETERS: u8 = 8;

/// What lies in an access unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// Slices of any kind.
    pub has_picture: bool,
    /// Slices of an IDR picture.
    pub has_key_picture: bool,
    /// A sequence parameter set.
    pub has_sequence_parameters: bool,
    /// A picture parameter set.
    pub has_picture_parameters: bool,
}

/// Looks at the type of each NAL unit.
pub(super) fn contents(annex_b: &[u8]) -> Contents {
    let mut contents = Contents::default();
    for unit in nal_units(annex_b) {
        match unit.first().map(|header| header & NAL_TYPE_MASK) {
            Some(KEY_SLICE) => {
                contents.has_key_picture = true;
                contents.has_picture = true;
            }
            // Slices and data partitions A to C.
            Some(SLICE..KEY_SLICE) => contents.has_picture = true,
            Some(SEQUENCE_PARAMETERS) => contents.has_sequence_parameters = true,
            Some(PICTURE_PARAMETERS) => contents.has_picture_parameters = true,
            _ => {}
        }
    }
    contents
}

/// Refuses an access unit that would have a backend allocate more than `limits` allow.
pub(super) fn check(annex_b: &[u8], limits: &DecoderLimits) -> Result<(), VideoError> {
    if annex_b.len() > MAX_ACCESS_UNIT_BYTES {
        return Err(VideoError::TooLong {
            bytes: annex_b.len(),
        });
    }
    for size in picture_sizes(annex_b) {
        let (width, height) = size.coded;
        if width.saturating_mul(height) > limits.max_pixels {
            return Err(VideoError::TooLarge {
                width,
                height,
                max_pixels: limits.max_pixels,
            });
        }
    }
    Ok(())
}

/// What each readable sequence parameter set says about the size of pictures.
pub(super) fn picture_sizes(annex_b: &[u8]) -> impl Iterator<Item = PictureSize> {
    nal_units(annex_b).filter_map(|unit| {
        let (header, parameters) = unit.split_first()?;
        (header & NAL_TYPE_MASK == SEQUENCE_PARAMETERS)
            .then(|| picture_size(parameters))
            .flatten()
    })
}

/// The NAL units, start codes taken off. Zero bytes before the next start code stay.
pub(super) fn nal_units(annex_b: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start_code(annex_b).map(|at| &annex_b[at + 3..]);
    std::iter::from_fn(move || {
        let unit = rest.take()?;
        match start_code(unit) {
            Some(end) => {
                rest = Some(&unit[end + 3..]);
                Some(&unit[..end])
            }
            None => Some(unit),
        }
    })
}

/// Where the next `00 00 01` begins.
fn start_code(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(&third) = bytes.get(at + 2) {
        match third {
            // Only a byte of 0 or 1 can be part of a start code.
            2.. => at += 3,
            1 if bytes[at] == 0 && bytes[at + 1] == 0 => return Some(at),
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_found_behind_long_and_short_start_codes() {
        let stream = [
            9, 0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 0, 0, 1, 0x65, 0, 0, 3, 1, 0, 0, 1,
        ];
        let units: Vec<&[u8]> = nal_units(&stream).collect();
        assert_eq!(
            units,
            [&[0x67, 1, 2][..], &[0x68], &[0x65, 0, 0, 3, 1], &[]]
        );
        assert_eq!(
            contents(&stream),
            Contents {
                has_picture: true,
                has_key_picture: true,
                has_sequence_parameters: true,
                has_picture_parameters: true
            }
        );
    }

    #[test]
    fn a_slice_that_is_not_of_a_key_picture_is_a_picture_all_the_same() {
        let contents = contents(&[0, 0, 1, 0x41, 0x9A]);
        assert!(contents.has_picture && !contents.has_key_picture);
    }

    proptest! {
        #[test]
        fn each_start_code_is_found(bytes in proptest::collection::vec(0u8..3, 0..64)) {
            let simple = bytes.windows(3).position(|window| window == [0, 0, 1]);
            prop_assert_eq!(start_code(&bytes), simple);
            let _ = contents(&bytes);
        }
    }
}
