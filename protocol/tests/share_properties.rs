//! The share's PDUs and those of the message channel under any input: what is written reads the
//! same, what is hostile is an error and nothing worse.

use oriel_codecs::geometry::Rect;
use oriel_protocol::{
    autodetect::*,
    capabilities::*,
    error_info::ErrorInfo,
    graphics::{DesktopMonitor, FrameId},
    heartbeat::Heartbeat,
    input::LockKeys,
    multitransport::*,
    redirection::*,
    share::*,
    wire::{Cursor, Pdu},
};
use proptest::{collection::vec, option, prelude::*};

fn round_trip<T: Pdu + PartialEq + std::fmt::Debug>(value: &T) -> Result<(), TestCaseError> {
    let bytes = value.to_vec();
    let mut cursor = Cursor::new(&bytes, "round trip");
    prop_assert_eq!(&T::decode(&mut cursor).unwrap(), value);
    Ok(())
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 äß漢\u{1f600}]{0,12}"
}

fn inclusive_rect() -> impl Strategy<Value = Rect> {
    (any::<u16>(), any::<u16>(), any::<u16>(), any::<u16>())
        .prop_map(|(l, t, r, b)| Rect::new(l.into(), t.into(), r as i32 + 1, b as i32 + 1))
}

fn monitor() -> impl Strategy<Value = DesktopMonitor> {
    let edge = -100_000i32..100_000;
    (
        (edge.clone(), edge.clone(), edge.clone(), edge),
        any::<bool>(),
    )
        .prop_map(|((left, top, right, bottom), is_primary)| DesktopMonitor {
            rect: Rect::new(left, top, right, bottom),
            is_primary,
        })
}

fn logon() -> impl Strategy<Value = LogonInfo> {
    (text(), text(), any::<u32>()).prop_map(|(domain, user, session_id)| LogonInfo {
        domain,
        user,
        session_id,
    })
}

fn session_info() -> impl Strategy<Value = SaveSessionInfoPdu> {
    let cookie =
        (any::<u32>(), any::<[u8; 16]>()).prop_map(|(logon_id, random_bits)| AutoReconnectCookie {
            logon_id,
            random_bits,
        });
    let errors =
        (any::<u32>(), any::<u32>()).prop_map(|(kind, data)| LogonErrorsInfo { kind, data });
    prop_oneof![
        logon().prop_map(SaveSessionInfoPdu::Logon),
        logon().prop_map(SaveSessionInfoPdu::LogonLong),
        Just(SaveSessionInfoPdu::PlainNotify),
        (option::of(cookie), option::of(errors)).prop_map(|(auto_reconnect, errors)| {
            SaveSessionInfoPdu::Extended {
                auto_reconnect,
                errors,
            }
        }),
        (4u32.., vec(any::<u8>(), 0..40))
            .prop_map(|(kind, data)| SaveSessionInfoPdu::Unknown { kind, data }),
    ]
}

fn key_list() -> impl Strategy<Value = PersistentKeyListPdu> {
    let caches = proptest::array::uniform5(vec(any::<u64>(), 0..10));
    let totals = proptest::array::uniform5(0u16..40_000);
    (caches, totals, any::<bool>(), any::<bool>()).prop_map(
        |(keys, total_entries, is_first, is_last)| PersistentKeyListPdu {
            keys,
            total_entries,
            is_first,
            is_last,
        },
    )
}

