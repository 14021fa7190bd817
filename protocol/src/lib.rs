//! The RDP conversation as sans-IO state machines.

pub mod channels;
pub mod client;
pub mod error_info;
pub mod graphics;
pub mod input;
pub mod redirection;
pub mod secret;
pub mod server;
pub mod wire;
