//! The accepting side of Oriel.

pub mod demo;
pub mod encoder;
pub mod identity;
pub mod source;
