//! The annotated connection of `[MS-RDPBCGR]` section 4.1: every PDU decodes to what the
//! annotations say and encodes to the same bytes.

mod support;

use oriel_codecs::bulk::CompressionLevel;
use oriel_codecs::geometry::Size;
use oriel_protocol::{
    client::PerformanceFlags,
    client_info::{ClientInfo, ExtendedInfo, InfoFlags, SystemTime, TimeZoneInfo},
    framing::{self, Frame, FrameReader},
    gcc::{
        ChannelDefinition, ChannelOptions, ClientCluster, ClusterFlags, ColorDepths,
        ConferenceCreateRequest, ConferenceCreateResponse, EarlyCapabilities, EncryptionMethods,
    },
    licensing::{ErrorAlert, LicensingPdu},
    mcs::{
        self, ChannelId, ConnectInitial, ConnectResponse, ConnectResult, DisconnectReason,
        DomainParameters, DomainPdu, McsResult, UserId,
    },
    security::{SecurityFlags, SecurityHeader},
    wire::{Cursor, Pdu, WriteWire},
    x224::{
        ConnectionConfirm, ConnectionRequest, NegotiationReply, NegotiationRequest,
        NegotiationRequestFlags, NegotiationResponseFlags, Routing, SecurityProtocols, Tpdu,
    },
};

use support::vector;

/// What the one TPKT frame of a vector holds.
fn tpkt(bytes: &[u8]) -> Vec<u8> {
    let mut reader = FrameReader::new();
    reader.push(bytes);
    let Ok(Some(Frame::Tpkt(payload))) = reader.next_frame() else {
        panic!("one TPKT frame");
    };
    assert_eq!(reader.pending_bytes(), 0);
    payload.to_vec()
}

/// The MCS PDU of a vector.
fn mcs_pdu(bytes: &[u8]) -> Vec<u8> {
    match Tpdu::decode(&tpkt(bytes)) {
        Ok(Tpdu::Data(data)) => data.to_vec(),
        other => panic!("a data TPDU, got {other:?}"),
    }
}

fn decode<T: Pdu>(bytes: &[u8]) -> T {
    let mut cursor = Cursor::new(bytes, "test");
    let value = T::decode(&mut cursor).expect("decodes");
    assert!(cursor.is_empty(), "{} bytes are left", cursor.left());
    value
}

fn in_frame(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    mcs::write_frame(&mut out, write);
    out
}

const TOPIC: &str = "connection-sequence";

#[test]
fn the_connection_request_asks_for_standard_security_with_a_cookie() {
    let Some(bytes) = vector(TOPIC, "bcgr_4.1.1_client-x-224-connection-request-pdu.bin") else {
        return;
    };
    let request: ConnectionRequest = decode(&tpkt(&bytes));
    assert_eq!(
        request,
        ConnectionRequest {
            routing: Some(Routing::Cookie("eltons".to_owned())),
            negotiation: Some(NegotiationRequest {
                flags: NegotiationRequestFlags::empty(),
                protocols: SecurityProtocols::empty(),
            }),
            correlation_id: None,
        }
    );
    let mut out = Vec::new();
    framing::write_tpkt(&mut out, |out| request.encode(out));
    assert_eq!(out, bytes);
}

#[test]
fn the_connection_confirm_picks_standard_security() {
    let Some(bytes) = vector(TOPIC, "bcgr_4.1.2_server-x-224-connection-confirm-pdu.bin") else {
        return;
    };
    let confirm: ConnectionConfirm = decode(&tpkt(&bytes));
    assert_eq!(
        confirm,
        ConnectionConfirm {
            source_reference: 0x1234,
            reply: Some(NegotiationReply::Response {
                flags: NegotiationResponseFlags::empty(),
                selected: SecurityProtocols::empty(),
            }),
        }
    );
    let mut out = Vec::new();
    framing::write_tpkt(&mut out, |out| confirm.encode(out));
    assert_eq!(out, bytes);
}

