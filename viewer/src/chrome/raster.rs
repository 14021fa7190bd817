//! egui's triangles as pixels, on the CPU.
//!
//! The rules are those of egui's own GPU backend: texture times vertex colour, both premultiplied,
//! blended in gamma space; edges are soft because the meshes carry a feathered border. Vertices
//! are snapped to 1/256 pixel, so that edges that two triangles share are exact and no pixel on
//! them is painted twice or left out.

use std::collections::HashMap;

use egui::{
    Color32, ImageData, TextureId,
    epaint::{ClippedPrimitive, ImageDelta, Mesh, Primitive, Vertex, textures::TexturesDelta},
};
use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::{BYTES_PER_PIXEL, Picture},
};

use super::PlacedPicture;

/// Steps of a vertex's position in a pixel.
const SUBPIXELS: f32 = 256.0;
/// Coordinates beyond this many pixels are cut, which keeps the edge functions far from overflow.
const COORDINATE_LIMIT: f32 = 65_536.0;

/// Red, green, blue, alpha from 0 to 255, premultiplied.
type Rgba = [f32; 4];

/// Paints egui's output; holds the textures that it refers to.
#[derive(Default)]
pub struct Rasterizer {
    textures: HashMap<TextureId, Texture>,
}

impl Rasterizer {
    /// Takes over new and changed textures; to be called before [`paint`](Self::paint).
    pub fn update_textures(&mut self, delta: &mut TexturesDelta) {
        for (id, changes) in delta.set.drain() {
            for change in &changes {
                match change.pos {
                    None => {
                        self.textures.insert(id, Texture::new(change));
                    }
                    Some(at) => {
                        if let Some(texture) = self.textures.get_mut(&id) {
                            texture.patch(at, change);
                        }
                    }
                }
            }
        }
    }

    /// Lets go of textures that are not needed any more; to be called after [`paint`](Self::paint).
    pub fn free_textures(&mut self, delta: &mut TexturesDelta) {
        for id in delta.free.drain() {
            self.textures.remove(&id);
        }
    }

    /// Paints what lies inside a window of `size` pixels; `None` where that is nothing.
    pub fn paint(
        &self,
        size: Size,
        pixels_per_point: f32,
        primitives: &[ClippedPrimitive],
    ) -> Option<PlacedPicture> {
        let meshes: Vec<(Rect, &Mesh)> = primitives
            .iter()
            .filter_map(|primitive| {
                let Primitive::Mesh(mesh) = &primitive.primitive else {
                    return None;
                };
                let clip = pixel_rect(primitive.clip_rect, pixels_per_point)
                    .intersect(&pixel_rect(mesh.calc_bounds(), pixels_per_point))
                    .intersect(&size.to_rect());
                (!clip.is_empty()).then_some((clip, mesh))
            })
            .collect();
        let bounds = meshes
            .iter()
            .fold(Rect::default(), |all, (clip, _)| all.union(clip));
        if bounds.is_empty() {
            return None;
        }
        let mut picture = Picture::filled(bounds.size(), [0; 4]);
        for (clip, mesh) in meshes {
            let mut target = Target {
                picture: &mut picture,
                origin: bounds.origin(),
                clip,
            };
            let texture = self.textures.get(&mesh.texture_id);
            for corners in mesh.indices.chunks_exact(3) {
                let corner = |at: usize| mesh.vertices.get(corners[at] as usize);
                if let (Some(a), Some(b), Some(c)) = (corner(0), corner(1), corner(2)) {
                    target.triangle([a, b, c], pixels_per_point, texture);
                }
            }
        }
        Some(PlacedPicture {
            origin: bounds.origin(),
            picture,
        })
    }
}

/// The pixels that a rectangle of points touches.
fn pixel_rect(rect: egui::Rect, pixels_per_point: f32) -> Rect {
    if !rect.is_finite() && !rect.is_positive() {
        return Rect::default();
    }
    // Float to integer casts saturate, and NaN becomes 0.
    Rect::new(
        (rect.min.x * pixels_per_point).floor() as i32,
        (rect.min.y * pixels_per_point).floor() as i32,
        (rect.max.x * pixels_per_point).ceil() as i32,
        (rect.max.y * pixels_per_point).ceil() as i32,
    )
}

/// A texture as egui hands it over: premultiplied colours, top row first.
struct Texture {
    size: [usize; 2],
    pixels: Vec<Color32>,
}

