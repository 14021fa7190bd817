//! The stream since its last key frame, kept to be fed again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::annex_b::{Contents, nal_units};
use super::frame::YuvFrame;
use super::{VideoDecoder, VideoError};

/// Most bytes that are kept.
pub(super) const REPLAY_BYTES: usize = 16 << 20;
/// Most access units that are kept: some 30 seconds of a busy desktop, decoded again within one or
/// two.
pub(super) const REPLAY_UNITS: usize = 1024;

/// The stream since its last key frame, within bounds.
#[derive(Default)]
pub(super) struct Replay {
    /// Units with parameter sets alone, which came before the key frame.
    parameters: Vec<u8>,
    units: Vec<Vec<u8>>,
    bytes: usize,
    /// From a key frame to now with nothing left out.
    is_complete: bool,
}

impl Replay {
    pub(super) fn push(&mut self, annex_b: &[u8], contents: Contents) {
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

    /// True where a decoder that is fed it is where the stream is.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Access units that are kept.
    pub(super) fn len(&self) -> usize {
        self.units.len()
    }

    /// Feeds it all; the picture of the last unit.
    pub(super) fn feed(
        &self,
        decoder: &mut dyn VideoDecoder,
        name: &'static str,
    ) -> Result<YuvFrame, VideoError> {
        if nal_units(&self.parameters).next().is_some() {
            decode(decoder, name, &self.parameters)?;
        }
        let mut last = Ok(None);
        for unit in &self.units {
            // Errors on the way are passed over: the decoder at work met the same units.
            last = decode(decoder, name, unit);
            if last.as_ref().is_err_and(is_final) {
                break;
            }
        }
        last?.ok_or(VideoError::NoPicture)
    }
}

/// Has a decoder decode a unit; a panic is an error like others.
pub(super) fn decode(
    decoder: &mut dyn VideoDecoder,
    name: &'static str,
    annex_b: &[u8],
) -> Result<Option<YuvFrame>, VideoError> {
    // Nothing looks at the decoder again after a panic.
    catch_unwind(AssertUnwindSafe(|| decoder.decode(annex_b)))
        .unwrap_or(Err(VideoError::Panicked { backend: name }))
}

/// True where a decoder that says this must not be called again.
pub(super) fn is_final(error: &VideoError) -> bool {
    matches!(
        error,
        VideoError::Stalled { .. } | VideoError::Panicked { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let mut replay = Replay::default();
        let key = Contents {
            has_picture: true,
            has_key_picture: true,
            ..Default::default()
        };
        let delta = Contents {
            has_picture: true,
            ..Default::default()
        };
        replay.push(&[0; 100], delta);
        assert!(replay.units.is_empty(), "nothing to start from yet");
        replay.push(&[0; 100], key);
        for _ in 0..REPLAY_UNITS {
            replay.push(&vec![0; REPLAY_BYTES / 100], delta);
            assert!(replay.units.iter().map(Vec::len).sum::<usize>() <= REPLAY_BYTES);
        }
        assert!(!replay.is_complete);
        assert!(replay.units.is_empty());
        replay.push(&[0; 100], key);
        assert!(replay.is_complete);
    }
}
