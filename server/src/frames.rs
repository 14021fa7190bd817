//! Where a session's frames come from: a desktop behind an encoder, or anything else that has
//! graphics commands to send.

use std::time::{Duration, Instant};

use oriel_codecs::geometry::{Rect, Size};
use oriel_protocol::{
    graphics::{FrameId, GraphicsCommand, PointerUpdate},
    input::InputEvent,
};

use crate::{
    encoder::{ClientGraphics, EncodingPolicy, FrameEncoder},
    source::Desktop,
};

/// What is drawn for: known once the client has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientScreen {
    /// What the client can show.
    pub graphics: ClientGraphics,
    /// What to encode as what.
    pub policy: EncodingPolicy,
    /// Width and height of the desktop.
    pub size: Size,
    /// Scale in percent.
    pub scale_percent: u32,
    /// Columns and rows of the largest pointer that the client takes.
    pub max_pointer_px: u32,
    /// Minutes that the user adds to UTC.
    pub utc_offset_minutes: i32,
}

/// What there is to show.
#[derive(Debug, Default)]
pub struct NextFrame {
    /// Commands, in order.
    pub commands: Vec<GraphicsCommand>,
    /// The frame that they are; `None` where nothing changed.
    pub frame: Option<FrameId>,
    /// The pointer's new shape, where it has one.
    pub pointer: Option<PointerUpdate>,
    /// How long nothing changes if there is no input; `None` for ever.
    pub idle_for: Option<Duration>,
}

/// Makes the frames of one session. Called from one thread of its own: it may take its time.
pub trait FrameSource: Send {
    /// Draws from now on for this screen, from nothing.
    fn start(&mut self, screen: &ClientScreen);

    /// Another size and scale, for the client that is drawn for.
    fn resize(&mut self, size: Size, scale_percent: u32);

    /// The user did something.
    fn input(&mut self, event: &InputEvent);

    /// The client has lost what it showed in these rectangles.
    fn refresh(&mut self, rects: &[Rect]);

    /// What changed since the last call.
    fn next_frame(&mut self, now: Instant) -> NextFrame;
}

/// The frames of a desktop.
pub struct DesktopFrames {
    desktop: Box<dyn Desktop>,
    client: Option<Client>,
}

#[derive(Debug)]
struct Client {
    encoder: FrameEncoder,
    max_pointer_px: u32,
    /// To be sent before the next frame.
    preamble: Vec<GraphicsCommand>,
}

impl DesktopFrames {
    /// Of this desktop.
    pub fn new(desktop: Box<dyn Desktop>) -> Self {
        Self {
            desktop,
            client: None,
        }
    }
}

impl FrameSource for DesktopFrames {
    fn start(&mut self, screen: &ClientScreen) {
        self.desktop.set_utc_offset(screen.utc_offset_minutes);
        self.desktop.resize(screen.size, screen.scale_percent);
        let mut client = Client {
            encoder: FrameEncoder::new(screen.graphics, screen.policy),
            max_pointer_px: screen.max_pointer_px,
            preamble: Vec::new(),
        };
        client
            .encoder
            .start(self.desktop.size(), &mut client.preamble);
        self.client = Some(client);
    }

    fn resize(&mut self, size: Size, scale_percent: u32) {
        self.desktop.resize(size, scale_percent);
        if let Some(client) = &mut self.client {
            client
                .encoder
                .start(self.desktop.size(), &mut client.preamble);
        }
    }

    fn input(&mut self, event: &InputEvent) {
        self.desktop.input(event);
    }

    fn refresh(&mut self, rects: &[Rect]) {
        if let Some(client) = &mut self.client {
            client.encoder.invalidate(rects);
        }
    }

    fn next_frame(&mut self, now: Instant) -> NextFrame {
        let Some(client) = &mut self.client else {
            return NextFrame::default();
        };
        let desktop = self.desktop.as_mut();
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
        NextFrame {
            commands,
            frame,
            pointer: desktop.take_pointer(client.max_pointer_px),
            idle_for: refinement.into_iter().chain(desktop.idle_for(now)).min(),
        }
    }
}
