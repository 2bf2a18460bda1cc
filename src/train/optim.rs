//! AdamW with parameter groups, gradient clipping and moments that can be saved (dss.md section 9).

use std::collections::BTreeMap;

use dfdx::tensor::{Gradients, Storage};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::nn::{Entry, Role, Store};
use super::op::{self, Backend, Scalar};

/// The numbers of the optimiser; [`AdamWConfig::default`] has those of dss.md section 9.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWConfig {
    /// Learning rate of the encoder.
    pub lr_encoder: f64,
    /// Learning rate of everything else.
    pub lr: f64,
    /// Decay of weights, not of biases, norms and bias tables.
    pub weight_decay: f64,
    /// Decay of the two moments.
    pub betas: (f64, f64),
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Largest norm of all gradients together.
    pub clip: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self { lr_encoder: 4e-5, lr: 2e-4, weight_decay: 1e-2, betas: (0.9, 0.999), eps: 1e-8, clip: 1.0 }
    }
}

/// The gradients of a step, by parameter name.
pub type ByName<E> = BTreeMap<String, Vec<E>>;

/// The gradients of all parameters of `store`.
pub fn gradients<E: Scalar, D: Backend<E>>(store: &Store<E, D>, found: &mut Gradients<E, D>) -> ByName<E> {
    store.parameters().map(|entry| (entry.name.clone(), op::gradient(found, &entry.tensor()))).collect()
}

/// Adds `part` times `share` to `sum`, for gradients that are gathered over several batches.
pub fn accumulate<E: Scalar>(sum: &mut ByName<E>, part: ByName<E>, share: f64) {
    for (name, values) in part {
        let sum = sum.entry(name).or_insert_with(|| vec![E::default(); values.len()]);
        sum.iter_mut().zip(values).for_each(|(s, v)| *s += E::of(share) * v);
    }
}

/// The L2 norm of all gradients together.
pub fn norm<E: Scalar>(gradients: &ByName<E>) -> f64 {
    gradients.values().map(|g| g.iter().map(|v| v.f64() * v.f64()).sum::<f64>()).sum::<f64>().sqrt()
}

/// First and second moment of a parameter's gradient.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moments {
    /// Running mean of the gradient.
    pub m: Vec<f32>,
    /// Running mean of its square.
    pub v: Vec<f32>,
}

/// The optimiser and its state.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW {
    config: AdamWConfig,
    moments: BTreeMap<String, Moments>,
    step: u64,
}

/// Moments that do not belong to a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the moments of `{name}` have {found} values, the parameter has {expected}")]
pub struct MomentsError {
    name: String,
    found: usize,
    expected: usize,
}

impl AdamW {
    /// A fresh optimiser.
    pub fn new(config: AdamWConfig) -> Self {
        Self { config, moments: BTreeMap::new(), step: 0 }
    }

    /// An optimiser that goes on after `step` finished steps.
    ///
    /// # Errors
    ///
    /// No moments at all, moments of unknown parameters or of another size. Parameters that no gradient has reached have none.
    pub fn resume<E: Scalar, D: Backend<E>>(
        config: AdamWConfig,
        step: u64,
        moments: BTreeMap<String, Moments>,
        store: &Store<E, D>,
    ) -> Result<Self, MomentsError> {
        let expected: BTreeMap<&str, usize> = store.parameters().map(|e| (e.name.as_str(), e.len())).collect();
        let size = |name: &str| moments.get(name).map_or(0, |m| m.m.len().min(m.v.len()));
        let missing = expected.keys().copied().take(usize::from(step > 0 && moments.is_empty()));
        for name in missing.chain(moments.keys().map(String::as_str)) {
            let (found, expected) = (size(name), expected.get(name).copied().unwrap_or(0));
            if found != expected {
                return Err(MomentsError { name: name.to_owned(), found, expected });
            }
        }
        Ok(Self { config, moments, step })
    }

    /// Finished steps.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The moments, by parameter name.
    pub fn moments(&self) -> &BTreeMap<String, Moments> {
        &self.moments
    }

    /// Clips `gradients` and updates the parameters of `store`, with the learning rates times `factor`. Returns the norm of the
    /// gradients before clipping.
    pub fn update<E: Scalar, D: Backend<E>>(&mut self, store: &Store<E, D>, gradients: &ByName<E>, factor: f64) -> f64 {
        let norm = norm(gradients);
        let share = (self.config.clip / (norm + 1e-6)).min(1.0);
        self.step += 1;
        for entry in store.parameters() {
            if let Some(gradient) = gradients.get(&entry.name) {
                self.update_one(entry, gradient, share, factor);
            }
        }
        norm
    }

