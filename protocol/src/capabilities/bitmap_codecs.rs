//! Codecs of surface commands (`[MS-RDPBCGR] 2.2.7.2.10`, `[MS-RDPRFX] 2.2.1.1`,
//! `[MS-RDPNSC] 2.2.1`).

use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire};

/// Names a codec (`[MS-RDPBCGR] 2.2.7.2.10.1.1.1`), in the wire's byte order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CodecGuid(pub [u8; 16]);

impl CodecGuid {
    /// `CODEC_GUID_NSCODEC`.
    pub const NSCODEC: Self =
        Self(*b"\xb9\x1b\x8d\xca\x0f\x00\x4f\x15\x58\x9f\xae\x2d\x1a\x87\xe2\xd6");
    /// `CODEC_GUID_REMOTEFX`.
    pub const REMOTEFX: Self =
        Self(*b"\x12\x2f\x77\x76\x72\xbd\x63\x44\xaf\xb3\xb7\x3c\x9c\x6f\x78\x86");
    /// `CODEC_GUID_IMAGE_REMOTEFX`.
    pub const IMAGE_REMOTEFX: Self =
        Self(*b"\xd4\xcc\x44\x27\x8a\x9d\x74\x4e\x80\x3c\x0e\xcb\xee\xa1\x9c\x54");
    /// JPEG, which Microsoft has no name for, as FreeRDP names it.
    pub const JPEG: Self =
        Self(*b"\xed\x9e\x0c\x43\xaf\x1b\xe6\x4c\x86\x9a\xcb\x8b\x37\xb6\x62\x37");
    /// JPEG as xrdp names it: the same digits, grouped otherwise.
    pub const JPEG_XRDP: Self =
        Self(*b"\xe6\x4c\xaf\x1b\xed\x9e\x0c\x43\x86\x9a\xcb\x8b\x37\xb6\x62\x37");
    /// `CODEC_GUID_IGNORE`.
    pub const IGNORE: Self =
        Self(*b"\xa6\x51\x43\x9c\x35\x35\xae\x42\x91\x0c\xcd\xfc\xe5\x76\x0b\x58");
}

impl std::fmt::Debug for CodecGuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match *self {
            Self::NSCODEC => "NSCODEC",
            Self::REMOTEFX => "REMOTEFX",
            Self::IMAGE_REMOTEFX => "IMAGE_REMOTEFX",
            Self::JPEG => "JPEG",
            Self::JPEG_XRDP => "JPEG_XRDP",
            Self::IGNORE => "IGNORE",
            Self(other) => return write!(f, "{:032x}", u128::from_be_bytes(other)),
        };
        f.write_str(name)
    }
}

/// Properties of NSCodec (`TS_NSCODEC_CAPABILITYSET`, `[MS-RDPNSC] 2.2.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NsCodecProperties {
    /// Colours may lose bits, by pixel.
    pub dynamic_fidelity: bool,
    /// Chroma may be subsampled.
    pub subsampling: bool,
    /// Most bits that colours may lose, 1 to 7.
    pub color_loss_level: u8,
}

/// One way of running RemoteFX (`TS_RFX_ICAP`, `[MS-RDPRFX] 2.2.1.1.1.1.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteFxMode {
    /// [`IMAGE`](Self::IMAGE) or 0.
    pub flags: u8,
    /// [`RLGR1`](Self::RLGR1) or [`RLGR3`](Self::RLGR3).
    pub entropy: u8,
}

impl RemoteFxMode {
    /// `CODEC_MODE`: headers precede every frame, rather than the stream alone.
    pub const IMAGE: u8 = 0x02;
    /// `CLW_ENTROPY_RLGR1`: takes fewer bits where colours are few.
    pub const RLGR1: u8 = 0x01;
    /// `CLW_ENTROPY_RLGR3`: takes fewer bits for photographs.
    pub const RLGR3: u8 = 0x04;
}

/// What a client tells about RemoteFX (`TS_RFX_CLNT_CAPS_CONTAINER`, `[MS-RDPRFX] 2.2.1.1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFxProperties {
    /// [`CAPTURE_NON_CAC`](Self::CAPTURE_NON_CAC) or 0.
    pub capture_flags: u32,
    /// Modes, best first.
    pub modes: Vec<RemoteFxMode>,
}

