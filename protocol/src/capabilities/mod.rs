//! Capability sets: what each side of a share can do (`[MS-RDPBCGR] 2.2.7`).
//!
//! The server lists its sets in the demand active PDU, the client answers with its own in the
//! confirm active PDU. A set whose type is not known, or that is too short for its type, is kept
//! as [`CapabilitySet::Raw`]: no set is worth a refused connection by its form alone.
//!
//! ```
//! use oriel_protocol::capabilities::{CapabilitySet, Share, find};
//!
//! let sets = [CapabilitySet::Share(Share { node_id: 0x3ea })];
//! assert_eq!(find!(&sets, Share).map(|set| set.node_id), Some(0x3ea));
//! assert!(find!(&sets, Pointer).is_none());
//! ```

mod bitmap;
mod bitmap_cache;
mod bitmap_codecs;
mod drawing_cache;
mod general;
mod input;
mod order;
mod pointer;
mod session;
mod surface;

pub use bitmap::*;
pub use bitmap_cache::*;
pub use bitmap_codecs::*;
pub use drawing_cache::*;
pub use general::*;
pub use input::*;
pub use order::*;
pub use pointer::*;
pub use session::*;
pub use surface::*;

use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire};

/// Bytes of `capabilitySetType` and `lengthCapability`.
const HEADER_BYTES: u16 = 2 + 2;

/// Finds the first set of a kind in a list of [`CapabilitySet`]s, by its variant's name.
#[macro_export]
#[doc(hidden)]
macro_rules! __find_capability {
    ($sets:expr, $kind:ident) => {
        $sets.iter().find_map(|set| match set {
            $crate::capabilities::CapabilitySet::$kind(set) => Some(set),
            _ => None,
        })
    };
}
#[doc(inline)]
pub use crate::__find_capability as find;

macro_rules! capability_sets {
    ($($(#[$doc:meta])* $name:ident = $kind:literal,)*) => {
        /// A capability set (`TS_CAPS_SET`, `[MS-RDPBCGR] 2.2.1.13.1.1.1`).
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum CapabilitySet {
            $($(#[$doc])* $name($name),)*
            /// A type that is not known, or data too short for its type.
            Raw {
                /// `capabilitySetType`.
                kind: u16,
                /// `capabilityData`.
                data: Vec<u8>,
            },
        }

        impl CapabilitySet {
            /// Its `capabilitySetType`.
            pub fn kind(&self) -> u16 {
                match self {
                    $(Self::$name(_) => $kind,)*
                    Self::Raw { kind, .. } => *kind,
                }
            }

            fn decode_data(kind: u16, data: &[u8]) -> DecodeResult<Self> {
                let cursor = &mut Cursor::new(data, "capability set");
                Ok(match kind {
                    $($kind => Self::$name($name::decode(cursor)?),)*
                    kind => Self::Raw { kind, data: data.to_vec() },
                })
            }

            fn encode_data(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(set) => set.encode(out),)*
                    Self::Raw { data, .. } => out.put(data),
                }
            }
        }
    };
}

capability_sets! {
    /// Platform and basic features.
    General = 1,
    /// Size and depth of the desktop.
    Bitmap = 2,
    /// Drawing orders.
    Order = 3,
    /// Bitmap caches, first revision.
    BitmapCache = 4,
    /// Control of the session, a relic.
    Control = 5,
    /// Window activation, a relic.
    WindowActivation = 7,
    /// Mouse pointer caches.
    Pointer = 8,
    /// Channel of the sender.
    Share = 9,
    /// Color table cache.
    ColorCache = 10,
    /// Beeps.
    Sound = 12,
    /// Input events.
    Input = 13,
    /// Fonts, a relic.
    Font = 14,
    /// Brushes.
    Brush = 15,
    /// Glyph caches.
    GlyphCache = 16,
    /// Offscreen bitmap cache.
    OffscreenCache = 17,
    /// The server keeps persistent bitmap caches.
    BitmapCacheHostSupport = 18,
    /// Bitmap caches, second revision.
    BitmapCacheRevision2 = 19,
    /// Virtual channels.
    VirtualChannel = 20,
    /// Nine-grid bitmaps.
    DrawNineGridCache = 21,
    /// GDI+.
    DrawGdiPlus = 22,
    /// Remote programs.
    RemotePrograms = 23,
    /// Window list.
    WindowList = 24,
    /// Desktop composition.
    DesktopComposition = 25,
    /// Size of fragmented fast-path updates.
    MultifragmentUpdate = 26,
    /// Large mouse pointers.
    LargePointer = 27,
    /// Surface commands.
    SurfaceCommands = 28,
    /// Codecs of surface commands.
    BitmapCodecs = 29,
    /// Frame acknowledgements.
    FrameAcknowledge = 30,
}

impl Pdu for CapabilitySet {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        const CONTEXT: &str = "capability set";
        cursor.set_context(CONTEXT);
        let kind = cursor.u16()?;
        let length = cursor.u16()?;
        let Some(data_bytes) = length.checked_sub(HEADER_BYTES) else {
            return Err(DecodeError::invalid(CONTEXT, "lengthCapability", length));
        };
        let data = cursor.take(data_bytes.into())?;
        Ok(Self::decode_data(kind, data).unwrap_or_else(|_| Self::Raw {
            kind,
            data: data.to_vec(),
        }))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.put_u16(self.kind());
        out.put_u16(0);
        self.encode_data(out);
        let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
        out[start + 2..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// Reads `numberCapabilities`, padding and the sets, as demand and confirm active PDUs have them.
/// A count higher than what the data holds ends the list at the data's end.
pub(crate) fn decode_sets(cursor: &mut Cursor<'_>) -> DecodeResult<Vec<CapabilitySet>> {
    let count = cursor.u16()?;
    cursor.skip(2)?;
    let mut sets = Vec::new();
    for _ in 0..count {
        if cursor.is_empty() {
            break;
        }
        sets.push(CapabilitySet::decode(cursor)?);
    }
    Ok(sets)
}

/// Appends `numberCapabilities`, padding and the sets.
pub(crate) fn encode_sets(sets: &[CapabilitySet], out: &mut Vec<u8>) {
    out.put_u16(sets.len() as u16);
    out.put_zeros(2);
    for set in sets {
        set.encode(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_too_short_for_its_type_is_kept_raw() {
        let bytes = [1, 0, 6, 0, 0xaa, 0xbb];
        let set = CapabilitySet::decode(&mut Cursor::new(&bytes, "test")).unwrap();
        assert_eq!(
            set,
            CapabilitySet::Raw {
                kind: 1,
                data: vec![0xaa, 0xbb]
            }
        );
        assert_eq!(set.to_vec(), bytes);
    }

    #[test]
    fn a_length_shorter_than_its_header_or_longer_than_the_data_is_refused() {
        for bytes in [[1, 0, 3, 0], [1, 0, 5, 0]] {
            assert!(CapabilitySet::decode(&mut Cursor::new(&bytes, "test")).is_err());
        }
    }
}
