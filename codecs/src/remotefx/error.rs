//! What can be wrong with a stream.

use thiserror::Error;

use super::fields::{BlockError, Truncated};

/// A stream that cannot be decoded. Tile sets that came before the fault are drawn; of the one that
/// holds it, nothing is.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RemoteFxError {
    /// The data ends inside a structure.
    #[error("RemoteFX: the data ends inside {0}")]
    Truncated(&'static str),
    /// A field holds a value that makes the rest unreadable.
    #[error("RemoteFX: invalid {field} {value}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A block stands where the sequence of `[MS-RDPRFX] 3.1.8.3.1` does not allow it.
    #[error("RemoteFX: {0} out of sequence")]
    OutOfSequence(&'static str),
}

impl From<Truncated> for RemoteFxError {
    fn from(Truncated(what): Truncated) -> Self {
        Self::Truncated(what)
    }
}

impl From<BlockError> for RemoteFxError {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Truncated(truncated) => truncated.into(),
            BlockError::Length(length) => Self::Invalid {
                field: "block length",
                value: length.into(),
            },
        }
    }
}
