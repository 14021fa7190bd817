//! From the first byte to the running session, and every way not to get there.

use std::time::Duration;

use oriel_codecs::{
    bulk::CompressionLevel,
    geometry::{Rect, Size},
};
use oriel_protocol::{
    client::{
        ClientEvent, ConnectionStep, DisconnectReason, MonitorLayout, ProtocolError, SecurityOffer,
        SelectedSecurity,
    },
    client_info::{ClientInfo, InfoFlags},
    framing::Frame,
    gcc::{ConferenceCreateRequest, EarlyCapabilities, ServerEarlyCapabilities},
    mcs::{ConnectInitial, DomainPdu, McsResult},
    security::{SecurityFlags, SecurityHeader},
    share::{ConfirmActive, DataPdu, ShareControlKind, ShareControlPdu, ShareDataPdu},
    wire::{Cursor, Pdu},
    x224::{
        ConnectionRequest, NegotiationFailure, NegotiationReply, Routing, SecurityProtocols, Tpdu,
    },
};

use crate::script::*;

fn steps(events: &[ClientEvent]) -> Vec<ConnectionStep> {
    events
        .iter()
        .filter_map(|event| match event {
            ClientEvent::Step(step) => Some(*step),
            _ => None,
        })
        .collect()
}

/// Names of the MCS PDUs in `frames`.
fn domain_names(frames: &[Frame]) -> Vec<&'static str> {
    frames
        .iter()
        .map(|frame| {
            let Frame::Tpkt(payload) = frame else {
                panic!("fast-path");
            };
            let Ok(Tpdu::Data(data)) = Tpdu::decode(payload) else {
                panic!("a data TPDU");
            };
            DomainPdu::decode(&mut Cursor::new(data, "test"))
                .expect("a domain PDU")
                .name()
        })
        .collect()
}

#[test]
fn the_steps_come_in_the_order_of_the_specification() {
    let script = Script::at(Stage::Active);
    assert_eq!(
        steps(&script.events),
        [
            ConnectionStep::Negotiation,
            ConnectionStep::Security,
            ConnectionStep::BasicSettings,
            ConnectionStep::ChannelConnection,
            ConnectionStep::SecureSettings,
            ConnectionStep::Licensing,
            ConnectionStep::CapabilityExchange,
            ConnectionStep::Finalization,
            ConnectionStep::Active,
        ]
    );
    assert!(matches!(
        script
            .events
            .iter()
            .find(|event| matches!(event, ClientEvent::Active { .. })),
        Some(ClientEvent::Active {
            desktop: DESKTOP,
            is_reactivation: false,
        })
    ));
    assert_eq!(script.client.step(), ConnectionStep::Active);
    assert_eq!(script.client.poll_timeout(), None);
    assert_eq!(script.client.offer().static_channels, ["drdynvc"]);
    assert_eq!(script.client.offer().capability_sets, [1, 2, 13]);
}

#[test]
fn the_request_carries_the_cookie_or_the_token() {
    let request = |config| {
        let mut script = Script::new(config);
        let frames = script.take_frames();
        let [Frame::Tpkt(payload)] = &frames[..] else {
            panic!("one frame");
        };
        ConnectionRequest::decode(&mut Cursor::new(payload, "test")).expect("decodes")
    };
    let mut with_cookie = config();
    with_cookie.cookie = Some("administrator\r\n".to_owned());
    let got = request(with_cookie);
    assert_eq!(got.routing, Some(Routing::Cookie("administr".to_owned())));
    assert_eq!(
        got.negotiation.map(|request| request.protocols),
        Some(SecurityProtocols::TLS)
    );
    let mut with_token = config();
    with_token.routing_token = Some(b"tsv://x\r\n".to_vec());
    with_token.security = SecurityOffer::Auto;
    let got = request(with_token);
    assert_eq!(got.routing, Some(Routing::Token(b"tsv://x".to_vec())));
    assert_eq!(
        got.negotiation.map(|request| request.protocols),
        Some(SecurityProtocols::TLS | SecurityProtocols::HYBRID | SecurityProtocols::HYBRID_EX)
    );
}

