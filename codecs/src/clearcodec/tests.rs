//! Both ends together, and the decoder against what an encoder would not make.

use proptest::prelude::*;

use super::*;
use crate::geometry::{Point, Rect};
use crate::picture::{Picture, PictureRef};

fn message(flags: u8, glyph: Option<u16>, layers: [&[u8]; 3]) -> Vec<u8> {
    let mut out = vec![flags, 0];
    out.extend(glyph.into_iter().flat_map(u16::to_le_bytes));
    for layer in layers {
        out.extend((layer.len() as u32).to_le_bytes());
    }
    out.extend(layers.concat());
    out
}

fn band(columns: [u16; 2], rows: [u16; 2], background: u8, bars: &[u8]) -> Vec<u8> {
    let edges = [columns, rows].concat();
    let mut out: Vec<u8> = edges.into_iter().flat_map(u16::to_le_bytes).collect();
    out.extend([background; 3]);
    out.extend(bars);
    out
}

/// The blue of each pixel of a picture that was 9 before.
fn blues(
    decoder: &mut ClearCodecDecoder,
    payload: &[u8],
    size: Size,
) -> Result<Vec<u8>, ClearCodecError> {
    let mut picture = Picture::filled(size, [9; 4]);
    decoder.decode(payload, &mut picture.as_mut())?;
    Ok(picture.data().iter().copied().step_by(4).collect())
}

fn bands(decoder: &mut ClearCodecDecoder, bands: &[u8], size: Size) -> Vec<u8> {
    blues(decoder, &message(0, None, [&[], bands, &[]]), size).unwrap()
}

const COLUMN: Size = Size::new(1, 4);

#[test]
fn columns_come_from_the_wire_and_then_from_either_cache() {
    let mut decoder = ClearCodecDecoder::new();
    // Rows 1 and 2 of 4, sent.
    let sent = band([0, 0], [0, 3], 5, &[1, 3, 7, 7, 7, 8, 8, 8]);
    assert_eq!(bands(&mut decoder, &sent, COLUMN), [5, 7, 8, 5]);
    // The string again, at row 2 and on another background: a column of its own.
    let short = band([0, 0], [0, 3], 6, &[0, 0x40, 2]);
    assert_eq!(bands(&mut decoder, &short, COLUMN), [6, 6, 7, 8]);
    // Cut off at the last row.
    let cut = band([0, 0], [0, 3], 6, &[0, 0x40, 3]);
    assert_eq!(bands(&mut decoder, &cut, COLUMN), [6, 6, 6, 7]);
    for (slot, column) in [[5, 7, 8, 5], [6, 6, 7, 8], [6, 6, 6, 7]]
        .iter()
        .enumerate()
    {
        let known = band([0, 0], [0, 3], 0, &[slot as u8, 0x80]);
        assert_eq!(bands(&mut decoder, &known, COLUMN), column);
    }
}

#[test]
fn a_reset_moves_the_cursors_and_keeps_what_is_cached() {
    let mut decoder = ClearCodecDecoder::new();
    let sent = |value: u8| band([0, 0], [0, 3], value, &[0, 1, value + 1, 0, 0]);
    bands(&mut decoder, &sent(10), COLUMN);
    bands(&mut decoder, &sent(20), COLUMN);
    let reset = message(FLAG_CACHE_RESET, None, [&[], &sent(30), &[]]);
    blues(&mut decoder, &reset, COLUMN).unwrap();
    let known = |slot: u8| band([0, 0], [0, 3], 0, &[slot, 0x80]);
    assert_eq!(bands(&mut decoder, &known(0), COLUMN), [31, 30, 30, 30]);
    assert_eq!(bands(&mut decoder, &known(1), COLUMN), [21, 20, 20, 20]);
    let short = band([0, 0], [0, 3], 1, &[0, 0x40, 0]);
    assert_eq!(bands(&mut decoder, &short, COLUMN), [31, 1, 1, 1]);
    // A message that does nothing else may end after its header.
    let mut bare = Picture::new(COLUMN);
    decoder
        .decode(&[FLAG_CACHE_RESET, 9], &mut bare.as_mut())
        .unwrap();
    assert_eq!(bare, Picture::new(COLUMN));
}

