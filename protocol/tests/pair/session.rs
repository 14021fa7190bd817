//! A running session: drawing, input, size.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use oriel_codecs::geometry::{Point, Rect, Size};
use oriel_protocol::{
    client::{ClientEvent, MonitorLayout, StaticChannelRequest},
    graphics::*,
    input::{InputEvent, InputWriter, LockKeys, MouseButton, ScanCode, ScanCodePrefix},
    mcs::{self, ChannelId, DomainPdu, UserId},
    redirection::ServerRedirection,
    server::ServerEvent,
    share::{ShareContext, data_kind},
    wire::WriteWire,
};

use crate::pair::{DESKTOP, Pair, client_config, server_config};

fn bitmaps() -> Pair {
    let mut client = client_config();
    client.graphics.pipeline = false;
    Pair::active(client, server_config())
}

fn pipeline() -> Pair {
    Pair::active(client_config(), server_config())
}

fn drawn(pair: &mut Pair) -> Vec<GraphicsCommand> {
    pair.run();
    let events = std::mem::take(&mut pair.client_events);
    events
        .into_iter()
        .filter_map(|event| match event {
            ClientEvent::Graphics(command) => Some(command),
            _ => None,
        })
        .collect()
}

fn draw(surface: SurfaceId, rect: Rect) -> GraphicsCommand {
    let bytes = rect.size().area() as usize * 4;
    GraphicsCommand::Draw {
        surface,
        rect,
        codec: PayloadCodec::Uncompressed,
        format: SurfaceFormat::Xrgb,
        payload: Bytes::from_iter((0..bytes).map(|at| (at * 7 + at / 256) as u8)),
    }
}

#[test]
fn surface_commands_of_every_codec_arrive_as_they_were_sent() {
    for has_remote_fx in [false, true] {
        let mut client = client_config();
        client.graphics.pipeline = false;
        client.graphics.remote_fx = has_remote_fx;
        let mut pair = Pair::active(client, server_config());
        drawn(&mut pair);
        let raw = PayloadCodec::SurfaceBits { bits_per_pixel: 32 };
        for codec in [
            raw,
            PayloadCodec::NsCodec,
            PayloadCodec::RemoteFx,
            PayloadCodec::Jpeg,
        ] {
            let command = GraphicsCommand::Draw {
                surface: SurfaceId::PRIMARY,
                rect: Rect::new(3, 5, 103, 65),
                codec,
                format: SurfaceFormat::Xrgb,
                payload: Bytes::from(vec![7; 100 * 60 * 4]),
            };
            let sent = pair.server.send_graphics(&command);
            if codec == PayloadCodec::RemoteFx && !has_remote_fx {
                assert!(matches!(sent, Err(CommandError::Unsupported(_))));
                continue;
            }
            assert_eq!(sent, Ok(()));
            assert_eq!(drawn(&mut pair), [command]);
        }
    }
}

#[test]
fn what_the_server_draws_in_the_pipeline_is_what_the_client_is_told() {
    let mut pair = pipeline();
    let surface = SurfaceId(7);
    let commands = vec![
        GraphicsCommand::ResetGraphics {
            size: DESKTOP,
            monitors: vec![DesktopMonitor {
                rect: DESKTOP.to_rect(),
                is_primary: true,
            }],
        },
        GraphicsCommand::CreateSurface {
            surface,
            size: DESKTOP,
            format: SurfaceFormat::Xrgb,
        },
        GraphicsCommand::MapSurfaceToOutput {
            surface,
            origin: Point::default(),
        },
        GraphicsCommand::StartFrame { frame: FrameId(1) },
        GraphicsCommand::SolidFill {
            surface,
            color: Color {
                blue: 1,
                green: 2,
                red: 3,
                alpha: 0xff,
            },
            rects: vec![Rect::new(0, 0, 100, 100), Rect::new(200, 0, 300, 50)],
        },
        draw(surface, Rect::new(16, 16, 16 + 200, 16 + 150)),
        GraphicsCommand::SurfaceToCache {
            surface,
            key: 0x1234_5678_9abc_def0,
            slot: CacheSlot(1),
            rect: Rect::new(0, 0, 64, 64),
        },
        GraphicsCommand::CacheToSurface {
            slot: CacheSlot(1),
            surface,
            points: vec![Point::new(500, 300), Point::new(600, 300)],
        },
        GraphicsCommand::EndFrame { frame: FrameId(1) },
    ];
    for command in &commands {
        pair.server.send_graphics(command).unwrap();
    }
    assert_eq!(drawn(&mut pair), commands);

    pair.client.acknowledge_frame(
        pair.now,
        FrameReport {
            frame: FrameId(1),
            queue_depth: 4096,
            decode_us: 2000,
            present_us: 3000,
        },
    );
    pair.run();
    assert!(
        pair.server_events
            .contains(&ServerEvent::FrameAcknowledged {
                frame: FrameId(1),
                queue_depth: 4096,
                total_decoded: 1,
            })
    );
}

