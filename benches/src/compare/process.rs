//! What a running client costs, as the system counts it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// A client that runs; killed when dropped.
pub struct Process {
    child: Child,
    started: Instant,
    log: PathBuf,
}

impl Process {
    /// Starts it, with what it says going to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let out = File::create(log)?;
        command
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out);
        let started = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("{command:?} does not start"))?;
        Ok(Self {
            child,
            started,
            log: log.to_owned(),
        })
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Just before it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The end of what it said.
    pub fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().rev().take(4).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }

    /// Processor time of all its threads, those that have ended included.
    pub fn cpu(&self) -> Result<Duration> {
        cpu_of(self.id())
    }

    /// How often its threads were put on a processor again after they had waited for something.
    pub fn wake_ups(&self) -> Result<u64> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            // A thread may end meanwhile.
            let status = fs::read_to_string(task?.path().join("status")).unwrap_or_default();
            sum += field(&status, "voluntary_ctxt_switches:").unwrap_or(0);
        }
        Ok(sum)
    }

    /// Memory that it has in use, and the most that it ever had, in bytes.
    pub fn memory(&self) -> Result<(u64, u64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let kib = |name| field(&status, name).unwrap_or(0);
        Ok((kib("VmRSS:") << 10, kib("VmHWM:") << 10))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first number behind a name in a file of `/proc`.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// Processor time of a process, to the nanosecond: `/proc` counts in steps of ten milliseconds.
pub fn cpu_of(id: u32) -> Result<Duration> {
    let mut clock = 0;
    // SAFETY: the pointer is to a live value, which the call does not keep.
    let failed = unsafe { libc::clock_getcpuclockid(id as libc::pid_t, &raw mut clock) };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(failed)).context("no processor clock");
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live value, which the call does not keep.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(io::Error::last_os_error()).context("no processor time");
    }
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_has_used_time_and_one_that_sleeps_has_not() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut busy = Command::new("sh");
        let busy = Process::start(busy.args(["-c", "while :; do :; done"]), &log).unwrap();
        let still = Process::start(Command::new("sleep").arg("9"), &log).unwrap();
        std::thread::sleep(Duration::from_millis(400));
        assert!(busy.cpu().unwrap() > Duration::from_millis(20));
        assert!(still.cpu().unwrap() < Duration::from_millis(20));
        assert!(still.memory().unwrap().0 > 0);
    }
}
