//! H.264 by FFmpeg, in software and by its hardware decoders.

use std::sync::Arc;

use ffmpeg_next as ffmpeg;

use super::annex_b;
use super::device_picture::{MAX_LENT, Sharing};
use super::ffmpeg_hardware::{self, HardwareFormat};
use super::frame::{ColorDescription, YuvFrame};
use super::{DecoderKind, DecoderLimits, PictureImporter, VideoDecoder, VideoError, ffmpeg_log};
use crate::geometry::Size;

/// More slice threads than this do not pay: servers send four slices at most.
const MAX_THREADS: usize = 4;

/// FFmpeg's own H.264 decoder. Threads share the slices of a picture, never pictures, which would
/// delay each by as many as there are threads.
pub struct FfmpegDecoder {
    decoder: ffmpeg::decoder::Video,
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
        hardware_format(&software_codec()?, kind).map(|_| ())
    }

    fn open(
        kind: DecoderKind,
        limits: DecoderLimits,
        importer: Option<Arc<dyn PictureImporter>>,
    ) -> Result<Self, VideoError> {
        ffmpeg_log::install();
        let unavailable = |reason: String| VideoError::Unavailable {
            backend: kind.name(),
            reason,
        };
        let codec = software_codec().map_err(unavailable)?;
        let mut context = ffmpeg::codec::Context::new_with_codec(codec);
        context.set_flags(ffmpeg::codec::Flags::LOW_DELAY);
        let hardware = if kind.is_hardware() {
            let extra = importer.as_ref().map_or(0, |_| MAX_LENT);
            let format = hardware_format(&codec, kind).map_err(unavailable)?;
            ffmpeg_hardware::attach(&mut context, kind, format, importer.as_ref(), extra)
                .map_err(|error| unavailable(format!("no device of it opens: {error}")))?;
            Some(format)
        } else {
            None
        };
        #[allow(clippy::needless_update, reason = "before FFmpeg 6 there is a third")]
        context.set_threading(ffmpeg::threading::Config {
            kind: ffmpeg::threading::Type::Slice,
            // Hardware has its own.
            count: match hardware {
                Some(_) => 1,
                None => std::thread::available_parallelism()
                    .map_or(1, usize::from)
                    .min(MAX_THREADS),
            },
            ..Default::default()
        });
        let mut options = ffmpeg::Dictionary::new();
        // The region mask crops, and auxiliary views have samples where a main view is cropped.
        options.set("apply_cropping", "0");
        options.set("max_pixels", &limits.max_pixels.to_string());
        let decoder = context
            .decoder()
            .open_as_with(codec, options)
            .and_then(|opened| opened.video())
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
    fn take(&mut self, frame: ffmpeg::frame::Video) -> Result<YuvFrame, VideoError> {
        if let Some(sharing) = &mut self.sharing
            && let Ok(kept) = ffmpeg_hardware::another(&frame)
        {
            let (kind, size) = (self.kind, Size::new(frame.width(), frame.height()));
            let shared = sharing.share(
                size,
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
fn copied(frame: &ffmpeg::frame::Video, kind: DecoderKind) -> Result<YuvFrame, VideoError> {
    let copy = ffmpeg_hardware::transfer(frame).map_err(|error| VideoError::Stream {
        backend: kind.name(),
        reason: format!("the picture does not come out: {error}"),
    })?;
    YuvFrame::from_ffmpeg(copy)
}

/// The decoder that hardware is attached to. By name: asked for H.264, a build may offer the
/// decoder of some hardware.
fn software_codec() -> Result<ffmpeg::Codec, String> {
    ffmpeg::decoder::find_by_name("h264").ok_or_else(|| "it has no decoder named h264".into())
}

fn hardware_format(codec: &ffmpeg::Codec, kind: DecoderKind) -> Result<HardwareFormat, String> {
    HardwareFormat::of(codec, kind).ok_or_else(|| {
        format!(
            "the FFmpeg of this system ({}) was built without it",
            ffmpeg_version()
        )
    })
}

/// The version of the FFmpeg that runs, which may be newer than the one that Oriel was built with.
pub fn ffmpeg_version() -> String {
    let version = ffmpeg::codec::version();
    let [_, major, minor, micro] = version.to_be_bytes();
    format!("libavcodec {major}.{minor}.{micro}")
}

impl VideoDecoder for FfmpegDecoder {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        if annex_b.is_empty() {
            return Ok(None);
        }
        annex_b::check(annex_b, &self.limits)?;
        let packet = ffmpeg::Packet::copy(annex_b);
        self.decoder
            .send_packet(&packet)
            .map_err(|error| self.stream_error(error))?;
        // One access unit makes one picture; should more come, the newest is the one to show.
        let mut newest = None;
        loop {
            let mut frame = ffmpeg::frame::Video::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => newest = Some(frame),
                Err(ffmpeg::Error::Other {
                    errno: ffmpeg::error::EAGAIN,
                }) => break,
                Err(error) => return Err(self.stream_error(error)),
            }
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
