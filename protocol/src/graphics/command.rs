//! Graphics commands: the one vocabulary in which every server's drawing is told.
//!
//! The graphics pipeline (`[MS-RDPEGFX]`), fast-path and slow-path bitmap updates, and surface
//! bits (`[MS-RDPBCGR] 2.2.9.1.2.1.10`, `2.2.9.2`) all become [`GraphicsCommand`]s. A renderer that
//! carries them out in order shows the desktop; a server that emits them is encoded by whatever
//! the client negotiated. Payloads stay encoded: nothing is decoded to pixels in this crate.
//!
//! Servers without the graphics pipeline draw on [`SurfaceId::PRIMARY`], which is created with the
//! size of the desktop and mapped to the output's origin when such a session starts.

use bytes::Bytes;
use oriel_codecs::geometry::{Point, Rect, Size};

/// Names a surface. The graphics pipeline's own are 16 bits wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SurfaceId(pub u32);

impl SurfaceId {
    /// The desktop of servers that do not use the graphics pipeline. No 16-bit id collides with it.
    pub const PRIMARY: SurfaceId = SurfaceId(0x0001_0000);
}

/// A slot of the bitmap cache, counted from 1 (`[MS-RDPEGFX] 3.3.1.4`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheSlot(pub u16);

/// How much a client's bitmap cache holds (`[MS-RDPEGFX] 3.3.1.4`): "100 MB" with its 25,600 slots,
/// or "16 MB" with its 4,096, are so many MiB, 4 KiB for each slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheLimits {
    /// Bytes of all slots together, four a pixel.
    pub bytes: u64,
    /// Slots that are in use at one time.
    pub slots: usize,
}

impl CacheLimits {
    /// Of a client that asks for nothing else.
    pub const FULL: Self = Self {
        bytes: 100 << 20,
        slots: 25_600,
    };

    /// Of the small cache.
    pub const SMALL: Self = Self {
        bytes: 16 << 20,
        slots: 4_096,
    };
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self::FULL
    }
}

/// A logical frame, to be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameId(pub u32);

/// A progressive codec context of a surface (`[MS-RDPEGFX] 2.2.2.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodecContextId(pub u32);

/// Whether a surface's fourth byte means anything (`[MS-RDPEGFX] 2.2.1.4`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SurfaceFormat {
    /// Blue, green, red and a byte without meaning.
    Xrgb,
    /// Blue, green, red, alpha.
    Argb,
}

/// A colour as the wire has it (`RDPGFX_COLOR32`, `[MS-RDPEGFX] 2.2.1.3`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color {
    /// Blue.
    pub blue: u8,
    /// Green.
    pub green: u8,
    /// Red.
    pub red: u8,
    /// Alpha; without meaning on a surface without alpha.
    pub alpha: u8,
}

/// A monitor of the desktop that the server lays out (`[MS-RDPBCGR] 2.2.1.3.6.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DesktopMonitor {
    /// Place on the desktop; half open.
    pub rect: Rect,
    /// True for the monitor whose corner is the origin.
    pub is_primary: bool,
}

