//! Challenge, response and licence (`[MS-RDPELE] 2.2.2.3` to `2.2.2.7`). Their contents are
//! encrypted; [`LicenseKeys`](super::LicenseKeys) opens them.

use super::{blob, request::KEY_EXCHANGE_RSA};
use crate::wire::{Cursor, DecodeResult, Pdu, WriteWire};

/// `CLIENT_HARDWARE_ID` (`2.2.2.3.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HardwareId {
    /// System and maker of the client.
    pub platform_id: u32,
    /// Tells the client's machine from others.
    pub data: [u8; 16],
}

impl Pdu for HardwareId {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        Ok(Self {
            platform_id: cursor.u32()?,
            data: cursor.array()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.platform_id);
        out.put(&self.data);
    }
}

/// `CLIENT_LICENSE_INFO`: the client has a licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseInfo {
    /// System and maker of the client.
    pub platform_id: u32,
    /// The client's random.
    pub client_random: [u8; 32],
    /// As in [`NewLicenseRequest`](super::NewLicenseRequest).
    pub encrypted_premaster: Vec<u8>,
    /// The licence.
    pub license: Vec<u8>,
    /// A [`HardwareId`].
    pub encrypted_hardware_id: Vec<u8>,
    /// Over the hardware id.
    pub mac: [u8; 16],
}

impl Pdu for LicenseInfo {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("client license information");
        cursor.skip(4)?; // preferred key exchange
        Ok(Self {
            platform_id: cursor.u32()?,
            client_random: cursor.array()?,
            encrypted_premaster: blob::read(cursor)?.to_vec(),
            license: blob::read(cursor)?.to_vec(),
            encrypted_hardware_id: blob::read(cursor)?.to_vec(),
            mac: cursor.array()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(KEY_EXCHANGE_RSA);
        out.put_u32(self.platform_id);
        out.put(&self.client_random);
        blob::write(out, blob::kind::RANDOM, &self.encrypted_premaster);
        blob::write(out, blob::kind::DATA, &self.license);
        blob::write(out, blob::kind::DATA, &self.encrypted_hardware_id);
        out.put(&self.mac);
    }
}

/// `SERVER_PLATFORM_CHALLENGE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformChallenge {
    /// To be sent back.
    pub encrypted_challenge: Vec<u8>,
    /// Over the challenge.
    pub mac: [u8; 16],
}

impl Pdu for PlatformChallenge {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("server platform challenge");
        cursor.skip(4)?; // connect flags
        Ok(Self {
            encrypted_challenge: blob::read(cursor)?.to_vec(),
            mac: cursor.array()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(0);
        blob::write(out, blob::kind::ENCRYPTED_DATA, &self.encrypted_challenge);
        out.put(&self.mac);
    }
}

/// `PLATFORM_CHALLENGE_RESPONSE_DATA`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformResponseData {
    /// Kind of system: 0x0100 for 32-bit Windows, 0xff00 for others.
    pub client_type: u16,
    /// How large a licence may be, 1 to 3.
    pub detail_level: u16,
    /// What the server sent.
    pub challenge: Vec<u8>,
}

impl PlatformResponseData {
    /// `OTHER_PLATFORMCHALLENGE_TYPE`.
    pub const OTHER: u16 = 0xff00;

    /// `LICENSE_DETAIL_DETAIL`.
    pub const FULL_DETAIL: u16 = 3;

    const VERSION: u16 = 0x0100;
}

impl Pdu for PlatformResponseData {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("platform challenge response data");
        cursor.skip(2)?; // version
        let client_type = cursor.u16()?;
        let detail_level = cursor.u16()?;
        let bytes = cursor.u16()?;
        Ok(Self {
            client_type,
            detail_level,
            challenge: cursor.take(bytes.into())?.to_vec(),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(Self::VERSION);
        out.put_u16(self.client_type);
        out.put_u16(self.detail_level);
        out.put_u16(self.challenge.len() as u16);
        out.put(&self.challenge);
    }
}

/// `CLIENT_PLATFORM_CHALLENGE_RESPONSE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformChallengeResponse {
    /// A [`PlatformResponseData`].
    pub encrypted_response: Vec<u8>,
    /// A [`HardwareId`].
    pub encrypted_hardware_id: Vec<u8>,
    /// Over both.
    pub mac: [u8; 16],
}

impl Pdu for PlatformChallengeResponse {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("client platform challenge response");
        Ok(Self {
            encrypted_response: blob::read(cursor)?.to_vec(),
            encrypted_hardware_id: blob::read(cursor)?.to_vec(),
            mac: cursor.array()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        // Both should be BB_ENCRYPTED_DATA_BLOB; the specification's own example, from Windows,
        // has BB_DATA_BLOB, and the receiver ignores it.
        blob::write(out, blob::kind::DATA, &self.encrypted_response);
        blob::write(out, blob::kind::DATA, &self.encrypted_hardware_id);
        out.put(&self.mac);
    }
}

/// `SERVER_NEW_LICENSE`, `SERVER_UPGRADE_LICENSE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLicense {
    /// `NEW_LICENSE_INFO`, which is opaque here.
    pub encrypted_license: Vec<u8>,
    /// Over the licence.
    pub mac: [u8; 16],
}

impl Pdu for NewLicense {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("server new license");
        Ok(Self {
            encrypted_license: blob::read(cursor)?.to_vec(),
            mac: cursor.array()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        blob::write(out, blob::kind::ENCRYPTED_DATA, &self.encrypted_license);
        out.put(&self.mac);
    }
}
