use std::ops::Range;

use super::columns::{ColumnWriter, HashIndex, hash_pixels};
use super::glyphs::GlyphStorage;
use super::residual::RunWriter;
use super::rlex::RlexEncoder;
use super::strip::Strip;
use super::{
    FLAG_GLYPH_HIT, FLAG_GLYPH_INDEX, GLYPH_SLOTS, MAX_BAND_HEIGHT, MAX_GLYPH_PIXELS, OPAQUE,
    Pixel, bgr, push_pixels, subcodecs,
};
use crate::geometry::{Point, Rect, Size};
use crate::picture::PictureRef;

/// A row belongs to no strip that has so few changes of color: this many, and one more for each
/// [`WIDTH_A_CHANGE`] pixels.
const FEW_CHANGES: usize = 2;
const WIDTH_A_CHANGE: usize = 64;
/// Bytes of a run of the first layer, in its shortest form.
const RUN_BYTES: usize = 4;
/// What coding part of a strip as a rectangle must have the prospect to save.
const WORTHWHILE_BYTES: usize = 64;

/// The encoder of a connection. Colors come back exactly; alpha is not sent.
///
/// It reads a picture once, from the top. Rows with little in them go into the first layer. Rows
/// with much, such as a line of text, are gathered to a strip, which is cut into ranges of
/// columns: those that the caches make cheap become bands, and the others a palette or raw pixels
/// where that is shorter than runs. A small picture that was sent before is sent as its number.
#[derive(Debug)]
pub struct ClearCodecEncoder {
    sequence: u8,
    columns: ColumnWriter,
    glyphs: GlyphStorage,
    by_glyph: HashIndex,
    next_glyph: usize,
    strip: Strip,
    parts: Vec<(Range<usize>, bool)>,
    glyph: Vec<Pixel>,
    runs: RunWriter,
    bands: Vec<u8>,
    rlex: RlexEncoder,
    rectangles: Vec<u8>,
}

impl Default for ClearCodecEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl ClearCodecEncoder {
    /// An encoder for a decoder with empty caches.
    pub fn new() -> Self {
        Self {
            sequence: 0,
            columns: ColumnWriter::new(),
            glyphs: GlyphStorage::default(),
            by_glyph: HashIndex::new(GLYPH_SLOTS),
            next_glyph: 0,
            strip: Strip::default(),
            parts: Vec::new(),
            glyph: Vec::new(),
            runs: RunWriter::default(),
            bands: Vec::new(),
            rlex: RlexEncoder::default(),
            rectangles: Vec::new(),
        }
    }

    /// Appends `source` as a `CLEARCODEC_BITMAP_STREAM`, which must reach the decoder, and after
    /// all that were made before.
    ///
    /// # Panics
    /// If an edge of `source` is 0 or above 65535.
    pub fn encode(&mut self, source: &PictureRef<'_>, out: &mut Vec<u8>) {
        let size = source.size();
        let fits = |edge: u32| (1..=u32::from(u16::MAX)).contains(&edge);
        assert!(
            fits(size.width) && fits(size.height),
            "{}x{} pixels",
            size.width,
            size.height
        );
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        if size.area() <= MAX_GLYPH_PIXELS {
            let (is_known, index) = self.glyph(source);
            let hit = if is_known { FLAG_GLYPH_HIT } else { 0 };
            out.extend([FLAG_GLYPH_INDEX | hit, sequence]);
            out.extend((index as u16).to_le_bytes());
            if is_known {
                return;
            }
        } else {
            out.extend([0, sequence]);
        }
        self.make_layers(source);
        let layers = [&self.runs.data, &self.bands, &self.rectangles];
        out.extend(
            layers
                .iter()
                .flat_map(|data| (data.len() as u32).to_le_bytes()),
        );
        layers.iter().for_each(|data| out.extend_from_slice(data));
    }

    /// Bytes that the caches take now.
    pub fn memory_bytes(&self) -> usize {
        self.columns.memory_bytes() + self.glyphs.memory_bytes()
    }