impl RemoteFxProperties {
    /// `CARDP_CAPS_CAPTURE_NON_CAC`: other codecs may be mixed in.
    pub const CAPTURE_NON_CAC: u32 = 1;
}

/// A codec's properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecProperties {
    /// NSCodec's.
    NsCodec(NsCodecProperties),
    /// RemoteFX's, from a client.
    RemoteFx(RemoteFxProperties),
    /// Those of other codecs, and the zeros that a server sends for RemoteFX.
    Raw(Vec<u8>),
}

/// A codec (`TS_BITMAPCODEC`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitmapCodec {
    /// Which.
    pub guid: CodecGuid,
    /// How the client names it on the wire; 1 is NSCodec's and 3 RemoteFX's by custom.
    pub id: u8,
    /// Its properties.
    pub properties: CodecProperties,
}

/// Codecs of surface commands (`TS_BITMAPCODECS_CAPABILITYSET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitmapCodecs {
    /// Up to 255.
    pub codecs: Vec<BitmapCodec>,
}

impl Pdu for BitmapCodecs {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        cursor.set_context("bitmap codecs capability set");
        let count = cursor.u8()?;
        let mut codecs = Vec::new();
        for _ in 0..count {
            let guid = CodecGuid(cursor.array()?);
            let id = cursor.u8()?;
            let bytes = usize::from(cursor.u16()?);
            codecs.push(BitmapCodec {
                guid,
                id,
                properties: CodecProperties::decode(guid, cursor.take(bytes)?),
            });
        }
        Ok(Self { codecs })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let codecs = &self.codecs[..self.codecs.len().min(255)];
        out.put_u8(codecs.len() as u8);
        for codec in codecs {
            out.put(&codec.guid.0);
            out.put_u8(codec.id);
            let mut properties = Vec::new();
            codec.properties.encode(&mut properties);
            out.put_u16(properties.len() as u16);
            out.put(&properties);
        }
    }
}

impl CodecProperties {
    /// Properties of a form other than the codec's own stay raw.
    fn decode(guid: CodecGuid, bytes: &[u8]) -> Self {
        let typed = match guid {
            CodecGuid::NSCODEC => NsCodecProperties::decode(bytes).map(Self::NsCodec),
            CodecGuid::REMOTEFX | CodecGuid::IMAGE_REMOTEFX => {
                RemoteFxProperties::decode(bytes).map(Self::RemoteFx)
            }
            _ => return Self::Raw(bytes.to_vec()),
        };
        typed.unwrap_or_else(|_| Self::Raw(bytes.to_vec()))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::NsCodec(properties) => {
                out.put_u8(properties.dynamic_fidelity.into());
                out.put_u8(properties.subsampling.into());
                out.put_u8(properties.color_loss_level);
            }
            Self::RemoteFx(properties) => properties.encode(out),
            Self::Raw(bytes) => out.put(bytes),
        }
    }
}

impl NsCodecProperties {
    fn decode(bytes: &[u8]) -> DecodeResult<Self> {
        let mut cursor = Cursor::new(bytes, "NSCodec properties");
        Ok(Self {
            dynamic_fidelity: cursor.u8()? != 0,
            subsampling: cursor.u8()? != 0,
            color_loss_level: cursor.u8()?,
        })
    }
}

/// `CBY_CAPS`.
const RFX_CAPS: u16 = 0xcbc0;
/// `CBY_CAPSET`.
const RFX_CAPSET: u16 = 0xcbc1;
/// `CLY_CAPSET`.
const RFX_CAPSET_TYPE: u16 = 0xcfc0;
/// `CLW_VERSION_1_0`.
const RFX_VERSION: u16 = 0x0100;
/// `CT_TILE_64x64`.
const RFX_TILE_SIZE: u16 = 64;
/// A `TS_RFX_ICAP`: version, tile size, flags, colour conversion, transform, entropy.
const RFX_ICAP_BYTES: u16 = 2 + 2 + 1 + 1 + 1 + 1;
/// A `TS_RFX_CAPS`: type, length, count.
const RFX_CAPS_BYTES: u32 = 2 + 4 + 2;
/// A `TS_RFX_CAPSET` before its icaps: type, length, codec, set type, count, size.
const RFX_CAPSET_BYTES: u32 = 2 + 4 + 1 + 2 + 2 + 2;

