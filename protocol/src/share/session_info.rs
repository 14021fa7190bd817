//! Who is signed in (`[MS-RDPBCGR] 2.2.10.1`, `2.2.4.2`).

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire, utf16_bytes, utf16_text};

/// Bytes of the version 1 domain field.
const LOGON_DOMAIN_BYTES: usize = 52;
/// Bytes of the version 1 user name field.
const LOGON_USER_BYTES: usize = 512;
/// Bytes of padding between the header and the texts of version 2.
const LOGON_LONG_PAD_BYTES: usize = 558;
/// Version 2 without its padding and texts: version, size, session, two lengths.
const LOGON_LONG_BYTES: u32 = 2 + 4 + 4 + 4 + 4;
/// Bytes of a plain notification, all padding.
const PLAIN_NOTIFY_BYTES: usize = 576;
/// Bytes of padding behind the fields of the extended form.
const EXTENDED_PAD_BYTES: usize = 570;
/// `cbLen` of an auto-reconnect packet: itself, version, session, random bits.
const AUTO_RECONNECT_BYTES: u32 = 4 + 4 + 4 + 16;
/// `AUTO_RECONNECT_VERSION_1`.
const AUTO_RECONNECT_VERSION: u32 = 1;
/// Longest text that is taken, far over what a domain or a user may have.
const MAX_TEXT_BYTES: u32 = 4096;

/// Who is signed in, where told (`TS_LOGON_INFO`, `TS_LOGON_INFO_VERSION_2`,
/// `[MS-RDPBCGR] 2.2.10.1.1.1` and `.2`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogonInfo {
    /// Domain.
    pub domain: String,
    /// User name.
    pub user: String,
    /// The session's id.
    pub session_id: u32,
}

/// With this a client may come back without a password (`ARC_SC_PRIVATE_PACKET`,
/// `[MS-RDPBCGR] 2.2.4.2`). Wiped when dropped, its random bits are never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct AutoReconnectCookie {
    /// The session.
    pub logon_id: u32,
    /// The key of the verifier that the client computes (`[MS-RDPBCGR] 5.5`).
    pub random_bits: [u8; 16],
}

impl std::fmt::Debug for AutoReconnectCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AutoReconnectCookie")
            .field("logon_id", &self.logon_id)
            .finish_non_exhaustive()
    }
}

/// What Winlogon shows instead of the desktop (`TS_LOGON_ERRORS_INFO`,
/// `[MS-RDPBCGR] 2.2.10.1.1.4.1.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogonErrorsInfo {
    /// `ErrorNotificationType`: an NTSTATUS or one of `LOGON_MSG_*`.
    pub kind: u32,
    /// `ErrorNotificationData`: a session or one of `LOGON_FAILED_*`.
    pub data: u32,
}

impl LogonErrorsInfo {
    /// A sentence for a person.
    pub fn sentence(&self) -> &'static str {
        match (self.kind, self.data) {
            (0xffff_fff8, _) => "The session is busy; the server asks what to do.",
            (0xffff_fff9, _) => "Somebody else's session would have to end, and they refused.",
            (0xffff_fffa, _) => "This account has no permission to use the session.",
            (0xffff_fffb, _) => "Too many people are signed in; the server asks whom to sign out.",
            (0xffff_fffc, _) => "There are several sessions to return to; the server asks which.",
            (0xffff_fffd, _) => "The session is ending.",
            (0xffff_fffe, _) => "Signing in goes on.",
            (_, 0) => "The user name or the password is wrong.",
            (_, 1) => "The password has to be changed before signing in.",
            (_, 3) => "The server shows a warning before the desktop.",
            _ => "Signing in failed; the server shows why.",
        }
    }

    /// True where nothing is wrong: signing in merely continues.
    pub fn is_progress(&self) -> bool {
        self.kind == 0xffff_fffe
    }
}

/// News of the sign-in (`TS_SAVE_SESSION_INFO_PDU_DATA`, `[MS-RDPBCGR] 2.2.10.1.1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveSessionInfoPdu {
    /// Signed in, told with short names.
    Logon(LogonInfo),
    /// Signed in, told with names of any length.
    LogonLong(LogonInfo),
    /// Signed in, nothing told.
    PlainNotify,
    /// More about it.
    Extended {
        /// For coming back after a break.
        auto_reconnect: Option<AutoReconnectCookie>,
        /// What keeps the desktop from showing.
        errors: Option<LogonErrorsInfo>,
    },
    /// A type that the specification does not list.
    Unknown {
        /// `infoType`.
        kind: u32,
        /// `infoData`.
        data: Vec<u8>,
    },
}

impl Pdu for SaveSessionInfoPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("save session info");
        Ok(match cursor.u32()? {
            0 => Self::Logon(decode_logon(cursor)?),
            1 => Self::LogonLong(decode_logon_long(cursor)?),
            2 => {
                cursor.rest();
                Self::PlainNotify
            }
            3 => decode_extended(cursor)?,
            kind => Self::Unknown {
                kind,
                data: cursor.rest().to_vec(),
            },
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Logon(info) => {
                out.put_u32(0);
                encode_fixed_text(&info.domain, LOGON_DOMAIN_BYTES, out);
                encode_fixed_text(&info.user, LOGON_USER_BYTES, out);
                out.put_u32(info.session_id);
            }
            Self::LogonLong(info) => {
                out.put_u32(1);
                let domain = terminated(&info.domain);
                let user = terminated(&info.user);
                out.put_u16(1);
                out.put_u32(LOGON_LONG_BYTES);
                out.put_u32(info.session_id);
                out.put_u32(domain.len() as u32);
                out.put_u32(user.len() as u32);
                out.put_zeros(LOGON_LONG_PAD_BYTES);
                out.put(&domain);
                out.put(&user);
            }
            Self::PlainNotify => {
                out.put_u32(2);
                out.put_zeros(PLAIN_NOTIFY_BYTES);
            }
            Self::Extended {
                auto_reconnect,
                errors,
            } => {
                out.put_u32(3);
                encode_extended(auto_reconnect.as_ref(), errors.as_ref(), out);
            }
            Self::Unknown { kind, data } => {
                out.put_u32(*kind);
                out.put(data);
            }
        }
    }
}