#[test]
fn every_refusal_to_negotiate_has_its_error() {
    for code in 1..=7 {
        let failure = NegotiationFailure(code);
        let mut script = Script::at(Stage::ConnectionConfirm);
        let result = script.receive(&connection_confirm(Some(NegotiationReply::Failure(
            failure,
        ))));
        let expected = match failure {
            NegotiationFailure::SSL_NOT_ALLOWED => ProtocolError::StandardSecurityOnly,
            failure => ProtocolError::NegotiationFailed(failure),
        };
        assert_eq!(result, Err(expected.clone()));
        assert_eq!(script.receive(&[3]), Err(expected), "it stays so");
    }
}

#[test]
fn a_server_from_before_negotiation_offers_standard_security_alone() {
    for reply in [
        None,
        Some(NegotiationReply::Response {
            flags: Default::default(),
            selected: SecurityProtocols::empty(),
        }),
    ] {
        let mut script = Script::at(Stage::ConnectionConfirm);
        assert_eq!(
            script.receive(&connection_confirm(reply)),
            Err(ProtocolError::StandardSecurityOnly)
        );
    }
}

#[test]
fn a_protocol_that_was_not_offered_is_turned_down() {
    for selected in [SecurityProtocols::HYBRID, SecurityProtocols::RDSTLS] {
        let mut script = Script::at(Stage::ConnectionConfirm);
        assert_eq!(
            script.receive(&picks(selected)),
            Err(ProtocolError::SecurityNotOffered(selected.bits()))
        );
    }
    let mut nla_only = config();
    nla_only.security = SecurityOffer::Nla;
    let mut script = Script::new(nla_only.clone());
    assert_eq!(
        script.receive(&picks(SecurityProtocols::TLS)),
        Err(ProtocolError::SecurityNotOffered(1))
    );
    let mut script = Script::new(nla_only);
    script
        .receive(&picks(SecurityProtocols::HYBRID_EX))
        .unwrap();
    assert!(script.events.iter().any(|event| matches!(
        event,
        ClientEvent::StartSecurity(SelectedSecurity::CredSspEarlyAuth)
    )));
}

#[test]
fn what_was_sent_ahead_of_tls_does_not_pass_for_what_is_said_under_it() {
    let mut script = Script::at(Stage::ConnectionConfirm);
    let mut bytes = picks(SecurityProtocols::TLS);
    bytes.extend(Script::good_answer(Stage::ConnectResponse));
    assert!(matches!(
        script.receive(&bytes),
        Err(ProtocolError::UnexpectedPdu {
            step: ConnectionStep::Security,
            ..
        })
    ));
}

#[test]
fn calls_out_of_turn_are_the_callers_fault() {
    let mut script = Script::at(Stage::ConnectionConfirm);
    assert!(matches!(
        script.client.handle_security_established(script.now),
        Err(ProtocolError::Misuse(_))
    ));
    let mut script = Script::at(Stage::Security);
    assert!(matches!(
        script.client.handle_data(script.now, &[3]),
        Err(ProtocolError::Misuse(_))
    ));
    assert_eq!(script.pass(Stage::Security), Ok(()), "nothing is lost");
}

#[test]
fn a_server_that_stops_talking_is_a_timeout_at_every_step() {
    for stage in STAGES {
        let mut script = Script::at(stage);
        let step = script.client.step();
        let Some(deadline) = script.client.poll_timeout() else {
            // TLS is the caller's, and may ask a person; the session may be idle.
            assert!(
                matches!(stage, Stage::Security | Stage::Active),
                "{stage:?}"
            );
            continue;
        };
        let left = deadline - script.now;
        assert_eq!(
            script.advance(left - Duration::from_millis(1)),
            Ok(()),
            "{stage:?}"
        );
        assert_eq!(
            script.advance(Duration::from_millis(1)),
            Err(ProtocolError::Timeout { step }),
            "{stage:?}"
        );
    }
}

