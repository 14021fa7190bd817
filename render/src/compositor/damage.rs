//! What changed, as few rectangles.

use oriel_codecs::geometry::Rect;

/// Above this many rectangles the cheapest pair is merged.
const MAX_RECTS: usize = 32;

/// Of many rectangles, two that follow each other become one where that wastes no more than this
/// part of both.
const WASTED_PART: u64 = 8;

/// A region as a short list of rectangles, which may overlap.
///
/// A rectangle that another holds is dropped, two whose union wastes nothing become one, and a
/// list that grows too long loses precision rather than pixels: the region never shrinks.
#[derive(Clone, Debug, Default)]
pub struct Damage {
    rects: Vec<Rect>,
    /// With which other each of them would best be merged.
    partners: Vec<Partner>,
}

/// The rectangle that merging with wastes least.
#[derive(Clone, Copy, Debug)]
struct Partner {
    /// Pixels that the union of both holds and neither of them does.
    waste_px: u64,
    /// `None` once that rectangle is gone. Nobody has looked for another one, with which merging
    /// wastes as much at least.
    index: Option<usize>,
}

impl Partner {
    const NONE: Self = Self {
        waste_px: u64::MAX,
        index: None,
    };

    /// Whichever of this one and another rectangle wastes less.
    fn or(self, waste_px: u64, index: usize) -> Self {
        if waste_px < self.waste_px {
            let index = Some(index);
            Self { waste_px, index }
        } else {
            self
        }
    }
}

impl PartialEq for Damage {
    fn eq(&self, other: &Self) -> bool {
        self.rects == other.rects
    }
}

impl Eq for Damage {}

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
            let (union_px, known_px) = (union_px(&known, &rect), area_px(&known));
            if union_px == known_px {
                return;
            }
            if union_px <= known_px + area_px(&rect) {
                self.remove(index);
                rect = known.union(&rect);
                index = 0;
            } else {
                index += 1;
            }
        }
        self.push(rect);
        if self.rects.len() > MAX_RECTS {
            self.merge_cheapest_pair();
        }
    }

    /// Adds the pixels of rectangles, and some between neighbours where there are many: those of a
    /// page that scrolls lie in rows, and would be merged one by one sooner or later.
    pub fn add_many(&mut self, rects: impl ExactSizeIterator<Item = Rect>) {
        if rects.len() <= MAX_RECTS {
            for rect in rects {
                self.add(rect);
            }
            return;
        }
        let mut row = Rect::default();
        for rect in rects.filter(|rect| !rect.is_empty()) {
            if row.is_empty() {
                row = rect;
                continue;
            }
            let both_px = area_px(&row) + area_px(&rect);
            if union_px(&row, &rect) <= both_px + both_px / WASTED_PART {
                row = row.union(&rect);
            } else {
                self.add(row);
                row = rect;
            }
        }
        self.add(row);
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
        self.partners.clear();
    }

    /// The smallest rectangle around the region.
    pub fn bounds(&self) -> Rect {
        self.rects
            .iter()
            .fold(Rect::default(), |all, rect| all.union(rect))
    }

    fn merge_cheapest_pair(&mut self) {
        while let Some(first) =
            (0..self.rects.len()).min_by_key(|&index| self.partners[index].waste_px)
        {
            if let Some(second) = self.partners[first].index {
                let merged = self.rects[first].union(&self.rects[second]);
                self.remove(first.max(second));
                self.remove(first.min(second));
                self.push(merged);
                return;
            }
            self.partners[first] = self.partner_of(first);
        }
    }

    fn push(&mut self, rect: Rect) {
        let new = self.rects.len();
        let mut own = Partner::NONE;
        for (index, (known, partner)) in self.rects.iter().zip(&mut self.partners).enumerate() {
            let waste_px = waste_px(known, &rect);
            own = own.or(waste_px, index);
            *partner = partner.or(waste_px, new);
        }
        self.rects.push(rect);
        self.partners.push(own);
    }

    /// Takes one out; the last one gets its place.
    fn remove(&mut self, index: usize) {
        self.rects.swap_remove(index);
        self.partners.swap_remove(index);
        let moved = self.rects.len();
        for partner in &mut self.partners {
            if partner.index == Some(index) {
                partner.index = None;
            } else if partner.index == Some(moved) {
                partner.index = Some(index);
            }
        }
    }

    fn partner_of(&self, index: usize) -> Partner {
        let rect = &self.rects[index];
        let others = self.rects.iter().enumerate();
        let others = others.filter(|&(other, _)| other != index);
        others.fold(Partner::NONE, |best, (other, known)| {
            best.or(waste_px(known, rect), other)
        })
    }
}

