//! The codecs against vectors that others wrote: `../shared/vectors` beside the repository, or
//! under the folder that `ORIEL_SHARED` names. Where they are absent the tests say so and pass.

mod interleaved;
mod planar;
mod pointer;
mod remotefx;
mod zgfx;

use std::path::PathBuf;

/// The bytes of `vectors/<topic>/<name>`; `None`, with a line for the reader, where absent.
fn vector(topic: &str, name: &str) -> Option<Vec<u8>> {
    let shared = std::env::var_os("ORIEL_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let path = shared.join("vectors").join(topic).join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            println!("skipped: {}: {error}", path.display());
            None
        }
    }
}
