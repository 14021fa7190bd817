//! Oriel, the application: windows, chrome, input, the command line.
//!
//! It ties `oriel-transport`, `oriel-protocol` and `oriel-render` to a person. What it is not: a
//! protocol, a codec or a renderer; it decodes nothing and draws nothing but its own few pages.
//!
//! ```text
//!  cli ─▶ commands ─┬─▶ window ───┐  winit: keys, mouse, size        main thread
//!                   └─▶ headless ─┤
//!                                 ▼
//!              session: attend ─▶ link ◀─▶ stream                   a task on "oriel-net"
//!                 │  steps, figures │ commands, acknowledgements
//!                 ▼                 ▼
//!     chrome: egui ─▶ overlay ─▶ oriel_render::Renderer             threads of its own
//! ```
//!
//! What goes wrong anywhere ends as one [`failure::Failure`]: a sentence and an exit code.
//!
//! ```
//! use oriel::failure::Failure;
//!
//! let failure = Failure::Refused { address: "pc:3389".into() };
//! assert_eq!(failure.code(), 11);
//! assert!(failure.to_string().starts_with("pc:3389 refused the connection."));
//! ```

pub mod chrome;
pub mod cli;
pub mod commands;
pub mod decoders;
pub mod failure;
pub mod headless;
pub mod input;
pub mod password;
pub mod recording;
pub mod session;
pub mod statistics;
pub mod target;
pub mod window;
