//! What the server says that it can do, and what it makes of the client's answer.

use oriel_codecs::geometry::Size;

use super::ClientDescription;
use crate::{
    capabilities::{
        self, Bitmap, BitmapCacheHostSupport, BitmapCodec, BitmapCodecs, BitmapDrawingFlags,
        CapabilitySet, CodecGuid, CodecProperties, ColorCache, Font, FrameAcknowledge, General,
        GeneralFlags, Input, InputFlags, LargePointer, LargePointerFlags, MultifragmentUpdate,
        NsCodecProperties, Order, Pointer, RemoteFxMode, Share, SurfaceCommandFlags,
        SurfaceCommands, VirtualChannel,
    },
    channels::CHUNK_LENGTH,
    client::GraphicsSupport,
    graphics::SurfaceTarget,
    share::SERVER_CHANNEL_ID,
    updates::{SURFACE_BITS_HEADER_BYTES, SurfaceCodecIds, UpdateWriterConfig},
};

/// Bytes of an update from a client in fragments. Clients send none; the field also bounds what a
/// client makes room for, so it says what a large pointer needs (`[MS-RDPBCGR] 2.2.7.2.7`).
const MAX_REQUEST_BYTES: u32 = 608_299;
/// Slots of the pointer cache that the server offers to use.
const POINTER_CACHE_SLOTS: u16 = 25;
/// Slots that are used at most, however many a client has.
const MAX_POINTER_CACHE_SLOTS: u16 = 128;

/// `CONNECTION_TYPE_LAN`.
const LAN: u8 = 6;

/// The codecs of surface commands that are announced; the client gives them their numbers.
fn bitmap_codecs(support: GraphicsSupport, connection_type: Option<u8>) -> BitmapCodecs {
    let entry = |guid, properties| BitmapCodec {
        guid,
        id: 0,
        properties,
    };
    let mut codecs = Vec::new();
    if support.ns_codec {
        let best = NsCodecProperties {
            dynamic_fidelity: true,
            subsampling: true,
            color_loss_level: 3,
        };
        codecs.push(entry(CodecGuid::NSCODEC, CodecProperties::NsCodec(best)));
    }
    // Not to be announced over other links ([MS-RDPRFX] 1.5). A client that names it all the same
    // is sent it.
    if support.remote_fx && connection_type == Some(LAN) {
        let reserved = CodecProperties::Raw(vec![0; 4]);
        codecs.push(entry(CodecGuid::REMOTEFX, reserved));
    }
    if support.jpeg {
        codecs.push(entry(CodecGuid::JPEG, CodecProperties::Raw(vec![75])));
    }
    BitmapCodecs { codecs }
}

/// The sets of a demand active PDU.
pub(super) fn server_sets(
    desktop: Size,
    support: GraphicsSupport,
    has_compression: bool,
    connection_type: Option<u8>,
) -> Vec<CapabilitySet> {
    vec![
        CapabilitySet::Share(Share {
            node_id: SERVER_CHANNEL_ID,
        }),
        CapabilitySet::General(General {
            os_major: 4, // OSMAJORTYPE_UNIX
            os_minor: 0,
            protocol_version: General::PROTOCOL_VERSION,
            flags: GeneralFlags::FASTPATH_OUTPUT
                | GeneralFlags::LONG_CREDENTIALS
                | GeneralFlags::NO_BITMAP_COMPRESSION_HEADER,
            refresh_rect: true,
            suppress_output: true,
        }),
        CapabilitySet::VirtualChannel(VirtualChannel {
            flags: if has_compression {
                VirtualChannel::COMPRESSED_FROM_CLIENT
            } else {
                0
            },
            chunk_bytes: Some(CHUNK_LENGTH as u32),
        }),
        CapabilitySet::Font(Font::default()),
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
        CapabilitySet::Order(Order::none()),
        CapabilitySet::ColorCache(ColorCache { tables: 6 }),
        CapabilitySet::BitmapCacheHostSupport(BitmapCacheHostSupport { cache_version: 1 }),
        CapabilitySet::Pointer(Pointer {
            color: true,
            color_cache_slots: POINTER_CACHE_SLOTS,
            cache_slots: Some(POINTER_CACHE_SLOTS),
        }),
        CapabilitySet::Input(Input {
            flags: InputFlags::SCANCODES
                | InputFlags::MOUSE_EXTENDED
                | InputFlags::UNICODE
                | InputFlags::FASTPATH2
                | InputFlags::MOUSE_RELATIVE
                | InputFlags::HORIZONTAL_WHEEL,
            ..Input::default()
        }),
        CapabilitySet::MultifragmentUpdate(MultifragmentUpdate {
            max_request_bytes: MAX_REQUEST_BYTES,
        }),
        CapabilitySet::LargePointer(LargePointer {
            flags: LargePointerFlags::UP_TO_96 | LargePointerFlags::UP_TO_384,
        }),
        CapabilitySet::SurfaceCommands(SurfaceCommands {
            flags: SurfaceCommandFlags::SET_SURFACE_BITS
                | SurfaceCommandFlags::FRAME_MARKER
                | SurfaceCommandFlags::STREAM_SURFACE_BITS,
        }),
        CapabilitySet::BitmapCodecs(bitmap_codecs(support, connection_type)),
        CapabilitySet::FrameAcknowledge(FrameAcknowledge {
            // Only says that acknowledgements are taken.
            max_unacknowledged_frames: 0,
        }),
    ]
}

