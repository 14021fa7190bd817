//! The wrapping of H.264 in the graphics pipeline: which rectangles of a picture count, and which
//! of the two views of a 4:4:4 picture a message holds.
//!
//! `RFX_AVC420_BITMAP_STREAM` (`[MS-RDPEGFX] 2.2.4.4`) is a list of rectangles in front of one
//! Annex B access unit; `RFX_AVC444_BITMAP_STREAM` and its `V2` (`2.2.4.5`, `2.2.4.6`) put one or
//! two of those behind a length. Nothing is copied: the types borrow the payload.
//!
//! ```
//! use oriel_codecs::Rect;
//! use oriel_codecs::avc::{Avc444Bitmap, Avc444Views, AvcRegion, AvcView, LumaChroma};
//!
//! let regions = [AvcRegion::new(Rect::new(0, 0, 64, 64), 22, 100)];
//! let mut payload = Vec::new();
//! Avc444Bitmap::encode(
//!     Avc444Views::Luma(AvcView { regions: &regions, stream: &[0, 0, 0, 1, 0x65] }),
//!     &mut payload,
//! )?;
//! let parsed = Avc444Bitmap::parse(&payload)?;
//! assert_eq!(parsed.luma_chroma(), LumaChroma::LumaOnly);
//! assert_eq!(parsed.luma.unwrap().regions().next(), Some(regions[0]));
//! # Ok::<(), oriel_codecs::avc::AvcError>(())
//! ```

use thiserror::Error;

use crate::geometry::Rect;

/// Most rectangles that one view may list. Servers send one for each changed area, a few hundred
/// at the worst; each costs the client a conversion, so a larger number is refused.
pub const MAX_REGIONS: usize = 16_384;

const RECT_BYTES: usize = 8;
const QUANT_QUALITY_BYTES: usize = 2;
const QP_MASK: u8 = 0x3F;
const PROGRESSIVE_BIT: u8 = 0x80;
const LENGTH_BITS: u32 = 30;
const LENGTH_MASK: u32 = (1 << LENGTH_BITS) - 1;

/// Why an H.264 payload cannot be taken apart or put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AvcError {
    /// The payload ends inside a field.
    #[error("{what} needs {needed} bytes, {left} are left")]
    Truncated {
        /// The field.
        what: &'static str,
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that there are.
        left: usize,
    },
    /// More rectangles than [`MAX_REGIONS`].
    #[error("{count} regions in one view, at most {MAX_REGIONS} are taken")]
    TooManyRegions {
        /// Rectangles that the view lists.
        count: u64,
    },
    /// LC is 3, which the specification calls an invalid state.
    #[error("the view selector (LC) is 3")]
    InvalidLumaChroma,
    /// A view to be encoded is longer than its length field can say.
    #[error("a view of {bytes} bytes does not fit the 30 bits of its length")]
    ViewTooLong {
        /// Length of the view.
        bytes: usize,
    },
    /// A rectangle to be encoded has a corner outside 0 to 65535.
    #[error("region {0:?} does not fit 16 bits a coordinate")]
    RegionOutOfRange(Rect),
}

/// One rectangle of the region mask, with what the encoder says about it
/// (`RDPGFX_AVC420_QUANT_QUALITY`, `[MS-RDPEGFX] 2.2.4.4.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvcRegion {
    /// The pixels, on the surface.
    pub rect: Rect,
    /// Quantisation parameter, 0 to 51 (six bits on the wire). Informational.
    pub qp: u8,
    /// Quality, 0 to 100. Informational.
    pub quality: u8,
    /// True where the rectangle will be refined by later frames.
    pub progressive: bool,
}

impl AvcRegion {
    /// A rectangle that is not refined later.
    pub const fn new(rect: Rect, qp: u8, quality: u8) -> Self {
        Self {
            rect,
            qp,
            quality,
            progressive: false,
        }
    }
}

/// The rectangles of one view, read from the payload as they are asked for.
#[derive(Clone, Debug)]
pub struct AvcRegions<'a> {
    rects: &'a [u8],
    quant_quality: &'a [u8],
}

