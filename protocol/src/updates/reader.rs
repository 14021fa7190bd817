//! Updates to events, on the client's side.

use bytes::Bytes;
use oriel_codecs::bulk::BulkDecompressor;
use oriel_codecs::geometry::Size;
use tracing::{debug, warn};

use super::{
    SurfaceCodecIds, UpdateEvent,
    bitmap::{self, update_type},
    fast_path::{FastPathReader, code},
    pointer::{self, PointerCache, ShapeForm, message_type},
    surface_commands,
};
use crate::{
    graphics::{GraphicsCommand, PointerUpdate, SurfaceId},
    share::data_kind,
    wire::{Cursor, DecodeError, DecodeResult},
};

/// What the client promised in its capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateReaderConfig {
    /// Most bytes that the fragments of an update may have together (`MaxRequestSize`,
    /// `[MS-RDPBCGR] 2.2.7.2.6`).
    pub fragment_limit: usize,
    /// Slots of the pointer cache (`[MS-RDPBCGR] 2.2.7.1.5`).
    pub pointer_cache_slots: u16,
    /// Numbers of the codecs of surface commands.
    pub codecs: SurfaceCodecIds,
}

/// Reads what a server draws without the graphics pipeline. Keeps fragments and pointer shapes
/// between PDUs.
#[derive(Debug)]
pub struct UpdateReader {
    codecs: SurfaceCodecIds,
    fast_path: FastPathReader,
    pointers: PointerCache,
    ignored_orders: u64,
    skipped_bitmaps: u64,
}

impl UpdateReader {
    /// A reader that holds the server to these promises.
    pub fn new(config: UpdateReaderConfig) -> Self {
        Self {
            codecs: config.codecs,
            fast_path: FastPathReader::new(config.fragment_limit),
            pointers: PointerCache::new(config.pointer_cache_slots),
            ignored_orders: 0,
            skipped_bitmaps: 0,
        }
    }

    /// Updates that held drawing orders, which were never offered to take.
    pub fn ignored_orders(&self) -> u64 {
        self.ignored_orders
    }

    /// Surface commands that were passed over, since nobody gave their codec a number.
    pub fn skipped_bitmaps(&self) -> u64 {
        self.skipped_bitmaps
    }

    /// Starts a desktop of that size: at activation, at each reactivation, and where the graphics
    /// pipeline closed and the session goes on with bitmaps. Yields the commands that make
    /// [`SurfaceId::PRIMARY`] and show it; fragments of before are forgotten.
    pub fn begin_desktop(&mut self, size: Size, out: &mut Vec<UpdateEvent>) {
        self.fast_path.reset();
        let surface = SurfaceId::PRIMARY;
        let commands = GraphicsCommand::desktop(surface, size);
        out.extend(commands.map(UpdateEvent::Graphics));
    }

