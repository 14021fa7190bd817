//! The machine itself: state, time, and what its owner calls.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use oriel_codecs::{bulk::BulkCompressor, geometry::Size};

use super::{
    ClientDescription, DisconnectCause, ServerConfig, ServerError, ServerEvent,
    channels::{DynamicHost, StaticChannels},
    negotiation::{self, ChannelPlan, IO_CHANNEL},
    outbox::Outbox,
};
use crate::{
    channels::{CHUNK_LENGTH, ChannelFlags, DYNAMIC_CHANNELS_NAME, write_chunks},
    client::{ConnectionStep, SelectedSecurity},
    error_info::ErrorInfo,
    framing::{Frame, FrameReader},
    gcc::EarlyCapabilities,
    graphics::{CommandError, GraphicsCommand, GraphicsTarget, PointerUpdate, SurfaceTarget},
    heartbeat::Heartbeat,
    input::{InputReader, LockKeys},
    mcs::{ChannelId, DisconnectReason, DomainPdu},
    redirection::ServerRedirection,
    secret::Credentials,
    security::SecurityFlags,
    share::{
        DataPdu, DeactivateAll, PlaySoundPdu, SERVER_CHANNEL_ID, SetErrorInfoPdu,
        SetKeyboardIndicatorsPdu,
    },
    updates::{OutputPdu, UpdateWriter},
    wire::{DecodeError, WriteWire},
    x224::{SecurityProtocols, Tpdu},
};

/// How long a client that announced the graphics pipeline may take to open it before bitmaps are
/// sent instead. Should it open later, drawing changes over.
const PIPELINE_PATIENCE: Duration = Duration::from_secs(5);

/// How long a client may take to answer the round trip request before the connection goes on
/// without a measurement.
const AUTODETECT_PATIENCE: Duration = Duration::from_secs(3);

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// X.224 connection request awaited.
    Negotiation,
    /// TLS and CredSSP run outside.
    Security,
    /// MCS connect initial awaited.
    BasicSettings,
    /// Erect domain, attach user and joins, until client info comes.
    ChannelConnection { is_attached: bool },
    /// The owner looks at the credentials.
    Verdict,
    /// Answer to a round trip request awaited.
    Autodetect { sent_at: Instant },
    /// Confirm active awaited.
    CapabilityExchange,
    /// Font list awaited.
    Finalization,
    /// The session runs.
    Active,
    /// Over.
    Closed,
}

/// The server's end of a connection; see the [module](super) for the picture.
///
/// ```no_run
/// use std::time::Instant;
/// use oriel_codecs::geometry::Size;
/// use oriel_protocol::server::{ServerConfig, ServerConnection, ServerEvent};
///
/// # fn read(_: &mut Vec<u8>) {} fn write(_: &[u8]) {} fn run_tls() {}
/// let config = ServerConfig::new(Size::new(1280, 720));
/// let mut connection = ServerConnection::new(config, Instant::now());
/// let (mut received, mut waiting) = (Vec::new(), Vec::new());
/// loop {
///     read(&mut received);
///     let result = connection.handle_data(Instant::now(), &received);
///     connection.poll_transmit(&mut waiting);
///     write(&waiting);
///     waiting.clear();
///     result.unwrap();
///     while let Some(event) = connection.poll_event() {
///         match event {
///             ServerEvent::StartSecurity(_) => {
///                 run_tls();
///                 connection.handle_security_established(Instant::now()).unwrap();
///             }
///             ServerEvent::Disconnected(_) => return,
///             event => println!("{event:?}"),
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct ServerConnection {
    pub(super) config: ServerConfig,
    pub(super) state: State,
    /// Where the connection stood when it was closed.
    last_step: ConnectionStep,
    failure: Option<ServerError>,
    /// When the client has been silent for too long.
    deadline: Option<Instant>,
    /// When bitmaps are sent for want of a pipeline.
    pipeline_deadline: Option<Instant>,
    /// When the next heartbeat is due.
    heartbeat_due: Option<Instant>,
    frames: FrameReader,
    pub(super) outbox: Outbox,
    pub(super) events: VecDeque<ServerEvent>,

    pub(super) requested: SecurityProtocols,
    pub(super) early: EarlyCapabilities,
    pub(super) plan: Option<ChannelPlan>,
    pub(super) client: ClientDescription,
    pub(super) credentials: Credentials,
    pub(super) notify_logon: bool,
    static_channels: StaticChannels,
    pub(super) dynamic: Option<DynamicHost>,

    pub(super) share_id: u32,
    /// The session ran before: what comes next is a reactivation.
    pub(super) was_active: bool,
    pub(super) target: Option<GraphicsTarget>,
    /// What may be sent in surface commands, without the pipeline.
    pub(super) surface: SurfaceTarget,
    pub(super) updates: Option<UpdateWriter>,
    /// Where the client takes compressed data. Updates and channel chunks share its history, which
    /// outlives a reactivation.
    pub(super) compressor: Option<Box<BulkCompressor>>,
    /// The client takes compressed chunks too.
    pub(super) compresses_channels: bool,
    pub(super) input: InputReader,
    /// A size that was asked for while the share was not up.
    pending_resize: Option<Size>,
}

