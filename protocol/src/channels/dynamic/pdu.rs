//! The PDUs of dynamic channels (`[MS-RDPEDYC] 2.2`).

use crate::wire::{Cursor, DecodeError, DecodeResult, WriteWire};

/// A dynamic channel's number, given by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DynamicChannelId(pub u32);

/// Most bytes of a PDU with its header (`[MS-RDPEDYC] 3.1.5`).
pub const PDU_LENGTH: usize = 1600;

/// A PDU on the `drdynvc` channel. Data stays borrowed from the message it came in.
///
/// What a capabilities or create PDU means depends on who sent it, so there are two decoders:
/// [`DynamicPdu::decode_from_server`] and [`DynamicPdu::decode_from_client`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DynamicPdu<'a> {
    /// The server's version (`2.2.1.1`).
    CapabilitiesRequest {
        /// 1, 2 or 3.
        version: u16,
        /// Bandwidth shares of the four priority classes, from version 2 on.
        priority_charges: Option<[u16; 4]>,
    },
    /// The client's version (`2.2.1.2`).
    CapabilitiesResponse {
        /// 1, 2 or 3.
        version: u16,
    },
    /// The server wants a channel (`2.2.2.1`).
    CreateRequest {
        /// Its number.
        channel: DynamicChannelId,
        /// Priority class, 0 to 3.
        priority: u8,
        /// The listener's name.
        name: String,
    },
    /// The client's answer (`2.2.2.2`).
    CreateResponse {
        /// The channel.
        channel: DynamicChannelId,
        /// An HRESULT; negative is a refusal.
        status: i32,
    },
    /// The first block of a message in several (`2.2.3.1`, `2.2.3.3`).
    DataFirst {
        /// The channel.
        channel: DynamicChannelId,
        /// Bytes of the whole message, uncompressed.
        length: u32,
        /// The block is an `RDP_SEGMENTED_DATA` of the lite kind.
        is_compressed: bool,
        /// The block.
        data: &'a [u8],
    },
    /// A message, or a block of one that was begun (`2.2.3.2`, `2.2.3.4`).
    Data {
        /// The channel.
        channel: DynamicChannelId,
        /// The block is an `RDP_SEGMENTED_DATA` of the lite kind.
        is_compressed: bool,
        /// The block.
        data: &'a [u8],
    },
    /// A channel ends (`2.2.4`).
    Close {
        /// The channel.
        channel: DynamicChannelId,
    },
    /// The server wants to move channels to other transports (`2.2.5.1`).
    SoftSyncRequest {
        /// Flags, raw.
        flags: u16,
        /// Channels by type of tunnel.
        tunnels: Vec<SoftSyncTunnel>,
    },
    /// The tunnels that the client will write to (`2.2.5.2`).
    SoftSyncResponse {
        /// Types of tunnels.
        tunnels: Vec<u32>,
    },
}

/// Channels that move to a tunnel (`DYNVC_SOFT_SYNC_CHANNEL_LIST`, `[MS-RDPEDYC] 2.2.5.1.1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftSyncTunnel {
    /// 1 reliable UDP, 3 lossy UDP.
    pub tunnel_type: u32,
    /// The channels.
    pub channels: Vec<DynamicChannelId>,
}

const CREATE: u8 = 1;
const DATA_FIRST: u8 = 2;
const DATA: u8 = 3;
const CLOSE: u8 = 4;
const CAPABILITIES: u8 = 5;
const DATA_FIRST_COMPRESSED: u8 = 6;
const DATA_COMPRESSED: u8 = 7;
const SOFT_SYNC_REQUEST: u8 = 8;
const SOFT_SYNC_RESPONSE: u8 = 9;

const SOFT_SYNC_CHANNEL_LIST_PRESENT: u16 = 0x02;

/// Longest name that is read; the longest that is in use has 41 bytes.
const NAME_LIMIT: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    Server,
    Client,
}

impl<'a> DynamicPdu<'a> {
    /// Reads a PDU that a server sent.
    ///
    /// # Errors
    /// An unknown command or a PDU cut short.
    pub fn decode_from_server(message: &'a [u8]) -> DecodeResult<Self> {
        Self::decode(message, Sender::Server)
    }

