//! The running session: what comes on its channels, and what is said back
//! (`[MS-RDPBCGR] 3.2.5.4` to `3.2.5.15`).

use std::time::{Duration, Instant};

use bytes::Bytes;
use oriel_codecs::geometry::{Rect, Size};
use tracing::debug;

use super::{
    ClientConnection, ClientEvent, ConnectionStatistics, ProtocolError, connection::Phase,
    outbox::Outbox, sequence, settings,
};
use crate::{
    autodetect::{self, AutodetectRequest, AutodetectRequestKind},
    capabilities::{CapabilitySet, find},
    channels::DYNAMIC_CHANNELS_NAME,
    graphics::{FrameId, GraphicsCommand},
    heartbeat::Heartbeat,
    input::{InputEvent, InputFlags, InputWriter},
    mcs::ChannelId,
    multitransport::{InitiateMultitransportRequest, InitiateMultitransportResponse},
    redirection::ServerRedirection,
    security::{SecurityFlags, SecurityHeader},
    share::{
        DataPdu, DemandActive, FrameAcknowledgePdu, RefreshRectPdu, SaveSessionInfoPdu,
        ShareContext, ShareControlKind, ShareControlPdu, ShareDataPdu, SuppressOutputPdu,
        data_kind,
    },
    updates::UpdateEvent,
    wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire},
};

/// Beyond the silence that a server's heartbeats allow, for busy links and machines.
const HEARTBEAT_GRACE: Duration = Duration::from_secs(10);

/// A share, and what the server said about it.
#[derive(Debug)]
pub(super) struct Share {
    context: ShareContext,
    desktop: Size,
    input: InputWriter,
    input_flags: u16,
    takes_refresh: bool,
    takes_suppress: bool,
    takes_acknowledgements: bool,
}

impl Share {
    pub(super) fn new(share_id: u32, source: u16, desktop: Size, sets: &[CapabilitySet]) -> Self {
        let general = find!(sets, General);
        let input_flags = find!(sets, Input).map_or(0, |set| set.flags.bits());
        Self {
            context: ShareContext { share_id, source },
            desktop,
            input: InputWriter::new(InputFlags::from_bits_retain(input_flags)),
            input_flags,
            takes_refresh: general.is_some_and(|set| set.refresh_rect),
            takes_suppress: general.is_some_and(|set| set.suppress_output),
            takes_acknowledgements: find!(sets, FrameAcknowledge).is_some(),
        }
    }

    pub(super) fn desktop(&self) -> Size {
        self.desktop
    }

    pub(super) fn input_flags(&self) -> u16 {
        self.input_flags
    }

    pub(super) fn send(&self, pdu: &DataPdu, io: ChannelId, outbox: &mut Outbox) {
        outbox.send_on(io, ConnectionStatistics::IO, |out| {
            self.context.write_data(pdu, out);
        });
    }

    pub(super) fn send_input(&self, events: &[InputEvent], io: ChannelId, outbox: &mut Outbox) {
        outbox.statistics.input_events_sent += events.len() as u64;
        if self.input.is_fast_path() {
            outbox.send_fast_path(|out| self.input.write_fast_path(events, None, out));
        } else if let Some(body) = self.input.write_slow_path(events) {
            outbox.send_on(io, ConnectionStatistics::IO, |out| {
                self.context
                    .write_raw_data(data_kind::INPUT, out, |out| out.put(&body));
            });
        }
    }

    /// False where the server takes no such thing.
    pub(super) fn acknowledge_frame(
        &self,
        frame: FrameId,
        io: ChannelId,
        outbox: &mut Outbox,
    ) -> bool {
        if self.takes_acknowledgements {
            let pdu = DataPdu::FrameAcknowledge(FrameAcknowledgePdu { frame });
            self.send(&pdu, io, outbox);
        }
        self.takes_acknowledgements
    }

    pub(super) fn suppress_output(
        &self,
        visible: Option<Rect>,
        io: ChannelId,
        outbox: &mut Outbox,
    ) {
        if self.takes_suppress {
            let visible = visible.map(|rect| settings::to_desktop(&rect, self.desktop));
            let pdu = DataPdu::SuppressOutput(SuppressOutputPdu { visible });
            self.send(&pdu, io, outbox);
        }
    }

