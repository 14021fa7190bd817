//! H.264 by FFmpeg, in software.

use ffmpeg_next as ffmpeg;

use super::annex_b;
use super::frame::YuvFrame;
use super::{DecoderLimits, VideoDecoder, VideoError, ffmpeg_log};

const NAME: &str = "ffmpeg";

/// More slice threads than this do not pay: servers send four slices at most.
const MAX_THREADS: usize = 4;

/// FFmpeg's own H.264 decoder. Threads share the slices of a picture, never pictures, which would
/// delay each by as many as there are threads.
pub struct FfmpegDecoder {
    decoder: ffmpeg::decoder::Video,
    limits: DecoderLimits,
}

impl FfmpegDecoder {
    /// Opens a decoder.
    ///
    /// # Errors
    /// [`VideoError::Unavailable`] where the FFmpeg of this system has none.
    pub fn new(limits: DecoderLimits) -> Result<Self, VideoError> {
        ffmpeg_log::install();
        let unavailable = |reason: String| VideoError::Unavailable {
            backend: NAME,
            reason,
        };
        // By name: asked for H.264, a build may offer the decoder of some hardware.
        let codec = ffmpeg::decoder::find_by_name("h264")
            .ok_or_else(|| unavailable("it has no decoder named h264".into()))?;
        let mut context = ffmpeg::codec::Context::new_with_codec(codec);
        context.set_flags(ffmpeg::codec::Flags::LOW_DELAY);
        context.set_threading(ffmpeg::threading::Config {
            kind: ffmpeg::threading::Type::Slice,
            count: std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(MAX_THREADS),
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
        Ok(Self { decoder, limits })
    }
}

impl VideoDecoder for FfmpegDecoder {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        if annex_b.is_empty() {
            return Ok(None);
        }
        annex_b::check(annex_b, &self.limits)?;
        let packet = ffmpeg::Packet::copy(annex_b);
        self.decoder.send_packet(&packet).map_err(stream_error)?;
        // One access unit makes one picture; should more come, the newest is the one to show.
        let mut newest = None;
        loop {
            let mut frame = ffmpeg::frame::Video::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => newest = Some(frame),
                Err(ffmpeg::Error::Other {
                    errno: ffmpeg::error::EAGAIN,
                }) => break,
                Err(error) => return Err(stream_error(error)),
            }
        }
        newest.map(YuvFrame::from_ffmpeg).transpose()
    }

    fn name(&self) -> &'static str {
        NAME
    }
}

fn stream_error(error: ffmpeg::Error) -> VideoError {
    VideoError::Stream {
        backend: NAME,
        reason: error.to_string(),
    }
}
