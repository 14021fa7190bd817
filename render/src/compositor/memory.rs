//! How much memory the pixels take, by what it is for.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What memory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryKind {
    /// Surfaces' pixels.
    Surfaces,
    /// What surfaces keep for H.264: planes of a view, samples in 4:4:4.
    Planes,
    /// Slots of the bitmap cache.
    Cache,
    /// RemoteFX's tiles: their coefficients, and their pixels.
    Tiles,
    /// Buffers that pixels, uniforms and instances go to the GPU in, and come back in.
    Staging,
    /// What is kept only to copy something through it.
    Scratch,
    /// The desktop as it is composed.
    Output,
    /// The pictures that a window's system shows in turn. How many there are only the driver
    /// knows: this is what it was asked for.
    Window,
    /// Pictures over the desktop: pointers, and what the application draws.
    Overlays,
    /// Decoders' pictures that the GPU shares with them, where they were made for that.
    Pictures,
    /// Textures that lie ready for the next surface, slot or picture of their size.
    Spare,
}

impl MemoryKind {
    /// All kinds, in the order of [`MemoryUse`].
    pub const ALL: [Self; 11] = [
        Self::Surfaces,
        Self::Planes,
        Self::Cache,
        Self::Tiles,
        Self::Staging,
        Self::Scratch,
        Self::Output,
        Self::Window,
        Self::Overlays,
        Self::Pictures,
        Self::Spare,
    ];

    /// The kind in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Surfaces => "surfaces",
            Self::Planes => "planes",
            Self::Cache => "cache",
            Self::Tiles => "tiles",
            Self::Staging => "staging",
            Self::Scratch => "scratch",
            Self::Output => "output",
            Self::Window => "window",
            Self::Overlays => "overlays",
            Self::Pictures => "pictures",
            Self::Spare => "spare",
        }
    }
}

/// Bytes, now and at the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Now.
    pub now: u64,
    /// The most that there were at one time.
    pub most: u64,
}

impl Bytes {
    fn follow(&mut self, later: Self) {
        self.now = later.now;
        self.most = self.most.max(later.most);
    }
}

/// What a compositor's pixels take: the GPU's memory where it composes, else the process's.
///
/// Counted are the bytes of the texels and buffers that are held. What a driver adds for tiling and
/// alignment, it alone knows; and it frees what is dropped only when it has drawn with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    kinds: [Bytes; MemoryKind::ALL.len()],
    /// All kinds together. Its most is less than their sum where they had it at different times.
    pub total: Bytes,
    /// How often memory was taken: textures, buffers and pictures that were made. One that is used
    /// again is not.
    pub made: u64,
}

impl MemoryUse {
    /// Of one kind.
    pub fn of(&self, kind: MemoryKind) -> Bytes {
        self.kinds[kind as usize]
    }

    /// Each kind that was ever used.
    pub fn used(&self) -> impl Iterator<Item = (MemoryKind, Bytes)> + '_ {
        let kinds = MemoryKind::ALL.into_iter().zip(self.kinds);
        kinds.filter(|(_, bytes)| bytes.most > 0)
    }

    /// Later figures take the place of these, of another compositor perhaps: the most stays.
    pub(crate) fn follow(&mut self, later: &Self) {
        for (kind, later) in self.kinds.iter_mut().zip(later.kinds) {
            kind.follow(later);
        }
        self.total.follow(later.total);
        self.made = later.made;
    }
}

/// Counts for one compositor, from any thread: a driver hands buffers back on its own.
#[derive(Debug, Default)]
pub(crate) struct MemoryLedger {
    kinds: [Counter; MemoryKind::ALL.len()],
    total: Counter,
    made: AtomicU64,
}

#[derive(Debug, Default)]
struct Counter {
    now: AtomicU64,
    most: AtomicU64,
}

impl Counter {
    fn add(&self, bytes: u64) {
        let now = self.now.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.most.fetch_max(now, Ordering::Relaxed);
    }

