//! Who takes decoders' pictures where they lie.

use std::sync::Arc;

use oriel_codecs::video::{
    DecoderKind, DevicePicture, HardwarePicture, ImportError, PictureImporter, VulkanDevice,
};
use parking_lot::Mutex;

use super::DecoderPlan;

/// A graphics adapter that draws pictures from where decoders put them.
#[derive(Clone)]
pub struct PictureTaker {
    /// The adapter and its driver, as [`graphics_adapters`](crate::graphics_adapters) has them.
    pub adapter: String,
    /// Makes pictures drawable by it.
    pub importer: Arc<dyn PictureImporter>,
}

/// Hands pictures to whoever draws at the time. Decoders outlive compositors, and each asks here
/// for every picture.
pub(crate) struct PictureSlot {
    decoders: DecoderPlan,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taker: Option<PictureTaker>,
    /// Decoders whose pictures could not be imported.
    refused: Vec<DecoderKind>,
    is_closed: bool,
}

impl PictureSlot {
    pub(super) fn new(decoders: DecoderPlan) -> Self {
        Self {
            decoders,
            state: Mutex::default(),
        }
    }

    /// Pictures go to this one from now on.
    pub(super) fn open(&self, taker: Option<PictureTaker>) {
        self.state.lock().taker = taker;
    }

    /// Whoever took pictures has failed: they go through memory from now on, whoever draws.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed |= state.taker.take().is_some();
    }

    /// Who takes the pictures of this decoder. Only what was seen to work is believed to.
    fn taker(&self, kind: DecoderKind) -> Option<Arc<dyn PictureImporter>> {
        let state = self.state.lock();
        let taker = state.taker.as_ref()?;
        let is_taken = !state.is_closed
            && !state.refused.contains(&kind)
            && self.decoders.shares(kind, &taker.adapter)
            && taker.importer.wants(kind);
        is_taken.then(|| taker.importer.clone())
    }
}

impl PictureImporter for PictureSlot {
    fn wants(&self, kind: DecoderKind) -> bool {
        self.taker(kind).is_some()
    }

    fn vulkan_device(&self) -> Option<Arc<VulkanDevice>> {
        let state = self.state.lock();
        state.taker.as_ref()?.importer.vulkan_device()
    }

    fn import(&self, picture: &HardwarePicture<'_>) -> Result<DevicePicture, ImportError> {
        let importer = self
            .state
            .lock()
            .taker
            .as_ref()
            .map(|taker| taker.importer.clone());
        match importer {
            Some(importer) => importer.import(picture),
            None => Err(ImportError::new("nobody takes pictures any more")),
        }
    }

    fn note_failure(&self, kind: DecoderKind, _: &ImportError) {
        self.state.lock().refused.push(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::WorkingDecoder;

    /// Takes everything.
    struct Taking;

    impl PictureImporter for Taking {
        fn wants(&self, kind: DecoderKind) -> bool {
            kind != DecoderKind::VulkanVideo
        }

        fn import(&self, _: &HardwarePicture<'_>) -> Result<DevicePicture, ImportError> {
            Ok(Arc::new(()))
        }

        fn note_failure(&self, _: DecoderKind, _: &ImportError) {}
    }

    fn taker(adapter: &str) -> Option<PictureTaker> {
        Some(PictureTaker {
            adapter: adapter.to_owned(),
            importer: Arc::new(Taking),
        })
    }

    fn slot() -> PictureSlot {
        let decoder = |kind, adapter: Option<&str>| WorkingDecoder {
            kind,
            shares_with: adapter.map(str::to_owned),
        };
        PictureSlot::new(DecoderPlan::of(vec![
            decoder(DecoderKind::Vaapi, Some("a GPU")),
            decoder(DecoderKind::Nvdec, None),
            decoder(DecoderKind::VulkanVideo, Some("a GPU")),
            decoder(DecoderKind::D3d11va, Some("a GPU")),
        ]))
    }

    #[test]
    fn pictures_go_where_that_was_seen_to_work_and_nowhere_else() {
        let slot = slot();
        assert!(!slot.wants(DecoderKind::Vaapi), "nobody draws yet");
        slot.open(taker("another GPU"));
        assert!(!slot.wants(DecoderKind::Vaapi));
        slot.open(taker("a GPU"));
        assert!(slot.wants(DecoderKind::Vaapi));
        assert!(!slot.wants(DecoderKind::Nvdec), "never seen to work");
        assert!(!slot.wants(DecoderKind::VulkanVideo), "not wanted");
    }

    #[test]
    fn a_decoder_whose_pictures_are_refused_is_not_asked_for_more_and_others_are() {
        let slot = slot();
        slot.open(taker("a GPU"));
        slot.note_failure(DecoderKind::Vaapi, &ImportError::new("no"));
        assert!(!slot.wants(DecoderKind::Vaapi));
        assert!(slot.wants(DecoderKind::D3d11va));
    }

    #[test]
    fn after_a_taker_failed_pictures_go_through_memory() {
        let slot = slot();
        slot.close();
        slot.open(taker("a GPU"));
        assert!(slot.wants(DecoderKind::Vaapi), "none had failed");
        slot.close();
        assert!(!slot.wants(DecoderKind::Vaapi));
        slot.open(taker("a GPU"));
        assert!(!slot.wants(DecoderKind::Vaapi));
    }
}
