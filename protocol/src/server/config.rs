//! What a server brings to a connection.

use std::time::Duration;

use oriel_codecs::{bulk::CompressionLevel, geometry::Size};

use crate::client::GraphicsSupport;

/// Which security protocols are accepted. RDP Standard Security never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedSecurity {
    /// TLS alone.
    pub tls: bool,
    /// TLS with CredSSP.
    pub nla: bool,
}

/// What happens when a client asks to end the session (`[MS-RDPBCGR] 1.3.1.4.1`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShutdownPolicy {
    /// Deny, as with a user signed in: the client may then drop the connection, and the session
    /// lives on.
    #[default]
    Deny,
    /// End the connection.
    Accept,
}

/// Everything that a server decides beforehand.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Size of the desktop; where `follow_client_size` is set, only until the client tells its
    /// own.
    pub desktop: Size,
    /// The desktop takes the size that the client asks for.
    pub follow_client_size: bool,
    /// Security protocols that are accepted; CredSSP is preferred where both are.
    pub security: AcceptedSecurity,
    /// What the encoder can produce, and whether the graphics pipeline is offered at all.
    pub graphics: GraphicsSupport,
    /// Compress the graphics pipeline's messages (`[MS-RDPEGFX] 2.2.5`).
    pub compress_graphics: bool,
    /// The highest bulk compressor to use towards clients that take it; `None` for none.
    pub compression: Option<CompressionLevel>,
    /// Wait after [`super::ServerEvent::Credentials`] for a verdict; without it the connection
    /// goes on at once.
    pub require_credentials: bool,
    /// Measure the round trip while connecting, where the client takes part.
    pub measure_rtt: bool,
    /// Tell the client every so often that the server is there, where it wants to know.
    pub heartbeat_period_s: Option<u8>,
    /// What happens when a client asks to end the session.
    pub shutdown: ShutdownPolicy,
    /// How long a client may be silent at each step of the connection sequence, TLS and CredSSP
    /// included.
    pub step_timeout: Duration,
}

impl ServerConfig {
    /// A server for a desktop of `desktop`, which follows the client's size, over TLS with or
    /// without CredSSP.
    pub fn new(desktop: Size) -> Self {
        Self {
            desktop,
            follow_client_size: true,
            security: AcceptedSecurity {
                tls: true,
                nla: true,
            },
            graphics: GraphicsSupport::default(),
            compression: Some(CompressionLevel::Rdp61),
            compress_graphics: true,
            require_credentials: false,
            measure_rtt: true,
            heartbeat_period_s: None,
            shutdown: ShutdownPolicy::default(),
            step_timeout: Duration::from_secs(30),
        }
    }
}
