//! MCS domain PDUs (`[T125]` sections 11.8 to 11.33, `[MS-RDPBCGR] 2.2.1.5` to `2.2.1.9`).

use super::per;
use crate::wire::{Cursor, DecodeError, DecodeResult, WriteWire};

/// A channel's number. The I/O channel is 1003 with every known server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub u16);

/// A user's number, which is the number of a channel of its own, too; 1001 and up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub u16);

impl UserId {
    const LEAST: u16 = 1001;

    /// The initiator of what servers send.
    pub const SERVER: Self = Self(1002);

    /// The channel that only this user receives.
    pub const fn channel(self) -> ChannelId {
        ChannelId(self.0)
    }

    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        per::read_u16_from(cursor, Self::LEAST, "initiator").map(Self)
    }

    fn encode(self, out: &mut Vec<u8>) {
        per::write_u16_from(out, self.0, Self::LEAST);
    }
}

/// `Result` (`[T125]` section 7, part 1), 0 to 15; 0 is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct McsResult(pub u8);

impl McsResult {
    /// `rt-successful`.
    pub const SUCCESSFUL: Self = Self(0);
    /// `rt-no-such-channel`.
    pub const NO_SUCH_CHANNEL: Self = Self(7);
}

/// `Reason` (`[T125]` section 7, part 1), 0 to 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DisconnectReason(pub u8);

impl DisconnectReason {
    /// `rn-domain-disconnected`.
    pub const DOMAIN_DISCONNECTED: Self = Self(0);
    /// `rn-provider-initiated`.
    pub const PROVIDER_INITIATED: Self = Self(1);
    /// `rn-user-requested`.
    pub const USER_REQUESTED: Self = Self(3);
}

const CHOICE_ERECT_DOMAIN_REQUEST: u8 = 1;
const CHOICE_DISCONNECT_PROVIDER_ULTIMATUM: u8 = 8;
const CHOICE_ATTACH_USER_REQUEST: u8 = 10;
const CHOICE_ATTACH_USER_CONFIRM: u8 = 11;
const CHOICE_CHANNEL_JOIN_REQUEST: u8 = 14;
const CHOICE_CHANNEL_JOIN_CONFIRM: u8 = 15;
const CHOICE_SEND_DATA_REQUEST: u8 = 25;
const CHOICE_SEND_DATA_INDICATION: u8 = 26;

/// Data priority high, segmentation begin and end.
const PRIORITY_AND_SEGMENTATION: u8 = 0x70;

/// A domain PDU; data is borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainPdu<'a> {
    /// The client's place in the tree of providers, which is the top one.
    ErectDomainRequest {
        /// Height.
        sub_height: u32,
        /// Interval.
        sub_interval: u32,
    },
    /// A peer leaves.
    DisconnectProviderUltimatum(DisconnectReason),
    /// The client asks for a user id.
    AttachUserRequest,
    /// The server gives one.
    AttachUserConfirm {
        /// Success or why not.
        result: McsResult,
        /// The user id, on success.
        initiator: Option<UserId>,
    },
    /// The client wants to receive a channel.
    ChannelJoinRequest {
        /// The client.
        initiator: UserId,
        /// The channel.
        channel: ChannelId,
    },
    /// The server's answer.
    ChannelJoinConfirm {
        /// Success or why not.
        result: McsResult,
        /// The client.
        initiator: UserId,
        /// The channel that was asked for.
        requested: ChannelId,
        /// The channel that was joined, on success.
        channel: Option<ChannelId>,
    },
    /// Data from the client, at most 32767 bytes.
    SendDataRequest {
        /// The client.
        initiator: UserId,
        /// On which channel.
        channel: ChannelId,
        /// The data.
        data: &'a [u8],
    },
    /// Data from the server, at most 32767 bytes.
    SendDataIndication {
        /// Who sent it.
        initiator: UserId,
        /// On which channel.
        channel: ChannelId,
        /// The data.
        data: &'a [u8],
    },
}

impl<'a> DomainPdu<'a> {
    /// Most bytes of the data of a send data PDU.
    pub const MAX_DATA_BYTES: usize = per::MAX_LENGTH;

