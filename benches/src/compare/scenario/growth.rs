//! How cost grows: with pixels, monitors and sessions, in one process.

mod fit;
mod session;

use std::{thread, time::Duration};

use anyhow::{Result, anyhow};
use oriel_codecs::{Rect, Size};

use crate::{
    bench::Bench,
    process::cpu_of,
    report::{Chart, Section, Table, cell, percentile, short},
};
use fit::Line;
use session::{Recorded, Session, Work};

const MEGA: f64 = 1e6;
/// A size of which all others are made, so that a pixel is as much work in each.
const TILE: Size = Size::new(640, 360);

/// A row of measurements that should lie on a straight line.
struct Series {
    name: &'static str,
    /// What grows, and the work at each point.
    points: Vec<(String, Vec<Work>)>,
}

pub fn run(bench: &Bench) -> Result<Section> {
    let rounds = bench.rounds(5);
    let mut section = Section {
        name: "growth",
        intro: format!(
            "Sessions of Oriel's library in this one process: the protocol's machine is fed with \
             the bytes of frames from memory, the renderer (CPU compositor, no window) decodes and \
             composes them, at most two frames ahead. All content is made of the same tile of \
             {}x{}, which scrolls, so that a pixel is the same work everywhere. The cost is the \
             processor time of the process; a line is drawn through it by least squares (each \
             point weighs by its relative error), and the residuals are how far points lie off it. \
             Medians of {rounds} alternated rounds. The viewer has one session a process; its \
             TLS and its window are not in these figures.",
            TILE.width, TILE.height
        ),
        ..Section::default()
    };
    let mut summary = Table {
        title: "Cost of a frame against pixels changed".to_owned(),
        head: [
            "",
            "nanoseconds a pixel",
            "milliseconds at no pixel",
            "R²",
            "largest residual",
            "per pixel, last / first",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: Vec::new(),
    };
    let mut details = Vec::new();
    let mut chart = Chart {
        title: "Nanoseconds a changed pixel".to_owned(),
        series: vec!["oriel".to_owned()],
        groups: Vec::new(),
    };
    for series in all(bench.is_quick()) {
        if !bench.wants(series.name) {
            continue;
        }
        let mut prepared = Vec::new();
        for (name, works) in &series.points {
            eprintln!("growth {}: {name}", series.name);
            let recorded = works
                .iter()
                .map(Recorded::new)
                .collect::<Result<Vec<_>>>()?;
            prepared.push((name, recorded));
        }
        let mut costs = vec![Vec::new(); prepared.len()];
        for _ in 0..rounds {
            for ((_, recorded), costs) in prepared.iter().zip(&mut costs) {
                costs.push(cost_ms(recorded, bench.is_quick())?);
            }
        }
        let points: Vec<(f64, f64)> = prepared
            .iter()
            .zip(&costs)
            .map(|((_, recorded), costs)| {
                let pixels: u64 = recorded.iter().map(Recorded::changed_px).sum();
                (pixels as f64, percentile(costs, 50.0).unwrap_or(0.0))
            })
            .collect();
        let line = Line::through(&points).ok_or_else(|| anyhow!("too few points"))?;
        let mut table = Table {
            title: format!("{}: milliseconds a frame", series.name),
            head: [
                "",
                "megapixels changed",
                "measured",
                "on the line",
                "off it by",
            ]
            .map(str::to_owned)
            .to_vec(),
            rows: Vec::new(),
        };
        for ((name, _), &(pixels, millis)) in prepared.iter().zip(&points) {
            table.rows.push(vec![
                (*name).clone(),
                short(pixels / MEGA),
                short(millis),
                short(line.at(pixels)),
                format!("{:+.1} %", line.residual(pixels, millis) * 100.0),
            ]);
            let name = format!("{}, {name}", series.name);
            chart
                .groups
                .push((name, vec![Some(millis * MEGA / pixels)]));
        }
        let each = |point: Option<&(f64, f64)>| point.map(|(pixels, millis)| millis / pixels);
        let growth = each(points.last()).zip(each(points.first()));
        summary.rows.push(vec![
            series.name.to_owned(),
            short(line.slope * MEGA),
            short(line.intercept),
            format!("{:.4}", line.r_squared(&points)),
            format!("{:.1} %", line.largest_residual(&points) * 100.0),
            cell(growth.map(|(last, first)| last / first)),
        ]);
        details.push(table);
    }
    section.tables = vec![summary];
    section.tables.extend(details);
    section.chart = Some(chart);
    Ok(section)
}

fn all(is_quick: bool) -> Vec<Series> {
    let sizes: &[(&str, u32)] = if is_quick {
        &[("720p", 2), ("1080p", 3), ("4K", 6)]
    } else {
        &[
            ("720p", 2),
            ("1080p", 3),
            ("1440p", 4),
            ("4K", 6),
            ("5K", 8),
            ("8K", 12),
        ]
    };
    let tiles = |count: u32| Size::new(TILE.width * count, TILE.height * count);
    let sized = |has_video: bool| {
        sizes
            .iter()
            // The encoder of the benches goes no further.
            .filter(|(_, count)| !has_video || *count <= 6)
            .map(|&(name, count)| (name.to_owned(), vec![Work::whole(tiles(count), has_video)]))
            .collect()
    };
    let uhd = tiles(6);
    let part = |columns: u32, rows: u32| {
        let rect = tiles(1).to_rect();
        let rect = Rect::new(0, 0, rect.right * columns as i32, rect.bottom * rows as i32);
        let name = format!("{}/36 of 4K", columns * rows);
        (name, vec![Work::part(uhd, rect)])
    };
    let sessions: &[u32] = if is_quick {
        &[1, 2, 4]
    } else {
        &[1, 2, 3, 4, 6, 8]
    };
    vec![
        Series {
            name: "sizes, planar",
            points: sized(false),
        },
        Series {
            name: "sizes, AVC420",
            points: sized(true),
        },
        Series {
            name: "changed part, planar",
            points: [(1, 1), (3, 1), (6, 1), (6, 3), (6, 6)]
                .map(|(columns, rows)| part(columns, rows))
                .to_vec(),
        },
        Series {
            name: "monitors of 1080p, planar",
            points: (1..=3)
                .map(|count| (count.to_string(), vec![Work::monitors(tiles(3), count)]))
                .collect(),
        },
        Series {
            name: "sessions of 720p, planar",
            points: sessions
                .iter()
                .map(|&count| {
                    let works = (0..count).map(|_| Work::whole(tiles(2), false));
                    (count.to_string(), works.collect())
                })
                .collect(),
        },
    ]
}

/// Plays all sessions at once; milliseconds of processor time of one frame of each.
fn cost_ms(recorded: &[Recorded], is_quick: bool) -> Result<f64> {
    let length = Duration::from_millis(if is_quick { 500 } else { 1500 });
    let mut sessions = recorded
        .iter()
        .map(Session::start)
        .collect::<Result<Vec<_>>>()?;
    let before = cpu_of(std::process::id())?;
    let frames: Vec<Result<u32>> = thread::scope(|scope| {
        let players: Vec<_> = sessions
            .iter_mut()
            .map(|session| scope.spawn(move || session.play(length)))
            .collect();
        players
            .into_iter()
            .map(|player| player.join().map_err(|_| anyhow!("a session panicked"))?)
            .collect()
    });
    let cpu = cpu_of(std::process::id())? - before;
    let frames = frames.into_iter().sum::<Result<u32>>()?;
    // A frame of each session changes all the pixels that are counted.
    let rounds = f64::from(frames) / recorded.len() as f64;
    Ok(cpu.as_secs_f64() * 1000.0 / rounds)
}
