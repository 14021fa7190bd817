//! Memory that is written once for each picture, and kept for the next one.

use std::sync::Arc;

use parking_lot::Mutex;

/// What waits for its next picture, at most.
const MAX_FREE: usize = 12;

/// What is free to be written again, the latest last.
#[derive(Debug)]
pub(super) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Pool<T> {
    /// Takes out the latest that fits.
    pub(super) fn take(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let mut free = self.0.lock();
        let at = free.iter().rposition(fits)?;
        Some(free.remove(at))
    }
}

/// Keeps what holds a picture from being written again.
#[derive(Debug)]
pub(super) struct Lease<T> {
    /// There until it is dropped.
    item: Option<T>,
    pool: Arc<Pool<T>>,
}

impl<T> Lease<T> {
    /// A lease on what goes to the pool after it.
    pub(super) fn new(item: T, pool: &Arc<Pool<T>>) -> Self {
        Self {
            item: Some(item),
            pool: pool.clone(),
        }
    }
}

impl<T> Drop for Lease<T> {
    fn drop(&mut self) {
        let mut free = self.pool.0.lock();
        free.extend(self.item.take());
        // Those of decoders that are gone come to the front in time.
        let surplus = free.len().saturating_sub(MAX_FREE);
        let dropped: Vec<_> = free.drain(..surplus).collect();
        drop(free);
        drop(dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_leased_comes_back_and_the_latest_that_fits_is_taken() {
        let pool = Arc::new(Pool::default());
        let leases: Vec<_> = [1, 2, 3, 4].map(|item| Lease::new(item, &pool)).into();
        assert_eq!(pool.take(|_| true), None, "all are leased");
        drop(leases);
        assert_eq!(pool.take(|item| item % 2 == 1), Some(3));
        assert_eq!(pool.take(|item| item % 2 == 1), Some(1));
        assert_eq!(pool.take(|item| item % 2 == 1), None);
        assert_eq!(pool.take(|_| true), Some(4));
    }

    #[test]
    fn the_oldest_go_where_too_many_are_free() {
        let pool = Arc::new(Pool::default());
        let leases: Vec<_> = (0..MAX_FREE + 2)
            .map(|item| Lease::new(item, &pool))
            .collect();
        drop(leases);
        assert_eq!(pool.take(|item| *item < 2), None);
        assert_eq!(pool.take(|item| *item == 2), Some(2));
        assert_eq!(pool.0.lock().len(), MAX_FREE - 1);
    }
}
