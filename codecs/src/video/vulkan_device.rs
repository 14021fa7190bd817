//! A Vulkan device that is opened by whoever draws, and on which FFmpeg decodes too.
//!
//! ```text
//!  who draws ─▶ VulkanDevice ─▶ FFmpeg's device ─▶ pictures in its images ─▶ VulkanImage ─▶ who draws
//!                  └── queues, of which each is used by one thread at a time ──┘
//! ```
//!
//! Unsafe, because FFmpeg's C interface takes Vulkan's handles as they are, and gives the state of
//! its images in a structure that both sides write.

use std::any::Any;
use std::ffi::{CStr, c_char};
use std::sync::{Condvar, Mutex, PoisonError};

use super::DecoderKind;
use crate::geometry::Size;

/// An opened device, and what of it FFmpeg may use.
pub struct VulkanDevice {
    handles: VulkanHandles,
    extensions: Vec<&'static CStr>,
    /// The same as C has it.
    #[cfg_attr(not(ffmpeg_vulkan), expect(dead_code))]
    extension_names: Vec<*const c_char>,
    families: Vec<VulkanQueueFamily>,
    queues: Vec<Queue>,
    _keeps: Box<dyn Any + Send + Sync>,
}

// SAFETY: the names are static strings. All else is safe to send by itself.
unsafe impl Send for VulkanDevice {}
// SAFETY: as above: nothing changes but the queues' state, which is behind a lock.
unsafe impl Sync for VulkanDevice {}

/// Vulkan's handles, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VulkanHandles {
    /// `PFN_vkGetInstanceProcAddr`.
    pub get_instance_proc_addr: usize,
    /// `VkInstance`, of version 1.3 or later.
    pub instance: usize,
    /// `VkPhysicalDevice`.
    pub physical_device: usize,
    /// `VkDevice`.
    pub device: usize,
}

/// Queues of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VulkanQueueFamily {
    /// Which family.
    pub index: u32,
    /// How many queues the device was opened with.
    pub queues: u32,
    /// What FFmpeg may use them for (`VkQueueFlags`). Images are shared with families that it may
    /// use for nothing that it does, such as drawing.
    pub flags: u32,
}

/// Which queue, and whether somebody uses it.
#[derive(Debug)]
struct Queue {
    family: u32,
    index: u32,
    is_held: Mutex<bool>,
    released: Condvar,
}

impl VulkanDevice {
    /// Whether there is any point in opening one: this FFmpeg takes it and decodes on it.
    pub fn is_of_use() -> bool {
        cfg!(ffmpeg_vulkan) && DecoderKind::VulkanVideo.look().is_ok()
    }

    /// A device whose `extensions` are on, as are timeline semaphores, the second form of
    /// synchronisation and conversion of YCbCr. `keeps` is what keeps it open.
    ///
    /// # Safety
    /// The handles are one another's and valid as long as `keeps` lives; the device was opened with
    /// these extensions and queues; and whoever else uses its queues holds them meanwhile.
    pub unsafe fn new(
        handles: VulkanHandles,
        extensions: Vec<&'static CStr>,
        families: Vec<VulkanQueueFamily>,
        keeps: Box<dyn Any + Send + Sync>,
    ) -> Self {
        let queues = families.iter().flat_map(|family| {
            (0..family.queues).map(|index| Queue {
                family: family.index,
                index,
                is_held: Mutex::default(),
                released: Condvar::new(),
            })
        });
        Self {
            handles,
            extension_names: extensions.iter().map(|name| name.as_ptr()).collect(),
            queues: queues.collect(),
            extensions,
            families,
            _keeps: keeps,
        }
    }

    /// Its handles.
    pub fn handles(&self) -> VulkanHandles {
        self.handles
    }

