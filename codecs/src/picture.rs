//! Pictures in memory: four bytes a pixel, blue first.
//!
//! Everything that is decoded ends as BGRA with eight bits a channel, in the memory order blue,
//! green, red, alpha: what `RDPGFX` surfaces are (`PIXEL_FORMAT_XRGB_8888`, little endian), what
//! window systems take, and what the GPU calls `Bgra8Unorm`. Where a format has no alpha, the
//! fourth byte is 255.

use crate::geometry::{Point, Rect, Size};

/// Bytes a pixel of every [`Picture`].
pub const BYTES_PER_PIXEL: usize = 4;

/// A picture that owns its pixels, rows tightly packed, top row first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    size: Size,
    data: Vec<u8>,
}

impl Picture {
    /// An opaque black picture.
    pub fn new(size: Size) -> Self {
        Self::filled(size, [0, 0, 0, 255])
    }

    /// A picture of one colour, given as blue, green, red, alpha.
    pub fn filled(size: Size, bgra: [u8; 4]) -> Self {
        let mut data = vec![0; size.width as usize * size.height as usize * BYTES_PER_PIXEL];
        for pixel in data.chunks_exact_mut(BYTES_PER_PIXEL) {
            pixel.copy_from_slice(&bgra);
        }
        Self { size, data }
    }

    /// A picture over pixels that exist already, `width * height * 4` bytes; `None` where the
    /// number of bytes is another.
    pub fn from_bgra(size: Size, data: Vec<u8>) -> Option<Self> {
        (data.len() as u64 == size.area() * BYTES_PER_PIXEL as u64).then_some(Self { size, data })
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Bytes from one row to the next.
    pub fn stride_bytes(&self) -> usize {
        self.size.width as usize * BYTES_PER_PIXEL
    }

    /// All pixels, row by row.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// All pixels, row by row.
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// The pixels alone.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    /// The pixel at `point` as blue, green, red, alpha.
    ///
    /// # Panics
    /// If `point` lies outside.
    pub fn pixel(&self, point: Point) -> [u8; 4] {
        assert!(
            self.size.to_rect().contains(point),
            "{point:?} outside {:?}",
            self.size
        );
        let at = point.y as usize * self.stride_bytes() + point.x as usize * BYTES_PER_PIXEL;
        [
            self.data[at],
            self.data[at + 1],
            self.data[at + 2],
            self.data[at + 3],
        ]
    }

    /// A view of the whole picture to read from.
    pub fn view(&self) -> PictureRef<'_> {
        PictureRef {
            size: self.size,
            stride_bytes: self.stride_bytes(),
            data: &self.data,
        }
    }

    /// A view of the whole picture to write into.
    pub fn as_mut(&mut self) -> PictureMut<'_> {
        let stride_bytes = self.stride_bytes();
        PictureMut {
            size: self.size,
            stride_bytes,
            data: &mut self.data,
        }
    }
}

/// Which row of a picture comes first in its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowOrder {
    /// The top one: the graphics pipeline.
    TopDown,
    /// The bottom one: bitmap updates, surface bits, most pointers.
    BottomUp,
}

impl RowOrder {
    /// Where on the picture, counted from the top, the row stored at `index` belongs; and the
    /// other way round.
    pub const fn flip(self, index: u32, height: u32) -> u32 {
        match self {
            RowOrder::TopDown => index,
            RowOrder::BottomUp => height - 1 - index,
        }
    }
}

/// Bytes from the first pixel of a view to the end of its last row; `None` where rows overlap or
/// the number does not fit.
fn view_bytes(size: Size, stride_bytes: usize) -> Option<usize> {
    let row_bytes = (size.width as usize).checked_mul(BYTES_PER_PIXEL)?;
    if row_bytes > stride_bytes && size.height > 1 {
        return None;
    }
    match size.height {
        0 => Some(0),
        height => (height as usize - 1)
            .checked_mul(stride_bytes)?
            .checked_add(row_bytes),
    }
}

/// A borrowed rectangle of BGRA pixels to encode, with the stride of the memory it lies in.
#[derive(Clone, Copy, Debug)]
pub struct PictureRef<'a> {
    size: Size,
    stride_bytes: usize,
    data: &'a [u8],
}

impl<'a> PictureRef<'a> {
    /// A view of `size` pixels over `data`, whose rows start `stride_bytes` apart; `None` where
    /// `data` is too short or rows would overlap.
    pub fn new(data: &'a [u8], size: Size, stride_bytes: usize) -> Option<Self> {
        (data.len() >= view_bytes(size, stride_bytes)?).then_some(Self {
            size,
            stride_bytes,
            data,
        })
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Bytes from one row to the next.
    pub fn stride_bytes(&self) -> usize {
        self.stride_bytes
    }

    /// Row `y`, `size().width * 4` bytes.
    ///
    /// # Panics
    /// If `y` is not below the height.
    pub fn row(&self, y: u32) -> &'a [u8] {
        assert!(y < self.size.height, "row {y} of {}", self.size.height);
        let start = y as usize * self.stride_bytes;
        &self.data[start..start + self.size.width as usize * BYTES_PER_PIXEL]
    }

