//! The connection sequence, step by step (`[MS-RDPBCGR] 1.3.1.1`, `3.2.5.3`).

use std::{collections::VecDeque, time::Instant};

use bytes::Bytes;
use oriel_codecs::geometry::Size;
use tracing::debug;

use super::{
    ClientConnection, ClientEvent, ConnectionStatistics, ConnectionStep, DisconnectReason,
    ProtocolError, connection::Phase, session::Share, settings,
};
use crate::{
    capabilities::VirtualChannel,
    capabilities::find,
    gcc::{ConferenceCreateRequest, ConferenceCreateResponse, ServerEarlyCapabilities},
    licensing::{LicensingPdu, LicensingProgress},
    mcs::{ChannelId, ConnectInitial, ConnectResponse, ConnectResult, DomainPdu, McsResult},
    security::{SecurityFlags, SecurityHeader},
    share::{
        ConfirmActive, ControlAction, ControlPdu, DataPdu, DemandActive, FontPdu, SynchronizePdu,
    },
    updates::UpdateEvent,
    wire::{Cursor, DecodeError, DecodeResult, Pdu},
    x224::{ConnectionConfirm, NegotiationFailure, NegotiationReply},
};

impl ClientConnection {
    pub(super) fn handle_connection_confirm(
        &mut self,
        payload: &Bytes,
    ) -> Result<(), ProtocolError> {
        let confirm = ConnectionConfirm::decode(&mut Cursor::new(payload, "connection confirm"))
            .map_err(|error| self.decode_error(error))?;
        let (flags, selected) = match confirm.reply {
            None => return Err(ProtocolError::StandardSecurityOnly),
            Some(NegotiationReply::Failure(NegotiationFailure::SSL_NOT_ALLOWED)) => {
                return Err(ProtocolError::StandardSecurityOnly);
            }
            Some(NegotiationReply::Failure(failure)) => {
                return Err(ProtocolError::NegotiationFailed(failure));
            }
            Some(NegotiationReply::Response { flags, selected }) => (flags, selected),
        };
        if selected.is_empty() {
            return Err(ProtocolError::StandardSecurityOnly);
        }
        let requested = settings::requested_protocols(self.config.security);
        self.selected = selected;
        let Some(security) = self
            .selected_security()
            .filter(|_| requested.contains(selected))
        else {
            return Err(ProtocolError::SecurityNotOffered(selected.bits()));
        };
        debug!(?security, ?flags, "security negotiated");
        self.negotiation_flags = flags;
        self.offer.negotiation_flags = flags.bits();
        self.phase = Phase::Security;
        // A person may be asked about a certificate or a password: no deadline here.
        self.deadline = None;
        self.events
            .push_back(ClientEvent::Step(ConnectionStep::Security));
        self.events.push_back(ClientEvent::StartSecurity(security));
        Ok(())
    }

    pub(super) fn send_connect_initial(&mut self, now: Instant) {
        let request = ConferenceCreateRequest {
            blocks: settings::client_blocks(&self.config, self.selected, self.negotiation_flags),
        };
        let initial = ConnectInitial::new(request.to_vec());
        self.outbox.send_mcs(|out| initial.encode(out));
        self.enter(now, Phase::BasicSettings, ConnectionStep::BasicSettings);
    }

    /// What an X.224 data TPDU holds.
    pub(super) fn handle_mcs(&mut self, now: Instant, data: &Bytes) -> Result<(), ProtocolError> {
        let mut cursor = Cursor::new(data, "MCS PDU");
        // Connect PDUs are BER and start with an application tag, which no domain PDU does.
        if self.phase == Phase::BasicSettings && data.first() == Some(&0x7f) {
            let response =
                ConnectResponse::decode(&mut cursor).map_err(|error| self.decode_error(error))?;
            return self.handle_connect_response(now, &response);
        }
        let pdu = DomainPdu::decode(&mut cursor).map_err(|error| self.decode_error(error))?;
        match (&self.phase, pdu) {
            (_, DomainPdu::DisconnectProviderUltimatum(reason)) => {
                let reason = match self.phase {
                    Phase::ShuttingDown => DisconnectReason::ClientRequest,
                    _ => DisconnectReason::ProviderUltimatum(reason.0),
                };
                self.close(reason);
                Ok(())
            }
            (Phase::UserAttachment, DomainPdu::AttachUserConfirm { result, initiator }) => {
                match initiator {
                    Some(user) if result == McsResult::SUCCESSFUL => {
                        self.outbox.set_user(user);
                        self.join_channels(now);
                        Ok(())
                    }
                    _ => Err(self.unexpected(format!("an MCS user refused ({})", result.0))),
                }
            }
            (
                Phase::ChannelJoins(_),
                DomainPdu::ChannelJoinConfirm {
                    result,
                    requested,
                    channel,
                    ..
                },
            ) => self.handle_join_confirm(now, result, channel.unwrap_or(requested)),
            (
                Phase::Licensing
                | Phase::CapabilityExchange
                | Phase::Finalization
                | Phase::Active
                | Phase::ShuttingDown,
                DomainPdu::SendDataIndication {
                    channel,
                    data: inner,
                    ..
                },
            ) => self.handle_channel_data(now, channel, &data.slice_ref(inner)),
            (_, other) => Err(self.unexpected(other.name())),
        }
    }

