//! FFmpeg's hardware decoders.
//!
//! Unsafe, because the device, the choice of a format, the transfer out of the device's memory and
//! the way to where a picture lies in it are offered by FFmpeg's C interface alone.

use std::ffi::c_int;
use std::ptr;
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::{
    ffi::{c_uint, c_void},
    sync::OnceLock,
};

use super::DecoderKind;
#[cfg(target_os = "linux")]
use super::device_picture::{
    CudaDevice, CudaPicture, CudaPlane, DmaBufPicture, DmaBufPlane, HardwarePicture,
};
use super::device_picture::{DevicePicture, Import, ImportError, PictureImporter};
use super::ffmpeg_library as ffi;
use super::ffmpeg_types::{Codec, Context, FfmpegError, Frame};

/// The form in which a hardware decoder's pictures lie in its own memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HardwareFormat(c_int);

impl HardwareFormat {
    /// How `codec` decodes by the hardware of this kind; `None` where this FFmpeg was built without.
    pub(super) fn of(codec: Codec, kind: DecoderKind) -> Option<Self> {
        let wanted = device_type(kind)?;
        (0..)
            .map_while(|index| {
                // SAFETY: the codec is one of FFmpeg's own, which live as long as the process; an
                // index beyond the last gives null, and what is not null is static too.
                unsafe { ffi::avcodec_get_hw_config(codec.as_ptr(), index).as_ref() }
            })
            .find(|config| {
                let by_device = ffi::AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX as u32 as c_int;
                config.device_type == wanted && config.methods & by_device != 0
            })
            .map(|config| Self(config.pix_fmt as c_int))
    }

    /// True where the frame lies in the hardware's memory, in this form.
    pub(super) fn is_of(self, frame: &Frame) -> bool {
        frame.format() == self.0
    }
}

fn device_type(kind: DecoderKind) -> Option<ffi::AVHWDeviceType> {
    use ffi::AVHWDeviceType::*;
    Some(match kind {
        DecoderKind::Vaapi => AV_HWDEVICE_TYPE_VAAPI,
        DecoderKind::Nvdec => AV_HWDEVICE_TYPE_CUDA,
        DecoderKind::VulkanVideo => AV_HWDEVICE_TYPE_VULKAN,
        DecoderKind::VideoToolbox => AV_HWDEVICE_TYPE_VIDEOTOOLBOX,
        DecoderKind::D3d11va => AV_HWDEVICE_TYPE_D3D11VA,
        DecoderKind::Ffmpeg | DecoderKind::OpenH264 => return None,
    })
}

/// Has a decoder that is not open yet decode on the system's default device of a kind, or on the one
/// that `importer` offers, and on nothing else. So many pictures more than it needs may be kept by others at a time.
pub(super) fn attach(
    context: &mut Context,
    kind: DecoderKind,
    format: HardwareFormat,
    importer: Option<&Arc<dyn PictureImporter>>,
    extra_frames: usize,
) -> Result<(), FfmpegError> {
    let device = match offered_device(kind, importer) {
        Some(device) => device,
        None => default_device(kind)?,
    };
    // SAFETY: the context is borrowed alone and not open. It takes over the only reference to the
    // device and drops it when it is freed. `opaque` is the caller's to use and is never
    // dereferenced: it holds a number.
    unsafe {
        let context = context.as_mut_ptr();
        (*context).hw_device_ctx = device;
        (*context).opaque = ptr::without_provenance_mut(format.0 as usize);
        (*context).get_format = Some(choose_format);
        if extra_frames > 0 {
            (*context).extra_hw_frames = extra_frames as c_int;
        }
        // Levels and profiles in RDP streams are what servers write there, not what they use.
        (*context).hwaccel_flags |=
            ffi::AV_HWACCEL_FLAG_IGNORE_LEVEL | ffi::AV_HWACCEL_FLAG_ALLOW_PROFILE_MISMATCH;
    }
    Ok(())
}

/// The only reference to the system's default device of a kind.
fn default_device(kind: DecoderKind) -> Result<*mut ffi::AVBufferRef, FfmpegError> {
    let device_type = device_type(kind).ok_or(FfmpegError::INVALID)?;
    let mut device = ptr::null_mut();
    // SAFETY: `device` is written on success alone; no name and no options mean the default.
    FfmpegError::check(unsafe {
        ffi::av_hwdevice_ctx_create(&mut device, device_type, ptr::null(), ptr::null_mut(), 0)
    })?;
    Ok(device)
}

