//! A client's screen: carries graphics commands out with the codecs of `oriel-codecs`.

use std::collections::HashMap;

use oriel_codecs::{
    clearcodec::ClearCodecDecoder,
    geometry::{Point, Rect, Size},
    jpeg::{self, JpegScratch},
    nscodec::{self, NsCodecScratch},
    picture::{Picture, PictureMut, RowOrder},
    planar::{self, PlanarLayout, PlanarScratch},
    progressive::ProgressiveDecoder,
    remotefx::RemoteFxDecoder,
    video::{AvcSurfaceDecoder, AvcVersion, DecoderLimits},
    yuv::{ChromaUpsampling, Yuv444Picture},
};
use oriel_protocol::graphics::{FrameId, GraphicsCommand, PayloadCodec, SurfaceId};

struct Surface {
    picture: Picture,
    decoder: Option<AvcSurfaceDecoder>,
    progressive: Box<ProgressiveDecoder>,
    chroma: Option<Yuv444Picture>,
}

impl Surface {
    fn new(size: Size) -> Self {
        Self {
            picture: Picture::new(size),
            decoder: None,
            progressive: Box::new(ProgressiveDecoder::new(size)),
            chroma: None,
        }
    }
}

/// What a client shows, and how it came about.
#[derive(Default)]
pub struct Mirror {
    surfaces: HashMap<SurfaceId, Surface>,
    mapped: Option<SurfaceId>,
    scratch: PlanarScratch,
    clear: ClearCodecDecoder,
    remote_fx: RemoteFxDecoder,
    /// Frames that were whole, in order.
    pub frames: Vec<FrameId>,
    /// How often each kind of command came, by name.
    pub counts: HashMap<&'static str, usize>,
    /// Bytes of all payloads.
    pub payload_bytes: usize,
    is_in_frame: bool,
}

impl Mirror {
    /// A screen of a client without the graphics pipeline.
    #[allow(dead_code, reason = "not every test binary needs it")]
    pub fn primary(size: Size) -> Self {
        let mut mirror = Self::default();
        mirror
            .surfaces
            .insert(SurfaceId::PRIMARY, Surface::new(size));
        mirror.mapped = Some(SurfaceId::PRIMARY);
        mirror
    }

    /// What is shown.
    pub fn picture(&self) -> &Picture {
        let surface = self.mapped.expect("a surface is mapped");
        &self.surfaces[&surface].picture
    }

    /// Size of what is shown; empty where nothing is.
    #[allow(dead_code, reason = "not every test binary needs it")]
    pub fn size(&self) -> Size {
        self.mapped
            .map_or(Size::default(), |id| self.surfaces[&id].picture.size())
    }

    /// How often a kind of command came.
    pub fn count(&self, name: &str) -> usize {
        self.counts.get(name).copied().unwrap_or_default()
    }

    fn surface(&mut self, id: SurfaceId) -> &mut Surface {
        self.surfaces.get_mut(&id).expect("the surface exists")
    }

    /// Carries out one command; panics where a client would complain.
    pub fn apply(&mut self, command: &GraphicsCommand) {
        let name = match command {
            GraphicsCommand::ResetGraphics { size, .. } => {
                assert!(!size.is_empty());
                self.surfaces.clear();
                self.mapped = None;
                "reset"
            }
            GraphicsCommand::CreateSurface { surface, size, .. } => {
                self.surfaces.insert(*surface, Surface::new(*size));
                "create"
            }
            GraphicsCommand::DeleteSurface { surface } => {
                assert!(self.surfaces.remove(surface).is_some());
                "delete"
            }
            GraphicsCommand::MapSurfaceToOutput { surface, origin } => {
                assert_eq!(*origin, Point::default());
                self.mapped = Some(*surface);
                "map"
            }
            GraphicsCommand::StartFrame { .. } => {
                assert!(!std::mem::replace(&mut self.is_in_frame, true));
                "start"
            }
            GraphicsCommand::EndFrame { frame } => {
                assert!(std::mem::take(&mut self.is_in_frame));
                self.frames.push(*frame);
                "end"
            }
            GraphicsCommand::SolidFill {
                surface,
                color,
                rects,
            } => {
                let pixel = [color.blue, color.green, color.red, 255];
                for rect in rects {
                    let mut view = self.surface(*surface).picture.as_mut();
                    let mut view = view.sub(rect).expect("inside of the surface");
                    for y in 0..view.size().height {
                        for target in view.row_mut(y).chunks_exact_mut(4) {
                            target.copy_from_slice(&pixel);
                        }
                    }
                }
                "fill"
            }
            GraphicsCommand::SurfaceToSurface {
                source,
                destination,
                rect,
                points,
            } => {
                let before = self.surface(*source).picture.clone();
                for point in points {
                    let target = Rect::at(*point, rect.size());
                    let picture = &mut self.surface(*destination).picture;
                    assert!(picture.size().to_rect().contains_rect(&target));
                    for y in 0..rect.height() as i32 {
                        for x in 0..rect.width() as i32 {
                            let pixel = before.pixel(Point::new(rect.left + x, rect.top + y));
                            let at = (target.top + y) as usize * picture.stride_bytes()
                                + (target.left + x) as usize * 4;
                            picture.data_mut()[at..at + 4].copy_from_slice(&pixel);
                        }
                    }
                }
                "copy"
            }
            GraphicsCommand::Draw {
                surface,
                rect,
                codec,
                payload,
                ..
            } => {
                self.payload_bytes += payload.len();
                self.draw(*surface, rect, *codec, payload)
            }
            // The server caches nothing.
            GraphicsCommand::LimitCache { .. } => return,
            other => panic!("{other:?} is not expected"),
        };
        *self.counts.entry(name).or_default() += 1;
    }

