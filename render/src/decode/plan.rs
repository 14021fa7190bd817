//! Which H.264 decoders streams may use.

use std::sync::Arc;

use oriel_codecs::video::DecoderKind;
use parking_lot::Mutex;

/// The H.264 decoders to choose from, best first.
///
/// They may be found out when the first stream asks; the streams that come meanwhile wait. Hardware
/// that fails on one stream is offered to no other. Clones are one and the same plan.
#[derive(Clone)]
pub struct DecoderPlan(Arc<Mutex<Kinds>>);

enum Kinds {
    Unknown(Box<dyn FnOnce() -> Vec<DecoderKind> + Send>),
    Known(Vec<DecoderKind>),
}

impl DecoderPlan {
    /// These.
    pub fn of(kinds: Vec<DecoderKind>) -> Self {
        Self(Arc::new(Mutex::new(Kinds::Known(kinds))))
    }

    /// Those that `find` comes up with, which is called once at most.
    pub fn found_by(find: impl FnOnce() -> Vec<DecoderKind> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Kinds::Unknown(Box::new(find)))))
    }

    /// The decoders to choose from now. Finds them out where nobody has yet.
    pub fn kinds(&self) -> Vec<DecoderKind> {
        let mut kinds = self.0.lock();
        let known = match std::mem::replace(&mut *kinds, Kinds::Known(Vec::new())) {
            Kinds::Known(known) => known,
            Kinds::Unknown(find) => find(),
        };
        *kinds = Kinds::Known(known.clone());
        known
    }

    /// Takes a decoder off that has failed. Software stays: it fails on a stream, not for good.
    pub(super) fn strike(&self, name: &str) {
        if let Kinds::Known(kinds) = &mut *self.0.lock() {
            kinds.retain(|kind| !kind.is_hardware() || kind.name() != name);
        }
    }
}

impl Default for DecoderPlan {
    /// Those that run on any CPU.
    fn default() -> Self {
        Self::of(DecoderKind::SOFTWARE.to_vec())
    }
}

impl std::fmt::Debug for DecoderPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.0.lock() {
            Kinds::Known(kinds) => f.debug_tuple("DecoderPlan").field(kinds).finish(),
            Kinds::Unknown(_) => f.write_str("DecoderPlan"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn decoders_are_looked_for_once_and_when_they_are_needed() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let plan = DecoderPlan::found_by(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            vec![DecoderKind::Nvdec, DecoderKind::Ffmpeg]
        });
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        assert_eq!(plan.kinds(), plan.clone().kinds());
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn hardware_that_failed_is_not_offered_again_and_software_is() {
        let plan = DecoderPlan::of(vec![DecoderKind::Vaapi, DecoderKind::Ffmpeg]);
        plan.clone().strike("vaapi");
        plan.strike("ffmpeg");
        assert_eq!(plan.kinds(), [DecoderKind::Ffmpeg]);
    }
}
