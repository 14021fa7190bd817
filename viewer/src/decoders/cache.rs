//! What was found out about this machine's decoders, kept in a file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;
use oriel_codecs::video::DecoderKind;
use serde::Serialize;

use super::Survey;

/// Where the file is, if not in the user's cache folder.
const FILE_VARIABLE: &str = "ORIEL_DECODERS_FILE";
/// The file is a few hundred bytes long; another one is none of ours.
const MAX_BYTES: u64 = 64 << 10;

fn file() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(FILE_VARIABLE) {
        return Some(path.into());
    }
    Some(folder()?.join("decoders.json"))
}

/// The user's folder for what can be found out again.
pub(super) fn folder() -> Option<PathBuf> {
    let folder = etcetera::choose_base_strategy().ok()?.cache_dir();
    Some(folder.join("oriel"))
}

/// What was found out about the machine as it is now, if anything.
pub(super) fn load(machine: &[String]) -> Option<Survey> {
    load_from(&file()?, machine)
}

/// Keeps what was found out.
pub(super) fn store(survey: &Survey) {
    let Some(path) = file() else { return };
    if let Err(error) = store_to(&path, survey) {
        tracing::debug!(path = %path.display(), %error, "what was found out about decoders is not kept");
    }
}

/// Drops what was found out about this machine's drivers: the named decoder proved it wrong.
pub fn forget(decoder: &str) {
    let is_hardware = decoder.parse().is_ok_and(DecoderKind::is_hardware);
    if is_hardware && let Some(path) = file() {
        // Where there is none, there is nothing to be forgotten.
        let _ = fs::remove_file(path);
    }
}

fn load_from(path: &Path, machine: &[String]) -> Option<Survey> {
    if fs::metadata(path).ok()?.len() > MAX_BYTES {
        return None;
    }
    let survey: Survey = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (survey.machine == machine).then_some(survey)
}

pub(super) fn store_to(path: &Path, found: &impl Serialize) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Whole or not at all: another session may read it now.
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&draft, serde_json::to_vec_pretty(found)?)?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoders::survey::{Finding, Timing};

    fn survey() -> Survey {
        Survey {
            machine: vec!["a GPU".into(), "a driver 1.0".into()],
            findings: vec![
                Finding {
                    kind: DecoderKind::Vaapi,
                    result: Ok(Timing {
                        start_us: 12_000,
                        picture_us: 900,
                    }),
                    sharing: Ok("a GPU".into()),
                },
                Finding::through_memory(
                    DecoderKind::Nvdec,
                    Err("it says no".into()),
                    "it does not work",
                ),
            ],
        }
    }

    #[test]
    fn what_is_kept_is_found_again_on_the_same_machine_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/decoders.json");
        let survey = survey();
        assert_eq!(load_from(&path, &survey.machine), None);
        store_to(&path, &survey).unwrap();
        assert_eq!(load_from(&path, &survey.machine), Some(survey.clone()));
        let updated = ["a GPU".to_owned(), "a driver 1.1".to_owned()];
        assert_eq!(load_from(&path, &updated), None);
        let files = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(files, 1, "no draft is left behind");
    }

    #[test]
    fn a_broken_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("decoders.json");
        let survey = survey();
        store_to(&path, &survey).unwrap();
        let whole = fs::read(&path).unwrap();
        let unknown = String::from_utf8(whole.clone())
            .unwrap()
            .replace("vaapi", "vaapi9");
        for bytes in [
            &b""[..],
            b"{}",
            b"\xFF\xFE",
            &whole[..whole.len() / 2],
            unknown.as_bytes(),
            &vec![b' '; MAX_BYTES as usize + 1],
        ] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(load_from(&path, &survey.machine), None);
        }
        store_to(&path, &survey).unwrap();
        assert!(load_from(&path, &survey.machine).is_some());
    }
}
