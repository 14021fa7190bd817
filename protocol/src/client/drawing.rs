//! Which way of drawing the server is on: the graphics pipeline or everything from before it.
//!
//! Servers without the pipeline know no surfaces. They are given one, [`SurfaceId::PRIMARY`], when
//! a session starts. The pipeline's first `ResetGraphics` sweeps it away; if the pipeline closes
//! and bitmaps come all the same, it is made anew and starts with what the pipeline showed.

use std::collections::{BTreeMap, VecDeque};

use oriel_codecs::geometry::{Point, Size};

use super::ClientEvent;
use crate::graphics::{FrameId, GraphicsCommand, SurfaceFormat, SurfaceId};

/// Most frames whose origin is kept: far more than any server leaves unacknowledged.
const MAX_FRAMES: usize = 4096;

/// A surface of the pipeline.
#[derive(Clone, Copy, Debug)]
struct Surface {
    size: Size,
    /// Where it is shown, unscaled.
    shown_at: Option<Point>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Output {
    /// Nothing is drawn yet.
    #[default]
    Nothing,
    /// Bitmaps on the primary surface.
    Primary,
    /// The pipeline's surfaces.
    Pipeline,
}

/// What a frame came by, and so how it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameOrigin {
    /// Between frame markers among surface commands: `TS_FRAME_ACKNOWLEDGE_PDU`
    /// (`[MS-RDPRFX] 2.2.3.1`).
    SurfaceCommands,
    /// On the pipeline that is open now: `RDPGFX_FRAME_ACKNOWLEDGE_PDU`
    /// (`[MS-RDPEGFX] 2.2.2.13`).
    Pipeline,
}

/// Keeps the way of drawing.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    output: Output,
    desktop: Size,
    is_pipeline_open: bool,
    surfaces: BTreeMap<SurfaceId, Surface>,
    /// Frames that have ended and are not acknowledged, oldest first. Both ways of drawing number
    /// theirs as they like, so that an id alone does not tell whose it is. `None` is a frame of a
    /// pipeline that has closed.
    frames: VecDeque<(FrameId, Option<FrameOrigin>)>,
}

impl Drawing {
    /// Where a frame that is shown came from; `None` where nobody waits for its acknowledgement.
    pub(super) fn take_frame(&mut self, frame: FrameId) -> Option<FrameOrigin> {
        let index = self.frames.iter().position(|(known, _)| *known == frame)?;
        self.frames.remove(index)?.1
    }

    fn note_frame(&mut self, command: &GraphicsCommand, origin: FrameOrigin) {
        if let GraphicsCommand::EndFrame { frame } = command {
            if self.frames.len() == MAX_FRAMES {
                self.frames.pop_front();
            }
            self.frames.push_back((*frame, Some(origin)));
        }
    }

    /// Size of the desktop.
    pub(super) fn desktop(&self) -> Size {
        self.desktop
    }

    /// The session runs, for the first time or again, on a desktop of this size; `commands` show
    /// the surface for bitmaps.
    pub(super) fn activate(
        &mut self,
        desktop: Size,
        commands: impl IntoIterator<Item = GraphicsCommand>,
        events: &mut VecDeque<ClientEvent>,
    ) {
        if self.output == Output::Pipeline && self.is_pipeline_open {
            // The pipeline resets itself where the desktop's size has changed.
            return;
        }
        self.desktop = desktop;
        self.surfaces.clear();
        self.output = Output::Primary;
        events.extend(commands.into_iter().map(ClientEvent::Graphics));
    }

    /// Makes the surface for bitmaps out of what the pipeline showed last.
    fn take_over(&mut self, events: &mut VecDeque<ClientEvent>) {
        let surfaces = std::mem::take(&mut self.surfaces);
        self.output = Output::Primary;
        let mut emit = |command| events.push_back(ClientEvent::Graphics(command));
        emit(GraphicsCommand::CreateSurface {
            surface: SurfaceId::PRIMARY,
            size: self.desktop,
            format: SurfaceFormat::Xrgb,
        });
        for (&source, surface) in &surfaces {
            if let Some(origin) = surface.shown_at {
                emit(GraphicsCommand::SurfaceToSurface {
                    source,
                    destination: SurfaceId::PRIMARY,
                    rect: surface.size.to_rect(),
                    points: vec![origin],
                });
            }
        }
        emit(GraphicsCommand::MapSurfaceToOutput {
            surface: SurfaceId::PRIMARY,
            origin: Point::default(),
        });
        for surface in surfaces.into_keys() {
            emit(GraphicsCommand::DeleteSurface { surface });
        }
    }

    pub(super) fn open_pipeline(&mut self) {
        self.is_pipeline_open = true;
    }

    pub(super) fn close_pipeline(&mut self) {
        self.is_pipeline_open = false;
        for (_, origin) in &mut self.frames {
            origin.take_if(|origin| *origin == FrameOrigin::Pipeline);
        }
    }

    /// Passes on what the pipeline draws.
    pub(super) fn handle_pipeline(
        &mut self,
        command: GraphicsCommand,
        events: &mut VecDeque<ClientEvent>,
    ) {
        match &command {
            GraphicsCommand::ResetGraphics { size, .. } => {
                self.output = Output::Pipeline;
                self.desktop = *size;
                self.surfaces.clear();
            }
            GraphicsCommand::CreateSurface { surface, size, .. } => {
                let new = Surface {
                    size: *size,
                    shown_at: None,
                };
                self.surfaces.insert(*surface, new);
            }
            GraphicsCommand::DeleteSurface { surface } => {
                self.surfaces.remove(surface);
            }
            GraphicsCommand::MapSurfaceToOutput { surface, origin } => {
                if let Some(mapped) = self.surfaces.get_mut(surface) {
                    mapped.shown_at = Some(*origin);
                }
            }
            _ => {}
        }
        self.note_frame(&command, FrameOrigin::Pipeline);
        events.push_back(ClientEvent::Graphics(command));
    }

