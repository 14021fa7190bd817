//! Decisions of the connection's beginning: security, settings, channels.

use oriel_codecs::geometry::{Rect, Size};

use super::{AcceptedSecurity, ClientDescription, ServerConfig};
use crate::{
    client::{MonitorLayout, SelectedSecurity},
    display_control,
    gcc::{
        ClientBlocks, EarlyCapabilities, MonitorDefinition, ServerBlocks, ServerCore,
        ServerEarlyCapabilities, ServerNetwork, ServerSecurity,
    },
    mcs::{ChannelId, UserId},
    x224::{NegotiationFailure, SecurityProtocols},
};

/// The I/O channel, the same on every Windows server.
pub(super) const IO_CHANNEL: ChannelId = ChannelId(1003);
/// Protocol version of this server: RDP 10.12.
const SERVER_VERSION: u32 = 0x0008_0011;
/// Sides of a desktop that a client may ask for (`[MS-RDPBCGR] 3.3.5.3.3`, `[MS-RDPEDISP]
/// 2.2.2.2.1`).
const DESKTOP_SIDE_PX: std::ops::RangeInclusive<u32> = 200..=8192;

/// Picks the strongest protocol that both sides have, or says why there is none
/// (`[MS-RDPBCGR] 2.2.1.2.2`).
pub(super) fn choose_security(
    offered: SecurityProtocols,
    accepted: AcceptedSecurity,
) -> Result<(SelectedSecurity, SecurityProtocols), NegotiationFailure> {
    let choices = [
        (
            accepted.nla,
            SecurityProtocols::HYBRID_EX,
            SelectedSecurity::CredSspEarlyAuth,
        ),
        (
            accepted.nla,
            SecurityProtocols::HYBRID,
            SelectedSecurity::CredSsp,
        ),
        (accepted.tls, SecurityProtocols::TLS, SelectedSecurity::Tls),
    ];
    choices
        .into_iter()
        .find(|&(is_accepted, protocol, _)| is_accepted && offered.contains(protocol))
        .map(|(_, protocol, selected)| (selected, protocol))
        .ok_or(match accepted {
            AcceptedSecurity { tls: true, .. } => NegotiationFailure::SSL_REQUIRED,
            AcceptedSecurity { nla: true, .. } => NegotiationFailure::HYBRID_REQUIRED,
            _ => NegotiationFailure::SSL_NOT_ALLOWED,
        })
}

/// Channels of a connection by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChannelPlan {
    /// Static channels in the client's order.
    pub(super) names: Vec<String>,
    /// Which of them are to be compressed where anything is.
    compressed: Vec<bool>,
    /// For auto-detection and heartbeats; where the client wants it.
    pub(super) message: Option<ChannelId>,
    /// The client itself.
    pub(super) user: UserId,
}

impl ChannelPlan {
    /// Numbers what a client asks for: static channels behind the I/O channel, then its own, then
    /// the message channel.
    pub(super) fn new(blocks: &ClientBlocks) -> Self {
        let channels = blocks.network.iter().flat_map(|network| &network.channels);
        let (names, compressed): (Vec<_>, Vec<_>) = channels
            .map(|channel| (channel.name.clone(), channel.options.wants_compression()))
            .unzip();
        // At most 31 of them: the block's decoder sees to that.
        let user = IO_CHANNEL.0 + 1 + names.len() as u16;
        Self {
            names,
            compressed,
            message: blocks.message_channel.then_some(ChannelId(user + 1)),
            user: UserId(user),
        }
    }

    /// The number of a static channel by its place.
    fn number(index: usize) -> ChannelId {
        ChannelId(IO_CHANNEL.0 + 1 + index as u16)
    }

    /// The number of a static channel.
    pub(super) fn find(&self, name: &str) -> Option<ChannelId> {
        let index = self.names.iter().position(|n| n == name)?;
        Some(Self::number(index))
    }

    /// The place of a static channel by its number.
    pub(super) fn index(&self, channel: ChannelId) -> Option<usize> {
        let index = usize::from(channel.0.checked_sub(IO_CHANNEL.0 + 1)?);
        (index < self.names.len()).then_some(index)
    }

    /// Whether a static channel is to be compressed where anything is.
    pub(super) fn wants_compression(&self, channel: ChannelId) -> bool {
        self.index(channel)
            .is_some_and(|index| self.compressed[index])
    }

