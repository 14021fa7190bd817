//! X.224 class 0 and RDP's negotiation inside it (`[MS-RDPBCGR] 2.2.1.1`, `2.2.1.2`; `[X224]`
//! sections 13.3 to 13.7).
//!
//! All of it is what a TPKT frame holds; see [`crate::framing`].

use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire};

const CODE_CONNECTION_REQUEST: u8 = 0xe0;
const CODE_CONNECTION_CONFIRM: u8 = 0xd0;
const CODE_DISCONNECT_REQUEST: u8 = 0x80;
const CODE_DATA: u8 = 0xf0;

/// A data TPDU's header: two more bytes, code, end of transmission.
pub const DATA_HEADER: [u8; 3] = [2, CODE_DATA, 0x80];

/// Most bytes of a cookie or routing token: the TPDU's length indicator has one byte, which also
/// counts the 6 fixed bytes, the line's end, negotiation request (8) and correlation info (36).
const MAX_ROUTING_BYTES: usize = 255 - 6 - 2 - 8 - 36;

const TYPE_NEGOTIATION_REQUEST: u8 = 1;
const TYPE_NEGOTIATION_RESPONSE: u8 = 2;
const TYPE_NEGOTIATION_FAILURE: u8 = 3;
const TYPE_CORRELATION_INFO: u8 = 6;

const NEGOTIATION_BYTES: u16 = 8;
const CORRELATION_BYTES: u16 = 36;

bitflags::bitflags! {
    /// Security protocols (`requestedProtocols`, `selectedProtocol`). No bit is standard RDP
    /// security.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct SecurityProtocols: u32 {
        /// TLS.
        const TLS = 0x01;
        /// CredSSP.
        const HYBRID = 0x02;
        /// RDSTLS.
        const RDSTLS = 0x04;
        /// CredSSP with the early user authorization result.
        const HYBRID_EX = 0x08;
        /// Sign-in by Entra ID.
        const RDSAAD = 0x10;

        const _ = !0;
    }

    /// Flags of a negotiation request.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct NegotiationRequestFlags: u8 {
        /// Restricted admin mode.
        const RESTRICTED_ADMIN_MODE_REQUIRED = 0x01;
        /// Remote credential guard.
        const REDIRECTED_AUTHENTICATION_MODE_REQUIRED = 0x02;
        /// Correlation info follows. Set by the encoder where there is one.
        const CORRELATION_INFO_PRESENT = 0x08;

        const _ = !0;
    }

    /// Flags of a negotiation response.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct NegotiationResponseFlags: u8 {
        /// Extended client data blocks are understood.
        const EXTENDED_CLIENT_DATA_SUPPORTED = 0x01;
        /// The graphics pipeline is supported.
        const DYNVC_GFX_PROTOCOL_SUPPORTED = 0x02;
        /// Reserved.
        const RESERVED = 0x04;
        /// Restricted admin mode is supported.
        const RESTRICTED_ADMIN_MODE_SUPPORTED = 0x08;
        /// Remote credential guard is supported.
        const REDIRECTED_AUTHENTICATION_MODE_SUPPORTED = 0x10;

        const _ = !0;
    }
}

/// Why a server refuses to negotiate (`RDP_NEG_FAILURE`, `[MS-RDPBCGR] 2.2.1.2.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NegotiationFailure(pub u32);

impl NegotiationFailure {
    /// The server wants TLS (or only TLS, where only CredSSP was asked for).
    pub const SSL_REQUIRED: Self = Self(1);
    /// The server has standard RDP security alone.
    pub const SSL_NOT_ALLOWED: Self = Self(2);
    /// The server has no certificate.
    pub const SSL_CERT_NOT_ON_SERVER: Self = Self(3);
    /// The request contradicts the protection in effect.
    pub const INCONSISTENT_FLAGS: Self = Self(4);
    /// The server wants CredSSP.
    pub const HYBRID_REQUIRED: Self = Self(5);
    /// The server wants TLS with a client certificate.
    pub const SSL_WITH_USER_AUTH_REQUIRED: Self = Self(6);

    /// The specification's name.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "SSL_REQUIRED_BY_SERVER",
            2 => "SSL_NOT_ALLOWED_BY_SERVER",
            3 => "SSL_CERT_NOT_ON_SERVER",
            4 => "INCONSISTENT_FLAGS",
            5 => "HYBRID_REQUIRED_BY_SERVER",
            6 => "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
            _ => return None,
        })
    }
}

