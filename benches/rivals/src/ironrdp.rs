//! The codecs of the `ironrdp` crates, brought to pictures of ours.
//!
//! They hand out buffers of their own rather than draw into a picture, in several orders of channels
//! and rows. Getting from there into the picture is what a program that uses them must do next, and
//! `ironrdp-session` does: [`draw_packed`] and [`draw_rgb`].

use ironrdp_bulk::{BulkCompressor, CompressionType};
use ironrdp_core::DecodeResult;
use ironrdp_graphics::{
    alpha::{self, AlphaRun},
    clearcodec, color_conversion,
    image_processing::PixelFormat,
    progressive,
    rdp6::{BgrAChannels, BitmapStreamDecoder, BitmapStreamEncoder},
    rfx::{MessageDecoder, TileDecoder},
    rle,
    zgfx::{self, CompressionMode},
};
use ironrdp_pdu::codecs::rfx::{EntropyAlgorithm, Quant};
use oriel_codecs::{
    ColorDepth, Palette, Picture, PictureMut, Rect, Size, bulk::CompressionLevel, remotefx::Entropy,
};

use crate::blit_rgba_tile;

/// The planar codec.
#[derive(Debug, Default)]
pub struct Planar {
    decoder: BitmapStreamDecoder,
    rgb: Vec<u8>,
}

impl Planar {
    /// Decodes a picture to three bytes a pixel, red first; there is no alpha.
    pub fn decode(&mut self, payload: &[u8], size: Size) -> Option<&[u8]> {
        self.rgb.clear();
        let (width, height) = (size.width as usize, size.height as usize);
        self.decoder
            .decode_bitmap_stream_to_rgb24(payload, &mut self.rgb, width, height)
            .ok()?;
        Some(&self.rgb)
    }

    /// Appends a picture, top row first, without alpha.
    pub fn encode(&mut self, source: &Picture, out: &mut Vec<u8>) {
        let size = source.size();
        let start = out.len();
        out.resize(start + size.area() as usize * 6 + 64, 0);
        let bytes = BitmapStreamEncoder::new(size.width as usize, size.height as usize)
            .encode_bitmap::<BgrAChannels>(source.data(), &mut out[start..], true)
            .expect("there is room");
        out.truncate(start + bytes);
    }
}

/// Interleaved RLE to pixels as they are on the wire, bottom row first.
pub fn decode_interleaved(
    payload: &[u8],
    depth: ColorDepth,
    size: Size,
    packed: &mut Vec<u8>,
) -> bool {
    packed.clear();
    let (width, height) = (size.width as usize, size.height as usize);
    rle::decompress(
        payload,
        packed,
        width,
        height,
        depth.bits_per_pixel().into(),
    )
    .is_ok()
}

/// Draws pixels of the wire, bottom row first, at `place` by IronRDP's colours: what
/// `ironrdp-session` does next with them.
pub fn draw_packed(
    packed: &[u8],
    depth: ColorDepth,
    palette: &Palette,
    place: &Rect,
    target: &mut Picture,
) {
    let mut view = target.as_mut();
    let mut target = view.sub(place).expect("on the picture");
    let rows = packed.chunks_exact(place.width() as usize * depth.bytes_per_pixel());
    for (y, row) in (0..place.height()).zip(rows.rev()) {
        let pixels = target.row_mut(y).as_chunks_mut::<4>().0.iter_mut();
        let bgra = |[red, green, blue]: [u8; 3]| [blue, green, red, 255];
        match depth {
            ColorDepth::Indexed8 => {
                for (pixel, index) in pixels.zip(row) {
                    *pixel = palette.color(*index);
                }
            }
            ColorDepth::Rgb555 => {
                for (pixel, word) in pixels.zip(row.as_chunks().0) {
                    *pixel = bgra(color_conversion::rdp_15bit_to_rgb(u16::from_le_bytes(
                        *word,
                    )));
                }
            }
            ColorDepth::Rgb565 => {
                for (pixel, word) in pixels.zip(row.as_chunks().0) {
                    *pixel = bgra(color_conversion::rdp_16bit_to_rgb(u16::from_le_bytes(
                        *word,
                    )));
                }
            }
            ColorDepth::Bgr24 | ColorDepth::Bgrx32 => {
                for (pixel, &[blue, green, red]) in pixels.zip(row.as_chunks().0) {
                    *pixel = [blue, green, red, 255];
                }
            }
        }
    }
}

/// Draws three bytes a pixel, red first and top row first.
pub fn draw_rgb(rgb: &[u8], target: &mut PictureMut<'_>) {
    let pixels = target.data_mut().as_chunks_mut().0.iter_mut();
    for (pixel, &[red, green, blue]) in pixels.zip(rgb.as_chunks().0) {
        *pixel = [blue, green, red, 255];
    }
}