    /// Reads a PDU that a client sent.
    ///
    /// # Errors
    /// An unknown command or a PDU cut short.
    pub fn decode_from_client(message: &'a [u8]) -> DecodeResult<Self> {
        Self::decode(message, Sender::Client)
    }

    fn decode(message: &'a [u8], sender: Sender) -> DecodeResult<Self> {
        let mut cursor = Cursor::new(message, "dynamic channel PDU");
        let header = cursor.u8()?;
        let (id_width, middle, command) = (header & 3, header >> 2 & 3, header >> 4);
        Ok(match command {
            CAPABILITIES => {
                cursor.skip(1)?;
                let version = cursor.u16()?;
                if sender == Sender::Client {
                    Self::CapabilitiesResponse { version }
                } else if version >= 2 && cursor.left() >= 8 {
                    let mut charges = [0; 4];
                    for charge in &mut charges {
                        *charge = cursor.u16()?;
                    }
                    Self::CapabilitiesRequest {
                        version,
                        priority_charges: Some(charges),
                    }
                } else {
                    Self::CapabilitiesRequest {
                        version,
                        priority_charges: None,
                    }
                }
            }
            CREATE => {
                let channel = DynamicChannelId(read_sized(&mut cursor, id_width)?);
                if sender == Sender::Client {
                    Self::CreateResponse {
                        channel,
                        status: cursor.i32()?,
                    }
                } else {
                    Self::CreateRequest {
                        channel,
                        priority: middle,
                        name: read_name(&mut cursor)?,
                    }
                }
            }
            DATA_FIRST | DATA_FIRST_COMPRESSED => Self::DataFirst {
                channel: DynamicChannelId(read_sized(&mut cursor, id_width)?),
                length: read_sized(&mut cursor, middle)?,
                is_compressed: command == DATA_FIRST_COMPRESSED,
                data: cursor.rest(),
            },
            DATA | DATA_COMPRESSED => Self::Data {
                channel: DynamicChannelId(read_sized(&mut cursor, id_width)?),
                is_compressed: command == DATA_COMPRESSED,
                data: cursor.rest(),
            },
            CLOSE => Self::Close {
                channel: DynamicChannelId(read_sized(&mut cursor, id_width)?),
            },
            SOFT_SYNC_REQUEST => read_soft_sync_request(&mut cursor)?,
            SOFT_SYNC_RESPONSE => {
                cursor.skip(1)?;
                let count = cursor.u32()? as usize;
                let mut list = cursor.sub(count.saturating_mul(4), "soft-sync response")?;
                let mut tunnels = Vec::with_capacity(count);
                while !list.is_empty() {
                    tunnels.push(list.u32()?);
                }
                Self::SoftSyncResponse { tunnels }
            }
            _ => return Err(DecodeError::invalid(cursor.context(), "command", command)),
        })
    }

    /// Appends the PDU to `out`. Numbers take the narrowest width that holds them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::CapabilitiesRequest {
                version,
                priority_charges,
            } => {
                out.put(&[CAPABILITIES << 4, 0]);
                out.put_u16(*version);
                for charge in priority_charges.iter().flatten() {
                    out.put_u16(*charge);
                }
            }
            Self::CapabilitiesResponse { version } => {
                out.put(&[CAPABILITIES << 4, 0]);
                out.put_u16(*version);
            }
            Self::CreateRequest {
                channel,
                priority,
                name,
            } => {
                put_header(out, CREATE, priority & 3, *channel);
                out.put(name.as_bytes());
                out.put_u8(0);
            }
            Self::CreateResponse { channel, status } => {
                put_header(out, CREATE, 0, *channel);
                out.put_i32(*status);
            }
            Self::DataFirst {
                channel,
                length,
                is_compressed,
                data,
            } => {
                let command = if *is_compressed {
                    DATA_FIRST_COMPRESSED
                } else {
                    DATA_FIRST
                };
                put_header(out, command, width_code(*length), *channel);
                put_sized(out, *length);
                out.put(data);
            }
            Self::Data {
                channel,
                is_compressed,
                data,
            } => {
                let command = if *is_compressed {
                    DATA_COMPRESSED
                } else {
                    DATA
                };
                put_header(out, command, 0, *channel);
                out.put(data);
            }
            Self::Close { channel } => put_header(out, CLOSE, 0, *channel),
            Self::SoftSyncRequest { flags, tunnels } => {
                out.put(&[SOFT_SYNC_REQUEST << 4, 0]);
                // Length 4, flags 2, number of tunnels 2, then type 4 and count 2 each.
                let lists: usize = tunnels.iter().map(|t| 6 + 4 * t.channels.len()).sum();
                out.put_u32((8 + lists) as u32);
                out.put_u16(*flags);
                out.put_u16(tunnels.len() as u16);
                for tunnel in tunnels {
                    out.put_u32(tunnel.tunnel_type);
                    out.put_u16(tunnel.channels.len() as u16);
                    for channel in &tunnel.channels {
                        out.put_u32(channel.0);
                    }
                }
            }
            Self::SoftSyncResponse { tunnels } => {
                out.put(&[SOFT_SYNC_RESPONSE << 4, 0]);
                out.put_u32(tunnels.len() as u32);
                for tunnel in tunnels {
                    out.put_u32(*tunnel);
                }
            }
        }
    }

    /// The PDU alone in a buffer of its own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

