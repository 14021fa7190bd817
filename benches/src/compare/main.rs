//! Oriel beside the clients that a user would pick instead: the same server, the same content, the
//! same size, one after the other in turns, each on a screen of its own.
//!
//! ```text
//!  load ─▶ oriel_server::replay ─▶ rival (a process) ─▶ screen (Xvfb)
//!  pictures  encoded beforehand    its CPU, memory,     pixels read from the file
//!                                  wake-ups             that holds them; keys by XTEST
//! ```
//!
//! Run it with `./dev bench compare`, which builds and installs what it needs.

mod bench;
mod link;
mod load;
mod marker;
mod process;
mod report;
mod rival;
mod scenario;
mod screen;

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::Parser;

use bench::Bench;
use report::Report;
use rival::{Kind, Places};
use scenario::Scenario;

/// Compares Oriel with other clients.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure; all of it where nothing is named.
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// A short form of each, for daily use: fewer rows, rounds and samples. Writes no document.
    #[arg(long)]
    quick: bool,
    /// Only rows whose name holds this text. Writes no document.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Only these clients beside Oriel. Writes no document.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    against: Vec<String>,
    /// Rounds of alternated turns.
    #[arg(long)]
    rounds: Option<u32>,
    /// Seconds that a film plays before memory is looked at.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    film: u64,
    /// Writes the document all the same.
    #[arg(long)]
    write: bool,
    /// The repository.
    #[arg(long, default_value = ".")]
    repository: PathBuf,
    /// The viewer to measure.
    #[arg(long, default_value = "target/release/oriel")]
    oriel: PathBuf,
    /// The root of a file system that has FreeRDP 3.
    #[arg(long)]
    freerdp3_root: Option<PathBuf>,
    /// IronRDP's viewer.
    #[arg(long, default_value = "ironrdp-viewer")]
    ironrdp: PathBuf,
    /// The lab of real servers.
    #[arg(long)]
    lab: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let places = Places {
        oriel: arguments.oriel.canonicalize()?,
        freerdp3_root: arguments.freerdp3_root.filter(|_| rival::is_root()),
        ironrdp: arguments.ironrdp,
        lab: arguments.lab.filter(|_| rival::is_root()),
    };
    let is_wanted = |kind: &Kind| {
        *kind == Kind::Oriel
            || arguments.against.is_empty()
            || arguments.against.iter().any(|name| name == kind.name())
    };
    let kinds = Kind::ALL.into_iter().filter(is_wanted);
    let is_partial = arguments.quick || arguments.only.is_some() || !arguments.against.is_empty();
    let bench = Bench::new(
        kinds,
        &places,
        &arguments.repository.canonicalize()?,
        bench::Extent {
            is_quick: arguments.quick,
            only: arguments.only,
            rounds: arguments.rounds,
            film: Duration::from_secs(arguments.film),
        },
    )?;
    let report = Report::new(&arguments.repository);
    let scenarios = match arguments.scenarios.as_slice() {
        // The real servers are left out where there are none, and where time is short.
        [] => Scenario::ALL
            .into_iter()
            .filter(|&scenario| {
                scenario != Scenario::Peers || (bench.lab().is_some() && !bench.is_quick())
            })
            .collect(),
        named => named.to_vec(),
    };
    for scenario in scenarios {
        let conditions = bench.conditions();
        let section = scenario.run(&bench)?;
        let conditions = conditions.told()?;
        report.print(&section, &conditions);
        if !is_partial || arguments.write {
            report.write(&section, &conditions)?;
        }
    }
    Ok(())
}
