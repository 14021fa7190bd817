//! Channels, graphics, pointers and input against the examples of the specifications and captures
//! of others.
//!
//! The vectors lie beside the repository, in `shared/vectors`, or in the folder that `ORIEL_SHARED`
//! names; where they are absent the tests say so and pass.

mod support;

use std::time::Instant;

use bytes::Bytes;
use oriel_codecs::bulk::BulkDecompressor;
use oriel_codecs::{
    bulk::zgfx::Compressor,
    geometry::{Point, Rect, Size},
};
use oriel_protocol::{
    channels::{ChannelFlags, ChannelReassembler, dynamic::*, write_chunks},
    client::GraphicsSupport,
    graphics::{
        pdu::PipelineServerPdu,
        pipeline::{GraphicsPipelineClient, PipelineEvent},
        *,
    },
    input::{InputEvent, InputReader},
    updates::*,
    wire::WriteWire,
};

use support::vector;

#[test]
fn the_annotated_virtual_channel_pdu_is_one_message_of_eight_bytes() {
    let name = "bcgr_4.4_annotated-server-to-client-virtual-channel-pdu_2.bin";
    let Some(pdu) = vector("connection-sequence", name) else {
        return;
    };
    let mut reassembler = ChannelReassembler::new(1600);
    let message = reassembler
        .handle_chunk(&pdu, &mut BulkDecompressor::new())
        .unwrap()
        .unwrap();
    assert_eq!(*message, [3, 0, 1, 0, 0, 0, 0, 0]);
    let mut written = Vec::new();
    write_chunks(&message, 1600, ChannelFlags::empty(), None, |chunk| {
        written.extend_from_slice(chunk);
    });
    assert_eq!(written, pdu);
}

#[test]
fn the_annotated_opening_of_a_dynamic_channel_reads_as_annotated() {
    let vector = |name: &str| vector("dvc", name);
    let Some(capabilities) = vector("rdpedyc_4.1.1_dvc-capabilities-request-version2-pdu.bin")
    else {
        return;
    };
    assert_eq!(
        DynamicPdu::decode_from_server(&capabilities),
        Ok(DynamicPdu::CapabilitiesRequest {
            version: 2,
            priority_charges: Some([13107, 4369, 2621, 1191]),
        })
    );
    let channel = DynamicChannelId(3);
    let create = DynamicPdu::CreateRequest {
        channel,
        priority: 0,
        name: "testdvc".to_owned(),
    };
    let bytes = vector("rdpedyc_4.2.1_dvc-create-request-pdu.bin").unwrap();
    assert_eq!(DynamicPdu::decode_from_server(&bytes).as_ref(), Ok(&create));
    assert_eq!(create.to_vec(), bytes);

    // A client with that listener answers as the example's client does.
    let mut client = DynamicChannelsClient::new(["testdvc"]);
    client.handle_data(&capabilities).unwrap();
    assert_eq!(
        client.poll_transmit(),
        vector("rdpedyc_4.1.2_dvc-capabilities-response-pdu.bin")
    );
    client.handle_data(&bytes).unwrap();
    assert_eq!(
        client.poll_transmit(),
        vector("rdpedyc_4.2.2_dvc-create-response-pdu.bin")
    );
    let close = vector("rdpedyc_4.4.1_dvc-close-pdu.bin").unwrap();
    assert_eq!(DynamicPdu::Close { channel }.to_vec(), close);
    client.handle_data(&close).unwrap();
    let last = std::iter::from_fn(|| client.poll_event()).last();
    assert!(matches!(last, Some(DynamicChannelEvent::Closed { .. })));
}

/// A client with channel 3 open, and what it makes of `pdus`.
fn messages_on_channel_3(pdus: &[Vec<u8>]) -> Vec<Bytes> {
    let mut client = DynamicChannelsClient::new(["testdvc"]);
    let create = DynamicPdu::CreateRequest {
        channel: DynamicChannelId(3),
        priority: 0,
        name: "testdvc".to_owned(),
    };
    client.handle_data(&create.to_vec()).unwrap();
    for pdu in pdus {
        client.handle_data(pdu).unwrap();
    }
    std::iter::from_fn(|| client.poll_event())
        .filter_map(|event| match event {
            DynamicChannelEvent::Data { data, .. } => Some(data),
            _ => None,
        })
        .collect()
}

#[test]
fn the_annotated_message_in_three_plain_blocks_is_3195_bytes_of_q() {
    let names = [
        "rdpedyc_4.3.1_dvc-data-first-pdu.bin",
        "rdpedyc_4.3.2_dvc-data-pdu_1.bin",
        "rdpedyc_4.3.2_dvc-data-pdu_2.bin",
    ];
    let Some(pdus) = names.map(|name| vector("dvc", name)).into_iter().collect() else {
        return;
    };
    let pdus: Vec<Vec<u8>> = pdus;
    assert_eq!(messages_on_channel_3(&pdus), [vec![b'q'; 3195]]);
}

#[test]
fn the_annotated_message_in_three_compressed_blocks_is_3195_bytes_of_q() {
    let names = [
        "rdpedyc_4.3.3_dvc-data-first-compressed-pdu_1.bin",
        "rdpedyc_4.3.4_dvc-data-compressed-pdu_1.bin",
        "rdpedyc_4.3.4_dvc-data-compressed-pdu_3.bin",
    ];
    let Some(pdus) = names.map(|name| vector("dvc", name)).into_iter().collect() else {
        return;
    };
    let mut pdus: Vec<Vec<u8>> = pdus;
    // The third example lacks the descriptor that section 2.2.3.4 demands.
    pdus[2].insert(2, 0xe0);
    assert_eq!(messages_on_channel_3(&pdus), [vec![b'q'; 3195]]);
}

