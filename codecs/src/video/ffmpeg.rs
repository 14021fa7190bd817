//! H.264 by FFmpeg, in software and by its hardware decoders.

use std::ffi::c_int;
use std::sync::Arc;

use super::annex_b;
use super::device_picture::{MAX_LENT, Sharing};
use super::ffmpeg_hardware::{self, HardwareFormat};
use super::ffmpeg_types::{Codec, Context, Frame};
use super::frame::{ColorDescription, YuvFrame};
use super::{DecoderKind, DecoderLimits, PictureImporter, VideoDecoder, VideoError};
use super::{ffmpeg_log, ffmpeg_types};

/// More slice threads than this do not pay: servers send four slices at most.
const MAX_THREADS: usize = 4;

/// FFmpeg's own H.264 decoder. Threads share the slices of a picture, never pictures, which would
/// delay each by as many as there are threads.
pub struct FfmpegDecoder {
    decoder: Context,
    limits: DecoderLimits,
    kind: DecoderKind,
    /// Where hardware decodes: the form of its pictures.
    hardware: Option<HardwareFormat>,
    /// Where somebody wants its pictures as they lie there.
    sharing: Option<Sharing>,
}

impl FfmpegDecoder {
    /// Opens a decoder on the CPU.
    ///
    /// # Errors
    /// [`VideoError::Unavailable`] where the FFmpeg of this system has none.
    pub fn new(limits: DecoderLimits) -> Result<Self, VideoError> {
        Self::open(DecoderKind::Ffmpeg, limits, None)
    }

    /// Opens a decoder on the system's default hardware of a kind; its pictures are copied into
    /// memory, but for those that `importer` takes as they are. A driver may take its time or crash: [`DecoderKind::open`] guards against the first.
    ///
    /// # Errors
    /// [`VideoError::Unavailable`] where there is no such hardware, or this FFmpeg cannot use it.
    pub fn with_hardware(
        kind: DecoderKind,
        limits: DecoderLimits,
        importer: Option<Arc<dyn PictureImporter>>,
    ) -> Result<Self, VideoError> {
        Self::open(kind, limits, importer)
    }

    /// Whether this FFmpeg can use hardware of a kind, be it there or not; else what is missing.
    pub(super) fn has_hardware(kind: DecoderKind) -> Result<(), String> {
        hardware_format(software_codec()?, kind).map(|_| ())
    }

    fn open(
        kind: DecoderKind,
        limits: DecoderLimits,
        importer: Option<Arc<dyn PictureImporter>>,
    ) -> Result<Self, VideoError> {
        let unavailable = |reason: String| VideoError::Unavailable {
            backend: kind.name(),
            reason,
        };
        let codec = software_codec().map_err(unavailable)?;
        ffmpeg_log::install();
        let mut decoder = Context::new(codec).map_err(|error| unavailable(error.to_string()))?;
        let hardware = if kind.is_hardware() {
            let extra = importer.as_ref().map_or(0, |_| MAX_LENT);
            let format = hardware_format(codec, kind).map_err(unavailable)?;
            ffmpeg_hardware::attach(&mut decoder, kind, format, importer.as_ref(), extra)
                .map_err(|error| unavailable(format!("no device of it opens: {error}")))?;
            Some(format)
        } else {
            None
        };
        decoder.set_low_delay(match hardware {
            // Hardware has its own threads.
            Some(_) => 1,
            None => std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(MAX_THREADS) as c_int,
        });
        let options = [
            // The region mask crops, and auxiliary views have samples where a main view is cropped.
            (c"apply_cropping", "0".to_owned()),
            (c"max_pixels", limits.max_pixels.to_string()),
        ];
        decoder
            .open(&options)
            .map_err(|error| unavailable(error.to_string()))?;
        Ok(Self {
            decoder,
            limits,
            kind,
            hardware,
            sharing: importer.map(|importer| Sharing::new(importer, kind)),
        })
    }

    /// A picture that hardware decoded, where it is or copied into memory.
    fn take(&mut self, frame: Frame) -> Result<YuvFrame, VideoError> {
        if let Some(sharing) = &mut self.sharing
            && let Ok(kept) = frame.another()
        {
            let kind = self.kind;
            let shared = sharing.share(
                frame.size(),
                ColorDescription::of_ffmpeg(&frame),
                |import| ffmpeg_hardware::lend(&frame, kind, import),
                move || copied(&kept, kind),
            );
            if let Some(shared) = shared {
                return Ok(shared);
            }
        }
        copied(&frame, self.kind)
    }

    fn stream_error(&self, reason: impl std::fmt::Display) -> VideoError {
        VideoError::Stream {
            backend: self.kind.name(),
            reason: reason.to_string(),
        }
    }
}

/// A picture of the hardware, copied into memory.
fn copied(frame: &Frame, kind: DecoderKind) -> Result<YuvFrame, VideoError> {
    let copy = ffmpeg_hardware::transfer(frame).map_err(|error| VideoError::Stream {
        backend: kind.name(),
        reason: format!("the picture does not come out: {error}"),
    })?;
    YuvFrame::from_ffmpeg(copy)
}

/// The decoder that hardware is attached to. By name: asked for H.264, a build may offer the
/// decoder of some hardware.
fn software_codec() -> Result<Codec, String> {
    Codec::decoder(c"h264")
}

fn hardware_format(codec: Codec, kind: DecoderKind) -> Result<HardwareFormat, String> {
    HardwareFormat::of(codec, kind).ok_or_else(|| {
        format!(
            "the FFmpeg of this system ({}) was built without it",
            ffmpeg_version()
        )
    })
}

/// The version of the FFmpeg that runs, which may be newer than the one that Oriel was built with;
/// or why there is none.
pub fn ffmpeg_version() -> String {
    match ffmpeg_types::version() {
        Ok([major, minor, micro]) => format!("libavcodec {major}.{minor}.{micro}"),
        Err(reason) => reason.to_owned(),
    }
}

impl VideoDecoder for FfmpegDecoder {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        if annex_b.is_empty() {
            return Ok(None);
        }
        annex_b::check(annex_b, &self.limits)?;
        self.decoder
            .send(annex_b)
            .map_err(|error| self.stream_error(error))?;
        // One access unit makes one picture; should more come, the newest is the one to show.
        let mut newest = None;
        while let Some(frame) = self
            .decoder
            .receive()
            .map_err(|error| self.stream_error(error))?
        {
            newest = Some(frame);
        }
        match (newest, self.hardware) {
            (Some(frame), Some(format)) if format.is_of(&frame) => self.take(frame).map(Some),
            (Some(_), Some(_)) => Err(self.stream_error("the CPU decoded in its place")),
            (newest, _) => newest.map(YuvFrame::from_ffmpeg).transpose(),
        }
    }

    fn name(&self) -> &'static str {
        self.kind.name()
    }
}
