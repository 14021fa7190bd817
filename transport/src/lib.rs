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
//!
//! # Example
//!
//! ```no_run
//! use oriel_codecs::geometry::Size;
//! use oriel_protocol::{client::ClientConfig, secret::{Credentials, Secret}};
//! use oriel_transport::{ConnectOptions, connect};
//!
//! # async fn example() -> Result<(), oriel_transport::ConnectError> {
//! let options = ConnectOptions::new("desktop.example", 3389);
//! let credentials = Credentials {
//!     user: "ada".into(),
//!     domain: String::new(),
//!     password: Secret::new("correct horse"),
//! };
//! let config = ClientConfig::new("desktop.example", credentials, Size::new(1280, 800));
//! let session = connect(&options, config, |progress| println!("{progress:?}")).await?;
//! println!("{:?}", session.report);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod certificate;
mod connect;
pub mod credssp;
mod error;
pub mod known_hosts;
mod tcp;
pub mod tls;

pub use certificate::{CertificatePolicy, Fingerprint, Trust};
pub use connect::{
    ConnectOptions, ConnectProgress, ConnectReport, Established, StepTiming, connect,
};
pub use credssp::KerberosOptions;
pub use error::{ConnectError, SignInFailure};
pub use tcp::connect_tcp;
