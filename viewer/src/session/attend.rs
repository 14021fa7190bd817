//! One session from its beginning to its end: connect, run, do the errands, leave.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use oriel_protocol::client::{ClientConfig, ConnectionStep, SelectedSecurity};
use oriel_render::Trace;
use oriel_transport::{
    ConnectOptions, ConnectProgress, ConnectReport, Established, Trust, connect, tls::TlsReport,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Activity, Canvas, End, Errands, Farewell, Inbox, Link, Notice, SessionRecord, Wires,
    round_trip::RoundTripMeter,
};
use crate::{
    failure::Failure,
    input::text::US_LAYOUT,
    recording::{Played, Player, RecordingWriter},
};

/// How long the last frames of a recording may take to be drawn.
const DRAWING: Duration = Duration::from_secs(10);

/// What session to make, and what to do in it.
pub struct Plan {
    /// The server as the user named it.
    pub server: String,
    /// Where the session comes from.
    pub source: Source,
    /// What is done without being asked again.
    pub errands: Errands,
    /// Where to write down what happens when.
    pub trace: Option<Trace>,
}

/// Where a session comes from.
pub enum Source {
    /// A server.
    Server {
        /// How to reach it and whom to believe.
        connect: ConnectOptions,
        /// What it is told.
        client: Box<ClientConfig>,
        /// Where to record what it sends.
        record: Option<PathBuf>,
    },
    /// A recording.
    Recording(Player),
}

/// Runs a session; returns how it ended and what is known of it.
pub async fn attend(
    plan: Plan,
    canvas: &dyn Canvas,
    inbox: &Inbox,
    activity: &Activity,
    tell: &(dyn Fn(Notice) + Send + Sync),
) -> (End, SessionRecord) {
    let Plan {
        server,
        source,
        errands,
        trace,
    } = plan;
    let mut record = SessionRecord {
        server,
        ..Default::default()
    };
    let (options, client, recording) = match source {
        Source::Server {
            connect,
            client,
            record,
        } => (connect, *client, record),
        Source::Recording(player) => {
            let wires = Wires {
                canvas,
                inbox,
                tell,
                round_trip: &|| None,
                trace: trace.as_ref(),
            };
            return replay(&player, wires, &errands, activity, record).await;
        }
    };
    let writer = recording.as_ref().map(|path| {
        RecordingWriter::create(path, &client).map_err(|error| unwritable(path, &error))
    });
    let writer = match writer.transpose() {
        Ok(writer) => writer,
        Err(failure) => return (Err(failure), record),
    };
    let (user, keyboard_layout) = (client.credentials.user.clone(), client.keyboard_layout);
    let mut timer = StepTimer::new(&mut record, tell);
    let established = tokio::select! {
        established = connect(&options, client, |progress| timer.progress(progress)) => established,
        () = inbox.wait_disconnect() => return (Ok(Farewell::Left), record),
    };
    let Established {
        stream,
        machine,
        events,
        report,
    } = match established {
        Ok(established) => established,
        Err(error) => {
            let address = format!("{}:{}", options.host, options.port);
            let failure = Failure::from_connect(error, &address, &user);
            return (Err(failure), record);
        }
    };
    record.take_report(&report);
    let meter = RoundTripMeter::of(stream.get_ref().0);
    let wires = Wires {
        canvas,
        inbox,
        tell,
        round_trip: &|| meter.as_ref().and_then(RoundTripMeter::round_trip),
        trace: trace.as_ref(),
    };
    let mut link = Link::new(stream, machine, events, wires);
    if let Some(writer) = writer {
        link.record_to(writer);
    }
    let mut end = run(&mut link, &errands, keyboard_layout, inbox, activity).await;
    if let (Some(path), Err(error)) = (recording, link.finish_recording()) {
        end = end.and(Err(unwritable(&path, &error)));
    }
    record.figures = Some(link.figures());
    (end, record)
}

/// Runs a link to its end, and the errands beside it.
async fn run<S: AsyncRead + AsyncWrite>(
    link: &mut Link<'_, S>,
    errands: &Errands,
    keyboard_layout: u32,
    inbox: &Inbox,
    activity: &Activity,
) -> End {
    activity.connected();
    let session = link.run();
    tokio::pin!(session);
    tokio::select! {
        end = &mut session => end,
        () = errands.run(keyboard_layout, inbox, activity) => {
            inbox.disconnect();
            session.await
        }
    }
}

/// Shows a recording, by the same way that a session goes.
async fn replay(
    player: &Player,
    wires: Wires<'_>,
    errands: &Errands,
    activity: &Activity,
    mut record: SessionRecord,
) -> (End, SessionRecord) {
    let played = match player.play() {
        Ok(played) => played,
        Err(error) => return (Err(Failure::from_recording(player.path(), &error)), record),
    };
    let Played {
        stream,
        machine,
        events,
    } = played;
    let mut link = Link::new(stream, machine, events, wires);
    let end = run(&mut link, errands, US_LAYOUT, wires.inbox, activity).await;
    // The stream ends where the recording does.
    let end = match end {
        Err(Failure::ConnectionLost { .. } | Failure::SignInFailed { .. }) => Ok(Farewell::Left),
        end => end,
    };
    let patience = Instant::now() + DRAWING;
    while !wires.canvas.is_idle() && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    record.figures = Some(link.figures());
    (end, record)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::File {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}

/// Tells the steps of connecting as they end, and notes them for a connection that fails.
struct StepTimer<'a> {
    record: &'a mut SessionRecord,
    tell: &'a (dyn Fn(Notice) + Send + Sync),
    current: (&'static str, Instant),
}

impl<'a> StepTimer<'a> {
    fn new(record: &'a mut SessionRecord, tell: &'a (dyn Fn(Notice) + Send + Sync)) -> Self {
        Self {
            record,
            tell,
            current: ("tcp", Instant::now()),
        }
    }

    fn progress(&mut self, progress: ConnectProgress) {
        match progress {
            ConnectProgress::Connected(_) => self.done(1, "negotiation"),
            ConnectProgress::Secured(tls) => {
                if tls.trust == Trust::PinnedNow {
                    (self.tell)(Notice::Pinned(tls.fingerprint));
                }
                self.record.certificate = Some(tls.fingerprint.to_string());
                self.record.security = describe_tls(&tls);
            }
            ConnectProgress::Step(step) if step > ConnectionStep::Negotiation => {
                self.done(step as usize + 1, super::step_name(step));
            }
            _ => {}
        }
    }

    /// The first `done` steps are done; `next` begins.
    fn done(&mut self, done: usize, next: &'static str) {
        let now = Instant::now();
        let (name, began) = std::mem::replace(&mut self.current, (next, now));
        let took = now - began;
        self.record.steps.push((name, took));
        (self.tell)(Notice::Step { done, took });
    }
}

impl SessionRecord {
    fn take_report(&mut self, report: &ConnectReport) {
        let timings = report.steps.iter();
        self.steps = timings.map(|step| (step.name, step.duration)).collect();
        let sign_in = match report.security {
            SelectedSecurity::Tls => "",
            SelectedSecurity::CredSsp => ", CredSSP",
            SelectedSecurity::CredSspEarlyAuth => ", CredSSP with early authorization",
        };
        self.security = describe_tls(&report.tls) + sign_in;
    }
}

fn describe_tls(tls: &TlsReport) -> String {
    format!("{}, {}", tls.version, tls.cipher_suite)
}

/// The time from the first packet to the running session.
pub(super) fn total(steps: &[(&'static str, Duration)]) -> Duration {
    steps.iter().map(|(_, took)| *took).sum()
}
