//! The client info PDU (`[MS-RDPBCGR] 2.2.1.11`): who signs in, and how.

mod extended;

pub use extended::{AutoReconnectProof, DynamicTimeZone, ExtendedInfo, SystemTime, TimeZoneInfo};

use oriel_codecs::bulk::CompressionLevel;

use crate::{
    secret::Secret,
    wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire, utf16_bytes_within, utf16_text},
};

bitflags::bitflags! {
    /// Options of the info packet.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct InfoFlags: u32 {
        /// The client has a mouse.
        const MOUSE = 0x0000_0001;
        /// Ctrl+Alt+Del is not needed at the prompt.
        const DISABLE_CTRL_ALT_DEL = 0x0000_0002;
        /// Sign in with the credentials of this packet.
        const AUTOLOGON = 0x0000_0008;
        /// Texts are UTF-16. Set by the encoder.
        const UNICODE = 0x0000_0010;
        /// The alternate shell starts maximized.
        const MAXIMIZE_SHELL = 0x0000_0020;
        /// Tell who signed in.
        const LOGON_NOTIFY = 0x0000_0040;
        /// The compression type means something.
        const COMPRESSION = 0x0000_0080;
        /// The Windows key is used.
        const ENABLE_WINDOWS_KEY = 0x0000_0100;
        /// Sound plays on the server.
        const REMOTE_CONSOLE_AUDIO = 0x0000_2000;
        /// All client-to-server traffic is encrypted.
        const FORCE_ENCRYPTED_CS_PDU = 0x0000_4000;
        /// For remote programs.
        const RAIL = 0x0000_8000;
        /// Tell about sign-in errors.
        const LOGON_ERRORS = 0x0001_0000;
        /// The mouse has a wheel.
        const MOUSE_HAS_WHEEL = 0x0002_0000;
        /// The password is a smart card's PIN.
        const PASSWORD_IS_SC_PIN = 0x0004_0000;
        /// No sound.
        const NO_AUDIO_PLAYBACK = 0x0008_0000;
        /// The credentials were stored.
        const USING_SAVED_CREDS = 0x0010_0000;
        /// The client can record sound.
        const AUDIO_CAPTURE = 0x0020_0000;
        /// No video redirection.
        const VIDEO_DISABLE = 0x0040_0000;
        /// Enhanced remote programs.
        const HIDEF_RAIL_SUPPORTED = 0x0200_0000;

        const _ = !0;
    }
}

/// Four bits of the flags: the highest bulk compression that a client takes.
const COMPRESSION_TYPE_MASK: u32 = 0x1e00;
const COMPRESSION_TYPE_SHIFT: u32 = 9;

/// The compressor that four bits name; those that are not known yet take all that are.
fn compression_from_wire(value: u32) -> CompressionLevel {
    let known = CompressionLevel::ALL.get(value as usize);
    known.copied().unwrap_or(CompressionLevel::Rdp61)
}

/// Most bytes of a text, its terminator included.
const MAX_TEXT_BYTES: usize = 512;

/// `TS_INFO_PACKET`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// Active language where texts are UTF-16, else the code page of texts.
    pub code_page: u32,
    /// Options, without compression's.
    pub flags: InfoFlags,
    /// The highest compressor that the client takes, with all before it; `None` for none.
    pub compression: Option<CompressionLevel>,
    /// Domain.
    pub domain: String,
    /// User.
    pub user: String,
    /// Password.
    pub password: Secret,
    /// What to start in place of the desktop.
    pub alternate_shell: String,
    /// Where to start it.
    pub working_dir: String,
    /// What clients since version 5 add.
    pub extended: Option<ExtendedInfo>,
}

impl Pdu for ClientInfo {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("client info");
        let code_page = cursor.u32()?;
        let raw = cursor.u32()?;
        let mut flags = InfoFlags::from_bits_retain(raw & !COMPRESSION_TYPE_MASK);
        let compression = flags.contains(InfoFlags::COMPRESSION).then(|| {
            compression_from_wire((raw & COMPRESSION_TYPE_MASK) >> COMPRESSION_TYPE_SHIFT)
        });
        flags.remove(InfoFlags::COMPRESSION);
        let text = TextForm {
            is_unicode: flags.contains(InfoFlags::UNICODE),
        };
        let mut lengths = [0; 5];
        for length in &mut lengths {
            *length = usize::from(cursor.u16()?);
        }
        let mut next = lengths
            .into_iter()
            .map(|length| text.read_terminated(cursor, length));
        let mut field = move || next.next().unwrap_or_else(|| Ok(String::new()));
        let mut info = Self {
            code_page,
            flags,
            compression,
            domain: field()?,
            user: field()?,
            password: Secret::new(field()?),
            alternate_shell: field()?,
            working_dir: field()?,
            extended: None,
        };
        if !cursor.is_empty() {
            info.extended = Some(ExtendedInfo::decode(cursor, text)?);
        }
        Ok(info)
    }

    /// Texts are written as UTF-16, whatever the flags say, and cut at 510 bytes.
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.code_page);
        let mut flags = self.flags.bits() & !COMPRESSION_TYPE_MASK | InfoFlags::UNICODE.bits();
        if let Some(kind) = self.compression {
            flags |= InfoFlags::COMPRESSION.bits() | (kind as u32) << COMPRESSION_TYPE_SHIFT;
        }
        out.put_u32(flags);
        let texts = [
            self.domain.as_str(),
            &self.user,
            self.password.expose(),
            &self.alternate_shell,
            &self.working_dir,
        ]
        .map(|text| zeroize::Zeroizing::new(utf16_bytes_within(text, MAX_TEXT_BYTES - 2)));
        for text in &texts {
            out.put_u16(text.len() as u16);
        }
        for text in &texts {
            out.put(text);
            out.put_u16(0);
        }
        if let Some(extended) = &self.extended {
            extended.encode(out);
        }
    }
}

