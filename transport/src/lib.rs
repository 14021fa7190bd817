//! Bytes to and from the peer: TCP, TLS, CredSSP, and who is trusted.
//!
//! This crate owns sockets and cryptography so that `oriel-protocol` need not. It finds the server,
//! opens a connection, runs the protocol's machine over it, and steps in where the machine asks for
//! TLS ([`tls`]) and Network Level Authentication ([`credssp`]). It knows nothing of pixels, and no
//! PDU beyond the `TSRequest` of `[MS-CSSP]`.
//!
//! ```text
//!  host:port ─▶ tcp ─▶ machine: X.224 ─▶ tls ─▶ credssp ─▶ machine: MCS … Active ─▶ Established
//!                                         │
//!                                  certificate: platform roots, known hosts, fingerprints
//! ```
#![forbid(unsafe_code)]

pub mod certificate;
pub mod credssp;
mod error;
pub mod known_hosts;
mod tcp;
pub mod tls;

pub use certificate::{CertificatePolicy, Fingerprint, Trust};
pub use credssp::KerberosOptions;
pub use error::{ConnectError, SignInFailure};
pub use tcp::connect_tcp;
