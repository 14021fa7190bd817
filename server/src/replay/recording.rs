//! Pictures, encoded once, to be sent as often as one likes.

use std::{fmt, str::FromStr, time::Instant};

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::Picture,
    progressive::{Pass, ProgressiveEncoder, ProgressiveEncoderOptions},
    remotefx::{RemoteFxEncoder, RemoteFxEncoderOptions},
};
use oriel_protocol::graphics::{
    CodecContextId, FrameId, GraphicsCommand, PayloadCodec, SurfaceFormat, SurfaceId,
};
use thiserror::Error;

use crate::{
    encoder::{ClientGraphics, EncoderError, EncodingPolicy, FrameEncoder},
    source::Damage,
};

/// What a recording is encoded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReplayCodec {
    /// Bitmap updates of 32 bits a pixel, in tiles of 64 by 64: no graphics pipeline.
    Bitmap,
    /// Planar on the graphics pipeline, and fills for what has one colour.
    Planar,
    /// RemoteFX on the graphics pipeline.
    RemoteFx,
    /// RemoteFX Progressive, each tile at full quality at once.
    Progressive,
    /// H.264 in 4:2:0.
    Avc420,
    /// H.264 in 4:4:4: both views with each frame.
    Avc444v2,
}

impl ReplayCodec {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Bitmap,
        Self::Planar,
        Self::RemoteFx,
        Self::Progressive,
        Self::Avc420,
        Self::Avc444v2,
    ];

    /// Its name in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bitmap => "bitmap",
            Self::Planar => "planar",
            Self::RemoteFx => "remotefx",
            Self::Progressive => "progressive",
            Self::Avc420 => "avc420",
            Self::Avc444v2 => "avc444v2",
        }
    }

    /// True for what needs the graphics pipeline.
    pub fn is_pipeline(self) -> bool {
        self != Self::Bitmap
    }

    /// True for H.264.
    pub fn is_h264(self) -> bool {
        matches!(self, Self::Avc420 | Self::Avc444v2)
    }

    /// True where a client that shows this much shows this codec.
    pub fn suits(self, graphics: ClientGraphics) -> bool {
        match (self, graphics) {
            (Self::Bitmap, graphics) => graphics.is_bitmaps(),
            (Self::Planar | Self::RemoteFx, graphics) => !graphics.is_bitmaps(),
            (Self::Progressive, ClientGraphics::Pipeline { progressive, .. }) => progressive,
            (Self::Avc420, ClientGraphics::Pipeline { avc420, .. }) => avc420,
            (Self::Avc444v2, ClientGraphics::Pipeline { avc444, .. }) => avc444,
            _ => false,
        }
    }

    fn encoder(self, size: Size) -> Encoder {
        let (client, policy) = match self {
            Self::Bitmap => (ClientGraphics::BITMAPS_ALONE, EncodingPolicy::Lossless),
            Self::Planar => (pipeline(false), EncodingPolicy::Lossless),
            Self::RemoteFx => {
                let encoder = RemoteFxEncoder::new(RemoteFxEncoderOptions::default());
                return Encoder::RemoteFx(encoder, Picture::new(size));
            }
            Self::Progressive => {
                // What a tile holds after a turn must not matter to the next.
                let options = ProgressiveEncoderOptions {
                    is_differencing: false,
                    ..ProgressiveEncoderOptions::default()
                };
                let encoder = Box::new(ProgressiveEncoder::new(size, options));
                return Encoder::Progressive(encoder, Picture::new(size));
            }
            Self::Avc420 => (pipeline(false), EncodingPolicy::WholeFrameAvc),
            Self::Avc444v2 => (pipeline(true), EncodingPolicy::WholeFrameAvc),
        };
        let mut encoder = FrameEncoder::new(client, policy);
        // The surface is made by the stage.
        encoder.start(size, &mut Vec::new());
        Encoder::Frames(Box::new(encoder))
    }
}

/// What makes a frame's commands of pictures.
enum Encoder {
    Frames(Box<FrameEncoder>),
    /// With the picture that the client shows.
    RemoteFx(RemoteFxEncoder, Picture),
    /// Likewise.
    Progressive(Box<ProgressiveEncoder>, Picture),
}

