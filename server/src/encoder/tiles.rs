//! The desktop in tiles of 64 by 64 pixels: what changed, what moves like video, what is exact.

use std::time::{Duration, Instant};

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::{BYTES_PER_PIXEL, Picture},
};

use super::row;
use crate::source::Move;

/// Columns and rows of a tile.
pub const TILE_PX: i32 = 64;
/// Changes that follow each other more slowly than this are no video.
const VIDEO_PAUSE: Duration = Duration::from_millis(200);
/// A tile that changed so many times without a pause moves like video.
const VIDEO_CHANGES: u8 = 5;
/// A change of less than this part of a tile does not count: a cursor is no video.
const VIDEO_PART: u64 = 8;
/// What was sent with loss is sent better after it has rested for so long.
const REST: Duration = Duration::from_millis(250);
/// Tiles that are sent better in one frame, at most.
const MAX_REFINED: usize = 32;

/// A tile that must be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileUpdate {
    /// The pixels that differ lie in here.
    pub changed: Rect,
    /// All that changed in the tile since it began to move like video, in whole blocks of 2×2
    /// pixels; `None` where it does not.
    pub hot: Option<Rect>,
}

/// How a tile came to be shown with loss, and so what can be done about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// So many more passes can refine it, as long as nothing else is drawn there.
    Passes(u8),
    /// Nothing but sending it exactly makes it better.
    #[default]
    Final,
}

/// Rectangles that are due to be sent better.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refinements {
    /// By the pass that follows.
    pub next_pass: Vec<Rect>,
    /// Exactly.
    pub exact: Vec<Rect>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tile {
    changed_at: Option<Instant>,
    changes: u8,
    /// All that changed since the last pause.
    hot: Rect,
    /// Shown with loss.
    lossy: Rect,
    loss: Loss,
    /// When the loss became less last.
    refined_at: Option<Instant>,
    /// To be sent whatever the comparison says.
    is_unknown: bool,
}

impl Tile {
    /// When what is lossy has rested long enough; `None` for at once.
    fn rested_at(&self) -> Option<Instant> {
        self.changed_at.max(self.refined_at).map(|at| at + REST)
    }
}

/// All tiles of a desktop.
#[derive(Debug)]
pub struct TileGrid {
    size: Size,
    columns: i32,
    tiles: Vec<Tile>,
}

impl TileGrid {
    /// The tiles of a desktop of which the client shows nothing: all of them are sent first.
    pub fn new(size: Size) -> Self {
        let columns = size.width.div_ceil(TILE_PX as u32) as i32;
        let rows = size.height.div_ceil(TILE_PX as u32) as i32;
        let tile = Tile {
            is_unknown: true,
            ..Tile::default()
        };
        Self {
            size,
            columns,
            tiles: vec![tile; (columns * rows) as usize],
        }
    }

    /// Forgets what the client shows: every tile is sent again.
    pub fn invalidate_all(&mut self) {
        *self = Self::new(self.size);
    }

    /// Forgets what the client shows in some rectangles.
    pub fn invalidate(&mut self, rects: &[Rect]) {
        for rect in rects {
            for index in self.touched(rect) {
                self.tiles[index].is_unknown = true;
            }
        }
    }

    fn rect(&self, index: usize) -> Rect {
        let (x, y) = (index as i32 % self.columns, index as i32 / self.columns);
        Rect::at(
            Point::new(x * TILE_PX, y * TILE_PX),
            Size::new(TILE_PX as u32, TILE_PX as u32),
        )
        .intersect(&self.size.to_rect())
    }

    /// The tiles that a rectangle of the desktop touches.
    fn touched(&self, rect: &Rect) -> impl Iterator<Item = usize> + use<> {
        let rect = rect.intersect(&self.size.to_rect());
        let columns = self.columns;
        let (first_x, first_y) = (rect.left / TILE_PX, rect.top / TILE_PX);
        let (end_x, end_y) = if rect.is_empty() {
            (first_x, first_y)
        } else {
            (
                (rect.right - 1) / TILE_PX + 1,
                (rect.bottom - 1) / TILE_PX + 1,
            )
        };
        (first_y..end_y)
            .flat_map(move |y| (first_x..end_x).map(move |x| (y * columns + x) as usize))
    }

