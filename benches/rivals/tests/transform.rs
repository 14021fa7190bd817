//! RemoteFX and its progressive form: the same coefficients, through the same transform.
//!
//! The tolerance is a step of a channel to FreeRDP, and two to IronRDP's RemoteFX. Entropy coding,
//! quantisation and the wavelet are exact in these decoders. Colours are not: each rounds the
//! products of its conversion in a place of its own, IronRDP with fewer bits.
//!
//! IronRDP's progressive decoder is a special case: it has no fractional bits, and rounds at each
//! level of the wavelet, so that noise may be far off in a pixel. It is allowed 2.5 steps on average:
//! a wrong band is off by more.

use oriel_codecs::{
    Picture, Point, Rect, Size,
    progressive::{Pass, ProgressiveDecoder, ProgressiveEncoder, ProgressiveEncoderOptions},
    remotefx::{
        Entropy, Mode, RemoteFxDecoder, RemoteFxEncoder, RemoteFxEncoderOptions,
        quant::{Borders, Quant},
    },
};
use oriel_rivals::{
    freerdp::{self, FreeRdp},
    ironrdp,
    samples::{Distance, Frame, Samples},
};

const ROUNDS: u32 = 60;

fn assert_near(ours: &Picture, theirs: &Picture, who: &str, most: u8) {
    let distance = Distance::of_colors(ours.data(), theirs.data());
    assert!(
        distance.most <= most,
        "{who}: {distance:?} at {:?}",
        ours.size()
    );
}

/// Rectangles of which some overlap, and none is empty.
fn rects(samples: &mut Samples, size: Size) -> Vec<Rect> {
    let count = samples.pick(0..=4);
    let mut rects: Vec<Rect> = (0..count)
        .map(|_| {
            let left = samples.pick(0..=size.width - 1) as i32;
            let top = samples.pick(0..=size.height - 1) as i32;
            let right = samples.pick(left as u32 + 1..=size.width) as i32;
            let bottom = samples.pick(top as u32 + 1..=size.height) as i32;
            Rect::new(left, top, right, bottom)
        })
        .collect();
    if rects.is_empty() {
        rects.push(size.to_rect());
    }
    rects
}

fn quant(samples: &mut Samples) -> Quant {
    let mut factor = || samples.pick(6..=10) as u8;
    let [a, b, c, d] = [0; 4].map(|_| factor());
    Quant::new(a, [b, b, c], [c, c, d], [d, d, d])
}

struct RemoteFxDecoders {
    size: Size,
    ours: RemoteFxDecoder,
    freerdp: Option<freerdp::RemoteFx>,
    ironrdp: ironrdp::RemoteFx,
}

impl RemoteFxDecoders {
    fn new(size: Size) -> Self {
        Self {
            size,
            ours: RemoteFxDecoder::new(),
            freerdp: FreeRdp::load().map(|freerdp| freerdp::RemoteFx::new(freerdp, size)),
            ironrdp: ironrdp::RemoteFx::default(),
        }
    }

    fn decode(&mut self, payload: &[u8], samples: &mut Samples) -> Picture {
        let mut ours = Frame::new(samples, self.size);
        let mut view = ours.picture.as_mut();
        let target = &mut view.sub(&ours.place).expect("in the frame");
        let decoded = self.ours.decode(payload, target, &mut Vec::new());
        decoded.expect("Oriel decodes it");
        ours.assert_margins("Oriel");
        if let Some(freerdp) = &mut self.freerdp {
            let mut theirs = ours.blank();
            let origin = theirs.place.origin();
            assert!(
                freerdp.decode(payload, &mut theirs.picture, origin),
                "FreeRDP refuses"
            );
            assert_near(&ours.picture, &theirs.picture, "FreeRDP", 1);
        }
        let mut theirs = ours.blank().cut();
        assert!(self.ironrdp.decode(payload, &mut theirs), "IronRDP refuses");
        let ours = ours.cut();
        assert_near(&ours, &theirs, "IronRDP", 2);
        ours
    }
}

