//! FFmpeg's C interface, as [`ffmpeg_next::ffi`] has it, but for its functions, which come out of
//! libraries that are opened when the first of them is needed.
//!
//! Linked, they would be opened when the program starts, with the nearly hundred others that they
//! need: read from the disk and kept in memory in every session, also where nobody sends H.264. And
//! a system without them would not run the program at all, which has OpenH264 to go on with. So on
//! Linux, where they are the system's, they are opened by name; elsewhere, where programs bring
//! their own, they are linked.
//!
//! Unsafe, because the functions are C's. Each is declared with its types once more, which are held
//! against FFmpeg's headers when this is compiled.

use std::ffi::{c_char, c_int, c_uint, c_void};

pub(super) use ffmpeg_next::ffi::*;

/// How a `va_list` is handed to a function: where it is an array, by the address of its element.
#[cfg(all(target_arch = "x86_64", unix))]
pub(super) type VaList = *mut __va_list_tag;
#[cfg(not(all(target_arch = "x86_64", unix)))]
pub(super) type VaList = va_list;

/// What FFmpeg calls with what it has to say.
pub(super) type LogCallback = unsafe extern "C" fn(*mut c_void, c_int, *const c_char, VaList);

macro_rules! functions {
    ($($library:ident { $(fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)* })*) => {
        /// The functions that are used, from the libraries that were opened.
        #[cfg(target_os = "linux")]
        struct Functions {
            $($($name: unsafe extern "C" fn($($type),*) $(-> $result)?,)*)*
        }

        #[cfg(target_os = "linux")]
        impl Functions {
            /// # Safety
            /// The libraries are FFmpeg's, of the versions whose headers this was compiled with, and
            /// are never closed.
            unsafe fn of(libraries: &Libraries) -> Result<Self, libloading::Error> {
                // SAFETY: the types are those of the headers, and the caller vouches for the rest.
                unsafe {
                    Ok(Self {
                        $($($name: *libraries.$library.get(concat!(stringify!($name), "\0").as_bytes())?,)*)*
                    })
                }
            }
        }

        $($(
            // The same types as in the headers.
            const _: unsafe extern "C" fn($($type),*) $(-> $result)? = ffmpeg_next::ffi::$name;

            /// FFmpeg's function of this name.
            ///
            /// # Safety
            /// What FFmpeg's documentation asks for.
            #[cfg(target_os = "linux")]
            #[cfg_attr(
                not(ffmpeg_vulkan),
                allow(dead_code, reason = "not all of them are needed by each version")
            )]
            pub(super) unsafe fn $name($($argument: $type),*) $(-> $result)? {
                // SAFETY: as the caller says.
                unsafe { (loaded().$name)($($argument),*) }
            }
        )*)*
    };
}

