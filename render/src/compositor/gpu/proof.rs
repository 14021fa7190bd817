//! Finding out whether decoders' pictures can be drawn from where they lie, by pictures that are
//! known.

use std::sync::Arc;

use oriel_codecs::{
    geometry::Size,
    video::{
        DecoderKind, DecoderLimits, PictureImporter, ProbeError, VideoDecoder, VideoError, YuvFrame,
    },
    yuv::{Plane, Yuv420Picture, Yuv420Planes, chroma_size},
};

use super::{
    batch::Batch,
    device::{GpuDevice, Texture},
    external::{GpuImporter, ImportedPicture, PlaneKind},
    passes::{CHROMA_FORMAT, PLANE_FORMAT},
    read_back, window,
};
use crate::{compositor::MemoryKind, error::CompositorError};

/// Why a decoder's pictures have to go through memory.
#[derive(Debug, thiserror::Error)]
pub enum SharingError {
    /// There is no GPU to draw them, or no way from this decoder to it.
    #[error("{0}")]
    Unavailable(String),
    /// They do not come, or come out wrong.
    #[error(transparent)]
    Probe(#[from] ProbeError),
}

/// Opens the graphics adapter that is preferred and a decoder, has the decoder leave pictures that
/// are known on the adapter, and looks at what it draws from. The adapter that it worked with, as
/// [`graphics_adapters`](crate::graphics_adapters) has it. A driver may crash the process: whoever
/// cannot have that calls from another one.
///
/// # Errors
/// Where pictures of this decoder have to be copied through memory.
pub fn prove_sharing(kind: DecoderKind) -> Result<String, SharingError> {
    let unavailable =
        |reason: &dyn std::fmt::Display| SharingError::Unavailable(reason.to_string());
    let gpu = GpuDevice::open(window::instance(None), None, false)
        .map_err(|error| unavailable(&error))?;
    let importer = GpuImporter::new(&gpu).filter(|importer| importer.wants(kind));
    let importer =
        importer.ok_or_else(|| unavailable(&"there is no way from it to the graphics adapter"))?;
    let decoder = kind
        .open_sharing(DecoderLimits::default(), Some(Arc::new(importer)))
        .map_err(ProbeError::from)?;
    prove(&gpu, decoder)?;
    Ok(gpu.identity())
}

/// Has a decoder decode pictures that are known, and looks at what the device has of them.
pub(super) fn prove(gpu: &GpuDevice, decoder: Box<dyn VideoDecoder>) -> Result<(), ProbeError> {
    oriel_codecs::video::probe_decoder(&mut SeenByDevice {
        decoder,
        gpu,
        batch: Batch::new(gpu),
    })
}

/// Another decoder's pictures, as the device reads them: no sample comes by another way.
struct SeenByDevice<'a> {
    decoder: Box<dyn VideoDecoder>,
    gpu: &'a GpuDevice,
    batch: Batch,
}

impl SeenByDevice<'_> {
    fn read(&mut self, frame: &YuvFrame) -> Result<YuvFrame, CompositorError> {
        let size = frame.size();
        let half = chroma_size(size);
        let luma = self
            .gpu
            .texture(MemoryKind::Planes, "luma", size, PLANE_FORMAT)?;
        let pairs = self
            .gpu
            .texture(MemoryKind::Planes, "chroma pairs", half, CHROMA_FORMAT)?;
        let copies = [
            (PlaneKind::Luma, size.to_rect(), &luma),
            (PlaneKind::Chroma, half.to_rect(), &pairs),
        ];
        self.batch.copy_imported(self.gpu, frame, &copies);
        let luma = self.samples(&luma, 1)?;
        let pairs = self.samples(&pairs, 2)?;
        let (cb, cr): (Vec<u8>, Vec<u8>) =
            pairs.as_chunks().0.iter().map(|&[cb, cr]| (cb, cr)).unzip();
        let plane = |data, size: Size| Plane::new(data, size, size.width as usize);
        let planes = plane(&luma, size)
            .zip(plane(&cb, half).zip(plane(&cr, half)))
            .and_then(|(luma, (cb, cr))| Yuv420Planes::new(luma, cb, cr))
            .ok_or_else(|| CompositorError::System("planes that do not fit".into()))?;
        let picture = Yuv420Picture::from_planes(&planes);
        Ok(YuvFrame::from_picture(picture, frame.color()))
    }

    fn samples(&mut self, texture: &Texture, bytes: usize) -> Result<Vec<u8>, CompositorError> {
        let mut samples = Vec::with_capacity(texture.size.area() as usize * bytes);
        read_back::read_rows(self.gpu, &mut self.batch, texture, bytes, |row| {
            samples.extend_from_slice(row);
        })?;
        Ok(samples)
    }
}

impl VideoDecoder for SeenByDevice<'_> {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        let Some(frame) = self.decoder.decode(annex_b)? else {
            return Ok(None);
        };
        if ImportedPicture::of(&frame, self.gpu).is_none() {
            return Err(VideoError::Copy("it came through memory".to_owned()));
        }
        let seen = self.read(&frame);
        seen.map(Some)
            .map_err(|error| VideoError::Copy(error.to_string()))
    }

    fn name(&self) -> &'static str {
        self.decoder.name()
    }
}
