//! Pixels and damage to graphics commands, by what the client can do and what a region holds.
//!
//! ```text
//!  damage ─▶ moves ──▶ compare with what ──▶ classify ─┬─▶ one colour: solid fill
//!            (copies)  the client shows      each tile ├─▶ few colours: ClearCodec, exact
//!                                                      ├─▶ many colours: progressive, in passes
//!                                                      └─▶ moves like video: AVC
//! ```
//!
//! What was sent with loss is sent exactly once it rests, as planar. Without AVC what moves goes the
//! way of pictures, and without the pipeline as RemoteFX, NSCodec or JPEG in surface commands,
//! whatever of these the client decodes; everything else is bitmaps then.
//!
//! The encoder keeps a picture of what the client shows. Damage is compared with it, so that a
//! source may claim too much, and hints of moved windows may be wrong.

mod avc;
mod content;
mod lossless;
mod pacing;
mod pictures;
mod tiles;

use std::time::{Duration, Instant};

use bytes::Bytes;
use oriel_codecs::{
    avc::AvcError,
    clearcodec::ClearCodecEncoder,
    geometry::{Point, Rect, Size},
    picture::{BYTES_PER_PIXEL, Picture},
    video::EncodeError,
};
use oriel_protocol::graphics::{
    Color, FrameId, GraphicsCommand, GraphicsTarget, PayloadCodec, SurfaceFormat, SurfaceId,
    SurfaceTarget,
};
use thiserror::Error;

pub use pacing::FramePacer;

use crate::source::{Damage, Move};
use avc::AvcPath;
use content::{Content, classify};
use lossless::{LosslessPath, MAX_DRAW, view};
use pictures::PicturePath;
use tiles::{Loss, TileGrid, TileUpdate};

/// The surface that the desktop is drawn on where the client has the graphics pipeline.
const SURFACE: SurfaceId = SurfaceId(1);

/// Text and plain colour that keep changing in no more pixels than this are sent exactly: a clock,
/// a line that is typed in haste. A first frame of video costs more than many of those.
const MAX_EXACT_MOVING_PX: u64 = 16 * (tiles::TILE_PX * tiles::TILE_PX) as u64;

/// What a client can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientGraphics {
    /// The graphics pipeline: planar, ClearCodec, copies, fills, frames.
    Pipeline {
        /// AVC420 as well.
        avc420: bool,
        /// AVC444v2 as well.
        avc444: bool,
        /// RemoteFX Progressive, else plain RemoteFX.
        progressive: bool,
    },
    /// Bitmap updates of 32 bits a pixel, and surface commands.
    Bitmaps(SurfaceTarget),
}

impl From<GraphicsTarget> for ClientGraphics {
    fn from(target: GraphicsTarget) -> Self {
        match target {
            GraphicsTarget::Pipeline {
                avc420,
                avc444,
                progressive,
                ..
            } => Self::Pipeline {
                avc420,
                avc444,
                progressive,
            },
            GraphicsTarget::Bitmaps(surface) => Self::Bitmaps(surface),
        }
    }
}

impl ClientGraphics {
    /// Bitmap updates and nothing else.
    pub const BITMAPS_ALONE: Self = Self::Bitmaps(SurfaceTarget {
        remote_fx: None,
        ns_codec: None,
        jpeg: false,
        max_payload_bytes: 0,
    });

    /// True without the graphics pipeline.
    pub fn is_bitmaps(&self) -> bool {
        matches!(self, Self::Bitmaps(_))
    }
}

