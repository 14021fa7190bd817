//! Bytes to pixels and back: the image codecs and bulk compressors of RDP.

pub mod bulk;
pub mod geometry;
pub mod picture;

pub use geometry::{Point, Rect, Size};
pub use picture::{Picture, PictureMut};
