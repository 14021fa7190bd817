//! VideoToolbox's pictures as textures of Metal.
//!
//! ```text
//!  decoder's CVPixelBuffer ─▶ its IOSurface ──plane 0, plane 1──▶ textures of Metal ─▶ wgpu
//! ```
//!
//! Nothing is copied: the textures are views of the memory that the decoder has written, which is
//! done when it hands a picture out. The decoder writes there again once nobody keeps the buffer, and
//! the textures do.
//!
//! Unsafe, because Metal and Core Video are called by their C interfaces.

use std::{ffi::c_void, ptr::NonNull};

use objc2::{
    rc::{Retained, autoreleasepool},
    runtime::ProtocolObject,
};
use objc2_core_foundation::{CFRetained, CFType};
use objc2_io_surface::IOSurfaceRef;
use objc2_metal::{
    MTLDevice as _, MTLPixelFormat, MTLTexture, MTLTextureDescriptor, MTLTextureType,
    MTLTextureUsage,
};
use oriel_codecs::{
    geometry::Size,
    video::{
        DecoderKind, DevicePicture, HardwarePicture, ImportError, PictureImporter,
        PixelBufferPicture,
    },
    yuv::chroma_size,
};
use wgpu::hal::{CopyExtent, api::Metal};

use super::{ImportedPicture, ImportedPlanes, read_only};
use crate::compositor::gpu::{
    device::GpuDevice,
    passes::{CHROMA_FORMAT, PLANE_FORMAT},
};

/// `kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange` and `…FullRange`: two planes, one behind the
/// other, neither tiled nor compressed.
const TWO_PLANES: [u32; 2] = [u32::from_be_bytes(*b"420v"), u32::from_be_bytes(*b"420f")];

#[link(name = "CoreVideo", kind = "framework")]
unsafe extern "C" {
    /// The surface that a buffer's samples lie in, owned by the buffer; null where there is none.
    fn CVPixelBufferGetIOSurface(buffer: *mut c_void) -> *mut IOSurfaceRef;
}

/// Imports pictures into one device.
#[derive(Debug)]
pub(crate) struct GpuImporter {
    device: wgpu::Device,
    serial: u64,
}

impl GpuImporter {
    /// An importer for the device, where it is Metal's.
    pub(crate) fn new(gpu: &GpuDevice) -> Option<Self> {
        // SAFETY: the device is only asked for.
        let is_metal = unsafe { gpu.device.as_hal::<Metal>() }.is_some();
        is_metal.then(|| Self {
            device: gpu.device.clone(),
            serial: gpu.serial,
        })
    }

    fn wrap(&self, picture: &PixelBufferPicture<'_>) -> Result<DevicePicture, ImportError> {
        let buffer = picture.buffer();
        // SAFETY: the decoder lends a buffer of this type for the time of this call; its surface is
        // its own, and is kept by what it is made into.
        let surface = unsafe { CVPixelBufferGetIOSurface(buffer.as_ptr()).as_ref() };
        let surface = surface.ok_or_else(|| ImportError::new("the picture is in no surface"))?;
        let sizes = [0, 1].map(|plane| {
            let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
            Size::new(
                side(surface.width_of_plane(plane)),
                side(surface.height_of_plane(plane)),
            )
        });
        check(
            picture.size,
            surface.pixel_format(),
            surface.plane_count(),
            sizes,
        )?;
        let plane = |index: usize, format| {
            let kept = Kept::new(buffer);
            plane(&self.device, surface, index, sizes[index], format, kept)
        };
        Ok(std::sync::Arc::new(ImportedPicture {
            size: picture.size,
            planes: ImportedPlanes::Textures {
                luma: plane(0, PLANE_FORMAT)?,
                chroma: plane(1, CHROMA_FORMAT)?,
            },
            device: self.serial,
            _lease: None,
        }))
    }
}

impl PictureImporter for GpuImporter {
    fn wants(&self, kind: DecoderKind) -> bool {
        kind == DecoderKind::VideoToolbox
    }

    fn import(&self, picture: &HardwarePicture<'_>) -> Result<DevicePicture, ImportError> {
        match picture {
            // The decoder's thread has no pool: what Metal leaves to one would stay until it ends.
            HardwarePicture::PixelBuffer(picture) => autoreleasepool(|_| self.wrap(picture)),
            _ => Err(ImportError::new("the picture is not VideoToolbox's")),
        }
    }