impl Iterator for AvcRegions<'_> {
    type Item = AvcRegion;

    fn next(&mut self) -> Option<AvcRegion> {
        let (rect, rects) = self.rects.split_first_chunk::<RECT_BYTES>()?;
        let (&[qp, quality], quant_quality) = self
            .quant_quality
            .split_first_chunk::<QUANT_QUALITY_BYTES>()?;
        self.rects = rects;
        self.quant_quality = quant_quality;
        let corner = |at: usize| i32::from(u16::from_le_bytes([rect[at], rect[at + 1]]));
        Some(AvcRegion {
            rect: Rect::new(corner(0), corner(2), corner(4), corner(6)),
            qp: qp & QP_MASK,
            quality,
            progressive: qp & PROGRESSIVE_BIT != 0,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.rects.len() / RECT_BYTES;
        (left, Some(left))
    }
}

impl ExactSizeIterator for AvcRegions<'_> {}

/// One view: `RFX_AVC420_BITMAP_STREAM` (`[MS-RDPEGFX] 2.2.4.4`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avc420Bitmap<'a> {
    rects: &'a [u8],
    quant_quality: &'a [u8],
    stream: &'a [u8],
}

impl<'a> Avc420Bitmap<'a> {
    /// Takes a payload apart; what follows the metadata is the stream.
    pub fn parse(payload: &'a [u8]) -> Result<Self, AvcError> {
        let (&count, rest) = payload
            .split_first_chunk::<4>()
            .ok_or_else(|| truncated("numRegionRects", 4, payload))?;
        let count = u32::from_le_bytes(count);
        let needed = u64::from(count) * (RECT_BYTES + QUANT_QUALITY_BYTES) as u64;
        if needed > rest.len() as u64 {
            return Err(truncated("regionRects", needed, rest));
        }
        let count = count as usize;
        if count > MAX_REGIONS {
            return Err(AvcError::TooManyRegions {
                count: count as u64,
            });
        }
        let (rects, rest) = rest.split_at(count * RECT_BYTES);
        let (quant_quality, stream) = rest.split_at(count * QUANT_QUALITY_BYTES);
        Ok(Self {
            rects,
            quant_quality,
            stream,
        })
    }

    /// The region mask. Rectangles may be empty, inverted or outside the picture: clip them.
    pub fn regions(&self) -> AvcRegions<'a> {
        AvcRegions {
            rects: self.rects,
            quant_quality: self.quant_quality,
        }
    }

    /// One access unit in the byte stream format of H.264 Annex B.
    pub fn stream(&self) -> &'a [u8] {
        self.stream
    }

    /// Appends a view to `out`.
    pub fn encode(view: AvcView<'_>, out: &mut Vec<u8>) -> Result<(), AvcError> {
        if view.regions.len() > MAX_REGIONS {
            return Err(AvcError::TooManyRegions {
                count: view.regions.len() as u64,
            });
        }
        out.reserve(view.encoded_len());
        out.extend_from_slice(&(view.regions.len() as u32).to_le_bytes());
        for region in view.regions {
            let Rect {
                left,
                top,
                right,
                bottom,
            } = region.rect;
            for corner in [left, top, right, bottom] {
                let corner =
                    u16::try_from(corner).map_err(|_| AvcError::RegionOutOfRange(region.rect))?;
                out.extend_from_slice(&corner.to_le_bytes());
            }
        }
        for region in view.regions {
            let progressive = if region.progressive {
                PROGRESSIVE_BIT
            } else {
                0
            };
            out.extend_from_slice(&[(region.qp & QP_MASK) | progressive, region.quality]);
        }
        out.extend_from_slice(view.stream);
        Ok(())
    }
}

/// What goes into one view when it is encoded.
#[derive(Clone, Copy, Debug)]
pub struct AvcView<'a> {
    /// The region mask.
    pub regions: &'a [AvcRegion],
    /// One access unit, Annex B.
    pub stream: &'a [u8],
}

impl AvcView<'_> {
    /// Bytes that [`Avc420Bitmap::encode`] appends.
    pub fn encoded_len(&self) -> usize {
        4 // numRegionRects
            + self.regions.len() * RECT_BYTES // regionRects
            + self.regions.len() * QUANT_QUALITY_BYTES // quantQualityVals
            + self.stream.len() // avc420EncodedBitstream
    }
}

/// Which views a 4:4:4 message holds: the field LC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LumaChroma {
    /// LC 0: the luma view, then the chroma view.
    Both,
    /// LC 1: the luma view; chroma may follow in a later message.
    LumaOnly,
    /// LC 2: the chroma view, to be combined with luma views of earlier messages.
    ChromaOnly,
}