/// The only reference to FFmpeg's device on the one that is drawn with. Where it has none, pictures
/// are decoded elsewhere, and their import is refused.
#[cfg(ffmpeg_vulkan)]
fn offered_device(
    kind: DecoderKind,
    importer: Option<&Arc<dyn PictureImporter>>,
) -> Option<*mut ffi::AVBufferRef> {
    let importer = importer.filter(|importer| importer.wants(kind));
    let device = importer
        .filter(|_| kind == DecoderKind::VulkanVideo)?
        .vulkan_device()?;
    super::vulkan_device::shared::device(&device)
        .inspect_err(|error| tracing::warn!(%error, "no decoder opens on the device that draws"))
        .ok()
}

/// This FFmpeg takes no device of others.
#[cfg(not(ffmpeg_vulkan))]
fn offered_device(
    _: DecoderKind,
    _: Option<&Arc<dyn PictureImporter>>,
) -> Option<*mut ffi::AVBufferRef> {
    None
}

/// Takes the hardware's format or none: FFmpeg's own choice would be to decode on the CPU in
/// silence.
unsafe extern "C" fn choose_format(
    context: *mut ffi::AVCodecContext,
    offered: *const ffi::AVPixelFormat,
) -> ffi::AVPixelFormat {
    // SAFETY: FFmpeg calls with its own context, whose `opaque` was set by `attach`, and with a
    // list that ends with -1. It is read as numbers: a newer FFmpeg may have formats that the
    // enumeration lacks, and only the one that came from this FFmpeg's own list is handed back.
    unsafe {
        let wanted = (*context).opaque.addr() as c_int;
        let mut place = offered;
        while *place.cast::<c_int>() != -1 {
            if *place.cast::<c_int>() == wanted {
                return *place;
            }
            place = place.add(1);
        }
    }
    ffi::AVPixelFormat::AV_PIX_FMT_NONE
}

/// A counted reference to what FFmpeg keeps, a device for instance.
pub(super) struct DeviceReference(*mut ffi::AVBufferRef);

// SAFETY: the reference is only kept and dropped, and FFmpeg counts references atomically.
unsafe impl Send for DeviceReference {}
// SAFETY: as above: nothing can be done with a borrowed one.
unsafe impl Sync for DeviceReference {}

impl DeviceReference {
    /// Another reference to what a device's frames are of.
    ///
    /// # Safety
    /// The reference is null or valid.
    #[cfg(any(target_os = "linux", windows))]
    pub(super) unsafe fn another(reference: *mut ffi::AVBufferRef) -> Result<Self, ImportError> {
        let another = match reference.is_null() {
            true => reference,
            // SAFETY: as the caller says.
            false => unsafe { ffi::av_buffer_ref(reference) },
        };
        match another.is_null() {
            true => Err(ImportError::new("no memory for a reference")),
            false => Ok(Self(another)),
        }
    }

    /// The only one to what it points to, or to nothing.
    #[cfg(ffmpeg_vulkan)]
    pub(super) fn of(reference: *mut ffi::AVBufferRef) -> Self {
        Self(reference)
    }

    #[cfg(ffmpeg_vulkan)]
    pub(super) fn raw(&self) -> *mut ffi::AVBufferRef {
        self.0
    }

    /// One that keeps nothing. For tests.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self(ptr::null_mut())
    }
}

impl Drop for DeviceReference {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the reference is this one's own.
            unsafe { ffi::av_buffer_unref(&mut self.0) };
        }
    }
}

impl std::fmt::Debug for DeviceReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceReference")
    }
}

/// Hands `import` a picture where it lies in the hardware's memory.
#[cfg_attr(
    not(any(target_os = "linux", target_os = "macos", windows)),
    expect(unused_variables, reason = "there is no way to any decoder's pictures")
)]
pub(super) fn lend(
    frame: &Frame,
    kind: DecoderKind,
    import: &mut Import<'_>,
) -> Result<DevicePicture, ImportError> {
    // SAFETY: the pointer is to the frame that is borrowed here. What its buffer of frames and that
    // one's device point to lives as long as they, and the format says of which kind they are.
    unsafe {
        let raw = frame.as_ptr();
        let frames = (*raw).hw_frames_ctx;
        if frames.is_null() {
            return Err(ImportError::new("the picture is in no device's memory"));
        }
        let frames = (*frames).data.cast::<ffi::AVHWFramesContext>();
        // Read as a number: a newer FFmpeg may have formats that the enumeration lacks.
        let samples = (&raw const (*frames).sw_format).cast::<c_int>().read();
        if samples != ffi::AVPixelFormat::AV_PIX_FMT_NV12 as c_int {
            return Err(ImportError::new("its samples are not NV12"));
        }
        match kind {
            #[cfg(target_os = "linux")]
            DecoderKind::Vaapi => lend_dma_bufs(frame, (*frames).device_ctx, import),
            #[cfg(target_os = "linux")]
            DecoderKind::Nvdec => lend_cuda(frame, frames, import),
            #[cfg(windows)]
            DecoderKind::D3d11va => super::direct3d::lend(frame, frames, import),
            #[cfg(target_os = "macos")]
            DecoderKind::VideoToolbox => super::pixel_buffer::lend(frame, import),
            #[cfg(ffmpeg_vulkan)]
            DecoderKind::VulkanVideo => super::vulkan_device::shared::lend(frame, frames, import),
            _ => Err(ImportError::new(
                "there is no way to this decoder's pictures",
            )),
        }
    }
}

