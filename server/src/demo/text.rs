//! Text into pixels: cosmic-text lays it out, swash draws its glyphs, two embedded fonts.

use std::{collections::HashMap, sync::Arc};

use cosmic_text::{
    Attrs, Buffer, Family, FontSystem, Metrics, PhysicalGlyph, Shaping, SwashCache, SwashContent,
    Weight, fontdb,
};
use tiny_skia::Pixmap;

use super::theme::Rgba;

/// Laid-out texts that are kept; far more than one screen holds.
const MAX_RUNS: usize = 4096;

/// The demo's two fonts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Font {
    /// Ubuntu Light, for everything that is not code.
    Sans,
    /// Hack, all glyphs of one width.
    Mono,
}

impl Font {
    fn attrs(self) -> Attrs<'static> {
        match self {
            Font::Sans => Attrs::new()
                .family(Family::Name("Ubuntu"))
                .weight(Weight::LIGHT),
            Font::Mono => Attrs::new()
                .family(Family::Name("Hack"))
                .weight(Weight::NORMAL),
        }
    }
}

/// A laid-out line.
#[derive(Debug)]
struct Run {
    glyphs: Vec<PhysicalGlyph>,
    width_px: f32,
}

/// Lays out and draws lines of text; keeps what it has laid out and drawn before.
pub struct TextPainter {
    fonts: FontSystem,
    glyphs: SwashCache,
    runs: HashMap<(Font, u32), HashMap<Box<str>, Arc<Run>>>,
    run_count: usize,
    /// What a glyph's coverage becomes: the light weight needs some help on dark ground.
    coverage: [u8; 256],
}

impl std::fmt::Debug for TextPainter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextPainter")
            .field("run_count", &self.run_count)
            .finish_non_exhaustive()
    }
}

impl Default for TextPainter {
    fn default() -> Self {
        Self::new()
    }
}

impl TextPainter {
    /// A painter with the embedded fonts and no others: it draws alike on every machine.
    pub fn new() -> Self {
        let mut database = fontdb::Database::new();
        database.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
        database.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
        database.set_sans_serif_family("Ubuntu");
        database.set_monospace_family("Hack");
        Self {
            fonts: FontSystem::new_with_locale_and_db("en-US".to_owned(), database),
            glyphs: SwashCache::new(),
            runs: HashMap::new(),
            run_count: 0,
            coverage: std::array::from_fn(|coverage| {
                (255.0 * (coverage as f32 / 255.0).powf(0.78)).round() as u8
            }),
        }
    }

    /// Width of a line of text.
    pub fn measure_px(&mut self, font: Font, size_px: f32, text: &str) -> f32 {
        self.run(font, size_px, text).width_px
    }

    /// Draws a line of text whose first glyph starts at `x` and stands on `baseline`; returns its
    /// width. What lies outside of the picture is cut off.
    #[expect(clippy::too_many_arguments, reason = "where, how and what to draw")]
    pub fn draw(
        &mut self,
        pixmap: &mut Pixmap,
        x: i32,
        baseline: i32,
        font: Font,
        size_px: f32,
        color: Rgba,
        text: &str,
    ) -> f32 {
        let run = self.run(font, size_px, text);
        for glyph in &run.glyphs {
            let Some(image) = self.glyphs.get_image(&mut self.fonts, glyph.cache_key) else {
                continue;
            };
            if image.content != SwashContent::Mask {
                continue;
            }
            blend_mask(
                pixmap,
                (
                    x + glyph.x + image.placement.left,
                    baseline + glyph.y - image.placement.top,
                ),
                (image.placement.width, image.placement.height),
                &image.data,
                &self.coverage,
                color,
            );
        }
        run.width_px
    }

    fn run(&mut self, font: Font, size_px: f32, text: &str) -> Arc<Run> {
        let key = (font, size_px.to_bits());
        if let Some(run) = self.runs.get(&key).and_then(|runs| runs.get(text)) {
            return run.clone();
        }
        let mut buffer = Buffer::new(&mut self.fonts, Metrics::new(size_px, size_px * 1.25));
        buffer.set_size(None, None);
        buffer.set_text(text, &font.attrs(), Shaping::Advanced, None);
        buffer.shape_until_scroll(&mut self.fonts, false);
        let mut glyphs = Vec::new();
        let mut width_px = 0.0f32;
        if let Some(line) = buffer.layout_runs().next() {
            width_px = line.line_w;
            glyphs.extend(line.glyphs.iter().map(|g| g.physical((0.0, 0.0), 1.0)));
        }
        let run = Arc::new(Run { glyphs, width_px });
        if self.run_count >= MAX_RUNS {
            self.runs.clear();
            self.run_count = 0;
        }
        self.run_count += 1;
        self.runs
            .entry(key)
            .or_default()
            .insert(text.into(), run.clone());
        run
    }
}

/// Blends `color` over a premultiplied picture through a mask of coverage.
fn blend_mask(
    pixmap: &mut Pixmap,
    (left, top): (i32, i32),
    (width, height): (u32, u32),
    mask: &[u8],
    coverage: &[u8; 256],
    color: Rgba,
) {
    let (picture_width, picture_height) = (pixmap.width() as i32, pixmap.height() as i32);
    let source = color.bgra();
    let data = pixmap.data_mut();
    for (row, line) in mask
        .chunks_exact((width as usize).max(1))
        .take(height as usize)
        .enumerate()
    {
        let y = top + row as i32;
        if y < 0 || y >= picture_height {
            continue;
        }
        for (column, &covered) in line.iter().enumerate() {
            let x = left + column as i32;
            if covered == 0 || x < 0 || x >= picture_width {
                continue;
            }
            let alpha = coverage[covered as usize] as u32 * color.alpha as u32 / 255;
            let at = (y as usize * picture_width as usize + x as usize) * 4;
            for (channel, pixel) in data[at..at + 4].iter_mut().enumerate() {
                let over = if channel == 3 { 255 } else { source[channel] } as u32;
                *pixel = ((over * alpha + *pixel as u32 * (255 - alpha) + 127) / 255) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_fonts_are_found_and_leave_ink() {
        let mut painter = TextPainter::new();
        for font in [Font::Sans, Font::Mono] {
            let mut pixmap = Pixmap::new(80, 24).expect("not empty");
            let width = painter.draw(&mut pixmap, 2, 18, font, 16.0, Rgba::hex(0xFFFFFF), "Oriel");
            assert!((20.0..70.0).contains(&width), "{font:?} is {width} wide");
            assert!(pixmap.data().iter().any(|&byte| byte > 200), "{font:?}");
        }
    }

    #[test]
    fn the_monospaced_font_is_monospaced() {
        let mut painter = TextPainter::new();
        let narrow = painter.measure_px(Font::Mono, 14.0, "iiii");
        assert_eq!(narrow, painter.measure_px(Font::Mono, 14.0, "WWWW"));
    }

    #[test]
    fn text_outside_of_the_picture_is_cut_off() {
        let mut painter = TextPainter::new();
        let mut pixmap = Pixmap::new(10, 10).expect("not empty");
        for (x, y) in [(-5, 5), (8, 12), (-100, -100), (100, 100)] {
            painter.draw(
                &mut pixmap,
                x,
                y,
                Font::Sans,
                20.0,
                Rgba::hex(0xFFFFFF),
                "W",
            );
        }
    }
}
