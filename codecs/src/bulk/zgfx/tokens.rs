//! The fixed prefix code of `[MS-RDPEGFX] 3.1.9.1.2.3`, from the one list to both directions.

/// No prefix is longer, so that one look at so many bits always finds the token.
pub const MAX_PREFIX_BITS: u32 = 9;

/// The prefix of every literal without a shorter code is a single 0; its 8 bits follow.
const LITERAL_BITS: u8 = 9;

/// A class of match distances: `prefix` in `prefix_bits`, then `value_bits` added to `base`.
#[derive(Clone, Copy)]
pub struct DistanceClass {
    pub prefix: u16,
    pub prefix_bits: u8,
    pub value_bits: u8,
    pub base: u32,
}

const fn distance(prefix: u16, prefix_bits: u8, value_bits: u8, base: u32) -> DistanceClass {
    DistanceClass {
        prefix,
        prefix_bits,
        value_bits,
        base,
    }
}

/// Nearest first. Distance 0 in the first class is an unencoded run.
pub const DISTANCES: [DistanceClass; 11] = [
    distance(0b10001, 5, 5, 0),
    distance(0b10010, 5, 7, 32),
    distance(0b10011, 5, 9, 160),
    distance(0b10100, 5, 10, 672),
    distance(0b10101, 5, 12, 1_696),
    distance(0b101100, 6, 14, 5_792),
    distance(0b101101, 6, 15, 22_176),
    distance(0b1011100, 7, 18, 54_944),
    distance(0b1011101, 7, 20, 317_088),
    distance(0b10111100, 8, 20, 1_365_664),
    distance(0b10111101, 8, 21, 2_414_240),
];

/// Literals with a code of their own: prefix, its bits, the byte.
const SHORT_LITERALS: [(u16, u8, u8); 25] = [
    (0b11000, 5, 0x00),
    (0b11001, 5, 0x01),
    (0b110100, 6, 0x02),
    (0b110101, 6, 0x03),
    (0b110110, 6, 0xFF),
    (0b1101110, 7, 0x04),
    (0b1101111, 7, 0x05),
    (0b1110000, 7, 0x06),
    (0b1110001, 7, 0x07),
    (0b1110010, 7, 0x08),
    (0b1110011, 7, 0x09),
    (0b1110100, 7, 0x0A),
    (0b1110101, 7, 0x0B),
    (0b1110110, 7, 0x3A),
    (0b1110111, 7, 0x3B),
    (0b1111000, 7, 0x3C),
    (0b1111001, 7, 0x3D),
    (0b1111010, 7, 0x3E),
    (0b1111011, 7, 0x3F),
    (0b1111100, 7, 0x40),
    (0b1111101, 7, 0x80),
    (0b11111100, 8, 0x0C),
    (0b11111101, 8, 0x38),
    (0b11111110, 8, 0x39),
    (0b11111111, 8, 0x66),
];

/// What a look at the next [`MAX_PREFIX_BITS`] bits finds.
#[derive(Clone, Copy)]
pub struct Token {
    /// The literal itself, or the base of a match distance.
    pub base: u32,
    /// Bits to skip; 0 marks a reserved sequence.
    pub prefix_bits: u8,
    /// Bits of the distance that follow a match's prefix.
    pub value_bits: u8,
    /// Whether this is a literal.
    pub is_literal: bool,
}

/// Every sequence of [`MAX_PREFIX_BITS`] bits, and the token that it starts with.
pub static TOKENS: [Token; 1 << MAX_PREFIX_BITS] = build_tokens();

const fn build_tokens() -> [Token; 1 << MAX_PREFIX_BITS] {
    let mut table = [Token {
        base: 0,
        prefix_bits: 0,
        value_bits: 0,
        is_literal: false,
    }; 1 << MAX_PREFIX_BITS];
    // A leading 0 and the byte: the low half of the table. The long forms of literals that have
    // a short one are reserved, and understood all the same, as every known client does.
    let mut byte = 0;
    while byte < 256 {
        table[byte] = Token {
            base: byte as u32,
            prefix_bits: LITERAL_BITS,
            value_bits: 0,
            is_literal: true,
        };
        byte += 1;
    }
    let mut i = 0;
    while i < SHORT_LITERALS.len() {
        let (prefix, bits, byte) = SHORT_LITERALS[i];
        table = fill(
            table,
            prefix,
            bits,
            Token {
                base: byte as u32,
                prefix_bits: bits,
                value_bits: 0,
                is_literal: true,
            },
        );
        i += 1;
    }
    let mut i = 0;
    while i < DISTANCES.len() {
        let class = DISTANCES[i];
        table = fill(
            table,
            class.prefix,
            class.prefix_bits,
            Token {
                base: class.base,
                prefix_bits: class.prefix_bits,
                value_bits: class.value_bits,
                is_literal: false,
            },
        );
        i += 1;
    }
    table
}

/// Puts `token` at every index that begins with `prefix`.
const fn fill(
    mut table: [Token; 1 << MAX_PREFIX_BITS],
    prefix: u16,
    bits: u8,
    token: Token,
) -> [Token; 1 << MAX_PREFIX_BITS] {
    let free_bits = MAX_PREFIX_BITS - bits as u32;
    let first = (prefix as usize) << free_bits;
    let mut i = 0;
    while i < 1 << free_bits {
        table[first + i] = token;
        i += 1;
    }
    table
}

/// The code of each literal: bits, and how many of them.
pub static LITERALS: [(u16, u8); 256] = build_literals();

const fn build_literals() -> [(u16, u8); 256] {
    let mut codes = [(0, LITERAL_BITS); 256];
    let mut byte = 0;
    while byte < 256 {
        codes[byte].0 = byte as u16;
        byte += 1;
    }
    let mut i = 0;
    while i < SHORT_LITERALS.len() {
        let (prefix, bits, byte) = SHORT_LITERALS[i];
        codes[byte as usize] = (prefix, bits);
        i += 1;
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_classes_meet_without_gap() {
        for pair in DISTANCES.windows(2) {
            assert_eq!(pair[0].base + (1 << pair[0].value_bits), pair[1].base);
        }
    }

    #[test]
    fn every_literal_code_reads_back_as_its_byte() {
        for (byte, &(code, bits)) in LITERALS.iter().enumerate() {
            let token = TOKENS[(code as usize) << (MAX_PREFIX_BITS - u32::from(bits))];
            assert!(token.is_literal, "{byte:#04x}");
            assert_eq!((token.base, token.prefix_bits), (byte as u32, bits));
        }
    }

    #[test]
    fn only_what_the_table_leaves_out_is_reserved() {
        let reserved: Vec<usize> = (0..TOKENS.len())
            .filter(|&i| TOKENS[i].prefix_bits == 0)
            .collect();
        // 10000xxxx and 1011111xx are the two sequences without a meaning.
        let expected: Vec<usize> = (0b1_0000_0000..0b1_0001_0000)
            .chain(0b1_0111_1100..0b1_1000_0000)
            .collect();
        assert_eq!(reserved, expected);
    }
}
