//! Work that is recorded and not yet submitted.

use std::sync::Arc;

use bytemuck::Pod;
use oriel_codecs::{
    geometry::{Point, Rect, Size},
    video::YuvFrame,
};
use oriel_shaders::{FillInstance, PassUniform, RectInstance, ScaleUniform};

use super::{
    device::{GpuDevice, Texture},
    external::{self, ImportedPicture, PlaneKind},
    passes::Pass,
    staging::{Rows, StagingRing},
};
use crate::{
    compositor::{CopiedBytes, MemoryKind, memory::Counted},
    error::CompositorError,
};

/// Uniforms and instances of one submission.
const ARENA_BYTES: usize = 1 << 20;
/// Uniforms start at multiples of this on every device.
const UNIFORM_ALIGNMENT: usize = 256;
/// Instances of one draw; more become several draws.
const MAX_INSTANCES: usize = 4096;
/// Staged bytes after which work is submitted without being asked for, so that the device starts.
const SUBMIT_BYTES: u64 = 24 << 20;

/// Commands, and what they read: one submission.
#[derive(Debug)]
pub(crate) struct Batch {
    encoder: Option<wgpu::CommandEncoder>,
    /// Fills that nothing else came after: they become one draw, however many commands they are.
    fills: Vec<FillInstance>,
    /// Where they go.
    filled: Option<Filled>,
    staging: StagingRing,
    /// What the commands read of decoders' pictures.
    lent: Vec<YuvFrame>,
    /// Written to `buffer` when the work is submitted: no command reads it before.
    arena: Vec<u8>,
    buffer: Counted<wgpu::Buffer>,
    /// Since somebody took them.
    pub(crate) copied: CopiedBytes,
}

/// What fills are drawn with, and onto what. Handles, which are cheap to clone.
#[derive(Debug)]
struct Filled {
    pass: Pass,
    view: wgpu::TextureView,
    size: Size,
}

/// Where a draw goes.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) view: &'a wgpu::TextureView,
    pub(crate) size: Size,
}

impl<'a> From<&'a Texture> for Target<'a> {
    fn from(texture: &'a Texture) -> Self {
        Self {
            view: &texture.view,
            size: texture.size,
        }
    }
}

/// What a draw reads.
#[derive(Clone, Copy, Default)]
pub(crate) struct Reads<'a> {
    pub(crate) textures: &'a [&'a wgpu::TextureView],
    /// Where the textures' first pixel lies on the target.
    pub(crate) origin: Point,
    pub(crate) scale: Option<ScaleUniform>,
}

impl Batch {
    pub(crate) fn new(gpu: &GpuDevice) -> Self {
        Self {
            encoder: None,
            fills: Vec::new(),
            filled: None,
            staging: StagingRing::new(),
            lent: Vec::new(),
            arena: Vec::with_capacity(ARENA_BYTES),
            buffer: gpu.buffer(
                MemoryKind::Staging,
                &wgpu::BufferDescriptor {
                    label: Some("uniforms and instances"),
                    size: ARENA_BYTES as u64,
                    usage: wgpu::BufferUsages::UNIFORM
                        | wgpu::BufferUsages::VERTEX
                        | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                },
            ),
            copied: CopiedBytes::default(),
        }
    }

    /// The encoder, for copies.
    pub(crate) fn encoder(&mut self, gpu: &GpuDevice) -> &mut wgpu::CommandEncoder {
        self.draw_fills(gpu);
        encoder_of(&mut self.encoder, gpu)
    }

    /// Fills rectangles of the target with a colour, as red, green, blue, alpha from 0 to 1.
    pub(crate) fn fill(
        &mut self,
        gpu: &GpuDevice,
        pass: &Pass,
        target: Target<'_>,
        color: [f32; 4],
        rects: &[Rect],
    ) {
        let is_same = |filled: &Filled| filled.view == *target.view;
        if !self.filled.as_ref().is_some_and(is_same) || self.fills.len() >= MAX_INSTANCES {
            self.draw_fills(gpu);
            self.filled = Some(Filled {
                pass: pass.clone(),
                view: target.view.clone(),
                size: target.size,
            });
        }
        self.fills.extend(rects.iter().map(|rect| FillInstance {
            rect: edges(rect),
            color,
        }));
    }

