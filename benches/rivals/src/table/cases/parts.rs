use std::sync::Mutex;

use oriel_codecs::{Picture, PictureMut, Rect, Size};
use oriel_rivals::freerdp::Interleaved;

use super::bytes_of;
use crate::table::contest::{Maker, OurTurn};

/// Rows of a band: two lines of text. A payload of so few pixels is never shared by the threads of
/// a pool, as NSCodec would be; the renderer's workers, which are none, do not share any.
const BAND_ROWS: u32 = 32;
/// What FreeRDP's encoder of interleaved RLE takes at most.
const TILE_WIDTH: u32 = Interleaved::MOST_ENCODED_EDGE;

/// Rectangles that cover a picture: bands of [`BAND_ROWS`], cut into pieces of this width.
fn bands(size: Size, width: u32) -> impl Iterator<Item = Vec<Rect>> {
    let tops = (0..size.height).step_by(BAND_ROWS as usize);
    tops.map(move |top| {
        let lefts = (0..size.width).step_by(width as usize);
        let piece = |left| {
            let right = size.width.min(left + width);
            let bottom = size.height.min(top + BAND_ROWS);
            Rect::new(left as i32, top as i32, right as i32, bottom as i32)
        };
        lefts.map(piece).collect()
    })
}

/// Bands cut into tiles that every encoder takes.
pub(super) fn tiles(size: Size) -> Vec<Rect> {
    bands(size, TILE_WIDTH).flatten().collect()
}

/// A rectangle of a picture that was encoded by itself.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) rect: Rect,
    pub(super) payload: Vec<u8>,
}

/// A picture in payloads that stand alone, as servers send it: in bands, of one part or of several.
#[derive(Debug)]
pub(super) struct Parts {
    size: Size,
    bands: Vec<Vec<Part>>,
}

impl Parts {
    /// `encode` appends the payload of each band; nothing where it refuses one.
    pub(super) fn of_bands(
        size: Size,
        encode: impl FnMut(Rect, &mut Vec<u8>) -> bool,
    ) -> Option<Self> {
        Self::of_pieces(size, size.width, encode)
    }

    /// The same for [`tiles`].
    pub(super) fn of_tiles(
        size: Size,
        encode: impl FnMut(Rect, &mut Vec<u8>) -> bool,
    ) -> Option<Self> {
        Self::of_pieces(size, TILE_WIDTH, encode)
    }

    fn of_pieces(
        size: Size,
        width: u32,
        mut encode: impl FnMut(Rect, &mut Vec<u8>) -> bool,
    ) -> Option<Self> {
        let mut part = |rect| {
            let mut payload = Vec::new();
            encode(rect, &mut payload).then_some(Part { rect, payload })
        };
        let bands = bands(size, width).map(|band| band.into_iter().map(&mut part).collect());
        Some(Self {
            size,
            bands: bands.collect::<Option<_>>()?,
        })
    }

    /// Every part, for those who take one after the other.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Part> {
        self.bands.iter().flatten()
    }

    /// Our decoder of these parts: each thread of the pool takes the next band that nobody has, as
    /// the workers of the renderer take payloads, and decodes it with a scratch of its own.
    pub(super) fn ours<'a, S: Default + Send + 'a>(
        &'a self,
        decode: impl Fn(&Part, &mut PictureMut<'_>, &mut S) + Copy + Send + Sync + 'a,
    ) -> Maker<'a, OurTurn<'a>> {
        Maker::ours(bytes_of(self.size), move || {
            let (mut target, mut scratches) = (Picture::new(self.size), Vec::new());
            Box::new(move || {
                scratches.resize_with(rayon::current_num_threads(), S::default);
                let band_bytes = target.stride_bytes() * BAND_ROWS as usize;
                let rows = target.data_mut().chunks_mut(band_bytes);
                let bands = Mutex::new(self.bands.iter().zip(rows));
                let next = || bands.lock().expect("nobody panics with it").next();
                let worker = |scratch: &mut S| {
                    while let Some((band, rows)) = next() {
                        decode_band(band, rows, self.size.width, |part, target| {
                            decode(part, target, scratch);
                        });
                    }
                };
                rayon::scope(|scope| {
                    for scratch in &mut scratches {
                        scope.spawn(|_| worker(scratch));
                    }
                });
            })
        })
    }
}

/// Decodes the parts of a band into its rows, which are of this width.
fn decode_band(
    band: &[Part],
    rows: &mut [u8],
    width: u32,
    mut decode: impl FnMut(&Part, &mut PictureMut<'_>),
) {
    let stride = width as usize * 4;
    let size = Size::new(width, (rows.len() / stride) as u32);
    let mut rows = PictureMut::new(rows, size, stride).expect("whole rows");
    for part in band {
        let Rect { left, right, .. } = part.rect;
        let place = Rect::new(left, 0, right, part.rect.height() as i32);
        decode(part, &mut rows.sub(&place).expect("a part of the band"));
    }
}
