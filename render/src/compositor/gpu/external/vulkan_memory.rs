//! Vulkan memory that others write to.
//!
//! Unsafe, because wgpu hands out Vulkan's own handles for this, and what is true of them it cannot
//! know. All of Vulkan's calls for it are here.

use std::{
    fs::File,
    io::{Seek, SeekFrom},
    os::fd::{FromRawFd, OwnedFd},
};

use ash::{khr, vk};
use oriel_codecs::{
    geometry::Size,
    video::{DmaBufPlane, ImportError},
};
use wgpu::hal::{self, api::Vulkan};

use super::{ImportedPlanes, PlaneLayout, read_only};

/// A buffer that others may write to.
#[derive(Debug)]
pub(super) struct SharedBuffer {
    pub(super) buffer: wgpu::Buffer,
    /// Bytes of its memory, which may be more than asked for. The memory holds nothing else.
    pub(super) memory_bytes: u64,
}

/// The only kind of handle that every driver has for its own memory.
const OPAQUE: vk::ExternalMemoryHandleTypeFlags = vk::ExternalMemoryHandleTypeFlags::OPAQUE_FD;

const BUFFER_USAGE: vk::BufferUsageFlags = vk::BufferUsageFlags::from_raw(
    vk::BufferUsageFlags::TRANSFER_SRC.as_raw() | vk::BufferUsageFlags::TRANSFER_DST.as_raw(),
);

fn no_vulkan() -> ImportError {
    ImportError::new("the device is not Vulkan's")
}

fn failed(what: &'static str) -> impl Fn(vk::Result) -> ImportError {
    move |result| ImportError(format!("{what} fails: {result}"))
}

/// A buffer of the device, and a handle to its memory that another API or device may import.
pub(super) fn export_buffer(
    device: &wgpu::Device,
    layout: PlaneLayout,
) -> Result<(SharedBuffer, OwnedFd), ImportError> {
    let mut export = vk::ExportMemoryAllocateInfo::default().handle_types(OPAQUE);
    let (shared, memory) = shared_buffer(device, layout, &mut export)?;
    // SAFETY: the device is only used while the guard lives.
    let vulkan = unsafe { device.as_hal::<Vulkan>() }.ok_or_else(no_vulkan)?;
    let functions = khr::external_memory_fd::Device::new(
        vulkan.shared_instance().raw_instance(),
        vulkan.raw_device(),
    );
    let wanted = vk::MemoryGetFdInfoKHR::default()
        .memory(memory)
        .handle_type(OPAQUE);
    // SAFETY: the memory was allocated on this device to be exported so, and lives as long as the
    // buffer, which is dropped later. The new file descriptor is nobody else's.
    let handle = unsafe {
        let raw = functions
            .get_memory_fd(&wanted)
            .map_err(failed("exporting memory"))?;
        OwnedFd::from_raw_fd(raw)
    };
    Ok((shared, handle))
}

/// The same memory as that of a buffer that another device exported.
#[cfg(test)]
pub(super) fn import_buffer(
    device: &wgpu::Device,
    layout: PlaneLayout,
    handle: OwnedFd,
) -> Result<SharedBuffer, ImportError> {
    use std::os::fd::{AsRawFd, IntoRawFd};
    let mut import = vk::ImportMemoryFdInfoKHR::default()
        .handle_type(OPAQUE)
        .fd(handle.as_raw_fd());
    let (shared, _) = shared_buffer(device, layout, &mut import)?;
    // Vulkan owns it now.
    let _ = handle.into_raw_fd();
    Ok(shared)
}

