//! A port that is served on threads of its own until its owner has enough.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use oriel_transport::Fingerprint;
use thiserror::Error;
use tokio::{runtime, sync::watch, task::JoinHandle};

use crate::{
    identity::{self, IdentityError},
    listener::Listener,
    session::{MakeFrames, SessionOptions},
};

/// How long [`Service::stop`] waits for sessions to say good-bye.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// Why a service does not start.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// The address cannot be had, or the system has no threads left.
    #[error("the server does not start: {0}")]
    Io(#[from] io::Error),
    /// There is no certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// NLA without anybody who could sign in.
    #[error("network level authentication needs a user and a password")]
    NoCredentials,
}

/// A listener with sessions on threads of its own, until it is stopped or dropped.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    certificate: Fingerprint,
    clients: Arc<AtomicUsize>,
    stop: watch::Sender<bool>,
    listener: Option<JoinHandle<()>>,
    runtime: Option<runtime::Runtime>,
}

impl Service {
    /// Opens a port, with a certificate made up here. May be called inside and outside of an
    /// asynchronous runtime. Each client gets frames from a source of its own.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn start(
        bind: SocketAddr,
        sessions: SessionOptions,
        make_frames: Arc<MakeFrames>,
        max_clients: usize,
    ) -> Result<Self, ServiceError> {
        if sessions.connection.security.nla && sessions.credentials.is_none() {
            return Err(ServiceError::NoCredentials);
        }
        let identity = identity::self_signed(&["localhost".to_owned()])?;
        let certificate = identity.fingerprint();
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("oriel-server")
            .enable_all()
            .build()?;
        // On a task: `block_on` must not be called inside of another runtime.
        let (bound, opened) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let listener = Listener::bind(bind, identity, sessions, make_frames, max_clients).await;
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
        tracing::info!(%address, "server listens");
        Ok(Self {
            address,
            certificate,
            clients,
            stop,
            listener: Some(listener),
            runtime: Some(runtime),
        })
    }

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

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            // Sessions are cut off; waiting is not allowed here, inside of a runtime perhaps.
            runtime.shutdown_background();
        }
    }
}
