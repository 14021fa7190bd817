//! What a client sends.

use super::{decode::list, *};
use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire};

/// An entry of the client's persistent cache (`RDPGFX_CACHE_ENTRY_METADATA`, `2.2.2.16.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// The key that the server gave it.
    pub key: u64,
    /// Bytes of the bitmap.
    pub length: u32,
}

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PipelineClientPdu {
    /// The sets that the client offers (`2.2.2.18`).
    CapabilitiesAdvertise(Vec<CapabilitySet>),
    /// A frame is shown (`2.2.2.13`).
    FrameAcknowledge {
        /// Bytes not processed yet; 0 unknown, [`SUSPEND_ACKNOWLEDGEMENT`] no more of these.
        queue_depth: u32,
        /// Which frame.
        frame: FrameId,
        /// Frames decoded since the channel was opened.
        total_decoded: u32,
    },
    /// How long a frame took (`2.2.2.21`).
    QoeFrameAcknowledge {
        /// Which frame.
        frame: FrameId,
        /// When decoding its start began, on the client's clock.
        timestamp_ms: u32,
        /// From there to its end being decoded; 0 where too long.
        start_to_end_ms: u16,
        /// From there to its being shown; 0 where too long.
        end_to_shown_ms: u16,
    },
    /// What the client's persistent cache holds (`2.2.2.16`).
    CacheImportOffer(Vec<CacheEntry>),
    /// Something newer than this implementation.
    Unknown {
        /// `cmdId`.
        command: u16,
        /// What follows the header.
        body: Vec<u8>,
    },
}

/// `queueDepth` of a client that will not acknowledge frames any more
/// (`SUSPEND_FRAME_ACKNOWLEDGEMENT`, `[MS-RDPEGFX] 2.2.2.13`).
pub const SUSPEND_ACKNOWLEDGEMENT: u32 = 0xffff_ffff;

impl Pdu for PipelineClientPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("graphics pipeline PDU");
        let command = cursor.u16()?;
        cursor.skip(2)?;
        let length = cursor.u32()?;
        let Some(length) = (length as usize).checked_sub(HEADER_BYTES) else {
            return Err(DecodeError::invalid(cursor.context(), "length", length));
        };
        let mut body = cursor.sub(length, "graphics pipeline PDU")?;
        let body = &mut body;
        Ok(match command {
            CAPABILITIES_ADVERTISE => {
                let count = body.u16()?;
                // A set has at least 8 bytes.
                let mut sets = Vec::with_capacity(usize::from(count).min(body.left() / 8));
                for _ in 0..count {
                    sets.push(CapabilitySet::decode(body)?);
                }
                Self::CapabilitiesAdvertise(sets)
            }
            FRAME_ACKNOWLEDGE => Self::FrameAcknowledge {
                queue_depth: body.u32()?,
                frame: FrameId(body.u32()?),
                total_decoded: body.u32()?,
            },
            QOE_FRAME_ACKNOWLEDGE => Self::QoeFrameAcknowledge {
                frame: FrameId(body.u32()?),
                timestamp_ms: body.u32()?,
                start_to_end_ms: body.u16()?,
                end_to_shown_ms: body.u16()?,
            },
            CACHE_IMPORT_OFFER => {
                // Bounded by the 16 bits of the count.
                let entries = list(body, 12, |c| {
                    Ok(CacheEntry {
                        key: c.u64()?,
                        length: c.u32()?,
                    })
                })?;
                Self::CacheImportOffer(entries)
            }
            _ => Self::Unknown {
                command,
                body: body.rest().to_vec(),
            },
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::CapabilitiesAdvertise(sets) => put_pdu(out, CAPABILITIES_ADVERTISE, |out| {
                out.put_u16(sets.len() as u16);
                for set in sets {
                    set.encode(out);
                }
            }),
            Self::FrameAcknowledge {
                queue_depth,
                frame,
                total_decoded,
            } => put_pdu(out, FRAME_ACKNOWLEDGE, |out| {
                out.put_u32(*queue_depth);
                out.put_u32(frame.0);
                out.put_u32(*total_decoded);
            }),
            Self::QoeFrameAcknowledge {
                frame,
                timestamp_ms,
                start_to_end_ms,
                end_to_shown_ms,
            } => put_pdu(out, QOE_FRAME_ACKNOWLEDGE, |out| {
                out.put_u32(frame.0);
                out.put_u32(*timestamp_ms);
                out.put_u16(*start_to_end_ms);
                out.put_u16(*end_to_shown_ms);
            }),
            Self::CacheImportOffer(entries) => put_pdu(out, CACHE_IMPORT_OFFER, |out| {
                let count = entries.len().min(usize::from(CACHE_OFFER_LIMIT - 1));
                out.put_u16(count as u16);
                for entry in &entries[..count] {
                    out.put_u64(entry.key);
                    out.put_u32(entry.length);
                }
            }),
            Self::Unknown { command, body } => put_pdu(out, *command, |out| out.put(body)),
        }
    }
}
