//! The client's settings blocks (`[MS-RDPBCGR] 2.2.1.3`).

use super::{
    ClientCore, ClientMonitors, ClientMonitorsEx, MultitransportFlags, UnknownBlock, read_block,
    write_block,
};
use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire};

const CS_CORE: u16 = 0xc001;
const CS_SECURITY: u16 = 0xc002;
const CS_NET: u16 = 0xc003;
const CS_CLUSTER: u16 = 0xc004;
const CS_MONITOR: u16 = 0xc005;
const CS_MCS_MSGCHANNEL: u16 = 0xc006;
const CS_MONITOR_EX: u16 = 0xc008;
const CS_MULTITRANSPORT: u16 = 0xc00a;

bitflags::bitflags! {
    /// Ciphers of standard RDP security (`[MS-RDPBCGR] 2.2.1.3.3`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct EncryptionMethods: u32 {
        /// RC4 with 40 bits.
        const RC4_40 = 0x01;
        /// RC4 with 128 bits.
        const RC4_128 = 0x02;
        /// RC4 with 56 bits.
        const RC4_56 = 0x08;
        /// Triple DES and SHA-1.
        const FIPS = 0x10;

        const _ = !0;
    }

    /// Flags of the cluster block (`[MS-RDPBCGR] 2.2.1.3.5`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ClusterFlags: u32 {
        /// The client follows redirections.
        const REDIRECTION_SUPPORTED = 0x01;
        /// The session id means something.
        const SESSION_ID_VALID = 0x02;
        /// Version 4 of redirection, in a field of four bits.
        const REDIRECTION_VERSION_4 = 0x03 << 2;
        /// Version 5 of redirection.
        const REDIRECTION_VERSION_5 = 0x04 << 2;
        /// Version 6 of redirection.
        const REDIRECTION_VERSION_6 = 0x05 << 2;
        /// The user signed in with a smart card.
        const REDIRECTED_SMARTCARD = 0x40;

        const _ = !0;
    }

    /// Options of a static channel (`[MS-RDPBCGR] 2.2.1.3.4.1`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ChannelOptions: u32 {
        /// Without meaning, always set.
        const INITIALIZED = 0x8000_0000;
        /// Without meaning.
        const ENCRYPT_RDP = 0x4000_0000;
        /// High priority.
        const PRIORITY_HIGH = 0x0800_0000;
        /// Medium priority.
        const PRIORITY_MEDIUM = 0x0400_0000;
        /// Low priority.
        const PRIORITY_LOW = 0x0200_0000;
        /// Compressed where RDP data is.
        const COMPRESS_RDP = 0x0080_0000;
        /// Always compressed.
        const COMPRESS = 0x0040_0000;
        /// Without meaning.
        const SHOW_PROTOCOL = 0x0020_0000;
        /// Outlives a remote control transaction.
        const REMOTE_CONTROL_PERSISTENT = 0x0010_0000;

        const _ = !0;
    }
}

impl ChannelOptions {
    /// True where the channel is compressed as soon as anything is.
    pub fn wants_compression(self) -> bool {
        self.intersects(Self::COMPRESS_RDP | Self::COMPRESS)
    }
}

/// `TS_UD_CS_SEC`. All zero where TLS protects the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientSecurity {
    /// Ciphers on offer.
    pub methods: EncryptionMethods,
    /// The same from French clients of old.
    pub extended_methods: EncryptionMethods,
}

/// `CHANNEL_DEF`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelDefinition {
    /// Up to seven Latin-1 characters.
    pub name: String,
    /// Options.
    pub options: ChannelOptions,
}

impl ChannelDefinition {
    const BYTES: usize = 12;

    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        let name = cursor.array::<8>()?;
        Ok(Self {
            name: name
                .iter()
                .take_while(|&&byte| byte != 0)
                .map(|&byte| char::from(byte))
                .collect(),
            options: ChannelOptions::from_bits_retain(cursor.u32()?),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut name = [0; 8];
        for (slot, character) in name[..7].iter_mut().zip(self.name.chars()) {
            *slot = u8::try_from(u32::from(character)).unwrap_or(b'?');
        }
        out.put(&name);
        out.put_u32(self.options.bits());
    }
}

/// `TS_UD_CS_NET`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientNetwork {
    /// Static channels; servers answer in the same order.
    pub channels: Vec<ChannelDefinition>,
}

