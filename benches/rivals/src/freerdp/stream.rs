use std::ptr;

use super::{FreeRdp, functions};

/// A `wStream` that FreeRDP writes a payload to; it grows.
#[derive(Debug)]
pub(super) struct Stream {
    freerdp: FreeRdp,
    raw: *mut functions::Stream,
}

impl Stream {
    pub(super) fn new(freerdp: FreeRdp) -> Self {
        // SAFETY: without a buffer of ours it makes its own.
        let raw = unsafe { (freerdp.winpr.Stream_New)(ptr::null_mut(), 64 << 10) };
        assert!(!raw.is_null(), "libwinpr2 has no memory");
        Self { freerdp, raw }
    }

    pub(super) fn raw(&mut self) -> *mut functions::Stream {
        self.raw
    }

    /// What was written.
    pub(super) fn written(&self) -> &[u8] {
        // SAFETY: `pointer` is behind the last byte written, in the buffer that it owns.
        unsafe {
            let stream = &*self.raw;
            let bytes = stream.pointer.offset_from(stream.buffer);
            std::slice::from_raw_parts(stream.buffer, bytes as usize)
        }
    }

    /// Forgets what was written.
    pub(super) fn rewind(&mut self) {
        // SAFETY: the stream is ours alone.
        unsafe { (*self.raw).pointer = (*self.raw).buffer }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: made by `Stream_New`, freed once with its buffer.
        unsafe { (self.freerdp.winpr.Stream_Free)(self.raw, 1) }
    }
}
