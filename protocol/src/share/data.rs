//! The data PDUs by type (`pduType2`, `[MS-RDPBCGR] 2.2.8.1.1.1.2`).

use crate::{
    share::{
        AutoReconnectStatusPdu, ControlPdu, FontPdu, FrameAcknowledgePdu, MonitorLayoutPdu,
        PersistentKeyListPdu, PlaySoundPdu, RefreshRectPdu, SaveSessionInfoPdu, SetErrorInfoPdu,
        SetKeyboardImeStatusPdu, SetKeyboardIndicatorsPdu, StatusInfoPdu, SuppressOutputPdu,
        SynchronizePdu,
    },
    wire::{Cursor, DecodeResult, Pdu, WriteWire},
};

/// `PDUTYPE2_*`.
pub mod data_kind {
    /// Slow-path graphics update.
    pub const UPDATE: u8 = 0x02;
    /// Control.
    pub const CONTROL: u8 = 0x14;
    /// Slow-path pointer update.
    pub const POINTER: u8 = 0x1b;
    /// Slow-path input.
    pub const INPUT: u8 = 0x1c;
    /// Synchronize.
    pub const SYNCHRONIZE: u8 = 0x1f;
    /// Refresh rect.
    pub const REFRESH_RECT: u8 = 0x21;
    /// Play sound.
    pub const PLAY_SOUND: u8 = 0x22;
    /// Suppress output.
    pub const SUPPRESS_OUTPUT: u8 = 0x23;
    /// Shutdown request.
    pub const SHUTDOWN_REQUEST: u8 = 0x24;
    /// Shutdown request denied.
    pub const SHUTDOWN_DENIED: u8 = 0x25;
    /// Save session info.
    pub const SAVE_SESSION_INFO: u8 = 0x26;
    /// Font list.
    pub const FONT_LIST: u8 = 0x27;
    /// Font map.
    pub const FONT_MAP: u8 = 0x28;
    /// Set keyboard indicators.
    pub const SET_KEYBOARD_INDICATORS: u8 = 0x29;
    /// Persistent key list.
    pub const PERSISTENT_KEY_LIST: u8 = 0x2b;
    /// Set keyboard IME status.
    pub const SET_KEYBOARD_IME_STATUS: u8 = 0x2d;
    /// Set error info.
    pub const SET_ERROR_INFO: u8 = 0x2f;
    /// Auto-reconnect status.
    pub const AUTO_RECONNECT_STATUS: u8 = 0x32;
    /// Status info.
    pub const STATUS_INFO: u8 = 0x36;
    /// Monitor layout.
    pub const MONITOR_LAYOUT: u8 = 0x37;
    /// Frame acknowledge (`[MS-RDPRFX] 2.2.3.1`).
    pub const FRAME_ACKNOWLEDGE: u8 = 0x38;
}

/// A data PDU's payload.
///
/// Updates, pointers and input are left as they are: `updates` and `input` read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataPdu {
    /// Ready to talk.
    Synchronize(SynchronizePdu),
    /// Who steers.
    Control(ControlPdu),
    /// The client's fonts: none.
    FontList(FontPdu),
    /// The server's fonts: none. Ends the connection sequence.
    FontMap(FontPdu),
    /// Bitmaps that the client still has.
    PersistentKeyList(PersistentKeyListPdu),
    /// The client would like to end the session (`[MS-RDPBCGR] 2.2.2.1.1`).
    ShutdownRequest,
    /// The server would rather not: a user is signed in (`[MS-RDPBCGR] 2.2.2.2.1`).
    ShutdownDenied,
    /// Draw again.
    RefreshRect(RefreshRectPdu),
    /// Draw nothing, or go on drawing.
    SuppressOutput(SuppressOutputPdu),
    /// News of the sign-in.
    SaveSessionInfo(SaveSessionInfoPdu),
    /// Lock keys' lights.
    SetKeyboardIndicators(SetKeyboardIndicatorsPdu),
    /// Input method editor.
    SetKeyboardImeStatus(SetKeyboardImeStatusPdu),
    /// Why it ends.
    SetErrorInfo(SetErrorInfoPdu),
    /// A beep.
    PlaySound(PlaySoundPdu),
    /// Monitors of the session.
    MonitorLayout(MonitorLayoutPdu),
    /// What a broker does meanwhile.
    StatusInfo(StatusInfoPdu),
    /// Coming back failed.
    AutoReconnectStatus(AutoReconnectStatusPdu),
    /// A frame was shown.
    FrameAcknowledge(FrameAcknowledgePdu),
    /// Anything else: updates, pointers, input, cache errors, what is not known.
    Other {
        /// `pduType2`.
        kind: u8,
        /// The payload.
        payload: Vec<u8>,
    },
}

