//! Licensing PDUs (`[MS-RDPBCGR] 2.2.1.12`, `[MS-RDPELE] 2.2.2`).

use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire};

const ERROR_ALERT: u8 = 0xff;

/// `PREAMBLE_VERSION_3_0`.
const PREAMBLE_VERSION: u8 = 0x03;

const PREAMBLE_BYTES: u16 = 4;

/// Type of an error alert's blob (`BB_ERROR_BLOB`).
const ERROR_BLOB: u16 = 4;

/// `dwErrorCode` (`[MS-RDPBCGR] 2.2.1.12.1.3`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LicenseErrorCode(pub u32);

impl LicenseErrorCode {
    /// No error: the client may go on.
    pub const VALID_CLIENT: Self = Self(0x7);
}

/// `dwStateTransition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StateTransition(pub u32);

impl StateTransition {
    /// Licensing is over, and with it the connection.
    pub const TOTAL_ABORT: Self = Self(1);
    /// Nothing changes.
    pub const NO_TRANSITION: Self = Self(2);
}

/// `LICENSE_ERROR_MESSAGE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorAlert {
    /// What is wrong, or that nothing is.
    pub code: LicenseErrorCode,
    /// What to do.
    pub transition: StateTransition,
    /// More about it.
    pub info: Vec<u8>,
}

impl ErrorAlert {
    /// Ends licensing well (`[MS-RDPBCGR] 2.2.1.12.1`).
    pub const VALID_CLIENT: Self = Self {
        code: LicenseErrorCode::VALID_CLIENT,
        transition: StateTransition::NO_TRANSITION,
        info: Vec::new(),
    };
}

/// What follows a security header with the licensing flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LicensingPdu {
    /// An error, or the end of licensing.
    ErrorAlert(ErrorAlert),
}

impl Pdu for LicensingPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "licensing PDU";
        cursor.set_context(CONTEXT);
        let kind = cursor.u8()?;
        cursor.skip(1)?; // version and flags
        let length = cursor.u16()?;
        let body_bytes = length
            .checked_sub(PREAMBLE_BYTES)
            .ok_or_else(|| DecodeError::invalid(CONTEXT, "wMsgSize", length))?;
        let mut body = cursor.sub(body_bytes.into(), CONTEXT)?;
        match kind {
            ERROR_ALERT => Ok(Self::ErrorAlert(ErrorAlert {
                code: LicenseErrorCode(body.u32()?),
                transition: StateTransition(body.u32()?),
                info: {
                    body.skip(2)?;
                    let bytes = body.u16()?;
                    body.take(bytes.into())?.to_vec()
                },
            })),
            kind => Err(DecodeError::invalid(CONTEXT, "bMsgType", kind)),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        match self {
            Self::ErrorAlert(alert) => {
                out.put(&[ERROR_ALERT, PREAMBLE_VERSION, 0, 0]);
                out.put_u32(alert.code.0);
                out.put_u32(alert.transition.0);
                out.put_u16(ERROR_BLOB);
                out.put_u16(alert.info.len() as u16);
                out.put(&alert.info);
            }
        }
        let length = (out.len() - start) as u16;
        out[start + 2..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}
