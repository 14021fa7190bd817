//! The decoder that steps down when another one fails.

use std::collections::VecDeque;
use std::sync::Arc;

use super::annex_b::{self, Contents};
use super::frame::YuvFrame;
use super::replay::{Replay, decode, is_final};
use super::suspicion::{BlankWatch, Glances, Sizes, differs_from, only_color};
use super::{DecoderKind, DecoderLimits, PictureImporter, VideoDecoder, VideoError};

/// Most access units that are decoded a second time only to see whether a picture is right.
const QUESTION_UNITS: usize = 256;
/// Pictures that are lost for want of a key frame, until another one is asked for.
const LOST_UNTIL_ASKED_AGAIN: u32 = 120;

type Open = Box<dyn FnMut() -> Result<Box<dyn VideoDecoder>, VideoError> + Send>;

/// A decoder that may be opened.
pub struct Backend {
    name: &'static str,
    is_hardware: bool,
    open: Open,
}

impl Backend {
    /// A decoder that `open` opens. What hardware gives is looked at more closely.
    pub fn new(
        name: &'static str,
        is_hardware: bool,
        open: impl FnMut() -> Result<Box<dyn VideoDecoder>, VideoError> + Send + 'static,
    ) -> Self {
        Self {
            name,
            is_hardware,
            open: Box::new(open),
        }
    }

    /// A decoder of a kind, which lends its pictures to `importer`, where there is one.
    pub fn of_kind(
        kind: DecoderKind,
        limits: DecoderLimits,
        importer: Option<Arc<dyn PictureImporter>>,
    ) -> Self {
        Self::new(kind.name(), kind.is_hardware(), move || {
            kind.open_sharing(limits, importer.clone())
        })
    }

    fn open(&mut self) -> Result<Box<dyn VideoDecoder>, VideoError> {
        (self.open)().inspect_err(|reason| {
            tracing::warn!(decoder = self.name, %reason, "a video decoder does not start");
        })
    }
}

/// What whoever shows the pictures should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecoderEvent {
    /// A decoder failed and another took its place.
    Replaced {
        /// The one that failed.
        from: &'static str,
        /// The one at work now.
        to: &'static str,
        /// What was wrong with the first.
        reason: String,
    },
    /// A decoder failed, and the stream goes on at its next key frame: more has come since the last
    /// one than is kept. Told again while none comes.
    KeyFrameWanted {
        /// The one that failed.
        from: &'static str,
        /// What was wrong with it.
        reason: String,
    },
}

/// A list of decoders, best first, of which one is at work.
///
/// It steps down to the next where one does not start, gives an error, swallows a picture or breaks
/// down. Hardware must also give pictures of the stream's size, and where one is of one colour all
/// over, software is asked whether it should be.
///
/// The next decoder is fed the stream again from the last key frame and must give the current
/// picture, so that none is lost; where none of the rest can, the stream is to blame and the decoder
/// stays until another key frame comes. 1024 access units or 16 MiB are kept at most. Beyond that a
/// decoder that is lost leaves the picture as it is until the peer sends the next key frame.
pub struct FallbackDecoder {
    backends: Vec<Backend>,
    /// Which of them is at work.
    at: usize,
    state: State,
    replay: Replay,
    sizes: Sizes,
    blanks: BlankWatch,
    glances: Glances,
    is_stream_to_blame: bool,
    events: VecDeque<DecoderEvent>,
}

enum State {
    Working(Box<dyn VideoDecoder>),
    /// The decoder is gone, and so many pictures with it.
    Lost {
        cause: String,
        pictures: u32,
    },
}

impl FallbackDecoder {
    /// FFmpeg, then OpenH264, both on the CPU.
    ///
    /// # Errors
    /// That of the last, where none starts.
    pub fn new(limits: DecoderLimits) -> Result<Self, VideoError> {
        Self::of_kinds(&DecoderKind::SOFTWARE, limits, None)
    }

