//! Keeps what the server sends, but for secrets.

use std::collections::VecDeque;

use crate::framing::Frame;

/// Frames for a recording.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    /// `None` where nobody wants a recording.
    frames: Option<VecDeque<Frame>>,
    holds_secret: bool,
}

impl Recorder {
    pub(super) fn new(is_wanted: bool) -> Self {
        Self {
            frames: is_wanted.then(VecDeque::new),
            holds_secret: false,
        }
    }

    /// The frame at hand holds a secret.
    pub(super) fn leave_out(&mut self) {
        self.holds_secret = true;
    }

    /// The frame at hand was handled.
    pub(super) fn keep(&mut self, frame: Frame) {
        let holds_secret = std::mem::take(&mut self.holds_secret);
        if let Some(frames) = &mut self.frames
            && !holds_secret
        {
            frames.push_back(frame);
        }
    }

    pub(super) fn poll(&mut self) -> Option<Frame> {
        self.frames.as_mut()?.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_frame_with_a_secret_is_left_out_and_the_next_one_is_not() {
        let frame = |byte| Frame::FastPath(Bytes::from(vec![byte]));
        let mut recorder = Recorder::new(true);
        recorder.keep(frame(1));
        recorder.leave_out();
        recorder.keep(frame(2));
        recorder.keep(frame(3));
        assert_eq!(recorder.poll(), Some(frame(1)));
        assert_eq!(recorder.poll(), Some(frame(3)));
        assert_eq!(recorder.poll(), None);
    }

    #[test]
    fn nothing_is_kept_unasked() {
        let mut recorder = Recorder::new(false);
        recorder.keep(Frame::FastPath(Bytes::from_static(&[1])));
        assert_eq!(recorder.poll(), None);
    }
}
