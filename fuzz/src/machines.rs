//! Both machines: the whole way from the first byte on, and the running session.

use std::time::Instant;

use bytes::Bytes;
use oriel_codecs::geometry::{Rect, Size};
use oriel_protocol::{
    client::{ClientConfig, ClientConnection, ClientEvent, StaticChannelRequest},
    framing,
    graphics::{
        FrameId, FrameReport, GraphicsCommand, PayloadCodec, PointerShape, PointerUpdate,
        SurfaceFormat, SurfaceId,
    },
    input::InputEvent,
    mcs::{self, ChannelId, DomainPdu, UserId},
    secret::{Credentials, Secret},
    server::{ServerConfig, ServerConnection, ServerEvent},
    wire::Cursor,
    x224::Tpdu,
};

use crate::Choices;

/// The I/O channel of our server.
pub const IO_CHANNEL: ChannelId = ChannelId(1003);
/// What the machines may answer an input of some kilobytes with.
const MAX_OUT_BYTES: usize = 32 << 20;

fn client_config(has_pipeline: bool) -> ClientConfig {
    let credentials = Credentials {
        user: "someone".to_owned(),
        domain: String::new(),
        password: Secret::new("secret"),
    };
    let mut config = ClientConfig::new("host", credentials, Size::new(640, 480));
    config.graphics.pipeline = has_pipeline;
    config.static_channels = vec![StaticChannelRequest {
        name: "test".to_owned(),
        options: 0x0080_0000, // compressed where anything is
    }];
    config
}

/// Takes out of a client all that it has to give, as a viewer does.
fn drain_client(client: &mut ClientConnection, now: Instant, out: &mut Vec<u8>) {
    loop {
        let is_busy = client.poll_transmit(out);
        match client.poll_event() {
            Some(ClientEvent::StartSecurity(_)) => {
                let _ = client.handle_security_established(now);
            }
            Some(ClientEvent::Graphics(GraphicsCommand::EndFrame { frame })) => {
                client.acknowledge_frame(
                    now,
                    FrameReport {
                        frame,
                        queue_depth: 0,
                        decode_us: 0,
                        present_us: 0,
                    },
                );
            }
            Some(_) => {}
            None if is_busy => {}
            None => break,
        }
    }
    assert!(out.len() <= MAX_OUT_BYTES);
}

fn drain_server(server: &mut ServerConnection, now: Instant, out: &mut Vec<u8>) {
    loop {
        let is_busy = server.poll_transmit(out);
        match server.poll_event() {
            Some(ServerEvent::StartSecurity(_)) => {
                let _ = server.handle_security_established(now);
            }
            Some(_) => {}
            None if is_busy => {}
            None => break,
        }
    }
    assert!(out.len() <= MAX_OUT_BYTES);
}

/// A client that is sent a stream from its first byte on.
pub fn client(data: &[u8]) {
    let now = Instant::now();
    let (&choice, data) = data.split_first().unwrap_or((&0, &[]));
    let mut client = ClientConnection::new(client_config(choice & 1 == 0), now);
    let mut out = Vec::new();
    drain_client(&mut client, now, &mut out);
    for piece in by_frames(data) {
        if client.handle_data(now, piece).is_err() {
            return;
        }
        drain_client(&mut client, now, &mut out);
    }
    client.handle_stream_closed(now);
}

/// A server that is sent a stream from its first byte on.
pub fn server(data: &[u8]) {
    let now = Instant::now();
    let mut server = ServerConnection::new(ServerConfig::new(Size::new(640, 480)), now);
    let mut out = Vec::new();
    for piece in by_frames(data) {
        if server.handle_data(now, piece).is_err() {
            return;
        }
        drain_server(&mut server, now, &mut out);
    }
    server.handle_stream_closed(now);
}

/// Cuts a stream where its TPKT frames end, so that nothing comes ahead of TLS.
fn by_frames(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = match *data {
            [] => return None,
            [3, _, high, low, ..] => usize::from(u16::from_be_bytes([high, low])),
            _ => data.len(),
        };
        let (frame, rest) = data.split_at(length.clamp(1, data.len()));
        data = rest;
        Some(frame)
    })
}

