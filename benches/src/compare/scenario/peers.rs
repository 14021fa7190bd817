//! The lab's real servers, with real programs on their desktops.

use std::{
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use oriel_codecs::Size;
use oriel_server::replay::ReplayCodec;

use crate::{
    bench::Bench,
    report::{Section, Table, cell, median, ratio},
    rival::{Ask, Rival, Security},
    screen::Screen,
};

const SIZE: Size = Size::new(1920, 1080);
/// From the start of a client until its desktop shows the programs on it.
const SETTLING: Duration = Duration::from_secs(9);
/// Between two looks: no server here sends more than sixty pictures a second.
const LOOK_INTERVAL: Duration = Duration::from_millis(4);
/// Rows that are looked at.
const ROW_STEP: u32 = 20;
/// A display and a port that nothing else of the lab uses, the tests neither.
const DISPLAY: &str = ":83";
const PORT: u16 = 33993;

/// A server, and what clients are to offer it.
const PEERS: [(&str, &str, ReplayCodec); 7] = [
    ("xrdp-tls", "xrdp 0.9, bitmaps", ReplayCodec::Bitmap),
    (
        "xrdp10-tls",
        "xrdp 0.10, progressive",
        ReplayCodec::Progressive,
    ),
    ("xrdp10-h264", "xrdp 0.10, AVC420", ReplayCodec::Avc420),
    (
        "shadow3-rfx",
        "FreeRDP 3.15, RemoteFX",
        ReplayCodec::RemoteFx,
    ),
    (
        "shadow3-surface",
        "FreeRDP 3.15, RemoteFX in surface commands",
        ReplayCodec::RemoteFx,
    ),
    (
        "shadow3-progressive",
        "FreeRDP 3.15, progressive",
        ReplayCodec::Progressive,
    ),
    ("shadow3", "FreeRDP 3.15, AVC444v2", ReplayCodec::Avc444v2),
];

/// What was seen in one turn.
#[derive(Clone, Copy, Debug)]
struct Seen {
    cpu_percent: f64,
    pictures_per_second: f64,
}

pub fn run(bench: &Bench) -> Result<Section> {
    let lab = bench
        .lab()
        .context("the lab is not beside the repository")?;
    let rounds = bench.rounds(2);
    let seconds = if bench.is_quick() { 3.0 } else { 8.0 };
    let mut head = bench.names();
    head.insert(0, String::new());
    head.push("oriel / best".to_owned());
    let table = |title: &str| Table {
        title: title.to_owned(),
        head: head.clone(),
        rows: Vec::new(),
    };
    let mut costs = table("Processor time for each picture shown, milliseconds");
    let mut rates = table("Pictures shown a second");
    let mut notes = bench.absences();
    for (peer, what, codec) in PEERS {
        for mode in ["scroll", "video"] {
            let name = format!("{what}, {mode}");
            if !bench.wants(&name) || (bench.is_quick() && mode == "scroll") {
                continue;
            }
            let _server = Peer::start(lab, peer, mode)?;
            let mut all = vec![Vec::new(); bench.rivals.len()];
            for round in 0..rounds {
                for (index, rival) in bench.turns(round) {
                    let shot = bench.shot(&["peers", peer, mode, rival.kind.name()]);
                    match measure(rival, codec, seconds, &shot) {
                        Ok(seen) => {
                            eprintln!("peers {name}: {} {seen:.2?}", rival.title());
                            all[index].push(seen);
                        }
                        Err(error) => {
                            notes.push(format!("{name}, {}: {error:#}.", rival.kind.name()));
                        }
                    }
                }
            }
            let medians = |figure: fn(&Seen) -> f64| -> Vec<Option<f64>> {
                let figures = all
                    .iter()
                    .map(|turns: &Vec<Seen>| median(&turns.iter().map(figure).collect::<Vec<_>>()));
                figures.collect()
            };
            let cost = medians(|seen| seen.cpu_percent * 10.0 / seen.pictures_per_second);
            let rate = medians(|seen| seen.pictures_per_second);
            let row = |values: &[Option<f64>], last: Option<f64>| {
                let cells = values.iter().copied().chain([last]).map(cell);
                std::iter::once(name.clone()).chain(cells).collect()
            };
            costs
                .rows
                .push(row(&cost, ratio(cost[0], cost[1..].iter().copied())));
            let best = rate[1..].iter().flatten().copied().max_by(f64::total_cmp);
            rates.rows.push(row(
                &rate,
                rate[0].zip(best).map(|(ours, best)| ours / best),
            ));
        }
    }
    notes.dedup();
    Ok(Section {
        name: "peers",
        intro: format!(
            "The servers of the lab with real programs on a desktop of {}x{}: a terminal that \
             scrolls, a film in a window. Here the server decides what it sends, and sends other \
             things to other clients. Every {ROW_STEP}th row of the screen is looked at each \
             {} ms over {seconds} seconds in each of {rounds} rounds; looks that differ one after \
             the other are one picture, which some clients draw in pieces.",
            SIZE.width,
            SIZE.height,
            LOOK_INTERVAL.as_millis()
        ),
        tables: vec![costs, rates],
        chart: None,
        notes,
    })
}

/// A server of the lab; stopped when dropped.
struct Peer<'a> {
    lab: &'a Path,
    name: &'a str,
}