fn data_pdu() -> impl Strategy<Value = DataPdu> {
    let actions = prop_oneof![
        Just(ControlAction::RequestControl),
        Just(ControlAction::GrantedControl),
        Just(ControlAction::Detach),
        Just(ControlAction::Cooperate),
        (5u16..).prop_map(ControlAction::Unknown),
    ];
    let control =
        (actions, any::<u16>(), any::<u32>()).prop_map(|(action, grant_id, control_id)| {
            DataPdu::Control(ControlPdu {
                action,
                grant_id,
                control_id,
            })
        });
    prop_oneof![
        any::<u16>().prop_map(|target_user| DataPdu::Synchronize(SynchronizePdu { target_user })),
        control,
        Just(DataPdu::FontList(FontPdu::LIST)),
        Just(DataPdu::FontMap(FontPdu::MAP)),
        key_list().prop_map(DataPdu::PersistentKeyList),
        Just(DataPdu::ShutdownRequest),
        Just(DataPdu::ShutdownDenied),
        vec(inclusive_rect(), 0..255)
            .prop_map(|areas| DataPdu::RefreshRect(RefreshRectPdu { areas })),
        option::of(inclusive_rect())
            .prop_map(|visible| DataPdu::SuppressOutput(SuppressOutputPdu { visible })),
        session_info().prop_map(DataPdu::SaveSessionInfo),
        (any::<u16>(), any::<u16>()).prop_map(|(unit_id, locks)| {
            DataPdu::SetKeyboardIndicators(SetKeyboardIndicatorsPdu {
                unit_id,
                locks: LockKeys::from_bits_retain(locks.into()),
            })
        }),
        (any::<u16>(), any::<u32>(), any::<u32>()).prop_map(|(unit_id, state, conversion_mode)| {
            DataPdu::SetKeyboardImeStatus(SetKeyboardImeStatusPdu {
                unit_id,
                state,
                conversion_mode,
            })
        }),
        any::<u32>().prop_map(|code| {
            DataPdu::SetErrorInfo(SetErrorInfoPdu {
                error_info: ErrorInfo(code),
            })
        }),
        (any::<u32>(), any::<u32>()).prop_map(|(duration_ms, frequency_hz)| {
            DataPdu::PlaySound(PlaySoundPdu {
                duration_ms,
                frequency_hz,
            })
        }),
        vec(monitor(), 0..20)
            .prop_map(|monitors| DataPdu::MonitorLayout(MonitorLayoutPdu { monitors })),
        any::<u32>().prop_map(|code| DataPdu::StatusInfo(StatusInfoPdu { code })),
        any::<u32>()
            .prop_map(|status| DataPdu::AutoReconnectStatus(AutoReconnectStatusPdu { status })),
        any::<u32>().prop_map(|frame| {
            DataPdu::FrameAcknowledge(FrameAcknowledgePdu {
                frame: FrameId(frame),
            })
        }),
        (0x40u8.., vec(any::<u8>(), 0..60))
            .prop_map(|(kind, payload)| DataPdu::Other { kind, payload }),
    ]
}

fn cache_definition() -> impl Strategy<Value = CacheDefinition> {
    (any::<u16>(), any::<u16>()).prop_map(|(entries, cell_bytes)| CacheDefinition {
        entries,
        cell_bytes,
    })
}

fn codec() -> impl Strategy<Value = BitmapCodec> {
    let nscodec = (any::<bool>(), any::<bool>(), any::<u8>()).prop_map(
        |(dynamic_fidelity, subsampling, color_loss_level)| {
            let properties = NsCodecProperties {
                dynamic_fidelity,
                subsampling,
                color_loss_level,
            };
            (CodecGuid::NSCODEC, CodecProperties::NsCodec(properties))
        },
    );
    let mode =
        (any::<u8>(), any::<u8>()).prop_map(|(flags, entropy)| RemoteFxMode { flags, entropy });
    let remotefx = (any::<u32>(), vec(mode, 0..4), any::<bool>()).prop_map(
        |(capture_flags, modes, is_image)| {
            let guid = if is_image {
                CodecGuid::IMAGE_REMOTEFX
            } else {
                CodecGuid::REMOTEFX
            };
            let properties = RemoteFxProperties {
                capture_flags,
                modes,
            };
            (guid, CodecProperties::RemoteFx(properties))
        },
    );
    let other = (vec(any::<u8>(), 0..30))
        .prop_map(|bytes| (CodecGuid([7; 16]), CodecProperties::Raw(bytes)));
    (prop_oneof![nscodec, remotefx, other], any::<u8>()).prop_map(|((guid, properties), id)| {
        BitmapCodec {
            guid,
            id,
            properties,
        }
    })
}

