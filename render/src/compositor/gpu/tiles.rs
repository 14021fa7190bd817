//! RemoteFX's tiles from their coefficients to a surface, in compute.
//!
//! ```text
//!  coefficients ──staging──▶ buffer ──TILES──▶ pixels of whole tiles ──copies──▶ surface
//! ```
//!
//! The pixels lie in a buffer rather than in a texture: no device must be able to write textures
//! of the surfaces' format then, and what of a tile is not to be seen is not copied. Large pictures
//! go band by band, so that the buffers stay small.

use oriel_codecs::{
    geometry::{Rect, Size},
    picture::BYTES_PER_PIXEL,
    remotefx::quant::Borders,
    remotefx::{CoefficientTile, CoefficientTiles, coefficients::TILE_COEFFICIENTS, color},
};
use oriel_shaders::{TILES, TileInstance};

use super::{
    batch::Batch,
    device::{GpuDevice, Texture, extent},
};
use crate::{
    compositor::{CopyRegion, MemoryKind, copied::bytes_of, memory::Counted},
    error::CompositorError,
};

/// Pixels of a band, at most; a single row of tiles may have more.
const BAND_BYTES: u64 = 8 << 20;

/// The pass, and the memory that it works in.
#[derive(Debug)]
pub(crate) struct TilePass {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    buffers: Option<Buffers>,
}

/// Grown as bands ask for it.
#[derive(Debug)]
struct Buffers {
    tiles: Counted<wgpu::Buffer>,
    coefficients: Counted<wgpu::Buffer>,
    pixels: Counted<wgpu::Buffer>,
    group: wgpu::BindGroup,
}

impl TilePass {
    pub(crate) fn new(gpu: &GpuDevice) -> Result<Self, CompositorError> {
        let device = &gpu.device;
        let label = Some(TILES.name);
        let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(TILES.source.into()),
        });
        let buffer = |binding, read_only| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label,
            entries: &[buffer(0, true), buffer(1, true), buffer(2, false)],
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let constants = [
            ("CR_TO_RED", color::CR_TO_RED),
            ("CB_TO_GREEN", color::CB_TO_GREEN),
            ("CR_TO_GREEN", color::CR_TO_GREEN),
            ("CB_TO_BLUE", color::CB_TO_BLUE),
        ]
        .map(|(name, factor)| (name, f64::from(factor)));
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &shader,
            entry_point: Some(TILES.entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &constants,
                ..Default::default()
            },
            cache: None,
        });
        gpu.check()?;
        Ok(Self {
            pipeline,
            layout,
            buffers: None,
        })
    }

    /// Gives back the memory that it works in, until there are tiles again.
    pub(crate) fn release(&mut self) {
        self.buffers = None;
    }

    /// Copies regions of tiles, which lie inside of them, onto a surface.
    pub(crate) fn draw(
        &mut self,
        gpu: &GpuDevice,
        batch: &mut Batch,
        tiles: &CoefficientTiles,
        regions: &[CopyRegion],
        surface: &Texture,
    ) -> Result<(), CompositorError> {
        let coefficients = tiles.coefficients();
        let mut first = 0;
        while first < tiles.tiles().len() {
            let (count, bounds) = band(&tiles.tiles()[first..]);
            let band = first..first + count;
            first = band.end;
            let mut shown = regions
                .iter()
                .filter_map(|region| cut(region, &bounds))
                .peekable();
            if shown.peek().is_none() {
                continue;
            }
            let instances: Vec<_> = tiles.tiles()[band.clone()]
                .iter()
                .map(|tile| instance(tile, &bounds))
                .collect();
            let coefficients =
                &coefficients[band.start * TILE_COEFFICIENTS..band.end * TILE_COEFFICIENTS];
            let buffers = grown(
                &mut self.buffers,
                &self.layout,
                gpu,
                instances.len(),
                bounds.size(),
            )?;
            let (tiles, coefficients) = (
                bytemuck::cast_slice(&instances),
                bytemuck::cast_slice(coefficients),
            );
            batch.upload_bytes(gpu, tiles, &buffers.tiles)?;
            batch.upload_bytes(gpu, coefficients, &buffers.coefficients)?;
            let encoder = batch.encoder(gpu);
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &buffers.group, &[]);
            pass.dispatch_workgroups(count as u32, 1, 1);
            drop(pass);
            let pitch = bounds.width() * BYTES_PER_PIXEL as u32;
            for region in shown {
                batch.copied.moved += bytes_of(region.source.size());
                let (x, y) = (
                    (region.source.left - bounds.left) as u64,
                    (region.source.top - bounds.top) as u64,
                );
                batch.encoder(gpu).copy_buffer_to_texture(
                    wgpu::TexelCopyBufferInfo {
                        buffer: &buffers.pixels,
                        layout: wgpu::TexelCopyBufferLayout {
                            offset: y * u64::from(pitch) + x * BYTES_PER_PIXEL as u64,
                            // A tile's row is as long as rows of copies must be multiples of.
                            bytes_per_row: Some(pitch),
                            rows_per_image: None,
                        },
                    },
                    surface.at(region.destination.x, region.destination.y),
                    extent(region.source.size()),
                );
            }
        }
        Ok(())
    }
}

