//! What was drawn in a hurry, and can be drawn better once nothing moves.

use oriel_codecs::{geometry::Rect, video::YuvFrame};

/// More pieces than these are not worth remembering: the smallest are forgotten.
const MAX_PIECES: usize = 256;

/// A picture in 4:2:0 whose chroma was not guided by its luma, and where it is still what the
/// surface shows.
#[derive(Debug)]
pub(super) struct Hurried {
    pub(super) view: YuvFrame,
    pub(super) rects: Vec<Rect>,
}

impl Hurried {
    /// Something else is drawn on `hole`.
    pub(super) fn exclude(&mut self, hole: &Rect) {
        if !self
            .rects
            .iter()
            .any(|rect| !rect.intersect(hole).is_empty())
        {
            return;
        }
        self.rects = self
            .rects
            .iter()
            .flat_map(|rect| around(rect, hole))
            .filter(|rect| !rect.is_empty())
            .collect();
        if self.rects.len() > MAX_PIECES {
            self.rects
                .sort_unstable_by_key(|rect| std::cmp::Reverse(rect.size().area()));
            self.rects.truncate(MAX_PIECES);
        }
    }
}

/// The parts of `rect` above, below, left and right of `hole`; some may be empty.
fn around(rect: &Rect, hole: &Rect) -> [Rect; 4] {
    let hole = rect.intersect(hole);
    if hole.is_empty() {
        return [*rect, Rect::default(), Rect::default(), Rect::default()];
    }
    [
        Rect::new(rect.left, rect.top, rect.right, hole.top),
        Rect::new(rect.left, hole.bottom, rect.right, rect.bottom),
        Rect::new(rect.left, hole.top, hole.left, hole.bottom),
        Rect::new(hole.right, hole.top, rect.right, hole.bottom),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_rectangle_is_all_but_the_hole() {
        let rect = Rect::new(0, 0, 12, 9);
        for hole in [
            Rect::new(3, 2, 7, 5),
            Rect::new(-4, -4, 3, 3),
            Rect::new(10, 0, 30, 9),
            Rect::new(0, 0, 12, 9),
            Rect::new(20, 20, 30, 30),
        ] {
            let left = around(&rect, &hole);
            for y in 0..9 {
                for x in 0..12 {
                    let at = oriel_codecs::geometry::Point::new(x, y);
                    let times = left.iter().filter(|part| part.contains(at)).count();
                    assert_eq!(times, usize::from(!hole.contains(at)), "{at:?} of {hole:?}");
                }
            }
        }
    }
}
