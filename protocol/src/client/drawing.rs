//! Which way of drawing the server is on: the graphics pipeline or everything from before it.
//!
//! Servers without the pipeline know no surfaces. They are given one, [`SurfaceId::PRIMARY`], when
//! a session starts. The pipeline's first `ResetGraphics` sweeps it away; if the pipeline closes
//! and bitmaps come all the same, it is made anew and starts with what the pipeline showed.

use std::collections::{BTreeMap, VecDeque};

use oriel_codecs::geometry::{Point, Size};

use super::ClientEvent;
use crate::graphics::{GraphicsCommand, SurfaceFormat, SurfaceId};

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

/// Keeps the way of drawing.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    output: Output,
    desktop: Size,
    is_pipeline_open: bool,
    surfaces: BTreeMap<SurfaceId, Surface>,
}

impl Drawing {
    /// True while the pipeline draws, or what it drew is still shown.
    pub(super) fn is_on_pipeline(&self) -> bool {
        self.output == Output::Pipeline
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
        assert!(drawing.is_on_pipeline(), "its last picture stays");
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