/// Sets whose every field is drawn.
fn set() -> impl Strategy<Value = CapabilitySet> {
    let general = (any::<[u16; 4]>(), any::<[bool; 2]>()).prop_map(|(numbers, flags)| General {
        os_major: numbers[0],
        os_minor: numbers[1],
        protocol_version: numbers[2],
        flags: GeneralFlags::from_bits_retain(numbers[3]),
        refresh_rect: flags[0],
        suppress_output: flags[1],
    });
    let bitmap = (any::<[u16; 3]>(), any::<[bool; 3]>(), any::<u8>()).prop_map(
        |(numbers, flags, drawing)| Bitmap {
            bits_per_pixel: numbers[0],
            desktop_width: numbers[1],
            desktop_height: numbers[2],
            desktop_resize: flags[0],
            compression: flags[1],
            drawing_flags: BitmapDrawingFlags::from_bits_retain(drawing),
            multiple_rectangles: flags[2],
        },
    );
    let order = (any::<[u16; 3]>(), any::<[u8; 32]>(), any::<u32>()).prop_map(
        |(numbers, support, desktop_save_bytes)| Order {
            flags: OrderFlags::from_bits_retain(numbers[0]),
            support,
            extended_flags: OrderExtendedFlags::from_bits_retain(numbers[1]),
            desktop_save_bytes,
            ansi_code_page: numbers[2],
        },
    );
    let cell =
        (0u32..0x8000_0000, any::<bool>()).prop_map(|(entries, is_persistent)| BitmapCacheCell {
            entries,
            is_persistent,
        });
    let cache2 = (
        any::<[bool; 2]>(),
        any::<u8>(),
        proptest::array::uniform5(cell),
    )
        .prop_map(|(flags, cell_count, cells)| BitmapCacheRevision2 {
            persistent_keys_expected: flags[0],
            waiting_list: flags[1],
            cell_count,
            cells,
        });
    let input =
        (any::<u16>(), any::<[u32; 4]>(), text()).prop_map(|(flags, numbers, ime_file_name)| {
            Input {
                flags: InputFlags::from_bits_retain(flags),
                keyboard_layout: numbers[0],
                keyboard_type: numbers[1],
                keyboard_subtype: numbers[2],
                function_keys: numbers[3],
                ime_file_name,
            }
        });
    let glyphs = (
        proptest::array::uniform10(cache_definition()),
        cache_definition(),
        any::<u16>(),
    )
        .prop_map(|(caches, fragments, level)| GlyphCache {
            caches,
            fragments,
            level,
        });
    let gdi_plus =
        (any::<[u32; 3]>(), any::<[u16; 12]>()).prop_map(|(levels, sizes)| DrawGdiPlus {
            level: levels[0],
            version: levels[1],
            cache_level: levels[2],
            cache_entries: sizes[..5].try_into().unwrap(),
            cache_entry_bytes: sizes[5..9].try_into().unwrap(),
            image_cache: sizes[9..].try_into().unwrap(),
        });
    let pointer = (any::<bool>(), any::<u16>(), option::of(any::<u16>())).prop_map(
        |(color, color_cache_slots, cache_slots)| Pointer {
            color,
            color_cache_slots,
            cache_slots,
        },
    );
    let control = any::<[u16; 4]>().prop_map(|numbers| Control {
        flags: numbers[0],
        remote_detach: numbers[1],
        control_interest: numbers[2],
        detach_interest: numbers[3],
    });
    let small =
        (any::<u32>(), any::<u16>(), any::<u16>(), 0u8..17).prop_map(
            |(a, b, c, kind)| match kind {
                0 => CapabilitySet::WindowActivation(WindowActivation {
                    flags: [b, c, b, c],
                }),
                1 => CapabilitySet::Share(Share { node_id: b }),
                2 => CapabilitySet::ColorCache(ColorCache { tables: b }),
                3 => CapabilitySet::Sound(Sound { flags: b }),
                4 => CapabilitySet::Font(Font { flags: b }),
                5 => CapabilitySet::Brush(Brush { level: a }),
                6 => CapabilitySet::OffscreenCache(OffscreenCache {
                    level: a,
                    size_kib: b,
                    entries: c,
                }),
                7 => CapabilitySet::BitmapCacheHostSupport(BitmapCacheHostSupport {
                    cache_version: b as u8,
                }),
                8 => CapabilitySet::VirtualChannel(VirtualChannel {
                    flags: a,
                    chunk_bytes: (b % 2 == 0).then_some(c.into()),
                }),
                9 => CapabilitySet::DrawNineGridCache(DrawNineGridCache {
                    level: a,
                    size_kib: b,
                    entries: c,
                }),
                10 => CapabilitySet::RemotePrograms(RemotePrograms { level: a }),
                11 => CapabilitySet::WindowList(WindowList {
                    level: a,
                    icon_caches: b as u8,
                    icon_cache_entries: c,
                }),
                12 => CapabilitySet::DesktopComposition(DesktopComposition { level: b }),
                13 => CapabilitySet::MultifragmentUpdate(MultifragmentUpdate {
                    max_request_bytes: a,
                }),
                14 => CapabilitySet::LargePointer(LargePointer {
                    flags: LargePointerFlags::from_bits_retain(b),
                }),
                15 => CapabilitySet::SurfaceCommands(SurfaceCommands {
                    flags: SurfaceCommandFlags::from_bits_retain(a),
                }),
                _ => CapabilitySet::FrameAcknowledge(FrameAcknowledge {
                    max_unacknowledged_frames: a,
                }),
            },
        );
    prop_oneof![
        general.prop_map(CapabilitySet::General),
        bitmap.prop_map(CapabilitySet::Bitmap),
        order.prop_map(CapabilitySet::Order),
        proptest::array::uniform3(cache_definition())
            .prop_map(|caches| CapabilitySet::BitmapCache(BitmapCache { caches })),
        cache2.prop_map(CapabilitySet::BitmapCacheRevision2),
        input.prop_map(CapabilitySet::Input),
        glyphs.prop_map(CapabilitySet::GlyphCache),
        gdi_plus.prop_map(CapabilitySet::DrawGdiPlus),
        pointer.prop_map(CapabilitySet::Pointer),
        control.prop_map(CapabilitySet::Control),
        vec(codec(), 0..6).prop_map(|codecs| CapabilitySet::BitmapCodecs(BitmapCodecs { codecs })),
        (0x40u16.., vec(any::<u8>(), 0..30))
            .prop_map(|(kind, data)| CapabilitySet::Raw { kind, data }),
        small,
    ]
}

