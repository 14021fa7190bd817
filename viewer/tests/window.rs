//! The program in a real window, on an X server without a screen.
//!
//! Where Xvfb, openbox or xdotool are missing, every test prints that it was skipped.
#![cfg(target_os = "linux")]

// Each test program uses another part of it.
#[allow(dead_code)]
mod support;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use image::RgbaImage;
use oriel::window::LocalKeyboard;
use oriel_codecs::geometry::Point;
use oriel_protocol::{
    error_info::ErrorInfo,
    input::{InputEvent, LockKeys},
};
use oriel_server::{
    demo::{DemoDesktop, DemoOptions},
    session::Misbehaviour,
    source::InputSink,
};
use support::{SIZE, Viewer, drawn_here, image_of, psnr_db, start, still_desktop, wait_until};
use x11rb::{
    connection::Connection,
    protocol::xproto::{AtomEnum, ConnectionExt, ImageFormat},
};

/// Least likeness of a window to a desktop that lost nothing on its way.
const LOSSLESS_DB: f64 = 45.0;
/// For something to appear.
const PATIENCE: Duration = Duration::from_secs(20);

/// An X server with a window manager, until it is dropped.
struct Display {
    name: String,
    server: Child,
    manager: Child,
}

impl Display {
    /// Starts both; `None`, with a printed line, where something is missing.
    fn start(size: &str) -> Option<Self> {
        for program in ["Xvfb", "openbox", "xdotool"] {
            let found = Command::new("sh")
                .args(["-c", "command -v \"$0\"", program])
                .stdout(Stdio::null())
                .status();
            if !found.is_ok_and(|status| status.success()) {
                println!("skipped: there is no {program}");
                return None;
            }
        }
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &format!("{size}x24")])
            // Without a client for a moment, it would start over and cut off whoever comes then.
            .args(["-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts");
        let mut number = String::new();
        let stdout = server.stdout.take().expect("a pipe");
        BufReader::new(stdout)
            .read_line(&mut number)
            .expect("Xvfb tells its display");
        let name = format!(":{}", number.trim());
        let manager = Command::new("openbox")
            .env("DISPLAY", &name)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openbox starts");
        let display = Self {
            name,
            server,
            manager,
        };
        assert!(
            wait_until(PATIENCE, || display.is_managed()),
            "openbox runs"
        );
        Some(display)
    }

    /// Whether the window manager has announced itself.
    fn is_managed(&self) -> bool {
        let (connection, screen) = x11rb::connect(Some(&self.name)).expect("the X server");
        let root = connection.setup().roots[screen].root;
        let atom = connection
            .intern_atom(false, b"_NET_SUPPORTING_WM_CHECK")
            .expect("a request")
            .reply()
            .expect("an atom")
            .atom;
        let property = connection
            .get_property(false, root, atom, AtomEnum::WINDOW, 0, 1)
            .expect("a request")
            .reply()
            .expect("a property");
        property.value_len == 1
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let output = Command::new("xdotool")
            .env("DISPLAY", &self.name)
            .args(arguments)
            .output()
            .expect("xdotool runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// All that it shows.
    fn picture(&self) -> RgbaImage {
        let (connection, screen) = x11rb::connect(Some(&self.name)).expect("the X server");
        let screen = &connection.setup().roots[screen];
        let (width, height) = (screen.width_in_pixels, screen.height_in_pixels);
        let format = ImageFormat::Z_PIXMAP;
        let image = connection
            .get_image(format, screen.root, 0, 0, width, height, !0)
            .expect("a request")
            .reply()
            .expect("the root window's picture");
        let bgrx = image.data.chunks_exact(4);
        let rgba = bgrx.flat_map(|p| [p[2], p[1], p[0], 255]).collect();
        RgbaImage::from_raw(width.into(), height.into(), rgba).expect("four bytes a pixel")
    }

    /// Waits until it shows a desktop alone.
    #[track_caller]
    /// Gives a keysym a key that has none, for xdotool to press. Left to itself, xdotool binds a key
    /// for the moment of the press, and takes the binding back before everybody has heard of it.
    fn bind(&self, keysym: u32) {
        const SPARE_KEY: u8 = 250;
        let (connection, _) = x11rb::connect(Some(&self.name)).expect("the X server");
        connection
            .change_keyboard_mapping(1, SPARE_KEY, 1, &[keysym])
            .expect("a request")
            .check()
            .expect("the server binds the key");
    }

    /// A window can be seen before the window manager gives it the keyboard.
    fn wait_for_focus(&self) {
        let has_focus = || {
            let name = self.xdotool(&["getwindowfocus", "getwindowname"]);
            name.ends_with("Oriel")
        };
        assert!(wait_until(PATIENCE, has_focus), "the window gets the focus");
    }

    fn wait_for(&self, desktop: &DemoDesktop) {
        let expected = image_of(&desktop.compose_whole());
        let mut likeness = 0.0;
        let is_shown = wait_until(PATIENCE, || {
            likeness = psnr_db(&self.picture(), &expected);
            likeness >= LOSSLESS_DB
        });
        if !is_shown {
            let kept = std::env::temp_dir().join("oriel-window-test.png");
            let _ = self.picture().save(&kept);
            panic!("{likeness:.1} dB, see {}", kept.display());
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        for process in [&mut self.manager, &mut self.server] {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn screen_size() -> String {
    format!("{}x{}", SIZE.width, SIZE.height)
}

#[test]
fn a_window_that_fills_the_screen_shows_the_desktop_and_takes_keys_and_mouse() {
    let Some(display) = Display::start(&screen_size()) else {
        return;
    };
    display.bind(0x0100_20ac);
    let (server, password) = start(still_desktop());
    let mut viewer = Viewer::connect_in_window(&server, &password)
        .args(&["--cert", "ignore", "--fullscreen", "--gfx", "planar"])
        .args(&["--compositor", "cpu"])
        .display(&display.name)
        .spawn();
    let mut desktop = drawn_here(SIZE);
    display.wait_for(&desktop);
    display.wait_for_focus();

    display.xdotool(&["type", "--delay", "20", "echo Hi (7)! ~x|y"]);
    display.xdotool(&["key", "Return"]);
    // What no key of this layout has comes as Unicode.
    display.xdotool(&["type", "\u{20ac}"]);
    for unit in "echo Hi (7)! ~x|y\r\u{20ac}".encode_utf16() {
        for is_pressed in [true, false] {
            desktop.input(&InputEvent::Unicode { unit, is_pressed });
        }
    }
    display.wait_for(&desktop);

    // A notch of the wheel is one, though this server's wheel is a button pressed and released.
    let place = a_place_that_scrolls();
    display.xdotool(&["mousemove", &place.x.to_string(), &place.y.to_string()]);
    display.xdotool(&["click", "5"]);
    for event in notch_down(place) {
        desktop.input(&event);
    }
    display.wait_for(&desktop);

    // Idle, nothing is drawn and nothing is polled.
    let before = cpu_ticks(viewer.id());
    sleep(Duration::from_secs(3));
    let used = cpu_ticks(viewer.id()) - before;
    assert!(used <= 6, "{used} hundredths of a second in three seconds");

    display.xdotool(&["key", "alt+F4"]);
    // The demo desktop was sent Alt before the window manager took F4; the session ends in order.
    assert!(wait_until(PATIENCE, || !viewer.is_running()));
    viewer.wait().succeeded();
}

/// A turn of the wheel towards the user.
fn notch_down(position: Point) -> [InputEvent; 2] {
    let delta = -120;
    [
        InputEvent::MouseMove { position },
        InputEvent::VerticalWheel { position, delta },
    ]
}

/// Where the demo desktop has something to scroll down.
fn a_place_that_scrolls() -> Point {
    let still = image_of(&drawn_here(SIZE).compose_whole());
    let mut places = (0..SIZE.height).step_by(40).flat_map(|y| {
        (0..SIZE.width)
            .step_by(40)
            .map(move |x| Point::new(x as i32, y as i32))
    });
    let mut desktop = drawn_here(SIZE);
    let scrolls = |place: &Point| {
        for event in notch_down(*place) {
            desktop.input(&event);
        }
        image_of(&desktop.compose_whole()) != still
    };
    places.find(scrolls).expect("the code can be scrolled")
}

/// Processor time of a process, in hundredths of a second.
fn cpu_ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    // The name may hold spaces; user and system time are the 12th and 13th field behind it.
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks = |at: usize| {
        let field = fields.split_whitespace().nth(at);
        field
            .and_then(|field| field.parse::<u64>().ok())
            .expect("a number")
    };
    ticks(11) + ticks(12)
}

#[test]
fn the_lock_keys_and_the_layout_of_the_display_are_known() {
    let Some(display) = Display::start(&screen_size()) else {
        return;
    };
    let keyboard = LocalKeyboard::open(Some(&display.name)).expect("Xvfb has the extension");
    assert_eq!(keyboard.layout_name().as_deref(), Some("us"));
    assert_eq!(keyboard.locks(), Some(LockKeys::empty()));
    display.xdotool(&["key", "Caps_Lock"]);
    assert_eq!(keyboard.locks(), Some(LockKeys::CAPS));
    display.xdotool(&["key", "Num_Lock"]);
    assert_eq!(keyboard.locks(), Some(LockKeys::CAPS | LockKeys::NUM));
    display.xdotool(&["key", "Caps_Lock"]);
    assert_eq!(keyboard.locks(), Some(LockKeys::NUM));
}

#[test]
fn a_resized_window_gets_a_desktop_of_its_size() {
    let Some(display) = Display::start("1100x800") else {
        return;
    };
    let (server, password) = start(still_desktop());
    let viewer = Viewer::connect_in_window(&server, &password)
        .args(&[
            "--cert",
            "ignore",
            "--compositor",
            "cpu",
            "--exit-after",
            "7",
        ])
        .observed()
        .display(&display.name)
        .spawn();
    let process = viewer.id().to_string();
    let window = || display.xdotool(&["search", "--onlyvisible", "--pid", &process]);
    assert!(wait_until(PATIENCE, || !window().is_empty()));
    sleep(Duration::from_secs(2));
    display.xdotool(&["windowsize", "--sync", &window(), "640", "480"]);
    let ran = viewer.wait().succeeded();
    assert_eq!(ran.figures()["desktop"], serde_json::json!([640, 480]));
    assert_eq!(ran.screenshot().dimensions(), (640, 480));
}

#[test]
fn the_end_of_a_session_is_told_over_its_last_picture() {
    let Some(display) = Display::start(&screen_size()) else {
        return;
    };
    let (server, password) = start(DemoOptions {
        misbehaviour: Misbehaviour::EndWith {
            error_info: ErrorInfo::IDLE_TIMEOUT,
            after_frames: 20,
        },
        is_deterministic: false,
        ..still_desktop()
    });
    let mut viewer = Viewer::connect_in_window(&server, &password)
        .args(&["--cert", "ignore", "--fullscreen", "--compositor", "cpu"])
        .display(&display.name)
        .spawn();
    // The card of the error page covers the middle of the window; the desktop stays around it.
    let is_card = |picture: &RgbaImage| {
        let middle = picture.get_pixel(SIZE.width / 2 + 200, SIZE.height / 2 - 40);
        middle.0 == [0x1d, 0x22, 0x2a, 255]
    };
    let expected = image_of(&drawn_here(SIZE).compose_whole());
    let top =
        |picture: &RgbaImage| image::imageops::crop_imm(picture, 0, 0, SIZE.width, 100).to_image();
    let is_told = wait_until(PATIENCE, || {
        let picture = display.picture();
        is_card(&picture) && psnr_db(&top(&picture), &top(&expected)) > 18.0
    });
    if !is_told {
        let kept = std::env::temp_dir().join("oriel-window-test.png");
        let _ = display.picture().save(&kept);
        panic!("the page is not there, see {}", kept.display());
    }
    assert!(viewer.is_running(), "it waits for the person");
    display.xdotool(&["key", "Escape"]);
    assert!(wait_until(PATIENCE, || !viewer.is_running()));
    let ran = viewer.wait();
    assert_eq!(ran.code, 41, "{}", ran.stderr);
}

#[test]
fn connecting_in_vain_shows_the_reason_and_can_be_tried_again() {
    let Some(display) = Display::start(&screen_size()) else {
        return;
    };
    let (server, password) = start(still_desktop());
    let address = server.address();
    server.stop();
    let mut viewer = Viewer::new(&["connect", &address.to_string(), "--user", "demo"])
        .args(&["--cert", "ignore", "--fullscreen", "--gfx", "planar"])
        .args(&["--size", &screen_size(), "--compositor", "cpu"])
        .env("ORIEL_PASSWORD", &password)
        .display(&display.name)
        .spawn();
    let is_card = || {
        let middle = *display
            .picture()
            .get_pixel(SIZE.width / 2 + 200, SIZE.height / 2 - 40);
        middle.0 == [0x1d, 0x22, 0x2a, 255]
    };
    assert!(wait_until(PATIENCE, is_card));
    sleep(Duration::from_millis(500));
    assert!(viewer.is_running());
    let mut options = DemoOptions {
        bind: address,
        ..still_desktop()
    };
    if let Some(credentials) = &mut options.credentials {
        credentials.password = oriel_protocol::secret::Secret::new(password);
    }
    let (_server, _) = start(options);
    display.xdotool(&["key", "Return"]);
    display.wait_for(&drawn_here(SIZE));
    display.xdotool(&["key", "alt+F4"]);
    assert!(wait_until(PATIENCE, || !viewer.is_running()));
    viewer.wait().succeeded();
}

#[test]
fn a_window_without_any_driver_ends_with_what_to_do_instead() {
    let Some(display) = Display::start(&screen_size()) else {
        return;
    };
    let (server, password) = start(still_desktop());
    let ran = Viewer::connect_in_window(&server, &password)
        .args(&["--cert", "ignore", "--compositor", "gpu"])
        .env("VK_DRIVER_FILES", "/nonexistent")
        .env("__EGL_VENDOR_LIBRARY_FILENAMES", "/nonexistent")
        .display(&display.name)
        .run();
    assert_eq!(ran.code, 51, "{}", ran.stderr);
    assert!(ran.stderr.contains("--compositor cpu"), "{}", ran.stderr);
}
