//! Makes compositors: the first one, and those that take over when one fails.

use std::sync::Arc;

use crate::{
    compositor::{Compositor, CpuCompositor},
    error::{CompositorError, RenderError},
    present::SoftwareWindow,
    renderer::{CompositorChoice, PresentTarget},
    window::WindowHandle,
};

/// Knows the window and what was asked for.
pub(crate) struct CompositorFactory {
    choice: CompositorChoice,
    window: Option<Arc<dyn WindowHandle>>,
}

impl CompositorFactory {
    pub(crate) fn new(
        choice: CompositorChoice,
        target: &PresentTarget,
    ) -> Result<Self, RenderError> {
        let window = match target {
            PresentTarget::Headless => None,
            PresentTarget::Window { window, .. } => Some(window.clone()),
        };
        Ok(Self { choice, window })
    }

    /// The compositor that was asked for, and what there is to say about it.
    pub(crate) fn first(&self) -> Result<Box<dyn Compositor>, RenderError> {
        match self.choice {
            CompositorChoice::Gpu => Err(RenderError::NoAdapter("not built in".into())),
            CompositorChoice::Auto | CompositorChoice::Cpu => self.cpu(),
        }
    }

    /// A compositor to take the place of one that failed, which is dropped first: a window takes
    /// pixels from one at a time.
    pub(crate) fn replacement(
        &self,
        _error: &CompositorError,
        failed: &mut Box<dyn Compositor>,
    ) -> Result<Box<dyn Compositor>, RenderError> {
        *failed = Box::new(CpuCompositor::new(None));
        self.cpu()
    }

    /// A compositor that needs no device.
    pub(crate) fn cpu(&self) -> Result<Box<dyn Compositor>, RenderError> {
        let window = self.window.as_ref().map(SoftwareWindow::new).transpose()?;
        Ok(Box::new(CpuCompositor::new(window)))
    }
}
