//! The connection sequence up to the offer of a share (`[MS-RDPBCGR] 3.3.5.3`).

use std::time::Instant;

use super::{
    ServerConnection, ServerError, ServerEvent, capability_sets,
    connection::State,
    negotiation::{self, ChannelPlan, IO_CHANNEL},
};
use crate::{
    autodetect::{
        AutodetectRequest, AutodetectRequestKind, AutodetectResponse, AutodetectResponseKind, Phase,
    },
    client_info::{ClientInfo, InfoFlags},
    error_info::ErrorInfo,
    gcc::{ConferenceCreateRequest, ConferenceCreateResponse, EarlyCapabilities},
    graphics::DesktopMonitor,
    licensing::{ErrorAlert, LicensingPdu},
    mcs::{ConnectInitial, ConnectResponse, DisconnectReason, DomainPdu, McsResult},
    secret::Credentials,
    security::{SecurityFlags, SecurityHeader},
    server::DisconnectCause,
    share::{DataPdu, DemandActive, MonitorLayoutPdu, SERVER_CHANNEL_ID},
    wire::{Cursor, Pdu},
    x224::{ConnectionConfirm, ConnectionRequest, NegotiationReply, NegotiationResponseFlags},
};
use oriel_codecs::bulk::BulkCompressor;

/// Number of the one round trip request.
const RTT_SEQUENCE: u16 = 0;
/// First share; later ones count up in the high half (`[T128]` 8.4.2).
const FIRST_SHARE_ID: u32 = 0x0001_0000 | SERVER_CHANNEL_ID as u32;

impl ServerConnection {
    /// The first frame of a connection (`[MS-RDPBCGR] 3.3.5.3.1`).
    pub(super) fn handle_connection_request(
        &mut self,
        now: Instant,
        payload: &[u8],
    ) -> Result<(), ServerError> {
        let mut cursor = Cursor::new(payload, "X.224 connection request");
        let request = ConnectionRequest::decode(&mut cursor);
        let request = request.map_err(|error| self.undecodable(error))?;
        self.requested = request
            .negotiation
            .map_or_else(Default::default, |negotiation| negotiation.protocols);
        let choice = negotiation::choose_security(self.requested, self.config.security);
        let mut flags = NegotiationResponseFlags::EXTENDED_CLIENT_DATA_SUPPORTED;
        flags.set(
            NegotiationResponseFlags::DYNVC_GFX_PROTOCOL_SUPPORTED,
            self.config.graphics.pipeline,
        );
        let reply = match choice {
            Ok((_, selected)) => NegotiationReply::Response { flags, selected },
            Err(failure) => NegotiationReply::Failure(failure),
        };
        let confirm = ConnectionConfirm {
            source_reference: 0,
            reply: Some(reply),
        };
        self.outbox.send_tpkt(|out| confirm.encode(out));
        match choice {
            Ok((security, _)) => {
                self.start_security(now, security);
                Ok(())
            }
            Err(failure) => Err(ServerError::NegotiationRefused(failure)),
        }
    }

    /// The content of an X.224 data TPDU.
    pub(super) fn handle_mcs(&mut self, now: Instant, data: &[u8]) -> Result<(), ServerError> {
        if self.state == State::BasicSettings {
            return self.handle_connect_initial(now, data);
        }
        let mut cursor = Cursor::new(data, "MCS PDU");
        let pdu = DomainPdu::decode(&mut cursor).map_err(|error| self.undecodable(error))?;
        match pdu {
            DomainPdu::ErectDomainRequest { .. } => Ok(()),
            DomainPdu::AttachUserRequest => self.handle_attach(now),
            DomainPdu::ChannelJoinRequest { channel, .. } => {
                let Some(plan) = &self.plan else {
                    return Err(self.unexpected(pdu.name()));
                };
                let initiator = plan.user;
                let is_known = plan.contains(channel);
                let confirm = DomainPdu::ChannelJoinConfirm {
                    result: if is_known {
                        McsResult::SUCCESSFUL
                    } else {
                        McsResult::NO_SUCH_CHANNEL
                    },
                    initiator,
                    requested: channel,
                    channel: is_known.then_some(channel),
                };
                self.outbox.send_mcs(|out| confirm.encode(out));
                Ok(())
            }
            DomainPdu::DisconnectProviderUltimatum(DisconnectReason(reason)) => {
                self.finish(DisconnectCause::Client(reason));
                Ok(())
            }
            DomainPdu::SendDataRequest { channel, data, .. } => {
                let Some(plan) = &self.plan else {
                    return Err(self.unexpected(pdu.name()));
                };
                if self.state == (State::ChannelConnection { is_attached: false }) {
                    Err(self.unexpected("data of a client that is no user"))
                } else if channel == IO_CHANNEL {
                    self.handle_io(now, data)
                } else if Some(channel) == plan.message {
                    self.handle_message_channel(now, data)
                } else if let Some(index) = plan.index(channel) {
                    self.handle_chunk(index, data)
                } else {
                    self.set_error_info(ErrorInfo::INVALIDCHANNELID);
                    Err(self.unexpected("data on a channel that does not exist"))
                }
            }
            _ => Err(self.unexpected(pdu.name())),
        }
    }

