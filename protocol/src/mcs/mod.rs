//! The multipoint communication service, T.125, as far as RDP uses it.
//!
//! The connect PDUs ([`ConnectInitial`], [`ConnectResponse`]) are BER and wrap the conference data
//! of [`crate::gcc`]; all others ([`DomainPdu`]) are aligned PER. All of them travel in X.224 data
//! TPDUs.

pub(crate) mod ber;
mod connect;
mod domain;
pub(crate) mod per;

pub use connect::{ConnectInitial, ConnectResponse, ConnectResult, DomainParameters};
pub use domain::{ChannelId, DisconnectReason, DomainPdu, McsResult, UserId};

use crate::{framing, wire::WriteWire, x224};

/// Appends an MCS PDU that `write` appends, inside an X.224 data TPDU inside a TPKT frame; returns
/// the frame's bytes.
pub fn write_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> usize {
    framing::write_tpkt(out, |out| {
        out.put(&x224::DATA_HEADER);
        write(out);
    })
}