/// Sets the fourth byte of each pixel of a target whose rows lie together.
pub fn decode_alpha(payload: &[u8], target: &mut PictureMut<'_>) -> bool {
    let size = target.size();
    let pixels = target.data_mut();
    let decoded = alpha::decode(
        payload,
        size.width as u16,
        size.height as u16,
        |first, run| {
            let alphas = pixels[first * 4..].iter_mut().skip(3).step_by(4);
            match run {
                AlphaRun::Values(values) => alphas.zip(values).for_each(|(a, value)| *a = *value),
                AlphaRun::Fill { value, len } => alphas.take(len).for_each(|a| *a = value),
            }
        },
    );
    decoded.is_ok()
}

/// RemoteFX.
#[derive(Debug, Default)]
pub struct RemoteFx {
    messages: MessageDecoder,
    tiles: TileDecoder,
}

impl RemoteFx {
    /// Decodes a payload onto `target`.
    pub fn decode(&mut self, payload: &[u8], target: &mut Picture) -> bool {
        let Ok(message) = self.messages.parse(payload) else {
            return false;
        };
        for frame in &message.frames {
            let rects: Vec<Rect> = frame
                .rectangles
                .iter()
                .map(|rect| rect_at(rect.x, rect.y, rect.width, rect.height))
                .collect();
            let set = &frame.tile_set;
            for tile in &set.tiles {
                let place = rect_at(tile.x * 64, tile.y * 64, 64, 64);
                match self.tiles.decode(tile, &set.quants, set.entropy_algorithm) {
                    Ok(rgba) => blit_rgba_tile(rgba, place, &rects, target),
                    Err(_) => return false,
                }
            }
        }
        true
    }
}

/// Codes every tile of a picture, without the blocks around them: the crates have no encoder of
/// whole messages, only its stages. Returns the bytes of the tiles.
pub fn encode_remotefx_tiles(source: &Picture, entropy: Entropy, out: &mut Vec<u8>) -> usize {
    let size = source.size();
    let entropy = match entropy {
        Entropy::Rlgr1 => EntropyAlgorithm::Rlgr1,
        Entropy::Rlgr3 => EntropyAlgorithm::Rlgr3,
    };
    let quant = Quant::default();
    out.resize(3 * 4096 * 4, 0);
    let (mut y, mut cb, mut cr) = ([0; 4096], [0; 4096], [0; 4096]);
    let mut bytes = 0;
    for top in (0..size.height).step_by(64) {
        for left in (0..size.width).step_by(64) {
            let (width, height) = ((size.width - left).min(64), (size.height - top).min(64));
            let stride = source.stride_bytes() as u32;
            color_conversion::to_64x64_ycbcr_tile(
                &source.data()[(top * stride + left * 4) as usize..],
                width,
                height,
                stride,
                PixelFormat::BgrX32,
                &mut y,
                &mut cb,
                &mut cr,
            )
            .expect("a tile of the picture");
            for plane in [&mut y, &mut cb, &mut cr] {
                bytes += ironrdp_graphics::rfx_encode_component(plane, out, &quant, entropy)
                    .expect("there is room for a plane");
            }
        }
    }
    bytes
}

fn rect_at(x: u16, y: u16, width: u16, height: u16) -> Rect {
    let [x, y, width, height] = [x, y, width, height].map(i32::from);
    Rect::new(x, y, x + width, y + height)
}

/// RemoteFX Progressive: one codec context of one surface.
pub struct Progressive {
    decoder: progressive::ProgressiveDecoder,
    size: Size,
}

impl Progressive {
    /// A context of a surface of this size.
    pub fn new(size: Size) -> Self {
        Self {
            decoder: progressive::ProgressiveDecoder::new(),
            size,
        }
    }

    /// Tells how borders of tiles are treated where IronRDP looks for it: in the flags of the
    /// context rather than in those of the region, where `[MS-RDPEGFX] 2.2.4.2.1.5` has it.
    pub fn move_flag(payload: &mut [u8]) {
        const CONTEXT: u16 = 0xCCC3;
        const REGION: u16 = 0xCCC4;
        const REDUCE_EXTRAPOLATE: u8 = 1;
        let (mut start, mut of_context) = (0, None);
        while let Some(header) = payload.get(start..start + 6) {
            let kind = u16::from_le_bytes([header[0], header[1]]);
            let bytes = u32::from_le_bytes([header[2], header[3], header[4], header[5]]);
            match (kind, of_context) {
                (CONTEXT, _) => of_context = Some(start + 9),
                (REGION, Some(flags)) => {
                    payload[flags] |= payload[start + 11] & REDUCE_EXTRAPOLATE;
                }
                _ => {}
            }
            start += bytes as usize;
        }
    }

    /// Decodes a payload, made fit by [`Self::move_flag`], onto `target`, the surface.
    pub fn decode(&mut self, payload: &[u8], target: &mut Picture) -> bool {
        let (width, height) = (self.size.width as u16, self.size.height as u16);
        let Ok(tiles) = self.decoder.decode_bitmap(1, 1, width, height, payload) else {
            return false;
        };
        for tile in &tiles {
            let place = rect_at(tile.x_idx * 64, tile.y_idx * 64, 64, 64);
            let rects: Vec<Rect> = tile
                .update_rectangles
                .iter()
                .map(|rect| {
                    let edges = [rect.left, rect.top, rect.right, rect.bottom].map(i32::from);
                    Rect::new(edges[0], edges[1], edges[2], edges[3])
                })
                .collect();
            blit_rgba_tile(&tile.pixels, place, &rects, target);
        }
        true
    }
}

