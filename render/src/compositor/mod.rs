//! Surfaces, cache and output: where decoded steps become the desktop's picture.
//!
//! [`Scene`] knows what the commands of `[MS-RDPEGFX]` mean: which surfaces and slots exist, how
//! rectangles are clipped, what changes on the output. It keeps no pixels. A [`Compositor`] keeps
//! the pixels and is told what to do with rectangles that are already checked, so both compositors
//! show the same desktop by construction, up to the rounding of a colour conversion.
//!
//! ```text
//!  decoded steps ─▶ Scene ──checked calls──▶ CpuCompositor  (pictures in memory, softbuffer)
//!                     │                  └─▶ GpuCompositor  (textures, wgpu)
//!                     └── damage of the output, at the end of each frame
//! ```

mod clip;
mod copied;
mod cpu;
mod damage;
pub(crate) mod filter;
mod gpu;
pub(crate) mod memory;
mod paint;
mod scene;

use std::{sync::Arc, time::Instant};

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::Picture,
    remotefx::CoefficientTiles,
    video::DecodedAvc,
};
use oriel_protocol::graphics::{CacheSlot, SurfaceId};

pub use copied::CopiedBytes;
pub use cpu::CpuCompositor;
pub use damage::Damage;
pub use filter::{Filter, Scaler};
pub use gpu::{GpuCompositor, SharingError, prove_sharing};
pub use memory::{Bytes, MemoryKind, MemoryUse};
pub use scene::{ApplyError, Scene, SceneLimits};

use crate::{
    decode::{PictureTaker, PixelBlock},
    error::CompositorError,
    view::View,
};

/// A rectangle and where it goes. Both ends lie inside of what they are copied between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyRegion {
    /// What is copied.
    pub source: Rect,
    /// Top left corner of the copy.
    pub destination: Point,
}

impl CopyRegion {
    /// Where the copy goes.
    pub fn target(&self) -> Rect {
        Rect::at(self.destination, self.source.size())
    }
}

/// Where copied pixels come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopySource {
    /// A surface.
    Surface(SurfaceId),
    /// A slot of the cache.
    Cache(CacheSlot),
}

/// A surface on the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Which.
    pub surface: SurfaceId,
    /// Its own size.
    pub size: Size,
    /// Where it is shown, whole, on the output; of another size than its own where it is scaled.
    pub target: Rect,
}

/// A picture over the desktop, in window pixels.
#[derive(Clone, Debug)]
pub struct WindowLayer {
    /// Top left corner.
    pub origin: Point,
    /// Premultiplied colours: each is added to what the window's alpha lets through.
    pub picture: Arc<Picture>,
    /// Colours to invert by, of the same size: 0 keeps, 255 inverts what lies below.
    pub inverting: Option<Arc<Picture>>,
}

impl WindowLayer {
    /// The window pixels that it covers.
    pub fn rect(&self) -> Rect {
        Rect::at(self.origin, self.picture.size())
    }
}

/// What a window is to show.
#[derive(Clone, Debug)]
pub struct Presentation<'a> {
    /// Where the desktop lies.
    pub view: View,
    /// Desktop pixels that changed since the last one.
    pub damage: &'a Damage,
    /// Window pixels that changed for any other reason.
    pub repaint: &'a Damage,
    /// What lies over the desktop, lowest first.
    pub layers: &'a [WindowLayer],
}

impl Presentation<'_> {
    /// All window pixels that changed.
    pub(crate) fn window_damage(&self) -> Damage {
        let view = &self.view;
        let reach = Filter::choose(view.desktop(), view.viewport().size())
            .reach_px(view.desktop(), view.viewport().size());
        let mut damage = Damage::new();
        for rect in self.repaint.rects() {
            damage.add(rect.intersect(&view.window().to_rect()));
        }
        for rect in self.damage.rects() {
            damage.add(view.window_rect(rect, reach));
        }
        damage
    }
}

/// When a presentation did what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentTimes {
    /// The window system gave something to draw into: at once, or, where it shows one picture a
    /// blank and none is free, at the blank that freed one.
    pub acquired: Instant,
    /// The picture was drawn, and was given to the window system.
    pub submitted: Instant,
    /// The window system shows it at the next blank, and no other one then.
    pub waits_for_blank: bool,
}

impl PresentTimes {
    /// Of a picture that goes straight to the screen.
    pub(crate) fn at_once(acquired: Instant) -> Self {
        Self {
            acquired,
            submitted: Instant::now(),
            waits_for_blank: false,
        }
    }
}

/// What became of a presentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// It is on its way to the screen.
    Shown(PresentTimes),
    /// Nobody can see the window now; whoever uncovers it must ask for a redraw.
    Hidden,
    /// The window has changed under the compositor: present once more, whole.
    Again,
}

