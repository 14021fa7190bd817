//! Splits the byte stream into frames: TPKT (`[T123]` section 8) and fast-path
//! (`[MS-RDPBCGR] 2.2.8.1.2`, `2.2.9.1.2`).
//!
//! The two share one stream; the low two bits of a frame's first byte tell them apart, 3 (the
//! TPKT version) against 0. What is received is copied once, into the reader's buffer; frames are
//! [`Bytes`] that share it.

use bytes::{Buf, Bytes, BytesMut};

use crate::wire::{DecodeError, DecodeResult, WriteWire};

/// Bytes of a TPKT header: version, reserved, 16-bit big-endian length of the whole frame.
pub const TPKT_HEADER_BYTES: usize = 4;

/// Most bytes of a fast-path frame, its header included: the length has 15 bits.
pub const MAX_FAST_PATH_BYTES: usize = 0x7fff;

/// Most bytes of a TPKT frame, its header included.
pub const MAX_TPKT_BYTES: usize = 0xffff;

/// One frame of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The X.224 TPDU inside a TPKT frame.
    Tpkt(Bytes),
    /// A whole fast-path PDU, from its first byte on.
    FastPath(Bytes),
}

impl Frame {
    /// Bytes that the frame took on the wire.
    pub fn wire_bytes(&self) -> usize {
        match self {
            Self::Tpkt(payload) => TPKT_HEADER_BYTES + payload.len(),
            Self::FastPath(pdu) => pdu.len(),
        }
    }

    /// Appends the frame as it is on the wire.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Tpkt(payload) => {
                // A frame that was read is never longer than its length field can tell.
                let bytes = self.wire_bytes() as u16;
                out.extend([3, 0]);
                out.extend(bytes.to_be_bytes());
                out.extend_from_slice(payload);
            }
            Self::FastPath(pdu) => out.extend_from_slice(pdu),
        }
    }
}

/// What the first bytes of a frame tell.
struct FrameHeader {
    header_bytes: usize,
    frame_bytes: usize,
    is_tpkt: bool,
}

impl FrameHeader {
    /// `None` where more bytes are needed.
    fn peek(data: &[u8]) -> DecodeResult<Option<Self>> {
        let Some(&first) = data.first() else {
            return Ok(None);
        };
        let header = match first & 0x03 {
            0x03 => {
                if first != 3 {
                    return Err(DecodeError::invalid("TPKT header", "version", first));
                }
                let Some(length) = data.get(2..4) else {
                    return Ok(None);
                };
                Self {
                    header_bytes: TPKT_HEADER_BYTES,
                    frame_bytes: usize::from(u16::from_be_bytes([length[0], length[1]])),
                    is_tpkt: true,
                }
            }
            0x00 => {
                let Some(&short) = data.get(1) else {
                    return Ok(None);
                };
                if short & 0x80 == 0 {
                    Self {
                        header_bytes: 2,
                        frame_bytes: usize::from(short),
                        is_tpkt: false,
                    }
                } else {
                    let Some(&low) = data.get(2) else {
                        return Ok(None);
                    };
                    Self {
                        header_bytes: 3,
                        frame_bytes: usize::from(u16::from_be_bytes([short & 0x7f, low])),
                        is_tpkt: false,
                    }
                }
            }
            _ => return Err(DecodeError::invalid("frame header", "action", first)),
        };
        // A TPKT frame holds at least the length indicator and code of a TPDU.
        let least = header.header_bytes + if header.is_tpkt { 2 } else { 0 };
        if header.frame_bytes < least {
            return Err(DecodeError::invalid(
                "frame header",
                "length",
                header.frame_bytes as u64,
            ));
        }
        Ok(Some(header))
    }
}

/// Collects received bytes and hands them out as whole frames.
///
/// Holds what was pushed and not yet taken; once [`FrameReader::next_frame`] has answered `None`,
/// that is less than one frame.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: BytesMut,
}

