//! Pictures of planes that own their memory.
//!
//! Both kinds hold whole macroblocks: the memory behind a picture of 1366×768 is 1376×768, so
//! that an encoder takes it as it is and block-wise work never meets an edge.

use super::coefficients::CHROMA_ZERO;
use super::plane::{Plane, Yuv420Planes, Yuv444Planes, chroma_size};
use super::{MACROBLOCK_PX, coded_size};
use crate::geometry::{Rect, Size};

/// Rows of samples without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlaneBuffer {
    data: Vec<u8>,
    size: Size,
}

impl PlaneBuffer {
    fn filled(size: Size, sample: u8) -> Self {
        Self {
            data: vec![sample; size.width as usize * size.height as usize],
            size,
        }
    }

    pub(super) fn stride_bytes(&self) -> usize {
        self.size.width as usize
    }

    #[cfg(test)]
    pub(super) fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// Row `y`; empty below the last row.
    pub(super) fn row(&self, y: usize) -> &[u8] {
        let stride = self.stride_bytes();
        self.data
            .get(y * stride..(y + 1) * stride)
            .unwrap_or_default()
    }

    /// Row `y`; empty below the last row.
    pub(super) fn row_mut(&mut self, y: usize) -> &mut [u8] {
        let stride = self.stride_bytes();
        self.data
            .get_mut(y * stride..(y + 1) * stride)
            .unwrap_or_default()
    }

    /// Rows `y` and `y + 1`; empty where they do not both exist.
    pub(super) fn row_pair_mut(&mut self, y: usize) -> (&mut [u8], &mut [u8]) {
        let stride = self.stride_bytes();
        match self.data.get_mut(y * stride..(y + 2) * stride) {
            Some(rows) => rows.split_at_mut(stride),
            None => Default::default(),
        }
    }

    /// The top left `size` samples. `size` is neither empty nor larger than the buffer.
    fn plane(&self, size: Size) -> Option<Plane<'_>> {
        Plane::new(&self.data, size, self.stride_bytes())
    }

    /// Copies the outermost samples of the top left `content` into what lies right of and below
    /// it, for the rows and columns that touch `changed`.
    fn pad_edges(&mut self, content: Size, changed: &Rect) {
        let (width, height) = (content.width as usize, content.height as usize);
        let last_row = height.saturating_sub(1);
        if changed.right as usize >= width && self.stride_bytes() > width {
            for y in changed.top as usize..(changed.bottom as usize).min(height) {
                let row = self.row_mut(y);
                if let Some(&edge) = row.get(width.wrapping_sub(1)) {
                    row[width..].fill(edge);
                }
            }
        }
        if changed.bottom as usize >= height {
            let stride = self.stride_bytes();
            for y in height..self.size.height as usize {
                self.data
                    .copy_within(last_row * stride..(last_row + 1) * stride, y * stride);
            }
        }
    }
}

/// A 4:2:0 picture, such as an encoder takes and a decoder that lends no memory gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yuv420Picture {
    size: Size,
    pub(super) luma: PlaneBuffer,
    pub(super) cb: PlaneBuffer,
    pub(super) cr: PlaneBuffer,
}

impl Yuv420Picture {
    /// A black picture of at least one pixel each way.
    pub fn new(size: Size) -> Self {
        let size = Size::new(size.width.max(1), size.height.max(1));
        let coded = coded_size(size);
        let chroma = chroma_size(coded);
        Self {
            size,
            luma: PlaneBuffer::filled(coded, 0),
            cb: PlaneBuffer::filled(chroma, CHROMA_ZERO),
            cr: PlaneBuffer::filled(chroma, CHROMA_ZERO),
        }
    }

    /// A copy of borrowed planes.
    pub fn from_planes(planes: &Yuv420Planes<'_>) -> Self {
        let mut picture = Self::new(planes.size());
        for (buffer, plane) in [
            (&mut picture.luma, planes.luma()),
            (&mut picture.cb, planes.cb()),
            (&mut picture.cr, planes.cr()),
        ] {
            for y in 0..plane.size().height {
                if let Some(source) = plane.row(y) {
                    buffer.row_mut(y as usize)[..source.len()].copy_from_slice(source);
                }
            }
        }
        picture.pad_edges(&picture.size.to_rect());
        picture
    }

