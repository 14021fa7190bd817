//! Server redirection: another server should be asked (`[MS-RDPBCGR] 2.2.13`).

use zeroize::Zeroizing;

use crate::{
    secret::Secret,
    share::{ShareControlKind, ShareControlPdu},
    wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire, utf16_bytes, utf16_text},
};

/// `SEC_REDIRECTION_PKT`, the packet's own first field.
const REDIRECTION_PACKET: u16 = 0x0400;
/// Most addresses that are taken.
const MAX_ADDRESSES: u32 = 64;
/// `ELEMENT_TYPE_CERTIFICATE` of a target certificate container.
const ELEMENT_CERTIFICATE: u32 = 32;
/// `ENCODING_TYPE_ASN1_DER` of a target certificate container.
const ENCODING_DER: u32 = 1;

bitflags::bitflags! {
    /// `RedirFlags`. The encoder sets those that announce a field by what fields there are.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct RedirectionFlags: u32 {
        /// `target_address`.
        const TARGET_NET_ADDRESS = 0x0000_0001;
        /// `load_balance_info`.
        const LOAD_BALANCE_INFO = 0x0000_0002;
        /// `user`.
        const USERNAME = 0x0000_0004;
        /// `domain`.
        const DOMAIN = 0x0000_0008;
        /// `password`.
        const PASSWORD = 0x0000_0010;
        /// The user name has to be sent to the other server, but not stored.
        const DONT_STORE_USERNAME = 0x0000_0020;
        /// A smart card may be used.
        const SMARTCARD_LOGON = 0x0000_0040;
        /// For information only: stay on this connection.
        const NO_REDIRECT = 0x0000_0080;
        /// `target_fqdn`.
        const TARGET_FQDN = 0x0000_0100;
        /// `target_netbios_name`.
        const TARGET_NETBIOS_NAME = 0x0000_0200;
        /// `target_addresses`.
        const TARGET_NET_ADDRESSES = 0x0000_0800;
        /// `tsv_url`.
        const CLIENT_TSV_URL = 0x0000_1000;
        /// The server can redirect by URL.
        const SERVER_TSV_CAPABLE = 0x0000_2000;
        /// The password is encrypted, for RDSTLS alone.
        const PASSWORD_IS_PK_ENCRYPTED = 0x0000_4000;
        /// `redirection_guid`.
        const REDIRECTION_GUID = 0x0000_8000;
        /// `target_certificate`.
        const TARGET_CERTIFICATE = 0x0001_0000;
    }
}

/// The password of a redirection: text, or a blob that only the other server can read. Wiped when
/// dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct RedirectionPassword(Zeroizing<Vec<u8>>);

impl RedirectionPassword {
    /// A password as the wire has it.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// A password in the clear.
    pub fn from_text(password: &Secret) -> Self {
        let mut bytes = utf16_bytes(password.expose());
        bytes.put_u16(0);
        Self::new(bytes)
    }

    /// The bytes, to be passed on in RDSTLS.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The password as text, for a packet without
    /// [`RedirectionFlags::PASSWORD_IS_PK_ENCRYPTED`]. `None` where the bytes are no NUL-terminated
    /// UTF-16: old servers send a token that must be passed on as it is.
    pub fn text(&self) -> Option<Secret> {
        let (units, odd) = self.0.as_chunks::<2>();
        let (&last, text) = units.split_last()?;
        if last != [0, 0] || !odd.is_empty() || text.contains(&[0, 0]) {
            return None;
        }
        let units = text.iter().map(|&pair| u16::from_le_bytes(pair));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.ok().map(Secret::new)
    }
}

impl std::fmt::Debug for RedirectionPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedirectionPassword(..)")
    }
}

