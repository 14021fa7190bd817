//! The viewer as a child process, and the demo desktop to connect it to.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use image::RgbaImage;
use oriel_codecs::{geometry::Size, picture::Picture};
use oriel_server::{
    demo::{DemoDesktop, DemoDesktopConfig, DemoOptions},
    service::Service,
};
use tempfile::TempDir;

/// Size of the desktop in tests: small, so that they are quick.
pub const SIZE: Size = Size::new(800, 600);

/// How long a viewer may run at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A demo desktop on which nothing moves by itself, for one user over TLS and NLA.
pub fn still_desktop() -> DemoOptions {
    DemoOptions {
        is_deterministic: true,
        ..DemoOptions::with_password()
    }
}

/// The same desktop drawn here.
pub fn drawn_here(size: Size) -> DemoDesktop {
    DemoDesktop::new(DemoDesktopConfig {
        size,
        is_deterministic: true,
        ..DemoDesktopConfig::default()
    })
}

/// Starts a demo server; its user's password comes along.
pub fn start(options: DemoOptions) -> (Service, String) {
    let password = options
        .credentials
        .as_ref()
        .map(|credentials| credentials.password.expose().to_owned());
    let server = oriel_server::demo::start(options).expect("a demo server starts");
    (server, password.unwrap_or_default())
}

/// A viewer to be run, with a folder of its own for what it writes.
pub struct Viewer {
    command: Command,
    password: String,
    folder: TempDir,
}

/// A viewer that ran.
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    folder: TempDir,
}

/// A viewer that runs; killed when dropped.
pub struct Running {
    child: Option<Child>,
    folder: Option<TempDir>,
}

impl Viewer {
    /// `oriel COMMAND…`, with nothing pinned and without a display.
    pub fn new<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_oriel"));
        command
            .args(arguments)
            .current_dir(folder.path())
            .env("ORIEL_KNOWN_HOSTS", folder.path().join("known_hosts"))
            .env_remove("ORIEL_PASSWORD")
            .env_remove("ORIEL_LOG")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET");
        Self {
            command,
            password: String::new(),
            folder,
        }
    }

    /// `oriel connect` to a demo server as its user, without a window.
    pub fn connect(server: &Service, password: &str) -> Self {
        let viewer = Self::connect_in_window(server, password);
        viewer.args(&["--headless", "--cert", "ignore"])
    }

    /// `oriel connect` to a demo server as its user.
    pub fn connect_in_window(server: &Service, password: &str) -> Self {
        let address = server.address().to_string();
        let mut viewer = Self::new(&["connect", &address, "--user", "demo", "--password-stdin"]);
        viewer.password = password.to_owned();
        viewer.args(&["--size", &format!("{}x{}", SIZE.width, SIZE.height)])
    }

    /// More arguments.
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Writes a screenshot, for [`Ran::screenshot`], and figures, for [`Ran::figures`].
    pub fn observed(self) -> Self {
        self.args(&["--screenshot", "shot.png", "--stats", "stats.json"])
    }

    /// The display that its window opens on.
    pub fn display(mut self, display: &str) -> Self {
        self.command.env("DISPLAY", display);
        self
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it.
    pub fn spawn(mut self) -> Running {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the viewer starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // One that fails before it reads the password closes the pipe.
        let _ = writeln!(stdin, "{}", self.password);
        Running {
            child: Some(child),
            folder: Some(self.folder),
        }
    }

    /// Runs it to its end.
    pub fn run(self) -> Ran {
        self.spawn().wait()
    }
}

impl Running {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("it was not waited for").id()
    }

    /// True while it runs.
    pub fn is_running(&mut self) -> bool {
        let child = self.child.as_mut().expect("it was not waited for");
        child.try_wait().expect("its state").is_none()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn wait(mut self) -> Ran {
        let deadline = Instant::now() + PATIENCE;
        while self.is_running() {
            assert!(Instant::now() < deadline, "the viewer does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        let child = self.child.take().expect("it was not waited for");
        let output = child.wait_with_output().expect("its output");
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            folder: self.folder.take().expect("its folder"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            // A test that fails shows what the viewer said.
            if let Ok(output) = child.wait_with_output() {
                print!("{}", String::from_utf8_lossy(&output.stderr));
            }
        }
    }
}

impl Ran {
    /// A file that it wrote.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The desktop's last picture.
    pub fn screenshot(&self) -> RgbaImage {
        open(&self.file("shot.png"))
    }

    /// The figures of the session.
    pub fn figures(&self) -> serde_json::Value {
        let text = std::fs::read_to_string(self.file("stats.json")).expect("the figures");
        serde_json::from_str(&text).expect("JSON")
    }

    /// It did what it was asked to.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }
}

/// A picture from a file.
pub fn open(file: &Path) -> RgbaImage {
    image::open(file)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        .into_rgba8()
}

/// A picture as the image library has it.
pub fn image_of(picture: &Picture) -> RgbaImage {
    let rgba = picture.data().chunks_exact(4);
    let rgba = rgba.flat_map(|p| [p[2], p[1], p[0], 255]).collect();
    let Size { width, height } = picture.size();
    RgbaImage::from_raw(width, height, rgba).expect("four bytes a pixel")
}

/// Peak signal to noise ratio over red, green and blue, in decibels; pictures of different sizes
/// have none in common.
pub fn psnr_db(a: &RgbaImage, b: &RgbaImage) -> f64 {
    if a.dimensions() != b.dimensions() {
        return 0.0;
    }
    let pairs = a.pixels().zip(b.pixels());
    let squares: u64 = pairs
        .flat_map(|(a, b)| (0..3).map(move |i| u64::from(a.0[i].abs_diff(b.0[i])).pow(2)))
        .sum();
    let mean = squares as f64 / (3.0 * f64::from(a.width()) * f64::from(a.height()));
    match mean {
        0.0 => f64::INFINITY,
        mean => 10.0 * (255.0 * 255.0 / mean).log10(),
    }
}

/// Waits for something to become true.
pub fn wait_until(limit: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if is_true() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    is_true()
}
