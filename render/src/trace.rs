//! A timeline in a file: what each thread did and when, and each frame's way through it.
//!
//! The format is Chrome's trace events as a JSON array, which Perfetto opens. Whoever has measured
//! something puts it in a bounded queue and goes on; a thread of its own writes it down. Where the
//! disk cannot keep up, events are left out and counted, and nothing waits.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use parking_lot::Mutex;

/// Events that wait to be written, at most: the memory that a trace takes.
const MAX_WAITING: usize = 16 * 1024;

/// A file that a timeline is written to. Handles are cheap to clone.
#[derive(Clone, Debug)]
pub struct Trace {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    sender: Sender<Event>,
    origin: Instant,
    left_out: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

#[derive(Debug)]
enum Event {
    /// A thread that was not heard of before.
    Thread { thread: u32, name: String },
    /// A thread's work; slices of one thread lie one after the other or one in the other.
    Slice {
        thread: u32,
        name: &'static str,
        argument: Option<(&'static str, u64)>,
        start: Instant,
        end: Instant,
    },
    /// A part of a way through several threads; ways overlap.
    Stage {
        of: &'static str,
        id: u32,
        name: &'static str,
        start: Instant,
        end: Instant,
    },
    /// The file ends.
    End,
}

/// This thread's number in traces.
fn thread_number() -> (u32, bool) {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    thread_local! {
        static NUMBER: Cell<Option<u32>> = const { Cell::new(None) };
    }
    NUMBER.with(|number| match number.get() {
        Some(number) => (number, false),
        None => {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            number.set(Some(next));
            (next, true)
        }
    })
}

impl Trace {
    /// Begins a trace; a file that is there is overwritten.
    ///
    /// # Errors
    /// Where the file cannot be written, or there is no thread for it.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::to(BufWriter::new(File::create(path)?), MAX_WAITING)
    }

