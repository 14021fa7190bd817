//! Fast-path updates, surface commands and their acknowledgement (`[MS-RDPBCGR] 2.2.7.2.6`,
//! `2.2.7.2.9`, `[MS-RDPRFX] 2.2.1.3`).

use crate::wire::{Cursor, DecodeResult, Pdu, WriteWire};

/// Size of fragmented fast-path updates (`TS_MULTIFRAGMENTUPDATE_CAPABILITYSET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MultifragmentUpdate {
    /// Bytes that the receiver's reassembly buffer holds.
    pub max_request_bytes: u32,
}

impl Pdu for MultifragmentUpdate {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("multifragment update capability set");
        Ok(Self {
            max_request_bytes: cursor.u32()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.max_request_bytes);
    }
}

bitflags::bitflags! {
    /// Which surface commands are supported.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct SurfaceCommandFlags: u32 {
        /// Set surface bits.
        const SET_SURFACE_BITS = 0x02;
        /// Frame markers.
        const FRAME_MARKER = 0x10;
        /// Stream surface bits.
        const STREAM_SURFACE_BITS = 0x40;
    }
}

/// Surface commands (`TS_SURFCMDS_CAPABILITYSET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SurfaceCommands {
    /// Which.
    pub flags: SurfaceCommandFlags,
}

impl Pdu for SurfaceCommands {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("surface commands capability set");
        Ok(Self {
            flags: SurfaceCommandFlags::from_bits_retain(cursor.u32()?),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.flags.bits());
        out.put_zeros(4);
    }
}

/// Acknowledgement of frames between markers (`TS_FRAME_ACKNOWLEDGE_CAPABILITYSET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameAcknowledge {
    /// Frames that may be on their way unacknowledged; 0 from a server says only that it
    /// takes acknowledgements.
    pub max_unacknowledged_frames: u32,
}

impl Pdu for FrameAcknowledge {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("frame acknowledge capability set");
        Ok(Self {
            max_unacknowledged_frames: cursor.u32()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.max_unacknowledged_frames);
    }
}
