//! Inputs that once crashed other implementations' decoders.

mod support;

use oriel_codecs::bulk::BulkDecompressor;
use oriel_protocol::{
    autodetect::{AutodetectRequest, AutodetectResponse},
    capabilities::CapabilitySet,
    channels::ChannelReassembler,
    client_info::ClientInfo,
    framing::FrameReader,
    gcc::{ConferenceCreateRequest, ConferenceCreateResponse},
    licensing::LicensingPdu,
    mcs::{ConnectInitial, ConnectResponse, DomainPdu},
    multitransport::TunnelPdu,
    redirection::ServerRedirection,
    share::{ConfirmActive, DataPdu, DemandActive, ShareControlPdu, ShareDataPdu},
    wire::{Cursor, Pdu},
    x224::{ConnectionConfirm, ConnectionRequest, Tpdu},
};

/// What decodes must encode, and decode again to the same.
fn round_trip<T: Pdu + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(value) = T::decode(&mut Cursor::new(bytes, "test")) {
        let again = value.to_vec();
        assert_eq!(
            T::decode(&mut Cursor::new(&again, "test")).as_ref(),
            Ok(&value)
        );
    }
}

fn feed(bytes: &[u8]) {
    round_trip::<ConnectionRequest>(bytes);
    round_trip::<ConnectionConfirm>(bytes);
    round_trip::<ConnectInitial>(bytes);
    round_trip::<ConnectResponse>(bytes);
    round_trip::<ConferenceCreateRequest>(bytes);
    round_trip::<ConferenceCreateResponse>(bytes);
    round_trip::<ClientInfo>(bytes);
    round_trip::<LicensingPdu>(bytes);
    round_trip::<CapabilitySet>(bytes);
    round_trip::<AutodetectRequest>(bytes);
    round_trip::<AutodetectResponse>(bytes);
    round_trip::<ServerRedirection>(bytes);
    let _ = Tpdu::decode(bytes);
    let _ = DomainPdu::decode(&mut Cursor::new(bytes, "test"));
    let _ = DemandActive::decode(bytes);
    let _ = ServerRedirection::decode_enhanced(bytes);
    let _ = TunnelPdu::decode(&mut Cursor::new(bytes, "test"));
    let _ = ConfirmActive::decode(bytes);
    let _ = ChannelReassembler::new(1 << 20).handle_chunk(bytes, &mut BulkDecompressor::new());
    let mut cursor = Cursor::new(bytes, "test");
    while let Ok(Some(control)) = ShareControlPdu::read(&mut cursor) {
        if let Ok(data) = ShareDataPdu::read(control.body) {
            let _ = DataPdu::decode(data.kind, data.payload);
        }
    }
    for kind in 0..=u8::MAX {
        let _ = DataPdu::decode(kind, bytes);
    }
    let mut reader = FrameReader::new();
    reader.push(bytes);
    while let Ok(Some(_)) = reader.next_frame() {}
}

const TOPIC: &str = "fuzz-regressions";

#[test]
fn old_crashes_of_others_are_none_here() {
    let Some(folder) = support::folder(TOPIC) else {
        return;
    };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("a folder that can be read") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        if !name.starts_with("pdu_") {
            continue;
        }
        let bytes = support::vector(TOPIC, &name).expect("a vector");
        // Each where it would start, and wherever a PDU inside of it may.
        for start in 0..bytes.len() {
            feed(&bytes[start..]);
        }
        count += 1;
    }
    assert_eq!(count, 13, "the vectors of the README");
}
