//! How much memory a decoder takes.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The system's allocator, which counts what Rust asks of it.
#[derive(Debug)]
pub struct Counting;

static NOW_BYTES: AtomicUsize = AtomicUsize::new(0);
static PEAK_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW_BYTES.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK_BYTES.fetch_max(now, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let now = NOW_BYTES.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK_BYTES.fetch_max(now, Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        NOW_BYTES.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }
}

/// The most that Rust code had allocated at a time in `f`, beyond what it had before.
pub fn peak_bytes(f: impl FnOnce()) -> usize {
    let before = NOW_BYTES.load(Relaxed);
    PEAK_BYTES.store(before, Relaxed);
    f();
    PEAK_BYTES.load(Relaxed).saturating_sub(before)
}

/// What `f` leaves allocated in what it returns, by whatever code: for libraries in C.
pub fn kept_bytes<T>(f: impl FnOnce() -> T) -> (T, usize) {
    let before = allocated_bytes();
    let kept = f();
    (kept, allocated_bytes().saturating_sub(before))
}

fn allocated_bytes() -> usize {
    // SAFETY: it reads the allocator's own books.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}
