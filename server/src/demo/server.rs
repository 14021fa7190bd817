//! The demo desktop behind a port.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use oriel_codecs::geometry::Size;
use oriel_protocol::{
    client::GraphicsSupport,
    secret::{Credentials, Secret},
    server::{AcceptedSecurity, ServerConfig},
};
use rand::RngExt as _;

use super::{DemoDesktop, DemoDesktopConfig};
use crate::{
    encoder::EncodingPolicy,
    frames::DesktopFrames,
    service::{Service, ServiceError},
    session::{Misbehaviour, SessionOptions},
};

/// How the demo server is run.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Where to listen; port 0 picks a free one.
    pub bind: SocketAddr,
    /// Who is let in; `None` lets everyone in.
    pub credentials: Option<Credentials>,
    /// Security protocols that are accepted. NLA needs credentials.
    pub security: AcceptedSecurity,
    /// A fixed size of the desktop; `None` follows the client.
    pub size: Option<Size>,
    /// Nothing moves on its own, so that pictures can be compared.
    pub is_deterministic: bool,
    /// Pictures a second of the moving window, and frames a second at most.
    pub frames_per_second: u32,
    /// What may be offered to clients: the graphics pipeline, AVC420, AVC444.
    pub graphics: GraphicsSupport,
    /// What is encoded as what.
    pub policy: EncodingPolicy,
    /// Clients at one time.
    pub max_clients: usize,
    /// Time that a client has to connect.
    pub handshake_timeout: Duration,
    /// What is done wrong, to test clients.
    pub misbehaviour: Misbehaviour,
}

impl Default for DemoOptions {
    /// A free port on loopback for whoever comes, over TLS.
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            credentials: None,
            security: AcceptedSecurity {
                tls: true,
                nla: false,
            },
            size: None,
            is_deterministic: false,
            frames_per_second: 30,
            graphics: GraphicsSupport::default(),
            policy: EncodingPolicy::default(),
            max_clients: 8,
            handshake_timeout: Duration::from_secs(30),
            misbehaviour: Misbehaviour::default(),
        }
    }
}

impl DemoOptions {
    /// A free port on loopback for the user `demo` with a password made up here, over TLS and NLA.
    pub fn with_password() -> Self {
        Self {
            credentials: Some(Credentials {
                user: "demo".to_owned(),
                domain: String::new(),
                password: made_up_password(),
            }),
            security: AcceptedSecurity {
                tls: true,
                nla: true,
            },
            ..Self::default()
        }
    }
}

/// A password of 20 letters and digits.
fn made_up_password() -> Secret {
    const CHARACTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut random = rand::rng();
    let password: String = (0..20)
        .map(|_| CHARACTERS[random.random_range(0..CHARACTERS.len())] as char)
        .collect();
    Secret::new(password)
}

/// Starts a demo server. May be called inside and outside of an asynchronous runtime.
///
/// Each client gets a desktop of its own.
///
/// # Errors
/// [`ServiceError`].
pub fn start(options: DemoOptions) -> Result<Service, ServiceError> {
    let desktop = DemoDesktopConfig {
        size: options.size.unwrap_or(DemoDesktopConfig::default().size),
        is_deterministic: options.is_deterministic,
        frames_per_second: options.frames_per_second,
        ..DemoDesktopConfig::default()
    };
    let mut connection = ServerConfig::new(desktop.size);
    connection.follow_client_size = options.size.is_none();
    connection.security = options.security;
    connection.graphics = options.graphics;
    connection.require_credentials = options.credentials.is_some();
    let sessions = SessionOptions {
        connection,
        credentials: options.credentials,
        server_name: "ORIEL-DEMO".to_owned(),
        handshake_timeout: options.handshake_timeout,
        frames_per_second: options.frames_per_second,
        policy: options.policy,
        misbehaviour: options.misbehaviour,
    };
    let make_frames = Arc::new(move || {
        let desktop = Box::new(DemoDesktop::new(desktop));
        Box::new(DesktopFrames::new(desktop)) as _
    });
    Service::start(options.bind, sessions, make_frames, options.max_clients)
}
