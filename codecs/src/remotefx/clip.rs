//! What a region shows of each row of tiles.
//!
//! A region may have 65,535 rectangles, and as many tiles. To look at each with each would cost
//! seconds, and so would it to draw tiles over and over under rectangles that all lie in one place.
//! Rectangles are therefore cut where rows of tiles begin, so that a tile is held against those of
//! its row alone, and made disjoint where they overlap so much that it matters.

use std::ops::Range;

use crate::geometry::Rect;

use super::TILE_SIZE;

const SIDE: i32 = TILE_SIZE as i32;

/// How often a pixel is drawn on average, at most; counted in the rectangle around all others.
pub(crate) const MAX_OVERLAP: u64 = 2;

/// The rectangles of a region, row of tiles by row of tiles.
#[derive(Debug, Default)]
pub(crate) struct Clip {
    rects: Vec<Rect>,
    /// Those cut by rows, row after row; in each of them in the order that they came in.
    pieces: Vec<Rect>,
    /// Where in `pieces` each row begins, and where the last one ends.
    starts: Vec<usize>,
    edges: Vec<Edge>,
    /// How many rectangles more lie over a column than over the one before it.
    steps: Vec<i32>,
}

/// An upper or a lower edge of a rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    y: i32,
    left: i32,
    right: i32,
    /// One where the rectangle begins, minus one where it ends.
    step: i32,
}

impl Clip {
    /// Takes what `rects` show of `bounds`, which lie right of and below the first tile's corner.
    pub fn set(&mut self, rects: impl Iterator<Item = Rect>, bounds: Rect) {
        self.rects.clear();
        let rects = rects.map(|rect| rect.intersect(&bounds));
        self.rects.extend(rects.filter(|rect| !rect.is_empty()));
        let area = |rect: &Rect| u64::from(rect.width()) * u64::from(rect.height());
        let around = self
            .rects
            .iter()
            .fold(Rect::default(), |all, rect| all.union(rect));
        if self.rects.iter().map(area).sum::<u64>() > MAX_OVERLAP * area(&around) {
            self.separate(around);
        }
        self.cut();
    }

    /// What is shown of a row of tiles.
    pub fn row(&self, row: usize) -> &[Rect] {
        match self.starts.get(row..row + 2) {
            Some(&[start, end]) => &self.pieces[start..end],
            _ => &[],
        }
    }

    /// Columns of tiles that something of a row is shown of, and perhaps others between them.
    pub fn columns(&self, row: usize) -> Range<usize> {
        let pieces = self.row(row).iter();
        let around = pieces.fold(Rect::default(), |all, piece| all.union(piece));
        (around.left / SIDE) as usize..((around.right + SIDE - 1) / SIDE) as usize
    }

    /// Rows of tiles up to the last one that something is shown of.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Replaces the rectangles by disjoint ones that cover the same: a sweep from the top, with a
    /// look at all columns wherever an edge is.
    fn separate(&mut self, around: Rect) {
        self.edges.clear();
        for rect in self.rects.drain(..) {
            let (left, right) = (rect.left - around.left, rect.right - around.left);
            self.edges
                .extend([(rect.top, 1), (rect.bottom, -1)].map(|(y, step)| Edge {
                    y,
                    left,
                    right,
                    step,
                }));
        }
        self.edges.sort_unstable();
        self.steps.clear();
        self.steps.resize(around.width() as usize + 1, 0);
        let mut top = around.top;
        let mut above = 0;
        for edges in self.edges.chunk_by(|a, b| a.y == b.y) {
            let bottom = edges[0].y;
            let first = self.rects.len();
            let (mut depth, mut left) = (0, 0);
            for (x, step) in (around.left..).zip(&self.steps) {
                let before = depth;
                depth += step;
                if before == 0 && depth > 0 {
                    left = x;
                } else if before > 0 && depth == 0 {
                    self.rects.push(Rect::new(left, top, x, bottom));
                }
            }
            // The same columns as in the strip above make it longer.
            let (before, strip) = self.rects.split_at_mut(first);
            let sides = |rect: &Rect| (rect.left, rect.right);
            let is_same = before[above..]
                .iter()
                .map(sides)
                .eq(strip.iter().map(sides));
            if is_same {
                for rect in &mut before[above..] {
                    rect.bottom = bottom;
                }
                self.rects.truncate(first);
            } else {
                above = first;
            }
            for edge in edges {
                self.steps[edge.left as usize] += edge.step;
                self.steps[edge.right as usize] -= edge.step;
            }
            top = bottom;
        }
    }

