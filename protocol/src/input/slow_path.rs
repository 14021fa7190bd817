//! Slow-path input PDUs, without their share headers (`[MS-RDPBCGR] 2.2.8.1.1.3.1`).

use super::{LockKeys, ScanCode, ScanCodePrefix, packed::PackedEvent};
use crate::wire::{Cursor, DecodeResult, WriteWire};

// messageType, 2.2.8.1.1.3.1.1.
const SYNCHRONIZE: u16 = 0x0000;
const SCAN_CODE: u16 = 0x0004;
const UNICODE: u16 = 0x0005;
const MOUSE: u16 = 0x8001;
const EXTENDED_MOUSE: u16 = 0x8002;
const RELATIVE_MOUSE: u16 = 0x8004;

// keyboardFlags, 2.2.8.1.1.3.1.1.1.
const EXTENDED: u16 = 0x0100;
const EXTENDED_1: u16 = 0x0200;
const DOWN: u16 = 0x4000;
const RELEASE: u16 = 0x8000;

/// Every kind of event has that many bytes after its type.
const EVENT_DATA_BYTES: usize = 6;

pub(super) fn encode(events: &[PackedEvent]) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + 12 * events.len());
    // A batch of 65536 events has no source: the viewer's queue is shorter.
    out.put_u16(u16::try_from(events.len()).unwrap_or(u16::MAX));
    out.put_u16(0);
    for &event in events.iter().take(usize::from(u16::MAX)) {
        // The time stamp is ignored by servers.
        out.put_u32(0);
        match event {
            PackedEvent::Key {
                scan_code,
                is_pressed,
            } => {
                out.put_u16(SCAN_CODE);
                let prefix = match scan_code.prefix {
                    ScanCodePrefix::None => 0,
                    ScanCodePrefix::Extended => EXTENDED,
                    ScanCodePrefix::Extended1 => EXTENDED_1,
                };
                // A released key was down before.
                out.put_u16(prefix | if is_pressed { 0 } else { DOWN | RELEASE });
                out.put_u16(scan_code.code.into());
                out.put_u16(0);
            }
            PackedEvent::Unicode { unit, is_pressed } => {
                out.put_u16(UNICODE);
                out.put_u16(if is_pressed { 0 } else { RELEASE });
                out.put_u16(unit);
                out.put_u16(0);
            }
            PackedEvent::Mouse { flags, x, y } => {
                out.put_u16(MOUSE);
                out.put_u16(flags);
                out.put_u16(x);
                out.put_u16(y);
            }
            PackedEvent::ExtendedMouse { flags, x, y } => {
                out.put_u16(EXTENDED_MOUSE);
                out.put_u16(flags);
                out.put_u16(x);
                out.put_u16(y);
            }
            PackedEvent::RelativeMouse { flags, dx, dy } => {
                out.put_u16(RELATIVE_MOUSE);
                out.put_u16(flags);
                out.put_i16(dx);
                out.put_i16(dy);
            }
            PackedEvent::Synchronize { locks } => {
                out.put_u16(SYNCHRONIZE);
                out.put_u16(0);
                out.put_u32(locks.bits());
            }
        }
    }
    out
}

pub(super) fn decode(body: &[u8], mut emit: impl FnMut(PackedEvent)) -> DecodeResult<()> {
    let mut cursor = Cursor::new(body, "slow-path input PDU");
    let count = cursor.u16()?;
    cursor.skip(2)?;
    for _ in 0..count {
        cursor.skip(4)?;
        let kind = cursor.u16()?;
        let mut data = cursor.sub(EVENT_DATA_BYTES, "slow-path input event")?;
        emit(match kind {
            SYNCHRONIZE => {
                data.skip(2)?;
                PackedEvent::Synchronize {
                    locks: LockKeys::from_bits_truncate(data.u32()?),
                }
            }
            SCAN_CODE => {
                let flags = data.u16()?;
                PackedEvent::Key {
                    scan_code: ScanCode {
                        code: data.u16()? as u8,
                        prefix: ScanCodePrefix::from_flags(
                            flags & EXTENDED != 0,
                            flags & EXTENDED_1 != 0,
                        ),
                    },
                    is_pressed: flags & RELEASE == 0,
                }
            }
            UNICODE => PackedEvent::Unicode {
                is_pressed: data.u16()? & RELEASE == 0,
                unit: data.u16()?,
            },
            MOUSE => PackedEvent::Mouse {
                flags: data.u16()?,
                x: data.u16()?,
                y: data.u16()?,
            },
            EXTENDED_MOUSE => PackedEvent::ExtendedMouse {
                flags: data.u16()?,
                x: data.u16()?,
                y: data.u16()?,
            },
            RELATIVE_MOUSE => PackedEvent::RelativeMouse {
                flags: data.u16()?,
                dx: data.i16()?,
                dy: data.i16()?,
            },
            // Unused events and those of later versions, all of the same length.
            _ => continue,
        });
    }
    Ok(())
}
