//! Bytes to pixels and back: the image codecs and bulk compressors of RDP.

#![deny(unsafe_code)]

pub mod avc;
pub mod bulk;
pub mod geometry;
pub mod picture;
#[cfg(feature = "video")]
pub mod video;
pub mod yuv;

pub use geometry::{Point, Rect, Size};
pub use picture::{Picture, PictureMut};
