//! The static channels that were joined, by name and by number.

use std::borrow::Cow;

use oriel_codecs::bulk::{BulkCompressor, BulkDecompressor, CompressionLevel};

use super::outbox::Outbox;
use crate::{
    channels::{
        CHUNK_LENGTH, ChannelFlags, ChannelReassembler, DYNAMIC_CHANNELS_NAME, write_chunks,
    },
    gcc::ChannelDefinition,
    mcs::ChannelId,
    wire::{DecodeResult, WriteWire},
};

/// Most bytes of a message on a static channel.
const MESSAGE_LIMIT: usize = 16 * 1024 * 1024;

/// Most bytes of a chunk that a server may ask for (`[MS-RDPBCGR] 2.2.7.1.10`).
const MAX_CHUNK_LENGTH: u32 = 16256;

/// A channel's name, and a whole message that came on it.
pub(super) type Message<'c, 'm> = (&'c str, Cow<'m, [u8]>);

#[derive(Debug)]
struct StaticChannel {
    name: String,
    id: ChannelId,
    /// It was asked for as one to be compressed.
    wants_compression: bool,
    reassembler: ChannelReassembler,
}

/// All static channels of a connection.
#[derive(Debug)]
pub(super) struct StaticChannels {
    channels: Vec<StaticChannel>,
    chunk_length: usize,
    /// Where the server takes compressed chunks. That is all that a client ever compresses.
    compressor: Option<Box<BulkCompressor>>,
}

impl StaticChannels {
    pub(super) fn new() -> Self {
        Self {
            channels: Vec::new(),
            chunk_length: CHUNK_LENGTH,
            compressor: None,
        }
    }

    pub(super) fn add(&mut self, definition: ChannelDefinition, id: ChannelId) {
        self.channels.push(StaticChannel {
            name: definition.name,
            id,
            wants_compression: definition.options.wants_compression(),
            reassembler: ChannelReassembler::new(MESSAGE_LIMIT),
        });
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ChannelId> {
        self.channels.iter().map(|channel| channel.id)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(|channel| channel.name.as_str())
    }

    /// True where a message has begun to come and has not ended.
    pub(super) fn is_mid_message(&self) -> bool {
        self.channels
            .iter()
            .any(|channel| channel.reassembler.is_partial())
    }

    pub(super) fn name(&self, id: ChannelId) -> Option<&str> {
        let channel = self.channels.iter().find(|channel| channel.id == id)?;
        Some(&channel.name)
    }

    pub(super) fn has(&self, id: ChannelId) -> bool {
        self.channels.iter().any(|channel| channel.id == id)
    }

    /// Takes the chunk size that the server wants; what the specification does not allow is
    /// ignored.
    pub(super) fn set_chunk_length(&mut self, bytes: u32) {
        if (CHUNK_LENGTH as u32..=MAX_CHUNK_LENGTH).contains(&bytes) {
            self.chunk_length = bytes as usize;
        }
    }

    /// The server takes compressed chunks (`VCCAPS_COMPR_CS_8K`, `[MS-RDPBCGR] 2.2.7.1.10`). Its
    /// history outlives a reactivation.
    pub(super) fn allow_compression(&mut self) {
        self.compressor
            .get_or_insert_with(|| Box::new(BulkCompressor::new(CompressionLevel::K8)));
    }

    /// Takes a chunk and yields the channel's name and the message that the chunk completes.
    pub(super) fn handle_chunk<'a>(
        &mut self,
        id: ChannelId,
        chunk: &'a [u8],
        bulk: &mut BulkDecompressor,
        outbox: &mut Outbox,
    ) -> DecodeResult<Option<Message<'_, 'a>>> {
        let Some(channel) = self.channels.iter_mut().find(|channel| channel.id == id) else {
            return Ok(None);
        };
        outbox.statistics.count_received(&channel.name, chunk.len());
        let message = channel.reassembler.handle_chunk(chunk, bulk)?;
        Ok(message.map(|message| (channel.name.as_str(), message)))
    }

    /// Sends a message; false where there is no such channel or the server wants silence on it.
    pub(super) fn send(&mut self, name: &str, message: &[u8], outbox: &mut Outbox) -> bool {
        let Some(channel) = self.channels.iter().find(|channel| channel.name == name) else {
            return false;
        };
        if channel.reassembler.is_suspended() {
            return false;
        }
        let bulk = self.compressor.as_deref_mut();
        let bulk = bulk.filter(|_| channel.wants_compression);
        let options = ChannelFlags::empty();
        write_chunks(message, self.chunk_length, options, bulk, |chunk| {
            outbox.send_on(channel.id, &channel.name, |out| out.put(chunk));
        });
        true
    }

    pub(super) fn send_dynamic(&mut self, message: &[u8], outbox: &mut Outbox) -> bool {
        self.send(DYNAMIC_CHANNELS_NAME, message, outbox)
    }
}
