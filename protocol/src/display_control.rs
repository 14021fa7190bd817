//! Display control: the client asks for another layout of monitors (`[MS-RDPEDISP]`).
//!
//! Messages of the dynamic channel
//! [`names::DISPLAY_CONTROL`](crate::channels::dynamic::names::DISPLAY_CONTROL). The server tells
//! its limits once, the client then sends whole layouts within them.

use oriel_codecs::geometry::{Point, Rect, Size};
use thiserror::Error;

use crate::{
    client::MonitorLayout,
    wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire},
};

/// Smallest side of a monitor (`[MS-RDPEDISP] 2.2.2.2.1`).
pub const MIN_SIDE_PX: u32 = 200;
/// Largest side of a monitor.
pub const MAX_SIDE_PX: u32 = 8192;

const TYPE_MONITOR_LAYOUT: u32 = 0x0000_0002;
const TYPE_CAPABILITIES: u32 = 0x0000_0005;

/// `DISPLAYCONTROL_HEADER`: type 4, length 4.
const HEADER_BYTES: usize = 8;
/// `DISPLAYCONTROL_MONITOR_LAYOUT`: ten fields of 4.
const LAYOUT_BYTES: usize = 40;
const MONITOR_PRIMARY: u32 = 0x0000_0001;

/// What a server takes (`DISPLAYCONTROL_CAPS_PDU`, `[MS-RDPEDISP] 2.2.2.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisplayControlCapabilities {
    /// Most monitors.
    pub max_monitors: u32,
    /// A factor of the largest area.
    pub area_factor_a: u32,
    /// A factor of the largest area.
    pub area_factor_b: u32,
}

impl DisplayControlCapabilities {
    /// Largest total area of the monitors.
    pub fn max_area_px(&self) -> u64 {
        u64::from(self.max_monitors)
            .saturating_mul(self.area_factor_a.into())
            .saturating_mul(self.area_factor_b.into())
    }
}

/// A message of the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisplayControlPdu {
    /// From the server, once.
    Capabilities(DisplayControlCapabilities),
    /// From the client: all monitors that it wants.
    MonitorLayout(Vec<MonitorLayout>),
    /// Something newer than this implementation.
    Unknown {
        /// Its type.
        kind: u32,
        /// What follows the header.
        body: Vec<u8>,
    },
}

impl Pdu for DisplayControlPdu {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("display control PDU");
        let kind = cursor.u32()?;
        let length = cursor.u32()?;
        let Some(length) = (length as usize).checked_sub(HEADER_BYTES) else {
            return Err(DecodeError::invalid(cursor.context(), "length", length));
        };
        let mut body = cursor.sub(length, "display control PDU")?;
        Ok(match kind {
            TYPE_CAPABILITIES => Self::Capabilities(DisplayControlCapabilities {
                max_monitors: body.u32()?,
                area_factor_a: body.u32()?,
                area_factor_b: body.u32()?,
            }),
            TYPE_MONITOR_LAYOUT => {
                let item_bytes = body.u32()? as usize;
                if item_bytes < LAYOUT_BYTES {
                    return Err(DecodeError::invalid(
                        body.context(),
                        "monitor layout size",
                        item_bytes as u64,
                    ));
                }
                let count = body.u32()? as usize;
                let mut list = body.sub(count.saturating_mul(item_bytes), "monitor layouts")?;
                let mut monitors = Vec::with_capacity(count);
                while !list.is_empty() {
                    monitors.push(read_layout(&mut list.sub(item_bytes, "monitor layout")?)?);
                }
                Self::MonitorLayout(monitors)
            }
            _ => Self::Unknown {
                kind,
                body: body.rest().to_vec(),
            },
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Capabilities(capabilities) => {
                put_header(out, TYPE_CAPABILITIES, 12);
                out.put_u32(capabilities.max_monitors);
                out.put_u32(capabilities.area_factor_a);
                out.put_u32(capabilities.area_factor_b);
            }
            Self::MonitorLayout(monitors) => {
                put_header(out, TYPE_MONITOR_LAYOUT, 8 + LAYOUT_BYTES * monitors.len());
                out.put_u32(LAYOUT_BYTES as u32);
                out.put_u32(monitors.len() as u32);
                for monitor in monitors {
                    put_layout(out, monitor);
                }
            }
            Self::Unknown { kind, body } => {
                put_header(out, *kind, body.len());
                out.put(body);
            }
        }
    }
}

