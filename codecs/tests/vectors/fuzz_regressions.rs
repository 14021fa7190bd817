//! Inputs that once broke another project, whatever they were made for.

use oriel_codecs::clearcodec::ClearCodecDecoder;
use oriel_codecs::jpeg::{self, JpegScratch};
use oriel_codecs::nscodec::{self, NsCodecScratch};
use oriel_codecs::{Picture, RowOrder, Size};

use crate::folder;

#[test]
fn inputs_that_broke_others_break_no_picture_codec() {
    let Some(folder) = folder("fuzz-regressions") else {
        return;
    };
    let mut clear = ClearCodecDecoder::new();
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for size in [Size::new(1, 1), Size::new(7, 15), Size::new(64, 64)] {
            let mut picture = Picture::new(size);
            let target = &mut picture.as_mut();
            let _ = clear.decode(&bytes, target);
            let _ = nscodec::decode(
                &bytes,
                RowOrder::BottomUp,
                target,
                &mut NsCodecScratch::default(),
            );
            let _ = jpeg::decode(&bytes, target, &mut JpegScratch::default());
        }
        count += 1;
    }
    assert!(count > 10, "{count} files");
}