#[test]
fn without_the_pipeline_bitmaps_arrive_on_the_primary_surface() {
    let mut pair = bitmaps();
    let surface = SurfaceId::PRIMARY;
    let commands = [
        GraphicsCommand::StartFrame { frame: FrameId(5) },
        draw(surface, Rect::new(0, 0, 64, 40)),
        GraphicsCommand::EndFrame { frame: FrameId(5) },
    ];
    for command in &commands {
        pair.server.send_graphics(command).unwrap();
    }
    let drawn = drawn(&mut pair);
    let GraphicsCommand::Draw { payload, .. } = &commands[1] else {
        unreachable!()
    };
    let mut rows = Vec::new();
    for command in &drawn {
        match command {
            GraphicsCommand::StartFrame { frame } | GraphicsCommand::EndFrame { frame } => {
                assert_eq!(*frame, FrameId(5));
            }
            GraphicsCommand::Draw {
                surface: SurfaceId::PRIMARY,
                rect,
                payload,
                ..
            } => rows.push((*rect, payload.clone())),
            other => panic!("{other:?}"),
        }
    }
    let covered = rows
        .iter()
        .fold(Rect::default(), |all, (rect, _)| all.union(rect));
    assert_eq!(covered, Rect::new(0, 0, 64, 40));
    let bytes: usize = rows.iter().map(|(_, payload)| payload.len()).sum();
    assert_eq!(bytes, payload.len());

    let report = FrameReport {
        frame: FrameId(5),
        queue_depth: 0,
        decode_us: 0,
        present_us: 0,
    };
    pair.client.acknowledge_frame(pair.now, report);
    pair.run();
    assert!(pair.server_events.iter().any(|event| matches!(
        event,
        ServerEvent::FrameAcknowledged {
            frame: FrameId(5),
            ..
        }
    )));
}

