//! What is used of FFmpeg, with owners, borrows and errors in place of C's conventions.
//!
//! Unsafe, because each call below is one of C. What FFmpeg fills in is read as numbers: a newer one
//! may have values that the headers' enumerations lack.

use std::ffi::{CStr, CString, c_int};
use std::fmt;
use std::ptr::{self, NonNull};

use super::ffmpeg_library as ffi;
use crate::geometry::Size;
use crate::yuv::Plane;

/// An error code of FFmpeg's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FfmpegError(c_int);

impl FfmpegError {
    /// There is not enough memory.
    pub(super) const NO_MEMORY: Self = Self(ffi::AVERROR(ffmpeg_next::error::ENOMEM));
    /// There is no such thing.
    pub(super) const INVALID: Self = Self(ffi::AVERROR(ffmpeg_next::error::EINVAL));
    /// More must come in before more comes out.
    const AGAIN: Self = Self(ffi::AVERROR(ffmpeg_next::error::EAGAIN));

    /// What a function returned that returns less than zero where it fails.
    pub(super) fn check(code: c_int) -> Result<(), Self> {
        if code < 0 { Err(Self(code)) } else { Ok(()) }
    }
}

impl fmt::Display for FfmpegError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 128];
        // SAFETY: it writes a text of so many bytes at most, 0 at the end included, also for a
        // number that it does not know.
        let text = unsafe {
            ffi::av_strerror(self.0, text.as_mut_ptr(), text.len());
            CStr::from_ptr(text.as_ptr())
        };
        f.write_str(&text.to_string_lossy())
    }
}

/// The version of the library that decodes: major, minor and micro.
///
/// # Errors
/// What is missing, as a sentence.
pub(super) fn version() -> Result<[u8; 3], &'static str> {
    ffi::load()?;
    // SAFETY: it asks for nothing and gives a number.
    let [_, major, minor, micro] = unsafe { ffi::avcodec_version() }.to_be_bytes();
    Ok([major, minor, micro])
}

/// A decoder that FFmpeg has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codec(&'static ffi::AVCodec);

impl Codec {
    /// The decoder of this name. Whoever has one has FFmpeg loaded.
    ///
    /// # Errors
    /// What is missing, as a sentence.
    pub(super) fn decoder(name: &CStr) -> Result<Self, String> {
        ffi::load()?;
        // SAFETY: FFmpeg's codecs live as long as the process, and nobody changes them.
        unsafe { ffi::avcodec_find_decoder_by_name(name.as_ptr()).as_ref() }
            .map(Self)
            .ok_or_else(|| format!("it has no decoder named {}", name.to_string_lossy()))
    }

    pub(super) fn as_ptr(self) -> *const ffi::AVCodec {
        self.0
    }
}

/// A decoder at work, or one that is about to be.
pub(super) struct Context {
    context: NonNull<ffi::AVCodecContext>,
    codec: Codec,
    /// What goes in, by turns.
    packet: NonNull<ffi::AVPacket>,
}

// SAFETY: FFmpeg's contexts may be used by one thread after the other; no method that takes a
// shared reference reads what changes.
unsafe impl Send for Context {}

impl Context {
    /// One that is not open yet.
    pub(super) fn new(codec: Codec) -> Result<Self, FfmpegError> {
        // SAFETY: both functions give null or what is the caller's to free.
        unsafe {
            let context = ffi::avcodec_alloc_context3(codec.as_ptr());
            let context = NonNull::new(context).ok_or(FfmpegError::NO_MEMORY)?;
            let Some(packet) = NonNull::new(ffi::av_packet_alloc()) else {
                ffi::avcodec_free_context(&mut context.as_ptr());
                return Err(FfmpegError::NO_MEMORY);
            };
            Ok(Self {
                context,
                codec,
                packet,
            })
        }
    }

    /// For what has no method here.
    pub(super) fn as_mut_ptr(&mut self) -> *mut ffi::AVCodecContext {
        self.context.as_ptr()
    }