    /// Compares the tiles under `damage` and tells those that differ, in order.
    pub fn compare(
        &mut self,
        now: Instant,
        shown: &Picture,
        pixels: &Picture,
        damage: &[Rect],
        mut tell: impl FnMut(TileUpdate),
    ) {
        let mut is_touched: Vec<bool> = self.tiles.iter().map(|tile| tile.is_unknown).collect();
        for index in damage.iter().flat_map(|rect| self.touched(rect)) {
            is_touched[index] = true;
        }
        for index in (0..self.tiles.len()).filter(|&index| is_touched[index]) {
            let rect = self.rect(index);
            let tile = &mut self.tiles[index];
            let changed = if std::mem::take(&mut tile.is_unknown) {
                rect
            } else {
                difference(shown, pixels, &rect)
            };
            if changed.is_empty() {
                continue;
            }
            let is_pause = tile
                .changed_at
                .is_none_or(|at| now.saturating_duration_since(at) > VIDEO_PAUSE);
            if is_pause {
                tile.changes = 0;
                tile.hot = Rect::default();
            }
            tile.changed_at = Some(now);
            if changed.size().area() * VIDEO_PART >= rect.size().area() {
                tile.changes = tile.changes.saturating_add(1);
            }
            tile.hot = tile.hot.union(&changed);
            let hot = whole_blocks(&tile.hot).intersect(&rect);
            tell(TileUpdate {
                changed,
                hot: (tile.changes >= VIDEO_CHANGES).then_some(hot),
            });
        }
    }

    /// A rectangle goes out with loss.
    pub fn mark_lossy(&mut self, rect: Rect, loss: Loss) {
        for index in self.touched(&rect) {
            let part = self.rect(index).intersect(&rect);
            let tile = &mut self.tiles[index];
            // A first pass is of the whole tile, whatever of it is shown; anything else on top of
            // one ends it.
            tile.loss = loss;
            tile.lossy = tile.lossy.union(&part);
            tile.refined_at = None;
        }
    }

    /// A rectangle goes out exactly.
    pub fn mark_exact(&mut self, rect: &Rect) {
        for index in self.touched(rect) {
            let tile = &mut self.tiles[index];
            tile.loss = Loss::Final;
            if rect.contains_rect(&tile.lossy) {
                tile.lossy = Rect::default();
            }
        }
    }

    /// The client copies a rectangle, and with it what loss there is.
    pub fn follow_move(&mut self, step: &Move) {
        let (dx, dy) = step.offset();
        let lossy: Vec<Rect> = self
            .touched(&step.source)
            .map(|index| self.tiles[index].lossy.intersect(&step.source))
            .filter(|rect| !rect.is_empty())
            .collect();
        for index in self.touched(&step.target()) {
            self.tiles[index].loss = Loss::Final;
        }
        for rect in lossy {
            self.mark_lossy(rect.translate(dx, dy), Loss::Final);
        }
    }

    /// Rectangles shown with loss that have rested long enough; the caller sends them better.
    pub fn take_refinements(&mut self, now: Instant) -> Refinements {
        let mut refinements = Refinements::default();
        let due: Vec<usize> = (0..self.tiles.len())
            .filter(|&index| {
                let tile = &self.tiles[index];
                !tile.lossy.is_empty() && tile.rested_at().is_none_or(|at| at <= now)
            })
            .take(MAX_REFINED)
            .collect();
        for index in due {
            let place = self.rect(index);
            let tile = &mut self.tiles[index];
            match tile.loss {
                Loss::Passes(left) => {
                    tile.loss = match left {
                        0 | 1 => Loss::Final,
                        _ => Loss::Passes(left - 1),
                    };
                    tile.refined_at = Some(now);
                    // Passes are drawn over the whole tile.
                    tile.lossy = place;
                    refinements.next_pass.push(place);
                }
                Loss::Final => refinements.exact.push(tile.lossy),
            }
        }
        refinements
    }