    /// Decoders of these kinds, best first, which lend their pictures to `importer`, where there is
    /// one.
    ///
    /// # Errors
    /// That of the last, where none starts.
    pub fn of_kinds(
        kinds: &[DecoderKind],
        limits: DecoderLimits,
        importer: Option<&Arc<dyn PictureImporter>>,
    ) -> Result<Self, VideoError> {
        let backends = kinds
            .iter()
            .map(|&kind| Backend::of_kind(kind, limits, importer.cloned()));
        Self::with_backends(backends.collect())
    }

    /// The given decoders, best first.
    ///
    /// # Errors
    /// That of the last, where none starts.
    pub fn with_backends(mut backends: Vec<Backend>) -> Result<Self, VideoError> {
        let mut error = VideoError::NoPicture;
        let mut events = VecDeque::new();
        for at in 0..backends.len() {
            match backends[at].open() {
                Ok(decoder) => {
                    if at > 0 {
                        events.push_back(DecoderEvent::Replaced {
                            from: backends[at - 1].name,
                            to: backends[at].name,
                            reason: error.to_string(),
                        });
                    }
                    return Ok(Self {
                        backends,
                        at,
                        state: State::Working(decoder),
                        replay: Replay::default(),
                        sizes: Sizes::default(),
                        blanks: BlankWatch::default(),
                        glances: Glances::default(),
                        is_stream_to_blame: false,
                        events,
                    });
                }
                Err(reason) => error = reason,
            }
        }
        Err(error)
    }

    /// Takes a picture from the decoder at work, or another's where it is wrong.
    fn examine(&mut self, frame: YuvFrame) -> Result<Option<YuvFrame>, VideoError> {
        let Backend {
            name, is_hardware, ..
        } = self.backends[self.at];
        if is_hardware {
            if let Err(error) = self.sizes.check(&frame, name) {
                return self.step_down(error);
            }
            // What the GPU alone holds is copied out for a look now and then.
            let is_seen = frame.device_picture().is_none() || self.glances.is_due();
            let color = if is_seen {
                // A picture that does not come out is one that nobody else will see, either.
                match frame.in_memory() {
                    Ok(seen) => only_color(&seen),
                    Err(error) => return self.step_down(error),
                }
            } else {
                None
            };
            if is_seen
                && self.blanks.is_suspicious(color.is_some())
                && let Some(color) = color
                && let Some(right) = self.ask_software(color)
            {
                return Ok(Some(right));
            }
        }
        Ok(Some(frame))
    }

    /// Asks the next decoder on the CPU whether the current picture is of one colour all over. Where
    /// it is not, that decoder takes over, with the picture as it should be.
    fn ask_software(&mut self, color: [u8; 3]) -> Option<YuvFrame> {
        if !self.replay.is_complete() || self.replay.len() > QUESTION_UNITS {
            return None;
        }
        let index =
            (self.at + 1..self.backends.len()).find(|&index| !self.backends[index].is_hardware)?;
        let backend = &mut self.backends[index];
        let mut software = backend.open().ok()?;
        let frame = self.replay.feed(software.as_mut(), backend.name).ok()?;
        if !differs_from(&frame, color) {
            self.blanks.confirm();
            return None;
        }
        let cause = VideoError::Blank {
            backend: self.backends[self.at].name,
        };
        self.install(index, software, cause.to_string());
        Some(frame)
    }

    /// Tries the rest. `cause` is what is wrong with the decoder at work.
    fn step_down(&mut self, cause: VideoError) -> Result<Option<YuvFrame>, VideoError> {
        let is_hardware = self.backends[self.at].is_hardware;
        let is_lost = is_final(&cause) || matches!(self.state, State::Lost { .. });
        if !self.is_stream_to_blame && self.replay.is_complete() {
            // Software that broke down may do on another stream, or from another key frame on.
            let again = (is_lost && !is_hardware).then_some(self.at);
            // Nothing is taken off the list before it has proven itself: those that fail now may do
            // on a better stream.
            for index in (self.at + 1..self.backends.len()).chain(again) {
                if let Some((candidate, frame)) = self.try_backend(index) {
                    let reason = match &self.state {
                        State::Lost { cause, .. } => cause.clone(),
                        State::Working(_) => cause.to_string(),
                    };
                    self.install(index, candidate, reason);
                    return Ok(Some(frame));
                }
            }
            self.is_stream_to_blame = true;
        }
        // Hardware that cannot be replaced for want of a key frame gets no second chance, either.
        let is_lost = is_lost || (is_hardware && !self.replay.is_complete());
        if is_lost && matches!(self.state, State::Working(_)) {
            self.state = State::Lost {
                cause: cause.to_string(),
                pictures: 0,
            };
            self.ask_for_key_frame();
        }
        Err(cause)
    }

