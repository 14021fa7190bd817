//! What a client brings to a connection.

use std::time::Duration;

use oriel_codecs::{
    bulk::CompressionLevel,
    geometry::{Rect, Size},
};

use crate::secret::Credentials;

/// Which of the security protocols to offer (`[MS-RDPBCGR] 2.2.1.1.1`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SecurityOffer {
    /// TLS with and without CredSSP; the server picks.
    #[default]
    Auto,
    /// Only CredSSP (Network Level Authentication).
    Nla,
    /// Only TLS.
    Tls,
}

/// What the renderer can decode; capability sets and flags follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GraphicsSupport {
    /// Offer the graphics pipeline (`[MS-RDPEGFX]`) at all.
    pub pipeline: bool,
    /// AVC420 is decoded.
    pub avc420: bool,
    /// AVC444 and AVC444v2 are decoded.
    pub avc444: bool,
    /// Ask for the small bitmap cache (16 MB in place of 100 MB).
    pub small_cache: bool,
    /// Tell the server that the link is thin. Without H.264 that is a wish for RemoteFX in place of
    /// its progressive variant, which only the pipeline's versions up to 8.1 can express.
    pub thin_client: bool,
    /// RemoteFX is decoded. Concerns surface commands; the pipeline's clients all decode it, though
    /// some servers send it there only to those that say so here.
    pub remote_fx: bool,
    /// NSCodec is decoded in surface commands.
    pub ns_codec: bool,
    /// JPEG is decoded in surface commands.
    pub jpeg: bool,
}

impl Default for GraphicsSupport {
    fn default() -> Self {
        Self {
            pipeline: true,
            avc420: true,
            avc444: true,
            small_cache: false,
            thin_client: false,
            remote_fx: true,
            ns_codec: true,
            jpeg: true,
        }
    }
}

/// The kind of link, as the server is told (`connectionType`, `[MS-RDPBCGR] 2.2.1.3.2`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ConnectionType {
    /// 56 kbit/s.
    Modem,
    /// 256 kbit/s to 2 Mbit/s.
    BroadbandLow,
    /// 2 to 16 Mbit/s, long delay.
    Satellite,
    /// 2 to 10 Mbit/s.
    BroadbandHigh,
    /// 10 Mbit/s and more, long delay.
    Wan,
    /// 10 Mbit/s and more.
    Lan,
    /// The server measures.
    #[default]
    Autodetect,
}

/// A monitor that the client wants (`TS_MONITOR_DEF` and `TS_MONITOR_ATTRIBUTES`,
/// `[MS-RDPBCGR] 2.2.1.3.6` and `2.2.1.3.9`; `[MS-RDPEDISP] 2.2.2.2.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitorLayout {
    /// Place on the desktop; half open, the primary monitor's corner is (0, 0).
    pub rect: Rect,
    /// Exactly one monitor is.
    pub is_primary: bool,
    /// Width in millimetres, 10 to 10000; 0 where unknown.
    pub physical_width_mm: u32,
    /// Height in millimetres, 10 to 10000; 0 where unknown.
    pub physical_height_mm: u32,
    /// Degrees clockwise: 0, 90, 180 or 270.
    pub orientation_degrees: u32,
    /// Scale of the desktop in percent, 100 to 500.
    pub desktop_scale_percent: u32,
    /// Scale of store applications: 100, 140 or 180.
    pub device_scale_percent: u32,
}

impl MonitorLayout {
    /// A lone primary monitor without scaling.
    pub fn single(size: Size) -> Self {
        Self {
            rect: size.to_rect(),
            is_primary: true,
            physical_width_mm: 0,
            physical_height_mm: 0,
            orientation_degrees: 0,
            desktop_scale_percent: 100,
            device_scale_percent: 100,
        }
    }
}

/// The client's time zone (`TS_TIME_ZONE_INFORMATION`, `[MS-RDPBCGR] 2.2.1.11.1.1.1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeZone {
    /// Minutes to add to local time to get UTC.
    pub bias_minutes: i32,
    /// Name outside of daylight saving time.
    pub standard_name: String,
    /// Name during daylight saving time.
    pub daylight_name: String,
}