impl Encoder {
    /// What changed, or the whole.
    fn encode(
        &mut self,
        picture: Picture,
        is_whole: bool,
    ) -> Result<Vec<GraphicsCommand>, EncoderError> {
        let whole = picture.size().to_rect();
        let mut commands = Vec::new();
        match self {
            Self::Frames(encoder) => {
                if is_whole {
                    encoder.invalidate(&[whole]);
                }
                encoder.encode(Instant::now(), &picture, &Damage::of(whole), &mut commands)?;
                commands.retain(|command| !is_marker(command));
            }
            Self::RemoteFx(encoder, shown) => {
                let tiles = changed_tiles(shown, &picture, is_whole);
                let mut payload = Vec::new();
                encoder.encode(&picture.view(), &tiles, &mut payload);
                commands.push(draw(whole, PayloadCodec::RemoteFx, payload));
                *shown = picture;
            }
            Self::Progressive(encoder, shown) => {
                let tiles = changed_tiles(shown, &picture, is_whole);
                let mut payload = Vec::new();
                encoder.encode(&picture.view(), &tiles, Pass::Whole, &mut payload);
                let codec = PayloadCodec::Progressive(CodecContextId(1));
                commands.push(draw(whole, codec, payload));
                *shown = picture;
            }
        }
        Ok(commands)
    }
}

fn draw(rect: Rect, codec: PayloadCodec, payload: Vec<u8>) -> GraphicsCommand {
    GraphicsCommand::Draw {
        surface: SurfaceId(1),
        rect,
        codec,
        format: SurfaceFormat::Xrgb,
        payload: payload.into(),
    }
}

/// The tiles in which two pictures of one size differ, or all of them.
fn changed_tiles(before: &Picture, after: &Picture, is_whole: bool) -> Vec<Rect> {
    const TILE: Size = Size::new(64, 64);
    let whole = after.size().to_rect();
    let mut tiles = Vec::new();
    for y in (0..whole.bottom).step_by(TILE.height as usize) {
        for x in (0..whole.right).step_by(TILE.width as usize) {
            let tile = Rect::at(Point::new(x, y), TILE).intersect(&whole);
            let [before, after] = [before, after].map(|picture| picture.view().sub(&tile));
            let is_same = before.zip(after).is_some_and(|(before, after)| {
                (0..tile.height()).all(|row| before.row(row) == after.row(row))
            });
            if is_whole || !is_same {
                tiles.push(tile);
            }
        }
    }
    tiles
}

fn pipeline(avc444: bool) -> ClientGraphics {
    ClientGraphics::Pipeline {
        avc420: true,
        avc444,
        progressive: true,
    }
}

impl fmt::Display for ReplayCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ReplayCodec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.name() == text)
            .ok_or_else(|| format!("no codec {text}"))
    }
}

/// Why there is no recording.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// A picture could not be encoded.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// A picture has another size than the recording.
    #[error("picture {0} has another size")]
    Size(u32),
}

/// A loop of frames, each encoded on top of the one before.
#[derive(Clone, Debug)]
pub struct Recording {
    codec: ReplayCodec,
    size: Size,
    /// The first picture as a whole, for a client that shows nothing yet.
    opening: Vec<GraphicsCommand>,
    /// What follows, again and again.
    frames: Vec<Vec<GraphicsCommand>>,
}

impl Recording {
    /// Encodes a loop of `count` pictures, which `draw` makes by number. Each frame holds what
    /// changed; after the last comes the first again. The H.264 codecs begin each turn with a key
    /// frame of the whole picture, since there a picture builds on the very one before.
    ///
    /// # Errors
    /// Where a picture cannot be encoded.
    pub fn encode(
        codec: ReplayCodec,
        size: Size,
        count: u32,
        mut draw: impl FnMut(u32) -> Picture,
    ) -> Result<Self, RecordingError> {
        let mut encoder = codec.encoder(size);
        let mut frame = |index: u32, is_whole: bool| {
            let picture = draw(index);
            if picture.size() != size {
                return Err(RecordingError::Size(index));
            }
            Ok(encoder.encode(picture, is_whole)?)
        };
        let opening = frame(0, true)?;
        let mut frames = Vec::with_capacity(count as usize);
        for index in 1..count {
            frames.push(frame(index, false)?);
        }
        if codec.is_h264() {
            frames.push(opening.clone());
        } else if count > 1 {
            frames.push(frame(0, false)?);
        }
        Ok(Self {
            codec,
            size,
            opening,
            frames,
        })
    }