/// The views to be encoded in one 4:4:4 message.
#[derive(Clone, Copy, Debug)]
pub enum Avc444Views<'a> {
    /// LC 0.
    Both {
        /// The main view.
        luma: AvcView<'a>,
        /// The auxiliary view, encoded after the main view by the same encoder.
        chroma: AvcView<'a>,
    },
    /// LC 1.
    Luma(AvcView<'a>),
    /// LC 2.
    Chroma(AvcView<'a>),
}

/// `RFX_AVC444_BITMAP_STREAM` or `RFX_AVC444V2_BITMAP_STREAM` (`[MS-RDPEGFX] 2.2.4.5`, `2.2.4.6`):
/// on the wire they are the same, how the views fit together differs.
///
/// At least one view is there. Both go through one decoder, luma first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avc444Bitmap<'a> {
    /// The main view: luma, and chroma averaged over 2×2 pixels.
    pub luma: Option<Avc420Bitmap<'a>>,
    /// The auxiliary view: the chroma that the main view lacks.
    pub chroma: Option<Avc420Bitmap<'a>>,
}

impl<'a> Avc444Bitmap<'a> {
    /// Takes a payload apart.
    ///
    /// Where there is one view only, its length field is not looked at: the specification wants 0
    /// for a chroma view, servers write either.
    pub fn parse(payload: &'a [u8]) -> Result<Self, AvcError> {
        let (&info, rest) = payload
            .split_first_chunk::<4>()
            .ok_or_else(|| truncated("avc420EncodedBitstreamInfo", 4, payload))?;
        let info = u32::from_le_bytes(info);
        match info >> LENGTH_BITS {
            0 => {
                let luma_len = info & LENGTH_MASK;
                let (luma, chroma) = rest.split_at_checked(luma_len as usize).ok_or_else(|| {
                    truncated("avc420EncodedBitstream1", u64::from(luma_len), rest)
                })?;
                Ok(Self {
                    luma: Some(Avc420Bitmap::parse(luma)?),
                    chroma: Some(Avc420Bitmap::parse(chroma)?),
                })
            }
            1 => Ok(Self {
                luma: Some(Avc420Bitmap::parse(rest)?),
                chroma: None,
            }),
            2 => Ok(Self {
                luma: None,
                chroma: Some(Avc420Bitmap::parse(rest)?),
            }),
            _ => Err(AvcError::InvalidLumaChroma),
        }
    }

    /// Which views are there.
    pub fn luma_chroma(&self) -> LumaChroma {
        match (&self.luma, &self.chroma) {
            (Some(_), None) => LumaChroma::LumaOnly,
            (None, Some(_)) => LumaChroma::ChromaOnly,
            _ => LumaChroma::Both,
        }
    }

    /// Appends a message to `out`.
    pub fn encode(views: Avc444Views<'_>, out: &mut Vec<u8>) -> Result<(), AvcError> {
        let (lc, luma_len) = match &views {
            Avc444Views::Both { luma, .. } => (0, luma.encoded_len()),
            Avc444Views::Luma(luma) => (1, luma.encoded_len()),
            Avc444Views::Chroma(_) => (2, 0),
        };
        let length = u32::try_from(luma_len)
            .ok()
            .filter(|&length| length <= LENGTH_MASK)
            .ok_or(AvcError::ViewTooLong { bytes: luma_len })?;
        out.extend_from_slice(&(lc << LENGTH_BITS | length).to_le_bytes());
        match views {
            Avc444Views::Both { luma, chroma } => {
                Avc420Bitmap::encode(luma, out)?;
                Avc420Bitmap::encode(chroma, out)
            }
            Avc444Views::Luma(view) | Avc444Views::Chroma(view) => Avc420Bitmap::encode(view, out),
        }
    }
}

