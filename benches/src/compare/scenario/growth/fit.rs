//! A straight line through points.

/// `y = intercept + slope * x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// At x of zero.
    pub intercept: f64,
    /// For each x.
    pub slope: f64,
}

impl Line {
    /// The line whose relative errors have the least squares: a point that is ten times as large as
    /// another may lie ten times as far off. `None` for fewer than two points.
    pub fn through(points: &[(f64, f64)]) -> Option<Self> {
        let mut sums = [0.0; 5];
        for &(x, y) in points {
            let weight = 1.0 / (y * y).max(f64::MIN_POSITIVE);
            for (sum, term) in sums.iter_mut().zip([1.0, x, y, x * x, x * y]) {
                *sum += weight * term;
            }
        }
        let [weights, x, y, xx, xy] = sums;
        let spread = weights * xx - x * x;
        if points.len() < 2 || spread <= 0.0 {
            return None;
        }
        let slope = (weights * xy - x * y) / spread;
        Some(Self {
            intercept: (y - slope * x) / weights,
            slope,
        })
    }

    /// Its height.
    pub fn at(&self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }

    /// How far a point lies above it, as a part of its height there.
    pub fn residual(&self, x: f64, y: f64) -> f64 {
        y / self.at(x) - 1.0
    }

    /// The residual that is furthest from zero, without its sign.
    pub fn largest_residual(&self, points: &[(f64, f64)]) -> f64 {
        let residuals = points.iter().map(|&(x, y)| self.residual(x, y).abs());
        residuals.fold(0.0, f64::max)
    }

    /// The part of the points' variance that the line explains.
    pub fn r_squared(&self, points: &[(f64, f64)]) -> f64 {
        let mean = points.iter().map(|point| point.1).sum::<f64>() / points.len().max(1) as f64;
        let square = |difference: f64| difference * difference;
        let off: f64 = points.iter().map(|&(x, y)| square(y - self.at(x))).sum();
        let all: f64 = points.iter().map(|&(_, y)| square(y - mean)).sum();
        1.0 - off / all.max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line_give_that_line() {
        let points: Vec<_> = (1..8)
            .map(|x| (f64::from(x), 3.0 + 0.5 * f64::from(x)))
            .collect();
        let line = Line::through(&points).expect("seven points");
        assert!((line.slope - 0.5).abs() < 1e-9 && (line.intercept - 3.0).abs() < 1e-9);
        assert!((line.r_squared(&points) - 1.0).abs() < 1e-9);
        assert!(line.largest_residual(&points) < 1e-9);
    }

    #[test]
    fn a_curve_leaves_residuals() {
        let points: Vec<_> = (1..8).map(|x| (f64::from(x), f64::from(x * x))).collect();
        let line = Line::through(&points).expect("seven points");
        assert!(line.largest_residual(&points) > 0.2);
    }

    #[test]
    fn there_is_no_line_through_a_single_place() {
        assert_eq!(Line::through(&[(1.0, 1.0)]), None);
        assert_eq!(Line::through(&[(1.0, 1.0), (1.0, 2.0)]), None);
    }
}
