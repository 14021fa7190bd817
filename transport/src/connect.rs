//! From a host name to a running session.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use oriel_protocol::client::{
    ClientConfig, ClientConnection, ClientEvent, ConnectionStep, ProtocolError, SecurityOffer,
    SelectedSecurity,
};
use oriel_protocol::x224::NegotiationFailure;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use crate::{
    certificate::CertificatePolicy,
    credssp::{self, ClientSignIn, KerberosOptions},
    error::ConnectError,
    tcp::connect_tcp,
    tls::{self, TlsReport, TrustSettings},
};

/// Where to connect to and whom to trust.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Name or address.
    pub host: String,
    /// Usually 3389.
    pub port: u16,
    /// For name and TCP together, again for TLS and for the sign-in, and for each step of the
    /// protocol.
    pub connect_timeout: Duration,
    /// Which certificates are taken.
    pub certificate_policy: CertificatePolicy,
    /// Where certificates are pinned; `None` pins nothing and knows nobody.
    pub known_hosts: Option<PathBuf>,
    /// Offer Kerberos in CredSSP.
    pub kerberos: Option<KerberosOptions>,
}

impl ConnectOptions {
    /// Ten seconds to connect, trust on first use without a known-hosts file, no Kerberos.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            connect_timeout: Duration::from_secs(10),
            certificate_policy: CertificatePolicy::default(),
            known_hosts: None,
            kerberos: None,
        }
    }
}

/// What happens while connecting, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectProgress {
    /// The name is looked up and TCP opened.
    Connecting,
    /// TCP is open.
    Connected(SocketAddr),
    /// TLS is up and the server trusted.
    Secured(TlsReport),
    /// CredSSP let the user in.
    SignedIn,
    /// A step of the protocol begins.
    Step(ConnectionStep),
}

/// A step and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepTiming {
    /// `tcp`, `negotiation`, `tls`, `sign-in`, `basic settings`, …
    pub name: &'static str,
    /// From its start to the start of the next.
    pub duration: Duration,
}

/// How a connection was made.
#[derive(Clone, Debug)]
pub struct ConnectReport {
    /// The server's address.
    pub address: SocketAddr,
    /// What the server picked.
    pub security: SelectedSecurity,
    /// What TLS settled on.
    pub tls: TlsReport,
    /// Each step in order.
    pub steps: Vec<StepTiming>,
}

/// A session that runs.
#[derive(Debug)]
pub struct Established {
    /// The stream to the server.
    pub stream: TlsStream<TcpStream>,
    /// The protocol's machine: `Active`, with nothing of the stream left unread.
    pub machine: ClientConnection,
    /// Events that came up to and with [`ClientEvent::Active`], steps left out, in order.
    pub events: VecDeque<ClientEvent>,
    /// How it came about.
    pub report: ConnectReport,
}

/// Connects, secures, signs in, and runs the protocol until the session is active.
///
/// `observer` hears of every step as it begins.
///
/// # Errors
/// [`ConnectError`] tells every failure apart; the connection is closed then.
pub async fn connect(
    options: &ConnectOptions,
    config: ClientConfig,
    observer: impl FnMut(ConnectProgress) + Send,
) -> Result<Established, ConnectError> {
    let mut driver = Driver {
        options,
        offer: config.security,
        observer,
        steps: Vec::new(),
        step: ("tcp", Instant::now()),
        at: ConnectionStep::Negotiation,
        events: VecDeque::new(),
    };
    driver.tell(ConnectProgress::Connecting);
    let (mut tcp, address) =
        connect_tcp(&options.host, options.port, options.connect_timeout).await?;
    driver.tell(ConnectProgress::Connected(address));

    let config = ClientConfig {
        step_timeout: options.connect_timeout,
        ..config
    };
    let credentials = config.credentials.clone();
    let client_name = config.client_name.clone();
    let mut machine = ClientConnection::new(config, Instant::now());
    let security = match driver.run(&mut tcp, &mut machine).await? {
        Milestone::Security(security) => security,
        Milestone::Active => return Err(ConnectError::NoModernSecurity),
    };

    driver.begin("tls");
    let limit = options.connect_timeout;
    let silence = || ConnectError::StepTimeout {
        step: ConnectionStep::Security,
        limit,
    };
    let trust = TrustSettings {
        policy: options.certificate_policy,
        known_hosts: options.known_hosts.clone(),
    };
    let secured = timeout(
        limit,
        tls::connect(tcp, &options.host, options.port, &trust),
    )
    .await
    .map_err(|_| silence())??;
    let mut stream = secured.stream;
    driver.tell(ConnectProgress::Secured(secured.report.clone()));

    if security != SelectedSecurity::Tls {
        driver.begin("sign-in");
        let sign_in = ClientSignIn {
            credentials: &credentials,
            server_name: &options.host,
            client_name: &client_name,
            server_public_key: &secured.server_public_key,
            expects_authorization_result: security == SelectedSecurity::CredSspEarlyAuth,
            kerberos: options.kerberos.as_ref(),
        };
        timeout(limit, credssp::authenticate(&mut stream, &sign_in))
            .await
            .map_err(|_| silence())??;
        driver.tell(ConnectProgress::SignedIn);
    }
    drop(credentials);

    machine
        .handle_security_established(Instant::now())
        .map_err(|error| driver.refused(error))?;
    match driver.run(&mut stream, &mut machine).await? {
        Milestone::Active => {}
        Milestone::Security(_) => unreachable!("the machine asks for security once"),
    }
    driver.begin("active");
    let report = ConnectReport {
        address,
        security,
        tls: secured.report,
        steps: driver.steps,
    };
    Ok(Established {
        stream,
        machine,
        events: driver.events,
        report,
    })
}

