//! What went over a connection.

use std::collections::BTreeMap;

/// Traffic of one channel, headers of lower layers left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelStatistics {
    /// Bytes from the server.
    pub received_bytes: u64,
    /// PDUs from the server.
    pub received_pdus: u64,
    /// Bytes to the server.
    pub sent_bytes: u64,
    /// PDUs to the server.
    pub sent_pdus: u64,
}

/// What went over a connection so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionStatistics {
    /// Bytes from the server, TLS left out.
    pub received_bytes: u64,
    /// Bytes to the server, TLS left out.
    pub sent_bytes: u64,
    /// By channel: static and dynamic channels by their names, and [`Self::FAST_PATH`],
    /// [`Self::IO`] and [`Self::MESSAGE`]. What a dynamic channel carries is counted for
    /// `drdynvc`'s own name, too.
    pub channels: BTreeMap<String, ChannelStatistics>,
    /// Frames that ended.
    pub frames_received: u64,
    /// Frames that were acknowledged.
    pub frames_acknowledged: u64,
    /// Input events that were sent.
    pub input_events_sent: u64,
}

impl ConnectionStatistics {
    /// Key of fast-path output and input.
    pub const FAST_PATH: &'static str = "fast-path";
    /// Key of the I/O channel.
    pub const IO: &'static str = "io";
    /// Key of the message channel.
    pub const MESSAGE: &'static str = "message";

    /// Most channels that are counted apart: a server cannot grow the list without end.
    const MAX_CHANNELS: usize = 128;

    fn channel(&mut self, name: &str) -> Option<&mut ChannelStatistics> {
        if !self.channels.contains_key(name) {
            if self.channels.len() >= Self::MAX_CHANNELS {
                return None;
            }
            self.channels.insert(name.to_owned(), Default::default());
        }
        self.channels.get_mut(name)
    }

    pub(super) fn count_received(&mut self, name: &str, bytes: usize) {
        if let Some(channel) = self.channel(name) {
            channel.received_bytes += bytes as u64;
            channel.received_pdus += 1;
        }
    }

    pub(super) fn count_sent(&mut self, name: &str, bytes: usize) {
        if let Some(channel) = self.channel(name) {
            channel.sent_bytes += bytes as u64;
            channel.sent_pdus += 1;
        }
    }
}
