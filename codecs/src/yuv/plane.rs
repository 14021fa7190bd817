//! Borrowed planes of eight-bit samples.

use crate::geometry::Size;

/// One plane of samples: rows of `size.width` bytes that start `stride_bytes` apart, top row first.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    data: &'a [u8],
    stride_bytes: usize,
    size: Size,
}

impl<'a> Plane<'a> {
    /// A plane over `data`; `None` where `data` is too short, rows would overlap or there is no
    /// sample at all.
    pub fn new(data: &'a [u8], size: Size, stride_bytes: usize) -> Option<Self> {
        if size.is_empty() || stride_bytes < size.width as usize {
            return None;
        }
        let needed = (size.height as usize - 1)
            .checked_mul(stride_bytes)?
            .checked_add(size.width as usize)?;
        (data.len() >= needed).then_some(Self {
            data,
            stride_bytes,
            size,
        })
    }

    /// The samples, from the first on, gaps between rows included.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Bytes from one row to the next.
    pub fn stride_bytes(&self) -> usize {
        self.stride_bytes
    }

    /// Samples a row, and rows.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Row `y`, `size().width` bytes; `None` below the last row.
    pub fn row(&self, y: u32) -> Option<&'a [u8]> {
        if y >= self.size.height {
            return None;
        }
        let start = y as usize * self.stride_bytes;
        self.data.get(start..start + self.size.width as usize)
    }

    /// The samples from (`x`, `y`) on; rows are still `stride_bytes` apart.
    pub(crate) fn from(&self, x: u32, y: u32) -> &'a [u8] {
        let start = y as usize * self.stride_bytes + x as usize;
        self.data.get(start..).unwrap_or_default()
    }
}

impl std::fmt::Debug for Plane<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plane")
            .field("size", &self.size)
            .field("stride_bytes", &self.stride_bytes)
            .finish_non_exhaustive()
    }
}

/// A 4:2:0 picture: one chroma sample of each kind for a block of 2×2 pixels.
#[derive(Clone, Copy, Debug)]
pub struct Yuv420Planes<'a> {
    luma: Plane<'a>,
    cb: Plane<'a>,
    cr: Plane<'a>,
}

impl<'a> Yuv420Planes<'a> {
    /// The three planes of one picture; `None` where a chroma plane is not half as wide and high
    /// as the luma plane, rounded up.
    pub fn new(luma: Plane<'a>, cb: Plane<'a>, cr: Plane<'a>) -> Option<Self> {
        let half = chroma_size(luma.size);
        (cb.size == half && cr.size == half).then_some(Self { luma, cb, cr })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> Size {
        self.luma.size
    }

    /// One sample a pixel.
    pub fn luma(&self) -> Plane<'a> {
        self.luma
    }

    /// Blue difference, one sample a block of 2×2 pixels.
    pub fn cb(&self) -> Plane<'a> {
        self.cb
    }

    /// Red difference, one sample a block of 2×2 pixels.
    pub fn cr(&self) -> Plane<'a> {
        self.cr
    }
}

/// A 4:4:4 picture: three samples a pixel.
#[derive(Clone, Copy, Debug)]
pub struct Yuv444Planes<'a> {
    luma: Plane<'a>,
    cb: Plane<'a>,
    cr: Plane<'a>,
}

impl<'a> Yuv444Planes<'a> {
    /// The three planes of one picture; `None` where they differ in size.
    pub fn new(luma: Plane<'a>, cb: Plane<'a>, cr: Plane<'a>) -> Option<Self> {
        (cb.size == luma.size && cr.size == luma.size).then_some(Self { luma, cb, cr })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> Size {
        self.luma.size
    }

    /// Luma.
    pub fn luma(&self) -> Plane<'a> {
        self.luma
    }

    /// Blue difference.
    pub fn cb(&self) -> Plane<'a> {
        self.cb
    }

    /// Red difference.
    pub fn cr(&self) -> Plane<'a> {
        self.cr
    }
}

/// Samples a row and rows of a chroma plane of 4:2:0, for a picture of this size: half of it,
/// rounded up.
pub fn chroma_size(size: Size) -> Size {
    Size::new(size.width.div_ceil(2), size.height.div_ceil(2))
}