    fn remove(&self, bytes: u64) {
        self.now.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn bytes(&self) -> Bytes {
        Bytes {
            now: self.now.load(Ordering::Relaxed),
            most: self.most.load(Ordering::Relaxed),
        }
    }
}

impl MemoryLedger {
    /// The figures now.
    pub(crate) fn snapshot(&self) -> MemoryUse {
        MemoryUse {
            kinds: std::array::from_fn(|kind| self.kinds[kind].bytes()),
            total: self.total.bytes(),
            made: self.made.load(Ordering::Relaxed),
        }
    }

    /// So many bytes are counted as long as the tag lives.
    pub(crate) fn tag(self: &Arc<Self>, kind: MemoryKind, bytes: u64) -> MemoryTag {
        self.kinds[kind as usize].add(bytes);
        self.total.add(bytes);
        self.made.fetch_add(1, Ordering::Relaxed);
        MemoryTag {
            ledger: self.clone(),
            kind,
            bytes,
        }
    }
}

/// Lies beside what takes memory, and takes it off the count when both are dropped.
#[derive(Debug)]
pub(crate) struct MemoryTag {
    ledger: Arc<MemoryLedger>,
    kind: MemoryKind,
    bytes: u64,
}

impl MemoryTag {
    /// How much it is.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The memory is for something else now.
    pub(crate) fn become_kind(&mut self, kind: MemoryKind) {
        self.ledger.kinds[self.kind as usize].remove(self.bytes);
        self.ledger.kinds[kind as usize].add(self.bytes);
        self.kind = kind;
    }
}

impl Drop for MemoryTag {
    fn drop(&mut self) {
        self.ledger.kinds[self.kind as usize].remove(self.bytes);
        self.ledger.total.remove(self.bytes);
    }
}

/// Something that takes memory, with its tag.
#[derive(Debug)]
pub(crate) struct Counted<T> {
    value: T,
    pub(crate) tag: MemoryTag,
}

impl<T> Counted<T> {
    pub(crate) fn new(value: T, tag: MemoryTag) -> Self {
        Self { value, tag }
    }
}

impl<T> Deref for Counted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Counted<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_lie_where_their_numbers_say() {
        for (at, kind) in MemoryKind::ALL.into_iter().enumerate() {
            assert_eq!(at, kind as usize, "{}", kind.name());
        }
    }

    #[test]
    fn the_most_at_one_time_is_kept_and_dropped_memory_is_not_counted() {
        let ledger = Arc::new(MemoryLedger::default());
        let surface = ledger.tag(MemoryKind::Surfaces, 100);
        let second = ledger.tag(MemoryKind::Surfaces, 50);
        drop(surface);
        let mut slot = ledger.tag(MemoryKind::Cache, 70);
        let figures = ledger.snapshot();
        let bytes = |now, most| Bytes { now, most };
        assert_eq!(figures.of(MemoryKind::Surfaces), bytes(50, 150));
        assert_eq!(figures.of(MemoryKind::Cache), bytes(70, 70));
        assert_eq!(figures.total, bytes(120, 150));
        slot.become_kind(MemoryKind::Output);
        let figures = ledger.snapshot();
        assert_eq!(figures.of(MemoryKind::Cache), bytes(0, 70));
        assert_eq!(figures.of(MemoryKind::Output), bytes(70, 70));
        assert_eq!(figures.total, bytes(120, 150));
        assert_eq!(figures.made, 3);
        drop((second, slot));
        assert_eq!(ledger.snapshot().total, bytes(0, 150));
        assert!(ledger.snapshot().used().all(|(_, bytes)| bytes.now == 0));
    }

    #[test]
    fn another_compositor_goes_on_with_the_most_of_the_one_before() {
        let of = |bytes| {
            let ledger = Arc::new(MemoryLedger::default());
            let _tag = ledger.tag(MemoryKind::Surfaces, bytes);
            ledger.snapshot()
        };
        let mut figures = of(100);
        figures.follow(&of(30));
        assert_eq!(figures.of(MemoryKind::Surfaces), figures.total);
        assert_eq!((figures.total.now, figures.total.most), (30, 100));
    }
}
