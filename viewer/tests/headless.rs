//! The program without a window, against the demo desktop and against servers that misbehave.

// Each test program uses another part of it.
#[allow(dead_code)]
mod support;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

use oriel_codecs::geometry::Size;
use oriel_protocol::{
    client::ConnectionStep, error_info::ErrorInfo, input::InputEvent, server::AcceptedSecurity,
};
use oriel_server::{
    demo::{DemoDesktop, DemoOptions},
    session::Misbehaviour,
    source::InputSink,
};
use support::{SIZE, Viewer, drawn_here, image_of, psnr_db, start, still_desktop};

/// Least likeness of what came through H.264.
const LOSSY_DB: f64 = 33.0;
/// Least likeness of what lost nothing: the odd blinking cursor.
const LOSSLESS_DB: f64 = 45.0;

fn likeness_db(shown: &image::RgbaImage, desktop: &DemoDesktop) -> f64 {
    psnr_db(shown, &image_of(&desktop.compose_whole()))
}

fn shows_the_desktop(arguments: &[&str], least_db: f64) -> serde_json::Value {
    let (server, password) = start(still_desktop());
    let ran = Viewer::connect(&server, &password)
        .args(arguments)
        .args(&["--exit-after", "3"])
        .observed()
        .run()
        .succeeded();
    let likeness = likeness_db(&ran.screenshot(), &drawn_here(SIZE));
    assert!(likeness >= least_db, "{arguments:?}: {likeness:.1} dB");
    ran.figures()
}

#[test]
fn the_desktop_is_shown_over_tls_and_nla() {
    let figures = shows_the_desktop(&[], LOSSY_DB);
    assert_eq!(figures["outcome"]["code"], 0);
    assert_eq!(figures["desktop"], serde_json::json!([800, 600]));
    let security = figures["connect"]["security"].as_str().unwrap();
    assert!(security.contains("CredSSP"), "{security}");
    let steps = figures["connect"]["steps"].as_array().unwrap();
    assert!(steps.len() >= 9, "{steps:?}");
    let frames = &figures["frames"];
    assert_eq!(frames["refused_commands"], 0);
    assert!(frames["applied"].as_u64() > Some(0), "{frames}");
    assert_eq!(frames["received"], frames["acknowledged"], "{frames}");
    assert!(figures["acknowledge_us"]["count"].as_u64() > Some(0));
    assert_eq!(figures["connect"]["cache_limit"], 100 << 20);
}

#[test]
fn the_small_cache_is_had_by_asking_for_it() {
    let figures = shows_the_desktop(&["--small-cache"], LOSSY_DB);
    assert_eq!(figures["connect"]["cache_limit"], 16 << 20);
    assert_eq!(figures["connect"]["graphics_version"], "10.7");
}

#[test]
fn the_desktop_is_shown_with_each_choice_of_graphics() {
    let codecs = |arguments: &[&str], least_db| {
        let figures = shows_the_desktop(arguments, least_db);
        let codecs = figures["codecs"].as_object().unwrap();
        let names: Vec<String> = codecs.keys().cloned().collect();
        names.join(" ")
    };
    // At rest all of it is exact, whatever it came by first.
    for (choice, wanted) in [
        ("auto", ["clearcodec", "progressive"]),
        ("avc420", ["clearcodec", "progressive"]),
        ("progressive", ["clearcodec", "progressive"]),
        ("rfx", ["clearcodec", "remotefx"]),
        ("surface", ["bitmap-planar"; 2]),
        ("nsc", ["bitmap-planar"; 2]),
        ("jpeg", ["bitmap-planar"; 2]),
        ("off", ["bitmap-planar"; 2]),
    ] {
        let names = codecs(&["--gfx", choice], LOSSLESS_DB);
        for name in wanted {
            assert!(names.contains(name), "{choice}: {names}");
        }
        let has_video = choice == "auto" || choice == "avc420";
        assert!(has_video || !names.contains("avc"), "{choice}: {names}");
    }
}

#[test]
fn what_is_typed_appears_letter_for_letter() {
    let text = "echo Hi (7)! ~/x|y\n\u{e9}\u{fc}";
    let (server, password) = start(still_desktop());
    let ran = Viewer::connect(&server, &password)
        .args(&["--gfx", "planar", "--type", text, "--exit-after", "4"])
        .observed()
        .run()
        .succeeded();
    let mut desktop = drawn_here(SIZE);
    for unit in text.encode_utf16() {
        // The demo desktop takes a line end as Enter.
        let unit = if unit == 10 { 13 } else { unit };
        for is_pressed in [true, false] {
            desktop.input(&InputEvent::Unicode { unit, is_pressed });
        }
    }
    let shown = ran.screenshot();
    let typed = likeness_db(&shown, &desktop);
    let untouched = likeness_db(&shown, &drawn_here(SIZE));
    assert!(typed >= LOSSLESS_DB, "{typed:.1} dB");
    assert!(untouched < typed - 5.0, "{untouched:.1} and {typed:.1} dB");
}