#[test]
fn connect_initial_carries_the_clients_settings() {
    let Some(bytes) = vector(
        TOPIC,
        "bcgr_4.1.3_client-mcs-connect-initial-pdu-with-gcc-conferen.bin",
    ) else {
        return;
    };
    let initial: ConnectInitial = decode(&mcs_pdu(&bytes));
    assert_eq!(initial.target, DomainParameters::TARGET);
    assert_eq!(initial.minimum, DomainParameters::MINIMUM);
    assert_eq!(initial.maximum, DomainParameters::MAXIMUM);

    let request: ConferenceCreateRequest = decode(&initial.user_data);
    let blocks = &request.blocks;
    let core = &blocks.core;
    assert_eq!(core.version, 0x0008_0004);
    assert_eq!(core.desktop, Size::new(1280, 1024));
    assert_eq!(core.color_depth, 0xca01);
    assert_eq!(core.sas_sequence, 0xaa03);
    assert_eq!(core.keyboard_layout, 0x409);
    assert_eq!(core.client_build, 3790);
    assert_eq!(core.client_name, "ELTONS-DEV2");
    assert_eq!(core.keyboard_type, 4);
    assert_eq!(core.keyboard_subtype, 0);
    assert_eq!(core.keyboard_function_keys, 12);
    assert_eq!(core.ime_file_name, "");
    assert_eq!(core.post_beta2_color_depth, Some(0xca01));
    assert_eq!(core.client_product_id, Some(1));
    assert_eq!(core.serial_number, Some(0));
    assert_eq!(core.high_color_depth, Some(24));
    assert_eq!(
        core.supported_color_depths,
        Some(ColorDepths::BPP_24 | ColorDepths::BPP_16 | ColorDepths::BPP_15)
    );
    assert_eq!(core.early_capabilities, Some(EarlyCapabilities::ERROR_INFO));
    assert_eq!(
        core.dig_product_id.as_deref(),
        Some("69712-783-0357974-42714")
    );
    assert_eq!(core.connection_type, Some(0));
    assert_eq!(core.selected_protocol, Some(SecurityProtocols::empty()));
    assert_eq!(core.physical_size_mm, None);
    assert_eq!(
        blocks.cluster,
        Some(ClientCluster {
            flags: ClusterFlags::REDIRECTION_SUPPORTED | ClusterFlags::REDIRECTION_VERSION_4,
            redirected_session_id: 0,
        })
    );
    let security = blocks.security.expect("a security block");
    assert_eq!(
        security.methods,
        EncryptionMethods::all() & EncryptionMethods::from_bits_retain(0x1b)
    );
    assert_eq!(security.extended_methods, EncryptionMethods::empty());
    let channel = |name: &str, options| ChannelDefinition {
        name: name.to_owned(),
        options: ChannelOptions::from_bits_retain(options),
    };
    assert_eq!(
        blocks.network.as_ref().expect("a network block").channels,
        [
            channel("rdpdr", 0x8080_0000),
            channel("cliprdr", 0xc0a0_0000),
            channel("rdpsnd", 0xc000_0000),
        ]
    );
    assert_eq!(blocks.monitors, None);
    assert!(!blocks.message_channel);
    assert_eq!(blocks.multitransport, None);
    assert!(blocks.unknown.is_empty());

    assert_eq!(request.to_vec(), initial.user_data);
    assert_eq!(in_frame(|out| initial.encode(out)), bytes);
}

#[test]
fn connect_response_carries_the_servers_settings() {
    let Some(bytes) = vector(
        TOPIC,
        "bcgr_4.1.4_server-mcs-connect-response-pdu-with-gcc-confere.bin",
    ) else {
        return;
    };
    let response: ConnectResponse = decode(&mcs_pdu(&bytes));
    assert_eq!(response.result, ConnectResult::SUCCESSFUL);
    assert_eq!(response.called_connect_id, 0);
    assert_eq!(response.parameters, DomainParameters::SERVER);

    let conference: ConferenceCreateResponse = decode(&response.user_data);
    assert_eq!(conference.node_id, 31219);
    assert_eq!(conference.result, 0);
    let blocks = &conference.blocks;
    assert_eq!(blocks.core.version, 0x0008_0004);
    assert_eq!(
        blocks.core.requested_protocols,
        Some(SecurityProtocols::empty())
    );
    assert_eq!(blocks.core.early_capabilities, None);
    let network = blocks.network.as_ref().expect("a network block");
    assert_eq!(network.io_channel, ChannelId(1003));
    assert_eq!(
        network.channels,
        [ChannelId(1004), ChannelId(1005), ChannelId(1006)]
    );
    let security = blocks.security.as_ref().expect("a security block");
    assert_eq!(security.method, EncryptionMethods::RC4_128);
    assert_eq!(security.level, 2);
    let (random, certificate) = security.secrets.as_ref().expect("secrets");
    assert_eq!((random.len(), certificate.len()), (32, 184));
    assert_eq!(random[..4], [0x10, 0x11, 0x77, 0x20]);

    assert_eq!(conference.to_vec(), response.user_data);
    assert_eq!(in_frame(|out| response.encode(out)), bytes);
}