    /// Opens a decoder and brings it to where the stream is; what it shows there.
    fn try_backend(&mut self, index: usize) -> Option<(Box<dyn VideoDecoder>, YuvFrame)> {
        let backend = &mut self.backends[index];
        let (name, is_hardware) = (backend.name, backend.is_hardware);
        let mut candidate = backend.open().ok()?;
        let fed = self
            .replay
            .feed(candidate.as_mut(), name)
            .and_then(|frame| {
                if is_hardware {
                    self.sizes.check(&frame, name)?;
                    // Whoever steps down has had enough of empty pictures, be it right this time.
                    if only_color(&frame.in_memory()?).is_some() {
                        return Err(VideoError::Blank { backend: name });
                    }
                }
                Ok(frame)
            });
        match fed {
            Ok(frame) => Some((candidate, frame)),
            Err(reason) => {
                tracing::debug!(decoder = name, %reason, "no better on the stream");
                None
            }
        }
    }

    fn install(&mut self, index: usize, decoder: Box<dyn VideoDecoder>, reason: String) {
        let (from, to) = (self.backends[self.at].name, self.backends[index].name);
        tracing::warn!(from, to, reason, "stepped down to another video decoder");
        self.events
            .push_back(DecoderEvent::Replaced { from, to, reason });
        self.state = State::Working(decoder);
        self.at = index;
        self.blanks = BlankWatch::default();
        self.glances = Glances::default();
    }

    /// Goes on without a decoder, until a key frame comes that another can start from.
    fn wait(&mut self, contents: Contents) -> Result<Option<YuvFrame>, VideoError> {
        if !contents.has_picture {
            return Ok(None);
        }
        if contents.has_key_picture {
            return self.step_down(VideoError::AwaitingKeyFrame);
        }
        if let State::Lost { pictures, .. } = &mut self.state {
            *pictures += 1;
            if *pictures >= LOST_UNTIL_ASKED_AGAIN {
                *pictures = 0;
                self.ask_for_key_frame();
            }
        }
        Err(VideoError::AwaitingKeyFrame)
    }

    fn ask_for_key_frame(&mut self) {
        if let State::Lost { cause, .. } = &self.state {
            self.events.push_back(DecoderEvent::KeyFrameWanted {
                from: self.backends[self.at].name,
                reason: cause.clone(),
            });
        }
    }
}

impl VideoDecoder for FallbackDecoder {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        let contents = annex_b::contents(annex_b);
        if contents.has_key_picture {
            self.is_stream_to_blame = false;
        }
        if contents.has_sequence_parameters {
            self.sizes.note(annex_b);
        }
        self.replay.push(annex_b, contents);
        let name = self.backends[self.at].name;
        let State::Working(decoder) = &mut self.state else {
            return self.wait(contents);
        };
        match decode(decoder.as_mut(), name, annex_b) {
            Ok(Some(frame)) => self.examine(frame),
            Ok(None) if !contents.has_picture => Ok(None),
            Ok(None) => self.step_down(VideoError::NoPicture),
            // No decoder would take it.
            Err(error @ (VideoError::TooLarge { .. } | VideoError::TooLong { .. })) => Err(error),
            Err(error) => self.step_down(error),
        }
    }

    fn name(&self) -> &'static str {
        self.backends[self.at].name
    }

    fn poll_event(&mut self) -> Option<DecoderEvent> {
        self.events.pop_front()
    }
}

#[cfg(test)]
#[path = "fallback_tests.rs"]
mod tests;
