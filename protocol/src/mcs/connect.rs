//! MCS connect-initial and connect-response (`[T125]` sections 11.1 and 11.2, `[MS-RDPBCGR]`
//! 2.2.1.3 and 2.2.1.4).

use super::ber::{self, IntegerForm};
use crate::wire::{Cursor, DecodeResult, Pdu, WriteWire};

const APPLICATION_CONNECT_INITIAL: u8 = 101;
const APPLICATION_CONNECT_RESPONSE: u8 = 102;

/// Limits of a domain (`[T125]` section 7, part 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainParameters {
    /// Most channels in use at a time.
    pub max_channel_ids: u32,
    /// Most users.
    pub max_user_ids: u32,
    /// Most tokens; RDP uses none.
    pub max_token_ids: u32,
    /// Priorities.
    pub num_priorities: u32,
    /// Octets a second that are enforced.
    pub min_throughput: u32,
    /// Most providers above each other.
    pub max_height: u32,
    /// Most octets of an MCS PDU.
    pub max_mcs_pdu_size: u32,
    /// Version of the protocol: 2.
    pub protocol_version: u32,
}

impl DomainParameters {
    /// What RDP clients ask for.
    pub const TARGET: Self = Self {
        max_channel_ids: 34,
        max_user_ids: 2,
        max_token_ids: 0,
        num_priorities: 1,
        min_throughput: 0,
        max_height: 1,
        max_mcs_pdu_size: 65535,
        protocol_version: 2,
    };

    /// The least that RDP clients can live with.
    pub const MINIMUM: Self = Self {
        max_channel_ids: 1,
        max_user_ids: 1,
        max_token_ids: 1,
        max_mcs_pdu_size: 1056,
        ..Self::TARGET
    };

    /// The most that RDP clients can live with.
    pub const MAXIMUM: Self = Self {
        max_channel_ids: 65535,
        max_user_ids: 64535,
        max_token_ids: 65535,
        ..Self::TARGET
    };

    /// What RDP servers answer.
    pub const SERVER: Self = Self {
        max_user_ids: 3,
        max_mcs_pdu_size: 65528,
        ..Self::TARGET
    };

    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        let mut body = ber::read_value(cursor, ber::TAG_SEQUENCE, "MCS domain parameters")?;
        let mut next = || ber::read_unsigned(&mut body, ber::TAG_INTEGER);
        Ok(Self {
            max_channel_ids: next()?,
            max_user_ids: next()?,
            max_token_ids: next()?,
            num_priorities: next()?,
            min_throughput: next()?,
            max_height: next()?,
            max_mcs_pdu_size: next()?,
            protocol_version: next()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>, form: IntegerForm) {
        let mut body = Vec::new();
        for value in [
            self.max_channel_ids,
            self.max_user_ids,
            self.max_token_ids,
            self.num_priorities,
            self.min_throughput,
            self.max_height,
            self.max_mcs_pdu_size,
            self.protocol_version,
        ] {
            ber::write_unsigned(&mut body, ber::TAG_INTEGER, value, form);
        }
        ber::write_value(out, ber::TAG_SEQUENCE, &body);
    }
}

/// The client's first MCS PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectInitial {
    /// What the client wants.
    pub target: DomainParameters,
    /// The least that it takes.
    pub minimum: DomainParameters,
    /// The most that it takes.
    pub maximum: DomainParameters,
    /// The GCC conference create request.
    pub user_data: Vec<u8>,
}

impl ConnectInitial {
    /// With the domain parameters that RDP clients send.
    pub fn new(user_data: Vec<u8>) -> Self {
        Self {
            target: DomainParameters::TARGET,
            minimum: DomainParameters::MINIMUM,
            maximum: DomainParameters::MAXIMUM,
            user_data,
        }
    }
}

