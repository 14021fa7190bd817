//! A thin and bad link on one machine: a network namespace at the end of a line that has a rate, a
//! delay, a queue and losses.
//!
//! ```text
//!  this machine        Lane down: queue, rate, loss, delay        namespace
//!  10.77.N.1  ── tun ───▶ ───────────────────────────────▶ ─── tun ── 10.77.N.2
//!  servers             ◀─ ─────────────────────────────── ◀───          clients
//!                       Lane up
//! ```
//!
//! Both ends are TUN devices, and what goes through is whole IP packets: TCP sees the losses and
//! the queue as it would on a real line, and answers as it would. Kernels have this in `netem`, if
//! they are built with it; a line of our own is there on every kernel with TUN, and it can promise
//! more: which packets are lost is a matter of the seed and of nothing else, so each client that is
//! measured has the same luck.
//!
//! Making one takes root's rights and `ip` from iproute2.

mod lane;
mod tun;

use std::{
    fmt,
    fs::File,
    io::{self, Write as _},
    net::Ipv4Addr,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub use lane::{LaneFigures, LineQuality};

use lane::Lane;

/// What the kernels at both ends take for the size of a packet.
const PACKET_BYTES: usize = 1500;
/// Packets between the two threads of a direction: more than any queue holds.
const PACKETS_UNDER_WAY: usize = 16 * 1024;

/// An emulated line that ends in a namespace; gone when dropped.
#[derive(Debug)]
pub struct Link {
    namespace: String,
    near: Ipv4Addr,
    is_stopped: Arc<AtomicBool>,
    down: Arc<Mutex<Lane>>,
    up: Arc<Mutex<Lane>>,
    threads: Vec<JoinHandle<()>>,
}

/// Bytes and packets that went either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Towards the namespace.
    pub down: LaneFigures,
    /// From it.
    pub up: LaneFigures,
}

impl Traffic {
    /// What went since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            down: self.down.since(&earlier.down),
            up: self.up.since(&earlier.up),
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { down, up } = self;
        write!(f, "down {down}, up {up}")
    }
}

impl Link {
    /// Makes a line of this quality in both directions. `number` tells it from other lines on this
    /// machine.
    ///
    /// # Errors
    /// Where the rights, `/dev/net/tun` or `ip` are missing.
    pub fn start(number: u8, quality: LineQuality, seed: u64) -> io::Result<Self> {
        let namespace = format!("oriel-link-{number}");
        let near = Ipv4Addr::new(10, 77, number, 1);
        let far = Ipv4Addr::new(10, 77, number, 2);
        let devices = [format!("oriel{number}near"), format!("oriel{number}far")];

        // One that a killed run has left.
        let _ = ip(&format!("netns del {namespace}"));
        ip(&format!("netns add {namespace}"))?;
        let link = Self {
            namespace,
            near,
            is_stopped: Arc::default(),
            down: Arc::new(Mutex::new(Lane::new(quality, seed))),
            up: Arc::new(Mutex::new(Lane::new(quality, seed ^ u64::MAX))),
            threads: Vec::new(),
        };
        // From here on the namespace goes away with `link`, whatever fails.
        let [near_end, far_end] = [&devices[0], &devices[1]].map(|name| tun::open(name));
        link.with_ends(near_end?, far_end?, &devices, far)
    }

    fn with_ends(
        mut self,
        near_end: File,
        far_end: File,
        devices: &[String; 2],
        far: Ipv4Addr,
    ) -> io::Result<Self> {
        let (namespace, near) = (&self.namespace, self.near);
        let [near_device, far_device] = devices;
        ip(&format!("link set {far_device} netns {namespace}"))?;
        ip(&format!("addr add {near} peer {far} dev {near_device}"))?;
        ip(&format!("link set {near_device} up"))?;
        let inside = format!("-n {namespace}");
        ip(&format!("{inside} link set lo up"))?;
        ip(&format!(
            "{inside} addr add {far} peer {near} dev {far_device}"
        ))?;
        ip(&format!("{inside} link set {far_device} up"))?;
        // What Linux and Windows come with: whatever else this machine prefers is not the question.
        ip(&format!(
            "route change {far} dev {near_device} congctl cubic"
        ))?;
        ip(&format!(
            "{inside} route change {near} dev {far_device} congctl cubic"
        ))?;
        for (name, lane, from, to) in [
            ("down", &self.down, &near_end, &far_end),
            ("up", &self.up, &far_end, &near_end),
        ] {
            let (sender, receiver) = mpsc::sync_channel(PACKETS_UNDER_WAY);
            let (lane, from, to) = (lane.clone(), from.try_clone()?, to.try_clone()?);
            let is_stopped = self.is_stopped.clone();
            let build = |end| thread::Builder::new().name(format!("link-{name}-{end}"));
            self.threads
                .push(build("in").spawn(move || take_in(from, &lane, &sender, &is_stopped))?);
            self.threads
                .push(build("out").spawn(move || give_out(to, &receiver))?);
        }
        Ok(self)
    }

    /// The address of this machine as seen from the namespace: where servers listen.
    pub fn server_address(&self) -> Ipv4Addr {
        self.near
    }

    /// The same command, run at the far end.
    pub fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside
            .args(["netns", "exec", &self.namespace])
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// What went through so far.
    pub fn traffic(&self) -> Traffic {
        let figures = |lane: &Mutex<Lane>| *locked(lane).figures();
        Traffic {
            down: figures(&self.down),
            up: figures(&self.up),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        // Readers wake at the next packet or, where none comes, when their device goes.
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
        let _ = ip(&format!("netns del {}", self.namespace));
    }
}

type Packet = (Instant, Vec<u8>);

/// Reads packets at one end and settles when each arrives at the other.
fn take_in(mut from: File, lane: &Mutex<Lane>, out: &SyncSender<Packet>, is_stopped: &AtomicBool) {
    let mut buffer = [0; PACKET_BYTES];
    while !is_stopped.load(Ordering::Relaxed) {
        let length = match tun::read_within(&mut from, &mut buffer, Duration::from_millis(100)) {
            Ok(Some(length)) => length,
            Ok(None) => continue,
            Err(error) => {
                eprintln!("the link is down: {error}");
                return;
            }
        };
        let Some(due) = locked(lane).accept(Instant::now(), length) else {
            continue;
        };
        if out.send((due, buffer[..length].to_vec())).is_err() {
            return;
        }
    }
}

/// Writes packets at the other end when they are due. The lane keeps their order.
fn give_out(mut to: File, packets: &Receiver<Packet>) {
    while let Ok((due, packet)) = packets.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // A device that is going down takes no more.
        let _ = to.write_all(&packet);
    }
}

fn locked(lane: &Mutex<Lane>) -> std::sync::MutexGuard<'_, Lane> {
    lane.lock().expect("no thread panics with the lock")
}

fn ip(arguments: &str) -> io::Result<()> {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("ip {arguments}: {}", said.trim())))
}
