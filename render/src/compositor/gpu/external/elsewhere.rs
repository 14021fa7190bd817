//! Where nothing is imported.

use oriel_codecs::video::{
    DecoderKind, DevicePicture, HardwarePicture, ImportError, PictureImporter,
};

use crate::compositor::gpu::device::GpuDevice;

/// There is none.
#[derive(Debug)]
pub(crate) enum GpuImporter {}

impl GpuImporter {
    /// None, for any device.
    pub(crate) fn new(_: &GpuDevice) -> Option<Self> {
        None
    }
}

impl PictureImporter for GpuImporter {
    fn wants(&self, _: DecoderKind) -> bool {
        match *self {}
    }

    fn import(&self, _: &HardwarePicture<'_>) -> Result<DevicePicture, ImportError> {
        match *self {}
    }

    fn note_failure(&self, _: DecoderKind, _: &ImportError) {
        match *self {}
    }
}
