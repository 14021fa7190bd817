//! Bytes to pixels and back: the image codecs and bulk compressors of RDP.

#![deny(unsafe_code)]

pub mod alpha;
pub mod avc;
pub mod bitmap;
pub mod bulk;
pub mod color_depth;
pub mod geometry;
pub mod interleaved;
pub mod palette;
pub mod picture;
pub mod planar;
pub mod progressive;
pub mod remotefx;
#[cfg(feature = "video")]
pub mod video;
pub mod yuv;

pub use color_depth::ColorDepth;
pub use geometry::{Point, Rect, Size};
pub use palette::Palette;
pub use picture::{Picture, PictureMut, PictureRef, RowOrder};