impl std::fmt::Display for NegotiationFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            1 => "the server requires TLS",
            2 => "the server only offers RDP Standard Security",
            3 => "the server has no certificate",
            4 => "the requested security contradicts the one in effect",
            5 => "the server requires Network Level Authentication",
            6 => "the server requires a client certificate",
            code => return write!(f, "the server refused with the unknown code {code}"),
        })
    }
}

/// What a load balancer in front of the server looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routing {
    /// `Cookie: mstshash=` and this name.
    Cookie(String),
    /// Any other line, verbatim, without its CR LF. The encoder drops a CR LF at its end.
    Token(Vec<u8>),
}

const COOKIE_PREFIX: &[u8] = b"Cookie: mstshash=";

impl Routing {
    fn decode(line: &[u8]) -> Self {
        match line.strip_prefix(COOKIE_PREFIX).map(std::str::from_utf8) {
            Some(Ok(name)) => Self::Cookie(name.to_owned()),
            _ => Self::Token(line.to_vec()),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let (prefix, line): (&[u8], &[u8]) = match self {
            Self::Cookie(name) => (COOKIE_PREFIX, name.as_bytes()),
            Self::Token(token) => (&[], token.strip_suffix(b"\r\n").unwrap_or(token)),
        };
        out.put(prefix);
        out.put(&line[..line.len().min(MAX_ROUTING_BYTES - prefix.len())]);
        out.put(b"\r\n");
    }
}

/// `RDP_NEG_REQ` (`[MS-RDPBCGR] 2.2.1.1.1`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NegotiationRequest {
    /// Flags.
    pub flags: NegotiationRequestFlags,
    /// Protocols that the client can do.
    pub protocols: SecurityProtocols,
}

/// The TPDU that opens a connection (`[MS-RDPBCGR] 2.2.1.1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionRequest {
    /// Cookie or routing token.
    pub routing: Option<Routing>,
    /// Security protocols on offer; `None` is a client from before they existed.
    pub negotiation: Option<NegotiationRequest>,
    /// Id under which the server's diagnostics file the connection (`2.2.1.1.2`). Only with
    /// `negotiation`.
    pub correlation_id: Option<[u8; 16]>,
}

impl Pdu for ConnectionRequest {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        let mut body = tpdu(cursor, CODE_CONNECTION_REQUEST, "X.224 connection request")?;
        body.skip(5)?; // destination and source reference, class
        let mut request = Self::default();
        // The negotiation request starts with a byte of 1, which opens no cookie or token.
        if body.peek_u8().is_ok_and(|byte| byte >= 0x20) {
            let rest = body.peek_rest();
            let end =
                rest.windows(2)
                    .position(|pair| pair == b"\r\n")
                    .ok_or(DecodeError::Truncated {
                        context: body.context(),
                        needed: rest.len() + 2,
                        left: rest.len(),
                    })?;
            request.routing = Some(Routing::decode(body.take(end)?));
            body.skip(2)?;
        }
        while body.left() >= usize::from(NEGOTIATION_BYTES) {
            let mut item = negotiation_item(&mut body)?;
            match item.kind {
                TYPE_NEGOTIATION_REQUEST => {
                    request.negotiation = Some(NegotiationRequest {
                        flags: NegotiationRequestFlags::from_bits_retain(item.flags),
                        protocols: SecurityProtocols::from_bits_retain(item.body.u32()?),
                    });
                }
                TYPE_CORRELATION_INFO => request.correlation_id = Some(item.body.array()?),
                _ => {}
            }
        }
        Ok(request)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.put(&[0, CODE_CONNECTION_REQUEST, 0, 0, 0, 0, 0]);
        if let Some(routing) = &self.routing {
            routing.encode(out);
        }
        if let Some(negotiation) = &self.negotiation {
            let mut flags = negotiation.flags;
            flags.set(
                NegotiationRequestFlags::CORRELATION_INFO_PRESENT,
                self.correlation_id.is_some(),
            );
            out.put(&[TYPE_NEGOTIATION_REQUEST, flags.bits()]);
            out.put_u16(NEGOTIATION_BYTES);
            out.put_u32(negotiation.protocols.bits());
            if let Some(id) = &self.correlation_id {
                out.put(&[TYPE_CORRELATION_INFO, 0]);
                out.put_u16(CORRELATION_BYTES);
                out.put(id);
                out.put_zeros(16);
            }
        }
        set_length_indicator(out, start);
    }
}

