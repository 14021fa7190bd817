//! The device: opening it, and learning when it fails.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use oriel_codecs::{
    geometry::Size,
    video::{HeldQueues, VulkanDevice},
};
use oriel_shaders::TILES;
use parking_lot::Mutex;

use super::pool::{PooledTexture, TexturePool};
use crate::{
    compositor::memory::{Counted, MemoryKind, MemoryLedger, MemoryTag},
    error::{CompositorError, RenderError},
};

/// An opened device. What goes wrong inside of it is noted and handed out by
/// [`check`](Self::check), since the graphics system reports it long after the call.
#[derive(Debug)]
pub(crate) struct GpuDevice {
    pub(crate) instance: wgpu::Instance,
    pub(crate) adapter: wgpu::Adapter,
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    /// Its own among all devices of the process: those of wgpu are numbered for each instance anew.
    pub(crate) serial: u64,
    /// What decoders by Vulkan may use of it, where they can.
    pub(crate) shared: Option<Arc<VulkanDevice>>,
    /// What is made on the device, where it is made.
    pub(crate) memory: Arc<MemoryLedger>,
    /// Textures between two uses.
    pub(crate) pool: Arc<TexturePool>,
    name: String,
    faults: Arc<Mutex<Faults>>,
}

#[derive(Debug, Default)]
struct Faults {
    lost: Option<String>,
    out_of_memory: Option<String>,
    other: Option<String>,
}

impl GpuDevice {
    /// Opens the adapter that can draw to `window`, or any. `accept_emulated` takes one that runs
    /// on the CPU as well.
    pub(crate) fn open(
        instance: wgpu::Instance,
        window: Option<&wgpu::Surface<'_>>,
        accept_emulated: bool,
    ) -> Result<Self, RenderError> {
        Self::open_for_decoders(instance, window, accept_emulated, true)
    }

    /// Opens an adapter as [`open`](Self::open) does, for decoders by Vulkan to use as well where
    /// the driver decodes, or, unless `needs_video`, in any case.
    pub(crate) fn open_for_decoders(
        instance: wgpu::Instance,
        window: Option<&wgpu::Surface<'_>>,
        accept_emulated: bool,
        needs_video: bool,
    ) -> Result<Self, RenderError> {
        let no_adapter = |error: &dyn std::fmt::Display| RenderError::NoAdapter(error.to_string());
        let options = wgpu::RequestAdapterOptions {
            compatible_surface: window,
            ..Default::default()
        };
        let adapter = pollster::block_on(instance.request_adapter(&options))
            .map_err(|error| no_adapter(&error))?;
        let info = adapter.get_info();
        if info.device_type == wgpu::DeviceType::Cpu && !accept_emulated {
            return Err(RenderError::NoAdapter(format!(
                "{} runs on the CPU",
                info.name
            )));
        }
        let mut limits = wgpu::Limits::downlevel_defaults().using_resolution(adapter.limits());
        // Where there is a little more than everywhere, RemoteFX's tiles have room.
        limits.max_compute_workgroup_storage_size = limits
            .max_compute_workgroup_storage_size
            .max(TILES.shared_bytes)
            .min(adapter.limits().max_compute_workgroup_storage_size);
        let wanted = wgpu::DeviceDescriptor {
            label: Some("oriel"),
            // For decoders' pictures, where the driver has it.
            required_features: adapter.features()
                & (wgpu::Features::VULKAN_EXTERNAL_MEMORY_FD
                    | wgpu::Features::VULKAN_EXTERNAL_MEMORY_DMA_BUF),
            required_limits: limits,
            ..Default::default()
        };
        let (device, queue, shared) = match open_shared(&adapter, &wanted, needs_video) {
            Some((device, queue, shared)) => (device, queue, Some(shared)),
            None => {
                let opened = pollster::block_on(adapter.request_device(&wanted));
                let (device, queue) = opened.map_err(|error| no_adapter(&error))?;
                (device, queue, None)
            }
        };
        let faults = Arc::new(Mutex::new(Faults::default()));
        let noted = faults.clone();
        device.set_device_lost_callback(move |reason, message| {
            noted
                .lock()
                .lost
                .get_or_insert_with(|| format!("{reason:?}: {message}"));
        });
        let noted = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error| {
            let text = error.to_string();
            let mut faults = noted.lock();
            let place = match error {
                wgpu::Error::OutOfMemory { .. } => &mut faults.out_of_memory,
                wgpu::Error::Validation { .. } | wgpu::Error::Internal { .. } => &mut faults.other,
            };
            place.get_or_insert(text);
        }));
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Ok(Self {
            instance,
            serial: NEXT.fetch_add(1, Ordering::Relaxed),
            name: format!("{} ({})", info.name, info.backend),
            adapter,
            device,
            queue,
            shared,
            memory: Arc::default(),
            pool: Arc::default(),
            faults,
        })
    }

    /// Keeps decoders from the queue until the guard is dropped: for what submits to it.
    pub(crate) fn hold_queue(&self) -> Option<HeldQueues<'_>> {
        // The one that wgpu works with.
        Some(self.shared.as_ref()?.hold_queue(0, 0))
    }

    /// Keeps decoders from all queues until the guard is dropped: for what waits for the device.
    pub(crate) fn hold_all_queues(&self) -> Option<HeldQueues<'_>> {
        Some(self.shared.as_ref()?.hold_all_queues())
    }

    /// The adapter and the system that drives it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Largest width and height of a texture.
    pub(crate) fn max_side_px(&self) -> u32 {
        self.device.limits().max_texture_dimension_2d
    }

    /// The adapter, its driver, and the system that drives both.
    pub(crate) fn identity(&self) -> String {
        crate::adapters::identity(&self.adapter.get_info())
    }

    /// True where compute passes run that share as much memory as tiles need.
    pub(crate) fn can_make_tiles(&self) -> bool {
        let flags = self.adapter.get_downlevel_capabilities().flags;
        flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
            && self.device.limits().max_compute_workgroup_storage_size >= TILES.shared_bytes
    }

    /// What has gone wrong since the device was opened, the worst first.
    pub(crate) fn check(&self) -> Result<(), CompositorError> {
        let mut faults = self.faults.lock();
        if let Some(reason) = &faults.lost {
            return Err(CompositorError::DeviceLost(reason.clone()));
        }
        if let Some(reason) = faults.out_of_memory.take() {
            return Err(CompositorError::OutOfMemory(reason));
        }
        match faults.other.take() {
            Some(reason) => Err(CompositorError::System(reason)),
            None => Ok(()),
        }
    }

    /// A texture whose first content is transparent black.
    pub(crate) fn texture(
        &self,
        kind: MemoryKind,
        label: &str,
        size: Size,
        format: wgpu::TextureFormat,
    ) -> Result<Texture, CompositorError> {
        let usage = wgpu::TextureUsages::COPY_SRC
            | wgpu::TextureUsages::COPY_DST
            | wgpu::TextureUsages::TEXTURE_BINDING
            | wgpu::TextureUsages::RENDER_ATTACHMENT;
        // There is no texture without a texel.
        let held = Size::new(size.width.max(1), size.height.max(1));
        let texture = self.device.create_texture(&wgpu::TextureDescriptor {
            label: Some(label),
            size: extent(held),
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage,
            view_formats: &[],
        });
        self.check()?;
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Ok(Texture {
            texture,
            view,
            size,
            memory: Some(self.memory.tag(kind, texels_bytes(held, format))),
            pool: None,
        })
    }

    /// A texture that goes to the pool when it is dropped, and comes from there where there is one
    /// of its size: its first content is anything.
    pub(crate) fn pooled_texture(
        &self,
        kind: MemoryKind,
        label: &str,
        size: Size,
        format: wgpu::TextureFormat,
    ) -> Result<Texture, CompositorError> {
        self.texture_up_to(size.area(), kind, label, size, format)
    }

    /// The same, but one that is larger will do if it has no more than `most_texels`.
    pub(crate) fn texture_up_to(
        &self,
        most_texels: u64,
        kind: MemoryKind,
        label: &str,
        size: Size,
        format: wgpu::TextureFormat,
    ) -> Result<Texture, CompositorError> {
        let mut texture = match self.pool.take(kind, size, most_texels, format) {
            Some(kept) => Texture {
                texture: kept.texture,
                view: kept.view,
                size: kept.size,
                memory: Some(kept.memory),
                pool: None,
            },
            None => self.texture(kind, label, size, format)?,
        };
        texture.pool = Some(self.pool.clone());
        Ok(texture)
    }

    /// A buffer, which [`check`](Self::check) knows whether there was memory for.
    pub(crate) fn buffer(
        &self,
        kind: MemoryKind,
        wanted: &wgpu::BufferDescriptor<'_>,
    ) -> Counted<wgpu::Buffer> {
        let buffer = self.device.create_buffer(wanted);
        Counted::new(buffer, self.memory.tag(kind, wanted.size))
    }

    /// Ends the device as a driver's crash would.
    pub(crate) fn destroy(&self) {
        self.device.destroy();
        self.faults
            .lock()
            .lost
            .get_or_insert_with(|| "destroyed".into());
    }
}

