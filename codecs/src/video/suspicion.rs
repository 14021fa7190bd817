//! Telling that a driver's pictures are wrong although it says that all is well.

use super::frame::YuvFrame;
use super::sequence_parameters::PictureSize;
use super::{VideoError, annex_b};
use crate::yuv::Plane;

/// Parameter sets of one stream, at most (H.264 7.4.2.1.1).
const MAX_PARAMETER_SETS: usize = 32;

/// How far two decoders' samples of one picture may lie apart: rounding is laid down, so not at
/// all, but a driver that is nearly right is not to be replaced.
const TOLERANCE: u8 = 8;

/// The second opinions that are asked for without further reason, each of which the decoder was
/// right in. Pictures of one colour are ordinary in the auxiliary views of grey desktops.
const FREE_QUESTIONS: u32 = 4;

/// Pictures that are copied out to be looked at as soon as they come.
const FIRST_GLANCES: u64 = 4;
/// Odd, so that the main and the auxiliary views of AVC444, which take turns, are both looked at.
const GLANCE_INTERVAL: u64 = 31;

/// The sizes that pictures may have, by the parameter sets seen so far.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    known: Vec<PictureSize>,
}

impl Sizes {
    /// Reads the parameter sets of an access unit.
    pub(super) fn note(&mut self, annex_b: &[u8]) {
        for size in annex_b::picture_sizes(annex_b) {
            self.known.retain(|known| known.id != size.id);
            if self.known.len() < MAX_PARAMETER_SETS {
                self.known.push(size);
            }
        }
    }

    /// Refuses a picture that no parameter set is for; decoders may crop as it says, or not.
    pub(super) fn check(&self, frame: &YuvFrame, backend: &'static str) -> Result<(), VideoError> {
        let size = frame.size();
        let fits = |known: &PictureSize| {
            let is_within =
                |side: u32, cropped: u64, coded: u64| (cropped..=coded).contains(&u64::from(side));
            is_within(size.width, known.cropped.0, known.coded.0)
                && is_within(size.height, known.cropped.1, known.coded.1)
        };
        if self.known.is_empty() || self.known.iter().any(fits) {
            return Ok(());
        }
        Err(VideoError::WrongSize { backend, size })
    }
}

/// When to ask another decoder whether a picture of one colour is right.
#[derive(Debug, Default)]
pub(super) struct BlankWatch {
    /// Pictures of one colour in a row.
    run: u64,
    confirmed: u32,
}

impl BlankWatch {
    /// Notes a picture; true where its being blank should be looked into.
    pub(super) fn is_suspicious(&mut self, is_blank: bool) -> bool {
        if !is_blank {
            self.run = 0;
            return false;
        }
        self.run += 1;
        // A screen that stays dark is looked into at ever longer intervals.
        let is_milestone = self.run >= 4 && self.run.is_power_of_two();
        self.confirmed < FREE_QUESTIONS || is_milestone
    }

    /// The picture was right.
    pub(super) fn confirm(&mut self) {
        self.confirmed = self.confirmed.saturating_add(1);
    }
}

/// Which of the pictures that only the GPU holds are copied out to be looked at: the first few, then
/// one in [`GLANCE_INTERVAL`].
#[derive(Debug, Default)]
pub(super) struct Glances {
    pictures: u64,
}

impl Glances {
    /// Notes a picture; true where it is to be looked at.
    pub(super) fn is_due(&mut self) -> bool {
        self.pictures += 1;
        self.pictures <= FIRST_GLANCES || self.pictures.is_multiple_of(GLANCE_INTERVAL)
    }
}

/// The one colour of a picture: luma, Cb, Cr. What a decoder gives that decoded nothing has one:
/// black, or the green of memory that was never written.
pub(super) fn only_color(frame: &YuvFrame) -> Option<[u8; 3]> {
    // One after the other: chroma that is interleaved is taken apart only where luma is flat.
    let planes: [fn(&YuvFrame) -> Plane<'_>; 3] = [YuvFrame::luma, YuvFrame::cb, YuvFrame::cr];
    let mut color = [0; 3];
    for (plane, found) in planes.iter().zip(&mut color) {
        let plane = plane(frame);
        let size = plane.size();
        let first = *plane.row(0)?.first()?;
        let is_flat = (0..size.height).all(|y| {
            plane
                .row(y)
                .is_some_and(|row| row.iter().all(|&s| s == first))
        });
        if !is_flat {
            return None;
        }
        *found = first;
    }
    Some(color)
}

/// True where the picture is not what `color` all over would be.
pub(super) fn differs_from(frame: &YuvFrame, color: [u8; 3]) -> bool {
    only_color(frame).is_none_or(|other| {
        other
            .iter()
            .zip(color)
            .any(|(a, b)| a.abs_diff(b) > TOLERANCE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::video::ColorDescription;
    use crate::yuv::Yuv420Picture;

    fn frame(bgra: [u8; 4], dot: bool) -> YuvFrame {
        let size = Size::new(32, 16);
        let mut desktop = crate::Picture::filled(size, bgra);
        if dot {
            let bytes = desktop.data().len();
            desktop.as_mut().data_mut()[bytes - 4..].fill(255);
        }
        let mut picture = Yuv420Picture::new(size);
        crate::yuv::bgra_to_yuv420(&desktop, &size.to_rect(), &mut picture);
        YuvFrame::from_picture(picture, ColorDescription::default())
    }

    #[test]
    fn one_dot_in_the_last_corner_is_a_picture() {
        let black = only_color(&frame([0; 4], false)).unwrap();
        assert_eq!(black, [0, 128, 128]);
        assert_eq!(only_color(&frame([0; 4], true)), None);
        assert!(!differs_from(&frame([3, 3, 3, 0], false), black));
        assert!(differs_from(&frame([0, 90, 0, 0], false), black));
        assert!(differs_from(&frame([0; 4], true), black));
    }

    #[test]
    fn a_dark_screen_is_looked_into_ever_more_rarely() {
        let mut watch = BlankWatch::default();
        let mut asked = Vec::new();
        for picture in 1..=100 {
            if watch.is_suspicious(true) {
                asked.push(picture);
                watch.confirm();
            }
        }
        assert_eq!(asked, [1, 2, 3, 4, 8, 16, 32, 64]);
        assert!(!watch.is_suspicious(false) && !watch.is_suspicious(true));
    }

    #[test]
    fn pictures_may_be_cropped_as_far_as_the_stream_says() {
        // 1920x1080 in 1088 rows.
        let stream = [
            0, 0, 1, 0x67, 0x64, 0x00, 0x28, 0xAC, 0xD9, 0x40, 0x78, 0x02, 0x27, 0xE5,
        ];
        let mut sizes = Sizes::default();
        let check = |sizes: &Sizes, width, height| {
            let picture = Yuv420Picture::new(Size::new(width, height));
            let frame = YuvFrame::from_picture(picture, ColorDescription::default());
            sizes.check(&frame, "a test").is_ok()
        };
        assert!(check(&sizes, 64, 64), "nothing is known yet");
        sizes.note(&stream);
        assert!(check(&sizes, 1920, 1088));
        assert!(!check(&sizes, 1920, 1104) && !check(&sizes, 1904, 1088) && !check(&sizes, 64, 64));
    }
}
