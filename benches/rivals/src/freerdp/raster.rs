use oriel_codecs::{ColorDepth, Picture, Rect, Size};

use super::{BGRX32, Context, FreeRdp, Place, functions};
use crate::palette_rgb;

/// `PLANAR_FORMAT_HEADER_NA` and `PLANAR_FORMAT_HEADER_RLE`.
const NO_ALPHA_RUNS: u32 = 1 << 5 | 1 << 4;
/// `FREERDP_FLIP_VERTICAL`.
const FLIP_VERTICAL: u32 = 1;

/// `PIXEL_FORMAT_RGB8`, `PIXEL_FORMAT_RGB15`, `PIXEL_FORMAT_RGB16`, `PIXEL_FORMAT_BGR24`.
fn pixel_format(depth: ColorDepth) -> u32 {
    match depth {
        ColorDepth::Indexed8 => 8 << 24 | 8 << 12,
        ColorDepth::Rgb555 => 15 << 24 | 1 << 16 | 5 << 8 | 5 << 4 | 5,
        ColorDepth::Rgb565 => 16 << 24 | 1 << 16 | 5 << 8 | 6 << 4 | 5,
        ColorDepth::Bgr24 => 24 << 24 | 2 << 16 | 8 << 8 | 8 << 4 | 8,
        ColorDepth::Bgrx32 => BGRX32,
    }
}

fn palette() -> functions::Palette {
    functions::Palette {
        format: BGRX32,
        colors: palette_rgb().map(|[red, green, blue]| u32::from_be_bytes([blue, green, red, 255])),
    }
}

/// The planar codec.
#[derive(Debug)]
pub struct Planar {
    freerdp: FreeRdp,
    context: Context,
}

impl Planar {
    /// A context for pictures of at most this size.
    pub fn new(freerdp: FreeRdp, most: Size) -> Self {
        let new = freerdp.codecs.freerdp_bitmap_planar_context_new;
        // SAFETY: takes numbers alone.
        let raw = unsafe { new(NO_ALPHA_RUNS, most.width, most.height) };
        Self {
            freerdp,
            context: Context::new(raw, freerdp.codecs.freerdp_bitmap_planar_context_free),
        }
    }

    /// Decodes a picture whose top row comes first.
    pub fn decode(&mut self, payload: &[u8], target: &mut Picture, place: Rect) -> bool {
        let place = Place::to_draw(target, place);
        // SAFETY: the source has as many bytes as told, and the picture lies in the target.
        unsafe {
            (self.freerdp.codecs.planar_decompress)(
                self.context.raw,
                payload.as_ptr(),
                payload.len() as u32,
                place.width,
                place.height,
                place.data,
                BGRX32,
                place.stride,
                place.x,
                place.y,
                place.width,
                place.height,
                0,
            ) != 0
        }
    }

    /// Appends `source`, bottom row first, without alpha. Refuses planes that grow by coding.
    pub fn encode(&mut self, source: &Picture, out: &mut Vec<u8>) -> bool {
        let size = source.size();
        let start = out.len();
        // Coding lets no plane grow by more than a quarter.
        let mut bytes = (size.area() * 4) as u32 + 64;
        out.resize(start + bytes as usize, 0);
        // SAFETY: the source has as many rows as told, and the result fits.
        let written = unsafe {
            (self.freerdp.codecs.freerdp_bitmap_compress_planar)(
                self.context.raw,
                source.data().as_ptr(),
                BGRX32,
                size.width,
                size.height,
                source.stride_bytes() as u32,
                out[start..].as_mut_ptr(),
                &mut bytes,
            )
        };
        let is_written = !written.is_null();
        out.truncate(start + if is_written { bytes as usize } else { 0 });
        is_written
    }
}

/// Interleaved RLE.
#[derive(Debug)]
pub struct Interleaved {
    freerdp: FreeRdp,
    context: Context,
    palette: Box<functions::Palette>,
}

impl Interleaved {
    /// Both edges of the largest picture that its encoder takes; widths must divide by four.
    pub const MOST_ENCODED_EDGE: u32 = 64;

    /// A context; the palette is [`palette`](crate::palette).
    pub fn new(freerdp: FreeRdp, is_encoder: bool) -> Self {
        // SAFETY: takes a number alone.
        let raw = unsafe { (freerdp.codecs.bitmap_interleaved_context_new)(is_encoder.into()) };
        Self {
            freerdp,
            context: Context::new(raw, freerdp.codecs.bitmap_interleaved_context_free),
            palette: Box::new(palette()),
        }
    }

    /// Decodes a picture of 8, 15, 16 or 24 bits a pixel.
    pub fn decode(
        &mut self,
        payload: &[u8],
        depth: ColorDepth,
        target: &mut Picture,
        place: Rect,
    ) -> bool {
        let place = Place::to_draw(target, place);
        // SAFETY: as for planar; the palette outlives the call.
        unsafe {
            (self.freerdp.codecs.interleaved_decompress)(
                self.context.raw,
                payload.as_ptr(),
                payload.len() as u32,
                place.width,
                place.height,
                depth.bits_per_pixel().into(),
                place.data,
                BGRX32,
                place.stride,
                place.x,
                place.y,
                place.width,
                place.height,
                &*self.palette,
            ) != 0
        }
    }

    /// Appends the part of `source` that lies in `rect`, at 15, 16 or 24 bits a pixel.
    pub fn encode(
        &mut self,
        source: &Picture,
        rect: Rect,
        depth: ColorDepth,
        out: &mut Vec<u8>,
    ) -> bool {
        let place = Place::to_read(source, rect);
        let start = out.len();
        let mut bytes = 4 * 64 * 64;
        out.resize(start + bytes as usize, 0);
        // SAFETY: the source has what is told, and there is room for what the encoder may write.
        let is_written = unsafe {
            (self.freerdp.codecs.interleaved_compress)(
                self.context.raw,
                out[start..].as_mut_ptr(),
                &mut bytes,
                place.width,
                place.height,
                place.data,
                BGRX32,
                place.stride,
                place.x,
                place.y,
                &*self.palette,
                depth.bits_per_pixel().into(),
            ) != 0
        };
        out.truncate(start + if is_written { bytes as usize } else { 0 });
        is_written
    }
}

/// Draws a bitmap that is not compressed; its bottom row comes first.
pub fn copy_image(
    freerdp: FreeRdp,
    payload: &[u8],
    depth: ColorDepth,
    stride_bytes: usize,
    target: &mut Picture,
    place: Rect,
) -> bool {
    let place = Place::to_draw(target, place);
    assert!(payload.len() >= stride_bytes * place.height as usize);
    let palette = palette();
    // SAFETY: the source has as many rows as told, and the picture lies in the target.
    unsafe {
        (freerdp.codecs.freerdp_image_copy)(
            place.data,
            BGRX32,
            place.stride,
            place.x,
            place.y,
            place.width,
            place.height,
            payload.as_ptr(),
            pixel_format(depth),
            stride_bytes as u32,
            0,
            0,
            &palette,
            FLIP_VERTICAL,
        ) != 0
    }
}
