//! Little-endian fields, read front to back.

/// The data ends inside what is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Truncated(pub &'static str);

/// What of a structure has not been read yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    /// What is read, for errors.
    what: &'static str,
}

impl<'a> Fields<'a> {
    /// The fields of `what`, which start at the first byte.
    pub fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Truncated> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(Truncated(self.what))?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Result<u8, Truncated> {
        Ok(self.take(1)?[0])
    }

    /// The next two bytes.
    pub fn u16(&mut self) -> Result<u16, Truncated> {
        let bytes = self.take(2)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    /// The next four bytes.
    pub fn u32(&mut self) -> Result<u32, Truncated> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}

/// `blockType` and `blockLen`, which RemoteFX and its progressive form share
/// (`[MS-RDPRFX] 2.2.2.1.1`, `[MS-RDPEGFX] 2.2.4.2.1`).
pub(crate) const BLOCK_HEADER_BYTES: usize = 2 + 4;

/// A block that could not be cut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockError {
    /// The data ends inside the header or the block.
    Truncated(Truncated),
    /// The length is less than that of the header.
    Length(u32),
}

/// Cuts bytes into blocks: type, and what follows the header. Ends at the first that cannot be.
pub(crate) fn blocks(bytes: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), BlockError>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        Some(next_block(&mut rest))
    })
}

fn next_block<'a>(rest: &mut &'a [u8]) -> Result<(u16, &'a [u8]), BlockError> {
    let bytes = std::mem::take(rest);
    let truncated = |what| BlockError::Truncated(Truncated(what));
    let mut header = Fields::new(bytes, "a block header");
    let kind = header.u16().map_err(BlockError::Truncated)?;
    let length = header.u32().map_err(BlockError::Truncated)?;
    if (length as usize) < BLOCK_HEADER_BYTES {
        return Err(BlockError::Length(length));
    }
    let (block, after) = bytes
        .split_at_checked(length as usize)
        .ok_or(truncated("a block"))?;
    *rest = after;
    Ok((kind, &block[BLOCK_HEADER_BYTES..]))
}

/// Writes a block: its type, its length, and what `body` writes.
pub(crate) fn write_block(kind: u16, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend(kind.to_le_bytes());
    out.extend([0; 4]);
    body(out);
    let length = (out.len() - start) as u32;
    out[start + 2..start + BLOCK_HEADER_BYTES].copy_from_slice(&length.to_le_bytes());
}
