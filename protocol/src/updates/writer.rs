//! Commands to updates, on the server's side.

use std::sync::Arc;

use oriel_codecs::geometry::Rect;

use super::{
    SurfaceCodecIds,
    bitmap::{self, Bitmap},
    fast_path::{FastPathFragment, MAX_FAST_PATH_UPDATE_BYTES, code},
    pointer::{self, ShapeForm, message_type},
    surface_commands,
};
use crate::{
    capabilities::LargePointerFlags,
    graphics::{
        CommandError, GraphicsCommand, PayloadCodec, PointerShape, PointerUpdate, SurfaceId,
    },
    share::data_kind,
    wire::WriteWire,
};

/// Bytes of a slow-path update: with the headers of share, MCS and TPKT around it the length stays
/// below the 16383 that MCS can tell in one piece.
const SLOW_PATH_LIMIT: usize = 16_000;

/// What the client takes, as its capabilities tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpdateWriterConfig {
    /// Fast-path output (`FASTPATH_OUTPUT_SUPPORTED`, `[MS-RDPBCGR] 2.2.7.1.1`).
    pub fast_path: bool,
    /// Most bytes of an update in fragments (`MaxRequestSize`, `2.2.7.2.6`); 0 without.
    pub fragment_limit: usize,
    /// Compressed bitmaps may come without their header (`NO_BITMAP_COMPRESSION_HDR`, `2.2.7.1.1`).
    pub no_bitmap_compression_header: bool,
    /// Set-surface-bits commands (`2.2.7.2.9`).
    pub surface_bits: bool,
    /// Frame markers (`2.2.7.2.9`).
    pub frame_markers: bool,
    /// Numbers that the client gave to codecs (`2.2.7.2.10`).
    pub codecs: SurfaceCodecIds,
    /// Slots of the pointer cache for pointers of 24 bits a pixel (`2.2.7.1.5`).
    pub color_pointer_slots: u16,
    /// Slots of the pointer cache for pointers of any depth; 0 where only the former are taken.
    pub new_pointer_slots: u16,
    /// Pointers over 32 by 32 (`2.2.7.2.7`).
    pub large_pointers: LargePointerFlags,
}

/// A PDU to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputPdu {
    /// A fast-path PDU.
    FastPath(FastPathFragment),
    /// The payload of a data PDU, to be put behind its share headers.
    SlowPath {
        /// Its `pduType2`.
        kind: u8,
        /// The payload.
        payload: Vec<u8>,
    },
}

/// Writes drawing for a client without the graphics pipeline. Keeps track of its pointer cache.
#[derive(Debug)]
pub struct UpdateWriter {
    config: UpdateWriterConfig,
    /// What the client's pointer cache holds.
    pointers: Vec<Option<Arc<PointerShape>>>,
    next_pointer: usize,
}

impl UpdateWriter {
    /// A writer for a client with these capabilities and an empty pointer cache.
    pub fn new(config: UpdateWriterConfig) -> Self {
        let slots = if config.new_pointer_slots > 0 {
            config.new_pointer_slots
        } else {
            config.color_pointer_slots
        };
        Self {
            config,
            pointers: vec![None; slots.into()],
            next_pointer: 0,
        }
    }

    /// Most bytes of an update, headers of its own included. Payloads of surface commands must
    /// stay 22 bytes below, compressed bitmaps 30.
    pub fn max_update_bytes(&self) -> usize {
        if self.config.fast_path {
            self.config.fragment_limit.max(MAX_FAST_PATH_UPDATE_BYTES)
        } else {
            SLOW_PATH_LIMIT
        }
    }

