//! What goes wrong between a command and a lit pixel, by blame.

use oriel_codecs::geometry::Size;
use oriel_protocol::graphics::{CacheSlot, PayloadCodec, SurfaceId};

/// The peer sent a drawing command that cannot be carried out. The command is skipped, and what
/// follows goes on: it is for the session's owner to decide whether that is enough.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// A surface that was never created, or is deleted.
    #[error("{command} names surface {:#x}, which does not exist", surface.0)]
    UnknownSurface {
        /// The surface's name.
        surface: SurfaceId,
        /// What was to be done.
        command: &'static str,
    },
    /// A cache slot with nothing in it.
    #[error("cache slot {} is drawn but holds nothing", slot.0)]
    UnknownCacheSlot {
        /// The slot.
        slot: CacheSlot,
    },
    /// A surface, an output or all of them together are larger than this side takes.
    #[error("a {what} of {}x{} is more than is allowed", size.width, size.height)]
    TooLarge {
        /// What was to be made.
        what: &'static str,
        /// Its size.
        size: Size,
    },
    /// A payload that breaks its codec's rules.
    #[error("a {codec:?} payload cannot be decoded: {reason}")]
    Payload {
        /// The codec.
        codec: PayloadCodec,
        /// What the codec said.
        reason: String,
    },
    /// A codec that was never offered to the peer.
    #[error("the codec {0:?} was not offered")]
    CodecNotOffered(PayloadCodec),
    /// A frame that ends without having begun, or begins inside another.
    #[error("frame {frame} {what}")]
    FrameOutOfOrder {
        /// The frame's name.
        frame: u32,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// The system let a compositor down.
#[derive(Debug, thiserror::Error)]
pub enum CompositorError {
    /// The device is gone, and all surfaces with it.
    #[error("the graphics device was lost: {0}")]
    DeviceLost(String),
    /// No memory for one more surface, buffer or picture.
    #[error("out of graphics memory: {0}")]
    OutOfMemory(String),
    /// The device or the window system refused something; with the text it gave.
    #[error("the graphics system failed: {0}")]
    System(String),
}

/// Why a renderer did not start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A GPU was asked for, and there is none that will do.
    #[error("no usable graphics adapter: {0}")]
    NoAdapter(String),
    /// The window system took no picture from this process.
    #[error("the window cannot be drawn to: {0}")]
    Window(String),
    /// The system refused a thread.
    #[error("a thread could not be started")]
    Thread(#[source] std::io::Error),
    /// The compositor failed and none could take its place.
    #[error(transparent)]
    Compositor(#[from] CompositorError),
}
