//! FreeRDP's codecs: Debian's `libfreerdp2`, called as its headers say.

use std::{ffi::c_void, ptr};

use oriel_codecs::Size;

/// `PIXEL_FORMAT_BGRX32`: 32 bits, type `BGRA`, no alpha, three times eight bits.
const BGRX32: u32 = 32 << 24 | 4 << 16 | 8 << 8 | 8 << 4 | 8;

#[link(name = "libfreerdp2.so.2", kind = "dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn freerdp_bitmap_planar_context_new(flags: u32, width: u32, height: u32) -> *mut c_void;
    fn freerdp_bitmap_planar_context_free(context: *mut c_void);
    fn planar_decompress(
        context: *mut c_void,
        source: *const u8,
        source_bytes: u32,
        source_width: u32,
        source_height: u32,
        target: *mut u8,
        format: u32,
        step_bytes: u32,
        x: u32,
        y: u32,
        width: u32,
        height: u32,
        flip: i32,
    ) -> i32;
    fn bitmap_interleaved_context_new(is_compressor: i32) -> *mut c_void;
    fn bitmap_interleaved_context_free(context: *mut c_void);
    fn interleaved_decompress(
        context: *mut c_void,
        source: *const u8,
        source_bytes: u32,
        source_width: u32,
        source_height: u32,
        bits_per_pixel: u32,
        target: *mut u8,
        format: u32,
        step_bytes: u32,
        x: u32,
        y: u32,
        width: u32,
        height: u32,
        palette: *const c_void,
    ) -> i32;
    fn zgfx_context_new(is_compressor: i32) -> *mut c_void;
    fn zgfx_context_free(context: *mut c_void);
    fn zgfx_context_reset(context: *mut c_void, flush: i32);
    fn zgfx_decompress(
        context: *mut c_void,
        source: *const u8,
        source_bytes: u32,
        target: *mut *mut u8,
        target_bytes: *mut u32,
        flags: u32,
    ) -> i32;
    fn rfx_context_new(is_encoder: i32) -> *mut c_void;
    fn rfx_context_free(context: *mut c_void);
    fn rfx_context_reset(context: *mut c_void, width: u32, height: u32) -> i32;
    fn rfx_process_message(
        context: *mut c_void,
        data: *const u8,
        bytes: u32,
        left: u32,
        top: u32,
        target: *mut u8,
        format: u32,
        step_bytes: u32,
        height: u32,
        invalid: *mut c_void,
    ) -> i32;
}

#[link(name = "c")]
unsafe extern "C" {
    fn free(memory: *mut c_void);
}

#[link(name = "libwinpr2.so.2", kind = "dylib", modifiers = "+verbatim")]
unsafe extern "C" {}

/// A context of one of the codecs, and what frees it.
#[derive(Debug)]
struct Context {
    raw: *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
}

impl Context {
    fn new(raw: *mut c_void, free: unsafe extern "C" fn(*mut c_void)) -> Self {
        assert!(!raw.is_null(), "libfreerdp2 has no memory");
        Self { raw, free }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by the function that `free` belongs to, and freed once.
        unsafe { (self.free)(self.raw) }
    }
}

fn check_target(size: Size, bgra: &[u8]) {
    assert_eq!(bgra.len() as u64, size.area() * 4, "four bytes a pixel");
}

/// The planar codec.
#[derive(Debug)]
pub struct Planar(Context, Size);

impl Planar {
    /// A decoder of pictures of this size.
    pub fn new(size: Size) -> Self {
        // SAFETY: takes numbers alone.
        let raw = unsafe { freerdp_bitmap_planar_context_new(0, size.width, size.height) };
        Self(Context::new(raw, freerdp_bitmap_planar_context_free), size)
    }

