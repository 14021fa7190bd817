//! A server that says what it is told to.

use std::time::{Duration, Instant};

use oriel_codecs::geometry::Size;
use oriel_protocol::{
    capabilities::{
        Bitmap, BitmapDrawingFlags, CapabilitySet, General, GeneralFlags, Input, InputFlags,
    },
    client::{ClientConfig, ClientConnection, ClientEvent, ProtocolError, SecurityOffer},
    framing::{self, Frame, FrameReader},
    gcc::{
        ConferenceCreateResponse, ServerBlocks, ServerCore, ServerEarlyCapabilities, ServerNetwork,
        ServerSecurity,
    },
    licensing::{ErrorAlert, LicensingPdu},
    mcs::{self, ChannelId, ConnectResponse, DomainPdu, McsResult, UserId},
    secret::{Credentials, Secret},
    security::{SecurityFlags, SecurityHeader},
    share::{
        ControlAction, ControlPdu, DataPdu, DemandActive, FontPdu, SERVER_CHANNEL_ID, ShareContext,
        SynchronizePdu,
    },
    wire::{Pdu, WriteWire},
    x224::{
        ConnectionConfirm, NegotiationReply, NegotiationResponseFlags, SecurityProtocols, Tpdu,
    },
};

pub const IO_CHANNEL: ChannelId = ChannelId(1003);
pub const MESSAGE_CHANNEL: ChannelId = ChannelId(1008);
pub const DYNAMIC_CHANNEL: ChannelId = ChannelId(1004);
pub const USER: UserId = UserId(1007);
pub const SHARE_ID: u32 = 0x0001_03ea;
pub const DESKTOP: Size = Size::new(1280, 800);
pub const PASSWORD: &str = "correct horse";

/// How far a script has come; what the client waits for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    ConnectionConfirm,
    Security,
    ConnectResponse,
    AttachConfirm,
    JoinConfirms,
    Licence,
    DemandActive,
    FontMap,
    Active,
}

pub const STAGES: [Stage; 9] = [
    Stage::ConnectionConfirm,
    Stage::Security,
    Stage::ConnectResponse,
    Stage::AttachConfirm,
    Stage::JoinConfirms,
    Stage::Licence,
    Stage::DemandActive,
    Stage::FontMap,
    Stage::Active,
];

pub fn config() -> ClientConfig {
    let credentials = Credentials {
        user: "someone".to_owned(),
        domain: "house".to_owned(),
        password: Secret::new(PASSWORD),
    };
    let mut config = ClientConfig::new("server", credentials, DESKTOP);
    config.security = SecurityOffer::Tls;
    config
}

pub fn connection_confirm(reply: Option<NegotiationReply>) -> Vec<u8> {
    let mut out = Vec::new();
    let confirm = ConnectionConfirm {
        source_reference: 0,
        reply,
    };
    framing::write_tpkt(&mut out, |out| confirm.encode(out));
    out
}

pub fn picks(selected: SecurityProtocols) -> Vec<u8> {
    connection_confirm(Some(NegotiationReply::Response {
        flags: NegotiationResponseFlags::EXTENDED_CLIENT_DATA_SUPPORTED,
        selected,
    }))
}

pub fn mcs_frame(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    mcs::write_frame(&mut out, write);
    out
}

pub fn domain(pdu: DomainPdu<'_>) -> Vec<u8> {
    mcs_frame(|out| pdu.encode(out))
}

pub fn connect_response(early_capabilities: ServerEarlyCapabilities) -> Vec<u8> {
    let blocks = ServerBlocks {
        core: ServerCore {
            version: 0x0008_000b,
            requested_protocols: Some(SecurityProtocols::TLS),
            early_capabilities: Some(early_capabilities),
        },
        network: Some(ServerNetwork {
            io_channel: IO_CHANNEL,
            channels: vec![DYNAMIC_CHANNEL],
        }),
        security: Some(ServerSecurity::default()),
        message_channel: Some(MESSAGE_CHANNEL),
        ..ServerBlocks::default()
    };
    let response = ConnectResponse::new(ConferenceCreateResponse::new(blocks).to_vec());
    mcs_frame(|out| response.encode(out))
}

pub fn on_channel(channel: ChannelId, data: &[u8]) -> Vec<u8> {
    domain(DomainPdu::SendDataIndication {
        initiator: UserId::SERVER,
        channel,
        data,
    })
}

/// A PDU behind a security header.
pub fn flagged(channel: ChannelId, flags: SecurityFlags, pdu: &impl Pdu) -> Vec<u8> {
    let mut data = SecurityHeader::new(flags).to_vec();
    pdu.encode(&mut data);
    on_channel(channel, &data)
}

pub fn licence() -> Vec<u8> {
    let alert = LicensingPdu::ErrorAlert(ErrorAlert::VALID_CLIENT);
    flagged(IO_CHANNEL, SecurityFlags::LICENSE_PKT, &alert)
}