    pub(super) fn refresh(&self, areas: &[Rect], io: ChannelId, outbox: &mut Outbox) {
        if !self.takes_refresh {
            return;
        }
        let areas: Vec<Rect> = areas
            .iter()
            .map(|area| settings::to_desktop(area, self.desktop))
            .filter(|area| !area.is_empty())
            .collect();
        for areas in areas.chunks(255) {
            let pdu = DataPdu::RefreshRect(RefreshRectPdu {
                areas: areas.to_vec(),
            });
            self.send(&pdu, io, outbox);
        }
    }

    pub(super) fn request_shutdown(&self, io: ChannelId, outbox: &mut Outbox) {
        self.send(&DataPdu::ShutdownRequest, io, outbox);
    }
}

impl ClientConnection {
    /// Data that came on an MCS channel.
    pub(super) fn handle_channel_data(
        &mut self,
        now: Instant,
        channel: ChannelId,
        data: &Bytes,
    ) -> Result<(), ProtocolError> {
        if channel == self.io_channel {
            self.outbox
                .statistics
                .count_received(ConnectionStatistics::IO, data.len());
            self.handle_io(now, data)
        } else if Some(channel) == self.message_channel {
            self.outbox
                .statistics
                .count_received(ConnectionStatistics::MESSAGE, data.len());
            self.handle_message(now, data)
        } else if self.static_channels.has(channel) {
            self.handle_static(now, channel, data)
        } else {
            debug!(channel = channel.0, "data on an unknown channel skipped");
            Ok(())
        }
    }

    fn handle_io(&mut self, now: Instant, data: &Bytes) -> Result<(), ProtocolError> {
        if self.phase == Phase::Licensing && !sequence::is_share_control(data) {
            let mut cursor = Cursor::new(data, "licensing");
            let header =
                SecurityHeader::decode(&mut cursor).map_err(|error| self.decode_error(error))?;
            if header.flags.contains(SecurityFlags::LICENSE_PKT) {
                return self.handle_licensing(now, cursor.rest());
            }
            // Servers without a message channel have only this one.
            return self.handle_flagged(now, header.flags, cursor.rest());
        }
        let mut cursor = Cursor::new(data, "share");
        while !cursor.is_empty() {
            let pdu =
                ShareControlPdu::read(&mut cursor).map_err(|error| self.decode_error(error))?;
            let Some(pdu) = pdu else {
                return Ok(());
            };
            self.handle_share_control(now, data, &pdu)?;
            if self.phase == Phase::Closed {
                return Ok(());
            }
        }
        Ok(())
    }

    fn handle_share_control(
        &mut self,
        now: Instant,
        packet: &Bytes,
        pdu: &ShareControlPdu<'_>,
    ) -> Result<(), ProtocolError> {
        match pdu.kind {
            ShareControlKind::DemandActive => {
                let demand =
                    DemandActive::decode(pdu.body).map_err(|error| self.decode_error(error))?;
                self.handle_demand_active(now, pdu.source, &demand)
            }
            ShareControlKind::DeactivateAll => {
                if matches!(self.phase, Phase::Active | Phase::Finalization) {
                    self.enter(
                        now,
                        Phase::CapabilityExchange,
                        super::ConnectionStep::CapabilityExchange,
                    );
                }
                Ok(())
            }
            ShareControlKind::Data => {
                let data =
                    ShareDataPdu::read(pdu.body).map_err(|error| self.decode_error(error))?;
                let payload = self.bulk.decompress(data.compression.0, data.payload);
                let payload = match payload {
                    Ok(payload) if data.compression.is_compressed() => {
                        Bytes::copy_from_slice(payload)
                    }
                    Ok(payload) => packet.slice_ref(payload),
                    Err(error) => {
                        let error = DecodeError::compression("share data", error);
                        return Err(self.decode_error(error));
                    }
                };
                self.handle_data_pdu(now, data.kind, &payload)
            }
            ShareControlKind::ServerRedirection => {
                self.recorder.leave_out();
                let redirection = ServerRedirection::decode_enhanced(pdu.body)
                    .map_err(|error| self.decode_error(error))?;
                self.events
                    .push_back(ClientEvent::Redirect(Box::new(redirection)));
                Ok(())
            }
            ShareControlKind::ConfirmActive | ShareControlKind::Unknown(_) => {
                debug!(kind = ?pdu.kind, "share control PDU skipped");
                Ok(())
            }
        }
    }

