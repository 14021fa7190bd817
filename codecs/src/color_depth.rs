//! Pixels of 8 to 32 bits, as bitmaps of `[MS-RDPBCGR]` have them, to BGRA and back.

use crate::palette::Palette;
use crate::picture::BYTES_PER_PIXEL;

/// How many bits a pixel has on the wire, and what they mean. Pixels are whole bytes, little
/// endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColorDepth {
    /// 8 bits: an index into a [`Palette`].
    Indexed8,
    /// 15 bits in two bytes, from the high end: nothing, and five bits each of red, green and blue.
    Rgb555,
    /// 16 bits, from the high end: five of red, six of green, five of blue.
    Rgb565,
    /// 24 bits: blue, green, red.
    Bgr24,
    /// 32 bits: blue, green, red and a byte without meaning.
    Bgrx32,
}

impl ColorDepth {
    /// The depth that the wire calls so many bits a pixel.
    pub const fn from_bits_per_pixel(bits: u8) -> Option<Self> {
        match bits {
            8 => Some(Self::Indexed8),
            15 => Some(Self::Rgb555),
            16 => Some(Self::Rgb565),
            24 => Some(Self::Bgr24),
            32 => Some(Self::Bgrx32),
            _ => None,
        }
    }

    /// What the wire calls it: 8, 15, 16, 24 or 32.
    pub const fn bits_per_pixel(self) -> u8 {
        match self {
            Self::Indexed8 => 8,
            Self::Rgb555 => 15,
            Self::Rgb565 => 16,
            Self::Bgr24 => 24,
            Self::Bgrx32 => 32,
        }
    }

    /// Bytes of a pixel: 1 to 4.
    pub const fn bytes_per_pixel(self) -> usize {
        (self.bits_per_pixel() as usize).div_ceil(8)
    }

    /// Converts as many pixels as both rows hold.
    pub(crate) fn expand_row(self, palette: &Palette, source: &[u8], bgra: &mut [u8]) {
        fn each<const N: usize>(source: &[u8], bgra: &mut [u8], f: impl Fn([u8; N]) -> [u8; 4]) {
            let (source, _) = source.as_chunks();
            let (bgra, _) = bgra.as_chunks_mut();
            for (pixel, out) in source.iter().zip(bgra) {
                *out = f(*pixel);
            }
        }
        match self {
            Self::Indexed8 => each(source, bgra, |[index]| palette.color(index)),
            Self::Rgb555 => each(source, bgra, |bytes| expand_555(u16::from_le_bytes(bytes))),
            Self::Rgb565 => each(source, bgra, |bytes| expand_565(u16::from_le_bytes(bytes))),
            Self::Bgr24 => each(source, bgra, |[b, g, r]| [b, g, r, 255]),
            Self::Bgrx32 => each(source, bgra, |[b, g, r, _]| [b, g, r, 255]),
        }
    }

    /// Appends the pixels of a BGRA row.
    pub(crate) fn pack_row(self, palette: &Palette, bgra: &[u8], out: &mut Vec<u8>) {
        let (pixels, _) = bgra.as_chunks::<BYTES_PER_PIXEL>();
        match self {
            Self::Indexed8 => {
                let mut matcher = PaletteMatcher::new(palette);
                out.extend(pixels.iter().map(|&[b, g, r, _]| matcher.index([b, g, r])));
            }
            Self::Rgb555 => out.extend(pixels.iter().flat_map(|p| pack_555(*p).to_le_bytes())),
            Self::Rgb565 => out.extend(pixels.iter().flat_map(|p| pack_565(*p).to_le_bytes())),
            Self::Bgr24 => out.extend(pixels.iter().flat_map(|&[b, g, r, _]| [b, g, r])),
            Self::Bgrx32 => out.extend(pixels.iter().flat_map(|&[b, g, r, _]| [b, g, r, 255])),
        }
    }
}

/// Finds colours in a palette, and remembers the last: neighbours are often alike.
pub(crate) struct PaletteMatcher<'a> {
    palette: &'a Palette,
    last: ([u8; 3], u8),
}

