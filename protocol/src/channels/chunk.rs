//! Static virtual channel messages in chunks (`[MS-RDPBCGR] 2.2.6.1`, `3.1.5.2`).

use std::borrow::Cow;

use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire};

/// Most bytes of channel data in a chunk, where no other size was negotiated
/// (`CHANNEL_CHUNK_LENGTH`).
pub const CHUNK_LENGTH: usize = 1600;

bitflags::bitflags! {
    /// Control flags of a chunk (`[MS-RDPBCGR] 2.2.6.1.1`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ChannelFlags: u32 {
        /// First chunk of a message.
        const FIRST = 0x0000_0001;
        /// Last chunk of a message.
        const LAST = 0x0000_0002;
        /// The header is to be shown to the channel's endpoint.
        const SHOW_PROTOCOL = 0x0000_0010;
        /// The server wants silence on all channels.
        const SUSPEND = 0x0000_0020;
        /// The server ends the silence.
        const RESUME = 0x0000_0040;
        /// The chunk is compressed.
        const PACKET_COMPRESSED = 0x0020_0000;
        /// The decompressed chunk goes to the front of the history.
        const PACKET_AT_FRONT = 0x0040_0000;
        /// The history starts anew.
        const PACKET_FLUSHED = 0x0080_0000;
        /// Bits without a name: the type of compression among them.
        const _ = !0;
    }
}

/// What stands before each chunk (`CHANNEL_PDU_HEADER`, `[MS-RDPBCGR] 2.2.6.1.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelHeader {
    /// Bytes of the whole message.
    pub length: u32,
    /// Control flags.
    pub flags: ChannelFlags,
}

impl ChannelHeader {
    /// Bytes on the wire: length 4, flags 4.
    pub const BYTES: usize = 8;
}

impl Pdu for ChannelHeader {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        Ok(Self {
            length: cursor.u32()?,
            flags: ChannelFlags::from_bits_retain(cursor.u32()?),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.length);
        out.put_u32(self.flags.bits());
    }
}

/// Puts the chunks of one static channel together.
#[derive(Debug)]
pub struct ChannelReassembler {
    partial: Option<Vec<u8>>,
    expected: usize,
    limit: usize,
    is_suspended: bool,
}

impl ChannelReassembler {
    /// A reassembler that takes messages of up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            partial: None,
            expected: 0,
            limit,
            is_suspended: false,
        }
    }

    /// True while the server asks for silence.
    pub fn is_suspended(&self) -> bool {
        self.is_suspended
    }

    /// Takes the user data of one MCS PDU, header included, and yields the message that it
    /// completes. A message in a single chunk is not copied.
    ///
    /// # Errors
    /// A chunk out of sequence, more data than the first chunk announced, a message over the
    /// limit, or a compressed chunk, which this side never offers to read.
    pub fn handle_chunk<'a>(&mut self, pdu: &'a [u8]) -> DecodeResult<Option<Cow<'a, [u8]>>> {
        const CONTEXT: &str = "virtual channel chunk";
        let mut cursor = Cursor::new(pdu, CONTEXT);
        let header = ChannelHeader::decode(&mut cursor)?;
        let flags = header.flags;
        if flags.contains(ChannelFlags::SUSPEND) {
            self.is_suspended = true;
        }
        if flags.contains(ChannelFlags::RESUME) {
            self.is_suspended = false;
        }
        if flags.intersects(ChannelFlags::SUSPEND | ChannelFlags::RESUME) && cursor.is_empty() {
            return Ok(None);
        }
        let invalid = || DecodeError::invalid(CONTEXT, "flags", flags.bits());
        if flags.contains(ChannelFlags::PACKET_COMPRESSED) {
            return Err(invalid());
        }
        let length = header.length as usize;
        if length > self.limit {
            return Err(DecodeError::TooLarge {
                context: CONTEXT,
                field: "length",
                value: length as u64,
                limit: self.limit as u64,
            });
        }
        let data = cursor.rest();
        let is_first = flags.contains(ChannelFlags::FIRST);
        let is_last = flags.contains(ChannelFlags::LAST);
        if is_first {
            // A message that was cut short by a new one is lost, as the servers do it.
            self.partial = None;
            if is_last {
                return Ok(Some(Cow::Borrowed(data)));
            }
            self.expected = length;
            let mut partial = Vec::with_capacity(length.min(64 * 1024));
            partial.extend_from_slice(data);
            self.partial = Some(partial);
        } else if let Some(partial) = &mut self.partial {
            partial.extend_from_slice(data);
        } else if is_last {
            return Err(invalid());
        } else {
            // "not part of a chunked sequence": a message of its own (3.1.5.2.2).
            return Ok(Some(Cow::Borrowed(data)));
        }
        let collected = self.partial.as_ref().map_or(0, Vec::len);
        if collected > self.expected {
            self.partial = None;
            return Err(DecodeError::invalid(CONTEXT, "length", header.length));
        }
        if !is_last {
            return Ok(None);
        }
        if collected != self.expected {
            self.partial = None;
            return Err(DecodeError::invalid(CONTEXT, "length", header.length));
        }
        Ok(self.partial.take().map(Cow::Owned))
    }
}

