//! Certificates that were seen before, one line a host.
//!
//! ```text
//! # host:port sha256:fingerprint
//! desktop.example:3389 sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b
//! ```
//!
//! Comments, blank lines and lines of kinds not known here survive a rewrite. The file is replaced
//! whole, so that a crash leaves the old one or the new one.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::certificate::Fingerprint;

/// The list cannot be read or written.
#[derive(Debug, Error)]
#[error("known hosts {path}: {source}", path = path.display())]
pub struct KnownHostsError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// The file of known hosts.
#[derive(Clone, Debug)]
pub struct KnownHosts {
    path: PathBuf,
}

impl KnownHosts {
    /// The list in the file at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the list is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The certificate pinned for a server.
    ///
    /// A pinned line that cannot be read is an error, not an unknown host: otherwise a damaged
    /// file would let any certificate in.
    pub fn find(&self, host: &str, port: u16) -> Result<Option<Fingerprint>, KnownHostsError> {
        let key = key(host, port);
        for line in self.read()?.lines() {
            let Some((name, pin)) = entry(line) else {
                continue;
            };
            if name == key {
                return pin.parse().map(Some).map_err(|error| {
                    self.error(io::Error::new(io::ErrorKind::InvalidData, error))
                });
            }
        }
        Ok(None)
    }

    /// Pins a certificate, in place of an earlier one of the same server.
    pub fn pin(&self, host: &str, port: u16, pin: Fingerprint) -> Result<(), KnownHostsError> {
        let key = key(host, port);
        let mut text = String::new();
        for line in self.read()?.lines() {
            if entry(line).is_none_or(|(name, _)| name != key) {
                text.push_str(line);
                text.push('\n');
            }
        }
        text.push_str(&format!("{key} {pin}\n"));
        self.replace(&text).map_err(|source| self.error(source))
    }

    fn read(&self) -> Result<String, KnownHostsError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(self.error(error)),
        }
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut temporary = self.path.clone().into_os_string();
        temporary.push(format!(".{}", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let mut file = fs::File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)
    }

    fn error(&self, source: io::Error) -> KnownHostsError {
        KnownHostsError {
            path: self.path.clone(),
            source,
        }
    }
}

/// Names are compared without regard to case; an IPv6 address stands in brackets.
fn key(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

fn entry(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let (name, pin) = line.split_once(char::is_whitespace)?;
    Some((name, pin.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> (tempfile::TempDir, KnownHosts) {
        let folder = tempfile::tempdir().unwrap();
        let list = KnownHosts::new(folder.path().join("deep/known_hosts"));
        (folder, list)
    }

    #[test]
    fn a_pinned_host_is_found_whatever_its_case_and_only_on_its_port() {
        let (_folder, list) = list();
        let pin = Fingerprint::of(b"a");
        assert_eq!(list.find("host", 3389).unwrap(), None);
        list.pin("Host", 3389, pin).unwrap();
        assert_eq!(list.find("hOST", 3389).unwrap(), Some(pin));
        assert_eq!(list.find("host", 3390).unwrap(), None);
        assert_eq!(list.find("hos", 3389).unwrap(), None);
    }

    #[test]
    fn a_new_pin_replaces_the_old_one_and_nothing_else() {
        let (_folder, list) = list();
        list.pin("::1", 3389, Fingerprint::of(b"six")).unwrap();
        list.pin("host", 3389, Fingerprint::of(b"old")).unwrap();
        let text = format!("# mine\n\n{}", fs::read_to_string(list.path()).unwrap());
        fs::write(list.path(), text).unwrap();
        list.pin("host", 3389, Fingerprint::of(b"new")).unwrap();
        assert_eq!(
            list.find("host", 3389).unwrap(),
            Some(Fingerprint::of(b"new"))
        );
        assert_eq!(
            list.find("::1", 3389).unwrap(),
            Some(Fingerprint::of(b"six"))
        );
        let text = fs::read_to_string(list.path()).unwrap();
        assert!(text.starts_with("# mine\n\n[::1]:3389 "), "{text}");
        assert_eq!(text.matches("host:3389").count(), 1);
    }

    #[test]
    fn a_damaged_pin_is_an_error_and_not_a_stranger() {
        let (_folder, list) = list();
        list.pin("host", 3389, Fingerprint::of(b"a")).unwrap();
        let text = fs::read_to_string(list.path()).unwrap();
        fs::write(list.path(), &text[..text.len() - 9]).unwrap();
        assert!(list.find("host", 3389).is_err());
    }
}
