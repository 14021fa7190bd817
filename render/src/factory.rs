//! Makes compositors: the first one, and those that take over when one fails.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    adapters::may_have_gpu,
    compositor::{Compositor, CpuCompositor, GpuCompositor},
    decode::tile_pool::TilePool,
    error::{CompositorError, RenderError},
    pace::PresentChoice,
    present::SoftwareWindow,
    renderer::{CompositorChoice, PresentTarget},
    window::WindowHandle,
};

/// A device that is lost more often than this in [`LOSS_WINDOW`] is not opened again.
const MAX_LOSSES: usize = 3;
const LOSS_WINDOW: Duration = Duration::from_secs(60);

/// Knows the window and what was asked for, and remembers what failed.
pub(crate) struct CompositorFactory {
    choice: CompositorChoice,
    present: PresentChoice,
    window: Option<Arc<dyn WindowHandle>>,
    pool: Option<Arc<TilePool>>,
    losses: Vec<Instant>,
}

impl CompositorFactory {
    pub(crate) fn new(
        choice: CompositorChoice,
        present: PresentChoice,
        target: &PresentTarget,
    ) -> Self {
        let window = match target {
            PresentTarget::Headless => None,
            PresentTarget::Window { window, .. } => Some(window.clone()),
        };
        Self {
            choice,
            present,
            window,
            pool: None,
            losses: Vec::new(),
        }
    }

    /// Lets compositors share threads with the decoders.
    pub(crate) fn sharing(mut self, pool: Arc<TilePool>) -> Self {
        self.pool = Some(pool);
        self
    }

    /// The compositor that was asked for. `Auto` takes the GPU only where it is one: emulated on
    /// the CPU, its colour conversion alone costs more than all of the CPU compositor's work.
    pub(crate) fn first(&self) -> Result<Box<dyn Compositor>, RenderError> {
        match self.choice {
            CompositorChoice::Gpu => self.gpu(),
            CompositorChoice::Cpu => self.cpu(),
            CompositorChoice::Auto if !may_have_gpu() => self.cpu(),
            CompositorChoice::Auto => self.gpu().or_else(|reason| {
                tracing::debug!(%reason, "no graphics device is used");
                self.cpu()
            }),
        }
    }

    /// A compositor to take the place of one that failed, which is dropped first: a window takes
    /// pixels from one at a time. A lost device is opened again, unless that happens all the time;
    /// one without memory is not.
    pub(crate) fn replacement(
        &mut self,
        error: &CompositorError,
        failed: &mut Box<dyn Compositor>,
    ) -> Result<Box<dyn Compositor>, RenderError> {
        let was_gpu = failed.adapter().is_some();
        *failed = Box::new(CpuCompositor::new(None));
        let now = Instant::now();
        self.losses
            .retain(|loss| now.duration_since(*loss) < LOSS_WINDOW);
        self.losses.push(now);
        let is_worth_it = match error {
            CompositorError::DeviceLost(_) | CompositorError::System(_) => {
                self.losses.len() <= MAX_LOSSES
            }
            CompositorError::OutOfMemory(_) => false,
        };
        if was_gpu && is_worth_it {
            self.gpu().or_else(|reason| {
                tracing::warn!(%reason, "the graphics device does not come back");
                self.cpu()
            })
        } else {
            self.cpu()
        }
    }

    fn gpu(&self) -> Result<Box<dyn Compositor>, RenderError> {
        let accept_emulated = self.choice == CompositorChoice::Gpu;
        let mut compositor = GpuCompositor::open(self.window.clone(), accept_emulated)?;
        compositor.set_present_choice(self.present);
        Ok(Box::new(compositor))
    }

    fn cpu(&self) -> Result<Box<dyn Compositor>, RenderError> {
        let window = self.window.as_ref().map(SoftwareWindow::new).transpose()?;
        let compositor = CpuCompositor::new(window);
        Ok(Box::new(match &self.pool {
            Some(pool) => compositor.sharing(pool.clone()),
            None => compositor,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headless(choice: CompositorChoice) -> CompositorFactory {
        CompositorFactory::new(choice, PresentChoice::default(), &PresentTarget::Headless)
    }

    fn after(error: &CompositorError, times: usize) -> Option<&'static str> {
        let mut factory = headless(CompositorChoice::Gpu);
        let mut compositor = match factory.first() {
            Ok(compositor) => compositor,
            Err(reason) => {
                println!("skipped: {reason}");
                return None;
            }
        };
        for _ in 0..times {
            compositor = factory
                .replacement(error, &mut compositor)
                .expect("the CPU at least");
        }
        Some(compositor.name())
    }

    #[test]
    fn a_device_without_memory_gives_way_to_the_cpu_at_once() {
        let error = CompositorError::OutOfMemory("a test says so".into());
        assert!(after(&error, 1).is_none_or(|name| name == "cpu"));
    }

    #[test]
    fn a_device_that_is_lost_again_and_again_gives_way_to_the_cpu() {
        let error = CompositorError::DeviceLost("a test says so".into());
        assert!(after(&error, 1).is_none_or(|name| name == "gpu"));
        assert!(after(&error, MAX_LOSSES + 1).is_none_or(|name| name == "cpu"));
    }

    #[test]
    fn without_being_asked_an_emulated_adapter_is_not_used() {
        let factory = headless(CompositorChoice::Auto);
        let compositor = factory.first().expect("the CPU at least");
        assert!(
            compositor
                .adapter()
                .is_none_or(|name| !name.contains("llvmpipe"))
        );
    }
}
