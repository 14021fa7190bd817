//! What a [`ClientConfig`] becomes on the wire.

use oriel_codecs::{
    bulk::CompressionLevel,
    geometry::{Point, Rect, Size},
};

use super::{
    ClientConfig, ConnectionType, GraphicsSupport, MonitorLayout, SecurityOffer,
    StaticChannelRequest, TimeZone,
};
use crate::{
    capabilities::{
        Bitmap, BitmapCache, BitmapCodec, BitmapCodecs, BitmapDrawingFlags, Brush, CapabilitySet,
        CodecGuid, CodecProperties, ColorCache, Control, DesktopComposition, Font,
        FrameAcknowledge, General, GeneralFlags, GlyphCache, Input, InputFlags, LargePointer,
        LargePointerFlags, MultifragmentUpdate, NsCodecProperties, OffscreenCache, Order, Pointer,
        RemoteFxMode, RemoteFxProperties, Share, Sound, SurfaceCommandFlags, SurfaceCommands,
        VirtualChannel, WindowActivation,
    },
    channels::{CHUNK_LENGTH, DYNAMIC_CHANNELS_NAME},
    client_info::{ClientInfo, ExtendedInfo, InfoFlags, TimeZoneInfo},
    gcc::{
        ChannelDefinition, ChannelOptions, ClientBlocks, ClientCluster, ClientCore, ClientMonitors,
        ClientMonitorsEx, ClientNetwork, ClientSecurity, ClusterFlags, ColorDepths,
        EarlyCapabilities, MonitorAttributes, MonitorDefinition, MultitransportFlags,
    },
    updates::{SurfaceCodecIds, UpdateReaderConfig},
    x224::{
        ConnectionRequest, NegotiationRequest, NegotiationRequestFlags, NegotiationResponseFlags,
        Routing, SecurityProtocols,
    },
};

/// RDP 10.12, the newest version that the specification names.
const PROTOCOL_VERSION: u32 = 0x0008_0011;

/// Build number of the client that this one is to be treated like: the first with version 10.7 of
/// the graphics pipeline.
const CLIENT_BUILD: u32 = 18363;

/// Cookies are cut to this many characters, as Windows clients do: load balancers compare them.
const COOKIE_CHARACTERS: usize = 9;

/// Slots of the pointer cache.
const POINTER_CACHE_SLOTS: u16 = 128;

/// Static channels that a caller may ask for, beside `drdynvc`.
const MAX_STATIC_CHANNELS: usize = ClientNetwork::MAX_CHANNELS - 1;

/// Most bytes of a fast-path update in fragments: one raw picture of a 4096 by 4096 desktop, and
/// headers. More than any server asks for with RemoteFX, which wants no less than the server says
/// (`[MS-RDPRFX] 1.5`).
const MAX_UPDATE_BYTES: u32 = 4 * 4096 * 4096 + 65_536;

/// Bits that NSCodec may take off colours, over thin links and others. Servers take what they may.
const THIN_COLOR_LOSS_LEVEL: u8 = 3;
const COLOR_LOSS_LEVEL: u8 = 1;

/// How good JPEG pictures are to be, in percent.
const JPEG_QUALITY: u8 = 95;

/// Frames that a server without the graphics pipeline may send ahead of acknowledgements.
const MAX_UNACKNOWLEDGED_FRAMES: u32 = 2;

pub(super) fn requested_protocols(offer: SecurityOffer) -> SecurityProtocols {
    let nla = SecurityProtocols::TLS | SecurityProtocols::HYBRID | SecurityProtocols::HYBRID_EX;
    match offer {
        SecurityOffer::Auto => nla,
        // TLS is a subset of CredSSP and should be named with it: a server that picks it all the
        // same is turned down when it answers.
        SecurityOffer::Nla => nla - SecurityProtocols::TLS,
        SecurityOffer::Tls => SecurityProtocols::TLS,
    }
}

