//! From a key to the pixel that it changes.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use oriel_codecs::{Picture, Size, geometry::Point};
use oriel_server::replay::{Pace, Part, Recording, ReplayCodec, Stage};
use rand::RngExt as _;

use crate::{
    bench::{Bench, Turn},
    load::{self, Load},
    report::{Chart, Section, Table, cell, percentile, ratio},
    rival::{Kind, Rival, Security},
    screen::Screen,
};

/// The size at which others were seen before.
const SIZE: Size = Size::new(1600, 900);
/// The colours that a key turns the screen to and fro between.
const DARK: [u8; 4] = [60, 40, 20, 255];
const LIGHT: [u8; 4] = [200, 220, 240, 255];
/// X's code for a letter's key on the keyboards of PCs.
const KEY: u8 = 38;
/// A key that has had no effect for so long is lost.
const LOST_AFTER: Duration = Duration::from_secs(1);
/// Between two looks: far below what is measured.
const LOOK_INTERVAL: Duration = Duration::from_micros(20);
/// No client is pressed keys for longer than this.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pictures a second of the film.
const FILM_RATE: f64 = 30.0;

/// What one client did.
#[derive(Clone, Debug, Default)]
struct Samples {
    millis: Vec<f64>,
    lost: u32,
    failure: Option<String>,
}

pub fn run(bench: &Bench) -> Result<Section> {
    let samples = if bench.is_quick() { 60 } else { 200 };
    let rounds = bench.rounds(2);
    let mut section = Section {
        name: "click",
        intro: format!(
            "A key is pressed by XTEST at a random moment; the server turns the colour of the \
             screen ({}x{}) at once, or of its left half while a film of {FILM_RATE} pictures a \
             second plays in the right half; the clock stops when the pixel in the middle has \
             changed in the X server's memory. {samples} keys a client in each of {rounds} rounds, \
             or as many as go into {} seconds. Milliseconds.",
            SIZE.width,
            SIZE.height,
            PATIENCE.as_secs(),
        ),
        notes: bench.absences(),
        ..Section::default()
    };
    let mut chart = Chart {
        title: "Key to pixel, milliseconds (p50 and p99)".to_owned(),
        series: bench.names(),
        groups: Vec::new(),
    };
    for with_film in [false, true] {
        let name = if with_film { "film" } else { "idle" };
        if !bench.wants(name) {
            continue;
        }
        let mut all = vec![Samples::default(); bench.rivals.len()];
        for round in 0..rounds {
            for (index, rival) in bench.turns(round) {
                eprintln!("click {name}, round {round}: {}", rival.title());
                match measure(bench, rival, with_film, samples) {
                    Ok((millis, lost)) => {
                        all[index].millis.extend(millis);
                        all[index].lost += lost;
                    }
                    Err(error) => all[index].failure = Some(format!("{error:#}")),
                }
            }
        }
        let at = |percent: f64| -> Vec<Option<f64>> {
            all.iter()
                .map(|one| percentile(&one.millis, percent))
                .collect()
        };
        let (p50, p95, p99) = (at(50.0), at(95.0), at(99.0));
        let rows = bench.rivals.iter().enumerate().map(|(index, rival)| {
            let tail = p99[index].zip(p50[index]).map(|(p99, p50)| p99 / p50);
            vec![
                rival.kind.name().to_owned(),
                cell(p50[index]),
                cell(p95[index]),
                cell(p99[index]),
                cell(tail),
                all[index].lost.to_string(),
                all[index].millis.len().to_string(),
            ]
        });
        section.tables.push(Table {
            title: match with_film {
                false => "Idle otherwise".to_owned(),
                true => "While a film plays".to_owned(),
            },
            head: ["", "p50", "p95", "p99", "p99 / p50", "lost", "keys"]
                .map(str::to_owned)
                .to_vec(),
            rows: rows.collect(),
        });
        let against = ratio(p50[0], p50[1..].iter().copied());
        section.notes.push(format!(
            "{name}: Oriel's p50 is {} times the best rival's.",
            cell(against)
        ));
        for (rival, one) in bench.rivals.iter().zip(&all) {
            if let Some(failure) = &one.failure {
                section
                    .notes
                    .push(format!("{name}, {}: {failure}.", rival.kind.name()));
            }
        }
        chart.groups.push((format!("{name}, p50"), p50));
        chart.groups.push((format!("{name}, p99"), p99));
    }
    section.chart = Some(chart);
    Ok(section)
}

