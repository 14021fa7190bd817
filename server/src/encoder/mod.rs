//! Pixels and damage to graphics commands, by what the client can do and what a region holds.
//!
//! ```text
//!  damage ─▶ moves ──▶ compare with what ──▶ classify ─┬─▶ one colour: solid fill
//!            (copies)  the client shows      each tile ├─▶ still: planar, exact
//!                                                      └─▶ moves like video: AVC, exact once it rests
//! ```
//!
//! The encoder keeps a picture of what the client shows. Damage is compared with it, so that a
//! source may claim too much, and hints of moved windows may be wrong.

mod avc;
mod lossless;
mod pacing;
mod tiles;

use std::time::{Duration, Instant};

use oriel_codecs::{
    avc::AvcError,
    geometry::{Point, Rect, Size},
    picture::{BYTES_PER_PIXEL, Picture},
    video::EncodeError,
};
use oriel_protocol::graphics::{Color, FrameId, GraphicsCommand, SurfaceFormat, SurfaceId};

use thiserror::Error;

pub use pacing::FramePacer;

use crate::source::{Damage, Move};
use avc::AvcPath;
use lossless::LosslessPath;
use tiles::{TileGrid, TileUpdate};

/// The surface that the desktop is drawn on where the client has the graphics pipeline.
const SURFACE: SurfaceId = SurfaceId(1);

/// What a client can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientGraphics {
    /// The graphics pipeline: planar, copies, fills, frames.
    Pipeline {
        /// AVC420 as well.
        avc420: bool,
        /// AVC444v2 as well.
        avc444: bool,
    },
    /// Bitmap updates of 32 bits a pixel, nothing else.
    Bitmaps,
}

/// What to encode as what, within what the client can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncodingPolicy {
    /// Planar for what rests, H.264 for what moves like video.
    #[default]
    Mixed,
    /// H.264 for everything, both views of 4:4:4 each time where the client takes them: what
    /// Windows does.
    WholeFrameAvc,
    /// Every pixel exact at once.
    Lossless,
}

