//! The task that owns the stream and the protocol's machine.

use std::{
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use oriel_codecs::geometry::Size;
use oriel_protocol::{
    client::{ClientConnection, ClientEvent, ConnectionStep, DisconnectReason},
    graphics::{FrameId, FrameReport, GraphicsCommand, PointerUpdate},
    input::LockKeys,
};
use oriel_render::{Renderer, Trace};
use oriel_transport::Fingerprint;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};

use super::{DecoderChange, Figures, Inbox, Requests, outgoing::Outgoing};
use crate::{failure::Failure, recording::RecordingWriter};

/// Bytes taken from the stream at once.
const READ_BYTES: usize = 64 * 1024;
/// While so much waits to be sent, no more input is taken: it merges in the inbox instead.
const UNSENT_LIMIT: usize = 64 * 1024;
/// How long a server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// Frames whose arrival is remembered until they are acknowledged: more than any server has open.
const OPEN_FRAMES: usize = 256;

/// Takes graphics commands; [`Renderer`] is one.
pub trait Canvas: Send + Sync {
    /// Queues a command whose bytes came at `arrived`, or gives it back where there is no room;
    /// [`Inbox::set_room`] follows then.
    fn try_submit(&self, command: GraphicsCommand, arrived: Instant)
    -> Result<(), GraphicsCommand>;

    /// True where no command waits to be drawn.
    fn is_idle(&self) -> bool {
        true
    }
}

impl Canvas for Renderer {
    fn try_submit(
        &self,
        command: GraphicsCommand,
        arrived: Instant,
    ) -> Result<(), GraphicsCommand> {
        self.try_submit_arrived(command, arrived)
    }

    fn is_idle(&self) -> bool {
        self.queue_depth().commands == 0
    }
}

/// What a session tells while it is made and while it runs.
#[derive(Debug)]
pub enum Notice {
    /// So many steps of connecting are done; the last one took so long.
    Step {
        /// How many.
        done: usize,
        /// How long.
        took: Duration,
    },
    /// The server's certificate was seen for the first time and pinned.
    Pinned(Fingerprint),
    /// A video decoder failed and another took its place.
    DecoderReplaced(DecoderChange),
    /// The desktop's size, at the start and whenever the server changes it.
    Desktop(Size),
    /// The mouse pointer changed.
    Pointer(PointerUpdate),
    /// The server takes layouts.
    LayoutsWelcome,
    /// The server set the keyboard's lights.
    Locks(LockKeys),
    /// The server wants a beep.
    Beep,
    /// The figures that were asked for.
    Figures(Box<Figures>),
}

/// Why a session ended in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// It was asked for here.
    Left,
    /// The user signed out, over there.
    SignedOut,
}

/// How a session ended.
pub type End = Result<Farewell, Failure>;

/// What a link is tied to.
#[derive(Clone, Copy)]
pub struct Wires<'a> {
    /// Where the pictures go.
    pub canvas: &'a dyn Canvas,
    /// Where requests come from.
    pub inbox: &'a Inbox,
    /// Who is told; must not wait.
    pub tell: &'a (dyn Fn(Notice) + Send + Sync),
    /// The round trip now, where it can be measured.
    pub round_trip: &'a (dyn Fn() -> Option<Duration> + Send + Sync),
    /// Where to write down what happens when.
    pub trace: Option<&'a Trace>,
}

/// A running session over `S`, which is encrypted already.
pub struct Link<'a, S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    machine: ClientConnection,
    /// What the machine told before the session ran.
    early: VecDeque<ClientEvent>,
    wires: Wires<'a>,
    /// Refused by the canvas; nothing is read until it is taken.
    blocked: Option<GraphicsCommand>,
    /// Waits while the server reactivates the session: no input may be sent then, and none dropped.
    held_input: Vec<oriel_protocol::input::InputEvent>,
    outgoing: Outgoing,
    /// When the bytes came that were read last.
    read_at: Instant,
    /// When the first bytes came of what is not whole yet.
    began_at: Option<Instant>,
    /// Why nothing can be sent any more. What the server said before it hung up is still read: it
    /// may be the reason.
    cut_off: Option<io::Error>,
    visible: Option<bool>,
    desktop: Size,
    open_frames: VecDeque<(FrameId, Instant)>,
    acknowledged_us: Histogram<u64>,
    started: Instant,
    leaving: bool,
    /// The server has drawn something.
    has_drawn: bool,
    recording: Option<RecordingWriter>,
}

