//! Pictures that FFmpeg puts into images of a Vulkan device where no driver decodes: all that
//! happens to a decoder's picture after it was decoded happens to them. For tests.

use std::sync::Arc;

use super::frame::YuvFrame;
use super::{DecoderKind, PictureImporter, VideoError};
use crate::geometry::Size;

/// Uploads pictures of one size, and lends them to an importer on its own device.
#[cfg(ffmpeg_vulkan)]
pub struct VulkanUploads {
    frames: super::ffmpeg_hardware::DeviceReference,
    sharing: super::device_picture::Sharing,
    /// What was uploaded: FFmpeg reads it when it comes to it.
    uploaded: Vec<super::ffmpeg_types::Frame>,
}

/// There are none: this FFmpeg takes no device of others.
#[cfg(not(ffmpeg_vulkan))]
pub struct VulkanUploads(());

#[cfg(not(ffmpeg_vulkan))]
impl VulkanUploads {
    /// This FFmpeg takes no device of others.
    ///
    /// # Errors
    /// Always.
    pub fn new(_: Arc<dyn PictureImporter>, _: Size) -> Result<Self, VideoError> {
        Err(VideoError::Unavailable {
            backend: DecoderKind::VulkanVideo.name(),
            reason: "this FFmpeg takes no device of others".to_owned(),
        })
    }

    /// Nothing is uploaded here.
    ///
    /// # Errors
    /// Always.
    pub fn upload(&mut self, _: &YuvFrame) -> Result<YuvFrame, VideoError> {
        Err(VideoError::NoPicture)
    }
}

#[cfg(ffmpeg_vulkan)]
mod uploading {
    use super::*;
    use crate::video::{
        device_picture::Sharing,
        ffmpeg_hardware::{self, DeviceReference},
        ffmpeg_library as ffi,
        ffmpeg_types::{FfmpegError, Frame},
        vulkan_device::shared,
    };

    impl VulkanUploads {
        /// Opens FFmpeg on the importer's device.
        ///
        /// # Errors
        /// Where there is none, or FFmpeg does not take it.
        pub fn new(importer: Arc<dyn PictureImporter>, size: Size) -> Result<Self, VideoError> {
            let device = importer.vulkan_device().ok_or(VideoError::NoPicture)?;
            let device = shared::device(&device).map_err(unavailable)?;
            let device = DeviceReference::of(device);
            // SAFETY: the device is FFmpeg's own, and so are the frames, which are described before
            // they are used.
            let frames = unsafe {
                let frames = DeviceReference::of(ffi::av_hwframe_ctx_alloc(device.raw()));
                if frames.raw().is_null() {
                    return Err(VideoError::NoPicture);
                }
                let context = (*frames.raw()).data.cast::<ffi::AVHWFramesContext>();
                (*context).format = ffi::AVPixelFormat::AV_PIX_FMT_VULKAN;
                (*context).sw_format = ffi::AVPixelFormat::AV_PIX_FMT_NV12;
                (*context).width = size.width as i32;
                (*context).height = size.height as i32;
                succeed(ffi::av_hwframe_ctx_init(frames.raw()))?;
                frames
            };
            Ok(Self {
                frames,
                sharing: Sharing::new(importer, DecoderKind::VulkanVideo),
                uploaded: Vec::new(),
            })
        }

        /// The same picture where a decoder would have put it.
        ///
        /// # Errors
        /// Where FFmpeg or the importer says so.
        pub fn upload(&mut self, picture: &YuvFrame) -> Result<YuvFrame, VideoError> {
            let size = picture.size();
            let picture = picture.to_semi_planar();
            let chroma = picture.interleaved_chroma().ok_or(VideoError::NoPicture)?;
            let mut memory = Frame::with_buffer(ffi::AVPixelFormat::AV_PIX_FMT_NV12, size)
                .map_err(|_| VideoError::NoPicture)?;
            for (index, plane) in [picture.luma(), chroma].into_iter().enumerate() {
                for y in 0..plane.size().height {
                    let row = plane.row(y).unwrap_or_default();
                    memory.write_row(index, plane.size(), y, row);
                }
            }
            let mut image = Frame::new().map_err(unavailable)?;
            // SAFETY: the frames are initialised, and both pictures are valid and different ones.
            unsafe {
                let image = image.as_mut_ptr();
                succeed(ffi::av_hwframe_get_buffer(self.frames.raw(), image, 0))?;
                succeed(ffi::av_hwframe_transfer_data(image, memory.as_ptr(), 0))?;
            }
            self.uploaded.push(memory);
            let kept = image.another().map_err(unavailable)?;
            let shared = self.sharing.share(
                size,
                picture.color(),
                |import| ffmpeg_hardware::lend(&image, DecoderKind::VulkanVideo, import),
                move || {
                    let copy = ffmpeg_hardware::transfer(&kept).map_err(unavailable)?;
                    YuvFrame::from_ffmpeg(copy)
                },
            );
            shared.ok_or(VideoError::NoPicture)
        }
    }

    fn succeed(code: i32) -> Result<(), VideoError> {
        FfmpegError::check(code).map_err(unavailable)
    }

    fn unavailable(error: FfmpegError) -> VideoError {
        VideoError::Unavailable {
            backend: DecoderKind::VulkanVideo.name(),
            reason: error.to_string(),
        }
    }
}
