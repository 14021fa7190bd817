//! The compositor for machines without a GPU: pictures in memory, damage only.

mod holes;
mod surface;

use std::{collections::HashMap, sync::Arc, time::Instant};

use oriel_codecs::{
    geometry::{Rect, Size},
    picture::{BYTES_PER_PIXEL, Picture, PictureMut},
    remotefx::CoefficientTiles,
    video::DecodedAvc,
};
use oriel_protocol::graphics::{CacheSlot, SurfaceId};

use super::{
    Compositor, CopiedBytes, CopyRegion, CopySource, Layer, MemoryKind, MemoryUse, PresentTimes,
    Presentation, Presented,
    copied::{bytes_in, bytes_of},
    filter::Scaler,
    memory::{Counted, MemoryLedger},
    paint::{Desktop, WindowPainter},
};
use crate::{
    decode::{PixelBlock, tile_pool::TilePool},
    error::CompositorError,
    present::SoftwareWindow,
};
use holes::Holes;
use surface::Surface;

/// Larger sides than these the protocol has no room for (`[MS-RDPEGFX] 2.2.2.14`).
const MAX_SIDE_PX: u32 = 32766;

/// Surfaces, cache and output as [`Picture`]s.
#[derive(Debug)]
pub struct CpuCompositor {
    output: Output,
    surfaces: HashMap<SurfaceId, Surface>,
    /// Where a surface is drawn on, kept for its memory.
    holes: Holes,
    cache: HashMap<CacheSlot, Counted<Picture>>,
    /// Of surfaces whose mapping is scaled.
    scalers: HashMap<SurfaceId, Scaler>,
    painter: WindowPainter,
    window: Option<SoftwareWindow>,
    pool: Option<Arc<TilePool>>,
    copied: CopiedBytes,
    memory: Arc<MemoryLedger>,
}

/// What is shown.
#[derive(Debug)]
enum Output {
    /// Composed of several surfaces, or of a part of one.
    Composed(Counted<Picture>),
    /// One surface of the output's size is all there is to see: nothing is copied, and no memory
    /// taken, to see the same pixels twice.
    Surface(SurfaceId, Size),
}

impl Output {
    fn size(&self) -> Size {
        match self {
            Self::Composed(picture) => picture.size(),
            Self::Surface(_, size) => *size,
        }
    }

    fn desktop<'a>(
        &'a mut self,
        surfaces: &'a mut HashMap<SurfaceId, Surface>,
    ) -> Result<&'a mut dyn Desktop, CompositorError> {
        match self {
            Self::Composed(picture) => Ok(&mut **picture),
            Self::Surface(surface, _) => match surfaces.get_mut(surface) {
                Some(pixels) => Ok(pixels),
                None => Err(missing(surface)),
            },
        }
    }
}

/// The surface that is the whole output, if one is.
fn only_surface(layers: &[Layer], output: Size) -> Option<SurfaceId> {
    match layers {
        [layer] if layer.target == output.to_rect() && layer.size == output => Some(layer.surface),
        _ => None,
    }
}

impl CpuCompositor {
    /// A compositor without a pixel of output, which shows it in `window` once there is some;
    /// without one the output is read back only.
    pub fn new(window: Option<SoftwareWindow>) -> Self {
        let memory = Arc::new(MemoryLedger::default());
        let none = Picture::new(Size::default());
        Self {
            output: Output::Composed(counted(none, MemoryKind::Output, &memory)),
            surfaces: HashMap::new(),
            holes: Holes::default(),
            cache: HashMap::new(),
            scalers: HashMap::new(),
            painter: WindowPainter::default(),
            window,
            pool: None,
            copied: CopiedBytes::default(),
            memory,
        }
    }

    /// Has others help with large pictures.
    pub(crate) fn sharing(mut self, pool: Arc<TilePool>) -> Self {
        self.pool = Some(pool);
        self
    }

    fn new_picture(
        &self,
        kind: MemoryKind,
        size: Size,
    ) -> Result<Counted<Picture>, CompositorError> {
        Ok(counted(new_picture(size)?, kind, &self.memory))
    }

    fn surface_mut(&mut self, surface: SurfaceId) -> Result<&mut Surface, CompositorError> {
        self.surfaces
            .get_mut(&surface)
            .ok_or_else(|| missing(surface))
    }

