//! Mouse pointers, the same on both paths but for their headers (`[MS-RDPBCGR] 2.2.9.1.1.4`,
//! `2.2.9.1.2.1.11`).

use std::sync::Arc;

use bytes::Bytes;
use oriel_codecs::geometry::{Point, Size};

use crate::{
    graphics::{CommandError, PointerShape, PointerUpdate},
    wire::{Cursor, DecodeError, DecodeResult, WriteWire},
};

/// `messageType` of slow-path pointer updates.
pub(super) mod message_type {
    pub(crate) const SYSTEM: u16 = 0x0001;
    pub(crate) const POSITION: u16 = 0x0003;
    pub(crate) const COLOR: u16 = 0x0006;
    pub(crate) const CACHED: u16 = 0x0007;
    pub(crate) const NEW: u16 = 0x0008;
}

/// `SYSPTR_NULL`.
const SYSTEM_HIDDEN: u32 = 0x0000_0000;
/// `SYSPTR_DEFAULT`.
const SYSTEM_DEFAULT: u32 = 0x0000_7f00;

/// Largest pointer of all.
const SIDE_LIMIT: u16 = 384;

const CONTEXT: &str = "pointer update";

/// How a shape is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShapeForm {
    /// `TS_COLORPOINTERATTRIBUTE`: 24 bits a pixel.
    Color,
    /// `TS_POINTERATTRIBUTE`: tells its depth.
    New,
    /// `TS_FP_LARGEPOINTERATTRIBUTE`: and has long lengths.
    Large,
}

/// Shapes that the server will name again, on the client's side.
#[derive(Debug)]
pub(super) struct PointerCache {
    slots: Vec<Option<Arc<PointerShape>>>,
}

impl PointerCache {
    pub(super) fn new(slots: u16) -> Self {
        Self {
            slots: vec![None; slots.into()],
        }
    }

    /// Reads a shape and keeps it.
    pub(super) fn read_shape(
        &mut self,
        form: ShapeForm,
        data: &[u8],
    ) -> DecodeResult<PointerUpdate> {
        let (index, shape) = read_shape(form, data)?;
        let shape = Arc::new(shape);
        let Some(slot) = self.slots.get_mut(usize::from(index)) else {
            return Err(DecodeError::invalid(CONTEXT, "cache index", index));
        };
        *slot = Some(Arc::clone(&shape));
        // Servers hide the pointer so, too.
        if shape.size.is_empty() {
            return Ok(PointerUpdate::Hidden);
        }
        Ok(PointerUpdate::Shape(shape))
    }

    /// The shape in a slot; `None` where the server never filled it.
    pub(super) fn read_cached(&self, data: &[u8]) -> DecodeResult<Option<PointerUpdate>> {
        let index = Cursor::new(data, CONTEXT).u16()?;
        let Some(slot) = self.slots.get(usize::from(index)) else {
            return Err(DecodeError::invalid(CONTEXT, "cache index", index));
        };
        Ok(slot.as_ref().map(|shape| {
            if shape.size.is_empty() {
                PointerUpdate::Hidden
            } else {
                PointerUpdate::Shape(Arc::clone(shape))
            }
        }))
    }
}

pub(super) fn read_position(data: &[u8]) -> DecodeResult<PointerUpdate> {
    let mut cursor = Cursor::new(data, CONTEXT);
    let position = Point::new(cursor.u16()?.into(), cursor.u16()?.into());
    Ok(PointerUpdate::Position(position))
}

pub(super) fn read_system(data: &[u8]) -> DecodeResult<PointerUpdate> {
    match Cursor::new(data, CONTEXT).u32()? {
        SYSTEM_HIDDEN => Ok(PointerUpdate::Hidden),
        // Any other is one that a later version knows: the arrow is never wrong.
        _ => Ok(PointerUpdate::SystemDefault),
    }
}

