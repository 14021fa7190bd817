//! Putting the blocks of one dynamic channel's messages together (`[MS-RDPEDYC] 3.1.5.2.3`).

use oriel_codecs::bulk::zgfx::Decompressor;

use super::MESSAGE_LIMIT;
use crate::wire::{DecodeError, DecodeResult};

const CONTEXT: &str = "dynamic channel data";

/// One direction of one channel.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    partial: Option<Partial>,
    /// Made for the first compressed block: most channels never see one.
    decompressor: Option<Box<Decompressor>>,
}

#[derive(Debug)]
struct Partial {
    data: Vec<u8>,
    length: usize,
}

impl Inbox {
    /// Takes the first block of a message of `length` bytes.
    pub(super) fn handle_first(
        &mut self,
        length: u32,
        is_compressed: bool,
        block: &[u8],
    ) -> DecodeResult<Option<Vec<u8>>> {
        if length as usize > MESSAGE_LIMIT {
            return Err(DecodeError::TooLarge {
                context: CONTEXT,
                field: "length",
                value: length.into(),
                limit: MESSAGE_LIMIT as u64,
            });
        }
        let length = length as usize;
        // The announced length is only a promise: memory follows what has arrived.
        let mut data = Vec::with_capacity(length.min(256 * 1024));
        self.append(is_compressed, block, &mut data)?;
        self.collect(Partial { data, length })
    }

    /// Takes a block that continues a message, or is one.
    pub(super) fn handle_next(
        &mut self,
        is_compressed: bool,
        block: &[u8],
    ) -> DecodeResult<Option<Vec<u8>>> {
        let Some(mut partial) = self.partial.take() else {
            let mut whole = Vec::new();
            self.append(is_compressed, block, &mut whole)?;
            return Ok(Some(whole));
        };
        self.append(is_compressed, block, &mut partial.data)?;
        self.collect(partial)
    }

    /// True between the first block of a message and its last.
    pub(super) fn is_partial(&self) -> bool {
        self.partial.is_some()
    }

    fn append(&mut self, is_compressed: bool, block: &[u8], out: &mut Vec<u8>) -> DecodeResult<()> {
        if !is_compressed {
            out.extend_from_slice(block);
            return Ok(());
        }
        let decompressor = self
            .decompressor
            .get_or_insert_with(|| Box::new(Decompressor::lite()));
        decompressor
            .decompress(block, out)
            .map_err(|error| DecodeError::Compression {
                context: CONTEXT,
                reason: error.to_string(),
            })
    }

    fn collect(&mut self, partial: Partial) -> DecodeResult<Option<Vec<u8>>> {
        let Partial { data, length } = &partial;
        if data.len() > *length {
            return Err(DecodeError::invalid(CONTEXT, "length", *length as u64));
        }
        if data.len() == *length {
            return Ok(Some(partial.data));
        }
        self.partial = Some(partial);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use oriel_codecs::bulk::zgfx::Compressor;

    use super::*;

    #[test]
    fn blocks_are_collected_until_the_announced_length() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.handle_first(6, false, b"ab"), Ok(None));
        assert_eq!(inbox.handle_next(false, b"cd"), Ok(None));
        assert_eq!(
            inbox.handle_next(false, b"ef"),
            Ok(Some(b"abcdef".to_vec()))
        );
        assert_eq!(inbox.handle_next(false, b"g"), Ok(Some(b"g".to_vec())));
    }

    #[test]
    fn more_than_was_announced_is_an_error() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.handle_first(3, false, b"ab"), Ok(None));
        assert!(inbox.handle_next(false, b"cd").is_err());
        assert!(inbox.handle_first(1, false, b"ab").is_err());
    }

    #[test]
    fn compressed_and_plain_blocks_mix_in_one_message() {
        let mut compressor = Compressor::lite();
        let mut inbox = Inbox::default();
        let mut packed = |data: &[u8]| {
            let mut block = Vec::new();
            compressor.compress(data, &mut block);
            block
        };
        assert_eq!(
            inbox.handle_first(3000, true, &packed(&[1; 1000])),
            Ok(None)
        );
        assert_eq!(inbox.handle_next(false, &[2; 1000]), Ok(None));
        let whole = inbox
            .handle_next(true, &packed(&[1; 1000]))
            .unwrap()
            .unwrap();
        assert_eq!(whole, [[1; 1000], [2; 1000], [1; 1000]].concat());
    }

    #[test]
    fn a_block_that_does_not_decompress_is_an_error() {
        assert!(Inbox::default().handle_next(true, b"ab").is_err());
    }
}
