//! The RDP conversation as sans-IO state machines, client and server side.
//!
//! This crate turns bytes into events and commands into bytes. It is every PDU between the socket
//! and the pixels, the order in which they come, and the channels inside the connection.
//!
//! It is not: a socket, a clock, a thread, TLS, CredSSP (`oriel-transport` has those), nor a codec:
//! drawing leaves it as [`graphics::GraphicsCommand`]s whose payloads are still encoded. Of
//! `oriel-codecs` it uses the bulk compressors, which are part of the wire, and the rectangles.
//!
//! ```text
//!                    client::ClientConnection                     (server::ServerConnection
//!                                                                        is its mirror)
//!  bytes ─▶ framing ─┬─ TPKT ─▶ x224 ─▶ mcs ─┬─ I/O channel ─▶ licensing, share ──▶ events
//!                    │            └─ gcc     ├─ message channel ─▶ autodetect, heartbeat, …
//!                    │                       └─ static channels ─▶ channels ─┬─▶ channel data
//!                    │                            dynamic: graphics::pipeline ◀┤   GraphicsCommand
//!                    │                                     display_control    ◀┘
//!                    └─ fast path ────────────────────────▶ updates ──────────────▶ GraphicsCommand
//!  bytes ◀──────────────────────────────────────────────── input, acknowledgements, layouts
//! ```
//!
//! # Shape
//!
//! The machines have four kinds of method, as quinn's do: getters; `handle_*(now, …)` for what
//! comes from the network or the clock; commands; `poll_*` for what wants out. `now` and random
//! seeds are arguments. After each call, poll until there is nothing more:
//!
//! ```
//! use std::{io, time::Instant};
//!
//! use oriel_codecs::geometry::Size;
//! use oriel_protocol::{client::*, secret::Credentials};
//!
//! /// Talks until the session runs. `secure` does TLS, and CredSSP where it was picked.
//! fn connect<S: io::Read + io::Write>(
//!     mut stream: S,
//!     config: ClientConfig,
//!     secure: impl Fn(S, SelectedSecurity) -> io::Result<S>,
//! ) -> io::Result<(S, ClientConnection)> {
//!     let mut client = ClientConnection::new(config, Instant::now());
//!     let mut buffer = vec![0; 16 * 1024];
//!     loop {
//!         let mut out = Vec::new();
//!         if client.poll_transmit(&mut out) {
//!             stream.write_all(&out)?;
//!         }
//!         match client.poll_event() {
//!             Some(ClientEvent::StartSecurity(security)) => {
//!                 stream = secure(stream, security)?;
//!                 client.handle_security_established(Instant::now()).map_err(io::Error::other)?;
//!             }
//!             Some(ClientEvent::Active { .. }) => return Ok((stream, client)),
//!             Some(ClientEvent::Disconnected(reason)) => {
//!                 return Err(io::Error::other(format!("{reason:?}")));
//!             }
//!             Some(_) => {}
//!             None => match stream.read(&mut buffer)? {
//!                 0 => client.handle_stream_closed(Instant::now()),
//!                 length => client
//!                     .handle_data(Instant::now(), &buffer[..length])
//!                     .map_err(io::Error::other)?,
//!             },
//!         }
//!     }
//! }
//!
//! # struct Closed;
//! # impl io::Read for Closed {
//! #     fn read(&mut self, _: &mut [u8]) -> io::Result<usize> { Ok(0) }
//! # }
//! # impl io::Write for Closed {
//! #     fn write(&mut self, data: &[u8]) -> io::Result<usize> { Ok(data.len()) }
//! #     fn flush(&mut self) -> io::Result<()> { Ok(()) }
//! # }
//! let config = ClientConfig::new("host", Credentials::default(), Size::new(1280, 800));
//! # assert!(
//! connect(Closed, config, |stream, _| Ok(stream))
//! # .is_err());
//! ```
//!
//! # Hostile peers
//!
//! No decoder panics on any input, and none allocates from a length that it has not checked. A
//! frame has at most 64 KiB, a message in pieces a stated limit of its own. A machine that has
//! failed stays failed. What was received before TLS is never taken for what is said under it.
//! Each step of a connection has a deadline, told by `poll_timeout`.

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
