//! Bytes to pixels and back: the image codecs and bulk compressors of RDP, each in both directions
//! unless its module says otherwise.
//!
//! # What it is
//!
//! | on the wire                                                  | module |
//! |--------------------------------------------------------------|--------|
//! | graphics pipeline messages, RDP 8.0 bulk compression          | [`bulk::zgfx`] |
//! | raw rows at 8, 15, 16, 24 and 32 bits a pixel                 | [`bitmap`], [`color_depth`], [`palette`] |
//! | interleaved RLE below 32 bits a pixel                         | [`interleaved`] |
//! | planar, or RDP 6.0 bitmap compression                         | [`planar`] |
//! | ClearCodec                                                    | [`clearcodec`] |
//! | NSCodec                                                       | [`nscodec`] |
//! | JPEG                                                          | [`jpeg`] |
//! | alpha alone                                                   | [`alpha`] |
//! | mouse pointers                                                | [`mod@pointer`] |
//! | RemoteFX and its progressive form                             | [`remotefx`], [`progressive`] |
//! | H.264 at 4:2:0 and 4:4:4: wrapping, planes, colour            | [`avc`], [`yuv`] |
//! | H.264 itself (feature `video`: FFmpeg, OpenH264)              | `video` |
//!
//! Pixels are BGRA, eight bits each ([`picture`]); rectangles are half open ([`geometry`]).
//!
//! # What it is not
//!
//! It knows no PDU and no surface: who cuts a payload out of the stream, and where on the desktop
//! its pixels belong, is the business of `oriel-protocol` and `oriel-render`. There is no thread, no
//! clock and no input or output here.
//!
//! # The flow
//!
//! ```text
//!             bulk                 planar, interleaved, bitmap, alpha,
//!  segments ──────▶ messages       progressive
//!                     │         ┌──────────────────────────────────────▶ PictureMut
//!                     ▼         │                                        (BGRA, borrowed)
//!                 payloads ─────┤                                            ▲
//!                               │  avc        video         yuv              │
//!                               └─────▶ H.264 ─────▶ planes ─────────────────┘
//!                                                       └──▶ or to the GPU as they are
//! ```
//!
//! A decoder draws straight into a [`PictureMut`], a borrowed rectangle of memory that belongs to
//! someone else, and clips to it. What memory it needs beside that it takes from a scratch value of
//! the caller, so that nothing is allocated once warm. Encoders append to the caller's buffer.
//!
//! Payloads come from a stranger. No decoder panics on any of them, reads past their end, or claims
//! memory that their length does not vouch for; each says what of the target it may have drawn when
//! it fails. Errors are one enum an operation, and all of them are the peer's doing: what the caller
//! can do wrong panics, and says so.
//!
//! # Example
//!
//! A tile goes through the planar codec and ZGFX, and comes back into the middle of a desktop:
//!
//! ```
//! use oriel_codecs::bulk::zgfx::{Compressor, Decompressor};
//! use oriel_codecs::planar::{self, PlanarLayout, PlanarOptions, PlanarScratch};
//! use oriel_codecs::{Picture, Point, Rect, Size};
//!
//! let tile = Picture::filled(Size::new(64, 64), [200, 100, 50, 255]);
//! let layout = PlanarLayout::pipeline(tile.size(), false);
//! let mut scratch = PlanarScratch::default();
//!
//! let (mut payload, mut wire) = (Vec::new(), Vec::new());
//! planar::encode(&tile.view(), &layout, &PlanarOptions::default(), &mut payload, &mut scratch);
//! Compressor::new().compress(&payload, &mut wire);
//! assert!(wire.len() < 100);
//!
//! let mut received = Vec::new();
//! Decompressor::new().decompress(&wire, &mut received)?;
//! let mut desktop = Picture::new(Size::new(1920, 1080));
//! let mut view = desktop.as_mut();
//! let mut target = view.sub(&Rect::new(640, 480, 704, 544)).expect("lies on the desktop");
//! planar::decode(&received, &layout, &mut target, &mut scratch)?;
//! assert_eq!(desktop.pixel(Point::new(700, 500)), [200, 100, 50, 255]);
//! assert_eq!(desktop.pixel(Point::new(704, 500)), [0, 0, 0, 255]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(unsafe_code)]

pub mod alpha;
pub mod avc;
pub mod bitmap;
pub mod bulk;
pub mod clearcodec;
pub mod color_depth;
pub mod geometry;
pub mod interleaved;
pub mod jpeg;
pub mod nscodec;
pub mod palette;
pub mod picture;
pub mod planar;
pub mod pointer;
pub mod progressive;
pub mod remotefx;
pub(crate) mod simd;
#[cfg(feature = "video")]
pub mod video;
pub mod yuv;

pub use color_depth::ColorDepth;
pub use geometry::{Point, Rect, Size};
pub use palette::Palette;
pub use picture::{Picture, PictureMut, PictureRef, RowOrder};
