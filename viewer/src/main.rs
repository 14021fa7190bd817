//! The program `oriel`.

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;
use oriel::{cli::Cli, commands};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    limit_heaps();
    let cli = Cli::parse();
    // What a person must know is printed; the log is for those who ask for it.
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::ERROR.into())
        .with_env_var("ORIEL_LOG")
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    commands::run(cli)
}

/// Has all threads share two heaps, and gives what a screen's pixels took back as soon as they are
/// not needed.
///
/// The GNU allocator makes up to eight heaps for each processor, of which each keeps what its
/// threads once needed: some 6 MB of a still session, for speed where threads allocate all the
/// time, which ours do not. And once a picture was freed it takes the next ones out of a heap,
/// which stays as large as it ever was wherever something small lies above them: 8 MB more at
/// 1920×1080 in every second session.
fn limit_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: no other thread runs yet, and the call takes numbers alone. Where it fails the heaps
    // are as many as before, and as large.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 4 << 20);
    }
}