/// What the union of two rectangles that are not empty holds and neither of them does; nothing
/// where they overlap much.
fn waste_px(a: &Rect, b: &Rect) -> u64 {
    union_px(a, b).saturating_sub(area_px(a) + area_px(b))
}

/// Pixels of the union of two rectangles that are not empty.
fn union_px(a: &Rect, b: &Rect) -> u64 {
    area_px(&Rect {
        left: a.left.min(b.left),
        top: a.top.min(b.top),
        right: a.right.max(b.right),
        bottom: a.bottom.max(b.bottom),
    })
}

/// Pixels of a rectangle that is not empty.
fn area_px(rect: &Rect) -> u64 {
    u64::from(rect.right.abs_diff(rect.left)) * u64::from(rect.bottom.abs_diff(rect.top))
}

#[cfg(test)]
mod tests {
    use oriel_codecs::geometry::Point;
    use proptest::prelude::*;

    use super::*;

    const SIDE: i32 = 40;

    fn rect() -> impl Strategy<Value = Rect> {
        (0..SIDE, 0..SIDE, 0..9, 0..9)
            .prop_map(|(left, top, width, height)| Rect::new(left, top, left + width, top + height))
    }

    proptest! {
        #[test]
        fn every_pixel_stays_and_every_rectangle_knows_its_cheapest_partner(
            rects in proptest::collection::vec(rect(), 0..120),
        ) {
            let mut damage = Damage::new();
            for rect in &rects {
                damage.add(*rect);
                prop_assert!(damage.rects().len() <= MAX_RECTS);
                prop_assert!(damage.rects().iter().all(|rect| !rect.is_empty()));
                for (index, partner) in damage.partners.iter().enumerate() {
                    let wanted = damage.partner_of(index);
                    match partner.index {
                        Some(other) => {
                            let waste_px = waste_px(&damage.rects[index], &damage.rects[other]);
                            prop_assert_eq!(partner.waste_px, waste_px);
                            prop_assert_eq!(partner.waste_px, wanted.waste_px);
                        }
                        None => prop_assert!(partner.waste_px <= wanted.waste_px),
                    }
                }
            }
            for y in 0..SIDE + 9 {
                for x in 0..SIDE + 9 {
                    let holds = |rect: &Rect| rect.contains(Point::new(x, y));
                    let is_damaged = damage.rects().iter().any(holds);
                    prop_assert!(is_damaged || !rects.iter().any(holds), "{}, {} was lost", x, y);
                }
            }
        }

        #[test]
        fn of_many_rectangles_no_pixel_is_lost_either(
            rects in proptest::collection::vec(rect(), 0..120),
        ) {
            let mut damage = Damage::new();
            damage.add_many(rects.iter().copied());
            prop_assert!(damage.rects().len() <= MAX_RECTS);
            for y in 0..SIDE + 9 {
                for x in 0..SIDE + 9 {
                    let holds = |rect: &Rect| rect.contains(Point::new(x, y));
                    let is_damaged = damage.rects().iter().any(holds);
                    prop_assert!(is_damaged || !rects.iter().any(holds), "{}, {} was lost", x, y);
                }
            }
        }

        #[test]
        fn few_rectangles_hold_nothing_else(
            rects in proptest::collection::vec(rect(), 0..MAX_RECTS),
        ) {
            let mut damage = Damage::new();
            damage.add_many(rects.iter().copied());
            let sum = |rects: &[Rect]| rects.iter().map(|rect| rect.size().area()).sum::<u64>();
            prop_assert!(sum(damage.rects()) <= sum(&rects));
        }
    }

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