    /// Whoever offers this importer to decoders takes note.
    fn note_failure(&self, _: DecoderKind, _: &ImportError) {}
}

/// Whether a surface's two planes are a picture of 4:2:0 of at least this size.
fn check(picture: Size, format: u32, planes: usize, sizes: [Size; 2]) -> Result<(), ImportError> {
    if !TWO_PLANES.contains(&format) || planes != 2 {
        let [a, b, c, d] = format.to_be_bytes().map(|byte| byte.escape_ascii());
        return Err(ImportError(format!(
            "a surface of {planes} planes in the format {a}{b}{c}{d}"
        )));
    }
    let half = chroma_size(picture);
    let holds = |plane: Size, part: Size| plane.width >= part.width && plane.height >= part.height;
    match holds(sizes[0], picture) && holds(sizes[1], half) {
        true => Ok(()),
        false => Err(ImportError::new(
            "a surface that is smaller than the picture",
        )),
    }
}

/// A texture of a plane.
fn plane(
    device: &wgpu::Device,
    surface: &IOSurfaceRef,
    index: usize,
    size: Size,
    format: wgpu::TextureFormat,
    kept: Kept,
) -> Result<wgpu::Texture, ImportError> {
    let description = read_only(size, format);
    let pixel_format = match format {
        PLANE_FORMAT => MTLPixelFormat::R8Unorm,
        _ => MTLPixelFormat::RG8Unorm,
    };
    // SAFETY: the device is alive as long as its guard, and the description is of a texture of two
    // dimensions that has the size and the samples of the surface's plane.
    let texture: Option<Retained<ProtocolObject<dyn MTLTexture>>> = unsafe {
        let metal = device
            .as_hal::<Metal>()
            .ok_or_else(|| ImportError::new("the device is not Metal's"))?;
        let wanted =
            MTLTextureDescriptor::texture2DDescriptorWithPixelFormat_width_height_mipmapped(
                pixel_format,
                size.width as usize,
                size.height as usize,
                false,
            );
        wanted.setUsage(MTLTextureUsage::ShaderRead);
        metal
            .raw_device()
            .newTextureWithDescriptor_iosurface_plane(&wanted, surface, index)
    };
    let texture = texture.ok_or_else(|| ImportError::new("Metal makes no texture of the plane"))?;
    // SAFETY: the texture is of this device and as it is described. It was written before it got
    // here, and is only ever copied from. What it keeps is let go of when wgpu drops it, which is
    // when the GPU has read it.
    unsafe {
        let texture = wgpu::hal::metal::Device::texture_from_raw(
            texture,
            format,
            MTLTextureType::Type2D,
            1,
            1,
            CopyExtent {
                width: size.width,
                height: size.height,
                depth: 1,
            },
            Some(Box::new(move || drop(kept))),
        );
        Ok(device.create_texture_from_hal::<Metal>(
            texture,
            &description,
            wgpu::wgt::TextureUses::COPY_SRC,
        ))
    }
}

/// Keeps the decoder from writing to a buffer again.
struct Kept {
    _buffer: CFRetained<CFType>,
}

// SAFETY: the reference is only kept and dropped, and Core Foundation counts references atomically.
unsafe impl Send for Kept {}
// SAFETY: as above: nothing can be done with a borrowed one.
unsafe impl Sync for Kept {}

impl Kept {
    fn new(buffer: NonNull<c_void>) -> Self {
        // SAFETY: the decoder lends a buffer that is alive, and buffers are objects of Core
        // Foundation.
        let buffer = unsafe { CFRetained::retain(buffer.cast::<CFType>()) };
        Self { _buffer: buffer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO_RANGE: u32 = u32::from_be_bytes(*b"420v");

    #[test]
    fn a_surface_holds_the_picture_in_two_plain_planes() {
        let picture = Size::new(1365, 767);
        let planes = [Size::new(1376, 768), Size::new(688, 384)];
        assert_eq!(check(picture, VIDEO_RANGE, 2, planes), Ok(()));
        for sizes in [
            [Size::new(1364, 768), planes[1]],
            [planes[0], Size::new(688, 383)],
        ] {
            assert!(check(picture, VIDEO_RANGE, 2, sizes).is_err());
        }
        assert!(check(picture, VIDEO_RANGE, 3, planes).is_err());
        let compressed = check(picture, u32::from_be_bytes(*b"&8v0"), 2, planes).unwrap_err();
        assert!(compressed.0.contains("&8v0"), "{compressed}");
    }
}
