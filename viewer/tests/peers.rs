//! The viewer against real RDP servers: it shows what they show, and what is typed arrives.
//!
//! The servers are those of the lab in `../shared/lab` beside the repository (or where
//! `ORIEL_SHARED` says); without it every test here prints that it was skipped. Two servers that
//! need nothing but packages of Debian 12 are tested always, the others by `./dev test --all` or
//! `./dev peers [NAME…]`.

mod lab;

use std::time::Duration;

use lab::{Peer, SIZE, VirtualDisplay, open, psnr_db, wait_until};

/// Least likeness of a picture that lost nothing on its way: what is left is the odd pixel that
/// blinked between two screenshots.
const LOSSLESS_DB: f64 = 45.0;

/// Least likeness of a picture that came through a lossy codec.
const LOSSY_DB: f64 = 33.0;

/// How a server's picture reaches this side.
#[derive(Clone, Copy)]
enum Way {
    Lossless,
    Lossy,
}

impl Way {
    fn least_db(self) -> f64 {
        match self {
            Way::Lossless => LOSSLESS_DB,
            Way::Lossy => LOSSY_DB,
        }
    }
}

/// Which servers are wanted in this run.
fn is_wanted(name: &str, is_light: bool) -> bool {
    match std::env::var("ORIEL_PEERS") {
        Ok(names) => names.trim().is_empty() || names.split_whitespace().any(|n| n == name),
        Err(_) => is_light || std::env::var_os("ORIEL_TEST_ALL").is_some(),
    }
}

fn start(name: &'static str, is_light: bool) -> Option<Peer> {
    let Some(lab) = lab::lab() else {
        println!("skipped: there is no lab beside the repository");
        return None;
    };
    if !is_wanted(name, is_light) {
        println!("skipped: {name} is tested by ./dev test --all or ./dev peers {name}");
        return None;
    }
    Some(Peer::start(&lab, name))
}

/// Headless: the picture, then typing.
fn shows_the_desktop_and_takes_keys(name: &'static str, way: Way, is_light: bool) {
    let Some(peer) = start(name, is_light) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (shown, stats) = (
        folder.path().join("shown.png"),
        folder.path().join("stats.json"),
    );

    // Where the desktop starts with the session, its windows need a moment.
    peer.viewer()
        .args(["--headless", "--exit-after", "8"])
        .arg("--screenshot")
        .arg(&shown)
        .arg("--stats")
        .arg(&stats)
        .run();
    let truth = peer.truth(&folder.path().join("truth.png"));
    let (likeness, least_db) = (psnr_db(&open(&shown), &truth), way.least_db());
    println!("{name}: {likeness:.1} dB");
    keep(name, folder.path());
    assert!(
        likeness >= least_db,
        "{name}: {likeness:.1} dB, at least {least_db} wanted"
    );

    let text = "The quick (brown) fox: 0123456789, jumps! @home ~/x|y";
    let before = peer.typed();
    peer.viewer()
        .args(["--headless", "--exit-after", "6", "--type", text])
        .run();
    wait_until(Duration::from_secs(3), || {
        peer.typed().len() >= before.len() + text.len()
    });
    let typed = peer.typed();
    assert_eq!(
        typed.strip_prefix(&before),
        Some(text),
        "{name}: letter for letter"
    );
}

/// A codec that a server sends where it is asked for it.
struct Codec {
    /// The server.
    peer: &'static str,
    /// How it is asked.
    arguments: &'static [&'static str],
    /// What it sends then, as the viewer's figures name it.
    name: &'static str,
    way: Way,
}

/// How long a desktop that was just told to keep still goes on drawing, and an encoder after it.
const CALM: Duration = Duration::from_secs(12);