/// How a packet's texts are written.
#[derive(Clone, Copy, Debug)]
struct TextForm {
    is_unicode: bool,
}

impl TextForm {
    fn text(self, bytes: &[u8]) -> String {
        if self.is_unicode {
            utf16_text(bytes)
        } else {
            // The code page is not followed: what is not ASCII shows as Latin-1.
            bytes
                .iter()
                .take_while(|&&byte| byte != 0)
                .map(|&byte| char::from(byte))
                .collect()
        }
    }

    /// A text of `length` bytes and a terminator that `length` does not count.
    fn read_terminated(self, cursor: &mut Cursor<'_>, length: usize) -> DecodeResult<String> {
        let text = self.read(cursor, length)?;
        cursor.skip(if self.is_unicode { 2 } else { 1 })?;
        Ok(text)
    }

    /// A text of `length` bytes.
    fn read(self, cursor: &mut Cursor<'_>, length: usize) -> DecodeResult<String> {
        if length > MAX_TEXT_BYTES {
            return Err(DecodeError::TooLarge {
                context: cursor.context(),
                field: "text",
                value: length as u64,
                limit: MAX_TEXT_BYTES as u64,
            });
        }
        cursor.take(length).map(|bytes| self.text(bytes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::client::PerformanceFlags;

    fn date() -> impl Strategy<Value = SystemTime> {
        any::<[u16; 8]>().prop_map(|fields| SystemTime {
            year: fields[0],
            month: fields[1],
            day_of_week: fields[2],
            day: fields[3],
            hour: fields[4],
            minute: fields[5],
            second: fields[6],
            milliseconds: fields[7],
        })
    }

    fn time_zone() -> impl Strategy<Value = TimeZoneInfo> {
        (
            any::<[i32; 3]>(),
            "[a-zA-Z ]{0,31}",
            "[a-zA-Z ]{0,31}",
            date(),
            date(),
        )
            .prop_map(
                |(biases, standard_name, daylight_name, a, b)| TimeZoneInfo {
                    bias_minutes: biases[0],
                    standard_name,
                    standard_date: a,
                    standard_bias_minutes: biases[1],
                    daylight_name,
                    daylight_date: b,
                    daylight_bias_minutes: biases[2],
                },
            )
    }

    fn extended() -> impl Strategy<Value = ExtendedInfo> {
        (
            (
                any::<u16>(),
                "[0-9a-f:.]{0,30}",
                "[a-z\\\\]{0,40}",
                0usize..6,
            ),
            (
                time_zone(),
                any::<u32>(),
                any::<u32>(),
                prop::option::of((any::<u32>(), any::<[u8; 16]>())),
                "[A-Za-z ]{0,60}",
                any::<bool>(),
            ),
        )
            .prop_map(|((address_family, address, directory, fields), tail)| {
                let (zone, session, performance, proof, key_name, is_disabled) = tail;
                ExtendedInfo {
                    address_family,
                    address,
                    directory,
                    time_zone: (fields > 0).then_some(zone),
                    session_id: (fields > 1).then_some(session),
                    performance: (fields > 2)
                        .then_some(PerformanceFlags::from_bits_retain(performance)),
                    auto_reconnect: (fields > 3).then_some(
                        proof.map(|(logon_id, verifier)| AutoReconnectProof { logon_id, verifier }),
                    ),
                    dynamic_time_zone: (fields > 4).then_some(DynamicTimeZone {
                        key_name,
                        is_disabled,
                    }),
                }
            })
    }

    proptest! {
        #[test]
        fn info_packets_round_trip(
            code_page: u32,
            flags: u32,
            compression in prop::option::of(0u32..4),
            texts in prop::array::uniform5("[^\u{0}]{0,20}"),
            extended in prop::option::of(extended()),
        ) {
            let [domain, user, password, alternate_shell, working_dir] = texts;
            let mut flags = InfoFlags::from_bits_retain(flags & !COMPRESSION_TYPE_MASK);
            flags.insert(InfoFlags::UNICODE);
            flags.remove(InfoFlags::COMPRESSION);
            let info = ClientInfo {
                code_page,
                flags,
                compression: compression.map(compression_from_wire),
                domain,
                user,
                password: Secret::new(password),
                alternate_shell,
                working_dir,
                extended,
            };
            let bytes = info.to_vec();
            prop_assert_eq!(ClientInfo::decode(&mut Cursor::new(&bytes, "test")), Ok(info));
        }

        #[test]
        fn mutated_info_packets_do_not_panic(at in 0usize..60, with: u8, end in 0usize..300) {
            let info = ClientInfo {
                user: "someone".to_owned(),
                extended: Some(ExtendedInfo {
                    time_zone: Some(TimeZoneInfo::default()),
                    session_id: Some(0),
                    performance: Some(PerformanceFlags::empty()),
                    auto_reconnect: Some(None),
                    dynamic_time_zone: Some(DynamicTimeZone::default()),
                    ..Default::default()
                }),
                ..Default::default()
            };
            let mut bytes = info.to_vec();
            bytes[at] = with;
            bytes.truncate(end);
            let _ = ClientInfo::decode(&mut Cursor::new(&bytes, "test"));
        }
    }

    #[test]
    fn ansi_texts_are_read_too() {
        let mut bytes = vec![0; 8];
        bytes.extend([1, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(b"D\0me\0\0\0\0");
        let info = ClientInfo::decode(&mut Cursor::new(&bytes, "test")).unwrap();
        assert_eq!((info.domain.as_str(), info.user.as_str()), ("D", "me"));
    }
}