fn read_shape(form: ShapeForm, data: &[u8]) -> DecodeResult<(u16, PointerShape)> {
    let mut cursor = Cursor::new(data, CONTEXT);
    let depth = match form {
        ShapeForm::Color => 24,
        ShapeForm::New | ShapeForm::Large => cursor.u16()?,
    };
    let bits_per_pixel = match depth {
        1 | 4 | 8 | 16 | 24 | 32 => depth as u8,
        _ => return Err(DecodeError::invalid(CONTEXT, "bits per pixel", depth)),
    };
    let index = cursor.u16()?;
    let (x, y) = (cursor.u16()?, cursor.u16()?);
    let (width, height) = (side(cursor.u16()?)?, side(cursor.u16()?)?);
    let (and_bytes, xor_bytes) = match form {
        ShapeForm::Large => (cursor.u32()? as usize, cursor.u32()? as usize),
        _ => (cursor.u16()?.into(), cursor.u16()?.into()),
    };
    // Copied: shapes stay for long, and would keep all that was received with them.
    let xor_mask = Bytes::copy_from_slice(cursor.take(xor_bytes)?);
    let and_mask = Bytes::copy_from_slice(cursor.take(and_bytes)?);
    // Windows has been seen to name hot spots outside of the picture.
    let hotspot = Point::new(
        x.min(width.saturating_sub(1)).into(),
        y.min(height.saturating_sub(1)).into(),
    );
    let shape = PointerShape {
        size: Size::new(width.into(), height.into()),
        hotspot,
        bits_per_pixel,
        xor_mask,
        and_mask,
    };
    Ok((index, shape))
}

fn side(value: u16) -> DecodeResult<u16> {
    if value > SIDE_LIMIT {
        return Err(DecodeError::TooLarge {
            context: CONTEXT,
            field: "size",
            value: value.into(),
            limit: SIDE_LIMIT.into(),
        });
    }
    Ok(value)
}

/// The data of a pointer position update.
pub(super) fn write_position(position: Point) -> Vec<u8> {
    let mut out = Vec::with_capacity(4);
    for value in [position.x, position.y] {
        out.put_u16(value.clamp(0, u16::MAX.into()) as u16);
    }
    out
}

/// The data of a slow-path system pointer update.
pub(super) fn write_system(is_hidden: bool) -> Vec<u8> {
    let kind = if is_hidden {
        SYSTEM_HIDDEN
    } else {
        SYSTEM_DEFAULT
    };
    kind.to_le_bytes().to_vec()
}

/// The data of a shape for slot `index`.
pub(super) fn write_shape(
    form: ShapeForm,
    index: u16,
    shape: &PointerShape,
) -> Result<Vec<u8>, CommandError> {
    let limit = match form {
        ShapeForm::Color | ShapeForm::New => 96,
        ShapeForm::Large => u32::from(SIDE_LIMIT),
    };
    if shape.size.width > limit || shape.size.height > limit {
        return Err(CommandError::OutOfRange("a pointer's size"));
    }
    let mut out = Vec::with_capacity(24 + shape.xor_mask.len() + shape.and_mask.len());
    if form != ShapeForm::Color {
        out.put_u16(shape.bits_per_pixel.into());
    }
    out.put_u16(index);
    for value in [shape.hotspot.x, shape.hotspot.y] {
        out.put_u16(value.clamp(0, SIDE_LIMIT.into()) as u16);
    }
    out.put_u16(shape.size.width as u16);
    out.put_u16(shape.size.height as u16);
    for mask in [&shape.and_mask, &shape.xor_mask] {
        if form == ShapeForm::Large {
            let length =
                u32::try_from(mask.len()).map_err(|_| CommandError::OutOfRange("a mask"))?;
            out.put_u32(length);
        } else {
            let length =
                u16::try_from(mask.len()).map_err(|_| CommandError::OutOfRange("a mask"))?;
            out.put_u16(length);
        }
    }
    out.put(&shape.xor_mask);
    out.put(&shape.and_mask);
    Ok(out)
}
