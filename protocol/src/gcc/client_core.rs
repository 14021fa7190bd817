//! Client core data (`TS_UD_CS_CORE`, `[MS-RDPBCGR] 2.2.1.3.2`).

use oriel_codecs::geometry::Size;

use crate::{
    wire::{Cursor, DecodeResult, Pdu, WriteWire, utf16_text},
    x224::SecurityProtocols,
};

bitflags::bitflags! {
    /// What a client can do, told early (`earlyCapabilityFlags`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct EarlyCapabilities: u16 {
        /// Set error info PDU.
        const ERROR_INFO = 0x0001;
        /// 32 bits a pixel are wanted.
        const WANT_32BPP = 0x0002;
        /// Server status info PDU.
        const STATUS_INFO = 0x0004;
        /// RSA keys over 512 bits.
        const STRONG_ASYMMETRIC_KEYS = 0x0008;
        /// Relative mouse input.
        const RELATIVE_MOUSE_INPUT = 0x0010;
        /// `connection_type` means something.
        const VALID_CONNECTION_TYPE = 0x0020;
        /// Monitor layout PDU.
        const MONITOR_LAYOUT = 0x0040;
        /// Network auto-detection.
        const NETWORK_AUTODETECT = 0x0080;
        /// The graphics pipeline.
        const GRAPHICS_PIPELINE = 0x0100;
        /// Dynamic daylight saving time.
        const DYNAMIC_TIME_ZONE = 0x0200;
        /// Heartbeats.
        const HEARTBEAT = 0x0400;
        /// Channel joins can be skipped.
        const SKIP_CHANNEL_JOIN = 0x0800;

        const _ = !0;
    }

    /// Depths that a client can show (`supportedColorDepths`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ColorDepths: u16 {
        /// 24 bits a pixel.
        const BPP_24 = 0x0001;
        /// 16 bits a pixel.
        const BPP_16 = 0x0002;
        /// 15 bits a pixel.
        const BPP_15 = 0x0004;
        /// 32 bits a pixel.
        const BPP_32 = 0x0008;

        const _ = !0;
    }
}

/// The client's core data.
///
/// The optional fields come in this order on the wire, and each only behind all before it: the
/// encoder ends at the first `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCore {
    /// Version of the protocol, for example 0x0008_0011 (10.12).
    pub version: u32,
    /// Desktop's size in pixels; 16 bits each on the wire.
    pub desktop: Size,
    /// 0xCA00 (4 bits a pixel) or 0xCA01 (8).
    pub color_depth: u16,
    /// Secure access sequence, 0xAA03.
    pub sas_sequence: u16,
    /// Keyboard layout.
    pub keyboard_layout: u32,
    /// The client's build number.
    pub client_build: u32,
    /// The client's name, up to 15 UTF-16 units.
    pub client_name: String,
    /// Keyboard type: 4 is a PC's with 101 or 102 keys.
    pub keyboard_type: u32,
    /// Keyboard subtype.
    pub keyboard_subtype: u32,
    /// Number of function keys.
    pub keyboard_function_keys: u32,
    /// File name of the input method editor, up to 31 UTF-16 units.
    pub ime_file_name: String,
    /// 0xCA00 (4 bits a pixel) to 0xCA04 (24).
    pub post_beta2_color_depth: Option<u16>,
    /// 1.
    pub client_product_id: Option<u16>,
    /// 0.
    pub serial_number: Option<u32>,
    /// Bits a pixel, up to 24.
    pub high_color_depth: Option<u16>,
    /// Depths that can be shown.
    pub supported_color_depths: Option<ColorDepths>,
    /// Early capabilities.
    pub early_capabilities: Option<EarlyCapabilities>,
    /// Digital product id, up to 32 UTF-16 units.
    pub dig_product_id: Option<String>,
    /// Kind of link, 1 to 7.
    pub connection_type: Option<u8>,
    /// What the negotiation response picked.
    pub selected_protocol: Option<SecurityProtocols>,
    /// Desktop's physical size in millimetres.
    pub physical_size_mm: Option<(u32, u32)>,
    /// Degrees clockwise: 0, 90, 180 or 270.
    pub orientation_degrees: Option<u16>,
    /// Scale of the desktop in percent, 100 to 500, and of store applications: 100, 140 or 180.
    pub scale_percent: Option<(u32, u32)>,
}