/// Keeps the pixels of surfaces, cache and output.
///
/// Every rectangle that comes in lies inside of what it names, is not empty, and every surface and
/// slot exists: [`Scene`] has seen to that. Alpha is carried along and never shown.
pub trait Compositor {
    /// For statistics: `cpu` or `gpu`.
    fn name(&self) -> &'static str;

    /// The graphics adapter, where there is one.
    fn adapter(&self) -> Option<&str>;

    /// What draws decoders' pictures from where they lie, where the compositor can.
    fn picture_taker(&self) -> Option<PictureTaker> {
        None
    }

    /// Largest width and height of a surface or of the output.
    fn max_side_px(&self) -> u32;

    /// What was copied since the last call.
    fn take_copied(&mut self) -> CopiedBytes;

    /// What its pixels take.
    fn memory(&self) -> MemoryUse;

    /// Forgets all surfaces and slots; the output is black and has this size.
    fn reset(&mut self, output: Size) -> Result<(), CompositorError>;

    /// A black surface; takes the place of one of the same name.
    fn create_surface(&mut self, surface: SurfaceId, size: Size) -> Result<(), CompositorError>;

    /// A surface is gone.
    fn delete_surface(&mut self, surface: SurfaceId);

    /// One colour, as blue, green, red, alpha, into rectangles.
    fn fill(
        &mut self,
        surface: SurfaceId,
        bgra: [u8; 4],
        rects: &[Rect],
    ) -> Result<(), CompositorError>;

    /// Copies; all sources are read before anything is written.
    fn copy(
        &mut self,
        source: CopySource,
        destination: SurfaceId,
        regions: &[CopyRegion],
    ) -> Result<(), CompositorError>;

    /// Keeps a part of a surface in a slot, in the place of what was there.
    fn store(
        &mut self,
        surface: SurfaceId,
        rect: Rect,
        slot: CacheSlot,
    ) -> Result<(), CompositorError>;

    /// An empty slot of a size, black: what is left of one whose pixels were lost.
    fn restore_slot(&mut self, slot: CacheSlot, size: Size) -> Result<(), CompositorError>;

    /// A slot is empty.
    fn evict(&mut self, slot: CacheSlot);

    /// Writes pixels.
    fn draw_pixels(
        &mut self,
        surface: SurfaceId,
        block: &PixelBlock,
        region: CopyRegion,
    ) -> Result<(), CompositorError>;

    /// Writes the alpha of pixels and leaves colour as it is.
    fn draw_alpha(
        &mut self,
        surface: SurfaceId,
        block: &PixelBlock,
        region: CopyRegion,
    ) -> Result<(), CompositorError>;

    /// Draws regions of tiles of RemoteFX, of which only coefficients are there. A compositor with
    /// a [`tile_device`](Self::tile_device) does it best.
    fn draw_tiles(
        &mut self,
        surface: SurfaceId,
        tiles: &CoefficientTiles,
        regions: &[CopyRegion],
    ) -> Result<(), CompositorError>;

    /// The device, with its driver, that makes pixels of tiles' coefficients, where there is one
    /// that can: it may be quicker at it than the CPU.
    fn tile_device(&self) -> Option<String> {
        None
    }

    /// Draws views of H.264. Their regions may reach beyond the surface.
    fn draw_avc(&mut self, surface: SurfaceId, views: &DecodedAvc) -> Result<(), CompositorError>;

    /// A part of a frame comes next, and the output may be shown before the rest of it does: what
    /// is drawn on surfaces must not be seen until it is composed.
    fn hold_output(&mut self) -> Result<(), CompositorError>;

    /// True where pictures were drawn in a hurry, which [`refine`](Self::refine) makes good: worth
    /// its time once nothing moves.
    fn can_refine(&self) -> bool {
        false
    }

    /// Draws as well as can be what was drawn in a hurry; returns where.
    fn refine(&mut self) -> Vec<(SurfaceId, Vec<Rect>)> {
        Vec::new()
    }

    /// Brings rectangles of the output up to date: the layers, lowest first, over black.
    fn compose(&mut self, layers: &[Layer], damage: &[Rect]) -> Result<(), CompositorError>;

    /// The output as it was composed last, alpha 255.
    fn read_output(&mut self) -> Result<Picture, CompositorError>;

    /// A surface as it is, alpha included.
    fn read_surface(&mut self, surface: SurfaceId) -> Result<Picture, CompositorError>;

    /// What a window of the view's size would show, alpha 255.
    fn render_window(&mut self, what: &Presentation<'_>) -> Result<Picture, CompositorError>;

    /// Shows the output in the window, where there is one.
    fn present(&mut self, what: &Presentation<'_>) -> Result<Presented, CompositorError>;
}