    /// Draws the fills that wait: instances of one draw are drawn in order, one over the other.
    fn draw_fills(&mut self, gpu: &GpuDevice) {
        let Some(Filled { pass, view, size }) = self.filled.take() else {
            return;
        };
        let mut fills = std::mem::take(&mut self.fills);
        let target = Target { view: &view, size };
        self.draw(gpu, &pass, target, Reads::default(), &fills);
        fills.clear();
        self.fills = fills;
    }

    /// Copies the rectangle `from` of rows in memory to a place in a texture.
    pub(crate) fn upload(
        &mut self,
        gpu: &GpuDevice,
        rows: Rows<'_>,
        from: &Rect,
        texture: &Texture,
        to: Point,
    ) -> Result<(), CompositorError> {
        self.draw_fills(gpu);
        self.submit_if_large(gpu);
        self.copied.drawn += from.size().area() * rows.bytes_per_pixel as u64;
        let encoder = encoder_of(&mut self.encoder, gpu);
        self.staging
            .upload(gpu, encoder, rows, from, texture, (to.x, to.y))
    }

    /// Copies bytes to the front of a buffer.
    pub(crate) fn upload_bytes(
        &mut self,
        gpu: &GpuDevice,
        bytes: &[u8],
        buffer: &wgpu::Buffer,
    ) -> Result<(), CompositorError> {
        self.draw_fills(gpu);
        self.submit_if_large(gpu);
        self.copied.drawn += bytes.len() as u64;
        let encoder = encoder_of(&mut self.encoder, gpu);
        self.staging.upload_bytes(gpu, encoder, bytes, buffer)
    }

    /// Draws rectangles of the target.
    pub(crate) fn draw_rects(
        &mut self,
        gpu: &GpuDevice,
        pass: &Pass,
        target: Target<'_>,
        reads: Reads<'_>,
        rects: &[Rect],
    ) {
        let instances: Vec<_> = rects
            .iter()
            .map(|rect| RectInstance { rect: edges(rect) })
            .collect();
        self.draw(gpu, pass, target, reads, &instances);
    }

