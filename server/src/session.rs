//! One client, from its first byte to its last.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use oriel_codecs::geometry::{Rect, Size};
use oriel_protocol::{
    capabilities::LargePointerFlags,
    client::{ConnectionStep, MonitorLayout, SelectedSecurity},
    error_info::ErrorInfo,
    graphics::GraphicsTarget,
    secret::Credentials,
    server::{
        ClientDescription, DisconnectCause, ServerConfig, ServerConnection, ServerError,
        ServerEvent,
    },
};
use oriel_transport::{
    credssp::{self, AcceptError, CREDSSP_VERSION, ServerSignIn},
    tls::ServerIdentity,
};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::watch,
    time::{sleep_until, timeout, timeout_at},
};

use crate::{
    encoder::{ClientGraphics, EncodingPolicy, FramePacer},
    frames::{ClientScreen, FrameSource},
    painter::{Painter, PainterReply, PainterRequest},
};

/// While so many bytes wait to be written, no frame is added to them.
const MAX_UNSENT_BYTES: usize = 256 << 10;
/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;
/// How long a client has to take what is left when a session ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// Desktops are between these sizes, whatever the client asks for.
const MIN_SIDE: u32 = 200;
const MAX_SIDE: u32 = 8192;

/// How a server misbehaves, to test clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Not at all.
    #[default]
    None,
    /// Says nothing any more once the connection has come to this step, and keeps it open.
    SilentFrom(ConnectionStep),
    /// Closes the connection in the middle of a frame, after so many whole ones.
    CloseMidFrame {
        /// Whole frames before.
        after_frames: u32,
    },
    /// Ends the session with this reason after so many frames.
    EndWith {
        /// The reason.
        error_info: ErrorInfo,
        /// Whole frames before.
        after_frames: u32,
    },
}

/// How sessions are run.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// What the protocol's machine is told.
    pub connection: ServerConfig,
    /// Who is let in; `None` lets everyone in, and needs TLS without NLA.
    pub credentials: Option<Credentials>,
    /// This machine's name.
    pub server_name: String,
    /// Time for everything up to the first picture.
    pub handshake_timeout: Duration,
    /// Pictures a second at most.
    pub frames_per_second: u32,
    /// What is encoded as what.
    pub policy: EncodingPolicy,
    /// What is done wrong.
    pub misbehaviour: Misbehaviour,
}

/// Makes the source of the frames that a client gets.
pub type MakeFrames = dyn Fn() -> Box<dyn FrameSource> + Send + Sync;

/// Why a session ended without the client or the owner wanting it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The client broke the protocol.
    #[error(transparent)]
    Protocol(#[from] ServerError),
    /// The connection broke.
    #[error("connection lost: {0}")]
    Io(#[from] io::Error),
    /// TLS could not be agreed on.
    #[error("TLS handshake: {0}")]
    Tls(io::Error),
    /// Nobody was let in.
    #[error(transparent)]
    SignIn(#[from] AcceptError),
    /// The client took too long to connect.
    #[error("the connection sequence took too long")]
    TimedOut,
    /// The client left before the session ran.
    #[error("the client left while connecting")]
    LeftEarly,
}

/// Serves one client on a stream until it leaves, `stop` becomes true, or something breaks.
///
/// # Errors
/// [`SessionError`].
pub async fn serve_client<S>(
    mut stream: S,
    identity: &ServerIdentity,
    options: &SessionOptions,
    make_frames: Arc<MakeFrames>,
    mut stop: watch::Receiver<bool>,
) -> Result<DisconnectCause, SessionError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let deadline = tokio::time::Instant::now() + options.handshake_timeout;
    let mut machine = ServerConnection::new(options.connection.clone(), Instant::now());
    let secure = async {
        let security = negotiate(&mut stream, &mut machine, options).await?;
        silence(options, ConnectionStep::Security).await;
        let mut stream = identity.accept(stream).await.map_err(SessionError::Tls)?;
        if security != SelectedSecurity::Tls {
            sign_in(&mut stream, identity, options, security).await?;
        }
        Ok::<_, SessionError>((stream, security))
    };
    let (stream, security) = tokio::select! {
        secured = timeout_at(deadline, secure) => secured.map_err(|_| SessionError::TimedOut)??,
        () = stopped(&mut stop) => return Ok(DisconnectCause::Server),
    };
    machine.handle_security_established(Instant::now())?;
    let painter = Painter::start(move || make_frames())?;
    let session = Session {
        machine,
        options,
        is_signed_in: security != SelectedSecurity::Tls,
        painter,
        pacer: FramePacer::new(options.frames_per_second, false),
        client: None,
        frame_wanted_at: None,
        is_frame_coming: false,
        is_visible: true,
        frames: 0,
        unsent: Vec::new(),
        written: 0,
        deadline: Some(deadline),
    };
    session.run(stream, stop).await
}

/// Waits until the owner wants to stop, or is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the owner is gone.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Waits for ever where the options say that nothing follows from this step on.
async fn silence(options: &SessionOptions, step: ConnectionStep) {
    if options.misbehaviour == Misbehaviour::SilentFrom(step) {
        std::future::pending::<()>().await;
    }
}

/// Everything before TLS.
async fn negotiate<S>(
    stream: &mut S,
    machine: &mut ServerConnection,
    options: &SessionOptions,
) -> Result<SelectedSecurity, SessionError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = [0; 2048];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(SessionError::LeftEarly);
        }
        silence(options, ConnectionStep::Negotiation).await;
        let outcome = machine.handle_data(Instant::now(), &buffer[..count]);
        let mut out = Vec::new();
        machine.poll_transmit(&mut out);
        stream.write_all(&out).await?;
        stream.flush().await?;
        outcome?;
        while let Some(event) = machine.poll_event() {
            match event {
                ServerEvent::StartSecurity(security) => return Ok(security),
                ServerEvent::Disconnected(_) => return Err(SessionError::LeftEarly),
                _ => {}
            }
        }
    }
}

