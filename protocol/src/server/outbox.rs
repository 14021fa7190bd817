//! What waits to be sent, with its framing.

use oriel_codecs::bulk::BulkCompressor;

use crate::{
    framing,
    mcs::{self, ChannelId, DomainPdu, UserId},
    security::{SecurityFlags, SecurityHeader},
    share::{DataPdu, SERVER_CHANNEL_ID, ShareContext},
    wire::Pdu,
};

/// Queues bytes for the stream.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    scratch: Vec<u8>,
    /// Something was queued since this was last asked and cleared.
    was_used: bool,
}

impl Outbox {
    /// A TPKT frame whose content `write` appends.
    pub(super) fn send_tpkt(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.was_used = true;
        framing::write_tpkt(&mut self.bytes, write);
    }

    /// An MCS PDU that `write` appends.
    pub(super) fn send_mcs(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.was_used = true;
        mcs::write_frame(&mut self.bytes, write);
    }

    /// Data that `write` appends, on `channel`. None of the PDUs here comes near the 32 KiB that
    /// fit: channel data is cut into chunks and updates into fragments before.
    pub(super) fn send_on(&mut self, channel: ChannelId, write: impl FnOnce(&mut Vec<u8>)) {
        let mut data = std::mem::take(&mut self.scratch);
        data.clear();
        write(&mut data);
        self.send_mcs(|out| {
            DomainPdu::SendDataIndication {
                initiator: UserId::SERVER,
                channel,
                data: &data,
            }
            .encode(out);
        });
        self.scratch = data;
    }

    /// A data PDU of the share.
    pub(super) fn send_data_pdu(&mut self, channel: ChannelId, share_id: u32, pdu: &DataPdu) {
        let context = ShareContext {
            share_id,
            source: SERVER_CHANNEL_ID,
        };
        self.send_on(channel, |out| context.write_data(pdu, out));
    }

    /// A slow-path update, compressed with `bulk` where that makes it smaller.
    pub(super) fn send_update(
        &mut self,
        channel: ChannelId,
        share_id: u32,
        kind: u8,
        payload: &[u8],
        bulk: Option<&mut BulkCompressor>,
    ) {
        let context = ShareContext {
            share_id,
            source: SERVER_CHANNEL_ID,
        };
        self.send_on(channel, |out| {
            context.write_compressed_data(kind, payload, bulk, out);
        });
    }

    /// A PDU behind a security header of `flags`.
    pub(super) fn send_secured(
        &mut self,
        channel: ChannelId,
        flags: SecurityFlags,
        pdu: &impl Pdu,
    ) {
        self.send_on(channel, |out| {
            SecurityHeader::new(flags).encode(out);
            pdu.encode(out);
        });
    }

    /// Whole frames that `write` appends.
    pub(super) fn send_frames<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let before = self.bytes.len();
        let result = write(&mut self.bytes);
        self.was_used |= self.bytes.len() > before;
        result
    }

    /// Moves all that waits behind what is in `out`.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) -> bool {
        let is_some = !self.bytes.is_empty();
        out.append(&mut self.bytes);
        is_some
    }

    /// Whether something was queued since the last call.
    pub(super) fn take_was_used(&mut self) -> bool {
        std::mem::take(&mut self.was_used)
    }
}
