//! FFmpeg's hardware decoders: what its safe crate has no calls for.
//!
//! Unsafe, because the device, the choice of a format and the transfer out of the device's memory
//! are offered by FFmpeg's C interface alone.

use std::ffi::c_int;
use std::ptr;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::ffi;

use super::DecoderKind;

/// The form in which a hardware decoder's pictures lie in its own memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HardwareFormat(c_int);

impl HardwareFormat {
    /// How `codec` decodes by the hardware of this kind; `None` where this FFmpeg was built without.
    pub(super) fn of(codec: &ffmpeg::Codec, kind: DecoderKind) -> Option<Self> {
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
    pub(super) fn is_of(self, frame: &ffmpeg::frame::Video) -> bool {
        // SAFETY: the pointer is to the frame that is borrowed here.
        unsafe { (*frame.as_ptr()).format == self.0 }
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

/// Has a decoder that is not open yet decode on the system's default device of a kind, and on
/// nothing else.
pub(super) fn attach(
    context: &mut ffmpeg::codec::Context,
    kind: DecoderKind,
    format: HardwareFormat,
) -> Result<(), ffmpeg::Error> {
    let device_type = device_type(kind).ok_or(ffmpeg::Error::DecoderNotFound)?;
    let mut device = ptr::null_mut();
    // SAFETY: `device` is written on success alone; no name and no options mean the default.
    let code = unsafe {
        ffi::av_hwdevice_ctx_create(&mut device, device_type, ptr::null(), ptr::null_mut(), 0)
    };
    if code < 0 {
        return Err(code.into());
    }
    // SAFETY: the context is borrowed alone and not open. It takes over the only reference to the
    // device and drops it when it is freed. `opaque` is the caller's to use and is never
    // dereferenced: it holds a number.
    unsafe {
        let context = context.as_mut_ptr();
        (*context).hw_device_ctx = device;
        (*context).opaque = ptr::without_provenance_mut(format.0 as usize);
        (*context).get_format = Some(choose_format);
        // Levels and profiles in RDP streams are what servers write there, not what they use.
        (*context).hwaccel_flags |=
            ffi::AV_HWACCEL_FLAG_IGNORE_LEVEL | ffi::AV_HWACCEL_FLAG_ALLOW_PROFILE_MISMATCH;
    }
    Ok(())
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

/// Copies a picture out of the hardware's memory, with all that is known about it.
pub(super) fn transfer(
    frame: &ffmpeg::frame::Video,
) -> Result<ffmpeg::frame::Video, ffmpeg::Error> {
    let mut copy = ffmpeg::frame::Video::empty();
    // SAFETY: both frames are valid and different ones; FFmpeg allocates the empty one in the
    // format that the hardware gives most easily. It looks at the other's hardware context without
    // asking whether there is one, so that is done here.
    let code = unsafe {
        let (to, from) = (copy.as_mut_ptr(), frame.as_ptr());
        if (*from).hw_frames_ctx.is_null() {
            return Err(ffmpeg::Error::InvalidData);
        }
        match ffi::av_hwframe_transfer_data(to, from, 0) {
            0.. => ffi::av_frame_copy_props(to, from),
            code => code,
        }
    };
    match code {
        0.. => Ok(copy),
        code => Err(code.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_has_no_hardware_format() {
        let codec = ffmpeg::decoder::find_by_name("h264").unwrap();
        for kind in DecoderKind::SOFTWARE {
            assert_eq!(HardwareFormat::of(&codec, kind), None);
        }
    }

    #[test]
    fn a_picture_in_memory_is_not_mistaken_for_one_of_the_hardware() {
        let codec = ffmpeg::decoder::find_by_name("h264").unwrap();
        let frame = ffmpeg::frame::Video::new(ffmpeg::format::Pixel::NV12, 16, 16);
        for kind in DecoderKind::ALL {
            if let Some(format) = HardwareFormat::of(&codec, kind) {
                assert!(!format.is_of(&frame), "{kind}");
            }
        }
        assert!(transfer(&frame).is_err());
        assert!(transfer(&ffmpeg::frame::Video::empty()).is_err());
    }
}
