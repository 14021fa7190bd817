//! The harness: two machines, two pipes, one clock that only moves when told.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use oriel_codecs::geometry::Size;
use oriel_protocol::{
    client::{ClientConfig, ClientConnection, ClientEvent, ProtocolError},
    secret::{Credentials, Secret},
    server::{ServerConfig, ServerConnection, ServerError, ServerEvent},
};

pub const DESKTOP: Size = Size::new(1280, 720);

/// A stream of numbers that looks random and is the same in each run.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }
}

/// What arrives at one end.
#[derive(Debug)]
enum Arrival {
    Bytes(Vec<u8>),
    Closed,
}

/// One direction of the stream.
#[derive(Default)]
pub struct Pipe {
    queue: VecDeque<(Instant, Arrival)>,
    /// Bytes that went in so far.
    pub sent_bytes: usize,
    /// Bytes from this one on are lost, and nobody is told: the peer has fallen silent.
    pub silent_from: Option<usize>,
    /// The stream is cut before this byte.
    pub cut_from: Option<usize>,
    /// Bytes to be replaced, by place.
    pub mutations: Vec<(usize, u8)>,
    is_closed: bool,
}

impl Pipe {
    fn send(&mut self, mut bytes: Vec<u8>, arrival: Instant, numbers: &mut Numbers) {
        let start = self.sent_bytes;
        self.sent_bytes += bytes.len();
        if self.is_closed {
            return;
        }
        for &(place, value) in &self.mutations {
            if let Some(byte) = place.checked_sub(start).and_then(|at| bytes.get_mut(at)) {
                *byte = value;
            }
        }
        for limit in [self.silent_from, self.cut_from].into_iter().flatten() {
            bytes.truncate(limit.saturating_sub(start));
        }
        while !bytes.is_empty() {
            // Mostly small pieces, as the seams inside headers are what matters.
            let limit = [3, 40, 2000][numbers.below(3)];
            let rest = bytes.split_off((1 + numbers.below(limit)).min(bytes.len()));
            self.queue.push_back((arrival, Arrival::Bytes(bytes)));
            bytes = rest;
        }
        if self.cut_from.is_some_and(|limit| self.sent_bytes >= limit) {
            self.close(arrival);
        }
    }

    fn close(&mut self, arrival: Instant) {
        if !std::mem::replace(&mut self.is_closed, true) && self.silent_from.is_none() {
            self.queue.push_back((arrival, Arrival::Closed));
        }
    }

    fn due(&self) -> Option<Instant> {
        self.queue.front().map(|(arrival, _)| *arrival)
    }
}

/// Both machines and what is between them.
pub struct Pair {
    pub client: ClientConnection,
    pub server: ServerConnection,
    pub now: Instant,
    pub delay: Duration,
    numbers: Numbers,
    pub to_client: Pipe,
    pub to_server: Pipe,
    /// Events that were not taken yet; those that start security are answered at once.
    pub client_events: VecDeque<ClientEvent>,
    pub server_events: VecDeque<ServerEvent>,
    pub client_error: Option<ProtocolError>,
    pub server_error: Option<ServerError>,
}

pub fn client_config() -> ClientConfig {
    let credentials = Credentials {
        user: "someone".to_owned(),
        domain: "DOMAIN".to_owned(),
        password: Secret::new("secret"),
    };
    ClientConfig::new("server.example", credentials, DESKTOP)
}

pub fn server_config() -> ServerConfig {
    ServerConfig::new(Size::new(640, 480))
}

impl Pair {
    pub fn new(client: ClientConfig, server: ServerConfig) -> Self {
        let now = Instant::now();
        Self {
            client: ClientConnection::new(client, now),
            server: ServerConnection::new(server, now),
            now,
            delay: Duration::from_millis(20),
            numbers: Numbers::new(0x5eed),
            to_client: Pipe::default(),
            to_server: Pipe::default(),
            client_events: VecDeque::new(),
            server_events: VecDeque::new(),
            client_error: None,
            server_error: None,
        }
    }

