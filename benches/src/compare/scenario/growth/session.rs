//! A session without a network: bytes of frames from memory, through the protocol's machine, into
//! a renderer.

use std::{
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use oriel_benches::pair::Pair;
use oriel_codecs::{Picture, Rect, Size, geometry::Point};
use oriel_protocol::{
    client::{ClientConnection, ClientEvent},
    graphics::{DesktopMonitor, FrameId, GraphicsCommand, SurfaceFormat, SurfaceId},
    server::ServerConfig,
};
use oriel_render::{CompositorChoice, PresentTarget, RenderEvent, Renderer, RendererConfig};
use oriel_server::{
    content::{Content, Scene},
    encoder::{ClientGraphics, EncodingPolicy, FrameEncoder},
    source::Damage,
};

use super::TILE;

/// Frames of a loop: each but the first changes what the one before showed.
const FRAMES: u64 = 4;
/// What the viewer's session reads at once.
const READ_BYTES: usize = 16 * 1024;
/// Frames that may be under way.
const AHEAD: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(20);

/// What a session shows.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Of each monitor.
    size: Size,
    monitors: u32,
    /// What changes of each; whole tiles.
    changed: Rect,
    has_video: bool,
}

impl Work {
    /// A monitor that changes as a whole.
    pub fn whole(size: Size, has_video: bool) -> Self {
        Self {
            size,
            monitors: 1,
            changed: size.to_rect(),
            has_video,
        }
    }

    /// One of which a part changes.
    pub fn part(size: Size, changed: Rect) -> Self {
        Self {
            changed,
            ..Self::whole(size, false)
        }
    }

    /// Several side by side, each with a surface of its own.
    pub fn monitors(size: Size, monitors: u32) -> Self {
        Self {
            monitors,
            ..Self::whole(size, false)
        }
    }

    fn desktop(&self) -> Size {
        Size::new(self.size.width * self.monitors, self.size.height)
    }

    /// The picture of a monitor, made of tiles; what does not change is always that of frame 0.
    fn picture(&self, scene: &mut Scene, frame: u64) -> Picture {
        let (still, moved) = (scene.picture(0), scene.picture(frame));
        let mut data = Vec::with_capacity(self.size.area() as usize * 4);
        let tile_bytes = TILE.width as usize * 4;
        for y in 0..self.size.height {
            for column in 0..self.size.width / TILE.width {
                let point = Point::new((column * TILE.width) as i32, y as i32);
                let is_changed = self.changed.contains(point);
                let tile = if is_changed { &moved } else { &still };
                let row = tile.view().row(y % TILE.height);
                data.extend_from_slice(&row[..tile_bytes]);
            }
        }
        Picture::from_bgra(self.size, data).expect("four bytes a pixel")
    }
}

/// The bytes of a loop of frames.
pub struct Recorded {
    changed_px: u64,
    desktop: Size,
    opening: Vec<u8>,
    frames: Vec<Vec<u8>>,
}

impl Recorded {
    /// Encodes them.
    pub fn new(work: &Work) -> Result<Self> {
        let graphics = ClientGraphics::Pipeline {
            avc420: work.has_video,
            avc444: false,
            progressive: false,
        };
        let policy = if work.has_video {
            EncodingPolicy::WholeFrameAvc
        } else {
            EncodingPolicy::Lossless
        };
        let mut pair = pair(work.desktop());
        let mut scene = Scene::new(Content::Editor, TILE, 5);
        // All monitors show the same: one encoder does for all.
        let mut encoder = FrameEncoder::new(graphics, policy);
        encoder.start(work.size, &mut Vec::new());
        for command in opening(work) {
            pair.server.send_graphics(&command)?;
        }
        let mut recorded = Self {
            changed_px: work.changed.size().area() * u64::from(work.monitors),
            desktop: work.desktop(),
            opening: Vec::new(),
            frames: Vec::new(),
        };
        let mut first = Vec::new();
        for number in 0..=FRAMES {
            let mut commands = Vec::new();
            if number == FRAMES && work.has_video {
                // Each turn begins with the key frame, since each picture builds on the very one
                // before.
                commands.clone_from(&first);
            } else {
                let picture = work.picture(&mut scene, number % FRAMES * 7);
                let damage = Damage::of(work.size.to_rect());
                encoder.encode(Instant::now(), &picture, &damage, &mut commands)?;
            }
            if number == 0 {
                first.clone_from(&commands);
            }
            let frame = FrameId(number as u32 + 1);
            pair.server
                .send_graphics(&GraphicsCommand::StartFrame { frame })?;
            for monitor in 0..work.monitors {
                for command in &commands {
                    if let Some(command) = on_surface(command, surface(monitor)) {
                        pair.server.send_graphics(&command)?;
                    }
                }
            }
            pair.server
                .send_graphics(&GraphicsCommand::EndFrame { frame })?;
            let bytes = pair.server_bytes();
            if number == 0 {
                recorded.opening = bytes;
            } else {
                recorded.frames.push(bytes);
            }
        }
        Ok(recorded)
    }

