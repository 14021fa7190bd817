//! What a frame costs, and how many a second there can be.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use oriel_codecs::{
    Size,
    avc::{Avc420Bitmap, Avc444Bitmap},
    video::{DecoderLimits, FfmpegDecoder, VideoDecoder},
};
use oriel_server::replay::{Pace, Recording, ReplayCodec, Stage};

use crate::{
    bench::{Bench, LOOK_INTERVAL, Turn},
    load::{self, Load},
    marker,
    process::cpu_of,
    report::{Chart, Section, Table, cell, median, ratio},
    rival::{Rival, Security},
    screen::Screen,
};

const HD: Size = Size::new(1920, 1080);
const UHD: Size = Size::new(3840, 2160);

/// Frames a second while text is typed: as fast as they can be they would be too many to be seen,
/// and nobody types like that.
const TYPING_RATE: f64 = 60.0;

/// How fast the frames of a load are sent.
fn pace(load: Load) -> Pace {
    match load {
        Load::Text => Pace::Rate(TYPING_RATE),
        Load::Scroll | Load::Video => Pace::Flat,
    }
}

/// Large pictures take long to encode and tell much in one turn.
fn rounds_of(size: Size, rounds: u32) -> u32 {
    if size == UHD {
        rounds.div_ceil(2)
    } else {
        rounds
    }
}

/// What was seen of one client in one turn.
#[derive(Clone, Copy, Debug)]
struct Seen {
    cpu_ms_per_frame: f64,
    frames_per_second: f64,
    /// Of the frames that went out, those that were seen.
    shown_part: f64,
}

/// All turns of a row, by client.
#[derive(Clone, Debug, Default)]
struct Turns {
    seen: Vec<Seen>,
    failure: Option<String>,
}

impl Turns {
    fn median(&self, figure: impl Fn(&Seen) -> f64) -> Option<f64> {
        median(&self.seen.iter().map(figure).collect::<Vec<_>>())
    }
}

pub fn run(bench: &Bench) -> Result<Section> {
    let rounds = bench.rounds(3);
    let seconds = if bench.is_quick() { 1.5 } else { 3.0 };
    let mut names = bench.names();
    let mut section = Section {
        name: "frame",
        intro: format!(
            "Frames that were encoded beforehand are sent as fast as the client acknowledges them \
             (at most four ahead) or reads them, those of typing {TYPING_RATE} times a second, for {seconds} seconds in each of {rounds} rounds, half as \
             many at 2160p. Each frame has its number in a corner, which is read off the screen: a frame counts \
             when it was seen there. Processor time is that of the client's process; the X \
             server's and ours are left out. Text is typed at two letters a frame; a page scrolls \
             as a whole; a film fills the screen."
        ),
        notes: bench.absences(),
        ..Section::default()
    };
    names.insert(0, String::new());
    names.push("oriel / best".to_owned());
    let table = |title: &str| Table {
        title: title.to_owned(),
        head: names.clone(),
        rows: Vec::new(),
    };
    let mut costs = table("Processor time of a frame shown, milliseconds");
    let mut rates = table("Frames shown a second");
    let mut decodes = Table {
        title: "H.264 beside FFmpeg's decoder alone, milliseconds of processor time a frame"
            .to_owned(),
        head: ["", "FFmpeg alone", "oriel", "oriel / FFmpeg"]
            .map(str::to_owned)
            .to_vec(),
        rows: Vec::new(),
    };
    let mut chart = Chart {
        title: "Processor time of a frame shown at 1920x1080, milliseconds".to_owned(),
        series: bench.names(),
        groups: Vec::new(),
    };
    let sizes: &[Size] = if bench.is_quick() { &[HD] } else { &[HD, UHD] };
    for &size in sizes {
        for codec in ReplayCodec::ALL {
            for load in Load::ALL {
                let name = format!("{codec} {} {}p", load.name(), size.height);
                if !bench.wants(&name) || (bench.is_quick() && load == Load::Scroll) {
                    continue;
                }
                eprintln!("frame {name}: encoding");
                let recording = load::record(codec, load, size)?;
                let mut all = vec![Turns::default(); bench.rivals.len()];
                let mut alone = Vec::new();
                for round in 0..rounds_of(size, rounds) {
                    if codec.is_h264() {
                        alone.push(decode_alone(&recording)?);
                    }
                    for (index, rival) in bench.turns(round) {
                        match measure(bench, rival, &recording, pace(load), &name, seconds) {
                            Ok(seen) => {
                                eprintln!(
                                    "frame {name}, round {round}: {} {seen:.2?}",
                                    rival.title()
                                );
                                all[index].seen.push(seen);
                            }
                            Err(error) => all[index].failure = Some(format!("{error:#}")),
                        }
                    }
                }
                let cost: Vec<_> = all
                    .iter()
                    .map(|turns| turns.median(|seen| seen.cpu_ms_per_frame))
                    .collect();
                let rate: Vec<_> = all
                    .iter()
                    .map(|turns| turns.median(|seen| seen.frames_per_second))
                    .collect();
                let row = |values: &[Option<f64>], last: Option<f64>| {
                    let values = values.iter().copied().chain([last]).map(cell);
                    std::iter::once(name.clone()).chain(values).collect()
                };
                costs
                    .rows
                    .push(row(&cost, ratio(cost[0], cost[1..].iter().copied())));
                let best = rate[1..].iter().flatten().copied().max_by(f64::total_cmp);
                let against = rate[0].zip(best).map(|(ours, best)| ours / best);
                rates.rows.push(row(&rate, against));
                if let Some(alone) = median(&alone) {
                    decodes.rows.push(vec![
                        name.clone(),
                        cell(Some(alone)),
                        cell(cost[0]),
                        cell(cost[0].map(|ours| ours / alone)),
                    ]);
                }
                if size == HD {
                    chart.groups.push((name.clone(), cost));
                }
                for (rival, turns) in bench.rivals.iter().zip(&all) {
                    if let Some(failure) = &turns.failure {
                        let name = format!("{name}, {}", rival.kind.name());
                        section.notes.push(format!("{name}: {failure}."));
                    }
                    if turns
                        .median(|seen| seen.shown_part)
                        .is_some_and(|part| part < 0.9)
                    {
                        let part = turns
                            .median(|seen| seen.shown_part)
                            .map(|part| part * 100.0);
                        section.notes.push(format!(
                            "{name}, {}: only {} % of the frames that it took were seen.",
                            rival.kind.name(),
                            cell(part)
                        ));
                    }
                }
            }
        }
    }
    section.tables = vec![costs, rates];
    if !decodes.rows.is_empty() {
        section.tables.push(decodes);
    }
    section.chart = Some(chart);
    Ok(section)
}

