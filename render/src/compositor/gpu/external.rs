//! Pictures that stay where a decoder put them: in the memory of a GPU.
//!
//! ```text
//!  decoder's thread                                 render thread
//!  HardwarePicture ─▶ GpuImporter ─▶ ImportedPicture ─▶ planes of the surface ─▶ as if uploaded
//!    dma-bufs          two textures                      (acquire, copy what counts, release)
//!    CUDA              a buffer that CUDA writes to
//!    Direct3D 11       a texture of Direct3D 12's that Direct3D 11 writes to
//!    Vulkan            a texture of two planes
//!    pixel buffer      two textures of Metal's over its planes
//! ```
//!
//! What counts of a picture is copied within the GPU to the planes that a surface keeps. So the
//! passes that draw are the ones for uploaded planes, and the decoder, which has few pictures to
//! spare, gets each one back as soon as the GPU has read it.
//!
//! Linux, macOS and Windows have importers; elsewhere pictures come through memory.

#![cfg_attr(
    not(any(target_os = "linux", target_os = "macos", windows)),
    allow(dead_code, reason = "nothing is imported there")
)]

#[cfg(target_os = "linux")]
mod cuda;
#[cfg(windows)]
mod direct3d;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod importer;
#[cfg(target_os = "macos")]
mod pixel_buffer;
#[cfg(any(target_os = "linux", windows))]
mod pool;
#[cfg(all(test, target_os = "linux"))]
mod tests;
#[cfg(target_os = "linux")]
mod vulkan_memory;
#[cfg(target_os = "linux")]
pub(super) mod vulkan_video;

use std::any::Any;

use oriel_codecs::{
    geometry::{Rect, Size},
    video::YuvFrame,
};

use super::device::{GpuDevice, Texture, extent};

#[cfg(windows)]
pub(crate) use direct3d::GpuImporter;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
pub(crate) use elsewhere::GpuImporter;
#[cfg(target_os = "linux")]
pub(crate) use importer::GpuImporter;
#[cfg(target_os = "macos")]
pub(crate) use pixel_buffer::GpuImporter;

/// A decoder's picture as the device reads it. What it holds of the decoder's is given back when it
/// is dropped.
#[derive(Debug)]
pub(crate) struct ImportedPicture {
    size: Size,
    planes: ImportedPlanes,
    /// The serial of the device that reads it.
    device: u64,
    /// What must live as long, and is told by its end that the planes may be written again.
    _lease: Option<Box<dyn Any + Send + Sync>>,
}

/// Luma, and Cb and Cr in turn. All of it belongs to others while it is not read.
#[derive(Clone, Debug)]
pub(crate) enum ImportedPlanes {
    /// Two formats of textures, which are only ever copied from.
    Textures {
        luma: wgpu::Texture,
        chroma: wgpu::Texture,
    },
    /// Rows in a buffer.
    #[cfg(target_os = "linux")]
    Buffer {
        buffer: wgpu::Buffer,
        layout: PlaneLayout,
    },
    /// A texture of both, which a decoder on the same device writes.
    #[cfg(target_os = "linux")]
    Image {
        texture: wgpu::Texture,
        image: std::sync::Arc<dyn oriel_codecs::video::VulkanImage>,
    },
}

/// How two planes lie in a buffer.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaneLayout {
    pub(crate) size: Size,
    /// From a row to the next, in both planes.
    pub(crate) stride_bytes: u32,
    pub(crate) chroma_at: u64,
    pub(crate) bytes: u64,
}

#[cfg(target_os = "linux")]
impl PlaneLayout {
    pub(crate) fn of(size: Size) -> Self {
        let pairs = u64::from(size.width.div_ceil(2)) * 2;
        let alignment = wgpu::COPY_BYTES_PER_ROW_ALIGNMENT;
        let stride_bytes = (pairs as u32).next_multiple_of(alignment);
        let rows = |height: u32| u64::from(stride_bytes) * u64::from(height);
        Self {
            size,
            stride_bytes,
            chroma_at: rows(size.height),
            bytes: rows(size.height) + rows(size.height.div_ceil(2)),
        }
    }
}

/// A decoder's picture or plane, which is only ever copied from.
fn read_only(size: Size, format: wgpu::TextureFormat) -> wgpu::TextureDescriptor<'static> {
    wgpu::TextureDescriptor {
        label: Some("decoder's picture"),
        size: extent(size),
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    }
}

