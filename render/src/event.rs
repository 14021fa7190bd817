//! What a renderer tells its owner.

use oriel_codecs::geometry::{Rect, Size};
use oriel_protocol::graphics::FrameId;

use crate::error::{PeerError, RenderError};

/// Something happened. Events come from the renderer's threads; whoever takes them must be quick,
/// and must not wait for the renderer.
#[derive(Debug)]
pub enum RenderEvent {
    /// A frame was decoded and applied: it is to be acknowledged. It is shown as soon as the window
    /// takes it, unless a newer one comes first.
    FrameDone {
        /// Its name.
        frame: FrameId,
        /// Bytes of payloads that wait behind it: the wire's `queueDepth`
        /// (`[MS-RDPEGFX] 2.2.2.13`), where 0 says nothing.
        queue_depth: u32,
        /// Frames that wait behind it.
        frames_queued: u32,
        /// Time spent decoding its payloads, over all threads.
        decode_us: u32,
        /// From the submission of its end until it was applied.
        apply_us: u32,
    },
    /// The desktop has a new size; the picture of the old one shows until something is drawn.
    DesktopResized(Size),
    /// The first picture since the start or since a new size is shown.
    FirstPicture,
    /// A command was refused, and there is room again.
    QueueDrained,
    /// Pixels were lost with the device that kept them, or cannot be decoded without a new
    /// beginning: the peer should draw these parts of the desktop again.
    RefreshNeeded(Vec<Rect>),
    /// An H.264 decoder failed and another took its place; no picture was lost.
    DecoderReplaced {
        /// The one that failed.
        from: &'static str,
        /// The one at work now.
        to: &'static str,
        /// What was wrong with the first.
        reason: String,
    },
    /// The peer sent a command that could not be carried out; it was skipped.
    PeerError(PeerError),
    /// Something for the log that changes nothing for the owner.
    Notice(String),
    /// The renderer cannot go on and shows nothing more.
    Failed(RenderError),
}
