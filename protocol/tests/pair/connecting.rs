//! From nothing to a running session.

use std::time::Duration;

use oriel_codecs::geometry::{Rect, Size};
use oriel_protocol::{
    capabilities::RemoteFxMode,
    client::{
        ClientEvent, ConnectionStep, GraphicsSupport, MonitorLayout, SecurityOffer,
        SelectedSecurity,
    },
    error_info::ErrorInfo,
    graphics::{CacheLimits, GraphicsCommand, GraphicsTarget, PipelineVersion},
    server::{AcceptedSecurity, DisconnectCause, ServerEvent},
    wire::Pdu,
    x224::{ConnectionConfirm, NegotiationFailure, NegotiationReply},
};
use proptest::prelude::*;

use crate::pair::{DESKTOP, Pair, client_config, server_config};

fn with_security(offer: SecurityOffer, accepted: AcceptedSecurity) -> Pair {
    let mut client = client_config();
    client.security = offer;
    let mut server = server_config();
    server.security = accepted;
    Pair::new(client, server)
}

const TLS: AcceptedSecurity = AcceptedSecurity {
    tls: true,
    nla: false,
};
const NLA: AcceptedSecurity = AcceptedSecurity {
    tls: false,
    nla: true,
};
const BOTH: AcceptedSecurity = AcceptedSecurity {
    tls: true,
    nla: true,
};

#[test]
fn a_session_runs_over_tls_and_over_nla_and_both_sides_know_which() {
    for (offer, accepted, selected) in [
        (SecurityOffer::Tls, TLS, SelectedSecurity::Tls),
        (SecurityOffer::Auto, TLS, SelectedSecurity::Tls),
        (SecurityOffer::Tls, BOTH, SelectedSecurity::Tls),
        (SecurityOffer::Nla, NLA, SelectedSecurity::CredSspEarlyAuth),
        (
            SecurityOffer::Auto,
            BOTH,
            SelectedSecurity::CredSspEarlyAuth,
        ),
    ] {
        let mut pair = with_security(offer, accepted);
        pair.run();
        assert_eq!((&pair.client_error, &pair.server_error), (&None, &None));
        assert!(pair.client_events.iter().any(
            |event| matches!(event, ClientEvent::StartSecurity(security) if *security == selected)
        ));
        assert!(
            pair.server_events
                .contains(&ServerEvent::StartSecurity(selected))
        );
        assert_eq!(pair.client.step(), ConnectionStep::Active);
        assert_eq!(pair.server.step(), ConnectionStep::Active);
    }
}

#[test]
fn the_steps_are_told_in_order() {
    let mut pair = Pair::new(client_config(), server_config());
    pair.run();
    let steps: Vec<_> = pair
        .client_events
        .iter()
        .filter_map(|event| match event {
            ClientEvent::Step(step) => Some(*step),
            _ => None,
        })
        .collect();
    assert!(steps.is_sorted(), "{steps:?}");
    assert_eq!(steps.first(), Some(&ConnectionStep::Negotiation));
    assert_eq!(steps.last(), Some(&ConnectionStep::Active));
}

#[test]
fn the_server_knows_its_client_and_the_client_its_desktop() {
    let mut config = client_config();
    config.monitors = vec![
        MonitorLayout {
            desktop_scale_percent: 150,
            ..MonitorLayout::single(Size::new(1920, 1080))
        },
        MonitorLayout {
            rect: Rect::new(1920, 0, 1920 + 1280, 1024),
            is_primary: false,
            ..MonitorLayout::single(Size::default())
        },
    ];
    let delay = Duration::from_millis(35);
    let mut pair = Pair::new(config.clone(), server_config()).with_delay(delay);
    pair.run();
    let credentials = pair.server_events.iter().find_map(|event| match event {
        ServerEvent::Credentials(credentials) => Some(credentials),
        _ => None,
    });
    assert_eq!(credentials, Some(&config.credentials));
    let client = pair.server_events.iter().find_map(|event| match event {
        ServerEvent::Active {
            client,
            is_reactivation: false,
        } => Some(client),
        _ => None,
    });
    let client = client.expect("a client");
    assert_eq!(client.desktop, Size::new(3200, 1080));
    assert_eq!(client.monitors, config.monitors);
    assert_eq!(client.desktop_scale_percent, 150);
    assert_eq!(client.name, config.client_name);
    assert_eq!(client.rtt_ms, Some(70), "there and back");
    assert!(client.fast_path_output && client.desktop_resize && client.graphics_pipeline);
    assert!(pair.client_events.iter().any(|event| matches!(
        event,
        ClientEvent::Active { desktop, is_reactivation: false } if *desktop == client.desktop
    )));
    assert!(pair.client_events.iter().any(|event| matches!(
        event,
        ClientEvent::SignedIn { user, domain, .. } if user == "someone" && domain == "DOMAIN"
    )));
    assert_eq!(pair.client.offer().server_rtt_ms, Some(70));
    assert!(pair.client.offer().skip_channel_join);
}

