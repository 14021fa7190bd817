//! Bitmap and palette updates, the same on both paths (`[MS-RDPBCGR] 2.2.9.1.1.3.1`).

use bytes::Bytes;
use oriel_codecs::geometry::{Rect, Size};

use crate::{
    graphics::{CommandError, GraphicsCommand, PayloadCodec, SurfaceFormat, SurfaceId},
    wire::{Cursor, DecodeError, DecodeResult, WriteWire},
};

/// `updateType` of slow-path updates, repeated in the data of both paths.
pub(super) mod update_type {
    pub(crate) const ORDERS: u16 = 0;
    pub(crate) const BITMAP: u16 = 1;
    pub(crate) const PALETTE: u16 = 2;
    pub(crate) const SYNCHRONIZE: u16 = 3;
}

const BITMAP_COMPRESSION: u16 = 0x0001;
const NO_BITMAP_COMPRESSION_HDR: u16 = 0x0400;

/// `TS_CD_HEADER`: first row 2, body 2, scan width 2, uncompressed size 2.
const COMPRESSION_HEADER_BYTES: usize = 8;
/// `TS_BITMAP_DATA` before its data: rectangle 8, size 4, depth 2, flags 2, length 2.
const RECTANGLE_BYTES: usize = 18;
/// `TS_UPDATE_BITMAP_DATA` before its rectangles: type 2, count 2.
const UPDATE_BYTES: usize = 4;

/// Reads `TS_UPDATE_BITMAP_DATA`. Payloads are slices of `data`.
pub(super) fn read_bitmaps(
    data: &Bytes,
    mut emit: impl FnMut(GraphicsCommand),
) -> DecodeResult<()> {
    let mut cursor = Cursor::new(data, "bitmap update");
    expect_type(&mut cursor, update_type::BITMAP)?;
    for _ in 0..cursor.u16()? {
        // The wire's rectangle is inclusive.
        let rect = Rect::new(
            cursor.u16()?.into(),
            cursor.u16()?.into(),
            i32::from(cursor.u16()?) + 1,
            i32::from(cursor.u16()?) + 1,
        );
        let size = Size::new(cursor.u16()?.into(), cursor.u16()?.into());
        let depth = cursor.u16()?;
        let bits_per_pixel = match depth {
            8 | 15 | 16 | 24 | 32 => depth as u8,
            _ => {
                return Err(DecodeError::invalid(
                    cursor.context(),
                    "bits per pixel",
                    depth,
                ));
            }
        };
        let flags = cursor.u16()?;
        let length = usize::from(cursor.u16()?);
        let start = cursor.position();
        let mut body = cursor.sub(length, "bitmap data")?;
        let is_compressed = flags & BITMAP_COMPRESSION != 0;
        let payload = if is_compressed && flags & NO_BITMAP_COMPRESSION_HDR == 0 {
            body.skip(2)?;
            let main_body = usize::from(body.u16()?);
            body.skip(4)?;
            body.take(main_body)?;
            let start = start + COMPRESSION_HEADER_BYTES;
            data.slice(start..start + main_body)
        } else {
            data.slice(start..start + length)
        };
        emit(GraphicsCommand::Draw {
            surface: SurfaceId::PRIMARY,
            rect,
            codec: PayloadCodec::Bitmap {
                bits_per_pixel,
                is_compressed,
                size,
            },
            format: SurfaceFormat::Xrgb,
            payload,
        });
    }
    Ok(())
}

/// Reads `TS_UPDATE_PALETTE_DATA`. Colours that are not told are black.
pub(super) fn read_palette(data: &[u8]) -> DecodeResult<GraphicsCommand> {
    let mut cursor = Cursor::new(data, "palette update");
    expect_type(&mut cursor, update_type::PALETTE)?;
    cursor.skip(2)?;
    let count = cursor.u32()?;
    let mut colors = Box::new([[0; 3]; 256]);
    if count as usize > colors.len() {
        return Err(DecodeError::invalid(
            cursor.context(),
            "number of colours",
            count,
        ));
    }
    for color in &mut colors[..count as usize] {
        *color = cursor.array()?;
    }
    Ok(GraphicsCommand::SetPalette { colors })
}

fn expect_type(cursor: &mut Cursor<'_>, expected: u16) -> DecodeResult<()> {
    let found = cursor.u16()?;
    if found != expected {
        return Err(DecodeError::invalid(cursor.context(), "type", found));
    }
    Ok(())
}

/// A bitmap to be sent.
#[derive(Clone, Copy)]
pub(super) struct Bitmap<'a> {
    pub(super) rect: Rect,
    pub(super) size: Size,
    pub(super) bits_per_pixel: u8,
    pub(super) is_compressed: bool,
    pub(super) payload: &'a [u8],
}