#[test]
fn both_caches_wrap_after_their_last_slot() {
    let mut decoder = ClearCodecDecoder::new();
    // 16384 new strings fill the second cache, and half of the first.
    let width = SHORT_BAR_SLOTS as u16;
    let size = Size::new(width.into(), 1);
    let fill = |first: u32| {
        let bars: Vec<u8> = (0..u32::from(width))
            .flat_map(|x| [0, 1, (first + x) as u8, ((first + x) >> 8) as u8, 0])
            .collect();
        band([0, width - 1], [0, 0], 0, &bars)
    };
    let colors = |decoder: &mut ClearCodecDecoder, header: [u8; 2]| {
        let bars = if header[1] & 0x80 == 0 {
            vec![header[0], header[1], 0]
        } else {
            header.to_vec()
        };
        let payload = message(0, None, [&[], &band([0, 0], [0, 0], 0, &bars), &[]]);
        let mut picture = Picture::new(Size::new(1, 1));
        decoder.decode(&payload, &mut picture.as_mut()).unwrap();
        let [blue, green, ..] = picture.pixel(Point::new(0, 0));
        u16::from_le_bytes([blue, green])
    };
    bands(&mut decoder, &fill(0), size);
    bands(&mut decoder, &fill(20_000), size);
    assert_eq!(
        colors(&mut decoder, [0, 0x80]),
        0,
        "the first cache is full"
    );
    assert_eq!(colors(&mut decoder, [0xFF, 0xFF]), 20_000 + 16_383);
    // The second has gone round, and this makes the first do so too.
    assert_eq!(colors(&mut decoder, [0, 0x40]), 20_000);
    assert_eq!(colors(&mut decoder, [0, 0x80]), 20_000);
    assert_eq!(colors(&mut decoder, [1, 0x80]), 1);
    assert!(decoder.memory_bytes() <= ClearCodecDecoder::MAX_CACHE_BYTES);
}

#[test]
fn a_column_shown_before_its_slot_is_taken_again_keeps_its_pixels() {
    let mut decoder = ClearCodecDecoder::new();
    bands(&mut decoder, &band([0, 0], [0, 3], 3, &[0, 0]), COLUMN);
    // Slot 0 is drawn, and then, the cursor being reset, taken by the next column of the band.
    let bars = [0, 0x80, 0, 0, 0, 0x80];
    let layers = band([0, 2], [0, 3], 4, &bars);
    let reset = message(FLAG_CACHE_RESET, None, [&[], &layers, &[]]);
    let shown = blues(&mut decoder, &reset, Size::new(3, 4)).unwrap();
    assert_eq!(shown, [3, 4, 4].repeat(4));
}

#[test]
fn a_column_that_no_cache_has_is_black() {
    let mut decoder = ClearCodecDecoder::new();
    let unknown = band([0, 0], [0, 3], 5, &[0x34, 0x92]);
    assert_eq!(bands(&mut decoder, &unknown, COLUMN), [0; 4]);
    let string = band([0, 0], [0, 3], 5, &[0x34, 0x52, 1]);
    assert_eq!(bands(&mut decoder, &string, COLUMN), [5; 4]);
}

#[test]
fn what_a_band_has_outside_the_picture_goes_into_the_caches_alone() {
    let mut decoder = ClearCodecDecoder::new();
    let bars = [0, 1, 1, 0, 0, 0, 1, 2, 0, 0, 0, 1, 3, 0, 0];
    let wide = band([1, 3], [3, 5], 8, &bars);
    let shown = bands(&mut decoder, &wide, Size::new(2, 4));
    assert_eq!(shown, [9, 9, 9, 9, 9, 9, 9, 1]);
    let known = band([0, 0], [0, 2], 8, &[2, 0x80]);
    assert_eq!(bands(&mut decoder, &known, COLUMN), [3, 8, 8, 9]);
}

#[test]
fn later_layers_lie_over_earlier_ones() {
    let residual = [1, 1, 1, 4];
    let bands = band([0, 0], [1, 2], 2, &[0, 0]);
    let mut raw = vec![0, 0, 2, 0, 1, 0, 1, 0, 3, 0, 0, 0, subcodecs::RAW];
    raw.extend([3, 3, 3]);
    let mut decoder = ClearCodecDecoder::new();
    let payload = message(0, None, [&residual, &bands, &raw]);
    assert_eq!(blues(&mut decoder, &payload, COLUMN).unwrap(), [1, 2, 3, 1]);
}