pub(super) fn connection_request(config: &ClientConfig) -> ConnectionRequest {
    let routing = match (&config.routing_token, &config.cookie) {
        (Some(token), _) => Some(Routing::Token(token.clone())),
        (None, Some(cookie)) => Some(Routing::Cookie(
            cookie
                .chars()
                .filter(|character| !character.is_control())
                .take(COOKIE_CHARACTERS)
                .collect(),
        )),
        (None, None) => None,
    };
    ConnectionRequest {
        routing,
        negotiation: Some(NegotiationRequest {
            flags: NegotiationRequestFlags::empty(),
            protocols: requested_protocols(config.security),
        }),
        correlation_id: None,
    }
}

/// The compressor to offer. None for a recording: it leaves frames out, which the history of those
/// that it keeps would rest on.
pub(super) fn offered_compression(config: &ClientConfig) -> Option<CompressionLevel> {
    config.compression.filter(|_| !config.keeps_recording)
}

/// The static channels that are asked for, in order; `drdynvc` comes last.
pub(super) fn channel_definitions(requests: &[StaticChannelRequest]) -> Vec<ChannelDefinition> {
    let asked = requests
        .iter()
        .filter(|request| request.name != DYNAMIC_CHANNELS_NAME)
        .take(MAX_STATIC_CHANNELS)
        .map(|request| ChannelDefinition {
            name: request.name.chars().take(7).collect(),
            options: ChannelOptions::from_bits_retain(request.options)
                | ChannelOptions::INITIALIZED,
        });
    let dynamic = ChannelDefinition {
        name: DYNAMIC_CHANNELS_NAME.to_owned(),
        options: ChannelOptions::INITIALIZED | ChannelOptions::ENCRYPT_RDP,
    };
    asked.chain([dynamic]).collect()
}

/// Size of the desktop, within what the protocol can say (`[MS-RDPBCGR] 3.3.5.3.3`).
fn desktop_size(config: &ClientConfig) -> Size {
    let size = config.desktop_size();
    Size::new(size.width.clamp(200, 8192), size.height.clamp(200, 8192))
}

fn connection_type(kind: ConnectionType) -> u8 {
    match kind {
        ConnectionType::Modem => 1,
        ConnectionType::BroadbandLow => 2,
        ConnectionType::Satellite => 3,
        ConnectionType::BroadbandHigh => 4,
        ConnectionType::Wan => 5,
        ConnectionType::Lan => 6,
        ConnectionType::Autodetect => 7,
    }
}

fn client_core(config: &ClientConfig, selected: SecurityProtocols) -> ClientCore {
    let mut early = EarlyCapabilities::ERROR_INFO
        | EarlyCapabilities::WANT_32BPP
        | EarlyCapabilities::STATUS_INFO
        | EarlyCapabilities::STRONG_ASYMMETRIC_KEYS
        | EarlyCapabilities::RELATIVE_MOUSE_INPUT
        | EarlyCapabilities::VALID_CONNECTION_TYPE
        | EarlyCapabilities::MONITOR_LAYOUT
        | EarlyCapabilities::NETWORK_AUTODETECT
        | EarlyCapabilities::HEARTBEAT
        | EarlyCapabilities::SKIP_CHANNEL_JOIN;
    early.set(
        EarlyCapabilities::GRAPHICS_PIPELINE,
        config.graphics.pipeline,
    );
    let primary = primary_monitor(config);
    ClientCore {
        version: PROTOCOL_VERSION,
        desktop: desktop_size(config),
        keyboard_layout: config.keyboard_layout,
        client_build: CLIENT_BUILD,
        client_name: config.client_name.clone(),
        keyboard_function_keys: config.keyboard_function_keys,
        post_beta2_color_depth: Some(0xca01),
        client_product_id: Some(1),
        serial_number: Some(0),
        high_color_depth: Some(24),
        supported_color_depths: Some(
            ColorDepths::BPP_32 | ColorDepths::BPP_24 | ColorDepths::BPP_16 | ColorDepths::BPP_15,
        ),
        early_capabilities: Some(early),
        dig_product_id: Some(String::new()),
        connection_type: Some(connection_type(config.connection_type)),
        selected_protocol: Some(selected),
        physical_size_mm: Some((
            primary.map_or(0, |monitor| monitor.physical_width_mm),
            primary.map_or(0, |monitor| monitor.physical_height_mm),
        )),
        orientation_degrees: Some(
            primary.map_or(0, |monitor| (monitor.orientation_degrees % 360) as u16),
        ),
        scale_percent: Some(primary.map_or((100, 100), |monitor| {
            (monitor.desktop_scale_percent, monitor.device_scale_percent)
        })),
        ..ClientCore::default()
    }
}

