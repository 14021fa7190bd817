use std::time::{Duration, Instant};

use oriel_codecs::bulk::zgfx::Compressor;
use oriel_codecs::geometry::{Point, Rect, Size};

use super::*;
use crate::{
    client::GraphicsSupport,
    graphics::{pdu::*, *},
    wire::DecodeError,
};

/// Client and server, wired back to back, under a clock that the test moves.
struct Pair {
    now: Instant,
    client: GraphicsPipelineClient,
    server: GraphicsPipelineServer,
}

impl Pair {
    fn new(client: GraphicsSupport, server: GraphicsSupport) -> Self {
        let now = Instant::now();
        Self {
            now,
            client: GraphicsPipelineClient::new(now, client),
            server: GraphicsPipelineServer::new(server),
        }
    }

    fn open() -> Self {
        let mut pair = Self::new(GraphicsSupport::default(), GraphicsSupport::default());
        pair.run();
        pair
    }

    fn run(&mut self) -> (Vec<PipelineEvent>, Vec<PipelineServerEvent>) {
        loop {
            let mut is_idle = true;
            while let Some(message) = self.client.poll_transmit() {
                self.server.handle_data(&message).unwrap();
                is_idle = false;
            }
            while let Some(message) = self.server.poll_transmit() {
                self.client.handle_data(self.now, &message).unwrap();
                is_idle = false;
            }
            if is_idle {
                break;
            }
        }
        (
            std::iter::from_fn(|| self.client.poll_event()).collect(),
            std::iter::from_fn(|| self.server.poll_event()).collect(),
        )
    }

    fn send(&mut self, command: GraphicsCommand) {
        self.server.send(&command).unwrap();
    }
}

fn report(frame: FrameId) -> FrameReport {
    FrameReport {
        frame,
        queue_depth: 0,
        decode_us: 1000,
        present_us: 7000,
    }
}

fn draw(surface: SurfaceId, codec: PayloadCodec, rect: Rect, payload: &[u8]) -> GraphicsCommand {
    GraphicsCommand::Draw {
        surface,
        rect,
        codec,
        format: SurfaceFormat::Xrgb,
        payload: bytes::Bytes::copy_from_slice(payload),
    }
}

#[test]
fn the_newest_version_is_agreed_on_and_both_sides_say_so() {
    let mut pair = Pair::new(GraphicsSupport::default(), GraphicsSupport::default());
    let (client, server) = pair.run();
    let set = CapabilitySet::new(PipelineVersion::V10_7, CapabilityFlags::empty());
    assert_eq!(client, [PipelineEvent::Confirmed(set)]);
    assert_eq!(
        server,
        [PipelineServerEvent::Ready(GraphicsTarget::Pipeline {
            version: PipelineVersion::V10_7,
            avc420: true,
            avc444: true,
            progressive: true,
            scaled_output: true,
            cache: CacheLimits::FULL,
        })]
    );
}

#[test]
fn nothing_is_drawn_before_the_client_has_answered() {
    let mut server = GraphicsPipelineServer::new(GraphicsSupport::default());
    let frame = FrameId(1);
    assert_eq!(
        server.send(&GraphicsCommand::StartFrame { frame }),
        Err(CommandError::NotReady)
    );
}

