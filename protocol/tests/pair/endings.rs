//! How a connection ends: in order, by silence, by a cut.

use std::{collections::BTreeSet, time::Duration};

use oriel_protocol::{
    client::{ClientEvent, ConnectionStep, DisconnectReason, ProtocolError},
    error_info::ErrorInfo,
    server::{DisconnectCause, ServerError, ServerEvent, ShutdownPolicy},
};

use crate::pair::{Pair, client_config, server_config};

fn client_end(pair: &Pair) -> Option<&DisconnectReason> {
    pair.client_events.iter().find_map(|event| match event {
        ClientEvent::Disconnected(reason) => Some(reason),
        _ => None,
    })
}

fn server_end(pair: &Pair) -> Option<DisconnectCause> {
    pair.server_events.iter().find_map(|event| match event {
        ServerEvent::Disconnected(cause) => Some(*cause),
        _ => None,
    })
}

#[test]
fn the_client_is_told_why_the_server_ends_the_session() {
    for code in [
        ErrorInfo::IDLE_TIMEOUT,
        ErrorInfo::LOGOFF_BY_USER,
        ErrorInfo(0xbad),
    ] {
        let mut pair = Pair::active(client_config(), server_config());
        pair.server.set_error_info(code);
        pair.server.disconnect();
        pair.run();
        assert_eq!(client_end(&pair), Some(&DisconnectReason::ErrorInfo(code)));
        assert_eq!(server_end(&pair), Some(DisconnectCause::Server));
    }
}

#[test]
fn a_server_that_gives_no_reason_is_told_apart() {
    let mut pair = Pair::active(client_config(), server_config());
    pair.server.disconnect();
    pair.run();
    assert_eq!(
        client_end(&pair),
        Some(&DisconnectReason::ProviderUltimatum(1))
    );
}

#[test]
fn a_client_that_leaves_is_let_go_whether_its_request_is_granted_or_not() {
    for (policy, cause) in [
        (ShutdownPolicy::Deny, DisconnectCause::Client(3)),
        (ShutdownPolicy::Accept, DisconnectCause::ShutdownRequest),
    ] {
        let mut config = server_config();
        config.shutdown = policy;
        let mut pair = Pair::active(client_config(), config);
        pair.client.disconnect(pair.now);
        pair.run_for(Duration::from_secs(5));
        assert_eq!(client_end(&pair), Some(&DisconnectReason::ClientRequest));
        assert_eq!(server_end(&pair), Some(cause));
    }
}

/// Bytes that each side sends until the session runs: to the server, to the client.
fn bytes_until_active() -> (usize, usize) {
    let mut pair = Pair::new(client_config(), server_config());
    while pair.server.step() < ConnectionStep::Active {
        pair.run_for(Duration::from_millis(1));
    }
    (pair.to_server.sent_bytes, pair.to_client.sent_bytes)
}

#[test]
fn a_client_that_falls_silent_at_any_step_is_a_timeout_of_that_step() {
    let (to_server, _) = bytes_until_active();
    let mut steps = BTreeSet::new();
    for from in 0..to_server {
        let mut pair = Pair::new(client_config(), server_config());
        pair.to_server.silent_from = Some(from);
        pair.run_for(Duration::from_secs(100));
        match &pair.server_error {
            Some(ServerError::Timeout { step }) => steps.insert(*step),
            // Once the client has heard of the server's time out.
            other => panic!("silent from {from}: {other:?} at {:?}", pair.server.step()),
        };
    }
    let expected = [
        ConnectionStep::Negotiation,
        ConnectionStep::BasicSettings,
        ConnectionStep::ChannelConnection,
        ConnectionStep::CapabilityExchange,
        ConnectionStep::Finalization,
    ];
    assert_eq!(Vec::from_iter(steps), expected);
}

#[test]
fn a_client_that_never_begins_tls_is_a_timeout_too() {
    let mut pair = Pair::new(client_config(), server_config());
    let mut request = Vec::new();
    pair.client.poll_transmit(&mut request);
    pair.server.handle_data(pair.now, &request).unwrap();
    let due = pair.server.poll_timeout().unwrap();
    assert_eq!(
        pair.server.handle_timeout(due),
        Err(ServerError::Timeout {
            step: ConnectionStep::Security
        })
    );
}

#[test]
fn a_server_that_falls_silent_at_any_step_is_a_timeout_of_that_step() {
    let (_, to_client) = bytes_until_active();
    let mut steps = BTreeSet::new();
    // The last frames come after the session runs at the client.
    for from in 0..to_client {
        let mut pair = Pair::new(client_config(), server_config());
        pair.to_client.silent_from = Some(from);
        pair.run_for(Duration::from_secs(100));
        match &pair.client_error {
            Some(ProtocolError::Timeout { step }) => {
                steps.insert(*step);
            }
            None if pair.client.step() == ConnectionStep::Active => break,
            other => panic!("silent from {from}: {other:?} at {:?}", pair.client.step()),
        }
    }
    assert!(steps.contains(&ConnectionStep::Negotiation));
    assert!(steps.contains(&ConnectionStep::BasicSettings));
    assert!(steps.contains(&ConnectionStep::ChannelConnection));
    assert!(steps.contains(&ConnectionStep::CapabilityExchange));
    assert!(steps.contains(&ConnectionStep::Finalization));
}

#[test]
fn a_stream_that_is_cut_anywhere_is_an_end_for_both_sides() {
    let (to_server, to_client) = bytes_until_active();
    for from in (0..to_server).step_by(7) {
        let mut pair = Pair::new(client_config(), server_config());
        pair.to_server.cut_from = Some(from);
        pair.run_for(Duration::from_secs(100));
        assert_eq!(
            (server_end(&pair), &pair.server_error),
            (Some(DisconnectCause::StreamClosed), &None),
            "cut before {from}"
        );
        assert!(
            client_end(&pair).is_some() || pair.client_error.is_some(),
            "cut before {from}"
        );
    }
    for from in (0..to_client).step_by(7) {
        let mut pair = Pair::new(client_config(), server_config());
        pair.to_client.cut_from = Some(from);
        pair.run_for(Duration::from_secs(100));
        assert_eq!(
            (client_end(&pair), &pair.client_error),
            (Some(&DisconnectReason::StreamClosed), &None),
            "cut before {from}"
        );
        assert!(server_end(&pair).is_some() || pair.server_error.is_some());
    }
}

#[test]
fn nothing_has_an_effect_once_a_connection_is_over() {
    let mut pair = Pair::active(client_config(), server_config());
    pair.server.disconnect();
    pair.run();
    assert!(pair.server.is_closed());
    assert_eq!(pair.server.poll_timeout(), None);
    assert_eq!(pair.server.step(), ConnectionStep::Active);
    pair.server.disconnect();
    pair.server.set_error_info(ErrorInfo::IDLE_TIMEOUT);
    assert_eq!(pair.server.handle_data(pair.now, &[3, 0, 0]), Ok(()));
    assert!(!pair.server.resize(pair.now, crate::pair::DESKTOP));
    assert!(!pair.server.poll_transmit(&mut Vec::new()));
    assert_eq!(pair.server.poll_event(), None);
}