    /// Whether a client may join a channel.
    pub(super) fn contains(&self, channel: ChannelId) -> bool {
        channel == IO_CHANNEL
            || channel == self.user.channel()
            || Some(channel) == self.message
            || self.index(channel).is_some()
    }

    /// The server's settings for the client's.
    pub(super) fn server_blocks(
        &self,
        blocks: &ClientBlocks,
        requested: SecurityProtocols,
    ) -> ServerBlocks {
        let early = blocks.core.early_capabilities.unwrap_or_default();
        let mut capabilities = ServerEarlyCapabilities::empty();
        capabilities.set(
            ServerEarlyCapabilities::SKIP_CHANNEL_JOIN,
            early.contains(EarlyCapabilities::SKIP_CHANNEL_JOIN),
        );
        ServerBlocks {
            core: ServerCore {
                version: SERVER_VERSION,
                requested_protocols: Some(requested),
                early_capabilities: Some(capabilities),
            },
            network: Some(ServerNetwork {
                io_channel: IO_CHANNEL,
                channels: (0..self.names.len()).map(Self::number).collect(),
            }),
            security: Some(ServerSecurity::default()),
            message_channel: self.message,
            multitransport: None,
            unknown: Vec::new(),
        }
    }
}

/// What the client's settings tell about it.
pub(super) fn describe(blocks: &ClientBlocks, config: &ServerConfig) -> ClientDescription {
    let core = &blocks.core;
    let early = core.early_capabilities.unwrap_or_default();
    let desktop_scale_percent = match core.scale_percent {
        Some((desktop, _)) if (100..=500).contains(&desktop) => desktop,
        _ => 100,
    };
    let monitors = monitors(blocks, desktop_scale_percent)
        .iter()
        .map(display_control::normalize)
        .collect::<Vec<_>>();
    let asked = monitors
        .iter()
        .fold(Rect::default(), |all, monitor| all.union(&monitor.rect))
        .size();
    ClientDescription {
        name: core.client_name.clone(),
        version: core.version,
        build: core.client_build,
        keyboard_layout: core.keyboard_layout,
        desktop: if config.follow_client_size {
            clamp_desktop(asked)
        } else {
            config.desktop
        },
        monitors,
        desktop_scale_percent,
        connection_type: core
            .connection_type
            .filter(|_| early.contains(EarlyCapabilities::VALID_CONNECTION_TYPE)),
        static_channels: blocks
            .network
            .iter()
            .flat_map(|network| &network.channels)
            .map(|channel| channel.name.clone())
            .collect(),
        graphics_pipeline: early.contains(EarlyCapabilities::GRAPHICS_PIPELINE),
        ..ClientDescription::default()
    }
}

/// A size within what a desktop may have.
pub(super) fn clamp_desktop(size: Size) -> Size {
    Size::new(
        size.width
            .clamp(*DESKTOP_SIDE_PX.start(), *DESKTOP_SIDE_PX.end()),
        size.height
            .clamp(*DESKTOP_SIDE_PX.start(), *DESKTOP_SIDE_PX.end()),
    )
}

