//! The renderer's handle.

use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use oriel_codecs::{geometry::Size, picture::Picture};
use oriel_protocol::graphics::GraphicsCommand;
use parking_lot::{Condvar, Mutex};

use crate::{
    compositor::SceneLimits,
    decode::{DecodeOptions, DecodeStage, DecoderPlan, QueueDepth},
    error::RenderError,
    event::RenderEvent,
    factory::CompositorFactory,
    overlay::{Overlay, PointerOverlay},
    pace::PresentChoice,
    render_thread::RenderThread,
    statistics::{Recorder, RenderStatistics},
    tile_engine::TileChoice,
    trace::Trace,
    view::{Scaling, View},
    window::WindowHandle,
};

/// Which compositor keeps the pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CompositorChoice {
    /// The GPU where there is a real one, else the CPU.
    #[default]
    Auto,
    /// The GPU, even one that is emulated on the CPU. Where there is none, starting fails.
    Gpu,
    /// The CPU.
    Cpu,
}

/// How to render.
#[derive(Clone, Debug, Default)]
pub struct RendererConfig {
    /// Which compositor.
    pub compositor: CompositorChoice,
    /// How pictures go to the screen.
    pub present: PresentChoice,
    /// How the desktop fills the window.
    pub scaling: Scaling,
    /// Bounds of the queue, and how many decode threads.
    pub decode: DecodeOptions,
    /// Which H.264 decoders there are to choose from.
    pub decoders: DecoderPlan,
    /// Who makes pixels of RemoteFX's tiles, where there is a choice.
    pub tiles: TileChoice,
    /// How much the peer may make this side keep.
    pub limits: SceneLimits,
    /// Where to write down what the threads do.
    pub trace: Option<Trace>,
}

/// Where the picture goes.
#[derive(Clone)]
pub enum PresentTarget {
    /// Nowhere: it is read back.
    Headless,
    /// To a window.
    Window {
        /// The window.
        window: Arc<dyn WindowHandle>,
        /// Its size in physical pixels.
        size: Size,
    },
}

impl std::fmt::Debug for PresentTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PresentTarget::Headless => f.write_str("Headless"),
            PresentTarget::Window { size, .. } => f
                .debug_struct("Window")
                .field("size", size)
                .finish_non_exhaustive(),
        }
    }
}

/// What the owner wants of the render thread: a mailbox, where the newest wish of a kind wins.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// Something is in the mailbox or in the decode stage.
    pub(crate) wake: bool,
    pub(crate) stop: bool,
    pub(crate) resize: Option<Size>,
    pub(crate) scaling: Option<Scaling>,
    pub(crate) redraw: bool,
    pub(crate) hidden: Option<bool>,
    pub(crate) refresh_interval: Option<Option<Duration>>,
    pub(crate) overlay: Option<Option<Overlay>>,
    pub(crate) pointer: Option<Option<PointerOverlay>>,
    pub(crate) screenshots: Vec<crossbeam_channel::Sender<Picture>>,
    pub(crate) lose_device: bool,
    /// Nobody reads the mailbox any more.
    is_closed: bool,
}

/// What the handle and the render thread share.
pub(crate) struct Mailbox {
    pub(crate) wishes: Mutex<Wishes>,
    pub(crate) signal: Condvar,
    pub(crate) view: Mutex<View>,
}

impl Mailbox {
    pub(crate) fn post(&self, write: impl FnOnce(&mut Wishes)) {
        let mut wishes = self.wishes.lock();
        write(&mut wishes);
        wishes.wake = true;
        drop(wishes);
        self.signal.notify_one();
    }
}

/// Closes the mailbox when the render thread ends, however it does: who waits for a screenshot
/// must not wait for ever.
struct CloseOnDrop(Arc<Mailbox>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        let mut wishes = self.0.wishes.lock();
        wishes.is_closed = true;
        wishes.screenshots.clear();
    }
}

/// A running renderer: decode threads, a render thread, and the window's picture.
///
/// Handles are cheap to clone. The threads end with the last handle, or with [`stop`](Self::stop).
#[derive(Clone)]
pub struct Renderer {
    inner: Arc<Inner>,
}

struct Inner {
    stage: Arc<DecodeStage>,
    mailbox: Arc<Mailbox>,
    recorder: Arc<Recorder>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Says once how opening the compositor went.
    opened: Receiver<Result<(), RenderError>>,
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renderer")
            .field("view", &*self.inner.mailbox.view.lock())
            .finish_non_exhaustive()
    }
}

impl Renderer {
    /// Starts the threads, and waits until the compositor is there and the window can be drawn to.
    ///
    /// On macOS this must be called on the main thread. On other systems the window is drawn to
    /// from the render thread alone.
    ///
    /// # Errors
    /// [`RenderError::NoAdapter`] where a GPU was asked for and there is none,
    /// [`RenderError::Window`] where the window cannot be drawn to.
    pub fn start(
        config: RendererConfig,
        target: PresentTarget,
        events: impl Fn(RenderEvent) + Send + Sync + 'static,
    ) -> Result<Self, RenderError> {
        let renderer = Self::spawn(config, target, events)?;
        renderer.wait_opened()?;
        Ok(renderer)
    }