/// Where to connect instead (`RDP_SERVER_REDIRECTION_PACKET`, `[MS-RDPBCGR] 2.2.13.1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerRedirection {
    /// The session to return to.
    pub session_id: u32,
    /// Flags that announce no field.
    pub flags: RedirectionFlags,
    /// The other server's address.
    pub target_address: Option<String>,
    /// Opaque: to be sent as routing token where there is no address.
    pub load_balance_info: Option<Vec<u8>>,
    /// User name.
    pub user: Option<String>,
    /// Domain.
    pub domain: Option<String>,
    /// Password.
    pub password: Option<RedirectionPassword>,
    /// The other server's full name.
    pub target_fqdn: Option<String>,
    /// The other server's NetBIOS name.
    pub target_netbios_name: Option<String>,
    /// Opaque URL.
    pub tsv_url: Option<Vec<u8>>,
    /// Identifies the redirected connection, opaque; to be presented over RDSTLS.
    pub redirection_guid: Option<Vec<u8>>,
    /// The other server's certificate, wrapped; see [`ServerRedirection::certificate_der`].
    pub target_certificate: Option<Vec<u8>>,
    /// All addresses of the other server.
    pub target_addresses: Option<Vec<String>>,
}

impl ServerRedirection {
    /// Flags that follow from the fields that are there.
    const FIELD_FLAGS: RedirectionFlags = RedirectionFlags::TARGET_NET_ADDRESS
        .union(RedirectionFlags::LOAD_BALANCE_INFO)
        .union(RedirectionFlags::USERNAME)
        .union(RedirectionFlags::DOMAIN)
        .union(RedirectionFlags::PASSWORD)
        .union(RedirectionFlags::TARGET_FQDN)
        .union(RedirectionFlags::TARGET_NETBIOS_NAME)
        .union(RedirectionFlags::TARGET_NET_ADDRESSES)
        .union(RedirectionFlags::CLIENT_TSV_URL)
        .union(RedirectionFlags::REDIRECTION_GUID)
        .union(RedirectionFlags::TARGET_CERTIFICATE);

    /// False where the packet informs only, and the connection goes on.
    pub fn is_redirect(&self) -> bool {
        !self.flags.contains(RedirectionFlags::NO_REDIRECT)
    }

    /// The password is a blob for RDSTLS.
    pub fn is_password_encrypted(&self) -> bool {
        self.flags
            .contains(RedirectionFlags::PASSWORD_IS_PK_ENCRYPTED)
    }

    /// The certificate that the other server must show, DER (`TARGET_CERTIFICATE_CONTAINER`,
    /// `[MS-RDPBCGR] 2.2.13.1.2`); `None` where there is none that can be read.
    pub fn certificate_der(&self) -> Option<Vec<u8>> {
        let container = decode_base64(&utf16_text(self.target_certificate.as_ref()?))?;
        let mut cursor = Cursor::new(&container, "target certificate container");
        while !cursor.is_empty() {
            let kind = cursor.u32().ok()?;
            let encoding = cursor.u32().ok()?;
            let bytes = cursor.u32().ok()? as usize;
            let data = cursor.take(bytes).ok()?;
            if kind == ELEMENT_CERTIFICATE && encoding == ENCODING_DER {
                return Some(data.to_vec());
            }
        }
        None
    }

    /// Reads the body of a share control PDU of kind [`ShareControlKind::ServerRedirection`]
    /// (`TS_ENHANCED_SECURITY_SERVER_REDIRECTION`, `[MS-RDPBCGR] 2.2.13.3.1`). Under standard
    /// security the packet follows the security header, and [`Pdu::decode`] reads it.
    pub fn decode_enhanced(body: &[u8]) -> DecodeResult<Self> {
        let mut cursor = Cursor::new(body, "server redirection");
        cursor.skip(2)?;
        Self::decode(&mut cursor)
    }

    /// Appends the whole share control PDU of the enhanced form.
    pub fn write_enhanced(&self, source: u16, out: &mut Vec<u8>) {
        ShareControlPdu::write(ShareControlKind::ServerRedirection, source, out, |out| {
            out.put_zeros(2);
            self.encode(out);
            out.put_u8(0);
        });
    }
}