/// What to encode as what, within what the client can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncodingPolicy {
    /// By what a region holds, with loss where it shows least: H.264 for what moves like video,
    /// ClearCodec for text, RemoteFX Progressive for pictures.
    #[default]
    Mixed,
    /// H.264 for everything, both views of 4:4:4 each time where the client takes them: what
    /// Windows does.
    WholeFrameAvc,
    /// Every pixel exact at once, as planar.
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
    /// Its caches last as long as the connection.
    clear: ClearCodecEncoder,
    pictures: Option<PicturePath>,
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
            clear: ClearCodecEncoder::new(),
            pictures: None,
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
        if self.client.is_bitmaps() {
            return;
        }
        if had_surface {
            out.push(GraphicsCommand::DeleteSurface { surface: SURFACE });
        }
        out.extend(GraphicsCommand::desktop(SURFACE, size));
    }

    fn forget(&mut self, size: Size) {
        // A fresh surface is black; so is the picture.
        self.shown = Picture::new(size);
        self.tiles = TileGrid::new(size);
        (self.avc, self.pictures) = match (self.policy, self.client) {
            (EncodingPolicy::Lossless, _) => (None, None),
            (_, ClientGraphics::Bitmaps(target)) => {
                (None, PicturePath::in_surface_commands(&target))
            }
            (
                _,
                ClientGraphics::Pipeline {
                    avc420,
                    avc444,
                    progressive,
                },
            ) => (
                AvcPath::for_client(avc420, avc444, size),
                Some(PicturePath::in_pipeline(progressive, size)),
            ),
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
        if !self.client.is_bitmaps() && self.policy != EncodingPolicy::WholeFrameAvc {
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
        let has_video = self.avc.is_some() || self.pictures.is_some();
        let mut exact = Vec::new();
        let mut moving = Vec::new();
        self.tiles
            .compare(now, &self.shown, pixels, &damage.rects, |update| {
                let TileUpdate { changed, hot } = update;
                match hot {
                    Some(hot) if has_video => moving.push((changed, hot)),
                    _ => exact.push(changed),
                }
            });
        let video = part_from_text(pixels, moving, &mut exact);
        let due = self.tiles.take_refinements(now);
        for rect in exact.iter().chain(&due.exact).chain(&video) {
            copy_rect(&mut self.shown, pixels, rect);
        }
        if let Some(path) = &mut self.pictures {
            path.refine(SURFACE, pixels, &due.next_pass, out);
        }
        if self.client.is_bitmaps() {
            exact.extend(due.exact);
            self.mark_exact(&exact);
            self.lossless.bitmaps(pixels, &exact, out);
        } else {
            self.draw_still(pixels, exact, due.exact, out);
        }
        if video.is_empty() {
            return Ok(());
        }
        let loss = match (&mut self.avc, &mut self.pictures) {
            (Some(avc), _) => {
                avc.encode(SURFACE, pixels, &video, false, out)?;
                Loss::Final
            }
            (None, Some(path)) => {
                let surface = if self.client.is_bitmaps() {
                    SurfaceId::PRIMARY
                } else {
                    SURFACE
                };
                path.draw(surface, pixels, &video, out)
            }
            (None, None) => Loss::Final,
        };
        for region in video {
            self.tiles.mark_lossy(region, loss);
        }
        Ok(())
    }

    /// What is sent in the pipeline and does not move: `changed` by what it holds, `again` exactly
    /// whatever it is.
    fn draw_still(
        &mut self,
        pixels: &Picture,
        changed: Vec<Rect>,
        again: Vec<Rect>,
        out: &mut Vec<GraphicsCommand>,
    ) {
        let mut fills: Vec<(Color, Vec<Rect>)> = Vec::new();
        let (mut text, mut rich, mut rough) = (Vec::new(), Vec::new(), Vec::new());
        let first_again = changed.len();
        for (index, rect) in changed.into_iter().chain(again).enumerate() {
            match classify(pixels, &rect) {
                Content::Flat(color) => match fills.iter_mut().find(|(other, _)| *other == color) {
                    Some((_, rects)) => rects.push(rect),
                    None => fills.push((color, vec![rect])),
                },
                Content::Text if self.policy != EncodingPolicy::Lossless => text.push(rect),
                Content::Picture if index < first_again && self.pictures.is_some() => {
                    rough.push(rect);
                }
                Content::Text | Content::Picture => rich.push(rect),
            }
        }
        for (color, rects) in fills {
            self.mark_exact(&rects);
            out.push(GraphicsCommand::SolidFill {
                surface: SURFACE,
                color,
                rects: tiles::merge(&rects, pixels.size()),
            });
        }
        self.mark_exact(&text);
        for rect in tiles::merge(&text, MAX_DRAW) {
            let mut payload = Vec::new();
            self.clear.encode(&view(pixels, &rect), &mut payload);
            out.push(draw(SURFACE, rect, PayloadCodec::ClearCodec, payload));
        }
        self.mark_exact(&rich);
        self.lossless.draw(SURFACE, pixels, &rich, out);
        if let Some(path) = &mut self.pictures {
            let loss = path.draw(SURFACE, pixels, &rough, out);
            for rect in rough {
                self.tiles.mark_lossy(rect, loss);
            }
        }
    }

    fn mark_exact(&mut self, rects: &[Rect]) {
        for rect in rects {
            self.tiles.mark_exact(rect);
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

/// Of what moves like video, tells by its `hot` rectangles what goes as video; what `changed` where
/// only a little text or plain colour does goes to `exact`.
fn part_from_text(pixels: &Picture, moving: Vec<(Rect, Rect)>, exact: &mut Vec<Rect>) -> Vec<Rect> {
    let (pictures, text): (Vec<_>, Vec<_>) = moving
        .into_iter()
        .partition(|(changed, _)| classify(pixels, changed) == Content::Picture);
    let text_area: u64 = text.iter().map(|(changed, _)| changed.size().area()).sum();
    let mut video: Vec<Rect> = pictures.into_iter().map(|(_, hot)| hot).collect();
    if text_area <= MAX_EXACT_MOVING_PX {
        exact.extend(text.into_iter().map(|(changed, _)| changed));
    } else {
        video.extend(text.into_iter().map(|(_, hot)| hot));
    }
    video
}

/// A drawing command.
fn draw(surface: SurfaceId, rect: Rect, codec: PayloadCodec, payload: Vec<u8>) -> GraphicsCommand {
    GraphicsCommand::Draw {
        surface,
        rect,
        codec,
        format: SurfaceFormat::Xrgb,
        payload: Bytes::from(payload),
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