    fn handle_data_pdu(
        &mut self,
        now: Instant,
        kind: u8,
        payload: &Bytes,
    ) -> Result<(), ProtocolError> {
        if matches!(kind, data_kind::UPDATE | data_kind::POINTER) {
            return self.handle_slow_path_update(now, kind, payload);
        }
        let pdu = DataPdu::decode(kind, payload).map_err(|error| self.decode_error(error))?;
        match pdu {
            DataPdu::FontMap(_) => {
                if self.phase == Phase::Finalization {
                    self.activate(now);
                }
            }
            DataPdu::SetErrorInfo(pdu) => {
                // 0 takes nothing back: it says that there is no error.
                if pdu.error_info.0 != 0 {
                    self.error_info = Some(pdu.error_info);
                }
            }
            DataPdu::SaveSessionInfo(info) => {
                self.recorder.leave_out();
                self.handle_session_info(info);
            }
            DataPdu::SetKeyboardIndicators(pdu) => self
                .events
                .push_back(ClientEvent::KeyboardIndicators(pdu.locks)),
            DataPdu::PlaySound(pdu) => self.events.push_back(ClientEvent::Beep {
                duration_ms: pdu.duration_ms,
                frequency_hz: pdu.frequency_hz,
            }),
            DataPdu::ShutdownDenied => {
                if self.phase == Phase::ShuttingDown {
                    self.leave();
                }
            }
            DataPdu::Synchronize(_)
            | DataPdu::Control(_)
            | DataPdu::MonitorLayout(_)
            | DataPdu::SetKeyboardImeStatus(_) => {}
            DataPdu::StatusInfo(pdu) => debug!(status = pdu.sentence(), "server status"),
            DataPdu::AutoReconnectStatus(pdu) => {
                debug!(status = pdu.status, "automatic reconnection failed");
                self.offer.auto_reconnect = false;
            }
            other => debug!(kind = other.kind(), "data PDU skipped"),
        }
        Ok(())
    }

    fn handle_session_info(&mut self, info: SaveSessionInfoPdu) {
        match info {
            SaveSessionInfoPdu::Logon(info) | SaveSessionInfoPdu::LogonLong(info) => {
                self.events.push_back(ClientEvent::SignedIn {
                    domain: info.domain,
                    user: info.user,
                    session_id: Some(info.session_id),
                });
            }
            SaveSessionInfoPdu::PlainNotify => self.events.push_back(ClientEvent::SignedIn {
                domain: String::new(),
                user: String::new(),
                session_id: None,
            }),
            SaveSessionInfoPdu::Extended {
                auto_reconnect,
                errors,
            } => {
                self.offer.auto_reconnect |= auto_reconnect.is_some();
                if let Some(errors) = errors {
                    self.events.push_back(ClientEvent::LogonNotification {
                        kind: errors.kind,
                        data: errors.data,
                    });
                }
            }
            SaveSessionInfoPdu::Unknown { kind, .. } => {
                debug!(kind, "session info skipped");
            }
        }
    }

    /// What came on the message channel.
    fn handle_message(&mut self, now: Instant, data: &[u8]) -> Result<(), ProtocolError> {
        let mut cursor = Cursor::new(data, "message channel");
        let header =
            SecurityHeader::decode(&mut cursor).map_err(|error| self.decode_error(error))?;
        self.handle_flagged(now, header.flags, cursor.rest())
    }

    /// What its security header names.
    fn handle_flagged(
        &mut self,
        now: Instant,
        flags: SecurityFlags,
        body: &[u8],
    ) -> Result<(), ProtocolError> {
        let cursor = &mut Cursor::new(body, "message channel");
        let result = if flags.contains(SecurityFlags::AUTODETECT_REQ) {
            AutodetectRequest::decode(cursor).map(|request| self.handle_autodetect(now, &request))
        } else if flags.contains(SecurityFlags::TRANSPORT_REQ) {
            InitiateMultitransportRequest::decode(cursor)
                .map(|request| self.decline_multitransport(&request))
        } else if flags.contains(SecurityFlags::HEARTBEAT) {
            Heartbeat::decode(cursor).map(|heartbeat| self.handle_heartbeat(now, heartbeat))
        } else {
            debug!(?flags, "message skipped");
            DecodeResult::Ok(())
        };
        result.map_err(|error| self.decode_error(error))
    }

    fn send_message(&mut self, flags: SecurityFlags, pdu: &impl Pdu) {
        let channel = self.message_channel.unwrap_or(self.io_channel);
        self.outbox
            .send_on(channel, ConnectionStatistics::MESSAGE, |out| {
                SecurityHeader::new(flags).encode(out);
                pdu.encode(out);
            });
    }

