//! A device of Vulkan that decoders use too, and pictures in their images.
//!
//! Unsafe, because wgpu opens such a device, takes such an image and waits for a decoder only by
//! Vulkan's own handles, and what is true of them it cannot know.

use std::{ffi::CStr, sync::Arc};

use ash::{
    ext, khr,
    vk::{self, Handle},
};
use oriel_codecs::video::{
    ImportError, VulkanDevice, VulkanHandles, VulkanImage, VulkanImageState, VulkanPicture,
    VulkanQueueFamily,
};
use wgpu::hal::{self, api::Vulkan};

use super::{ImportedPlanes, read_only, vulkan_memory};
use crate::compositor::gpu::device::GpuDevice;

/// What decoding H.264 takes of the driver beside Vulkan 1.3. The first is for pictures that are
/// copied into memory after all: FFmpeg 7.1 has an error in its other way to do that.
const EXTENSIONS: [&CStr; 4] = [
    ext::external_memory_host::NAME,
    khr::video_queue::NAME,
    khr::video_decode_queue::NAME,
    khr::video_decode_h264::NAME,
];

/// The family whose first queue wgpu works with.
const DRAWING_FAMILY: u32 = 0;

/// Decoders take turns on so many queues. More than a few do not decode at once.
const MAX_DECODING_QUEUES: u32 = 4;

/// What a device is opened with so that decoders can use it.
struct Plan {
    extensions: &'static [&'static CStr],
    families: Vec<VulkanQueueFamily>,
}

/// Opens the device that `wanted` describes so that decoders can use it, too, and says what they
/// may use of it; `None` where the
/// driver does not decode, does not say so, or FFmpeg makes no use of it. `needs_video` is false in tests alone, where pictures
/// come into decoders' images by other ways.
pub(crate) fn open(
    adapter: &wgpu::Adapter,
    wanted: &wgpu::DeviceDescriptor<'_>,
    needs_video: bool,
) -> Option<(wgpu::Device, wgpu::Queue, Arc<VulkanDevice>)> {
    let two_planes = wgpu::Features::TEXTURE_FORMAT_NV12;
    let is_of_use = !needs_video || VulkanDevice::is_of_use();
    if !is_of_use || !adapter.features().contains(two_planes) {
        return None;
    }
    let wanted = wgpu::DeviceDescriptor {
        required_features: wanted.required_features | two_planes,
        ..wanted.clone()
    };
    // SAFETY: the adapter is only used while the guard lives.
    let vulkan = unsafe { adapter.as_hal::<Vulkan>() }?;
    let plan = plan(&vulkan, needs_video)?;
    let mut conversion =
        vk::PhysicalDeviceSamplerYcbcrConversionFeatures::default().sampler_ycbcr_conversion(true);
    let mut synchronisation =
        vk::PhysicalDeviceSynchronization2Features::default().synchronization2(true);
    let priorities = [1.0; MAX_DECODING_QUEUES as usize];
    // SAFETY: `plan` found that the driver has the extensions, the features, which wgpu turns on
    // nowhere, and the queues of other families than wgpu's. Nothing is taken away.
    let opened = unsafe {
        vulkan.open_with_callback(
            wanted.required_features,
            &wanted.required_limits,
            &wanted.memory_hints,
            Some(Box::new(|arguments| {
                arguments.extensions.extend(plan.extensions);
                let others = plan.families.iter();
                let others = others.filter(|family| family.index != DRAWING_FAMILY);
                arguments.queue_create_infos.extend(others.map(|family| {
                    vk::DeviceQueueCreateInfo::default()
                        .queue_family_index(family.index)
                        .queue_priorities(&priorities[..family.queues as usize])
                }));
                *arguments.create_info = std::mem::take(arguments.create_info)
                    .push_next(&mut conversion)
                    .push_next(&mut synchronisation);
            })),
        )
    };
    let opened = opened
        .inspect_err(|error| tracing::warn!(%error, "no device opens that decoders can use"))
        .ok()?;
    let instance = vulkan.shared_instance();
    let get_instance_proc_addr = instance.entry().static_fn().get_instance_proc_addr;
    let handles = VulkanHandles {
        get_instance_proc_addr: (get_instance_proc_addr as *const ()).expose_provenance(),
        instance: number(instance.raw_instance().handle()),
        physical_device: number(vulkan.raw_physical_device()),
        device: number(opened.device.raw_device().handle()),
    };
    drop(vulkan);
    // SAFETY: the device was just opened on this adapter, with these features and limits.
    let (device, queue) = unsafe { adapter.create_device_from_hal(opened, &wanted) }.ok()?;
    let keeps = Box::new((adapter.clone(), device.clone(), queue.clone()));
    // SAFETY: the handles are those of the adapter and the device, which are kept. Extensions and
    // queues are those that it was opened with, and what of ours goes to a queue holds it
    // (`GpuDevice::hold_queue`).
    let shared =
        unsafe { VulkanDevice::new(handles, plan.extensions.to_vec(), plan.families, keeps) };
    Some((device, queue, Arc::new(shared)))
}

