//! Static virtual channel messages in chunks (`[MS-RDPBCGR] 2.2.6.1`, `3.1.5.2`).

use std::borrow::Cow;

use oriel_codecs::bulk::{BulkCompressor, BulkDecompressor, PACKET_COMPRESSED};

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

impl ChannelFlags {
    /// Where the flags of bulk compression lie.
    const BULK_SHIFT: u32 = 16;

    /// The flags that a bulk compressor gave to a chunk.
    fn from_bulk(flags: u8) -> Self {
        Self::from_bits_retain(u32::from(flags) << Self::BULK_SHIFT)
    }

    /// The flags for a bulk decompressor.
    fn bulk(self) -> u8 {
        (self.bits() >> Self::BULK_SHIFT) as u8 & !0x10
    }
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

const CONTEXT: &str = "virtual channel chunk";

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

    /// True between the first chunk of a message and its last.
    pub fn is_partial(&self) -> bool {
        self.partial.is_some()
    }

    /// Takes the user data of one MCS PDU, header included, and yields the message that it
    /// completes. A message in a single chunk that is not compressed is not copied. `bulk` is that
    /// of the whole connection.
    ///
    /// # Errors
    /// A chunk out of sequence, more data than the first chunk announced, a message over the
    /// limit, or a chunk that does not decompress.
    pub fn handle_chunk<'a>(
        &mut self,
        pdu: &'a [u8],
        bulk: &mut BulkDecompressor,
    ) -> DecodeResult<Option<Cow<'a, [u8]>>> {
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
        let length = header.length as usize;
        self.check_length(length)?;
        let sent = cursor.rest();
        let data = bulk
            .decompress(flags.bulk(), sent)
            .map_err(|error| DecodeError::compression(CONTEXT, error))?;
        let is_compressed = flags.contains(ChannelFlags::PACKET_COMPRESSED);
        if is_compressed {
            self.check_length(data.len())?;
        }
        let alone = || {
            if is_compressed {
                Cow::Owned(data.to_vec())
            } else {
                Cow::Borrowed(sent)
            }
        };
        let is_first = flags.contains(ChannelFlags::FIRST);
        let is_last = flags.contains(ChannelFlags::LAST);
        if is_first {
            // A message that was cut short by a new one is lost, as the servers do it.
            self.partial = None;
            if is_last {
                return Ok(Some(alone()));
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
            return Ok(Some(alone()));
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

    fn check_length(&self, length: usize) -> DecodeResult<()> {
        if length <= self.limit {
            return Ok(());
        }
        Err(DecodeError::TooLarge {
            context: CONTEXT,
            field: "length",
            value: length as u64,
            limit: self.limit as u64,
        })
    }
}

/// Cuts a message for a static channel: `emit` gets each chunk with its header, to be sent as the
/// user data of an MCS PDU.
///
/// `options` is added to every chunk; [`ChannelFlags::SHOW_PROTOCOL`] is set in any case where the
/// message has several (`[MS-RDPBCGR] 3.1.5.2.1`). With `bulk` each chunk is compressed where that
/// makes it smaller: chunks must then go out in the order in which they are emitted.
pub fn write_chunks(
    message: &[u8],
    chunk_length: usize,
    options: ChannelFlags,
    mut bulk: Option<&mut BulkCompressor>,
    mut emit: impl FnMut(&[u8]),
) {
    let chunk_length = chunk_length.max(1);
    // Messages are in memory and made by this process, far below 4 GiB.
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let count = message.len().div_ceil(chunk_length).max(1);
    let mut packed = Vec::new();
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
        let piece = &message[start..end];
        packed.clear();
        let bulk_flags = match &mut bulk {
            Some(bulk) => bulk.compress(piece, &mut packed),
            None => 0,
        };
        let data = if bulk_flags & PACKET_COMPRESSED == 0 {
            piece
        } else {
            flags |= ChannelFlags::from_bulk(bulk_flags);
            &packed
        };
        buffer.clear();
        ChannelHeader { length, flags }.encode(&mut buffer);
        buffer.put(data);
        emit(&buffer);
    }
}

#[cfg(test)]
mod tests {
    use oriel_codecs::bulk::CompressionLevel;
    use proptest::prelude::*;

    use super::*;

