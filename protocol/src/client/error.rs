//! What ends a connection as an error, sorted by who is to blame.

use thiserror::Error;

use super::ConnectionStep;
use crate::{wire::DecodeError, x224::NegotiationFailure};

/// Why the conversation cannot go on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The peer cannot do what was asked for: it refused to negotiate
    /// (`[MS-RDPBCGR] 2.2.1.2.2`).
    #[error("{0}")]
    NegotiationFailed(NegotiationFailure),
    /// The peer cannot do what was asked for: it only knows RDP Standard Security, which is not
    /// implemented because it protects nothing.
    #[error("the server only offers RDP Standard Security")]
    StandardSecurityOnly,
    /// The peer cannot do what was asked for: it picked a security protocol that was not offered.
    #[error("the server picked security protocol {0:#x}, which was not offered")]
    SecurityNotOffered(u32),
    /// The peer cannot do what was asked for: no licence.
    #[error(
        "the server refused a licence (error {error_code:#x}, state transition {state_transition})"
    )]
    LicenseRefused {
        /// `dwErrorCode`, `[MS-RDPBCGR] 2.2.1.12.1.3`.
        error_code: u32,
        /// `dwStateTransition`.
        state_transition: u32,
    },
    /// The peer said nothing for too long.
    #[error("the server said nothing during {step:?}")]
    Timeout {
        /// Where the connection stood.
        step: ConnectionStep,
    },
    /// The peer broke the protocol: what it sent does not belong here.
    #[error("{what} is not expected during {step:?}")]
    UnexpectedPdu {
        /// Where the connection stood.
        step: ConnectionStep,
        /// What came.
        what: String,
    },
    /// The peer broke the protocol: what it sent cannot be read.
    #[error("{source} (during {step:?})")]
    Decode {
        /// Where the connection stood.
        step: ConnectionStep,
        /// What was wrong.
        #[source]
        source: DecodeError,
    },
    /// The caller misused the machine.
    #[error("the caller broke the contract: {0}")]
    Misuse(&'static str),
}