/// A handle as a number that C makes a pointer of.
fn number(handle: impl Handle) -> usize {
    handle.as_raw() as usize
}

fn plan(vulkan: &hal::vulkan::Adapter, needs_video: bool) -> Option<Plan> {
    let extensions = if needs_video {
        &EXTENSIONS[..]
    } else {
        &EXTENSIONS[..1]
    };
    let shared = vulkan.shared_instance();
    let (instance, physical) = (shared.raw_instance(), vulkan.raw_physical_device());
    let capabilities = vulkan.physical_device_capabilities();
    let has_all = extensions
        .iter()
        .all(|name| capabilities.supports_extension(name));
    let newest = shared
        .instance_api_version()
        .min(capabilities.properties().api_version);
    if !has_all || newest < vk::API_VERSION_1_3 {
        return None;
    }
    let mut conversion = vk::PhysicalDeviceSamplerYcbcrConversionFeatures::default();
    let mut synchronisation = vk::PhysicalDeviceSynchronization2Features::default();
    let mut timeline = vk::PhysicalDeviceTimelineSemaphoreFeatures::default();
    let mut features = vk::PhysicalDeviceFeatures2::default()
        .push_next(&mut conversion)
        .push_next(&mut synchronisation)
        .push_next(&mut timeline);
    // SAFETY: the physical device is of this instance, and has Vulkan 1.3, whose structures these
    // are.
    unsafe { instance.get_physical_device_features2(physical, &mut features) };
    let has_all = [
        conversion.sampler_ycbcr_conversion,
        synchronisation.synchronization2,
        timeline.timeline_semaphore,
    ];
    if has_all.contains(&vk::FALSE) {
        return None;
    }
    // SAFETY: as above.
    let count = unsafe { instance.get_physical_device_queue_family_properties2_len(physical) };
    let mut video = vec![vk::QueueFamilyVideoPropertiesKHR::default(); count];
    let mut families: Vec<_> = video
        .iter_mut()
        .map(|video| {
            let family = vk::QueueFamilyProperties2::default();
            // What is not known may not be asked for.
            match needs_video {
                true => family.push_next(video),
                false => family,
            }
        })
        .collect();
    // SAFETY: as above; there are as many places as families.
    unsafe { instance.get_physical_device_queue_family_properties2(physical, &mut families) };
    let families: Vec<_> = families
        .iter()
        .map(|family| family.queue_family_properties)
        .collect();
    let decodes: Vec<_> = video
        .iter()
        .map(|video| video.video_codec_operations)
        .map(|operations| operations.contains(vk::VideoCodecOperationFlagsKHR::DECODE_H264))
        .collect();
    let families = choose_families(&families, &decodes, needs_video)?;
    Some(Plan {
        extensions,
        families,
    })
}

/// The queues that FFmpeg gets: some that decode, and one that copies, of no family that draws if
/// there is such a one. The family that draws is named in any case, since images are shared with
/// those that are.
fn choose_families(
    families: &[vk::QueueFamilyProperties],
    decodes: &[bool],
    needs_video: bool,
) -> Option<Vec<VulkanQueueFamily>> {
    let all = || (0..).zip(families.iter().zip(decodes));
    let family = |index, queues, flags: vk::QueueFlags| VulkanQueueFamily {
        index,
        queues,
        flags: flags.as_raw(),
    };
    let copying = vk::QueueFlags::COMPUTE | vk::QueueFlags::TRANSFER;
    let beside = all().find(|(index, (family, _))| {
        let flags = family.queue_flags;
        *index != DRAWING_FAMILY
            && family.queue_count > 0
            && flags.contains(vk::QueueFlags::COMPUTE)
            && !flags.contains(vk::QueueFlags::GRAPHICS)
    });
    let mut chosen = match beside {
        Some((index, _)) => vec![
            family(DRAWING_FAMILY, 1, vk::QueueFlags::GRAPHICS),
            family(index, 1, copying),
        ],
        None => vec![family(
            DRAWING_FAMILY,
            1,
            vk::QueueFlags::GRAPHICS | copying,
        )],
    };
    if needs_video {
        let decoding = vk::QueueFlags::VIDEO_DECODE_KHR;
        let (index, (found, _)) = all().find(|(index, (family, decodes))| {
            **decodes
                && family.queue_flags.contains(decoding)
                && family.queue_count > 0
                && chosen.iter().all(|chosen| chosen.index != *index)
        })?;
        let queues = found.queue_count.min(MAX_DECODING_QUEUES);
        chosen.push(family(index, queues, decoding));
    }
    Some(chosen)
}