    /// Has each picture come out as soon as its bytes are in, its slices shared by so many threads.
    pub(super) fn set_low_delay(&mut self, threads: c_int) {
        // SAFETY: the context is borrowed alone, and these are its user's to set before it is open.
        unsafe {
            let context = self.context.as_mut();
            context.flags |= ffi::AV_CODEC_FLAG_LOW_DELAY as c_int;
            context.thread_type = ffi::FF_THREAD_SLICE;
            context.thread_count = threads;
        }
    }

    /// Opens it.
    pub(super) fn open(&mut self, options: &[(&CStr, String)]) -> Result<(), FfmpegError> {
        let mut dictionary = ptr::null_mut();
        let set = options.iter().try_for_each(|(name, value)| {
            let value = CString::new(value.as_str()).map_err(|_| FfmpegError::INVALID)?;
            // SAFETY: the dictionary is made with its first entry, and texts are copied into it.
            FfmpegError::check(unsafe {
                ffi::av_dict_set(&mut dictionary, name.as_ptr(), value.as_ptr(), 0)
            })
        });
        // SAFETY: the context is borrowed alone and was made for this codec. What is left of the
        // dictionary is the caller's to free.
        unsafe {
            let opened = set.and_then(|()| {
                FfmpegError::check(ffi::avcodec_open2(
                    self.context.as_ptr(),
                    self.codec.as_ptr(),
                    &mut dictionary,
                ))
            });
            ffi::av_dict_free(&mut dictionary);
            opened
        }
    }

    /// Puts an access unit in.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), FfmpegError> {
        let length = c_int::try_from(bytes.len()).map_err(|_| FfmpegError::INVALID)?;
        // SAFETY: the packet is empty, is given a buffer of so many bytes and some zeros, is filled,
        // and is empty again afterwards: the decoder has a reference of its own where it keeps it.
        unsafe {
            let packet = self.packet.as_ptr();
            FfmpegError::check(ffi::av_new_packet(packet, length))?;
            ptr::copy_nonoverlapping(bytes.as_ptr(), (*packet).data, bytes.len());
            let code = ffi::avcodec_send_packet(self.context.as_ptr(), packet);
            ffi::av_packet_unref(packet);
            FfmpegError::check(code)
        }
    }

    /// Takes a picture out, if one is ready.
    pub(super) fn receive(&mut self) -> Result<Option<Frame>, FfmpegError> {
        let mut frame = Frame::new()?;
        // SAFETY: both are borrowed alone, and the frame is empty.
        let code = unsafe { ffi::avcodec_receive_frame(self.context.as_ptr(), frame.as_mut_ptr()) };
        match FfmpegError::check(code) {
            Ok(()) => Ok(Some(frame)),
            Err(FfmpegError::AGAIN) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: both are this one's own.
        unsafe {
            ffi::av_packet_free(&mut self.packet.as_ptr());
            ffi::avcodec_free_context(&mut self.context.as_ptr());
        }
    }
}

/// A picture in memory that FFmpeg keeps as long as somebody has a reference to it.
pub(super) struct Frame(NonNull<ffi::AVFrame>);

// SAFETY: a frame is a description and counted references, which are counted atomically.
unsafe impl Send for Frame {}
// SAFETY: nothing changes behind a shared reference.
unsafe impl Sync for Frame {}

impl Frame {
    /// One that holds no picture. Only where FFmpeg is loaded.
    pub(super) fn new() -> Result<Self, FfmpegError> {
        // SAFETY: null or what is the caller's to free.
        NonNull::new(unsafe { ffi::av_frame_alloc() })
            .map(Self)
            .ok_or(FfmpegError::NO_MEMORY)
    }

    /// One with memory of its own, whose samples are not written yet but for zeros. For tests.
    pub(super) fn with_buffer(format: ffi::AVPixelFormat, size: Size) -> Result<Self, String> {
        ffi::load()?;
        let mut frame = Self::new().map_err(|error| error.to_string())?;
        // SAFETY: the frame is borrowed alone and empty, and is given a whole buffer for each plane.
        unsafe {
            let raw = frame.0.as_mut();
            raw.format = format as c_int;
            raw.width = size.width as c_int;
            raw.height = size.height as c_int;
            FfmpegError::check(ffi::av_frame_get_buffer(raw, 0)).map_err(|e| e.to_string())?;
            for buffer in raw.buf.iter().filter_map(|buffer| buffer.as_ref()) {
                ptr::write_bytes(buffer.data, 0, buffer.size);
            }
        }
        Ok(frame)
    }