#[test]
fn remotefx_is_drawn_alike_with_both_entropy_coders() {
    FreeRdp::load_or_say();
    let mut samples = Samples::new(11);
    for round in 0..ROUNDS {
        let size = samples.size(300);
        let mut encoder = RemoteFxEncoder::new(RemoteFxEncoderOptions {
            entropy: [Entropy::Rlgr1, Entropy::Rlgr3][round as usize % 2],
            // IronRDP has no headers of its own from one payload to the next: only the entropy
            // coder's name, which it looks for in each payload's tile set again.
            mode: [Mode::Image, Mode::Video][round as usize / 2 % 2],
            quants: [0; 3].map(|_| quant(&mut samples)),
        });
        let mut decoders = RemoteFxDecoders::new(size);
        for _ in 0..3 {
            let source = samples.picture(size);
            let rects = rects(&mut samples, size);
            let mut payload = Vec::new();
            encoder.encode(&source.view(), &rects, &mut payload);
            decoders.decode(&payload, &mut samples);
        }
    }
}

#[test]
fn remotefx_of_freerdp_is_drawn_alike_and_shows_the_source() {
    let Some(freerdp) = FreeRdp::load_or_say() else {
        return;
    };
    let mut samples = Samples::new(12);
    for round in 0..ROUNDS {
        let size = samples.size(300);
        let entropy = [Entropy::Rlgr1, Entropy::Rlgr3][round as usize % 2];
        let mut encoder = freerdp::RemoteFxEncoder::new(freerdp, size, entropy);
        let mut decoders = RemoteFxDecoders::new(size);
        for _ in 0..3 {
            let source = samples.picture(size);
            let payload = encoder
                .encode(&source, &[size.to_rect()])
                .expect("FreeRDP encodes");
            let drawn = decoders.decode(payload, &mut samples);
            let distance = Distance::of_colors(drawn.data(), source.data());
            assert!(distance.mean < 12.0, "{distance:?} to the source");
        }
    }
}

struct ProgressiveDecoders {
    size: Size,
    ours: ProgressiveDecoder,
    freerdp: Option<freerdp::Progressive>,
    ironrdp: ironrdp::Progressive,
    frames: [Frame; 2],
    third: Picture,
}

impl ProgressiveDecoders {
    fn new(samples: &mut Samples, size: Size) -> Self {
        let frame = Frame::new(samples, size);
        // FreeRDP draws nothing that lies beyond the surface's size in the target, wherever in
        // the target the surface may begin.
        let at_origin = Frame {
            place: size.to_rect(),
            ..frame.blank()
        };
        Self {
            size,
            ours: ProgressiveDecoder::new(size),
            freerdp: FreeRdp::load().map(|freerdp| freerdp::Progressive::new(freerdp, size, false)),
            ironrdp: ironrdp::Progressive::new(size),
            third: frame.cut(),
            frames: [frame.blank(), at_origin],
        }
    }

    /// Surfaces keep what was drawn before.
    fn decode(&mut self, payload: &[u8], is_whole: bool, what: &str) -> Picture {
        let [ours, theirs] = &mut self.frames;
        let mut view = ours.picture.as_mut();
        let target = &mut view.sub(&ours.place).expect("in the frame");
        let (origin, painted) = (Point::new(0, 0), &mut Vec::new());
        let decoded = self.ours.decode(payload, origin, target, painted);
        decoded.expect("Oriel decodes it");
        ours.assert_margins("Oriel");
        let ours = ours.cut();
        if let Some(freerdp) = &mut self.freerdp {
            let is_decoded = freerdp.decode(payload, &mut theirs.picture, theirs.place);
            assert!(is_decoded, "FreeRDP refuses {what} at {:?}", self.size);
            assert_near(&ours, &theirs.cut(), &format!("FreeRDP, {what}"), 1);
        }
        let mut payload = payload.to_vec();
        ironrdp::Progressive::move_flag(&mut payload);
        assert!(
            self.ironrdp.decode(&payload, &mut self.third),
            "IronRDP refuses {what}"
        );
        // Of several rectangles it leaves some out.
        if is_whole {
            let distance = Distance::of_colors(ours.data(), self.third.data());
            assert!(
                distance.mean <= 2.5,
                "IronRDP, {what}: {distance:?} at {:?}",
                self.size
            );
        }
        ours
    }
}