impl Pdu for ConnectInitial {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "MCS connect initial";
        let mut body = ber::read_application(cursor, APPLICATION_CONNECT_INITIAL, CONTEXT)?;
        ber::read_octets(&mut body, CONTEXT)?; // calling domain selector
        ber::read_octets(&mut body, CONTEXT)?; // called domain selector
        ber::read_value(&mut body, ber::TAG_BOOLEAN, CONTEXT)?; // upward
        Ok(Self {
            target: DomainParameters::decode(&mut body)?,
            minimum: DomainParameters::decode(&mut body)?,
            maximum: DomainParameters::decode(&mut body)?,
            user_data: ber::read_octets(&mut body, CONTEXT)?.to_vec(),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(self.user_data.len() + 128);
        ber::write_value(&mut body, ber::TAG_OCTET_STRING, &[1]);
        ber::write_value(&mut body, ber::TAG_OCTET_STRING, &[1]);
        ber::write_value(&mut body, ber::TAG_BOOLEAN, &[0xff]);
        for parameters in [&self.target, &self.minimum, &self.maximum] {
            parameters.encode(&mut body, IntegerForm::Bare);
        }
        ber::write_value(&mut body, ber::TAG_OCTET_STRING, &self.user_data);
        ber::write_application(out, APPLICATION_CONNECT_INITIAL, &body);
    }
}

/// `Result` of a connect-response (`[T125]` section 7, part 1); 0 is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectResult(pub u8);

impl ConnectResult {
    /// `rt-successful`.
    pub const SUCCESSFUL: Self = Self(0);
}

/// The server's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectResponse {
    /// Success or why not.
    pub result: ConnectResult,
    /// Id of the connection, without use.
    pub called_connect_id: u32,
    /// What holds.
    pub parameters: DomainParameters,
    /// The GCC conference create response.
    pub user_data: Vec<u8>,
}

impl ConnectResponse {
    /// Success, with the domain parameters that RDP servers send.
    pub fn new(user_data: Vec<u8>) -> Self {
        Self {
            result: ConnectResult::SUCCESSFUL,
            called_connect_id: 0,
            parameters: DomainParameters::SERVER,
            user_data,
        }
    }
}

impl Pdu for ConnectResponse {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "MCS connect response";
        let mut body = ber::read_application(cursor, APPLICATION_CONNECT_RESPONSE, CONTEXT)?;
        let result = ber::read_value(&mut body, ber::TAG_ENUMERATED, CONTEXT)?.u8()?;
        Ok(Self {
            result: ConnectResult(result),
            called_connect_id: ber::read_unsigned(&mut body, ber::TAG_INTEGER)?,
            parameters: DomainParameters::decode(&mut body)?,
            user_data: ber::read_octets(&mut body, CONTEXT)?.to_vec(),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(self.user_data.len() + 64);
        body.put(&[ber::TAG_ENUMERATED, 1, self.result.0]);
        ber::write_unsigned(
            &mut body,
            ber::TAG_INTEGER,
            self.called_connect_id,
            IntegerForm::Signed,
        );
        self.parameters.encode(&mut body, IntegerForm::Signed);
        ber::write_value(&mut body, ber::TAG_OCTET_STRING, &self.user_data);
        ber::write_application(out, APPLICATION_CONNECT_RESPONSE, &body);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parameters() -> impl Strategy<Value = DomainParameters> {
        any::<[u32; 8]>().prop_map(|[a, b, c, d, e, f, g, h]| DomainParameters {
            max_channel_ids: a,
            max_user_ids: b,
            max_token_ids: c,
            num_priorities: d,
            min_throughput: e,
            max_height: f,
            max_mcs_pdu_size: g,
            protocol_version: h,
        })
    }

    proptest! {
        #[test]
        fn connect_pdus_round_trip(
            target in parameters(),
            minimum in parameters(),
            maximum in parameters(),
            result: u8,
            called_connect_id: u32,
            user_data in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let initial = ConnectInitial { target, minimum, maximum, user_data: user_data.clone() };
            let bytes = initial.to_vec();
            prop_assert_eq!(ConnectInitial::decode(&mut Cursor::new(&bytes, "test")), Ok(initial));
            let response = ConnectResponse {
                result: ConnectResult(result),
                called_connect_id,
                parameters: target,
                user_data,
            };
            let bytes = response.to_vec();
            prop_assert_eq!(ConnectResponse::decode(&mut Cursor::new(&bytes, "test")), Ok(response));
        }

        #[test]
        fn mutated_connect_pdus_do_not_panic(at in 0usize..200, with: u8, end in 0usize..200) {
            for mut bytes in [ConnectInitial::new(vec![7; 90]).to_vec(), ConnectResponse::new(vec![7; 90]).to_vec()] {
                let length = bytes.len();
                bytes[at % length] = with;
                bytes.truncate(end.max(1));
                let _ = ConnectInitial::decode(&mut Cursor::new(&bytes, "test"));
                let _ = ConnectResponse::decode(&mut Cursor::new(&bytes, "test"));
            }
        }
    }
}
