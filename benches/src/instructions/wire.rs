//! Packets in and keys out, through the client's machine.

use std::{sync::Arc, time::Instant};

use oriel_codecs::{Point, Size, pointer};
use oriel_protocol::{
    client::ClientConnection,
    graphics::{FrameId, FrameReport, GraphicsCommand, PointerShape, PointerUpdate},
    input::{InputEvent, ScanCode, ScanCodePrefix},
};
use oriel_server::{
    encoder::{ClientGraphics, EncodingPolicy, FrameEncoder},
    source::Damage,
};

use super::{Case, SIZE, picture};
use crate::{pair::Pair, text_desktop};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "handle bitmap updates",
        prepare: || frames(ClientGraphics::BITMAPS_ALONE),
    },
    Case {
        name: "handle pipeline frames",
        prepare: || {
            frames(ClientGraphics::Pipeline {
                avc420: false,
                avc444: false,
                progressive: true,
            })
        },
    },
    Case {
        name: "handle a pointer",
        prepare: pointer,
    },
    Case {
        name: "send keys",
        prepare: keys,
    },
    Case {
        name: "send moves of the mouse",
        prepare: moves,
    },
    Case {
        name: "acknowledge frames",
        prepare: acknowledgements,
    },
];

/// How many packets or events a case has, where one alone is nearly nothing.
const MANY: u32 = 100;
/// What the session reads at once.
const READ_BYTES: usize = 16 * 1024;

/// Takes the bytes of one turn of `packets` after the other.
fn handling(mut client: ClientConnection, packets: Vec<Vec<u8>>) -> Box<dyn FnMut()> {
    let now = Instant::now();
    let mut packets = packets.into_iter();
    Box::new(move || {
        let bytes = packets.next().expect("bytes for both turns");
        for read in bytes.chunks(READ_BYTES) {
            client.handle_data(now, read).expect("our server's bytes");
            while let Some(event) = client.poll_event() {
                std::hint::black_box(&event);
            }
        }
    })
}

/// The frames of a window whose content scrolls sideways, exact.
fn frames(graphics: ClientGraphics) -> Box<dyn FnMut()> {
    let mut pair = Pair::new(SIZE, !graphics.is_bitmaps());
    let mut encoder = FrameEncoder::new(graphics, EncodingPolicy::Lossless);
    let mut commands = Vec::new();
    encoder.start(SIZE, &mut commands);
    let mut step = 0;
    let mut turn = |commands: &mut Vec<GraphicsCommand>| {
        for _ in 0..3 {
            step += 1;
            let damage = Damage::of(SIZE.to_rect());
            encoder
                .encode(pair.now, &picture(step), &damage, commands)
                .expect("planar always works");
        }
        for command in commands.drain(..) {
            let result = pair.server.send_graphics(&command);
            result.expect("commands that the client takes");
        }
        pair.server_bytes()
    };
    let packets = vec![turn(&mut commands), turn(&mut commands)];
    handling(pair.client, packets)
}

fn pointer() -> Box<dyn FnMut()> {
    let mut pair = Pair::new(SIZE, true);
    let mut turn = |step| {
        let size = Size::new(32, 32);
        for index in 0..MANY {
            // A shape that was shown before would be a number alone.
            let masks = pointer::encode(&text_desktop(size, step + index).view(), None, true);
            let update = PointerUpdate::Shape(Arc::new(PointerShape {
                size,
                hotspot: Point::default(),
                bits_per_pixel: masks.bits_per_pixel,
                xor_mask: masks.xor_mask.into(),
                and_mask: masks.and_mask.into(),
            }));
            pair.server.send_pointer(&update).expect("a small pointer");
        }
        pair.server_bytes()
    };
    let packets = vec![turn(0), turn(MANY)];
    handling(pair.client, packets)
}

/// Sends each event on its own, as they come one by one.
fn sending(event: fn(u32) -> InputEvent) -> Box<dyn FnMut()> {
    let mut client = Pair::new(SIZE, true).client;
    let mut bytes = Vec::new();
    Box::new(move || {
        for index in 0..MANY {
            client.send_input(&[event(index)]);
            bytes.clear();
            assert!(client.poll_transmit(&mut bytes), "an event is sent at once");
        }
    })
}

fn keys() -> Box<dyn FnMut()> {
    sending(|index| InputEvent::Key {
        scan_code: ScanCode {
            code: 0x10 + (index / 2 % 10) as u8,
            prefix: ScanCodePrefix::None,
        },
        is_pressed: index % 2 == 0,
    })
}

fn moves() -> Box<dyn FnMut()> {
    sending(|index| InputEvent::MouseMove {
        position: Point::new(index as i32, index as i32),
    })
}

/// Acknowledges frames that were received before.
fn acknowledgements() -> Box<dyn FnMut()> {
    let mut pair = Pair::new(SIZE, true);
    for frame in (0..2 * MANY).map(FrameId) {
        for command in [
            GraphicsCommand::StartFrame { frame },
            GraphicsCommand::EndFrame { frame },
        ] {
            pair.server.send_graphics(&command).expect("an open frame");
        }
    }
    while pair.exchange() {}
    let Pair {
        mut client, now, ..
    } = pair;
    let (mut next, mut bytes) = (0, Vec::new());
    Box::new(move || {
        for frame in next..next + MANY {
            let report = FrameReport {
                frame: FrameId(frame),
                queue_depth: 0,
                decode_us: 1000,
                present_us: 2000,
            };
            client.acknowledge_frame(now, report);
            bytes.clear();
            assert!(client.poll_transmit(&mut bytes), "the frame is known");
        }
        next += MANY;
    })
}
