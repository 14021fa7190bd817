//! What is left of rectangles where others are drawn on them.

use oriel_codecs::geometry::Rect;

/// Rectangles that something is drawn on: hundreds, where a page scrolls. They lie in order of
/// their tops, so that a piece is held against those alone that lie on its rows.
#[derive(Debug, Default)]
pub(super) struct Holes {
    holes: Vec<Hole>,
    /// Parts of pieces, each with the first hole that may lie on it: kept for its memory.
    open: Vec<(Rect, usize)>,
    left: Vec<Rect>,
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    rect: Rect,
    /// No hole up to this one reaches further down.
    deepest: i32,
}

impl Holes {
    /// Takes others in place of those that were there.
    pub(super) fn set(&mut self, rects: impl Iterator<Item = Rect>) {
        let rects = rects.filter(|rect| !rect.is_empty());
        self.holes.clear();
        self.holes.extend(rects.map(|rect| Hole {
            rect,
            deepest: rect.bottom,
        }));
        self.holes.sort_unstable_by_key(|hole| hole.rect.top);
        let mut deepest = i32::MIN;
        for hole in &mut self.holes {
            deepest = deepest.max(hole.rect.bottom);
            hole.deepest = deepest;
        }
    }

    /// Leaves of each piece what lies in no hole.
    pub(super) fn cut(&mut self, pieces: &mut Vec<Rect>) {
        let Self { holes, open, left } = self;
        left.clear();
        for piece in pieces.iter() {
            let first = holes.partition_point(|hole| hole.deepest <= piece.top);
            open.push((*piece, first));
            while let Some((piece, first)) = open.pop() {
                let on_its_rows = holes[first..]
                    .iter()
                    .take_while(|hole| hole.rect.top < piece.bottom);
                let mut on_it = on_its_rows
                    .zip(first..)
                    .filter(|(hole, _)| touches(&hole.rect, &piece));
                match on_it.next() {
                    Some((hole, index)) => {
                        let parts = around(&piece, &hole.rect).into_iter();
                        let parts = parts.filter(|part| !part.is_empty());
                        open.extend(parts.map(|part| (part, index + 1)));
                    }
                    None => left.push(piece),
                }
            }
        }
        std::mem::swap(pieces, left);
    }
}

fn touches(a: &Rect, b: &Rect) -> bool {
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

/// The parts of `rect` above, below, left and right of `hole`, which lies on it; some may be empty.
fn around(rect: &Rect, hole: &Rect) -> [Rect; 4] {
    let hole = rect.intersect(hole);
    [
        Rect::new(rect.left, rect.top, rect.right, hole.top),
        Rect::new(rect.left, hole.bottom, rect.right, rect.bottom),
        Rect::new(rect.left, hole.top, hole.left, hole.bottom),
        Rect::new(hole.right, hole.top, rect.right, hole.bottom),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDTH: usize = 24;
    const HEIGHT: usize = 20;

    /// Some lie outside of the area that is looked at, some are empty or inverted.
    fn rect() -> impl Strategy<Value = Rect> {
        let side = -3_i32..28;
        (side.clone(), side, -1_i32..14, -1_i32..14)
            .prop_map(|(left, top, width, height)| Rect::new(left, top, left + width, top + height))
    }

    /// How many of the rectangles hold each pixel.
    fn coverage(rects: &[Rect]) -> Vec<usize> {
        let pixels = (0..HEIGHT * WIDTH)
            .map(|at| oriel_codecs::geometry::Point::new((at % WIDTH) as i32, (at / WIDTH) as i32));
        pixels
            .map(|at| rects.iter().filter(|rect| rect.contains(at)).count())
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn what_is_left_of_a_picture_is_what_nothing_was_drawn_on(
            drawn in proptest::collection::vec(proptest::collection::vec(rect(), 0..12), 0..6),
        ) {
            let mut pieces = vec![Rect::new(0, 0, WIDTH as i32, HEIGHT as i32)];
            let mut holes = Holes::default();
            for rects in &drawn {
                holes.set(rects.iter().copied());
                holes.cut(&mut pieces);
            }
            let left = coverage(&pieces);
            let over = coverage(&drawn.concat());
            for at in 0..WIDTH * HEIGHT {
                let (x, y) = (at % WIDTH, at / WIDTH);
                prop_assert_eq!(left[at], usize::from(over[at] == 0), "at {}, {}", x, y);
            }
            prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
        }
    }
}
