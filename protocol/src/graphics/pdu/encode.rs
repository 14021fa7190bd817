//! Writing what a server sends.

use oriel_codecs::geometry::{Point, Rect, Size};

use super::*;
use crate::{
    graphics::{PayloadCodec, SurfaceFormat, SurfaceId},
    wire::{Pdu, WriteWire},
};

impl PipelineServerPdu {
    /// Appends the PDU to `out`, which is as it was after an error.
    ///
    /// # Errors
    /// A command that the graphics pipeline has no PDU for, or that does not fit one.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), CommandError> {
        match self {
            Self::Command(command) => return encode_command(command, out),
            Self::StartFrame { frame, timestamp } => put_pdu(out, START_FRAME, |out| {
                out.put_u32(*timestamp);
                out.put_u32(frame.0);
            }),
            Self::CapabilitiesConfirm(set) => {
                put_pdu(out, CAPABILITIES_CONFIRM, |out| set.encode(out));
            }
            Self::CacheImportReply(slots) => {
                return try_put_pdu(out, CACHE_IMPORT_REPLY, |out| {
                    put_list(out, slots, |out, slot| {
                        out.put_u16(slot.0);
                        Ok(())
                    })
                });
            }
            Self::Unknown { command, body } => put_pdu(out, *command, |out| out.put(body)),
        }
        Ok(())
    }
}

/// Appends the PDU of a command to `out`, which is as it was after an error.
pub(in crate::graphics) fn encode_command(
    command: &GraphicsCommand,
    out: &mut Vec<u8>,
) -> Result<(), CommandError> {
    match command {
        GraphicsCommand::ResetGraphics { size, monitors } => {
            if monitors.len() > MONITOR_LIMIT {
                return Err(CommandError::OutOfRange("the number of monitors"));
            }
            try_put_pdu(out, RESET_GRAPHICS, |out| {
                let start = out.len();
                put_size32(out, *size)?;
                out.put_u32(monitors.len() as u32);
                for monitor in monitors {
                    out.put_i32(monitor.rect.left);
                    out.put_i32(monitor.rect.top);
                    out.put_i32(monitor.rect.right.saturating_sub(1));
                    out.put_i32(monitor.rect.bottom.saturating_sub(1));
                    out.put_u32(monitor.is_primary.into());
                }
                let written = HEADER_BYTES + out.len() - start;
                out.put_zeros(RESET_GRAPHICS_BYTES - written);
                Ok(())
            })
        }
        GraphicsCommand::CreateSurface {
            surface,
            size,
            format,
        } => try_put_pdu(out, CREATE_SURFACE, |out| {
            put_surface(out, *surface)?;
            for value in [size.width, size.height] {
                if value > DIMENSION_LIMIT {
                    return Err(CommandError::OutOfRange("a surface's size"));
                }
                out.put_u16(value as u16);
            }
            put_format(out, *format);
            Ok(())
        }),
        GraphicsCommand::DeleteSurface { surface } => {
            try_put_pdu(out, DELETE_SURFACE, |out| put_surface(out, *surface))
        }
        GraphicsCommand::MapSurfaceToOutput { surface, origin } => {
            try_put_pdu(out, MAP_SURFACE_TO_OUTPUT, |out| {
                put_surface(out, *surface)?;
                out.put_u16(0);
                put_origin(out, *origin)
            })
        }
        GraphicsCommand::MapSurfaceToScaledOutput {
            surface,
            origin,
            target,
        } => try_put_pdu(out, MAP_SURFACE_TO_SCALED_OUTPUT, |out| {
            put_surface(out, *surface)?;
            out.put_u16(0);
            put_origin(out, *origin)?;
            put_size32(out, *target)
        }),
        GraphicsCommand::MapSurfaceToWindow {
            surface,
            window,
            mapped,
        } => try_put_pdu(out, MAP_SURFACE_TO_WINDOW, |out| {
            put_surface(out, *surface)?;
            out.put_u64(*window);
            put_size32(out, *mapped)
        }),
        GraphicsCommand::MapSurfaceToScaledWindow {
            surface,
            window,
            mapped,
            target,
        } => try_put_pdu(out, MAP_SURFACE_TO_SCALED_WINDOW, |out| {
            put_surface(out, *surface)?;
            out.put_u64(*window);
            put_size32(out, *mapped)?;
            put_size32(out, *target)
        }),
        GraphicsCommand::StartFrame { frame } => {
            put_pdu(out, START_FRAME, |out| {
                out.put_u32(0);
                out.put_u32(frame.0);
            });
            Ok(())
        }
        GraphicsCommand::EndFrame { frame } => {
            put_pdu(out, END_FRAME, |out| out.put_u32(frame.0));
            Ok(())
        }
        GraphicsCommand::SolidFill {
            surface,
            color,
            rects,
        } => try_put_pdu(out, SOLID_FILL, |out| {
            put_surface(out, *surface)?;
            out.put(&[color.blue, color.green, color.red, color.alpha]);
            put_list(out, rects, |out, rect| put_rect(out, *rect))
        }),
        GraphicsCommand::SurfaceToSurface {
            source,
            destination,
            rect,
            points,
        } => try_put_pdu(out, SURFACE_TO_SURFACE, |out| {
            put_surface(out, *source)?;
            put_surface(out, *destination)?;
            put_rect(out, *rect)?;
            put_list(out, points, put_point)
        }),
        GraphicsCommand::SurfaceToCache {
            surface,
            key,
            slot,
            rect,
        } => try_put_pdu(out, SURFACE_TO_CACHE, |out| {
            put_surface(out, *surface)?;
            out.put_u64(*key);
            out.put_u16(slot.0);
            put_rect(out, *rect)
        }),
        GraphicsCommand::CacheToSurface {
            slot,
            surface,
            points,
        } => try_put_pdu(out, CACHE_TO_SURFACE, |out| {
            out.put_u16(slot.0);
            put_surface(out, *surface)?;
            put_list(out, points, put_point)
        }),
        GraphicsCommand::EvictCache { slot } => {
            put_pdu(out, EVICT_CACHE_ENTRY, |out| out.put_u16(slot.0));
            Ok(())
        }
        GraphicsCommand::Draw {
            surface,
            rect,
            codec,
            format,
            payload,
        } => put_draw(out, *surface, *rect, *codec, *format, payload),
        GraphicsCommand::DeleteCodecContext { surface, context } => {
            try_put_pdu(out, DELETE_ENCODING_CONTEXT, |out| {
                put_surface(out, *surface)?;
                out.put_u32(context.0);
                Ok(())
            })
        }
        GraphicsCommand::SetPalette { .. } => Err(CommandError::Unsupported("a palette")),
        // The capability set that was confirmed has told it.
        GraphicsCommand::LimitCache { .. } => Err(CommandError::Unsupported("the cache's limits")),
    }
}

