//! Who is compared and how thoroughly, and a turn of one client.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use oriel_protocol::{
    secret::{Credentials, Secret},
    server::AcceptedSecurity,
};
use oriel_server::replay::{ReplayCodec, ReplayOptions, ReplayServer, Stage};

use super::{
    load::MachineLoad,
    process::Process,
    rival::{Ask, Kind, Missing, PASSWORD, Places, Rival, Security, USER},
    screen::Screen,
};

/// How long a client may take to show a picture.
const PICTURE_PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at the screen.
pub const LOOK_INTERVAL: Duration = Duration::from_micros(200);

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Extent {
    /// The short form.
    pub is_quick: bool,
    /// Only rows whose name holds this.
    pub only: Option<String>,
    /// Rounds, where they are not the scenario's own.
    pub rounds: Option<u32>,
    /// How long a film plays before memory is looked at.
    pub film: Duration,
}

/// Everything that scenarios share.
pub struct Bench {
    /// The clients that there are, ours first.
    pub rivals: Vec<Rival>,
    /// Those that there are not.
    pub missing: Vec<Missing>,
    extent: Extent,
    repository: PathBuf,
    /// For screenshots.
    folder: PathBuf,
    lab: Option<PathBuf>,
}

impl Bench {
    /// Looks for the clients.
    pub fn new(
        kinds: impl Iterator<Item = Kind>,
        places: &Places,
        repository: &Path,
        extent: Extent,
    ) -> Result<Self> {
        let (mut rivals, mut missing) = (Vec::new(), Vec::new());
        for kind in kinds {
            match Rival::find(kind, places) {
                Ok(rival) => rivals.push(rival),
                Err(one) => missing.push(one),
            }
        }
        for one in &missing {
            eprintln!("not compared: {}, as {}", one.kind.name(), one.reason);
        }
        let folder = repository.join("target/compare");
        fs::create_dir_all(&folder)?;
        Ok(Self {
            rivals,
            missing,
            extent,
            repository: repository.to_owned(),
            folder,
            lab: places.lab.clone(),
        })
    }

    /// The lab of real servers, where there is one and this process may start them.
    pub fn lab(&self) -> Option<&Path> {
        self.lab.as_deref()
    }

    /// The short form is wanted.
    pub fn is_quick(&self) -> bool {
        self.extent.is_quick
    }

    /// Whether a row of this name is wanted.
    pub fn wants(&self, row: &str) -> bool {
        self.extent
            .only
            .as_ref()
            .is_none_or(|only| row.contains(only.as_str()))
    }

    /// Rounds, where a scenario would do so many.
    pub fn rounds(&self, usual: u32) -> u32 {
        let usual = if self.is_quick() { 1 } else { usual };
        self.extent.rounds.unwrap_or(usual)
    }

    /// How long a film plays before memory is looked at.
    pub fn film(&self) -> Duration {
        if self.is_quick() {
            Duration::from_secs(5)
        } else {
            self.extent.film
        }
    }

    /// All clients in turn, beginning with another in each round.
    pub fn turns(&self, round: u32) -> impl Iterator<Item = (usize, &Rival)> {
        let count = self.rivals.len();
        (0..count).map(move |turn| {
            let index = (turn + round as usize) % count;
            (index, &self.rivals[index])
        })
    }

    /// Where a screenshot of this name goes; it is taken anew each time.
    pub fn shot(&self, parts: &[&str]) -> PathBuf {
        self.folder.join(format!("{}.png", parts.join("-")))
    }

    /// Names of the clients, for heads of tables.
    pub fn names(&self) -> Vec<String> {
        let names = self.rivals.iter().map(|rival| rival.kind.name().to_owned());
        names.collect()
    }

    /// Notes on the clients that are not there.
    pub fn absences(&self) -> Vec<String> {
        let missing = self.missing.iter();
        missing
            .map(|one| format!("{}: not compared, as {}.", one.kind.name(), one.reason))
            .collect()
    }

    /// Begins to watch the machine.
    pub fn conditions(&self) -> Conditions<'_> {
        Conditions {
            bench: self,
            load: MachineLoad::start(),
        }
    }
}

/// On what and when a scenario was measured.
pub struct Conditions<'a> {
    bench: &'a Bench,
    load: MachineLoad,
}

impl Conditions<'_> {
    /// In a sentence.
    pub fn told(&self) -> Result<String> {
        let said = |program: &str, arguments: &[&str]| -> Result<String> {
            let output = Command::new(program)
                .args(arguments)
                .current_dir(&self.bench.repository)
                .output()
                .with_context(|| program.to_owned())?;
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let titles: Vec<String> = self.bench.rivals.iter().map(Rival::title).collect();
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map_or("unknown", |line| line.trim_start_matches([' ', '\t', ':']));
        let (busy, count) = self.load.busy();
        Ok(format!(
            "*{} · commit {} · {} · {count} processors ({model}), {busy:.1} of them busy on average \
             while this was measured.*",
            said("date", &["--utc", "+%F %R UTC"])?,
            said("git", &["describe", "--always", "--dirty"])?,
            titles.join(", "),
        ))
    }
}

/// A client that shows a stage.
pub struct Turn {
    /// The client. Dropped first: it leaves before its server and screen do.
    pub process: Process,
    /// What it is shown.
    pub server: ReplayServer,
    /// Where it shows it.
    pub screen: Screen,
    _home: tempfile::TempDir,
}

impl Turn {
    /// Starts a server with a stage, a screen of the same size, and the client; waits until
    /// `is_right` finds what it looks for on the screen.
    ///
    /// # Errors
    /// Why there is no picture.
    pub fn begin(
        rival: &Rival,
        stage: Stage,
        codec: ReplayCodec,
        security: Security,
        is_right: impl Fn(&Screen) -> Result<bool>,
    ) -> Result<Self> {
        if let Some(reason) = rival.kind.lacks(codec) {
            return Err(anyhow!("{reason}"));
        }
        let size = stage.size();
        let mut options = ReplayOptions::new(stage);
        options.credentials = Some(Credentials {
            user: USER.to_owned(),
            domain: String::new(),
            password: Secret::new(PASSWORD),
        });
        options.security = AcceptedSecurity {
            tls: security == Security::Tls,
            nla: security == Security::Nla,
        };
        let server = ReplayServer::start(options)?;
        let screen = Screen::open(size)?;
        let home = tempfile::tempdir()?;
        let ask = Ask::new(server.address(), size, codec, security);
        let process = rival.launch(&ask, screen.display(), home.path())?;
        let mut turn = Self {
            process,
            server,
            screen,
            _home: home,
        };
        turn.wait_for_picture(is_right)?;
        Ok(turn)
    }

    fn wait_for_picture(&mut self, is_right: impl Fn(&Screen) -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + PICTURE_PATIENCE;
        let mut looks = 0_u32;
        while !is_right(&self.screen)? {
            // A window must be put in its place as soon as it is there.
            if looks.is_multiple_of(16) {
                self.screen.settle()?;
                if let Some(status) = self.process.ended()? {
                    return Err(anyhow!(
                        "it ended ({status}): {}",
                        self.process.last_words()
                    ));
                }
                if Instant::now() > deadline {
                    let refusal = self.server.control().refusal();
                    let why = refusal.unwrap_or_else(|| self.process.last_words());
                    return Err(anyhow!("it shows no picture: {why}"));
                }
            }
            looks += 1;
            thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }
}
