//! The fast-path output PDU and its fragments (`[MS-RDPBCGR] 2.2.9.1.2`, `3.2.5.9.3.1`).

use bytes::Bytes;
use oriel_codecs::bulk::{BulkCompressor, BulkDecompressor, PACKET_COMPRESSED};

use crate::wire::{Cursor, DecodeError, DecodeResult, WriteWire};

/// `updateCode` (`[MS-RDPBCGR] 2.2.9.1.2.1`).
pub(super) mod code {
    pub(crate) const ORDERS: u8 = 0x0;
    pub(crate) const BITMAP: u8 = 0x1;
    pub(crate) const PALETTE: u8 = 0x2;
    pub(crate) const SYNCHRONIZE: u8 = 0x3;
    pub(crate) const SURFACE_COMMANDS: u8 = 0x4;
    pub(crate) const POINTER_HIDDEN: u8 = 0x5;
    pub(crate) const POINTER_DEFAULT: u8 = 0x6;
    pub(crate) const POINTER_POSITION: u8 = 0x8;
    pub(crate) const COLOR_POINTER: u8 = 0x9;
    pub(crate) const CACHED_POINTER: u8 = 0xa;
    pub(crate) const NEW_POINTER: u8 = 0xb;
    pub(crate) const LARGE_POINTER: u8 = 0xc;
}

const FRAGMENT_SINGLE: u8 = 0;
const FRAGMENT_LAST: u8 = 1;
const FRAGMENT_FIRST: u8 = 2;
const FRAGMENT_NEXT: u8 = 3;

/// `FASTPATH_OUTPUT_COMPRESSION_USED`: a byte of compression flags follows.
const COMPRESSION_USED: u8 = 2;

/// Longest PDU that should be sent (`[MS-RDPBCGR] 2.2.9.1.2`).
const PDU_LIMIT: usize = 16_383;
/// Header 1, length 2, update header 1, size 2.
const HEADER_BYTES: usize = 6;
/// Most bytes of an update that need not be cut in fragments.
pub const MAX_FAST_PATH_UPDATE_BYTES: usize = PDU_LIMIT - HEADER_BYTES;

const CONTEXT: &str = "fast-path update";

/// Takes PDUs apart and puts fragments together.
#[derive(Debug)]
pub(super) struct FastPathReader {
    fragment_limit: usize,
    partial: Option<Partial>,
}

#[derive(Debug)]
struct Partial {
    code: u8,
    data: Vec<u8>,
}

impl FastPathReader {
    pub(super) fn new(fragment_limit: usize) -> Self {
        Self {
            fragment_limit,
            partial: None,
        }
    }

    /// Forgets fragments of an update that will not be finished.
    pub(super) fn reset(&mut self) {
        self.partial = None;
    }

    /// Yields each whole update of a PDU: its code and its data, which is a slice of the PDU where
    /// the update was in one piece and not compressed.
    pub(super) fn handle(
        &mut self,
        pdu: &Bytes,
        bulk: &mut BulkDecompressor,
        mut emit: impl FnMut(u8, Bytes) -> DecodeResult<()>,
    ) -> DecodeResult<()> {
        let mut cursor = Cursor::new(pdu, "fast-path output PDU");
        let header = cursor.u8()?;
        // Neither another action nor encryption: TLS is what protects the stream.
        if header & 0b1100_0011 != 0 {
            return Err(DecodeError::invalid(cursor.context(), "header", header));
        }
        if cursor.u8()? & 0x80 != 0 {
            cursor.skip(1)?;
        }
        cursor.set_context(CONTEXT);
        while !cursor.is_empty() {
            let header = cursor.u8()?;
            let (code, fragmentation, compression) = (header & 0xf, header >> 4 & 3, header >> 6);
            let flags = if compression & COMPRESSION_USED != 0 {
                cursor.u8()?
            } else {
                0
            };
            let size = usize::from(cursor.u16()?);
            let sent = cursor.take(size)?;
            let data = bulk
                .decompress(flags, sent)
                .map_err(|error| DecodeError::compression(CONTEXT, error))?;
            let to_bytes = || {
                if flags & PACKET_COMPRESSED == 0 {
                    pdu.slice_ref(data)
                } else {
                    Bytes::copy_from_slice(data)
                }
            };
            if let Some(whole) = self.assemble(code, fragmentation, data, to_bytes)? {
                emit(code, whole)?;
            }
        }
        Ok(())
    }

