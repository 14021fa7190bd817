//! RemoteFX: every stage of the specification's example, and streams written by others.

use oriel_codecs::remotefx::{
    Component, Entropy, RemoteFxDecoder, TILE_AREA, TILE_BYTES,
    color::ycbcr_to_bgra,
    dwt::{DwtScratch, inverse},
    quant::{Borders, Quant, dequantize},
    rlgr::{decode, encode},
    sum_deltas,
};
use oriel_codecs::{Picture, Rect, Size};

fn read(name: &str) -> Option<Vec<u8>> {
    super::vector("remotefx", name)
}

fn read_i16(name: &str) -> Option<Vec<i16>> {
    let bytes = read(name)?;
    Some(
        bytes
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect(),
    )
}

#[test]
fn rlgr3_streams_decode_to_their_coefficients() {
    for component in ["y", "cb", "cr"] {
        let Some(bits) = read(&format!("rlgr3_{component}.bin")) else {
            return;
        };
        let wanted = read_i16(&format!("rlgr3_{component}.i16le")).expect("its coefficients");
        let mut out = [0; TILE_AREA];
        decode(Entropy::Rlgr3, &bits, &mut out);
        assert_eq!(out[..], wanted[..], "component {component}");
    }
}

#[test]
fn coefficients_encode_to_their_rlgr3_streams() {
    for component in ["y", "cb", "cr"] {
        let Some(wanted) = read(&format!("rlgr3_{component}.bin")) else {
            return;
        };
        let values = read_i16(&format!("rlgr3_{component}.i16le")).expect("its coefficients");
        let mut bits = Vec::new();
        encode(Entropy::Rlgr3, &values, &mut bits);
        // How the last run ends is the encoder's choice.
        let sure = wanted.len() - 2;
        assert_eq!(bits[..sure], wanted[..sure], "component {component}");
        assert!(
            bits.len().abs_diff(wanted.len()) <= 2,
            "component {component}"
        );
    }
}

/// The messages of [MS-RDPRFX] 4.2.2 and 4.2.3, and the tile set of 4.2.4 as a frame of its own.
#[test]
fn the_messages_of_the_specification_are_drawn() {
    let (Some(mut stream), Some(data), Some(tileset)) = (
        read("encode_header_messages.bin"),
        read("encode_data_messages.bin"),
        read("tileset_64x64.bin"),
    ) else {
        return;
    };
    stream.extend(&data);
    let mut decoder = RemoteFxDecoder::new();
    let mut target = Picture::new(Size::new(1024, 768));
    let mut painted = Vec::new();
    let drawn = decoder.decode(&stream, &mut target.as_mut(), &mut painted);
    assert_eq!(drawn, Ok(()));
    assert_eq!(painted, [Rect::new(0, 0, 64, 64)]);

    let frame_begin = [0xc4, 0xcc, 14, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0];
    let region = [
        0xc6, 0xcc, 23, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 64, 0, 64, 0, 0xc1, 0xca, 1, 0,
    ];
    let frame = [&frame_begin[..], &region, &tileset].concat();
    let mut target = Picture::new(Size::new(64, 64));
    let drawn = decoder.decode(&frame, &mut target.as_mut(), &mut painted);
    assert_eq!(drawn, Ok(()));
    expect_the_picture(target.data());
}

#[test]
fn the_inverse_transform_yields_the_published_samples() {
    let Some(coefficients) = read_i16("dwt_encoded.i16le") else {
        return;
    };
    let wanted = read_i16("dwt_decoded.i16le").expect("its samples");
    let coefficients: Component = coefficients.try_into().expect("a tile");
    let mut samples = [0; TILE_AREA];
    let mut scratch = DwtScratch::default();
    inverse(&coefficients, Borders::Mirror, &mut scratch, &mut samples);
    assert_eq!(samples[..], wanted[..]);
}

/// The tile of [MS-RDPRFX] 4.2.4, from its bits to its picture.
#[test]
fn the_tile_of_the_specification_becomes_its_picture() {
    let Some(tileset) = read("tileset_64x64.bin") else {
        return;
    };
    // Behind the header of the tile set: one table, then the tile, whose lengths stand before its
    // three components (2.2.2.3.4).
    let quant = Quant::from_remotefx(tileset[22..27].try_into().expect("five bytes"));
    let tile = &tileset[27..];
    let length = |at: usize| usize::from(u16::from_le_bytes([tile[at], tile[at + 1]]));
    let lengths = [length(13), length(15), length(17)];
    let mut at = 19;
    let mut components = [[0; TILE_AREA]; 3];
    for ((component, length), stage) in components.iter_mut().zip(lengths).zip([
        "stage_4.2.4.2.1_y-component-data.i16le",
        "stage_4.2.4.2.2_cb-component-data.i16le",
        "stage_4.2.4.2.3_cr-component-data.i16le",
    ]) {
        decode(Entropy::Rlgr3, &tile[at..at + length], component);
        at += length;
        let wanted = read_i16(stage).expect("the stage");
        assert_eq!(component[..], wanted[..], "{stage}");
        sum_deltas(&mut component[4032..]);
        dequantize(component, Borders::Mirror, &quant, &Quant::ZERO);
        let coefficients = *component;
        let mut scratch = DwtScratch::default();
        inverse(&coefficients, Borders::Mirror, &mut scratch, component);
    }
    for (component, stage) in [
        (
            &components[0],
            "stage_4.2.4.3.3.7_inverse-dwt-y-l0-h0_fx11_5.i16le",
        ),
        (
            &components[1],
            "stage_4.2.4.3.5_reconstructed-cb-component_fx11_5.i16le",
        ),
        (
            &components[2],
            "stage_4.2.4.3.6_reconstructed-cr-component_fx11_5.i16le",
        ),
    ] {
        // The specification rounds now up, now down; through three levels that makes two
        // thirty-seconds of a step.
        let wanted = read_i16(stage).expect("the stage");
        let worst = component
            .iter()
            .zip(wanted)
            .map(|(got, wanted)| got.abs_diff(wanted))
            .max();
        assert!(worst <= Some(2), "{stage}: off by {worst:?}");
    }
    let mut bgra = [0; TILE_BYTES];
    let [y, cb, cr] = components.each_ref().map(|c| c.as_chunks().0);
    for (row, bgra) in bgra.as_chunks_mut().0.iter_mut().enumerate() {
        ycbcr_to_bgra(&y[row], &cb[row], &cr[row], bgra);
    }
    expect_the_picture(&bgra);
}

/// Within a step of what [MS-RDPRFX] 4.2.4.4 prints.
fn expect_the_picture(bgra: &[u8]) {
    let wanted = read("stage_4.2.4.4_inverse-color-conversion_xrgb.bin").expect("the picture");
    for (pixel, (got, xrgb)) in bgra.chunks_exact(4).zip(wanted.chunks_exact(4)).enumerate() {
        for (got, wanted) in got[..3].iter().zip([xrgb[3], xrgb[2], xrgb[1]]) {
            assert!(
                got.abs_diff(wanted) <= 1,
                "pixel {pixel}: {got} for {wanted}"
            );
        }
    }
}
