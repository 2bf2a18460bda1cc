//! Differentiable operations over dfdx tensors.
//!
//! Feature maps are `[batch, channel, row, column]`. An operation takes the tape it records on first, then tensors without a
//! tape: `conv2d(&mut tape, &x, &weight, ...)`. Handed dfdx's `NoneTape` it records nothing. So a network that branches and joins
//! again needs no care about which tensor carries the tape, and a forward pass reads the same in training and evaluation.
//!
//! Behind each public function stands a kernel trait with two forms. The default methods are built from dfdx's own operations and
//! run on every device dfdx knows; [`dfdx::tensor::Cpu`] overrides them with threaded kernels that `record` puts on the tape, and in a
//! build with feature `fused` a GPU does with kernels of its own. The forms are held to each other, to plain loops and to finite
//! differences by the tests of each file.
//!
//! Operations panic when shapes disagree, as dfdx's own do: a network checks sizes once, where it is built and fed.

mod attention;
mod batch_norm;
mod blend;
mod buffer;
#[cfg(test)]
mod check;
mod constant;
mod conv;
mod correlation;
mod depthwise;
#[cfg(feature = "fused")]
mod fused;
mod join;
mod layer_norm;
mod loss;
mod matmul;
mod padding;
mod partition;
mod pointwise;
mod pool;
mod product;
mod record;
mod resize;
mod row;
mod scalar;
mod sum;
mod unfold;

pub use attention::{
    AttentionKernel, BiasTable, EmbeddingKernel, embedding_attention, window_attention, window_self_attention,
};
pub use batch_norm::{Affine, BatchNormKernel, Moments, batch_norm, batch_norm_by};
pub use blend::{BlendKernel, blend};
pub use buffer::Shelf;
pub use conv::{ConvKernel, conv2d};
pub use correlation::{cosines, mix_planes, softmax_channels};
pub use depthwise::{DepthwiseKernel, depthwise_conv2d};
pub use join::{JoinKernel, add, concat_channels, times};
pub use layer_norm::{LayerNormKernel, layer_norm};
pub use loss::{LabelError, LossKernel, SiLog, cross_entropy, silog};
pub use padding::{Padding, Windows};
pub use partition::{Cut, Partition, PartitionKernel, Tokens, partition, unpartition};
pub use pointwise::{Function, PointwiseKernel, map};
pub use pool::{Pool, PoolKernel, plane_means, pool2d};
pub use product::{ProductKernel, multiply, scale, scale_pixels, scale_planes};
pub use record::gradient;
pub use resize::{Line, Resize, ResizeKernel, mirror_pad, mirrored, resize2d};
pub use row::{AdamStep, Held, Row, RowKernel};
pub use scalar::Scalar;

use dfdx::shapes::Rank0;
use dfdx::tensor::{Cpu, Tensor};
use dfdx::tensor_ops::Device;

/// Feature map `[batch, channel, row, column]`.
pub type Map<E, D> = Tensor<(usize, usize, usize, usize), E, D>;
/// Matrix `[row, column]`.
pub type Matrix<E, D> = Tensor<(usize, usize), E, D>;
/// Vector.
pub type Vector<E, D> = Tensor<(usize,), E, D>;
/// One number, such as a loss.
pub type Number<E, D> = Tensor<Rank0, E, D>;

/// A device that runs every operation.
pub trait Backend<E: Scalar>:
    AttentionKernel<E>
    + BatchNormKernel<E>
    + BlendKernel<E>
    + ConvKernel<E>
    + DepthwiseKernel<E>
    + EmbeddingKernel<E>
    + JoinKernel<E>
    + LayerNormKernel<E>
    + LossKernel<E>
    + PartitionKernel<E>
    + PointwiseKernel<E>
    + PoolKernel<E>
    + ProductKernel<E>
    + ResizeKernel<E>
{
    /// Where an optimiser keeps what belongs to a parameter.
    type Row: Row<Number = E, Device = Self>;

    /// Gives back the memory that waits for more tensors of the same sizes: for when other sizes come.
    fn give_back_idle(&self) {}
}

impl<E: Scalar> Backend<E> for Cpu
where
    Self: Device<E>,
{
    type Row = Vec<E>;
}

/// A GPU runs the form that is made of the tensor engine's operations, unless kernels of ours take their place.
#[cfg(feature = "cuda")]
mod cuda {
    use super::*;
    use dfdx::tensor::Cuda;

    #[cfg(not(feature = "fused"))]
    pub(super) use super::Scalar as Real;
    #[cfg(feature = "fused")]
    pub(super) use super::fused::Real;

    #[cfg(not(feature = "fused"))]
    mod composed {
        use super::*;

        impl<E: Scalar> AttentionKernel<E> for Cuda where Self: Device<E> {}
        impl<E: Scalar> BatchNormKernel<E> for Cuda where Self: Device<E> {}
        impl<E: Scalar> ConvKernel<E> for Cuda where Self: Device<E> {}
        impl<E: Scalar> DepthwiseKernel<E> for Cuda where Self: Device<E> {}
        impl<E: Scalar> JoinKernel<E> for Cuda where Self: Device<E> {}
        impl<E: Scalar> LayerNormKernel<E> for Cuda where Self: Device<E> {}
        impl<E: Scalar> LossKernel<E> for Cuda where Self: Device<E> {}
        impl<E: Scalar> PointwiseKernel<E> for Cuda where Self: Device<E> {}
        impl<E: Scalar> PoolKernel<E> for Cuda where Self: Device<E> {}
        impl<E: Scalar> ProductKernel<E> for Cuda where Self: Device<E> {}
        impl<E: Scalar> ResizeKernel<E> for Cuda where Self: Device<E> {}
        impl<E: Scalar> RowKernel<E> for Cuda where Self: Device<E> {}
    }
    impl<E: Scalar> BlendKernel<E> for Cuda where Self: Device<E> {}
    impl<E: Scalar> EmbeddingKernel<E> for Cuda where Self: Device<E> {}
    impl<E: Scalar> PartitionKernel<E> for Cuda where Self: Device<E> {}
    impl<E: Real> Backend<E> for Cuda
    where
        Self: Device<E>,
    {
        type Row = Held<E, Self>;

        fn give_back_idle(&self) {
            #[cfg(feature = "fused")]
            fused::give_back_idle(self);
            #[cfg(not(feature = "fused"))]
            dfdx::tensor::Cache::empty_cache(self);
        }
    }
}
