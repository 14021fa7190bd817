//! Thin and bad links: what a task costs on them in bytes and in time.

mod marker;
mod script;

use std::{
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use oriel_codecs::{Picture, Rect, geometry::Point, picture::BYTES_PER_PIXEL};
use oriel_protocol::server::{AcceptedSecurity, ServerConfig};
use oriel_server::{
    encoder::EncodingPolicy,
    frames::DesktopFrames,
    replay::ReplayCodec,
    service::Service,
    session::{Misbehaviour, SessionOptions},
};

use crate::{
    bench::{Bench, LOOK_INTERVAL},
    link::{LineQuality, Link, Traffic},
    process::Process,
    report::{Chart, Section, Table, cell, percentile, ratio},
    rival::{Ask, Rival, Security},
    screen::Screen,
};
use script::{Act, DESKTOP, FILM_RATE, Film, Script, ScriptDesktop};

/// Tells our lines from others on this machine.
const LINK_NUMBER: u8 = 77;
/// Which packets are lost.
const SEED: u64 = 0x0071_e15e_ed00;
/// X's code for a letter's key on the keyboards of PCs.
const KEY: u8 = 38;
/// How long a client may take to connect.
const CONNECT_PATIENCE: Duration = Duration::from_secs(60);
/// A step that does not show for so long is given up.
const STEP_PATIENCE: Duration = Duration::from_secs(20);
/// The server makes a picture finer in passes, each after it has rested for 250 ms.
const REFINED: Duration = Duration::from_secs(1);
/// Steps that follow each other within 200 ms are a film to the server on a line that is quick
/// enough, and pictures of their own on another.
const STEP_SILENCE: Duration = Duration::from_millis(400);
/// Sound as it is without compression: 44.1 kHz, two channels, 16 bits.
const SOUND_KBITS: f64 = 1411.2;

/// What one client did on one line.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Until the first whole picture.
    connect: Duration,
    connect_bytes: u64,
    /// In the order of the script, the film at its own speed not among them.
    acts: Vec<ActSeen>,
    film: FilmSeen,
}

/// The steps of an act.
#[derive(Clone, Debug)]
struct ActSeen {
    act: Act,
    /// From the key to the screen.
    millis: Vec<f64>,
    down_bytes: u64,
    up_bytes: u64,
    /// Steps that never showed.
    lost: u32,
}

/// The film at its own speed.
#[derive(Clone, Copy, Debug, Default)]
struct FilmSeen {
    /// Of the film's pictures, those that were seen.
    shown_part: f64,
    down_bytes: u64,
    /// How much later than it should the end was seen.
    late: Duration,
    /// What the line had left while the film played, in thousands of bits a second.
    left_kbits: f64,
}

impl Seen {
    fn bytes(&self, count: impl Fn(&ActSeen) -> u64) -> u64 {
        self.acts.iter().map(count).sum()
    }

    fn seconds(&self) -> f64 {
        self.acts.iter().flat_map(|act| &act.millis).sum::<f64>() / 1000.0
    }

    fn typing(&self) -> Option<&ActSeen> {
        self.acts.iter().find(|act| act.act == Act::Type)
    }
}

fn lines(is_quick: bool) -> Vec<LineQuality> {
    if is_quick {
        return vec![LineQuality::new(80, 4_000, 1.0)];
    }
    let lines = [(20, 20_000), (80, 4_000), (150, 1_000)];
    let all = lines.into_iter().flat_map(|(ms, kbits)| {
        let losses = [0.0, 1.0, 3.0].into_iter();
        losses.map(move |loss| LineQuality::new(ms, kbits, loss))
    });
    all.collect()
}