/// A picture of a decoder that works on this very device.
pub(super) fn import(
    device: &wgpu::Device,
    shared: Option<&VulkanDevice>,
    picture: &VulkanPicture<'_>,
) -> Result<ImportedPlanes, ImportError> {
    if shared.is_none_or(|shared| shared.handles().device != picture.device) {
        return Err(ImportError::new("it was decoded on another device"));
    }
    let size = picture.image_size;
    let is_inside = picture.size.width <= size.width && picture.size.height <= size.height;
    let is_even = size.width.is_multiple_of(2) && size.height.is_multiple_of(2);
    if !is_inside || !is_even {
        return Err(ImportError(format!(
            "an image of {}x{} for a picture of {}x{}",
            size.width, size.height, picture.size.width, picture.size.height
        )));
    }
    let mut raw = 0;
    let mut owner = 0;
    picture.image.visit(&mut |state| {
        raw = state.image;
        owner = state.queue_family;
    });
    if owner != vk::QUEUE_FAMILY_IGNORED && owner != DRAWING_FAMILY {
        return Err(ImportError::new("its image belongs to other queues"));
    }
    let description = read_only(size, wgpu::TextureFormat::NV12);
    // SAFETY: the image is of this device, of this size at least, has two planes and can be copied
    // from, as the decoder says. It is destroyed by its decoder, not before the picture is dropped
    // whose planes these are. It is read only within `submit`, which brings it to the state that is
    // named here.
    unsafe {
        let vulkan = device
            .as_hal::<Vulkan>()
            .ok_or_else(|| ImportError::new("the device is not Vulkan's"))?;
        let texture = vulkan.texture_from_raw(
            vk::Image::from_raw(raw),
            &vulkan_memory::for_driver(&description),
            Some(Box::new(|| ())),
            hal::vulkan::TextureMemory::External,
        );
        drop(vulkan);
        let texture = device.create_texture_from_hal::<Vulkan>(
            texture,
            &description,
            wgpu::wgt::TextureUses::COPY_SRC,
        );
        Ok(ImportedPlanes::Image {
            texture,
            image: picture.image.clone(),
        })
    }
}

/// Submits commands that read a decoder's image: after the decoder, and before it goes on.
pub(super) fn submit(gpu: &GpuDevice, image: &dyn VulkanImage, commands: Vec<wgpu::CommandBuffer>) {
    let mut commands = Some(commands);
    image.visit(&mut |state| {
        let Some(commands) = commands.take() else {
            return;
        };
        let taken = take(&gpu.device, state);
        let _held = gpu.hold_queue();
        if taken.is_some() && wait_and_signal(&gpu.queue, state) {
            state.semaphore_value += 1;
            state.layout = READ_IN.as_raw();
        }
        gpu.queue.submit(taken.into_iter().chain(commands));
    });
}

/// The layout that wgpu copies from.
pub(super) const READ_IN: vk::ImageLayout = vk::ImageLayout::TRANSFER_SRC_OPTIMAL;

/// Has the next submission wait for an image, and tell when it is done.
fn wait_and_signal(queue: &wgpu::Queue, state: &VulkanImageState) -> bool {
    // SAFETY: the queue is only used while the guard lives.
    let Some(vulkan) = (unsafe { queue.as_hal::<Vulkan>() }) else {
        return false;
    };
    let semaphore = vk::Semaphore::from_raw(state.semaphore);
    let value = state.semaphore_value;
    vulkan.add_wait_semaphore(semaphore, Some(value), vk::PipelineStageFlags::ALL_COMMANDS);
    vulkan.add_signal_semaphore(semaphore, Some(value + 1));
    true
}

