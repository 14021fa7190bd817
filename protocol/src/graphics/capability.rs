//! Capability sets of the graphics pipeline (`[MS-RDPEGFX] 2.2.1.6`, `2.2.3`).

use super::CacheLimits;
use crate::{
    capabilities::{NsCodecProperties, RemoteFxMode},
    client::GraphicsSupport,
    wire::{Cursor, DecodeResult, Pdu, WriteWire},
};

/// A version of the graphics pipeline, ordered by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PipelineVersion(pub u32);

impl PipelineVersion {
    /// RDP 8.0.
    pub const V8: Self = Self(0x0008_0004);
    /// RDP 8.1: H.264 in 4:2:0 on request.
    pub const V8_1: Self = Self(0x0008_0105);
    /// RDP 10.0: H.264 in 4:4:4 unless declined.
    pub const V10: Self = Self(0x000A_0002);
    /// RDP 10.1, without flags.
    pub const V10_1: Self = Self(0x000A_0100);
    /// RDP 10.2.
    pub const V10_2: Self = Self(0x000A_0200);
    /// RDP 10.3: always the small cache; the client may start over.
    pub const V10_3: Self = Self(0x000A_0301);
    /// RDP 10.4: H.264 beside other codecs in one frame.
    pub const V10_4: Self = Self(0x000A_0400);
    /// RDP 10.5: surfaces scaled on their way to the output.
    pub const V10_5: Self = Self(0x000A_0502);
    /// RDP 10.6.
    pub const V10_6: Self = Self(0x000A_0600);
    /// RDP 10.6 as an early edition of the specification had it, and servers built after that.
    pub const V10_6_ERRATUM: Self = Self(0x000A_0601);
    /// RDP 10.7: scaling can be declined.
    pub const V10_7: Self = Self(0x000A_0701);

    /// All versions known here, oldest first.
    pub const ALL: [Self; 11] = [
        Self::V8,
        Self::V8_1,
        Self::V10,
        Self::V10_1,
        Self::V10_2,
        Self::V10_3,
        Self::V10_4,
        Self::V10_5,
        Self::V10_6,
        Self::V10_6_ERRATUM,
        Self::V10_7,
    ];

    /// True where the client may send quality reports (`[MS-RDPEGFX] 2.2.2.21`).
    pub fn allows_quality_reports(self) -> bool {
        self >= Self::V10 && self != Self::V10_1
    }
}

bitflags::bitflags! {
    /// Flags of a capability set. Which are defined depends on the version.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct CapabilityFlags: u32 {
        /// Small cache, and RemoteFX in place of its progressive variant (8.0, 8.1).
        const THIN_CLIENT = 0x01;
        /// A bitmap cache of 16 MB in place of 100 MB.
        const SMALL_CACHE = 0x02;
        /// H.264 in 4:2:0 is decoded (8.1 only).
        const AVC420_ENABLED = 0x10;
        /// H.264 is not decoded at all (from 10.0 on).
        const AVC_DISABLED = 0x20;
        /// H.264 in 4:4:4 is preferred (from 10.3 on).
        const AVC_THIN_CLIENT = 0x40;
        /// Surfaces are not scaled on their way to the output (from 10.7 on).
        const SCALED_MAP_DISABLED = 0x80;
        /// Bits without a name.
        const _ = !0;
    }
}

/// A capability set (`RDPGFX_CAPSET`); those of unknown versions are kept as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapabilitySet {
    /// Its version.
    pub version: PipelineVersion,
    /// What the version makes of it: flags in all known ones but 10.1.
    pub data: Vec<u8>,
}

impl CapabilitySet {
    /// The set of a version. 10.1 has no room for flags.
    pub fn new(version: PipelineVersion, flags: CapabilityFlags) -> Self {
        let data = if version == PipelineVersion::V10_1 {
            vec![0; 16]
        } else {
            flags.bits().to_le_bytes().to_vec()
        };
        Self { version, data }
    }

    /// The flags; none in version 10.1.
    pub fn flags(&self) -> CapabilityFlags {
        match self.data.first_chunk() {
            Some(bytes) if self.version != PipelineVersion::V10_1 => {
                CapabilityFlags::from_bits_retain(u32::from_le_bytes(*bytes))
            }
            _ => CapabilityFlags::empty(),
        }
    }

