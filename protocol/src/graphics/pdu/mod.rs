//! The PDUs of the graphics pipeline (`[MS-RDPEGFX] 2.2.2`).
//!
//! Drawing PDUs have no types of their own: they are read straight into [`GraphicsCommand`]s and
//! written from them.

mod client;
mod decode;
mod encode;

use bytes::Bytes;
use thiserror::Error;

use super::{CacheSlot, CapabilitySet, FrameId, GraphicsCommand};
use crate::wire::WriteWire;

pub use client::{CacheEntry, PipelineClientPdu, SUSPEND_ACKNOWLEDGEMENT};
pub(super) use encode::encode_command;

/// Largest width and height of the output and of a surface (`[MS-RDPEGFX] 2.2.2.14`).
pub const DIMENSION_LIMIT: u32 = 32_766;
/// Most monitors (`[MS-RDPEGFX] 2.2.2.14`).
pub const MONITOR_LIMIT: usize = 16;
/// Most entries of a cache import offer, one more than allowed (`[MS-RDPEGFX] 2.2.2.16`).
const CACHE_OFFER_LIMIT: u16 = 5462;

/// `RDPGFX_HEADER`: command 2, flags 2, length 4.
const HEADER_BYTES: usize = 8;
/// `RDPGFX_RESET_GRAPHICS_PDU` always has that many bytes.
const RESET_GRAPHICS_BYTES: usize = 340;

// cmdId, 2.2.1.5.
const WIRE_TO_SURFACE_1: u16 = 0x01;
const WIRE_TO_SURFACE_2: u16 = 0x02;
const DELETE_ENCODING_CONTEXT: u16 = 0x03;
const SOLID_FILL: u16 = 0x04;
const SURFACE_TO_SURFACE: u16 = 0x05;
const SURFACE_TO_CACHE: u16 = 0x06;
const CACHE_TO_SURFACE: u16 = 0x07;
const EVICT_CACHE_ENTRY: u16 = 0x08;
const CREATE_SURFACE: u16 = 0x09;
const DELETE_SURFACE: u16 = 0x0a;
const START_FRAME: u16 = 0x0b;
const END_FRAME: u16 = 0x0c;
const FRAME_ACKNOWLEDGE: u16 = 0x0d;
const RESET_GRAPHICS: u16 = 0x0e;
const MAP_SURFACE_TO_OUTPUT: u16 = 0x0f;
const CACHE_IMPORT_OFFER: u16 = 0x10;
const CACHE_IMPORT_REPLY: u16 = 0x11;
const CAPABILITIES_ADVERTISE: u16 = 0x12;
const CAPABILITIES_CONFIRM: u16 = 0x13;
const MAP_SURFACE_TO_WINDOW: u16 = 0x15;
const QOE_FRAME_ACKNOWLEDGE: u16 = 0x16;
const MAP_SURFACE_TO_SCALED_OUTPUT: u16 = 0x17;
const MAP_SURFACE_TO_SCALED_WINDOW: u16 = 0x18;

// codecId, 2.2.2.1 and 2.2.2.2.
const CODEC_UNCOMPRESSED: u16 = 0x00;
const CODEC_REMOTE_FX: u16 = 0x03;
const CODEC_CLEAR_CODEC: u16 = 0x08;
const CODEC_PROGRESSIVE: u16 = 0x09;
const CODEC_PLANAR: u16 = 0x0a;
const CODEC_AVC420: u16 = 0x0b;
const CODEC_ALPHA: u16 = 0x0c;
const CODEC_AVC444: u16 = 0x0e;
const CODEC_AVC444_V2: u16 = 0x0f;

// RDPGFX_PIXELFORMAT, 2.2.1.4.
const FORMAT_XRGB: u8 = 0x20;
const FORMAT_ARGB: u8 = 0x21;

/// A command that cannot be put into the form that the client takes.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CommandError {
    /// The protocol in use has no PDU for it.
    #[error("{0} cannot be sent this way")]
    Unsupported(&'static str),
    /// A number does not fit its field.
    #[error("{0} is out of range")]
    OutOfRange(&'static str),
    /// The client did not say yet what it takes.
    #[error("the graphics pipeline is not open")]
    NotReady,
}

/// What a server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PipelineServerPdu {
    /// Anything that draws. Reading yields [`PipelineServerPdu::StartFrame`] for the start of a
    /// frame; `rect` of a progressive [`GraphicsCommand::Draw`] is empty, since the PDU has none.
    Command(GraphicsCommand),
    /// A frame begins (`2.2.2.11`).
    StartFrame {
        /// Its name.
        frame: FrameId,
        /// Time of day in UTC, packed; 0 where unknown.
        timestamp: u32,
    },
    /// The set that the server picked (`2.2.2.19`).
    CapabilitiesConfirm(CapabilitySet),
    /// Slots of the first entries that the client offered (`2.2.2.17`).
    CacheImportReply(Vec<CacheSlot>),
    /// Something newer than this implementation.
    Unknown {
        /// `cmdId`.
        command: u16,
        /// What follows the header.
        body: Bytes,
    },
}

/// Appends a header and what `body` writes, and sets the length.
fn put_pdu(out: &mut Vec<u8>, command: u16, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.put_u16(command);
    out.put_u16(0);
    out.put_u32(0);
    body(out);
    let length = (out.len() - start) as u32;
    out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
}
