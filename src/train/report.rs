//! What is told of every step.

use serde::{Deserialize, Serialize};

/// What one step did; a line of `log.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The step, from 0.
    pub step: u64,
    /// Factor of the learning rates.
    pub lr_factor: f64,
    /// Depth loss before the update.
    pub depth: Option<f64>,
    /// Semantic loss before the update.
    pub semantics: Option<f64>,
    /// Their weighted sum.
    pub total: f64,
    /// Norm of all gradients before clipping.
    pub grad_norm: f64,
    /// Samples that were mixed with another or with themselves.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mixed: usize,
    /// Samples that could not be read, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
}

impl StepReport {
    /// Whether the step could be learned from.
    pub fn is_finite(&self) -> bool {
        self.total.is_finite() && self.grad_norm.is_finite()
    }
}

/// How fast a run is, since it began or was continued.
#[derive(Debug, Clone, Copy)]
pub struct Speed {
    /// Seconds so far.
    pub seconds: f64,
    /// Steps so far.
    pub steps: u64,
    /// Seconds in which the step waited for data.
    pub waited: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}