    /// True where RemoteFX takes the place of its progressive variant. From 10.0 on, the bit for it
    /// means nothing.
    pub fn is_thin_client(&self) -> bool {
        self.version <= PipelineVersion::V8_1 && self.flags().contains(CapabilityFlags::THIN_CLIENT)
    }

    /// What the bitmap cache holds where a server confirms this set (`[MS-RDPEGFX] 3.3.1.4`).
    pub fn cache_limits(&self) -> CacheLimits {
        let is_small = self.is_thin_client()
            || self.flags().contains(CapabilityFlags::SMALL_CACHE)
            || self.version == PipelineVersion::V10_3;
        match is_small {
            true => CacheLimits::SMALL,
            false => CacheLimits::FULL,
        }
    }
}

impl Pdu for CapabilitySet {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        let version = PipelineVersion(cursor.u32()?);
        let length = cursor.u32()? as usize;
        let data = cursor.take(length)?.to_vec();
        Ok(Self { version, data })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.version.0);
        out.put_u32(self.data.len() as u32);
        out.put(&self.data);
    }
}

/// The sets that a client offers, oldest first.
///
/// H.264 is promised only where it can be kept: version 10 means 4:4:4, so a client with nothing
/// but 4:2:0 stays at 8.1, where it alone can be had. So does one that wants RemoteFX in place of
/// its progressive variant, which later versions have no flag for.
pub fn client_capabilities(support: GraphicsSupport) -> Vec<CapabilitySet> {
    let is_small = support.small_cache || support.thin_client;
    let offers_10 = support.avc444 || !(support.avc420 || support.thin_client);
    let mut sets = Vec::with_capacity(PipelineVersion::ALL.len());
    for version in PipelineVersion::ALL {
        let mut flags = CapabilityFlags::empty();
        match version {
            PipelineVersion::V8 => {
                // The specification wants at most one of the two.
                flags.set(CapabilityFlags::THIN_CLIENT, support.thin_client);
                flags.set(
                    CapabilityFlags::SMALL_CACHE,
                    is_small && !support.thin_client,
                );
            }
            PipelineVersion::V8_1 if support.avc420 => {
                // Never without SMALL_CACHE: such a set is not among the allowed ones, and makes
                // Windows 11 24H2 close the channel.
                flags |= CapabilityFlags::AVC420_ENABLED | CapabilityFlags::SMALL_CACHE;
                flags.set(CapabilityFlags::THIN_CLIENT, support.thin_client);
            }
            PipelineVersion::V8_1 => {
                flags.set(CapabilityFlags::THIN_CLIENT, support.thin_client);
                flags.set(
                    CapabilityFlags::SMALL_CACHE,
                    is_small && !support.thin_client,
                );
            }
            _ if !offers_10 => continue,
            // Without flags there is no way to decline H.264, nor to ask for the small cache.
            PipelineVersion::V10_1 if !support.avc444 || is_small => continue,
            _ => {
                flags.set(CapabilityFlags::AVC_DISABLED, !support.avc444);
                flags.set(
                    CapabilityFlags::SMALL_CACHE,
                    is_small && version != PipelineVersion::V10_3,
                );
                flags.set(
                    CapabilityFlags::AVC_THIN_CLIENT,
                    support.thin_client && support.avc444 && version >= PipelineVersion::V10_3,
                );
            }
        }
        sets.push(CapabilitySet::new(version, flags));
    }
    sets
}

/// What a server may send to a client, as the two agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphicsTarget {
    /// The graphics pipeline is open.
    Pipeline {
        /// Its version.
        version: PipelineVersion,
        /// AVC420 may be sent.
        avc420: bool,
        /// AVC444 and AVC444v2 may be sent.
        avc444: bool,
        /// RemoteFX Progressive may be sent; plain RemoteFX always may.
        progressive: bool,
        /// Surfaces may be scaled on their way to the output.
        scaled_output: bool,
        /// What the client's bitmap cache holds; its slots are counted from 1.
        cache: CacheLimits,
    },
    /// Bitmap updates, and what the client takes in surface commands.
    Bitmaps(SurfaceTarget),
}

