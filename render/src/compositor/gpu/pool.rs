//! Textures that nobody needs any more, for the next ones of their size and format.
//!
//! Surfaces, slots of the cache and overlays come and go by the hundred, and making a texture costs
//! more than drawing a small one does.

use std::collections::VecDeque;

use oriel_codecs::geometry::Size;
use parking_lot::Mutex;

use crate::compositor::{MemoryKind, memory::MemoryTag};

/// Bytes that lie ready, at most: a surface of 3840×2160 has its place.
const MAX_BYTES: u64 = 32 << 20;

/// Textures that lie ready, at most: each costs the driver more than its texels.
const MAX_TEXTURES: usize = 1024;

/// What lies ready.
#[derive(Debug, Default)]
pub(crate) struct TexturePool {
    spare: Mutex<Spare>,
}

#[derive(Debug, Default)]
struct Spare {
    /// The longest unused first.
    textures: VecDeque<PooledTexture>,
    bytes: u64,
}

/// A texture between two uses.
#[derive(Debug)]
pub(crate) struct PooledTexture {
    pub(crate) texture: wgpu::Texture,
    pub(crate) view: wgpu::TextureView,
    pub(crate) size: Size,
    pub(crate) memory: MemoryTag,
}

impl TexturePool {
    /// A texture of this format that is as large as `size` and has no more than `most_texels`, with
    /// whatever was drawn on it last; the smallest one.
    pub(crate) fn take(
        &self,
        kind: MemoryKind,
        size: Size,
        most_texels: u64,
        format: wgpu::TextureFormat,
    ) -> Option<PooledTexture> {
        let mut spare = self.spare.lock();
        let fits = |kept: &PooledTexture| {
            kept.size.width >= size.width
                && kept.size.height >= size.height
                && kept.size.area() <= most_texels
                && kept.texture.format() == format
        };
        let fitting = spare.textures.iter().enumerate();
        let (at, _) = fitting
            .filter(|(_, kept)| fits(kept))
            .min_by_key(|(_, kept)| kept.size.area())?;
        let mut taken = spare.textures.remove(at)?;
        spare.bytes -= taken.memory.bytes();
        taken.memory.become_kind(kind);
        Some(taken)
    }

    /// Keeps a texture, and gives up those for it that were not needed for the longest time.
    pub(crate) fn put(&self, mut texture: PooledTexture) {
        let mut spare = self.spare.lock();
        texture.memory.become_kind(MemoryKind::Spare);
        spare.bytes += texture.memory.bytes();
        spare.textures.push_back(texture);
        while spare.bytes > MAX_BYTES || spare.textures.len() > MAX_TEXTURES {
            let Some(oldest) = spare.textures.pop_front() else {
                break;
            };
            spare.bytes -= oldest.memory.bytes();
        }
    }

    /// Gives up all.
    pub(crate) fn clear(&self) {
        *self.spare.lock() = Spare::default();
    }
}