impl Texture {
    fn new(delta: &ImageDelta) -> Self {
        let ImageData::Color(image) = &delta.image;
        Self {
            size: image.size,
            pixels: image.pixels.clone(),
        }
    }

    fn patch(&mut self, [left, top]: [usize; 2], delta: &ImageDelta) {
        let ImageData::Color(image) = &delta.image;
        let [width, _] = image.size;
        for (y, row) in image.pixels.chunks_exact(width.max(1)).enumerate() {
            let start = (top + y) * self.size[0] + left;
            if let Some(target) = self.pixels.get_mut(start..start + width) {
                target.copy_from_slice(row);
            }
        }
    }

    /// Bilinear between the centres of the four texels around (`u`, `v`), clamped at the border.
    fn sample(&self, u: f32, v: f32) -> Rgba {
        let axis = |position: f32, length: usize| {
            let last = length.saturating_sub(1) as f32;
            let at = (position * length as f32 - 0.5).clamp(0.0, last);
            (
                at as usize,
                ((at as usize) + 1).min(last as usize),
                at.fract(),
            )
        };
        let [width, height] = self.size;
        let (left, right, x) = axis(u, width);
        let (above, below, y) = axis(v, height);
        let texel = |column: usize, row: usize| -> Rgba {
            self.pixels
                .get(row * width + column)
                .map_or([0.0; 4], |color| color.to_array().map(f32::from))
        };
        let corner = texel(left, above);
        if x == 0.0 && y == 0.0 {
            return corner;
        }
        let corners = [texel(right, above), texel(left, below), texel(right, below)];
        std::array::from_fn(|i| {
            let top = corner[i] + (corners[0][i] - corner[i]) * x;
            let bottom = corners[1][i] + (corners[2][i] - corners[1][i]) * x;
            top + (bottom - top) * y
        })
    }
}

/// A vertex in subpixels.
#[derive(Clone, Copy)]
struct Corner {
    x: i64,
    y: i64,
}

/// Twice the area of the triangle `a`, `b`, `p`: positive where `p` lies to the right of the way
/// from `a` to `b`, with y down.
fn edge(a: Corner, b: Corner, p: Corner) -> i64 {
    (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x)
}

/// True where pixels exactly on the edge belong to the triangle: top and left edges.
fn owns_edge(a: Corner, b: Corner) -> bool {
    b.y < a.y || (b.y == a.y && b.x > a.x)
}

/// Where a mesh is painted.
struct Target<'a> {
    picture: &'a mut Picture,
    /// Window position of the picture's first pixel.
    origin: Point,
    /// In window pixels, inside of the picture.
    clip: Rect,
}

impl Target<'_> {
    fn triangle(&mut self, vertices: [&Vertex; 3], scale: f32, texture: Option<&Texture>) {
        let limit = COORDINATE_LIMIT * SUBPIXELS;
        let snap =
            |position: f32| (position * scale * SUBPIXELS).round().clamp(-limit, limit) as i64;
        let corner = |vertex: &Vertex| Corner {
            x: snap(vertex.pos.x),
            y: snap(vertex.pos.y),
        };
        let mut vertices = vertices;
        let mut corners = vertices.map(corner);
        let mut area = edge(corners[0], corners[1], corners[2]);
        if area < 0 {
            vertices.swap(1, 2);
            corners.swap(1, 2);
            area = -area;
        }
        if area == 0 {
            return;
        }
        let [a, b, c] = corners;
        let subpixels = SUBPIXELS as i64;
        let least = |values: [i64; 3]| values.into_iter().min().unwrap_or(0).div_euclid(subpixels);
        let most =
            |values: [i64; 3]| values.into_iter().max().unwrap_or(0).div_euclid(subpixels) + 1;
        let bounds = Rect::new(
            least([a.x, b.x, c.x]) as i32,
            least([a.y, b.y, c.y]) as i32,
            most([a.x, b.x, c.x]) as i32,
            most([a.y, b.y, c.y]) as i32,
        )
        .intersect(&self.clip);
        if bounds.is_empty() {
            return;
        }

        // Opposite of each vertex: the edge whose function is the vertex's weight.
        let edges = [(b, c), (c, a), (a, b)];
        let bias = edges.map(|(from, to)| i64::from(!owns_edge(from, to)));
        let step_x = edges.map(|(from, to)| -(to.y - from.y) * subpixels);
        let shade = Shade::new(vertices, texture);
        let scale = 1.0 / area as f32;
        for y in bounds.top..bounds.bottom {
            let center = Corner {
                x: i64::from(bounds.left) * subpixels + subpixels / 2,
                y: i64::from(y) * subpixels + subpixels / 2,
            };
            let mut weights = edges.map(|(from, to)| edge(from, to, center));
            let start = ((y - self.origin.y) as usize * self.picture.stride_bytes())
                + (bounds.left - self.origin.x) as usize * BYTES_PER_PIXEL;
            let row = &mut self.picture.data_mut()[start..];
            let pixels = row.chunks_exact_mut(BYTES_PER_PIXEL);
            for pixel in pixels.take(bounds.width() as usize) {
                if (0..3).all(|i| weights[i] >= bias[i]) {
                    blend(pixel, shade.at(weights.map(|weight| weight as f32 * scale)));
                }
                for i in 0..3 {
                    weights[i] += step_x[i];
                }
            }
        }
    }
}

