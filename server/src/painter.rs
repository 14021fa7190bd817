//! The thread that a session's desktop lives on: input in, encoded frames out.
//!
//! Drawing and encoding take milliseconds. They have a thread of their own, so that the session's
//! task goes on reading and writing meanwhile.

use std::{
    thread,
    time::{Duration, Instant},
};

use oriel_codecs::geometry::{Rect, Size};
use oriel_protocol::{
    graphics::{FrameId, GraphicsCommand, PointerUpdate},
    input::InputEvent,
};
use tokio::sync::mpsc;

use crate::{
    encoder::{ClientGraphics, EncodingPolicy, FrameEncoder},
    source::Desktop,
};

/// Events of input that wait for the desktop; beyond that the session stops reading.
const MAX_WAITING: usize = 256;

/// What a session wants of its desktop.
#[derive(Debug)]
pub enum PainterRequest {
    /// Draw from now on for a client that can show this, at this size.
    Start {
        /// What the client can show.
        graphics: ClientGraphics,
        /// What to encode as what.
        policy: EncodingPolicy,
        /// Width and height of the desktop.
        size: Size,
        /// Scale in percent.
        scale_percent: u32,
        /// Columns and rows of the largest pointer that the client takes.
        max_pointer_px: u32,
        /// Minutes that the user adds to UTC.
        utc_offset_minutes: i32,
    },
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
    /// Commands, in order.
    pub commands: Vec<GraphicsCommand>,
    /// The frame that they are; `None` where nothing changed.
    pub frame: Option<FrameId>,
    /// The pointer's new shape, where it has one.
    pub pointer: Option<PointerUpdate>,
    /// How long nothing changes if there is no input; `None` for ever.
    pub idle_for: Option<Duration>,
    /// Time spent on drawing and encoding.
    pub took: Duration,
}

/// The desktop's thread. It ends when this is dropped.
#[derive(Debug)]
pub struct Painter {
    /// To the thread.
    pub requests: mpsc::Sender<PainterRequest>,
    /// From the thread.
    pub replies: mpsc::Receiver<PainterReply>,
}

impl Painter {
    /// Starts the thread. `make_desktop` is called on it: building a desktop takes time too.
    ///
    /// # Errors
    /// Where the system has no thread to spare.
    pub fn start(
        make_desktop: impl FnOnce() -> Box<dyn Desktop> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (requests, incoming) = mpsc::channel(MAX_WAITING);
        let (outgoing, replies) = mpsc::channel(1);
        thread::Builder::new()
            .name("oriel-desktop".to_owned())
            .spawn(move || run(make_desktop(), incoming, &outgoing))?;
        Ok(Self { requests, replies })
    }
}

/// What is drawn for: unknown until the client has told.
#[derive(Debug)]
struct Client {
    encoder: FrameEncoder,
    max_pointer_px: u32,
    /// To be sent before the next frame.
    preamble: Vec<GraphicsCommand>,
}

fn run(
    mut desktop: Box<dyn Desktop>,
    mut requests: mpsc::Receiver<PainterRequest>,
    replies: &mpsc::Sender<PainterReply>,
) {
    let mut client: Option<Client> = None;
    while let Some(request) = requests.blocking_recv() {
        match request {
            PainterRequest::Input(event) => desktop.input(&event),
            PainterRequest::Refresh(rects) => {
                if let Some(client) = &mut client {
                    client.encoder.invalidate(&rects);
                }
            }
            PainterRequest::Start {
                graphics,
                policy,
                size,
                scale_percent,
                max_pointer_px,
                utc_offset_minutes,
            } => {
                desktop.set_utc_offset(utc_offset_minutes);
                desktop.resize(size, scale_percent);
                let mut started = Client {
                    encoder: FrameEncoder::new(graphics, policy),
                    max_pointer_px,
                    preamble: Vec::new(),
                };
                started.encoder.start(desktop.size(), &mut started.preamble);
                client = Some(started);
            }
            PainterRequest::Resize {
                size,
                scale_percent,
            } => {
                desktop.resize(size, scale_percent);
                if let Some(client) = &mut client {
                    client.encoder.start(desktop.size(), &mut client.preamble);
                }
            }
            PainterRequest::NextFrame => {
                let reply = match &mut client {
                    Some(client) => next_frame(desktop.as_mut(), client),
                    None => PainterReply::default(),
                };
                if replies.blocking_send(reply).is_err() {
                    return;
                }
            }
        }
    }
}

fn next_frame(desktop: &mut dyn Desktop, client: &mut Client) -> PainterReply {
    let now = Instant::now();
    desktop.advance(now);
    let damage = desktop.take_damage();
    let mut commands = std::mem::take(&mut client.preamble);
    let encoder = &mut client.encoder;
    let mut encode = || encoder.encode(now, desktop.pixels(), &damage, &mut commands);
    let frame = encode()
        .or_else(|error| {
            // The encoder has given up H.264: what it could not send goes out exactly.
            tracing::warn!(%error, "frame not encoded, going on without H.264");
            encode()
        })
        .unwrap_or_else(|error| {
            tracing::error!(%error, "frame not encoded");
            None
        });
    let refinement = client.encoder.refinement_due(now);
    PainterReply {
        commands,
        frame,
        pointer: desktop.take_pointer(client.max_pointer_px),
        idle_for: refinement.into_iter().chain(desktop.idle_for(now)).min(),
        took: now.elapsed(),
    }
}