#[test]
fn a_desktop_of_fixed_size_does_not_follow_the_client() {
    let mut server = server_config();
    server.follow_client_size = false;
    let mut pair = Pair::new(client_config(), server);
    pair.run();
    assert!(pair.client_events.iter().any(|event| matches!(
        event,
        ClientEvent::Active { desktop, .. } if *desktop == Size::new(640, 480)
    )));
}

#[test]
fn the_pipeline_is_opened_at_the_newest_version_where_both_have_it() {
    let pair = Pair::active(client_config(), server_config());
    assert!(matches!(
        pair.server.graphics_target(),
        Some(GraphicsTarget::Pipeline {
            version: PipelineVersion::V10_7,
            avc420: true,
            avc444: true,
            ..
        })
    ));
    for (has_client, has_server) in [(true, false), (false, true), (false, false)] {
        let (mut client, mut server) = (client_config(), server_config());
        client.graphics.pipeline = has_client;
        server.graphics.pipeline = has_server;
        let pair = Pair::active(client, server);
        assert!(matches!(
            pair.server.graphics_target(),
            Some(GraphicsTarget::Bitmaps(_))
        ));
    }
}

#[test]
fn both_sides_learn_how_much_the_cache_holds_before_anything_is_drawn() {
    let full = |_: &mut GraphicsSupport| {};
    let asked: fn(&mut GraphicsSupport) = |graphics| graphics.small_cache = true;
    // Without 4:4:4 it is 8.1, where H.264 comes with the small cache alone.
    let old: fn(&mut GraphicsSupport) = |graphics| graphics.avc444 = false;
    let cases = [
        (full as fn(&mut _), CacheLimits::FULL),
        (asked, CacheLimits::SMALL),
        (old, CacheLimits::SMALL),
    ];
    for (change, wanted) in cases {
        let mut client = client_config();
        change(&mut client.graphics);
        let mut pair = Pair::new(client, server_config());
        pair.run();
        let Some(GraphicsTarget::Pipeline { cache, .. }) = pair.server.graphics_target() else {
            panic!("{:?}", pair.server.graphics_target());
        };
        assert_eq!(cache, wanted);
        assert_eq!(pair.client.offer().cache, Some(wanted));
        let mut events = pair
            .client_events
            .iter()
            .skip_while(|event| !matches!(event, ClientEvent::GraphicsPipeline { is_open: true }));
        let told = events.nth(1);
        let ClientEvent::Graphics(GraphicsCommand::LimitCache { limits }) = told.unwrap() else {
            panic!("{told:?}");
        };
        assert_eq!(*limits, wanted);
    }
}

#[test]
fn of_surface_commands_those_codecs_are_sent_that_both_sides_have() {
    for bits in 0..64_u8 {
        let support = |bits: u8| GraphicsSupport {
            pipeline: false,
            remote_fx: bits & 1 != 0,
            ns_codec: bits & 2 != 0,
            jpeg: bits & 4 != 0,
            ..GraphicsSupport::default()
        };
        let (here, there) = (support(bits & 7), support(bits >> 3));
        let (mut client, mut server) = (client_config(), server_config());
        client.graphics = here;
        server.graphics = there;
        let pair = Pair::active(client, server);
        let Some(GraphicsTarget::Bitmaps(target)) = pair.server.graphics_target() else {
            panic!("{:?}", pair.server.graphics_target());
        };
        let mode = RemoteFxMode {
            flags: 0,
            entropy: RemoteFxMode::RLGR3,
        };
        let remote_fx = here.remote_fx && there.remote_fx;
        assert_eq!(target.remote_fx, remote_fx.then_some(mode));
        assert_eq!(target.ns_codec.is_some(), here.ns_codec && there.ns_codec);
        assert_eq!(target.jpeg, here.jpeg && there.jpeg);
        assert!(target.max_payload_bytes > 4 * 4096 * 4096);
    }
}