    /// Another reference to the same picture.
    pub(super) fn another(&self) -> Result<Self, FfmpegError> {
        let mut other = Self::new()?;
        // SAFETY: both frames are valid, and the new one is empty.
        FfmpegError::check(unsafe { ffi::av_frame_ref(other.as_mut_ptr(), self.as_ptr()) })?;
        Ok(other)
    }

    /// For what has no method here.
    pub(super) fn as_ptr(&self) -> *const ffi::AVFrame {
        self.0.as_ptr()
    }

    /// For what has no method here.
    pub(super) fn as_mut_ptr(&mut self) -> *mut ffi::AVFrame {
        self.0.as_ptr()
    }

    fn raw(&self) -> &ffi::AVFrame {
        // SAFETY: it is this one's own, and borrowed as long.
        unsafe { self.0.as_ref() }
    }

    /// Width and height in pixels; nothing where it holds no picture.
    pub(super) fn size(&self) -> Size {
        let raw = self.raw();
        let length = |length: c_int| u32::try_from(length).unwrap_or(0);
        Size::new(length(raw.width), length(raw.height))
    }

    /// How the samples lie: the number of an [`ffi::AVPixelFormat`].
    pub(super) fn format(&self) -> c_int {
        self.raw().format
    }

    /// The number of an [`ffi::AVColorRange`].
    pub(super) fn color_range(&self) -> c_int {
        // SAFETY: an enumeration of C, read as the number that it is.
        unsafe { (&raw const self.raw().color_range).cast::<c_int>().read() }
    }

    /// The number of an [`ffi::AVColorSpace`].
    pub(super) fn color_space(&self) -> c_int {
        // SAFETY: an enumeration of C, read as the number that it is.
        unsafe { (&raw const self.raw().colorspace).cast::<c_int>().read() }
    }

    /// A plane in memory that has so many bytes a row and rows. `None` where the frame has none
    /// there, it is smaller, or its rows go backwards.
    pub(super) fn plane(&self, index: usize, size: Size) -> Option<Plane<'_>> {
        let raw = self.raw();
        let stride_bytes = usize::try_from(*raw.linesize.get(index)?).ok()?;
        let bytes = (size.height.checked_sub(1)? as usize)
            .checked_mul(stride_bytes)?
            .checked_add(size.width as usize)?;
        let start = *raw.data.get(index)?;
        // SAFETY: what a buffer's description says is the memory that it keeps. The plane is looked
        // for in the buffers that this frame holds references to, so that it lives as long as the
        // frame, and nobody writes what is referred to twice.
        unsafe {
            let buffers = raw.buf.iter().filter_map(|buffer| buffer.as_ref());
            let is_inside =
                buffers
                    .map(|buffer| (buffer.data.addr(), buffer.size))
                    .any(|(data, size)| {
                        start
                            .addr()
                            .checked_sub(data)
                            .and_then(|before| size.checked_sub(before))
                            .is_some_and(|left| bytes <= left)
                    });
            if start.is_null() || !is_inside {
                return None;
            }
            Plane::new(std::slice::from_raw_parts(start, bytes), size, stride_bytes)
        }
    }

    /// Writes a row of a plane of a frame [`with_buffer`](Self::with_buffer) of its own: as many
    /// bytes as both have.
    pub(super) fn write_row(&mut self, index: usize, size: Size, y: u32, row: &[u8]) {
        let Some(stride_bytes) = self.plane(index, size).map(|plane| plane.stride_bytes()) else {
            return;
        };
        if y < size.height {
            let bytes = row.len().min(size.width as usize);
            // SAFETY: the plane has this row, as was just found out, and the frame is borrowed
            // alone; one with a buffer of its own has the only reference to it.
            unsafe {
                let to = self.raw().data[index].add(y as usize * stride_bytes);
                ptr::copy_nonoverlapping(row.as_ptr(), to, bytes);
            }
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: it is this one's own.
        unsafe { ffi::av_frame_free(&mut self.0.as_ptr()) };
    }
}