/// Cuts a message for a static channel: `emit` gets each chunk with its header, to be sent as the
/// user data of an MCS PDU.
///
/// `options` is added to every chunk; [`ChannelFlags::SHOW_PROTOCOL`] is set in any case where the
/// message has several (`[MS-RDPBCGR] 3.1.5.2.1`).
pub fn write_chunks(
    message: &[u8],
    chunk_length: usize,
    options: ChannelFlags,
    mut emit: impl FnMut(&[u8]),
) {
    let chunk_length = chunk_length.max(1);
    // Messages are in memory and made by this process, far below 4 GiB.
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let count = message.len().div_ceil(chunk_length).max(1);
    let mut buffer = Vec::with_capacity(ChannelHeader::BYTES + message.len().min(chunk_length));
    for index in 0..count {
        let mut flags = options;
        flags.set(ChannelFlags::FIRST, index == 0);
        flags.set(ChannelFlags::LAST, index + 1 == count);
        if count > 1 {
            flags |= ChannelFlags::SHOW_PROTOCOL;
        }
        let start = index * chunk_length;
        let end = message.len().min(start + chunk_length);
        buffer.clear();
        ChannelHeader { length, flags }.encode(&mut buffer);
        buffer.put(&message[start..end]);
        emit(&buffer);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunks(message: &[u8], chunk_length: usize) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        write_chunks(message, chunk_length, ChannelFlags::empty(), |chunk| {
            all.push(chunk.to_vec());
        });
        all
    }

    #[test]
    fn the_specifications_example_of_2062_bytes_makes_three_chunks() {
        let all = chunks(&[7; 2062], 1000);
        let headers: Vec<_> = all
            .iter()
            .map(|c| ChannelHeader::decode(&mut Cursor::new(c, "test")).unwrap())
            .collect();
        assert_eq!(
            all.iter().map(|c| c.len() - 8).collect::<Vec<_>>(),
            [1000, 1000, 62]
        );
        assert!(headers.iter().all(|h| h.length == 2062));
        let show = ChannelFlags::SHOW_PROTOCOL;
        assert_eq!(headers[0].flags, ChannelFlags::FIRST | show);
        assert_eq!(headers[1].flags, show);
        assert_eq!(headers[2].flags, ChannelFlags::LAST | show);
    }

    #[test]
    fn a_message_in_one_chunk_is_not_copied() {
        let chunk = &chunks(b"hello", 1600)[0];
        let message = ChannelReassembler::new(100).handle_chunk(chunk).unwrap();
        assert!(matches!(message, Some(Cow::Borrowed(b"hello"))));
    }

    #[test]
    fn a_chunk_that_was_never_started_or_overflows_is_refused() {
        let mut reassembler = ChannelReassembler::new(100);
        let all = chunks(&[1; 30], 10);
        assert!(reassembler.handle_chunk(&all[2]).is_err());
        assert_eq!(reassembler.handle_chunk(&all[0]), Ok(None));
        assert_eq!(reassembler.handle_chunk(&all[1]), Ok(None));
        assert_eq!(reassembler.handle_chunk(&all[1]), Ok(None));
        assert!(reassembler.handle_chunk(&all[1]).is_err());
    }

    #[test]
    fn a_message_over_the_limit_is_refused_at_its_first_chunk() {
        let all = chunks(&[1; 101], 10);
        assert!(matches!(
            ChannelReassembler::new(100).handle_chunk(&all[0]),
            Err(DecodeError::TooLarge { value: 101, .. })
        ));
    }

    #[test]
    fn suspend_and_resume_are_kept_and_yield_no_message() {
        let mut reassembler = ChannelReassembler::new(100);
        let header = |flags| ChannelHeader { length: 0, flags }.to_vec();
        assert_eq!(
            reassembler.handle_chunk(&header(ChannelFlags::SUSPEND)),
            Ok(None)
        );
        assert!(reassembler.is_suspended());
        assert_eq!(
            reassembler.handle_chunk(&header(ChannelFlags::RESUME)),
            Ok(None)
        );
        assert!(!reassembler.is_suspended());
    }

    proptest! {
        #[test]
        fn any_message_survives_any_chunk_length(
            message in proptest::collection::vec(any::<u8>(), 0..5000),
            chunk_length in 1_usize..2000,
        ) {
            let mut reassembler = ChannelReassembler::new(5000);
            let all = chunks(&message, chunk_length);
            let (last, before) = all.split_last().unwrap();
            for chunk in before {
                prop_assert_eq!(reassembler.handle_chunk(chunk).unwrap(), None);
            }
            prop_assert_eq!(&*reassembler.handle_chunk(last).unwrap().unwrap(), &message[..]);
        }

        #[test]
        fn random_chunks_never_panic(
            all in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
        ) {
            let mut reassembler = ChannelReassembler::new(64);
            for mut chunk in all {
                if chunk.len() > 8 { chunk[1..4].fill(0); chunk[5..8].fill(0); }
                let _ = reassembler.handle_chunk(&chunk);
            }
        }
    }
}
