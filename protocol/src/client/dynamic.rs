//! The dynamic channels that this client listens to, and what they carry.

use std::time::Instant;

use tracing::debug;

use super::{ClientConnection, ClientEvent, GraphicsSupport, MonitorLayout, ProtocolError};
use crate::{
    channels::dynamic::{DynamicChannelEvent, DynamicChannelId, DynamicChannelsClient, names},
    display_control::{self, DisplayControlCapabilities, DisplayControlPdu},
    graphics::{
        FrameReport, GraphicsCommand,
        pipeline::{GraphicsPipelineClient, PipelineEvent},
    },
    wire::{Cursor, Pdu},
};

/// Most names of dynamic channels that are kept of what a server opens.
const MAX_NAMES: usize = 64;

/// The dynamic channels and the machines on them.
#[derive(Debug)]
pub(super) struct Dynamic {
    support: GraphicsSupport,
    channels: DynamicChannelsClient,
    pipeline: Option<(DynamicChannelId, GraphicsPipelineClient)>,
    /// Display control, and what the server said on it.
    display: Option<(DynamicChannelId, Option<DisplayControlCapabilities>)>,
}

impl Dynamic {
    pub(super) fn new(support: GraphicsSupport) -> Self {
        let graphics = support.pipeline.then_some(names::GRAPHICS);
        Self {
            support,
            channels: DynamicChannelsClient::new(
                graphics.into_iter().chain([names::DISPLAY_CONTROL]),
            ),
            pipeline: None,
            display: None,
        }
    }

    pub(super) fn acknowledge_frame(&mut self, report: FrameReport) -> bool {
        self.pipeline
            .as_mut()
            .is_some_and(|(_, pipeline)| pipeline.acknowledge_frame(report))
    }

    /// True where a message has begun to come and has not ended.
    pub(super) fn is_mid_message(&self) -> bool {
        self.channels.is_mid_message()
    }

    /// Acknowledges the pipeline's frames from here on, or does not.
    pub(super) fn set_acknowledging(&mut self, is_on: bool) {
        if let Some((_, pipeline)) = &mut self.pipeline {
            if is_on {
                pipeline.resume_acknowledgement();
            } else {
                pipeline.suspend_acknowledgement();
            }
        }
    }

    /// Asks for other monitors. A lone monitor is fitted to what servers take.
    pub(super) fn request_layout(&mut self, layout: &[MonitorLayout]) -> bool {
        let Some((channel, Some(capabilities))) = &self.display else {
            return false;
        };
        let mut monitors: Vec<_> = layout.iter().map(display_control::normalize).collect();
        if let [only] = &mut monitors[..] {
            only.is_primary = true;
            only.rect = display_control::fit_size(only.rect.size()).to_rect();
        }
        if let Err(error) = display_control::check_layout(&monitors, capabilities) {
            debug!(%error, "layout not sent");
            return false;
        }
        let message = DisplayControlPdu::MonitorLayout(monitors).to_vec();
        self.channels.send(*channel, &message)
    }
}

impl ClientConnection {
    /// Takes a message of `drdynvc`.
    pub(super) fn handle_dynamic(
        &mut self,
        now: Instant,
        message: &[u8],
    ) -> Result<(), ProtocolError> {
        let result = self.dynamic.channels.handle_data(message);
        result.map_err(|error| self.decode_error(error))?;
        while let Some(event) = self.dynamic.channels.poll_event() {
            self.handle_dynamic_event(now, event)?;
        }
        self.flush_dynamic();
        Ok(())
    }

