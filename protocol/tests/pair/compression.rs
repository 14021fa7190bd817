//! Bulk compression: what is offered, what is picked, and what it saves.

use bytes::Bytes;
use oriel_codecs::{
    bulk::{BulkCompressor, CompressionLevel},
    geometry::{Rect, Size},
};
use oriel_protocol::{
    client::{ClientEvent, ProtocolError, StaticChannelRequest},
    gcc::ChannelOptions,
    graphics::*,
    mcs::{self, ChannelId, DomainPdu, UserId},
    server::ServerEvent,
    share::{SERVER_CHANNEL_ID, ShareContext, data_kind},
    wire::{DecodeError, WriteWire},
};

use crate::pair::{Pair, client_config, server_config};

const LEVELS: [Option<CompressionLevel>; 5] = [
    None,
    Some(CompressionLevel::K8),
    Some(CompressionLevel::K64),
    Some(CompressionLevel::Rdp6),
    Some(CompressionLevel::Rdp61),
];

/// A session that draws bitmaps, with a channel to be compressed and one that is not.
fn session(client: Option<CompressionLevel>, server: Option<CompressionLevel>) -> Pair {
    let mut client_config = client_config();
    client_config.graphics.pipeline = false;
    client_config.compression = client;
    let channel = |name: &str, options: ChannelOptions| StaticChannelRequest {
        name: name.to_owned(),
        options: options.bits(),
    };
    client_config.static_channels = vec![
        channel("packed", ChannelOptions::COMPRESS_RDP),
        channel("plain", ChannelOptions::empty()),
    ];
    let mut server_config = server_config();
    server_config.compression = server;
    Pair::active(client_config, server_config)
}

fn picture(seed: usize) -> GraphicsCommand {
    let rect = Rect::new(8, 4, 72, 44);
    GraphicsCommand::Draw {
        surface: SurfaceId::PRIMARY,
        rect,
        codec: PayloadCodec::Uncompressed,
        format: SurfaceFormat::Xrgb,
        payload: Bytes::from_iter((0..64 * 40 * 4).map(|at| (at / 4 % 50 + seed) as u8)),
    }
}

/// Draws some pictures; what arrives, and how many bytes that took.
fn drawn(pair: &mut Pair) -> (Vec<GraphicsCommand>, usize) {
    let before = pair.to_client.sent_bytes;
    for seed in 0..6 {
        pair.server.send_graphics(&picture(seed / 2)).unwrap();
        pair.run();
    }
    assert_eq!((&pair.client_error, &pair.server_error), (&None, &None));
    let events = std::mem::take(&mut pair.client_events).into_iter();
    let commands = events.filter_map(|event| match event {
        ClientEvent::Graphics(command) => Some(command),
        _ => None,
    });
    (commands.collect(), pair.to_client.sent_bytes - before)
}

#[test]
fn the_same_is_drawn_at_every_level_in_fewer_bytes() {
    let (plain, plain_bytes) = drawn(&mut session(None, None));
    assert!(!plain.is_empty());
    for client in LEVELS {
        for server in LEVELS {
            let mut pair = session(client, server);
            let (commands, bytes) = drawn(&mut pair);
            assert_eq!(commands, plain);
            // A picture has more than 8 KiB.
            let is_packed =
                matches!((client, server), (Some(a), Some(b)) if a.min(b) > CompressionLevel::K8);
            if is_packed {
                assert!(bytes * 20 < plain_bytes, "{client:?} {server:?}: {bytes}");
            } else {
                assert!(bytes <= plain_bytes, "{client:?} {server:?}: {bytes}");
            }
        }
    }
}

#[test]
fn nothing_is_compressed_for_a_recording() {
    // What it leaves out would be missing from the history.
    let mut config = client_config();
    config.keeps_recording = true;
    let pair = Pair::active(config, server_config());
    assert_eq!(pair.server.client().compression, None);
}

#[test]
fn the_server_knows_what_its_client_offers() {
    for level in LEVELS {
        let pair = session(level, None);
        assert_eq!(pair.server.client().compression, level);
    }
}

#[test]
fn histories_outlive_a_reactivation() {
    for level in LEVELS {
        let mut pair = session(level, level);
        let (_, first_bytes) = drawn(&mut pair);
        assert!(pair.server.resize(pair.now, Size::new(800, 600)));
        pair.run();
        pair.client_events.clear();
        let (commands, bytes) = drawn(&mut pair);
        assert!(commands.contains(&picture_as_bitmap(&commands, 0)));
        assert!(bytes <= first_bytes, "{level:?}");
    }
}