pub fn run(bench: &Bench) -> Result<Section> {
    let script = Script::new(bench.is_quick());
    let film = Arc::new(Film::new());
    let rounds = bench.rounds(1);
    let mut section = Section {
        name: "links",
        intro: format!(
            "Clients run in a network namespace at the end of a line of our own making (two TUN \
             devices with a queue, a rate, a delay and losses between them: real TCP over lost \
             packets; the same packets are lost for each client). Delays are round trips, losses \
             count in both directions, the queue holds 200 ms. On the desktop ({}x{}) of our \
             server, which draws live and compresses the pipeline's messages, each key is a step: \
             {}. A step's time ends when both corners of the screen show its number; its bytes are \
             those of the line, IP's headers and what TCP had to repeat included, until it has \
             been silent for {} ms or two round trips. The film then plays at {FILM_RATE} pictures a second. {rounds} round(s).",
            DESKTOP.width,
            DESKTOP.height,
            script.told(),
            STEP_SILENCE.as_millis(),
        ),
        notes: bench.absences(),
        ..Section::default()
    };
    let names = bench.names();
    let head = |last: &str| -> Vec<String> {
        let first = std::iter::once(String::new());
        first
            .chain(names.iter().cloned())
            .chain([last.to_owned()])
            .collect()
    };
    let table = |title: &str| Table {
        title: title.to_owned(),
        head: head("oriel / best"),
        rows: Vec::new(),
    };
    let mut down = table("The task without the film at speed: kilobytes down");
    let mut up = table("The same: kilobytes up");
    let mut time = table("The same: seconds from keys to pixels, all steps together");
    let mut key = table("A letter, from key to pixel: milliseconds, p50");
    let mut late_key = table("The same, p95");
    let mut connect = table("From the start to the first whole picture: seconds");
    let mut first = table("The same: kilobytes down");
    let mut films = Table {
        title: "The film at its own speed".to_owned(),
        head: [
            "",
            "client",
            "pictures seen",
            "end late by",
            "kilobytes",
            "kilobytes a picture seen",
            "left for sound",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: Vec::new(),
    };
    let mut acts = Table {
        title: "Each part of the task: kilobytes down, and milliseconds a step (p50)".to_owned(),
        head: head("bytes, oriel / best"),
        rows: Vec::new(),
    };
    let mut chart = Chart {
        title: "The task on each line: seconds from keys to pixels".to_owned(),
        series: names.clone(),
        groups: Vec::new(),
    };

    for line in lines(bench.is_quick()) {
        let row = line.to_string();
        if !bench.wants(&row) {
            continue;
        }
        let mut all: Vec<Vec<Seen>> = vec![Vec::new(); bench.rivals.len()];
        for round in 0..rounds {
            for (index, rival) in bench.turns(round) {
                eprintln!("links {row}, round {round}: {}", rival.title());
                match measure(bench, rival, line, &script, &film) {
                    Ok(seen) => all[index].push(seen),
                    Err(error) => section
                        .notes
                        .push(format!("{row}, {}: {error:#}.", rival.kind.name())),
                }
            }
        }
        let figures = |figure: &dyn Fn(&Seen) -> Option<f64>| -> Vec<Option<f64>> {
            let middle = |turns: &Vec<Seen>| {
                let values: Vec<f64> = turns.iter().filter_map(figure).collect();
                percentile(&values, 50.0)
            };
            all.iter().map(middle).collect()
        };
        let add = |table: &mut Table, name: String, values: &[Option<f64>]| {
            let mut cells = vec![name];
            cells.extend(values.iter().map(|value| cell(*value)));
            cells.push(cell(ratio(values[0], values[1..].iter().copied())));
            table.rows.push(cells);
        };
        let kilobytes = |bytes: u64| Some(bytes as f64 / 1000.0);
        let seconds = figures(&|seen| Some(seen.seconds()));
        add(
            &mut down,
            row.clone(),
            &figures(&|seen| kilobytes(seen.bytes(|act| act.down_bytes))),
        );
        add(
            &mut up,
            row.clone(),
            &figures(&|seen| kilobytes(seen.bytes(|act| act.up_bytes))),
        );
        add(&mut time, row.clone(), &seconds);
        for (table, percent) in [(&mut key, 50.0), (&mut late_key, 95.0)] {
            let values = figures(&|seen| percentile(&seen.typing()?.millis, percent));
            add(table, row.clone(), &values);
        }
        add(
            &mut connect,
            row.clone(),
            &figures(&|seen| Some(seen.connect.as_secs_f64())),
        );
        add(
            &mut first,
            row.clone(),
            &figures(&|seen| kilobytes(seen.connect_bytes)),
        );
        for (act, &(kind, _)) in script.0.iter().enumerate() {
            if matches!(kind, Act::Film(_)) {
                continue;
            }
            let bytes = figures(&|seen| kilobytes(seen.acts[act].down_bytes));
            let millis = figures(&|seen| percentile(&seen.acts[act].millis, 50.0));
            let mut cells = vec![format!("{row}: {}", kind.name())];
            let both = bytes.iter().zip(&millis);
            cells
                .extend(both.map(|(bytes, millis)| format!("{}, {}", cell(*bytes), cell(*millis))));
            cells.push(cell(ratio(bytes[0], bytes[1..].iter().copied())));
            acts.rows.push(cells);
        }
        for (rival, turns) in bench.rivals.iter().zip(&all) {
            if let Some(seen) = turns.first() {
                films.rows.push(film_row(&row, rival, seen, &script));
                let lost: u32 = seen.acts.iter().map(|act| act.lost).sum();
                if lost > 0 {
                    let name = rival.kind.name();
                    section
                        .notes
                        .push(format!("{row}, {name}: {lost} steps never showed."));
                }
            }
        }
        chart.groups.push((row, seconds));
    }
    section.notes.push(format!(
        "Sound without compression needs {SOUND_KBITS} kbit/s; what is left for it is the line's \
         rate less what went down it while the film played. None is sent yet.",
    ));
    section.tables = vec![down, up, time, key, late_key, connect, first, acts, films];
    section.chart = Some(chart);
    Ok(section)
}

fn film_row(line: &str, rival: &Rival, seen: &Seen, script: &Script) -> Vec<String> {
    let film = &seen.film;
    let seen_pictures = film.shown_part * f64::from(script.film_pictures());
    let each = (seen_pictures > 0.0).then(|| film.down_bytes as f64 / 1000.0 / seen_pictures);
    vec![
        line.to_owned(),
        rival.kind.name().to_owned(),
        format!("{:.0} %", film.shown_part * 100.0),
        format!("{:.1} s", film.late.as_secs_f64()),
        format!("{:.0}", film.down_bytes as f64 / 1000.0),
        cell(each),
        format!("{:.0} kbit/s", film.left_kbits),
    ]
}

fn measure(
    bench: &Bench,
    rival: &Rival,
    line: LineQuality,
    script: &Script,
    film: &Arc<Film>,
) -> Result<Seen> {
    let link = Link::start(LINK_NUMBER, line, SEED)?;
    let server = serve(SocketAddr::from((link.server_address(), 0)), script, film)?;
    let screen = Screen::open(DESKTOP)?;
    let home = tempfile::tempdir()?;
    // IronRDP has no pipeline; all others are asked for the best that they have.
    let codec = match rival.kind.lacks(ReplayCodec::Avc444v2) {
        None => ReplayCodec::Avc444v2,
        Some(_) => ReplayCodec::Bitmap,
    };
    let ask = Ask::new(server.address(), DESKTOP, codec, Security::Tls);
    let command = rival.connect(&ask, screen.display(), home.path());
    let process = Process::start(&mut link.inside(&command), &home.path().join("log"))?;
    let mut turn = Turn {
        process,
        screen,
        link,
        line,
    };
    let connect = turn.wait_for_picture()?;
    // What makes the first picture finer is not to be counted to the first letters.
    turn.wait_for_silence(REFINED);
    let mut seen = Seen {
        connect,
        connect_bytes: turn.link.traffic().down.bytes,
        ..Seen::default()
    };
    turn.screen
        .save(&bench.shot(&["links", rival.kind.name()]))?;
    let mut number = 0;
    for &(act, steps) in &script.0 {
        if let Act::Film(length) = act {
            seen.film = turn.film(length, number + 1)?;
        } else {
            seen.acts.push(turn.act(act, number, steps)?);
        }
        number += steps;
    }
    turn.screen
        .save(&bench.shot(&["links", rival.kind.name(), "end"]))?;
    drop(turn);
    server.stop();
    Ok(seen)
}

/// Our own server with the scripted desktop on it.
fn serve(bind: SocketAddr, script: &Script, film: &Arc<Film>) -> Result<Service> {
    let mut connection = ServerConfig::new(DESKTOP);
    connection.follow_client_size = false;
    connection.security = AcceptedSecurity {
        tls: true,
        nla: false,
    };
    connection.require_credentials = false;
    let sessions = SessionOptions {
        connection,
        credentials: None,
        server_name: "ORIEL-SCRIPT".to_owned(),
        handshake_timeout: CONNECT_PATIENCE,
        frames_per_second: 60,
        policy: EncodingPolicy::Mixed,
        misbehaviour: Misbehaviour::None,
    };
    let (script, film) = (script.clone(), film.clone());
    let make_frames = Arc::new(move || {
        let desktop = Box::new(ScriptDesktop::new(script.clone(), film.clone()));
        Box::new(DesktopFrames::new(desktop)) as _
    });
    Ok(Service::start(bind, sessions, make_frames, 2)?)
}

/// A client at the end of a line. The process goes first, then the screen, then the line.
struct Turn {
    process: Process,
    screen: Screen,
    link: Link,
    line: LineQuality,
}

impl Turn {
    fn wait_for_picture(&mut self) -> Result<Duration> {
        let started = self.process.started();
        let mut looks = 0_u32;
        while marker::read(&self.screen, DESKTOP)? != Some(0) {
            if looks.is_multiple_of(64) {
                self.screen.settle()?;
                if let Some(status) = self.process.ended()? {
                    let words = self.process.last_words();
                    bail!("it ended ({status}): {words}");
                }
                if started.elapsed() > CONNECT_PATIENCE {
                    return Err(anyhow!("no picture: {}", self.process.last_words()));
                }
            }
            looks += 1;
            thread::sleep(LOOK_INTERVAL);
        }
        let connected = started.elapsed();
        thread::sleep(Duration::from_millis(500));
        self.screen.settle()?;
        Ok(connected)
    }

    /// Waits until nothing has gone over the line for `least`, and for longer than an answer takes.
    fn wait_for_silence(&self, least: Duration) {
        let silence = least.max(self.line.round_trip * 2 + Duration::from_millis(150));
        let deadline = Instant::now() + STEP_PATIENCE;
        let (mut before, mut since) = (self.link.traffic(), Instant::now());
        while since.elapsed() < silence && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
            let now = self.link.traffic();
            if now != before {
                (before, since) = (now, Instant::now());
            }
        }
    }

    fn press(&self) -> Result<Instant> {
        let pressed = Instant::now();
        self.screen.key(KEY, true)?;
        self.screen.key(KEY, false)?;
        Ok(pressed)
    }

    /// Takes the steps that follow on step `before`, each after the other has shown.
    fn act(&mut self, act: Act, before: u32, steps: u32) -> Result<ActSeen> {
        let start = self.link.traffic();
        let (mut millis, mut lost) = (Vec::new(), 0);
        for step in before + 1..=before + steps {
            let pressed = self.press()?;
            loop {
                if marker::read(&self.screen, DESKTOP)? == Some(step) {
                    millis.push(pressed.elapsed().as_secs_f64() * 1000.0);
                    break;
                }
                if pressed.elapsed() > STEP_PATIENCE {
                    if let Some(status) = self.process.ended()? {
                        bail!("it ended ({status}): {}", self.process.last_words());
                    }
                    lost += 1;
                    break;
                }
                thread::sleep(LOOK_INTERVAL);
            }
            self.wait_for_silence(STEP_SILENCE);
        }
        let Traffic { down, up } = self.link.traffic().since(&start);
        Ok(ActSeen {
            act,
            millis,
            down_bytes: down.bytes,
            up_bytes: up.bytes,
            lost,
        })
    }

    fn film(&mut self, length: Duration, first: u32) -> Result<FilmSeen> {
        let start = self.link.traffic();
        let pressed = self.press()?;
        let pictures = (length.as_secs_f64() * f64::from(FILM_RATE)) as u32;
        let (mut shown, mut last) = (0, None);
        let mut during = None;
        let patience = length + STEP_PATIENCE;
        let ended = loop {
            let number = marker::read(&self.screen, DESKTOP)?;
            if during.is_none() && pressed.elapsed() >= length {
                during = Some(self.link.traffic().since(&start));
            }
            if number == Some(marker::NUMBERS - 1) {
                break pressed.elapsed();
            }
            if number.is_some() && number != last {
                last = number;
                shown += u32::from(number.is_some_and(|number| number > first));
            }
            if pressed.elapsed() > patience {
                bail!("the film never ended: {}", self.process.last_words());
            }
            thread::sleep(Duration::from_millis(1));
        };
        let whole = self.link.traffic().since(&start);
        let during = during.unwrap_or(whole);
        let kbits = during.down.bytes as f64 * 8.0 / 1000.0 / length.as_secs_f64();
        Ok(FilmSeen {
            shown_part: f64::from(shown.min(pictures)) / f64::from(pictures),
            down_bytes: whole.down.bytes,
            late: ended.saturating_sub(length + self.line.round_trip),
            left_kbits: (self.line.rate_bits as f64 / 1000.0 - kbits).max(0.0),
        })
    }
}

/// One colour into a rectangle of a picture.
fn fill(picture: &mut Picture, rect: &Rect, bgra: [u8; 4]) {
    let mut view = picture.as_mut();
    if let Some(mut part) = view.sub(rect) {
        for y in 0..rect.height() {
            for pixel in part.row_mut(y).chunks_exact_mut(BYTES_PER_PIXEL) {
                pixel.copy_from_slice(&bgra);
            }
        }
    }
}

/// A rectangle of one picture to a place in another; both hold it.
fn copy(from: &Picture, rect: &Rect, to: &mut Picture, corner: Point) {
    let source = from.view();
    let mut view = to.as_mut();
    let target = Rect::at(corner, rect.size());
    if let (Some(source), Some(mut part)) = (source.sub(rect), view.sub(&target)) {
        for y in 0..rect.height() {
            part.row_mut(y).copy_from_slice(source.row(y));
        }
    }
}