/// The colour inside of a triangle.
enum Shade<'a> {
    /// The same everywhere.
    Flat(Rgba),
    /// From the vertices, and from the texture unless its part is the same everywhere.
    Varying {
        colors: [Rgba; 3],
        texels: Texels<'a>,
    },
}

/// A texture's part in the colour of a triangle.
enum Texels<'a> {
    One(Rgba),
    Many(&'a Texture, [egui::Pos2; 3]),
}

impl<'a> Shade<'a> {
    fn new(vertices: [&Vertex; 3], texture: Option<&'a Texture>) -> Self {
        let colors = vertices.map(|vertex| vertex.color.to_array().map(f32::from));
        let places = vertices.map(|vertex| vertex.uv);
        let texels = match texture {
            None => Texels::One([255.0; 4]),
            Some(texture) if places[0] == places[1] && places[1] == places[2] => {
                Texels::One(texture.sample(places[0].x, places[0].y))
            }
            Some(texture) => Texels::Many(texture, places),
        };
        match texels {
            Texels::One(texel) if colors[0] == colors[1] && colors[1] == colors[2] => {
                Self::Flat(multiply(colors[0], texel))
            }
            texels => Self::Varying { colors, texels },
        }
    }

    /// At the place whose weights are given, which add up to 1.
    fn at(&self, weights: [f32; 3]) -> Rgba {
        let mix = |values: [f32; 3]| {
            values[0] * weights[0] + values[1] * weights[1] + values[2] * weights[2]
        };
        match self {
            Self::Flat(color) => *color,
            Self::Varying { colors, texels } => {
                let color = std::array::from_fn(|i| mix(colors.map(|color| color[i])));
                let texel = match texels {
                    Texels::One(texel) => *texel,
                    Texels::Many(texture, places) => {
                        let (u, v) = (places.map(|place| place.x), places.map(|place| place.y));
                        texture.sample(mix(u), mix(v))
                    }
                };
                multiply(color, texel)
            }
        }
    }
}

fn multiply(a: Rgba, b: Rgba) -> Rgba {
    std::array::from_fn(|i| a[i] * b[i] / 255.0)
}

/// Premultiplied source over premultiplied destination.
fn blend(pixel: &mut [u8], [red, green, blue, alpha]: Rgba) {
    let keep = 1.0 - alpha / 255.0;
    for (byte, source) in pixel.iter_mut().zip([blue, green, red, alpha]) {
        *byte = (source + f32::from(*byte) * keep + 0.5) as u8;
    }
}

#[cfg(test)]
mod tests {
    use egui::{Pos2, pos2};

    use super::*;

    fn mesh(triangles: &[[Pos2; 3]], color: Color32) -> ClippedPrimitive {
        let mut mesh = Mesh::default();
        for triangle in triangles {
            for &pos in triangle {
                mesh.indices.push(mesh.vertices.len() as u32);
                mesh.vertices.push(Vertex {
                    pos,
                    uv: pos2(0.0, 0.0),
                    color,
                });
            }
        }
        ClippedPrimitive {
            clip_rect: egui::Rect::EVERYTHING,
            primitive: Primitive::Mesh(mesh),
        }
    }

