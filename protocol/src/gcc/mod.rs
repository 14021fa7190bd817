//! The generic conference control, T.124, as far as RDP uses it: one request and one response
//! that carry the settings blocks of client and server (`[MS-RDPBCGR] 2.2.1.3`, `2.2.1.4`).

mod client;
mod client_core;
mod conference;
mod monitor;
mod server;

use crate::wire::{Cursor, DecodeError, DecodeResult, WriteWire};

pub use client::{
    ChannelDefinition, ChannelOptions, ClientBlocks, ClientCluster, ClientNetwork, ClientSecurity,
    ClusterFlags, EncryptionMethods,
};
pub use client_core::{ClientCore, ColorDepths, EarlyCapabilities};
pub use conference::{ConferenceCreateRequest, ConferenceCreateResponse};
pub use monitor::{ClientMonitors, ClientMonitorsEx, MonitorAttributes, MonitorDefinition};
pub use server::{
    ServerBlocks, ServerCore, ServerEarlyCapabilities, ServerNetwork, ServerSecurity,
};

bitflags::bitflags! {
    /// Transports beside TCP (`[MS-RDPBCGR] 2.2.1.3.8`, `2.2.1.4.6`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MultitransportFlags: u32 {
        /// Reliable UDP.
        const UDP_FECR = 0x01;
        /// Lossy UDP.
        const UDP_FECL = 0x04;
        /// Static channels may use UDP.
        const UDP_PREFERRED = 0x100;
        /// Dynamic channels may move to UDP.
        const SOFTSYNC_TCP_TO_UDP = 0x200;

        const _ = !0;
    }
}

/// A settings block of a type that is not known here, kept as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBlock {
    /// Its type.
    pub kind: u16,
    /// Its content, at most 65531 bytes.
    pub data: Vec<u8>,
}

impl UnknownBlock {
    fn encode(&self, out: &mut Vec<u8>) {
        write_block(out, self.kind, |out| out.put(&self.data));
    }
}

const BLOCK_HEADER_BYTES: usize = 4;

/// Reads a block's header (`TS_UD_HEADER`, `[MS-RDPBCGR] 2.2.1.3.1`): type, cursor over content.
fn read_block<'a>(cursor: &mut Cursor<'a>) -> DecodeResult<(u16, Cursor<'a>)> {
    const CONTEXT: &str = "GCC user data block";
    cursor.set_context(CONTEXT);
    let kind = cursor.u16()?;
    let length = cursor.u16()?;
    let content = usize::from(length)
        .checked_sub(BLOCK_HEADER_BYTES)
        .ok_or_else(|| DecodeError::invalid(CONTEXT, "length", length))?;
    Ok((kind, cursor.sub(content, CONTEXT)?))
}