impl Default for ClientCore {
    fn default() -> Self {
        Self {
            version: 0x0008_0004,
            desktop: Size::new(1024, 768),
            color_depth: 0xca01,
            sas_sequence: 0xaa03,
            keyboard_layout: 0x409,
            client_build: 0,
            client_name: String::new(),
            keyboard_type: 4,
            keyboard_subtype: 0,
            keyboard_function_keys: 12,
            ime_file_name: String::new(),
            post_beta2_color_depth: None,
            client_product_id: None,
            serial_number: None,
            high_color_depth: None,
            supported_color_depths: None,
            early_capabilities: None,
            dig_product_id: None,
            connection_type: None,
            selected_protocol: None,
            physical_size_mm: None,
            orientation_degrees: None,
            scale_percent: None,
        }
    }
}

impl ClientCore {
    /// The optional fields, front to back, as far as there is data. A field that the data cuts in
    /// two ends the block: some clients pad, some miscount.
    fn decode_tail(&mut self, cursor: &mut Cursor<'_>) -> DecodeResult<()> {
        self.post_beta2_color_depth = Some(cursor.u16()?);
        self.client_product_id = Some(cursor.u16()?);
        self.serial_number = Some(cursor.u32()?);
        self.high_color_depth = Some(cursor.u16()?);
        self.supported_color_depths = Some(ColorDepths::from_bits_retain(cursor.u16()?));
        self.early_capabilities = Some(EarlyCapabilities::from_bits_retain(cursor.u16()?));
        self.dig_product_id = Some(utf16_text(cursor.take(64)?));
        self.connection_type = Some(cursor.u8()?);
        cursor.skip(1)?;
        self.selected_protocol = Some(SecurityProtocols::from_bits_retain(cursor.u32()?));
        self.physical_size_mm = Some((cursor.u32()?, cursor.u32()?));
        self.orientation_degrees = Some(cursor.u16()?);
        self.scale_percent = Some((cursor.u32()?, cursor.u32()?));
        Ok(())
    }

    /// `None` at the first field that is absent.
    fn encode_tail(&self, out: &mut Vec<u8>) -> Option<()> {
        out.put_u16(self.post_beta2_color_depth?);
        out.put_u16(self.client_product_id?);
        out.put_u32(self.serial_number?);
        out.put_u16(self.high_color_depth?);
        out.put_u16(self.supported_color_depths?.bits());
        out.put_u16(self.early_capabilities?.bits());
        out.put_utf16_field(self.dig_product_id.as_ref()?, 64);
        out.put_u8(self.connection_type?);
        out.put_u8(0);
        out.put_u32(self.selected_protocol?.bits());
        let (width_mm, height_mm) = self.physical_size_mm?;
        out.put_u32(width_mm);
        out.put_u32(height_mm);
        out.put_u16(self.orientation_degrees?);
        let (desktop, device) = self.scale_percent?;
        out.put_u32(desktop);
        out.put_u32(device);
        Some(())
    }
}

impl Pdu for ClientCore {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("client core data");
        let mut core = Self {
            version: cursor.u32()?,
            desktop: Size::new(cursor.u16()?.into(), cursor.u16()?.into()),
            color_depth: cursor.u16()?,
            sas_sequence: cursor.u16()?,
            keyboard_layout: cursor.u32()?,
            client_build: cursor.u32()?,
            client_name: utf16_text(cursor.take(32)?),
            keyboard_type: cursor.u32()?,
            keyboard_subtype: cursor.u32()?,
            keyboard_function_keys: cursor.u32()?,
            ime_file_name: utf16_text(cursor.take(64)?),
            ..Self::default()
        };
        // The only way to fail is the end of the data.
        let _ = core.decode_tail(cursor);
        Ok(core)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.version);
        out.put_u16(self.desktop.width.min(0xffff) as u16);
        out.put_u16(self.desktop.height.min(0xffff) as u16);
        out.put_u16(self.color_depth);
        out.put_u16(self.sas_sequence);
        out.put_u32(self.keyboard_layout);
        out.put_u32(self.client_build);
        out.put_utf16_field(&self.client_name, 32);
        out.put_u32(self.keyboard_type);
        out.put_u32(self.keyboard_subtype);
        out.put_u32(self.keyboard_function_keys);
        out.put_utf16_field(&self.ime_file_name, 64);
        self.encode_tail(out);
    }
}
