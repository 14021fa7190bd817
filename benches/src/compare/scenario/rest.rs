//! What a still desktop costs, and memory.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use oriel_codecs::Size;
use oriel_server::replay::{Pace, ReplayCodec, Stage};

use crate::{
    bench::{Bench, Turn},
    load::{self, Load},
    marker,
    report::{Section, Table, cell, median, ratio},
    rival::{Kind, Rival, Security},
    screen::Screen,
};

const HD: Size = Size::new(1920, 1080);
const UHD: Size = Size::new(3840, 2160);
/// A client may tidy up after it has started.
const SETTLING: Duration = Duration::from_secs(4);
/// Pictures a second of the film.
const FILM_RATE: f64 = 30.0;

/// What was seen in one turn.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    cpu_percent: f64,
    wake_ups_per_second: f64,
    memory_mib: f64,
}

pub fn run(bench: &Bench) -> Result<Section> {
    let rounds = bench.rounds(2);
    let still = Duration::from_secs(if bench.is_quick() { 5 } else { 30 });
    let film = bench.film();
    let mut notes = bench.absences();
    let mut rows = Vec::new();
    for (name, size, lasts) in [("still, 1080p", HD, still), ("still, 2160p", UHD, still)] {
        if !bench.wants(name) {
            continue;
        }
        let mut all = vec![Vec::new(); bench.rivals.len()];
        for round in 0..rounds {
            for (index, rival) in bench.turns(round) {
                match rest(rival, size, lasts) {
                    Ok(seen) => {
                        eprintln!("rest {name}: {} {seen:.3?}", rival.title());
                        all[index].push(seen);
                    }
                    Err(error) => {
                        notes.push(format!("{name}, {}: {error:#}.", rival.kind.name()));
                    }
                }
            }
        }
        let mut add = |what: &str, figure: fn(&Seen) -> f64| {
            let values = all
                .iter()
                .map(|turns: &Vec<Seen>| median(&turns.iter().map(figure).collect::<Vec<_>>()));
            rows.push((format!("{name}: {what}"), values.collect::<Vec<_>>()));
        };
        add("processor, %", |seen| seen.cpu_percent);
        add("wake-ups a second", |seen| seen.wake_ups_per_second);
        add("memory, MiB", |seen| seen.memory_mib);
    }
    if bench.wants("film") {
        // All at once: nothing but memory is looked at, and it takes ten minutes.
        let seen: Vec<_> = thread::scope(|scope| {
            let watch = |rival| scope.spawn(move || after_film(rival, film));
            let watched: Vec<_> = bench.rivals.iter().map(watch).collect();
            let seen = watched.into_iter().map(|watched| {
                let died = |_| Err(anyhow!("what watched it has died"));
                watched.join().unwrap_or_else(died)
            });
            seen.collect()
        });
        let mut memory = Vec::new();
        for (rival, seen) in bench.rivals.iter().zip(seen) {
            eprintln!("rest film: {} {seen:.3?}", rival.title());
            memory.push(match seen {
                Ok(mib) => Some(mib),
                Err(error) => {
                    notes.push(format!("film, {}: {error:#}.", rival.kind.name()));
                    None
                }
            });
        }
        let name = format!("memory after {} s of film, 1080p, MiB", film.as_secs());
        rows.push((name, memory));
    }
    let mut head = bench.names();
    head.insert(0, String::new());
    head.push("oriel / best".to_owned());
    let rows = rows.into_iter().map(|(name, values)| {
        let against = ratio(values[0], values[1..].iter().copied());
        let cells = values.into_iter().chain([against]).map(cell);
        std::iter::once(name).chain(cells).collect()
    });
    notes.dedup();
    Ok(Section {
        name: "rest",
        intro: format!(
            "A page of text lies still for {} s, {rounds} times in turns; then a film of {FILM_RATE} \
             pictures a second in AVC420 (as bitmaps for a client without the graphics pipeline), \
             for all clients at a time. \
             Wake-ups are the voluntary switches of all threads. Memory is what the process has in \
             use (resident).",
            still.as_secs()
        ),
        tables: vec![Table {
            title: "A still desktop, and memory".to_owned(),
            head,
            rows: rows.collect(),
        }],
        chart: None,
        notes,
    })
}

fn begin(rival: &Rival, codec: ReplayCodec, stage: Stage) -> Result<Turn> {
    let is_right = |screen: &Screen| Ok(marker::read(screen)? == Some(0));
    Turn::begin(rival, stage, codec, Security::Tls, is_right)
}

fn rest(rival: &Rival, size: Size, lasts: Duration) -> Result<Seen> {
    let codec = match rival.kind {
        Kind::IronRdp => ReplayCodec::Bitmap,
        _ => ReplayCodec::Planar,
    };
    let stage = Stage::of(load::record_still(codec, Load::Text, size)?, Pace::Still);
    let mut turn = begin(rival, codec, stage)?;
    thread::sleep(SETTLING);
    let (started, cpu, wake_ups) = (
        Instant::now(),
        turn.process.cpu()?,
        turn.process.wake_ups()?,
    );
    thread::sleep(lasts);
    let seconds = started.elapsed().as_secs_f64();
    let cpu = (turn.process.cpu()? - cpu).as_secs_f64();
    let wake_ups = turn.process.wake_ups()?.saturating_sub(wake_ups);
    if let Some(status) = turn.process.ended()? {
        bail!("it ended ({status}): {}", turn.process.last_words());
    }
    Ok(Seen {
        cpu_percent: cpu / seconds * 100.0,
        wake_ups_per_second: wake_ups as f64 / seconds,
        memory_mib: turn.process.memory()?.0 as f64 / f64::from(1 << 20),
    })
}

fn after_film(rival: &Rival, lasts: Duration) -> Result<f64> {
    let codec = match rival.kind {
        Kind::IronRdp => ReplayCodec::Bitmap,
        _ => ReplayCodec::Avc420,
    };
    let recording = load::record(codec, Load::Video, HD)?;
    let mut turn = begin(rival, codec, Stage::of(recording, Pace::Rate(FILM_RATE)))?;
    turn.server.control().play(true);
    thread::sleep(lasts);
    if let Some(status) = turn.process.ended()? {
        bail!("it ended ({status}): {}", turn.process.last_words());
    }
    Ok(turn.process.memory()?.0 as f64 / f64::from(1 << 20))
}
