//! H.264's planes to a surface: 4:2:0 at once, 4:4:4 through samples that live with the surface.
//!
//! Chroma that comes interleaved (NV12) is uploaded as it is and taken apart there. What a decoder
//! left in the GPU's memory is copied from there instead of uploaded.
//!
//! ```text
//!  view's planes ──▶ luma, cb, cr ──yuv420──────────────────────────▶ surface
//!                        ├── main view ──▶ samples ──yuv444─────────────▲
//!                        ├── main view ──▶ main_chroma ─┐
//!                        └── auxiliary view ────────────┴▶ samples
//! ```

use oriel_codecs::{
    geometry::{Rect, Size},
    video::{AvcVersion, DecodedAvc, VideoError, YuvFrame},
    yuv::{MainChroma, Plane, chroma_size, coded_size, coefficients::CHROMA_ZERO, widen_to_blocks},
};

use super::{
    batch::{Batch, Reads, Target},
    device::{GpuDevice, Texture},
    external::{ImportedPicture, PlaneKind},
    passes::{CHROMA_FORMAT, PLANE_FORMAT, SAMPLES_FORMAT, SurfacePasses},
    staging::Rows,
};
use crate::{
    compositor::{Damage, MemoryKind},
    error::CompositorError,
};

/// What a surface keeps for H.264 beside its pixels.
#[derive(Debug, Default)]
pub(crate) struct SurfacePlanes {
    view: Option<ViewPlanes>,
    samples: Option<Samples>,
}

/// One view's planes, as it came last.
#[derive(Debug)]
struct ViewPlanes {
    luma: Texture,
    cb: Texture,
    cr: Texture,
    /// Both, interleaved, where they come so.
    pairs: Option<Texture>,
}

/// The surface in 4:4:4.
#[derive(Debug)]
struct Samples {
    /// Luma, Cb, Cr.
    pixels: Texture,
    /// Cb and Cr of the main view, a texel a block of 2×2 pixels.
    main_chroma: Texture,
}

impl SurfacePlanes {
    /// Draws the views on `surface`.
    pub(crate) fn draw(
        &mut self,
        gpu: &GpuDevice,
        batch: &mut Batch,
        passes: &SurfacePasses,
        views: &DecodedAvc,
        surface: &Texture,
    ) -> Result<(), CompositorError> {
        let bounds = surface.size.to_rect();
        if let (AvcVersion::Avc420, Some(view)) = (views.version, &views.luma_view) {
            let rects = clipped(views.luma_regions.iter().copied(), &bounds);
            // The chroma of a pixel is found with the blocks around its own.
            let looked_at: Vec<_> = rects
                .iter()
                .map(|rect| Rect::new(rect.left - 2, rect.top - 2, rect.right + 2, rect.bottom + 2))
                .collect();
            let planes = self.upload(gpu, batch, passes, view, &looked_at)?;
            batch.draw_rects(
                gpu,
                &passes.yuv420,
                Target::from(surface),
                Reads {
                    textures: &planes.textures(),
                    ..Reads::default()
                },
                &rects,
            );
            return Ok(());
        }
        if let Some(view) = &views.luma_view {
            self.combine_main(gpu, batch, passes, views, view, surface.size)?;
        }
        if let Some(view) = &views.chroma_view {
            self.combine_auxiliary(gpu, batch, passes, views, view, surface.size)?;
        }
        let samples = samples(&mut self.samples, gpu, batch, surface.size)?;
        let rects = clipped(views.damage(), &bounds);
        batch.draw_rects(
            gpu,
            &passes.yuv444,
            Target::from(surface),
            Reads {
                textures: &[&samples.pixels.view],
                ..Reads::default()
            },
            &rects,
        );
        Ok(())
    }