/// What the machine was run for.
enum Milestone {
    Security(SelectedSecurity),
    Active,
}

struct Driver<'a, F> {
    options: &'a ConnectOptions,
    offer: SecurityOffer,
    observer: F,
    steps: Vec<StepTiming>,
    step: (&'static str, Instant),
    /// Where the machine stood when it last said so: one that was closed has forgotten.
    at: ConnectionStep,
    events: VecDeque<ClientEvent>,
}

impl<F: FnMut(ConnectProgress)> Driver<'_, F> {
    fn tell(&mut self, progress: ConnectProgress) {
        (self.observer)(progress);
    }

    fn begin(&mut self, name: &'static str) {
        let now = Instant::now();
        let (name, began) = std::mem::replace(&mut self.step, (name, now));
        self.steps.push(StepTiming {
            name,
            duration: now - began,
        });
    }

    /// Runs the machine over the stream up to its next milestone.
    async fn run<S>(
        &mut self,
        stream: &mut S,
        machine: &mut ClientConnection,
    ) -> Result<Milestone, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut received = vec![0; 16 * 1024];
        let mut outgoing = Vec::new();
        loop {
            outgoing.clear();
            if machine.poll_transmit(&mut outgoing) {
                write(stream, &outgoing)
                    .await
                    .map_err(|error| self.lost(error))?;
            }
            while let Some(event) = machine.poll_event() {
                match event {
                    ClientEvent::Step(next) => {
                        self.at = next;
                        if let Some(name) = step_name(next) {
                            self.begin(name);
                        }
                        self.tell(ConnectProgress::Step(next));
                    }
                    ClientEvent::StartSecurity(security) => {
                        return Ok(Milestone::Security(security));
                    }
                    ClientEvent::Active { .. } => {
                        self.events.push_back(event);
                        return Ok(Milestone::Active);
                    }
                    ClientEvent::Disconnected(reason) => {
                        return Err(self.ended(reason));
                    }
                    other => self.events.push_back(other),
                }
            }
            let deadline = machine.poll_timeout();
            let read = async {
                match deadline {
                    Some(deadline) => {
                        tokio::time::timeout_at(deadline.into(), stream.read(&mut received)).await
                    }
                    None => Ok(stream.read(&mut received).await),
                }
            };
            let outcome = match read.await {
                Err(_) => machine.handle_timeout(Instant::now()),
                Ok(Ok(0)) => {
                    machine.handle_stream_closed(Instant::now());
                    Ok(())
                }
                Ok(Ok(count)) => machine.handle_data(Instant::now(), &received[..count]),
                Ok(Err(error)) => return Err(self.lost(error)),
            };
            if let Err(error) = outcome {
                return Err(self.refused(error));
            }
        }
    }

    /// The stream broke: before the first answer, whoever listens there does not speak RDP.
    fn lost(&self, source: io::Error) -> ConnectError {
        match self.at {
            ConnectionStep::Negotiation => ConnectError::NotRdp {
                reason: source.to_string(),
            },
            step => ConnectError::ConnectionLost { step, source },
        }
    }

    fn ended(&self, reason: oriel_protocol::client::DisconnectReason) -> ConnectError {
        use oriel_protocol::client::DisconnectReason::StreamClosed;
        match (self.at, &reason) {
            (ConnectionStep::Negotiation, StreamClosed) => ConnectError::NotRdp {
                reason: "it closed the connection without an answer".to_owned(),
            },
            (step, _) => ConnectError::Ended { step, reason },
        }
    }

    fn refused(&self, error: ProtocolError) -> ConnectError {
        match error {
            ProtocolError::Timeout { step } => ConnectError::StepTimeout {
                step,
                limit: self.options.connect_timeout,
            },
            ProtocolError::StandardSecurityOnly if self.offer == SecurityOffer::Nla => {
                ConnectError::NlaUnavailable
            }
            ProtocolError::StandardSecurityOnly => ConnectError::NoModernSecurity,
            ProtocolError::LicenseRefused { .. } => ConnectError::LicenseRefused(error),
            ProtocolError::NegotiationFailed(code) => match code {
                NegotiationFailure::HYBRID_REQUIRED if self.offer == SecurityOffer::Tls => {
                    ConnectError::NlaRequired
                }
                NegotiationFailure::SSL_REQUIRED
                | NegotiationFailure::SSL_NOT_ALLOWED
                | NegotiationFailure::SSL_CERT_NOT_ON_SERVER
                    if self.offer == SecurityOffer::Nla =>
                {
                    ConnectError::NlaUnavailable
                }
                NegotiationFailure::SSL_NOT_ALLOWED
                | NegotiationFailure::SSL_CERT_NOT_ON_SERVER => ConnectError::NoModernSecurity,
                _ => ConnectError::NegotiationRefused(error),
            },
            _ if self.at == ConnectionStep::Negotiation => ConnectError::NotRdp {
                reason: error.to_string(),
            },
            _ => ConnectError::Protocol {
                step: self.at,
                source: error,
            },
        }
    }
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// The name of a step that the machine runs; the security step has names of its own.
fn step_name(step: ConnectionStep) -> Option<&'static str> {
    Some(match step {
        ConnectionStep::Negotiation => "negotiation",
        ConnectionStep::BasicSettings => "basic settings",
        ConnectionStep::ChannelConnection => "channel connection",
        ConnectionStep::SecureSettings => "secure settings",
        ConnectionStep::Licensing => "licensing",
        ConnectionStep::CapabilityExchange => "capability exchange",
        ConnectionStep::Finalization => "finalization",
        ConnectionStep::Security | ConnectionStep::Active => return None,
    })
}
