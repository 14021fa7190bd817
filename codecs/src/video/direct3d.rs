//! Pictures that lie in textures of Direct3D 11.
//!
//! Unsafe, because FFmpeg's C interface alone says which textures and whose they are.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use super::device_picture::{DevicePicture, HardwarePicture, Import, ImportError};
use super::ffmpeg_hardware::DeviceReference;
use super::ffmpeg_library as ffi;
use super::ffmpeg_types::Frame;
use crate::geometry::Size;

/// A texture in an array of textures. What writes it is under way on the device.
#[derive(Clone, Copy, Debug)]
pub struct Direct3dPicture<'a> {
    /// Width and height in pixels; the texture may be larger.
    pub size: Size,
    /// The array (`ID3D11Texture2D`), lent.
    pub texture: NonNull<c_void>,
    /// Which of its textures.
    pub slice: u32,
    /// Whose texture it is.
    pub device: &'a Arc<Direct3dDevice>,
}

/// A decoder's Direct3D 11 device, which lives as long as this.
#[derive(Debug)]
pub struct Direct3dDevice {
    raw: NonNull<c_void>,
    context: NonNull<c_void>,
    lock: ContextLock,
    unlock: ContextLock,
    lock_context: *mut c_void,
    _keeps: DeviceReference,
}

type ContextLock = unsafe extern "C" fn(*mut c_void);

// SAFETY: the device is free-threaded; its context is only handed out under FFmpeg's lock, which any
// thread may take.
unsafe impl Send for Direct3dDevice {}
// SAFETY: as above.
unsafe impl Sync for Direct3dDevice {}

impl Direct3dDevice {
    /// The device (`ID3D11Device`), lent for as long as this is borrowed.
    pub fn raw(&self) -> NonNull<c_void> {
        self.raw
    }

    /// Keeps the decoder and all others from the immediate context until it is dropped.
    pub fn hold_context(&self) -> HeldContext<'_> {
        // SAFETY: the function and its argument are those of the device, which is alive.
        unsafe { (self.lock)(self.lock_context) };
        HeldContext {
            device: self,
            _not_sent: PhantomData,
        }
    }
}

/// The immediate context of a decoder's device, for this thread alone.
#[derive(Debug)]
pub struct HeldContext<'a> {
    device: &'a Direct3dDevice,
    /// Locks are given back on the thread that took them.
    _not_sent: PhantomData<*mut ()>,
}

impl HeldContext<'_> {
    /// The context (`ID3D11DeviceContext`), lent for as long as this is borrowed.
    pub fn context(&self) -> NonNull<c_void> {
        self.device.context
    }
}

impl Drop for HeldContext<'_> {
    fn drop(&mut self) {
        // SAFETY: it was locked where this was made, on this thread.
        unsafe { (self.device.unlock)(self.device.lock_context) };
    }
}

/// Hands `import` the texture that a picture lies in.
///
/// # Safety
/// The frame is one of Direct3D 11's, of these frames.
pub(super) unsafe fn lend(
    frame: &Frame,
    frames: *mut ffi::AVHWFramesContext,
    import: &mut Import<'_>,
) -> Result<DevicePicture, ImportError> {
    let nowhere = || ImportError::new("the picture is in no texture");
    // SAFETY: as the caller says. The device's own context is of the type that is named here, and
    // lives as long as the reference that is kept. In this format the first plane's address is the
    // texture, and the second one's is a number.
    let (device, texture, slice) = unsafe {
        let direct3d = (*(*frames).device_ctx)
            .hwctx
            .cast::<ffi::AVD3D11VADeviceContext>();
        let pointer = |raw: *mut c_void| NonNull::new(raw).ok_or_else(nowhere);
        let lock = |function: Option<ContextLock>| function.ok_or_else(nowhere);
        let device = Direct3dDevice {
            raw: pointer((*direct3d).device.cast())?,
            context: pointer((*direct3d).device_context.cast())?,
            lock: lock((*direct3d).lock)?,
            unlock: lock((*direct3d).unlock)?,
            lock_context: (*direct3d).lock_ctx,
            _keeps: DeviceReference::another((*frames).device_ref)?,
        };
        let raw = frame.as_ptr();
        let slice = u32::try_from((*raw).data[1].addr()).map_err(ImportError::new)?;
        (Arc::new(device), pointer((*raw).data[0].cast())?, slice)
    };
    import(&HardwarePicture::Direct3d(Direct3dPicture {
        size: frame.size(),
        texture,
        slice,
        device: &device,
    }))
}