    /// How long until [`take_refinements`](Self::take_refinements) has something.
    pub fn refinement_due(&self, now: Instant) -> Option<Duration> {
        self.tiles
            .iter()
            .filter(|tile| !tile.lossy.is_empty())
            .map(|tile| {
                tile.rested_at()
                    .map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
            })
            .min()
    }
}

/// The smallest rectangle of whole 2×2 blocks around `rect`.
pub fn whole_blocks(rect: &Rect) -> Rect {
    Rect::new(
        rect.left & !1,
        rect.top & !1,
        (rect.right + 1) & !1,
        (rect.bottom + 1) & !1,
    )
}

/// The smallest rectangle around all pixels of `rect` in which two pictures differ.
fn difference(before: &Picture, after: &Picture, rect: &Rect) -> Rect {
    let mut changed = Rect::default();
    for y in rect.top..rect.bottom {
        let (old, new) = (row(before, rect, y), row(after, rect, y));
        if old == new {
            continue;
        }
        let differs = |(a, b): (&[u8], &[u8])| a != b;
        let pixels = || {
            old.chunks_exact(BYTES_PER_PIXEL)
                .zip(new.chunks_exact(BYTES_PER_PIXEL))
        };
        let first = pixels().position(differs).unwrap_or(0) as i32;
        let last = pixels().rposition(differs).unwrap_or(0) as i32;
        changed = changed.union(&Rect::new(
            rect.left + first,
            y,
            rect.left + last + 1,
            y + 1,
        ));
    }
    changed
}

