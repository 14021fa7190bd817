//! The accepting side of Oriel: building blocks for servers, and a demo desktop on top of them.
//!
//! ```text
//!  socket ─▶ listener ─▶ session ─▶ oriel-protocol's server machine
//!             TLS, NLA      │  ▲
//!                     input │  │ frames of graphics commands
//!                           ▼  │
//!                   painter: a thread for each client, a FrameSource on it
//!             InputSink ◀───┘  └─┬─ encoder ◀─── DesktopSource
//!                  └──────── demo::DemoDesktop ────────┘
//!                                └─ replay: frames encoded beforehand
//! ```
//!
//! * [`source`]: what a desktop is to a server, pixels with damage and a sink for input.
//! * [`encoder`]: damage to graphics commands, each region in the codec that suits what it holds.
//! * [`frames`]: where a session's frames come from, a desktop behind an encoder for one.
//! * [`session`]: one client on a stream; [`listener`]: many clients on a port; [`service`]: the
//!   same on threads of its own.
//! * [`content`]: pictures that look like work, by seed, to measure and to test with.
//! * [`demo`]: a small desktop drawn in memory, and a server that shows it.
//! * [`replay`]: a server with a script, to measure clients against.
//!
//! Nothing here knows of windows or GPUs: the crate runs on a machine without a display.
//!
//! ```
//! use oriel_server::demo::{self, DemoOptions};
//!
//! let server = demo::start(DemoOptions::with_password())?;
//! println!("oriel connect {}", server.address());
//! server.stop();
//! # Ok::<(), oriel_server::service::ServiceError>(())
//! ```
#![forbid(unsafe_code)]

pub mod content;
pub mod demo;
pub mod encoder;
pub mod frames;
pub mod identity;
pub mod listener;
mod painter;
pub mod replay;
pub mod service;
pub mod session;
pub mod source;
