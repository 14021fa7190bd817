//! Oriel, the application: windows, chrome, input, the command line.
//!
//! What it is not: a protocol, a codec or a renderer. It ties `oriel-transport`, `oriel-protocol`
//! and `oriel-render` to a person.

pub mod chrome;
pub mod cli;
pub mod commands;
pub mod failure;
pub mod headless;
pub mod input;
pub mod password;
pub mod session;
pub mod statistics;
pub mod target;
pub mod window;
