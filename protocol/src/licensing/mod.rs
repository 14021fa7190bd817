//! Licensing (`[MS-RDPBCGR] 2.2.1.12`, `[MS-RDPELE]`).
//!
//! Servers without a licence server end it at once, with an error alert that is none
//! ([`ErrorAlert::VALID_CLIENT`]). Others hand out licences, in the long form:
//!
//! ```text
//!  server                                client
//!    ── license request ─────────────────▶   its random, its certificate
//!    ◀───────────── new license request ──   random, premaster secret under the certificate's key
//!    ── platform challenge ──────────────▶   encrypted from here on
//!    ◀───── platform challenge response ──
//!    ── new license, or an error alert ──▶
//! ```
//!
//! [`LicensingClient`] plays the client's part. Licences are checked and not kept: each connection
//! asks anew, as clients without a licence store do.

mod blob;
mod certificate;
mod client;
mod keys;
mod license;
mod pdu;
mod request;

pub use certificate::RsaPublicKey;
pub use client::{LicensingClient, LicensingProgress};
pub use keys::LicenseKeys;
pub use license::{
    HardwareId, LicenseInfo, NewLicense, PlatformChallenge, PlatformChallengeResponse,
    PlatformResponseData,
};
pub use pdu::{ErrorAlert, LicenseErrorCode, LicensingPdu, StateTransition};
pub use request::{LicenseRequest, NewLicenseRequest, ProductInfo};
