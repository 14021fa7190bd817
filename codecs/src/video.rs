//! H.264: decoders behind one trait, an encoder, and the decoder that a surface owns.
//!
//! ```text
//!  payload ─▶ AvcSurfaceDecoder ─▶ FallbackDecoder ─▶ FfmpegDecoder ──────────────┐
//!             (avc: views,          (steps down, feeds OpenH264Decoder            ├─▶ YuvFrame
//!              regions)              again from the    WatchedDecoder:            │   ─▶ yuv, or GPU
//!                                    last key frame)    hardware, on a thread ────┘
//! ```
//!
//! A decoder takes one access unit and gives one picture, with no frame of delay: the graphics
//! pipeline has no B pictures. FFmpeg's pictures are lent, not copied. What a stream may cost is
//! bounded by [`DecoderLimits`] before a backend sees it.
//!
//! [`DecoderKind`] names what there is. Whether hardware works is found out by [`probe()`], which has
//! it decode pictures that are known; that it goes on working is watched by [`FallbackDecoder`].
//!
//! Hardware's pictures are copied into memory, or, where a [`PictureImporter`] takes them, stay in
//! the GPU's: such a [`YuvFrame`] is copied only where somebody asks for its samples.

mod annex_b;
mod backend;
mod device_picture;
#[cfg(windows)]
#[allow(unsafe_code)] // As of the hardware interface, of which it is a part: see the module.
mod direct3d;
mod encoder;
mod fallback;
mod ffmpeg;
#[allow(unsafe_code)] // FFmpeg's hardware interface: see the module.
mod ffmpeg_hardware;
#[allow(unsafe_code)] // FFmpeg's functions, opened when they are needed: see the module.
mod ffmpeg_library;
#[allow(unsafe_code)] // A C callback with a va_list: see the module.
mod ffmpeg_log;
#[allow(unsafe_code)] // Calls of those functions: see the module.
mod ffmpeg_types;
mod frame;
mod openh264;
#[cfg(target_os = "macos")]
#[allow(unsafe_code)] // As of the hardware interface, of which it is a part: see the module.
mod pixel_buffer;
mod probe;
mod replay;
mod sequence_parameters;
mod surface;
mod suspicion;
#[allow(unsafe_code)] // FFmpeg's interface to Vulkan: see the module.
mod vulkan_device;
#[allow(unsafe_code)] // The same.
mod vulkan_uploads;
mod watched;

pub use backend::{DecoderKind, UnknownDecoder};
pub use device_picture::{
    CudaDevice, CudaPicture, CudaPlane, DevicePicture, HardwarePicture, ImportError,
    PictureImporter,
};
#[cfg(target_os = "linux")]
pub use device_picture::{DmaBufPicture, DmaBufPlane};
#[cfg(windows)]
pub use direct3d::{Direct3dDevice, Direct3dPicture, HeldContext};
pub use encoder::{EncodeError, EncodedKind, EncoderSettings, H264Encoder, RateControl};
pub use fallback::{Backend, DecoderEvent, FallbackDecoder};
pub use ffmpeg::{FfmpegDecoder, ffmpeg_version};
pub use frame::{ColorDescription, ColorMatrix, ColorRange, YuvFrame};
pub use openh264::OpenH264Decoder;
#[cfg(target_os = "macos")]
pub use pixel_buffer::PixelBufferPicture;
pub use probe::{ProbeError, ProbeReport, probe, probe_decoder};
pub use surface::{AvcSurfaceDecoder, AvcVersion, DecodedAvc};
pub use vulkan_device::{
    HeldQueues, VulkanDevice, VulkanHandles, VulkanImage, VulkanImageState, VulkanPicture,
    VulkanQueueFamily,
};
#[doc(hidden)]
pub use vulkan_uploads::VulkanUploads;
pub use watched::{Deadlines, WatchedDecoder};

use std::time::Duration;

use thiserror::Error;

use crate::avc::AvcError;
use crate::geometry::Size;
use crate::yuv::coded_size;

