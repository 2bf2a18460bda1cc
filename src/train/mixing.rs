//! Mixes while training: every sample of a batch may become the background of a mix (mixes.md).

use std::collections::BTreeMap;

use super::data::Data;
use crate::label::LabelSpace;
use crate::mix::{Domain, Draws, Method, Parameters, PartnerRule, Partners, Purpose, Side};
use crate::sample::{Entry, Sample};
use crate::shard::Spec;

/// Methods, each with the share of the samples it is applied to; together at most 1.
pub type MixShares = BTreeMap<Method, f64>;

/// The share of a method for which none is named (dss.md section 9, mixes.md section 4).
pub fn usual_share(method: Method) -> f64 {
    if method.usual_probability() < 1.0 { method.usual_probability() } else { 0.5 }
}

/// Mixes that cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MixError {
    /// A share that is none, or shares above 1 together.
    #[error("mix: the shares are probabilities and at most 1 together; found {found}")]
    Shares {
        /// All of them.
        found: String,
    },
    /// A method that needs class ids, and no set has any.
    #[error("mix: {method} needs class ids, and the sets have none; convert them with labels, or take another method")]
    NoLabels {
        /// The method.
        method: Method,
    },
    /// A method that needs a second sample, and there is none.
    #[error("mix: {method} needs two samples, and the sets hold one")]
    NoPartner {
        /// The method.
        method: Method,
    },
}

/// The mix that is planned for a sample, known before anything is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// The method.
    pub method: Method,
    /// Index of the other sample.
    pub partner: Option<usize>,
}

/// Draws and makes mixes: pure functions of the seed, the position of a sample in the run and the samples.
#[derive(Debug, Clone)]
pub struct Mixing {
    shares: MixShares,
    seed: u64,
    partners: Partners,
    /// Parameters of the rooms and of the roads.
    parameters: [Parameters; 2],
    /// Which of them belongs to each sample.
    domains: Vec<Domain>,
}

impl Mixing {
    /// Mixes of the samples of `data`, with the defaults of mixes.md for rooms or roads.
    ///
    /// # Errors
    ///
    /// Shares that are no probabilities; methods the samples cannot serve.
    pub fn new(shares: &MixShares, seed: u64, data: &Data) -> Result<Self, MixError> {
        let total: f64 = shares.values().sum();
        if shares.values().any(|p| !(0.0..=1.0).contains(p)) || total > 1.0 + 1e-9 {
            let all: Vec<String> = shares.iter().map(|(method, p)| format!("{method}={p}")).collect();
            return Err(MixError::Shares { found: all.join(",") });
        }
        let used = || shares.iter().filter(|(_, p)| **p > 0.0).map(|(method, _)| *method);
        if let Some(method) = used().find(|m| m.needs_labels() && !data.labelled()) {
            return Err(MixError::NoLabels { method });
        }
        if let Some(method) = used().find(|m| m.needs_partner() && data.len() < 2) {
            return Err(MixError::NoPartner { method });
        }
        // A mix has labels only where both samples have: those without keep to themselves. Pictures of another size are of another
        // camera (mixes.md section 1).
        let group = |spec: &Spec| {
            format!("{} {} {}", spec.dataset, spec.size, if spec.label_space.is_some() { "with" } else { "without" })
        };
        let all: Vec<(String, &Entry)> = data.entries().map(|(set, entry)| (group(set.spec()), entry)).collect();
        let grouped: Vec<(&str, &Entry)> = all.iter().map(|(group, entry)| (group.as_str(), *entry)).collect();
        Ok(Self {
            shares: shares.clone(),
            seed,
            partners: Partners::new(&grouped, PartnerRule::default()),
            parameters: [Parameters::of(Domain::Indoor), Parameters::of(Domain::Road)],
            domains: data.entries().map(|(set, _)| Domain::of(&set.spec().dataset)).collect(),
        })
    }

    /// What happens to sample `index` at `position` of the run; none when it stays as it is.
    pub fn plan(&self, position: u64, index: usize) -> Option<Planned> {
        let mut at = self.draws("method", position, Purpose::Method).unit();
        let method = self.shares.iter().find_map(|(method, share)| {
            at -= share;
            (at < 0.0).then_some(*method)
        })?;
        if !method.needs_partner() {
            return Some(Planned { method, partner: None });
        }
        let partner = self.partners.draw(index, &mut self.draws(method.name(), position, Purpose::Pair))?;
        Some(Planned { method, partner: Some(partner) })
    }

    /// Makes the mix of sample `index` with its partner, both already on the grid of the network. Whether it was made: a draw that
    /// cannot be used leaves the sample as it is.
    pub fn mix(
        &self,
        planned: Planned,
        position: u64,
        index: usize,
        sample: Sample,
        partner: Option<Sample>,
    ) -> (Sample, bool) {
        let parameters = match self.domains.get(index) {
            Some(Domain::Road) => &self.parameters[1],
            _ => &self.parameters[0],
        };
        let sky = LabelSpace::Ade20k150.id_of("sky");
        let side = Side::new(&sample, sky);
        let other = partner.as_ref().map_or(side, |partner| Side::new(partner, sky));
        let mut draws = self.draws(planned.method.name(), position, Purpose::Mix);
        match parameters.draw(planned.method, other, side, &mut draws) {
            // Both lie on one grid, so that the edit fits.
            Ok((_, edit)) => match edit.apply(partner, sample.clone()) {
                Ok(mixed) => (mixed, true),
                Err(_) => (sample, false),
            },
            Err(_) => (sample, false),
        }
    }

    fn draws(&self, method: &str, position: u64, purpose: Purpose) -> Draws {
        Draws::new(self.seed, method, &format!("position {position}"), 0, purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// mixes.md 2.4, sections 3 and 4.
    #[test]
    fn half_of_the_samples_are_mixed_and_a_quarter_where_depth_is_pasted() {
        for method in Method::ALL {
            let expected = if matches!(method, Method::CutDepth | Method::VCutDepth) { 0.25 } else { 0.5 };
            assert_eq!(usual_share(method), expected, "{method}");
        }
    }
}