/// ClearCodec, both ways.
#[derive(Default)]
pub struct ClearCodec {
    decoder: clearcodec::ClearCodecDecoder,
    encoder: clearcodec::ClearCodecEncoder,
}

impl ClearCodec {
    /// Decodes a picture to opaque BGRA.
    pub fn decode(&mut self, payload: &[u8], size: Size) -> DecodeResult<Vec<u8>> {
        self.decoder
            .decode(payload, size.width as u16, size.height as u16)
    }

    /// Codes a picture.
    pub fn encode(&mut self, source: &Picture) -> Vec<u8> {
        let size = source.size();
        self.encoder
            .encode(source.data(), size.width as u16, size.height as u16)
    }
}

/// NSCodec, top row first: it is decoded as a layer of ClearCodec, for IronRDP has no other way to
/// its decoder.
#[derive(Default)]
pub struct NsCodec {
    decoder: clearcodec::ClearCodecDecoder,
    sequence: u8,
    wrapped: Vec<u8>,
}

impl NsCodec {
    /// Decodes a picture to opaque BGRA.
    pub fn decode(&mut self, payload: &[u8], size: Size) -> DecodeResult<Vec<u8>> {
        /// `NSCodec` as subcodec of ClearCodec.
        const SUBCODEC: u8 = 1;
        const HEADER_BYTES: usize = 13;
        let (width, height) = (size.width as u16, size.height as u16);
        self.wrapped.clear();
        self.wrapped.extend([0, self.sequence]);
        self.sequence = self.sequence.wrapping_add(1);
        let bytes = (HEADER_BYTES + payload.len()) as u32;
        for count in [0, 0, bytes] {
            self.wrapped.extend(count.to_le_bytes());
        }
        for field in [0, 0, width, height] {
            self.wrapped.extend(field.to_le_bytes());
        }
        self.wrapped.extend((payload.len() as u32).to_le_bytes());
        self.wrapped.push(SUBCODEC);
        self.wrapped.extend(payload);
        self.decoder.decode(&self.wrapped, width, height)
    }
}

/// Codes a picture by NSCodec, top row first; there is no subsampling.
pub fn encode_nscodec(source: &Picture, color_loss_level: u8) -> Vec<u8> {
    let size = source.size();
    ironrdp_nscodec::encoder::encode(
        source.data(),
        size.width as u16,
        size.height as u16,
        source.stride_bytes(),
        PixelFormat::BgrA32,
        color_loss_level,
    )
}

/// MPPC, NCRUSH or XCRUSH, both ways.
pub struct Bulk(BulkCompressor);

impl Bulk {
    /// Messages are longer than 50 bytes, and shorter than this.
    pub const MOST_ENCODED_BYTES: usize = 16_383;

    /// Empty histories.
    pub fn new(level: CompressionLevel) -> Self {
        let kind = match level {
            CompressionLevel::K8 => CompressionType::Rdp4,
            CompressionLevel::K64 => CompressionType::Rdp5,
            CompressionLevel::Rdp6 => CompressionType::Rdp6,
            CompressionLevel::Rdp61 => CompressionType::Rdp61,
        };
        Self(BulkCompressor::new(kind).expect("its tables are sound"))
    }

    /// Expands a message that is sent under these flags.
    pub fn decompress<'a>(&'a mut self, flags: u8, message: &'a [u8]) -> Option<&'a [u8]> {
        self.0.decompress(message, flags.into()).ok()
    }

    /// Appends `message`, packed or as it is, and returns the flags that it is sent under.
    pub fn compress(&mut self, message: &[u8], out: &mut Vec<u8>) -> Option<u8> {
        let (bytes, flags) = self.0.compress(message).ok()?;
        let is_packed = flags & ironrdp_bulk::flags::PACKET_COMPRESSED != 0;
        out.extend_from_slice(if is_packed {
            self.0.compressed_data(bytes)
        } else {
            message
        });
        Some(flags as u8)
    }
}

/// RDP 8.0 bulk compression, both ways.
pub struct Zgfx {
    decompressor: zgfx::Decompressor,
    compressor: zgfx::Compressor,
}

impl Default for Zgfx {
    fn default() -> Self {
        Self {
            decompressor: zgfx::Decompressor::new(),
            compressor: zgfx::Compressor::new(),
        }
    }
}

impl Zgfx {
    /// Appends the message.
    pub fn decompress(&mut self, segmented: &[u8], out: &mut Vec<u8>) -> bool {
        self.decompressor.decompress(segmented, out).is_ok()
    }

    /// Packs a message.
    pub fn compress(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        zgfx::compress_and_wrap_egfx(message, &mut self.compressor, CompressionMode::Auto).ok()
    }
}