    /// Takes a whole fast-path output PDU, from its first byte on, and appends its events. Payloads
    /// are slices of it where they were neither compressed nor cut in fragments. `bulk` is that of
    /// the whole connection.
    ///
    /// # Errors
    /// An encrypted PDU, one that does not decompress, fragments out of order or over the limit, or anything else
    /// that the specification does not allow; events before that are kept.
    pub fn handle_fast_path(
        &mut self,
        pdu: &Bytes,
        bulk: &mut BulkDecompressor,
        out: &mut Vec<UpdateEvent>,
    ) -> DecodeResult<()> {
        let Self {
            codecs,
            fast_path,
            pointers,
            ignored_orders,
            skipped_bitmaps,
        } = self;
        fast_path.handle(pdu, bulk, |kind, data| {
            let event = match kind {
                code::ORDERS => {
                    *ignored_orders += 1;
                    debug!("drawing orders ignored");
                    return Ok(());
                }
                code::SYNCHRONIZE => return Ok(()),
                code::BITMAP => {
                    return bitmap::read_bitmaps(&data, |command| {
                        out.push(UpdateEvent::Graphics(command));
                    });
                }
                code::SURFACE_COMMANDS => {
                    let skipped = surface_commands::read(&data, codecs, |command| {
                        out.push(UpdateEvent::Graphics(command));
                    })?;
                    if skipped > 0 {
                        warn!(skipped, "surface commands of unknown codecs skipped");
                        *skipped_bitmaps += skipped;
                    }
                    return Ok(());
                }
                code::PALETTE => UpdateEvent::Graphics(bitmap::read_palette(&data)?),
                code::POINTER_HIDDEN => UpdateEvent::Pointer(PointerUpdate::Hidden),
                code::POINTER_DEFAULT => UpdateEvent::Pointer(PointerUpdate::SystemDefault),
                code::POINTER_POSITION => UpdateEvent::Pointer(pointer::read_position(&data)?),
                code::COLOR_POINTER => {
                    UpdateEvent::Pointer(pointers.read_shape(ShapeForm::Color, &data)?)
                }
                code::NEW_POINTER => {
                    UpdateEvent::Pointer(pointers.read_shape(ShapeForm::New, &data)?)
                }
                code::LARGE_POINTER => {
                    UpdateEvent::Pointer(pointers.read_shape(ShapeForm::Large, &data)?)
                }
                code::CACHED_POINTER => match pointers.read_cached(&data)? {
                    Some(update) => UpdateEvent::Pointer(update),
                    None => {
                        debug!("pointer cache slot is empty");
                        return Ok(());
                    }
                },
                _ => return Err(DecodeError::invalid("fast-path update", "code", kind)),
            };
            out.push(event);
            Ok(())
        })
    }

    /// Takes the payload of a slow-path update after its share data header and appends its events.
    /// `kind` is its `pduType2`: [`data_kind::UPDATE`] or [`data_kind::POINTER`].
    ///
    /// # Errors
    /// Another kind, or a payload that the specification does not allow; events before that are
    /// kept.
    pub fn handle_slow_path(
        &mut self,
        kind: u8,
        payload: &Bytes,
        out: &mut Vec<UpdateEvent>,
    ) -> DecodeResult<()> {
        match kind {
            data_kind::UPDATE => self.handle_slow_path_graphics(payload, out),
            data_kind::POINTER => self.handle_slow_path_pointer(payload, out),
            _ => Err(DecodeError::invalid("slow-path update", "kind", kind)),
        }
    }

    fn handle_slow_path_graphics(
        &mut self,
        payload: &Bytes,
        out: &mut Vec<UpdateEvent>,
    ) -> DecodeResult<()> {
        let kind = Cursor::new(payload, "slow-path graphics update").u16()?;
        match kind {
            update_type::ORDERS => {
                self.ignored_orders += 1;
                debug!("drawing orders ignored");
                Ok(())
            }
            update_type::SYNCHRONIZE => Ok(()),
            update_type::BITMAP => bitmap::read_bitmaps(payload, |command| {
                out.push(UpdateEvent::Graphics(command));
            }),
            update_type::PALETTE => {
                out.push(UpdateEvent::Graphics(bitmap::read_palette(payload)?));
                Ok(())
            }
            _ => Err(DecodeError::invalid(
                "slow-path graphics update",
                "type",
                kind,
            )),
        }
    }

    fn handle_slow_path_pointer(
        &mut self,
        payload: &Bytes,
        out: &mut Vec<UpdateEvent>,
    ) -> DecodeResult<()> {
        let mut cursor = Cursor::new(payload, "slow-path pointer update");
        let kind = cursor.u16()?;
        cursor.skip(2)?;
        let data = cursor.rest();
        let update = match kind {
            message_type::SYSTEM => Some(pointer::read_system(data)?),
            message_type::POSITION => Some(pointer::read_position(data)?),
            message_type::COLOR => Some(self.pointers.read_shape(ShapeForm::Color, data)?),
            message_type::NEW => Some(self.pointers.read_shape(ShapeForm::New, data)?),
            message_type::CACHED => self.pointers.read_cached(data)?,
            _ => {
                return Err(DecodeError::invalid(
                    "slow-path pointer update",
                    "type",
                    kind,
                ));
            }
        };
        out.extend(update.map(UpdateEvent::Pointer));
        Ok(())
    }
}
