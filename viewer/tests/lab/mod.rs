//! The lab's servers and our viewer as child processes, and a ruler for pictures.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use image::RgbaImage;

/// The size that the lab's desktops have.
pub const SIZE: &str = "1280x800";

/// The folder of the lab, where there is one.
pub fn lab() -> Option<PathBuf> {
    let shared = std::env::var_os("ORIEL_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    shared.join("lab").canonicalize().ok()
}

/// A lab of a test's own, so that several tests can run servers beside one another.
struct Place {
    lab: PathBuf,
    /// Where the lab keeps what it knows of the servers.
    state: PathBuf,
    /// The X display of what the shadow servers share, `:N`.
    display: String,
    /// Where the server listens, if not at the port that the lab has for it.
    port: Option<u16>,
}

impl Place {
    /// The lab as the environment names it for a server that runs alone; for those that run beside
    /// others one that shares nothing but the installed servers.
    fn of(lab: &Path, server: &str) -> Self {
        let slot = std::env::var("NEXTEST_TEST_GROUP_SLOT").ok();
        let slot = slot.and_then(|slot| slot.parse::<u16>().ok());
        // What an xrdp and a shadow server have in common would be the desktop that one stops.
        let number = match slot {
            Some(slot) if !is_xrdp(server) => slot + 1,
            _ => 0,
        };
        let state = std::env::var("RDPLAB_STATE").unwrap_or_else(|_| "/tmp/rdplab".to_owned());
        let display = std::env::var("RDPLAB_DISPLAY").unwrap_or_else(|_| ":90".to_owned());
        let lab = lab.to_owned();
        match (number, display.trim_start_matches(':').parse::<u16>()) {
            (1.., Ok(screen)) => Self {
                lab,
                state: format!("{state}-{number}").into(),
                display: format!(":{}", screen + number),
                port: Some(FIRST_PORT + screen + number),
            },
            _ => Self {
                lab,
                state: state.into(),
                display,
                port: None,
            },
        }
    }

    /// A program of the lab.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.lab.join(name));
        command
            .env("RDPLAB_STATE", &self.state)
            .env("RDPLAB_DISPLAY", &self.display);
        if let Some(port) = self.port {
            command.env("RDPLAB_PORT", port.to_string());
        }
        command
    }
}

/// Below every port that the servers of a test's own lab listen at; the display's number is added.
const FIRST_PORT: u16 = 33_000;

/// Whether a server of the lab makes a desktop for each session, rather than show one to all.
fn is_xrdp(server: &str) -> bool {
    server.starts_with("xrdp")
}

/// A server of the lab that runs until it is dropped.
pub struct Peer {
    place: Place,
    name: &'static str,
    /// `host:port`.
    pub address: String,
    user: String,
    password: String,
}