impl Pdu for ServerRedirection {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "server redirection";
        cursor.set_context(CONTEXT);
        let identifier = cursor.u16()?;
        if identifier != REDIRECTION_PACKET {
            return Err(DecodeError::invalid(CONTEXT, "Flags", identifier));
        }
        let length = usize::from(cursor.u16()?);
        let Some(length) = length.checked_sub(4) else {
            return Err(DecodeError::invalid(CONTEXT, "Length", length as u64));
        };
        let packet = &mut cursor.sub(length, CONTEXT)?;
        let session_id = packet.u32()?;
        let flags = RedirectionFlags::from_bits_retain(packet.u32()?);
        let mut has = |flag: RedirectionFlags| {
            if !flags.contains(flag) {
                return Ok(None);
            }
            let bytes = packet.u32()? as usize;
            packet.take(bytes).map(Some)
        };
        let text = |field: DecodeResult<Option<&[u8]>>| field.map(|bytes| bytes.map(utf16_text));
        let raw = |field: DecodeResult<Option<&[u8]>>| field.map(|bytes| bytes.map(<[u8]>::to_vec));
        let target_address = text(has(RedirectionFlags::TARGET_NET_ADDRESS))?;
        let load_balance_info = raw(has(RedirectionFlags::LOAD_BALANCE_INFO))?;
        let user = text(has(RedirectionFlags::USERNAME))?;
        let domain = text(has(RedirectionFlags::DOMAIN))?;
        let password = has(RedirectionFlags::PASSWORD)?.map(RedirectionPassword::new);
        let target_fqdn = text(has(RedirectionFlags::TARGET_FQDN))?;
        let target_netbios_name = text(has(RedirectionFlags::TARGET_NETBIOS_NAME))?;
        let tsv_url = raw(has(RedirectionFlags::CLIENT_TSV_URL))?;
        let redirection_guid = raw(has(RedirectionFlags::REDIRECTION_GUID))?;
        let target_certificate = raw(has(RedirectionFlags::TARGET_CERTIFICATE))?;
        let target_addresses = has(RedirectionFlags::TARGET_NET_ADDRESSES)?
            .map(decode_addresses)
            .transpose()?;
        Ok(Self {
            session_id,
            flags: flags.difference(Self::FIELD_FLAGS),
            target_address,
            load_balance_info,
            user,
            domain,
            password,
            target_fqdn,
            target_netbios_name,
            tsv_url,
            redirection_guid,
            target_certificate,
            target_addresses,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let text = |text: &Option<String>| text.as_deref().map(terminated);
        let fields = [
            (
                RedirectionFlags::TARGET_NET_ADDRESS,
                text(&self.target_address),
            ),
            (
                RedirectionFlags::LOAD_BALANCE_INFO,
                self.load_balance_info.clone(),
            ),
            (RedirectionFlags::USERNAME, text(&self.user)),
            (RedirectionFlags::DOMAIN, text(&self.domain)),
            (
                RedirectionFlags::PASSWORD,
                self.password
                    .as_ref()
                    .map(|password| password.expose().to_vec()),
            ),
            (RedirectionFlags::TARGET_FQDN, text(&self.target_fqdn)),
            (
                RedirectionFlags::TARGET_NETBIOS_NAME,
                text(&self.target_netbios_name),
            ),
            (RedirectionFlags::CLIENT_TSV_URL, self.tsv_url.clone()),
            (
                RedirectionFlags::REDIRECTION_GUID,
                self.redirection_guid.clone(),
            ),
            (
                RedirectionFlags::TARGET_CERTIFICATE,
                self.target_certificate.clone(),
            ),
            (
                RedirectionFlags::TARGET_NET_ADDRESSES,
                self.target_addresses.as_deref().map(encode_addresses),
            ),
        ];
        let mut flags = self.flags.difference(Self::FIELD_FLAGS);
        let start = out.len();
        out.put_u16(REDIRECTION_PACKET);
        out.put_u16(0);
        out.put_u32(self.session_id);
        out.put_u32(0);
        for (flag, field) in fields {
            if let Some(field) = field.map(Zeroizing::new) {
                flags |= flag;
                out.put_u32(field.len() as u32);
                out.put(&field);
            }
        }
        let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
        out[start + 2..start + 4].copy_from_slice(&length.to_le_bytes());
        out[start + 8..start + 12].copy_from_slice(&flags.bits().to_le_bytes());
        out.put_zeros(8);
    }
}

fn terminated(text: &str) -> Vec<u8> {
    let mut bytes = utf16_bytes(text);
    bytes.put_u16(0);
    bytes
}

/// `TARGET_NET_ADDRESSES` (`[MS-RDPBCGR] 2.2.13.1.1`).
fn decode_addresses(bytes: &[u8]) -> DecodeResult<Vec<String>> {
    const CONTEXT: &str = "target net addresses";
    let mut cursor = Cursor::new(bytes, CONTEXT);
    let count = cursor.u32()?;
    if count > MAX_ADDRESSES {
        return Err(DecodeError::TooLarge {
            context: CONTEXT,
            field: "addressCount",
            value: count.into(),
            limit: MAX_ADDRESSES.into(),
        });
    }
    (0..count)
        .map(|_| {
            let bytes = cursor.u32()? as usize;
            cursor.take(bytes).map(utf16_text)
        })
        .collect()
}

fn encode_addresses(addresses: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u32(addresses.len() as u32);
    for address in addresses {
        let address = terminated(address);
        out.put_u32(address.len() as u32);
        out.put(&address);
    }
    out
}

/// RFC 4648 section 4; `None` for anything that is not it. White space is skipped, as the wire's
/// text may be broken into lines.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut bits = 0u32;
    let mut count = 0;
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            b' ' | b'\r' | b'\n' | b'\t' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_text_only_where_it_is_terminated_text() {
        let password = RedirectionPassword::from_text(&Secret::new("p\u{e4}ss"));
        assert_eq!(password.text(), Some(Secret::new("p\u{e4}ss")));
        for blob in [&b"\x02\0\0\x80DSHL"[..], b"abc", b"", b"a\0\0\0b\0\0\0"] {
            assert_eq!(RedirectionPassword::new(blob).text(), None);
        }
        assert!(!format!("{password:?}").contains("112"));
    }

