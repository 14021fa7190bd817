//! Licensing (`[MS-RDPBCGR] 2.2.1.12`, `[MS-RDPELE]`).
//!
//! Servers without a licence server end it at once with an error alert that is none
//! ([`ErrorAlert::VALID_CLIENT`]).

mod pdu;

pub use pdu::{ErrorAlert, LicenseErrorCode, LicensingPdu, StateTransition};