impl Peer {
    /// Installs and starts a server in mode `idle`.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(lab: &Path, name: &'static str) -> Self {
        let place = Place::of(lab, name);
        succeed(place.program("peer").args([name, "install"]));
        succeed(place.program("peer").args([name, "stop"]));
        let ready = succeed(place.program("peer").args([name, "start"]));
        let words: Vec<&str> = ready
            .lines()
            .find_map(|line| line.strip_prefix("READY "))
            .expect("a READY line")
            .split(' ')
            .collect();
        let running = Self {
            place,
            name,
            address: format!("{}:{}", words[0], words[1]),
            user: words[2].to_owned(),
            password: words[3].to_owned(),
        };
        running.set_mode("idle");
        // The programs of a desktop that was just started still draw for a while, and a video
        // encoder spends its bits on that.
        sleep(Duration::from_secs(2));
        running
    }

    fn is_xrdp(&self) -> bool {
        is_xrdp(self.name)
    }

    /// What moves on the desktop: `idle`, `typing`, `scroll` or `video`.
    pub fn set_mode(&self, mode: &str) {
        succeed(self.place.program("peer").args([self.name, "mode", mode]));
        if !self.is_xrdp() {
            succeed(self.place.program("desktop").args(["mode", mode]));
        }
    }

    fn state(&self) -> PathBuf {
        let Place { state, display, .. } = &self.place;
        if self.is_xrdp() {
            return state.join(self.name);
        }
        state.join(format!("desktop{}", display.trim_start_matches(':')))
    }

    /// What was typed into the desktop so far.
    pub fn typed(&self) -> String {
        let folder = if self.is_xrdp() { "session" } else { "work" };
        std::fs::read_to_string(self.state().join(folder).join("typed.txt")).unwrap_or_default()
    }

    /// The server's own screenshot of its desktop.
    pub fn truth(&self, file: &Path) -> RgbaImage {
        succeed(&mut self.screenshot(file));
        open(file)
    }

    /// The same, where the session may not be there yet.
    pub fn try_truth(&self, file: &Path) -> Option<RgbaImage> {
        let output = self.screenshot(file).output().ok()?;
        output.status.success().then(|| open(file))
    }

    fn screenshot(&self, file: &Path) -> Command {
        let mut command;
        if self.is_xrdp() {
            command = Command::new("bash");
            command
                .args(["-c", SESSION_SCREENSHOT, "bash"])
                .arg(self.state());
        } else {
            command = self.place.program("desktop");
            command.arg("shot");
        }
        command.arg(file);
        command
    }

    /// The viewer, told to connect here; more arguments may follow.
    pub fn viewer(&self) -> Viewer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oriel"));
        command
            .args([
                "connect",
                &self.address,
                "--user",
                &self.user,
                "--password-stdin",
            ])
            .args(["--cert", "ignore", "--size", SIZE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Viewer {
            command,
            password: self.password.clone(),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let place = &self.place;
        let _ = place.program("peer").args([self.name, "stop"]).output();
        if !self.is_xrdp() {
            let _ = place.program("desktop").arg("stop").output();
        }
    }
}

/// Takes a picture of the X server that belongs to the session of an xrdp: the newest of those that
/// run below the process of the peer, whose files are seen through its own root.
const SESSION_SCREENSHOT: &str = r#"
set -eu
state=$1 file=$2
for pid in $(pgrep -x Xorg | sort -rn); do
    grep -q " $state/etc " "/proc/$pid/mountinfo" || continue
    display=$(tr '\0' '\n' <"/proc/$pid/cmdline" | grep -m1 '^:[0-9]')
    socket=/tmp/.X11-unix/X${display#:}
    [ -S "$socket" ] || ln -sf "/proc/$pid/root$socket" "$socket"
    # Where there is no such file, the server asks for none.
    export XAUTHORITY=/proc/$pid/cwd/.Xauthority
    DISPLAY=$display import -window root "$file" && exit 0
done
echo "no session of $state is running" >&2
exit 1
"#;

/// A viewer about to be started.
pub struct Viewer {
    command: Command,
    password: String,
}

impl Viewer {
    /// One more argument.
    pub fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// More arguments.
    pub fn args<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.command.args(arguments);
        self
    }

    /// The display that its window opens on.
    pub fn display(mut self, display: &str) -> Self {
        self.command
            .env("DISPLAY", display)
            .env_remove("WAYLAND_DISPLAY");
        self
    }

    /// Starts it and hands it the password.
    pub fn spawn(mut self) -> Child {
        let mut child = self.command.spawn().expect("the viewer starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        writeln!(stdin, "{}", self.password).expect("the viewer reads the password");
        child
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// Where it fails.
    pub fn run(self) -> Output {
        let output = self.spawn().wait_with_output().expect("the viewer ends");
        assert!(
            output.status.success(),
            "the viewer failed: {}",
            text(&output)
        );
        output
    }
}

/// An X server without a screen, until it is dropped.
pub struct VirtualDisplay {
    /// `:N`.
    pub name: String,
    server: Child,
}

impl VirtualDisplay {
    /// Starts Xvfb on a display that is free.
    pub fn start(size: &str) -> Self {
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                // Else it starts anew whenever its last client leaves.
                "-noreset",
                "-screen",
                "0",
                &format!("{size}x24"),
                "-nolisten",
                "tcp",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is installed by ./dev test");
        let mut number = String::new();
        let stdout = server.stdout.take().expect("a pipe");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut number)
            .expect("Xvfb tells its display");
        Self {
            name: format!(":{}", number.trim()),
            server,
        }
    }

    /// Has windows managed by openbox until what this returns is dropped. A window that is opened
    /// while the manager starts may never be shown.
    pub fn manage(&self) -> Killed {
        let manager = Command::new("openbox")
            .env("DISPLAY", &self.name)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let manager = Killed(manager.expect("openbox is installed by ./dev test"));
        let is_ready = wait_until(Duration::from_secs(10), || {
            let output = Command::new("xdotool")
                .env("DISPLAY", &self.name)
                .arg("get_num_desktops")
                .output()
                .expect("xdotool is installed by ./dev test");
            output.status.success()
        });
        assert!(is_ready, "openbox runs");
        manager
    }

    /// Changes the size of the viewer's window.
    pub fn resize_window(&self, width: u32, height: u32) {
        self.xdotool(&[
            "windowsize",
            "--sync",
            "%1",
            &width.to_string(),
            &height.to_string(),
        ]);
    }

    /// Width and height of the viewer's window.
    pub fn window_size(&self) -> (u32, u32) {
        let text = self.xdotool(&["getwindowgeometry", "--shell", "%1"]);
        let value = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.parse().ok())
                .unwrap_or_default()
        };
        (value("WIDTH="), value("HEIGHT="))
    }

    /// What stands in the viewer's window, its frame left out.
    pub fn window_picture(&self, file: &Path) -> RgbaImage {
        let text = self.xdotool(&["getwindowgeometry", "--shell", "%1"]);
        let window = text.lines().find_map(|line| line.strip_prefix("WINDOW="));
        succeed(
            Command::new("import")
                .args(["-display", &self.name, "-window", window.unwrap_or("root")])
                .arg(file),
        );
        open(file)
    }

    fn xdotool(&self, action: &[&str]) -> String {
        let output = Command::new("xdotool")
            .env("DISPLAY", &self.name)
            .args(["search", "--onlyvisible", "--class", "oriel"])
            .args(action)
            .output()
            .expect("xdotool is installed by ./dev test");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What it shows.
    pub fn screenshot(&self, file: &Path) -> RgbaImage {
        succeed(
            Command::new("import")
                .args(["-display", &self.name, "-window", "root"])
                .arg(file),
        );
        open(file)
    }
}

/// A process that ends with the test.
pub struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for VirtualDisplay {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Resident memory of a process, in KiB.
pub fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        })
        .unwrap_or_default()
}

/// Peak signal to noise ratio over red, green and blue, in decibels; pictures of different sizes
/// have none in common.
pub fn psnr_db(a: &RgbaImage, b: &RgbaImage) -> f64 {
    if a.dimensions() != b.dimensions() {
        return 0.0;
    }
    let squares: u64 = a
        .pixels()
        .zip(b.pixels())
        .flat_map(|(a, b)| (0..3).map(move |i| u64::from(a.0[i].abs_diff(b.0[i])).pow(2)))
        .sum();
    let mean = squares as f64 / (3.0 * f64::from(a.width()) * f64::from(a.height()));
    if mean == 0.0 {
        f64::INFINITY
    } else {
        10.0 * (255.0 * 255.0 / mean).log10()
    }
}

/// Waits for something to become true.
pub fn wait_until(limit: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if is_true() {
            return true;
        }
        sleep(Duration::from_millis(200));
    }
    is_true()
}

/// A picture from a file.
pub fn open(file: &Path) -> RgbaImage {
    image::open(file)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        .into_rgba8()
}

/// Runs a command and returns what it printed.
fn succeed(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
