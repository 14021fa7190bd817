//! What changed, as few rectangles.

use oriel_codecs::geometry::Rect;

/// Above this many rectangles the cheapest pair is merged.
const MAX_RECTS: usize = 32;

/// A region as a short list of rectangles, which may overlap.
///
/// A rectangle that another holds is dropped, two whose union wastes nothing become one, and a
/// list that grows too long loses precision rather than pixels: the region never shrinks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    rects: Vec<Rect>,
}

impl Damage {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// One rectangle.
    pub fn of(rect: Rect) -> Self {
        let mut damage = Self::default();
        damage.add(rect);
        damage
    }

    /// Adds the pixels of `rect`.
    pub fn add(&mut self, rect: Rect) {
        if rect.is_empty() {
            return;
        }
        let mut rect = rect;
        let mut index = 0;
        while index < self.rects.len() {
            let known = self.rects[index];
            if known.contains_rect(&rect) {
                return;
            }
            let union = known.union(&rect);
            if union.size().area() <= known.size().area() + rect.size().area() {
                self.rects.swap_remove(index);
                rect = union;
                index = 0;
            } else {
                index += 1;
            }
        }
        self.rects.push(rect);
        if self.rects.len() > MAX_RECTS {
            self.merge_cheapest_pair();
        }
    }

    /// Adds all pixels of another region.
    pub fn add_all(&mut self, other: &Damage) {
        for rect in &other.rects {
            self.add(*rect);
        }
    }

    /// The rectangles; none is empty.
    pub fn rects(&self) -> &[Rect] {
        &self.rects
    }

    /// True where there is not one pixel.
    pub fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.rects.clear();
    }

    /// The smallest rectangle around the region.
    pub fn bounds(&self) -> Rect {
        self.rects
            .iter()
            .fold(Rect::default(), |all, rect| all.union(rect))
    }

    fn merge_cheapest_pair(&mut self) {
        let mut best = (u64::MAX, 0, 1);
        for first in 0..self.rects.len() {
            for second in first + 1..self.rects.len() {
                let (a, b) = (self.rects[first], self.rects[second]);
                let waste = a
                    .union(&b)
                    .size()
                    .area()
                    .saturating_sub(a.size().area() + b.size().area());
                if waste < best.0 {
                    best = (waste, first, second);
                }
            }
        }
        let (_, first, second) = best;
        let removed = self.rects.swap_remove(second);
        let merged = self.rects.swap_remove(first).union(&removed);
        self.rects.push(merged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_that_tile_a_row_become_one() {
        let mut damage = Damage::new();
        for column in 0..20 {
            damage.add(Rect::new(column * 64, 0, column * 64 + 64, 64));
        }
        assert_eq!(damage.rects(), [Rect::new(0, 0, 1280, 64)]);
    }

    #[test]
    fn distant_rectangles_stay_apart_until_there_are_too_many() {
        let mut damage = Damage::new();
        for at in 0..200 {
            damage.add(Rect::new(at * 10, at * 10, at * 10 + 2, at * 10 + 2));
            assert!(damage.rects().len() <= MAX_RECTS);
        }
        for at in 0..200 {
            let rect = Rect::new(at * 10, at * 10, at * 10 + 2, at * 10 + 2);
            assert!(
                damage
                    .rects()
                    .iter()
                    .any(|known| known.contains_rect(&rect)),
                "{rect:?} was lost"
            );
        }
        assert_eq!(damage.bounds(), Rect::new(0, 0, 1992, 1992));
    }

    #[test]
    fn an_empty_rectangle_damages_nothing() {
        let mut damage = Damage::of(Rect::new(5, 5, 5, 9));
        assert!(damage.is_empty());
        damage.add(Rect::new(0, 0, 4, 4));
        damage.add(Rect::new(1, 1, 3, 3));
        assert_eq!(damage.rects(), [Rect::new(0, 0, 4, 4)]);
    }
}
