//! Cross-entropy: logits are read once for the loss and once for their gradient.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cuda, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::Device;

use super::super::loss::LossKernel;
use super::super::record::flat;
use super::super::{Map, Number};
use super::gpu::{At, Gpu, Real, zeros};
use super::grid::{Grid, THREADS, int};
use super::record::record;
use crate::sample::IGNORE;

impl<E: Real> LossKernel<E> for Cuda
where
    Self: Device<E>,
{
    fn cross_entropy<T: Tape<E, Self>>(tape: &mut T, logits: &Map<E, Self>, labels: &[u8]) -> Number<E, Self> {
        let (b, classes, h, w) = *logits.shape();
        let (pixels, plane) = (b * h * w, int(h * w));
        let logits = flat(tape, logits);
        let device = logits.device().clone();
        let count = labels.iter().filter(|label| **label != IGNORE).count();
        let share = E::of(1.0 / count.max(1) as f64);
        let labels: Tensor<(usize,), u8, Self> = device.tensor_from_vec(labels.to_vec(), (pixels,));
        let y: Number<E, Self> = zeros(&device, &());
        let (n, kinds, none) = (int(pixels), int(classes), i32::from(IGNORE));
        let gpu = Gpu::of(&logits);
        let (totals, parts) = (gpu.room::<E>(pixels), gpu.room::<E>(pixels.div_ceil(THREADS)));
        let parameters = (At::of(&logits), At::of(&labels), totals.at(), parts.at(), n, kinds, plane, none);
        gpu.launch::<E, _>("entropy", Grid::over(pixels), parameters);
        gpu.launch::<E, _>("sum_all", Grid::blocks(1), (parts.at(), At::of(&y), int(parts.at().len()), share));
        let values = logits.clone();
        record(tape, [&logits], &y, move |gpu, dy, [dx]| {
            let (x, labels, totals) = (At::of(&values), At::of(&labels), totals.at());
            let parameters = (x, labels, totals, dy, dx, n, kinds, plane, none, share);
            gpu.launch::<E, _>("entropy_back", Grid::over(pixels), parameters);
        });
        y
    }
}
