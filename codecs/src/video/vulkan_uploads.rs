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
    uploaded: Vec<ffmpeg_next::frame::Video>,
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
    use ffmpeg_next as ffmpeg;
    use ffmpeg_next::ffi;

    use super::*;
    use crate::video::{
        device_picture::Sharing,
        ffmpeg_hardware::{self, DeviceReference},
        vulkan_device::shared,
    };
    use crate::yuv::Plane;

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
            let mut memory =
                ffmpeg::frame::Video::new(ffmpeg::format::Pixel::NV12, size.width, size.height);
            for (index, plane) in [picture.luma(), chroma].into_iter().enumerate() {
                let stride = memory.stride(index);
                copy_rows(&plane, memory.data_mut(index), stride);
            }
            let mut image = ffmpeg::frame::Video::empty();
            // SAFETY: the frames are initialised, and both pictures are valid and different ones.
            unsafe {
                let image = image.as_mut_ptr();
                succeed(ffi::av_hwframe_get_buffer(self.frames.raw(), image, 0))?;
                succeed(ffi::av_hwframe_transfer_data(image, memory.as_ptr(), 0))?;
            }
            self.uploaded.push(memory);
            let kept = ffmpeg_hardware::another(&image).map_err(unavailable)?;
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

    fn copy_rows(plane: &Plane<'_>, to: &mut [u8], stride: usize) {
        for (y, to) in (0..).zip(to.chunks_mut(stride)) {
            if let Some(row) = plane.row(y) {
                to[..row.len()].copy_from_slice(row);
            }
        }
    }

    fn succeed(code: i32) -> Result<(), VideoError> {
        match code {
            0.. => Ok(()),
            code => Err(unavailable(code.into())),
        }
    }

    fn unavailable(error: ffmpeg::Error) -> VideoError {
        VideoError::Unavailable {
            backend: DecoderKind::VulkanVideo.name(),
            reason: error.to_string(),
        }
    }
}
