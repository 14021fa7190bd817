//! What the fuzzer feeds: one function a target, and seeds for each.
//!
//! A target is a name in [`TARGETS`] and a file of two lines in `targets/`, which hands the
//! fuzzer's bytes to its function here. `./dev fuzz` runs them.
//!
//! Input of most codecs is a byte or more of choices (size, depth, which variant), then the
//! payload: a short picture is all it takes, and the fuzzer finds the choices by itself.

pub mod bulk;
pub mod codecs;
pub mod machines;
pub mod pdus;
pub mod pictures;

/// A target: its name, what it does with an input, and inputs to begin from.
pub struct Target {
    /// The name of the binary.
    pub name: &'static str,
    /// Takes one input. A panic is a find.
    pub run: fn(&[u8]),
    /// Inputs that our own encoders wrote.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

macro_rules! targets {
    ($($module:ident: $($name:ident)*;)*) => {
        /// Every target.
        pub const TARGETS: &[Target] = &[$($(Target {
            name: stringify!($name),
            run: $module::$name,
            seeds: $module::seeds::$name,
        }),*),*];
    };
}

targets! {
    bulk: zgfx mppc ncrush xcrush bulk_identity;
    codecs: planar interleaved alpha bitmap pointer avc remotefx progressive clearcodec nscodec jpeg;
    pdus: framing connect capabilities share licensing updates channels dynamic_channels pipeline messages;
    machines: client server client_session server_session;
}

/// Choices off the front of an input; zeros once it is used up.
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next piece: its length in two bytes, and as much of it as there is.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
        let (piece, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        piece
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Appends a piece as [`Choices::piece`] reads it.
pub(crate) fn put_piece(out: &mut Vec<u8>, piece: &[u8]) {
    let piece = &piece[..piece.len().min(usize::from(u16::MAX))];
    out.extend((piece.len() as u16).to_le_bytes());
    out.extend(piece);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_survives_its_seeds_and_each_of_their_prefixes() {
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{}", target.name);
            for seed in seeds {
                (target.run)(&seed);
                for end in (0..seed.len()).step_by(1 + seed.len() / 32) {
                    (target.run)(&seed[..end]);
                }
            }
        }
    }

    #[test]
    fn every_target_has_its_file() {
        for target in TARGETS {
            let path = format!("{}/targets/{}.rs", env!("CARGO_MANIFEST_DIR"), target.name);
            assert!(std::path::Path::new(&path).is_file(), "{path}");
        }
    }
}
