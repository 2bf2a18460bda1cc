//! AdamW with parameter groups, gradient clipping and moments that can be saved (dss.md section 9).

use std::collections::BTreeMap;

use dfdx::tensor::Gradients;
use serde::{Deserialize, Serialize};

use super::nn::{Entry, Role, Store};
use super::op::{AdamStep, Row};

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
pub type ByName<R> = BTreeMap<String, R>;

/// The gradients of all parameters of `store`.
pub fn gradients<R: Row>(
    store: &Store<R::Number, R::Device>,
    found: &mut Gradients<R::Number, R::Device>,
) -> ByName<R> {
    store.parameters().map(|entry| (entry.name.clone(), R::gradient(found, &entry.tensor()))).collect()
}

/// Adds `part` times `share` to `sum`, for gradients that are gathered over several batches.
pub fn accumulate<R: Row>(sum: &mut ByName<R>, part: ByName<R>, share: f64) {
    for (name, part) in part {
        sum.entry(name).or_insert_with(|| part.zeros_like()).add(&part, share);
    }
}

/// The sum of the squares of each gradient, by parameter name.
pub fn squares<R: Row>(gradients: &ByName<R>) -> BTreeMap<String, f64> {
    gradients.keys().cloned().zip(R::squares(gradients.values())).collect()
}

/// The L2 norm of all gradients together.
pub fn norm<R: Row>(gradients: &ByName<R>) -> f64 {
    R::squares(gradients.values()).iter().sum::<f64>().sqrt()
}

/// First and second moment of a parameter's gradient.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moments<R> {
    /// Running mean of the gradient.
    pub m: R,
    /// Running mean of its square.
    pub v: R,
}

/// The optimiser and its state, in rows beside the parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW<R> {
    config: AdamWConfig,
    moments: BTreeMap<String, Moments<R>>,
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

impl<R: Row> AdamW<R> {
    /// A fresh optimiser.
    pub fn new(config: AdamWConfig) -> Self {
        Self { config, moments: BTreeMap::new(), step: 0 }
    }

    /// An optimiser that goes on after `step` finished steps.
    ///
    /// # Errors
    ///
    /// No moments at all, moments of unknown parameters or of another size. Parameters that no gradient has reached have none.
    pub fn resume(
        config: AdamWConfig,
        step: u64,
        moments: BTreeMap<String, Moments<Vec<f32>>>,
        store: &Store<R::Number, R::Device>,
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
        let row = |values| R::of(store.device(), values);
        let moments = moments.into_iter().map(|(name, Moments { m, v })| (name, Moments { m: row(m), v: row(v) }));
        Ok(Self { config, moments: moments.collect(), step })
    }

    /// Finished steps.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The moments, by parameter name.
    pub fn moments(&self) -> &BTreeMap<String, Moments<R>> {
        &self.moments
    }

    /// Clips `gradients` and updates the parameters of `store`, with the learning rates times `factor`. Returns the norm of the
    /// gradients before clipping.
    pub fn update(&mut self, store: &Store<R::Number, R::Device>, gradients: ByName<R>, factor: f64) -> f64 {
        let norm = norm(&gradients);
        self.update_by(store, gradients, norm, factor);
        norm
    }

    /// [`update`](Self::update) with a norm that is known: finding it waits for the device.
    pub fn update_by(&mut self, store: &Store<R::Number, R::Device>, mut gradients: ByName<R>, norm: f64, factor: f64) {
        let share = (self.config.clip / (norm + 1e-6)).min(1.0);
        self.step += 1;
        for entry in store.parameters() {
            if let Some(gradient) = gradients.get_mut(&entry.name) {
                let by = self.numbers(entry, share, factor);
                let zeros = || Moments { m: gradient.zeros_like(), v: gradient.zeros_like() };
                let Moments { m, v } = self.moments.entry(entry.name.clone()).or_insert_with(zeros);
                entry.change(|parameter| R::step(parameter, gradient, (m, v), &by));
            }
        }
    }

