//! Putting the blocks of one dynamic channel's messages together (`[MS-RDPEDYC] 3.1.5.2.3`).

use super::MESSAGE_LIMIT;
use crate::wire::{DecodeError, DecodeResult};

const CONTEXT: &str = "dynamic channel data";

/// One direction of one channel.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    partial: Option<Partial>,
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
        data: &[u8],
    ) -> DecodeResult<Option<Vec<u8>>> {
        refuse_compression(is_compressed)?;
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
        let mut collected = Vec::with_capacity(length.min(256 * 1024));
        collected.extend_from_slice(data);
        self.partial = Some(Partial {
            data: collected,
            length,
        });
        self.take_if_whole()
    }

    /// Takes a block that continues a message, or is one.
    pub(super) fn handle_next(
        &mut self,
        is_compressed: bool,
        data: &[u8],
    ) -> DecodeResult<Option<Vec<u8>>> {
        refuse_compression(is_compressed)?;
        let Some(partial) = &mut self.partial else {
            return Ok(Some(data.to_vec()));
        };
        partial.data.extend_from_slice(data);
        self.take_if_whole()
    }

    fn take_if_whole(&mut self) -> DecodeResult<Option<Vec<u8>>> {
        let Some(partial) = &self.partial else {
            return Ok(None);
        };
        if partial.data.len() < partial.length {
            return Ok(None);
        }
        let Some(Partial { data, length }) = self.partial.take() else {
            return Ok(None);
        };
        if data.len() > length {
            return Err(DecodeError::invalid(CONTEXT, "length", length as u64));
        }
        Ok(Some(data))
    }
}

fn refuse_compression(is_compressed: bool) -> DecodeResult<()> {
    if is_compressed {
        // Only allowed from version 3 on, which is never agreed on.
        return Err(DecodeError::Compression {
            context: CONTEXT,
            reason: "compressed data was not negotiated".to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
    fn compressed_blocks_are_refused_since_they_were_not_agreed_on() {
        let mut inbox = Inbox::default();
        assert!(inbox.handle_first(3, true, b"ab").is_err());
        assert!(inbox.handle_next(true, b"ab").is_err());
    }
}