impl RemoteFxProperties {
    fn decode(bytes: &[u8]) -> DecodeResult<Self> {
        const CONTEXT: &str = "RemoteFX properties";
        let mut cursor = Cursor::new(bytes, CONTEXT);
        cursor.skip(4)?; // length
        let capture_flags = cursor.u32()?;
        cursor.skip(4)?; // capsLength
        let expect = |found: u16, wanted: u16, field| {
            (found == wanted)
                .then_some(())
                .ok_or(DecodeError::invalid(CONTEXT, field, found))
        };
        expect(cursor.u16()?, RFX_CAPS, "blockType")?;
        cursor.skip(4)?;
        expect(cursor.u16()?, 1, "numCapsets")?;
        expect(cursor.u16()?, RFX_CAPSET, "blockType")?;
        cursor.skip(4 + 1)?;
        expect(cursor.u16()?, RFX_CAPSET_TYPE, "capsetType")?;
        let count = cursor.u16()?;
        expect(cursor.u16()?, RFX_ICAP_BYTES, "icapLen")?;
        let mut modes = Vec::new();
        for _ in 0..count {
            expect(cursor.u16()?, RFX_VERSION, "version")?;
            expect(cursor.u16()?, RFX_TILE_SIZE, "tileSize")?;
            let flags = cursor.u8()?;
            cursor.skip(1 + 1)?; // ICT and DWT 5/3, the only ones there are
            modes.push(RemoteFxMode {
                flags,
                entropy: cursor.u8()?,
            });
        }
        Ok(Self {
            capture_flags,
            modes,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let capset_bytes = RFX_CAPSET_BYTES + u32::from(RFX_ICAP_BYTES) * self.modes.len() as u32;
        let caps_bytes = RFX_CAPS_BYTES + capset_bytes;
        out.put_u32(4 + 4 + 4 + caps_bytes);
        out.put_u32(self.capture_flags);
        out.put_u32(caps_bytes);
        out.put_u16(RFX_CAPS);
        out.put_u32(RFX_CAPS_BYTES);
        out.put_u16(1);
        out.put_u16(RFX_CAPSET);
        out.put_u32(capset_bytes);
        out.put_u8(1);
        out.put_u16(RFX_CAPSET_TYPE);
        out.put_u16(self.modes.len() as u16);
        out.put_u16(RFX_ICAP_BYTES);
        for mode in &self.modes {
            out.put_u16(RFX_VERSION);
            out.put_u16(RFX_TILE_SIZE);
            out.put_u8(mode.flags);
            out.put_u8(1); // CLW_COL_CONV_ICT
            out.put_u8(1); // CLW_XFORM_DWT_53_A
            out.put_u8(mode.entropy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_that_a_server_sends_for_remotefx_stay_raw() {
        let set = BitmapCodecs {
            codecs: vec![BitmapCodec {
                guid: CodecGuid::REMOTEFX,
                id: 0,
                properties: CodecProperties::Raw(vec![0; 4]),
            }],
        };
        let bytes = set.to_vec();
        assert_eq!(
            BitmapCodecs::decode(&mut Cursor::new(&bytes, "test")),
            Ok(set)
        );
    }

    #[test]
    fn a_client_container_is_49_bytes_with_one_mode_more_than_41() {
        let properties = |count| RemoteFxProperties {
            capture_flags: 1,
            modes: vec![
                RemoteFxMode {
                    flags: 0,
                    entropy: 4
                };
                count
            ],
        };
        for (modes, bytes) in [(1, 41), (2, 49)] {
            let mut out = Vec::new();
            properties(modes).encode(&mut out);
            assert_eq!(out.len(), bytes);
            assert_eq!(out[0] as usize, bytes);
            assert_eq!(RemoteFxProperties::decode(&out), Ok(properties(modes)));
        }
    }
}
