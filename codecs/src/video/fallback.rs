//! The decoder that steps down when another one fails.

use super::annex_b;
use super::frame::YuvFrame;
use super::{DecoderLimits, FfmpegDecoder, OpenH264Decoder, VideoDecoder, VideoError};

/// Errors in a row, from a decoder that has shown a picture before, until it counts as failed.
const ERRORS_UNTIL_FAILED: u32 = 3;
/// Pictures in a row that go in and do not come out, until the decoder counts as failed.
const MISSING_UNTIL_FAILED: u32 = 4;
/// Most bytes that are kept to be fed again.
const REPLAY_BYTES: usize = 16 << 20;
/// Most access units that are kept to be fed again: some 30 seconds of a busy desktop, decoded
/// again within one or two.
const REPLAY_UNITS: usize = 1024;

/// Opens a decoder; called when those before it have failed.
pub type Backend = Box<dyn FnMut() -> Result<Box<dyn VideoDecoder>, VideoError> + Send>;

/// A list of decoders, best first, of which one is at work.
///
/// It steps down to the next where one does not start, gives an error before its first picture or
/// repeatedly after it, or swallows pictures. The next one is fed the stream again from the last
/// key frame and must give the current picture; where none of the rest can, the stream is to blame
/// and the decoder stays until another key frame comes.
pub struct FallbackDecoder {
    decoder: Box<dyn VideoDecoder>,
    /// Those not tried yet, best last.
    rest: Vec<Backend>,
    replay: Replay,
    errors: u32,
    missing: u32,
    has_shown_picture: bool,
    is_stream_to_blame: bool,
}

impl FallbackDecoder {
    /// FFmpeg, then OpenH264.
    ///
    /// # Errors
    /// That of the last, where none starts.
    pub fn new(limits: DecoderLimits) -> Result<Self, VideoError> {
        Self::with_backends(vec![
            Box::new(move || Ok(Box::new(FfmpegDecoder::new(limits)?))),
            Box::new(move || Ok(Box::new(OpenH264Decoder::new(limits)?))),
        ])
    }

    /// The given decoders, best first.
    ///
    /// # Errors
    /// That of the last, where none starts.
    pub fn with_backends(mut backends: Vec<Backend>) -> Result<Self, VideoError> {
        backends.reverse();
        let mut error = VideoError::NoPicture;
        while let Some(mut backend) = backends.pop() {
            match backend() {
                Ok(decoder) => {
                    return Ok(Self {
                        decoder,
                        rest: backends,
                        replay: Replay::default(),
                        errors: 0,
                        missing: 0,
                        has_shown_picture: false,
                        is_stream_to_blame: false,
                    });
                }
                Err(reason) => {
                    tracing::warn!(%reason, "a video decoder does not start");
                    error = reason;
                }
            }
        }
        Err(error)
    }

    /// Tries the rest. `cause` is what the decoder at work said, if anything.
    fn step_down(&mut self, cause: Option<VideoError>) -> Result<Option<YuvFrame>, VideoError> {
        let cause = cause.unwrap_or(VideoError::NoPicture);
        if self.is_stream_to_blame || !self.replay.is_complete {
            return Err(cause);
        }
        // Nothing is taken off the list before it has proven itself: those that fail now may do
        // on a better stream.
        for index in (0..self.rest.len()).rev() {
            let mut candidate = match self.rest[index]() {
                Ok(candidate) => candidate,
                Err(reason) => {
                    tracing::warn!(%reason, "a video decoder does not start");
                    continue;
                }
            };
            match self.replay.feed(candidate.as_mut()) {
                Ok(frame) => {
                    tracing::warn!(
                        from = self.decoder.name(),
                        to = candidate.name(),
                        %cause,
                        "stepped down to another video decoder"
                    );
                    self.decoder = candidate;
                    self.rest.truncate(index);
                    self.note_picture();
                    return Ok(Some(frame));
                }
                Err(reason) => {
                    tracing::debug!(decoder = candidate.name(), %reason, "no better on the stream");
                }
            }
        }
        self.is_stream_to_blame = true;
        Err(cause)
    }

    fn note_picture(&mut self) {
        self.errors = 0;
        self.missing = 0;
        self.has_shown_picture = true;
    }
}

impl VideoDecoder for FallbackDecoder {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        let contents = annex_b::contents(annex_b);
        if contents.has_key_picture {
            self.is_stream_to_blame = false;
        }
        if !self.rest.is_empty() {
            self.replay.push(annex_b, contents);
        }
        match self.decoder.decode(annex_b) {
            Ok(Some(frame)) => {
                self.note_picture();
                Ok(Some(frame))
            }
            Ok(None) if !contents.has_picture => Ok(None),
            Ok(None) => {
                self.missing += 1;
                if self.missing < MISSING_UNTIL_FAILED {
                    return Ok(None);
                }
                self.step_down(None)
            }
            Err(error) => {
                self.errors += 1;
                if self.has_shown_picture && self.errors < ERRORS_UNTIL_FAILED {
                    return Err(error);
                }
                self.step_down(Some(error))
            }
        }
    }

    fn name(&self) -> &'static str {
        self.decoder.name()
    }
}

/// The stream since its last key frame, within bounds.
#[derive(Default)]
struct Replay {
    /// Units with parameter sets alone, which came before the key frame.
    parameters: Vec<u8>,
    units: Vec<Vec<u8>>,
    bytes: usize,
    /// From a key frame to now with nothing left out.
    is_complete: bool,
}

impl Replay {
    fn push(&mut self, annex_b: &[u8], contents: annex_b::Contents) {
        let has_parameters = contents.has_sequence_parameters || contents.has_picture_parameters;
        if has_parameters && !contents.has_picture {
            if contents.has_sequence_parameters {
                self.parameters.clear();
            }
            if self.parameters.len() + annex_b.len() <= REPLAY_BYTES {
                self.parameters.extend_from_slice(annex_b);
            }
        }
        if contents.has_key_picture {
            self.units.clear();
            self.bytes = 0;
            self.is_complete = true;
        }
        if !self.is_complete {
            return;
        }
        if self.units.len() == REPLAY_UNITS || self.bytes + annex_b.len() > REPLAY_BYTES {
            *self = Self {
                parameters: std::mem::take(&mut self.parameters),
                ..Self::default()
            };
            return;
        }
        self.bytes += annex_b.len();
        self.units.push(annex_b.to_vec());
    }

    /// Feeds it all; the picture of the last unit.
    fn feed(&self, decoder: &mut dyn VideoDecoder) -> Result<YuvFrame, VideoError> {
        if !self.parameters.is_empty() {
            decoder.decode(&self.parameters)?;
        }
        let mut last = Ok(None);
        for unit in &self.units {
            // Errors on the way are passed over: the decoder at work met the same units.
            last = decoder.decode(unit);
        }
        last?.ok_or(VideoError::NoPicture)
    }
}

#[cfg(test)]
#[path = "fallback_tests.rs"]
mod tests;
