use std::{slice::from_ref, sync::Arc};

use bytes::Bytes;
use oriel_codecs::bulk::{BulkCompressor, BulkDecompressor, CompressionLevel};
use oriel_codecs::geometry::{Point, Rect, Size};

use super::*;
use crate::{
    capabilities::LargePointerFlags,
    graphics::*,
    share::data_kind,
    wire::{DecodeError, WriteWire},
};

fn reader() -> UpdateReader {
    UpdateReader::new(UpdateReaderConfig {
        fragment_limit: 1 << 20,
        pointer_cache_slots: 4,
        codecs: SurfaceCodecIds::CUSTOMARY,
    })
}

const FULL: UpdateWriterConfig = UpdateWriterConfig {
    fast_path: true,
    fragment_limit: 1 << 20,
    no_bitmap_compression_header: true,
    surface_bits: true,
    frame_markers: true,
    codecs: SurfaceCodecIds::CUSTOMARY,
    color_pointer_slots: 4,
    new_pointer_slots: 4,
    large_pointers: LargePointerFlags::all(),
};

const SLOW: UpdateWriterConfig = UpdateWriterConfig {
    fast_path: false,
    no_bitmap_compression_header: false,
    ..FULL
};

/// What a reader makes of what a writer wrote.
fn read(reader: &mut UpdateReader, pdus: Vec<OutputPdu>) -> Vec<UpdateEvent> {
    let mut events = Vec::new();
    for pdu in pdus {
        match pdu {
            OutputPdu::FastPath(pdu) => {
                reader
                    .handle_fast_path(
                        &pdu.to_vec().into(),
                        &mut BulkDecompressor::new(),
                        &mut events,
                    )
                    .unwrap();
            }
            OutputPdu::SlowPath { kind, payload } => {
                let payload = payload.into();
                reader
                    .handle_slow_path(kind, &payload, &mut events)
                    .unwrap();
            }
        }
    }
    events
}

