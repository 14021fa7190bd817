//! The two headers of the share (`[MS-RDPBCGR] 2.2.8.1.1.1`).

use oriel_codecs::bulk::BulkCompressor;

use crate::{
    share::DataPdu,
    wire::{Cursor, DecodeError, DecodeResult, WriteWire},
};

/// Size of a share control header: length, type and version, source.
const CONTROL_HEADER_BYTES: usize = 2 + 2 + 2;
/// Size of what a data PDU adds: share id, pad, stream, lengths, type, compression.
const DATA_HEADER_BYTES: usize = 4 + 1 + 1 + 2 + 1 + 1 + 2;
/// `TS_PROTOCOL_VERSION`.
const PROTOCOL_VERSION: u16 = 1;
/// `totalLength` of a T.128 flow PDU, which carries nothing for RDP and is ignored.
const FLOW_PDU_MARKER: u16 = 0x8000;

/// What a share control PDU carries (`pduType`, `[MS-RDPBCGR] 2.2.8.1.1.1.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShareControlKind {
    /// The server offers a share.
    DemandActive,
    /// The client takes it.
    ConfirmActive,
    /// The server ends it, to close or to begin anew.
    DeactivateAll,
    /// A data PDU.
    Data,
    /// Server redirection under enhanced security.
    ServerRedirection,
    /// Something that the specification does not list.
    Unknown(u8),
}

impl ShareControlKind {
    fn from_wire(value: u8) -> Self {
        match value {
            0x1 => Self::DemandActive,
            0x3 => Self::ConfirmActive,
            0x6 => Self::DeactivateAll,
            0x7 => Self::Data,
            0xa => Self::ServerRedirection,
            other => Self::Unknown(other),
        }
    }

    fn to_wire(self) -> u8 {
        match self {
            Self::DemandActive => 0x1,
            Self::ConfirmActive => 0x3,
            Self::DeactivateAll => 0x6,
            Self::Data => 0x7,
            Self::ServerRedirection => 0xa,
            Self::Unknown(other) => other & 0xf,
        }
    }
}

/// A share control PDU, its header read (`TS_SHARECONTROLHEADER`, `[MS-RDPBCGR] 2.2.8.1.1.1.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareControlPdu<'a> {
    /// What `body` is.
    pub kind: ShareControlKind,
    /// MCS channel of the sender.
    pub source: u16,
    /// What follows the header.
    pub body: &'a [u8],
}

impl<'a> ShareControlPdu<'a> {
    /// Reads the next PDU; servers may put several into one MCS packet, so read until the cursor
    /// is empty. `None` is a T.128 flow PDU: it and what follows it in the packet is to be ignored,
    /// and has been skipped.
    pub fn read(cursor: &mut Cursor<'a>) -> DecodeResult<Option<Self>> {
        const CONTEXT: &str = "share control header";
        cursor.set_context(CONTEXT);
        let total = cursor.u16()?;
        if total == FLOW_PDU_MARKER {
            cursor.rest();
            return Ok(None);
        }
        let total = usize::from(total);
        // Old servers leave the source out of a deactivate all PDU (length 4).
        let Some(rest) = total.checked_sub(4) else {
            return Err(DecodeError::invalid(CONTEXT, "totalLength", total as u64));
        };
        let kind_and_version = cursor.u16()?;
        let mut inner = cursor.sub(rest, CONTEXT)?;
        let source = if inner.is_empty() { 0 } else { inner.u16()? };
        Ok(Some(Self {
            kind: ShareControlKind::from_wire((kind_and_version & 0xf) as u8),
            source,
            body: inner.rest(),
        }))
    }

    /// Appends a PDU whose body `body` writes. Bodies are cut to what 16 bits of length can say by
    /// construction of the PDUs here, none of which comes near it.
    pub fn write(
        kind: ShareControlKind,
        source: u16,
        out: &mut Vec<u8>,
        body: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = out.len();
        // Redirection alone has version 0 ([MS-RDPBCGR] 2.2.13.3.1).
        let version = match kind {
            ShareControlKind::ServerRedirection => 0,
            _ => PROTOCOL_VERSION,
        };
        out.put_u16(0);
        out.put_u16(version << 4 | u16::from(kind.to_wire()));
        out.put_u16(source);
        body(out);
        let total = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
        out[start..start + 2].copy_from_slice(&total.to_le_bytes());
    }
}

/// How a data PDU is compressed (`compressedType`, `[MS-RDPBCGR] 2.2.8.1.1.1.2`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CompressionFlags(pub u8);

impl CompressionFlags {
    /// `PACKET_COMPRESSED`.
    pub const COMPRESSED: u8 = 0x20;
    /// `PACKET_AT_FRONT`.
    pub const AT_FRONT: u8 = 0x40;
    /// `PACKET_FLUSHED`.
    pub const FLUSHED: u8 = 0x80;

    /// True where the payload is compressed.
    pub fn is_compressed(self) -> bool {
        self.0 & Self::COMPRESSED != 0
    }

    /// `PACKET_COMPR_TYPE_*`: 0 for 8 K, 1 for 64 K, 2 for RDP 6.0, 3 for RDP 6.1.
    pub fn package(self) -> u8 {
        self.0 & 0xf
    }
}

/// A data PDU, its header read (`TS_SHAREDATAHEADER`, `[MS-RDPBCGR] 2.2.8.1.1.1.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareDataPdu<'a> {
    /// The share that it belongs to.
    pub share_id: u32,
    /// `STREAM_LOW` 1, `STREAM_MED` 2, `STREAM_HI` 4; 0 where a server forgot.
    pub stream: u8,
    /// `pduType2`: what `payload` is once decompressed.
    pub kind: u8,
    /// Whether and how `payload` is compressed.
    pub compression: CompressionFlags,
    /// `uncompressedLength` as sent; servers differ in what they count.
    pub uncompressed_bytes: u16,
    /// What follows the header, still compressed where `compression` says so.
    pub payload: &'a [u8],
}

