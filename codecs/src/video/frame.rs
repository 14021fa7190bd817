//! Decoded pictures.

use std::sync::{Arc, OnceLock};

use ffmpeg_next as ffmpeg;

use super::VideoError;
use super::device_picture::DevicePicture;
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
    /// Luma and interleaved chroma in FFmpeg's memory; the chroma is taken apart when somebody asks
    /// for its planes.
    SemiPlanar {
        frame: ffmpeg::frame::Video,
        separated: OnceLock<(Vec<u8>, Vec<u8>)>,
    },
    Owned(Yuv420Picture),
    OnDevice(OnDevice),
}

/// A picture in the memory of a GPU.
struct OnDevice {
    size: Size,
    picture: DevicePicture,
    copy: Box<dyn Fn() -> Result<YuvFrame, VideoError> + Send + Sync>,
    /// Its copy in memory, once somebody asked for it, or why there is none.
    copied: OnceLock<Result<YuvFrame, String>>,
    /// What is shown of a picture that could not be copied.
    black: OnceLock<Yuv420Picture>,
}

impl OnDevice {
    fn in_memory(&self) -> Result<&YuvFrame, VideoError> {
        let copy = || {
            let frame = (self.copy)().map_err(|error| error.to_string())?;
            match frame.size() == self.size && frame.device_picture().is_none() {
                true => Ok(frame),
                false => Err("the copy is another picture".to_owned()),
            }
        };
        let copied = self.copied.get_or_init(copy).as_ref();
        copied.map_err(|reason| VideoError::Copy(reason.clone()))
    }
}

impl YuvFrame {
    /// Takes a picture that FFmpeg decoded, by reference.
    pub(super) fn from_ffmpeg(frame: ffmpeg::frame::Video) -> Result<Self, VideoError> {
        use ffmpeg::format::Pixel;
        let color = ColorDescription::of_ffmpeg(&frame);
        let storage = match frame.format() {
            Pixel::YUV420P | Pixel::YUVJ420P => Storage::Planar(frame),
            Pixel::NV12 => Storage::SemiPlanar {
                frame,
                separated: OnceLock::new(),
            },
            other => return Err(VideoError::PixelFormat(format!("{other:?}"))),
        };
        let is_whole = match &storage {
            Storage::SemiPlanar { frame, .. } => pairs(frame).is_some_and(|pairs| {
                let size = Size::new(frame.width(), frame.height());
                let half = Size::new(size.width.div_ceil(2), size.height.div_ceil(2));
                let wanted = Size::new(half.width * 2, half.height);
                lent(frame, 0).is_some() && pairs.size() == wanted
            }),
            storage => storage.planes().is_some(),
        };
        if !is_whole {
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

    /// A picture in the memory of a GPU, drawn by whoever knows what `picture` is. `copy` copies it
    /// into memory, and is called once at most, when its samples are asked for.
    pub fn on_device(
        size: Size,
        color: ColorDescription,
        picture: DevicePicture,
        copy: impl Fn() -> Result<Self, VideoError> + Send + Sync + 'static,
    ) -> Self {
        let storage = Storage::OnDevice(OnDevice {
            size,
            picture,
            copy: Box::new(copy),
            copied: OnceLock::new(),
            black: OnceLock::new(),
        });
        Self {
            storage: Arc::new(storage),
            color,
        }
    }

    /// What a GPU draws it from, where it is in the GPU's memory.
    pub fn device_picture(&self) -> Option<&DevicePicture> {
        match &*self.storage {
            Storage::OnDevice(on_device) => Some(&on_device.picture),
            _ => None,
        }
    }

    /// The same picture, in memory: copied there where it is not yet.
    ///
    /// # Errors
    /// [`VideoError::Copy`] where it does not come out of the GPU's memory.
    pub fn in_memory(&self) -> Result<Self, VideoError> {
        match &*self.storage {
            Storage::OnDevice(on_device) => on_device.in_memory().cloned(),
            _ => Ok(self.clone()),
        }
    }

    /// The same picture with its chroma interleaved, as hardware gives it. For tests.
    #[doc(hidden)]
    pub fn to_semi_planar(&self) -> Self {
        let planes = self.planes();
        let size = planes.size();
        let mut frame =
            ffmpeg::frame::Video::new(ffmpeg::format::Pixel::NV12, size.width, size.height);
        let stride = frame.stride(0);
        for (row, y) in frame.data_mut(0).chunks_mut(stride).zip(0..) {
            if let Some(from) = planes.luma().row(y) {
                row[..from.len()].copy_from_slice(from);
            }
        }
        let stride = frame.stride(1);
        for (row, y) in frame.data_mut(1).chunks_mut(stride).zip(0..) {
            if let (Some(cb), Some(cr)) = (planes.cb().row(y), planes.cr().row(y)) {
                for (pair, (&cb, &cr)) in row.as_chunks_mut().0.iter_mut().zip(cb.iter().zip(cr)) {
                    *pair = [cb, cr];
                }
            }
        }
        Self {
            storage: Arc::new(Storage::SemiPlanar {
                frame,
                separated: OnceLock::new(),
            }),
            color: self.color,
        }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> Size {
        match &*self.storage {
            Storage::OnDevice(on_device) => on_device.size,
            _ => self.luma().size(),
        }
    }

    /// Cb and Cr in turn, where the picture came with them interleaved (NV12): rows of twice as many
    /// bytes as a chroma plane has samples. Whoever can use them so saves taking them apart.
    pub fn interleaved_chroma(&self) -> Option<Plane<'_>> {
        match &*self.storage {
            Storage::SemiPlanar { frame, .. } => pairs(frame),
            Storage::OnDevice(on_device) => on_device.in_memory().ok()?.interleaved_chroma(),
            Storage::Planar(_) | Storage::Owned(_) => None,
        }
    }

    /// All three planes. Those of a picture in a GPU's memory are copied when they are first asked
    /// for, and black where they do not come out: [`in_memory`](Self::in_memory) tells.
    pub fn planes(&self) -> Yuv420Planes<'_> {
        self.storage
            .planes()
            .expect("the planes were looked at when the frame was made")
    }

    /// One sample a pixel.
    pub fn luma(&self) -> Plane<'_> {
        match &*self.storage {
            Storage::SemiPlanar { frame, .. } => {
                lent(frame, 0).expect("the plane was looked at when the frame was made")
            }
            Storage::OnDevice(on_device) => match on_device.in_memory() {
                Ok(frame) => frame.luma(),
                Err(_) => self.planes().luma(),
            },
            Storage::Planar(_) | Storage::Owned(_) => self.planes().luma(),
        }
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
        match self {
            Self::Planar(frame) => {
                Yuv420Planes::new(lent(frame, 0)?, lent(frame, 1)?, lent(frame, 2)?)
            }
            Self::SemiPlanar { frame, separated } => {
                let pairs = pairs(frame)?;
                let half = Size::new(pairs.size().width / 2, pairs.size().height);
                let (cb, cr) = separated.get_or_init(|| separate(&pairs, half));
                let stride_bytes = half.width as usize;
                Yuv420Planes::new(
                    lent(frame, 0)?,
                    Plane::new(cb, half, stride_bytes)?,
                    Plane::new(cr, half, stride_bytes)?,
                )
            }
            Self::Owned(picture) => Some(picture.coded_planes()),
            Self::OnDevice(on_device) => Some(match on_device.in_memory() {
                Ok(frame) => frame.planes(),
                Err(_) => on_device
                    .black
                    .get_or_init(|| Yuv420Picture::new(on_device.size))
                    .coded_planes(),
            }),
        }
    }
}

