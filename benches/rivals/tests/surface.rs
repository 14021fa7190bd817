//! ClearCodec, NSCodec and JPEG.

use oriel_codecs::{
    Picture, RowOrder, Size,
    clearcodec::{ClearCodecDecoder, ClearCodecEncoder},
    jpeg::{self, JpegScratch},
    nscodec::{self, NsCodecOptions, NsCodecScratch},
};
use oriel_rivals::{
    freerdp::{self, FreeRdp},
    ironrdp,
    samples::{Distance, Frame, Samples, picture_of_rgb},
};

const ROUNDS: u32 = 150;

fn assert_within(steps: u8, ours: &Picture, theirs: &Picture, who: &str) {
    let distance = Distance::of_colors(ours.data(), theirs.data());
    assert!(
        distance.most <= steps,
        "{who}: {distance:?} at {:?}",
        ours.size()
    );
}

/// One connection: caches fill up from picture to picture.
struct ClearCodecDecoders {
    ours: ClearCodecDecoder,
    freerdp: Option<freerdp::ClearCodec>,
    ironrdp: ironrdp::ClearCodec,
}

impl ClearCodecDecoders {
    fn new() -> Self {
        Self {
            ours: ClearCodecDecoder::new(),
            freerdp: FreeRdp::load().map(freerdp::ClearCodec::new),
            ironrdp: ironrdp::ClearCodec::default(),
        }
    }

    /// Without loss, so that the tolerance is 0; and every layer covers its pixels, so that what
    /// was drawn before does not matter.
    fn decode(&mut self, payload: &[u8], source: &Picture, samples: &mut Samples) {
        let size = source.size();
        let mut ours = Frame::new(samples, size);
        let mut view = ours.picture.as_mut();
        let target = &mut view.sub(&ours.place).expect("in the frame");
        self.ours.decode(payload, target).expect("Oriel decodes it");
        ours.assert_margins("Oriel");
        if let Some(freerdp) = &mut self.freerdp {
            let mut theirs = ours.blank();
            let is_decoded = freerdp.decode(payload, &mut theirs.picture, theirs.place);
            assert!(is_decoded, "FreeRDP refuses {size:?}");
            assert_within(0, &ours.picture, &theirs.picture, "FreeRDP");
        }
        let theirs = self
            .ironrdp
            .decode(payload, size)
            .expect("IronRDP decodes it");
        let theirs = Picture::from_bgra(size, theirs).expect("four bytes a pixel");
        let ours = ours.cut();
        assert_within(0, &ours, &theirs, "IronRDP");
        assert_within(0, &ours, source, "the source");
    }
}

#[test]
fn clearcodec_pictures_are_drawn_alike_with_all_layers_and_caches() {
    FreeRdp::load_or_say();
    let mut samples = Samples::new(21);
    for _ in 0..4 {
        let (mut encoder, mut decoders) = (ClearCodecEncoder::new(), ClearCodecDecoders::new());
        for _ in 0..ROUNDS {
            let size = samples.size(200);
            let source = samples.picture(size);
            // Often twice: the second time from the caches.
            for _ in 0..samples.pick(1..=2) {
                let mut payload = Vec::new();
                encoder.encode(&source.view(), &mut payload);
                decoders.decode(&payload, &source, &mut samples);
            }
        }
    }
}

#[test]
fn clearcodec_pictures_of_ironrdp_are_drawn_alike() {
    FreeRdp::load_or_say();
    let mut samples = Samples::new(22);
    let mut encoder = ironrdp::ClearCodec::default();
    let mut decoders = ClearCodecDecoders::new();
    for _ in 0..ROUNDS {
        let size = samples.size(200);
        let source = samples.picture(size);
        let payload = encoder.encode(&source);
        decoders.decode(&payload, &source, &mut samples);
    }
}

