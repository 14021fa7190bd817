//! The key in a server's certificate (`[MS-RDPBCGR] 2.2.1.4.3.1`, `[MS-RDPELE] 2.2.1.4`).
//!
//! Two forms exist: Microsoft's own, and a chain of X.509 certificates. Nothing is verified: the
//! first form is signed with a key that everybody knows, the second by authorities that nobody
//! else trusts, and TLS protects the exchange already.

use num_bigint::BigUint;

use super::keys::PREMASTER_BYTES;
use crate::{
    mcs::ber,
    wire::{Cursor, DecodeError, DecodeResult},
};

const CONTEXT: &str = "server certificate";

/// `CERT_CHAIN_VERSION_1`: Microsoft's own form.
const PROPRIETARY: u32 = 1;
/// `CERT_CHAIN_VERSION_2`: a chain of X.509 certificates.
const X509_CHAIN: u32 = 2;
/// Bit of the version for certificates that were issued for a while only.
const TEMPORARY: u32 = 0x8000_0000;

/// `RSA1`.
const RSA_MAGIC: u32 = 0x3141_5352;
/// Zeros behind a modulus, and behind what was encrypted with it.
const PADDING_BYTES: usize = 8;

/// Most certificates of a chain.
const MAX_CHAIN: u32 = 200;

/// Most bytes of a modulus: 4096 bits. Its cube is about what an encryption costs.
const MAX_MODULUS_BYTES: usize = 512;
/// Most bytes of an exponent; all known ones are 65537.
const MAX_EXPONENT_BYTES: usize = 8;

const DER_INTEGER: u8 = 0x02;
const DER_BIT_STRING: u8 = 0x03;
const DER_SEQUENCE: u8 = 0x30;
const DER_VERSION: u8 = 0xa0;

/// An RSA public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaPublicKey {
    modulus: BigUint,
    exponent: BigUint,
    modulus_bytes: usize,
}

impl RsaPublicKey {
    /// The key of a certificate blob, in either form.
    pub fn from_certificate(blob: &[u8]) -> DecodeResult<Self> {
        let mut cursor = Cursor::new(blob, CONTEXT);
        match cursor.u32()? & !TEMPORARY {
            PROPRIETARY => Self::from_proprietary(&mut cursor),
            X509_CHAIN => Self::from_chain(&mut cursor),
            version => Err(DecodeError::invalid(CONTEXT, "dwVersion", version)),
        }
    }

    fn from_proprietary(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.skip(4 + 4 + 2)?; // signature algorithm, key algorithm, blob type
        let blob_bytes = cursor.u16()?;
        let mut key = cursor.sub(blob_bytes.into(), "RSA public key")?;
        let magic = key.u32()?;
        if magic != RSA_MAGIC {
            return Err(DecodeError::invalid("RSA public key", "magic", magic));
        }
        let padded_bytes = key.u32()? as usize;
        key.skip(4 + 4)?; // bits, most bytes to encrypt
        let exponent = key.array::<4>()?;
        let modulus = key.take(padded_bytes)?;
        let modulus = &modulus[..padded_bytes.saturating_sub(PADDING_BYTES)];
        Self::new(
            BigUint::from_bytes_le(modulus),
            BigUint::from_bytes_le(&exponent),
        )
    }

    fn from_chain(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        let count = cursor.u32()?;
        if !(1..=MAX_CHAIN).contains(&count) {
            return Err(DecodeError::invalid(CONTEXT, "NumCertBlobs", count));
        }
        let mut leaf = &[][..];
        for _ in 0..count {
            let bytes = cursor.u32()? as usize;
            leaf = cursor.take(bytes)?;
        }
        Self::from_x509(leaf)
    }

