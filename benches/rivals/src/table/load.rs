//! How busy the machine is with other things.

use std::{
    fs,
    time::{Duration, Instant},
};

/// Since when it is watched.
#[derive(Debug)]
pub struct Load {
    start: Instant,
    busy: Duration,
    own: Duration,
}

impl Load {
    /// From now on.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
            busy: busy_time(),
            own: own_time(),
        }
    }

    /// How long it is watched.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Processors that other programs kept busy on average.
    pub fn others(&self) -> f64 {
        let busy = busy_time().saturating_sub(self.busy);
        let others = busy.saturating_sub(own_time().saturating_sub(self.own));
        others.as_secs_f64() / self.elapsed().as_secs_f64()
    }
}

/// Of all processors, since the system started.
fn busy_time() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace();
    let ticks: Vec<u64> = fields.skip(1).flat_map(str::parse).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal
    let busy = ticks.iter().take(8).enumerate();
    let busy: u64 = busy
        .filter(|(index, _)| !matches!(index, 3 | 4))
        .map(|(_, ticks)| ticks)
        .sum();
    // SAFETY: takes a name, returns a number.
    let a_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Duration::from_secs_f64(busy as f64 / a_second as f64)
}

/// Of all threads of this process, since it started.
pub fn own_time() -> Duration {
    // SAFETY: the clock exists wherever this is built, and the call fills the value.
    unsafe {
        let mut time = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}
