//! Graphics, updates and dynamic channels under any input: what is written reads the same, what is
//! hostile is an error and nothing worse.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use oriel_codecs::bulk::BulkDecompressor;
use oriel_codecs::geometry::{Point, Rect, Size};
use oriel_protocol::{
    capabilities::LargePointerFlags,
    channels::dynamic::*,
    client::GraphicsSupport,
    graphics::{
        pdu::{CacheEntry, PipelineClientPdu, PipelineServerPdu},
        pipeline::{GraphicsPipelineClient, GraphicsPipelineServer},
        *,
    },
    share::data_kind,
    updates::*,
    wire::{Cursor, Pdu, WriteWire},
};
use proptest::{collection::vec, prelude::*};

fn surface() -> impl Strategy<Value = SurfaceId> {
    any::<u16>().prop_map(|id| SurfaceId(id.into()))
}

fn slot() -> impl Strategy<Value = CacheSlot> {
    any::<u16>().prop_map(CacheSlot)
}

fn rect() -> impl Strategy<Value = Rect> {
    any::<[u16; 4]>().prop_map(|[l, t, r, b]| Rect::new(l.into(), t.into(), r.into(), b.into()))
}

fn points() -> impl Strategy<Value = Vec<Point>> {
    let point = (any::<i16>(), any::<i16>()).prop_map(|(x, y)| Point::new(x.into(), y.into()));
    vec(point, 0..6)
}

fn size(min: u32) -> impl Strategy<Value = Size> {
    (min..32_767, min..32_767).prop_map(|(width, height)| Size::new(width, height))
}

fn origin() -> impl Strategy<Value = Point> {
    (0..i32::MAX, 0..i32::MAX).prop_map(|(x, y)| Point::new(x, y))
}

fn format() -> impl Strategy<Value = SurfaceFormat> {
    prop_oneof![Just(SurfaceFormat::Xrgb), Just(SurfaceFormat::Argb)]
}

fn payload() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn pipeline_codec() -> impl Strategy<Value = PayloadCodec> {
    prop_oneof![
        Just(PayloadCodec::Uncompressed),
        Just(PayloadCodec::RemoteFx),
        Just(PayloadCodec::ClearCodec),
        Just(PayloadCodec::Planar),
        Just(PayloadCodec::Avc420),
        Just(PayloadCodec::Alpha),
        Just(PayloadCodec::Avc444),
        Just(PayloadCodec::Avc444v2),
    ]
}

fn monitor() -> impl Strategy<Value = DesktopMonitor> {
    let edge = || -30_000..30_000;
    ((edge(), edge(), edge(), edge()), any::<bool>()).prop_map(|((l, t, r, b), is_primary)| {
        DesktopMonitor {
            rect: Rect::new(l, t, r, b),
            is_primary,
        }
    })
}

/// Commands as a graphics pipeline server sends them, but for starts of frames and progressive
/// payloads, which read back a little different.
fn pipeline_command() -> impl Strategy<Value = GraphicsCommand> {
    use GraphicsCommand::*;
    let context = || any::<u32>().prop_map(CodecContextId);
    let color = any::<[u8; 4]>().prop_map(|[blue, green, red, alpha]| Color {
        blue,
        green,
        red,
        alpha,
    });
    prop_oneof![
        (size(1), vec(monitor(), 0..17))
            .prop_map(|(size, monitors)| ResetGraphics { size, monitors }),
        (surface(), size(0), format()).prop_map(|(surface, size, format)| CreateSurface {
            surface,
            size,
            format
        }),
        surface().prop_map(|surface| DeleteSurface { surface }),
        (surface(), origin()).prop_map(|(surface, origin)| MapSurfaceToOutput { surface, origin }),
        (surface(), origin(), size(0)).prop_map(|(surface, origin, target)| {
            MapSurfaceToScaledOutput {
                surface,
                origin,
                target,
            }
        }),
        (surface(), any::<u64>(), size(0)).prop_map(|(surface, window, mapped)| {
            MapSurfaceToWindow {
                surface,
                window,
                mapped,
            }
        }),
        (surface(), any::<u64>(), size(0), size(0)).prop_map(
            |(surface, window, mapped, target)| MapSurfaceToScaledWindow {
                surface,
                window,
                mapped,
                target,
            }
        ),
        any::<u32>().prop_map(|id| EndFrame { frame: FrameId(id) }),
        (surface(), color, vec(rect(), 0..6)).prop_map(|(surface, color, rects)| SolidFill {
            surface,
            color,
            rects
        }),
        (surface(), surface(), rect(), points()).prop_map(|(source, destination, rect, points)| {
            SurfaceToSurface {
                source,
                destination,
                rect,
                points,
            }
        }),
        (surface(), any::<u64>(), slot(), rect()).prop_map(|(surface, key, slot, rect)| {
            SurfaceToCache {
                surface,
                key,
                slot,
                rect,
            }
        }),
        (slot(), surface(), points()).prop_map(|(slot, surface, points)| CacheToSurface {
            slot,
            surface,
            points
        }),
        slot().prop_map(|slot| EvictCache { slot }),
        (surface(), rect(), pipeline_codec(), format(), payload()).prop_map(
            |(surface, rect, codec, format, payload)| Draw {
                surface,
                rect,
                codec,
                format,
                payload,
            }
        ),
        (surface(), context())
            .prop_map(|(surface, context)| DeleteCodecContext { surface, context }),
    ]
}

