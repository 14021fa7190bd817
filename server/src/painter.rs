//! The thread that a session's frames are made on: input in, encoded frames out.
//!
//! Drawing and encoding take milliseconds. They have a thread of their own, so that the session's
//! task goes on reading and writing meanwhile.

use std::{
    thread,
    time::{Duration, Instant},
};

use oriel_codecs::geometry::{Rect, Size};
use oriel_protocol::input::InputEvent;
use tokio::sync::mpsc;

use crate::frames::{ClientScreen, FrameSource, NextFrame};

/// Events of input that wait for the desktop; beyond that the session stops reading.
const MAX_WAITING: usize = 256;

/// What a session wants of its frames' source.
#[derive(Debug)]
pub enum PainterRequest {
    /// Draw from now on for this client.
    Start(ClientScreen),
    /// Another size and scale, for the client that is drawn for.
    Resize {
        /// Width and height of the desktop.
        size: Size,
        /// Scale in percent.
        scale_percent: u32,
    },
    /// The user did something.
    Input(InputEvent),
    /// The client has lost these areas.
    Refresh(Vec<Rect>),
    /// Answer with what changed; each of these gets one [`PainterReply`].
    NextFrame,
}

/// What there is to show.
#[derive(Debug, Default)]
pub struct PainterReply {
    /// What changed.
    pub next: NextFrame,
    /// Time spent on drawing and encoding.
    pub took: Duration,
}

/// The thread. It ends when this is dropped.
#[derive(Debug)]
pub struct Painter {
    /// To the thread.
    pub requests: mpsc::Sender<PainterRequest>,
    /// From the thread.
    pub replies: mpsc::Receiver<PainterReply>,
}

impl Painter {
    /// Starts the thread. `make_frames` is called on it: building a desktop takes time too.
    ///
    /// # Errors
    /// Where the system has no thread to spare.
    pub fn start(
        make_frames: impl FnOnce() -> Box<dyn FrameSource> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (requests, incoming) = mpsc::channel(MAX_WAITING);
        let (outgoing, replies) = mpsc::channel(1);
        thread::Builder::new()
            .name("oriel-desktop".to_owned())
            .spawn(move || run(make_frames().as_mut(), incoming, &outgoing))?;
        Ok(Self { requests, replies })
    }
}

fn run(
    frames: &mut dyn FrameSource,
    mut requests: mpsc::Receiver<PainterRequest>,
    replies: &mpsc::Sender<PainterReply>,
) {
    while let Some(request) = requests.blocking_recv() {
        match request {
            PainterRequest::Start(screen) => frames.start(&screen),
            PainterRequest::Resize {
                size,
                scale_percent,
            } => frames.resize(size, scale_percent),
            PainterRequest::Input(event) => frames.input(&event),
            PainterRequest::Refresh(rects) => frames.refresh(&rects),
            PainterRequest::NextFrame => {
                let now = Instant::now();
                let reply = PainterReply {
                    next: frames.next_frame(now),
                    took: now.elapsed(),
                };
                if replies.blocking_send(reply).is_err() {
                    return;
                }
            }
        }
    }
}
