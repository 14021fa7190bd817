//! What can go wrong, as sentences for a person and as exit codes for a script.

use std::{
    fmt::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use oriel_transport::Fingerprint;

mod from;

/// Why there is no session, or none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No address belongs to the name.
    NameNotFound {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nothing listens.
    Refused {
        /// Host and port.
        address: String,
    },
    /// No way there.
    Unreachable {
        /// Host and port.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// The server does not answer.
    TimedOut {
        /// Host and port.
        address: String,
        /// What was awaited, as the object of "waiting for".
        step: String,
        /// How long.
        after: Duration,
    },
    /// Something else listens there.
    NotRdp {
        /// Host and port.
        address: String,
        /// What gave it away.
        reason: String,
    },
    /// The connection broke off.
    ConnectionLost {
        /// What was being done, as the object of "during".
        step: String,
        /// What the system said.
        reason: String,
    },
    /// No encryption could be agreed on.
    TlsFailed {
        /// What rustls said.
        reason: String,
    },
    /// Another certificate than the pinned one.
    CertificateChanged {
        /// Host and port.
        address: String,
        /// The pinned one.
        known: Fingerprint,
        /// The one that was shown.
        presented: Fingerprint,
        /// Where the pinned one is kept; `None` for one that the command line gave.
        known_hosts: Option<String>,
    },
    /// A certificate that nobody vouches for, and `--cert strict`.
    CertificateUntrusted {
        /// Host and port.
        address: String,
        /// What the verifier said.
        reason: String,
        /// The one that was shown.
        presented: Fingerprint,
    },
    /// The file of pinned certificates cannot be used.
    KnownHosts {
        /// What the system said.
        reason: String,
    },
    /// Name or password are wrong.
    WrongPassword {
        /// Who tried to sign in.
        user: String,
    },
    /// Too many wrong passwords.
    AccountLocked {
        /// Who tried to sign in.
        user: String,
    },
    /// The account is switched off or past its end.
    AccountDisabled {
        /// Who tried to sign in.
        user: String,
    },
    /// The password is too old, or must be changed at the first sign-in.
    PasswordExpired {
        /// Who tried to sign in.
        user: String,
    },
    /// Right password, but not allowed in.
    NotAllowed {
        /// Who tried to sign in.
        user: String,
        /// What the server said.
        reason: String,
    },
    /// The server wants a name and a password before it shows anything.
    CredentialsMissing,
    /// Signing in came to nothing for another reason, or for none that the server told.
    SignInFailed {
        /// What is known, a sentence.
        reason: String,
        /// What to do about it, a sentence.
        advice: String,
    },
    /// The server takes only network level authentication, and `--security tls`.
    NlaRequired,
    /// The server has no network level authentication, and `--security nla`.
    NlaUnavailable,
    /// The server cannot be agreed with on a security protocol.
    SecurityRefused {
        /// What the server said.
        reason: String,
    },
    /// The server gives out no licence.
    LicenceRefused {
        /// What the server said.
        reason: String,
    },
    /// The server sends to another server.
    Redirected {
        /// Where to, if it said.
        target: Option<String>,
    },
    /// The server ended the session.
    ServerEnded {
        /// Its reason, a sentence.
        reason: String,
        /// What to do about it, a sentence; empty where there is nothing better than to try again.
        advice: String,
    },
    /// The server sent what no server may send.
    ProtocolBroken {
        /// What.
        reason: String,
    },
    /// The picture cannot be put together or shown.
    Display {
        /// What the renderer said.
        reason: String,
    },
    /// The video decoder that was asked for by name does not work.
    Decoder {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no display to open a window on.
    NoDisplay {
        /// What the window system said.
        reason: String,
    },
    /// A recording cannot be played.
    Recording {
        /// Its path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that was asked for could not be written.
    File {
        /// Its path.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// A fault of this program.
    Internal {
        /// What happened.
        reason: String,
    },
}

/// What happened, why, and what to do next; each a whole sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentences {
    /// What happened.
    pub what: String,
    /// Why, as far as it is known.
    pub why: String,
    /// What to do next.
    pub next: String,
}

/// Every exit code but 0, with its meaning.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (1, "a fault of this program"),
    (2, "the command line makes no sense"),
    (10, "the name of the host was not found"),
    (11, "the connection was refused"),
    (12, "the server did not answer in time"),
    (13, "the host cannot be reached"),
    (14, "what listens there is no RDP server"),
    (15, "the connection broke off"),
    (20, "TLS failed"),
    (21, "the server's certificate changed"),
    (22, "the server's certificate is not trusted"),
    (23, "the file of known hosts cannot be used"),
    (30, "wrong user name or password"),
    (31, "the account is locked"),
    (32, "the account is disabled"),
    (33, "the password has expired or must be changed"),
    (34, "the user is not allowed to sign in"),
    (35, "the server requires network level authentication"),
    (36, "the server has no network level authentication"),
    (37, "a user name and a password are needed"),
    (38, "signing in failed for another reason"),
    (39, "no security protocol could be agreed on"),
    (40, "the server refused a licence"),
    (41, "the server ended the session"),
    (42, "the server broke the protocol"),
    (43, "the server sent us to another server"),
    (50, "no display to open a window on"),
    (51, "the picture cannot be shown"),
    (52, "a file could not be written"),
    (53, "a recording cannot be played"),
    (54, "the video decoder that was asked for does not work"),
];

/// [`EXIT_CODES`] as the end of `--help`.
pub fn exit_code_help() -> String {
    let mut help = String::from("Exit codes:\n   0  done\n");
    for (code, meaning) in EXIT_CODES {
        // Writing to a String cannot fail.
        let _ = writeln!(help, "  {code:>2}  {meaning}");
    }
    help
}

impl Failure {
    /// The process's exit code; see [`EXIT_CODES`].
    pub fn code(&self) -> u8 {
        match self {
            Self::Internal { .. } => 1,
            Self::NameNotFound { .. } => 10,
            Self::Refused { .. } => 11,
            Self::TimedOut { .. } => 12,
            Self::Unreachable { .. } => 13,
            Self::NotRdp { .. } => 14,
            Self::ConnectionLost { .. } => 15,
            Self::TlsFailed { .. } => 20,
            Self::CertificateChanged { .. } => 21,
            Self::CertificateUntrusted { .. } => 22,
            Self::KnownHosts { .. } => 23,
            Self::WrongPassword { .. } => 30,
            Self::AccountLocked { .. } => 31,
            Self::AccountDisabled { .. } => 32,
            Self::PasswordExpired { .. } => 33,
            Self::NotAllowed { .. } => 34,
            Self::NlaRequired => 35,
            Self::NlaUnavailable => 36,
            Self::CredentialsMissing => 37,
            Self::SignInFailed { .. } => 38,
            Self::SecurityRefused { .. } => 39,
            Self::LicenceRefused { .. } => 40,
            Self::ServerEnded { .. } => 41,
            Self::ProtocolBroken { .. } => 42,
            Self::Redirected { .. } => 43,
            Self::NoDisplay { .. } => 50,
            Self::Display { .. } => 51,
            Self::File { .. } => 52,
            Self::Recording { .. } => 53,
            Self::Decoder { .. } => 54,
        }
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// What a person is told.
    pub fn sentences(&self) -> Sentences {
        let told = |what: String, why: String, next: &str| Sentences {
            what,
            why,
            next: next.to_owned(),
        };
        match self {
            Self::NameNotFound { host, reason } => told(
                format!("The name {host} was not found."),
                format!("No address belongs to it ({}).", trimmed(reason)),
                "Check the spelling, or whether the network or VPN that knows the name is up.",
            ),
            Self::Refused { address } => told(
                format!("{address} refused the connection."),
                "The machine is there, but nothing listens on that port.".to_owned(),
                "Check the port, and that remote desktop is switched on over there.",
            ),
            Self::Unreachable { address, reason } => told(
                format!("{address} cannot be reached."),
                format!("The system says: {}.", trimmed(reason)),
                "Check the network, the VPN and the address.",
            ),
            Self::TimedOut {
                address,
                step,
                after,
            } => told(
                format!("{address} did not answer in time."),
                format!(
                    "Nothing came for {} s while waiting for {step}.",
                    after.as_secs_f32()
                ),
                "Check that the machine is awake and no firewall is in between, or wait longer \
                 with --connect-timeout.",
            ),
            Self::NotRdp { address, reason } => told(
                format!("What listens on {address} is no RDP server."),
                format!("It answered with something else ({}).", trimmed(reason)),
                "Check the port; RDP's own is 3389.",
            ),
            Self::ConnectionLost { step, reason } => told(
                "The connection broke off.".to_owned(),
                format!("It ended during {step}: {}.", trimmed(reason)),
                "Connect again; if it happens again, look into the server's log.",
            ),
            Self::TlsFailed { reason } => told(
                "No encrypted connection could be set up.".to_owned(),
                format!("TLS failed: {}.", trimmed(reason)),
                "The server may be too old for TLS 1.2; look into its log or update it.",
            ),
            Self::CertificateChanged {
                address,
                known,
                presented,
                known_hosts,
            } => told(
                format!("The certificate of {address} is not the one that was expected."),
                format!(
                    "Somebody may be between you and the server, or it was set up anew.\n\
                     Expected:  {}\nPresented: {}",
                    known, presented
                ),
                &match known_hosts {
                    Some(path) => format!(
                        "Ask whoever runs the server for the fingerprint. If the new one is right, \
                         remove the line of {address} from {path}."
                    ),
                    None => "Ask whoever runs the server for the fingerprint, and give --cert the \
                             right one."
                        .to_owned(),
                },
            ),
            Self::CertificateUntrusted {
                address,
                reason,
                presented,
            } => told(
                format!("The certificate of {address} is not trusted."),
                format!(
                    "No authority of this system vouches for it ({}).\nPresented: {}",
                    trimmed(reason),
                    presented
                ),
                "If the fingerprint is right, connect with --cert FINGERPRINT, or with \
                 --cert tofu to pin it.",
            ),
            Self::KnownHosts { reason } => told(
                "The file of known hosts cannot be used.".to_owned(),
                format!("The system says: {}.", trimmed(reason)),
                "Repair or remove the file, or name the certificate with --cert sha256:HEX.",
            ),
            Self::WrongPassword { user } => told(
                "The server does not know this user name with this password.".to_owned(),
                format!("It refused to sign in {}.", name(user)),
                "Check both, and the domain; some servers want the machine's name as the domain.",
            ),
            Self::AccountLocked { user } => told(
                "The account is locked.".to_owned(),
                format!(
                    "There were too many attempts to sign in {} with a wrong password.",
                    name(user)
                ),
                "Wait until the lock ends, or ask whoever looks after the account.",
            ),
            Self::AccountDisabled { user } => told(
                "The account is disabled.".to_owned(),
                format!(
                    "The server knows {}, but lets nobody in with it.",
                    name(user)
                ),
                "Ask whoever looks after the account.",
            ),
            Self::PasswordExpired { user } => told(
                "The password must be changed first.".to_owned(),
                format!("The password of {} has expired.", name(user)),
                "Change it at the machine itself or through your organisation's portal, then \
                 connect again.",
            ),
            Self::NotAllowed { user, reason } => told(
                "The server does not let this user in.".to_owned(),
                format!(
                    "Signing in {} was refused: {}.",
                    name(user),
                    trimmed(reason)
                ),
                "Ask whoever runs the server for the right to sign in remotely.",
            ),
            Self::CredentialsMissing => told(
                "A user name and a password are needed.".to_owned(),
                "The server wants to know who connects before it shows anything.".to_owned(),
                "Give --user, and the password on --password-stdin or in ORIEL_PASSWORD.",
            ),
            Self::SignInFailed { reason, advice } => told(
                "Signing in failed.".to_owned(),
                format!("{}.", trimmed(reason)),
                advice,
            ),
            Self::NlaRequired => told(
                "The server requires network level authentication.".to_owned(),
                "Only TLS was offered to it.".to_owned(),
                "Connect with --security auto or nla.",
            ),
            Self::NlaUnavailable => told(
                "The server has no network level authentication.".to_owned(),
                "Nothing else was offered to it.".to_owned(),
                "Connect with --security auto or tls.",
            ),
            Self::SecurityRefused { reason } => told(
                "No security protocol could be agreed on.".to_owned(),
                format!("The server says: {}.", trimmed(reason)),
                "Switch on TLS or network level authentication over there; the old RDP security \
                 is not supported.",
            ),
            Self::LicenceRefused { reason } => told(
                "The server gave out no licence.".to_owned(),
                format!("It says: {}.", trimmed(reason)),
                "Its administrator has to look after the remote desktop licences.",
            ),
            Self::Redirected { target } => told(
                "The server wants another server to be asked.".to_owned(),
                match target {
                    Some(target) => format!("It names {target}."),
                    None => "It did not say which.".to_owned(),
                },
                "Connect to that server; redirections are not followed yet.",
            ),
            Self::ServerEnded { reason, advice } => told(
                "The server ended the session.".to_owned(),
                format!("{}.", trimmed(reason)),
                if advice.is_empty() {
                    "Connect again if that was not meant."
                } else {
                    advice
                },
            ),
            Self::ProtocolBroken { reason } => told(
                "The server sent something that makes no sense.".to_owned(),
                format!("It broke the protocol: {}.", trimmed(reason)),
                "Connect again; if it happens again, report it with the server's name and version.",
            ),
            Self::Display { reason } => told(
                "The picture cannot be shown.".to_owned(),
                format!("The renderer says: {}.", trimmed(reason)),
                "Try --compositor cpu.",
            ),
            Self::NoDisplay { reason } => told(
                "There is no display to open a window on.".to_owned(),
                format!("The window system says: {}.", trimmed(reason)),
                "Run it in a graphical session, or with --headless.",
            ),
            Self::File { path, reason } => told(
                format!("{path} could not be written."),
                format!("The system says: {}.", trimmed(reason)),
                "Check the path, its permissions and the space left.",
            ),
            Self::Recording { path, reason } => told(
                format!("{path} cannot be played."),
                format!("Oriel says: {}.", trimmed(reason)),
                "Check that it is a file that --record wrote, with this version or an older one.",
            ),
            Self::Decoder { name, reason } => told(
                format!("The video decoder {name} cannot be used."),
                format!("Trying it out came to this: {}.", trimmed(reason)),
                "Leave --decoder out to have Oriel choose; `oriel decoders --again` lists those that work here.",
            ),
            Self::Internal { reason } => told(
                "Something went wrong inside Oriel.".to_owned(),
                format!("{}.", trimmed(reason)),
                "Please report it, with the output under ORIEL_LOG=debug.",
            ),
        }
    }
}

/// Without the full stop that the sentence around it brings.
fn trimmed(reason: &str) -> &str {
    reason.trim().trim_end_matches('.')
}

/// A user as the subject of a sentence.
fn name(user: &str) -> &str {
    if user.is_empty() { "nobody" } else { user }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sentences { what, why, next } = self.sentences();
        write!(f, "{what} {why}\n{next}")
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// One of each; the match in `code` makes a new variant show up here by the count below.
    fn all() -> Vec<Failure> {
        let text = || "a reason.".to_owned();
        let address = || "pc:3389".to_owned();
        let user = || "ann".to_owned();
        vec![
            Failure::Internal { reason: text() },
            Failure::NameNotFound {
                host: "pc".into(),
                reason: text(),
            },
            Failure::Refused { address: address() },
            Failure::TimedOut {
                address: address(),
                step: "the answer to the first packet".into(),
                after: Duration::from_millis(2500),
            },
            Failure::Unreachable {
                address: address(),
                reason: text(),
            },
            Failure::NotRdp {
                address: address(),
                reason: text(),
            },
            Failure::ConnectionLost {
                step: "licensing".into(),
                reason: text(),
            },
            Failure::TlsFailed { reason: text() },
            Failure::CertificateChanged {
                address: address(),
                known: Fingerprint([1; 32]),
                presented: Fingerprint([0xab; 32]),
                known_hosts: Some("/home/ann/known_hosts".into()),
            },
            Failure::CertificateUntrusted {
                address: address(),
                reason: text(),
                presented: Fingerprint([2; 32]),
            },
            Failure::KnownHosts { reason: text() },
            Failure::WrongPassword { user: user() },
            Failure::AccountLocked { user: user() },
            Failure::AccountDisabled { user: user() },
            Failure::PasswordExpired { user: user() },
            Failure::NotAllowed {
                user: user(),
                reason: text(),
            },
            Failure::NlaRequired,
            Failure::NlaUnavailable,
            Failure::CredentialsMissing,
            Failure::SignInFailed {
                reason: text(),
                advice: text(),
            },
            Failure::SecurityRefused { reason: text() },
            Failure::LicenceRefused { reason: text() },
            Failure::ServerEnded {
                reason: text(),
                advice: String::new(),
            },
            Failure::ProtocolBroken { reason: text() },
            Failure::Redirected {
                target: Some("other".into()),
            },
            Failure::NoDisplay { reason: text() },
            Failure::Display { reason: text() },
            Failure::File {
                path: "a.png".into(),
                reason: text(),
            },
            Failure::Recording {
                path: "a.oriel".into(),
                reason: text(),
            },
            Failure::Decoder {
                name: "vaapi".into(),
                reason: text(),
            },
        ]
    }

    #[test]
    fn each_failure_has_a_documented_exit_code_of_its_own() {
        let codes: BTreeSet<u8> = all().iter().map(Failure::code).collect();
        assert_eq!(codes.len(), all().len());
        let documented: BTreeSet<u8> = EXIT_CODES.iter().map(|(code, _)| *code).collect();
        assert_eq!(documented.len(), EXIT_CODES.len());
        // 2 is clap's own.
        let undocumented: Vec<_> = codes.difference(&documented).collect();
        assert!(undocumented.is_empty(), "{undocumented:?}");
        assert_eq!(
            documented.difference(&codes).collect::<Vec<_>>(),
            [&2],
            "a documented code that nothing returns"
        );
    }

    #[test]
    fn each_failure_says_what_why_and_what_next_in_whole_sentences() {
        let mut seen = BTreeSet::new();
        for failure in all() {
            let Sentences { what, why, next } = failure.sentences();
            for sentence in [&what, &why, &next] {
                assert!(sentence.len() > 8, "{failure:?}: {sentence:?}");
                assert!(!sentence.contains(".."), "{failure:?}: {sentence:?}");
                assert!(
                    sentence.ends_with('.') || sentence.contains("Presented: "),
                    "{failure:?}: {sentence:?}"
                );
            }
            assert!(seen.insert(what.clone()), "told twice: {what}");
        }
    }

    #[test]
    fn a_changed_certificate_shows_both_fingerprints_and_where_the_old_one_is_kept() {
        let failure = &all()[8];
        let text = failure.to_string();
        assert!(text.contains(&"01".repeat(32)), "{text}");
        assert!(text.contains(&"ab".repeat(32)), "{text}");
        assert!(text.contains("/home/ann/known_hosts"), "{text}");
        assert_eq!(failure.code(), 21);
    }

    #[test]
    fn the_help_lists_every_code() {
        let help = exit_code_help();
        for (code, meaning) in EXIT_CODES {
            assert!(help.contains(&format!("{code:>2}  {meaning}")));
        }
    }
}
