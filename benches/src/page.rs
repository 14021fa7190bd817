//! Tables of `docs/performance.md`, each between marks of its own.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// From the folder of this crate.
const PAGE: &str = "../docs/performance.md";
const END: &str = "<!-- end -->";

/// Puts a text between `<!-- NAME -->` and the mark that ends it, in the place of what was there.
pub fn put(name: &str, text: &str) -> anyhow::Result<()> {
    let page: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let old = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let begin = format!("<!-- {name} -->\n");
    let (before, rest) = old.split_once(&begin).context("no mark for the table")?;
    let (_, after) = rest.split_once(END).context("no end of the table")?;
    let new = format!("{before}{begin}{text}{END}{after}");
    std::fs::write(&page, new).with_context(|| page.display().to_string())
}
