//! A frame's number, written into its picture so that it can be read off the screen whatever the
//! codec did to it: a row of blocks, black or white, the size of a macroblock each.

use anyhow::Result;
use oriel_codecs::Picture;

use super::screen::Screen;

/// Side of a block.
const BLOCK_PX: u32 = 16;
/// Blocks of the number, highest bit first.
const BITS: u32 = 6;
/// In front of them a white and a black one, so that an empty screen is not taken for a number.
const LEADERS: u32 = 2;

/// Numbers that there are.
pub const COUNT: u32 = 1 << BITS;

/// Writes a number into the corner of a picture.
pub fn write(picture: &mut Picture, number: u32) {
    let stride = picture.stride_bytes();
    for block in 0..LEADERS + BITS {
        let is_white = match block {
            0 => true,
            1 => false,
            bit => number >> (BITS - 1 - (bit - LEADERS)) & 1 == 1,
        };
        let color = if is_white { [255; 4] } else { [0, 0, 0, 255] };
        for y in 0..BLOCK_PX {
            for x in block * BLOCK_PX..(block + 1) * BLOCK_PX {
                let at = y as usize * stride + x as usize * 4;
                picture.data_mut()[at..at + 4].copy_from_slice(&color);
            }
        }
    }
}

/// The number on the screen; `None` where there is none, or half of one.
pub fn read(screen: &Screen) -> Result<Option<u32>> {
    let row = screen.row(0, BLOCK_PX / 2, (LEADERS + BITS) * BLOCK_PX)?;
    Ok(parse(&row))
}

fn parse(row: &[u8]) -> Option<u32> {
    let mut bits = Vec::new();
    for block in row.chunks_exact(BLOCK_PX as usize * 4) {
        // The middle of a block is clear of what a codec smears across its edges.
        let middle = &block[BLOCK_PX as usize * 2..][..3];
        let is_white = match middle.iter().map(|&c| u32::from(c)).sum::<u32>() / 3 {
            0..64 => false,
            192.. => true,
            _ => return None,
        };
        bits.push(u32::from(is_white));
    }
    match bits.as_slice() {
        [1, 0, number @ ..] => Some(number.iter().fold(0, |sum, bit| sum * 2 + bit)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use oriel_codecs::Size;

    use super::*;

    #[test]
    fn every_number_is_read_as_it_was_written_and_an_even_screen_is_none() {
        let mut picture = Picture::filled(Size::new(160, 20), [90, 90, 90, 255]);
        for number in 0..COUNT {
            write(&mut picture, number);
            let row = &picture.data()[8 * picture.stride_bytes()..][..8 * 16 * 4];
            assert_eq!(parse(row), Some(number));
        }
        assert_eq!(parse(&[255; 8 * 16 * 4]), None);
        assert_eq!(parse(&[0; 8 * 16 * 4]), None);
        assert_eq!(parse(&[128; 8 * 16 * 4]), None);
    }
}
