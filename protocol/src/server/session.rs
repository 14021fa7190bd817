//! A share: taken, finalized, running (`[MS-RDPBCGR] 3.3.5.3.13` on).

use std::time::Instant;

use tracing::{debug, trace};

use super::{
    DisconnectCause, ServerConnection, ServerError, ServerEvent, ShutdownPolicy, capability_sets,
    channels::{DynamicEvent, DynamicHost},
    connection::State,
};
use crate::{
    capabilities::{self, VirtualChannel},
    channels::DYNAMIC_CHANNELS_NAME,
    error_info::ErrorInfo,
    graphics::{GraphicsTarget, pipeline::PipelineServerEvent},
    mcs::DisconnectReason,
    share::{
        ConfirmActive, ControlAction, ControlPdu, DataPdu, FontPdu, LogonInfo, SERVER_CHANNEL_ID,
        SaveSessionInfoPdu, ShareControlKind, ShareControlPdu, ShareDataPdu, SynchronizePdu,
        data_kind,
    },
    updates::UpdateWriter,
    wire::{Cursor, DecodeError},
};

/// The session's id, as there is but one.
const SESSION_ID: u32 = 1;

impl ServerConnection {
    /// Share control PDUs.
    pub(super) fn handle_share(&mut self, now: Instant, data: &[u8]) -> Result<(), ServerError> {
        let mut cursor = Cursor::new(data, "share control PDU");
        while !cursor.is_empty() && self.state != State::Closed {
            let pdu = ShareControlPdu::read(&mut cursor).map_err(|e| self.undecodable(e))?;
            let Some(pdu) = pdu else { continue };
            match pdu.kind {
                ShareControlKind::ConfirmActive => self.handle_confirm_active(now, pdu.body)?,
                ShareControlKind::Data => self.handle_data_pdu(now, pdu.body)?,
                _ => return Err(self.unexpected("a share control PDU of servers")),
            }
        }
        Ok(())
    }

    fn handle_confirm_active(&mut self, now: Instant, body: &[u8]) -> Result<(), ServerError> {
        if self.state != State::CapabilityExchange {
            return Err(self.unexpected("confirm active"));
        }
        let confirm = ConfirmActive::decode(body).map_err(|error| self.undecodable(error))?;
        if confirm.share_id != self.share_id {
            self.set_error_info(ErrorInfo::CONFIRMACTIVEWRONGSHAREID);
            return Err(self.unexpected("confirm active of another share"));
        }
        let sets = &confirm.capability_sets;
        capability_sets::describe(sets, &mut self.client);
        self.compresses_channels = capabilities::find!(sets, VirtualChannel)
            .is_some_and(|set| set.flags & VirtualChannel::COMPRESSED_FROM_SERVER != 0);
        self.updates = Some(UpdateWriter::new(capability_sets::update_limits(sets)));
        self.surface = capability_sets::surface_target(sets, self.config.graphics);
        if let Some(GraphicsTarget::Bitmaps(surface)) = &mut self.target {
            *surface = self.surface;
        }
        let target_user = self.plan.as_ref().map_or(0, |plan| plan.user.0);
        self.send_data(&DataPdu::Synchronize(SynchronizePdu { target_user }));
        self.send_data(&DataPdu::Control(ControlPdu::new(ControlAction::Cooperate)));
        self.enter(now, State::Finalization);
        Ok(())
    }

    fn handle_data_pdu(&mut self, now: Instant, body: &[u8]) -> Result<(), ServerError> {
        let data = ShareDataPdu::read(body).map_err(|error| self.undecodable(error))?;
        if data.compression.is_compressed() {
            // Never offered.
            let flags = u64::from(data.compression.0);
            let error = DecodeError::invalid("share data header", "compressedType", flags);
            return Err(self.undecodable(error));
        }
        if self.state == State::CapabilityExchange {
            if !self.was_active {
                return Err(self.unexpected("a data PDU before confirm active"));
            }
            // Was on its way when the share ended. What the user did still counts.
            if data.kind != data_kind::INPUT {
                return Ok(());
            }
        }
        if data.kind == data_kind::INPUT {
            return self.handle_slow_path_input(data.payload);
        }
        let pdu = DataPdu::decode(data.kind, data.payload);
        match pdu.map_err(|error| self.undecodable(error))? {
            DataPdu::Control(control) => self.handle_control(control),
            DataPdu::FontList(_) if self.state == State::Finalization => {
                self.send_data(&DataPdu::FontMap(FontPdu::MAP));
                self.activate(now);
            }
            DataPdu::RefreshRect(pdu) => {
                let areas = pdu.areas;
                self.events.push_back(ServerEvent::RefreshRequested(areas));
            }
            DataPdu::SuppressOutput(pdu) => {
                self.events
                    .push_back(ServerEvent::SuppressOutput(pdu.visible));
            }
            DataPdu::FrameAcknowledge(pdu) => {
                self.events.push_back(ServerEvent::FrameAcknowledged {
                    frame: pdu.frame,
                    queue_depth: 0,
                    total_decoded: 0,
                });
            }
            DataPdu::ShutdownRequest => match self.config.shutdown {
                ShutdownPolicy::Deny => self.send_data(&DataPdu::ShutdownDenied),
                ShutdownPolicy::Accept => self.leave(
                    DisconnectReason::USER_REQUESTED,
                    DisconnectCause::ShutdownRequest,
                ),
            },
            // Synchronize, key lists and repeated font lists need no answer, caches are not kept.
            pdu => trace!(kind = pdu.kind(), "data PDU without effect"),
        }
        Ok(())
    }