    fn combine_main(
        &mut self,
        gpu: &GpuDevice,
        batch: &mut Batch,
        passes: &SurfacePasses,
        views: &DecodedAvc,
        view: &YuvFrame,
        surface: Size,
    ) -> Result<(), CompositorError> {
        // Where the chroma comes with the same message, the main view's own would show nowhere.
        let (mut luma_alone, mut with_chroma) = (Vec::new(), Vec::new());
        for (index, rect) in views.luma_regions.iter().enumerate() {
            if views.has_chroma_of(index) {
                luma_alone.push(*rect);
            } else {
                with_chroma.push(*rect);
            }
        }
        let luma_alone = blocks(&luma_alone, view, surface);
        let with_chroma = blocks(&with_chroma, view, surface);
        let all: Vec<_> = luma_alone.iter().chain(&with_chroma).copied().collect();
        self.upload(gpu, batch, passes, view, &all)?;
        let samples = samples(&mut self.samples, gpu, batch, surface)?;
        let Some(planes) = &self.view else {
            return Ok(());
        };
        let textures = planes.textures();
        let reads = Reads {
            textures: &textures,
            ..Reads::default()
        };
        let pixels = Target::from(&samples.pixels);
        batch.draw_rects(gpu, &passes.main_view_luma, pixels, reads, &luma_alone);
        batch.draw_rects(gpu, &passes.main_view, pixels, reads, &with_chroma);
        let halves: Vec<_> = all.iter().map(halved).collect();
        let chroma = Target::from(&samples.main_chroma);
        batch.draw_rects(gpu, &passes.main_view_chroma, chroma, reads, &halves);
        Ok(())
    }

    fn combine_auxiliary(
        &mut self,
        gpu: &GpuDevice,
        batch: &mut Batch,
        passes: &SurfacePasses,
        views: &DecodedAvc,
        view: &YuvFrame,
        surface: Size,
    ) -> Result<(), CompositorError> {
        let rects = blocks(&views.chroma_regions, view, surface);
        // Version 1 packs the rows of a macroblock, version 2 halves of all columns: a region's
        // samples lie outside of its rectangle. Views are uploaded whole macroblock rows at a time.
        let packed: Vec<_> = rects
            .iter()
            .map(|rect| {
                let size = view.size();
                Rect::new(
                    0,
                    rect.top & !15,
                    size.width as i32,
                    (rect.bottom.saturating_add(15) & !15).min(size.height as i32),
                )
            })
            .collect();
        self.upload(gpu, batch, passes, view, &packed)?;
        let samples = samples(&mut self.samples, gpu, batch, surface)?;
        let Some(planes) = &self.view else {
            return Ok(());
        };
        let pass = match (views.version, views.main_chroma) {
            (AvcVersion::Avc444V2, MainChroma::Averaged) => &passes.chroma_v2,
            (AvcVersion::Avc444V2, MainChroma::Sampled) => &passes.chroma_v2_sampled,
            (AvcVersion::Avc444 | AvcVersion::Avc420, _) => &passes.chroma_v1,
        };
        let textures = [
            &planes.luma.view,
            &planes.cb.view,
            &planes.cr.view,
            &samples.main_chroma.view,
        ];
        let reads = Reads {
            textures: &textures,
            ..Reads::default()
        };
        batch.draw_rects(gpu, pass, Target::from(&samples.pixels), reads, &rects);
        Ok(())
    }

