//! The networks, their operations and the trainer: the only place that sees the tensor engine (dfdx).
//!
//! [`op`] holds differentiable operations the engine lacks, [`nn`] layers with parameters made of them, [`model`] the networks.

pub mod model;
pub mod nn;
pub mod op;
