//! What waits to be sent, with its framing and its count.

use super::ConnectionStatistics;
use crate::{
    framing,
    mcs::{self, ChannelId, DomainPdu, UserId},
    wire::WriteWire,
};

/// Queues bytes for the stream. They hold passwords and keys pressed: they are never printed, and
/// wiped.
#[derive(Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    scratch: Vec<u8>,
    /// This client's user id, once the server gave one.
    user: Option<UserId>,
    pub(super) statistics: ConnectionStatistics,
}

impl Outbox {
    pub(super) fn set_user(&mut self, user: UserId) {
        self.user = Some(user);
    }

    /// The user id; the server's channel as long as there is none, which no PDU is sent from.
    pub(super) fn user(&self) -> UserId {
        self.user.unwrap_or(UserId::SERVER)
    }

    /// A TPKT frame whose content `write` appends.
    pub(super) fn send_tpkt(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        framing::write_tpkt(&mut self.bytes, write);
    }

    /// An MCS PDU that `write` appends.
    pub(super) fn send_mcs(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        mcs::write_frame(&mut self.bytes, write);
    }

    /// Data that `write` appends, on `channel`, counted under `name`.
    pub(super) fn send_on(
        &mut self,
        channel: ChannelId,
        name: &str,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut data = std::mem::take(&mut self.scratch);
        data.clear();
        write(&mut data);
        self.statistics.count_sent(name, data.len());
        let initiator = self.user();
        self.send_mcs(|out| {
            DomainPdu::SendDataRequest {
                initiator,
                channel,
                data: &data,
            }
            .encode(out);
        });
        self.scratch = data;
    }

    /// Fast-path PDUs, complete.
    pub(super) fn send_fast_path(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        write(&mut self.bytes);
        let bytes = self.bytes.len() - before;
        if bytes > 0 {
            self.statistics
                .count_sent(ConnectionStatistics::FAST_PATH, bytes);
        }
    }

    /// Moves all that waits behind what is in `out`.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) -> bool {
        if self.bytes.is_empty() {
            return false;
        }
        self.statistics.sent_bytes += self.bytes.len() as u64;
        out.put(&self.bytes);
        zeroize::Zeroize::zeroize(&mut self.bytes);
        true
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("bytes", &self.bytes.len())
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.bytes);
        zeroize::Zeroize::zeroize(&mut self.scratch);
    }
}
