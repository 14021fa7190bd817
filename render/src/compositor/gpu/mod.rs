//! The compositor for machines with a GPU: textures, and the shaders of `oriel-shaders`.
//!
//! Work is recorded as it comes and submitted when the output is composed: pixels go through a
//! ring of mapped buffers, and only what changed is drawn into an output that persists. A window
//! gets one blit of it a picture.

mod batch;
mod device;
mod external;
mod passes;
mod planes;
mod pool;
mod proof;
mod read_back;
mod staging;
mod tiles;
mod window;

use std::{collections::HashMap, sync::Arc, time::Instant};

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::{BYTES_PER_PIXEL, Picture},
    remotefx::CoefficientTiles,
    video::DecodedAvc,
};
use oriel_protocol::graphics::{CacheSlot, SurfaceId};

pub use self::proof::{SharingError, prove_sharing};

use self::{
    batch::{Batch, Reads, Target},
    device::{GpuDevice, Texture, extent},
    passes::{SURFACE_FORMAT, SurfacePasses},
    planes::SurfacePlanes,
    staging::Rows,
    tiles::TilePass,
    window::{GpuWindow, WindowPainter},
};
use super::{
    Compositor, CopiedBytes, CopyRegion, CopySource, Layer, MemoryKind, MemoryUse, PresentTimes,
    Presentation, Presented, copied::bytes_of,
};
use crate::{
    decode::PixelBlock,
    error::{CompositorError, RenderError},
    pace::PresentChoice,
    window::WindowHandle,
};

/// Opaque black, as red, green, blue, alpha.
const BLACK: [f32; 4] = [0.0, 0.0, 0.0, 1.0];

/// Surfaces, cache and output as textures.
#[derive(Debug)]
pub struct GpuCompositor {
    // Dropped in this order: the window's surface before the device that draws to it.
    window: Option<GpuWindow>,
    picture_painter: Option<WindowPainter>,
    output: Texture,
    surfaces: HashMap<SurfaceId, Surface>,
    /// Textures that may be larger than what they keep.
    cache: HashMap<CacheSlot, Texture>,
    /// What a surface is copied through onto itself.
    scratch: Option<Texture>,
    /// Alpha on its way to a surface.
    alpha: Option<Texture>,
    /// The same in memory, kept for the next one.
    samples: Vec<u8>,
    passes: SurfacePasses,
    /// Made when the first tiles come.
    tiles: Option<TilePass>,
    batch: Batch,
    gpu: GpuDevice,
}

#[derive(Debug)]
struct Surface {
    texture: Texture,
    planes: SurfacePlanes,
}

impl GpuCompositor {
    /// Opens the adapter that can draw to `window`, or any adapter. `accept_emulated` takes one
    /// that runs on the CPU as well, which is slower than [`CpuCompositor`](super::CpuCompositor).
    ///
    /// # Errors
    /// [`RenderError::NoAdapter`] where there is none; [`RenderError::Window`] where the window
    /// takes no picture from it.
    pub fn open(
        window: Option<Arc<dyn WindowHandle>>,
        accept_emulated: bool,
    ) -> Result<Self, RenderError> {
        let instance = window::instance(window.as_ref());
        let surface = window
            .as_ref()
            .map(|window| window::surface(&instance, window))
            .transpose()?;
        let gpu = GpuDevice::open(instance, surface.as_ref(), accept_emulated)?;
        let window = match (window, surface) {
            (Some(window), Some(surface)) => Some(GpuWindow::new(&gpu, window, surface)?),
            _ => None,
        };
        Self::with_device(gpu, window)
    }

    fn with_device(gpu: GpuDevice, window: Option<GpuWindow>) -> Result<Self, RenderError> {
        let compositor = Self {
            window,
            picture_painter: None,
            output: gpu.texture(
                MemoryKind::Output,
                "output",
                Size::default(),
                SURFACE_FORMAT,
            )?,
            surfaces: HashMap::new(),
            cache: HashMap::new(),
            scratch: None,
            alpha: None,
            samples: Vec::new(),
            passes: SurfacePasses::new(&gpu),
            tiles: None,
            batch: Batch::new(&gpu),
            gpu,
        };
        compositor.gpu.check()?;
        Ok(compositor)
    }