    /// Cuts the rectangles where rows of tiles begin.
    fn cut(&mut self) {
        let rows = |rect: &Rect| (rect.top / SIDE) as usize..=((rect.bottom - 1) / SIDE) as usize;
        // Counts the pieces of each row, two places further on: once they are summed, each row's
        // place says where its first piece goes, and when all are in, where the next row begins.
        self.starts.clear();
        let bottom = self.rects.iter().map(|rect| rect.bottom).max();
        let row_count = (bottom.unwrap_or(0) as usize).div_ceil(TILE_SIZE);
        self.starts.resize(row_count + 2, 0);
        for rect in &self.rects {
            for row in rows(rect) {
                self.starts[row + 2] += 1;
            }
        }
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        self.pieces.clear();
        self.pieces.resize(sum, Rect::default());
        for rect in &self.rects {
            for row in rows(rect) {
                let band = Rect {
                    top: row as i32 * SIDE,
                    bottom: (row as i32 + 1) * SIDE,
                    ..*rect
                };
                let place = &mut self.starts[row + 1];
                self.pieces[*place] = rect.intersect(&band);
                *place += 1;
            }
        }
        self.starts.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn areas(clip: &Clip) -> u64 {
        let area = |rect: &Rect| u64::from(rect.width()) * u64::from(rect.height());
        clip.pieces.iter().map(area).sum()
    }

    #[test]
    fn rectangles_upon_each_other_are_drawn_no_more_often_than_twice() {
        let bounds = Rect::new(0, 0, 1000, 700);
        // None is as large as all.
        let rects = (0..60_000).map(|i| Rect::new(i % 7, i % 11, 990 + i % 9, 690 + i % 10));
        let mut clip = Clip::default();
        clip.set(rects, bounds);
        assert!(areas(&clip) <= 1000 * 700 * MAX_OVERLAP);
        assert!(clip.pieces.len() < 500, "{}", clip.pieces.len());
    }

    proptest! {
        #[test]
        fn a_row_has_what_the_rectangles_show_of_it(
            rects in proptest::collection::vec((-20i32..220, -20i32..220, 0i32..200, 0i32..200), 0..30),
        ) {
            let bounds = Rect::new(3, 5, 197, 180);
            let rects: Vec<Rect> = rects
                .into_iter()
                .map(|(left, top, width, height)| Rect::new(left, top, left + width, top + height))
                .collect();
            let mut clip = Clip::default();
            clip.set(rects.iter().copied(), bounds);
            prop_assert!(areas(&clip) <= 194 * 175 * MAX_OVERLAP);
            for y in 0..200 {
                let row = (y / SIDE) as usize;
                for x in 0..200 {
                    let point = crate::Point::new(x, y);
                    let wanted = bounds.contains(point) && rects.iter().any(|rect| rect.contains(point));
                    let got = clip.row(row).iter().any(|rect| rect.contains(point));
                    prop_assert_eq!(got, wanted, "{:?}", point);
                    prop_assert!(!got || row < clip.rows());
                    prop_assert!(!got || clip.columns(row).contains(&((x / SIDE) as usize)));
                }
                for piece in clip.row(row) {
                    prop_assert!(piece.top >= row as i32 * SIDE && piece.bottom <= (row as i32 + 1) * SIDE);
                }
            }
        }
    }
}
