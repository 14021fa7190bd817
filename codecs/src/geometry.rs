//! Rectangles, points and sizes in pixels, the one set that every crate of Oriel uses.
//!
//! Rectangles are half open, as `RDPGFX_RECT16` is (`[MS-RDPEGFX] 2.2.1.2`): `right` and `bottom`
//! lie one past the last pixel. The inclusive rectangles of `[MS-RDPBCGR]` are converted where
//! they are decoded.

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// A size of `width` by `height` pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// True where there is not one pixel.
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// Number of pixels.
    pub const fn area(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// The rectangle of this size whose top left corner is the origin.
    pub const fn to_rect(self) -> Rect {
        Rect {
            left: 0,
            top: 0,
            right: self.width as i32,
            bottom: self.height as i32,
        }
    }
}

/// A position in pixels. Negative positions exist: monitors left of the primary one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Point {
    /// Columns from the left.
    pub x: i32,
    /// Rows from the top.
    pub y: i32,
}

impl Point {
    /// The position (`x`, `y`).
    pub const fn new(x: i32, y: i32) -> Self {
        Self { x, y }
    }
}

/// A half-open rectangle: `left <= x < right`, `top <= y < bottom`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rect {
    /// First column.
    pub left: i32,
    /// First row.
    pub top: i32,
    /// One past the last column.
    pub right: i32,
    /// One past the last row.
    pub bottom: i32,
}

impl Rect {
    /// The rectangle between two corners, the second of which lies outside.
    pub const fn new(left: i32, top: i32, right: i32, bottom: i32) -> Self {
        Self {
            left,
            top,
            right,
            bottom,
        }
    }

    /// The rectangle of `size` whose top left corner is `origin`; saturates at the coordinate range.
    pub const fn at(origin: Point, size: Size) -> Self {
        Self {
            left: origin.x,
            top: origin.y,
            right: origin.x.saturating_add_unsigned(size.width),
            bottom: origin.y.saturating_add_unsigned(size.height),
        }
    }

    /// Columns; 0 where the rectangle is inverted.
    pub const fn width(&self) -> u32 {
        let width = self.right as i64 - self.left as i64;
        if width > 0 { width as u32 } else { 0 }
    }

    /// Rows; 0 where the rectangle is inverted.
    pub const fn height(&self) -> u32 {
        let height = self.bottom as i64 - self.top as i64;
        if height > 0 { height as u32 } else { 0 }
    }

    /// Width and height.
    pub const fn size(&self) -> Size {
        Size {
            width: self.width(),
            height: self.height(),
        }
    }

    /// Top left corner.
    pub const fn origin(&self) -> Point {
        Point {
            x: self.left,
            y: self.top,
        }
    }

    /// True where the rectangle holds no pixel.
    pub const fn is_empty(&self) -> bool {
        self.left >= self.right || self.top >= self.bottom
    }

    /// The pixels that both rectangles hold; empty where they do not touch.
    pub fn intersect(&self, other: &Rect) -> Rect {
        Rect {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        }
    }

    /// The smallest rectangle that holds both; an empty one adds nothing.
    pub fn union(&self, other: &Rect) -> Rect {
        if self.is_empty() {
            return *other;
        }
        if other.is_empty() {
            return *self;
        }
        Rect {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// True where every pixel of `other` lies inside; an empty `other` always does.
    pub fn contains_rect(&self, other: &Rect) -> bool {
        other.is_empty()
            || (self.left <= other.left
                && self.top <= other.top
                && self.right >= other.right
                && self.bottom >= other.bottom)
    }

    /// True where the pixel at `point` lies inside.
    pub const fn contains(&self, point: Point) -> bool {
        self.left <= point.x && point.x < self.right && self.top <= point.y && point.y < self.bottom
    }

    /// The rectangle moved by (`dx`, `dy`); saturates at the coordinate range.
    pub const fn translate(&self, dx: i32, dy: i32) -> Rect {
        Rect {
            left: self.left.saturating_add(dx),
            top: self.top.saturating_add(dy),
            right: self.right.saturating_add(dx),
            bottom: self.bottom.saturating_add(dy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intersection_of_rectangles_that_do_not_touch_is_empty() {
        let left = Rect::new(0, 0, 10, 10);
        assert!(left.intersect(&Rect::new(10, 0, 20, 10)).is_empty());
        assert_eq!(
            left.intersect(&Rect::new(5, 5, 20, 20)),
            Rect::new(5, 5, 10, 10)
        );
    }

    #[test]
    fn an_inverted_rectangle_has_no_size() {
        assert_eq!(Rect::new(5, 5, 2, 9).size(), Size::new(0, 4));
        assert!(Rect::new(5, 5, 2, 9).is_empty());
    }

    #[test]
    fn a_union_ignores_what_is_empty() {
        let a = Rect::new(3, 4, 5, 6);
        assert_eq!(a.union(&Rect::default()), a);
        assert_eq!(Rect::default().union(&a), a);
        assert_eq!(a.union(&Rect::new(0, 5, 1, 9)), Rect::new(0, 4, 5, 9));
    }

    #[test]
    fn extreme_coordinates_neither_overflow_nor_panic() {
        let all = Rect::new(i32::MIN, i32::MIN, i32::MAX, i32::MAX);
        assert_eq!(all.width(), u32::MAX);
        assert_eq!(all.translate(1, -1).left, i32::MIN + 1);
        assert_eq!(
            Rect::at(Point::new(i32::MAX, 0), Size::new(9, 9)).right,
            i32::MAX
        );
    }
}
