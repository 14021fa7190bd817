//! A window's swapchain, and what is drawn into it.

use std::{fmt, sync::Arc, time::Instant};

use oriel_codecs::{geometry::Size, picture::Picture};
use oriel_shaders::ScaleUniform;

use super::{
    batch::{Batch, Reads, Target},
    device::{GpuDevice, Texture, texels_bytes},
    passes::{SURFACE_FORMAT, WindowPasses},
    staging::Rows,
};
use crate::{
    compositor::{
        Filter, MemoryKind, PresentTimes, Presentation, Presented, WindowLayer, copied::bytes_of,
        memory::MemoryTag,
    },
    error::{CompositorError, RenderError},
    pace::PresentChoice,
    window::WindowHandle,
};

/// A window as wgpu wants it: something that can be printed.
struct DisplayOf(Arc<dyn WindowHandle>);

impl fmt::Debug for DisplayOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayOf")
    }
}

impl raw_window_handle::HasDisplayHandle for DisplayOf {
    fn display_handle(
        &self,
    ) -> Result<raw_window_handle::DisplayHandle<'_>, raw_window_handle::HandleError> {
        self.0.display_handle()
    }
}

/// The graphics system, for a window or for none.
pub(crate) fn instance(window: Option<&Arc<dyn WindowHandle>>) -> wgpu::Instance {
    let mut descriptor = match window {
        Some(window) => {
            wgpu::InstanceDescriptor::new_with_display_handle(Box::new(DisplayOf(window.clone())))
        }
        None => wgpu::InstanceDescriptor::new_without_display_handle(),
    };
    if cfg!(windows) {
        // wgpu would take Vulkan where a driver has it. Direct3D 12 is what all of them have, and
        // what decoders' pictures have a way to.
        descriptor.backends.remove(wgpu::Backends::VULKAN);
    }
    wgpu::Instance::new(descriptor)
}

/// A window's surface, not yet tied to a device.
pub(crate) fn surface(
    instance: &wgpu::Instance,
    window: &Arc<dyn WindowHandle>,
) -> Result<wgpu::Surface<'static>, RenderError> {
    instance
        .create_surface(wgpu::SurfaceTarget::DisplayAndWindow(Box::new(
            window.clone(),
        )))
        .map_err(|error| RenderError::Window(error.to_string()))
}

/// A window that a device draws to.
pub(crate) struct GpuWindow {
    window: Arc<dyn WindowHandle>,
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
    is_configured: bool,
    memory: Option<MemoryTag>,
    painter: WindowPainter,
}