impl<'a, S: AsyncRead + AsyncWrite> Link<'a, S> {
    /// A session whose machine is active already; `early` is what it told so far.
    pub fn new(
        stream: S,
        machine: ClientConnection,
        early: VecDeque<ClientEvent>,
        wires: Wires<'a>,
    ) -> Self {
        let (reader, writer) = split(stream);
        Self {
            reader,
            writer,
            machine,
            early,
            wires,
            blocked: None,
            held_input: Vec::new(),
            outgoing: Outgoing::new(wires.trace.cloned()),
            read_at: Instant::now(),
            began_at: None,
            cut_off: None,
            visible: None,
            desktop: Size::default(),
            open_frames: VecDeque::new(),
            acknowledged_us: Histogram::new_with_max(60_000_000, 2)
                .expect("bounds that the histogram allows"),
            started: Instant::now(),
            leaving: false,
            has_drawn: false,
            recording: None,
        }
    }

    /// Records what the server sends from now on, after what the machine kept so far. The machine's
    /// configuration must ask for it.
    pub fn record_to(&mut self, writer: RecordingWriter) {
        self.recording = Some(writer);
        self.record(Instant::now());
        if let Some(writer) = &mut self.recording {
            writer.start_clock(Instant::now());
        }
    }

    /// Ends the recording, if there is one.
    ///
    /// # Errors
    /// Where it could not be written whole.
    pub fn finish_recording(&mut self) -> io::Result<()> {
        self.recording
            .take()
            .map_or(Ok(()), RecordingWriter::finish)
    }

    fn record(&mut self, now: Instant) {
        if let Some(writer) = &mut self.recording {
            while let Some(frame) = self.machine.poll_recorded() {
                // What a server still sends after the goodbye is not shown either.
                if !self.leaving {
                    writer.add(now, frame);
                }
            }
        }
    }

