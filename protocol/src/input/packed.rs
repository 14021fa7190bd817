//! Input events as both wire formats have them: flags and numbers.

use oriel_codecs::geometry::Point;

use super::{InputEvent, InputFlags, LockKeys, MouseButton, ScanCode, ScanCodePrefix};

/// One event of the wire; an [`InputEvent`] is none, one or several of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PackedEvent {
    Key {
        scan_code: ScanCode,
        is_pressed: bool,
    },
    Unicode {
        unit: u16,
        is_pressed: bool,
    },
    Mouse {
        flags: u16,
        x: u16,
        y: u16,
    },
    ExtendedMouse {
        flags: u16,
        x: u16,
        y: u16,
    },
    RelativeMouse {
        flags: u16,
        dx: i16,
        dy: i16,
    },
    Synchronize {
        locks: LockKeys,
    },
}

// [MS-RDPBCGR] 2.2.8.1.1.3.1.1.3: pointerFlags.
const HORIZONTAL_WHEEL: u16 = 0x0400;
const WHEEL: u16 = 0x0200;
const WHEEL_ROTATION_MASK: u16 = 0x01ff;
const MOVE: u16 = 0x0800;
const DOWN: u16 = 0x8000;
const BUTTON_1: u16 = 0x1000;
const BUTTON_2: u16 = 0x2000;
const BUTTON_3: u16 = 0x4000;
// 2.2.8.1.1.3.1.1.4: of extended mouse events.
const EXTRA_BUTTON_1: u16 = 0x0001;
const EXTRA_BUTTON_2: u16 = 0x0002;

/// Largest rotation in one event: nine bits of two's complement hold one more, downwards only.
const ROTATION_LIMIT: i16 = 255;

/// What of `events` the server takes, in the shape of the wire.
pub(super) fn pack(events: &[InputEvent], server: InputFlags) -> Vec<PackedEvent> {
    let mut out = Vec::with_capacity(events.len());
    for &event in events {
        match event {
            InputEvent::Key {
                scan_code,
                is_pressed,
            } => out.push(PackedEvent::Key {
                scan_code,
                is_pressed,
            }),
            InputEvent::Unicode { unit, is_pressed } => {
                if server.contains(InputFlags::UNICODE) {
                    out.push(PackedEvent::Unicode { unit, is_pressed });
                }
            }
            InputEvent::MouseMove { position } => out.push(mouse(MOVE, position)),
            InputEvent::MouseButton {
                position,
                button,
                is_pressed,
            } => {
                let down = if is_pressed { DOWN } else { 0 };
                match button {
                    MouseButton::Left => out.push(mouse(down | BUTTON_1, position)),
                    MouseButton::Right => out.push(mouse(down | BUTTON_2, position)),
                    MouseButton::Middle => out.push(mouse(down | BUTTON_3, position)),
                    MouseButton::Back | MouseButton::Forward => {
                        let extra = if button == MouseButton::Back {
                            EXTRA_BUTTON_1
                        } else {
                            EXTRA_BUTTON_2
                        };
                        if server.contains(InputFlags::MOUSE_EXTENDED) {
                            let (x, y) = clamp(position);
                            let flags = down | extra;
                            out.push(PackedEvent::ExtendedMouse { flags, x, y });
                        }
                    }
                }
            }
            InputEvent::VerticalWheel { position, delta } => {
                pack_wheel(WHEEL, position, delta, &mut out);
            }
            InputEvent::HorizontalWheel { position, delta } => {
                if server.contains(InputFlags::HORIZONTAL_WHEEL) {
                    pack_wheel(HORIZONTAL_WHEEL, position, delta, &mut out);
                }
            }
            InputEvent::RelativeMouseMove { dx, dy } => {
                if server.contains(InputFlags::MOUSE_RELATIVE) {
                    let flags = MOVE;
                    out.push(PackedEvent::RelativeMouse { flags, dx, dy });
                }
            }
            InputEvent::Synchronize { locks } => out.push(PackedEvent::Synchronize { locks }),
        }
    }
    out
}