fn primary_monitor(config: &ClientConfig) -> Option<&MonitorLayout> {
    let monitors = &config.monitors;
    monitors
        .iter()
        .find(|monitor| monitor.is_primary)
        .or(monitors.first())
}

/// The client's settings. Extended blocks only go to servers that said they know them.
pub(super) fn client_blocks(
    config: &ClientConfig,
    selected: SecurityProtocols,
    server: NegotiationResponseFlags,
) -> ClientBlocks {
    let is_extended = server.contains(NegotiationResponseFlags::EXTENDED_CLIENT_DATA_SUPPORTED);
    let has_layout = is_extended && config.monitors.len() > 1;
    // The wire's origin is the primary monitor's corner.
    let origin = primary_monitor(config).map_or(Point::default(), |monitor| monitor.rect.origin());
    let monitors = config.monitors.iter().take(16);
    ClientBlocks {
        core: client_core(config, selected),
        cluster: Some(ClientCluster {
            flags: ClusterFlags::REDIRECTION_SUPPORTED | ClusterFlags::REDIRECTION_VERSION_5,
            redirected_session_id: 0,
        }),
        security: Some(ClientSecurity::default()),
        network: Some(ClientNetwork {
            channels: channel_definitions(&config.static_channels),
        }),
        monitors: has_layout.then(|| ClientMonitors {
            monitors: monitors
                .clone()
                .map(|monitor| MonitorDefinition {
                    rect: monitor
                        .rect
                        .translate(origin.x.saturating_neg(), origin.y.saturating_neg()),
                    flags: if monitor.is_primary {
                        MonitorDefinition::PRIMARY
                    } else {
                        0
                    },
                })
                .collect(),
        }),
        monitors_ex: has_layout.then(|| ClientMonitorsEx {
            attributes: monitors
                .map(|monitor| MonitorAttributes {
                    physical_width_mm: monitor.physical_width_mm,
                    physical_height_mm: monitor.physical_height_mm,
                    orientation_degrees: monitor.orientation_degrees,
                    desktop_scale_percent: monitor.desktop_scale_percent,
                    device_scale_percent: monitor.device_scale_percent,
                })
                .collect(),
        }),
        message_channel: is_extended,
        // No transport but TCP: a server that reads this makes no offer.
        multitransport: is_extended.then_some(MultitransportFlags::empty()),
        unknown: Vec::new(),
    }
}

pub(super) fn client_info(config: &ClientConfig) -> ClientInfo {
    let mut flags = InfoFlags::MOUSE
        | InfoFlags::MOUSE_HAS_WHEEL
        | InfoFlags::UNICODE
        | InfoFlags::DISABLE_CTRL_ALT_DEL
        | InfoFlags::ENABLE_WINDOWS_KEY
        | InfoFlags::MAXIMIZE_SHELL
        | InfoFlags::LOGON_NOTIFY
        | InfoFlags::LOGON_ERRORS;
    flags.set(InfoFlags::AUTOLOGON, config.autologon);
    let has_sound = config
        .static_channels
        .iter()
        .any(|channel| channel.name == "rdpsnd");
    flags.set(InfoFlags::NO_AUDIO_PLAYBACK, !has_sound);
    ClientInfo {
        code_page: config.keyboard_layout,
        flags,
        compression: offered_compression(config),
        domain: config.credentials.domain.clone(),
        user: config.credentials.user.clone(),
        password: config.credentials.password.clone(),
        alternate_shell: String::new(),
        working_dir: String::new(),
        extended: Some(ExtendedInfo {
            time_zone: Some(time_zone(&config.time_zone)),
            session_id: Some(0),
            performance: Some(config.performance),
            auto_reconnect: Some(None),
            ..ExtendedInfo::default()
        }),
    }
}