    fn assemble(
        &mut self,
        code: u8,
        fragmentation: u8,
        data: &[u8],
        to_bytes: impl FnOnce() -> Bytes,
    ) -> DecodeResult<Option<Bytes>> {
        let out_of_order = || DecodeError::invalid(CONTEXT, "fragmentation", fragmentation);
        match (fragmentation, &mut self.partial) {
            (FRAGMENT_SINGLE, None) => return Ok(Some(to_bytes())),
            (FRAGMENT_FIRST, partial @ None) => {
                *partial = Some(Partial {
                    code,
                    data: data.to_vec(),
                });
            }
            (FRAGMENT_NEXT | FRAGMENT_LAST, Some(partial)) if partial.code == code => {
                partial.data.extend_from_slice(data);
            }
            _ => return Err(out_of_order()),
        }
        let collected = self.partial.as_ref().map_or(0, |p| p.data.len());
        if collected > self.fragment_limit {
            self.partial = None;
            return Err(DecodeError::TooLarge {
                context: CONTEXT,
                field: "bytes of its fragments",
                value: collected as u64,
                limit: self.fragment_limit as u64,
            });
        }
        if fragmentation != FRAGMENT_LAST {
            return Ok(None);
        }
        Ok(self.partial.take().map(|partial| partial.data.into()))
    }
}

/// A piece of an update, which becomes a fast-path PDU of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FastPathFragment {
    code: u8,
    fragmentation: u8,
    data: Vec<u8>,
}

impl FastPathFragment {
    /// Cuts an update. The caller has checked that a client takes one of that length.
    pub(super) fn cut(code: u8, data: &[u8], mut emit: impl FnMut(Self)) {
        let count = data.len().div_ceil(MAX_FAST_PATH_UPDATE_BYTES).max(1);
        for index in 0..count {
            let fragmentation = match (index, count) {
                (_, 1) => FRAGMENT_SINGLE,
                (0, _) => FRAGMENT_FIRST,
                _ if index + 1 == count => FRAGMENT_LAST,
                _ => FRAGMENT_NEXT,
            };
            let start = index * MAX_FAST_PATH_UPDATE_BYTES;
            let piece = &data[start..data.len().min(start + MAX_FAST_PATH_UPDATE_BYTES)];
            emit(Self {
                code,
                fragmentation,
                data: piece.to_vec(),
            });
        }
    }

    /// Appends the PDU, whole from its first byte on. With `bulk` its data is compressed where
    /// that makes it smaller: PDUs must then go out in the order in which they are written.
    pub fn write(&self, bulk: Option<&mut BulkCompressor>, out: &mut Vec<u8>) {
        let mut packed = Vec::new();
        let flags = bulk.map_or(0, |bulk| bulk.compress(&self.data, &mut packed));
        let header = self.code | self.fragmentation << 4;
        let (data, header) = if flags & PACKET_COMPRESSED == 0 {
            (&self.data, header)
        } else {
            (&packed, header | COMPRESSION_USED << 6)
        };
        let has_flags = header >> 6 != 0;
        out.put_u8(0);
        // Header 1, length 1, update header 1, size 2.
        let short = 5 + usize::from(has_flags) + data.len();
        if short < 0x80 {
            out.put_u8(short as u8);
        } else {
            out.put_u16_be((short + 1) as u16 | 0x8000);
        }
        out.put_u8(header);
        if has_flags {
            out.put_u8(flags);
        }
        out.put_u16(data.len() as u16);
        out.put(data);
    }

    /// The PDU without compression.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES + self.data.len());
        self.write(None, &mut out);
        out
    }
}