/// Commands that bring an image to the layout that it is read in.
fn take(device: &wgpu::Device, state: &VulkanImageState) -> Option<wgpu::CommandBuffer> {
    let whole = vk::ImageSubresourceRange::default()
        .aspect_mask(vk::ImageAspectFlags::COLOR)
        .level_count(1)
        .layer_count(1);
    // What was written before the semaphore was signalled can be seen once it was waited for.
    let barrier = vk::ImageMemoryBarrier::default()
        .src_access_mask(vk::AccessFlags::empty())
        .dst_access_mask(vk::AccessFlags::TRANSFER_READ)
        .old_layout(vk::ImageLayout::from_raw(state.layout))
        .new_layout(READ_IN)
        .src_queue_family_index(vk::QUEUE_FAMILY_IGNORED)
        .dst_queue_family_index(vk::QUEUE_FAMILY_IGNORED)
        .image(vk::Image::from_raw(state.image))
        .subresource_range(whole);
    let stages = (
        vk::PipelineStageFlags::ALL_COMMANDS,
        vk::PipelineStageFlags::TRANSFER,
    );
    // SAFETY: the image is in the old layout once its semaphore was waited for, and wgpu takes it to
    // be in the new one.
    unsafe { vulkan_memory::record_barriers(device, stages, &[], &[barrier]) }
}

/// The value that an image's semaphore has.
#[cfg(test)]
pub(super) fn reached(device: &wgpu::Device, state: &VulkanImageState) -> u64 {
    let semaphore = vk::Semaphore::from_raw(state.semaphore);
    // SAFETY: the device is only used while the guard lives, and the semaphore is one of its own.
    unsafe {
        let vulkan = device.as_hal::<Vulkan>().unwrap();
        let value = vulkan.raw_device().get_semaphore_counter_value(semaphore);
        value.unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: vk::QueueFlags = vk::QueueFlags::from_raw(
        vk::QueueFlags::GRAPHICS.as_raw()
            | vk::QueueFlags::COMPUTE.as_raw()
            | vk::QueueFlags::TRANSFER.as_raw(),
    );
    const DECODES: vk::QueueFlags = vk::QueueFlags::VIDEO_DECODE_KHR;

    fn chosen(
        families: &[(vk::QueueFlags, u32, bool)],
        needs_video: bool,
    ) -> Option<Vec<(u32, u32, vk::QueueFlags)>> {
        let properties: Vec<_> = families
            .iter()
            .map(|&(flags, queues, _)| {
                vk::QueueFamilyProperties::default()
                    .queue_flags(flags)
                    .queue_count(queues)
            })
            .collect();
        let decodes: Vec<_> = families.iter().map(|&(_, _, decodes)| decodes).collect();
        let chosen = choose_families(&properties, &decodes, needs_video)?;
        let as_told = |family: VulkanQueueFamily| {
            let flags = vk::QueueFlags::from_raw(family.flags);
            (family.index, family.queues, flags)
        };
        Some(chosen.into_iter().map(as_told).collect())
    }

    #[test]
    fn decoders_have_queues_of_their_own_where_there_are_such() {
        let copying = vk::QueueFlags::COMPUTE | vk::QueueFlags::TRANSFER;
        let families = [
            (DRAWS, 16, false),
            (vk::QueueFlags::TRANSFER, 2, false),
            (copying, 8, false),
            (DECODES | vk::QueueFlags::TRANSFER, 5, true),
        ];
        assert_eq!(
            chosen(&families, true).unwrap(),
            [
                (0, 1, vk::QueueFlags::GRAPHICS),
                (2, 1, copying),
                (3, MAX_DECODING_QUEUES, DECODES),
            ]
        );
    }

    #[test]
    fn decoders_copy_where_is_drawn_if_there_is_no_other_queue() {
        let families = [(DRAWS, 1, false), (DECODES, 2, true)];
        assert_eq!(
            chosen(&families, true).unwrap(),
            [(0, 1, DRAWS), (1, 2, DECODES)]
        );
        assert_eq!(chosen(&families, false).unwrap(), [(0, 1, DRAWS)]);
    }

    #[test]
    fn a_driver_that_decodes_no_h264_is_left_alone() {
        assert_eq!(chosen(&[(DRAWS, 1, false)], true), None);
        let families = [(DRAWS, 1, false), (DECODES, 1, false)];
        assert_eq!(chosen(&families, true), None);
    }
}
