//! Pictures that stay in the memory of the GPU that decoded them.
//!
//! ```text
//!  hardware's picture ─▶ Sharing ──lends it──▶ PictureImporter ─▶ DevicePicture ─▶ YuvFrame
//!                           └── it is refused, or too many are lent ─▶ copied into memory
//! ```
//!
//! What a [`DevicePicture`] is, only the one who imported it knows. The decoder's own picture is kept
//! beside it, so that it can be copied into memory at any later time.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::frame::YuvFrame;
use super::vulkan_device::{VulkanDevice, VulkanPicture};
use super::{ColorDescription, DecoderKind, VideoError};
use crate::geometry::Size;

/// A picture that whoever imported it can draw. Dropping it gives back what it holds.
pub type DevicePicture = Arc<dyn Any + Send + Sync>;

/// Pictures of one decoder that are kept outside of it, at most. Hardware has a fixed number of
/// them, and this many more are asked for.
pub(super) const MAX_LENT: usize = 6;

/// A picture as a hardware decoder holds it: whole, luma and interleaved chroma, eight bits a
/// sample. Lent for the time of a call.
#[derive(Debug)]
pub enum HardwarePicture<'a> {
    /// Two planes in buffers of the kernel's graphics drivers.
    #[cfg(target_os = "linux")]
    DmaBuf(DmaBufPicture<'a>),
    /// Two planes in the memory of a CUDA device.
    Cuda(CudaPicture<'a>),
    /// A texture of Direct3D 11.
    #[cfg(windows)]
    Direct3d(super::direct3d::Direct3dPicture<'a>),
    /// A pixel buffer of Core Video.
    #[cfg(target_os = "macos")]
    PixelBuffer(super::pixel_buffer::PixelBufferPicture<'a>),
    /// An image of a Vulkan device.
    Vulkan(VulkanPicture<'a>),
}

/// Two planes in dma-bufs, which may be one and the same. The hardware has written them.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug)]
pub struct DmaBufPicture<'a> {
    /// Width and height in pixels.
    pub size: Size,
    /// One byte a pixel.
    pub luma: DmaBufPlane<'a>,
    /// Two bytes a block of 2×2 pixels: Cb and Cr.
    pub chroma: DmaBufPlane<'a>,
}

/// Where a plane lies in a dma-buf.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug)]
pub struct DmaBufPlane<'a> {
    /// The buffer.
    pub buffer: std::os::fd::BorrowedFd<'a>,
    /// Where in the buffer.
    pub offset_bytes: u64,
    /// From a row to the next.
    pub stride_bytes: u64,
    /// How the samples are arranged (`DRM_FORMAT_MOD_*`).
    pub modifier: u64,
}

/// Two planes at addresses of a CUDA device. What writes them is under way on the device's stream.
#[derive(Clone, Copy, Debug)]
pub struct CudaPicture<'a> {
    /// Width and height in pixels.
    pub size: Size,
    /// One byte a pixel.
    pub luma: CudaPlane,
    /// Two bytes a block of 2×2 pixels: Cb and Cr.
    pub chroma: CudaPlane,
    /// Whose memory it is.
    pub device: &'a Arc<CudaDevice>,
}

/// Where a plane lies in the memory of a CUDA device.
#[derive(Clone, Copy, Debug)]
pub struct CudaPlane {
    /// Address of the first sample (`CUdeviceptr`).
    pub address: u64,
    /// From a row to the next.
    pub stride_bytes: usize,
}

/// A decoder's CUDA context, which lives as long as this.
#[derive(Debug)]
pub struct CudaDevice {
    /// The context (`CUcontext`), as a number.
    pub context: usize,
    /// The stream that the decoder works on (`CUstream`), as a number.
    pub stream: usize,
    pub(super) _keeps: super::ffmpeg_hardware::DeviceReference,
}

/// Takes hardware's pictures to where they are drawn.
pub trait PictureImporter: Send + Sync {
    /// Whether pictures of this decoder are wanted. Asked for each: the answer may change.
    fn wants(&self, kind: DecoderKind) -> bool;

    /// The device on which a decoder by Vulkan has to work to have its pictures imported.
    fn vulkan_device(&self) -> Option<Arc<VulkanDevice>> {
        None
    }

    /// Makes a picture drawable. It is called on the decoder's thread and may take as long as a
    /// picture may.
    ///
    /// # Errors
    /// Where the picture has to be copied into memory. The decoder's next ones are, too.
    fn import(&self, picture: &HardwarePicture<'_>) -> Result<DevicePicture, ImportError>;

    /// A picture of this decoder was refused, and no other one is lent by it.
    fn note_failure(&self, kind: DecoderKind, reason: &ImportError);
}

/// Why a picture stays where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ImportError(pub String);

impl ImportError {
    /// With the text that says why.
    pub fn new(reason: impl std::fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

/// A decoder's pictures and the one who imports them.
pub(super) struct Sharing {
    importer: Arc<dyn PictureImporter>,
    kind: DecoderKind,
    /// A clone lives with each picture that is lent.
    lent: Arc<()>,
    is_refused: bool,
}

impl Sharing {
    pub(super) fn new(importer: Arc<dyn PictureImporter>, kind: DecoderKind) -> Self {
        Self {
            importer,
            kind,
            lent: Arc::default(),
            is_refused: false,
        }
    }

    /// Lends a picture; `None` where it is to be copied. `lend` hands the picture to whom it is
    /// given, and `copy` copies it now or later.
    pub(super) fn share(
        &mut self,
        size: Size,
        color: ColorDescription,
        lend: impl FnOnce(&mut Import<'_>) -> Result<DevicePicture, ImportError>,
        copy: impl Fn() -> Result<YuvFrame, VideoError> + Send + Sync + 'static,
    ) -> Option<YuvFrame> {
        let is_wanted = !self.is_refused && self.importer.wants(self.kind);
        // The first is the counter's own.
        if !is_wanted || Arc::strong_count(&self.lent) > MAX_LENT {
            return None;
        }
        let importer = &self.importer;
        // Whatever an importer broke, the decoder is whole, and the importer is not called again.
        let imported = catch_unwind(AssertUnwindSafe(|| {
            lend(&mut |picture| importer.import(picture))
        }))
        .unwrap_or_else(|_| Err(ImportError::new("the import broke down")));
        match imported {
            Ok(picture) => {
                let lent = self.lent.clone();
                let copy = move || {
                    let _counted = &lent;
                    copy()
                };
                Some(YuvFrame::on_device(size, color, picture, copy))
            }
            Err(reason) => {
                tracing::warn!(decoder = self.kind.name(), %reason, "pictures are copied through memory");
                self.importer.note_failure(self.kind, &reason);
                self.is_refused = true;
                None
            }
        }
    }
}

/// What a picture is handed to.
pub(super) type Import<'a> =
    dyn FnMut(&HardwarePicture<'_>) -> Result<DevicePicture, ImportError> + 'a;

#[cfg(test)]
#[path = "device_picture_tests.rs"]
mod tests;