impl<'a> ShareDataPdu<'a> {
    /// Reads the body of a share control PDU of kind [`ShareControlKind::Data`].
    pub fn read(body: &'a [u8]) -> DecodeResult<Self> {
        let mut cursor = Cursor::new(body, "share data header");
        let share_id = cursor.u32()?;
        cursor.skip(1)?;
        let stream = cursor.u8()?;
        let uncompressed_bytes = cursor.u16()?;
        let kind = cursor.u8()?;
        let compression = CompressionFlags(cursor.u8()?);
        // compressedLength: the share control header delimits the payload, and servers fill this
        // in differently where nothing is compressed.
        cursor.skip(2)?;
        Ok(Self {
            share_id,
            stream,
            kind,
            compression,
            uncompressed_bytes,
            payload: cursor.rest(),
        })
    }
}

/// What every PDU of one side of a share has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareContext {
    /// The share, as the demand active PDU named it.
    pub share_id: u32,
    /// The sender's MCS channel: the client's user channel or [`super::SERVER_CHANNEL_ID`].
    pub source: u16,
}

impl ShareContext {
    /// Appends a whole data PDU, uncompressed, both headers included.
    pub fn write_data(&self, pdu: &DataPdu, out: &mut Vec<u8>) {
        self.write_raw_data(pdu.kind(), out, |out| pdu.encode_payload(out));
    }

    /// Appends a whole data PDU of type `kind` (`pduType2`) whose payload `payload` writes.
    pub fn write_raw_data(&self, kind: u8, out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
        let plain = CompressionFlags::default();
        self.write_packed_data(kind, out, |out| {
            let start = out.len();
            payload(out);
            (plain, out.len() - start)
        });
    }

    /// Appends a whole data PDU of type `kind`. With `bulk` its payload is compressed where that
    /// makes it smaller: PDUs must then go out in the order in which they are written.
    pub fn write_compressed_data(
        &self,
        kind: u8,
        payload: &[u8],
        bulk: Option<&mut BulkCompressor>,
        out: &mut Vec<u8>,
    ) {
        match bulk {
            Some(bulk) => self.write_packed_data(kind, out, |out| {
                (CompressionFlags(bulk.compress(payload, out)), payload.len())
            }),
            None => self.write_raw_data(kind, out, |out| out.put(payload)),
        }
    }

    /// Appends a whole data PDU whose payload `write` appends; it tells how that is compressed, and
    /// what its length would be without.
    fn write_packed_data(
        &self,
        kind: u8,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> (CompressionFlags, usize),
    ) {
        ShareControlPdu::write(ShareControlKind::Data, self.source, out, |out| {
            const STREAM_LOW: u8 = 1;
            let start = out.len();
            out.put_u32(self.share_id);
            out.put_u8(0);
            out.put_u8(STREAM_LOW);
            out.put_u16(0);
            out.put_u8(kind);
            out.put_u8(0);
            out.put_u16(0);
            let (compression, payload_bytes) = write(out);
            // Windows counts from the byte after this field, as its own captures show
            // ([MS-RDPBCGR] 4.1.14): pduType2 1, compressedType 1, compressedLength 2, payload.
            let uncompressed = u16::try_from(4 + payload_bytes).unwrap_or(u16::MAX);
            out[start + 6..start + 8].copy_from_slice(&uncompressed.to_le_bytes());
            if compression.is_compressed() {
                out[start + 9] = compression.0;
                // Both headers are counted here.
                let bytes = out.len() - start + CONTROL_HEADER_BYTES;
                let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
                out[start + 10..start + 12].copy_from_slice(&bytes.to_le_bytes());
            }
        });
    }

    /// Bytes that both headers of a data PDU take.
    pub const DATA_OVERHEAD_BYTES: usize = CONTROL_HEADER_BYTES + DATA_HEADER_BYTES;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_pdu_is_skipped_with_the_rest_of_its_packet() {
        let mut cursor = Cursor::new(&[0x00, 0x80, 1, 2, 3], "test");
        assert_eq!(ShareControlPdu::read(&mut cursor), Ok(None));
        assert!(cursor.is_empty());
    }

    #[test]
    fn a_deactivation_without_a_source_is_read() {
        let mut cursor = Cursor::new(&[4, 0, 0x16, 0], "test");
        let pdu = ShareControlPdu::read(&mut cursor).unwrap().unwrap();
        assert_eq!(pdu.kind, ShareControlKind::DeactivateAll);
        assert!(pdu.body.is_empty());
    }

    #[test]
    fn two_pdus_in_one_packet_are_read_one_after_the_other() {
        let context = ShareContext {
            share_id: 7,
            source: 1004,
        };
        let mut out = Vec::new();
        context.write_data(&DataPdu::ShutdownRequest, &mut out);
        context.write_data(&DataPdu::ShutdownDenied, &mut out);
        let mut cursor = Cursor::new(&out, "test");
        let mut kinds = Vec::new();
        while !cursor.is_empty() {
            let control = ShareControlPdu::read(&mut cursor).unwrap().unwrap();
            kinds.push(ShareDataPdu::read(control.body).unwrap().kind);
        }
        assert_eq!(kinds, [0x24, 0x25]);
    }

    #[test]
    fn a_length_shorter_than_its_header_is_refused() {
        assert!(ShareControlPdu::read(&mut Cursor::new(&[3, 0, 0x17, 0, 0], "test")).is_err());
        assert!(ShareControlPdu::read(&mut Cursor::new(&[5, 0, 0x17, 0, 0], "test")).is_err());
    }
}
