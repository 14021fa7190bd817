//! The link against the protocol's own server machine, over a stream in memory.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use oriel_codecs::geometry::Rect;
use oriel_protocol::{
    client::ClientConfig,
    error_info::ErrorInfo,
    graphics::{Color, SurfaceFormat, SurfaceId},
    input::InputEvent,
    secret::Credentials,
    server::{ServerConfig, ServerConnection, ServerEvent},
};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::mpsc,
};

use super::*;
use crate::input::scan_codes::{key, plain};

const DESKTOP: Size = Size::new(800, 600);
const SURFACE: SurfaceId = SurfaceId(1);
/// Bytes that fit in the stream between the two.
const STREAM_BYTES: usize = 16 * 1024;
/// For something that must not happen.
const A_WHILE: Duration = Duration::from_millis(150);
/// For something that must.
const PATIENCE: Duration = Duration::from_secs(10);

type Order = Box<dyn FnOnce(&mut ServerConnection) + Send>;

/// A canvas that takes commands, or does not.
#[derive(Clone, Default)]
struct FakeCanvas(Arc<FakeCanvasState>);

#[derive(Default)]
struct FakeCanvasState {
    is_full: AtomicBool,
    taken: Mutex<Vec<GraphicsCommand>>,
}

impl FakeCanvas {
    fn set_full(&self, is_full: bool) {
        self.0.is_full.store(is_full, Ordering::SeqCst);
    }

    fn frames(&self) -> Vec<u32> {
        let taken = self.0.taken.lock();
        let frames = taken.iter().filter_map(|command| match command {
            GraphicsCommand::EndFrame { frame } => Some(frame.0),
            _ => None,
        });
        frames.collect()
    }
}

impl Canvas for FakeCanvas {
    fn try_submit(&self, command: GraphicsCommand, _: Instant) -> Result<(), GraphicsCommand> {
        if self.0.is_full.load(Ordering::SeqCst) {
            return Err(command);
        }
        self.0.taken.lock().push(command);
        Ok(())
    }
}

/// A session, and the server at the other end of it.
struct Fixture {
    canvas: FakeCanvas,
    inbox: Inbox,
    orders: Option<mpsc::UnboundedSender<Order>>,
    events: mpsc::UnboundedReceiver<ServerEvent>,
    session: tokio::task::JoinHandle<(End, Figures)>,
}

impl Fixture {
    fn new() -> Self {
        Self::with_graphics(true)
    }

    fn with_graphics(pipeline: bool) -> Self {
        let (client, early, server) = connected(pipeline);
        let (near, far) = duplex(STREAM_BYTES);
        let (orders, taken_orders) = mpsc::unbounded_channel();
        let (told, events) = mpsc::unbounded_channel();
        tokio::spawn(serve(server, far, taken_orders, told));
        let (canvas, inbox) = (FakeCanvas::default(), Inbox::default());
        let session = tokio::spawn({
            let (canvas, inbox) = (canvas.clone(), inbox.clone());
            async move {
                let wires = Wires {
                    canvas: &canvas,
                    inbox: &inbox,
                    tell: &|_| {},
                    round_trip: &|| None,
                    trace: None,
                };
                let mut link = Link::new(near, client, early, wires);
                let end = link.run().await;
                (end, link.figures())
            }
        });
        Self {
            canvas,
            inbox,
            orders: Some(orders),
            events,
            session,
        }
    }

    fn order(&self, order: impl FnOnce(&mut ServerConnection) + Send + 'static) {
        let orders = self.orders.as_ref().expect("the server still runs");
        assert!(
            orders.send(Box::new(order)).is_ok(),
            "the server still runs"
        );
    }

    /// Draws `count` frames, each of `bytes` bytes of pixels at least.
    fn draw(&self, frames: std::ops::Range<u32>, bytes: usize) {
        self.order(move |server| {
            for frame in frames {
                let frame = FrameId(frame);
                let rects = vec![Rect::new(0, 0, 8, 8); bytes / 8];
                for command in [
                    GraphicsCommand::StartFrame { frame },
                    GraphicsCommand::SolidFill {
                        surface: SURFACE,
                        color: Color {
                            blue: 1,
                            green: 2,
                            red: 3,
                            alpha: 255,
                        },
                        rects,
                    },
                    GraphicsCommand::EndFrame { frame },
                ] {
                    server.send_graphics(&command).expect("a pipeline");
                }
            }
        });
    }