    fn chunks(message: &[u8], chunk_length: usize) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        write_chunks(
            message,
            chunk_length,
            ChannelFlags::empty(),
            None,
            |chunk| {
                all.push(chunk.to_vec());
            },
        );
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
        let message = ChannelReassembler::new(100)
            .handle_chunk(chunk, &mut BulkDecompressor::new())
            .unwrap();
        assert!(matches!(message, Some(Cow::Borrowed(b"hello"))));
    }

    #[test]
    fn a_chunk_that_was_never_started_or_overflows_is_refused() {
        let mut reassembler = ChannelReassembler::new(100);
        let all = chunks(&[1; 30], 10);
        assert!(
            reassembler
                .handle_chunk(&all[2], &mut BulkDecompressor::new())
                .is_err()
        );
        assert_eq!(
            reassembler.handle_chunk(&all[0], &mut BulkDecompressor::new()),
            Ok(None)
        );
        assert_eq!(
            reassembler.handle_chunk(&all[1], &mut BulkDecompressor::new()),
            Ok(None)
        );
        assert_eq!(
            reassembler.handle_chunk(&all[1], &mut BulkDecompressor::new()),
            Ok(None)
        );
        assert!(
            reassembler
                .handle_chunk(&all[1], &mut BulkDecompressor::new())
                .is_err()
        );
    }

    #[test]
    fn a_message_over_the_limit_is_refused_at_its_first_chunk() {
        let all = chunks(&[1; 101], 10);
        assert!(matches!(
            ChannelReassembler::new(100).handle_chunk(&all[0], &mut BulkDecompressor::new()),
            Err(DecodeError::TooLarge { value: 101, .. })
        ));
    }

    #[test]
    fn suspend_and_resume_are_kept_and_yield_no_message() {
        let mut reassembler = ChannelReassembler::new(100);
        let header = |flags| ChannelHeader { length: 0, flags }.to_vec();
        assert_eq!(
            reassembler.handle_chunk(&header(ChannelFlags::SUSPEND), &mut BulkDecompressor::new()),
            Ok(None)
        );
        assert!(reassembler.is_suspended());
        assert_eq!(
            reassembler.handle_chunk(&header(ChannelFlags::RESUME), &mut BulkDecompressor::new()),
            Ok(None)
        );
        assert!(!reassembler.is_suspended());
    }

    #[test]
    fn compressed_chunks_become_the_message_that_was_cut() {
        for level in CompressionLevel::ALL {
            let mut compressor = BulkCompressor::new(level);
            let mut decompressor = BulkDecompressor::new();
            let mut reassembler = ChannelReassembler::new(5000);
            for length in [10, 1600, 4321] {
                let message: Vec<u8> = (0..length).map(|at| (at % 7) as u8).collect();
                let (mut bytes, mut whole) = (0, None);
                let bulk = Some(&mut compressor);
                write_chunks(&message, 1600, ChannelFlags::empty(), bulk, |chunk| {
                    bytes += chunk.len();
                    let next = reassembler.handle_chunk(chunk, &mut decompressor).unwrap();
                    whole = next.map(Cow::into_owned);
                });
                assert_eq!(whole, Some(message), "{level:?}");
                assert!(bytes < length / 10 + 150, "{level:?}: {bytes}");
            }
        }
    }

    #[test]
    fn a_compressed_chunk_over_the_limit_is_refused() {
        let mut compressor = BulkCompressor::new(CompressionLevel::K64);
        let mut reassembler = ChannelReassembler::new(100);
        let bulk = Some(&mut compressor);
        write_chunks(&[7; 101], 1600, ChannelFlags::empty(), bulk, |chunk| {
            let mut chunk = chunk.to_vec();
            chunk[0] = 100;
            let result = reassembler.handle_chunk(&chunk, &mut BulkDecompressor::new());
            assert!(matches!(
                result,
                Err(DecodeError::TooLarge { value: 101, .. })
            ));
        });
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
                prop_assert_eq!(reassembler.handle_chunk(chunk, &mut BulkDecompressor::new()).unwrap(), None);
            }
            prop_assert_eq!(&*reassembler.handle_chunk(last, &mut BulkDecompressor::new()).unwrap().unwrap(), &message[..]);
        }

        #[test]
        fn random_chunks_never_panic(
            all in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
        ) {
            let mut reassembler = ChannelReassembler::new(64);
            for mut chunk in all {
                if chunk.len() > 8 { chunk[1..4].fill(0); chunk[5..8].fill(0); }
                let _ = reassembler.handle_chunk(&chunk, &mut BulkDecompressor::new());
            }
        }
    }
}
