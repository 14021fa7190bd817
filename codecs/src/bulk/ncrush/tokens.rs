//! The two prefix codes (`[MS-RDPEGDI] 3.1.8.1.4.1`, `3.1.8.1.4.2`), built from their lengths.

use crate::bulk::bits::LOOK_BITS;

/// Symbols of the first code: 256 literals, the end, 32 classes of distances, 4 cached distances.
const SYMBOLS: usize = 293;
/// The end of the message.
pub(super) const END: usize = 256;
const FIRST_DISTANCE: usize = 257;
const FIRST_CACHED: usize = 289;

/// Table 1: bits of each symbol of the first code.
#[rustfmt::skip]
const SYMBOL_BITS: [u8; SYMBOLS] = [
    6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7, 8, 8, 8, 8, 8, 8, 8, 9, 8, 9, 9, 9, 9,
    8, 8, 9, 9, 9, 9, 9, 9, 8, 9, 9, 10, 9, 9, 9, 9, 9, 9, 9, 10, 9, 10, 10, 10,
    9, 9, 10, 9, 10, 9, 10, 9, 9, 9, 10, 10, 9, 10, 9, 9, 8, 9, 9, 9, 9, 10, 10, 10,
    9, 9, 10, 10, 10, 10, 10, 10, 9, 9, 10, 10, 10, 10, 10, 10, 10, 9, 10, 10, 10, 10, 10, 10,
    8, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 9, 10, 10, 10, 10, 10, 10, 10,
    9, 10, 10, 10, 10, 10, 10, 9, 7, 9, 9, 10, 9, 10, 10, 10, 9, 10, 10, 10, 10, 10, 10, 10,
    9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
    10, 10, 10, 13, 10, 10, 10, 10, 10, 10, 11, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
    9, 10, 10, 10, 10, 10, 9, 10, 10, 10, 10, 10, 9, 10, 10, 10, 9, 10, 10, 10, 10, 10, 10, 10,
    10, 10, 10, 10, 10, 10, 10, 10, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 9, 10,
    8, 9, 9, 10, 9, 10, 10, 10, 9, 10, 10, 10, 9, 9, 8, 7, 13, 13, 7, 7, 10, 7, 7, 6,
    6, 6, 6, 5, 6, 6, 6, 5, 6, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    8, 5, 6, 7, 7,
];

/// Table 4: bits of each class of lengths.
const LENGTH_CODE_BITS: [u8; 32] = [
    4, 2, 3, 4, 3, 4, 4, 5, 4, 5, 5, 6, 6, 7, 7, 8, 7, 8, 8, 9, 9, 8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
];

/// Table 6: bits that follow the code of a class of lengths. The last two of the 32 codes stand
/// for nothing.
const LENGTH_VALUE_BITS: [u8; 30] = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 6, 6, 8, 8, 14, 14,
];
/// The shortest match.
pub(super) const MIN_LENGTH: usize = 2;
/// The classes of lengths that can tell every length; one is enough for an encoder.
const ALL_LENGTHS: [usize; 2] = [28, 29];

/// A symbol on the wire, and the bits added to its base.
#[derive(Clone, Copy, Debug)]
pub(super) struct Code {
    /// Low bit first.
    pub code: u16,
    pub code_bits: u8,
    pub value_bits: u8,
    pub base: u32,
}

const NO_CODE: Code = Code {
    code: 0,
    code_bits: 0,
    value_bits: 0,
    base: 0,
};

/// Gives each symbol its code: canonical, its bits turned round as the wire has them.
const fn assign<const N: usize>(lengths: [u8; N]) -> [Code; N] {
    let mut codes = [NO_CODE; N];
    let mut next: u16 = 0;
    let mut bits = 1;
    while bits <= 13 {
        let mut symbol = 0;
        while symbol < N {
            if lengths[symbol] == bits {
                codes[symbol].code = next.reverse_bits() >> (16 - bits);
                codes[symbol].code_bits = bits;
                next += 1;
            }
            symbol += 1;
        }
        next <<= 1;
        bits += 1;
    }
    codes
}

/// Every symbol of the first code. The base of a class of distances is its first distance.
pub(super) static SYMBOL_CODES: [Code; SYMBOLS] = symbol_codes();

const fn symbol_codes() -> [Code; SYMBOLS] {
    let mut codes = assign(SYMBOL_BITS);
    // Table 3: two classes for each number of bits, four without any, the first of which is the
    // distance 0 that means nothing.
    let mut class = 0;
    let mut base = 0;
    while class < 32 {
        let value_bits = if class < 4 { 0 } else { class / 2 - 1 };
        codes[FIRST_DISTANCE + class].value_bits = value_bits as u8;
        codes[FIRST_DISTANCE + class].base = base;
        base += 1 << value_bits;
        class += 1;
    }
    codes
}

/// Every class of lengths.
pub(super) static LENGTH_CODES: [Code; 32] = length_codes();