impl DataPdu {
    /// Reads a payload, which must not be compressed any more. Bytes behind the PDU are ignored,
    /// as servers pad.
    pub fn decode(kind: u8, payload: &[u8]) -> DecodeResult<Self> {
        let cursor = &mut Cursor::new(payload, "data PDU");
        Ok(match kind {
            data_kind::SYNCHRONIZE => Self::Synchronize(Pdu::decode(cursor)?),
            data_kind::CONTROL => Self::Control(Pdu::decode(cursor)?),
            data_kind::FONT_LIST => Self::FontList(Pdu::decode(cursor)?),
            data_kind::FONT_MAP => Self::FontMap(Pdu::decode(cursor)?),
            data_kind::PERSISTENT_KEY_LIST => Self::PersistentKeyList(Pdu::decode(cursor)?),
            data_kind::SHUTDOWN_REQUEST => Self::ShutdownRequest,
            data_kind::SHUTDOWN_DENIED => Self::ShutdownDenied,
            data_kind::REFRESH_RECT => Self::RefreshRect(Pdu::decode(cursor)?),
            data_kind::SUPPRESS_OUTPUT => Self::SuppressOutput(Pdu::decode(cursor)?),
            data_kind::SAVE_SESSION_INFO => Self::SaveSessionInfo(Pdu::decode(cursor)?),
            data_kind::SET_KEYBOARD_INDICATORS => Self::SetKeyboardIndicators(Pdu::decode(cursor)?),
            data_kind::SET_KEYBOARD_IME_STATUS => Self::SetKeyboardImeStatus(Pdu::decode(cursor)?),
            data_kind::SET_ERROR_INFO => Self::SetErrorInfo(Pdu::decode(cursor)?),
            data_kind::PLAY_SOUND => Self::PlaySound(Pdu::decode(cursor)?),
            data_kind::MONITOR_LAYOUT => Self::MonitorLayout(Pdu::decode(cursor)?),
            data_kind::STATUS_INFO => Self::StatusInfo(Pdu::decode(cursor)?),
            data_kind::AUTO_RECONNECT_STATUS => Self::AutoReconnectStatus(Pdu::decode(cursor)?),
            data_kind::FRAME_ACKNOWLEDGE => Self::FrameAcknowledge(Pdu::decode(cursor)?),
            kind => Self::Other {
                kind,
                payload: payload.to_vec(),
            },
        })
    }

    /// Its `pduType2`.
    pub fn kind(&self) -> u8 {
        match self {
            Self::Synchronize(_) => data_kind::SYNCHRONIZE,
            Self::Control(_) => data_kind::CONTROL,
            Self::FontList(_) => data_kind::FONT_LIST,
            Self::FontMap(_) => data_kind::FONT_MAP,
            Self::PersistentKeyList(_) => data_kind::PERSISTENT_KEY_LIST,
            Self::ShutdownRequest => data_kind::SHUTDOWN_REQUEST,
            Self::ShutdownDenied => data_kind::SHUTDOWN_DENIED,
            Self::RefreshRect(_) => data_kind::REFRESH_RECT,
            Self::SuppressOutput(_) => data_kind::SUPPRESS_OUTPUT,
            Self::SaveSessionInfo(_) => data_kind::SAVE_SESSION_INFO,
            Self::SetKeyboardIndicators(_) => data_kind::SET_KEYBOARD_INDICATORS,
            Self::SetKeyboardImeStatus(_) => data_kind::SET_KEYBOARD_IME_STATUS,
            Self::SetErrorInfo(_) => data_kind::SET_ERROR_INFO,
            Self::PlaySound(_) => data_kind::PLAY_SOUND,
            Self::MonitorLayout(_) => data_kind::MONITOR_LAYOUT,
            Self::StatusInfo(_) => data_kind::STATUS_INFO,
            Self::AutoReconnectStatus(_) => data_kind::AUTO_RECONNECT_STATUS,
            Self::FrameAcknowledge(_) => data_kind::FRAME_ACKNOWLEDGE,
            Self::Other { kind, .. } => *kind,
        }
    }

    /// Appends the payload alone, without headers; [`super::ShareContext::write_data`] adds those.
    pub fn encode_payload(&self, out: &mut Vec<u8>) {
        match self {
            Self::Synchronize(pdu) => pdu.encode(out),
            Self::Control(pdu) => pdu.encode(out),
            Self::FontList(pdu) | Self::FontMap(pdu) => pdu.encode(out),
            Self::PersistentKeyList(pdu) => pdu.encode(out),
            Self::ShutdownRequest | Self::ShutdownDenied => {}
            Self::RefreshRect(pdu) => pdu.encode(out),
            Self::SuppressOutput(pdu) => pdu.encode(out),
            Self::SaveSessionInfo(pdu) => pdu.encode(out),
            Self::SetKeyboardIndicators(pdu) => pdu.encode(out),
            Self::SetKeyboardImeStatus(pdu) => pdu.encode(out),
            Self::SetErrorInfo(pdu) => pdu.encode(out),
            Self::PlaySound(pdu) => pdu.encode(out),
            Self::MonitorLayout(pdu) => pdu.encode(out),
            Self::StatusInfo(pdu) => pdu.encode(out),
            Self::AutoReconnectStatus(pdu) => pdu.encode(out),
            Self::FrameAcknowledge(pdu) => pdu.encode(out),
            Self::Other { payload, .. } => out.put(payload),
        }
    }
}
