//! The client's machine: its life cycle, and the caller's end of it.
//!
//! [`sequence`](super::sequence) holds the steps up to the running session,
//! [`session`](super::session) what happens in it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;
use oriel_codecs::{bulk::BulkDecompressor, geometry::Rect};

use super::{
    ClientConfig, ClientEvent, ConnectionStatistics, ConnectionStep, DisconnectReason,
    MonitorLayout, ProtocolError, SelectedSecurity, ServerOffer,
    drawing::{Drawing, FrameOrigin},
    dynamic::Dynamic,
    outbox::Outbox,
    recorder::Recorder,
    session::Share,
    settings,
    static_channels::StaticChannels,
};
use crate::{
    autodetect::BandwidthMeter,
    channels::DYNAMIC_CHANNELS_NAME,
    error_info::ErrorInfo,
    framing::{Frame, FrameReader},
    graphics::FrameReport,
    input::InputEvent,
    licensing::LicensingClient,
    mcs::{ChannelId, DisconnectReason as McsReason, DomainPdu},
    updates::UpdateReader,
    wire::{DecodeError, Pdu},
    x224::{NegotiationResponseFlags, SecurityProtocols, Tpdu},
};

/// How long a server may take to answer the request to shut down.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Where the connection stands. Finer than [`ConnectionStep`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// X.224 request sent.
    Negotiation,
    /// The caller runs TLS and CredSSP.
    Security,
    /// MCS connect-initial sent.
    BasicSettings,
    /// Attach user request sent.
    UserAttachment,
    /// Joining channels one by one; those that are left, the current one first.
    ChannelJoins(VecDeque<ChannelId>),
    /// Client info sent.
    Licensing,
    /// The server's offer of a share awaited, for the first time or again.
    CapabilityExchange,
    /// Font list sent.
    Finalization,
    /// The session runs.
    Active,
    /// Shutdown request sent.
    ShuttingDown,
    /// Over.
    Closed,
}

/// The client's side of an RDP connection, without any I/O.
///
/// Bytes from the stream go into [`handle_data`](Self::handle_data), what
/// [`poll_transmit`](Self::poll_transmit) hands out goes onto the stream, and
/// [`poll_event`](Self::poll_event) tells what happened. After each call of a `handle_*` method or
/// a command, poll until there is nothing more.
///
/// ```
/// use std::time::Instant;
/// use oriel_codecs::geometry::Size;
/// use oriel_protocol::{client::*, secret::Credentials};
///
/// let config = ClientConfig::new("host", Credentials::default(), Size::new(1280, 800));
/// let mut client = ClientConnection::new(config, Instant::now());
/// let mut to_server = Vec::new();
/// assert!(client.poll_transmit(&mut to_server));
/// assert_eq!(to_server[..2], [3, 0], "a TPKT frame with the connection request");
/// assert_eq!(client.step(), ConnectionStep::Negotiation);
/// ```
#[derive(Debug)]
pub struct ClientConnection {
    pub(super) config: ClientConfig,
    pub(super) phase: Phase,
    /// Where the connection stood when it was closed.
    last_step: ConnectionStep,
    failure: Option<ProtocolError>,
    reader: FrameReader,
    pub(super) recorder: Recorder,
    pub(super) outbox: Outbox,
    pub(super) events: VecDeque<ClientEvent>,
    pub(super) offer: ServerOffer,
    /// Until when the server has to do its part of the step.
    pub(super) deadline: Option<Instant>,
    /// Until when the server has to send anything, where it sends heartbeats.
    pub(super) heartbeat_deadline: Option<Instant>,
    /// How long such a server may be silent.
    pub(super) heartbeat_silence: Option<Duration>,
    pub(super) selected: SecurityProtocols,
    pub(super) negotiation_flags: NegotiationResponseFlags,
    pub(super) io_channel: ChannelId,
    pub(super) message_channel: Option<ChannelId>,
    pub(super) licensing: LicensingClient,
    pub(super) static_channels: StaticChannels,
    pub(super) dynamic: Dynamic,
    pub(super) updates: UpdateReader,
    /// Updates, data PDUs and channel chunks share a history, which outlives a reactivation.
    pub(super) bulk: BulkDecompressor,
    pub(super) drawing: Drawing,
    pub(super) meter: BandwidthMeter,
    /// The share of the running session.
    pub(super) share: Option<Share>,
    /// The session ran already once.
    pub(super) was_active: bool,
    /// What the server said about the end that is to come.
    pub(super) error_info: Option<ErrorInfo>,
}

