//! What the next bits of a stream show of a match.
//!
//! How many bits a token has stands in a word and not in a table, which takes a few shifts and no
//! load: the next token cannot be begun before. What the token means is looked up beside that.

use super::{CLASSES_8K, CLASSES_64K, DistanceClass};
use crate::bulk::BulkError;

/// The distances of one form, by the three bits that follow two ones.
pub(super) struct Distances {
    /// Bits of the code and of the value, in a byte for each look.
    bits: u64,
    looks: [Look; 8],
}

#[derive(Clone, Copy)]
struct Look {
    prefix_bits: u8,
    /// What brings the value down to the bottom of the word.
    shift: u8,
    base: u32,
}

pub(super) static DISTANCES_8K: Distances = Distances::new(&CLASSES_8K);
pub(super) static DISTANCES_64K: Distances = Distances::new(&CLASSES_64K);

impl Distances {
    const fn new(classes: &[DistanceClass; 4]) -> Self {
        let no_look = Look {
            prefix_bits: 0,
            shift: 0,
            base: 0,
        };
        let mut looks = [no_look; 8];
        let mut bits = 0;
        let mut look = 0;
        while look < looks.len() {
            let mut at = 0;
            let prefix = 0b11 << 3 | look as u32;
            while prefix >> (5 - classes[at].prefix_bits) != classes[at].prefix {
                at += 1;
            }
            let class = classes[at];
            looks[look] = Look {
                prefix_bits: class.prefix_bits as u8,
                shift: (64 - class.value_bits) as u8,
                base: class.base,
            };
            bits |= ((class.prefix_bits + class.value_bits) as u64) << (8 * look);
            look += 1;
        }
        Self { bits, looks }
    }

    /// Bits of the distance that `word` begins with.
    #[inline(always)]
    pub(super) fn bits(&self, word: u64) -> u32 {
        (self.bits >> (word >> 56 & 0x38)) as u32 & 0x1f
    }

    /// The distance that `word` begins with.
    #[inline(always)]
    pub(super) fn value(&self, word: u64) -> usize {
        let look = &self.looks[(word >> 56 & 0x38) as usize / 8];
        let value = word << look.prefix_bits >> look.shift;
        look.base as usize + value as usize
    }
}

/// Bits that show a length of less than 32.
const SHORT_LOOK_BITS: u32 = 8;

/// Bits of a length's code by its first four, half a byte each; 0 for one that is not short.
const SHORT_BITS: u64 = {
    let mut bits = 0;
    let mut look = 0;
    while look < 15 {
        bits |= (length(look << 60).1 as u64) << (4 * look);
        look += 1;
    }
    bits
};

static SHORT_LENGTHS: [u8; 1 << SHORT_LOOK_BITS] = {
    let mut lengths = [0; 1 << SHORT_LOOK_BITS];
    let mut look = 0;
    while look < lengths.len() {
        let (length, bits) = length((look as u64) << (64 - SHORT_LOOK_BITS));
        if bits <= SHORT_LOOK_BITS {
            lengths[look] = length as u8;
        }
        look += 1;
    }
    lengths
};

/// Bits of the length that `word` begins with; 0 where it is 32 or more.
#[inline(always)]
pub(super) fn short_length_bits(word: u64) -> u32 {
    (SHORT_BITS >> (word >> 58 & 0x3c)) as u32 & 0xf
}

/// The length that `word` begins with, which is less than 32.
#[inline(always)]
pub(super) fn short_length(word: u64) -> usize {
    usize::from(SHORT_LENGTHS[(word >> (64 - SHORT_LOOK_BITS)) as usize])
}

/// The length that `word` begins with, and its bits.
#[inline(always)]
pub(super) fn any_length(word: u64, most_ones: u32) -> Result<(usize, u32), BulkError> {
    if word.leading_ones() > most_ones {
        return Err(BulkError::ReservedToken);
    }
    Ok(length(word))
}

/// As many ones as the length has bits less one, a zero, and the bits below its highest; 3 is a
/// lone zero. There are 31 ones at most.
#[inline(always)]
const fn length(word: u64) -> (usize, u32) {
    let ones = word.leading_ones();
    if ones == 0 {
        return (3, 1);
    }
    let value_bits = ones + 1;
    let value = (word << (ones + 1)) >> (64 - value_bits);
    ((1 << value_bits) + value as usize, ones + 1 + value_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_shows_what_the_whole_code_says() {
        for length in 3..32usize {
            let value_bits = length.ilog2();
            let (code, bits) = if length == 3 {
                (0, 1)
            } else {
                let below = length as u64 - (1 << value_bits);
                (
                    ((1 << value_bits) - 2) << value_bits | below,
                    2 * value_bits,
                )
            };
            // Whatever follows.
            for rest in [0, u64::MAX >> bits] {
                let word = code << (64 - bits) | rest;
                assert_eq!(short_length_bits(word), bits, "{length}");
                assert_eq!(short_length(word), length);
                assert_eq!(any_length(word, 11), Ok((length, bits)));
            }
        }
        let word = 0b1111_0000_0011 << 52;
        assert_eq!(short_length_bits(word), 0);
        assert_eq!(any_length(word, 11), Ok((32, 10)));
        assert_eq!(any_length(word, 3), Err(BulkError::ReservedToken));
    }

    #[test]
    fn distances_begin_where_their_class_does() {
        for (distances, classes) in [(&DISTANCES_8K, &CLASSES_8K), (&DISTANCES_64K, &CLASSES_64K)] {
            for class in classes {
                let bits = class.prefix_bits + class.value_bits;
                for value in [0, 1, (1 << class.value_bits) - 1] {
                    let code = u64::from(class.prefix) << class.value_bits | value;
                    for rest in [0, u64::MAX >> bits] {
                        let word = code << (64 - bits) | rest;
                        assert_eq!(distances.bits(word), bits);
                        assert_eq!(distances.value(word), class.base as usize + value as usize);
                    }
                }
            }
        }
    }
}
