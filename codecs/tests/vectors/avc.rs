//! The H.264 sequences of Microsoft's protocol test suites and a recorded session, decoded and
//! held against the pictures that they were encoded from.

use std::path::Path;

use oriel_codecs::avc::{Avc420Bitmap, Avc444Bitmap, Avc444Views, AvcRegion, AvcView};
use oriel_codecs::video::{
    AvcSurfaceDecoder, AvcVersion, DecoderLimits, FfmpegDecoder, OpenH264Decoder, VideoDecoder,
};
use oriel_codecs::yuv::{
    ChromaUpsampling, Yuv420Picture, Yuv444Picture, bgra_to_yuv420, yuv420_to_bgra,
};
use oriel_codecs::{Picture, Rect, Size};
use serde_json::Value;

use crate::folder;

fn png(path: &Path) -> Picture {
    let image = image::open(path).unwrap().to_rgba8();
    let size = Size::new(image.width(), image.height());
    let mut data = image.into_raw();
    for pixel in data.as_chunks_mut::<4>().0 {
        pixel.swap(0, 2);
        pixel[3] = 255;
    }
    Picture::from_bgra(size, data).unwrap()
}

fn psnr_db(a: &Picture, b: &Picture) -> f64 {
    assert_eq!(a.size(), b.size());
    let squares: f64 = std::iter::zip(a.data(), b.data())
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    let channels = a.size().area() as f64 * 3.0;
    10.0 * (255.0 * 255.0 * channels / squares).log10()
}

/// Wraps the streams of one frame as the server would, decodes and draws them.
struct Session {
    decoder: AvcSurfaceDecoder,
    kept: Option<Yuv444Picture>,
    surface: Picture,
}

impl Session {
    fn new(decoder: AvcSurfaceDecoder, size: Size) -> Self {
        Self {
            decoder,
            kept: None,
            surface: Picture::new(size),
        }
    }

    fn frame(&mut self, folder: &Path, frame: &Value) {
        let streams: Vec<(Vec<AvcRegion>, Vec<u8>)> = frame["streams"]
            .as_array()
            .unwrap()
            .iter()
            .map(|stream| {
                let regions = stream["rects_l_t_r_b_qp_quality"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|region| {
                        let field = |at: usize| region[at].as_i64().unwrap() as i32;
                        AvcRegion::new(
                            Rect::new(field(0), field(1), field(2), field(3)),
                            field(4) as u8,
                            field(5) as u8,
                        )
                    })
                    .collect();
                let file = stream["file"].as_str().unwrap();
                (regions, std::fs::read(folder.join(file)).unwrap())
            })
            .collect();
        let view = |at: usize| AvcView {
            regions: &streams[at].0,
            stream: &streams[at].1,
        };
        let version = match frame["codecId"].as_str().unwrap() {
            "0x0B" => AvcVersion::Avc420,
            "0x0E" => AvcVersion::Avc444,
            "0x0F" => AvcVersion::Avc444V2,
            other => panic!("codec {other}"),
        };
        let mut payload = Vec::new();
        match frame["LC"].as_str() {
            None => Avc420Bitmap::encode(view(0), &mut payload),
            Some("0x00") => {
                let (luma, chroma) = (view(0), view(1));
                Avc444Bitmap::encode(Avc444Views::Both { luma, chroma }, &mut payload)
            }
            Some("0x01") => Avc444Bitmap::encode(Avc444Views::Luma(view(0)), &mut payload),
            Some("0x02") => Avc444Bitmap::encode(Avc444Views::Chroma(view(0)), &mut payload),
            Some(other) => panic!("LC {other}"),
        }
        .unwrap();
        self.payload(version, &payload);
    }

    fn payload(&mut self, version: AvcVersion, payload: &[u8]) {
        let decoded = self.decoder.decode(version, payload).unwrap();
        decoded.draw(
            &mut self.kept,
            &mut self.surface.as_mut(),
            ChromaUpsampling::Block,
        );
    }
}

fn backends() -> [Box<dyn VideoDecoder>; 2] {
    let limits = DecoderLimits::default();
    [
        Box::new(FfmpegDecoder::new(limits).unwrap()),
        Box::new(OpenH264Decoder::new(limits).unwrap()),
    ]
}