    fn draw(
        &mut self,
        surface: SurfaceId,
        rect: &Rect,
        codec: PayloadCodec,
        payload: &[u8],
    ) -> &'static str {
        let scratch = &mut self.scratch;
        let (clear, remote_fx) = (&mut self.clear, &mut self.remote_fx);
        let surface = self.surfaces.get_mut(&surface).expect("the surface exists");
        let mut whole = surface.picture.as_mut();
        match codec {
            PayloadCodec::Planar => {
                let mut view = whole.sub(rect).expect("inside of the surface");
                let layout = PlanarLayout::pipeline(rect.size(), false);
                planar::decode(payload, &layout, &mut view, scratch).expect("planar decodes");
                "planar"
            }
            PayloadCodec::Uncompressed => {
                let mut view = whole.sub(rect).expect("inside of the surface");
                let rows = payload.chunks_exact(rect.width() as usize * 4);
                assert_eq!(rows.len(), rect.height() as usize);
                for (y, row) in (0..).zip(rows) {
                    view.row_mut(y).copy_from_slice(row);
                }
                "raw"
            }
            PayloadCodec::Bitmap {
                bits_per_pixel,
                is_compressed,
                size,
            } => {
                assert_eq!((bits_per_pixel, is_compressed), (32, true));
                assert_eq!(size.width % 4, 0);
                let mut bitmap = Picture::new(size);
                let layout = PlanarLayout::update(size);
                planar::decode(payload, &layout, &mut bitmap.as_mut(), scratch)
                    .expect("planar decodes");
                let mut view = whole.sub(rect).expect("inside of the surface");
                let stride = bitmap.stride_bytes();
                for y in 0..rect.height() {
                    let row = &bitmap.data()[y as usize * stride..];
                    let target = view.row_mut(y);
                    target.copy_from_slice(&row[..target.len()]);
                }
                "bitmap"
            }
            PayloadCodec::ClearCodec => {
                let mut view = whole.sub(rect).expect("inside of the surface");
                clear
                    .decode(payload, &mut view)
                    .expect("ClearCodec decodes");
                "clear"
            }
            PayloadCodec::RemoteFx => {
                let mut view = whole.sub(rect).expect("inside of the surface");
                let mut painted = Vec::new();
                let decoded = remote_fx.decode(payload, &mut view, &mut painted);
                decoded.expect("RemoteFX decodes");
                assert!(!painted.is_empty());
                "remotefx"
            }
            PayloadCodec::Progressive(_) => {
                let mut painted = Vec::new();
                let origin = Point::default();
                let decoder = &mut surface.progressive;
                let decoded = decoder.decode(payload, origin, &mut whole, &mut painted);
                decoded.expect("progressive decodes");
                assert!(!painted.is_empty());
                "progressive"
            }
            PayloadCodec::NsCodec => {
                let mut view = whole.sub(rect).expect("inside of the surface");
                let scratch = &mut NsCodecScratch::default();
                nscodec::decode(payload, RowOrder::BottomUp, &mut view, scratch)
                    .expect("NSCodec decodes");
                "nscodec"
            }
            PayloadCodec::Jpeg => {
                let mut view = whole.sub(rect).expect("inside of the surface");
                jpeg::decode(payload, &mut view, &mut JpegScratch::default())
                    .expect("JPEG decodes");
                "jpeg"
            }
            PayloadCodec::Avc420 | PayloadCodec::Avc444v2 => {
                let version = if codec == PayloadCodec::Avc420 {
                    AvcVersion::Avc420
                } else {
                    AvcVersion::Avc444V2
                };
                let size = whole.size();
                let decoder = surface.decoder.get_or_insert_with(|| {
                    AvcSurfaceDecoder::new(DecoderLimits::for_surface(size)).expect("a decoder")
                });
                let decoded = decoder.decode(version, payload).expect("AVC decodes");
                let both = decoded.luma_view.is_some() && decoded.chroma_view.is_some();
                decoded.draw(&mut surface.chroma, &mut whole, ChromaUpsampling::Guided);
                match (version, both) {
                    (AvcVersion::Avc420, _) => "avc420",
                    (_, true) => "avc444 both",
                    (_, false) => "avc444 luma",
                }
            }
            other => panic!("{other:?} is not expected"),
        }
    }
}

/// Peak signal to noise ratio over the colours of a rectangle, dB; infinite where they are equal.
#[allow(dead_code, reason = "not every test binary needs it")]
pub fn psnr_db(a: &Picture, b: &Picture, rect: &Rect) -> f64 {
    let (mut sum, mut count) = (0u64, 0u64);
    for y in rect.top..rect.bottom {
        for x in rect.left..rect.right {
            let (a, b) = (a.pixel(Point::new(x, y)), b.pixel(Point::new(x, y)));
            for channel in 0..3 {
                sum += u64::from(a[channel].abs_diff(b[channel])).pow(2);
                count += 1;
            }
        }
    }
    10.0 * (255.0 * 255.0 * count as f64 / sum as f64).log10()
}

/// Copies a rectangle of random-looking pixels into a picture.
#[allow(dead_code, reason = "not every test binary draws")]
pub fn scribble(view: &mut PictureMut<'_>, seed: u32) {
    let mut state = seed | 1;
    for y in 0..view.size().height {
        for byte in view.row_mut(y).chunks_exact_mut(4) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            byte[..3].copy_from_slice(&state.to_le_bytes()[1..]);
        }
    }
}
