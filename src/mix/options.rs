use serde::{Deserialize, Serialize};

use super::draws::{Draws, Purpose};
use super::method::Method;
use super::parameters::Parameters;
use super::partner::PartnerRule;

/// Which mixes to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Methods with their weights; one is drawn for every copy of every sample.
    pub methods: Vec<(Method, f64)>,
    /// Decides everything that is drawn.
    pub seed: u64,
    /// Mixed samples for every sample.
    pub copies: u32,
    /// Probability that a copy is mixed; each method's own when absent.
    pub probability: Option<f64>,
    /// Also make every pair with its roles exchanged.
    pub both_orders: bool,
    /// Who may be a partner.
    pub partners: PartnerRule,
    /// Of the methods.
    pub parameters: Parameters,
}

impl Options {
    /// One copy of every sample with one method.
    #[must_use]
    pub fn new(method: Method, parameters: Parameters) -> Self {
        Self {
            methods: vec![(method, 1.0)],
            seed: 0,
            copies: 1,
            probability: None,
            both_orders: false,
            partners: PartnerRule::default(),
            parameters,
        }
    }

    /// Whether one of the methods says so.
    pub(super) fn any(&self, says: fn(Method) -> bool) -> Option<Method> {
        self.methods.iter().map(|&(method, _)| method).find(|&method| says(method))
    }

    /// # Errors
    /// In words: what is out of range, what was expected and what was found.
    pub fn check(&self) -> Result<(), String> {
        if self.methods.is_empty() || self.copies == 0 {
            return Err("nothing to make: expected a method and at least one copy".into());
        }
        for (i, &(method, weight)) in self.methods.iter().enumerate() {
            if !(weight > 0.0 && weight.is_finite()) {
                return Err(format!("weight of {method}: expected a number above 0, found {weight}"));
            }
            if self.methods[..i].iter().any(|&(other, _)| other == method) {
                return Err(format!("{method} is named twice"));
            }
        }
        if let Some(p) = self.probability.filter(|p| !(0.0..=1.0).contains(p)) {
            return Err(format!("--p: expected a number from 0 to 1, found {p}"));
        }
        self.parameters.check()
    }

    /// The method of a copy.
    pub(super) fn method_of(&self, key: &str, copy: u32) -> Option<Method> {
        let total: f64 = self.methods.iter().map(|&(_, weight)| weight).sum();
        let mut at = match self.methods.as_slice() {
            [_] => 0.0,
            _ => total * Draws::new(self.seed, "method", key, copy, Purpose::Method).unit(),
        };
        let chosen = self.methods.iter().find(|&&(_, weight)| {
            at -= weight;
            at < 0.0
        });
        chosen.or(self.methods.last()).map(|&(method, _)| method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::{Domain, Parameters};

    #[test]
    fn methods_are_drawn_by_their_weights() {
        let methods = Method::ALL.iter().enumerate().map(|(i, &m)| (m, 1.0 + (i % 2) as f64)).collect();
        let options = Options { methods, ..Options::new(Method::CutMix, Parameters::of(Domain::Indoor)) };
        let drawn: Vec<Method> = (0..10_000).filter_map(|copy| options.method_of("000", copy)).collect();
        for (i, method) in Method::ALL.iter().enumerate() {
            let n = drawn.iter().filter(|&m| m == method).count();
            assert!(n.abs_diff(1000 * (1 + i % 2)) < 130, "{method}: {n}");
        }
    }

    #[test]
    fn options_that_make_no_sense_are_told() {
        let told = |change: fn(&mut Options)| {
            let mut options = Options::new(Method::CutMix, Parameters::of(Domain::Road));
            change(&mut options);
            options.check().unwrap_err()
        };
        assert!(told(|o| o.probability = Some(1.5)).contains("--p"));
        assert!(told(|o| o.copies = 0).contains("copy"));
        assert!(told(|o| o.methods[0].1 = -1.0).contains("weight of cutmix"));
        assert!(told(|o| o.methods.push((Method::CutMix, 1.0))).contains("twice"));
    }
}
