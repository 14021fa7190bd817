//! What most viewers do: chroma between the centres of its blocks, by distance.

use oriel_codecs::{
    Picture,
    yuv::{Plane, Yuv420Planes, Yuv444Planes, yuv444_to_bgra},
};

/// Draws a picture with each pixel's chroma taken from the four blocks nearest to it.
pub fn draw(planes: &Yuv420Planes<'_>, out: &mut Picture) {
    let size = planes.size();
    let [cb, cr] = [planes.cb(), planes.cr()].map(|plane| widened(&plane, planes));
    let stride = size.width as usize;
    let [cb, cr] = [&cb, &cr].map(|data| Plane::new(data, size, stride).expect("whole rows"));
    let full = Yuv444Planes::new(planes.luma(), cb, cr).expect("planes of one size");
    yuv444_to_bgra(&full, &size.to_rect(), &mut out.as_mut());
}

/// A plane of chroma at the size of the picture.
fn widened(chroma: &Plane<'_>, picture: &Yuv420Planes<'_>) -> Vec<u8> {
    let (size, blocks) = (picture.size(), chroma.size());
    let mut samples = Vec::with_capacity(size.area() as usize);
    for y in 0..size.height {
        let (near_row, far_row) = nearest(y, blocks.height);
        let [near_row, far_row] = [near_row, far_row].map(|row| chroma.row(row).expect("a row"));
        for x in 0..size.width {
            let (near, far) = nearest(x, blocks.width);
            let sample = |row: &[u8], at: u32| u32::from(row[at as usize]);
            let sum = 9 * sample(near_row, near)
                + 3 * (sample(near_row, far) + sample(far_row, near))
                + sample(far_row, far);
            samples.push(((sum + 8) / 16) as u8);
        }
    }
    samples
}

/// The block of a pixel along one axis, and the nearer of its neighbours.
fn nearest(at: u32, blocks: u32) -> (u32, u32) {
    let block = at / 2;
    let beside = if at.is_multiple_of(2) {
        block.saturating_sub(1)
    } else {
        (block + 1).min(blocks - 1)
    };
    (block, beside)
}