/// Clients that go away without a word have closed the stream all the same.
fn ended(read: io::Result<usize>) -> io::Result<usize> {
    match read {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
            ) =>
        {
            Ok(0)
        }
        read => read,
    }
}

/// Writes what the stream takes now; flushes it where nothing is left to write.
async fn write_some<W>(writer: &mut W, unsent: &[u8]) -> io::Result<usize>
where
    W: AsyncWrite + Unpin,
{
    if unsent.is_empty() {
        writer.flush().await.map(|()| 0)
    } else {
        writer.write(unsent).await
    }
}

/// Network Level Authentication.
async fn sign_in<S>(
    stream: &mut S,
    identity: &ServerIdentity,
    options: &SessionOptions,
    security: SelectedSecurity,
) -> Result<(), SessionError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let nobody = Credentials::default();
    let public_key = identity.public_key()?;
    let sign_in = ServerSignIn {
        credentials: options.credentials.as_ref().unwrap_or(&nobody),
        server_name: &options.server_name,
        server_public_key: &public_key,
        sends_authorization_result: security == SelectedSecurity::CredSspEarlyAuth,
        version: CREDSSP_VERSION,
    };
    credssp::accept(stream, &sign_in).await?;
    Ok(())
}

/// A session behind TLS.
struct Session<'a> {
    machine: ServerConnection,
    options: &'a SessionOptions,
    is_signed_in: bool,
    painter: Painter,
    pacer: FramePacer,
    /// Once the session runs.
    client: Option<ClientDescription>,
    /// When to ask for a frame; `None` where nothing will change by itself.
    frame_wanted_at: Option<Instant>,
    /// A frame was asked for.
    is_frame_coming: bool,
    /// The client wants pictures.
    is_visible: bool,
    frames: u32,
    unsent: Vec<u8>,
    /// Bytes at the front of `unsent` that the stream has taken. They are let go once they are half
    /// of it: moving up the rest of a large frame after each write would cost more than sending it.
    written: usize,
    /// Until the first picture.
    deadline: Option<tokio::time::Instant>,
}

