//! The running session, and its end.

use std::time::Duration;

use bytes::Bytes;
use oriel_codecs::geometry::{Rect, Size};
use oriel_protocol::{
    autodetect::{
        AutodetectRequest, AutodetectRequestKind, AutodetectResponse, AutodetectResponseKind, Phase,
    },
    client::{ClientEvent, ConnectionStep, DisconnectReason, ProtocolError},
    error_info::ErrorInfo,
    framing::Frame,
    graphics::{GraphicsCommand, PointerUpdate, SurfaceId},
    heartbeat::Heartbeat,
    input::{InputEvent, ScanCode, ScanCodePrefix},
    mcs::{DisconnectReason as McsReason, DomainPdu},
    multitransport::{
        InitiateMultitransportRequest, InitiateMultitransportResponse, SecurityCookie,
        TransportKind,
    },
    security::{SecurityFlags, SecurityHeader},
    share::{
        DataPdu, DeactivateAll, SERVER_CHANNEL_ID, SaveSessionInfoPdu, SetErrorInfoPdu,
        ShareControlPdu, ShareDataPdu, data_kind,
    },
    wire::{Cursor, Pdu},
};

use crate::script::*;

/// Kinds of the data PDUs that the client has sent since the last call.
fn data_kinds(script: &mut Script) -> Vec<u8> {
    script
        .take_data()
        .into_iter()
        .map(|(_, data)| {
            let control = ShareControlPdu::read(&mut Cursor::new(&data, "test"))
                .unwrap()
                .unwrap();
            ShareDataPdu::read(control.body).unwrap().kind
        })
        .collect()
}

fn active() -> Script {
    let mut script = Script::at(Stage::Active);
    script.take_frames();
    script.events.clear();
    script
}

/// A fast-path PDU that hides the pointer.
const HIDE_POINTER: [u8; 5] = [0, 5, 5, 0, 0];

fn deactivate_all() -> Vec<u8> {
    let mut data = Vec::new();
    DeactivateAll { share_id: SHARE_ID }.write(SERVER_CHANNEL_ID, &mut data);
    on_channel(IO_CHANNEL, &data)
}

#[test]
fn bitmaps_have_a_surface_to_go_to() {
    let script = Script::at(Stage::Active);
    let commands: Vec<_> = script
        .events
        .iter()
        .skip_while(|event| !matches!(event, ClientEvent::Active { .. }))
        .filter_map(|event| match event {
            ClientEvent::Graphics(command) => Some(command),
            _ => None,
        })
        .collect();
    assert!(
        matches!(
            commands[..],
            [
                GraphicsCommand::ResetGraphics { size: DESKTOP, .. },
                GraphicsCommand::CreateSurface {
                    surface: SurfaceId::PRIMARY,
                    size: DESKTOP,
                    ..
                },
                GraphicsCommand::MapSurfaceToOutput {
                    surface: SurfaceId::PRIMARY,
                    ..
                },
            ]
        ),
        "{commands:?}"
    );
}

#[test]
fn a_reactivation_brings_another_size() {
    let mut script = active();
    script.receive(&deactivate_all()).unwrap();
    assert_eq!(script.client.step(), ConnectionStep::CapabilityExchange);
    assert!(script.client.poll_timeout().is_some());
    let press = InputEvent::Key {
        scan_code: ScanCode {
            code: 0x1e,
            prefix: ScanCodePrefix::None,
        },
        is_pressed: true,
    };
    script.client.send_input(&[press]);
    assert!(script.take_frames().is_empty(), "no input between shares");
    let size = Size::new(1024, 768);
    script.receive(&demand_active(size)).unwrap();
    script.pass(Stage::FontMap).unwrap();
    assert!(
        matches!(
            script.events[..],
            [
                ClientEvent::Active {
                    desktop,
                    is_reactivation: true,
                },
                ClientEvent::Graphics(GraphicsCommand::ResetGraphics { .. }),
                ClientEvent::Graphics(GraphicsCommand::CreateSurface { .. }),
                ClientEvent::Graphics(GraphicsCommand::MapSurfaceToOutput { .. }),
            ] if desktop == size
        ),
        "{:?}",
        script.events
    );
}