fn decode_logon(cursor: &mut Cursor<'_>) -> DecodeResult<LogonInfo> {
    // The lengths before the fields say no more than the NUL inside does.
    cursor.skip(4)?;
    let domain = utf16_text(cursor.take(LOGON_DOMAIN_BYTES)?);
    cursor.skip(4)?;
    let user = utf16_text(cursor.take(LOGON_USER_BYTES)?);
    Ok(LogonInfo {
        domain,
        user,
        // Servers of RDP 4.0 leave it out.
        session_id: cursor.u32().unwrap_or(0),
    })
}

fn decode_logon_long(cursor: &mut Cursor<'_>) -> DecodeResult<LogonInfo> {
    cursor.skip(2 + 4)?;
    let session_id = cursor.u32()?;
    let domain_bytes = text_length(cursor, "cbDomain")?;
    let user_bytes = text_length(cursor, "cbUserName")?;
    cursor.skip(LOGON_LONG_PAD_BYTES)?;
    Ok(LogonInfo {
        domain: utf16_text(cursor.take(domain_bytes)?),
        user: utf16_text(cursor.take(user_bytes)?),
        session_id,
    })
}

fn text_length(cursor: &mut Cursor<'_>, field: &'static str) -> DecodeResult<usize> {
    let bytes = cursor.u32()?;
    if bytes > MAX_TEXT_BYTES {
        return Err(DecodeError::TooLarge {
            context: cursor.context(),
            field,
            value: bytes.into(),
            limit: MAX_TEXT_BYTES.into(),
        });
    }
    Ok(bytes as usize)
}

fn decode_extended(cursor: &mut Cursor<'_>) -> DecodeResult<SaveSessionInfoPdu> {
    // Length: what is left of the PDU bounds the fields, and some servers count wrongly.
    cursor.skip(2)?;
    let present = cursor.u32()?;
    let mut auto_reconnect = None;
    let mut errors = None;
    if present & 1 != 0 {
        let bytes = cursor.u32()? as usize;
        let mut field = cursor.sub(bytes, "auto-reconnect cookie")?;
        field.skip(4 + 4)?;
        auto_reconnect = Some(AutoReconnectCookie {
            logon_id: field.u32()?,
            random_bits: field.array()?,
        });
    }
    if present & 2 != 0 {
        let bytes = cursor.u32()? as usize;
        let mut field = cursor.sub(bytes, "logon errors")?;
        errors = Some(LogonErrorsInfo {
            kind: field.u32()?,
            data: field.u32()?,
        });
    }
    cursor.rest();
    Ok(SaveSessionInfoPdu::Extended {
        auto_reconnect,
        errors,
    })
}

fn encode_extended(
    auto_reconnect: Option<&AutoReconnectCookie>,
    errors: Option<&LogonErrorsInfo>,
    out: &mut Vec<u8>,
) {
    let present = u32::from(auto_reconnect.is_some()) | u32::from(errors.is_some()) << 1;
    let cookie_bytes = auto_reconnect.map_or(0, |_| 4 + AUTO_RECONNECT_BYTES);
    let error_bytes = errors.map_or(0, |_| 4 + 8);
    out.put_u16((2 + 4 + cookie_bytes + error_bytes) as u16);
    out.put_u32(present);
    if let Some(cookie) = auto_reconnect {
        out.put_u32(AUTO_RECONNECT_BYTES);
        out.put_u32(AUTO_RECONNECT_BYTES);
        out.put_u32(AUTO_RECONNECT_VERSION);
        out.put_u32(cookie.logon_id);
        out.put(&cookie.random_bits);
    }
    if let Some(errors) = errors {
        out.put_u32(8);
        out.put_u32(errors.kind);
        out.put_u32(errors.data);
    }
    out.put_zeros(EXTENDED_PAD_BYTES);
}

fn terminated(text: &str) -> Vec<u8> {
    let mut bytes = utf16_bytes(text);
    bytes.put_u16(0);
    bytes
}

/// A length, then the text with its NUL in a field of `field_bytes`; what does not fit is cut.
fn encode_fixed_text(text: &str, field_bytes: usize, out: &mut Vec<u8>) {
    let length_at = out.len();
    out.put_u32(0);
    let bytes = out.put_utf16_field(text, field_bytes) as u32 + 2;
    out[length_at..length_at + 4].copy_from_slice(&bytes.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_never_prints() {
        let cookie = AutoReconnectCookie {
            logon_id: 2,
            random_bits: [0xab; 16],
        };
        let text = format!("{cookie:?}");
        assert!(!text.contains("171") && !text.contains("ab, "), "{text}");
    }

    #[test]
    fn a_text_length_without_end_is_refused() {
        let mut bytes = vec![1, 0, 0, 0, 1, 0, 18, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(&u32::MAX.to_le_bytes());
        bytes.extend_from_slice(&[0; 600]);
        let result = SaveSessionInfoPdu::decode(&mut Cursor::new(&bytes, "test"));
        assert!(matches!(result, Err(DecodeError::TooLarge { .. })));
    }
}