const fn length_codes() -> [Code; 32] {
    let mut codes = assign(LENGTH_CODE_BITS);
    let mut class = 0;
    let mut base = MIN_LENGTH as u32;
    while class < LENGTH_VALUE_BITS.len() {
        codes[class].value_bits = LENGTH_VALUE_BITS[class];
        if class < ALL_LENGTHS[0] {
            codes[class].base = base;
            base += 1 << LENGTH_VALUE_BITS[class];
        } else {
            codes[class].base = MIN_LENGTH as u32;
        }
        class += 1;
    }
    codes
}

/// The class of a distance of 1 to 65,535: its place among [`SYMBOL_CODES`].
#[inline(always)]
pub(super) fn distance_symbol(distance: usize) -> usize {
    let class = if distance < 4 {
        distance
    } else {
        // Two classes for each power of two.
        let log = distance.ilog2() as usize;
        2 * log + (distance >> (log - 1) & 1)
    };
    FIRST_DISTANCE + class
}

/// The code of a cached distance: its place among [`SYMBOL_CODES`].
pub(super) const fn cached_symbol(index: usize) -> usize {
    FIRST_CACHED + index
}

/// The class of a length of [`MIN_LENGTH`] to 16,385: its place among [`LENGTH_CODES`].
#[inline(always)]
pub(super) fn length_class(length: usize) -> usize {
    const SHORT: usize = 130;
    static CLASSES: [u8; SHORT] = {
        let codes = length_codes();
        let mut classes = [0; SHORT];
        let mut length = 0;
        let mut class = 0;
        while length < SHORT {
            while length >= codes[class + 1].base as usize {
                class += 1;
            }
            classes[length] = class as u8;
            length += 1;
        }
        classes
    };
    match length {
        0..SHORT => usize::from(CLASSES[length]),
        SHORT..194 => 24,
        194..258 => 25,
        258..514 => 26,
        514..770 => 27,
        _ => ALL_LENGTHS[0],
    }
}

/// What a look at the stream finds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    /// The literal, the first distance or length of the class, or a cached distance's place.
    pub base: u16,
    /// Bits of the code and those that follow; 0 marks one that stands for nothing, or that is
    /// longer than the look.
    pub bits: u8,
    /// Bits of the distance or length that follow, or one of the kinds below.
    pub kind: u8,
}

impl Token {
    /// The distance or length that `word` begins with.
    #[inline(always)]
    pub fn value(self, word: u64) -> u16 {
        let code_bits = self.bits - self.kind;
        let above = word >> code_bits & ((1 << self.kind) - 1);
        self.base.wrapping_add(above as u16)
    }
}

/// A [`Token::kind`] beside the numbers of bits, which are below.
pub(super) mod kind {
    pub const LITERAL: u8 = 0x80;
    pub const CACHED: u8 = 0x40;
    pub const END: u8 = 0x20;
}

/// Bits of a look that show all but four symbols of the first code. The codes of those begin with
/// as many ones.
pub(super) const SYMBOL_LOOK_BITS: u32 = 10;
/// Bits that tell those four apart.
const LONG_LOOK_BITS: u32 = 3;
/// Bits of a look that show a class of lengths.
pub(super) const LENGTH_LOOK_BITS: u32 = 9;

/// Bits of the match that repeats the distance used last for two bytes.
pub(super) const REPEAT_BITS: u32 = {
    let (symbol, length) = (SYMBOL_CODES[cached_symbol(0)], LENGTH_CODES[0]);
    (symbol.code_bits + length.code_bits) as u32
};

/// As many of them as a look surely shows.
pub(super) const REPEATS_SEEN: u32 = LOOK_BITS / REPEAT_BITS;

/// What such a look shows.
pub(super) const REPEATS: u64 = {
    let (symbol, length) = (SYMBOL_CODES[cached_symbol(0)], LENGTH_CODES[0]);
    let one = symbol.code as u64 | (length.code as u64) << symbol.code_bits;
    let mut all = 0;
    let mut repeat = 0;
    while repeat < REPEATS_SEEN {
        all = all << REPEAT_BITS | one;
        repeat += 1;
    }
    all
};

const NO_TOKEN: Token = Token {
    base: 0,
    bits: 0,
    kind: 0,
};

/// What each look of [`SYMBOL_LOOK_BITS`] shows.
pub(super) static SYMBOLS_SEEN: [Token; 1 << SYMBOL_LOOK_BITS] = see_symbols(0);

/// What the bits behind a look of ones show.
pub(super) static LONG_SYMBOLS_SEEN: [Token; 1 << LONG_LOOK_BITS] = see_symbols(SYMBOL_LOOK_BITS);

/// What each look of [`LENGTH_LOOK_BITS`] shows.
pub(super) static LENGTHS_SEEN: [Token; 1 << LENGTH_LOOK_BITS] = see_lengths();

