//! The thread "oriel-render": applies what is decoded, shows it, and survives its compositor.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use oriel_codecs::{
    geometry::{Rect, Size},
    video::DecoderEvent,
};

use crate::{
    compositor::{ApplyError, Compositor, Damage, PresentTimes, Presentation, Presented, Scene},
    decode::{Batch, DecodeStage, FinishedFrame, Step, Turn},
    error::{CompositorError, RenderError},
    event::RenderEvent,
    factory::CompositorFactory,
    overlay::Layers,
    pace::{Pacer, When},
    renderer::{Mailbox, RendererConfig, Wishes},
    statistics::Recorder,
    tile_engine::{self, TileChoice},
    view::{Scaling, View},
};

/// After so long without a new picture there is time to draw better what was drawn in a hurry.
const REST: Duration = Duration::from_millis(120);

/// Attempts to show one picture in a window that keeps changing.
const PRESENT_ATTEMPTS: usize = 3;

/// Everything that belongs to the render thread.
pub(crate) struct RenderThread<E> {
    factory: CompositorFactory,
    stage: Arc<DecodeStage>,
    mailbox: Arc<Mailbox>,
    recorder: Arc<Recorder>,
    events: E,
    compositor: Box<dyn Compositor>,
    scene: Scene,
    layers: Layers,
    scaling: Scaling,
    tiles: TileChoice,
    view: View,
    /// What is composed and not yet shown.
    damage: Damage,
    /// Window pixels to be painted again for another reason.
    repaint: Damage,
    /// The whole window is to be painted again, once there is a picture or another reason.
    repaint_all: bool,
    /// The newest frame that is applied and not yet shown, and when it was applied.
    waiting: Option<(FinishedFrame, Instant)>,
    pacer: Pacer,
    /// What there is to show is held back until then.
    show_at: Option<Instant>,
    /// What showing the last picture took.
    showing: Duration,
    last_applied: Instant,
    has_announced_picture: bool,
    has_failed: bool,
}

impl<E: Fn(RenderEvent)> RenderThread<E> {
    pub(crate) fn new(
        config: RendererConfig,
        factory: CompositorFactory,
        stage: Arc<DecodeStage>,
        mailbox: Arc<Mailbox>,
        recorder: Arc<Recorder>,
        events: E,
    ) -> Result<Self, RenderError> {
        let compositor = factory.first()?;
        recorder.set_compositor(compositor.name(), compositor.adapter());
        stage.open_pictures(compositor.picture_taker());
        let view = *mailbox.view.lock();
        Ok(Self {
            factory,
            stage,
            mailbox,
            recorder,
            events,
            compositor,
            scene: Scene::new(config.limits),
            layers: Layers::default(),
            scaling: config.scaling,
            tiles: config.tiles,
            view,
            damage: Damage::new(),
            repaint: Damage::of(view.window().to_rect()),
            repaint_all: false,
            waiting: None,
            pacer: Pacer::new(),
            show_at: None,
            showing: Duration::ZERO,
            last_applied: Instant::now(),
            has_announced_picture: false,
            has_failed: false,
        })
    }

    /// Works until the last handle is gone.
    pub(crate) fn run(&mut self) {
        self.choose_tile_engine();
        loop {
            let wishes = self.wait();
            if wishes.stop {
                return;
            }
            if self.has_failed {
                continue;
            }
            if wishes.lose_device {
                self.recover(&CompositorError::DeviceLost("a test asked for it".into()));
            }
            let screenshots = self.take_wishes(wishes);
            loop {
                let is_all = self.apply_ready();
                if self.is_at_rest() || !screenshots.is_empty() {
                    self.refine();
                }
                self.show();
                if is_all || self.has_failed {
                    break;
                }
            }
            for screenshot in screenshots {
                match self.compositor.read_output() {
                    // The asker may have gone away.
                    Ok(picture) => drop(screenshot.send(picture)),
                    Err(error) => {
                        self.recover(&error);
                        if let Ok(picture) = self.compositor.read_output() {
                            drop(screenshot.send(picture));
                        }
                    }
                }
            }
        }
    }

    /// While a session connects, there is time to measure.
    fn choose_tile_engine(&mut self) {
        match tile_engine::choose(&self.tiles, &mut *self.compositor, &self.stage) {
            Ok(engine) => self.recorder.set_tile_engine(engine),
            Err(error) => self.recover(&error),
        }
    }

    /// Parks until there is something to do.
    fn wait(&self) -> Wishes {
        let refine_at = self
            .compositor
            .can_refine()
            .then(|| self.last_applied + REST);
        let until = [refine_at, self.show_at].into_iter().flatten().min();
        let until = until.filter(|_| !self.has_failed);
        let mut wishes = self.mailbox.wishes.lock();
        while !wishes.wake {
            match until {
                None => self.mailbox.signal.wait(&mut wishes),
                Some(until) => {
                    if self
                        .mailbox
                        .signal
                        .wait_until(&mut wishes, until)
                        .timed_out()
                    {
                        break;
                    }
                }
            }
        }
        std::mem::take(&mut wishes)
    }