/// A buffer whose memory is allocated as `sharing` says.
fn shared_buffer(
    device: &wgpu::Device,
    layout: PlaneLayout,
    sharing: &mut impl vk::ExtendsMemoryAllocateInfo,
) -> Result<(SharedBuffer, vk::DeviceMemory), ImportError> {
    if !device
        .features()
        .contains(wgpu::Features::VULKAN_EXTERNAL_MEMORY_FD)
    {
        return Err(ImportError::new("the driver shares no memory"));
    }
    // SAFETY: the device is only used while the guard lives.
    let vulkan = unsafe { device.as_hal::<Vulkan>() }.ok_or_else(no_vulkan)?;
    let raw = vulkan.raw_device();
    let mut external = vk::ExternalMemoryBufferCreateInfo::default().handle_types(OPAQUE);
    let wanted = vk::BufferCreateInfo::default()
        .size(layout.bytes)
        .usage(BUFFER_USAGE)
        .sharing_mode(vk::SharingMode::EXCLUSIVE)
        .push_next(&mut external);
    // SAFETY: the extension is on, and the description is whole.
    let buffer = unsafe { raw.create_buffer(&wanted, None) }.map_err(failed("making a buffer"))?;
    // SAFETY: the buffer was just made on this device.
    let needs = unsafe { raw.get_buffer_memory_requirements(buffer) };
    let mut allocate = || {
        let memory_type = memory_type(&vulkan, needs.memory_type_bits)
            .ok_or(vk::Result::ERROR_OUT_OF_DEVICE_MEMORY)?;
        let mut dedicated = vk::MemoryDedicatedAllocateInfo::default().buffer(buffer);
        let wanted = vk::MemoryAllocateInfo::default()
            .allocation_size(needs.size)
            .memory_type_index(memory_type)
            .push_next(&mut dedicated)
            .push_next(sharing);
        // SAFETY: size and type are what the buffer needs. It is bound once, and nobody else knows
        // it yet. Memory that it cannot be bound to is freed, since nothing uses it.
        unsafe {
            let memory = raw.allocate_memory(&wanted, None)?;
            raw.bind_buffer_memory(buffer, memory, 0)
                .inspect_err(|_| raw.free_memory(memory, None))?;
            Ok(memory)
        }
    };
    let memory = allocate().map_err(|result| {
        // SAFETY: nothing uses the buffer.
        unsafe { raw.destroy_buffer(buffer, None) };
        failed("allocating memory to share")(result)
    })?;
    // SAFETY: the handles are this device's, made as the description says, and the buffer's from now
    // on alone. The memory is cleared or written before anything of it is shown: what the decoder
    // does not write, no region reaches. It is never mapped.
    let buffer = unsafe {
        let managed = hal::vulkan::Buffer::from_raw_managed(buffer, memory, 0, needs.size);
        drop(vulkan);
        device.create_buffer_from_hal::<Vulkan>(
            managed,
            &wgpu::BufferDescriptor {
                label: Some("shared planes"),
                size: layout.bytes,
                usage: wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            },
        )
    };
    let shared = SharedBuffer {
        buffer,
        memory_bytes: needs.size,
    };
    Ok((shared, memory))
}

/// A type of memory that `bits` allow, the GPU's own if there is one.
fn memory_type(vulkan: &hal::vulkan::Device, bits: u32) -> Option<u32> {
    // SAFETY: the physical device is the one that the device was opened on.
    let memory = unsafe {
        vulkan
            .shared_instance()
            .raw_instance()
            .get_physical_device_memory_properties(vulkan.raw_physical_device())
    };
    let types = (0..).zip(memory.memory_types_as_slice());
    let allowed = types.filter(|(index, _)| bits & (1 << index) != 0);
    allowed
        .max_by_key(|(_, kind)| {
            kind.property_flags
                .contains(vk::MemoryPropertyFlags::DEVICE_LOCAL)
        })
        .map(|(index, _)| index)
}

/// Tells the GPU apart from others, by what CUDA calls it, too.
pub(super) fn device_uuid(device: &wgpu::Device) -> Option<[u8; vk::UUID_SIZE]> {
    // SAFETY: the device is only used while the guard lives.
    let vulkan = unsafe { device.as_hal::<Vulkan>() }?;
    let mut identity = vk::PhysicalDeviceIDProperties::default();
    let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut identity);
    // SAFETY: the physical device is the one that the device was opened on.
    unsafe {
        vulkan
            .shared_instance()
            .raw_instance()
            .get_physical_device_properties2(vulkan.raw_physical_device(), &mut properties);
    }
    Some(identity.device_uuid)
}

