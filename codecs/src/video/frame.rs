//! Decoded pictures.

use std::ffi::c_int;
use std::sync::{Arc, OnceLock};

use super::VideoError;
use super::device_picture::DevicePicture;
use super::ffmpeg_library as ffi;
use super::ffmpeg_types::Frame;
use crate::geometry::Size;
use crate::yuv::{Plane, Yuv420Picture, Yuv420Planes, chroma_size};

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
    Planar(Frame),
    /// Luma and interleaved chroma in FFmpeg's memory; the chroma is taken apart when somebody asks
    /// for its planes.
    SemiPlanar {
        frame: Frame,
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
    pub(super) fn from_ffmpeg(frame: Frame) -> Result<Self, VideoError> {
        const PLANAR: [c_int; 2] = [
            ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as c_int,
            ffi::AVPixelFormat::AV_PIX_FMT_YUVJ420P as c_int,
        ];
        const SEMI_PLANAR: c_int = ffi::AVPixelFormat::AV_PIX_FMT_NV12 as c_int;
        let color = ColorDescription::of_ffmpeg(&frame);
        let storage = match frame.format() {
            format if PLANAR.contains(&format) => Storage::Planar(frame),
            SEMI_PLANAR => Storage::SemiPlanar {
                frame,
                separated: OnceLock::new(),
            },
            other => return Err(VideoError::PixelFormat(name_of(other))),
        };
        let is_whole = match &storage {
            Storage::SemiPlanar { frame, .. } => pairs(frame).is_some() && luma(frame).is_some(),
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
        let mut frame = Frame::with_buffer(ffi::AVPixelFormat::AV_PIX_FMT_NV12, size)
            .expect("FFmpeg is there in tests");
        for y in 0..size.height {
            frame.write_row(0, size, y, planes.luma().row(y).unwrap_or_default());
        }
        let pairs = pair_size(size);
        for y in 0..pairs.height {
            let cb = planes.cb().row(y).unwrap_or_default();
            let cr = planes.cr().row(y).unwrap_or_default();
            let row: Vec<u8> = cb.iter().zip(cr).flat_map(|(&cb, &cr)| [cb, cr]).collect();
            frame.write_row(1, pairs, y, &row);
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
                luma(frame).expect("the plane was looked at when the frame was made")
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
                let half = chroma_size(frame.size());
                let chroma = |index| frame.plane(index, half);
                Yuv420Planes::new(luma(frame)?, chroma(1)?, chroma(2)?)
            }
            Self::SemiPlanar { frame, separated } => {
                let pairs = pairs(frame)?;
                let half = Size::new(pairs.size().width / 2, pairs.size().height);
                let (cb, cr) = separated.get_or_init(|| separate(&pairs, half));
                let stride_bytes = half.width as usize;
                Yuv420Planes::new(
                    luma(frame)?,
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

/// One sample a pixel, in FFmpeg's memory.
fn luma(frame: &Frame) -> Option<Plane<'_>> {
    frame.plane(0, frame.size())
}

/// The chroma plane of NV12: rows of `cb cr cb cr …`.
fn pairs(frame: &Frame) -> Option<Plane<'_>> {
    frame.plane(1, pair_size(frame.size()))
}

/// Bytes a row and rows of interleaved chroma.
fn pair_size(size: Size) -> Size {
    Size::new(chroma_size(size).width * 2, chroma_size(size).height)
}

/// What people call a form of samples that a decoder of H.264 may give.
fn name_of(format: c_int) -> String {
    use ffi::AVPixelFormat::*;
    let known = [
        (AV_PIX_FMT_GRAY8, "greyscale"),
        (AV_PIX_FMT_YUV422P, "4:2:2"),
        (AV_PIX_FMT_YUVJ422P, "4:2:2"),
        (AV_PIX_FMT_YUV444P, "4:4:4"),
        (AV_PIX_FMT_YUVJ444P, "4:4:4"),
        (AV_PIX_FMT_GBRP, "RGB"),
        (AV_PIX_FMT_YUV420P10LE, "4:2:0 of 10 bits"),
        (AV_PIX_FMT_YUV422P10LE, "4:2:2 of 10 bits"),
        (AV_PIX_FMT_YUV444P10LE, "4:4:4 of 10 bits"),
    ];
    known
        .into_iter()
        .find(|&(number, _)| number as c_int == format)
        .map_or_else(
            || format!("that has FFmpeg's number {format}"),
            |(_, name)| name.to_owned(),
        )
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
    pub(super) fn of_ffmpeg(frame: &Frame) -> Self {
        use ffi::{AVColorRange as Range, AVColorSpace as Space};
        const LIMITED: c_int = Range::AVCOL_RANGE_MPEG as c_int;
        const FULL: c_int = Range::AVCOL_RANGE_JPEG as c_int;
        const BT709: c_int = Space::AVCOL_SPC_BT709 as c_int;
        const BT470BG: c_int = Space::AVCOL_SPC_BT470BG as c_int;
        const SMPTE170M: c_int = Space::AVCOL_SPC_SMPTE170M as c_int;
        const UNSPECIFIED: c_int = Space::AVCOL_SPC_UNSPECIFIED as c_int;
        Self {
            range: match frame.color_range() {
                LIMITED => ColorRange::Limited,
                FULL => ColorRange::Full,
                _ => ColorRange::Unspecified,
            },
            matrix: match frame.color_space() {
                BT709 => ColorMatrix::Bt709,
                BT470BG | SMPTE170M => ColorMatrix::Bt601,
                UNSPECIFIED => ColorMatrix::Unspecified,
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
        let size = Size::new(6, 4);
        let mut frame = Frame::with_buffer(ffi::AVPixelFormat::AV_PIX_FMT_NV12, size).unwrap();
        for y in 0..2 {
            let start = y as u8 * 16;
            let row = [
                start,
                100 + start,
                start + 1,
                101 + start,
                start + 2,
                102 + start,
            ];
            frame.write_row(1, Size::new(6, 2), y, &row);
        }
        let luma_at = frame.plane(0, size).unwrap().data().as_ptr();
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
        let format = ffi::AVPixelFormat::AV_PIX_FMT_YUV444P;
        let frame = Frame::with_buffer(format, Size::new(16, 16)).unwrap();
        let error = YuvFrame::from_ffmpeg(frame).unwrap_err();
        assert!(matches!(error, VideoError::PixelFormat(name) if name == "4:4:4"));
    }
}
