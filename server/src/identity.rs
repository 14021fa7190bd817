//! A certificate made up for one run.

use oriel_transport::tls::ServerIdentity;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;

/// Why there is no certificate.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// It could not be made.
    #[error("certificate not made: {0}")]
    Generate(#[from] rcgen::Error),
    /// TLS does not take it.
    #[error("certificate not usable: {0}")]
    Tls(#[from] rustls::Error),
}

/// Makes a key and a certificate for it that nobody but itself has signed.
///
/// # Errors
/// [`IdentityError`]; not on a system that has randomness.
pub fn self_signed(names: &[String]) -> Result<ServerIdentity, IdentityError> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    Ok(ServerIdentity::new(cert.der().clone(), key)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identity_is_its_own() {
        let names = ["localhost".to_owned()];
        let first = self_signed(&names).expect("made");
        let second = self_signed(&names).expect("made");
        assert_ne!(first.fingerprint(), second.fingerprint());
        assert!(!first.public_key().expect("a key").is_empty());
    }
}