impl Session<'_> {
    async fn run<S>(
        mut self,
        stream: S,
        mut stop: watch::Receiver<bool>,
    ) -> Result<DisconnectCause, SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut received = vec![0; READ_BYTES];
        let mut must_flush = false;
        let mut is_stopping = false;
        loop {
            let mut cause = self.handle_events().await?;
            self.collect();
            if cause.is_none() && is_stopping {
                self.machine.disconnect();
                self.collect();
                cause = Some(DisconnectCause::Server);
            }
            if let Some(cause) = cause {
                // The client may be gone: what it does not take is not missed.
                let _ = timeout(FAREWELL, async {
                    writer.write_all(&self.unsent[self.written..]).await?;
                    writer.shutdown().await
                })
                .await;
                return Ok(cause);
            }
            self.ask_for_frame().await;
            let wake = self.wake();
            tokio::select! {
                read = reader.read(&mut received) => match ended(read)? {
                    0 => self.machine.handle_stream_closed(Instant::now()),
                    count => {
                        let outcome = self.machine.handle_data(Instant::now(), &received[..count]);
                        if let Err(error) = outcome {
                            self.collect();
                            let left = &self.unsent[self.written..];
                            let _ = timeout(FAREWELL, writer.write_all(left)).await;
                            return Err(error.into());
                        }
                    }
                },
                written = write_some(&mut writer, &self.unsent[self.written..]), if must_flush || !self.unsent.is_empty() => {
                    let count = written?;
                    self.written += count;
                    if self.written * 2 >= self.unsent.len() {
                        self.unsent.drain(..self.written);
                        self.written = 0;
                    }
                    must_flush = count > 0;
                }
                reply = self.painter.replies.recv(), if self.is_frame_coming => {
                    if let Some(reply) = reply
                        && self.take_frame(reply)
                    {
                        // Half of what was to be said, and not a word more.
                        let half = self.unsent.len() / 2;
                        let _ = timeout(FAREWELL, async {
                            writer.write_all(&self.unsent[..half]).await?;
                            writer.flush().await
                        })
                        .await;
                        return Ok(DisconnectCause::Server);
                    }
                }
                () = sleep_until(wake) => {
                    if self.deadline.is_some_and(|deadline| deadline <= tokio::time::Instant::now()) {
                        return Err(SessionError::TimedOut);
                    }
                    self.machine.handle_timeout(Instant::now())?;
                }
                () = stopped(&mut stop) => is_stopping = true,
            }
        }
    }

    /// Takes what the machine has to say; `Some` at the end of the session.
    async fn handle_events(&mut self) -> Result<Option<DisconnectCause>, SessionError> {
        while let Some(event) = self.machine.poll_event() {
            match event {
                ServerEvent::Credentials(credentials) => self.check(&credentials),
                ServerEvent::Active { client, .. } => {
                    tracing::debug!(name = client.name, desktop = ?client.desktop, "client active");
                    self.client = Some(*client);
                }
                ServerEvent::GraphicsReady(target) => self.start_drawing(target).await,
                ServerEvent::Input(event) => {
                    self.request(PainterRequest::Input(event)).await;
                    self.frame_wanted_at = Some(Instant::now());
                }
                ServerEvent::LayoutRequested(monitors) => self.lay_out(&monitors).await,
                ServerEvent::FrameAcknowledged {
                    frame, queue_depth, ..
                } => self.pacer.acknowledged(frame, queue_depth),
                ServerEvent::SuppressOutput(visible) => {
                    self.is_visible = visible.is_some();
                    self.refresh(visible.into_iter().collect()).await;
                }
                ServerEvent::RefreshRequested(rects) => self.refresh(rects).await,
                ServerEvent::Disconnected(cause) => return Ok(Some(cause)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Takes what the machine has to send, unless the session plays dumb.
    fn collect(&mut self) {
        let said = self.unsent.len();
        self.machine.poll_transmit(&mut self.unsent);
        if let Misbehaviour::SilentFrom(step) = self.options.misbehaviour
            && self.machine.step() >= step
        {
            self.unsent.truncate(said);
        }
    }

    async fn request(&self, request: PainterRequest) {
        if self.painter.requests.send(request).await.is_err() {
            tracing::error!("the desktop's thread is gone");
        }
    }

    async fn refresh(&mut self, rects: Vec<Rect>) {
        if !rects.is_empty() {
            self.request(PainterRequest::Refresh(rects)).await;
            self.frame_wanted_at = Some(Instant::now());
        }
    }

    /// Who came in by NLA is known already; else the client info must tell.
    fn check(&mut self, credentials: &Credentials) {
        let is_known = self.is_signed_in
            || self.options.credentials.as_ref().is_none_or(|known| {
                known.user.to_lowercase() == credentials.user.to_lowercase()
                    && known.password == credentials.password
            });
        if is_known {
            self.machine.accept_credentials(Instant::now());
        } else {
            self.machine
                .refuse_credentials(ErrorInfo::SERVER_DENIED_CONNECTION);
        }
    }

    async fn start_drawing(&mut self, target: GraphicsTarget) {
        let Some(client) = &self.client else {
            return;
        };
        let graphics = ClientGraphics::from(target);
        let max_pointer_px = if client.large_pointers.contains(LargePointerFlags::UP_TO_96) {
            96
        } else {
            32
        };
        // Without the pipeline frames are marked and acknowledged only by clients that say so.
        let acknowledges = !graphics.is_bitmaps()
            || client
                .max_unacknowledged_frames
                .is_some_and(|frames| frames > 0);
        let request = PainterRequest::Start(ClientScreen {
            graphics,
            policy: self.options.policy,
            size: client.desktop,
            scale_percent: client.desktop_scale_percent,
            max_pointer_px,
            utc_offset_minutes: client.utc_offset_minutes,
        });
        tracing::debug!(?graphics, "drawing starts");
        self.pacer = FramePacer::new(self.options.frames_per_second, acknowledges);
        self.request(request).await;
        self.frame_wanted_at = Some(Instant::now());
        self.deadline = None;
    }

    /// Gives the client the layout that it asked for: one desktop around all its monitors.
    async fn lay_out(&mut self, monitors: &[MonitorLayout]) {
        let all = monitors
            .iter()
            .fold(Rect::default(), |all, monitor| all.union(&monitor.rect));
        let size = Size::new(
            all.width().clamp(MIN_SIDE, MAX_SIDE),
            all.height().clamp(MIN_SIDE, MAX_SIDE),
        );
        let scale_percent = monitors
            .iter()
            .find(|monitor| monitor.is_primary)
            .map_or(100, |monitor| monitor.desktop_scale_percent);
        let Some(client) = &mut self.client else {
            return;
        };
        if (client.desktop, client.desktop_scale_percent) == (size, scale_percent) {
            return;
        }
        client.desktop = size;
        client.desktop_scale_percent = scale_percent;
        // Without the pipeline the share is activated anew, and drawing starts anew after that.
        if matches!(
            self.machine.graphics_target(),
            Some(GraphicsTarget::Bitmaps(_))
        ) {
            self.machine.resize(Instant::now(), size);
            return;
        }
        self.request(PainterRequest::Resize {
            size,
            scale_percent,
        })
        .await;
        self.frame_wanted_at = Some(Instant::now());
    }

    /// Until when nothing needs to be done if nothing comes in.
    fn wake(&mut self) -> tokio::time::Instant {
        const LONG: Duration = Duration::from_secs(3600);
        let now = Instant::now();
        let frame = self.frame_due(now);
        let machine = self.machine.poll_timeout();
        let wake = frame.into_iter().chain(machine).min().unwrap_or(now + LONG);
        let wake = tokio::time::Instant::from_std(wake);
        self.deadline.map_or(wake, |deadline| wake.min(deadline))
    }

    /// When the next frame may be asked for; `None` while one is on its way or none is wanted.
    fn frame_due(&mut self, now: Instant) -> Option<Instant> {
        let is_free = self.is_visible
            && !self.is_frame_coming
            && self.unsent.len() - self.written < MAX_UNSENT_BYTES;
        let wanted = self.frame_wanted_at.filter(|_| is_free)?;
        Some(wanted.max(now + self.pacer.wait(now)))
    }

    async fn ask_for_frame(&mut self) {
        let now = Instant::now();
        if self.frame_due(now).is_some_and(|due| due <= now) {
            self.frame_wanted_at = None;
            self.is_frame_coming = true;
            self.request(PainterRequest::NextFrame).await;
        }
    }

    /// Sends what the desktop's thread made; true where the connection is to break here.
    fn take_frame(&mut self, reply: PainterReply) -> bool {
        self.is_frame_coming = false;
        let PainterReply { next, took } = reply;
        let now = Instant::now();
        for command in &next.commands {
            if let Err(error) = self.machine.send_graphics(command) {
                // The pipeline may have closed under the frame; drawing starts anew then.
                tracing::debug!(%error, "command not sent");
            }
        }
        if let Some(pointer) = &next.pointer {
            let sent = self.machine.send_pointer(pointer);
            if let Err(error) = sent {
                tracing::debug!(%error, "pointer not sent");
            }
        }
        let change = next.idle_for.map(|idle| now + idle);
        self.frame_wanted_at = self.frame_wanted_at.into_iter().chain(change).min();
        let Some(frame) = next.frame else {
            return false;
        };
        tracing::trace!(frame = frame.0, took_us = took.as_micros() as u64, "frame");
        self.pacer.sent(now, frame);
        self.frames += 1;
        match self.options.misbehaviour {
            Misbehaviour::CloseMidFrame { after_frames } if self.frames > after_frames => {
                self.unsent.clear();
                self.written = 0;
                self.collect();
                true
            }
            Misbehaviour::EndWith {
                error_info,
                after_frames,
            } if self.frames > after_frames => {
                self.machine.set_error_info(error_info);
                self.machine.disconnect();
                false
            }
            _ => false,
        }
    }
}
