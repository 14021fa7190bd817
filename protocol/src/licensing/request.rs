//! The server's request and the client's first answer (`[MS-RDPELE] 2.2.2.1`, `2.2.2.2`).

use super::blob;
use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire, utf16_bytes, utf16_text};

/// `KEY_EXCHANGE_ALG_RSA`.
pub(super) const KEY_EXCHANGE_RSA: u32 = 1;

/// Most issuers of a request.
const MAX_SCOPES: u32 = 256;

/// `PRODUCT_INFO`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductInfo {
    /// Version of the server's system: major in the high half, minor in the low one.
    pub version: u32,
    /// Maker.
    pub company: String,
    /// The licence that is needed, for example `A02`.
    pub product: String,
}

impl Pdu for ProductInfo {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        let version = cursor.u32()?;
        let company_bytes = cursor.u32()? as usize;
        let company = utf16_text(cursor.take(company_bytes)?);
        let product_bytes = cursor.u32()? as usize;
        let product = utf16_text(cursor.take(product_bytes)?);
        Ok(Self {
            version,
            company,
            product,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.version);
        for text in [&self.company, &self.product] {
            let bytes = utf16_bytes(text);
            out.put_u32(bytes.len() as u32 + 2);
            out.put(&bytes);
            out.put_u16(0);
        }
    }
}

/// `SERVER_LICENSE_REQUEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseRequest {
    /// The server's random.
    pub server_random: [u8; 32],
    /// What a licence is needed for.
    pub product: ProductInfo,
    /// Key exchanges that the server can do: 1 is RSA, and the only one.
    pub key_exchanges: Vec<u32>,
    /// The server's certificate (`[MS-RDPBCGR] 2.2.1.4.3.1`); may be empty.
    pub certificate: Vec<u8>,
    /// Issuers of licences that the server takes.
    pub scopes: Vec<String>,
}

impl Pdu for LicenseRequest {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "server license request";
        cursor.set_context(CONTEXT);
        let server_random = cursor.array()?;
        let product = ProductInfo::decode(cursor)?;
        let key_exchanges = blob::read(cursor)?
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&bytes| u32::from_le_bytes(bytes))
            .collect();
        let certificate = blob::read(cursor)?.to_vec();
        let count = cursor.u32()?;
        if count > MAX_SCOPES {
            return Err(DecodeError::TooLarge {
                context: CONTEXT,
                field: "ScopeCount",
                value: count.into(),
                limit: MAX_SCOPES.into(),
            });
        }
        Ok(Self {
            server_random,
            product,
            key_exchanges,
            certificate,
            scopes: (0..count)
                .map(|_| blob::read(cursor).map(blob::latin1))
                .collect::<DecodeResult<_>>()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put(&self.server_random);
        self.product.encode(out);
        let algorithms: Vec<u8> = self
            .key_exchanges
            .iter()
            .flat_map(|algorithm| algorithm.to_le_bytes())
            .collect();
        blob::write(out, blob::kind::KEY_EXCHANGE_ALGORITHMS, &algorithms);
        blob::write(out, blob::kind::CERTIFICATE, &self.certificate);
        out.put_u32(self.scopes.len() as u32);
        for scope in &self.scopes {
            blob::write(out, blob::kind::SCOPE, &blob::latin1_bytes(scope));
        }
    }
}

/// `CLIENT_NEW_LICENSE_REQUEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLicenseRequest {
    /// System and maker of the client.
    pub platform_id: u32,
    /// The client's random.
    pub client_random: [u8; 32],
    /// The premaster secret under the server's key, low byte first, 8 zeros behind.
    pub encrypted_premaster: Vec<u8>,
    /// Who asks.
    pub user_name: String,
    /// From which machine.
    pub machine_name: String,
}

impl Pdu for NewLicenseRequest {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("client new license request");
        cursor.skip(4)?; // preferred key exchange
        Ok(Self {
            platform_id: cursor.u32()?,
            client_random: cursor.array()?,
            encrypted_premaster: blob::read(cursor)?.to_vec(),
            user_name: blob::latin1(blob::read(cursor)?),
            machine_name: blob::latin1(blob::read(cursor)?),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(KEY_EXCHANGE_RSA);
        out.put_u32(self.platform_id);
        out.put(&self.client_random);
        blob::write(out, blob::kind::RANDOM, &self.encrypted_premaster);
        let names = [
            (blob::kind::CLIENT_USER_NAME, &self.user_name),
            (blob::kind::CLIENT_MACHINE_NAME, &self.machine_name),
        ];
        for (kind, name) in names {
            blob::write(out, kind, &blob::latin1_bytes(name));
        }
    }
}
