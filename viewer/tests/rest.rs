//! A window that nothing happens in costs nothing. Where Xvfb is missing, that is not looked at.

#![cfg(target_os = "linux")]

// Each test program uses another part of it.
#[allow(dead_code)]
mod support;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use support::{Viewer, start, still_desktop, wait_until};

/// Programs that end with the test.
struct Helpers(Vec<Child>);

impl Drop for Helpers {
    fn drop(&mut self) {
        for process in &mut self.0 {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// How often each thread of a process went to sleep of its own accord, and so was woken.
fn sleeps(process: u32) -> BTreeMap<String, u64> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("procfs");
    let threads = tasks.filter_map(|task| {
        let path = task.ok()?.path();
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let status = std::fs::read_to_string(path.join("status")).ok()?;
        let count = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        let thread = path.file_name()?.to_string_lossy().into_owned();
        Some((
            format!("{} {thread}", name.trim()),
            count.trim().parse().ok()?,
        ))
    });
    threads.collect()
}

#[test]
fn no_thread_wakes_while_nothing_moves() {
    let server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1024x768x24"])
        .args(["-nolisten", "tcp", "-noreset"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut server) = server else {
        println!("skipped: there is no Xvfb");
        return;
    };
    let mut display = String::new();
    BufReader::new(server.stdout.take().expect("a pipe"))
        .read_line(&mut display)
        .expect("Xvfb tells its display");
    let display = format!(":{}", display.trim());
    let _helpers = Helpers(vec![server]);
    let (server, password) = start(still_desktop());
    let viewer = Viewer::connect_in_window(&server, &password)
        .args(&["--cert", "ignore", "--compositor", "cpu"])
        .display(&display)
        .spawn();
    // The server refines what it sent for a while, and what was drawn in a hurry is drawn well.
    let mut last = sleeps(viewer.id());
    let came_to_rest = wait_until(Duration::from_secs(40), || {
        std::thread::sleep(Duration::from_secs(2));
        let now = sleeps(viewer.id());
        let is_same = now == last;
        last = now;
        is_same && !last.is_empty()
    });
    assert!(came_to_rest, "{last:?}");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(sleeps(viewer.id()), last);
}