    /// A surface's pixels, for somebody who writes all those of `rects` and reads none.
    fn pixels_but(
        &mut self,
        surface: SurfaceId,
        rects: impl Iterator<Item = Rect>,
    ) -> Result<&mut Picture, CompositorError> {
        match self.surfaces.get_mut(&surface) {
            Some(pixels) => Ok(pixels.pixels_but(rects, &mut self.holes)),
            None => Err(missing(surface)),
        }
    }
}

/// The scene names only what it has made, so this is a bug of ours rather than the peer's.
fn missing(what: impl std::fmt::Debug) -> CompositorError {
    CompositorError::System(format!("{what:?} is not kept here"))
}

fn counted(picture: Picture, kind: MemoryKind, memory: &Arc<MemoryLedger>) -> Counted<Picture> {
    let tag = memory.tag(kind, bytes_of(picture.size()));
    Counted::new(picture, tag)
}

fn new_picture(size: Size) -> Result<Picture, CompositorError> {
    let bytes = size.area() * BYTES_PER_PIXEL as u64;
    let mut data = Vec::new();
    data.try_reserve_exact(bytes as usize)
        .map_err(|_| CompositorError::OutOfMemory(format!("{bytes} bytes for a picture")))?;
    data.resize(bytes as usize, 0);
    for pixel in data.chunks_exact_mut(BYTES_PER_PIXEL) {
        pixel[3] = 255;
    }
    Picture::from_bgra(size, data).ok_or_else(|| missing(size))
}

/// Copies a rectangle of tightly packed rows, `stride_bytes` apart.
fn copy_region(source: &[u8], stride_bytes: usize, region: &CopyRegion, target: &mut Picture) {
    let target_stride = target.stride_bytes();
    let bytes = region.source.width() as usize * BYTES_PER_PIXEL;
    let mut from = offset(stride_bytes, region.source.left, region.source.top);
    let mut to = offset(target_stride, region.destination.x, region.destination.y);
    let data = target.data_mut();
    for _ in 0..region.source.height() {
        data[to..to + bytes].copy_from_slice(&source[from..from + bytes]);
        from += stride_bytes;
        to += target_stride;
    }
}

/// The same within one picture; a single region may overlap itself.
fn move_region(picture: &mut Picture, region: &CopyRegion) {
    let stride = picture.stride_bytes();
    let bytes = region.source.width() as usize * BYTES_PER_PIXEL;
    let from = offset(stride, region.source.left, region.source.top);
    let to = offset(stride, region.destination.x, region.destination.y);
    let rows = region.source.height() as usize;
    let data = picture.data_mut();
    // Downwards the last row goes first, so that no row is read after it was written.
    let is_down = to > from;
    for row in 0..rows {
        let row = if is_down { rows - 1 - row } else { row } * stride;
        data.copy_within(from + row..from + row + bytes, to + row);
    }
}

fn offset(stride_bytes: usize, x: i32, y: i32) -> usize {
    y as usize * stride_bytes + x as usize * BYTES_PER_PIXEL
}

fn cut(source: &Picture, rect: &Rect) -> Result<Picture, CompositorError> {
    let mut part = new_picture(rect.size())?;
    copy_rect(source, rect, &mut part);
    Ok(part)
}

/// Copies a rectangle of a picture to the top left corner of another.
fn copy_rect(source: &Picture, rect: &Rect, target: &mut Picture) {
    let region = CopyRegion {
        source: *rect,
        destination: oriel_codecs::Point::default(),
    };
    copy_region(source.data(), source.stride_bytes(), &region, target);
}

fn fill_rect(picture: &mut Picture, rect: &Rect, bgra: [u8; 4]) {
    if let Some(mut part) = picture.as_mut().sub(rect) {
        for y in 0..rect.height() {
            for pixel in part.row_mut(y).chunks_exact_mut(BYTES_PER_PIXEL) {
                pixel.copy_from_slice(&bgra);
            }
        }
    }
}

fn opaque(mut picture: Picture) -> Picture {
    for pixel in picture.data_mut().chunks_exact_mut(BYTES_PER_PIXEL) {
        pixel[3] = 255;
    }
    picture
}

impl Compositor for CpuCompositor {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn adapter(&self) -> Option<&str> {
        None
    }

    fn max_side_px(&self) -> u32 {
        MAX_SIDE_PX
    }

    fn take_copied(&mut self) -> CopiedBytes {
        std::mem::take(&mut self.copied)
    }

    fn memory(&self) -> MemoryUse {
        self.memory.snapshot()
    }

