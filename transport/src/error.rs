//! Why a connection could not be made, one variant for each thing that a person can act upon.

use std::{io, path::PathBuf, time::Duration};

use oriel_protocol::{
    client::ProtocolError,
    client::{ConnectionStep, DisconnectReason},
};
use thiserror::Error;

use crate::{certificate::Fingerprint, known_hosts::KnownHostsError};

/// Why there is no session.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name has no address.
    #[error("no address for {host:?}")]
    NameNotFound {
        /// The name asked for.
        host: String,
        /// What the resolver said.
        #[source]
        source: Option<io::Error>,
    },
    /// Somebody answered that nothing listens there.
    #[error("{host}:{port} refused the connection")]
    Refused {
        /// The server's name.
        host: String,
        /// Its port.
        port: u16,
    },
    /// The network has no way to the server, or another error of the system.
    #[error("{host}:{port} cannot be reached: {source}")]
    Unreachable {
        /// The server's name.
        host: String,
        /// Its port.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No connection within the time allowed.
    #[error("no answer from {host}:{port} within {} s", limit.as_secs_f32())]
    ConnectTimeout {
        /// The server's name.
        host: String,
        /// Its port.
        port: u16,
        /// The time allowed.
        limit: Duration,
    },
    /// The server stopped talking while connecting.
    #[error("the server said nothing for {} s during {step:?}", limit.as_secs_f32())]
    StepTimeout {
        /// Where the connection stood.
        step: ConnectionStep,
        /// The time allowed.
        limit: Duration,
    },
    /// Something listens there, but its first answer is not RDP.
    #[error("the server does not speak RDP: {reason}")]
    NotRdp {
        /// What it said in place of an answer.
        reason: String,
    },
    /// The server only offers the old RDP encryption, which protects nothing today.
    #[error("the server offers neither TLS nor CredSSP")]
    NoModernSecurity,
    /// The server insists on Network Level Authentication, which was not offered.
    #[error("the server requires network level authentication")]
    NlaRequired,
    /// Network Level Authentication was demanded here, and the server has none.
    #[error("the server does not offer network level authentication")]
    NlaUnavailable,
    /// The server refused to negotiate for another reason.
    #[error("the server refused to negotiate: {0}")]
    NegotiationRefused(ProtocolError),
    /// The TLS handshake failed.
    #[error("TLS failed: {0}")]
    Tls(#[source] io::Error),
    /// The server's certificate is not the one that was pinned.
    #[error("the certificate of {host} changed: known {known}, presented {presented}")]
    CertificateChanged {
        /// `host:port` as pinned.
        host: String,
        /// What was pinned.
        known: Fingerprint,
        /// What the server showed.
        presented: Fingerprint,
        /// Where the pin is kept.
        known_hosts: Option<PathBuf>,
    },
    /// The platform does not trust the server's certificate, and the policy asks for that.
    #[error("the certificate {presented} is not trusted: {reason}")]
    CertificateUntrusted {
        /// What the server showed.
        presented: Fingerprint,
        /// What the platform's verifier said.
        reason: String,
    },
    /// The list of known hosts cannot be read or written.
    #[error(transparent)]
    KnownHosts(#[from] KnownHostsError),
    /// The server did not let the user in.
    #[error("sign-in failed: {0}")]
    SignIn(#[from] SignInFailure),
    /// The licence server said no.
    #[error("licence refused: {0}")]
    LicenseRefused(ProtocolError),
    /// The server ended the session while connecting.
    #[error("the server ended the connection during {step:?}: {reason:?}")]
    Ended {
        /// Where the connection stood.
        step: ConnectionStep,
        /// What it told.
        reason: DisconnectReason,
    },
    /// The server broke the protocol.
    #[error("protocol error during {step:?}: {source}")]
    Protocol {
        /// Where the connection stood.
        step: ConnectionStep,
        /// What was wrong.
        #[source]
        source: ProtocolError,
    },
    /// The connection broke.
    #[error("the connection broke during {step:?}: {source}")]
    ConnectionLost {
        /// Where the connection stood.
        step: ConnectionStep,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Why CredSSP did not let the user in (`[MS-CSSP] 2.2.1`, `errorCode`; `[MS-ERREF] 2.3`).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignInFailure {
    /// The user or the password is wrong.
    #[error("wrong user name or password")]
    WrongPassword,
    /// The server closed the connection in the middle of the sign-in without a word, as older ones
    /// do when the password is wrong.
    #[error("the server hung up during sign-in")]
    HungUp,
    /// Too many wrong passwords.
    #[error("the account is locked")]
    AccountLocked,
    /// An administrator switched the account off, or it ran out.
    #[error("the account is disabled or expired")]
    AccountDisabled,
    /// The password ran out or must be changed first.
    #[error("the password has expired")]
    PasswordExpired,
    /// The account may not sign in here, or not now.
    #[error("the account may not sign in to this machine: {0}")]
    NotPermitted(String),
    /// A password is needed and there is none.
    #[error("no user name or password to sign in with")]
    NoCredentials,
    /// The server could not prove that it holds the key of its certificate: somebody may sit in
    /// between.
    #[error("the server could not prove its identity: {0}")]
    ServerNotProven(String),
    /// Kerberos or its key distribution centre failed.
    #[error("Kerberos failed: {0}")]
    Kerberos(String),
    /// Any other status.
    #[error("{name} ({code:#010x})")]
    Status {
        /// `NTSTATUS` value.
        code: u32,
        /// Its symbolic name.
        name: String,
    },
    /// The exchange itself went wrong.
    #[error("CredSSP: {0}")]
    Exchange(String),
    /// The connection broke.
    #[error("connection lost during sign-in: {0}")]
    Io(#[source] io::Error),
}