#[test]
fn a_stream_that_ends_is_told_at_every_step() {
    for stage in STAGES {
        let mut script = Script::at(stage);
        let step = script.client.step();
        script.client.handle_stream_closed(script.now);
        script.client.handle_stream_closed(script.now);
        script.poll();
        assert_eq!(script.client.step(), step, "where it ended");
        let ends: Vec<_> = script
            .events
            .iter()
            .filter(|event| matches!(event, ClientEvent::Disconnected(_)))
            .collect();
        assert!(
            matches!(
                ends[..],
                [ClientEvent::Disconnected(DisconnectReason::StreamClosed)]
            ),
            "{stage:?}: {ends:?}"
        );
    }
}

#[test]
fn channels_are_joined_one_by_one() {
    let mut script = Script::at(Stage::AttachConfirm);
    assert_eq!(
        domain_names(&script.take_frames()[2..]),
        ["MCS erect domain request", "MCS attach user request"]
    );
    script.pass(Stage::AttachConfirm).unwrap();
    for channel in [USER.channel(), IO_CHANNEL, MESSAGE_CHANNEL, DYNAMIC_CHANNEL] {
        assert_eq!(
            domain_names(&script.take_frames()),
            ["MCS channel join request"],
            "the next one only after the answer"
        );
        let confirm = domain(DomainPdu::ChannelJoinConfirm {
            result: McsResult::SUCCESSFUL,
            initiator: USER,
            requested: channel,
            channel: Some(channel),
        });
        script.receive(&confirm).unwrap();
    }
    assert_eq!(script.client.step(), ConnectionStep::Licensing);
}

#[test]
fn a_channel_that_cannot_be_joined_ends_the_connection() {
    let mut script = Script::at(Stage::JoinConfirms);
    let refusal = domain(DomainPdu::ChannelJoinConfirm {
        result: McsResult::NO_SUCH_CHANNEL,
        initiator: USER,
        requested: USER.channel(),
        channel: None,
    });
    assert!(matches!(
        script.receive(&refusal),
        Err(ProtocolError::UnexpectedPdu { .. })
    ));
}

#[test]
fn joins_are_skipped_where_the_server_can() {
    let mut script = Script::at(Stage::ConnectResponse);
    let response = connect_response(ServerEarlyCapabilities::SKIP_CHANNEL_JOIN);
    script.receive(&response).unwrap();
    script.take_frames();
    script.pass(Stage::AttachConfirm).unwrap();
    assert_eq!(script.client.step(), ConnectionStep::Licensing);
    assert_eq!(
        domain_names(&script.take_frames()),
        ["MCS send data request"]
    );
}

#[test]
fn the_settings_tell_monitors_only_where_there_are_several() {
    let blocks = |monitors: Vec<MonitorLayout>| {
        let mut config = config();
        config.monitors = monitors;
        let mut script = Script::new(config);
        script.pass(Stage::ConnectionConfirm).unwrap();
        script.take_frames();
        script.pass(Stage::Security).unwrap();
        let frames = script.take_frames();
        let [Frame::Tpkt(payload)] = &frames[..] else {
            panic!("one frame");
        };
        let Ok(Tpdu::Data(data)) = Tpdu::decode(payload) else {
            panic!("a data TPDU");
        };
        let initial = ConnectInitial::decode(&mut Cursor::new(data, "test")).unwrap();
        let mut cursor = Cursor::new(&initial.user_data, "test");
        ConferenceCreateRequest::decode(&mut cursor).unwrap().blocks
    };
    let one = blocks(vec![MonitorLayout::single(DESKTOP)]);
    assert_eq!(one.core.desktop, DESKTOP);
    assert_eq!(one.monitors, None);
    assert!(one.message_channel);
    let early = one.core.early_capabilities.unwrap();
    assert!(early.contains(EarlyCapabilities::GRAPHICS_PIPELINE | EarlyCapabilities::WANT_32BPP));

    let left = MonitorLayout {
        rect: Rect::new(-1920, 0, 0, 1080),
        is_primary: false,
        desktop_scale_percent: 150,
        ..MonitorLayout::single(Size::new(1920, 1080))
    };
    let two = blocks(vec![left, MonitorLayout::single(Size::new(1280, 1024))]);
    assert_eq!(two.core.desktop, Size::new(3200, 1080));
    let monitors = two.monitors.unwrap().monitors;
    assert_eq!(
        monitors
            .iter()
            .map(|monitor| (monitor.rect, monitor.flags))
            .collect::<Vec<_>>(),
        [
            (Rect::new(-1920, 0, 0, 1080), 0),
            (Rect::new(0, 0, 1280, 1024), 1)
        ]
    );
    assert_eq!(
        two.monitors_ex.unwrap().attributes[0].desktop_scale_percent,
        150
    );
}

