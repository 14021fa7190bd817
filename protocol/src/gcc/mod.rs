//! The generic conference control, T.124, as far as RDP uses it: one request and one response
//! that carry the settings blocks of client and server (`[MS-RDPBCGR] 2.2.1.3`, `2.2.1.4`).

mod client;
mod client_core;
mod conference;
mod monitor;
mod server;

use crate::wire::{Cursor, DecodeError, DecodeResult, WriteWire};

pub use client::{
    ChannelDefinition, ChannelOptions, ClientBlocks, ClientCluster, ClientNetwork, ClientSecurity,
    ClusterFlags, EncryptionMethods,
};
pub use client_core::{ClientCore, ColorDepths, EarlyCapabilities};
pub use conference::{ConferenceCreateRequest, ConferenceCreateResponse};
pub use monitor::{ClientMonitors, ClientMonitorsEx, MonitorAttributes, MonitorDefinition};
pub use server::{
    ServerBlocks, ServerCore, ServerEarlyCapabilities, ServerNetwork, ServerSecurity,
};

bitflags::bitflags! {
    /// Transports beside TCP (`[MS-RDPBCGR] 2.2.1.3.8`, `2.2.1.4.6`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MultitransportFlags: u32 {
        /// Reliable UDP.
        const UDP_FECR = 0x01;
        /// Lossy UDP.
        const UDP_FECL = 0x04;
        /// Static channels may use UDP.
        const UDP_PREFERRED = 0x100;
        /// Dynamic channels may move to UDP.
        const SOFTSYNC_TCP_TO_UDP = 0x200;

        const _ = !0;
    }
}

/// A settings block of a type that is not known here, kept as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBlock {
    /// Its type.
    pub kind: u16,
    /// Its content, at most 65531 bytes.
    pub data: Vec<u8>,
}

impl UnknownBlock {
    fn encode(&self, out: &mut Vec<u8>) {
        write_block(out, self.kind, |out| out.put(&self.data));
    }
}

const BLOCK_HEADER_BYTES: usize = 4;

/// Reads a block's header (`TS_UD_HEADER`, `[MS-RDPBCGR] 2.2.1.3.1`): type, cursor over content.
fn read_block<'a>(cursor: &mut Cursor<'a>) -> DecodeResult<(u16, Cursor<'a>)> {
    const CONTEXT: &str = "GCC user data block";
    cursor.set_context(CONTEXT);
    let kind = cursor.u16()?;
    let length = cursor.u16()?;
    let content = usize::from(length)
        .checked_sub(BLOCK_HEADER_BYTES)
        .ok_or_else(|| DecodeError::invalid(CONTEXT, "length", length))?;
    Ok((kind, cursor.sub(content, CONTEXT)?))
}

/// Appends a block whose content `write` appends.
fn write_block(out: &mut Vec<u8>, kind: u16, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.put_u16(kind);
    out.put_u16(0);
    write(out);
    let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
    out[start + 2..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Appends `text` as UTF-16 in a field of `N` bytes, cut so that a terminator stays.
fn write_fixed_utf16<const N: usize>(out: &mut Vec<u8>, text: &str) {
    let mut field = [0; N];
    for (slot, unit) in field[..N - 2].chunks_exact_mut(2).zip(text.encode_utf16()) {
        slot.copy_from_slice(&unit.to_le_bytes());
    }
    out.put(&field);
}