    /// What it is encoded with.
    pub fn codec(&self) -> ReplayCodec {
        self.codec
    }

    /// Width and height of its pictures.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Frames of a turn.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Encoded bytes of a turn.
    pub fn turn_bytes(&self) -> usize {
        self.frames.iter().flatten().map(payload_bytes).sum()
    }

    /// The payloads of a turn in order, the opening in front: what a decoder alone is fed with.
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        let all = self.opening.iter().chain(self.frames.iter().flatten());
        all.filter_map(|command| match command {
            GraphicsCommand::Draw { payload, .. } => Some(&payload[..]),
            _ => None,
        })
    }

    pub(super) fn opening(&self) -> &[GraphicsCommand] {
        &self.opening
    }

    pub(super) fn frame(&self, index: usize) -> &[GraphicsCommand] {
        &self.frames[index % self.frames.len()]
    }

    /// Moves what it draws to another surface, or, without surfaces, to another place.
    pub(super) fn place(&mut self, surface: SurfaceId, origin: Point) {
        let is_pipeline = self.codec.is_pipeline();
        let all = self.frames.iter_mut().flatten().chain(&mut self.opening);
        for command in all {
            match command {
                GraphicsCommand::Draw { rect, .. } if !is_pipeline => {
                    *rect = Rect::at(
                        Point::new(rect.left + origin.x, rect.top + origin.y),
                        rect.size(),
                    );
                }
                GraphicsCommand::Draw { surface: to, .. }
                | GraphicsCommand::SolidFill { surface: to, .. } => *to = surface,
                GraphicsCommand::SurfaceToSurface {
                    source,
                    destination,
                    ..
                } => {
                    *source = surface;
                    *destination = surface;
                }
                _ => {}
            }
        }
    }
}

fn is_marker(command: &GraphicsCommand) -> bool {
    matches!(
        command,
        GraphicsCommand::StartFrame { .. } | GraphicsCommand::EndFrame { .. }
    )
}

fn payload_bytes(command: &GraphicsCommand) -> usize {
    match command {
        GraphicsCommand::Draw { payload, .. } => payload.len(),
        _ => 0,
    }
}

/// Puts commands between a frame's markers.
pub(super) fn mark(frame: FrameId, commands: &mut Vec<GraphicsCommand>) {
    commands.insert(0, GraphicsCommand::StartFrame { frame });
    commands.push(GraphicsCommand::EndFrame { frame });
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(160, 96);

    fn picture(index: u32) -> Picture {
        let mut picture = Picture::filled(SIZE, [200, 180, 160, 255]);
        for (at, byte) in picture
            .data_mut()
            .iter_mut()
            .enumerate()
            .skip(4000)
            .take(400)
        {
            *byte = (at as u32 * (index + 3)) as u8;
        }
        picture
    }

    #[test]
    fn a_turn_has_as_many_frames_as_pictures_in_every_codec() {
        for codec in ReplayCodec::ALL {
            let recording = Recording::encode(codec, SIZE, 5, picture).unwrap();
            assert_eq!(recording.frames(), 5, "{codec}");
            assert!(
                recording.frames.iter().all(|frame| !frame.is_empty()),
                "{codec}"
            );
            assert_eq!(codec.name().parse(), Ok(codec));
        }
    }

    #[test]
    fn a_change_of_a_few_rows_is_not_the_whole_picture_again() {
        let recording = Recording::encode(ReplayCodec::Planar, SIZE, 3, picture).unwrap();
        let drawn = |commands: &[GraphicsCommand]| -> u64 {
            let rects = commands.iter().map(|command| match command {
                GraphicsCommand::Draw { rect, .. } => rect.size().area(),
                GraphicsCommand::SolidFill { rects, .. } => {
                    rects.iter().map(|rect| rect.size().area()).sum()
                }
                other => panic!("{other:?}"),
            });
            rects.sum()
        };
        assert_eq!(drawn(recording.opening()), SIZE.area());
        assert!(drawn(recording.frame(0)) < SIZE.area() / 2);
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let other = |_| Picture::new(Size::new(16, 16));
        let refused = Recording::encode(ReplayCodec::Planar, SIZE, 2, other);
        assert!(matches!(refused, Err(RecordingError::Size(0))));
    }
}
