//! JPEG files that other encoders made, against what another decoder makes of them:
//! `fixtures/jpeg/make.py` tells how they came to be.

use std::{fs, path::PathBuf};

use oriel_codecs::{
    Picture, Size,
    jpeg::{self, JpegScratch},
};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/jpeg")).join(name)
}

/// The most and the mean that a color of our picture differs from libjpeg-turbo's.
fn difference(name: &str) -> (u8, f64) {
    let expected = image::open(fixture(&format!("{name}.png"))).expect("a picture");
    let expected = expected.to_rgb8();
    let size = Size::new(expected.width(), expected.height());
    let file = fs::read(fixture(&format!("{name}.jpg"))).expect("a file");
    let mut decoded = Picture::filled(size, [9; 4]);
    jpeg::decode(&file, &mut decoded.as_mut(), &mut JpegScratch::default()).expect("valid");
    let (mut most, mut sum) = (0, 0.0);
    for (ours, theirs) in decoded
        .data()
        .as_chunks::<4>()
        .0
        .iter()
        .zip(expected.pixels())
    {
        let [blue, green, red, alpha] = *ours;
        assert_eq!(alpha, 255);
        for (ours, theirs) in [red, green, blue].into_iter().zip(theirs.0) {
            most = most.max(ours.abs_diff(theirs));
            sum += f64::from(ours.abs_diff(theirs));
        }
    }
    (most, sum / (size.area() * 3) as f64)
}

#[test]
fn files_of_other_encoders_are_decoded_as_libjpeg_turbo_decodes_them() {
    let names = [
        "444",
        "422",
        "420",
        "420-coarse",
        "gray",
        "progressive",
        "restarts",
        "mjpeg",
    ];
    for name in names {
        let (most, mean) = difference(name);
        assert!(
            most <= 3 && mean < 0.5,
            "{name}: {most} at most, {mean} on average"
        );
    }
}
