use super::orders::{MASK_1, MASK_2, MASK_PIXELS, MAX_LENGTH, Order, header_bytes, write_header};
use super::{InterleavedScratch, Pixel, WHITE_8, WHITE_15, WHITE_16, WHITE_24};
use crate::color_depth::ColorDepth;
use crate::palette::Palette;
use crate::picture::PictureRef;

/// Appends `source` as one stream. At 8 bits a pixel the nearest colours of `palette` are taken.
///
/// The width should divide by four: clients expect it of bitmap updates.
///
/// # Panics
/// If `depth` is [`ColorDepth::Bgrx32`], which the codec does not know.
pub fn encode(
    source: &PictureRef<'_>,
    depth: ColorDepth,
    palette: &Palette,
    out: &mut Vec<u8>,
    scratch: &mut InterleavedScratch,
) {
    let packed = &mut scratch.packed;
    packed.clear();
    for y in (0..source.size().height).rev() {
        depth.pack_row(palette, source.row(y), packed);
    }
    let width = source.size().width as usize;
    match depth {
        ColorDepth::Indexed8 => Encoder::new(packed, width, WHITE_8).encode(out),
        ColorDepth::Rgb555 => Encoder::new(packed, width, WHITE_15).encode(out),
        ColorDepth::Rgb565 => Encoder::new(packed, width, WHITE_16).encode(out),
        ColorDepth::Bgr24 => Encoder::new(packed, width, WHITE_24).encode(out),
        ColorDepth::Bgrx32 => panic!("interleaved RLE has no 32 bits a pixel"),
    }
}

/// Pixels whose bits, in an image, take more than the run that they could be and the header of
/// the order after it.
const LONG_STREAK: usize = 4 * MASK_PIXELS;

/// An order that could be written next.
struct Candidate<P> {
    order: Order,
    /// Pixels it covers.
    pixels: usize,
    /// Bytes it takes.
    bytes: usize,
    /// The foreground after it.
    foreground: P,
}

struct Encoder<P> {
    /// In the order of the stream.
    pixels: Vec<P>,
    width: usize,
    white: P,
    foreground: P,
    /// Whether the last order was a background run, and if so whether on the first row.
    background_before: Option<bool>,
}

impl<P: Pixel> Encoder<P> {
    fn new(packed: &[u8], width: usize, white: P) -> Self {
        Self {
            pixels: packed.chunks_exact(P::BYTES).map(P::read).collect(),
            width,
            white,
            foreground: white,
            background_before: None,
        }
    }

    fn encode(mut self, out: &mut Vec<u8>) {
        let mut at = 0;
        // Pixels from here on are not covered yet.
        let mut pending = 0;
        while at < self.pixels.len() {
            // An order that starts on the first row must end on it: decoders do not agree what
            // is above its pixels on the second.
            let first_row = at < self.width;
            let end = if first_row {
                self.width
            } else {
                self.pixels.len()
            };
            let limit = end.min(at + MAX_LENGTH);
            // What interrupts pixels sent as they are costs a further header.
            let price = usize::from(at > pending);
            let best = self
                .may_save(at, limit, price)
                .then(|| self.best(at, limit, first_row, at > pending))
                .flatten();
            match best {
                Some(candidate) if candidate.bytes + price < candidate.pixels * P::BYTES => {
                    self.flush(pending, at, out);
                    self.write(at, &candidate, first_row, out);
                    at += candidate.pixels;
                    pending = at;
                }
                _ => {
                    at += 1;
                    if at - pending == MAX_LENGTH || at == end {
                        self.flush(pending, at, out);
                        pending = at;
                    }
                }
            }
        }
    }

    /// The pixel above, which on the first row is black.
    fn above(&self, at: usize) -> P {
        match at.checked_sub(self.width) {
            Some(above) => self.pixels[above],
            None => P::default(),
        }
    }

    /// How many pixels from `at` on, none at `limit`, satisfy `f`.
    fn count(&self, at: usize, limit: usize, f: impl Fn(usize) -> bool) -> usize {
        (at..limit).take_while(|&i| f(i)).count()
    }

