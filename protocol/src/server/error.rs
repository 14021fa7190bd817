//! What ends a server's connection as an error, sorted by who is to blame.

use thiserror::Error;

use crate::{client::ConnectionStep, wire::DecodeError, x224::NegotiationFailure};

/// Why the conversation cannot go on. What waits to be sent should still be sent.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerError {
    /// The peer cannot do what is required: no security protocol in common. It was told.
    #[error("no security protocol in common: the client was told that {0}")]
    NegotiationRefused(NegotiationFailure),
    /// The peer said nothing for too long.
    #[error("the client said nothing during {step:?}")]
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
        what: &'static str,
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
