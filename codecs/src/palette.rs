//! The 256 colours of sessions with 8 bits a pixel.

/// 256 colours, as blue, green, red and an alpha of 255.
///
/// A session with 8 bits a pixel starts with a palette update (`[MS-RDPBCGR] 2.2.9.1.1.3.1.1`).
/// What is drawn before it is drawn in shades of grey.
#[derive(Clone, PartialEq, Eq)]
pub struct Palette {
    bgra: [[u8; 4]; 256],
}

impl Palette {
    /// A palette of colours given as red, green, blue, the order of the wire.
    pub fn from_rgb(colors: &[[u8; 3]; 256]) -> Self {
        Self {
            bgra: colors.map(|[red, green, blue]| [blue, green, red, 255]),
        }
    }

    /// The colour at `index` as blue, green, red, alpha.
    pub fn color(&self, index: u8) -> [u8; 4] {
        self.bgra[usize::from(index)]
    }

    /// The index of the colour nearest to one given as blue, green, red; the first of several.
    pub fn nearest(&self, [blue, green, red]: [u8; 3]) -> u8 {
        let distance = |color: &[u8; 4]| {
            let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
            square(color[0], blue) + square(color[1], green) + square(color[2], red)
        };
        let nearest = (0..=u8::MAX).min_by_key(|&i| distance(&self.bgra[usize::from(i)]));
        nearest.unwrap_or_default()
    }
}

impl Default for Palette {
    fn default() -> Self {
        Self {
            bgra: std::array::from_fn(|i| [i as u8, i as u8, i as u8, 255]),
        }
    }
}

impl std::fmt::Debug for Palette {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Palette").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_colour_of_a_colour_in_the_palette_is_itself() {
        let mut colors = [[0; 3]; 256];
        for (i, color) in colors.iter_mut().enumerate() {
            *color = [i as u8, (i * 7) as u8, (i * 31) as u8];
        }
        let palette = Palette::from_rgb(&colors);
        for index in 0..=255 {
            let [blue, green, red, alpha] = palette.color(index);
            assert_eq!([red, green, blue], colors[usize::from(index)]);
            assert_eq!(alpha, 255);
            assert_eq!(palette.nearest([blue, green, red]), index);
        }
        assert_eq!(Palette::default().nearest([9, 10, 12]), 10);
    }
}