    /// Whether the payload could be decoded; top row first.
    pub fn decode(&mut self, payload: &[u8], bgra: &mut [u8]) -> bool {
        let size = self.1;
        check_target(size, bgra);
        let (w, h) = (size.width, size.height);
        // SAFETY: the target holds `h` rows of `w * 4` bytes, the source as many bytes as told.
        unsafe {
            planar_decompress(
                self.0.raw,
                payload.as_ptr(),
                payload.len() as u32,
                w,
                h,
                bgra.as_mut_ptr(),
                BGRX32,
                w * 4,
                0,
                0,
                w,
                h,
                0,
            ) != 0
        }
    }
}

/// Interleaved RLE.
#[derive(Debug)]
pub struct Interleaved(Context, Size);

impl Interleaved {
    /// A decoder of pictures of this size.
    pub fn new(size: Size) -> Self {
        // SAFETY: takes a number alone.
        let raw = unsafe { bitmap_interleaved_context_new(0) };
        Self(Context::new(raw, bitmap_interleaved_context_free), size)
    }

    /// Whether the payload could be decoded; 15, 16 or 24 bits a pixel.
    pub fn decode(&mut self, payload: &[u8], bits_per_pixel: u32, bgra: &mut [u8]) -> bool {
        assert_ne!(bits_per_pixel, 8, "it would need a palette");
        let size = self.1;
        check_target(size, bgra);
        let (w, h) = (size.width, size.height);
        // SAFETY: as for planar; the palette is looked at for 8 bits a pixel alone.
        unsafe {
            interleaved_decompress(
                self.0.raw,
                payload.as_ptr(),
                payload.len() as u32,
                w,
                h,
                bits_per_pixel,
                bgra.as_mut_ptr(),
                BGRX32,
                w * 4,
                0,
                0,
                w,
                h,
                ptr::null(),
            ) != 0
        }
    }
}

/// RDP 8.0 bulk compression.
#[derive(Debug)]
pub struct Zgfx(Context);

impl Default for Zgfx {
    fn default() -> Self {
        // SAFETY: takes a number alone.
        let raw = unsafe { zgfx_context_new(0) };
        Self(Context::new(raw, zgfx_context_free))
    }
}

impl Zgfx {
    /// Decompresses a message with an empty history; `f` gets it.
    pub fn decompress(&mut self, message: &[u8], f: impl FnOnce(&[u8])) -> bool {
        let (mut out, mut bytes) = (ptr::null_mut(), 0);
        // SAFETY: the source has as many bytes as told; the result is read while it lives, and
        // freed as the header demands.
        unsafe {
            zgfx_context_reset(self.0.raw, 0);
            let status = zgfx_decompress(
                self.0.raw,
                message.as_ptr(),
                message.len() as u32,
                &mut out,
                &mut bytes,
                0,
            );
            if status < 0 || out.is_null() {
                return false;
            }
            f(std::slice::from_raw_parts(out, bytes as usize));
            free(out.cast());
        }
        true
    }
}

/// RemoteFX.
#[derive(Debug)]
pub struct RemoteFx(Context, Size);

impl RemoteFx {
    /// A decoder of pictures of this size. It decodes tiles on threads of its own.
    pub fn new(size: Size) -> Self {
        // SAFETY: takes numbers, and a context just made.
        let raw = unsafe {
            let raw = rfx_context_new(0);
            rfx_context_reset(raw, size.width, size.height);
            raw
        };
        Self(Context::new(raw, rfx_context_free), size)
    }

    /// Whether the payload could be decoded.
    pub fn decode(&mut self, payload: &[u8], bgra: &mut [u8]) -> bool {
        let size = self.1;
        check_target(size, bgra);
        // SAFETY: the target holds as many rows as told; no region is asked for.
        unsafe {
            rfx_process_message(
                self.0.raw,
                payload.as_ptr(),
                payload.len() as u32,
                0,
                0,
                bgra.as_mut_ptr(),
                BGRX32,
                size.width * 4,
                size.height,
                ptr::null_mut(),
            ) != 0
        }
    }
}