    /// The part of this view inside `rect` (relative to the view); `None` where `rect` does not
    /// lie inside or is empty.
    pub fn sub(&self, rect: &Rect) -> Option<PictureRef<'a>> {
        if rect.is_empty() || !self.size.to_rect().contains_rect(rect) {
            return None;
        }
        let start = rect.top as usize * self.stride_bytes + rect.left as usize * BYTES_PER_PIXEL;
        PictureRef::new(&self.data[start..], rect.size(), self.stride_bytes)
    }
}

/// A borrowed rectangle of BGRA pixels to decode into, with the stride of the memory it lies in.
///
/// A decoder writes rows of `size.width` pixels and never touches the bytes between the end of a
/// row and the start of the next.
#[derive(Debug)]
pub struct PictureMut<'a> {
    size: Size,
    stride_bytes: usize,
    data: &'a mut [u8],
}

impl<'a> PictureMut<'a> {
    /// A view of `size` pixels over `data`, whose rows start `stride_bytes` apart; `None` where
    /// `data` is too short or rows would overlap.
    pub fn new(data: &'a mut [u8], size: Size, stride_bytes: usize) -> Option<Self> {
        (data.len() >= view_bytes(size, stride_bytes)?).then_some(Self {
            size,
            stride_bytes,
            data,
        })
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Bytes from one row to the next.
    pub fn stride_bytes(&self) -> usize {
        self.stride_bytes
    }

    /// Row `y`, `size().width * 4` bytes.
    ///
    /// # Panics
    /// If `y` is not below the height.
    pub fn row_mut(&mut self, y: u32) -> &mut [u8] {
        assert!(y < self.size.height, "row {y} of {}", self.size.height);
        let start = y as usize * self.stride_bytes;
        &mut self.data[start..start + self.size.width as usize * BYTES_PER_PIXEL]
    }

    /// The bytes under the view, from its first pixel on, gaps between rows included.
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.data
    }

    /// The rows above `row`, and those from it on, so that each can be written on a thread of its
    /// own.
    ///
    /// # Panics
    /// If `row` is greater than the height.
    pub fn split_at_row(self, row: u32) -> (PictureMut<'a>, PictureMut<'a>) {
        assert!(row <= self.size.height, "row {row} of {}", self.size.height);
        // The last row may be shorter than the stride.
        let at = (row as usize * self.stride_bytes).min(self.data.len());
        let (above, below) = self.data.split_at_mut(at);
        let part = |data, height| PictureMut {
            size: Size::new(self.size.width, height),
            stride_bytes: self.stride_bytes,
            data,
        };
        (part(above, row), part(below, self.size.height - row))
    }

    /// The part of this view inside `rect` (relative to the view); `None` where `rect` does not
    /// lie inside or is empty.
    pub fn sub(&mut self, rect: &Rect) -> Option<PictureMut<'_>> {
        if rect.is_empty() || !self.size.to_rect().contains_rect(rect) {
            return None;
        }
        let start = rect.top as usize * self.stride_bytes + rect.left as usize * BYTES_PER_PIXEL;
        PictureMut::new(&mut self.data[start..], rect.size(), self.stride_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_needs_no_bytes_after_its_last_row() {
        let data = [0; 4 * 10 + 8];
        assert!(PictureRef::new(&data, Size::new(2, 5), 10).is_some());
        assert!(PictureRef::new(&data[1..], Size::new(2, 5), 10).is_none());
        assert!(PictureRef::new(&data, Size::new(3, 2), 8).is_none());
        assert!(PictureRef::new(&[], Size::new(9, 0), 0).is_some());
        assert!(PictureRef::new(&data, Size::new(u32::MAX, u32::MAX), usize::MAX).is_none());
    }

    #[test]
    fn a_part_of_a_view_keeps_the_stride() {
        let mut picture = Picture::new(Size::new(4, 4));
        let mut view = picture.as_mut();
        let mut part = view.sub(&Rect::new(1, 2, 3, 4)).unwrap();
        part.row_mut(1).fill(9);
        assert!(view.sub(&Rect::new(1, 2, 5, 4)).is_none());
        assert_eq!(picture.pixel(Point::new(1, 3)), [9; 4]);
        assert_eq!(picture.pixel(Point::new(3, 3)), [0, 0, 0, 255]);
        let part = picture.view().sub(&Rect::new(1, 2, 3, 4)).unwrap();
        assert_eq!(part.row(1), [9; 8]);
    }
}
