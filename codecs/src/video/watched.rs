//! A decoder on a thread of its own, where a stall can be noticed.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use super::frame::YuvFrame;
use super::{VideoDecoder, VideoError};

/// How long a decoder may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// To open.
    pub start: Duration,
    /// For its first picture.
    pub first_picture: Duration,
    /// For each picture after that.
    pub picture: Duration,
}

type Answer = Result<Option<YuvFrame>, VideoError>;

/// Calls another decoder on a thread of its own and waits for it up to a deadline.
///
/// One that does not answer in time is left behind: it gives no picture any more, its thread ends
/// when the call that it is in returns, and where that is never, it costs a thread until the
/// process ends. A panic of the decoder ends its thread alone.
pub struct WatchedDecoder {
    name: &'static str,
    deadlines: Deadlines,
    /// Gone after a stall.
    thread: Option<Thread>,
    has_shown_picture: bool,
}

struct Thread {
    units: SyncSender<Vec<u8>>,
    /// What was decoded, and the unit's buffer to be filled again.
    answers: Receiver<(Answer, Vec<u8>)>,
    spare: Vec<u8>,
}

impl WatchedDecoder {
    /// Opens a decoder on a new thread.
    ///
    /// # Errors
    /// What `open` says, and [`VideoError::Stalled`] or [`VideoError::Panicked`] where it says
    /// nothing.
    pub fn start(
        name: &'static str,
        deadlines: Deadlines,
        open: impl FnOnce() -> Result<Box<dyn VideoDecoder>, VideoError> + Send + 'static,
    ) -> Result<Self, VideoError> {
        let (units, next_unit) = mpsc::sync_channel::<Vec<u8>>(1);
        let (answer, answers) = mpsc::sync_channel(1);
        let (opened, is_open) = mpsc::sync_channel(1);
        std::thread::Builder::new()
            .name(format!("oriel-{name}"))
            .spawn(move || {
                let mut decoder = match open() {
                    Ok(decoder) => decoder,
                    Err(reason) => {
                        // Nobody listens any more where it took too long.
                        let _ = opened.send(Err(reason));
                        return;
                    }
                };
                if opened.send(Ok(())).is_err() {
                    return;
                }
                while let Ok(unit) = next_unit.recv() {
                    let decoded = decoder.decode(&unit);
                    if answer.send((decoded, unit)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|error| VideoError::Unavailable {
                backend: name,
                reason: format!("no thread for it: {error}"),
            })?;
        received(is_open.recv_timeout(deadlines.start), name, deadlines.start)??;
        Ok(Self {
            name,
            deadlines,
            thread: Some(Thread {
                units,
                answers,
                spare: Vec::new(),
            }),
            has_shown_picture: false,
        })
    }
}

impl VideoDecoder for WatchedDecoder {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        let deadline = match self.has_shown_picture {
            true => self.deadlines.picture,
            false => self.deadlines.first_picture,
        };
        let name = self.name;
        // Put back only where an answer came: another one that comes late is for an old unit.
        let mut thread = self.thread.take().ok_or(VideoError::Stalled {
            backend: name,
            after: deadline,
        })?;
        let mut unit = std::mem::take(&mut thread.spare);
        unit.clear();
        unit.extend_from_slice(annex_b);
        thread
            .units
            .send(unit)
            .map_err(|_| VideoError::Panicked { backend: name })?;
        let (answer, unit) = received(thread.answers.recv_timeout(deadline), name, deadline)?;
        thread.spare = unit;
        self.thread = Some(thread);
        self.has_shown_picture |= matches!(answer, Ok(Some(_)));
        answer
    }

    fn name(&self) -> &'static str {
        self.name
    }
}

fn received<T>(
    result: Result<T, RecvTimeoutError>,
    backend: &'static str,
    after: Duration,
) -> Result<T, VideoError> {
    result.map_err(|error| match error {
        RecvTimeoutError::Timeout => VideoError::Stalled { backend, after },
        // The thread ends without an answer only by a panic.
        RecvTimeoutError::Disconnected => VideoError::Panicked { backend },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Deadlines = Deadlines {
        start: Duration::from_secs(20),
        first_picture: Duration::from_millis(300),
        picture: Duration::from_millis(300),
    };

    /// Answers a unit by what its first byte says.
    struct Obedient {
        stall: Receiver<()>,
    }

    impl VideoDecoder for Obedient {
        fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
            match annex_b[0] {
                b'n' => Ok(None),
                b'e' => Err(VideoError::NoPicture),
                b'p' => std::panic::resume_unwind(Box::new("injected")),
                // Returns when the test is over.
                _ => {
                    let _ = self.stall.recv();
                    Ok(None)
                }
            }
        }

        fn name(&self) -> &'static str {
            "obedient"
        }
    }

    fn obedient() -> (WatchedDecoder, mpsc::Sender<()>) {
        let (over, stall) = mpsc::channel();
        let decoder =
            WatchedDecoder::start("obedient", SHORT, || Ok(Box::new(Obedient { stall }))).unwrap();
        (decoder, over)
    }

    #[test]
    fn answers_are_handed_on() {
        let (mut decoder, _over) = obedient();
        assert!(matches!(decoder.decode(b"n"), Ok(None)));
        assert!(matches!(decoder.decode(b"e"), Err(VideoError::NoPicture)));
        assert!(matches!(decoder.decode(b"n"), Ok(None)));
    }

    #[test]
    fn a_stall_is_an_error_now_and_ever_after() {
        let (mut decoder, over) = obedient();
        assert!(matches!(
            decoder.decode(b"s"),
            Err(VideoError::Stalled { .. })
        ));
        drop(over);
        assert!(matches!(
            decoder.decode(b"n"),
            Err(VideoError::Stalled { .. })
        ));
    }

    #[test]
    fn a_panic_ends_the_decoder_and_not_its_caller() {
        let (mut decoder, _over) = obedient();
        assert!(matches!(
            decoder.decode(b"p"),
            Err(VideoError::Panicked { .. })
        ));
    }

    #[test]
    fn one_that_does_not_open_in_time_is_given_up() {
        let (_over, stall) = mpsc::channel::<()>();
        let deadlines = Deadlines {
            start: Duration::from_millis(50),
            ..SHORT
        };
        let opened = WatchedDecoder::start("slow", deadlines, move || {
            let _ = stall.recv();
            Err(VideoError::NoPicture)
        });
        assert!(matches!(opened.err(), Some(VideoError::Stalled { .. })));
    }
}