    /// Nothing moves, and there is something to be drawn better.
    fn is_at_rest(&self) -> bool {
        self.compositor.can_refine() && self.last_applied.elapsed() >= REST
    }

    fn refine(&mut self) {
        self.scene.refine(&mut *self.compositor);
        self.compose();
    }

    fn compose(&mut self) {
        match self.scene.compose(&mut *self.compositor) {
            Ok(changed) => self.damage.add_all(changed),
            Err(error) => self.recover(&error),
        }
    }

    fn take_wishes(
        &mut self,
        wishes: Wishes,
    ) -> Vec<crossbeam_channel::Sender<oriel_codecs::Picture>> {
        if let Some(scaling) = wishes.scaling {
            self.scaling = scaling;
        }
        let window = wishes.resize.unwrap_or(self.view.window());
        if wishes.resize.is_some() || wishes.scaling.is_some() || wishes.redraw {
            self.set_view(self.view.desktop(), window);
            self.repaint = Damage::of(window.to_rect());
        }
        if let Some(interval) = wishes.refresh_interval {
            self.pacer.set_interval(interval);
        }
        if let Some(is_hidden) = wishes.hidden
            && is_hidden != self.pacer.is_hidden()
        {
            self.pacer.set_hidden(is_hidden);
            // The window system need not have kept what was there.
            self.repaint = Damage::of(self.view.window().to_rect());
        }
        if let Some(overlay) = wishes.overlay {
            let changed = self.layers.set_overlay(overlay);
            self.repaint_rects(changed);
        }
        if let Some(pointer) = wishes.pointer {
            let changed = self.layers.set_pointer(pointer, &self.view);
            self.repaint_rects(changed);
        }
        wishes.screenshots
    }

    fn repaint_rects(&mut self, rects: impl IntoIterator<Item = Rect>) {
        let window = self.view.window().to_rect();
        for rect in rects {
            self.repaint.add(rect.intersect(&window));
        }
    }

    fn set_view(&mut self, desktop: Size, window: Size) {
        self.view = View::new(desktop, window, self.scaling);
        *self.mailbox.view.lock() = self.view;
        self.repaint_all = true;
    }

    /// Applies what the decode stage has ready; false where there may be more.
    fn apply_ready(&mut self) -> bool {
        let started = Instant::now();
        while let Some(batch) = self.stage.next_batch() {
            let is_whole = batch.is_whole;
            self.apply(batch);
            let is_due = || self.pacer.is_due(started.elapsed(), self.showing);
            if (is_whole && is_due()) || self.has_failed {
                return false;
            }
        }
        true
    }

    fn apply(&mut self, mut batch: Batch) {
        let started = Instant::now();
        if !batch.is_whole
            && let Err(error) = self.compositor.hold_output()
        {
            self.recover(&error);
        }
        for event in batch.decoder_events {
            self.decoder_event(event);
        }
        for step in batch.steps.drain(..) {
            match step {
                Ok(step) => self.apply_step(&step),
                Err(error) => self.peer_error(error),
            }
        }
        self.stage.reuse(batch.steps);
        if batch.is_whole && !self.has_failed {
            self.compose();
        }
        self.recorder.copied(self.compositor.take_copied());
        self.recorder.memory(&self.compositor.memory());
        let applied = Instant::now();
        self.last_applied = applied;
        let drawn = batch.frame.filter(|_| batch.turn != Turn::Past);
        self.recorder.applied(started, applied, drawn.as_ref());
        if let Some(frame) = drawn
            && self.waiting.replace((frame, applied)).is_some()
        {
            self.recorder.replaced();
        }
        if let Some(frame) = batch.frame.filter(|_| batch.turn != Turn::Early) {
            self.frame_done(frame, applied);
        }
        if self.scene.output() != self.view.desktop() {
            self.has_announced_picture = false;
            self.set_view(self.scene.output(), self.view.window());
            (self.events)(RenderEvent::DesktopResized(self.scene.output()));
        }
        if batch.queue_drained {
            (self.events)(RenderEvent::QueueDrained);
        }
    }

    fn decoder_event(&self, event: DecoderEvent) {
        (self.events)(match event {
            DecoderEvent::Replaced { from, to, reason } => {
                RenderEvent::DecoderReplaced { from, to, reason }
            }
            DecoderEvent::KeyFrameWanted { from, reason } => {
                tracing::warn!(
                    from,
                    reason,
                    "a video decoder is lost until the next key frame"
                );
                RenderEvent::RefreshNeeded(vec![self.scene.output().to_rect()])
            }
        });
    }