/// Appends a block whose content `write` appends.
fn write_block(out: &mut Vec<u8>, kind: u16, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.put_u16(kind);
    out.put_u16(0);
    write(out);
    let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
    out[start + 2..start + 4].copy_from_slice(&length.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use oriel_codecs::geometry::{Rect, Size};
    use proptest::prelude::*;

    use super::*;
    use crate::{mcs::ChannelId, wire::Pdu, x224::SecurityProtocols};

    fn name(longest: usize) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::char::range('!', '\u{2fff}'), 0..longest)
            .prop_map(|characters| characters.into_iter().collect())
    }

    fn core() -> impl Strategy<Value = ClientCore> {
        (
            (any::<[u32; 6]>(), any::<[u16; 4]>(), name(15), name(31)),
            (
                any::<[u32; 6]>(),
                any::<[u16; 6]>(),
                any::<u8>(),
                name(31),
                0usize..13,
            ),
        )
            .prop_map(|((words, halves, client_name, ime_file_name), tail)| {
                let (more, shorts, byte, product, fields) = tail;
                ClientCore {
                    version: words[0],
                    desktop: Size::new(halves[0].into(), halves[1].into()),
                    color_depth: halves[2],
                    sas_sequence: halves[3],
                    keyboard_layout: words[1],
                    client_build: words[2],
                    client_name,
                    keyboard_type: words[3],
                    keyboard_subtype: words[4],
                    keyboard_function_keys: words[5],
                    ime_file_name,
                    post_beta2_color_depth: (fields > 0).then_some(shorts[0]),
                    client_product_id: (fields > 1).then_some(shorts[1]),
                    serial_number: (fields > 2).then_some(more[0]),
                    high_color_depth: (fields > 3).then_some(shorts[2]),
                    supported_color_depths: (fields > 4)
                        .then_some(ColorDepths::from_bits_retain(shorts[3])),
                    early_capabilities: (fields > 5)
                        .then_some(EarlyCapabilities::from_bits_retain(shorts[4])),
                    dig_product_id: (fields > 6).then_some(product),
                    connection_type: (fields > 7).then_some(byte),
                    selected_protocol: (fields > 8)
                        .then_some(SecurityProtocols::from_bits_retain(more[1])),
                    physical_size_mm: (fields > 9).then_some((more[2], more[3])),
                    orientation_degrees: (fields > 10).then_some(shorts[5]),
                    scale_percent: (fields > 11).then_some((more[4], more[5])),
                }
            })
    }

    fn unknown() -> impl Strategy<Value = Vec<UnknownBlock>> {
        let block = (0x1000u16..0xb000, prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(kind, data)| UnknownBlock { kind, data });
        prop::collection::vec(block, 0..3)
    }

    prop_compose! {
        fn client_blocks()(
            core in core(),
            cluster in prop::option::of(any::<(u32, u32)>()),
            security in prop::option::of(any::<(u32, u32)>()),
            channels in prop::option::of(prop::collection::vec(("[a-z]{1,7}", any::<u32>()), 0..31)),
            monitors in prop::option::of(prop::collection::vec((any::<[i16; 4]>(), any::<u32>()), 0..16)),
            attributes in prop::option::of(prop::collection::vec(any::<[u32; 5]>(), 0..16)),
            message_channel: bool,
            multitransport in prop::option::of(any::<u32>()),
            unknown in unknown(),
        ) -> ClientBlocks {
            ClientBlocks {
                core,
                cluster: cluster.map(|(flags, redirected_session_id)| ClientCluster {
                    flags: ClusterFlags::from_bits_retain(flags),
                    redirected_session_id,
                }),
                security: security.map(|(methods, extended)| ClientSecurity {
                    methods: EncryptionMethods::from_bits_retain(methods),
                    extended_methods: EncryptionMethods::from_bits_retain(extended),
                }),
                network: channels.map(|channels| ClientNetwork {
                    channels: channels
                        .into_iter()
                        .map(|(name, options)| ChannelDefinition {
                            name,
                            options: ChannelOptions::from_bits_retain(options),
                        })
                        .collect(),
                }),
                monitors: monitors.map(|monitors| ClientMonitors {
                    monitors: monitors
                        .into_iter()
                        .map(|(edges, flags)| {
                            let [left, top, right, bottom] = edges.map(i32::from);
                            MonitorDefinition { rect: Rect { left, top, right, bottom }, flags }
                        })
                        .collect(),
                }),
                monitors_ex: attributes.map(|attributes| ClientMonitorsEx {
                    attributes: attributes
                        .into_iter()
                        .map(|[width, height, orientation, desktop, device]| MonitorAttributes {
                            physical_width_mm: width,
                            physical_height_mm: height,
                            orientation_degrees: orientation,
                            desktop_scale_percent: desktop,
                            device_scale_percent: device,
                        })
                        .collect(),
                }),
                message_channel,
                multitransport: multitransport.map(MultitransportFlags::from_bits_retain),
                unknown,
            }
        }
    }

    prop_compose! {
        fn server_blocks()(
            version: u32,
            protocols in prop::option::of(any::<u32>()),
            early in prop::option::of(any::<u32>()),
            network in prop::option::of((any::<u16>(), prop::collection::vec(any::<u16>(), 0..32))),
            security in prop::option::of((1u32.., any::<u32>(), prop::collection::vec(any::<u8>(), 0..40))),
            message_channel in prop::option::of(any::<u16>()),
            multitransport in prop::option::of(any::<u32>()),
            unknown in unknown(),
        ) -> ServerBlocks {
            ServerBlocks {
                core: ServerCore {
                    version,
                    requested_protocols: protocols.map(SecurityProtocols::from_bits_retain),
                    early_capabilities: protocols
                        .and(early)
                        .map(ServerEarlyCapabilities::from_bits_retain),
                },
                network: network.map(|(io_channel, channels)| ServerNetwork {
                    io_channel: ChannelId(io_channel),
                    channels: channels.into_iter().map(ChannelId).collect(),
                }),
                security: security.map(|(method, level, secret)| ServerSecurity {
                    method: EncryptionMethods::from_bits_retain(method),
                    level,
                    secrets: Some((secret.clone(), secret)),
                }),
                message_channel: message_channel.map(ChannelId),
                multitransport: multitransport.map(MultitransportFlags::from_bits_retain),
                unknown,
            }
        }
    }

    proptest! {
        #[test]
        fn requests_round_trip(blocks in client_blocks()) {
            let request = ConferenceCreateRequest { blocks };
            let bytes = request.to_vec();
            let mut cursor = Cursor::new(&bytes, "test");
            prop_assert_eq!(ConferenceCreateRequest::decode(&mut cursor), Ok(request));
            prop_assert!(cursor.is_empty());
        }

        #[test]
        fn responses_round_trip(blocks in server_blocks(), node_id in 1001u16.., result in 0u8..8) {
            let response = ConferenceCreateResponse { node_id, result, blocks };
            let bytes = response.to_vec();
            let mut cursor = Cursor::new(&bytes, "test");
            prop_assert_eq!(ConferenceCreateResponse::decode(&mut cursor), Ok(response));
            prop_assert!(cursor.is_empty());
        }

        #[test]
        fn changed_bytes_do_not_panic(
            blocks in client_blocks(),
            answer in server_blocks(),
            at: prop::sample::Index,
            with: u8,
        ) {
            let mut bytes = blocks.to_vec();
            let index = at.index(bytes.len());
            bytes[index] = with;
            let _ = ClientBlocks::decode(&mut Cursor::new(&bytes, "test"));
            let mut bytes = answer.to_vec();
            let index = at.index(bytes.len());
            bytes[index] = with;
            let _ = ServerBlocks::decode(&mut Cursor::new(&bytes, "test"));
        }
    }
}