    /// Appends the PDUs of a command on [`SurfaceId::PRIMARY`]. Raw pictures are cut in as many
    /// updates as it takes; frames are left unmarked where the client does not know markers.
    ///
    /// # Errors
    /// A command that updates cannot express, a codec that the client lacks, or an encoded
    /// picture that is too large. Nothing was appended then.
    pub fn write_graphics(
        &mut self,
        command: &GraphicsCommand,
        out: &mut Vec<OutputPdu>,
    ) -> Result<(), CommandError> {
        match command {
            GraphicsCommand::Draw {
                surface: SurfaceId::PRIMARY,
                rect,
                codec,
                payload,
                ..
            } => self.write_draw(*rect, *codec, payload, out),
            GraphicsCommand::StartFrame { frame } | GraphicsCommand::EndFrame { frame } => {
                if self.config.frame_markers && self.config.fast_path {
                    let is_end = matches!(command, GraphicsCommand::EndFrame { .. });
                    let data = surface_commands::write_frame_marker(*frame, is_end);
                    self.put_fast_path(code::SURFACE_COMMANDS, &data, out)?;
                }
                Ok(())
            }
            GraphicsCommand::SetPalette { colors } => {
                let data = bitmap::write_palette(colors);
                self.put_update(code::PALETTE, data, out)
            }
            GraphicsCommand::Draw { .. } => Err(CommandError::Unsupported(
                "a surface other than the desktop",
            )),
            _ => Err(CommandError::Unsupported("a graphics pipeline command")),
        }
    }

    fn write_draw(
        &self,
        rect: Rect,
        codec: PayloadCodec,
        payload: &[u8],
        out: &mut Vec<OutputPdu>,
    ) -> Result<(), CommandError> {
        match codec {
            PayloadCodec::Bitmap {
                bits_per_pixel,
                is_compressed,
                size,
            } => self.write_bitmap(
                Bitmap {
                    rect,
                    size,
                    bits_per_pixel,
                    is_compressed,
                    payload,
                },
                out,
            ),
            PayloadCodec::Uncompressed => {
                let row_bytes = rect.width() as usize * 4;
                let rows = rect.height() as usize;
                if row_bytes == 0 || row_bytes.checked_mul(rows) != Some(payload.len()) {
                    return Err(CommandError::OutOfRange("a raw picture's length"));
                }
                let mut flipped = Vec::with_capacity(payload.len());
                for row in payload.chunks_exact(row_bytes).rev() {
                    flipped.put(row);
                }
                self.write_bitmap(
                    Bitmap {
                        rect,
                        size: rect.size(),
                        bits_per_pixel: 32,
                        is_compressed: false,
                        payload: &flipped,
                    },
                    out,
                )
            }
            PayloadCodec::SurfaceBits { .. }
            | PayloadCodec::RemoteFx
            | PayloadCodec::NsCodec
            | PayloadCodec::Jpeg => {
                if !(self.config.fast_path && self.config.surface_bits) {
                    return Err(CommandError::Unsupported("a surface command"));
                }
                let codecs = &self.config.codecs;
                let data = surface_commands::write_surface_bits(rect, codec, payload, codecs)?;
                self.put_fast_path(code::SURFACE_COMMANDS, &data, out)
            }
            _ => Err(CommandError::Unsupported(
                "a codec of the graphics pipeline",
            )),
        }
    }

    fn write_bitmap(
        &self,
        bitmap: Bitmap<'_>,
        out: &mut Vec<OutputPdu>,
    ) -> Result<(), CommandError> {
        let with_header = !self.config.no_bitmap_compression_header;
        let limit = if bitmap.is_compressed {
            self.max_update_bytes()
        } else {
            // Raw pictures can be cut anywhere: no need for fragments.
            SLOW_PATH_LIMIT
        };
        let mut updates = Vec::new();
        bitmap::write_bitmap(bitmap, with_header, limit, |update| updates.push(update))?;
        for update in updates {
            self.put_update(code::BITMAP, update, out)?;
        }
        Ok(())
    }

    /// Appends the PDUs of a pointer update. A shape that the client still has is only named.
    ///
    /// # Errors
    /// A shape that is too large or too deep for the client. Nothing was appended then.
    pub fn write_pointer(
        &mut self,
        update: &PointerUpdate,
        out: &mut Vec<OutputPdu>,
    ) -> Result<(), CommandError> {
        match update {
            PointerUpdate::Hidden | PointerUpdate::SystemDefault => {
                let is_hidden = *update == PointerUpdate::Hidden;
                if self.config.fast_path {
                    let code = if is_hidden {
                        code::POINTER_HIDDEN
                    } else {
                        code::POINTER_DEFAULT
                    };
                    self.put_fast_path(code, &[], out)
                } else {
                    let data = pointer::write_system(is_hidden);
                    self.put_slow_path_pointer(message_type::SYSTEM, &data, out)
                }
            }
            PointerUpdate::Position(position) => {
                let data = pointer::write_position(*position);
                let types = (code::POINTER_POSITION, message_type::POSITION);
                self.put_pointer(types, &data, out)
            }
            PointerUpdate::Shape(shape) => self.write_shape(shape, out),
        }
    }