    fn update_one<E: Scalar, D: Backend<E> + Storage<E>>(
        &mut self,
        entry: &Entry<E, D>,
        gradient: &[E],
        share: f64,
        factor: f64,
    ) {
        let config = self.config;
        let first = if entry.name.starts_with("encoder.") { config.lr_encoder } else { config.lr };
        let decay = if entry.role == (Role::Parameter { decay: true }) { config.weight_decay } else { 0.0 };
        let (lr, (b1, b2)) = ((first * factor) as f32, (config.betas.0, config.betas.1));
        let keep = (1.0 - first * factor * decay) as f32;
        let power = i32::try_from(self.step).unwrap_or(i32::MAX);
        let (correct_m, correct_v) = ((1.0 - b1.powi(power)) as f32, (1.0 - b2.powi(power)).sqrt() as f32);
        let (share, eps) = (share as f32, config.eps as f32);
        let (b1, b2, rest1, rest2) = (b1 as f32, b2 as f32, (1.0 - b1) as f32, (1.0 - b2) as f32);
        let zeros = || Moments { m: vec![0.0; entry.len()], v: vec![0.0; entry.len()] };
        let Moments { m, v } = self.moments.entry(entry.name.clone()).or_insert_with(zeros);
        entry.update(|values| {
            const CHUNK: usize = 1 << 14;
            let moments = m.par_chunks_mut(CHUNK).zip(v.par_chunks_mut(CHUNK));
            let chunks = values.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).zip(moments);
            chunks.for_each(|((values, gradient), (m, v))| {
                for (((p, g), m), v) in values.iter_mut().zip(gradient).zip(m).zip(v) {
                    let g = share * g.f64() as f32;
                    *m = b1 * *m + rest1 * g;
                    *v = b2 * *v + rest2 * g * g;
                    let step = lr * (*m / correct_m) / (v.sqrt() / correct_v + eps);
                    *p = E::of(f64::from(keep * p.f64() as f32 - step));
                }
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::nn::Init;
    use dfdx::tensor::Cpu;

    fn store() -> Store<f32, Cpu> {
        let mut store = Store::new(Cpu::default(), 0);
        store.builder().at("encoder").parameter("bias", (2,), Init::Constant(1.0));
        store.builder().at("head").parameter("weight", (1, 2), Init::Constant(-2.0));
        store
    }

    /// The rule of dss.md section 9 in f64, one value.
    fn by_hand(mut p: f64, gradients: &[f64], lr: f64, decay: f64) -> f64 {
        let (mut m, mut v) = (0.0, 0.0);
        for (t, g) in gradients.iter().enumerate() {
            let power = t as i32 + 1;
            p -= lr * decay * p;
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            p -= lr * (m / (1.0 - 0.9f64.powi(power))) / (v.sqrt() / (1.0 - 0.999f64.powi(power)).sqrt() + 1e-8);
        }
        p
    }

    fn given(a: f32, b: f32) -> ByName<f32> {
        BTreeMap::from([("encoder.bias".to_owned(), vec![a, 0.0]), ("head.weight".to_owned(), vec![b, 0.1])])
    }

    #[test]
    fn groups_have_their_own_rate_and_decay() {
        let store = store();
        let config = AdamWConfig { lr_encoder: 0.01, lr: 0.1, weight_decay: 0.5, ..AdamWConfig::default() };
        let mut optimiser = AdamW::new(config);
        for (a, b) in [(0.3, -0.2), (0.1, 0.4), (-0.2, 0.1)] {
            optimiser.update(&store, &given(a, b), 1.0);
        }
        let entries = store.by_name();
        let expected = by_hand(1.0, &[0.3, 0.1, -0.2], 0.01, 0.0);
        assert!((f64::from(entries["encoder.bias"].values()[0]) - expected).abs() < 1e-6);
        let expected = by_hand(-2.0, &[-0.2, 0.4, 0.1], 0.1, 0.5);
        assert!((f64::from(entries["head.weight"].values()[0]) - expected).abs() < 1e-5);
    }

    #[test]
    fn large_gradients_are_clipped_together() {
        let (a, b) = (store(), store());
        let big = given(30.0, -40.0);
        let length = norm(&big);
        let returned = AdamW::new(AdamWConfig::default()).update(&a, &big, 1.0);
        assert_eq!(returned, length);
        let mut small = ByName::new();
        accumulate(&mut small, big, 1.0 / (length + 1e-6));
        AdamW::new(AdamWConfig { clip: f64::INFINITY, ..AdamWConfig::default() }).update(&b, &small, 1.0);
        for (a, b) in a.entries().iter().zip(b.entries()) {
            assert!(a.values().iter().zip(b.values()).all(|(a, b)| (a - b).abs() < 1e-7));
        }
    }

    #[test]
    fn moments_of_another_network_are_refused() {
        let store = store();
        let mut optimiser = AdamW::new(AdamWConfig::default());
        optimiser.update(&store, &given(0.1, 0.1), 1.0);
        let mut moments = optimiser.moments().clone();
        assert!(AdamW::resume(AdamWConfig::default(), 1, moments.clone(), &store).is_ok_and(|o| o == optimiser));
        moments.insert("x".into(), Moments { m: vec![0.0], v: vec![0.0] });
        let error = AdamW::resume(AdamWConfig::default(), 1, moments, &store).unwrap_err();
        assert!(error.to_string().contains("`x` have 1 values, the parameter has 0"), "{error}");
        assert!(AdamW::resume(AdamWConfig::default(), 1, BTreeMap::new(), &store).is_err());
    }
}
