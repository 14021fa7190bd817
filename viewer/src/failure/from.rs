//! What other crates report, as the failures that a person can act upon.

use std::{io, path::Path};

use oriel_protocol::{
    client::{ConnectionStep, DisconnectReason, ProtocolError},
    error_info::ErrorInfoCategory,
};
use oriel_transport::{ConnectError, SignInFailure};

use super::Failure;
use crate::{
    recording::RecordingError,
    session::{End, Farewell},
};

impl Failure {
    /// Why connecting to `address` (host and port) as `user` failed.
    pub fn from_connect(error: ConnectError, address: &str, user: &str) -> Self {
        let address = address.to_owned();
        match error {
            ConnectError::NameNotFound { host, source } => Self::NameNotFound {
                host,
                reason: source.map_or("no such name".into(), |source| source.to_string()),
            },
            ConnectError::Refused { .. } => Self::Refused { address },
            ConnectError::Unreachable { source, .. } => Self::Unreachable {
                address,
                reason: source.to_string(),
            },
            ConnectError::ConnectTimeout { limit, .. } => Self::TimedOut {
                address,
                step: "the connection".into(),
                after: limit,
            },
            ConnectError::StepTimeout { step, limit } => Self::TimedOut {
                address,
                step: awaited(step).into(),
                after: limit,
            },
            ConnectError::NotRdp { reason } => Self::NotRdp { address, reason },
            ConnectError::NoModernSecurity => Self::SecurityRefused {
                reason: "it only knows the old RDP security".into(),
            },
            ConnectError::NlaRequired => Self::NlaRequired,
            ConnectError::NlaUnavailable => Self::NlaUnavailable,
            ConnectError::NegotiationRefused(error) => Self::SecurityRefused {
                reason: error.to_string(),
            },
            ConnectError::Tls(error) => Self::TlsFailed {
                reason: error.to_string(),
            },
            ConnectError::CertificateChanged {
                known,
                presented,
                known_hosts,
                ..
            } => Self::CertificateChanged {
                address,
                known,
                presented,
                known_hosts: known_hosts.map(|path| path.display().to_string()),
            },
            ConnectError::CertificateUntrusted { presented, reason } => {
                Self::CertificateUntrusted {
                    address,
                    reason,
                    presented,
                }
            }
            ConnectError::KnownHosts(error) => Self::KnownHosts {
                reason: error.to_string(),
            },
            ConnectError::SignIn(failure) => Self::from_sign_in(failure, user),
            ConnectError::LicenseRefused(error) => Self::LicenceRefused {
                reason: error.to_string(),
            },
            ConnectError::Ended { step, reason } => match Self::from_disconnect(reason) {
                Ok(_) => Self::ServerEnded {
                    reason: "It signed the user out".into(),
                    advice: String::new(),
                },
                Err(Self::ConnectionLost { reason, .. }) => Self::ConnectionLost {
                    step: doing(step).into(),
                    reason,
                },
                Err(failure) => failure,
            },
            ConnectError::Protocol { source, .. } => Self::from_protocol(&source),
            ConnectError::ConnectionLost { step, source } => Self::ConnectionLost {
                step: doing(step).into(),
                reason: lost(&source),
            },
            other => Self::Internal {
                reason: other.to_string(),
            },
        }
    }

    fn from_sign_in(failure: SignInFailure, user: &str) -> Self {
        let user = user.to_owned();
        match failure {
            // Older servers hang up in place of an answer when the password is wrong.
            SignInFailure::WrongPassword | SignInFailure::HungUp => Self::WrongPassword { user },
            SignInFailure::AccountLocked => Self::AccountLocked { user },
            SignInFailure::AccountDisabled => Self::AccountDisabled { user },
            SignInFailure::PasswordExpired => Self::PasswordExpired { user },
            SignInFailure::NotPermitted(reason) => Self::NotAllowed { user, reason },
            SignInFailure::NoCredentials => Self::CredentialsMissing,
            SignInFailure::Io(error) => Self::ConnectionLost {
                step: "sign-in".into(),
                reason: lost(&error),
            },
            other => Self::SignInFailed {
                reason: format!("Network level authentication says: {other}"),
                advice: "Check user and domain; if the server allows it, try --security tls."
                    .to_owned(),
            },
        }
    }

    /// The server hung up on a session that had begun, before it drew anything.
    pub fn hung_up_early() -> Self {
        Self::SignInFailed {
            reason: "The server hung up before it drew anything. Without network level \
                     authentication, that is how some servers answer a wrong password"
                .to_owned(),
            advice: "Check user name, password and domain; if they are right, look into the \
                     server's log."
                .to_owned(),
        }
    }

    /// Why a recording cannot be played.
    pub fn from_recording(path: &Path, error: &RecordingError) -> Self {
        Self::Recording {
            path: path.display().to_string(),
            reason: error.to_string(),
        }
    }

    /// Why the conversation cannot go on.
    pub fn from_protocol(error: &ProtocolError) -> Self {
        match error {
            ProtocolError::LicenseRefused { .. } => Self::LicenceRefused {
                reason: error.to_string(),
            },
            ProtocolError::Timeout { step } => Self::ConnectionLost {
                step: doing(*step).into(),
                reason: "the server fell silent".into(),
            },
            ProtocolError::Misuse(_) => Self::Internal {
                reason: error.to_string(),
            },
            _ => Self::ProtocolBroken {
                reason: error.to_string(),
            },
        }
    }