type SharedDevice = (wgpu::Device, wgpu::Queue, Arc<VulkanDevice>);

/// A device that decoders can use, too, where there is such a one.
#[cfg(target_os = "linux")]
fn open_shared(
    adapter: &wgpu::Adapter,
    wanted: &wgpu::DeviceDescriptor<'_>,
    needs_video: bool,
) -> Option<SharedDevice> {
    super::external::vulkan_video::open(adapter, wanted, needs_video)
}

/// No decoder uses the device here.
#[cfg(not(target_os = "linux"))]
fn open_shared(_: &wgpu::Adapter, _: &wgpu::DeviceDescriptor<'_>, _: bool) -> Option<SharedDevice> {
    None
}

/// A texture and its only view.
#[derive(Debug)]
pub(crate) struct Texture {
    pub(crate) texture: wgpu::Texture,
    pub(crate) view: wgpu::TextureView,
    pub(crate) size: Size,
    /// There until the texture is dropped.
    memory: Option<MemoryTag>,
    /// Where it goes then.
    pool: Option<Arc<TexturePool>>,
}

impl Drop for Texture {
    fn drop(&mut self) {
        if let (Some(pool), Some(memory)) = (self.pool.take(), self.memory.take()) {
            pool.put(PooledTexture {
                texture: self.texture.clone(),
                view: self.view.clone(),
                size: self.size,
                memory,
            });
        }
    }
}

impl Texture {
    /// A place in the texture, for copies.
    pub(crate) fn at(&self, x: i32, y: i32) -> wgpu::TexelCopyTextureInfo<'_> {
        wgpu::TexelCopyTextureInfo {
            texture: &self.texture,
            mip_level: 0,
            origin: wgpu::Origin3d {
                x: x as u32,
                y: y as u32,
                z: 0,
            },
            aspect: wgpu::TextureAspect::All,
        }
    }
}

/// Bytes of so many texels of a format of one plane.
pub(crate) fn texels_bytes(size: Size, format: wgpu::TextureFormat) -> u64 {
    size.area() * u64::from(format.block_copy_size(None).unwrap_or_default())
}

/// A size for copies.
pub(crate) fn extent(size: Size) -> wgpu::Extent3d {
    wgpu::Extent3d {
        width: size.width,
        height: size.height,
        depth_or_array_layers: 1,
    }
}