fn time_zone(zone: &TimeZone) -> TimeZoneInfo {
    TimeZoneInfo {
        bias_minutes: zone.bias_minutes,
        standard_name: zone.standard_name.clone(),
        daylight_name: zone.daylight_name.clone(),
        ..TimeZoneInfo::default()
    }
}

/// What this client can do, for a desktop of the size that the server gave.
pub(super) fn capability_sets(config: &ClientConfig, desktop: Size) -> Vec<CapabilitySet> {
    vec![
        CapabilitySet::General(General {
            os_major: 4, // OSMAJORTYPE_UNIX
            os_minor: 7, // OSMINORTYPE_NATIVE_XSERVER
            protocol_version: General::PROTOCOL_VERSION,
            flags: GeneralFlags::FASTPATH_OUTPUT
                | GeneralFlags::LONG_CREDENTIALS
                | GeneralFlags::AUTO_RECONNECT
                | GeneralFlags::NO_BITMAP_COMPRESSION_HEADER,
            refresh_rect: true,
            suppress_output: true,
        }),
        CapabilitySet::Bitmap(Bitmap {
            bits_per_pixel: 32,
            desktop_width: desktop.width.min(0xffff) as u16,
            desktop_height: desktop.height.min(0xffff) as u16,
            desktop_resize: true,
            compression: true,
            drawing_flags: BitmapDrawingFlags::DYNAMIC_COLOR_FIDELITY
                | BitmapDrawingFlags::COLOR_SUBSAMPLING
                | BitmapDrawingFlags::SKIP_ALPHA,
            multiple_rectangles: true,
        }),
        // No drawing orders, hence no caches for them.
        CapabilitySet::Order(Order::none()),
        CapabilitySet::BitmapCache(BitmapCache::default()),
        CapabilitySet::Pointer(Pointer {
            color: true,
            color_cache_slots: POINTER_CACHE_SLOTS,
            cache_slots: Some(POINTER_CACHE_SLOTS),
        }),
        CapabilitySet::Input(Input {
            flags: InputFlags::SCANCODES
                | InputFlags::MOUSE_EXTENDED
                | InputFlags::FASTPATH
                | InputFlags::UNICODE
                | InputFlags::FASTPATH2
                | InputFlags::MOUSE_RELATIVE
                | InputFlags::HORIZONTAL_WHEEL,
            keyboard_layout: config.keyboard_layout,
            keyboard_type: 4,
            keyboard_subtype: 0,
            function_keys: config.keyboard_function_keys,
            ime_file_name: String::new(),
        }),
        CapabilitySet::Brush(Brush::default()),
        CapabilitySet::GlyphCache(GlyphCache::default()),
        CapabilitySet::OffscreenCache(OffscreenCache::default()),
        CapabilitySet::VirtualChannel(VirtualChannel {
            flags: if offered_compression(config).is_some() {
                VirtualChannel::COMPRESSED_FROM_SERVER
            } else {
                0
            },
            chunk_bytes: Some(CHUNK_LENGTH as u32),
        }),
        CapabilitySet::Sound(Sound { flags: 1 }), // SOUND_FLAG_BEEPS
        CapabilitySet::Share(Share::default()),
        CapabilitySet::ColorCache(ColorCache { tables: 6 }),
        CapabilitySet::Control(Control::default()),
        CapabilitySet::WindowActivation(WindowActivation::default()),
        CapabilitySet::Font(Font::default()),
        CapabilitySet::DesktopComposition(DesktopComposition::default()),
        CapabilitySet::MultifragmentUpdate(MultifragmentUpdate {
            max_request_bytes: MAX_UPDATE_BYTES,
        }),
        CapabilitySet::LargePointer(LargePointer {
            flags: LargePointerFlags::UP_TO_96 | LargePointerFlags::UP_TO_384,
        }),
        CapabilitySet::SurfaceCommands(SurfaceCommands {
            flags: SurfaceCommandFlags::SET_SURFACE_BITS
                | SurfaceCommandFlags::FRAME_MARKER
                | SurfaceCommandFlags::STREAM_SURFACE_BITS,
        }),
        CapabilitySet::BitmapCodecs(bitmap_codecs(config.graphics)),
        CapabilitySet::FrameAcknowledge(FrameAcknowledge {
            max_unacknowledged_frames: MAX_UNACKNOWLEDGED_FRAMES,
        }),
    ]
}