/// What may be sent in surface commands (`[MS-RDPBCGR] 2.2.9.2`), as the two agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SurfaceTarget {
    /// RemoteFX, in this mode.
    pub remote_fx: Option<RemoteFxMode>,
    /// NSCodec, with no more loss than this.
    pub ns_codec: Option<NsCodecProperties>,
    /// JPEG.
    pub jpeg: bool,
    /// Most bytes of a payload; 0 where no surface command is taken.
    pub max_payload_bytes: usize,
}

/// Picks the newest set that is known here, and tells what it allows to a server that can encode
/// what `support` says. `None` where the client offers nothing known.
pub fn choose_capabilities(
    offered: &[CapabilitySet],
    support: GraphicsSupport,
) -> Option<(CapabilitySet, GraphicsTarget)> {
    let best = offered
        .iter()
        .filter(|set| PipelineVersion::ALL.contains(&set.version))
        .max_by_key(|set| set.version)?;
    let (version, flags) = (best.version, best.flags());
    let (client_420, client_444) = match version {
        PipelineVersion::V8 => (false, false),
        PipelineVersion::V8_1 => (flags.contains(CapabilityFlags::AVC420_ENABLED), false),
        _ => {
            let is_on = !flags.contains(CapabilityFlags::AVC_DISABLED);
            (is_on, is_on)
        }
    };
    let target = GraphicsTarget::Pipeline {
        version,
        avc420: client_420 && support.avc420,
        avc444: client_444 && support.avc444,
        progressive: !best.is_thin_client(),
        scaled_output: version >= PipelineVersion::V10_5
            && !flags.contains(CapabilityFlags::SCALED_MAP_DISABLED),
        cache: best.cache_limits(),
    };
    Some((best.clone(), target))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags_of(sets: &[CapabilitySet], version: PipelineVersion) -> Option<CapabilityFlags> {
        let set = sets.iter().find(|s| s.version == version)?;
        Some(set.flags())
    }

    const NOTHING: GraphicsSupport = GraphicsSupport {
        pipeline: true,
        avc420: false,
        avc444: false,
        small_cache: false,
        thin_client: false,
        remote_fx: false,
        ns_codec: false,
        jpeg: false,
    };

    /// All 16 kinds of support.
    fn all_support() -> impl Iterator<Item = GraphicsSupport> {
        (0..16_u8).map(|bits| GraphicsSupport {
            pipeline: true,
            avc420: bits & 1 != 0,
            avc444: bits & 2 != 0,
            small_cache: bits & 4 != 0,
            thin_client: bits & 8 != 0,
            ..NOTHING
        })
    }

    #[test]
    fn full_support_offers_every_version_once_and_declines_nothing() {
        let sets = client_capabilities(GraphicsSupport::default());
        let versions: Vec<_> = sets.iter().map(|s| s.version).collect();
        assert_eq!(versions, PipelineVersion::ALL);
        for set in &sets {
            assert!(!set.flags().contains(CapabilityFlags::AVC_DISABLED));
        }
    }

    #[test]
    fn without_h264_every_version_10_declines_it_and_10_1_is_left_out() {
        let sets = client_capabilities(NOTHING);
        assert_eq!(flags_of(&sets, PipelineVersion::V10_1), None);
        for set in sets.iter().filter(|s| s.version >= PipelineVersion::V10) {
            assert_eq!(set.flags(), CapabilityFlags::AVC_DISABLED);
        }
        assert_eq!(sets.len(), PipelineVersion::ALL.len() - 1);
    }

    #[test]
    fn with_420_alone_no_version_10_is_offered_that_would_win_over_8_1() {
        let sets = client_capabilities(GraphicsSupport {
            avc420: true,
            ..NOTHING
        });
        let versions: Vec<_> = sets.iter().map(|s| s.version).collect();
        assert_eq!(versions, [PipelineVersion::V8, PipelineVersion::V8_1]);
    }

    #[test]
    fn a_thin_client_without_h264_gets_remotefx_and_nothing_progressive() {
        let thin = GraphicsSupport {
            thin_client: true,
            ..NOTHING
        };
        let (set, target) = choose_capabilities(&client_capabilities(thin), NOTHING).unwrap();
        assert_eq!(set.version, PipelineVersion::V8_1);
        let GraphicsTarget::Pipeline { progressive, .. } = target else {
            panic!("{target:?}");
        };
        assert!(!progressive);
    }

    #[test]
    fn version_8_1_only_ever_has_the_combinations_of_the_specification() {
        let allowed = [0x00, 0x01, 0x02, 0x12, 0x13];
        for support in all_support() {
            let sets = client_capabilities(support);
            let flags = flags_of(&sets, PipelineVersion::V8_1).unwrap();
            assert!(allowed.contains(&flags.bits()), "{support:?}: {flags:?}");
        }
    }

    #[test]
    fn a_thin_client_that_declines_h264_does_not_prefer_it() {
        for support in all_support() {
            for set in client_capabilities(support) {
                let both = CapabilityFlags::AVC_DISABLED | CapabilityFlags::AVC_THIN_CLIENT;
                assert!(!set.flags().contains(both), "{support:?}: {set:?}");
            }
        }
    }

    #[test]
    fn the_set_of_10_1_is_sixteen_zeros() {
        let set = CapabilitySet::new(PipelineVersion::V10_1, CapabilityFlags::SMALL_CACHE);
        assert_eq!(set.to_vec().len(), 24);
        assert_eq!(set.flags(), CapabilityFlags::empty());
    }

    #[test]
    fn a_server_never_sends_what_either_side_cannot() {
        for client in all_support() {
            for server in all_support() {
                let sets = client_capabilities(client);
                let (_, target) = choose_capabilities(&sets, server).unwrap();
                let GraphicsTarget::Pipeline { avc420, avc444, .. } = target else {
                    panic!("{target:?}");
                };
                assert!(!avc444 || client.avc444 && server.avc444);
                assert!(!avc420 || (client.avc420 || client.avc444) && server.avc420);
            }
        }
    }

    #[test]
    fn the_cache_is_small_where_a_flag_or_the_version_says_so() {
        let (thin, small) = (CapabilityFlags::THIN_CLIENT, CapabilityFlags::SMALL_CACHE);
        for version in PipelineVersion::ALL {
            let limits = |flags| CapabilitySet::new(version, flags).cache_limits();
            let has_flags = version != PipelineVersion::V10_1;
            let wanted = |is_small| match is_small || version == PipelineVersion::V10_3 {
                true => CacheLimits::SMALL,
                false => CacheLimits::FULL,
            };
            assert_eq!(
                limits(CapabilityFlags::empty()),
                wanted(false),
                "{version:?}"
            );
            assert_eq!(limits(small), wanted(has_flags), "{version:?}");
            // A bit without a meaning later.
            let is_early = version <= PipelineVersion::V8_1;
            assert_eq!(limits(thin), wanted(is_early), "{version:?}");
        }
        assert_eq!(
            CacheLimits::FULL.bytes,
            CacheLimits::FULL.slots as u64 * 4096
        );
        assert_eq!(
            CacheLimits::SMALL.bytes,
            CacheLimits::SMALL.slots as u64 * 4096
        );
    }

    #[test]
    fn whoever_asks_for_the_small_cache_has_it_with_every_server() {
        for support in all_support().filter(|support| support.small_cache) {
            for set in client_capabilities(support) {
                assert_eq!(
                    set.cache_limits(),
                    CacheLimits::SMALL,
                    "{support:?}: {set:?}"
                );
            }
        }
    }

    #[test]
    fn sets_of_unknown_versions_are_passed_over() {
        let mut sets = client_capabilities(NOTHING);
        sets.push(CapabilitySet {
            version: PipelineVersion(0x000B_0000),
            data: vec![1, 2, 3],
        });
        let (set, _) = choose_capabilities(&sets, NOTHING).unwrap();
        assert_eq!(set.version, PipelineVersion::V10_7);
        assert_eq!(choose_capabilities(&sets[sets.len() - 1..], NOTHING), None);
    }
}