fn phase() -> impl Strategy<Value = Phase> {
    prop_oneof![
        Just(Phase::ConnectTime),
        Just(Phase::Continuous),
        Just(Phase::Lossy)
    ]
}

fn autodetect_request() -> impl Strategy<Value = AutodetectRequest> {
    let payload = || vec(any::<u8>(), 0..2000);
    let characteristics = (
        option::of(any::<u32>()),
        option::of(any::<u32>()),
        any::<u32>(),
    )
        .prop_filter("one of them is there", |(base, bandwidth, _)| {
            base.is_some() || bandwidth.is_some()
        })
        .prop_map(|(base_rtt_ms, bandwidth_kbps, average_rtt_ms)| {
            AutodetectRequestKind::NetworkCharacteristics {
                base_rtt_ms,
                bandwidth_kbps,
                average_rtt_ms,
            }
        });
    let kinds = prop_oneof![
        Just(AutodetectRequestKind::Rtt(Phase::ConnectTime)),
        Just(AutodetectRequestKind::Rtt(Phase::Continuous)),
        phase().prop_map(AutodetectRequestKind::BandwidthStart),
        payload().prop_map(AutodetectRequestKind::BandwidthPayload),
        payload().prop_map(|p| AutodetectRequestKind::BandwidthStop(Phase::ConnectTime, p)),
        Just(AutodetectRequestKind::BandwidthStop(
            Phase::Continuous,
            Vec::new()
        )),
        Just(AutodetectRequestKind::BandwidthStop(
            Phase::Lossy,
            Vec::new()
        )),
        characteristics,
        (0x2000u16.., vec(any::<u8>(), 0..40))
            .prop_map(|(kind, data)| AutodetectRequestKind::Unknown { kind, data }),
    ];
    (any::<u16>(), kinds).prop_map(|(sequence, kind)| AutodetectRequest { sequence, kind })
}