fn capability_set() -> impl Strategy<Value = CapabilitySet> {
    (any::<u32>(), vec(any::<u8>(), 0..20)).prop_map(|(version, data)| CapabilitySet {
        version: PipelineVersion(version),
        data,
    })
}

fn client_pdu() -> impl Strategy<Value = PipelineClientPdu> {
    use PipelineClientPdu::*;
    let entry = (any::<u64>(), any::<u32>()).prop_map(|(key, length)| CacheEntry { key, length });
    prop_oneof![
        vec(capability_set(), 0..12).prop_map(CapabilitiesAdvertise),
        any::<[u32; 3]>().prop_map(|[queue_depth, frame, total_decoded]| FrameAcknowledge {
            queue_depth,
            frame: FrameId(frame),
            total_decoded,
        }),
        any::<(u32, u32, u16, u16)>().prop_map(
            |(frame, timestamp_ms, start_to_end_ms, end_to_shown_ms)| QoeFrameAcknowledge {
                frame: FrameId(frame),
                timestamp_ms,
                start_to_end_ms,
                end_to_shown_ms,
            }
        ),
        vec(entry, 0..20).prop_map(CacheImportOffer),
        (0x4000_u16.., vec(any::<u8>(), 0..20))
            .prop_map(|(command, body)| Unknown { command, body }),
    ]
}

fn server_pdu() -> impl Strategy<Value = PipelineServerPdu> {
    use PipelineServerPdu::*;
    prop_oneof![
        8 => pipeline_command().prop_map(Command),
        1 => any::<[u32; 2]>().prop_map(|[id, timestamp]| StartFrame {
            frame: FrameId(id),
            timestamp,
        }),
        1 => (surface(), any::<u32>(), format(), payload()).prop_map(
            |(surface, context, format, payload)| {
                Command(GraphicsCommand::Draw {
                    surface,
                    rect: Rect::default(),
                    codec: PayloadCodec::Progressive(CodecContextId(context)),
                    format,
                    payload,
                })
            }
        ),
        1 => capability_set().prop_map(CapabilitiesConfirm),
        1 => vec(slot(), 0..9).prop_map(CacheImportReply),
        1 => (0x4000_u16.., payload()).prop_map(|(command, body)| Unknown { command, body }),
    ]
}

/// A message of one plain segment.
fn segmented(plain: &[u8]) -> Vec<u8> {
    let mut message = vec![0xe0, 0x04];
    message.put(plain);
    message
}

/// Reads a whole decompressed message.
fn read_all(mut message: Bytes) -> Vec<PipelineServerPdu> {
    let mut pdus = Vec::new();
    while !message.is_empty() {
        match PipelineServerPdu::decode(&mut message) {
            Ok(pdu) => pdus.push(pdu),
            Err(_) => break,
        }
    }
    pdus
}

