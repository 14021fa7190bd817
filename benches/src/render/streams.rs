//! Streams of commands: what our server makes of moving pictures, and what programs do with copies,
//! caches and fills.

use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use oriel_codecs::{Point, Rect, Size};
use oriel_protocol::graphics::{
    CacheSlot, Color, FrameId, GraphicsCommand, PayloadCodec, SurfaceFormat, SurfaceId,
};
use oriel_server::{
    content::{Content, FRAMES_PER_SECOND, Scene, picture},
    encoder::{ClientGraphics, EncodingPolicy, FrameEncoder},
    source::Damage,
};

use super::floor::MustMove;

const SURFACE: SurfaceId = SurfaceId(1);
/// Rows that a page scrolls by.
const SCROLLED_PX: i32 = 18;
/// Side of what an interface keeps in the cache: icons, buttons, parts of a frame.
const TILE_PX: i32 = 64;
const TILES: i32 = 8;
/// Small rectangles a frame: fills, and pixels.
const SMALL_FILLS: i32 = 500;
const SMALL_BLOCKS: i32 = 200;
const SMALL_PX: i32 = 16;

/// Frames of commands for a desktop of its own.
pub struct Stream {
    /// For the table.
    pub name: &'static str,
    /// Makes the desktop.
    pub setup: Vec<GraphicsCommand>,
    /// The frames, each with its start and end.
    pub frames: Vec<Vec<GraphicsCommand>>,
}

impl Stream {
    /// All streams for a screen.
    pub fn all(size: Size, frames: u32) -> anyhow::Result<Vec<Self>> {
        let client = |avc420, avc444| ClientGraphics::Pipeline {
            avc420,
            avc444,
            progressive: true,
        };
        let whole = EncodingPolicy::WholeFrameAvc;
        let mixed = EncodingPolicy::Mixed;
        let (video, photo) = (Content::Video, Content::Photo);
        Ok(vec![
            encoded(
                "AVC420 film",
                video,
                client(true, false),
                whole,
                size,
                frames,
            )?,
            encoded(
                "AVC444v2 film",
                video,
                client(true, true),
                whole,
                size,
                frames,
            )?,
            encoded(
                "progressive, a photo panned",
                photo,
                client(false, false),
                mixed,
                size,
                frames,
            )?,
            by_hand("scrolling by copies", size, frames, scroll),
            by_hand("an interface from the cache", size, frames, cached),
            by_hand("many small rectangles", size, frames, small),
        ])
    }

    /// Bytes that a frame cannot do without moving, on average.
    pub fn must_move_bytes(&self) -> f64 {
        let mut floor = MustMove::default();
        let commands = self.frames.iter().flatten();
        let bytes: u64 = commands.map(|command| floor.bytes(command)).sum();
        bytes as f64 / self.frames.len() as f64
    }
}

fn encoded(
    name: &'static str,
    content: Content,
    client: ClientGraphics,
    policy: EncodingPolicy,
    size: Size,
    frames: u32,
) -> anyhow::Result<Stream> {
    let mut encoder = FrameEncoder::new(client, policy);
    let mut setup = Vec::new();
    encoder.start(size, &mut setup);
    let mut scene = Scene::new(content, size, 1);
    let damage = Damage::of(size.to_rect());
    let start = Instant::now();
    let frames = (0..frames).map(|number| {
        let mut commands = Vec::new();
        let now = start + Duration::from_secs(1) * number / FRAMES_PER_SECOND;
        let pixels = scene.picture(number.into());
        encoder.encode(now, &pixels, &damage, &mut commands)?;
        anyhow::Ok(commands)
    });
    let frames: Result<_, _> = frames.collect();
    Ok(Stream {
        name,
        setup,
        frames: frames.with_context(|| format!("the stream {name}"))?,
    })
}

/// The commands of a frame, from its number and the desktop's size.
type Draw = fn(u32, Size) -> Vec<GraphicsCommand>;

