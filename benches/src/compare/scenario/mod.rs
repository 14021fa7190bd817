//! What is measured: one file a scenario, each of which turns a [`Bench`] into a [`Section`].

mod click;
mod frame;
mod peers;
mod rest;
mod start;

use anyhow::Result;
use clap::ValueEnum;

use super::{bench::Bench, report::Section};

/// A scenario, by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// From a key to the pixel that it changes.
    Click,
    /// What a frame costs, and how many a second there can be.
    Frame,
    /// From the start of the process to the first right pixel.
    Start,
    /// What a still desktop costs, and memory.
    Rest,
    /// The lab's real servers.
    Peers,
}

impl Scenario {
    /// All of them, in the order of the document.
    pub const ALL: [Self; 5] = [
        Self::Click,
        Self::Frame,
        Self::Start,
        Self::Rest,
        Self::Peers,
    ];

    /// Measures.
    pub fn run(self, bench: &Bench) -> Result<Section> {
        match self {
            Self::Click => click::run(bench),
            Self::Frame => frame::run(bench),
            Self::Start => start::run(bench),
            Self::Rest => rest::run(bench),
            Self::Peers => peers::run(bench),
        }
    }
}