    /// Starts the threads as [`start`](Self::start) does, and returns at once: a graphics driver
    /// takes its time, in which others need not wait. Commands may be submitted already; what became
    /// of the compositor, [`wait_opened`](Self::wait_opened) tells.
    ///
    /// # Errors
    /// [`RenderError::Thread`] where the system refuses threads.
    pub fn spawn(
        config: RendererConfig,
        target: PresentTarget,
        events: impl Fn(RenderEvent) + Send + Sync + 'static,
    ) -> Result<Self, RenderError> {
        let size = match &target {
            PresentTarget::Headless => Size::default(),
            PresentTarget::Window { size, .. } => *size,
        };
        let mailbox = Arc::new(Mailbox {
            wishes: Mutex::default(),
            signal: Condvar::new(),
            view: Mutex::new(View::new(Size::default(), size, config.scaling)),
        });
        let recorder = Arc::new(Recorder::new(config.trace.clone()));
        let waker = mailbox.clone();
        let decoders = config.decoders.clone();
        let wake = move || waker.post(|_| ());
        let stage = DecodeStage::start(config.decode, decoders, recorder.clone(), wake)
            .map_err(RenderError::Thread)?;
        let stage = Arc::new(stage);
        let factory = CompositorFactory::new(config.compositor, config.present, &target)
            .sharing(stage.tile_pool());
        let (tell, opened) = crossbeam_channel::bounded(1);
        let thread = {
            let (stage, mailbox, recorder) = (stage.clone(), mailbox.clone(), recorder.clone());
            std::thread::Builder::new()
                .name("oriel-render".into())
                .spawn(move || {
                    let _close = CloseOnDrop(mailbox.clone());
                    let thread =
                        RenderThread::new(config, factory, stage, mailbox, recorder, events);
                    match thread {
                        Ok(mut thread) => {
                            let _ = tell.send(Ok(()));
                            thread.run();
                        }
                        Err(error) => {
                            let _ = tell.send(Err(error));
                        }
                    }
                })
                .map_err(RenderError::Thread)?
        };
        let inner = Inner {
            stage,
            mailbox,
            recorder,
            thread: Mutex::new(Some(thread)),
            opened,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Waits until the compositor of a renderer that was [spawned](Self::spawn) is there. To be
    /// called once.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub fn wait_opened(&self) -> Result<(), RenderError> {
        self.inner.opened.recv().unwrap_or_else(|_| {
            let stopped = std::io::Error::other("the render thread ended at its start");
            Err(RenderError::Thread(stopped))
        })
    }

    /// Queues a command, or gives it back where the queue is full: [`RenderEvent::QueueDrained`]
    /// follows when there is room.
    pub fn try_submit(&self, command: GraphicsCommand) -> Result<(), GraphicsCommand> {
        self.inner.stage.try_submit(command)
    }

    /// The same for a command whose bytes came at `arrived`, from when on statistics count.
    pub fn try_submit_arrived(
        &self,
        command: GraphicsCommand,
        arrived: Instant,
    ) -> Result<(), GraphicsCommand> {
        self.inner.stage.try_submit_arrived(command, arrived)
    }

    /// What waits in the queue.
    pub fn queue_depth(&self) -> QueueDepth {
        self.inner.stage.depth()
    }

    /// Shows a picture over the desktop, or none.
    pub fn set_overlay(&self, overlay: Option<Overlay>) {
        self.post(|wishes| wishes.overlay = Some(overlay));
    }

    /// Draws the mouse pointer into the picture, or leaves it to the window system.
    pub fn set_pointer_overlay(&self, pointer: Option<PointerOverlay>) {
        self.post(|wishes| wishes.pointer = Some(pointer));
    }

    /// The window has a new size, in physical pixels.
    pub fn resize_target(&self, size: Size) {
        self.post(|wishes| wishes.resize = Some(size));
    }

    /// How the desktop fills the window from now on.
    pub fn set_scaling(&self, scaling: Scaling) {
        self.post(|wishes| wishes.scaling = Some(scaling));
    }

    /// Shows the whole picture again: the window system lost it.
    pub fn redraw(&self) {
        self.post(|wishes| wishes.redraw = true);
    }

    /// The window can be seen, or cannot: nothing is drawn into it then, and all of it when it is
    /// seen again. Frames are applied all the while.
    pub fn set_visible(&self, is_visible: bool) {
        self.post(|wishes| wishes.hidden = Some(!is_visible));
    }

    /// What lies between two refreshes of the window's screen; `None` where that is not known.
    pub fn set_refresh_interval(&self, interval: Option<Duration>) {
        self.post(|wishes| wishes.refresh_interval = Some(interval));
    }

    /// The desktop's pixels, as of the last whole frame, without overlay and pointer. The receiver
    /// gets one picture, or is disconnected where there is no more renderer.
    pub fn screenshot(&self) -> Receiver<Picture> {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        self.post(|wishes| {
            if !wishes.is_closed {
                wishes.screenshots.push(sender);
            }
        });
        receiver
    }

    /// The figures so far.
    pub fn statistics(&self) -> RenderStatistics {
        self.inner.recorder.snapshot()
    }

    /// Size of the desktop; empty until the peer has told it.
    pub fn desktop_size(&self) -> Size {
        self.view().desktop()
    }

    /// Where the desktop lies in the window.
    pub fn view(&self) -> View {
        *self.inner.mailbox.view.lock()
    }

    /// Ends the threads and waits for them; the window is free afterwards. Commands submitted
    /// later are never carried out.
    pub fn stop(&self) {
        self.inner.stop();
    }

    /// Makes the compositor lose its device, as a driver's crash would. For tests.
    #[doc(hidden)]
    pub fn simulate_device_loss(&self) {
        self.post(|wishes| wishes.lose_device = true);
    }

    fn post(&self, write: impl FnOnce(&mut Wishes)) {
        self.inner.mailbox.post(write);
    }
}

impl Inner {
    fn stop(&self) {
        self.mailbox.post(|wishes| wishes.stop = true);
        let Some(thread) = self.thread.lock().take() else {
            return;
        };
        // The last handle may be dropped by a taker of events, on the render thread itself.
        if thread.thread().id() != std::thread::current().id() {
            // A thread that panicked has said so on its own.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}
