//! Graphics commands to pixels on a screen.
//!
//! Takes the [`GraphicsCommand`](oriel_protocol::graphics::GraphicsCommand)s of a session, decodes
//! their payloads on threads, keeps the surfaces and the cache, composes the desktop and shows it
//! in a window, on a GPU or without one. It opens no window, talks to no peer and draws no user
//! interface: it is given a window's handle, commands, and pictures to lay over the desktop.
//!
//! ```text
//!            oriel-decode-0..N                     oriel-render
//!  commands ─▶ DecodeStage ──steps, whole frames──▶ Scene ──▶ Compositor ──▶ window
//!  try_submit   codecs          in order            what      Cpu: pictures, softbuffer
//!      ▲                                            commands  Gpu: textures, shaders, wgpu
//!      │                                            mean          │
//!      └────────────── RenderEvent: FrameDone, QueueDrained, … ◀──┘
//! ```
//!
//! A frame of the server is applied as one: the window never shows half of it. All frames are
//! applied, but where they come faster than the window takes pictures, only the newest is shown.
//! A frame is done, and may be acknowledged, once it is applied; showing it is not waited for.
//! With nothing to do, all threads are parked.
//!
//! ```
//! use oriel_codecs::geometry::{Point, Rect, Size};
//! use oriel_protocol::graphics::{Color, GraphicsCommand, SurfaceFormat, SurfaceId};
//! use oriel_render::{PresentTarget, Renderer, RendererConfig};
//!
//! let (surface, size) = (SurfaceId(1), Size::new(64, 48));
//! let renderer = Renderer::start(RendererConfig::default(), PresentTarget::Headless, |_| ())?;
//! for command in [
//!     GraphicsCommand::ResetGraphics { size, monitors: Vec::new() },
//!     GraphicsCommand::CreateSurface { surface, size, format: SurfaceFormat::Xrgb },
//!     GraphicsCommand::MapSurfaceToOutput { surface, origin: Point::new(0, 0) },
//!     GraphicsCommand::SolidFill {
//!         surface,
//!         color: Color { blue: 200, green: 0, red: 0, alpha: 255 },
//!         rects: vec![Rect::new(8, 8, 16, 16)],
//!     },
//! ] {
//!     renderer.try_submit(command).expect("an empty queue has room");
//! }
//! let picture = renderer.screenshot().recv()?;
//! assert_eq!(picture.pixel(Point::new(8, 8)), [200, 0, 0, 255]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adapters;
pub mod compositor;
pub mod decode;
mod error;
mod event;
mod factory;
mod overlay;
mod pace;
mod pointer;
mod present;
mod render_thread;
mod renderer;
mod statistics;
mod tile_engine;
mod trace;
mod view;
mod window;

pub use adapters::graphics_adapters;
pub use error::{CompositorError, PeerError, RenderError};
pub use event::RenderEvent;
pub use overlay::{Overlay, PointerOverlay};
pub use pace::PresentChoice;
pub use pointer::CursorImage;
pub use present::SoftwareWindow;
pub use renderer::{CompositorChoice, PresentTarget, Renderer, RendererConfig};
pub use statistics::{
    CodecCounts, Distribution, FrameSteps, Recorder, RenderStatistics, codec_name,
};
pub use tile_engine::{TileChoice, TileEngine, TileMemory};
pub use trace::Trace;
pub use view::{Scaling, View};
pub use window::WindowHandle;