impl ServerConnection {
    /// A machine for a stream that was just accepted.
    pub fn new(config: ServerConfig, now: Instant) -> Self {
        let deadline = now.checked_add(config.step_timeout);
        let desktop = config.desktop;
        Self {
            config,
            state: State::Negotiation,
            last_step: ConnectionStep::Negotiation,
            failure: None,
            deadline,
            pipeline_deadline: None,
            heartbeat_due: None,
            frames: FrameReader::new(),
            outbox: Outbox::default(),
            events: VecDeque::new(),
            requested: SecurityProtocols::empty(),
            early: EarlyCapabilities::empty(),
            plan: None,
            client: ClientDescription {
                desktop,
                ..ClientDescription::default()
            },
            credentials: Credentials::default(),
            notify_logon: false,
            static_channels: StaticChannels::default(),
            dynamic: None,
            share_id: 0,
            was_active: false,
            target: None,
            surface: SurfaceTarget::default(),
            updates: None,
            compressor: None,
            compresses_channels: false,
            input: InputReader::new(),
            pending_resize: None,
        }
    }

    /// Where the connection stands, or stood when it ended.
    pub fn step(&self) -> ConnectionStep {
        match self.state {
            State::Negotiation => ConnectionStep::Negotiation,
            State::Security => ConnectionStep::Security,
            State::BasicSettings => ConnectionStep::BasicSettings,
            State::ChannelConnection { .. } => ConnectionStep::ChannelConnection,
            State::Verdict => ConnectionStep::SecureSettings,
            State::Autodetect { .. } => ConnectionStep::Licensing,
            State::CapabilityExchange => ConnectionStep::CapabilityExchange,
            State::Finalization => ConnectionStep::Finalization,
            State::Active => ConnectionStep::Active,
            State::Closed => self.last_step,
        }
    }

    /// What is known about the client so far.
    pub fn client(&self) -> &ClientDescription {
        &self.client
    }

    /// How drawing is sent; `None` while it cannot be.
    pub fn graphics_target(&self) -> Option<GraphicsTarget> {
        match self.state {
            State::Active => self.target,
            _ => None,
        }
    }

    /// Most bytes of one bitmap's payload, headers left out, while bitmaps are sent.
    pub fn max_update_bytes(&self) -> Option<usize> {
        self.updates.as_ref().map(UpdateWriter::max_update_bytes)
    }

    /// True once the session is over; nothing that is called then has an effect.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Takes received bytes, in pieces of any size.
    ///
    /// # Errors
    /// Where the client broke the protocol or has nothing in common with the server. The
    /// connection is over then; what waits to be sent should still be sent, as it tells the client
    /// why. Every later call fails the same way.
    pub fn handle_data(&mut self, now: Instant, data: &[u8]) -> Result<(), ServerError> {
        self.check()?;
        match self.state {
            State::Closed => return Ok(()),
            State::Security => {
                return Err(ServerError::Misuse(
                    "data given before the security protocol was run",
                ));
            }
            _ => self.frames.push(data),
        }
        let result = self.handle_frames(now);
        result.inspect_err(|error| self.fail(error.clone()))
    }

    fn handle_frames(&mut self, now: Instant) -> Result<(), ServerError> {
        loop {
            match self.state {
                State::Closed => return Ok(()),
                State::Security if self.frames.pending_bytes() > 0 => {
                    return Err(self.unexpected("data ahead of the security protocol"));
                }
                State::Security => return Ok(()),
                _ => {}
            }
            let frame = self.frames.next_frame();
            match frame.map_err(|error| self.undecodable(error))? {
                None => return Ok(()),
                Some(Frame::FastPath(pdu)) => self.handle_fast_path(&pdu)?,
                Some(Frame::Tpkt(payload)) if self.state == State::Negotiation => {
                    self.handle_connection_request(now, &payload)?;
                }
                Some(Frame::Tpkt(payload)) => {
                    match Tpdu::decode(&payload).map_err(|error| self.undecodable(error))? {
                        Tpdu::Data(data) => self.handle_mcs(now, data)?,
                        Tpdu::DisconnectRequest(reason) => {
                            self.finish(DisconnectCause::Client(reason));
                        }
                    }
                }
            }
        }
    }

