//! The licensing PDU and its kinds (`[MS-RDPBCGR] 2.2.1.12.1`, `[MS-RDPELE] 2.2.2`).

use super::{
    LicenseInfo, LicenseRequest, NewLicense, NewLicenseRequest, PlatformChallenge,
    PlatformChallengeResponse, blob,
};
use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire};

// bMsgType.
const LICENSE_REQUEST: u8 = 0x01;
const PLATFORM_CHALLENGE: u8 = 0x02;
const NEW_LICENSE: u8 = 0x03;
const UPGRADE_LICENSE: u8 = 0x04;
const LICENSE_INFO: u8 = 0x12;
const NEW_LICENSE_REQUEST: u8 = 0x13;
const PLATFORM_CHALLENGE_RESPONSE: u8 = 0x15;
const ERROR_ALERT: u8 = 0xff;

/// `PREAMBLE_VERSION_3_0`.
const PREAMBLE_VERSION: u8 = 0x03;

/// `EXTENDED_ERROR_MSG_SUPPORTED`, which clients say.
const EXTENDED_ERRORS: u8 = 0x80;

const PREAMBLE_BYTES: u16 = 4;

/// `dwErrorCode` (`[MS-RDPBCGR] 2.2.1.12.1.3`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LicenseErrorCode(pub u32);

impl LicenseErrorCode {
    /// From a client: the server's certificate is of no use.
    pub const INVALID_SERVER_CERTIFICATE: Self = Self(0x1);
    /// From a client: it has no licence and wants none.
    pub const NO_LICENSE: Self = Self(0x2);
    /// What was received was changed on its way.
    pub const INVALID_MAC: Self = Self(0x3);
    /// From a server: there is no licence server.
    pub const NO_LICENSE_SERVER: Self = Self(0x6);
    /// No error: the client may go on.
    pub const VALID_CLIENT: Self = Self(0x7);
    /// From a server: the client gets no licence.
    pub const INVALID_CLIENT: Self = Self(0x8);
}

/// `dwStateTransition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StateTransition(pub u32);

impl StateTransition {
    /// Licensing is over, and with it the connection.
    pub const TOTAL_ABORT: Self = Self(1);
    /// Nothing changes.
    pub const NO_TRANSITION: Self = Self(2);
    /// Licensing begins anew.
    pub const RESET_PHASE_TO_START: Self = Self(3);
    /// The last message is to be sent again.
    pub const RESEND_LAST_MESSAGE: Self = Self(4);
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

    /// Ends licensing badly.
    pub const fn abort(code: LicenseErrorCode) -> Self {
        Self {
            code,
            transition: StateTransition::TOTAL_ABORT,
            info: Vec::new(),
        }
    }
}

/// What follows a security header with the licensing flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LicensingPdu {
    /// The server begins.
    LicenseRequest(LicenseRequest),
    /// The server tries the client.
    PlatformChallenge(PlatformChallenge),
    /// The server's licence.
    NewLicense(NewLicense),
    /// The server's licence in place of an older one.
    UpgradeLicense(NewLicense),
    /// The client shows its licence.
    LicenseInfo(LicenseInfo),
    /// The client has none.
    NewLicenseRequest(NewLicenseRequest),
    /// The client stands the trial.
    PlatformChallengeResponse(PlatformChallengeResponse),
    /// An error, or the end of licensing; from both sides.
    ErrorAlert(ErrorAlert),
}

impl LicensingPdu {
    /// A name for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LicenseRequest(_) => "license request",
            Self::PlatformChallenge(_) => "platform challenge",
            Self::NewLicense(_) => "new license",
            Self::UpgradeLicense(_) => "upgrade license",
            Self::LicenseInfo(_) => "license information",
            Self::NewLicenseRequest(_) => "new license request",
            Self::PlatformChallengeResponse(_) => "platform challenge response",
            Self::ErrorAlert(_) => "licensing error alert",
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::LicenseRequest(_) => LICENSE_REQUEST,
            Self::PlatformChallenge(_) => PLATFORM_CHALLENGE,
            Self::NewLicense(_) => NEW_LICENSE,
            Self::UpgradeLicense(_) => UPGRADE_LICENSE,
            Self::LicenseInfo(_) => LICENSE_INFO,
            Self::NewLicenseRequest(_) => NEW_LICENSE_REQUEST,
            Self::PlatformChallengeResponse(_) => PLATFORM_CHALLENGE_RESPONSE,
            Self::ErrorAlert(_) => ERROR_ALERT,
        }
    }
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
        let body = &mut cursor.sub(body_bytes.into(), CONTEXT)?;
        Ok(match kind {
            LICENSE_REQUEST => Self::LicenseRequest(Pdu::decode(body)?),
            PLATFORM_CHALLENGE => Self::PlatformChallenge(Pdu::decode(body)?),
            NEW_LICENSE => Self::NewLicense(Pdu::decode(body)?),
            UPGRADE_LICENSE => Self::UpgradeLicense(Pdu::decode(body)?),
            LICENSE_INFO => Self::LicenseInfo(Pdu::decode(body)?),
            NEW_LICENSE_REQUEST => Self::NewLicenseRequest(Pdu::decode(body)?),
            PLATFORM_CHALLENGE_RESPONSE => Self::PlatformChallengeResponse(Pdu::decode(body)?),
            ERROR_ALERT => Self::ErrorAlert(ErrorAlert {
                code: LicenseErrorCode(body.u32()?),
                transition: StateTransition(body.u32()?),
                info: blob::read(body)?.to_vec(),
            }),
            kind => return Err(DecodeError::invalid(CONTEXT, "bMsgType", kind)),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let flags = match self {
            Self::LicenseInfo(_)
            | Self::NewLicenseRequest(_)
            | Self::PlatformChallengeResponse(_) => PREAMBLE_VERSION | EXTENDED_ERRORS,
            _ => PREAMBLE_VERSION,
        };
        out.put(&[self.kind(), flags, 0, 0]);
        match self {
            Self::LicenseRequest(pdu) => pdu.encode(out),
            Self::PlatformChallenge(pdu) => pdu.encode(out),
            Self::NewLicense(pdu) | Self::UpgradeLicense(pdu) => pdu.encode(out),
            Self::LicenseInfo(pdu) => pdu.encode(out),
            Self::NewLicenseRequest(pdu) => pdu.encode(out),
            Self::PlatformChallengeResponse(pdu) => pdu.encode(out),
            Self::ErrorAlert(alert) => {
                out.put_u32(alert.code.0);
                out.put_u32(alert.transition.0);
                blob::write(out, blob::kind::ERROR, &alert.info);
            }
        }
        let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
        out[start + 2..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}
