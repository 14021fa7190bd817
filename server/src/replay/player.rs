//! Recordings on a stage, played to one client.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use oriel_codecs::geometry::{Point, Rect, Size};
use oriel_protocol::{
    graphics::{FrameId, GraphicsCommand, SurfaceFormat, SurfaceId},
    input::InputEvent,
};
use parking_lot::Mutex;

use super::recording::{Recording, mark};
use crate::frames::{ClientScreen, FrameSource, NextFrame};

/// Between two looks whether the performance has begun.
const CURTAIN_INTERVAL: Duration = Duration::from_millis(5);

/// When the next frame of a part is due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Never: the opening is all there is.
    Still,
    /// As soon as the client may be sent another.
    Flat,
    /// So many a second.
    Rate(f64),
    /// At once with each key and button that goes down.
    Input,
}

/// A recording, where it is shown, and when.
#[derive(Clone, Debug)]
pub struct Part {
    /// What is shown.
    pub recording: Arc<Recording>,
    /// Where its top left corner is.
    pub origin: Point,
    /// When.
    pub pace: Pace,
}

/// Everything that a client is shown. All parts are for one way of drawing.
#[derive(Clone, Debug)]
pub struct Stage {
    size: Size,
    parts: Vec<Part>,
}

impl Stage {
    /// A desktop of this size with these parts on it, which must not overlap.
    ///
    /// # Panics
    /// Where a part lies outside, or parts with and without the graphics pipeline are mixed.
    pub fn new(size: Size, parts: Vec<Part>) -> Self {
        for part in &parts {
            let rect = Rect::at(part.origin, part.recording.size());
            assert!(size.to_rect().contains_rect(&rect), "{rect:?} is outside");
            assert_eq!(
                part.recording.codec().is_pipeline(),
                parts[0].recording.codec().is_pipeline(),
                "one way of drawing"
            );
        }
        Self { size, parts }
    }

    /// One recording that fills the desktop.
    pub fn of(recording: Arc<Recording>, pace: Pace) -> Self {
        let part = Part {
            origin: Point::default(),
            pace,
            recording,
        };
        Self::new(part.recording.size(), vec![part])
    }

    /// Width and height of the desktop.
    pub fn size(&self) -> Size {
        self.size
    }

    /// True where it takes the graphics pipeline.
    pub fn is_pipeline(&self) -> bool {
        self.parts
            .iter()
            .any(|part| part.recording.codec().is_pipeline())
    }
}

/// What the owner of a replay tells its players, and learns of them.
#[derive(Debug, Default)]
pub struct ReplayControl {
    is_playing: AtomicBool,
    frames: AtomicU64,
    inputs: AtomicU64,
    refusal: Mutex<Option<String>>,
}

impl ReplayControl {
    /// Lets the parts that move by themselves move, or rest. At first they rest.
    pub fn play(&self, is_playing: bool) {
        self.is_playing.store(is_playing, Ordering::Relaxed);
    }

    /// Frames that went out, openings left out.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Keys and buttons that went down.
    pub fn inputs(&self) -> u64 {
        self.inputs.load(Ordering::Relaxed)
    }

    /// Why a client was shown nothing, if it was not.
    pub fn refusal(&self) -> Option<String> {
        self.refusal.lock().clone()
    }
}

/// A part, and how far it has come.
struct Playing {
    part: Part,
    recording: Recording,
    surface: SurfaceId,
    next: usize,
    due: Option<Instant>,
}

/// Plays a stage to one client.
pub(super) struct Player {
    size: Size,
    playing: Vec<Playing>,
    control: Arc<ReplayControl>,
    /// The client is there, can show it, and has not been sent the opening.
    must_open: bool,
    is_open: bool,
    pending_inputs: usize,
    next_frame: u32,
}

impl Player {
    pub(super) fn new(stage: &Stage, control: Arc<ReplayControl>) -> Self {
        let playing = stage.parts.iter().zip(1..).map(|(part, id)| {
            let mut recording = Recording::clone(&part.recording);
            let surface = if recording.codec().is_pipeline() {
                SurfaceId(id)
            } else {
                SurfaceId::PRIMARY
            };
            recording.place(surface, part.origin);
            Playing {
                part: part.clone(),
                recording,
                surface,
                next: 0,
                due: None,
            }
        });
        Self {
            size: stage.size,
            playing: playing.collect(),
            control,
            must_open: false,
            is_open: false,
            pending_inputs: 0,
            next_frame: 1,
        }
    }