#[test]
fn commands_arrive_in_order_and_a_progressive_payload_covers_its_surface() {
    let mut pair = Pair::open();
    let surface = SurfaceId(3);
    let size = Size::new(640, 480);
    let codec = PayloadCodec::Progressive(CodecContextId(9));
    let mut commands = vec![
        GraphicsCommand::ResetGraphics {
            size,
            monitors: vec![DesktopMonitor {
                rect: size.to_rect(),
                is_primary: true,
            }],
        },
        GraphicsCommand::CreateSurface {
            surface,
            size,
            format: SurfaceFormat::Xrgb,
        },
        GraphicsCommand::MapSurfaceToOutput {
            surface,
            origin: Point::new(0, 0),
        },
        GraphicsCommand::StartFrame { frame: FrameId(1) },
        draw(surface, codec, size.to_rect(), b"progressive"),
        draw(
            surface,
            PayloadCodec::Planar,
            Rect::new(1, 2, 3, 4),
            b"planar",
        ),
        GraphicsCommand::EndFrame { frame: FrameId(1) },
    ];
    for command in &commands {
        pair.send(command.clone());
    }
    let (client, _) = pair.run();
    let drawn: Vec<_> = client
        .into_iter()
        .map(|event| match event {
            PipelineEvent::Command(command) => command,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(drawn, commands);

    // A surface that does not exist has no size to cover.
    commands.clear();
    pair.send(draw(SurfaceId(4), codec, size.to_rect(), b"lost"));
    let (client, _) = pair.run();
    assert_eq!(
        client,
        [PipelineEvent::Command(draw(
            SurfaceId(4),
            codec,
            Rect::default(),
            b"lost"
        ))]
    );
}

#[test]
fn a_frame_travels_in_one_message_whose_payloads_are_slices_of_it() {
    let mut pair = Pair::open();
    let frame = FrameId(1);
    pair.send(GraphicsCommand::StartFrame { frame });
    for text in [b"first", b"other"] {
        let rect = Rect::new(0, 0, 1, 1);
        pair.send(draw(SurfaceId(0), PayloadCodec::Planar, rect, text));
    }
    pair.send(GraphicsCommand::EndFrame { frame });
    let message = pair.server.poll_transmit().unwrap();
    assert_eq!(pair.server.poll_transmit(), None);
    pair.client.handle_data(pair.now, &message).unwrap();
    let payloads: Vec<_> = std::iter::from_fn(|| pair.client.poll_event())
        .filter_map(|event| match event {
            PipelineEvent::Command(GraphicsCommand::Draw { payload, .. }) => Some(payload),
            _ => None,
        })
        .collect();
    // Header 8, surface 2, codec 2, format 1, rectangle 8, length 4: the second one's.
    let gap = payloads[1].as_ptr() as usize - payloads[0].as_ptr() as usize;
    assert_eq!(gap, payloads[0].len() + 25);
}

#[test]
fn large_frames_are_cut_in_several_messages_between_pdus() {
    let mut pair = Pair::open();
    let frame = FrameId(1);
    // Not compressible to nothing: a counter.
    let payload: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let rect = Rect::new(0, 0, 10, 10);
    pair.send(GraphicsCommand::StartFrame { frame });
    for _ in 0..3 {
        pair.send(draw(SurfaceId(0), PayloadCodec::Avc420, rect, &payload));
    }
    pair.send(GraphicsCommand::EndFrame { frame });
    let (client, _) = pair.run();
    let expected = draw(SurfaceId(0), PayloadCodec::Avc420, rect, &payload);
    assert_eq!(client.len(), 5);
    for event in &client[1..4] {
        assert_eq!(event, &PipelineEvent::Command(expected.clone()));
    }
}

#[test]
fn a_report_acknowledges_its_frame_once_and_tells_times() {
    let mut pair = Pair::open();
    let frame = FrameId(7);
    pair.now += Duration::from_millis(500);
    pair.send(GraphicsCommand::StartFrame { frame });
    let start = pair.server.poll_transmit().unwrap();
    pair.client.handle_data(pair.now, &start).unwrap();
    pair.now += Duration::from_millis(3);
    pair.send(GraphicsCommand::EndFrame { frame });
    pair.run();
    assert_eq!(pair.server.outstanding_frames(), 1);
    assert_eq!(pair.client.waiting_frames(), 1);

    assert!(pair.client.acknowledge_frame(report(frame)));
    assert!(!pair.client.acknowledge_frame(report(frame)), "twice");
    assert!(
        !pair.client.acknowledge_frame(report(FrameId(8))),
        "unknown"
    );
    let (_, server) = pair.run();
    assert_eq!(
        server,
        [
            PipelineServerEvent::FrameAcknowledged {
                frame,
                queue_depth: 0,
                total_decoded: 1
            },
            PipelineServerEvent::FrameQuality {
                frame,
                start_to_end_ms: 3,
                end_to_shown_ms: 7
            }
        ]
    );
    assert_eq!(pair.server.outstanding_frames(), 0);
}

#[test]
fn the_quality_of_a_frame_is_reported_once_a_second() {
    let mut pair = Pair::open();
    let mut reported = Vec::new();
    for number in 0..25 {
        let frame = FrameId(number);
        pair.send(GraphicsCommand::StartFrame { frame });
        pair.send(GraphicsCommand::EndFrame { frame });
        pair.run();
        assert!(pair.client.acknowledge_frame(report(frame)));
        let (_, server) = pair.run();
        reported.extend(server.into_iter().filter_map(|event| match event {
            PipelineServerEvent::FrameQuality { frame, .. } => Some(frame.0),
            _ => None,
        }));
        assert_eq!(pair.server.outstanding_frames(), 0, "each is acknowledged");
        pair.now += Duration::from_millis(100);
    }
    assert_eq!(reported, [0, 10, 20]);
}

#[test]
fn quality_reports_are_not_sent_to_a_server_of_version_8() {
    let support = GraphicsSupport {
        avc444: false,
        ..GraphicsSupport::default()
    };
    let mut pair = Pair::new(support, support);
    pair.run();
    let frame = FrameId(1);
    pair.send(GraphicsCommand::EndFrame { frame });
    pair.run();
    pair.client.acknowledge_frame(report(frame));
    let (_, server) = pair.run();
    assert_eq!(server.len(), 1);
}

#[test]
fn a_client_that_suspends_is_not_waited_for_until_it_reports_again() {
    let mut pair = Pair::open();
    for frame in [FrameId(1), FrameId(2)] {
        pair.send(GraphicsCommand::EndFrame { frame });
    }
    pair.run();
    pair.client.suspend_acknowledgement();
    pair.run();
    assert!(pair.server.is_suspended());
    assert_eq!(pair.server.outstanding_frames(), 0);
    let frame = FrameId(3);
    pair.send(GraphicsCommand::EndFrame { frame });
    assert_eq!(pair.server.outstanding_frames(), 0);
    pair.run();
    pair.client.resume_acknowledgement();
    pair.client.acknowledge_frame(report(frame));
    pair.run();
    assert!(!pair.server.is_suspended());
}

#[test]
fn a_suspension_before_the_first_frame_is_told_with_that() {
    let mut pair = Pair::open();
    pair.client.suspend_acknowledgement();
    for frame in [FrameId(1), FrameId(2)] {
        pair.send(GraphicsCommand::EndFrame { frame });
        pair.run();
        pair.client.acknowledge_frame(report(frame));
        let (_, server) = pair.run();
        assert!(pair.server.is_suspended());
        let acknowledged = server
            .iter()
            .filter(|event| matches!(event, PipelineServerEvent::FrameAcknowledged { .. }));
        assert_eq!(acknowledged.count(), usize::from(frame == FrameId(1)));
    }
}

#[test]
fn a_queue_depth_is_never_taken_for_a_suspension() {
    let mut pair = Pair::open();
    let frame = FrameId(1);
    pair.send(GraphicsCommand::EndFrame { frame });
    pair.run();
    pair.client.acknowledge_frame(FrameReport {
        queue_depth: u32::MAX,
        ..report(frame)
    });
    pair.run();
    assert!(!pair.server.is_suspended());
}

#[test]
fn a_persistent_cache_is_offered_and_answered() {
    let mut pair = Pair::open();
    let entry = CacheEntry {
        key: 0x1234_5678_9abc_def0,
        length: 4096,
    };
    pair.client =
        GraphicsPipelineClient::with_cache(pair.now, GraphicsSupport::default(), vec![entry]);
    pair.server = GraphicsPipelineServer::new(GraphicsSupport::default());
    let (client, server) = pair.run();
    assert_eq!(server[1], PipelineServerEvent::CacheOffered(vec![entry]));
    assert_eq!(client[1], PipelineEvent::CacheImported(Vec::new()));
}

#[test]
fn a_confirmation_sent_twice_is_told_once_and_one_of_a_version_not_offered_is_refused() {
    let mut pair = Pair::open();
    let mut compressor = Compressor::new();
    let mut message = |version| {
        let set = CapabilitySet::new(version, CapabilityFlags::empty());
        let mut plain = Vec::new();
        PipelineServerPdu::CapabilitiesConfirm(set)
            .encode(&mut plain)
            .unwrap();
        let mut out = Vec::new();
        compressor.compress(&plain, &mut out);
        out
    };
    let mut client = GraphicsPipelineClient::new(pair.now, GraphicsSupport::default());
    let twice = [
        message(PipelineVersion::V10_7),
        message(PipelineVersion::V10_7),
    ];
    for message in twice {
        client.handle_data(pair.now, &message).unwrap();
    }
    assert!(client.poll_event().is_some());
    assert_eq!(client.poll_event(), None);
    let unknown = message(PipelineVersion(0x000B_0000));
    assert!(client.handle_data(pair.now, &unknown).is_err());
    pair.run();
}

#[test]
fn unknown_pdus_and_codecs_are_skipped_by_their_length() {
    let pair = Pair::open();
    let mut client = GraphicsPipelineClient::new(pair.now, GraphicsSupport::default());
    let frame = FrameId(5);
    let mut plain = Vec::new();
    let unknown = PipelineServerPdu::Unknown {
        command: 0x7777,
        body: bytes::Bytes::from_static(b"something new"),
    };
    unknown.encode(&mut plain).unwrap();
    // A wire-to-surface PDU with codec 0x0055.
    let new_codec = PipelineServerPdu::Unknown {
        command: 1,
        body: bytes::Bytes::from_static(&[0, 0, 0x55, 0, 0x20, 1, 2, 3]),
    };
    new_codec.encode(&mut plain).unwrap();
    PipelineServerPdu::Command(GraphicsCommand::EndFrame { frame })
        .encode(&mut plain)
        .unwrap();
    let mut message = Vec::new();
    Compressor::new().compress(&plain, &mut message);
    client.handle_data(pair.now, &message).unwrap();
    assert_eq!(
        client.poll_event(),
        Some(PipelineEvent::Command(GraphicsCommand::EndFrame { frame }))
    );
    assert_eq!(client.skipped_pdus(), 2);
}

#[test]
fn a_message_that_does_not_decompress_says_so() {
    let now = Instant::now();
    let mut client = GraphicsPipelineClient::new(now, GraphicsSupport::default());
    assert!(matches!(
        client.handle_data(now, b"no descriptor"),
        Err(DecodeError::Compression { .. })
    ));
}

#[test]
fn a_second_offer_starts_over_and_the_compression_goes_on() {
    let mut pair = Pair::open();
    pair.send(GraphicsCommand::EndFrame { frame: FrameId(1) });
    pair.run();
    let offer = PipelineClientPdu::CapabilitiesAdvertise(vec![CapabilitySet::new(
        PipelineVersion::V10_4,
        CapabilityFlags::empty(),
    )]);
    pair.server
        .handle_data(&crate::wire::Pdu::to_vec(&offer))
        .unwrap();
    assert_eq!(pair.server.outstanding_frames(), 0);
    let (client, server) = pair.run();
    assert!(matches!(server[..], [PipelineServerEvent::Ready(_)]));
    assert!(matches!(
        &client[..],
        [PipelineEvent::Confirmed(set)] if set.version == PipelineVersion::V10_4
    ));
}