/// Which of the two planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaneKind {
    Luma,
    Chroma,
}

impl ImportedPicture {
    /// The picture in a frame, where this device can read it.
    pub(crate) fn of<'a>(frame: &'a YuvFrame, gpu: &GpuDevice) -> Option<&'a Self> {
        frame
            .device_picture()?
            .downcast_ref::<Self>()
            .filter(|picture| picture.device == gpu.serial && picture.size == frame.size())
    }

    /// True where a decoder waits for the very submission that reads the picture. Such a one shares
    /// none with another of its kind: decoders, which hold several at a time, could wait for the one
    /// while this side waits for the other.
    pub(crate) fn is_submitted_alone(&self) -> bool {
        #[cfg(target_os = "linux")]
        return matches!(self.planes, ImportedPlanes::Image { .. });
        #[cfg(not(target_os = "linux"))]
        return false;
    }

    /// Records the copy of a rectangle of a plane, in the plane's own samples, to where it lies.
    pub(crate) fn copy(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        kind: PlaneKind,
        rect: &Rect,
        to: &Texture,
    ) {
        let target = to.at(rect.left, rect.top);
        match &self.planes {
            ImportedPlanes::Textures { luma, chroma } => {
                let texture = match kind {
                    PlaneKind::Luma => luma,
                    PlaneKind::Chroma => chroma,
                };
                let source = wgpu::TexelCopyTextureInfo { texture, ..target };
                encoder.copy_texture_to_texture(source, target, extent(rect.size()));
            }
            #[cfg(target_os = "linux")]
            ImportedPlanes::Image { texture, .. } => {
                let aspect = match kind {
                    PlaneKind::Luma => wgpu::TextureAspect::Plane0,
                    PlaneKind::Chroma => wgpu::TextureAspect::Plane1,
                };
                let source = wgpu::TexelCopyTextureInfo {
                    texture,
                    aspect,
                    ..target
                };
                encoder.copy_texture_to_texture(source, target, extent(rect.size()));
            }
            #[cfg(target_os = "linux")]
            ImportedPlanes::Buffer { buffer, layout } => {
                let (start, bytes_per_pixel) = match kind {
                    PlaneKind::Luma => (0, 1),
                    PlaneKind::Chroma => (layout.chroma_at, 2),
                };
                let row = u64::from(layout.stride_bytes) * rect.top as u64;
                let source = wgpu::TexelCopyBufferInfo {
                    buffer,
                    layout: wgpu::TexelCopyBufferLayout {
                        offset: start + row + rect.left as u64 * bytes_per_pixel,
                        bytes_per_row: Some(layout.stride_bytes),
                        rows_per_image: None,
                    },
                };
                encoder.copy_buffer_to_texture(source, target, extent(rect.size()));
            }
        }
    }
}

/// Submits commands that read these frames.
#[cfg(target_os = "linux")]
pub(crate) fn submit(gpu: &GpuDevice, frames: &[YuvFrame], commands: wgpu::CommandBuffer) {
    let commands = match ownership(gpu, frames) {
        Some([take, give_back]) => vec![take, commands, give_back],
        None => vec![commands],
    };
    let mut pictures = frames
        .iter()
        .filter_map(|frame| ImportedPicture::of(frame, gpu));
    let image = pictures.find_map(|picture| match &picture.planes {
        ImportedPlanes::Image { image, .. } => Some(image),
        _ => None,
    });
    match image {
        Some(image) => vulkan_video::submit(gpu, image.as_ref(), commands),
        None => {
            let _held = gpu.hold_queue();
            gpu.queue.submit(commands);
        }
    }
}

/// Submits commands. What they read has no owner here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn submit(gpu: &GpuDevice, _: &[YuvFrame], commands: wgpu::CommandBuffer) {
    gpu.queue.submit([commands]);
}

/// Commands that take the frames' planes over from whoever wrote them, and those that give them
/// back: to be submitted before and after what reads them.
#[cfg(target_os = "linux")]
fn ownership(gpu: &GpuDevice, frames: &[YuvFrame]) -> Option<[wgpu::CommandBuffer; 2]> {
    let planes = || {
        frames
            .iter()
            .filter_map(|frame| ImportedPicture::of(frame, gpu).map(|picture| &picture.planes))
            .filter(|planes| !matches!(planes, ImportedPlanes::Image { .. }))
    };
    vulkan_memory::ownership(&gpu.device, &planes)
}
