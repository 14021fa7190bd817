//! The way of pixels into textures: buffers that stay mapped and go round.

use crossbeam_channel::{Receiver, Sender};
use oriel_codecs::geometry::Rect;

use super::device::{GpuDevice, Texture, extent};
use crate::{
    compositor::{MemoryKind, memory::Counted},
    error::CompositorError,
};

/// A buffer's least size. A larger upload gets one of its own size.
const CHUNK_BYTES: u64 = 4 << 20;

/// Bytes in buffers that the device has not given back, at most; beyond, uploads wait for it.
const MAX_IN_FLIGHT_BYTES: u64 = 160 << 20;

/// Submissions after which what a burst needed is given back: one or two seconds of a film. Buffers
/// are kept for what this many needed at one time, and those before them.
const EPOCH_SUBMISSIONS: u32 = 64;

/// Rows of a copy into a texture start at multiples of this.
const ROW_ALIGNMENT: usize = wgpu::COPY_BYTES_PER_ROW_ALIGNMENT as usize;

/// Buffers in three states: mapped and free, being filled for the next submission, and with the
/// device, which maps them again when it has read them.
#[derive(Debug)]
pub(crate) struct StagingRing {
    free: Vec<Chunk>,
    filling: Vec<Chunk>,
    in_flight_bytes: u64,
    needed: Needed,
    returned: Receiver<Chunk>,
    give_back: Sender<Chunk>,
}

#[derive(Debug)]
struct Chunk {
    buffer: Counted<wgpu::Buffer>,
    used: u64,
}

/// Rows of pixels in memory.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) stride_bytes: usize,
    pub(crate) bytes_per_pixel: usize,
}

impl StagingRing {
    pub(crate) fn new() -> Self {
        let (give_back, returned) = crossbeam_channel::unbounded();
        Self {
            free: Vec::new(),
            filling: Vec::new(),
            in_flight_bytes: 0,
            needed: Needed::default(),
            returned,
            give_back,
        }
    }

    /// Bytes that wait for the next submission.
    pub(crate) fn pending_bytes(&self) -> u64 {
        self.filling.iter().map(|chunk| chunk.used).sum()
    }

