//! The graphics pipeline's codecs through IronRDP's client of it (`ironrdp-egfx`): messages in our
//! ZGFX, payloads of our encoders, and the surface that its client paints beside ours.
//!
//! The tolerance is 0 without loss, and 2 steps for RemoteFX, whose colours are rounded elsewhere.
//! Progressive tiles are held in `transform.rs`, where their borders can be told as it wants them.

use std::sync::{Arc, Mutex};

use ironrdp_core::encode_vec;
use ironrdp_dvc::DvcProcessor;
use ironrdp_egfx::{
    client::{BitmapUpdate, GraphicsPipelineClient, GraphicsPipelineHandler},
    pdu::{
        CapabilitiesConfirmPdu, CapabilitiesV8Flags, CapabilitySet, Codec1Type, CreateSurfacePdu,
        EndFramePdu, GfxPdu, PixelFormat, StartFramePdu, Timestamp, WireToSurface1Pdu,
    },
};
use ironrdp_pdu::geometry::ExclusiveRectangle;
use oriel_codecs::{
    ColorDepth, Picture, Rect, RowOrder, Size, alpha,
    bitmap::{self, BitmapLayout},
    bulk::zgfx::Compressor,
    clearcodec::{ClearCodecDecoder, ClearCodecEncoder},
    planar::{self, PlanarLayout, PlanarOptions, PlanarScratch},
    remotefx::{Mode, RemoteFxDecoder, RemoteFxEncoder, RemoteFxEncoderOptions},
};
use oriel_rivals::{
    palette,
    samples::{Distance, Samples},
};

const ROUNDS: u32 = 200;
const SURFACE: Size = Size::new(400, 300);
const CODECS: [Codec1Type; 5] = [
    Codec1Type::Uncompressed,
    Codec1Type::Planar,
    Codec1Type::ClearCodec,
    Codec1Type::RemoteFx,
    Codec1Type::Alpha,
];

/// A piece of a surface, red first.
type Piece = (Rect, Vec<u8>);

/// What the client paints.
#[derive(Clone, Default)]
struct Painted(Arc<Mutex<Vec<Piece>>>);

impl GraphicsPipelineHandler for Painted {
    fn on_bitmap_updated(&mut self, update: &BitmapUpdate) {
        let rect = &update.destination_rectangle;
        let edges = [rect.left, rect.top, rect.right, rect.bottom].map(i32::from);
        let rect = Rect::new(edges[0], edges[1], edges[2], edges[3]);
        let mut painted = self.0.lock().expect("nobody panicked");
        painted.push((rect, update.data.clone()));
    }
}

/// IronRDP's client with a surface.
struct Client {
    client: GraphicsPipelineClient,
    compressor: Compressor,
    painted: Painted,
    surface: Picture,
    frame: u32,
}

impl Client {
    fn new() -> Self {
        let painted = Painted::default();
        let mut client = Self {
            client: GraphicsPipelineClient::new(Box::new(painted.clone()), None),
            compressor: Compressor::new(),
            painted,
            surface: Picture::filled(SURFACE, [0; 4]),
            frame: 0,
        };
        client.client.start(0).expect("it starts");
        let set = CapabilitySet::V8 {
            flags: CapabilitiesV8Flags::empty(),
        };
        let confirm = CapabilitiesConfirmPdu::from_typed(&set);
        client.send(&GfxPdu::CapabilitiesConfirm(confirm));
        client.send(&GfxPdu::CreateSurface(CreateSurfacePdu {
            surface_id: 1,
            width: SURFACE.width as u16,
            height: SURFACE.height as u16,
            pixel_format: PixelFormat::ARgb,
        }));
        client
    }

    fn send(&mut self, pdu: &GfxPdu) {
        let mut message = Vec::new();
        let bytes = encode_vec(pdu).expect("it encodes its own PDU");
        self.compressor.compress(&bytes, &mut message);
        self.client.process(0, &message).expect("it takes it");
    }

    /// Sends a frame of one command, and paints what comes of it.
    fn paint(&mut self, codec: Codec1Type, place: Rect, payload: Vec<u8>) {
        self.frame += 1;
        let frame_id = self.frame;
        let timestamp = Timestamp {
            milliseconds: 0,
            seconds: 0,
            minutes: 0,
            hours: 0,
        };
        self.send(&GfxPdu::StartFrame(StartFramePdu {
            timestamp,
            frame_id,
        }));
        let [left, top, right, bottom] =
            [place.left, place.top, place.right, place.bottom].map(|edge| edge as u16);
        self.send(&GfxPdu::WireToSurface1(WireToSurface1Pdu {
            surface_id: 1,
            codec_id: codec,
            pixel_format: PixelFormat::ARgb,
            destination_rectangle: ExclusiveRectangle {
                left,
                top,
                right,
                bottom,
            },
            bitmap_data: payload,
        }));
        self.send(&GfxPdu::EndFrame(EndFramePdu { frame_id }));
        let pieces = std::mem::take(&mut *self.painted.0.lock().expect("nobody panicked"));
        assert!(!pieces.is_empty(), "{codec:?} at {place:?} paints nothing");
        for (rect, rgba) in pieces {
            let mut view = self.surface.as_mut();
            let mut target = view.sub(&rect).expect("on the surface");
            let rows = rgba.chunks_exact(rect.width() as usize * 4);
            for (y, row) in (0..rect.height()).zip(rows) {
                let pixels = target.row_mut(y).chunks_exact_mut(4);
                for (pixel, rgba) in pixels.zip(row.chunks_exact(4)) {
                    pixel.copy_from_slice(&[rgba[2], rgba[1], rgba[0], rgba[3]]);
                }
            }
        }
    }
}