    fn handle_connect_response(
        &mut self,
        now: Instant,
        response: &ConnectResponse,
    ) -> Result<(), ProtocolError> {
        if response.result != ConnectResult::SUCCESSFUL {
            return Err(
                self.unexpected(format!("an MCS connection refused ({})", response.result.0))
            );
        }
        let conference =
            ConferenceCreateResponse::decode(&mut Cursor::new(&response.user_data, "GCC"))
                .map_err(|error| self.decode_error(error))?;
        if conference.result != 0 {
            return Err(self.unexpected(format!("a conference refused ({})", conference.result)));
        }
        let blocks = conference.blocks;
        if let Some(security) = &blocks.security
            && (!security.method.is_empty() || security.level != 0)
        {
            return Err(self.unexpected("standard security under TLS"));
        }
        let Some(network) = blocks.network else {
            return Err(self.unexpected("a conference without channels"));
        };
        self.offer.version = blocks.core.version;
        self.offer.skip_channel_join = blocks
            .core
            .early_capabilities
            .is_some_and(|flags| flags.contains(ServerEarlyCapabilities::SKIP_CHANNEL_JOIN));
        self.io_channel = network.io_channel;
        self.message_channel = blocks.message_channel.filter(|channel| channel.0 != 0);
        let names = settings::channel_definitions(&self.config.static_channels);
        for (definition, &id) in names.into_iter().zip(&network.channels) {
            // 0 where the server has no such channel.
            if id.0 != 0 {
                self.static_channels.add(definition, id);
            }
        }
        self.outbox.send_mcs(|out| {
            DomainPdu::ErectDomainRequest {
                sub_height: 0,
                sub_interval: 0,
            }
            .encode(out);
        });
        self.outbox
            .send_mcs(|out| DomainPdu::AttachUserRequest.encode(out));
        self.enter(
            now,
            Phase::UserAttachment,
            ConnectionStep::ChannelConnection,
        );
        Ok(())
    }

    /// Joins the channels, unless the server counts them as joined.
    fn join_channels(&mut self, now: Instant) {
        let mut channels = VecDeque::from([self.outbox.user().channel(), self.io_channel]);
        channels.extend(self.message_channel);
        channels.extend(self.static_channels.ids());
        if self.offer.skip_channel_join {
            channels.clear();
        }
        self.join_next(now, channels);
    }

    fn join_next(&mut self, now: Instant, channels: VecDeque<ChannelId>) {
        let Some(&channel) = channels.front() else {
            self.send_client_info(now);
            return;
        };
        let initiator = self.outbox.user();
        self.outbox.send_mcs(|out| {
            DomainPdu::ChannelJoinRequest { initiator, channel }.encode(out);
        });
        self.phase = Phase::ChannelJoins(channels);
    }

    fn handle_join_confirm(
        &mut self,
        now: Instant,
        result: McsResult,
        joined: ChannelId,
    ) -> Result<(), ProtocolError> {
        let Phase::ChannelJoins(channels) = &mut self.phase else {
            return Ok(());
        };
        let mut channels = std::mem::take(channels);
        let wanted = channels.pop_front();
        if result != McsResult::SUCCESSFUL || wanted != Some(joined) {
            return Err(self.unexpected(format!(
                "channel {} refused ({})",
                wanted.map_or(0, |channel| channel.0),
                result.0
            )));
        }
        self.join_next(now, channels);
        Ok(())
    }

    fn send_client_info(&mut self, now: Instant) {
        self.offer.static_channels = self.static_channels.names().map(str::to_owned).collect();
        let info = settings::client_info(&self.config);
        self.outbox
            .send_on(self.io_channel, ConnectionStatistics::IO, |out| {
                SecurityHeader::new(SecurityFlags::INFO_PKT).encode(out);
                info.encode(out);
            });
        self.events
            .push_back(ClientEvent::Step(ConnectionStep::SecureSettings));
        self.enter(now, Phase::Licensing, ConnectionStep::Licensing);
    }

