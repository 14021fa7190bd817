//! What the user does, in the protocol's words. No window system is needed to test any of it.

pub mod keyboard;
pub mod scan_codes;
pub mod text;
pub mod wheel;
