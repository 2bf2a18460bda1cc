//! Loops compiled for the vector instructions the processor has.

/// Runs `f` with the widest vector instructions of this processor. Only loops that are inlined into `f` gain, so it belongs around
/// the innermost work: outside it the compiler may count on nothing newer than SSE2.
#[inline(always)]
pub(crate) fn wide<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}