    /// False where no order saves more than `price` bytes: grain is passed over without trying them
    /// all. An order of one pixel says nothing of its colour, and longer ones repeat something at
    /// once.
    fn may_save(&self, at: usize, limit: usize, price: usize) -> bool {
        let pixel = self.pixels[at];
        let flipped = pixel ^ self.above(at);
        let is_image = |flipped: P| flipped == P::default() || flipped == self.foreground;
        // The least order is a byte.
        if P::BYTES > 1 + price
            && (is_image(flipped) || pixel == self.white || pixel == P::default())
        {
            return true;
        }
        let Some(&next) = self.pixels[..limit].get(at + 1) else {
            return false;
        };
        let next_flipped = next ^ self.above(at + 1);
        next == pixel
            || next_flipped == P::default()
            || next_flipped == flipped
            || is_image(flipped) && is_image(next_flipped)
            || self.pixels[..limit].get(at + 2) == Some(&pixel)
    }

    /// The order that saves most over pixels as they are.
    fn best(
        &self,
        at: usize,
        limit: usize,
        first_row: bool,
        is_pending: bool,
    ) -> Option<Candidate<P>> {
        let pixel = self.pixels[at];
        let flipped = pixel ^ self.above(at);
        let mut best: Option<(usize, Candidate<P>)> = None;
        let mut offer = |order, pixels: usize, extra_bytes, foreground| {
            let length = match order {
                Order::DitheredRun => pixels / 2,
                _ => pixels,
            };
            if length == 0 {
                return;
            }
            let bytes = header_bytes(order, length) + extra_bytes;
            let saved = (pixels * P::BYTES).saturating_sub(bytes);
            if best.as_ref().is_none_or(|(most, _)| saved > *most) {
                let candidate = Candidate {
                    order,
                    pixels,
                    bytes,
                    foreground,
                };
                best = Some((saved, candidate));
            }
        };
        let kept = self.foreground;

        if flipped == P::default() {
            // On end with another it would not say the same.
            if is_pending || self.background_before != Some(first_row) {
                let run = self.count(at, limit, |i| self.pixels[i] == self.above(i));
                offer(Order::BackgroundRun, run, 0, kept);
            }
        } else {
            let run = self.count(at, limit, |i| self.pixels[i] ^ self.above(i) == flipped);
            if flipped == kept {
                offer(Order::ForegroundRun { set: false }, run, 0, kept);
            } else {
                offer(Order::ForegroundRun { set: true }, run, P::BYTES, flipped);
                let image = self.image_run(at, limit, flipped);
                let bytes = P::BYTES + image.div_ceil(MASK_PIXELS);
                offer(
                    Order::ForegroundBackgroundImage { set: true },
                    image,
                    bytes,
                    flipped,
                );
            }
        }
        let image = self.image_run(at, limit, kept);
        let bits = image.div_ceil(MASK_PIXELS);
        offer(
            Order::ForegroundBackgroundImage { set: false },
            image,
            bits,
            kept,
        );
        if image >= MASK_PIXELS {
            let mask = self.mask(at, MASK_PIXELS, kept);
            if mask == MASK_1 || mask == MASK_2 {
                offer(Order::Mask(mask), MASK_PIXELS, 0, kept);
            }
        }
        let run = self.count(at, limit, |i| self.pixels[i] == pixel);
        offer(Order::ColorRun, run, P::BYTES, kept);
        if let Some(&other) = self.pixels[..limit].get(at + 1)
            && other != pixel
        {
            let colors = [pixel, other];
            let run = self.count(at, limit, |i| self.pixels[i] == colors[(i - at) % 2]);
            offer(Order::DitheredRun, run & !1, 2 * P::BYTES, kept);
        }
        if pixel == self.white {
            offer(Order::White, 1, 0, kept);
        } else if pixel == P::default() {
            offer(Order::Black, 1, 0, kept);
        }
        best.map(|(_, candidate)| candidate)
    }

    /// How many pixels are each as above, or that with `foreground` flipped, up to where so many
    /// in a row are the one or the other that a run is shorter than their bits.
    fn image_run(&self, at: usize, limit: usize, foreground: P) -> usize {
        let mut streak = 0;
        let mut last = None;
        for i in at..limit {
            let flipped = self.pixels[i] ^ self.above(i);
            if flipped != P::default() && flipped != foreground {
                return i - at;
            }
            streak = if last == Some(flipped) { streak + 1 } else { 1 };
            last = Some(flipped);
            if streak == LONG_STREAK {
                return i + 1 - LONG_STREAK - at;
            }
        }
        limit - at
    }

