//! Numbers that look random and depend on nothing but what they are asked with.

/// A source of numbers by key: SplitMix64, whose result no library's next version changes.
#[derive(Clone, Copy, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall alike for the same seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Other dice for each `key`.
    pub const fn at(self, key: u64) -> Self {
        let mut z = self
            .0
            .wrapping_add(key.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self(z ^ (z >> 31))
    }

    /// 64 bits for `key`.
    pub const fn bits(self, key: u64) -> u64 {
        self.at(key).0
    }

    /// A number below `end` for `key`; 0 where `end` is 0.
    pub const fn below(self, key: u64, end: u64) -> u64 {
        ((self.bits(key) as u128 * end as u128) >> 64) as u64
    }

    /// One of `choices` for `key`.
    pub fn pick<T: Copy>(self, key: u64, choices: &[T]) -> T {
        choices[self.below(key, choices.len() as u64) as usize]
    }
}
