use std::{ffi::c_void, ptr};

use oriel_codecs::bulk::{CompressionLevel, PACKET_COMPRESSED};

use super::{Context, FreeRdp};

type Compress =
    unsafe extern "C" fn(*mut c_void, *const u8, u32, *mut *mut u8, *mut u32, *mut u32) -> i32;
type Decompress =
    unsafe extern "C" fn(*mut c_void, *const u8, u32, *mut *mut u8, *mut u32, u32) -> i32;

/// MPPC, NCRUSH or XCRUSH, one way.
#[derive(Debug)]
pub struct Bulk {
    context: Context,
    level: CompressionLevel,
    compress: Compress,
    decompress: Decompress,
    buffer: Vec<u8>,
}

impl Bulk {
    /// Messages are shorter than this: what its own bulk layer sees to.
    pub const MOST_ENCODED_BYTES: usize = 16_383;

    /// A context with an empty history.
    pub fn new(freerdp: FreeRdp, level: CompressionLevel, is_compressor: bool) -> Self {
        let codecs = freerdp.codecs;
        let compressor = i32::from(is_compressor);
        // SAFETY: they take numbers alone.
        let (context, compress, decompress) = unsafe {
            match level {
                CompressionLevel::K8 | CompressionLevel::K64 => (
                    Context::new(
                        (codecs.mppc_context_new)(level as u32, compressor),
                        codecs.mppc_context_free,
                    ),
                    codecs.mppc_compress,
                    codecs.mppc_decompress,
                ),
                CompressionLevel::Rdp6 => (
                    Context::new(
                        (codecs.ncrush_context_new)(compressor),
                        codecs.ncrush_context_free,
                    ),
                    codecs.ncrush_compress,
                    codecs.ncrush_decompress,
                ),
                CompressionLevel::Rdp61 => (
                    Context::new(
                        (codecs.xcrush_context_new)(compressor),
                        codecs.xcrush_context_free,
                    ),
                    codecs.xcrush_compress,
                    codecs.xcrush_decompress,
                ),
            }
        };
        Self {
            context,
            level,
            compress,
            decompress,
            buffer: vec![0; 64 << 10],
        }
    }

    /// Expands a message that is sent under these flags; the bytes are the context's.
    pub fn decompress<'a>(&'a mut self, flags: u8, message: &'a [u8]) -> Option<&'a [u8]> {
        let (mut out, mut bytes) = (ptr::null_mut(), 0);
        // SAFETY: the source has as many bytes as told; the result is read before the next call.
        unsafe {
            let status = (self.decompress)(
                self.context.raw,
                message.as_ptr(),
                message.len() as u32,
                &mut out,
                &mut bytes,
                flags.into(),
            );
            let is_expanded = status >= 0 && !out.is_null();
            is_expanded.then(|| std::slice::from_raw_parts(out, bytes as usize))
        }
    }

    /// Appends `message`, packed or as it is, and returns the flags that it is sent under.
    pub fn compress(&mut self, message: &[u8], out: &mut Vec<u8>) -> Option<u8> {
        assert!(message.len() <= Self::MOST_ENCODED_BYTES);
        let mut packed = self.buffer.as_mut_ptr();
        let (mut bytes, mut flags) = (self.buffer.len() as u32, 0);
        // SAFETY: it writes no more than it is told that there is.
        let status = unsafe {
            (self.compress)(
                self.context.raw,
                message.as_ptr(),
                message.len() as u32,
                &mut packed,
                &mut bytes,
                &mut flags,
            )
        };
        if status < 0 {
            return None;
        }
        if flags & u32::from(PACKET_COMPRESSED) == 0 {
            out.extend_from_slice(message);
            // Flushed: the history begins anew.
            return Some(flags as u8 | self.level as u8);
        }
        out.extend_from_slice(&self.buffer[..bytes as usize]);
        Some(flags as u8 | self.level as u8)
    }
}

#[link(name = "c")]
unsafe extern "C" {
    fn free(memory: *mut c_void);
}

/// RDP 8.0 bulk compression. FreeRDP's compressor packs nothing, it only frames.
#[derive(Debug)]
pub struct Zgfx {
    freerdp: FreeRdp,
    context: Context,
}

impl Zgfx {
    /// A context with an empty history.
    pub fn new(freerdp: FreeRdp) -> Self {
        // SAFETY: takes a number alone.
        let raw = unsafe { (freerdp.codecs.zgfx_context_new)(0) };
        Self {
            freerdp,
            context: Context::new(raw, freerdp.codecs.zgfx_context_free),
        }
    }

    /// Empties the history.
    pub fn reset(&mut self) {
        // SAFETY: takes the context alone.
        unsafe { (self.freerdp.codecs.zgfx_context_reset)(self.context.raw, 0) }
    }

    /// Expands a message; `f` gets it.
    pub fn decompress(&mut self, message: &[u8], f: impl FnOnce(&[u8])) -> bool {
        let (mut out, mut bytes) = (ptr::null_mut(), 0);
        // SAFETY: the source has as many bytes as told; the result is read while it lives, and
        // freed as the header demands.
        unsafe {
            let status = (self.freerdp.codecs.zgfx_decompress)(
                self.context.raw,
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

    /// Appends a message in frames.
    pub fn compress(&mut self, message: &[u8], out: &mut Vec<u8>) -> bool {
        let (mut framed, mut bytes, mut flags) = (ptr::null_mut(), 0, 0);
        // SAFETY: as for decompressing.
        unsafe {
            let status = (self.freerdp.codecs.zgfx_compress)(
                self.context.raw,
                message.as_ptr(),
                message.len() as u32,
                &mut framed,
                &mut bytes,
                &mut flags,
            );
            if status < 0 || framed.is_null() {
                return false;
            }
            out.extend_from_slice(std::slice::from_raw_parts(framed, bytes as usize));
            free(framed.cast());
        }
        true
    }
}