/// Our codecs of a connection, both ways, and our surface.
struct Ours {
    surface: Picture,
    clearcodec: (ClearCodecEncoder, ClearCodecDecoder),
    remotefx: (RemoteFxEncoder, RemoteFxDecoder),
}

impl Ours {
    fn new() -> Self {
        let options = RemoteFxEncoderOptions {
            mode: Mode::Image,
            ..RemoteFxEncoderOptions::default()
        };
        Self {
            surface: Picture::filled(SURFACE, [0; 4]),
            clearcodec: (ClearCodecEncoder::new(), ClearCodecDecoder::new()),
            remotefx: (RemoteFxEncoder::new(options), RemoteFxDecoder::new()),
        }
    }

    /// Codes `source`, decodes it again at `place`, and returns the payload.
    fn paint(&mut self, codec: Codec1Type, place: Rect, source: &Picture) -> Vec<u8> {
        let size = source.size();
        let mut payload = Vec::new();
        let mut view = self.surface.as_mut();
        let target = &mut view.sub(&place).expect("on the surface");
        match codec {
            Codec1Type::Uncompressed => {
                let layout = BitmapLayout {
                    row_order: RowOrder::TopDown,
                    ..BitmapLayout::surface(size, ColorDepth::Bgrx32)
                };
                bitmap::encode(&source.view(), &layout, &palette(), &mut payload);
                bitmap::decode(&payload, &layout, &palette(), target).expect("ours");
            }
            Codec1Type::Planar => {
                let (layout, mut scratch) = (
                    PlanarLayout::pipeline(size, false),
                    PlanarScratch::default(),
                );
                let options = PlanarOptions::default();
                planar::encode(
                    &source.view(),
                    &layout,
                    &options,
                    &mut payload,
                    &mut scratch,
                );
                planar::decode(&payload, &layout, target, &mut scratch).expect("ours");
            }
            Codec1Type::ClearCodec => {
                self.clearcodec.0.encode(&source.view(), &mut payload);
                self.clearcodec.1.decode(&payload, target).expect("ours");
            }
            Codec1Type::RemoteFx => {
                let (encoder, decoder) = &mut self.remotefx;
                encoder.encode(&source.view(), &[size.to_rect()], &mut payload);
                let decoded = decoder.decode(&payload, target, &mut Vec::new());
                decoded.expect("ours");
            }
            _ => {
                let mut source = source.clone();
                for pixel in source.data_mut().chunks_exact_mut(4) {
                    pixel[3] = pixel[1];
                }
                alpha::encode(&source.view(), &mut payload);
                alpha::decode(&payload, target).expect("ours");
            }
        }
        payload
    }
}

#[test]
fn surfaces_are_painted_alike_by_every_codec_of_the_pipeline() {
    let mut samples = Samples::new(71);
    let (mut ours, mut theirs) = (Ours::new(), Client::new());
    for round in 0..ROUNDS {
        let codec = CODECS[round as usize % CODECS.len()];
        let size = samples.size(200);
        let left = samples.pick(0..=SURFACE.width - size.width) as i32;
        let top = samples.pick(0..=SURFACE.height - size.height) as i32;
        let place = Rect::new(
            left,
            top,
            left + size.width as i32,
            top + size.height as i32,
        );
        let source = samples.picture(size);
        let payload = ours.paint(codec, place, &source);
        theirs.paint(codec, place, payload);

        let distance = Distance::of_colors(ours.surface.data(), theirs.surface.data());
        assert!(distance.most <= 2, "{codec:?} at {place:?}: {distance:?}");
        let mut alphas = ours
            .surface
            .data()
            .chunks(4)
            .zip(theirs.surface.data().chunks(4));
        assert!(
            alphas.all(|(a, b)| a[3] == b[3]),
            "{codec:?}'s alpha at {place:?}"
        );
        // From now on from the same pixels, so that roundings do not hide what comes next.
        if codec == Codec1Type::RemoteFx {
            ours.surface = theirs.surface.clone();
        } else {
            assert_eq!(distance.most, 0, "{codec:?} at {place:?}");
        }
    }
}
