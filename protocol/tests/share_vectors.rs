//! The share's PDUs as captures of Windows show them (`[MS-RDPBCGR] 4.1.12` to `4.6`,
//! `[MS-RDPEMT] 4`). The files lie in `../shared/vectors` beside the repository, or under the
//! folder that `ORIEL_SHARED` names; where they are absent the tests say so and pass.

mod support;

use oriel_protocol::{
    capabilities::{self, CapabilitySet, GeneralFlags, InputFlags},
    multitransport::TunnelPdu,
    redirection::ServerRedirection,
    share::*,
    wire::{Cursor, Pdu},
};

use support::vector;

/// A vector of `connection-sequence` that begins with a share control header.
fn control(name: &str) -> Option<Vec<u8>> {
    vector("connection-sequence", &format!("bcgr_{name}.bin"))
}

fn read_control(bytes: &[u8]) -> ShareControlPdu<'_> {
    let mut cursor = Cursor::new(bytes, "vector");
    let pdu = ShareControlPdu::read(&mut cursor).unwrap().unwrap();
    assert!(cursor.is_empty(), "totalLength covers the capture");
    pdu
}

fn read_data(bytes: &[u8]) -> (ShareContext, DataPdu) {
    let control = read_control(bytes);
    assert_eq!(control.kind, ShareControlKind::Data);
    let data = ShareDataPdu::read(control.body).unwrap();
    assert!(!data.compression.is_compressed());
    let context = ShareContext {
        share_id: data.share_id,
        source: control.source,
    };
    (context, DataPdu::decode(data.kind, data.payload).unwrap())
}

#[test]
fn the_demand_active_of_windows_reads_set_by_set() {
    let Some(bytes) = control("4.1.12_server-demand-active-pdu_2") else {
        return;
    };
    let pdu = read_control(&bytes);
    assert_eq!(pdu.kind, ShareControlKind::DemandActive);
    let demand = DemandActive::decode(pdu.body).unwrap();
    assert_eq!(demand.share_id, 0x103ea);
    assert_eq!(demand.source_descriptor, b"RDP\0");
    let sets = &demand.capability_sets;
    let kinds: Vec<_> = sets.iter().map(CapabilitySet::kind).collect();
    assert_eq!(kinds, [9, 1, 20, 22, 14, 2, 3, 10, 18, 8, 13, 23, 24]);
    assert!(
        !sets
            .iter()
            .any(|set| matches!(set, CapabilitySet::Raw { .. }))
    );

    let general = capabilities::find!(sets, General).unwrap();
    assert_eq!(general.flags, GeneralFlags::from_bits_retain(0x041d));
    assert!(general.refresh_rect && general.suppress_output);
    let bitmap = capabilities::find!(sets, Bitmap).unwrap();
    assert_eq!((bitmap.desktop_width, bitmap.desktop_height), (1280, 1024));
    assert_eq!(bitmap.bits_per_pixel, 24);
    assert!(bitmap.desktop_resize && bitmap.compression && bitmap.multiple_rectangles);
    let order = capabilities::find!(sets, Order).unwrap();
    assert_eq!(order.support.iter().filter(|&&byte| byte == 1).count(), 22);
    assert_eq!(order.desktop_save_bytes, 1_000_000);
    let pointer = capabilities::find!(sets, Pointer).unwrap();
    assert_eq!(
        (pointer.color_cache_slots, pointer.cache_slots),
        (25, Some(25))
    );
    let input = capabilities::find!(sets, Input).unwrap();
    assert_eq!(input.flags, InputFlags::from_bits_retain(0x35));
    assert_eq!(capabilities::find!(sets, Share).unwrap().node_id, 0x3ea);
    let channels = capabilities::find!(sets, VirtualChannel).unwrap();
    assert_eq!((channels.flags, channels.chunk_bytes), (2, None));
}

