//! The forms of the operations that a GPU runs with kernels of ours, in a build with feature `fused`.
//!
//! A form made of dfdx's operations goes through memory once or more for each of them, and again for each of their gradients. Here an
//! operation is one kernel or a few, with matrix products of cuBLAS between them, and a backward pass that computes again what is
//! cheaper to compute than to keep. The kernels are in `kernels`, in CUDA C; what launches them is [`gpu`], the only unsafe code of
//! the crate. The operations' own tests hold these forms to dfdx's, to plain loops and to finite differences, on the stand-in for a
//! GPU too (`scripts/cuda-standin.sh`).

mod attention;
mod convolution;
mod gpu;
mod grid;
mod loss;
mod norm;
mod pointwise;
mod record;
mod resize;
mod row;
#[cfg(test)]
mod tests;

pub(super) use gpu::{Real, give_back_idle};