#[test]
fn a_rectangle_may_be_coded_by_nscodec_and_is_opaque() {
    let mut picture = Picture::filled(Size::new(2, 2), [9; 4]);
    let mut coded = Vec::new();
    let options = nscodec::NsCodecOptions {
        has_alpha: true,
        row_order: crate::RowOrder::TopDown,
        ..Default::default()
    };
    let source = Picture::from_bgra(Size::new(1, 2), vec![50, 50, 50, 7, 60, 60, 60, 7]).unwrap();
    nscodec::encode(
        &source.view(),
        &options,
        &mut coded,
        &mut Default::default(),
    );
    let mut rectangle = vec![1, 0, 0, 0, 1, 0, 2, 0, coded.len() as u8, 0, 0, 0, 1];
    rectangle.extend(coded);
    ClearCodecDecoder::new()
        .decode(
            &message(0, None, [&[], &[], &rectangle]),
            &mut picture.as_mut(),
        )
        .unwrap();
    assert_eq!(picture.pixel(Point::new(1, 0)), [50, 50, 50, 255]);
    assert_eq!(picture.pixel(Point::new(1, 1)), [60, 60, 60, 255]);
    assert_eq!(picture.pixel(Point::new(0, 1)), [9; 4]);
}

#[test]
fn a_glyph_has_pixels_and_no_shape() {
    let mut decoder = ClearCodecDecoder::new();
    let residual = [1, 1, 1, 3, 2, 2, 2, 3];
    let set = message(FLAG_GLYPH_INDEX, Some(3_999), [&residual, &[], &[]]);
    blues(&mut decoder, &set, Size::new(2, 3)).unwrap();
    let hit = [FLAG_GLYPH_INDEX | FLAG_GLYPH_HIT, 1, 0x9F, 0x0F];
    for (width, height) in [(2, 3), (3, 2), (6, 1), (1, 6)] {
        let shown = blues(&mut decoder, &hit, Size::new(width, height)).unwrap();
        assert_eq!(shown, [1, 1, 1, 2, 2, 2]);
    }
    let missing = |index, cached, due| Err(ClearCodecError::GlyphMissing { index, cached, due });
    assert_eq!(
        blues(&mut decoder, &hit, Size::new(7, 1)),
        missing(3_999, 6, 7)
    );
    let other = [FLAG_GLYPH_INDEX | FLAG_GLYPH_HIT, 1, 1, 0];
    assert_eq!(blues(&mut decoder, &other, COLUMN), missing(1, 0, 4));
    let replaced = message(FLAG_GLYPH_INDEX, Some(3_999), [&[5, 5, 5, 4], &[], &[]]);
    blues(&mut decoder, &replaced, COLUMN).unwrap();
    assert_eq!(blues(&mut decoder, &hit, COLUMN).unwrap(), [5; 4]);
}

#[test]
fn faulty_messages_are_refused() {
    let fault =
        |payload: &[u8], size| blues(&mut ClearCodecDecoder::new(), payload, size).unwrap_err();
    assert_eq!(fault(&[0], COLUMN), ClearCodecError::Truncated);
    assert_eq!(
        fault(&[FLAG_GLYPH_HIT, 0], COLUMN),
        ClearCodecError::GlyphWithoutIndex
    );
    assert_eq!(
        fault(&[3, 0, 0xA0, 0x0F], COLUMN),
        ClearCodecError::GlyphIndex(4_000)
    );
    let large = Size::new(41, 25);
    assert_eq!(
        fault(&[1, 0, 0, 0], large),
        ClearCodecError::GlyphTooLarge(large)
    );
    let residual = message(0, None, [&[1, 1, 1, 5], &[], &[]]);
    assert_eq!(fault(&residual, COLUMN), ClearCodecError::RunTooLong);
    assert_eq!(fault(&residual[..14], COLUMN), ClearCodecError::Truncated);
    let with_bands = |bands: &[u8]| message(0, None, [&[], bands, &[]]);
    for (columns, rows) in [([1, 0], [0, 0]), ([0, 0], [1, 0]), ([0, 0], [0, 52])] {
        let error = fault(&with_bands(&band(columns, rows, 0, &[0, 0])), COLUMN);
        let [left, right] = columns;
        let [top, bottom] = rows;
        assert_eq!(
            error,
            ClearCodecError::Band {
                top,
                bottom,
                left,
                right
            }
        );
    }
    let inverted = with_bands(&band([0, 0], [0, 3], 0, &[3, 2]));
    assert_eq!(
        fault(&inverted, COLUMN),
        ClearCodecError::ShortBar { on: 3, off: 2 }
    );
    let cut = with_bands(&band([0, 0], [0, 3], 0, &[0, 1, 7, 7]));
    assert_eq!(fault(&cut, COLUMN), ClearCodecError::Truncated);
    let rectangle = |codec: u8, top: u8| {
        let data = [0, 0, top, 0, 1, 0, 1, 0, 3, 0, 0, 0, codec, 1, 2, 3];
        message(0, None, [&[], &[], &data])
    };
    assert_eq!(
        fault(&rectangle(3, 0), COLUMN),
        ClearCodecError::Subcodec(3)
    );
    let (left, top, size) = (0, 4, Size::new(1, 1));
    assert_eq!(
        fault(&rectangle(0, 4), COLUMN),
        ClearCodecError::Outside { left, top, size }
    );
    let error = fault(&rectangle(1, 0), COLUMN);
    assert_eq!(
        error,
        ClearCodecError::NsCodec(nscodec::DecodeError::Truncated)
    );
}

