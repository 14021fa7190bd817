//! Which instructions are there.

/// Runs `work` as it was compiled for the best vector instructions that this processor has (AVX2
/// with BMI on x86, NEON on Arm). What is to gain from it must be inlined into `work`.
#[inline]
pub(crate) fn dispatch<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