/// A plane in a dma-buf as a texture that can be copied from.
pub(super) fn import_dma_buf(
    device: &wgpu::Device,
    plane: &DmaBufPlane<'_>,
    size: Size,
    format: wgpu::TextureFormat,
) -> Result<wgpu::Texture, ImportError> {
    if !device
        .features()
        .contains(wgpu::Features::VULKAN_EXTERNAL_MEMORY_DMA_BUF)
    {
        return Err(ImportError::new("the driver takes no dma-bufs"));
    }
    let handle = plane
        .buffer
        .try_clone_to_owned()
        .map_err(ImportError::new)?;
    let mut file = File::from(handle);
    let bytes = file.seek(SeekFrom::End(0)).map_err(ImportError::new)?;
    let needed = plane
        .stride_bytes
        .checked_mul(u64::from(size.height))
        .and_then(|rows| rows.checked_add(plane.offset_bytes));
    if needed.is_none_or(|needed| needed > bytes) {
        return Err(ImportError(format!(
            "a plane of {} rows of {} bytes at {} is more than its buffer of {bytes}",
            size.height, plane.stride_bytes, plane.offset_bytes
        )));
    }
    // SAFETY: the device is only used while the guard lives.
    let vulkan = unsafe { device.as_hal::<Vulkan>() }.ok_or_else(no_vulkan)?;
    let raw_format = match format {
        wgpu::TextureFormat::R8Unorm => vk::Format::R8_UNORM,
        _ => vk::Format::R8G8_UNORM,
    };
    check_modifier(&vulkan, raw_format, plane.modifier, size)?;
    let description = read_only(size, format);
    // SAFETY: the feature is on and the driver takes this modifier. The file is a dma-buf, or else
    // the import fails; that offset and stride are inside of it was looked at above, and that they
    // are right is what the driver says that exported it. It is read only between the barriers of
    // `ownership`, which bring it from what others leave it in to the state that is named here.
    unsafe {
        let texture = vulkan
            .texture_from_dmabuf_fd(
                file.into(),
                &for_driver(&description),
                plane.modifier,
                plane.stride_bytes,
                plane.offset_bytes,
            )
            .map_err(|error| ImportError(format!("importing a plane fails: {error}")))?;
        drop(vulkan);
        Ok(device.create_texture_from_hal::<Vulkan>(
            texture,
            &description,
            wgpu::wgt::TextureUses::COPY_SRC,
        ))
    }
}

/// What the driver is told of a texture that is only copied from.
pub(super) fn for_driver<'a>(
    description: &wgpu::TextureDescriptor<'a>,
) -> hal::TextureDescriptor<'a> {
    hal::TextureDescriptor {
        label: description.label,
        size: description.size,
        mip_level_count: description.mip_level_count,
        sample_count: description.sample_count,
        dimension: description.dimension,
        format: description.format,
        usage: wgpu::wgt::TextureUses::COPY_SRC,
        memory_flags: hal::MemoryFlags::empty(),
        view_formats: Vec::new(),
    }
}

/// Refuses an arrangement of samples that the driver does not import: making an image of it anyway
/// is undefined.
fn check_modifier(
    vulkan: &hal::vulkan::Device,
    format: vk::Format,
    modifier: u64,
    size: Size,
) -> Result<(), ImportError> {
    let mut external = vk::PhysicalDeviceExternalImageFormatInfo::default()
        .handle_type(vk::ExternalMemoryHandleTypeFlags::DMA_BUF_EXT);
    let mut arranged = vk::PhysicalDeviceImageDrmFormatModifierInfoEXT::default()
        .drm_format_modifier(modifier)
        .sharing_mode(vk::SharingMode::EXCLUSIVE);
    let wanted = vk::PhysicalDeviceImageFormatInfo2::default()
        .format(format)
        .ty(vk::ImageType::TYPE_2D)
        .tiling(vk::ImageTiling::DRM_FORMAT_MODIFIER_EXT)
        .usage(vk::ImageUsageFlags::TRANSFER_SRC)
        .push_next(&mut external)
        .push_next(&mut arranged);
    let mut shared = vk::ExternalImageFormatProperties::default();
    let mut answer = vk::ImageFormatProperties2::default().push_next(&mut shared);
    // SAFETY: the physical device is the one that the device was opened on, and has both extensions
    // that are asked about.
    unsafe {
        vulkan
            .shared_instance()
            .raw_instance()
            .get_physical_device_image_format_properties2(
                vulkan.raw_physical_device(),
                &wanted,
                &mut answer,
            )
    }
    .map_err(|result| ImportError(format!("modifier {modifier:#x} is refused: {result}")))?;
    let most = answer.image_format_properties.max_extent;
    let can_import = shared
        .external_memory_properties
        .external_memory_features
        .contains(vk::ExternalMemoryFeatureFlags::IMPORTABLE);
    match can_import && most.width >= size.width && most.height >= size.height {
        true => Ok(()),
        false => Err(ImportError(format!(
            "modifier {modifier:#x} is not imported"
        ))),
    }
}

/// See [`super::ownership`].
pub(super) fn ownership<'a, I: Iterator<Item = &'a ImportedPlanes>>(
    device: &wgpu::Device,
    planes: &impl Fn() -> I,
) -> Option<[wgpu::CommandBuffer; 2]> {
    planes().next()?;
    let family = {
        // SAFETY: the device is only used while the guard lives.
        let vulkan = unsafe { device.as_hal::<Vulkan>() }?;
        vulkan.queue_family_index()
    };
    let outside = vk::QUEUE_FAMILY_EXTERNAL;
    let taken = (vk::ImageLayout::TRANSFER_SRC_OPTIMAL, family);
    // What is no Vulkan of ours has no layouts: its samples lie as the modifier says.
    let left = (vk::ImageLayout::GENERAL, outside);
    Some([
        barriers(device, planes(), left, taken)?,
        barriers(device, planes(), taken, left)?,
    ])
}