    /// Passes on what is drawn without the pipeline. True where that is a change of ways and the
    /// server should be asked to draw everything.
    pub(super) fn handle_bitmaps(
        &mut self,
        command: GraphicsCommand,
        events: &mut VecDeque<ClientEvent>,
    ) -> bool {
        let mut is_change = false;
        match self.output {
            Output::Nothing => return false,
            // What such servers mean by it is not known; their surfaces lie on top in any case.
            Output::Pipeline if self.is_pipeline_open => return false,
            Output::Pipeline => {
                is_change = true;
                self.take_over(events);
            }
            Output::Primary => {}
        }
        self.note_frame(&command, FrameOrigin::SurfaceCommands);
        events.push_back(ClientEvent::Graphics(command));
        is_change
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphics::FrameId;

    fn commands(events: &mut VecDeque<ClientEvent>) -> Vec<GraphicsCommand> {
        events
            .drain(..)
            .map(|event| match event {
                ClientEvent::Graphics(command) => command,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn the_picture_survives_the_end_of_the_pipeline() {
        let mut drawing = Drawing::default();
        let mut events = VecDeque::new();
        let desktop = Size::new(640, 480);
        let reset = GraphicsCommand::ResetGraphics {
            size: desktop,
            monitors: Vec::new(),
        };
        drawing.activate(desktop, [reset.clone()], &mut events);
        assert_eq!(commands(&mut events), [reset]);

        drawing.open_pipeline();
        let surface = SurfaceId(1);
        let origin = Point::new(10, 20);
        let size = Size::new(100, 50);
        for command in [
            GraphicsCommand::ResetGraphics {
                size: desktop,
                monitors: Vec::new(),
            },
            GraphicsCommand::CreateSurface {
                surface,
                size,
                format: SurfaceFormat::Xrgb,
            },
            GraphicsCommand::MapSurfaceToOutput { surface, origin },
        ] {
            drawing.handle_pipeline(command, &mut events);
        }
        events.clear();
        let start = GraphicsCommand::StartFrame { frame: FrameId(1) };
        assert!(!drawing.handle_bitmaps(start.clone(), &mut events));
        assert!(events.is_empty(), "the pipeline is the output");

        drawing.close_pipeline();
        assert!(drawing.handle_bitmaps(start.clone(), &mut events));
        assert_eq!(
            commands(&mut events),
            [
                GraphicsCommand::CreateSurface {
                    surface: SurfaceId::PRIMARY,
                    size: desktop,
                    format: SurfaceFormat::Xrgb,
                },
                GraphicsCommand::SurfaceToSurface {
                    source: surface,
                    destination: SurfaceId::PRIMARY,
                    rect: size.to_rect(),
                    points: vec![origin],
                },
                GraphicsCommand::MapSurfaceToOutput {
                    surface: SurfaceId::PRIMARY,
                    origin: Point::default(),
                },
                GraphicsCommand::DeleteSurface { surface },
                start.clone(),
            ]
        );
        assert!(!drawing.handle_bitmaps(start, &mut events), "once");
    }

    #[test]
    fn each_frame_is_acknowledged_the_way_it_came() {
        let mut drawing = Drawing::default();
        let mut events = VecDeque::new();
        let desktop = Size::new(640, 480);
        let end = |frame| GraphicsCommand::EndFrame {
            frame: FrameId(frame),
        };
        let reset = GraphicsCommand::ResetGraphics {
            size: desktop,
            monitors: Vec::new(),
        };
        drawing.activate(desktop, [], &mut events);
        drawing.handle_bitmaps(end(1), &mut events);
        drawing.open_pipeline();
        drawing.handle_pipeline(reset, &mut events);
        drawing.handle_pipeline(end(1), &mut events);
        drawing.handle_pipeline(end(2), &mut events);
        assert_eq!(
            drawing.take_frame(FrameId(1)),
            Some(FrameOrigin::SurfaceCommands),
            "shown before the pipeline's frame of the same id"
        );
        assert_eq!(drawing.take_frame(FrameId(1)), Some(FrameOrigin::Pipeline));
        assert_eq!(drawing.take_frame(FrameId(1)), None, "once");
        drawing.close_pipeline();
        drawing.handle_bitmaps(end(2), &mut events);
        assert_eq!(drawing.take_frame(FrameId(2)), None, "of a closed channel");
        assert_eq!(
            drawing.take_frame(FrameId(2)),
            Some(FrameOrigin::SurfaceCommands)
        );
    }

    #[test]
    fn a_reactivation_leaves_an_open_pipeline_alone() {
        let mut drawing = Drawing::default();
        let mut events = VecDeque::new();
        drawing.open_pipeline();
        let reset = GraphicsCommand::ResetGraphics {
            size: Size::new(640, 480),
            monitors: Vec::new(),
        };
        drawing.handle_pipeline(reset.clone(), &mut events);
        events.clear();
        drawing.activate(Size::new(800, 600), [reset], &mut events);
        assert!(events.is_empty());
    }
}