    fn apply_step(&mut self, step: &Step) {
        match self.scene.apply(&mut *self.compositor, step) {
            Ok(()) => {}
            Err(ApplyError::Peer(error)) => self.peer_error(error),
            Err(ApplyError::Compositor(error)) => {
                self.recover(&error);
                // Once more with the new compositor: the step may have been a new surface, which
                // all that follows needs.
                match self.scene.apply(&mut *self.compositor, step) {
                    Ok(()) => {}
                    Err(ApplyError::Peer(error)) => self.peer_error(error),
                    Err(ApplyError::Compositor(error)) => self.fail(error.into()),
                }
            }
        }
    }

    /// Tells of a frame that is applied: the peer may send more, whenever the window takes this.
    fn frame_done(&self, frame: FinishedFrame, applied: Instant) {
        let depth = self.stage.depth();
        (self.events)(RenderEvent::FrameDone {
            frame: frame.frame,
            queue_depth: u32::try_from(depth.payload_bytes).unwrap_or(u32::MAX - 1),
            frames_queued: depth.frames,
            decode_us: microseconds(frame.decode),
            apply_us: microseconds(applied - frame.submitted),
        });
    }

    /// Shows what has changed, if it is time to.
    fn show(&mut self) {
        self.show_at = None;
        // A desktop that has nothing on it yet does not take the place of the last picture, unless
        // the window needs one.
        let is_blank = !self.scene.has_picture() && !self.scene.output().is_empty();
        let has_change = !self.repaint.is_empty() || (!self.damage.is_empty() && !is_blank);
        if has_change && !self.has_failed {
            let started = Instant::now();
            match self.pacer.when(started) {
                When::Now => self.show_now(started),
                When::At(at) => {
                    self.show_at = Some(at);
                    return;
                }
                When::Hidden => {}
            }
            if self.scene.has_picture() && !self.has_announced_picture {
                self.has_announced_picture = true;
                (self.events)(RenderEvent::FirstPicture);
            }
        }
        // What it changed is shown, or nobody sees it.
        self.waiting = None;
    }

    fn show_now(&mut self, started: Instant) {
        if std::mem::take(&mut self.repaint_all) {
            self.repaint = Damage::of(self.view.window().to_rect());
        }
        let mut times: Option<PresentTimes> = None;
        for attempt in 0..PRESENT_ATTEMPTS {
            match self.present() {
                Ok(Presented::Again) if attempt + 1 < PRESENT_ATTEMPTS => {
                    self.repaint = Damage::of(self.view.window().to_rect());
                }
                Ok(Presented::Shown(shown)) => {
                    times = Some(shown);
                    break;
                }
                Ok(Presented::Hidden | Presented::Again) => break,
                Err(error) => self.recover(&error),
            }
        }
        self.recorder.copied(self.compositor.take_copied());
        self.recorder.memory(&self.compositor.memory());
        self.damage.clear();
        self.repaint.clear();
        if let Some(times) = times {
            self.pacer.shown(started, &times);
        }
        self.showing = started.elapsed();
        let newest = self.waiting.as_ref();
        self.recorder.presented(
            started,
            times,
            newest.map(|(frame, applied)| (frame, *applied)),
        );
    }

    fn present(&mut self) -> Result<Presented, CompositorError> {
        self.compositor.present(&Presentation {
            view: self.view,
            damage: &self.damage,
            repaint: &self.repaint,
            layers: &self.layers.in_view(&self.view),
        })
    }

    /// Replaces a compositor that failed. Pixels are lost with it: the peer is asked for them.
    fn recover(&mut self, error: &CompositorError) {
        (self.events)(RenderEvent::Notice(format!(
            "the {} compositor failed and is replaced: {error}",
            self.compositor.name()
        )));
        // What decoders left with it may have been to blame.
        self.stage.close_pictures();
        let replacement = self
            .factory
            .replacement(error, &mut self.compositor)
            .and_then(|mut compositor| {
                self.scene.rebuild(&mut *compositor)?;
                Ok(compositor)
            });
        match replacement {
            Ok(compositor) => {
                self.compositor = compositor;
                self.stage.open_pictures(self.compositor.picture_taker());
                self.recorder
                    .set_compositor(self.compositor.name(), self.compositor.adapter());
                // What failed may have been that. What is decoded already is drawn by whoever it is.
                self.stage.keep_tiles_coded(None);
                self.recorder.set_tile_engine(None);
                self.repaint = Damage::of(self.view.window().to_rect());
                let whole = self.scene.output().to_rect();
                if !whole.is_empty() {
                    (self.events)(RenderEvent::RefreshNeeded(vec![whole]));
                }
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: RenderError) {
        if !self.has_failed {
            self.has_failed = true;
            (self.events)(RenderEvent::Failed(error));
        }
    }

    fn peer_error(&self, error: crate::error::PeerError) {
        self.recorder.peer_error();
        (self.events)(RenderEvent::PeerError(error));
    }
}

fn microseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}
