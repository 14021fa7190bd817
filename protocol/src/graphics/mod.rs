//! Drawing: the vocabulary of commands and the protocols that carry them.

pub mod command;

pub use command::*;