    /// How a session that the server ended counts.
    pub fn from_disconnect(reason: DisconnectReason) -> End {
        match reason {
            DisconnectReason::ClientRequest => Ok(Farewell::Left),
            DisconnectReason::ErrorInfo(info) => match info.category() {
                ErrorInfoCategory::None | ErrorInfoCategory::UserRequest => Ok(Farewell::SignedOut),
                ErrorInfoCategory::Licensing => Err(Self::LicenceRefused {
                    reason: info.what_happened().to_owned(),
                }),
                _ => Err(Self::ServerEnded {
                    reason: format!(
                        "{} ({:#x})",
                        info.what_happened().trim_end_matches('.'),
                        info.0
                    ),
                    advice: info.what_to_do().to_owned(),
                }),
            },
            DisconnectReason::ProviderUltimatum(reason) => Err(Self::ServerEnded {
                reason: match reason {
                    1 => "It shut the connection down itself".to_owned(),
                    3 => {
                        "It gave no reason: the session was closed over there, or the sign-in was \
                          refused"
                            .to_owned()
                    }
                    other => format!("It gave the reason {other} of T.125"),
                },
                advice: String::new(),
            }),
            DisconnectReason::StreamClosed => Err(Self::ConnectionLost {
                step: "the session".into(),
                reason: "the server closed it without a word".into(),
            }),
        }
    }
}

/// An error of the system, for the most usual one in words.
fn lost(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed it without a word".into(),
        _ => error.to_string(),
    }
}

/// A step as what is being done.
fn doing(step: ConnectionStep) -> &'static str {
    match step {
        ConnectionStep::Negotiation => "the negotiation of the security",
        ConnectionStep::Security => "encryption and sign-in",
        ConnectionStep::BasicSettings => "the exchange of settings",
        ConnectionStep::ChannelConnection => "the joining of channels",
        ConnectionStep::SecureSettings => "the introduction of the client",
        ConnectionStep::Licensing => "licensing",
        ConnectionStep::CapabilityExchange => "the exchange of capabilities",
        ConnectionStep::Finalization => "the start of the session",
        ConnectionStep::Active => "the session",
    }
}

/// A step as what is awaited in it.
fn awaited(step: ConnectionStep) -> &'static str {
    match step {
        ConnectionStep::Negotiation => "the answer to the first packet",
        ConnectionStep::Security => "encryption and sign-in",
        ConnectionStep::BasicSettings => "the server's settings",
        ConnectionStep::ChannelConnection => "the channels",
        ConnectionStep::SecureSettings => "the server to take the introduction",
        ConnectionStep::Licensing => "the licence",
        ConnectionStep::CapabilityExchange => "the server's capabilities",
        ConnectionStep::Finalization => "the session to start",
        ConnectionStep::Active => "the session",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use oriel_protocol::error_info::ErrorInfo;

    use super::*;

    fn code(error: ConnectError) -> u8 {
        Failure::from_connect(error, "pc:3389", "ann").code()
    }

    #[test]
    fn what_the_transport_reports_gets_its_exit_code() {
        let limit = Duration::from_secs(1);
        for (error, expected) in [
            (ConnectError::NlaRequired, 35),
            (ConnectError::NlaUnavailable, 36),
            (ConnectError::NoModernSecurity, 39),
            (SignInFailure::WrongPassword.into(), 30),
            (SignInFailure::HungUp.into(), 30),
            (SignInFailure::AccountLocked.into(), 31),
            (SignInFailure::PasswordExpired.into(), 33),
            (SignInFailure::NoCredentials.into(), 37),
            (SignInFailure::ServerNotProven("binding".into()).into(), 38),
            (
                ConnectError::NotRdp {
                    reason: "HTTP".into(),
                },
                14,
            ),
            (
                ConnectError::LicenseRefused(ProtocolError::LicenseRefused {
                    error_code: 2,
                    state_transition: 1,
                }),
                40,
            ),
        ] {
            let error: ConnectError = error;
            let text = format!("{error:?}");
            assert_eq!(code(error), expected, "{text}");
        }
        for step in [
            ConnectionStep::Negotiation,
            ConnectionStep::Security,
            ConnectionStep::BasicSettings,
            ConnectionStep::Licensing,
            ConnectionStep::Finalization,
        ] {
            assert_eq!(code(ConnectError::StepTimeout { step, limit }), 12);
            let broken = ConnectError::Ended {
                step,
                reason: DisconnectReason::StreamClosed,
            };
            assert_eq!(code(broken), 15);
        }
    }

    #[test]
    fn signing_out_is_no_failure_and_everything_else_has_its_sentence() {
        for info in ErrorInfo::all() {
            let end = Failure::from_disconnect(DisconnectReason::ErrorInfo(info));
            let expected = match info.category() {
                ErrorInfoCategory::None | ErrorInfoCategory::UserRequest => None,
                ErrorInfoCategory::Licensing => Some(40),
                _ => Some(41),
            };
            assert_eq!(end.as_ref().err().map(Failure::code), expected, "{info:?}");
            if let Err(failure) = end {
                let said = info.what_happened().trim_end_matches('.');
                assert!(failure.sentences().why.contains(said), "{info:?}");
            }
        }
    }
}
