use std::{ffi::c_void, ptr};

use oriel_codecs::{Picture, Point, Rect, Size, remotefx::Entropy};

use super::{
    BGRX32, Context, FreeRdp, Place,
    functions::{Region, RfxContext, RfxRect},
    stream::Stream,
};

/// RemoteFX, decoding: on as many threads as the process may use cores when it is made.
#[derive(Debug)]
pub struct RemoteFx {
    freerdp: FreeRdp,
    context: Context,
}

impl RemoteFx {
    /// A decoder of pictures of this size.
    pub fn new(freerdp: FreeRdp, size: Size) -> Self {
        Self {
            freerdp,
            context: remotefx_context(freerdp, false, size),
        }
    }

    /// Decodes a payload; what does not lie in the target is left out.
    pub fn decode(&mut self, payload: &[u8], target: &mut Picture, at: Point) -> bool {
        let (stride, height) = (target.stride_bytes() as u32, target.size().height);
        // SAFETY: the target holds as many rows as told; no region is asked for.
        unsafe {
            (self.freerdp.codecs.rfx_process_message)(
                self.context.raw,
                payload.as_ptr(),
                payload.len() as u32,
                at.x as u32,
                at.y as u32,
                target.data_mut().as_mut_ptr(),
                BGRX32,
                stride,
                height,
                ptr::null_mut(),
            ) != 0
        }
    }
}

fn remotefx_context(freerdp: FreeRdp, is_encoder: bool, size: Size) -> Context {
    // SAFETY: takes numbers, and a context just made.
    let raw = unsafe {
        let raw = (freerdp.codecs.rfx_context_new)(is_encoder.into());
        (freerdp.codecs.rfx_context_reset)(raw, size.width, size.height);
        raw
    };
    Context::new(raw, freerdp.codecs.rfx_context_free)
}

/// RemoteFX, encoding: headers come with the first picture alone.
#[derive(Debug)]
pub struct RemoteFxEncoder {
    freerdp: FreeRdp,
    context: Context,
    stream: Stream,
    size: Size,
}

impl RemoteFxEncoder {
    /// An encoder of pictures of this size, with FreeRDP's own quantisation.
    pub fn new(freerdp: FreeRdp, size: Size, entropy: Entropy) -> Self {
        let context = remotefx_context(freerdp, true, size);
        // SAFETY: the fields lie where the header has them, and may be set before the first use.
        unsafe {
            (freerdp.codecs.rfx_context_set_pixel_format)(context.raw, BGRX32);
            let fields = &mut *context.raw.cast::<RfxContext>();
            fields.mode = match entropy {
                Entropy::Rlgr1 => 0,
                Entropy::Rlgr3 => 1,
            };
            assert_eq!(
                (u32::from(fields.width), u32::from(fields.height)),
                (size.width, size.height),
                "RFX_CONTEXT is laid out otherwise"
            );
        }
        Self {
            freerdp,
            context,
            stream: Stream::new(freerdp),
            size,
        }
    }

    /// Codes the parts of a picture that lie in `rects`.
    pub fn encode(&mut self, source: &Picture, rects: &[Rect]) -> Option<&[u8]> {
        assert_eq!(source.size(), self.size);
        let rects: Vec<RfxRect> = rects
            .iter()
            .map(|rect| Place::to_read(source, *rect))
            .map(|place| RfxRect {
                x: place.x as u16,
                y: place.y as u16,
                width: place.width as u16,
                height: place.height as u16,
            })
            .collect();
        self.stream.rewind();
        // SAFETY: the source has as many rows as told, and the rectangles lie in it.
        let is_written = unsafe {
            (self.freerdp.codecs.rfx_compose_message)(
                self.context.raw,
                self.stream.raw(),
                rects.as_ptr(),
                rects.len(),
                source.data().as_ptr(),
                self.size.width,
                self.size.height,
                source.stride_bytes() as u32,
            ) != 0
        };
        is_written.then(|| self.stream.written())
    }
}

/// RemoteFX Progressive: one codec context of one surface, on threads as RemoteFX is.
#[derive(Debug)]
pub struct Progressive {
    freerdp: FreeRdp,
    context: Context,
    frame: u32,
}

/// Whatever: there is one.
const SURFACE: u16 = 1;

impl Progressive {
    /// A context of a surface of this size.
    pub fn new(freerdp: FreeRdp, size: Size, is_encoder: bool) -> Self {
        // SAFETY: takes numbers, and a context just made.
        let raw = unsafe {
            let raw: *mut c_void = (freerdp.codecs.progressive_context_new)(is_encoder.into());
            let create = freerdp.codecs.progressive_create_surface_context;
            assert!(is_encoder || create(raw, SURFACE, size.width, size.height) >= 0);
            raw
        };
        Self {
            freerdp,
            context: Context::new(raw, freerdp.codecs.progressive_context_free),
            frame: 0,
        }
    }

    /// Decodes a payload onto `target`, in which the whole surface lies at `place`. Each is a frame of
    /// its own: FreeRDP gathers the tiles of a frame, and draws wrong ones where they become many.
    pub fn decode(&mut self, payload: &[u8], target: &mut Picture, place: Rect) -> bool {
        let place = Place::to_draw(target, place);
        let codecs = self.freerdp.codecs;
        let mut region = Region::blank();
        self.frame += 1;
        // SAFETY: the surface lies in the target; the region is made and freed here.
        unsafe {
            (codecs.region16_init)(&mut region);
            let status = (codecs.progressive_decompress_ex)(
                self.context.raw,
                payload.as_ptr(),
                payload.len() as u32,
                place.data,
                BGRX32,
                place.stride,
                place.x,
                place.y,
                &mut region,
                SURFACE,
                self.frame,
            );
            (codecs.region16_uninit)(&mut region);
            status >= 0
        }
    }

    /// Codes a whole picture as simple tiles. The bytes are the context's.
    pub fn encode(&mut self, source: &Picture) -> Option<&[u8]> {
        let size = source.size();
        let (mut out, mut bytes) = (ptr::null_mut(), 0);
        // SAFETY: the source has as many rows as told; the result is read before the next call.
        unsafe {
            let status = (self.freerdp.codecs.progressive_compress_ex)(
                self.context.raw,
                source.data().as_ptr(),
                source.data().len() as u32,
                BGRX32,
                size.width,
                size.height,
                source.stride_bytes() as u32,
                ptr::null(),
                &mut out,
                &mut bytes,
            );
            let is_written = status >= 0 && !out.is_null();
            is_written.then(|| std::slice::from_raw_parts(out, bytes as usize))
        }
    }
}