/// Makes updates of at most `limit` bytes of a bitmap, one rectangle each. Raw bitmaps are cut
/// between rows as needed.
pub(super) fn write_bitmap(
    bitmap: Bitmap<'_>,
    with_header: bool,
    limit: usize,
    mut emit: impl FnMut(Vec<u8>),
) -> Result<(), CommandError> {
    let header = if bitmap.is_compressed && with_header {
        COMPRESSION_HEADER_BYTES
    } else {
        0
    };
    let room = limit
        .saturating_sub(UPDATE_BYTES + RECTANGLE_BYTES + header)
        .min(usize::from(u16::MAX) - header);
    if bitmap.is_compressed {
        if bitmap.payload.len() > room {
            return Err(CommandError::OutOfRange("a compressed bitmap's length"));
        }
        emit(bitmap_update(bitmap, header > 0)?);
        return Ok(());
    }
    let row_bytes = raw_row_bytes(bitmap.size.width, bitmap.bits_per_pixel);
    let rows = bitmap.size.height as usize;
    if row_bytes.checked_mul(rows) != Some(bitmap.payload.len()) || row_bytes == 0 {
        return Err(CommandError::OutOfRange("a raw bitmap's length"));
    }
    let rows_at_once = room / row_bytes;
    if rows_at_once == 0 {
        return Err(CommandError::OutOfRange("a bitmap's width"));
    }
    // The bottom row comes first: pieces go up the picture.
    let mut bottom = rows;
    for piece in bitmap.payload.chunks(rows_at_once * row_bytes) {
        let height = piece.len() / row_bytes;
        bottom -= height;
        let top = bitmap.rect.top.saturating_add_unsigned(bottom as u32);
        let end = top.saturating_add_unsigned(height as u32);
        let rect = Rect {
            top,
            bottom: end.min(bitmap.rect.bottom),
            ..bitmap.rect
        };
        // Rows below the rectangle are padding: nobody would see them.
        if rect.is_empty() {
            continue;
        }
        let update = bitmap_update(
            Bitmap {
                rect,
                size: Size::new(bitmap.size.width, height as u32),
                payload: piece,
                ..bitmap
            },
            false,
        )?;
        emit(update);
    }
    Ok(())
}

/// Bytes of a row of a raw bitmap, padded to four.
pub(super) fn raw_row_bytes(width: u32, bits_per_pixel: u8) -> usize {
    let bytes = width as usize * usize::from(bits_per_pixel).div_ceil(8);
    bytes.next_multiple_of(4)
}

fn bitmap_update(bitmap: Bitmap<'_>, with_header: bool) -> Result<Vec<u8>, CommandError> {
    let mut out = Vec::with_capacity(UPDATE_BYTES + RECTANGLE_BYTES + bitmap.payload.len());
    out.put_u16(update_type::BITMAP);
    out.put_u16(1);
    let rect = bitmap.rect;
    for value in [rect.left, rect.top, rect.right - 1, rect.bottom - 1] {
        let value = u16::try_from(value).map_err(|_| CommandError::OutOfRange("a rectangle"))?;
        out.put_u16(value);
    }
    for value in [bitmap.size.width, bitmap.size.height] {
        let value =
            u16::try_from(value).map_err(|_| CommandError::OutOfRange("a bitmap's size"))?;
        out.put_u16(value);
    }
    out.put_u16(bitmap.bits_per_pixel.into());
    let length = bitmap.payload.len() as u16;
    if with_header {
        out.put_u16(BITMAP_COMPRESSION);
        out.put_u16(length + COMPRESSION_HEADER_BYTES as u16);
        out.put_u16(0);
        out.put_u16(length);
        out.put_u16(bitmap.size.width as u16);
        let size = raw_row_bytes(bitmap.size.width, bitmap.bits_per_pixel)
            .saturating_mul(bitmap.size.height as usize);
        out.put_u16(u16::try_from(size).unwrap_or(u16::MAX));
    } else {
        out.put_u16(if bitmap.is_compressed {
            BITMAP_COMPRESSION | NO_BITMAP_COMPRESSION_HDR
        } else {
            0
        });
        out.put_u16(length);
    }
    out.put(bitmap.payload);
    Ok(out)
}

/// A palette update's data.
pub(super) fn write_palette(colors: &[[u8; 3]; 256]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + 3 * colors.len());
    out.put_u16(update_type::PALETTE);
    out.put_u16(0);
    out.put_u32(colors.len() as u32);
    out.put(colors.as_flattened());
    out
}