    #[test]
    fn the_certificate_is_found_behind_other_elements() {
        let mut container = Vec::new();
        for (kind, encoding, data) in [(7, 1, &b"other"[..]), (32, 1, b"DER!")] {
            container.put_u32(kind);
            container.put_u32(encoding);
            container.put_u32(data.len() as u32);
            container.put(data);
        }
        // base64 of the 33 bytes above
        let text = "BwAAAAEAAAAFAAAAb3RoZXIgAAAAAQAAAAQAAABERVIh";
        assert_eq!(decode_base64(text), Some(container));
        let redirection = ServerRedirection {
            target_certificate: Some(terminated(text)),
            ..Default::default()
        };
        assert_eq!(redirection.certificate_der().as_deref(), Some(&b"DER!"[..]));
    }

    #[test]
    fn a_flag_whose_field_is_cut_off_is_an_error() {
        let redirection = ServerRedirection {
            user: Some("me".to_owned()),
            ..Default::default()
        };
        let bytes = redirection.to_vec();
        // Without the padding, one byte at a time less.
        for end in 12..bytes.len() - 8 {
            let mut cut = bytes[..end].to_vec();
            cut[2..4].copy_from_slice(&(end as u16).to_le_bytes());
            assert!(ServerRedirection::decode(&mut Cursor::new(&cut, "test")).is_err());
        }
        assert_eq!(
            ServerRedirection::decode(&mut Cursor::new(&bytes, "test")),
            Ok(redirection)
        );
    }
}
