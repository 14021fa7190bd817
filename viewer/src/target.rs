//! Where to connect to, as a person types it.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// The port of RDP.
pub const DEFAULT_PORT: u16 = 3389;

/// A host with a port, and the user's name where it was given along.
///
/// ```
/// use oriel::target::Target;
///
/// let target: Target = r"LAB\ann@[2001:db8::5]:3390".parse().unwrap();
/// assert_eq!(target.host, "2001:db8::5");
/// assert_eq!(target.port, 3390);
/// assert_eq!(target.user.as_deref(), Some(r"LAB\ann"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name or address; an IPv6 address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// What stood before the `@`.
    pub user: Option<String>,
}

/// Why a text is no [`Target`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TargetError {
    /// Nothing where the host should be.
    #[error("the host is missing")]
    NoHost,
    /// `[` without `]`, or something else than a port behind it.
    #[error("an IPv6 address in brackets is written [ADDRESS] or [ADDRESS]:PORT")]
    Brackets,
    /// The port is no number from 1 to 65535.
    #[error("{0:?} is no port: it must be a number from 1 to 65535")]
    Port(String),
    /// White space or a path, as of a URL.
    #[error("{0:?} cannot stand in the name of a host")]
    Character(char),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        // A user may be `name@domain`: the host starts behind the last `@`.
        let (user, address) = match text.rsplit_once('@') {
            Some((user, address)) => (Some(user).filter(|user| !user.is_empty()), address),
            None => (None, text),
        };
        let (host, port) = if let Some(rest) = address.strip_prefix('[') {
            let (host, behind) = rest.split_once(']').ok_or(TargetError::Brackets)?;
            match behind.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if behind.is_empty() => (host, None),
                None => return Err(TargetError::Brackets),
            }
        } else if address.matches(':').count() > 1 {
            (address, None)
        } else {
            match address.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (address, None),
            }
        };
        if host.is_empty() {
            return Err(TargetError::NoHost);
        }
        if let Some(bad) = host
            .chars()
            .find(|c| c.is_whitespace() || matches!(c, '/' | '\\' | '[' | ']'))
        {
            return Err(TargetError::Character(bad));
        }
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => port
                .parse()
                .ok()
                .filter(|&port| port != 0)
                .ok_or_else(|| TargetError::Port(port.to_owned()))?,
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            user: user.map(str::to_owned),
        })
    }
}

impl fmt::Display for Target {
    /// The address alone, the port only where it is not the usual one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.host.contains(':'), self.port) {
            (true, DEFAULT_PORT) => write!(f, "[{}]", self.host),
            (true, port) => write!(f, "[{}]:{port}", self.host),
            (false, DEFAULT_PORT) => f.write_str(&self.host),
            (false, port) => write!(f, "{}:{port}", self.host),
        }
    }
}

/// Splits `DOMAIN\user`; a name without a backslash has no domain.
pub fn split_domain(user: &str) -> (Option<&str>, &str) {
    match user.split_once('\\') {
        Some((domain, user)) => (Some(domain).filter(|domain| !domain.is_empty()), user),
        None => (None, user),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (String, u16, Option<String>) {
        let target: Target = text.parse().unwrap();
        (target.host, target.port, target.user)
    }

    #[test]
    fn hosts_ports_and_users_are_told_apart() {
        let none = None::<String>;
        assert_eq!(parse("pc"), ("pc".into(), 3389, none.clone()));
        assert_eq!(parse("pc:33890"), ("pc".into(), 33890, none.clone()));
        assert_eq!(parse("10.0.0.7:1"), ("10.0.0.7".into(), 1, none.clone()));
        assert_eq!(parse("fe80::1%eth0").0, "fe80::1%eth0");
        assert_eq!(parse("::1"), ("::1".into(), 3389, none.clone()));
        assert_eq!(parse("[::1]"), ("::1".into(), 3389, none.clone()));
        assert_eq!(parse("[::1]:99"), ("::1".into(), 99, none));
        assert_eq!(parse("ann@pc:5").2.as_deref(), Some("ann"));
        assert_eq!(parse("ann@corp.example@pc").0, "pc");
        assert_eq!(
            parse("ann@corp.example@pc").2.as_deref(),
            Some("ann@corp.example")
        );
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let parse = |text: &str| text.parse::<Target>().unwrap_err();
        assert_eq!(parse(""), TargetError::NoHost);
        assert_eq!(parse("ann@"), TargetError::NoHost);
        assert_eq!(parse(":3389"), TargetError::NoHost);
        assert_eq!(parse("[::1"), TargetError::Brackets);
        assert_eq!(parse("[::1]x"), TargetError::Brackets);
        assert_eq!(parse("pc:0"), TargetError::Port("0".into()));
        assert_eq!(parse("pc:70000"), TargetError::Port("70000".into()));
        assert_eq!(parse("pc:"), TargetError::Port(String::new()));
        assert_eq!(parse("my pc"), TargetError::Character(' '));
    }

    #[test]
    fn a_target_prints_as_it_can_be_typed() {
        for text in ["pc", "pc:33890", "[::1]", "[::1]:99"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_domain_is_split_off_the_user() {
        assert_eq!(split_domain(r"LAB\ann"), (Some("LAB"), "ann"));
        assert_eq!(split_domain(r"\ann"), (None, "ann"));
        assert_eq!(split_domain("ann"), (None, "ann"));
    }
}
