//! Decoded pictures.

use std::sync::Arc;

use ffmpeg_next as ffmpeg;

use super::VideoError;
use crate::geometry::Size;
use crate::yuv::{Plane, Yuv420Picture, Yuv420Planes};

/// A decoded 4:2:0 picture. Cheap to clone and to send: the samples stay where the decoder put
/// them until the last clone is dropped.
///
/// Its size is the coded one, whole macroblocks, where the decoder shows that: the graphics
/// pipeline crops by region mask, and an auxiliary view needs the samples that cropping would take
/// away.
#[derive(Clone)]
pub struct YuvFrame {
    storage: Arc<Storage>,
    color: ColorDescription,
}

enum Storage {
    /// Three planes in FFmpeg's memory.
    Planar(ffmpeg::frame::Video),
    /// Luma in FFmpeg's memory; the chroma that was interleaved there, taken apart.
    SemiPlanar {
        frame: ffmpeg::frame::Video,
        cb: Vec<u8>,
        cr: Vec<u8>,
    },
    Owned(Yuv420Picture),
}

impl YuvFrame {
    /// Takes a picture that FFmpeg decoded, by reference.
    pub(super) fn from_ffmpeg(frame: ffmpeg::frame::Video) -> Result<Self, VideoError> {
        use ffmpeg::format::Pixel;
        let color = ColorDescription {
            range: match frame.color_range() {
                ffmpeg::color::Range::Unspecified => ColorRange::Unspecified,
                ffmpeg::color::Range::MPEG => ColorRange::Limited,
                ffmpeg::color::Range::JPEG => ColorRange::Full,
            },
            matrix: match frame.color_space() {
                ffmpeg::color::Space::BT709 => ColorMatrix::Bt709,
                ffmpeg::color::Space::BT470BG | ffmpeg::color::Space::SMPTE170M => {
                    ColorMatrix::Bt601
                }
                ffmpeg::color::Space::Unspecified => ColorMatrix::Unspecified,
                _ => ColorMatrix::Other,
            },
        };
        let storage = match frame.format() {
            Pixel::YUV420P | Pixel::YUVJ420P => Storage::Planar(frame),
            Pixel::NV12 => {
                let (cb, cr) = separate_chroma(&frame);
                Storage::SemiPlanar { frame, cb, cr }
            }
            other => return Err(VideoError::PixelFormat(format!("{other:?}"))),
        };
        if storage.planes().is_none() {
            return Err(VideoError::NoPicture);
        }
        Ok(Self {
            storage: Arc::new(storage),
            color,
        })
    }

    /// A picture that is in memory already.
    pub fn from_picture(picture: Yuv420Picture, color: ColorDescription) -> Self {
        Self {
            storage: Arc::new(Storage::Owned(picture)),
            color,
        }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> Size {
        self.planes().size()
    }

    /// All three planes.
    pub fn planes(&self) -> Yuv420Planes<'_> {
        self.storage
            .planes()
            .expect("the planes were looked at when the frame was made")
    }

    /// One sample a pixel.
    pub fn luma(&self) -> Plane<'_> {
        self.planes().luma()
    }

    /// Blue difference, one sample a block of 2×2 pixels.
    pub fn cb(&self) -> Plane<'_> {
        self.planes().cb()
    }

    /// Red difference, one sample a block of 2×2 pixels.
    pub fn cr(&self) -> Plane<'_> {
        self.planes().cr()
    }

    /// What the stream says about its colours. The graphics pipeline is full-range BT.709
    /// whatever stands here.
    pub fn color(&self) -> ColorDescription {
        self.color
    }
}

impl std::fmt::Debug for YuvFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("YuvFrame")
            .field("size", &self.size())
            .field("color", &self.color)
            .finish_non_exhaustive()
    }
}

impl Storage {
    fn planes(&self) -> Option<Yuv420Planes<'_>> {
        let lent = |frame: &ffmpeg::frame::Video, index: usize| -> Option<(Size, usize)> {
            (index < frame.planes()).then(|| {
                (
                    Size::new(frame.plane_width(index), frame.plane_height(index)),
                    frame.stride(index),
                )
            })
        };
        match self {
            Self::Planar(frame) => {
                let plane = |index| {
                    let (size, stride_bytes) = lent(frame, index)?;
                    Plane::new(frame.data(index), size, stride_bytes)
                };
                Yuv420Planes::new(plane(0)?, plane(1)?, plane(2)?)
            }
            Self::SemiPlanar { frame, cb, cr } => {
                let (size, stride_bytes) = lent(frame, 0)?;
                let (half, _) = lent(frame, 1)?;
                Yuv420Planes::new(
                    Plane::new(frame.data(0), size, stride_bytes)?,
                    Plane::new(cb, half, half.width as usize)?,
                    Plane::new(cr, half, half.width as usize)?,
                )
            }
            Self::Owned(picture) => Some(picture.coded_planes()),
        }
    }
}

/// The chroma plane of NV12, `cb cr cb cr …`, as two planes without gaps.
fn separate_chroma(frame: &ffmpeg::frame::Video) -> (Vec<u8>, Vec<u8>) {
    if frame.planes() < 2 {
        return Default::default();
    }
    let (width, height) = (
        frame.plane_width(1) as usize,
        frame.plane_height(1) as usize,
    );
    let mut cb = Vec::with_capacity(width * height);
    let mut cr = Vec::with_capacity(width * height);
    for row in frame.data(1).chunks(frame.stride(1)).take(height) {
        let pairs = row.as_chunks::<2>().0;
        cb.extend(pairs.iter().take(width).map(|pair| pair[0]));
        cr.extend(pairs.iter().take(width).map(|pair| pair[1]));
    }
    (cb, cr)
}

/// What a stream says about its colours (H.264 Annex E, `video_signal_type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColorDescription {
    /// Range of the samples.
    pub range: ColorRange,
    /// Matrix between RGB and the samples.
    pub matrix: ColorMatrix,
}

/// Range of the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorRange {
    /// Nothing is said.
    #[default]
    Unspecified,
    /// 16 to 235, chroma 16 to 240.
    Limited,
    /// 0 to 255.
    Full,
}

/// Matrix between RGB and the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorMatrix {
    /// Nothing is said.
    #[default]
    Unspecified,
    /// ITU-R BT.709.
    Bt709,
    /// ITU-R BT.601.
    Bt601,
    /// Another one.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_chroma_is_taken_apart_and_luma_is_lent() {
        let mut frame = ffmpeg::frame::Video::new(ffmpeg::format::Pixel::NV12, 6, 4);
        let stride = frame.stride(1);
        for (y, row) in frame.data_mut(1).chunks_mut(stride).enumerate() {
            for x in 0..3 {
                row[x * 2] = (y * 16 + x) as u8;
                row[x * 2 + 1] = 100 + (y * 16 + x) as u8;
            }
        }
        let luma_at = frame.data(0).as_ptr();
        let frame = YuvFrame::from_ffmpeg(frame).unwrap();
        assert_eq!(frame.luma().data().as_ptr(), luma_at);
        assert_eq!(frame.cb().row(1).unwrap(), [16, 17, 18]);
        assert_eq!(frame.cr().row(1).unwrap(), [116, 117, 118]);
    }

    #[test]
    fn other_formats_are_refused_by_name() {
        let frame = ffmpeg::frame::Video::new(ffmpeg::format::Pixel::YUV444P, 16, 16);
        let error = YuvFrame::from_ffmpeg(frame).unwrap_err();
        assert!(matches!(error, VideoError::PixelFormat(name) if name == "YUV444P"));
    }
}
