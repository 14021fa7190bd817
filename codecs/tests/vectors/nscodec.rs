use oriel_codecs::nscodec::{NsCodecOptions, NsCodecScratch, decode, encode};
use oriel_codecs::{Picture, RowOrder, Size};

use crate::vector;

const SIZE: Size = Size::new(15, 10);

fn decoded(payload: &[u8]) -> Picture {
    let mut picture = Picture::new(SIZE);
    let mut scratch = NsCodecScratch::default();
    decode(
        payload,
        RowOrder::TopDown,
        &mut picture.as_mut(),
        &mut scratch,
    )
    .unwrap();
    picture
}

#[test]
fn the_picture_of_the_specification_decodes_to_its_pixels() {
    let (Some(payload), Some(expected)) = (
        vector("nscodec", "compressed_15x10.nsc"),
        vector("nscodec", "decompressed_15x10_argb.raw"),
    ) else {
        return;
    };
    assert_eq!(decoded(&payload).data(), expected);
}

#[test]
fn what_our_encoder_makes_of_it_comes_back_within_its_color_loss() {
    let Some(payload) = vector("nscodec", "compressed_15x10.nsc") else {
        return;
    };
    let picture = decoded(&payload);
    let options = NsCodecOptions {
        color_loss_level: 3,
        chroma_subsampling: true,
        has_alpha: true,
        row_order: RowOrder::TopDown,
    };
    let mut ours = Vec::new();
    let mut scratch = NsCodecScratch::default();
    encode(&picture.view(), &options, &mut ours, &mut scratch);
    for (a, b) in decoded(&ours).data().iter().zip(picture.data()) {
        assert!(a.abs_diff(*b) <= 8, "{a} {b}");
    }
}