    fn handle_connect_initial(&mut self, now: Instant, data: &[u8]) -> Result<(), ServerError> {
        let initial = ConnectInitial::decode(&mut Cursor::new(data, "MCS connect initial"));
        let initial = initial.map_err(|error| self.undecodable(error))?;
        let mut cursor = Cursor::new(&initial.user_data, "GCC conference create request");
        let request = ConferenceCreateRequest::decode(&mut cursor);
        let blocks = request.map_err(|error| self.undecodable(error))?.blocks;
        let plan = ChannelPlan::new(&blocks);
        let server_blocks = plan.server_blocks(&blocks, self.requested);
        let response = ConnectResponse::new(ConferenceCreateResponse::new(server_blocks).to_vec());
        self.outbox.send_mcs(|out| response.encode(out));
        self.early = blocks.core.early_capabilities.unwrap_or_default();
        self.client = negotiation::describe(&blocks, &self.config);
        self.open_static_channels(plan.names.len());
        self.plan = Some(plan);
        self.enter(now, State::ChannelConnection { is_attached: false });
        Ok(())
    }

    fn handle_attach(&mut self, now: Instant) -> Result<(), ServerError> {
        let (State::ChannelConnection { .. }, Some(plan)) = (self.state, &self.plan) else {
            return Err(self.unexpected("MCS attach user request"));
        };
        let confirm = DomainPdu::AttachUserConfirm {
            result: McsResult::SUCCESSFUL,
            initiator: Some(plan.user),
        };
        self.outbox.send_mcs(|out| confirm.encode(out));
        self.enter(now, State::ChannelConnection { is_attached: true });
        Ok(())
    }

    /// Data on the I/O channel. Clients join channels or skip that; client info ends it either way.
    fn handle_io(&mut self, now: Instant, data: &[u8]) -> Result<(), ServerError> {
        match self.state {
            State::ChannelConnection { .. } => self.handle_client_info(now, data),
            State::CapabilityExchange | State::Finalization | State::Active => {
                self.handle_share(now, data)
            }
            _ => Err(self.unexpected("data on the I/O channel")),
        }
    }

    fn handle_client_info(&mut self, now: Instant, data: &[u8]) -> Result<(), ServerError> {
        let mut cursor = Cursor::new(data, "client info");
        let header = SecurityHeader::decode(&mut cursor);
        let header = header.map_err(|error| self.undecodable(error))?;
        if !header.flags.contains(SecurityFlags::INFO_PKT) {
            return Err(self.unexpected("a PDU that is no client info"));
        }
        let info = ClientInfo::decode(&mut cursor).map_err(|error| self.undecodable(error))?;
        self.notify_logon = info.flags.contains(InfoFlags::LOGON_NOTIFY);
        self.client.compression = info.compression;
        let level = info.compression.zip(self.config.compression);
        self.compressor = level.map(|(a, b)| Box::new(BulkCompressor::new(a.min(b))));
        if let Some(extended) = &info.extended {
            self.client.performance = extended.performance.unwrap_or_default();
            // The wire has what is added to local time.
            self.client.utc_offset_minutes = extended
                .time_zone
                .as_ref()
                .map_or(0, |zone| zone.bias_minutes.saturating_neg());
        }
        let credentials = Credentials {
            user: info.user,
            domain: info.domain,
            password: info.password,
        };
        // Kept for the news of the sign-in, without what must not be kept.
        self.credentials = Credentials {
            password: Default::default(),
            ..credentials.clone()
        };
        self.events.push_back(ServerEvent::Credentials(credentials));
        if self.config.require_credentials {
            self.enter(now, State::Verdict);
        } else {
            self.begin_licensing(now);
        }
        Ok(())
    }