fn autodetect_response() -> impl Strategy<Value = AutodetectResponse> {
    let kinds = prop_oneof![
        Just(AutodetectResponseKind::Rtt),
        (any::<bool>(), any::<u32>(), any::<u32>()).prop_map(|(later, duration_ms, bytes)| {
            AutodetectResponseKind::Bandwidth {
                phase: if later {
                    Phase::Continuous
                } else {
                    Phase::ConnectTime
                },
                duration_ms,
                bytes,
            }
        }),
        (any::<u32>(), any::<u32>()).prop_map(|(bandwidth_kbps, rtt_ms)| {
            AutodetectResponseKind::NetworkCharacteristicsSync {
                bandwidth_kbps,
                rtt_ms,
            }
        }),
    ];
    (any::<u16>(), kinds).prop_map(|(sequence, kind)| AutodetectResponse { sequence, kind })
}

fn redirection() -> impl Strategy<Value = ServerRedirection> {
    let bytes = || option::of(vec(any::<u8>(), 0..40));
    let texts = || option::of(text());
    (
        (
            any::<u32>(),
            any::<bool>(),
            texts(),
            bytes(),
            texts(),
            texts(),
        ),
        (bytes(), texts(), texts(), bytes(), bytes(), bytes()),
        option::of(vec(text(), 0..5)),
    )
        .prop_map(|(first, second, target_addresses)| ServerRedirection {
            session_id: first.0,
            flags: if first.1 {
                RedirectionFlags::NO_REDIRECT | RedirectionFlags::SMARTCARD_LOGON
            } else {
                RedirectionFlags::empty()
            },
            target_address: first.2,
            load_balance_info: first.3,
            user: first.4,
            domain: first.5,
            password: second.0.map(RedirectionPassword::new),
            target_fqdn: second.1,
            target_netbios_name: second.2,
            tsv_url: second.3,
            redirection_guid: second.4,
            target_certificate: second.5,
            target_addresses,
        })
}

/// Reads bytes as everything that there is.
fn read_as_anything(bytes: &[u8]) {
    let mut cursor = Cursor::new(bytes, "anything");
    while let Ok(Some(control)) = ShareControlPdu::read(&mut cursor) {
        let _ =
            ShareDataPdu::read(control.body).map(|data| DataPdu::decode(data.kind, data.payload));
        if cursor.is_empty() {
            break;
        }
    }
    for kind in 0..=u8::MAX {
        let _ = DataPdu::decode(kind, bytes);
    }
    let _ = DemandActive::decode(bytes);
    let _ = ConfirmActive::decode(bytes);
    let _ = DeactivateAll::decode(bytes);
    let _ = CapabilitySet::decode(&mut Cursor::new(bytes, "anything"));
    let _ = AutodetectRequest::decode(&mut Cursor::new(bytes, "anything"));
    let _ = AutodetectResponse::decode(&mut Cursor::new(bytes, "anything"));
    let _ = Heartbeat::decode(&mut Cursor::new(bytes, "anything"));
    let _ = InitiateMultitransportRequest::decode(&mut Cursor::new(bytes, "anything"));
    let _ = InitiateMultitransportResponse::decode(&mut Cursor::new(bytes, "anything"));
    let _ = TunnelPdu::decode(&mut Cursor::new(bytes, "anything"));
    if let Ok(redirection) = ServerRedirection::decode_enhanced(bytes) {
        let _ = redirection.certificate_der();
        let _ = redirection.password.map(|password| password.text());
    }
}