fn progressive_options(samples: &mut Samples, borders: Borders) -> ProgressiveEncoderOptions {
    ProgressiveEncoderOptions {
        quants: [0; 3].map(|_| quant(samples)),
        borders,
        is_differencing: false,
        ..ProgressiveEncoderOptions::default()
    }
}

#[test]
fn progressive_simple_tiles_are_drawn_alike() {
    FreeRdp::load_or_say();
    let mut samples = Samples::new(13);
    for _ in 0..ROUNDS {
        let size = samples.size(300);
        let options = progressive_options(&mut samples, Borders::ReduceExtrapolate);
        let mut encoder = ProgressiveEncoder::new(size, options);
        let mut decoders = ProgressiveDecoders::new(&mut samples, size);
        for _ in 0..3 {
            let source = samples.picture(size);
            let rects = rects(&mut samples, size);
            let mut payload = Vec::new();
            encoder.encode(&source.view(), &rects, Pass::Whole, &mut payload);
            let is_whole = rects == [size.to_rect()];
            decoders.decode(&payload, is_whole, "simple tiles");
        }
    }
}

#[test]
fn progressive_first_and_upgrade_passes_are_drawn_alike() {
    FreeRdp::load_or_say();
    let mut samples = Samples::new(14);
    for _ in 0..ROUNDS {
        let size = samples.size(300);
        let options = progressive_options(&mut samples, Borders::ReduceExtrapolate);
        let mut encoder = ProgressiveEncoder::new(size, options);
        let mut decoders = ProgressiveDecoders::new(&mut samples, size);
        for _ in 0..2 {
            let source = samples.picture(size);
            let mut payload = Vec::new();
            encoder.encode(&source.view(), &[size.to_rect()], Pass::First, &mut payload);
            decoders.decode(&payload, true, "a first pass");
            while encoder.unfinished() > 0 {
                payload.clear();
                encoder.upgrade(&[size.to_rect()], &mut payload);
                decoders.decode(&payload, true, "an upgrade");
            }
        }
    }
}

#[test]
fn progressive_of_freerdp_is_drawn_alike_and_shows_the_source() {
    let Some(freerdp) = FreeRdp::load_or_say() else {
        return;
    };
    let mut samples = Samples::new(15);
    for _ in 0..ROUNDS {
        let size = samples.size(300);
        let mut encoder = freerdp::Progressive::new(freerdp, size, true);
        let mut decoders = ProgressiveDecoders::new(&mut samples, size);
        for _ in 0..2 {
            let source = samples.picture(size);
            let payload = encoder.encode(&source).expect("FreeRDP encodes");
            let drawn = decoders.decode(payload, true, "FreeRDP's simple tiles");
            let distance = Distance::of_colors(drawn.data(), source.data());
            assert!(distance.mean < 12.0, "{distance:?} to the source");
        }
    }
}

#[test]
fn progressive_payloads_of_many_tiles_are_drawn_alike() {
    FreeRdp::load_or_say();
    let mut samples = Samples::new(16);
    let size = Size::new(1920, 1080);
    let mut encoder = ProgressiveEncoder::new(
        size,
        progressive_options(&mut samples, Borders::ReduceExtrapolate),
    );
    let mut decoders = ProgressiveDecoders::new(&mut samples, size);
    let whole = [size.to_rect()];
    for _ in 0..2 {
        let source = samples.picture(size);
        let mut payload = Vec::new();
        encoder.encode(&source.view(), &whole, Pass::First, &mut payload);
        decoders.decode(&payload, true, "a first pass");
        while encoder.unfinished() > 0 {
            payload.clear();
            encoder.upgrade(&whole, &mut payload);
            decoders.decode(&payload, true, "an upgrade");
        }
    }
}