    /// Width and height in pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The picture without its padding.
    pub fn planes(&self) -> Yuv420Planes<'_> {
        self.planes_of(self.size)
    }

    /// The picture with its padding: whole macroblocks.
    pub fn coded_planes(&self) -> Yuv420Planes<'_> {
        self.planes_of(self.luma.size)
    }

    fn planes_of(&self, size: Size) -> Yuv420Planes<'_> {
        let chroma = chroma_size(size);
        (|| {
            Yuv420Planes::new(
                self.luma.plane(size)?,
                self.cb.plane(chroma)?,
                self.cr.plane(chroma)?,
            )
        })()
        .expect("the buffers hold whole macroblocks, at least one")
    }

    /// Fills the padding next to `changed` with the outermost samples.
    pub(super) fn pad_edges(&mut self, changed: &Rect) {
        self.luma.pad_edges(self.size, changed);
        let chroma = chroma_size(self.size);
        let changed = Rect::new(
            changed.left / 2,
            changed.top / 2,
            changed.right / 2 + (changed.right & 1),
            changed.bottom / 2 + (changed.bottom & 1),
        );
        self.cb.pad_edges(chroma, &changed);
        self.cr.pad_edges(chroma, &changed);
    }
}

/// A 4:4:4 picture that lives as long as its surface: luma views and chroma views are combined
/// into it as they come.
///
/// Beside its three planes it keeps the chroma of the main view as it was received: a chroma view
/// needs it, and one may follow another with no luma view between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yuv444Picture {
    size: Size,
    pub(super) luma: PlaneBuffer,
    pub(super) cb: PlaneBuffer,
    pub(super) cr: PlaneBuffer,
    pub(super) main_cb: PlaneBuffer,
    pub(super) main_cr: PlaneBuffer,
}

impl Yuv444Picture {
    /// A black picture of at least one pixel each way; 3.5 bytes a pixel.
    pub fn new(size: Size) -> Self {
        let size = Size::new(size.width.max(1), size.height.max(1));
        let coded = coded_size(size);
        let chroma = chroma_size(coded);
        Self {
            size,
            luma: PlaneBuffer::filled(coded, 0),
            cb: PlaneBuffer::filled(coded, CHROMA_ZERO),
            cr: PlaneBuffer::filled(coded, CHROMA_ZERO),
            main_cb: PlaneBuffer::filled(chroma, CHROMA_ZERO),
            main_cr: PlaneBuffer::filled(chroma, CHROMA_ZERO),
        }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The picture without its padding.
    pub fn planes(&self) -> Yuv444Planes<'_> {
        (|| {
            Yuv444Planes::new(
                self.luma.plane(self.size)?,
                self.cb.plane(self.size)?,
                self.cr.plane(self.size)?,
            )
        })()
        .expect("the buffers hold whole macroblocks, at least one")
    }

    /// Fills the padding next to `changed` with the outermost samples.
    pub(super) fn pad_edges(&mut self, changed: &Rect) {
        for plane in [&mut self.luma, &mut self.cb, &mut self.cr] {
            plane.pad_edges(self.size, changed);
        }
    }

    /// `rect` clipped to the picture and widened: to whole macroblocks, and over the padding where
    /// it touches an edge.
    pub(super) fn macroblocks(&self, rect: &Rect) -> Rect {
        let clipped = rect.intersect(&self.size.to_rect());
        if clipped.is_empty() {
            return Rect::default();
        }
        let mask = !(MACROBLOCK_PX as i32 - 1);
        let up = |edge: i32| edge.saturating_add(!mask) & mask;
        Rect::new(
            clipped.left & mask,
            clipped.top & mask,
            up(clipped.right),
            up(clipped.bottom),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_holds_whole_macroblocks_and_shows_its_own_size() {
        let picture = Yuv420Picture::new(Size::new(33, 17));
        assert_eq!(picture.planes().size(), Size::new(33, 17));
        assert_eq!(picture.planes().cb().size(), Size::new(17, 9));
        assert_eq!(picture.coded_planes().size(), Size::new(48, 32));
        assert_eq!(picture.coded_planes().cr().size(), Size::new(24, 16));
        assert_eq!(
            Yuv444Picture::new(Size::default()).planes().size(),
            Size::new(1, 1)
        );
    }

    #[test]
    fn a_copy_repeats_its_outermost_samples_in_the_padding() {
        let size = Size::new(3, 3);
        let luma = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let chroma = [10, 20, 30, 40];
        let plane = |data, size: Size| Plane::new(data, size, size.width as usize).unwrap();
        let half = Size::new(2, 2);
        let copy = Yuv420Picture::from_planes(
            &Yuv420Planes::new(
                plane(&luma, size),
                plane(&chroma, half),
                plane(&chroma, half),
            )
            .unwrap(),
        );
        let coded = copy.coded_planes();
        assert_eq!(&coded.luma().row(1).unwrap()[..5], [4, 5, 6, 6, 6]);
        assert_eq!(coded.luma().row(15), coded.luma().row(2));
        assert_eq!(coded.luma().row(15).unwrap()[15], 9);
        assert_eq!(coded.cb().row(7).unwrap(), [30, 40, 40, 40, 40, 40, 40, 40]);
    }
}
