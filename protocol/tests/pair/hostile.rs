//! Either side under a peer that sends rubbish: an error at most, and no memory without end.

use std::time::Duration;

use oriel_protocol::{
    client::{ClientConnection, ClientEvent},
    graphics::GraphicsCommand,
    server::{ServerConnection, ServerEvent},
};
use proptest::{collection::vec, prelude::*};

use crate::pair::{Pair, client_config, server_config};

/// Bytes until both sides are done with connecting, with room to spare.
const PLACES: usize = 6000;

/// What both sides still hold for their owners is in proportion to what went over the stream.
fn check_memory(pair: &Pair) -> Result<(), TestCaseError> {
    let stream_bytes = pair.to_client.sent_bytes + pair.to_server.sent_bytes;
    let server_bytes: usize = pair
        .server_events
        .iter()
        .map(|event| match event {
            ServerEvent::ChannelData { data, .. } => data.len(),
            ServerEvent::RefreshRequested(areas) => areas.len() * 16,
            _ => 100,
        })
        .sum();
    let client_bytes: usize = pair
        .client_events
        .iter()
        .map(|event| match event {
            ClientEvent::ChannelData { data, .. } => data.len(),
            ClientEvent::Graphics(GraphicsCommand::Draw { payload, .. }) => payload.len(),
            _ => 100,
        })
        .sum();
    prop_assert!(server_bytes + client_bytes < 64 * stream_bytes + 100_000);
    prop_assert!(stream_bytes < 1_000_000, "no side answers without end");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_streams_are_an_error_at_most(
        seed: u64,
        to_client in vec((0..PLACES, any::<u8>()), 0..6),
        to_server in vec((0..PLACES, any::<u8>()), 0..6),
        has_pipeline: bool,
    ) {
        let mut client = client_config();
        client.graphics.pipeline = has_pipeline;
        let mut pair = Pair::new(client, server_config()).with_seed(seed);
        pair.to_client.mutations = to_client;
        pair.to_server.mutations = to_server;
        pair.run_for(Duration::from_secs(200));
        pair.client.send_input(&[]);
        let _ = pair.server.resize(pair.now, crate::pair::DESKTOP);
        pair.run_for(Duration::from_secs(200));
        check_memory(&pair)?;
    }

    #[test]
    fn a_single_wrong_byte_at_each_place_is_an_error_at_most(place in 0..PLACES, value: u8) {
        for is_to_server in [true, false] {
            let mut pair = Pair::new(client_config(), server_config());
            let pipe = if is_to_server { &mut pair.to_server } else { &mut pair.to_client };
            pipe.mutations = vec![(place, value)];
            pair.run_for(Duration::from_secs(100));
            check_memory(&pair)?;
        }
    }

    #[test]
    fn random_bytes_after_any_part_of_the_sequence_are_an_error_at_most(
        cut in 0usize..2500,
        garbage in vec(any::<u8>(), 1..400),
    ) {
        let mut pair = Pair::new(client_config(), server_config());
        pair.to_client.silent_from = Some(cut);
        pair.to_server.silent_from = Some(cut);
        pair.run();
        feed(&mut pair.client, &mut pair.server, &garbage);
        // A frame whose length is right is read further.
        let mut frame = vec![3, 0, 0, 0, 2, 0xf0, 0x80];
        frame.extend_from_slice(&garbage);
        let length = (frame.len() as u16).to_be_bytes();
        frame[2..4].copy_from_slice(&length);
        feed(&mut pair.client, &mut pair.server, &frame);
        let mut fast_path = vec![garbage[0] & !3, 0x80 | (length[0]), 0];
        fast_path.extend_from_slice(&garbage);
        fast_path[2] = fast_path.len() as u8;
        feed(&mut pair.client, &mut pair.server, &fast_path);
    }
}

fn feed(client: &mut ClientConnection, server: &mut ServerConnection, bytes: &[u8]) {
    let now = std::time::Instant::now();
    let _ = client.handle_data(now, bytes);
    let _ = server.handle_data(now, bytes);
    let mut out = Vec::new();
    client.poll_transmit(&mut out);
    server.poll_transmit(&mut out);
}