/// Why a frame could not be encoded.
#[derive(Debug, Error)]
pub enum EncoderError {
    /// H.264 says no.
    #[error(transparent)]
    Video(#[from] EncodeError),
    /// The streams do not fit their wrapping.
    #[error(transparent)]
    Payload(#[from] AvcError),
}

/// Turns the desktop's changes into commands for one client.
#[derive(Debug)]
pub struct FrameEncoder {
    client: ClientGraphics,
    policy: EncodingPolicy,
    /// What the client shows. Where a tile is lossy, what it should show.
    shown: Picture,
    tiles: TileGrid,
    lossless: LosslessPath,
    avc: Option<AvcPath>,
    next_frame: u32,
}

impl FrameEncoder {
    /// An encoder for a client that shows nothing yet; [`start`](FrameEncoder::start) comes next.
    pub fn new(client: ClientGraphics, policy: EncodingPolicy) -> Self {
        Self {
            client,
            policy,
            shown: Picture::new(Size::default()),
            tiles: TileGrid::new(Size::default()),
            lossless: LosslessPath::default(),
            avc: None,
            next_frame: 1,
        }
    }

    /// The desktop's size, as the client knows it.
    pub fn size(&self) -> Size {
        self.shown.size()
    }

    /// Appends what a client must be told before the first frame and after a change of size: the
    /// output's size and the surface on it. A client without the pipeline learns its size from the
    /// connection.
    pub fn start(&mut self, size: Size, out: &mut Vec<GraphicsCommand>) {
        let had_surface = !self.shown.size().is_empty();
        self.forget(size);
        if self.client == ClientGraphics::Bitmaps {
            return;
        }
        if had_surface {
            out.push(GraphicsCommand::DeleteSurface { surface: SURFACE });
        }
        out.extend([
            GraphicsCommand::ResetGraphics {
                size,
                monitors: Vec::new(),
            },
            GraphicsCommand::CreateSurface {
                surface: SURFACE,
                size,
                format: SurfaceFormat::Xrgb,
            },
            GraphicsCommand::MapSurfaceToOutput {
                surface: SURFACE,
                origin: Point::default(),
            },
        ]);
    }

    fn forget(&mut self, size: Size) {
        // A fresh surface is black; so is the picture.
        self.shown = Picture::new(size);
        self.tiles = TileGrid::new(size);
        self.avc = match (self.client, self.policy) {
            (_, EncodingPolicy::Lossless) | (ClientGraphics::Bitmaps, _) => None,
            (ClientGraphics::Pipeline { avc420, avc444 }, _) => {
                AvcPath::for_client(avc420, avc444, size)
            }
        };
    }

    /// Appends one frame that makes the client show `pixels`, where it does not yet; returns its
    /// id, `None` where nothing was to be done.
    ///
    /// `pixels` has the size that the encoder was started with. `damage` covers all that changed
    /// since the last call. Call it with empty damage too once [`refinement_due`] says so.
    ///
    /// # Errors
    /// Where H.264 cannot be encoded. `out` is then as it was; the encoder goes on without H.264
    /// and sends the same region exactly the next time.
    ///
    /// [`refinement_due`]: FrameEncoder::refinement_due
    pub fn encode(
        &mut self,
        now: Instant,
        pixels: &Picture,
        damage: &Damage,
        out: &mut Vec<GraphicsCommand>,
    ) -> Result<Option<FrameId>, EncoderError> {
        debug_assert_eq!(pixels.size(), self.size());
        let start = out.len();
        let frame = FrameId(self.next_frame);
        out.push(GraphicsCommand::StartFrame { frame });
        let first = out.len();
        if self.client != ClientGraphics::Bitmaps && self.policy != EncodingPolicy::WholeFrameAvc {
            for step in &damage.moves {
                self.follow_move(step, pixels, out);
            }
        }
        let outcome = match self.policy {
            EncodingPolicy::WholeFrameAvc if self.avc.is_some() => {
                self.encode_whole(now, pixels, damage, out)
            }
            _ => self.encode_mixed(now, pixels, damage, out),
        };
        if let Err(error) = outcome {
            out.truncate(start);
            // What was marked as shown is not: all of it goes out again, without H.264.
            self.avc = None;
            self.tiles.invalidate_all();
            return Err(error);
        }
        if out.len() == first {
            out.truncate(start);
            return Ok(None);
        }
        out.push(GraphicsCommand::EndFrame { frame });
        self.next_frame = self.next_frame.wrapping_add(1);
        Ok(Some(frame))
    }

    /// The client has lost what it showed in these rectangles: they are sent again.
    pub fn invalidate(&mut self, rects: &[Rect]) {
        self.tiles.invalidate(rects);
    }

    /// How long until something that was sent with loss should be sent exactly; `None` where all
    /// is exact.
    pub fn refinement_due(&self, now: Instant) -> Option<Duration> {
        match self.policy {
            EncodingPolicy::WholeFrameAvc if self.avc.is_some() => None,
            _ => self.tiles.refinement_due(now),
        }
    }

    fn encode_whole(
        &mut self,
        now: Instant,
        pixels: &Picture,
        damage: &Damage,
        out: &mut Vec<GraphicsCommand>,
    ) -> Result<(), EncoderError> {
        let desktop = self.size().to_rect();
        let mut regions = Vec::new();
        self.tiles
            .compare(now, &self.shown, pixels, &damage.rects, |update| {
                regions.push(tiles::whole_blocks(&update.changed).intersect(&desktop));
            });
        for region in &regions {
            copy_rect(&mut self.shown, pixels, region);
        }
        match &mut self.avc {
            Some(avc) if !regions.is_empty() => avc.encode(SURFACE, pixels, &regions, true, out),
            _ => Ok(()),
        }
    }

    fn encode_mixed(
        &mut self,
        now: Instant,
        pixels: &Picture,
        damage: &Damage,
        out: &mut Vec<GraphicsCommand>,
    ) -> Result<(), EncoderError> {
        let has_video = self.avc.is_some();
        let mut exact = Vec::new();
        let mut video = Vec::new();
        self.tiles
            .compare(now, &self.shown, pixels, &damage.rects, |update| {
                let TileUpdate { changed, hot } = update;
                match hot {
                    Some(hot) if has_video => video.push(hot),
                    _ => exact.push(changed),
                }
            });
        for &region in &video {
            self.tiles.mark_lossy(region);
        }
        exact.extend(self.tiles.take_refinements(now));
        for rect in exact.iter().chain(&video) {
            copy_rect(&mut self.shown, pixels, rect);
        }
        for rect in &exact {
            self.tiles.mark_exact(rect);
        }
        match self.client {
            ClientGraphics::Bitmaps => self.lossless.bitmaps(pixels, &exact, out),
            ClientGraphics::Pipeline { .. } => self.lossless.draw(SURFACE, pixels, &exact, out),
        }
        match &mut self.avc {
            Some(avc) if !video.is_empty() => avc.encode(SURFACE, pixels, &video, false, out),
            _ => Ok(()),
        }
    }

    /// Has the client copy what moved, if most of it really did.
    fn follow_move(&mut self, step: &Move, pixels: &Picture, out: &mut Vec<GraphicsCommand>) {
        let desktop = self.size().to_rect();
        let target = step.target();
        if !desktop.contains_rect(&step.source)
            || !desktop.contains_rect(&target)
            || target == step.source
        {
            return;
        }
        let sampled = (0..target.height() as i32).step_by(5);
        let (mut same, mut rows) = (0, 0);
        for y in sampled {
            rows += 1;
            let before = row(&self.shown, &step.source, step.source.top + y);
            same += usize::from(before == row(pixels, &target, target.top + y));
        }
        if same * 2 < rows {
            return;
        }
        move_rect(&mut self.shown, &step.source, step.destination);
        self.tiles.follow_move(step);
        out.push(GraphicsCommand::SurfaceToSurface {
            source: SURFACE,
            destination: SURFACE,
            rect: step.source,
            points: vec![step.destination],
        });
    }
}

/// The pixels of `rect` in row `y` of a picture that holds them.
fn row<'a>(picture: &'a Picture, rect: &Rect, y: i32) -> &'a [u8] {
    let start = y as usize * picture.stride_bytes() + rect.left as usize * BYTES_PER_PIXEL;
    &picture.data()[start..start + rect.width() as usize * BYTES_PER_PIXEL]
}

