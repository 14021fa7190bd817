//! Writes a recording beside the session.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::mpsc::{SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
    time::Instant,
};

use oriel_protocol::{client::ClientConfig, framing::Frame};

use super::{MAGIC, VERSION, setup::Setup};

/// Frames that may wait for the disk.
const WAITING: usize = 4096;

/// A recording that is being made, by a thread of its own: a slow disk must not hold up a session.
#[derive(Debug)]
pub struct RecordingWriter {
    /// `None` once the recording has ended.
    frames: Option<SyncSender<(u32, Frame)>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    last: Option<Instant>,
    is_cut_short: bool,
}

impl RecordingWriter {
    /// Begins a recording of a client's session.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn create(path: &Path, config: &ClientConfig) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let header = serde_json::to_vec(&Setup::of(config))?;
        file.write_all(&MAGIC)?;
        file.write_all(&VERSION.to_le_bytes())?;
        file.write_all(&(header.len() as u32).to_le_bytes())?;
        file.write_all(&header)?;
        // An unwritable disk is told before the session, not after.
        file.flush()?;
        let (sender, receiver) = sync_channel::<(u32, Frame)>(WAITING);
        let thread = std::thread::Builder::new()
            .name("oriel-record".into())
            .spawn(move || {
                let mut bytes = Vec::new();
                for (pause_us, frame) in receiver {
                    bytes.clear();
                    frame.encode(&mut bytes);
                    file.write_all(&pause_us.to_le_bytes())?;
                    file.write_all(&(bytes.len() as u32).to_le_bytes())?;
                    file.write_all(&bytes)?;
                }
                file.flush()
            })?;
        Ok(Self {
            frames: Some(sender),
            thread: Some(thread),
            last: None,
            is_cut_short: false,
        })
    }

    /// Adds a frame that came at `now`; the clock runs from the first call of
    /// [`start_clock`](Self::start_clock) on.
    pub fn add(&mut self, now: Instant, frame: Frame) {
        let pause_us = match &mut self.last {
            Some(last) => {
                let pause = now.saturating_duration_since(*last).as_micros();
                *last = now;
                u32::try_from(pause).unwrap_or(u32::MAX)
            }
            None => 0,
        };
        let Some(frames) = &self.frames else { return };
        match frames.try_send((pause_us, frame)) {
            Ok(()) => {}
            // With a frame missing, nothing after it could be understood.
            Err(TrySendError::Full(_)) => {
                tracing::warn!("the disk is too slow: the recording ends here");
                self.is_cut_short = true;
                self.frames = None;
            }
            // `finish` says why.
            Err(TrySendError::Disconnected(_)) => self.frames = None,
        }
    }

    /// The session is active now.
    pub fn start_clock(&mut self, now: Instant) {
        self.last.get_or_insert(now);
    }

    /// Writes what still waits.
    ///
    /// # Errors
    /// Where not everything could be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.frames = None;
        if let Some(thread) = self.thread.take() {
            let written = thread.join();
            written.map_err(|_| io::Error::other("the thread that writes has ended"))??;
        }
        if self.is_cut_short {
            return Err(io::Error::other(
                "the disk was too slow, so the recording lacks its end",
            ));
        }
        Ok(())
    }
}