    /// Takes a licensing PDU behind its security header.
    pub(super) fn handle_licensing(
        &mut self,
        now: Instant,
        data: &[u8],
    ) -> Result<(), ProtocolError> {
        let pdu = LicensingPdu::decode(&mut Cursor::new(data, "licensing PDU"))
            .map_err(|error| self.decode_error(error))?;
        match self.licensing.handle(&pdu) {
            LicensingProgress::Reply(reply) => self.send_licensing(&reply),
            LicensingProgress::Wait => {}
            LicensingProgress::Done => self.enter(
                now,
                Phase::CapabilityExchange,
                ConnectionStep::CapabilityExchange,
            ),
            LicensingProgress::Refused {
                alert,
                code,
                transition,
            } => {
                if let Some(alert) = alert {
                    self.send_licensing(&alert);
                }
                return Err(ProtocolError::LicenseRefused {
                    error_code: code.0,
                    state_transition: transition.0,
                });
            }
            LicensingProgress::Unexpected(name) => return Err(self.unexpected(name)),
        }
        Ok(())
    }

    fn send_licensing(&mut self, pdu: &LicensingPdu) {
        self.outbox
            .send_on(self.io_channel, ConnectionStatistics::IO, |out| {
                SecurityHeader::new(SecurityFlags::LICENSE_PKT).encode(out);
                pdu.encode(out);
            });
    }

    /// The server offers a share: take it, and begin the session.
    pub(super) fn handle_demand_active(
        &mut self,
        now: Instant,
        source: u16,
        demand: &DemandActive,
    ) -> Result<(), ProtocolError> {
        if self.phase == Phase::ShuttingDown {
            return Ok(());
        }
        let sets = &demand.capability_sets;
        self.offer.capability_sets = sets.iter().map(|set| set.kind()).collect();
        if let Some(set) = find!(sets, VirtualChannel) {
            if let Some(bytes) = set.chunk_bytes {
                self.static_channels.set_chunk_length(bytes);
            }
            if settings::offered_compression(&self.config).is_some()
                && set.flags & VirtualChannel::COMPRESSED_FROM_CLIENT != 0
            {
                self.static_channels.allow_compression();
            }
        }
        let desktop = find!(sets, Bitmap).map_or(self.config.desktop_size(), |bitmap| {
            Size::new(bitmap.desktop_width.into(), bitmap.desktop_height.into())
        });
        if desktop.is_empty() {
            return Err(self.decode_error(DecodeError::invalid(
                "bitmap capability set",
                "desktop size",
                0u8,
            )));
        }
        let share = Share::new(demand.share_id, self.outbox.user().0, desktop, sets);
        self.offer.input_flags = share.input_flags();
        if self.phase != Phase::Finalization {
            self.enter(now, Phase::Finalization, ConnectionStep::Finalization);
        }
        let confirm = ConfirmActive::new(
            demand.share_id,
            settings::capability_sets(&self.config, desktop),
        );
        let user = self.outbox.user().0;
        self.outbox
            .send_on(self.io_channel, ConnectionStatistics::IO, |out| {
                confirm.write(user, out);
            });
        for pdu in [
            DataPdu::Synchronize(SynchronizePdu {
                target_user: source,
            }),
            DataPdu::Control(ControlPdu::new(ControlAction::Cooperate)),
            DataPdu::Control(ControlPdu::new(ControlAction::RequestControl)),
            DataPdu::FontList(FontPdu::LIST),
        ] {
            share.send(&pdu, self.io_channel, &mut self.outbox);
        }
        self.share = Some(share);
        Ok(())
    }

    /// The session runs from here on.
    pub(super) fn activate(&mut self, now: Instant) {
        let Some(desktop) = self.share.as_ref().map(Share::desktop) else {
            return;
        };
        let is_reactivation = self.was_active;
        self.enter(now, Phase::Active, ConnectionStep::Active);
        self.was_active = true;
        self.events.push_back(ClientEvent::Active {
            desktop,
            is_reactivation,
        });
        let mut shown = Vec::new();
        self.updates.begin_desktop(desktop, &mut shown);
        let commands = shown.into_iter().filter_map(|event| match event {
            UpdateEvent::Graphics(command) => Some(command),
            UpdateEvent::Pointer(_) => None,
        });
        self.drawing.activate(desktop, commands, &mut self.events);
    }
}

/// Tells a share control PDU from what has a security header, during licensing: those that skip
/// licensing, or report an error, send the former.
pub(super) fn is_share_control(data: &[u8]) -> bool {
    let header: DecodeResult<_> = (|| {
        let mut cursor = Cursor::new(data, "share control header");
        Ok((usize::from(cursor.u16()?), cursor.u16()?))
    })();
    // Type demand active, data or redirection; version 1 but for the last. A security header has
    // its reserved half there, which is 0 or, encrypted, anything.
    header.is_ok_and(|(length, kind)| length == data.len() && matches!(kind, 0x11 | 0x17 | 0x0a))
}