    /// TLS, and CredSSP where it was picked, stand: what arrives from here on is for the machine.
    ///
    /// # Errors
    /// Where nobody was asked to establish it.
    pub fn handle_security_established(&mut self, now: Instant) -> Result<(), ServerError> {
        self.check()?;
        if self.state != State::Security {
            return Err(ServerError::Misuse("no security protocol was asked for"));
        }
        self.enter(now, State::BasicSettings);
        Ok(())
    }

    /// The stream was closed by the client or is broken.
    pub fn handle_stream_closed(&mut self, _now: Instant) {
        self.finish(DisconnectCause::StreamClosed);
    }

    /// Time has passed; to be called when [`Self::poll_timeout`] says so.
    ///
    /// # Errors
    /// Where the client was silent for too long. The connection is over then.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), ServerError> {
        self.check()?;
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if is_due(self.deadline) {
            if matches!(self.state, State::Autodetect { .. }) {
                // A client that announced auto-detection and does not answer is no reason to
                // turn it away.
                self.begin_share(now);
            } else {
                let error = ServerError::Timeout { step: self.step() };
                self.fail(error.clone());
                return Err(error);
            }
        }
        if is_due(self.pipeline_deadline) {
            self.fall_back_to_bitmaps();
        }
        if is_due(self.heartbeat_due) {
            self.send_heartbeat(now);
        }
        Ok(())
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.deadline, self.pipeline_deadline, self.heartbeat_due]
            .into_iter()
            .flatten()
            .min()
    }

    /// Appends all that waits to be sent; false where nothing does.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        self.send_dynamic();
        self.outbox.take(out)
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    /// The credentials of [`ServerEvent::Credentials`] are good: the connection goes on.
    pub fn accept_credentials(&mut self, now: Instant) {
        if self.state == State::Verdict {
            self.begin_licensing(now);
        }
    }

    /// The credentials are not good: tells the client why, and ends the connection.
    pub fn refuse_credentials(&mut self, why: ErrorInfo) {
        if self.state == State::Verdict {
            self.set_error_info(why);
            self.disconnect();
        }
    }

    /// Draws.
    ///
    /// # Errors
    /// Before [`ServerEvent::GraphicsReady`] and while a reactivation is on its way; and for
    /// commands that the way of drawing in force cannot carry. Nothing is sent then.
    pub fn send_graphics(&mut self, command: &GraphicsCommand) -> Result<(), CommandError> {
        match (self.graphics_target(), &mut self.dynamic) {
            (Some(GraphicsTarget::Pipeline { .. }), Some(dynamic)) => {
                dynamic.send_graphics(command)?;
                if let GraphicsCommand::ResetGraphics { size, .. } = command {
                    self.client.desktop = *size;
                }
                Ok(())
            }
            (Some(GraphicsTarget::Bitmaps(_)), _) => {
                self.write_update(|updates, out| updates.write_graphics(command, out))
            }
            _ => Err(CommandError::NotReady),
        }
    }

    /// Changes the client's mouse pointer.
    ///
    /// # Errors
    /// While the session does not run, and for a shape that the client cannot show. Nothing is
    /// sent then.
    pub fn send_pointer(&mut self, pointer: &PointerUpdate) -> Result<(), CommandError> {
        if self.state != State::Active {
            return Err(CommandError::NotReady);
        }
        self.write_update(|updates, out| updates.write_pointer(pointer, out))
    }

    fn write_update(
        &mut self,
        write: impl FnOnce(&mut UpdateWriter, &mut Vec<OutputPdu>) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let updates = self.updates.as_mut().ok_or(CommandError::NotReady)?;
        let mut pdus = Vec::new();
        write(updates, &mut pdus)?;
        for pdu in pdus {
            match pdu {
                OutputPdu::FastPath(fragment) => {
                    let bulk = self.compressor.as_deref_mut();
                    self.outbox.send_frames(|out| fragment.write(bulk, out));
                }
                OutputPdu::SlowPath { kind, payload } => {
                    let bulk = self.compressor.as_deref_mut();
                    self.outbox
                        .send_update(IO_CHANNEL, self.share_id, kind, &payload, bulk);
                }
            }
        }
        Ok(())
    }

    /// Gives the desktop another size. With the graphics pipeline that is a reset, after which
    /// the client has no surfaces; without, the share is deactivated and activated anew, and
    /// [`ServerEvent::Active`] and [`ServerEvent::GraphicsReady`] come again. False where the
    /// client cannot follow or the session does not run yet.
    pub fn resize(&mut self, now: Instant, size: Size) -> bool {
        let size = negotiation::clamp_desktop(size);
        match (self.state, self.target) {
            (State::Active, Some(GraphicsTarget::Pipeline { .. })) => {
                let reset = GraphicsCommand::ResetGraphics {
                    size,
                    monitors: Vec::new(),
                };
                self.send_graphics(&reset).is_ok()
            }
            (State::Active, _) if !self.client.desktop_resize => false,
            (State::Active, _) => {
                self.reactivate(now, size);
                true
            }
            (State::CapabilityExchange | State::Finalization, _) => {
                self.pending_resize = Some(size);
                true
            }
            _ => false,
        }
    }

    fn reactivate(&mut self, now: Instant, size: Size) {
        let deactivate = DeactivateAll {
            share_id: self.share_id,
        };
        self.outbox
            .send_on(IO_CHANNEL, |out| deactivate.write(SERVER_CHANNEL_ID, out));
        self.client.desktop = size;
        self.begin_share(now);
    }

    /// Carries out a change of size that had to wait; true where there was one.
    pub(super) fn resume_resize(&mut self, now: Instant) -> bool {
        let size = self.pending_resize.take();
        match size.filter(|&size| size != self.client.desktop && self.client.desktop_resize) {
            Some(size) => {
                self.reactivate(now, size);
                true
            }
            None => false,
        }
    }

    /// Tells the client why the session will end; 0 takes that back. Says nothing to clients that
    /// do not want to know.
    pub fn set_error_info(&mut self, error_info: ErrorInfo) {
        let is_connected = self.plan.is_some() && self.state != State::Closed;
        if is_connected && self.early.contains(EarlyCapabilities::ERROR_INFO) {
            self.send_data(&DataPdu::SetErrorInfo(SetErrorInfoPdu { error_info }));
        }
    }

    /// Sets the lights of the client's lock keys.
    pub fn set_keyboard_indicators(&mut self, locks: LockKeys) {
        if self.state == State::Active {
            self.send_data(&DataPdu::SetKeyboardIndicators(SetKeyboardIndicatorsPdu {
                unit_id: 0,
                locks,
            }));
        }
    }

    /// Beeps.
    pub fn beep(&mut self, duration: Duration, frequency_hz: u32) {
        if self.state == State::Active {
            self.send_data(&DataPdu::PlaySound(PlaySoundPdu {
                duration_ms: u32::try_from(duration.as_millis()).unwrap_or(u32::MAX),
                frequency_hz,
            }));
        }
    }

    /// Sends the client to another server. It closes the connection itself, unless the packet is
    /// for information only.
    pub fn redirect(&mut self, redirection: &ServerRedirection) {
        if self.plan.is_some() && self.state != State::Closed {
            self.outbox.send_on(IO_CHANNEL, |out| {
                redirection.write_enhanced(SERVER_CHANNEL_ID, out);
            });
        }
    }

    /// Sends a message on a static channel; false where the client has none of that name.
    pub fn send_channel_data(&mut self, channel: &str, message: &[u8]) -> bool {
        let id = self.plan.as_ref().and_then(|plan| plan.find(channel));
        match id {
            Some(id) if self.was_active && self.state != State::Closed => {
                self.send_chunks(id, message);
                true
            }
            _ => false,
        }
    }

    /// Ends the session (`[MS-RDPBCGR] 3.1.5.1.1`).
    pub fn disconnect(&mut self) {
        self.leave(
            DisconnectReason::PROVIDER_INITIATED,
            DisconnectCause::Server,
        );
    }

    pub(super) fn leave(&mut self, reason: DisconnectReason, cause: DisconnectCause) {
        if self.state == State::Closed {
            return;
        }
        // What was drawn still goes out.
        self.send_dynamic();
        if self.plan.is_some() {
            self.outbox
                .send_mcs(|out| DomainPdu::DisconnectProviderUltimatum(reason).encode(out));
        }
        self.finish(cause);
    }

    /// Begins a step: the client has time for it anew.
    pub(super) fn enter(&mut self, now: Instant, state: State) {
        self.state = state;
        self.deadline = match state {
            State::Active | State::Verdict | State::Closed => None,
            State::Autodetect { .. } => now.checked_add(AUTODETECT_PATIENCE),
            _ => now.checked_add(self.config.step_timeout),
        };
    }

    /// The session runs for the first time: what depends on time begins.
    pub(super) fn start_timers(&mut self, now: Instant, awaits_pipeline: bool) {
        if awaits_pipeline {
            self.pipeline_deadline = now.checked_add(PIPELINE_PATIENCE);
        }
        if self.early.contains(EarlyCapabilities::HEARTBEAT)
            && let Some(period_s) = self.config.heartbeat_period_s.filter(|&period| period > 0)
        {
            self.heartbeat_due = now.checked_add(Duration::from_secs(period_s.into()));
        }
    }

    pub(super) fn stop_waiting_for_pipeline(&mut self) {
        self.pipeline_deadline = None;
    }

    fn send_heartbeat(&mut self, now: Instant) {
        let message = self.plan.as_ref().and_then(|plan| plan.message);
        let (Some(channel), Some(period_s)) = (message, self.config.heartbeat_period_s) else {
            self.heartbeat_due = None;
            return;
        };
        // Anything that was sent since is as good.
        if !self.outbox.take_was_used() {
            let heartbeat = Heartbeat {
                period_s,
                warn_after: 3,
                reconnect_after: 3,
            };
            self.outbox
                .send_secured(channel, SecurityFlags::HEARTBEAT, &heartbeat);
            self.outbox.take_was_used();
        }
        self.heartbeat_due = now.checked_add(Duration::from_secs(period_s.into()));
    }

    pub(super) fn send_data(&mut self, pdu: &DataPdu) {
        self.outbox.send_data_pdu(IO_CHANNEL, self.share_id, pdu);
    }

    fn send_chunks(&mut self, channel: ChannelId, message: &[u8]) {
        let outbox = &mut self.outbox;
        let plan = self.plan.as_ref();
        let wants_compression =
            self.compresses_channels && plan.is_some_and(|plan| plan.wants_compression(channel));
        let bulk = self.compressor.as_deref_mut();
        let bulk = bulk.filter(|_| wants_compression);
        write_chunks(
            message,
            CHUNK_LENGTH,
            ChannelFlags::empty(),
            bulk,
            |chunk| {
                outbox.send_on(channel, |out| out.put(chunk));
            },
        );
    }

    /// Moves what the dynamic channels have to say to the outbox.
    fn send_dynamic(&mut self) {
        if self.state == State::Closed {
            return;
        }
        let plan = self.plan.as_ref();
        let Some(channel) = plan.and_then(|plan| plan.find(DYNAMIC_CHANNELS_NAME)) else {
            return;
        };
        while let Some(message) = self.dynamic.as_mut().and_then(DynamicHost::poll_transmit) {
            self.send_chunks(channel, &message);
        }
    }

    pub(super) fn open_static_channels(&mut self, count: usize) {
        self.static_channels = StaticChannels::new(count);
    }

    /// Takes a chunk of a static channel.
    pub(super) fn handle_chunk(&mut self, index: usize, chunk: &[u8]) -> Result<(), ServerError> {
        let message = self.static_channels.handle_chunk(index, chunk);
        let Some(message) = message.map_err(|error| self.undecodable(error))? else {
            return Ok(());
        };
        let Some(name) = self.plan.as_ref().and_then(|plan| plan.names.get(index)) else {
            return Ok(());
        };
        if name == DYNAMIC_CHANNELS_NAME {
            self.handle_dynamic(&message)
        } else {
            self.events.push_back(ServerEvent::ChannelData {
                channel: name.clone(),
                data: message.into_owned().into(),
            });
            Ok(())
        }
    }

    /// Begins to run `security` outside of the machine.
    pub(super) fn start_security(&mut self, now: Instant, security: SelectedSecurity) {
        self.events.push_back(ServerEvent::StartSecurity(security));
        self.enter(now, State::Security);
    }

    /// The end, in order.
    pub(super) fn finish(&mut self, cause: DisconnectCause) {
        if self.state != State::Closed {
            self.close();
            self.events.push_back(ServerEvent::Disconnected(cause));
        }
    }

    fn check(&self) -> Result<(), ServerError> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn fail(&mut self, error: ServerError) {
        self.close();
        self.failure = Some(error);
    }

    /// The end, in order or not.
    fn close(&mut self) {
        self.last_step = self.step();
        self.state = State::Closed;
        self.deadline = None;
        self.pipeline_deadline = None;
        self.heartbeat_due = None;
        self.frames = FrameReader::new();
        self.dynamic = None;
    }

    pub(super) fn unexpected(&self, what: &'static str) -> ServerError {
        ServerError::UnexpectedPdu {
            step: self.step(),
            what,
        }
    }

    pub(super) fn undecodable(&self, source: DecodeError) -> ServerError {
        ServerError::Decode {
            step: self.step(),
            source,
        }
    }
}