/// What a server answers to a negotiation request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NegotiationReply {
    /// `RDP_NEG_RSP` (`[MS-RDPBCGR] 2.2.1.2.1`).
    Response {
        /// Flags.
        flags: NegotiationResponseFlags,
        /// The protocol picked.
        selected: SecurityProtocols,
    },
    /// `RDP_NEG_FAILURE`.
    Failure(NegotiationFailure),
}

/// The TPDU that answers a [`ConnectionRequest`] (`[MS-RDPBCGR] 2.2.1.2`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionConfirm {
    /// The server's name for the connection, without use.
    pub source_reference: u16,
    /// `None` from a server that knows standard RDP security alone.
    pub reply: Option<NegotiationReply>,
}

impl Pdu for ConnectionConfirm {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        let mut body = tpdu(cursor, CODE_CONNECTION_CONFIRM, "X.224 connection confirm")?;
        body.skip(2)?; // destination reference
        let source_reference = body.u16_be()?;
        body.skip(1)?; // class
        let reply = if body.left() >= usize::from(NEGOTIATION_BYTES) {
            let mut item = negotiation_item(&mut body)?;
            let value = item.body.u32()?;
            match item.kind {
                TYPE_NEGOTIATION_RESPONSE => Some(NegotiationReply::Response {
                    flags: NegotiationResponseFlags::from_bits_retain(item.flags),
                    selected: SecurityProtocols::from_bits_retain(value),
                }),
                TYPE_NEGOTIATION_FAILURE => {
                    Some(NegotiationReply::Failure(NegotiationFailure(value)))
                }
                kind => {
                    return Err(DecodeError::invalid(
                        "X.224 connection confirm",
                        "negotiation type",
                        kind,
                    ));
                }
            }
        } else {
            None
        };
        Ok(Self {
            source_reference,
            reply,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.put(&[0, CODE_CONNECTION_CONFIRM, 0, 0]);
        out.put_u16_be(self.source_reference);
        out.put_u8(0);
        match &self.reply {
            None => {}
            Some(NegotiationReply::Response { flags, selected }) => {
                out.put(&[TYPE_NEGOTIATION_RESPONSE, flags.bits()]);
                out.put_u16(NEGOTIATION_BYTES);
                out.put_u32(selected.bits());
            }
            Some(NegotiationReply::Failure(failure)) => {
                out.put(&[TYPE_NEGOTIATION_FAILURE, 0]);
                out.put_u16(NEGOTIATION_BYTES);
                out.put_u32(failure.0);
            }
        }
        set_length_indicator(out, start);
    }
}

/// What a TPDU is, once a connection is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tpdu<'a> {
    /// Data: an MCS PDU.
    Data(&'a [u8]),
    /// The peer takes the connection down (`[X224]` section 13.5); the reason.
    DisconnectRequest(u8),
}

impl<'a> Tpdu<'a> {
    /// Reads the content of a TPKT frame.
    pub fn decode(payload: &'a [u8]) -> DecodeResult<Self> {
        let mut cursor = Cursor::new(payload, "X.224 TPDU");
        let length = cursor.u8()?;
        let mut header = cursor.sub(usize::from(length), "X.224 TPDU")?;
        match header.u8()? & 0xf0 {
            CODE_DATA => Ok(Self::Data(cursor.rest())),
            CODE_DISCONNECT_REQUEST => {
                header.skip(4)?;
                Ok(Self::DisconnectRequest(header.u8()?))
            }
            code => Err(DecodeError::invalid("X.224 TPDU", "code", code)),
        }
    }
}

struct NegotiationItem<'a> {
    kind: u8,
    flags: u8,
    body: Cursor<'a>,
}

fn negotiation_item<'a>(cursor: &mut Cursor<'a>) -> DecodeResult<NegotiationItem<'a>> {
    const CONTEXT: &str = "X.224 negotiation";
    let kind = cursor.u8()?;
    let flags = cursor.u8()?;
    let length = cursor.u16()?;
    let body_bytes = usize::from(length)
        .checked_sub(4)
        .ok_or_else(|| DecodeError::invalid(CONTEXT, "length", length))?;
    Ok(NegotiationItem {
        kind,
        flags,
        body: cursor.sub(body_bytes, CONTEXT)?,
    })
}

