//! Which H.264 decoders streams may use.

use std::sync::Arc;

use oriel_codecs::video::DecoderKind;
use parking_lot::Mutex;

/// An H.264 decoder that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkingDecoder {
    /// Which.
    pub kind: DecoderKind,
    /// The graphics adapter that was seen to draw its pictures without a copy through memory, as
    /// [`graphics_adapters`](crate::graphics_adapters) has it.
    pub shares_with: Option<String>,
}

impl From<DecoderKind> for WorkingDecoder {
    /// One whose pictures go through memory.
    fn from(kind: DecoderKind) -> Self {
        Self {
            kind,
            shares_with: None,
        }
    }
}

/// The H.264 decoders to choose from, best first.
///
/// They may be found out when the first stream asks; the streams that come meanwhile wait. Hardware
/// that fails on one stream is offered to no other. Clones are one and the same plan.
#[derive(Clone)]
pub struct DecoderPlan(Arc<Mutex<Kinds>>);

enum Kinds {
    Unknown(Box<dyn FnOnce() -> Vec<WorkingDecoder> + Send>),
    Known(Vec<WorkingDecoder>),
}

impl DecoderPlan {
    /// These.
    pub fn of<D: Into<WorkingDecoder>>(decoders: Vec<D>) -> Self {
        let decoders = decoders.into_iter().map(Into::into).collect();
        Self(Arc::new(Mutex::new(Kinds::Known(decoders))))
    }

    /// Those that `find` comes up with, which is called once at most.
    pub fn found_by<D: Into<WorkingDecoder>>(
        find: impl FnOnce() -> Vec<D> + Send + 'static,
    ) -> Self {
        let find = move || find().into_iter().map(Into::into).collect();
        Self(Arc::new(Mutex::new(Kinds::Unknown(Box::new(find)))))
    }

    /// The decoders to choose from now. Finds them out where nobody has yet.
    pub fn kinds(&self) -> Vec<DecoderKind> {
        let mut kinds = self.0.lock();
        let known = match std::mem::replace(&mut *kinds, Kinds::Known(Vec::new())) {
            Kinds::Known(known) => known,
            Kinds::Unknown(find) => find(),
        };
        let found = known.iter().map(|decoder| decoder.kind).collect();
        *kinds = Kinds::Known(known);
        found
    }

    /// Whether this adapter was seen to draw a decoder's pictures from where it puts them.
    pub(super) fn shares(&self, kind: DecoderKind, adapter: &str) -> bool {
        self.any(|decoder| decoder.kind == kind && decoder.shares_with.as_deref() == Some(adapter))
    }

    /// Whether any adapter was seen to draw any decoder's pictures so.
    pub(super) fn may_share(&self) -> bool {
        self.any(|decoder| decoder.shares_with.is_some())
    }

    fn any(&self, is_one: impl FnMut(&WorkingDecoder) -> bool) -> bool {
        match &*self.0.lock() {
            Kinds::Known(known) => known.iter().any(is_one),
            Kinds::Unknown(_) => false,
        }
    }

    /// Takes a decoder off that has failed. Software stays: it fails on a stream, not for good.
    pub(super) fn strike(&self, name: &str) {
        if let Kinds::Known(kinds) = &mut *self.0.lock() {
            kinds.retain(|WorkingDecoder { kind, .. }| !kind.is_hardware() || kind.name() != name);
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
