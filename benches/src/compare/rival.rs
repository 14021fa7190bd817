//! The clients that are compared: where they are, and how each is asked for the same thing.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use oriel_codecs::Size;
use oriel_server::replay::ReplayCodec;

use super::process::Process;

/// Who signs in where the server wants to know.
pub const USER: &str = "bench";
/// And with what: on loopback, for a server that shows nothing of value.
pub const PASSWORD: &str = "bench-Pass1";

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Ours.
    Oriel,
    /// FreeRDP 2 on X11.
    XFreeRdp2,
    /// FreeRDP 3 on X11.
    XFreeRdp3,
    /// FreeRDP 3 on SDL.
    SdlFreeRdp3,
    /// IronRDP's viewer.
    IronRdp,
}

impl Kind {
    /// All of them, ours first.
    pub const ALL: [Self; 5] = [
        Self::Oriel,
        Self::XFreeRdp2,
        Self::XFreeRdp3,
        Self::SdlFreeRdp3,
        Self::IronRdp,
    ];

    /// Its name in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Oriel => "oriel",
            Self::XFreeRdp2 => "xfreerdp2",
            Self::XFreeRdp3 => "xfreerdp3",
            Self::SdlFreeRdp3 => "sdl-freerdp3",
            Self::IronRdp => "ironrdp-viewer",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Oriel => "oriel",
            Self::XFreeRdp2 => "xfreerdp",
            other => other.name(),
        }
    }

    /// Why it cannot show a codec, if it cannot.
    pub fn lacks(self, codec: ReplayCodec) -> Option<&'static str> {
        (self == Self::IronRdp && codec.is_pipeline()).then_some("it has no graphics pipeline")
    }
}

/// How the server is to be signed in to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS alone.
    Tls,
    /// TLS with CredSSP.
    Nla,
}

/// What a client is asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The server.
    pub address: SocketAddr,
    /// Size of the desktop.
    pub size: Size,
    /// The graphics that it is to offer.
    pub codec: ReplayCodec,
    /// How to sign in.
    pub security: Security,
    /// As whom, and with what password.
    pub login: (String, String),
}

impl Ask {
    /// As the user of the replay server.
    pub fn new(address: SocketAddr, size: Size, codec: ReplayCodec, security: Security) -> Self {
        Self {
            address,
            size,
            codec,
            security,
            login: (USER.to_owned(), PASSWORD.to_owned()),
        }
    }
}

/// A client on this machine.
#[derive(Clone, Debug)]
pub struct Rival {
    /// Which.
    pub kind: Kind,
    /// Its version, as it tells.
    pub version: String,
    program: PathBuf,
    /// The folder that is its file system's root.
    root: Option<PathBuf>,
}

/// A client that is not on this machine, and why.
#[derive(Clone, Debug)]
pub struct Missing {
    /// Which.
    pub kind: Kind,
    /// Why.
    pub reason: String,
}

/// Where clients are looked for.
#[derive(Clone, Debug)]
pub struct Places {
    /// Ours.
    pub oriel: PathBuf,
    /// The root of a file system that has FreeRDP 3.
    pub freerdp3_root: Option<PathBuf>,
    /// Where `cargo install` put IronRDP's viewer.
    pub ironrdp: PathBuf,
    /// The lab of real servers.
    pub lab: Option<PathBuf>,
}

impl Rival {
    /// Looks for a client.
    pub fn find(kind: Kind, places: &Places) -> Result<Self, Missing> {
        let missing = |reason: String| Missing { kind, reason };
        let (root, program) = match kind {
            Kind::Oriel => (None, places.oriel.clone()),
            Kind::XFreeRdp2 => (None, PathBuf::from("/usr/bin/xfreerdp")),
            Kind::IronRdp => (None, places.ironrdp.clone()),
            Kind::XFreeRdp3 | Kind::SdlFreeRdp3 => {
                let root = places.freerdp3_root.clone().ok_or_else(|| {
                    missing("the lab's chroot is not there, or this is not root".to_owned())
                })?;
                (Some(root), Path::new("/usr/bin").join(kind.program()))
            }
        };
        let seen = match &root {
            Some(root) => root.join(program.strip_prefix("/").unwrap_or(&program)),
            None => program.clone(),
        };
        if !seen.exists() {
            return Err(missing(format!("{} is not there", seen.display())));
        }
        let mut rival = Self {
            kind,
            version: String::new(),
            program,
            root,
        };
        rival.version = rival.ask_version();
        Ok(rival)
    }

    fn ask_version(&self) -> String {
        // FreeRDP 2 wants a display before it tells its version; the package knows it as well.
        let said = match self.kind {
            Kind::XFreeRdp2 => Command::new("dpkg-query")
                .args(["--show", "--showformat", "${Version}", "freerdp2-x11"])
                .output(),
            _ => self.command().arg("--version").output(),
        };
        let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let said = said.unwrap_or_default();
        said.split_whitespace()
            .map(|word| word.trim_start_matches(['v', '(']))
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
            .map_or_else(|| "of unknown version".to_owned(), str::to_owned)
    }