/// A plane of single samples in FFmpeg's memory.
fn lent(frame: &ffmpeg::frame::Video, index: usize) -> Option<Plane<'_>> {
    if index >= frame.planes() {
        return None;
    }
    let size = Size::new(frame.plane_width(index), frame.plane_height(index));
    Plane::new(frame.data(index), size, frame.stride(index))
}

/// The chroma plane of NV12: rows of `cb cr cb cr …`.
fn pairs(frame: &ffmpeg::frame::Video) -> Option<Plane<'_>> {
    if frame.planes() < 2 {
        return None;
    }
    let size = Size::new(frame.plane_width(1).checked_mul(2)?, frame.plane_height(1));
    Plane::new(frame.data(1), size, frame.stride(1))
}

/// Interleaved chroma as two planes without gaps.
fn separate(pairs: &Plane<'_>, half: Size) -> (Vec<u8>, Vec<u8>) {
    let samples = half.area() as usize;
    let (mut cb, mut cr) = (vec![0; samples], vec![0; samples]);
    let width = half.width as usize;
    let rows = cb.chunks_exact_mut(width).zip(cr.chunks_exact_mut(width));
    for (y, (cb, cr)) in (0..).zip(rows) {
        let row = pairs.row(y).unwrap_or_default().as_chunks::<2>().0;
        for (pair, (cb, cr)) in row.iter().zip(cb.iter_mut().zip(cr)) {
            [*cb, *cr] = *pair;
        }
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

impl ColorDescription {
    /// What FFmpeg found in the stream.
    pub(super) fn of_ffmpeg(frame: &ffmpeg::frame::Video) -> Self {
        Self {
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
        }
    }
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
        let pairs = frame.interleaved_chroma().unwrap();
        assert_eq!(pairs.row(1).unwrap(), [16, 116, 17, 117, 18, 118]);
        assert_eq!(frame.cb().row(1).unwrap(), [16, 17, 18]);
        assert_eq!(frame.cr().row(1).unwrap(), [116, 117, 118]);
        let again = frame.to_semi_planar();
        assert_eq!(again.interleaved_chroma().unwrap().row(1), pairs.row(1));
        assert_eq!(again.luma().row(3), frame.luma().row(3));
    }

    #[test]
    fn other_formats_are_refused_by_name() {
        let frame = ffmpeg::frame::Video::new(ffmpeg::format::Pixel::YUV444P, 16, 16);
        let error = YuvFrame::from_ffmpeg(frame).unwrap_err();
        assert!(matches!(error, VideoError::PixelFormat(name) if name == "YUV444P"));
    }
}