proptest! {
    #[test]
    fn every_data_pdu_reads_as_it_was_written(pdu in data_pdu(), share_id: u32, source: u16) {
        let mut bytes = Vec::new();
        ShareContext { share_id, source }.write_data(&pdu, &mut bytes);
        let control = ShareControlPdu::read(&mut Cursor::new(&bytes, "test")).unwrap().unwrap();
        prop_assert_eq!((control.kind, control.source), (ShareControlKind::Data, source));
        let data = ShareDataPdu::read(control.body).unwrap();
        prop_assert_eq!(data.share_id, share_id);
        prop_assert_eq!(DataPdu::decode(data.kind, data.payload).unwrap(), pdu);
    }

    #[test]
    fn every_capability_set_reads_as_it_was_written(set in set()) {
        round_trip(&set)?;
    }

    #[test]
    fn an_offered_and_a_taken_share_read_as_they_were_written(
        share_id: u32,
        session_id: u32,
        source_descriptor in vec(any::<u8>(), 0..20),
        capability_sets in vec(set(), 0..30),
    ) {
        let demand = DemandActive {
            share_id,
            source_descriptor,
            capability_sets: capability_sets.clone(),
            session_id,
        };
        let mut bytes = Vec::new();
        demand.write(SERVER_CHANNEL_ID, &mut bytes);
        let pdu = ShareControlPdu::read(&mut Cursor::new(&bytes, "test")).unwrap().unwrap();
        prop_assert_eq!(DemandActive::decode(pdu.body).unwrap(), demand);

        let confirm = ConfirmActive::new(share_id, capability_sets);
        let mut bytes = Vec::new();
        confirm.write(1007, &mut bytes);
        let pdu = ShareControlPdu::read(&mut Cursor::new(&bytes, "test")).unwrap().unwrap();
        prop_assert_eq!(ConfirmActive::decode(pdu.body).unwrap(), confirm);
    }

    #[test]
    fn the_message_channel_reads_as_it_was_written(
        request in autodetect_request(),
        response in autodetect_response(),
        numbers: [u8; 3],
        id: u32,
        result: u32,
        cookie: [u8; 16],
        data in vec(any::<u8>(), 0..50),
    ) {
        round_trip(&request)?;
        round_trip(&response)?;
        round_trip(&Heartbeat {
            period_s: numbers[0],
            warn_after: numbers[1],
            reconnect_after: numbers[2],
        })?;
        let offer = InitiateMultitransportRequest {
            request_id: id,
            kind: TransportKind::Lossy,
            cookie: SecurityCookie(cookie),
        };
        round_trip(&offer)?;
        round_trip(&InitiateMultitransportResponse { request_id: id, result })?;
        round_trip(&TunnelPdu::CreateRequest { request_id: id, cookie: SecurityCookie(cookie) })?;
        round_trip(&TunnelPdu::CreateResponse(result))?;
        round_trip(&TunnelPdu::Data(data))?;
    }

    #[test]
    fn a_redirection_reads_as_it_was_written_in_both_forms(redirection in redirection()) {
        round_trip(&redirection)?;
        let mut bytes = Vec::new();
        redirection.write_enhanced(SERVER_CHANNEL_ID, &mut bytes);
        let pdu = ShareControlPdu::read(&mut Cursor::new(&bytes, "test")).unwrap().unwrap();
        prop_assert_eq!(pdu.kind, ShareControlKind::ServerRedirection);
        prop_assert_eq!(ServerRedirection::decode_enhanced(pdu.body).unwrap(), redirection);
    }

    #[test]
    fn random_bytes_are_no_more_than_an_error(bytes in vec(any::<u8>(), 0..600)) {
        read_as_anything(&bytes);
    }

    #[test]
    fn mutated_pdus_are_no_more_than_an_error(
        pdu in data_pdu(),
        sets in vec(set(), 0..10),
        redirection in redirection(),
        changes in vec((any::<u16>(), any::<u8>()), 1..8),
    ) {
        let mut data = Vec::new();
        ShareContext { share_id: 1, source: 1007 }.write_data(&pdu, &mut data);
        let mut confirm = Vec::new();
        ConfirmActive::new(1, sets).write(1007, &mut confirm);
        let mut redirected = Vec::new();
        redirection.write_enhanced(SERVER_CHANNEL_ID, &mut redirected);
        for mut bytes in [data, confirm, redirected] {
            for &(at, value) in &changes {
                let at = usize::from(at) % bytes.len();
                bytes[at] = value;
            }
            read_as_anything(&bytes);
            read_as_anything(&bytes[6..]);
        }
    }
}