/// Buffers for so many tiles that make a picture of `size`.
fn grown<'a>(
    kept: &'a mut Option<Buffers>,
    layout: &wgpu::BindGroupLayout,
    gpu: &GpuDevice,
    tiles: usize,
    size: Size,
) -> Result<&'a Buffers, CompositorError> {
    let wanted = [
        (tiles * size_of::<TileInstance>()) as u64,
        (tiles * TILE_COEFFICIENTS * size_of::<i16>()) as u64,
        bytes_of(size),
    ];
    let old = match kept.take() {
        Some(old) => {
            let sizes = [&old.tiles, &old.coefficients, &old.pixels].map(|buffer| buffer.size());
            if sizes
                .iter()
                .zip(wanted)
                .all(|(size, wanted)| *size >= wanted)
            {
                return Ok(kept.insert(old));
            }
            [old.tiles, old.coefficients, old.pixels].map(Some)
        }
        None => [None, None, None],
    };
    use wgpu::BufferUsages as Usages;
    let make = |old: Option<Counted<wgpu::Buffer>>, size, usage| match old {
        Some(old) if old.size() >= size => old,
        // What is too small goes before there is more.
        small => {
            drop(small);
            gpu.buffer(
                MemoryKind::Tiles,
                &wgpu::BufferDescriptor {
                    label: Some(TILES.name),
                    size,
                    usage: usage | Usages::STORAGE,
                    mapped_at_creation: false,
                },
            )
        }
    };
    let [tiles, coefficients, pixels] = old;
    let tiles = make(tiles, wanted[0], Usages::COPY_DST);
    let coefficients = make(coefficients, wanted[1], Usages::COPY_DST);
    let pixels = make(pixels, wanted[2], Usages::COPY_SRC);
    gpu.check()?;
    let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some(TILES.name),
        layout,
        entries: &[entry(0, &tiles), entry(1, &coefficients), entry(2, &pixels)],
    });
    Ok(kept.insert(Buffers {
        tiles,
        coefficients,
        pixels,
        group,
    }))
}

fn entry(binding: u32, buffer: &wgpu::Buffer) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry {
        binding,
        resource: buffer.as_entire_binding(),
    }
}

/// How many of the first tiles, whole rows of them, make a band, and the pixels around it.
fn band(tiles: &[CoefficientTile]) -> (usize, Rect) {
    let mut bounds = Rect::default();
    let mut count = 0;
    for row in tiles.chunk_by(|a, b| a.row == b.row) {
        let with_row = row
            .iter()
            .fold(bounds, |all, tile| all.union(&tile.place()));
        if count > 0 && bytes_of(with_row.size()) > BAND_BYTES {
            break;
        }
        bounds = with_row;
        count += row.len();
    }
    (count, bounds)
}

/// What of a region lies in a band.
fn cut(region: &CopyRegion, bounds: &Rect) -> Option<CopyRegion> {
    let source = region.source.intersect(bounds);
    let destination = oriel_codecs::Point::new(
        region.destination.x + source.left - region.source.left,
        region.destination.y + source.top - region.source.top,
    );
    (!source.is_empty()).then_some(CopyRegion {
        source,
        destination,
    })
}

fn instance(tile: &CoefficientTile, bounds: &Rect) -> TileInstance {
    let place = tile.place().translate(-bounds.left, -bounds.top);
    let pitch = bounds.width();
    TileInstance {
        place: place.top as u32 * pitch + place.left as u32,
        pitch,
        extrapolates: u32::from(tile.borders == Borders::ReduceExtrapolate),
        shifts: tile.shifts.map(|bands| {
            let mut words = [[0; 4]; 3];
            words.as_flattened_mut()[..bands.len()].copy_from_slice(&bands);
            words.map(u32::from_le_bytes)
        }),
    }
}