#[test]
fn a_captured_avc444_session_is_one_surface_and_five_frames() {
    let Some(stream) = vector("egfx-stream", "sample2_avc444.gfx") else {
        return;
    };
    let now = Instant::now();
    let mut client = GraphicsPipelineClient::new(now, GraphicsSupport::default());
    let mut message = Vec::new();
    Compressor::new().compress(&stream, &mut message);
    client.handle_data(now, &message).unwrap();
    let commands: Vec<_> = std::iter::from_fn(|| client.poll_event())
        .map(|event| match event {
            PipelineEvent::Command(command) => command,
            other => panic!("{other:?}"),
        })
        .collect();
    let size = Size::new(1024, 768);
    assert_eq!(
        commands[0],
        GraphicsCommand::ResetGraphics {
            size,
            monitors: vec![DesktopMonitor {
                // The capture's server counts the right and bottom edges one too far.
                rect: Rect::new(0, 0, 1025, 769),
                is_primary: true,
            }],
        }
    );
    assert!(matches!(
        commands[1],
        GraphicsCommand::CreateSurface { size: s, .. } if s == size
    ));
    assert!(matches!(
        commands[2],
        GraphicsCommand::MapSurfaceToScaledOutput { origin: Point { x: 0, y: 0 }, target, .. }
            if target == size
    ));
    let mut frames = 0;
    for (index, frame) in commands[3..].chunks(3).enumerate() {
        assert!(matches!(frame[0], GraphicsCommand::StartFrame { .. }));
        let GraphicsCommand::Draw {
            rect,
            codec,
            payload,
            ..
        } = &frame[1]
        else {
            panic!("{:?}", frame[1]);
        };
        assert_eq!(*codec, PayloadCodec::Avc444);
        assert!(size.to_rect().contains_rect(rect) && !payload.is_empty());
        // The last one is cut off before its end.
        if index < 4 {
            assert!(matches!(frame[2], GraphicsCommand::EndFrame { .. }));
        }
        frames += 1;
    }
    assert_eq!(frames, 5);
    assert_eq!(client.waiting_frames(), 4);
    assert_eq!(client.skipped_pdus(), 0);
}

#[test]
fn a_captured_stream_is_written_as_it_was_read() {
    let Some(stream) = vector("egfx-stream", "sample2_avc444.gfx") else {
        return;
    };
    let mut rest = Bytes::from(stream.clone());
    let mut written = Vec::new();
    while !rest.is_empty() {
        let pdu = PipelineServerPdu::decode(&mut rest).unwrap();
        pdu.encode(&mut written).unwrap();
    }
    // The surface's pad bytes are zeros on both sides, so all of it must be the same.
    assert!(written == stream);
}

fn shape_of(name: &str, code: u8) -> Option<PointerShape> {
    let body = vector("pointers", name)?;
    let mut pdu = vec![0];
    pdu.put_u16_be((6 + body.len()) as u16 | 0x8000);
    pdu.put_u8(code);
    pdu.put_u16(body.len() as u16);
    pdu.put(&body);
    let mut reader = UpdateReader::new(UpdateReaderConfig {
        fragment_limit: 0,
        pointer_cache_slots: 25,
        codecs: SurfaceCodecIds::default(),
    });
    let mut events = Vec::new();
    reader
        .handle_fast_path(&pdu.into(), &mut BulkDecompressor::new(), &mut events)
        .unwrap();
    match events.pop() {
        Some(UpdateEvent::Pointer(PointerUpdate::Shape(shape))) => Some((*shape).clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn captured_pointers_have_masks_of_the_length_that_their_size_asks_for() {
    for (name, code, depth) in [
        ("new_pointer_32bpp.bin", 0xb, 32),
        ("color_pointer_24bpp.bin", 0x9, 24),
    ] {
        let Some(shape) = shape_of(name, code) else {
            return;
        };
        assert_eq!(shape.bits_per_pixel, depth);
        let Size { width, height } = shape.size;
        assert_eq!((width, height), (41, 39));
        let row = (width * u32::from(depth) / 8).next_multiple_of(2);
        assert_eq!(shape.xor_mask.len() as u32, row * height);
        let row = width.div_ceil(8).next_multiple_of(2);
        assert_eq!(shape.and_mask.len() as u32, row * height);
        assert!(shape.hotspot.x < 41 && shape.hotspot.y < 39);
    }
}

#[test]
fn the_annotated_fast_path_input_is_a_move_and_its_encrypted_form_is_refused() {
    let name = |n| format!("bcgr_4.7_annotated-fast-path-input-event-pdu_{n}.bin");
    let (Some(encrypted), Some(events)) =
        (vector("fastpath", &name(1)), vector("fastpath", &name(2)))
    else {
        return;
    };
    let mut out = Vec::new();
    assert!(
        InputReader::new()
            .handle_fast_path(&encrypted, &mut out)
            .is_err()
    );
    let mut pdu = vec![0x04, 2 + events.len() as u8];
    pdu.extend(events);
    InputReader::new().handle_fast_path(&pdu, &mut out).unwrap();
    let position = Point::new(683, 367);
    assert_eq!(out, [InputEvent::MouseMove { position }]);
}