/// Copies `rect` from one picture to the same place in another of the same size.
fn copy_rect(to: &mut Picture, from: &Picture, rect: &Rect) {
    let stride = to.stride_bytes();
    for y in rect.top..rect.bottom {
        let start = y as usize * stride + rect.left as usize * BYTES_PER_PIXEL;
        let source = row(from, rect, y);
        to.data_mut()[start..start + source.len()].copy_from_slice(source);
    }
}

/// Copies `rect` to another place in the same picture, as if it were read whole first.
fn move_rect(picture: &mut Picture, rect: &Rect, destination: Point) {
    let stride = picture.stride_bytes();
    let bytes = rect.width() as usize * BYTES_PER_PIXEL;
    let mut copy = |y: i32| {
        let from = (rect.top + y) as usize * stride + rect.left as usize * BYTES_PER_PIXEL;
        let to = (destination.y + y) as usize * stride + destination.x as usize * BYTES_PER_PIXEL;
        picture.data_mut().copy_within(from..from + bytes, to);
    };
    let height = rect.height() as i32;
    // Downwards the last row goes first: no row is overwritten before it was read.
    if destination.y > rect.top {
        (0..height).rev().for_each(&mut copy);
    } else {
        (0..height).for_each(&mut copy);
    }
}

/// The one colour of `rect`, where it has only one.
fn single_color(picture: &Picture, rect: &Rect) -> Option<Color> {
    let first = &row(picture, rect, rect.top)[..BYTES_PER_PIXEL];
    let is_single = (rect.top..rect.bottom).all(|y| {
        row(picture, rect, y)
            .chunks_exact(BYTES_PER_PIXEL)
            .all(|pixel| pixel == first)
    });
    is_single.then(|| Color {
        blue: first[0],
        green: first[1],
        red: first[2],
        alpha: 255,
    })
}