    /// Its name and version.
    pub fn title(&self) -> String {
        format!("{} {}", self.kind.name(), self.version)
    }

    /// Every client is started through `chroot`, so that the step costs all of them the same.
    fn command(&self) -> Command {
        let root = self.root.as_deref().unwrap_or(Path::new("/"));
        // Only root may: without it there is no client in a root of its own either.
        let mut command = if is_root() {
            let mut command = Command::new("/usr/sbin/chroot");
            command.arg(root).arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        command
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("ORIEL_PASSWORD");
        command
    }

    /// The command that shows a desktop in a window. What it writes goes to `home`, which is the
    /// same folder in every root.
    pub fn connect(&self, ask: &Ask, display: &str, home: &Path) -> Command {
        let mut command = self.command();
        command.env("DISPLAY", display).env("HOME", home);
        command.env("XDG_CONFIG_HOME", home.join("config"));
        command.env("XDG_CACHE_HOME", home.join("cache"));
        command.env_remove("XDG_RUNTIME_DIR");
        match self.kind {
            Kind::Oriel => oriel(&mut command, ask),
            Kind::IronRdp => ironrdp(&mut command, ask, home),
            Kind::XFreeRdp2 | Kind::XFreeRdp3 | Kind::SdlFreeRdp3 => {
                freerdp(&mut command, self.kind, ask);
            }
        }
        command
    }

    /// Starts it on a screen.
    pub fn launch(&self, ask: &Ask, display: &str, home: &Path) -> Result<Process> {
        fs::create_dir_all(home)?;
        let log = home.join("log");
        Process::start(&mut self.connect(ask, display, home), &log)
    }
}

/// True where this process may change its root.
pub fn is_root() -> bool {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

fn oriel(command: &mut Command, ask: &Ask) {
    let graphics = match ask.codec {
        ReplayCodec::Bitmap => "off",
        ReplayCodec::Planar | ReplayCodec::Progressive => "progressive",
        ReplayCodec::RemoteFx => "rfx",
        ReplayCodec::Avc420 | ReplayCodec::Avc444v2 => "avc444",
    };
    let security = match ask.security {
        Security::Tls => "tls",
        Security::Nla => "nla",
    };
    command
        .args(["connect", &ask.address.to_string()])
        .args(["--user", &ask.login.0, "--cert", "ignore"])
        .args(["--gfx", graphics, "--security", security])
        .args(["--size", &size_text(ask.size)])
        .env("ORIEL_PASSWORD", &ask.login.1);
}

fn freerdp(command: &mut Command, kind: Kind, ask: &Ask) {
    command
        .arg(format!("/v:{}", ask.address))
        .arg(format!("/u:{}", ask.login.0))
        .arg(format!("/p:{}", ask.login.1))
        .arg(format!("/size:{}", size_text(ask.size)))
        .args(["/cert:ignore", "/log-level:WARN", "/bpp:32", "/network:lan"])
        .args(["-grab-keyboard", "-decorations"])
        .arg(match ask.security {
            Security::Tls => "/sec:tls",
            Security::Nla => "/sec:nla",
        });
    match (ask.codec, kind) {
        (ReplayCodec::Bitmap, _) => command.arg("-gfx"),
        (ReplayCodec::Planar, _) => command.arg("/gfx"),
        (ReplayCodec::RemoteFx, _) => command.arg("/gfx:RFX"),
        (ReplayCodec::Progressive, Kind::XFreeRdp2) => command.arg("+gfx-progressive"),
        (ReplayCodec::Progressive, _) => command.arg("/gfx:progressive"),
        (ReplayCodec::Avc420 | ReplayCodec::Avc444v2, Kind::XFreeRdp2) => {
            command.arg("/gfx-h264:AVC444")
        }
        (ReplayCodec::Avc420 | ReplayCodec::Avc444v2, _) => command.arg("/gfx:AVC444:on"),
    };
}

fn ironrdp(command: &mut Command, ask: &Ask, home: &Path) {
    command
        .arg(ask.address.to_string())
        .args(["--username", &ask.login.0, "--password", &ask.login.1])
        .args(["--desktop-width", &ask.size.width.to_string()])
        .args(["--desktop-height", &ask.size.height.to_string()])
        .args(["--color-depth", "32", "--clipboard-type", "disable"])
        .arg("--log-file")
        .arg(home.join("ironrdp.log"));
    match ask.security {
        Security::Tls => command.args(["--no-credssp", "--autologon"]),
        Security::Nla => command.arg("--no-tls"),
    };
}

fn size_text(size: Size) -> String {
    format!("{}x{}", size.width, size.height)
}
