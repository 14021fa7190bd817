//! What of the desktop a client wants to see, and how it is laid out (`[MS-RDPBCGR] 2.2.11`,
//! `2.2.12`; `[MS-RDPRFX] 2.2.3.1`).

use oriel_codecs::geometry::Rect;

use crate::{
    graphics::{DesktopMonitor, FrameId},
    wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire},
};

/// Reads a `TS_RECTANGLE16` (`[MS-RDPBCGR] 2.2.11.1`), whose right and bottom belong to it.
pub fn decode_inclusive_rect(cursor: &mut Cursor<'_>) -> DecodeResult<Rect> {
    let left = i32::from(cursor.u16()?);
    let top = i32::from(cursor.u16()?);
    let right = i32::from(cursor.u16()?) + 1;
    let bottom = i32::from(cursor.u16()?) + 1;
    Ok(Rect::new(left, top, right, bottom))
}

/// Appends a `TS_RECTANGLE16`; coordinates are clamped to 16 bits.
pub fn encode_inclusive_rect(rect: &Rect, out: &mut Vec<u8>) {
    let edges = [
        rect.left,
        rect.top,
        rect.right.saturating_sub(1),
        rect.bottom.saturating_sub(1),
    ];
    for edge in edges {
        out.put_u16(edge.clamp(0, 0xffff) as u16);
    }
}

/// The client wants areas drawn again (`TS_REFRESH_RECT_PDU`, `[MS-RDPBCGR] 2.2.11.2.1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefreshRectPdu {
    /// Up to 255 areas; more are not sent.
    pub areas: Vec<Rect>,
}

impl Pdu for RefreshRectPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("refresh rect");
        let count = cursor.u8()?;
        cursor.skip(3)?;
        let areas = (0..count)
            .map(|_| decode_inclusive_rect(cursor))
            .collect::<DecodeResult<_>>()?;
        Ok(Self { areas })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let areas = &self.areas[..self.areas.len().min(255)];
        out.put_u8(areas.len() as u8);
        out.put_zeros(3);
        for area in areas {
            encode_inclusive_rect(area, out);
        }
    }
}

/// The client turns display updates off or on (`TS_SUPPRESS_OUTPUT_PDU`,
/// `[MS-RDPBCGR] 2.2.11.3.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuppressOutputPdu {
    /// What is visible; `None` turns updates off.
    pub visible: Option<Rect>,
}

impl Pdu for SuppressOutputPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "suppress output";
        cursor.set_context(CONTEXT);
        let allow = cursor.u8()?;
        cursor.skip(3)?;
        let visible = match allow {
            0 => None,
            1 => Some(decode_inclusive_rect(cursor)?),
            other => {
                return Err(DecodeError::invalid(CONTEXT, "allowDisplayUpdates", other));
            }
        };
        Ok(Self { visible })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(u8::from(self.visible.is_some()));
        out.put_zeros(3);
        if let Some(rect) = &self.visible {
            encode_inclusive_rect(rect, out);
        }
    }
}

/// The server tells how the session's monitors lie (`TS_MONITOR_LAYOUT_PDU`,
/// `[MS-RDPBCGR] 2.2.12.1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonitorLayoutPdu {
    /// The monitors.
    pub monitors: Vec<DesktopMonitor>,
}

impl MonitorLayoutPdu {
    /// Most monitors that are taken; the protocol's own limit is 16.
    pub const MAX_MONITORS: u32 = 64;
}

/// `TS_MONITOR_PRIMARY`.
const MONITOR_PRIMARY: u32 = 1;

impl Pdu for MonitorLayoutPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "monitor layout";
        cursor.set_context(CONTEXT);
        let count = cursor.u32()?;
        if count > Self::MAX_MONITORS {
            return Err(DecodeError::TooLarge {
                context: CONTEXT,
                field: "monitorCount",
                value: count.into(),
                limit: Self::MAX_MONITORS.into(),
            });
        }
        let monitors = (0..count)
            .map(|_| {
                let left = cursor.i32()?;
                let top = cursor.i32()?;
                let right = cursor.i32()?.saturating_add(1);
                let bottom = cursor.i32()?.saturating_add(1);
                Ok(DesktopMonitor {
                    rect: Rect::new(left, top, right, bottom),
                    is_primary: cursor.u32()? & MONITOR_PRIMARY != 0,
                })
            })
            .collect::<DecodeResult<_>>()?;
        Ok(Self { monitors })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.monitors.len() as u32);
        for monitor in &self.monitors {
            out.put_i32(monitor.rect.left);
            out.put_i32(monitor.rect.top);
            out.put_i32(monitor.rect.right.saturating_sub(1));
            out.put_i32(monitor.rect.bottom.saturating_sub(1));
            out.put_u32(if monitor.is_primary {
                MONITOR_PRIMARY
            } else {
                0
            });
        }
    }
}

/// The client has shown a frame that came between frame markers (`TS_FRAME_ACKNOWLEDGE_PDU`,
/// `[MS-RDPRFX] 2.2.3.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameAcknowledgePdu {
    /// The frame.
    pub frame: FrameId,
}

impl Pdu for FrameAcknowledgePdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("frame acknowledge");
        Ok(Self {
            frame: FrameId(cursor.u32()?),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.frame.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inclusive_corners_become_half_open_and_back() {
        let bytes = [1, 0, 2, 0, 10, 0, 20, 0];
        let rect = decode_inclusive_rect(&mut Cursor::new(&bytes, "test")).unwrap();
        assert_eq!(rect, Rect::new(1, 2, 11, 21));
        let mut out = Vec::new();
        encode_inclusive_rect(&rect, &mut out);
        assert_eq!(out, bytes);
    }

    #[test]
    fn an_endless_list_of_monitors_is_refused_before_it_is_read() {
        let bytes = 0x1000_0000u32.to_le_bytes();
        let result = MonitorLayoutPdu::decode(&mut Cursor::new(&bytes, "test"));
        assert!(matches!(result, Err(DecodeError::TooLarge { .. })));
    }
}