    fn handle_dynamic_event(
        &mut self,
        now: Instant,
        event: DynamicChannelEvent,
    ) -> Result<(), ProtocolError> {
        match event {
            DynamicChannelEvent::Ready { version } => debug!(version, "dynamic channels ready"),
            DynamicChannelEvent::Opened { channel, name } => {
                if name == names::GRAPHICS {
                    let pipeline = GraphicsPipelineClient::new(now, self.dynamic.support);
                    self.dynamic.pipeline = Some((channel, pipeline));
                } else if name == names::DISPLAY_CONTROL {
                    self.dynamic.display = Some((channel, None));
                }
                self.note_dynamic_channel(name);
            }
            DynamicChannelEvent::Refused { name, .. } => self.note_dynamic_channel(name),
            DynamicChannelEvent::Closed { channel, .. } => self.handle_closed(channel),
            DynamicChannelEvent::Data { channel, data } => {
                if let Some(name) = self.dynamic.channels.name(channel) {
                    self.outbox.statistics.count_received(name, data.len());
                }
                if let Some((id, pipeline)) = &mut self.dynamic.pipeline
                    && *id == channel
                {
                    let result = pipeline.handle_data(now, &data);
                    // What came before the error stands.
                    self.drain_pipeline(now);
                    result.map_err(|error| self.decode_error(error))?;
                } else if let Some((id, known)) = &mut self.dynamic.display
                    && *id == channel
                {
                    let mut cursor = Cursor::new(&data, "display control");
                    match DisplayControlPdu::decode(&mut cursor) {
                        Ok(DisplayControlPdu::Capabilities(capabilities)) => {
                            *known = Some(capabilities);
                            self.events.push_back(ClientEvent::DisplayControlReady {
                                max_monitors: capabilities.max_monitors,
                                max_area_px: capabilities.max_area_px(),
                            });
                        }
                        Ok(_) => debug!("display control PDU skipped"),
                        Err(error) => return Err(self.decode_error(error)),
                    }
                }
            }
        }
        Ok(())
    }

    fn note_dynamic_channel(&mut self, name: String) {
        let names = &mut self.offer.dynamic_channels;
        if names.len() < MAX_NAMES && !names.contains(&name) {
            names.push(name);
        }
    }

    fn handle_closed(&mut self, channel: DynamicChannelId) {
        self.dynamic.display.take_if(|(id, _)| *id == channel);
        if let Some((_, pipeline)) = self.dynamic.pipeline.take_if(|(id, _)| *id == channel) {
            self.drawing.close_pipeline();
            if pipeline.confirmed().is_some() {
                self.offer.graphics_version = None;
                self.offer.cache = None;
                self.events
                    .push_back(ClientEvent::GraphicsPipeline { is_open: false });
            }
        }
    }

    fn drain_pipeline(&mut self, now: Instant) {
        while let Some((_, pipeline)) = &mut self.dynamic.pipeline
            && let Some(event) = pipeline.poll_event()
        {
            match event {
                PipelineEvent::Confirmed(set) => {
                    self.offer.graphics_version = Some(set.version.0);
                    self.offer.graphics_flags = set.flags().bits();
                    self.drawing.open_pipeline();
                    let limits = set.cache_limits();
                    self.offer.cache = Some(limits);
                    self.events.extend([
                        ClientEvent::GraphicsPipeline { is_open: true },
                        ClientEvent::Graphics(GraphicsCommand::LimitCache { limits }),
                    ]);
                }
                PipelineEvent::Command(command) => self.handle_pipeline_command(now, command),
                // No persistent cache is offered.
                PipelineEvent::CacheImported(_) => {}
            }
        }
    }

    fn handle_pipeline_command(&mut self, now: Instant, command: GraphicsCommand) {
        self.note_drawing(now, &command);
        self.drawing.handle_pipeline(command, &mut self.events);
    }

    /// Sends what the dynamic channels and their machines have to say.
    pub(super) fn flush_dynamic(&mut self) {
        let dynamic = &mut self.dynamic;
        if let Some((channel, pipeline)) = &mut dynamic.pipeline {
            while let Some(message) = pipeline.poll_transmit() {
                self.outbox
                    .statistics
                    .count_sent(names::GRAPHICS, message.len());
                dynamic.channels.send(*channel, &message);
            }
        }
        while let Some(message) = dynamic.channels.poll_transmit() {
            self.static_channels
                .send_dynamic(&message, &mut self.outbox);
        }
    }
}
