//! The client's end of the dynamic channels (`[MS-RDPEDYC] 3.2`).

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use tracing::debug;

use super::{
    CHANNEL_LIMIT, DynamicChannelEvent, DynamicChannelId, DynamicPdu, VERSION,
    inbox::Inbox,
    pdu::{SoftSyncTunnel, write_message},
};
use crate::wire::{DecodeError, DecodeResult};

/// `HRESULT_FROM_WIN32(ERROR_NOT_FOUND)`: nobody listens to that name.
const NO_LISTENER: i32 = 0x8007_0490_u32 as i32;
/// `HRESULT_FROM_WIN32(ERROR_NO_SYSTEM_RESOURCES)`: too many channels.
const NO_RESOURCES: i32 = 0x8007_05AA_u32 as i32;

/// Answers a server that opens dynamic channels; takes and sends their messages.
#[derive(Debug)]
pub struct DynamicChannelsClient {
    listeners: Vec<String>,
    channels: HashMap<DynamicChannelId, Channel>,
    transmit: VecDeque<Vec<u8>>,
    events: VecDeque<DynamicChannelEvent>,
}

#[derive(Debug)]
struct Channel {
    name: String,
    inbox: Inbox,
}

impl DynamicChannelsClient {
    /// A client that listens to `names`; channels of any other name are refused.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self {
            listeners: names.into_iter().map(Into::into).collect(),
            channels: HashMap::new(),
            transmit: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// True where a message has begun to come and has not ended.
    pub fn is_mid_message(&self) -> bool {
        self.channels
            .values()
            .any(|channel| channel.inbox.is_partial())
    }

    /// The name of an open channel.
    pub fn name(&self, channel: DynamicChannelId) -> Option<&str> {
        self.channels.get(&channel).map(|c| c.name.as_str())
    }

    /// The number of an open channel of this name.
    pub fn find(&self, name: &str) -> Option<DynamicChannelId> {
        let mut open = self.channels.iter();
        open.find(|(_, c)| c.name == name).map(|(&id, _)| id)
    }

    /// Takes one whole message of the static channel.
    ///
    /// # Errors
    /// A message that the specification does not allow; the static channel is of no use after
    /// that (`[MS-RDPEDYC] 3.1.5.2.4`).
    pub fn handle_data(&mut self, message: &[u8]) -> DecodeResult<()> {
        match DynamicPdu::decode_from_server(message)? {
            DynamicPdu::CapabilitiesRequest { version, .. } => self.handle_capabilities(version),
            DynamicPdu::CreateRequest { channel, name, .. } => self.handle_create(channel, name),
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
                if let Some(Channel { name, .. }) = self.channels.remove(&channel) {
                    self.transmit
                        .push_back(DynamicPdu::Close { channel }.to_vec());
                    self.events
                        .push_back(DynamicChannelEvent::Closed { channel, name });
                }
            }
            DynamicPdu::SoftSyncRequest { tunnels, .. } => self.handle_soft_sync(&tunnels),
            DynamicPdu::CapabilitiesResponse { .. }
            | DynamicPdu::CreateResponse { .. }
            | DynamicPdu::SoftSyncResponse { .. } => {
                return Err(DecodeError::invalid(
                    "dynamic channel PDU from the server",
                    "command",
                    message.first().copied().unwrap_or_default() >> 4,
                ));
            }
        }
        Ok(())
    }

    fn handle_capabilities(&mut self, offered: u16) {
        // Windows has been seen to ask twice: the answer is the same.
        let version = offered.clamp(1, VERSION);
        self.transmit
            .push_back(DynamicPdu::CapabilitiesResponse { version }.to_vec());
        self.events
            .push_back(DynamicChannelEvent::Ready { version });
    }

    fn handle_create(&mut self, channel: DynamicChannelId, name: String) {
        let status = if !self.listeners.contains(&name) {
            NO_LISTENER
        } else if self.channels.len() >= CHANNEL_LIMIT && !self.channels.contains_key(&channel) {
            NO_RESOURCES
        } else {
            0
        };
        self.transmit
            .push_back(DynamicPdu::CreateResponse { channel, status }.to_vec());
        if status < 0 {
            debug!(name, "dynamic channel refused");
            self.events.push_back(DynamicChannelEvent::Refused {
                channel,
                name,
                status,
            });
            return;
        }
        let new = Channel {
            name: name.clone(),
            inbox: Inbox::default(),
        };
        if let Some(Channel { name, .. }) = self.channels.insert(channel, new) {
            // The number is used anew without a close: the old channel is gone all the same.
            self.events
                .push_back(DynamicChannelEvent::Closed { channel, name });
        }
        self.events
            .push_back(DynamicChannelEvent::Opened { channel, name });
    }

    fn handle_soft_sync(&mut self, tunnels: &[SoftSyncTunnel]) {
        debug!(?tunnels, "asked to move channels to UDP, staying on TCP");
        let response = DynamicPdu::SoftSyncResponse {
            tunnels: Vec::new(),
        };
        self.transmit.push_back(response.to_vec());
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
        let is_open = self.channels.contains_key(&channel);
        if is_open {
            write_message(channel, message, |pdu| self.transmit.push_back(pdu));
        }
        is_open
    }

    /// Closes a channel; false where it is not open. No event follows.
    pub fn close(&mut self, channel: DynamicChannelId) -> bool {
        let was_open = self.channels.remove(&channel).is_some();
        if was_open {
            self.transmit
                .push_back(DynamicPdu::Close { channel }.to_vec());
        }
        was_open
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

#[cfg(test)]
mod tests {
    use super::{super::names, *};

    #[test]
    fn the_version_answered_is_never_above_the_servers_nor_ours() {
        for (offered, expected) in [(1, 1), (2, 2), (3, 3), (9, 3)] {
            let mut client = DynamicChannelsClient::new([names::GRAPHICS]);
            let request = DynamicPdu::CapabilitiesRequest {
                version: offered,
                priority_charges: Some([0; 4]),
            };
            client.handle_data(&request.to_vec()).unwrap();
            let answer = client.poll_transmit().unwrap();
            assert_eq!(
                DynamicPdu::decode_from_client(&answer),
                Ok(DynamicPdu::CapabilitiesResponse { version: expected })
            );
        }
    }

    #[test]
    fn a_soft_sync_request_is_answered_with_no_tunnels() {
        let mut client = DynamicChannelsClient::new([names::GRAPHICS]);
        let request = DynamicPdu::SoftSyncRequest {
            flags: 3,
            tunnels: vec![SoftSyncTunnel {
                tunnel_type: 1,
                channels: vec![DynamicChannelId(7)],
            }],
        };
        client.handle_data(&request.to_vec()).unwrap();
        assert_eq!(
            client.poll_transmit().as_deref(),
            Some(&[0x90, 0, 0, 0, 0, 0][..])
        );
    }

    #[test]
    fn the_number_of_open_channels_is_bounded() {
        let mut client = DynamicChannelsClient::new([names::GRAPHICS]);
        for id in 0..2 * CHANNEL_LIMIT as u32 {
            let request = DynamicPdu::CreateRequest {
                channel: DynamicChannelId(id),
                priority: 0,
                name: names::GRAPHICS.to_owned(),
            };
            client.handle_data(&request.to_vec()).unwrap();
        }
        let refused = std::iter::from_fn(|| client.poll_event())
            .filter(|e| matches!(e, DynamicChannelEvent::Refused { .. }));
        assert_eq!(refused.count(), CHANNEL_LIMIT);
    }
}