fn put_header(out: &mut Vec<u8>, kind: u32, body_bytes: usize) {
    out.put_u32(kind);
    out.put_u32((HEADER_BYTES + body_bytes) as u32);
}

fn read_layout(cursor: &mut Cursor<'_>) -> DecodeResult<MonitorLayout> {
    let flags = cursor.u32()?;
    let origin = Point::new(cursor.i32()?, cursor.i32()?);
    let size = Size::new(cursor.u32()?, cursor.u32()?);
    Ok(MonitorLayout {
        rect: Rect::at(origin, size),
        is_primary: flags & MONITOR_PRIMARY != 0,
        physical_width_mm: cursor.u32()?,
        physical_height_mm: cursor.u32()?,
        orientation_degrees: cursor.u32()?,
        desktop_scale_percent: cursor.u32()?,
        device_scale_percent: cursor.u32()?,
    })
}

fn put_layout(out: &mut Vec<u8>, monitor: &MonitorLayout) {
    out.put_u32(if monitor.is_primary {
        MONITOR_PRIMARY
    } else {
        0
    });
    out.put_i32(monitor.rect.left);
    out.put_i32(monitor.rect.top);
    out.put_u32(monitor.rect.width());
    out.put_u32(monitor.rect.height());
    out.put_u32(monitor.physical_width_mm);
    out.put_u32(monitor.physical_height_mm);
    out.put_u32(monitor.orientation_degrees);
    out.put_u32(monitor.desktop_scale_percent);
    out.put_u32(monitor.device_scale_percent);
}

/// Why a layout is not one that a server carries out (`[MS-RDPEDISP] 3.1.5.2`).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LayoutError {
    /// No monitor at all.
    #[error("a layout needs a monitor")]
    Empty,
    /// More than the server takes.
    #[error("{count} monitors where the server takes {limit}")]
    TooManyMonitors {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: u32,
    },
    /// A width that is odd or out of range, or a height out of range.
    #[error("a monitor of {width} by {height} pixels")]
    Size {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// More than the server takes.
    #[error("{area_px} pixels where the server takes {limit_px}")]
    Area {
        /// Pixels of all monitors.
        area_px: u64,
        /// How many there may be.
        limit_px: u64,
    },
    /// None or several primary monitors, or one that is not at the origin.
    #[error("exactly one monitor is primary, and it is at the origin")]
    Primary,
    /// Two monitors share pixels.
    #[error("monitors overlap")]
    Overlap,
    /// A monitor touches no other, not even with a corner.
    #[error("a monitor stands apart")]
    Apart,
}

/// Checks a layout as the server that takes it will.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_layout(
    monitors: &[MonitorLayout],
    capabilities: &DisplayControlCapabilities,
) -> Result<(), LayoutError> {
    if monitors.is_empty() {
        return Err(LayoutError::Empty);
    }
    if monitors.len() > capabilities.max_monitors as usize {
        return Err(LayoutError::TooManyMonitors {
            count: monitors.len(),
            limit: capabilities.max_monitors,
        });
    }
    let sides = MIN_SIDE_PX..=MAX_SIDE_PX;
    let mut area_px = 0_u64;
    for monitor in monitors {
        let Size { width, height } = monitor.rect.size();
        if !sides.contains(&width) || !sides.contains(&height) || width % 2 != 0 {
            return Err(LayoutError::Size { width, height });
        }
        area_px += monitor.rect.size().area();
    }
    let limit_px = capabilities.max_area_px();
    if area_px > limit_px {
        return Err(LayoutError::Area { area_px, limit_px });
    }
    let mut primary = monitors.iter().filter(|m| m.is_primary);
    match (primary.next(), primary.next()) {
        (Some(only), None) if only.rect.origin() == Point::new(0, 0) => {}
        _ => return Err(LayoutError::Primary),
    }
    for (index, monitor) in monitors.iter().enumerate() {
        let others = || monitors.iter().enumerate().filter(|(i, _)| *i != index);
        if others().any(|(_, o)| !o.rect.intersect(&monitor.rect).is_empty()) {
            return Err(LayoutError::Overlap);
        }
        if monitors.len() > 1 && !others().any(|(_, o)| touches(&o.rect, &monitor.rect)) {
            return Err(LayoutError::Apart);
        }
    }
    Ok(())
}