    /// Pixels that a frame changes.
    pub fn changed_px(&self) -> u64 {
        self.changed_px
    }
}

/// Without compression, whose window of the past would be another in the second turn of a loop.
fn pair(desktop: Size) -> Pair {
    let mut server = ServerConfig::new(desktop);
    server.compress_graphics = false;
    Pair::with_server(server, true)
}

fn surface(monitor: u32) -> SurfaceId {
    SurfaceId(1 + monitor)
}

fn opening(work: &Work) -> Vec<GraphicsCommand> {
    let origin = |monitor: u32| Point::new((monitor * work.size.width) as i32, 0);
    let mut commands = vec![GraphicsCommand::ResetGraphics {
        size: work.desktop(),
        monitors: (0..work.monitors)
            .map(|monitor| DesktopMonitor {
                rect: Rect::at(origin(monitor), work.size),
                is_primary: monitor == 0,
            })
            .collect(),
    }];
    for monitor in 0..work.monitors {
        commands.push(GraphicsCommand::CreateSurface {
            surface: surface(monitor),
            size: work.size,
            format: SurfaceFormat::Xrgb,
        });
        commands.push(GraphicsCommand::MapSurfaceToOutput {
            surface: surface(monitor),
            origin: origin(monitor),
        });
    }
    commands
}

/// The same drawing on another surface; `None` for what is no drawing.
fn on_surface(command: &GraphicsCommand, target: SurfaceId) -> Option<GraphicsCommand> {
    let mut command = command.clone();
    match &mut command {
        GraphicsCommand::Draw { surface, .. } | GraphicsCommand::SolidFill { surface, .. } => {
            *surface = target;
        }
        _ => return None,
    }
    Some(command)
}

/// A client's half that plays what was recorded.
pub struct Session<'a> {
    recorded: &'a Recorded,
    client: ClientConnection,
    now: Instant,
    renderer: Renderer,
    events: Receiver<Happened>,
    in_flight: u32,
}

enum Happened {
    FrameDone,
    Drained,
    Failed(String),
}

impl<'a> Session<'a> {
    /// Starts the renderer and shows the first picture.
    pub fn start(recorded: &'a Recorded) -> Result<Self> {
        // The bytes were made for a machine in the same state, which each of these is in.
        let Pair { client, now, .. } = pair(recorded.desktop);
        let (sender, events) = mpsc::channel();
        let config = RendererConfig {
            compositor: CompositorChoice::Cpu,
            ..RendererConfig::default()
        };
        let renderer = Renderer::start(config, PresentTarget::Headless, move |event| {
            let happened = match event {
                RenderEvent::FrameDone { .. } => Happened::FrameDone,
                RenderEvent::QueueDrained => Happened::Drained,
                RenderEvent::PeerError(error) => Happened::Failed(error.to_string()),
                RenderEvent::Failed(error) => Happened::Failed(error.to_string()),
                _ => return,
            };
            // Nobody listens any more once the session has ended.
            let _ = sender.send(happened);
        })?;
        let mut session = Self {
            recorded,
            client,
            now,
            renderer,
            events,
            in_flight: 0,
        };
        session.frame(&recorded.opening)?;
        session.wait_until(0)?;
        Ok(session)
    }

    /// Plays for so long; returns how many frames that were.
    pub fn play(&mut self, length: Duration) -> Result<u32> {
        let started = Instant::now();
        let mut played = 0;
        while started.elapsed() < length {
            // Whole loops, since its frames differ.
            for frame in &self.recorded.frames {
                self.wait_until(AHEAD - 1)?;
                self.frame(frame)?;
                played += 1;
            }
        }
        self.wait_until(0)?;
        Ok(played)
    }

    fn frame(&mut self, bytes: &[u8]) -> Result<()> {
        self.in_flight += 1;
        for read in bytes.chunks(READ_BYTES) {
            self.client.handle_data(self.now, read)?;
            while let Some(event) = self.client.poll_event() {
                if let ClientEvent::Graphics(command) = event {
                    self.submit(command)?;
                }
            }
        }
        Ok(())
    }

    fn submit(&mut self, mut command: GraphicsCommand) -> Result<()> {
        while let Err(refused) = self.renderer.try_submit(command) {
            command = refused;
            loop {
                if self.take_event()? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn wait_until(&mut self, in_flight: u32) -> Result<()> {
        while self.in_flight > in_flight {
            self.take_event()?;
        }
        Ok(())
    }

    /// True where the queue has room again.
    fn take_event(&mut self) -> Result<bool> {
        let event = self
            .events
            .recv_timeout(PATIENCE)
            .context("the renderer stands still")?;
        match event {
            Happened::FrameDone => {
                self.in_flight = self
                    .in_flight
                    .checked_sub(1)
                    .ok_or_else(|| anyhow!("a frame too many was done"))?;
                Ok(false)
            }
            Happened::Drained => Ok(true),
            Happened::Failed(why) => bail!("{why}"),
        }
    }
}
