//! Bytes that no server should send, at every step.

use oriel_protocol::{
    client::{ClientConnection, ClientEvent},
    framing,
    wire::WriteWire,
};
use proptest::prelude::*;

use crate::script::*;

/// Most events that a byte of input may cause, beside a few for the step itself: the shortest
/// update is three bytes.
const EVENTS_FOR_FREE: usize = 16;

fn stage() -> impl Strategy<Value = Stage> {
    prop::sample::select(&STAGES[..])
}

fn channel() -> impl Strategy<Value = oriel_protocol::mcs::ChannelId> {
    prop::sample::select(&[IO_CHANNEL, MESSAGE_CHANNEL, DYNAMIC_CHANNEL][..])
}

/// Feeds bytes and then all that a good server would say; whatever happens, the machine answers
/// with results, stays bounded, and stays failed once it has failed.
fn survives(mut script: Script, bytes: &[u8]) -> Result<(), TestCaseError> {
    script.events.clear();
    let result = script.receive(bytes);
    prop_assert!(script.events.len() <= bytes.len() + EVENTS_FOR_FREE);
    let sent: usize = script
        .take_frames()
        .iter()
        .map(framing::Frame::wire_bytes)
        .sum();
    prop_assert!(
        sent <= 8 * bytes.len() + 4096,
        "{sent} bytes for {}",
        bytes.len()
    );
    if let Err(error) = result {
        prop_assert_eq!(script.receive(&[3, 0]), Err(error));
        return Ok(());
    }
    for stage in STAGES {
        if script.pass(stage).is_err() {
            break;
        }
    }
    script.client.handle_stream_closed(script.now);
    script.poll();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn random_bytes_are_survived_at_every_step(
        stage in stage(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        survives(Script::at(stage), &bytes)?;
    }

    #[test]
    fn random_frames_are_survived_at_every_step(
        stage in stage(),
        form in 0..5,
        kind: u8,
        channel in channel(),
        body in prop::collection::vec(any::<u8>(), 2..300),
    ) {
        let mut bytes = Vec::new();
        match form {
            0 => { framing::write_tpkt(&mut bytes, |out| out.put(&body)); }
            1 => bytes = mcs_frame(|out| out.put(&body)),
            2 => bytes = on_channel(channel, &body),
            3 => {
                // A share data PDU of any kind, with a length that fits.
                let mut pdu = ((18 + body.len()) as u16).to_le_bytes().to_vec();
                pdu.put(&[0x17, 0, 0xea, 3, 0xea, 3, 1, 0, 0, 1, 0, 0, kind, 0, 0, 0]);
                pdu.put(&body);
                bytes = on_channel(IO_CHANNEL, &pdu);
            }
            _ => {
                bytes.put_u8(kind & 0xc0);
                bytes.put_u16_be(0x8000 | (body.len() + 3) as u16);
                bytes.put(&body);
            }
        }
        survives(Script::at(stage), &bytes)?;
    }

    #[test]
    fn good_answers_with_a_byte_changed_are_survived(
        stage in stage(),
        at: prop::sample::Index,
        with: u8,
        end: prop::sample::Index,
        is_cut: bool,
    ) {
        let mut bytes = Script::good_answer(stage);
        if !bytes.is_empty() {
            let index = at.index(bytes.len());
            bytes[index] = with;
            if is_cut {
                bytes.truncate(end.index(bytes.len()));
            }
        }
        survives(Script::at(stage), &bytes)?;
    }
}

fn drain(client: &mut ClientConnection) -> Vec<String> {
    std::iter::from_fn(|| client.poll_event())
        .map(|event| format!("{event:?}"))
        .collect()
}

#[test]
fn the_stream_can_be_cut_anywhere() {
    let whole = Script::at(Stage::Active);
    let expected: Vec<String> = whole
        .events
        .iter()
        .map(|event: &ClientEvent| format!("{event:?}"))
        .collect();
    let mut script = Script::new(config());
    let mut got: Vec<String> = script.events.iter().map(|e| format!("{e:?}")).collect();
    for stage in STAGES {
        if stage == Stage::Security {
            script
                .client
                .handle_security_established(script.now)
                .unwrap();
        }
        for byte in Script::good_answer(stage) {
            script.client.handle_data(script.now, &[byte]).unwrap();
        }
        got.extend(drain(&mut script.client));
    }
    assert_eq!(got, expected);
}