    /// Ends the device, as a driver's crash would. For tests.
    #[doc(hidden)]
    pub fn lose_device(&self) {
        self.gpu.destroy();
    }

    /// Shows pictures in this way from now on.
    pub fn set_present_choice(&mut self, choice: PresentChoice) {
        if let Some(window) = &mut self.window {
            window.set_present_choice(&self.gpu, choice);
        }
    }

    fn black_texture(&mut self, kind: MemoryKind, size: Size) -> Result<Texture, CompositorError> {
        let texture = self
            .gpu
            .pooled_texture(kind, kind.name(), size, SURFACE_FORMAT)?;
        self.batch
            .clear(&self.gpu, &texture.view, BLACK.map(f64::from));
        Ok(texture)
    }
}

/// A surface's texture.
fn texture_of(
    surfaces: &HashMap<SurfaceId, Surface>,
    surface: SurfaceId,
) -> Result<&Texture, CompositorError> {
    surfaces
        .get(&surface)
        .map(|kept| &kept.texture)
        .ok_or_else(|| missing(surface))
}

/// A texture for a slot of the cache. Slots have all sizes: one that another left and that is larger
/// by up to a quarter will do.
fn slot_texture(gpu: &GpuDevice, size: Size) -> Result<Texture, CompositorError> {
    let most_texels = size.area() + size.area() / 4;
    gpu.texture_up_to(
        most_texels,
        MemoryKind::Cache,
        "cache",
        size,
        SURFACE_FORMAT,
    )
}

/// The scene names only what it has made, so this is a bug of ours rather than the peer's.
fn missing(what: impl std::fmt::Debug) -> CompositorError {
    CompositorError::System(format!("{what:?} is not kept here"))
}

fn rows_of(block: &PixelBlock) -> Rows<'_> {
    Rows {
        data: block.data(),
        stride_bytes: block.stride_bytes(),
        bytes_per_pixel: BYTES_PER_PIXEL,
    }
}

/// A texture of at least `size`, kept for the next time. One that is too small grows where that
/// takes no more than both would: what is wide and what is tall would else make one that is both.
fn grown<'a>(
    kept: &'a mut Option<Texture>,
    gpu: &GpuDevice,
    size: Size,
    format: wgpu::TextureFormat,
) -> Result<&'a Texture, CompositorError> {
    let old = kept
        .as_ref()
        .map_or(Size::default(), |texture| texture.size);
    if kept.is_none() || old.width < size.width || old.height < size.height {
        let both = Size::new(old.width.max(size.width), old.height.max(size.height));
        let size = if both.area() <= old.area() + size.area() {
            both
        } else {
            size
        };
        // What is too small goes before there is more.
        *kept = None;
        *kept = Some(gpu.texture(MemoryKind::Scratch, "scratch", size, format)?);
    }
    kept.as_ref().ok_or_else(|| missing("a scratch texture"))
}

fn copy_region(
    gpu: &GpuDevice,
    batch: &mut Batch,
    source: &Texture,
    region: &CopyRegion,
    destination: &Texture,
) {
    batch.copied.moved += bytes_of(region.source.size());
    batch.encoder(gpu).copy_texture_to_texture(
        source.at(region.source.left, region.source.top),
        destination.at(region.destination.x, region.destination.y),
        extent(region.source.size()),
    );
}

