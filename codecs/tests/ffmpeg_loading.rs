//! FFmpeg and the libraries that it brings stay on the disk until there is H.264.
//!
//! Alone in its file, so that no other test of the process has loaded it before.
#![cfg(all(target_os = "linux", feature = "video"))]

use oriel_codecs::video::{DecoderKind, DecoderLimits, ffmpeg_version};

fn is_loaded() -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.contains("libavcodec.so") || maps.contains("libavutil.so")
}

#[test]
fn ffmpeg_is_loaded_when_the_first_decoder_needs_it() {
    assert!(!is_loaded(), "it is linked, or something loads it at start");
    for kind in DecoderKind::SOFTWARE {
        kind.look().unwrap();
    }
    let _decoder = DecoderKind::OpenH264
        .open(DecoderLimits::default())
        .unwrap();
    assert!(!is_loaded(), "nobody asked for it");
    let _decoder = DecoderKind::Ffmpeg.open(DecoderLimits::default()).unwrap();
    assert!(is_loaded());
    assert!(
        ffmpeg_version().starts_with("libavcodec "),
        "{}",
        ffmpeg_version()
    );
}
