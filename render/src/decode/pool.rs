//! Buffers that go round: a decoder fills one, the compositor empties it, the next takes it over.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Weak},
};

use oriel_codecs::remotefx::CoefficientTiles;
use parking_lot::Mutex;

/// Buffers kept for reuse, at most.
const MAX_BUFFERS: usize = 32;
/// Bytes kept for reuse, at most.
const MAX_BYTES: usize = 64 << 20;

/// Buffers that wait for their next use.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    kept: Mutex<Vec<Vec<u8>>>,
}

impl BufferPool {
    /// A buffer of `bytes` bytes, of any content.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> PooledBuffer {
        let mut kept = self.kept.lock();
        // The smallest that is large enough, else any, to be grown.
        let best = kept
            .iter()
            .enumerate()
            .filter(|(_, buffer)| buffer.len() >= bytes)
            .min_by_key(|(_, buffer)| buffer.len())
            .map(|(index, _)| index);
        let mut data = match best {
            Some(index) => kept.swap_remove(index),
            None => kept.pop().unwrap_or_default(),
        };
        drop(kept);
        // Never shortened: all of it was initialised once and need not be again.
        if data.len() < bytes {
            data.resize(bytes, 0);
        }
        PooledBuffer {
            data,
            bytes,
            pool: Arc::downgrade(self),
        }
    }
}

/// A buffer that goes back to its pool when it is dropped.
#[derive(Debug)]
pub(crate) struct PooledBuffer {
    data: Vec<u8>,
    /// Of them, those that were asked for.
    bytes: usize,
    pool: Weak<BufferPool>,
}

impl PooledBuffer {
    pub(crate) fn data(&self) -> &[u8] {
        &self.data[..self.bytes]
    }

    pub(crate) fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data[..self.bytes]
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            let mut kept = pool.kept.lock();
            let bytes: usize = kept.iter().map(Vec::capacity).sum();
            if kept.len() < MAX_BUFFERS && bytes + self.data.capacity() <= MAX_BYTES {
                kept.push(std::mem::take(&mut self.data));
            }
        }
    }
}

/// Sets of tiles that wait for their next use.
#[derive(Debug, Default)]
pub(crate) struct TileSets {
    kept: Mutex<Vec<CoefficientTiles>>,
}

/// Sets kept for reuse, at most.
const MAX_SETS: usize = 4;

impl TileSets {
    /// A set of any content.
    pub(crate) fn take(self: &Arc<Self>) -> PooledTiles {
        PooledTiles {
            tiles: self.kept.lock().pop().unwrap_or_default(),
            pool: Arc::downgrade(self),
        }
    }
}

/// Tiles whose memory goes back to its pool when they are dropped.
#[derive(Debug)]
pub struct PooledTiles {
    tiles: CoefficientTiles,
    pool: Weak<TileSets>,
}

impl Deref for PooledTiles {
    type Target = CoefficientTiles;

    fn deref(&self) -> &CoefficientTiles {
        &self.tiles
    }
}

impl DerefMut for PooledTiles {
    fn deref_mut(&mut self) -> &mut CoefficientTiles {
        &mut self.tiles
    }
}

impl Drop for PooledTiles {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            let mut kept = pool.kept.lock();
            let bytes: usize = kept.iter().map(CoefficientTiles::kept_bytes).sum();
            if kept.len() < MAX_SETS && bytes + self.tiles.kept_bytes() <= MAX_BYTES {
                kept.push(std::mem::take(&mut self.tiles));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_used_again() {
        let pool = Arc::new(BufferPool::default());
        let first = pool.take(1000);
        let address = first.data().as_ptr();
        drop(first);
        let second = pool.take(900);
        assert_eq!(second.data().as_ptr(), address);
        assert_eq!(second.data().len(), 900);
    }

    #[test]
    fn the_pool_keeps_no_more_than_its_bound() {
        let pool = Arc::new(BufferPool::default());
        let all: Vec<_> = (0..MAX_BUFFERS + 5).map(|_| pool.take(10)).collect();
        let huge = pool.take(MAX_BYTES + 1);
        drop(huge);
        assert!(pool.kept.lock().is_empty());
        drop(all);
        assert_eq!(pool.kept.lock().len(), MAX_BUFFERS);
    }
}
