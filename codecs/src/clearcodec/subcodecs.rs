//! The third layer: rectangles, each coded in one of three ways (`[MS-RDPEGFX] 2.2.4.1.1.3`).

use super::{ClearCodecError, pixel, rlex, take, take_slice, take_u16, take_u32};
use crate::geometry::{Point, Rect, Size};
use crate::nscodec::{self, NsCodecScratch};
use crate::picture::PictureMut;

/// `subCodecId`: pixels of three bytes.
pub const RAW: u8 = 0;
/// `subCodecId`: NSCodec.
const NSCODEC: u8 = 1;
/// `subCodecId`: RLEX.
pub const RLEX: u8 = 2;

/// Bytes before a rectangle's data.
pub const HEADER_BYTES: usize = 13;

/// Draws all rectangles.
pub fn draw(
    mut data: &[u8],
    target: &mut PictureMut<'_>,
    scratch: &mut NsCodecScratch,
) -> Result<(), ClearCodecError> {
    while !data.is_empty() {
        let mut field = || take_u16(&mut data);
        let (left, top, width, height) = (field()?, field()?, field()?, field()?);
        let bytes = take_u32(&mut data)?;
        let [codec] = take(&mut data)?;
        let payload = take_slice(&mut data, bytes)?;
        let size = Size::new(width.into(), height.into());
        if size.is_empty() {
            continue;
        }
        let rect = Rect::at(Point::new(left.into(), top.into()), size);
        let outside = ClearCodecError::Outside { left, top, size };
        let mut target = target.sub(&rect).ok_or(outside)?;
        match codec {
            RAW => draw_raw(payload, &mut target)?,
            // Alpha is another codec's, here as in the other layers.
            NSCODEC => nscodec::decode_opaque(payload, &mut target, scratch)?,
            RLEX => rlex::draw(payload, &mut target)?,
            other => return Err(ClearCodecError::Subcodec(other)),
        }
    }
    Ok(())
}

fn draw_raw(mut data: &[u8], target: &mut PictureMut<'_>) -> Result<(), ClearCodecError> {
    let size = target.size();
    for y in 0..size.height {
        let row = take_slice(&mut data, size.width * 3)?;
        let pixels = target.row_mut(y).as_chunks_mut().0;
        for (to, from) in pixels.iter_mut().zip(row.as_chunks().0) {
            *to = pixel(*from).to_le_bytes();
        }
    }
    Ok(())
}

/// Appends what stands before a rectangle's data.
pub fn push_header(rect: &Rect, codec: u8, bytes: usize, out: &mut Vec<u8>) {
    for field in [
        rect.left as u32,
        rect.top as u32,
        rect.width(),
        rect.height(),
    ] {
        out.extend((field as u16).to_le_bytes());
    }
    out.extend((bytes as u32).to_le_bytes());
    out.push(codec);
}