    /// Draws instances of whatever kind the pass takes.
    fn draw<T: Pod>(
        &mut self,
        gpu: &GpuDevice,
        pass: &Pass,
        target: Target<'_>,
        reads: Reads<'_>,
        instances: &[T],
    ) {
        self.draw_fills(gpu);
        for instances in instances.chunks(MAX_INSTANCES) {
            let bytes = size_of_val(instances);
            if self.arena.len() + bytes + 3 * UNIFORM_ALIGNMENT > ARENA_BYTES {
                self.submit(gpu);
            }
            let uniform = self.put(bytemuck::bytes_of(&PassUniform {
                target_size: [target.size.width as f32, target.size.height as f32],
                origin: [reads.origin.x, reads.origin.y],
            }));
            let scale = reads
                .scale
                .map(|scale| self.put(bytemuck::bytes_of(&scale)));
            let at = self.put(bytemuck::cast_slice(instances)) as u64;
            let binding = |offset: usize, bytes: usize| {
                wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &self.buffer,
                    offset: offset as u64,
                    size: wgpu::BufferSize::new(bytes as u64),
                })
            };
            let mut resources = vec![binding(uniform, size_of::<PassUniform>())];
            let textures = reads.textures.iter().copied();
            resources.extend(textures.map(wgpu::BindingResource::TextureView));
            resources.extend(scale.map(|offset| binding(offset, size_of::<ScaleUniform>())));
            let entries: Vec<_> = (0..)
                .zip(resources)
                .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
                .collect();
            let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pass.layout,
                entries: &entries,
            });
            let encoder = encoder_of(&mut self.encoder, gpu);
            let mut render = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: target.view,
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Load,
                        store: wgpu::StoreOp::Store,
                    },
                })],
                ..Default::default()
            });
            render.set_pipeline(&pass.pipeline);
            render.set_bind_group(0, &group, &[]);
            render.set_vertex_buffer(0, self.buffer.slice(at..at + bytes as u64));
            render.draw(0..4, 0..instances.len() as u32);
        }
    }

    /// One colour, as red, green, blue, alpha from 0 to 1, everywhere.
    pub(crate) fn clear(&mut self, gpu: &GpuDevice, view: &wgpu::TextureView, color: [f64; 4]) {
        let [r, g, b, a] = color;
        let encoder = self.encoder(gpu);
        // A pass that draws nothing still clears.
        encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color { r, g, b, a }),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
    }

    /// Hands the work to the device.
    pub(crate) fn submit(&mut self, gpu: &GpuDevice) {
        self.draw_fills(gpu);
        let Some(encoder) = self.encoder.take() else {
            return;
        };
        if !self.arena.is_empty() {
            gpu.queue.write_buffer(&self.buffer, 0, &self.arena);
            self.arena.clear();
        }
        self.staging.before_submit();
        let lent = std::mem::take(&mut self.lent);
        external::submit(gpu, &lent, encoder.finish());
        if !lent.is_empty() {
            // Decoders get their pictures back once the device has read them.
            gpu.queue.on_submitted_work_done(move || drop(lent));
        }
        self.staging.after_submit(gpu);
    }

    /// Copies rectangles of a decoder's picture, in its planes' samples, to the planes of a view.
    pub(crate) fn copy_imported(
        &mut self,
        gpu: &GpuDevice,
        frame: &YuvFrame,
        copies: &[(PlaneKind, Rect, &Texture)],
    ) {
        let Some(picture) = ImportedPicture::of(frame, gpu) else {
            return;
        };
        let is_lent_alone = |lent: &YuvFrame| {
            ImportedPicture::of(lent, gpu).is_some_and(ImportedPicture::is_submitted_alone)
        };
        if picture.is_submitted_alone() && self.lent.iter().any(is_lent_alone) {
            self.submit(gpu);
        }
        self.draw_fills(gpu);
        // From here on nothing submits: what is lent and what is copied belong to one submission.
        let is_same = |lent: &YuvFrame| match (lent.device_picture(), frame.device_picture()) {
            (Some(lent), Some(picture)) => Arc::ptr_eq(lent, picture),
            _ => false,
        };
        if !self.lent.iter().any(is_same) {
            self.lent.push(frame.clone());
        }
        let encoder = encoder_of(&mut self.encoder, gpu);
        for (kind, rect, texture) in copies {
            picture.copy(encoder, *kind, rect, texture);
        }
    }

    fn submit_if_large(&mut self, gpu: &GpuDevice) {
        if self.staging.pending_bytes() > SUBMIT_BYTES {
            self.submit(gpu);
        }
    }

    /// Puts bytes into the arena, where there is room; returns where.
    fn put(&mut self, bytes: &[u8]) -> usize {
        let at = self.arena.len();
        self.arena.extend_from_slice(bytes);
        self.arena
            .resize(self.arena.len().next_multiple_of(UNIFORM_ALIGNMENT), 0);
        at
    }
}

fn encoder_of<'a>(
    encoder: &'a mut Option<wgpu::CommandEncoder>,
    gpu: &GpuDevice,
) -> &'a mut wgpu::CommandEncoder {
    encoder.get_or_insert_with(|| {
        gpu.device
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    })
}

/// A rectangle as instances have it.
pub(crate) fn edges(rect: &Rect) -> [f32; 4] {
    [rect.left, rect.top, rect.right, rect.bottom].map(|edge| edge as f32)
}