/// A stream that starts with a page of text.
fn by_hand(name: &'static str, size: Size, frames: u32, draw: Draw) -> Stream {
    let framed = |number: u32, commands: Vec<GraphicsCommand>| {
        let frame = FrameId(number + 1);
        let mut framed = vec![GraphicsCommand::StartFrame { frame }];
        framed.extend(commands);
        framed.push(GraphicsCommand::EndFrame { frame });
        framed
    };
    let page = picture(Content::Text, size, 0).into_data();
    let mut setup = Vec::from(GraphicsCommand::desktop(SURFACE, size));
    setup.push(pixels(size.to_rect(), page.into()));
    let frames = (0..frames).map(|number| framed(number, draw(number, size)));
    Stream {
        name,
        setup,
        frames: frames.collect(),
    }
}

fn pixels(rect: Rect, bgra: Bytes) -> GraphicsCommand {
    GraphicsCommand::Draw {
        surface: SURFACE,
        rect,
        codec: PayloadCodec::Uncompressed,
        format: SurfaceFormat::Xrgb,
        payload: bgra,
    }
}

fn shades(area: u64, seed: u32) -> Bytes {
    let pixel = |at: u64| (at as u32).wrapping_mul(0x9E37_79B9).wrapping_add(seed) | 0xFF00_0000;
    (0..area).flat_map(|at| pixel(at).to_le_bytes()).collect()
}

/// A page moves up and shows a few new lines below.
fn scroll(number: u32, size: Size) -> Vec<GraphicsCommand> {
    let (width, height) = (size.width as i32, size.height as i32);
    let below = Rect::new(0, height - SCROLLED_PX, width, height);
    vec![
        GraphicsCommand::SurfaceToSurface {
            source: SURFACE,
            destination: SURFACE,
            rect: Rect::new(0, SCROLLED_PX, width, height),
            points: vec![Point::default()],
        },
        pixels(below, shades(below.size().area(), number)),
    ]
}

/// Tiles are kept, and drawn over most of the screen.
fn cached(number: u32, size: Size) -> Vec<GraphicsCommand> {
    let (columns, rows) = (size.width as i32 / TILE_PX, size.height as i32 / TILE_PX);
    let mut commands = Vec::new();
    for tile in 0..TILES {
        let slot = CacheSlot(tile as u16 + 1);
        let corner = Point::new(
            (number as i32 * 7 + tile * TILE_PX) % (columns * TILE_PX / 2),
            0,
        );
        let side = Size::new(TILE_PX as u32, TILE_PX as u32);
        commands.push(GraphicsCommand::SurfaceToCache {
            surface: SURFACE,
            key: u64::from(number) * TILES as u64 + tile as u64,
            slot,
            rect: Rect::at(corner, side),
        });
    }
    for tile in 0..TILES {
        let places = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
        let mine = places.filter(|(x, y)| (x + y * 3) % TILES == tile);
        commands.push(GraphicsCommand::CacheToSurface {
            slot: CacheSlot(tile as u16 + 1),
            surface: SURFACE,
            points: mine
                .map(|(x, y)| Point::new(x * TILE_PX, y * TILE_PX))
                .collect(),
        });
    }
    commands
}

/// Fills and blocks of pixels all over the screen.
fn small(number: u32, size: Size) -> Vec<GraphicsCommand> {
    let side = Size::new(SMALL_PX as u32, SMALL_PX as u32);
    let place = |index: i32| {
        let at = index
            .wrapping_mul(7919)
            .wrapping_add(number as i32 * 104_729)
            & 0x7FFF_FFFF;
        let x = at % (size.width as i32 - SMALL_PX);
        let y = at / 613 % (size.height as i32 - SMALL_PX);
        Rect::at(Point::new(x, y), side)
    };
    let fills = (0..SMALL_FILLS).map(|index| GraphicsCommand::SolidFill {
        surface: SURFACE,
        color: Color {
            blue: index as u8,
            green: number as u8,
            red: 90,
            alpha: 255,
        },
        rects: vec![place(index)],
    });
    let block = shades(side.area(), number);
    let blocks = (0..SMALL_BLOCKS).map(|index| pixels(place(!index), block.clone()));
    fills.chain(blocks).collect()
}
