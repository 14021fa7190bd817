//! What travels on virtual channels: messages of static ones, and the machines on dynamic ones.

use std::{borrow::Cow, collections::VecDeque};

use oriel_codecs::bulk::BulkDecompressor;
use tracing::debug;

use super::ServerConfig;
use crate::{
    channels::{
        ChannelReassembler,
        dynamic::{DynamicChannelEvent, DynamicChannelId, DynamicChannelsServer, names},
    },
    client::{GraphicsSupport, MonitorLayout},
    display_control::{self, DisplayControlCapabilities, DisplayControlPdu},
    graphics::{
        CommandError, GraphicsCommand,
        pipeline::{GraphicsPipelineServer, PipelineServerEvent},
    },
    wire::{Cursor, DecodeResult, Pdu},
};

/// What display control takes: the numbers of Windows servers.
const DISPLAY_CONTROL: DisplayControlCapabilities = DisplayControlCapabilities {
    max_monitors: 16,
    area_factor_a: 3840,
    area_factor_b: 2400,
};

/// Most bytes of a message on a static channel from a client.
const MESSAGE_LIMIT: usize = 4 * 1024 * 1024;

/// Puts the messages of static channels together.
#[derive(Debug, Default)]
pub(super) struct StaticChannels {
    reassemblers: Vec<ChannelReassembler>,
    /// Clients compress nothing but channels, which share a history.
    bulk: BulkDecompressor,
}

impl StaticChannels {
    /// As many channels as the client asked for.
    pub(super) fn new(count: usize) -> Self {
        let reassemblers = (0..count).map(|_| ChannelReassembler::new(MESSAGE_LIMIT));
        Self {
            reassemblers: reassemblers.collect(),
            bulk: BulkDecompressor::new(),
        }
    }

    /// Takes a chunk for the channel at `index` and yields the message that it completes.
    pub(super) fn handle_chunk<'a>(
        &mut self,
        index: usize,
        chunk: &'a [u8],
    ) -> DecodeResult<Option<Cow<'a, [u8]>>> {
        match self.reassemblers.get_mut(index) {
            Some(reassembler) => reassembler.handle_chunk(chunk, &mut self.bulk),
            None => Ok(None),
        }
    }
}

/// What the machines on the dynamic channels tell.
#[derive(Debug)]
pub(super) enum DynamicEvent {
    /// The graphics pipeline's.
    Graphics(PipelineServerEvent),
    /// There is no graphics pipeline, or no longer.
    GraphicsLost,
    /// The client wants another layout.
    Layout(Vec<MonitorLayout>),
}

/// The dynamic channels that the server opens, and what it does on them.
#[derive(Debug)]
pub(super) struct DynamicHost {
    channels: DynamicChannelsServer,
    support: GraphicsSupport,
    compress_graphics: bool,
    pipeline: Option<(DynamicChannelId, GraphicsPipelineServer)>,
    events: VecDeque<DynamicEvent>,
}

impl DynamicHost {
    /// Opens display control, and the graphics pipeline where it is wanted.
    pub(super) fn new(config: &ServerConfig, with_pipeline: bool) -> Self {
        let mut channels = DynamicChannelsServer::new();
        if with_pipeline {
            channels.open(names::GRAPHICS);
        }
        channels.open(names::DISPLAY_CONTROL);
        Self {
            channels,
            support: config.graphics,
            compress_graphics: config.compress_graphics,
            pipeline: None,
            events: VecDeque::new(),
        }
    }

    /// Takes a message of `drdynvc`.
    pub(super) fn handle_data(&mut self, message: &[u8]) -> DecodeResult<()> {
        self.channels.handle_data(message)?;
        while let Some(event) = self.channels.poll_event() {
            match event {
                DynamicChannelEvent::Ready { .. } => {}
                DynamicChannelEvent::Opened { channel, name } => self.handle_opened(channel, &name),
                DynamicChannelEvent::Refused { name, .. }
                | DynamicChannelEvent::Closed { name, .. } => {
                    if name == names::GRAPHICS {
                        self.pipeline = None;
                        self.events.push_back(DynamicEvent::GraphicsLost);
                    }
                }
                DynamicChannelEvent::Data { channel, data } => {
                    self.handle_message(channel, &data)?
                }
            }
        }
        Ok(())
    }

    fn handle_opened(&mut self, channel: DynamicChannelId, name: &str) {
        if name == names::GRAPHICS {
            let pipeline = if self.compress_graphics {
                GraphicsPipelineServer::new(self.support)
            } else {
                GraphicsPipelineServer::uncompressed(self.support)
            };
            self.pipeline = Some((channel, pipeline));
        } else if name == names::DISPLAY_CONTROL {
            let capabilities = DisplayControlPdu::Capabilities(DISPLAY_CONTROL);
            self.channels.send(channel, &capabilities.to_vec());
        }
    }

    fn handle_message(&mut self, channel: DynamicChannelId, message: &[u8]) -> DecodeResult<()> {
        if let Some((id, pipeline)) = &mut self.pipeline
            && *id == channel
        {
            pipeline.handle_data(message)?;
            while let Some(event) = pipeline.poll_event() {
                self.events.push_back(DynamicEvent::Graphics(event));
            }
        } else if self.channels.name(channel) == Some(names::DISPLAY_CONTROL) {
            let mut cursor = Cursor::new(message, "display control message");
            if let DisplayControlPdu::MonitorLayout(monitors) =
                DisplayControlPdu::decode(&mut cursor)?
            {
                self.handle_layout(&monitors);
            }
        }
        Ok(())
    }

    /// A layout that breaks the rules is ignored, as Windows servers do it.
    fn handle_layout(&mut self, monitors: &[MonitorLayout]) {
        match display_control::check_layout(monitors, &DISPLAY_CONTROL) {
            Ok(()) => {
                let monitors = monitors.iter().map(display_control::normalize).collect();
                self.events.push_back(DynamicEvent::Layout(monitors));
            }
            Err(error) => debug!(%error, "layout ignored"),
        }
    }

    /// Draws through the pipeline.
    pub(super) fn send_graphics(&mut self, command: &GraphicsCommand) -> Result<(), CommandError> {
        match &mut self.pipeline {
            Some((_, pipeline)) => pipeline.send(command),
            None => Err(CommandError::NotReady),
        }
    }

    /// The next message for `drdynvc`.
    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        if let Some((channel, pipeline)) = &mut self.pipeline {
            while let Some(message) = pipeline.poll_transmit() {
                self.channels.send(*channel, &message);
            }
        }
        self.channels.poll_transmit()
    }

    /// What happened next.
    pub(super) fn poll_event(&mut self) -> Option<DynamicEvent> {
        self.events.pop_front()
    }
}
