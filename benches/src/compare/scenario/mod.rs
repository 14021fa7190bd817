//! What is measured: one file a scenario, each of which turns a [`Bench`] into a [`Section`].

mod click;
mod frame;
mod growth;
mod links;
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
    /// Bytes and time of a task on thin and bad links.
    Links,
    /// How cost grows with pixels, monitors and sessions.
    Growth,
}

impl Scenario {
    /// All of them, in the order of the document.
    pub const ALL: [Self; 7] = [
        Self::Click,
        Self::Frame,
        Self::Start,
        Self::Rest,
        Self::Peers,
        Self::Links,
        Self::Growth,
    ];

    /// Measures.
    pub fn run(self, bench: &Bench) -> Result<Section> {
        match self {
            Self::Click => click::run(bench),
            Self::Frame => frame::run(bench),
            Self::Start => start::run(bench),
            Self::Rest => rest::run(bench),
            Self::Peers => peers::run(bench),
            Self::Links => links::run(bench),
            Self::Growth => growth::run(bench),
        }
    }
}