/// Commands that bring planes from one layout and owner to another.
fn barriers<'a>(
    device: &wgpu::Device,
    planes: impl Iterator<Item = &'a ImportedPlanes>,
    (old_layout, old_owner): (vk::ImageLayout, u32),
    (new_layout, new_owner): (vk::ImageLayout, u32),
) -> Option<wgpu::CommandBuffer> {
    let is_acquired = old_owner == vk::QUEUE_FAMILY_EXTERNAL;
    let read = vk::AccessFlags::TRANSFER_READ;
    let (before, after) = match is_acquired {
        true => (vk::AccessFlags::empty(), read),
        false => (read, vk::AccessFlags::empty()),
    };
    let (first, then) = match is_acquired {
        true => (
            vk::PipelineStageFlags::TOP_OF_PIPE,
            vk::PipelineStageFlags::TRANSFER,
        ),
        false => (
            vk::PipelineStageFlags::TRANSFER,
            vk::PipelineStageFlags::BOTTOM_OF_PIPE,
        ),
    };
    let (mut images, mut buffers) = (Vec::new(), Vec::new());
    let mut add_image = |texture: &wgpu::Texture| {
        // SAFETY: the handle is only used in the commands that are recorded below; the texture
        // outlives them, since what reads it is submitted with them.
        let raw = unsafe { texture.as_hal::<Vulkan>().map(|hal| hal.raw_handle()) };
        let whole = vk::ImageSubresourceRange::default()
            .aspect_mask(vk::ImageAspectFlags::COLOR)
            .level_count(1)
            .layer_count(1);
        images.extend(raw.map(|image| {
            vk::ImageMemoryBarrier::default()
                .src_access_mask(before)
                .dst_access_mask(after)
                .old_layout(old_layout)
                .new_layout(new_layout)
                .src_queue_family_index(old_owner)
                .dst_queue_family_index(new_owner)
                .image(image)
                .subresource_range(whole)
        }));
    };
    for planes in planes {
        match planes {
            ImportedPlanes::Textures { luma, chroma } => {
                add_image(luma);
                add_image(chroma);
            }
            // Those tell their state themselves.
            ImportedPlanes::Image { .. } => {}
            ImportedPlanes::Buffer { buffer, .. } => {
                // SAFETY: as with textures.
                let raw = unsafe { buffer.as_hal::<Vulkan>().map(|hal| hal.raw_handle()) };
                buffers.extend(raw.map(|buffer| {
                    vk::BufferMemoryBarrier::default()
                        .src_access_mask(before)
                        .dst_access_mask(after)
                        .src_queue_family_index(old_owner)
                        .dst_queue_family_index(new_owner)
                        .buffer(buffer)
                        .size(vk::WHOLE_SIZE)
                }));
            }
        }
    }
    // SAFETY: the images are in the old layout: others leave them so, and wgpu takes them to be in the
    // new one from the first command to the last.
    unsafe { record_barriers(device, (first, then), &buffers, &images) }
}

/// Commands that are nothing but barriers between two stages.
///
/// # Safety
/// Buffers and images are the device's, live until the commands are done, and are in the state that
/// their barriers take them from; what wgpu takes for their state stays true.
pub(super) unsafe fn record_barriers(
    device: &wgpu::Device,
    (first, then): (vk::PipelineStageFlags, vk::PipelineStageFlags),
    buffers: &[vk::BufferMemoryBarrier<'_>],
    images: &[vk::ImageMemoryBarrier<'_>],
) -> Option<wgpu::CommandBuffer> {
    // SAFETY: the device is only used while the guard lives; the clone is a table of functions.
    let raw = unsafe { device.as_hal::<Vulkan>()?.raw_device().clone() };
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    // SAFETY: nothing else is recorded with this encoder, and nothing of it is kept. The rest is as
    // the caller says.
    let is_recorded = unsafe {
        encoder.as_hal_mut::<Vulkan, _, _>(|encoder| match encoder {
            Some(encoder) => {
                let none = vk::DependencyFlags::empty();
                let commands = encoder.raw_handle();
                raw.cmd_pipeline_barrier(commands, first, then, none, &[], buffers, images);
                true
            }
            None => false,
        })
    };
    is_recorded.then(|| encoder.finish())
}