    /// Waits for an event of the server.
    async fn event<T>(&mut self, mut pick: impl FnMut(ServerEvent) -> Option<T>) -> T {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the server still runs");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .expect("the event comes")
    }

    async fn wait_for_frames(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.canvas.frames().len() < count {
            assert!(Instant::now() < deadline, "{:?}", self.canvas.frames());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(self) -> (End, Figures) {
        tokio::time::timeout(PATIENCE, self.session)
            .await
            .expect("the session ends")
            .expect("without a panic")
    }
}

fn key_event(code: u8) -> InputEvent {
    key(plain(code), true)
}

fn pressed(event: ServerEvent) -> Option<InputEvent> {
    match event {
        ServerEvent::Input(event @ InputEvent::Key { .. }) => Some(event),
        _ => None,
    }
}

/// Both machines with the session active and, with `pipeline`, a surface to draw on.
fn connected(pipeline: bool) -> (ClientConnection, VecDeque<ClientEvent>, ServerConnection) {
    let now = Instant::now();
    let mut config = ClientConfig::new("server", Credentials::default(), DESKTOP);
    config.graphics.pipeline = pipeline;
    let mut client = ClientConnection::new(config, now);
    let mut server = ServerConnection::new(ServerConfig::new(DESKTOP), now);
    let mut early = VecDeque::new();
    let mut is_ready = false;
    for _ in 0..200 {
        let mut bytes = Vec::new();
        if client.poll_transmit(&mut bytes) {
            server.handle_data(now, &bytes).unwrap();
        }
        while let Some(event) = server.poll_event() {
            match event {
                ServerEvent::StartSecurity(_) => server.handle_security_established(now).unwrap(),
                ServerEvent::GraphicsReady(_) => is_ready = true,
                _ => {}
            }
        }
        bytes.clear();
        if server.poll_transmit(&mut bytes) {
            client.handle_data(now, &bytes).unwrap();
        }
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::StartSecurity(_) => client.handle_security_established(now).unwrap(),
                ClientEvent::Step(_) => {}
                event => early.push_back(event),
            }
        }
    }
    assert!(is_ready, "the session is active and can be drawn to");
    if pipeline {
        for command in [
            GraphicsCommand::ResetGraphics {
                size: DESKTOP,
                monitors: Vec::new(),
            },
            GraphicsCommand::CreateSurface {
                surface: SURFACE,
                size: DESKTOP,
                format: SurfaceFormat::Xrgb,
            },
        ] {
            server.send_graphics(&command).unwrap();
        }
    }
    (client, early, server)
}

/// Runs the server until nobody gives orders any more; then it hangs up without a word.
async fn serve(
    mut server: ServerConnection,
    stream: DuplexStream,
    mut orders: mpsc::UnboundedReceiver<Order>,
    told: mpsc::UnboundedSender<ServerEvent>,
) {
    let (mut reader, mut writer) = split(stream);
    let (outgoing, mut to_write) = mpsc::unbounded_channel::<Vec<u8>>();
    let writing = tokio::spawn(async move {
        while let Some(bytes) = to_write.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                break;
            }
        }
    });
    let mut buffer = vec![0; 4096];
    loop {
        let mut bytes = Vec::new();
        if server.poll_transmit(&mut bytes) {
            outgoing.send(bytes).ok();
        }
        while let Some(event) = server.poll_event() {
            told.send(event).ok();
        }
        if server.is_closed() {
            break;
        }
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => order(&mut server),
                None => break,
            },
            count = reader.read(&mut buffer) => match count {
                Ok(count) if count > 0 => {
                    // A client that breaks the protocol shows in the test's own expectations.
                    server.handle_data(Instant::now(), &buffer[..count]).ok();
                }
                _ => break,
            },
        }
    }
    drop(outgoing);
    writing.await.ok();
}

