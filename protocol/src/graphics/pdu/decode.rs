//! Reading what a server sends.

use bytes::Bytes;
use oriel_codecs::geometry::{Point, Rect, Size};

use super::*;
use crate::{
    graphics::{CodecContextId, Color, DesktopMonitor, PayloadCodec, SurfaceFormat, SurfaceId},
    wire::{Cursor, DecodeError, DecodeResult, Pdu},
};

impl PipelineServerPdu {
    /// Takes the next PDU off the front of a decompressed message. Payloads are slices of it.
    ///
    /// # Errors
    /// A PDU cut short, or a field that the specification does not allow.
    pub fn decode(message: &mut Bytes) -> DecodeResult<Self> {
        let (command, body) = split_header(message)?;
        let mut cursor = Cursor::new(&body, "graphics pipeline PDU");
        let cursor = &mut cursor;
        Ok(Self::Command(match command {
            WIRE_TO_SURFACE_1 => {
                cursor.set_context("wire-to-surface PDU 1");
                let surface = surface(cursor)?;
                let Some(codec) = payload_codec(cursor.u16()?) else {
                    let body = body.clone();
                    return Ok(Self::Unknown { command, body });
                };
                GraphicsCommand::Draw {
                    surface,
                    codec,
                    format: format(cursor)?,
                    rect: rect(cursor)?,
                    payload: payload(cursor, &body)?,
                }
            }
            WIRE_TO_SURFACE_2 => {
                cursor.set_context("wire-to-surface PDU 2");
                let surface = surface(cursor)?;
                if cursor.u16()? != CODEC_PROGRESSIVE {
                    let body = body.clone();
                    return Ok(Self::Unknown { command, body });
                }
                GraphicsCommand::Draw {
                    surface,
                    codec: PayloadCodec::Progressive(CodecContextId(cursor.u32()?)),
                    format: format(cursor)?,
                    rect: Rect::default(),
                    payload: payload(cursor, &body)?,
                }
            }
            DELETE_ENCODING_CONTEXT => GraphicsCommand::DeleteCodecContext {
                surface: surface(cursor)?,
                context: CodecContextId(cursor.u32()?),
            },
            SOLID_FILL => GraphicsCommand::SolidFill {
                surface: surface(cursor)?,
                color: Color {
                    blue: cursor.u8()?,
                    green: cursor.u8()?,
                    red: cursor.u8()?,
                    alpha: cursor.u8()?,
                },
                rects: list(cursor, 8, rect)?,
            },
            SURFACE_TO_SURFACE => GraphicsCommand::SurfaceToSurface {
                source: surface(cursor)?,
                destination: surface(cursor)?,
                rect: rect(cursor)?,
                points: list(cursor, 4, point)?,
            },
            SURFACE_TO_CACHE => GraphicsCommand::SurfaceToCache {
                surface: surface(cursor)?,
                key: cursor.u64()?,
                slot: CacheSlot(cursor.u16()?),
                rect: rect(cursor)?,
            },
            CACHE_TO_SURFACE => GraphicsCommand::CacheToSurface {
                slot: CacheSlot(cursor.u16()?),
                surface: surface(cursor)?,
                points: list(cursor, 4, point)?,
            },
            EVICT_CACHE_ENTRY => GraphicsCommand::EvictCache {
                slot: CacheSlot(cursor.u16()?),
            },
            CREATE_SURFACE => {
                cursor.set_context("create-surface PDU");
                GraphicsCommand::CreateSurface {
                    surface: surface(cursor)?,
                    size: Size::new(
                        dimension(cursor.u16()?.into(), "width")?,
                        dimension(cursor.u16()?.into(), "height")?,
                    ),
                    format: format(cursor)?,
                }
            }
            DELETE_SURFACE => GraphicsCommand::DeleteSurface {
                surface: surface(cursor)?,
            },
            START_FRAME => {
                return Ok(Self::StartFrame {
                    timestamp: cursor.u32()?,
                    frame: FrameId(cursor.u32()?),
                });
            }
            END_FRAME => GraphicsCommand::EndFrame {
                frame: FrameId(cursor.u32()?),
            },
            RESET_GRAPHICS => reset_graphics(cursor)?,
            MAP_SURFACE_TO_OUTPUT => GraphicsCommand::MapSurfaceToOutput {
                surface: surface_and_reserved(cursor)?,
                origin: origin(cursor)?,
            },
            MAP_SURFACE_TO_SCALED_OUTPUT => GraphicsCommand::MapSurfaceToScaledOutput {
                surface: surface_and_reserved(cursor)?,
                origin: origin(cursor)?,
                target: size32(cursor)?,
            },
            MAP_SURFACE_TO_WINDOW => GraphicsCommand::MapSurfaceToWindow {
                surface: surface(cursor)?,
                window: cursor.u64()?,
                mapped: size32(cursor)?,
            },
            MAP_SURFACE_TO_SCALED_WINDOW => GraphicsCommand::MapSurfaceToScaledWindow {
                surface: surface(cursor)?,
                window: cursor.u64()?,
                mapped: size32(cursor)?,
                target: size32(cursor)?,
            },
            CAPABILITIES_CONFIRM => {
                return CapabilitySet::decode(cursor).map(Self::CapabilitiesConfirm);
            }
            CACHE_IMPORT_REPLY => {
                let slots = list(cursor, 2, |c| c.u16().map(CacheSlot))?;
                return Ok(Self::CacheImportReply(slots));
            }
            _ => {
                let body = body.clone();
                return Ok(Self::Unknown { command, body });
            }
        }))
    }
}

