//! Where the desktop lies in the window.

use oriel_codecs::geometry::{Point, Rect, Size};

/// How a desktop of one size fills a window of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scaling {
    /// As large as the window allows with the desktop's aspect ratio, bars at the sides. Exact
    /// where the sizes are the same.
    #[default]
    Fit,
    /// One desktop pixel is one window pixel. Centred where the window is larger; where it is
    /// smaller, the desktop's top left corner shows.
    OneToOne,
    /// The whole window, whatever that does to the aspect ratio.
    Stretch,
}

/// The transform between desktop pixels and window pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    desktop: Size,
    window: Size,
    viewport: Rect,
}

impl View {
    /// The view of a desktop in a window.
    pub fn new(desktop: Size, window: Size, scaling: Scaling) -> Self {
        let shown = if desktop.is_empty() || window.is_empty() {
            Size::default()
        } else {
            match scaling {
                Scaling::OneToOne => desktop,
                Scaling::Stretch => window,
                Scaling::Fit => fitted(desktop, window),
            }
        };
        let centred = |outer: u32, inner: u32| (outer.saturating_sub(inner) / 2) as i32;
        let origin = Point::new(
            centred(window.width, shown.width),
            centred(window.height, shown.height),
        );
        Self {
            desktop,
            window,
            viewport: Rect::at(origin, shown),
        }
    }

    /// Size of the desktop, in desktop pixels.
    pub fn desktop(&self) -> Size {
        self.desktop
    }

    /// Size of the window, in window pixels.
    pub fn window(&self) -> Size {
        self.window
    }

    /// Where the whole desktop lies, in window pixels; reaches beyond the window where it is
    /// smaller than a desktop shown one to one.
    pub fn viewport(&self) -> Rect {
        self.viewport
    }

    /// True where a desktop pixel is a window pixel.
    pub fn is_exact(&self) -> bool {
        self.viewport.size() == self.desktop
    }

    /// The desktop pixel under a position in the window, in physical pixels; positions in the
    /// bars give the nearest pixel. `None` while there is no desktop.
    pub fn desktop_at(&self, x: f64, y: f64) -> Option<Point> {
        if self.viewport.is_empty() {
            return None;
        }
        let map = |at: f64, start: i32, shown: u32, whole: u32| {
            let place = (at - f64::from(start)) * f64::from(whole) / f64::from(shown);
            // A NaN becomes 0 here: `as` saturates.
            (place.floor() as i64).clamp(0, i64::from(whole) - 1) as i32
        };
        Some(Point::new(
            map(
                x,
                self.viewport.left,
                self.viewport.width(),
                self.desktop.width,
            ),
            map(
                y,
                self.viewport.top,
                self.viewport.height(),
                self.desktop.height,
            ),
        ))
    }

    /// The window position, in physical pixels, of the middle of a desktop pixel.
    pub fn window_at(&self, point: Point) -> Option<(f64, f64)> {
        if self.viewport.is_empty() {
            return None;
        }
        let map = |at: i32, start: i32, shown: u32, whole: u32| {
            (f64::from(at) + 0.5) * f64::from(shown) / f64::from(whole) + f64::from(start)
        };
        Some((
            map(
                point.x,
                self.viewport.left,
                self.viewport.width(),
                self.desktop.width,
            ),
            map(
                point.y,
                self.viewport.top,
                self.viewport.height(),
                self.desktop.height,
            ),
        ))
    }

    /// The window pixels that a desktop rectangle touches, cut to the window. `margin_px` desktop
    /// pixels around it count as well: what a scaling filter reaches.
    pub fn window_rect(&self, rect: &Rect, margin_px: u32) -> Rect {
        if self.viewport.is_empty() || rect.is_empty() {
            return Rect::default();
        }
        let margin = i64::from(margin_px);
        let map = |low: i32, high: i32, start: i32, shown: u32, whole: u32| {
            let (shown, whole) = (i64::from(shown), i64::from(whole));
            let low = (i64::from(low) - margin).clamp(0, whole) * shown;
            let high = (i64::from(high) + margin).clamp(0, whole) * shown;
            let start = i64::from(start);
            (
                (start + low / whole) as i32,
                (start + (high + whole - 1) / whole) as i32,
            )
        };
        let (left, right) = map(
            rect.left,
            rect.right,
            self.viewport.left,
            self.viewport.width(),
            self.desktop.width,
        );
        let (top, bottom) = map(
            rect.top,
            rect.bottom,
            self.viewport.top,
            self.viewport.height(),
            self.desktop.height,
        );
        Rect::new(left, top, right, bottom).intersect(&self.window.to_rect())
    }
}