fn put_draw(
    out: &mut Vec<u8>,
    surface: SurfaceId,
    rect: Rect,
    codec: PayloadCodec,
    format: SurfaceFormat,
    payload: &[u8],
) -> Result<(), CommandError> {
    let length =
        u32::try_from(payload.len()).map_err(|_| CommandError::OutOfRange("a payload's length"))?;
    let id = match codec {
        PayloadCodec::Uncompressed => CODEC_UNCOMPRESSED,
        PayloadCodec::RemoteFx => CODEC_REMOTE_FX,
        PayloadCodec::ClearCodec => CODEC_CLEAR_CODEC,
        PayloadCodec::Planar => CODEC_PLANAR,
        PayloadCodec::Avc420 => CODEC_AVC420,
        PayloadCodec::Alpha => CODEC_ALPHA,
        PayloadCodec::Avc444 => CODEC_AVC444,
        PayloadCodec::Avc444v2 => CODEC_AVC444_V2,
        PayloadCodec::Progressive(context) => {
            return try_put_pdu(out, WIRE_TO_SURFACE_2, |out| {
                put_surface(out, surface)?;
                out.put_u16(CODEC_PROGRESSIVE);
                out.put_u32(context.0);
                put_format(out, format);
                out.put_u32(length);
                out.put(payload);
                Ok(())
            });
        }
        PayloadCodec::Bitmap { .. }
        | PayloadCodec::SurfaceBits { .. }
        | PayloadCodec::NsCodec
        | PayloadCodec::Jpeg => {
            return Err(CommandError::Unsupported(
                "a codec that the graphics pipeline lacks",
            ));
        }
    };
    try_put_pdu(out, WIRE_TO_SURFACE_1, |out| {
        put_surface(out, surface)?;
        out.put_u16(id);
        put_format(out, format);
        put_rect(out, rect)?;
        out.put_u32(length);
        out.put(payload);
        Ok(())
    })
}

fn try_put_pdu(
    out: &mut Vec<u8>,
    command: u16,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let start = out.len();
    let mut result = Ok(());
    put_pdu(out, command, |out| result = body(out));
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn put_u16(
    out: &mut Vec<u8>,
    value: impl TryInto<u16>,
    what: &'static str,
) -> Result<(), CommandError> {
    let value = value
        .try_into()
        .map_err(|_| CommandError::OutOfRange(what))?;
    out.put_u16(value);
    Ok(())
}

fn put_surface(out: &mut Vec<u8>, surface: SurfaceId) -> Result<(), CommandError> {
    put_u16(out, surface.0, "a surface's number")
}

fn put_rect(out: &mut Vec<u8>, rect: Rect) -> Result<(), CommandError> {
    for value in [rect.left, rect.top, rect.right, rect.bottom] {
        put_u16(out, value, "a rectangle")?;
    }
    Ok(())
}

fn put_point(out: &mut Vec<u8>, point: &Point) -> Result<(), CommandError> {
    for value in [point.x, point.y] {
        let value = i16::try_from(value).map_err(|_| CommandError::OutOfRange("a point"))?;
        out.put_i16(value);
    }
    Ok(())
}

fn put_origin(out: &mut Vec<u8>, origin: Point) -> Result<(), CommandError> {
    for value in [origin.x, origin.y] {
        let value = u32::try_from(value).map_err(|_| CommandError::OutOfRange("an origin"))?;
        out.put_u32(value);
    }
    Ok(())
}

fn put_size32(out: &mut Vec<u8>, size: Size) -> Result<(), CommandError> {
    for value in [size.width, size.height] {
        if value > DIMENSION_LIMIT {
            return Err(CommandError::OutOfRange("a size"));
        }
        out.put_u32(value);
    }
    Ok(())
}

fn put_format(out: &mut Vec<u8>, format: SurfaceFormat) {
    out.put_u8(match format {
        SurfaceFormat::Xrgb => FORMAT_XRGB,
        SurfaceFormat::Argb => FORMAT_ARGB,
    });
}

fn put_list<T>(
    out: &mut Vec<u8>,
    items: &[T],
    item: impl Fn(&mut Vec<u8>, &T) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    put_u16(out, items.len(), "the length of a list")?;
    items.iter().try_for_each(|each| item(out, each))
}
