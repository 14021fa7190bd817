//! The certificate verifier that rustls calls in the middle of a handshake.

use std::sync::{Arc, OnceLock};

use rustls::{
    DigitallySignedStruct, Error as TlsError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{CertificatePolicy, Fingerprint};

/// What a server showed in the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Fingerprint of its certificate.
    pub fingerprint: Fingerprint,
    /// `None` where the platform trusts it, else what the platform's verifier said. Not asked
    /// under the policies that do not care.
    pub platform_objection: Option<String>,
}

/// Verifies the handshake's signature always, and notes what the platform thinks of the
/// certificate. The decision falls after the handshake, in [`crate::tls`], before any secret is
/// sent.
#[derive(Debug)]
pub struct CertificateVerifier {
    provider: Arc<CryptoProvider>,
    policy: CertificatePolicy,
    presented: OnceLock<Presented>,
}

impl CertificateVerifier {
    /// A verifier for one handshake.
    pub fn new(provider: Arc<CryptoProvider>, policy: CertificatePolicy) -> Self {
        Self {
            provider,
            policy,
            presented: OnceLock::new(),
        }
    }

    /// What the server showed; `None` before it did.
    pub fn presented(&self) -> Option<&Presented> {
        self.presented.get()
    }

    /// The platform's objection to a certificate chain, if it has one.
    fn platform_objection(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Option<String> {
        // Loads the platform's roots: tens of milliseconds, so only where the answer counts.
        let verifier = match rustls_platform_verifier::Verifier::new(self.provider.clone()) {
            Ok(verifier) => verifier,
            Err(error) => return Some(error.to_string()),
        };
        verifier
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .err()
            .map(|error| error.to_string())
    }
}

impl ServerCertVerifier for CertificateVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let asks_platform = match self.policy {
            CertificatePolicy::TrustOnFirstUse | CertificatePolicy::Strict => true,
            CertificatePolicy::Ignore | CertificatePolicy::Sha256(_) => false,
        };
        let platform_objection = asks_platform
            .then(|| {
                self.platform_objection(end_entity, intermediates, server_name, ocsp_response, now)
            })
            .flatten();
        // A second certificate in one connection cannot happen: TLS 1.2 renegotiation is not
        // supported by rustls. The first one counts.
        let _ = self.presented.set(Presented {
            fingerprint: Fingerprint::of(end_entity),
            platform_objection,
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
