//! The functions that are called, by their names in the headers of `freerdp2-dev`.

use std::ffi::{c_char, c_void};

type Raw = *mut c_void;

/// Functions of a library: a struct with a field for each, filled where the library is found.
macro_rules! functions {
    (
        $(#[$doc:meta])*
        $name:ident of $file:literal:
        $(fn $function:ident($($kind:ty),* $(,)?) $(-> $result:ty)?;)*
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[allow(non_snake_case, reason = "the names are the library's")]
        pub(super) struct $name {
            $(pub(super) $function: unsafe extern "C" fn($($kind),*) $(-> $result)?,)*
        }

        impl $name {
            /// Nothing where the library, or one of the functions, is missing.
            pub(super) fn load() -> Option<Self> {
                // SAFETY: the library's own start code is what any program that links it runs; the
                // functions are declared as its headers declare them.
                unsafe {
                    let library = libloading::Library::new($file).ok()?;
                    let functions = Self {
                        $($function: *library.get(stringify!($function).as_bytes()).ok()?,)*
                    };
                    // It must outlive what was taken from it.
                    std::mem::forget(library);
                    Some(functions)
                }
            }
        }
    };
}

functions! {
    /// Of `libfreerdp2`.
    Functions of "libfreerdp2.so.2":
    fn freerdp_get_version_string() -> *const c_char;
    fn freerdp_image_copy(
        *mut u8, u32, u32, u32, u32, u32, u32, *const u8, u32, u32, u32, u32, *const Palette, u32,
    ) -> i32;
    fn freerdp_bitmap_planar_context_new(u32, u32, u32) -> Raw;
    fn freerdp_bitmap_planar_context_free(Raw);
    fn freerdp_bitmap_compress_planar(
        Raw, *const u8, u32, u32, u32, u32, *mut u8, *mut u32,
    ) -> *mut u8;
    fn planar_decompress(
        Raw, *const u8, u32, u32, u32, *mut u8, u32, u32, u32, u32, u32, u32, i32,
    ) -> i32;
    fn bitmap_interleaved_context_new(i32) -> Raw;
    fn bitmap_interleaved_context_free(Raw);
    fn interleaved_compress(
        Raw, *mut u8, *mut u32, u32, u32, *const u8, u32, u32, u32, u32, *const Palette, u32,
    ) -> i32;
    fn interleaved_decompress(
        Raw, *const u8, u32, u32, u32, u32, *mut u8, u32, u32, u32, u32, u32, u32, *const Palette,
    ) -> i32;
    fn rfx_context_new(i32) -> Raw;
    fn rfx_context_free(Raw);
    fn rfx_context_reset(Raw, u32, u32) -> i32;
    fn rfx_context_set_pixel_format(Raw, u32);
    fn rfx_compose_message(
        Raw, *mut Stream, *const RfxRect, usize, *const u8, u32, u32, u32,
    ) -> i32;
    fn rfx_process_message(
        Raw, *const u8, u32, u32, u32, *mut u8, u32, u32, u32, *mut Region,
    ) -> i32;
    fn progressive_context_new(i32) -> Raw;
    fn progressive_context_free(Raw);
    fn progressive_create_surface_context(Raw, u16, u32, u32) -> i32;
    fn progressive_compress_ex(
        Raw, *const u8, u32, u32, u32, u32, u32, *const Region, *mut *mut u8, *mut u32,
    ) -> i32;
    fn progressive_decompress_ex(
        Raw, *const u8, u32, *mut u8, u32, u32, u32, u32, *mut Region, u16, u32,
    ) -> i32;
    fn region16_init(*mut Region);
    fn region16_uninit(*mut Region);
    fn clear_context_new(i32) -> Raw;
    fn clear_context_free(Raw);
    fn clear_decompress(
        Raw, *const u8, u32, u32, u32, *mut u8, u32, u32, u32, u32, u32, u32, *const Palette,
    ) -> i32;
    fn nsc_context_new() -> Raw;
    fn nsc_context_free(Raw);
    fn nsc_context_reset(Raw, u32, u32) -> i32;
    fn nsc_context_set_parameters(Raw, i32, u32) -> i32;
    fn nsc_compose_message(Raw, *mut Stream, *const u8, u32, u32, u32) -> i32;
    fn nsc_process_message(
        Raw, u16, u32, u32, *const u8, u32, *mut u8, u32, u32, u32, u32, u32, u32, u32,
    ) -> i32;
    fn jpeg_decompress(*const u8, *mut u8, i32, i32, i32, i32) -> i32;
    fn mppc_context_new(u32, i32) -> Raw;
    fn mppc_context_free(Raw);
    fn mppc_compress(Raw, *const u8, u32, *mut *mut u8, *mut u32, *mut u32) -> i32;
    fn mppc_decompress(Raw, *const u8, u32, *mut *mut u8, *mut u32, u32) -> i32;
    fn ncrush_context_new(i32) -> Raw;
    fn ncrush_context_free(Raw);
    fn ncrush_compress(Raw, *const u8, u32, *mut *mut u8, *mut u32, *mut u32) -> i32;
    fn ncrush_decompress(Raw, *const u8, u32, *mut *mut u8, *mut u32, u32) -> i32;
    fn xcrush_context_new(i32) -> Raw;
    fn xcrush_context_free(Raw);
    fn xcrush_compress(Raw, *const u8, u32, *mut *mut u8, *mut u32, *mut u32) -> i32;
    fn xcrush_decompress(Raw, *const u8, u32, *mut *mut u8, *mut u32, u32) -> i32;
    fn zgfx_context_new(i32) -> Raw;
    fn zgfx_context_free(Raw);
    fn zgfx_context_reset(Raw, i32);
    fn zgfx_compress(Raw, *const u8, u32, *mut *mut u8, *mut u32, *mut u32) -> i32;
    fn zgfx_decompress(Raw, *const u8, u32, *mut *mut u8, *mut u32, u32) -> i32;
}

functions! {
    /// Of `libwinpr2`.
    WinPr of "libwinpr2.so.2":
    fn Stream_New(*mut u8, usize) -> *mut Stream;
    fn Stream_Free(*mut Stream, i32);
}

/// `gdiPalette`.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Palette {
    pub(super) format: u32,
    pub(super) colors: [u32; 256],
}

/// `RFX_RECT`.
#[repr(C)]
#[derive(Debug)]
pub(super) struct RfxRect {
    pub(super) x: u16,
    pub(super) y: u16,
    pub(super) width: u16,
    pub(super) height: u16,
}

/// `REGION16`: its extents, and what it points to.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Region {
    extents: [u16; 4],
    data: Raw,
}

impl Region {
    pub(super) const fn blank() -> Self {
        Self {
            extents: [0; 4],
            data: std::ptr::null_mut(),
        }
    }
}

/// `RFX_CONTEXT` as far as the entropy coder's name.
#[repr(C)]
#[derive(Debug)]
pub(super) struct RfxContext {
    state: i32,
    encoder: i32,
    flags: u16,
    properties: u16,
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) mode: i32,
}

/// `wStream` as far as what has been written.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) buffer: *const u8,
    pub(super) pointer: *const u8,
}