impl<'a> PaletteMatcher<'a> {
    pub(crate) fn new(palette: &'a Palette) -> Self {
        Self {
            palette,
            last: ([0; 3], palette.nearest([0; 3])),
        }
    }

    pub(crate) fn index(&mut self, bgr: [u8; 3]) -> u8 {
        if self.last.0 != bgr {
            self.last = (bgr, self.palette.nearest(bgr));
        }
        self.last.1
    }
}

/// Five bits a channel to eight: the high bits again at the low end, so that all ones stay all
/// ones and what comes out is less than a step from the exact share of 255. No specification
/// tells how; FreeRDP adds an eighth of the green of 565 instead, which is up to four steps too
/// bright. All channels at once in one word, which vectorises better than bytes do.
#[inline(always)]
pub(crate) const fn expand_555(pixel: u16) -> [u8; 4] {
    let pixel = pixel as u32;
    let high = (pixel & 0x7C00) << 9 | (pixel & 0x03E0) << 6 | (pixel & 0x001F) << 3;
    (0xFF00_0000 | high | high >> 5 & 0x0007_0707).to_le_bytes()
}

/// The same with six bits of green.
#[inline(always)]
pub(crate) const fn expand_565(pixel: u16) -> [u8; 4] {
    let pixel = pixel as u32;
    let high = (pixel & 0xF800) << 8 | (pixel & 0x07E0) << 5 | (pixel & 0x001F) << 3;
    let low = high >> 5 & 0x0007_0007 | high >> 6 & 0x0000_0300;
    (0xFF00_0000 | high | low).to_le_bytes()
}

pub(crate) const fn pack_555([blue, green, red, _]: [u8; 4]) -> u16 {
    (red as u16 >> 3) << 10 | (green as u16 >> 3) << 5 | blue as u16 >> 3
}

pub(crate) const fn pack_565([blue, green, red, _]: [u8; 4]) -> u16 {
    (red as u16 >> 3) << 11 | (green as u16 >> 2) << 5 | blue as u16 >> 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_per_pixel_name_every_depth_and_nothing_else() {
        let named: Vec<u8> = (0..=255)
            .filter(|&bits| ColorDepth::from_bits_per_pixel(bits).is_some())
            .collect();
        assert_eq!(named, [8, 15, 16, 24, 32]);
        for bits in named {
            let depth = ColorDepth::from_bits_per_pixel(bits).unwrap();
            assert_eq!(depth.bits_per_pixel(), bits);
        }
    }

    #[test]
    fn every_channel_is_widened_to_its_share_of_all_ones() {
        let is_near = |wide: u8, value: u16, most: u16| {
            u32::from(wide).abs_diff(u32::from(value) * 255 / u32::from(most)) <= 1
        };
        for pixel in 0..=u16::MAX {
            let (five, six) = (pixel & 0x1F, pixel >> 5 & 0x3F);
            let [blue, green, red, _] = expand_565(pixel);
            assert!(is_near(blue, five, 31) && is_near(red, pixel >> 11, 31));
            assert!(is_near(green, six, 63), "{six}: {green}");
            let [blue, green, red, _] = expand_555(pixel);
            assert!(is_near(blue, five, 31) && is_near(red, pixel >> 10 & 0x1F, 31));
            assert!(is_near(green, pixel >> 5 & 0x1F, 31));
        }
    }

    #[test]
    fn every_16_bit_pixel_survives_expansion_and_packing() {
        for pixel in 0..=u16::MAX {
            assert_eq!(pack_565(expand_565(pixel)), pixel);
            assert_eq!(pack_555(expand_555(pixel)), pixel & 0x7FFF);
        }
        assert_eq!(expand_565(0xFFFF), [255; 4]);
        assert_eq!(expand_555(0x7FFF), [255; 4]);
        assert_eq!(expand_565(0xF800), [0, 0, 255, 255]);
    }
}
