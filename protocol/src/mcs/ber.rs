//! The few BER types of the MCS connect PDUs (`[X690]`, definite lengths only).

use crate::wire::{Cursor, DecodeError, DecodeResult, WriteWire};

pub(super) const TAG_BOOLEAN: u8 = 0x01;
pub(super) const TAG_INTEGER: u8 = 0x02;
pub(super) const TAG_OCTET_STRING: u8 = 0x04;
pub(super) const TAG_ENUMERATED: u8 = 0x0a;
pub(super) const TAG_SEQUENCE: u8 = 0x30;

/// First octet of an application tag over 30, constructed; the tag follows.
const TAG_APPLICATION: u8 = 0x7f;

pub(crate) fn read_length(cursor: &mut Cursor<'_>) -> DecodeResult<usize> {
    let first = cursor.u8()?;
    if first & 0x80 == 0 {
        return Ok(usize::from(first));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) {
        return Err(DecodeError::invalid(cursor.context(), "BER length", first));
    }
    Ok(cursor
        .take(count)?
        .iter()
        .fold(0, |length, &byte| length << 8 | usize::from(byte)))
}

pub(super) fn write_length(out: &mut Vec<u8>, length: usize) {
    match length {
        0..0x80 => out.put_u8(length as u8),
        0x80..0x100 => out.put(&[0x81, length as u8]),
        0x100..0x1_0000 => {
            out.put_u8(0x82);
            out.put_u16_be(length as u16);
        }
        _ => {
            out.put_u8(0x84);
            out.put_u32_be(length as u32);
        }
    }
}

/// Reads a tag and a length and hands out a cursor over the content.
pub(super) fn read_value<'a>(
    cursor: &mut Cursor<'a>,
    tag: u8,
    context: &'static str,
) -> DecodeResult<Cursor<'a>> {
    let got = cursor.u8()?;
    if got != tag {
        return Err(DecodeError::invalid(context, "BER tag", got));
    }
    let length = read_length(cursor)?;
    cursor.sub(length, context)
}

pub(super) fn write_value(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.put_u8(tag);
    write_length(out, content.len());
    out.put(content);
}

/// An application tag of two octets, over its content.
pub(super) fn read_application<'a>(
    cursor: &mut Cursor<'a>,
    tag: u8,
    context: &'static str,
) -> DecodeResult<Cursor<'a>> {
    let got = cursor.array::<2>()?;
    if got != [TAG_APPLICATION, tag] {
        return Err(DecodeError::invalid(
            context,
            "BER tag",
            u16::from_be_bytes(got),
        ));
    }
    let length = read_length(cursor)?;
    cursor.sub(length, context)
}

pub(super) fn write_application(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.put(&[TAG_APPLICATION, tag]);
    write_length(out, content.len());
    out.put(content);
}

pub(super) fn read_octets<'a>(
    cursor: &mut Cursor<'a>,
    context: &'static str,
) -> DecodeResult<&'a [u8]> {
    Ok(read_value(cursor, TAG_OCTET_STRING, context)?.rest())
}

/// An integer without its sign: both `02 02 ff ff` (as Windows clients write 65535) and the
/// orderly `02 03 00 ff ff` mean the same.
pub(super) fn read_unsigned(cursor: &mut Cursor<'_>, tag: u8) -> DecodeResult<u32> {
    let context = cursor.context();
    let value = read_value(cursor, tag, context)?;
    let bytes = value.peek_rest();
    let significant = bytes.iter().position(|&byte| byte != 0).unwrap_or(0);
    let bytes = &bytes[significant..];
    if bytes.is_empty() || bytes.len() > 4 {
        return Err(DecodeError::invalid(
            context,
            "BER integer's length",
            bytes.len() as u64,
        ));
    }
    Ok(bytes
        .iter()
        .fold(0, |value, &byte| value << 8 | u32::from(byte)))
}

/// How an integer's first octet is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IntegerForm {
    /// Without a zero in front, as Windows clients do: `02 02 ff ff`.
    Bare,
    /// With a zero where the top bit would be a sign, as BER demands and Windows servers do.
    Signed,
}

pub(super) fn write_unsigned(out: &mut Vec<u8>, tag: u8, value: u32, form: IntegerForm) {
    let bytes = value.to_be_bytes();
    let significant = bytes.iter().position(|&byte| byte != 0).unwrap_or(3);
    let bytes = &bytes[significant..];
    let is_padded = form == IntegerForm::Signed && bytes[0] & 0x80 != 0;
    out.put(&[tag, (bytes.len() + usize::from(is_padded)) as u8]);
    if is_padded {
        out.put_u8(0);
    }
    out.put(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_round_trip_in_both_forms() {
        for value in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x80_0000, u32::MAX] {
            for form in [IntegerForm::Bare, IntegerForm::Signed] {
                let mut out = Vec::new();
                write_unsigned(&mut out, TAG_INTEGER, value, form);
                assert_eq!(
                    read_unsigned(&mut Cursor::new(&out, "test"), TAG_INTEGER),
                    Ok(value)
                );
            }
        }
    }

    #[test]
    fn lengths_round_trip_and_odd_forms_are_refused() {
        for length in [0, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let mut out = Vec::new();
            write_length(&mut out, length);
            assert_eq!(read_length(&mut Cursor::new(&out, "test")), Ok(length));
        }
        assert!(read_length(&mut Cursor::new(&[0x80], "indefinite")).is_err());
        assert!(read_length(&mut Cursor::new(&[0x85, 0, 0, 0, 0, 1], "huge")).is_err());
    }
}