    /// Holds a queue until the guard is dropped. Queues that FFmpeg does not know are free.
    pub fn hold_queue(&self, family: u32, index: u32) -> HeldQueues<'_> {
        let queue = self.queue(family, index);
        HeldQueues(queue.into_iter().inspect(|queue| queue.hold()).collect())
    }

    /// Holds all queues until the guard is dropped, for what waits for the device as a whole.
    pub fn hold_all_queues(&self) -> HeldQueues<'_> {
        HeldQueues(self.queues.iter().inspect(|queue| queue.hold()).collect())
    }

    fn queue(&self, family: u32, index: u32) -> Option<&Queue> {
        let mut queues = self.queues.iter();
        queues.find(|queue| (queue.family, queue.index) == (family, index))
    }
}

impl std::fmt::Debug for VulkanDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VulkanDevice")
            .field("extensions", &self.extensions)
            .field("families", &self.families)
            .finish_non_exhaustive()
    }
}

impl Queue {
    fn hold(&self) {
        let held = self.is_held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = self
            .released
            .wait_while(held, |is_held| *is_held)
            .unwrap_or_else(PoisonError::into_inner);
        *held = true;
    }

    fn release(&self) {
        *self.is_held.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.released.notify_one();
    }
}

/// Queues that nobody else uses meanwhile.
#[derive(Debug)]
#[must_use = "they are free again when this is dropped"]
pub struct HeldQueues<'a>(Vec<&'a Queue>);

impl Drop for HeldQueues<'_> {
    fn drop(&mut self) {
        for queue in &self.0 {
            queue.release();
        }
    }
}

/// A picture in an image of two planes (`VK_FORMAT_G8_B8R8_2PLANE_420_UNORM`) that can be copied
/// from.
#[derive(Clone, Copy, Debug)]
pub struct VulkanPicture<'a> {
    /// Width and height in pixels.
    pub size: Size,
    /// Width and height of the image, which is larger at its right and at its bottom.
    pub image_size: Size,
    /// The device that it is of (`VkDevice`).
    pub device: usize,
    /// The image.
    pub image: &'a std::sync::Arc<dyn VulkanImage>,
}

/// An image that a decoder writes and reads, and others read between.
pub trait VulkanImage: Send + Sync + std::fmt::Debug {
    /// Calls `visit`, and keeps everybody else from the image until it comes back. It may hand work
    /// that uses the image to a queue: the work waits for the state's semaphore before, and signals
    /// it after, and `visit` changes the state to the one that the work leaves.
    fn visit(&self, visit: &mut dyn FnMut(&mut VulkanImageState));
}

/// What whoever uses an image next must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VulkanImageState {
    /// `VkImage`.
    pub image: u64,
    /// `VkImageLayout`.
    pub layout: i32,
    /// The family that owns it; `VK_QUEUE_FAMILY_IGNORED` where several share it.
    pub queue_family: u32,
    /// `VkSemaphore`, a timeline.
    pub semaphore: u64,
    /// The value of the semaphore from which on the image may be used.
    pub semaphore_value: u64,
}

/// FFmpeg's side of it, in the versions whose structures are known.
#[cfg(ffmpeg_vulkan)]
pub(super) mod shared {
    use std::ffi::c_int;
    use std::ptr;
    use std::sync::Arc;

    use super::{VulkanDevice, VulkanImage, VulkanImageState, VulkanPicture};
    use crate::geometry::Size;
    use crate::video::device_picture::{DevicePicture, HardwarePicture, Import, ImportError};
    use crate::video::ffmpeg_library as ffi;
    use crate::video::ffmpeg_types::{FfmpegError, Frame};

    /// `VK_FORMAT_G8_B8R8_2PLANE_420_UNORM`.
    const TWO_PLANES: c_int = 1_000_156_003;
    /// `VK_IMAGE_USAGE_TRANSFER_SRC_BIT`.
    const COPIED_FROM: c_int = 1;
    /// `VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2`.
    const FEATURES: c_int = 1_000_059_000;