/// True where the rectangles share an edge or a corner.
fn touches(a: &Rect, b: &Rect) -> bool {
    a.left <= b.right && b.left <= a.right && a.top <= b.bottom && b.top <= a.bottom
}

/// The nearest size, not larger where that is possible, that a lone monitor may have.
pub fn fit_size(size: Size) -> Size {
    let fit = |side: u32| side.clamp(MIN_SIDE_PX, MAX_SIDE_PX);
    Size::new(fit(size.width) & !1, fit(size.height))
}

/// Replaces what a server must ignore by what it then assumes: physical sizes, orientations and
/// scales out of range (`[MS-RDPEDISP] 2.2.2.2.1`).
pub fn normalize(monitor: &MonitorLayout) -> MonitorLayout {
    let mut normal = *monitor;
    let millimetres = 10..=10_000;
    if !millimetres.contains(&normal.physical_width_mm)
        || !millimetres.contains(&normal.physical_height_mm)
    {
        normal.physical_width_mm = 0;
        normal.physical_height_mm = 0;
    }
    if !matches!(normal.orientation_degrees, 0 | 90 | 180 | 270) {
        normal.orientation_degrees = 0;
    }
    if !(100..=500).contains(&normal.desktop_scale_percent)
        || !matches!(normal.device_scale_percent, 100 | 140 | 180)
    {
        normal.desktop_scale_percent = 100;
        normal.device_scale_percent = 100;
    }
    normal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAPABILITIES: DisplayControlCapabilities = DisplayControlCapabilities {
        max_monitors: 4,
        area_factor_a: 3840,
        area_factor_b: 2400,
    };

    fn monitor(left: i32, top: i32, width: u32, height: u32) -> MonitorLayout {
        MonitorLayout {
            rect: Rect::at(Point::new(left, top), Size::new(width, height)),
            is_primary: left == 0 && top == 0,
            ..MonitorLayout::single(Size::default())
        }
    }

    fn check(monitors: &[MonitorLayout]) -> Result<(), LayoutError> {
        check_layout(monitors, &CAPABILITIES)
    }

    #[test]
    fn two_monitors_side_by_side_and_two_at_a_corner_pass() {
        let main = monitor(0, 0, 1920, 1080);
        assert_eq!(check(&[main]), Ok(()));
        assert_eq!(check(&[main, monitor(1920, 100, 1280, 1024)]), Ok(()));
        assert_eq!(check(&[main, monitor(-800, -600, 800, 600)]), Ok(()));
    }

    #[test]
    fn each_broken_rule_has_its_own_error() {
        let main = monitor(0, 0, 1920, 1080);
        assert_eq!(check(&[]), Err(LayoutError::Empty));
        assert!(matches!(
            check(&[main; 5]),
            Err(LayoutError::TooManyMonitors { count: 5, limit: 4 })
        ));
        for (width, height) in [(1919, 1080), (198, 1080), (1920, 199), (8194, 1080)] {
            let size = LayoutError::Size { width, height };
            assert_eq!(check(&[monitor(0, 0, width, height)]), Err(size));
        }
        assert!(matches!(
            check(&[monitor(0, 0, 8192, 8192)]),
            Err(LayoutError::Area { .. })
        ));
        assert_eq!(
            check(&[monitor(10, 0, 1920, 1080)]),
            Err(LayoutError::Primary)
        );
        let mut second = monitor(1920, 0, 1920, 1080);
        second.is_primary = true;
        assert_eq!(check(&[main, second]), Err(LayoutError::Primary));
        assert_eq!(
            check(&[main, monitor(1900, 0, 800, 600)]),
            Err(LayoutError::Overlap)
        );
        assert_eq!(
            check(&[main, monitor(1922, 0, 800, 600)]),
            Err(LayoutError::Apart)
        );
    }

    #[test]
    fn a_fitted_size_is_always_allowed() {
        assert_eq!(fit_size(Size::new(1367, 769)), Size::new(1366, 769));
        assert_eq!(fit_size(Size::new(10, 10)), Size::new(200, 200));
        assert_eq!(fit_size(Size::new(9000, 9000)), Size::new(8192, 8192));
    }

    #[test]
    fn values_that_must_be_ignored_become_the_assumed_ones() {
        let odd = MonitorLayout {
            physical_width_mm: 500,
            physical_height_mm: 9,
            orientation_degrees: 45,
            desktop_scale_percent: 150,
            device_scale_percent: 120,
            ..monitor(0, 0, 800, 600)
        };
        assert_eq!(normalize(&odd), monitor(0, 0, 800, 600));
        let good = MonitorLayout {
            physical_width_mm: 500,
            physical_height_mm: 300,
            orientation_degrees: 90,
            desktop_scale_percent: 150,
            device_scale_percent: 140,
            ..odd
        };
        assert_eq!(normalize(&good), good);
    }

    #[test]
    fn a_layout_has_the_bytes_of_the_specification() {
        let bytes = DisplayControlPdu::MonitorLayout(vec![monitor(0, 0, 1024, 768)]).to_vec();
        assert_eq!(bytes.len(), 56);
        let fields: Vec<u32> = bytes
            .chunks_exact(4)
            .map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]))
            .collect();
        assert_eq!(
            fields,
            [2, 56, 40, 1, 1, 0, 0, 1024, 768, 0, 0, 0, 100, 100]
        );
    }

    #[test]
    fn a_count_beyond_the_data_is_refused_without_allocating() {
        let mut bytes = Vec::new();
        put_header(&mut bytes, TYPE_MONITOR_LAYOUT, 8);
        bytes.put_u32(40);
        bytes.put_u32(u32::MAX);
        assert!(DisplayControlPdu::decode(&mut Cursor::new(&bytes, "test")).is_err());
    }

    proptest! {
        #[test]
        fn pdus_round_trip(
            places in proptest::collection::vec(
                (-20_000_i32..20_000, -20_000_i32..20_000, 0_u32..9000, 0_u32..9000), 0..6),
            fields: [u32; 5], kind in 6_u32.., body in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let monitors = places.iter().map(|&(left, top, width, height)| MonitorLayout {
                physical_width_mm: fields[0],
                physical_height_mm: fields[1],
                orientation_degrees: fields[2],
                desktop_scale_percent: fields[3],
                device_scale_percent: fields[4],
                ..monitor(left, top, width, height)
            });
            for pdu in [
                DisplayControlPdu::MonitorLayout(monitors.collect()),
                DisplayControlPdu::Capabilities(DisplayControlCapabilities {
                    max_monitors: fields[0],
                    area_factor_a: fields[1],
                    area_factor_b: fields[2],
                }),
                DisplayControlPdu::Unknown { kind, body },
            ] {
                let bytes = pdu.to_vec();
                let read = DisplayControlPdu::decode(&mut Cursor::new(&bytes, "test")).unwrap();
                prop_assert_eq!(read, pdu);
            }
        }

        #[test]
        fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = DisplayControlPdu::decode(&mut Cursor::new(&bytes, "test"));
            if bytes.len() >= 16 {
                bytes[..8].copy_from_slice(&[2, 0, 0, 0, 200, 0, 0, 0]);
                bytes[9..12].fill(0);
                let _ = DisplayControlPdu::decode(&mut Cursor::new(&bytes, "test"));
            }
        }
    }
}