#[test]
fn the_confirm_active_of_mstsc_reads_set_by_set_and_is_written_the_same_length() {
    let Some(bytes) = control("4.1.13_client-confirm-active-pdu_2") else {
        return;
    };
    let pdu = read_control(&bytes);
    assert_eq!(
        (pdu.kind, pdu.source),
        (ShareControlKind::ConfirmActive, 1007)
    );
    let confirm = ConfirmActive::decode(pdu.body).unwrap();
    assert_eq!(confirm.originator_id, SERVER_CHANNEL_ID);
    assert_eq!(confirm.source_descriptor, b"MSTSC\0");
    let sets = &confirm.capability_sets;
    assert_eq!(sets.len(), 18);
    assert!(
        !sets
            .iter()
            .any(|set| matches!(set, CapabilitySet::Raw { .. }))
    );
    let cache = capabilities::find!(sets, BitmapCacheRevision2).unwrap();
    assert!(cache.persistent_keys_expected && cache.waiting_list);
    assert_eq!(cache.cell_count, 3);
    assert_eq!(cache.cells[2].entries, 0x9fb);
    assert!(cache.cells[2].is_persistent && !cache.cells[1].is_persistent);
    let glyphs = capabilities::find!(sets, GlyphCache).unwrap();
    assert_eq!(glyphs.level, 3);
    assert_eq!(glyphs.caches[9].cell_bytes, 2048);
    assert_eq!(glyphs.fragments.entries, 256);
    assert_eq!(
        capabilities::find!(sets, Input).unwrap().keyboard_layout,
        0x409
    );
    assert_eq!(
        capabilities::find!(sets, Control).unwrap().control_interest,
        2
    );

    let mut out = Vec::new();
    confirm.write(pdu.source, &mut out);
    assert_eq!(out.len(), bytes.len(), "only padding may differ");
    assert_eq!(ConfirmActive::decode(read_control(&out).body), Ok(confirm));
}

#[test]
fn what_a_client_sends_to_finalize_is_written_as_mstsc_writes_it() {
    let cooperate = DataPdu::Control(ControlPdu::new(ControlAction::Cooperate));
    let request = DataPdu::Control(ControlPdu::new(ControlAction::RequestControl));
    let synchronize = DataPdu::Synchronize(SynchronizePdu {
        target_user: SERVER_CHANNEL_ID,
    });
    for (name, expected) in [
        ("4.1.14_client-synchronize-pdu_2", synchronize),
        ("4.1.15_client-control-pdu-cooperate_2", cooperate),
        ("4.1.16_client-control-pdu-request-control_2", request),
    ] {
        let Some(bytes) = control(name) else { return };
        let (context, pdu) = read_data(&bytes);
        assert_eq!(pdu, expected, "{name}");
        assert_eq!(context.source, 1007);
        let mut out = Vec::new();
        context.write_data(&pdu, &mut out);
        assert_eq!(out, bytes, "{name}");
    }
}

#[test]
fn what_a_server_sends_to_finalize_is_read() {
    let granted = DataPdu::Control(ControlPdu {
        action: ControlAction::GrantedControl,
        grant_id: 1007,
        control_id: 1002,
    });
    let cooperate = DataPdu::Control(ControlPdu::new(ControlAction::Cooperate));
    for (name, expected) in [
        (
            "4.1.18_client-font-list-pdu_2",
            DataPdu::FontList(FontPdu::LIST),
        ),
        ("4.1.20_server-control-pdu-cooperate_2", cooperate),
        ("4.1.21_server-control-pdu-granted-control_2", granted),
        (
            "4.1.22_server-font-map-pdu_2",
            DataPdu::FontMap(FontPdu::MAP),
        ),
    ] {
        let Some(bytes) = control(name) else { return };
        assert_eq!(read_data(&bytes).1, expected, "{name}");
    }
    let Some(bytes) = control("4.1.19_server-synchronize-pdu_2") else {
        return;
    };
    assert!(matches!(read_data(&bytes).1, DataPdu::Synchronize(_)));
}

#[test]
fn a_persistent_key_list_has_its_keys_by_cache() {
    let Some(bytes) = control("4.1.17_client-persistent-key-list-pdu_2") else {
        return;
    };
    let (_, DataPdu::PersistentKeyList(list)) = read_data(&bytes) else {
        panic!("not a key list");
    };
    assert!(list.is_first && list.is_last);
    assert_eq!(list.total_entries, [0, 0, 25, 0, 0]);
    assert_eq!(list.keys.each_ref().map(Vec::len), [0, 0, 25, 0, 0]);
    assert_eq!(list.keys[2][0], 0x7822_2948_1651_1ea3);
}

