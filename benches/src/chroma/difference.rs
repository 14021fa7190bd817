//! How different two colours look: ΔE of CIEDE2000, where 1 is about what an eye can just tell.

/// A colour of CIE L\*a\*b\*, under daylight (D65).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lab {
    lightness: f64,
    a: f64,
    b: f64,
}

impl Lab {
    /// Of a pixel in sRGB.
    pub fn of_bgra([blue, green, red, _]: [u8; 4]) -> Self {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        let [red, green, blue] = [red, green, blue].map(linear);
        let x = (0.412_456_4 * red + 0.357_576_1 * green + 0.180_437_5 * blue) / 0.950_47;
        let y = 0.212_672_9 * red + 0.715_152_2 * green + 0.072_175 * blue;
        let z = (0.019_333_9 * red + 0.119_192 * green + 0.950_304_1 * blue) / 1.088_83;
        let [x, y, z] = [x, y, z].map(|value: f64| {
            if value > 216.0 / 24389.0 {
                value.cbrt()
            } else {
                (24389.0 / 27.0 * value + 16.0) / 116.0
            }
        });
        Self {
            lightness: 116.0 * y - 16.0,
            a: 500.0 * (x - y),
            b: 200.0 * (y - z),
        }
    }

    /// ΔE to another colour (CIE 142-2001; Sharma, Wu, Dalal 2005).
    pub fn difference(&self, other: &Self) -> f64 {
        let pow7 = |value: f64| (value.powi(7) / (value.powi(7) + 25f64.powi(7))).sqrt();
        let mean_chroma = (self.a.hypot(self.b) + other.a.hypot(other.b)) / 2.0;
        let stretch = 1.0 + 0.5 * (1.0 - pow7(mean_chroma));
        let polar = |color: &Self| {
            let a = stretch * color.a;
            let hue = color.b.atan2(a).to_degrees().rem_euclid(360.0);
            (a.hypot(color.b), hue)
        };
        let ((c1, h1), (c2, h2)) = (polar(self), polar(other));
        let is_grey = c1 * c2 == 0.0;
        let hue_step = match h2 - h1 {
            _ if is_grey => 0.0,
            step if step > 180.0 => step - 360.0,
            step if step < -180.0 => step + 360.0,
            step => step,
        };
        let (d_l, d_c) = (other.lightness - self.lightness, c2 - c1);
        let d_h = 2.0 * (c1 * c2).sqrt() * (hue_step / 2.0).to_radians().sin();
        let l = f64::midpoint(self.lightness, other.lightness);
        let c = f64::midpoint(c1, c2);
        let h = match h1 + h2 {
            sum if is_grey => sum,
            sum if (h1 - h2).abs() <= 180.0 => sum / 2.0,
            sum if sum < 360.0 => (sum + 360.0) / 2.0,
            sum => (sum - 360.0) / 2.0,
        };
        let cos = |degrees: f64| degrees.to_radians().cos();
        let t = 1.0 - 0.17 * cos(h - 30.0) + 0.24 * cos(2.0 * h) + 0.32 * cos(3.0 * h + 6.0)
            - 0.20 * cos(4.0 * h - 63.0);
        let off_middle = (l - 50.0).powi(2);
        let s_l = 1.0 + 0.015 * off_middle / (20.0 + off_middle).sqrt();
        let s_c = 1.0 + 0.045 * c;
        let s_h = 1.0 + 0.015 * c * t;
        let turn = 60.0 * (-((h - 275.0) / 25.0).powi(2)).exp();
        let rotation = -2.0 * pow7(c) * turn.to_radians().sin();
        let (l, c, h) = (d_l / s_l, d_c / s_c, d_h / s_h);
        (l * l + c * c + h * h + rotation * c * h).max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_pairs_differ_as_published() {
        // Sharma, Wu, Dalal 2005, table 1: pairs 1, 7, 13, 17, 24 and 34.
        let pairs = [
            ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
            ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
            ([50.0, -0.001, 2.49], [50.0, 0.0011, -2.49], 4.7461),
            ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
            ([50.0, 2.5, 0.0], [50.0, 3.2592, 0.335], 1.0),
            ([2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082),
        ];
        for (first, second, wanted) in pairs {
            let lab = |[lightness, a, b]: [f64; 3]| Lab { lightness, a, b };
            let got = lab(first).difference(&lab(second));
            assert!((got - wanted).abs() < 1e-4, "{got} for {wanted}");
        }
    }

    #[test]
    fn white_has_no_colour_and_all_the_lightness() {
        let white = Lab::of_bgra([255; 4]);
        assert!((white.lightness - 100.0).abs() < 1e-3);
        assert!(white.a.abs() < 1e-2 && white.b.abs() < 1e-2, "{white:?}");
    }
}
