//! Surface commands (`[MS-RDPBCGR] 2.2.9.2`).

use bytes::Bytes;
use oriel_codecs::geometry::{Point, Rect, Size};

use crate::{
    graphics::{CommandError, FrameId, GraphicsCommand, PayloadCodec, SurfaceFormat, SurfaceId},
    wire::{Cursor, DecodeError, DecodeResult, WriteWire},
};

// cmdType, 2.2.9.1.2.1.10.1.
const SET_SURFACE_BITS: u16 = 0x0001;
const FRAME_MARKER: u16 = 0x0004;
const STREAM_SURFACE_BITS: u16 = 0x0006;

const FRAME_BEGIN: u16 = 0;
const FRAME_END: u16 = 1;

const HEADER_PRESENT: u8 = 0x01;
/// `TS_COMPRESSED_BITMAP_HEADER_EX`: two ids of 4, two times of 8.
const EXTENDED_HEADER_BYTES: usize = 24;
/// A set-surface-bits command before its payload: type 2, rectangle 8, depth, flags, reserved and
/// codec 4, size 4, length 4.
pub const SURFACE_BITS_HEADER_BYTES: usize = 22;

/// Numbers that the client gave to codecs in its bitmap codecs capability set
/// (`[MS-RDPBCGR] 2.2.7.2.10`). 0 is never one of them: it stands for raw rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SurfaceCodecIds {
    /// NSCodec.
    pub ns_codec: Option<u8>,
    /// RemoteFX with video.
    pub remote_fx: Option<u8>,
    /// RemoteFX for pictures alone.
    pub image_remote_fx: Option<u8>,
    /// JPEG, an extension of other implementations than Microsoft's.
    pub jpeg: Option<u8>,
}

impl SurfaceCodecIds {
    /// All codecs, with the numbers that clients give by custom.
    pub const CUSTOMARY: Self = Self {
        ns_codec: Some(1),
        jpeg: Some(2),
        remote_fx: Some(3),
        image_remote_fx: Some(4),
    };

    fn codec(&self, id: u8, bits_per_pixel: u8) -> Option<PayloadCodec> {
        let id = Some(id);
        match id {
            Some(0) => Some(PayloadCodec::SurfaceBits { bits_per_pixel }),
            _ if id == self.ns_codec => Some(PayloadCodec::NsCodec),
            _ if id == self.remote_fx || id == self.image_remote_fx => Some(PayloadCodec::RemoteFx),
            _ if id == self.jpeg => Some(PayloadCodec::Jpeg),
            _ => None,
        }
    }

    fn id(&self, codec: PayloadCodec) -> Option<u8> {
        match codec {
            PayloadCodec::SurfaceBits { .. } => Some(0),
            PayloadCodec::NsCodec => self.ns_codec,
            PayloadCodec::RemoteFx => self.remote_fx.or(self.image_remote_fx),
            PayloadCodec::Jpeg => self.jpeg,
            _ => None,
        }
    }
}

/// Reads the commands of an update; payloads are slices of `data`. Returns how many were passed
/// over since their codec has no number here.
pub(super) fn read(
    data: &Bytes,
    codecs: &SurfaceCodecIds,
    mut emit: impl FnMut(GraphicsCommand),
) -> DecodeResult<u64> {
    let mut cursor = Cursor::new(data, "surface command");
    let mut skipped = 0;
    while !cursor.is_empty() {
        let kind = cursor.u16()?;
        match kind {
            SET_SURFACE_BITS | STREAM_SURFACE_BITS => {
                let origin = Point::new(cursor.u16()?.into(), cursor.u16()?.into());
                // The bitmap's own size counts (2.2.9.2.1).
                cursor.skip(4)?;
                let bits_per_pixel = cursor.u8()?;
                let flags = cursor.u8()?;
                cursor.skip(1)?;
                let id = cursor.u8()?;
                let size = Size::new(cursor.u16()?.into(), cursor.u16()?.into());
                let length = cursor.u32()? as usize;
                if flags & HEADER_PRESENT != 0 {
                    cursor.skip(EXTENDED_HEADER_BYTES)?;
                }
                let start = cursor.position();
                cursor.take(length)?;
                let Some(codec) = codecs.codec(id, bits_per_pixel) else {
                    skipped += 1;
                    continue;
                };
                emit(GraphicsCommand::Draw {
                    surface: SurfaceId::PRIMARY,
                    rect: Rect::at(origin, size),
                    codec,
                    format: SurfaceFormat::Xrgb,
                    payload: data.slice(start..start + length),
                });
            }
            FRAME_MARKER => {
                let action = cursor.u16()?;
                let frame = FrameId(cursor.u32()?);
                emit(match action {
                    FRAME_BEGIN => GraphicsCommand::StartFrame { frame },
                    FRAME_END => GraphicsCommand::EndFrame { frame },
                    _ => {
                        return Err(DecodeError::invalid(
                            cursor.context(),
                            "frame action",
                            action,
                        ));
                    }
                });
            }
            _ => return Err(DecodeError::invalid(cursor.context(), "type", kind)),
        }
    }
    Ok(skipped)
}

/// The set-surface-bits command of a payload.
pub(super) fn write_surface_bits(
    rect: Rect,
    codec: PayloadCodec,
    payload: &[u8],
    codecs: &SurfaceCodecIds,
) -> Result<Vec<u8>, CommandError> {
    let id = codecs
        .id(codec)
        .ok_or(CommandError::Unsupported("a codec that the client lacks"))?;
    let bits_per_pixel = match codec {
        PayloadCodec::SurfaceBits { bits_per_pixel } => bits_per_pixel,
        _ => 32,
    };
    let narrow =
        |value: i32| u16::try_from(value).map_err(|_| CommandError::OutOfRange("a rectangle"));
    let mut out = Vec::with_capacity(SURFACE_BITS_HEADER_BYTES + payload.len());
    out.put_u16(SET_SURFACE_BITS);
    for value in [rect.left, rect.top, rect.right, rect.bottom] {
        out.put_u16(narrow(value)?);
    }
    out.put(&[bits_per_pixel, 0, 0, id]);
    // Within 16 bits, as both edges are.
    out.put_u16(rect.width() as u16);
    out.put_u16(rect.height() as u16);
    let length =
        u32::try_from(payload.len()).map_err(|_| CommandError::OutOfRange("a payload's length"))?;
    out.put_u32(length);
    out.put(payload);
    Ok(out)
}

/// The frame marker of a frame's start or end.
pub(super) fn write_frame_marker(frame: FrameId, is_end: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(8);
    out.put_u16(FRAME_MARKER);
    out.put_u16(if is_end { FRAME_END } else { FRAME_BEGIN });
    out.put_u32(frame.0);
    out
}