#[test]
fn domain_pdus_of_the_channel_connection_phase_are_as_annotated() {
    let user = UserId(1007);
    let mut expected = vec![
        (
            "bcgr_4.1.5_client-mcs-erect-domain-request-pdu.bin".to_owned(),
            DomainPdu::ErectDomainRequest {
                sub_height: 0,
                sub_interval: 0,
            },
        ),
        (
            "bcgr_4.1.6_client-mcs-attach-user-request-pdu.bin".to_owned(),
            DomainPdu::AttachUserRequest,
        ),
        (
            "bcgr_4.1.7_server-mcs-attach-user-confirm-pdu.bin".to_owned(),
            DomainPdu::AttachUserConfirm {
                result: McsResult::SUCCESSFUL,
                initiator: Some(user),
            },
        ),
        (
            "bcgr_4.2.3_mcs-disconnect-provider-ultimatum-pdu.bin".to_owned(),
            DomainPdu::DisconnectProviderUltimatum(DisconnectReason::USER_REQUESTED),
        ),
    ];
    for (index, (number, kind)) in [
        (1007, "user-ch"),
        (1003, "i-o-cha"),
        (1004, "rdpdr-c"),
        (1005, "cliprdr"),
        (1006, "rdpsnd-"),
    ]
    .into_iter()
    .enumerate()
    {
        let channel = ChannelId(number);
        let section = format!("4.1.8.{}", index + 1);
        expected.push((
            format!("bcgr_{section}.1_client-join-request-pdu-for-channel-{number}-{kind}.bin"),
            DomainPdu::ChannelJoinRequest {
                initiator: user,
                channel,
            },
        ));
        expected.push((
            format!("bcgr_{section}.2_server-join-confirm-pdu-for-channel-{number}-{kind}.bin"),
            DomainPdu::ChannelJoinConfirm {
                result: McsResult::SUCCESSFUL,
                initiator: user,
                requested: channel,
                channel: Some(channel),
            },
        ));
    }
    for (name, pdu) in expected {
        let Some(bytes) = vector(TOPIC, &name) else {
            return;
        };
        let inner = mcs_pdu(&bytes);
        let mut cursor = Cursor::new(&inner, "test");
        assert_eq!(DomainPdu::decode(&mut cursor), Ok(pdu), "{name}");
        assert!(cursor.is_empty(), "{name}");
        assert_eq!(in_frame(|out| pdu.encode(out)), bytes, "{name}");
    }
}

#[test]
fn data_on_channels_keeps_its_bytes_through_frame_and_mcs() {
    for name in [
        "bcgr_4.1.9_client-security-exchange-pdu.bin",
        "bcgr_4.1.10_client-info-pdu_1.bin",
        "bcgr_4.1.13_client-confirm-active-pdu_1.bin",
        "bcgr_4.1.18_client-font-list-pdu_1.bin",
        "bcgr_4.2.1_client-shutdown-request-pdu.bin",
    ] {
        let Some(bytes) = vector(TOPIC, name) else {
            return;
        };
        let inner = mcs_pdu(&bytes);
        let pdu = DomainPdu::decode(&mut Cursor::new(&inner, "test")).expect(name);
        let DomainPdu::SendDataRequest {
            initiator,
            channel,
            data,
        } = pdu
        else {
            panic!("{name} is a send data request");
        };
        assert_eq!((initiator, channel), (UserId(1007), ChannelId(1003)));
        assert!(!data.is_empty());
        assert_eq!(in_frame(|out| out.put(&pdu.to_vec())), bytes, "{name}");
    }
    for name in [
        "bcgr_4.1.11_server-license-error-pdu-valid-client_1.bin",
        "bcgr_4.1.12_server-demand-active-pdu_1.bin",
        "bcgr_4.1.22_server-font-map-pdu_1.bin",
    ] {
        let Some(bytes) = vector(TOPIC, name) else {
            return;
        };
        let inner = mcs_pdu(&bytes);
        let pdu = DomainPdu::decode(&mut Cursor::new(&inner, "test")).expect(name);
        assert!(
            matches!(
                pdu,
                DomainPdu::SendDataIndication {
                    initiator: UserId::SERVER,
                    channel: ChannelId(1003),
                    ..
                }
            ),
            "{name}: {pdu:?}"
        );
        assert_eq!(in_frame(|out| pdu.encode(out)), bytes, "{name}");
    }
}