    /// FFmpeg's device on one that is open; the only reference to it.
    pub(in crate::video) fn device(
        device: &Arc<VulkanDevice>,
    ) -> Result<*mut ffi::AVBufferRef, FfmpegError> {
        // SAFETY: FFmpeg gives a device of this type that is its own and not in use yet. The handles
        // and what the names point to live as long as the counted reference to the device, which is
        // given back when FFmpeg's is freed, be it here.
        unsafe {
            let mut reference =
                ffi::av_hwdevice_ctx_alloc(ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_VULKAN);
            if reference.is_null() {
                return Err(FfmpegError::NO_MEMORY);
            }
            let context = (*reference).data.cast::<ffi::AVHWDeviceContext>();
            (*context).user_opaque = Arc::into_raw(device.clone()).cast_mut().cast();
            (*context).free = Some(free);
            let vulkan = (*context).hwctx.cast::<ffi::AVVulkanDeviceContext>();
            let handles = device.handles;
            (*vulkan).get_proc_addr =
                std::mem::transmute::<*const (), ffi::PFN_vkGetInstanceProcAddr>(
                    ptr::with_exposed_provenance(handles.get_instance_proc_addr),
                );
            (*vulkan).inst = ptr::with_exposed_provenance_mut(handles.instance);
            (*vulkan).phys_dev = ptr::with_exposed_provenance_mut(handles.physical_device);
            (*vulkan).act_dev = ptr::with_exposed_provenance_mut(handles.device);
            (*vulkan).device_features.sType = FEATURES;
            (*vulkan).enabled_dev_extensions = device.extension_names.as_ptr();
            (*vulkan).nb_enabled_dev_extensions = device.extension_names.len() as c_int;
            (*vulkan).lock_queue = Some(lock_queue);
            (*vulkan).unlock_queue = Some(unlock_queue);
            let places = (*vulkan).qf.iter_mut();
            for (place, family) in places.zip(&device.families) {
                place.idx = family.index as c_int;
                place.num = family.queues as c_int;
                place.flags = family.flags;
                (*vulkan).nb_qf += 1;
            }
            let started = FfmpegError::check(ffi::av_hwdevice_ctx_init(reference));
            if started.is_err() {
                ffi::av_buffer_unref(&mut reference);
            }
            started.map(|()| reference)
        }
    }

    unsafe extern "C" fn free(context: *mut ffi::AVHWDeviceContext) {
        // SAFETY: FFmpeg calls this once, with a device that `device` made.
        drop(unsafe { Arc::from_raw((*context).user_opaque.cast::<VulkanDevice>()) });
    }

    unsafe extern "C" fn lock_queue(context: *mut ffi::AVHWDeviceContext, family: u32, index: u32) {
        // SAFETY: FFmpeg calls with a device that `device` made, and not after `free`.
        let device = unsafe { &*(*context).user_opaque.cast::<VulkanDevice>() };
        if let Some(queue) = device.queue(family, index) {
            queue.hold();
        }
    }

    unsafe extern "C" fn unlock_queue(
        context: *mut ffi::AVHWDeviceContext,
        family: u32,
        index: u32,
    ) {
        // SAFETY: as with `lock_queue`, after which it is called.
        let device = unsafe { &*(*context).user_opaque.cast::<VulkanDevice>() };
        if let Some(queue) = device.queue(family, index) {
            queue.release();
        }
    }

    /// Hands `import` a picture where it lies.
    ///
    /// # Safety
    /// The frame is one of Vulkan's, of these frames.
    pub(in crate::video) unsafe fn lend(
        frame: &Frame,
        frames: *mut ffi::AVHWFramesContext,
        import: &mut Import<'_>,
    ) -> Result<DevicePicture, ImportError> {
        // SAFETY: as the caller says; the format says what lies behind the first plane's address.
        let (device, image_size) = unsafe {
            let context = (*frames).hwctx.cast::<ffi::AVVulkanFramesContext>();
            let image = (*frame.as_ptr()).data[0].cast::<ffi::AVVkFrame>();
            if image.is_null() || (*image).img[0] == 0 || (*image).img[1] != 0 {
                return Err(ImportError::new("a picture that is not one image"));
            }
            if (*context).format[0] != TWO_PLANES || (*context).usage & COPIED_FROM == 0 {
                return Err(ImportError::new("an image that cannot be copied from"));
            }
            let device = (*(*frames).device_ctx)
                .hwctx
                .cast::<ffi::AVVulkanDeviceContext>();
            let side = |length: c_int| u32::try_from(length).unwrap_or(0);
            (
                (*device).act_dev.addr(),
                Size::new(side((*frames).width), side((*frames).height)),
            )
        };
        let kept = frame
            .another()
            .map_err(|error| ImportError(error.to_string()))?;
        let image: Arc<dyn VulkanImage> = Arc::new(LentImage(kept));
        import(&HardwarePicture::Vulkan(VulkanPicture {
            size: frame.size(),
            image_size,
            device,
            image: &image,
        }))
    }

