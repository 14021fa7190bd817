//! The few aligned PER types of MCS domain PDUs and of GCC (`[X691]`).

use crate::wire::{Cursor, DecodeError, DecodeResult, WriteWire};

/// A length determinant.
///
/// PER ends at 16383 and goes on in fragments; no RDP peer fragments, but some write 15 bits of
/// length behind the marker, so that is what is read.
pub(crate) fn read_length(cursor: &mut Cursor<'_>) -> DecodeResult<usize> {
    let first = cursor.u8()?;
    if first & 0x80 == 0 {
        return Ok(usize::from(first));
    }
    let second = cursor.u8()?;
    Ok(usize::from(first & 0x7f) << 8 | usize::from(second))
}

/// Longest data behind a length determinant.
pub(crate) const MAX_LENGTH: usize = 0x7fff;

/// # Panics
///
/// Where `length` is over [`MAX_LENGTH`].
pub(crate) fn write_length(out: &mut Vec<u8>, length: usize) {
    assert!(length <= MAX_LENGTH, "PER lengths end at 32767");
    if length < 0x80 {
        out.put_u8(length as u8);
    } else {
        out.put_u16_be(0x8000 | length as u16);
    }
}

/// An integer without bounds: length, then octets; at most four are taken.
pub(crate) fn read_integer(cursor: &mut Cursor<'_>) -> DecodeResult<u32> {
    let length = read_length(cursor)?;
    if !(1..=4).contains(&length) {
        return Err(DecodeError::invalid(
            cursor.context(),
            "PER integer's length",
            length as u64,
        ));
    }
    Ok(cursor
        .take(length)?
        .iter()
        .fold(0, |value, &byte| value << 8 | u32::from(byte)))
}

pub(crate) fn write_integer(out: &mut Vec<u8>, value: u32) {
    let bytes = value.to_be_bytes();
    let significant = bytes.iter().position(|&byte| byte != 0).unwrap_or(3);
    let bytes = &bytes[significant..];
    write_length(out, bytes.len());
    out.put(bytes);
}

/// A 16-bit integer that counts from `least`.
pub(crate) fn read_u16_from(
    cursor: &mut Cursor<'_>,
    least: u16,
    field: &'static str,
) -> DecodeResult<u16> {
    let offset = cursor.u16_be()?;
    offset
        .checked_add(least)
        .ok_or_else(|| DecodeError::invalid(cursor.context(), field, offset))
}

/// `value` saturates at `least`: nothing below can be told.
pub(crate) fn write_u16_from(out: &mut Vec<u8>, value: u16, least: u16) {
    out.put_u16_be(value.saturating_sub(least));
}
