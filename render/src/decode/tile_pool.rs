//! Threads that share a large payload's tiles.

use std::sync::OnceLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Payloads below this are decoded where they are: handing them over takes longer than it saves.
const MIN_BYTES: usize = 8 << 10;

/// A pool of threads named `oriel-tiles-N`, started when the first large payload comes. The codecs
/// split their work on the pool that they find themselves in, and do not where there is none.
#[derive(Debug)]
pub(crate) struct TilePool {
    threads: usize,
    pool: OnceLock<Option<ThreadPool>>,
}

impl TilePool {
    /// A pool of so many threads; of one or none, decoders run on the worker that calls.
    pub(super) fn new(threads: usize) -> Self {
        Self {
            threads,
            pool: OnceLock::new(),
        }
    }

    /// Runs a decoder on a payload of so many bytes, inside of the pool where that is worth it.
    pub(crate) fn run<R: Send>(&self, bytes: usize, decode: impl FnOnce() -> R + Send) -> R {
        let pool = (bytes >= MIN_BYTES && self.threads > 1)
            .then(|| self.pool.get_or_init(|| start(self.threads)).as_ref())
            .flatten();
        match pool {
            Some(pool) => pool.install(decode),
            None => decode(),
        }
    }
}

/// The pool, or none where the system refuses threads: decoding goes on without.
fn start(threads: usize) -> Option<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("oriel-tiles-{index}"))
        .build()
        .inspect_err(|error| tracing::warn!(%error, "tiles are decoded one after the other"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_payloads_leave_their_worker_and_only_for_several_threads() {
        let is_inside =
            |pool: &TilePool, bytes| pool.run(bytes, || rayon::current_thread_index().is_some());
        let pool = TilePool::new(2);
        assert!(!is_inside(&pool, MIN_BYTES - 1));
        assert!(pool.pool.get().is_none(), "not even started");
        assert!(is_inside(&pool, MIN_BYTES));
        assert!(!is_inside(&TilePool::new(1), MIN_BYTES));
        let name = pool.run(MIN_BYTES, || {
            std::thread::current().name().map(str::to_owned)
        });
        assert!(name.is_some_and(|name| name.starts_with("oriel-tiles-")));
    }
}
