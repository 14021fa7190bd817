//! Image codecs. Each decodes into a picture with a stride, whose other bytes must stay.

use oriel_codecs::{
    alpha as alpha_codec,
    avc::{Avc420Bitmap, Avc444Bitmap},
    bitmap::{self as raw, BitmapLayout},
    clearcodec::ClearCodecDecoder,
    color_depth::ColorDepth,
    geometry::{Point, Rect, Size},
    interleaved::{self as rle, InterleavedScratch},
    jpeg::{self as jpeg_codec, JpegScratch},
    nscodec::{self as ns, NsCodecScratch},
    palette::Palette,
    picture::{Picture, PictureMut, RowOrder},
    planar::{self as planar_codec, PlanarLayout, PlanarScratch},
    pointer as pointer_codec,
    progressive::ProgressiveDecoder,
    remotefx::RemoteFxDecoder,
};

use crate::{
    Choices,
    pictures::{pictures, size},
};

/// What lies between a row's last pixel and the next row.
const GUARD: u8 = 0xA5;

/// Runs `decode` on a picture of `size` inside a larger one, and looks at what is around it.
fn into_window(size: Size, decode: impl FnOnce(&mut PictureMut<'_>)) {
    let outer = Size::new(size.width + 3, size.height + 2);
    let mut picture = Picture::filled(outer, [GUARD; 4]);
    let window = Rect::new(1, 1, 1 + size.width as i32, 1 + size.height as i32);
    let mut whole = picture.as_mut();
    decode(&mut whole.sub(&window).expect("inside"));
    for y in 0..outer.height {
        for x in 0..outer.width {
            let is_inside = (1..=size.width).contains(&x) && (1..=size.height).contains(&y);
            let point = Point::new(x as i32, y as i32);
            assert!(
                is_inside || picture.pixel(point) == [GUARD; 4],
                "written outside at {x}, {y}"
            );
        }
    }
}

fn depth(choice: u8) -> ColorDepth {
    use ColorDepth::*;
    [Indexed8, Rgb555, Rgb565, Bgr24, Bgrx32][usize::from(choice % 5)]
}

pub fn planar(data: &[u8]) {
    let mut choices = Choices::new(data);
    let size = size(choices.byte());
    let layout = match choices.byte() & 3 {
        0 => PlanarLayout::update(size),
        1 => PlanarLayout::pipeline(size, false),
        _ => PlanarLayout::pipeline(size, true),
    };
    into_window(size, |target| {
        let mut scratch = PlanarScratch::default();
        let _ = planar_codec::decode(choices.rest(), &layout, target, &mut scratch);
    });
}

pub fn interleaved(data: &[u8]) {
    let mut choices = Choices::new(data);
    let size = size(choices.byte());
    let depth = depth(choices.byte());
    into_window(size, |target| {
        let mut scratch = InterleavedScratch::default();
        let payload = choices.rest();
        let _ = rle::decode(
            payload,
            size,
            depth,
            &Palette::default(),
            target,
            &mut scratch,
        );
    });
}

pub fn alpha(data: &[u8]) {
    let mut choices = Choices::new(data);
    into_window(size(choices.byte()), |target| {
        let _ = alpha_codec::decode(choices.rest(), target);
    });
}

pub fn bitmap(data: &[u8]) {
    let mut choices = Choices::new(data);
    let size = size(choices.byte());
    let choice = choices.byte();
    let layout = if choice & 0x80 != 0 {
        BitmapLayout::surface(size, depth(choice))
    } else {
        BitmapLayout::update(size, depth(choice))
    };
    into_window(size, |target| {
        let _ = raw::decode(choices.rest(), &layout, &Palette::default(), target);
    });
}

pub fn pointer(data: &[u8]) {
    let mut choices = Choices::new(data);
    let size = Size::new(choices.byte().into(), choices.byte().into());
    let bits_per_pixel = choices.byte();
    let xor_mask = choices.piece();
    let and_mask = choices.rest();
    let palette = Palette::default();
    if let Ok(picture) = pointer_codec::decode(size, bits_per_pixel, xor_mask, and_mask, &palette) {
        assert_eq!(picture.size(), size);
        picture.without_inversion();
    }
}

pub fn avc(data: &[u8]) {
    if let Ok(bitmap) = Avc420Bitmap::parse(data) {
        assert!(bitmap.stream().len() <= data.len());
        bitmap.regions().for_each(drop);
    }
    if let Ok(bitmap) = Avc444Bitmap::parse(data) {
        bitmap.luma_chroma();
    }
}

pub fn remotefx(data: &[u8]) {
    let mut choices = Choices::new(data);
    let size = size(choices.byte());
    into_window(size, |target| {
        let mut decoder = RemoteFxDecoder::new();
        while !choices.is_empty() {
            let mut painted = Vec::new();
            let result = decoder.decode(choices.piece(), target, &mut painted);
            let bounds = size.to_rect();
            assert!(painted.iter().all(|rect| bounds.intersect(rect) == *rect));
            if result.is_err() {
                return;
            }
        }
    });
}

/// Payloads of one context, drawn into a part of its surface.
pub fn progressive(data: &[u8]) {
    let mut choices = Choices::new(data);
    let size = size(choices.byte());
    let shown = Size::new(size.width.div_ceil(2), size.height.div_ceil(2));
    let origin = Point::new((size.width / 4) as i32, (size.height / 4) as i32);
    into_window(shown, |target| {
        let mut decoder = ProgressiveDecoder::new(size);
        while !choices.is_empty() {
            let payload = choices.piece();
            if let Ok(bounds) = decoder.bounds(payload) {
                assert_eq!(size.to_rect().intersect(&bounds), bounds);
            }
            let mut painted = Vec::new();
            let result = decoder.decode(payload, origin, target, &mut painted);
            let bounds = shown.to_rect();
            assert!(painted.iter().all(|rect| bounds.intersect(rect) == *rect));
            if result.is_err() {
                return;
            }
        }
    });
}

/// Payloads of one decoder, with its caches.
pub fn clearcodec(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut decoder = ClearCodecDecoder::new();
    while !choices.is_empty() {
        let size = size(choices.byte());
        let mut is_good = true;
        into_window(size, |target| {
            is_good = decoder.decode(choices.piece(), target).is_ok();
        });
        if !is_good {
            return;
        }
    }
}

pub fn nscodec(data: &[u8]) {
    let mut choices = Choices::new(data);
    let size = size(choices.byte());
    into_window(size, |target| {
        let mut scratch = NsCodecScratch::default();
        let _ = ns::decode(choices.rest(), RowOrder::BottomUp, target, &mut scratch);
    });
}

pub fn jpeg(data: &[u8]) {
    let mut choices = Choices::new(data);
    let size = size(choices.byte());
    into_window(size, |target| {
        let _ = jpeg_codec::decode(choices.rest(), target, &mut JpegScratch::default());
    });
}

/// Inputs to begin from.
pub mod seeds {
    use oriel_codecs::{
        avc::{AvcRegion, AvcView},
        clearcodec::ClearCodecEncoder,
        nscodec::NsCodecOptions,
        picture::PictureRef,
        planar::PlanarOptions,
        progressive::{Pass, ProgressiveEncoder, ProgressiveEncoderOptions},
        remotefx::{Entropy, RemoteFxEncoder, RemoteFxEncoderOptions},
    };

    use super::*;
    use crate::put_piece;

    /// A seed for each of some sizes and pictures: the size's choice, and what `write` appends.
    fn each(mut write: impl FnMut(&PictureRef<'_>, &mut Vec<u8>)) -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for choice in [0x00, 0x11, 0x57, 0x9e] {
            for picture in pictures(size(choice)) {
                let mut seed = vec![choice];
                write(&picture.view(), &mut seed);
                seeds.push(seed);
            }
        }
        seeds
    }

    pub fn planar() -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for (color_loss_level, subsamples_chroma) in [(0, false), (1, false), (3, true)] {
            seeds.extend(each(|picture, seed| {
                seed.push(2);
                let layout = PlanarLayout::pipeline(picture.size(), true);
                let options = PlanarOptions {
                    color_loss_level,
                    subsamples_chroma,
                };
                let mut scratch = PlanarScratch::default();
                planar_codec::encode(picture, &layout, &options, seed, &mut scratch);
            }));
        }
        seeds
    }

    pub fn interleaved() -> Vec<Vec<u8>> {
        let seeds = (0..4).flat_map(|choice| {
            each(|picture, seed| {
                seed.push(choice);
                let mut scratch = InterleavedScratch::default();
                rle::encode(
                    picture,
                    depth(choice),
                    &Palette::default(),
                    seed,
                    &mut scratch,
                );
            })
        });
        seeds.collect()
    }

    pub fn alpha() -> Vec<Vec<u8>> {
        each(alpha_codec::encode)
    }

    pub fn bitmap() -> Vec<Vec<u8>> {
        let seeds = (0..5).flat_map(|choice| {
            each(|picture, seed| {
                seed.push(choice);
                let layout = BitmapLayout::update(picture.size(), depth(choice));
                raw::encode(picture, &layout, &Palette::default(), seed);
            })
        });
        seeds.collect()
    }

    pub fn pointer() -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for (side, has_alpha) in [(1, true), (32, true), (33, false), (96, true)] {
            for picture in pictures(Size::new(side, side)) {
                let masks = pointer_codec::encode(&picture.view(), None, has_alpha);
                let mut seed = vec![side as u8, side as u8, masks.bits_per_pixel];
                put_piece(&mut seed, &masks.xor_mask);
                seed.extend(masks.and_mask);
                seeds.push(seed);
            }
        }
        seeds
    }

    pub fn avc() -> Vec<Vec<u8>> {
        let region = AvcRegion {
            rect: Rect::new(0, 0, 64, 48),
            qp: 22,
            quality: 100,
            progressive: false,
        };
        let regions = [region; 3];
        let view = || AvcView {
            regions: &regions,
            stream: &[0, 0, 0, 1, 0x67, 0x42, 0, 0x1e],
        };
        let mut small = Vec::new();
        Avc420Bitmap::encode(view(), &mut small).expect("three regions");
        let mut both = Vec::new();
        let views = oriel_codecs::avc::Avc444Views::Both {
            luma: view(),
            chroma: view(),
        };
        Avc444Bitmap::encode(views, &mut both).expect("three regions");
        vec![small, both]
    }

    pub fn remotefx() -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for entropy in [Entropy::Rlgr1, Entropy::Rlgr3] {
            seeds.extend(each(|picture, seed| {
                let mut encoder = RemoteFxEncoder::new(RemoteFxEncoderOptions {
                    entropy,
                    ..RemoteFxEncoderOptions::default()
                });
                for _ in 0..2 {
                    let mut payload = Vec::new();
                    encoder.encode(picture, &[picture.size().to_rect()], &mut payload);
                    put_piece(seed, &payload);
                }
            }));
        }
        seeds
    }

    pub fn progressive() -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for pass in [Pass::Whole, Pass::First] {
            seeds.extend(each(|picture, seed| {
                let options = ProgressiveEncoderOptions::default();
                let mut encoder = ProgressiveEncoder::new(picture.size(), options);
                let rects = [picture.size().to_rect()];
                let mut payload = Vec::new();
                encoder.encode(picture, &rects, pass, &mut payload);
                put_piece(seed, &payload);
                while encoder.unfinished() > 0 {
                    payload.clear();
                    encoder.upgrade(&rects, &mut payload);
                    put_piece(seed, &payload);
                }
            }));
        }
        seeds
    }

    pub fn clearcodec() -> Vec<Vec<u8>> {
        let mut encoder = ClearCodecEncoder::new();
        let each = each(|picture, seed| {
            let mut payload = Vec::new();
            encoder.encode(picture, &mut payload);
            put_piece(seed, &payload);
        });
        // One after the other they fill the caches, and the second time round they are used.
        let mut seeds = vec![each.concat()];
        seeds.extend(each);
        seeds
    }

    pub fn nscodec() -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for chroma_subsampling in [false, true] {
            seeds.extend(each(|picture, seed| {
                let options = NsCodecOptions {
                    color_loss_level: 3,
                    chroma_subsampling,
                    has_alpha: true,
                    ..NsCodecOptions::default()
                };
                ns::encode(picture, &options, seed, &mut NsCodecScratch::default());
            }));
        }
        seeds
    }

    pub fn jpeg() -> Vec<Vec<u8>> {
        each(|picture, seed| jpeg_codec::encode(picture, 80, seed))
    }
}