/// There and back.
fn carry(config: UpdateWriterConfig, command: &GraphicsCommand) -> Vec<GraphicsCommand> {
    let mut pdus = Vec::new();
    UpdateWriter::new(config)
        .write_graphics(command, &mut pdus)
        .unwrap();
    read(&mut reader(), pdus)
        .into_iter()
        .map(|event| match event {
            UpdateEvent::Graphics(command) => command,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn draw(rect: Rect, codec: PayloadCodec, payload: Vec<u8>) -> GraphicsCommand {
    GraphicsCommand::Draw {
        surface: SurfaceId::PRIMARY,
        rect,
        codec,
        format: SurfaceFormat::Xrgb,
        payload: payload.into(),
    }
}

fn fast_path(header: u8, data: &[u8]) -> Bytes {
    let mut pdu = vec![0];
    pdu.put_u16_be((6 + data.len()) as u16 | 0x8000);
    pdu.put_u8(header);
    pdu.put_u16(data.len() as u16);
    pdu.put(data);
    pdu.into()
}

fn shape(side: u32, bits_per_pixel: u8, fill: u8) -> PointerUpdate {
    let row = (side as usize * usize::from(bits_per_pixel)).div_ceil(8);
    let and_row = (side as usize).div_ceil(8);
    let mask = |row: usize| Bytes::from(vec![fill; row.next_multiple_of(2) * side as usize]);
    PointerUpdate::Shape(Arc::new(PointerShape {
        size: Size::new(side, side),
        hotspot: Point::new(1, 2),
        bits_per_pixel,
        xor_mask: mask(row),
        and_mask: mask(and_row),
    }))
}

#[test]
fn a_compressed_bitmap_travels_with_and_without_its_header() {
    let codec = PayloadCodec::Bitmap {
        bits_per_pixel: 16,
        is_compressed: true,
        size: Size::new(8, 4),
    };
    let command = draw(Rect::new(10, 20, 17, 24), codec, b"compressed".to_vec());
    for config in [FULL, SLOW] {
        assert_eq!(carry(config, &command), from_ref(&command));
    }
}

#[test]
fn a_raw_bitmap_of_many_rows_is_cut_and_its_pieces_cover_it() {
    let (width, height) = (400, 100);
    let codec = PayloadCodec::Bitmap {
        bits_per_pixel: 24,
        is_compressed: false,
        size: Size::new(width, height),
    };
    let rect = Rect::at(Point::new(5, 6), Size::new(width, height));
    let row_bytes = 1200;
    let payload: Vec<u8> = (0..height as usize)
        .flat_map(|row| vec![row as u8; row_bytes])
        .collect();
    for config in [FULL, SLOW] {
        let pieces = carry(config, &draw(rect, codec, payload.clone()));
        assert!(pieces.len() > 1);
        let mut next_bottom = rect.bottom;
        let mut joined = Vec::new();
        for piece in &pieces {
            let GraphicsCommand::Draw {
                rect: part,
                payload,
                ..
            } = piece
            else {
                panic!("{piece:?}");
            };
            assert_eq!((part.left, part.right), (rect.left, rect.right));
            assert_eq!(part.bottom, next_bottom, "bottom rows come first");
            assert_eq!(part.height() as usize * row_bytes, payload.len());
            next_bottom = part.top;
            joined.extend_from_slice(payload);
        }
        assert_eq!(next_bottom, rect.top);
        assert_eq!(joined, payload);
    }
}

#[test]
fn an_uncompressed_picture_becomes_a_bitmap_with_its_rows_turned_over() {
    let rect = Rect::new(0, 0, 2, 2);
    let top_down = [[1; 8], [2; 8]].concat();
    let bottom_up = [[2; 8], [1; 8]].concat();
    let codec = PayloadCodec::Bitmap {
        bits_per_pixel: 32,
        is_compressed: false,
        size: Size::new(2, 2),
    };
    assert_eq!(
        carry(FULL, &draw(rect, PayloadCodec::Uncompressed, top_down)),
        [draw(rect, codec, bottom_up)]
    );
}

#[test]
fn surface_commands_longer_than_a_pdu_travel_in_fragments() {
    let rect = Rect::new(64, 128, 128, 192);
    for length in [0, 1, 16_355, 16_356, 40_000, 100_000] {
        let payload: Vec<u8> = (0..length).map(|i: u32| i as u8).collect();
        let command = draw(rect, PayloadCodec::RemoteFx, payload);
        assert_eq!(carry(FULL, &command), from_ref(&command), "{length}");
    }
}

#[test]
fn what_is_longer_than_the_client_takes_is_not_sent() {
    let mut writer = UpdateWriter::new(UpdateWriterConfig {
        fragment_limit: 20_000,
        ..FULL
    });
    let rect = Rect::new(0, 0, 64, 64);
    let mut out = Vec::new();
    let fits = draw(rect, PayloadCodec::NsCodec, vec![0; 20_000 - 22]);
    assert_eq!(writer.write_graphics(&fits, &mut out), Ok(()));
    out.clear();
    let too_long = draw(rect, PayloadCodec::NsCodec, vec![0; 20_000 - 21]);
    assert!(matches!(
        writer.write_graphics(&too_long, &mut out),
        Err(CommandError::OutOfRange(_))
    ));
    assert!(out.is_empty());
}

#[test]
fn a_codec_that_the_client_lacks_is_not_sent() {
    let mut out = Vec::new();
    let mut writer = UpdateWriter::new(UpdateWriterConfig {
        codecs: SurfaceCodecIds::default(),
        ..FULL
    });
    for codec in [
        PayloadCodec::RemoteFx,
        PayloadCodec::Jpeg,
        PayloadCodec::Avc420,
        PayloadCodec::ClearCodec,
    ] {
        let command = draw(Rect::new(0, 0, 1, 1), codec, vec![1]);
        assert!(matches!(
            writer.write_graphics(&command, &mut out),
            Err(CommandError::Unsupported(_))
        ));
    }
    assert!(out.is_empty());
}

#[test]
fn frame_markers_mark_frames_where_the_client_knows_them() {
    let frame = FrameId(77);
    for command in [
        GraphicsCommand::StartFrame { frame },
        GraphicsCommand::EndFrame { frame },
    ] {
        assert_eq!(carry(FULL, &command), from_ref(&command));
        assert_eq!(carry(SLOW, &command), []);
    }
}

#[test]
fn a_palette_travels_on_both_paths() {
    let mut colors = Box::new([[0; 3]; 256]);
    for (index, color) in colors.iter_mut().enumerate() {
        *color = [index as u8, 1, 2];
    }
    let command = GraphicsCommand::SetPalette { colors };
    for config in [FULL, SLOW] {
        assert_eq!(carry(config, &command), from_ref(&command));
    }
}

#[test]
fn pointers_travel_on_both_paths_and_a_known_shape_is_only_named() {
    for config in [FULL, SLOW] {
        let mut writer = UpdateWriter::new(config);
        let mut reader = reader();
        let updates = [
            PointerUpdate::Hidden,
            shape(32, 32, 1),
            PointerUpdate::SystemDefault,
            PointerUpdate::Position(Point::new(3, 4)),
            shape(24, 1, 2),
            shape(32, 32, 1),
        ];
        let mut lengths = Vec::new();
        for update in &updates {
            let mut pdus = Vec::new();
            writer.write_pointer(update, &mut pdus).unwrap();
            lengths.push(match &pdus[..] {
                [OutputPdu::FastPath(pdu)] => pdu.to_vec().len(),
                [OutputPdu::SlowPath { payload, .. }] => payload.len(),
                other => panic!("{other:?}"),
            });
            assert_eq!(
                read(&mut reader, pdus),
                [UpdateEvent::Pointer(update.clone())]
            );
        }
        assert!(lengths[1] > 4096 && lengths[5] < 10, "{lengths:?}");
    }
}

#[test]
fn a_shape_that_fell_out_of_the_cache_is_sent_again() {
    let mut writer = UpdateWriter::new(FULL);
    let mut reader = reader();
    for round in 0..3 {
        for fill in 0..6 {
            let update = shape(16, 24, fill);
            let mut pdus = Vec::new();
            writer.write_pointer(&update, &mut pdus).unwrap();
            let events = read(&mut reader, pdus);
            assert_eq!(events, [UpdateEvent::Pointer(update)], "{round} {fill}");
        }
    }
}

#[test]
fn a_large_pointer_needs_a_client_that_takes_it() {
    let update = shape(128, 32, 9);
    let mut pdus = Vec::new();
    UpdateWriter::new(FULL)
        .write_pointer(&update, &mut pdus)
        .unwrap();
    assert!(pdus.len() > 1, "in fragments");
    assert_eq!(
        read(&mut reader(), pdus),
        [UpdateEvent::Pointer(update.clone())]
    );
    let small_only = UpdateWriterConfig {
        large_pointers: LargePointerFlags::UP_TO_96,
        ..FULL
    };
    let mut pdus = Vec::new();
    assert!(
        UpdateWriter::new(small_only)
            .write_pointer(&update, &mut pdus)
            .is_err()
    );
    assert!(pdus.is_empty());
}

#[test]
fn a_desktop_begins_with_a_primary_surface_on_the_output() {
    let mut events = Vec::new();
    let size = Size::new(800, 600);
    reader().begin_desktop(size, &mut events);
    assert!(matches!(
        &events[..],
        [
            UpdateEvent::Graphics(GraphicsCommand::ResetGraphics { size: a, .. }),
            UpdateEvent::Graphics(GraphicsCommand::CreateSurface { surface: SurfaceId::PRIMARY, size: b, .. }),
            UpdateEvent::Graphics(GraphicsCommand::MapSurfaceToOutput { surface: SurfaceId::PRIMARY, .. }),
        ] if *a == size && *b == size
    ));
}

#[test]
fn several_updates_in_one_pdu_all_count() {
    let mut pdu = vec![0, 0x80, 0, 0x05, 0, 0, 0x08, 4, 0, 1, 0, 2, 0, 0x06, 0, 0];
    pdu[2] = pdu.len() as u8;
    let mut events = Vec::new();
    reader()
        .handle_fast_path(
            &pdu.to_vec().into(),
            &mut BulkDecompressor::new(),
            &mut events,
        )
        .unwrap();
    assert_eq!(
        events,
        [
            UpdateEvent::Pointer(PointerUpdate::Hidden),
            UpdateEvent::Pointer(PointerUpdate::Position(Point::new(1, 2))),
            UpdateEvent::Pointer(PointerUpdate::SystemDefault),
        ]
    );
}

#[test]
fn drawing_orders_are_counted_and_passed_over_on_both_paths() {
    let mut reader = reader();
    let mut events = Vec::new();
    let orders = fast_path(0x00, b"\x01\x00whatever");
    reader
        .handle_fast_path(&orders, &mut BulkDecompressor::new(), &mut events)
        .unwrap();
    reader
        .handle_slow_path(
            data_kind::UPDATE,
            &Bytes::from_static(b"\0\0orders"),
            &mut events,
        )
        .unwrap();
    assert_eq!((reader.ignored_orders(), events.len()), (2, 0));
}

#[test]
fn an_update_that_does_not_decompress_is_refused_and_a_flagged_but_plain_one_is_read() {
    let mut events = Vec::new();
    // 64 KiB of history, and a match that ends too early; then a compressor that nobody knows.
    for flags in [0x21, 0x25] {
        let faulty = Bytes::from(vec![0, 7, 0x86, flags, 1, 0, 0xff]);
        assert!(matches!(
            reader().handle_fast_path(&faulty, &mut BulkDecompressor::new(), &mut events),
            Err(DecodeError::Compression { .. })
        ));
    }
    let plain = Bytes::from_static(&[0, 6, 0x86, 0x01, 0, 0]);
    reader()
        .handle_fast_path(&plain, &mut BulkDecompressor::new(), &mut events)
        .unwrap();
    assert_eq!(events.len(), 1);
}

#[test]
fn compressed_updates_arrive_whole_with_one_history() {
    let rect = Rect::new(0, 0, 200, 150);
    let payload: Vec<u8> = (0..200 * 150 * 4).map(|at| (at / 4 % 60) as u8).collect();
    let command = draw(rect, PayloadCodec::Uncompressed, payload);
    let mut pdus = Vec::new();
    for _ in 0..3 {
        UpdateWriter::new(FULL)
            .write_graphics(&command, &mut pdus)
            .unwrap();
    }
    for level in CompressionLevel::ALL {
        let mut compressor = BulkCompressor::new(level);
        let (mut reader, mut bulk) = (reader(), BulkDecompressor::new());
        let (mut events, mut plain_events) = (Vec::new(), Vec::new());
        let (mut bytes, mut plain_bytes) = (0, 0);
        for pdu in &pdus {
            let OutputPdu::FastPath(fragment) = pdu else {
                panic!("{pdu:?}");
            };
            let mut wire = Vec::new();
            fragment.write(Some(&mut compressor), &mut wire);
            bytes += wire.len();
            reader
                .handle_fast_path(&wire.into(), &mut bulk, &mut events)
                .unwrap();
            let plain = fragment.to_vec();
            plain_bytes += plain.len();
            reader
                .handle_fast_path(&plain.into(), &mut bulk, &mut plain_events)
                .unwrap();
        }
        assert_eq!(events, plain_events);
        // Fragments are longer than 8 KiB.
        assert!(bytes < plain_bytes / 8 || level == CompressionLevel::K8);
    }
}

#[test]
fn fragments_out_of_order_or_over_the_limit_are_refused() {
    const NEXT: u8 = 0x34;
    const FIRST: u8 = 0x24;
    const LAST: u8 = 0x14;
    const OTHER_LAST: u8 = 0x11;
    const SINGLE: u8 = 0x06;
    for sequence in [
        &[NEXT][..],
        &[LAST],
        &[FIRST, FIRST],
        &[FIRST, SINGLE],
        &[FIRST, OTHER_LAST],
    ] {
        let mut reader = reader();
        let results: Vec<_> = sequence
            .iter()
            .map(|&header| {
                reader.handle_fast_path(
                    &fast_path(header, b"x"),
                    &mut BulkDecompressor::new(),
                    &mut Vec::new(),
                )
            })
            .collect();
        let (last, before) = results.split_last().unwrap();
        assert!(last.is_err(), "{sequence:?}");
        assert!(before.iter().all(Result::is_ok), "{sequence:?}");
    }
    let mut reader = reader();
    let mut sent = 0;
    let error = loop {
        let header = if sent == 0 { FIRST } else { NEXT };
        match reader.handle_fast_path(
            &fast_path(header, &[0; 10_000]),
            &mut BulkDecompressor::new(),
            &mut Vec::new(),
        ) {
            Ok(()) => sent += 10_000,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, DecodeError::TooLarge { .. }));
    assert!(sent <= 1 << 20);
}

#[test]
fn a_slot_that_was_never_filled_changes_nothing_and_one_that_does_not_exist_is_an_error() {
    let mut reader = reader();
    let mut events = Vec::new();
    let cached = |index: u8| fast_path(0x0a, &[index, 0]);
    reader
        .handle_fast_path(&cached(3), &mut BulkDecompressor::new(), &mut events)
        .unwrap();
    assert!(events.is_empty());
    assert!(
        reader
            .handle_fast_path(&cached(4), &mut BulkDecompressor::new(), &mut events)
            .is_err()
    );
}

#[test]
fn a_hot_spot_outside_of_its_picture_is_brought_inside() {
    let mut out = Vec::new();
    let PointerUpdate::Shape(shape) = shape(16, 32, 0) else {
        unreachable!("a shape");
    };
    let odd = PointerUpdate::Shape(Arc::new(PointerShape {
        hotspot: Point::new(40, 16),
        ..(*shape).clone()
    }));
    UpdateWriter::new(FULL)
        .write_pointer(&odd, &mut out)
        .unwrap();
    let events = read(&mut reader(), out);
    let [UpdateEvent::Pointer(PointerUpdate::Shape(read))] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(read.hotspot, Point::new(15, 15));
}

#[test]
fn a_pointer_of_no_pixels_hides_it() {
    let mut data = vec![0; 16];
    data[0] = 32;
    let mut events = Vec::new();
    reader()
        .handle_fast_path(
            &fast_path(0x0b, &data),
            &mut BulkDecompressor::new(),
            &mut events,
        )
        .unwrap();
    assert_eq!(events, [UpdateEvent::Pointer(PointerUpdate::Hidden)]);
}

#[test]
fn payloads_in_one_piece_are_slices_of_their_pdu() {
    let command = draw(
        Rect::new(0, 0, 64, 64),
        PayloadCodec::NsCodec,
        vec![7; 1000],
    );
    let mut pdus = Vec::new();
    UpdateWriter::new(FULL)
        .write_graphics(&command, &mut pdus)
        .unwrap();
    let Some(OutputPdu::FastPath(pdu)) = pdus.pop() else {
        unreachable!("a fast-path PDU");
    };
    let pdu = Bytes::from(pdu.to_vec());
    let mut events = Vec::new();
    reader()
        .handle_fast_path(&pdu, &mut BulkDecompressor::new(), &mut events)
        .unwrap();
    let [UpdateEvent::Graphics(GraphicsCommand::Draw { payload, .. })] = &events[..] else {
        panic!("{events:?}");
    };
    assert!(pdu.as_ptr_range().contains(&payload.as_ptr()));
}

#[test]
fn a_surface_command_of_an_unknown_codec_is_counted_and_the_next_one_read() {
    let mut data = Vec::new();
    let frame = FrameId(5);
    data.put(&[
        1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 32, 0, 0, 99, 1, 0, 1, 0, 2, 0, 0, 0, 7, 7,
    ]);
    data.put(&[4, 0, 1, 0, 5, 0, 0, 0]);
    let mut reader = reader();
    let mut events = Vec::new();
    reader
        .handle_fast_path(
            &fast_path(0x04, &data),
            &mut BulkDecompressor::new(),
            &mut events,
        )
        .unwrap();
    assert_eq!(
        events,
        [UpdateEvent::Graphics(GraphicsCommand::EndFrame { frame })]
    );
    assert_eq!(reader.skipped_bitmaps(), 1);
}
