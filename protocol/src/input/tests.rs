use proptest::prelude::*;

use super::*;

const ALL: InputFlags = InputFlags::all();

fn fast(events: &[InputEvent]) -> Vec<u8> {
    let mut out = Vec::new();
    InputWriter::new(ALL).write_fast_path(events, None, &mut out);
    out
}

fn key(code: u8, prefix: ScanCodePrefix, is_pressed: bool) -> InputEvent {
    let scan_code = ScanCode { code, prefix };
    InputEvent::Key {
        scan_code,
        is_pressed,
    }
}

#[test]
fn the_specifications_mouse_move_is_encoded_to_its_bytes() {
    // [MS-RDPBCGR] 4.7, decrypted.
    let event = InputEvent::MouseMove {
        position: Point::new(683, 367),
    };
    let events = [0x20, 0x00, 0x08, 0xab, 0x02, 0x6f, 0x01];
    assert_eq!(fast(&[event])[..2], [0x04, 9]);
    assert_eq!(fast(&[event])[2..], events);
    let mut decoded = Vec::new();
    let mut reader = InputReader::new();
    reader
        .handle_fast_path(&fast(&[event]), &mut decoded)
        .unwrap();
    assert_eq!(decoded, [event]);
}

#[test]
fn an_encrypted_pdu_is_refused() {
    // [MS-RDPBCGR] 4.7, first dump: encrypted with standard RDP security.
    let pdu = [0xc4, 0x11, 0x30, 0x35, 0x6b, 0x5b, 0xb5, 0x34, 0xc8];
    assert!(
        InputReader::new()
            .handle_fast_path(&pdu, &mut Vec::new())
            .is_err()
    );
}

#[test]
fn the_pause_key_is_control_with_prefix_e1_and_num_lock_down_then_up() {
    assert_eq!(
        fast(&PAUSE_SEQUENCE),
        [0x10, 10, 0x04, 0x1d, 0x00, 0x45, 0x05, 0x1d, 0x01, 0x45]
    );
}

#[test]
fn sixteen_events_move_their_number_out_of_the_header() {
    let press = key(0x1e, ScanCodePrefix::None, true);
    let fifteen = fast(&[press; 15]);
    assert_eq!(fifteen[..2], [15 << 2, 32]);
    let sixteen = fast(&[press; 16]);
    assert_eq!(sixteen[..3], [0, 35, 16]);
}

#[test]
fn a_long_pdu_has_its_length_in_two_bytes() {
    let press = key(0x1e, ScanCodePrefix::None, true);
    let pdu = fast(&[press; 100]);
    assert_eq!(pdu.len(), 204);
    assert_eq!(pdu[..4], [0, 0x80, 204, 100]);
}

#[test]
fn more_than_255_events_make_several_pdus() {
    let press = key(0x1e, ScanCodePrefix::None, true);
    let out = fast(&[press; 300]);
    let first = 4 + 2 * 255;
    assert_eq!(out[3], 255);
    assert_eq!(out[first + 2], 45);
    let mut decoded = Vec::new();
    let mut reader = InputReader::new();
    reader
        .handle_fast_path(&out[..first], &mut decoded)
        .unwrap();
    reader
        .handle_fast_path(&out[first..], &mut decoded)
        .unwrap();
    assert_eq!(decoded, [press; 300]);
}

#[test]
fn one_notch_down_is_nine_bits_of_twos_complement() {
    let wheel = |delta| {
        fast(&[InputEvent::VerticalWheel {
            position: Point::new(1, 2),
            delta,
        }])
    };
    assert_eq!(wheel(120)[3..5], 0x0278_u16.to_le_bytes());
    assert_eq!(wheel(-120)[3..5], 0x0388_u16.to_le_bytes());
    assert!(wheel(0).is_empty());
}

#[test]
fn a_fast_wheel_is_cut_in_pieces_that_add_up() {
    for delta in [1000, -1000, i16::MAX, i16::MIN, 255, -255, -256] {
        let event = InputEvent::HorizontalWheel {
            position: Point::new(5, 6),
            delta,
        };
        let mut decoded = Vec::new();
        let body = InputWriter::new(ALL).write_slow_path(&[event]).unwrap();
        InputReader::new()
            .handle_slow_path(&body, &mut decoded)
            .unwrap();
        let sum: i32 = decoded
            .iter()
            .map(|e| match e {
                InputEvent::HorizontalWheel { delta, .. } => i32::from(*delta),
                other => panic!("not a wheel: {other:?}"),
            })
            .sum();
        assert_eq!(sum, i32::from(delta));
    }
}

#[test]
fn what_the_server_cannot_take_is_not_sent_and_keys_always_are() {
    let position = Point::new(1, 1);
    let events = [
        InputEvent::Unicode {
            unit: 0x41,
            is_pressed: true,
        },
        InputEvent::HorizontalWheel {
            position,
            delta: 120,
        },
        InputEvent::MouseButton {
            position,
            button: MouseButton::Back,
            is_pressed: true,
        },
        InputEvent::RelativeMouseMove { dx: 1, dy: 1 },
        key(0x1e, ScanCodePrefix::None, true),
    ];
    let writer = InputWriter::new(InputFlags::SCANCODES | InputFlags::FASTPATH2);
    let mut out = Vec::new();
    writer.write_fast_path(&events, Some(5), &mut out);
    assert_eq!(out, [0x04, 4, 0x00, 0x1e]);
    assert_eq!(writer.write_slow_path(&events[..4]), None);
}

