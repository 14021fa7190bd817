//! The codecs against vectors that others wrote: `../shared/vectors` beside the repository, or
//! under the folder that `ORIEL_SHARED` names. Where they are absent the tests say so and pass.

#[cfg(feature = "video")]
mod avc;
mod bulk;
mod clearcodec;
mod fuzz_regressions;
mod interleaved;
mod nscodec;
mod planar;
mod pointer;
mod remotefx;
mod zgfx;

use std::path::PathBuf;

/// The folder of a topic's vectors; `None`, with a line for the reader, where it is absent.
fn folder(topic: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("ORIEL_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let folder = shared.join("vectors").join(topic);
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

/// A vector; `None` where the vectors are absent.
///
/// # Panics
/// Where the topic is there and has none of this name.
fn vector(topic: &str, name: &str) -> Option<Vec<u8>> {
    let path = folder(topic)?.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
