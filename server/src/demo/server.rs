//! The demo desktop behind a port.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use oriel_codecs::geometry::Size;
use oriel_protocol::{
    client::GraphicsSupport,
    secret::{Credentials, Secret},
    server::{AcceptedSecurity, ServerConfig},
};
use oriel_transport::Fingerprint;
use rand::RngExt as _;
use thiserror::Error;
use tokio::{runtime, sync::watch, task::JoinHandle};

use super::{DemoDesktop, DemoDesktopConfig};
use crate::{
    encoder::EncodingPolicy,
    identity::{self, IdentityError},
    listener::Listener,
    session::{Misbehaviour, SessionOptions},
};

/// How long [`DemoServer::stop`] waits for sessions to say good-bye.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

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

/// Why the demo server does not start.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The address cannot be had, or the system has no threads left.
    #[error("the demo server does not start: {0}")]
    Io(#[from] io::Error),
    /// There is no certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// NLA without anybody who could sign in.
    #[error("network level authentication needs a user and a password")]
    NoCredentials,
}

/// A demo server that runs on threads of its own until it is stopped or dropped.
#[derive(Debug)]
pub struct DemoServer {
    address: SocketAddr,
    certificate: Fingerprint,
    clients: Arc<AtomicUsize>,
    stop: watch::Sender<bool>,
    listener: Option<JoinHandle<()>>,
    runtime: Option<runtime::Runtime>,
}

/// Starts a demo server. May be called inside and outside of an asynchronous runtime.
///
/// Each client gets a desktop of its own.
///
/// # Errors
/// [`DemoError`].
pub fn start(options: DemoOptions) -> Result<DemoServer, DemoError> {
    if options.security.nla && options.credentials.is_none() {
        return Err(DemoError::NoCredentials);
    }
    let identity = identity::self_signed(&["localhost".to_owned()])?;
    let certificate = identity.fingerprint();
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
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("oriel-server")
        .enable_all()
        .build()?;
    // On a task: `block_on` must not be called inside of another runtime.
    let (bound, opened) = std::sync::mpsc::channel();
    runtime.spawn(async move {
        let make_desktop = Arc::new(move || Box::new(DemoDesktop::new(desktop)) as _);
        let listener = Listener::bind(
            options.bind,
            identity,
            sessions,
            make_desktop,
            options.max_clients,
        )
        .await;
        // The receiver waits below.
        let _ = bound.send(listener);
    });
    let listener = opened
        .recv()
        .map_err(|_| io::Error::other("the server's runtime stopped"))??;
    let address = listener.local_address()?;
    let clients = listener.clients();
    let (stop, stopped) = watch::channel(false);
    let listener = runtime.spawn(listener.run(stopped));
    tracing::info!(%address, "demo server listens");
    Ok(DemoServer {
        address,
        certificate,
        clients,
        stop,
        listener: Some(listener),
        runtime: Some(runtime),
    })
}

impl DemoServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// SHA-256 of its certificate.
    pub fn certificate_sha256(&self) -> [u8; 32] {
        self.certificate.0
    }

    /// Clients that are connected or connecting.
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// Ends all sessions in order and closes the port; waits for that for a few seconds.
    pub fn stop(mut self) {
        self.stop.send_replace(true);
        let (Some(listener), Some(runtime)) = (self.listener.take(), self.runtime.take()) else {
            return;
        };
        let (done, ended) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            // Whether it ended or panicked, it is over.
            let _ = listener.await;
            let _ = done.send(());
        });
        if ended.recv_timeout(STOP_PATIENCE).is_err() {
            tracing::warn!("sessions did not end in time");
        }
        runtime.shutdown_background();
    }
}

impl Drop for DemoServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            // Sessions are cut off; waiting is not allowed here, inside of a runtime perhaps.
            runtime.shutdown_background();
        }
    }
}