impl Codec {
    /// Watches the desktop in a mode for some time, and then how it looks at rest: what a decoder
    /// got wrong on the way stays in the picture.
    fn looks_right_after(&self, peer: &Peer, mode: &str, time: Duration) {
        let Self { name, way, .. } = self;
        let folder = tempfile::tempdir().unwrap();
        let (shown, stats) = (
            folder.path().join("shown.png"),
            folder.path().join("stats.json"),
        );
        peer.set_mode(mode);
        let mut viewer = peer
            .viewer()
            .args(["--headless", "--exit-after"])
            .arg((time + CALM).as_secs().to_string())
            .arg("--screenshot")
            .arg(&shown)
            .arg("--stats")
            .arg(&stats);
        for argument in self.arguments {
            viewer = viewer.arg(argument);
        }
        let viewer = viewer.spawn();
        std::thread::sleep(time);
        peer.set_mode("idle");
        let output = viewer.wait_with_output().unwrap();
        assert!(output.status.success(), "the viewer lasted");
        let truth = peer.truth(&folder.path().join("truth.png"));
        let (likeness, least_db) = (psnr_db(&open(&shown), &truth), way.least_db());
        let figures = std::fs::read_to_string(&stats).unwrap();
        let figures: serde_json::Value = serde_json::from_str(&figures).unwrap();
        let codecs = &figures["codecs"];
        let (server, seconds) = (self.peer, time.as_secs());
        println!(
            "{server}, {name}: {likeness:.1} dB after {seconds} s of {mode}, {} payloads",
            codecs[name]["payloads"]
        );
        keep(&format!("{server}-{name}-{mode}"), folder.path());
        assert!(codecs[name]["payloads"].as_u64() > Some(0), "{codecs}");
        for (codec, counts) in codecs.as_object().unwrap() {
            assert_eq!(counts["failed"], 0, "{codec}: {codecs}");
        }
        assert!(
            likeness >= least_db,
            "{server}, {name}: {likeness:.1} dB after {mode}, at least {least_db} wanted"
        );
    }

    fn looks_right_in_every_mode(&self) {
        if let Some(peer) = start(self.peer, false) {
            for mode in ["idle", "scroll", "video"] {
                self.looks_right_after(&peer, mode, Duration::from_secs(15));
            }
        }
    }

    fn stays_right_for_five_minutes(&self) {
        if std::env::var_os("ORIEL_TEST_ALL").is_none() {
            println!("skipped: five minutes of scrolling are for ./dev test --all");
            return;
        }
        if let Some(peer) = start(self.peer, false) {
            self.looks_right_after(&peer, "scroll", Duration::from_secs(300));
        }
    }
}

/// In a window at its own size: what stands on the screen is the desktop.
fn fills_its_window(name: &'static str, way: Way, is_light: bool) {
    let Some(peer) = start(name, is_light) else {
        return;
    };
    let display = VirtualDisplay::start(SIZE);
    let folder = tempfile::tempdir().unwrap();
    let mut viewer = peer
        .viewer()
        .args(["--fullscreen", "--exit-after", "60"])
        .display(&display.name)
        .spawn();
    std::thread::sleep(Duration::from_secs(8));
    let (mut likeness, least_db) = (0.0, way.least_db());
    wait_until(Duration::from_secs(20), || {
        let shown = display.screenshot(&folder.path().join("window.png"));
        likeness = psnr_db(&shown, &peer.truth(&folder.path().join("truth.png")));
        likeness >= least_db
    });
    let _ = viewer.kill();
    let _ = viewer.wait();
    println!("{name} in a window: {likeness:.1} dB");
    keep(name, folder.path());
    assert!(
        likeness >= least_db,
        "{name}: {likeness:.1} dB, at least {least_db} wanted"
    );
}

/// A window that changes its size makes the desktop follow.
#[test]
fn a_resized_window_resizes_the_desktop() {
    let Some(peer) = start("xrdp10", false) else {
        return;
    };
    let display = VirtualDisplay::start("1600x1000");
    let _manager = display.manage();
    let folder = tempfile::tempdir().unwrap();
    let truth = folder.path().join("truth.png");
    let mut viewer = peer
        .viewer()
        .args(["--exit-after", "90"])
        .display(&display.name)
        .spawn();
    let shown = wait_until(Duration::from_secs(20), || {
        peer.try_truth(&truth)
            .is_some_and(|picture| picture.dimensions() == (1280, 800))
    });
    assert!(shown, "the session starts at the size that was asked for");
    display.resize_window(1400, 900);
    let followed = wait_until(Duration::from_secs(30), || {
        let desktop = peer.try_truth(&truth).map(|picture| picture.dimensions());
        desktop == Some(display.window_size())
    });
    let mut likeness = 0.0;
    wait_until(Duration::from_secs(20), || {
        let shown = display.window_picture(&folder.path().join("window.png"));
        likeness = psnr_db(&shown, &peer.truth(&truth));
        likeness >= LOSSY_DB
    });
    keep("xrdp10-resized", folder.path());
    let _ = viewer.kill();
    let _ = viewer.wait();
    println!("xrdp10 after a resize: {likeness:.1} dB");
    assert!(followed, "the desktop never got the size of its window");
    assert!(
        likeness >= LOSSY_DB,
        "xrdp10 after a resize: {likeness:.1} dB, at least {LOSSY_DB} wanted"
    );
}