impl FrameReader {
    /// An empty reader.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes received bytes, in pieces of any size.
    pub fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// The next whole frame, `None` until more bytes come.
    ///
    /// # Errors
    ///
    /// Where the stream is neither TPKT nor fast-path. The place of the next frame is then
    /// unknown: nothing more can be read.
    pub fn next_frame(&mut self) -> DecodeResult<Option<Frame>> {
        let Some(header) = FrameHeader::peek(&self.buffer)? else {
            return Ok(None);
        };
        if self.buffer.len() < header.frame_bytes {
            // One allocation for the rest of the frame, of at most 64 KiB.
            self.buffer.reserve(header.frame_bytes - self.buffer.len());
            return Ok(None);
        }
        let mut frame = self.buffer.split_to(header.frame_bytes).freeze();
        Ok(Some(if header.is_tpkt {
            frame.advance(header.header_bytes);
            Frame::Tpkt(frame)
        } else {
            Frame::FastPath(frame)
        }))
    }

    /// Bytes that are not part of a frame that was handed out.
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len()
    }
}

/// Appends a TPKT frame whose content `write` appends; returns the frame's bytes.
///
/// # Panics
///
/// Where the content is over what 16 bits can tell: senders cut their data long before.
pub fn write_tpkt(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> usize {
    let start = out.len();
    out.put(&[3, 0, 0, 0]);
    write(out);
    let length = out.len() - start;
    let wire = u16::try_from(length).expect("a TPKT frame holds at most 65535 bytes");
    out[start + 2..start + 4].copy_from_slice(&wire.to_be_bytes());
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fast_path(header: u8, content: Vec<u8>, is_long: bool) -> Frame {
        let mut pdu = vec![header];
        if is_long || content.len() + 2 >= 0x80 {
            pdu.put_u16_be(0x8000 | (content.len() + 3) as u16);
        } else {
            pdu.put_u8((content.len() + 2) as u8);
        }
        pdu.put(&content);
        Frame::FastPath(pdu.into())
    }

    fn arbitrary_frame() -> impl Strategy<Value = Frame> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 2..400).prop_map(|data| Frame::Tpkt(data.into())),
            (
                0u8..64,
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..300),
                    prop::collection::vec(any::<u8>(), 4000..4003),
                ],
                any::<bool>(),
            )
                .prop_map(|(bits, content, is_long)| fast_path(
                    bits << 2,
                    content,
                    is_long
                )),
        ]
    }

    fn write(frame: &Frame, out: &mut Vec<u8>) -> usize {
        match frame {
            Frame::Tpkt(data) => write_tpkt(out, |out| out.put(data)),
            Frame::FastPath(pdu) => {
                out.put(pdu);
                pdu.len()
            }
        }
    }

    proptest! {
        #[test]
        fn frames_survive_any_chunking(
            frames in prop::collection::vec(arbitrary_frame(), 1..8),
            cuts in prop::collection::vec(1usize..200, 1..40),
        ) {
            let mut stream = Vec::new();
            for frame in &frames {
                prop_assert_eq!(write(frame, &mut stream), frame.wire_bytes());
            }
            let mut reader = FrameReader::new();
            let mut got = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                reader.push(now);
                rest = later;
                while let Some(frame) = reader.next_frame().unwrap() {
                    got.push(frame);
                }
            }
            prop_assert_eq!(got, frames);
            prop_assert_eq!(reader.pending_bytes(), 0);
        }

        #[test]
        fn random_bytes_never_hold_more_than_a_frame(data in prop::collection::vec(any::<u8>(), 0..4000)) {
            let mut reader = FrameReader::new();
            for chunk in data.chunks(50) {
                reader.push(chunk);
                loop {
                    match reader.next_frame() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => return Ok(()),
                    }
                }
                prop_assert!(reader.pending_bytes() < MAX_TPKT_BYTES);
            }
        }
    }

    #[test]
    fn what_does_not_speak_rdp_is_found_out_at_its_first_byte() {
        let mut reader = FrameReader::new();
        reader.push(b"HTTP/1.1 400 Bad Request\r\n");
        // 'H' is 0x48: low bits 0, so this looks like fast-path; what follows decides.
        assert!(reader.next_frame().is_ok());
        let mut reader = FrameReader::new();
        reader.push(b"SSH-2.0-OpenSSH_9.2\r\n");
        assert!(reader.next_frame().is_err());
    }

    #[test]
    fn a_length_shorter_than_its_header_is_refused() {
        for bytes in [&[3u8, 0, 0, 4][..], &[0, 1], &[0, 0x80, 2]] {
            let mut reader = FrameReader::new();
            reader.push(bytes);
            assert!(reader.next_frame().is_err(), "{bytes:02x?}");
        }
    }
}
