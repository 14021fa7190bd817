//! The extended part of the client info (`TS_EXTENDED_INFO_PACKET`,
//! `[MS-RDPBCGR] 2.2.1.11.1.1.1`).

use super::TextForm;
use crate::{
    client::PerformanceFlags,
    wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire, utf16_bytes_within, utf16_text},
};

/// Address, link, time zone, reconnection.
///
/// The optional fields come in this order on the wire, and each only behind all before it: the
/// encoder ends at the first `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedInfo {
    /// 2 for IPv4, 0x17 for IPv6.
    pub address_family: u16,
    /// The client's address as text.
    pub address: String,
    /// Where the client is installed.
    pub directory: String,
    /// Time zone.
    pub time_zone: Option<TimeZoneInfo>,
    /// 0.
    pub session_id: Option<u32>,
    /// What the server may leave out.
    pub performance: Option<PerformanceFlags>,
    /// Proof that the client may have its session back; the outer `None` ends the packet.
    pub auto_reconnect: Option<Option<AutoReconnectProof>>,
    /// Name of the time zone.
    pub dynamic_time_zone: Option<DynamicTimeZone>,
}

impl Default for ExtendedInfo {
    fn default() -> Self {
        Self {
            address_family: Self::IPV4,
            address: String::new(),
            directory: String::new(),
            time_zone: None,
            session_id: None,
            performance: None,
            auto_reconnect: None,
            dynamic_time_zone: None,
        }
    }
}

/// `ARC_CS_PRIVATE_PACKET` (`[MS-RDPBCGR] 2.2.4.3`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoReconnectProof {
    /// Session to return to.
    pub logon_id: u32,
    /// HMAC-MD5 of the client random (zeros under TLS), keyed by the server's cookie.
    pub verifier: [u8; 16],
}

const AUTO_RECONNECT_BYTES: u16 = 28;

/// The time zone by its name in the registry of Windows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DynamicTimeZone {
    /// Name, at most 127 UTF-16 units.
    pub key_name: String,
    /// Daylight saving time is not followed.
    pub is_disabled: bool,
}

const MAX_KEY_NAME_BYTES: usize = 254;

/// `TS_SYSTEMTIME`: when a time zone changes over, or zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemTime {
    /// 0.
    pub year: u16,
    /// 1 to 12.
    pub month: u16,
    /// 0 is Sunday.
    pub day_of_week: u16,
    /// Which of the month's such days, 5 is the last.
    pub day: u16,
    /// 0 to 23.
    pub hour: u16,
    /// 0 to 59.
    pub minute: u16,
    /// 0 to 59.
    pub second: u16,
    /// 0 to 999.
    pub milliseconds: u16,
}

impl SystemTime {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        Ok(Self {
            year: cursor.u16()?,
            month: cursor.u16()?,
            day_of_week: cursor.u16()?,
            day: cursor.u16()?,
            hour: cursor.u16()?,
            minute: cursor.u16()?,
            second: cursor.u16()?,
            milliseconds: cursor.u16()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for field in [
            self.year,
            self.month,
            self.day_of_week,
            self.day,
            self.hour,
            self.minute,
            self.second,
            self.milliseconds,
        ] {
            out.put_u16(field);
        }
    }
}

/// `TS_TIME_ZONE_INFORMATION`. UTC is local time plus bias.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeZoneInfo {
    /// Minutes to add to local time.
    pub bias_minutes: i32,
    /// Name of standard time, up to 31 UTF-16 units.
    pub standard_name: String,
    /// When standard time begins.
    pub standard_date: SystemTime,
    /// Minutes to add to the bias during standard time.
    pub standard_bias_minutes: i32,
    /// Name of daylight saving time, up to 31 UTF-16 units.
    pub daylight_name: String,
    /// When daylight saving time begins.
    pub daylight_date: SystemTime,
    /// Minutes to add to the bias during daylight saving time.
    pub daylight_bias_minutes: i32,
}

const TIME_ZONE_NAME_BYTES: usize = 64;

