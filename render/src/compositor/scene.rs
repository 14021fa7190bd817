//! What the commands mean: surfaces, mappings, slots, clipping, damage.

use std::collections::HashMap;

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    video::{AvcVersion, DecodedAvc, YuvFrame},
    yuv::coded_size,
};
use oriel_protocol::graphics::{CacheLimits, CacheSlot, GraphicsCommand, SurfaceId};

use super::{
    Compositor, CopyRegion, CopySource, Damage, Filter, Layer,
    clip::{clip_copy, clipped, scale_rect},
    copied::bytes_of,
};
use crate::{
    decode::{Painting, PixelBlock, Step},
    error::{CompositorError, PeerError},
};

/// Of more rectangles than these, what lies around all of them counts as changed: telling them
/// apart would take longer than showing some pixels that are the same.
const MAX_DAMAGE_RECTS: usize = 4096;

/// How much a peer may make this side keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SceneLimits {
    /// Bytes of all surfaces, of what they keep for H.264, and of the output together.
    pub surface_bytes: u64,
    /// The bitmap cache, until a server and this side have agreed on less. Slots are limited as
    /// well as bytes: each takes memory beside its pixels.
    pub cache: CacheLimits,
}

impl Default for SceneLimits {
    fn default() -> Self {
        Self {
            surface_bytes: 1 << 30,
            cache: CacheLimits::FULL,
        }
    }
}

/// Why a step was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The peer's fault: the step is skipped, the scene is as before.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The system's fault: pixels may be lost.
    #[error(transparent)]
    Compositor(#[from] CompositorError),
}

#[derive(Clone, Copy, Debug)]
struct SurfaceState {
    size: Size,
    /// Where on the output, and how high in the pile.
    mapping: Option<(Rect, u64)>,
    /// The remote application's window, kept for the day that windows are shown apart.
    window: Option<WindowMapping>,
    planes: Planes,
}

impl SurfaceState {
    fn bytes(&self) -> u64 {
        bytes_of(self.size) + self.planes.bytes(self.size)
    }
}

/// What a compositor keeps with a surface for H.264.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Planes {
    /// The view that came last: it may be larger than the surface.
    view: Size,
    has_samples: bool,
}

impl Planes {
    /// With a message's views drawn.
    fn with(self, views: &DecodedAvc) -> Self {
        let view = views.chroma_view.as_ref().or(views.luma_view.as_ref());
        Self {
            view: view.map_or(self.view, YuvFrame::size),
            has_samples: self.has_samples || views.version != AvcVersion::Avc420,
        }
    }

    /// On the GPU, which keeps more than the CPU does: luma and chroma of the view, that chroma
    /// once more where it comes interleaved, samples of four bytes, and the main view's chroma.
    fn bytes(self, surface: Size) -> u64 {
        let samples = match self.has_samples {
            true => coded_size(surface).area() * 9 / 2,
            false => 0,
        };
        self.view.area() * 2 + samples
    }
}

/// A surface tied to a remote application's window (`[MS-RDPEGFX] 2.2.2.20`, `2.2.2.23`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowMapping {
    /// The window.
    pub window: u64,
    /// The part of the surface that is the window's.
    pub mapped: Size,
    /// Its size in the window.
    pub target: Size,
}

/// Everything about the desktop but its pixels.
#[derive(Debug)]
pub struct Scene {
    limits: SceneLimits,
    output: Size,
    surfaces: HashMap<SurfaceId, SurfaceState>,
    cache: HashMap<CacheSlot, Size>,
    cache_bytes: u64,
    /// As agreed with the server, where that is less than `limits` allow.
    cache_limits: CacheLimits,
    mappings: u64,
    damage: Damage,
    /// Where the output changed when it was last composed.
    composed: Damage,
    has_picture: bool,
    lists: Lists,
}

/// What a step or a picture lists, kept for the next one: frames allocate nothing.
#[derive(Debug, Default)]
struct Lists {
    rects: Vec<Rect>,
    regions: Vec<CopyRegion>,
    layers: Vec<Layer>,
}