/// Numbers of the codecs that are announced for surface commands.
fn surface_codec_ids(support: GraphicsSupport) -> SurfaceCodecIds {
    let SurfaceCodecIds {
        ns_codec,
        remote_fx,
        image_remote_fx,
        jpeg,
    } = SurfaceCodecIds::CUSTOMARY;
    SurfaceCodecIds {
        ns_codec: ns_codec.filter(|_| support.ns_codec),
        remote_fx: remote_fx.filter(|_| support.remote_fx),
        image_remote_fx: image_remote_fx.filter(|_| support.remote_fx),
        jpeg: jpeg.filter(|_| support.jpeg),
    }
}

/// The codecs of surface commands, best first. Uncompressed pixels need no entry.
fn bitmap_codecs(support: GraphicsSupport) -> BitmapCodecs {
    let ids = surface_codec_ids(support);
    let remote_fx = |flags| {
        let mode = |entropy| RemoteFxMode { flags, entropy };
        CodecProperties::RemoteFx(RemoteFxProperties {
            capture_flags: RemoteFxProperties::CAPTURE_NON_CAC,
            modes: [RemoteFxMode::RLGR3, RemoteFxMode::RLGR1].map(mode).into(),
        })
    };
    let jpeg = CodecProperties::Raw(vec![JPEG_QUALITY]);
    let ns_codec = CodecProperties::NsCodec(NsCodecProperties {
        dynamic_fidelity: true,
        // Coloured text smears.
        subsampling: support.thin_client,
        color_loss_level: if support.thin_client {
            THIN_COLOR_LOSS_LEVEL
        } else {
            COLOR_LOSS_LEVEL
        },
    });
    let entries = [
        (CodecGuid::REMOTEFX, ids.remote_fx, remote_fx(0)),
        (
            CodecGuid::IMAGE_REMOTEFX,
            ids.image_remote_fx,
            remote_fx(RemoteFxMode::IMAGE),
        ),
        (CodecGuid::NSCODEC, ids.ns_codec, ns_codec),
        // Not by xrdp's name: xrdp 0.9 would prefer it to RemoteFX, and sends no JPEG files then.
        (CodecGuid::JPEG, ids.jpeg, jpeg),
    ];
    let codecs = entries
        .into_iter()
        .filter_map(|(guid, id, properties)| {
            Some(BitmapCodec {
                guid,
                id: id?,
                properties,
            })
        })
        .collect();
    BitmapCodecs { codecs }
}

/// What [`capability_sets`] promises about updates.
pub(super) fn update_promises(support: GraphicsSupport) -> UpdateReaderConfig {
    UpdateReaderConfig {
        fragment_limit: MAX_UPDATE_BYTES as usize,
        pointer_cache_slots: POINTER_CACHE_SLOTS,
        codecs: surface_codec_ids(support),
    }
}

/// What lies on the desktop: PDUs with 16 bits a coordinate know no other place.
pub(super) fn to_desktop(rect: &Rect, desktop: Size) -> Rect {
    rect.intersect(&desktop.to_rect())
}
