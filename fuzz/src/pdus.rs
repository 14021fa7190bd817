//! PDUs by family: whatever decodes must encode, and what was encoded must decode and encode to the
//! same bytes. The first encoding may differ from what came: it cuts what has no room, and says of
//! optional parts only what is true.

use std::time::Instant;

use bytes::Bytes;
use oriel_codecs::{bulk::BulkDecompressor, geometry::Size};
use oriel_protocol::{
    autodetect::{AutodetectRequest, AutodetectResponse},
    capabilities::CapabilitySet,
    channels::{
        ChannelReassembler,
        dynamic::{DynamicChannelsClient, DynamicChannelsServer, names},
    },
    client::GraphicsSupport,
    client_info::ClientInfo,
    display_control::DisplayControlPdu,
    framing::FrameReader,
    gcc::{ConferenceCreateRequest, ConferenceCreateResponse},
    graphics::{
        FrameReport,
        pipeline::{GraphicsPipelineClient, GraphicsPipelineServer, PipelineEvent},
    },
    heartbeat::Heartbeat,
    input::InputReader,
    licensing::{LicensingClient, LicensingPdu, LicensingProgress},
    mcs::{ConnectInitial, ConnectResponse, DomainPdu},
    multitransport::{InitiateMultitransportRequest, InitiateMultitransportResponse, TunnelPdu},
    redirection::ServerRedirection,
    share::{ConfirmActive, DataPdu, DemandActive, ShareControlPdu, ShareDataPdu, data_kind},
    updates::{SurfaceCodecIds, UpdateReader, UpdateReaderConfig},
    wire::{Cursor, Pdu},
    x224::{ConnectionConfirm, ConnectionRequest, Tpdu},
};

use crate::Choices;

fn round_trip<T: Pdu + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(value) = T::decode(&mut Cursor::new(bytes, "fuzz")) {
        let encoded = value.to_vec();
        let again = T::decode(&mut Cursor::new(&encoded, "fuzz"));
        let again = again.expect("what this side encodes, it decodes");
        assert_eq!(again.to_vec(), encoded, "{value:?} and {again:?}");
    }
}

/// TPKT and fast-path frames in pieces.
pub fn framing(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut reader = FrameReader::new();
    while !choices.is_empty() {
        let step = 1 + usize::from(choices.byte());
        for piece in choices.piece().chunks(step) {
            reader.push(piece);
            while let Ok(Some(frame)) = reader.next_frame() {
                drop(frame);
            }
        }
    }
    let _ = Tpdu::decode(data);
}

/// What goes before the channels: X.224, MCS, GCC.
pub fn connect(data: &[u8]) {
    round_trip::<ConnectionRequest>(data);
    round_trip::<ConnectionConfirm>(data);
    round_trip::<ConnectInitial>(data);
    round_trip::<ConnectResponse>(data);
    round_trip::<ConferenceCreateRequest>(data);
    round_trip::<ConferenceCreateResponse>(data);
    let _ = DomainPdu::decode(&mut Cursor::new(data, "fuzz"));
}

/// Capability sets, and the two PDUs that carry them.
pub fn capabilities(data: &[u8]) {
    round_trip::<CapabilitySet>(data);
    let _ = DemandActive::decode(data);
    let _ = ConfirmActive::decode(data);
}

/// Share control and data PDUs, both ways.
pub fn share(data: &[u8]) {
    let mut cursor = Cursor::new(data, "fuzz");
    while let Ok(Some(control)) = ShareControlPdu::read(&mut cursor) {
        if let Ok(pdu) = ShareDataPdu::read(control.body) {
            let _ = DataPdu::decode(pdu.kind, pdu.payload);
        }
    }
    if let Some((&kind, payload)) = data.split_first() {
        if let Ok(pdu) = DataPdu::decode(kind, payload) {
            let (mut encoded, mut encoded_again) = (Vec::new(), Vec::new());
            pdu.encode_payload(&mut encoded);
            let again = DataPdu::decode(pdu.kind(), &encoded);
            let again = again.expect("what this side encodes, it decodes");
            again.encode_payload(&mut encoded_again);
            assert_eq!(encoded_again, encoded, "{pdu:?} and {again:?}");
        }
        let mut events = Vec::new();
        let _ = InputReader::new().handle_slow_path(payload, &mut events);
        let _ = InputReader::new().handle_fast_path(payload, &mut events);
    }
}

