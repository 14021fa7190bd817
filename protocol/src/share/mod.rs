//! The share: what T.128 calls the running session, and the PDUs that keep it
//! (`[MS-RDPBCGR] 2.2.1.13` to `2.2.1.22`, `2.2.2`, `2.2.3`, `2.2.5`, `2.2.8.1.1.1`, `2.2.8.2`,
//! `2.2.10` to `2.2.12`).
//!
//! Everything on the I/O channel after licensing is a *share control PDU*. Most of those are
//! *data PDUs*, which carry a second header with the data PDU's type.
//!
//! ```text
//! MCS send data ─▶ ShareControlPdu ─┬─▶ DemandActive, ConfirmActive, DeactivateAll
//!   (one or more)                   ├─▶ redirection (crate::redirection)
//!                                   └─▶ ShareDataPdu ─▶ DataPdu
//! ```
//!
//! ```
//! use oriel_protocol::share::{ControlAction, ControlPdu, DataPdu, ShareContext, ShareControlPdu, ShareDataPdu};
//! use oriel_protocol::wire::Cursor;
//!
//! let context = ShareContext { share_id: 0x103ea, source: 1007 };
//! let mut out = Vec::new();
//! let cooperate = DataPdu::Control(ControlPdu::new(ControlAction::Cooperate));
//! context.write_data(&cooperate, &mut out);
//!
//! let control = ShareControlPdu::read(&mut Cursor::new(&out, "share")).unwrap().unwrap();
//! let data = ShareDataPdu::read(control.body).unwrap();
//! assert_eq!(DataPdu::decode(data.kind, data.payload).unwrap(), cooperate);
//! ```

mod activation;
mod data;
mod display;
mod finalization;
mod header;
mod keyboard;
mod session_info;
mod status;

pub use activation::*;
pub use data::*;
pub use display::*;
pub use finalization::*;
pub use header::*;
pub use keyboard::*;
pub use session_info::*;
pub use status::*;

/// MCS channel of the server in every session (`[MS-RDPBCGR] 2.2.1.13.2.1`, `originatorID`).
pub const SERVER_CHANNEL_ID: u16 = 0x03ea;