proptest! {
    #[test]
    fn pipeline_server_pdus_round_trip_several_to_a_message(pdus in vec(server_pdu(), 1..9)) {
        let mut plain = Vec::new();
        for pdu in &pdus {
            pdu.encode(&mut plain).unwrap();
        }
        prop_assert_eq!(read_all(plain.into()), pdus);
    }

    #[test]
    fn pipeline_client_pdus_round_trip(pdu in client_pdu()) {
        let bytes = pdu.to_vec();
        let read = PipelineClientPdu::decode(&mut Cursor::new(&bytes, "round trip"));
        prop_assert_eq!(read.unwrap(), pdu);
    }

    #[test]
    fn a_damaged_pipeline_message_never_panics(
        pdus in vec(server_pdu(), 1..5),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut plain = Vec::new();
        for pdu in &pdus {
            pdu.encode(&mut plain).unwrap();
        }
        for (index, byte) in damage {
            let index = index.index(plain.len());
            plain[index] = byte;
        }
        plain.truncate(cut.index(plain.len()) + 1);
        let now = Instant::now();
        let mut client = GraphicsPipelineClient::new(now, GraphicsSupport::default());
        let _ = client.handle_data(now, &segmented(&plain));
        let mut server = GraphicsPipelineServer::new(GraphicsSupport::default());
        let _ = server.handle_data(&plain);
    }

    #[test]
    fn a_damaged_client_pdu_never_panics(
        pdu in client_pdu(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = pdu.to_vec();
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let mut server = GraphicsPipelineServer::new(GraphicsSupport::default());
        let _ = server.handle_data(&bytes);
    }

    #[test]
    fn a_failed_encoding_leaves_the_buffer_as_it_was(x in 65_536_i32.., before in vec(any::<u8>(), 0..9)) {
        let mut out = before.clone();
        let wide = GraphicsCommand::SolidFill {
            surface: SurfaceId(1),
            color: Color { blue: 0, green: 0, red: 0, alpha: 0 },
            rects: vec![Rect::new(0, 0, 1, 1), Rect::new(0, 0, x, 1)],
        };
        prop_assert!(PipelineServerPdu::Command(wide).encode(&mut out).is_err());
        prop_assert_eq!(out, before);
    }
}

fn reader() -> UpdateReader {
    UpdateReader::new(UpdateReaderConfig {
        fragment_limit: 1 << 16,
        pointer_cache_slots: 8,
        codecs: SurfaceCodecIds::CUSTOMARY,
    })
}

const FULL: UpdateWriterConfig = UpdateWriterConfig {
    fast_path: true,
    fragment_limit: 1 << 16,
    no_bitmap_compression_header: false,
    surface_bits: true,
    frame_markers: true,
    codecs: SurfaceCodecIds::CUSTOMARY,
    color_pointer_slots: 8,
    new_pointer_slots: 8,
    large_pointers: LargePointerFlags::all(),
};

fn update_command() -> impl Strategy<Value = GraphicsCommand> {
    let codec = prop_oneof![
        Just(PayloadCodec::RemoteFx),
        Just(PayloadCodec::NsCodec),
        prop_oneof![Just(8), Just(16), Just(24), Just(32)]
            .prop_map(|bits_per_pixel| PayloadCodec::SurfaceBits { bits_per_pixel }),
        (
            prop_oneof![Just(8), Just(15), Just(16), Just(24), Just(32)],
            1_u32..100,
            1_u32..100
        )
            .prop_map(|(bits_per_pixel, width, height)| PayloadCodec::Bitmap {
                bits_per_pixel,
                is_compressed: true,
                size: Size::new(width, height),
            }),
    ];
    let rect = (0_i32..30_000, 0_i32..30_000, 1_u32..30_000, 1_u32..30_000).prop_map(
        |(left, top, width, height)| Rect::at(Point::new(left, top), Size::new(width, height)),
    );
    (rect, codec, vec(any::<u8>(), 0..40_000)).prop_map(|(rect, codec, payload)| {
        GraphicsCommand::Draw {
            surface: SurfaceId::PRIMARY,
            rect,
            codec,
            format: SurfaceFormat::Xrgb,
            payload: payload.into(),
        }
    })
}

fn pointer() -> impl Strategy<Value = PointerUpdate> {
    let shape = (
        1_u32..96,
        1_u32..96,
        prop_oneof![Just(1), Just(4), Just(8), Just(16), Just(24), Just(32)],
        vec(any::<u8>(), 0..2000),
        vec(any::<u8>(), 0..300),
    )
        .prop_map(|(width, height, bits_per_pixel, xor_mask, and_mask)| {
            PointerUpdate::Shape(Arc::new(PointerShape {
                size: Size::new(width, height),
                hotspot: Point::new(width as i32 - 1, 0),
                bits_per_pixel,
                xor_mask: xor_mask.into(),
                and_mask: and_mask.into(),
            }))
        });
    prop_oneof![
        Just(PointerUpdate::Hidden),
        Just(PointerUpdate::SystemDefault),
        (0_i32..65_536, 0_i32..65_536).prop_map(|(x, y)| PointerUpdate::Position(Point::new(x, y))),
        shape,
    ]
}

fn read(reader: &mut UpdateReader, pdus: Vec<OutputPdu>) -> Vec<UpdateEvent> {
    let mut events = Vec::new();
    for pdu in pdus {
        match pdu {
            OutputPdu::FastPath(pdu) => reader
                .handle_fast_path(
                    &pdu.to_vec().into(),
                    &mut BulkDecompressor::new(),
                    &mut events,
                )
                .unwrap(),
            OutputPdu::SlowPath { kind, payload } => reader
                .handle_slow_path(kind, &payload.into(), &mut events)
                .unwrap(),
        }
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn drawing_by_updates_reads_as_it_was_written(commands in vec(update_command(), 1..4)) {
        let mut writer = UpdateWriter::new(FULL);
        let mut pdus = Vec::new();
        for command in &commands {
            writer.write_graphics(command, &mut pdus).unwrap();
        }
        let expected: Vec<_> = commands.into_iter().map(UpdateEvent::Graphics).collect();
        prop_assert_eq!(read(&mut reader(), pdus), expected);
    }

    #[test]
    fn pointers_read_as_they_were_written(updates in vec(pointer(), 1..12), fast_path: bool) {
        let mut writer = UpdateWriter::new(UpdateWriterConfig { fast_path, ..FULL });
        let mut pdus = Vec::new();
        for update in &updates {
            writer.write_pointer(update, &mut pdus).unwrap();
        }
        let expected: Vec<_> = updates.into_iter().map(UpdateEvent::Pointer).collect();
        prop_assert_eq!(read(&mut reader(), pdus), expected);
    }
}

proptest! {
    #[test]
    fn random_updates_never_panic(all in vec((any::<u8>(), vec(any::<u8>(), 0..60)), 1..8)) {
        let mut reader = reader();
        let mut events = Vec::new();
        for (header, data) in all {
            // A PDU whose header is in order, with an update of any code and fragmentation.
            let mut pdu = vec![0, 5 + data.len() as u8, header & 0x3f];
            pdu.put_u16(data.len() as u16);
            pdu.put(&data);
            let _ = reader.handle_fast_path(&pdu.to_vec().into(), &mut BulkDecompressor::new(), &mut events);
            let data = Bytes::from(data);
            let _ = reader.handle_fast_path(&data, &mut BulkDecompressor::new(), &mut events);
            let _ = reader.handle_slow_path(data_kind::UPDATE, &data, &mut events);
            let _ = reader.handle_slow_path(data_kind::POINTER, &data, &mut events);
        }
    }

    #[test]
    fn random_messages_never_panic_a_dynamic_channel_end(
        all in vec(vec(any::<u8>(), 0..40), 1..20), commands in vec(0x10_u8..0xa0, 20),
    ) {
        let mut client = DynamicChannelsClient::new(["x"]);
        let mut server = DynamicChannelsServer::new();
        server.open("x");
        let create = DynamicPdu::CreateRequest {
            channel: DynamicChannelId(1),
            priority: 0,
            name: "x".to_owned(),
        };
        client.handle_data(&create.to_vec()).unwrap();
        for (mut message, command) in all.into_iter().zip(commands) {
            // Most of them hit the open channel.
            message.splice(0..0, [command & 0xfc, 1]);
            let _ = client.handle_data(&message);
            let _ = server.handle_data(&message);
        }
    }
}