    /// A name for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ErectDomainRequest { .. } => "MCS erect domain request",
            Self::DisconnectProviderUltimatum(_) => "MCS disconnect provider ultimatum",
            Self::AttachUserRequest => "MCS attach user request",
            Self::AttachUserConfirm { .. } => "MCS attach user confirm",
            Self::ChannelJoinRequest { .. } => "MCS channel join request",
            Self::ChannelJoinConfirm { .. } => "MCS channel join confirm",
            Self::SendDataRequest { .. } => "MCS send data request",
            Self::SendDataIndication { .. } => "MCS send data indication",
        }
    }

    /// Reads the PDU at the cursor.
    pub fn decode(cursor: &mut Cursor<'a>) -> DecodeResult<Self> {
        cursor.set_context("MCS domain PDU");
        let first = cursor.u8()?;
        // Six bits of choice; the low two belong to what follows.
        Ok(match first >> 2 {
            CHOICE_ERECT_DOMAIN_REQUEST => Self::ErectDomainRequest {
                sub_height: per::read_integer(cursor)?,
                sub_interval: per::read_integer(cursor)?,
            },
            CHOICE_DISCONNECT_PROVIDER_ULTIMATUM => {
                // Three bits, which straddle the byte's end.
                let second = cursor.u8()?;
                Self::DisconnectProviderUltimatum(DisconnectReason(
                    (first & 0x03) << 1 | second >> 7,
                ))
            }
            CHOICE_ATTACH_USER_REQUEST => Self::AttachUserRequest,
            CHOICE_ATTACH_USER_CONFIRM => {
                let result = McsResult(Self::straddling_result(first, cursor)?);
                Self::AttachUserConfirm {
                    result,
                    initiator: if first & 0x02 != 0 {
                        Some(UserId::decode(cursor)?)
                    } else {
                        None
                    },
                }
            }
            CHOICE_CHANNEL_JOIN_REQUEST => Self::ChannelJoinRequest {
                initiator: UserId::decode(cursor)?,
                channel: ChannelId(cursor.u16_be()?),
            },
            CHOICE_CHANNEL_JOIN_CONFIRM => Self::ChannelJoinConfirm {
                result: McsResult(Self::straddling_result(first, cursor)?),
                initiator: UserId::decode(cursor)?,
                requested: ChannelId(cursor.u16_be()?),
                channel: if first & 0x02 != 0 {
                    Some(ChannelId(cursor.u16_be()?))
                } else {
                    None
                },
            },
            CHOICE_SEND_DATA_REQUEST => {
                let (initiator, channel, data) = Self::decode_data(cursor)?;
                Self::SendDataRequest {
                    initiator,
                    channel,
                    data,
                }
            }
            CHOICE_SEND_DATA_INDICATION => {
                let (initiator, channel, data) = Self::decode_data(cursor)?;
                Self::SendDataIndication {
                    initiator,
                    channel,
                    data,
                }
            }
            choice => {
                return Err(DecodeError::invalid("MCS domain PDU", "choice", choice));
            }
        })
    }

    /// Four bits of result: behind choice (6) and presence (1) lies one, in the next byte three.
    fn straddling_result(first: u8, cursor: &mut Cursor<'_>) -> DecodeResult<u8> {
        Ok((first & 0x01) << 3 | cursor.u8()? >> 5)
    }

    fn decode_data(cursor: &mut Cursor<'a>) -> DecodeResult<(UserId, ChannelId, &'a [u8])> {
        let initiator = UserId::decode(cursor)?;
        let channel = ChannelId(cursor.u16_be()?);
        cursor.skip(1)?; // priority and segmentation
        let length = per::read_length(cursor)?;
        Ok((initiator, channel, cursor.take(length)?))
    }

    /// Appends the PDU.
    ///
    /// # Panics
    ///
    /// Where data is over [`DomainPdu::MAX_DATA_BYTES`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::ErectDomainRequest {
                sub_height,
                sub_interval,
            } => {
                out.put_u8(CHOICE_ERECT_DOMAIN_REQUEST << 2);
                per::write_integer(out, sub_height);
                per::write_integer(out, sub_interval);
            }
            Self::DisconnectProviderUltimatum(DisconnectReason(reason)) => {
                out.put_u8(CHOICE_DISCONNECT_PROVIDER_ULTIMATUM << 2 | reason >> 1 & 0x03);
                out.put_u8(reason << 7);
            }
            Self::AttachUserRequest => out.put_u8(CHOICE_ATTACH_USER_REQUEST << 2),
            Self::AttachUserConfirm { result, initiator } => {
                Self::encode_result(out, CHOICE_ATTACH_USER_CONFIRM, initiator.is_some(), result);
                if let Some(initiator) = initiator {
                    initiator.encode(out);
                }
            }
            Self::ChannelJoinRequest { initiator, channel } => {
                out.put_u8(CHOICE_CHANNEL_JOIN_REQUEST << 2);
                initiator.encode(out);
                out.put_u16_be(channel.0);
            }
            Self::ChannelJoinConfirm {
                result,
                initiator,
                requested,
                channel,
            } => {
                Self::encode_result(out, CHOICE_CHANNEL_JOIN_CONFIRM, channel.is_some(), result);
                initiator.encode(out);
                out.put_u16_be(requested.0);
                if let Some(channel) = channel {
                    out.put_u16_be(channel.0);
                }
            }
            Self::SendDataRequest {
                initiator,
                channel,
                data,
            } => Self::encode_data(out, CHOICE_SEND_DATA_REQUEST, initiator, channel, data),
            Self::SendDataIndication {
                initiator,
                channel,
                data,
            } => Self::encode_data(out, CHOICE_SEND_DATA_INDICATION, initiator, channel, data),
        }
    }

    fn encode_result(out: &mut Vec<u8>, choice: u8, is_present: bool, result: McsResult) {
        out.put_u8(choice << 2 | u8::from(is_present) << 1 | result.0 >> 3 & 0x01);
        out.put_u8(result.0 << 5);
    }

    fn encode_data(
        out: &mut Vec<u8>,
        choice: u8,
        initiator: UserId,
        channel: ChannelId,
        data: &[u8],
    ) {
        out.put_u8(choice << 2);
        initiator.encode(out);
        out.put_u16_be(channel.0);
        out.put_u8(PRIORITY_AND_SEGMENTATION);
        per::write_length(out, data.len());
        out.put(data);
    }

    /// The PDU in a buffer of its own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn domain_pdus_round_trip(
            number in 1001u16..,
            channel: u16,
            joined in prop::option::of(any::<u16>()),
            result in 0u8..16,
            reason in 0u8..8,
            sub_height: u32,
            sub_interval: u32,
            data in prop::collection::vec(any::<u8>(), 0..20_000),
        ) {
            let initiator = UserId(number);
            let channel = ChannelId(channel);
            for pdu in [
                DomainPdu::ErectDomainRequest { sub_height, sub_interval },
                DomainPdu::DisconnectProviderUltimatum(DisconnectReason(reason)),
                DomainPdu::AttachUserRequest,
                DomainPdu::AttachUserConfirm {
                    result: McsResult(result),
                    initiator: joined.map(|_| initiator),
                },
                DomainPdu::ChannelJoinRequest { initiator, channel },
                DomainPdu::ChannelJoinConfirm {
                    result: McsResult(result),
                    initiator,
                    requested: channel,
                    channel: joined.map(ChannelId),
                },
                DomainPdu::SendDataRequest { initiator, channel, data: &data },
                DomainPdu::SendDataIndication { initiator, channel, data: &data },
            ] {
                let bytes = pdu.to_vec();
                let mut cursor = Cursor::new(&bytes, "test");
                prop_assert_eq!(DomainPdu::decode(&mut cursor), Ok(pdu));
                prop_assert!(cursor.is_empty());
            }
        }

        #[test]
        fn random_bytes_do_not_panic(data in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = DomainPdu::decode(&mut Cursor::new(&data, "test"));
        }
    }
}
