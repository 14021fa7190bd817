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
/// What was sent with loss is sent exactly after it has rested for so long.
const REST: Duration = Duration::from_millis(250);
/// Tiles that are sent exactly in one frame, at most.
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

#[derive(Clone, Copy, Debug, Default)]
struct Tile {
    changed_at: Option<Instant>,
    changes: u8,
    /// All that changed since the last pause.
    hot: Rect,
    /// Shown with loss.
    lossy: Rect,
    /// To be sent whatever the comparison says.
    is_unknown: bool,
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
    pub fn mark_lossy(&mut self, rect: Rect) {
        for index in self.touched(&rect) {
            let part = self.rect(index).intersect(&rect);
            let tile = &mut self.tiles[index];
            tile.lossy = tile.lossy.union(&part);
        }
    }

    /// A rectangle goes out exactly.
    pub fn mark_exact(&mut self, rect: &Rect) {
        for index in self.touched(rect) {
            let tile = &mut self.tiles[index];
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
        for rect in lossy {
            self.mark_lossy(rect.translate(dx, dy));
        }
    }

    /// Rectangles shown with loss that have rested long enough; the caller sends them exactly.
    pub fn take_refinements(&mut self, now: Instant) -> Vec<Rect> {
        let due = self.tiles.iter().filter(|tile| {
            !tile.lossy.is_empty()
                && tile
                    .changed_at
                    .is_none_or(|at| now.saturating_duration_since(at) >= REST)
        });
        due.map(|tile| tile.lossy).take(MAX_REFINED).collect()
    }

    /// How long until [`take_refinements`](Self::take_refinements) has something.
    pub fn refinement_due(&self, now: Instant) -> Option<Duration> {
        self.tiles
            .iter()
            .filter(|tile| !tile.lossy.is_empty())
            .map(|tile| {
                tile.changed_at.map_or(Duration::ZERO, |at| {
                    (at + REST).saturating_duration_since(now)
                })
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
        grid.mark_lossy(hot);
        assert_eq!(grid.refinement_due(now), Some(REST));
        assert!(grid.take_refinements(now + REST / 2).is_empty());
        assert_eq!(grid.take_refinements(now + REST), [hot]);
        grid.mark_exact(&hot);
        assert_eq!(grid.refinement_due(now), None);
    }

    #[test]
    fn loss_travels_with_a_move() {
        let now = Instant::now();
        let (mut grid, _) = grid_after_first_frame(now);
        grid.mark_lossy(Rect::new(0, 0, 10, 10));
        grid.follow_move(&Move {
            source: Rect::new(5, 5, 60, 60),
            destination: Point::new(105, 65),
        });
        let lossy = grid.take_refinements(now + Duration::from_secs(9));
        assert_eq!(
            lossy,
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
