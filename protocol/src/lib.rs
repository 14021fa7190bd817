//! The RDP conversation as sans-IO state machines.

pub mod client;
pub mod error_info;
pub mod graphics;
pub mod input;
pub mod redirection;
pub mod secret;
pub mod server;
pub mod wire;