impl fmt::Debug for GpuWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GpuWindow")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl GpuWindow {
    pub(crate) fn new(
        gpu: &GpuDevice,
        window: Arc<dyn WindowHandle>,
        surface: wgpu::Surface<'static>,
    ) -> Result<Self, RenderError> {
        let capabilities = surface.get_capabilities(&gpu.adapter);
        let unusable = || RenderError::Window("the adapter cannot draw to the window".into());
        // Colours go through as they are: no format that converts.
        let format = capabilities
            .formats
            .iter()
            .copied()
            .filter(|format| !format.is_srgb())
            .min_by_key(|format| *format != SURFACE_FORMAT)
            .or(capabilities.formats.first().copied())
            .ok_or_else(unusable)?;
        let mut config = surface
            .get_default_config(&gpu.adapter, 1, 1)
            .ok_or_else(unusable)?;
        config.format = format;
        config.present_mode = present_mode(PresentChoice::Auto, &capabilities.present_modes);
        config.desired_maximum_frame_latency = 1;
        let view_format = format.remove_srgb_suffix();
        if view_format != format {
            config.view_formats.push(view_format);
        }
        Ok(Self {
            window,
            surface,
            config,
            is_configured: false,
            memory: None,
            painter: WindowPainter::new(gpu, view_format),
        })
    }

    /// Shows pictures in this way, or in the nearest that the window system has.
    pub(crate) fn set_present_choice(&mut self, gpu: &GpuDevice, choice: PresentChoice) {
        let capabilities = self.surface.get_capabilities(&gpu.adapter);
        self.config.present_mode = present_mode(choice, &capabilities.present_modes);
        self.is_configured = false;
    }

    /// Draws the output and what lies over it, and shows it.
    pub(crate) fn present(
        &mut self,
        gpu: &GpuDevice,
        batch: &mut Batch,
        output: &Texture,
        what: &Presentation<'_>,
    ) -> Result<Presented, CompositorError> {
        let size = what.view.window();
        if size.is_empty() || size.width.max(size.height) > gpu.max_side_px() {
            batch.submit(gpu);
            return Ok(Presented::Hidden);
        }
        let is_resized = (self.config.width, self.config.height) != (size.width, size.height);
        if !self.is_configured || is_resized {
            (self.config.width, self.config.height) = (size.width, size.height);
            // The whole device is waited for.
            let held = gpu.hold_all_queues();
            self.surface.configure(&gpu.device, &self.config);
            drop(held);
            // One is shown while others are drawn.
            let pictures = u64::from(self.config.desired_maximum_frame_latency) + 1;
            let bytes = pictures * texels_bytes(size, self.config.format);
            // The old ones first: they are gone.
            self.memory = None;
            self.memory = Some(gpu.memory.tag(MemoryKind::Window, bytes));
            self.is_configured = true;
            gpu.check()?;
        }
        let frame = match self.surface.get_current_texture() {
            wgpu::CurrentSurfaceTexture::Success(frame) => frame,
            wgpu::CurrentSurfaceTexture::Suboptimal(frame) => {
                self.is_configured = false;
                frame
            }
            wgpu::CurrentSurfaceTexture::Outdated => {
                self.is_configured = false;
                return Ok(Presented::Again);
            }
            wgpu::CurrentSurfaceTexture::Lost => {
                gpu.check()?;
                self.surface = surface(&gpu.instance, &self.window)
                    .map_err(|error| CompositorError::System(error.to_string()))?;
                self.is_configured = false;
                return Ok(Presented::Again);
            }
            wgpu::CurrentSurfaceTexture::Timeout | wgpu::CurrentSurfaceTexture::Occluded => {
                batch.submit(gpu);
                return Ok(Presented::Hidden);
            }
            wgpu::CurrentSurfaceTexture::Validation => {
                gpu.check()?;
                return Err(CompositorError::System("the window gave no texture".into()));
            }
        };
        let acquired = Instant::now();
        let view = frame.texture.create_view(&wgpu::TextureViewDescriptor {
            format: Some(self.painter.format),
            ..Default::default()
        });
        self.painter.paint(gpu, batch, output, what, &view)?;
        batch.submit(gpu);
        let submitted = Instant::now();
        let held = gpu.hold_queue();
        gpu.queue.present(frame);
        drop(held);
        gpu.check()?;
        Ok(Presented::Shown(PresentTimes {
            acquired,
            submitted,
            waits_for_blank: matches!(
                self.config.present_mode,
                wgpu::PresentMode::Fifo | wgpu::PresentMode::FifoRelaxed
            ),
        }))
    }
}

/// The way that comes nearest to a choice among those that there are. Every system has FIFO.
fn present_mode(choice: PresentChoice, modes: &[wgpu::PresentMode]) -> wgpu::PresentMode {
    use wgpu::PresentMode::{Fifo, Immediate, Mailbox};
    let wanted = match choice {
        // Mailbox shows the newest picture and does not make this thread wait for the screen.
        PresentChoice::Auto | PresentChoice::Mailbox => &[Mailbox][..],
        PresentChoice::Immediate => &[Immediate, Mailbox],
        PresentChoice::Fifo => &[],
    };
    let found = wanted.iter().find(|mode| modes.contains(mode));
    *found.unwrap_or(&Fifo)
}

/// Draws windows of one format.
#[derive(Debug)]
pub(crate) struct WindowPainter {
    format: wgpu::TextureFormat,
    passes: WindowPasses,
    /// Pictures that were over the desktop last time.
    uploaded: Vec<(Arc<Picture>, Texture)>,
}

impl WindowPainter {
    pub(crate) fn new(gpu: &GpuDevice, format: wgpu::TextureFormat) -> Self {
        Self {
            format,
            passes: WindowPasses::new(gpu, format),
            uploaded: Vec::new(),
        }
    }