    /// A frame that `lend` has looked at.
    struct LentImage(Frame);

    impl std::fmt::Debug for LentImage {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("LentImage")
        }
    }

    impl VulkanImage for LentImage {
        fn visit(&self, visit: &mut dyn FnMut(&mut VulkanImageState)) {
            let locked = LockedFrame::new(&self.0);
            // SAFETY: the frame is Vulkan's and one image, and nobody else looks at its state.
            let image = unsafe { &mut *locked.image };
            let mut state = VulkanImageState {
                image: image.img[0],
                layout: image.layout[0],
                queue_family: image.queue_family[0],
                semaphore: image.sem[0],
                semaphore_value: image.sem_value[0],
            };
            visit(&mut state);
            image.layout[0] = state.layout;
            image.queue_family[0] = state.queue_family;
            image.sem_value[0] = state.semaphore_value;
        }
    }

    /// A frame that is unlocked when this is dropped, whatever happens meanwhile.
    struct LockedFrame<'a> {
        frames: *mut ffi::AVHWFramesContext,
        image: *mut ffi::AVVkFrame,
        _frame: &'a Frame,
    }

    impl<'a> LockedFrame<'a> {
        fn new(frame: &'a Frame) -> Self {
            // SAFETY: only a frame of Vulkan's gets here. What it is of lives as long as it, and has
            // functions for locking since it was initialised.
            unsafe {
                let raw = frame.as_ptr();
                let frames = (*(*raw).hw_frames_ctx)
                    .data
                    .cast::<ffi::AVHWFramesContext>();
                let image = (*raw).data[0].cast::<ffi::AVVkFrame>();
                let context = (*frames).hwctx.cast::<ffi::AVVulkanFramesContext>();
                if let Some(lock) = (*context).lock_frame {
                    lock(frames, image);
                }
                Self {
                    frames,
                    image,
                    _frame: frame,
                }
            }
        }
    }

    impl Drop for LockedFrame<'_> {
        fn drop(&mut self) {
            // SAFETY: as in `new`, which locked it.
            unsafe {
                let context = (*self.frames).hwctx.cast::<ffi::AVVulkanFramesContext>();
                if let Some(unlock) = (*context).unlock_frame {
                    unlock(self.frames, self.image);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn device() -> VulkanDevice {
        let handles = VulkanHandles {
            get_instance_proc_addr: 0,
            instance: 0,
            physical_device: 0,
            device: 0,
        };
        let family = |index, queues| VulkanQueueFamily {
            index,
            queues,
            flags: 1,
        };
        // SAFETY: nothing is called with it.
        unsafe {
            VulkanDevice::new(
                handles,
                Vec::new(),
                vec![family(0, 1), family(3, 2)],
                Box::new(()),
            )
        }
    }

    #[test]
    fn a_queue_is_held_by_one_at_a_time() {
        let device = device();
        let _other = device.hold_queue(3, 0);
        let held = device.hold_queue(3, 1);
        let (tell, told) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _held = device.hold_queue(3, 1);
                tell.send(()).unwrap();
            });
            let waits = told.recv_timeout(Duration::from_millis(50));
            assert!(waits.is_err(), "two held it");
            drop(held);
            told.recv_timeout(Duration::from_secs(10)).unwrap();
        });
    }

    #[test]
    fn all_queues_are_held_together_and_none_that_is_unknown() {
        let device = device();
        drop(device.hold_queue(7, 0));
        let all = device.hold_all_queues();
        assert_eq!(all.0.len(), 3);
        drop(all);
        assert_eq!(device.hold_all_queues().0.len(), 3);
    }
}
