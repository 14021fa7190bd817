//! Reading and writing the wire: a checked cursor, an append-only writer, and what goes wrong.
//!
//! Integers are little endian unless a method says `_be`. No read panics, whatever the input, and
//! nothing is allocated from a length before that many bytes are known to be there.

use oriel_codecs::bulk::BulkError;
use thiserror::Error;

/// The peer sent bytes that the specification does not allow.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The data ends inside a structure.
    #[error("{context}: {needed} bytes needed, {left} left")]
    Truncated {
        /// The structure being read.
        context: &'static str,
        /// Bytes that the next field wants.
        needed: usize,
        /// Bytes that were left.
        left: usize,
    },
    /// A field holds a value that makes the rest unreadable.
    #[error("{context}: invalid {field} {value:#x}")]
    Invalid {
        /// The structure being read.
        context: &'static str,
        /// The offending field.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A length is over what this implementation agrees to hold.
    #[error("{context}: {field} of {value} is over the limit of {limit}")]
    TooLarge {
        /// The structure being read.
        context: &'static str,
        /// The offending field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// The most that is taken.
        limit: u64,
    },
    /// Compressed data does not decompress.
    #[error("{context}: {reason}")]
    Compression {
        /// The structure being read.
        context: &'static str,
        /// What the decompressor said.
        reason: String,
    },
}

impl DecodeError {
    /// An [`DecodeError::Invalid`] field.
    pub fn invalid(context: &'static str, field: &'static str, value: impl Into<u64>) -> Self {
        Self::Invalid {
            context,
            field,
            value: value.into(),
        }
    }
}

impl DecodeError {
    /// What a bulk decompressor said about a structure.
    pub(crate) fn compression(context: &'static str, error: BulkError) -> Self {
        Self::Compression {
            context,
            reason: error.to_string(),
        }
    }
}

/// Result of reading a structure.
pub type DecodeResult<T> = Result<T, DecodeError>;

/// A place in received bytes, read front to back.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    data: &'a [u8],
    position: usize,
    context: &'static str,
}

macro_rules! read_integer {
    ($($(#[$doc:meta])* $name:ident: $type:ty, $from:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self) -> DecodeResult<$type> {
            const BYTES: usize = size_of::<$type>();
            let bytes = self.take(BYTES)?;
            let mut array = [0; BYTES];
            array.copy_from_slice(bytes);
            Ok(<$type>::$from(array))
        }
    )*};
}

impl<'a> Cursor<'a> {
    /// A cursor at the front of `data`; `context` names the structure in errors.
    pub fn new(data: &'a [u8], context: &'static str) -> Self {
        Self {
            data,
            position: 0,
            context,
        }
    }

    /// Names the structure that is read from here on.
    pub fn set_context(&mut self, context: &'static str) {
        self.context = context;
    }

    /// The structure being read.
    pub fn context(&self) -> &'static str {
        self.context
    }

    /// Bytes not read yet.
    pub fn left(&self) -> usize {
        self.data.len() - self.position
    }

    /// True at the end of the data.
    pub fn is_empty(&self) -> bool {
        self.left() == 0
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// What was not read yet, without moving on.
    pub fn peek_rest(&self) -> &'a [u8] {
        &self.data[self.position..]
    }

    /// The next byte, without moving on.
    pub fn peek_u8(&self) -> DecodeResult<u8> {
        self.data
            .get(self.position)
            .copied()
            .ok_or(DecodeError::Truncated {
                context: self.context,
                needed: 1,
                left: 0,
            })
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> DecodeResult<&'a [u8]> {
        if count > self.left() {
            return Err(DecodeError::Truncated {
                context: self.context,
                needed: count,
                left: self.left(),
            });
        }
        let bytes = &self.data[self.position..self.position + count];
        self.position += count;
        Ok(bytes)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> DecodeResult<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let bytes = &self.data[self.position..];
        self.position = self.data.len();
        bytes
    }

    /// A cursor of its own over the next `count` bytes, for a structure that carries its length.
    pub fn sub(&mut self, count: usize, context: &'static str) -> DecodeResult<Cursor<'a>> {
        Ok(Cursor::new(self.take(count)?, context))
    }

    /// Moves past `count` bytes.
    pub fn skip(&mut self, count: usize) -> DecodeResult<()> {
        self.take(count).map(|_| ())
    }

    read_integer! {
        /// An unsigned byte.
        u8: u8, from_le_bytes;
        /// A signed byte.
        i8: i8, from_le_bytes;
        /// 16 bits, little endian.
        u16: u16, from_le_bytes;
        /// 16 bits, signed, little endian.
        i16: i16, from_le_bytes;
        /// 32 bits, little endian.
        u32: u32, from_le_bytes;
        /// 32 bits, signed, little endian.
        i32: i32, from_le_bytes;
        /// 64 bits, little endian.
        u64: u64, from_le_bytes;
        /// 16 bits, big endian.
        u16_be: u16, from_be_bytes;
        /// 32 bits, big endian.
        u32_be: u32, from_be_bytes;
    }
}

