//! Who was quicker at RemoteFX's tiles, kept in a file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use oriel_render::{TileEngine, TileMemory};

use super::cache;

/// Where the file is, if not in the user's cache folder.
const FILE_VARIABLE: &str = "ORIEL_TILES_FILE";
/// The file has a line for each device that was ever there; another one is none of ours.
const MAX_BYTES: u64 = 64 << 10;

/// Engines by device, in the user's cache folder.
#[derive(Clone, Copy, Debug)]
pub struct KeptTileEngines;

impl TileMemory for KeptTileEngines {
    fn recall(&self, device: &str) -> Option<TileEngine> {
        load(&file()?).get(device).and_then(|name| engine(name))
    }

    fn keep(&self, device: &str, engine: TileEngine) {
        if let Some(path) = file() {
            keep_in(&path, device, engine);
        }
    }
}

fn engine(name: &str) -> Option<TileEngine> {
    [TileEngine::Cpu, TileEngine::Gpu]
        .into_iter()
        .find(|engine| engine.name() == name)
}

fn file() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(FILE_VARIABLE) {
        return Some(path.into());
    }
    Some(cache::folder()?.join("tiles.json"))
}

/// What is known; nothing where the file is not ours.
fn load(path: &Path) -> BTreeMap<String, String> {
    let is_ours = fs::metadata(path).is_ok_and(|file| file.len() <= MAX_BYTES);
    let bytes = is_ours.then(|| fs::read(path).ok()).flatten();
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

fn keep_in(path: &Path, device: &str, engine: TileEngine) {
    let mut known = load(path);
    known.insert(device.to_owned(), engine.name().to_owned());
    if let Err(error) = cache::store_to(path, &known) {
        tracing::debug!(path = %path.display(), %error, "what was measured of tiles is not kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_kept_by_device_and_a_broken_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("tiles.json");
        assert!(load(&path).is_empty());
        keep_in(&path, "one", TileEngine::Gpu);
        keep_in(&path, "other", TileEngine::Cpu);
        let known = load(&path);
        assert_eq!(engine(&known["one"]), Some(TileEngine::Gpu));
        assert_eq!(engine(&known["other"]), Some(TileEngine::Cpu));
        fs::write(&path, "{").unwrap();
        assert!(load(&path).is_empty());
        keep_in(&path, "one", TileEngine::Cpu);
        assert_eq!(engine(&load(&path)["one"]), Some(TileEngine::Cpu));
    }
}
