//! Plays a recording: the machine and the stream that a server would have given.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, Instant},
};

use oriel_protocol::{
    client::{ClientConnection, ClientEvent, ProtocolError},
    framing::MAX_TPKT_BYTES,
};
use thiserror::Error;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex, split};

use super::{MAGIC, MAX_HEADER_BYTES, VERSION, setup::Setup};

/// Frames that are read ahead of their time.
const AHEAD: usize = 256;
/// Bytes that the stream holds: what a socket would.
const STREAM_BYTES: usize = 256 * 1024;

/// A recording that cannot be played.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("it is no recording of a session")]
    NotARecording,
    /// It was written by a newer program.
    #[error("its format is number {0}, and this program knows {VERSION}")]
    Version(u32),
    /// Its header makes no sense.
    #[error("its header is damaged ({0})")]
    Header(String),
    /// It ends, or is damaged, before a session begins.
    #[error("no session begins in it ({0})")]
    NoSession(String),
}

/// How fast a recording is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as fast as it happened.
    Times(f64),
    /// As fast as it is taken.
    Max,
}

impl Default for Speed {
    fn default() -> Self {
        Self::Times(1.0)
    }
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let times = text.parse().ok();
        times
            .filter(|times: &f64| (0.001..=1000.0).contains(times))
            .map(Self::Times)
            .ok_or_else(|| "it is max, or a number from 0.001 to 1000".to_owned())
    }
}

/// A recording, ready to be played any number of times.
#[derive(Clone, Debug)]
pub struct Player {
    path: PathBuf,
    speed: Speed,
    /// Keep the last picture until somebody leaves.
    stays: bool,
    server: String,
}

/// A session that a recording gives.
pub struct Played {
    /// What a server's stream would be.
    pub stream: DuplexStream,
    /// Active.
    pub machine: ClientConnection,
    /// What the machine told so far.
    pub events: VecDeque<ClientEvent>,
}

impl Player {
    /// Looks into the file. One that `stays` does not end the session after its last frame.
    ///
    /// # Errors
    /// Where it is no recording that this program can play.
    pub fn open(path: &Path, speed: Speed, stays: bool) -> Result<Self, RecordingError> {
        let setup = FrameFile::open(path)?.setup;
        Ok(Self {
            path: path.to_owned(),
            speed,
            stays,
            server: setup.server().to_owned(),
        })
    }

