//! Binary blobs (`LICENSE_BINARY_BLOB`, `[MS-RDPBCGR] 2.2.1.12.1.2`).

use crate::wire::{Cursor, DecodeResult, WriteWire};

/// `BB_*`. Receivers do not look at it, and peers differ in what they write.
pub(super) mod kind {
    pub(in crate::licensing) const DATA: u16 = 0x0001;
    pub(in crate::licensing) const RANDOM: u16 = 0x0002;
    pub(in crate::licensing) const CERTIFICATE: u16 = 0x0003;
    pub(in crate::licensing) const ERROR: u16 = 0x0004;
    pub(in crate::licensing) const ENCRYPTED_DATA: u16 = 0x0009;
    pub(in crate::licensing) const KEY_EXCHANGE_ALGORITHMS: u16 = 0x000d;
    pub(in crate::licensing) const SCOPE: u16 = 0x000e;
    pub(in crate::licensing) const CLIENT_USER_NAME: u16 = 0x000f;
    pub(in crate::licensing) const CLIENT_MACHINE_NAME: u16 = 0x0010;
}

/// A blob's content.
pub(super) fn read<'a>(cursor: &mut Cursor<'a>) -> DecodeResult<&'a [u8]> {
    cursor.skip(2)?; // type
    let bytes = cursor.u16()?;
    cursor.take(bytes.into())
}

/// Content over 65535 bytes is cut; nothing here comes near it.
pub(super) fn write(out: &mut Vec<u8>, kind: u16, content: &[u8]) {
    let content = &content[..content.len().min(usize::from(u16::MAX))];
    out.put_u16(kind);
    out.put_u16(content.len() as u16);
    out.put(content);
}

/// Text of a blob in Latin-1, up to a NUL.
pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes
        .iter()
        .take_while(|&&byte| byte != 0)
        .map(|&byte| char::from(byte))
        .collect()
}

/// Text with a NUL, in Latin-1; `?` for what that does not have.
pub(super) fn latin1_bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?'))
        .chain([0])
        .collect()
}