#[test]
fn the_three_forms_of_session_info_are_read() {
    let info = |name| match control(name).map(|bytes| read_data(&bytes).1) {
        Some(DataPdu::SaveSessionInfo(info)) => Some(info),
        None => None,
        other => panic!("not session info: {other:?}"),
    };
    let Some(long) = info("4.3.1_logon-info-version-2_2") else {
        return;
    };
    let SaveSessionInfoPdu::LogonLong(logon) = long else {
        panic!("not version 2");
    };
    assert_eq!((logon.session_id, logon.domain.as_str()), (2, "NTDEV"));
    assert_eq!(logon.user, "eltons");
    assert_eq!(
        info("4.3.2_plain-notify_2"),
        Some(SaveSessionInfoPdu::PlainNotify)
    );
    let extended = info("4.3.3_logon-info-extended_2").unwrap();
    let SaveSessionInfoPdu::Extended {
        auto_reconnect: Some(cookie),
        errors: None,
    } = extended
    else {
        panic!("not a cookie");
    };
    assert_eq!(cookie.logon_id, 2);
    assert_eq!(cookie.random_bits[..4], [0xa8, 0x02, 0xe7, 0x25]);
}

#[test]
fn a_redirection_of_either_form_is_read() {
    let Some(frame) = control("4.6_annotated-enhanced-security-server-redirection-p") else {
        return;
    };
    // TPKT 4, X.224 3, MCS send data indication 8.
    let pdu = read_control(&frame[15..]);
    assert_eq!(pdu.kind, ShareControlKind::ServerRedirection);
    let redirection = ServerRedirection::decode_enhanced(pdu.body).unwrap();
    assert_eq!(redirection.session_id, 2);
    assert!(redirection.is_redirect() && !redirection.is_password_encrypted());
    assert_eq!(redirection.user.as_deref(), Some("administrator"));
    assert_eq!(redirection.domain.as_deref(), Some("TS-STRESS1"));
    assert_eq!(
        redirection.target_address.as_deref(),
        Some("2001:4898:2b:2:9de7:4569:fb39:ef29")
    );
    assert_eq!(
        redirection.target_fqdn.as_deref(),
        Some("jiazou-test2.ts-stress1.nttest.microsoft.com")
    );
    assert_eq!(
        redirection.target_netbios_name.as_deref(),
        Some("JIAZOU-TEST2")
    );
    assert_eq!(
        redirection.target_addresses.as_deref(),
        Some(
            &[
                "2001:4898:2b:2:9de7:4569:fb39:ef29".to_owned(),
                "157.59.240.144".to_owned()
            ][..]
        )
    );
    // A token of the server's own, not text.
    let password = redirection.password.as_ref().unwrap();
    assert_eq!(password.expose().len(), 0x78);
    assert!(password.text().is_none());

    let Some(standard) = control("4.5_annotated-standard-security-server-redirection-p_2") else {
        return;
    };
    let standard = ServerRedirection::decode(&mut Cursor::new(&standard, "vector")).unwrap();
    assert_eq!(standard.user, redirection.user);
    assert_eq!(standard.target_addresses, redirection.target_addresses);
    let again = ServerRedirection::decode(&mut Cursor::new(&standard.to_vec(), "again"));
    assert_eq!(again, Ok(standard));
}

#[test]
fn the_tunnel_of_a_second_transport_is_opened_as_in_the_capture() {
    let Some(bytes) = vector("multitransport", "emt_4.1_tunnel-create-request.bin") else {
        return;
    };
    let request = TunnelPdu::decode(&mut Cursor::new(&bytes, "vector")).unwrap();
    assert!(matches!(
        request,
        TunnelPdu::CreateRequest { request_id: 7, .. }
    ));
    assert_eq!(request.to_vec(), bytes);
    let Some(bytes) = vector("multitransport", "emt_4.2_tunnel-create-response.bin") else {
        return;
    };
    let response = TunnelPdu::decode(&mut Cursor::new(&bytes, "vector")).unwrap();
    assert_eq!(response, TunnelPdu::CreateResponse(0));
    assert_eq!(response.to_vec(), bytes);
}