    /// Paints all of a window.
    pub(crate) fn paint(
        &mut self,
        gpu: &GpuDevice,
        batch: &mut Batch,
        output: &Texture,
        what: &Presentation<'_>,
        window: &wgpu::TextureView,
    ) -> Result<(), CompositorError> {
        let view = &what.view;
        let target = Target {
            view: window,
            size: view.window(),
        };
        let bounds = view.window().to_rect();
        batch.clear(gpu, window, [0.0, 0.0, 0.0, 1.0]);
        let shown = view.viewport().intersect(&bounds);
        if !shown.is_empty() {
            batch.copied.shown += bytes_of(shown.size());
            let reads = Reads {
                textures: &[&output.view],
                origin: view.viewport().origin(),
                scale: Some(scale(view.desktop(), view.viewport().size())),
            };
            batch.draw_rects(gpu, &self.passes.scale, target, reads, &[shown]);
        }
        self.upload(gpu, batch, what.layers)?;
        for layer in what.layers {
            let covered = layer.rect().intersect(&bounds);
            if covered.is_empty() {
                continue;
            }
            let passes = [
                (layer.inverting.as_ref(), &self.passes.invert),
                (Some(&layer.picture), &self.passes.overlay),
            ];
            for (picture, pass) in passes {
                let Some(texture) = picture.and_then(|picture| self.texture_of(picture)) else {
                    continue;
                };
                let reads = Reads {
                    textures: &[&texture.view],
                    origin: layer.origin,
                    scale: None,
                };
                batch.draw_rects(gpu, pass, target, reads, &[covered]);
            }
        }
        Ok(())
    }

    /// Sees to it that the layers' pictures, and no others, are textures.
    fn upload(
        &mut self,
        gpu: &GpuDevice,
        batch: &mut Batch,
        layers: &[WindowLayer],
    ) -> Result<(), CompositorError> {
        let pictures = || {
            layers
                .iter()
                .flat_map(|layer| [Some(&layer.picture), layer.inverting.as_ref()])
                .flatten()
        };
        self.uploaded
            .retain(|(kept, _)| pictures().any(|picture| Arc::ptr_eq(picture, kept)));
        for picture in pictures() {
            let size = picture.size();
            let is_too_large = size.width.max(size.height) > gpu.max_side_px();
            if size.is_empty() || is_too_large || self.texture_of(picture).is_some() {
                continue;
            }
            let texture =
                gpu.pooled_texture(MemoryKind::Overlays, "overlay", size, SURFACE_FORMAT)?;
            let rows = Rows {
                data: picture.data(),
                stride_bytes: picture.stride_bytes(),
                bytes_per_pixel: 4,
            };
            batch.upload(gpu, rows, &size.to_rect(), &texture, Default::default())?;
            self.uploaded.push((picture.clone(), texture));
        }
        Ok(())
    }

    fn texture_of(&self, picture: &Arc<Picture>) -> Option<&Texture> {
        self.uploaded
            .iter()
            .find(|(kept, _)| Arc::ptr_eq(kept, picture))
            .map(|(_, texture)| texture)
    }
}

/// A picture of one size shown at another.
pub(crate) fn scale(source: Size, shown: Size) -> ScaleUniform {
    ScaleUniform {
        source_size: [source.width, source.height],
        shown_size: [shown.width, shown.height],
        is_cubic: u32::from(Filter::choose(source, shown) == Filter::Mitchell),
        padding: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wgpu::PresentMode::{Fifo, Immediate, Mailbox};

    #[test]
    fn pictures_tear_only_where_that_was_asked_for() {
        let all = [Fifo, Immediate, Mailbox];
        assert_eq!(present_mode(PresentChoice::Auto, &all), Mailbox);
        assert_eq!(present_mode(PresentChoice::Mailbox, &all), Mailbox);
        assert_eq!(present_mode(PresentChoice::Immediate, &all), Immediate);
        assert_eq!(present_mode(PresentChoice::Fifo, &all), Fifo);
        let without_mailbox = [Fifo, Immediate];
        assert_eq!(present_mode(PresentChoice::Auto, &without_mailbox), Fifo);
        assert_eq!(present_mode(PresentChoice::Immediate, &[Fifo]), Fifo);
    }
}