fn split_header(message: &mut Bytes) -> DecodeResult<(u16, Bytes)> {
    let mut cursor = Cursor::new(message, "graphics pipeline header");
    let command = cursor.u16()?;
    cursor.skip(2)?;
    let length = cursor.u32()?;
    let Some(body) = (length as usize).checked_sub(HEADER_BYTES) else {
        return Err(DecodeError::invalid(cursor.context(), "length", length));
    };
    cursor.take(body)?;
    let mut pdu = message.split_to(HEADER_BYTES + body);
    Ok((command, pdu.split_off(HEADER_BYTES)))
}

fn payload_codec(id: u16) -> Option<PayloadCodec> {
    Some(match id {
        CODEC_UNCOMPRESSED => PayloadCodec::Uncompressed,
        CODEC_REMOTE_FX => PayloadCodec::RemoteFx,
        CODEC_CLEAR_CODEC => PayloadCodec::ClearCodec,
        CODEC_PLANAR => PayloadCodec::Planar,
        CODEC_AVC420 => PayloadCodec::Avc420,
        CODEC_ALPHA => PayloadCodec::Alpha,
        CODEC_AVC444 => PayloadCodec::Avc444,
        CODEC_AVC444_V2 => PayloadCodec::Avc444v2,
        _ => return None,
    })
}

fn surface(cursor: &mut Cursor<'_>) -> DecodeResult<SurfaceId> {
    cursor.u16().map(|id| SurfaceId(id.into()))
}

fn surface_and_reserved(cursor: &mut Cursor<'_>) -> DecodeResult<SurfaceId> {
    let surface = surface(cursor)?;
    cursor.skip(2)?;
    Ok(surface)
}

fn format(cursor: &mut Cursor<'_>) -> DecodeResult<SurfaceFormat> {
    match cursor.u8()? {
        FORMAT_XRGB => Ok(SurfaceFormat::Xrgb),
        FORMAT_ARGB => Ok(SurfaceFormat::Argb),
        other => Err(DecodeError::invalid(
            cursor.context(),
            "pixel format",
            other,
        )),
    }
}

fn rect(cursor: &mut Cursor<'_>) -> DecodeResult<Rect> {
    Ok(Rect::new(
        cursor.u16()?.into(),
        cursor.u16()?.into(),
        cursor.u16()?.into(),
        cursor.u16()?.into(),
    ))
}

fn point(cursor: &mut Cursor<'_>) -> DecodeResult<Point> {
    Ok(Point::new(cursor.i16()?.into(), cursor.i16()?.into()))
}

fn origin(cursor: &mut Cursor<'_>) -> DecodeResult<Point> {
    let mut coordinate = |field| {
        let value = cursor.u32()?;
        i32::try_from(value).map_err(|_| DecodeError::invalid("surface mapping PDU", field, value))
    };
    Ok(Point::new(coordinate("origin x")?, coordinate("origin y")?))
}

fn size32(cursor: &mut Cursor<'_>) -> DecodeResult<Size> {
    Ok(Size::new(
        dimension(cursor.u32()?, "width")?,
        dimension(cursor.u32()?, "height")?,
    ))
}

fn dimension(value: u32, field: &'static str) -> DecodeResult<u32> {
    if value > DIMENSION_LIMIT {
        return Err(DecodeError::TooLarge {
            context: "graphics pipeline PDU",
            field,
            value: value.into(),
            limit: DIMENSION_LIMIT.into(),
        });
    }
    Ok(value)
}

/// A list behind its 16-bit count; `bytes` is the size of an item.
pub(super) fn list<T>(
    cursor: &mut Cursor<'_>,
    bytes: usize,
    item: impl Fn(&mut Cursor<'_>) -> DecodeResult<T>,
) -> DecodeResult<Vec<T>> {
    let count = usize::from(cursor.u16()?);
    let mut body = cursor.sub(count * bytes, cursor.context())?;
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(item(&mut body)?);
    }
    Ok(items)
}

/// The payload behind its 32-bit length, as a slice of `body`, which `cursor` reads.
fn payload(cursor: &mut Cursor<'_>, body: &Bytes) -> DecodeResult<Bytes> {
    let length = cursor.u32()? as usize;
    let start = cursor.position();
    cursor.take(length)?;
    Ok(body.slice(start..start + length))
}

fn reset_graphics(cursor: &mut Cursor<'_>) -> DecodeResult<GraphicsCommand> {
    cursor.set_context("reset-graphics PDU");
    let size = size32(cursor)?;
    if size.is_empty() {
        return Err(DecodeError::invalid(cursor.context(), "size", 0_u32));
    }
    let count = cursor.u32()?;
    if count as usize > MONITOR_LIMIT {
        return Err(DecodeError::TooLarge {
            context: cursor.context(),
            field: "monitor count",
            value: count.into(),
            limit: MONITOR_LIMIT as u64,
        });
    }
    let mut monitors = Vec::with_capacity(count as usize);
    for _ in 0..count {
        // Inclusive on the wire (TS_MONITOR_DEF, [MS-RDPBCGR] 2.2.1.3.6.1).
        let rect = Rect::new(
            cursor.i32()?,
            cursor.i32()?,
            cursor.i32()?.saturating_add(1),
            cursor.i32()?.saturating_add(1),
        );
        let is_primary = cursor.u32()? & 1 != 0;
        monitors.push(DesktopMonitor { rect, is_primary });
    }
    Ok(GraphicsCommand::ResetGraphics { size, monitors })
}