    /// The numbers of this step for one parameter.
    fn numbers(&self, entry: &Entry<R::Number, R::Device>, share: f64, factor: f64) -> AdamStep {
        let AdamWConfig { lr_encoder, lr, weight_decay, betas, eps, .. } = self.config;
        let lr = factor * if entry.name.starts_with("encoder.") { lr_encoder } else { lr };
        let decay = if entry.role == (Role::Parameter { decay: true }) { weight_decay } else { 0.0 };
        AdamStep { share, betas, step: self.step, eps, lr, decay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::model::{Config, Dss};
    use crate::train::nn::Init;
    use crate::train::op::Held;
    use crate::train::settings::Settings;
    use dfdx::tensor::Cpu;
    use dfdx::tensor_ops::Device;

    /// Where the rows of a device are tested.
    #[cfg(not(feature = "cuda"))]
    type Place = Cpu;
    #[cfg(feature = "cuda")]
    type Place = dfdx::tensor::Cuda;

    fn store<D: Device<f32> + Default>() -> Store<f32, D> {
        let mut store = Store::new(D::default(), 0);
        store.builder().at("encoder").parameter("bias", (2,), Init::Constant(1.0));
        store.builder().at("head").parameter("weight", (1, 2), Init::Constant(-2.0));
        store
    }

    /// The rule of dss.md section 9 in f64, one value, after clipping.
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

    fn given(a: f32, b: f32) -> ByName<Vec<f32>> {
        BTreeMap::from([("encoder.bias".to_owned(), vec![a, 0.0]), ("head.weight".to_owned(), vec![b, 0.1])])
    }

    #[test]
    fn groups_have_their_own_rate_and_decay() {
        let store = store();
        let config = AdamWConfig { lr_encoder: 0.01, lr: 0.1, weight_decay: 0.5, ..AdamWConfig::default() };
        let mut optimiser = AdamW::new(config);
        for (a, b) in [(0.3, -0.2), (0.1, 0.4), (-0.2, 0.1)] {
            optimiser.update(&store, given(a, b), 1.0);
        }
        let entries = store.by_name();
        let expected = by_hand(1.0, &[0.3, 0.1, -0.2], 0.01, 0.0);
        assert!((f64::from(entries["encoder.bias"].values()[0]) - expected).abs() < 1e-6);
        let expected = by_hand(-2.0, &[-0.2, 0.4, 0.1], 0.1, 0.5);
        assert!((f64::from(entries["head.weight"].values()[0]) - expected).abs() < 1e-5);
    }

    /// The first step of Adam is the same for gradients of any scale: clipping shows in the steps after it.
    #[test]
    fn large_gradients_are_clipped_together() {
        let store = store();
        let mut optimiser = AdamW::new(AdamWConfig { lr_encoder: 0.01, lr: 0.1, ..AdamWConfig::default() });
        let (mut of_bias, mut of_weight) = (Vec::new(), Vec::new());
        for (a, b) in [(30.0, -40.0), (-0.6, -0.5), (0.8, 3.0)] {
            let (a64, b64, c64) = (f64::from(a), f64::from(b), f64::from(0.1f32));
            let length = (a64 * a64 + b64 * b64 + c64 * c64).sqrt();
            let found = optimiser.update(&store, given(a, b), 1.0);
            assert!((found - length).abs() < 1e-6 * length, "the norm before clipping: {found}, not {length}");
            let share = (1.0 / (length + 1e-6)).min(1.0);
            of_bias.push(share * a64);
            of_weight.push([share * b64, share * c64]);
        }
        let entries = store.by_name();
        let found = f64::from(entries["encoder.bias"].values()[0]);
        assert!((found - by_hand(1.0, &of_bias, 0.01, 0.0)).abs() < 1e-6, "{found}");
        for (i, found) in entries["head.weight"].values().into_iter().enumerate() {
            let gradients: Vec<f64> = of_weight.iter().map(|g| g[i]).collect();
            let expected = by_hand(-2.0, &gradients, 0.1, 1e-2);
            assert!((f64::from(found) - expected).abs() < 2e-6, "{i}: {found}, not {expected}");
        }
    }

    #[test]
    fn the_usual_numbers_are_those_of_the_specification() {
        let (lr_encoder, lr, betas) = (4e-5, 2e-4, (0.9, 0.999));
        let expected = AdamWConfig { lr_encoder, lr, weight_decay: 1e-2, betas, eps: 1e-8, clip: 1.0 };
        assert_eq!(AdamWConfig::default(), expected);
        assert_eq!(Settings::default().optimiser, expected);
    }

    /// Gradients of zero leave decay alone at work.
    #[test]
    fn weights_decay_but_neither_norms_nor_biases_nor_bias_tables() {
        let config = Config::named("dss-nano").unwrap().for_size((32, 64));
        let network: Dss<f32, Cpu> = Dss::new(Cpu::default(), config, 1).unwrap();
        let parameters = || network.store().parameters();
        parameters().for_each(|entry| entry.update(|values| values.fill(1.0)));
        let zeros = parameters().map(|entry| (entry.name.clone(), vec![0.0; entry.len()])).collect();
        let mut optimiser = AdamW::new(AdamWConfig { lr_encoder: 0.1, lr: 0.2, ..AdamWConfig::default() });
        optimiser.update(network.store(), zeros, 0.5);
        let (mut tables, mut decayed) = (0, 0);
        for entry in parameters() {
            let is_table = entry.name.ends_with("relative_position_bias_table");
            let stays = entry.shape.len() < 2 || entry.name.ends_with(".bias") || is_table;
            let lr = if entry.name.starts_with("encoder.") { 0.05 } else { 0.1 };
            let expected = if stays { 1.0 } else { 1.0 - lr * 1e-2 };
            let differs = |v: &f32| (f64::from(*v) - expected).abs() > 1e-7;
            assert!(!entry.values().iter().any(differs), "{}: {}", entry.name, entry.values()[0]);
            (tables, decayed) = (tables + usize::from(is_table), decayed + usize::from(!stays));
        }
        // parameters.md section 2: two tables in each of 5 blocks, one in each of 4 layers.
        assert!(tables == 10 + 4 && decayed > 100, "{tables} tables, {decayed} weights");
    }

    #[test]
    fn moments_of_another_network_are_refused() {
        let store = store();
        let mut optimiser = AdamW::new(AdamWConfig::default());
        optimiser.update(&store, given(0.1, 0.1), 1.0);
        let mut moments = optimiser.moments().clone();
        let resume = |moments| AdamW::<Vec<f32>>::resume(AdamWConfig::default(), 1, moments, &store);
        assert!(resume(moments.clone()).is_ok_and(|o| o == optimiser));
        moments.insert("x".into(), Moments { m: vec![0.0], v: vec![0.0] });
        let error = resume(moments).unwrap_err();
        assert!(error.to_string().contains("`x` have 1 values, the parameter has 0"), "{error}");
        assert!(resume(BTreeMap::new()).is_err());
    }

    /// All numbers of steps of two batches each, with and without clipping; the moments are saved and resumed between them.
    fn trace<R: Row<Number = f32, Device: Default>>() -> Vec<f64> {
        let store: Store<f32, R::Device> = store();
        let config = AdamWConfig { lr_encoder: 0.01, lr: 0.1, weight_decay: 0.5, ..AdamWConfig::default() };
        let rows = |a, b| -> ByName<R> {
            given(a, b).into_iter().map(|(name, values)| (name, R::of(store.device(), values))).collect()
        };
        let (mut optimiser, mut trace) = (AdamW::new(config), Vec::new());
        for (a, b, factor) in [(0.3, -0.2, 0.5), (30.0, 40.0, 1.0), (-0.02, 0.0, 0.9), (0.0, 0.01, 0.1)] {
            let mut sum = ByName::new();
            accumulate(&mut sum, rows(a, b), 0.25);
            accumulate(&mut sum, rows(b, a), 0.75);
            trace.extend(squares(&sum).into_values());
            trace.push(optimiser.update(&store, sum, factor));
            let saved = |m: &Moments<R>| Moments { m: m.m.values(), v: m.v.values() };
            let moments: BTreeMap<_, _> = optimiser.moments().iter().map(|(n, m)| (n.clone(), saved(m))).collect();
            trace.extend(moments.values().flat_map(|m| m.m.iter().chain(&m.v)).copied().map(f64::from));
            trace.extend(store.parameters().flat_map(Entry::values).map(f64::from));
            optimiser = AdamW::resume(config, optimiser.step(), moments, &store).unwrap();
        }
        trace
    }

    #[test]
    fn both_kinds_of_rows_take_the_same_steps() {
        let (vectors, held) = (trace::<Vec<f32>>(), trace::<Held<f32, Place>>());
        assert_eq!((vectors.len(), held.len()), (4 * (2 + 1 + 8 + 4), vectors.len()));
        for (i, (a, b)) in vectors.iter().zip(&held).enumerate() {
            // dfdx takes 1 - 0.999 in f32, which is 1.3e-5 from 0.001; the correction at the start has the same factor.
            assert!((a - b).abs() <= 2e-5 * a.abs(), "number {i}: {a} and {b}");
        }
    }
}
