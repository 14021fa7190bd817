//! FreeRDP 2's codecs, called as its headers say.
//!
//! The library is opened when it is first asked for ([`FreeRdp::load`]). Decoders draw at any place
//! of a larger picture; a `false` or nothing means that FreeRDP refuses the payload.

mod bulk;
mod functions;
mod raster;
mod stream;
mod surface;
mod transform;

use std::{ffi::c_void, sync::OnceLock};

use oriel_codecs::{Picture, Rect};

pub use bulk::{Bulk, Zgfx};
pub use raster::{Interleaved, Planar, copy_image};
pub use surface::{ClearCodec, NsCodec, decode_jpeg};
pub use transform::{Progressive, RemoteFx, RemoteFxEncoder};

use functions::{Functions, WinPr};

/// `PIXEL_FORMAT_BGRX32`: 32 bits, type `BGRA`, no alpha, three times eight bits.
const BGRX32: u32 = 32 << 24 | 4 << 16 | 8 << 8 | 8 << 4 | 8;

/// The library, open for as long as the process lasts.
#[derive(Clone, Copy, Debug)]
pub struct FreeRdp {
    codecs: &'static Functions,
    winpr: &'static WinPr,
}

impl FreeRdp {
    /// Opens the library, where it is installed; never without the feature `freerdp`.
    pub fn load() -> Option<Self> {
        if !cfg!(feature = "freerdp") {
            return None;
        }
        static LOADED: OnceLock<Option<(Functions, WinPr)>> = OnceLock::new();
        let loaded = LOADED.get_or_init(|| Some((Functions::load()?, WinPr::load()?)));
        let (codecs, winpr) = loaded.as_ref()?;
        Some(Self { codecs, winpr })
    }

    /// As [`Self::load`], for a test: tells on standard error that it leaves FreeRDP out.
    pub fn load_or_say() -> Option<Self> {
        let loaded = Self::load();
        if loaded.is_none() {
            eprintln!("skipped: libfreerdp2 is not installed, IronRDP alone is compared");
        }
        loaded
    }

    /// What its headers call its version.
    pub fn version(self) -> String {
        // SAFETY: returns a string that is never freed.
        let version = unsafe {
            let version = (self.codecs.freerdp_get_version_string)();
            std::ffi::CStr::from_ptr(version)
        };
        version.to_string_lossy().into_owned()
    }
}

/// A context of one of the codecs, and what frees it.
#[derive(Debug)]
struct Context {
    raw: *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
}

impl Context {
    fn new(raw: *mut c_void, free: unsafe extern "C" fn(*mut c_void)) -> Self {
        assert!(!raw.is_null(), "libfreerdp2 has no memory");
        Self { raw, free }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by the function that `free` belongs to, and freed once.
        unsafe { (self.free)(self.raw) }
    }
}

/// A rectangle of a picture, as the library takes it.
struct Place<T> {
    /// The picture's first pixel, not the rectangle's.
    data: T,
    stride: u32,
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

impl Place<*const u8> {
    /// Where an encoder reads; panics where it would read beside the picture.
    fn to_read(source: &Picture, rect: Rect) -> Self {
        Self::new(source, source.data().as_ptr(), rect)
    }
}

impl Place<*mut u8> {
    /// Where a decoder draws; panics where it would draw beside the picture.
    fn to_draw(target: &mut Picture, rect: Rect) -> Self {
        let data = target.data_mut().as_mut_ptr();
        Self::new(target, data, rect)
    }
}

impl<T> Place<T> {
    /// FreeRDP does not look whether the rectangle lies in the picture, so this does.
    fn new(picture: &Picture, data: T, rect: Rect) -> Self {
        assert!(
            picture.size().to_rect().contains_rect(&rect),
            "{rect:?} does not lie in the picture"
        );
        Self {
            data,
            stride: picture.stride_bytes() as u32,
            x: rect.left as u32,
            y: rect.top as u32,
            width: rect.width(),
            height: rect.height(),
        }
    }
}
