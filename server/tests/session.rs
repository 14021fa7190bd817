//! Whole sessions: the demo server on loopback, and a client made of `oriel-transport` and the
//! client machine.

mod mirror;

use std::{
    net::TcpStream as BlockingTcpStream,
    time::{Duration, Instant},
};

use mirror::Mirror;
use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::Picture,
};
use oriel_protocol::{
    client::{
        ClientConfig, ClientConnection, ClientEvent, ConnectionStep, DisconnectReason,
        GraphicsSupport, MonitorLayout, SecurityOffer,
    },
    error_info::ErrorInfo,
    graphics::{FrameId, FrameReport, GraphicsCommand, PointerUpdate},
    input::{InputEvent, MouseButton, ScanCode, ScanCodePrefix},
    secret::{Credentials, Secret},
    server::AcceptedSecurity,
};
use oriel_server::{
    demo::{self, DemoDesktop, DemoDesktopConfig, DemoOptions},
    encoder::EncodingPolicy,
    service::{Service, ServiceError},
    session::Misbehaviour,
    source::{DesktopSource, InputSink},
};
use oriel_transport::{
    CertificatePolicy, ConnectError, ConnectOptions, Fingerprint, SignInFailure, connect,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

const SIZE: Size = Size::new(800, 600);
const PATIENCE: Duration = Duration::from_secs(20);

fn still() -> DemoOptions {
    DemoOptions {
        is_deterministic: true,
        ..DemoOptions::with_password()
    }
}

fn config(server: &DemoOptions) -> ClientConfig {
    let credentials = server.credentials.clone().unwrap_or_default();
    ClientConfig::new("localhost", credentials, SIZE)
}

/// What the server's desktop must look like.
fn desktop(size: Size) -> DemoDesktop {
    DemoDesktop::new(DemoDesktopConfig {
        size,
        is_deterministic: true,
        ..DemoDesktopConfig::default()
    })
}

fn with_terminal_text(size: Size, text: &str) -> Picture {
    let mut desktop = desktop(size);
    for unit in text.encode_utf16() {
        desktop.input(&InputEvent::Unicode {
            unit,
            is_pressed: true,
        });
    }
    desktop.advance(Instant::now());
    desktop.pixels().clone()
}

/// A client without a window.
struct Client {
    stream: tokio_rustls::client::TlsStream<tokio::net::TcpStream>,
    machine: ClientConnection,
    mirror: Mirror,
    pointers: Vec<PointerUpdate>,
    disconnected: Option<DisconnectReason>,
    acknowledges: bool,
}

impl Client {
    async fn try_connect(server: &Service, config: ClientConfig) -> Result<Self, ConnectError> {
        let mut options = ConnectOptions::new("127.0.0.1", server.address().port());
        options.certificate_policy =
            CertificatePolicy::Sha256(Fingerprint(server.certificate_sha256()));
        let established = connect(&options, config, |_| {}).await?;
        let mut client = Self {
            stream: established.stream,
            machine: established.machine,
            mirror: Mirror::default(),
            pointers: Vec::new(),
            disconnected: None,
            acknowledges: true,
        };
        for event in established.events {
            client.take(event);
        }
        Ok(client)
    }

    async fn connect(server: &Service, config: ClientConfig) -> Self {
        Self::try_connect(server, config).await.expect("connects")
    }

    fn take(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Graphics(command) => {
                self.mirror.apply(&command);
                if let GraphicsCommand::EndFrame { frame } = command
                    && self.acknowledges
                {
                    self.acknowledge(frame);
                }
            }
            ClientEvent::Pointer(pointer) => self.pointers.push(pointer),
            ClientEvent::Disconnected(reason) => self.disconnected = Some(reason),
            _ => {}
        }
    }

    fn acknowledge(&mut self, frame: FrameId) {
        let report = FrameReport {
            frame,
            queue_depth: 0,
            decode_us: 0,
            present_us: 0,
        };
        self.machine.acknowledge_frame(Instant::now(), report);
    }

    async fn flush(&mut self) {
        let mut out = Vec::new();
        if self.machine.poll_transmit(&mut out) {
            // A server that has gone is noticed by reading.
            let _ = self.stream.write_all(&out).await;
            let _ = self.stream.flush().await;
        }
    }

    /// Goes on until `is_done`, or for so long; returns whether it was done.
    async fn go_on(&mut self, limit: Duration, is_done: impl Fn(&Self) -> bool) -> bool {
        let until = Instant::now() + limit;
        let mut buffer = vec![0; 64 << 10];
        loop {
            while let Some(event) = self.machine.poll_event() {
                self.take(event);
            }
            self.flush().await;
            if is_done(self) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.disconnected.is_some() {
                return false;
            }
            match timeout(left, self.stream.read(&mut buffer)).await {
                Err(_) => {}
                Ok(Ok(count)) if count > 0 => self
                    .machine
                    .handle_data(Instant::now(), &buffer[..count])
                    .expect("the server keeps to the protocol"),
                Ok(_) => self.machine.handle_stream_closed(Instant::now()),
            }
        }
    }

    async fn until(&mut self, what: &str, is_done: impl Fn(&Self) -> bool) {
        assert!(self.go_on(PATIENCE, is_done).await, "{what}");
    }

    async fn until_shown(&mut self, wanted: &Picture) {
        self.until("the picture is shown", |client| {
            client.mirror.size() == wanted.size() && client.mirror.picture() == wanted
        })
        .await;
    }

    async fn input(&mut self, events: &[InputEvent]) {
        self.machine.send_input(events);
        self.flush().await;
    }
}