/// A message in the framing that its first byte picks: as it is, a fast-path PDU, or MCS data on
/// one of the channels.
fn frame(choices: &mut Choices<'_>, is_to_server: bool) -> Vec<u8> {
    let kind = choices.byte();
    let data = choices.piece();
    let mut out = Vec::new();
    match kind % 8 {
        0 => out.extend(data),
        1 => {
            let length = (data.len() + 3).min(0x7fff) as u16;
            out.push(kind & 0xfc & 0x3c);
            out.extend((length | 0x8000).to_be_bytes());
            out.extend(data);
        }
        channel => {
            let channel = ChannelId(IO_CHANNEL.0 + u16::from(channel - 2));
            let data = &data[..data.len().min(16_000)];
            mcs::write_frame(&mut out, |out| {
                let initiator = UserId(1006);
                let pdu = if is_to_server {
                    DomainPdu::SendDataRequest {
                        initiator,
                        channel,
                        data,
                    }
                } else {
                    DomainPdu::SendDataIndication {
                        initiator,
                        channel,
                        data,
                    }
                };
                pdu.encode(out);
            });
        }
    }
    out
}

/// A client in a running session.
pub fn client_session(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut talk = Conversation::new(choices.byte() & 1 == 0);
    talk.connect();
    while !choices.is_empty() {
        let message = frame(&mut choices, false);
        if talk.client.handle_data(talk.now, &message).is_err() {
            return;
        }
        drain_client(&mut talk.client, talk.now, &mut Vec::new());
    }
}

/// A server in a running session, which draws after each message.
pub fn server_session(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut talk = Conversation::new(choices.byte() & 1 == 0);
    talk.connect();
    while !choices.is_empty() {
        let message = frame(&mut choices, true);
        if talk.server.handle_data(talk.now, &message).is_err() {
            return;
        }
        talk.draw();
        drain_server(&mut talk.server, talk.now, &mut Vec::new());
    }
}

/// Both machines, without delay, and what went between them.
pub struct Conversation {
    client: ClientConnection,
    server: ServerConnection,
    now: Instant,
    /// Frames that the server sent.
    pub to_client: Vec<Vec<u8>>,
    /// Frames that the client sent.
    pub to_server: Vec<Vec<u8>>,
}

impl Conversation {
    fn new(has_pipeline: bool) -> Self {
        let now = Instant::now();
        Self {
            client: ClientConnection::new(client_config(has_pipeline), now),
            server: ServerConnection::new(ServerConfig::new(Size::new(640, 480)), now),
            now,
            to_client: Vec::new(),
            to_server: Vec::new(),
        }
    }

    /// A session that connects, draws, and takes input.
    pub fn record(has_pipeline: bool) -> Self {
        let mut talk = Self::new(has_pipeline);
        talk.connect();
        talk.draw();
        talk.client.send_input(&[InputEvent::MouseMove {
            position: Default::default(),
        }]);
        talk.client.send_channel_data("test", &[7; 4000]);
        talk.server.send_channel_data("test", &[9; 4000]);
        talk.client.refresh(&[Rect::new(0, 0, 9, 9)]);
        talk.client.suppress_output(None);
        talk.connect();
        talk.client.disconnect(talk.now);
        talk.connect();
        talk
    }

    /// Lets both sides say what they have to say.
    fn connect(&mut self) {
        loop {
            let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
            drain_client(&mut self.client, self.now, &mut to_server);
            drain_server(&mut self.server, self.now, &mut to_client);
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
            let _ = self.server.handle_data(self.now, &to_server);
            let _ = self.client.handle_data(self.now, &to_client);
            split_frames(&to_server, &mut self.to_server);
            split_frames(&to_client, &mut self.to_client);
        }
    }