impl ClientConnection {
    /// A connection whose request waits to be sent.
    pub fn new(config: ClientConfig, now: Instant) -> Self {
        let mut outbox = Outbox::default();
        let request = settings::connection_request(&config);
        outbox.send_tpkt(|out| request.encode(out));
        Self {
            phase: Phase::Negotiation,
            last_step: ConnectionStep::Negotiation,
            failure: None,
            reader: FrameReader::new(),
            recorder: Recorder::new(config.keeps_recording),
            outbox,
            events: VecDeque::from([ClientEvent::Step(ConnectionStep::Negotiation)]),
            offer: ServerOffer::default(),
            deadline: now.checked_add(config.step_timeout),
            heartbeat_deadline: None,
            heartbeat_silence: None,
            selected: SecurityProtocols::empty(),
            negotiation_flags: NegotiationResponseFlags::empty(),
            io_channel: ChannelId(0),
            message_channel: None,
            licensing: LicensingClient::new(
                config.credentials.user.clone(),
                config.client_name.clone(),
                config.random_seed,
            ),
            static_channels: StaticChannels::new(),
            dynamic: Dynamic::new(config.graphics),
            updates: UpdateReader::new(settings::update_promises(config.graphics)),
            bulk: BulkDecompressor::new(),
            drawing: Drawing::default(),
            meter: BandwidthMeter::default(),
            share: None,
            was_active: false,
            error_info: None,
            config,
        }
    }

    // What comes in.

    /// Takes bytes from the stream, in pieces of any size.
    ///
    /// # Errors
    ///
    /// Where the server breaks the protocol or cannot do what is needed. The connection is over
    /// then: every later call fails the same way.
    pub fn handle_data(&mut self, now: Instant, data: &[u8]) -> Result<(), ProtocolError> {
        self.check()?;
        if self.phase == Phase::Security {
            return Err(ProtocolError::Misuse(
                "stream data before the security layer stood",
            ));
        }
        self.outbox.statistics.received_bytes += data.len() as u64;
        self.reader.push(data);
        let result = self.handle_frames(now);
        result.inspect_err(|error| self.fail(error.clone()))
    }

    /// TLS stands, and CredSSP where it was picked.
    ///
    /// # Errors
    ///
    /// Where nobody was asked to establish it.
    pub fn handle_security_established(&mut self, now: Instant) -> Result<(), ProtocolError> {
        self.check()?;
        if self.phase != Phase::Security {
            return Err(ProtocolError::Misuse("no security layer was asked for"));
        }
        self.send_connect_initial(now);
        Ok(())
    }