    /// Licence servers write algorithm identifiers and serial numbers that strict parsers refuse:
    /// all that is looked at is where the key lies (`[RFC5280] 4.1`).
    fn from_x509(certificate: &[u8]) -> DecodeResult<Self> {
        let mut certificate = expect(&mut Cursor::new(certificate, CONTEXT), DER_SEQUENCE)?;
        let mut fields = expect(&mut certificate, DER_SEQUENCE)?;
        if fields.peek_u8()? == DER_VERSION {
            expect(&mut fields, DER_VERSION)?;
        }
        expect(&mut fields, DER_INTEGER)?; // serial number
        for _ in 0..4 {
            expect(&mut fields, DER_SEQUENCE)?; // signature, issuer, validity, subject
        }
        let mut key_info = expect(&mut fields, DER_SEQUENCE)?;
        expect(&mut key_info, DER_SEQUENCE)?; // algorithm
        let mut bits = expect(&mut key_info, DER_BIT_STRING)?;
        bits.skip(1)?; // unused bits
        let mut key = expect(&mut bits, DER_SEQUENCE)?;
        let modulus = expect(&mut key, DER_INTEGER)?.rest();
        let exponent = expect(&mut key, DER_INTEGER)?.rest();
        Self::new(
            BigUint::from_bytes_be(modulus),
            BigUint::from_bytes_be(exponent),
        )
    }

    fn new(modulus: BigUint, exponent: BigUint) -> DecodeResult<Self> {
        let modulus_bytes = (modulus.bits() as usize).div_ceil(8);
        if !(PREMASTER_BYTES + 1..=MAX_MODULUS_BYTES).contains(&modulus_bytes) {
            return Err(DecodeError::invalid(
                "RSA public key",
                "modulus length",
                modulus_bytes as u64,
            ));
        }
        let exponent_bytes = (exponent.bits() as usize).div_ceil(8);
        if !(1..=MAX_EXPONENT_BYTES).contains(&exponent_bytes) {
            return Err(DecodeError::invalid(
                "RSA public key",
                "exponent length",
                exponent_bytes as u64,
            ));
        }
        Ok(Self {
            modulus,
            exponent,
            modulus_bytes,
        })
    }

    /// Encrypts a premaster secret as RDP does it: no padding inside, low byte first, 8 zeros
    /// behind (`[MS-RDPBCGR] 5.3.4.1`).
    pub fn encrypt(&self, premaster: &[u8; PREMASTER_BYTES]) -> Vec<u8> {
        let mut encrypted = BigUint::from_bytes_le(premaster)
            .modpow(&self.exponent, &self.modulus)
            .to_bytes_le();
        encrypted.resize(self.modulus_bytes + PADDING_BYTES, 0);
        encrypted
    }
}

/// The content of a DER value of this tag.
fn expect<'a>(cursor: &mut Cursor<'a>, tag: u8) -> DecodeResult<Cursor<'a>> {
    let got = cursor.u8()?;
    if got != tag {
        return Err(DecodeError::invalid(CONTEXT, "DER tag", got));
    }
    let length = ber::read_length(cursor)?;
    cursor.sub(length, CONTEXT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Microsoft's own form around a modulus.
    fn proprietary(modulus: &[u8]) -> Vec<u8> {
        let mut out = vec![1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 6, 0];
        out.extend(((20 + modulus.len() + 8) as u16).to_le_bytes());
        out.extend(RSA_MAGIC.to_le_bytes());
        out.extend(((modulus.len() + 8) as u32).to_le_bytes());
        out.extend([0; 8]);
        out.extend(65537u32.to_le_bytes());
        out.extend(modulus);
        out.extend([0; 8]);
        out
    }

    #[test]
    fn a_key_too_short_for_the_secret_or_too_long_for_us_is_refused() {
        for (bytes, is_taken) in [(48, false), (64, true), (512, true), (513, false)] {
            let blob = proprietary(&vec![0xff; bytes]);
            assert_eq!(
                RsaPublicKey::from_certificate(&blob).is_ok(),
                is_taken,
                "{bytes}"
            );
        }
        assert!(RsaPublicKey::from_certificate(&proprietary(&[0; 64])).is_err());
    }

    proptest! {
        #[test]
        fn random_certificates_do_not_panic(
            form in 1u32..3,
            data in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut blob = form.to_le_bytes().to_vec();
            blob.extend(data);
            let _ = RsaPublicKey::from_certificate(&blob);
        }
    }
}
