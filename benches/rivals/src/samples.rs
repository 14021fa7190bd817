//! Pictures and messages to try codecs on: of every kind of content, of any size, by seed.

use oriel_codecs::{Picture, Point, Rect, Size};
use oriel_server::content::{Content, picture};
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::cut;

/// What lies around a picture in a [`Frame`], and must still lie there afterwards.
const AROUND: [u8; 4] = [0x5A, 0xA5, 0x3C, 0xC3];

/// A source of samples; the same seed makes the same ones.
pub struct Samples {
    rng: SmallRng,
    contents: Vec<Picture>,
}

impl Samples {
    /// Samples of this seed.
    pub fn new(seed: u64) -> Self {
        let size = Size::new(640, 480);
        Self {
            rng: SmallRng::seed_from_u64(seed),
            contents: Content::ALL.map(|content| picture(content, size, 3)).into(),
        }
    }

    /// A number of a range.
    pub fn pick(&mut self, range: std::ops::RangeInclusive<u32>) -> u32 {
        self.rng.random_range(range)
    }

    /// A size: half of them small or beside a multiple of 64.
    pub fn size(&mut self, most: u32) -> Size {
        let mut edge = || match self.rng.random_range(0..4) {
            0 => self.rng.random_range(1..=5.min(most)),
            1 => (self.rng.random_range(1..=3) * 64 + self.rng.random_range(0..=2) - 1).min(most),
            _ => self.rng.random_range(1..=most),
        };
        Size::new(edge(), edge())
    }

    /// A picture of this size, opaque: a piece of a page, an editor, a photograph, a program or a
    /// film; noise; noise of few colours; one colour.
    pub fn picture(&mut self, size: Size) -> Picture {
        let count = self.contents.len();
        match self.rng.random_range(0..count + 3) {
            content if content < count => self.piece(content, size),
            kind if kind == count => self.noise(size, 256, 1),
            kind if kind == count + 1 => {
                let runs = self.rng.random_range(1..40);
                self.noise(size, 3, runs)
            }
            _ => {
                let color = self.color(256);
                Picture::filled(size, color)
            }
        }
    }

    /// Bytes of a message: of pixels, of text, or of noise.
    pub fn message(&mut self, most: usize) -> Vec<u8> {
        let bytes = self.rng.random_range(1..=most);
        let pixels = (bytes as u32).div_ceil(4);
        let size = Size::new(pixels.min(600), pixels.div_ceil(600));
        let mut message = self.picture(size).into_data();
        message.truncate(bytes);
        message
    }

    fn piece(&mut self, content: usize, size: Size) -> Picture {
        let whole = self.contents[content].size();
        let left = self.rng.random_range(0..whole.width);
        let top = self.rng.random_range(0..whole.height);
        let source = &self.contents[content];
        let mut data = Vec::with_capacity(size.area() as usize * 4);
        for y in 0..size.height {
            for x in 0..size.width {
                // A picture larger than what is left begins anew.
                let (x, y) = ((left + x) % whole.width, (top + y) % whole.height);
                data.extend(source.pixel(Point::new(x as i32, y as i32)));
            }
        }
        Picture::from_bgra(size, data).expect("four bytes a pixel")
    }

    fn noise(&mut self, size: Size, colors: u32, runs: u32) -> Picture {
        let mut picture = Picture::new(size);
        let mut left = 0;
        let mut color = [0; 4];
        for pixel in picture.data_mut().chunks_exact_mut(4) {
            if left == 0 {
                left = self.rng.random_range(1..=runs);
                color = self.color(colors);
            }
            left -= 1;
            pixel.copy_from_slice(&color);
        }
        picture
    }

    fn color(&mut self, values: u32) -> [u8; 4] {
        let mut channel = || (self.rng.random_range(0..values) * 255 / (values - 1)) as u8;
        [channel(), channel(), channel(), 255]
    }
}

/// A picture in the midst of a larger one, whose stride is another.
pub struct Frame {
    /// All of it.
    pub picture: Picture,
    /// Where the decoder draws.
    pub place: Rect,
}

impl Frame {
    /// Room for a picture of this size with random margins.
    pub fn new(samples: &mut Samples, size: Size) -> Self {
        let [left, top, right, bottom] = [0; 4].map(|_| samples.pick(0..=9));
        let whole = Size::new(left + size.width + right, top + size.height + bottom);
        Self {
            picture: Picture::filled(whole, AROUND),
            place: Rect::at(Point::new(left as i32, top as i32), size),
        }
    }

    /// The same with nothing drawn: for another decoder.
    pub fn blank(&self) -> Self {
        Self {
            picture: Picture::filled(self.picture.size(), AROUND),
            place: self.place,
        }
    }

    /// What lies at [`Self::place`].
    pub fn cut(&self) -> Picture {
        cut(&self.picture, &self.place)
    }

    /// Panics where anything but the place was written to.
    pub fn assert_margins(&self, who: &str) {
        let size = self.picture.size();
        for (index, pixel) in self.picture.data().chunks_exact(4).enumerate() {
            let (x, y) = (index as u32 % size.width, index as u32 / size.width);
            let point = Point::new(x as i32, y as i32);
            assert!(
                self.place.contains(point) || pixel == AROUND,
                "{who} writes at {point:?}, outside of {:?}",
                self.place
            );
        }
    }
}

/// How far two pictures are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Distance {
    /// Steps of one channel at most.
    pub most: u8,
    /// Steps of a channel on average.
    pub mean: f64,
}

impl Distance {
    /// The distance of the colours; the fourth byte is nobody's promise.
    ///
    /// # Panics
    /// If there are not equally many bytes.
    pub fn of_colors(ours: &[u8], theirs: &[u8]) -> Self {
        assert_eq!(ours.len(), theirs.len(), "pictures of different sizes");
        let (mut most, mut sum) = (0, 0);
        for (a, b) in ours.chunks_exact(4).zip(theirs.chunks_exact(4)) {
            for channel in 0..3 {
                let steps = a[channel].abs_diff(b[channel]);
                most = most.max(steps);
                sum += u64::from(steps);
            }
        }
        let mean = sum as f64 / (ours.len() as f64 / 4.0 * 3.0);
        Self { most, mean }
    }
}

/// Three bytes a pixel, red first, to a picture.
pub fn picture_of_rgb(rgb: &[u8], size: Size) -> Picture {
    let pixels = rgb.chunks_exact(3);
    let data = pixels.flat_map(|p| [p[2], p[1], p[0], 255]).collect();
    Picture::from_bgra(size, data).expect("as many pixels as the picture has")
}
