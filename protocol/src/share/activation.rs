//! Offering, taking and ending a share (`[MS-RDPBCGR] 2.2.1.13`, `2.2.3.1`).

use crate::{
    capabilities::{self, CapabilitySet},
    share::{SERVER_CHANNEL_ID, ShareControlKind, ShareControlPdu},
    wire::{Cursor, DecodeResult, WriteWire},
};

/// The server offers a share (`TS_DEMAND_ACTIVE_PDU`, `[MS-RDPBCGR] 2.2.1.13.1.1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemandActive {
    /// Names the share in every later PDU.
    pub share_id: u32,
    /// Who offers; by convention `RDP` and a NUL.
    pub source_descriptor: Vec<u8>,
    /// What the server can do.
    pub capability_sets: Vec<CapabilitySet>,
    /// Ignored by clients.
    pub session_id: u32,
}

impl DemandActive {
    /// Reads the body of a share control PDU of kind [`ShareControlKind::DemandActive`].
    pub fn decode(body: &[u8]) -> DecodeResult<Self> {
        let mut cursor = Cursor::new(body, "demand active");
        let share_id = cursor.u32()?;
        let source_bytes = usize::from(cursor.u16()?);
        let capabilities_bytes = usize::from(cursor.u16()?);
        let source_descriptor = cursor.take(source_bytes)?.to_vec();
        let mut sets = cursor.sub(capabilities_bytes, "demand active")?;
        let capability_sets = capabilities::decode_sets(&mut sets)?;
        Ok(Self {
            share_id,
            source_descriptor,
            capability_sets,
            // Clients ignore the field and some servers leave it out.
            session_id: cursor.u32().unwrap_or(0),
        })
    }

    /// Appends the whole share control PDU.
    pub fn write(&self, source: u16, out: &mut Vec<u8>) {
        ShareControlPdu::write(ShareControlKind::DemandActive, source, out, |out| {
            out.put_u32(self.share_id);
            write_descriptor_and_sets(&self.source_descriptor, &self.capability_sets, out);
            out.put_u32(self.session_id);
        });
    }
}

/// The client takes a share (`TS_CONFIRM_ACTIVE_PDU`, `[MS-RDPBCGR] 2.2.1.13.2.1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmActive {
    /// The share that was offered.
    pub share_id: u32,
    /// Always [`SERVER_CHANNEL_ID`].
    pub originator_id: u16,
    /// Who takes it.
    pub source_descriptor: Vec<u8>,
    /// What the client can do.
    pub capability_sets: Vec<CapabilitySet>,
}

impl ConfirmActive {
    /// An answer to the offer of `share_id`.
    pub fn new(share_id: u32, capability_sets: Vec<CapabilitySet>) -> Self {
        Self {
            share_id,
            originator_id: SERVER_CHANNEL_ID,
            source_descriptor: b"ORIEL\0".to_vec(),
            capability_sets,
        }
    }

    /// Reads the body of a share control PDU of kind [`ShareControlKind::ConfirmActive`].
    pub fn decode(body: &[u8]) -> DecodeResult<Self> {
        let mut cursor = Cursor::new(body, "confirm active");
        let share_id = cursor.u32()?;
        let originator_id = cursor.u16()?;
        let source_bytes = usize::from(cursor.u16()?);
        let capabilities_bytes = usize::from(cursor.u16()?);
        let source_descriptor = cursor.take(source_bytes)?.to_vec();
        let mut sets = cursor.sub(capabilities_bytes, "confirm active")?;
        Ok(Self {
            share_id,
            originator_id,
            source_descriptor,
            capability_sets: capabilities::decode_sets(&mut sets)?,
        })
    }

    /// Appends the whole share control PDU.
    pub fn write(&self, source: u16, out: &mut Vec<u8>) {
        ShareControlPdu::write(ShareControlKind::ConfirmActive, source, out, |out| {
            out.put_u32(self.share_id);
            out.put_u16(self.originator_id);
            write_descriptor_and_sets(&self.source_descriptor, &self.capability_sets, out);
        });
    }
}

/// `lengthSourceDescriptor`, `lengthCombinedCapabilities`, and what they measure.
fn write_descriptor_and_sets(descriptor: &[u8], sets: &[CapabilitySet], out: &mut Vec<u8>) {
    let mut encoded = Vec::new();
    capabilities::encode_sets(sets, &mut encoded);
    out.put_u16(u16::try_from(descriptor.len()).unwrap_or(u16::MAX));
    out.put_u16(u16::try_from(encoded.len()).unwrap_or(u16::MAX));
    out.put(descriptor);
    out.put(&encoded);
}

/// The server ends the share (`TS_DEACTIVATE_ALL_PDU`, `[MS-RDPBCGR] 2.2.3.1.1`). The connection
/// is closed then, or a demand active PDU begins another share on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeactivateAll {
    /// The share that ends; 0 where a server left everything out.
    pub share_id: u32,
}

impl DeactivateAll {
    /// Reads the body of a share control PDU of kind [`ShareControlKind::DeactivateAll`], which
    /// old servers leave empty.
    pub fn decode(body: &[u8]) -> Self {
        let mut cursor = Cursor::new(body, "deactivate all");
        Self {
            share_id: cursor.u32().unwrap_or(0),
        }
    }

    /// Appends the whole share control PDU.
    pub fn write(&self, source: u16, out: &mut Vec<u8>) {
        ShareControlPdu::write(ShareControlKind::DeactivateAll, source, out, |out| {
            out.put_u32(self.share_id);
            out.put_u16(1); // lengthSourceDescriptor
            out.put_u8(0);
        });
    }
}