    /// Brings the view's planes up to date in the blocks that the rectangles touch.
    fn upload(
        &mut self,
        gpu: &GpuDevice,
        batch: &mut Batch,
        passes: &SurfacePasses,
        view: &YuvFrame,
        rects: &[Rect],
    ) -> Result<&ViewPlanes, CompositorError> {
        let size = view.size();
        if self
            .view
            .as_ref()
            .is_some_and(|planes| planes.luma.size != size)
        {
            self.view = None;
        }
        let half = chroma_size(size);
        let mut planes = match self.view.take() {
            Some(planes) => planes,
            None => {
                let plane =
                    |label, size| gpu.pooled_texture(MemoryKind::Planes, label, size, PLANE_FORMAT);
                ViewPlanes {
                    luma: plane("luma", size)?,
                    cb: plane("cb", half)?,
                    cr: plane("cr", half)?,
                    pairs: None,
                }
            }
        };
        let is_imported = ImportedPicture::of(view, gpu).is_some();
        // Another device's, one that was lost perhaps, is copied through memory.
        let in_memory = match is_imported {
            true => None,
            false => Some(view.in_memory().map_err(failed)?),
        };
        let pairs = in_memory.as_ref().and_then(YuvFrame::interleaved_chroma);
        let comes_in_pairs = is_imported || pairs.is_some();
        if comes_in_pairs && planes.pairs.is_none() {
            planes.pairs = Some(gpu.pooled_texture(
                MemoryKind::Planes,
                "chroma pairs",
                half,
                CHROMA_FORMAT,
            )?);
        }
        // Many small regions become few copies; more than the regions is never read.
        let mut damage = Damage::new();
        for rect in rects {
            damage.add(widen_to_blocks(rect, size));
        }
        let mut upload = |rows: Rows<'_>, rect: &Rect, texture: &Texture| {
            let rect = rect.intersect(&texture.size.to_rect());
            if rect.is_empty() {
                return Ok(());
            }
            batch.upload(gpu, rows, &rect, texture, rect.origin())
        };
        let halves: Vec<_> = damage.rects().iter().map(halved).collect();
        for (rect, half) in damage.rects().iter().zip(&halves) {
            let Some(view) = &in_memory else { break };
            upload(rows_of(&view.luma()), rect, &planes.luma)?;
            match (&pairs, &planes.pairs) {
                (Some(pairs), Some(texture)) => {
                    let rows = Rows {
                        bytes_per_pixel: 2,
                        ..rows_of(pairs)
                    };
                    upload(rows, half, texture)?;
                }
                _ => {
                    upload(rows_of(&view.cb()), half, &planes.cb)?;
                    upload(rows_of(&view.cr()), half, &planes.cr)?;
                }
            }
        }
        if let (true, Some(pairs)) = (is_imported, &planes.pairs) {
            let whole = |texture: &Texture, rect: &Rect| rect.intersect(&texture.size.to_rect());
            let luma = damage.rects().iter().map(|rect| {
                let texture = &planes.luma;
                (PlaneKind::Luma, whole(texture, rect), texture)
            });
            let chroma = halves
                .iter()
                .map(|half| (PlaneKind::Chroma, whole(pairs, half), pairs));
            let copies: Vec<_> = luma
                .chain(chroma)
                .filter(|(_, rect, _)| !rect.is_empty())
                .collect();
            batch.copy_imported(gpu, view, &copies);
        }
        if let (true, Some(texture)) = (comes_in_pairs, &planes.pairs) {
            let reads = Reads {
                textures: &[&texture.view],
                ..Reads::default()
            };
            for (pass, plane) in passes.split_chroma.iter().zip([&planes.cb, &planes.cr]) {
                batch.draw_rects(gpu, pass, Target::from(plane), reads, &halves);
            }
        }
        Ok(self.view.insert(planes))
    }
}

impl ViewPlanes {
    fn textures(&self) -> [&wgpu::TextureView; 3] {
        [&self.luma.view, &self.cb.view, &self.cr.view]
    }
}

/// The surface's samples, made when they are first needed: black, as the CPU's are.
fn samples<'a>(
    kept: &'a mut Option<Samples>,
    gpu: &GpuDevice,
    batch: &mut Batch,
    surface: Size,
) -> Result<&'a Samples, CompositorError> {
    match kept {
        Some(samples) => Ok(samples),
        none => {
            let coded = coded_size(surface);
            let half = Size::new(coded.width / 2, coded.height / 2);
            let samples = Samples {
                pixels: gpu.pooled_texture(MemoryKind::Planes, "samples", coded, SAMPLES_FORMAT)?,
                main_chroma: gpu.pooled_texture(
                    MemoryKind::Planes,
                    "main chroma",
                    half,
                    CHROMA_FORMAT,
                )?,
            };
            let zero = f64::from(CHROMA_ZERO) / 255.0;
            batch.clear(gpu, &samples.pixels.view, [0.0, zero, zero, 1.0]);
            batch.clear(gpu, &samples.main_chroma.view, [zero, zero, 0.0, 1.0]);
            Ok(none.insert(samples))
        }
    }
}

/// The frame was taken off the stream already: whoever replaces the compositor asks for the desktop.
fn failed(error: VideoError) -> CompositorError {
    CompositorError::System(error.to_string())
}

fn rows_of<'a>(plane: &Plane<'a>) -> Rows<'a> {
    Rows {
        data: plane.data(),
        stride_bytes: plane.stride_bytes(),
        bytes_per_pixel: 1,
    }
}

fn clipped(rects: impl Iterator<Item = Rect>, bounds: &Rect) -> Vec<Rect> {
    rects
        .map(|rect| rect.intersect(bounds))
        .filter(|rect| !rect.is_empty())
        .collect()
}

/// Regions in whole blocks, clipped to view and surface as the CPU's reassembly clips them.
fn blocks(rects: &[Rect], view: &YuvFrame, surface: Size) -> Vec<Rect> {
    let both = view.size().to_rect().intersect(&surface.to_rect()).size();
    rects
        .iter()
        .map(|rect| widen_to_blocks(rect, both))
        .filter(|rect| !rect.is_empty())
        .collect()
}

/// Blocks of a rectangle of whole blocks.
fn halved(rect: &Rect) -> Rect {
    Rect::new(rect.left / 2, rect.top / 2, rect.right / 2, rect.bottom / 2)
}