/// Licensing PDUs, and a client that is sent them one after the other.
pub fn licensing(data: &[u8]) {
    round_trip::<LicensingPdu>(data);
    let mut choices = Choices::new(data);
    let mut client = LicensingClient::new("user".to_owned(), "client".to_owned(), [7; 32]);
    while !choices.is_empty() {
        let Ok(pdu) = LicensingPdu::decode(&mut Cursor::new(choices.piece(), "fuzz")) else {
            return;
        };
        if let LicensingProgress::Refused { .. } | LicensingProgress::Done = client.handle(&pdu) {
            return;
        }
    }
}

/// Updates of either path through one reader: the path, then the PDU.
pub fn updates(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut reader = UpdateReader::new(UpdateReaderConfig {
        fragment_limit: 1 << 20,
        pointer_cache_slots: 8,
        codecs: SurfaceCodecIds::CUSTOMARY,
    });
    let mut bulk = BulkDecompressor::new();
    let mut events = Vec::new();
    reader.begin_desktop(Size::new(640, 480), &mut events);
    while !choices.is_empty() {
        let path = choices.byte();
        let pdu = Bytes::copy_from_slice(choices.piece());
        events.clear();
        let _ = match path % 3 {
            0 => reader.handle_fast_path(&pdu, &mut bulk, &mut events),
            1 => reader.handle_slow_path(data_kind::UPDATE, &pdu, &mut events),
            _ => reader.handle_slow_path(data_kind::POINTER, &pdu, &mut events),
        };
    }
}

/// Chunks of a static channel.
pub fn channels(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut reassembler = ChannelReassembler::new(1 << 20);
    let mut bulk = BulkDecompressor::new();
    while !choices.is_empty() {
        if let Ok(Some(message)) = reassembler.handle_chunk(choices.piece(), &mut bulk) {
            assert!(message.len() <= 1 << 20);
        }
    }
}

/// Dynamic channels, either side.
pub fn dynamic_channels(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut client = DynamicChannelsClient::new([names::GRAPHICS, names::DISPLAY_CONTROL]);
    let mut server = DynamicChannelsServer::new();
    server.open(names::GRAPHICS);
    while !choices.is_empty() {
        let is_to_client = choices.byte() & 1 == 0;
        let message = choices.piece();
        let result = if is_to_client {
            client.handle_data(message)
        } else {
            server.handle_data(message)
        };
        while client.poll_transmit().is_some() || server.poll_transmit().is_some() {}
        while client.poll_event().is_some() || server.poll_event().is_some() {}
        if result.is_err() {
            return;
        }
    }
}

/// The graphics pipeline, either side.
pub fn pipeline(data: &[u8]) {
    let mut choices = Choices::new(data);
    let support = GraphicsSupport::default();
    let now = Instant::now();
    let mut client = GraphicsPipelineClient::new(now, support);
    let mut server = GraphicsPipelineServer::uncompressed(support);
    while !choices.is_empty() {
        let side = choices.byte();
        let message = choices.piece();
        let result = match side % 3 {
            0 => client.handle_data(now, message),
            // As it is, in a segment: the fuzzer would not find its way through tokens.
            1 => client.handle_data(now, &[&[0xe0, 0x04], message].concat()),
            _ => server.handle_data(message),
        };
        while let Some(event) = client.poll_event() {
            if let PipelineEvent::Command(oriel_protocol::graphics::GraphicsCommand::EndFrame {
                frame,
            }) = event
            {
                client.acknowledge_frame(FrameReport {
                    frame,
                    queue_depth: 0,
                    decode_us: 0,
                    present_us: 0,
                });
            }
        }
        while client.poll_transmit().is_some() || server.poll_transmit().is_some() {}
        while server.poll_event().is_some() {}
        if result.is_err() {
            return;
        }
    }
}

/// What stands alone: sign-in, auto-detection, redirection, transports, layouts.
pub fn messages(data: &[u8]) {
    round_trip::<ClientInfo>(data);
    round_trip::<AutodetectRequest>(data);
    round_trip::<AutodetectResponse>(data);
    round_trip::<ServerRedirection>(data);
    round_trip::<Heartbeat>(data);
    round_trip::<InitiateMultitransportRequest>(data);
    round_trip::<InitiateMultitransportResponse>(data);
    round_trip::<DisplayControlPdu>(data);
    let _ = TunnelPdu::decode(&mut Cursor::new(data, "fuzz"));
    let _ = ServerRedirection::decode_enhanced(data);
}

/// Inputs to begin from: what a session of our own two machines says.
pub mod seeds {
    use crate::{machines::Conversation, put_piece};

    fn tagged(messages: &[Vec<u8>], tag: u8) -> Vec<u8> {
        let mut seed = Vec::new();
        for message in messages {
            seed.push(tag);
            put_piece(&mut seed, message);
        }
        seed
    }

