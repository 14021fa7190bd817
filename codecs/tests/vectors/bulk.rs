use oriel_codecs::bulk::{
    BulkCompressor, BulkDecompressor, CompressionLevel, PACKET_AT_FRONT, PACKET_COMPRESSED,
    PACKET_FLUSHED, mppc, ncrush,
};

use crate::vector;

const FIRST: u8 = PACKET_COMPRESSED | PACKET_AT_FRONT | PACKET_FLUSHED;

#[test]
fn what_freerdp_packed_expands_to_the_plain_text() {
    for (wire, plain, level) in [
        ("bells.mppc8k", "bells.raw", CompressionLevel::K8),
        ("bells.mppc64k", "bells.raw", CompressionLevel::K64),
        ("island.mppc64k", "island.raw", CompressionLevel::K64),
        ("bells.ncrush", "bells.raw", CompressionLevel::Rdp6),
    ] {
        let (Some(bytes), Some(plain)) = (vector("bulk", wire), vector("bulk", plain)) else {
            return;
        };
        let mut decompressor = BulkDecompressor::new();
        let expanded = decompressor.decompress(FIRST | level as u8, &bytes);
        assert_eq!(expanded.unwrap(), plain, "{wire}");
    }
}

#[test]
fn our_packing_of_the_same_is_about_as_small() {
    for (wire, plain, level) in [
        ("bells.mppc8k", "bells.raw", CompressionLevel::K8),
        ("bells.mppc64k", "bells.raw", CompressionLevel::K64),
        ("island.mppc64k", "island.raw", CompressionLevel::K64),
        ("bells.ncrush", "bells.raw", CompressionLevel::Rdp6),
    ] {
        let (Some(theirs), Some(plain)) = (vector("bulk", wire), vector("bulk", plain)) else {
            return;
        };
        let mut ours = Vec::new();
        let flags = BulkCompressor::new(level).compress(&plain, &mut ours);
        assert_ne!(flags & PACKET_COMPRESSED, 0);
        assert!(
            ours.len() <= theirs.len() + 2,
            "{wire}: {} bytes, theirs {}",
            ours.len(),
            theirs.len()
        );
    }
}

#[test]
fn the_two_packets_of_the_specification_expand_with_one_history() {
    let (Some(first), Some(mut second)) = (
        vector("bulk", "rdp61_spec_1.xcrush"),
        vector("bulk", "rdp61_spec_2.xcrush"),
    ) else {
        return;
    };
    let flags = PACKET_COMPRESSED | CompressionLevel::Rdp61 as u8;
    let mut decompressor = BulkDecompressor::new();
    let plain = decompressor.decompress(flags, &first).unwrap();
    assert_eq!(plain, b"abcdefghij");
    // The text shows the second packet with the inner compression already undone, while its flags
    // still tell of it ([MS-RDPEGDI] 4.7).
    second[..2].copy_from_slice(&[0x01, 0]);
    let plain = decompressor.decompress(flags, &second).unwrap();
    assert_eq!(plain, b"klmnodefghijklabcdu");
}

#[test]
fn input_that_broke_another_decompressor_is_survived() {
    let Some(bytes) = vector(
        "fuzz-regressions",
        "bulk_round_trip__crash-02903c340978ae540ae7fcf77c58669346",
    ) else {
        return;
    };
    for level in CompressionLevel::ALL {
        let _ = BulkDecompressor::new().decompress(PACKET_COMPRESSED | level as u8, &bytes);
        let mut wire = Vec::new();
        let flags = BulkCompressor::new(level).compress(&bytes, &mut wire);
        let mut decompressor = BulkDecompressor::new();
        assert_eq!(decompressor.decompress(flags, &wire).unwrap(), bytes);
    }
    let _ = mppc::Decompressor::new(mppc::Form::K8).decompress(FIRST, &bytes);
    let _ = ncrush::Decompressor::new().decompress(FIRST, &bytes);
}