/// Appends wire fields to a buffer that the caller owns.
pub trait WriteWire {
    /// Raw bytes.
    fn put(&mut self, bytes: &[u8]);

    /// An unsigned byte.
    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }
    /// 16 bits, little endian.
    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }
    /// 16 bits, signed, little endian.
    fn put_i16(&mut self, value: i16) {
        self.put(&value.to_le_bytes());
    }
    /// 32 bits, little endian.
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }
    /// 32 bits, signed, little endian.
    fn put_i32(&mut self, value: i32) {
        self.put(&value.to_le_bytes());
    }
    /// 64 bits, little endian.
    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }
    /// 16 bits, big endian.
    fn put_u16_be(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }
    /// 32 bits, big endian.
    fn put_u32_be(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }
    /// Text as little-endian UTF-16 in a field of `field_bytes`, cut so that a terminator stays;
    /// zeros fill the rest. Returns the text's bytes, without the terminator.
    fn put_utf16_field(&mut self, text: &str, field_bytes: usize) -> usize {
        let bytes = utf16_bytes_within(text, field_bytes.saturating_sub(2));
        self.put(&bytes);
        self.put_zeros(field_bytes - bytes.len());
        bytes.len()
    }
    /// `count` zero bytes.
    fn put_zeros(&mut self, count: usize) {
        for _ in 0..count {
            self.put_u8(0);
        }
    }
}

impl WriteWire for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A structure of the wire.
///
/// `decode(encode(x)) == x` holds for every value that a peer may send, unknown enumeration
/// values included.
pub trait Pdu: Sized {
    /// Reads the structure at the cursor and leaves the cursor behind it.
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self>;

    /// Appends the structure to `out`.
    fn encode(&self, out: &mut Vec<u8>);

    /// The structure alone in a buffer of its own.
    fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

/// Text as little-endian UTF-16, without a terminator.
pub fn utf16_bytes(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// As much of the text as `max_bytes` hold, in whole characters: as [`utf16_bytes`].
pub fn utf16_bytes_within(text: &str, max_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity((2 * text.len()).min(max_bytes));
    for character in text.chars() {
        let mut units = [0; 2];
        let units = character.encode_utf16(&mut units);
        if bytes.len() + 2 * units.len() > max_bytes {
            break;
        }
        bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    }
    bytes
}

/// Text from little-endian UTF-16 up to the first NUL or the end; what is not Unicode becomes
/// U+FFFD, a last odd byte is ignored.
pub fn utf16_text(bytes: &[u8]) -> String {
    let units = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units.take_while(|&unit| unit != 0))
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_past_the_end_says_what_was_wanted() {
        let mut cursor = Cursor::new(&[1, 2, 3], "test");
        assert_eq!(cursor.u16(), Ok(0x0201));
        assert_eq!(
            cursor.u32(),
            Err(DecodeError::Truncated {
                context: "test",
                needed: 4,
                left: 1
            })
        );
        assert_eq!(cursor.u8(), Ok(3), "a failed read consumes nothing");
    }

    #[test]
    fn text_that_is_cut_ends_with_a_whole_character() {
        let text = "ab\u{1f600}c";
        for (max_bytes, kept) in [(0, ""), (3, "a"), (4, "ab"), (7, "ab"), (8, "ab\u{1f600}")] {
            assert_eq!(utf16_bytes_within(text, max_bytes), utf16_bytes(kept));
        }
        assert_eq!(utf16_bytes_within(text, 100), utf16_bytes(text));
        let mut out = Vec::new();
        assert_eq!(out.put_utf16_field(text, 8), 4);
        assert_eq!(out, [b'a', 0, b'b', 0, 0, 0, 0, 0]);
    }

    #[test]
    fn utf16_stops_at_the_terminator_and_survives_half_a_surrogate() {
        assert_eq!(
            utf16_text(&utf16_bytes("h\u{e9}llo \u{1f600}")),
            "h\u{e9}llo \u{1f600}"
        );
        assert_eq!(utf16_text(&[0x41, 0, 0, 0, 0x42, 0]), "A");
        assert_eq!(utf16_text(&[0x00, 0xd8, 0x41, 0, 7]), "\u{fffd}A");
    }
}