impl ClientNetwork {
    /// Most channels (`[MS-RDPBCGR] 2.2.1.3.4`).
    pub const MAX_CHANNELS: usize = 31;

    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "client network data";
        cursor.set_context(CONTEXT);
        let count = cursor.u32()?;
        if count as usize > Self::MAX_CHANNELS {
            return Err(DecodeError::TooLarge {
                context: CONTEXT,
                field: "channelCount",
                value: count.into(),
                limit: Self::MAX_CHANNELS as u64,
            });
        }
        let mut array = cursor.sub(count as usize * ChannelDefinition::BYTES, CONTEXT)?;
        Ok(Self {
            channels: (0..count)
                .map(|_| ChannelDefinition::decode(&mut array))
                .collect::<DecodeResult<_>>()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.channels.len() as u32);
        for channel in &self.channels {
            channel.encode(out);
        }
    }
}

/// `TS_UD_CS_CLUSTER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientCluster {
    /// Flags.
    pub flags: ClusterFlags,
    /// Session to return to.
    pub redirected_session_id: u32,
}

/// Everything that a client says in its conference create request. Encoded in the order of the
/// fields, which is that of Windows clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientBlocks {
    /// Core data.
    pub core: ClientCore,
    /// Cluster data.
    pub cluster: Option<ClientCluster>,
    /// Security data.
    pub security: Option<ClientSecurity>,
    /// Network data.
    pub network: Option<ClientNetwork>,
    /// Monitors; an extended block, as all that follow.
    pub monitors: Option<ClientMonitors>,
    /// Their attributes.
    pub monitors_ex: Option<ClientMonitorsEx>,
    /// The message channel is wanted.
    pub message_channel: bool,
    /// Transports beside TCP.
    pub multitransport: Option<MultitransportFlags>,
    /// Blocks of other types.
    pub unknown: Vec<UnknownBlock>,
}

impl Pdu for ClientBlocks {
    /// Reads blocks to the end of the data.
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        let mut blocks = Self::default();
        let mut has_core = false;
        while !cursor.is_empty() {
            let (kind, mut content) = read_block(cursor)?;
            match kind {
                CS_CORE => {
                    has_core = true;
                    blocks.core = ClientCore::decode(&mut content)?;
                }
                CS_SECURITY => {
                    blocks.security = Some(ClientSecurity {
                        methods: EncryptionMethods::from_bits_retain(content.u32()?),
                        extended_methods: EncryptionMethods::from_bits_retain(content.u32()?),
                    });
                }
                CS_NET => blocks.network = Some(ClientNetwork::decode(&mut content)?),
                CS_CLUSTER => {
                    blocks.cluster = Some(ClientCluster {
                        flags: ClusterFlags::from_bits_retain(content.u32()?),
                        redirected_session_id: content.u32()?,
                    });
                }
                CS_MONITOR => blocks.monitors = Some(ClientMonitors::decode(&mut content)?),
                CS_MONITOR_EX => {
                    blocks.monitors_ex = Some(ClientMonitorsEx::decode(&mut content)?);
                }
                CS_MCS_MSGCHANNEL => blocks.message_channel = true,
                CS_MULTITRANSPORT => {
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
                context: "client core data",
                needed: 1,
                left: 0,
            });
        }
        Ok(blocks)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        write_block(out, CS_CORE, |out| self.core.encode(out));
        if let Some(cluster) = &self.cluster {
            write_block(out, CS_CLUSTER, |out| {
                out.put_u32(cluster.flags.bits());
                out.put_u32(cluster.redirected_session_id);
            });
        }
        if let Some(security) = &self.security {
            write_block(out, CS_SECURITY, |out| {
                out.put_u32(security.methods.bits());
                out.put_u32(security.extended_methods.bits());
            });
        }
        if let Some(network) = &self.network {
            write_block(out, CS_NET, |out| network.encode(out));
        }
        if let Some(monitors) = &self.monitors {
            write_block(out, CS_MONITOR, |out| monitors.encode(out));
        }
        if let Some(attributes) = &self.monitors_ex {
            write_block(out, CS_MONITOR_EX, |out| attributes.encode(out));
        }
        if self.message_channel {
            write_block(out, CS_MCS_MSGCHANNEL, |out| out.put_u32(0));
        }
        if let Some(flags) = self.multitransport {
            write_block(out, CS_MULTITRANSPORT, |out| out.put_u32(flags.bits()));
        }
        for block in &self.unknown {
            block.encode(out);
        }
    }
}