    pub fn framing() -> Vec<Vec<u8>> {
        let talk = Conversation::record(true);
        vec![tagged(&talk.to_client, 2), tagged(&talk.to_server, 255)]
    }

    pub fn connect() -> Vec<Vec<u8>> {
        let talk = Conversation::record(true);
        let mut seeds = Vec::new();
        for frame in talk.to_client.iter().chain(&talk.to_server) {
            // TPKT, and behind it X.224's data header.
            seeds.extend(frame.get(4..).map(<[u8]>::to_vec));
            seeds.extend(frame.get(7..).map(<[u8]>::to_vec));
        }
        seeds
    }

    /// User data of MCS PDUs on the I/O channel, both ways.
    fn io_data() -> Vec<Vec<u8>> {
        let talk = Conversation::record(false);
        talk.user_data(crate::machines::IO_CHANNEL)
    }

    pub fn capabilities() -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for data in io_data() {
            // Behind the share control header.
            seeds.extend(data.get(6..).map(<[u8]>::to_vec));
            // From the first capability set on.
            seeds.extend(data.get(22..).map(<[u8]>::to_vec));
            seeds.extend(data.get(26..).map(<[u8]>::to_vec));
        }
        seeds
    }

    pub fn share() -> Vec<Vec<u8>> {
        let mut seeds = io_data();
        seeds.push(
            [
                &[0x1c][..],
                &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0x80, 0, 0, 5, 0, 5, 0],
            ]
            .concat(),
        );
        seeds
    }

    pub fn licensing() -> Vec<Vec<u8>> {
        let alert = [
            0xff, 0x03, 0x10, 0, 7, 0, 0, 0, 2, 0, 0, 0, 0x28, 0x14, 0, 0,
        ];
        let mut seed = Vec::new();
        put_piece(&mut seed, &alert);
        let mut seeds = vec![alert.to_vec(), seed];
        seeds.extend(
            io_data()
                .iter()
                .filter_map(|data| Some(data.get(4..)?.to_vec())),
        );
        seeds
    }

    pub fn updates() -> Vec<Vec<u8>> {
        let talk = Conversation::record(false);
        let (fast, slow): (Vec<_>, Vec<_>) = talk
            .to_client
            .iter()
            .cloned()
            .partition(|frame| frame[0] != 3);
        let bodies: Vec<_> = slow
            .iter()
            .filter_map(|frame| frame.get(33..).map(<[u8]>::to_vec))
            .collect();
        vec![tagged(&fast, 0), tagged(&bodies, 1), tagged(&bodies, 2)]
    }

    pub fn channels() -> Vec<Vec<u8>> {
        let talk = Conversation::record(true);
        let seeds = talk.channels().map(|channel| {
            let mut seed = Vec::new();
            for chunk in talk.user_data(channel) {
                put_piece(&mut seed, &chunk);
            }
            seed
        });
        seeds.collect()
    }

    /// Messages of one chunk on every channel.
    fn channel_messages() -> Vec<Vec<u8>> {
        let talk = Conversation::record(true);
        let data = talk.channels().flat_map(|channel| talk.user_data(channel));
        data.filter_map(|chunk| Some(chunk.get(8..)?.to_vec()))
            .collect()
    }

    pub fn dynamic_channels() -> Vec<Vec<u8>> {
        let messages = channel_messages();
        vec![tagged(&messages, 0), tagged(&messages, 1)]
    }

    pub fn pipeline() -> Vec<Vec<u8>> {
        let behind_header: Vec<_> = channel_messages()
            .iter()
            .filter_map(|message| Some(message.get(2..)?.to_vec()))
            .collect();
        let mut seeds: Vec<_> = (0..3).map(|side| tagged(&behind_header, side)).collect();
        // Commands by their headers: command 2, flags 2, length 4, then nothing but zeros.
        let commands = (1..0x1c_u8).map(|command| {
            let mut message = vec![command, 0, 0, 0, 48, 0, 0, 0];
            message.resize(48, 0);
            message
        });
        seeds.push(tagged(&commands.collect::<Vec<_>>(), 1));
        seeds
    }

    pub fn messages() -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for data in io_data() {
            seeds.extend(data.get(4..).map(<[u8]>::to_vec));
            seeds.push(data);
        }
        let talk = Conversation::record(true);
        for channel in talk.channels() {
            let data = talk.user_data(channel).into_iter();
            seeds.extend(data.filter_map(|data| Some(data.get(4..)?.to_vec())));
        }
        seeds
    }
}
