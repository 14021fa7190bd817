//! One session from its beginning to its end: connect, run, do the errands, leave.

use std::time::{Duration, Instant};

use oriel_protocol::client::{ClientConfig, ConnectionStep, SelectedSecurity};
use oriel_transport::{
    ConnectOptions, ConnectProgress, ConnectReport, Established, Trust, connect, tls::TlsReport,
};

use super::{
    Activity, Canvas, End, Errands, Farewell, Inbox, Link, Notice, SessionRecord, Wires,
    round_trip::RoundTripMeter,
};
use crate::failure::Failure;

/// Where to connect to, as whom, and what to do there.
pub struct Plan {
    /// The server as the user named it.
    pub server: String,
    /// How to reach it and whom to believe.
    pub connect: ConnectOptions,
    /// What it is told.
    pub client: ClientConfig,
    /// What is done without being asked again.
    pub errands: Errands,
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
        connect: options,
        client,
        errands,
    } = plan;
    let (user, keyboard_layout) = (client.credentials.user.clone(), client.keyboard_layout);
    let mut record = SessionRecord {
        server,
        ..Default::default()
    };
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
    };
    let mut link = Link::new(stream, machine, events, wires);
    activity.connected();
    let end = {
        let session = link.run();
        tokio::pin!(session);
        tokio::select! {
            end = &mut session => end,
            () = errands.run(keyboard_layout, inbox, activity) => {
                inbox.disconnect();
                session.await
            }
        }
    };
    record.figures = Some(link.figures());
    (end, record)
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