    /// One bit for each of up to eight pixels, low bit first: whether it is not as above.
    fn mask(&self, at: usize, pixels: usize, foreground: P) -> u8 {
        (0..pixels).fold(0, |mask, i| {
            let flipped = self.pixels[at + i] ^ self.above(at + i) == foreground;
            mask | u8::from(flipped) << i
        })
    }

    /// Writes pixels as they are.
    fn flush(&mut self, from: usize, to: usize, out: &mut Vec<u8>) {
        if from == to {
            return;
        }
        write_header(Order::ColorImage, to - from, out);
        for pixel in &self.pixels[from..to] {
            pixel.write(out);
        }
        self.background_before = None;
    }

    fn write(&mut self, at: usize, candidate: &Candidate<P>, first_row: bool, out: &mut Vec<u8>) {
        let &Candidate {
            order,
            pixels,
            foreground,
            ..
        } = candidate;
        self.foreground = foreground;
        self.background_before = None;
        match order {
            Order::BackgroundRun => {
                write_header(order, pixels, out);
                self.background_before = Some(first_row);
            }
            Order::ForegroundRun { set } => {
                write_header(order, pixels, out);
                if set {
                    foreground.write(out);
                }
            }
            Order::ForegroundBackgroundImage { set } => {
                write_header(order, pixels, out);
                if set {
                    foreground.write(out);
                }
                for start in (0..pixels).step_by(MASK_PIXELS) {
                    let count = MASK_PIXELS.min(pixels - start);
                    out.push(self.mask(at + start, count, foreground));
                }
            }
            Order::ColorRun => {
                write_header(order, pixels, out);
                self.pixels[at].write(out);
            }
            Order::DitheredRun => {
                write_header(order, pixels / 2, out);
                self.pixels[at].write(out);
                self.pixels[at + 1].write(out);
            }
            Order::ColorImage | Order::Mask(_) | Order::White | Order::Black => {
                write_header(order, pixels, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::Size;
    use crate::interleaved::decode;
    use crate::picture::Picture;

    const DEPTHS: [ColorDepth; 4] = [
        ColorDepth::Indexed8,
        ColorDepth::Rgb555,
        ColorDepth::Rgb565,
        ColorDepth::Bgr24,
    ];

    fn encoded(picture: &Picture, depth: ColorDepth) -> Vec<u8> {
        let mut out = Vec::new();
        encode(
            &picture.view(),
            depth,
            &Palette::default(),
            &mut out,
            &mut InterleavedScratch::default(),
        );
        out
    }

    fn decoded(payload: &[u8], size: Size, depth: ColorDepth) -> Picture {
        let mut picture = Picture::new(size);
        decode(
            payload,
            size,
            depth,
            &Palette::default(),
            &mut picture.as_mut(),
            &mut InterleavedScratch::default(),
        )
        .unwrap();
        picture
    }

    fn picture(size: Size, color: impl Fn(u32, u32) -> u8) -> Picture {
        let mut picture = Picture::new(size);
        for y in 0..size.height {
            for x in 0..size.width {
                let value = color(x, y);
                let at = (y * size.width + x) as usize * 4;
                picture.data_mut()[at..at + 3].fill(value);
            }
        }
        picture
    }

    #[test]
    fn plain_pictures_take_a_few_bytes() {
        let size = Size::new(64, 64);
        for depth in DEPTHS {
            let plain = encoded(&picture(size, |_, _| 0), depth);
            assert!(plain.len() <= 8, "{depth:?}: {plain:x?}");
            let stripes = encoded(&picture(size, |x, _| (x % 2 * 255) as u8), depth);
            assert!(stripes.len() <= 16, "{depth:?}: {stripes:x?}");
        }
    }

    #[test]
    fn letters_on_a_ground_take_little_more_than_a_bit_a_pixel() {
        let size = Size::new(64, 64);
        let letters = picture(size, |x, y| {
            if (x * 7 + y * 13 + x * y) % 5 < 2 {
                0
            } else {
                255
            }
        });
        let payload = encoded(&letters, ColorDepth::Bgr24);
        assert!(payload.len() < 64 * 64 / 8 * 5 / 4, "{}", payload.len());
        assert!(decoded(&payload, size, ColorDepth::Bgr24) == letters);
    }

    #[test]
    fn noise_costs_its_bytes_and_a_few_headers() {
        let size = Size::new(64, 64);
        let mut seed = 1u32;
        let mut noise = Picture::new(size);
        for byte in noise.data_mut() {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (seed >> 24) as u8;
        }
        for depth in [ColorDepth::Rgb565, ColorDepth::Bgr24] {
            let raw = 64 * 64 * depth.bytes_per_pixel();
            let payload = encoded(&noise, depth);
            assert!(payload.len() <= raw + 16, "{} of {raw}", payload.len());
        }
    }

    #[test]
    fn a_picture_longer_than_the_longest_order_comes_back() {
        let size = Size::new(512, 300);
        for value in [0, 255, 77] {
            let plain = picture(size, |_, _| value);
            let payload = encoded(&plain, ColorDepth::Bgr24);
            assert!(
                decoded(&payload, size, ColorDepth::Bgr24) == plain,
                "{value}"
            );
        }
    }

    proptest! {
        #[test]
        fn where_nothing_may_be_saved_no_order_saves(
            packed in prop::collection::vec(prop_oneof![3 => 0u8..4, 1 => Just(255)], 6 * 20),
            foreground in 0u8..4,
            background_before in prop::option::of(any::<bool>()),
            is_pending: bool,
        ) {
            fn check<P: Pixel>(
                mut encoder: Encoder<P>,
                foreground: u8,
                background_before: Option<bool>,
                is_pending: bool,
            ) -> bool {
                encoder.foreground = P::read(&[foreground; 4][..P::BYTES]);
                encoder.background_before = background_before;
                let price = usize::from(is_pending);
                let limit = encoder.pixels.len();
                (encoder.width..limit).all(|at| {
                    let saves = encoder
                        .best(at, limit, false, is_pending)
                        .is_some_and(|best| best.bytes + price < best.pixels * P::BYTES);
                    !saves || encoder.may_save(at, limit, price)
                })
            }
            let before = background_before;
            let indexed = Encoder::new(&packed, 5, WHITE_8);
            prop_assert!(check(indexed, foreground, before, is_pending));
            let pairs: Vec<u8> = packed.iter().flat_map(|&value| [value; 2]).collect();
            let high = Encoder::new(&pairs, 5, WHITE_16);
            prop_assert!(check(high, foreground, before, is_pending));
            let grey: Vec<u8> = packed.iter().flat_map(|&value| [value; 3]).collect();
            let wide = Encoder::new(&grey, 5, WHITE_24);
            prop_assert!(check(wide, foreground, before, is_pending));
        }

        #[test]
        fn every_picture_comes_back_at_its_depth(
            (width, height) in (1u32..40, 1u32..20),
            colors in prop::collection::vec(any::<[u8; 3]>(), 1..5),
            choice in prop::collection::vec(
                prop_oneof![4 => Just(0usize), 1 => 0usize..5, 1 => any::<usize>()],
                800,
            ),
            repeat in 1usize..60,
            depth in prop::sample::select(&DEPTHS[..]),
        ) {
            let size = Size::new(width, height);
            let palette = [&colors[..], &[[0; 3], [255; 3]]].concat();
            let mut source = Picture::new(size);
            for (i, pixel) in source.data_mut().chunks_mut(4).enumerate() {
                let color = palette[choice[i] % palette.len()];
                let color = if choice[i / repeat] % 3 == 2 { palette[0] } else { color };
                pixel[..3].copy_from_slice(&color);
            }
            // What the depth can show must come back exactly.
            let shown = decoded(&encoded(&source, depth), size, depth);
            let payload = encoded(&shown, depth);
            prop_assert!(decoded(&payload, size, depth) == shown);
            if depth == ColorDepth::Bgr24 {
                prop_assert!(shown == source);
            }
        }

        #[test]
        fn random_orders_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            (width, height) in (0u32..70, 0u32..70),
            depth in prop::sample::select(&DEPTHS[..]),
        ) {
            let mut target = Picture::new(Size::new(33, 33));
            let _ = decode(
                &bytes,
                Size::new(width, height),
                depth,
                &Palette::default(),
                &mut target.as_mut(),
                &mut InterleavedScratch::default(),
            );
        }
    }
}