fn pack_wheel(flag: u16, position: Point, delta: i16, out: &mut Vec<PackedEvent>) {
    let mut rest = delta;
    while rest != 0 {
        let piece = rest.clamp(-ROTATION_LIMIT, ROTATION_LIMIT);
        rest -= piece;
        // Two's complement in nine bits: bit 8 is at once the sign and PTRFLAGS_WHEEL_NEGATIVE.
        let rotation = piece as u16 & WHEEL_ROTATION_MASK;
        out.push(mouse(flag | rotation, position));
    }
}

fn mouse(flags: u16, position: Point) -> PackedEvent {
    let (x, y) = clamp(position);
    PackedEvent::Mouse { flags, x, y }
}

fn clamp(position: Point) -> (u16, u16) {
    let clamp = |v: i32| v.clamp(0, i32::from(u16::MAX)) as u16;
    (clamp(position.x), clamp(position.y))
}

/// Appends what an event of the wire says; `last` is the pointer's place, kept up to date.
pub(super) fn unpack(event: PackedEvent, last: &mut Point, out: &mut Vec<InputEvent>) {
    match event {
        PackedEvent::Key {
            scan_code,
            is_pressed,
        } => out.push(InputEvent::Key {
            scan_code,
            is_pressed,
        }),
        PackedEvent::Unicode { unit, is_pressed } => {
            out.push(InputEvent::Unicode { unit, is_pressed });
        }
        PackedEvent::Mouse { flags, x, y } => {
            let position = Point::new(x.into(), y.into());
            // Sign extension of nine bits. Servers ignore the place of wheel events.
            let delta = ((flags & WHEEL_ROTATION_MASK) << 7) as i16 >> 7;
            if flags & WHEEL != 0 {
                out.push(InputEvent::VerticalWheel { position, delta });
                return;
            }
            if flags & HORIZONTAL_WHEEL != 0 {
                out.push(InputEvent::HorizontalWheel { position, delta });
                return;
            }
            *last = position;
            let before = out.len();
            unpack_buttons(flags, &BUTTONS, position, out);
            if flags & MOVE != 0 && out.len() == before {
                out.push(InputEvent::MouseMove { position });
            }
        }
        PackedEvent::ExtendedMouse { flags, x, y } => {
            *last = Point::new(x.into(), y.into());
            unpack_buttons(flags, &EXTRA_BUTTONS, *last, out);
        }
        PackedEvent::RelativeMouse { flags, dx, dy } => {
            if flags & MOVE != 0 {
                *last = Point::new(
                    (last.x + i32::from(dx)).clamp(0, u16::MAX.into()),
                    (last.y + i32::from(dy)).clamp(0, u16::MAX.into()),
                );
                out.push(InputEvent::RelativeMouseMove { dx, dy });
            }
            unpack_buttons(flags, &BUTTONS, *last, out);
            unpack_buttons(flags, &EXTRA_BUTTONS, *last, out);
        }
        PackedEvent::Synchronize { locks } => out.push(InputEvent::Synchronize { locks }),
    }
}

const BUTTONS: [(u16, MouseButton); 3] = [
    (BUTTON_1, MouseButton::Left),
    (BUTTON_2, MouseButton::Right),
    (BUTTON_3, MouseButton::Middle),
];
const EXTRA_BUTTONS: [(u16, MouseButton); 2] = [
    (EXTRA_BUTTON_1, MouseButton::Back),
    (EXTRA_BUTTON_2, MouseButton::Forward),
];

fn unpack_buttons(
    flags: u16,
    buttons: &[(u16, MouseButton)],
    position: Point,
    out: &mut Vec<InputEvent>,
) {
    for &(bit, button) in buttons {
        if flags & bit != 0 {
            out.push(InputEvent::MouseButton {
                position,
                button,
                is_pressed: flags & DOWN != 0,
            });
        }
    }
}

impl ScanCodePrefix {
    /// From the two flags, which are never set together.
    pub(super) fn from_flags(is_extended: bool, is_extended1: bool) -> Self {
        match (is_extended, is_extended1) {
            (_, true) => Self::Extended1,
            (true, false) => Self::Extended,
            (false, false) => Self::None,
        }
    }
}