/// The client's monitors; one of the size in the core data where it lists none that is sane.
fn monitors(blocks: &ClientBlocks, desktop_scale_percent: u32) -> Vec<MonitorLayout> {
    let core = &blocks.core;
    let single = || {
        let (physical_width_mm, physical_height_mm) = core.physical_size_mm.unwrap_or_default();
        vec![MonitorLayout {
            physical_width_mm,
            physical_height_mm,
            orientation_degrees: core.orientation_degrees.unwrap_or(0).into(),
            desktop_scale_percent,
            device_scale_percent: core.scale_percent.map_or(100, |(_, device)| device),
            ..MonitorLayout::single(core.desktop)
        }]
    };
    let Some(block) = &blocks.monitors else {
        return single();
    };
    let attributes = blocks.monitors_ex.iter().flat_map(|ex| &ex.attributes);
    let mut attributes = attributes.copied().map(Some).chain(std::iter::repeat(None));
    let monitors: Vec<_> = block
        .monitors
        .iter()
        .map(|monitor| {
            let attributes = attributes.next().flatten();
            MonitorLayout {
                rect: monitor.rect,
                is_primary: monitor.flags & MonitorDefinition::PRIMARY != 0,
                physical_width_mm: attributes.map_or(0, |a| a.physical_width_mm),
                physical_height_mm: attributes.map_or(0, |a| a.physical_height_mm),
                orientation_degrees: attributes.map_or(0, |a| a.orientation_degrees),
                desktop_scale_percent: attributes
                    .map_or(desktop_scale_percent, |a| a.desktop_scale_percent),
                device_scale_percent: attributes.map_or(100, |a| a.device_scale_percent),
            }
        })
        .filter(|monitor| !monitor.rect.is_empty())
        .collect();
    if monitors.is_empty() {
        single()
    } else {
        monitors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcc::{
        ChannelDefinition, ChannelOptions, ClientCore, ClientMonitors, ClientNetwork,
    };

    #[test]
    fn the_strongest_common_protocol_is_picked_and_a_missing_one_is_named() {
        use SecurityProtocols as P;
        let both = AcceptedSecurity {
            tls: true,
            nla: true,
        };
        let tls = AcceptedSecurity {
            tls: true,
            nla: false,
        };
        let nla = AcceptedSecurity {
            tls: false,
            nla: true,
        };
        let none = AcceptedSecurity {
            tls: false,
            nla: false,
        };
        let pick = |offered, accepted| choose_security(offered, accepted).map(|(_, p)| p);
        let everything = P::TLS | P::HYBRID | P::HYBRID_EX | P::RDSTLS;
        assert_eq!(pick(everything, both), Ok(P::HYBRID_EX));
        assert_eq!(pick(P::TLS | P::HYBRID, both), Ok(P::HYBRID));
        assert_eq!(pick(P::TLS, both), Ok(P::TLS));
        assert_eq!(pick(everything, tls), Ok(P::TLS));
        assert_eq!(pick(P::HYBRID, tls), Err(NegotiationFailure::SSL_REQUIRED));
        assert_eq!(
            pick(P::empty(), both),
            Err(NegotiationFailure::SSL_REQUIRED)
        );
        assert_eq!(pick(P::TLS, nla), Err(NegotiationFailure::HYBRID_REQUIRED));
        assert_eq!(
            pick(everything, none),
            Err(NegotiationFailure::SSL_NOT_ALLOWED)
        );
    }

    fn blocks(names: &[&str]) -> ClientBlocks {
        let channels = names.iter().map(|&name| ChannelDefinition {
            name: name.to_owned(),
            options: ChannelOptions::empty(),
        });
        ClientBlocks {
            network: Some(ClientNetwork {
                channels: channels.collect(),
            }),
            message_channel: true,
            ..ClientBlocks::default()
        }
    }

    #[test]
    fn every_channel_has_a_number_of_its_own() {
        let plan = ChannelPlan::new(&blocks(&["cliprdr", "drdynvc"]));
        assert_eq!(plan.find("drdynvc"), Some(ChannelId(1005)));
        assert_eq!(plan.user, UserId(1006));
        assert_eq!(plan.message, Some(ChannelId(1007)));
        assert!((1003..=1007).all(|number| plan.contains(ChannelId(number))));
        assert!(!plan.contains(ChannelId(1002)) && !plan.contains(ChannelId(1008)));
    }

    #[test]
    fn a_desktop_follows_the_union_of_the_monitors_within_limits() {
        let mut blocks = blocks(&[]);
        blocks.core = ClientCore {
            desktop: Size::new(1920, 1080),
            ..ClientCore::default()
        };
        let config = ServerConfig::new(Size::new(640, 480));
        assert_eq!(describe(&blocks, &config).desktop, Size::new(1920, 1080));
        let monitor = |left, right| MonitorDefinition {
            rect: Rect::new(left, 0, right, 900),
            flags: u32::from(left == 0),
        };
        blocks.monitors = Some(ClientMonitors {
            monitors: vec![monitor(0, 1440), monitor(-20_000, 0)],
        });
        assert_eq!(describe(&blocks, &config).desktop, Size::new(8192, 900));
        let fixed = ServerConfig {
            follow_client_size: false,
            ..config
        };
        assert_eq!(describe(&blocks, &fixed).desktop, Size::new(640, 480));
    }
}