bitflags::bitflags! {
    /// What the server may leave out to save bytes (`[MS-RDPBCGR] 2.2.1.11.1.1.1`, `performanceFlags`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct PerformanceFlags: u32 {
        /// No wallpaper.
        const DISABLE_WALLPAPER = 0x01;
        /// No window contents while dragging.
        const DISABLE_FULL_WINDOW_DRAG = 0x02;
        /// No menu animations.
        const DISABLE_MENU_ANIMATIONS = 0x04;
        /// No theming.
        const DISABLE_THEMING = 0x08;
        /// No cursor shadow.
        const DISABLE_CURSOR_SHADOW = 0x20;
        /// No blinking cursor.
        const DISABLE_CURSOR_SETTINGS = 0x40;
        /// Smooth fonts.
        const ENABLE_FONT_SMOOTHING = 0x80;
        /// Desktop composition.
        const ENABLE_DESKTOP_COMPOSITION = 0x100;
    }
}

/// Everything that a client tells the server.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The server's name as the user typed it: the cookie's host is never sent, but the
    /// redirection and licensing messages name it.
    pub server_name: String,
    /// This machine's name, cut to 15 UTF-16 units on the wire.
    pub client_name: String,
    /// Who signs in.
    pub credentials: Credentials,
    /// Let the server sign the user in with these credentials (`INFO_AUTOLOGON`).
    pub autologon: bool,
    /// `mstshash` cookie, cut to nine characters by convention; `None` sends none.
    pub cookie: Option<String>,
    /// A load balancer's routing token in place of the cookie; sent verbatim.
    pub routing_token: Option<Vec<u8>>,
    /// Security protocols on offer.
    pub security: SecurityOffer,
    /// Wanted desktop; one entry for a single window. The desktop's size is that of their union.
    pub monitors: Vec<MonitorLayout>,
    /// Windows keyboard layout id, 0x409 for US English.
    pub keyboard_layout: u32,
    /// Function keys of the keyboard, usually 12.
    pub keyboard_function_keys: u32,
    /// What the renderer decodes.
    pub graphics: GraphicsSupport,
    /// Kind of link.
    pub connection_type: ConnectionType,
    /// The highest bulk compressor to offer, with all before it; `None` asks for none, as a
    /// recording does in any case. A server may use less.
    pub compression: Option<CompressionLevel>,
    /// What to leave out.
    pub performance: PerformanceFlags,
    /// Time zone.
    pub time_zone: TimeZone,
    /// Static virtual channels to join beside `drdynvc`, at most 30.
    pub static_channels: Vec<StaticChannelRequest>,
    /// Seed of the few values that must not repeat (licensing client random); the machine itself
    /// has no randomness.
    pub random_seed: [u8; 32],
    /// How long the server may take for each step of the connection.
    pub step_timeout: Duration,
    /// Keep what the server sends for [`poll_recorded`](super::ClientConnection::poll_recorded).
    pub keeps_recording: bool,
}

impl ClientConfig {
    /// A single-monitor client with everything else at its default.
    pub fn new(server_name: impl Into<String>, credentials: Credentials, desktop: Size) -> Self {
        Self {
            server_name: server_name.into(),
            client_name: "oriel".to_owned(),
            cookie: (!credentials.user.is_empty()).then(|| credentials.user.clone()),
            autologon: !credentials.password.is_empty(),
            credentials,
            routing_token: None,
            security: SecurityOffer::Auto,
            monitors: vec![MonitorLayout::single(desktop)],
            keyboard_layout: 0x409,
            keyboard_function_keys: 12,
            graphics: GraphicsSupport::default(),
            connection_type: ConnectionType::default(),
            compression: Some(CompressionLevel::Rdp61),
            performance: PerformanceFlags::ENABLE_FONT_SMOOTHING
                | PerformanceFlags::ENABLE_DESKTOP_COMPOSITION,
            time_zone: TimeZone::default(),
            static_channels: Vec::new(),
            random_seed: [0; 32],
            step_timeout: Duration::from_secs(30),
            keeps_recording: false,
        }
    }

    /// Size of the wanted desktop: the union of its monitors.
    pub fn desktop_size(&self) -> Size {
        self.monitors
            .iter()
            .fold(Rect::default(), |all, m| all.union(&m.rect))
            .size()
    }
}

/// A static virtual channel to join (`CHANNEL_DEF`, `[MS-RDPBCGR] 2.2.1.3.4.1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticChannelRequest {
    /// Up to seven ASCII characters.
    pub name: String,
    /// `CHANNEL_OPTION_*` flags.
    pub options: u32,
}