/// What 4:2:0 leaves of a picture.
fn subsampled(picture: &Picture) -> Picture {
    let (size, whole) = (picture.size(), picture.size().to_rect());
    let mut planes = Yuv420Picture::new(size);
    bgra_to_yuv420(picture, &whole, &mut planes);
    let mut out = Picture::new(size);
    yuv420_to_bgra(&planes.planes(), &whole, &mut out.as_mut());
    out
}

/// Every frame of a sequence with both decoders, each at least `floor_db` from its base image, or
/// from what 4:2:0 leaves of that where there are luma views alone.
fn check_sequence(name: &str, floor_db: f64) {
    let Some(folder) = folder("avc") else { return };
    let json = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    let sequence: Value = serde_json::from_str(&json).unwrap();
    let edge = |key: &str| -> u32 { sequence["surface"][key].as_str().unwrap().parse().unwrap() };
    let size = Size::new(edge("Width"), edge("Height"));
    for decoder in backends() {
        let decoder_name = decoder.name();
        let mut session = Session::new(AvcSurfaceDecoder::with_decoder(decoder), size);
        for frame in sequence["frames"].as_array().unwrap() {
            session.frame(&folder, frame);
            let base = frame["baseImage"].as_str().unwrap().replace(".bmp", ".png");
            let mut wanted = png(&folder.join(&base));
            if matches!(frame["LC"].as_str(), None | Some("0x01")) {
                wanted = subsampled(&wanted);
            }
            let psnr = psnr_db(&session.surface, &wanted);
            println!("{name} {base} {decoder_name}: {psnr:.2} dB");
            assert!(
                psnr >= floor_db,
                "{name} {base} {decoder_name}: {psnr:.2} dB"
            );
        }
    }
}

#[test]
fn avc420_of_the_baseline_profile_is_the_base_image() {
    check_sequence("avc420_base", 36.0);
}

#[test]
fn avc420_of_the_main_profile_with_cabac_is_the_base_image() {
    check_sequence("avc420_main_cabac", 36.0);
}

#[test]
fn avc420_of_the_high_profile_is_the_base_image() {
    check_sequence("avc420_high", 36.0);
}

#[test]
fn avc444_with_luma_views_alone_is_the_base_image() {
    check_sequence("avc444_yuv420only_main", 36.0);
}

#[test]
fn avc444_with_both_views_is_the_base_image() {
    check_sequence("avc444_together_main", 36.0);
}

#[test]
fn avc444v2_is_the_base_image() {
    check_sequence("avc444v2", 36.0);
}

/// `RDPGFX_WIRE_TO_SURFACE_PDU_1`: header 8, surface 2, codec 2, format 1, rectangle 8, length 4.
#[test]
fn a_recorded_session_decodes_to_its_end_and_the_decoders_agree() {
    let Some(folder) = folder("egfx-stream") else {
        return;
    };
    let bytes = std::fs::read(folder.join("sample2_avc444.gfx")).unwrap();
    let [mut first, mut second] = backends().map(|decoder| {
        Session::new(
            AvcSurfaceDecoder::with_decoder(decoder),
            Size::new(1024, 768),
        )
    });
    let mut rest = &bytes[..];
    let mut frames = 0;
    while rest.len() >= 8 {
        let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        let (pdu, next) = rest.split_at(length);
        rest = next;
        if pdu[0] != 1 {
            continue;
        }
        assert_eq!(pdu[10], 0x0E, "all frames are AVC444");
        first.payload(AvcVersion::Avc444, &pdu[25..]);
        second.payload(AvcVersion::Avc444, &pdu[25..]);
        frames += 1;
        assert!(first.surface == second.surface, "frame {frames}");
    }
    assert_eq!(frames, 5);
    assert!(rest.is_empty());
    let colours: std::collections::HashSet<&[u8]> = first.surface.data().chunks(4).collect();
    assert!(colours.len() > 100, "a desktop, not a plain picture");
    if let Some(path) = std::env::var_os("ORIEL_SAVE_PICTURE") {
        let mut rgba = first.surface.data().to_vec();
        rgba.chunks_exact_mut(4).for_each(|pixel| pixel.swap(0, 2));
        image::save_buffer(path, &rgba, 1024, 768, image::ColorType::Rgba8).unwrap();
    }
}