    /// The recording's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The server that was recorded.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Runs a machine up to the session, and feeds it the rest in time. Must be called within a
    /// runtime.
    ///
    /// # Errors
    /// Where the recording does not come so far.
    pub fn play(&self) -> Result<Played, RecordingError> {
        let mut file = FrameFile::open(&self.path)?;
        let mut machine = ClientConnection::new(file.setup.config(), Instant::now());
        let mut events = VecDeque::new();
        run_to_session(&mut file, &mut machine, &mut events)?;
        let (stream, far_end) = duplex(STREAM_BYTES);
        let (sender, mut frames) = tokio::sync::mpsc::channel(AHEAD);
        std::thread::Builder::new()
            .name("oriel-replay".into())
            .spawn(move || {
                loop {
                    match file.next_frame() {
                        Ok(Some(frame)) => {
                            if sender.blocking_send(frame).is_err() {
                                return;
                            }
                        }
                        Ok(None) => return,
                        Err(error) => return tracing::warn!(%error, "the recording breaks off"),
                    }
                }
            })?;
        let (speed, stays) = (self.speed, self.stays);
        tokio::spawn(async move {
            let (mut words, mut stream) = split(far_end);
            let listen = async move {
                // What the client says, nobody answers.
                let _ = tokio::io::copy(&mut words, &mut tokio::io::sink()).await;
            };
            let speak = async move {
                let start = tokio::time::Instant::now();
                while let Some((at, frame)) = frames.recv().await {
                    if let Speed::Times(times) = speed {
                        tokio::time::sleep_until(start + at.div_f64(times)).await;
                    }
                    if stream.write_all(&frame).await.is_err() {
                        return;
                    }
                }
                if !stays {
                    // Only this half: who still reads would find the other one broken.
                    let _ = stream.shutdown().await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = listen => {}
                () = speak => {}
            }
        });
        Ok(Played {
            stream,
            machine,
            events,
        })
    }
}

fn run_to_session(
    file: &mut FrameFile,
    machine: &mut ClientConnection,
    events: &mut VecDeque<ClientEvent>,
) -> Result<(), RecordingError> {
    let refused = |error: ProtocolError| RecordingError::NoSession(error.to_string());
    let mut words = Vec::new();
    loop {
        words.clear();
        machine.poll_transmit(&mut words);
        while let Some(event) = machine.poll_event() {
            match event {
                ClientEvent::Step(_) => {}
                ClientEvent::StartSecurity(_) => {
                    let now = Instant::now();
                    machine.handle_security_established(now).map_err(refused)?;
                }
                ClientEvent::Disconnected(reason) => {
                    let reason = format!("the server ended it: {reason:?}");
                    return Err(RecordingError::NoSession(reason));
                }
                event => {
                    let is_active = matches!(event, ClientEvent::Active { .. });
                    events.push_back(event);
                    if is_active {
                        return Ok(());
                    }
                }
            }
        }
        let Some((_, frame)) = file.next_frame()? else {
            return Err(RecordingError::NoSession("it ends too early".to_owned()));
        };
        machine
            .handle_data(Instant::now(), &frame)
            .map_err(refused)?;
    }
}

/// The file behind its header.
struct FrameFile {
    file: BufReader<File>,
    setup: Setup,
    clock: Duration,
}

impl FrameFile {
    fn open(path: &Path) -> Result<Self, RecordingError> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
        let mut magic = [0; MAGIC.len()];
        if !read_whole(&mut file, &mut magic)? || magic != MAGIC {
            return Err(RecordingError::NotARecording);
        }
        let cut = || RecordingError::Header("it is cut off".to_owned());
        let version = read_u32(&mut file)?.ok_or_else(cut)?;
        if version != VERSION {
            return Err(RecordingError::Version(version));
        }
        let bytes = read_u32(&mut file)?.ok_or_else(cut)?;
        if bytes > MAX_HEADER_BYTES {
            return Err(RecordingError::Header(format!("{bytes} bytes long")));
        }
        let mut header = vec![0; bytes as usize];
        if !read_whole(&mut file, &mut header)? {
            return Err(cut());
        }
        let setup = serde_json::from_slice(&header)
            .map_err(|error| RecordingError::Header(error.to_string()))?;
        Ok(Self {
            file,
            setup,
            clock: Duration::ZERO,
        })
    }

    /// A frame and when it came; `None` at the end, which may be in the middle of a frame where a
    /// program was killed.
    fn next_frame(&mut self) -> io::Result<Option<(Duration, Vec<u8>)>> {
        let Some(pause_us) = read_u32(&mut self.file)? else {
            return Ok(None);
        };
        let Some(bytes) = read_u32(&mut self.file)? else {
            return Ok(None);
        };
        if bytes as usize > MAX_TPKT_BYTES {
            let reason = format!("a frame of {bytes} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let mut frame = vec![0; bytes as usize];
        if !read_whole(&mut self.file, &mut frame)? {
            return Ok(None);
        }
        self.clock = self
            .clock
            .saturating_add(Duration::from_micros(pause_us.into()));
        Ok(Some((self.clock, frame)))
    }
}

/// False where the file ends before `out` is full.
fn read_whole(file: &mut impl Read, out: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(out) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn read_u32(file: &mut impl Read) -> io::Result<Option<u32>> {
    let mut bytes = [0; 4];
    Ok(read_whole(file, &mut bytes)?.then(|| u32::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(bytes: &[u8]) -> Result<Player, RecordingError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Player::open(file.path(), Speed::Max, false)
    }

    #[test]
    fn what_is_no_recording_is_named_so() {
        assert!(matches!(open(b""), Err(RecordingError::NotARecording)));
        assert!(matches!(
            open(b"\x89PNG and so on"),
            Err(RecordingError::NotARecording)
        ));
        assert!(matches!(
            open(b"ORIELREC\x09\0\0\0"),
            Err(RecordingError::Version(9))
        ));
        for header in [
            &b"\x01\0\0\0"[..],
            b"\x01\0\0\0\xff\xff\xff\xff",
            b"\x01\0\0\0\x02\0\0\0{}",
        ] {
            let bytes = [b"ORIELREC", header].concat();
            assert!(
                matches!(open(&bytes), Err(RecordingError::Header(_))),
                "{header:?}"
            );
        }
    }

    #[test]
    fn a_speed_is_a_factor_or_as_fast_as_it_goes() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("2.5".parse(), Ok(Speed::Times(2.5)));
        for bad in ["", "0", "-1", "NaN", "inf", "fast"] {
            assert!(bad.parse::<Speed>().is_err(), "{bad}");
        }
    }
}