fn truncated(what: &'static str, needed: u64, left: &[u8]) -> AvcError {
    AvcError::Truncated {
        what,
        needed,
        left: left.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn region() -> impl Strategy<Value = AvcRegion> {
        (any::<[u16; 4]>(), 0u8..64, any::<u8>(), any::<bool>()).prop_map(
            |(corners, qp, quality, progressive)| {
                let [left, top, right, bottom] = corners.map(i32::from);
                AvcRegion {
                    rect: Rect::new(left, top, right, bottom),
                    qp,
                    quality,
                    progressive,
                }
            },
        )
    }

    fn view() -> impl Strategy<Value = (Vec<AvcRegion>, Vec<u8>)> {
        (
            proptest::collection::vec(region(), 0..8),
            proptest::collection::vec(any::<u8>(), 0..64),
        )
    }

    fn as_view((regions, stream): &(Vec<AvcRegion>, Vec<u8>)) -> AvcView<'_> {
        AvcView { regions, stream }
    }

    fn assert_view(parsed: Option<Avc420Bitmap<'_>>, view: &(Vec<AvcRegion>, Vec<u8>)) {
        let parsed = parsed.expect("the view is there");
        assert_eq!(parsed.regions().len(), view.0.len());
        assert_eq!(parsed.regions().collect::<Vec<_>>(), view.0);
        assert_eq!(parsed.stream(), view.1);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_parsed_again(luma in view(), chroma in view(), lc in 0u8..3) {
            let views = match lc {
                0 => Avc444Views::Both { luma: as_view(&luma), chroma: as_view(&chroma) },
                1 => Avc444Views::Luma(as_view(&luma)),
                _ => Avc444Views::Chroma(as_view(&chroma)),
            };
            let mut payload = Vec::new();
            Avc444Bitmap::encode(views, &mut payload).unwrap();
            let parsed = Avc444Bitmap::parse(&payload).unwrap();
            prop_assert_eq!(parsed.luma_chroma() as u8, lc);
            if lc != 2 { assert_view(parsed.luma, &luma); }
            if lc != 1 { assert_view(parsed.chroma, &chroma); }
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            if let Ok(parsed) = Avc444Bitmap::parse(&bytes) {
                for view in parsed.luma.iter().chain(&parsed.chroma) {
                    prop_assert!(view.regions().count() <= bytes.len() / 10);
                }
            }
            let _ = Avc420Bitmap::parse(&bytes);
        }
    }

    #[test]
    fn the_fields_lie_where_the_specification_puts_them() {
        let payload = [
            1,
            0,
            0,
            0, // numRegionRects
            16,
            0,
            32,
            0,
            64,
            0,
            0,
            1, // left 16, top 32, right 64, bottom 256
            0x80 | 22,
            95, // progressive, qp 22, quality 95
            0,
            0,
            1,
            0x65,
        ];
        let parsed = Avc420Bitmap::parse(&payload).unwrap();
        assert_eq!(
            parsed.regions().collect::<Vec<_>>(),
            [AvcRegion {
                rect: Rect::new(16, 32, 64, 256),
                qp: 22,
                quality: 95,
                progressive: true
            }]
        );
        assert_eq!(parsed.stream(), [0, 0, 1, 0x65]);
    }

    #[test]
    fn a_region_count_beyond_the_payload_is_refused_before_anything_is_allocated() {
        let error = Avc420Bitmap::parse(&[0xFF, 0xFF, 0xFF, 0xFF, 0, 0]).unwrap_err();
        assert!(matches!(error, AvcError::Truncated { left: 2, .. }));
    }

    #[test]
    fn more_regions_than_the_bound_are_refused() {
        let count = MAX_REGIONS + 1;
        let mut payload = (count as u32).to_le_bytes().to_vec();
        payload.resize(4 + count * 10, 0);
        assert_eq!(
            Avc420Bitmap::parse(&payload),
            Err(AvcError::TooManyRegions {
                count: count as u64
            })
        );
    }

    #[test]
    fn lc_3_and_a_luma_view_beyond_the_payload_are_refused() {
        let info = |lc: u32, length: u32| (lc << 30 | length).to_le_bytes();
        assert_eq!(
            Avc444Bitmap::parse(&info(3, 0)),
            Err(AvcError::InvalidLumaChroma)
        );
        assert!(matches!(
            Avc444Bitmap::parse(&info(0, 9)),
            Err(AvcError::Truncated { .. })
        ));
    }

    #[test]
    fn a_chroma_view_with_a_wrong_length_field_is_taken_whole() {
        let mut payload = (2u32 << 30 | 7).to_le_bytes().to_vec();
        payload.extend_from_slice(&[0, 0, 0, 0, 1, 2, 3]);
        let parsed = Avc444Bitmap::parse(&payload).unwrap();
        assert_eq!(parsed.chroma.unwrap().stream(), [1, 2, 3]);
    }
}