#[test]
fn capabilities_that_come_twice_are_answered_twice() {
    let mut script = Script::at(Stage::FontMap);
    script.take_frames();
    script.pass(Stage::DemandActive).unwrap();
    assert_eq!(script.take_data().len(), 5, "confirmed and finalized anew");
    script.pass(Stage::FontMap).unwrap();
    assert_eq!(script.client.step(), ConnectionStep::Active);
}

#[test]
fn drawing_before_the_font_map_starts_the_session() {
    let mut script = Script::at(Stage::FontMap);
    script.events.clear();
    script.receive(&HIDE_POINTER).unwrap();
    assert!(matches!(
        script.events[1],
        ClientEvent::Active {
            is_reactivation: false,
            ..
        }
    ));
    assert!(matches!(
        script.events.last(),
        Some(ClientEvent::Pointer(PointerUpdate::Hidden))
    ));
    script.events.clear();
    script.pass(Stage::FontMap).unwrap();
    assert!(script.events.is_empty(), "once is enough");
}

#[test]
fn input_takes_the_fast_path_where_the_server_does() {
    let mut script = active();
    let press = InputEvent::Key {
        scan_code: ScanCode {
            code: 0x1e,
            prefix: ScanCodePrefix::None,
        },
        is_pressed: true,
    };
    script.client.send_input(&[press]);
    let frames = script.take_frames();
    assert_eq!(
        frames,
        [Frame::FastPath(Bytes::from_static(&[4, 4, 0, 0x1e]))]
    );
    assert_eq!(script.client.statistics().input_events_sent, 1);
}

#[test]
fn suppress_and_refresh_reach_the_server() {
    let mut script = active();
    script.client.suppress_output(None);
    script.client.suppress_output(Some(DESKTOP.to_rect()));
    script
        .client
        .refresh(&[Rect::new(-5, -5, 10, 10), Rect::new(9000, 0, 9100, 10)]);
    assert_eq!(
        data_kinds(&mut script),
        [
            data_kind::SUPPRESS_OUTPUT,
            data_kind::SUPPRESS_OUTPUT,
            data_kind::REFRESH_RECT
        ]
    );
}

#[test]
fn an_offer_of_udp_is_declined_at_once() {
    // Even before the licence: servers offer it there.
    let mut script = Script::at(Stage::Licence);
    script.take_frames();
    let request = InitiateMultitransportRequest {
        request_id: 77,
        kind: TransportKind::Reliable,
        cookie: SecurityCookie([9; 16]),
    };
    script
        .receive(&flagged(
            MESSAGE_CHANNEL,
            SecurityFlags::TRANSPORT_REQ,
            &request,
        ))
        .unwrap();
    let sent = script.take_data();
    let [(MESSAGE_CHANNEL, data)] = &sent[..] else {
        panic!("one answer");
    };
    let mut cursor = Cursor::new(data, "test");
    assert_eq!(
        SecurityHeader::decode(&mut cursor).unwrap().flags,
        SecurityFlags::TRANSPORT_RSP
    );
    let response = InitiateMultitransportResponse::decode(&mut cursor).unwrap();
    assert_eq!(response.request_id, 77);
    assert_eq!(response.result, InitiateMultitransportResponse::DECLINED);
    assert!(script.client.offer().multitransport_offered);
}