    #[test]
    fn triangles_that_share_an_edge_paint_each_pixel_once() {
        // A half-transparent square cut along odd diagonals: a pixel painted twice would be
        // more opaque, one left out would be clear.
        let (a, b) = (pos2(1.0, 2.0), pos2(41.0, 2.0));
        let (c, d) = (pos2(41.0, 32.0), pos2(1.0, 32.0));
        for middle in [pos2(21.0, 17.0), pos2(7.3, 29.9), pos2(40.99, 2.01)] {
            let triangles = [
                [a, b, middle],
                [b, middle, c],
                [d, c, middle],
                [a, middle, d],
            ];
            let half = Color32::from_rgba_premultiplied(100, 50, 25, 128);
            let painted = Rasterizer::default()
                .paint(Size::new(64, 64), 1.0, &[mesh(&triangles, half)])
                .unwrap();
            assert_eq!(painted.rect(), Rect::new(1, 2, 41, 32));
            for pixel in painted.picture.data().chunks_exact(4) {
                assert_eq!(pixel, [25, 50, 100, 128]);
            }
        }
    }

    #[test]
    fn what_lies_outside_of_the_window_or_the_clip_is_not_painted() {
        let all = [[pos2(-1e9, -1e9), pos2(1e9, -1e9), pos2(0.0, 1e9)]];
        let mut primitive = mesh(&all, Color32::WHITE);
        primitive.clip_rect = egui::Rect::from_min_max(pos2(10.0, 10.0), pos2(500.0, 20.0));
        let painted = Rasterizer::default()
            .paint(Size::new(30, 30), 1.0, &[primitive.clone()])
            .unwrap();
        assert_eq!(painted.rect(), Rect::new(10, 10, 30, 20));
        primitive.clip_rect = egui::Rect::from_min_max(pos2(40.0, 40.0), pos2(50.0, 50.0));
        let nothing = Rasterizer::default().paint(Size::new(30, 30), 1.0, &[primitive]);
        assert!(nothing.is_none());
    }

    #[test]
    fn a_triangle_right_of_the_clip_is_passed_by() {
        let triangles = [
            [pos2(2.0, 2.0), pos2(8.0, 2.0), pos2(2.0, 28.0)],
            [pos2(20.0, 2.0), pos2(29.0, 2.0), pos2(29.0, 29.0)],
        ];
        let mut primitive = mesh(&triangles, Color32::WHITE);
        primitive.clip_rect = egui::Rect::from_min_max(pos2(0.0, 0.0), pos2(10.0, 29.0));
        let painted = Rasterizer::default()
            .paint(Size::new(30, 30), 1.0, &[primitive])
            .unwrap();
        assert_eq!(painted.rect(), Rect::new(2, 2, 10, 29));
    }

    #[test]
    fn points_become_pixels_by_the_scale() {
        let square = [
            [pos2(1.0, 1.0), pos2(3.0, 1.0), pos2(3.0, 3.0)],
            [pos2(1.0, 1.0), pos2(3.0, 3.0), pos2(1.0, 3.0)],
        ];
        let painted = Rasterizer::default()
            .paint(Size::new(30, 30), 2.5, &[mesh(&square, Color32::RED)])
            .unwrap();
        // 2.5 to 7.5: the pixels whose centres lie in it, and on its top and left edge.
        assert_eq!(painted.rect(), Rect::new(2, 2, 8, 8));
        let opaque = painted
            .picture
            .data()
            .chunks_exact(4)
            .filter(|p| p[3] == 255);
        assert_eq!(opaque.count(), 25);
        assert_eq!(painted.picture.pixel(Point::new(0, 0)), [0, 0, 255, 255]);
        assert_eq!(painted.picture.pixel(Point::new(5, 5)), [0, 0, 0, 0]);
    }

    #[test]
    fn a_texture_is_sampled_between_the_centres_of_its_texels() {
        let texture = Texture {
            size: [2, 1],
            pixels: vec![Color32::BLACK, Color32::WHITE],
        };
        assert_eq!(texture.sample(0.25, 0.5), [0.0, 0.0, 0.0, 255.0]);
        assert_eq!(texture.sample(0.5, 0.5), [127.5, 127.5, 127.5, 255.0]);
        assert_eq!(texture.sample(0.75, 0.5), [255.0; 4]);
        assert_eq!(texture.sample(9.0, -9.0), [255.0; 4]);
    }
}