/// Adds what a confirm active PDU tells to what is known about a client. Sets that are missing
/// leave the least that a client may be able to do.
pub(super) fn describe(sets: &[CapabilitySet], client: &mut ClientDescription) {
    client.fast_path_output = capabilities::find!(sets, General)
        .is_some_and(|set| set.flags.contains(GeneralFlags::FASTPATH_OUTPUT));
    client.desktop_resize = capabilities::find!(sets, Bitmap).is_some_and(|set| set.desktop_resize);
    client.bitmap_codecs =
        capabilities::find!(sets, BitmapCodecs).map_or(Vec::new(), |set| set.codecs.clone());
    client.surface_commands =
        capabilities::find!(sets, SurfaceCommands).map_or_else(Default::default, |set| set.flags);
    client.max_unacknowledged_frames =
        capabilities::find!(sets, FrameAcknowledge).map(|set| set.max_unacknowledged_frames);
    client.pointer_cache_slots = capabilities::find!(sets, Pointer)
        .and_then(|set| set.cache_slots)
        .unwrap_or(0);
    client.large_pointers =
        capabilities::find!(sets, LargePointer).map_or_else(Default::default, |set| set.flags);
    client.max_update_bytes =
        capabilities::find!(sets, MultifragmentUpdate).map_or(0, |set| set.max_request_bytes);
}

/// What drawing without the graphics pipeline has to keep to.
pub(super) fn update_limits(sets: &[CapabilitySet]) -> UpdateWriterConfig {
    let flags = capabilities::find!(sets, General).map_or_else(Default::default, |set| set.flags);
    let commands =
        capabilities::find!(sets, SurfaceCommands).map_or_else(Default::default, |set| set.flags);
    let codecs = capabilities::find!(sets, BitmapCodecs);
    let id = |guid| {
        let codec = codecs?.codecs.iter().find(|codec| codec.guid == guid)?;
        (codec.id != 0).then_some(codec.id)
    };
    let pointer = capabilities::find!(sets, Pointer);
    let slots = |slots: Option<u16>| slots.unwrap_or(0).min(MAX_POINTER_CACHE_SLOTS);
    UpdateWriterConfig {
        fast_path: flags.contains(GeneralFlags::FASTPATH_OUTPUT),
        fragment_limit: capabilities::find!(sets, MultifragmentUpdate)
            .map_or(0, |set| set.max_request_bytes as usize),
        no_bitmap_compression_header: flags.contains(GeneralFlags::NO_BITMAP_COMPRESSION_HEADER),
        surface_bits: commands.contains(SurfaceCommandFlags::SET_SURFACE_BITS),
        frame_markers: commands.contains(SurfaceCommandFlags::FRAME_MARKER),
        codecs: SurfaceCodecIds {
            ns_codec: id(CodecGuid::NSCODEC),
            remote_fx: id(CodecGuid::REMOTEFX),
            image_remote_fx: id(CodecGuid::IMAGE_REMOTEFX),
            jpeg: id(CodecGuid::JPEG).or_else(|| id(CodecGuid::JPEG_XRDP)),
        },
        color_pointer_slots: slots(pointer.map(|set| set.color_cache_slots)),
        new_pointer_slots: slots(pointer.and_then(|set| set.cache_slots)),
        large_pointers: capabilities::find!(sets, LargePointer)
            .map_or_else(Default::default, |set| set.flags),
    }
}

/// What of `support` a client takes in surface commands.
pub(super) fn surface_target(sets: &[CapabilitySet], support: GraphicsSupport) -> SurfaceTarget {
    let limits = update_limits(sets);
    if !(limits.fast_path && limits.surface_bits) {
        return SurfaceTarget::default();
    }
    let announced = capabilities::find!(sets, BitmapCodecs).map_or(&[][..], |set| &set.codecs);
    let find = |guid| {
        announced
            .iter()
            .find(|codec| codec.guid == guid && codec.id != 0)
    };
    let remote_fx = || {
        let codec = find(CodecGuid::REMOTEFX).or_else(|| find(CodecGuid::IMAGE_REMOTEFX))?;
        match &codec.properties {
            CodecProperties::RemoteFx(properties) => {
                let is_known = |mode: &&RemoteFxMode| {
                    [RemoteFxMode::RLGR1, RemoteFxMode::RLGR3].contains(&mode.entropy)
                };
                properties.modes.iter().find(is_known).copied()
            }
            _ => None,
        }
    };
    let ns_codec = || match find(CodecGuid::NSCODEC)?.properties {
        CodecProperties::NsCodec(properties) => Some(properties),
        _ => None,
    };
    SurfaceTarget {
        remote_fx: support.remote_fx.then(remote_fx).flatten(),
        ns_codec: support.ns_codec.then(ns_codec).flatten(),
        jpeg: support.jpeg && limits.codecs.jpeg.is_some(),
        max_payload_bytes: limits
            .fragment_limit
            .saturating_sub(SURFACE_BITS_HEADER_BYTES),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotefx_is_announced_on_a_lan_alone_and_nothing_that_is_not_encoded() {
        let announced = |support, connection_type| -> Vec<CodecGuid> {
            let codecs = bitmap_codecs(support, connection_type).codecs;
            assert!(codecs.iter().all(|codec| codec.id == 0));
            codecs.iter().map(|codec| codec.guid).collect()
        };
        let all = GraphicsSupport::default();
        let (ns_codec, jpeg) = (CodecGuid::NSCODEC, CodecGuid::JPEG);
        assert_eq!(
            announced(all, Some(LAN)),
            [ns_codec, CodecGuid::REMOTEFX, jpeg]
        );
        for elsewhere in [None, Some(1), Some(7)] {
            assert_eq!(announced(all, elsewhere), [ns_codec, jpeg]);
        }
        let none = GraphicsSupport {
            remote_fx: false,
            ns_codec: false,
            jpeg: false,
            ..all
        };
        assert_eq!(announced(none, Some(LAN)), []);
    }
}