functions! {
    avutil {
        fn av_buffer_ref(buffer: *const AVBufferRef) -> *mut AVBufferRef;
        fn av_buffer_unref(buffer: *mut *mut AVBufferRef);
        fn av_dict_free(dictionary: *mut *mut AVDictionary);
        fn av_dict_set(
            dictionary: *mut *mut AVDictionary,
            key: *const c_char,
            value: *const c_char,
            flags: c_int
        ) -> c_int;
        fn av_frame_alloc() -> *mut AVFrame;
        fn av_frame_copy_props(to: *mut AVFrame, from: *const AVFrame) -> c_int;
        fn av_frame_free(frame: *mut *mut AVFrame);
        fn av_frame_get_buffer(frame: *mut AVFrame, alignment: c_int) -> c_int;
        fn av_frame_ref(to: *mut AVFrame, from: *const AVFrame) -> c_int;
        fn av_hwdevice_ctx_create(
            device: *mut *mut AVBufferRef,
            kind: AVHWDeviceType,
            name: *const c_char,
            options: *mut AVDictionary,
            flags: c_int
        ) -> c_int;
        fn av_hwdevice_ctx_alloc(kind: AVHWDeviceType) -> *mut AVBufferRef;
        fn av_hwdevice_ctx_init(device: *mut AVBufferRef) -> c_int;
        fn av_hwframe_ctx_alloc(device: *mut AVBufferRef) -> *mut AVBufferRef;
        fn av_hwframe_ctx_init(frames: *mut AVBufferRef) -> c_int;
        fn av_hwframe_get_buffer(
            frames: *mut AVBufferRef,
            frame: *mut AVFrame,
            flags: c_int
        ) -> c_int;
        fn av_hwframe_map(to: *mut AVFrame, from: *const AVFrame, flags: c_int) -> c_int;
        fn av_hwframe_transfer_data(to: *mut AVFrame, from: *const AVFrame, flags: c_int) -> c_int;
        fn av_log_format_line2(
            context: *mut c_void,
            level: c_int,
            format: *const c_char,
            arguments: VaList,
            line: *mut c_char,
            line_bytes: c_int,
            print_prefix: *mut c_int
        ) -> c_int;
        fn av_log_set_callback(callback: Option<LogCallback>);
        fn av_strerror(code: c_int, text: *mut c_char, bytes: usize) -> c_int;
    }
    avcodec {
        fn av_new_packet(packet: *mut AVPacket, bytes: c_int) -> c_int;
        fn av_packet_alloc() -> *mut AVPacket;
        fn av_packet_free(packet: *mut *mut AVPacket);
        fn av_packet_unref(packet: *mut AVPacket);
        fn avcodec_alloc_context3(codec: *const AVCodec) -> *mut AVCodecContext;
        fn avcodec_find_decoder_by_name(name: *const c_char) -> *const AVCodec;
        fn avcodec_free_context(context: *mut *mut AVCodecContext);
        fn avcodec_get_hw_config(codec: *const AVCodec, index: c_int) -> *const AVCodecHWConfig;
        fn avcodec_open2(
            context: *mut AVCodecContext,
            codec: *const AVCodec,
            options: *mut *mut AVDictionary
        ) -> c_int;
        fn avcodec_receive_frame(context: *mut AVCodecContext, frame: *mut AVFrame) -> c_int;
        fn avcodec_send_packet(context: *mut AVCodecContext, packet: *const AVPacket) -> c_int;
        fn avcodec_version() -> c_uint;
    }
}

#[cfg(target_os = "linux")]
struct Libraries {
    avutil: libloading::Library,
    avcodec: libloading::Library,
}

#[cfg(target_os = "linux")]
static LOADED: std::sync::OnceLock<Result<Functions, String>> = std::sync::OnceLock::new();

/// Opens the libraries, the first time that it is called: some milliseconds, or a tenth of a second
/// where they must be read from the disk. Nothing else of this module may be called before.
///
/// # Errors
/// What is missing, as a sentence.
#[cfg(target_os = "linux")]
pub(super) fn load() -> Result<(), &'static str> {
    fn open(name: &str, version: c_int) -> Result<libloading::Library, String> {
        let file = format!("lib{name}.so.{version}");
        // SAFETY: opening FFmpeg's libraries, and those that they need, has no effect but that they
        // are there: that is how every program that uses them starts.
        unsafe { libloading::Library::new(&file) }
            .map_err(|error| format!("FFmpeg's {file} is not installed or does not load: {error}"))
    }
    let load = || {
        let libraries = Libraries {
            avutil: open("avutil", LIBAVUTIL_VERSION_MAJOR)?,
            avcodec: open("avcodec", LIBAVCODEC_VERSION_MAJOR)?,
        };
        // SAFETY: the number in a library's name is that of its interface, and the one in the
        // headers. They are closed nowhere.
        let functions = unsafe { Functions::of(&libraries) }
            .map_err(|error| format!("FFmpeg lacks a function: {error}"))?;
        std::mem::forget(libraries);
        Ok(functions)
    };
    match LOADED.get_or_init(load) {
        Ok(_) => Ok(()),
        Err(reason) => Err(reason),
    }
}

/// They are linked.
#[cfg(not(target_os = "linux"))]
pub(super) fn load() -> Result<(), &'static str> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn loaded() -> &'static Functions {
    match LOADED.get() {
        Some(Ok(functions)) => functions,
        _ => unreachable!("whoever calls FFmpeg has loaded it"),
    }
}