    /// A frame with a picture, and a pointer. Errors are the choice of what was sent before.
    fn draw(&mut self) {
        let rect = Rect::new(3, 5, 40, 30);
        let surface = SurfaceId::PRIMARY;
        let size = Size::new(640, 480);
        let format = SurfaceFormat::Xrgb;
        let commands = [
            GraphicsCommand::ResetGraphics {
                size,
                monitors: Vec::new(),
            },
            GraphicsCommand::CreateSurface {
                surface,
                size,
                format,
            },
            GraphicsCommand::StartFrame { frame: FrameId(1) },
            GraphicsCommand::Draw {
                surface,
                rect,
                codec: PayloadCodec::Uncompressed,
                format,
                payload: Bytes::from(vec![0x55; rect.size().area() as usize * 4]),
            },
            GraphicsCommand::EndFrame { frame: FrameId(1) },
        ];
        for command in &commands {
            let _ = self.server.send_graphics(command);
        }
        let _ = self.server.send_pointer(&PointerUpdate::Hidden);
        let shape = PointerShape {
            size: Size::new(8, 8),
            hotspot: Default::default(),
            bits_per_pixel: 32,
            xor_mask: Bytes::from(vec![0x33; 8 * 8 * 4]),
            and_mask: Bytes::from(vec![0; 16]),
        };
        let _ = self
            .server
            .send_pointer(&PointerUpdate::Shape(shape.into()));
    }

    /// Numbers of the static channels and the message channel.
    pub fn channels(&self) -> impl Iterator<Item = ChannelId> {
        (IO_CHANNEL.0 + 1..IO_CHANNEL.0 + 5).map(ChannelId)
    }

    /// What was said on a channel, both ways.
    pub fn user_data(&self, on: ChannelId) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for frame in self.to_client.iter().chain(&self.to_server) {
            let Some(Ok(Tpdu::Data(data))) = frame.get(4..).map(Tpdu::decode) else {
                continue;
            };
            if let Ok(
                DomainPdu::SendDataRequest { channel, data, .. }
                | DomainPdu::SendDataIndication { channel, data, .. },
            ) = DomainPdu::decode(&mut Cursor::new(data, "fuzz"))
                && channel == on
            {
                all.push(data.to_vec());
            }
        }
        all
    }
}

fn split_frames(stream: &[u8], frames: &mut Vec<Vec<u8>>) {
    let mut reader = framing::FrameReader::new();
    reader.push(stream);
    while let Ok(Some(frame)) = reader.next_frame() {
        frames.push(match frame {
            framing::Frame::FastPath(pdu) => pdu.to_vec(),
            framing::Frame::Tpkt(payload) => {
                let mut frame = vec![3, 0];
                frame.extend((payload.len() as u16 + 4).to_be_bytes());
                frame.extend_from_slice(&payload);
                frame
            }
        });
    }
}

/// Inputs to begin from.
pub mod seeds {
    use super::*;
    use crate::put_piece;

    pub fn client() -> Vec<Vec<u8>> {
        [true, false]
            .map(|has_pipeline| {
                let talk = Conversation::record(has_pipeline);
                [&[u8::from(!has_pipeline)], &talk.to_client.concat()[..]].concat()
            })
            .into()
    }

    pub fn server() -> Vec<Vec<u8>> {
        [true, false]
            .map(|has_pipeline| Conversation::record(has_pipeline).to_server.concat())
            .into()
    }

    fn session(is_to_server: bool) -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for has_pipeline in [true, false] {
            let talk = Conversation::record(has_pipeline);
            let mut seed = vec![u8::from(!has_pipeline)];
            for channel in [IO_CHANNEL].into_iter().chain(talk.channels()) {
                for data in talk.user_data(channel) {
                    seed.push((channel.0 - IO_CHANNEL.0) as u8 + 2);
                    put_piece(&mut seed, &data);
                }
            }
            seeds.push(seed);
            let frames = if is_to_server {
                &talk.to_server
            } else {
                &talk.to_client
            };
            let mut seed = vec![u8::from(!has_pipeline)];
            for frame in frames {
                seed.push(0);
                put_piece(&mut seed, frame);
            }
            seeds.push(seed);
        }
        seeds
    }

    pub fn client_session() -> Vec<Vec<u8>> {
        session(false)
    }

    pub fn server_session() -> Vec<Vec<u8>> {
        session(true)
    }
}
