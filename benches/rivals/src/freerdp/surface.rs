use std::ptr;

use oriel_codecs::{Picture, Rect, Size};

use super::{BGRX32, Context, FreeRdp, Place, stream::Stream};

/// ClearCodec. FreeRDP has no encoder.
#[derive(Debug)]
pub struct ClearCodec {
    freerdp: FreeRdp,
    context: Context,
}

impl ClearCodec {
    /// A decoder with empty caches.
    pub fn new(freerdp: FreeRdp) -> Self {
        // SAFETY: takes a number alone.
        let raw = unsafe { (freerdp.codecs.clear_context_new)(0) };
        Self {
            freerdp,
            context: Context::new(raw, freerdp.codecs.clear_context_free),
        }
    }

    /// Decodes the next picture of the connection.
    pub fn decode(&mut self, payload: &[u8], target: &mut Picture, place: Rect) -> bool {
        let place = Place::to_draw(target, place);
        let whole = target.size();
        // SAFETY: the source has as many bytes as told, and the picture lies in the target, whose
        // size is told with it.
        unsafe {
            (self.freerdp.codecs.clear_decompress)(
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
                whole.width,
                whole.height,
                ptr::null(),
            ) >= 0
        }
    }
}

/// `NSC_COLOR_LOSS_LEVEL`, `NSC_ALLOW_SUBSAMPLING`, `NSC_COLOR_FORMAT`.
const COLOR_LOSS_LEVEL: i32 = 0;
const ALLOW_SUBSAMPLING: i32 = 1;
const COLOR_FORMAT: i32 = 3;
/// `FREERDP_FLIP_VERTICAL`.
const FLIP_VERTICAL: u32 = 1;

/// NSCodec, bottom row first.
#[derive(Debug)]
pub struct NsCodec {
    freerdp: FreeRdp,
    context: Context,
    stream: Stream,
}

impl NsCodec {
    /// A decoder, or an encoder at color loss level 1 without subsampling, of pictures of this
    /// size at most.
    pub fn new(freerdp: FreeRdp, most: Size) -> Self {
        // SAFETY: the context was just made.
        let raw = unsafe {
            let raw = (freerdp.codecs.nsc_context_new)();
            (freerdp.codecs.nsc_context_reset)(raw, most.width, most.height);
            raw
        };
        let mut codec = Self {
            freerdp,
            context: Context::new(raw, freerdp.codecs.nsc_context_free),
            stream: Stream::new(freerdp),
        };
        codec.set(COLOR_FORMAT, BGRX32);
        codec.set_loss(1, false);
        codec
    }

    /// How the encoder codes from now on.
    pub fn set_loss(&mut self, color_loss_level: u8, chroma_subsampling: bool) {
        self.set(COLOR_LOSS_LEVEL, color_loss_level.into());
        self.set(ALLOW_SUBSAMPLING, chroma_subsampling.into());
    }

    fn set(&mut self, parameter: i32, value: u32) {
        let set = self.freerdp.codecs.nsc_context_set_parameters;
        // SAFETY: takes the context and numbers.
        let is_set = unsafe { set(self.context.raw, parameter, value) };
        assert_ne!(is_set, 0, "parameter {parameter}");
    }

    /// Decodes a picture.
    pub fn decode(&mut self, payload: &[u8], target: &mut Picture, place: Rect) -> bool {
        let place = Place::to_draw(target, place);
        // SAFETY: the source has as many bytes as told, and the picture lies in the target.
        unsafe {
            (self.freerdp.codecs.nsc_process_message)(
                self.context.raw,
                32,
                place.width,
                place.height,
                payload.as_ptr(),
                payload.len() as u32,
                place.data,
                BGRX32,
                place.stride,
                place.x,
                place.y,
                place.width,
                place.height,
                FLIP_VERTICAL,
            ) != 0
        }
    }

    /// Codes a picture.
    pub fn encode(&mut self, source: &Picture) -> Option<&[u8]> {
        self.stream.rewind();
        let size = source.size();
        // SAFETY: the source has as many rows as told.
        let is_written = unsafe {
            (self.freerdp.codecs.nsc_compose_message)(
                self.context.raw,
                self.stream.raw(),
                source.data().as_ptr(),
                size.width,
                size.height,
                source.stride_bytes() as u32,
            ) != 0
        };
        is_written.then(|| self.stream.written())
    }
}

/// Decodes a JPEG file of this size to three bytes a pixel, red first. Its data must be sound: the
/// library ends the process where it is not.
pub fn decode_jpeg(freerdp: FreeRdp, file: &[u8], size: Size, rgb: &mut Vec<u8>) -> bool {
    rgb.resize(size.area() as usize * 3, 0);
    // SAFETY: the result has as many bytes as a file of this size is decoded to.
    unsafe {
        (freerdp.codecs.jpeg_decompress)(
            file.as_ptr(),
            rgb.as_mut_ptr(),
            size.width as i32,
            size.height as i32,
            file.len() as i32,
            24,
        ) != 0
    }
}
