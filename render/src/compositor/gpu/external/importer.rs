//! From a decoder's picture to one that the device reads.

use std::{fs, os::unix::fs::MetadataExt, sync::Arc};

use oriel_codecs::{
    geometry::Size,
    video::{
        CudaPicture, DecoderKind, DevicePicture, DmaBufPicture, DmaBufPlane, HardwarePicture,
        ImportError, PictureImporter, VulkanDevice, VulkanPicture,
    },
    yuv::chroma_size,
};
use parking_lot::Mutex;

use super::{
    ImportedPicture, ImportedPlanes,
    cuda::{self, SharedPlanes},
    pool::Pool,
    vulkan_memory, vulkan_video,
};
use crate::compositor::{
    gpu::{
        device::GpuDevice,
        passes::{CHROMA_FORMAT, PLANE_FORMAT},
    },
    memory::MemoryLedger,
};

/// Surfaces whose textures are kept: more than a few decoders have.
const MAX_KEPT_SURFACES: usize = 64;

/// Imports pictures into one device.
#[derive(Debug)]
pub(crate) struct GpuImporter {
    device: wgpu::Device,
    serial: u64,
    memory: Arc<MemoryLedger>,
    /// Where decoders by Vulkan work.
    shared: Option<Arc<VulkanDevice>>,
    /// Textures over dma-bufs that came before, the latest used last.
    surfaces: Mutex<Vec<(SurfaceKey, ImportedPlanes)>>,
    buffers: Arc<Pool<SharedPlanes>>,
}

/// Tells surfaces apart. A dma-buf's number in its file system is its own as long as it lives, and
/// it lives as long as what is imported from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SurfaceKey {
    size: Size,
    planes: [PlaneKey; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PlaneKey {
    device: u64,
    number: u64,
    offset_bytes: u64,
    stride_bytes: u64,
    modifier: u64,
}

impl GpuImporter {
    /// An importer for the device, where its driver shares memory at all.
    pub(crate) fn new(gpu: &GpuDevice) -> Option<Self> {
        let importer = Self {
            device: gpu.device.clone(),
            serial: gpu.serial,
            memory: gpu.memory.clone(),
            shared: gpu.shared.clone(),
            surfaces: Mutex::default(),
            buffers: Arc::default(),
        };
        let mut kinds = DecoderKind::ALL.into_iter();
        kinds.any(|kind| importer.wants(kind)).then_some(importer)
    }

    fn import_dma_bufs(&self, picture: &DmaBufPicture<'_>) -> Result<DevicePicture, ImportError> {
        let key = surface_key(picture);
        let mut surfaces = self.surfaces.lock();
        let known = surfaces
            .iter()
            .position(|(kept, _)| key.as_ref() == Some(kept));
        let planes = match known {
            // To the end, as the latest used.
            Some(at) => surfaces.remove(at).1,
            None => {
                let half = chroma_size(picture.size);
                let import = |plane, size, format| {
                    vulkan_memory::import_dma_buf(&self.device, plane, size, format)
                };
                ImportedPlanes::Textures {
                    luma: import(&picture.luma, picture.size, PLANE_FORMAT)?,
                    chroma: import(&picture.chroma, half, CHROMA_FORMAT)?,
                }
            }
        };
        if let Some(key) = key {
            if surfaces.len() == MAX_KEPT_SURFACES {
                surfaces.remove(0);
            }
            surfaces.push((key, planes.clone()));
        }
        Ok(Arc::new(ImportedPicture {
            size: picture.size,
            planes,
            device: self.serial,
            _lease: None,
        }))
    }

    fn import_cuda(&self, picture: &CudaPicture<'_>) -> Result<DevicePicture, ImportError> {
        let (planes, lease) = cuda::copy(&self.device, &self.memory, &self.buffers, picture)?;
        Ok(Arc::new(ImportedPicture {
            size: picture.size,
            planes,
            device: self.serial,
            _lease: Some(Box::new(lease)),
        }))
    }

    fn import_vulkan(&self, picture: &VulkanPicture<'_>) -> Result<DevicePicture, ImportError> {
        let planes = vulkan_video::import(&self.device, self.shared.as_deref(), picture)?;
        Ok(Arc::new(ImportedPicture {
            size: picture.size,
            planes,
            device: self.serial,
            _lease: None,
        }))
    }
}

impl PictureImporter for GpuImporter {
    fn wants(&self, kind: DecoderKind) -> bool {
        let needed = match kind {
            DecoderKind::Vaapi => wgpu::Features::VULKAN_EXTERNAL_MEMORY_DMA_BUF,
            DecoderKind::Nvdec => wgpu::Features::VULKAN_EXTERNAL_MEMORY_FD,
            DecoderKind::VulkanVideo => return self.shared.is_some(),
            _ => return false,
        };
        self.device.features().contains(needed)
    }

    fn vulkan_device(&self) -> Option<Arc<VulkanDevice>> {
        self.shared.clone()
    }

    fn import(&self, picture: &HardwarePicture<'_>) -> Result<DevicePicture, ImportError> {
        match picture {
            HardwarePicture::DmaBuf(picture) => self.import_dma_bufs(picture),
            HardwarePicture::Cuda(picture) => self.import_cuda(picture),
            HardwarePicture::Vulkan(picture) => self.import_vulkan(picture),
        }
    }

    /// Whoever offers this importer to decoders takes note.
    fn note_failure(&self, _: DecoderKind, _: &ImportError) {}
}

/// What a surface is known by; `None` where the kernel does not number its buffers.
fn surface_key(picture: &DmaBufPicture<'_>) -> Option<SurfaceKey> {
    Some(SurfaceKey {
        size: picture.size,
        planes: [plane_key(&picture.luma)?, plane_key(&picture.chroma)?],
    })
}

fn plane_key(plane: &DmaBufPlane<'_>) -> Option<PlaneKey> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", plane.buffer.as_raw_fd());
    // Before Linux 5.3 all of them were one file of no file system.
    let name = fs::read_link(&path).ok()?;
    name.to_str()?.starts_with("/dmabuf:").then_some(())?;
    let metadata = fs::metadata(&path).ok()?;
    Some(PlaneKey {
        device: metadata.dev(),
        number: metadata.ino(),
        offset_bytes: plane.offset_bytes,
        stride_bytes: plane.stride_bytes,
        modifier: plane.modifier,
    })
}