#[tokio::test]
async fn frames_are_handed_on_in_order_and_acknowledged() {
    let mut fixture = Fixture::new();
    fixture.draw(1..6, 100);
    fixture.wait_for_frames(5).await;
    assert_eq!(fixture.canvas.frames(), [1, 2, 3, 4, 5]);
    for frame in 1..6 {
        fixture.inbox.push_frame(FrameReport {
            frame: FrameId(frame),
            queue_depth: 1000 + frame,
            decode_us: 1,
            present_us: 2,
        });
    }
    for expected in 1..6 {
        let (frame, depth) = fixture
            .event(|event| match event {
                ServerEvent::FrameAcknowledged {
                    frame, queue_depth, ..
                } => Some((frame.0, queue_depth)),
                _ => None,
            })
            .await;
        assert_eq!((frame, depth), (expected, 1000 + expected));
    }
    fixture.inbox.disconnect();
    let (_, figures) = fixture.end().await;
    assert_eq!(figures.connection.frames_received, 5);
    assert_eq!(figures.acknowledged.count, 5);
}

#[tokio::test]
async fn a_minimised_window_stops_the_server_and_acknowledges_nothing_until_it_is_back() {
    const SUSPENDED: u32 = 0xFFFF_FFFF;
    let mut fixture = Fixture::new();
    let acknowledged = |event| match event {
        ServerEvent::FrameAcknowledged { queue_depth, .. } => Some(queue_depth),
        _ => None,
    };
    let suppressed = |event| match event {
        ServerEvent::SuppressOutput(visible) => Some(visible),
        _ => None,
    };
    let report = |frame| FrameReport {
        frame: FrameId(frame),
        queue_depth: 7,
        decode_us: 1,
        present_us: 2,
    };
    fixture.draw(1..3, 100);
    fixture.wait_for_frames(2).await;
    fixture.inbox.push_frame(report(1));
    assert_eq!(fixture.event(acknowledged).await, 7);
    fixture.inbox.set_visible(false);
    // The suspension comes by the pipeline, and the suppression beside it, in either order.
    let mut told = Vec::new();
    for _ in 0..2 {
        let next = |event: ServerEvent| match event {
            ServerEvent::FrameAcknowledged { queue_depth, .. } => {
                Some((queue_depth == SUSPENDED).to_string())
            }
            ServerEvent::SuppressOutput(visible) => Some(format!("{visible:?}")),
            _ => None,
        };
        told.push(fixture.event(next).await);
    }
    told.sort();
    assert_eq!(told, ["None", "true"]);
    fixture.inbox.push_frame(report(2));
    fixture.inbox.set_visible(true);
    assert_eq!(fixture.event(suppressed).await, Some(DESKTOP.to_rect()));
    fixture.draw(3..4, 100);
    fixture.wait_for_frames(3).await;
    fixture.inbox.push_frame(report(3));
    let (frame, depth) = fixture
        .event(|event| match event {
            ServerEvent::FrameAcknowledged {
                frame, queue_depth, ..
            } => Some((frame.0, queue_depth)),
            _ => None,
        })
        .await;
    assert_eq!((frame, depth), (3, 7), "the second went unacknowledged");
    fixture.inbox.disconnect();
}

#[tokio::test]
async fn a_full_renderer_stops_the_reading_but_not_the_input() {
    let mut fixture = Fixture::new();
    fixture.draw(1..2, 100);
    fixture.wait_for_frames(1).await;
    fixture.canvas.set_full(true);
    // Far more than the stream and one read hold.
    fixture.draw(2..200, 8 * 1024);
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(fixture.canvas.frames(), [1]);
    for code in 1..=60 {
        fixture.inbox.push_input(&[key_event(code)]);
    }
    for code in 1..=60 {
        assert_eq!(fixture.event(pressed).await, key_event(code));
    }
    assert_eq!(fixture.canvas.frames(), [1], "nothing was drawn meanwhile");
    fixture.canvas.set_full(false);
    fixture.inbox.set_room();
    fixture.wait_for_frames(199).await;
    assert!(fixture.canvas.frames().is_sorted(), "and nothing is lost");
    fixture.inbox.disconnect();
    assert_eq!(fixture.end().await.0, Ok(Farewell::Left));
}

#[tokio::test]
async fn keys_that_are_pressed_during_a_reactivation_arrive_after_it() {
    let mut fixture = Fixture::with_graphics(false);
    fixture.order(|server| {
        assert!(server.resize(Instant::now(), Size::new(640, 480)));
    });
    for code in 1..=40 {
        fixture.inbox.push_input(&[key_event(code)]);
        tokio::task::yield_now().await;
    }
    for code in 1..=40 {
        assert_eq!(fixture.event(pressed).await, key_event(code));
    }
    fixture.inbox.disconnect();
    let (_, figures) = fixture.end().await;
    assert_eq!(figures.desktop, Size::new(640, 480));
}

