//! What a client connection tells its owner.

use bytes::Bytes;
use oriel_codecs::geometry::Size;

use crate::{
    graphics::{CacheLimits, GraphicsCommand, PointerUpdate},
    input::LockKeys,
};

/// The steps of a connection, in order (`[MS-RDPBCGR] 1.3.1.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConnectionStep {
    /// X.224 request sent, confirm awaited.
    Negotiation,
    /// TLS, and CredSSP where it was picked: outside of the machine.
    Security,
    /// MCS connect, GCC conference data.
    BasicSettings,
    /// Erect domain, attach user, channel joins.
    ChannelConnection,
    /// Client info sent.
    SecureSettings,
    /// Connect-time auto-detection, if the server does it, and licensing.
    Licensing,
    /// Demand active, confirm active.
    CapabilityExchange,
    /// Synchronize, control, font list.
    Finalization,
    /// The session runs.
    Active,
}

/// What protects the connection, as the server picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SelectedSecurity {
    /// TLS alone.
    Tls,
    /// TLS, then CredSSP.
    CredSsp,
    /// TLS, then CredSSP, then the server's early user authorization result.
    CredSspEarlyAuth,
}

/// What the server does and can, as far as the connection sequence told. Grows while connecting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerOffer {
    /// Protocol version of the server's core data, for example 0x0008_000b.
    pub version: u32,
    /// Flags of the negotiation response, raw.
    pub negotiation_flags: u8,
    /// Static channels that were joined, by name.
    pub static_channels: Vec<String>,
    /// The server asked for a UDP transport (declined).
    pub multitransport_offered: bool,
    /// The server can skip channel joins.
    pub skip_channel_join: bool,
    /// The server's fast-path input flags, raw (`[MS-RDPBCGR] 2.2.7.1.6`).
    pub input_flags: u16,
    /// Types of the capability sets in the demand active PDU, in order.
    pub capability_sets: Vec<u16>,
    /// Dynamic channels that the server opened, by name, whether accepted or not.
    pub dynamic_channels: Vec<String>,
    /// Graphics pipeline version that the server confirmed, for example 0x000A_0701; `None` until then.
    pub graphics_version: Option<u32>,
    /// Its flags.
    pub graphics_flags: u32,
    /// What the bitmap cache holds under it.
    pub cache: Option<CacheLimits>,
    /// Reconnection is possible: an auto-reconnect cookie came.
    pub auto_reconnect: bool,
    /// Round trip measured by the server's auto-detection, ms, where it told.
    pub server_rtt_ms: Option<u32>,
}

/// Why a session ended in order, without a broken protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// The user asked for it here.
    ClientRequest,
    /// The server told why (`[MS-RDPBCGR] 2.2.5.1.1`).
    ErrorInfo(crate::error_info::ErrorInfo),
    /// The server ended the MCS connection; the reason of T.125, for example 3 (user requested).
    ProviderUltimatum(u8),
    /// The stream ended, and nobody said why.
    StreamClosed,
}

/// What a client connection tells its owner, in order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A step begins.
    Step(ConnectionStep),
    /// Run TLS (and CredSSP) on the stream now, then call `handle_security_established`. Nothing
    /// that arrives before that belongs to the machine.
    StartSecurity(SelectedSecurity),
    /// The session runs: drawing follows, input is taken. Comes again after a reactivation.
    Active {
        /// The desktop that the server gave.
        desktop: Size,
        /// True where the session ran already and the server reactivated it, for example to resize.
        is_reactivation: bool,
    },
    /// Drawing.
    Graphics(GraphicsCommand),
    /// The graphics pipeline was confirmed or closed. Once closed, a server may go on with bitmaps.
    GraphicsPipeline {
        /// Whether it is open now.
        is_open: bool,
    },
    /// The mouse pointer changed.
    Pointer(PointerUpdate),
    /// The server can change its layout on request (`[MS-RDPEDISP] 2.2.2.1`).
    DisplayControlReady {
        /// Most monitors.
        max_monitors: u32,
        /// Largest total area in pixels.
        max_area_px: u64,
    },
    /// The server set the keyboard's lights (`[MS-RDPBCGR] 2.2.8.2.1.1`).
    KeyboardIndicators(LockKeys),
    /// The server wants a beep (`[MS-RDPBCGR] 2.2.9.1.1.5.1`).
    Beep {
        /// How long.
        duration_ms: u32,
        /// How high.
        frequency_hz: u32,
    },
    /// The user is signed in (`[MS-RDPBCGR] 2.2.10.1`).
    SignedIn {
        /// Domain, where told.
        domain: String,
        /// User, where told.
        user: String,
        /// The session's id, where told.
        session_id: Option<u32>,
    },
    /// The sign-in needs the user's attention, for example a message before the desktop shows
    /// (`TS_LOGON_ERRORS_INFO`, `[MS-RDPBCGR] 2.2.10.1.1.4.1.1`): notification type, then data.
    LogonNotification {
        /// `ErrorNotificationType`.
        kind: u32,
        /// `ErrorNotificationData`.
        data: u32,
    },
    /// Another server should be asked (`[MS-RDPBCGR] 2.2.13.1`).
    Redirect(Box<crate::redirection::ServerRedirection>),
    /// A whole message on a static channel other than `drdynvc`.
    ChannelData {
        /// The channel's name.
        channel: String,
        /// The message.
        data: Bytes,
    },
    /// The session is over. Nothing follows.
    Disconnected(DisconnectReason),
}
