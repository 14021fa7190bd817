//! Pictures that lie in pixel buffers of Core Video, where VideoToolbox puts them.
//!
//! Unsafe, because FFmpeg's C interface alone says where they are.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::device_picture::{DevicePicture, HardwarePicture, Import, ImportError};
use super::ffmpeg_types::Frame;
use crate::geometry::Size;

/// A pixel buffer. VideoToolbox has written it.
#[derive(Clone, Copy, Debug)]
pub struct PixelBufferPicture<'a> {
    /// Width and height in pixels; the buffer's planes may be larger.
    pub size: Size,
    buffer: NonNull<c_void>,
    _lent: PhantomData<&'a Frame>,
}

impl PixelBufferPicture<'_> {
    /// The buffer (`CVPixelBufferRef`), alive as long as this.
    pub fn buffer(&self) -> NonNull<c_void> {
        self.buffer
    }
}

/// Hands `import` the buffer that a picture lies in.
///
/// # Safety
/// The frame is one of VideoToolbox's.
pub(super) unsafe fn lend(
    frame: &Frame,
    import: &mut Import<'_>,
) -> Result<DevicePicture, ImportError> {
    // SAFETY: the pointer is to the frame that is borrowed here. In this format the fourth plane's
    // address is that of the buffer, which lives as long as the frame.
    let buffer = unsafe { (*frame.as_ptr()).data[3] };
    let buffer = NonNull::new(buffer.cast())
        .ok_or_else(|| ImportError::new("the picture is in no buffer"))?;
    import(&HardwarePicture::PixelBuffer(PixelBufferPicture {
        size: frame.size(),
        buffer,
        _lent: PhantomData,
    }))
}
