//! A client's and a server's machine that talk to each other at once, as if there were no network
//! between them.

use std::time::Instant;

use oriel_codecs::Size;
use oriel_protocol::{
    client::{ClientConfig, ClientConnection, ClientEvent},
    secret::Credentials,
    server::{ServerConfig, ServerConnection, ServerEvent},
};

/// Both machines, in a session that runs and waits for drawing.
#[derive(Debug)]
pub struct Pair {
    /// The client's.
    pub client: ClientConnection,
    /// The server's.
    pub server: ServerConnection,
    /// When it began; the machines are told no other time.
    pub now: Instant,
}

impl Pair {
    /// A session with a desktop of this size, on the graphics pipeline or on bitmap updates.
    pub fn new(desktop: Size, has_pipeline: bool) -> Self {
        Self::with_server(ServerConfig::new(desktop), has_pipeline)
    }

    /// The same with a server that is told more, of the desktop's size among others.
    pub fn with_server(server: ServerConfig, has_pipeline: bool) -> Self {
        let now = Instant::now();
        let credentials = Credentials::default();
        let mut config = ClientConfig::new("server.example", credentials, server.desktop);
        config.graphics.pipeline = has_pipeline;
        let mut pair = Self {
            client: ClientConnection::new(config, now),
            server: ServerConnection::new(server, now),
            now,
        };
        while pair.exchange() {}
        assert!(pair.server.graphics_target().is_some(), "drawing may begin");
        pair
    }

    /// Hands over what each has to say; false where that is nothing.
    pub fn exchange(&mut self) -> bool {
        while let Some(event) = self.client.poll_event() {
            if let ClientEvent::StartSecurity(_) = event {
                let result = self.client.handle_security_established(self.now);
                result.expect("the machine asked for it");
            }
        }
        while let Some(event) = self.server.poll_event() {
            if let ServerEvent::StartSecurity(_) = event {
                let result = self.server.handle_security_established(self.now);
                result.expect("the machine asked for it");
            }
        }
        let mut bytes = Vec::new();
        let has_client_spoken = self.client.poll_transmit(&mut bytes);
        if has_client_spoken {
            let result = self.server.handle_data(self.now, &bytes);
            result.expect("what our own client says");
        }
        let bytes = self.server_bytes();
        if !bytes.is_empty() {
            let result = self.client.handle_data(self.now, &bytes);
            result.expect("what our own server says");
        }
        has_client_spoken || !bytes.is_empty()
    }

    /// What the server says now, not handed to the client.
    pub fn server_bytes(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.server.poll_transmit(&mut bytes);
        bytes
    }
}