#[test]
fn a_pointer_arrives_whole_once_and_by_name_after_that() {
    let mut pair = bitmaps();
    let shape = Arc::new(PointerShape {
        size: Size::new(16, 16),
        hotspot: Point::new(3, 4),
        bits_per_pixel: 32,
        // Too much of a muddle for the compressor.
        xor_mask: Bytes::from_iter(
            (0..16 * 16 * 4u32).map(|at| (at.wrapping_mul(0x9E37_79B1) >> 23) as u8),
        ),
        and_mask: Bytes::from(vec![0; 16 * 2]),
    });
    let updates = [
        PointerUpdate::Shape(shape.clone()),
        PointerUpdate::Hidden,
        PointerUpdate::SystemDefault,
        PointerUpdate::Position(Point::new(9, 8)),
        PointerUpdate::Shape(shape),
    ];
    let mut sizes = Vec::new();
    for update in &updates {
        let before = pair.to_client.sent_bytes;
        pair.server.send_pointer(update).unwrap();
        pair.run();
        sizes.push(pair.to_client.sent_bytes - before);
    }
    let seen: Vec<_> = std::mem::take(&mut pair.client_events)
        .into_iter()
        .map(|event| match event {
            ClientEvent::Pointer(update) => update,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seen, updates);
    assert!(sizes[0] > 500 && sizes[4] < 20, "{sizes:?}");
}

fn input() -> Vec<InputEvent> {
    let scan_code = ScanCode {
        code: 0x1d,
        prefix: ScanCodePrefix::Extended,
    };
    let position = Point::new(640, 360);
    vec![
        InputEvent::Synchronize {
            locks: LockKeys::NUM | LockKeys::CAPS,
        },
        InputEvent::Key {
            scan_code,
            is_pressed: true,
        },
        InputEvent::Key {
            scan_code,
            is_pressed: false,
        },
        InputEvent::Unicode {
            unit: 0x6f22,
            is_pressed: true,
        },
        InputEvent::MouseMove { position },
        InputEvent::MouseButton {
            position,
            button: MouseButton::Back,
            is_pressed: true,
        },
        InputEvent::VerticalWheel {
            position,
            delta: -120,
        },
        InputEvent::HorizontalWheel {
            position,
            delta: 120,
        },
    ]
}

fn received_input(pair: &mut Pair) -> Vec<InputEvent> {
    pair.run();
    let events = std::mem::take(&mut pair.server_events);
    events
        .into_iter()
        .filter_map(|event| match event {
            ServerEvent::Input(event) => Some(event),
            _ => None,
        })
        .collect()
}

#[test]
fn every_kind_of_input_arrives_in_order_on_both_paths() {
    let mut pair = pipeline();
    pair.client.send_input(&input());
    assert_eq!(received_input(&mut pair), input());

    // Slow path, as clients without the fast one send it. Relative input aside, the flags of the
    // server do not matter to the writer here.
    let writer = InputWriter::new(oriel_protocol::capabilities::InputFlags::all());
    let body = writer.write_slow_path(&input()).unwrap();
    let context = ShareContext {
        share_id: 0x0001_03ea,
        source: 1005,
    };
    let mut pdu = Vec::new();
    context.write_raw_data(data_kind::INPUT, &mut pdu, |out| out.put(&body));
    let mut frame = Vec::new();
    mcs::write_frame(&mut frame, |out| {
        DomainPdu::SendDataRequest {
            initiator: UserId(1005),
            channel: ChannelId(1003),
            data: &pdu,
        }
        .encode(out);
    });
    pair.inject_to_server(frame);
    assert_eq!(received_input(&mut pair), input());
    assert_eq!(pair.server_error, None);
}

#[test]
fn a_layout_that_the_client_asks_for_becomes_a_reset_of_the_pipeline() {
    let mut pair = pipeline();
    let layout = [MonitorLayout::single(Size::new(1600, 900))];
    assert!(pair.client.request_layout(&layout));
    pair.run();
    assert!(
        pair.server_events
            .contains(&ServerEvent::LayoutRequested(layout.to_vec()))
    );
    assert!(pair.server.resize(pair.now, Size::new(1600, 900)));
    assert_eq!(
        drawn(&mut pair),
        [GraphicsCommand::ResetGraphics {
            size: Size::new(1600, 900),
            monitors: Vec::new(),
        }]
    );
    assert_eq!(pair.server.client().desktop, Size::new(1600, 900));
    assert_eq!(pair.server.client().monitors, layout);
}

#[test]
fn a_layout_that_breaks_the_rules_is_ignored() {
    let mut pair = pipeline();
    let far = MonitorLayout {
        rect: Rect::new(5000, 0, 6000, 1000),
        is_primary: false,
        ..MonitorLayout::single(DESKTOP)
    };
    pair.client
        .request_layout(&[MonitorLayout::single(DESKTOP), far]);
    pair.run();
    assert_eq!(pair.server_error, None);
    assert!(pair.server_events.is_empty());
}

#[test]
fn without_the_pipeline_a_resize_reactivates_and_drawing_goes_on() {
    let mut pair = bitmaps();
    let size = Size::new(1024, 768);
    assert!(pair.server.resize(pair.now, size));
    let early = pair
        .server
        .send_graphics(&draw(SurfaceId::PRIMARY, Rect::new(0, 0, 8, 8)));
    assert_eq!(early, Err(CommandError::NotReady));
    // Input that is on its way when the share ends is not lost.
    pair.client.send_input(&input());
    pair.run();
    assert_eq!((&pair.client_error, &pair.server_error), (&None, &None));
    assert!(pair.client_events.iter().any(|event| matches!(
        event,
        ClientEvent::Active { desktop, is_reactivation: true } if *desktop == size
    )));
    assert!(pair.server_events.iter().any(|event| matches!(
        event,
        ServerEvent::Active { client, is_reactivation: true } if client.desktop == size
    )));
    assert!(pair.server_events.iter().any(|event| matches!(
        event,
        ServerEvent::GraphicsReady(GraphicsTarget::Bitmaps(_))
    )));
    assert_eq!(received_input(&mut pair), input());
    assert!(drawn(&mut pair).contains(&GraphicsCommand::ResetGraphics {
        size,
        monitors: Vec::new(),
    }));
    pair.server
        .send_graphics(&draw(SurfaceId::PRIMARY, Rect::new(0, 0, 8, 8)))
        .unwrap();
    assert_eq!(drawn(&mut pair).len(), 1);
}

#[test]
fn a_second_resize_during_a_reactivation_is_carried_out_after_it() {
    let mut pair = bitmaps();
    assert!(pair.server.resize(pair.now, Size::new(1024, 768)));
    assert!(pair.server.resize(pair.now, Size::new(800, 600)));
    pair.run();
    let sizes: Vec<_> = pair
        .server_events
        .iter()
        .filter_map(|event| match event {
            ServerEvent::Active { client, .. } => Some(client.desktop),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [Size::new(800, 600)], "only the last one is drawn");
    assert_eq!((&pair.client_error, &pair.server_error), (&None, &None));
}

#[test]
fn what_is_visible_and_what_is_stale_reaches_the_server() {
    let mut pair = pipeline();
    pair.client.suppress_output(None);
    pair.client.suppress_output(Some(DESKTOP.to_rect()));
    let areas = [Rect::new(0, 0, 10, 10), Rect::new(5, 6, 70, 80)];
    pair.client.refresh(&areas);
    pair.run();
    assert_eq!(
        Vec::from(pair.server_events),
        [
            ServerEvent::SuppressOutput(None),
            ServerEvent::SuppressOutput(Some(DESKTOP.to_rect())),
            ServerEvent::RefreshRequested(areas.to_vec()),
        ]
    );
}

#[test]
fn lights_beeps_and_redirections_reach_the_client() {
    let mut pair = pipeline();
    pair.server.set_keyboard_indicators(LockKeys::CAPS);
    pair.server.beep(Duration::from_millis(150), 880);
    let redirection = ServerRedirection {
        session_id: 3,
        target_address: Some("192.0.2.7".to_owned()),
        ..Default::default()
    };
    pair.server.redirect(&redirection);
    pair.run();
    let events = Vec::from(pair.client_events);
    assert!(
        matches!(
            &events[..],
            [
                ClientEvent::KeyboardIndicators(LockKeys::CAPS),
                ClientEvent::Beep {
                    duration_ms: 150,
                    frequency_hz: 880
                },
                ClientEvent::Redirect(target),
            ] if **target == redirection
        ),
        "{events:?}"
    );
}

#[test]
fn messages_of_static_channels_arrive_whole_both_ways() {
    let mut config = client_config();
    config.static_channels = vec![StaticChannelRequest {
        name: "cliprdr".to_owned(),
        options: 0,
    }];
    let mut pair = Pair::active(config, server_config());
    let message: Vec<u8> = (0..5000u32).map(|at| at as u8).collect();
    assert!(pair.client.send_channel_data("cliprdr", &message));
    assert!(pair.server.send_channel_data("cliprdr", &message));
    assert!(!pair.server.send_channel_data("rdpsnd", &message));
    pair.run();
    assert!(pair.server_events.iter().any(|event| matches!(
        event,
        ServerEvent::ChannelData { channel, data } if channel == "cliprdr" && data == &message
    )));
    assert!(pair.client_events.iter().any(|event| matches!(
        event,
        ClientEvent::ChannelData { channel, data } if channel == "cliprdr" && data == &message
    )));
}

#[test]
fn a_server_that_has_nothing_to_say_sends_heartbeats() {
    let mut server = server_config();
    server.heartbeat_period_s = Some(5);
    let mut pair = Pair::active(client_config(), server);
    let before = pair.to_client.sent_bytes;
    pair.run_for(Duration::from_secs(60));
    // Twelve are due; the first is spared, as the session's start was heard just before.
    // TPKT 4, X.224 3, MCS 7, security header 4, heartbeat 4.
    assert_eq!(pair.to_client.sent_bytes - before, 11 * 22);
    assert_eq!((&pair.client_error, &pair.server_error), (&None, &None));
    assert_eq!(pair.client.step(), pair.server.step());
}