/// The first command, whose payload is the picture bottom row first.
fn picture_as_bitmap(commands: &[GraphicsCommand], seed: usize) -> GraphicsCommand {
    let GraphicsCommand::Draw { payload: sent, .. } = picture(seed) else {
        unreachable!()
    };
    let mut rows: Vec<&[u8]> = sent.chunks_exact(64 * 4).collect();
    rows.reverse();
    let mut first = commands[0].clone();
    if let GraphicsCommand::Draw { payload, .. } = &mut first {
        *payload = Bytes::from(rows.concat());
    }
    first
}

#[test]
fn channels_are_compressed_where_they_asked_for_it() {
    let message: Vec<u8> = (0..5000).map(|at| (at % 11) as u8).collect();
    for level in LEVELS {
        let mut pair = session(level, level);
        for (name, is_packed) in [("packed", level.is_some()), ("plain", false)] {
            let before = (pair.to_client.sent_bytes, pair.to_server.sent_bytes);
            assert!(pair.server.send_channel_data(name, &message));
            assert!(pair.client.send_channel_data(name, &message));
            pair.run();
            let to_client = pair.to_client.sent_bytes - before.0;
            let to_server = pair.to_server.sent_bytes - before.1;
            assert_eq!(to_client < 1000, is_packed, "{name} {level:?}: {to_client}");
            assert_eq!(to_server < 1000, is_packed, "{name} {level:?}: {to_server}");
            let data = Bytes::from(message.clone());
            let channel = name.to_owned();
            assert!(pair.client_events.iter().any(|event| matches!(
                event,
                ClientEvent::ChannelData { channel: c, data: d } if *c == channel && *d == data
            )));
            assert!(
                pair.server_events
                    .contains(&ServerEvent::ChannelData { channel, data })
            );
        }
    }
}

/// A data PDU of the server, as its compressor packs it.
fn slow_path(kind: u8, payload: &[u8], bulk: &mut BulkCompressor) -> Vec<u8> {
    let context = ShareContext {
        share_id: 0x0001_03ea,
        source: SERVER_CHANNEL_ID,
    };
    let mut data = Vec::new();
    context.write_compressed_data(kind, payload, Some(bulk), &mut data);
    let mut frame = Vec::new();
    mcs::write_frame(&mut frame, |out| {
        DomainPdu::SendDataIndication {
            initiator: UserId::SERVER,
            channel: ChannelId(1003),
            data: &data,
        }
        .encode(out);
    });
    frame
}

#[test]
fn slow_path_updates_share_the_history_with_all_else() {
    for level in CompressionLevel::ALL {
        // The server itself is silent, so that this compressor is the only one.
        let mut pair = session(Some(level), None);
        let mut bulk = BulkCompressor::new(level);
        // TS_UPDATE_PALETTE_DATA: 256 gray colors.
        let mut palette = vec![2, 0, 0, 0, 0, 1, 0, 0];
        (0..=255u8).for_each(|gray| palette.put(&[gray & 0xf0; 3]));
        for round in 0..3 {
            let frame = slow_path(data_kind::UPDATE, &palette, &mut bulk);
            assert!(frame.len() < [palette.len(), 120, 120][round], "{level:?}");
            pair.client.handle_data(pair.now, &frame).unwrap();
            let event = pair.client.poll_event();
            assert!(
                matches!(
                    event,
                    Some(ClientEvent::Graphics(GraphicsCommand::SetPalette { .. }))
                ),
                "{event:?}"
            );
        }
    }
}

#[test]
fn a_server_whose_data_does_not_decompress_is_to_blame() {
    let mut pair = session(Some(CompressionLevel::K64), None);
    let mut bulk = BulkCompressor::new(CompressionLevel::K64);
    let mut frame = slow_path(data_kind::UPDATE, &[7; 500], &mut bulk);
    let end = frame.len();
    frame[end - 3..].fill(0xff);
    let error = pair.client.handle_data(pair.now, &frame).unwrap_err();
    assert!(
        matches!(
            error,
            ProtocolError::Decode {
                source: DecodeError::Compression { .. },
                ..
            }
        ),
        "{error:?}"
    );
}