impl Compositor for GpuCompositor {
    fn name(&self) -> &'static str {
        "gpu"
    }

    fn adapter(&self) -> Option<&str> {
        Some(self.gpu.name())
    }

    fn picture_taker(&self) -> Option<crate::decode::PictureTaker> {
        let importer = external::GpuImporter::new(&self.gpu)?;
        Some(crate::decode::PictureTaker {
            adapter: self.gpu.identity(),
            importer: Arc::new(importer),
        })
    }

    fn max_side_px(&self) -> u32 {
        self.gpu.max_side_px()
    }

    fn take_copied(&mut self) -> CopiedBytes {
        std::mem::take(&mut self.batch.copied)
    }

    fn memory(&self) -> MemoryUse {
        self.gpu.memory.snapshot()
    }

    fn reset(&mut self, output: Size) -> Result<(), CompositorError> {
        self.surfaces.clear();
        self.cache.clear();
        if self.output.size != output {
            // The next ones will have other sizes as well.
            self.gpu.pool.clear();
            let (kind, gpu) = (MemoryKind::Output, &self.gpu);
            self.output = gpu.texture(kind, kind.name(), output, SURFACE_FORMAT)?;
        }
        let black = BLACK.map(f64::from);
        self.batch.clear(&self.gpu, &self.output.view, black);
        // As large as the old desktop asked for.
        self.scratch = None;
        self.alpha = None;
        self.samples = Vec::new();
        if let Some(tiles) = &mut self.tiles {
            tiles.release();
        }
        Ok(())
    }

    fn create_surface(&mut self, surface: SurfaceId, size: Size) -> Result<(), CompositorError> {
        // What it takes the place of may be what it is made of.
        self.surfaces.remove(&surface);
        let created = Surface {
            texture: self.black_texture(MemoryKind::Surfaces, size)?,
            planes: SurfacePlanes::default(),
        };
        self.surfaces.insert(surface, created);
        Ok(())
    }

    fn delete_surface(&mut self, surface: SurfaceId) {
        self.surfaces.remove(&surface);
    }

    fn fill(
        &mut self,
        surface: SurfaceId,
        bgra: [u8; 4],
        rects: &[Rect],
    ) -> Result<(), CompositorError> {
        let [blue, green, red, alpha] = bgra.map(|channel| f32::from(channel) / 255.0);
        let target = Target::from(texture_of(&self.surfaces, surface)?);
        let (pass, color) = (&self.passes.fill, [red, green, blue, alpha]);
        self.batch.fill(&self.gpu, pass, target, color, rects);
        Ok(())
    }

    fn copy(
        &mut self,
        source: CopySource,
        destination: SurfaceId,
        regions: &[CopyRegion],
    ) -> Result<(), CompositorError> {
        let onto = texture_of(&self.surfaces, destination)?;
        let (gpu, batch) = (&self.gpu, &mut self.batch);
        let from = match source {
            CopySource::Cache(slot) => self.cache.get(&slot).ok_or_else(|| missing(slot))?,
            CopySource::Surface(source) if source != destination => {
                texture_of(&self.surfaces, source)?
            }
            CopySource::Surface(_) => {
                // A texture is not copied onto itself: the whole source first, then its copies.
                let whole = regions
                    .iter()
                    .fold(Rect::default(), |all, region| all.union(&region.source));
                let scratch = grown(&mut self.scratch, gpu, whole.size(), SURFACE_FORMAT)?;
                let out = CopyRegion {
                    source: whole,
                    destination: Point::default(),
                };
                copy_region(gpu, batch, onto, &out, scratch);
                for region in regions {
                    let back = CopyRegion {
                        source: region.source.translate(-whole.left, -whole.top),
                        ..*region
                    };
                    copy_region(gpu, batch, scratch, &back, onto);
                }
                return Ok(());
            }
        };
        for region in regions {
            copy_region(gpu, batch, from, region, onto);
        }
        Ok(())
    }

    fn store(
        &mut self,
        surface: SurfaceId,
        rect: Rect,
        slot: CacheSlot,
    ) -> Result<(), CompositorError> {
        // A slot is often filled again at its old size.
        self.cache.remove(&slot);
        let texture = slot_texture(&self.gpu, rect.size())?;
        let region = CopyRegion {
            source: rect,
            destination: Point::default(),
        };
        let source = texture_of(&self.surfaces, surface)?;
        copy_region(&self.gpu, &mut self.batch, source, &region, &texture);
        self.cache.insert(slot, texture);
        Ok(())
    }

    fn restore_slot(&mut self, slot: CacheSlot, size: Size) -> Result<(), CompositorError> {
        let texture = slot_texture(&self.gpu, size)?;
        let black = BLACK.map(f64::from);
        self.batch.clear(&self.gpu, &texture.view, black);
        self.cache.insert(slot, texture);
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
        let texture = texture_of(&self.surfaces, surface)?;
        let rows = rows_of(block);
        self.batch
            .upload(&self.gpu, rows, &region.source, texture, region.destination)
    }

    fn draw_alpha(
        &mut self,
        surface: SurfaceId,
        block: &PixelBlock,
        region: CopyRegion,
    ) -> Result<(), CompositorError> {
        let size = region.source.size();
        let format = wgpu::TextureFormat::R8Unorm;
        let alpha = grown(&mut self.alpha, &self.gpu, size, format)?;
        self.samples.clear();
        self.samples.reserve_exact(size.area() as usize);
        for y in region.source.top..region.source.bottom {
            let from =
                y as usize * block.stride_bytes() + region.source.left as usize * BYTES_PER_PIXEL;
            let row = &block.data()[from..from + size.width as usize * BYTES_PER_PIXEL];
            self.samples
                .extend(row.iter().skip(3).step_by(BYTES_PER_PIXEL));
        }
        let rows = Rows {
            data: &self.samples,
            stride_bytes: size.width as usize,
            bytes_per_pixel: 1,
        };
        let (whole, start) = (size.to_rect(), Point::default());
        self.batch.upload(&self.gpu, rows, &whole, alpha, start)?;
        let onto = texture_of(&self.surfaces, surface)?;
        let reads = Reads {
            textures: &[&alpha.view],
            origin: region.destination,
            scale: None,
        };
        self.batch.draw_rects(
            &self.gpu,
            &self.passes.alpha,
            Target::from(onto),
            reads,
            &[region.target()],
        );
        Ok(())
    }

    fn draw_tiles(
        &mut self,
        surface: SurfaceId,
        tiles: &CoefficientTiles,
        regions: &[CopyRegion],
    ) -> Result<(), CompositorError> {
        let texture = texture_of(&self.surfaces, surface)?;
        let pass = match &mut self.tiles {
            Some(pass) => pass,
            none => none.insert(TilePass::new(&self.gpu)?),
        };
        pass.draw(&self.gpu, &mut self.batch, tiles, regions, texture)
    }

    fn tile_device(&self) -> Option<String> {
        self.gpu.can_make_tiles().then(|| self.gpu.identity())
    }

    fn draw_avc(&mut self, surface: SurfaceId, views: &DecodedAvc) -> Result<(), CompositorError> {
        let Surface { texture, planes } = self
            .surfaces
            .get_mut(&surface)
            .ok_or_else(|| missing(surface))?;
        planes.draw(&self.gpu, &mut self.batch, &self.passes, views, texture)
    }

    /// The output is a texture of its own.
    fn hold_output(&mut self) -> Result<(), CompositorError> {
        Ok(())
    }

    fn compose(&mut self, layers: &[Layer], damage: &[Rect]) -> Result<(), CompositorError> {
        for rect in damage {
            // What lies below a layer that covers the whole rectangle is not worth drawing.
            let lowest = layers
                .iter()
                .rposition(|layer| layer.target.contains_rect(rect));
            if lowest.is_none() {
                let (pass, target) = (&self.passes.fill, Target::from(&self.output));
                self.batch.fill(&self.gpu, pass, target, BLACK, &[*rect]);
            }
            for layer in &layers[lowest.unwrap_or(0)..] {
                let shown = rect.intersect(&layer.target);
                if shown.is_empty() {
                    continue;
                }
                let source = texture_of(&self.surfaces, layer.surface)?;
                if layer.size == layer.target.size() {
                    let region = CopyRegion {
                        source: shown.translate(-layer.target.left, -layer.target.top),
                        destination: shown.origin(),
                    };
                    copy_region(&self.gpu, &mut self.batch, source, &region, &self.output);
                } else {
                    let reads = Reads {
                        textures: &[&source.view],
                        origin: layer.target.origin(),
                        scale: Some(window::scale(layer.size, layer.target.size())),
                    };
                    let target = Target::from(&self.output);
                    self.batch.copied.moved += bytes_of(shown.size());
                    self.batch
                        .draw_rects(&self.gpu, &self.passes.scale, target, reads, &[shown]);
                }
            }
        }
        self.batch.submit(&self.gpu);
        self.gpu.check()
    }

    fn read_output(&mut self) -> Result<Picture, CompositorError> {
        read_back::read(&self.gpu, &mut self.batch, &self.output, true)
    }

    fn read_surface(&mut self, surface: SurfaceId) -> Result<Picture, CompositorError> {
        let texture = texture_of(&self.surfaces, surface)?;
        read_back::read(&self.gpu, &mut self.batch, texture, false)
    }

    fn render_window(&mut self, what: &Presentation<'_>) -> Result<Picture, CompositorError> {
        let window = self.gpu.texture(
            MemoryKind::Window,
            "window",
            what.view.window(),
            SURFACE_FORMAT,
        )?;
        let painter = self
            .picture_painter
            .get_or_insert_with(|| WindowPainter::new(&self.gpu, SURFACE_FORMAT));
        painter.paint(&self.gpu, &mut self.batch, &self.output, what, &window.view)?;
        read_back::read(&self.gpu, &mut self.batch, &window, true)
    }

    fn present(&mut self, what: &Presentation<'_>) -> Result<Presented, CompositorError> {
        match &mut self.window {
            Some(window) => window.present(&self.gpu, &mut self.batch, &self.output, what),
            None => {
                self.batch.submit(&self.gpu);
                self.gpu.check()?;
                Ok(Presented::Shown(PresentTimes::at_once(Instant::now())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use oriel_codecs::{
        video::{AvcVersion, ColorDescription, YuvFrame},
        yuv::{MainChroma, Yuv420Picture},
    };

    use super::*;
    use crate::{
        compositor::{Damage, WindowLayer},
        tile_engine,
        view::{Scaling, View},
    };

    const SIZE: Size = Size::new(256, 128);
    const SURFACE: SurfaceId = SurfaceId(1);

    /// Has a compositor make whatever it makes.
    fn draw_everything(compositor: &mut GpuCompositor) -> Result<(), CompositorError> {
        let whole = SIZE.to_rect();
        compositor.reset(SIZE)?;
        compositor.create_surface(SURFACE, SIZE)?;
        compositor.fill(SURFACE, [1, 2, 3, 4], &[whole])?;
        let (part, one) = (Rect::new(0, 0, 32, 32), Point::new(1, 1));
        let region = CopyRegion {
            source: part,
            destination: one,
        };
        compositor.copy(CopySource::Surface(SURFACE), SURFACE, &[region])?;
        compositor.store(SURFACE, part, CacheSlot(1))?;
        let pixels = vec![7; 32 * 32 * BYTES_PER_PIXEL].into();
        let block = PixelBlock::from_payload(part.size(), pixels).expect("as many pixels");
        compositor.draw_pixels(SURFACE, &block, region)?;
        compositor.draw_alpha(SURFACE, &block, region)?;
        let tile = CopyRegion {
            source: Rect::new(0, 0, 64, 64),
            destination: Point::default(),
        };
        compositor.draw_tiles(SURFACE, &tile_engine::sample(), &[tile])?;
        let view = || {
            let picture = Yuv420Picture::new(SIZE);
            Some(YuvFrame::from_picture(picture, ColorDescription::default()))
        };
        let views = DecodedAvc {
            version: AvcVersion::Avc444V2,
            luma_view: view(),
            chroma_view: view(),
            luma_regions: vec![whole],
            chroma_regions: vec![whole],
            main_chroma: MainChroma::Averaged,
        };
        compositor.draw_avc(SURFACE, &views)?;
        let layer = Layer {
            surface: SURFACE,
            size: SIZE,
            target: whole,
        };
        compositor.compose(&[layer], &[whole])?;
        let pointer = WindowLayer {
            origin: one,
            picture: Arc::new(Picture::new(Size::new(16, 16))),
            inverting: None,
        };
        compositor.render_window(&Presentation {
            view: View::new(SIZE, SIZE, Scaling::Fit),
            damage: &Damage::new(),
            repaint: &Damage::of(whole),
            layers: &[pointer],
        })?;
        compositor.evict(CacheSlot(1));
        Ok(())
    }

    #[test]
    fn nothing_is_counted_once_all_is_dropped() {
        let Ok(mut compositor) = GpuCompositor::open(None, true) else {
            println!("skipped: no graphics adapter, not even an emulated one");
            return;
        };
        let memory = compositor.gpu.memory.clone();
        draw_everything(&mut compositor).expect("a device that works");
        // No decoder shares anything here.
        for kind in MemoryKind::ALL {
            let is_used = memory.snapshot().of(kind).most > 0;
            assert_eq!(is_used, kind != MemoryKind::Pictures, "{}", kind.name());
        }
        drop(compositor);
        let left: Vec<_> = memory.snapshot().used().collect();
        assert!(left.iter().all(|(_, bytes)| bytes.now == 0), "{left:?}");
        assert_eq!(memory.snapshot().total.now, 0);
    }
}
