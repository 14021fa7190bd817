use oriel_codecs::bulk::zgfx::{Compressor, Decompressor, MAX_MESSAGE_BYTES};

use crate::vector;

fn expand(decompressor: &mut Decompressor, wire: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    decompressor.decompress(wire, &mut out).unwrap();
    out
}

#[test]
fn the_examples_of_the_specification_expand_to_what_it_says() {
    for (wire, plain) in [
        ("spec_ex1.zgfx", "spec_ex1.raw"),
        ("spec_ex2.zgfx", "spec_fox.raw"),
        ("spec_ex3.zgfx", "spec_ex3.raw"),
        ("spec_ex4.zgfx", "spec_fox.raw"),
    ] {
        let (Some(wire), Some(plain)) = (vector("zgfx", wire), vector("zgfx", plain)) else {
            return;
        };
        assert_eq!(expand(&mut Decompressor::new(), &wire), plain);
    }
}

#[test]
fn a_recorded_conversation_expands_with_one_history() {
    let mut decompressor = Decompressor::new();
    let mut compressor = Compressor::new();
    let mut mirror = Decompressor::new();
    for i in 0..3 {
        let (Some(wire), Some(plain)) = (
            vector("zgfx", &format!("ironrdp_{i}.zgfx")),
            vector("zgfx", &format!("ironrdp_{i}.raw")),
        ) else {
            return;
        };
        assert_eq!(expand(&mut decompressor, &wire), plain, "message {i}");
        let mut ours = Vec::new();
        compressor.compress(&plain, &mut ours);
        assert_eq!(expand(&mut mirror, &ours), plain, "message {i}, ours");
        assert!(
            ours.len() <= wire.len() * 3 / 2,
            "ours {} theirs {}",
            ours.len(),
            wire.len()
        );
    }
}

#[test]
fn input_that_broke_another_decompressor_is_survived() {
    let Some(bytes) = vector(
        "fuzz-regressions",
        "bulk_round_trip__crash-02903c340978ae540ae7fcf77c58669346",
    ) else {
        return;
    };
    for prefix in [&[][..], &[0xE0, 0x24], &[0xE1, 1, 0, 9, 0, 0, 0]] {
        let wire = [prefix, &bytes].concat();
        let mut out = Vec::new();
        let _ = Decompressor::new().decompress(&wire, &mut out);
        assert!(out.len() <= MAX_MESSAGE_BYTES);
    }
    let mut wire = Vec::new();
    Compressor::new().compress(&bytes, &mut wire);
    assert_eq!(expand(&mut Decompressor::new(), &wire), bytes);
}