    /// Measures the round trip first, where both sides want that.
    pub(super) fn begin_licensing(&mut self, now: Instant) {
        let message = self.plan.as_ref().and_then(|plan| plan.message);
        match message {
            Some(channel)
                if self.config.measure_rtt
                    && self.early.contains(EarlyCapabilities::NETWORK_AUTODETECT) =>
            {
                let request = AutodetectRequest {
                    sequence: RTT_SEQUENCE,
                    kind: AutodetectRequestKind::Rtt(Phase::ConnectTime),
                };
                self.outbox
                    .send_secured(channel, SecurityFlags::AUTODETECT_REQ, &request);
                self.enter(now, State::Autodetect { sent_at: now });
            }
            _ => self.begin_share(now),
        }
    }

    /// Data on the message channel: answers to what was asked, nothing else.
    fn handle_message_channel(&mut self, now: Instant, data: &[u8]) -> Result<(), ServerError> {
        let mut cursor = Cursor::new(data, "message channel");
        let header = SecurityHeader::decode(&mut cursor);
        let header = header.map_err(|error| self.undecodable(error))?;
        if !header.flags.contains(SecurityFlags::AUTODETECT_RSP) {
            return Ok(());
        }
        let response = AutodetectResponse::decode(&mut cursor);
        let response = response.map_err(|error| self.undecodable(error))?;
        let State::Autodetect { sent_at } = self.state else {
            return Ok(());
        };
        let rtt_ms = match response.kind {
            AutodetectResponseKind::Rtt => now.saturating_duration_since(sent_at).as_millis(),
            // A client that comes back may know it from before.
            AutodetectResponseKind::NetworkCharacteristicsSync { rtt_ms, .. } => rtt_ms.into(),
            _ => return Ok(()),
        };
        let rtt_ms = u32::try_from(rtt_ms).unwrap_or(u32::MAX);
        self.client.rtt_ms = Some(rtt_ms);
        if let Some(channel) = self.plan.as_ref().and_then(|plan| plan.message) {
            let result = AutodetectRequest {
                sequence: RTT_SEQUENCE,
                kind: AutodetectRequestKind::NetworkCharacteristics {
                    base_rtt_ms: Some(rtt_ms),
                    bandwidth_kbps: None,
                    average_rtt_ms: rtt_ms,
                },
            };
            self.outbox
                .send_secured(channel, SecurityFlags::AUTODETECT_REQ, &result);
        }
        self.begin_share(now);
        Ok(())
    }

    /// Offers a share, the first one after the short form of licensing.
    pub(super) fn begin_share(&mut self, now: Instant) {
        if self.share_id == 0 {
            let licence = LicensingPdu::ErrorAlert(ErrorAlert::VALID_CLIENT);
            self.outbox
                .send_secured(IO_CHANNEL, SecurityFlags::LICENSE_PKT, &licence);
            self.share_id = FIRST_SHARE_ID;
        } else {
            self.share_id = self.share_id.wrapping_add(0x0001_0000);
        }
        let demand = DemandActive {
            share_id: self.share_id,
            source_descriptor: b"RDP\0".to_vec(),
            capability_sets: capability_sets::server_sets(
                self.client.desktop,
                self.config.graphics,
                self.compressor.is_some(),
                self.client.connection_type,
            ),
            session_id: 0,
        };
        self.outbox
            .send_on(IO_CHANNEL, |out| demand.write(SERVER_CHANNEL_ID, out));
        if self.early.contains(EarlyCapabilities::MONITOR_LAYOUT) {
            let monitors = self.desktop_monitors();
            self.send_data(&DataPdu::MonitorLayout(MonitorLayoutPdu { monitors }));
        }
        self.enter(now, State::CapabilityExchange);
    }

    /// The client's monitors where they make up the desktop, else one.
    fn desktop_monitors(&self) -> Vec<DesktopMonitor> {
        let monitors = self.client.monitors.iter().map(|monitor| DesktopMonitor {
            rect: monitor.rect,
            is_primary: monitor.is_primary,
        });
        let monitors: Vec<_> = monitors.collect();
        let union = monitors.iter().fold(
            Default::default(),
            |all: oriel_codecs::geometry::Rect, monitor| all.union(&monitor.rect),
        );
        if union.size() == self.client.desktop {
            return monitors;
        }
        vec![DesktopMonitor {
            rect: self.client.desktop.to_rect(),
            is_primary: true,
        }]
    }
}
