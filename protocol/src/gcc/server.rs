//! The server's settings blocks (`[MS-RDPBCGR] 2.2.1.4`).

use super::{EncryptionMethods, MultitransportFlags, UnknownBlock, read_block, write_block};
use crate::{
    mcs::ChannelId,
    wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire},
    x224::SecurityProtocols,
};

const SC_CORE: u16 = 0x0c01;
const SC_SECURITY: u16 = 0x0c02;
const SC_NET: u16 = 0x0c03;
const SC_MCS_MSGCHANNEL: u16 = 0x0c04;
const SC_MULTITRANSPORT: u16 = 0x0c08;

bitflags::bitflags! {
    /// What a server can do, told early (`[MS-RDPBCGR] 2.2.1.4.2`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ServerEarlyCapabilities: u32 {
        /// Some key combinations are the server's, first set.
        const EDGE_ACTIONS_V1 = 0x01;
        /// Dynamic daylight saving time.
        const DYNAMIC_TIME_ZONE = 0x02;
        /// Some key combinations are the server's, second set.
        const EDGE_ACTIONS_V2 = 0x04;
        /// Channel joins can be skipped.
        const SKIP_CHANNEL_JOIN = 0x08;

        const _ = !0;
    }
}

/// `TS_UD_SC_CORE`. The optional fields come in this order; the encoder ends at the first `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerCore {
    /// Version of the protocol.
    pub version: u32,
    /// What the client asked for in its negotiation request.
    pub requested_protocols: Option<SecurityProtocols>,
    /// Early capabilities.
    pub early_capabilities: Option<ServerEarlyCapabilities>,
}

impl Default for ServerCore {
    fn default() -> Self {
        Self {
            version: 0x0008_0004,
            requested_protocols: None,
            early_capabilities: None,
        }
    }
}

impl Pdu for ServerCore {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("server core data");
        let version = cursor.u32()?;
        let requested_protocols = cursor.u32().ok();
        let early_capabilities = cursor.u32().ok();
        Ok(Self {
            version,
            requested_protocols: requested_protocols.map(SecurityProtocols::from_bits_retain),
            early_capabilities: early_capabilities.map(ServerEarlyCapabilities::from_bits_retain),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.version);
        if let Some(protocols) = self.requested_protocols {
            out.put_u32(protocols.bits());
            if let Some(capabilities) = self.early_capabilities {
                out.put_u32(capabilities.bits());
            }
        }
    }
}

/// `TS_UD_SC_SEC1`. All zero and empty where TLS protects the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSecurity {
    /// The cipher picked.
    pub method: EncryptionMethods,
    /// What is encrypted, 0 to 4.
    pub level: u32,
    /// The server's random and its certificate (`2.2.1.4.3.1`), where a cipher was picked.
    pub secrets: Option<(Vec<u8>, Vec<u8>)>,
}

impl Pdu for ServerSecurity {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("server security data");
        let method = EncryptionMethods::from_bits_retain(cursor.u32()?);
        let level = cursor.u32()?;
        // Some servers send two empty lengths without a cipher.
        let secrets = if (method.is_empty() && level == 0) || cursor.is_empty() {
            None
        } else {
            let random_bytes = cursor.u32()? as usize;
            let certificate_bytes = cursor.u32()? as usize;
            Some((
                cursor.take(random_bytes)?.to_vec(),
                cursor.take(certificate_bytes)?.to_vec(),
            ))
        };
        Ok(Self {
            method,
            level,
            secrets,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.method.bits());
        out.put_u32(self.level);
        if let Some((random, certificate)) = &self.secrets {
            out.put_u32(random.len() as u32);
            out.put_u32(certificate.len() as u32);
            out.put(random);
            out.put(certificate);
        }
    }
}

/// `TS_UD_SC_NET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerNetwork {
    /// The I/O channel.
    pub io_channel: ChannelId,
    /// Static channels in the order of the client's network data; 0 where the server has none.
    pub channels: Vec<ChannelId>,
}

impl Pdu for ServerNetwork {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "server network data";
        cursor.set_context(CONTEXT);
        let io_channel = ChannelId(cursor.u16()?);
        let count = usize::from(cursor.u16()?);
        let mut array = cursor.sub(count * 2, CONTEXT)?;
        Ok(Self {
            io_channel,
            channels: (0..count)
                .map(|_| array.u16().map(ChannelId))
                .collect::<DecodeResult<_>>()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.io_channel.0);
        out.put_u16(self.channels.len() as u16);
        for channel in &self.channels {
            out.put_u16(channel.0);
        }
        if self.channels.len() % 2 == 1 {
            out.put_u16(0);
        }
    }
}

/// Everything that a server says in its conference create response. Encoded in the order of the
/// fields, which is that of Windows servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerBlocks {
    /// Core data.
    pub core: ServerCore,
    /// Network data.
    pub network: Option<ServerNetwork>,
    /// Security data.
    pub security: Option<ServerSecurity>,
    /// The message channel; 0 is none.
    pub message_channel: Option<ChannelId>,
    /// Transports beside TCP.
    pub multitransport: Option<MultitransportFlags>,
    /// Blocks of other types.
    pub unknown: Vec<UnknownBlock>,
}

impl Pdu for ServerBlocks {
    /// Reads blocks to the end of the data.
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        let mut blocks = Self::default();
        let mut has_core = false;
        while !cursor.is_empty() {
            let (kind, mut content) = read_block(cursor)?;
            match kind {
                SC_CORE => {
                    has_core = true;
                    blocks.core = ServerCore::decode(&mut content)?;
                }
                SC_SECURITY => blocks.security = Some(ServerSecurity::decode(&mut content)?),
                SC_NET => blocks.network = Some(ServerNetwork::decode(&mut content)?),
                SC_MCS_MSGCHANNEL => blocks.message_channel = Some(ChannelId(content.u16()?)),
                SC_MULTITRANSPORT => {
                    blocks.multitransport =
                        Some(MultitransportFlags::from_bits_retain(content.u32()?));
                }
                kind => blocks.unknown.push(UnknownBlock {
                    kind,
                    data: content.rest().to_vec(),
                }),
            }
        }
        if !has_core {
            return Err(DecodeError::Truncated {
                context: "server core data",
                needed: 1,
                left: 0,
            });
        }
        Ok(blocks)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        write_block(out, SC_CORE, |out| self.core.encode(out));
        if let Some(network) = &self.network {
            write_block(out, SC_NET, |out| network.encode(out));
        }
        if let Some(security) = &self.security {
            write_block(out, SC_SECURITY, |out| security.encode(out));
        }
        if let Some(channel) = self.message_channel {
            write_block(out, SC_MCS_MSGCHANNEL, |out| out.put_u16(channel.0));
        }
        if let Some(flags) = self.multitransport {
            write_block(out, SC_MULTITRANSPORT, |out| out.put_u32(flags.bits()));
        }
        for block in &self.unknown {
            block.encode(out);
        }
    }
}
