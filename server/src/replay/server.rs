//! A stage behind a port.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use oriel_protocol::{
    client::GraphicsSupport,
    secret::Credentials,
    server::{AcceptedSecurity, ServerConfig},
};

use super::player::{Player, ReplayControl, Stage};
use crate::{
    encoder::EncodingPolicy,
    service::{Service, ServiceError},
    session::{Misbehaviour, SessionOptions},
};

/// Clients at one time.
const MAX_CLIENTS: usize = 16;

/// How a replay is served.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Where to listen; port 0 picks a free one.
    pub bind: SocketAddr,
    /// Who is let in; `None` lets everyone in.
    pub credentials: Option<Credentials>,
    /// Security protocols that are accepted. NLA needs credentials.
    pub security: AcceptedSecurity,
    /// What is shown.
    pub stage: Stage,
    /// Compress what is sent, on the graphics pipeline and off it: costs server time that counts
    /// against what is measured, and the payloads of most codecs do not get smaller.
    pub compress: bool,
}

impl ReplayOptions {
    /// A free port on loopback for whoever comes, over TLS.
    pub fn new(stage: Stage) -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            credentials: None,
            security: AcceptedSecurity {
                tls: true,
                nla: false,
            },
            stage,
            compress: false,
        }
    }
}

/// A stage behind a port, until it is dropped.
#[derive(Debug)]
pub struct ReplayServer {
    service: Service,
    control: Arc<ReplayControl>,
}

impl ReplayServer {
    /// Starts one. Each client sees the stage from its opening on; all share the control.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn start(options: ReplayOptions) -> Result<Self, ServiceError> {
        let stage = options.stage;
        let mut connection = ServerConfig::new(stage.size());
        connection.follow_client_size = false;
        connection.security = options.security;
        connection.require_credentials = options.credentials.is_some();
        connection.compress_graphics = options.compress;
        connection.compression = connection.compression.filter(|_| options.compress);
        connection.graphics = GraphicsSupport {
            pipeline: stage.is_pipeline(),
            ..GraphicsSupport::default()
        };
        let sessions = SessionOptions {
            connection,
            credentials: options.credentials,
            server_name: "ORIEL-REPLAY".to_owned(),
            handshake_timeout: Duration::from_secs(30),
            // The players know when.
            frames_per_second: u32::MAX,
            policy: EncodingPolicy::default(),
            misbehaviour: Misbehaviour::None,
        };
        let control = Arc::<ReplayControl>::default();
        let players = control.clone();
        let make_frames = Arc::new(move || Box::new(Player::new(&stage, players.clone())) as _);
        Ok(Self {
            service: Service::start(options.bind, sessions, make_frames, MAX_CLIENTS)?,
            control,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.service.address()
    }

    /// What its players are told, and tell.
    pub fn control(&self) -> &ReplayControl {
        &self.control
    }

    /// Clients that are connected or connecting.
    pub fn clients(&self) -> usize {
        self.service.clients()
    }
}
