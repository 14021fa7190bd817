use super::{CompressionLevel, mppc, ncrush, xcrush};

/// Shorter messages cost more than they would save.
const MIN_MESSAGE_BYTES: usize = 24;

#[derive(Debug)]
enum Engine {
    Mppc(mppc::Compressor),
    Ncrush(ncrush::Compressor),
    Xcrush(xcrush::Compressor),
}

/// Packs messages for a peer's [`BulkDecompressor`](super::BulkDecompressor) that sees all of
/// them, in order.
#[derive(Debug)]
pub struct BulkCompressor {
    level: CompressionLevel,
    engine: Engine,
}

impl BulkCompressor {
    /// A compressor that has seen nothing yet.
    pub fn new(level: CompressionLevel) -> Self {
        let engine = match level {
            CompressionLevel::K8 => Engine::Mppc(mppc::Compressor::new(mppc::Form::K8)),
            CompressionLevel::K64 => Engine::Mppc(mppc::Compressor::new(mppc::Form::K64)),
            CompressionLevel::Rdp6 => Engine::Ncrush(ncrush::Compressor::new()),
            CompressionLevel::Rdp61 => Engine::Xcrush(xcrush::Compressor::new()),
        };
        Self { level, engine }
    }

    /// Which compressor it is.
    pub fn level(&self) -> CompressionLevel {
        self.level
    }

    /// Appends `data` to `out`, packed where that makes it smaller, and returns the flags that it
    /// must be sent under. Without `PACKET_COMPRESSED` among them it went as it is, and needs none.
    pub fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) -> u8 {
        if data.len() < MIN_MESSAGE_BYTES {
            out.extend_from_slice(data);
            return 0;
        }
        match &mut self.engine {
            Engine::Mppc(compressor) => compressor.compress(data, out),
            Engine::Ncrush(compressor) => compressor.compress(data, out),
            Engine::Xcrush(compressor) => compressor.compress(data, out),
        }
    }
}
