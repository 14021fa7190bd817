//! The table, and its place in the page.

use std::{fmt::Write, path::Path};

use anyhow::Context;

use super::{floor::Memory, run::Measured};

const BEGIN: &str = "<!-- render -->\n";
const END: &str = "<!-- end -->";

/// One stream on one compositor.
pub struct Row {
    /// Which stream.
    pub stream: &'static str,
    /// On which screen.
    pub screen: &'static str,
    /// What it took.
    pub measured: Measured,
    /// Bytes that a frame cannot do without moving.
    pub must_move_bytes: f64,
}

impl Row {
    /// A row of the table.
    pub fn line(&self, memory: &Memory) -> String {
        let Measured {
            compositor,
            frames_per_second,
            cpu_ms,
            allocations,
            ..
        } = &self.measured;
        format!(
            "| {} | {} | {compositor} | {frames_per_second:.0} | {cpu_ms:.2} | {:.1} | {:.2} | \
             {allocations:.0} |",
            self.stream,
            self.screen,
            self.must_move_bytes / 1e6,
            memory.ms(self.must_move_bytes),
        )
    }
}

/// The table with what one must know to read it.
pub fn text(rows: &[Row], memory: &Memory, adapter: Option<&str>) -> String {
    let mut text = String::new();
    let adapter = adapter.unwrap_or("none");
    // Writing to a text does not fail.
    let _ = writeln!(
        text,
        "Graphics adapter: {adapter}. Memory, one thread, read and written: {:.1} GB/s.\n",
        memory.bytes_per_second / 1e9
    );
    text += "| stream | screen | on | frames a second | CPU ms a frame | MB that must move | ms for \
             those | allocations a frame |\n|---|---|---|--:|--:|--:|--:|--:|\n";
    for row in rows {
        text += &row.line(memory);
        text.push('\n');
    }
    text
}

/// Puts the table between its marks.
pub fn put(page: &Path, text: &str) -> anyhow::Result<()> {
    let old = std::fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let (before, rest) = old.split_once(BEGIN).context("no mark for the table")?;
    let (_, after) = rest.split_once(END).context("no end of the table")?;
    let new = format!("{before}{BEGIN}{text}{END}{after}");
    std::fs::write(page, new).with_context(|| page.display().to_string())
}