/// The largest size with the aspect ratio of `desktop` that fits in `window`, at least a pixel.
fn fitted(desktop: Size, window: Size) -> Size {
    let wide = u64::from(window.width) * u64::from(desktop.height);
    let high = u64::from(window.height) * u64::from(desktop.width);
    let rounded = |part: u64, whole: u32| {
        let whole = u64::from(whole);
        ((part + whole / 2) / whole).max(1) as u32
    };
    if wide <= high {
        Size::new(
            window.width,
            rounded(wide, desktop.width).min(window.height),
        )
    } else {
        Size::new(
            rounded(high, desktop.height).min(window.width),
            window.height,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL_HD: Size = Size::new(1920, 1080);

    #[test]
    fn a_window_of_the_desktops_size_is_exact_in_every_mode() {
        for scaling in [Scaling::Fit, Scaling::OneToOne, Scaling::Stretch] {
            let view = View::new(FULL_HD, FULL_HD, scaling);
            assert!(view.is_exact());
            assert_eq!(view.viewport(), FULL_HD.to_rect());
            assert_eq!(view.desktop_at(17.9, 3.0), Some(Point::new(17, 3)));
        }
    }

    #[test]
    fn fit_keeps_the_aspect_ratio_between_bars() {
        let view = View::new(FULL_HD, Size::new(1000, 1000), Scaling::Fit);
        assert_eq!(view.viewport(), Rect::new(0, 218, 1000, 781));
        let view = View::new(FULL_HD, Size::new(3840, 1080), Scaling::Fit);
        assert_eq!(view.viewport(), Rect::new(960, 0, 2880, 1080));
        assert!(view.is_exact());
    }

    #[test]
    fn a_position_in_the_bars_maps_to_the_desktops_edge() {
        let view = View::new(FULL_HD, Size::new(3840, 1080), Scaling::Fit);
        assert_eq!(view.desktop_at(10.0, 500.0), Some(Point::new(0, 500)));
        assert_eq!(
            view.desktop_at(3830.0, 2000.0),
            Some(Point::new(1919, 1079))
        );
        assert_eq!(view.desktop_at(f64::NAN, 0.0), Some(Point::new(0, 0)));
    }

    #[test]
    fn every_desktop_pixel_comes_back_from_its_place_in_the_window() {
        for window in [
            Size::new(1366, 768),
            Size::new(2560, 1440),
            Size::new(333, 999),
        ] {
            for scaling in [Scaling::Fit, Scaling::Stretch] {
                let view = View::new(FULL_HD, window, scaling);
                for x in 0..FULL_HD.width as i32 {
                    let point = Point::new(x, x % 1080);
                    let (at_x, at_y) = view.window_at(point).expect("a view");
                    assert_eq!(view.desktop_at(at_x, at_y), Some(point));
                }
            }
        }
    }

    #[test]
    fn damage_maps_to_every_window_pixel_it_touches() {
        let view = View::new(FULL_HD, Size::new(960, 540), Scaling::Fit);
        assert_eq!(
            view.window_rect(&Rect::new(3, 3, 5, 4), 0),
            Rect::new(1, 1, 3, 2)
        );
        assert_eq!(
            view.window_rect(&FULL_HD.to_rect(), 9),
            Rect::new(0, 0, 960, 540)
        );
    }

    #[test]
    fn no_desktop_and_no_window_map_to_nothing() {
        let view = View::new(Size::default(), FULL_HD, Scaling::Fit);
        assert_eq!(view.desktop_at(1.0, 1.0), None);
        let view = View::new(FULL_HD, Size::default(), Scaling::Stretch);
        assert!(view.window_rect(&FULL_HD.to_rect(), 0).is_empty());
    }
}