impl Scene {
    /// An output without a pixel.
    pub fn new(limits: SceneLimits) -> Self {
        Self {
            limits,
            output: Size::default(),
            surfaces: HashMap::new(),
            cache: HashMap::new(),
            cache_bytes: 0,
            cache_limits: limits.cache,
            mappings: 0,
            damage: Damage::new(),
            composed: Damage::new(),
            has_picture: false,
            lists: Lists::default(),
        }
    }

    /// Size of the output.
    pub fn output(&self) -> Size {
        self.output
    }

    /// Surfaces that exist, in no order.
    pub fn surfaces(&self) -> impl Iterator<Item = SurfaceId> + '_ {
        self.surfaces.keys().copied()
    }

    /// The remote window that a surface belongs to.
    pub fn window_of(&self, surface: SurfaceId) -> Option<WindowMapping> {
        self.surfaces.get(&surface)?.window
    }

    /// True once something was drawn that shows on the output.
    pub fn has_picture(&self) -> bool {
        self.has_picture
    }

    /// Carries a step out. A failed one changes nothing.
    pub fn apply(
        &mut self,
        compositor: &mut dyn Compositor,
        step: &Step,
    ) -> Result<(), ApplyError> {
        match step {
            Step::Command(command) => self.apply_command(compositor, command),
            Step::Paint { surface, painting } => self.paint(compositor, *surface, painting),
            Step::Nothing => Ok(()),
        }
    }

    /// Brings the output up to date with the surfaces, and says where it changed.
    pub fn compose(&mut self, compositor: &mut dyn Compositor) -> Result<&Damage, CompositorError> {
        std::mem::swap(&mut self.damage, &mut self.composed);
        self.damage.clear();
        if !self.composed.is_empty() {
            let mut layers = std::mem::take(&mut self.lists.layers);
            self.list_layers(&mut layers);
            compositor.compose(&layers, self.composed.rects())?;
            self.lists.layers = layers;
        }
        Ok(&self.composed)
    }

    /// Has the compositor draw better what it drew in a hurry; [`compose`](Self::compose) shows it.
    pub fn refine(&mut self, compositor: &mut dyn Compositor) {
        for (surface, rects) in compositor.refine() {
            self.damage_surface(surface, &rects);
        }
    }

    /// Makes everything anew in a compositor that has lost it, black.
    pub fn rebuild(&mut self, compositor: &mut dyn Compositor) -> Result<(), CompositorError> {
        compositor.reset(self.output)?;
        for (surface, state) in &self.surfaces {
            compositor.create_surface(*surface, state.size)?;
        }
        for (slot, size) in &self.cache {
            compositor.restore_slot(*slot, *size)?;
        }
        self.damage = Damage::of(self.output.to_rect());
        Ok(())
    }

    /// What lies on the output, lowest first.
    pub fn layers(&self) -> Vec<Layer> {
        let mut layers = Vec::new();
        self.list_layers(&mut layers);
        layers
    }

    fn list_layers(&self, layers: &mut Vec<Layer>) {
        layers.clear();
        layers.extend(self.surfaces.iter().filter_map(|(surface, state)| {
            let (target, _) = state.mapping?;
            (!target.is_empty()).then_some(Layer {
                surface: *surface,
                size: state.size,
                target,
            })
        }));
        let height = |layer: &Layer| {
            let mapping = self.surfaces.get(&layer.surface)?.mapping;
            mapping.map(|(_, height)| height)
        };
        layers.sort_unstable_by_key(height);
    }

    fn apply_command(
        &mut self,
        compositor: &mut dyn Compositor,
        command: &GraphicsCommand,
    ) -> Result<(), ApplyError> {
        match command {
            GraphicsCommand::ResetGraphics { size, .. } => self.reset(compositor, *size),
            GraphicsCommand::CreateSurface { surface, size, .. } => {
                self.create_surface(compositor, *surface, *size)
            }
            GraphicsCommand::DeleteSurface { surface } => {
                self.state(*surface, "delete surface")?;
                self.damage_mapping(*surface);
                self.surfaces.remove(surface);
                compositor.delete_surface(*surface);
                Ok(())
            }
            GraphicsCommand::MapSurfaceToOutput { surface, origin } => {
                let size = self.state(*surface, "map surface to output")?.size;
                self.map(*surface, Rect::at(*origin, size));
                Ok(())
            }
            GraphicsCommand::MapSurfaceToScaledOutput {
                surface,
                origin,
                target,
            } => {
                self.state(*surface, "map surface to scaled output")?;
                if target.width.max(target.height) > compositor.max_side_px() {
                    return Err(PeerError::TooLarge {
                        what: "scaled output",
                        size: *target,
                    }
                    .into());
                }
                self.map(*surface, Rect::at(*origin, *target));
                Ok(())
            }
            GraphicsCommand::MapSurfaceToWindow {
                surface,
                window,
                mapped,
            } => self.map_window(*surface, *window, *mapped, *mapped),
            GraphicsCommand::MapSurfaceToScaledWindow {
                surface,
                window,
                mapped,
                target,
            } => self.map_window(*surface, *window, *mapped, *target),
            GraphicsCommand::SolidFill {
                surface,
                color,
                rects,
            } => {
                let bounds = self.state(*surface, "solid fill")?.size.to_rect();
                let bgra = [color.blue, color.green, color.red, color.alpha];
                let rects = clipped(rects.iter().copied(), bounds);
                self.draw_rects(*surface, rects, |rects| {
                    compositor.fill(*surface, bgra, rects)
                })
            }
            GraphicsCommand::SurfaceToSurface {
                source,
                destination,
                rect,
                points,
            } => {
                let size = self.state(*source, "surface to surface")?.size;
                let from = CopySource::Surface(*source);
                self.copy(compositor, from, size, rect, *destination, points)
            }
            GraphicsCommand::CacheToSurface {
                slot,
                surface,
                points,
            } => {
                let size = *self
                    .cache
                    .get(slot)
                    .ok_or(PeerError::UnknownCacheSlot { slot: *slot })?;
                let from = CopySource::Cache(*slot);
                self.copy(compositor, from, size, &size.to_rect(), *surface, points)
            }
            GraphicsCommand::SurfaceToCache {
                surface,
                slot,
                rect,
                ..
            } => self.store(compositor, *surface, *slot, rect),
            GraphicsCommand::EvictCache { slot } => {
                let size = self
                    .cache
                    .remove(slot)
                    .ok_or(PeerError::UnknownCacheSlot { slot: *slot })?;
                self.cache_bytes -= bytes_of(size);
                compositor.evict(*slot);
                Ok(())
            }
            GraphicsCommand::LimitCache { limits } => {
                // What is kept beyond stays until the server evicts it.
                self.cache_limits = CacheLimits {
                    bytes: limits.bytes.min(self.limits.cache.bytes),
                    slots: limits.slots.min(self.limits.cache.slots),
                };
                Ok(())
            }
            // Frames are the render loop's business; codec contexts, palettes and payloads are
            // the decode stage's.
            GraphicsCommand::StartFrame { .. }
            | GraphicsCommand::EndFrame { .. }
            | GraphicsCommand::Draw { .. }
            | GraphicsCommand::DeleteCodecContext { .. }
            | GraphicsCommand::SetPalette { .. } => Ok(()),
        }
    }

    fn reset(&mut self, compositor: &mut dyn Compositor, size: Size) -> Result<(), ApplyError> {
        if size.width.max(size.height) > compositor.max_side_px()
            || bytes_of(size) > self.limits.surface_bytes
        {
            return Err(PeerError::TooLarge {
                what: "desktop",
                size,
            }
            .into());
        }
        compositor.reset(size)?;
        self.surfaces.clear();
        self.cache.clear();
        self.cache_bytes = 0;
        self.output = size;
        self.damage = Damage::of(size.to_rect());
        self.has_picture = false;
        Ok(())
    }

    fn create_surface(
        &mut self,
        compositor: &mut dyn Compositor,
        surface: SurfaceId,
        size: Size,
    ) -> Result<(), ApplyError> {
        let others: u64 = self
            .surfaces
            .iter()
            .filter(|(id, _)| **id != surface)
            .map(|(_, state)| state.bytes())
            .sum();
        if size.is_empty()
            || size.width.max(size.height) > compositor.max_side_px()
            || bytes_of(size)
                > self
                    .limits
                    .surface_bytes
                    .saturating_sub(others + bytes_of(self.output))
        {
            return Err(PeerError::TooLarge {
                what: "surface",
                size,
            }
            .into());
        }
        compositor.create_surface(surface, size)?;
        self.damage_mapping(surface);
        let state = SurfaceState {
            size,
            mapping: None,
            window: None,
            planes: Planes::default(),
        };
        self.surfaces.insert(surface, state);
        Ok(())
    }

    fn map(&mut self, surface: SurfaceId, target: Rect) {
        self.damage_mapping(surface);
        self.mappings += 1;
        if let Some(state) = self.surfaces.get_mut(&surface) {
            state.mapping = Some((target, self.mappings));
        }
        self.damage_mapping(surface);
    }

    fn map_window(
        &mut self,
        surface: SurfaceId,
        window: u64,
        mapped: Size,
        target: Size,
    ) -> Result<(), ApplyError> {
        self.state(surface, "map surface to window")?;
        // A surface has one mapping: a window takes it off the output.
        self.damage_mapping(surface);
        if let Some(state) = self.surfaces.get_mut(&surface) {
            state.mapping = None;
            state.window = Some(WindowMapping {
                window,
                mapped,
                target,
            });
        }
        Ok(())
    }

    fn copy(
        &mut self,
        compositor: &mut dyn Compositor,
        source: CopySource,
        source_size: Size,
        rect: &Rect,
        destination: SurfaceId,
        points: &[Point],
    ) -> Result<(), ApplyError> {
        let size = self.state(destination, "a copy")?.size;
        let mut regions = std::mem::take(&mut self.lists.regions);
        regions.clear();
        let places = points.iter();
        regions.extend(places.filter_map(|point| clip_copy(rect, source_size, *point, size)));
        let targets = regions.iter().map(CopyRegion::target);
        self.draw_rects(destination, targets, |_| {
            compositor.copy(source, destination, &regions)
        })?;
        self.lists.regions = regions;
        Ok(())
    }

    /// Draws on rectangles of a surface, if there are any.
    fn draw_rects(
        &mut self,
        surface: SurfaceId,
        rects: impl Iterator<Item = Rect>,
        draw: impl FnOnce(&[Rect]) -> Result<(), CompositorError>,
    ) -> Result<(), ApplyError> {
        let mut list = std::mem::take(&mut self.lists.rects);
        list.clear();
        list.extend(rects);
        if !list.is_empty() {
            draw(&list)?;
            self.damage_surface(surface, &list);
        }
        self.lists.rects = list;
        Ok(())
    }

    fn store(
        &mut self,
        compositor: &mut dyn Compositor,
        surface: SurfaceId,
        slot: CacheSlot,
        rect: &Rect,
    ) -> Result<(), ApplyError> {
        let bounds = self.state(surface, "surface to cache")?.size.to_rect();
        let rect = rect.intersect(&bounds);
        let size = rect.size();
        let old = self.cache.get(&slot).map_or(0, |size| bytes_of(*size));
        let bytes = self.cache_bytes - old + bytes_of(size);
        let has_slot = self.cache.contains_key(&slot) || self.cache.len() < self.cache_limits.slots;
        if size.is_empty() || bytes > self.cache_limits.bytes || !has_slot {
            return Err(PeerError::TooLarge {
                what: "cache entry",
                size,
            }
            .into());
        }
        compositor.store(surface, rect, slot)?;
        self.cache.insert(slot, size);
        self.cache_bytes = bytes;
        Ok(())
    }

    fn paint(
        &mut self,
        compositor: &mut dyn Compositor,
        surface: SurfaceId,
        painting: &Painting,
    ) -> Result<(), ApplyError> {
        let size = self.state(surface, "draw")?.size;
        match painting {
            Painting::Pixels { rect, block } => {
                self.draw_block(surface, size, rect, block, |region| {
                    compositor.draw_pixels(surface, block, region)
                })?;
            }
            Painting::Alpha { rect, block } => {
                self.draw_block(surface, size, rect, block, |region| {
                    compositor.draw_alpha(surface, block, region)
                })?;
            }
            Painting::Parts {
                origin,
                block,
                rects,
            } => {
                let mut drawn = std::mem::take(&mut self.lists.rects);
                drawn.clear();
                for rect in rects {
                    let at = Point::new(
                        origin.x.saturating_add(rect.left),
                        origin.y.saturating_add(rect.top),
                    );
                    if let Some(region) = clip_copy(rect, block.size(), at, size) {
                        compositor.draw_pixels(surface, block, region)?;
                        drawn.push(region.target());
                    }
                }
                self.damage_surface(surface, &drawn);
                self.lists.rects = drawn;
            }
            Painting::Tiles {
                origin,
                tiles,
                rects,
            } => {
                let mut regions = std::mem::take(&mut self.lists.regions);
                regions.clear();
                let bounds = tiles.bounds();
                regions.extend(rects.iter().filter_map(|rect| {
                    let rect = rect.intersect(&bounds);
                    let at = Point::new(
                        origin.x.saturating_add(rect.left),
                        origin.y.saturating_add(rect.top),
                    );
                    let far = Size::new(bounds.right as u32, bounds.bottom as u32);
                    clip_copy(&rect, far, at, size)
                }));
                let targets = regions.iter().map(CopyRegion::target);
                self.draw_rects(surface, targets, |_| {
                    compositor.draw_tiles(surface, tiles, &regions)
                })?;
                self.lists.regions = regions;
            }
            Painting::Avc(views) => {
                self.keep_planes(surface, views)?;
                let rects = clipped(views.damage(), size.to_rect());
                self.draw_rects(surface, rects, |_| compositor.draw_avc(surface, views))?;
            }
        }
        Ok(())
    }

    /// Makes sure that there may be the planes that views are drawn from.
    fn keep_planes(&mut self, surface: SurfaceId, views: &DecodedAvc) -> Result<(), PeerError> {
        let state = *self.state(surface, "draw")?;
        let planes = state.planes.with(views);
        if planes == state.planes {
            return Ok(());
        }
        let with_planes = SurfaceState { planes, ..state };
        let all: u64 = self.surfaces.values().map(SurfaceState::bytes).sum();
        let others = all - state.bytes() + bytes_of(self.output);
        if others + with_planes.bytes() > self.limits.surface_bytes {
            return Err(PeerError::TooLarge {
                what: "video picture",
                size: planes.view,
            });
        }
        self.surfaces.insert(surface, with_planes);
        Ok(())
    }

    /// Draws the part of a block that lies in its rectangle and on its surface.
    fn draw_block(
        &mut self,
        surface: SurfaceId,
        size: Size,
        rect: &Rect,
        block: &PixelBlock,
        draw: impl FnOnce(CopyRegion) -> Result<(), CompositorError>,
    ) -> Result<(), ApplyError> {
        // The block may be wider than the rectangle (padding), never the other way round.
        let cut = Size::new(
            rect.width().min(block.size().width),
            rect.height().min(block.size().height),
        );
        if let Some(region) = clip_copy(&cut.to_rect(), cut, rect.origin(), size) {
            draw(region)?;
            self.damage_surface(surface, &[region.target()]);
        }
        Ok(())
    }

    fn state(&self, surface: SurfaceId, command: &'static str) -> Result<&SurfaceState, PeerError> {
        self.surfaces
            .get(&surface)
            .ok_or(PeerError::UnknownSurface { surface, command })
    }

    /// Everything that a surface covers on the output must be composed anew.
    fn damage_mapping(&mut self, surface: SurfaceId) {
        if let Some(SurfaceState {
            mapping: Some((target, _)),
            ..
        }) = self.surfaces.get(&surface)
        {
            self.damage.add(target.intersect(&self.output.to_rect()));
        }
    }

    fn damage_surface(&mut self, surface: SurfaceId, rects: &[Rect]) {
        let Some(state) = self.surfaces.get(&surface) else {
            return;
        };
        let Some((target, _)) = state.mapping else {
            return;
        };
        let bounds = self.output.to_rect();
        let reach = Filter::choose(state.size, target.size()).reach_px(state.size, target.size());
        // As with a window: the surface is the desktop, the mapping the viewport.
        let onto = |rect: &Rect| scale_rect(rect, reach, state.size, &target).intersect(&bounds);
        if rects.len() > MAX_DAMAGE_RECTS {
            let all = rects
                .iter()
                .fold(Rect::default(), |all, rect| all.union(rect));
            self.damage.add(onto(&all));
        } else {
            self.damage.add_many(rects.iter().map(onto));
        }
        self.has_picture = true;
    }
}