impl Pdu for TimeZoneInfo {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        Ok(Self {
            bias_minutes: cursor.i32()?,
            standard_name: utf16_text(cursor.take(TIME_ZONE_NAME_BYTES)?),
            standard_date: SystemTime::decode(cursor)?,
            standard_bias_minutes: cursor.i32()?,
            daylight_name: utf16_text(cursor.take(TIME_ZONE_NAME_BYTES)?),
            daylight_date: SystemTime::decode(cursor)?,
            daylight_bias_minutes: cursor.i32()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_i32(self.bias_minutes);
        out.put_utf16_field(&self.standard_name, TIME_ZONE_NAME_BYTES);
        self.standard_date.encode(out);
        out.put_i32(self.standard_bias_minutes);
        out.put_utf16_field(&self.daylight_name, TIME_ZONE_NAME_BYTES);
        self.daylight_date.encode(out);
        out.put_i32(self.daylight_bias_minutes);
    }
}

impl ExtendedInfo {
    /// `AF_INET`.
    pub const IPV4: u16 = 2;
    /// `AF_INET6` of Windows.
    pub const IPV6: u16 = 0x17;

    pub(super) fn decode(cursor: &mut Cursor<'_>, text: TextForm) -> DecodeResult<Self> {
        cursor.set_context("extended client info");
        let address_family = cursor.u16()?;
        let address_bytes = usize::from(cursor.u16()?);
        let address = text.read(cursor, address_bytes)?;
        let directory_bytes = usize::from(cursor.u16()?);
        let directory = text.read(cursor, directory_bytes)?;
        let mut info = Self {
            address_family,
            address,
            directory,
            ..Self::default()
        };
        info.decode_tail(cursor)?;
        Ok(info)
    }

    /// The optional fields, as far as there is data.
    fn decode_tail(&mut self, cursor: &mut Cursor<'_>) -> DecodeResult<()> {
        if cursor.is_empty() {
            return Ok(());
        }
        self.time_zone = Some(TimeZoneInfo::decode(cursor)?);
        if cursor.is_empty() {
            return Ok(());
        }
        self.session_id = Some(cursor.u32()?);
        if cursor.is_empty() {
            return Ok(());
        }
        self.performance = Some(PerformanceFlags::from_bits_retain(cursor.u32()?));
        if cursor.is_empty() {
            return Ok(());
        }
        self.auto_reconnect = Some(match cursor.u16()? {
            0 => None,
            bytes if bytes >= AUTO_RECONNECT_BYTES => {
                let mut packet = cursor.sub(usize::from(bytes), "auto-reconnect packet")?;
                packet.skip(8)?; // length, version
                Some(AutoReconnectProof {
                    logon_id: packet.u32()?,
                    verifier: packet.array()?,
                })
            }
            bytes => {
                return Err(DecodeError::invalid(
                    cursor.context(),
                    "cbAutoReconnectCookie",
                    bytes,
                ));
            }
        });
        // Some clients end between the reserved fields, others pad.
        if cursor.left() < 8 {
            return Ok(());
        }
        cursor.skip(4)?; // reserved
        let key_bytes = usize::from(cursor.u16()?);
        let key_name = utf16_text(cursor.take(key_bytes)?);
        self.dynamic_time_zone = Some(DynamicTimeZone {
            key_name,
            is_disabled: cursor.u16()? != 0,
        });
        Ok(())
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.address_family);
        for text in [&self.address, &self.directory] {
            let bytes = utf16_bytes_within(text, super::MAX_TEXT_BYTES - 2);
            out.put_u16(bytes.len() as u16 + 2);
            out.put(&bytes);
            out.put_u16(0);
        }
        self.encode_tail(out);
    }

    /// `None` at the first field that is absent.
    fn encode_tail(&self, out: &mut Vec<u8>) -> Option<()> {
        self.time_zone.as_ref()?.encode(out);
        out.put_u32(self.session_id?);
        out.put_u32(self.performance?.bits());
        match self.auto_reconnect? {
            None => out.put_u16(0),
            Some(proof) => {
                out.put_u16(AUTO_RECONNECT_BYTES);
                out.put_u32(AUTO_RECONNECT_BYTES.into());
                out.put_u32(1); // AUTO_RECONNECT_VERSION_1
                out.put_u32(proof.logon_id);
                out.put(&proof.verifier);
            }
        }
        let zone = self.dynamic_time_zone.as_ref()?;
        out.put_u32(0); // reserved
        let key_name = utf16_bytes_within(&zone.key_name, MAX_KEY_NAME_BYTES);
        out.put_u16(key_name.len() as u16);
        out.put(&key_name);
        out.put_u16(zone.is_disabled.into());
        Some(())
    }
}