#[test]
fn a_wrong_password_has_its_sentence_and_exit_code() {
    let (server, _) = start(still_desktop());
    let ran = Viewer::connect(&server, "not the password").run();
    assert_eq!(ran.code, 30, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("does not know this user name"),
        "{}",
        ran.stderr
    );
    assert!(
        !ran.stderr.contains("not the password"),
        "a password never prints"
    );
}

#[test]
fn the_password_may_come_from_the_environment() {
    let (server, password) = start(still_desktop());
    let address = server.address().to_string();
    Viewer::new(&["connect", &address, "--user", "demo", "--cert", "ignore"])
        .args(&["--headless", "--exit-after", "0.1"])
        .env("ORIEL_PASSWORD", password)
        .run()
        .succeeded();
}

#[test]
fn a_server_that_falls_silent_is_a_timeout_at_every_step() {
    for step in [
        ConnectionStep::Negotiation,
        ConnectionStep::Security,
        ConnectionStep::BasicSettings,
        ConnectionStep::ChannelConnection,
        ConnectionStep::SecureSettings,
        ConnectionStep::Licensing,
        ConnectionStep::CapabilityExchange,
        ConnectionStep::Finalization,
    ] {
        let (server, password) = start(DemoOptions {
            misbehaviour: Misbehaviour::SilentFrom(step),
            ..still_desktop()
        });
        let ran = Viewer::connect(&server, &password)
            .args(&["--connect-timeout", "1", "--exit-after", "1"])
            .run();
        assert_eq!(ran.code, 12, "{step:?}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("did not answer in time"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("1 s"), "{}", ran.stderr);
    }
}

#[test]
fn a_server_that_hangs_up_within_a_frame_leaves_the_last_picture_and_the_reason() {
    let (server, password) = start(DemoOptions {
        misbehaviour: Misbehaviour::CloseMidFrame { after_frames: 3 },
        // Something must move for frames to come.
        is_deterministic: false,
        ..still_desktop()
    });
    let ran = Viewer::connect(&server, &password)
        .args(&["--exit-after", "30"])
        .observed()
        .run();
    assert_eq!(ran.code, 15, "{}", ran.stderr);
    assert!(ran.stderr.contains("broke off"), "{}", ran.stderr);
    let likeness = likeness_db(&ran.screenshot(), &drawn_here(SIZE));
    assert!(likeness > 12.0, "the desktop was shown: {likeness:.1} dB");
    assert_eq!(ran.figures()["outcome"]["code"], 15);
}

#[test]
fn the_servers_own_reason_for_the_end_is_told() {
    let error_info = ErrorInfo::IDLE_TIMEOUT;
    let (server, password) = start(DemoOptions {
        misbehaviour: Misbehaviour::EndWith {
            error_info,
            after_frames: 1,
        },
        is_deterministic: false,
        ..still_desktop()
    });
    let ran = Viewer::connect(&server, &password)
        .args(&["--exit-after", "30"])
        .run();
    assert_eq!(ran.code, 41, "{}", ran.stderr);
    let said = error_info.what_happened().trim_end_matches('.');
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn a_certificate_is_pinned_at_first_and_refused_when_it_changes() {
    let (first, password) = start(still_desktop());
    let address = first.address();
    let folder = tempfile::tempdir().unwrap();
    let known_hosts = folder.path().join("known_hosts");
    let connect = |address: SocketAddr, password: &str| {
        let address = address.to_string();
        Viewer::new(&["connect", &address, "--user", "demo", "--headless"])
            .args(&["--exit-after", "0.1"])
            .env("ORIEL_PASSWORD", password)
            .env("ORIEL_KNOWN_HOSTS", &known_hosts)
            .run()
    };
    let known = hex(first.certificate_sha256());
    let ran = connect(address, &password).succeeded();
    assert!(
        ran.stderr.contains(&known),
        "headless tells: {}",
        ran.stderr
    );
    let again = connect(address, &password).succeeded();
    assert!(
        !again.stderr.contains(&known),
        "only once: {}",
        again.stderr
    );
    first.stop();

    let (second, password) = start(DemoOptions {
        bind: address,
        ..still_desktop()
    });
    let ran = connect(address, &password);
    assert_eq!(ran.code, 21, "{}", ran.stderr);
    for fingerprint in [known, hex(second.certificate_sha256())] {
        assert!(ran.stderr.contains(&fingerprint), "{}", ran.stderr);
    }
}

fn hex(bytes: [u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_unknown_certificate_is_refused_where_that_was_asked_for() {
    let (server, password) = start(still_desktop());
    let strict = Viewer::connect_in_window(&server, &password)
        .args(&["--headless", "--cert", "strict"])
        .run();
    assert_eq!(strict.code, 22, "{}", strict.stderr);
    let pin = format!("sha256:{}", hex(server.certificate_sha256()));
    Viewer::connect_in_window(&server, &password)
        .args(&["--headless", "--cert", &pin, "--exit-after", "0.1"])
        .run()
        .succeeded();
    let other = format!("sha256:{}", "00".repeat(32));
    let wrong = Viewer::connect_in_window(&server, &password)
        .args(&["--headless", "--cert", &other])
        .run();
    assert_eq!(wrong.code, 21, "{}", wrong.stderr);
}

#[test]
fn security_that_one_side_does_not_have_is_told_apart() {
    let (tls_only, _) = start(DemoOptions::default());
    let address = tls_only.address().to_string();
    let nla = Viewer::new(&["connect", &address, "--headless", "--security", "nla"]).run();
    assert_eq!(nla.code, 36, "{}", nla.stderr);

    let (nla_only, password) = start(DemoOptions {
        security: AcceptedSecurity {
            tls: false,
            nla: true,
        },
        ..still_desktop()
    });
    let tls = Viewer::connect(&nla_only, &password)
        .args(&["--security", "tls"])
        .run();
    assert_eq!(tls.code, 35, "{}", tls.stderr);
    let address = nla_only.address().to_string();
    let nobody = Viewer::new(&["connect", &address, "--headless", "--cert", "ignore"]).run();
    assert_eq!(nobody.code, 37, "{}", nobody.stderr);
}

#[test]
fn what_is_no_server_is_told_apart() {
    let unknown = Viewer::new(&["connect", "no-such-host.invalid", "--headless"]).run();
    assert_eq!(unknown.code, 10, "{}", unknown.stderr);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let web = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 64]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let web_server = Viewer::new(&["connect", &address, "--headless"]).run();
    assert_eq!(web_server.code, 14, "{}", web_server.stderr);
    web.join().unwrap();

    let nobody = Viewer::new(&["connect", &address, "--headless"]).run();
    assert_eq!(nobody.code, 11, "{}", nobody.stderr);
}

#[test]
fn check_tells_the_steps_and_what_is_offered() {
    let (server, password) = start(still_desktop());
    let address = server.address().to_string();
    let ran = Viewer::new(&["check", &address, "--user", "demo", "--cert", "ignore"])
        .env("ORIEL_PASSWORD", password)
        .run()
        .succeeded();
    for expected in [
        "Reach the server",
        "Licence",
        " ms",
        "graphics pipeline   10.7",
    ] {
        assert!(ran.stdout.contains(expected), "{expected}: {}", ran.stdout);
    }
}

#[test]
fn a_demo_without_a_display_leaves_a_picture_and_a_line_of_figures() {
    let ran = Viewer::new(&["demo", "--size", "640x480"])
        .run()
        .succeeded();
    assert!(ran.stderr.contains("no display"), "{}", ran.stderr);
    assert!(
        ran.stdout.starts_with("oriel-demo.png: 640x480"),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.stdout.lines().count(), 1);
    let picture = support::open(&ran.file("oriel-demo.png"));
    assert_eq!(picture.dimensions(), (640, 480));
    let likeness = likeness_db(&picture, &drawn_here(Size::new(640, 480)));
    assert!(likeness > 12.0, "{likeness:.1} dB");
}

#[test]
fn a_file_that_cannot_be_written_is_told() {
    let (server, password) = start(still_desktop());
    let ran = Viewer::connect(&server, &password)
        .args(&["--exit-after", "0.5", "--stats", "no/such/folder.json"])
        .run();
    assert_eq!(ran.code, 52, "{}", ran.stderr);
}

#[test]
fn a_recorded_session_is_shown_again_without_its_server_and_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("session.oriel");
    let recording = recording.to_str().unwrap();
    let (server, password) = start(still_desktop());
    let seen = Viewer::connect(&server, &password)
        .args(&["--record", recording, "--type", "ls\n"])
        .args(&["--exit-after", "3"])
        .observed()
        .run()
        .succeeded();
    server.stop();

    let bytes = std::fs::read(recording).unwrap();
    let utf16: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for secret in [password.as_bytes(), &utf16, b"mstshash"] {
        let is_there = bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!is_there, "a secret is in the recording");
    }

    for speed in ["4", "max", "2"] {
        let again = Viewer::new(&["replay", recording, "--headless", "--speed", speed])
            .observed()
            .run()
            .succeeded();
        assert_eq!(again.screenshot(), seen.screenshot(), "at speed {speed}");
        let figures = again.figures();
        assert_eq!(figures["desktop"], serde_json::json!([800, 600]));
        let frames = |figures: &serde_json::Value| figures["frames"]["received"].as_u64();
        assert_eq!(frames(&figures), frames(&seen.figures()));
    }
}

#[test]
fn what_is_no_recording_is_told_so() {
    let ran = Viewer::new(&["replay", "--headless", "/dev/null"]).run();
    assert_eq!(ran.code, 53, "{}", ran.stderr);
    assert!(ran.stderr.contains("no recording"), "{}", ran.stderr);
}
