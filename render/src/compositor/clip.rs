//! Rectangles cut to what exists.

use oriel_codecs::geometry::{Point, Rect, Size};

use super::CopyRegion;

/// The part of `target` that `rect` of a surface of size `size` touches when it is shown there,
/// with `margin` surface pixels around.
pub(super) fn scale_rect(rect: &Rect, margin: u32, size: Size, target: &Rect) -> Rect {
    if size == target.size() {
        return rect.translate(target.left, target.top);
    }
    let axis = |low: i32, high: i32, start: i32, shown: u32, whole: u32| {
        let (shown, whole) = (i64::from(shown), i64::from(whole.max(1)));
        let margin = i64::from(margin);
        let low = (i64::from(low) - margin).clamp(0, whole) * shown / whole;
        let high = ((i64::from(high) + margin).clamp(0, whole) * shown + whole - 1) / whole;
        (
            i64::from(start).saturating_add(low) as i32,
            i64::from(start).saturating_add(high) as i32,
        )
    };
    let (left, right) = axis(
        rect.left,
        rect.right,
        target.left,
        target.width(),
        size.width,
    );
    let (top, bottom) = axis(
        rect.top,
        rect.bottom,
        target.top,
        target.height(),
        size.height,
    );
    Rect::new(left, top, right, bottom).intersect(target)
}

/// The parts of rectangles that lie in `bounds`.
pub(super) fn clipped(
    rects: impl Iterator<Item = Rect>,
    bounds: Rect,
) -> impl Iterator<Item = Rect> {
    rects
        .map(move |rect| rect.intersect(&bounds))
        .filter(|rect| !rect.is_empty())
}

/// Cuts a copy to what exists at both of its ends.
pub(super) fn clip_copy(
    rect: &Rect,
    source: Size,
    destination: Point,
    target: Size,
) -> Option<CopyRegion> {
    let from = rect.intersect(&source.to_rect());
    if from.is_empty() {
        return None;
    }
    let moved = Point::new(
        destination
            .x
            .saturating_add(from.left.saturating_sub(rect.left)),
        destination
            .y
            .saturating_add(from.top.saturating_sub(rect.top)),
    );
    let wanted = Rect::at(moved, from.size());
    let onto = wanted.intersect(&target.to_rect());
    if onto.is_empty() {
        return None;
    }
    let origin = Point::new(
        from.left + (onto.left - wanted.left),
        from.top + (onto.top - wanted.top),
    );
    Some(CopyRegion {
        source: Rect::at(origin, onto.size()),
        destination: onto.origin(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_cut_at_both_ends() {
        let region = clip_copy(
            &Rect::new(-5, 0, 15, 10),
            Size::new(10, 10),
            Point::new(-7, 3),
            Size::new(6, 8),
        );
        // Five columns are missing at the source, two more at the destination.
        assert_eq!(
            region,
            Some(CopyRegion {
                source: Rect::new(2, 0, 8, 5),
                destination: Point::new(0, 3),
            })
        );
    }

    #[test]
    fn a_copy_that_misses_is_nothing() {
        let size = Size::new(10, 10);
        let rect = Rect::new(0, 0, 4, 4);
        assert_eq!(clip_copy(&rect, size, Point::new(10, 0), size), None);
        assert_eq!(
            clip_copy(&rect, size, Point::new(i32::MAX, i32::MIN), size),
            None
        );
        assert_eq!(
            clip_copy(&Rect::new(i32::MIN, 0, -1, 9), size, Point::new(0, 0), size),
            None
        );
    }

    #[test]
    fn a_scaled_rectangle_covers_every_pixel_it_touches() {
        let target = Rect::new(100, 50, 250, 200);
        assert_eq!(
            scale_rect(&Rect::new(1, 1, 2, 2), 0, Size::new(100, 100), &target),
            Rect::new(101, 51, 103, 53)
        );
        assert_eq!(
            scale_rect(&Rect::new(1, 1, 2, 2), 3, Size::new(100, 100), &target),
            Rect::new(100, 50, 108, 58)
        );
    }
}
