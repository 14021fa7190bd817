//! The accepting side of Oriel.

pub mod demo;
pub mod source;