fn measure(
    bench: &Bench,
    rival: &Rival,
    recording: &Arc<Recording>,
    pace: Pace,
    name: &str,
    seconds: f64,
) -> Result<Seen> {
    let stage = Stage::of(recording.clone(), pace);
    let is_right = |screen: &Screen| Ok(marker::read(screen)? == Some(0));
    let codec = recording.codec();
    let mut turn = Turn::begin(rival, stage, codec, Security::Tls, is_right)?;
    // What a client does once after its start is not the cost of a frame.
    thread::sleep(Duration::from_millis(700));
    turn.server.control().play(true);
    thread::sleep(Duration::from_millis(500));
    let count = recording.frames() as u32;
    let mut last = marker::read(&turn.screen)?;
    let (mut shown, mut passed) = (0_u32, 0_u32);
    let (started, cpu) = (Instant::now(), turn.process.cpu()?);
    while started.elapsed().as_secs_f64() < seconds {
        thread::sleep(LOOK_INTERVAL);
        // Half a frame on the screen is no number, and a number that is none is half a frame.
        let Some(number) = marker::read(&turn.screen)?.filter(|&number| number < count) else {
            continue;
        };
        if let Some(last) = last
            && last != number
        {
            shown += 1;
            passed += (number + count - last) % count;
        }
        last = Some(number);
    }
    let (took, cpu) = (started.elapsed(), turn.process.cpu()? - cpu);
    let file = format!("frame-{}", name.replace(' ', "-"));
    turn.screen.save(&bench.shot(&[&file, rival.kind.name()]))?;
    if let Some(status) = turn.process.ended()? {
        bail!("it ended ({status}): {}", turn.process.last_words());
    }
    if shown == 0 {
        bail!("it showed no frame after the first");
    }
    Ok(Seen {
        cpu_ms_per_frame: cpu.as_secs_f64() * 1000.0 / f64::from(shown),
        frames_per_second: f64::from(shown) / took.as_secs_f64(),
        shown_part: f64::from(shown) / f64::from(passed.max(shown)),
    })
}

/// Processor time that FFmpeg takes for a frame of a recording, decoding and nothing else. No
/// server runs in this process meanwhile.
fn decode_alone(recording: &Recording) -> Result<f64> {
    let mut streams: Vec<Vec<&[u8]>> = Vec::new();
    for payload in recording.payloads() {
        streams.push(match recording.codec() {
            ReplayCodec::Avc444v2 => {
                let bitmap = Avc444Bitmap::parse(payload)?;
                let views = [bitmap.luma.as_ref(), bitmap.chroma.as_ref()];
                views
                    .into_iter()
                    .flatten()
                    .map(|view| view.stream())
                    .collect()
            }
            _ => vec![Avc420Bitmap::parse(payload)?.stream()],
        });
    }
    let mut decoder = FfmpegDecoder::new(DecoderLimits::default())?;
    let cpu = cpu_of(std::process::id())?;
    for stream in streams.iter().flatten() {
        if decoder.decode(stream)?.is_none() {
            bail!("a frame without a picture");
        }
    }
    let cpu = cpu_of(std::process::id())? - cpu;
    Ok(cpu.as_secs_f64() * 1000.0 / streams.len() as f64)
}
