//! The program `oriel`.

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;
use oriel::{cli::Cli, commands};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
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
