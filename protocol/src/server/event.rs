//! What a server connection tells its owner.

use bytes::Bytes;
use oriel_codecs::{
    bulk::CompressionLevel,
    geometry::{Rect, Size},
};

use crate::{
    capabilities::{BitmapCodec, LargePointerFlags, SurfaceCommandFlags},
    client::{MonitorLayout, PerformanceFlags, SelectedSecurity},
    graphics::{FrameId, GraphicsTarget},
    input::InputEvent,
    secret::Credentials,
};

/// What is known about a client. Grows while connecting.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientDescription {
    /// The client's name.
    pub name: String,
    /// Protocol version of its core data, for example 0x0008_0011.
    pub version: u32,
    /// Its build number.
    pub build: u32,
    /// Windows keyboard layout id.
    pub keyboard_layout: u32,
    /// The desktop in force.
    pub desktop: Size,
    /// Monitors that it asked for last, at least one.
    pub monitors: Vec<MonitorLayout>,
    /// Scale of the desktop in percent, 100 to 500.
    pub desktop_scale_percent: u32,
    /// `connectionType`, 1 to 7, where told.
    pub connection_type: Option<u8>,
    /// The highest bulk compressor that it takes.
    pub compression: Option<CompressionLevel>,
    /// What may be left out to save bytes.
    pub performance: PerformanceFlags,
    /// Minutes that its user adds to UTC outside of daylight saving time; 0 where it does not tell.
    pub utc_offset_minutes: i32,
    /// Static channels that it asked for.
    pub static_channels: Vec<String>,
    /// It announced the graphics pipeline.
    pub graphics_pipeline: bool,
    /// It can follow a change of the desktop's size by deactivation and reactivation.
    pub desktop_resize: bool,
    /// Codecs of surface commands that it decodes.
    pub bitmap_codecs: Vec<BitmapCodec>,
    /// Surface commands that it takes.
    pub surface_commands: SurfaceCommandFlags,
    /// Frames between markers that it acknowledges at most one after the other; `None` where it
    /// acknowledges none.
    pub max_unacknowledged_frames: Option<u32>,
    /// Slots of its pointer cache; 0 where it takes pointers of 24 bits alone.
    pub pointer_cache_slots: u16,
    /// Pointers over 32 by 32 that it takes.
    pub large_pointers: LargePointerFlags,
    /// Bytes of its buffer for fragmented updates.
    pub max_update_bytes: u32,
    /// It takes fast-path output.
    pub fast_path_output: bool,
    /// Round trip while connecting, where it was measured.
    pub rtt_ms: Option<u32>,
}

/// Why a session ended in order, without a broken protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisconnectCause {
    /// The client left (`[MS-RDPBCGR] 2.2.2.3`); T.125's reason.
    Client(u8),
    /// The client asked to end the session, and it was granted.
    ShutdownRequest,
    /// The owner ended it.
    Server,
    /// The stream was closed.
    StreamClosed,
}

/// What a server connection tells its owner, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// Send what waits, run TLS (and CredSSP) on the stream, then call
    /// `handle_security_established`. Nothing that arrives before that belongs to the machine.
    StartSecurity(SelectedSecurity),
    /// Who wants to sign in, as the client info PDU says. Where the configuration requires
    /// credentials, the connection waits for `accept_credentials` or `refuse_credentials`.
    Credentials(Credentials),
    /// The session runs: input follows. Comes again after a reactivation.
    Active {
        /// The client, with the desktop in force.
        client: Box<ClientDescription>,
        /// True where the session ran already.
        is_reactivation: bool,
    },
    /// Drawing may begin, or must begin anew: the client has no surfaces. Comes after each
    /// [`ServerEvent::Active`] and whenever the way of drawing changes.
    GraphicsReady(GraphicsTarget),
    /// The user did something.
    Input(InputEvent),
    /// The client wants another layout (`[MS-RDPEDISP] 2.2.2.2`); answer with `resize`.
    LayoutRequested(Vec<MonitorLayout>),
    /// The client has shown a frame.
    FrameAcknowledged {
        /// Which.
        frame: FrameId,
        /// Bytes that wait at the client; 0 where it does not tell, 0xFFFF_FFFF where it stops
        /// acknowledging.
        queue_depth: u32,
        /// Frames that the client has decoded so far.
        total_decoded: u32,
    },
    /// The client wants no output (`None`), or this area again.
    SuppressOutput(Option<Rect>),
    /// The client wants areas drawn again.
    RefreshRequested(Vec<Rect>),
    /// A whole message on a static channel other than `drdynvc`.
    ChannelData {
        /// The channel's name.
        channel: String,
        /// The message.
        data: Bytes,
    },
    /// The session is over. Nothing follows.
    Disconnected(DisconnectCause),
}
