//! The server's side of the conversation: the accepting mirror of [`crate::client`].
//!
//! ```text
//!            handle_data ─▶ ┌──────────────────┐ ─▶ poll_transmit
//!   handle_security_est. ─▶ │ ServerConnection │ ─▶ poll_event ─▶ who is there, input, layout
//!         handle_timeout ─▶ └──────────────────┘ ─▶ poll_timeout
//!                                    ▲
//!        send_graphics, send_pointer, resize, set_error_info, disconnect
//! ```
//!
//! The machine answers the whole connection sequence of `[MS-RDPBCGR] 1.3.1.1` by itself, opens
//! the graphics pipeline where the client has it, and falls back to bitmap updates where not. Its
//! owner runs TLS and CredSSP when told to, and draws.

mod capability_sets;
mod channels;
mod config;
mod connection;
mod error;
mod event;
mod negotiation;
mod outbox;
mod sequence;
mod session;

pub use config::{AcceptedSecurity, ServerConfig, ShutdownPolicy};
pub use connection::ServerConnection;
pub use error::ServerError;
pub use event::{ClientDescription, DisconnectCause, ServerEvent};
