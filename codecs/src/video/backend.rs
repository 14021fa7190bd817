//! The decoders there are, by name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::watched::{Deadlines, WatchedDecoder};
use super::{
    DecoderLimits, FfmpegDecoder, OpenH264Decoder, PictureImporter, VideoDecoder, VideoError,
};

/// Drivers compile shaders and wake hardware up when they start; a picture takes them a few
/// milliseconds from then on.
const HARDWARE_DEADLINES: Deadlines = Deadlines {
    start: Duration::from_secs(4),
    first_picture: Duration::from_secs(3),
    picture: Duration::from_secs(1),
};

/// A kind of decoder, in the order in which they are preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DecoderKind {
    /// The video acceleration API of Linux, for Intel and AMD.
    Vaapi,
    /// NVIDIA's decoder, through CUDA.
    Nvdec,
    /// Vulkan Video.
    VulkanVideo,
    /// macOS's decoder.
    VideoToolbox,
    /// Direct3D 11's decoder, of Windows.
    D3d11va,
    /// FFmpeg on the CPU.
    Ffmpeg,
    /// OpenH264 on the CPU.
    OpenH264,
}

impl DecoderKind {
    /// All of them, best first.
    pub const ALL: [Self; 7] = [
        Self::Vaapi,
        Self::Nvdec,
        Self::VulkanVideo,
        Self::VideoToolbox,
        Self::D3d11va,
        Self::Ffmpeg,
        Self::OpenH264,
    ];

    /// Those that run on any CPU, best first.
    pub const SOFTWARE: [Self; 2] = [Self::Ffmpeg, Self::OpenH264];

    /// Its name on the command line, in files and in figures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vaapi => "vaapi",
            Self::Nvdec => "nvdec",
            Self::VulkanVideo => "vulkan",
            Self::VideoToolbox => "videotoolbox",
            Self::D3d11va => "d3d11va",
            Self::Ffmpeg => "ffmpeg",
            Self::OpenH264 => "openh264",
        }
    }

    /// What it runs on.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Vaapi => "Intel and AMD GPUs on Linux",
            Self::Nvdec => "NVIDIA GPUs",
            Self::VulkanVideo => "Vulkan Video",
            Self::VideoToolbox => "macOS",
            Self::D3d11va => "Direct3D 11 on Windows",
            Self::Ffmpeg | Self::OpenH264 => "the CPU",
        }
    }

    /// True where a driver does the work, which may fail in the ways of drivers.
    pub const fn is_hardware(self) -> bool {
        !matches!(self, Self::Ffmpeg | Self::OpenH264)
    }

    /// Whether there is any point in opening it, told without waking a driver.
    ///
    /// # Errors
    /// [`VideoError::Unavailable`] where this system or its FFmpeg has no such decoder.
    pub fn look(self) -> Result<(), VideoError> {
        if !self.is_hardware() {
            return Ok(());
        }
        let unavailable = |reason: &str| VideoError::Unavailable {
            backend: self.name(),
            reason: reason.to_owned(),
        };
        // Devices first: asking FFmpeg means loading it.
        self.look_for_devices().map_err(unavailable)?;
        FfmpegDecoder::has_hardware(self).map_err(|reason| unavailable(&reason))
    }

    #[cfg(target_os = "linux")]
    fn look_for_devices(self) -> Result<(), &'static str> {
        let has_nvidia = || std::path::Path::new("/dev/nvidiactl").exists();
        let has_render_node = || {
            std::fs::read_dir("/dev/dri").is_ok_and(|mut entries| {
                entries.any(|entry| {
                    entry.is_ok_and(|entry| {
                        entry.file_name().to_string_lossy().starts_with("renderD")
                    })
                })
            })
        };
        match self {
            Self::Vaapi if !has_render_node() => {
                Err("there is no graphics device under /dev/dri that programs may draw with")
            }
            Self::Nvdec if !has_nvidia() => Err("NVIDIA's driver is not loaded"),
            Self::VulkanVideo if !has_render_node() && !has_nvidia() => {
                Err("there is no graphics device under /dev that programs may draw with")
            }
            Self::VideoToolbox => Err("it is a part of macOS"),
            Self::D3d11va => Err("it is a part of Windows"),
            _ => Ok(()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn look_for_devices(self) -> Result<(), &'static str> {
        Ok(())
    }

    /// Opens it. Hardware decodes on a thread of its own, where a stall is noticed.
    ///
    /// # Errors
    /// [`VideoError::Unavailable`] where it cannot be had; [`VideoError::Stalled`] and
    /// [`VideoError::Panicked`] where its driver does not come back.
    pub fn open(self, limits: DecoderLimits) -> Result<Box<dyn VideoDecoder>, VideoError> {
        self.open_sharing(limits, None)
    }

    /// Opens it. Hardware lends its pictures to `importer`, where there is one that wants them.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_sharing(
        self,
        limits: DecoderLimits,
        importer: Option<Arc<dyn PictureImporter>>,
    ) -> Result<Box<dyn VideoDecoder>, VideoError> {
        Ok(match self {
            Self::Ffmpeg => Box::new(FfmpegDecoder::new(limits)?),
            Self::OpenH264 => Box::new(OpenH264Decoder::new(limits)?),
            _ => {
                self.look()?;
                let open = move || -> Result<Box<dyn VideoDecoder>, VideoError> {
                    Ok(Box::new(FfmpegDecoder::with_hardware(
                        self, limits, importer,
                    )?))
                };
                Box::new(WatchedDecoder::start(
                    self.name(),
                    HARDWARE_DEADLINES,
                    open,
                )?)
            }
        })
    }
}

impl fmt::Display for DecoderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DecoderKind {
    type Err = UnknownDecoder;

    fn from_str(name: &str) -> Result<Self, UnknownDecoder> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or(UnknownDecoder)
    }
}

/// No decoder has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no decoder has that name")]
pub struct UnknownDecoder;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_by_its_name() {
        for kind in DecoderKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert_eq!("h264".parse::<DecoderKind>(), Err(UnknownDecoder));
    }

    #[test]
    fn hardware_that_is_not_there_is_refused_with_a_reason_and_never_opened() {
        for kind in DecoderKind::ALL {
            if kind.look().is_ok() {
                continue;
            }
            match kind.open(DecoderLimits::default()).err() {
                Some(VideoError::Unavailable { backend, reason }) => {
                    assert_eq!(backend, kind.name());
                    assert!(!reason.is_empty());
                }
                other => panic!("{kind}: {other:?}"),
            }
        }
    }
}