    fn reset(&mut self, output: Size) -> Result<(), CompositorError> {
        self.output = Output::Composed(self.new_picture(MemoryKind::Output, output)?);
        self.surfaces.clear();
        self.cache.clear();
        self.scalers.clear();
        Ok(())
    }

    fn create_surface(&mut self, surface: SurfaceId, size: Size) -> Result<(), CompositorError> {
        self.delete_surface(surface);
        let picture = self.new_picture(MemoryKind::Surfaces, size)?;
        self.surfaces.insert(surface, Surface::new(picture));
        Ok(())
    }

    fn delete_surface(&mut self, surface: SurfaceId) {
        let deleted = self.surfaces.remove(&surface);
        if let (Output::Surface(shown, _), Some(deleted)) = (&self.output, deleted)
            && *shown == surface
        {
            let mut picture = deleted.into_pixels();
            picture.tag.become_kind(MemoryKind::Output);
            // It stays to be seen until something else is composed.
            self.output = Output::Composed(picture);
        }
        self.scalers.remove(&surface);
    }

    fn fill(
        &mut self,
        surface: SurfaceId,
        bgra: [u8; 4],
        rects: &[Rect],
    ) -> Result<(), CompositorError> {
        let picture = self.pixels_but(surface, rects.iter().copied())?;
        for rect in rects {
            fill_rect(picture, rect, bgra);
        }
        Ok(())
    }

    fn copy(
        &mut self,
        source: CopySource,
        destination: SurfaceId,
        regions: &[CopyRegion],
    ) -> Result<(), CompositorError> {
        self.copied.moved += bytes_in(regions.iter().map(|region| &region.source));
        match source {
            CopySource::Surface(source) if source == destination => {
                self.surface_mut(destination)?.pixels();
                let targets = regions.iter().map(CopyRegion::target);
                let picture = self.pixels_but(destination, targets)?;
                if let [region] = regions {
                    move_region(picture, region);
                    return Ok(());
                }
                let from = regions
                    .iter()
                    .fold(Rect::default(), |all, region| all.union(&region.source));
                let kept = cut(picture, &from)?;
                for region in regions {
                    let moved = CopyRegion {
                        source: region.source.translate(-from.left, -from.top),
                        ..*region
                    };
                    copy_region(kept.data(), kept.stride_bytes(), &moved, picture);
                }
                self.copied.moved += bytes_of(from.size());
            }
            CopySource::Surface(source) => {
                let [Some(from), Some(to)] =
                    self.surfaces.get_disjoint_mut([&source, &destination])
                else {
                    return Err(missing((source, destination)));
                };
                let from = from.pixels();
                let to = to.pixels_but(regions.iter().map(CopyRegion::target), &mut self.holes);
                for region in regions {
                    copy_region(from.data(), from.stride_bytes(), region, to);
                }
            }
            CopySource::Cache(slot) => {
                let from = self.cache.get(&slot).ok_or_else(|| missing(slot))?;
                let to = self
                    .surfaces
                    .get_mut(&destination)
                    .ok_or_else(|| missing(destination))?
                    .pixels_but(regions.iter().map(CopyRegion::target), &mut self.holes);
                for region in regions {
                    copy_region(from.data(), from.stride_bytes(), region, to);
                }
            }
        }
        Ok(())
    }

    fn store(
        &mut self,
        surface: SurfaceId,
        rect: Rect,
        slot: CacheSlot,
    ) -> Result<(), CompositorError> {
        let source = self
            .surfaces
            .get_mut(&surface)
            .ok_or_else(|| missing(surface))?
            .pixels();
        self.copied.moved += bytes_of(rect.size());
        match self.cache.get_mut(&slot) {
            // A slot is often filled again at its old size.
            Some(kept) if kept.size() == rect.size() => copy_rect(source, &rect, kept),
            _ => {
                let part = counted(cut(source, &rect)?, MemoryKind::Cache, &self.memory);
                self.cache.insert(slot, part);
            }
        }
        Ok(())
    }

    fn restore_slot(&mut self, slot: CacheSlot, size: Size) -> Result<(), CompositorError> {
        let picture = self.new_picture(MemoryKind::Cache, size)?;
        self.cache.insert(slot, picture);
        Ok(())
    }

    fn evict(&mut self, slot: CacheSlot) {
        self.cache.remove(&slot);
    }

    fn draw_pixels(
        &mut self,
        surface: SurfaceId,
        block: &PixelBlock,
        region: CopyRegion,
    ) -> Result<(), CompositorError> {
        self.copied.drawn += bytes_of(region.source.size());
        let picture = self.pixels_but(surface, std::iter::once(region.target()))?;
        copy_region(block.data(), block.stride_bytes(), &region, picture);
        Ok(())
    }

