//! The server's end of the dynamic channels (`[MS-RDPEDYC] 3.3`).

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{
    DynamicChannelEvent, DynamicChannelId, DynamicPdu, VERSION, inbox::Inbox, pdu::write_message,
};
use crate::wire::{DecodeError, DecodeResult};

/// Opens dynamic channels on a client; takes and sends their messages.
#[derive(Debug)]
pub struct DynamicChannelsServer {
    is_ready: bool,
    next_id: u32,
    channels: BTreeMap<DynamicChannelId, Channel>,
    transmit: VecDeque<Vec<u8>>,
    events: VecDeque<DynamicChannelEvent>,
}

#[derive(Debug)]
struct Channel {
    name: String,
    is_open: bool,
    inbox: Inbox,
}

impl Default for DynamicChannelsServer {
    fn default() -> Self {
        Self::new()
    }
}

impl DynamicChannelsServer {
    /// A server that offers its version at once.
    pub fn new() -> Self {
        let request = DynamicPdu::CapabilitiesRequest {
            version: VERSION,
            // Zero: no shares, everything is sent at once (`2.2.1.1.2`).
            priority_charges: Some([0; 4]),
        };
        Self {
            is_ready: false,
            next_id: 1,
            channels: BTreeMap::new(),
            transmit: VecDeque::from([request.to_vec()]),
            events: VecDeque::new(),
        }
    }

    /// True once the client answered with its version.
    pub fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// The name of a channel, open or being opened.
    pub fn name(&self, channel: DynamicChannelId) -> Option<&str> {
        self.channels.get(&channel).map(|c| c.name.as_str())
    }

    /// Asks the client for a channel, at once or as soon as it is ready.
    pub fn open(&mut self, name: &str) -> DynamicChannelId {
        let channel = DynamicChannelId(self.next_id);
        self.next_id += 1;
        let new = Channel {
            name: name.to_owned(),
            is_open: false,
            inbox: Inbox::default(),
        };
        self.channels.insert(channel, new);
        if self.is_ready {
            self.request(channel, name.to_owned());
        }
        channel
    }

    fn request(&mut self, channel: DynamicChannelId, name: String) {
        let request = DynamicPdu::CreateRequest {
            channel,
            priority: 0,
            name,
        };
        self.transmit.push_back(request.to_vec());
    }

    /// Takes one whole message of the static channel.
    ///
    /// # Errors
    /// A message that the specification does not allow.
    pub fn handle_data(&mut self, message: &[u8]) -> DecodeResult<()> {
        match DynamicPdu::decode_from_client(message)? {
            DynamicPdu::CapabilitiesResponse { version } => {
                if self.is_ready {
                    return Ok(());
                }
                self.is_ready = true;
                let version = version.clamp(1, VERSION);
                self.events
                    .push_back(DynamicChannelEvent::Ready { version });
                let waiting: Vec<_> = self
                    .channels
                    .iter()
                    .map(|(&id, channel)| (id, channel.name.clone()))
                    .collect();
                for (channel, name) in waiting {
                    self.request(channel, name);
                }
            }
            DynamicPdu::CreateResponse { channel, status } => self.handle_created(channel, status),
            DynamicPdu::DataFirst {
                channel,
                length,
                is_compressed,
                data,
            } => {
                if let Some(open) = self.channels.get_mut(&channel) {
                    let whole = open.inbox.handle_first(length, is_compressed, data)?;
                    self.deliver(channel, whole);
                }
            }
            DynamicPdu::Data {
                channel,
                is_compressed,
                data,
            } => {
                if let Some(open) = self.channels.get_mut(&channel) {
                    let whole = open.inbox.handle_next(is_compressed, data)?;
                    self.deliver(channel, whole);
                }
            }
            DynamicPdu::Close { channel } => {
                // Also the answer to a close of ours, which is gone from the list by then.
                if let Some(Channel { name, .. }) = self.channels.remove(&channel) {
                    self.events
                        .push_back(DynamicChannelEvent::Closed { channel, name });
                }
            }
            DynamicPdu::SoftSyncResponse { .. } => {}
            DynamicPdu::CapabilitiesRequest { .. }
            | DynamicPdu::CreateRequest { .. }
            | DynamicPdu::SoftSyncRequest { .. } => {
                return Err(DecodeError::invalid(
                    "dynamic channel PDU from the client",
                    "command",
                    message.first().copied().unwrap_or_default() >> 4,
                ));
            }
        }
        Ok(())
    }

    fn handle_created(&mut self, channel: DynamicChannelId, status: i32) {
        if status < 0 {
            if let Some(Channel { name, .. }) = self.channels.remove(&channel) {
                self.events.push_back(DynamicChannelEvent::Refused {
                    channel,
                    name,
                    status,
                });
            }
        } else if let Some(open) = self.channels.get_mut(&channel)
            && !open.is_open
        {
            open.is_open = true;
            let name = open.name.clone();
            self.events
                .push_back(DynamicChannelEvent::Opened { channel, name });
        }
    }

    fn deliver(&mut self, channel: DynamicChannelId, whole: Option<Vec<u8>>) {
        if let Some(data) = whole {
            let data = Bytes::from(data);
            self.events
                .push_back(DynamicChannelEvent::Data { channel, data });
        }
    }

    /// Sends a message; false where the channel is not open.
    pub fn send(&mut self, channel: DynamicChannelId, message: &[u8]) -> bool {
        let is_open = self.channels.get(&channel).is_some_and(|c| c.is_open);
        if is_open {
            write_message(channel, message, |pdu| self.transmit.push_back(pdu));
        }
        is_open
    }

    /// Closes a channel; false where there is none of that number. No event follows.
    pub fn close(&mut self, channel: DynamicChannelId) -> bool {
        let existed = self.channels.remove(&channel).is_some();
        if existed {
            self.transmit
                .push_back(DynamicPdu::Close { channel }.to_vec());
        }
        existed
    }

    /// The next message for the static channel.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmit.pop_front()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<DynamicChannelEvent> {
        self.events.pop_front()
    }
}