#[test]
fn the_client_info_signs_in_and_offers_every_compressor() {
    let mut script = Script::at(Stage::JoinConfirms);
    script.take_frames();
    script.pass(Stage::JoinConfirms).unwrap();
    let sent = script.take_data();
    let [(IO_CHANNEL, data)] = &sent[..] else {
        panic!("one PDU on the I/O channel");
    };
    let mut cursor = Cursor::new(data, "test");
    let header = SecurityHeader::decode(&mut cursor).unwrap();
    assert_eq!(header.flags, SecurityFlags::INFO_PKT);
    let info = ClientInfo::decode(&mut cursor).unwrap();
    assert_eq!(
        (info.user.as_str(), info.domain.as_str()),
        ("someone", "house")
    );
    assert_eq!(info.password.expose(), PASSWORD);
    assert!(
        info.flags
            .contains(InfoFlags::AUTOLOGON | InfoFlags::UNICODE)
    );
    assert_eq!(info.compression, Some(CompressionLevel::Rdp61));
}

#[test]
fn a_share_is_taken_with_every_set_and_then_finalized() {
    let mut script = Script::at(Stage::DemandActive);
    script.take_frames();
    script.pass(Stage::DemandActive).unwrap();
    let mut data_pdus = Vec::new();
    for (channel, data) in script.take_data() {
        assert_eq!(channel, IO_CHANNEL);
        let control = ShareControlPdu::read(&mut Cursor::new(&data, "test"))
            .unwrap()
            .unwrap();
        assert_eq!(control.source, USER.0);
        if control.kind == ShareControlKind::ConfirmActive {
            let confirm = ConfirmActive::decode(control.body).unwrap();
            assert_eq!(confirm.share_id, SHARE_ID);
            let mut kinds: Vec<_> = confirm
                .capability_sets
                .iter()
                .map(|set| set.kind())
                .collect();
            kinds.sort_unstable();
            assert_eq!(
                kinds,
                [
                    1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 20, 25, 26, 27, 28, 29, 30
                ]
            );
            continue;
        }
        let pdu = ShareDataPdu::read(control.body).unwrap();
        assert_eq!(pdu.share_id, SHARE_ID);
        data_pdus.push(DataPdu::decode(pdu.kind, pdu.payload).unwrap());
    }
    assert!(
        matches!(
            data_pdus[..],
            [
                DataPdu::Synchronize(_),
                DataPdu::Control(_),
                DataPdu::Control(_),
                DataPdu::FontList(_)
            ]
        ),
        "{data_pdus:?}"
    );
}

#[test]
fn licensing_can_be_left_out() {
    let mut script = Script::at(Stage::Licence);
    script.pass(Stage::DemandActive).unwrap();
    script.pass(Stage::FontMap).unwrap();
    assert_eq!(script.client.step(), ConnectionStep::Active);
}

#[test]
fn nothing_secret_is_in_the_debug_output() {
    let mut client = Script::at(Stage::JoinConfirms).client;
    let confirm = Script::good_answer(Stage::JoinConfirms);
    client
        .handle_data(std::time::Instant::now(), &confirm)
        .unwrap();
    let shown = format!("{client:?}");
    assert!(!shown.contains(PASSWORD));
    // "cor" in UTF-16, as the bytes of the client info would print.
    assert!(!shown.contains("99, 0, 111, 0, 114, 0"));
}
