//! Fast-path input PDUs (`[MS-RDPBCGR] 2.2.8.1.2`).

use super::{LockKeys, ScanCode, ScanCodePrefix, packed::PackedEvent};
use crate::wire::{Cursor, DecodeError, DecodeResult, WriteWire};

/// Most events in a fast-path input PDU.
const FAST_PATH_INPUT_LIMIT: usize = 255;

// eventCode, 2.2.8.1.2.2.
const SCAN_CODE: u8 = 0;
const MOUSE: u8 = 1;
const EXTENDED_MOUSE: u8 = 2;
const SYNCHRONIZE: u8 = 3;
const UNICODE: u8 = 4;
const RELATIVE_MOUSE: u8 = 5;
const QOE_TIMESTAMP: u8 = 6;

// eventFlags of keyboard events, 2.2.8.1.2.2.1.
const RELEASE: u8 = 0x01;
const EXTENDED: u8 = 0x02;
const EXTENDED_1: u8 = 0x04;

/// Events whose number fits into the header's first byte.
const HEADER_COUNT_LIMIT: usize = 15;

pub(super) fn encode(events: &[PackedEvent], timestamp_ms: Option<u32>, out: &mut Vec<u8>) {
    let mut timestamp_ms = timestamp_ms;
    let mut rest = events;
    let mut body = Vec::new();
    while !rest.is_empty() {
        body.clear();
        let timestamp_ms = timestamp_ms.take();
        let own = usize::from(timestamp_ms.is_some());
        let (batch, tail) = rest.split_at(rest.len().min(FAST_PATH_INPUT_LIMIT - own));
        rest = tail;
        if let Some(timestamp_ms) = timestamp_ms {
            body.put_u8(QOE_TIMESTAMP << 5);
            body.put_u32(timestamp_ms);
        }
        for &event in batch {
            encode_event(event, &mut body);
        }
        let count = batch.len() + own;
        let in_header = count <= HEADER_COUNT_LIMIT;
        out.put_u8(if in_header { (count as u8) << 2 } else { 0 });
        let after_length = usize::from(!in_header) + body.len();
        // Header 1, length 1 or 2, number of events 0 or 1, events: far below 16383.
        let short = 2 + after_length;
        if short < 0x80 {
            out.put_u8(short as u8);
        } else {
            out.put_u16_be((short + 1) as u16 | 0x8000);
        }
        if !in_header {
            out.put_u8(count as u8);
        }
        out.put(&body);
    }
}

fn encode_event(event: PackedEvent, out: &mut Vec<u8>) {
    match event {
        PackedEvent::Key {
            scan_code,
            is_pressed,
        } => {
            let prefix = match scan_code.prefix {
                ScanCodePrefix::None => 0,
                ScanCodePrefix::Extended => EXTENDED,
                ScanCodePrefix::Extended1 => EXTENDED_1,
            };
            out.put_u8(SCAN_CODE << 5 | prefix | release(is_pressed));
            out.put_u8(scan_code.code);
        }
        PackedEvent::Unicode { unit, is_pressed } => {
            out.put_u8(UNICODE << 5 | release(is_pressed));
            out.put_u16(unit);
        }
        PackedEvent::Mouse { flags, x, y } => {
            out.put_u8(MOUSE << 5);
            out.put_u16(flags);
            out.put_u16(x);
            out.put_u16(y);
        }
        PackedEvent::ExtendedMouse { flags, x, y } => {
            out.put_u8(EXTENDED_MOUSE << 5);
            out.put_u16(flags);
            out.put_u16(x);
            out.put_u16(y);
        }
        PackedEvent::RelativeMouse { flags, dx, dy } => {
            out.put_u8(RELATIVE_MOUSE << 5);
            out.put_u16(flags);
            out.put_i16(dx);
            out.put_i16(dy);
        }
        PackedEvent::Synchronize { locks } => {
            // The low four bits are the same as in the slow path.
            out.put_u8(SYNCHRONIZE << 5 | (locks.bits() & 0x1f) as u8);
        }
    }
}

fn release(is_pressed: bool) -> u8 {
    if is_pressed { 0 } else { RELEASE }
}

pub(super) fn decode(pdu: &[u8], mut emit: impl FnMut(PackedEvent)) -> DecodeResult<()> {
    let mut cursor = Cursor::new(pdu, "fast-path input PDU");
    let header = cursor.u8()?;
    // Neither another action nor encryption: TLS is what protects the stream.
    if header & 0b1100_0011 != 0 {
        return Err(DecodeError::invalid(cursor.context(), "header", header));
    }
    if cursor.u8()? & 0x80 != 0 {
        cursor.skip(1)?;
    }
    let count = match header >> 2 & 0x0f {
        0 => cursor.u8()?,
        count => count,
    };
    for _ in 0..count {
        let header = cursor.u8()?;
        let (flags, code) = (header & 0x1f, header >> 5);
        let is_pressed = flags & RELEASE == 0;
        emit(match code {
            SCAN_CODE => PackedEvent::Key {
                scan_code: ScanCode {
                    code: cursor.u8()?,
                    prefix: ScanCodePrefix::from_flags(
                        flags & EXTENDED != 0,
                        flags & EXTENDED_1 != 0,
                    ),
                },
                is_pressed,
            },
            UNICODE => PackedEvent::Unicode {
                unit: cursor.u16()?,
                is_pressed,
            },
            MOUSE => PackedEvent::Mouse {
                flags: cursor.u16()?,
                x: cursor.u16()?,
                y: cursor.u16()?,
            },
            EXTENDED_MOUSE => PackedEvent::ExtendedMouse {
                flags: cursor.u16()?,
                x: cursor.u16()?,
                y: cursor.u16()?,
            },
            RELATIVE_MOUSE => PackedEvent::RelativeMouse {
                flags: cursor.u16()?,
                dx: cursor.i16()?,
                dy: cursor.i16()?,
            },
            SYNCHRONIZE => PackedEvent::Synchronize {
                locks: LockKeys::from_bits_truncate(flags.into()),
            },
            QOE_TIMESTAMP => {
                cursor.skip(4)?;
                continue;
            }
            _ => return Err(DecodeError::invalid(cursor.context(), "event code", code)),
        });
    }
    Ok(())
}