pub fn demand_active(desktop: Size) -> Vec<u8> {
    let demand = DemandActive {
        share_id: SHARE_ID,
        source_descriptor: b"RDP\0".to_vec(),
        capability_sets: vec![
            CapabilitySet::General(General {
                os_major: 1,
                os_minor: 3,
                protocol_version: General::PROTOCOL_VERSION,
                flags: GeneralFlags::FASTPATH_OUTPUT,
                refresh_rect: true,
                suppress_output: true,
            }),
            CapabilitySet::Bitmap(Bitmap {
                bits_per_pixel: 32,
                desktop_width: desktop.width as u16,
                desktop_height: desktop.height as u16,
                desktop_resize: true,
                compression: true,
                drawing_flags: BitmapDrawingFlags::empty(),
                multiple_rectangles: true,
            }),
            CapabilitySet::Input(Input {
                flags: InputFlags::SCANCODES | InputFlags::FASTPATH2,
                ..Input::default()
            }),
        ],
        session_id: 0,
    };
    let mut data = Vec::new();
    demand.write(SERVER_CHANNEL_ID, &mut data);
    on_channel(IO_CHANNEL, &data)
}

pub fn data(pdu: &DataPdu) -> Vec<u8> {
    let context = ShareContext {
        share_id: SHARE_ID,
        source: SERVER_CHANNEL_ID,
    };
    let mut out = Vec::new();
    context.write_data(pdu, &mut out);
    on_channel(IO_CHANNEL, &out)
}

pub fn finalization() -> Vec<u8> {
    [
        DataPdu::Synchronize(SynchronizePdu {
            target_user: USER.0,
        }),
        DataPdu::Control(ControlPdu::new(ControlAction::Cooperate)),
        DataPdu::Control(ControlPdu::new(ControlAction::GrantedControl)),
        DataPdu::FontMap(FontPdu::MAP),
    ]
    .iter()
    .flat_map(data)
    .collect()
}

/// A client, the time, and what the two sides have said.
pub struct Script {
    pub client: ClientConnection,
    pub now: Instant,
    pub events: Vec<ClientEvent>,
    sent: FrameReader,
}

impl Script {
    pub fn new(config: ClientConfig) -> Self {
        let now = Instant::now();
        let mut script = Self {
            client: ClientConnection::new(config, now),
            now,
            events: Vec::new(),
            sent: FrameReader::new(),
        };
        script.poll();
        script
    }

    /// A client that waits for what `stage` names.
    pub fn at(stage: Stage) -> Self {
        let mut script = Self::new(config());
        for past in STAGES.into_iter().take_while(|&past| past < stage) {
            script.pass(past).expect("the script is a good server");
        }
        script
    }

    /// What a good server says at `stage`; empty where it says nothing.
    pub fn good_answer(stage: Stage) -> Vec<u8> {
        match stage {
            Stage::ConnectionConfirm => picks(SecurityProtocols::TLS),
            Stage::ConnectResponse => connect_response(ServerEarlyCapabilities::empty()),
            Stage::AttachConfirm => domain(DomainPdu::AttachUserConfirm {
                result: McsResult::SUCCESSFUL,
                initiator: Some(USER),
            }),
            Stage::JoinConfirms => [USER.channel(), IO_CHANNEL, MESSAGE_CHANNEL, DYNAMIC_CHANNEL]
                .into_iter()
                .flat_map(|channel| {
                    domain(DomainPdu::ChannelJoinConfirm {
                        result: McsResult::SUCCESSFUL,
                        initiator: USER,
                        requested: channel,
                        channel: Some(channel),
                    })
                })
                .collect(),
            Stage::Licence => licence(),
            Stage::DemandActive => demand_active(DESKTOP),
            Stage::FontMap => finalization(),
            Stage::Security | Stage::Active => Vec::new(),
        }
    }

    /// Goes through `stage` as a good server lets it.
    pub fn pass(&mut self, stage: Stage) -> Result<(), ProtocolError> {
        if stage == Stage::Security {
            self.client.handle_security_established(self.now)?;
            self.poll();
            return Ok(());
        }
        self.receive(&Self::good_answer(stage))
    }

    /// The client receives `bytes`.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), ProtocolError> {
        let result = self.client.handle_data(self.now, bytes);
        self.poll();
        result
    }

    pub fn advance(&mut self, by: Duration) -> Result<(), ProtocolError> {
        self.now += by;
        let result = self.client.handle_timeout(self.now);
        self.poll();
        result
    }

    /// Takes what the client has to say.
    pub fn poll(&mut self) {
        let mut out = Vec::new();
        self.client.poll_transmit(&mut out);
        self.sent.push(&out);
        while let Some(event) = self.client.poll_event() {
            self.events.push(event);
        }
    }

    /// Frames that the client has sent since the last call.
    pub fn take_frames(&mut self) -> Vec<Frame> {
        self.poll();
        std::iter::from_fn(|| self.sent.next_frame().expect("a client sends whole frames"))
            .collect()
    }

    /// Data that the client has sent on MCS channels since the last call.
    pub fn take_data(&mut self) -> Vec<(ChannelId, Vec<u8>)> {
        let mut all = Vec::new();
        for frame in self.take_frames() {
            let Frame::Tpkt(payload) = &frame else {
                continue;
            };
            let Ok(Tpdu::Data(data)) = Tpdu::decode(payload) else {
                continue;
            };
            let mut cursor = oriel_protocol::wire::Cursor::new(data, "test");
            if let Ok(DomainPdu::SendDataRequest {
                initiator,
                channel,
                data,
            }) = DomainPdu::decode(&mut cursor)
            {
                assert_eq!(initiator, USER);
                let mut copy = Vec::new();
                copy.put(data);
                all.push((channel, copy));
            }
        }
        all
    }
}
