//! The discrete wavelet transform, three levels of 5/3 lifting, and its inverse.
//!
//! Both work on whole rows at a time, in 16-bit arithmetic that is exact: averages are taken
//! without the seventeenth bit that a sum would need.

mod forward;
mod inverse;

use super::TILE_SIZE;

pub use forward::{ForwardScratch, forward};
pub use inverse::{DwtScratch, inverse};

/// Rows of a level, each as long as the longest.
type Plane = [[i16; TILE_SIZE]; TILE_SIZE];

/// Half of the sum, rounded down; exact where the sum has more than 16 bits.
#[inline(always)]
fn floor_average(a: i16, b: i16) -> i16 {
    (a & b) + ((a ^ b) >> 1)
}

/// Half of the sum, rounded up.
#[inline(always)]
fn ceil_average(a: i16, b: i16) -> i16 {
    (a | b).wrapping_sub((a ^ b) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn averages_are_those_of_wider_integers(a: i16, b: i16) {
            let sum = i32::from(a) + i32::from(b);
            prop_assert_eq!(i32::from(floor_average(a, b)), sum >> 1);
            prop_assert_eq!(i32::from(ceil_average(a, b)), (sum + 1) >> 1);
        }
    }
}
