//! Drawing: the vocabulary of commands, and the graphics pipeline that carries them
//! (`[MS-RDPEGFX]`). Older ways to draw are in [`updates`](crate::updates).

mod capability;
pub mod command;
pub mod pdu;
pub mod pipeline;

pub use capability::{
    CapabilityFlags, CapabilitySet, GraphicsTarget, PipelineVersion, SurfaceTarget,
    choose_capabilities, client_capabilities,
};
pub use command::*;
pub use pdu::CommandError;

/// What a renderer tells about a frame once it is drawn, to be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameReport {
    /// Which frame.
    pub frame: FrameId,
    /// Bytes of graphics that were received and not decoded yet; 0 where unknown.
    pub queue_depth: u32,
    /// Time spent on decoding the frame.
    pub decode_us: u32,
    /// Time from receiving its end to its being drawn: part of what is shown next.
    pub present_us: u32,
}