/// Something that decodes H.264, one access unit at a time.
pub trait VideoDecoder: Send {
    /// Decodes one access unit in the byte stream format of Annex B.
    ///
    /// `Ok(None)` where it holds no picture, only parameter sets for instance.
    ///
    /// # Errors
    /// [`VideoError::Stream`] where the bytes are not a stream that goes on from what came before.
    /// The decoder stays usable: the next key frame may succeed.
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError>;

    /// Name of the implementation, for statistics and logs.
    fn name(&self) -> &'static str;

    /// What has happened that whoever shows the pictures should know.
    fn poll_event(&mut self) -> Option<DecoderEvent> {
        None
    }
}

/// Why there is no picture.
#[derive(Debug, Error)]
pub enum VideoError {
    /// The decoder cannot be had on this system.
    #[error("the {backend} decoder does not start: {reason}")]
    Unavailable {
        /// Which decoder.
        backend: &'static str,
        /// What it says.
        reason: String,
    },
    /// The peer's stream cannot be decoded.
    #[error("{backend} cannot decode the stream: {reason}")]
    Stream {
        /// Which decoder.
        backend: &'static str,
        /// What it says.
        reason: String,
    },
    /// The decoder does not answer. It can be dropped, and nothing else.
    #[error("{backend} has not answered for {} ms", after.as_millis())]
    Stalled {
        /// Which decoder.
        backend: &'static str,
        /// How long it had.
        after: Duration,
    },
    /// The decoder broke down. It can be dropped, and nothing else.
    #[error("{backend} broke down")]
    Panicked {
        /// Which decoder.
        backend: &'static str,
    },
    /// The decoder's pictures are of another size than the stream says.
    #[error("{backend} gives pictures of {}x{}", size.width, size.height)]
    WrongSize {
        /// Which decoder.
        backend: &'static str,
        /// The size that came.
        size: Size,
    },
    /// The decoder's picture is of one colour, and another decoder's is not.
    #[error("{backend} gives empty pictures")]
    Blank {
        /// Which decoder.
        backend: &'static str,
    },
    /// The decoder was lost together with what its pictures build on.
    #[error("the next key frame is awaited")]
    AwaitingKeyFrame,
    /// The peer's stream is for larger pictures than agreed.
    #[error("the stream is for pictures of {width}x{height}, more than {max_pixels} pixels")]
    TooLarge {
        /// Coded width.
        width: u64,
        /// Coded height.
        height: u64,
        /// The bound.
        max_pixels: u64,
    },
    /// The peer's access unit is longer than any real one.
    #[error("an access unit of {bytes} bytes")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The peer's stream has a form of samples that the graphics pipeline does not use.
    #[error("pictures in a format, {0}, that the graphics pipeline does not use")]
    PixelFormat(String),
    /// The picture does not come out of the decoder's own memory.
    #[error("the picture cannot be copied out of the decoder's memory: {0}")]
    Copy(String),
    /// A view of a frame holds no picture, or decoders gave none for too long.
    #[error("no picture comes out of the stream")]
    NoPicture,
    /// The region mask would have the same pixels converted many times over.
    #[error("the regions cover {covered_px} pixels of a picture of {picture_px}")]
    Regions {
        /// Sum of the regions' areas.
        covered_px: u64,
        /// Area of the picture.
        picture_px: u64,
    },
    /// The payload around the stream is malformed.
    #[error(transparent)]
    Payload(#[from] AvcError),
}

/// Longest access unit that is decoded: eight bits a pixel and more at the largest picture.
pub const MAX_ACCESS_UNIT_BYTES: usize = 64 << 20;

/// What a stream may ask of a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderLimits {
    /// Most pixels of a coded picture. A decoder holds up to 17 pictures of 1.5 bytes a pixel.
    pub max_pixels: u64,
}

impl DecoderLimits {
    /// Limits for the stream of a surface. Servers code pictures somewhat larger than the surface.
    pub fn for_surface(size: Size) -> Self {
        const LEAST: u64 = 4096 * 2304;
        Self {
            max_pixels: (coded_size(size).area().saturating_mul(2))
                .clamp(LEAST, Self::default().max_pixels),
        }
    }
}

impl Default for DecoderLimits {
    /// 8192×4352, the largest picture of H.264 level 6.
    fn default() -> Self {
        Self {
            max_pixels: 8192 * 4352,
        }
    }
}