    /// Runs the session to its end.
    pub async fn run(&mut self) -> End {
        let mut buffer = vec![0; READ_BYTES];
        let mut goodbye = None;
        loop {
            if let Some(end) = self.take_events() {
                self.flush_for_goodbye().await;
                return end;
            }
            self.machine.poll_transmit(self.outgoing.buffer());
            let timeout = [self.machine.poll_timeout(), goodbye]
                .into_iter()
                .flatten()
                .min();
            if self.cut_off.is_some() {
                self.outgoing.clear();
            }
            let must_send = self.cut_off.is_none() && self.outgoing.has_work();
            tokio::select! {
                biased;
                requests = self.wires.inbox.next(), if self.outgoing.len() < UNSENT_LIMIT => {
                    if let Some(failure) = self.serve(requests) {
                        return Err(failure);
                    }
                    if self.leaving && goodbye.is_none() {
                        goodbye = Some(Instant::now() + GOODBYE);
                    }
                }
                result = send(&mut self.writer, self.outgoing.waiting()), if must_send => {
                    match result {
                        Ok(count) => self.outgoing.wrote(count, Instant::now()),
                        Err(error) => {
                            self.cut_off = Some(error);
                            goodbye.get_or_insert(Instant::now() + GOODBYE);
                        }
                    }
                }
                result = self.reader.read(&mut buffer), if self.blocked.is_none() => {
                    match result {
                        Ok(0) => self.machine.handle_stream_closed(Instant::now()),
                        Ok(count) => {
                            let now = Instant::now();
                            self.read_at = now;
                            self.began_at.get_or_insert(now);
                            let result = self.machine.handle_data(now, &buffer[..count]);
                            if let Some(trace) = self.wires.trace {
                                let bytes = Some(("bytes", count as u64));
                                trace.slice("parse", now, Instant::now(), bytes);
                            }
                            self.record(now);
                            if let Err(error) = result {
                                // What came whole before it is still worth showing.
                                if let Some(end) = self.take_events() {
                                    return end;
                                }
                                return Err(Failure::from_protocol(&error));
                            }
                        }
                        // Servers often hang up without TLS's own goodbye.
                        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                            self.machine.handle_stream_closed(Instant::now());
                        }
                        Err(error) => return self.lost(error),
                    }
                }
                () = sleep_until(timeout) => {
                    let now = Instant::now();
                    if goodbye.is_some_and(|at| at <= now) {
                        return match self.cut_off.take() {
                            Some(error) => self.lost(error),
                            None => Ok(Farewell::Left),
                        };
                    }
                    if let Err(error) = self.machine.handle_timeout(now) {
                        return Err(Failure::from_protocol(&error));
                    }
                }
            }
        }
    }

    /// The figures so far.
    pub fn figures(&self) -> Figures {
        let connection = self.machine.statistics().clone();
        let offer = self.machine.offer();
        Figures {
            connection,
            acknowledged: (&self.acknowledged_us).into(),
            input: self.outgoing.input(),
            // TCP's includes the time that the peer holds an answer back, the server's own may be
            // old: the truth is no longer than either.
            round_trip: [
                (self.wires.round_trip)(),
                offer
                    .server_rtt_ms
                    .map(|ms| Duration::from_millis(ms.into())),
            ]
            .into_iter()
            .flatten()
            .min(),
            offer: offer.clone(),
            desktop: self.desktop,
            lasted: self.started.elapsed(),
        }
    }

    /// Hands on what the machine has to tell, as long as the canvas takes it.
    fn take_events(&mut self) -> Option<End> {
        let mut was_whole = false;
        loop {
            if let Some(command) = self.blocked.take() {
                self.submit(command);
            }
            if self.blocked.is_some() {
                return None;
            }
            let early = self.early.pop_front();
            let Some(event) = early.or_else(|| self.machine.poll_event()) else {
                // What was read last may end with the beginning of something.
                let began_at = self.began_at.filter(|_| !was_whole).unwrap_or(self.read_at);
                self.began_at = self.machine.is_mid_message().then_some(began_at);
                return None;
            };
            was_whole = true;
            if let Some(end) = self.take_event(event) {
                return Some(end);
            }
        }
    }

    fn take_event(&mut self, event: ClientEvent) -> Option<End> {
        match event {
            ClientEvent::Graphics(command) => self.submit(command),
            ClientEvent::Active {
                desktop,
                is_reactivation,
            } => {
                tracing::debug!(?desktop, is_reactivation, "the session is active");
                self.set_desktop(desktop);
                let held = std::mem::take(&mut self.held_input);
                self.machine.send_input(&held);
                // The server forgot what it was told before.
                if self.visible == Some(false) {
                    self.machine.suppress_output(None);
                }
            }
            ClientEvent::Pointer(update) => (self.wires.tell)(Notice::Pointer(update)),
            ClientEvent::DisplayControlReady { max_monitors, .. } => {
                tracing::debug!(max_monitors, "the server takes layouts");
                (self.wires.tell)(Notice::LayoutsWelcome);
            }
            ClientEvent::KeyboardIndicators(locks) => (self.wires.tell)(Notice::Locks(locks)),
            ClientEvent::Beep { .. } => (self.wires.tell)(Notice::Beep),
            ClientEvent::GraphicsPipeline { is_open } => {
                tracing::debug!(is_open, "graphics pipeline");
                // A new one knows nothing of what was told on the last.
                if is_open && self.visible == Some(false) {
                    self.machine.suppress_output(None);
                }
            }
            ClientEvent::SignedIn { session_id, .. } => {
                tracing::debug!(session_id, "signed in");
            }
            ClientEvent::LogonNotification { kind, data } => {
                tracing::info!(kind, data, "the sign-in needs attention");
            }
            ClientEvent::Redirect(redirection) => {
                return Some(Err(Failure::Redirected {
                    target: redirection.target_fqdn.or(redirection.target_address),
                }));
            }
            ClientEvent::Disconnected(reason) => return Some(self.ended(reason)),
            other => tracing::debug!(?other, "nothing to do"),
        }
        None
    }

    fn set_desktop(&mut self, size: Size) {
        self.desktop = size;
        (self.wires.tell)(Notice::Desktop(size));
    }

    fn submit(&mut self, command: GraphicsCommand) {
        if self.leaving {
            return;
        }
        if let GraphicsCommand::ResetGraphics { size, .. } = &command {
            self.set_desktop(*size);
        }
        self.has_drawn |= matches!(
            command,
            GraphicsCommand::Draw { .. } | GraphicsCommand::SolidFill { .. }
        );
        if let GraphicsCommand::EndFrame { frame } = &command {
            if self.open_frames.len() == OPEN_FRAMES {
                self.open_frames.pop_front();
            }
            // A command that is refused comes here again: the first time counts.
            if !self.open_frames.iter().any(|(known, _)| known == frame) {
                self.open_frames.push_back((*frame, Instant::now()));
            }
        }
        // What a frame is made of may have begun to come before what was read last.
        let arrived = match &command {
            GraphicsCommand::StartFrame { .. } => self.began_at.unwrap_or(self.read_at),
            _ => self.read_at,
        };
        self.blocked = self.wires.canvas.try_submit(command, arrived).err();
    }

    /// Does what was asked; returns why the session cannot go on.
    fn serve(&mut self, requests: Requests) -> Option<Failure> {
        let Requests {
            input,
            input_at,
            frames,
            has_room: _, // `take_events` tries again in any case.
            layout,
            is_visible,
            refresh,
            decoder_change,
            wants_statistics,
            disconnect,
            failure,
        } = requests;
        let now = Instant::now();
        if self.machine.step() == ConnectionStep::Active {
            self.machine.send_input(&input);
            self.machine.poll_transmit(self.outgoing.buffer());
            self.outgoing.mark_input(&input_at);
        } else {
            self.held_input.extend(input);
        }
        for report in frames {
            self.acknowledge(now, report);
        }
        if let Some(layout) = layout
            && !self.machine.request_layout(&[layout])
        {
            tracing::debug!("the server takes no layouts: the picture is scaled");
        }
        if let Some(is_visible) = is_visible
            && self.visible.unwrap_or(true) != is_visible
        {
            self.visible = Some(is_visible);
            let whole = self.desktop.to_rect();
            self.machine.suppress_output(is_visible.then_some(whole));
        }
        if !refresh.is_empty() {
            self.machine.refresh(&refresh);
        }
        if let Some(change) = decoder_change {
            (self.wires.tell)(Notice::DecoderReplaced(change));
        }
        if wants_statistics {
            (self.wires.tell)(Notice::Figures(Box::new(self.figures())));
        }
        if disconnect && !self.leaving {
            self.leaving = true;
            self.blocked = None;
            self.machine.disconnect(now);
        }
        failure
    }

    fn acknowledge(&mut self, now: Instant, report: FrameReport) {
        if let Some(at) = self
            .open_frames
            .iter()
            .position(|(frame, _)| *frame == report.frame)
            && let Some((_, received)) = self.open_frames.remove(at)
        {
            let us = now.duration_since(received).as_micros();
            let us = u64::try_from(us).unwrap_or(u64::MAX);
            self.acknowledged_us.saturating_record(us);
        }
        self.machine.acknowledge_frame(now, report);
    }

    /// Sends the last words, if the server still listens.
    async fn flush_for_goodbye(&mut self) {
        self.machine.poll_transmit(self.outgoing.buffer());
        let last = async {
            self.writer.write_all(self.outgoing.waiting()).await?;
            self.writer.shutdown().await
        };
        // Whoever hung up first misses nothing.
        let _ = tokio::time::timeout(GOODBYE, last).await;
    }

    fn ended(&self, reason: DisconnectReason) -> End {
        if self.leaving {
            return Ok(Farewell::Left);
        }
        match reason {
            DisconnectReason::StreamClosed if !self.has_drawn => Err(Failure::hung_up_early()),
            reason => Failure::from_disconnect(reason),
        }
    }

    fn lost(&self, error: io::Error) -> End {
        if self.leaving {
            return Ok(Farewell::Left);
        }
        Err(Failure::ConnectionLost {
            step: "the session".into(),
            reason: error.to_string(),
        })
    }
}

/// Sends some of `bytes`, or flushes where there are none. Given up, it has sent nothing.
async fn send(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        writer.flush().await?;
        return Ok(0);
    }
    match writer.write(bytes).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        count => Ok(count),
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
