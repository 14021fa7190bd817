use super::{BulkError, CompressionLevel, PACKET_COMPRESSED, PACKET_FLUSHED, mppc, ncrush, xcrush};

/// Expands what a peer sends, by whichever compressor each message names.
///
/// One for each direction of a connection: fast-path updates, slow-path PDUs and channel chunks
/// share the peer's history. Each compressor's own is made when its first message comes, together
/// 2.5 MB at most.
///
/// ```
/// use oriel_codecs::bulk::{BulkCompressor, BulkDecompressor, CompressionLevel};
///
/// let (mut compressor, mut decompressor) =
///     (BulkCompressor::new(CompressionLevel::Rdp61), BulkDecompressor::new());
/// let mut wire = Vec::new();
/// let flags = compressor.compress(&[7; 1000], &mut wire);
/// assert!(wire.len() < 20);
/// assert_eq!(decompressor.decompress(flags, &wire)?, [7; 1000]);
/// # Ok::<(), oriel_codecs::bulk::BulkError>(())
/// ```
#[derive(Debug, Default)]
pub struct BulkDecompressor {
    mppc8k: Option<Box<mppc::Decompressor>>,
    mppc64k: Option<Box<mppc::Decompressor>>,
    ncrush: Option<Box<ncrush::Decompressor>>,
    xcrush: Option<Box<xcrush::Decompressor>>,
}

impl BulkDecompressor {
    /// A decompressor that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Expands one message: `flags` are the `PACKET_*` bits and, in the low nibble, the
    /// compressor (`[MS-RDPBCGR] 2.2.8.1.1.1.2`). One that is not compressed is handed back.
    ///
    /// # Errors
    /// Where the data is not what a compressor writes, or the compressor is none of these four.
    pub fn decompress<'a>(&'a mut self, flags: u8, data: &'a [u8]) -> Result<&'a [u8], BulkError> {
        // AT_FRONT comes with COMPRESSED alone.
        if flags & (PACKET_COMPRESSED | PACKET_FLUSHED) == 0 {
            return Ok(data);
        }
        match CompressionLevel::from_flags(flags)? {
            CompressionLevel::K8 => self
                .mppc8k
                .get_or_insert_with(|| Box::new(mppc::Decompressor::new(mppc::Form::K8)))
                .decompress(flags, data),
            CompressionLevel::K64 => self
                .mppc64k
                .get_or_insert_with(|| Box::new(mppc::Decompressor::new(mppc::Form::K64)))
                .decompress(flags, data),
            CompressionLevel::Rdp6 => self.ncrush.get_or_insert_default().decompress(flags, data),
            CompressionLevel::Rdp61 => self.xcrush.get_or_insert_default().decompress(flags, data),
        }
    }
}