/// How the bytes of a [`GraphicsCommand::Draw`] become pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PayloadCodec {
    /// BGRX, four bytes a pixel, top row first, rows tightly packed.
    Uncompressed,
    /// A bitmap of the old kind, bottom row first: `TS_BITMAP_DATA`, `[MS-RDPBCGR] 2.2.9.1.1.3.1.2.2`.
    /// `size` is that of the encoded bitmap, whose width is padded: pixels outside the
    /// destination rectangle are cut off at the right and at the bottom.
    Bitmap {
        /// 8 (through the palette), 15, 16, 24 or 32.
        bits_per_pixel: u8,
        /// Interleaved RLE below 32 bits a pixel, the planar codec at 32. Else raw rows, each
        /// padded to four bytes.
        is_compressed: bool,
        /// Width and height of the encoded bitmap.
        size: Size,
    },
    /// Raw rows in a `TS_BITMAP_DATA_EX` (`[MS-RDPBCGR] 2.2.9.2.1.1`), tightly packed, at a depth of
    /// 8, 15, 16, 24 or 32 bits a pixel. The specification is silent about their order; servers
    /// (weston) and clients (FreeRDP) agree on bottom row first.
    SurfaceBits {
        /// 8 (through the palette), 15, 16, 24 or 32.
        bits_per_pixel: u8,
    },
    /// `[MS-RDPEGDI] 2.2.2.5.1`, top row first, with or without alpha.
    Planar,
    /// `[MS-RDPEGFX] 2.2.4.3`: alpha alone, colour stays as it was.
    Alpha,
    /// `RFX_AVC420_BITMAP_STREAM`, `[MS-RDPEGFX] 2.2.4.4`.
    Avc420,
    /// `RFX_AVC444_BITMAP_STREAM`, `[MS-RDPEGFX] 2.2.4.5`.
    Avc444,
    /// `RFX_AVC444V2_BITMAP_STREAM`, `[MS-RDPEGFX] 2.2.4.6`.
    Avc444v2,
    /// `[MS-RDPEGFX] 2.2.4.1`.
    ClearCodec,
    /// `[MS-RDPRFX]`.
    RemoteFx,
    /// `[MS-RDPEGFX] 2.2.4.2`, with its context.
    Progressive(CodecContextId),
    /// `[MS-RDPNSC]`. In surface commands, its only place, the decoded rows are bottom row first.
    NsCodec,
    /// A JPEG picture.
    Jpeg,
}

/// One step of drawing. Rectangles are half open and relative to their surface.
///
/// Rectangles and ids come from the peer unchecked: whoever carries a command out clips it to the
/// surfaces it has, and takes a surface or slot that does not exist as the peer's error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphicsCommand {
    /// All surfaces, mappings, and cache slots are gone; the output has a new size
    /// (`[MS-RDPEGFX] 2.2.2.14`). Servers without the pipeline cause one at their start and at
    /// each reactivation.
    ResetGraphics {
        /// Size of the output.
        size: Size,
        /// Monitors; empty means one that fills the output.
        monitors: Vec<DesktopMonitor>,
    },
    /// A new surface, black (`2.2.2.9`).
    CreateSurface {
        /// Its name; replaces a surface of the same name.
        surface: SurfaceId,
        /// Width and height.
        size: Size,
        /// With alpha or without.
        format: SurfaceFormat,
    },
    /// A surface is gone, and the codec contexts on it (`2.2.2.10`).
    DeleteSurface {
        /// Its name.
        surface: SurfaceId,
    },
    /// Shows a surface on the output, at its own size (`2.2.2.15`).
    MapSurfaceToOutput {
        /// Its name.
        surface: SurfaceId,
        /// Top left corner on the output.
        origin: Point,
    },
    /// Shows a surface on the output, scaled (`2.2.2.22`).
    MapSurfaceToScaledOutput {
        /// Its name.
        surface: SurfaceId,
        /// Top left corner on the output.
        origin: Point,
        /// Size on the output.
        target: Size,
    },
    /// Ties a surface to a remote application's window, at its own size (`2.2.2.20`).
    MapSurfaceToWindow {
        /// Its name.
        surface: SurfaceId,
        /// The window.
        window: u64,
        /// Size of the window's part of the surface.
        mapped: Size,
    },
    /// Ties a surface to a remote application's window, scaled (`2.2.2.23`).
    MapSurfaceToScaledWindow {
        /// Its name.
        surface: SurfaceId,
        /// The window.
        window: u64,
        /// Size of the window's part of the surface.
        mapped: Size,
        /// Size in the window.
        target: Size,
    },
    /// A frame begins: what follows is shown together (`2.2.2.11`, frame markers in `[MS-RDPBCGR] 2.2.9.2.3`).
    StartFrame {
        /// Its name.
        frame: FrameId,
    },
    /// The frame is whole (`2.2.2.12`). Shown as one and then acknowledged.
    EndFrame {
        /// Its name.
        frame: FrameId,
    },
    /// One colour into rectangles (`2.2.2.4`).
    SolidFill {
        /// Where to.
        surface: SurfaceId,
        /// The colour.
        color: Color,
        /// The rectangles.
        rects: Vec<Rect>,
    },
    /// Copies a rectangle to several places (`2.2.2.5`); source and destination may be one surface
    /// and may overlap: the source is read whole before anything is written.
    SurfaceToSurface {
        /// Where from.
        source: SurfaceId,
        /// Where to.
        destination: SurfaceId,
        /// What is copied.
        rect: Rect,
        /// Top left corners of the copies.
        points: Vec<Point>,
    },
    /// Keeps a rectangle in the cache (`2.2.2.6`).
    SurfaceToCache {
        /// Where from.
        surface: SurfaceId,
        /// The server's key for it in a persistent cache.
        key: u64,
        /// Where to; what was there is gone.
        slot: CacheSlot,
        /// What is kept.
        rect: Rect,
    },
    /// Draws a cache slot at several places (`2.2.2.7`).
    CacheToSurface {
        /// Where from.
        slot: CacheSlot,
        /// Where to.
        surface: SurfaceId,
        /// Top left corners of the copies.
        points: Vec<Point>,
    },
    /// A cache slot is empty again (`2.2.2.8`).
    EvictCache {
        /// Which.
        slot: CacheSlot,
    },
    /// Encoded pixels for a rectangle of a surface (`RDPGFX_WIRE_TO_SURFACE_PDU_1` and `_2`, bitmap
    /// updates, surface bits).
    Draw {
        /// Where to.
        surface: SurfaceId,
        /// The destination. For the AVC and progressive codecs the whole area that the payload
        /// covers: its own regions tell what changes.
        rect: Rect,
        /// How to read `payload`.
        codec: PayloadCodec,
        /// With alpha or without.
        format: SurfaceFormat,
        /// The encoded bytes.
        payload: Bytes,
    },
    /// The cache holds so much from here on: the two sides have agreed on it (`2.2.2.19`).
    LimitCache {
        /// How much.
        limits: CacheLimits,
    },
    /// A progressive context is gone (`2.2.2.3`).
    DeleteCodecContext {
        /// On which surface.
        surface: SurfaceId,
        /// Which.
        context: CodecContextId,
    },
    /// The palette of 8-bit bitmaps that follow: red, green, blue (`[MS-RDPBCGR] 2.2.9.1.1.3.1.1`).
    SetPalette {
        /// 256 colours.
        colors: Box<[[u8; 3]; 256]>,
    },
}