impl<'a> Peer<'a> {
    fn start(lab: &'a Path, name: &'a str, mode: &str) -> Result<Self> {
        let peer = Self { lab, name };
        peer.lab("peer", &[name, "install"])?;
        // Servers that share a display show what the display shows.
        if name.starts_with("shadow") {
            peer.lab("desktop", &["start", mode])?;
        }
        peer.lab("peer", &[name, "mode", mode])?;
        let told = peer.lab("peer", &[name, "start"])?;
        ensure!(told.starts_with("READY"), "{name}: {told}");
        Ok(peer)
    }

    fn lab(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let output = Command::new(self.lab.join(program))
            .args(arguments)
            .env("RDPLAB_STATE", "/tmp/rdplab-compare")
            .env("RDPLAB_DISPLAY", DISPLAY)
            .env("RDPLAB_PORT", PORT.to_string())
            .env("RDPLAB_SIZE", format!("{}x{}", SIZE.width, SIZE.height))
            .env("RDPLAB_USER", LOGIN.0)
            .env("RDPLAB_PASS", LOGIN.1)
            .output()?;
        ensure!(
            output.status.success(),
            "lab/{program} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The lab's own throw-away login.
const LOGIN: (&str, &str) = ("rdplab", "rdplab-Pass1");

impl Drop for Peer<'_> {
    fn drop(&mut self) {
        let stopped = self
            .lab("peer", &[self.name, "stop"])
            .and_then(|_| self.lab("desktop", &["stop"]));
        if let Err(error) = stopped {
            eprintln!("{}: {error:#}", self.name);
        }
    }
}

fn measure(rival: &Rival, codec: ReplayCodec, seconds: f64, shot: &Path) -> Result<Seen> {
    let screen = Screen::open(SIZE)?;
    let home = tempfile::tempdir()?;
    let address = ([127, 0, 0, 1], PORT).into();
    let mut ask = Ask::new(address, SIZE, codec, Security::Tls);
    ask.login = (LOGIN.0.to_owned(), LOGIN.1.to_owned());
    let mut process = rival.launch(&ask, screen.display(), home.path())?;
    let deadline = Instant::now() + SETTLING;
    while Instant::now() < deadline {
        thread::sleep(Duration::from_millis(250));
        screen.settle()?;
    }
    let mut before = look(&screen)?;
    // Clients that draw a picture in pieces change the screen several times for it.
    let (mut pictures, mut is_drawing) = (0_u32, false);
    let (started, cpu) = (Instant::now(), process.cpu()?);
    while started.elapsed().as_secs_f64() < seconds {
        thread::sleep(LOOK_INTERVAL);
        let now = look(&screen)?;
        let has_changed = now != before;
        pictures += u32::from(has_changed && !is_drawing);
        is_drawing = has_changed;
        before = now;
    }
    let took = started.elapsed().as_secs_f64();
    if let Some(status) = process.ended()? {
        bail!("it ended ({status}): {}", process.last_words());
    }
    let cpu = (process.cpu()? - cpu).as_secs_f64();
    screen.save(shot)?;
    ensure!(pictures > 0, "it shows nothing that moves");
    Ok(Seen {
        cpu_percent: cpu / took * 100.0,
        pictures_per_second: f64::from(pictures) / took,
    })
}

/// Some rows of the screen.
fn look(screen: &Screen) -> Result<Vec<u8>> {
    let mut rows = Vec::new();
    for y in (0..SIZE.height).step_by(ROW_STEP as usize) {
        rows.extend(screen.row(0, y, SIZE.width)?);
    }
    Ok(rows)
}
