//! Pixels out of textures again.

use oriel_codecs::{
    geometry::Size,
    picture::{BYTES_PER_PIXEL, Picture},
};

use super::{
    batch::Batch,
    device::{GpuDevice, Texture, extent},
};
use crate::{compositor::MemoryKind, error::CompositorError};

/// Reads a texture of four bytes a pixel, after all that was recorded before. Waits for the device.
pub(crate) fn read(
    gpu: &GpuDevice,
    batch: &mut Batch,
    texture: &Texture,
    is_opaque: bool,
) -> Result<Picture, CompositorError> {
    let size = texture.size;
    if size.is_empty() {
        return Ok(Picture::new(Size::default()));
    }
    let row_bytes = size.width as usize * BYTES_PER_PIXEL;
    let mut picture = Picture::new(size);
    let mut rows = picture.data_mut().chunks_exact_mut(row_bytes);
    read_rows(gpu, batch, texture, BYTES_PER_PIXEL, |from| {
        let Some(row) = rows.next() else { return };
        row.copy_from_slice(from);
        if is_opaque {
            for pixel in row.chunks_exact_mut(BYTES_PER_PIXEL) {
                pixel[3] = 255;
            }
        }
    })?;
    Ok(picture)
}

/// Reads a texture that is not empty, row by row, likewise.
pub(crate) fn read_rows(
    gpu: &GpuDevice,
    batch: &mut Batch,
    texture: &Texture,
    bytes_per_pixel: usize,
    mut take: impl FnMut(&[u8]),
) -> Result<(), CompositorError> {
    let size = texture.size;
    let row_bytes = size.width as usize * bytes_per_pixel;
    let pitch = row_bytes.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT as usize);
    let buffer = gpu.buffer(
        MemoryKind::Staging,
        &wgpu::BufferDescriptor {
            label: Some("read-back"),
            size: (pitch * size.height as usize) as u64,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        },
    );
    gpu.check()?;
    batch.encoder(gpu).copy_texture_to_buffer(
        texture.at(0, 0),
        wgpu::TexelCopyBufferInfo {
            buffer: &buffer,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(pitch as u32),
                rows_per_image: None,
            },
        },
        extent(size),
    );
    batch.submit(gpu);
    let (sender, receiver) = crossbeam_channel::bounded(1);
    buffer.map_async(wgpu::MapMode::Read, .., move |mapped| {
        let _ = sender.send(mapped);
    });
    let polled = gpu.device.poll(wgpu::PollType::wait_indefinitely());
    gpu.check()?;
    let failed = |error: &dyn std::fmt::Display| CompositorError::System(error.to_string());
    polled.map_err(|error| failed(&error))?;
    match receiver.try_recv() {
        Ok(mapped) => mapped.map_err(|error| failed(&error))?,
        Err(error) => return Err(failed(&error)),
    }
    let view = buffer
        .get_mapped_range(..)
        .map_err(|error| failed(&error))?;
    for row in view.chunks_exact(pitch) {
        take(&row[..row_bytes]);
    }
    Ok(())
}