    /// Everything, for a client that shows nothing.
    fn open(&mut self) -> Vec<GraphicsCommand> {
        let is_pipeline = self
            .playing
            .iter()
            .any(|p| p.recording.codec().is_pipeline());
        let mut commands = Vec::new();
        if is_pipeline {
            commands.push(GraphicsCommand::ResetGraphics {
                size: self.size,
                monitors: Vec::new(),
            });
            for playing in &self.playing {
                commands.push(GraphicsCommand::CreateSurface {
                    surface: playing.surface,
                    size: playing.recording.size(),
                    format: SurfaceFormat::Xrgb,
                });
                commands.push(GraphicsCommand::MapSurfaceToOutput {
                    surface: playing.surface,
                    origin: playing.part.origin,
                });
            }
        }
        let mut frame = Vec::new();
        for playing in &mut self.playing {
            playing.next = 0;
            playing.due = None;
            frame.extend_from_slice(playing.recording.opening());
        }
        mark(self.frame_id(), &mut frame);
        commands.append(&mut frame);
        commands
    }

    fn frame_id(&self) -> FrameId {
        FrameId(self.next_frame)
    }

    /// Which part's turn it is.
    fn choose(&mut self, now: Instant) -> Option<usize> {
        let is_playing = self.control.is_playing.load(Ordering::Relaxed);
        let by_input = |playing: &Playing| playing.part.pace == Pace::Input;
        if self.pending_inputs > 0
            && let Some(index) = self.playing.iter().position(by_input)
        {
            self.pending_inputs -= 1;
            return Some(index);
        }
        self.playing.iter_mut().position(|playing| {
            let is_due = match playing.part.pace {
                Pace::Still | Pace::Input => false,
                Pace::Flat => true,
                Pace::Rate(_) => playing.due.is_none_or(|due| due <= now),
            };
            is_playing && is_due
        })
    }

    /// How long until a part may move by itself.
    fn idle_for(&self, now: Instant) -> Option<Duration> {
        if self.pending_inputs > 0 {
            return Some(Duration::ZERO);
        }
        let is_playing = self.control.is_playing.load(Ordering::Relaxed);
        let waits = self.playing.iter().filter_map(|playing| {
            let wait = match playing.part.pace {
                Pace::Still | Pace::Input => return None,
                _ if !is_playing => CURTAIN_INTERVAL,
                Pace::Flat => Duration::ZERO,
                Pace::Rate(_) => playing
                    .due
                    .map_or(Duration::ZERO, |due| due.saturating_duration_since(now)),
            };
            Some(wait)
        });
        waits.min()
    }
}

impl FrameSource for Player {
    fn start(&mut self, screen: &ClientScreen) {
        let lacking = self
            .playing
            .iter()
            .map(|playing| playing.recording.codec())
            .find(|codec| !codec.suits(screen.graphics));
        let refusal = match lacking {
            Some(codec) => Some(format!(
                "the client took no {codec}, but {:?}",
                screen.graphics
            )),
            None if screen.size != self.size => Some(format!(
                "the client asked for {}x{}",
                screen.size.width, screen.size.height
            )),
            None => None,
        };
        self.must_open = refusal.is_none();
        self.is_open = false;
        *self.control.refusal.lock() = refusal;
    }

    /// The stage keeps its size.
    fn resize(&mut self, _size: Size, _scale_percent: u32) {}

    fn input(&mut self, event: &InputEvent) {
        let is_press = matches!(
            event,
            InputEvent::Key {
                is_pressed: true,
                ..
            } | InputEvent::Unicode {
                is_pressed: true,
                ..
            } | InputEvent::MouseButton {
                is_pressed: true,
                ..
            }
        );
        if is_press {
            self.control.inputs.fetch_add(1, Ordering::Relaxed);
            self.pending_inputs += 1;
        }
    }

    /// Some clients ask for everything once more when their window shows. What was sent is on its
    /// way to them.
    fn refresh(&mut self, _rects: &[Rect]) {}

