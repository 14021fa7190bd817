//! Wheels and touch pads, in notches.

/// Units of one notch (`WHEEL_DELTA`).
pub const NOTCH: i16 = 120;

/// Pixels of a touch pad that count as one notch: what browsers scroll for one.
const PIXELS_A_NOTCH: f64 = 53.0;

/// Most notches told at once: a runaway device must not fill the link.
const MAX_NOTCHES: f64 = 32.0;

/// Turns movement of any fineness into whole notches.
///
/// The protocol would carry parts of a notch, but servers other than Windows take every event as
/// one whole click (xrdp does), which makes a touch pad race there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wheel {
    /// What is not told yet, in notches.
    rest: f64,
}

impl Wheel {
    /// Adds movement in lines, one a notch; returns the whole notches that are due.
    pub fn add_lines(&mut self, lines: f64) -> i16 {
        self.add(lines)
    }

    /// Adds movement in pixels; returns the whole notches that are due.
    pub fn add_pixels(&mut self, pixels: f64) -> i16 {
        self.add(pixels / PIXELS_A_NOTCH)
    }

    fn add(&mut self, notches: f64) -> i16 {
        if !notches.is_finite() {
            return 0;
        }
        // What is left of the other direction would make the first notch come late.
        if notches * self.rest < 0.0 {
            self.rest = 0.0;
        }
        let total = (self.rest + notches).clamp(-MAX_NOTCHES, MAX_NOTCHES);
        let due = total.trunc();
        self.rest = total - due;
        due as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_one_notch() {
        let mut wheel = Wheel::default();
        assert_eq!(wheel.add_lines(1.0), 1);
        assert_eq!(wheel.add_lines(-3.0), -3);
    }

    #[test]
    fn fine_movement_adds_up_and_loses_nothing() {
        let mut wheel = Wheel::default();
        let notches: i16 = (0..530).map(|_| wheel.add_pixels(1.0)).sum();
        assert!((9..=10).contains(&notches), "{notches}");
        let mut wheel = Wheel::default();
        let notches: i16 = (0..8).map(|_| wheel.add_lines(0.25)).sum();
        assert_eq!(notches, 2);
    }

    #[test]
    fn a_change_of_direction_starts_anew() {
        let mut wheel = Wheel::default();
        assert_eq!(wheel.add_lines(0.9), 0);
        assert_eq!(wheel.add_lines(-0.5), 0);
        assert_eq!(wheel.add_lines(-0.5), -1);
    }

    #[test]
    fn nonsense_from_a_device_is_bounded() {
        let mut wheel = Wheel::default();
        assert_eq!(wheel.add_lines(f64::NAN), 0);
        assert_eq!(wheel.add_lines(1e300), 32);
        assert_eq!(wheel.add_lines(1.0), 1);
    }
}