    fn to(out: impl Write + Send + 'static, max_waiting: usize) -> io::Result<Self> {
        let (sender, events) = bounded(max_waiting);
        let origin = Instant::now();
        let left_out = Arc::new(AtomicU64::new(0));
        let counted = left_out.clone();
        let writer = std::thread::Builder::new()
            .name("oriel-trace".into())
            .spawn(move || write(out, &events, origin, &counted))?;
        let shared = Shared {
            sender,
            origin,
            left_out,
            writer: Mutex::new(Some(writer)),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// This thread did something from `start` to `end`.
    pub fn slice(
        &self,
        name: &'static str,
        start: Instant,
        end: Instant,
        argument: Option<(&'static str, u64)>,
    ) {
        let (thread, is_new) = thread_number();
        if is_new {
            let name = std::thread::current()
                .name()
                .unwrap_or("unnamed")
                .to_owned();
            self.put(Event::Thread { thread, name });
        }
        self.put(Event::Slice {
            thread,
            name,
            argument,
            start,
            end,
        });
    }

    /// Frame, or whatever else goes its way, number `id` was in a stage of it from `start` to
    /// `end`.
    pub fn stage(
        &self,
        of: &'static str,
        id: u32,
        name: &'static str,
        start: Instant,
        end: Instant,
    ) {
        self.put(Event::Stage {
            of,
            id,
            name,
            start,
            end,
        });
    }

    fn put(&self, event: Event) {
        if self.shared.sender.try_send(event).is_err() {
            self.shared.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what is left and ends the file; later events are not taken.
    ///
    /// # Errors
    /// The first thing that went wrong in writing.
    pub fn finish(&self) -> io::Result<()> {
        let Some(writer) = self.shared.writer.lock().take() else {
            return Ok(());
        };
        // Fails where the writer has given up: then it tells why.
        let _ = self.shared.sender.send(Event::End);
        writer
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the writer of the trace panicked")))
    }

    /// The time that counts as 0.
    pub fn origin(&self) -> Instant {
        self.shared.origin
    }
}

/// Writes events until the last; what is written is in the file whenever none waits.
fn write(
    mut out: impl Write,
    events: &Receiver<Event>,
    origin: Instant,
    left_out: &AtomicU64,
) -> io::Result<()> {
    let pid = std::process::id();
    write!(
        out,
        r#"[{{"ph":"M","pid":{pid},"name":"process_name","args":{{"name":"oriel"}}}}"#
    )?;
    loop {
        let event = match events.try_recv() {
            Ok(event) => event,
            Err(TryRecvError::Empty) => {
                out.flush()?;
                match events.recv() {
                    Ok(event) => event,
                    Err(_) => break,
                }
            }
            Err(TryRecvError::Disconnected) => break,
        };
        match event {
            Event::Thread { thread, name } => write!(
                out,
                ",\n{{\"ph\":\"M\",\"pid\":{pid},\"tid\":{thread},\"name\":\"thread_name\",\
                 \"args\":{{\"name\":{}}}}}",
                quoted(&name)
            )?,
            Event::Slice {
                thread,
                name,
                argument,
                start,
                end,
            } => {
                write!(
                    out,
                    ",\n{{\"ph\":\"X\",\"pid\":{pid},\"tid\":{thread},\"name\":\"{name}\",\
                     \"ts\":{},\"dur\":{}",
                    Micros(start.saturating_duration_since(origin)),
                    Micros(end.saturating_duration_since(start)),
                )?;
                if let Some((key, value)) = argument {
                    write!(out, ",\"args\":{{\"{key}\":{value}}}")?;
                }
                out.write_all(b"}")?;
            }
            Event::Stage {
                of,
                id,
                name,
                start,
                end,
            } => {
                for (phase, at) in [('b', start), ('e', end.max(start))] {
                    write!(
                        out,
                        ",\n{{\"ph\":\"{phase}\",\"cat\":\"{of}\",\"id\":{id},\"pid\":{pid},\
                         \"tid\":0,\"name\":\"{name}\",\"ts\":{}}}",
                        Micros(at.saturating_duration_since(origin)),
                    )?;
                }
            }
            Event::End => break,
        }
    }
    let left_out = left_out.load(Ordering::Relaxed);
    write!(
        out,
        ",\n{{\"ph\":\"M\",\"pid\":{pid},\"name\":\"left_out\",\"args\":{{\"events\":{left_out}}}}}]\n"
    )?;
    out.flush()
}

/// Microseconds with the nanoseconds behind the point.
struct Micros(Duration);

impl std::fmt::Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ns = self.0.as_nanos();
        write!(f, "{}.{:03}", ns / 1000, ns % 1000)
    }
}

/// A text of JSON.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                quoted += &format!("\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that is slow, or full.
    #[derive(Clone, Default)]
    struct Disk {
        bytes: Arc<Mutex<Vec<u8>>>,
        is_full: bool,
        gate: Option<Receiver<()>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(gate) = &self.gate {
                // The gate opens for good when its other end is gone.
                let _ = gate.recv();
            }
            if self.is_full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.bytes.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Disk {
        fn text(&self) -> String {
            String::from_utf8(self.bytes.lock().clone()).expect("text")
        }
    }

    #[test]
    fn slices_carry_their_threads_name_and_their_times() {
        let disk = Disk::default();
        let trace = Trace::to(disk.clone(), 16).unwrap();
        let start = trace.origin() + Duration::from_nanos(1_500);
        let (traced, end) = (trace.clone(), start + Duration::from_micros(20));
        std::thread::Builder::new()
            .name("a \"thread\"".into())
            .spawn(move || traced.slice("work", start, end, Some(("bytes", 7))))
            .unwrap()
            .join()
            .unwrap();
        trace.stage("frame", 5, "decode", start, end);
        trace.finish().unwrap();
        let text = disk.text();
        assert!(text.starts_with('[') && text.ends_with("]\n"), "{text}");
        assert!(text.contains(r#""args":{"name":"a \"thread\""}"#), "{text}");
        let times = r#""name":"work","ts":1.500,"dur":20.000,"args":{"bytes":7}"#;
        assert!(text.contains(times), "{text}");
        assert!(text.contains(r#""id":5"#), "{text}");
        assert!(text.contains(r#""ts":21.500"#), "{text}");
    }

    #[test]
    fn a_slow_disk_costs_events_and_no_time_and_no_memory() {
        let (open, gate) = bounded(0);
        let disk = Disk {
            gate: Some(gate),
            ..Disk::default()
        };
        let trace = Trace::to(disk.clone(), 4).unwrap();
        let now = Instant::now();
        for frame in 0..100 {
            trace.stage("frame", frame, "decode", now, now);
        }
        drop(open);
        trace.finish().unwrap();
        let text = disk.text();
        assert_eq!(text.matches(r#""ph":"b""#).count(), 4, "{text}");
        assert!(text.contains(r#""args":{"events":96}"#), "{text}");
    }

    #[test]
    fn a_full_disk_is_told_at_the_end_and_once() {
        let disk = Disk {
            is_full: true,
            ..Disk::default()
        };
        let trace = Trace::to(disk, 4).unwrap();
        let error = trace.finish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(trace.finish().is_ok());
    }
}
