//! Text that must not be seen: passwords, one-time tokens.

use zeroize::Zeroizing;

/// A secret text: wiped when dropped, never printed.
///
/// There is no `Display`, `Debug` says `Secret(..)`, and [`Secret::expose`] is easy to search for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Keep what is made of it as short-lived as can be.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True where there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Who signs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// User name, `user` or `user@domain`.
    pub user: String,
    /// Windows domain; empty for none.
    pub domain: String,
    /// Password.
    pub password: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let credentials = Credentials {
            password: Secret::new("hunter2"),
            ..Default::default()
        };
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