    /// Copies the rectangle `from` of `rows` to (`x`, `y`) of a texture.
    pub(crate) fn upload(
        &mut self,
        gpu: &GpuDevice,
        encoder: &mut wgpu::CommandEncoder,
        rows: Rows<'_>,
        from: &Rect,
        texture: &Texture,
        (x, y): (i32, i32),
    ) -> Result<(), CompositorError> {
        let row_bytes = from.width() as usize * rows.bytes_per_pixel;
        let start =
            from.top as usize * rows.stride_bytes + from.left as usize * rows.bytes_per_pixel;
        let pitch = row_bytes.next_multiple_of(ROW_ALIGNMENT);
        let height = from.height() as usize;
        let bytes = (pitch * height) as u64;
        let chunk = self.chunk(gpu, bytes)?;
        let offset = chunk.used;
        let mut view = chunk
            .buffer
            .get_mapped_range_mut(offset..offset + bytes)
            .map_err(|error| CompositorError::System(error.to_string()))?;
        for row in 0..height {
            let at = start + row * rows.stride_bytes;
            view.slice(row * pitch..row * pitch + row_bytes)
                .copy_from_slice(&rows.data[at..at + row_bytes]);
        }
        drop(view);
        chunk.used += bytes;
        encoder.copy_buffer_to_texture(
            wgpu::TexelCopyBufferInfo {
                buffer: &chunk.buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset,
                    bytes_per_row: Some(pitch as u32),
                    rows_per_image: None,
                },
            },
            texture.at(x, y),
            extent(from.size()),
        );
        Ok(())
    }

    /// Copies bytes, a multiple of four, to the front of a buffer.
    pub(crate) fn upload_bytes(
        &mut self,
        gpu: &GpuDevice,
        encoder: &mut wgpu::CommandEncoder,
        bytes: &[u8],
        buffer: &wgpu::Buffer,
    ) -> Result<(), CompositorError> {
        let count = bytes.len() as u64;
        // What comes next starts where rows may.
        let room = count.next_multiple_of(ROW_ALIGNMENT as u64);
        let chunk = self.chunk(gpu, room)?;
        let offset = chunk.used;
        let mut view = chunk
            .buffer
            .get_mapped_range_mut(offset..offset + count)
            .map_err(|error| CompositorError::System(error.to_string()))?;
        view.slice(..).copy_from_slice(bytes);
        drop(view);
        chunk.used += room;
        encoder.copy_buffer_to_buffer(&chunk.buffer, offset, buffer, 0, count);
        Ok(())
    }

    /// To be called before the submission of what reads the buffers.
    pub(crate) fn before_submit(&self) {
        for chunk in &self.filling {
            chunk.buffer.unmap();
        }
    }

    /// To be called after it.
    pub(crate) fn after_submit(&mut self, gpu: &GpuDevice) {
        for mut chunk in self.filling.drain(..) {
            self.in_flight_bytes += chunk.buffer.size();
            let give_back = self.give_back.clone();
            let buffer = wgpu::Buffer::clone(&chunk.buffer);
            buffer.map_async(wgpu::MapMode::Write, .., move |mapped| {
                // Else the device is lost, and the ring with it.
                if mapped.is_ok() {
                    chunk.used = 0;
                    let _ = give_back.send(chunk);
                }
            });
        }
        // Runs the callbacks of what the device has read by now. A failure shows in the device's
        // own faults.
        let _ = gpu.device.poll(wgpu::PollType::Poll);
        self.needed.note(self.in_flight_bytes);
        self.reclaim();
    }

    fn chunk(&mut self, gpu: &GpuDevice, bytes: u64) -> Result<&mut Chunk, CompositorError> {
        let fits = |chunk: &Chunk| chunk.buffer.size() - chunk.used >= bytes;
        if let Some(at) = self.filling.iter().position(fits) {
            return Ok(&mut self.filling[at]);
        }
        self.reclaim();
        if self.in_flight_bytes > MAX_IN_FLIGHT_BYTES {
            let _ = gpu.device.poll(wgpu::PollType::wait_indefinitely());
            self.reclaim();
            gpu.check()?;
        }
        let chunk = match self.free.iter().position(fits) {
            Some(at) => self.free.swap_remove(at),
            None => {
                let buffer = gpu.buffer(
                    MemoryKind::Staging,
                    &wgpu::BufferDescriptor {
                        label: Some("staging"),
                        size: bytes.next_multiple_of(CHUNK_BYTES),
                        usage: wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC,
                        mapped_at_creation: true,
                    },
                );
                gpu.check()?;
                Chunk { buffer, used: 0 }
            }
        };
        self.filling.push(chunk);
        let last = self.filling.len() - 1;
        Ok(&mut self.filling[last])
    }

    fn reclaim(&mut self) {
        while let Ok(chunk) = self.returned.try_recv() {
            self.in_flight_bytes -= chunk.buffer.size();
            self.free.push(chunk);
        }
        // What is with the device comes back. Buffers for a second of large pictures are enough.
        let needed = self.needed.bytes().min(MAX_IN_FLIGHT_BYTES / 2);
        let room = needed.saturating_sub(self.in_flight_bytes);
        let mut kept = 0;
        self.free.retain(|chunk| {
            let is_kept = kept + chunk.buffer.size() <= room;
            kept += if is_kept { chunk.buffer.size() } else { 0 };
            is_kept
        });
    }
}

/// The most bytes that were with the device at one time, lately.
#[derive(Debug, Default)]
struct Needed {
    this_epoch: u64,
    last_epoch: u64,
    submissions: u32,
}

impl Needed {
    /// So many are with it after a submission.
    fn note(&mut self, bytes: u64) {
        if self.submissions == EPOCH_SUBMISSIONS {
            self.last_epoch = self.this_epoch;
            (self.this_epoch, self.submissions) = (0, 0);
        }
        self.this_epoch = self.this_epoch.max(bytes);
        self.submissions += 1;
    }

    fn bytes(&self) -> u64 {
        self.this_epoch.max(self.last_epoch)
    }
}
