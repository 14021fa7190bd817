//! The RDP conversation as sans-IO state machines.

pub mod autodetect;
pub mod capabilities;
pub mod channels;
pub mod client;
pub mod client_info;
pub mod display_control;
pub mod error_info;
pub mod framing;
pub mod gcc;
pub mod graphics;
pub mod heartbeat;
pub mod input;
pub mod licensing;
pub mod mcs;
pub mod multitransport;
pub mod redirection;
pub mod secret;
pub mod security;
pub mod server;
pub mod share;
pub mod updates;
pub mod wire;
pub mod x224;
