//! `./dev bench render`: what frames cost from their commands to the desktop's picture, on the CPU
//! and on the GPU, beside what the memory alone would take for the bytes that must move.

mod allocations;
mod floor;
mod report;
mod run;
mod streams;

use anyhow::Context;
use clap::Parser;
use oriel_benches::page;
use oriel_codecs::Size;
use oriel_render::CompositorChoice;

use floor::Memory;
use report::Row;
use streams::Stream;

/// Measures both compositors on recorded streams of commands.
#[derive(Parser)]
struct Arguments {
    /// The smaller screen alone, and few frames.
    #[arg(long)]
    quick: bool,
    /// Print the table and leave the page as it is.
    #[arg(long)]
    print: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let memory = Memory::measure();
    let screens = [
        ("1080p", Size::new(1920, 1080), 120),
        ("4K", Size::new(3840, 2160), 48),
    ];
    let screens = if arguments.quick {
        vec![("1080p", Size::new(1920, 1080), 24)]
    } else {
        screens.to_vec()
    };
    let mut rows = Vec::new();
    let mut adapter = None;
    for (screen, size, frames) in screens {
        for stream in Stream::all(size, frames)? {
            for choice in [CompositorChoice::Cpu, CompositorChoice::Gpu] {
                let measured = run::play(&stream, choice)
                    .with_context(|| format!("{} at {screen}, {choice:?}", stream.name))?;
                adapter = adapter.or_else(|| measured.adapter.clone());
                let row = Row {
                    stream: stream.name,
                    screen,
                    measured,
                    must_move_bytes: stream.must_move_bytes(),
                };
                eprintln!("{}", row.line(&memory));
                rows.push(row);
            }
        }
    }
    let text = report::text(&rows, &memory, adapter.as_deref());
    if arguments.print {
        print!("{text}");
        return Ok(());
    }
    page::put("render", &text)
}