    fn write_shape(
        &mut self,
        shape: &Arc<PointerShape>,
        out: &mut Vec<OutputPdu>,
    ) -> Result<(), CommandError> {
        let known = self
            .pointers
            .iter()
            .position(|slot| slot.as_ref().is_some_and(|held| held == shape));
        if let Some(index) = known {
            // A slot's number has 16 bits, as the number of slots has.
            let data = (index as u16).to_le_bytes();
            let types = (code::CACHED_POINTER, message_type::CACHED);
            return self.put_pointer(types, &data, out);
        }
        let form = self.shape_form(shape)?;
        let index = self.next_pointer;
        if index >= self.pointers.len() {
            return Err(CommandError::Unsupported("a pointer without a cache"));
        }
        let data = pointer::write_shape(form, index as u16, shape)?;
        match form {
            ShapeForm::Color => {
                self.put_pointer((code::COLOR_POINTER, message_type::COLOR), &data, out)?;
            }
            ShapeForm::New => {
                self.put_pointer((code::NEW_POINTER, message_type::NEW), &data, out)?;
            }
            ShapeForm::Large => self.put_fast_path(code::LARGE_POINTER, &data, out)?,
        }
        self.pointers[index] = Some(Arc::clone(shape));
        self.next_pointer = (index + 1) % self.pointers.len();
        Ok(())
    }

    fn shape_form(&self, shape: &PointerShape) -> Result<ShapeForm, CommandError> {
        let side = shape.size.width.max(shape.size.height);
        let large = self.config.large_pointers;
        if side > 96 {
            if large.contains(LargePointerFlags::UP_TO_384) && self.config.fast_path {
                return Ok(ShapeForm::Large);
            }
            return Err(CommandError::OutOfRange("a pointer's size"));
        }
        if side > 32 && large.is_empty() {
            return Err(CommandError::OutOfRange("a pointer's size"));
        }
        if self.config.new_pointer_slots > 0 {
            Ok(ShapeForm::New)
        } else if shape.bits_per_pixel == 24 {
            Ok(ShapeForm::Color)
        } else {
            Err(CommandError::Unsupported("a pointer of that depth"))
        }
    }

    fn put_pointer(
        &self,
        (fast, slow): (u8, u16),
        data: &[u8],
        out: &mut Vec<OutputPdu>,
    ) -> Result<(), CommandError> {
        if self.config.fast_path {
            self.put_fast_path(fast, data, out)
        } else {
            self.put_slow_path_pointer(slow, data, out)
        }
    }

    fn put_slow_path_pointer(
        &self,
        message_type: u16,
        data: &[u8],
        out: &mut Vec<OutputPdu>,
    ) -> Result<(), CommandError> {
        let mut payload = Vec::with_capacity(4 + data.len());
        payload.put_u16(message_type);
        payload.put_u16(0);
        payload.put(data);
        self.put_slow_path(data_kind::POINTER, payload, out)
    }

    /// An update whose data are the same on both paths.
    fn put_update(
        &self,
        code: u8,
        data: Vec<u8>,
        out: &mut Vec<OutputPdu>,
    ) -> Result<(), CommandError> {
        if self.config.fast_path {
            self.put_fast_path(code, &data, out)
        } else {
            self.put_slow_path(data_kind::UPDATE, data, out)
        }
    }

    fn put_fast_path(
        &self,
        code: u8,
        data: &[u8],
        out: &mut Vec<OutputPdu>,
    ) -> Result<(), CommandError> {
        if data.len() > self.max_update_bytes() {
            return Err(CommandError::OutOfRange("an update's length"));
        }
        FastPathFragment::cut(code, data, |pdu| out.push(OutputPdu::FastPath(pdu)));
        Ok(())
    }

    fn put_slow_path(
        &self,
        kind: u8,
        payload: Vec<u8>,
        out: &mut Vec<OutputPdu>,
    ) -> Result<(), CommandError> {
        if payload.len() > SLOW_PATH_LIMIT {
            return Err(CommandError::OutOfRange("an update's length"));
        }
        out.push(OutputPdu::SlowPath { kind, payload });
        Ok(())
    }
}