/// A connection: each picture goes through both ends.
struct Connection {
    encoder: ClearCodecEncoder,
    decoder: ClearCodecDecoder,
}

impl Connection {
    fn new() -> Self {
        Self {
            encoder: ClearCodecEncoder::new(),
            decoder: ClearCodecDecoder::new(),
        }
    }

    /// Returns how many bytes the picture took.
    fn send(&mut self, source: &PictureRef<'_>) -> usize {
        let mut payload = Vec::new();
        self.encoder.encode(source, &mut payload);
        // Into the middle of something wider, which must stay as it was.
        let size = source.size();
        let mut desktop = Picture::filled(Size::new(size.width + 5, size.height + 2), [9; 4]);
        let rect = Rect::at(Point::new(3, 1), size);
        let mut view = desktop.as_mut();
        let mut target = view.sub(&rect).unwrap();
        self.decoder.decode(&payload, &mut target).unwrap();
        for y in 0..size.height {
            for (to, from) in target
                .row_mut(y)
                .as_chunks::<4>()
                .0
                .iter()
                .zip(source.row(y).as_chunks::<4>().0)
            {
                assert_eq!(*to, [from[0], from[1], from[2], 255], "row {y}");
            }
            target.row_mut(y).fill(9);
        }
        assert!(desktop.data().iter().all(|&byte| byte == 9));
        payload.len()
    }
}

/// Letters of 7 by 11 pixels, two colors and a shade, on lines of 16 rows.
fn text(size: Size, seed: u32) -> Picture {
    let mut picture = Picture::filled(size, [250, 250, 250, 0]);
    let stride = picture.stride_bytes();
    for y in 0..size.height {
        for x in 0..size.width {
            let (line, letter) = (y / 16, x / 8);
            let letter = (line * 7 + letter * 13 + letter * letter * line + seed) % 40;
            let (x_in, y_in) = (x % 8, y % 16);
            if x_in < 7
                && (2..13).contains(&y_in)
                && (letter * 0x9E37 + x_in * 5 * y_in).is_multiple_of(3)
            {
                let at = y as usize * stride + x as usize * 4;
                picture.data_mut()[at..at + 3].copy_from_slice(&[20, (letter % 2 * 90) as u8, 30]);
            }
        }
    }
    picture
}

#[test]
fn a_page_of_text_takes_little_and_less_when_it_comes_again() {
    let mut connection = Connection::new();
    let size = Size::new(640, 400);
    let raw = size.area() as usize * 3;
    let first = connection.send(&text(size, 0).view());
    let second = connection.send(&text(size, 5).view());
    println!("{raw} {first} {second}");
    assert!(first < raw / 15, "{first} of {raw}");
    assert!(second < raw / 20, "{second} of {raw}");
}

#[test]
fn plain_and_striped_pictures_take_a_few_bytes() {
    let mut connection = Connection::new();
    let plain = Picture::filled(Size::new(300, 200), [1, 2, 3, 4]);
    assert!(connection.send(&plain.view()) <= 14 + 6);
    let mut striped = plain.clone();
    for (i, row) in striped.data_mut().chunks_mut(1_200).enumerate() {
        row.fill(if i % 2 == 0 { 7 } else { 200 });
    }
    assert!(connection.send(&striped.view()) <= 14 + 200 * 6);
}

#[test]
fn a_small_picture_is_a_number_the_second_time() {
    let mut connection = Connection::new();
    let glyph = text(Size::new(32, 32), 3);
    assert!(connection.send(&glyph.view()) > 4);
    assert_eq!(connection.send(&glyph.view()), 4);
    let reshaped = Picture::from_bgra(Size::new(64, 16), glyph.data().to_vec()).unwrap();
    assert_eq!(connection.send(&reshaped.view()), 4);
    assert!(connection.send(&text(Size::new(33, 32), 3).view()) > 4);
}