/// # Safety
/// The frame is one of VAAPI's, of this device.
#[cfg(target_os = "linux")]
unsafe fn lend_dma_bufs(
    frame: &Frame,
    device: *mut ffi::AVHWDeviceContext,
    import: &mut Import<'_>,
) -> Result<DevicePicture, ImportError> {
    let failed = |error: FfmpegError| ImportError(format!("exporting the surface fails: {error}"));
    // SAFETY: as the caller says. A surface's number stands in the place of the fourth plane's
    // address.
    unsafe {
        let vaapi = (*device).hwctx.cast::<ffi::AVVAAPIDeviceContext>();
        let surface = (*frame.as_ptr()).data[3].addr() as c_uint;
        synchronise((*vaapi).display.cast(), surface)?;
    }
    let mut mapped = Frame::new().map_err(failed)?;
    // SAFETY: both frames are valid and different ones. The mapping is undone when the new one is
    // dropped, at the end of this function: whoever imports the buffers has its own handles by then.
    let code = unsafe {
        (*mapped.as_mut_ptr()).format = ffi::AVPixelFormat::AV_PIX_FMT_DRM_PRIME as c_int;
        let flags = ffi::AV_HWFRAME_MAP_READ as c_int;
        ffi::av_hwframe_map(mapped.as_mut_ptr(), frame.as_ptr(), flags)
    };
    FfmpegError::check(code).map_err(failed)?;
    // SAFETY: in this format the first plane's address is that of the description, which lives as
    // long as the frame.
    let description = unsafe {
        (*mapped.as_ptr()).data[0]
            .cast::<ffi::AVDRMFrameDescriptor>()
            .as_ref()
    };
    let description = description.ok_or_else(|| ImportError::new("the surface is nowhere"))?;
    // Compressed surfaces have more planes than pictures have.
    let plane = |index: usize, formats: [u32; 2]| {
        let layer = &description.layers[index];
        let plane = &layer.planes[0];
        let object = usize::try_from(plane.object_index)
            .ok()
            .and_then(|index| description.objects.get(index))
            .filter(|object| layer.nb_planes == 1 && object.fd >= 0)?;
        formats.contains(&layer.format).then_some(())?;
        Some(DmaBufPlane {
            // SAFETY: the description's files are open as long as its frame lives.
            buffer: unsafe { std::os::fd::BorrowedFd::borrow_raw(object.fd) },
            offset_bytes: plane.offset.try_into().ok()?,
            stride_bytes: plane.pitch.try_into().ok()?,
            modifier: object.format_modifier,
        })
    };
    match (description.nb_layers, plane(0, LUMA), plane(1, CHROMA)) {
        (2, Some(luma), Some(chroma)) => import(&HardwarePicture::DmaBuf(DmaBufPicture {
            size: frame.size(),
            luma,
            chroma,
        })),
        _ => Err(ImportError(format!(
            "a surface of {} layers, of {} and {} planes",
            description.nb_layers, description.layers[0].nb_planes, description.layers[1].nb_planes
        ))),
    }
}

/// `DRM_FORMAT_R8`.
#[cfg(target_os = "linux")]
const LUMA: [u32; 2] = [u32::from_le_bytes(*b"R8  "); 2];
/// `DRM_FORMAT_GR88`, Cb first in memory; some drivers have called it by the other name.
#[cfg(target_os = "linux")]
const CHROMA: [u32; 2] = [u32::from_le_bytes(*b"GR88"), u32::from_le_bytes(*b"RG88")];