#[test]
fn a_time_stamp_goes_first_and_counts_as_an_event() {
    let mut out = Vec::new();
    let press = key(0x1e, ScanCodePrefix::None, true);
    InputWriter::new(ALL).write_fast_path(&[press], Some(0x0102_0304), &mut out);
    assert_eq!(out, [0x08, 9, 0xc0, 4, 3, 2, 1, 0x00, 0x1e]);
    let mut decoded = Vec::new();
    InputReader::new()
        .handle_fast_path(&out, &mut decoded)
        .unwrap();
    assert_eq!(decoded, [press]);
}

#[test]
fn a_button_of_a_relative_mouse_is_where_the_pointer_was_moved_to() {
    let mut reader = InputReader::new();
    let mut out = Vec::new();
    // Move to (10, 20), then by (-3, 4) with the left button going down.
    reader
        .handle_fast_path(&[0x04, 9, 0x20, 0, 8, 10, 0, 20, 0], &mut out)
        .unwrap();
    reader
        .handle_fast_path(&[0x04, 9, 0xa0, 0, 0x98, 0xfd, 0xff, 4, 0], &mut out)
        .unwrap();
    assert_eq!(out[1], InputEvent::RelativeMouseMove { dx: -3, dy: 4 });
    assert_eq!(
        out[2],
        InputEvent::MouseButton {
            position: Point::new(7, 24),
            button: MouseButton::Left,
            is_pressed: true,
        }
    );
}

#[test]
fn positions_off_the_desktop_are_clamped() {
    let pdu = fast(&[InputEvent::MouseMove {
        position: Point::new(-5, 70_000),
    }]);
    assert_eq!(pdu[5..], [0, 0, 0xff, 0xff]);
}

fn any_event() -> impl Strategy<Value = InputEvent> {
    let position = || (0_i32..65536, 0_i32..65536).prop_map(|(x, y)| Point::new(x, y));
    let prefix = prop_oneof![
        Just(ScanCodePrefix::None),
        Just(ScanCodePrefix::Extended),
        Just(ScanCodePrefix::Extended1)
    ];
    let button = prop_oneof![
        Just(MouseButton::Left),
        Just(MouseButton::Right),
        Just(MouseButton::Middle),
        Just(MouseButton::Back),
        Just(MouseButton::Forward)
    ];
    let rotation = prop_oneof![-255_i16..0, 1_i16..256];
    prop_oneof![
        (any::<u8>(), prefix, any::<bool>())
            .prop_map(|(code, prefix, down)| key(code, prefix, down)),
        (any::<u16>(), any::<bool>())
            .prop_map(|(unit, is_pressed)| InputEvent::Unicode { unit, is_pressed }),
        position().prop_map(|position| InputEvent::MouseMove { position }),
        (position(), button, any::<bool>()).prop_map(|(position, button, is_pressed)| {
            InputEvent::MouseButton {
                position,
                button,
                is_pressed,
            }
        }),
        (position(), rotation.clone())
            .prop_map(|(position, delta)| InputEvent::VerticalWheel { position, delta }),
        (position(), rotation)
            .prop_map(|(position, delta)| InputEvent::HorizontalWheel { position, delta }),
        (any::<i16>(), any::<i16>()).prop_map(|(dx, dy)| InputEvent::RelativeMouseMove { dx, dy }),
        (0_u32..16).prop_map(|bits| InputEvent::Synchronize {
            locks: LockKeys::from_bits_truncate(bits)
        }),
    ]
}

proptest! {
    #[test]
    fn events_round_trip_on_both_paths(
        events in proptest::collection::vec(any_event(), 1..255),
        timestamp in proptest::option::of(any::<u32>()),
    ) {
        let writer = InputWriter::new(ALL);
        let mut pdu = Vec::new();
        writer.write_fast_path(&events, timestamp, &mut pdu);
        let mut decoded = Vec::new();
        InputReader::new().handle_fast_path(&pdu, &mut decoded).unwrap();
        prop_assert_eq!(&decoded, &events);

        let body = writer.write_slow_path(&events).unwrap();
        decoded.clear();
        InputReader::new().handle_slow_path(&body, &mut decoded).unwrap();
        prop_assert_eq!(&decoded, &events);
    }

    #[test]
    fn random_bytes_never_panic(mut pdu in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = InputReader::new().handle_slow_path(&pdu, &mut Vec::new());
        let _ = InputReader::new().handle_fast_path(&pdu, &mut Vec::new());
        if let Some(first) = pdu.first_mut() {
            *first &= 0x3c;
        }
        let _ = InputReader::new().handle_fast_path(&pdu, &mut Vec::new());
    }
}
