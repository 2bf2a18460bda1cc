//! What one run of a network carries along.

use dfdx::shapes::HasShape;
use dfdx::tensor::{NoneTape, Storage, Tape};

use super::{Parameter, Stream};
use crate::train::op::{self, Backend, Map, Moments, Scalar};

/// How a network is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Statistics of the batch, branches and channels dropped by chance.
    Training,
    /// Running statistics, nothing random.
    Evaluation,
}

/// New statistics of one batch normalisation, to be worked into its running ones by [`Running::apply`].
#[derive(Debug)]
pub struct Running<E, D: Storage<E>> {
    mean: Parameter<(usize,), E, D>,
    variance: Parameter<(usize,), E, D>,
    found: Moments<E, D>,
    /// Values a channel had.
    count: usize,
}

/// Share of the new statistics in the running ones.
const MOMENTUM: f64 = 0.1;

impl<E: Scalar, D: Backend<E>> Running<E, D> {
    /// running <- 0.9 running + 0.1 found; the variance counts unbiased.
    pub fn apply(&self) {
        let unbiased = if self.count > 1 { self.count as f64 / (self.count - 1) as f64 } else { 1.0 };
        let parts = [(&self.mean, &self.found.mean, 1.0), (&self.variance, &self.found.variance, unbiased)];
        for (running, found, factor) in parts {
            running.change(|running| op::blend(running, 1.0 - MOMENTUM, found, MOMENTUM * factor));
        }
    }
}

/// One forward pass: the tape it is recorded on, its mode, its chance, and what it leaves behind.
#[derive(Debug)]
pub struct Pass<E, D: Storage<E>, T> {
    /// Where operations record their backward functions.
    pub tape: T,
    mode: Mode,
    frozen: bool,
    chance: Stream,
    statistics: Vec<Running<E, D>>,
    watched: Option<Vec<(String, Map<E, D>)>>,
}

impl<E: Scalar, D: Backend<E>> Pass<E, D, NoneTape> {
    /// A pass in evaluation mode that records nothing.
    pub fn evaluation() -> Self {
        Self::new(Mode::Evaluation, 0, 0)
    }
}

impl<E: Scalar, D: Backend<E>, T: Tape<E, D>> Pass<E, D, T> {
    /// A pass whose chance is a function of `seed` and `step`.
    pub fn new(mode: Mode, seed: u64, step: u64) -> Self {
        let chance = Stream::new(&format!("pass {step}"), seed);
        Self { tape: T::default(), mode, frozen: false, chance, statistics: Vec::new(), watched: None }
    }

    /// In training, too, batch normalisations go by their running statistics if `frozen`.
    #[must_use]
    pub fn with_norms(self, frozen: bool) -> Self {
        Self { frozen, ..self }
    }

    /// Keeps the maps named by [`Pass::note`].
    #[must_use]
    pub fn watching(mut self) -> Self {
        self.watched = Some(Vec::new());
        self
    }

    /// How the network is run.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether batch normalisations go by the statistics of the batch.
    pub(super) fn by_batch(&self) -> bool {
        self.mode == Mode::Training && !self.frozen
    }

    /// Keeps `map` under `name` if the pass is watched.
    pub fn note(&mut self, name: &str, map: &Map<E, D>) {
        if let Some(watched) = &mut self.watched {
            watched.push((name.to_owned(), map.clone()));
        }
    }

    /// The maps kept, in the order of the pass.
    pub fn watched(&self) -> &[(String, Map<E, D>)] {
        self.watched.as_deref().unwrap_or_default()
    }

    /// Takes the statistics of all batch normalisations of this pass.
    pub fn take_statistics(&mut self) -> Vec<Running<E, D>> {
        std::mem::take(&mut self.statistics)
    }

    pub(super) fn leave_statistics(
        &mut self,
        mean: &Parameter<(usize,), E, D>,
        variance: &Parameter<(usize,), E, D>,
        found: Moments<E, D>,
        count: usize,
    ) {
        self.statistics.push(Running { mean: mean.clone(), variance: variance.clone(), found, count });
    }

    /// A residual branch under stochastic depth: in training it is dropped for a sample with probability `rate`, else divided by
    /// `1 - rate`.
    pub fn drop_path(&mut self, branch: Map<E, D>, rate: f64) -> Map<E, D> {
        let (b, c, _, _) = *branch.shape();
        self.drop(branch, rate, b, c)
    }

    /// Drops whole channels of a sample in the same way.
    pub fn drop_channels(&mut self, map: Map<E, D>, rate: f64) -> Map<E, D> {
        let (b, c, _, _) = *map.shape();
        self.drop(map, rate, b * c, 1)
    }

    /// `draws` draws, each for `planes` planes in a row.
    fn drop(&mut self, map: Map<E, D>, rate: f64, draws: usize, planes: usize) -> Map<E, D> {
        if self.mode == Mode::Evaluation || rate <= 0.0 {
            return map;
        }
        let mut factors = Vec::with_capacity(draws * planes);
        for _ in 0..draws {
            let factor = if self.chance.uniform() < rate { 0.0 } else { 1.0 / (1.0 - rate) };
            factors.resize(factors.len() + planes, E::of(factor));
        }
        let (b, c, _, _) = *map.shape();
        let factors = map.device().tensor_from_vec(factors, (b, c));
        op::scale_planes(&mut self.tape, &map, &factors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::tensor::{Cpu, OnesTensor};

    fn dropped(seed: u64, step: u64) -> Vec<f32> {
        let ones: Map<f32, Cpu> = Cpu::default().ones_like(&(400, 3, 1, 1));
        let mut pass: Pass<f32, Cpu, NoneTape> = Pass::new(Mode::Training, seed, step);
        let first = pass.drop_path(ones.clone(), 0.25).as_vec();
        assert_ne!(pass.drop_path(ones, 0.25).as_vec(), first, "every branch draws for itself");
        first
    }

    #[test]
    fn stochastic_depth_drops_whole_samples_and_keeps_the_mean() {
        let values = dropped(1, 3);
        for sample in values.chunks(3) {
            assert!(sample == [0.0; 3] || sample == [1.0 / 0.75; 3], "{sample:?}");
        }
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        assert!((mean - 1.0).abs() < 0.1, "mean {mean}");
        assert_eq!(values, dropped(1, 3));
        assert_ne!(values, dropped(2, 3));
        assert_ne!(values, dropped(1, 4));
    }

    #[test]
    fn nothing_is_dropped_in_evaluation() {
        let ones: Map<f32, Cpu> = Cpu::default().ones_like(&(4, 3, 2, 2));
        let mut pass = Pass::evaluation();
        assert_eq!(pass.drop_channels(ones, 0.9).as_vec(), vec![1.0; 48]);
    }
}
