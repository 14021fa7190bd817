//! Whether a server's certificate is to be believed.
//!
//! Desktops rarely carry a certificate that an authority signed, so trust on first use is the
//! default: a certificate that the platform trusts is taken as it is, any other is pinned by its
//! SHA-256 the first time and must be the same ever after. The handshake's signature is verified
//! under every policy, so that a certificate proves the possession of its key.

mod verifier;

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};
use thiserror::Error;

pub use verifier::{CertificateVerifier, Presented};

/// The SHA-256 of a certificate's DER bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    pub fn of(certificate_der: &[u8]) -> Self {
        Self(Sha256::digest(certificate_der).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no fingerprint.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{0:?} is no SHA-256 fingerprint: 64 hexadecimal digits are needed, colons may stand between"
)]
pub struct FingerprintError(String);

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Reads 64 hexadecimal digits, with or without `sha256:` in front and colons in between.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || FingerprintError(text.to_owned());
        let digits = text
            .get(..7)
            .filter(|prefix| prefix.eq_ignore_ascii_case("sha256:"));
        let digits = &text[digits.map_or(0, str::len)..];
        let mut nibbles = digits.chars().filter(|&c| c != ':').map(|c| c.to_digit(16));
        let mut bytes = [0u8; 32];
        for byte in &mut bytes {
            let high = nibbles.next().flatten().ok_or_else(error)?;
            let low = nibbles.next().flatten().ok_or_else(error)?;
            *byte = (high << 4 | low) as u8;
        }
        if nibbles.next().is_some() {
            return Err(error());
        }
        Ok(Self(bytes))
    }
}

/// Which certificates to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificatePolicy {
    /// What the platform trusts, else trust on first use.
    #[default]
    TrustOnFirstUse,
    /// Only what the platform trusts.
    Strict,
    /// Anything. Anyone in between can read along.
    Ignore,
    /// Only this one.
    Sha256(Fingerprint),
}

/// Why a certificate was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The platform's roots vouch for it.
    Platform,
    /// It was pinned on an earlier visit.
    Known,
    /// It was pinned just now.
    PinnedNow,
    /// It is the one that was asked for.
    Fingerprint,
    /// Nobody looked.
    Ignored,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_what_it_writes_and_what_openssl_writes() {
        let fingerprint = Fingerprint::of(b"certificate");
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        let openssl = fingerprint.0.map(|byte| format!("{byte:02X}")).join(":");
        assert_eq!(openssl.parse(), Ok(fingerprint));
        assert_eq!(format!("SHA256:{openssl}").parse(), Ok(fingerprint));
    }

    #[test]
    fn a_short_a_long_and_a_foreign_fingerprint_are_refused() {
        let good = Fingerprint::of(b"certificate").to_string();
        for bad in [
            &good[..good.len() - 1],
            &format!("{good}0"),
            "sha1:00",
            "",
            "é",
            "sha256:",
        ] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad:?}");
        }
    }
}