fn read_soft_sync_request<'a>(cursor: &mut Cursor<'_>) -> DecodeResult<DynamicPdu<'a>> {
    cursor.skip(1)?;
    let length = cursor.u32()? as usize;
    let Some(length) = length.checked_sub(4) else {
        return Err(DecodeError::invalid(
            cursor.context(),
            "length",
            length as u64,
        ));
    };
    let mut body = cursor.sub(length, "soft-sync request")?;
    let flags = body.u16()?;
    let count = body.u16()?;
    let mut tunnels = Vec::new();
    if flags & SOFT_SYNC_CHANNEL_LIST_PRESENT != 0 {
        for _ in 0..count {
            let tunnel_type = body.u32()?;
            let count = usize::from(body.u16()?);
            let mut list = body.sub(4 * count, "soft-sync channel list")?;
            let mut channels = Vec::with_capacity(count);
            while !list.is_empty() {
                channels.push(DynamicChannelId(list.u32()?));
            }
            tunnels.push(SoftSyncTunnel {
                tunnel_type,
                channels,
            });
        }
    }
    Ok(DynamicPdu::SoftSyncRequest { flags, tunnels })
}

fn read_name(cursor: &mut Cursor<'_>) -> DecodeResult<String> {
    let rest = cursor.rest();
    let end = rest.iter().position(|&b| b == 0).unwrap_or(rest.len());
    if end > NAME_LIMIT {
        return Err(DecodeError::TooLarge {
            context: cursor.context(),
            field: "channel name length",
            value: end as u64,
            limit: NAME_LIMIT as u64,
        });
    }
    Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
}

/// A number of 1, 2 or 4 bytes.
fn read_sized(cursor: &mut Cursor<'_>, width: u8) -> DecodeResult<u32> {
    match width {
        0 => cursor.u8().map(u32::from),
        1 => cursor.u16().map(u32::from),
        2 => cursor.u32(),
        _ => Err(DecodeError::invalid(
            cursor.context(),
            "width of a number",
            width,
        )),
    }
}

fn width_code(value: u32) -> u8 {
    match value {
        0..=0xff => 0,
        0x100..=0xffff => 1,
        _ => 2,
    }
}

fn put_sized(out: &mut Vec<u8>, value: u32) {
    let bytes = value.to_le_bytes();
    out.put(&bytes[..1 << width_code(value)]);
}

fn put_header(out: &mut Vec<u8>, command: u8, middle: u8, channel: DynamicChannelId) {
    out.put_u8(command << 4 | middle << 2 | width_code(channel.0));
    put_sized(out, channel.0);
}