    fn next_frame(&mut self, now: Instant) -> NextFrame {
        let commands = if std::mem::take(&mut self.must_open) {
            self.is_open = true;
            self.pending_inputs = 0;
            Some(self.open())
        } else if self.is_open {
            self.choose(now).map(|index| {
                let playing = &mut self.playing[index];
                if let Pace::Rate(rate) = playing.part.pace {
                    let interval = Duration::from_secs_f64(1.0 / rate);
                    let due = playing.due.unwrap_or(now) + interval;
                    // Frames that the client was too slow for are not made up for.
                    playing.due = Some(due.max(now));
                }
                let mut frame = playing.recording.frame(playing.next).to_vec();
                playing.next += 1;
                mark(self.frame_id(), &mut frame);
                self.control.frames.fetch_add(1, Ordering::Relaxed);
                frame
            })
        } else {
            None
        };
        let frame = commands.is_some().then(|| self.frame_id());
        self.next_frame = self.next_frame.wrapping_add(u32::from(frame.is_some()));
        NextFrame {
            commands: commands.unwrap_or_default(),
            frame,
            pointer: None,
            idle_for: if self.is_open {
                self.idle_for(now)
            } else {
                None
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use oriel_codecs::picture::Picture;

    use super::*;
    use crate::{
        encoder::{ClientGraphics, EncodingPolicy},
        replay::ReplayCodec,
    };

    const SIZE: Size = Size::new(128, 64);

    fn recording(codec: ReplayCodec) -> Arc<Recording> {
        let draw = |index| Picture::filled(SIZE, [index as u8 * 60, 9, 9, 255]);
        Arc::new(Recording::encode(codec, SIZE, 2, draw).unwrap())
    }

    fn screen(graphics: ClientGraphics) -> ClientScreen {
        ClientScreen {
            graphics,
            policy: EncodingPolicy::Mixed,
            size: SIZE,
            scale_percent: 100,
            max_pointer_px: 32,
            utc_offset_minutes: 0,
        }
    }

    const KEY: InputEvent = InputEvent::Unicode {
        unit: 97,
        is_pressed: true,
    };

    fn open(pace: Pace) -> (Player, Arc<ReplayControl>) {
        let control = Arc::<ReplayControl>::default();
        let stage = Stage::of(recording(ReplayCodec::Planar), pace);
        let mut player = Player::new(&stage, control.clone());
        player.start(&screen(ClientGraphics::Pipeline {
            avc420: false,
            avc444: false,
            progressive: true,
        }));
        assert!(player.next_frame(Instant::now()).frame.is_some());
        (player, control)
    }

    #[test]
    fn each_key_that_goes_down_is_one_frame_at_once() {
        let (mut player, control) = open(Pace::Input);
        let now = Instant::now();
        assert_eq!(player.next_frame(now).frame, None);
        player.input(&KEY);
        player.input(&KEY);
        assert_eq!(player.next_frame(now).idle_for, Some(Duration::ZERO));
        assert!(player.next_frame(now).frame.is_some());
        let third = player.next_frame(now);
        assert_eq!((third.frame, third.idle_for), (None, None));
        assert_eq!((control.inputs(), control.frames()), (2, 2));
    }

    #[test]
    fn a_rate_is_kept_and_nothing_moves_before_the_owner_says_so() {
        let (mut player, control) = open(Pace::Rate(10.0));
        let now = Instant::now();
        assert_eq!(player.next_frame(now).frame, None);
        control.play(true);
        assert!(player.next_frame(now).frame.is_some());
        let early = player.next_frame(now + Duration::from_millis(40));
        assert_eq!(early.frame, None);
        assert_eq!(early.idle_for, Some(Duration::from_millis(60)));
        let due = player.next_frame(now + Duration::from_millis(100));
        assert!(due.frame.is_some());
    }

    #[test]
    fn a_client_that_cannot_show_it_is_shown_nothing_and_the_owner_learns_why() {
        let control = Arc::<ReplayControl>::default();
        let stage = Stage::of(recording(ReplayCodec::Avc420), Pace::Flat);
        let mut player = Player::new(&stage, control.clone());
        player.start(&screen(ClientGraphics::BITMAPS_ALONE));
        assert_eq!(player.next_frame(Instant::now()).frame, None);
        assert!(control.refusal().is_some_and(|why| why.contains("avc420")));
    }

    #[test]
    fn parts_side_by_side_have_surfaces_of_their_own() {
        let part = |x| Part {
            recording: recording(ReplayCodec::Planar),
            origin: Point::new(x, 0),
            pace: Pace::Still,
        };
        let size = Size::new(256, 64);
        let stage = Stage::new(size, vec![part(0), part(128)]);
        let mut player = Player::new(&stage, Arc::default());
        player.start(&ClientScreen {
            size,
            ..screen(ClientGraphics::Pipeline {
                avc420: false,
                avc444: false,
                progressive: true,
            })
        });
        let opening = player.next_frame(Instant::now()).commands;
        let mapped: Vec<_> = opening
            .iter()
            .filter_map(|command| match command {
                GraphicsCommand::MapSurfaceToOutput { surface, origin } => {
                    Some((surface.0, origin.x))
                }
                _ => None,
            })
            .collect();
        assert_eq!(mapped, [(1, 0), (2, 128)]);
        let drawn: Vec<_> = opening
            .iter()
            .filter_map(|command| match command {
                GraphicsCommand::SolidFill { surface, .. } => Some(surface.0),
                _ => None,
            })
            .collect();
        assert_eq!(drawn, [1, 2]);
    }
}