#[test]
fn noise_takes_little_more_than_its_pixels() {
    let mut source = Picture::new(Size::new(200, 150));
    let mut seed = 1u32;
    for byte in source.data_mut() {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (seed >> 24) as u8;
    }
    let bytes = Connection::new().send(&source.view());
    assert!(bytes <= 200 * 150 * 3 + 100, "{bytes}");
}

#[test]
fn caches_that_go_round_stay_the_same_at_both_ends() {
    let mut connection = Connection::new();
    for seed in 0..70 {
        // Columns that no picture before had, of which some come twice.
        let mut source = text(Size::new(1_000, 20), 1);
        for (i, pixel) in source
            .data_mut()
            .as_chunks_mut::<4>()
            .0
            .iter_mut()
            .enumerate()
        {
            let x = (i % 1_000 * 7 / 8) as u32;
            if pixel[0] < 100 {
                *pixel = (x << 8 | seed << 24 | seed >> 3).to_le_bytes();
            }
        }
        connection.send(&source.view());
    }
    assert!(connection.encoder.memory_bytes() <= ClearCodecDecoder::MAX_CACHE_BYTES);
}

fn contents() -> impl Strategy<Value = (Size, Vec<u8>)> {
    let size = prop_oneof![
        (1u32..12, 1u32..12),
        (1u32..90, 1u32..90),
        (30u32..300, 1u32..20)
    ];
    let palette = prop::collection::vec(any::<[u8; 4]>(), 1..200);
    let runs = prop::collection::vec(
        (
            any::<u8>(),
            prop_oneof![Just(1usize), 1usize..9, 1usize..300],
        ),
        1..400,
    );
    (size, palette, runs).prop_map(|((width, height), palette, runs)| {
        let size = Size::new(width, height);
        let pixels = runs.iter().cycle().flat_map(|&(color, run)| {
            std::iter::repeat_n(palette[usize::from(color) % palette.len()], run)
        });
        let bytes = pixels.take(size.area() as usize).flatten().collect();
        (size, bytes)
    })
}

proptest! {
    #[test]
    fn every_picture_comes_back(pictures in prop::collection::vec(contents(), 1..5), cut in (0i32..3, 0i32..3)) {
        let mut connection = Connection::new();
        for (size, data) in pictures {
            let whole = Picture::from_bgra(size, data).unwrap();
            connection.send(&whole.view());
            let inner = Rect::new(cut.0, cut.1, size.width as i32, size.height as i32);
            if let Some(view) = whole.view().sub(&inner) {
                connection.send(&view);
            }
        }
    }

    #[test]
    fn damaged_messages_never_panic(
        pictures in prop::collection::vec(contents(), 1..3),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut encoder = ClearCodecEncoder::new();
        let mut decoder = ClearCodecDecoder::new();
        for (size, data) in pictures {
            let picture = Picture::from_bgra(size, data).unwrap();
            let mut payload = Vec::new();
            encoder.encode(&picture.view(), &mut payload);
            let mut target = Picture::new(size);
            let _ = decoder.decode(&payload[..cut.index(payload.len())], &mut target.as_mut());
            for (index, byte) in &damage {
                let index = index.index(payload.len());
                payload[index] = *byte;
            }
            let _ = decoder.decode(&payload, &mut target.as_mut());
        }
        prop_assert!(decoder.memory_bytes() <= ClearCodecDecoder::MAX_CACHE_BYTES);
    }

    #[test]
    fn random_layers_never_panic(
        flags in 0u8..8,
        glyph in prop::option::of(0u16..5_000),
        layers in prop::array::uniform3(prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..120)),
        (width, height) in (0u32..50, 0u32..50),
    ) {
        let mut target = Picture::new(Size::new(width, height));
        let mut decoder = ClearCodecDecoder::new();
        let layers = layers.each_ref().map(Vec::as_slice);
        let _ = decoder.decode(&message(flags, glyph, layers), &mut target.as_mut());
        let [runs, bars, rectangles] = layers;
        for one in [[runs, &[], &[]], [&[], bars, &[]], [&[], &[], rectangles]] {
            let _ = decoder.decode(&message(flags & 4, None, one), &mut target.as_mut());
        }
    }
}