/// Waits until the hardware has written a surface: exporting it does not.
///
/// # Safety
/// The display is open, and the surface is one of its own.
#[cfg(target_os = "linux")]
unsafe fn synchronise(display: *mut c_void, surface: c_uint) -> Result<(), ImportError> {
    type SyncSurface = unsafe extern "C" fn(*mut c_void, c_uint) -> c_int;
    /// Kept open: FFmpeg, which opened the display with it, has it open as long.
    static LIBRARY: OnceLock<Result<libloading::Library, String>> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| {
        // SAFETY: the library that FFmpeg calls; it is in memory already.
        unsafe { libloading::Library::new("libva.so.2") }.map_err(|error| error.to_string())
    });
    let library = library.as_ref().map_err(ImportError::new)?;
    // SAFETY: the type is that of `vaSyncSurface`: a display, a surface's number, a status.
    let status = unsafe {
        let sync = library
            .get::<SyncSurface>(b"vaSyncSurface\0")
            .map_err(ImportError::new)?;
        sync(display, surface)
    };
    match status {
        0 => Ok(()),
        status => Err(ImportError(format!("the surface is not ready ({status})"))),
    }
}

/// # Safety
/// The frame is one of CUDA's, of these frames.
#[cfg(target_os = "linux")]
unsafe fn lend_cuda(
    frame: &Frame,
    frames: *mut ffi::AVHWFramesContext,
    import: &mut Import<'_>,
) -> Result<DevicePicture, ImportError> {
    // SAFETY: as the caller says. Planes' addresses are those of the device: they are handed on as
    // numbers. The device's reference is counted up before it is kept.
    let (device, planes) = unsafe {
        let cuda = (*(*frames).device_ctx)
            .hwctx
            .cast::<ffi::AVCUDADeviceContext>();
        let device = CudaDevice {
            context: (*cuda).cuda_ctx.addr(),
            stream: (*cuda).stream.addr(),
            _keeps: DeviceReference::another((*frames).device_ref)?,
        };
        let raw = frame.as_ptr();
        let plane = |index: usize| {
            Some(CudaPlane {
                address: (*raw).data[index].addr() as u64,
                stride_bytes: usize::try_from((*raw).linesize[index]).ok()?,
            })
        };
        (Arc::new(device), [plane(0), plane(1)])
    };
    let [Some(luma), Some(chroma)] = planes else {
        return Err(ImportError::new("rows that go backwards"));
    };
    if luma.address == 0 || chroma.address == 0 {
        return Err(ImportError::new("a plane is nowhere"));
    }
    import(&HardwarePicture::Cuda(CudaPicture {
        size: frame.size(),
        luma,
        chroma,
        device: &device,
    }))
}

/// Copies a picture out of the hardware's memory, with all that is known about it.
pub(super) fn transfer(frame: &Frame) -> Result<Frame, FfmpegError> {
    let mut copy = Frame::new()?;
    // SAFETY: both frames are valid and different ones; FFmpeg allocates the empty one in the
    // format that the hardware gives most easily. It looks at the other's hardware context without
    // asking whether there is one, so that is done here.
    unsafe {
        let (to, from) = (copy.as_mut_ptr(), frame.as_ptr());
        if (*from).hw_frames_ctx.is_null() {
            return Err(FfmpegError::INVALID);
        }
        FfmpegError::check(ffi::av_hwframe_transfer_data(to, from, 0))?;
        FfmpegError::check(ffi::av_frame_copy_props(to, from))?;
    }
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::video::HardwarePicture;

    #[test]
    fn software_has_no_hardware_format() {
        let codec = Codec::decoder(c"h264").unwrap();
        for kind in DecoderKind::SOFTWARE {
            assert_eq!(HardwareFormat::of(codec, kind), None);
        }
    }

    #[test]
    fn a_picture_in_memory_is_not_mistaken_for_one_of_the_hardware() {
        let codec = Codec::decoder(c"h264").unwrap();
        let frame =
            Frame::with_buffer(ffi::AVPixelFormat::AV_PIX_FMT_NV12, Size::new(16, 16)).unwrap();
        for kind in DecoderKind::ALL {
            if let Some(format) = HardwareFormat::of(codec, kind) {
                assert!(!format.is_of(&frame), "{kind}");
            }
        }
        assert!(transfer(&frame).is_err());
        let mut import = |_: &HardwarePicture<'_>| -> Result<DevicePicture, ImportError> {
            panic!("there is nothing to import");
        };
        for kind in DecoderKind::ALL {
            assert!(lend(&frame, kind, &mut import).is_err());
        }
        assert!(transfer(&Frame::new().unwrap()).is_err());
    }
}