#[tokio::test]
async fn a_server_that_hangs_up_within_a_frame_leaves_what_came_before() {
    let mut fixture = Fixture::new();
    fixture.draw(1..4, 100);
    fixture.order(|server| {
        let frame = FrameId(4);
        let start = GraphicsCommand::StartFrame { frame };
        server.send_graphics(&start).unwrap();
    });
    fixture.wait_for_frames(3).await;
    fixture.orders = None;
    let canvas = fixture.canvas.clone();
    let (end, figures) = fixture.end().await;
    assert_eq!(end.unwrap_err().code(), 15);
    assert_eq!(canvas.frames(), [1, 2, 3]);
    assert_eq!(figures.desktop, DESKTOP);
}

#[tokio::test]
async fn the_servers_reason_for_the_end_is_told() {
    let fixture = Fixture::new();
    fixture.order(|server| {
        server.set_error_info(ErrorInfo::IDLE_TIMEOUT);
        server.disconnect();
    });
    let failure = fixture.end().await.0.unwrap_err();
    assert_eq!(failure.code(), 41);
    let said = ErrorInfo::IDLE_TIMEOUT
        .what_happened()
        .trim_end_matches('.');
    assert!(failure.to_string().contains(said), "{failure}");
}

#[tokio::test]
async fn what_the_server_said_last_is_heard_by_one_who_can_say_nothing_more() {
    let fixture = Fixture::new();
    fixture.canvas.set_full(true);
    // More than one read takes.
    fixture.draw(1..4, 16 * 1024);
    fixture.order(|server| {
        server.set_error_info(ErrorInfo::IDLE_TIMEOUT);
        server.disconnect();
    });
    // Of its last words not all are read yet.
    tokio::time::sleep(A_WHILE).await;
    fixture.inbox.push_input(&[key_event(30)]);
    tokio::time::sleep(A_WHILE).await;
    fixture.canvas.set_full(false);
    fixture.inbox.set_room();
    let canvas = fixture.canvas.clone();
    let failure = fixture.end().await.0.unwrap_err();
    assert_eq!(failure.code(), 41, "{failure}");
    assert_eq!(canvas.frames(), [1, 2, 3]);
}

#[tokio::test]
async fn leaving_does_not_wait_for_a_server_that_does_not_answer() {
    let (client, early, _server) = connected(true);
    let (near, _far) = duplex(STREAM_BYTES);
    let (canvas, inbox) = (FakeCanvas::default(), Inbox::default());
    let wires = Wires {
        canvas: &canvas,
        inbox: &inbox,
        tell: &|_| {},
        round_trip: &|| None,
        trace: None,
    };
    let mut link = Link::new(near, client, early, wires);
    inbox.disconnect();
    let end = tokio::time::timeout(PATIENCE, link.run()).await;
    assert_eq!(end.expect("in time"), Ok(Farewell::Left));
}

#[tokio::test]
async fn a_renderer_that_fails_ends_the_session_with_its_reason() {
    let fixture = Fixture::new();
    let failure = Failure::Display {
        reason: "the device is gone".into(),
    };
    fixture.inbox.fail(failure.clone());
    assert_eq!(fixture.end().await.0, Err(failure));
}

#[tokio::test]
async fn a_layout_reaches_a_server_that_takes_layouts() {
    let mut fixture = Fixture::new();
    let layout = oriel_protocol::client::MonitorLayout::single(Size::new(1024, 700));
    // The channel for it may open a moment after the session.
    let wanted = async {
        loop {
            fixture.inbox.set_layout(layout);
            tokio::time::sleep(Duration::from_millis(20)).await;
            while let Ok(event) = fixture.events.try_recv() {
                if let ServerEvent::LayoutRequested(layouts) = event {
                    return layouts;
                }
            }
        }
    };
    let layouts = tokio::time::timeout(PATIENCE, wanted)
        .await
        .expect("it comes");
    assert_eq!(layouts[0].rect.size(), Size::new(1024, 700));
}