    /// The same with other seams in the stream.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.numbers = Numbers::new(seed);
        self
    }

    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// A pair with a session that runs and every event of the way there taken.
    pub fn active(client: ClientConfig, server: ServerConfig) -> Self {
        let mut pair = Self::new(client, server);
        pair.run();
        assert_eq!((&pair.client_error, &pair.server_error), (&None, &None));
        assert_eq!(pair.client.step(), pair.server.step());
        assert!(pair.server.graphics_target().is_some(), "drawing may begin");
        pair.client_events.clear();
        pair.server_events.clear();
        pair
    }

    /// Lets everything arrive that is on its way, and what it causes. No timer runs out.
    pub fn run(&mut self) {
        self.exchange();
        while let Some(due) = self.next_arrival() {
            self.now = self.now.max(due);
            self.deliver();
            self.exchange();
        }
    }

    /// Lets time pass, timers included.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.exchange();
        loop {
            let client_timer = self
                .client_error
                .is_none()
                .then(|| self.client.poll_timeout());
            let server_timer = self
                .server_error
                .is_none()
                .then(|| self.server.poll_timeout());
            let timers = [client_timer.flatten(), server_timer.flatten()];
            let next = self
                .next_arrival()
                .into_iter()
                .chain(timers.into_iter().flatten());
            let Some(due) = next.min().filter(|&due| due <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(due);
            self.deliver();
            if timers[0].is_some_and(|timer| timer <= self.now) {
                self.client_error = self.client.handle_timeout(self.now).err();
            }
            if timers[1].is_some_and(|timer| timer <= self.now) {
                self.server_error = self.server.handle_timeout(self.now).err();
            }
            self.exchange();
        }
    }

    fn next_arrival(&self) -> Option<Instant> {
        let arrivals = [self.to_client.due(), self.to_server.due()];
        arrivals.into_iter().flatten().min()
    }

    /// One piece for each side that is due.
    fn deliver(&mut self) {
        if self.to_client.due().is_some_and(|due| due <= self.now)
            && let Some((_, arrival)) = self.to_client.queue.pop_front()
        {
            match arrival {
                Arrival::Closed => self.client.handle_stream_closed(self.now),
                Arrival::Bytes(bytes) if self.client_error.is_none() => {
                    self.client_error = self.client.handle_data(self.now, &bytes).err();
                }
                Arrival::Bytes(_) => {}
            }
        }
        if self.to_server.due().is_some_and(|due| due <= self.now)
            && let Some((_, arrival)) = self.to_server.queue.pop_front()
        {
            match arrival {
                Arrival::Closed => self.server.handle_stream_closed(self.now),
                Arrival::Bytes(bytes) if self.server_error.is_none() => {
                    self.server_error = self.server.handle_data(self.now, &bytes).err();
                }
                Arrival::Bytes(_) => {}
            }
        }
    }

    /// Takes out of the machines all that they have to give. A machine that is at its end closes
    /// its side of the stream, as its owner would.
    fn exchange(&mut self) {
        let arrival = self.now + self.delay;
        loop {
            let mut out = Vec::new();
            let mut is_busy = false;
            if self.client.poll_transmit(&mut out) {
                is_busy = true;
                self.to_server
                    .send(std::mem::take(&mut out), arrival, &mut self.numbers);
            }
            if self.server.poll_transmit(&mut out) {
                is_busy = true;
                self.to_client.send(out, arrival, &mut self.numbers);
            }
            while let Some(event) = self.client.poll_event() {
                is_busy = true;
                match event {
                    ClientEvent::StartSecurity(_) => {
                        self.client.handle_security_established(self.now).unwrap();
                    }
                    ClientEvent::Disconnected(_) => self.to_server.close(arrival),
                    _ => {}
                }
                self.client_events.push_back(event);
            }
            while let Some(event) = self.server.poll_event() {
                is_busy = true;
                match event {
                    ServerEvent::StartSecurity(_) => {
                        self.server.handle_security_established(self.now).unwrap();
                    }
                    ServerEvent::Disconnected(_) => self.to_client.close(arrival),
                    _ => {}
                }
                self.server_events.push_back(event);
            }
            if !is_busy {
                break;
            }
        }
        if self.client_error.is_some() {
            self.to_server.close(arrival);
        }
        if self.server_error.is_some() {
            self.to_client.close(arrival);
        }
    }

    /// Bytes that a client would send, past the client's machine.
    pub fn inject_to_server(&mut self, bytes: Vec<u8>) {
        let arrival = self.now + self.delay;
        self.to_server.send(bytes, arrival, &mut self.numbers);
    }
}