/// Joins rectangles side by side, then above each other, where that leaves nothing uncovered and
/// the result has at most `max` columns and rows.
pub fn merge(rects: &[Rect], max: Size) -> Vec<Rect> {
    let mut rows: Vec<Rect> = Vec::with_capacity(rects.len());
    for rect in rects {
        match rows.last_mut() {
            Some(last)
                if last.right == rect.left
                    && (last.top, last.bottom) == (rect.top, rect.bottom)
                    && last.width() + rect.width() <= max.width =>
            {
                last.right = rect.right;
            }
            _ => rows.push(*rect),
        }
    }
    let mut merged: Vec<Rect> = Vec::with_capacity(rows.len());
    for rect in rows {
        let above = merged.iter_mut().rev().take(64).find(|above| {
            above.bottom == rect.top
                && (above.left, above.right) == (rect.left, rect.right)
                && above.height() + rect.height() <= max.height
        });
        match above {
            Some(above) => above.bottom = rect.bottom,
            None => merged.push(rect),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(200, 130);

    fn grid_after_first_frame(now: Instant) -> (TileGrid, Picture) {
        let picture = Picture::new(SIZE);
        let mut grid = TileGrid::new(SIZE);
        let mut sent = Vec::new();
        grid.compare(now, &picture, &picture, &[], |update| {
            sent.push(update.changed);
        });
        let area: u64 = sent.iter().map(|rect| rect.size().area()).sum();
        assert_eq!(area, SIZE.area(), "the first frame is everything");
        (grid, picture)
    }

    fn changes(grid: &mut TileGrid, now: Instant, from: &Picture, to: &Picture) -> Vec<TileUpdate> {
        let mut updates = Vec::new();
        let damage = [SIZE.to_rect()];
        grid.compare(now, from, to, &damage, |update| updates.push(update));
        updates
    }

    #[test]
    fn only_what_differs_is_told() {
        let now = Instant::now();
        let (mut grid, black) = grid_after_first_frame(now);
        let mut other = black.clone();
        other.data_mut()[(70 * 200 + 130) * 4] = 1;
        other.data_mut()[(72 * 200 + 135) * 4] = 1;
        let updates = changes(&mut grid, now, &black, &other);
        assert_eq!(
            updates,
            [TileUpdate {
                changed: Rect::new(130, 70, 136, 73),
                hot: None
            }]
        );
    }

    #[test]
    fn a_tile_that_keeps_changing_becomes_video_and_is_refined_once_it_rests() {
        let mut now = Instant::now();
        let (mut grid, black) = grid_after_first_frame(now);
        now += Duration::from_secs(1);
        let mut white = black.clone();
        for y in 10..50 {
            white.data_mut()[(y * 200 + 3) * 4..(y * 200 + 45) * 4].fill(255);
        }
        let mut hot = None;
        for _ in 0..VIDEO_CHANGES {
            now += Duration::from_millis(33);
            hot = changes(&mut grid, now, &black, &white)[0].hot;
        }
        let hot = hot.expect("it moves like video");
        assert_eq!(hot, Rect::new(2, 10, 46, 50), "whole blocks");
        grid.mark_lossy(hot, Loss::Final);
        assert_eq!(grid.refinement_due(now), Some(REST));
        let early = grid.take_refinements(now + REST / 2);
        assert_eq!(early, Refinements::default());
        assert_eq!(grid.take_refinements(now + REST).exact, [hot]);
        grid.mark_exact(&hot);
        assert_eq!(grid.refinement_due(now), None);
    }

    #[test]
    fn passes_follow_each_other_and_then_it_is_sent_exactly() {
        let now = Instant::now();
        let (mut grid, _) = grid_after_first_frame(now);
        grid.mark_lossy(Rect::new(70, 70, 100, 100), Loss::Passes(2));
        let tile = Rect::new(64, 64, 128, 128);
        for pass in 1..=2 {
            let due = grid.take_refinements(now + pass * REST);
            assert_eq!((due.next_pass, due.exact), (vec![tile], vec![]));
            assert_eq!(grid.refinement_due(now + pass * REST), Some(REST));
        }
        let due = grid.take_refinements(now + 3 * REST);
        assert_eq!((due.next_pass, due.exact), (vec![], vec![tile]));
    }

    #[test]
    fn whatever_is_drawn_between_two_passes_keeps_the_next_one_from_it() {
        let now = Instant::now();
        let part = Rect::new(70, 70, 72, 72);
        let step = Move {
            source: Rect::new(0, 0, 2, 2),
            destination: part.origin(),
        };
        let ways: [&dyn Fn(&mut TileGrid); 3] = [
            &|grid| grid.mark_exact(&part),
            &|grid| grid.mark_lossy(part, Loss::Final),
            &|grid| grid.follow_move(&step),
        ];
        for draw in ways {
            let (mut grid, _) = grid_after_first_frame(now);
            let rect = Rect::new(64, 64, 100, 100);
            grid.mark_lossy(rect, Loss::Passes(1));
            draw(&mut grid);
            let due = grid.take_refinements(now + REST);
            assert_eq!((due.next_pass, due.exact), (vec![], vec![rect]));
        }
    }

    #[test]
    fn loss_travels_with_a_move() {
        let now = Instant::now();
        let (mut grid, _) = grid_after_first_frame(now);
        grid.mark_lossy(Rect::new(0, 0, 10, 10), Loss::Final);
        grid.follow_move(&Move {
            source: Rect::new(5, 5, 60, 60),
            destination: Point::new(105, 65),
        });
        let lossy = grid.take_refinements(now + Duration::from_secs(9));
        assert_eq!(
            lossy.exact,
            [Rect::new(0, 0, 10, 10), Rect::new(105, 65, 110, 70)]
        );
    }

    #[test]
    fn merging_covers_the_same_pixels() {
        let rects = [
            Rect::new(0, 0, 64, 64),
            Rect::new(64, 0, 128, 64),
            Rect::new(0, 64, 64, 128),
            Rect::new(64, 64, 128, 128),
            Rect::new(128, 70, 140, 80),
        ];
        assert_eq!(
            merge(&rects, Size::new(256, 256)),
            [Rect::new(0, 0, 128, 128), Rect::new(128, 70, 140, 80)]
        );
        assert_eq!(merge(&rects, Size::new(64, 64)).len(), 5);
    }
}