    fn draw_alpha(
        &mut self,
        surface: SurfaceId,
        block: &PixelBlock,
        region: CopyRegion,
    ) -> Result<(), CompositorError> {
        self.copied.drawn += region.source.size().area();
        let mut picture = self.surface_mut(surface)?.pixels().as_mut();
        let Some(mut part) = picture.sub(&region.target()) else {
            return Ok(());
        };
        for y in 0..region.source.height() {
            let from = offset(
                block.stride_bytes(),
                region.source.left,
                region.source.top + y as i32,
            );
            let source = block.data()[from..].chunks_exact(BYTES_PER_PIXEL);
            for (pixel, source) in part
                .row_mut(y)
                .chunks_exact_mut(BYTES_PER_PIXEL)
                .zip(source)
            {
                pixel[3] = source[3];
            }
        }
        Ok(())
    }

    fn draw_tiles(
        &mut self,
        surface: SurfaceId,
        tiles: &CoefficientTiles,
        regions: &[CopyRegion],
    ) -> Result<(), CompositorError> {
        self.copied.drawn += bytes_in(regions.iter().map(|region| &region.source));
        // Only what a compositor that is gone has left over comes here: it is made whole.
        let bounds = tiles.bounds();
        let mut whole = new_picture(bounds.size())?;
        tiles.draw(&bounds, &mut whole.as_mut());
        let picture = self.pixels_but(surface, regions.iter().map(CopyRegion::target))?;
        for region in regions {
            let part = CopyRegion {
                source: region.source.translate(-bounds.left, -bounds.top),
                ..*region
            };
            copy_region(whole.data(), whole.stride_bytes(), &part, picture);
        }
        Ok(())
    }

    fn draw_avc(&mut self, surface: SurfaceId, views: &DecodedAvc) -> Result<(), CompositorError> {
        let views = views
            .in_memory()
            .map_err(|error| CompositorError::System(error.to_string()))?;
        let Self {
            surfaces,
            holes,
            memory,
            ..
        } = self;
        surfaces
            .get_mut(&surface)
            .ok_or_else(|| missing(surface))?
            .draw_avc(&views, holes, memory);
        Ok(())
    }

    fn hold_output(&mut self) -> Result<(), CompositorError> {
        if let Output::Surface(..) = self.output {
            let shown = self.output.desktop(&mut self.surfaces)?.picture();
            let kept = cut(shown, &shown.size().to_rect())?;
            self.copied.moved += bytes_of(kept.size());
            self.output = Output::Composed(counted(kept, MemoryKind::Output, &self.memory));
        }
        Ok(())
    }

    fn can_refine(&self) -> bool {
        self.surfaces.values().any(Surface::can_refine)
    }

    fn refine(&mut self) -> Vec<(SurfaceId, Vec<Rect>)> {
        self.surfaces
            .iter_mut()
            .filter(|(_, surface)| surface.can_refine())
            .map(|(id, surface)| (*id, surface.refine(self.pool.as_deref())))
            .collect()
    }

    fn compose(&mut self, layers: &[Layer], damage: &[Rect]) -> Result<(), CompositorError> {
        if let Some(surface) = only_surface(layers, self.output.size()) {
            self.output = Output::Surface(surface, self.output.size());
            return Ok(());
        }
        self.hold_output()?;
        let Output::Composed(output) = &mut self.output else {
            unreachable!("it was held");
        };
        for rect in damage {
            // What lies below a layer that covers the whole rectangle is not worth painting.
            let lowest = layers
                .iter()
                .rposition(|layer| layer.target.contains_rect(rect));
            if lowest.is_none() {
                fill_rect(output, rect, [0, 0, 0, 255]);
            }
            for layer in &layers[lowest.unwrap_or(0)..] {
                let shown = rect.intersect(&layer.target);
                if shown.is_empty() {
                    continue;
                }
                self.copied.moved += bytes_of(shown.size());
                let picture = self
                    .surfaces
                    .get_mut(&layer.surface)
                    .ok_or_else(|| missing(layer.surface))?
                    .pixels();
                let source = shown.translate(-layer.target.left, -layer.target.top);
                let target = layer.target.size();
                if layer.size == target {
                    let region = CopyRegion {
                        source,
                        destination: shown.origin(),
                    };
                    copy_region(picture.data(), picture.stride_bytes(), &region, output);
                } else if let Some(mut part) = output.as_mut().sub(&shown) {
                    let scaler = self
                        .scalers
                        .entry(layer.surface)
                        .and_modify(|kept| {
                            if !kept.is_for(layer.size, target) {
                                *kept = Scaler::new(layer.size, target);
                            }
                        })
                        .or_insert_with(|| Scaler::new(layer.size, target));
                    scaler.scale(picture.data(), &source, &mut part);
                }
            }
        }
        Ok(())
    }

