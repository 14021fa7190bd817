//! The offer of a second, UDP transport (`[MS-RDPBCGR] 2.2.15`), and the two PDUs that would open
//! it (`[MS-RDPEMT] 2.2.2`).

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire};

/// How a transport treats loss (`requestedProtocol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportKind {
    /// Lost packets are sent again.
    Reliable,
    /// Lost packets are lost.
    Lossy,
    /// Something that the specification does not list.
    Unknown(u16),
}

impl TransportKind {
    fn from_wire(value: u16) -> Self {
        match value {
            1 => Self::Reliable,
            2 => Self::Lossy,
            other => Self::Unknown(other),
        }
    }

    fn to_wire(self) -> u16 {
        match self {
            Self::Reliable => 1,
            Self::Lossy => 2,
            Self::Unknown(other) => other,
        }
    }
}

/// What ties a UDP transport to its TCP connection. Wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SecurityCookie(pub [u8; 16]);

impl std::fmt::Debug for SecurityCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecurityCookie(..)")
    }
}

/// The server offers a transport (`[MS-RDPBCGR] 2.2.15.1`). Follows a security header with
/// [`crate::security::SecurityFlags::TRANSPORT_REQ`] on the message channel.
///
/// A server may wait for the answer before it goes on, for seconds: always answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitiateMultitransportRequest {
    /// To be repeated in the answer.
    pub request_id: u32,
    /// Which transport.
    pub kind: TransportKind,
    /// To be presented on the transport.
    pub cookie: SecurityCookie,
}

impl Pdu for InitiateMultitransportRequest {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("initiate multitransport request");
        let request_id = cursor.u32()?;
        let kind = TransportKind::from_wire(cursor.u16()?);
        cursor.skip(2)?;
        Ok(Self {
            request_id,
            kind,
            cookie: SecurityCookie(cursor.array()?),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.request_id);
        out.put_u16(self.kind.to_wire());
        out.put_zeros(2);
        out.put(&self.cookie.0);
    }
}

/// The client's answer (`[MS-RDPBCGR] 2.2.15.2`). Follows a security header with
/// [`crate::security::SecurityFlags::TRANSPORT_RSP`] on the message channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitiateMultitransportResponse {
    /// The request's.
    pub request_id: u32,
    /// An HRESULT: [`Self::ACCEPTED`] or [`Self::DECLINED`].
    pub result: u32,
}

impl InitiateMultitransportResponse {
    /// `S_OK`: the transport stands. Only where the server can do soft-sync.
    pub const ACCEPTED: u32 = 0;
    /// `E_ABORT`: there will be no such transport.
    pub const DECLINED: u32 = 0x8000_4004;

    /// The answer that stays on TCP.
    pub fn decline(request: &InitiateMultitransportRequest) -> Self {
        Self {
            request_id: request.request_id,
            result: Self::DECLINED,
        }
    }
}

impl Pdu for InitiateMultitransportResponse {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("initiate multitransport response");
        Ok(Self {
            request_id: cursor.u32()?,
            result: cursor.u32()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.request_id);
        out.put_u32(self.result);
    }
}

/// What travels in a tunnel over the second transport (`RDP_TUNNEL_HEADER`,
/// `[MS-RDPEMT] 2.2.1.1`), sub-headers left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TunnelPdu {
    /// The client presents the cookie (`RDP_TUNNEL_CREATEREQUEST`, `[MS-RDPEMT] 2.2.2.1`).
    CreateRequest {
        /// From the offer.
        request_id: u32,
        /// From the offer.
        cookie: SecurityCookie,
    },
    /// The server's answer (`RDP_TUNNEL_CREATERESPONSE`, `[MS-RDPEMT] 2.2.2.2`): an HRESULT.
    CreateResponse(u32),
    /// Data of dynamic channels (`RDP_TUNNEL_DATA`, `[MS-RDPEMT] 2.2.2.3`).
    Data(Vec<u8>),
}

/// Bytes of a tunnel header without sub-headers: action and flags, payload length, own length.
const TUNNEL_HEADER_BYTES: u8 = 1 + 2 + 1;

impl Pdu for TunnelPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "tunnel PDU";
        cursor.set_context(CONTEXT);
        let action = cursor.u8()? & 0xf;
        let payload_bytes = cursor.u16()?;
        let header_bytes = cursor.u8()?;
        let Some(sub_headers) = header_bytes.checked_sub(TUNNEL_HEADER_BYTES) else {
            return Err(DecodeError::invalid(CONTEXT, "HeaderLength", header_bytes));
        };
        cursor.skip(sub_headers.into())?;
        let mut payload = cursor.sub(payload_bytes.into(), CONTEXT)?;
        Ok(match action {
            0 => {
                let request_id = payload.u32()?;
                payload.skip(4)?;
                Self::CreateRequest {
                    request_id,
                    cookie: SecurityCookie(payload.array()?),
                }
            }
            1 => Self::CreateResponse(payload.u32()?),
            2 => Self::Data(payload.rest().to_vec()),
            other => return Err(DecodeError::invalid(CONTEXT, "Action", other)),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut payload = Vec::new();
        let action = match self {
            Self::CreateRequest { request_id, cookie } => {
                payload.put_u32(*request_id);
                payload.put_zeros(4);
                payload.put(&cookie.0);
                0
            }
            Self::CreateResponse(result) => {
                payload.put_u32(*result);
                1
            }
            Self::Data(data) => {
                payload.put(data);
                2
            }
        };
        out.put_u8(action);
        out.put_u16(u16::try_from(payload.len()).unwrap_or(u16::MAX));
        out.put_u8(TUNNEL_HEADER_BYTES);
        out.put(&payload);
    }
}
