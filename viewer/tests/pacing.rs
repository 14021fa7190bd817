//! The server's pace follows that of the client's decoder.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use oriel::session::{Activity, Canvas, Errands, Inbox, Plan, Source, attend};
use oriel_codecs::geometry::{Rect, Size};
use oriel_protocol::{
    client::ClientConfig,
    graphics::{Color, FrameId, FrameReport, GraphicsCommand, SurfaceId},
    input::InputEvent,
    secret::Credentials,
    server::{AcceptedSecurity, ServerConfig},
};
use oriel_server::{
    encoder::EncodingPolicy,
    frames::{ClientScreen, FrameSource, NextFrame},
    service::Service,
    session::{Misbehaviour, SessionOptions},
};
use oriel_transport::{CertificatePolicy, ConnectOptions};

/// How long a session is watched.
const WATCHED: Duration = Duration::from_secs(4);
const SIZE: Size = Size::new(640, 400);
/// Frames that the server leaves unacknowledged, at most.
const IN_FLIGHT: u32 = 4;

/// A decoder that takes its time for each frame and acknowledges it when it is done with it.
struct SlowDecoder {
    ends: mpsc::Sender<FrameId>,
    waiting: Arc<AtomicU32>,
    most_waiting: AtomicU32,
}

impl SlowDecoder {
    fn start(inbox: Inbox, takes: Duration) -> Self {
        let (ends, frames) = mpsc::channel::<FrameId>();
        let waiting = Arc::new(AtomicU32::new(0));
        let left = waiting.clone();
        thread::spawn(move || {
            for frame in frames {
                thread::sleep(takes);
                let behind = left.fetch_sub(1, Ordering::SeqCst) - 1;
                inbox.push_frame(FrameReport {
                    frame,
                    queue_depth: behind * 1000,
                    decode_us: 0,
                    present_us: 0,
                });
            }
        });
        Self {
            ends,
            waiting,
            most_waiting: AtomicU32::new(0),
        }
    }
}

impl Canvas for SlowDecoder {
    fn try_submit(&self, command: GraphicsCommand, _: Instant) -> Result<(), GraphicsCommand> {
        if let GraphicsCommand::EndFrame { frame } = command {
            let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_waiting.fetch_max(waiting, Ordering::SeqCst);
            // The decoder's thread ends after this.
            let _ = self.ends.send(frame);
        }
        Ok(())
    }
}

/// Frames that cost nothing to make: another colour each time.
#[derive(Default)]
struct Flashing {
    frames: u32,
}

impl FrameSource for Flashing {
    fn start(&mut self, _: &ClientScreen) {}

    fn resize(&mut self, _: Size, _: u32) {}

    fn input(&mut self, _: &InputEvent) {}

    fn refresh(&mut self, _: &[Rect]) {}

    fn next_frame(&mut self, _: Instant) -> NextFrame {
        self.frames += 1;
        let (surface, frame) = (SurfaceId(1), FrameId(self.frames));
        let mut commands = Vec::new();
        if self.frames == 1 {
            commands = Vec::from(GraphicsCommand::desktop(surface, SIZE));
        }
        let color = Color {
            blue: self.frames as u8,
            green: 0,
            red: 0,
            alpha: 255,
        };
        commands.extend([
            GraphicsCommand::StartFrame { frame },
            GraphicsCommand::SolidFill {
                surface,
                color,
                rects: vec![SIZE.to_rect()],
            },
            GraphicsCommand::EndFrame { frame },
        ]);
        NextFrame {
            commands,
            frame: Some(frame),
            pointer: None,
            idle_for: Some(Duration::ZERO),
        }
    }
}

/// Frames a second that a server of 60 sends to a decoder that takes `takes` for each, and how
/// many waited for it at one time.
fn pace(takes: Duration) -> (f64, u32) {
    let connection = ServerConfig {
        security: AcceptedSecurity {
            tls: true,
            nla: false,
        },
        ..ServerConfig::new(SIZE)
    };
    let sessions = SessionOptions {
        connection,
        credentials: None,
        server_name: "FLASHING".to_owned(),
        handshake_timeout: Duration::from_secs(30),
        frames_per_second: 60,
        policy: EncodingPolicy::default(),
        misbehaviour: Misbehaviour::default(),
    };
    let bind = (Ipv4Addr::LOCALHOST, 0).into();
    let server = Service::start(
        bind,
        sessions,
        Arc::new(|| Box::new(Flashing::default())),
        1,
    )
    .expect("a server");
    let address = server.address();
    let client = ClientConfig::new("flashing", Credentials::default(), SIZE);
    let plan = Plan {
        server: "flashing".into(),
        source: Source::Server {
            connect: ConnectOptions {
                certificate_policy: CertificatePolicy::Ignore,
                ..ConnectOptions::new(address.ip().to_string(), address.port())
            },
            client: Box::new(client),
            record: None,
        },
        errands: Errands {
            exit_after: Some(WATCHED),
            ..Errands::default()
        },
        trace: None,
    };
    let (inbox, activity) = (Inbox::default(), Activity::default());
    let decoder = SlowDecoder::start(inbox.clone(), takes);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (end, record) = runtime.block_on(attend(plan, &decoder, &inbox, &activity, &|_| {}));
    end.expect("a session in order");
    let frames = record
        .figures
        .expect("a session")
        .connection
        .frames_received;
    let most_waiting = decoder.most_waiting.load(Ordering::SeqCst);
    (frames as f64 / WATCHED.as_secs_f64(), most_waiting)
}

#[test]
fn a_server_sends_as_many_frames_as_the_client_decodes() {
    let (quick, _) = pace(Duration::ZERO);
    let (slow, most_waiting) = pace(Duration::from_millis(125));
    println!("{quick:.1} frames a second to a quick decoder, {slow:.1} to a slow one");
    // Eight a second is all that it can do, and the first few come on credit.
    assert!((4.0..=10.0).contains(&slow), "{slow} a second");
    assert!(quick > 1.5 * slow, "{quick} and {slow} a second");
    assert!(most_waiting <= IN_FLIGHT, "{most_waiting} waited");
}