    /// The stream ended. [`ClientEvent::Disconnected`] follows, unless it came already.
    pub fn handle_stream_closed(&mut self, _now: Instant) {
        if self.failure.is_some() {
            return;
        }
        let reason = match self.phase {
            Phase::Closed => return,
            Phase::ShuttingDown => DisconnectReason::ClientRequest,
            _ => DisconnectReason::StreamClosed,
        };
        self.close(reason);
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) told has come. Harmless before.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Timeout`] where the server took too long.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), ProtocolError> {
        self.check()?;
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        if self.phase == Phase::ShuttingDown {
            self.leave();
            return Ok(());
        }
        let error = ProtocolError::Timeout { step: self.step() };
        self.fail(error.clone());
        Err(error)
    }

    // What goes out.

    /// Appends all that is to be sent to `out`; false where there is nothing.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        self.outbox.take(out)
    }

    /// The next frame of a recording: everything that the server sent, but for frames that hold a
    /// secret. Fed to a machine of the same configuration, one at a time, they make it tell the
    /// same events. `None` where there are no more, and always where the configuration does not
    /// ask for a recording.
    ///
    /// Left out are what the server tells about the user's sign-in (with it the cookie for
    /// reconnecting), redirections, and static channels apart from `drdynvc`.
    pub fn poll_recorded(&mut self) -> Option<Frame> {
        self.recorder.poll()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (self.deadline, self.heartbeat_deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    // Commands.

    /// Sends input; ignored unless the session runs.
    pub fn send_input(&mut self, events: &[InputEvent]) {
        if self.phase != Phase::Active {
            return;
        }
        if let Some(share) = &self.share {
            share.send_input(events, self.io_channel, &mut self.outbox);
        }
    }

    /// Tells the server that a frame is shown. Each frame is acknowledged once; a frame of a
    /// channel that has closed is ignored.
    pub fn acknowledge_frame(&mut self, _now: Instant, report: FrameReport) {
        if matches!(self.phase, Phase::ShuttingDown | Phase::Closed) {
            return;
        }
        let is_acknowledged = match self.drawing.take_frame(report.frame) {
            // The pipeline outlives the share.
            Some(FrameOrigin::Pipeline) => {
                let is_known = self.dynamic.acknowledge_frame(report);
                self.flush_dynamic();
                is_known
            }
            Some(FrameOrigin::SurfaceCommands) => {
                let share = self.share.as_ref().filter(|_| self.phase == Phase::Active);
                share.is_some_and(|share| {
                    share.acknowledge_frame(report.frame, self.io_channel, &mut self.outbox)
                })
            }
            None => false,
        };
        self.outbox.statistics.frames_acknowledged += u64::from(is_acknowledged);
    }

    /// Asks for other monitors; false where the server does not take such requests.
    pub fn request_layout(&mut self, layout: &[MonitorLayout]) -> bool {
        let is_sent = self.phase == Phase::Active && self.dynamic.request_layout(layout);
        self.flush_dynamic();
        is_sent
    }

    /// Tells the server which part of the desktop is visible; `None` stops drawing
    /// (`[MS-RDPBCGR] 2.2.11.3`), and acknowledging with it: a server that draws all the same must
    /// not wait for anyone (`[MS-RDPEGFX] 2.2.2.13`).
    pub fn suppress_output(&mut self, visible: Option<Rect>) {
        if self.phase != Phase::Closed {
            self.dynamic.set_acknowledging(visible.is_some());
            self.flush_dynamic();
        }
        if let (Phase::Active, Some(share)) = (&self.phase, &self.share) {
            share.suppress_output(visible, self.io_channel, &mut self.outbox);
        }
    }

    /// Asks the server to draw areas again.
    pub fn refresh(&mut self, areas: &[Rect]) {
        if let (Phase::Active, Some(share)) = (&self.phase, &self.share) {
            share.refresh(areas, self.io_channel, &mut self.outbox);
        }
    }

    /// Sends a message on a static channel other than `drdynvc`; false where that is not joined
    /// or the server wants silence on it.
    pub fn send_channel_data(&mut self, channel: &str, data: &[u8]) -> bool {
        self.phase == Phase::Active
            && channel != DYNAMIC_CHANNELS_NAME
            && self.static_channels.send(channel, data, &mut self.outbox)
    }

    /// Ends the connection. A running session is first asked to shut down, as the specification
    /// wants it (`[MS-RDPBCGR] 1.3.1.4.1`): the server closes at once or, where a user is signed
    /// in, declines, and the session goes on without this client.
    pub fn disconnect(&mut self, now: Instant) {
        match self.phase {
            Phase::Closed | Phase::ShuttingDown => {}
            Phase::Active => {
                if let Some(share) = &self.share {
                    share.request_shutdown(self.io_channel, &mut self.outbox);
                }
                self.phase = Phase::ShuttingDown;
                self.heartbeat_deadline = None;
                self.deadline = Some(now + SHUTDOWN_TIMEOUT);
            }
            _ => self.leave(),
        }
    }

    // Getters.

    /// Where the connection stands; once it is over, where it stood.
    pub fn step(&self) -> ConnectionStep {
        match self.phase {
            Phase::Negotiation => ConnectionStep::Negotiation,
            Phase::Security => ConnectionStep::Security,
            Phase::BasicSettings => ConnectionStep::BasicSettings,
            Phase::UserAttachment | Phase::ChannelJoins(_) => ConnectionStep::ChannelConnection,
            Phase::Licensing => ConnectionStep::Licensing,
            Phase::CapabilityExchange => ConnectionStep::CapabilityExchange,
            Phase::Finalization => ConnectionStep::Finalization,
            Phase::Active | Phase::ShuttingDown => ConnectionStep::Active,
            Phase::Closed => self.last_step,
        }
    }

    /// True where something has begun to come and is not whole yet.
    pub fn is_mid_message(&self) -> bool {
        self.reader.pending_bytes() > 0
            || self.static_channels.is_mid_message()
            || self.dynamic.is_mid_message()
    }

    /// What the server does and can, as far as it told.
    pub fn offer(&self) -> &ServerOffer {
        &self.offer
    }

    /// What went over the connection so far.
    pub fn statistics(&self) -> &ConnectionStatistics {
        &self.outbox.statistics
    }

    // Inside.

    /// Begins a step: the server has a while for it.
    pub(super) fn enter(&mut self, now: Instant, phase: Phase, step: ConnectionStep) {
        self.phase = phase;
        self.deadline = match step {
            ConnectionStep::Active => None,
            _ => now.checked_add(self.config.step_timeout),
        };
        if !self.was_active {
            self.events.push_back(ClientEvent::Step(step));
        }
    }

    pub(super) fn decode_error(&self, source: DecodeError) -> ProtocolError {
        ProtocolError::Decode {
            step: self.step(),
            source,
        }
    }

    pub(super) fn unexpected(&self, what: impl Into<String>) -> ProtocolError {
        ProtocolError::UnexpectedPdu {
            step: self.step(),
            what: what.into(),
        }
    }

    fn check(&self) -> Result<(), ProtocolError> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn fail(&mut self, error: ProtocolError) {
        self.deadline = None;
        self.heartbeat_deadline = None;
        self.failure = Some(error);
    }

    /// Ends the MCS connection from this side.
    pub(super) fn leave(&mut self) {
        if !matches!(
            self.phase,
            Phase::Negotiation | Phase::Security | Phase::BasicSettings
        ) {
            self.outbox.send_mcs(|out| {
                DomainPdu::DisconnectProviderUltimatum(McsReason::USER_REQUESTED).encode(out);
            });
        }
        self.close(DisconnectReason::ClientRequest);
    }

    /// The connection is over; a reason that the server gave before goes before `reason`.
    pub(super) fn close(&mut self, reason: DisconnectReason) {
        let reason = match (self.error_info, reason) {
            (_, DisconnectReason::ClientRequest) => DisconnectReason::ClientRequest,
            (Some(info), _) => DisconnectReason::ErrorInfo(info),
            (None, reason) => reason,
        };
        self.last_step = self.step();
        self.phase = Phase::Closed;
        self.deadline = None;
        self.heartbeat_deadline = None;
        self.events.push_back(ClientEvent::Disconnected(reason));
    }

    fn handle_frames(&mut self, now: Instant) -> Result<(), ProtocolError> {
        while self.phase != Phase::Closed {
            let frame = self
                .reader
                .next_frame()
                .map_err(|error| self.decode_error(error))?;
            let Some(frame) = frame else {
                return Ok(());
            };
            if self.phase == Phase::Active {
                self.meter.count(frame.wire_bytes());
            }
            let result = match &frame {
                Frame::Tpkt(payload) => self.handle_tpkt(now, payload),
                Frame::FastPath(pdu) => self.handle_fast_path(now, pdu),
            };
            // One that cannot be understood is what a recording is wanted for.
            self.recorder.keep(frame);
            result?;
            self.note_heartbeat(now);
        }
        Ok(())
    }

    fn handle_tpkt(&mut self, now: Instant, payload: &Bytes) -> Result<(), ProtocolError> {
        if self.phase == Phase::Negotiation {
            self.handle_connection_confirm(payload)?;
            if self.phase == Phase::Security && self.reader.pending_bytes() > 0 {
                // Whoever sent this was not authenticated, and it must not pass for what is said
                // under TLS.
                return Err(self.unexpected("data ahead of TLS"));
            }
            return Ok(());
        }
        match Tpdu::decode(payload).map_err(|error| self.decode_error(error))? {
            Tpdu::Data(data) => self.handle_mcs(now, &payload.slice_ref(data)),
            Tpdu::DisconnectRequest(_) => {
                let is_own = self.phase == Phase::ShuttingDown;
                self.close(if is_own {
                    DisconnectReason::ClientRequest
                } else {
                    DisconnectReason::StreamClosed
                });
                Ok(())
            }
        }
    }

    /// What protects the connection, once picked.
    pub(super) fn selected_security(&self) -> Option<SelectedSecurity> {
        match self.selected {
            SecurityProtocols::TLS => Some(SelectedSecurity::Tls),
            SecurityProtocols::HYBRID => Some(SelectedSecurity::CredSsp),
            SecurityProtocols::HYBRID_EX => Some(SelectedSecurity::CredSspEarlyAuth),
            _ => None,
        }
    }
}