    /// Whether a small picture has been sent before, and its slot: the one where it is, or the
    /// next, which it takes.
    fn glyph(&mut self, source: &PictureRef<'_>) -> (bool, usize) {
        self.glyph.clear();
        for y in 0..source.size().height {
            let pixels = source.row(y).as_chunks().0;
            let pixels = pixels
                .iter()
                .map(|&pixel| Pixel::from_le_bytes(pixel) | OPAQUE);
            self.glyph.extend(pixels);
        }
        let hash = hash_pixels(&self.glyph);
        if let Some(index) = self.by_glyph.find(hash).map(usize::from)
            && self.glyphs.get(index) == self.glyph
        {
            return (true, index);
        }
        let index = self.next_glyph;
        self.next_glyph = (index + 1) % GLYPH_SLOTS;
        self.glyphs.replace(index).extend_from_slice(&self.glyph);
        self.by_glyph.insert(hash, index as u16);
        (false, index)
    }

    fn make_layers(&mut self, source: &PictureRef<'_>) {
        self.runs.clear();
        self.bands.clear();
        self.rectangles.clear();
        let Size { width, height } = source.size();
        let width = width as usize;
        let few = FEW_CHANGES + width / WIDTH_A_CHANGE;
        self.strip.start(width);
        for y in 0..height {
            let mut row = self.strip.take_spare();
            if row.fill(source.row(y)) <= few {
                self.finish_strip(y);
                row.runs(0..width, |color, length| {
                    self.runs.push(color, length);
                    true
                });
                self.strip.give_back(row);
            } else {
                if self.strip.rows() == MAX_BAND_HEIGHT {
                    self.finish_strip(y);
                }
                self.strip.push(row);
            }
        }
        self.finish_strip(height);
        self.runs.finish();
    }

    /// Codes the strip whose last row is the one before `bottom`, and starts another.
    fn finish_strip(&mut self, bottom: u32) {
        let rows = self.strip.rows();
        if rows == 0 {
            return;
        }
        let top = bottom as usize - rows;
        let mut parts = std::mem::take(&mut self.parts);
        self.strip.cut(&self.columns, &mut parts);
        for (columns, is_covered) in &mut parts {
            if *is_covered {
                self.push_band(columns, top);
            } else {
                *is_covered = self.push_rectangle(columns, top);
            }
        }
        for y in 0..rows {
            for (columns, is_covered) in &parts {
                if *is_covered {
                    self.runs.skip(columns.len());
                } else {
                    let row = self.strip.row(y);
                    row.runs(columns.clone(), |color, length| {
                        self.runs.push(color, length);
                        true
                    });
                }
            }
        }
        self.parts = parts;
        self.strip.clear();
    }

    fn push_band(&mut self, columns: &Range<usize>, top: usize) {
        let background = self.strip.background(columns);
        let bottom = top + self.strip.rows() - 1;
        for edge in [columns.start, columns.end - 1, top, bottom] {
            self.bands.extend((edge as u16).to_le_bytes());
        }
        self.bands.extend(bgr(background));
        self.strip
            .write_band(columns, &mut self.columns, &mut self.bands, background);
    }

    /// Codes part of the strip as a rectangle of the third layer; false where runs are shorter.
    fn push_rectangle(&mut self, columns: &Range<usize>, top: usize) -> bool {
        let run_bytes = self.strip.changes(columns) * RUN_BYTES;
        if run_bytes < WORTHWHILE_BYTES {
            return false;
        }
        let rows = self.strip.rows();
        let raw_bytes = 3 * columns.len() * rows;
        let limit = raw_bytes.min(run_bytes - subcodecs::HEADER_BYTES);
        let size = Size::new(columns.len() as u32, rows as u32);
        let rect = Rect::at(Point::new(columns.start as i32, top as i32), size);
        let out = &mut self.rectangles;
        self.rlex.clear();
        let has_few_colors = (0..rows).all(|y| {
            let row = self.strip.row(y);
            row.runs(columns.clone(), |color, length| {
                self.rlex.push(color, length)
            })
        });
        if has_few_colors && self.rlex.finish(limit) {
            subcodecs::push_header(&rect, subcodecs::RLEX, self.rlex.data.len(), out);
            out.extend_from_slice(&self.rlex.data);
            return true;
        }
        if limit < raw_bytes {
            return false;
        }
        subcodecs::push_header(&rect, subcodecs::RAW, raw_bytes, out);
        for y in 0..rows {
            push_pixels(&self.strip.row(y).pixels()[columns.clone()], out);
        }
        true
    }
}