    fn handle_control(&mut self, control: ControlPdu) {
        if control.action != ControlAction::RequestControl {
            return;
        }
        let granted = ControlPdu {
            action: ControlAction::GrantedControl,
            grant_id: self.plan.as_ref().map_or(0, |plan| plan.user.0),
            control_id: SERVER_CHANNEL_ID.into(),
        };
        self.send_data(&DataPdu::Control(granted));
    }

    fn activate(&mut self, now: Instant) {
        let is_reactivation = std::mem::replace(&mut self.was_active, true);
        self.enter(now, State::Active);
        if self.resume_resize(now) {
            // The size was changed meanwhile: the owner hears of the share that has it.
            self.was_active = is_reactivation;
            return;
        }
        self.events.push_back(ServerEvent::Active {
            client: Box::new(self.client.clone()),
            is_reactivation,
        });
        if is_reactivation {
            if let Some(target) = self.target {
                self.events.push_back(ServerEvent::GraphicsReady(target));
            }
            return;
        }
        if self.notify_logon {
            self.send_data(&DataPdu::SaveSessionInfo(SaveSessionInfoPdu::LogonLong(
                LogonInfo {
                    domain: self.credentials.domain.clone(),
                    user: self.credentials.user.clone(),
                    session_id: SESSION_ID,
                },
            )));
        }
        let plan = self.plan.as_ref();
        let has_dynamic = plan.is_some_and(|plan| plan.find(DYNAMIC_CHANNELS_NAME).is_some());
        let with_pipeline =
            has_dynamic && self.config.graphics.pipeline && self.client.graphics_pipeline;
        if has_dynamic {
            self.dynamic = Some(DynamicHost::new(&self.config, with_pipeline));
        }
        self.start_timers(now, with_pipeline);
        if !with_pipeline {
            self.fall_back_to_bitmaps();
        }
    }

    /// Draws without the graphics pipeline from here on.
    pub(super) fn fall_back_to_bitmaps(&mut self) {
        self.set_target(GraphicsTarget::Bitmaps(self.surface));
    }

    fn set_target(&mut self, target: GraphicsTarget) {
        self.stop_waiting_for_pipeline();
        self.target = Some(target);
        // Else it is told with the share that is about to run.
        if self.state == State::Active {
            self.events.push_back(ServerEvent::GraphicsReady(target));
        }
    }

    /// A message of `drdynvc`.
    pub(super) fn handle_dynamic(&mut self, message: &[u8]) -> Result<(), ServerError> {
        let Some(dynamic) = &mut self.dynamic else {
            // Nothing was opened yet.
            return Err(self.unexpected("a dynamic channel message"));
        };
        let result = dynamic.handle_data(message);
        while let Some(event) = self.dynamic.as_mut().and_then(DynamicHost::poll_event) {
            match event {
                DynamicEvent::Graphics(event) => self.handle_pipeline_event(event),
                DynamicEvent::GraphicsLost => self.fall_back_to_bitmaps(),
                DynamicEvent::Layout(monitors) => {
                    self.client.monitors.clone_from(&monitors);
                    self.events
                        .push_back(ServerEvent::LayoutRequested(monitors));
                }
            }
        }
        result.map_err(|error| {
            self.set_error_info(ErrorInfo::VCDECODINGERROR);
            self.undecodable(error)
        })
    }

    fn handle_pipeline_event(&mut self, event: PipelineServerEvent) {
        match event {
            PipelineServerEvent::Ready(target) => self.set_target(target),
            PipelineServerEvent::NoCommonVersion => self.fall_back_to_bitmaps(),
            PipelineServerEvent::FrameAcknowledged {
                frame,
                queue_depth,
                total_decoded,
            } => self.events.push_back(ServerEvent::FrameAcknowledged {
                frame,
                queue_depth,
                total_decoded,
            }),
            PipelineServerEvent::FrameQuality {
                frame,
                start_to_end_ms,
                end_to_shown_ms,
            } => trace!(?frame, start_to_end_ms, end_to_shown_ms, "frame quality"),
            PipelineServerEvent::CacheOffered(entries) => {
                debug!(entries = entries.len(), "persistent cache declined");
            }
        }
    }

    /// A fast-path frame, which is input.
    pub(super) fn handle_fast_path(&mut self, pdu: &[u8]) -> Result<(), ServerError> {
        if !self.takes_input() {
            return Err(self.unexpected("fast-path input"));
        }
        let mut events = Vec::new();
        let result = self.input.handle_fast_path(pdu, &mut events);
        self.events
            .extend(events.into_iter().map(ServerEvent::Input));
        result.map_err(|error| self.undecodable(error))
    }

    fn handle_slow_path_input(&mut self, payload: &[u8]) -> Result<(), ServerError> {
        let mut events = Vec::new();
        let result = self.input.handle_slow_path(payload, &mut events);
        self.events
            .extend(events.into_iter().map(ServerEvent::Input));
        result.map_err(|error| self.undecodable(error))
    }

    /// A client may send input as soon as it has confirmed a share (`[MS-RDPBCGR] 1.3.1.1`), and
    /// what it sent may still be on its way when the share has ended.
    fn takes_input(&self) -> bool {
        match self.state {
            State::Finalization | State::Active => true,
            State::CapabilityExchange => self.was_active,
            _ => false,
        }
    }
}