/// Ten minutes of video leave memory where it was after the first.
#[test]
fn ten_minutes_of_video_leave_memory_flat() {
    if std::env::var_os("ORIEL_TEST_ALL").is_none() {
        println!("skipped: ten minutes of video are for ./dev test --all");
        return;
    }
    let Some(peer) = start("shadow2-nla", true) else {
        return;
    };
    peer.set_mode("video");
    let mut viewer = peer
        .viewer()
        .args(["--headless", "--exit-after", "610"])
        .spawn();
    std::thread::sleep(Duration::from_secs(60));
    let early = lab::resident_kib(viewer.id());
    let mut most = early;
    for _ in 0..108 {
        std::thread::sleep(Duration::from_secs(5));
        most = most.max(lab::resident_kib(viewer.id()));
    }
    println!("resident after a minute {early} KiB, most until the tenth {most} KiB");
    let status = viewer.wait().unwrap();
    assert!(status.success(), "the viewer lasted");
    assert!(
        most <= early + early / 10 + 8 * 1024,
        "{early} KiB grew to {most} KiB"
    );
}

/// Pictures are kept for a person to look at where `ORIEL_KEEP` names a folder.
fn keep(name: &str, folder: &std::path::Path) {
    let Some(kept) = std::env::var_os("ORIEL_KEEP").map(std::path::PathBuf::from) else {
        return;
    };
    std::fs::create_dir_all(&kept).unwrap();
    for file in std::fs::read_dir(folder).unwrap().flatten() {
        let to = kept.join(format!("{name}-{}", file.file_name().to_string_lossy()));
        std::fs::copy(file.path(), to).unwrap();
    }
}

macro_rules! peers {
    ($($module:ident: $name:literal, $way:expr, light: $light:literal;)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn shows_the_desktop_and_takes_keys() {
                super::shows_the_desktop_and_takes_keys($name, $way, $light);
            }

            #[test]
            fn fills_its_window() {
                super::fills_its_window($name, $way, $light);
            }
        }
    )*};
}

peers! {
    xrdp: "xrdp", Way::Lossless, light: true;
    xrdp10: "xrdp10", Way::Lossy, light: false;
    xrdp10_h264: "xrdp10-h264", Way::Lossy, light: false;
    shadow2: "shadow2", Way::Lossy, light: false;
    shadow2_nla: "shadow2-nla", Way::Lossy, light: true;
    shadow3: "shadow3", Way::Lossy, light: false;
    shadow3_nla: "shadow3-nla", Way::Lossy, light: false;
    shadow3_raw: "shadow3-raw", Way::Lossless, light: false;
    shadow3_planar: "shadow3-planar", Way::Lossless, light: false;
    shadow3_bitmap: "shadow3-bitmap", Way::Lossless, light: false;
}

macro_rules! codecs {
    ($($module:ident: $peer:literal, $arguments:expr => $name:literal, $way:expr;)*) => {$(
        mod $module {
            use super::*;

            const CODEC: Codec = Codec {
                peer: $peer,
                arguments: &$arguments,
                name: $name,
                way: $way,
            };

            #[test]
            fn looks_right_in_every_mode() {
                CODEC.looks_right_in_every_mode();
            }

            #[test]
            fn stays_right_for_five_minutes() {
                CODEC.stays_right_for_five_minutes();
            }
        }
    )*};
}

codecs! {
    shadow3_surface: "shadow3-surface", ["--gfx", "surface"] => "remotefx", Way::Lossy;
    shadow3_nsc: "shadow3-nsc", ["--gfx", "nsc"] => "nscodec", Way::Lossy;
    shadow3_rfx: "shadow3-rfx", ["--gfx", "rfx"] => "remotefx", Way::Lossy;
    shadow3_progressive: "shadow3-progressive", ["--gfx", "progressive"] => "progressive", Way::Lossy;
    xrdp_remotefx: "xrdp", ["--link", "lan"] => "remotefx", Way::Lossy;
    xrdp_bitmaps: "xrdp", [] => "bitmap-planar", Way::Lossless;
    xrdp10_progressive: "xrdp10", ["--gfx", "progressive"] => "progressive", Way::Lossy;
}