/// Cuts `message` into PDUs of at most [`PDU_LENGTH`] bytes (`[MS-RDPEDYC] 3.1.5.1`).
pub(super) fn write_message(
    channel: DynamicChannelId,
    message: &[u8],
    mut emit: impl FnMut(Vec<u8>),
) {
    /// Messages up to this length travel in one Data PDU.
    const SINGLE_LENGTH: usize = 1590;
    let channel_header = 1 + (1 << width_code(channel.0));
    let mut rest = message;
    if message.len() > SINGLE_LENGTH {
        // Messages are in memory and made by this process, far below 4 GiB.
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let header = channel_header + (1 << width_code(length));
        let (data, tail) = message.split_at((PDU_LENGTH - header).min(message.len()));
        rest = tail;
        let first = DynamicPdu::DataFirst {
            channel,
            length,
            is_compressed: false,
            data,
        };
        emit(first.to_vec());
        if rest.is_empty() {
            return;
        }
    }
    loop {
        let (data, tail) = rest.split_at((PDU_LENGTH - channel_header).min(rest.len()));
        rest = tail;
        let next = DynamicPdu::Data {
            channel,
            is_compressed: false,
            data,
        };
        emit(next.to_vec());
        if rest.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_width_of_three_and_an_unknown_command_are_refused() {
        assert!(DynamicPdu::decode_from_server(&[0x33, 1, 2, 3, 4, 5]).is_err());
        assert!(DynamicPdu::decode_from_server(&[0x2c, 1, 2, 3, 4, 5]).is_err());
        assert!(DynamicPdu::decode_from_server(&[0xa0, 0, 0]).is_err());
        assert!(DynamicPdu::decode_from_server(&[]).is_err());
    }

    #[test]
    fn a_soft_sync_list_longer_than_its_pdu_is_refused_without_allocating() {
        let mut message = vec![0x90, 0];
        message.put_u32(u32::MAX);
        assert!(DynamicPdu::decode_from_client(&message).is_err());
    }

    fn any_channel() -> impl Strategy<Value = DynamicChannelId> {
        prop_oneof![0_u32..300, 0xff00_u32..0x1_0100, any::<u32>()].prop_map(DynamicChannelId)
    }

    proptest! {
        #[test]
        fn data_round_trips(
            channel in any_channel(), length in any::<u32>(), is_compressed: bool,
            data in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let first = DynamicPdu::DataFirst { channel, length, is_compressed, data: &data };
            let bytes = first.to_vec();
            prop_assert_eq!(&DynamicPdu::decode_from_server(&bytes).unwrap(), &first);
            let next = DynamicPdu::Data { channel, is_compressed, data: &data };
            let bytes = next.to_vec();
            prop_assert_eq!(&DynamicPdu::decode_from_client(&bytes).unwrap(), &next);
        }

        #[test]
        fn control_round_trips(
            channel in any_channel(), version in 1_u16..4, status: i32, priority in 0_u8..4,
            charges: [u16; 4], name in "[A-Za-z:]{0,60}", tunnel_type: u32,
            ids in proptest::collection::vec(any::<u32>(), 0..9),
        ) {
            let server = [
                DynamicPdu::CapabilitiesRequest {
                    version,
                    priority_charges: (version > 1).then_some(charges),
                },
                DynamicPdu::CreateRequest { channel, priority, name },
                DynamicPdu::Close { channel },
                DynamicPdu::SoftSyncRequest {
                    flags: 3,
                    tunnels: vec![SoftSyncTunnel {
                        tunnel_type,
                        channels: ids.iter().copied().map(DynamicChannelId).collect(),
                    }],
                },
            ];
            for pdu in server {
                let bytes = pdu.to_vec();
            prop_assert_eq!(&DynamicPdu::decode_from_server(&bytes).unwrap(), &pdu);
            }
            let client = [
                DynamicPdu::CapabilitiesResponse { version },
                DynamicPdu::CreateResponse { channel, status },
                DynamicPdu::SoftSyncResponse { tunnels: ids },
            ];
            for pdu in client {
                let bytes = pdu.to_vec();
            prop_assert_eq!(&DynamicPdu::decode_from_client(&bytes).unwrap(), &pdu);
            }
        }

        #[test]
        fn random_bytes_never_panic(message in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = DynamicPdu::decode_from_server(&message);
            let _ = DynamicPdu::decode_from_client(&message);
        }

        #[test]
        fn no_pdu_of_a_message_is_longer_than_allowed(
            channel in any_channel(), length in 0_usize..8000,
        ) {
            let mut total = 0;
            write_message(channel, &vec![1; length], |pdu| {
                assert!(pdu.len() <= PDU_LENGTH);
                total += match DynamicPdu::decode_from_server(&pdu).unwrap() {
                    DynamicPdu::Data { data, .. } | DynamicPdu::DataFirst { data, .. } => data.len(),
                    _ => 0,
                };
            });
            prop_assert_eq!(total, length);
        }
    }
}