/// The tolerance is 0: the conversion is of whole numbers, with nothing to round.
fn decode_nscodec_by_all(
    payload: &[u8],
    size: Size,
    row_order: RowOrder,
    samples: &mut Samples,
) -> Picture {
    let mut ours = Frame::new(samples, size);
    let mut view = ours.picture.as_mut();
    let target = &mut view.sub(&ours.place).expect("in the frame");
    nscodec::decode(payload, row_order, target, &mut NsCodecScratch::default())
        .expect("Oriel decodes it");
    ours.assert_margins("Oriel");
    let drawn = ours.cut();
    match row_order {
        RowOrder::BottomUp => {
            if let Some(freerdp) = FreeRdp::load() {
                let mut theirs = ours.blank();
                let mut codec = freerdp::NsCodec::new(freerdp, size);
                let is_decoded = codec.decode(payload, &mut theirs.picture, theirs.place);
                assert!(is_decoded, "FreeRDP refuses {size:?}");
                assert_within(0, &ours.picture, &theirs.picture, "FreeRDP");
            }
        }
        // ClearCodec, which takes us to IronRDP's decoder, has a limit of its own.
        RowOrder::TopDown if payload.len() as u64 > 3 * size.area() => {}
        RowOrder::TopDown => {
            let mut codec = ironrdp::NsCodec::default();
            let theirs = codec.decode(payload, size).expect("IronRDP decodes it");
            let theirs = Picture::from_bgra(size, theirs).expect("four bytes a pixel");
            assert_within(0, &drawn, &theirs, "IronRDP");
        }
    }
    drawn
}

#[test]
fn nscodec_pictures_are_drawn_alike_at_every_loss() {
    FreeRdp::load_or_say();
    let mut samples = Samples::new(23);
    for round in 0..ROUNDS {
        let size = samples.size(200);
        let source = samples.picture(size);
        for row_order in [RowOrder::BottomUp, RowOrder::TopDown] {
            let options = NsCodecOptions {
                color_loss_level: samples.pick(1..=7) as u8,
                chroma_subsampling: round % 2 == 0,
                has_alpha: false,
                row_order,
            };
            let mut payload = Vec::new();
            let scratch = &mut NsCodecScratch::default();
            nscodec::encode(&source.view(), &options, &mut payload, scratch);
            decode_nscodec_by_all(&payload, size, row_order, &mut samples);
        }
    }
}

#[test]
fn nscodec_pictures_of_others_are_drawn_alike() {
    let freerdp = FreeRdp::load_or_say();
    let mut samples = Samples::new(24);
    for round in 0..ROUNDS {
        let size = samples.size(200);
        let source = samples.picture(size);
        let level = samples.pick(1..=7) as u8;
        let payload = ironrdp::encode_nscodec(&source, level);
        // It lets planes grow by coding, which only looks like a plane that is not coded.
        if is_sound(&payload, size) {
            for row_order in [RowOrder::BottomUp, RowOrder::TopDown] {
                decode_nscodec_by_all(&payload, size, row_order, &mut samples);
            }
        }
        if let Some(freerdp) = freerdp {
            let mut codec = freerdp::NsCodec::new(freerdp, size);
            codec.set_loss(level, round % 2 == 0);
            let payload = codec.encode(&source).expect("FreeRDP encodes");
            decode_nscodec_by_all(payload, size, RowOrder::BottomUp, &mut samples);
        }
    }
}

/// Whether no plane has more bytes than values.
fn is_sound(payload: &[u8], size: Size) -> bool {
    let counts = payload[..16].chunks_exact(4);
    counts
        .map(|count| u32::from_le_bytes(count.try_into().expect("four bytes")))
        .all(|count| u64::from(count) <= size.area())
}

/// The tolerance is 3 steps and a mean of 0.5: libraries may choose how they round the inverse
/// transform, and differ in how they spread chroma that is subsampled, which is left out here.
#[test]
fn jpeg_files_are_drawn_nearly_alike() {
    let Some(freerdp) = FreeRdp::load_or_say() else {
        return;
    };
    let mut samples = Samples::new(25);
    for _ in 0..ROUNDS {
        let size = samples.size(200);
        let source = samples.picture(size);
        let mut file = Vec::new();
        jpeg::encode(&source.view(), samples.pick(90..=100) as u8, &mut file);
        let mut ours = Picture::new(size);
        jpeg::decode(&file, &mut ours.as_mut(), &mut JpegScratch::default()).expect("our own");
        let mut rgb = Vec::new();
        assert!(freerdp::decode_jpeg(freerdp, &file, size, &mut rgb));
        let theirs = picture_of_rgb(&rgb, size);
        let distance = Distance::of_colors(ours.data(), theirs.data());
        assert!(
            distance.most <= 3 && distance.mean <= 0.5,
            "{distance:?} at {size:?}"
        );
    }
}
