//! The table, and its place in the page.

use std::fmt::Write;

use super::{floor::Memory, run::Measured};

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
            copied_bytes,
            ..
        } = &self.measured;
        format!(
            "| {} | {} | {compositor} | {frames_per_second:.0} | {cpu_ms:.2} | {:.1} | {:.1} | \
             {:.2} | {allocations:.0} |",
            self.stream,
            self.screen,
            copied_bytes / 1e6,
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
    if let Some(engine) = rows.iter().find_map(|row| row.measured.tile_engine) {
        let _ = writeln!(
            text,
            "Tiles of RemoteFX on this adapter: made by the {}, which was quicker when a session \
             started.\n",
            engine.name().to_uppercase()
        );
    }
    text += "| stream | screen | on | frames a second | CPU ms a frame | MB copied | MB that must \
             move | ms for those | allocations a frame |\n|---|---|---|--:|--:|--:|--:|--:|--:|\n";
    for row in rows {
        text += &row.line(memory);
        text.push('\n');
    }
    text
}
