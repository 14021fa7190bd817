//! From the start of the process to the first right pixel.

use std::{
    cell::Cell,
    collections::BTreeSet,
    fs::{self, File},
    os::fd::AsRawFd,
    path::PathBuf,
    time::Instant,
};

use anyhow::Result;
use oriel_codecs::Size;
use oriel_server::replay::{Pace, ReplayCodec, Stage};

use crate::{
    bench::{Bench, Turn},
    load::{self, Load},
    marker,
    report::{Chart, Section, Table, cell, median, ratio},
    rival::{Kind, Rival, Security},
    screen::Screen,
};

const SIZE: Size = Size::new(1600, 900);

/// How a client was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    name: &'static str,
    security: Security,
    is_cold: bool,
}

const WAYS: [Way; 4] = [
    Way {
        name: "TLS, warm",
        security: Security::Tls,
        is_cold: false,
    },
    Way {
        name: "NLA, warm",
        security: Security::Nla,
        is_cold: false,
    },
    Way {
        name: "TLS, cold",
        security: Security::Tls,
        is_cold: true,
    },
    Way {
        name: "NLA, cold",
        security: Security::Nla,
        is_cold: true,
    },
];

pub fn run(bench: &Bench) -> Result<Section> {
    let rounds = bench.rounds(9).max(2);
    let mut head = bench.names();
    head.insert(0, String::new());
    head.push("oriel / best".to_owned());
    let mut table = Table {
        title: "Start of the process to the first right pixel, milliseconds".to_owned(),
        head,
        rows: Vec::new(),
    };
    let mut chart = Chart {
        title: table.title.clone(),
        series: bench.names(),
        groups: Vec::new(),
    };
    let mut notes = bench.absences();
    // The files that each client was made of when it last ran.
    let mut files = vec![BTreeSet::new(); bench.rivals.len()];
    for way in WAYS {
        if !bench.wants(way.name) {
            continue;
        }
        let mut all = vec![Vec::new(); bench.rivals.len()];
        for round in 0..rounds {
            for (index, rival) in bench.turns(round) {
                if way.is_cold {
                    evict(&files[index]);
                }
                match measure(rival, way.security) {
                    Ok((millis, used)) => {
                        all[index].push(millis);
                        files[index] = used;
                    }
                    Err(error) => {
                        notes.push(format!("{}, {}: {error:#}.", way.name, rival.kind.name()));
                    }
                }
            }
        }
        let medians: Vec<_> = all.iter().map(|values| median(values)).collect();
        eprintln!("start {}: {medians:.0?}", way.name);
        let against = ratio(medians[0], medians[1..].iter().copied());
        let values = medians.iter().copied().chain([against]).map(cell);
        table
            .rows
            .push(std::iter::once(way.name.to_owned()).chain(values).collect());
        chart.groups.push((way.name.to_owned(), medians));
    }
    notes.dedup();
    Ok(Section {
        name: "start",
        intro: format!(
            "A client is started and shows a still page of {}x{}, in planar where it takes the \
             graphics pipeline and as bitmaps where it does not; the clock stops at the page's \
             first right pixels on the screen. The X server is there already. Median of {rounds} \
             starts in turns. Before a cold start the system is told to forget the files that the \
             client was made of; what another process uses stays in memory. Settings are those of \
             a first start each time.",
            SIZE.width, SIZE.height
        ),
        tables: vec![table],
        chart: Some(chart),
        notes,
    })
}

fn measure(rival: &Rival, security: Security) -> Result<(f64, BTreeSet<PathBuf>)> {
    let codec = match rival.kind {
        Kind::IronRdp => ReplayCodec::Bitmap,
        _ => ReplayCodec::Planar,
    };
    let stage = Stage::of(load::record_still(codec, Load::Text, SIZE)?, Pace::Still);
    let shown = Cell::new(None);
    let is_right = |screen: &Screen| {
        let is_right = marker::read(screen)? == Some(0);
        if is_right {
            shown.set(Some(Instant::now()));
        }
        Ok(is_right)
    };
    let turn = Turn::begin(rival, stage, codec, security, is_right)?;
    let shown = shown.get().unwrap_or_else(Instant::now);
    let millis = (shown - turn.process.started()).as_secs_f64() * 1000.0;
    Ok((millis, mapped_files(turn.process.id())))
}

/// The files that a process has mapped.
fn mapped_files(id: u32) -> BTreeSet<PathBuf> {
    let maps = fs::read_to_string(format!("/proc/{id}/maps")).unwrap_or_default();
    let files = maps.lines().filter_map(|line| line.split_once('/'));
    files
        .map(|(_, path)| PathBuf::from("/").join(path))
        .collect()
}

/// Has the system forget what it knows of files, as far as nobody uses them.
fn evict(files: &BTreeSet<PathBuf>) {
    for file in files.iter().filter_map(|path| File::open(path).ok()) {
        // SAFETY: the descriptor is open during the call, which only gives advice.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    }
}
