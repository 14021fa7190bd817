//! H.264 by OpenH264, which is always there: its source is built in.

use openh264::OpenH264API;
use openh264::decoder::{Decoder, DecoderConfig};
use openh264::formats::YUVSource;

use super::annex_b;
use super::frame::{ColorDescription, YuvFrame};
use super::{DecoderKind, DecoderLimits, VideoDecoder, VideoError};
use crate::geometry::Size;
use crate::yuv::{Plane, Yuv420Picture, Yuv420Planes, chroma_size};

const NAME: &str = DecoderKind::OpenH264.name();

/// Cisco's decoder: baseline, main and high profile, one thread, about half as fast as FFmpeg.
///
/// It crops pictures as the stream says, and its memory is its own: each picture is copied.
pub struct OpenH264Decoder {
    decoder: Decoder,
    limits: DecoderLimits,
}

impl OpenH264Decoder {
    /// Opens a decoder.
    ///
    /// # Errors
    /// [`VideoError::Unavailable`] where it cannot initialise.
    pub fn new(limits: DecoderLimits) -> Result<Self, VideoError> {
        let decoder = Decoder::with_api_config(OpenH264API::from_source(), DecoderConfig::new())
            .map_err(|error| VideoError::Unavailable {
                backend: NAME,
                reason: error.to_string(),
            })?;
        Ok(Self { decoder, limits })
    }
}

impl VideoDecoder for OpenH264Decoder {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        if annex_b.is_empty() {
            return Ok(None);
        }
        annex_b::check(annex_b, &self.limits)?;
        let picture = self
            .decoder
            .decode(annex_b)
            .map_err(|error| VideoError::Stream {
                backend: NAME,
                reason: error.to_string(),
            })?;
        let Some(picture) = picture else {
            return Ok(None);
        };
        let planes = planes(&picture).ok_or(VideoError::NoPicture)?;
        Ok(Some(YuvFrame::from_picture(
            Yuv420Picture::from_planes(&planes),
            // The decoder does not tell.
            ColorDescription::default(),
        )))
    }

    fn name(&self) -> &'static str {
        NAME
    }
}

fn planes<'a>(picture: &'a impl YUVSource) -> Option<Yuv420Planes<'a>> {
    let (width, height) = picture.dimensions();
    let size = Size::new(u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    let half = chroma_size(size);
    let (luma_stride, cb_stride, cr_stride) = picture.strides();
    Yuv420Planes::new(
        Plane::new(picture.y(), size, luma_stride)?,
        Plane::new(picture.u(), half, cb_stride)?,
        Plane::new(picture.v(), half, cr_stride)?,
    )
}