#[test]
fn where_nothing_fits_both_sides_say_which_security_is_missing() {
    for (offer, accepted, failure) in [
        (SecurityOffer::Nla, TLS, NegotiationFailure::SSL_REQUIRED),
        (SecurityOffer::Tls, NLA, NegotiationFailure::HYBRID_REQUIRED),
    ] {
        let mut pair = with_security(offer, accepted);
        pair.run();
        assert_eq!(
            pair.client_error,
            Some(oriel_protocol::client::ProtocolError::NegotiationFailed(
                failure
            ))
        );
        assert_eq!(
            pair.server_error,
            Some(oriel_protocol::server::ServerError::NegotiationRefused(
                failure
            ))
        );
    }
    let none = AcceptedSecurity {
        tls: false,
        nla: false,
    };
    let mut pair = with_security(SecurityOffer::Auto, none);
    pair.run();
    assert_eq!(
        pair.client_error,
        Some(oriel_protocol::client::ProtocolError::StandardSecurityOnly)
    );
}

#[test]
fn each_code_of_a_refusal_reaches_the_client_by_its_name() {
    for code in [1, 3, 4, 5, 6, 77] {
        let mut pair = Pair::new(client_config(), server_config());
        let confirm = ConnectionConfirm {
            source_reference: 0,
            reply: Some(NegotiationReply::Failure(NegotiationFailure(code))),
        };
        let mut frame = Vec::new();
        oriel_protocol::framing::write_tpkt(&mut frame, |out| confirm.encode(out));
        let error = pair.client.handle_data(pair.now, &frame).unwrap_err();
        assert_eq!(
            error,
            oriel_protocol::client::ProtocolError::NegotiationFailed(NegotiationFailure(code))
        );
        let again = pair.client.handle_data(pair.now, &[]).unwrap_err();
        assert_eq!(again, error, "it stays so");
    }
}

#[test]
fn credentials_are_waited_for_where_the_server_looks_at_them() {
    let mut server = server_config();
    server.require_credentials = true;
    let mut pair = Pair::new(client_config(), server.clone());
    pair.run();
    assert_eq!(pair.server.step(), ConnectionStep::SecureSettings);
    pair.server.accept_credentials(pair.now);
    pair.run();
    assert_eq!(pair.client.step(), ConnectionStep::Active);

    let mut pair = Pair::new(client_config(), server);
    pair.run();
    pair.server
        .refuse_credentials(ErrorInfo::SERVER_INSUFFICIENT_PRIVILEGES);
    pair.run();
    assert!(pair.client_events.iter().any(|event| matches!(
        event,
        ClientEvent::Disconnected(oriel_protocol::client::DisconnectReason::ErrorInfo(
            ErrorInfo::SERVER_INSUFFICIENT_PRIVILEGES
        ))
    )));
    assert_eq!(
        pair.server_events.back(),
        Some(&ServerEvent::Disconnected(DisconnectCause::Server))
    );
}

#[test]
fn a_client_that_does_not_answer_auto_detection_is_let_in_all_the_same() {
    let mut pair = Pair::new(client_config(), server_config());
    // The client's answer is the first thing that it says on the message channel: lose all that
    // it says after its client info.
    while pair.server.step() < ConnectionStep::Licensing {
        pair.run_for(Duration::from_millis(10));
    }
    pair.to_server.silent_from = Some(pair.to_server.sent_bytes);
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.server.step(), ConnectionStep::Licensing);
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.server.step(), ConnectionStep::CapabilityExchange);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_seam_and_no_delay_in_the_stream_matters(seed: u64, delay_ms in 0u64..400) {
        let mut pair = Pair::new(client_config(), server_config())
            .with_seed(seed)
            .with_delay(Duration::from_millis(delay_ms));
        pair.run();
        prop_assert_eq!((&pair.client_error, &pair.server_error), (&None, &None));
        prop_assert_eq!(pair.client.step(), ConnectionStep::Active);
        prop_assert!(pair.server.graphics_target().is_some());
        prop_assert_eq!(pair.server.client().desktop, DESKTOP);
    }
}
