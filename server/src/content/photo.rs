//! A photograph: hills behind one another under a sky, soft light, and the grain of a sensor.

use oriel_codecs::Size;

use super::Dice;

/// Pixels that a frame pans to the right.
const PAN_PER_FRAME: u64 = 3;
/// Rows of hills.
const RIDGES: u64 = 4;
/// Deviation of the grain, in steps of a channel.
const GRAIN: i32 = 5;

/// Hills and light, wide enough for what any frame shows: it wraps.
#[derive(Debug)]
pub struct Photo {
    size: Size,
    dice: Dice,
}

impl Photo {
    /// A photograph of this size.
    pub fn new(size: Size, dice: Dice) -> Self {
        Self { size, dice }
    }

    /// Writes the picture at `frame`, four bytes a pixel.
    pub fn paint(&self, bgra: &mut [u8], frame: u64) {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let pan = frame * PAN_PER_FRAME;
        let unit = self.size.height as f32;
        let ridges: Vec<Vec<f32>> = (0..RIDGES)
            .map(|ridge| {
                let dice = self.dice.at(ridge);
                let base = 0.42 + 0.14 * ridge as f32;
                (0..width)
                    .map(|x| {
                        let x = (x as u64 + pan) as f32 / unit;
                        let rough = (0..5).map(|octave| {
                            let frequency = 2.0 * (1 << octave) as f32;
                            wave(dice.at(octave), x * frequency) / frequency
                        });
                        (base + 0.45 * rough.sum::<f32>()) * unit
                    })
                    .collect()
            })
            .collect();
        for (y, row) in bgra.chunks_exact_mut(width * 4).enumerate().take(height) {
            let down = y as f32 / unit;
            let mut texture = Texture::new(self.dice, y as u64, unit);
            for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
                let behind = ridges.iter().rposition(|edge| edge[x] <= y as f32);
                let light = texture.at(x as u64 + pan);
                let color = match behind {
                    None => sky(down, light),
                    Some(ridge) => hill(ridge, (y as f32 - ridges[ridge][x]) / unit, light),
                };
                for (out, channel) in pixel.iter_mut().zip(color) {
                    *out = channel.clamp(0.0, 255.0) as u8;
                }
                pixel[3] = 255;
            }
        }
        add_grain(bgra, self.dice.at(u64::MAX), GRAIN);
    }
}

fn sky(down: f32, light: f32) -> [f32; 3] {
    let cloud = (light * 2.0 - 0.9).clamp(0.0, 1.0) * 70.0;
    [
        235.0 - 60.0 * down + cloud * 0.3,
        165.0 + 60.0 * down + cloud,
        95.0 + 170.0 * down + cloud,
    ]
}

fn hill(ridge: usize, below_edge: f32, light: f32) -> [f32; 3] {
    let near = (ridge + 1) as f32 / RIDGES as f32;
    let haze = 1.0 - near;
    let lit = (0.55 + 0.9 * (light - 0.5)) * (1.0 - below_edge);
    [
        150.0 * haze + 70.0 * near * lit,
        140.0 * haze + 150.0 * near * lit,
        120.0 * haze + 110.0 * near * lit,
    ]
}

/// Smooth noise between -0.5 and 0.5 along a line.
fn wave(dice: Dice, at: f32) -> f32 {
    let step = at as u64;
    let value = |step: u64| (dice.bits(step) >> 40) as f32 / (1 << 24) as f32 - 0.5;
    let t = at.fract();
    let t = t * t * (3.0 - 2.0 * t);
    value(step) * (1.0 - t) + value(step + 1) * t
}

/// A row of smooth noise from 0 to 1, in octaves. The cell that a pixel lies in is kept: the next
/// pixel mostly lies in it too.
struct Texture {
    octaves: [Octave; 5],
}

struct Octave {
    dice: Dice,
    cell_px: u64,
    share: f32,
    row: u64,
    down: f32,
    cell: Option<u64>,
    left: f32,
    right: f32,
}

impl Texture {
    fn new(dice: Dice, y: u64, unit: f32) -> Self {
        let octave = |index: u64| {
            let cell_px = ((unit / 3.0) as u64 >> index).max(2);
            Octave {
                dice: dice.at(100 + index),
                cell_px,
                share: 0.5f32.powi(index as i32 + 1),
                row: y / cell_px,
                down: (y % cell_px) as f32 / cell_px as f32,
                cell: None,
                left: 0.0,
                right: 0.0,
            }
        };
        Self {
            octaves: std::array::from_fn(|index| octave(index as u64)),
        }
    }

    fn at(&mut self, x: u64) -> f32 {
        self.octaves.iter_mut().map(|octave| octave.at(x)).sum()
    }
}

impl Octave {
    fn at(&mut self, x: u64) -> f32 {
        let cell = x / self.cell_px;
        if self.cell != Some(cell) {
            self.cell = Some(cell);
            self.left = self.column(cell);
            self.right = self.column(cell + 1);
        }
        let across = (x % self.cell_px) as f32 / self.cell_px as f32;
        self.share * (self.left + (self.right - self.left) * across)
    }

    /// The value on the edge of a cell at this row.
    fn column(&self, cell: u64) -> f32 {
        let value = |row: u64| (self.dice.bits(cell << 32 | row) >> 40) as f32 / (1 << 24) as f32;
        let (above, below) = (value(self.row), value(self.row + 1));
        above + (below - above) * self.down
    }
}

/// Adds noise to the colours of pixels of four bytes: four throws of up to `deviation` in all,
/// which is near enough to what light does.
pub fn add_grain(bgra: &mut [u8], dice: Dice, deviation: i32) {
    let (pixels, _) = bgra.as_chunks_mut::<4>();
    let spread = deviation * 2 + 1;
    for (index, pixel) in pixels.iter_mut().enumerate() {
        let bits = dice.bits(index as u64);
        for (channel, value) in pixel[..3].iter_mut().enumerate() {
            let throw = |part: usize| (bits >> (channel * 16 + part * 8)) as i32 & 0xFF;
            // Two throws of a byte make a triangle around nothing.
            let noise = (throw(0) + throw(1) - 255) * spread / 512;
            *value = (i32::from(*value) + noise).clamp(0, 255) as u8;
        }
    }
}