fn key(code: u8, is_pressed: bool) -> InputEvent {
    InputEvent::Key {
        scan_code: ScanCode {
            code,
            prefix: ScanCodePrefix::None,
        },
        is_pressed,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_in_by_nla_the_client_shows_the_desktop_exactly() {
    let options = still();
    let server = demo::start(options.clone()).expect("starts");
    let mut client = Client::connect(&server, config(&options)).await;
    client.until_shown(desktop(SIZE).pixels()).await;
    assert!(client.machine.offer().graphics_version.is_some());
    assert!(matches!(client.pointers[..], [PointerUpdate::Shape(_), ..]));
    assert_eq!(server.clients(), 1);
    server.stop();
    client
        .until("the server says good-bye", |client| {
            client.disconnected.is_some()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_drawing_shows_the_desktop() {
    let support = GraphicsSupport::default();
    let without_h264 = GraphicsSupport {
        avc420: false,
        avc444: false,
        ..support
    };
    let without_pipeline = GraphicsSupport {
        pipeline: false,
        ..support
    };
    let options = still();
    let server = demo::start(options.clone()).expect("starts");
    for graphics in [without_h264, without_pipeline] {
        let mut config = config(&options);
        config.graphics = graphics;
        let mut client = Client::connect(&server, config).await;
        client.until_shown(desktop(SIZE).pixels()).await;
        let version = client.machine.offer().graphics_version;
        assert_eq!(version.is_some(), graphics.pipeline);
        client.input(&[key(0x23, true), key(0x17, true)]).await;
        client.until_shown(&with_terminal_text(SIZE, "hi")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_frames_of_h264_arrive_as_both_views() {
    let options = DemoOptions {
        policy: EncodingPolicy::WholeFrameAvc,
        ..still()
    };
    let server = demo::start(options.clone()).expect("starts");
    let mut client = Client::connect(&server, config(&options)).await;
    client
        .until("a frame comes", |client| !client.mirror.frames.is_empty())
        .await;
    assert_eq!(client.mirror.count("avc444 both"), 1);
    let db = mirror::psnr_db(
        client.mirror.picture(),
        desktop(SIZE).pixels(),
        &SIZE.to_rect(),
    );
    assert!(db > 38.0, "{db:.1} dB");
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_by_keys_and_by_unicode_reaches_the_terminal() {
    let options = still();
    let server = demo::start(options.clone()).expect("starts");
    let mut client = Client::connect(&server, config(&options)).await;
    // e, then Shift and c, h, o: "eCHO".
    let mut events = vec![key(0x12, true), key(0x12, false), key(0x2a, true)];
    for code in [0x2e, 0x23, 0x18] {
        events.extend([key(code, true), key(code, false)]);
    }
    events.push(key(0x2a, false));
    events.extend(" größer €".encode_utf16().map(|unit| InputEvent::Unicode {
        unit,
        is_pressed: true,
    }));
    client.input(&events).await;
    let wanted = with_terminal_text(SIZE, "eCHO größer €");
    client.until_shown(&wanted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dragged_window_arrives_as_a_copy() {
    let options = still();
    let server = demo::start(options.clone()).expect("starts");
    let mut client = Client::connect(&server, config(&options)).await;
    let mut here = desktop(SIZE);
    client.until_shown(here.pixels()).await;
    let (_, window) = here.window_rects().pop().expect("windows are open");
    let grip = Point::new(window.left + 50, window.top + 10);
    let events = [
        InputEvent::MouseButton {
            position: grip,
            button: MouseButton::Left,
            is_pressed: true,
        },
        InputEvent::MouseMove {
            position: Point::new(grip.x - 40, grip.y - 30),
        },
        InputEvent::MouseButton {
            position: Point::new(grip.x - 40, grip.y - 30),
            button: MouseButton::Left,
            is_pressed: false,
        },
    ];
    for event in &events {
        here.input(event);
    }
    here.advance(Instant::now());
    client.input(&events).await;
    client.until_shown(here.pixels()).await;
    assert!(client.mirror.count("copy") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desktop_follows_the_size_and_the_scale_that_the_client_asks_for() {
    let options = still();
    let server = demo::start(options.clone()).expect("starts");
    let mut client = Client::connect(&server, config(&options)).await;
    client.until_shown(desktop(SIZE).pixels()).await;
    let size = Size::new(1024, 640);
    let mut layout = MonitorLayout::single(size);
    layout.desktop_scale_percent = 150;
    // The channel may still be opening.
    for _ in 0..50 {
        if client.machine.request_layout(&[layout]) {
            break;
        }
        client.go_on(Duration::from_millis(100), |_| false).await;
    }
    let mut wanted = desktop(SIZE);
    wanted.resize(size, 150);
    client.until_shown(wanted.pixels()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_pipeline_a_new_size_reactivates_the_session() {
    let options = still();
    let server = demo::start(options.clone()).expect("starts");
    let mut config = config(&options);
    config.graphics.pipeline = false;
    let mut client = Client::connect(&server, config).await;
    client.until_shown(desktop(SIZE).pixels()).await;
    let size = Size::new(720, 400);
    for _ in 0..50 {
        if client
            .machine
            .request_layout(&[MonitorLayout::single(size)])
        {
            break;
        }
        client.go_on(Duration::from_millis(100), |_| false).await;
    }
    let mut wanted = desktop(SIZE);
    wanted.resize(size, 100);
    client.until_shown(wanted.pixels()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_stop_without_acknowledgements_and_go_on_with_them() {
    let options = DemoOptions::with_password();
    let server = demo::start(options.clone()).expect("starts");
    let mut big = config(&options);
    big.monitors = vec![MonitorLayout::single(Size::new(1200, 760))];
    let mut client = Client::connect(&server, big).await;
    client
        .until("video runs", |client| client.mirror.frames.len() >= 10)
        .await;
    client.acknowledges = false;
    client.go_on(Duration::from_millis(500), |_| false).await;
    let stopped_at = client.mirror.frames.len();
    client.go_on(Duration::from_millis(700), |_| false).await;
    assert_eq!(client.mirror.frames.len(), stopped_at);
    client.acknowledges = true;
    let last = *client.mirror.frames.last().expect("frames came");
    client.acknowledge(last);
    client
        .until("frames come again", |client| {
            client.mirror.frames.len() > stopped_at + 5
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hides_its_window_gets_nothing_until_it_shows_it_again() {
    let options = still();
    let server = demo::start(options.clone()).expect("starts");
    let mut client = Client::connect(&server, config(&options)).await;
    client.until_shown(desktop(SIZE).pixels()).await;
    client.machine.suppress_output(None);
    client.flush().await;
    client.go_on(Duration::from_millis(200), |_| false).await;
    client.input(&[key(0x23, true)]).await;
    let frames = client.mirror.frames.len();
    client.go_on(Duration::from_millis(300), |_| false).await;
    assert_eq!(client.mirror.frames.len(), frames);
    client.machine.suppress_output(Some(SIZE.to_rect()));
    client.until_shown(&with_terminal_text(SIZE, "h")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_asks_to_refresh_is_sent_again() {
    let options = still();
    let server = demo::start(options.clone()).expect("starts");
    let mut client = Client::connect(&server, config(&options)).await;
    client.until_shown(desktop(SIZE).pixels()).await;
    let frames = client.mirror.frames.len();
    client.machine.refresh(&[Rect::new(10, 10, 90, 90)]);
    client
        .until("a frame comes", |client| {
            client.mirror.frames.len() > frames
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_with_and_without_nla() {
    let options = still();
    let server = demo::start(options.clone()).expect("starts");
    let wrong = || Credentials {
        password: Secret::new("not it"),
        ..options.credentials.clone().unwrap_or_default()
    };
    let nla = ClientConfig::new("localhost", wrong(), SIZE);
    match Client::try_connect(&server, nla).await.err() {
        Some(ConnectError::SignIn(SignInFailure::WrongPassword)) => {}
        other => panic!("{other:?}"),
    }
    let mut tls = ClientConfig::new("localhost", wrong(), SIZE);
    tls.security = SecurityOffer::Tls;
    match Client::try_connect(&server, tls).await.err() {
        Some(ConnectError::Ended {
            reason: DisconnectReason::ErrorInfo(info),
            ..
        }) => assert_eq!(info, ErrorInfo::SERVER_DENIED_CONNECTION),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_over_the_limit_are_turned_away_and_let_in_once_there_is_room() {
    let options = DemoOptions {
        max_clients: 1,
        ..still()
    };
    let server = demo::start(options.clone()).expect("starts");
    let first = Client::connect(&server, config(&options)).await;
    assert!(
        Client::try_connect(&server, config(&options))
            .await
            .is_err(),
        "there is no room"
    );
    drop(first);
    for _ in 0..100 {
        if server.clients() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Client::connect(&server, config(&options)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_say_nothing_are_dropped() {
    let server = demo::start(DemoOptions {
        handshake_timeout: Duration::from_millis(300),
        ..still()
    })
    .expect("starts");
    let mute = BlockingTcpStream::connect(server.address()).expect("connects");
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if server.clients() == 1 {
            break;
        }
    }
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if server.clients() == 0 {
            drop(mute);
            return;
        }
    }
    panic!("the client is still served");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_ends_its_own_connection_and_no_other() {
    let options = still();
    let server = demo::start(options.clone()).expect("starts");
    let mut seed = 1u32;
    for length in [1, 5, 19, 200, 5000] {
        let garbage: Vec<u8> = (0..length)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8
            })
            .collect();
        let mut stream = tokio::net::TcpStream::connect(server.address())
            .await
            .expect("connects");
        // The server may hang up before all of it is written.
        let _ = stream.write_all(&garbage).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let ended = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "{length} bytes");
    }
    let mut client = Client::connect(&server, config(&options)).await;
    client.until_shown(desktop(SIZE).pixels()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_can_fall_silent_at_every_step() {
    for step in [
        ConnectionStep::Negotiation,
        ConnectionStep::Security,
        ConnectionStep::BasicSettings,
        ConnectionStep::ChannelConnection,
        ConnectionStep::Licensing,
        ConnectionStep::CapabilityExchange,
        ConnectionStep::Finalization,
    ] {
        let options = DemoOptions {
            misbehaviour: Misbehaviour::SilentFrom(step),
            security: AcceptedSecurity {
                tls: true,
                nla: false,
            },
            ..still()
        };
        let server = demo::start(options.clone()).expect("starts");
        let connecting = Client::try_connect(&server, config(&options));
        let outcome = timeout(Duration::from_millis(700), connecting).await;
        assert!(outcome.is_err(), "{step:?}: the connection is open, mute");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_can_break_off_in_a_frame_and_end_with_a_reason() {
    let options = DemoOptions {
        misbehaviour: Misbehaviour::CloseMidFrame { after_frames: 1 },
        // All in one frame.
        policy: EncodingPolicy::Lossless,
        ..still()
    };
    let server = demo::start(options.clone()).expect("starts");
    let mut client = Client::connect(&server, config(&options)).await;
    client.until_shown(desktop(SIZE).pixels()).await;
    client.input(&[key(0x23, true)]).await;
    client
        .until("it is over", |client| client.disconnected.is_some())
        .await;
    assert_eq!(client.disconnected, Some(DisconnectReason::StreamClosed));
    assert_eq!(client.mirror.frames.len(), 1, "the second is not whole");

    let options = DemoOptions {
        misbehaviour: Misbehaviour::EndWith {
            error_info: ErrorInfo::IDLE_TIMEOUT,
            after_frames: 0,
        },
        ..still()
    };
    let server = demo::start(options.clone()).expect("starts");
    let mut client = Client::connect(&server, config(&options)).await;
    client
        .until("it is over", |client| client.disconnected.is_some())
        .await;
    assert_eq!(
        client.disconnected,
        Some(DisconnectReason::ErrorInfo(ErrorInfo::IDLE_TIMEOUT))
    );
}

#[test]
fn a_server_needs_no_runtime_and_nla_needs_credentials() {
    let server = demo::start(still()).expect("starts");
    let address = server.address();
    assert!(BlockingTcpStream::connect(address).is_ok());
    server.stop();
    assert!(BlockingTcpStream::connect(address).is_err());
    let refused = demo::start(DemoOptions {
        credentials: None,
        ..still()
    });
    assert!(matches!(refused, Err(ServiceError::NoCredentials)));
}
