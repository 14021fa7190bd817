//! Conference create request and response (`[T124]` section 8.7, aligned PER), reduced to the one
//! form that RDP uses: all fields fixed but for the user data.

use super::{ClientBlocks, ServerBlocks};
use crate::{
    mcs::per,
    wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire},
};

/// `ConnectData::t124Identifier`: choice of an object identifier, 5 octets, `{0 0 20 124 0 1}`.
const T124_IDENTIFIER: [u8; 7] = [0x00, 0x05, 0x00, 0x14, 0x7c, 0x00, 0x01];

/// `ConnectGCCPDU`: choice 0 with user data; conference name "1"; terminated automatically.
const REQUEST_HEAD: [u8; 6] = [0x00, 0x08, 0x00, 0x10, 0x00, 0x01];

/// One set of user data with a value, keyed by an H.221 identifier of four octets.
const USER_DATA_HEAD: [u8; 2] = [0xc0, 0x00];

/// H.221 key of client-to-server data.
const CLIENT_KEY: [u8; 4] = *b"Duca";

/// H.221 key of server-to-client data.
const SERVER_KEY: [u8; 4] = *b"McDn";

/// The client's conference create request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConferenceCreateRequest {
    /// The client's settings.
    pub blocks: ClientBlocks,
}

impl Pdu for ConferenceCreateRequest {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "GCC conference create request";
        cursor.set_context(CONTEXT);
        identifier(cursor)?;
        per::read_length(cursor)?;
        let head = cursor.array::<6>()?;
        if head != REQUEST_HEAD {
            return Err(DecodeError::invalid(
                CONTEXT,
                "fixed part",
                u16::from_be_bytes([head[0], head[1]]),
            ));
        }
        let mut data = user_data(cursor, CLIENT_KEY)?;
        Ok(Self {
            blocks: ClientBlocks::decode(&mut data)?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut connect_pdu = REQUEST_HEAD.to_vec();
        write_user_data(&mut connect_pdu, CLIENT_KEY, &self.blocks.to_vec());
        out.put(&T124_IDENTIFIER);
        per::write_length(out, connect_pdu.len());
        out.put(&connect_pdu);
    }
}

/// The server's conference create response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConferenceCreateResponse {
    /// The server's node, without use; 1001 and up.
    pub node_id: u16,
    /// 0 is success (`Result`, 3 bits).
    pub result: u8,
    /// The server's settings.
    pub blocks: ServerBlocks,
}

impl ConferenceCreateResponse {
    const LEAST_NODE_ID: u16 = 1001;

    /// Extension bit, choice 1, extension bit, user data present.
    const CHOICE: u8 = 0x14;

    /// Length of the connect PDU as every server since Windows 2000 writes it, whatever the length
    /// is; clients do not look (`[MS-RDPBCGR] 4.1.4`).
    const CONNECT_PDU_LENGTH: u8 = 0x2a;

    /// Success with these settings.
    pub fn new(blocks: ServerBlocks) -> Self {
        Self {
            node_id: 0x760a + Self::LEAST_NODE_ID,
            result: 0,
            blocks,
        }
    }
}

impl Pdu for ConferenceCreateResponse {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "GCC conference create response";
        cursor.set_context(CONTEXT);
        identifier(cursor)?;
        per::read_length(cursor)?;
        let choice = cursor.u8()?;
        if choice != Self::CHOICE {
            return Err(DecodeError::invalid(CONTEXT, "choice", choice));
        }
        let node_id = per::read_u16_from(cursor, Self::LEAST_NODE_ID, "node id")?;
        per::read_integer(cursor)?; // tag
        let result = cursor.u8()? >> 4 & 0x07;
        let sets = cursor.u8()?;
        if sets != 1 {
            return Err(DecodeError::invalid(
                CONTEXT,
                "number of user data sets",
                sets,
            ));
        }
        let mut data = user_data(cursor, SERVER_KEY)?;
        Ok(Self {
            node_id,
            result,
            blocks: ServerBlocks::decode(&mut data)?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put(&T124_IDENTIFIER);
        out.put(&[Self::CONNECT_PDU_LENGTH, Self::CHOICE]);
        per::write_u16_from(out, self.node_id, Self::LEAST_NODE_ID);
        per::write_integer(out, 1); // tag
        out.put(&[self.result << 4 & 0x70, 1]);
        write_user_data(out, SERVER_KEY, &self.blocks.to_vec());
    }
}

fn identifier(cursor: &mut Cursor<'_>) -> DecodeResult<()> {
    let got = cursor.array::<7>()?;
    if got != T124_IDENTIFIER {
        return Err(DecodeError::invalid(
            cursor.context(),
            "T.124 identifier",
            got[1],
        ));
    }
    Ok(())
}

fn user_data<'a>(cursor: &mut Cursor<'a>, key: [u8; 4]) -> DecodeResult<Cursor<'a>> {
    let context = cursor.context();
    let head = cursor.array::<2>()?;
    if head != USER_DATA_HEAD {
        return Err(DecodeError::invalid(
            context,
            "user data",
            u16::from_be_bytes(head),
        ));
    }
    let got = cursor.array::<4>()?;
    if got != key {
        return Err(DecodeError::invalid(
            context,
            "H.221 key",
            u32::from_be_bytes(got),
        ));
    }
    let length = per::read_length(cursor)?;
    cursor.sub(length, context)
}

fn write_user_data(out: &mut Vec<u8>, key: [u8; 4], data: &[u8]) {
    out.put(&USER_DATA_HEAD);
    out.put(&key);
    per::write_length(out, data.len());
    out.put(data);
}