    fn handle_autodetect(&mut self, now: Instant, request: &AutodetectRequest) {
        if let AutodetectRequestKind::NetworkCharacteristics { average_rtt_ms, .. } = request.kind {
            self.offer.server_rtt_ms = Some(average_rtt_ms);
        }
        if let Some(response) = autodetect::answer(request, &mut self.meter, now) {
            self.send_message(SecurityFlags::AUTODETECT_RSP, &response);
        }
    }

    fn decline_multitransport(&mut self, request: &InitiateMultitransportRequest) {
        self.offer.multitransport_offered = true;
        let response = InitiateMultitransportResponse::decline(request);
        self.send_message(SecurityFlags::TRANSPORT_RSP, &response);
    }

    fn handle_heartbeat(&mut self, now: Instant, heartbeat: Heartbeat) {
        let beats = u32::from(heartbeat.warn_after) + u32::from(heartbeat.reconnect_after);
        let silence = Duration::from_secs(heartbeat.period_s.into()) * beats.max(1);
        self.heartbeat_silence = Some(silence + HEARTBEAT_GRACE);
        self.note_heartbeat(now);
    }

    /// Anything from the server is a sign of life.
    pub(super) fn note_heartbeat(&mut self, now: Instant) {
        if self.phase == Phase::Active {
            self.heartbeat_deadline = self.heartbeat_silence.map(|silence| now + silence);
        }
    }

    fn handle_static(
        &mut self,
        now: Instant,
        channel: ChannelId,
        data: &[u8],
    ) -> Result<(), ProtocolError> {
        // The clipboard and whatever else a caller joined is nobody's business but theirs.
        if self.static_channels.name(channel) != Some(DYNAMIC_CHANNELS_NAME) {
            self.recorder.leave_out();
        }
        let message =
            self.static_channels
                .handle_chunk(channel, data, &mut self.bulk, &mut self.outbox);
        match message {
            Ok(None) => Ok(()),
            Ok(Some((DYNAMIC_CHANNELS_NAME, message))) => self.handle_dynamic(now, &message),
            Ok(Some((name, message))) => {
                let event = ClientEvent::ChannelData {
                    channel: name.to_owned(),
                    data: Bytes::from(message.into_owned()),
                };
                self.events.push_back(event);
                Ok(())
            }
            Err(error) => Err(self.decode_error(error)),
        }
    }
}

impl ClientConnection {
    /// A fast-path update (`[MS-RDPBCGR] 2.2.9.1.2`).
    pub(super) fn handle_fast_path(
        &mut self,
        now: Instant,
        pdu: &Bytes,
    ) -> Result<(), ProtocolError> {
        if self.share.is_none() {
            return Err(self.unexpected("a fast-path update"));
        }
        self.outbox
            .statistics
            .count_received(ConnectionStatistics::FAST_PATH, pdu.len());
        let mut events = Vec::new();
        let result = self
            .updates
            .handle_fast_path(pdu, &mut self.bulk, &mut events);
        self.handle_updates(now, events, result)
    }

    fn handle_slow_path_update(
        &mut self,
        now: Instant,
        kind: u8,
        payload: &Bytes,
    ) -> Result<(), ProtocolError> {
        let mut events = Vec::new();
        let result = self.updates.handle_slow_path(kind, payload, &mut events);
        self.handle_updates(now, events, result)
    }

    /// Passes on what updates brought; `result` is how reading them ended.
    fn handle_updates(
        &mut self,
        now: Instant,
        events: Vec<UpdateEvent>,
        result: DecodeResult<()>,
    ) -> Result<(), ProtocolError> {
        // Between deactivation and reactivation the desktop has no valid size.
        if self.phase != Phase::CapabilityExchange {
            for event in events {
                match event {
                    UpdateEvent::Graphics(command) => {
                        self.note_drawing(now, &command);
                        if self.drawing.handle_bitmaps(command, &mut self.events) {
                            self.refresh(&[self.drawing.desktop().to_rect()]);
                        }
                    }
                    UpdateEvent::Pointer(update) => {
                        self.activate_by_output(now);
                        self.events.push_back(ClientEvent::Pointer(update));
                    }
                }
            }
        }
        result.map_err(|error| self.decode_error(error))
    }

    /// Counts frames.
    pub(super) fn note_drawing(&mut self, now: Instant, command: &GraphicsCommand) {
        if matches!(command, GraphicsCommand::EndFrame { .. }) {
            self.outbox.statistics.frames_received += 1;
        }
        self.activate_by_output(now);
    }

    /// Output is a sign that the session runs: some servers draw before they have sent the font
    /// map.
    fn activate_by_output(&mut self, now: Instant) {
        if self.phase == Phase::Finalization {
            self.activate(now);
        }
    }
}
