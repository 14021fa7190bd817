//! Accepts clients and gives each a session of its own.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use oriel_transport::tls::ServerIdentity;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::session::{MakeFrames, SessionOptions, serve_client, stopped};

/// Pause after the system refused to accept, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An open port.
pub struct Listener {
    socket: TcpListener,
    identity: Arc<ServerIdentity>,
    options: Arc<SessionOptions>,
    make_frames: Arc<MakeFrames>,
    max_clients: usize,
    clients: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener")
            .field("socket", &self.socket)
            .field("clients", &self.clients)
            .finish_non_exhaustive()
    }
}

impl Listener {
    /// Opens a port. Clients over `max_clients` are turned away at once.
    ///
    /// # Errors
    /// Where the address cannot be had.
    pub async fn bind(
        address: SocketAddr,
        identity: ServerIdentity,
        options: SessionOptions,
        make_frames: Arc<MakeFrames>,
        max_clients: usize,
    ) -> io::Result<Self> {
        Ok(Self {
            socket: TcpListener::bind(address).await?,
            identity: Arc::new(identity),
            options: Arc::new(options),
            make_frames,
            max_clients,
            clients: Arc::default(),
        })
    }

    /// Where clients find it.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Number of clients, connecting ones included; it changes while [`run`](Listener::run) runs.
    pub fn clients(&self) -> Arc<AtomicUsize> {
        self.clients.clone()
    }

    /// Serves clients until `stop` becomes true, and then until the last session has said good-bye.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut sessions = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                Some(_) = sessions.join_next() => continue,
                () = stopped(&mut stop) => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "no client accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if self.clients.load(Ordering::Relaxed) >= self.max_clients {
                tracing::warn!(%peer, "turned away: too many clients");
                continue;
            }
            // Input and acknowledgements are small and must not wait for more.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY not set");
            }
            let place = Place::taken(&self.clients);
            let (identity, options) = (self.identity.clone(), self.options.clone());
            let (make_frames, stop) = (self.make_frames.clone(), stop.clone());
            sessions.spawn(async move {
                let outcome = serve_client(stream, &identity, &options, make_frames, stop).await;
                match outcome {
                    Ok(cause) => tracing::debug!(%peer, ?cause, "session over"),
                    Err(error) => tracing::info!(%peer, %error, "session broken off"),
                }
                drop(place);
            });
        }
        drop(self.socket);
        while sessions.join_next().await.is_some() {}
    }
}

/// A client's place among those that are let in; free again when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn taken(clients: &Arc<AtomicUsize>) -> Self {
        clients.fetch_add(1, Ordering::Relaxed);
        Self(clients.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
