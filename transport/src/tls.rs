//! TLS 1.2 and 1.3 on both sides, and the decision whether the server is trusted.
//!
//! `SSLKEYLOGFILE` is honoured on the client's side, as browsers do, so that a capture of one's own
//! session can be read.

use std::{io, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig as TlsClientConfig, KeyLogFile, ServerConfig as TlsServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use x509_cert::der::{Decode, Encode};

use crate::{
    certificate::{CertificatePolicy, CertificateVerifier, Fingerprint, Presented, Trust},
    error::ConnectError,
    known_hosts::KnownHosts,
};

/// What TLS settled on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsReport {
    /// `TLSv1_2` or `TLSv1_3`.
    pub version: String,
    /// The cipher suite.
    pub cipher_suite: String,
    /// The server's certificate.
    pub fingerprint: Fingerprint,
    /// Why it was taken.
    pub trust: Trust,
    /// What the platform's verifier had against it, where it was asked and objected.
    pub platform_objection: Option<String>,
}

/// A protected stream with what is known of the server.
#[derive(Debug)]
pub struct SecuredStream<S> {
    /// The stream.
    pub stream: client::TlsStream<S>,
    /// What was settled.
    pub report: TlsReport,
    /// The server's `SubjectPublicKey`, which CredSSP binds to (`[MS-CSSP] 3.1.5`).
    pub server_public_key: Vec<u8>,
}

/// The certificate policy of a connection and where its pins are kept.
#[derive(Clone, Debug, Default)]
pub struct TrustSettings {
    /// Which certificates are taken.
    pub policy: CertificatePolicy,
    /// The known-hosts file; `None` pins nothing and knows nobody.
    pub known_hosts: Option<PathBuf>,
}

/// Runs the client's side of the handshake and decides whether the server is trusted.
///
/// # Errors
/// [`ConnectError::Tls`] where the handshake fails, [`ConnectError::CertificateChanged`],
/// [`ConnectError::CertificateUntrusted`] or [`ConnectError::KnownHosts`] where the server is not
/// trusted. Nothing but the handshake was sent then.
pub async fn connect<S>(
    stream: S,
    host: &str,
    port: u16,
    trust: &TrustSettings,
) -> Result<SecuredStream<S>, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let provider = provider();
    let verifier = Arc::new(CertificateVerifier::new(provider.clone(), trust.policy));
    let mut config = TlsClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::Tls(io::Error::other(error)))?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    config.key_log = Arc::new(KeyLogFile::new());
    // CredSSP and RDP end with the connection: a ticket would never be used again.
    config.resumption = rustls::client::Resumption::disabled();

    // A name that is no DNS name (an underscore, say) must not keep anyone from connecting: it is
    // only left out of the handshake then.
    let name = ServerName::try_from(host.to_owned())
        .unwrap_or_else(|_| ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into()));
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(ConnectError::Tls)?;

    let missing = || ConnectError::Tls(io::Error::other("the server showed no certificate"));
    let presented = verifier.presented().ok_or_else(missing)?.clone();
    let decision = decide(&presented, host, port, trust)?;
    let (_, session) = stream.get_ref();
    let certificate = session
        .peer_certificates()
        .and_then(<[_]>::first)
        .ok_or_else(missing)?;
    let report = TlsReport {
        version: session
            .protocol_version()
            .map_or_else(String::new, |v| format!("{v:?}")),
        cipher_suite: session
            .negotiated_cipher_suite()
            .map_or_else(String::new, |suite| format!("{:?}", suite.suite())),
        fingerprint: presented.fingerprint,
        trust: decision,
        platform_objection: presented.platform_objection,
    };
    let server_public_key = subject_public_key(certificate).map_err(ConnectError::Tls)?;
    Ok(SecuredStream {
        stream,
        report,
        server_public_key,
    })
}

fn decide(
    presented: &Presented,
    host: &str,
    port: u16,
    trust: &TrustSettings,
) -> Result<Trust, ConnectError> {
    let changed = |known, known_hosts| ConnectError::CertificateChanged {
        host: format!("{host}:{port}"),
        known,
        presented: presented.fingerprint,
        known_hosts,
    };
    match (trust.policy, &presented.platform_objection) {
        (CertificatePolicy::Ignore, _) => Ok(Trust::Ignored),
        (CertificatePolicy::Sha256(wanted), _) if wanted == presented.fingerprint => {
            Ok(Trust::Fingerprint)
        }
        (CertificatePolicy::Sha256(wanted), _) => Err(changed(wanted, None)),
        (CertificatePolicy::Strict | CertificatePolicy::TrustOnFirstUse, None) => {
            Ok(Trust::Platform)
        }
        (CertificatePolicy::Strict, Some(reason)) => Err(ConnectError::CertificateUntrusted {
            presented: presented.fingerprint,
            reason: reason.clone(),
        }),
        (CertificatePolicy::TrustOnFirstUse, Some(_)) => {
            let Some(path) = &trust.known_hosts else {
                return Ok(Trust::PinnedNow);
            };
            let list = KnownHosts::new(path);
            match list.find(host, port)? {
                Some(known) if known == presented.fingerprint => Ok(Trust::Known),
                Some(known) => Err(changed(known, Some(path.clone()))),
                None => {
                    list.pin(host, port, presented.fingerprint)?;
                    Ok(Trust::PinnedNow)
                }
            }
        }
    }
}

/// A server's certificate with its key.
#[derive(Clone)]
pub struct ServerIdentity {
    config: Arc<TlsServerConfig>,
    certificate: CertificateDer<'static>,
}

impl std::fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerIdentity")
            .field("fingerprint", &self.fingerprint())
            .finish()
    }
}

impl ServerIdentity {
    /// An identity from a certificate and its key in DER.
    pub fn new(
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, rustls::Error> {
        let config = TlsServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)?;
        Ok(Self {
            config: Arc::new(config),
            certificate,
        })
    }

    /// Fingerprint of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// The certificate's `SubjectPublicKey`, which CredSSP binds to.
    pub fn public_key(&self) -> io::Result<Vec<u8>> {
        subject_public_key(&self.certificate)
    }

    /// Runs the server's side of the handshake.
    pub async fn accept<S>(&self, stream: S) -> io::Result<server::TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        TlsAcceptor::from(self.config.clone()).accept(stream).await
    }
}

/// The `SubjectPublicKey` bits of a certificate: the contents of the BIT STRING, without the
/// algorithm before it.
fn subject_public_key(certificate: &[u8]) -> io::Result<Vec<u8>> {
    let invalid = |error: x509_cert::der::Error| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("server certificate: {error}"),
        )
    };
    // Only the fields up to the key are read strictly: certificates of self-made authorities have
    // odd extensions.
    let certificate = x509_cert::Certificate::from_der(certificate).map_err(invalid)?;
    let info = certificate.tbs_certificate().subject_public_key_info();
    // RFC 5280 keys are whole bytes; an unused-bits count would be part of the DER only.
    let bits = &info.subject_public_key;
    bits.as_bytes()
        .map(<[u8]>::to_vec)
        .map_or_else(|| bits.to_der().map_err(invalid), Ok)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
