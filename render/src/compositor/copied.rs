//! How many bytes of pixels are written as copies of what lay somewhere else.

use std::ops::AddAssign;

use oriel_codecs::{
    geometry::{Rect, Size},
    picture::BYTES_PER_PIXEL,
};

/// Bytes of pixels that a compositor copied, each counted once, where it was written. What is
/// computed, as fills and the colours of H.264 are, is no copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopiedBytes {
    /// Decoded pixels onto surfaces; on the GPU all that was uploaded, planes of H.264 as well.
    pub drawn: u64,
    /// Between surfaces, the cache and the output.
    pub moved: u64,
    /// From the output to the window.
    pub shown: u64,
}

impl CopiedBytes {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.drawn + self.moved + self.shown
    }
}

impl AddAssign for CopiedBytes {
    fn add_assign(&mut self, more: Self) {
        self.drawn += more.drawn;
        self.moved += more.moved;
        self.shown += more.shown;
    }
}

/// Bytes of so many pixels.
pub(crate) fn bytes_of(size: Size) -> u64 {
    size.area() * BYTES_PER_PIXEL as u64
}

/// Bytes of the pixels in rectangles.
pub(crate) fn bytes_in<'a>(rects: impl IntoIterator<Item = &'a Rect>) -> u64 {
    rects.into_iter().map(|rect| bytes_of(rect.size())).sum()
}