#[test]
fn the_short_form_of_licensing_is_an_alert_without_an_error() {
    let name = "bcgr_4.1.11_server-license-error-pdu-valid-client_1.bin";
    let Some(encrypted) = vector(TOPIC, name) else {
        return;
    };
    let inner = mcs_pdu(&encrypted);
    let Ok(DomainPdu::SendDataIndication { data, .. }) =
        DomainPdu::decode(&mut Cursor::new(&inner, "test"))
    else {
        panic!("a send data indication");
    };
    let header = SecurityHeader::decode(&mut Cursor::new(data, "test")).expect("decodes");
    assert_eq!(
        header.flags,
        SecurityFlags::ENCRYPT | SecurityFlags::LICENSE_PKT | SecurityFlags::LICENSE_ENCRYPT
    );
    assert_eq!(header.to_vec(), data[..4]);

    let name = "bcgr_4.1.11_server-license-error-pdu-valid-client_2.bin";
    let plain = vector(TOPIC, name).expect("beside the other");
    let pdu: LicensingPdu = decode(&plain);
    assert_eq!(pdu, LicensingPdu::ErrorAlert(ErrorAlert::VALID_CLIENT));
    assert_eq!(pdu.to_vec(), plain);
}

#[test]
fn the_client_info_packet_names_user_time_zone_and_compression() {
    let Some(bytes) = vector(TOPIC, "bcgr_4.1.10_client-info-pdu_2.bin") else {
        return;
    };
    let info: ClientInfo = decode(&bytes);
    assert_eq!(info.code_page, 0x0409_0409);
    assert_eq!(
        info.flags,
        InfoFlags::MOUSE
            | InfoFlags::DISABLE_CTRL_ALT_DEL
            | InfoFlags::UNICODE
            | InfoFlags::MAXIMIZE_SHELL
            | InfoFlags::ENABLE_WINDOWS_KEY
            | InfoFlags::FORCE_ENCRYPTED_CS_PDU
    );
    assert_eq!(info.compression, Some(CompressionLevel::K64));
    assert_eq!(info.domain, "NTDEV");
    assert_eq!(info.user, "eltons");
    assert!(info.password.is_empty());
    assert_eq!(info.alternate_shell, "");
    assert_eq!(info.working_dir, "");
    let extended = info.extended.as_ref().expect("an extended part");
    assert_eq!(extended.address_family, ExtendedInfo::IPV4);
    assert_eq!(extended.address, "157.59.242.156");
    assert_eq!(
        extended.directory,
        "C:\\depots\\w2k3_1\\termsrv\\newclient\\lib\\win32\\obj\\i386\\mstscax.dll"
    );
    let change = |month, day| SystemTime {
        month,
        day,
        hour: 2,
        ..SystemTime::default()
    };
    assert_eq!(
        extended.time_zone,
        Some(TimeZoneInfo {
            bias_minutes: 480,
            standard_name: "Pacific Standard Time".to_owned(),
            standard_date: change(10, 5),
            standard_bias_minutes: 0,
            daylight_name: "Pacific Daylight Time".to_owned(),
            daylight_date: change(4, 1),
            daylight_bias_minutes: -60,
        })
    );
    assert_eq!(extended.session_id, Some(0));
    assert_eq!(
        extended.performance,
        Some(PerformanceFlags::DISABLE_WALLPAPER)
    );
    assert_eq!(extended.auto_reconnect, Some(None));
    assert_eq!(extended.dynamic_time_zone, None);
    assert_eq!(info.to_vec(), bytes);
}
