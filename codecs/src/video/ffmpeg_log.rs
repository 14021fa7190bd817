//! FFmpeg's log, to `tracing` in place of the terminal.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Once;

use super::ffmpeg_library as ffi;

/// Longest line that is kept.
const LINE_BYTES: usize = 512;

/// Sends what FFmpeg would print to `tracing`, target `ffmpeg`, for the whole process. Only where
/// FFmpeg is loaded.
///
/// All of it is about what a peer sent, so nothing is louder than `debug`.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: the callback has the signature that FFmpeg asks for, lives as long as the
        // process and may be called from any thread.
        unsafe { ffi::av_log_set_callback(Some(forward)) }
    });
}

unsafe extern "C" fn forward(
    context: *mut c_void,
    level: c_int,
    format: *const c_char,
    arguments: ffi::VaList,
) {
    let is_error = level <= ffi::AV_LOG_ERROR;
    let is_wanted = if is_error {
        tracing::enabled!(target: "ffmpeg", tracing::Level::DEBUG)
    } else {
        level <= ffi::AV_LOG_INFO && tracing::enabled!(target: "ffmpeg", tracing::Level::TRACE)
    };
    if !is_wanted {
        return;
    }
    let mut line = [0; LINE_BYTES];
    let mut print_prefix = 1;
    // SAFETY: `context`, `format` and `arguments` are handed on as FFmpeg gave them, once; it
    // writes at most `LINE_BYTES` bytes, the last of them 0.
    let line = unsafe {
        ffi::av_log_format_line2(
            context,
            level,
            format,
            arguments,
            line.as_mut_ptr(),
            LINE_BYTES as c_int,
            &mut print_prefix,
        );
        CStr::from_ptr(line.as_ptr())
    };
    let line = line.to_string_lossy();
    let line = line.trim_end();
    if is_error {
        tracing::debug!(target: "ffmpeg", "{line}");
    } else {
        tracing::trace!(target: "ffmpeg", "{line}");
    }
}