/// The codec of a client's film: the best that it shows.
fn film_codec(kind: Kind) -> ReplayCodec {
    match kind.lacks(ReplayCodec::Avc420) {
        None => ReplayCodec::Avc420,
        Some(_) => ReplayCodec::Bitmap,
    }
}

/// What turns colour with each key, and a film beside it if it is wanted.
fn stage(codec: ReplayCodec, with_film: bool) -> Result<Stage> {
    // A fill, where there are fills.
    let flip_codec = if codec.is_pipeline() {
        ReplayCodec::Planar
    } else {
        codec
    };
    let flip_size = if with_film {
        Size::new(SIZE.width / 2, SIZE.height)
    } else {
        SIZE
    };
    let colors = |index| Picture::filled(flip_size, if index == 0 { DARK } else { LIGHT });
    let mut parts = vec![Part {
        recording: Arc::new(Recording::encode(flip_codec, flip_size, 2, colors)?),
        origin: Point::default(),
        pace: Pace::Input,
    }];
    if with_film {
        parts.push(Part {
            recording: load::record(codec, Load::Video, flip_size)?,
            origin: Point::new(flip_size.width as i32, 0),
            pace: Pace::Rate(FILM_RATE),
        });
    }
    Ok(Stage::new(SIZE, parts))
}

/// Whether the pixel that is looked at has one of the colours, and whether it is the light one.
fn state(screen: &Screen) -> Result<Option<bool>> {
    let place = Point::new(SIZE.width as i32 / 4, SIZE.height as i32 / 2);
    let pixel = screen.pixel(place)?;
    let is_near = |color: [u8; 4]| pixel.iter().zip(color).all(|(a, b)| a.abs_diff(b) < 24);
    Ok(match (is_near(DARK), is_near(LIGHT)) {
        (true, _) => Some(false),
        (_, true) => Some(true),
        _ => None,
    })
}

fn measure(bench: &Bench, rival: &Rival, with_film: bool, samples: u32) -> Result<(Vec<f64>, u32)> {
    let codec = film_codec(rival.kind);
    let is_right = |screen: &Screen| Ok(state(screen)? == Some(false));
    let turn = Turn::begin(
        rival,
        stage(codec, with_film)?,
        codec,
        Security::Tls,
        is_right,
    )?;
    turn.server.control().play(true);
    thread::sleep(Duration::from_secs(1));
    turn.screen.settle()?;
    thread::sleep(Duration::from_millis(300));
    turn.screen
        .save(&bench.shot(&["click", rival.kind.name()]))?;
    let mut random = rand::rng();
    let (mut millis, mut lost) = (Vec::new(), 0);
    let deadline = Instant::now() + PATIENCE;
    for _ in 0..samples {
        if Instant::now() > deadline {
            break;
        }
        thread::sleep(Duration::from_micros(random.random_range(20_000..90_000)));
        let before = state(&turn.screen)?;
        let pressed = Instant::now();
        turn.screen.key(KEY, true)?;
        loop {
            let now = state(&turn.screen)?;
            if now.is_some() && now != before {
                millis.push(pressed.elapsed().as_secs_f64() * 1000.0);
                break;
            }
            if pressed.elapsed() > LOST_AFTER {
                lost += 1;
                break;
            }
            thread::sleep(LOOK_INTERVAL);
        }
        thread::sleep(Duration::from_millis(15));
        turn.screen.key(KEY, false)?;
    }
    Ok((millis, lost))
}