/// The body of a TPDU of the code `expected`, behind its code.
fn tpdu<'a>(
    cursor: &mut Cursor<'a>,
    expected: u8,
    context: &'static str,
) -> DecodeResult<Cursor<'a>> {
    cursor.set_context(context);
    let length = cursor.u8()?;
    let mut body = cursor.sub(usize::from(length), context)?;
    let code = body.u8()?;
    if code & 0xf0 != expected {
        return Err(DecodeError::invalid(context, "code", code));
    }
    Ok(body)
}

fn set_length_indicator(out: &mut [u8], start: usize) {
    // Fits: see MAX_ROUTING_BYTES.
    out[start] = (out.len() - start - 1) as u8;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arbitrary_request() -> impl Strategy<Value = ConnectionRequest> {
        let routing = prop_oneof![
            "[a-zA-Z0-9\\\\.]{1,40}".prop_map(Routing::Cookie),
            "tsv://[a-z.0-9]{1,60}".prop_map(|text| Routing::Token(text.into_bytes())),
        ];
        (
            prop::option::of(routing),
            prop::option::of((any::<u8>(), any::<u32>())),
            prop::option::of(any::<[u8; 16]>()),
        )
            .prop_map(|(routing, negotiation, correlation_id)| {
                let correlation_id = correlation_id.filter(|_| negotiation.is_some());
                ConnectionRequest {
                    routing,
                    negotiation: negotiation.map(|(flags, protocols)| {
                        let mut flags = NegotiationRequestFlags::from_bits_retain(flags);
                        flags.set(
                            NegotiationRequestFlags::CORRELATION_INFO_PRESENT,
                            correlation_id.is_some(),
                        );
                        NegotiationRequest {
                            flags,
                            protocols: SecurityProtocols::from_bits_retain(protocols),
                        }
                    }),
                    correlation_id,
                }
            })
    }

    proptest! {
        #[test]
        fn requests_round_trip(request in arbitrary_request()) {
            let bytes = request.to_vec();
            prop_assert_eq!(usize::from(bytes[0]) + 1, bytes.len());
            prop_assert_eq!(ConnectionRequest::decode(&mut Cursor::new(&bytes, "test")), Ok(request));
        }

        #[test]
        fn confirms_round_trip(source_reference: u16, kind in 0u8..3, flags: u8, value: u32) {
            let confirm = ConnectionConfirm {
                source_reference,
                reply: match kind {
                    0 => None,
                    1 => Some(NegotiationReply::Failure(NegotiationFailure(value))),
                    _ => Some(NegotiationReply::Response {
                        flags: NegotiationResponseFlags::from_bits_retain(flags),
                        selected: SecurityProtocols::from_bits_retain(value),
                    }),
                },
            };
            let bytes = confirm.to_vec();
            prop_assert_eq!(ConnectionConfirm::decode(&mut Cursor::new(&bytes, "test")), Ok(confirm));
        }

        #[test]
        fn random_bytes_do_not_panic(data in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut data = data;
            let _ = ConnectionRequest::decode(&mut Cursor::new(&data, "test"));
            let _ = ConnectionConfirm::decode(&mut Cursor::new(&data, "test"));
            let _ = Tpdu::decode(&data);
            if data.len() > 2 {
                data[0] = (data.len() - 1) as u8;
                data[1] = CODE_CONNECTION_REQUEST;
                let _ = ConnectionRequest::decode(&mut Cursor::new(&data, "test"));
                data[1] = CODE_CONNECTION_CONFIRM;
                let _ = ConnectionConfirm::decode(&mut Cursor::new(&data, "test"));
            }
        }
    }

    #[test]
    fn a_token_that_is_too_long_is_cut_and_keeps_its_line_end() {
        let request = ConnectionRequest {
            routing: Some(Routing::Token(vec![b'x'; 1000])),
            ..Default::default()
        };
        let bytes = request.to_vec();
        assert_eq!(usize::from(bytes[0]) + 1, bytes.len());
        assert!(ConnectionRequest::decode(&mut Cursor::new(&bytes, "test")).is_ok());
    }

    #[test]
    fn every_failure_code_of_the_specification_has_a_name() {
        for code in 1..=6 {
            assert!(NegotiationFailure(code).name().is_some());
        }
        assert!(NegotiationFailure(7).to_string().contains('7'));
    }
}