/// Tokens of the symbols whose codes fit `N` looks behind `skipped` ones, by what is seen there.
const fn see_symbols<const N: usize>(skipped: u32) -> [Token; N] {
    let codes = symbol_codes();
    let look_bits = N.ilog2();
    let mut table = [NO_TOKEN; N];
    let mut symbol = 0;
    while symbol < SYMBOLS {
        let code = codes[symbol];
        let (base, kind) = match symbol {
            0..END => (symbol as u16, kind::LITERAL),
            END => (0, kind::END),
            FIRST_DISTANCE..FIRST_CACHED => (code.base as u16, code.value_bits),
            _ => ((symbol - FIRST_CACHED) as u16, kind::CACHED),
        };
        let bits = code.code_bits as u32;
        if bits > skipped && bits <= skipped + look_bits {
            let token = Token {
                base,
                bits: code.code_bits + code.value_bits,
                kind,
            };
            table = fill(table, code.code >> skipped, bits - skipped, token);
        }
        symbol += 1;
    }
    table
}

const fn see_lengths() -> [Token; 1 << LENGTH_LOOK_BITS] {
    let codes = length_codes();
    let mut table = [NO_TOKEN; 1 << LENGTH_LOOK_BITS];
    let mut class = 0;
    while class < LENGTH_VALUE_BITS.len() {
        let code = codes[class];
        let token = Token {
            base: code.base as u16,
            bits: code.code_bits + code.value_bits,
            kind: code.value_bits,
        };
        table = fill(table, code.code, code.code_bits as u32, token);
        class += 1;
    }
    table
}

/// Puts `token` at every index that ends with `code`.
const fn fill<const N: usize>(
    mut table: [Token; N],
    code: u16,
    bits: u32,
    token: Token,
) -> [Token; N] {
    let mut index = code as usize;
    while index < N {
        table[index] = token;
        index += 1 << bits;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_specifications_tables() {
        // Tables 2 and 5.
        for (symbol, code) in [
            (0, 0x0004),
            (131, 0x02a7),
            (171, 0x07ff),
            (178, 0x03ff),
            (256, 0x17ff),
            (257, 0x0fff),
            (263, 0x0034),
            (288, 0x00ed),
            (292, 0x0065),
        ] {
            assert_eq!(SYMBOL_CODES[symbol].code, code, "{symbol}");
        }
        for (class, code) in [
            (0, 1),
            (1, 0),
            (15, 0x6f),
            (21, 0x9f),
            (23, 0x1df),
            (31, 0x1ff),
        ] {
            assert_eq!(LENGTH_CODES[class].code, code, "{class}");
        }
    }

    #[test]
    fn classes_are_those_of_the_specifications_tables() {
        // Table 3 tells each base one higher.
        for (class, bits, base) in [(4, 1, 5), (6, 2, 9), (19, 8, 769), (31, 14, 49153)] {
            let code = SYMBOL_CODES[FIRST_DISTANCE + class];
            assert_eq!((code.value_bits, code.base + 1), (bits, base));
        }
        for (class, bits, base) in [
            (7, 0, 9),
            (15, 2, 30),
            (23, 4, 114),
            (27, 8, 514),
            (29, 14, 2),
        ] {
            let code = LENGTH_CODES[class];
            assert_eq!((code.value_bits, code.base), (bits, base));
        }
    }

    #[test]
    fn each_distance_and_length_is_in_its_class() {
        for distance in 1..65_536 {
            let code = SYMBOL_CODES[distance_symbol(distance)];
            let above = distance as u32 - code.base;
            assert!(above < 1 << code.value_bits, "{distance}");
        }
        for length in MIN_LENGTH..=16_385 {
            let code = LENGTH_CODES[length_class(length)];
            assert!(length as u32 - code.base < 1 << code.value_bits, "{length}");
        }
    }

    #[test]
    fn every_code_is_seen_for_what_it_is() {
        for (symbol, code) in SYMBOL_CODES.iter().enumerate() {
            let look = usize::from(code.code);
            let token = if u32::from(code.code_bits) <= SYMBOL_LOOK_BITS {
                SYMBOLS_SEEN[look]
            } else {
                assert_eq!(look & 1023, 1023);
                assert_eq!(SYMBOLS_SEEN[1023].bits, 0);
                LONG_SYMBOLS_SEEN[look >> SYMBOL_LOOK_BITS]
            };
            assert_eq!(token.bits, code.code_bits + code.value_bits, "{symbol}");
            if symbol < END {
                assert_eq!((token.base, token.kind), (symbol as u16, kind::LITERAL));
            }
        }
        let unused = LONG_SYMBOLS_SEEN.iter().filter(|token| token.bits == 0);
        assert_eq!(unused.count(), 1, "13 ones");
        let repeat = REPEATS as usize;
        let token = SYMBOLS_SEEN[repeat & 1023];
        assert_eq!((token.base, token.kind), (0, kind::CACHED));
        let length = LENGTHS_SEEN[repeat >> token.bits & 511];
        assert_eq!(length.value(REPEATS >> token.bits), 2);
        assert_eq!(u32::from(token.bits + length.bits), REPEAT_BITS);
        let unused = LENGTHS_SEEN.iter().filter(|token| token.bits == 0);
        assert_eq!(unused.count(), 2, "the codes of the last two classes");
    }
}
