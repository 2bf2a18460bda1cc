//! Learning rates over a run (dss.md section 9).

use serde::{Deserialize, Serialize};

/// Linear warm-up, then a polynomial fall to a tenth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Planned number of optimiser steps.
    pub steps: u64,
    /// Steps of the warm-up.
    pub warmup: u64,
}

/// Exponent of the fall.
const POWER: f64 = 0.9;
/// Share of the first learning rate that is left at the end.
const END: f64 = 0.1;

impl Schedule {
    /// The factor of the learning rates in step `step`, counted from 0: ((1 - END) (1 - t/T)^0.9 + END) min(1, (t + 1)/W).
    pub fn factor(&self, step: u64) -> f64 {
        let left = if step >= self.steps { 0.0 } else { 1.0 - step as f64 / self.steps as f64 };
        let rise = if self.warmup == 0 { 1.0 } else { ((step + 1) as f64 / self.warmup as f64).min(1.0) };
        ((1.0 - END) * left.powf(POWER) + END) * rise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_rises_falls_and_stays() {
        let schedule = Schedule { steps: 20, warmup: 2 };
        // nano.json, `steps`.
        for (step, expected) in [0.5, 0.9593968434593497, 0.918579318474666, 0.8775342750725372].into_iter().enumerate()
        {
            assert!((schedule.factor(step as u64) - expected).abs() < 1e-15);
        }
        assert_eq!(schedule.factor(20), 0.1);
        assert_eq!(schedule.factor(1000), 0.1);
        assert_eq!(Schedule { steps: 10, warmup: 0 }.factor(0), 1.0);
        assert_eq!(Schedule { steps: 0, warmup: 0 }.factor(0), 0.1);
    }
}