#[test]
fn the_link_is_measured_when_the_server_asks() {
    let mut script = active();
    let mut ask = |kind| {
        let request = AutodetectRequest { sequence: 5, kind };
        let bytes = flagged(MESSAGE_CHANNEL, SecurityFlags::AUTODETECT_REQ, &request);
        script.receive(&bytes).unwrap();
        script.now += Duration::from_millis(40);
        script
            .take_data()
            .into_iter()
            .map(|(_, data)| {
                let mut cursor = Cursor::new(&data[4..], "test");
                AutodetectResponse::decode(&mut cursor).unwrap().kind
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ask(AutodetectRequestKind::Rtt(Phase::Continuous)),
        [AutodetectResponseKind::Rtt]
    );
    assert!(ask(AutodetectRequestKind::BandwidthStart(Phase::Continuous)).is_empty());
    let answer = ask(AutodetectRequestKind::BandwidthStop(
        Phase::Continuous,
        Vec::new(),
    ));
    assert!(
        matches!(
            answer[..],
            [AutodetectResponseKind::Bandwidth {
                duration_ms: 40,
                bytes: 1..,
                ..
            }]
        ),
        "{answer:?}"
    );
    let told = ask(AutodetectRequestKind::NetworkCharacteristics {
        base_rtt_ms: Some(3),
        bandwidth_kbps: Some(100_000),
        average_rtt_ms: 7,
    });
    assert!(told.is_empty());
    assert_eq!(script.client.offer().server_rtt_ms, Some(7));
}

#[test]
fn heartbeats_that_cease_are_a_timeout() {
    let mut script = active();
    let heartbeat = Heartbeat {
        period_s: 5,
        warn_after: 2,
        reconnect_after: 3,
    };
    let bytes = flagged(MESSAGE_CHANNEL, SecurityFlags::HEARTBEAT, &heartbeat);
    script.receive(&bytes).unwrap();
    assert_eq!(script.advance(Duration::from_secs(34)), Ok(()));
    script.receive(&HIDE_POINTER).unwrap();
    assert_eq!(
        script.advance(Duration::from_secs(34)),
        Ok(()),
        "anything is a sign of life"
    );
    assert_eq!(
        script.advance(Duration::from_secs(1)),
        Err(ProtocolError::Timeout {
            step: ConnectionStep::Active
        })
    );
}

#[test]
fn news_of_the_sign_in_are_told() {
    let mut script = active();
    script
        .receive(&data(&DataPdu::SaveSessionInfo(
            SaveSessionInfoPdu::PlainNotify,
        )))
        .unwrap();
    assert!(matches!(
        script.events[..],
        [ClientEvent::SignedIn {
            session_id: None,
            ..
        }]
    ));
}

#[test]
fn the_servers_reason_goes_before_how_the_connection_ended() {
    let error_info = ErrorInfo(0x0c);
    let told = data(&DataPdu::SetErrorInfo(SetErrorInfoPdu { error_info }));
    let ultimatum = domain(DomainPdu::DisconnectProviderUltimatum(
        McsReason::PROVIDER_INITIATED,
    ));
    let mut script = active();
    script
        .receive(&[told.clone(), ultimatum.clone()].concat())
        .unwrap();
    assert!(matches!(
        script.events[..],
        [ClientEvent::Disconnected(DisconnectReason::ErrorInfo(info))] if info == error_info
    ));

    let mut script = active();
    script.receive(&told).unwrap();
    script.client.handle_stream_closed(script.now);
    script.poll();
    assert!(matches!(
        script.events[..],
        [ClientEvent::Disconnected(DisconnectReason::ErrorInfo(_))]
    ));

    let mut script = active();
    script.receive(&ultimatum).unwrap();
    assert!(matches!(
        script.events[..],
        [ClientEvent::Disconnected(
            DisconnectReason::ProviderUltimatum(1)
        )]
    ));
    assert_eq!(
        script.receive(&HIDE_POINTER),
        Ok(()),
        "nobody listens any more"
    );
    assert_eq!(script.events.len(), 1);
}

#[test]
fn the_client_leaves_in_order() {
    let own_end = |script: &mut Script| {
        script.poll();
        assert!(
            matches!(
                script.events[..],
                [ClientEvent::Disconnected(DisconnectReason::ClientRequest)]
            ),
            "{:?}",
            script.events
        );
    };
    // The server declines, since a user is signed in.
    let mut script = active();
    script.client.disconnect(script.now);
    assert_eq!(data_kinds(&mut script), [data_kind::SHUTDOWN_REQUEST]);
    script.receive(&data(&DataPdu::ShutdownDenied)).unwrap();
    own_end(&mut script);
    let frames = script.take_frames();
    assert!(
        matches!(&frames[..], [Frame::Tpkt(payload)] if payload[..] == [2, 0xf0, 0x80, 0x21, 0x80]),
        "a provider ultimatum: {frames:?}"
    );
    // The server closes.
    let mut script = active();
    script.client.disconnect(script.now);
    script.client.handle_stream_closed(script.now);
    own_end(&mut script);
    // The server says nothing.
    let mut script = active();
    script.client.disconnect(script.now);
    let deadline = script.client.poll_timeout().expect("not for ever");
    let left = deadline - script.now;
    assert_eq!(script.advance(left), Ok(()));
    own_end(&mut script);
    // There is no session yet.
    let mut script = Script::at(Stage::Licence);
    script.events.clear();
    script.client.disconnect(script.now);
    own_end(&mut script);
}