impl GraphicsCommand {
    /// What a desktop of one surface begins with, in this order: an output of that `size`, and a
    /// surface without alpha that covers it.
    pub fn desktop(surface: SurfaceId, size: Size) -> [Self; 3] {
        [
            Self::ResetGraphics {
                size,
                monitors: Vec::new(),
            },
            Self::CreateSurface {
                surface,
                size,
                format: SurfaceFormat::Xrgb,
            },
            Self::MapSurfaceToOutput {
                surface,
                origin: Point::default(),
            },
        ]
    }
}

/// A change of the mouse pointer (`[MS-RDPBCGR] 2.2.9.1.1.4`, `2.2.9.1.2.1.4` to `.11`).
///
/// The pointer cache is kept in the protocol: a renderer sees the shape itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PointerUpdate {
    /// No pointer is drawn.
    Hidden,
    /// The local system's arrow.
    SystemDefault,
    /// The server moved the pointer.
    Position(Point),
    /// A new shape.
    Shape(std::sync::Arc<PointerShape>),
}

/// A mouse pointer's picture as the server sent it, masks not yet combined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointerShape {
    /// Width and height, up to 384 each.
    pub size: Size,
    /// The pixel that points.
    pub hotspot: Point,
    /// Bits a pixel of `xor_mask`: 1, 4, 8, 16, 24 or 32.
    pub bits_per_pixel: u8,
    /// Colours, bottom row first, rows padded to two bytes.
    pub xor_mask: Bytes,
    /// One bit a pixel, bottom row first, rows padded to two bytes; may be empty at 32 bits.
    pub and_mask: Bytes,
}
