//! Monitor blocks (`[MS-RDPBCGR] 2.2.1.3.6`, `2.2.1.3.10`).

use oriel_codecs::geometry::Rect;

use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire};

/// Most monitors of a block.
const MAX_MONITORS: u32 = 16;

/// `TS_MONITOR_DEF`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitorDefinition {
    /// Place on the desktop, half open (inclusive on the wire).
    pub rect: Rect,
    /// Flags, raw; see [`MonitorDefinition::PRIMARY`].
    pub flags: u32,
}

impl MonitorDefinition {
    /// Flag of the primary monitor.
    pub const PRIMARY: u32 = 1;
}

impl Pdu for MonitorDefinition {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        Ok(Self {
            rect: Rect {
                left: cursor.i32()?,
                top: cursor.i32()?,
                right: cursor.i32()?.saturating_add(1),
                bottom: cursor.i32()?.saturating_add(1),
            },
            flags: cursor.u32()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_i32(self.rect.left);
        out.put_i32(self.rect.top);
        out.put_i32(self.rect.right.saturating_sub(1));
        out.put_i32(self.rect.bottom.saturating_sub(1));
        out.put_u32(self.flags);
    }
}

/// `TS_UD_CS_MONITOR`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientMonitors {
    /// Up to 16 monitors.
    pub monitors: Vec<MonitorDefinition>,
}

impl Pdu for ClientMonitors {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("client monitor data");
        cursor.skip(4)?; // flags
        let count = monitor_count(cursor)?;
        Ok(Self {
            monitors: (0..count)
                .map(|_| MonitorDefinition::decode(cursor))
                .collect::<DecodeResult<_>>()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(0);
        out.put_u32(self.monitors.len() as u32);
        for monitor in &self.monitors {
            monitor.encode(out);
        }
    }
}

/// `TS_MONITOR_ATTRIBUTES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitorAttributes {
    /// Width in millimetres.
    pub physical_width_mm: u32,
    /// Height in millimetres.
    pub physical_height_mm: u32,
    /// Degrees clockwise: 0, 90, 180 or 270.
    pub orientation_degrees: u32,
    /// Scale of the desktop, 100 to 500.
    pub desktop_scale_percent: u32,
    /// Scale of store applications: 100, 140 or 180.
    pub device_scale_percent: u32,
}

const MONITOR_ATTRIBUTES_BYTES: u32 = 20;

impl Pdu for MonitorAttributes {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        Ok(Self {
            physical_width_mm: cursor.u32()?,
            physical_height_mm: cursor.u32()?,
            orientation_degrees: cursor.u32()?,
            desktop_scale_percent: cursor.u32()?,
            device_scale_percent: cursor.u32()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.physical_width_mm);
        out.put_u32(self.physical_height_mm);
        out.put_u32(self.orientation_degrees);
        out.put_u32(self.desktop_scale_percent);
        out.put_u32(self.device_scale_percent);
    }
}

/// `TS_UD_CS_MONITOR_EX`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientMonitorsEx {
    /// One for each monitor of [`ClientMonitors`], in its order.
    pub attributes: Vec<MonitorAttributes>,
}

impl Pdu for ClientMonitorsEx {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "client monitor extended data";
        cursor.set_context(CONTEXT);
        cursor.skip(4)?; // flags
        let size = cursor.u32()?;
        if size < MONITOR_ATTRIBUTES_BYTES {
            return Err(DecodeError::invalid(CONTEXT, "monitorAttributeSize", size));
        }
        let count = monitor_count(cursor)?;
        Ok(Self {
            attributes: (0..count)
                .map(|_| MonitorAttributes::decode(&mut cursor.sub(size as usize, CONTEXT)?))
                .collect::<DecodeResult<_>>()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(0);
        out.put_u32(MONITOR_ATTRIBUTES_BYTES);
        out.put_u32(self.attributes.len() as u32);
        for attributes in &self.attributes {
            attributes.encode(out);
        }
    }
}

fn monitor_count(cursor: &mut Cursor<'_>) -> DecodeResult<u32> {
    let count = cursor.u32()?;
    if count > MAX_MONITORS {
        return Err(DecodeError::TooLarge {
            context: cursor.context(),
            field: "monitorCount",
            value: count.into(),
            limit: MAX_MONITORS.into(),
        });
    }
    Ok(count)
}