    fn read_output(&mut self) -> Result<Picture, CompositorError> {
        let desktop = self.output.desktop(&mut self.surfaces)?;
        Ok(opaque(desktop.picture().clone()))
    }

    fn read_surface(&mut self, surface: SurfaceId) -> Result<Picture, CompositorError> {
        let pixels = self.surface_mut(surface)?.pixels();
        Ok(Picture::clone(pixels))
    }

    fn render_window(&mut self, what: &Presentation<'_>) -> Result<Picture, CompositorError> {
        let mut picture = new_picture(what.view.window())?;
        let region = what.view.window().to_rect();
        let desktop = self.output.desktop(&mut self.surfaces)?;
        self.copied.shown += self
            .painter
            .paint(desktop, what, &region, &mut picture.as_mut());
        Ok(opaque(picture))
    }

    fn present(&mut self, what: &Presentation<'_>) -> Result<Presented, CompositorError> {
        let Self {
            output,
            surfaces,
            painter,
            window,
            copied,
            ..
        } = self;
        let desktop = output.desktop(surfaces)?;
        let Some(window) = window else {
            // What would be seen is at least made.
            desktop.picture();
            return Ok(Presented::Shown(PresentTimes::at_once(Instant::now())));
        };
        window.present(
            what.view.window(),
            &what.window_damage(),
            |region: &Rect, pixels: &mut PictureMut<'_>| {
                copied.shown += painter.paint(desktop, what, region, pixels);
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(8, 4);
    const SURFACE: SurfaceId = SurfaceId(1);
    const RED: [u8; 4] = [0, 0, 255, 255];
    const BLUE: [u8; 4] = [255, 0, 0, 255];

    /// A red surface that is all of the output.
    fn shown() -> CpuCompositor {
        let mut compositor = CpuCompositor::new(None);
        compositor.reset(SIZE).unwrap();
        compositor.create_surface(SURFACE, SIZE).unwrap();
        fill(&mut compositor, RED);
        compose(&mut compositor, SIZE);
        assert!(matches!(compositor.output, Output::Surface(SURFACE, SIZE)));
        compositor
    }

    fn fill(compositor: &mut CpuCompositor, color: [u8; 4]) {
        compositor.fill(SURFACE, color, &[SIZE.to_rect()]).unwrap();
    }

    fn compose(compositor: &mut CpuCompositor, target: Size) {
        let layer = Layer {
            surface: SURFACE,
            size: SIZE,
            target: target.to_rect(),
        };
        compositor.compose(&[layer], &[SIZE.to_rect()]).unwrap();
    }

    fn corner(compositor: &mut CpuCompositor) -> [u8; 4] {
        let output = compositor.read_output().unwrap();
        output.pixel(oriel_codecs::Point::default())
    }

    #[test]
    fn a_part_of_a_frame_is_not_seen_before_the_rest_is_there() {
        let mut compositor = shown();
        compositor.hold_output().unwrap();
        fill(&mut compositor, BLUE);
        assert_eq!(corner(&mut compositor), RED);
        compose(&mut compositor, SIZE);
        assert_eq!(corner(&mut compositor), BLUE);
    }

    #[test]
    fn a_surface_that_is_deleted_is_seen_until_something_else_is_composed() {
        let mut compositor = shown();
        compositor.delete_surface(SURFACE);
        assert_eq!(corner(&mut compositor), RED);
        compositor.compose(&[], &[SIZE.to_rect()]).unwrap();
        assert_eq!(corner(&mut compositor), [0, 0, 0, 255]);
    }

    #[test]
    fn a_surface_that_no_longer_fits_is_composed_again() {
        let mut compositor = shown();
        compose(&mut compositor, Size::new(4, 4));
        assert!(matches!(compositor.output, Output::Composed(_)));
        let right = oriel_codecs::Point::new(7, 0);
        let output = compositor.read_output().unwrap();
        assert_eq!(output.pixel(right), [0, 0, 0, 255]);
    }
}
